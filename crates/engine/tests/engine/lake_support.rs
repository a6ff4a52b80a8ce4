//! A lake of a few trades, and the candles that are made of it.

use std::io::Write;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, TimestampMicrosecondType};
use arrow_array::{
    ArrayRef, DictionaryArray, Float64Array, Int32Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use mtdh_core::footer::{PartitionFooter, Provenance, SourceFile, Tally};
use mtdh_core::instrument::Instrument;
use mtdh_core::key::InstrumentKey;
use mtdh_core::partition::{Partition, Shard, Status};
use mtdh_core::table::SCHEMA_VERSION;
use mtdh_core::{DataType, Day, DayRange};
use mtdh_engine::candles::{CandlePlan, CandleRun, CandleSummary, Fill, Remake, Timeframe, plan};
use mtdh_engine::{Lake, LakeError, LakeOptions, Selection};
use mtdh_lake::parquet_file::ParquetFile;
use mtdh_lake::write::PartitionWriter;
use mtdh_lake::{LakePath, Layout, WriteMode};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

pub const KEY: &str = "DERIBIT:PERP:BTC-USD";

pub fn key(text: &str) -> InstrumentKey {
    text.parse().unwrap()
}

pub fn day(text: &str) -> Day {
    text.parse().unwrap()
}

/// A trade: seconds of the exchange's clock and of arrival after midnight of 2024-03-01, and the price.
pub type Row = (i64, i64, f64);

/// One row of a candle table: seconds after midnight, open, close, volume, whether it is final.
pub type Seen = (i64, f64, f64, f64, bool);

pub struct HandMade {
    pub lake: Lake,
    pub folder: TempDir,
}

impl HandMade {
    pub fn new() -> HandMade {
        let folder = tempfile::tempdir().unwrap();
        let lake = Lake::open(folder.path().to_str().unwrap(), &LakeOptions::default()).unwrap();
        HandMade { lake, folder }
    }

    /// Publishes a day's trades as a vendor file of that SHA-256 would give them.
    pub async fn trades(&self, of: &str, on: &str, sha256: &str, rows: &[Row]) {
        let midnight = day("2024-03-01").start_us();
        let us = |seconds: i64| midnight + seconds * 1_000_000;
        let times = |pick: fn(&Row) -> i64| -> ArrayRef {
            let times = TimestampMicrosecondArray::from_iter_values(rows.iter().map(|row| us(pick(row))));
            Arc::new(times.with_timezone("UTC"))
        };
        let words: ArrayRef = Arc::new(StringArray::from(vec!["buy", "sell", "unknown"]));
        let columns: Vec<ArrayRef> = vec![
            times(|row| row.0),
            times(|row| row.1),
            Arc::new(StringArray::from(vec![None::<&str>; rows.len()])),
            Arc::new(DictionaryArray::new(Int32Array::from(vec![0; rows.len()]), words)),
            Arc::new(Float64Array::from_iter_values(rows.iter().map(|row| row.2))),
            Arc::new(Float64Array::from(vec![0.1; rows.len()])),
        ];
        let range = |pick: fn(&Row) -> i64| {
            let all = || rows.iter().map(|row| us(pick(row)));
            all().min().zip(all().max())
        };
        let partition = Partition { day: day(on), data_type: DataType::Trades, key: key(of) };
        let facts = PartitionFooter {
            partition: partition.clone(),
            status: if rows.is_empty() { Status::Empty } else { Status::Stored },
            reason: None,
            provenance: Provenance::VendorFile(SourceFile {
                path: "f".to_owned(),
                sha256: Some(sha256.to_owned()),
                ..SourceFile::default()
            }),
            tally: Tally {
                rows_in: rows.len() as u64,
                rows_out: rows.len() as u64,
                timestamp: range(|row| row.0),
                local_timestamp: range(|row| row.1),
                ..Tally::default()
            },
            schema_version: SCHEMA_VERSION,
        };
        let table = DataType::Trades.table();
        let mut writer = PartitionWriter::new(table, &key(of), self.lake.stage().unwrap()).unwrap();
        if !rows.is_empty() {
            writer.write(columns).unwrap();
        }
        let stage = writer.finish(&facts).unwrap().out;
        self.lake.publish(&Layout.partition(&partition), stage, WriteMode::Overwrite).await.unwrap();
    }

    /// Puts something else where an object should be.
    pub async fn junk(&self, path: &LakePath) {
        let mut stage = self.lake.stage().unwrap();
        stage.write_all(b"junk").unwrap();
        self.lake.publish(path, stage, WriteMode::Overwrite).await.unwrap();
    }

    /// A day's table: these instruments with trades.
    pub async fn table(&self, on: &str, keys: &[&str]) {
        let instruments: Vec<Instrument> = keys
            .iter()
            .map(|text| Instrument {
                data_types: vec![DataType::Trades],
                ..Instrument::of_name(key(text), "deribit", text, day(on))
            })
            .collect();
        self.lake.update_instruments(day(on), |table| table.instruments = instruments.clone()).await.unwrap();
    }

    pub async fn plan(
        &self,
        timeframes: &[Timeframe],
        fill: Fill,
        shard: Shard,
        remake: Remake,
    ) -> CandlePlan {
        let on = day("2024-03-01");
        let selection = Selection {
            days: DayRange::new(on, on).unwrap(),
            venues: vec!["DERIBIT".to_owned()],
            instrument_types: Vec::new(),
            data_types: DataType::ALL.to_vec(),
            patterns: Vec::new(),
            max_instruments: None,
        };
        plan(&self.lake, &selection, timeframes, fill, shard, remake).await.unwrap()
    }

    pub async fn run(&self, plan: CandlePlan) -> CandleSummary {
        self.run_until(plan, CancellationToken::new()).await
    }

    pub async fn run_until(&self, plan: CandlePlan, stop: CancellationToken) -> CandleSummary {
        let (lake, run_id, shard) = (self.lake.clone(), "run".to_owned(), Shard::WHOLE);
        CandleRun { lake, workers: 2, progress: Arc::default(), stop, run_id, shard }.run(plan).await.unwrap()
    }

    /// What the last run left in the lake of itself.
    pub fn told(&self) -> serde_json::Value {
        let path = Layout.candle_summary("run", 0, 1);
        serde_json::from_slice(&std::fs::read(self.folder.path().join(path.as_ref())).unwrap()).unwrap()
    }

    /// Makes what is not up to date.
    pub async fn make(&self, timeframes: &[Timeframe]) -> CandleSummary {
        self.run(self.plan(timeframes, Fill::None, Shard::WHOLE, Remake::Outdated).await).await
    }

    pub fn path(&self, timeframe: Timeframe, of: &str) -> std::path::PathBuf {
        self.folder.path().join(Layout.candles(day("2024-03-01"), timeframe, &key(of)).as_ref())
    }

    pub fn bytes(&self, timeframe: Timeframe, of: &str) -> Vec<u8> {
        std::fs::read(self.path(timeframe, of)).unwrap()
    }

    /// The candles of a timeframe.
    pub fn candles(&self, timeframe: Timeframe, of: &str) -> Vec<Seen> {
        let file = ParquetFile::open(&self.path(timeframe, of)).unwrap();
        let mut seen = Vec::new();
        let columns = ["timestamp", "open", "close", "volume", "is_final"];
        file.read::<LakeError>(0..file.row_groups(), &columns, |batch| {
            seen.extend((0..batch.num_rows()).map(|row| seen_row(&batch, row)));
            Ok(())
        })
        .unwrap();
        seen
    }
}

fn seen_row(batch: &RecordBatch, row: usize) -> Seen {
    let number = |name| batch.column_by_name(name).unwrap().as_primitive::<Float64Type>().value(row);
    let start =
        batch.column_by_name("timestamp").unwrap().as_primitive::<TimestampMicrosecondType>().value(row);
    let is_final = batch.column_by_name("is_final").unwrap().as_boolean().value(row);
    let seconds = (start - day("2024-03-01").start_us()) / 1_000_000;
    (seconds, number("open"), number("close"), number("volume"), is_final)
}
