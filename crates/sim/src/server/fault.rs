//! What goes wrong, where and when: the lines of a fault scenario.
//!
//! Not how it is done on the wire: that is `sabotage`.

use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};

use crate::config::Md5Header;
use crate::json_edit::JsonEdit;

/// One thing that goes wrong. The first fault of the list that fits a request is the one that happens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Which server.
    pub host: Host,
    /// Part of the path and query, as sent or with its percent signs decoded; `*` stands for any text. Empty: every
    /// request.
    #[serde(default)]
    pub url_contains: String,
    /// HTTP method; absent: all.
    #[serde(default)]
    pub method: Option<String>,
    /// Which attempts at one URL, counted since the faults were set.
    #[serde(default)]
    pub attempts: Attempts,
    /// Which of the requests that fit all else, whatever their URL, counted since the faults were set.
    #[serde(default)]
    pub requests: Attempts,
    /// What happens.
    pub kind: FaultKind,
}

impl Fault {
    /// A fault of every attempt at the URLs that contain a text.
    pub fn always(host: Host, url_contains: &str, kind: FaultKind) -> Fault {
        let (attempts, requests) = (Attempts::All, Attempts::All);
        Fault { host, url_contains: url_contains.to_owned(), method: None, attempts, requests, kind }
    }

    /// A fault of the first attempt at each URL that contains a text.
    pub fn once(host: Host, url_contains: &str, kind: FaultKind) -> Fault {
        Fault { attempts: Attempts::Only(vec![1]), ..Fault::always(host, url_contains, kind) }
    }

    pub(crate) fn fits(&self, host: Host, method: &str, url: &str, attempt: u32) -> bool {
        let decoded = percent_decode_str(url).decode_utf8_lossy();
        self.host == host
            && self.method.as_deref().is_none_or(|m| m.eq_ignore_ascii_case(method))
            && self.attempts.contains(attempt)
            && (contains(url, &self.url_contains) || contains(&decoded, &self.url_contains))
    }
}

/// A server of the simulated world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Host {
    /// The vendor's metadata.
    Api,
    /// The vendor's files.
    Datasets,
    /// The object store that file requests may be redirected to.
    Store,
    /// The bucket.
    Gcs,
    /// Binance's candles.
    Binance,
}

/// Which of several, counted from 1.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Attempts {
    /// Every one.
    #[default]
    All,
    /// These; the first is 1.
    Only(Vec<u32>),
    /// All up to this one, included.
    UpTo(u32),
}

impl Attempts {
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
    /// This status instead of an answer.
    Status {
        /// The status.
        status: u16,
        /// Form of the body.
        #[serde(default)]
        body: ErrorBody,
    },
    /// 429.
    TooManyRequests {
        /// Its `Retry-After`.
        #[serde(default)]
        retry_after: RetryAfter,
    },
    /// 403 with code 274: the key is in use from another address.
    KeyLocked {
        /// Seconds until it is free, in the body.
        retry_after_seconds: u64,
    },
    /// 403 with a page of the edge network that says the client is blocked.
    EdgeBlocked,
    /// 520 with a page of the edge network.
    EdgeDown,
    /// 200 with a web page instead of what was asked for.
    WebPage,
    /// An answer with these words, whatever was asked for.
    Words {
        /// The status.
        status: u16,
        /// The body.
        body: String,
        /// The entity tag, where there is one.
        #[serde(default)]
        etag: Option<String>,
    },
    /// 200 with a gzip body that inflates to much more.
    Swollen {
        /// How it begins.
        start: String,
        /// What follows, again and again.
        piece: String,
        /// How often.
        times: u64,
        /// How it ends.
        end: String,
    },
    /// A redirect to this address.
    RedirectTo {
        /// The address.
        to: String,
    },
    /// The connection is reset before any answer.
    Reset,
    /// No answer comes, and the connection stays open.
    Hang,
    /// A redirect to a port on which nobody listens: the connection is refused.
    DeadRedirect,
    /// The connection ends after this many bytes of the body; the length, if any, promised more.
    Cut {
        /// Bytes that arrive.
        after: u64,
        /// Chunked, without a length.
        #[serde(default)]
        chunked: bool,
    },
    /// The body comes slowly.
    Drip {
        /// Bytes in a second.
        bytes_per_second: u64,
    },
    /// After this many bytes of the body nothing more comes, and the connection stays open.
    Stall {
        /// Bytes that arrive.
        after: u64,
    },
    /// One byte of the body is another one.
    FlipByte {
        /// Its place, counted from the end when negative.
        at: i64,
    },
    /// One bit of the body is the other one.
    FlipBit {
        /// The place of its byte, counted from the end when negative.
        at: i64,
    },
    /// Bytes that belong to nothing follow the body, and its length counts them.
    Junk {
        /// How many.
        bytes: u64,
    },
    /// The body comes twice, and its length counts both.
    Twice,
    /// The body ends early, and its length says that this is all.
    Truncate {
        /// Bytes that are left.
        keep: u64,
    },
    /// The file is two gzip members, and the body ends, as if it were whole, after the first.
    MemberCut {
        /// What the answer says of the whole file's length.
        length: SaidLength,
        /// The MD5 that it tells.
        #[serde(default)]
        md5: Md5Header,
    },
    /// The body is whole, and the answer says no length.
    NoLength {
        /// The MD5 that it tells.
        #[serde(default)]
        md5: Md5Header,
    },
    /// The file inflates to nothing.
    InflatesToNothing,
    /// The check at the end of the gzip stream does not fit.
    WrongTrailer {
        /// Which of the two.
        part: TrailerPart,
    },
    /// Rows of another symbol stand in the file.
    OtherSymbol,
    /// Every second row has its symbol in small letters.
    OtherSpelling,
    /// Rows of the day before stand in the file.
    OtherDay,
    /// The file has its header row and nothing else.
    NoRows,
    /// 400 with the vendor's code for a file that it does not have.
    NoSuchFile,
    /// The header row, and the rows with it, are not the usual ones.
    Columns {
        /// What is different.
        change: ColumnChange,
    },
    /// The vendor's metadata says something else in some places.
    Json {
        /// The changes, in order.
        edits: Vec<JsonEdit>,
    },
    /// The request is carried out, but the connection is reset instead of an answer.
    LoseReply,
    /// The request is carried out twice, as when something in between repeats it; the second answer is sent.
    CarryOutTwice,
    /// One bit of the request's body changes on its way in. (The bucket only.)
    DamageUpload,
    /// The answer tells another checksum than that of what is kept. (The bucket only.)
    OtherChecksum,
    /// A listing as it was before the last change. (The bucket only.)
    StaleListing,
    /// The conditions of the request are not looked at. (The bucket only.)
    IgnoreConditions,
    /// The request is not carried out, and the answer says that it was. (Deletes at the bucket only.)
    OnlySay,
}

/// Form of an error's body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorBody {
    /// The host's own: JSON for the vendor, XML or JSON for the bucket.
    #[default]
    Own,
    /// A web page.
    Html,
    /// None.
    Empty,
}

/// The `Retry-After` of a 429.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryAfter {
    /// No such header.
    #[default]
    Absent,
    /// Seconds.
    Seconds(u64),
    /// An HTTP date so many seconds after the real clock's now.
    DateIn(u64),
}

/// A part of a gzip trailer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrailerPart {
    /// The CRC-32 of the content.
    Crc,
    /// The length of the content.
    Length,
}

/// What an answer says of a file's length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SaidLength {
    /// That of the whole file.
    Whole,
    /// That of the bytes that come.
    OfBody,
    /// Nothing: the body comes in chunks.
    None,
}

/// How a file's columns differ from the usual ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnChange {
    /// The last one is missing.
    Missing,
    /// The last one has another name.
    Renamed,
    /// The last two have changed places.
    Reordered,
    /// There is one more at the end.
    Extra,
}

/// Whether `text` contains `pattern`, in which `*` stands for any text.
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
        assert!(faults[1].fits(Host::Gcs, "PUT", "/lake/a", 2));
        assert!(!faults[1].fits(Host::Gcs, "PUT", "/lake/a", 3));
        assert!(!faults[1].fits(Host::Gcs, "GET", "/lake/a", 1));
        let of_day = Fault::always(Host::Gcs, "day-2024", FaultKind::Reset);
        assert!(of_day.fits(Host::Gcs, "GET", "/lake/day%2D2024", 1));
        let again: Vec<Fault> = serde_json::from_str(&serde_json::to_string(&faults).unwrap()).unwrap();
        assert_eq!(again, faults);
    }
}
