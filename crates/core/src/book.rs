//! An order book made of changes, by the vendor's rules.
//!
//! The rules are those of the vendor's documentation of `incremental_book_L2` and of the code of its open-source clients: changes
//! before the first snapshot are dropped; a message with snapshot rows clears the book first; amount 0 removes a level; where
//! the book is crossed after a message, the best bid goes when the message touched the best ask, else the best ask.
//!
//! It knows no rows and no feed: checks replay stored changes with it, live feeds apply theirs. Start with [`OrderBook::apply`].

use std::collections::VecDeque;

/// A price as an integer that sorts like it; prices are never NaN.
fn order(price: f64) -> i64 {
    let bits = price.to_bits() as i64;
    if bits < 0 { !(bits & i64::MAX) } else { bits }
}

fn price(order: i64) -> f64 {
    f64::from_bits(if order < 0 { (!order as u64) | (1 << 63) } else { order as u64 })
}

/// One changed level.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LevelChange {
    /// Whether it is part of a snapshot.
    pub is_snapshot: bool,
    /// Whether it is an ask.
    pub is_ask: bool,
    /// The level's price, in the quote currency.
    pub price: f64,
    /// The level's new amount, in the unit of the exchange; 0 removes the level.
    pub amount: f64,
}

/// A level of a book: price and amount.
pub type BookLevel = (f64, f64);

/// The levels of one side, the best last: most changes are near it, and a whole book comes in order, so that either end is near.
#[derive(Clone, Debug, Default)]
struct Side {
    /// Rank, greater is better, and amount.
    levels: VecDeque<(i64, f64)>,
}

impl Side {
    fn set(&mut self, rank: i64, amount: f64) {
        let place = self.place(rank);
        match (place, amount == 0.0) {
            (Ok(at), true) => {
                self.levels.remove(at);
            }
            (Ok(at), false) => self.levels[at].1 = amount,
            (Err(_), true) => {}
            (Err(at), false) => self.levels.insert(at, (rank, amount)),
        }
    }

    /// Where the rank is, or would be.
    #[inline]
    fn place(&self, rank: i64) -> Result<usize, usize> {
        // The best few first, one by one.
        let mut at = self.levels.len();
        for _ in 0..4 {
            match at.checked_sub(1).and_then(|last| self.levels.get(last)) {
                Some(level) if level.0 > rank => at -= 1,
                Some(level) if level.0 == rank => return Ok(at - 1),
                _ => return Err(at),
            }
        }
        self.levels.binary_search_by_key(&rank, |level| level.0)
    }

    fn best(&self) -> Option<i64> {
        self.levels.back().map(|level| level.0)
    }

    /// The rank of the level with this place, best first.
    fn nth(&self, place: usize) -> Option<i64> {
        self.levels.len().checked_sub(place + 1).map(|at| self.levels[at].0)
    }

    fn cut(&mut self, levels: usize) {
        let over = self.levels.len().saturating_sub(levels);
        self.levels.drain(..over);
    }
}

/// The rank of an ask: the lowest price is the best.
fn ask_rank(price: f64) -> i64 {
    !order(price)
}

fn ask_price(rank: i64) -> f64 {
    price(!rank)
}

/// The levels of both sides.
#[derive(Clone, Debug, Default)]
pub struct OrderBook {
    asks: Side,
    bids: Side,
    has_snapshot: bool,
}

impl OrderBook {
    /// Whether a snapshot was applied: before it the book is empty, and changes are dropped.
    pub fn has_snapshot(&self) -> bool {
        self.has_snapshot
    }

    /// Applies the changes of one message. Returns the best bid and ask price that crossed or locked the book, before it was
    /// uncrossed; `None` where they did not.
    pub fn apply(&mut self, message: &[LevelChange]) -> Option<(f64, f64)> {
        self.apply_each(message, |_, _| ())
    }

    /// As [`OrderBook::apply`]. Also shows the book within the message: after each change, with the change's place in it.
    pub fn apply_each(
        &mut self,
        message: &[LevelChange],
        mut within: impl FnMut(&OrderBook, usize),
    ) -> Option<(f64, f64)> {
        let mut in_snapshot = false;
        for (place, change) in message.iter().enumerate() {
            if change.is_snapshot && !in_snapshot {
                self.clear();
                self.has_snapshot = true;
            }
            in_snapshot = change.is_snapshot;
            if self.has_snapshot {
                self.set(change);
            }
            within(self, place);
        }
        self.uncross(message)
    }

    /// Forgets all: the book is as before its first snapshot.
    pub fn clear(&mut self) {
        self.asks.levels.clear();
        self.bids.levels.clear();
        self.has_snapshot = false;
    }

    /// Keeps the best levels of each side only.
    pub fn cut(&mut self, levels: usize) {
        self.asks.cut(levels);
        self.bids.cut(levels);
    }

    /// How many levels both sides have.
    pub fn len(&self) -> usize {
        self.asks.levels.len() + self.bids.levels.len()
    }

    /// Whether there is no level.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether a changed price lies within the best levels of its side, as they are now.
    pub(crate) fn is_at_top(&self, change: &LevelChange, levels: usize) -> bool {
        let last = levels.saturating_sub(1);
        if change.is_ask {
            self.asks.nth(last).is_none_or(|rank| ask_rank(change.price) >= rank)
        } else {
            self.bids.nth(last).is_none_or(|rank| order(change.price) >= rank)
        }
    }

    /// Whether the best bid is not below the best ask.
    pub(crate) fn is_crossed(&self) -> bool {
        self.tops().is_some_and(|(bid, ask)| bid >= ask)
    }

    fn set(&mut self, change: &LevelChange) {
        if change.is_ask {
            self.asks.set(ask_rank(change.price), change.amount);
        } else {
            self.bids.set(order(change.price), change.amount);
        }
    }

    /// The best bid and ask, as integers that sort like prices.
    fn tops(&self) -> Option<(i64, i64)> {
        Some((self.bids.best()?, !self.asks.best()?))
    }

    fn uncross(&mut self, message: &[LevelChange]) -> Option<(f64, f64)> {
        let is_crossed = |(bid, ask): &(i64, i64)| bid >= ask;
        let crossing = self.tops().filter(is_crossed)?;
        // Which side goes is decided once, by the best ask before any is removed.
        let touches_ask = message.iter().any(|change| change.is_ask && order(change.price) == crossing.1);
        while self.tops().filter(is_crossed).is_some() {
            if touches_ask {
                self.bids.levels.pop_back();
            } else {
                self.asks.levels.pop_back();
            }
        }
        Some((price(crossing.0), price(crossing.1)))
    }

    /// The asks, best (lowest) first.
    pub fn asks(&self) -> impl Iterator<Item = BookLevel> {
        self.asks.levels.iter().rev().map(|(rank, amount)| (ask_price(*rank), *amount))
    }

    /// The bids, best (highest) first.
    pub fn bids(&self) -> impl Iterator<Item = BookLevel> {
        self.bids.levels.iter().rev().map(|(rank, amount)| (price(*rank), *amount))
    }

    /// The best levels, best first: ask price, ask amount, bid price, bid amount; `None` where the side has no such level.
    pub fn top(&self, levels: usize) -> Vec<[Option<f64>; 4]> {
        let mut top = vec![[None; 4]; levels];
        for (level, (price, amount)) in top.iter_mut().zip(self.asks()) {
            (level[0], level[1]) = (Some(price), Some(amount));
        }
        for (level, (price, amount)) in top.iter_mut().zip(self.bids()) {
            (level[2], level[3]) = (Some(price), Some(amount));
        }
        top
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BID: bool = false;
    const ASK: bool = true;

    fn changes(is_snapshot: bool, levels: &[(bool, f64, f64)]) -> Vec<LevelChange> {
        let change = |(is_ask, price, amount): &(bool, f64, f64)| LevelChange {
            is_snapshot,
            is_ask: *is_ask,
            price: *price,
            amount: *amount,
        };
        levels.iter().map(change).collect()
    }

    fn book() -> OrderBook {
        let mut book = OrderBook::default();
        book.apply(&changes(true, &[(BID, 9.0, 1.0), (BID, 8.0, 2.0), (ASK, 10.0, 3.0), (ASK, 11.0, 4.0)]));
        book
    }

    #[test]
    fn changes_before_the_first_snapshot_are_dropped() {
        let mut book = OrderBook::default();
        assert_eq!(book.apply(&changes(false, &[(BID, 9.0, 1.0)])), None);
        assert!(!book.has_snapshot());
        assert_eq!(book.top(1), [[None; 4]]);
    }

    #[test]
    fn a_message_changes_levels_and_a_snapshot_replaces_them() {
        let top = |book: &OrderBook| book.top(2);
        for (message, expected) in [
            (
                changes(false, &[(BID, 9.5, 7.0)]),
                [
                    [Some(10.0), Some(3.0), Some(9.5), Some(7.0)],
                    [Some(11.0), Some(4.0), Some(9.0), Some(1.0)],
                ],
            ),
            (
                changes(false, &[(ASK, 10.0, 0.0), (ASK, 12.0, 0.0)]),
                [[Some(11.0), Some(4.0), Some(9.0), Some(1.0)], [None, None, Some(8.0), Some(2.0)]],
            ),
            (changes(true, &[(ASK, 20.0, 1.0)]), [[Some(20.0), Some(1.0), None, None], [None; 4]]),
            (
                changes(false, &[(BID, -1.0, 1.0), (BID, 9.0, 0.0), (BID, 8.0, 0.0)]),
                [[Some(10.0), Some(3.0), Some(-1.0), Some(1.0)], [Some(11.0), Some(4.0), None, None]],
            ),
        ] {
            let mut book = book();
            assert_eq!(book.apply(&message), None);
            assert_eq!(top(&book), expected, "{message:?}");
        }
    }

    #[test]
    fn a_crossed_book_loses_the_side_that_the_message_did_not_touch() {
        for (message, crossing, best_bid, best_ask) in [
            (changes(false, &[(ASK, 8.5, 1.0)]), (9.0, 8.5), 8.0, 8.5),
            (changes(false, &[(BID, 10.5, 1.0)]), (10.5, 10.0), 10.5, 11.0),
            (changes(false, &[(BID, 10.0, 1.0)]), (10.0, 10.0), 10.0, 11.0),
            // The best ask is not touched, so that asks go until the book is uncrossed, a touched one among them.
            (changes(false, &[(BID, 10.8, 1.0), (ASK, 10.5, 1.0)]), (10.8, 10.0), 10.8, 11.0),
        ] {
            let mut book = book();
            assert_eq!(book.apply(&message), Some(crossing), "{message:?}");
            assert_eq!(book.bids().next().map(|level| level.0), Some(best_bid));
            assert_eq!(book.asks().next().map(|level| level.0), Some(best_ask));
        }
    }
}
