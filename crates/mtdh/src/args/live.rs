//! Flags of `live`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use mtdh_core::candle::Timeframe;
use mtdh_core::key::InstrumentKey;
use mtdh_core::{DataType, Day};
use mtdh_engine::live::record::Instead;

use super::compare::LiveCompareArgs;
use super::fleet::MetricsArgs;
use super::parse_venue;
use super::serve::ServeArgs;
use crate::time;

#[derive(Debug, Subcommand)]
pub enum LiveCommand {
    /// Record exchanges' live feeds into the lake, until Ctrl-C
    Record(Box<LiveRecordArgs>),
    /// Record, and serve what is recorded and the lake over HTTP: tardis-machine's live stream, events, the page
    Serve(Box<LiveServeArgs>),
    /// Make rows of recorded files, offline
    Replay(LiveReplayArgs),
    /// Make a day's rows again from the lake's captures, and compare them
    Rebuild(LiveRebuildArgs),
    /// Compare a day's live rows with the vendor's files, each difference with its cause
    Compare(LiveCompareArgs),
    /// Show what recordings wrote: age of the last message, gaps
    Status,
}

#[derive(Args, Clone, Debug)]
pub struct LiveRecordArgs {
    /// Venues of --symbols, for example BINANCE-FUTURES. Experimental ones, of which no recording was ever read, are marked when
    /// the recording begins: all but BINANCE, BINANCE-FUTURES and DERIBIT may be
    #[arg(long, num_args = 1.., value_delimiter = ',', value_name = "VENUE", value_parser = parse_venue, required_unless_present = "instruments")]
    pub venues: Vec<String>,

    /// Symbols as the exchange writes them, for example BTCUSDT; of each of the venues
    #[arg(long, num_args = 1.., value_delimiter = ',', value_name = "SYMBOL", requires = "venues", required_unless_present = "instruments")]
    pub symbols: Vec<String>,

    /// Instrument keys of the lake's newest instrument tables
    #[arg(long, num_args = 1.., value_delimiter = ',', value_name = "KEY")]
    pub instruments: Vec<InstrumentKey>,

    /// Data types [default: all that the venue's feed has, without options_chain]
    #[arg(long, alias = "data-type", num_args = 1.., value_delimiter = ',', value_name = "TYPE")]
    pub data_types: Vec<DataType>,

    /// Write captures only, and no rows; the first step with a venue, before `live replay`
    #[arg(long)]
    pub capture_only: bool,

    /// How old what was received becomes before it survives a power loss; 0s: no older than a write
    #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = duration)]
    pub durable: Duration,

    /// How often rows become Parquet parts
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = duration)]
    pub parts: Duration,

    /// Record from a tardis-machine's WebSocket, for example ws://localhost:8001, in place of the exchanges' own; it normalises
    /// messages, checks no sequence, and its times of arrival are those of rows
    #[arg(long, value_name = "URL", value_parser = machine)]
    pub machine: Option<Instead>,

    /// Folder of captures, needed if the lake is a bucket [default: in the lake]
    #[arg(long, value_name = "DIR")]
    pub capture_dir: Option<PathBuf>,

    /// Also make candles of these timeframes as rows arrive, for those who follow; the lake's candles are made by `candles`
    #[arg(long, num_args = 1.., value_delimiter = ',', value_name = "LENGTH", conflicts_with = "capture_only")]
    pub candles: Vec<Timeframe>,

    /// Also check rows, and the candles of --candles, as they arrive; the lake keeps what is found
    #[arg(long, conflicts_with = "capture_only")]
    pub check: bool,

    /// Compare final candles with the exchange's own klines, where it has them; asks the exchange
    #[arg(long, requires = "check", requires = "candles")]
    pub klines: bool,

    /// Stop after this time, for example 90s, 5m or 1h [default: at Ctrl-C]
    #[arg(long = "for", value_name = "DURATION", value_parser = duration)]
    pub limit: Option<Duration>,

    #[command(flatten)]
    pub metrics: MetricsArgs,
}

#[derive(Args, Clone, Debug)]
pub struct LiveServeArgs {
    #[command(flatten)]
    pub record: LiveRecordArgs,

    #[command(flatten)]
    pub serve: ServeArgs,
}

#[derive(Args, Clone, Debug)]
pub struct LiveReplayArgs {
    /// Captures (.mtr), Tardis' raw slices, or recordings with a time before each message; also compressed with gzip
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,

    /// The venue that sent the messages
    #[arg(long, value_name = "VENUE", value_parser = parse_venue)]
    pub venue: String,

    /// Symbols as the exchange writes them [default: all that the messages name]
    #[arg(long, num_args = 1.., value_delimiter = ',', value_name = "SYMBOL")]
    pub symbols: Vec<String>,

    /// Data types [default: all that the venue's feed has]
    #[arg(long, alias = "data-type", num_args = 1.., value_delimiter = ',', value_name = "TYPE")]
    pub data_types: Vec<DataType>,
}

#[derive(Args, Clone, Debug)]
pub struct LiveRebuildArgs {
    /// The day, UTC
    #[arg(long, value_name = "DAY", value_parser = time::day)]
    pub day: Day,

    /// Venues [default: all that the lake has captures of]
    #[arg(long, num_args = 1.., value_delimiter = ',', value_name = "VENUE", value_parser = parse_venue)]
    pub venues: Vec<String>,
}

/// The address of a tardis-machine.
fn machine(text: &str) -> Result<Instead, String> {
    let wrong = || format!("`{text}` is no address of a WebSocket; write ws://localhost:8001");
    Instead::parse(text).filter(|instead| instead.websocket.is_some()).ok_or_else(wrong)
}

/// A number with its unit: `250ms`, `90s`, `5m`, `1h`, `2d`.
fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is no duration; write 250ms, 90s, 5m or 1h");
    let digits = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let milliseconds = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(wrong()),
    };
    number.checked_mul(milliseconds).map(Duration::from_millis).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for bad in
            ["", "5", "s", "5 s", "-1s", "1.5s", "5y", "99999999999999999999s", "18446744073709551615h"]
        {
            assert!(duration(bad).is_err(), "{bad}");
        }
        for (text, milliseconds) in
            [("0s", 0), ("250ms", 250), ("90s", 90_000), ("5m", 300_000), ("1h", 3_600_000)]
        {
            assert_eq!(duration(text), Ok(Duration::from_millis(milliseconds)));
        }
    }
}
