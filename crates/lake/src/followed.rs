//! An object that others may replace while it is read: decides whether the result of a read is valid.
//!
//! Each read is of one version ([`crate::read`]), so rows are never mixed. What remains is to report nothing about an object
//! from a version that is gone, and above all not to call an intact object damaged. Every reader that fails, or finds damage,
//! asks here.

use std::time::Duration;

use crate::error::LakeError;
use crate::object::Entry;
use crate::store::Lake;

/// How often an object that was replaced during a read is read again.
pub const LOOKS_AGAIN: usize = 3;

/// Delay before the second read of an object that seems damaged: longer than the timestamp resolution of a disk. Within one
/// step of that clock, a file that is being written in place looks like a damaged one.
const STEP: Duration = Duration::from_millis(20);

/// An object, followed across replacements.
pub struct Followed {
    entry: Entry,
    looks: usize,
    /// Whether this version was read twice.
    is_twice: bool,
}

impl Followed {
    /// The object of a listing, before its first read.
    pub fn new(entry: Entry) -> Followed {
        Followed { entry, looks: 0, is_twice: false }
    }

    /// The version to read.
    pub fn entry(&self) -> &Entry {
        &self.entry
    }

    /// What to do after a read that failed or found damage.
    ///
    /// # Errors
    /// When the store fails; [`LakeError::Changed`] when the object was replaced each time.
    pub async fn next(&mut self, lake: &Lake) -> Result<Next, LakeError> {
        if !self.is_twice {
            tokio::time::sleep(STEP).await;
        }
        let Some(now) = lake.entry(&self.entry.path).await? else { return Ok(Next::Gone) };
        if now == self.entry {
            let is_twice = std::mem::replace(&mut self.is_twice, true);
            return Ok(if is_twice { Next::Stands } else { Next::ReadAgain });
        }
        self.looks += 1;
        if self.looks > LOOKS_AGAIN {
            return Err(LakeError::Changed { path: self.entry.path.to_string() });
        }
        (self.entry, self.is_twice) = (now, false);
        Ok(Next::ReadAgain)
    }
}

/// What to do after a read that failed or found damage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// The object was replaced, or was read only once: read it.
    ReadAgain,
    /// The object is the same: the result is valid.
    Stands,
    /// The object is gone.
    Gone,
}

/// Whether an error may come from a version that is gone.
pub fn is_doubtful(error: &LakeError) -> bool {
    error.is_changed() || error.is_distrust()
}
