//! Why a verb could not run. What went wrong with single files stands in reports, not here.

use mtdh_core::Day;
use mtdh_lake::LakeError;
use mtdh_source::http::BuildError;
use mtdh_source::metadata::MetadataError;

use crate::candles::CandleError;
use crate::convert::ConvertError;

/// A verb that could not run, or could not go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The lake failed.
    #[error("the lake cannot be used")]
    Lake(#[source] LakeError),
    /// The vendor's metadata cannot be had.
    #[error("the instruments of {exchange} cannot be had from the vendor")]
    Metadata {
        /// The vendor's exchange id.
        exchange: String,
        /// Why.
        #[source]
        source: MetadataError,
    },
    /// The vendor refused the key on the first file that was asked for.
    #[error("the vendor refused the first file, so that nothing was downloaded")]
    Refused {
        /// In its words.
        #[source]
        source: mtdh_source::datasets::FetchError,
    },
    /// The HTTP client cannot be made.
    #[error("the connection to the vendor cannot be set up")]
    Client(#[source] BuildError),
    /// An address of the vendor cannot be used.
    #[error("`{}` is not an http or https address", mtdh_core::text::without_credentials(text))]
    BadAddress {
        /// The address.
        text: String,
    },
    /// The vendor has no such exchange.
    #[error("the vendor has no exchange `{exchange}`")]
    NoExchange {
        /// The id that was asked for.
        exchange: String,
    },
    /// A day has no instrument table, and the verb does not make one.
    #[error("there is no instrument table of {0} in the lake")]
    NoInstruments(Day),
    /// The lake has no plan of the run.
    #[error("the lake has no plan of a run `{run_id}`")]
    NoRun {
        /// The run.
        run_id: String,
    },
    /// A run of that name has a plan already.
    #[error("a run `{run_id}` exists already, and its plan is never replaced; choose another name")]
    RunExists {
        /// The run.
        run_id: String,
    },
    /// A run's name cannot be one.
    #[error("`{run_id}` is no name of a run: letters, digits, `-`, `_` and `.`, at most 100")]
    BadRunName {
        /// The name.
        run_id: String,
    },
    /// A run's plan is not one that this program can work on.
    #[error("the plan of the run `{run_id}` cannot be used: {reason}")]
    WrongPlan {
        /// The run.
        run_id: String,
        /// Why.
        reason: String,
    },
    /// The run is cut into another number of shards.
    #[error("the run `{run_id}` is cut into {total} shards, and shard {index} of {asked} was asked for")]
    OtherShards {
        /// The run.
        run_id: String,
        /// How many shards it has.
        total: u32,
        /// The index that was asked for.
        index: u32,
        /// The number of shards that was asked for.
        asked: u32,
    },
    /// A folder of vendor files cannot be read.
    #[error("cannot read the folder {folder}")]
    Folder {
        /// The folder.
        folder: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A file given by the user cannot be converted.
    #[error("cannot convert {file}")]
    Convert {
        /// The file.
        file: String,
        /// Why.
        #[source]
        source: ConvertError,
    },
    /// An instrument has no reference.
    #[error("{key} cannot be held against a reference: {reason}")]
    Reference {
        /// The instrument.
        key: String,
        /// Why not.
        reason: String,
    },
    /// The reference cannot be had.
    #[error("there is nothing to compare with")]
    Klines(#[source] mtdh_source::klines::KlineError),
    /// There are no candles of what a user gave.
    #[error("cannot make candles of {of}")]
    Candles {
        /// The files.
        of: String,
        /// Why.
        #[source]
        source: CandleError,
    },
}

impl EngineError {
    /// Whether a user's file was read and refused, which is a result; else the verb could not do its work, as on a full disk.
    pub fn is_refusal(&self) -> bool {
        match self {
            EngineError::Convert { source, .. } => {
                !matches!(source, ConvertError::Read(_) | ConvertError::Write(_) | ConvertError::Output(_))
            }
            EngineError::Candles { source, .. } => {
                !matches!(source, CandleError::Write(_) | CandleError::Output(_))
            }
            _ => false,
        }
    }
}

impl From<LakeError> for EngineError {
    fn from(error: LakeError) -> EngineError {
        EngineError::Lake(error)
    }
}

/// An error and its causes in one line. A cause whose words the line above already holds is not said twice: some
/// libraries print their source as a part of themselves.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        cause = error.source();
    }
    text
}
