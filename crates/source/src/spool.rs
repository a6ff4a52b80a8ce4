//! The buffer of a vendor file between download and conversion: in memory if small, otherwise on disk.
//!
//! On disk the file has no name, so the system deletes it when the process ends, however it ends. Only a complete file becomes
//! a [`SpooledFile`]. Its hash is that of the stored bytes.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, Write};
use std::path::{Path, PathBuf};

use mtdh_core::footer::End;
use sha2::{Digest, Sha256};
use tempfile::SpooledTempFile;

/// The largest size of a file kept in memory. Most daily files are far smaller.
const MEMORY_BYTES: usize = 1 << 20;

/// A complete vendor file.
pub struct SpooledFile {
    place: Place,
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256 in lower-case hexadecimal.
    pub sha256: String,
    /// The server's entity tag; `None` if it sent none.
    pub etag: Option<String>,
    /// How completeness was verified.
    pub end: End,
}

enum Place {
    Spool(SpooledTempFile),
    /// A file of the user, which is not moved.
    Users(PathBuf),
}

impl fmt::Debug for SpooledFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpooledFile")
            .field("bytes", &self.bytes)
            .field("sha256", &self.sha256)
            .finish_non_exhaustive()
    }
}

impl SpooledFile {
    /// Reads its bytes from the start.
    ///
    /// # Errors
    /// If the file on disk cannot be read.
    pub fn into_reader(self) -> io::Result<Box<dyn BufRead + Send>> {
        Ok(match self.place {
            Place::Spool(mut file) => {
                file.rewind()?;
                Box::new(BufReader::with_capacity(1 << 16, file))
            }
            Place::Users(path) => Box::new(BufReader::with_capacity(1 << 16, File::open(path)?)),
        })
    }

    /// A file of the user. It is read once to compute its hash.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn of_users_file(path: &Path) -> io::Result<SpooledFile> {
        let mut file = File::open(path)?;
        let mut hash = Sha256::new();
        let mut bytes = 0;
        let mut buffer = vec![0; 1 << 16];
        loop {
            let length = file.read(&mut buffer)?;
            if length == 0 {
                break;
            }
            hash.update(&buffer[..length]);
            bytes += length as u64;
        }
        let place = Place::Users(path.to_owned());
        Ok(SpooledFile { place, bytes, sha256: hex(&hash.finalize()), etag: None, end: End::Length })
    }
}

/// A file that is being received.
pub struct SpoolWriter {
    file: SpooledTempFile,
    hash: Sha256,
    bytes: u64,
}

impl SpoolWriter {
    /// An empty file. `folder` must exist; only files too large for memory are written there.
    pub fn new(folder: &Path) -> SpoolWriter {
        SpoolWriter {
            file: tempfile::spooled_tempfile_in(MEMORY_BYTES, folder),
            hash: Sha256::new(),
            bytes: 0,
        }
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// If writing fails. The file is then unusable.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
        self.file.write_all(bytes)
    }

    /// The number of bytes received so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Completes the file.
    pub fn finish(self, etag: Option<String>, end: End) -> SpooledFile {
        SpooledFile {
            place: Place::Spool(self.file),
            bytes: self.bytes,
            sha256: hex(&self.hash.finalize()),
            etag,
            end,
        }
    }
}

/// Formats bytes in lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, b| {
        write!(text, "{b:02x}").expect("writing to a string cannot fail");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_comes_out_small_or_large_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        for size in [0, 10, MEMORY_BYTES + 10] {
            let content = vec![7_u8; size];
            let mut spooling = SpoolWriter::new(folder.path());
            content.chunks(1000).for_each(|chunk| spooling.write(chunk).unwrap());
            let spooled = spooling.finish(None, End::Length);
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "files have no name");
            assert_eq!((spooled.bytes, &spooled.sha256), (size as u64, &hex(&Sha256::digest(&content))));
            let mut read = Vec::new();
            spooled.into_reader().unwrap().read_to_end(&mut read).unwrap();
            assert!(read == content);
        }
    }
}
