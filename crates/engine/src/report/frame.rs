//! What all reports have in common as one self-contained HTML page: nothing is requested, and one script of ours sorts, filters and
//! saves. Without it all that is first can be read. Whoever serves the page needs no exception for it: its policy names the digests of
//! script and style.

use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::sheet::{embedded, grouped};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// A page.
pub(super) struct Frame<'a> {
    pub title: String,
    /// The verdict and what it is about.
    pub head: Markup,
    /// The id, title and content of each section.
    pub sections: Vec<(&'static str, &'static str, Markup)>,
    /// The rows of its tables, for the script.
    pub data: Value,
    /// When it was made, RFC 3339, UTC.
    pub made_at: &'a str,
    pub made_by: String,
}

impl Frame<'_> {
    pub fn page(self) -> String {
        let Frame { title, head, sections, data, made_at, made_by } = self;
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta http-equiv="Content-Security-Policy" content=(policy());
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (title) }
                    // Without an icon in the page, browsers request one from a server.
                    link rel="icon" href="data:,";
                    style { (PreEscaped(STYLE)) }
                }
                body {
                    (head)
                    nav aria-label="Contents" { ul { @for (id, title, _) in &sections { li { a href={ "#" (id) } { (title) } } } } }
                    main {
                        @for (id, title, body) in &sections {
                            section id=(id) aria-labelledby={ (id) "-title" } { h2 id={ (id) "-title" } { (title) } (body) }
                        }
                    }
                    footer { p { "Made " time datetime=(made_at) { (made_at) } " by " (made_by) "." } }
                    script type="application/json" id="data" { (embedded(&data)) }
                    script { (PreEscaped(SCRIPT)) }
                }
            }
        };
        page.into_string()
    }
}

/// What the page may do: run its script and use its style.
fn policy() -> String {
    let digest = |text: &str| format!("'sha256-{}'", base64(&Sha256::digest(text.as_bytes())));
    format!(
        "default-src 'none'; script-src {}; style-src {}; img-src data:; base-uri 'none'; form-action 'none'",
        digest(SCRIPT),
        digest(STYLE)
    )
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let bits = (0..3)
            .fold(0, |bits, place| bits << 8 | u32::from(three.get(place).copied().unwrap_or_default()));
        for place in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * place)) as usize % 64];
            text.push(if place <= three.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

pub(super) fn many(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{} {noun}s", grouped(count as u64)) }
}

/// A text with a capital first letter.
pub(super) fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// A number with its label; `path` is its place in the JSON report.
pub(super) fn tile(path: &str, what: &str, number: u64) -> Markup {
    html! { div { dt { (what) } dd data-number=(path) { (grouped(number)) } } }
}

#[cfg(test)]
mod tests {
    use super::base64;

    #[test]
    fn base64_as_others_write_it() {
        for (text, expected) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(base64(text.as_bytes()), expected);
        }
    }
}
