//! The vendor's file archive: the HTTP service, or a local folder of downloaded files.

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

/// The result of a request for a file.
#[derive(Debug)]
pub enum Answer {
    /// The complete file.
    File(SpooledFile),
    /// The vendor states that there is no such file.
    Absent {
        /// The vendor's status, code and message.
        reason: String,
    },
}

/// The source of vendor files.
#[derive(Debug)]
pub enum Archive {
    /// The HTTP service, or a compatible server.
    Service(Datasets),
    /// A local folder.
    Folder(Folder),
}

/// Why a file could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The download failed.
    #[error("the download failed")]
    Http(#[source] HttpError),
    /// The folder does not have the file.
    #[error("`{path}` is not in {}, in any of its forms", folder.display())]
    NotInFolder {
        /// The folder.
        folder: PathBuf,
        /// The file in the vendor's path form.
        path: String,
    },
    /// A file in the folder cannot be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
}

impl FetchError {
    /// The kind of the error.
    pub fn kind(&self) -> ErrorKind {
        match self {
            FetchError::Http(error) => error.kind(),
            FetchError::NotInFolder { .. } => ErrorKind::NotFound,
            FetchError::Unreadable { .. } => ErrorKind::Failed,
        }
    }
}

impl Archive {
    /// Fetches one complete file, or the vendor's statement that there is none. `refetch` is the number of earlier downloads
    /// of the file whose content was damaged. `spool` is the folder for temporary files. `on_bytes` is called with the size of
    /// each chunk as it arrives.
    ///
    /// # Errors
    /// If the request fails after all attempts, or the file cannot be read.
    ///
    /// # Cancel safety
    /// Dropping the future leaves nothing behind.
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

    /// Checks whether a file has changed since `known`: `None` if not, otherwise the current answer. The request is
    /// conditional on the entity tag, so an unchanged file is not sent. Without a tag, the hash decides.
    ///
    /// # Errors
    /// As [`Archive::fetch`].
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

/// The identity of a file at an earlier download.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// The server's entity tag; `None` if it sent none or there was no file.
    pub etag: Option<String>,
    /// SHA-256 of its bytes in lower-case hexadecimal; `None` if there was no file.
    pub sha256: Option<String>,
}

/// Appends a path to a base URL, which may end in a slash.
pub(crate) fn join(base: &Url, path: &str) -> Result<Url, HttpError> {
    let text = format!("{}/{path}", base.as_str().trim_end_matches('/'));
    Url::parse(&text).map_err(|_| HttpError::BadUrl(text))
}
