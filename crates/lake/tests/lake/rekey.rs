//! An object moves to another key: its columns stay as they are, byte for byte, whichever version wrote it.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{ArrayRef, DictionaryArray, Int32Array, RecordBatch, StringArray};
use bytes::Bytes;
use mtdh_core::footer::FORMER_KEYS;
use mtdh_core::key::InstrumentKey;
use mtdh_core::partition::Partition;
use mtdh_lake::read::{ReadCost, Verified};
use mtdh_lake::{Lake, LakeError, Layout, WriteMode};
use parquet::arrow::ArrowWriter;
use parquet::file::metadata::{KeyValue, ParquetMetaDataReader};
use parquet::file::properties::WriterProperties;

use crate::stores::{content, on_each_store, publish};
use crate::trades;

fn new() -> Partition {
    Partition { key: key(), ..trades::partition() }
}

fn key() -> InstrumentKey {
    "DERIBIT:PERP:BTC-USDE".parse().unwrap()
}

/// Trades as version 0.1.0 wrote them: without checksums.
fn unsealed(rows: usize) -> Vec<u8> {
    let table = trades::partition().data_type.table();
    let word: ArrayRef = Arc::new(StringArray::from(vec![trades::partition().key.to_string()]));
    let keys: ArrayRef = Arc::new(DictionaryArray::new(Int32Array::from(vec![0; rows]), word));
    let columns = [vec![keys], trades::columns(0..rows)].concat();
    let batch = RecordBatch::try_new(table.schema().clone(), columns).unwrap();
    let properties = WriterProperties::builder()
        .set_created_by("mtdh version 0.1.0".to_owned())
        .set_max_row_group_row_count(Some(700));
    let mut writer =
        ArrowWriter::try_new(Vec::new(), table.schema().clone(), Some(properties.build())).unwrap();
    writer.write(&batch).unwrap();
    for (name, value) in trades::facts(rows).to_pairs() {
        writer.append_key_value_metadata(KeyValue::new(name.to_owned(), value));
    }
    writer.into_inner().unwrap()
}

/// The bytes of each column chunk but those of the key, with the column's name.
fn chunks(object: &[u8]) -> Vec<(String, Vec<u8>)> {
    let metadata = ParquetMetaDataReader::new().parse_and_finish(&Bytes::from(object.to_vec())).unwrap();
    let columns = metadata.row_groups().iter().flat_map(|group| group.columns());
    let columns = columns.filter(|column| column.column_path().string() != "instrument_key");
    let bytes = |(start, length): (u64, u64)| object[start as usize..(start + length) as usize].to_vec();
    columns.map(|column| (column.column_path().string(), bytes(column.byte_range()))).collect()
}

async fn move_it(lake: &Lake) -> Result<mtdh_lake::rekey::Rekeyed, LakeError> {
    let entry = lake.entry(&trades::path()).await?.unwrap();
    lake.rekey_partition(&trades::partition(), &entry, &key()).await
}

#[tokio::test]
async fn only_the_key_changes() {
    on_each_store(async |lake| {
        let (old_path, new_path) = (trades::path(), Layout::VENDOR.partition(&new()));
        for (name, rows, object, verified) in [
            ("no rows", 0, trades::object(0), Verified::Whole),
            ("one row", 1, trades::object(1), Verified::Whole),
            ("two row groups", 270_000, trades::object(270_000), Verified::Whole),
            ("version 0.1.0", 2000, unsealed(2000), Verified::NoChecksums),
        ] {
            trades::publish(lake, &object).await;
            lake.put_quarantine(&trades::partition(), b"{}\n").await.unwrap();
            let before = lake.footer(&lake.entry(&old_path).await.unwrap().unwrap()).await.unwrap();
            let moved = move_it(lake).await.unwrap();
            assert!(lake.entry(&old_path).await.unwrap().is_none(), "{name}");
            assert_eq!(
                content(lake, Layout::VENDOR.quarantine(&trades::partition()).as_ref()).await,
                None,
                "{name}"
            );
            assert_eq!(
                content(lake, Layout::VENDOR.quarantine(&new()).as_ref()).await.as_deref(),
                Some(&b"{}\n"[..])
            );
            let there = content(lake, new_path.as_ref()).await.unwrap();
            assert!(chunks(&there) == chunks(&object), "{name}: the columns differ");
            let entry = lake.entry(&new_path).await.unwrap().unwrap();
            assert_eq!(lake.verify_bytes(&entry).await.unwrap(), verified, "{name}");
            let footer = lake.footer(&entry).await.unwrap();
            let expected = mtdh_core::footer::PartitionFooter { partition: new(), ..trades::facts(rows) };
            assert_eq!((footer.facts, footer.schema, footer.rows), (expected, before.schema, before.rows));
            assert_eq!(footer.digest, moved.digest, "{name}");
            if let Some(digest) = before.digest {
                assert_eq!(moved.former_digest, digest, "{name}");
            }
            let (facts, _) = lake.pairs(&entry).await.unwrap();
            let line = format!("{} {}", trades::partition().key, moved.former_digest);
            assert_eq!(facts.get(FORMER_KEYS), Some(&line), "{name}");
            let mut read = 0;
            lake.read_slice::<LakeError>(
                &entry,
                i64::MIN..i64::MAX,
                &Arc::new(ReadCost::default()),
                |batch| {
                    let keys = batch.column(0).as_dictionary::<Int32Type>().clone();
                    let words = keys.values().as_string::<i32>();
                    assert!(keys.keys().iter().all(|k| words.value(k.unwrap() as usize) == key().as_str()));
                    read += batch.num_rows();
                    Ok(())
                },
            )
            .await
            .unwrap();
            assert_eq!(read, rows, "{name}");
            lake.delete(&new_path).await.unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn an_interrupted_move_is_made_again_and_another_object_is_never_replaced() {
    on_each_store(async |lake| {
        let new_path = Layout::VENDOR.partition(&new());
        trades::publish(lake, &trades::object(100)).await;
        move_it(lake).await.unwrap();
        let made = content(lake, new_path.as_ref()).await;
        // Killed before the former object was removed.
        trades::publish(lake, &trades::object(100)).await;
        move_it(lake).await.unwrap();
        assert!(content(lake, new_path.as_ref()).await == made);
        assert!(lake.entry(&trades::path()).await.unwrap().is_none());
        // Other rows under the former key: neither object goes.
        trades::publish(lake, &trades::object(101)).await;
        let error = move_it(lake).await.unwrap_err();
        assert!(matches!(error, LakeError::Exists { .. }), "{error:?}");
        assert!(content(lake, new_path.as_ref()).await == made);
        assert!(content(lake, trades::path().as_ref()).await == Some(trades::object(101)));
    })
    .await;
}

#[tokio::test]
async fn a_damaged_object_stays_where_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let lake = crate::stores::local(folder.path());
    let whole = trades::object(500);
    for at in (4..whole.len()).step_by(whole.len() / 40) {
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        publish(&lake, trades::path().as_ref(), &damaged, WriteMode::Overwrite).await.unwrap();
        let error = move_it(&lake).await.unwrap_err();
        assert!(error.is_distrust(), "byte {at}: {error:?}");
        assert!(content(&lake, trades::path().as_ref()).await == Some(damaged), "byte {at}");
        assert!(lake.entry(&Layout::VENDOR.partition(&new())).await.unwrap().is_none(), "byte {at}");
    }
}
