//! Faults: which requests they apply to, and what happens to them.
//!
//! Not for their implementation: that is `front::sabotage`.

use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};

use crate::json_edit::JsonEdit;

/// A fault of the requests that match it. Of all faults that match a request, the first in the list applies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// The server.
    pub host: Host,
    /// A part of path and query, as sent or percent-decoded; `*` matches any text. Empty: every request.
    #[serde(default)]
    pub url_contains: String,
    /// HTTP method, without case; `None`: all.
    #[serde(default)]
    pub method: Option<String>,
    /// Which attempts at one URL, counted from 1 since the faults were set.
    #[serde(default)]
    pub attempts: Attempts,
    /// Which of the requests that match everything else, over all URLs, counted from 1 since the faults were set.
    #[serde(default)]
    pub requests: Attempts,
    /// What happens to the request.
    pub kind: FaultKind,
}

impl Fault {
    /// Creates a fault of every attempt at the URLs that contain a text.
    pub fn always(host: Host, url_contains: &str, kind: FaultKind) -> Fault {
        let (attempts, requests) = (Attempts::All, Attempts::All);
        Fault { host, url_contains: url_contains.to_owned(), method: None, attempts, requests, kind }
    }

    /// Creates a fault of the first attempt at each URL that contains a text.
    pub fn once(host: Host, url_contains: &str, kind: FaultKind) -> Fault {
        Fault { attempts: Attempts::Only(vec![1]), ..Fault::always(host, url_contains, kind) }
    }

    /// Whether the fault matches a request, its `requests` left aside.
    pub(crate) fn matches(&self, host: Host, method: &str, url: &str, attempt: u32) -> bool {
        let decoded = percent_decode_str(url).decode_utf8_lossy();
        self.host == host
            && self.method.as_deref().is_none_or(|m| m.eq_ignore_ascii_case(method))
            && self.attempts.contains(attempt)
            && (contains(url, &self.url_contains) || contains(&decoded, &self.url_contains))
    }
}

/// A simulated server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Host {
    /// Tardis' metadata API.
    Api,
    /// Tardis' dataset files.
    Datasets,
    /// The object store to which file requests may be redirected.
    Store,
    /// The GCS server.
    Gcs,
    /// Binance's REST API.
    Binance,
}

/// Selects some of several attempts, counted from 1.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Attempts {
    /// Every attempt.
    #[default]
    All,
    /// The attempts with these numbers.
    Only(Vec<u32>),
    /// All attempts up to this number, included.
    UpTo(u32),
}

impl Attempts {
    /// Whether an attempt is selected.
    pub(crate) fn contains(&self, attempt: u32) -> bool {
        match self {
            Attempts::All => true,
            Attempts::Only(list) => list.contains(&attempt),
            Attempts::UpTo(last) => attempt <= *last,
        }
    }
}

/// What happens to a request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// Responds with a status instead.
    Status {
        /// The status.
        status: u16,
        /// Format of the body.
        #[serde(default)]
        body: ErrorBody,
    },
    /// Responds with 429.
    TooManyRequests {
        /// The `Retry-After` header.
        #[serde(default)]
        retry_after: RetryAfter,
    },
    /// Responds with 403 and code 274: the key is in use from another address.
    KeyLocked {
        /// Seconds until the key is released, in the body.
        retry_after_seconds: u64,
    },
    /// Responds with the CDN's 403 page for blocked clients.
    EdgeBlocked,
    /// Responds with the CDN's 520 page.
    EdgeDown,
    /// Responds with 200 and an HTML page.
    WebPage,
    /// Responds with a fixed JSON body.
    Words {
        /// The status.
        status: u16,
        /// The body.
        body: String,
        /// The `ETag` header; `None`: no such header.
        #[serde(default)]
        etag: Option<String>,
    },
    /// Responds with 200 and a gzip body that inflates to many times its size.
    Swollen {
        /// Start of the inflated body.
        start: String,
        /// The repeated piece.
        piece: String,
        /// Number of repetitions.
        times: u64,
        /// End of the inflated body.
        end: String,
    },
    /// Redirects to a URL.
    RedirectTo {
        /// The URL.
        to: String,
    },
    /// Resets the connection without a response.
    Reset,
    /// Never responds; the connection stays open.
    Hang,
    /// Redirects to a closed port, where the connection is refused.
    DeadRedirect,
    /// Aborts the connection within the body. `Content-Length`, if any, is that of the whole body.
    Cut {
        /// Bytes of the body that are sent.
        after: u64,
        /// Send the body chunked, without `Content-Length`.
        #[serde(default)]
        chunked: bool,
    },
    /// Throttles the body.
    Drip {
        /// Bytes per second.
        bytes_per_second: u64,
    },
    /// Stops within the body; the connection stays open.
    Stall {
        /// Bytes of the body that are sent.
        after: u64,
    },
    /// Inverts one byte of the body.
    FlipByte {
        /// Its offset; a negative one counts from the end.
        at: i64,
    },
    /// Flips one bit of the body.
    FlipBit {
        /// Offset of its byte; a negative one counts from the end.
        at: i64,
    },
    /// Appends junk bytes to the body; `Content-Length` includes them.
    Junk {
        /// Number of bytes.
        bytes: u64,
    },
    /// Sends the body twice; `Content-Length` covers both.
    Twice,
    /// Truncates the body; `Content-Length` is that of the rest.
    Truncate {
        /// Bytes that remain.
        keep: u64,
    },
    /// Sends the file as two gzip members and ends the body after the first, as if it were complete.
    MemberCut {
        /// The stated length.
        length: SaidLength,
        /// The `x-md5` header.
        #[serde(default)]
        md5: Md5Header,
    },
    /// Sends the whole body without `Content-Length`.
    NoLength {
        /// The `x-md5` header.
        #[serde(default)]
        md5: Md5Header,
    },
    /// Sends a gzip stream that inflates to nothing.
    InflatesToNothing,
    /// Sends a gzip stream with a wrong trailer.
    WrongTrailer {
        /// The wrong part.
        part: TrailerPart,
    },
    /// Gives some rows another symbol.
    OtherSymbol,
    /// Writes the symbol of every second row in lower case.
    OtherSpelling,
    /// Moves all rows to the day before.
    OtherDay,
    /// Sends the header row only.
    NoRows,
    /// Responds with 400 and Tardis' code for a file that does not exist.
    NoSuchFile,
    /// Changes the columns of the header row and of all rows.
    Columns {
        /// The change.
        change: ColumnChange,
    },
    /// Edits the JSON of a metadata response.
    Json {
        /// The edits, in order.
        edits: Vec<JsonEdit>,
    },
    /// Executes the request, then resets the connection instead of responding.
    LoseReply,
    /// Executes the request twice, as if a proxy had repeated it, and sends the second response.
    CarryOutTwice,
    /// Flips one bit of the request's body. GCS only.
    DamageUpload,
    /// Responds with another checksum than that of the stored object. GCS only.
    OtherChecksum,
    /// Lists the objects as they were before the last change. GCS only.
    StaleListing,
    /// Ignores the preconditions of the request. GCS only.
    IgnoreConditions,
    /// Reports success without executing the request. Deletes at GCS only.
    OnlySay,
}

/// Format of an error's body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorBody {
    /// The server's own format: JSON for Tardis, XML or JSON for GCS.
    #[default]
    Own,
    /// An HTML page.
    Html,
    /// No body.
    Empty,
}

/// The `Retry-After` of a 429.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryAfter {
    /// No such header.
    #[default]
    Absent,
    /// This many seconds.
    Seconds(u64),
    /// An HTTP date this many seconds from now, by the real clock.
    DateIn(u64),
}

/// A part of a gzip trailer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrailerPart {
    /// CRC-32 of the content.
    Crc,
    /// Length of the content.
    Length,
}

/// The length that a response states for a truncated file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SaidLength {
    /// `Content-Length` of the whole file.
    Whole,
    /// `Content-Length` of the bytes that are sent.
    OfBody,
    /// None: the body is chunked.
    None,
}

/// The `x-md5` header of a file response.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Md5Header {
    /// The file's MD5 in hexadecimal.
    #[default]
    Right,
    /// The MD5 of another file, as observed for files uploaded in parts.
    Wrong,
    /// No such header.
    Absent,
}

/// A change of a file's columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnChange {
    /// The last column is missing.
    Missing,
    /// The last column has another name.
    Renamed,
    /// The last two columns are swapped.
    Reordered,
    /// One more column at the end.
    Extra,
}

/// Whether `text` contains `pattern`, where `*` matches any text.
fn contains(text: &str, pattern: &str) -> bool {
    let mut rest = text;
    for piece in pattern.split('*') {
        let Some(at) = rest.find(piece) else { return false };
        rest = &rest[at + piece.len()..];
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_find_their_urls() {
        for (pattern, expected) in [
            ("", true),
            ("BTCUSDT", true),
            ("trades/*/BTCUSDT.csv.gz", true),
            ("2024*03*02", true),
            ("BTCUSDT*trades", false),
            ("ETH", false),
        ] {
            assert_eq!(
                contains("/v1/binance/trades/2024/03/02/BTCUSDT.csv.gz", pattern),
                expected,
                "{pattern}"
            );
        }
    }

    #[test]
    fn a_scenario_file_is_a_list_of_faults() {
        let text = r#"[
            {"host": "datasets", "kind": "reset"},
            {"host": "gcs", "method": "PUT", "attempts": {"only": [1, 2]}, "kind": {"status": {"status": 503}}},
            {"host": "api", "url_contains": "instruments", "attempts": {"up_to": 3},
             "kind": {"too_many_requests": {"retry_after": {"seconds": 2}}}},
            {"host": "datasets", "requests": {"only": [7]}, "kind": {"columns": {"change": "renamed"}}}
        ]"#;
        let faults: Vec<Fault> = serde_json::from_str(text).unwrap();
        assert_eq!(faults[0].kind, FaultKind::Reset);
        assert!(faults[1].matches(Host::Gcs, "PUT", "/lake/a", 2));
        assert!(!faults[1].matches(Host::Gcs, "PUT", "/lake/a", 3));
        assert!(!faults[1].matches(Host::Gcs, "GET", "/lake/a", 1));
        let of_day = Fault::always(Host::Gcs, "day-2024", FaultKind::Reset);
        assert!(of_day.matches(Host::Gcs, "GET", "/lake/day%2D2024", 1));
        let again: Vec<Fault> = serde_json::from_str(&serde_json::to_string(&faults).unwrap()).unwrap();
        assert_eq!(again, faults);
    }
}
