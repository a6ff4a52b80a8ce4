//! Sanitises external text for display in a terminal, a page or a table.
//!
//! Everything printed for people goes through here. Data is not changed: JSON and CSV escape by their own rules.

use std::borrow::Cow;

/// Escapes every invisible or control character: control characters, line breaks, characters that change the writing
/// direction, and zero-width characters. `\n`, `\r` and `\t` are escaped by these names, others as `\u{202e}`.
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unseen) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        if !is_unseen(character) {
            safe.push(character);
        } else if matches!(character, '\n' | '\r' | '\t') {
            safe.extend(character.escape_default());
        } else {
            safe.extend(character.escape_unicode());
        }
    }
    Cow::Owned(safe)
}

/// Whether a character is invisible or affects its surroundings: control characters, `Default_Ignorable_Code_Point`
/// characters, line separators and interlinear annotation marks of Unicode.
fn is_unseen(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
        // Noncharacters, in every plane.
        || (character as u32) & 0xfffe == 0xfffe
}

/// An address with possible secrets replaced by `***`: user and password, query values, and the fragment.
pub fn without_credentials(address: &str) -> String {
    let (scheme, rest) = match address.find("://") {
        Some(at) => address.split_at(at + 3),
        None => ("", address),
    };
    let authority_end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
    // A password with a slash ends the authority too early. It is recognised by a colon before the last `@`.
    let user_end = match (rest[..authority_end].rfind('@'), rest.rfind('@')) {
        (_, Some(last)) if rest[..last].contains(':') => Some(last),
        (inside, _) => inside,
    };
    let (user, rest) = user_end.map_or(("", rest), |at| ("***@", &rest[at + 1..]));
    let (rest, fragment) = rest.split_once('#').map_or((rest, ""), |(rest, _)| (rest, "#***"));
    let Some((path, query)) = rest.split_once('?') else { return format!("{scheme}{user}{rest}{fragment}") };
    let hidden =
        |pair: &str| pair.split_once('=').map_or("***".to_owned(), |(name, _)| format!("{name}=***"));
    let query: Vec<String> = query.split(['&', ';']).map(hidden).collect();
    format!("{scheme}{user}{path}?{}{fragment}", query.join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_not_be_seen_as_itself_is_written_out() {
        for (text, expected) in [
            ("BTC-PERPETUAL ÄÖ 比特币 🚀", "BTC-PERPETUAL ÄÖ 比特币 🚀"),
            ("a\nb\r\tc", "a\\nb\\r\\tc"),
            ("\u{1b}[2J\u{7}\0", "\\u{1b}[2J\\u{7}\\u{0}"),
            ("\u{7f}\u{85}\u{9b}31m", "\\u{7f}\\u{85}\\u{9b}31m"),
            ("\u{2028}\u{2029}", "\\u{2028}\\u{2029}"),
            ("\u{202e}CTB\u{202c}\u{2066}x\u{2069}", "\\u{202e}CTB\\u{202c}\\u{2066}x\\u{2069}"),
            ("\u{61c}\u{200e}\u{200f}", "\\u{61c}\\u{200e}\\u{200f}"),
            ("B\u{200b}T\u{200d}C\u{2060}\u{feff}\u{ad}", "B\\u{200b}T\\u{200d}C\\u{2060}\\u{feff}\\u{ad}"),
            ("\u{3164}\u{fe0f}\u{e0041}\u{fff9}", "\\u{3164}\\u{fe0f}\\u{e0041}\\u{fff9}"),
            ("\u{fffe}\u{1ffff}", "\\u{fffe}\\u{1ffff}"),
        ] {
            assert_eq!(printable(text), expected);
        }
    }

    #[test]
    fn an_address_keeps_its_place_and_loses_its_secrets() {
        for (address, expected) in [
            ("https://api.tardis.dev/v1", "https://api.tardis.dev/v1"),
            ("./data", "./data"),
            ("gs://bucket/a@b", "gs://bucket/a@b"),
            ("http://user:secret@host:8080/v1", "http://***@host:8080/v1"),
            ("http://secret@host/v1", "http://***@host/v1"),
            ("http://user:sec/ret@host/v1", "http://***@host/v1"),
            ("http://user:sec?ret#x@host/v1", "http://***@host/v1"),
            ("user:secret@host/v1", "***@host/v1"),
            (
                "https://host/v1?apiKey=secret&X-Amz-Signature=secret",
                "https://host/v1?apiKey=***&X-Amz-Signature=***",
            ),
            ("https://host/?secret", "https://host/?***"),
            ("https://host/#secret", "https://host/#***"),
        ] {
            assert_eq!(without_credentials(address), expected, "{address}");
        }
    }
}
