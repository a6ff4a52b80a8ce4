//! The check of a lake's candles: each timeframe by itself, compared with a finer one, and compared with the trades.

use std::collections::{BTreeMap, BTreeSet};

use mtdh_core::candle::{CANDLE_VERSION, Fill, Timeframe};
use mtdh_core::check::bars::{Candles, Series};
use mtdh_core::check::{Check, CheckFn, Group, Severity, Sides};
use mtdh_core::error::chain;
use mtdh_core::key::InstrumentKey;
use mtdh_core::partition::{Partition, Shard};
use mtdh_core::{DataType, Day, DayRange};
use mtdh_lake::{Entry, Lake, LakeError};
use tokio_util::sync::CancellationToken;

use super::kept::{CANDLES, candles_name, object_name};
use super::series::bars;
use super::{CheckPlan, CheckReport};
use crate::candles::task::CandleTask;
use crate::candles::{CandleError, Remake, plan as plan_candles, ticks};
use crate::error::EngineError;
use crate::runs::phase;
use crate::selection::Selection;
use mtdh_lake::followed::{Followed, LOOKS_AGAIN, Next, is_doubtful};
use mtdh_lake::inventory::{ObjectState, Verify, inventory};

/// The candles that a lake has of a day, by instrument and timeframe.
pub(super) type Stored = BTreeMap<InstrumentKey, BTreeMap<Timeframe, Entry>>;

/// Lists the selected candles of a day.
pub(super) async fn stored(lake: &Lake, selection: &Selection, day: Day) -> Result<Stored, LakeError> {
    let mut found = Stored::new();
    for (timeframe, key, entry) in lake.list_candles(day, None).await? {
        if selection.takes_key(&key) {
            found.entry(key).or_default().insert(timeframe, entry);
        }
    }
    while selection.max_instruments.is_some_and(|most| found.len() > most) {
        found.pop_last();
    }
    Ok(found)
}

/// Reads an object of candles; one that is replaced during the read is read again. The inner error says why it cannot be
/// trusted.
pub(super) async fn read(
    lake: &Lake,
    entry: &Entry,
    timeframe: Timeframe,
    key: &InstrumentKey,
) -> Result<Result<Series, String>, LakeError> {
    let mut object = Followed::new(entry.clone());
    loop {
        let read = read_once(lake, object.entry(), timeframe, key).await;
        let is_doubtful = match &read {
            Ok(series) => series.is_err(),
            Err(error) => error.is_changed(),
        };
        if !is_doubtful || object.next(lake).await? != Next::ReadAgain {
            return match read {
                Err(error) if error.is_changed() => Ok(Err(chain(&error))),
                read => read,
            };
        }
    }
}

/// Why candles of an older version are not compared; `None`: they are of this one.
pub(super) fn outdated(version: u32) -> Option<String> {
    (version < CANDLE_VERSION).then(|| {
        format!(
            "version {version} of the candle format made them, whose columns mean something else than those of version \
             {CANDLE_VERSION}; they must be made again"
        )
    })
}

async fn read_once(
    lake: &Lake,
    entry: &Entry,
    timeframe: Timeframe,
    key: &InstrumentKey,
) -> Result<Result<Series, String>, LakeError> {
    let facts = match lake.candle_facts(entry).await {
        Ok(facts) => facts,
        Err(error) if error.is_distrust() => {
            return Ok(Err(chain(&error)));
        }
        Err(error) => return Err(error),
    };
    if (facts.timeframe, &facts.key) != (timeframe, key) {
        return Ok(Err(format!("its footer says that it is {} of {}", facts.timeframe, facts.key)));
    }
    if let Some(reason) = outdated(facts.version) {
        return Ok(Err(reason));
    }
    let mut series = Series { timeframe, fill: Some(facts.fill), bars: Vec::new() };
    let mut wrong = None;
    let take = |batch| {
        match bars(&batch, None) {
            Ok(bars) => series.bars.extend(bars),
            Err(error) => wrong = Some(error.to_string()),
        }
        Ok::<(), LakeError>(())
    };
    let all = i64::MIN..i64::MAX;
    match lake.read_between(entry, "timestamp", all, None, &Default::default(), take).await {
        Ok(()) if series.bars.len() as u64 != facts.rows => {
            Ok(Err(format!("its footer counts {} rows, it has {}", facts.rows, series.bars.len())))
        }
        Ok(()) => Ok(wrong.map_or(Ok(series), Err)),
        Err(error) if error.is_distrust() => Ok(Err(chain(&error))),
        Err(error) => Err(error),
    }
}

/// The candles that could be made of a day: a task for each instrument with an object of trades.
pub(super) async fn units(
    lake: &Lake,
    selection: &Selection,
    day: Day,
    timeframes: &[Timeframe],
) -> Result<BTreeMap<InstrumentKey, CandleTask>, EngineError> {
    let days = DayRange::new(day, day).unwrap_or(selection.days);
    let selection = Selection { days, data_types: vec![DataType::Trades], ..selection.clone() };
    let plan = plan_candles(lake, &selection, timeframes, Fill::None, Shard::WHOLE, Remake::All).await?;
    Ok(plan.units.into_iter().map(|unit| (unit.key.clone(), unit)).collect())
}

/// Checks the candles of the selection's days.
pub(super) async fn check_candles(
    lake: &Lake,
    plan: &CheckPlan,
    selection: &Selection,
    stop: &CancellationToken,
    report: &mut CheckReport,
) -> Result<(), EngineError> {
    let mut all: BTreeMap<Day, Stored> = BTreeMap::new();
    let phase = phase::begin("checking candles", "day", selection.days.days().count());
    for day in selection.days.days() {
        let stored = stored(lake, selection, day).await?;
        phase.weigh(stored.values().flat_map(BTreeMap::values).map(|entry| entry.bytes).sum());
        all.insert(day, stored);
    }
    let timeframes: BTreeSet<Timeframe> =
        all.values().flat_map(BTreeMap::values).flat_map(|objects| objects.keys().copied()).collect();
    let timeframes: Vec<Timeframe> = timeframes.into_iter().collect();
    for (day, mut stored) in all {
        if timeframes.is_empty() {
            break;
        }
        let _day_done = phase.item();
        let units = units(lake, selection, day, &timeframes).await?;
        let trades = inventory(lake, day, &[DataType::Trades], Verify::Index).await?;
        for key in units.keys() {
            stored.entry(key.clone()).or_default();
        }
        for (key, objects) in stored {
            if stop.is_cancelled() {
                report.is_interrupted = true;
                return Ok(());
            }
            let of = Instrument { lake, plan, day, key: &key, unit: units.get(&key) };
            of.check(&objects, &timeframes, stop, report).await?;
            phase.advance(objects.values().map(|entry| entry.bytes).sum());
            if !report.is_interrupted && !objects.is_empty() {
                look(lake, report, day, Group::Aggregation, &key, &objects, &trades).await?;
            }
        }
    }
    let compares = |check: &&Check| matches!(check.run, CheckFn::Candles(Sides::Finer | Sides::Ticks, _));
    let has_compared = plan
        .checks()
        .filter(compares)
        .any(|check| report.looked_at.get(check.name).is_some_and(|count| *count > 0));
    if !has_compared && !report.is_interrupted {
        let text = "no candles in the lake to be compared; build them first";
        if plan.is_all() {
            report.notes.push(format!("{}: {text}", Group::Aggregation));
        } else {
            report.tell("tick_coverage", Severity::Error, None, None, text.to_owned());
        }
    }
    Ok(())
}

/// Records that the candles of an instrument's day were looked at, with its trades.
#[allow(clippy::too_many_arguments, reason = "of what, by whom, which objects")]
pub(super) async fn look(
    lake: &Lake,
    report: &mut CheckReport,
    day: Day,
    group: Group,
    key: &InstrumentKey,
    objects: &BTreeMap<Timeframe, Entry>,
    trades: &BTreeMap<Partition, ObjectState>,
) -> Result<(), LakeError> {
    let mut names = BTreeSet::new();
    for (timeframe, entry) in objects {
        names.insert(candles_name(lake, &format!("{CANDLES} {timeframe}"), entry).await?);
    }
    let data_type = DataType::Trades;
    let state = trades.get(&Partition { day, data_type, key: key.clone() });
    names.insert(object_name(data_type, state));
    let looked = report.look(day, Some(key), None);
    looked.groups.insert(group);
    looked.objects.extend(names);
    Ok(())
}

/// One instrument's candles of a day.
struct Instrument<'a> {
    lake: &'a Lake,
    plan: &'a CheckPlan,
    day: Day,
    key: &'a InstrumentKey,
    unit: Option<&'a CandleTask>,
}

impl Instrument<'_> {
    async fn check(
        &self,
        objects: &BTreeMap<Timeframe, Entry>,
        timeframes: &[Timeframe],
        stop: &CancellationToken,
        report: &mut CheckReport,
    ) -> Result<(), EngineError> {
        let (key, day) = (Some(self.key), Some(self.day));
        let mut all: BTreeMap<Timeframe, Series> = BTreeMap::new();
        for (timeframe, entry) in objects {
            match read(self.lake, entry, *timeframe, self.key).await? {
                Ok(series) => {
                    report.rows += series.bars.len() as u64;
                    report.judge(self.plan, key, day, &Candles::Alone(&series));
                    self.outside(&series, report);
                    all.insert(*timeframe, series);
                }
                Err(reason) => {
                    let text = format!("candles of {timeframe}: {reason}");
                    report.tell("unreadable_partition", Severity::Error, key, day, text);
                }
            }
        }
        for (timeframe, coarse) in &all {
            if let Some((_, fine)) = all.range(..timeframe).rev().find(|(t, _)| timeframe.us() % t.us() == 0)
                && !(coarse.bars.is_empty() && fine.bars.is_empty())
            {
                report.judge(self.plan, key, day, &Candles::Finer(coarse, fine));
            }
        }
        self.against_ticks(&all, stop, report).await?;
        let has_trades = self.unit.is_some_and(CandleTask::has_rows);
        let lacking: Vec<String> =
            timeframes.iter().filter(|t| !objects.contains_key(t)).map(ToString::to_string).collect();
        if objects.is_empty() && has_trades && !self.plan.is_all() {
            let text = "there are trades and no candles; build them first".to_owned();
            report.tell("tick_coverage", Severity::Error, key, day, text);
        } else if !objects.is_empty() && !lacking.is_empty() {
            let text = format!("no candles of {}, which other instruments or days have", lacking.join(", "));
            report.tell("tick_coverage", Severity::Warning, key, day, text);
        }
        Ok(())
    }

    /// Finds candles of another day than that of their path.
    fn outside(&self, series: &Series, report: &mut CheckReport) {
        let within = self.day.start_us()..self.day.end_us();
        if let Some(bar) = series.bars.iter().find(|bar| !within.contains(&bar.start)) {
            let at = mtdh_core::check::finding::moment(bar.start);
            let text = format!("{} {at} is not of the day", series.timeframe);
            report.tell("candle_boundary", Severity::Error, Some(self.key), Some(self.day), text);
        }
    }

    async fn against_ticks(
        &self,
        all: &BTreeMap<Timeframe, Series>,
        stop: &CancellationToken,
        report: &mut CheckReport,
    ) -> Result<(), EngineError> {
        let (key, day) = (Some(self.key), Some(self.day));
        if all.is_empty() {
            return Ok(());
        }
        let Some(unit) = self.unit else {
            if all.values().any(|series| series.bars.iter().any(|bar| bar.has_trades())) {
                let text = "there are candles, and the lake has no trades to hold them against".to_owned();
                report.tell("tick_coverage", Severity::Warning, key, day, text);
            }
            return Ok(());
        };
        let timeframes: Vec<Timeframe> = all.keys().copied().collect();
        let made = match of_unit(self.lake, unit, &timeframes, stop).await {
            Ok(made) => made,
            Err(CandleError::Interrupted) => {
                report.is_interrupted = true;
                return Ok(());
            }
            Err(CandleError::Lake(error)) if error.is_fatal() => return Err(EngineError::Lake(error)),
            Err(error) => {
                report.tell("unreadable_partition", Severity::Error, key, day, chain(&error));
                return Ok(());
            }
        };
        for (timeframe, series) in all {
            let Some(ticks) = made.get(timeframe) else { continue };
            if !(series.bars.is_empty() && ticks.bars.is_empty()) {
                report.judge(self.plan, key, day, &Candles::Ticks(series, ticks));
            }
        }
        Ok(())
    }
}

/// The candles of an instrument's day, made from its trades; from the new trades if these were replaced.
async fn of_unit(
    lake: &Lake,
    unit: &CandleTask,
    timeframes: &[Timeframe],
    stop: &CancellationToken,
) -> Result<BTreeMap<Timeframe, Series>, CandleError> {
    let mut unit = unit.clone();
    for _ in 0..=LOOKS_AGAIN {
        let made = ticks::of_unit(lake, &unit, timeframes, stop).await;
        if !matches!(&made, Err(CandleError::Lake(error)) if is_doubtful(error)) {
            return made;
        }
        let newer = unit.replaced(lake).await?;
        if newer.is_empty() {
            return made;
        }
        unit = unit.with(newer);
    }
    Err(CandleError::Changing(LOOKS_AGAIN + 1))
}
