//! The ids of one instrument's trades: what is new, what came before, and what is missing between.

use super::loss::Loss;

/// What the ids of a venue's trades say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdRule {
    /// Each is the one before plus one: a hole is a loss.
    Contiguous,
    /// The same, by what was seen, not by the venue's word: a hole is suspected.
    Likely,
    /// They rise: repetitions show, losses do not.
    Rising,
    /// They say nothing.
    Opaque,
}

/// Of the holes so many of the latest are kept, for trades that come late.
const HOLES: usize = 64;
/// An id that is lower by more than this is no repetition: the venue counts anew.
const ANEW: u64 = 1_000_000;

/// The ids seen so far; they stay known across connections.
#[derive(Clone, Debug)]
pub struct TradeIds {
    rule: IdRule,
    last: Option<u64>,
    last_arrived: i64,
    holes: Vec<Hole>,
}

#[derive(Clone, Debug)]
struct Hole {
    first: u64,
    last: u64,
    missing: u64,
    from: i64,
    to: i64,
    from_id: u64,
    to_id: u64,
}

impl TradeIds {
    /// None seen.
    pub fn new(rule: IdRule) -> TradeIds {
        TradeIds { rule, last: None, last_arrived: 0, holes: Vec::new() }
    }

    /// Takes the id of a trade that arrived at a time, microseconds since the Unix epoch, UTC. Whether the trade is new, and what its id
    /// shows to be missing. A loss that a late trade makes smaller is given again with the same `from`. `None` for an id: it has
    /// no number, and is new.
    #[inline]
    pub fn see(&mut self, id: Option<u64>, arrived: i64) -> (bool, Option<Loss>) {
        let (Some(id), true) = (id, self.rule != IdRule::Opaque) else { return (true, None) };
        if self.last.is_some_and(|last| last.checked_add(1) == Some(id)) {
            self.last = Some(id);
            self.last_arrived = arrived;
            return (true, None);
        }
        self.see_other(id, arrived)
    }

    fn see_other(&mut self, id: u64, arrived: i64) -> (bool, Option<Loss>) {
        let Some(last) = self.last else {
            self.last = Some(id);
            self.last_arrived = arrived;
            return (true, None);
        };
        if id <= last {
            if last - id > ANEW {
                self.holes.clear();
                let from = self.last_arrived;
                self.last = Some(id);
                self.last_arrived = arrived;
                let loss = Loss {
                    kind: "sequence",
                    from,
                    to: arrived.max(from.saturating_add(1)),
                    from_id: Some(last.to_string()),
                    to_id: Some(id.to_string()),
                    missing: None,
                    is_proven: false,
                    detail: "the exchange counts its trades anew".to_owned(),
                };
                return (true, Some(loss));
            }
            return self.see_late(id);
        }
        let from = self.last_arrived;
        self.last = Some(id);
        self.last_arrived = arrived;
        if self.rule == IdRule::Rising {
            return (true, None);
        }
        if self.holes.len() >= HOLES {
            self.holes.remove(0);
        }
        let missing = id - last - 1;
        // Two trades of one message have one arrival; a loss that has ended has an end after its start.
        let to = arrived.max(from.saturating_add(1));
        self.holes.push(Hole { first: last + 1, last: id - 1, missing, from, to, from_id: last, to_id: id });
        let loss = self.holes.last().map(|hole| self.loss(hole));
        (true, loss)
    }

    /// An id that is not above the last one: in a hole it is late, else it was there before.
    fn see_late(&mut self, id: u64) -> (bool, Option<Loss>) {
        let Some(at) = self.holes.iter().position(|hole| hole.first <= id && id <= hole.last) else {
            return (false, None);
        };
        let hole = &mut self.holes[at];
        hole.missing = hole.missing.saturating_sub(1);
        // The hole is split, so that the same trade once more is a repetition. Both halves tell of the same loss.
        let mut loss_of = hole.clone();
        let (first, last) = (hole.first, hole.last);
        let rest = Hole { first: id + 1, ..hole.clone() };
        hole.last = id - 1;
        let from = hole.from;
        if first == id {
            self.holes.remove(at);
        }
        if last > id {
            self.holes.push(rest);
        }
        for hole in self.holes.iter_mut().filter(|hole| hole.from == from && hole.from_id == loss_of.from_id)
        {
            hole.missing = loss_of.missing;
        }
        loss_of.first = first;
        (true, Some(self.loss(&loss_of)))
    }

    fn loss(&self, hole: &Hole) -> Loss {
        Loss {
            kind: "sequence",
            from: hole.from,
            to: hole.to,
            from_id: Some(hole.from_id.to_string()),
            to_id: Some(hole.to_id.to_string()),
            missing: Some(hole.missing),
            is_proven: self.rule == IdRule::Contiguous,
            detail: if hole.missing == 0 { "all came late".to_owned() } else { String::new() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_repetitions_and_late_trades() {
        let mut ids = TradeIds::new(IdRule::Contiguous);
        for (id, is_new, missing) in [
            (10, true, None),
            (10, false, None),
            (11, true, None),
            (15, true, Some(3)),
            (13, true, Some(2)),
            (13, false, None),
            (12, true, Some(1)),
            (14, true, Some(0)),
            (14, false, None),
            (9, false, None),
            (16, true, None),
            (u64::MAX, true, Some(u64::MAX - 17)),
            (5, true, None),
        ] {
            let (new, loss) = ids.see(Some(id), id as i64);
            assert_eq!((new, loss.and_then(|l| l.missing)), (is_new, missing), "{id}");
        }
    }

    #[test]
    fn only_a_rule_that_counts_shows_losses() {
        for (rule, is_new_again, is_lost, is_proven) in [
            (IdRule::Contiguous, false, true, true),
            (IdRule::Likely, false, true, false),
            (IdRule::Rising, false, false, false),
            (IdRule::Opaque, true, false, false),
        ] {
            let mut ids = TradeIds::new(rule);
            ids.see(Some(1), 1);
            assert_eq!(ids.see(Some(1), 2).0, is_new_again, "{rule:?}");
            let loss = ids.see(Some(5), 3).1;
            assert_eq!(loss.is_some(), is_lost, "{rule:?}");
            assert_eq!(loss.is_some_and(|l| l.is_proven), is_proven, "{rule:?}");
            assert!(ids.see(None, 4).0);
        }
    }
}
