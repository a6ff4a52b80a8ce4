//! What tells one version of an object from another at its store, without reading it.
//!
//! In a bucket it is the entity tag. In a folder it is the file's number, size and time of last change: whoever puts another file in
//! its place, or writes over it, changes one of them. Not for what an object holds: that is its digest, which a copy shares.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, UNIX_EPOCH};

use object_store::ObjectMeta;

use crate::open::Place;

/// That of an object as its store tells it; null: the store tells nothing.
pub(crate) fn of_object(place: &Place, meta: &ObjectMeta) -> Option<String> {
    let tag = meta.e_tag.clone()?;
    match place {
        Place::Remote(_) => Some(tag),
        // The tag of object_store has microseconds, disks have nanoseconds.
        Place::Local(_) => Some(of_parts(&tag, meta.last_modified.timestamp_subsec_nanos())),
    }
}

/// That of a file of a local lake: the same that [`of_object`] gives for it.
pub(crate) fn of_file(metadata: &Metadata) -> Option<String> {
    let changed = metadata.modified().ok()?.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let tag = format!("{:x}-{:x}-{:x}", metadata.ino(), changed.as_micros(), metadata.len());
    Some(of_parts(&tag, changed.subsec_nanos()))
}

fn of_parts(tag: &str, nanoseconds: u32) -> String {
    format!("{tag}-{nanoseconds:x}")
}
