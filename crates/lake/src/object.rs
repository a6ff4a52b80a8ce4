//! An object of a listing, and what to do when an object exists already.

use object_store::path::Path;

/// What to do when an object exists already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteMode {
    /// Keep it; fail when its bytes differ from the new one's.
    Create,
    /// Replace it, in one step.
    Overwrite,
}

/// An object of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Path inside the lake.
    pub path: Path,
    /// Size in bytes.
    pub bytes: u64,
    /// Identity of this version of the object at the store, known without reading it: a read by this entry returns this
    /// version or fails with [`LakeError::Changed`](crate::LakeError::Changed). `None`: the store has none, or it is not known.
    pub identity: Option<String>,
}
