//! Flags of checks.

use mtdh_core::check;
use mtdh_core::check::grade::Grade;

use super::*;

#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct CheckArgs {
    #[command(subcommand)]
    pub command: Option<CheckCommand>,

    /// Groups of checks: completeness, timestamp, gaps, book, values, aggregation, or all of these; cross-source, which
    /// contacts the exchange. docs/reference/checks.md lists every check
    #[arg(value_name = "GROUP", required = true, num_args = 1.., value_parser = parse_groups)]
    pub groups: Vec<Groups>,

    /// First day, or a month: 2024-03-01, 2024-03, yesterday or today; UTC [default: that of the lake's lake.toml]
    #[arg(long, value_name = "DAY", value_parser = time::days)]
    pub start_date: Option<DayRange>,

    /// Last day or month, included [default: the first]
    #[arg(long, value_name = "DAY", value_parser = time::days)]
    pub end_date: Option<DayRange>,

    /// Whose data: the vendor's, or that of live recordings, whose recorded gaps explain silences
    #[arg(long, value_name = "ORIGIN", default_value_t = Origin::Vendor, conflicts_with_all = ["data_file", "base_file"])]
    pub origin: Origin,

    #[command(flatten)]
    pub filters: FilterArgs,

    /// All that the flags select, whatever the lake's lake.toml wants
    #[arg(long, conflicts_with_all = ["data_file", "base_file"])]
    pub everything: bool,

    /// Check files instead of the lake: Parquet, or Tardis' .csv or .csv.gz. Files of one instrument and day are checked
    /// together
    #[arg(long, num_args = 1.., value_name = "FILE")]
    pub data_file: Vec<PathBuf>,

    /// Unit of times in --data-file, --base-file and --agg-file that are bare numbers: s, ms, us or ns
    #[arg(long, value_name = "UNIT")]
    pub time_unit: Option<TimeUnit>,

    /// aggregation: the finer candles, Parquet; give their trades with --data-file
    #[arg(long, value_name = "FILE", requires = "agg_file", conflicts_with_all = ["start_date", "end_date"])]
    pub base_file: Option<PathBuf>,

    /// aggregation: the coarser candles
    #[arg(long, value_name = "FILE", requires = "base_file")]
    pub agg_file: Option<PathBuf>,

    /// cross-source: BASE-QUOTE, of the venue in --venues [default: BINANCE]
    #[arg(long, value_name = "SYMBOL", conflicts_with_all = ["instruments", "universe"])]
    pub symbol: Option<String>,

    /// cross-source: timeframe to compare
    #[arg(long, value_name = "TIMEFRAME", default_value = "1m")]
    pub timeframe: Timeframe,

    /// cross-source: klines from the exchange's public archive, .csv or .zip, instead of its API
    #[arg(long, value_name = "FILE")]
    pub reference_file: Option<PathBuf>,

    /// Write a report, in the format of its ending: .json, .csv, .xml (JUnit), .md or .html
    #[arg(long, num_args = 1.., value_name = "FILE")]
    pub report: Vec<PathBuf>,

    /// Exit with 1 for findings of this severity or worse
    #[arg(long, value_enum, default_value_t = FailOn::Error)]
    pub fail_on: FailOn,

    /// For a CI job that must not use bad data: with --format github or junit, annotations or a JUnit report on stdout
    #[arg(long)]
    pub gate: bool,

    /// With --gate: the worst grade that passes, good, degraded or bad; needs all groups. Missing data never passes [default: by
    /// --fail-on alone]
    #[arg(long, value_enum, value_name = "GRADE", requires = "gate", hide_possible_values = true,
        conflicts_with_all = ["data_file", "base_file"])]
    pub min_grade: Option<MinGrade>,

    /// Set a parameter of a check, for example silence.factor=10; docs/reference/checks.md lists them
    #[arg(long, num_args = 1.., value_name = "CHECK.PARAMETER=NUMBER")]
    pub set: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub enum CheckCommand {
    /// Check live candles or rows, JSON lines on stdin, and print findings as they happen
    Stream(StreamArgs),
}

#[derive(Args, Debug)]
pub struct StreamArgs {
    /// Instrument of lines that name none: a key, or BASE-QUOTE of Binance's spot market
    #[arg(long, value_name = "KEY", value_parser = parse_key_or_symbol)]
    pub instrument: Option<InstrumentKey>,

    /// Timeframe of candles that name none
    #[arg(long, value_name = "TIMEFRAME")]
    pub timeframe: Option<Timeframe>,

    /// Data type of rows that name none
    #[arg(long, value_name = "TYPE")]
    pub data_type: Option<DataType>,

    /// Compare final candles with the exchange's own, once these have settled; contacts the exchange
    #[arg(long)]
    pub cross_source: bool,

    /// Seconds after the end of its interval from which a candle counts as late, and after a newer row from which a row does
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    pub late: u32,

    /// Exit with 1 for findings of this severity or worse
    #[arg(long, value_enum, default_value_t = FailOn::Error)]
    pub fail_on: FailOn,

    /// Set a parameter of a check, for example reference_volume.tolerance_pct=0
    #[arg(long, num_args = 1.., value_name = "CHECK.PARAMETER=NUMBER", value_parser = parse_setting)]
    pub set: Vec<String>,
}

fn parse_key_or_symbol(text: &str) -> Result<InstrumentKey, String> {
    if text.contains(':') {
        return text.parse().map_err(|error: mtdh_core::key::KeyError| error.to_string());
    }
    mtdh_engine::names::key_of_symbol("BINANCE", text).map_err(|error| mtdh_engine::chain(&error))
}

/// Flags of the row checks during a download.
#[derive(Args, Debug)]
pub struct RowCheckArgs {
    /// Check rows while they are downloaded: timestamp, book, values [default: all three]. An error makes the exit status 1
    #[arg(long, num_args = 0.., value_delimiter = ',', value_name = "GROUP", default_missing_value = "all",
        value_parser = parse_row_groups)]
    pub check: Vec<Groups>,

    /// With --check: set a parameter of a check, for example clock_skew.max_ahead_ms=1000
    #[arg(long, num_args = 1.., value_name = "CHECK.PARAMETER=NUMBER", requires = "check", value_parser = parse_setting)]
    pub set: Vec<String>,
}

pub(super) fn parse_setting(text: &str) -> Result<String, check::SettingError> {
    check::Settings::default().set(text).map(|()| text.to_owned())
}

fn parse_row_groups(text: &str) -> Result<Groups, String> {
    let looks_at_rows =
        |group: &Group| check::all().any(|c| c.group == *group && matches!(c.run, check::CheckFn::Rows(..)));
    let groups: Vec<Group> = Group::ALL.into_iter().filter(looks_at_rows).collect();
    if text.eq_ignore_ascii_case("all") {
        return Ok(groups.into());
    }
    let group: Group = text.parse().map_err(|error: check::UnknownGroup| error.to_string())?;
    if groups.contains(&group) {
        Ok([group].into())
    } else {
        Err(format!("{group} needs more than one file's rows; run `mtdh check {group}` after the download"))
    }
}

/// The groups that the user named: one, or all.
pub type Groups = std::sync::Arc<[Group]>;

pub(super) fn parse_groups(text: &str) -> Result<Groups, check::UnknownGroup> {
    if text.eq_ignore_ascii_case("all") { Ok(Group::USUAL.into()) } else { Ok([text.parse()?].into()) }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FailOn {
    /// Warnings and errors
    Warning,
    /// Errors only
    Error,
}

/// The worst grade that passes a gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum MinGrade {
    /// No finding above `info`
    Good,
    /// Warnings pass
    Degraded,
    /// Everything passes that is there
    Bad,
}

impl MinGrade {
    /// The grade.
    pub fn grade(self) -> Grade {
        match self {
            MinGrade::Good => Grade::Good,
            MinGrade::Degraded => Grade::Degraded,
            MinGrade::Bad => Grade::Bad,
        }
    }
}
