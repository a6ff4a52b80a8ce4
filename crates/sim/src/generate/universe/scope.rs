//! The parameters of a universe: seed, size and the days of its contracts.

use chrono::Datelike;
use mtdh_core::Day;

use super::profile;
use crate::config::{Config, Size};

/// The parameters of a universe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Scope {
    pub(crate) seed: u64,
    pub(crate) size: Size,
    /// First day on which a dated contract may expire.
    pub(crate) first: Day,
    /// Last day on which a contract may be listed: the end of the clock's quarter, so that a moving clock rarely
    /// requires another universe.
    pub(crate) last: Day,
}

impl Scope {
    /// Returns the scope of a configuration.
    pub(crate) fn new(config: &Config) -> Scope {
        let now = Day::containing_us(config.now.timestamp_micros()).unwrap_or(profile::day("2024-03-03"));
        let first = config
            .options
            .contracts_since
            .map_or(profile::day("2023-01-01").min(now.plus(-400)), |since| since.0);
        let next_quarter = (config.now.year(), config.now.month0() / 3 * 3 + 4);
        let (year, month) = if next_quarter.1 > 12 { (next_quarter.0 + 1, 1) } else { next_quarter };
        let last = Day::new(year, month, 1).map_or(now, Day::previous);
        Scope { seed: config.seed, size: config.size, first, last }
    }

    /// Returns one of two values by the configured size.
    pub(crate) fn by_size<T>(self, realistic: T, small: T) -> T {
        if self.size == Size::Small { small } else { realistic }
    }
}
