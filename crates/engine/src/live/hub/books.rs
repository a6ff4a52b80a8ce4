//! The current books, made from what the memory has, by those who listen and never by those who publish.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, TimestampMicrosecondType};
use mtdh_core::DataType;
use mtdh_core::book::{LevelChange, OrderBook};
use mtdh_source::row_builder::RowBuilder;

use super::Hub;
use super::event::{Entry, Event, Position, RowsEvent, Source, Stream};
use super::filter::Filter;

/// Events that are applied at a time: well below half a millisecond.
const STEP: usize = 256;

/// The books after an event.
#[derive(Default)]
pub(super) struct Books {
    /// The number of the last event that was applied.
    pub(super) applied: u64,
    live: BTreeMap<usize, Live>,
}

struct Live {
    stream: Arc<Stream>,
    book: OrderBook,
    /// Of the last change: exchange's time and arrival, microseconds since the Unix epoch, UTC.
    timestamp: i64,
    arrived: i64,
    position: Position,
    part: u32,
}

/// The columns of `incremental_book_L2` behind its two times.
const COLUMNS: [&str; 4] = ["is_snapshot", "side", "price", "amount"];

/// The changes of a message, and its exchange's time.
fn changes(of: &RowsEvent) -> Option<(i64, Vec<LevelChange>)> {
    let batch = &of.batch;
    let times = batch.column_by_name("timestamp")?.as_primitive_opt::<TimestampMicrosecondType>()?;
    let [flags, sides, prices, amounts] = COLUMNS.map(|name| batch.column_by_name(name));
    let flags = flags?.as_boolean_opt()?;
    let sides = sides?.as_dictionary_opt::<Int32Type>()?;
    let words = sides.values().as_string_opt::<i32>()?;
    let prices = prices?.as_primitive_opt::<Float64Type>()?;
    let amounts = amounts?.as_primitive_opt::<Float64Type>()?;
    let is_ask = |row| sides.key(row).is_some_and(|word| words.value(word) == "ask");
    let change = |row| LevelChange {
        is_snapshot: flags.value(row),
        is_ask: is_ask(row),
        price: prices.value(row),
        amount: amounts.value(row),
    };
    let rows = of.first..of.first + of.rows;
    (rows.end <= batch.num_rows()).then(|| (times.value(of.first), rows.map(change).collect()))
}

impl Books {
    /// Applies the next few events; false: there were none.
    pub(super) fn step(&mut self, hub: &Hub) -> bool {
        let entries = match hub.remembered(self.applied, STEP) {
            Ok(entries) => entries,
            Err(forgotten) => {
                // What was forgotten may have changed any of them.
                self.live.clear();
                self.applied += forgotten;
                return true;
            }
        };
        for entry in &entries {
            self.apply(entry);
        }
        entries.len() == STEP
    }

    fn apply(&mut self, entry: &Entry) {
        self.applied = entry.number;
        match &entry.event {
            Event::Rows(rows) if rows.stream.data_type == DataType::IncrementalBookL2 => {
                let Some((timestamp, changes)) = changes(rows) else { return };
                let live = self.live.entry(rows.stream.number).or_insert_with(|| Live {
                    stream: rows.stream.clone(),
                    book: OrderBook::default(),
                    timestamp,
                    arrived: rows.arrived,
                    position: rows.position.clone(),
                    part: entry.part,
                });
                live.book.apply(&changes);
                (live.timestamp, live.arrived, live.part) = (timestamp, rows.arrived, entry.part);
                live.position = rows.position.clone();
            }
            Event::Disconnect(of) => self.live.retain(|_, live| {
                live.stream.exchange != of.exchange
                    || !of.symbols.is_empty() && !of.symbols.contains(&live.stream.symbol)
            }),
            _ => {}
        }
    }

    /// The books of the streams that pass, each as the rows of a snapshot. Only the last has a number: who was given fewer than
    /// all begins anew.
    pub(super) fn snapshots(&self, filters: &[Filter]) -> Vec<Arc<Entry>> {
        let wanted = self.live.values().filter(|live| {
            live.book.has_snapshot() && filters.iter().any(|filter| filter.takes_rows_of(&live.stream))
        });
        let events: Vec<(u32, RowsEvent)> =
            wanted.filter_map(|live| Some((live.part, live.snapshot()?))).collect();
        let last = events.len().saturating_sub(1);
        let entry = |(place, (part, rows)): (usize, (u32, RowsEvent))| {
            let number = if place == last { self.applied } else { 0 };
            Arc::new(Entry::of(Source::Book, number, part, Event::Rows(rows)))
        };
        events.into_iter().enumerate().map(entry).collect()
    }
}

impl Live {
    /// `None`: it has no level.
    fn snapshot(&self) -> Option<RowsEvent> {
        let table = DataType::IncrementalBookL2.table();
        let mut builder = RowBuilder::new(table);
        let place = |name: &str| table.columns.iter().position(|column| column.name == name);
        let [flag, side, price, amount] = COLUMNS.map(place);
        let (timestamp, arrived) = (place("timestamp")?, place("local_timestamp")?);
        let (flag, side, price, amount) = (flag?, side?, price?, amount?);
        let sides = [(0, self.book.bids().collect::<Vec<_>>()), (1, self.book.asks().collect())];
        for (word, levels) in sides {
            for level in levels {
                builder.column(timestamp).push_time(self.timestamp);
                builder.column(arrived).push_time(self.arrived);
                builder.column(flag).push_flag(true);
                builder.column(side).push_category(word);
                builder.column(price).push_number(level.0);
                builder.column(amount).push_number(level.1);
                builder.end_row();
            }
        }
        let rows = builder.rows();
        // A builder makes the columns of its table, all of one length.
        let batch = RecordBatch::try_new(table.row_schema().clone(), builder.take()).ok()?;
        (rows > 0).then(|| RowsEvent {
            stream: self.stream.clone(),
            batch: Arc::new(batch),
            first: 0,
            rows,
            arrived: self.arrived,
            position: self.position.clone(),
        })
    }
}
