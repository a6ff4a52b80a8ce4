//! What holds of a lake in a folder.

use std::fs;
use std::sync::Barrier;

use mtdh_lake::{Lake, LakeError, WriteMode};

use crate::stores::{content, local, path, publish, words};

#[tokio::test]
async fn a_folder_that_is_not_there_is_named_and_made_by_writing() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("lake");
    let lake = local(&folder);
    let error = lake.check_readable().await.unwrap_err();
    assert_eq!(words(&error), format!("there is no lake at {}", folder.display()));
    assert!(!folder.exists(), "reading makes nothing");
    lake.check_writable().await.unwrap();
    lake.check_readable().await.unwrap();
}

#[tokio::test]
async fn a_place_that_cannot_be_written_is_named() {
    let parent = tempfile::tempdir().unwrap();
    let file = parent.path().join("file");
    fs::write(&file, "x").unwrap();
    let error = local(file.join("lake")).check_writable().await.unwrap_err();
    assert!(matches!(error, LakeError::Disk { .. }), "{error:?}");
    assert!(words(&error).starts_with(&format!("cannot use {}", file.display())), "{}", words(&error));
}

#[tokio::test]
async fn objects_lie_under_their_names_and_nothing_else_stays() {
    let folder = tempfile::tempdir().unwrap();
    let lake = local(folder.path());
    publish(&lake, "raw/BINANCE:SPOT_PAIR:BTC-USDT~X.parquet", b"small", WriteMode::Create).await.unwrap();
    publish(&lake, "raw/large", &vec![7; 2 << 20], WriteMode::Create).await.unwrap();
    lake.update(&path("raw/report"), |_| Ok("report".into())).await.unwrap();
    drop(lake);
    let names = |folder: std::path::PathBuf| {
        let mut names: Vec<String> =
            fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    assert_eq!(names(folder.path().join("raw")), ["BINANCE:SPOT_PAIR:BTC-USDT~X.parquet", "large", "report"]);
    assert_eq!(names(folder.path().join("_tmp")), ["update.lock"]);
}

#[cfg(unix)]
#[tokio::test]
async fn objects_are_readable_by_others() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let lake = local(folder.path());
    for (name, bytes) in [("small", 10), ("large", 2 << 20)] {
        publish(&lake, name, &vec![7; bytes], WriteMode::Overwrite).await.unwrap();
        let mode = fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o644, "{name}");
    }
}

/// Processes that start at one moment on one lake, in which a killed one left its folder.
#[test]
fn starting_together_harms_nobody() {
    const PROCESSES: usize = 8;
    for _ in 0..20 {
        let folder = tempfile::tempdir().unwrap();
        let dead = folder.path().join("_tmp/mtdh-dead");
        fs::create_dir_all(&dead).unwrap();
        fs::write(dead.join("lock"), "").unwrap();
        let start = Barrier::new(PROCESSES);
        let lakes: Vec<Lake> = std::thread::scope(|scope| {
            let begin = || {
                let lake = local(folder.path());
                start.wait();
                lake.temporary().unwrap();
                lake
            };
            let processes: Vec<_> = (0..PROCESSES).map(|_| scope.spawn(begin)).collect();
            processes.into_iter().map(|process| process.join().unwrap()).collect()
        });
        assert!(lakes.iter().all(|lake| lake.temporary().unwrap().is_dir()));
        assert!(!dead.exists(), "what the dead one left is removed");
    }
}

#[tokio::test]
async fn a_lake_may_be_given_as_a_file_url() {
    let folder = tempfile::tempdir().unwrap();
    let lake = local(format!("file://{}", folder.path().display()));
    publish(&lake, "a", b"x", WriteMode::Create).await.unwrap();
    assert_eq!(content(&local(folder.path()), "a").await.unwrap(), b"x");
}
