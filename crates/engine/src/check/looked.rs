//! How a subject of a check was looked at.

use std::collections::BTreeSet;

use mtdh_core::check::Group;

/// How something was looked at.
#[derive(Clone, Debug, Default)]
pub struct Looked {
    /// The groups whose checks looked at it.
    pub groups: BTreeSet<Group>,
    /// The objects, as [`mtdh_lake::tables::checks::CheckLine::objects`].
    pub objects: BTreeSet<String>,
    /// Rows that were read.
    pub rows: u64,
}
