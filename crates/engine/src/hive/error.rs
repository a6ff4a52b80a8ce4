//! Why an export could not be made.

use mtdh_core::error::ErrorKind;
use mtdh_lake::LakeError;
use mtdh_lake::hive::PlaceError;

/// The error of an export. What was exported before is whole.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HiveError {
    /// The place cannot take it.
    #[error("{place} cannot take the export")]
    Place {
        /// The place.
        place: String,
        /// Why.
        #[source]
        source: PlaceError,
    },
    /// The lake has nothing to export.
    #[error("the lake has nothing of that to export")]
    Nothing,
    /// Partitions are missing, and none may be.
    #[error("{count} partitions are missing, {first} the first of them; nothing was exported")]
    Missing {
        /// How many.
        count: u64,
        /// The first.
        first: String,
    },
    /// The place has an export of another form.
    #[error("{place} has an export that is {there}; give another folder for one that is {asked}")]
    OtherForm {
        /// The place.
        place: String,
        /// How the files there are cut.
        there: &'static str,
        /// How they should be.
        asked: &'static str,
    },
    /// The place is a folder of something else.
    #[error("{place} is not empty and has no {head}: give an empty folder or prefix; `{first}` lies there", head = mtdh_core::hive::manifest::HEAD)]
    NotEmpty {
        /// The place.
        place: String,
        /// One of the files.
        first: String,
    },
    /// A document of the export cannot be used.
    #[error("{path} of the export cannot be used: {reason}")]
    Document {
        /// The document.
        path: String,
        /// Why.
        reason: String,
    },
    /// The log of a Delta table is not ours.
    #[error(
        "{path} is not of this export's log: {reason}; move the folder of the log away, and the next run writes a new one"
    )]
    Log {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
}

impl HiveError {
    /// What a caller can do about it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            HiveError::Place { source: PlaceError::Lake(error), .. } => error.kind(),
            HiveError::Place { source: PlaceError::Busy { .. }, .. } => ErrorKind::Busy,
            HiveError::Nothing => ErrorKind::NotFound,
            HiveError::Document { .. } | HiveError::Log { .. } => ErrorKind::Damaged,
            _ => ErrorKind::Invalid,
        }
    }
}

impl HiveError {
    pub(crate) fn of_place(place: &str, source: PlaceError) -> HiveError {
        let source = match source {
            // The lake of an export is its place.
            PlaceError::Lake(LakeError::NoFolder(path)) => {
                let source = std::io::Error::from(std::io::ErrorKind::NotFound);
                PlaceError::Lake(LakeError::Disk { path, source })
            }
            other => other,
        };
        HiveError::Place { place: place.to_owned(), source }
    }
}
