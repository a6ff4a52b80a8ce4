//! The small tables that have objects of a day: which there are, and the objects that a day has of them.

use std::fmt;

use mtdh_core::Day;
use mtdh_core::candle::Timeframe;

use crate::error::LakeError;
use crate::object::Entry;
use crate::store::Lake;

/// A small table that has objects of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SmallTable {
    /// The instruments of a day.
    Instruments,
    /// The partitions that have an object.
    Available,
    /// The partitions that have none.
    Missing,
    /// What was checked, and findings.
    Checks,
    /// What recordings lost.
    Gaps,
    /// Recorded rows beside the vendor's.
    Comparisons,
    /// Identities of the objects that `available` describes.
    Identities,
    /// Objects that re-issues replaced.
    Superseded,
}

impl SmallTable {
    /// All of them, in the order of [`super::all`].
    pub const ALL: [SmallTable; 8] = [
        SmallTable::Instruments,
        SmallTable::Available,
        SmallTable::Missing,
        SmallTable::Checks,
        SmallTable::Gaps,
        SmallTable::Comparisons,
        SmallTable::Identities,
        SmallTable::Superseded,
    ];

    /// Its name, as in [`super::all`].
    pub fn name(self) -> &'static str {
        match self {
            SmallTable::Instruments => "instruments",
            SmallTable::Available => "available",
            SmallTable::Missing => "missing",
            SmallTable::Checks => "checks",
            SmallTable::Gaps => "gaps",
            SmallTable::Comparisons => "comparisons",
            SmallTable::Identities => "identities",
            SmallTable::Superseded => "superseded",
        }
    }
}

impl fmt::Display for SmallTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Lake {
    /// The objects of a small table of a day; gaps have one for each venue. The objects are not read.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn small_objects(&self, table: SmallTable, day: Day) -> Result<Vec<Entry>, LakeError> {
        let layout = self.layout();
        let path = match table {
            SmallTable::Instruments => layout.instruments(day),
            SmallTable::Available => layout.available_report(day),
            SmallTable::Missing => layout.missing_report(day),
            SmallTable::Checks => layout.check_report(day),
            SmallTable::Comparisons => layout.comparisons(day),
            SmallTable::Identities => layout.identities(day),
            SmallTable::Superseded => layout.superseded(day),
            SmallTable::Gaps => {
                let entries = self.list(&layout.gaps_of_day(day)).await?;
                let is_gaps = |entry: &Entry| layout.parse_gaps(&entry.path).is_some();
                return Ok(entries.into_iter().filter(is_gaps).collect());
            }
        };
        Ok(self.entry(&path).await?.into_iter().collect())
    }

    /// The timeframes that the lake has candles of on a day, in order.
    ///
    /// # Errors
    /// When the store cannot be listed.
    pub async fn timeframes_of(&self, day: Day) -> Result<Vec<Timeframe>, LakeError> {
        let folders = self.folders(&self.layout().day_of_candles(day)).await?;
        let timeframe = |name: &str| name.strip_prefix("timeframe-")?.parse::<Timeframe>().ok();
        let mut found: Vec<Timeframe> =
            folders.iter().filter_map(|folder| timeframe(folder.filename()?)).collect();
        found.sort_unstable();
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_described() {
        let described = super::super::all();
        for table in SmallTable::ALL {
            assert!(described.iter().any(|known| known.name == table.name()), "{table}");
        }
    }
}
