//! What `get` and `convert` write as text, byte by byte. `MTDH_WRITE_GOLDEN=1` writes the expected files anew.

use std::path::Path;
use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, BooleanArray, DictionaryArray, Float64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use mtdh_core::DataType;
use mtdh_core::table::{Column, Kind};
use mtdh_engine::export::{ExportFormat, Exporter};

const NUMBERS: [f64; 24] = [
    560.0,
    62_794.5,
    0.1,
    -0.25,
    0.0,
    -0.0,
    1e-3,
    1.5e-5,
    1e-6,
    1.234_567_890_123_456_7e-7,
    1e-10,
    5e-324,
    123_456_789.123,
    9_007_199_254_740_993.0,
    1e15,
    1e16,
    1.5e17,
    1e21,
    1e22,
    1.797_693_134_862_315_7e308,
    f64::NAN,
    f64::INFINITY,
    f64::NEG_INFINITY,
    0.3,
];

const TEXTS: [&str; 8] = [
    "plain",
    "",
    "a,b",
    "say \"no\"",
    "two\nlines",
    "tab\t, bell \u{7}",
    "ünï \u{1F600}",
    "cr\r back\\slash",
];

const TIMES: [i64; 6] = [0, 1, -1, 1_709_251_200_000_000, 1_709_251_200_123_456, 253_402_300_799_999_999];

/// A column that goes through what its kind can have, with a null now and then where it may be null.
fn values(column: &Column, rows: usize) -> ArrayRef {
    let there = |row: usize| !(column.nullable && row % 5 == 4);
    let some = |row: usize| there(row).then_some(row);
    match column.kind {
        Kind::Time => {
            let times = (0..rows).map(|row| some(row).map(|row| TIMES[row % TIMES.len()]));
            Arc::new(TimestampMicrosecondArray::from_iter(times).with_timezone("UTC"))
        }
        Kind::Number => {
            let numbers = (0..rows).map(|row| some(row).map(|row| NUMBERS[row % NUMBERS.len()]));
            Arc::new(Float64Array::from_iter(numbers))
        }
        Kind::Text => {
            let texts = (0..rows).map(|row| some(row).map(|row| TEXTS[row % TEXTS.len()]));
            Arc::new(StringArray::from_iter(texts))
        }
        Kind::Category(words) => {
            let words = (0..rows).map(|row| some(row).map(|row| words[row % words.len()]));
            Arc::new(DictionaryArray::<Int32Type>::from_iter(words))
        }
        Kind::Flag => {
            Arc::new(BooleanArray::from_iter((0..rows).map(|row| some(row).map(|row| row % 2 == 0))))
        }
    }
}

fn batch(data_type: DataType, rows: usize) -> RecordBatch {
    let table = data_type.table();
    let key: DictionaryArray<Int32Type> = (0..rows).map(|_| Some("DERIBIT:PERPETUAL:BTC-USD")).collect();
    let mut columns: Vec<ArrayRef> = vec![Arc::new(key)];
    columns.extend(table.columns.iter().map(|column| values(column, rows)));
    RecordBatch::try_new(table.schema().clone(), columns).unwrap()
}

fn written(data_type: DataType, format: ExportFormat, rows: &[RecordBatch]) -> Vec<u8> {
    let mut exporter = Exporter::new(data_type, format, Vec::new()).unwrap();
    rows.iter().for_each(|batch| exporter.write(batch).unwrap());
    exporter.finish().unwrap()
}

#[test]
fn text_is_written_byte_by_byte_as_before() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/engine/golden");
    for data_type in [DataType::Trades, DataType::IncrementalBookL2, DataType::OptionsChain] {
        let rows = batch(data_type, 48);
        for (format, ending) in [(ExportFormat::Csv, "csv"), (ExportFormat::Jsonl, "jsonl")] {
            let path = folder.join(format!("{data_type}.{ending}"));
            let text = written(data_type, format, std::slice::from_ref(&rows));
            if std::env::var_os("MTDH_WRITE_GOLDEN").is_some() {
                std::fs::create_dir_all(&folder).unwrap();
                std::fs::write(&path, &text).unwrap();
            }
            let expected = std::fs::read(&path).unwrap();
            assert!(
                text == expected,
                "{} is another now:\n{}",
                path.display(),
                String::from_utf8_lossy(&text)
            );
            let pieces = [rows.slice(0, 7), rows.slice(7, 0), rows.slice(7, 41)];
            assert_eq!(written(data_type, format, &pieces), expected, "{data_type}.{ending} in pieces");
        }
    }
}

#[test]
fn without_rows_a_csv_has_its_header_and_json_lines_nothing() {
    for data_type in DataType::ALL {
        let names: Vec<&str> =
            data_type.table().schema().fields().iter().map(|field| field.name().as_str()).collect();
        let csv = written(data_type, ExportFormat::Csv, &[]);
        assert_eq!(String::from_utf8(csv).unwrap(), format!("{}\n", names.join(",")));
        assert!(written(data_type, ExportFormat::Jsonl, &[]).is_empty());
    }
}
