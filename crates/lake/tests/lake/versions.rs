//! One version of an object: what tells it from others, and readings that hold to it.

use std::fs;
use std::io::Write;
use std::sync::OnceLock;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use futures::TryStreamExt;
use mtdh_lake::read::Verified;
use mtdh_lake::write::PartitionWriter;
use mtdh_lake::{Lake, LakeError, WriteMode};

use crate::stores::{local, on_each_store};
use crate::trades::{self, BATCH_ROWS};

/// More than a row group.
const ROWS: usize = 9 * BATCH_ROWS;

/// An object whose rows have ids from `first` on.
fn object(first: usize) -> Vec<u8> {
    let mut writer =
        PartitionWriter::new(trades::partition().data_type.table(), &trades::partition().key, Vec::new())
            .unwrap();
    for start in (first..first + ROWS).step_by(BATCH_ROWS) {
        writer.write(trades::columns(start..start + BATCH_ROWS)).unwrap();
    }
    writer.finish(&trades::facts(ROWS)).unwrap().out
}

/// Two objects, whose ids are below `ROWS` in the first alone.
fn two() -> &'static [Vec<u8>; 2] {
    static TWO: OnceLock<[Vec<u8>; 2]> = OnceLock::new();
    TWO.get_or_init(|| [object(0), object(7 * ROWS)])
}

/// The id of a batch's second row: the first of each thousand has none.
fn id(batch: &RecordBatch) -> usize {
    let ids = batch.column_by_name("id").unwrap().as_string::<i32>();
    ids.iter().flatten().next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn publishing_listing_and_looking_tell_one_identity_and_each_object_has_its_own() {
    on_each_store(async |lake| {
        let mut seen = Vec::new();
        for (rows, existing) in [(0, WriteMode::Create), (1, WriteMode::Overwrite), (2, WriteMode::Overwrite)]
        {
            let mut stage = lake.stage().unwrap();
            stage.write_all(&trades::object(rows)).unwrap();
            let published = lake.publish(&trades::path(), stage, existing).await.unwrap();
            let entry = lake.entry(&trades::path()).await.unwrap().unwrap();
            assert!(published.is_some() && published == entry.identity, "{}", lake.url());
            assert_eq!(lake.list(&"".into()).await.unwrap(), std::slice::from_ref(&entry), "{}", lake.url());
            assert_eq!(lake.footer(&entry).await.unwrap().identity, published, "{}", lake.url());
            assert!(!seen.contains(&published), "{}", lake.url());
            seen.push(published);
        }
    })
    .await;
}

#[tokio::test]
async fn who_reads_by_an_entry_reads_that_version_or_fails() {
    on_each_store(async |lake| {
        trades::publish(lake, &trades::object(10)).await;
        let entry = lake.entry(&trades::path()).await.unwrap().unwrap();
        let footer = lake.footer(&entry).await.unwrap();
        let check = async |what: &str| {
            let (all, cost) = (i64::MIN..i64::MAX, Default::default());
            let outcomes = [
                lake.footer(&entry).await.map(drop),
                lake.verify_bytes(&entry).await.map(drop),
                lake.pairs(&entry).await.map(drop),
                lake.read_slice(&entry, all.clone(), &cost, |_| Ok::<(), LakeError>(())).await,
                lake.batches(&entry, all, &cost).await.map(drop),
            ];
            for outcome in outcomes {
                let error = outcome.unwrap_err();
                assert!(
                    error.is_changed() && error.is_transient() && !error.is_distrust(),
                    "{what}: {error}"
                );
                assert!(error.to_string().ends_with("was replaced or removed while it was read; try again"));
            }
        };
        trades::publish(lake, &trades::object(11)).await;
        check("replaced").await;
        let newer = lake.entry(&trades::path()).await.unwrap().unwrap();
        assert_eq!(lake.footer(&newer).await.unwrap().rows, footer.rows + 1);
        assert_eq!(lake.verify_bytes(&newer).await.unwrap(), Verified::Whole);
        lake.delete(&trades::path()).await.unwrap();
        check("removed").await;
    })
    .await;
}

#[tokio::test]
async fn rows_of_two_versions_are_never_mixed() {
    let [old, new] = two();
    let is_old = |batch: &RecordBatch| id(batch) < ROWS;
    on_each_store(async |lake| {
        trades::publish(lake, old).await;
        let entry = lake.entry(&trades::path()).await.unwrap().unwrap();
        let mut batches = lake.batches(&entry, i64::MIN..i64::MAX, &Default::default()).await.unwrap();
        let first = batches.try_next().await.unwrap().unwrap();
        assert!(is_old(&first));
        let mut rows = first.num_rows();
        trades::publish(lake, new).await;
        let outcome = loop {
            match batches.try_next().await {
                Ok(Some(batch)) => {
                    assert!(is_old(&batch), "{}", lake.url());
                    rows += batch.num_rows();
                }
                outcome => break outcome.map(drop),
            }
        };
        match lake.folder() {
            // The open file is the old object still.
            Some(_) => assert_eq!((outcome.unwrap(), rows), ((), ROWS)),
            None => assert!(outcome.unwrap_err().is_changed(), "{}", lake.url()),
        }
    })
    .await;
}

/// One whose path alone is known, as `get` reads it: again as long as nobody has a row, then not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slice_of_an_object_that_is_replaced_is_whole_or_fails() {
    let [old, new] = two();
    on_each_store(async |lake| {
        trades::publish(lake, old).await;
        let (mut ids, cost) = (Vec::new(), Default::default());
        let take = |batch: RecordBatch| {
            if ids.is_empty() {
                replace(lake, new);
            }
            ids.push(id(&batch));
            Ok::<(), LakeError>(())
        };
        let outcome = lake.read_slice_at(&trades::path(), i64::MIN..i64::MAX, &cost, take).await;
        assert!(ids.iter().all(|id| *id < ROWS), "{}", lake.url());
        match lake.folder() {
            Some(_) => assert_eq!(outcome.unwrap(), Some(old.len() as u64)),
            None => assert!(outcome.unwrap_err().is_changed(), "{}", lake.url()),
        }
    })
    .await;
}

/// Replaces the object from within a callback that cannot wait.
fn replace(lake: &Lake, object: &[u8]) {
    let (lake, object) = (lake.clone(), object.to_vec());
    let publishing = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(trades::publish(&lake, &object));
    };
    std::thread::spawn(publishing).join().unwrap();
}

#[tokio::test]
async fn a_file_that_is_written_over_in_place_is_another() {
    let folder = tempfile::tempdir().unwrap();
    let lake = local(folder.path());
    trades::publish(&lake, &two()[0]).await;
    let entry = lake.entry(&trades::path()).await.unwrap().unwrap();
    let mut batches = lake.batches(&entry, i64::MIN..i64::MAX, &Default::default()).await.unwrap();
    assert!(batches.try_next().await.unwrap().is_some());
    let file = folder.path().join(trades::path().as_ref());
    let inode = |file: &std::path::Path| std::os::unix::fs::MetadataExt::ino(&fs::metadata(file).unwrap());
    let before = inode(&file);
    // Times of disks have steps of some milliseconds.
    std::thread::sleep(std::time::Duration::from_millis(50));
    fs::write(&file, &two()[1]).unwrap();
    assert_eq!(inode(&file), before);
    let error = loop {
        match batches.try_next().await {
            Ok(batch) => assert!(id(&batch.expect("it must fail before its end")) < ROWS),
            Err(error) => break error,
        }
    };
    assert!(error.is_changed(), "{error}");
    assert_ne!(lake.entry(&trades::path()).await.unwrap().unwrap().identity, entry.identity);
}
