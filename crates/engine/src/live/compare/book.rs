//! The books of both sides, made of their changes and compared at every moment of the exchange that both have.

use std::collections::VecDeque;

use arrow_array::RecordBatch;
use mtdh_core::DataType;
use mtdh_core::book::{LevelChange, OrderBook};
use mtdh_core::check::Rows;

use super::cause::{Causes, Facts};
use super::levels::differing;
use super::{Counts, Difference, Kind, Side};

/// Messages of one side that may wait for the other: where one side's clock jumps ahead, its book goes on alone.
const WAITING: usize = 200_000;

/// The rows of one message.
struct Message {
    arrived: i64,
    happened: i64,
    changes: Vec<LevelChange>,
}

impl Message {
    fn is_snapshot(&self) -> bool {
        self.changes.first().is_some_and(|change| change.is_snapshot)
    }
}

#[derive(Default)]
struct OneSide {
    book: OrderBook,
    messages: VecDeque<Message>,
    /// Arrival of the last snapshot, and its worst prices: the lowest bid and the highest ask.
    reset: Option<i64>,
    range: Option<(f64, f64)>,
}

impl OneSide {
    /// Applies the messages of a moment. Returns the last arrival of them; `None`: there are none.
    fn apply(&mut self, moment: i64) -> Option<i64> {
        let mut arrived = None;
        while let Some(message) = self.messages.pop_front_if(|message| message.happened <= moment) {
            self.book.apply(&message.changes);
            arrived = Some(message.arrived);
            if message.is_snapshot() {
                self.reset = arrived;
                self.range = self.book.bids().last().zip(self.book.asks().last()).map(|(b, a)| (b.0, a.0));
            }
        }
        arrived
    }

    /// The next moment that is whole: of which a later message, or the end, is known.
    fn next(&self, has_ended: bool) -> Option<i64> {
        let first = self.messages.front()?.happened;
        let is_whole = self.messages.back().is_some_and(|last| last.happened != first);
        (is_whole || has_ended).then_some(first)
    }
}

/// A stretch of moments at which the books differ.
struct Open {
    kind: Kind,
    arrived: i64,
    last_arrived: i64,
    from_us: i64,
    count: u64,
    field: &'static str,
    live: String,
    vendor: String,
    was_reset: Option<i64>,
}

#[derive(Default)]
pub(super) struct Books {
    sides: [OneSide; 2],
    open: Option<Open>,
}

impl Books {
    pub fn take(&mut self, side: Side, batch: &RecordBatch) -> Result<(), String> {
        let rows = Rows::new(DataType::IncrementalBookL2, batch, 0)?;
        let (flags, sides) = (rows.flag("is_snapshot"), rows.words("side"));
        let (prices, amounts) = (rows.number("price").values(), rows.number("amount").values());
        let messages = &mut self.sides[side as usize].messages;
        for (row, (arrived, happened)) in rows.arrival().iter().zip(rows.exchange_time()).enumerate() {
            let is_snapshot = flags.value(row);
            let change = LevelChange {
                is_snapshot,
                is_ask: sides.get(row) == "ask",
                price: prices[row],
                amount: amounts[row],
            };
            // A change of either clock begins a message, and so does a snapshot after changes.
            let same = messages.back_mut().filter(|last| {
                let ends = is_snapshot && last.changes.last().is_some_and(|change| !change.is_snapshot);
                (last.arrived, last.happened) == (*arrived, *happened) && !ends
            });
            match same {
                Some(last) => last.changes.push(change),
                None => messages.push_back(Message {
                    arrived: *arrived,
                    happened: *happened,
                    changes: vec![change],
                }),
            }
        }
        Ok(())
    }

    /// Compares all moments of which both sides are known.
    pub fn compare(
        &mut self,
        ended: [bool; 2],
        causes: &mut Causes,
        counts: &mut Counts,
        give: &mut impl FnMut(Difference),
    ) {
        loop {
            let [live, vendor] = [0, 1].map(|side| self.sides[side].next(ended[side]));
            let is_crowded = self.sides.iter().any(|side| side.messages.len() > WAITING);
            let moment = match (live, vendor) {
                (Some(live), Some(vendor)) => live.min(vendor),
                // A side that has ended, or waits for too much, does not hold the other up.
                (Some(live), None) if ended[1] && self.sides[1].messages.is_empty() || is_crowded => live,
                (None, Some(vendor)) if ended[0] && self.sides[0].messages.is_empty() || is_crowded => vendor,
                _ => break,
            };
            let arrived = [0, 1].map(|side| self.sides[side].apply(moment));
            match arrived {
                [Some(live), Some(vendor)] => self.at(moment, (live, vendor), causes, counts, give),
                [Some(at), None] if causes.window.has(at) => counts.alone[0] += 1,
                [None, Some(at)] if causes.window.has(at) => counts.alone[1] += 1,
                _ => {}
            }
        }
        if ended == [true; 2] {
            let until = self.open.as_ref().map(|open| open.from_us);
            if let Some(until) = until {
                self.close(until, causes, counts, give);
            }
        }
    }

    fn at(
        &mut self,
        moment: i64,
        (live, vendor): (i64, i64),
        causes: &mut Causes,
        counts: &mut Counts,
        give: &mut impl FnMut(Difference),
    ) {
        causes.measure(live, vendor);
        let [ours, theirs] = &self.sides;
        let has_both = ours.book.has_snapshot() && theirs.book.has_snapshot();
        if !has_both || !causes.window.has(vendor) || !causes.window.has(live) {
            return;
        }
        counts.compared += 1;
        let found = differing((&ours.book, ours.range), (&theirs.book, theirs.range));
        counts.equal += u64::from(found.is_none());
        let is_same = match (&self.open, &found) {
            (Some(open), Some((kind, field, ..))) => (open.kind, open.field) == (*kind, *field),
            _ => false,
        };
        if !is_same && self.open.is_some() {
            self.close(moment, causes, counts, give);
        }
        match (&mut self.open, found) {
            (Some(open), Some(_)) => (open.count, open.last_arrived) = (open.count + 1, live),
            (None, Some((kind, field, ours, theirs))) => {
                self.open = Some(Open {
                    kind,
                    arrived: live,
                    last_arrived: live,
                    from_us: moment,
                    count: 1,
                    field,
                    live: ours,
                    vendor: theirs,
                    was_reset: self.sides[0].reset,
                });
            }
            (_, None) => {}
        }
    }

    fn close(
        &mut self,
        until: i64,
        causes: &mut Causes,
        counts: &mut Counts,
        give: &mut impl FnMut(Difference),
    ) {
        let Some(open) = self.open.take() else { return };
        let facts = Facts {
            kind: open.kind,
            field: open.field,
            arrived: open.arrived..open.last_arrived,
            happened: open.from_us..until,
            count: open.count,
            was_reset: open.was_reset,
        };
        give(causes.difference(facts, Some(open.live), Some(open.vendor), counts));
    }
}
