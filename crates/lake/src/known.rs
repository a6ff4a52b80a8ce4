//! What footers said of partitions, kept by the version of the object.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};

use mtdh_core::Day;
use mtdh_core::check::grade::Grade;
use mtdh_core::partition::Status;

/// The state of a partition that has an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Brief {
    /// Stored, empty or absent; missing: the object cannot be trusted.
    pub status: Status,
    /// Its rows; `None`: the object cannot be trusted.
    pub rows: Option<u64>,
    /// Its bytes; `None`: the object cannot be trusted.
    pub bytes: Option<u64>,
    /// Its grade by the last check of this content; `None`: there is none.
    pub grade: Option<Grade>,
    /// Why it is empty, absent, or cannot be trusted; `None`: it has rows.
    pub reason: Option<Arc<str>>,
}

/// A hash that tells versions of objects, or contents, apart.
pub(crate) type Hash = [u8; 16];

/// What the footer of a version of an object said.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    /// Without a grade, which the footer does not know.
    pub brief: Brief,
    /// Of what `Available::holds_the_same` compares; `None`: the object cannot be trusted.
    pub content: Option<Hash>,
}

/// What the footers of a day said, by the version of the object.
pub(crate) type OfDay = HashMap<Hash, Known>;

/// What footers said, of the days that were asked for.
#[derive(Default)]
pub(crate) struct KnownFooters {
    days: Mutex<BTreeMap<Day, Arc<OfDay>>>,
    reasons: Mutex<HashSet<Arc<str>>>,
    pub read: AtomicU64,
}

impl KnownFooters {
    pub fn of(&self, day: Day) -> Arc<OfDay> {
        let days = self.days.lock().unwrap_or_else(PoisonError::into_inner);
        days.get(&day).cloned().unwrap_or_default()
    }

    pub fn put(&self, day: Day, mut known: OfDay) {
        known.shrink_to_fit();
        let mut days = self.days.lock().unwrap_or_else(PoisonError::into_inner);
        if known.is_empty() {
            days.remove(&day)
        } else {
            days.insert(day, Arc::new(known))
        };
    }

    /// The one copy of a reason: few are different, but in a lake of damaged objects.
    pub fn reason(&self, text: &str) -> Arc<str> {
        let mut reasons = self.reasons.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = reasons.get(text) {
            return known.clone();
        }
        let new: Arc<str> = text.into();
        if reasons.len() == reasons.capacity() {
            reasons.retain(|reason| Arc::strong_count(reason) > 1);
        }
        reasons.insert(new.clone());
        new
    }
}
