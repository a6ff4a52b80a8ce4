//! Events as JSON lines: one object a line, whose first member `event` says what it is. Rows have the names of the lake's columns, as
//! `mtdh get --format jsonl` writes them.

use std::sync::{LazyLock, Mutex, PoisonError};

use bytes::Bytes;
use chrono::{DateTime, SecondsFormat};
use mtdh_core::DataType;
use mtdh_core::candle::{COLUMNS, Get};
use serde::Serialize;

use super::event::{CandleEvent, Entry, Event, FindingEvent, Form, GapEvent, RowsEvent, Stream};
use crate::export::{RowText, TextForm};

/// Writers of rows, by data type; each knows its columns' names and the text of the last minute.
static WRITERS: LazyLock<[Mutex<RowText>; 9]> = LazyLock::new(|| {
    DataType::ALL.map(|data_type| {
        let columns = &data_type.table().columns;
        let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        Mutex::new(RowText::new(&names, TextForm::Lines))
    })
});

/// The lines of an event, each with its line's end. Made once, and shared by all who ask.
pub fn line(entry: &Entry) -> Bytes {
    entry.text(Form::Lines, |entry| Bytes::from(written(&entry.event)))
}

/// A line of another event than those of a hub.
pub fn named(event: &str, write: impl FnOnce(&mut Line)) -> Vec<u8> {
    let mut line = Line::new(event);
    write(&mut line);
    line.end()
}

/// A line that is being written.
pub struct Line(Vec<u8>);

impl Line {
    fn new(event: &str) -> Line {
        let mut line = Line(b"{".to_vec());
        line.value("event", event);
        line
    }

    /// A member. The name is ours, and needs no escape.
    pub fn value(&mut self, name: &str, value: impl Serialize) {
        if self.0.len() > 1 {
            self.0.push(b',');
        }
        self.0.push(b'"');
        self.0.extend_from_slice(name.as_bytes());
        self.0.extend_from_slice(b"\":");
        // Writing to memory does not fail.
        let _infallible = serde_json::to_writer(&mut self.0, &value);
    }

    /// A member that is left out where there is no value.
    pub fn option(&mut self, name: &str, value: Option<impl Serialize>) {
        if let Some(value) = value {
            self.value(name, value);
        }
    }

    /// A time, microseconds since the Unix epoch, as RFC 3339 in UTC.
    pub fn time(&mut self, name: &str, us: i64) {
        let time = DateTime::from_timestamp_micros(us);
        self.option(name, time.map(|time| time.to_rfc3339_opts(SecondsFormat::Micros, true)));
    }

    fn end(mut self) -> Vec<u8> {
        self.0.extend_from_slice(b"}\n");
        self.0
    }
}

fn written(event: &Event) -> Vec<u8> {
    match event {
        Event::Rows(rows) => row_lines(rows),
        Event::Candle(candle) => named("candle", |line| write_candle(candle, line)),
        Event::Gap(gap) => named("gap", |line| write_gap(gap, line)),
        Event::Finding(finding) => named("finding", |line| write_finding(finding, line)),
        Event::Disconnect(of) => named("disconnect", |line| {
            line.value("exchange", &*of.exchange);
            line.value("symbols", of.symbols.iter().map(|symbol| &**symbol).collect::<Vec<_>>());
            line.time("local_timestamp", of.arrived);
        }),
        Event::Health(of) => named("health", |line| {
            line.value("exchange", &*of.exchange);
            line.value("state", of.state.name());
            line.value("detail", &of.detail);
            line.value("errors", of.errors);
            line.time("local_timestamp", of.given);
        }),
    }
}

/// What each row's line begins with.
fn head(stream: &Stream) -> Vec<u8> {
    let mut line = Line::new("row");
    line.value("data_type", stream.data_type.name());
    line.value("exchange", &*stream.exchange);
    line.value("symbol", &*stream.symbol);
    line.option("instrument_key", stream.key.as_deref());
    line.0
}

fn row_lines(rows: &RowsEvent) -> Vec<u8> {
    let mut cells = Vec::with_capacity(rows.rows * 128);
    let writer = &WRITERS[rows.stream.data_type as usize];
    let mut writer = writer.lock().unwrap_or_else(PoisonError::into_inner);
    // A time outside the calendar ends the rows before it; feeds make none.
    let _whole = writer.push_range(&rows.batch, rows.first..rows.first + rows.rows, &mut cells);
    drop(writer);
    let head = head(&rows.stream);
    let mut text = Vec::with_capacity(cells.len() + rows.rows * (head.len() + 1));
    for row in cells.split(|byte| *byte == b'\n').filter(|row| row.len() > 1) {
        text.extend_from_slice(&head);
        text.push(b',');
        text.extend_from_slice(&row[1..]);
        text.push(b'\n');
    }
    text
}

fn write_candle(of: &CandleEvent, line: &mut Line) {
    line.value("stage", of.stage.name());
    line.value("revision", of.revision);
    line.value("exchange", &*of.exchange);
    line.value("symbol", &*of.symbol);
    line.value("instrument_key", &*of.key);
    line.value("timeframe", of.timeframe.to_string());
    line.time("local_timestamp", of.given);
    for column in COLUMNS {
        match column.get {
            Get::Time(get) => {
                if let Some(us) = get(&of.candle) {
                    line.time(column.name, us);
                }
            }
            Get::Number(get) => line.option(column.name, get(&of.candle).filter(|number| number.is_finite())),
            Get::Count(get) => line.option(column.name, get(&of.candle)),
            Get::Flag(get) => line.option(column.name, get(&of.candle)),
        }
    }
}

fn write_gap(of: &GapEvent, line: &mut Line) {
    let gap = &of.gap;
    line.value("exchange", &*of.exchange);
    line.option("symbol", gap.symbol.as_deref());
    line.option("instrument_key", of.key.as_deref());
    line.option("data_type", gap.data_type.map(DataType::name));
    line.value("kind", gap.kind);
    line.time("from", gap.from);
    // A gap without an end is still open.
    if gap.to != gap.from {
        line.time("to", gap.to);
    }
    line.option("from_id", gap.from_id.as_deref());
    line.option("to_id", gap.to_id.as_deref());
    line.option("missing", gap.missing);
    line.value("is_proven", gap.is_proven);
    line.value("detail", &gap.detail);
}

fn write_finding(of: &FindingEvent, line: &mut Line) {
    let found = &of.finding.found;
    line.value("exchange", &*of.exchange);
    line.option("symbol", of.symbol.as_deref());
    line.value("stream", of.finding.stream.to_string());
    line.value("check", of.finding.check);
    line.value("severity", of.finding.severity.name());
    line.value("count", found.count);
    if let Some((from, to)) = found.range_us {
        line.time("from", from);
        line.time("to", to);
    }
    line.value("examples", &found.examples);
    line.option("cause", found.explanation.as_ref().map(|explanation| explanation.class));
    line.option("explanation", found.explanation.as_ref().map(|explanation| &explanation.text));
    line.time("local_timestamp", of.given);
}
