//! A row group is filled in the room of the one before: nothing of that one may be in it.

use std::ops::Range;

use arrow_array::{BooleanArray, Float64Array, TimestampMicrosecondArray};
use arrow_schema::TimeUnit;
use bytes::Bytes;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};

use super::*;

/// The rows of one row group, as functions of the row.
#[derive(Clone, Copy)]
struct Group {
    rows: usize,
    number: fn(usize) -> Option<f64>,
    id: fn(usize) -> Option<String>,
    word: fn(usize) -> &'static str,
    time: fn(usize) -> i64,
}

/// Few prices, rising ids, two words, rising times; no null.
const USUAL: Group = Group {
    rows: 500,
    number: |row| Some((row % 7) as f64),
    id: |row| Some((9000 + row).to_string()),
    word: |row| ["buy", "sell"][row % 2],
    time: |row| row as i64,
};

const CASES: [(&str, [Group; 3]); 10] = [
    (
        "groups of shrinking sizes",
        [Group { rows: 45_000, ..USUAL }, Group { rows: 20_481, ..USUAL }, Group { rows: 1, ..USUAL }],
    ),
    (
        "growing sizes",
        [Group { rows: 1, ..USUAL }, Group { rows: 20_480, ..USUAL }, Group { rows: 50_000, ..USUAL }],
    ),
    (
        "nulls, then none, then nothing but nulls",
        [
            Group {
                number: |row| (row % 3 > 0).then_some(row as f64),
                id: |row| (row % 5 > 0).then(|| row.to_string()),
                ..USUAL
            },
            USUAL,
            Group { number: |_| None, id: |_| None, ..USUAL },
        ],
    ),
    (
        "the last row is null, then the first, of numbers and then of ids",
        [
            Group { number: |row| (row < 499).then_some(1.0), ..USUAL },
            Group {
                number: |row| (row > 0).then_some(1.0),
                id: |row| (row < 499).then(|| "x".to_owned()),
                ..USUAL
            },
            Group { id: |row| (row > 0).then(|| "x".to_owned()), ..USUAL },
        ],
    ),
    (
        "a dictionary, then plain, then a dictionary",
        [USUAL, Group { number: |row| Some(row as f64 / 3.0), ..USUAL }, Group { rows: 300, ..USUAL }],
    ),
    (
        "a dictionary that overflows, then one that does not",
        [
            Group { rows: 140_000, number: |row| Some(row as f64 + 0.5), ..USUAL },
            Group { rows: 30_000, number: |row| Some((row % 5000) as f64 + 0.5), ..USUAL },
            USUAL,
        ],
    ),
    (
        "the same number at the end of one and at the begin of the next",
        [Group { number: |_| Some(4.0), ..USUAL }, Group { number: |_| Some(4.0), ..USUAL }, USUAL],
    ),
    (
        "texts, then empty ones, then texts",
        [
            USUAL,
            Group { id: |_| Some(String::new()), ..USUAL },
            Group { id: |row| Some("é".repeat(row % 9)), ..USUAL },
        ],
    ),
    (
        "the range of ids and times is that of the group",
        [
            Group { id: |row| Some(format!("m{row}")), time: |row| 1 << (row % 60), ..USUAL },
            Group { id: |_| Some("mm".to_owned()), time: |_| 77, ..USUAL },
            Group { id: |row| Some(format!("{}", 900 - row)), time: |row| -(row as i64), ..USUAL },
        ],
    ),
    (
        "many words, then one, then others",
        [
            Group { word: |row| ["a", "b", "c", "d", "e"][row % 5], ..USUAL },
            Group { word: |_| "e", ..USUAL },
            Group { word: |row| ["x", "a", "é"][row % 3], ..USUAL },
        ],
    ),
];

fn schema() -> SchemaRef {
    let word = ArrowType::Dictionary(Box::new(ArrowType::Int32), Box::new(ArrowType::Utf8));
    let time = ArrowType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    Arc::new(Schema::new(vec![
        Field::new("word", word, false),
        Field::new("time", time.clone(), false),
        Field::new("id", ArrowType::Utf8, true),
        Field::new("price", ArrowType::Float64, false),
        Field::new("amount", ArrowType::Float64, true),
        // Both by the general writer.
        Field::new("other_time", time, true),
        Field::new("flag", ArrowType::Boolean, false),
    ]))
}

fn columns(group: &Group, rows: Range<usize>) -> Vec<ArrayRef> {
    let mut words: Vec<&str> = Vec::new();
    let places: Vec<i32> = rows
        .clone()
        .map(|row| {
            let word = (group.word)(row);
            let known = words.iter().position(|known| *known == word);
            known.unwrap_or_else(|| {
                words.push(word);
                words.len() - 1
            }) as i32
        })
        .collect();
    let words: ArrayRef = Arc::new(StringArray::from(words));
    let times = || rows.clone().map(group.time);
    let numbers = || rows.clone().map(group.number);
    vec![
        Arc::new(DictionaryArray::new(Int32Array::from(places), words)),
        Arc::new(TimestampMicrosecondArray::from_iter_values(times()).with_timezone("UTC")),
        Arc::new(rows.clone().map(group.id).collect::<StringArray>()),
        Arc::new(
            numbers()
                .map(Option::unwrap_or_default)
                .collect::<Vec<_>>()
                .into_iter()
                .map(Some)
                .collect::<Float64Array>(),
        ),
        Arc::new(numbers().collect::<Float64Array>()),
        Arc::new(
            numbers()
                .map(|n| n.map(|n| n as i64))
                .collect::<TimestampMicrosecondArray>()
                .with_timezone("UTC"),
        ),
        Arc::new(times().map(|time| Some(time % 2 == 0)).collect::<BooleanArray>()),
    ]
}

/// A file of these row groups, each written in batches of `batch` rows.
fn file(groups: &[Group], batch: usize) -> (Bytes, ParquetMetaData) {
    let mut writer = RowsWriter::new(schema(), Vec::new()).unwrap();
    for group in groups {
        for start in (0..group.rows).step_by(batch) {
            writer.write(columns(group, start..(start + batch).min(group.rows))).unwrap();
        }
        writer.end_group().unwrap();
    }
    let bytes = Bytes::from(writer.finish([]).unwrap().out);
    let metadata =
        ParquetMetaDataReader::new().with_page_index_policy(true.into()).parse_and_finish(&bytes).unwrap();
    (bytes, metadata)
}

/// All that a file says of a column of a row group: its bytes, its statistics, and its pages.
fn told(file: &(Bytes, ParquetMetaData), group: usize, column: usize) -> (Bytes, String) {
    let (bytes, metadata) = file;
    let chunk = metadata.row_group(group).column(column);
    let (start, length) = chunk.byte_range();
    let pages: Vec<_> = metadata.offset_index().unwrap()[group][column]
        .page_locations
        .iter()
        .map(|page| (page.offset as u64 - start, page.compressed_page_size, page.first_row_index))
        .collect();
    let index = &metadata.column_index().unwrap()[group][column];
    let sizes = (chunk.num_values(), chunk.uncompressed_size(), chunk.encodings().collect::<Vec<_>>());
    let told = format!("{:?} {sizes:?} {pages:?} {index:?}", chunk.statistics());
    (bytes.slice(start as usize..(start + length) as usize), told)
}

#[test]
fn nothing_of_a_row_group_is_in_the_next_one() {
    for (name, groups) in &CASES {
        for batch in [32_768, 3_001] {
            let together = file(groups, batch);
            for (number, group) in groups.iter().enumerate() {
                let alone = file(std::slice::from_ref(group), batch);
                for column in 0..schema().fields().len() {
                    let (found, expected) = (told(&together, number, column), told(&alone, 0, column));
                    assert_eq!(found.1, expected.1, "{name}: group {number}, column {column}");
                    assert!(found.0 == expected.0, "{name}: bytes of group {number}, column {column}");
                }
            }
        }
    }
}
