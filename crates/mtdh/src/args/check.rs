//! Flags of checks.

use mtdh_core::check;

use super::*;

#[derive(Args, Debug)]
pub struct CheckArgs {
    /// What to look for: completeness, timestamp, gaps, book, values, aggregation, or all of these; cross-source, which asks the
    /// exchange; docs/checks.md has every check
    #[arg(value_name = "GROUP", required = true, num_args = 1.., value_parser = parse_groups)]
    pub groups: Vec<Groups>,

    /// First day, YYYY-MM-DD, UTC
    #[arg(long, value_name = "DAY", required_unless_present_any = ["data_file", "base_file"])]
    pub start_date: Option<Day>,

    /// Last day, included [default: the first]
    #[arg(long, value_name = "DAY")]
    pub end_date: Option<Day>,

    #[command(flatten)]
    pub filters: FilterArgs,

    /// Files instead of a lake: Parquet, or the vendor's .csv or .csv.gz; those of one instrument and day are checked
    /// together
    #[arg(long, num_args = 1.., value_name = "FILE")]
    pub data_file: Vec<PathBuf>,

    /// aggregation: the finer candles, Parquet; --data-file beside them are the trades
    #[arg(long, value_name = "FILE", requires = "agg_file", conflicts_with_all = ["start_date", "end_date"])]
    pub base_file: Option<PathBuf>,

    /// aggregation: the coarser candles
    #[arg(long, value_name = "FILE", requires = "base_file")]
    pub agg_file: Option<PathBuf>,

    /// cross-source: BASE-QUOTE, of the venue in --venues [default: BINANCE]
    #[arg(long, value_name = "SYMBOL", conflicts_with_all = ["instruments", "universe"])]
    pub symbol: Option<String>,

    /// cross-source: length of the candles that are compared
    #[arg(long, value_name = "TIMEFRAME", default_value = "1m")]
    pub timeframe: Timeframe,

    /// cross-source: klines as the exchange's public archive has them, .csv or .zip, instead of its service
    #[arg(long, value_name = "FILE")]
    pub reference_file: Option<PathBuf>,

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

/// Flags of checks that rows go past while they are downloaded.
#[derive(Args, Debug)]
pub struct RowCheckArgs {
    /// Check each row on its way into the lake: timestamp, book, values, or without a word all three; an error makes the exit status 1
    #[arg(long, num_args = 0.., value_delimiter = ',', value_name = "GROUP", default_missing_value = "all",
        value_parser = parse_row_groups)]
    pub check: Vec<Groups>,

    /// With --check: a parameter of a check, as clock_skew.max_ahead_ms=1000; docs/checks.md lists them
    #[arg(long, num_args = 1.., value_name = "CHECK.PARAMETER=NUMBER", requires = "check", value_parser = parse_setting)]
    pub set: Vec<String>,
}

fn parse_setting(text: &str) -> Result<String, check::SettingError> {
    check::Settings::default().set(text).map(|()| text.to_owned())
}

fn parse_row_groups(text: &str) -> Result<Groups, String> {
    let looks_at_rows =
        |group: &Group| check::all().any(|c| c.group == *group && matches!(c.run, check::Run::Rows(..)));
    let groups: Vec<Group> = Group::ALL.into_iter().filter(looks_at_rows).collect();
    if text.eq_ignore_ascii_case("all") {
        return Ok(groups.into());
    }
    let group: Group = text.parse().map_err(|error: check::UnknownGroup| error.to_string())?;
    match groups.contains(&group) {
        true => Ok([group].into()),
        false => Err(format!(
            "{group} needs more than one file's rows; run `mtdh check {group}` after the download"
        )),
    }
}

/// What the user named: one group, or all.
pub type Groups = std::sync::Arc<[Group]>;

fn parse_groups(text: &str) -> Result<Groups, check::UnknownGroup> {
    if text.eq_ignore_ascii_case("all") { Ok(Group::USUAL.into()) } else { Ok([text.parse()?].into()) }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FailOn {
    /// Warnings and errors
    Warning,
    /// Errors only
    Error,
}
