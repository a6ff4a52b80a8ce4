//! Captures: written, read back whole or in part, sealed by their writer or by whoever comes after its death, put into a store.

mod damage;
mod disk;
mod format;
mod kill;
mod stores;

use std::path::Path;
use std::time::{Duration, Instant};

use mtdh_core::day::DAY_US;
use mtdh_lake::live::{
    CaptureWriter, Kind, Line, Lost, Piece, Recovered, SegmentReader, Session, SessionId, recover,
};

/// 2024-03-01T00:00:00Z.
pub const START: i64 = 1_709_251_200_000_000;

/// Lines arrive this long after one another, microseconds.
pub const STEP: i64 = 1_500;

pub fn session(random: u32) -> Session {
    Session {
        id: SessionId::new(START, random).unwrap(),
        venue: "binance-futures".to_owned(),
        addresses: vec!["wss://fstream.binance.com".to_owned()],
        plan: "trades BTCUSDT\nbook_change ETHUSDT\n".to_owned(),
    }
}

/// The line of a number: each differs from each other, some are escaped, some are empty.
pub fn line(number: u64) -> Line<'static> {
    let text = match number % 7 {
        0 => format!("{{\"u\":{number},\n\"pu\":\"\\n\"}}"),
        1 => String::new(),
        _ => format!("{{\"e\":\"trade\",\"t\":{number},\"p\":\"{}.5\"}}", number.wrapping_mul(7919) % 60_000),
    };
    Line {
        arrived: START + number as i64 * STEP,
        connection: (!number.is_multiple_of(5)).then_some(number as u32 % 5),
        kind: Kind::ALL[number as usize % 4],
        raw: text.into_bytes().into(),
    }
}

/// Writes lines of these numbers, in frames of `frame` lines.
pub fn fill(writer: &mut CaptureWriter, numbers: std::ops::Range<u64>, frame: u64) {
    for number in numbers.clone() {
        assert_eq!(writer.append(&line(number)).unwrap(), number);
        if (number + 1 - numbers.start).is_multiple_of(frame) {
            writer.write().unwrap();
        }
    }
    writer.write().unwrap();
}

/// What is recovered of one dead session below a folder. A child that another test starts has this process's files, and with them their
/// locks, until it runs its program: the session then seems to live for a moment.
pub fn recovered(folder: &Path) -> Recovered {
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        let mut all = recover(folder).unwrap();
        if !all.is_empty() || Instant::now() > end {
            assert_eq!(all.len(), 1, "{all:?}");
            return all.remove(0);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// All that a segment gives. Each line is the one of its number, in order.
pub fn read(reader: &mut SegmentReader) -> (Vec<u64>, Vec<Lost>) {
    let (mut numbers, mut lost) = (Vec::new(), Vec::new());
    while let Some(piece) = reader.next().unwrap() {
        match piece {
            Piece::Line(number, read) => {
                assert!(numbers.last().is_none_or(|last| *last < number), "line {number} comes twice");
                assert_eq!(read, line(number));
                numbers.push(number);
            }
            Piece::Lost(piece) => lost.push(piece),
        }
    }
    (numbers, lost)
}

/// The files below a folder whose names end so, sorted by number.
pub fn files(folder: &Path, end: &str) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.to_string_lossy().ends_with(end) {
                found.push(path);
            }
        }
    }
    let number = |path: &std::path::PathBuf| {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        name.rsplit('-').next().unwrap().parse::<u32>().unwrap()
    };
    found.sort_by_key(number);
    found
}

pub fn of_file(path: &Path) -> SegmentReader {
    SegmentReader::sealed(std::fs::read(path).unwrap().into()).unwrap()
}

#[test]
fn a_session_reads_back_over_its_segments() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = CaptureWriter::new(folder.path(), session(1)).unwrap();
    fill(&mut writer, 0..100, 7);
    writer.sync().unwrap();
    assert!(writer.to_sync().unwrap().is_none(), "all is on the disk");
    writer.seal().unwrap();
    writer.seal().unwrap();
    fill(&mut writer, 100..150, 50);
    assert!(writer.to_sync().unwrap().is_some());
    writer.append(&line(150)).unwrap();
    assert_eq!((writer.next_line(), writer.written_line()), (151, 150));
    writer.write().unwrap();
    assert_eq!((writer.buffered(), writer.written_line()), (0, 151));
    writer.close(START + 151 * STEP).unwrap();
    let sealed = writer.take_sealed();
    assert_eq!(sealed.iter().map(|s| (s.first_line, s.lines)).collect::<Vec<_>>(), [(0, 100), (100, 52)]);
    assert!(files(folder.path(), ".open").is_empty());
    let name = format!("binance-futures/day-2024-03-01/{START}-{}-0.mtr", session(1).id);
    assert!(folder.path().join(name).is_file());
    let mut first = sealed[0].read().unwrap();
    assert_eq!(read(&mut first), ((0..100).collect(), vec![]));
    assert!(first.is_sealed() && !first.is_last() && first.header().session == session(1));
    let mut second = sealed[1].read().unwrap();
    assert_eq!(second.header().before, first.ended());
    assert_eq!((second.header().first_line, second.is_last()), (first.next_line(), true));
    for number in 100..151 {
        assert_eq!(second.next().unwrap(), Some(Piece::Line(number, line(number))));
    }
    let Some(Piece::Line(151, last)) = second.next().unwrap() else { panic!("no end") };
    assert_eq!((last.kind, &last.raw[..]), (Kind::Event, &b"session ended"[..]));
    assert_eq!(second.next().unwrap(), None);
}

#[test]
fn the_same_lines_give_the_same_bytes() {
    let write = || {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = CaptureWriter::new(folder.path(), session(1)).unwrap();
        fill(&mut writer, 0..500, 100);
        writer.close(START + DAY_US / 2).unwrap();
        files(folder.path(), ".mtr").iter().map(|path| std::fs::read(path).unwrap()).collect::<Vec<_>>()
    };
    assert!(write() == write());
}

#[test]
fn a_segment_has_the_lines_of_one_day() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = CaptureWriter::new(folder.path(), session(1)).unwrap();
    // A frame that reaches over midnight, then one of the new day alone, then a day without lines.
    fill(&mut writer, 0..1, 1);
    let at = |us: i64, text: &'static str| Line {
        arrived: us,
        connection: None,
        kind: Kind::Event,
        raw: text.as_bytes().into(),
    };
    let day = START + DAY_US;
    writer.append(&at(day - 1, "last")).unwrap();
    writer.append(&at(day, "first")).unwrap();
    writer.append(&at(day + 1, "second")).unwrap();
    writer.write().unwrap();
    writer.append(&at(day + 2, "third")).unwrap();
    writer.write().unwrap();
    writer.append(&at(day + 2 * DAY_US, "later")).unwrap();
    writer.close(day + 2 * DAY_US).unwrap();
    let sealed = writer.take_sealed();
    let told: Vec<_> = sealed.iter().map(|s| (s.name.day.to_string(), s.first_line, s.lines)).collect();
    assert_eq!(
        told,
        [("2024-03-01".to_owned(), 0, 2), ("2024-03-02".to_owned(), 2, 3), ("2024-03-04".to_owned(), 5, 2)]
    );
}

#[test]
fn a_segment_ends_by_its_age_and_its_size() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = CaptureWriter::new(folder.path(), session(1)).unwrap();
    let at = |us: i64| Line { arrived: us, connection: None, kind: Kind::Event, raw: b"x".as_slice().into() };
    writer.append(&at(START)).unwrap();
    writer.write().unwrap();
    writer.seal_if_old(START + 299_999_999).unwrap();
    assert_eq!(writer.take_sealed().len(), 0);
    writer.seal_if_old(START + 300_000_000).unwrap();
    assert_eq!(writer.take_sealed().len(), 1);
    writer.append(&at(START + 300_000_000)).unwrap();
    writer.write().unwrap();
    writer.append(&at(START + 600_000_000)).unwrap();
    writer.write().unwrap();
    assert_eq!(writer.take_sealed().len(), 1, "five minutes by its lines");
    // Bytes that do not compress.
    let mut seed = 1_u64;
    let mut noise = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 33) as u8
    };
    for number in 0..70 {
        let raw: Vec<u8> = (0..1 << 20).map(|_| noise()).collect();
        let line = Line { raw: raw.into(), ..at(START + 600_000_001 + number) };
        writer.append(&line).unwrap();
        writer.write().unwrap();
    }
    let sealed = writer.take_sealed();
    assert_eq!(sealed.len(), 1);
    assert!(sealed[0].bytes >= 64 << 20 && sealed[0].bytes < 67 << 20, "{}", sealed[0].bytes);
}

#[test]
fn what_cannot_be_recorded_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for venue in ["", "..", "a/b", "Binance", "a b"] {
        let session = Session { venue: venue.to_owned(), ..session(1) };
        assert!(CaptureWriter::new(folder.path(), session).is_err(), "{venue}");
    }
    let mut writer = CaptureWriter::new(folder.path(), session(1)).unwrap();
    let large = Line { raw: vec![b'x'; 40 << 20].into(), ..line(0) };
    writer.append(&large).unwrap();
    let refused = writer.append(&large).unwrap_err();
    assert!(refused.to_string().contains("wait to be written"), "{refused}");
    assert!(writer.append(&Line { arrived: i64::MIN, ..line(1) }).is_err());
    assert_eq!(writer.next_line(), 1, "a refused line has no number");
    writer.write().unwrap();
    writer.append(&large).unwrap();
    writer.write().unwrap();
}

/// Prints what recording costs; run by hand: `cargo test --release -p mtdh-lake --test lake -- --ignored --nocapture what_recording`.
#[test]
#[ignore = "prints figures"]
fn what_recording_costs() {
    const LINES: u64 = 2_000_000;
    let folder = tempfile::tempdir().unwrap();
    let message = |number: u64| {
        format!(
            "{{\"stream\":\"btcusdt@trade\",\"data\":{{\"e\":\"trade\",\"E\":{},\"s\":\"BTCUSDT\",\"t\":{number},\"p\":\"{}.{:02}\",\"q\":\"0.{:05}\",\"T\":{},\"m\":{},\"M\":true,\"X\":\"MARKET\",\"st\":0,\"nq\":\"0.00000\"}}}}",
            START / 1000 + number as i64 / 200,
            60_000 + number.wrapping_mul(7919) % 100,
            number.wrapping_mul(31) % 100,
            number.wrapping_mul(104_729) % 100_000,
            START / 1000 + number as i64 / 200,
            number.is_multiple_of(3),
        )
    };
    let messages: Vec<String> = (0..10_000).map(message).collect();
    let bytes: usize = messages.iter().map(String::len).sum();
    let mut writer = CaptureWriter::new(folder.path(), session(1)).unwrap();
    let began = std::time::Instant::now();
    for number in 0..LINES {
        let raw = messages[number as usize % messages.len()].as_bytes().into();
        let arrived = START + number as i64 * 5;
        writer.append(&Line { arrived, connection: Some(3), kind: Kind::Received, raw }).unwrap();
        if writer.buffered() >= 256 << 10 {
            writer.write().unwrap();
        }
    }
    writer.close(START + LINES as i64 * 5).unwrap();
    let took = began.elapsed().as_secs_f64();
    let stored: u64 = writer.take_sealed().iter().map(|one| one.bytes).sum();
    println!(
        "{LINES} messages of {} bytes: {:.0} thousand a second of one core, {:.1} bytes each stored",
        bytes / messages.len(),
        LINES as f64 / took / 1e3,
        stored as f64 / LINES as f64
    );
}
