//! Flags of `sim`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use mtdh_core::moment::TimeValue;

use crate::time;

#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub struct SimArgs {
    /// The exchanges' WebSockets in its place
    #[command(subcommand)]
    pub of: Option<SimCommand>,
    /// Port [default: a free one]
    #[arg(long)]
    pub port: Option<u16>,
    /// Seed of the simulated data
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// A JSON file with faults to simulate
    #[arg(long, value_name = "FILE")]
    pub faults: Option<PathBuf>,
    /// A bucket to create in the simulated GCS
    #[arg(long, value_name = "NAME", default_value = "market-data-tick")]
    pub bucket: String,
    /// Simulate fewer instruments
    #[arg(long)]
    pub small: bool,
    /// The simulated time [default: 2024-03-03T12:00]
    #[arg(long, value_name = "TIME", value_parser = time::value)]
    pub now: Option<TimeValue>,
    /// Stop after N seconds [default: at Ctrl-C]
    #[arg(long, value_name = "N")]
    pub seconds: Option<u64>,
}

#[derive(Debug, Subcommand)]
pub enum SimCommand {
    /// Play exchanges' WebSockets and REST, from simulated markets
    Exchange(SimExchangeArgs),
    /// Serve recorded traffic to whoever subscribes to it
    Replay(SimReplayArgs),
}

#[derive(Args, Debug)]
pub struct SimExchangeArgs {
    /// Venues, such as binance-futures [default: all]
    #[arg(value_name = "VENUE")]
    pub venues: Vec<String>,
    /// Symbols that exist, as the venue writes them [default: all that are simulated]
    #[arg(long, value_name = "SYMBOL", num_args = 1.., value_delimiter = ',')]
    pub symbols: Vec<String>,
    /// Messages a second and venue, or `max`: as fast as the clients read [default: as the markets move]
    #[arg(long, value_name = "N", value_parser = rate)]
    pub rate: Option<Rate>,
    /// Put the time of sending, in microseconds, into Binance's event time
    #[arg(long)]
    pub stamp: bool,
    /// Updates by which a snapshot over REST is older than the stream
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub snapshot_lag: usize,
    #[command(flatten)]
    pub common: SimSocketArgs,
}

#[derive(Args, Debug)]
pub struct SimReplayArgs {
    /// Recordings: files of lines, plain or gzip
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// The venue that they are of
    #[arg(long, value_name = "VENUE")]
    pub venue: String,
    /// How fast: `1` as recorded, `60` sixty times that, `max` as fast as the client reads
    #[arg(long, value_name = "N", default_value = "1", value_parser = rate)]
    pub pace: Rate,
    #[command(flatten)]
    pub common: SimSocketArgs,
}

#[derive(Args, Debug)]
pub struct SimSocketArgs {
    /// Port [default: a free one]
    #[arg(long)]
    pub port: Option<u16>,
    /// Seed of the simulated data
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Simulated seconds in a real one
    #[arg(long, value_name = "N", default_value_t = 1.0)]
    pub speed: f64,
    /// The simulated time at the start [default: now]
    #[arg(long, value_name = "TIME", value_parser = time::value)]
    pub now: Option<TimeValue>,
    /// A JSON file with faults to simulate
    #[arg(long, value_name = "FILE")]
    pub faults: Option<PathBuf>,
    /// Write what the faults did to FILE, a JSON object a line
    #[arg(long, value_name = "FILE")]
    pub truth: Option<PathBuf>,
    /// Write broken limits to FILE, a JSON object a line
    #[arg(long, value_name = "FILE")]
    pub breaches: Option<PathBuf>,
    /// Stop after N seconds [default: at Ctrl-C]
    #[arg(long, value_name = "N")]
    pub seconds: Option<u64>,
}

/// A number a second, or all that goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rate {
    Number(f64),
    Most,
}

fn rate(text: &str) -> Result<Rate, String> {
    match text.parse::<f64>() {
        _ if text == "max" => Ok(Rate::Most),
        Ok(number) if number > 0.0 && number.is_finite() => Ok(Rate::Number(number)),
        _ => Err("a number above 0, or max".to_owned()),
    }
}
