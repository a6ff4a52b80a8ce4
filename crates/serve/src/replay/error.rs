//! Why a replay cannot be begun, or ends early.

use mtdh_core::error::{ErrorKind, chain};
use mtdh_engine::EngineError;

/// Why a replay cannot be begun, or ends early. The text is for people and for programs that look for a word: it names the thing.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReplayError {
    /// The request means nothing, or what rows cannot know.
    #[error("{0}")]
    Invalid(String),
    /// The request asks for more than one request may.
    #[error("{0}")]
    TooMuch(String),
    /// No instrument or exchange has that name.
    #[error("{0}")]
    Unknown(String),
    /// The lake lacks what is asked for.
    #[error("{0}")]
    Missing(String),
    /// An object cannot be trusted or read, or the lake cannot be reached. The text has no path of this machine.
    #[error("{message}")]
    Reading {
        /// What the caller can do about it.
        kind: ErrorKind,
        /// What is wrong with which object.
        message: String,
    },
    /// The task that made the messages died.
    #[error("the replay ended early: an internal error; what was sent before is whole")]
    Died,
}

impl ReplayError {
    /// An error of reading, of what is named.
    pub(super) fn reading(what: &str, error: &EngineError) -> ReplayError {
        ReplayError::Reading { kind: error.kind(), message: format!("{what}: {}", chain(error)) }
    }

    /// The HTTP status.
    pub(super) fn status(&self) -> u16 {
        match self {
            ReplayError::Invalid(_) | ReplayError::TooMuch(_) => 400,
            ReplayError::Unknown(_) | ReplayError::Missing(_) => 404,
            ReplayError::Reading { kind: ErrorKind::NotFound, .. } => 404,
            ReplayError::Reading { kind: ErrorKind::Busy | ErrorKind::UsedUp, .. } => 503,
            ReplayError::Reading { .. } | ReplayError::Died => 500,
        }
    }
}
