//! Flags of `mtdh get`.

use std::str::FromStr;

use mtdh_core::clock::Clock;
use mtdh_core::moment::TimeValue;
use mtdh_core::partition::Origins;
use mtdh_core::table::UnknownDataType;

use super::*;

#[derive(Args, Debug)]
pub struct GetArgs {
    /// Instrument keys, for example DERIBIT:PERP:BTC-USD, or patterns with * and ?
    #[arg(value_name = "KEY")]
    pub keys: Vec<String>,
    /// More keys or patterns
    #[arg(long, num_args = 1.., value_delimiter = ',', value_name = "KEY")]
    pub instruments: Vec<String>,
    /// Data types, also candles (with --every) and instruments
    #[arg(long, alias = "data-type", num_args = 1.., value_delimiter = ',', value_name = "TYPE")]
    pub data_types: Vec<GetType>,
    /// Candles of this timeframe, made now of the lake's trades; with --data-types candles, those that the lake has
    #[arg(long, value_name = "TIMEFRAME")]
    pub every: Option<Timeframe>,
    /// Start: a day 2024-03-01, a month 2024-03, yesterday, today, or a moment 2024-03-01T12[:30[:15[.5]]][+01:00]; UTC
    #[arg(long, alias = "start-date", value_name = "TIME", value_parser = time::value)]
    pub start: TimeValue,
    /// End: a day or month is included, a moment is not [default: the end of the start's day or month]
    #[arg(long, alias = "end-date", value_name = "TIME", value_parser = time::value)]
    pub end: Option<TimeValue>,
    /// Only these columns, in this order [default: all]
    #[arg(long, num_args = 1.., value_delimiter = ',', value_name = "COLUMN")]
    pub columns: Vec<String>,
    /// At most N rows in each output, the first by time
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub limit: Option<u64>,
    /// Also what each amount is worth: base_amount, quote_amount, settle_amount
    #[arg(long)]
    pub notional: bool,
    /// Refuse, and write nothing, if the lake lacks a day of what is asked for
    #[arg(long)]
    pub strict: bool,
    /// Which time of a row counts, and orders it: arrival at the recorder, or exchange
    #[arg(long, value_name = "CLOCK", default_value_t = Clock::Arrival)]
    pub clock: Clock,
    /// Whose rows: the vendor's, those of live recordings, or both (for a day that the vendor has, the vendor's)
    #[arg(long, value_name = "ORIGIN", default_value_t = Origins::default())]
    pub origin: Origins,
    /// Output file; its ending says the form: .csv, .jsonl (each also .gz or .zst), .parquet, .arrow. {data_type} in its name
    /// makes a file for each data type. - is stdout, as --format csv (default), jsonl, parquet or arrow
    #[arg(long, short, value_name = "FILE", default_value = "-")]
    pub output: PathBuf,
}

/// What can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GetType {
    Ticks(DataType),
    Candles,
    Instruments,
}

impl FromStr for GetType {
    type Err = UnknownDataType;

    fn from_str(text: &str) -> Result<GetType, UnknownDataType> {
        match text.to_lowercase().as_str() {
            "candles" => Ok(GetType::Candles),
            "instruments" => Ok(GetType::Instruments),
            _ => text.parse().map(GetType::Ticks),
        }
    }
}
