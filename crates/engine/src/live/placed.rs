//! Which line each group of rows came of: the same while it is recorded and whenever the lines are read again.

use std::collections::VecDeque;

/// The lines of groups that are not given out yet. A group is the rows of one message and stream.
#[derive(Default)]
pub(super) struct Placed {
    /// Of each line with rows: how many groups there were after it, the line, and when it arrived.
    lines: VecDeque<(u64, u64, i64)>,
    given: u64,
    last: (u64, i64),
}

impl Placed {
    /// A line came, after which there are so many groups in all.
    pub fn came(&mut self, line: u64, arrived: i64, groups: u64) {
        self.last = (line, arrived);
        self.passed(groups);
    }

    /// Time passed, after which there are so many groups in all: those that it made are placed behind the last line.
    pub fn passed(&mut self, groups: u64) {
        if self.lines.back().map_or(self.given, |(groups, ..)| *groups) < groups {
            self.lines.push_back((groups, self.last.0, self.last.1));
        }
    }

    /// The line of the next group, and when it arrived, microseconds since the Unix epoch, UTC.
    pub fn next(&mut self) -> (u64, i64) {
        while self.lines.front().is_some_and(|(groups, ..)| *groups <= self.given) {
            self.lines.pop_front();
        }
        self.given += 1;
        self.lines.front().map_or(self.last, |(_, line, at)| (*line, *at))
    }

    /// The last line.
    pub fn last(&self) -> u64 {
        self.last.0
    }
}
