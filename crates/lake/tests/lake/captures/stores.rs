//! Segments in a lake: a folder, and a bucket.

use mtdh_lake::LakeError;
use mtdh_lake::live::{CaptureWriter, SealedSegment, Uploaded};
use mtdh_sim::{Attempts, ErrorBody, Fault, FaultKind, Host};

use super::{START, STEP, fill, read, session};
use crate::stores::{BUCKET, bucket, local, on_each_store, remote};

fn segments(folder: &std::path::Path) -> Vec<SealedSegment> {
    let mut writer = CaptureWriter::new(folder, session(1)).unwrap();
    fill(&mut writer, 0..100, 10);
    writer.seal().unwrap();
    fill(&mut writer, 100..150, 10);
    writer.seal().unwrap();
    writer.take_sealed()
}

#[tokio::test]
async fn a_segment_is_put_there_once() {
    on_each_store(async |lake| {
        let spool = tempfile::tempdir().unwrap();
        let segments = segments(spool.path());
        for segment in segments.iter().rev() {
            assert_eq!(lake.upload_segment(segment).await.unwrap(), Uploaded::Made);
            assert_eq!(lake.upload_segment(segment).await.unwrap(), Uploaded::WasThere);
        }
        let day = segments[0].name.day;
        assert_eq!(lake.captured_venues().await.unwrap(), ["binance-futures"]);
        assert_eq!(lake.captured_days("binance-futures").await.unwrap(), [day]);
        let listed = lake.list_segments("binance-futures", day).await.unwrap();
        let names: Vec<_> = listed.iter().map(|(name, _)| name.number).collect();
        assert_eq!(names, [0, 1]);
        let mut next = 0;
        for (name, _) in listed {
            let mut segment = lake.read_segment(&name).await.unwrap().unwrap();
            let (numbers, lost) = read(&mut segment);
            assert!(lost.is_empty() && numbers[0] == next);
            next += numbers.len() as u64;
        }
        assert_eq!(next, 150);
        // Another file of the same name: both stay, and it is told.
        let mut bytes = std::fs::read(&segments[0].path).unwrap();
        bytes.push(0);
        std::fs::write(&segments[0].path, bytes).unwrap();
        let refused = lake.upload_segment(&segments[0]).await.unwrap_err();
        assert!(matches!(refused, LakeError::Exists { .. }), "{refused}");
        let gone = mtdh_lake::live::SegmentName { number: 9, ..segments[0].name.clone() };
        assert!(lake.read_segment(&gone).await.unwrap().is_none());
    })
    .await;
}

#[tokio::test]
async fn a_lake_that_is_a_folder_is_recorded_into_directly() {
    let folder = tempfile::tempdir().unwrap();
    let lake = local(folder.path());
    let captures = lake.capture_folder().unwrap();
    let segments = segments(&captures);
    assert_eq!(lake.upload_segment(&segments[0]).await.unwrap(), Uploaded::InPlace);
    let mut writer = CaptureWriter::new(&captures, session(2)).unwrap();
    fill(&mut writer, 0..10, 10);
    let day = segments[0].name.day;
    assert_eq!(
        lake.list_segments("binance-futures", day).await.unwrap().len(),
        2,
        "an open one is no object"
    );
    writer.close(START + 10 * STEP).unwrap();
    assert_eq!(lake.list_segments("binance-futures", day).await.unwrap().len(), 3);
    // A segment whose bytes were changed is refused, with the reason.
    let mut bytes = std::fs::read(&segments[1].path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&segments[1].path, bytes).unwrap();
    let refused = lake.read_segment(&segments[1].name).await.err().unwrap();
    assert!(matches!(refused, LakeError::Capture { .. }), "{refused}");
    assert!(mtdh_core::error::chain(&refused).contains("SHA-256"), "{}", mtdh_core::error::chain(&refused));
}

#[tokio::test]
async fn a_bucket_that_fails_takes_the_segment_later() {
    let kind = FaultKind::Status { status: 403, body: ErrorBody::Own };
    let fault = Fault {
        method: Some("PUT".to_owned()),
        attempts: Attempts::Only(vec![1]),
        ..Fault::always(Host::Gcs, BUCKET, kind)
    };
    let sim = bucket(vec![fault]).await;
    let lake = remote(&sim, "gs://lake/p");
    let spool = tempfile::tempdir().unwrap();
    let segments = segments(spool.path());
    lake.upload_segment(&segments[0]).await.unwrap_err();
    assert!(segments[0].path.is_file(), "it waits on the disk");
    assert_eq!(lake.upload_segment(&segments[0]).await.unwrap(), Uploaded::Made);
}
