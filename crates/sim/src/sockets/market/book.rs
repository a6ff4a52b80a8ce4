//! Differences of two books, as a venue sends them.

use crate::generate::market::ladder::{Level, Side};

/// What became of a level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sockets) enum Action {
    New,
    Change,
    Delete,
}

/// A level that became another; an amount of 0: it is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sockets) struct Moved {
    pub(in crate::sockets) side: Side,
    pub(in crate::sockets) level: Level,
    pub(in crate::sockets) action: Action,
}

/// Appends what leads from one side of a book to another, best first. Both are in order.
pub(in crate::sockets) fn changes(before: &[Level], after: &[Level], side: Side, out: &mut Vec<Moved>) {
    let (mut old, mut new) = (before.iter().peekable(), after.iter().peekable());
    loop {
        let is_old_first = match (old.peek(), new.peek()) {
            (None, None) => return,
            (Some(a), Some(b)) if a.tick == b.tick => {
                if a.lots != b.lots {
                    out.push(Moved { side, level: **b, action: Action::Change });
                }
                old.next();
                new.next();
                continue;
            }
            (Some(a), Some(b)) => side.key(a.tick) < side.key(b.tick),
            (Some(_), None) => true,
            (None, Some(_)) => false,
        };
        if is_old_first {
            let gone = old.next().map(|level| Level { lots: 0, ..*level });
            out.extend(gone.map(|level| Moved { side, level, action: Action::Delete }));
        } else {
            out.extend(new.next().map(|level| Moved { side, level: *level, action: Action::New }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences() {
        let level = |(tick, lots)| Level { tick, lots };
        for (before, after, expected) in [
            (vec![], vec![], vec![]),
            (vec![(5, 1)], vec![(5, 1)], vec![]),
            (vec![(5, 1)], vec![(5, 2)], vec![(5, 2, Action::Change)]),
            (vec![(5, 1), (4, 1)], vec![(4, 1)], vec![(5, 0, Action::Delete)]),
            (vec![(4, 1)], vec![(5, 3), (4, 1)], vec![(5, 3, Action::New)]),
            (vec![(5, 1)], vec![(4, 2)], vec![(5, 0, Action::Delete), (4, 2, Action::New)]),
        ] {
            let side = |levels: &[(i64, i64)]| levels.iter().copied().map(level).collect::<Vec<_>>();
            let mut out = Vec::new();
            changes(&side(&before), &side(&after), Side::Bid, &mut out);
            let seen: Vec<_> = out.iter().map(|m| (m.level.tick, m.level.lots, m.action)).collect();
            assert_eq!(seen, expected, "{before:?} to {after:?}");
        }
    }
}
