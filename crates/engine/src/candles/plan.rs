//! Plans candles: which to make, from which objects, and which are up to date.
//!
//! Files are cut by arrival, intervals by the exchange's clock. Rows of a day are therefore in its own file and at the edges
//! of the neighbouring files, which are inputs too. If a neighbour is missing, the candles at that edge are not final.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use futures::StreamExt;
use mtdh_core::candle::{CANDLE_VERSION, CandleFooter, Complete, Fill, Timeframe, Units, Valuation};
use mtdh_core::instrument::Instrument;
use mtdh_core::key::InstrumentKey;
use mtdh_core::partition::{Origin, Partition, Shard, Status};
use mtdh_core::table::SCHEMA_VERSION;
use mtdh_core::{DataType, Day};
use mtdh_lake::{Entry as Object, Lake, LakeError};

use super::recorded;
use super::task::{CandleTask, SOURCES};
use crate::error::EngineError;
use crate::query::Available;
use crate::runs::phase;
use crate::selection::Selection;
use crate::validate::proof::replaced;
use mtdh_lake::inventory::{ObjectState, Verify, inventory};

/// Footers read at the same time.
const CONCURRENT_FOOTERS: usize = 32;

/// Whether candles that are up to date are made again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Remake {
    /// Only those that are missing, or older than their inputs.
    #[default]
    Outdated,
    /// All.
    All,
}

/// A plan of candles.
#[derive(Clone, Debug, Default)]
pub struct CandlePlan {
    /// Instrument-days with candles to make, in the order of days and keys.
    pub units: Vec<CandleTask>,
    /// Objects of candles that are up to date, by day and venue.
    pub up_to_date: BTreeMap<(Day, String), usize>,
    /// Instrument-days that another shard makes, by day and venue.
    pub other_shard: BTreeMap<(Day, String), usize>,
    /// Instrument-days that should have trades in the lake and have none.
    pub without_trades: Vec<(Day, InstrumentKey)>,
    /// Inputs besides trades that the day's table lists and the lake does not have; the candles' columns of them are null.
    pub lacking: Vec<Partition>,
    /// Instruments that were asked for by name and are neither in a day's table nor in the lake.
    pub unknown: Vec<(Day, String)>,
}

impl CandlePlan {
    /// Objects to make.
    pub fn objects(&self) -> usize {
        self.units.iter().map(|unit| unit.timeframes.len()).sum()
    }

    /// Whether nothing in the lake or its tables matches the selection.
    pub fn is_about_nothing(&self) -> bool {
        self.units.is_empty()
            && self.up_to_date.is_empty()
            && self.other_shard.is_empty()
            && self.without_trades.is_empty()
    }
}

/// A day of the lake: its objects, and its table if it has one.
struct LakeDay {
    there: BTreeMap<Partition, ObjectState>,
    table: Option<Vec<Instrument>>,
}

impl LakeDay {
    async fn read(lake: &Lake, day: Day, data_types: &[DataType]) -> Result<LakeDay, LakeError> {
        let there = inventory(lake, day, data_types, Verify::Index).await?;
        Ok(LakeDay { there, table: lake.instruments(day).await? })
    }

    /// The row of an instrument in the day's table.
    fn row(&self, key: &InstrumentKey) -> Option<&Instrument> {
        self.table.iter().flatten().find(|row| row.key == *key)
    }

    /// What the day's table says of a partition that the lake does not have. `beside` is the instrument's row in the table of a
    /// day beside, and that day.
    fn says(&self, partition: &Partition, beside: Option<(Day, &Instrument)>) -> Told {
        let Partition { day, data_type, key } = partition;
        if let Some(row) = self.row(key) {
            return match () {
                () if row.expected(*day).any(|p| p == *partition) => Told::Listed,
                // What the vendor took from its list existed.
                () if is_vendors(row, *day) && !row.withdrawn_data_types.contains(data_type) => Told::None,
                () => Told::Nothing,
            };
        }
        // A table without the instrument tells nothing: it may be without combos, or of a folder of files. Its life does.
        match beside {
            Some((of, row)) if is_vendors(row, of) && !row.is_alive(*day) => Told::None,
            _ => Told::Nothing,
        }
    }
}

/// Whether the vendor states the life and the data types of a row. A row that was made from the names of a folder's files lives
/// for the day of its table and has the types of those files: elsewhere there may be more.
fn is_vendors(row: &Instrument, day: Day) -> bool {
    (row.available_from_us, row.available_to_us) != (day.start_us(), Some(day.end_us()))
}

/// What is known of a partition that is not in the lake.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    /// The vendor has it.
    Listed,
    /// There is none.
    None,
    /// Nothing.
    Nothing,
}

/// Plans the candles of a selection. Its data types are the inputs besides trades.
///
/// # Errors
/// When the lake cannot be read.
pub async fn plan(
    lake: &Lake,
    selection: &Selection,
    timeframes: &[Timeframe],
    fill: Fill,
    shard: Shard,
    remake: Remake,
) -> Result<CandlePlan, EngineError> {
    let is_used = |t: &DataType| *t == DataType::Trades || selection.data_types.contains(t);
    let used: Vec<DataType> = SOURCES.into_iter().flatten().copied().filter(is_used).collect();
    let selection = Selection { data_types: used.clone(), ..selection.clone() };
    let mut plan = CandlePlan::default();
    let mut days: BTreeMap<Day, LakeDay> = BTreeMap::new();
    let phase = phase::days("planning candles", selection.days);
    for day in selection.days.days() {
        let _day_done = phase.item();
        days.retain(|known, _| *known >= day.previous());
        for needed in [day.previous(), day, day.next()] {
            if let Entry::Vacant(place) = days.entry(needed) {
                place.insert(LakeDay::read(lake, needed, &used).await?);
            }
        }
        let made = match remake {
            Remake::Outdated => made(lake, day, timeframes).await?,
            Remake::All => BTreeMap::new(),
        };
        let keys = meant(&selection, day, &days[&day], &mut plan);
        let mut candidates = Vec::new();
        for key in keys {
            let place = (day, key.venue().to_owned());
            let trades = Partition { day, data_type: DataType::Trades, key: key.clone() };
            if !shard.holds(&CandleTask::name(day, &key)) {
                *plan.other_shard.entry(place).or_default() += 1;
            } else if days[&day].there.contains_key(&trades) {
                let objects: Vec<_> =
                    timeframes.iter().map(|t| (*t, made.get(&(*t, key.clone())).cloned())).collect();
                let mut unit = unit(day, &key, fill, &days, &used);
                if lake.origin() == Origin::Live {
                    recorded::narrow(lake, &mut unit, &days[&day].there).await?;
                }
                let lacking = unit.lacking.iter();
                plan.lacking.extend(lacking.map(|t| Partition { day, data_type: *t, key: key.clone() }));
                candidates.push((unit, objects));
            } else {
                plan.without_trades.push((day, key));
            }
        }
        let mut looked = futures::stream::iter(candidates)
            .map(|(unit, objects)| outdated(lake, unit, objects))
            .buffered(CONCURRENT_FOOTERS);
        while let Some(looked) = looked.next().await {
            let unit = looked?;
            let fresh = timeframes.len() - unit.timeframes.len();
            if fresh > 0 {
                *plan.up_to_date.entry((day, unit.key.venue().to_owned())).or_default() += fresh;
            }
            if !unit.timeframes.is_empty() {
                plan.units.push(unit);
            }
        }
    }
    Ok(plan)
}

/// The candles that the lake has of a day.
async fn made(
    lake: &Lake,
    day: Day,
    timeframes: &[Timeframe],
) -> Result<BTreeMap<(Timeframe, InstrumentKey), Object>, LakeError> {
    let mut found = BTreeMap::new();
    for timeframe in timeframes {
        for (timeframe, key, entry) in lake.list_candles(day, Some(*timeframe)).await? {
            found.insert((timeframe, key), entry);
        }
    }
    Ok(found)
}

/// The selected instruments: those with expected trades in the day's table, and those with trades in the lake.
fn meant(selection: &Selection, day: Day, of_day: &LakeDay, plan: &mut CandlePlan) -> Vec<InstrumentKey> {
    let trades = |key: &InstrumentKey| Partition { day, data_type: DataType::Trades, key: key.clone() };
    let table = of_day.table.as_deref().unwrap_or_default();
    let expected = table.iter().filter(|i| selection.takes(i) && i.is_exported);
    let expected = expected.filter(|i| i.expected(day).any(|p| p == trades(&i.key))).map(|i| i.key.clone());
    let there =
        of_day.there.keys().filter(|p| p.data_type == DataType::Trades && selection.takes_partition(p));
    let keys: BTreeSet<InstrumentKey> = expected.chain(there.map(|p| p.key.clone())).collect();
    let unmatched = selection.patterns.iter().filter(|pattern| {
        !keys.iter().any(|key| pattern.matches(key)) && !table.iter().any(|i| pattern.matches(&i.key))
    });
    plan.unknown.extend(unmatched.map(|pattern| (day, pattern.to_string())));
    keys.into_iter().take(selection.max_instruments.unwrap_or(usize::MAX)).collect()
}

/// Removes the timeframes whose object was made from the same inputs in the same way.
async fn outdated(
    lake: &Lake,
    mut unit: CandleTask,
    objects: Vec<(Timeframe, Option<Object>)>,
) -> Result<CandleTask, LakeError> {
    for (timeframe, entry) in objects {
        let facts = match &entry {
            None => None,
            Some(entry) => match lake.candle_facts(entry).await {
                Ok(facts) => Some(facts),
                // An object that cannot be trusted is made again.
                Err(error) if error.is_distrust() => None,
                Err(error) => return Err(error),
            },
        };
        let is_current = facts.is_some_and(|facts| {
            let rows = facts.rows;
            facts == unit.facts(timeframe, rows)
        });
        if !is_current {
            unit.timeframes.push(timeframe);
        }
    }
    Ok(unit)
}

impl CandleTask {
    /// The current objects in place of those planned as inputs; only the ones that differ.
    pub(crate) async fn replaced(&self, lake: &Lake) -> Result<Vec<Available>, LakeError> {
        let mut newer = Vec::new();
        for object in &self.objects {
            newer.extend(replaced(lake, object).await?);
        }
        Ok(newer)
    }

    /// The same task with newer objects in place of some that were replaced.
    pub(crate) fn with(mut self, newer: Vec<Available>) -> CandleTask {
        for now in newer {
            let Partition { day, data_type, .. } = now.partition;
            let of = format!("{data_type} {day} ");
            for input in self.inputs.iter_mut().filter(|input| input.starts_with(&of)) {
                *input = format!("{of}{}", version(&now));
            }
            let is_it = |known: &Available| known.partition == now.partition;
            self.objects.iter_mut().filter(|known| is_it(known)).for_each(|known| *known = now.clone());
            self.own_trades.iter_mut().filter(|known| is_it(known)).for_each(|known| *known = now.clone());
        }
        self
    }

    /// The footer of one of its objects.
    pub(super) fn facts(&self, timeframe: Timeframe, rows: u64) -> CandleFooter {
        CandleFooter {
            key: self.key.clone(),
            day: Some(self.day),
            timeframe,
            fill: self.fill,
            inputs: self.inputs.clone(),
            units: self.units.clone(),
            rows,
            version: CANDLE_VERSION,
        }
    }
}

/// The task of an instrument-day.
fn unit(
    day: Day,
    key: &InstrumentKey,
    fill: Fill,
    days: &BTreeMap<Day, LakeDay>,
    used: &[DataType],
) -> CandleTask {
    let row = days[&day].row(key);
    let mut unit = CandleTask {
        day,
        key: key.clone(),
        timeframes: Vec::new(),
        fill,
        objects: Vec::new(),
        inputs: Vec::new(),
        complete: Complete::default(),
        valuation: Valuation::of(key, row).ok(),
        units: Units::of(key, row),
        lacking: Vec::new(),
        own_trades: None,
        untrusted: None,
    };
    let [trades, liquidations, ticker, book] = SOURCES.map(|group| source(&mut unit, days, group, used));
    let trades = trades.unwrap_or(0..0);
    unit.complete = Complete { trades, liquidations, ticker, book, ..Complete::default() };
    unit
}

/// Adds a source to a task: the first data type of a group that the lake has, of the day and of its neighbours. Returns the time
/// range with all of its rows; `None`: it is not known what happened on the day.
fn source(
    unit: &mut CandleTask,
    days: &BTreeMap<Day, LakeDay>,
    group: &[DataType],
    used: &[DataType],
) -> Option<Range<i64>> {
    let (day, key) = (unit.day, unit.key.clone());
    let of = |data_type, day| Partition { day, data_type, key: key.clone() };
    let asked: Vec<DataType> = group.iter().copied().filter(|t| used.contains(t)).collect();
    let there = |t: &DataType| days[&day].there.get(&of(*t, day));
    let has = |t: &&DataType| there(t).is_some();
    let is_absent = |t: &DataType| there(t).is_some_and(|state| state.status() == Status::Absent);
    let Some(data_type) = asked.iter().find(|t| has(t) && !is_absent(t)).or(asked.iter().find(has)).copied()
    else {
        let says: Vec<Told> = asked.iter().map(|t| days[&day].says(&of(*t, day), None)).collect();
        let listed = says.iter().position(|told| *told == Told::Listed);
        let data_type = *asked.get(listed.unwrap_or_default())?;
        let word = match listed {
            Some(_) => "missing",
            None if says.iter().all(|told| *told == Told::None) => "none",
            None => "not_known",
        };
        unit.lacking.extend(listed.map(|_| data_type));
        unit.inputs.push(format!("{data_type} {day} {word}"));
        return None;
    };
    let mut known = day.start_us()..day.end_us();
    let beside = days[&day].row(&key).map(|row| (day, row));
    for near in [day.previous(), day, day.next()] {
        let partition = of(data_type, near);
        let (word, is_known) = match days[&near].there.get(&partition) {
            Some(ObjectState::Answered(available)) => {
                if near == day && data_type == DataType::Trades && available.tally.rows_out > 0 {
                    unit.own_trades = Some((**available).clone());
                }
                if reaches(available, day) {
                    unit.objects.push((**available).clone());
                }
                (version(available), true)
            }
            Some(ObjectState::Unreadable { reason }) => {
                if near == day {
                    unit.untrusted = Some((data_type, reason.clone()));
                }
                ("cannot be trusted".to_owned(), false)
            }
            None => match days[&near].says(&partition, beside) {
                Told::None => ("none".to_owned(), true),
                Told::Listed => ("missing".to_owned(), false),
                Told::Nothing => ("not_known".to_owned(), false),
            },
        };
        // The candles at this midnight may lack rows.
        known.start += i64::from(near < day && !is_known);
        known.end -= i64::from(near > day && !is_known);
        unit.inputs.push(format!("{data_type} {near} {word}"));
    }
    there(&data_type)
        .is_some_and(|state| matches!(state.status(), Status::Stored | Status::Empty))
        .then_some(known)
}

/// Whether an object has rows of a day, by the exchange's clock.
fn reaches(available: &Available, day: Day) -> bool {
    available.tally.timestamp.is_some_and(|(first, last)| first < day.end_us() && last >= day.start_us())
}

/// Identifies one version of an object: the vendor's file and the columns that it was read into.
pub(crate) fn version(available: &Available) -> String {
    let sha256 = available.source_sha256.as_deref().unwrap_or("none");
    let (status, rows) = (available.status, available.tally.rows_out);
    format!("{status} sha256={sha256} rows={rows} schema={SCHEMA_VERSION}")
}
