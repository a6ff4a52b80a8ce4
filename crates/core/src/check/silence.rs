//! Silences: times without rows that are longer than the instrument's own activity explains.
//!
//! [`Watch`] observes the arrival times of one partition and yields its [`Pace`].

mod activity;
mod watch;

use super::finding::{duration, moment};
use super::{Check, CheckFn, Detection, Group, InstrumentDay, Parameter, Parameters, Severity, Tally};
use crate::day::DAY_US;
use crate::table::DataType;
pub use watch::{DayBefore, Pace, Silence, Watch};

/// If the silences of an hour or more last longer than this in total, the market probably has sessions. Microseconds.
const SESSION_US: i64 = DAY_US / 2;

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
                meaning: "a pause is a silence if it is longer than this many times the pace of its hours",
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
                meaning: "multiplies both floors on venues that mtdh does not download by default",
            },
            Parameter {
                name: "min_pauses",
                default: 20.0,
                unit: "pauses",
                meaning: "with fewer pauses between arrivals in the day nothing is reported, because the pace is unknown",
            },
        ],
        text: "No row arrived for longer than the venue and the instrument's own activity explain. A pause is a \
               silence if it is longer than both of two thresholds: a floor, which depends on the data type and the \
               venue, and `factor` times the pace of the hours that it touches. The pace of an hour is the 99 % \
               quantile of the longest pauses that begin in each of its minutes. It is computed twice, with the \
               minutes of the hour before and with those of the hour after; the slower result counts. The longest \
               pause of all is never the pace. If fewer than twenty minutes have pauses, up to five further hours on \
               that side are included. Nights are thus compared with nights, and one busy minute is only one of \
               sixty. Rows must arrive steadily around it too, in the three hours (or its own length, if longer) on either side: cut \
               in pieces of an eighth of its length (or of that time, if shorter), three quarters must have a row, \
               of pieces of twenty minutes or more seven eighths. Trades of a quiet option come in bursts, and hours between two bursts are no silence. A pause above both thresholds is compared with the same hours of the instrument's seven days \
               before, as far as the lake has them. If the median of their paces is slower, it replaces the pace. If \
               most of those days were silent at these hours too, the silence is a session break and is reported as \
               `info`. If the lake has none of those days and silences of an hour or more make up more than half of \
               the day, the market probably has sessions: silences of an hour that touch midnight and silences of \
               four hours are then reported as `info`, those of books only if no trade arrived either. The time from \
               midnight to the first row and from the last row to midnight counts as a pause while the instrument was \
               listed. Liquidations have no pace and are skipped. The 512 longest pauses of a day are examined. If \
               the group `gaps` is checked too, it reports the same silences one by one with their cause, and this \
               check reports nothing.",
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
                meaning: "the largest allowed age of the newest row, at the time of the check or at the end of the day",
            },
            Parameter {
                name: "recent_h",
                default: 48.0,
                unit: "hours",
                meaning: "only days that ended less than this before the check are examined",
            },
        ],
        text: "The newest row of a recent day is old. Days that ended long before the check are skipped, and so are \
               liquidations and partitions without rows.",
        run: CheckFn::Day(WITH_PACE, freshness),
    },
];

/// Data types with a pace: rows keep arriving while the market is open. All but liquidations.
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

/// Whether the part of the silence within the instrument's life is longer than the threshold.
fn is_within_life(day: &InstrumentDay<'_>, silence: &Silence) -> bool {
    let ended = if silence.is_followed { i64::MAX } else { day.end_us() };
    let within = silence.to_us.min(ended) - silence.from_us.max(day.life_us.start);
    within > silence.threshold_us
}

/// Why a silence is a session break, in words; `None` if nothing indicates one.
pub fn session(day: &InstrumentDay<'_>, data_type: DataType, silence: &Silence) -> Option<String> {
    let (known, quiet) = silence.days_before;
    if known > 0 {
        let is_usual = quiet * 2 > known;
        return is_usual
            .then(|| format!("{quiet} of the {known} days before were silent at these hours too"));
    }
    let pace_of = |wanted| day.paces().find(|(data_type, _)| *data_type == wanted).map(|(_, pace)| pace);
    // A session break touches midnight, or lies in the middle of a day with sessions at both ends.
    let is_at_end = !silence.is_followed || silence.from_us.rem_euclid(DAY_US) == 0;
    let is_long = silence.length_us() >= if is_at_end { DAY_US / 24 } else { DAY_US / 6 }
        && pace_of(data_type).is_some_and(|pace| pace.long_silences_us() > SESSION_US);
    // A market is not closed if its book is silent while trades go on.
    let is_quiet = |pace: &Pace| pace.rows > 0 && !pace.is_active_within(silence.from_us, silence.to_us);
    let is_closed = !data_type.is_book() || pace_of(DataType::Trades).is_some_and(is_quiet);
    (is_long && is_closed).then(|| {
        "more than half of the day is silent, as in a market with sessions; the lake has no day before to compare".to_owned()
    })
}

fn freshness(day: &InstrumentDay<'_>, parameters: &Parameters) -> Vec<(DataType, Detection)> {
    let Some(date) = day.day else { return Vec::new() };
    let recent_us = (parameters.get("recent_h") * 3600e6) as i64;
    let max_age_us = (parameters.get("max_age_min") * 60e6) as i64;
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
    /// The instrument's end by the vendor's dates, microseconds since the Unix epoch, UTC; `i64::MAX` if it has none.
    pub fn end_us(&self) -> i64 {
        self.expiry_us.unwrap_or(i64::MAX).min(self.life_us.end)
    }

    /// The data types whose rows were read, with their pace.
    pub fn paces(&self) -> impl Iterator<Item = (DataType, &Pace)> {
        self.partitions.iter().filter_map(|p| Some((p.data_type, p.pace.as_ref()?)))
    }
}
