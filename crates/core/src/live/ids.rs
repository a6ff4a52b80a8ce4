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
    /// The number of the last trade that the exchange named, and when. It may be on its way.
    told: Option<(u64, i64)>,
}

#[derive(Clone, Debug)]
struct Hole {
    /// Whether its end is a number that the exchange named, not a trade that arrived.
    is_told: bool,
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
        TradeIds { rule, last: None, last_arrived: 0, holes: Vec::new(), told: None }
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
            let before = self.last_arrived;
            self.last_arrived = arrived;
            // No trade came yet, but the exchange named the last one before.
            let Some((told, at)) = self.told.filter(|(told, _)| id > told.saturating_add(1)) else {
                return (true, None);
            };
            let loss = self.hole(told, id, before.max(at), arrived, false);
            return (true, loss);
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
        let is_more = |hole: &Hole| hole.is_told && hole.last == last;
        if let Some(told) = self.holes.last().filter(|hole| is_more(hole)).cloned() {
            // The hole of which the exchange told was larger.
            let missing = told.missing + (id - last - 1);
            let same = |hole: &&mut Hole| hole.from == told.from && hole.from_id == told.from_id;
            self.holes.iter_mut().filter(same).for_each(|hole| hole.missing = missing);
            let Some(hole) = self.holes.last_mut() else { return (true, None) };
            (hole.last, hole.to, hole.to_id, hole.is_told) = (id - 1, arrived.max(hole.to), id, false);
            let hole = hole.clone();
            return (true, (id > last + 1).then(|| self.loss(&hole)));
        }
        let loss = self.hole(last, id, from, arrived, false);
        (true, loss)
    }

    /// A hole between two ids, which both are not missing unless the second one is only told.
    fn hole(&mut self, last: u64, id: u64, from: i64, arrived: i64, is_told: bool) -> Option<Loss> {
        if self.holes.len() >= HOLES {
            self.holes.remove(0);
        }
        let end = if is_told { id } else { id - 1 };
        // Two trades of one message have one arrival; a loss that has ended has an end after its start.
        let to = arrived.max(from.saturating_add(1));
        let (first, missing) = (last + 1, end - last);
        self.holes.push(Hole { is_told, first, last: end, missing, from, to, from_id: last, to_id: id });
        self.holes.last().map(|hole| self.loss(hole))
    }

    /// The exchange named its last trade. Trades up to the one that it had named before must have arrived: what did not is lost, and is
    /// new if it still comes. Those since may be on their way.
    pub fn tell(&mut self, id: u64, arrived: i64) -> Option<Loss> {
        if !matches!(self.rule, IdRule::Contiguous | IdRule::Likely) {
            return None;
        }
        let before = self.told;
        if before.is_some_and(|(told, _)| id < told) {
            // The exchange counts anew, which the next trade tells.
            self.told = None;
            return None;
        }
        self.told = Some((id, arrived));
        let (told, at) = before?;
        let Some(last) = self.last else {
            if id == told {
                self.told = before;
            } else {
                // Nothing came but what was named first.
                self.last = Some(told);
                self.last_arrived = at;
            }
            return None;
        };
        if told <= last || told - last > ANEW {
            return None;
        }
        let from = self.last_arrived;
        self.last = Some(told);
        self.last_arrived = arrived;
        let is_more = |hole: &Hole| hole.is_told && hole.last == last;
        if let Some(hole) = self.holes.last_mut().filter(|hole| is_more(hole)) {
            hole.missing += told - last;
            (hole.last, hole.to, hole.to_id) = (told, arrived.max(hole.to), told);
            let hole = hole.clone();
            return Some(self.loss(&hole));
        }
        self.hole(last, told, from, arrived, true)
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
            // The trade of a number that was only told is among the missing.
            to_id: (!hole.is_told).then(|| hole.to_id.to_string()),
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
    fn a_number_that_the_exchange_names_is_no_trade() {
        enum Said {
            Trade(u64, bool),
            Told(u64),
        }
        use Said::{Told, Trade};
        type Case<'a> = (&'a str, &'a [(Said, Option<u64>)]);
        let cases: [Case<'_>; 8] = [
            (
                "a trade on its way is no loss",
                &[(Trade(10, true), None), (Told(11), None), (Trade(11, true), None), (Told(11), None)],
            ),
            (
                "nor is one told before the first",
                &[(Told(10), None), (Trade(10, true), None), (Trade(11, true), None)],
            ),
            ("what came before the first telling", &[(Told(10), None), (Trade(12, true), Some(1))]),
            (
                "a hole shows when it is told twice",
                &[(Trade(10, true), None), (Told(13), None), (Told(13), Some(3)), (Trade(14, true), None)],
            ),
            (
                "and is one hole when it grows",
                &[(Trade(10, true), None), (Told(11), None), (Told(12), Some(1)), (Trade(14, true), Some(3))],
            ),
            (
                "told again and again",
                &[
                    (Trade(10, true), None),
                    (Told(11), None),
                    (Told(13), Some(1)),
                    (Told(13), Some(3)),
                    (Trade(14, true), None),
                ],
            ),
            (
                "a late trade is new once",
                &[
                    (Trade(10, true), None),
                    (Told(12), None),
                    (Told(12), Some(2)),
                    (Trade(12, true), Some(1)),
                    (Trade(12, false), None),
                    (Trade(13, true), None),
                ],
            ),
            (
                "a hole that is followed by a trade",
                &[
                    (Trade(10, true), None),
                    (Told(13), None),
                    (Trade(14, true), Some(3)),
                    (Told(14), None),
                    (Told(14), None),
                ],
            ),
        ];
        for (name, said) in cases {
            let mut ids = TradeIds::new(IdRule::Contiguous);
            for (nth, (said, missing)) in said.iter().enumerate() {
                let at = nth as i64 * 10;
                let loss = match said {
                    Trade(id, is_new) => {
                        let (new, loss) = ids.see(Some(*id), at);
                        assert_eq!(new, *is_new, "{name}: {nth}");
                        loss
                    }
                    Told(id) => ids.tell(*id, at),
                };
                assert_eq!(loss.and_then(|loss| loss.missing), *missing, "{name}: {nth}");
            }
        }
        assert!(TradeIds::new(IdRule::Opaque).tell(1, 0).is_none());
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
