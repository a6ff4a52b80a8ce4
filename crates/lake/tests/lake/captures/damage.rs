//! Segments of which bytes are lost or changed: no wrong line, none twice, and what is lost is told.

use mtdh_lake::live::{CaptureError, CaptureWriter, Lost, SegmentReader, recover};

use super::{START, STEP, files, fill, line, of_file, read, recovered, session};

const LINES: u64 = 60;

/// The bytes of a segment of six frames, as it is written, and as it is sealed.
fn segment() -> (Vec<u8>, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = CaptureWriter::new(folder.path(), session(1)).unwrap();
    fill(&mut writer, 0..LINES, 10);
    let open = std::fs::read(&files(folder.path(), ".open")[0]).unwrap();
    writer.seal().unwrap();
    (open, std::fs::read(&files(folder.path(), ".mtr")[0]).unwrap())
}

/// The lines that are given and those that are told as lost make up all that come before the end.
fn check(numbers: &[u64], lost: &[Lost], name: &str) {
    let mut told: Vec<u64> = numbers.to_vec();
    for lost in lost {
        told.extend((lost.first_line..).take(lost.lines.unwrap_or(0) as usize));
    }
    told.sort_unstable();
    assert!(told.iter().copied().eq(0..told.len() as u64), "{name}: {numbers:?} {lost:?}");
    let is_tail_last = lost.iter().rev().skip(1).all(|lost| !lost.is_tail());
    assert!(is_tail_last, "{name}: {lost:?}");
}

#[test]
fn each_place_where_a_segment_may_break_off() {
    let (open, sealed) = segment();
    let mut whole_lines = std::collections::BTreeSet::new();
    for length in 0..open.len() {
        let Ok(mut reader) = SegmentReader::unsealed(open[..length].to_vec().into()) else {
            assert!(whole_lines.is_empty(), "a header that was whole is not any more, at {length}");
            continue;
        };
        let (numbers, lost) = read(&mut reader);
        check(&numbers, &lost, &format!("{length} bytes"));
        // Whole frames, and a tail that is told with its bytes unless the file ends between two frames.
        assert_eq!(numbers.len() % 10, 0, "{length} bytes");
        let bytes: u64 = lost.iter().map(|lost| lost.bytes).sum();
        assert!(lost.len() <= 1 && lost.iter().all(Lost::is_tail), "{length} bytes: {lost:?}");
        assert_eq!(lost.is_empty(), bytes == 0);
        if let Some(lost) = lost.first() {
            let last = numbers.last().map(|last| line(*last).arrived);
            assert_eq!((lost.after, lost.at + lost.bytes), (last, length as u64));
        }
        whole_lines.insert(numbers.len());
    }
    assert_eq!(whole_lines.into_iter().collect::<Vec<_>>(), [0, 10, 20, 30, 40, 50]);
    for length in 0..sealed.len() {
        assert!(SegmentReader::sealed(sealed[..length].to_vec().into()).is_err(), "{length} bytes");
    }
}

#[test]
fn each_bit_that_may_flip() {
    let (open, sealed) = segment();
    let (header, _) = (0..open.len())
        .map(|length| (length, SegmentReader::unsealed(open[..length].to_vec().into())))
        .find(|(_, reader)| reader.is_ok())
        .unwrap();
    for bit in 0..sealed.len() * 8 {
        let mut bytes = sealed.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let refused = SegmentReader::sealed(bytes.clone().into());
        assert!(refused.is_err(), "bit {bit}");
        if bit / 8 < header {
            continue;
        }
        if bit / 8 < open.len() {
            assert!(matches!(refused, Err(CaptureError::Digest { .. })), "bit {bit}");
        }
        let mut reader = SegmentReader::unsealed(bytes.into()).unwrap();
        let (numbers, lost) = read(&mut reader);
        check(&numbers, &lost, &format!("bit {bit}"));
        // One frame, or the end frame.
        assert_eq!(lost.len(), 1, "bit {bit}");
        let expected = if bit / 8 < open.len() { LINES - 10 } else { LINES };
        assert_eq!(numbers.len() as u64, expected, "bit {bit}: {lost:?}");
        if let Some(missing) = lost[0].lines {
            assert_eq!(missing, 10);
            assert_eq!(lost[0].until, Some(line(lost[0].first_line + 10).arrived));
        }
    }
}

#[test]
fn stretches_that_never_came_to_the_disk() {
    let (open, _) = segment();
    let mut random = fastrand::Rng::with_seed(7);
    for round in 0..500 {
        let mut bytes = open.clone();
        let from = random.usize(400..bytes.len());
        let to = random.usize(from..bytes.len().min(from + 150));
        match round % 3 {
            0 => bytes[from..to].fill(0),
            1 => drop(bytes.drain(from..to)),
            // What is there already comes once more: nothing of it is given twice.
            _ => {
                let again = bytes[from..to].to_vec();
                bytes.splice(to..to, again);
            }
        }
        let Ok(mut reader) = SegmentReader::unsealed(bytes.into()) else { continue };
        let (numbers, lost) = read(&mut reader);
        check(&numbers, &lost, &format!("round {round}"));
        assert!(numbers.len() >= 30, "round {round}: {lost:?}");
    }
}

#[test]
fn what_a_dead_session_left_is_sealed_once_as_far_as_it_is_whole() {
    let (open, _) = segment();
    let mut random = fastrand::Rng::with_seed(3);
    for round in 0..60 {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("binance-futures/day-2024-03-01");
        std::fs::create_dir_all(&at).unwrap();
        let length = if round == 0 { open.len() } else { random.usize(0..open.len()) };
        let name = format!("{START}-{}-0", session(1).id);
        std::fs::write(at.join(format!("{name}.open")), &open[..length]).unwrap();
        let recovered = recover(folder.path()).unwrap();
        assert!(files(folder.path(), ".open").is_empty(), "{length}");
        let Ok(mut before) = SegmentReader::unsealed(open[..length].to_vec().into()) else {
            assert!(recovered.is_empty() && files(folder.path(), ".mtr").is_empty(), "{length}");
            continue;
        };
        let (numbers, lost) = read(&mut before);
        let [one] = &recovered[..] else { panic!("{length}: {recovered:?}") };
        assert_eq!(one.cut_bytes, lost.iter().map(|lost| lost.bytes).sum::<u64>());
        assert_eq!(one.last, numbers.last().map(|last| START + *last as i64 * STEP));
        assert_eq!(one.segment.lines, numbers.len() as u64);
        assert_eq!(one.segment.bytes, std::fs::metadata(&one.segment.path).unwrap().len());
        let mut sealed = of_file(&one.segment.path);
        assert_eq!((sealed.cut_bytes(), sealed.is_last()), (one.cut_bytes, false));
        assert_eq!(read(&mut sealed), (numbers, vec![]));
        assert_eq!(recover(folder.path()).unwrap(), [], "what is sealed is left alone");
    }
}

#[test]
fn a_living_session_and_what_is_no_segment_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = CaptureWriter::new(folder.path(), session(1)).unwrap();
    let mut other = CaptureWriter::new(folder.path(), session(2)).unwrap();
    fill(&mut writer, 0..20, 10);
    fill(&mut other, 0..20, 10);
    let day = folder.path().join("binance-futures/day-2024-03-01");
    let strange: [(&str, &[u8]); 3] = [
        ("notes.open", b"mine"),
        ("1-a-0.open", b"no segment, whatever it may be"),
        ("1709251200000000-b-0.open", b"MTDHCAP\n\x01\0\0\0\0\0\0\0{}"),
    ];
    for (name, bytes) in strange {
        std::fs::write(day.join(name), bytes).unwrap();
    }
    assert_eq!(recover(folder.path()).unwrap(), []);
    for (name, bytes) in strange {
        assert_eq!(std::fs::read(day.join(name)).unwrap(), bytes, "{name}");
    }
    fill(&mut writer, 20..40, 10);
    drop(other);
    assert_eq!(recovered(folder.path()).segment.name.session, session(2).id);
    writer.close(START + 40 * STEP).unwrap();
    assert_eq!(writer.take_sealed()[0].lines, 41);
}

#[test]
fn a_newer_format_is_not_guessed_at() {
    let (_, sealed) = segment();
    let text = String::from_utf8_lossy(&sealed[16..]).into_owned();
    let json = &text[..text.find("}{").unwrap_or_else(|| text.find('\u{fffd}').unwrap())];
    let place = 16 + json.find("\"version\":1").unwrap() + "\"version\":".len();
    let mut bytes = sealed.clone();
    bytes[place] = b'2';
    // With the checksum of a newer program.
    let length = u32::from_le_bytes(bytes[8..12].try_into().unwrap()) as usize;
    let check = crc32c::crc32c_append(crc32c::crc32c(&bytes[8..12]), &bytes[16..16 + length]);
    bytes[12..16].copy_from_slice(&check.to_le_bytes());
    assert!(matches!(SegmentReader::unsealed(bytes.into()), Err(CaptureError::Newer(2))));
}
