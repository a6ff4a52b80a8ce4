//! Recorded data, which is no part of the project, and what a test says where it is not there. The tests of several crates
//! share this file.

#![allow(clippy::print_stderr, reason = "a test that does not run says so")]

use std::io::Write;
use std::path::PathBuf;

/// A file or folder of the recorded data: below `MTDH_RECORDED`, else in `shared/data` beside the project. Nothing where it
/// is not there; then a line says so.
pub fn recorded(name: &str) -> Option<PathBuf> {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let path = std::env::var_os("MTDH_RECORDED").map_or_else(beside, PathBuf::from).join(name);
    if path.exists() {
        return Some(path);
    }
    let thread = std::thread::current();
    let what = format!("recorded data {name}");
    skipped(thread.name().unwrap_or("a test"), &format!("{} is not there", what.trim_end()));
    None
}

/// Says that a test did not run. The output of a test that passes is shown by nobody, so that the line is also added to the
/// file that `MTDH_SKIPPED` names.
pub fn skipped(test: &str, reason: &str) {
    let line = format!("skipped: {test}: {reason}");
    eprintln!("{line}");
    let Some(list) = std::env::var_os("MTDH_SKIPPED") else { return };
    let mut list = std::fs::OpenOptions::new().create(true).append(true).open(list).unwrap();
    list.write_all(format!("{line}\n").as_bytes()).unwrap();
}
