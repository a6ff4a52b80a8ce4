//! Live candles and rows as JSON lines: one object per line, with the names of the lake's columns.
//!
//! Reads text only; [`super::validate`] validates what was read. What `mtdh get --format jsonl` prints can be read.

use std::collections::BTreeMap;

use arrow_array::RecordBatch;
use chrono::DateTime;
use mtdh_core::DataType;
use mtdh_core::candle::Timeframe;
use mtdh_core::check::bars::{Bar, Field};
use mtdh_core::key::InstrumentKey;
use mtdh_core::table::{INSTRUMENT_KEY, Kind};
use mtdh_core::time_unit::Plausible;
use mtdh_source::row_builder::RowBuilder;
use serde_json::{Map, Value};

use super::validate::{CandleStream, TickStream};
use crate::names::key_of_symbol;

/// What the caller knows about lines that do not say it themselves.
#[derive(Clone, Debug, Default)]
pub struct LineHints {
    /// The instrument.
    pub key: Option<InstrumentKey>,
    /// The timeframe of candles.
    pub timeframe: Option<Timeframe>,
    /// The data type of rows.
    pub data_type: Option<DataType>,
}

/// A candle that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct LiveCandle {
    /// Whose it is.
    pub stream: CandleStream,
    /// The candle. Where the line does not say whether it is final, it is when its interval had ended on arrival.
    pub bar: Bar,
    /// When it arrived, microseconds since the Unix epoch, UTC.
    pub came_us: i64,
}

/// Why a line cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct LineError(String);

/// Reads lines. Rows are gathered until they are taken, so that a batch has many.
pub struct LineReader {
    hints: LineHints,
    rows: BTreeMap<TickStream, RowBuilder>,
}

impl LineReader {
    /// A reader without rows.
    pub fn new(hints: LineHints) -> LineReader {
        LineReader { hints, rows: BTreeMap::new() }
    }

    /// Reads a line that arrives now, microseconds since the Unix epoch, UTC. A candle is returned, a row is kept for
    /// [`LineReader::take_rows`]. A line with `open` and `close` is a candle.
    ///
    /// # Errors
    /// When the line is no JSON object, or something that it must say is missing or wrong; the text names it.
    pub fn read(&mut self, line: &str, now_us: i64) -> Result<Option<LiveCandle>, LineError> {
        let value: Value =
            serde_json::from_str(line).map_err(|error| LineError(format!("it is not JSON: {error}")))?;
        let Value::Object(object) = value else {
            return Err(LineError("it is not a JSON object".to_owned()));
        };
        if object.contains_key("open") && object.contains_key("close") {
            return self.candle(&object, now_us).map(Some);
        }
        self.row(&object, now_us).map(|()| None)
    }

    /// The rows that were read since the last call, by stream.
    pub fn take_rows(&mut self) -> Vec<(TickStream, RecordBatch)> {
        let full = self.rows.iter_mut().filter(|(_, builder)| builder.rows() > 0);
        // The builder makes the columns of the table.
        full.filter_map(|(stream, builder)| {
            let schema = stream.data_type.table().row_schema().clone();
            Some((stream.clone(), RecordBatch::try_new(schema, builder.take()).ok()?))
        })
        .collect()
    }

    fn candle(&self, object: &Map<String, Value>, now_us: i64) -> Result<LiveCandle, LineError> {
        let key = self.key(object)?;
        let timeframe = match text(object, "timeframe")? {
            Some(name) => name.parse().map_err(said)?,
            None => self.hints.timeframe.ok_or_else(|| missing("timeframe"))?,
        };
        let plausible = Plausible::clocks(now_us);
        let start = time(object, "timestamp", &plausible)?.ok_or_else(|| missing("timestamp"))?;
        let came_us = time(object, "local_timestamp", &plausible)?.unwrap_or(now_us);
        let has_ended = start.saturating_add(timeframe.us()) <= came_us;
        let is_final = match object.get("is_final") {
            None | Some(Value::Null) => has_ended,
            Some(Value::Bool(is_final)) => *is_final,
            Some(other) => return Err(LineError(format!("`is_final` is {other}, not true or false"))),
        };
        let mut bar = Bar::new(start, is_final);
        for field in Field::ALL {
            bar.set(field, number(object, field.name())?);
        }
        Ok(LiveCandle { stream: CandleStream { key, timeframe }, bar, came_us })
    }

    fn row(&mut self, object: &Map<String, Value>, now_us: i64) -> Result<(), LineError> {
        let data_type = match text(object, "data_type")? {
            Some(name) => name.parse().map_err(said)?,
            None => self.hints.data_type.ok_or_else(|| {
                LineError("it is no candle (open, close), and `data_type` is missing".to_owned())
            })?,
        };
        let stream = TickStream { key: self.key(object)?, data_type };
        let builder = self.rows.entry(stream).or_insert_with(|| RowBuilder::new(data_type.table()));
        let pushed = push_row(builder, data_type, object, &Plausible::clocks(now_us));
        match pushed {
            Ok(()) => builder.end_row(),
            Err(_) => builder.discard_row(),
        }
        pushed
    }

    /// The instrument: a key, or a symbol of Binance's spot market as `BTC-USDT`.
    fn key(&self, object: &Map<String, Value>) -> Result<InstrumentKey, LineError> {
        let name = match text(object, INSTRUMENT_KEY)? {
            Some(name) => Some(name),
            None => text(object, "symbol")?,
        };
        match name {
            Some(name) if name.contains(':') => name.parse().map_err(said),
            Some(symbol) => {
                key_of_symbol("BINANCE", symbol).map_err(|error| said(mtdh_core::error::chain(&error)))
            }
            None => self.hints.key.clone().ok_or_else(|| missing(INSTRUMENT_KEY)),
        }
    }
}

fn push_row(
    builder: &mut RowBuilder,
    data_type: DataType,
    object: &Map<String, Value>,
    plausible: &Plausible,
) -> Result<(), LineError> {
    for (index, column) in data_type.table().columns.iter().enumerate() {
        let name = column.name.as_str();
        let cells = builder.column(index);
        let is_null = match column.kind {
            Kind::Time => time(object, name, plausible)?.map(|us| cells.push_time(us)),
            Kind::Number => number(object, name)?.map(|number| cells.push_number(number)),
            Kind::Text => text(object, name)?.map(|text| cells.push_text(text.as_bytes())),
            Kind::Category(words) => {
                let given = text(object, name)?;
                let known = given.map(|word| {
                    words.iter().position(|known| *known == word).ok_or_else(|| {
                        LineError(format!("`{name}` is {word:?}, not one of {}", words.join(", ")))
                    })
                });
                known.transpose()?.map(|index| cells.push_category(index))
            }
            Kind::Flag => match object.get(name) {
                None | Some(Value::Null) => None,
                Some(Value::Bool(flag)) => {
                    cells.push_flag(*flag);
                    Some(())
                }
                Some(other) => return Err(LineError(format!("`{name}` is {other}, not true or false"))),
            },
        }
        .is_none();
        if is_null {
            if !column.nullable {
                return Err(missing(name));
            }
            cells.push_null();
        }
    }
    Ok(())
}

fn said(error: impl std::fmt::Display) -> LineError {
    LineError(error.to_string())
}

fn missing(name: &str) -> LineError {
    LineError(format!("`{name}` is missing"))
}

fn text<'a>(object: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, LineError> {
    match object.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => Err(LineError(format!("`{name}` is {other}, not text"))),
    }
}

/// A number, or the text of one, as exchanges send them.
fn number(object: &Map<String, Value>, name: &str) -> Result<Option<f64>, LineError> {
    let (value, given) = match object.get(name) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Number(number)) => (number.as_f64(), number.to_string()),
        Some(Value::String(text)) => (text.trim().parse().ok(), text.clone()),
        Some(other) => (None, other.to_string()),
    };
    value.map(Some).ok_or_else(|| LineError(format!("`{name}` is {given}, not a number")))
}

/// A time: RFC 3339, or microseconds since the Unix epoch.
fn time(object: &Map<String, Value>, name: &str, plausible: &Plausible) -> Result<Option<i64>, LineError> {
    match object.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => match DateTime::parse_from_rfc3339(text) {
            Ok(time) => Ok(Some(time.timestamp_micros())),
            Err(_) => Err(LineError(format!(
                "`{name}` is {text:?}; write a time as 2024-03-01T12:00:00Z, or in microseconds since 1970"
            ))),
        },
        Some(other) => match other.as_i64() {
            Some(us) if plausible.contains(us) => Ok(Some(us)),
            Some(us) => Err(LineError(format!("`{name}` is {}", plausible.refusal(us)))),
            None => Err(LineError(format!("`{name}` is {other}, not a time"))),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_709_251_300_000_000;

    fn reader(hints: LineHints) -> LineReader {
        LineReader::new(hints)
    }

    #[test]
    fn candles_are_read_with_keys_or_symbols_and_two_forms_of_time() {
        let hints = || LineHints {
            key: "DERIBIT:PERP:BTC-USD".parse().ok(),
            timeframe: "1m".parse().ok(),
            data_type: None,
        };
        let values = r#""open":10,"high":"12.5","low":9,"close":11,"volume":null"#;
        for (rest, expected, is_final) in [
            (r#""timestamp":1709251200000000"#, "DERIBIT:PERP:BTC-USD 1m", true),
            (
                r#""timestamp":"2024-03-01T01:00:00+01:00","symbol":"btc-usdt""#,
                "BINANCE:SPOT_PAIR:BTC-USDT 1m",
                true,
            ),
            (r#""timestamp":1709251200000000,"timeframe":"5m""#, "DERIBIT:PERP:BTC-USD 5m", false),
            (
                r#""timestamp":1709251200000000,"timeframe":"5m","local_timestamp":1709251500000000"#,
                "DERIBIT:PERP:BTC-USD 5m",
                true,
            ),
            (r#""timestamp":1709251200000000,"is_final":false"#, "DERIBIT:PERP:BTC-USD 1m", false),
        ] {
            let candle = reader(hints()).read(&format!("{{{values},{rest}}}"), NOW).unwrap().unwrap();
            let CandleStream { key, timeframe } = &candle.stream;
            assert_eq!(
                (format!("{key} {timeframe}").as_str(), candle.bar.is_final),
                (expected, is_final),
                "{rest}"
            );
            assert_eq!(candle.bar.start, 1_709_251_200_000_000);
            assert_eq!((candle.bar.get(Field::High), candle.bar.get(Field::Volume)), (Some(12.5), None));
        }
    }

    #[test]
    fn rows_are_gathered_by_stream() {
        let mut reader = reader(LineHints::default());
        for key in ["DERIBIT:PERP:BTC-USD", "DERIBIT:PERP:ETH-USD", "DERIBIT:PERP:BTC-USD"] {
            let line = format!(
                r#"{{"instrument_key":"{key}","data_type":"trades","timestamp":"2024-03-01T00:00:00Z","local_timestamp":1709251200000001,"id":"1","side":"buy","price":60000.5,"amount":10}}"#
            );
            assert_eq!(reader.read(&line, NOW), Ok(None));
        }
        let taken: Vec<_> =
            reader.take_rows().iter().map(|(s, rows)| (s.key.to_string(), rows.num_rows())).collect();
        assert_eq!(taken, [("DERIBIT:PERP:BTC-USD".to_owned(), 2), ("DERIBIT:PERP:ETH-USD".to_owned(), 1)]);
        assert!(reader.take_rows().is_empty());
    }

    #[test]
    fn what_is_wrong_with_a_line_is_named() {
        let hints = LineHints { key: "DERIBIT:PERP:BTC-USD".parse().ok(), ..LineHints::default() };
        for (line, expected) in [
            ("", "not JSON"),
            ("[1]", "not a JSON object"),
            ("{\"open\":NaN}", "not JSON"),
            (r#"{"open":1,"close":1}"#, "`timeframe` is missing"),
            (r#"{"open":1,"close":1,"timeframe":"7m"}"#, "`7m` is not a timeframe"),
            (r#"{"open":1,"close":1,"timeframe":"1m"}"#, "`timestamp` is missing"),
            (r#"{"open":1,"close":1,"timeframe":"1m","timestamp":1709251200000}"#, "milliseconds?"),
            (r#"{"open":1,"close":1,"timeframe":"1m","timestamp":"2024-03-01 12:00"}"#, "write a time as"),
            (
                r#"{"open":"x","close":1,"timeframe":"1m","timestamp":1709251200000000}"#,
                "`open` is x, not a number",
            ),
            (r#"{"open":1,"close":1,"symbol":"BTCUSDT"}"#, "BTCUSDT"),
            (r#"{"price":1}"#, "`data_type` is missing"),
            (r#"{"price":1,"data_type":"trade"}"#, "unknown data type `trade`"),
            (r#"{"price":1,"data_type":"trades"}"#, "`timestamp` is missing"),
            (
                r#"{"data_type":"trades","timestamp":1709251200000000,"local_timestamp":1709251200000000,"side":"up","price":1,"amount":1}"#,
                "`side` is \"up\"",
            ),
        ] {
            let mut reader = reader(hints.clone());
            let error = reader.read(line, NOW).unwrap_err().to_string();
            assert!(error.contains(expected), "{line}: {error}");
            assert!(reader.take_rows().is_empty());
        }
    }
}
