//! Objects of every kind, of which single bits are flipped: none serves another value, none panics, and whoever looks finds it.
//!
//! `MTDH_FLIPS=20000 MTDH_FLIP_SEED=7 cargo test -p mtdh-lake --test lake flips` is the long mode.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::{
    ArrayRef, BooleanArray, DictionaryArray, Float64Array, Int32Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use bytes::Bytes;
use mtdh_core::DataType;
use mtdh_core::candle::Timeframe;
use mtdh_core::footer::{PartitionFooter, Provenance, SourceFile, Tally};
use mtdh_core::instrument::Instrument;
use mtdh_core::partition::{Partition, Status};
use mtdh_core::table::{Column, Kind, SCHEMA_VERSION};
use mtdh_lake::read::{ReadCost, Verified};
use mtdh_lake::tables::checks::{CheckLine, CheckRun, Subject as Checked};
use mtdh_lake::tables::reports::{Available, Missing};
use mtdh_lake::write::PartitionWriter;
use mtdh_lake::{Entry, Lake, LakeError, LakePath, Layout};
use parquet::arrow::ArrowWriter;
use parquet::file::metadata::{KeyValue, PageIndexPolicy, ParquetMetaDataReader};
use parquet::file::properties::WriterProperties;

use crate::trades;

const ROWS: usize = 600;

fn setting(name: &str, usual: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// Numbers that are the same each time, by SplitMix64.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % limit as u64) as usize
    }
}

fn cells(column: &Column, rows: usize) -> ArrayRef {
    let is_null = |row: usize| column.nullable && row.is_multiple_of(5);
    let times =
        || (0..rows).map(move |row| (!is_null(row)).then_some(trades::arrival_us(row))).collect::<Vec<_>>();
    match column.kind {
        Kind::Time => Arc::new(TimestampMicrosecondArray::from(times()).with_timezone("UTC")),
        Kind::Number => Arc::new(Float64Array::from_iter(
            (0..rows).map(|row| (!is_null(row)).then_some((row * row % 4093) as f64 / 8.0)),
        )),
        Kind::Text => Arc::new(StringArray::from_iter(
            (0..rows).map(|row| (!is_null(row)).then(|| format!("{}", row * 977))),
        )),
        Kind::Category(words) => {
            let indices = (0..rows).map(|row| (row % words.len()) as i32);
            let words: ArrayRef = Arc::new(StringArray::from(words.to_vec()));
            Arc::new(DictionaryArray::new(Int32Array::from_iter_values(indices), words))
        }
        Kind::Flag => Arc::new(BooleanArray::from_iter(
            (0..rows).map(|row| (!is_null(row)).then_some(row.is_multiple_of(3))),
        )),
    }
}

fn partition(data_type: DataType) -> Partition {
    Partition { data_type, ..trades::partition() }
}

fn facts(partition: &Partition, rows: usize) -> PartitionFooter {
    PartitionFooter { partition: partition.clone(), ..trades::facts(rows) }
}

/// A partition of a data type with the digest that its footer tells.
fn object(data_type: DataType, rows: usize) -> (Vec<u8>, String) {
    let (table, partition) = (data_type.table(), partition(data_type));
    let mut writer = PartitionWriter::new(table, &partition.key, Vec::new()).unwrap();
    if rows > 0 {
        writer.write(table.columns.iter().map(|column| cells(column, rows)).collect()).unwrap();
    }
    let sealed = writer.finish(&facts(&partition, rows)).unwrap();
    (sealed.out, sealed.digest)
}

/// What reading gives of an object: its rows, or that it is refused.
async fn rows(lake: &Lake, path: &LakePath, within: Range<i64>) -> Result<Vec<RecordBatch>, LakeError> {
    let Some(entry) = lake.entry(path).await? else { panic!("{path} is not there") };
    let mut rows = Vec::new();
    let cost = Arc::new(ReadCost::default());
    lake.read_between(&entry, "timestamp", within, None, &cost, |batch| {
        rows.push(batch);
        Ok::<(), LakeError>(())
    })
    .await?;
    Ok(rows)
}

/// The headers and the pages of a file, and what lies behind them.
struct Parts {
    headers: Vec<Range<usize>>,
    pages: Vec<Range<usize>>,
    tail: Range<usize>,
}

fn parts(bytes: &[u8]) -> Parts {
    let all = Bytes::copy_from_slice(bytes);
    let metadata = ParquetMetaDataReader::new()
        .with_page_index_policy(PageIndexPolicy::Required)
        .parse_and_finish(&all)
        .unwrap();
    let (mut headers, mut pages, mut end) = (Vec::new(), Vec::new(), 4);
    for (number, group) in metadata.row_groups().iter().enumerate() {
        for (place, column) in group.columns().iter().enumerate() {
            let locations = metadata.offset_index().unwrap()[number][place].page_locations();
            let first = locations[0].offset as usize;
            let dictionary = column.dictionary_page_offset().map(|start| start as usize..first);
            let data = locations
                .iter()
                .map(|l| l.offset as usize..(l.offset + i64::from(l.compressed_page_size)) as usize);
            for page in dictionary.into_iter().chain(data) {
                // A header ends with its two zeros; nothing shorter than fifteen bytes is one.
                let header =
                    (15..60).find(|at| bytes[page.start + at - 2..page.start + at] == [0, 0]).unwrap();
                headers.push(page.start..page.start + header);
                pages.push(page.start + header..page.end);
                end = end.max(page.end);
            }
        }
    }
    Parts { headers, pages, tail: end..bytes.len() }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Sort {
    Partition,
    Candles,
    Instruments,
    Available,
    Identities,
    Missing,
    Checks,
}

struct Subject {
    kind: Sort,
    path: LakePath,
    bytes: Vec<u8>,
    parts: Parts,
}

async fn subjects(lake: &Lake) -> Vec<Subject> {
    let day = trades::partition().day;
    let mut all: Vec<(Sort, LakePath)> = Vec::new();
    for data_type in DataType::ALL {
        let (bytes, _) = object(data_type, ROWS);
        let path = Layout::VENDOR.partition(&partition(data_type));
        lake.put(&path, &bytes).await.unwrap();
        all.push((Sort::Partition, path));
    }
    let path = Layout::VENDOR.candles(day, Timeframe::USUAL[1], &trades::partition().key);
    lake.put(&path, &crate::candles::object(300)).await.unwrap();
    all.push((Sort::Candles, path));
    let names = (0..40).map(|number| format!("DERIBIT:PERP:B{number}-USD"));
    let instruments: Vec<Instrument> = names
        .map(|name| Instrument {
            data_types: vec![DataType::Trades],
            ..Instrument::of_name(name.parse().unwrap(), "deribit", &name, day)
        })
        .collect();
    lake.update_instruments(day, |table| table.instruments = instruments.clone()).await.unwrap();
    all.push((Sort::Instruments, Layout::VENDOR.instruments(day)));
    let of = |i: &Instrument| Partition { day, data_type: DataType::Trades, key: i.key.clone() };
    lake.update_available(day, |rows| {
        rows.extend(instruments.iter().map(|i| {
            (of(i), Available::of(&facts(&of(i), ROWS), 100, Some("d".repeat(64)), Some("1-2-3".into())))
        }));
    })
    .await
    .unwrap();
    all.push((Sort::Available, Layout::VENDOR.available_report(day)));
    all.push((Sort::Identities, Layout::VENDOR.identities(day)));
    let missing: Vec<Missing> =
        instruments.iter().map(|i| Missing { partition: of(i), reason: "missing".into() }).collect();
    lake.update_missing(day, &missing, |_| true).await.unwrap();
    all.push((Sort::Missing, Layout::VENDOR.missing_report(day)));
    let run = Arc::new(CheckRun {
        made_by: "check".into(),
        checked_us: 1,
        first_day: day,
        last_day: day,
        selection: "everything".into(),
        settings: Vec::new(),
    });
    let checked = |i: &Instrument| CheckLine {
        day,
        subject: Checked { key: Some(i.key.clone()), data_type: Some(DataType::Trades) },
        groups: ["book".to_owned(), "values".to_owned()].into(),
        found: None,
        objects: vec![format!("trades {}", "d".repeat(64))],
        rows: ROWS as u64,
        run: run.clone(),
    };
    lake.update_checks(day, &instruments.iter().map(checked).collect::<Vec<_>>()).await.unwrap();
    all.push((Sort::Checks, Layout::VENDOR.check_report(day)));
    let mut subjects = Vec::new();
    for (kind, path) in all {
        let bytes = lake.read(&path).await.unwrap().unwrap().to_vec();
        subjects.push(Subject { kind, path, parts: parts(&bytes), bytes });
    }
    subjects
}

/// What all readings of an object give, when they give anything.
#[derive(Debug, PartialEq)]
struct Seen {
    footer: Option<String>,
    whole: Option<Vec<RecordBatch>>,
    slice: Option<Vec<RecordBatch>>,
    table: Option<String>,
}

/// Reads an object in every way. What refuses it must refuse it as one that cannot be trusted.
async fn see(lake: &Lake, subject: &Subject) -> Seen {
    let entry = Entry { path: subject.path.clone(), bytes: subject.bytes.len() as u64, identity: None };
    let day = trades::partition().day;
    let mut seen = Seen { footer: None, whole: None, slice: None, table: None };
    fn trusted<T>(outcome: Result<T, LakeError>) -> Option<T> {
        match outcome {
            Ok(value) => Some(value),
            Err(error) => {
                assert!(error.is_distrust(), "{error:?}");
                None
            }
        }
    }
    match subject.kind {
        Sort::Partition => {
            let footer = trusted(lake.footer(&entry).await);
            seen.footer = footer.map(|f| format!("{:?} {} {:?} {}", f.facts, f.rows, f.digest, f.schema));
        }
        Sort::Candles => seen.footer = trusted(lake.candle_facts(&entry).await).map(|f| format!("{f:?}")),
        // Tables are read whole.
        Sort::Instruments => {
            seen.table = trusted(lake.instruments(day).await).map(|t| format!("{t:?}"));
            return seen;
        }
        Sort::Available => {
            let rows = lake.available(day).await.unwrap();
            seen.table = (!rows.is_empty()).then(|| format!("{rows:?}"));
            return seen;
        }
        // Without it the report tells the same, of objects that nobody knows.
        Sort::Identities => {
            let rows = lake.available(day).await.unwrap();
            assert_eq!(rows.len(), 40);
            seen.table = rows.values().any(|row| row.identity.is_some()).then(|| format!("{rows:?}"));
            return seen;
        }
        Sort::Checks => {
            seen.table = lake.checks(day).await.unwrap().map(|rows| format!("{rows:?}"));
        }
        Sort::Missing => {
            seen.table = lake.missing(day).await.unwrap().map(|rows| format!("{rows:?}"));
            return seen;
        }
    }
    seen.whole = trusted(rows(lake, &subject.path, i64::MIN..i64::MAX).await);
    let minutes = trades::arrival_us(100)..trades::arrival_us(130);
    seen.slice = trusted(rows(lake, &subject.path, minutes).await);
    seen
}

fn has_all(seen: &Seen, right: &Seen) -> bool {
    let fits = |a: bool, b: bool| !a || b;
    fits(seen.footer.is_some(), seen.footer == right.footer)
        && fits(seen.whole.is_some(), seen.whole == right.whole)
        && fits(seen.slice.is_some(), seen.slice == right.slice)
        && fits(seen.table.is_some(), seen.table == right.table)
}

#[tokio::test]
async fn a_flipped_bit_is_found_and_serves_no_other_value() {
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::open(folder.path().to_str().unwrap(), &Default::default()).unwrap();
    let subjects = subjects(&lake).await;
    let mut right = Vec::new();
    for subject in &subjects {
        let seen = see(&lake, subject).await;
        let is_table = !matches!(subject.kind, Sort::Partition | Sort::Candles);
        let is_whole = seen.footer.is_some() && seen.whole.is_some() && seen.slice.is_some();
        assert!(is_whole || (is_table && seen.table.is_some()), "{}", subject.path);
        right.push(seen);
    }
    let (flips, seed) = (setting("MTDH_FLIPS", 500), setting("MTDH_FLIP_SEED", 1));
    let mut numbers = Numbers(seed);
    let mut refused = 0;
    for number in 0..flips {
        let which = numbers.below(subjects.len());
        let subject = &subjects[which];
        let is_tail = number % 3 == 0;
        let part = match number % 3 {
            0 => subject.parts.tail.clone(),
            1 => subject.parts.headers[numbers.below(subject.parts.headers.len())].clone(),
            _ => subject.parts.pages[numbers.below(subject.parts.pages.len())].clone(),
        };
        let (at, bit) = (part.start + numbers.below(part.len()), numbers.below(8));
        let what = format!("seed {seed}, flip {number}: bit {bit} of byte {at} of {}", subject.path);
        let mut bytes = subject.bytes.clone();
        bytes[at] ^= 1 << bit;
        let file = folder.path().join(subject.path.as_ref());
        std::fs::write(&file, &bytes).unwrap();
        let seen = see(&lake, subject).await;
        assert!(has_all(&seen, &right[which]), "{what}: other values");
        // The footer's reader sees each flip behind the pages, whoever reads all rows each in them.
        assert!(!is_tail || seen.footer.is_none(), "{what}: the footer was believed");
        assert!(seen.whole.is_none() && seen.table.is_none(), "{what}: it was not found");
        refused += usize::from(seen.slice.is_none());
        let entry = Entry { path: subject.path.clone(), bytes: bytes.len() as u64, identity: None };
        let verified = lake.verify_bytes(&entry).await;
        assert!(verified.is_err_and(|error| error.is_distrust()), "{what}: its bytes were believed");
        std::fs::write(&file, &subject.bytes).unwrap();
    }
    assert!(refused > 0);
    for subject in &subjects {
        let entry = Entry { path: subject.path.clone(), bytes: subject.bytes.len() as u64, identity: None };
        assert_eq!(lake.verify_bytes(&entry).await.unwrap(), Verified::Whole);
    }
}

#[test]
fn an_object_has_one_digest_and_few_bytes_of_checksums() {
    for data_type in DataType::ALL {
        for rows in [0, 1, 3000] {
            let (bytes, digest) = object(data_type, rows);
            assert_eq!(
                (bytes.clone(), digest.clone()),
                object(data_type, rows),
                "the same rows, the same bytes"
            );
            let parts = parts(&bytes);
            assert_eq!(
                digest,
                blake3::hash(&bytes[..parts.tail.start]).to_hex().as_str(),
                "{data_type} {rows}"
            );
            // Pairs' names and values with their heads, two characters and six bytes of CRC a page.
            let pages = parts.pages.len();
            let names = [
                "mtdh.format_version",
                "mtdh.data_bytes",
                "mtdh.page_headers",
                "mtdh.data_blake3",
                "mtdh.tail_crc32",
            ];
            let fixed = names.iter().map(|name| name.len() + 6).sum::<usize>() + 1 + 8 + 64 + 8;
            assert!(fixed + 8 * pages <= 300 + 8 * pages, "{data_type}: {pages} pages");
        }
    }
}

#[test]
fn statuses_that_are_not_stored_are_sealed_too() {
    let empty = PartitionFooter {
        status: Status::Empty,
        provenance: Provenance::VendorFile(SourceFile::default()),
        tally: Tally::default(),
        reason: None,
        schema_version: SCHEMA_VERSION,
        partition: trades::partition(),
    };
    let writer = PartitionWriter::new(DataType::Trades.table(), &empty.partition.key, Vec::new()).unwrap();
    let sealed = writer.finish(&empty).unwrap();
    assert_eq!(sealed.digest, blake3::hash(b"PAR1").to_hex().as_str());
}

/// An object as version 0.1.0 wrote it: no checksums, and no pair that tells of any.
fn first_version(data_type: DataType) -> Vec<u8> {
    let (table, partition) = (data_type.table(), partition(data_type));
    let keys: ArrayRef = Arc::new(DictionaryArray::new(
        Int32Array::from(vec![0; ROWS]),
        Arc::new(StringArray::from(vec![partition.key.to_string()])),
    ));
    let columns = table.columns.iter().map(|column| cells(column, ROWS));
    let batch =
        RecordBatch::try_new(table.schema().clone(), std::iter::once(keys).chain(columns).collect()).unwrap();
    let properties = WriterProperties::builder().set_created_by("mtdh version 0.1.0".to_owned()).build();
    let mut writer = ArrowWriter::try_new(Vec::new(), table.schema().clone(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    for (name, value) in facts(&partition, ROWS).to_pairs() {
        writer.append_key_value_metadata(KeyValue::new(name.to_owned(), value));
    }
    writer.into_inner().unwrap()
}

#[tokio::test]
async fn objects_without_checksums_count_and_whatever_is_flipped_in_them_ends_in_an_error_or_rows() {
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::open(folder.path().to_str().unwrap(), &Default::default()).unwrap();
    let mut numbers = Numbers(setting("MTDH_FLIP_SEED", 1));
    for data_type in [DataType::Trades, DataType::OptionsChain, DataType::DerivativeTicker] {
        let (bytes, path) = (first_version(data_type), Layout::VENDOR.partition(&partition(data_type)));
        lake.put(&path, &bytes).await.unwrap();
        let entry = Entry { path: path.clone(), bytes: bytes.len() as u64, identity: None };
        let footer = lake.footer(&entry).await.unwrap();
        assert_eq!((footer.rows as usize, footer.digest), (ROWS, None));
        assert_eq!(footer.schema.fields(), data_type.table().schema().fields());
        assert_eq!(lake.verify_bytes(&entry).await.unwrap(), Verified::NoChecksums);
        let parts = parts(&bytes);
        let subject = Subject { kind: Sort::Partition, path, bytes: bytes.clone(), parts };
        for number in 0..setting("MTDH_FLIPS", 500) {
            let part = match number % 3 {
                0 | 1 => subject.parts.tail.clone(),
                _ => subject.parts.headers[numbers.below(subject.parts.headers.len())].clone(),
            };
            let (at, bit) = (part.start + numbers.below(part.len()), numbers.below(8));
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << bit;
            std::fs::write(folder.path().join(subject.path.as_ref()), &flipped).unwrap();
            // Values may be others: nothing tells. It must be rows, or an error that says that it cannot be trusted.
            see(&lake, &subject).await;
        }
    }
}
