//! Parquet that other programs wrote: names and types of columns, units of time, what is refused and what is told.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{
    ArrayRef, BooleanArray, Decimal128Array, FixedSizeBinaryArray, Float32Array, Float64Array, Int64Array,
    RecordBatch, StringArray, TimestampMillisecondArray, TimestampNanosecondArray, UInt64Array,
};
use mtdh_core::DataType;
use mtdh_core::candle::Fill;
use mtdh_core::check::{Group, Severity};
use mtdh_core::time_unit::TimeUnit;
use mtdh_engine::EngineError;
use mtdh_engine::candles::candle_files;
use mtdh_engine::check::CheckReport;
use mtdh_engine::check::files::{FileHints, check_files};
use mtdh_engine::files::user_columns::NAMES;

use crate::candle_support::plan;

const ROWS: i64 = 40;
const S: i64 = 1_709_251_200;
const KEY: &str = "BINANCE:SPOT_PAIR:BTC-USDT";

/// A value for each row.
fn each<T>(of: impl Fn(i64) -> T) -> Vec<T> {
    (0..ROWS).map(of).collect()
}

fn ms() -> ArrayRef {
    Arc::new(TimestampMillisecondArray::from(each(|row| (S + row) * 1_000)).with_timezone("UTC"))
}

fn ns() -> ArrayRef {
    Arc::new(TimestampNanosecondArray::from(each(|row| (S + row) * 1_000_000_000 + 7)))
}

fn bare(per_second: i64) -> ArrayRef {
    Arc::new(Int64Array::from(each(|row| (S + row) * per_second)))
}

fn texts(of: impl Fn(i64) -> String) -> ArrayRef {
    Arc::new(StringArray::from(each(of)))
}

fn floats(of: impl Fn(i64) -> f64) -> ArrayRef {
    Arc::new(Float64Array::from(each(of)))
}

fn price() -> ArrayRef {
    floats(|row| 100.5 + row as f64)
}

fn sides() -> ArrayRef {
    texts(|row| if row % 2 == 0 { "buy" } else { "sell" }.to_owned())
}

fn write(folder: &Path, name: &str, columns: &[(&str, ArrayRef)]) -> PathBuf {
    let batch = RecordBatch::try_from_iter(columns.iter().cloned()).unwrap();
    let path = folder.join(name);
    let file = std::fs::File::create(&path).unwrap();
    let mut writer = parquet::arrow::ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    path
}

async fn check(file: &Path, time_unit: Option<TimeUnit>) -> Result<CheckReport, EngineError> {
    let hints = FileHints { time_unit, key: KEY.parse().ok(), ..FileHints::default() };
    let files = [file.to_owned()];
    check_files(&files, &hints, &plan(&[Group::Timestamp, Group::Values]), &Default::default()).await
}

fn words(error: &dyn std::error::Error) -> String {
    mtdh_core::error::chain(error)
}

/// The columns of a file: names and values.
type Columns = Vec<(&'static str, ArrayRef)>;

/// Trades as programs write them: the columns, the unit that must be named, and what is told of how they are read.
fn dialects() -> Vec<(&'static str, Columns, Option<TimeUnit>, Vec<&'static str>)> {
    let ids = || texts(|row| row.to_string());
    let numbers = || Arc::new(Int64Array::from(each(|row| row))) as ArrayRef;
    let words = |buy: &'static str, sell: &'static str| {
        texts(move |row| if row % 2 == 0 { buy } else { sell }.to_owned())
    };
    vec![
        (
            "tardis-dev's messages",
            vec![
                ("timestamp", ms()),
                ("localTimestamp", ns()),
                ("id", ids()),
                ("side", sides()),
                ("price", price()),
                ("amount", floats(|_| 0.1)),
            ],
            None,
            vec![
                "`timestamp` is read in milliseconds, by its type",
                "`localTimestamp` is read as `local_timestamp` in nanoseconds, by its type",
            ],
        ),
        (
            "nautilus_trader",
            vec![
                ("price", price()),
                ("size", floats(|_| 0.1)),
                ("aggressor_side", words("BUYER", "SELLER")),
                ("trade_id", ids()),
                (
                    "ts_event",
                    Arc::new(UInt64Array::from(each(|row| (S + row) as u64 * 1_000_000_000))) as ArrayRef,
                ),
                (
                    "ts_init",
                    Arc::new(UInt64Array::from(each(|row| (S + row) as u64 * 1_000_000_000 + 9_000)))
                        as ArrayRef,
                ),
            ],
            Some(TimeUnit::Nanoseconds),
            vec![
                "`ts_event` is read as `timestamp` in nanoseconds, as given",
                "`ts_init` is read as `local_timestamp` in nanoseconds, as given",
                "`trade_id` is read as `id`",
                "`aggressor_side` is read as `side`",
                "`size` is read as `amount`",
            ],
        ),
        (
            "databento",
            vec![
                ("ts_event", ns()),
                ("ts_recv", ns()),
                ("side", words("B", "A")),
                ("price", price()),
                ("size", Arc::new(Int64Array::from(each(|_| 3))) as ArrayRef),
            ],
            None,
            vec![
                "there is no column `id`",
                "`ts_recv` is read as `local_timestamp` in nanoseconds, by its type",
            ],
        ),
        (
            "ccxt, with arrivals",
            vec![
                ("timestamp", bare(1_000)),
                ("received_at", texts(|row| format!("2024-03-01T00:00:{row:02}.250Z"))),
                ("id", numbers()),
                ("side", sides()),
                ("price", texts(|row| format!("{}.5", 100 + row))),
                ("amount", Arc::new(Float32Array::from(each(|_| 0.1_f32))) as ArrayRef),
            ],
            Some(TimeUnit::Milliseconds),
            vec![
                "`timestamp` is read in milliseconds, as given",
                "`received_at` is read as `local_timestamp` in text by RFC 3339",
            ],
        ),
        (
            "Binance's archive, with arrivals",
            vec![
                ("time", ms()),
                ("local_timestamp", ms()),
                ("id", numbers()),
                (
                    "qty",
                    Arc::new(
                        Decimal128Array::from(each(|_| 100_i128)).with_precision_and_scale(10, 3).unwrap(),
                    ) as ArrayRef,
                ),
                ("price", price()),
                ("is_buyer_maker", Arc::new(BooleanArray::from(each(|row| row % 2 == 1))) as ArrayRef),
            ],
            None,
            vec![
                "`time` is read as `timestamp` in milliseconds, by its type",
                "`is_buyer_maker` is read as `side`",
            ],
        ),
    ]
}

#[tokio::test]
async fn trades_of_other_programs_are_read_and_it_is_told_how() {
    let folder = tempfile::tempdir().unwrap();
    for (name, columns, unit, told) in dialects() {
        let file = write(folder.path(), "trades.parquet", &columns);
        let report = check(&file, unit).await.unwrap_or_else(|error| panic!("{name}: {}", words(&error)));
        assert_eq!(report.rows, ROWS as u64, "{name}");
        let worse: Vec<_> = report.findings.iter().filter(|f| f.severity > Severity::Info).collect();
        assert!(worse.is_empty(), "{name}: {worse:?}");
        for words in told {
            assert!(
                report.notes.iter().any(|note| note.ends_with(words) || note.contains(words)),
                "{name}: {words}\n{:?}",
                report.notes
            );
        }
        // The same file gives candles, whose sums are those of the decimals.
        let named = folder.path().join(format!("{KEY}.parquet"));
        std::fs::copy(&file, &named).unwrap();
        let made = candle_files(
            &[named],
            &["1m".parse().unwrap()],
            Fill::None,
            folder.path(),
            unit,
            &Default::default(),
        );
        let made = made.unwrap_or_else(|error| panic!("{name}: {}", words(&error)));
        assert_eq!(
            (made[0].candles, made[0].trades, made[0].instrument_key.as_str()),
            (1, ROWS as u64, KEY),
            "{name}"
        );
        assert_eq!(made[0].notes.is_empty(), report.notes.is_empty(), "{name}");
        if let Some(unit) = unit {
            let refused = words(&check(&file, None).await.unwrap_err());
            let remedy = format!("a sensible time in {} ({})", unit, unit.short());
            assert!(refused.contains(&remedy), "{name}: {refused}");
            let refused = words(&check(&file, Some(TimeUnit::Seconds)).await.unwrap_err());
            assert!(
                refused.contains(&format!("no sensible time in seconds: {}?", unit)),
                "{name}: {refused}"
            );
        }
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let trades = |change: &dyn Fn(&mut Columns)| {
        let mut columns = vec![
            ("timestamp", ms()),
            ("local_timestamp", ms()),
            ("id", texts(|row| row.to_string())),
            ("side", sides()),
            ("price", price()),
            ("amount", floats(|_| 0.1)),
        ];
        change(&mut columns);
        columns
    };
    let set = |name: &'static str, array: ArrayRef| {
        trades(&|columns| {
            columns.iter_mut().filter(|(n, _)| *n == name).for_each(|(_, a)| *a = array.clone())
        })
    };
    let without = |name: &'static str| trades(&|columns| columns.retain(|(n, _)| *n != name));
    let rename = |from: &'static str, to: &'static str| {
        trades(&|columns| columns.iter_mut().filter(|(n, _)| *n == from).for_each(|(n, _)| *n = to))
    };
    let raw: ArrayRef = Arc::new(FixedSizeBinaryArray::try_from_iter(each(|_| [0_u8; 16]).iter()).unwrap());
    for (columns, said) in [
        (
            without("local_timestamp"),
            "for trades it lacks `local_timestamp` (elsewhere localTimestamp, ts_init",
        ),
        (without("price"), "for trades it lacks `price`"),
        (rename("amount", "cost"), "for trades it lacks `amount` (elsewhere quantity, qty, size, sz)"),
        (set("timestamp", bare(1)), "the first number is 1709251200, a sensible time in seconds (s)"),
        (set("timestamp", bare(1_000)), "a sensible time in milliseconds (ms)"),
        (set("timestamp", bare(1_000_000)), "a sensible time in microseconds (us)"),
        (set("local_timestamp", bare(1_000_000_000)), "its column `local_timestamp` is Int64 without a unit"),
        (set("timestamp", bare(3)), "a sensible time in no unit"),
        (
            set("timestamp", texts(|_| "yesterday".to_owned())),
            "has `yesterday`, which is no time by RFC 3339",
        ),
        (
            set("side", texts(|_| "up".to_owned())),
            "its column `side` has `up`, not one of buy, sell, unknown",
        ),
        (set("price", texts(|_| "cheap".to_owned())), "its column `price` has `cheap`, which is no number"),
        (set("price", raw), "raw numbers, as nautilus_trader and databento store them"),
        (
            trades(&|columns| {
                columns.retain(|(name, _)| *name != "amount");
                columns.extend([("size", floats(|_| 1.0)), ("qty", floats(|_| 1.0))]);
            }),
            "its columns `qty` and `size` may both be `amount`",
        ),
        (vec![("a", price()), ("b", price())], "its columns are those of no data type"),
    ] {
        let file = write(folder.path(), "trades.parquet", &columns);
        let error = check(&file, None).await.err().unwrap_or_else(|| panic!("{said}: it was accepted"));
        assert!(words(&error).contains(said), "{said}\n{}", words(&error));
    }
    // What nothing tells apart is asked for.
    for (name, is_told) in [
        ("trades.parquet", true),
        ("Liquidation-of-march.parquet", true),
        ("x.parquet", false),
        ("liquidation_trades.parquet", false),
    ] {
        let checked = check(&write(folder.path(), name, &trades(&|_| ())), None).await;
        match checked {
            Ok(_) => assert!(is_told, "{name}"),
            Err(error) => {
                assert!(
                    !is_told && words(&error).contains("those of trades and of liquidations"),
                    "{name}: {}",
                    words(&error)
                );
            }
        }
    }
}

#[test]
fn the_document_has_every_name() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/how-to/own-files.md");
    let page = std::fs::read_to_string(page).unwrap();
    for (column, names) in NAMES {
        assert!(
            DataType::ALL.iter().any(|t| t.table().columns.iter().any(|c| c.name == *column)),
            "{column} is no column"
        );
        let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        let line = format!("| `{column}` | {} |", names.join(", "));
        assert!(page.contains(&line), "docs/how-to/own-files.md lacks the line\n{line}");
    }
}
