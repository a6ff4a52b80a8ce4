//! The command line. Only its form is checked here; values are interpreted where they are used.

mod allow;
mod bigquery;
mod candles;
mod certify;
mod check;
mod compare;
mod ddl;
mod export;
mod find;
mod fleet;
mod form;
mod former;
mod get;
mod help;
mod lists;
mod live;
mod man;
mod paths;
mod publish;
mod rm;
mod same;
mod serve;
mod sim;
mod want;
mod why;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use mtdh_core::candle::Timeframe;
use mtdh_core::check::Group;
use mtdh_core::key::{InstrumentKey, InstrumentType};
use mtdh_core::partition::Origin;
use mtdh_core::time_unit::TimeUnit;
use mtdh_core::{DataType, Day, DayRange};
use mtdh_engine::Filter;

pub use allow::*;
pub use bigquery::*;
pub use candles::*;
pub use certify::*;
pub use check::*;
pub use compare::*;
pub use ddl::*;
pub use export::*;
pub use find::*;
pub use fleet::*;
pub use form::*;
pub use get::*;
pub use live::*;
pub use man::pages;
pub use paths::*;
pub use publish::*;
pub use rm::*;
pub use serve::*;
pub use sim::*;
pub use want::*;
pub use why::*;

use crate::time;

/// Build a verified Parquet lake from Tardis.dev, the archive of crypto tick data
#[derive(Debug, Parser)]
#[command(name = "mtdh", version, max_term_width = 110)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,

    /// The lake: a folder, gs://BUCKET[/PREFIX] or s3://BUCKET[/PREFIX] [default: ./data]
    #[arg(long, global = true, value_name = "URL", help_heading = GLOBAL)]
    pub lake: Option<String>,

    /// Output format: table, json (one document), jsonl (an object per line) or csv
    #[arg(long, global = true, value_enum, default_value_t = Format::Table, hide_possible_values = true,
        help_heading = GLOBAL)]
    pub format: Format,

    /// Format of stderr: text, or json for log collectors [default: text]
    #[arg(long, global = true, value_enum, value_name = "FORMAT", hide_possible_values = true, help_heading = GLOBAL)]
    pub log_format: Option<LogFormat>,

    /// Log more on stderr: -v for info, -vv for debug
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = GLOBAL)]
    pub verbose: u8,

    /// Print only errors and the verdict on stderr
    #[arg(short, long, global = true, help_heading = GLOBAL)]
    pub quiet: bool,

    /// Append what goes to stderr to FILE too
    #[arg(long, global = true, value_name = "FILE", help_heading = GLOBAL)]
    pub log_file: Option<PathBuf>,

    /// As LOG_LEVEL
    #[arg(long, global = true, value_name = "LEVEL", hide = true)]
    pub log_level: Option<String>,

    /// Settings file in place of .env
    #[arg(long, global = true, value_name = "FILE", hide = true)]
    pub env_file: Option<PathBuf>,
}

const GLOBAL: &str = "Global options";

/// Parses the command line. Returns also a note for each word of the predecessor in it.
///
/// # Errors
/// When it is not valid; also for `--help` and `--version`.
pub fn parse(words: Vec<OsString>) -> Result<(Cli, Vec<String>), clap::Error> {
    time::at(time::now_us(), || parse_now(words))
}

pub(crate) fn parse_now(words: Vec<OsString>) -> Result<(Cli, Vec<String>), clap::Error> {
    let mut command = command();
    let former::Translated { words, notes } = former::translated(words, &command)
        .map_err(|reason| command.error(clap::error::ErrorKind::InvalidValue, reason))?;
    let words = same::resolved(words, &command, time::parsed_at())
        .map_err(|reason| command.error(clap::error::ErrorKind::ValueValidation, reason))?;
    let words = lists::gathered(words, &command);
    Ok((Cli::from_arg_matches(&command.try_get_matches_from(words)?)?, notes))
}

/// The command line's definition.
pub fn command() -> clap::Command {
    same::with_same_names(help::with_help(Cli::command()))
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the whole pipeline on simulated data, into ./mtdh-demo
    Demo,
    /// Write the instrument tables of days, or look up instruments
    Instruments(InstrumentsArgs),
    /// Show what a download would fetch, and save it for many workers
    Plan(SavePlanArgs),
    /// Download what the lake does not have yet
    Download(DownloadArgs),
    /// Show the progress of a run
    Monitor(MonitorArgs),
    /// Save the unfinished part of a run as a new plan
    Resume(ResumeArgs),
    /// Print a job specification for Batch, Cloud Run or Kubernetes
    Deploy {
        #[command(subcommand)]
        command: DeployCommand,
    },
    /// Check that every expected partition is present
    Validate(ValidateArgs),
    /// Check the quality of data, in the lake or in files
    Check(CheckArgs),
    /// Write a certificate of what the lake holds, for others to compare with
    Certify(CertifyArgs),
    /// Tell whether a lake holds the data of a certificate
    Verify(VerifyArgs),
    /// Run instruments, download and validate, with one report
    FullPipeline(PipelineArgs),
    /// Say what the lake is for: named sets in its lake.toml
    Want {
        #[command(subcommand)]
        command: WantCommand,
    },
    /// Bring the lake to what is wanted: instruments, files, candles, completeness, checks
    Sync(SyncArgs),
    /// List what the lake has: partitions, candles, instruments, runs or reports
    Ls(LsArgs),
    /// List the venues: names, since when, and what the lake has of each
    Venues(VenuesArgs),
    /// List the runs with state and verdict, or show one
    Runs(RunsArgs),
    /// Show the evidence for one partition: where it came from, and what became of it
    Why(WhyArgs),
    /// Build candles from trades, in the lake or in Parquet files
    Candles(CandlesArgs),
    /// Read rows, candles or instruments between two times
    Get(GetArgs),
    /// Print the exact paths of what a selection means, for other readers
    Paths(PathsArgs),
    /// Query the lake with DuckDB, or print its tables as views
    Sql(SqlArgs),
    /// Print statements that let other engines read the lake where it lies
    Ddl(DdlArgs),
    /// Publish the lake as tables of other programs
    Publish {
        #[command(subcommand)]
        command: PublishCommand,
    },
    /// Export the lake for other readers: Hive's folders, Delta tables
    Export {
        #[command(subcommand)]
        command: ExportCommand,
    },
    /// Serve the lake over HTTP: REST API and page
    Serve(ServeArgs),
    /// Record exchanges' live feeds, and make rows of recordings
    Live {
        #[command(subcommand)]
        command: LiveCommand,
    },
    /// Convert a Tardis CSV file, without a lake
    Convert(ConvertArgs),
    /// Move a lake to the instrument keys of this version
    Rekey(RekeyArgs),
    /// Remove days, venues, types, keys, runs or tables
    Rm(RmArgs),
    /// Serve a simulated Tardis, Binance and Google Cloud Storage on this machine
    Sim(SimArgs),
    /// Describe the tables of a lake, or the columns of one
    Schema(SchemaArgs),
    /// Test settings, vendor, key, clock, lake and disk
    Doctor,
    /// Show settings, or test them
    Config {
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// Print a shell completion script
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Write the manual pages into a folder
    Man {
        /// The folder; it is created if there is none
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Print each setting, its value and where it comes from
    Show,
    /// The same as mtdh doctor
    Check,
}

#[derive(Args, Clone, Debug)]
pub struct RekeyArgs {
    /// Print what would move, and change nothing
    #[arg(long)]
    pub dry_run: bool,

    /// First day, or a month: 2024-03-01, 2024-03, yesterday or today; UTC [default: every day of the lake]
    #[arg(long, value_name = "DAY", value_parser = time::days)]
    pub start_date: Option<DayRange>,

    /// Last day or month, included [default: the first]
    #[arg(long, value_name = "DAY", requires = "start_date", value_parser = time::days)]
    pub end_date: Option<DayRange>,
}

/// The selection: days and filters. Lists take commas or spaces; case does not matter.
#[derive(Args, Clone, Debug)]
pub struct SelectionArgs {
    /// First day, or a month: 2024-03-01, 2024-03, yesterday or today; UTC [default: that of the lake's lake.toml]
    #[arg(long, value_name = "DAY", value_parser = time::days)]
    pub start_date: Option<DayRange>,

    /// Last day or month, included [default: the first]
    #[arg(long, value_name = "DAY", requires = "start_date", value_parser = time::days)]
    pub end_date: Option<DayRange>,

    #[command(flatten)]
    pub filters: FilterArgs,
}

#[derive(Args, Clone, Debug, Default)]
pub struct FilterArgs {
    /// Venues, for example DERIBIT or deribit [default: BINANCE, BINANCE-FUTURES, DERIBIT, BYBIT, BYBIT-SPOT, OKX, OKX-FUTURES,
    /// OKX-SWAP; of validate and ls: those that are in the lake]
    #[arg(long, num_args = 1.., value_delimiter = ',', value_name = "VENUE", value_parser = parse_venue)]
    pub venues: Vec<String>,

    /// SPOT_PAIR, PERP, FUTURE, OPTION, COMBO, PREDICTION, UNKNOWN [default: all but COMBO; of ls: all]
    #[arg(long, num_args = 1.., value_delimiter = ',', value_name = "TYPE")]
    pub instrument_types: Vec<InstrumentType>,

    /// Data types [default: trades, book_snapshot_5, derivative_ticker, liquidations, options_chain, each where the
    /// instrument has it; of ls: all]
    #[arg(long, alias = "data-type", num_args = 1.., value_delimiter = ',', value_name = "TYPE")]
    pub data_types: Vec<DataType>,

    /// Instrument keys, or patterns with * and ?
    #[arg(long, num_args = 1.., value_delimiter = ',', value_name = "KEY")]
    pub instruments: Vec<String>,

    /// A named list of instruments (core60), or a file with one key per line
    #[arg(long, value_name = "NAME")]
    pub universe: Option<String>,

    /// Use at most N instruments per day
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub max_instruments: Option<usize>,
}

impl FilterArgs {
    /// Whether no filter is given.
    pub fn is_empty(&self) -> bool {
        let FilterArgs { venues, instrument_types, data_types, instruments, universe, max_instruments } =
            self;
        venues.is_empty()
            && instrument_types.is_empty()
            && data_types.is_empty()
            && instruments.is_empty()
            && universe.is_none()
            && max_instruments.is_none()
    }

    /// The filter in the engine's form.
    pub fn filter(&self) -> Filter {
        let FilterArgs { venues, instrument_types, data_types, instruments, universe, max_instruments } =
            self;
        Filter {
            venues: venues.clone(),
            instrument_types: instrument_types.clone(),
            data_types: data_types.clone(),
            instruments: instruments.clone(),
            universe: universe.clone(),
            max_instruments: *max_instruments,
        }
    }
}

fn parse_venue(text: &str) -> Result<String, mtdh_core::venue::UnknownVenue> {
    mtdh_core::venue::parse_any_venue(text)
}

#[derive(Args, Clone, Debug)]
pub struct ShardArgs {
    /// This machine's shard, from 0 [default: from the scheduler, else 0]
    #[arg(long, value_name = "I")]
    pub shard_index: Option<u32>,

    /// Number of shards [default: from the scheduler, else 1]
    #[arg(long, value_name = "N")]
    pub total_shards: Option<u32>,
}

#[derive(Args, Clone, Debug)]
pub struct SourceArgs {
    /// Read Tardis files from a folder instead of the service, under the paths or the file names that Tardis' clients use
    #[arg(long, value_name = "DIR")]
    pub source: Option<PathBuf>,
}

#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct InstrumentsArgs {
    #[command(subcommand)]
    pub command: Option<InstrumentsCommand>,

    /// First day, or a month: 2024-03-01, 2024-03, yesterday or today; UTC
    #[arg(long, value_name = "DAY", required = true, value_parser = time::days)]
    pub start_date: Option<DayRange>,

    /// Last day or month, included [default: the first]
    #[arg(long, value_name = "DAY", value_parser = time::days)]
    pub end_date: Option<DayRange>,

    /// Venues, for example DERIBIT or deribit [default: BINANCE, BINANCE-FUTURES, DERIBIT, BYBIT, BYBIT-SPOT, OKX, OKX-FUTURES,
    /// OKX-SWAP]
    #[arg(long, num_args = 1.., value_delimiter = ',', value_name = "VENUE", value_parser = parse_venue)]
    pub venues: Vec<String>,

    /// Include combos; a venue can have tens of thousands
    #[arg(long)]
    pub combos: bool,

    /// Remove instruments and data types that Tardis no longer lists from the tables
    #[arg(long)]
    pub accept_removed: bool,
}

#[derive(Debug, Subcommand)]
pub enum InstrumentsCommand {
    /// Print one instrument with all its fields
    Show {
        /// Its key, for example DERIBIT:PERP:BTC-USD
        key: String,
        /// Day of the table [default: the latest]
        #[arg(long, value_name = "DAY", value_parser = time::day)]
        date: Option<Day>,
    },
    /// List instruments
    List(ListArgs),
}

#[derive(Args, Debug)]
pub struct ListArgs {
    /// Day of the table [default: the latest]
    #[arg(long, value_name = "DAY", value_parser = time::day)]
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
    /// Underlying of a future or option, for example BTC-USD
    #[arg(long, value_name = "PAIR")]
    pub underlying: Option<String>,
    /// Expiry day, or month
    #[arg(long, value_name = "DAY", value_parser = time::days)]
    pub expiry: Option<DayRange>,
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
    /// Fetch again what the lake has
    #[arg(long, alias = "refetch")]
    pub force: bool,
}

#[derive(Args, Debug)]
pub struct DownloadArgs {
    /// Work on the plan that `plan --save` stored under this name
    #[arg(long, value_name = "RUN", conflicts_with_all = ["start_date", "end_date", "venues", "instrument_types",
        "data_types", "instruments", "universe", "max_instruments", "force", "dry_run", "accept_removed"])]
    pub run: Option<String>,
    #[command(flatten)]
    pub plan: PlanArgs,
    /// All that the flags select, whatever the lake's lake.toml wants
    #[arg(long, conflicts_with = "run")]
    pub everything: bool,
    /// Exit statuses for people (usual: 0, 1, 2, 30, 130) or for schedulers (engine: 0 done, 10 retry, 20 configuration,
    /// 30 quota used up) [default: engine with --run, or under a scheduler]
    #[arg(long, value_enum, value_name = "FOR")]
    pub exit_codes: Option<Codes>,
    #[command(flatten)]
    pub metrics: MetricsArgs,
    #[command(flatten)]
    pub row_checks: RowCheckArgs,
    /// Files downloaded at the same time
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = at_least_one)]
    pub max_workers: usize,
    /// Show the plan, and download nothing
    #[arg(long)]
    pub dry_run: bool,
}

#[derive(Args, Debug)]
pub struct ValidateArgs {
    #[command(flatten)]
    pub selection: SelectionArgs,
    /// All that the flags select, whatever the lake's lake.toml wants
    #[arg(long)]
    pub everything: bool,
    /// Whose data: the vendor's, by the instrument tables; or that of live recordings, by what their captures were subscribed to
    #[arg(long, value_name = "ORIGIN", default_value_t = Origin::Vendor)]
    pub origin: Origin,
    #[command(flatten)]
    pub depth: DepthArgs,
    #[command(flatten)]
    pub allow: AllowArgs,
    /// With --deep: ask Tardis whether its files have changed since they were downloaded
    #[arg(long, requires = "deep")]
    pub recheck: bool,
    /// Write a report, in the format of its ending: .json or .html
    #[arg(long, num_args = 1.., value_name = "FILE")]
    pub report: Vec<PathBuf>,
    #[command(flatten)]
    pub source: SourceArgs,
}

#[derive(Args, Clone, Debug)]
pub struct DepthArgs {
    /// Read and verify the footer of every object
    #[arg(long)]
    pub deep: bool,
    /// Verify the checksums of every byte, without decoding rows
    #[arg(long, conflicts_with = "sample")]
    pub bytes: bool,
    /// With --deep: read all rows of a share of the objects; 4% each day covers the lake in 25 days
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
pub struct ConvertArgs {
    /// A Tardis file, .csv or .csv.gz, or - for stdin
    pub file: PathBuf,
    /// Output file, ending in .parquet, .csv or .jsonl, or - for CSV on stdout
    #[arg(long, short, value_name = "FILE")]
    pub output: PathBuf,
    /// Replace the output if it exists
    #[arg(long)]
    pub force: bool,
    /// Instrument key, if the symbol of the rows is not enough
    #[arg(long, value_name = "KEY")]
    pub instrument: Option<InstrumentKey>,
    /// Data type, if header and file name are not enough
    #[arg(long, value_name = "TYPE")]
    pub data_type: Option<DataType>,
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
