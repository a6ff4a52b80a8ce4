//! Updates of one book that wait for its snapshot.

use super::rule::Ids;
use crate::book::LevelChange;

/// At most so many updates wait, and at most so many bytes of levels.
const UPDATES: usize = 2_000;
const LEVELS: usize = 4 * 1024 * 1024 / size_of::<LevelChange>();

/// The updates, oldest first.
#[derive(Debug, Default)]
pub(super) struct Held {
    updates: Vec<(Ids, std::ops::Range<usize>)>,
    levels: Vec<LevelChange>,
}

impl Held {
    /// Whether there was room.
    pub fn push(&mut self, ids: Ids, levels: &[LevelChange]) -> bool {
        if self.updates.len() >= UPDATES || self.levels.len() + levels.len() > LEVELS {
            return false;
        }
        let start = self.levels.len();
        self.levels.extend_from_slice(levels);
        self.updates.push((ids, start..self.levels.len()));
        true
    }

    pub fn last(&self) -> Option<&Ids> {
        self.updates.last().map(|(ids, _)| ids)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&Ids, &[LevelChange])> {
        self.updates.iter().map(|(ids, levels)| (ids, &self.levels[levels.clone()]))
    }

    /// Forgets all, and the room for them: few books wait at a time.
    pub fn clear(&mut self) {
        *self = Held::default();
    }
}
