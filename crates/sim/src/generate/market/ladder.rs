//! The order book of the exchange: price levels around a moving fair price.
//!
//! Not the book that is rebuilt from its messages: that is `replay`.

use crate::generate::rng::Rng;

/// A side of the book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Ask,
    Bid,
}

/// Both sides, asks first as exchanges list them.
pub(crate) const SIDES: [Side; 2] = [Side::Ask, Side::Bid];

impl Side {
    /// Returns a sort key of a price: smaller is better on either side.
    pub(crate) fn key(self, tick: i64) -> i64 {
        match self {
            Side::Ask => tick,
            Side::Bid => -tick,
        }
    }
}

/// A price level: price in price steps, amount in amount steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Level {
    pub(crate) tick: i64,
    pub(crate) lots: i64,
}

/// The new amount of a level; 0 removes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) side: Side,
    pub(crate) level: Level,
}

/// A level, or a part of it, that was taken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fill {
    /// The side that was hit.
    pub(crate) side: Side,
    pub(crate) level: Level,
}

/// The events of one step.
#[derive(Debug, Default)]
pub(crate) struct Step {
    pub(crate) changes: Vec<Change>,
    pub(crate) fills: Vec<Fill>,
}

impl Step {
    /// Removes the events of the step before.
    pub(crate) fn clear(&mut self) {
        self.changes.clear();
        self.fills.clear();
    }

    fn change(&mut self, side: Side, level: Level) {
        match self.changes.iter_mut().find(|c| c.side == side && c.level.tick == level.tick) {
            Some(earlier) => earlier.level = level,
            None => self.changes.push(Change { side, level }),
        }
    }
}

/// The shape of a book.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// Levels per side.
    pub(crate) depth: usize,
    /// Typical distance of levels in price steps.
    pub(crate) gap: i64,
    /// Typical amount of a level in amount steps.
    pub(crate) lots: i64,
    /// Lowest price in price steps; `None`: prices may be negative.
    pub(crate) lowest: Option<i64>,
}

/// An order book.
#[derive(Debug)]
pub(crate) struct Ladder {
    shape: Shape,
    asks: Vec<Level>,
    bids: Vec<Level>,
}

/// Chance in 10,000 that the removal of a level is not published.
const MISSED_REMOVAL: u64 = 25;
/// Chance in 10,000 that a step publishes the removal of an unknown level.
const UNKNOWN_REMOVAL: u64 = 30;
/// Levels of a step that can be taken; the levels behind them are withdrawn.
const MAX_FILLS: usize = 3;

impl Ladder {
    /// Creates a full book around a price.
    pub(crate) fn new(shape: Shape, target: i64, rng: &mut Rng) -> Ladder {
        let mut ladder = Ladder { shape, asks: Vec::new(), bids: Vec::new() };
        let mut step = Step::default();
        for side in SIDES {
            ladder.narrow_spread(side, target, rng, &mut step);
            ladder.deepen(side, shape.depth, rng, &mut step);
        }
        ladder
    }

    /// Returns the levels of a side, best first.
    pub(crate) fn levels(&self, side: Side) -> &[Level] {
        match side {
            Side::Ask => &self.asks,
            Side::Bid => &self.bids,
        }
    }

    /// Returns the best level of a side. `None`: it is empty.
    pub(crate) fn best(&self, side: Side) -> Option<Level> {
        self.levels(side).first().copied()
    }

    /// Moves the book to a new fair price. Levels that it crosses are taken or withdrawn.
    pub(crate) fn step(&mut self, target: i64, rng: &mut Rng, step: &mut Step) {
        for side in SIDES {
            self.remove_crossed(side, target, rng, step);
            self.narrow_spread(side, target, rng, step);
            self.deepen(side, 3, rng, step);
            self.remove_excess(side, step);
            self.change_amount(side, rng, step);
        }
        if rng.chance(UNKNOWN_REMOVAL) {
            let tick = target + 40 * self.shape.gap * self.shape.depth as i64;
            step.change(Side::Ask, Level { tick, lots: 0 });
        }
    }

    /// Takes a part of the best level of a side.
    pub(crate) fn take_best(&mut self, side: Side, rng: &mut Rng, step: &mut Step) {
        let usual = self.shape.lots;
        let levels = self.levels_mut(side);
        let Some(best) = levels.first_mut() else { return };
        let lots = 1 + rng.below(best.lots.min(usual) as u64) as i64;
        let taken = Level { tick: best.tick, lots: lots.min(best.lots) };
        best.lots -= taken.lots;
        let left = *best;
        if left.lots == 0 {
            levels.remove(0);
        }
        step.change(side, left);
        step.fills.push(Fill { side, level: taken });
    }

    /// Removes the levels that the fair price has reached.
    fn remove_crossed(&mut self, side: Side, target: i64, rng: &mut Rng, step: &mut Step) {
        let target_key = side.key(target);
        let levels = self.levels_mut(side);
        let reached = levels.iter().take_while(|level| side.key(level.tick) <= target_key).count();
        for (i, level) in levels.drain(..reached).enumerate() {
            if i < MAX_FILLS && !rng.chance(3_000) {
                step.fills.push(Fill { side, level });
            }
            if !rng.chance(MISSED_REMOVAL) {
                step.change(side, Level { lots: 0, ..level });
            }
        }
    }

    /// Adds a level near the fair price if the best one is far from it.
    fn narrow_spread(&mut self, side: Side, target: i64, rng: &mut Rng, step: &mut Step) {
        let Shape { gap, lots, lowest, .. } = self.shape;
        let near = side.key(target);
        let levels = self.levels_mut(side);
        if levels.first().is_some_and(|best| side.key(best.tick) <= near + 3 * gap) {
            return;
        }
        let tick = side.key(near + 1 + rng.below(gap as u64) as i64);
        if lowest.is_none_or(|lowest| tick >= lowest) {
            let level = Level { tick, lots: amount(lots, rng) };
            levels.insert(0, level);
            step.change(side, level);
        }
    }

    /// Adds up to `limit` levels at the far end of a side that has too few.
    fn deepen(&mut self, side: Side, limit: usize, rng: &mut Rng, step: &mut Step) {
        let Shape { depth, gap, lots, lowest } = self.shape;
        let levels = self.levels_mut(side);
        for _ in 0..limit {
            let Some(last) = levels.last().filter(|_| levels.len() < depth) else { return };
            let tick = side.key(side.key(last.tick) + 1 + rng.below(2 * gap as u64) as i64);
            if lowest.is_some_and(|lowest| tick < lowest) {
                return;
            }
            let level = Level { tick, lots: amount(lots, rng) };
            levels.push(level);
            step.change(side, level);
        }
    }

    /// Removes the last level of a side that has too many.
    fn remove_excess(&mut self, side: Side, step: &mut Step) {
        let most = self.shape.depth + 4;
        let levels = self.levels_mut(side);
        if levels.len() > most
            && let Some(last) = levels.pop()
        {
            step.change(side, Level { lots: 0, ..last });
        }
    }

    /// Changes the amount of a level, more often near the best one.
    fn change_amount(&mut self, side: Side, rng: &mut Rng, step: &mut Step) {
        let usual = self.shape.lots;
        let levels = self.levels_mut(side);
        let place = (levels.len() as f64 * rng.unit() * rng.unit()) as usize;
        if let Some(level) = levels.get_mut(place) {
            level.lots = amount(usual, rng);
            let level = *level;
            step.change(side, level);
        }
    }

    fn levels_mut(&mut self, side: Side) -> &mut Vec<Level> {
        match side {
            Side::Ask => &mut self.asks,
            Side::Bid => &mut self.bids,
        }
    }
}

/// Returns a random amount: often small, rarely a multiple of the typical one.
fn amount(usual: i64, rng: &mut Rng) -> i64 {
    let share = rng.unit();
    1 + (usual as f64 * 3.0 * share * share * share) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_book_never_crosses_and_stays_in_order() {
        let mut rng = Rng::new(3, &["ladder"]);
        let shape = Shape { depth: 12, gap: 3, lots: 50, lowest: Some(1) };
        let mut ladder = Ladder::new(shape, 100, &mut rng);
        let mut step = Step::default();
        let mut target = 100;
        for _ in 0..20_000 {
            target = (target + rng.between(-9, 9)).max(0);
            step.clear();
            ladder.step(target, &mut rng, &mut step);
            if rng.chance(3_000) {
                ladder.take_best(Side::Bid, &mut rng, &mut step);
            }
            for side in SIDES {
                assert!(ladder.levels(side).is_sorted_by(|a, b| side.key(a.tick) < side.key(b.tick)));
                assert!(ladder.levels(side).iter().all(|level| level.lots > 0 && level.tick >= 1));
            }
            if let (Some(bid), Some(ask)) = (ladder.best(Side::Bid), ladder.best(Side::Ask)) {
                assert!(bid.tick < ask.tick);
            }
        }
    }
}
