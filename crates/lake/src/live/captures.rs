//! Segments in the lake: put there once, listed, read back.

use std::path::PathBuf;

use mtdh_core::Day;

use super::error::CaptureError;
use super::found::Found;
use super::name::SegmentName;
use super::reader::SegmentReader;
use super::writer::{SealedSegment, disk};
use crate::error::LakeError;
use crate::object::{Entry, WriteMode};
use crate::store::Lake;

/// How a sealed segment came into the lake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uploaded {
    /// It was put there.
    Made,
    /// The same bytes were there.
    WasThere,
    /// It was written in its place: the lake is a folder, and the recorder's folder is the one of its captures.
    InPlace,
}

impl Lake {
    /// The folder of all captures of a lake that is a folder; `None`: a bucket, and a recorder needs a folder of its own.
    pub fn capture_folder(&self) -> Option<PathBuf> {
        Some(self.folder()?.join(self.layout().captures().as_ref()))
    }

    /// Puts a sealed segment into the lake, unless it is there. The file stays. What is refused can be tried again later: the
    /// recording does not wait for it.
    ///
    /// # Errors
    /// When the file cannot be read, the store fails, or other bytes are there ([`LakeError::Exists`]).
    pub async fn upload_segment(&self, segment: &SealedSegment) -> Result<Uploaded, LakeError> {
        self.upload(&segment.name, &segment.path).await
    }

    /// Puts a segment that was found into the lake, as [`Lake::upload_segment`]; `None`: it is not sealed.
    ///
    /// # Errors
    /// As [`Lake::upload_segment`].
    pub async fn upload_found(&self, found: &Found) -> Result<Option<Uploaded>, LakeError> {
        match found.sealed() {
            Some(path) => self.upload(&found.name, &path).await.map(Some),
            None => Ok(None),
        }
    }

    async fn upload(&self, name: &SegmentName, file: &std::path::Path) -> Result<Uploaded, LakeError> {
        let path = self.layout().segment(name);
        if self.folder().is_some_and(|root| root.join(path.as_ref()) == file) {
            return Ok(Uploaded::InPlace);
        }
        let failed = |source| LakeError::Disk { path: file.to_owned(), source };
        let mut file = std::fs::File::open(file).map_err(failed)?;
        let mut stage = self.stage()?;
        std::io::copy(&mut file, &mut stage).map_err(failed)?;
        let made = self.publish(&path, stage, WriteMode::Create).await?;
        Ok(if made.is_some() { Uploaded::Made } else { Uploaded::WasThere })
    }

    /// The venues that the lake has captures of, sorted.
    ///
    /// # Errors
    /// When the store cannot be listed.
    pub async fn captured_venues(&self) -> Result<Vec<String>, LakeError> {
        let folders = self.folders(&self.layout().captures()).await?;
        let names = folders.iter().filter_map(|folder| folder.filename().map(str::to_owned));
        Ok(names.filter(|name| super::name::is_venue(name)).collect())
    }

    /// The days of which the lake has captures of a venue, in order.
    ///
    /// # Errors
    /// When the store cannot be listed.
    pub async fn captured_days(&self, venue: &str) -> Result<Vec<Day>, LakeError> {
        let folders = self.folders(&self.layout().captures_of(venue)).await?;
        Ok(folders.iter().filter_map(|folder| self.layout().parse_day_folder(folder)).collect())
    }

    /// The sealed segments of a venue and day, by session and number.
    ///
    /// # Errors
    /// When the store cannot be listed.
    pub async fn list_segments(&self, venue: &str, day: Day) -> Result<Vec<(SegmentName, Entry)>, LakeError> {
        let entries = self.list(&self.layout().captures_of_day(venue, day)).await?.into_iter();
        let named = |entry: Entry| Some((self.layout().parse_segment(&entry.path)?, entry));
        let mut segments: Vec<(SegmentName, Entry)> = entries.filter_map(named).collect();
        segments.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(segments)
    }

    /// Reads a sealed segment whole, which takes at most some 64 MiB; `None`: there is none.
    ///
    /// # Errors
    /// When the store fails, or it is not what was sealed.
    pub async fn read_segment(&self, name: &SegmentName) -> Result<Option<SegmentReader>, LakeError> {
        let path = self.layout().segment(name);
        let Some(bytes) = self.read(&path).await? else { return Ok(None) };
        let reader = SegmentReader::sealed(bytes);
        reader.map(Some).map_err(|source| LakeError::Capture { path: path.to_string(), source })
    }
}

impl SealedSegment {
    /// Reads the segment from its file.
    ///
    /// # Errors
    /// When the disk refuses, or it is not what was sealed.
    pub fn read(&self) -> Result<SegmentReader, CaptureError> {
        let bytes = std::fs::read(&self.path).map_err(disk(&self.path))?;
        SegmentReader::sealed(bytes.into())
    }
}
