//! An object of a listing, and what to do when one is there already.

use object_store::path::Path;

/// What to do with an object that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteMode {
    /// Leave it; fail when it has other bytes than the new one.
    Create,
    /// Put the new one in its place, in one step.
    Overwrite,
}

/// An object of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Path inside the lake.
    pub path: Path,
    /// Size in bytes.
    pub bytes: u64,
    /// What tells this version of the object from others at the store, without reading it: whoever reads by this entry reads this
    /// version or fails with [`LakeError::Changed`]. `None`: the store gives none, or it is not known.
    pub identity: Option<String>,
}
