//! Errors of converting a vendor file.

use std::io;

use mtdh_core::key::InstrumentKey;
use mtdh_lake::ParquetError;
use mtdh_source::gunzip::GzipError;
use mtdh_source::tardis::csv::DecodeError;

use crate::download::account::RowsLost;

/// A file whose rejected rows are a larger share than this is refused.
pub const MAX_REJECTED_SHARE: f64 = 0.001;

/// Why a vendor file was refused. Nothing of it is published.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConvertError {
    /// The gzip data is truncated or damaged.
    #[error("the file arrived damaged")]
    Gzip(#[source] GzipError),
    /// The content is not the expected table.
    #[error("the file is not the one that was asked for")]
    Decode(#[source] DecodeError),
    /// Too many rows cannot be read.
    #[error(
        "{rejected} of {rows} rows cannot be read, more than {} %; the first is line {line}: {reason}",
        MAX_REJECTED_SHARE * 100.0
    )]
    TooManyRejects {
        /// Rejected rows.
        rejected: u64,
        /// All rows.
        rows: u64,
        /// Line of the first rejected row.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// A grouped file without rows: the vendor lists grouped symbols whose files it does not fill.
    #[error("the group's file has no rows, which says nothing about its members")]
    EmptyGroup,
    /// A grouped file without rows, where no other file can show whether that is right.
    #[error("the group's file has no rows, and {0}")]
    UnsupportedEmptiness(String),
    /// Rows that are neither stored nor rejected.
    #[error(transparent)]
    RowsLost(#[from] RowsLost),
    /// Rows that more than one instrument of the day's table may claim.
    #[error(
        "its rows of `{symbol}` may be of {one} or of {other}: the day's instrument table has both under this symbol"
    )]
    SharedSymbol {
        /// The symbol in the form of file URLs.
        symbol: String,
        /// One of the instruments.
        one: InstrumentKey,
        /// Another of them.
        other: InstrumentKey,
    },
    /// Rows of two instruments that would get the same key.
    #[error("rows of `{one}` and of `{other}` would both get the key {key}")]
    SharedKey {
        /// The key.
        key: String,
        /// Exchange and symbol of one, as the rows write them.
        one: String,
        /// Those of the other.
        other: String,
    },
    /// A file of 0 bytes, which not even an empty gzip file has.
    #[error("the file has no bytes; a file without rows is a gzip file all the same")]
    NoBytes,
    /// A grouped file with too many rows of instruments that the day's table does not have: it may be the wrong file, or rows
    /// may have a wrong symbol and be missing under the right one.
    #[error(
        "{rows} of {all} rows are of symbols that the day's instrument table does not have, as `{symbol}`, more than {} %",
        MAX_REJECTED_SHARE * 100.0
    )]
    UnknownSymbols {
        /// Rows of unknown symbols.
        rows: u64,
        /// All rows.
        all: u64,
        /// The first such symbol.
        symbol: String,
    },
    /// The spooled file cannot be read.
    #[error("the file cannot be read")]
    Read(#[source] io::Error),
    /// The object cannot be written.
    #[error("the object cannot be written")]
    Write(#[source] ParquetError),
    /// The lake refused it.
    #[error("the object cannot be published")]
    Publish(#[source] mtdh_lake::LakeError),
    /// The output file cannot be written.
    #[error("the output cannot be written")]
    Output(#[source] io::Error),
    /// The header row matches no data type.
    #[error("its header row is that of no data type: `{0}`")]
    UnknownHeader(String),
    /// A user's file without a header row, whose name does not tell the data type.
    #[error("the file is empty, and its name does not tell of which data type it has no rows")]
    Empty,
    /// A header row that several data types share, in a file whose name does not tell which.
    #[error(
        "its columns are those of {}, and its name does not tell which",
        .0.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and of ")
    )]
    SeveralTypes(Vec<mtdh_core::DataType>),
    /// One key was given for a file of several instruments.
    #[error("the file holds several instruments, so that one key cannot be given for all")]
    SeveralInstruments,
    /// The rows are of another instrument than the given one.
    #[error("its rows are about {rows}, not about {given}")]
    OtherInstrument {
        /// The key that was given.
        given: String,
        /// The instrument of the rows.
        rows: String,
    },
    /// The program was asked to stop.
    #[error("interrupted")]
    Interrupted,
}

impl ConvertError {
    /// Whether downloading the same file again may help.
    pub fn is_damage(&self) -> bool {
        matches!(self, ConvertError::Gzip(_) | ConvertError::NoBytes)
    }
}
