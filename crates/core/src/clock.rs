//! The two clocks of a row.

use crate::nearest::perhaps;
use std::fmt;
use std::str::FromStr;

/// Which time of a row chooses it, sorts it and joins it with others.
///
/// A program that trades sees rows in order of arrival. By the exchange's clock a row stands before others that arrived
/// earlier, so that a backtest by that clock knows them too soon.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Clock {
    /// When the row arrived at the recorder: the column `local_timestamp`.
    #[default]
    Arrival,
    /// The exchange's time: the column `timestamp`.
    Exchange,
}

impl Clock {
    /// Both clocks.
    pub const ALL: [Clock; 2] = [Clock::Arrival, Clock::Exchange];

    /// The name in flags and parameters.
    pub fn name(self) -> &'static str {
        match self {
            Clock::Arrival => "arrival",
            Clock::Exchange => "exchange",
        }
    }

    /// The column of ticks that has it.
    pub fn column(self) -> &'static str {
        match self {
            Clock::Arrival => "local_timestamp",
            Clock::Exchange => "timestamp",
        }
    }
}

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A text that names no clock.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no clock `{text}`{}; there are arrival and exchange", perhaps(text, Clock::ALL.map(Clock::name)))]
pub struct UnknownClock {
    text: String,
}

impl FromStr for Clock {
    type Err = UnknownClock;

    fn from_str(text: &str) -> Result<Clock, UnknownClock> {
        let found = Clock::ALL.into_iter().find(|clock| clock.name().eq_ignore_ascii_case(text));
        found.ok_or_else(|| UnknownClock { text: text.to_owned() })
    }
}
