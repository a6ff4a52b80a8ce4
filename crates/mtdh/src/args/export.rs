//! The options of `export`.

use clap::{Args, Subcommand};
use mtdh_core::DayRange;
use mtdh_core::hive::TableWord;

use super::FilterArgs;
use crate::time;

#[derive(Debug, Subcommand)]
pub enum ExportCommand {
    /// Folders date=…/venue=…/instrument_type=…, for Spark, BigQuery, Windows and every reader of Hive's layout
    Hive(HiveArgs),
    /// The same, and a Delta table of each folder: as hive --delta
    Delta(HiveArgs),
}

#[derive(Args, Debug)]
pub struct HiveArgs {
    /// A folder, gs://BUCKET[/PREFIX] or s3://BUCKET[/PREFIX]; a folder is made if there is none
    #[arg(long, short, alias = "to", value_name = "URL", required = true)]
    pub out: String,

    /// First day, or a month: 2024-03-01, 2024-03, yesterday or today; UTC [default: the first in the lake]
    #[arg(long, value_name = "DAY", value_parser = time::days)]
    pub start_date: Option<DayRange>,

    /// Last day or month, included [default: the first day given, else the last in the lake]
    #[arg(long, value_name = "DAY", value_parser = time::days)]
    pub end_date: Option<DayRange>,

    #[command(flatten)]
    pub filters: FilterArgs,

    /// Tables: data types, candles, candles_1m, instruments [default: all; of --data-types: these]
    #[arg(long, num_args = 1.., value_delimiter = ',', value_name = "TABLE", conflicts_with = "data_types")]
    pub tables: Vec<TableWord>,

    /// All that the flags select, whatever the lake's lake.toml wants
    #[arg(long)]
    pub everything: bool,

    /// One file a venue, instrument type and day, sorted by instrument; else one an object
    #[arg(long)]
    pub compact: bool,

    /// Keep a Delta table of each table: a log beside its files
    #[arg(long)]
    pub delta: bool,

    /// Prove every byte of the objects before they are exported
    #[arg(long)]
    pub verify: bool,

    /// Export nothing if a partition is missing
    #[arg(long)]
    pub strict: bool,
}
