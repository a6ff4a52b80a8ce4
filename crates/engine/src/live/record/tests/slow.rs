//! A lake whose store stands still, and goes on.

use mtdh_sim::{Config, ErrorBody, Fault, FaultKind, Host, Sim, Size};

use super::*;
use crate::live::session::Work;

const BUCKET: &str = "lake";

async fn bucket() -> (Sim, Lake) {
    let sim = Sim::start(Config { size: Size::Small, ..Config::default() }).await.unwrap();
    sim.create_bucket(BUCKET);
    let options = LakeOptions { gcs_emulator: Some(sim.gcs_url()), ..LakeOptions::default() };
    let lake = Lake::open("gs://lake/live", &options).unwrap();
    (sim, lake)
}

/// The store refuses while rows and captures come, then takes them: all that came is in captures and parts, nothing twice, no reading
/// stopped, and what waited was on the disk.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_that_stands_still_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (playing, (sim, lake)) = (exchange(2_000).await, bucket().await);
    let options = RecordOptions {
        folder: Some(folder.path().to_owned()),
        ..options(&playing.ws_url(EXCHANGE), &playing.rest_url(EXCHANGE), Duration::from_millis(100))
    };
    let wanted = wanted_of(&["BTCUSDT", "ETHUSDT"], &[DataType::Trades, DataType::IncrementalBookL2]);
    let mut prepared = prepare(&lake, &wanted, &options).await.unwrap();
    let bounds = Bounds { rows: 64 << 10, gaps: 1 << 20, works: 1024 };
    prepared[0].settings.bounds = bounds;
    let stop = CancellationToken::new();
    let recording = tokio::spawn({
        let (lake, stop) = (lake.clone(), stop.clone());
        async move { record(&lake, prepared, &stop, |_| {}).await }
    });
    tokio::time::sleep(Duration::from_millis(700)).await;
    let refuses = FaultKind::Status { status: 503, body: ErrorBody::Own };
    sim.set_faults(vec![Fault::always(Host::Gcs, "", refuses)]);
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    let before = sim.bucket_objects(BUCKET).len();
    sim.set_faults(Vec::new());
    // Until the backlog is there, with the client's own pauses.
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        if sim.bucket_objects(BUCKET).len() > before + 40 {
            break;
        }
    }
    stop.cancel();
    let summary = recording.await.unwrap().unwrap().venues.remove(0);
    assert_eq!(summary.failures, Vec::<String>::new(), "{summary:?}");
    let again = rebuilt(&lake).await;
    assert_eq!((again.differ.len(), again.made, again.equal), (0, 0, summary.parts), "{again:?} {summary:?}");
    assert_eq!(again.rows, summary.rows);
    let ids = ids(&lake).await;
    assert_eq!(ids.len(), 1);
    assert!(ids.values().all(|ids| are_whole(ids)), "a trade is missing or there twice");
    assert!(!std::fs::read_dir(folder.path().join(EXCHANGE)).unwrap().any(|file| {
        file.unwrap().path().extension().is_some_and(|ending| ending == "claim" || ending == "open")
    }));
}

/// The store refuses to the end. The next recording in the same folder brings what it lacks, though the session ended in good order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_lake_did_not_take_is_there_after_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let (playing, (sim, lake)) = (exchange(1_000).await, bucket().await);
    let options = RecordOptions {
        folder: Some(folder.path().to_owned()),
        ..options(&playing.ws_url(EXCHANGE), &playing.rest_url(EXCHANGE), Duration::from_millis(100))
    };
    let wanted = wanted_of(&["BTCUSDT"], &[DataType::Trades]);
    let mut sessions = Vec::new();
    for is_refused in [true, false] {
        let prepared = prepare(&lake, &wanted, &options).await.unwrap();
        let stop = CancellationToken::new();
        let recording = tokio::spawn({
            let (lake, stop) = (lake.clone(), stop.clone());
            async move { record(&lake, prepared, &stop, |_| {}).await }
        });
        tokio::time::sleep(Duration::from_millis(500)).await;
        if is_refused {
            // A refusal for good, which the client does not try again by itself.
            let refuses = FaultKind::Status { status: 403, body: ErrorBody::Own };
            sim.set_faults(vec![Fault::always(Host::Gcs, "", refuses)]);
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        stop.cancel();
        let summary = recording.await.unwrap().unwrap().venues.remove(0);
        assert_eq!(summary.failures.is_empty(), !is_refused, "{summary:?}");
        sessions.push(summary);
        sim.set_faults(Vec::new());
    }
    let (ids, again) = (ids(&lake).await, rebuilt(&lake).await);
    assert_eq!(ids.keys().collect::<Vec<_>>(), sessions.iter().map(|of| &of.session).collect::<Vec<_>>());
    assert!(ids.values().all(|ids| are_whole(ids)), "a trade is missing or there twice");
    assert_eq!((again.differ.len(), again.made), (0, 0), "{again:?}");
    assert_eq!(again.rows, sessions.iter().map(|of| of.rows).sum::<u64>());
}

/// Nobody takes what a session hands on, so that reading stops in the end; then somebody does. All that came is there, once, and the table
/// says for how long nothing was read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_takes_nothing_stops_reading_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (playing, lake) = (exchange(2_000).await, local(folder.path()));
    let options = options(&playing.ws_url(EXCHANGE), &playing.rest_url(EXCHANGE), Duration::from_millis(50));
    let wanted = wanted_of(&["BTCUSDT", "ETHUSDT"], &[DataType::Trades, DataType::IncrementalBookL2]);
    let mut settings = prepare(&lake, &wanted, &options).await.unwrap().remove(0).settings;
    settings.bounds = Bounds { rows: 4 << 10, gaps: 1 << 20, works: 6 };
    let stop = CancellationToken::new();
    let running = session::start(settings, stop.clone()).unwrap();
    let session::Running { thread, mut work, mut told, .. } = running;
    tokio::time::sleep(Duration::from_millis(2_000)).await;
    let ending = tokio::spawn({
        let stop = stop.clone();
        async move {
            tokio::time::sleep(Duration::from_millis(700)).await;
            stop.cancel();
        }
    });
    let (mut rows, mut on_disk, mut overloads, mut last) = (0, 0, Vec::new(), None);
    while let Some(work) = work.recv().await {
        match work {
            Work::Stretch(waits) => {
                on_disk += usize::from(waits.is_on_disk());
                let (stretch, _share) = waits.taken().unwrap();
                assert!(last.is_none_or(|last| stretch.lines.0 == last + 1), "stretches follow each other");
                last = Some(stretch.lines.1);
                let batches = stretch.rows.values().flat_map(|of| &of.batches);
                rows += batches.map(|batch| batch.num_rows() as u64).sum::<u64>();
            }
            Work::Gaps(gaps, _share) => {
                overloads.extend(gaps.into_iter().filter(|gap| gap.kind == "overload"))
            }
            Work::Sealed(_) => {}
            Work::Left => panic!("all can wait"),
        }
    }
    ending.await.unwrap();
    while told.recv().await.is_some() {}
    let ended = tokio::task::spawn_blocking(|| thread.join()).await.unwrap().unwrap().unwrap();
    assert!(on_disk > 0 && !overloads.is_empty());
    assert!(overloads.iter().all(|gap| gap.to - gap.from > 250_000), "{overloads:?}");
    let again = rebuilt(&lake).await;
    assert_eq!((again.rows, again.rows), (rows, ended.state.counts.rows), "{again:?}");
    assert!(ids(&lake).await.values().all(|ids| are_whole(ids)), "a trade is missing or there twice");
}
