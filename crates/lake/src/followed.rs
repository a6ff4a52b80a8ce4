//! An object that others may replace while it is read: whether what came of a reading may stand.
//!
//! Readings hold to one version ([`crate::read`]), so rows are never mixed. What is left is to say nothing of an object by a version that
//! is gone, and above all not to call a whole one damaged. Whoever reads an object and fails, or finds damage, asks here.

use std::time::Duration;

use crate::error::LakeError;
use crate::object::Entry;
use crate::store::Lake;

/// How often an object is looked at again that was replaced while it was read.
pub const LOOKS_AGAIN: usize = 3;

/// How long is waited before the second reading of an object that seems to be damaged: longer than the steps of a disk's clock. A
/// file that is being written in place cannot be told from a damaged one within one step.
const STEP: Duration = Duration::from_millis(20);

/// An object, from one look to the next.
pub struct Followed {
    entry: Entry,
    looks: usize,
    /// Whether this version was read twice.
    is_twice: bool,
}

impl Followed {
    /// The object of a listing, to be read for the first time.
    pub fn new(entry: Entry) -> Followed {
        Followed { entry, looks: 0, is_twice: false }
    }

    /// The version to read.
    pub fn entry(&self) -> &Entry {
        &self.entry
    }

    /// What to do after a reading that failed or found damage.
    ///
    /// # Errors
    /// When the store fails; [`LakeError::Changed`] when it is another one each time.
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

/// What to do after a reading that failed or found damage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Another object is there by now, or this one was read only once: read it.
    ReadAgain,
    /// It is the same: what was found stands.
    Stands,
    /// There is none any more.
    Gone,
}

/// Whether an error may be one of a version that is gone.
pub fn is_doubtful(error: &LakeError) -> bool {
    error.is_changed() || error.is_distrust()
}
