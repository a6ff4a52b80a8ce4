//! The format as it lies on disks: a segment of this version is read by every later one.

use std::path::{Path, PathBuf};

use mtdh_lake::live::{CaptureWriter, Piece};

use super::{START, STEP, files, fill, line, of_file, session};

/// Lines of the segment that is kept, without the one that ends the session.
const LINES: u64 = 60;

fn kept(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/checks/live").join(name)
}

#[test]
fn the_segment_that_is_kept_is_read() {
    let mut segment = of_file(&kept("segment.mtr"));
    assert!(segment.is_last() && segment.header().session == session(1));
    let mut texts = 0;
    let text = std::fs::read(kept("segment.txt")).unwrap();
    for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        assert!(line.starts_with(format!("{texts} 2024-03-01T").as_bytes()));
        texts += 1;
    }
    assert_eq!(texts, LINES + 1);
    let mut again = 0;
    while again < LINES {
        let Some(Piece::Line(number, found)) = segment.next().unwrap() else { panic!("{again}") };
        assert_eq!((number, found), (again, line(again)));
        again += 1;
    }
}

/// Writes the segment that is kept; for a new version of the format.
#[test]
#[ignore = "writes scripts/checks/live/segment.mtr and .txt"]
fn write_the_segment_that_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = CaptureWriter::new(folder.path(), session(1)).unwrap();
    fill(&mut writer, 0..LINES, 25);
    writer.close(START + LINES as i64 * STEP).unwrap();
    std::fs::copy(&files(folder.path(), ".mtr")[0], kept("segment.mtr")).unwrap();
}
