//! File names that every system can hold, and the way back.
//!
//! Kept as they are: `A-Z`, `0-9`, `-`, `.` and `_`. `@` is doubled. Any other character becomes `@` and four hexadecimal digits per
//! UTF-16 unit, upper case; so does the first letter of a reserved word, a `_` or `.` at the beginning and a `.` at the end. Lower-case
//! letters are escaped too, so that no two names become one where case does not count. A name that would be longer than
//! [`LONGEST_BYTES`] is cut and ends in `@H` and half of its SHA-256: only the manifest says what it is of.

use std::fmt::Write;

use sha2::{Digest, Sha256};

/// The longest file name, bytes, its ending included.
pub const LONGEST_BYTES: usize = 200;

const ENDING: &str = ".parquet";

/// The name of the empty text: a name of the ending alone would begin with a dot.
const EMPTY: &str = "@.parquet";

/// What stands before a digest. `H` is no hexadecimal digit, so that it is no escape.
const DIGEST: &str = "@H";

/// Bytes of the SHA-256 that end a long name.
const DIGEST_BYTES: usize = 16;

/// Names that Windows keeps for devices, with any ending
/// (learn.microsoft.com/windows/win32/fileio/naming-a-file, read 2026-11-30). Those with other characters are escaped anyway.
const RESERVED: [&str; 24] = [
    "CON", "PRN", "AUX", "NUL", "COM0", "COM1", "COM2", "COM3", "COM4", "COM5", "COM6", "COM7", "COM8",
    "COM9", "LPT0", "LPT1", "LPT2", "LPT3", "LPT4", "LPT5", "LPT6", "LPT7", "LPT8", "LPT9",
];

/// The file name of a text, for example an instrument's symbol.
///
/// ```
/// use mtdh_core::hive::name::{file, text_of};
/// assert_eq!(file("BTC-USD-260626~UM"), "BTC-USD-260626@007EUM.parquet");
/// assert_eq!(file("CON"), "@0043ON.parquet");
/// assert_eq!(text_of("BTC-USD-260626@007EUM.parquet"), Some("BTC-USD-260626~UM".to_owned()));
/// ```
pub fn file(text: &str) -> String {
    if text.is_empty() {
        return EMPTY.to_owned();
    }
    let escaped = escaped(text);
    if escaped.len() + ENDING.len() <= LONGEST_BYTES {
        return escaped + ENDING;
    }
    let digest = Sha256::digest(text.as_bytes());
    let digest: String = digest.iter().take(DIGEST_BYTES).map(|byte| format!("{byte:02X}")).collect();
    let room = LONGEST_BYTES - ENDING.len() - DIGEST.len() - digest.len();
    format!("{}{DIGEST}{digest}{ENDING}", whole_start(&escaped, room))
}

/// The start of an escaped text, at most `room` bytes. No escape is cut: half of `@@` before a digest would read as a whole one.
fn whole_start(escaped: &str, room: usize) -> &str {
    let mut end = 0;
    while let Some(rest) = escaped.get(end..).filter(|rest| !rest.is_empty()) {
        let step = if rest.starts_with("@@") {
            2
        } else if rest.starts_with('@') {
            5
        } else {
            1
        };
        if end + step > room {
            break;
        }
        end += step;
    }
    // All of it is ASCII.
    escaped.get(..end).unwrap_or_default()
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let is_reserved = text.split('.').next().is_some_and(|stem| RESERVED.contains(&stem));
    let last = text.chars().count().saturating_sub(1);
    for (place, letter) in text.chars().enumerate() {
        let is_plain = match letter {
            'A'..='Z' => !is_reserved || place > 0,
            '0'..='9' | '-' => true,
            '.' => place > 0 && place < last,
            '_' => place > 0,
            _ => false,
        };
        match letter {
            letter if is_plain => out.push(letter),
            '@' => out.push_str("@@"),
            letter => letter.encode_utf16(&mut [0; 2]).iter().for_each(|unit| {
                let _infallible = write!(out, "@{unit:04X}");
            }),
        }
    }
    out
}

/// The text of a file name; `None`: it ends in a digest, or [`file()`] makes no such name.
pub fn text_of(name: &str) -> Option<String> {
    if name == EMPTY {
        return Some(String::new());
    }
    let mut rest = name.strip_suffix(ENDING)?;
    let mut units = Vec::new();
    while let Some(letter) = rest.chars().next() {
        rest = &rest[letter.len_utf8()..];
        match letter {
            '@' if rest.starts_with('@') => {
                units.push(u16::from(b'@'));
                rest = &rest[1..];
            }
            '@' => {
                let digits = rest.get(..4).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))?;
                units.push(u16::from_str_radix(digits, 16).ok()?);
                rest = &rest[4..];
            }
            letter => units.extend_from_slice(letter.encode_utf16(&mut [0; 2])),
        }
    }
    let text = String::from_utf16(&units).ok()?;
    // Only the one spelling.
    (file(&text) == name).then_some(text)
}

/// The value of a folder `NAME=VALUE`, as readers of Hive's layout read it: `%XX` is a byte. Venues are of `A-Z 0-9 . _ -`; escaped is
/// only what some system or reader takes for something else: a `.` at the end, which Windows drops, and a `_` at the beginning.
pub fn value(text: &str) -> String {
    let (text, end) = text.strip_suffix('.').map_or((text, ""), |rest| (rest, "%2E"));
    let (start, text) = text.strip_prefix('_').map_or(("", text), |rest| ("%5F", rest));
    format!("{start}{text}{end}")
}

/// The text of a folder's value.
pub fn plain(value: &str) -> String {
    value.replace("%2E", ".").replace("%5F", "_")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_that_some_system_would_take_for_something_else() {
        for (text, name) in [
            ("", "@.parquet"),
            ("BTC-USD", "BTC-USD.parquet"),
            ("1.5-X_Y", "1.5-X_Y.parquet"),
            ("_A", "@005FA.parquet"),
            (".A", "@002EA.parquet"),
            ("A.", "A@002E.parquet"),
            (".", "@002E.parquet"),
            ("A_", "A_.parquet"),
            ("A@0024", "A@@0024.parquet"),
            ("a", "@0061.parquet"),
            ("\u{20bf}", "@20BF.parquet"),
            ("\u{1f600}", "@D83D@DE00.parquet"),
            ("A B:C/D", "A@0020B@003AC@002FD.parquet"),
            ("CON", "@0043ON.parquet"),
            ("NUL.X", "@004EUL.X.parquet"),
            ("COM1", "@0043OM1.parquet"),
            ("COM10", "COM10.parquet"),
            ("CONX", "CONX.parquet"),
            ("LPT9.A.B", "@004CPT9.A.B.parquet"),
        ] {
            assert_eq!(file(text), name);
            let back = text_of(name);
            assert_eq!(back.as_deref(), Some(text), "{name}");
        }
        for name in [
            "a.parquet",
            "CON.parquet",
            "_A.parquet",
            "A@00.parquet",
            "A@H00.parquet",
            "A@0041.parquet",
            "A",
            ".parquet",
        ] {
            assert_eq!(text_of(name), None, "{name}");
        }
    }

    #[test]
    fn a_long_name_ends_in_a_digest() {
        let long = |letters: usize| "A".repeat(letters);
        assert_eq!(file(&long(192)).len(), 200);
        assert_eq!(text_of(&file(&long(192))), Some(long(192)));
        let cut = file(&long(193));
        assert_eq!((cut.len(), text_of(&cut)), (200, None));
        assert_ne!(cut, file(&long(194)), "the digest tells them apart");
    }

    #[test]
    fn values_of_folders_read_back() {
        for (text, folder) in
            [("DERIBIT", "DERIBIT"), ("A.B_", "A.B_"), ("A.", "A%2E"), ("_", "%5F"), ("_A.", "%5FA%2E")]
        {
            assert_eq!((value(text).as_str(), plain(folder).as_str()), (folder, text));
        }
    }

    proptest! {
        #[test]
        fn every_text_comes_back_and_its_name_is_safe(text in any::<String>()) {
            let name = file(&text);
            prop_assert!(name.len() <= LONGEST_BYTES);
            let stem = name.strip_suffix(".parquet").unwrap();
            let is_safe = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b"@-._".contains(&b);
            prop_assert!(!stem.is_empty() && stem.bytes().all(is_safe), "{}", name);
            prop_assert!(!stem.starts_with(['.', '_']) && !stem.ends_with(['.', ' ']), "{}", name);
            prop_assert!(stem.split('.').next().is_none_or(|first| !RESERVED.contains(&first)), "{}", name);
            match text_of(&name) {
                Some(back) => prop_assert_eq!(back, text),
                None => prop_assert!(name.len() > LONGEST_BYTES - 5),
            }
        }

        #[test]
        fn other_texts_have_other_names_also_where_case_does_not_count(
            a in "[A-Za-z0-9@_.~ -]{0,12}", b in "[A-Za-z0-9@_.~ -]{0,12}", long in "[A-Za@]{100,240}",
        ) {
            prop_assert_eq!(a == b, file(&a).to_lowercase() == file(&b).to_lowercase());
            let (a_long, b_long) = (long.clone() + &a, long + &b);
            prop_assert_eq!(a == b, file(&a_long).to_lowercase() == file(&b_long).to_lowercase());
        }
    }
}
