//! Live rows against the vendor's of the same day: what is equal, what differs, and why.
//!
//! Both sides are read in order of arrival, whichever is behind next, and what waits for the other side is bounded by a minute of
//! arrivals. Pure but for [`run`], which reads a lake. Start with [`Comparison`].

mod book;
mod cause;
mod cells;
mod difference;
mod events;
pub mod known;
mod levels;
pub mod run;
mod seconds;

use std::ops::Range;

use arrow_array::RecordBatch;
use mtdh_core::DataType;
use mtdh_core::key::InstrumentKey;

use super::candles::gaps::Gap;
use book::Books;
use cause::Causes;
pub use cause::{Cause, Window};
pub use difference::{Counts, Difference, Kind, Side};
use events::Events;
use seconds::Seconds;

/// Differences of a partition that are listed; more are counted.
pub const LISTED: usize = 1_000;

/// How far beyond the ranges rows are read: what one side has at an edge, the other has beyond it.
pub const BEYOND_US: i64 = 10_000_000;

/// What is compared, and how.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The instrument.
    pub key: InstrumentKey,
    /// The data type.
    pub data_type: DataType,
    /// The ranges of arrival that both sides recorded, microseconds since the Unix epoch, UTC.
    pub ranges: Vec<Range<i64>>,
    /// What the live side is known to lack.
    pub gaps: Vec<Gap>,
}

/// How the rows of a data type are compared.
enum Method {
    /// Not known before the first rows.
    Open,
    Events(Events),
    Books(Books),
    Seconds(Seconds),
}

/// Compares one instrument's rows of one data type.
pub struct Comparison {
    subject: Subject,
    method: Method,
    /// Batches that wait until the method is known.
    first: [Option<RecordBatch>; 2],
    ended: [bool; 2],
    /// The largest arrival of each side.
    reached: [i64; 2],
    /// The first and last arrival of each side within the ranges.
    seen: [Option<(i64, i64)>; 2],
    causes: Causes,
    counts: Counts,
    differences: Vec<Difference>,
}

impl Comparison {
    /// A comparison before any row.
    pub fn new(subject: Subject) -> Comparison {
        let causes = Causes::new(&subject);
        Comparison {
            method: Method::Open,
            first: [None, None],
            ended: [false; 2],
            reached: [i64::MIN; 2],
            seen: [None; 2],
            causes,
            counts: Counts::default(),
            differences: Vec::new(),
            subject,
        }
    }

    /// Whose rows are wanted next; `None`: both sides have ended.
    pub fn wants(&self) -> Option<Side> {
        let open = Side::BOTH.into_iter().filter(|side| !self.ended[*side as usize]);
        open.min_by_key(|side| self.reached[*side as usize])
    }

    /// Adds rows of a side in its order, with the lake's columns.
    ///
    /// # Errors
    /// When a column is not that of the data type.
    pub fn push(&mut self, side: Side, batch: &RecordBatch) -> Result<(), String> {
        let arrived = cells::times(batch, "local_timestamp")?;
        let last = arrived.iter().max().copied().unwrap_or(i64::MIN);
        let place = side as usize;
        self.reached[place] = self.reached[place].max(last);
        if matches!(self.method, Method::Open) {
            // The side that is behind comes first, and both have rows or have ended before the method is chosen.
            if self.first[place].is_none() && !self.ended[side.other() as usize] {
                self.first[place] = Some(batch.clone());
                if self.first[side.other() as usize].is_none() {
                    return Ok(());
                }
                return self.begin();
            }
            self.begin()?;
        }
        self.take(side, batch)?;
        self.advance();
        Ok(())
    }

    /// A side has no more rows.
    ///
    /// # Errors
    /// As [`Comparison::push`], of rows that waited.
    pub fn end(&mut self, side: Side) -> Result<(), String> {
        self.ended[side as usize] = true;
        self.reached[side as usize] = i64::MAX;
        if self.ended == [true; 2]
            || matches!(self.method, Method::Open) && self.first.iter().any(Option::is_some)
        {
            self.begin()?;
        }
        self.advance();
        if self.ended == [true; 2] {
            self.tell_nothing();
        }
        Ok(())
    }

    /// Tells if one side has rows and the other none, or if nothing could be compared.
    fn tell_nothing(&mut self) {
        if matches!(self.method, Method::Events(_)) || self.counts.compared > 0 {
            return;
        }
        let rows = self.counts.rows;
        let (kind, (first, last), count) = match self.seen {
            [None, None] => return,
            [Some(seen), None] => (Kind::OnlyLive, seen, rows[0]),
            [None, Some(seen)] => (Kind::OnlyVendor, seen, rows[1]),
            [Some(live), Some(_)] => (Kind::Incomparable, live, rows[0]),
        };
        let (cause, because) = self.causes.of_none(kind, (first, last));
        let text = |side: Side| (rows[side as usize] > 0).then(|| format!("{} rows", rows[side as usize]));
        self.counts.compared += count;
        self.counts.by_cause[cause as usize] += 1;
        list(
            &mut self.differences,
            Difference {
                kind,
                from_us: first,
                to_us: last,
                count,
                field: String::new(),
                live: text(Side::Live),
                vendor: text(Side::Vendor),
                cause,
                because,
            },
        );
    }

    /// Chooses the method, and takes what waited.
    fn begin(&mut self) -> Result<(), String> {
        if !matches!(self.method, Method::Open) {
            return Ok(());
        }
        let (data_type, first) = (self.subject.data_type, std::mem::take(&mut self.first));
        let mut is_stamped = first.iter().any(Option::is_some);
        for batch in first.iter().flatten() {
            is_stamped &= cells::times(batch, "timestamp")? == cells::times(batch, "local_timestamp")?;
        }
        self.causes.is_stamped = is_stamped;
        self.method = match data_type {
            DataType::IncrementalBookL2 => Method::Books(Books::default()),
            DataType::Trades | DataType::Liquidations => Method::Events(Events::new(data_type, is_stamped)),
            // Without a time of the exchange there is no second to be the last of.
            DataType::BookTicker if is_stamped => Method::Events(Events::new(data_type, true)),
            _ => Method::Seconds(Seconds::new(data_type)),
        };
        for (side, batch) in Side::BOTH.into_iter().zip(first) {
            if let Some(batch) = batch {
                self.take(side, &batch)?;
            }
        }
        self.advance();
        Ok(())
    }

    fn take(&mut self, side: Side, batch: &RecordBatch) -> Result<(), String> {
        for at in cells::times(batch, "local_timestamp")?.iter().filter(|at| self.causes.window.has(**at)) {
            self.counts.rows[side as usize] += 1;
            let (first, last) = self.seen[side as usize].unwrap_or((*at, *at));
            self.seen[side as usize] = Some((first.min(*at), last.max(*at)));
        }
        match &mut self.method {
            Method::Open => {}
            Method::Events(events) => {
                events.take(side, batch, &mut self.causes, &mut self.counts, &mut |d| {
                    list(&mut self.differences, d);
                })?
            }
            Method::Books(books) => books.take(side, batch)?,
            Method::Seconds(seconds) => seconds.take(side, batch)?,
        }
        Ok(())
    }

    /// Compares as far as both sides are known.
    fn advance(&mut self) {
        let Comparison { method, ended, reached, causes, counts, differences, .. } = self;
        let give = &mut |difference| list(differences, difference);
        match method {
            Method::Open => {}
            Method::Events(events) => {
                events.expire(reached[0].min(reached[1]), causes, counts, give);
            }
            Method::Books(books) => books.compare(*ended, causes, counts, give),
            Method::Seconds(seconds) => seconds.compare(*ended, causes, counts, give),
        }
    }

    /// What was found. Both sides must have ended.
    pub fn finish(self) -> (Counts, Vec<Difference>) {
        (self.counts, self.differences)
    }
}

/// Lists a difference; unexplained ones also in place of explained ones, so that the list never hides what matters.
fn list(differences: &mut Vec<Difference>, difference: Difference) {
    if differences.len() < LISTED {
        differences.push(difference);
    } else if difference.cause == Cause::Unexplained
        && let Some(place) = differences.iter().rposition(|known| known.cause != Cause::Unexplained)
    {
        differences[place] = difference;
    }
}
