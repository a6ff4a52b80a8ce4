//! One instrument's market as it moves: a book, trades and tickers of the seeded market, and the ids that a venue numbers them with.

pub(super) mod book;
pub(super) mod universe;

use crate::generate::decimal::Decimal;
use crate::generate::market::ladder::{Ladder, Level, Shape, Side, Step};
use crate::generate::market::maker::shape;
use crate::generate::market::option::{self, MarketState, OptionState};
use crate::generate::market::value::Value;
use crate::generate::rng::{Rng, hash};
use crate::generate::times::HOUR_US;
use crate::generate::universe::assets::Tier;
use crate::generate::universe::listing::Listing;
use book::{Moved, changes};

/// How a venue numbers its book updates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Numbering {
    /// The first id follows the last one of the update before.
    Contiguous,
    /// Ids are of the whole venue: the first one is greater than the last one of the update before, mostly by more than 1.
    Sparse,
    /// One more with each update.
    Counter,
}

/// A trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Print {
    /// Contiguous for the instrument.
    pub(super) id: i64,
    /// Price in price steps.
    pub(super) tick: i64,
    /// Amount in amount steps.
    pub(super) lots: i64,
    /// Whether the taker bought.
    pub(super) is_buy: bool,
    pub(super) is_liquidation: bool,
}

/// The ids of a book update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ids {
    pub(super) first: i64,
    pub(super) last: i64,
    /// Last id of the update before.
    pub(super) before: i64,
}

/// A market. After each step it holds what the step changed.
#[derive(Debug)]
pub(super) struct Market {
    pub(super) listing: Listing,
    /// The symbol in messages.
    pub(super) symbol: String,
    /// Streams of it, as numbers of the hub.
    pub(super) streams: Vec<usize>,
    value: Value,
    shape: Shape,
    ladder: Ladder,
    step: Step,
    rng: Rng,
    numbering: Numbering,
    /// The book, best first.
    pub(super) bids: Vec<Level>,
    pub(super) asks: Vec<Level>,
    /// The book before the last step.
    pub(super) former: [Vec<Level>; 2],
    /// Of the last step.
    pub(super) moved: Vec<Moved>,
    pub(super) prints: Vec<Print>,
    pub(super) ids: Ids,
    pub(super) has_new_best: bool,
    pub(super) has_new_ticker: bool,
    /// The venue's clock at the last step, microseconds since the Unix epoch, UTC.
    pub(super) at_us: i64,
    /// Steps so far.
    pub(super) steps: u64,
    /// The next step of a natural pace.
    pub(super) due_us: i64,
    trade_id: i64,
    /// Last price in price steps.
    pub(super) last: i64,
    open_lots: i64,
    pub(super) option: OptionState,
    /// Whether the checksum of this step is to be wrong.
    pub(super) has_wrong_checksum: bool,
    /// Whether this step is to be sent as a snapshot.
    pub(super) is_reset: bool,
    /// By how much the venue's clock is off, microseconds.
    pub(super) clock_off_us: i64,
}

const FUNDING_EVERY_US: i64 = 8 * HOUR_US;

impl Market {
    /// Opens a market at a time.
    pub(super) fn open(
        listing: Listing,
        symbol: String,
        venue: &str,
        seed: u64,
        numbering: Numbering,
        now_us: i64,
    ) -> Market {
        let mut rng = Rng::new(seed, &["socket", venue, &symbol]);
        let value = Value::of(&listing, seed);
        let target = target(&listing, &value, now_us);
        let shape = shape(&listing, target);
        let ladder = Ladder::new(shape, target, &mut rng);
        let number = hash(seed, &["ids", venue, &symbol]) % 1_000_000_000;
        let last = 1_000_000_000 + number as i64;
        let (bids, asks) = (ladder.levels(Side::Bid).to_vec(), ladder.levels(Side::Ask).to_vec());
        let mut market = Market {
            symbol,
            streams: Vec::new(),
            value,
            shape,
            ladder,
            step: Step::default(),
            numbering,
            bids,
            asks,
            former: [Vec::new(), Vec::new()],
            moved: Vec::new(),
            prints: Vec::new(),
            ids: Ids { first: last, last, before: last - 1 },
            has_new_best: false,
            has_new_ticker: false,
            at_us: now_us,
            steps: 0,
            due_us: now_us,
            trade_id: 1_000_000 + number as i64 % 900_000,
            last: target,
            open_lots: listing.usual_lots * (2_000 + rng.below(9_000) as i64),
            option: OptionState::default(),
            has_wrong_checksum: false,
            is_reset: false,
            clock_off_us: 0,
            rng,
            listing,
        };
        market.publish_option(now_us);
        market
    }

    /// Moves the market one step, at a time of the venue's clock.
    pub(super) fn step(&mut self, now_us: i64) {
        let jitter = self.rng.between(-self.shape.gap / 2, self.shape.gap / 2);
        let target = target(&self.listing, &self.value, now_us) + jitter;
        let target = self.shape.lowest.map_or(target, |lowest| target.max(lowest - 1));
        self.step.clear();
        self.ladder.step(target, &mut self.rng, &mut self.step);
        if self.rng.chance(3_500) {
            let side = if self.rng.chance(5_000) { Side::Ask } else { Side::Bid };
            self.ladder.take_best(side, &mut self.rng, &mut self.step);
        }
        let best = (self.bids.first().copied(), self.asks.first().copied());
        self.moved.clear();
        changes(&self.bids, self.ladder.levels(Side::Bid), Side::Bid, &mut self.moved);
        changes(&self.asks, self.ladder.levels(Side::Ask), Side::Ask, &mut self.moved);
        std::mem::swap(&mut self.former[0], &mut self.bids);
        std::mem::swap(&mut self.former[1], &mut self.asks);
        copy(&mut self.bids, self.ladder.levels(Side::Bid));
        copy(&mut self.asks, self.ladder.levels(Side::Ask));
        self.has_new_best = best != (self.bids.first().copied(), self.asks.first().copied());
        self.number();
        self.print();
        self.steps += 1;
        self.has_new_ticker = self.steps.is_multiple_of(3) || self.listing.option.is_some();
        if self.has_new_ticker {
            self.open_lots =
                (self.open_lots + self.rng.between(-self.listing.usual_lots, self.listing.usual_lots)).max(1);
            self.publish_option(now_us);
        }
        (self.has_wrong_checksum, self.is_reset) = (false, false);
        self.at_us = now_us + self.clock_off_us;
    }

    /// Gives the step its ids.
    fn number(&mut self) {
        if self.moved.is_empty() {
            return;
        }
        let before = self.ids.last;
        let count = self.moved.len() as i64;
        let (first, last) = match self.numbering {
            Numbering::Contiguous => (before + 1, before + count),
            Numbering::Sparse => {
                let first = before + 1 + self.rng.below(40) as i64;
                (first, first + count - 1 + self.rng.below(9) as i64)
            }
            Numbering::Counter => (before + 1, before + 1),
        };
        self.ids = Ids { first, last, before };
    }

    fn print(&mut self) {
        self.prints.clear();
        for fill in &self.step.fills {
            self.trade_id += 1;
            self.prints.push(Print {
                id: self.trade_id,
                tick: fill.level.tick,
                lots: fill.level.lots.max(1),
                is_buy: fill.side == Side::Ask,
                is_liquidation: self.rng.chance(300),
            });
            self.last = fill.level.tick;
        }
    }

    fn publish_option(&mut self, now_us: i64) {
        let state = MarketState {
            bid: self.bids.first().copied(),
            ask: self.asks.first().copied(),
            last: Some(self.last),
            open_interest: self.open_lots,
        };
        self.option = option::publish(&self.listing, &self.value, now_us, state, &mut self.rng);
    }

    /// Microseconds to the next step at a natural pace: a tenth of a second for a busy instrument, half a minute for a quiet one.
    pub(super) fn pause(&mut self) -> i64 {
        let mean_us = match self.listing.tier {
            Tier::Major => 100_000,
            Tier::Middle => 400_000,
            Tier::Minor => 2_000_000,
            Tier::Tail => 30_000_000,
        };
        mean_us / 2 + self.rng.below(mean_us as u64) as i64
    }

    /// Id of the last trade.
    pub(super) fn last_trade(&self) -> i64 {
        self.trade_id
    }

    /// The mark price.
    pub(super) fn mark(&self) -> Decimal {
        Decimal::round(self.value.at(self.at_us), (self.listing.price_step.scale + 2).min(9))
    }

    /// The price of the index.
    pub(super) fn index(&self) -> Decimal {
        let index = self.value.index(self.at_us) * self.listing.coins as f64;
        Decimal::round(index, (self.listing.price_step.scale + 1).min(9))
    }

    /// The open interest.
    pub(super) fn open_interest(&self) -> Decimal {
        self.listing.amount(self.open_lots)
    }

    /// When the next funding is, microseconds since the Unix epoch, UTC.
    pub(super) fn funding_us(&self) -> i64 {
        self.at_us - self.at_us.rem_euclid(FUNDING_EVERY_US) + FUNDING_EVERY_US
    }

    /// The rate of that funding, or of the one after it.
    pub(super) fn funding_rate(&self, later: i64) -> Decimal {
        let time = self.funding_us() + later * FUNDING_EVERY_US + self.at_us.div_euclid(60_000_000);
        let bits = hash(0, &["rate", &self.symbol, &time.to_string()]);
        Decimal::new((bits % 40_000) as i64 - 10_000, 8)
    }

    /// Appends the changes of the last step within so many levels of a side. A level that fell out is not mentioned, one that came
    /// back in is new.
    pub(super) fn moved_within(&self, depth: usize, out: &mut Vec<Moved>) {
        let [old_bids, old_asks] = &self.former;
        for (old, new, side) in [(old_bids, &self.bids, Side::Bid), (old_asks, &self.asks, Side::Ask)] {
            let start = out.len();
            let cut = |levels: &[Level]| levels.len().min(depth);
            changes(&old[..cut(old)], &new[..cut(new)], side, out);
            let fell_out = |moved: &Moved| {
                moved.action == book::Action::Delete && new.iter().any(|level| level.tick == moved.level.tick)
            };
            let kept: Vec<Moved> = out.drain(start..).filter(|moved| !fell_out(moved)).collect();
            out.extend(kept);
        }
    }

    /// Sets the ids of this step, as after a restart of the venue's service.
    pub(super) fn renumber(&mut self, ids: Ids) {
        self.ids = ids;
    }
}

fn target(listing: &Listing, value: &Value, us: i64) -> i64 {
    (value.at(us) / listing.price_step.to_f64()).round() as i64
}

fn copy(to: &mut Vec<Level>, from: &[Level]) {
    to.clear();
    to.extend_from_slice(from);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn market(numbering: Numbering) -> Market {
        let symbols =
            universe::Symbols::of("binance-futures", 1, 1_790_000_000_000_000, &["btcusdt".to_owned()]);
        let (listing, symbol) = symbols.find("BTCUSDT").unwrap();
        Market::open(
            listing.clone(),
            symbol.to_owned(),
            "binance-futures",
            1,
            numbering,
            1_790_000_000_000_000,
        )
    }

    #[test]
    fn ids_follow_the_rule_and_trades_are_contiguous() {
        for numbering in [Numbering::Contiguous, Numbering::Sparse, Numbering::Counter] {
            let mut market = market(numbering);
            let (mut before, mut trade) = (market.ids.last, market.last_trade());
            let mut jumps = 0;
            for step in 1..2_000 {
                market.step(1_790_000_000_000_000 + step * 100_000);
                for print in &market.prints {
                    assert_eq!(print.id, trade + 1);
                    trade = print.id;
                }
                if market.moved.is_empty() {
                    assert_eq!(market.ids.last, before);
                    continue;
                }
                let ids = market.ids;
                assert_eq!(ids.before, before);
                assert!(ids.first <= ids.last);
                match numbering {
                    Numbering::Contiguous => assert_eq!(ids.first, before + 1),
                    Numbering::Counter => assert_eq!((ids.first, ids.last), (before + 1, before + 1)),
                    Numbering::Sparse => jumps += i32::from(ids.first > before + 1),
                }
                before = ids.last;
            }
            assert!(trade > market.last_trade() - 2_000 && market.steps == 1_999);
            assert_eq!(jumps > 100, numbering == Numbering::Sparse);
        }
    }

    #[test]
    fn what_is_sent_makes_the_book() {
        let mut market = market(Numbering::Contiguous);
        let side = |levels: &[Level]| {
            levels.iter().map(|l| (l.tick, l.lots)).collect::<std::collections::BTreeMap<_, _>>()
        };
        let (mut bids, mut asks) = (side(&market.bids), side(&market.asks));
        for step in 1..3_000 {
            market.step(1_790_000_000_000_000 + step * 1_000_000);
            for moved in &market.moved {
                let book = if moved.side == Side::Bid { &mut bids } else { &mut asks };
                if moved.level.lots == 0 {
                    assert!(book.remove(&moved.level.tick).is_some());
                } else {
                    book.insert(moved.level.tick, moved.level.lots);
                }
            }
            assert_eq!((&bids, &asks), (&side(&market.bids), &side(&market.asks)));
            assert!(bids.last_key_value().unwrap().0 < asks.first_key_value().unwrap().0);
        }
    }
}
