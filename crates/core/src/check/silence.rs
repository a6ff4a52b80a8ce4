//! When rows came and when not: silences that are longer than an instrument's own activity explains.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;

use super::finding::{duration, moment};
use super::{Check, CheckFn, Detection, Group, InstrumentDay, Parameter, Parameters, Rows, Severity, Tally};
use crate::day::DAY_US;
use crate::table::DataType;
use crate::venue::DEFAULT_VENUES;

/// Pauses that are kept, the longest ones. A silence among fewer than so many longer ones is found.
const LONGEST: usize = 512;

/// The pace of an hour is that of so many minutes with arrivals, around it where it has fewer itself.
const ENOUGH_MINUTES: usize = 20;

/// As many hours are looked at to either side, the hour itself included.
const HOURS_ASIDE: i64 = 7;

/// A day whose silences of an hour and more last longer than this together looks like one of sessions, microseconds.
const SESSION_US: i64 = DAY_US / 2;

/// The part of a silence that must have been quiet on a day before, for it to be that day's silence too.
const SAME_SILENCE: f64 = 0.8;

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
                meaning: "a pause is a silence when it is longer than this many times the pace of its hours",
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
        text: "No row arrived for longer than the venue and the instrument's own activity explain. The threshold of a pause is the \
               larger of a floor, which depends on data type and venue, and `factor` times the pace of the hours that it touches: of \
               each minute of the hour and of the hour before it, and of the hour after it, the longest pause that begins in it, and \
               of these the 99 % quantile, of which the longest never counts; the slower side counts. Where twenty minutes with \
               arrivals are not found so, further hours are taken, up to six. So the night is measured by the night, and a violent \
               minute is one of sixty. A pause that the day's own pace does not explain is compared with the same hours of the \
               instrument's seven days before, as far as the lake has them: the median of their paces counts where it is slower, \
               and a silence that most of them had too is a session's end, told as `info`. Where the lake has none of these days, \
               and silences of an hour and more make up more than half of the day, those of an hour that touch midnight and those of \
               four hours are told as `info`, since sessions look so; those of books only where no trade came either. The time from midnight to the \
               first row and from the last row to midnight are pauses too, as far as the instrument was listed. Liquidations \
               have no pace and are left out. The 512 longest pauses of a day are looked at. Where the group `gaps` is checked as \
               well, it tells the same silences one by one, with what explains them, and this check says nothing.",
        run: CheckFn::Day(WITH_PACE, silences),
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
        run: CheckFn::Day(WITH_PACE, freshness),
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
    /// Pauses above this are silences at its hours, microseconds.
    pub threshold_us: i64,
    /// Of how many of the seven days before rows are known, and how many of them were silent at these hours too.
    pub days_before: (u32, u32),
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
    /// The silences, in order.
    pub silences: Vec<Silence>,
    /// Whether a snapshot row came at all.
    pub has_snapshot: bool,
    /// Seconds of the day in which a row arrived.
    active: Seconds,
    factor: f64,
}

impl Pace {
    /// Takes in what the instrument's days before were like at the same hours: silences that their pace explains are none,
    /// and of the others it is noted on how many of those days they were too.
    pub fn learn(&mut self, before: &[DayBefore]) {
        let (factor, known) = (self.factor, before.len() as u32);
        self.silences.retain_mut(|silence| {
            let mut usual: Vec<f64> =
                before.iter().map(|day| day.minutes.pace_us(silence.from_us, silence.to_us)).collect();
            usual.sort_unstable_by(f64::total_cmp);
            let usual = usual.get(usual.len() / 2).copied().unwrap_or_default();
            silence.threshold_us = silence.threshold_us.max((factor * usual) as i64);
            let quiet = before.iter().filter(|day| day.is_quiet(silence)).count() as u32;
            silence.days_before = (known, quiet);
            silence.length_us() > silence.threshold_us
        });
    }

    /// The time of its silences of an hour and more, microseconds.
    fn long_silences_us(&self) -> i64 {
        self.silences.iter().map(Silence::length_us).filter(|length| *length >= DAY_US / 24).sum()
    }

    /// Whether a row arrived in a time, looked at by whole seconds that lie in it entirely.
    pub fn is_active_within(&self, from_us: i64, to_us: i64) -> bool {
        self.active.any(from_us, to_us)
    }
}

/// When rows of the same partition came on a day before.
#[derive(Debug)]
pub struct DayBefore {
    minutes: Minutes,
    active: Seconds,
}

impl DayBefore {
    /// Whether it was silent, nearly all the time, at the hours of a silence.
    fn is_quiet(&self, silence: &Silence) -> bool {
        let shift = silence.from_us.div_euclid(DAY_US) * DAY_US - self.active.start_us;
        let wanted = (silence.length_us() as f64 * SAME_SILENCE / 1e6) as i64;
        self.active.longest_quiet_s(silence.from_us - shift, silence.to_us - shift) >= wanted
    }
}

/// The longest pause that begins in each minute of the day, microseconds; 0: none does.
#[derive(Clone, Debug, Default)]
struct Minutes {
    longest: Vec<i64>,
}

impl Minutes {
    fn add(&mut self, from_us: i64, length: i64) {
        if self.longest.is_empty() {
            self.longest = vec![0; 24 * 60];
        }
        let minute = &mut self.longest[(from_us.rem_euclid(DAY_US) / 60_000_000) as usize];
        *minute = (*minute).max(length);
    }

    /// The pace of the hours that a time touches, microseconds: that of the slowest of them.
    fn pace_us(&self, from_us: i64, to_us: i64) -> f64 {
        if self.longest.is_empty() {
            return 0.0;
        }
        let hour_us = DAY_US / 24;
        let (first, last) = (from_us.div_euclid(hour_us), to_us.div_euclid(hour_us));
        let hours = first..=last.min(first.saturating_add(23));
        let paces = hours.filter_map(|hour| {
            let sides = [self.aside(hour, -1), self.aside(hour, 1)];
            sides.into_iter().flatten().max()
        });
        let slowest = paces.max().or_else(|| quantile(self.longest.clone()));
        slowest.unwrap_or_default() as f64
    }

    /// The pace of an hour and those to one side of it; null: nothing came there.
    fn aside(&self, hour: i64, step: i64) -> Option<i64> {
        let mut minutes = Vec::new();
        for aside in 0..HOURS_ASIDE {
            if aside > 1 && minutes.iter().filter(|pause| **pause > 0).count() >= ENOUGH_MINUTES {
                break;
            }
            let start = ((hour + step * aside).rem_euclid(24) * 60) as usize;
            minutes.extend_from_slice(&self.longest[start..start + 60]);
        }
        quantile(minutes)
    }
}

/// The 99 % quantile of the pauses that there are; the longest never counts.
fn quantile(mut pauses: Vec<i64>) -> Option<i64> {
    pauses.retain(|pause| *pause > 0);
    let last = pauses.len().checked_sub(2)?;
    let rank = ((pauses.len() - 1) as f64 * 0.99) as usize;
    let (_, pause, _) = pauses.select_nth_unstable(rank.min(last));
    Some(*pause)
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
        (first..end).any(|second| self.is_active(second))
    }

    fn is_active(&self, second: i64) -> bool {
        self.bits[second as usize / 64] >> (second % 64) & 1 == 1
    }

    /// The longest time within another in which nothing arrived, whole seconds.
    fn longest_quiet_s(&self, from_us: i64, to_us: i64) -> i64 {
        if self.bits.is_empty() {
            return (to_us - from_us) / 1_000_000;
        }
        let first = (from_us - self.start_us).div_euclid(1_000_000).max(0);
        let end = (to_us - self.start_us).div_euclid(1_000_000).min(SECONDS);
        let (mut longest, mut quiet) = (0, 0);
        for second in first..end {
            quiet = if self.is_active(second) { 0 } else { quiet + 1 };
            longest = longest.max(quiet);
        }
        longest
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
    pauses: u64,
    minutes: Minutes,
    longest: BinaryHeap<(Reverse<i64>, i64)>,
    snapshots: Vec<i64>,
    has_snapshot: bool,
    active: Seconds,
}

impl Watch {
    /// Begins, with the parameters of `silence`.
    pub fn new(values: &Parameters, venue: &str, data_type: DataType) -> Watch {
        let floor_s = values.get(if data_type.is_book() { "book_floor_s" } else { "trade_floor_s" });
        let slack = if DEFAULT_VENUES.contains(&venue) { 1.0 } else { values.get("other_venue_factor") };
        Watch {
            factor: values.get("factor"),
            floor_us: (floor_s * slack * 1e6) as i64,
            min_pauses: if has_pace(data_type) { values.get("min_pauses") as u64 } else { u64::MAX },
            rows: 0,
            first_us: None,
            last_us: i64::MIN,
            pauses: 0,
            minutes: Minutes::default(),
            longest: BinaryHeap::new(),
            snapshots: Vec::new(),
            has_snapshot: false,
            active: Seconds::default(),
        }
    }

    /// Takes the next rows.
    pub fn rows(&mut self, rows: &Rows<'_>) {
        self.arrivals(rows.arrival());
        if rows.data_type() != DataType::IncrementalBookL2 {
            return;
        }
        let flags = rows.flag("is_snapshot");
        let snapshots = rows.arrival().iter().enumerate().filter(|(row, _)| flags.value(*row));
        for us in snapshots.map(|(_, us)| *us) {
            self.has_snapshot = true;
            // One for each second is enough to tell whether one followed a silence.
            if self.snapshots.last().is_none_or(|last| us - last >= 1_000_000)
                && self.snapshots.len() < SECONDS as usize
            {
                self.snapshots.push(us);
            }
        }
    }

    /// Takes the next arrivals, microseconds since the Unix epoch, UTC.
    pub fn arrivals(&mut self, arrivals: &[i64]) {
        for us in arrivals.iter().copied() {
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
        }
        self.rows += arrivals.len() as u64;
    }

    fn pause(&mut self, from_us: i64, to_us: i64) {
        let length = to_us - from_us;
        self.pauses += 1;
        self.minutes.add(from_us, length);
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

    /// Pauses above this are silences at such a time, microseconds; null: too few pauses to know the pace.
    fn threshold_at(&self, from_us: i64, to_us: i64) -> Option<i64> {
        let pace_us = || self.factor * self.minutes.pace_us(from_us, to_us);
        (self.pauses >= self.min_pauses).then(|| self.floor_us.max(pace_us() as i64))
    }

    /// Pauses above this are silences now, as far as the pace is known, microseconds; null: too few pauses to know.
    pub fn threshold_us(&self) -> Option<i64> {
        self.threshold_at(self.last_us, self.last_us)
    }

    /// Ends a day before the one that is looked at.
    pub fn into_day_before(self) -> DayBefore {
        DayBefore { minutes: self.minutes, active: self.active }
    }

    /// Ends. `within_us` is the time in which rows were to be expected.
    pub fn finish(mut self, within_us: Option<Range<i64>>) -> Pace {
        let ends_us = self.first_us.map(|first| (first, self.last_us));
        if let (Some(within), Some((first, last))) = (&within_us, ends_us) {
            self.keep(within.start, first - within.start);
            self.keep(last, within.end - last);
        }
        let longest = std::mem::take(&mut self.longest);
        let mut silences: Vec<Silence> = longest
            .into_iter()
            .filter_map(|(Reverse(length), from_us)| {
                let to_us = from_us + length;
                let threshold_us = self.threshold_at(from_us, to_us).filter(|us| length > *us)?;
                let after = self.snapshots.partition_point(|us| *us < to_us);
                let is_followed = ends_us.is_some_and(|(_, last)| to_us <= last);
                let snapshot_us = self.snapshots.get(after).copied();
                Some(Silence { from_us, to_us, snapshot_us, is_followed, threshold_us, days_before: (0, 0) })
            })
            .collect();
        silences.sort_by_key(|silence| silence.from_us);
        Pace {
            rows: self.rows,
            ends_us,
            silences,
            has_snapshot: self.has_snapshot,
            active: self.active,
            factor: self.factor,
        }
    }
}

fn silences(day: &InstrumentDay<'_>, _: &Parameters) -> Vec<(DataType, Detection)> {
    let mut all = Vec::new();
    for (data_type, pace) in day.paces() {
        let mut tallies = [Tally::default(), Tally::default().with_severity(Severity::Info)];
        for silence in pace.silences.iter().filter(|silence| is_within_life(day, silence)) {
            let is_session = session(day, data_type, silence).is_some();
            let tally = &mut tallies[usize::from(is_session)];
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
        all.extend(tallies.into_iter().flat_map(Tally::found).map(|found| (data_type, found)));
    }
    all
}

/// Whether what lies within the instrument's life is longer than the threshold.
fn is_within_life(day: &InstrumentDay<'_>, silence: &Silence) -> bool {
    let ended = day.expiry_us.unwrap_or(i64::MAX).min(day.life_us.end);
    let within = silence.to_us.min(ended) - silence.from_us.max(day.life_us.start);
    within > silence.threshold_us
}

/// In words why a silence is that of a market which is closed at these hours; null: nothing says so.
pub fn session(day: &InstrumentDay<'_>, data_type: DataType, silence: &Silence) -> Option<String> {
    let (known, quiet) = silence.days_before;
    if known > 0 {
        let is_usual = quiet * 2 > known;
        return is_usual
            .then(|| format!("it was silent at these hours on {quiet} of the {known} days before as well"));
    }
    let pace_of = |wanted| day.paces().find(|(data_type, _)| *data_type == wanted).map(|(_, pace)| pace);
    // A night touches midnight, or lies in the middle of a day whose session does.
    let is_at_end = !silence.is_followed || silence.from_us.rem_euclid(DAY_US) == 0;
    let is_long = silence.length_us() >= if is_at_end { DAY_US / 24 } else { DAY_US / 6 }
        && pace_of(data_type).is_some_and(|pace| pace.long_silences_us() > SESSION_US);
    // A book that says nothing while trades go on is not closed.
    let is_quiet = |pace: &Pace| pace.rows > 0 && !pace.is_active_within(silence.from_us, silence.to_us);
    let is_closed = !data_type.is_book() || pace_of(DataType::Trades).is_some_and(is_quiet);
    (is_long && is_closed).then(|| {
        "more than half of the day is silent, as of a market with sessions; the lake has no day before to tell".to_owned()
    })
}

fn freshness(day: &InstrumentDay<'_>, values: &Parameters) -> Vec<(DataType, Detection)> {
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
