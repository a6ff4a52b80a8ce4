//! Flags of checks.

use super::*;

#[derive(Args, Debug)]
pub struct CheckArgs {
    /// What to look for: completeness, timestamp, gaps, book, or all; docs/checks.md has every check
    #[arg(value_name = "GROUP", required = true, num_args = 1.., value_parser = parse_groups)]
    pub groups: Vec<Groups>,

    /// First day, YYYY-MM-DD, UTC
    #[arg(long, value_name = "DAY", required_unless_present = "data_file")]
    pub start_date: Option<Day>,

    /// Last day, included [default: the first]
    #[arg(long, value_name = "DAY")]
    pub end_date: Option<Day>,

    #[command(flatten)]
    pub filters: FilterArgs,

    /// Files instead of a lake: Parquet, or the vendor's .csv or .csv.gz; those of one instrument and day are checked
    /// together
    #[arg(long, num_args = 1.., value_name = "FILE", conflicts_with_all = ["start_date", "end_date"])]
    pub data_file: Vec<PathBuf>,

    /// A report to write; its ending says the form: .json, .csv, .xml (JUnit), .md or .html
    #[arg(long, num_args = 1.., value_name = "FILE")]
    pub report: Vec<PathBuf>,

    /// Findings this bad or worse make the exit status 1
    #[arg(long, value_enum, default_value_t = FailOn::Error)]
    pub fail_on: FailOn,

    /// A parameter of a check, as silence.factor=10; docs/checks.md lists them
    #[arg(long, num_args = 1.., value_name = "CHECK.PARAMETER=NUMBER")]
    pub set: Vec<String>,
}

/// What the user named: one group, or all.
pub type Groups = std::sync::Arc<[Group]>;

fn parse_groups(text: &str) -> Result<Groups, mtdh_core::check::UnknownGroup> {
    if text.eq_ignore_ascii_case("all") { Ok(Group::ALL.into()) } else { Ok([text.parse()?].into()) }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FailOn {
    /// Warnings and errors
    Warning,
    /// Errors only
    Error,
}
