//! Versions of Iceberg tables: of those who make the same one, one wins; what nobody needs goes. Readers: `scripts/checks/readers`.

use mtdh_lake::iceberg::{Committed, Covers, IcebergTable};
use mtdh_lake::{Lake, WriteMode};

use crate::stores::{content, on_each_store, publish, words};

const FOLDER: &str = "iceberg/trades/metadata";

fn table() -> IcebergTable {
    "trades".parse().unwrap()
}

async fn next(lake: &Lake) -> Committed {
    let base = lake.iceberg_version(table()).await.unwrap();
    let draft = lake.iceberg_draft(table(), base).unwrap();
    lake.iceberg_commit(&draft, &[], Covers::Lake, false, 1).await.unwrap()
}

async fn newest(lake: &Lake) -> Option<u64> {
    lake.iceberg_version(table()).await.unwrap().map(|version| version.version)
}

#[tokio::test]
async fn of_two_who_make_a_version_one_wins() {
    on_each_store(async |lake| {
        lake.make_folder().unwrap();
        assert_eq!(newest(lake).await, None);
        let sleeper = lake.iceberg_draft(table(), None).unwrap();
        let slower = lake.iceberg_draft(table(), None).unwrap();
        assert_eq!(next(lake).await, Committed::Done);
        let lost = lake.iceberg_commit(&slower, &[], Covers::Selection, false, 1).await.unwrap();
        assert_eq!(lost, Committed::Lost);
        let version = lake.iceberg_version(table()).await.unwrap().unwrap();
        assert_eq!((version.version, version.covers, version.is_current), (1, Covers::Lake, true));

        for _ in 0..8 {
            assert_eq!(next(lake).await, Committed::Done);
        }
        let left = format!("{FOLDER}/v9-dead-list.avro");
        let of_others = format!("{FOLDER}/v10-alive-list.avro");
        for name in [&left, &of_others] {
            publish(lake, name, b"x", WriteMode::Create).await.unwrap();
        }
        // The list of the slower one, three old versions, and what a killed process left. Lists of older snapshots are needed still.
        assert_eq!(lake.iceberg_tidy(table()).await.unwrap(), 5);
        assert_eq!(content(lake, &left).await, None);
        assert!(content(lake, &of_others).await.is_some(), "somebody may be making version 10");
        assert_eq!(content(lake, &format!("{FOLDER}/version-hint.text")).await.unwrap(), b"9");
        assert_eq!(lake.iceberg_tidy(table()).await.unwrap(), 0);

        // Number 1 is free again. Whoever slept since then does not take it for the newest.
        let late = lake.iceberg_commit(&sleeper, &[], Covers::Lake, false, 1).await.unwrap();
        assert_eq!(late, Committed::Lost);
        assert_eq!(newest(lake).await, Some(9));
        assert_eq!(content(lake, &format!("{FOLDER}/v1.metadata.json")).await, None);
    })
    .await;
}

#[tokio::test]
async fn metadata_of_others_is_refused() {
    on_each_store(async |lake| {
        lake.make_folder().unwrap();
        for (document, reason) in [
            ("{", "EOF"),
            ("{}", "names no list of manifests"),
            (
                r#"{"current-snapshot-id": 1, "snapshots": [{"snapshot-id": 1, "manifest-list": "/etc/../etc/passwd"}]}"#,
                "iceberg/trades/metadata/passwd is not what mtdh publishes: it is gone",
            ),
        ] {
            publish(lake, &format!("{FOLDER}/v1.metadata.json"), document.as_bytes(), WriteMode::Overwrite)
                .await
                .unwrap();
            let error = words(&lake.iceberg_version(table()).await.unwrap_err());
            assert!(error.contains(reason) && error.contains("move the table's folder away"), "{error}");
        }
    })
    .await;
}
