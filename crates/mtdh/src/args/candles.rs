//! Flags of `mtdh candles`.

use super::*;

#[derive(Args, Debug)]
pub struct CandlesArgs {
    /// First day, or a month: 2024-03-01, 2024-03, yesterday or today; UTC [default: that of the lake's lake.toml]
    #[arg(long, value_name = "DAY", value_parser = time::days)]
    pub start_date: Option<DayRange>,
    /// Last day or month, included [default: the first]
    #[arg(long, value_name = "DAY", value_parser = time::days)]
    pub end_date: Option<DayRange>,
    /// Timeframes: any that divide a day; 1d is 24h [default: those that lake.toml wants, else 15s,1m,5m,15m,1h,4h,24h]
    #[arg(long, num_args = 1.., value_delimiter = ',', value_name = "LENGTH")]
    pub timeframes: Vec<Timeframe>,
    /// All that the flags select, whatever the lake's lake.toml wants
    #[arg(long, conflicts_with = "input")]
    pub everything: bool,
    /// Intervals without trades: leave them out, or repeat the last close
    #[arg(long, value_enum, default_value_t = FillArg::None)]
    pub fill: FillArg,
    #[command(flatten)]
    pub filters: FilterArgs,
    #[command(flatten)]
    pub shard: ShardArgs,
    /// Whose trades: the vendor's, or those of live recordings
    #[arg(long, value_name = "ORIGIN", default_value_t = Origin::Vendor)]
    pub origin: Origin,
    /// Build also candles that are up to date
    #[arg(long)]
    pub force: bool,
    /// Show what would be built, and build nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Instruments worked on at the same time [default: the number of processors]
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub max_workers: Option<usize>,
    /// Parquet files with one instrument's trades, in order, instead of the lake
    #[arg(long, num_args = 1.., value_name = "FILE", requires = "output",
          conflicts_with_all = ["start_date", "end_date", "force", "dry_run", "max_workers", "shard_index", "total_shards",
                                "venues", "instrument_types", "data_types", "instruments", "universe", "max_instruments"])]
    pub input: Vec<PathBuf>,
    /// Unit of times in --input that are bare numbers: s, ms, us or ns
    #[arg(long, value_name = "UNIT", requires = "input")]
    pub time_unit: Option<TimeUnit>,
    /// Folder for the candles of --input: 1m.parquet and so on
    #[arg(long, short, value_name = "DIR", requires = "input")]
    pub output: Option<PathBuf>,
}

/// How intervals without trades are filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FillArg {
    /// No candle
    None,
    /// A candle at the last close, without volume
    Flat,
}
