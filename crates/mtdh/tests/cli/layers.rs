//! The crates' arrows point down only, and each crate leaves alone what is not its business.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What each crate may use of ours, and what it must not use of others. Tests may use more.
const LAYERS: [(&str, &[&str], &[&str]); 10] = [
    ("mtdh-core", &[], &["tokio", "reqwest", "object_store", "parquet"]),
    ("mtdh-inflate", &[], &["tokio", "reqwest", "object_store", "parquet"]),
    ("mtdh-source", &["mtdh-core", "mtdh-inflate"], &["object_store", "parquet"]),
    ("mtdh-lake", &["mtdh-core"], &["reqwest"]),
    ("mtdh-engine", &["mtdh-core", "mtdh-source", "mtdh-lake"], &["clap", "axum", "pyo3"]),
    ("mtdh-sim", &["mtdh-core"], &["parquet", "object_store"]),
    ("mtdh-serve", &["mtdh-core", "mtdh-engine"], &["parquet", "object_store", "reqwest", "clap"]),
    ("mtdh", &["mtdh-core", "mtdh-engine", "mtdh-serve", "mtdh-sim"], &["parquet", "object_store"]),
    ("mtdh-python", &["mtdh", "mtdh-core", "mtdh-engine", "mtdh-sim"], &["parquet", "object_store", "clap"]),
    // The example: a program of its own names the engine alone.
    ("mtdh-embed", &["mtdh-engine"], &["parquet", "object_store", "reqwest"]),
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

/// The Rust files of a crate, with their text.
fn sources(name: &str) -> Vec<(PathBuf, String)> {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name).join("src")];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                files.push((path, text));
            }
        }
    }
    files
}

/// A line of code without its comment.
fn code(line: &str) -> &str {
    let line = line.trim_start();
    if line.starts_with("//") { "" } else { line.split(" // ").next().unwrap_or_default() }
}

/// The workspace forbids `unsafe`, but for a crate whose manifest says otherwise.
#[test]
fn one_file_has_unsafe_code() {
    for name in ["core", "engine", "inflate", "lake", "mtdh", "python", "serve", "sim", "source"] {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name).join("Cargo.toml");
        let is_forbidden = std::fs::read_to_string(manifest).unwrap().contains("[lints]\nworkspace = true");
        assert_eq!(is_forbidden, name != "inflate", "{name}");
    }
    let files = sources("inflate").into_iter();
    let with_unsafe = files.filter(|(_, text)| text.lines().map(code).any(|line| line.contains("unsafe")));
    let names: Vec<_> = with_unsafe.map(|(path, _)| path.file_name().unwrap().to_owned()).collect();
    assert_eq!(names, ["isal.rs"]);
}

#[test]
fn the_core_reads_no_file_no_clock_and_no_environment() {
    let files = sources("core");
    assert!(files.len() > 10);
    for (path, text) in files {
        for word in ["std::fs", "std::env", "Utc::now", "SystemTime", "Instant::now", "async fn"] {
            assert!(!text.contains(word), "{} uses {word}", path.display());
        }
    }
}

#[test]
fn no_library_names_a_flag_or_a_verb() {
    let verbs =
        ["instruments", "plan", "download", "full-pipeline", "candles", "validate", "check", "get", "ls"];
    for name in ["core", "source", "lake", "engine"] {
        let files = sources(name);
        assert!(files.len() > 10);
        for (path, text) in files {
            for (line, text) in text.lines().map(code).enumerate() {
                let is_flag = |at: usize| {
                    text[at + 3..].starts_with(|next: char| next.is_ascii_lowercase())
                        && [' ', '`', '"', '(', '['].contains(&char::from(text.as_bytes()[at]))
                };
                let flag =
                    text.match_indices(" --").chain(text.match_indices("`--")).find(|(at, _)| is_flag(*at));
                let verb = verbs.iter().find(|verb| text.contains(&format!("mtdh {verb}")));
                assert!(
                    flag.is_none() && verb.is_none(),
                    "{}:{} names what only the command line has; say it in mtdh::hints: {text}",
                    path.display(),
                    line + 1
                );
            }
        }
    }
}

/// Functions of the engine that a front end may call by themselves: they need neither a lake nor the vendor. Whatever needs one goes
/// through `Context`.
const FREE_FUNCTIONS: [&str; 13] = [
    "all", // of `schema`
    "candle_files",
    "cells", // of `report::formats`
    "chain",
    "check_user_candles",
    "check_user_files",
    "compare_user_files",
    "convert_file",
    "document", // of `want`
    "key_of_symbol",
    "new_run_id",
    "remove_staging_dirs",
    "write_whole",
];

#[test]
fn front_ends_use_the_engine_through_its_context() {
    let files = sources("mtdh");
    assert!(files.len() > 30);
    for (path, text) in files {
        let text: String = text.lines().map(code).collect::<Vec<_>>().join(" ");
        for (start, _) in text.match_indices("mtdh_engine::") {
            let rest = &text[start..];
            let path_of = &rest[..rest.find(';').unwrap_or(rest.len()).min(400)];
            let names = path_of.split(|c: char| !c.is_alphanumeric() && c != '_' && c != ':');
            for name in names.filter_map(|path| path.rsplit("::").next()).filter(|name| !name.is_empty()) {
                let is_function =
                    name.starts_with(|c: char| c.is_ascii_lowercase()) && is_function_of_engine(name);
                assert!(
                    !is_function || FREE_FUNCTIONS.contains(&name),
                    "{} calls {name}: let it go through Context",
                    path.display()
                );
            }
        }
        let parts = ["InstrumentSource", "Lake::open(", "&Lake,"];
        let used = parts.iter().find(|part| text.contains(**part));
        assert!(used.is_none(), "{} works on a lake: {used:?}", path.display());
    }
}

/// Whether the engine has a public function of this name outside of an `impl`.
fn is_function_of_engine(name: &str) -> bool {
    let declared = [format!("pub fn {name}("), format!("pub async fn {name}("), format!("pub fn {name}<")];
    sources("engine").iter().any(|(_, text)| {
        text.lines().any(|line| declared.iter().any(|start| line.starts_with(start.as_str())))
    })
}

#[test]
fn the_engine_spells_no_path_of_a_lake() {
    let files = sources("engine");
    assert!(files.len() > 50);
    for (path, text) in files {
        let product = text.split("#[cfg(test)]").next().unwrap_or_default();
        for (line, text) in product.lines().map(code).enumerate() {
            let spelt =
                ["day-{", "/day-", "by_date", "data_type-{", "timeframe-{", "shard-{", "runs/{", "Layout"];
            let found = spelt.iter().find(|part| text.contains(**part));
            assert!(found.is_none(), "{}:{} spells a path of the lake: {text}", path.display(), line + 1);
        }
    }
}
