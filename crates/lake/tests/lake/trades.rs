//! Made-up partitions of trades.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, DictionaryArray, Float64Array, Int32Array, StringArray, TimestampMicrosecondArray,
};
use mtdh_core::DataType;
use mtdh_core::footer::{PartitionFooter, Provenance, SourceFile, Tally};
use mtdh_core::partition::{Partition, Status};
use mtdh_core::table::SCHEMA_VERSION;
use mtdh_lake::write::PartitionWriter;
use mtdh_lake::{Lake, LakePath, Layout, WriteMode};

pub const BATCH_ROWS: usize = 32_768;

/// Trade number `n` arrives this long after trade number `n - 1`, microseconds.
pub const STEP_US: i64 = 80_000;

pub fn partition() -> Partition {
    Partition {
        day: "2024-03-01".parse().unwrap(),
        data_type: DataType::Trades,
        key: "DERIBIT:PERP:BTC-USD".parse().unwrap(),
    }
}

pub fn path() -> LakePath {
    Layout::VENDOR.partition(&partition())
}

/// When a trade arrives, microseconds since the Unix epoch.
pub fn arrival_us(number: usize) -> i64 {
    partition().day.start_us() + number as i64 * STEP_US
}

pub fn facts(rows: usize) -> PartitionFooter {
    let range = (rows > 0).then(|| (arrival_us(0), arrival_us(rows - 1)));
    PartitionFooter {
        partition: partition(),
        status: if rows > 0 { Status::Stored } else { Status::Empty },
        reason: (rows == 0).then(|| "no rows: \"quoted\", ü".to_owned()),
        provenance: Provenance::VendorFile(SourceFile {
            path: "deribit/trades/2024/03/01/BTC-PERPETUAL.csv.gz".to_owned(),
            exchange: "deribit".to_owned(),
            symbol: "BTC-PERPETUAL".to_owned(),
            etag: Some("\"e1\"".to_owned()),
            bytes: Some(123),
            sha256: Some("00ff".to_owned()),
            ..SourceFile::default()
        }),
        tally: Tally {
            rows_in: rows as u64,
            rows_out: rows as u64,
            timestamp: range,
            local_timestamp: range,
            ..Tally::default()
        },
        schema_version: SCHEMA_VERSION,
    }
}

/// The columns of some trades; each number is also the trade's id.
pub fn columns(numbers: std::ops::Range<usize>) -> Vec<ArrayRef> {
    let arrivals =
        || TimestampMicrosecondArray::from_iter_values(numbers.clone().map(arrival_us)).with_timezone("UTC");
    let words: ArrayRef = Arc::new(StringArray::from(vec!["buy", "sell", "unknown"]));
    let sides = Int32Array::from_iter_values(numbers.clone().map(|n| (n * 7 % 3) as i32));
    // Figures that compress about as badly as real ones.
    let scattered = |n: usize, below: usize| ((n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20) % below) as f64;
    let price = |n: usize| 60_000.0 + scattered(n, 4_000) / 2.0;
    let amount = |n: usize| scattered(n + 7, 10_000) / 1_000.0;
    vec![
        Arc::new(arrivals()),
        Arc::new(arrivals()),
        Arc::new(StringArray::from_iter(numbers.clone().map(|n| (n % 1000 > 0).then(|| n.to_string())))),
        Arc::new(DictionaryArray::new(sides, words)),
        Arc::new(Float64Array::from_iter_values(numbers.clone().map(price))),
        Arc::new(Float64Array::from_iter_values(numbers.map(amount))),
    ]
}

/// The bytes of a partition of so many trades.
pub fn object(rows: usize) -> Vec<u8> {
    let table = partition().data_type.table();
    let mut writer = PartitionWriter::new(table, &partition().key, Vec::new()).unwrap();
    for start in (0..rows).step_by(BATCH_ROWS) {
        writer.write(columns(start..rows.min(start + BATCH_ROWS))).unwrap();
    }
    writer.finish(&facts(rows)).unwrap().out
}

pub async fn publish(lake: &Lake, object: &[u8]) {
    crate::stores::publish(lake, path().as_ref(), object, WriteMode::Overwrite).await.unwrap();
}
