//! Why a recording could not be made, or not be read.

use mtdh_core::error::ErrorKind;
use mtdh_core::partition::Partition;
use mtdh_lake::ParquetError;
use mtdh_lake::live::CaptureError;
use mtdh_source::live::address::AddressError;

/// The error of a recording.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LiveError {
    /// This program cannot read the exchange's feed.
    #[error("no live feed of `{exchange}` is known; there are {}", known.join(", "))]
    NoFeed {
        /// The exchange.
        exchange: String,
        /// Those whose feeds can be read.
        known: Vec<&'static str>,
    },
    /// The feed does not have a data type.
    #[error("the live feed of {exchange} has no {data_type}; it has {}", offered.join(", "))]
    NotOffered {
        /// The exchange.
        exchange: String,
        /// The data type.
        data_type: mtdh_core::DataType,
        /// Those that it has.
        offered: Vec<&'static str>,
    },
    /// The lake's instrument table of the exchange has no such symbol.
    #[error("the instrument table of {day} has no `{symbol}` of {exchange}{}", nearest.as_ref().map(|n| format!("; perhaps `{n}`")).unwrap_or_default())]
    UnknownSymbol {
        /// The exchange.
        exchange: String,
        /// The symbol.
        symbol: String,
        /// The table's day.
        day: mtdh_core::Day,
        /// One that may be meant.
        nearest: Option<String>,
    },
    /// Nothing is to be recorded.
    #[error("nothing of {exchange} is to be recorded: no symbol is named")]
    Nothing {
        /// The exchange.
        exchange: String,
    },
    /// An address cannot be used.
    #[error("an address of {exchange} cannot be used")]
    Address {
        /// The exchange.
        exchange: String,
        /// Why.
        #[source]
        source: AddressError,
    },
    /// The capture cannot be written or read.
    #[error("the capture of {exchange} failed")]
    Capture {
        /// The exchange.
        exchange: String,
        /// Why.
        #[source]
        source: CaptureError,
    },
    /// A part cannot be encoded.
    #[error("the rows of {partition} cannot be written")]
    Encode {
        /// The partition.
        partition: Partition,
        /// Why.
        #[source]
        source: ParquetError,
    },
    /// A recording's file cannot be read.
    #[error("{file} cannot be read as a recording")]
    Recording {
        /// The file.
        file: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The captures of a session have a hole, so that its rows cannot be made again.
    #[error("session {session} of {exchange} lacks segment {number}; its rows cannot be made without it")]
    Hole {
        /// The exchange.
        exchange: String,
        /// The session.
        session: String,
        /// The number of the segment.
        number: u32,
    },
    /// Captures do not tell what was told of their rows.
    #[error("the captures of {exchange} do not give the candles and findings of {day}: {words}")]
    Retold {
        /// The exchange.
        exchange: String,
        /// The day.
        day: mtdh_core::Day,
        /// Why.
        words: String,
    },
    /// A capture states a plan that cannot be read.
    #[error("session {session} states a plan that this program cannot read")]
    Plan {
        /// The session.
        session: String,
    },
    /// The lake is a bucket, and captures are written to a disk first.
    #[error("captures are written to a disk first, and {lake} is none")]
    NoFolder {
        /// The lake.
        lake: String,
    },
    /// Another recorder records the same.
    #[error(
        "{holder} has recorded {} of {exchange} into this lake since {since} (session {session}); end it, or record other symbols, or into another lake",
        listed(symbols)
    )]
    Held {
        /// The exchange.
        exchange: String,
        /// The symbols of both.
        symbols: Vec<String>,
        /// Who.
        holder: String,
        /// Since when, UTC.
        since: String,
        /// Its session.
        session: String,
    },
    /// The disk refuses what is made of captures.
    #[error("the disk refuses")]
    Scratch {
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A thread cannot be started.
    #[error("the recording of {exchange} cannot be started")]
    Thread {
        /// The exchange.
        exchange: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// Some symbols of a list, and how many more.
fn listed(symbols: &[String]) -> String {
    match symbols.split_at_checked(3) {
        Some((first, rest)) if !rest.is_empty() => format!("{} and {} more", first.join(", "), rest.len()),
        _ => symbols.join(", "),
    }
}

impl LiveError {
    /// What a caller can do about it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            LiveError::NoFeed { .. } | LiveError::UnknownSymbol { .. } => ErrorKind::NotFound,
            LiveError::NotOffered { .. }
            | LiveError::Nothing { .. }
            | LiveError::NoFolder { .. }
            | LiveError::Address { .. } => ErrorKind::Invalid,
            LiveError::Held { .. } => ErrorKind::Busy,
            LiveError::Hole { .. }
            | LiveError::Plan { .. }
            | LiveError::Retold { .. }
            | LiveError::Recording { .. } => ErrorKind::Damaged,
            LiveError::Capture { .. }
            | LiveError::Encode { .. }
            | LiveError::Scratch { .. }
            | LiveError::Thread { .. } => ErrorKind::Failed,
        }
    }
}
