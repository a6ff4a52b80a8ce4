//! When rows came and when not: silences that are longer than an instrument's own activity explains.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;

use super::finding::{duration, moment};
use super::{Check, Found, Group, InstrumentDay, Parameter, Rows, Run, Severity, Tally, Values};
use crate::day::DAY_US;
use crate::table::DataType;
use crate::venue::DEFAULT_VENUES;

/// Pauses that are kept, the longest ones. A silence among fewer than so many longer ones is found.
const LONGEST: usize = 512;

/// Pauses are counted in classes, 16 for each doubling: a quantile is right to 4.4 %.
const CLASSES_PER_DOUBLING: f64 = 16.0;

/// The checks of this module.
pub const CHECKS: &[Check] = &[
    Check {
        name: "silence",
        group: Group::Timestamp,
        severity: Severity::Warning,
        parameters: &[
            Parameter {
                name: "factor",
                default: 5.0,
                unit: "times",
                meaning: "a pause is a silence when it is longer than this many times the 99 % quantile of the day's pauses",
            },
            Parameter {
                name: "book_floor_s",
                default: 10.0,
                unit: "seconds",
                meaning: "the shortest silence of books and quotes",
            },
            Parameter {
                name: "trade_floor_s",
                default: 60.0,
                unit: "seconds",
                meaning: "the shortest silence of trades, tickers and option chains",
            },
            Parameter {
                name: "other_venue_factor",
                default: 3.0,
                unit: "times",
                meaning: "how much longer these two are on venues that mtdh does not take by default",
            },
            Parameter {
                name: "min_pauses",
                default: 20.0,
                unit: "pauses",
                meaning: "with fewer pauses between arrivals in the day nothing is said, since the pace is not known",
            },
        ],
        text: "No row arrived for longer than the venue and the instrument's own activity explain. The threshold of an instrument, \
               data type and day is the larger of a floor, which depends on data type and venue, and `factor` times the 99 % quantile \
               of the day's pauses between arrivals; the longest pause never counts for the quantile. The time from midnight to the \
               first row and from the last row to midnight are pauses too, as far as the instrument was listed. Liquidations \
               have no pace and are left out. The 512 longest pauses of a day are looked at. Where the group `gaps` is checked as \
               well, it tells the same silences one by one, with what explains them, and this check says nothing.",
        run: Run::Day(WITH_PACE, silences),
    },
    Check {
        name: "freshness",
        group: Group::Timestamp,
        severity: Severity::Warning,
        parameters: &[
            Parameter {
                name: "max_age_min",
                default: 60.0,
                unit: "minutes",
                meaning: "how old the newest row may be, at the moment of the check or at the day's end",
            },
            Parameter {
                name: "recent_h",
                default: 48.0,
                unit: "hours",
                meaning: "a day is looked at when it ended less than this before the check",
            },
        ],
        text: "The newest row of a recent day is old. Days that ended long before the check are no matter of freshness and are \
               left out, and so are liquidations and partitions without rows.",
        run: Run::Day(WITH_PACE, freshness),
    },
];

/// Data types with a pace: while the market is open, rows keep coming. All but liquidations.
pub const WITH_PACE: &[DataType] = &[
    DataType::Trades,
    DataType::IncrementalBookL2,
    DataType::BookSnapshot5,
    DataType::BookSnapshot25,
    DataType::Quotes,
    DataType::BookTicker,
    DataType::DerivativeTicker,
    DataType::OptionsChain,
];

/// Whether a data type has a pace.
pub fn has_pace(data_type: DataType) -> bool {
    WITH_PACE.contains(&data_type)
}

/// A time without rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Silence {
    /// The last row before it, or the start of what was looked at; microseconds since the Unix epoch, UTC.
    pub from_us: i64,
    /// The first row after it, or the end of what was looked at; microseconds since the Unix epoch, UTC.
    pub to_us: i64,
    /// Arrival of the first snapshot row at or after its end, microseconds since the Unix epoch, UTC; null: none came,
    /// or the data type has none.
    pub snapshot_us: Option<i64>,
    /// Whether rows come after it.
    pub is_followed: bool,
}

impl Silence {
    /// Its length, microseconds.
    pub fn length_us(&self) -> i64 {
        self.to_us - self.from_us
    }
}

/// When rows of one partition came.
#[derive(Debug)]
pub struct Pace {
    /// Rows.
    pub rows: u64,
    /// Arrival of the first and the last row, microseconds since the Unix epoch, UTC; null: no rows.
    pub ends_us: Option<(i64, i64)>,
    /// Pauses above this are silences, microseconds; null: too few pauses to know.
    pub threshold_us: Option<i64>,
    /// The silences, in order.
    pub silences: Vec<Silence>,
    /// Whether a snapshot row came at all.
    pub has_snapshot: bool,
    /// Seconds of the day in which a row arrived.
    active: Seconds,
}

impl Pace {
    /// Whether a row arrived in a time, looked at by whole seconds that lie in it entirely.
    pub fn is_active_within(&self, from_us: i64, to_us: i64) -> bool {
        self.active.any(from_us, to_us)
    }
}

/// A day's seconds, a bit each; the day is that of the first row.
#[derive(Debug, Default)]
struct Seconds {
    start_us: i64,
    bits: Vec<u64>,
}

const SECONDS: i64 = DAY_US / 1_000_000;

impl Seconds {
    fn add(&mut self, us: i64) {
        if self.bits.is_empty() {
            self.start_us = us - us.rem_euclid(DAY_US);
            self.bits = vec![0; (SECONDS as usize).div_ceil(64)];
        }
        let second = (us - self.start_us).div_euclid(1_000_000);
        // Rows of another day are the matter of another check.
        if (0..SECONDS).contains(&second) {
            self.bits[second as usize / 64] |= 1 << (second % 64);
        }
    }

    fn any(&self, from_us: i64, to_us: i64) -> bool {
        if self.bits.is_empty() {
            return false;
        }
        let first = (from_us - self.start_us + 999_999).div_euclid(1_000_000).max(0);
        let end = (to_us - self.start_us).div_euclid(1_000_000).min(SECONDS);
        (first..end).any(|second| self.bits[second as usize / 64] >> (second % 64) & 1 == 1)
    }
}

/// Watches the rows of one partition go by.
pub struct Watch {
    factor: f64,
    floor_us: i64,
    min_pauses: u64,
    rows: u64,
    first_us: Option<i64>,
    last_us: i64,
    pauses: Vec<u64>,
    longest: BinaryHeap<(Reverse<i64>, i64)>,
    snapshots: Vec<i64>,
    has_snapshot: bool,
    active: Seconds,
}

impl Watch {
    /// Begins, with the parameters of `silence`.
    pub fn new(values: &Values, venue: &str, data_type: DataType) -> Watch {
        use DataType::{BookSnapshot5, BookSnapshot25, BookTicker, IncrementalBookL2, Quotes};
        let is_book =
            matches!(data_type, IncrementalBookL2 | BookSnapshot5 | BookSnapshot25 | Quotes | BookTicker);
        let floor_s = values.get(if is_book { "book_floor_s" } else { "trade_floor_s" });
        let slack = if DEFAULT_VENUES.contains(&venue) { 1.0 } else { values.get("other_venue_factor") };
        Watch {
            factor: values.get("factor"),
            floor_us: (floor_s * slack * 1e6) as i64,
            min_pauses: if has_pace(data_type) { values.get("min_pauses") as u64 } else { u64::MAX },
            rows: 0,
            first_us: None,
            last_us: i64::MIN,
            pauses: Vec::new(),
            longest: BinaryHeap::new(),
            snapshots: Vec::new(),
            has_snapshot: false,
            active: Seconds::default(),
        }
    }

    /// Takes the next rows.
    pub fn rows(&mut self, rows: &Rows<'_>) {
        let snapshots = (rows.data_type() == DataType::IncrementalBookL2).then(|| rows.flag("is_snapshot"));
        for (row, us) in rows.arrival().iter().copied().enumerate() {
            if self.first_us.is_none() {
                self.first_us = Some(us);
                self.last_us = us;
            }
            // A clock that goes back is the matter of another check.
            if us > self.last_us {
                self.pause(self.last_us, us);
                self.last_us = us;
            }
            self.active.add(us);
            if snapshots.is_some_and(|flags| flags.value(row)) {
                self.has_snapshot = true;
                // One for each second is enough to tell whether one followed a silence.
                if self.snapshots.last().is_none_or(|last| us - last >= 1_000_000)
                    && self.snapshots.len() < SECONDS as usize
                {
                    self.snapshots.push(us);
                }
            }
        }
        self.rows += rows.len() as u64;
    }

    fn pause(&mut self, from_us: i64, to_us: i64) {
        let length = to_us - from_us;
        let class = ((length as f64).log2() * CLASSES_PER_DOUBLING) as usize;
        if self.pauses.len() <= class {
            self.pauses.resize(class + 1, 0);
        }
        self.pauses[class] += 1;
        self.keep(from_us, length);
    }

    fn keep(&mut self, from_us: i64, length: i64) {
        if length <= self.floor_us {
            return;
        }
        self.longest.push((Reverse(length), from_us));
        if self.longest.len() > LONGEST {
            self.longest.pop();
        }
    }

    /// The 99 % quantile of the pauses, upper end of its class, microseconds; the longest never counts.
    fn quantile_us(&self) -> f64 {
        let count: u64 = self.pauses.iter().sum();
        let rank = (count.saturating_sub(1) as f64 * 0.99) as u64;
        let rank = rank.min(count.saturating_sub(2));
        let mut below = 0;
        for (class, pauses) in self.pauses.iter().enumerate() {
            below += pauses;
            if below > rank {
                return ((class + 1) as f64 / CLASSES_PER_DOUBLING).exp2();
            }
        }
        0.0
    }

    /// Pauses above this are silences, as far as the pace is known, microseconds; null: too few pauses to know.
    pub fn threshold_us(&self) -> Option<i64> {
        let has_pace = self.pauses.iter().sum::<u64>() >= self.min_pauses;
        has_pace.then(|| self.floor_us.max((self.factor * self.quantile_us()) as i64))
    }

    /// Ends. `within_us` is the time in which rows were to be expected.
    pub fn finish(mut self, within_us: Option<Range<i64>>) -> Pace {
        let ends_us = self.first_us.map(|first| (first, self.last_us));
        let threshold_us = self.threshold_us();
        if let (Some(within), Some((first, last))) = (&within_us, ends_us) {
            self.keep(within.start, first - within.start);
            self.keep(last, within.end - last);
        }
        let is_silence = |length: i64| threshold_us.is_some_and(|threshold| length > threshold);
        let longest = self.longest.into_iter().filter(|(Reverse(length), _)| is_silence(*length));
        let mut silences: Vec<Silence> = longest
            .map(|(Reverse(length), from_us)| {
                let to_us = from_us + length;
                let after = self.snapshots.partition_point(|us| *us < to_us);
                let is_followed = ends_us.is_some_and(|(_, last)| to_us <= last);
                Silence { from_us, to_us, snapshot_us: self.snapshots.get(after).copied(), is_followed }
            })
            .collect();
        silences.sort_by_key(|silence| silence.from_us);
        Pace {
            rows: self.rows,
            ends_us,
            threshold_us,
            silences,
            has_snapshot: self.has_snapshot,
            active: self.active,
        }
    }
}

fn silences(day: &InstrumentDay<'_>, _: &Values) -> Vec<(DataType, Found)> {
    let mut all = Vec::new();
    for (data_type, pace) in day.paces() {
        let mut tally = Tally::default();
        for silence in pace.silences.iter().filter(|silence| is_within_life(day, pace, silence)) {
            tally.note(silence.from_us, || {
                format!(
                    "{} from {} to {}",
                    duration(silence.length_us()),
                    moment(silence.from_us),
                    moment(silence.to_us)
                )
            });
            tally.reach(silence.to_us);
        }
        all.extend(tally.found().into_iter().map(|found| (data_type, found)));
    }
    all
}

/// Whether what lies within the instrument's life is longer than the threshold.
fn is_within_life(day: &InstrumentDay<'_>, pace: &Pace, silence: &Silence) -> bool {
    let ended = day.expiry_us.unwrap_or(i64::MAX).min(day.life_us.end);
    let within = silence.to_us.min(ended) - silence.from_us.max(day.life_us.start);
    pace.threshold_us.is_some_and(|threshold| within > threshold)
}

fn freshness(day: &InstrumentDay<'_>, values: &Values) -> Vec<(DataType, Found)> {
    let Some(date) = day.day else { return Vec::new() };
    let recent_us = (values.get("recent_h") * 3600e6) as i64;
    let max_age_us = (values.get("max_age_min") * 60e6) as i64;
    let end = date.end_us().min(day.life_us.end).min(day.now_us);
    if day.now_us - date.end_us() >= recent_us || end <= date.start_us() {
        return Vec::new();
    }
    let mut all = Vec::new();
    for (data_type, pace) in day.paces().filter(|(data_type, _)| has_pace(*data_type)) {
        let Some((_, last)) = pace.ends_us else { continue };
        if end - last > max_age_us {
            let mut tally = Tally::default();
            tally.note(last, || {
                format!("the newest row is {} old, of {}", duration(end - last), moment(last))
            });
            all.extend(tally.found().into_iter().map(|found| (data_type, found)));
        }
    }
    all
}

impl InstrumentDay<'_> {
    /// The partitions whose rows were read.
    pub fn paces(&self) -> impl Iterator<Item = (DataType, &Pace)> {
        self.partitions.iter().filter_map(|p| Some((p.data_type, p.pace.as_ref()?)))
    }
}
