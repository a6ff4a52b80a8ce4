//! Flags of `mtdh rm`.

use super::*;

#[derive(Args, Debug)]
pub struct RmArgs {
    /// First day, or a month: 2024-03-01, 2024-03, yesterday or today; UTC
    #[arg(long, value_name = "DAY", required_unless_present = "runs", value_parser = time::days)]
    pub start_date: Option<DayRange>,

    /// Last day or month, included [default: the first]
    #[arg(long, value_name = "DAY", requires = "start_date", value_parser = time::days)]
    pub end_date: Option<DayRange>,

    #[command(flatten)]
    pub filters: FilterArgs,

    /// Remove the instrument tables and reports of the days too
    #[arg(long, requires = "start_date", conflicts_with_all = ["venues", "instrument_types", "data_types", "instruments",
        "universe", "max_instruments"])]
    pub tables: bool,

    /// Remove these runs: their summaries and plans
    #[arg(long, num_args = 1.., value_delimiter = ',', value_name = "RUN")]
    pub runs: Vec<String>,

    /// Do it; else it is only shown
    #[arg(long)]
    pub yes: bool,

    /// Take the sets that want it out of lake.toml
    #[arg(long)]
    pub and_unwant: bool,

    /// Remove also what a certificate of the lake names
    #[arg(long)]
    pub break_certificates: bool,

    /// Forget that it was ever asked for
    #[arg(long)]
    pub forget: bool,
}
