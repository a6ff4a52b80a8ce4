//! One symbol's book as it arrives: waits for its snapshot, checks the order of updates, and starts again after a loss.
//!
//! The states follow each other: `Waiting` (nothing yet), `Buffering` (updates are held until the snapshot), `Live`, `Broken` (an
//! update was lost; after a pause a snapshot is asked for). What is given out is as the vendor gives it: on the snapshot one
//! message with the held updates merged into it, afterwards each update as it is. Start with [`LiveBook::snapshot`] and
//! [`LiveBook::update`]; [`LiveBook::ask_at`] says when a snapshot is wanted.

use std::collections::HashMap;

use super::held::Held;
use super::loss::Loss;
use super::rule::{Ids, Place, Rule};
use crate::book::{LevelChange, OrderBook};

/// Where a book's snapshot comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The venue sends it when it is subscribed to.
    Stream,
    /// It is asked for by REST.
    Rest,
    /// The venue sends it, or, if it did not within three seconds, it is asked for by REST.
    StreamElseRest,
}

/// What holds for all books of a feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// How updates follow each other.
    pub rule: Rule,
    /// Where snapshots come from.
    pub origin: Origin,
    /// The best levels that are kept of each side.
    pub depth: usize,
    /// Whether the messages come from a recording, which can be asked for nothing: a loss is told, and the updates after it are given
    /// out all the same, as the vendor's own mappers do.
    pub is_recorded: bool,
}

/// A book never keeps more levels a side than this.
pub const MAX_DEPTH: usize = 20_000;

const SECOND: i64 = 1_000_000;
/// A snapshot that was asked for and did not come within this is asked for again.
const ANSWER_US: i64 = 10 * SECOND;
/// A stream's snapshot is awaited this long before REST is asked; so is the first update before REST is asked all the same.
const FIRST_US: i64 = 3 * SECOND;
/// A snapshot that comes so long after the first update is late.
const LATE_US: i64 = 5 * SECOND;
/// The longest pause after a loss.
const MAX_PAUSE_US: i64 = 60 * SECOND;
/// A book that was live this long begins with the shortest pause again.
const CALM_US: i64 = 60 * SECOND;
/// So many stale updates in a row, and none that fits: the venue counts anew.
const STALE: u32 = 1_000;

/// What a message is to the reader of rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Emit {
    /// Nothing.
    #[default]
    Nothing,
    /// The levels as they were given.
    Given,
    /// The levels of [`LiveBook::merged`].
    Merged,
}

/// What came of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// What is given out.
    pub emit: Emit,
    /// A loss that began, ended, or both.
    pub loss: Option<Loss>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting,
    Buffering,
    /// `by_rest`: no update came yet after a snapshot by REST.
    Live {
        by_rest: bool,
    },
    Broken,
}

/// One symbol's book.
#[derive(Debug)]
pub struct LiveBook {
    terms: Terms,
    state: State,
    book: OrderBook,
    /// The id of the last message that was applied.
    known: i64,
    /// Arrival of the last good message.
    arrived: i64,
    /// Since when it is live.
    since: i64,
    held: Held,
    merged: Vec<LevelChange>,
    /// When the first update came of which the book is not known.
    early_since: Option<i64>,
    /// The loss that has not ended.
    open: Option<Loss>,
    ask_at: Option<i64>,
    /// A snapshot was asked for, and did not come yet.
    is_asked: bool,
    failures: u32,
    stale: u32,
}

impl LiveBook {
    /// A book of which nothing is known.
    pub fn new(terms: Terms) -> LiveBook {
        LiveBook {
            terms: Terms { depth: terms.depth.min(MAX_DEPTH), ..terms },
            state: State::Waiting,
            book: OrderBook::default(),
            known: 0,
            arrived: 0,
            since: 0,
            held: Held::default(),
            merged: Vec::new(),
            early_since: None,
            open: None,
            ask_at: None,
            is_asked: false,
            failures: 0,
            stale: 0,
        }
    }

    /// The levels; empty unless [`LiveBook::is_live`].
    pub fn book(&self) -> &OrderBook {
        &self.book
    }

    /// Whether the levels are those of the exchange, as far as the rule can tell.
    pub fn is_live(&self) -> bool {
        matches!(self.state, State::Live { .. })
    }

    /// The levels of the last [`Emit::Merged`].
    pub fn merged(&self) -> &[LevelChange] {
        &self.merged
    }

    /// The id of the last message that was applied.
    pub fn known(&self) -> i64 {
        self.known
    }

    /// When a snapshot is to be asked for, microseconds since the Unix epoch, UTC; `None`: none is wanted. Whoever asks tells with
    /// [`LiveBook::asked`].
    pub fn ask_at(&self) -> Option<i64> {
        self.ask_at
    }

    /// The stream was subscribed to.
    pub fn opened(&mut self, now: i64) {
        if !self.is_live() && self.terms.rule != Rule::Full && !self.terms.is_recorded {
            let wait = if self.terms.origin == Origin::Stream { ANSWER_US } else { FIRST_US };
            self.ask_at = Some(now.saturating_add(wait));
        }
    }

    /// A snapshot was asked for. If none comes in time it is wanted again, later each time.
    pub fn asked(&mut self, now: i64) {
        if self.state == State::Broken {
            self.state = State::Waiting;
        }
        self.is_asked = true;
        self.failures = self.failures.saturating_add(1);
        self.ask_at = Some(now.saturating_add(ANSWER_US.max(self.pause())));
    }

    /// The snapshot that was asked for will not come.
    pub fn refused(&mut self, now: i64) {
        self.is_asked = false;
        if !self.is_live() {
            self.ask_at = Some(now.saturating_add(self.pause()));
        }
    }

    /// Nothing is wanted any more: the symbol does not exist, or is no longer followed.
    pub fn give_up(&mut self) {
        self.ask_at = None;
    }

    /// The connection ended: what is known of the book is no longer current.
    pub fn closed(&mut self) {
        self.state = State::Waiting;
        self.ask_at = None;
        self.is_asked = false;
        self.stale = 0;
        self.early_since = None;
        self.held.clear();
        self.book.clear();
    }

    fn pause(&self) -> i64 {
        let doubled = SECOND.checked_shl(self.failures.saturating_sub(1).min(10)).unwrap_or(MAX_PAUSE_US);
        doubled.min(MAX_PAUSE_US)
    }

    /// A whole book; `by_rest`: it came by REST, and may be older than the updates. Without ids [`Ids::last`] is 0.
    pub fn snapshot(&mut self, ids: Ids, arrived: i64, levels: &[LevelChange], by_rest: bool) -> Step {
        if by_rest && self.is_live() {
            return Step::default();
        }
        self.is_asked = false;
        let mut step = Step { emit: Emit::Given, loss: None };
        let mut known = ids.last;
        let mut is_first = by_rest;
        if by_rest || self.terms.origin == Origin::StreamElseRest {
            let mut fitting = 0;
            for (held, _) in self.held.iter() {
                match self.terms.rule.place(known, held, is_first) {
                    Place::Stale => continue,
                    // The snapshot is older than the first update. A newer one is wanted.
                    Place::After(_) if fitting == 0 && !self.terms.is_recorded => {
                        self.failures = self.failures.saturating_add(1);
                        self.ask_at = Some(arrived.saturating_add(self.pause()));
                        return Step::default();
                    }
                    Place::After(missing) => {
                        step.loss = Some(self.loss("sequence", known, held, missing, arrived));
                    }
                    Place::Next => {}
                }
                fitting += 1;
                known = held.last;
                is_first = false;
            }
            if by_rest {
                self.merge(ids.last, levels, by_rest);
                step.emit = Emit::Merged;
            }
        }
        self.book.clear();
        self.book.apply(if step.emit == Emit::Merged { &self.merged } else { levels });
        self.book.cut(self.terms.depth);
        self.held.clear();
        self.early_since = None;
        self.state = State::Live { by_rest: is_first };
        self.known = known;
        self.since = arrived;
        self.ask_at = None;
        self.stale = 0;
        self.arrived = arrived;
        if let Some(mut loss) = self.open.take() {
            loss.to = arrived.max(loss.from.saturating_add(1));
            step.loss = Some(loss);
        }
        step
    }

    /// The snapshot with the held updates in it: a level that was there keeps its place, and one without an amount goes.
    fn merge(&mut self, id: i64, levels: &[LevelChange], by_rest: bool) {
        self.merged.clear();
        self.merged.extend_from_slice(levels);
        let mut places: HashMap<(bool, u64), usize> = HashMap::new();
        let mut known = id;
        let mut is_first = by_rest;
        for (held, changes) in self.held.iter() {
            if self.terms.rule.place(known, held, is_first) == Place::Stale {
                continue;
            }
            (known, is_first) = (held.last, false);
            if places.is_empty() {
                places.extend(levels.iter().enumerate().map(|(at, l)| ((l.is_ask, l.price.to_bits()), at)));
            }
            for change in changes {
                let at = *places.entry((change.is_ask, change.price.to_bits())).or_insert(self.merged.len());
                match self.merged.get_mut(at) {
                    Some(level) => level.amount = change.amount,
                    None => self.merged.push(*change),
                }
            }
        }
        self.merged.retain(|level| level.amount != 0.0);
        for level in &mut self.merged {
            level.is_snapshot = true;
        }
    }

    /// An update.
    #[inline]
    pub fn update(&mut self, ids: Ids, arrived: i64, levels: &[LevelChange]) -> Step {
        let State::Live { by_rest } = self.state else { return self.early(ids, arrived, levels) };
        match self.terms.rule.place(self.known, &ids, by_rest) {
            Place::Next => {}
            Place::Stale => return self.stale(ids, arrived),
            Place::After(missing) if self.terms.is_recorded => {
                let loss = self.loss("sequence", self.known, &ids, missing, arrived);
                self.apply(&ids, arrived, levels);
                return Step { emit: Emit::Given, loss: Some(loss) };
            }
            Place::After(missing) => {
                let mut loss = self.loss("sequence", self.known, &ids, missing, arrived);
                loss.to = loss.from;
                return self.broken(loss, arrived);
            }
        }
        self.apply(&ids, arrived, levels);
        Step { emit: Emit::Given, loss: None }
    }

    fn apply(&mut self, ids: &Ids, arrived: i64, levels: &[LevelChange]) {
        self.book.apply(levels);
        if self.book.len() > self.terms.depth {
            self.book.cut(self.terms.depth);
        }
        self.state = State::Live { by_rest: false };
        self.known = ids.last;
        self.arrived = arrived;
        self.stale = 0;
        if self.failures > 0 && arrived.saturating_sub(self.since) > CALM_US {
            self.failures = 0;
        }
    }

    /// An update before the snapshot.
    /// An update of a book that is not known. If that lasts, it is told as a loss: what came makes no rows of changes.
    fn early(&mut self, ids: Ids, arrived: i64, levels: &[LevelChange]) -> Step {
        let mut step = self.hold(ids, arrived, levels);
        let since = *self.early_since.get_or_insert(arrived);
        let is_late = arrived.saturating_sub(since) >= LATE_US;
        if is_late && self.open.is_none() && !self.terms.is_recorded {
            let loss = Loss {
                kind: "late_snapshot",
                from: since,
                to: since,
                from_id: None,
                to_id: None,
                missing: None,
                is_proven: true,
                detail: "changes came, and no whole book that they change".to_owned(),
            };
            self.open = Some(loss.clone());
            step.loss = Some(loss);
        }
        step
    }

    fn hold(&mut self, ids: Ids, arrived: i64, levels: &[LevelChange]) -> Step {
        if self.terms.origin == Origin::Stream {
            // Nobody knows what it changes. The vendor's mappers give it out.
            let emit = if self.terms.is_recorded { Emit::Given } else { Emit::Nothing };
            return Step { emit, loss: None };
        }
        if self.state == State::Broken {
            return Step::default();
        }
        if self.state == State::Waiting {
            self.state = State::Buffering;
            // A snapshot that is asked for before the first update may be older than it: now is the time.
            if self.terms.origin == Origin::Rest && !self.terms.is_recorded && !self.is_asked {
                self.ask_at = Some(self.ask_at.map_or(arrived, |at| at.min(arrived)));
            }
        }
        if let Some(last) = self.held.last() {
            match self.terms.rule.place(last.last, &ids, false) {
                Place::Next => {}
                Place::Stale => return Step::default(),
                // What is held before a hole helps no snapshot; one that is younger than the hole is whole again.
                Place::After(_) if self.terms.is_recorded => {}
                Place::After(_) => self.held.clear(),
            }
        }
        if !self.held.push(ids, levels) {
            // The snapshot did not come in time. It begins anew, with the updates from here on.
            self.held.clear();
            self.held.push(ids, levels);
        }
        Step::default()
    }

    fn stale(&mut self, ids: Ids, arrived: i64) -> Step {
        self.stale += 1;
        if self.stale < STALE || self.terms.is_recorded {
            return Step::default();
        }
        let mut loss = self.loss("sequence", self.known, &ids, None, arrived);
        loss.to = loss.from;
        loss.is_proven = false;
        loss.detail = "the ids stay below the last one: the exchange counts anew".to_owned();
        self.broken(loss, arrived)
    }

    /// The venue's reader found the book to be wrong, such as by its checksum. The message that showed it is not given out.
    pub fn fail(&mut self, kind: &'static str, detail: String, arrived: i64) -> Step {
        if !self.is_live() {
            return Step::default();
        }
        let loss = Loss {
            kind,
            from: self.arrived,
            to: if self.terms.is_recorded {
                arrived.max(self.arrived.saturating_add(1))
            } else {
                self.arrived
            },
            from_id: None,
            to_id: None,
            missing: None,
            is_proven: true,
            detail,
        };
        if self.terms.is_recorded {
            Step { emit: Emit::Given, loss: Some(loss) }
        } else {
            self.broken(loss, arrived)
        }
    }

    fn broken(&mut self, loss: Loss, arrived: i64) -> Step {
        if arrived.saturating_sub(self.since) > CALM_US {
            self.failures = 0;
        }
        self.failures = self.failures.saturating_add(1);
        self.state = State::Broken;
        self.stale = 0;
        self.book.clear();
        self.held.clear();
        self.ask_at = Some(arrived.saturating_add(self.pause()));
        self.open = Some(loss.clone());
        Step { emit: Emit::Nothing, loss: Some(loss) }
    }

    fn loss(&self, kind: &'static str, known: i64, ids: &Ids, missing: Option<u64>, arrived: i64) -> Loss {
        Loss {
            kind,
            from: self.arrived,
            // A loss that has ended has an end after its start, also where messages arrived together.
            to: arrived.max(self.arrived.saturating_add(1)),
            from_id: Some(known.to_string()),
            to_id: Some(if self.terms.rule == Rule::UpdateRange { ids.first } else { ids.last }.to_string()),
            missing,
            // That a counter rises by one is what was seen, not what the venue promises.
            is_proven: self.terms.rule.is_proof() && self.terms.rule != Rule::Counter,
            detail: String::new(),
        }
    }
}

#[cfg(test)]
mod tests;
