//! The inputs of a market, and the messages of its exchange.

use super::ladder::Level;
use crate::config::Size;
use crate::generate::universe::listing::Listing;
use crate::generate::universe::profile::Profile;

/// The inputs of a market's day.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source<'a> {
    pub(crate) profile: &'a Profile,
    pub(crate) listing: &'a Listing,
    pub(crate) seed: u64,
    pub(crate) size: Size,
    /// Version of the files, counted from 0.
    pub(crate) issue: u32,
}

/// Exchange timestamp and local timestamp (arrival at the recorder), microseconds since the Unix epoch, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) exchange_us: i64,
    pub(crate) local_us: i64,
}

/// A book message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BookMessage {
    pub(crate) at: Stamp,
    pub(crate) is_snapshot: bool,
    /// End of its changes in the day's list. They begin where those of the message before end.
    pub(crate) end: usize,
}

/// The taker's side of a trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taker {
    Buy,
    Sell,
    Unknown,
}

/// A trade or a liquidation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trade {
    pub(crate) at: Stamp,
    pub(crate) id: TradeNumber,
    pub(crate) taker: Taker,
    /// Price in price steps.
    pub(crate) tick: i64,
    /// Amount in amount steps.
    pub(crate) lots: i64,
}

/// The best bid and offer as the exchange published them; `None`: that side is empty.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Best {
    pub(crate) at: Stamp,
    pub(crate) bid: Option<Level>,
    pub(crate) ask: Option<Level>,
}

impl Taker {
    /// Returns Tardis' word for it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Taker::Buy => "buy",
            Taker::Sell => "sell",
            Taker::Unknown => "unknown",
        }
    }
}

/// The id of a trade or a liquidation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum TradeNumber {
    None,
    Plain(u64),
    /// Prefixed with the base currency.
    Prefixed(u64),
    Uuid(u128),
}
