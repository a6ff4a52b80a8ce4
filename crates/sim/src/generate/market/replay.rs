//! The book as Tardis rebuilds it from the messages, by the rules of its documentation.

use super::ladder::{Change, Level, SIDES, Side};

/// A book rebuilt from messages.
#[derive(Debug, Default)]
pub(crate) struct Book {
    asks: Vec<Level>,
    bids: Vec<Level>,
    has_snapshot: bool,
}

impl Book {
    /// Applies a message. A snapshot replaces the book; updates before the first snapshot are dropped; if the book is
    /// crossed, the older of the crossing levels is removed.
    pub(crate) fn apply(&mut self, is_snapshot: bool, changes: &[Change]) {
        if is_snapshot {
            self.asks.clear();
            self.bids.clear();
            self.has_snapshot = true;
        }
        if !self.has_snapshot {
            return;
        }
        for change in changes {
            self.set(change);
        }
        self.uncross(changes);
    }

    /// Returns the levels of a side, best first.
    pub(crate) fn levels(&self, side: Side) -> &[Level] {
        match side {
            Side::Ask => &self.asks,
            Side::Bid => &self.bids,
        }
    }

    /// Returns up to `depth` levels of a side, best first.
    pub(crate) fn top(&self, side: Side, depth: usize) -> &[Level] {
        let levels = self.levels(side);
        &levels[..levels.len().min(depth)]
    }

    fn set(&mut self, change: &Change) {
        let Change { side, level } = *change;
        let levels = self.levels_mut(side);
        match levels.binary_search_by_key(&side.key(level.tick), |l| side.key(l.tick)) {
            Ok(place) if level.lots == 0 => {
                levels.remove(place);
            }
            Ok(place) => levels[place] = level,
            Err(_) if level.lots == 0 => {}
            Err(place) => levels.insert(place, level),
        }
    }

    fn uncross(&mut self, changes: &[Change]) {
        while let (Some(ask), Some(bid)) = (self.asks.first(), self.bids.first())
            && bid.tick >= ask.tick
        {
            let ask_is_news = changes.iter().any(|c| c.side == Side::Ask && c.level.tick == ask.tick);
            self.levels_mut(if ask_is_news { Side::Bid } else { Side::Ask }).remove(0);
        }
    }

    fn levels_mut(&mut self, side: Side) -> &mut Vec<Level> {
        match side {
            Side::Ask => &mut self.asks,
            Side::Bid => &mut self.bids,
        }
    }
}

/// Detects changes of the best levels.
#[derive(Debug, Default)]
pub(crate) struct Top {
    before: Vec<Change>,
}

impl Top {
    /// Whether the best levels down to `depth` differ from those at the last call.
    pub(crate) fn changed(&mut self, book: &Book, depth: usize) -> bool {
        let now = SIDES
            .into_iter()
            .flat_map(|side| book.top(side, depth).iter().map(move |l| Change { side, level: *l }));
        if now.clone().eq(self.before.iter().copied()) {
            return false;
        }
        self.before.clear();
        self.before.extend(now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(list: &[(Side, i64, i64)]) -> Vec<Change> {
        list.iter()
            .map(|(side, tick, lots)| Change { side: *side, level: Level { tick: *tick, lots: *lots } })
            .collect()
    }

    fn ticks(book: &Book) -> (Vec<i64>, Vec<i64>) {
        let of = |side| book.levels(side).iter().map(|l| l.tick).collect();
        (of(Side::Ask), of(Side::Bid))
    }

    #[test]
    fn the_documented_rules() {
        use Side::{Ask, Bid};
        let mut book = Book::default();
        book.apply(false, &changes(&[(Ask, 9, 1)]));
        assert_eq!(ticks(&book), (vec![], vec![]), "updates before the first snapshot count for nothing");
        book.apply(true, &changes(&[(Ask, 11, 1), (Ask, 12, 2), (Ask, 13, 0), (Bid, 10, 1), (Bid, 9, 4)]));
        assert_eq!(ticks(&book), (vec![11, 12], vec![10, 9]), "a snapshot row of nothing is no level");
        book.apply(false, &changes(&[(Bid, 7, 0), (Ask, 11, 0)]));
        assert_eq!(ticks(&book), (vec![12], vec![10, 9]), "an unknown level cannot be removed");
        book.apply(false, &changes(&[(Bid, 12, 3)]));
        assert_eq!(ticks(&book), (vec![], vec![12, 10, 9]), "a new bid drives out an old ask");
        book.apply(false, &changes(&[(Ask, 10, 3)]));
        assert_eq!(ticks(&book), (vec![10], vec![9]), "a new ask drives out old bids");
        book.apply(true, &changes(&[(Bid, 5, 3)]));
        assert_eq!(ticks(&book), (vec![], vec![5]), "a snapshot may have one side");
    }
}
