//! Flags of `mtdh publish`.

use super::*;

#[derive(Debug, Subcommand)]
pub enum PublishCommand {
    /// Iceberg tables over the lake's files, which stay as and where they are
    Iceberg(IcebergArgs),
    /// The statements that load days into BigQuery; each may run again
    Bigquery(BigqueryArgs),
}

#[derive(Args, Debug)]
pub struct IcebergArgs {
    /// First day, or a month: 2024-03-01, 2024-03, yesterday or today; UTC [default: every day of the lake]
    #[arg(long, value_name = "DAY", value_parser = time::days)]
    pub start_date: Option<DayRange>,

    /// Last day or month, included [default: the first]
    #[arg(long, value_name = "DAY", requires = "start_date", value_parser = time::days)]
    pub end_date: Option<DayRange>,

    #[command(flatten)]
    pub filters: FilterArgs,

    /// Timeframes of candles, a table each [default: those that the lake has, if no data type is named]
    #[arg(long, num_args = 1.., value_delimiter = ',', value_name = "LENGTH")]
    pub timeframes: Vec<Timeframe>,

    /// Read every byte of the chosen objects and prove it first; programs that read the tables do not check
    #[arg(long)]
    pub verify: bool,
}
