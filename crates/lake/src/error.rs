//! Errors of the lake, by what a caller can do about them.

use std::io;
use std::path::PathBuf;

use mtdh_core::error::ErrorKind;
use mtdh_core::footer::FooterError;
use mtdh_core::want::{EditError, WantError};
use parquet::errors::ParquetError;

use crate::live::error::CaptureError;

/// An error of the lake.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LakeError {
    /// The lake's URL cannot be used.
    #[error(
        "`{}` is not a lake: {reason}; give a folder, gs://BUCKET or s3://BUCKET",
        mtdh_core::text::without_credentials(url)
    )]
    BadUrl {
        /// The URL.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The key file of a service account cannot be used.
    #[error("the key file {}, which GCP_CREDENTIALS_PATH names, cannot be used", path.display())]
    KeyFile {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The folder does not exist.
    #[error("there is no lake at {}", .0.display())]
    NoFolder(PathBuf),
    /// The bucket does not exist or is not visible.
    #[error("the bucket of {url} does not exist, or these credentials may not see it")]
    NoBucket {
        /// The lake.
        url: String,
        /// The store's error.
        #[source]
        source: object_store::Error,
    },
    /// The store refused the credentials, or there are none.
    #[error("no access to {url}")]
    NoAccess {
        /// The lake.
        url: String,
        /// The store's error.
        #[source]
        source: object_store::Error,
    },
    /// The store did not answer in time.
    #[error("{url} did not answer within {seconds} s")]
    NoAnswer {
        /// The lake.
        url: String,
        /// Waiting time, in seconds.
        seconds: u64,
    },
    /// The store lacks a capability that a lake needs.
    #[error("{url} cannot hold a lake: {lack} ({said}); {remedy}")]
    Unfit {
        /// The lake.
        url: String,
        /// The missing capability.
        lack: &'static str,
        /// The store's answer or behaviour.
        said: String,
        /// The remedy.
        remedy: &'static str,
    },
    /// A local file could not be read or written.
    #[error("cannot use {}", path.display())]
    Disk {
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// In the place of an object is something that is not a file.
    #[error("{} is neither file nor folder, so that it is not opened; move it away", .0.display())]
    NoFile(PathBuf),
    /// Another process holds the lock of the lake's tables.
    #[error(
        "{} is held by {holder}, for {seconds} s now; end that process if it does nothing, and try again",
        path.display()
    )]
    Locked {
        /// The lock's file.
        path: PathBuf,
        /// The holder.
        holder: String,
        /// Waiting time, in seconds.
        seconds: u64,
    },
    /// The store failed.
    #[error("the store failed on {path}")]
    Store {
        /// The object or prefix.
        path: String,
        /// The store's error.
        #[source]
        source: object_store::Error,
    },
    /// A different object already exists under the name of a new one.
    #[error("{path} exists with other content; another writer made it, or an older version of mtdh did")]
    Exists {
        /// The object.
        path: String,
    },
    /// Two rows of a table have the same key, and would share one object.
    #[error("{path} cannot be written: {key} would be the key of both {} and {}; report this, with the two names", symbols[0], symbols[1])]
    SharedKey {
        /// The table.
        path: String,
        /// The key.
        key: String,
        /// The vendor's two symbols.
        symbols: [String; 2],
    },
    /// The stored object differs from what was sent.
    #[error("{path} arrived damaged at the store: its checksum is {found}, sent was {sent}")]
    Damaged {
        /// The object.
        path: String,
        /// The store's checksum.
        found: String,
        /// Ours.
        sent: String,
    },
    /// The store accepted an object and does not have it.
    #[error("{path} was published and is not there; somebody removed it, or the store is late; try again")]
    Vanished {
        /// The object.
        path: String,
    },
    /// Bytes from the store do not match their checksum.
    #[error("{path} came damaged from the store {attempts} times; try again")]
    Misread {
        /// The object.
        path: String,
        /// How often it was read.
        attempts: u32,
    },
    /// Others changed the object during every attempt to change it.
    #[error("{path} was changed by others {attempts} times while it was to be changed; try again")]
    Contended {
        /// The object.
        path: String,
        /// Number of attempts.
        attempts: u32,
    },
    /// The object was replaced while it was read.
    #[error("{path} was replaced or removed while it was read; try again")]
    Changed {
        /// The object.
        path: String,
    },
    /// The object is not readable as Parquet.
    #[error("{path} cannot be read as Parquet")]
    Parquet {
        /// The object.
        path: String,
        /// What is wrong with it.
        #[source]
        source: ParquetError,
    },
    /// A newer version of the program made the object.
    #[error(
        "{path} has version {found} of its form, which this program does not know; update mtdh, nothing was changed"
    )]
    Newer {
        /// The object.
        path: String,
        /// Its version.
        found: u32,
    },
    /// Another version of the program works on the same run.
    #[error("mtdh {found} wrote {path}, and this is mtdh {}: one run is for one version", env!("CARGO_PKG_VERSION"))]
    OtherProgram {
        /// The object.
        path: String,
        /// The other version.
        found: String,
    },
    /// The object's footer is not that of a partition.
    #[error("{path} does not describe itself as a partition must")]
    PartitionFooter {
        /// The object.
        path: String,
        /// What is missing.
        #[source]
        source: FooterError,
    },
    /// A segment of a capture cannot be used.
    #[error("{path} cannot be read as a segment of a capture")]
    Capture {
        /// The segment.
        path: String,
        /// What is wrong with it.
        #[source]
        source: CaptureError,
    },
    /// Parts of a partition lie beside its finished object, which was made without them.
    #[error("{path} was made without {part}; make the day again from its captures")]
    LatePart {
        /// The object.
        path: String,
        /// The part.
        part: String,
    },
    /// The object is a table with other columns.
    #[error("{path} is not the table that belongs there: {reason}")]
    WrongTable {
        /// The object.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The metadata of an Iceberg table is not as this program writes it.
    #[error("{path} is not what mtdh publishes: {reason}; move the table's folder away and publish it again")]
    NoIceberg {
        /// The object.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// What the lake is for cannot be read.
    #[error(transparent)]
    Want(#[from] WantError),
    /// What the lake is for is not changed.
    #[error(transparent)]
    WantEdit(#[from] EditError),
}

impl LakeError {
    /// What a caller can do about it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            LakeError::NoFolder(_) | LakeError::NoBucket { .. } => ErrorKind::NotFound,
            LakeError::NoAccess { .. } => ErrorKind::Refused,
            LakeError::Store { source, .. } if is_refusal(source) => ErrorKind::Refused,
            LakeError::Store { .. }
            | LakeError::NoAnswer { .. }
            | LakeError::Contended { .. }
            | LakeError::Damaged { .. }
            | LakeError::Vanished { .. }
            | LakeError::Changed { .. }
            | LakeError::Locked { .. } => ErrorKind::Busy,
            LakeError::BadUrl { .. }
            | LakeError::KeyFile { .. }
            | LakeError::Unfit { .. }
            | LakeError::Exists { .. }
            | LakeError::LatePart { .. }
            | LakeError::Want(_)
            | LakeError::WantEdit(_)
            | LakeError::SharedKey { .. } => ErrorKind::Invalid,
            LakeError::NoFile(_)
            | LakeError::Misread { .. }
            | LakeError::Parquet { .. }
            | LakeError::Capture { .. }
            | LakeError::Newer { .. }
            | LakeError::OtherProgram { .. }
            | LakeError::PartitionFooter { .. }
            | LakeError::WrongTable { .. }
            | LakeError::NoIceberg { .. } => ErrorKind::Damaged,
            LakeError::Disk { .. } => ErrorKind::Failed,
        }
    }

    /// Whether a retry may succeed without any change by the user.
    pub fn is_transient(&self) -> bool {
        self.kind() == ErrorKind::Busy
    }

    /// Whether every other write would fail as well: the run must stop instead of listing the same failure thousands of
    /// times.
    pub fn is_fatal(&self) -> bool {
        use io::ErrorKind::{PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
        match self {
            LakeError::Disk { source, .. } => {
                matches!(source.kind(), PermissionDenied | QuotaExceeded | ReadOnlyFilesystem | StorageFull)
            }
            LakeError::NoBucket { .. } | LakeError::NoAccess { .. } | LakeError::NoAnswer { .. } => true,
            LakeError::Unfit { .. } => true,
            LakeError::Store { source, .. } => is_refusal(source),
            LakeError::Newer { .. } | LakeError::OtherProgram { .. } => true,
            _ => false,
        }
    }

    /// Whether the object cannot be trusted: it is damaged, or mtdh did not write it. It counts as missing.
    pub fn is_distrust(&self) -> bool {
        matches!(
            self,
            LakeError::Parquet { .. } | LakeError::PartitionFooter { .. } | LakeError::WrongTable { .. }
        )
    }

    /// Whether the object was replaced or removed: what was read is no reason to distrust the new one.
    pub fn is_changed(&self) -> bool {
        matches!(self, LakeError::Changed { .. })
    }

    /// Whether the lake is readable but not writable: derived data is then returned, but not stored.
    pub fn forbids_writing(&self) -> bool {
        use io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
        match self {
            LakeError::Disk { source, .. } => matches!(source.kind(), PermissionDenied | ReadOnlyFilesystem),
            LakeError::Store { source, .. } => is_refusal(source),
            LakeError::Unfit { .. } => true,
            _ => false,
        }
    }
}

/// Whether a store's error is about credentials.
pub(crate) fn is_refusal(error: &object_store::Error) -> bool {
    matches!(
        error,
        object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. }
    )
}
