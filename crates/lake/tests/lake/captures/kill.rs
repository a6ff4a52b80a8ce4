//! A writer that is killed at any moment, and a machine that loses its power.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use mtdh_lake::live::{CaptureWriter, SegmentReader, recover};

use super::{START, STEP, files, fill, line, of_file, read, recovered, session};

/// The variable that names the child's folder.
const FOLDER: &str = "MTDH_TEST_CAPTURE_FOLDER";

/// How often the child is killed: 15 times, or as often as this variable says.
const KILLS: &str = "MTDH_TEST_KILLS";

#[test]
fn a_killed_writer_leaves_all_that_it_handed_on_and_nothing_twice() {
    let kills = std::env::var(KILLS).ok().map_or(15, |text| text.parse().unwrap());
    let mut random = fastrand::Rng::new();
    let seed = random.get_seed();
    for round in 0..kills {
        let folder = tempfile::tempdir().unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "captures::kill::write_until_killed", "--ignored", "--nocapture"])
            .env(FOLDER, folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut told = BufReader::new(child.stdout.take().unwrap());
        // Killed after a random line of its report, and then at a random moment.
        let after = random.u64(0..400);
        let (mut written, mut appended) = (0, 0);
        let mut text = String::new();
        let mut take = |text: &str| match text.trim().split_once(' ') {
            Some(("written", number)) => written = number.parse().unwrap(),
            Some(("appended", number)) => appended = number.parse().unwrap(),
            _ => {}
        };
        for _ in 0..after {
            text.clear();
            if told.read_line(&mut text).unwrap() == 0 {
                break;
            }
            take(&text);
        }
        std::thread::sleep(std::time::Duration::from_micros(random.u64(0..3_000)));
        child.kill().unwrap();
        child.wait().unwrap();
        // What it said before it died.
        for line in told.lines().map_while(Result::ok) {
            take(&line);
        }
        let name = format!("round {round} of seed {seed}: {written} of {appended}");
        recover(folder.path()).unwrap();
        assert!(files(folder.path(), ".open").is_empty(), "{name}");
        let mut next = 0;
        let mut before = None;
        for path in files(folder.path(), ".mtr") {
            let mut segment = of_file(&path);
            assert_eq!((segment.header().first_line, &segment.header().before), (next, &before), "{name}");
            let (numbers, lost) = read(&mut segment);
            assert_eq!(lost, [], "{name}");
            assert!(numbers.iter().copied().eq(next..next + numbers.len() as u64), "{name}");
            next += numbers.len() as u64;
            before = segment.ended();
        }
        assert!(next >= written, "{name}: {next} are there");
        assert!(next <= appended.max(written) + 1_000, "{name}: {next} are there");
    }
}

#[test]
#[ignore = "the child of the test above"]
fn write_until_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let mut writer = CaptureWriter::new(folder.as_ref(), session(1)).unwrap();
    let mut out = std::io::stdout().lock();
    let mut say = |text: String| out.write_all(text.as_bytes()).and_then(|()| out.flush()).unwrap();
    // Ends by itself.
    for round in 0_u64..100_000 {
        for _ in 0..1 + round % 200 {
            writer.append(&line(writer.next_line())).unwrap();
        }
        say(format!("appended {}\n", writer.next_line()));
        writer.write().unwrap();
        say(format!("written {}\n", writer.written_line()));
        match round % 10 {
            3 => writer.sync().unwrap(),
            7 => writer.seal().unwrap(),
            _ => {}
        }
    }
}

#[test]
fn a_machine_that_loses_its_power_keeps_what_was_synced() {
    let mut random = fastrand::Rng::with_seed(11);
    for round in 0..100 {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = CaptureWriter::new(folder.path(), session(1)).unwrap();
        let frames = random.u64(1..30);
        let synced_at = random.u64(0..frames);
        let mut synced = (0, 0);
        for frame in 0..frames {
            fill(&mut writer, frame * 10..frame * 10 + 10, 10);
            if frame == synced_at {
                writer.sync().unwrap();
                synced =
                    (std::fs::metadata(&files(folder.path(), ".open")[0]).unwrap().len(), frame * 10 + 10);
            }
        }
        drop(writer);
        // Of what was not synced, any bytes may be there, or zeros in their place.
        let path = files(folder.path(), ".open").remove(0);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes.truncate(random.usize(synced.0 as usize..=bytes.len()));
        if round % 2 == 1 && bytes.len() > synced.0 as usize {
            let hole = random.usize(synced.0 as usize..bytes.len());
            let end = random.usize(hole..bytes.len());
            bytes[hole..end].fill(0);
        }
        std::fs::write(&path, &bytes).unwrap();
        let before = SegmentReader::unsealed(bytes.into());
        let (mut kept, lost) = (before.unwrap(), recovered(folder.path()));
        let (numbers, _) = read(&mut kept);
        assert!(numbers.len() as u64 >= synced.1, "round {round}");
        assert!(numbers[..synced.1 as usize].iter().copied().eq(0..synced.1), "round {round}");
        let (sealed, told) = read(&mut of_file(&lost.segment.path));
        assert_eq!((sealed, told), (numbers, lost.lost), "round {round}");
        assert!(lost.last.is_some_and(|last| last >= START + (synced.1 as i64 - 1) * STEP));
    }
}
