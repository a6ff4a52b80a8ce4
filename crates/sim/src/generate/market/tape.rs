//! Trade ids and repeated trades.

use mtdh_core::Day;

use super::message::{Source, Trade, TradeNumber};
use crate::generate::rng::{Rng, hash};
use crate::generate::universe::listing::Margin;
use crate::generate::universe::profile::TradeId;

/// The trade ids of an instrument's day. TradeIds increase from day to day and never overlap.
#[derive(Debug)]
pub(super) struct TradeIds {
    style: TradeId,
    next: u64,
}

/// Upper bound of the trades of a day.
const TRADES_OF_A_DAY: u64 = 200_000;

impl TradeIds {
    /// Starts the ids of a day.
    pub(super) fn new(source: Source<'_>, day: Day) -> TradeIds {
        let is_bitcoin = source.listing.base == "BTC" || source.listing.margin == Margin::Linear;
        let style = match source.profile.trade_id {
            TradeId::Prefixed if is_bitcoin => TradeId::Rising,
            style => style,
        };
        let day_number = (day.start_us() / mtdh_core::day::DAY_US) as u64;
        let offset = hash(source.seed, &["ids", source.profile.id, &source.listing.id]) % 1_000_000;
        let first = day_number * TRADES_OF_A_DAY + offset;
        let next = if style == TradeId::Huge { (1 << 56) + first } else { first };
        TradeIds { style, next }
    }

    /// Returns the next id.
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

/// Returns a random UUID.
pub(super) fn uuid(rng: &mut Rng) -> TradeNumber {
    TradeNumber::Uuid((u128::from(rng.next()) << 64) | u128::from(rng.next()))
}

/// Returns the last few trades as the exchange repeats them after a reconnection, arriving at `local_us`.
pub(super) fn repeat_last(trades: &[Trade], local_us: i64) -> Vec<Trade> {
    let last = &trades[trades.len().saturating_sub(3)..];
    last.iter()
        .map(|trade| {
            let mut again = *trade;
            again.at.local_us = local_us;
            again
        })
        .collect()
}
