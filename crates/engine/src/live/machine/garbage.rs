//! A feed that can read nothing of what it is sent.

/// So many messages are looked at together.
const SAMPLE: u32 = 1_000;
/// A feed of which more than this share of a sample is unreadable is given up.
const MOST: f64 = 0.5;

/// Counts messages and decides.
#[derive(Debug, Default)]
pub(super) struct Garbage {
    seen: u32,
    unread: u32,
    is_given_up: bool,
}

impl Garbage {
    /// Takes a message. The unreadable share, if the feed is given up by it.
    pub fn see(&mut self, is_unread: bool) -> Option<f64> {
        if self.is_given_up {
            return None;
        }
        self.seen += 1;
        self.unread += u32::from(is_unread);
        if self.seen < SAMPLE {
            return None;
        }
        let share = f64::from(self.unread) / f64::from(self.seen);
        (self.seen, self.unread) = (0, 0);
        self.is_given_up = share > MOST;
        self.is_given_up.then_some(share)
    }

    /// No rows are wanted.
    pub fn give_up(&mut self) {
        self.is_given_up = true;
    }

    pub fn is_given_up(&self) -> bool {
        self.is_given_up
    }
}
