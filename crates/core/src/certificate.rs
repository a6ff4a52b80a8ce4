//! Certificates: a small document that says which data a lake held, so that others can find out whether theirs is the same.
//!
//! A certificate names every partition of a selection with its status and the digests of its object, and the root of a Merkle
//! tree over them. It is made of a lake and compared with one in the engine; here are the document, its bytes and its arithmetic.
//! Start with [`Certificate`]. The format for other programs is `docs/reference/certificate.md`.
//!
//! A document from elsewhere is untrusted: [`Certificate::parse`] bounds its size and counts, accepts only the bytes that
//! [`Certificate::to_bytes`] would write, and recomputes what can be recomputed. It holds no path: paths follow from the layout.

pub mod merkle;
mod read;
mod write;

use std::fmt;

use sha2::{Digest, Sha256};

use crate::day::{Day, DayRange};
use crate::key::{InstrumentKey, InstrumentType};
use crate::partition::{Origin, Partition, Status};
use crate::table::DataType;

/// The version of the document that this program writes and reads.
pub const VERSION: u32 = 1;

/// The most partitions of a certificate: half a gigabyte of memory to verify, ten years of 270 partitions a day.
pub const MOST_PARTITIONS: usize = 1_000_000;

/// The largest document, bytes: [`MOST_PARTITIONS`] partitions with names of usual length.
pub const MOST_BYTES: usize = 256 << 20;

/// The most names of a list of the selection: each partition is compared with them.
pub const MOST_NAMES: usize = 2_000;

/// The longest text of the selection, bytes.
pub const MOST_LETTERS: usize = 256;

/// A hash of 32 bytes: SHA-256 of the document and the tree, BLAKE3 of objects.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// SHA-256 of some bytes.
    pub fn sha256(bytes: &[u8]) -> Hash {
        Hash(Sha256::digest(bytes).into())
    }

    /// Parses 64 digits of lower-case hexadecimal; `None`: it is something else.
    pub fn from_hex(text: &str) -> Option<Hash> {
        let digit = |letter: u8| match letter {
            b'0'..=b'9' => Some(letter - b'0'),
            b'a'..=b'f' => Some(letter - b'a' + 10),
            _ => None,
        };
        let letters = text.as_bytes();
        let mut hash = [0; 32];
        if letters.len() != 2 * hash.len() {
            return None;
        }
        for (byte, pair) in hash.iter_mut().zip(letters.chunks_exact(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Some(Hash(hash))
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// The digests of an object. Together they cover every byte of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digests {
    /// BLAKE3 of the data part: the bytes before the page indexes, as in the footer; of an object that mtdh 0.1.0 wrote, of
    /// the bytes before the Parquet footer.
    pub data: Hash,
    /// BLAKE3 of the other bytes, to the end of the file.
    pub footer: Hash,
}

/// A partition of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The instrument.
    pub key: InstrumentKey,
    /// Its status. Missing and not exported: there was no object that could be trusted.
    pub status: Status,
    /// The object's digests; `None` exactly if the status is not one of an object.
    pub digests: Option<Digests>,
}

/// The partitions of a day and data type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The day.
    pub day: Day,
    /// The data type.
    pub data_type: DataType,
    /// Its partitions, by key, ascending; never empty.
    pub entries: Vec<Entry>,
}

impl Group {
    /// A partition of the group.
    pub fn partition(&self, entry: &Entry) -> Partition {
        Partition { day: self.day, data_type: self.data_type, key: entry.key.clone() }
    }
}

/// What a certificate is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// Days, both ends included.
    pub days: DayRange,
    /// Venues, ascending.
    pub venues: Vec<String>,
    /// Instrument types, ascending; empty: all but combos, and the types that instruments name.
    pub instrument_types: Vec<InstrumentType>,
    /// Data types, ascending by name.
    pub data_types: Vec<DataType>,
    /// Instrument keys, or patterns of them, ascending; empty: all.
    pub instruments: Vec<String>,
}

/// How many partitions have which status, and what they hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// With rows.
    pub stored: u64,
    /// The vendor's file has no rows.
    pub empty: u64,
    /// The vendor has no such file.
    pub absent: u64,
    /// Not there, or not to be trusted.
    pub missing: u64,
    /// Not exported by the vendor when the certificate was made.
    pub not_exported_yet: u64,
    /// Of those with an object: how many no instrument table expected.
    pub unexpected: u64,
    /// Rows of all objects.
    pub rows: u64,
}

impl Counts {
    /// Counts a partition.
    pub fn add(&mut self, status: Status) {
        *match status {
            Status::Stored => &mut self.stored,
            Status::Empty => &mut self.empty,
            Status::Absent => &mut self.absent,
            Status::Missing => &mut self.missing,
            Status::NotExportedYet => &mut self.not_exported_yet,
        } += 1;
    }

    /// Partitions with an object.
    pub fn objects(&self) -> u64 {
        self.stored + self.empty + self.absent
    }

    /// All partitions.
    pub fn partitions(&self) -> u64 {
        self.objects() + self.missing + self.not_exported_yet
    }
}

/// How many objects have which grade, by the last check of this content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Grades {
    /// No finding above `info`.
    pub good: u64,
    /// At least one warning, no error.
    pub degraded: u64,
    /// At least one error.
    pub bad: u64,
    /// There was nothing to grade.
    pub unknown: u64,
    /// Not checked since the object was written.
    pub unchecked: u64,
}

/// A certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// When it was made, microseconds since the Unix epoch, UTC.
    pub certified_us: i64,
    /// The version of mtdh that made it.
    pub mtdh: String,
    /// The newest format of objects that this version knows.
    pub format_version: u32,
    /// The version of the tables' columns.
    pub schema_version: u32,
    /// Whose recording the partitions are.
    pub origin: Origin,
    /// What it is about.
    pub scope: Scope,
    /// The verdict of the validation, by its name.
    pub verdict: String,
    /// Counts of [`Certificate::groups`].
    pub counts: Counts,
    /// The grades of the objects.
    pub grades: Grades,
    /// Whether every byte of every object was read and fitted its digest.
    pub are_bytes_proved: bool,
    /// The root of the tree, see [`Certificate::compute_root`].
    pub root: Hash,
    /// The partitions, by day and by the data type's name.
    pub groups: Vec<Group>,
}

impl Certificate {
    /// Its partitions, in the order of the tree's leaves.
    pub fn partitions(&self) -> impl Iterator<Item = (&Group, &Entry)> {
        self.groups.iter().flat_map(|group| group.entries.iter().map(move |entry| (group, entry)))
    }

    /// The root of the tree whose leaves are its partitions. `path`: a partition's path in the lake.
    pub fn compute_root(&self, path: impl Fn(&Partition) -> String) -> Hash {
        let mut tree = merkle::Tree::default();
        for (group, entry) in self.partitions() {
            let Entry { status, digests, .. } = entry;
            tree.push(leaf(&path(&group.partition(entry)), *status, digests.as_ref()).as_bytes());
        }
        tree.root()
    }
}

/// The bytes of a leaf: four lines without a last line feed. The digests are empty where there is no object.
pub fn leaf(path: &str, status: Status, digests: Option<&Digests>) -> String {
    match digests {
        Some(Digests { data, footer }) => format!("{path}\n{status}\n{data}\n{footer}"),
        None => format!("{path}\n{status}\n\n"),
    }
}

/// Why a document is not a certificate that can be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// It is longer than any certificate.
    #[error("it is longer than {MOST_BYTES} bytes, which no certificate is")]
    TooLong,
    /// It does not end as a certificate ends.
    #[error("it does not end with its own digest: it was cut off, edited, or is no certificate")]
    CutOff,
    /// Its own digest is that of other bytes.
    #[error("it was edited or damaged: its own digest is {said}, its bytes have {found}")]
    Edited {
        /// The digest in the document.
        said: Hash,
        /// The digest of its bytes.
        found: Hash,
    },
    /// A later version of the program made it.
    #[error("it has version {0}, which this program does not know yet; update mtdh")]
    Newer(u32),
    /// It is not the JSON of a certificate.
    #[error("it is not a certificate: {0}")]
    NotOne(String),
    /// It says something that cannot be.
    #[error("it contradicts itself: {0}")]
    Contradicts(String),
    /// It has the content of a certificate, but not its bytes.
    #[error("its bytes are not those that mtdh writes for its content; use the file as it was made")]
    NotCanonical,
    /// Its root is that of other partitions.
    #[error("its root is {said}, its partitions have {found}: one of them was edited")]
    OtherRoot {
        /// The root in the document.
        said: Hash,
        /// The root of its partitions.
        found: Hash,
    },
}
