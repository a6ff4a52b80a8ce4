//! The start of a segment: who recorded what. Nothing else is needed to make the rows again.

use mtdh_core::text;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::error::CaptureError;
use super::frame::{self, hexadecimal};
use super::name::SessionId;

/// The first bytes of every segment.
pub(super) const MAGIC: &[u8; 8] = b"MTDHCAP\n";

/// The newest version of the format that this program knows.
pub(super) const VERSION: u64 = 1;

/// Bytes of a header's JSON at most: a plan names thousands of streams.
pub(super) const HEADER_BYTES: usize = 16 << 20;

/// What a recorder tells of its session before it records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its name.
    pub id: SessionId,
    /// The vendor's exchange id, such as `binance-futures`.
    pub venue: String,
    /// The addresses that are asked, without secrets.
    pub addresses: Vec<String>,
    /// What was wanted, in the recorder's words: with it, the lines give the rows.
    pub plan: String,
}

impl Session {
    /// The first sixteen digits of the plan's SHA-256.
    pub fn plan_hash(&self) -> String {
        hexadecimal(&Sha256::digest(self.plan.as_bytes())[..8])
    }
}

/// How the segment before ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Its number within the session.
    pub number: u32,
    /// Its SHA-256, as its end frame states it.
    pub sha256: String,
}

/// The header of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The session.
    pub session: Session,
    /// The segment's number within the session, from 0.
    pub number: u32,
    /// The number of its first line within the session, from 0.
    pub first_line: u64,
    /// When its first line arrived, microseconds since the Unix epoch, UTC. All lines are of this UTC day.
    pub start_us: i64,
    /// The segment before, `None`: this is the first.
    pub before: Option<Ended>,
    /// The version of the program.
    pub program: String,
}

impl Header {
    /// The bytes at the start of a file: `magic | length u32 | crc32c u32 | JSON`.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let before = self.before.as_ref().map(|b| json!({"segment": b.number, "sha256": b.sha256}));
        let addresses: Vec<_> = self.session.addresses.iter().map(|a| text::without_credentials(a)).collect();
        let json = json!({
            "version": VERSION,
            "venue": self.session.venue,
            "addresses": addresses,
            "session": self.session.id.as_str(),
            "segment": self.number,
            "first_line": self.first_line,
            "start_us": self.start_us,
            "before": before,
            "plan": self.session.plan,
            "plan_hash": self.session.plan_hash(),
            "program": self.program,
        })
        .to_string();
        let length = (json.len() as u32).to_le_bytes();
        let check = crc32c::crc32c_append(crc32c::crc32c(&length), json.as_bytes()).to_le_bytes();
        [MAGIC, &length[..], &check, json.as_bytes()].concat()
    }

    /// Reads the start of a file; also gives its length in bytes.
    pub(super) fn read(bytes: &[u8]) -> Result<(Header, usize), CaptureError> {
        let wrong = |reason| move || CaptureError::NotASegment(reason);
        let rest = bytes.strip_prefix(MAGIC).ok_or_else(wrong("it does not begin with MTDHCAP"))?;
        let (start, rest) = rest.split_at_checked(8).ok_or_else(wrong("its header is cut off"))?;
        let (length, check) = start.split_at(4);
        let word = |bytes: &[u8]| bytes.iter().rev().fold(0_u32, |sum, byte| (sum << 8) | u32::from(*byte));
        let json_bytes = word(length) as usize;
        if json_bytes > HEADER_BYTES {
            return Err(CaptureError::NotASegment("its header is damaged"));
        }
        let json = rest.get(..json_bytes).ok_or_else(wrong("its header is cut off"))?;
        if crc32c::crc32c_append(crc32c::crc32c(length), json) != word(check) {
            return Err(CaptureError::NotASegment("its header is damaged"));
        }
        let json: Value = serde_json::from_slice(json).map_err(|_| wrong("its header is no JSON")())?;
        match json["version"].as_u64() {
            Some(VERSION) => {}
            Some(other) => return Err(CaptureError::Newer(other)),
            None => return Err(CaptureError::NotASegment("its header states no version")),
        }
        let header = from_json(&json).ok_or_else(wrong("its header lacks a part"))?;
        Ok((header, MAGIC.len() + 8 + json_bytes))
    }
}

fn from_json(json: &Value) -> Option<Header> {
    let text = |name: &str| Some(json[name].as_str()?.to_owned());
    let addresses = json["addresses"].as_array()?.iter();
    let before = match &json["before"] {
        Value::Null => None,
        before => Some(Ended {
            number: u32::try_from(before["segment"].as_u64()?).ok()?,
            sha256: before["sha256"].as_str()?.to_owned(),
        }),
    };
    Some(Header {
        session: Session {
            id: json["session"].as_str()?.parse().ok()?,
            venue: text("venue")?,
            addresses: addresses.map(|a| a.as_str().map(str::to_owned)).collect::<Option<_>>()?,
            plan: text("plan")?,
        },
        number: u32::try_from(json["segment"].as_u64()?).ok()?,
        first_line: json["first_line"].as_u64()?,
        start_us: json["start_us"].as_i64()?,
        before,
        program: text("program")?,
    })
}

/// Whether a file that has no header was merely never written so far: it is cut off, or its bytes never came to the disk.
pub(super) fn is_torn(bytes: &[u8]) -> bool {
    let is_cut_off = match bytes.split_at_checked(MAGIC.len() + 8) {
        None => MAGIC.starts_with(&bytes[..bytes.len().min(MAGIC.len())]),
        Some((start, rest)) => {
            let length = start[8..12].iter().rev().fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte));
            start.starts_with(MAGIC) && (rest.len() as u64) < length
        }
    };
    let has_frame = || (0..bytes.len()).any(|at| frame::read(&bytes[at..], 0).is_some());
    (is_cut_off || bytes.iter().all(|byte| *byte == 0)) && !has_frame()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        Header {
            session: Session {
                id: SessionId::new(1_709_251_205_000_000, 0xab).unwrap(),
                venue: "binance-futures".into(),
                addresses: vec!["wss://user:secret@fstream.binance.com/ws".into()],
                plan: "trades BTCUSDT\n".into(),
            },
            number: 3,
            first_line: 12,
            start_us: 1_709_251_205_000_000,
            before: Some(Ended { number: 2, sha256: "ab".into() }),
            program: "0.1.0".into(),
        }
    }

    #[test]
    fn a_header_reads_back_without_secrets_and_no_part_of_it_does() {
        let bytes = header().to_bytes();
        assert!(!String::from_utf8_lossy(&bytes).contains("secret"));
        let (read, length) = Header::read(&bytes).unwrap();
        assert_eq!((read.session.id.as_str(), length), ("20240301t000005x000000ab", bytes.len()));
        assert_eq!(Header { session: Session { addresses: Vec::new(), ..read.session }, ..read }, {
            let header = header();
            Header { session: Session { addresses: Vec::new(), ..header.session }, ..header }
        });
        for length in 0..bytes.len() {
            assert!(Header::read(&bytes[..length]).is_err(), "{length} bytes");
        }
        for place in 0..bytes.len() * 8 {
            let mut other = bytes.clone();
            other[place / 8] ^= 1 << (place % 8);
            assert!(Header::read(&other).is_err(), "bit {place}");
        }
    }
}
