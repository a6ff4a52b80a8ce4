//! Flags of `mtdh get`.

use mtdh_core::clock::Clock;
use mtdh_core::moment::TimeValue;
use mtdh_core::partition::Origins;

use super::*;

#[derive(Args, Debug)]
pub struct GetArgs {
    /// Instrument key, for example DERIBIT:PERP:BTC-USD
    pub key: String,
    /// Data type
    #[arg(long, value_name = "TYPE")]
    pub data_type: DataType,
    /// Start: a day 2024-03-01, a month 2024-03, yesterday, today, or a moment 2024-03-01T12[:30[:15[.5]]][+01:00]; UTC
    #[arg(long, value_name = "TIME", value_parser = time::value)]
    pub start: TimeValue,
    /// End: a day or month is included, a moment is not [default: the end of the start's day or month]
    #[arg(long, value_name = "TIME", value_parser = time::value)]
    pub end: Option<TimeValue>,
    /// Which time of a row counts, and orders it: arrival at the recorder, or exchange
    #[arg(long, value_name = "CLOCK", default_value_t = Clock::Arrival)]
    pub clock: Clock,
    /// Whose rows: the vendor's, those of live recordings, or both (for a day that the vendor has, the vendor's)
    #[arg(long, value_name = "ORIGIN", default_value_t = Origins::default())]
    pub origin: Origins,
    /// Output file, ending in .parquet, .csv or .jsonl, or - for CSV on stdout
    #[arg(long, short, value_name = "FILE", default_value = "-")]
    pub output: PathBuf,
}
