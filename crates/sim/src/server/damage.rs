//! Damages response bodies: changed bytes, wrong rows, edited JSON.

use bytes::Bytes;
use mtdh_core::day::DAY_US;

use crate::generate::decimal::write_integer;
use crate::generate::files::gzip;
use crate::json_edit::{JsonEdit, apply_edits};
use crate::server::fault::{ColumnChange, FaultKind, TrailerPart};

/// Damages a gzipped file. A body that is no gzip stays as it is, and so does a file for faults of other kinds.
pub(super) fn damage_file(body: &Bytes, kind: &FaultKind) -> Bytes {
    match kind {
        FaultKind::FlipByte { at } => flip_bits(body, *at, 0xff),
        FaultKind::FlipBit { at } => flip_bits(body, *at, 0b1000),
        FaultKind::Junk { bytes } => [body, &vec![b'#'; *bytes as usize][..]].concat().into(),
        FaultKind::Twice => [&body[..], body].concat().into(),
        FaultKind::Truncate { keep } => body.slice(..body.len().min(*keep as usize)),
        FaultKind::WrongTrailer { part } => {
            let place = if *part == TrailerPart::Crc { -8 } else { -4 };
            flip_bits(body, place, 0xff)
        }
        FaultKind::OtherSymbol => change_lines(body, |_, line| other_symbol(line)),
        FaultKind::OtherSpelling => change_lines(body, other_spelling),
        FaultKind::MemberCut { .. } => two_members(body),
        FaultKind::InflatesToNothing => gzip::compress(b"", None),
        FaultKind::OtherDay => change_lines(body, |_, line| other_day(line)),
        FaultKind::NoRows => header_row(body),
        FaultKind::Columns { change } => {
            change_lines(body, |number, line| change_columns(number, line, *change))
        }
        _ => body.clone(),
    }
}

/// Edits a JSON document, plain or gzipped.
pub(super) fn edit_document(body: &Bytes, is_gzip: bool, edits: &[JsonEdit]) -> Bytes {
    if !is_gzip {
        return apply_edits(body, edits).into();
    }
    let Ok(text) = gzip::decompress(body) else { return body.clone() };
    gzip::compress(&apply_edits(&text, edits), None)
}

/// Flips bits of one byte. A negative offset counts from the end.
fn flip_bits(body: &Bytes, at: i64, bits: u8) -> Bytes {
    let place = if at < 0 { body.len() as i64 + at } else { at };
    let mut bytes = body.to_vec();
    if let Some(byte) = usize::try_from(place).ok().and_then(|place| bytes.get_mut(place)) {
        *byte ^= bits;
    }
    bytes.into()
}

/// Changes every line of a gzipped file. Line 0 is the header row.
fn change_lines(body: &Bytes, change: impl Fn(usize, &[u8]) -> Vec<u8>) -> Bytes {
    let Ok(text) = gzip::decompress(body) else { return body.clone() };
    let mut changed = Vec::with_capacity(text.len() + 64);
    for (number, line) in text.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        changed.extend_from_slice(&change(number, line));
        changed.push(b'\n');
    }
    gzip::compress(&changed, None)
}

fn header_row(body: &Bytes) -> Bytes {
    let Ok(text) = gzip::decompress(body) else { return body.clone() };
    gzip::compress(text.split_inclusive(|byte| *byte == b'\n').next().unwrap_or_default(), None)
}

/// Replaces the symbol of about every third row. The header row stays.
fn other_symbol(line: &[u8]) -> Vec<u8> {
    let mut cells: Vec<&[u8]> = line.split(|byte| *byte == b',').collect();
    let is_third = line.iter().map(|byte| usize::from(*byte)).sum::<usize>() % 3 == 0;
    if is_row(&cells) && is_third {
        cells[1] = b"OTHER-SYMBOL";
    }
    cells.join(&b","[..])
}

/// Writes the symbol of every second row in lower case.
fn other_spelling(number: usize, line: &[u8]) -> Vec<u8> {
    let mut cells: Vec<&[u8]> = line.split(|byte| *byte == b',').collect();
    let lower_case = cells.get(1).map(|symbol| symbol.to_ascii_lowercase()).unwrap_or_default();
    if is_row(&cells) && number.is_multiple_of(2) {
        cells[1] = &lower_case;
    }
    cells.join(&b","[..])
}

/// Compresses the same content as two gzip members, split between two lines.
fn two_members(body: &Bytes) -> Bytes {
    let Ok(text) = gzip::decompress(body) else { return body.clone() };
    let (first, second) = text.split_at(middle_line_end(&text));
    [gzip::compress(first, None), gzip::compress(second, None)].concat().into()
}

/// Returns the length of the first member of [`two_members`].
pub(super) fn first_member_length(two: &Bytes) -> usize {
    let Ok(text) = gzip::decompress(two) else { return two.len() };
    gzip::compress(&text[..middle_line_end(&text)], None).len()
}

/// Returns the end of the line in the middle of a text.
fn middle_line_end(text: &[u8]) -> usize {
    let middle = text.len() / 2;
    text[middle..].iter().position(|byte| *byte == b'\n').map_or(text.len(), |place| middle + place + 1)
}

/// Moves both timestamps of a row back by one day.
fn other_day(line: &[u8]) -> Vec<u8> {
    let cells: Vec<&[u8]> = line.split(|byte| *byte == b',').collect();
    if !is_row(&cells) {
        return line.to_vec();
    }
    let older = |cell: &[u8]| {
        let mut text = Vec::new();
        let us = std::str::from_utf8(cell).ok().and_then(|text| text.parse::<i64>().ok()).unwrap_or(DAY_US);
        write_integer(us - DAY_US, &mut text);
        text
    };
    let (exchange_us, local_us) = (older(cells[2]), older(cells[3]));
    let mut changed = cells;
    changed[2] = &exchange_us;
    changed[3] = &local_us;
    changed.join(&b","[..])
}

fn change_columns(number: usize, line: &[u8], change: ColumnChange) -> Vec<u8> {
    let mut cells: Vec<&[u8]> = line.split(|byte| *byte == b',').collect();
    let last = cells.len() - 1;
    match change {
        ColumnChange::Missing => {
            cells.pop();
        }
        ColumnChange::Reordered => cells.swap(last - 1, last),
        ColumnChange::Renamed if number == 0 => cells[last] = b"renamed",
        ColumnChange::Renamed => {}
        ColumnChange::Extra => cells.push(if number == 0 { b"extra" } else { b"1" }),
    }
    cells.join(&b","[..])
}

fn is_row(cells: &[&[u8]]) -> bool {
    cells.len() > 4 && cells[2].first().is_some_and(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::fault::Md5Header;
    use crate::server::fault::SaidLength;

    const TEXT: &str = "exchange,symbol,timestamp,local_timestamp,id,price\nx,A,86400000001,86400000002,1,5\n\
                        x,A,86400000003,86400000004,2,6\nx,A,86400000005,86400000006,3,7\n";

    fn damaged(kind: FaultKind) -> String {
        let body = damage_file(&gzip::compress(TEXT.as_bytes(), None), &kind);
        String::from_utf8(gzip::decompress(&body).unwrap()).unwrap()
    }

    #[test]
    fn wrong_rows_are_in_a_sound_file() {
        assert!(damaged(FaultKind::OtherSymbol).contains("OTHER-SYMBOL"));
        assert_eq!(damaged(FaultKind::OtherSpelling).matches("x,a,").count(), 1);
        assert!(damaged(FaultKind::OtherDay).contains("\nx,A,1,2,1,5\n"));
        assert_eq!(damaged(FaultKind::NoRows), "exchange,symbol,timestamp,local_timestamp,id,price\n");
        for (change, header, row) in [
            (ColumnChange::Missing, "local_timestamp,id\n", ",1\n"),
            (ColumnChange::Renamed, "id,renamed\n", ",1,5\n"),
            (ColumnChange::Reordered, "price,id\n", ",5,1\n"),
            (ColumnChange::Extra, "id,price,extra\n", ",1,5,1\n"),
        ] {
            let text = damaged(FaultKind::Columns { change });
            assert!(text.contains(header) && text.contains(row), "{change:?}: {text}");
        }
    }

    #[test]
    fn a_body_that_comes_twice_is_two_sound_members() {
        assert_eq!(damaged(FaultKind::Twice), TEXT.repeat(2));
    }

    #[test]
    fn a_cut_between_members_leaves_a_sound_stream() {
        let kind = FaultKind::MemberCut { length: SaidLength::None, md5: Md5Header::Absent };
        let two = damage_file(&gzip::compress(TEXT.as_bytes(), None), &kind);
        assert_eq!(gzip::decompress(&two).unwrap(), TEXT.as_bytes());
        let first = gzip::decompress(&two.slice(..first_member_length(&two))).unwrap();
        assert!(!first.is_empty() && first.len() < TEXT.len() && TEXT.as_bytes().starts_with(&first));
        assert_eq!(damaged(FaultKind::InflatesToNothing), "");
    }

    #[test]
    fn damaged_streams_do_not_decompress() {
        let body = gzip::compress(TEXT.as_bytes(), None);
        for kind in [
            FaultKind::FlipByte { at: 12 },
            FaultKind::FlipBit { at: -6 },
            FaultKind::Junk { bytes: 5 },
            FaultKind::Truncate { keep: body.len() as u64 - 3 },
            FaultKind::WrongTrailer { part: TrailerPart::Crc },
            FaultKind::WrongTrailer { part: TrailerPart::Length },
        ] {
            assert!(gzip::decompress(&damage_file(&body, &kind)).is_err(), "{kind:?}");
        }
    }
}
