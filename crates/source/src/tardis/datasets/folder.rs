//! A local folder of vendor files.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::{Answer, FetchError};
use crate::spool::SpooledFile;
use crate::tardis::vendor_file::VendorFile;

/// A local folder of vendor files, at any depth, gzip or plain, named in the vendor's path form or by the vendor's own clients.
#[derive(Clone, Debug)]
pub struct Folder {
    root: PathBuf,
    files: BTreeMap<VendorFile, PathBuf>,
    unused: BTreeMap<PathBuf, String>,
}

impl Folder {
    /// Scans `root`. A file that exists in several forms counts once.
    ///
    /// # Errors
    /// If a folder cannot be read.
    pub fn open(root: impl Into<PathBuf>) -> io::Result<Folder> {
        let root = root.into();
        let mut files: BTreeMap<VendorFile, PathBuf> = BTreeMap::new();
        let mut unused: BTreeMap<PathBuf, String> = BTreeMap::new();
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
                let Some(file) = file else {
                    unused.insert(path, "its name is not that of a vendor file".to_owned());
                    continue;
                };
                // Independent of the listing order: gzip, which has a checksum, before plain text.
                let rank = |path: &PathBuf| (path.extension() != Some("gz".as_ref()), path.clone());
                let known = files.get(&file).cloned();
                let (used, other) = match known {
                    Some(known) if rank(&path) < rank(&known) => (path, Some(known)),
                    Some(known) => (known, Some(path)),
                    None => (path, None),
                };
                if let Some(other) = other {
                    unused.insert(other, format!("{} is the same file", used.display()));
                }
                files.insert(file, used);
            }
        }
        Ok(Folder { root, files, unused })
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Every vendor file in it, sorted.
    pub fn files(&self) -> impl Iterator<Item = &VendorFile> {
        self.files.keys()
    }

    /// The files that are not used, sorted, with the reason: they have another name than the vendor's files, or another form of the
    /// same file is used.
    pub fn unused(&self) -> impl Iterator<Item = (&Path, &str)> {
        self.unused.iter().map(|(path, reason)| (path.as_path(), reason.as_str()))
    }

    /// Whether the folder contains a file.
    pub fn has(&self, file: &VendorFile) -> bool {
        self.files.contains_key(file)
    }

    /// Opens a file without decompressing it. Returns a reader and the size in bytes.
    ///
    /// # Errors
    /// If it does not exist or cannot be read.
    pub fn open_file(&self, file: &VendorFile) -> io::Result<(Box<dyn io::BufRead + Send>, u64)> {
        let path = self.files.get(file).ok_or(io::ErrorKind::NotFound)?;
        let opened = std::fs::File::open(path)?;
        let bytes = opened.metadata()?.len();
        Ok((Box::new(io::BufReader::with_capacity(1 << 16, opened)), bytes))
    }

    pub(super) async fn fetch(
        &self,
        file: &VendorFile,
        on_bytes: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<Answer, FetchError> {
        let Some(path) = self.files.get(file) else {
            return Err(FetchError::NotInFolder { folder: self.root.clone(), path: file.path() });
        };
        let unreadable = |source| FetchError::Unreadable { path: path.clone(), source };
        // Files can have gigabytes: hashing them would block the runtime's threads.
        let hashed = path.clone();
        let hashing = tokio::task::spawn_blocking(move || SpooledFile::of_users_file(&hashed));
        let spooled = hashing.await.unwrap_or_else(|e| Err(e.into())).map_err(unreadable)?;
        on_bytes(spooled.bytes);
        Ok(Answer::File(spooled))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let unused: Vec<String> = opened
            .unused()
            .map(|(path, _)| path.file_name().unwrap().to_string_lossy().into_owned())
            .collect();
        assert_eq!(unused, ["notes.txt", "binance_trades_2024-03-01_BTCUSDT.csv"]);
        assert_eq!(
            found,
            ["binance/trades/2024/03/01/BTCUSDT.csv.gz", "deribit/trades/2024/03/01/BTC-PERPETUAL.csv.gz"]
        );
    }
}
