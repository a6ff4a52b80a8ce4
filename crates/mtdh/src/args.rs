//! What a user types. Only its form is checked here; what it means is settled where it is used.

mod allow;
mod check;
mod fleet;
mod lists;

use std::path::PathBuf;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use mtdh_core::candle::Timeframe;
use mtdh_core::check::Group;
use mtdh_core::key::{InstrumentKey, InstrumentType};
use mtdh_core::{DataType, Day};

pub use allow::*;
pub use check::*;
pub use fleet::*;

/// Turns Tardis.dev, the archive of crypto tick data, into a Parquet lake that you can trust.
#[derive(Debug, Parser)]
#[command(name = "mtdh", version, max_term_width = 110, after_help = AFTER_HELP)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,

    /// Where the data is: a folder, gs://BUCKET[/PREFIX] or s3://BUCKET[/PREFIX] [default: ./data]
    #[arg(long, global = true, value_name = "URL")]
    pub lake: Option<String>,

    /// How to print results
    #[arg(long, global = true, value_enum, default_value_t = Format::Table)]
    pub format: Format,

    /// How to write the log and everything else on stderr [default: text]
    #[arg(long, global = true, value_enum, value_name = "FORM")]
    pub log_format: Option<LogFormat>,

    /// Say more on stderr: -v what happens, -vv in detail
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

const AFTER_HELP: &str = "\
Without an API key the vendor gives the first day of each month. With one: set TARDIS_API_KEY.
Exit status: 0 clean; 1 ran, but not clean (gaps, failed files); 2 could not run; 30 budget used up; 130 interrupted.";

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people
    Text,
    /// JSON lines, with severity, run, shard and unit
    Json,
}

impl LogFormat {
    pub fn name(self) -> String {
        match self {
            LogFormat::Text => "text".to_owned(),
            LogFormat::Json => "json".to_owned(),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    Table,
    /// One JSON document
    Json,
    /// One JSON object per row
    Jsonl,
    /// Comma-separated, with a header row
    Csv,
}

/// What the exit status tells, and to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Codes {
    /// People and scripts
    Usual,
    /// What starts and restarts tasks
    Engine,
}

/// Reads the command line.
///
/// # Errors
/// When it is none; also for `--help` and `--version`.
pub fn parse() -> Result<Cli, clap::Error> {
    let command = command();
    let words = lists::gathered(std::env::args_os(), &command);
    Cli::from_arg_matches(&command.try_get_matches_from(words)?)
}

/// The command line. With `--run`, the days stand in the plan.
pub fn command() -> clap::Command {
    let days =
        |c: clap::Command| c.mut_arg("start_date", |day| day.required(false).required_unless_present("run"));
    Cli::command().mut_subcommand("download", days)
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show the whole way on made-up data: a stand-in vendor in this process, a lake in ./mtdh-demo
    Demo,
    /// Write the instrument tables of days, or look into them
    Instruments(InstrumentsArgs),
    /// Say what a download would fetch, and what not and why; save it for many workers
    Plan(SavePlanArgs),
    /// Fetch what is not in the lake yet
    Download(DownloadArgs),
    /// Say how far a run of a saved plan is
    Monitor(MonitorArgs),
    /// Save what is left of a run as a new plan
    Resume(ResumeArgs),
    /// Print what an engine needs to work on a run
    Deploy {
        #[command(subcommand)]
        command: DeployCommand,
    },
    /// Hold what should be there against what is there
    Validate(ValidateArgs),
    /// Look for what is wrong with what is in the lake, or in files
    Check(CheckArgs),
    /// instruments, download and validate in one: one report, one exit status
    FullPipeline(PipelineArgs),
    /// List what is in the lake
    Ls(LsArgs),
    /// Make candles of the trades in the lake, or in Parquet files
    Candles(CandlesArgs),
    /// Get a slice of time of one instrument out of the lake
    Get(GetArgs),
    /// Convert a vendor file that you have to Parquet, without a lake
    Convert(ConvertArgs),
    /// Start the stand-in for the outside world as a server on this machine
    Sim(SimArgs),
    /// Show the settings and where each comes from
    Config {
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Print each setting, its value and its origin
    Show,
}

/// Which partitions: days and filters. Lists take commas or spaces; case does not matter.
#[derive(Args, Clone, Debug)]
pub struct SelectionArgs {
    /// First day, YYYY-MM-DD, UTC
    #[arg(long, value_name = "DAY", required = true)]
    pub start_date: Option<Day>,

    /// Last day, included [default: the first]
    #[arg(long, value_name = "DAY")]
    pub end_date: Option<Day>,

    #[command(flatten)]
    pub filters: FilterArgs,
}

#[derive(Args, Clone, Debug, Default)]
pub struct FilterArgs {
    /// Venues, as DERIBIT or deribit [default: BINANCE, BINANCE-FUTURES, DERIBIT, BYBIT, BYBIT-SPOT, OKX, OKX-FUTURES,
    /// OKX-SWAP; of validate and ls: those that are in the lake]
    #[arg(long, num_args = 1.., value_delimiter = ',', value_name = "VENUE", value_parser = parse_venue)]
    pub venues: Vec<String>,

    /// SPOT_PAIR, PERP, FUTURE, OPTION, COMBO [default: all but COMBO; of ls: all]
    #[arg(long, num_args = 1.., value_delimiter = ',', value_name = "TYPE")]
    pub instrument_types: Vec<InstrumentType>,

    /// Data types [default: trades, book_snapshot_5, derivative_ticker, liquidations, options_chain, each where the
    /// instrument has it; of ls: all]
    #[arg(long, num_args = 1.., value_delimiter = ',', value_name = "TYPE")]
    pub data_types: Vec<DataType>,

    /// Instrument keys, or patterns with * and ?
    #[arg(long, num_args = 1.., value_delimiter = ',', value_name = "KEY")]
    pub instruments: Vec<String>,

    /// A named list of instruments (core60), or a file with one key a line
    #[arg(long, value_name = "NAME")]
    pub universe: Option<String>,

    /// At most so many instruments a day
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub max_instruments: Option<usize>,
}

fn parse_venue(text: &str) -> Result<String, mtdh_core::venue::UnknownVenue> {
    mtdh_core::venue::parse_venue(text)
}

#[derive(Args, Clone, Debug)]
pub struct ShardArgs {
    /// This machine's part, from 0 [default: what the engine says that started it, else 0]
    #[arg(long, value_name = "I")]
    pub shard_index: Option<u32>,

    /// In how many parts the work is cut [default: as above, else 1]
    #[arg(long, value_name = "N")]
    pub total_shards: Option<u32>,
}

#[derive(Args, Clone, Debug)]
pub struct SourceArgs {
    /// A folder of vendor files instead of the service: in the vendor's path form, or named as its clients name them
    #[arg(long, value_name = "DIR")]
    pub source: Option<PathBuf>,
}

#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct InstrumentsArgs {
    #[command(subcommand)]
    pub command: Option<InstrumentsCommand>,

    /// First day, YYYY-MM-DD, UTC
    #[arg(long, value_name = "DAY", required = true)]
    pub start_date: Option<Day>,

    /// Last day, included [default: the first]
    #[arg(long, value_name = "DAY")]
    pub end_date: Option<Day>,

    /// Venues, as DERIBIT or deribit [default: BINANCE, BINANCE-FUTURES, DERIBIT, BYBIT, BYBIT-SPOT, OKX, OKX-FUTURES,
    /// OKX-SWAP]
    #[arg(long, num_args = 1.., value_delimiter = ',', value_name = "VENUE", value_parser = parse_venue)]
    pub venues: Vec<String>,

    /// Put the venues' combos into the tables too; there can be tens of thousands
    #[arg(long)]
    pub combos: bool,

    /// Accept that the vendor no longer lists instruments or data types that the tables have: take them out
    #[arg(long)]
    pub accept_removed: bool,
}

#[derive(Debug, Subcommand)]
pub enum InstrumentsCommand {
    /// Print everything that is known of one instrument
    Show {
        /// Its key, as DERIBIT:PERP:BTC-USD
        key: InstrumentKey,
        /// As of a day [default: the last day that has a table]
        #[arg(long, value_name = "DAY")]
        date: Option<Day>,
    },
    /// List instruments
    List(ListArgs),
}

#[derive(Args, Debug)]
pub struct ListArgs {
    /// Alive on a day [default: the last day that has a table]
    #[arg(long, value_name = "DAY")]
    pub date: Option<Day>,
    /// Venues
    #[arg(long, num_args = 1.., value_delimiter = ',', value_name = "VENUE", value_parser = parse_venue)]
    pub venues: Vec<String>,
    /// Instrument types
    #[arg(long, num_args = 1.., value_delimiter = ',', value_name = "TYPE")]
    pub instrument_types: Vec<InstrumentType>,
    /// Base asset
    #[arg(long, value_name = "ASSET")]
    pub base: Option<String>,
    /// Quote asset
    #[arg(long, value_name = "ASSET")]
    pub quote: Option<String>,
    /// What a future or option is written on, as BTC-USD
    #[arg(long, value_name = "PAIR")]
    pub underlying: Option<String>,
    /// The day on which it ends
    #[arg(long, value_name = "DAY")]
    pub expiry: Option<Day>,
}

#[derive(Args, Debug)]
pub struct PlanArgs {
    #[command(flatten)]
    pub selection: SelectionArgs,
    #[command(flatten)]
    pub shard: ShardArgs,
    #[command(flatten)]
    pub source: SourceArgs,
    #[command(flatten)]
    pub allow: AllowArgs,
    /// Plan also what is in the lake already
    #[arg(long)]
    pub force: bool,
}

#[derive(Args, Debug)]
pub struct DownloadArgs {
    /// Work on the saved plan of a run, and on nothing else: see `plan --save`
    #[arg(long, value_name = "RUN", conflicts_with_all = ["start_date", "end_date", "venues", "instrument_types",
        "data_types", "instruments", "universe", "max_instruments", "force", "dry_run", "accept_removed"])]
    pub run: Option<String>,
    #[command(flatten)]
    pub plan: PlanArgs,
    /// What the exit status tells: usual 0, 1, 2, 30, 130; engine 0 done, 10 worth retrying, 20 configuration, 30 budget
    /// used up [default: engine with --run, and where an engine says which shard this is]
    #[arg(long, value_enum, value_name = "FOR")]
    pub exit_codes: Option<Codes>,
    #[command(flatten)]
    pub metrics: MetricsArgs,
    #[command(flatten)]
    pub row_checks: RowCheckArgs,
    /// Files that are worked on at once
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = at_least_one)]
    pub max_workers: usize,
    /// Only say what would be fetched, as `plan` does
    #[arg(long)]
    pub dry_run: bool,
}

#[derive(Args, Debug)]
pub struct ValidateArgs {
    #[command(flatten)]
    pub selection: SelectionArgs,
    #[command(flatten)]
    pub depth: DepthArgs,
    #[command(flatten)]
    pub allow: AllowArgs,
    /// With --deep: ask the vendor whether its files are still those that the lake was made from
    #[arg(long, requires = "deep")]
    pub recheck: bool,
    #[command(flatten)]
    pub source: SourceArgs,
}

#[derive(Args, Clone, Debug)]
pub struct DepthArgs {
    /// Read the footer of every object
    #[arg(long)]
    pub deep: bool,
    /// Read every byte of every object and hold it against its checksums, without decoding it
    #[arg(long, conflicts_with = "sample")]
    pub bytes: bool,
    /// With --deep: read all rows of a share of the objects, as 4%; another share each day, so that 25 days see all
    #[arg(long, value_name = "SHARE", default_value = "0%", value_parser = parse_share, requires = "deep")]
    pub sample: f64,
}

fn at_least_one(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|n| *n > 0).ok_or_else(|| "give a whole number, 1 or more".to_owned())
}

fn parse_share(text: &str) -> Result<f64, String> {
    let share = match text.strip_suffix('%') {
        Some(percent) => percent.trim().parse::<f64>().map(|p| p / 100.0),
        None => text.parse::<f64>(),
    };
    let share = share.ok().filter(|s| (0.0..=1.0).contains(s));
    share.ok_or_else(|| "write a share as 5% or 0.05, from 0 to 100%".to_owned())
}

#[derive(Args, Debug)]
pub struct PipelineArgs {
    #[command(flatten)]
    pub download: DownloadArgs,
    #[command(flatten)]
    pub depth: DepthArgs,
}

#[derive(Args, Debug)]
pub struct LsArgs {
    /// First day [default: the first in the lake]
    #[arg(long, value_name = "DAY")]
    pub start_date: Option<Day>,
    /// Last day, included [default: the first day given, else the last in the lake]
    #[arg(long, value_name = "DAY")]
    pub end_date: Option<Day>,
    #[command(flatten)]
    pub filters: FilterArgs,
    /// One line per partition instead of one per day, venue and data type
    #[arg(short, long)]
    pub long: bool,
}

#[derive(Args, Debug)]
pub struct GetArgs {
    /// The instrument, as DERIBIT:PERP:BTC-USD
    pub key: String,
    /// What of it
    #[arg(long, value_name = "TYPE")]
    pub data_type: DataType,
    /// Start of the slice by arrival (`local_timestamp`): 2024-03-01 or 2024-03-01T12:30[:15[.5]], UTC
    #[arg(long, value_name = "TIME", value_parser = crate::time::parse)]
    pub start: i64,
    /// End of the slice, not included [default: the end of the start's day]
    #[arg(long, value_name = "TIME", value_parser = crate::time::parse)]
    pub end: Option<i64>,
    /// A file ending in .parquet, .csv or .jsonl, or - for CSV on stdout
    #[arg(long, short, value_name = "FILE", default_value = "-")]
    pub output: PathBuf,
}

#[derive(Args, Debug)]
pub struct CandlesArgs {
    /// First day, YYYY-MM-DD, UTC
    #[arg(long, value_name = "DAY", required_unless_present = "input")]
    pub start_date: Option<Day>,
    /// Last day, included [default: the first]
    #[arg(long, value_name = "DAY")]
    pub end_date: Option<Day>,
    /// Lengths of the candles' intervals: any that divide a day; 1d is 24h
    #[arg(long, num_args = 1.., value_delimiter = ',', value_name = "LENGTH",
          default_value = "15s,1m,5m,15m,1h,4h,24h")]
    pub timeframes: Vec<Timeframe>,
    /// Intervals without trades: no candle, or a flat one at the close before it
    #[arg(long, value_enum, default_value_t = FillArg::None)]
    pub fill: FillArg,
    #[command(flatten)]
    pub filters: FilterArgs,
    #[command(flatten)]
    pub shard: ShardArgs,
    /// Make also candles that are up to date
    #[arg(long)]
    pub force: bool,
    /// Only say what would be made
    #[arg(long)]
    pub dry_run: bool,
    /// Instruments that are worked on at once [default: as many as there are processors]
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub max_workers: Option<usize>,
    /// Parquet files of one instrument's trades instead of the lake, in the order of their rows
    #[arg(long, num_args = 1.., value_name = "FILE", requires = "output",
          conflicts_with_all = ["start_date", "end_date", "force", "dry_run", "max_workers", "shard_index", "total_shards",
                                "venues", "instrument_types", "data_types", "instruments", "universe", "max_instruments"])]
    pub input: Vec<PathBuf>,
    /// The folder for the candles of --input: 1m.parquet and so on
    #[arg(long, short, value_name = "DIR", requires = "input")]
    pub output: Option<PathBuf>,
}

/// What becomes of intervals without trades.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FillArg {
    /// No candle
    None,
    /// Four times the close before it, and no volume
    Flat,
}

#[derive(Args, Debug)]
pub struct ConvertArgs {
    /// A vendor file, .csv or .csv.gz, or - for stdin
    pub file: PathBuf,
    /// The file to make, ending in .parquet, .csv or .jsonl, or - for CSV on stdout
    #[arg(long, short, value_name = "FILE")]
    pub output: PathBuf,
    /// Replace the output if it exists
    #[arg(long)]
    pub force: bool,
    /// The instrument's key, where the rows' symbol does not tell it
    #[arg(long, value_name = "KEY")]
    pub instrument: Option<InstrumentKey>,
    /// The data type, where header and file name do not tell it
    #[arg(long, value_name = "TYPE")]
    pub data_type: Option<DataType>,
}

#[derive(Args, Debug)]
pub struct SimArgs {
    /// Port of the vendor's API and files [default: a free one]
    #[arg(long)]
    pub port: Option<u16>,
    /// What the made-up world grows from
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Faults to serve, as a JSON file
    #[arg(long, value_name = "FILE")]
    pub faults: Option<PathBuf>,
    /// A bucket to make in the stand-in for GCS
    #[arg(long, value_name = "NAME", default_value = "market-data-tick")]
    pub bucket: String,
    /// A smaller world, for quick tests
    #[arg(long)]
    pub small: bool,
    /// The sim's clock, as 2024-03-03T12:00 [default: that]
    #[arg(long, value_name = "TIME", value_parser = crate::time::parse)]
    pub now: Option<i64>,
    /// End after so many seconds [default: at Ctrl-C]
    #[arg(long, value_name = "N")]
    pub seconds: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn lists_take_commas_and_spaces_in_any_case() {
        let words =
            "mtdh plan --start-date 2024-03-01 --venues deribit,okex-swap BINANCE --data-types TRADES quotes";
        let cli = Cli::try_parse_from(words.split(' ')).unwrap();
        let Command::Plan(plan) = cli.command else { panic!() };
        let filters = plan.plan.selection.filters;
        assert_eq!(filters.venues, ["DERIBIT", "OKX-SWAP", "BINANCE"]);
        assert_eq!(filters.data_types, [DataType::Trades, DataType::Quotes]);
    }

    #[test]
    fn shares() {
        for (text, expected) in [("5%", Ok(0.05)), ("0.5", Ok(0.5)), ("100%", Ok(1.0))] {
            assert_eq!(parse_share(text), expected);
        }
        for text in ["101%", "-1%", "x", ""] {
            assert!(parse_share(text).is_err(), "{text}");
        }
    }
}
