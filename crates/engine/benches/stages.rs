//! The steps of a conversion apart, each on one thread: `cargo bench -p mtdh-engine`.

#![allow(clippy::unwrap_used, reason = "made-up data that cannot be made is an error of the benchmark")]

use std::io::{Read, Write};
use std::sync::LazyLock;

use arrow_array::ArrayRef;
use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use mtdh_core::DataType;
use mtdh_core::footer::{PartitionFooter, Provenance, SourceFile, Tally};
use mtdh_core::key::InstrumentKey;
use mtdh_core::partition::{Partition, Status};
use mtdh_core::table::SCHEMA_VERSION;
use mtdh_lake::write::PartitionWriter;
use mtdh_source::gunzip::Gunzip;
use mtdh_source::tardis::csv::{Decoder, Expectation};

/// Plain bytes that are read or decoded at once, as in a conversion.
const CHUNK_BYTES: usize = 256 << 10;

const SHAPES: [Shape; 2] = [Shape::Trades, Shape::BookSnapshot5];

#[derive(Clone, Copy, Debug)]
enum Shape {
    Trades,
    BookSnapshot5,
}

struct File {
    data_type: DataType,
    rows: u64,
    plain: Vec<u8>,
    gz: Vec<u8>,
    batches: Vec<Vec<ArrayRef>>,
}

impl File {
    fn make(data_type: DataType, rows: u64) -> File {
        let mut plain = Vec::new();
        let day = "2024-03-01".parse().unwrap();
        mtdh_sim::write_large(data_type, rows, 1, "binance", "BTCUSDT", day, &mut plain).unwrap();
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
        encoder.write_all(&plain).unwrap();
        let batches = decode(data_type, &plain);
        File { data_type, rows, gz: encoder.finish().unwrap(), plain, batches }
    }
}

impl Shape {
    fn file(self) -> &'static File {
        static TRADES: LazyLock<File> = LazyLock::new(|| File::make(DataType::Trades, 400_000));
        static BOOK: LazyLock<File> = LazyLock::new(|| File::make(DataType::BookSnapshot5, 86_000));
        match self {
            Shape::Trades => &TRADES,
            Shape::BookSnapshot5 => &BOOK,
        }
    }
}

fn decode(data_type: DataType, plain: &[u8]) -> Vec<Vec<ArrayRef>> {
    let mut decoder = Decoder::new(data_type.table(), Expectation::default());
    let mut batches = Vec::new();
    for chunk in plain.chunks(CHUNK_BYTES) {
        decoder.push(chunk).unwrap();
        batches.extend(std::iter::from_fn(|| decoder.take_rows()).map(|rows| rows.columns));
    }
    decoder.finish().unwrap();
    batches.extend(std::iter::from_fn(|| decoder.take_rows()).map(|rows| rows.columns));
    batches
}

fn main() {
    divan::main();
}

#[divan::bench(args = SHAPES)]
fn gunzip(bencher: Bencher<'_, '_>, shape: Shape) {
    let file = shape.file();
    let mut chunk = vec![0; CHUNK_BYTES];
    bencher.counter(BytesCount::new(file.plain.len())).bench_local(|| {
        let mut plain = Gunzip::new(&file.gz[..]);
        while plain.read(&mut chunk).unwrap() > 0 {}
    });
}

#[divan::bench(name = "decode", args = SHAPES)]
fn decode_rows(bencher: Bencher<'_, '_>, shape: Shape) {
    let file = shape.file();
    bencher.counter(ItemsCount::new(file.rows)).bench_local(|| decode(file.data_type, &file.plain));
}

#[divan::bench(args = SHAPES)]
fn encode(bencher: Bencher<'_, '_>, shape: Shape) {
    let file = shape.file();
    let key = "BINANCE:SPOT_PAIR:BTC-USDT".parse::<InstrumentKey>().unwrap();
    let partition =
        Partition { key: key.clone(), data_type: file.data_type, day: "2024-03-01".parse().unwrap() };
    let facts = PartitionFooter {
        partition,
        status: Status::Stored,
        reason: None,
        provenance: Provenance::VendorFile(SourceFile::default()),
        tally: Tally::default(),
        schema_version: SCHEMA_VERSION,
    };
    bencher.counter(ItemsCount::new(file.rows)).bench_local(|| {
        let mut writer = PartitionWriter::new(file.data_type.table(), &key, Vec::new()).unwrap();
        file.batches.iter().for_each(|batch| writer.write(batch.clone()).unwrap());
        writer.finish(&facts).unwrap().out
    });
}
