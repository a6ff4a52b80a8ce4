//! What coverage tells of partitions, and which footers it reads for that.

use mtdh_core::DataType;
use mtdh_core::partition::Status;
use mtdh_lake::briefs::briefs;
use mtdh_lake::tables::reports::Available;
use mtdh_lake::{Lake, LakePath};

use crate::stores::on_each_store;
use crate::trades::{object, partition, path, publish};

/// What is done to the lake before an ask.
enum Step {
    Nothing,
    Publish(Vec<u8>),
    /// Another file beside it.
    Stray,
    Remove,
    /// The day's report knows the object as it is now.
    Report,
}

async fn take(lake: &Lake, step: &Step) {
    match step {
        Step::Nothing => {}
        Step::Publish(object) => publish(lake, object).await,
        Step::Stray => {
            let beside = LakePath::parse(format!("{}.txt", path())).unwrap();
            lake.put(&beside, b"no partition").await.unwrap();
        }
        Step::Remove => lake.delete(&path()).await.unwrap(),
        Step::Report => {
            let entry = lake.partition_entry(&partition()).await.unwrap().unwrap();
            let footer = lake.footer(&entry).await.unwrap();
            let line = Available::of(&footer.facts, entry.bytes, footer.digest, footer.identity);
            let day = partition().day;
            lake.update_available(day, |lines| drop(lines.insert(partition(), line.clone()))).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_footer_is_read_once_per_version_of_the_object() {
    on_each_store(async |lake| {
        let url = lake.url().to_owned();
        lake.keep_footers(4);
        let day = partition().day;
        for (number, (step, status, rows, reads)) in [
            (Step::Nothing, None, None, 0),
            (Step::Publish(object(20)), Some(Status::Stored), Some(20), 1),
            (Step::Nothing, Some(Status::Stored), Some(20), 0),
            (Step::Stray, Some(Status::Stored), Some(20), 0),
            (Step::Publish(object(30)), Some(Status::Stored), Some(30), 1),
            (Step::Publish(b"PAR1 no rows PAR1".to_vec()), Some(Status::Missing), None, 1),
            (Step::Nothing, Some(Status::Missing), None, 0),
            (Step::Remove, None, None, 0),
            (Step::Publish(object(0)), Some(Status::Empty), Some(0), 1),
            (Step::Nothing, Some(Status::Empty), Some(0), 0),
            (Step::Report, Some(Status::Empty), Some(0), 0),
            (Step::Publish(object(20)), Some(Status::Stored), Some(20), 1),
            (Step::Report, Some(Status::Stored), Some(20), 0),
        ]
        .into_iter()
        .enumerate()
        {
            take(lake, &step).await;
            let before = lake.footers_read();
            let found = briefs(lake, day, &DataType::ALL).await.unwrap();
            let found = found.get(&partition());
            let told = (found.map(|brief| brief.status), found.and_then(|brief| brief.rows));
            assert_eq!((told, lake.footers_read() - before), ((status, rows), reads), "{url}, step {number}");
            assert_eq!(found.is_some_and(|brief| brief.reason.is_none()), status == Some(Status::Stored));
        }
    })
    .await;
}

#[tokio::test]
async fn without_keeping_every_ask_reads() {
    let folder = tempfile::tempdir().unwrap();
    let lake = crate::stores::local(folder.path());
    publish(&lake, &object(20)).await;
    for reads in 1..4 {
        let found = briefs(&lake, partition().day, &[DataType::Trades]).await.unwrap();
        assert_eq!((found.len(), lake.footers_read()), (1, reads));
    }
}
