//! What is played: venues, symbols, pace, clock, faults.

use std::path::PathBuf;

use super::fault::SocketFault;

/// The configuration of [`super::Server`].
#[derive(Clone, Debug)]
pub struct SocketConfig {
    /// Tardis' ids of the venues; empty: all of [`super::VENUES`].
    pub venues: Vec<String>,
    /// Symbols that exist, as the venue writes them, in any case; empty: all that the simulated universe has.
    pub symbols: Vec<String>,
    /// Seed of the markets.
    pub seed: u64,
    /// Port on the loopback interface; `None`: a free one.
    pub port: Option<u16>,
    /// How many messages are sent.
    pub pace: Pace,
    /// Simulated seconds in a real one.
    pub speed: f64,
    /// Where the clock begins, microseconds since the Unix epoch, UTC; `None`: now.
    pub start_us: Option<i64>,
    /// Updates by which a snapshot over REST is older than the stream.
    pub snapshot_lag: usize,
    /// Whether the event time of Binance's messages is the time of sending in microseconds, for latencies.
    pub has_stamps: bool,
    /// Whether OKX sends the checksums of before 2026-06-23, and not 0 (reference/live.md 6.3).
    pub has_okx_checksums: bool,
    /// Whether OKX leaves out the first snapshot, as announced for August 2026 (reference/live.md 6.3).
    pub has_no_okx_snapshot: bool,
    /// Faults to plant.
    pub faults: Vec<SocketFault>,
    /// File that follows [`super::Truth`].
    pub truth: Option<PathBuf>,
    /// File that follows [`super::Breach`].
    pub breaches: Option<PathBuf>,
    /// Files of recorded traffic, which is served in place of a market.
    pub recordings: Vec<PathBuf>,
}

impl Default for SocketConfig {
    fn default() -> SocketConfig {
        SocketConfig {
            venues: Vec::new(),
            symbols: Vec::new(),
            seed: 1,
            port: None,
            pace: Pace::Natural,
            speed: 1.0,
            start_us: None,
            snapshot_lag: 0,
            has_stamps: false,
            has_okx_checksums: false,
            has_no_okx_snapshot: false,
            faults: Vec::new(),
            truth: None,
            breaches: None,
            recordings: Vec::new(),
        }
    }
}

/// How many messages a venue sends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// As its markets move: busy ones ten steps a simulated second, quiet ones one in half a minute. Recordings at their own pace.
    Natural,
    /// So many messages a real second, over all streams that somebody is subscribed to.
    PerSecond(u32),
    /// As fast as the clients read.
    Most,
}
