//! Escapes a venue's names so that they are safe as an object name, a file name and part of a URL.
//!
//! | in a name | in a key |
//! |---|---|
//! | letters, digits, `.` | unchanged, in upper case |
//! | `-` in an asset | `_`, because `-` separates the parts of a symbol |
//! | `-`, `_` in a venue's own name | unchanged |
//! | anything else | `@` and four hexadecimal digits per UTF-16 unit: `_` in an asset is `@005F`, `币` is `@5E01` |
//!
//! The mapping is unique for names in upper case: [`asset_name`] is its inverse for assets.

use std::fmt::Write;

/// What can be wrong with an escaped name.
pub(super) enum Misspelt {
    Empty,
    Character(char),
}

/// Escapes an asset name.
pub(super) fn spell_asset(name: &str) -> String {
    spell(name, |c| match c {
        '-' => Some('_'),
        '.' => Some('.'),
        _ => None,
    })
}

/// Escapes a venue's own name of a combo or a prediction.
pub(super) fn spell_native(name: &str) -> String {
    spell(name, |c| matches!(c, '-' | '.' | '_').then_some(c))
}

fn spell(name: &str, punctuation: impl Fn(char) -> Option<char>) -> String {
    let mut spelling = String::with_capacity(name.len());
    for c in name.to_uppercase().chars() {
        if c.is_ascii_alphanumeric() {
            spelling.push(c);
        } else if let Some(mark) = punctuation(c) {
            spelling.push(mark);
        } else {
            escape(c, &mut spelling);
        }
    }
    spelling
}

fn escape(c: char, spelling: &mut String) {
    for unit in c.encode_utf16(&mut [0; 2]) {
        // Writing to a String cannot fail.
        write!(spelling, "@{unit:04X}").unwrap_or_default();
    }
}

/// Escapes the non-ASCII characters of a text typed by a user.
pub(crate) fn spell_typed(text: &str) -> String {
    let mut spelling = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii() { spelling.push(c) } else { escape(c, &mut spelling) }
    }
    spelling
}

/// The suffix that distinguishes twins: the vendor's symbol with `-` for characters that are not allowed.
pub(super) fn spell_twin(raw: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_');
    let spelling: String = raw.to_uppercase().chars().map(|c| if allowed(c) { c } else { '-' }).collect();
    if spelling.is_empty() { "-".to_owned() } else { spelling }
}

/// Validates an escaped name in upper case. Non-ASCII characters are escaped, so that users may type them. Of the ASCII
/// characters, letters, digits, `.`, `_`, complete escapes and those in `further` are allowed.
pub(super) fn respell(text: &str, further: &[char]) -> Result<String, Misspelt> {
    if text.is_empty() {
        return Err(Misspelt::Empty);
    }
    let mut spelling = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        match c {
            'A'..='Z' | '0'..='9' | '.' | '_' => spelling.push(c),
            '@' if is_escape(&text[at..]) => spelling.push(c),
            _ if further.contains(&c) => spelling.push(c),
            _ if !c.is_ascii() => escape(c, &mut spelling),
            _ => return Err(Misspelt::Character(c)),
        }
    }
    Ok(spelling)
}

fn is_escape(text: &str) -> bool {
    let digits = text.as_bytes().get(1..5);
    digits.is_some_and(|digits| digits.iter().all(|b| matches!(b, b'0'..=b'9' | b'A'..=b'F')))
}

/// The asset name of an escaped name, in upper case: `BTCB_1DE` is `BTCB-1DE`, `@5E01` is `币`.
pub fn asset_name(spelling: &str) -> String {
    let mut units: Vec<u16> = Vec::with_capacity(spelling.len());
    let mut rest = spelling;
    while let Some(c) = rest.chars().next() {
        if c == '@' && is_escape(rest) {
            units.extend(u16::from_str_radix(&rest[1..5], 16));
            rest = &rest[5..];
            continue;
        }
        let plain = if c == '_' { '-' } else { c };
        units.extend_from_slice(plain.encode_utf16(&mut [0; 2]));
        rest = &rest[c.len_utf8()..];
    }
    String::from_utf16_lossy(&units)
}
