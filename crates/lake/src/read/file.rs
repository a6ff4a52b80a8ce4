//! Reading a file of a lake's folder that must stay one version.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use bytes::Bytes;
use object_store::Error as StoreError;
use parquet::errors::ParquetError;

use super::external;
use crate::identity;

/// The object is no longer the version whose first bytes were read.
#[derive(Debug, thiserror::Error)]
#[error("it was replaced or removed while it was read")]
pub(crate) struct Changed;

impl From<Changed> for ParquetError {
    fn from(changed: Changed) -> ParquetError {
        ParquetError::External(Box::new(changed))
    }
}

/// Reads a range that the system has in memory; `None`: it has not, and the disk should not be waited for here.
#[cfg(target_os = "linux")]
pub(super) fn read_cached(file: &File, range: &Range<u64>) -> Option<Vec<u8>> {
    use rustix::io::{ReadWriteFlags, preadv2};
    let mut piece = vec![0; (range.end - range.start) as usize];
    let mut pieces = [std::io::IoSliceMut::new(&mut piece)];
    let read = preadv2(file, &mut pieces, range.start, ReadWriteFlags::NOWAIT).ok()?;
    (read == piece.len()).then_some(piece)
}

#[cfg(not(target_os = "linux"))]
pub(super) fn read_cached(_file: &File, _range: &Range<u64>) -> Option<Vec<u8>> {
    None
}

/// Reads a range from the disk.
pub(super) fn read_at(file: &File, range: Range<u64>, identity: Option<&str>) -> Result<Bytes, ParquetError> {
    let mut piece = vec![0; (range.end - range.start) as usize];
    let read = file.read_exact_at(&mut piece, range.start);
    check(file, identity)?;
    read.map_err(disk)?;
    Ok(piece.into())
}

/// Fails if a file is no longer the version, after it was read.
pub(super) fn check(file: &File, identity: Option<&str>) -> Result<(), ParquetError> {
    let now = identity::of_file(&file.metadata().map_err(disk)?);
    if identity.is_some() && now.as_deref() != identity { Err(Changed.into()) } else { Ok(()) }
}

/// The error of a disk.
pub(super) fn disk(source: std::io::Error) -> ParquetError {
    external(StoreError::Generic { store: "the local disk", source: Box::new(source) })
}
