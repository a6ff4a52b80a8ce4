//! Why a replay cannot be begun, or ends early.

use axum::http::StatusCode;
use mtdh_engine::EngineError;

use crate::problem::Problem;

/// Why a replay cannot be begun, or ends early. The text is for people and for programs that look for a word: it names the thing,
/// and no path of this machine.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReplayError {
    /// The request means nothing, or asks for what rows cannot know.
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
    /// The lake, or an object of it, cannot be read or trusted.
    #[error("{message}")]
    Reading {
        /// The status that says what the caller can do about it.
        status: StatusCode,
        /// What is wrong with which object.
        message: String,
    },
    /// The task that made the messages died.
    #[error("the replay ended early by an internal error; the messages before are whole")]
    Died,
    /// The server stops.
    #[error("the server stops; the messages before are whole. Ask again")]
    Stopped,
}

impl ReplayError {
    /// An error of reading what is named.
    pub(super) fn reading(what: &str, error: EngineError) -> ReplayError {
        let Problem { status, detail, .. } = Problem::from(error);
        ReplayError::Reading { status, message: format!("{what}: {detail}") }
    }

    /// Rows that are not as their table says.
    pub(super) fn wrong_rows(what: &str, why: &str) -> ReplayError {
        ReplayError::Reading { status: StatusCode::INTERNAL_SERVER_ERROR, message: format!("{what}: {why}") }
    }

    /// The line that ends an answer which has begun. As in tardis-machine it has a message and the address; no message has.
    pub(super) fn line(&self) -> String {
        let line = serde_json::json!({"type": "error", "message": self.to_string(), "url": super::PATH});
        format!("{line}\n")
    }
}

impl From<ReplayError> for Problem {
    fn from(error: ReplayError) -> Problem {
        let message = error.to_string();
        let (status, kind) = match error {
            ReplayError::Invalid(_) => (StatusCode::BAD_REQUEST, "wrong-options"),
            ReplayError::TooMuch(_) => (StatusCode::PAYLOAD_TOO_LARGE, "too-much"),
            ReplayError::Unknown(_) => (StatusCode::NOT_FOUND, "unknown-instrument"),
            ReplayError::Missing(_) => (StatusCode::NOT_FOUND, "missing-data"),
            ReplayError::Reading { status, .. } => (status, "not-readable"),
            ReplayError::Stopped => (StatusCode::SERVICE_UNAVAILABLE, "stopping"),
            ReplayError::Died => (StatusCode::INTERNAL_SERVER_ERROR, "failed"),
        };
        Problem::new(status, kind, message)
    }
}
