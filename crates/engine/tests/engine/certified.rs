//! Certificates of lakes that are made by hand: objects of the first version, days without a table, copies that the lake keeps.

use mtdh_core::DayRange;
use mtdh_core::partition::Partition;
use mtdh_engine::certify::certificate::{Certificate, Hash};
use mtdh_engine::certify::compare::{Verification, What};
use mtdh_engine::certify::read_certificate;
use mtdh_engine::{CertifyBy, Config, Context, DataType, EngineError, Filter, Selection};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;

use crate::lake_support::{HandMade, KEY, Row, day, key};

const ON: &str = "2024-03-01";
const AFTER: &str = "2024-03-02";
const OTHER: &str = "DERIBIT:PERP:ETH-USD";

fn context(made: &HandMade) -> Context {
    let lake = made.folder.path().display().to_string();
    Context::open(&Config { lake, ..Config::default() }).unwrap()
}

fn selection() -> Selection {
    let filter = Filter {
        venues: vec!["DERIBIT".to_owned()],
        data_types: vec![DataType::Trades],
        ..Filter::default()
    };
    filter.of_lake(DayRange::new(day(ON), day(AFTER)).unwrap()).unwrap()
}

fn rows() -> Vec<Row> {
    (0..50).map(|place| (place, place, 100.0)).collect()
}

/// Writes the document and reads it as others would.
async fn certified(made: &HandMade, by: CertifyBy) -> Result<(Certificate, Hash), EngineError> {
    let certified = context(made).certify(&selection(), by).await?;
    let file = made.folder.path().join("c.json");
    std::fs::write(&file, &certified.bytes).unwrap();
    let read = read_certificate(&file)?;
    assert_eq!(read, (certified.certificate, certified.digest));
    Ok(read)
}

async fn verify(made: &HandMade, by: CertifyBy) -> Result<Verification, EngineError> {
    context(made).verify_certificate(&made.folder.path().join("c.json"), by).await
}

/// Puts an object in the form of version 0.1.0, which wrote no checksums, in place of one of ours.
fn as_version_1(made: &HandMade, of: &str) -> std::path::PathBuf {
    let partition = Partition { day: day(ON), data_type: DataType::Trades, key: key(of) };
    let path = made.folder.path().join(made.lake.partition_path(&partition).as_ref());
    let reader = ParquetRecordBatchReaderBuilder::try_new(std::fs::File::open(&path).unwrap()).unwrap();
    let seal = ["format_version", "data_bytes", "page_headers", "data_blake3", "tail_crc32"];
    let pairs = reader.metadata().file_metadata().key_value_metadata().unwrap().clone().into_iter();
    let is_kept = |pair: &KeyValue| {
        pair.key.strip_prefix("mtdh.").is_some_and(|name| !seal.contains(&name) && name != "provenance")
    };
    let pairs: Vec<KeyValue> = pairs.filter(is_kept).collect();
    let batches: Vec<_> = reader.build().unwrap().map(Result::unwrap).collect();
    let properties = WriterProperties::builder().set_created_by("mtdh version 0.1.0".to_owned()).build();
    let mut writer = ArrowWriter::try_new(Vec::new(), batches[0].schema(), Some(properties)).unwrap();
    batches.iter().for_each(|batch| writer.write(batch).unwrap());
    pairs.into_iter().for_each(|pair| writer.append_key_value_metadata(pair));
    std::fs::write(&path, writer.into_inner().unwrap()).unwrap();
    path
}

#[tokio::test]
async fn objects_without_checksums_are_certified_by_their_bytes() {
    let made = HandMade::new();
    made.table(ON, &[KEY, OTHER]).await;
    made.trades(KEY, ON, "aa", &rows()).await;
    made.trades(OTHER, ON, "bb", &rows()).await;
    let path = as_version_1(&made, KEY);
    let refused = certified(&made, CertifyBy::Footers).await.unwrap_err();
    assert!(matches!(&refused, EngineError::NoDigest { first } if first.contains(KEY)), "{refused}");
    let of = certified(&made, CertifyBy::Bytes).await.unwrap();
    assert_eq!((of.0.counts.stored, of.0.counts.rows), (2, 100));
    assert!(matches!(verify(&made, CertifyBy::Footers).await, Err(EngineError::NoDigest { .. })));
    assert!(verify(&made, CertifyBy::Bytes).await.unwrap().is_same());
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[40] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let found = verify(&made, CertifyBy::Bytes).await.unwrap();
    assert_eq!((found.same, found.count(What::Data), found.differences.len()), (1, 1, 1));
}

#[tokio::test]
async fn what_no_table_expects_is_certified_too() {
    let made = HandMade::new();
    made.table(ON, &[KEY]).await;
    made.trades(KEY, ON, "aa", &rows()).await;
    made.trades(OTHER, ON, "bb", &rows()).await;
    made.absent(DataType::Trades, KEY, AFTER).await;
    for by in [CertifyBy::Footers, CertifyBy::Bytes] {
        // The day after has no table: its object is there, and nothing is complete.
        let of = certified(&made, by).await.unwrap();
        let counts = of.0.counts;
        assert_eq!((counts.stored, counts.absent, counts.missing, counts.unexpected), (2, 1, 0, 2));
        assert_eq!(of.0.verdict, "not_complete");
        assert!(verify(&made, by).await.unwrap().is_same());
    }
}

#[tokio::test]
async fn the_lake_keeps_a_certificate_of_each_root_and_believes_none() {
    let made = HandMade::new();
    made.table(ON, &[KEY]).await;
    made.trades(KEY, ON, "aa", &rows()).await;
    let first = certified(&made, CertifyBy::Footers).await.unwrap();
    certified(&made, CertifyBy::Footers).await.unwrap();
    let kept = made.lake.certificates().await.unwrap();
    assert_eq!(kept.len(), 1);
    assert_eq!(made.lake.certificate(&kept[0]).await.unwrap().unwrap(), Ok(first.0));
    let path = made.folder.path().join(kept[0].path.as_ref());
    std::fs::write(path.with_file_name("notes.txt"), "junk").unwrap();
    std::fs::write(&path, "junk").unwrap();
    let kept = made.lake.certificates().await.unwrap();
    assert_eq!(kept.len(), 1);
    assert!(made.lake.certificate(&kept[0]).await.unwrap().unwrap().is_err());
}
