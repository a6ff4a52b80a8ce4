//! Gaps as they are told: one that goes on is told again when it ends, and is the same one.

use std::collections::BTreeSet;

use mtdh_core::DataType;
use mtdh_source::live::out::Gap;

/// What tells gaps apart, as in the table of gaps; the beginning first.
type Name = (i64, Option<u32>, Option<String>, Option<DataType>, &'static str);

/// So many are remembered: those that began last.
const MOST: usize = 10_000;

/// Gaps that were told. One may be told again after its end: a lost connection ends with its first message, and again with its first
/// row.
#[derive(Debug, Default)]
pub struct ToldGaps {
    told: BTreeSet<Name>,
}

impl ToldGaps {
    /// Whether a gap is told for the first time.
    pub fn is_new(&mut self, gap: &Gap) -> bool {
        let connection = gap.connection.map(|connection| connection.0);
        let is_new = self.told.insert((gap.from, connection, gap.symbol.clone(), gap.data_type, gap.kind));
        if self.told.len() > MOST {
            self.told.pop_first();
        }
        is_new
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
            ("disconnect", 3, 11, false),
            ("disconnect", 12, 15, true),
            ("silence", 3, 4, false),
            ("silence", 5, 5, true),
        ] {
            let gap = session_gap(kind, from, to, String::new());
            assert_eq!(told.is_new(&gap), expected, "{kind} {from} {to}");
        }
    }
}
