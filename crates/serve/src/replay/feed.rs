//! What arrived of one instrument on one day, read from an object of the lake batch by batch.

use std::sync::Arc;

use futures::TryStreamExt;
use mtdh_core::DataType;
use mtdh_core::book::LevelChange;
use mtdh_core::clock::Clock;
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
            table: TickTable::Ticks(*table),
            instruments: vec![object.key.to_string()],
            within_us: within_us.clone(),
            clock: Clock::Arrival,
            columns: Some(columns(*table)),
            limit: None,
            has_worth: false,
        };
        let form = Form { batch_rows, ..Form::STREAM };
        let stream = context.rows(&request, vec![object.clone()], form);
        let stream = stream.map_err(|error| ReplayError::reading(&what, &error))?;
        let (option, kind, table, named) = (*option, *kind, *table, named.clone());
        Ok(Feed { option, kind, named, what, table, stream, rows: None, at: 0 })
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
            let batch = self.stream.try_next().await.map_err(|error| ReplayError::reading(&self.what, &error))?;
            let Some(batch) = batch else { return Ok(None) };
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

    /// The rows that came in one message: neighbours with both times and `is_snapshot` in common.
    async fn change(&mut self) -> Result<Option<Change>, ReplayError> {
        let mut change: Option<Change> = None;
        loop {
            let Some((rows, row)) = self.row().await? else { return Ok(change) };
            let (arrival_us, timestamp) = (rows.arrival_us(row), rows.timestamp(row));
            let Some((is_snapshot, is_ask, price, amount)) = rows.change(row) else {
                return Err(self.wrong("a change lacks a value"));
            };
            let level = LevelChange { is_snapshot, is_ask, price, amount };
            match &mut change {
                None => change = Some(Change { is_snapshot, timestamp, arrival_us, levels: vec![level] }),
                Some(of) if (of.is_snapshot, of.timestamp, of.arrival_us) == (is_snapshot, timestamp, arrival_us) => {
                    of.levels.push(level);
                }
                Some(_) => return Ok(change),
            }
            self.at += 1;
        }
    }

    pub(super) fn wrong(&self, why: &str) -> ReplayError {
        let message = format!("{}: {why}", self.what);
        ReplayError::Reading { kind: mtdh_core::error::ErrorKind::Damaged, message }
    }
}
