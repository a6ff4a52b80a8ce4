//! Texts of the server without what only the server's owner should know: folders, addresses, names of machines.

use serde_json::Value;

/// A text in which each absolute path and each address has a word in its place.
pub(crate) fn scrubbed(text: &str) -> String {
    if !text.contains('/') {
        return text.to_owned();
    }
    let word = |word: &str| -> String {
        let bare = word.trim_start_matches(['(', '[', '"', '\'', '`', '<', '=']);
        let lead = &word[..word.len() - bare.len()];
        let kept = bare.trim_end_matches([',', ';', ':', '.', ')', ']', '"', '\'', '`', '>']);
        let tail = &bare[kept.len()..];
        if kept.contains("://") {
            format!("{lead}(an address){tail}")
        } else if kept.starts_with('/') && kept.len() > 1 {
            format!("{lead}(a path){tail}")
        } else {
            word.to_owned()
        }
    };
    text.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

/// A document whose texts are scrubbed, without the names of machines.
pub(crate) fn scrubbed_document(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(scrubbed(&text)),
        Value::Array(values) => values.into_iter().map(scrubbed_document).collect(),
        Value::Object(members) => members
            .into_iter()
            .filter(|(name, _)| !matches!(name.as_str(), "holders" | "holder" | "host"))
            .map(|(name, value)| (scrubbed(&name), scrubbed_document(value)))
            .collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_addresses_do_not_leave_the_server() {
        for (text, expected) in [
            ("plain", "plain"),
            ("GET https://user:pw@host/x?key=1: 403", "GET (an address): 403"),
            ("cannot read /srv/lake/a b", "cannot read (a path) b"),
            ("(gs://bucket/x), `/tmp/y`", "((an address)), `(a path)`"),
            ("deribit/trades/2024/03/01/BTC.csv.gz", "deribit/trades/2024/03/01/BTC.csv.gz"),
            ("a / b", "a / b"),
        ] {
            assert_eq!(scrubbed(text), expected);
        }
    }
}
