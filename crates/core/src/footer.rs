//! The key-value metadata in the Parquet footer of an object.
//!
//! It contains no clock readings and no host names: the same input and version give the same bytes.

mod recording;

pub use recording::{LineRange, Proof, Recording, RecordingGap};

use crate::day::Day;
use crate::key::InstrumentKey;
use crate::partition::{Partition, Status};
use crate::table::{DataType, SCHEMA_VERSION};

/// The key of the format version, which objects, tables, plans and the shared state of runs all carry.
pub const FORMAT: &str = "mtdh.format_version";

/// The pair with the former keys of an object: a line each, oldest first, of the key and the BLAKE3 of the object's data part
/// under it. Objects that never changed their key do not have it.
pub const FORMER_KEYS: &str = "mtdh.former_keys";

/// The newest format that this program knows. 1: version 0.1.0, which does not write it. 2: checksums, which cover [`FORMAT`].
/// 3: `mtdh.provenance` in the footers of partitions.
pub const FORMAT_VERSION: u32 = 3;

/// The footer of one partition's object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionFooter {
    /// Which partition the object is.
    pub partition: Partition,
    /// Stored, empty or absent; never another.
    pub status: Status,
    /// Why it is absent, or which group file gave the evidence that it is empty.
    pub reason: Option<String>,
    /// Where the rows came from.
    pub provenance: Provenance,
    /// How many rows went which way, and their range in time.
    pub tally: Tally,
    /// Version of the columns, see [`SCHEMA_VERSION`].
    pub schema_version: u32,
}

/// Where an object's rows came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Provenance {
    /// A file of the vendor. Footers before format version 3 describe nothing else.
    VendorFile(SourceFile),
    /// A recording of a live feed.
    Recording(Recording),
}

/// The kind of a [`Provenance`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProvenanceKind {
    /// [`Provenance::VendorFile`]; also what reports and footers before format version 3 mean.
    #[default]
    VendorFile,
    /// [`Provenance::Recording`].
    Recording,
}

impl ProvenanceKind {
    /// Both.
    pub const ALL: [ProvenanceKind; 2] = [ProvenanceKind::VendorFile, ProvenanceKind::Recording];

    /// The word in footers and reports.
    pub fn name(self) -> &'static str {
        match self {
            ProvenanceKind::VendorFile => "vendor_file",
            ProvenanceKind::Recording => "recording",
        }
    }

    /// The kind of this name.
    pub fn from_name(name: &str) -> Option<ProvenanceKind> {
        ProvenanceKind::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl Provenance {
    /// Its kind.
    pub fn kind(&self) -> ProvenanceKind {
        match self {
            Provenance::VendorFile(_) => ProvenanceKind::VendorFile,
            Provenance::Recording(_) => ProvenanceKind::Recording,
        }
    }

    /// The source in one text: the vendor's path of a file, or `feed/session` of a recording.
    pub fn source(&self) -> String {
        match self {
            Provenance::VendorFile(file) => file.path.clone(),
            Provenance::Recording(recording) => format!("{}/{}", recording.feed, recording.session),
        }
    }

    /// The symbol as the rows write it; the vendor's dataset id where there are no rows.
    pub fn symbol(&self) -> &str {
        match self {
            Provenance::VendorFile(file) => &file.symbol,
            Provenance::Recording(recording) => &recording.symbol,
        }
    }

    /// The recording, if it was one.
    pub fn recording(&self) -> Option<&Recording> {
        match self {
            Provenance::VendorFile(_) => None,
            Provenance::Recording(recording) => Some(recording),
        }
    }

    /// The vendor file, if it was one.
    pub fn vendor_file(&self) -> Option<&SourceFile> {
        match self {
            Provenance::VendorFile(file) => Some(file),
            Provenance::Recording(_) => None,
        }
    }
}

/// The vendor file behind an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceFile {
    /// The vendor's path, `{exchange}/{data_type}/{YYYY}/{MM}/{DD}/{SYMBOL}.csv.gz`, wherever it was read from.
    pub path: String,
    /// The exchange as the rows write it; the vendor's id where there are no rows.
    pub exchange: String,
    /// The symbol as the rows write it; the vendor's dataset id where there are no rows.
    pub symbol: String,
    /// The server's entity tag, if it sent one.
    pub etag: Option<String>,
    /// Compressed size in bytes; `None` when there was no file.
    pub bytes: Option<u64>,
    /// SHA-256 of the compressed bytes, lower-case hexadecimal; `None` when there was no file.
    pub sha256: Option<String>,
    /// How the file is known to be complete.
    pub end: End,
}

/// How a file is known to be complete: a gzip file that breaks off between two members looks whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum End {
    /// Its length, which the server said before, or with which it lies in a folder; also when there was no file. Footers
    /// of version 0.1.0 say nothing else.
    #[default]
    Length,
    /// The server said no length; the MD5 that it told fits.
    Md5,
    /// The server said no length, and nothing else that proves it.
    NotStated,
}

impl End {
    const ALL: [End; 3] = [End::Length, End::Md5, End::NotStated];

    /// The words in a footer; null where a length was stated, so that a file gives the same bytes wherever it came from.
    fn words(self) -> Option<&'static str> {
        match self {
            End::Length => None,
            End::Md5 => Some("length not stated, MD5 fits"),
            End::NotStated => Some("length not stated"),
        }
    }
}

/// Counts and ranges of a partition's rows. `rows_in == rows_out + rows_rejected`, always.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Rows in the vendor's file.
    pub rows_in: u64,
    /// Rows stored.
    pub rows_out: u64,
    /// Rows in quarantine.
    pub rows_rejected: u64,
    /// Numbers whose text is not what the stored float prints.
    pub inexact_numbers: u64,
    /// Rows whose `local_timestamp` lies before that of the row above.
    pub arrival_regressions: u64,
    /// Smallest and largest `timestamp` of the stored rows, microseconds since the Unix epoch, UTC.
    pub timestamp: Option<(i64, i64)>,
    /// Smallest and largest `local_timestamp` of the stored rows, microseconds since the Unix epoch, UTC.
    pub local_timestamp: Option<(i64, i64)>,
}

/// A footer that does not tell what a partition's footer must.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum FooterError {
    /// A pair is not there.
    #[error("the footer has no `{0}`; the object was not written by mtdh")]
    Lacking(&'static str),
    /// A pair is there but cannot be read.
    #[error("the footer's `{name}` cannot be read: `{value}`")]
    Unreadable {
        /// Which pair.
        name: &'static str,
        /// Its text.
        value: String,
    },
    /// Written by a later version of the program.
    #[error("the object has version {0}, which this program does not know yet; update mtdh")]
    Newer(u32),
}

impl PartitionFooter {
    /// The pairs of the footer, sorted by name. Every name begins with `mtdh.`.
    pub fn to_pairs(&self) -> Vec<(&'static str, String)> {
        let tally = &self.tally;
        let mut pairs = vec![
            ("mtdh.arrival_regressions", tally.arrival_regressions.to_string()),
            ("mtdh.data_type", self.partition.data_type.to_string()),
            ("mtdh.day", self.partition.day.to_string()),
            ("mtdh.inexact_numbers", tally.inexact_numbers.to_string()),
            ("mtdh.instrument_key", self.partition.key.to_string()),
            ("mtdh.rows_in", tally.rows_in.to_string()),
            ("mtdh.rows_out", tally.rows_out.to_string()),
            ("mtdh.rows_rejected", tally.rows_rejected.to_string()),
            ("mtdh.schema_version", self.schema_version.to_string()),
            (PROVENANCE, self.provenance.kind().name().to_owned()),
            ("mtdh.status", self.status.to_string()),
        ];
        match &self.provenance {
            Provenance::VendorFile(file) => pairs.extend(file.to_pairs()),
            Provenance::Recording(recording) => pairs.extend(recording.to_pairs()),
        }
        let mut optional = |name, value: Option<String>| pairs.extend(value.map(|v| (name, v)));
        optional("mtdh.local_timestamp_max", tally.local_timestamp.map(|t| t.1.to_string()));
        optional("mtdh.local_timestamp_min", tally.local_timestamp.map(|t| t.0.to_string()));
        optional("mtdh.reason", self.reason.clone());
        optional("mtdh.timestamp_max", tally.timestamp.map(|t| t.1.to_string()));
        optional("mtdh.timestamp_min", tally.timestamp.map(|t| t.0.to_string()));
        pairs.sort_unstable();
        pairs
    }

    /// Reads the pairs back.
    ///
    /// # Errors
    /// When a pair is lacking or unreadable, or the schema version is newer than this program's.
    pub fn from_pairs<'a>(
        pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<PartitionFooter, FooterError> {
        let pairs: std::collections::HashMap<&str, &str> = pairs.into_iter().collect();
        let reader = PairReader { pairs: &pairs };
        let schema_version = reader.read("mtdh.schema_version", |t| t.parse::<u32>().ok())?;
        if schema_version > SCHEMA_VERSION {
            return Err(FooterError::Newer(schema_version));
        }
        let number = |name| reader.read(name, |t| t.parse::<u64>().ok());
        let range = |min, max| -> Result<Option<(i64, i64)>, FooterError> {
            let min = reader.read_optional(min, |t| t.parse().ok())?;
            Ok(min.zip(reader.read_optional(max, |t| t.parse().ok())?))
        };
        let partition = Partition {
            day: reader.read("mtdh.day", |t| t.parse::<Day>().ok())?,
            data_type: reader.read("mtdh.data_type", |t| t.parse::<DataType>().ok())?,
            key: reader.read("mtdh.instrument_key", |t| t.parse::<InstrumentKey>().ok())?,
        };
        let kind = reader.read_optional(PROVENANCE, ProvenanceKind::from_name)?;
        let provenance = match kind.unwrap_or_default() {
            ProvenanceKind::VendorFile => Provenance::VendorFile(SourceFile::read(&reader)?),
            ProvenanceKind::Recording => Provenance::Recording(Recording::read(&reader)?),
        };
        let tally = Tally {
            rows_in: number("mtdh.rows_in")?,
            rows_out: number("mtdh.rows_out")?,
            rows_rejected: number("mtdh.rows_rejected")?,
            inexact_numbers: number("mtdh.inexact_numbers")?,
            arrival_regressions: number("mtdh.arrival_regressions")?,
            timestamp: range("mtdh.timestamp_min", "mtdh.timestamp_max")?,
            local_timestamp: range("mtdh.local_timestamp_min", "mtdh.local_timestamp_max")?,
        };
        let status = reader.read("mtdh.status", |t| Status::from_name(t).filter(|s| s.is_answered()))?;
        let reason = reader.read_optional("mtdh.reason", |t| Some(t.to_owned()))?;
        Ok(PartitionFooter { partition, status, reason, provenance, tally, schema_version })
    }
}

const PROVENANCE: &str = "mtdh.provenance";

impl SourceFile {
    fn to_pairs(&self) -> Vec<(&'static str, String)> {
        let mut pairs = vec![
            ("mtdh.source", self.path.clone()),
            ("mtdh.source_exchange", self.exchange.clone()),
            ("mtdh.source_symbol", self.symbol.clone()),
        ];
        let mut optional = |name, value: Option<String>| pairs.extend(value.map(|v| (name, v)));
        optional("mtdh.source_bytes", self.bytes.map(|b| b.to_string()));
        optional("mtdh.source_end", self.end.words().map(str::to_owned));
        optional("mtdh.source_etag", self.etag.clone());
        optional("mtdh.source_sha256", self.sha256.clone());
        pairs
    }

    fn read(reader: &PairReader<'_>) -> Result<SourceFile, FooterError> {
        let end = |text: &str| End::ALL.into_iter().find(|end| end.words() == Some(text));
        Ok(SourceFile {
            path: reader.text("mtdh.source")?,
            exchange: reader.text("mtdh.source_exchange")?,
            symbol: reader.text("mtdh.source_symbol")?,
            etag: reader.read_optional("mtdh.source_etag", |t| Some(t.to_owned()))?,
            bytes: reader.read_optional("mtdh.source_bytes", |t| t.parse().ok())?,
            sha256: reader.read_optional("mtdh.source_sha256", |t| Some(t.to_owned()))?,
            end: reader.read_optional("mtdh.source_end", end)?.unwrap_or_default(),
        })
    }
}

pub(crate) struct PairReader<'a> {
    pub pairs: &'a std::collections::HashMap<&'a str, &'a str>,
}

impl PairReader<'_> {
    fn text(&self, name: &'static str) -> Result<String, FooterError> {
        self.read(name, |text| Some(text.to_owned()))
    }

    pub fn read<T>(&self, name: &'static str, parse: impl Fn(&str) -> Option<T>) -> Result<T, FooterError> {
        self.read_optional(name, parse)?.ok_or(FooterError::Lacking(name))
    }

    pub fn read_optional<T>(
        &self,
        name: &'static str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, FooterError> {
        let Some(value) = self.pairs.get(name) else { return Ok(None) };
        parse(value).map(Some).ok_or_else(|| FooterError::Unreadable { name, value: (*value).to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> PartitionFooter {
        PartitionFooter {
            partition: Partition {
                day: "2024-03-01".parse().unwrap(),
                data_type: DataType::Trades,
                key: "DERIBIT:PERP:BTC-USD".parse().unwrap(),
            },
            status: Status::Stored,
            reason: None,
            provenance: Provenance::VendorFile(SourceFile {
                path: "deribit/trades/2024/03/01/BTC-PERPETUAL.csv.gz".into(),
                exchange: "deribit".into(),
                symbol: "BTC-PERPETUAL".into(),
                etag: Some("\"abc\"".into()),
                bytes: Some(123),
                sha256: Some("00".into()),
                end: End::NotStated,
            }),
            tally: Tally {
                rows_in: 3,
                rows_out: 2,
                rows_rejected: 1,
                timestamp: Some((1, 2)),
                ..Tally::default()
            },
            schema_version: SCHEMA_VERSION,
        }
    }

    fn recording() -> PartitionFooter {
        let recording = Recording {
            feed: "binance-futures".into(),
            exchange: "binance-futures".into(),
            symbol: "btcusdt".into(),
            session: "20240301-1".into(),
            ranges: vec![(1, 5), (7, 9)],
            gaps: vec![RecordingGap { range: (5, 7), reason: "disconnected".into() }],
            lines: vec![LineRange { session: "20240301t0".into(), range: (3, 9) }],
            feed_version: 2,
            plan_hash: "ab".into(),
            gap_counts: vec![("disconnect".into(), 1), ("sequence".into(), 4)],
            proof: Some(Proof::Part),
            is_carried: true,
        };
        PartitionFooter { provenance: Provenance::Recording(recording), ..facts() }
    }

    #[test]
    fn pairs_read_back() {
        let mut without_gaps = recording();
        if let Provenance::Recording(recording) = &mut without_gaps.provenance {
            recording.gaps.clear();
        }
        let mut older = recording();
        if let Provenance::Recording(recording) = &mut older.provenance {
            let Recording { feed, exchange, symbol, session, ranges, gaps, .. } = recording.clone();
            *recording = Recording { feed, exchange, symbol, session, ranges, gaps, ..Recording::default() };
        }
        for footer in [facts(), recording(), without_gaps, older] {
            let pairs = footer.to_pairs();
            assert!(pairs.is_sorted(), "{pairs:?}");
            assert_eq!(PartitionFooter::from_pairs(pairs.iter().map(|(n, v)| (*n, v.as_str()))), Ok(footer));
        }
    }

    #[test]
    fn a_recording_that_cannot_be_read_is_refused() {
        let pairs = recording().to_pairs();
        for (name, value) in [
            ("mtdh.provenance", "guess"),
            ("mtdh.recorded", "5..1"),
            ("mtdh.recorded", "1..x"),
            ("mtdh.recording_gaps", "5..7"),
            ("mtdh.recording_gaps", "5..7=two words"),
            ("mtdh.recording_gaps", "5..7="),
            ("mtdh.capture_lines", "3..9"),
            ("mtdh.capture_lines", "a:9..9"),
            ("mtdh.gap_counts", "=1"),
            ("mtdh.gap_counts", "disconnect=x"),
            ("mtdh.feed_version", "-1"),
            ("mtdh.proof", "perhaps"),
            ("mtdh.start", "late"),
        ] {
            let others = pairs.iter().map(|(n, v)| (*n, v.as_str()));
            let read = PartitionFooter::from_pairs(others.chain([(name, value)]));
            assert!(matches!(read, Err(FooterError::Unreadable { .. })), "{name}={value}: {read:?}");
        }
        let without = |gone: &str| {
            let others = pairs.iter().filter(|(n, _)| *n != gone).map(|(n, v)| (*n, v.as_str()));
            PartitionFooter::from_pairs(others)
        };
        for name in ["mtdh.feed", "mtdh.session", "mtdh.recorded", "mtdh.recording_gaps"] {
            assert_eq!(without(name), Err(FooterError::Lacking(name)));
        }
    }

    #[test]
    fn a_footer_that_says_too_little_or_too_much_is_refused() {
        let pairs = facts().to_pairs();
        let without = |gone: &str| {
            PartitionFooter::from_pairs(
                pairs.iter().filter(|(n, _)| *n != gone).map(|(n, v)| (*n, v.as_str())),
            )
        };
        assert_eq!(without("mtdh.status"), Err(FooterError::Lacking("mtdh.status")));
        assert_eq!(without("mtdh.rows_in"), Err(FooterError::Lacking("mtdh.rows_in")));
        let mut older = facts();
        if let Provenance::VendorFile(file) = &mut older.provenance {
            file.end = End::Length;
        }
        assert_eq!(without("mtdh.source_end"), Ok(older), "a footer of version 0.1.0");
        assert_eq!(without("mtdh.provenance"), Ok(facts()), "a footer before format version 3");
        let with = |name: &'static str, value: &'static str| {
            let others = pairs.iter().map(|(n, v)| (*n, v.as_str()));
            PartitionFooter::from_pairs(others.chain([(name, value)]))
        };
        assert_eq!(with("mtdh.schema_version", "99"), Err(FooterError::Newer(99)));
        assert!(matches!(with("mtdh.status", "missing"), Err(FooterError::Unreadable { .. })));
    }
}
