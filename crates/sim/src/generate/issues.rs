//! Versions of Tardis' files. A reissued file has other rows, because its market is generated anew.

use std::collections::HashMap;
use std::sync::Mutex;

use crate::generate::files::FileName;
use crate::sync::lock;

/// The newest version of a file.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Issue {
    /// Version, counted from 0.
    pub(crate) number: u32,
    /// When it was reissued last, microseconds since the Unix epoch, UTC; `None` for the first version.
    pub(crate) at_us: Option<i64>,
}

/// The newest versions of all files that were reissued.
#[derive(Debug, Default)]
pub(crate) struct Issues {
    latest: Mutex<HashMap<FileName, Issue>>,
}

impl Issues {
    /// Adds a version of a file, issued at `now_us`.
    pub(crate) fn reissue(&self, name: FileName, now_us: i64) {
        let mut latest = lock(&self.latest);
        let issue = latest.entry(name).or_default();
        *issue = Issue { number: issue.number + 1, at_us: Some(now_us) };
    }

    /// Returns the newest version of a file.
    pub(crate) fn latest(&self, name: &FileName) -> Issue {
        lock(&self.latest).get(name).copied().unwrap_or_default()
    }
}
