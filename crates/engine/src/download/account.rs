//! Accounts for the rows of a vendor file: one rule that every file must meet before anything of it is published.
//!
//! Does not limit how many rows may be rejected; see [`crate::download::partition::Decoded::check_share`].

use std::fmt;

/// Rows of a file, or of one instrument in it, by outcome. The counts are independent: rows read are counted where the text
/// is split into lines, rows stored where they are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Rows read, including rejected ones.
    pub read: u64,
    /// Rows written, or waiting to be written, for an instrument that was asked for.
    pub stored: u64,
    /// Rows that cannot be stored.
    pub rejected: u64,
    /// Rows of a grouped file for unknown instruments or instruments that were not asked for.
    pub not_asked_for: u64,
}

/// Rows that are neither stored nor rejected nor left out, or that came from nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("its rows do not add up: {0}")]
pub struct RowsLost(pub Account);

impl Account {
    /// Checks that every row read is stored, rejected or not asked for.
    ///
    /// # Errors
    /// When the counts do not add up.
    pub fn settle(self) -> Result<(), RowsLost> {
        let went = self.stored + self.rejected + self.not_asked_for;
        if went == self.read { Ok(()) } else { Err(RowsLost(self)) }
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Account { read, stored, rejected, not_asked_for } = self;
        write!(f, "{read} read, {stored} stored, {rejected} rejected, {not_asked_for} not asked for")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_went_nowhere_refuse_the_file() {
        for (read, stored, rejected, not_asked_for, is_settled) in [
            (0, 0, 0, 0, true),
            (1010, 110, 0, 0, false),
            (1010, 1000, 0, 10, true),
            (1010, 999, 1, 10, true),
            (100, 50, 0, 0, false),
            (100, 101, 0, 0, false),
        ] {
            let account = Account { read, stored, rejected, not_asked_for };
            assert_eq!(account.settle().is_ok(), is_settled, "{account}");
        }
    }
}
