//! Numbers, sizes and texts as the page writes them.

use std::borrow::Cow;

use maud::{Markup, html};

/// A count as 1,234,567.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups = digits.as_bytes().rchunks(3).rev().map(|group| String::from_utf8_lossy(group));
    groups.collect::<Vec<_>>().join(",")
}

/// A size in bytes with three digits: 1.23 MB.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["B", "kB", "MB", "GB", "TB", "PB"];
    let (mut number, mut unit) = (bytes as f64, 0);
    while number >= 999.5 && unit + 1 < UNITS.len() {
        number /= 1000.0;
        unit += 1;
    }
    let places = if unit == 0 || number >= 99.95 {
        0
    } else if number >= 9.995 {
        1
    } else {
        2
    };
    format!("{number:.places$} {}", UNITS[unit])
}

/// A number of the lake: all of its digits.
pub fn number(value: f64) -> String {
    if value.is_finite() && value.abs() < 1e15 && value.abs() >= 1e-6 || value == 0.0 {
        format!("{value}")
    } else {
        format!("{value:e}")
    }
}

/// A text of the lake, without characters that steer a terminal or turn the direction of writing.
pub fn shown(text: &str) -> Cow<'_, str> {
    mtdh_core::text::printable(text)
}

/// A text whose names of code stand between backticks.
pub fn worded(text: &str) -> Markup {
    html! { @for (place, part) in text.split('`').enumerate() { @if place % 2 == 1 { code { (shown(part)) } } @else { (shown(part)) } } }
}

/// A text of an error as a sentence: it begins with a capital and ends with a stop.
pub fn sentence(text: &str) -> Markup {
    let mut signs = text.chars();
    let first: String = signs.next().map(|sign| sign.to_uppercase().collect()).unwrap_or_default();
    let stop = if text.ends_with(['.', '?', '!', ':']) { "" } else { "." };
    worded(&format!("{first}{}{stop}", signs.as_str()))
}

/// Seconds as people say them: 12 s, 3 min, 2 h, 5 d.
pub fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 0.0 || !s.is_finite() => "0 s".to_owned(),
        s if s < 99.5 => format!("{s:.0} s"),
        s if s < 5970.0 => format!("{:.0} min", s / 60.0),
        s if s < 172_800.0 => format!("{:.1} h", s / 3600.0),
        s => format!("{:.1} d", s / 86_400.0),
    }
}

/// `1 day`, `2 days`.
pub fn plural(count: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(count), if count == 1 { one } else { many })
}

/// A badge: a word with a shape of its own, so that colour is not all that tells it.
pub fn badge(word: &str) -> Markup {
    html! { span.badge.(word) { span.mark aria-hidden="true" { (mark(word)) } (word.replace('_', " ")) } }
}

/// The shape of a word.
pub fn mark(word: &str) -> &'static str {
    match word {
        "stored" | "good" | "done" | "clean" | "recording" | "current" | "complete" => "●",
        "empty" | "not_connected" | "ended" => "○",
        "absent" | "waiting" | "connecting" => "◌",
        "missing" | "gap" => "✕",
        "bad" | "error" | "failed" | "damaged" => "■",
        "degraded" | "warning" | "stale" | "silent" | "interrupted" | "stopped" | "used_up" | "not_clean"
        | "partly_connected" | "capture_only" | "experimental" => "▲",
        "running" => "▶",
        _ => "·",
    }
}

/// A value as JSON within a page: no `<` of a text can end the block.
pub fn embedded(value: &serde_json::Value) -> String {
    value.to_string().replace('<', "\\u003c").replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written() {
        for (value, expected) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(value), expected);
        }
        for (value, expected) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.00 kB"),
            (999_499, "999 kB"),
            (999_500, "1.00 MB"),
            (12_345_678, "12.3 MB"),
        ] {
            assert_eq!(size(value), expected);
        }
        for (value, expected) in
            [(560.0, "560"), (62794.5, "62794.5"), (1e-9, "1e-9"), (0.0, "0"), (1e300, "1e300")]
        {
            assert_eq!(number(value), expected);
        }
    }

    #[test]
    fn no_text_ends_the_block() {
        let value = serde_json::json!({"a": "</script><script>alert(1)</script><!--"});
        let text = embedded(&value);
        assert!(!text.contains('<'), "{text}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
    }
}
