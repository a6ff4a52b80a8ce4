//! Flags of `mtdh want` and `mtdh sync`.

use super::*;

#[derive(Debug, Subcommand)]
pub enum WantCommand {
    /// Add a set
    Add(Box<WantAddArgs>),
    /// List the sets
    List,
    /// Print a set as it is written
    Show {
        /// Its name
        name: String,
    },
    /// Take out a set; what the lake has of it stays
    Remove {
        /// Its name
        name: String,
    },
}

#[derive(Args, Debug)]
pub struct WantAddArgs {
    /// Name of the set: letters, digits, - and _
    pub name: String,

    /// First day, or a month: 2024-03-01, 2024-03, yesterday or today; UTC
    #[arg(long, value_name = "DAY", required = true, value_parser = time::days)]
    pub start_date: Option<DayRange>,

    /// Last day or month, included [default: every day that has ended]
    #[arg(long, value_name = "DAY", value_parser = time::days)]
    pub end_date: Option<DayRange>,

    #[command(flatten)]
    pub filters: FilterArgs,

    /// Candles of these timeframes: any that divide a day [default: none]
    #[arg(long, num_args = 1.., value_delimiter = ',', value_name = "LENGTH")]
    pub timeframes: Vec<Timeframe>,

    /// Groups of checks, or none [default: all]
    #[arg(long, num_args = 1.., value_delimiter = ',', value_name = "GROUP", value_parser = parse_checks)]
    pub checks: Vec<Groups>,

    /// Set a parameter of a check, for example silence.factor=10
    #[arg(long, num_args = 1.., value_name = "CHECK.PARAMETER=NUMBER", value_parser = parse_setting)]
    pub set: Vec<String>,

    /// Keep only so many of the newest days; sync removes older ones [default: all, for ever]
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=36_600))]
    pub keep: Option<u32>,

    /// Hours after the end of a UTC day in which a missing export is no fault
    #[arg(long, value_name = "HOURS", default_value_t = mtdh_core::want::EXPORT_GRACE_HOURS,
        value_parser = clap::value_parser!(u32).range(0..=878_400))]
    pub export_grace: u32,
}

fn parse_checks(text: &str) -> Result<Groups, mtdh_core::check::UnknownGroup> {
    if text.eq_ignore_ascii_case("none") { Ok(Groups::from([])) } else { check::parse_groups(text) }
}

#[derive(Args, Debug)]
pub struct SyncArgs {
    /// Show what lacks, and fetch and change nothing but instrument tables
    #[arg(long)]
    pub dry_run: bool,

    /// Wait while another sync of this lake is running [default: end with status 75]
    #[arg(long, conflicts_with = "dry_run")]
    pub wait: bool,

    /// Remove all that sets no longer keep, not only a twentieth of a set
    #[arg(long, conflicts_with = "dry_run")]
    pub yes: bool,

    /// Remove what sets no longer keep also where a certificate names it, so that others cannot compare any more
    #[arg(long, conflicts_with = "dry_run")]
    pub break_certificates: bool,

    /// Files downloaded at the same time
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = at_least_one)]
    pub max_workers: usize,

    /// Write a report, in the format of its ending: .json or .html
    #[arg(long, num_args = 1.., value_name = "FILE", conflicts_with = "dry_run")]
    pub report: Vec<PathBuf>,

    #[command(flatten)]
    pub metrics: MetricsArgs,
}
