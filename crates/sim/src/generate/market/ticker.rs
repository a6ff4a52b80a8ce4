//! The derivative ticker: funding, open interest, last, index and mark price.

use super::message::Source;
use super::value::Value;
use crate::generate::decimal::Decimal;
use crate::generate::rng::{Rng, hash, unit};
use crate::generate::times::HOUR_US;
use crate::generate::universe::listing::Kind;
use crate::generate::universe::profile::TickerCells;

/// The latest values of a derivative that day; `None`: not published yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TickerState {
    /// Next funding, microseconds since the Unix epoch, UTC.
    pub(crate) funding_us: Option<i64>,
    pub(crate) funding_rate: Option<Decimal>,
    pub(crate) predicted_rate: Option<Decimal>,
    pub(crate) open_interest: Option<Decimal>,
    pub(crate) last: Option<Decimal>,
    pub(crate) index: Option<Decimal>,
    pub(crate) mark: Option<Decimal>,
}

/// The ticker of one instrument's day.
#[derive(Debug)]
pub(super) struct Ticker {
    state: TickerState,
    cells: TickerCells,
    open_lots: i64,
    seed: u64,
}

const FUNDING_EVERY_US: i64 = 8 * HOUR_US;

impl Ticker {
    /// Starts a day without values.
    pub(super) fn new(source: Source<'_>) -> Ticker {
        let seed = hash(source.seed, &["ticker", source.profile.id, &source.listing.id]);
        let is_dated = source.listing.kind == Kind::Future;
        let cells = source.profile.ticker;
        let cells = if is_dated {
            TickerCells { funding_time: false, funding_rate: false, predicted: false, ..cells }
        } else {
            cells
        };
        let open_lots = source.listing.usual_lots * (2_000 + (seed % 9_000) as i64);
        Ticker { state: TickerState::default(), cells, open_lots, seed }
    }

    /// Applies one message of the exchange and returns the new state. `None`: nothing changed.
    pub(super) fn update(
        &mut self,
        source: Source<'_>,
        value: &Value,
        us: i64,
        last: Option<i64>,
        rng: &mut Rng,
    ) -> Option<TickerState> {
        let before = self.state;
        let listing = source.listing;
        match rng.below(8) {
            0 => self.update_funding(us),
            1 => {
                self.open_lots =
                    (self.open_lots + rng.between(-listing.usual_lots, listing.usual_lots)).max(1);
                let open_interest = listing.amount(self.open_lots);
                self.state.open_interest = self.cells.open_interest.then_some(open_interest);
            }
            2 | 3 => self.state.last = last.filter(|_| self.cells.last).map(|tick| listing.price(tick)),
            _ => {
                let index = value.index(us) * listing.coins as f64;
                let scale = (listing.price_step.scale + 2).min(9);
                self.state.index = self.cells.index.then(|| Decimal::round(index, scale));
                self.state.mark = self.cells.mark.then(|| Decimal::round(value.at(us), scale));
            }
        }
        (self.state != before).then_some(self.state)
    }

    fn update_funding(&mut self, us: i64) {
        let next = us - us.rem_euclid(FUNDING_EVERY_US) + FUNDING_EVERY_US;
        self.state.funding_us = self.cells.funding_time.then_some(next);
        self.state.funding_rate = self.cells.funding_rate.then(|| self.rate(next));
        self.state.predicted_rate = self.cells.predicted.then(|| self.rate(next + FUNDING_EVERY_US));
    }

    /// Returns a funding rate: often 0.01 %, sometimes negative, sometimes tiny.
    fn rate(&self, funding_us: i64) -> Decimal {
        let bits = hash(self.seed, &["rate", &funding_us.to_string()]);
        match bits % 10 {
            0..=3 => Decimal::new(1, 4),
            4 => Decimal::new((bits >> 8) as i64 % 90 - 45, 8),
            _ => Decimal::round(unit(bits) * 0.000_8 - 0.000_2, 8),
        }
    }
}
