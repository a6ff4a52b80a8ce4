//! Gaps as they are told: one that goes on is told again when it ends, and is the same one.

use std::collections::BTreeSet;

use mtdh_core::DataType;
use mtdh_source::live::out::Gap;

type Open = (Option<u32>, Option<String>, Option<DataType>, &'static str, i64);

/// Gaps that were told and have not ended.
#[derive(Debug, Default)]
pub struct ToldGaps {
    open: BTreeSet<Open>,
}

impl ToldGaps {
    /// Whether a gap is told for the first time.
    pub fn is_new(&mut self, gap: &Gap) -> bool {
        let connection = gap.connection.map(|connection| connection.0);
        let of = (connection, gap.symbol.clone(), gap.data_type, gap.kind, gap.from);
        match gap.from == gap.to {
            true => self.open.insert(of),
            false => !self.open.remove(&of),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::events::session_gap;

    #[test]
    fn a_gap_counts_once_however_often_it_is_told() {
        let mut told = ToldGaps::default();
        for (kind, from, to, expected) in [
            ("disconnect", 3, 3, true),
            ("disconnect", 3, 3, false),
            ("silence", 3, 3, true),
            ("disconnect", 3, 9, false),
            ("disconnect", 12, 15, true),
            ("silence", 3, 4, false),
            ("silence", 5, 5, true),
        ] {
            let gap = session_gap(kind, from, to, String::new());
            assert_eq!(told.is_new(&gap), expected, "{kind} {from} {to}");
        }
    }
}
