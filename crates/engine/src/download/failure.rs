//! Why a file is not in the lake, and whether that ends the run.

use mtdh_lake::LakeError;
use mtdh_source::http::HttpError;
use mtdh_source::tardis::datasets::FetchError;

use crate::download::error::ConvertError;
use crate::error::EngineError;
use crate::runs::summary::RunSummary;

/// Why one file is not in the lake.
#[derive(Debug, thiserror::Error)]
pub(super) enum TaskError {
    #[error("it could not be fetched")]
    Fetch(#[source] FetchError),
    #[error("it was refused")]
    Convert(#[source] ConvertError),
    #[error("it could not be published")]
    Lake(#[source] LakeError),
    #[error("the vendor has no such file of the group: {0}")]
    NoGroup(String),
    #[error("the API key does not cover it, but {0}")]
    NotCovered(String),
}

impl TaskError {
    pub fn http(&self) -> Option<&HttpError> {
        match self {
            TaskError::Fetch(FetchError::Http(error)) => Some(error),
            _ => None,
        }
    }

    pub fn lake(&self) -> Option<&LakeError> {
        match self {
            TaskError::Lake(error) | TaskError::Convert(ConvertError::Publish(error)) => Some(error),
            _ => None,
        }
    }

    /// Whether this is a grouped file without rows whose emptiness nothing in the lake supports so far.
    pub fn is_unsupported(&self) -> bool {
        matches!(self, TaskError::Convert(ConvertError::UnsupportedEmptiness(_)))
    }

    /// Whether the files of its members may be there although this grouped file is not.
    pub fn is_of_group(&self) -> bool {
        self.lake().is_none() && !matches!(self, TaskError::NotCovered(_))
    }

    pub fn is_interruption(&self) -> bool {
        matches!(self, TaskError::Convert(ConvertError::Interrupted))
    }
}

/// Why a run ends before its files are done.
pub(super) enum End {
    /// The vendor's quota, or the user's limit, is used up: what is done stays, the rest is left.
    UsedUp(FetchError),
    /// Every other file would fail in the same way.
    Failed(EngineError),
}

/// Separates failures that end the run from those of one file.
pub(super) fn fatal(error: TaskError, summary: &RunSummary) -> Result<TaskError, End> {
    let nothing_done = summary.done.files_done == 0 && summary.done.files_failed == 0;
    let is_refusal =
        matches!(error.http(), Some(HttpError::Unauthorized { .. } | HttpError::EdgeBlocked { .. }));
    let is_used_up = error.http().is_some_and(HttpError::is_used_up);
    let is_lake = error.lake().is_some_and(LakeError::is_fatal);
    match error {
        TaskError::Fetch(source) if is_used_up => Err(End::UsedUp(source)),
        TaskError::Fetch(source) if is_refusal && nothing_done => {
            Err(End::Failed(EngineError::Refused { source }))
        }
        TaskError::Lake(error) | TaskError::Convert(ConvertError::Publish(error)) if is_lake => {
            Err(End::Failed(EngineError::Lake(error)))
        }
        error => Ok(error),
    }
}
