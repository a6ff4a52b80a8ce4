//! A lake of a few trades, and the candles that are made of it.

use std::io::Write;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, TimestampMicrosecondType, UInt64Type};
use arrow_array::{
    Array, ArrayRef, BooleanArray, DictionaryArray, Float64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use arrow_schema::DataType as ArrowType;
use mtdh_core::candle::CandleFooter;
use mtdh_core::footer::{PartitionFooter, Provenance, Recording, SourceFile, Tally};
use mtdh_core::instrument::Instrument;
use mtdh_core::key::InstrumentKey;
use mtdh_core::partition::{Partition, Shard, Status};
use mtdh_core::table::{Column, Kind, SCHEMA_VERSION};
use mtdh_core::{DataType, Day, DayRange};
use mtdh_engine::candles::{CandlePlan, CandleRun, CandleSummary, Fill, Remake, Timeframe, plan};
use mtdh_engine::{Lake, LakeError, LakeOptions, Selection};
use mtdh_lake::candles::CandleWriter;
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
    /// What the objects are of, where they are live rows; `None`: vendor files.
    pub recording: Option<Recording>,
}

impl HandMade {
    pub fn new() -> HandMade {
        let folder = tempfile::tempdir().unwrap();
        let lake = Lake::open(folder.path().to_str().unwrap(), &LakeOptions::default()).unwrap();
        HandMade { lake, folder, recording: None }
    }

    /// Publishes a day's trades of 0.1 without ids as a vendor file of that SHA-256 would give them.
    pub async fn trades(&self, of: &str, on: &str, sha256: &str, rows: &[Row]) {
        let text = |(at, arrival, price): &Row| format!("{at},{arrival},,buy,{price:?},0.1");
        let rows: Vec<String> = rows.iter().map(text).collect();
        let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
        self.put(DataType::Trades, of, on, sha256, &rows).await;
    }

    /// Publishes rows: the vendor's cells without exchange and symbol, with times in seconds after midnight of 2024-03-01. None:
    /// the file has no row.
    pub async fn put(&self, data_type: DataType, of: &str, on: &str, sha256: &str, rows: &[&str]) {
        let status = if rows.is_empty() { Status::Empty } else { Status::Stored };
        self.put_as(status, data_type, of, on, sha256, rows).await;
    }

    /// Publishes what the vendor answers about a type that it does not have.
    pub async fn absent(&self, data_type: DataType, of: &str, on: &str) {
        self.put_as(Status::Absent, data_type, of, on, "", &[]).await;
    }

    async fn put_as(
        &self,
        status: Status,
        data_type: DataType,
        of: &str,
        on: &str,
        sha256: &str,
        rows: &[&str],
    ) {
        let table = data_type.table();
        let rows: Vec<Vec<&str>> = rows.iter().map(|row| row.split(',').collect()).collect();
        assert!(rows.iter().all(|row| row.len() == table.columns.len()), "{rows:?}");
        let columns = arrays(data_type, &rows);
        let range = |place: usize| {
            let all = || rows.iter().map(|row| us(row[place]));
            all().min().zip(all().max())
        };
        let partition = Partition { day: day(on), data_type, key: key(of) };
        let facts = PartitionFooter {
            partition: partition.clone(),
            status,
            reason: (status == Status::Absent).then(|| "code 140".to_owned()),
            provenance: match &self.recording {
                Some(recording) => Provenance::Recording(recording.clone()),
                None => Provenance::VendorFile(SourceFile {
                    path: "f".to_owned(),
                    sha256: Some(sha256.to_owned()).filter(|text| !text.is_empty()),
                    ..SourceFile::default()
                }),
            },
            tally: Tally {
                rows_in: rows.len() as u64,
                rows_out: rows.len() as u64,
                timestamp: range(0),
                local_timestamp: range(1),
                ..Tally::default()
            },
            schema_version: SCHEMA_VERSION,
        };
        let mut writer = PartitionWriter::new(table, &key(of), self.lake.stage().unwrap()).unwrap();
        if !rows.is_empty() {
            writer.write(columns).unwrap();
        }
        let stage = writer.finish(&facts).unwrap().out;
        self.lake.publish(&self.lake.partition_path(&partition), stage, WriteMode::Overwrite).await.unwrap();
    }

    /// Puts something else where an object should be.
    pub async fn junk(&self, path: &LakePath) {
        let mut stage = self.lake.stage().unwrap();
        stage.write_all(b"junk").unwrap();
        self.lake.publish(path, stage, WriteMode::Overwrite).await.unwrap();
    }

    /// A day's table: these instruments with trades, which live on, as the vendor says.
    pub async fn table(&self, on: &str, keys: &[&str]) {
        self.table_of(on, keys.iter().map(|text| listed(text)).collect()).await;
    }

    pub async fn table_of(&self, on: &str, instruments: Vec<Instrument>) {
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
        let path = Layout::VENDOR.candle_summary("run", 0, 1);
        serde_json::from_slice(&std::fs::read(self.folder.path().join(path.as_ref())).unwrap()).unwrap()
    }

    /// Makes what is not up to date.
    pub async fn make(&self, timeframes: &[Timeframe]) -> CandleSummary {
        self.run(self.plan(timeframes, Fill::None, Shard::WHOLE, Remake::Outdated).await).await
    }

    pub fn path(&self, timeframe: Timeframe, of: &str) -> std::path::PathBuf {
        self.folder.path().join(self.lake.candles_path(day("2024-03-01"), timeframe, &key(of)).as_ref())
    }

    pub fn bytes(&self, timeframe: Timeframe, of: &str) -> Vec<u8> {
        std::fs::read(self.path(timeframe, of)).unwrap()
    }

    /// The footer of a timeframe's object, without what is its own in every object.
    pub async fn facts(&self, timeframe: Timeframe, of: &str) -> CandleFooter {
        let entry =
            self.lake.entry(&Layout::VENDOR.candles(day("2024-03-01"), timeframe, &key(of))).await.unwrap();
        self.lake.candle_facts(&entry.unwrap()).await.unwrap()
    }

    /// Makes an object one of version 1 of the format, by its footer.
    pub async fn age(&self, timeframe: Timeframe, of: &str) {
        let facts = CandleFooter { version: 1, ..self.facts(timeframe, of).await };
        let writer = CandleWriter::new(&key(of), timeframe, self.lake.stage().unwrap()).unwrap();
        let stage = writer.finish(&CandleFooter { rows: 0, ..facts }).unwrap().out;
        let path = Layout::VENDOR.candles(day("2024-03-01"), timeframe, &key(of));
        self.lake.publish(&path, stage, WriteMode::Overwrite).await.unwrap();
    }

    /// Columns of a timeframe's candles as text, row by row, cells separated by spaces.
    pub fn cells(&self, timeframe: Timeframe, of: &str, columns: &[&str]) -> Vec<String> {
        let file = ParquetFile::open(&self.path(timeframe, of)).unwrap();
        let mut lines = Vec::new();
        file.read::<LakeError>(0..file.row_groups(), columns, |batch| {
            for row in 0..batch.num_rows() {
                let cells: Vec<String> = columns.iter().map(|name| cell(&batch, name, row)).collect();
                lines.push(cells.join(" "));
            }
            Ok(())
        })
        .unwrap();
        lines
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

/// The time of a cell: seconds after midnight of 2024-03-01.
fn us(cell: &str) -> i64 {
    day("2024-03-01").start_us() + (cell.parse::<f64>().unwrap() * 1e6).round() as i64
}

/// The columns of rows, as [`HandMade::put`] is given them.
pub fn arrays(data_type: DataType, rows: &[Vec<&str>]) -> Vec<ArrayRef> {
    let column = |(place, column): (usize, &Column)| -> ArrayRef {
        let cells = || rows.iter().map(|row| Some(row[place]).filter(|cell| !cell.is_empty()));
        match column.kind {
            Kind::Time => {
                let times: TimestampMicrosecondArray = cells().map(|cell| cell.map(us)).collect();
                Arc::new(times.with_timezone("UTC"))
            }
            Kind::Number => {
                Arc::new(cells().map(|cell| cell.map(|c| c.parse().unwrap())).collect::<Float64Array>())
            }
            Kind::Text => Arc::new(cells().collect::<StringArray>()),
            Kind::Flag => Arc::new(cells().map(|cell| cell.map(|c| c == "true")).collect::<BooleanArray>()),
            Kind::Category(_) => Arc::new(cells().collect::<DictionaryArray<Int32Type>>()),
        }
    };
    data_type.table().columns.iter().enumerate().map(column).collect()
}

/// An instrument with trades that the vendor has from 2024 on.
pub fn listed(text: &str) -> Instrument {
    Instrument {
        data_types: vec![DataType::Trades],
        available_from_us: day("2024-01-01").start_us(),
        available_to_us: None,
        ..Instrument::of_name(key(text), "deribit", text, day("2024-03-01"))
    }
}

fn cell(batch: &RecordBatch, name: &str, row: usize) -> String {
    let column = batch.column_by_name(name).unwrap();
    if column.is_null(row) {
        return "-".to_owned();
    }
    match column.data_type() {
        ArrowType::Float64 => column.as_primitive::<Float64Type>().value(row).to_string(),
        ArrowType::UInt64 => column.as_primitive::<UInt64Type>().value(row).to_string(),
        ArrowType::Boolean => column.as_boolean().value(row).to_string(),
        _ => {
            let us = column.as_primitive::<TimestampMicrosecondType>().value(row);
            ((us - day("2024-03-01").start_us()) as f64 / 1e6).to_string()
        }
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
