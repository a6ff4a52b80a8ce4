//! Grouped files that could not be had, and the files of their members in their place.

use std::collections::BTreeMap;

use crate::download::plan::DownloadTask;
use crate::download::plan::grouped::group_of;

/// Grouped files that were replaced by the files of their members, with the number of members not done.
#[derive(Default)]
pub(super) struct Replaced(BTreeMap<String, usize>);

impl Replaced {
    /// A grouped file is replaced by so many files.
    pub fn by(&mut self, group: &DownloadTask, singles: usize) {
        self.0.insert(group.file.path(), singles);
    }

    /// The grouped file, when the last of its members' files is done.
    pub fn answered(&mut self, single: &DownloadTask) -> Option<String> {
        let group = group_of(single)?.path();
        let left = self.0.get_mut(&group)?;
        *left -= 1;
        (*left == 0).then_some(group)
    }
}
