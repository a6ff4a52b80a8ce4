//! Candles beside those of a reference, for a plot.

use serde::Serialize;

/// Two series of numbers over time, ours and somebody else's.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// What is compared, as `BINANCE:SPOT_PAIR:BTC-USDT close 1m, ours against Binance's`.
    pub title: String,
    /// By time.
    pub points: Vec<ComparisonPoint>,
}

/// One moment of two series.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ComparisonPoint {
    /// Microseconds since the Unix epoch, UTC.
    pub at_us: i64,
    /// Ours; null: we have none.
    pub ours: Option<f64>,
    /// Theirs; null: they have none.
    pub theirs: Option<f64>,
}
