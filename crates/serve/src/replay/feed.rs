//! What arrived of one instrument on one day, read from an object of the lake batch by batch.

use std::ops::Range;
use std::sync::Arc;

use futures::TryStreamExt;
use mtdh_core::DataType;
use mtdh_core::book::LevelChange;
use mtdh_engine::Context;
use mtdh_engine::query::{Form, ReadRequest, RowStream, TickTable};

use super::error::ReplayError;
use super::kind::Kind;
use super::plan::FeedPlan;
use super::rows::{Rows, columns};
use super::session::{Change, Event, Named};

/// The events of an object, in order of arrival.
pub(super) struct Feed {
    /// Which object of `options` asks for it.
    pub(super) option: usize,
    pub(super) kind: Kind,
    pub(super) named: Arc<Named>,
    /// What an error names.
    what: String,
    table: DataType,
    stream: RowStream,
    rows: Option<Arc<Rows>>,
    at: usize,
    is_over: bool,
}

impl Feed {
    /// Opens an object. Nothing is read before the first event is asked for.
    ///
    /// # Errors
    /// When the lake's table has no such columns.
    pub(super) fn open(context: &Context, plan: &FeedPlan, batch_rows: usize) -> Result<Feed, ReplayError> {
        let FeedPlan { option, kind, table, within_us, named, object } = plan;
        let what = format!("{table} of {} on {}", object.key, object.day);
        let request = ReadRequest {
            columns: Some(columns(*table)),
            ..ReadRequest::new(TickTable::Ticks(*table), vec![object.key.to_string()], within_us.clone())
        };
        let form = Form { batch_rows, ..Form::STREAM };
        let stream = context.rows(&request, vec![object.clone()], form);
        let stream = stream.map_err(|error| ReplayError::reading(&what, error))?;
        let (option, kind, table, named) = (*option, *kind, *table, named.clone());
        Ok(Feed { option, kind, named, what, table, stream, rows: None, at: 0, is_over: false })
    }

    /// When the next event arrived, microseconds since the Unix epoch, UTC; `None`: there is none.
    ///
    /// # Errors
    /// When the object cannot be read or trusted.
    pub(super) async fn arrival_us(&mut self) -> Result<Option<i64>, ReplayError> {
        Ok(self.row().await?.map(|(rows, row)| rows.arrival_us(row)))
    }

    /// The next row, which stays.
    async fn row(&mut self) -> Result<Option<(&Arc<Rows>, usize)>, ReplayError> {
        while self.rows.as_ref().is_none_or(|rows| self.at >= rows.len()) {
            if self.is_over {
                return Ok(None);
            }
            let batch =
                self.stream.try_next().await.map_err(|error| ReplayError::reading(&self.what, error))?;
            let Some(batch) = batch else {
                self.is_over = true;
                return Ok(None);
            };
            let rows = Rows::of(self.table, &batch).map_err(|why| self.wrong(&why))?;
            (self.rows, self.at) = (Some(rows), 0);
        }
        Ok(self.rows.as_ref().map(|rows| (rows, self.at)))
    }

    /// The next event; `None`: there is none.
    ///
    /// # Errors
    /// As [`Feed::arrival_us`].
    pub(super) async fn next(&mut self) -> Result<Option<Event>, ReplayError> {
        if self.kind == Kind::BookChange {
            return Ok(self.change().await?.map(Event::Change));
        }
        let event = self.row().await?.map(|(rows, row)| Event::Row(rows.clone(), row));
        self.at += 1;
        Ok(event)
    }

    /// The rows that came in one message.
    async fn change(&mut self) -> Result<Option<Change>, ReplayError> {
        let mut change: Option<Change> = None;
        while let Some((rows, row)) = self.row().await? {
            match joined(&mut change, rows, row) {
                None => return Err(self.wrong("a change of a level lacks a value")),
                Some(false) => break,
                Some(true) => self.at += 1,
            }
        }
        Ok(change)
    }

    pub(super) fn wrong(&self, why: &str) -> ReplayError {
        ReplayError::wrong_rows(&self.what, why)
    }
}

/// Adds a row to a change of a book; false: it is the first of the next one. Neighbours belong together that have both times and
/// `is_snapshot` in common. `None`: the row lacks a value.
fn joined(change: &mut Option<Change>, rows: &Rows, row: usize) -> Option<bool> {
    let (arrival_us, timestamp) = (rows.arrival_us(row), rows.timestamp(row));
    let (is_snapshot, is_ask, price, amount) = rows.change(row)?;
    let level = LevelChange { is_snapshot, is_ask, price, amount };
    match change {
        None => *change = Some(Change { is_snapshot, timestamp, arrival_us, levels: vec![level] }),
        Some(of) if (of.is_snapshot, of.timestamp, of.arrival_us) != (is_snapshot, timestamp, arrival_us) => {
            return Some(false);
        }
        Some(of) => of.levels.push(level),
    }
    Some(true)
}

/// The events of rows that are in memory. A change that lacks a value ends them.
pub(super) fn events(kind: Kind, rows: &Arc<Rows>, range: Range<usize>) -> Vec<Event> {
    let mut events = Vec::with_capacity(1);
    let mut change = None;
    for row in range {
        if kind != Kind::BookChange {
            events.push(Event::Row(rows.clone(), row));
            continue;
        }
        match joined(&mut change, rows, row) {
            None => break,
            Some(true) => {}
            Some(false) => {
                events.extend(change.take().map(Event::Change));
                joined(&mut change, rows, row);
            }
        }
    }
    events.extend(change.map(Event::Change));
    events
}
