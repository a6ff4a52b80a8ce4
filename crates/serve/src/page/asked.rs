//! The address of a page: its parameters, and the links that keep them.

use std::fmt::Write;

use axum::http::{HeaderMap, HeaderName, Uri, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::state::Shared;

/// What is encoded in a part of an address; a colon may stand in a path and in a query.
const ENCODED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b':').remove(b'*');

/// The parameters that every page keeps: the range.
const KEPT: [&str; 2] = ["start", "end"];

/// A page's address.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The path, as it came.
    pub path: String,
    /// The server's own address, as the browser has it: `https://lake.example.com`.
    pub origin: String,
    /// Whether there is a token, so that the browser can sign out.
    pub has_token: bool,
    pairs: Vec<(String, String)>,
}

impl Asked {
    /// Reads an address. Of a parameter that is given twice the first counts; one without a value is not given.
    pub fn of(uri: &Uri) -> Asked {
        let pairs = pairs(uri.query().unwrap_or_default());
        Asked { path: uri.path().to_owned(), origin: String::new(), has_token: false, pairs }
    }

    /// Reads an address, and how the server was addressed. A proxy that ends TLS says so in `X-Forwarded-Proto`.
    pub fn by(state: &Shared, uri: &Uri, headers: &HeaderMap) -> Asked {
        let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        // It stands in commands that people copy.
        let is_plain = |host: &&str| {
            !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b".:-_[]".contains(&b))
        };
        let host = text(&header::HOST).filter(is_plain).map(str::to_owned);
        let host = host.unwrap_or_else(|| state.address.to_string());
        let scheme = if is_secure(headers) { "https" } else { "http" };
        let has_token = state.options.token.is_some();
        Asked { origin: format!("{scheme}://{host}"), has_token, ..Asked::of(uri) }
    }

    /// A parameter; `None`: not given, or empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// The parameters, but these.
    pub fn others<'a>(&'a self, but: &'a [&str]) -> impl Iterator<Item = (&'a str, &'a str)> {
        let pairs = self.pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        pairs.filter(|(name, _)| !but.contains(name))
    }

    /// This address with some parameters changed; an empty value takes one away.
    pub fn with(&self, changes: &[(&str, &str)]) -> String {
        address(&self.path, self.pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())), changes)
    }

    /// Another page with the same range, and these parameters.
    pub fn to(&self, path: &str, changes: &[(&str, &str)]) -> String {
        let kept = KEPT.into_iter().filter_map(|name| Some((name, self.get(name)?)));
        address(path, kept, changes)
    }

    /// Which page of a long table is wanted, from 1.
    pub fn page(&self) -> usize {
        self.get("page").and_then(|text| text.parse().ok()).unwrap_or(1).clamp(1, 1_000_000)
    }
}

/// The names and values of a query or of a form. Of a name that is given twice the first counts; one without a value is not given.
pub fn pairs(text: &str) -> Vec<(String, String)> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    for pair in text.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (decoded(name), decoded(value));
        if !value.is_empty() && !pairs.iter().any(|(other, _)| *other == name) {
            pairs.push((name, value));
        }
    }
    pairs
}

/// Whether a proxy before this server says that the browser came by TLS.
pub fn is_secure(headers: &HeaderMap) -> bool {
    headers.get("x-forwarded-proto").is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"https"))
}

fn address<'a>(
    path: &str,
    pairs: impl Iterator<Item = (&'a str, &'a str)>,
    changes: &[(&'a str, &'a str)],
) -> String {
    let kept = pairs.filter(|(name, _)| !changes.iter().any(|(other, _)| other == name));
    let mut text = path.to_owned();
    let mut mark = '?';
    for (name, value) in kept.chain(changes.iter().copied()).filter(|(_, value)| !value.is_empty()) {
        // Writing to a text cannot fail.
        let _written = write!(text, "{mark}{}={}", encoded(name), encoded(value));
        mark = '&';
    }
    text
}

/// A text as a part of an address.
pub fn encoded(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

/// A part of an address as text.
pub fn decoded(text: &str) -> String {
    percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_keep_what_they_should() {
        let asked =
            Asked::of(&"/x?start=2024-03-01&q=a%26b&q=c&empty=&end=2024-03-02T00%3A00".parse().unwrap());
        assert_eq!(
            (asked.get("q"), asked.get("empty"), asked.get("end")),
            (Some("a&b"), None, Some("2024-03-02T00:00"))
        );
        for (link, expected) in [
            (asked.with(&[("q", "")]), "/x?start=2024-03-01&end=2024-03-02T00:00"),
            (asked.with(&[("q", "\"<é")]), "/x?start=2024-03-01&end=2024-03-02T00:00&q=%22%3C%C3%A9"),
            (asked.to("/y", &[("venue", "A B")]), "/y?start=2024-03-01&end=2024-03-02T00:00&venue=A%20B"),
            (asked.to("/y", &[("start", "")]), "/y?end=2024-03-02T00:00"),
        ] {
            assert_eq!(link, expected);
        }
        for (query, page) in [
            ("", 1),
            ("page=3", 3),
            ("page=0", 1),
            ("page=-1", 1),
            ("page=x", 1),
            ("page=99999999", 1_000_000),
        ] {
            assert_eq!(Asked::of(&format!("/x?{query}").parse().unwrap()).page(), page, "{query}");
        }
    }
}
