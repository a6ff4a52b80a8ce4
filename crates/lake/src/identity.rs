//! The identity of a version of an object at its store, known without reading it.
//!
//! In a bucket it is the entity tag. In a folder it is the inode number, size and modification time: replacing the file or
//! writing to it changes at least one of them. Does not identify content; that is the digest, which copies share.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, UNIX_EPOCH};

use object_store::ObjectMeta;

use crate::open::Place;

/// The identity of an object from its store's metadata; `None`: the store has none.
pub(crate) fn of_object(place: &Place, meta: &ObjectMeta) -> Option<String> {
    let tag = meta.e_tag.clone()?;
    match place {
        Place::Remote(_) => Some(tag),
        // The entity tag of object_store has microseconds, disks have nanoseconds.
        Place::Local(_) => Some(of_parts(&tag, meta.last_modified.timestamp_subsec_nanos())),
    }
}

/// The identity of a file of a local lake, equal to the result of [`of_object`].
pub(crate) fn of_file(metadata: &Metadata) -> Option<String> {
    let changed = metadata.modified().ok()?.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let tag = format!("{:x}-{:x}-{:x}", metadata.ino(), changed.as_micros(), metadata.len());
    Some(of_parts(&tag, changed.subsec_nanos()))
}

fn of_parts(tag: &str, nanoseconds: u32) -> String {
    format!("{tag}-{nanoseconds:x}")
}
