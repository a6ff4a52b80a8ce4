//! Partitions: one instrument, one data type, one day. The unit of download, storage and validation.

use std::fmt;
use std::str::FromStr;

use crate::day::Day;
use crate::key::InstrumentKey;
use crate::nearest::perhaps;
use crate::table::DataType;

/// The rows of one instrument and data type on one day: one object in the lake, one line in every report.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Partition {
    /// The UTC day of arrival at the recorder, which is the vendor's unless the partition is of [`Origin::Live`].
    pub day: Day,
    /// The data type.
    pub data_type: DataType,
    /// The instrument.
    pub key: InstrumentKey,
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.key, self.data_type, self.day)
    }
}

/// Whose recording a partition's rows are. Each has folders of its own in a lake, so that neither is taken for the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// The vendor's files.
    #[default]
    Vendor,
    /// The lake's own recordings of live feeds.
    Live,
}

impl Origin {
    /// Both.
    pub const ALL: [Origin; 2] = [Origin::Vendor, Origin::Live];

    /// The word in options and reports.
    pub fn name(self) -> &'static str {
        match self {
            Origin::Vendor => "vendor",
            Origin::Live => "live",
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A text that names no origin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no origin `{text}`{}; there are {there}", perhaps(text, there.split([',', ' ']).filter(|word| *word != "and")))]
pub struct UnknownOrigin {
    text: String,
    there: &'static str,
}

impl FromStr for Origin {
    type Err = UnknownOrigin;

    fn from_str(text: &str) -> Result<Origin, UnknownOrigin> {
        let found = Origin::ALL.into_iter().find(|origin| origin.name().eq_ignore_ascii_case(text));
        found.ok_or_else(|| UnknownOrigin { text: text.to_owned(), there: "vendor and live" })
    }
}

/// Whose rows are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origins {
    /// Those of one origin.
    Only(Origin),
    /// The vendor's, and for days of an instrument that the vendor's data lacks, those of recordings.
    Both,
}

impl Default for Origins {
    fn default() -> Origins {
        Origins::Only(Origin::Vendor)
    }
}

impl Origins {
    /// The name in flags and parameters.
    pub fn name(self) -> &'static str {
        match self {
            Origins::Only(origin) => origin.name(),
            Origins::Both => "both",
        }
    }
}

impl fmt::Display for Origins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Origins {
    type Err = UnknownOrigin;

    fn from_str(text: &str) -> Result<Origins, UnknownOrigin> {
        if text.eq_ignore_ascii_case("both") {
            return Ok(Origins::Both);
        }
        let one = text.parse().map(Origins::Only);
        one.map_err(|UnknownOrigin { text, .. }| UnknownOrigin { text, there: "vendor, live and both" })
    }
}

/// The status of a partition in the lake. `Missing` means that there is no object; a failed download never creates one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// An object with rows.
    Stored,
    /// An object without rows: the vendor's file has none.
    Empty,
    /// An object without rows: the vendor answered that there is no such file.
    Absent,
    /// No object, although the vendor should have a file.
    Missing,
    /// No object, and the vendor has not exported the day yet.
    NotExportedYet,
}

impl Status {
    /// All statuses, in the order of reports.
    pub const ALL: [Status; 5] =
        [Status::Stored, Status::Empty, Status::Absent, Status::Missing, Status::NotExportedYet];

    /// The name in footers, reports and tables.
    pub fn name(self) -> &'static str {
        match self {
            Status::Stored => "stored",
            Status::Empty => "empty",
            Status::Absent => "absent",
            Status::Missing => "missing",
            Status::NotExportedYet => "not_exported_yet",
        }
    }

    /// Parses [`Status::name`].
    pub fn from_name(name: &str) -> Option<Status> {
        Status::ALL.into_iter().find(|s| s.name() == name)
    }

    /// Whether the status is an object in the lake: stored, empty or absent.
    pub fn is_answered(self) -> bool {
        matches!(self, Status::Stored | Status::Empty | Status::Absent)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One shard of a plan: `index` of `total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shard {
    index: u32,
    total: u32,
}

/// An invalid shard.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "shard {index} of {total} does not exist; the index counts from 0 to one less than the total, which is at most {}",
    Shard::MOST
)]
pub struct NoSuchShard {
    index: u32,
    total: u32,
}

impl Default for Shard {
    fn default() -> Shard {
        Shard::WHOLE
    }
}

impl Shard {
    /// The whole plan.
    pub const WHOLE: Shard = Shard { index: 0, total: 1 };

    /// The largest number of shards. Splitting needs memory per shard.
    pub const MOST: u32 = 100_000;

    /// Shard `index` (from 0) of `total`.
    ///
    /// # Errors
    /// If `index` is not below `total`, or `total` is above [`Shard::MOST`].
    pub fn new(index: u32, total: u32) -> Result<Shard, NoSuchShard> {
        if index < total && total <= Shard::MOST {
            Ok(Shard { index, total })
        } else {
            Err(NoSuchShard { index, total })
        }
    }

    /// The index, from 0.
    pub fn index(self) -> u32 {
        self.index
    }

    /// The total number of shards.
    pub fn total(self) -> u32 {
        self.total
    }

    /// Whether the item named `name` belongs to this shard. The result depends on the name only, is the same on every machine
    /// and never changes, so items keep their shard when the plan grows.
    pub fn holds(self, name: &str) -> bool {
        crate::stable::stable_index(name, self.total) == self.index
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_cover_everything_once_and_evenly() {
        let names: Vec<String> = (0..10_000).map(|i| format!("deribit/trades/2024/03/01/BTC-{i}")).collect();
        for total in [1, 2, 3, 7, 16] {
            let shards: Vec<Shard> = (0..total).map(|i| Shard::new(i, total).unwrap()).collect();
            for name in &names {
                assert_eq!(shards.iter().filter(|s| s.holds(name)).count(), 1, "{name} of {total}");
            }
            for shard in shards {
                let share =
                    names.iter().filter(|n| shard.holds(n)).count() as f64 * f64::from(total) / 10_000.0;
                assert!((0.85..1.15).contains(&share), "shard {} of {total} holds {share}", shard.index());
            }
        }
    }

    /// Fixed for ever: machines of different builds must agree on who does what.

    #[test]
    fn a_shard_beyond_the_total_is_refused() {
        assert!(Shard::new(3, 3).unwrap_err().to_string().contains("shard 3 of 3"));
        assert!(Shard::new(0, 0).is_err());
        assert!(Shard::new(0, Shard::MOST).is_ok() && Shard::new(0, Shard::MOST + 1).is_err());
    }
}
