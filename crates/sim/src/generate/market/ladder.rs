//! The exchange's own order book: price levels about a fair price that moves, takes and refills.
//!
//! Not what the vendor makes of its messages: that is `replay`.

use crate::generate::rng::Rng;

/// Side of a book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Ask,
    Bid,
}

/// Both sides, asks first, as exchanges list them.
pub(crate) const SIDES: [Side; 2] = [Side::Ask, Side::Bid];

impl Side {
    /// A price as a distance: the smaller, the better, on either side.
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

/// What rests at a price from now on; 0 removes the level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) side: Side,
    pub(crate) level: Level,
}

/// A level, or a part of it, that somebody took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fill {
    /// The side that was hit.
    pub(crate) side: Side,
    pub(crate) level: Level,
}

/// What happened in one step.
#[derive(Debug, Default)]
pub(crate) struct Step {
    pub(crate) changes: Vec<Change>,
    pub(crate) fills: Vec<Fill>,
}

impl Step {
    /// Forgets the step before.
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
    /// Levels on a side.
    pub(crate) depth: usize,
    /// Usual distance of levels, price steps.
    pub(crate) gap: i64,
    /// Usual amount of a level, amount steps.
    pub(crate) lots: i64,
    /// Lowest price, price steps; absent where prices may be negative.
    pub(crate) lowest: Option<i64>,
}

/// An order book.
#[derive(Debug)]
pub(crate) struct Ladder {
    shape: Shape,
    asks: Vec<Level>,
    bids: Vec<Level>,
}

/// In how many of 10,000 cases an exchange forgets to say that a level is gone.
const FORGOTTEN: u64 = 25;
/// In how many of 10,000 steps it says so of a level that nobody has heard of.
const UNHEARD: u64 = 30;
/// Levels of a step that count as taken; those behind them count as withdrawn.
const TAKEN: usize = 3;

impl Ladder {
    /// A full book about a price.
    pub(crate) fn new(shape: Shape, target: i64, rng: &mut Rng) -> Ladder {
        let mut ladder = Ladder { shape, asks: Vec::new(), bids: Vec::new() };
        let mut step = Step::default();
        for side in SIDES {
            ladder.approach(side, target, rng, &mut step);
            ladder.deepen(side, shape.depth, rng, &mut step);
        }
        ladder
    }

    /// The levels of a side, best first.
    pub(crate) fn levels(&self, side: Side) -> &[Level] {
        match side {
            Side::Ask => &self.asks,
            Side::Bid => &self.bids,
        }
    }

    /// The best level of a side.
    pub(crate) fn best(&self, side: Side) -> Option<Level> {
        self.levels(side).first().copied()
    }

    /// Moves the book about a new fair price: what stands in the way is taken, the rest follows.
    pub(crate) fn step(&mut self, target: i64, rng: &mut Rng, step: &mut Step) {
        for side in SIDES {
            self.clear_way(side, target, rng, step);
            self.approach(side, target, rng, step);
            self.deepen(side, 3, rng, step);
            self.thin(side, step);
            self.stir(side, rng, step);
        }
        if rng.chance(UNHEARD) {
            let tick = target + 40 * self.shape.gap * self.shape.depth as i64;
            step.change(Side::Ask, Level { tick, lots: 0 });
        }
    }

    /// Takes a part of the best level of a side.
    pub(crate) fn hit(&mut self, side: Side, rng: &mut Rng, step: &mut Step) {
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
    fn clear_way(&mut self, side: Side, target: i64, rng: &mut Rng, step: &mut Step) {
        let target_key = side.key(target);
        let levels = self.levels_mut(side);
        let reached = levels.iter().take_while(|level| side.key(level.tick) <= target_key).count();
        for (i, level) in levels.drain(..reached).enumerate() {
            if i < TAKEN && !rng.chance(3_000) {
                step.fills.push(Fill { side, level });
            }
            if !rng.chance(FORGOTTEN) {
                step.change(side, Level { lots: 0, ..level });
            }
        }
    }

    /// Adds a level near the fair price where the best one is far from it.
    fn approach(&mut self, side: Side, target: i64, rng: &mut Rng, step: &mut Step) {
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

    /// Adds up to `most` levels at the far end of a side that has too few.
    fn deepen(&mut self, side: Side, most: usize, rng: &mut Rng, step: &mut Step) {
        let Shape { depth, gap, lots, lowest } = self.shape;
        let levels = self.levels_mut(side);
        for _ in 0..most {
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
    fn thin(&mut self, side: Side, step: &mut Step) {
        let most = self.shape.depth + 4;
        let levels = self.levels_mut(side);
        if levels.len() > most
            && let Some(last) = levels.pop()
        {
            step.change(side, Level { lots: 0, ..last });
        }
    }

    /// Changes the amount of a level, more often of a good one.
    fn stir(&mut self, side: Side, rng: &mut Rng, step: &mut Step) {
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

/// An amount: often small, seldom a multiple of the usual one.
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
                ladder.hit(Side::Bid, &mut rng, &mut step);
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
