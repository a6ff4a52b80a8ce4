//! The vendor's archive of files: the service, or a folder of files that a user already has.

mod folder;
mod service;

use std::io;
use std::path::{Path, PathBuf};

use mtdh_core::error::ErrorKind;
use reqwest::Url;

use crate::http::HttpError;
use crate::spool::SpooledFile;
use crate::tardis::vendor_file::VendorFile;

pub use folder::Folder;
pub use service::Datasets;

/// What the archive answers when asked for a file.
#[derive(Debug)]
pub enum Answer {
    /// The file, whole.
    File(SpooledFile),
    /// There is no such file, and this is the evidence.
    Absent {
        /// Why, in the vendor's words.
        reason: String,
    },
}

/// Where vendor files come from.
#[derive(Debug)]
pub enum Archive {
    /// The service, or anything that speaks as it does.
    Service(Datasets),
    /// A folder.
    Folder(Folder),
}

/// Why a file could not be had.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The service did not give it.
    #[error("the download failed")]
    Http(#[source] HttpError),
    /// The folder has no such file.
    #[error("`{path}` is not in {}, in any of its forms", folder.display())]
    NotInFolder {
        /// The folder.
        folder: PathBuf,
        /// The file's path form.
        path: String,
    },
    /// A file of the folder cannot be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl FetchError {
    /// What a caller can do about it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            FetchError::Http(error) => error.kind(),
            FetchError::NotInFolder { .. } => ErrorKind::NotFound,
            FetchError::Unreadable { .. } => ErrorKind::Failed,
        }
    }
}

impl Archive {
    /// Gets one file, whole, or the evidence that there is none. `refetch` counts earlier gets of the same file whose
    /// content turned out damaged. `on_bytes` hears of each piece as it comes.
    ///
    /// # Errors
    /// When neither can be had.
    ///
    /// # Cancel safety
    /// A dropped call leaves nothing behind.
    pub async fn fetch(
        &self,
        file: &VendorFile,
        refetch: u32,
        spool: &Path,
        on_bytes: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<Answer, FetchError> {
        match self {
            Archive::Service(datasets) => {
                datasets.fetch(file, refetch, spool, on_bytes).await.map_err(FetchError::Http)
            }
            Archive::Folder(folder) => folder.fetch(file, on_bytes).await,
        }
    }

    /// Whether a file is still the one that `known` tells of: nothing when it is, else what there is now. The service is
    /// asked by the entity tag, so that an unchanged file is not sent; where it has none, the file's hash decides.
    ///
    /// # Errors
    /// When neither can be had.
    pub async fn changed(
        &self,
        file: &VendorFile,
        known: &Known,
        spool: &Path,
    ) -> Result<Option<Answer>, FetchError> {
        let answer = match self {
            Archive::Service(datasets) => {
                datasets.get_unless(file, known.etag.as_deref(), spool).await.map_err(FetchError::Http)?
            }
            Archive::Folder(folder) => Some(folder.fetch(file, &|_| {}).await?),
        };
        Ok(answer.filter(|answer| match answer {
            Answer::File(now) => known.sha256.as_ref() != Some(&now.sha256),
            Answer::Absent { .. } => known.sha256.is_some(),
        }))
    }
}

/// What is known of a file from an earlier download.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// The server's entity tag; null when it sent none, or there was no file.
    pub etag: Option<String>,
    /// SHA-256 of its bytes, lower-case hexadecimal; null when there was no file.
    pub sha256: Option<String>,
}

/// A URL below a base, which may or may not end in a slash.
pub(crate) fn join(base: &Url, path: &str) -> Result<Url, HttpError> {
    let text = format!("{}/{path}", base.as_str().trim_end_matches('/'));
    Url::parse(&text).map_err(|_| HttpError::BadUrl(text))
}
