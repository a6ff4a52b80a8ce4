//! Flags of `live compare`.

use std::path::PathBuf;

use clap::Args;
use mtdh_core::{DataType, Day};

use super::parse_venue;
use crate::time;

#[derive(Args, Clone, Debug)]
pub struct LiveCompareArgs {
    /// The day, UTC
    #[arg(long, value_name = "DAY", value_parser = time::day)]
    pub day: Day,

    /// Venues [default: all that the lake has live rows of]
    #[arg(long, num_args = 1.., value_delimiter = ',', value_name = "VENUE", value_parser = parse_venue)]
    pub venues: Vec<String>,

    /// Data types [default: all]
    #[arg(long, alias = "data-type", num_args = 1.., value_delimiter = ',', value_name = "TYPE")]
    pub data_types: Vec<DataType>,

    /// Instrument keys, or patterns with * and ?
    #[arg(long, num_args = 1.., value_delimiter = ',', value_name = "KEY")]
    pub instruments: Vec<String>,

    /// Also write the report as JSON, with each listed difference
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}
