//! Our candles and those of a reference, for a plot.

use serde::Serialize;

/// Two series of numbers over time, ours and that of another source.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// What is compared, as `BINANCE:SPOT_PAIR:BTC-USDT close 1m, ours against Binance's`.
    pub title: String,
    /// Sorted by time.
    pub points: Vec<ComparisonPoint>,
}

/// One point in time of two series.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ComparisonPoint {
    /// Microseconds since the Unix epoch, UTC.
    pub at_us: i64,
    /// Our value; `None`: we have none.
    pub ours: Option<f64>,
    /// The other source's value; `None`: it has none.
    pub theirs: Option<f64>,
}
