//! A disk that refuses: nothing that was taken is lost, and the same writer goes on.

use std::os::unix::process::CommandExt;
use std::process::Command;

use mtdh_lake::live::{CaptureError, CaptureWriter, Piece};

use super::{START, STEP, files, fill, line, of_file, read, session};

/// Runs a test of this file in a process of its own, with a limit on the size of files.
fn alone(test: &str) {
    let mut shell = Command::new("sh");
    // Blocks of 512 or 1,024 bytes, as the shell likes. The signal at the limit is ignored, so that the write fails.
    shell.args(["-c", "trap '' XFSZ; ulimit -S -f 4; exec \"$@\"", "sh"]);
    shell.arg(std::env::current_exe().unwrap()).args(["--exact", test, "--ignored", "--nocapture"]);
    let run = shell.process_group(0).output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let told = String::from_utf8_lossy(&run.stdout).into_owned();
    assert!(told.contains("1 passed"), "{told}");
}

#[test]
fn a_file_that_may_not_grow_loses_nothing() {
    alone("captures::disk::in_a_process_whose_files_may_not_grow");
}

#[test]
#[ignore = "needs a limit on the size of files; the test above runs it"]
fn in_a_process_whose_files_may_not_grow() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = CaptureWriter::new(folder.path(), session(1)).unwrap();
    let (mut number, mut refused) = (0, 0);
    // Full: what was appended waits, and every further write is refused as well.
    while refused < 3 {
        writer.append(&line(number)).unwrap();
        number += 1;
        match writer.write() {
            Ok(()) => assert_eq!(refused, 0),
            Err(CaptureError::Disk { path, .. }) => {
                assert!(path.to_string_lossy().ends_with(".open"));
                refused += 1;
            }
            Err(other) => panic!("{other}"),
        }
        assert!(number < 10_000, "the limit does not hold");
    }
    let open = files(folder.path(), ".open");
    let bytes = std::fs::metadata(&open[0]).unwrap().len();
    let written = writer.written_line();
    assert_eq!(writer.next_line(), number);
    assert!(written < number && written > 0);
    // What is on the disk is whole.
    let mut reader =
        mtdh_lake::live::SegmentReader::unsealed(std::fs::read(&open[0]).unwrap().into()).unwrap();
    assert_eq!(read(&mut reader), ((0..written).collect(), vec![]));
    let limit = rustix::process::getrlimit(rustix::process::Resource::Fsize);
    assert!(limit.current.is_some_and(|limit| bytes <= limit));
    // It cannot be sealed either, and that loses nothing.
    let end = START + number as i64 * STEP;
    for attempt in 1..3 {
        assert!(matches!(writer.close(end), Err(CaptureError::Disk { .. })));
        assert_eq!((writer.written_line(), writer.next_line()), (written, number + 1), "attempt {attempt}");
    }
    // There is room again.
    let room = rustix::process::Rlimit { current: limit.maximum, maximum: limit.maximum };
    rustix::process::setrlimit(rustix::process::Resource::Fsize, room).unwrap();
    writer.close(end).unwrap();
    let sealed = writer.take_sealed();
    assert_eq!(sealed.iter().map(|one| one.lines).sum::<u64>(), number + 1);
    let mut segment = sealed[0].read().unwrap();
    for number in 0..number {
        assert_eq!(segment.next().unwrap(), Some(Piece::Line(number, line(number))));
    }
}

#[test]
fn a_folder_that_goes_away_and_comes_back_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let captures = folder.path().join("captures");
    let mut writer = CaptureWriter::new(&captures, session(1)).unwrap();
    fill(&mut writer, 0..10, 10);
    writer.seal().unwrap();
    // A file where the folder of the day would be: no new segment can be made.
    let moved = folder.path().join("moved");
    std::fs::rename(&captures, &moved).unwrap();
    std::fs::write(&captures, "a file").unwrap();
    for number in 10..15 {
        writer.append(&line(number)).unwrap();
        assert!(matches!(writer.write(), Err(CaptureError::Disk { .. })));
    }
    assert_eq!((writer.written_line(), writer.next_line()), (10, 15));
    std::fs::remove_file(&captures).unwrap();
    std::fs::rename(&moved, &captures).unwrap();
    fill(&mut writer, 15..20, 10);
    writer.seal().unwrap();
    let sealed = files(&captures, ".mtr");
    assert_eq!(sealed.len(), 2);
    assert_eq!(read(&mut of_file(&sealed[0])).0, (0..10).collect::<Vec<_>>());
    assert_eq!(read(&mut of_file(&sealed[1])).0, (10..20).collect::<Vec<_>>());
}

#[test]
fn a_name_that_cannot_be_given_is_given_later() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = CaptureWriter::new(folder.path(), session(1)).unwrap();
    fill(&mut writer, 0..10, 10);
    let open = files(folder.path(), ".open").remove(0);
    // A folder lies where the sealed segment is to lie.
    let target = open.with_extension("mtr");
    std::fs::create_dir_all(target.join("in the way")).unwrap();
    for _ in 0..2 {
        assert!(matches!(writer.seal(), Err(CaptureError::Disk { .. })));
        writer.append(&line(writer.next_line())).unwrap();
        assert!(writer.write().is_err(), "the next segment waits for this one");
    }
    std::fs::remove_dir_all(&target).unwrap();
    fill(&mut writer, 12..20, 10);
    writer.seal().unwrap();
    let sealed = writer.take_sealed();
    assert_eq!(sealed.iter().map(|one| (one.first_line, one.lines)).collect::<Vec<_>>(), [(0, 10), (10, 10)]);
    for segment in &sealed {
        read(&mut segment.read().unwrap());
    }
}
