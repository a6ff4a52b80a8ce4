//! Why a file cannot be decoded.

use mtdh_core::{DataType, Day};

use super::MAX_LINE_BYTES;

/// A file that is not what was asked for. None of its rows may be published.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum DecodeError {
    /// The header row lacks columns of the table.
    #[error("the header row of a {data_type} file lacks {}; it is `{header}`", missing.join(", "))]
    MissingColumns {
        /// Expected data type.
        data_type: DataType,
        /// The lacking columns.
        missing: Vec<String>,
        /// The row as it stands, shortened.
        header: String,
    },
    /// The header row names a column twice.
    #[error("the header row names `{0}` twice")]
    DoubleColumn(String),
    /// A later part has the first row of the file again.
    #[error("line {0} begins the file anew: it came twice in one")]
    Twice(u64),
    /// A row of another exchange.
    #[error("line {line} is of exchange `{found}`, expected `{expected}`")]
    WrongExchange {
        /// Line, from 1.
        line: u64,
        /// What stands there.
        found: String,
        /// What was asked for.
        expected: String,
    },
    /// A row of another symbol.
    #[error("line {line} is of symbol `{found}`, expected `{expected}`")]
    WrongSymbol {
        /// Line, from 1.
        line: u64,
        /// What stands there.
        found: String,
        /// What was asked for.
        expected: String,
    },
    /// A row that arrived on another day.
    #[error("line {line} arrived at {local_timestamp_us} µs, which is not on {day}")]
    WrongDay {
        /// Line, from 1.
        line: u64,
        /// Its `local_timestamp`, microseconds since the Unix epoch, UTC.
        local_timestamp_us: i64,
        /// The day that was asked for.
        day: Day,
    },
    /// More bad rows than can be kept.
    #[error("too many rows cannot be read; the first is line {line}: {reason}")]
    TooManyRejects {
        /// The first bad line.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// A line without end.
    #[error("line {0} is longer than {MAX_LINE_BYTES} bytes; this is no CSV file")]
    EndlessLine(u64),
}
