//! Cells in quotes, as RFC 4180 has them.

use std::borrow::Cow;

/// The cells of a line, without their quotes; `None` if a quoted cell has no end, or is followed by something else than a comma.
pub fn cells(line: &[u8]) -> Option<Vec<Cow<'_, [u8]>>> {
    let mut cells = Vec::new();
    let mut rest = line;
    loop {
        let (cell, after) = match rest.strip_prefix(b"\"") {
            Some(quoted) => within_quotes(quoted)?,
            None => {
                let end = memchr::memchr(b',', rest).unwrap_or(rest.len());
                (Cow::Borrowed(&rest[..end]), &rest[end..])
            }
        };
        cells.push(cell);
        match after.split_first() {
            None => return Some(cells),
            Some((b',', next)) => rest = next,
            Some(_) => return None,
        }
    }
}

/// A cell whose opening quote was read, and what follows its closing one.
fn within_quotes(text: &[u8]) -> Option<(Cow<'_, [u8]>, &[u8])> {
    let mut cell: Cow<'_, [u8]> = Cow::Borrowed(&[]);
    let mut start = 0;
    for at in memchr::memchr_iter(b'"', text) {
        if at < start {
            continue;
        }
        let piece = &text[start..at];
        if text.get(at + 1) == Some(&b'"') {
            cell.to_mut().extend_from_slice(&text[start..=at]);
            start = at + 2;
        } else if cell.is_empty() {
            return Some((Cow::Borrowed(piece), &text[at + 1..]));
        } else {
            cell.to_mut().extend_from_slice(piece);
            return Some((cell, &text[at + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_those_of_rfc_4180() {
        for (line, expected) in [
            ("", Some(&[""][..])),
            ("a,b", Some(&["a", "b"])),
            ("a,,", Some(&["a", "", ""])),
            ("\"a\",\"b\"", Some(&["a", "b"])),
            ("\"a,b\",c", Some(&["a,b", "c"])),
            ("\"\",c", Some(&["", "c"])),
            ("\"a\"\"b\"\"\",c", Some(&["a\"b\"", "c"])),
            ("\"\"\"\"", Some(&["\""])),
            ("\"\"\"a\"", Some(&["\"a"])),
            // A quote within a plain cell is part of it.
            ("a\"b,c", Some(&["a\"b", "c"])),
            ("\"a", None),
            ("\"a\"\"", None),
            ("\"a\"b,c", None),
            ("x,\"a\" ,c", None),
        ] {
            let found = cells(line.as_bytes());
            let found: Option<Vec<String>> = found
                .map(|cells| cells.iter().map(|cell| String::from_utf8(cell.to_vec()).unwrap()).collect());
            assert_eq!(
                found.as_deref(),
                expected.map(|e| e.iter().map(|c| (*c).to_owned()).collect::<Vec<_>>()).as_deref(),
                "{line}"
            );
        }
    }
}
