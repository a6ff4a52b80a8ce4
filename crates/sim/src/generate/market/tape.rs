//! Trades: their ids and who took.

use mtdh_core::Day;

use super::{Source, Taker, Trade};
use crate::generate::rng::{Rng, hash};
use crate::generate::universe::listing::Margin;
use crate::generate::universe::profile::TradeId;

/// The id of a trade or a liquidation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum TradeNumber {
    None,
    Plain(u64),
    /// With the base currency before it.
    Prefixed(u64),
    Uuid(u128),
}

/// Where the numbers of an instrument's day begin: later days have larger ones, and days never overlap.
#[derive(Debug)]
pub(super) struct Numbers {
    style: TradeId,
    next: u64,
}

/// More trades than any simulated day has.
const TRADES_OF_A_DAY: u64 = 200_000;

impl Numbers {
    pub(super) fn new(source: Source<'_>, day: Day) -> Numbers {
        let is_bitcoin = source.listing.base == "BTC" || source.listing.margin == Margin::Linear;
        let style = match source.profile.trade_id {
            TradeId::Prefixed if is_bitcoin => TradeId::Rising,
            style => style,
        };
        let day_number = (day.start_us() / mtdh_core::day::DAY_US) as u64;
        let offset = hash(source.seed, &["ids", source.profile.id, &source.listing.id]) % 1_000_000;
        let first = day_number * TRADES_OF_A_DAY + offset;
        let next = if style == TradeId::Huge { (1 << 56) + first } else { first };
        Numbers { style, next }
    }

    pub(super) fn next(&mut self, rng: &mut Rng) -> TradeNumber {
        self.next += 1;
        match self.style {
            TradeId::Rising | TradeId::Huge => TradeNumber::Plain(self.next),
            TradeId::Prefixed => TradeNumber::Prefixed(self.next),
            TradeId::Uuid => uuid(rng),
            TradeId::Empty => TradeNumber::None,
        }
    }
}

/// A UUID.
pub(super) fn uuid(rng: &mut Rng) -> TradeNumber {
    TradeNumber::Uuid((u128::from(rng.next()) << 64) | u128::from(rng.next()))
}

/// Trades that an exchange sends once more after a reconnection: the last few, now arriving at `local_us`.
pub(super) fn repeated(trades: &[Trade], local_us: i64) -> Vec<Trade> {
    let last = &trades[trades.len().saturating_sub(3)..];
    last.iter()
        .map(|trade| {
            let mut again = *trade;
            again.at.local_us = local_us;
            again
        })
        .collect()
}

impl Taker {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Taker::Buy => "buy",
            Taker::Sell => "sell",
            Taker::Unknown => "unknown",
        }
    }
}
