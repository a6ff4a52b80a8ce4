//! What a store must be able to do, tried before anything is spent.

use std::fs;

use mtdh_lake::{LakeError, WriteMode};
use mtdh_sim::{Attempts, ErrorBody, Fault, FaultKind, Host};

use crate::stores::{BUCKET, bucket, content, local, on_each_store, publish, remote, words};

const fn status(status: u16) -> FaultKind {
    FaultKind::Status { status, body: ErrorBody::Own }
}

fn fault(method: &str, attempts: Attempts, kind: FaultKind) -> Fault {
    Fault { method: Some(method.to_owned()), attempts, ..Fault::always(Host::Gcs, BUCKET, kind) }
}

fn only(attempts: impl IntoIterator<Item = u32>) -> Attempts {
    Attempts::Only(attempts.into_iter().collect())
}

#[tokio::test]
async fn a_store_that_lacks_something_is_refused_with_its_words_and_a_remedy() {
    const CREATE: &str = "cannot be created only where there is none (";
    const CHANGE: &str = "cannot be changed only where nobody else changed them (";
    for (name, faults, lack, said, remedy) in [
        (
            "no condition is looked at",
            vec![fault("PUT", Attempts::All, FaultKind::IgnoreConditions)],
            CREATE,
            "a second object took the place of the first",
            "If-None-Match",
        ),
        (
            "says that it cannot create",
            vec![fault("PUT", only(1..5), status(400))],
            CREATE,
            "400",
            "If-None-Match",
        ),
        (
            "says no to the second",
            vec![fault("PUT", only(2..6), status(400))],
            CREATE,
            "400",
            "If-None-Match",
        ),
        (
            "a wrong tag is good enough",
            vec![fault("PUT", only([3]), FaultKind::IgnoreConditions)],
            CHANGE,
            "another version",
            "If-Match",
        ),
        (
            "says that it cannot change",
            vec![fault("PUT", only(3..7), status(400))],
            CHANGE,
            "400",
            "If-Match",
        ),
        (
            "the right tag is not good enough",
            vec![fault("PUT", only(4..99), status(412))],
            CHANGE,
            "not made",
            "If-Match",
        ),
        (
            "listings are late",
            vec![fault("GET", Attempts::All, FaultKind::StaleListing)],
            "a new object is not listed (",
            "5 listings did not have",
            "up to date",
        ),
    ] {
        let sim = bucket(faults).await;
        let error = remote(&sim, "gs://lake/p").check_writable().await.expect_err(name);
        let text = words(&error);
        assert!(matches!(error, LakeError::Unfit { .. }) && error.is_fatal(), "{name}: {error:?}");
        assert!(!error.is_transient(), "{name}: another try finds the same");
        assert!(text.starts_with("gs://lake/p cannot hold a lake: "), "{name}: {text}");
        assert!([lack, said, remedy].iter().all(|part| text.contains(part)), "{name}: {text}");
        assert!(sim.bucket_objects(BUCKET).is_empty(), "{name}: what was tried is removed");
    }
}

#[tokio::test]
async fn passing_troubles_are_no_lack() {
    for (method, attempts, kind) in [
        ("PUT", only([1]), status(503)),
        ("PUT", only([3]), FaultKind::Reset),
        ("PUT", only([1]), FaultKind::LoseReply),
        ("PUT", only([2]), FaultKind::LoseReply),
        ("PUT", only([4]), FaultKind::LoseReply),
        ("PUT", only([1, 2, 3, 4]), FaultKind::CarryOutTwice),
        ("PUT", only([1, 2]), status(409)),
        ("PUT", only([1]), FaultKind::DamageUpload),
        ("GET", only([1, 2]), FaultKind::StaleListing),
        ("DELETE", only([1]), FaultKind::LoseReply),
    ] {
        let case = format!("{method} {attempts:?} {kind:?}");
        let sim = bucket(vec![fault(method, attempts, kind)]).await;
        let lake = remote(&sim, "gs://lake/p");
        lake.check_writable().await.unwrap_or_else(|error| panic!("{case}: {}", words(&error)));
        assert!(sim.bucket_objects(BUCKET).is_empty(), "{case}");
    }
}

#[tokio::test]
async fn a_store_is_tried_once_and_nothing_of_it_is_an_object_of_the_lake() {
    on_each_store(async |lake| {
        lake.check_writable().await.unwrap();
        assert_eq!(lake.list(&mtdh_lake::LakePath::default()).await.unwrap(), [], "{}", lake.url());
    })
    .await;
    let sim = bucket(Vec::new()).await;
    let lake = remote(&sim, "gs://lake/p");
    lake.check_writable().await.unwrap();
    let requests = sim.requests().len();
    lake.check_writable().await.unwrap();
    assert_eq!(sim.requests().len(), requests, "one probe for each lake and process");
}

#[tokio::test]
async fn where_nothing_can_be_removed_leftovers_do_not_become_more() {
    for kind in [status(403), status(405), FaultKind::OnlySay] {
        let sim = bucket(vec![fault("DELETE", Attempts::All, kind.clone())]).await;
        for process in 0..3 {
            let lake = remote(&sim, "gs://lake/p");
            lake.check_writable().await.unwrap_or_else(|error| panic!("{kind:?}: {}", words(&error)));
            assert_eq!(sim.bucket_objects(BUCKET).len(), 1, "{kind:?}, process {process}");
            assert_eq!(
                lake.list(&mtdh_lake::LakePath::default()).await.unwrap(),
                [],
                "it is none of the lake's"
            );
        }
        // A store that has lost its conditions meanwhile is found out by a leftover too.
        let conditions = fault("PUT", Attempts::All, FaultKind::IgnoreConditions);
        sim.set_faults(vec![fault("DELETE", Attempts::All, kind), conditions]);
        let error = remote(&sim, "gs://lake/p").check_writable().await.unwrap_err();
        assert!(matches!(error, LakeError::Unfit { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn what_a_killed_process_left_is_removed_when_it_is_old() {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    for (made_at, stays) in [(now - 7200, false), (now - 60, true)] {
        let sim = bucket(Vec::new()).await;
        let lake = remote(&sim, "gs://lake");
        publish(&lake, &format!("_tmp/probe/{made_at}-0123456789abcdef"), b"first", WriteMode::Create)
            .await
            .unwrap();
        lake.check_writable().await.unwrap();
        assert_eq!(sim.bucket_objects(BUCKET).len(), usize::from(stays), "another may be at a young one");
    }
}

#[tokio::test]
async fn processes_that_start_together_find_nothing_lacking() {
    let sim = bucket(Vec::new()).await;
    for _ in 0..5 {
        let lakes: Vec<_> = (0..8).map(|_| remote(&sim, "gs://lake/p")).collect();
        for outcome in futures::future::join_all(lakes.iter().map(|lake| lake.check_writable())).await {
            outcome.unwrap_or_else(|error| panic!("{}", words(&error)));
        }
    }
}

#[tokio::test]
async fn a_conflict_of_two_requests_is_not_an_object_that_is_there() {
    let attempts = [(only([1]), true), (only([1, 2, 3]), true), (Attempts::All, false)];
    let cases =
        attempts.iter().flat_map(|case| [WriteMode::Create, WriteMode::Overwrite].map(|e| (case.clone(), e)));
    for ((attempts, is_published), existing) in cases {
        let case = format!("{attempts:?}, {existing:?}");
        let sim = bucket(vec![fault("PUT", attempts, status(409))]).await;
        let lake = remote(&sim, "gs://lake/p");
        let outcome = publish(&lake, "a", b"content", existing).await;
        match outcome {
            Ok(()) => assert!(is_published && content(&lake, "a").await.unwrap() == b"content", "{case}"),
            Err(error) => {
                assert!(
                    !is_published && words(&error).contains("ConditionalRequestConflict"),
                    "{}",
                    words(&error)
                );
                assert!(!matches!(error, LakeError::Exists { .. }), "nothing was seen there: {error:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_left_as_it_was() {
    let parent = tempfile::tempdir().unwrap();
    fs::write(parent.path().join("file"), "x").unwrap();
    local(parent.path().join("file/a/b")).check_writable().await.unwrap_err();
    fs::create_dir(parent.path().join("lake")).unwrap();
    fs::write(parent.path().join("lake/_tmp"), "x").unwrap();
    local(parent.path().join("lake")).check_writable().await.unwrap_err();
    let names: Vec<_> = fs::read_dir(parent.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
}
