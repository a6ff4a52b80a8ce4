//! The vendor's archive of files: the service, or a folder of files that a user already has.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use reqwest::Url;
use reqwest::header::{ETAG, HeaderMap};

use crate::gunzip::is_gzip;
use crate::http::retry::RetryPolicy;
use crate::http::{HttpClient, HttpError, connection, shown};
use crate::spool::{Spooled, Spooling};
use crate::vendor_file::VendorFile;

/// What the archive answers when asked for a file.
#[derive(Debug)]
pub enum Answer {
    /// The file, whole.
    File(Spooled),
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
}

/// The datasets host.
#[derive(Clone, Debug)]
pub struct Datasets {
    http: HttpClient,
    base: Url,
    policy: RetryPolicy,
}

impl Datasets {
    /// Files below `base`, for example `https://datasets.tardis.dev/v1`.
    pub fn new(http: HttpClient, base: Url, policy: RetryPolicy) -> Datasets {
        Datasets { http, base, policy }
    }

    async fn fetch(
        &self,
        file: &VendorFile,
        refetch: u32,
        spool: &Path,
        on_bytes: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<Answer, HttpError> {
        let url = join(&self.base, &file.url_path())?;
        let outcome =
            self.policy.run(|attempt| self.attempt(&url, refetch + attempt - 1, spool, on_bytes)).await;
        match outcome {
            Ok(spooled) => Ok(Answer::File(spooled)),
            Err(error) => match absence(&error) {
                Some(reason) => Ok(Answer::Absent { reason }),
                None => Err(error),
            },
        }
    }

    async fn attempt(
        &self,
        url: &Url,
        earlier_attempts: u32,
        spool: &Path,
        on_bytes: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<Spooled, HttpError> {
        let mut url = url.clone();
        if earlier_attempts > 0 {
            // As the vendor's own clients do, so that no cache in between serves a damaged copy twice.
            url.set_query(Some(&format!("retryAttempt={earlier_attempts}")));
        }
        let mut response = self.http.get(&url, HeaderMap::new()).await?;
        let etag = response.headers().get(ETAG).and_then(|v| v.to_str().ok()).map(str::to_owned);
        let disk = |source| HttpError::Disk { url: shown(&url), source };
        let no_gzip = |start: &[u8]| self.http.wrong_content(&url, "a gzip file", start);
        let mut spooling = Spooling::new(spool);
        let mut start: Vec<u8> = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|e| connection(&url, e))? {
            // A page with status 200 is told from a file by its first bytes, however few come at once.
            if start.len() < GZIP_MAGIC_BYTES {
                start.extend_from_slice(&chunk[..chunk.len().min(START_BYTES)]);
                if start.len() >= GZIP_MAGIC_BYTES && !is_gzip(&start) {
                    return Err(no_gzip(&start));
                }
            }
            spooling.write(&chunk).map_err(disk)?;
            on_bytes(chunk.len() as u64);
        }
        if !is_gzip(&start) {
            return Err(no_gzip(&start));
        }
        Ok(spooling.finish(etag))
    }
}

/// Bytes that tell gzip data.
const GZIP_MAGIC_BYTES: usize = 2;
/// Bytes of a body that are kept for a message.
const START_BYTES: usize = 1024;

/// The vendor's code for a day outside of the symbol's life.
const OUTSIDE_OF_LIFE: i64 = 140;
/// The vendor's code for a symbol, or a symbol and data type, that it does not have.
const NO_SUCH_SYMBOL: i64 = 300;

/// The answers that say that a file does not exist: the vendor's own two codes. A 404 is none of them: a wrong address,
/// a gateway or a proxy answers so as well, and an absence is kept for good.
fn absence(error: &HttpError) -> Option<String> {
    let HttpError::Status { status: 400, code: Some(code), message, .. } = error else { return None };
    let is_absence = matches!(*code, OUTSIDE_OF_LIFE | NO_SUCH_SYMBOL);
    is_absence.then(|| format!("status 400, code {code}: {message}"))
}

/// A URL below a base, which may or may not end in a slash.
pub(crate) fn join(base: &Url, path: &str) -> Result<Url, HttpError> {
    let text = format!("{}/{path}", base.as_str().trim_end_matches('/'));
    Url::parse(&text).map_err(|_| HttpError::BadUrl(text))
}

/// A folder of vendor files, in the vendor's path form or with the names of the vendor's own clients, gzip or plain,
/// at any depth.
#[derive(Clone, Debug)]
pub struct Folder {
    root: PathBuf,
    files: BTreeMap<VendorFile, PathBuf>,
}

impl Folder {
    /// Looks through `root`. A file that is there in several forms counts once.
    ///
    /// # Errors
    /// When a folder cannot be read.
    pub fn open(root: impl Into<PathBuf>) -> io::Result<Folder> {
        let root = root.into();
        let mut files: BTreeMap<VendorFile, PathBuf> = BTreeMap::new();
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder)? {
                let path = entry?.path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let relative = path.strip_prefix(&root).unwrap_or(&path).to_string_lossy();
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                let file = VendorFile::from_path(&relative).or_else(|| VendorFile::from_official_name(&name));
                let Some(file) = file else { continue };
                // Whatever order the system lists them in: gzip, which can be checked, before plain text.
                let rank = |path: &PathBuf| (path.extension() != Some("gz".as_ref()), path.clone());
                if files.get(&file).is_none_or(|known| rank(&path) < rank(known)) {
                    files.insert(file, path);
                }
            }
        }
        Ok(Folder { root, files })
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Every vendor file in it, sorted.
    pub fn files(&self) -> impl Iterator<Item = &VendorFile> {
        self.files.keys()
    }

    /// Whether it has a file.
    pub fn has(&self, file: &VendorFile) -> bool {
        self.files.contains_key(file)
    }

    /// A file's bytes, as they lie there, and how many they are.
    ///
    /// # Errors
    /// When it is not there or cannot be read.
    pub fn open_file(&self, file: &VendorFile) -> io::Result<(Box<dyn io::BufRead + Send>, u64)> {
        let path = self.files.get(file).ok_or(io::ErrorKind::NotFound)?;
        let opened = std::fs::File::open(path)?;
        let bytes = opened.metadata()?.len();
        Ok((Box::new(io::BufReader::with_capacity(1 << 16, opened)), bytes))
    }

    async fn fetch(
        &self,
        file: &VendorFile,
        on_bytes: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<Answer, FetchError> {
        let Some(path) = self.files.get(file) else {
            return Err(FetchError::NotInFolder { folder: self.root.clone(), path: file.path() });
        };
        let unreadable = |source| FetchError::Unreadable { path: path.clone(), source };
        // Files are gigabytes: hashing them is no work for the runtime's own threads.
        let hashed = path.clone();
        let hashing = tokio::task::spawn_blocking(move || Spooled::of_users_file(&hashed));
        let spooled = hashing.await.unwrap_or_else(|e| Err(e.into())).map_err(unreadable)?;
        on_bytes(spooled.bytes);
        Ok(Answer::File(spooled))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_vendors_own_words_are_evidence_of_absence() {
        let error = |status, code| HttpError::Status {
            url: "u".into(),
            status,
            code,
            message: "m".into(),
            retry_after: None,
            is_transient: false,
        };
        for (status, code, expected) in [
            (400, Some(140), true),
            (400, Some(300), true),
            (404, Some(1), false),
            (404, Some(140), false),
            (400, Some(7), false),
            (400, None, false),
            (404, None, false),
            (500, Some(140), false),
        ] {
            assert_eq!(absence(&error(status, code)).is_some(), expected, "{status} {code:?}");
        }
    }

    #[test]
    fn a_folder_is_searched_by_path_and_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let names = [
            "deribit/trades/2024/03/01/BTC-PERPETUAL.csv.gz",
            "old/binance_trades_2024-03-01_BTCUSDT.csv",
            "old/binance_trades_2024-03-01_BTCUSDT.csv.gz",
            "notes.txt",
        ];
        for name in names {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "x").unwrap();
        }
        let opened = Folder::open(folder.path()).unwrap();
        assert!(opened.files.values().all(|path| path.extension() == Some("gz".as_ref())), "{opened:?}");
        let found: Vec<String> = opened.files().map(VendorFile::path).collect();
        assert_eq!(
            found,
            ["binance/trades/2024/03/01/BTCUSDT.csv.gz", "deribit/trades/2024/03/01/BTC-PERPETUAL.csv.gz"]
        );
    }
}
