//! What holds of every store.

use std::collections::BTreeSet;

use bytes::Bytes;
use futures::future::join_all;
use mtdh_lake::{Lake, LakeError, WriteMode};
use mtdh_sim::Sim;

use crate::stores::{bucket, content, local, on_each_store, opened_again, path, publish, remote, words};

#[tokio::test]
async fn an_object_is_kept_or_replaced_as_asked() {
    on_each_store(async |lake| {
        for (number, (first, second, existing, fails, stays)) in [
            ("one", "one", WriteMode::Create, false, "one"),
            ("one", "two", WriteMode::Create, true, "one"),
            ("one", "one and more", WriteMode::Create, true, "one"),
            ("one", "", WriteMode::Create, true, "one"),
            ("", "", WriteMode::Create, false, ""),
            ("one", "one", WriteMode::Overwrite, false, "one"),
            ("one", "two", WriteMode::Overwrite, false, "two"),
            ("one", "", WriteMode::Overwrite, false, ""),
        ]
        .into_iter()
        .enumerate()
        {
            let name = format!("raw/{number}");
            publish(lake, &name, first.as_bytes(), WriteMode::Create).await.unwrap();
            let outcome = publish(lake, &name, second.as_bytes(), existing).await;
            let case = format!("{}, {first} then {second}, {existing:?}: {outcome:?}", lake.url());
            assert_eq!(matches!(outcome, Err(LakeError::Exists { .. })), fails, "{case}");
            assert_eq!(outcome.is_err(), fails, "{case}");
            assert_eq!(content(lake, &name).await.unwrap(), stays.as_bytes(), "{case}");
        }
    })
    .await;
}

#[tokio::test]
async fn large_objects_are_kept_or_replaced_as_asked() {
    // More than one part of an upload.
    const BYTES: usize = (17 << 20) + 7;
    let large = b"0123456789abcdef!".repeat(BYTES / 17 + 1)[..BYTES].to_vec();
    let mut other = large.clone();
    other[BYTES - 1] ^= 1;
    on_each_store(async |lake| {
        let url = lake.url();
        publish(lake, "large", &large, WriteMode::Create).await.unwrap();
        assert!(content(lake, "large").await.unwrap() == large, "{url}");
        assert_eq!(lake.entry(&path("large")).await.unwrap().unwrap().bytes, BYTES as u64, "{url}");
        publish(lake, "large", &large, WriteMode::Create).await.unwrap();
        for (name, content) in [("other bytes", &other[..]), ("fewer bytes", &large[..BYTES - 1])] {
            let refused = publish(lake, "large", content, WriteMode::Create).await;
            assert!(matches!(refused, Err(LakeError::Exists { .. })), "{url}, {name}: {refused:?}");
        }
        assert!(content(lake, "large").await.unwrap() == large, "{url}");
        publish(lake, "large", &other, WriteMode::Overwrite).await.unwrap();
        assert!(content(lake, "large").await.unwrap() == other, "{url}");
    })
    .await;
}

#[tokio::test]
async fn writers_of_the_same_object_agree() {
    on_each_store(async |lake| {
        let writers = (0..8).map(|_| publish(lake, "raw/same", b"the same bytes", WriteMode::Create));
        for outcome in join_all(writers).await {
            outcome.unwrap();
        }
        let writers =
            ["a", "b", "c", "d"].map(|text| publish(lake, "raw/one", text.as_bytes(), WriteMode::Create));
        let outcomes = join_all(writers).await;
        let winners = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        assert_eq!(winners, 1, "{}: {outcomes:?}", lake.url());
    })
    .await;
}

/// Tasks of several processes add a line each to one object.
async fn check_writers(lake: &Lake, sim: Option<&Sim>) {
    let processes: Vec<Lake> = (0..3).map(|_| opened_again(lake, sim)).collect();
    let add = async |process: &Lake, line: String| {
        let change = |old: Option<&Bytes>| {
            let old = String::from_utf8(old.map(|bytes| bytes.to_vec()).unwrap_or_default()).unwrap();
            Ok(format!("{old}{line}\n").into())
        };
        process.update(&path("report"), change).await.unwrap();
    };
    let lines: BTreeSet<String> = (0..24).map(|number| format!("line {number}")).collect();
    join_all(lines.iter().zip(processes.iter().cycle()).map(|(line, process)| add(process, line.clone())))
        .await;
    let report = String::from_utf8(content(lake, "report").await.unwrap()).unwrap();
    let found: Vec<&str> = report.lines().collect();
    assert_eq!(found.len(), lines.len(), "{}: {report}", lake.url());
    assert_eq!(found.into_iter().map(str::to_owned).collect::<BTreeSet<_>>(), lines, "{}", lake.url());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_writer_of_a_shared_object_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    check_writers(&local(folder.path()), None).await;
    let sim = bucket(Vec::new()).await;
    check_writers(&remote(&sim, "gs://lake/prefix"), Some(&sim)).await;
}

#[tokio::test]
async fn a_change_that_fails_or_changes_nothing_writes_nothing() {
    on_each_store(async |lake| {
        let refuse = |_: Option<&Bytes>| Err(LakeError::Exists { path: "refused".to_owned() });
        assert!(lake.update(&path("report"), refuse).await.is_err());
        assert_eq!(content(lake, "report").await, None);
        lake.update(&path("report"), |old| {
            assert_eq!(old, None);
            Ok(Bytes::from_static(b"one"))
        })
        .await
        .unwrap();
        lake.update(&path("report"), |old| Ok(old.unwrap().clone())).await.unwrap();
        assert!(lake.update(&path("report"), refuse).await.is_err());
        assert_eq!(content(lake, "report").await.unwrap(), b"one");
    })
    .await;
}

const NAMES: [&str; 7] = [
    "raw/day-2024-03-01/data_type-trades/BINANCE:SPOT_PAIR:BTC-USDT.parquet",
    "raw/day-2024-03-01/data_type-trades/DERIBIT:OPTION:XRP-USDC-240329-0.55-PUT.parquet",
    "raw/day-2024-03-01/data_type-trades/HYPERLIQUID:SPOT_PAIR:@5E01-USDC.parquet",
    "raw/day-2024-03-01/data_type-trades/OKX-FUTURES:FUTURE:BTC-USD-260626~UM.parquet",
    "raw/day-2024-03-010/data_type-trades/BINANCE:SPOT_PAIR:BTC-USDT.parquet",
    "raw/day-2024-03-02/data_type-book_snapshot_5/BINANCE:SPOT_PAIR:BTC-USDT.parquet",
    "reports/a b+c&d=e(f)!g'h;i,j$k.txt",
];

#[tokio::test]
async fn listings_hold_every_name_as_it_is() {
    on_each_store(async |lake| {
        let url = lake.url();
        for (length, name) in NAMES.iter().enumerate().rev() {
            publish(lake, name, &vec![b'x'; length], WriteMode::Create).await.unwrap();
        }
        for (prefix, expected) in [
            ("", &NAMES[..]),
            ("raw", &NAMES[..6]),
            ("raw/day-2024-03-01", &NAMES[..4]),
            ("raw/day-2024-03-02/data_type-book_snapshot_5", &NAMES[5..6]),
            ("raw/day-2024-03-03", &[]),
            ("raw/day-2024", &[]),
            ("nothing", &[]),
        ] {
            let listed = lake.list(&path(prefix)).await.unwrap();
            let names: Vec<&str> = listed.iter().map(|entry| entry.path.as_ref()).collect();
            assert_eq!(names, expected, "{url}, below `{prefix}`");
        }
        for (length, entry) in lake.list(&path("")).await.unwrap().into_iter().enumerate() {
            assert_eq!(entry.bytes, length as u64, "{url}, {}", entry.path);
            assert_eq!(lake.entry(&entry.path).await.unwrap(), Some(entry.clone()), "{url}");
            assert_eq!(
                content(lake, entry.path.as_ref()).await.unwrap().len(),
                length,
                "{url}, {}",
                entry.path
            );
        }
    })
    .await;
}

#[tokio::test]
async fn objects_of_keys_are_listed_under_their_names() {
    on_each_store(async |lake| {
        for name in NAMES {
            publish(lake, name, b"x", WriteMode::Create).await.unwrap();
        }
        let folder = path("raw/day-2024-03-01/data_type-trades");
        let listed = lake.list_keys(&folder, |_| true).await.unwrap();
        let names: Vec<&str> = listed.iter().map(|(_, entry)| entry.path.as_ref()).collect();
        assert_eq!(names, &NAMES[..4], "{}", lake.url());
        for (key, entry) in listed {
            assert!(entry.path.as_ref().ends_with(&format!("/{key}.parquet")), "{}: {key}", lake.url());
            assert_eq!(lake.entry(&entry.path).await.unwrap(), Some(entry), "{}", lake.url());
        }
    })
    .await;
}

#[tokio::test]
async fn folders_are_those_directly_below() {
    on_each_store(async |lake| {
        for name in NAMES {
            publish(lake, name, b"x", WriteMode::Create).await.unwrap();
        }
        for (prefix, expected) in [
            ("raw", &["day-2024-03-01", "day-2024-03-010", "day-2024-03-02"][..]),
            ("raw/day-2024-03-01", &["data_type-trades"]),
            ("raw/day-2024-03-01/data_type-trades", &[]),
            ("nothing", &[]),
        ] {
            let folders = lake.folders(&path(prefix)).await.unwrap();
            let names: Vec<&str> = folders.iter().map(|folder| folder.filename().unwrap()).collect();
            assert_eq!(names, expected, "{}, below `{prefix}`", lake.url());
        }
    })
    .await;
}

#[tokio::test]
async fn folders_are_paths_of_the_lake() {
    on_each_store(async |lake| {
        publish(lake, NAMES[0], b"x", WriteMode::Create).await.unwrap();
        let folder = lake.folders(&path("raw")).await.unwrap().remove(0);
        assert_eq!(folder, path("raw/day-2024-03-01"), "{}", lake.url());
        assert_eq!(lake.list(&folder).await.unwrap().len(), 1, "{}", lake.url());
    })
    .await;
}

#[tokio::test]
async fn what_is_deleted_is_gone_and_deleting_nothing_is_fine() {
    on_each_store(async |lake| {
        lake.delete(&path(NAMES[0])).await.unwrap();
        for name in NAMES {
            publish(lake, name, b"x", WriteMode::Create).await.unwrap();
            lake.delete(&path(name)).await.unwrap();
            assert_eq!(content(lake, name).await, None, "{}, {name}", lake.url());
            lake.delete(&path(name)).await.unwrap();
        }
        assert_eq!(lake.list(&path("")).await.unwrap(), [], "{}", lake.url());
    })
    .await;
}

#[tokio::test]
async fn an_empty_lake_has_nothing_and_says_so_without_error() {
    on_each_store(async |lake| {
        assert_eq!(lake.list(&path("")).await.unwrap(), []);
        assert_eq!(lake.folders(&path("")).await.unwrap(), []);
        assert_eq!(lake.entry(&path("raw/none")).await.unwrap(), None);
        assert_eq!(content(lake, "raw/none").await, None);
    })
    .await;
}

#[tokio::test]
async fn what_is_staged_shows_only_when_it_is_published() {
    on_each_store(async |lake| {
        lake.check_writable().await.unwrap();
        let mut stage = lake.stage().unwrap();
        std::io::Write::write_all(&mut stage, &vec![1; 3 << 20]).unwrap();
        assert_eq!(stage.bytes(), 3 << 20);
        assert_eq!(lake.list(&path("")).await.unwrap(), [], "{}", lake.url());
        drop(stage);
        assert_eq!(lake.list(&path("")).await.unwrap(), [], "{}", lake.url());
        lake.check_readable().await.unwrap();
    })
    .await;
}

#[test]
fn urls_that_are_no_lake_are_named() {
    for (url, reason) in [
        ("", "it is empty"),
        ("gs://", "it names no bucket"),
        ("s3:///prefix", "it names no bucket"),
        ("http://host/lake", "its scheme is not known"),
    ] {
        let error = Lake::open(url, &mtdh_lake::LakeOptions::default()).err().unwrap();
        let expected = format!("`{url}` is not a lake: {reason}; give a folder, gs://BUCKET or s3://BUCKET");
        assert_eq!(words(&error), expected);
    }
}
