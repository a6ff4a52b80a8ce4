//! The best levels of a book, and whether they changed: rows of `book_snapshot_5`, `book_snapshot_25` and `quotes` as the vendor
//! makes them, one whenever a level among them changed.

use crate::book::OrderBook;

/// What was told last of a book's best levels.
#[derive(Clone, Debug)]
pub struct Top {
    levels: Vec<[Option<f64>; 4]>,
    is_told: bool,
}

impl Top {
    /// Of so many levels a side; nothing is told yet.
    pub fn new(levels: usize) -> Top {
        Top { levels: vec![[None; 4]; levels], is_told: false }
    }

    /// Takes the book's best levels. Whether they differ from those taken before; the first ones do.
    pub fn take(&mut self, book: &OrderBook) -> bool {
        let mut changed = !self.is_told;
        self.is_told = true;
        let (mut asks, mut bids) = (book.asks(), book.bids());
        for level in &mut self.levels {
            let ask = asks.next();
            let bid = bids.next();
            let now = [ask.map(|l| l.0), ask.map(|l| l.1), bid.map(|l| l.0), bid.map(|l| l.1)];
            changed |= *level != now;
            *level = now;
        }
        changed
    }

    /// The levels taken last, best first: ask price, ask amount, bid price, bid amount; `None` where the side has no such level.
    pub fn levels(&self) -> &[[Option<f64>; 4]] {
        &self.levels
    }

    /// Forgets what was told: after a loss the next levels are told even if they are the same.
    pub fn forget(&mut self) {
        self.is_told = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::book::LevelChange;

    #[test]
    fn a_row_is_due_when_one_of_the_levels_changed() {
        let mut book = OrderBook::default();
        let mut top = Top::new(1);
        for (is_snapshot, is_ask, price, amount, is_due) in [
            (true, false, 9.0, 1.0, true),
            (false, true, 10.0, 1.0, true),
            (false, true, 10.0, 1.0, false),
            (false, true, 11.0, 1.0, false),
            (false, true, 10.0, 2.0, true),
            (false, true, 10.0, 0.0, true),
        ] {
            book.apply(&[LevelChange { is_snapshot, is_ask, price, amount }]);
            assert_eq!(top.take(&book), is_due, "{price} {amount}");
        }
        assert_eq!(top.levels(), [[Some(11.0), Some(1.0), Some(9.0), Some(1.0)]]);
        top.forget();
        assert!(top.take(&book));
    }
}
