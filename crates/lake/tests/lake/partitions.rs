//! Partitions: written, described by themselves, told from other files.

use std::sync::Arc;

use arrow_array::{Int64Array, RecordBatch, TimestampNanosecondArray};
use mtdh_core::DataType;
use mtdh_core::partition::Partition;
use mtdh_core::table::Table;
use mtdh_lake::read::ReadCost;
use mtdh_lake::write::PartitionWriter;
use mtdh_lake::{Lake, LakeError, LakePath, Layout, WriteMode};
use parquet::arrow::ArrowWriter;

use crate::stores::{content, local, on_each_store, publish, words};
use crate::trades;

#[tokio::test]
async fn a_partition_tells_its_facts() {
    on_each_store(async |lake| {
        for rows in [0, 1, trades::BATCH_ROWS + 5] {
            trades::publish(lake, &trades::object(rows)).await;
            let entry = lake.entry(&trades::path()).await.unwrap().unwrap();
            let footer = lake.footer(&entry).await.unwrap();
            assert_eq!(footer.facts, trades::facts(rows), "{}", lake.url());
            assert_eq!(footer.rows, rows as u64, "{}", lake.url());
            assert_eq!(&footer.schema, DataType::Trades.table().schema(), "{}", lake.url());
        }
    })
    .await;
}

#[tokio::test]
async fn a_partition_without_rows_has_the_full_schema_of_its_table() {
    let folder = tempfile::tempdir().unwrap();
    let lake = local(folder.path());
    for data_type in DataType::ALL {
        let partition = Partition { data_type, ..trades::partition() };
        let facts = mtdh_core::footer::PartitionFooter { partition: partition.clone(), ..trades::facts(0) };
        let table: &Table = data_type.table();
        let writer = PartitionWriter::new(table, &partition.key, Vec::new()).unwrap();
        let object = writer.finish(&facts).unwrap().out;
        let path = Layout::VENDOR.partition(&partition);
        publish(&lake, path.as_ref(), &object, WriteMode::Create).await.unwrap();
        let footer = lake.footer(&lake.entry(&path).await.unwrap().unwrap()).await.unwrap();
        assert_eq!((&footer.schema, footer.rows, footer.facts), (table.schema(), 0, facts), "{data_type}");
    }
}

#[test]
fn the_same_rows_give_the_same_bytes() {
    for rows in [0, 1, 140_001] {
        assert!(trades::object(rows) == trades::object(rows), "{rows} rows");
    }
}

#[tokio::test]
async fn a_partition_of_several_megabytes_arrives_as_it_was_written() {
    // More than a stage keeps in memory.
    const ROWS: usize = 200_000;
    let object = trades::object(ROWS);
    on_each_store(async |lake| {
        let mut writer =
            PartitionWriter::new(DataType::Trades.table(), &trades::partition().key, lake.stage().unwrap())
                .unwrap();
        for start in (0..ROWS).step_by(trades::BATCH_ROWS) {
            writer.write(trades::columns(start..ROWS.min(start + trades::BATCH_ROWS))).unwrap();
        }
        let stage = writer.finish(&trades::facts(ROWS)).unwrap().out;
        assert_eq!(stage.bytes(), object.len() as u64);
        lake.publish(&trades::path(), stage, WriteMode::Create).await.unwrap();
        assert!(content(lake, trades::path().as_ref()).await.unwrap() == object, "{}", lake.url());
    })
    .await;
}

/// A Parquet file of one column, without facts.
fn foreign(name: &str, column: arrow_array::ArrayRef) -> Vec<u8> {
    let table = RecordBatch::try_from_iter([(name, column)]).unwrap();
    let mut writer = ArrowWriter::try_new(Vec::new(), table.schema(), None).unwrap();
    writer.write(&table).unwrap();
    writer.into_inner().unwrap()
}

async fn read_all(lake: &Lake, path: &LakePath) -> Result<usize, LakeError> {
    let entry = lake.entry(path).await?.unwrap();
    let mut rows = 0;
    let take = |batch: RecordBatch| {
        rows += batch.num_rows();
        Ok(())
    };
    lake.read_slice::<LakeError>(&entry, i64::MIN..i64::MAX, &Arc::new(ReadCost::default()), take).await?;
    Ok(rows)
}

#[tokio::test]
async fn objects_that_are_no_partitions_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let lake = local(folder.path());
    let whole = trades::object(10);
    let numbers = Arc::new(Int64Array::from(vec![1, 2, 3]));
    let path = trades::path();
    for (name, object, said) in [
        ("no bytes", Vec::new(), "cannot be read as Parquet"),
        ("text", b"<html></html>".to_vec(), "cannot be read as Parquet"),
        ("cut", whole[..whole.len() - 9].to_vec(), "cannot be read as Parquet"),
        ("another program's", foreign("x", numbers), "does not describe itself as a partition must"),
    ] {
        publish(&lake, path.as_ref(), &object, WriteMode::Overwrite).await.unwrap();
        let entry = lake.entry(&path).await.unwrap().unwrap();
        let footer = words(&lake.footer(&entry).await.unwrap_err());
        assert!(footer.starts_with(&format!("{path} {said}")), "{name}: {footer}");
        let rows = words(&read_all(&lake, &path).await.unwrap_err());
        assert!(rows.starts_with(&format!("{path} {said}")), "{name}: {rows}");
    }
}

/// A whole and sound partition, but not the one that belongs there.
#[tokio::test]
async fn an_object_in_the_place_of_another_is_read_by_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let lake = local(folder.path());
    let object = trades::object(10);
    let own = trades::partition();
    for other in [
        Partition { day: own.day.next(), ..own.clone() },
        Partition { data_type: DataType::Liquidations, ..own.clone() },
        Partition { key: "DERIBIT:PERP:ETH-USD".parse().unwrap(), ..own.clone() },
    ] {
        let path = lake.partition_path(&other);
        publish(&lake, path.as_ref(), &object, WriteMode::Overwrite).await.unwrap();
        let entry = lake.entry(&path).await.unwrap().unwrap();
        let said = format!("{path} is not the table that belongs there: its footer says that it is {own}");
        assert_eq!(words(&read_all(&lake, &path).await.unwrap_err()), said);
        assert_eq!(words(&lake.verify_bytes(&entry).await.unwrap_err()), said);
        assert_eq!(words(&lake.rows_by_footer(&entry).await.unwrap_err()), said);
    }
}

#[tokio::test]
async fn a_clock_in_another_unit_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let lake = local(folder.path());
    let nanoseconds = Arc::new(TimestampNanosecondArray::from(vec![1_709_251_200_000_000_000; 3]));
    let path = LakePath::from("own.parquet");
    publish(&lake, path.as_ref(), &foreign("local_timestamp", nanoseconds), WriteMode::Overwrite)
        .await
        .unwrap();
    let said = words(&read_all(&lake, &path).await.unwrap_err());
    assert!(said.contains("its column `local_timestamp` is Timestamp(ns), not microseconds"), "{said}");
}

#[tokio::test]
async fn an_object_that_went_away_is_no_damaged_one() {
    on_each_store(async |lake| {
        trades::publish(lake, &trades::object(10)).await;
        let entry = lake.entry(&trades::path()).await.unwrap().unwrap();
        lake.delete(&entry.path).await.unwrap();
        let error = lake.footer(&entry).await.unwrap_err();
        assert!(error.is_changed() && !error.is_distrust(), "{}: {error:?}", lake.url());
    })
    .await;
}
