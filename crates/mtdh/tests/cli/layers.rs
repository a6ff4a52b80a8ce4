//! The crates' arrows point down only, and each crate leaves alone what is not its business.

use std::collections::BTreeMap;
use std::process::Command;

/// What each crate may use of ours, and what it must not use of others. Tests may use more.
const LAYERS: [(&str, &[&str], &[&str]); 6] = [
    ("mtdh-core", &[], &["tokio", "reqwest", "object_store", "parquet"]),
    ("mtdh-source", &["mtdh-core"], &["object_store", "parquet"]),
    ("mtdh-lake", &["mtdh-core"], &["reqwest"]),
    ("mtdh-engine", &["mtdh-core", "mtdh-source", "mtdh-lake"], &["clap", "axum", "pyo3"]),
    ("mtdh-sim", &["mtdh-core"], &["parquet", "object_store"]),
    ("mtdh", &["mtdh-core", "mtdh-engine", "mtdh-sim"], &["parquet", "object_store"]),
];

#[test]
fn arrows_point_down_only() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut used: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for package in metadata["packages"].as_array().unwrap() {
        let normal = package["dependencies"].as_array().unwrap().iter().filter(|d| d["kind"].is_null());
        used.insert(package["name"].as_str().unwrap(), normal.map(|d| d["name"].as_str().unwrap()).collect());
    }
    assert_eq!(used.len(), LAYERS.len(), "a crate came or went: say here what it may use");
    for (name, ours, not_theirs) in LAYERS {
        for dependency in &used[name] {
            let is_ours = dependency.starts_with("mtdh");
            assert!(!is_ours || ours.contains(dependency), "{name} must not use {dependency}");
            assert!(!not_theirs.contains(dependency), "{name} must not use {dependency}");
        }
    }
}

#[test]
fn the_core_reads_no_file_no_clock_and_no_environment() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../core/src");
    let mut folders = vec![folder];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            files += 1;
            let text = std::fs::read_to_string(&path).unwrap();
            for word in ["std::fs", "std::env", "Utc::now", "SystemTime", "Instant::now", "async fn"] {
                assert!(!text.contains(word), "{} uses {word}", path.display());
            }
        }
    }
    assert!(files > 10);
}
