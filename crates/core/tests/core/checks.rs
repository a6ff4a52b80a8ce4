//! Every check against tables of cases: what it must find, what it must not, and the step between them.

mod aggregation;
mod book;
mod clocks;
mod gaps;
mod ids;
mod lake;
mod market;
mod neighbours;
mod page;
mod reference;
mod resent;
mod silence;
mod values;

use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, BooleanArray, DictionaryArray, Float64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use arrow_schema::{Field, Schema};
use mtdh_core::check::{Check, CheckFn, CheckInput, Context, Detection, Rows, Settings, find};
use mtdh_core::key::InstrumentKey;
use mtdh_core::table::Kind;
use mtdh_core::{DataType, Day};

pub const SECOND: i64 = 1_000_000;

pub fn day() -> Day {
    "2024-03-01".parse().unwrap()
}

pub fn key(text: &str) -> InstrumentKey {
    text.parse().unwrap()
}

/// Rows from lines of cells, separated by spaces in the order of the table; `-` is null. The two clocks are
/// microseconds after the day's start. Cells that a line does not have are null, 0 or the first word.
pub fn batch(data_type: DataType, lines: &[String]) -> RecordBatch {
    let rows: Vec<Vec<&str>> = lines.iter().map(|line| line.split(' ').collect()).collect();
    let table = data_type.table();
    let mut arrays: Vec<ArrayRef> = Vec::new();
    for (place, column) in table.columns.iter().enumerate() {
        let cells: Vec<Option<&str>> =
            rows.iter().map(|row| row.get(place).copied().filter(|cell| *cell != "-")).collect();
        let cells = cells.iter();
        arrays.push(match column.kind {
            Kind::Time => {
                let us = |cell: &Option<&str>| {
                    let us = cell.map(|c| day().start_us() + c.parse::<i64>().unwrap());
                    if column.nullable { us } else { us.or(Some(0)) }
                };
                Arc::new(cells.map(us).collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
            }
            Kind::Number if column.nullable => {
                Arc::new(cells.map(|c| c.map(|c| c.parse().unwrap())).collect::<Float64Array>())
            }
            Kind::Number => {
                Arc::new(Float64Array::from_iter_values(cells.map(|c| c.map_or(0.0, |c| c.parse().unwrap()))))
            }
            Kind::Text => Arc::new(cells.collect::<StringArray>()),
            Kind::Category(words) => {
                let words = cells.map(|c| c.unwrap_or(words[0]));
                Arc::new(words.collect::<DictionaryArray<Int32Type>>())
            }
            Kind::Flag => Arc::new(cells.map(|c| Some(*c == Some("true"))).collect::<BooleanArray>()),
        });
    }
    let fields: Vec<Field> =
        table.columns.iter().map(|c| Field::new(&c.name, c.arrow_type(), c.nullable)).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap()
}

pub fn lines(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

pub fn check(name: &str) -> &'static Check {
    find(name).unwrap_or_else(|| panic!("there is no check {name}"))
}

/// What a check over rows finds, given whole and in pieces; both must be the same.
pub fn found_in(name: &str, venue_key: &str, pieces: &[(DataType, Vec<String>)]) -> Vec<Detection> {
    found_with(name, venue_key, pieces, &Settings::default())
}

pub fn found_with(
    name: &str,
    venue_key: &str,
    pieces: &[(DataType, Vec<String>)],
    settings: &Settings,
) -> Vec<Detection> {
    found_within(name, venue_key, pieces, settings, &Context::default())
}

/// The same where something is known beside the rows.
pub fn found_within(
    name: &str,
    venue_key: &str,
    pieces: &[(DataType, Vec<String>)],
    settings: &Settings,
    context: &Context,
) -> Vec<Detection> {
    let check = check(name);
    let (CheckFn::Rows(of, start) | CheckFn::Together(of, start) | CheckFn::Beside(of, _, start)) = check.run
    else {
        panic!("{name} is not over rows")
    };
    let key = key(venue_key);
    let run = |size: usize| {
        let data_type = pieces.last().unwrap().0;
        assert!(of.contains(&data_type), "{name} is not over {data_type}");
        let values = settings.values(check);
        let scope = CheckInput { key: Some(&key), data_type, day: Some(day()), context, values };
        let mut running = start(&scope);
        for (data_type, lines) in pieces {
            for (piece, lines) in lines.chunks(size).enumerate() {
                let batch = batch(*data_type, lines);
                running.rows(&Rows::new(*data_type, &batch, (piece * size) as u64).unwrap());
            }
        }
        running.finish()
    };
    let whole = run(usize::MAX >> 1);
    let rows: usize = pieces.iter().map(|(_, lines)| lines.len()).sum();
    assert_eq!(whole, run(if rows < 1000 { 1 } else { 30_000 }), "{name} finds something else in pieces");
    whole
}

/// How often a check finds something in rows of one data type.
pub fn count_in(name: &str, data_type: DataType, texts: &[&str]) -> u64 {
    count(&found_in(name, "BINANCE:SPOT_PAIR:BTC-USDT", &[(data_type, lines(texts))]))
}

pub fn count(found: &[Detection]) -> u64 {
    found.iter().map(|f| f.count).sum()
}

#[test]
fn rows_of_another_shape_are_named() {
    let batch = batch(DataType::Quotes, &lines(&["0 0 1 2 1 1"]));
    let error = Rows::new(DataType::Trades, &batch, 0).err().unwrap();
    assert!(error.contains("trades needs a column `id` of Utf8, it has none"), "{error}");
}
