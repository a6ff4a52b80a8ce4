//! From a request to the objects that have its rows, and the partitions that the lake lacks.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use mtdh_core::candle::value::Valuation;
use mtdh_core::check::grade::Grade;
use mtdh_core::key::{InstrumentKey, InstrumentType};
use mtdh_core::partition::{Origin, Origins, Partition, Status};
use mtdh_core::universe::KeyPattern;
use mtdh_core::{DataType, Day};
use mtdh_lake::tables::instruments::ExpectedKeys;
use mtdh_lake::{Entry, Lake, LakeError, LakePath};

use super::{MOST_DAYS_ASKED_FOR, ReadRequest, TickTable, days_of, exchange};
use crate::error::EngineError;
use crate::names::suggestions;
use crate::runs::phase;

/// Days of a bucket that are looked at at the same time.
const CONCURRENT: usize = 16;

/// Days that are looked at at the same time. A disk answers at once: more days than processors would only take memory.
fn days_at_once(lake: &Lake) -> usize {
    match lake.folder() {
        None => CONCURRENT,
        Some(_) => std::thread::available_parallelism().map_or(2, usize::from).clamp(2, CONCURRENT),
    }
}

/// An object that may have rows of a request.
#[derive(Clone, Debug)]
pub struct ChosenObject {
    /// The day of its folder, UTC.
    pub day: Day,
    /// The instrument.
    pub key: InstrumentKey,
    /// The object.
    pub entry: Entry,
    /// Whose rows it has.
    pub origin: Origin,
    /// What its amounts are worth, or why that is not known, if the request asks for it.
    pub valuation: Option<Result<Valuation, &'static str>>,
}

/// A part of a request that the lake should have and has not.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Missing {
    /// The day, UTC.
    pub day: Day,
    /// The key; a pattern, where the day has no instrument table that says which keys it means.
    pub instrument: String,
}

/// The objects of a request, ordered by day and key, and what is missing.
#[derive(Clone, Debug, Default)]
pub struct Chosen {
    /// The objects.
    pub objects: Vec<ChosenObject>,
    /// What has no object although the day's instrument table expects it, or the day has no table.
    pub missing: Vec<Missing>,
}

/// What the objects that are there are measured against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Against {
    /// What the days' instrument tables expect. That none of them knows an instrument is an error.
    Tables,
    /// The calendar: every day of the range should have an object. Tables are not read.
    Calendar,
}

/// Finds the objects of a request. A named instrument is looked up by its path; a pattern lists the days.
///
/// # Errors
/// When the lake cannot be read, a text is no key, or no table and no object knows an instrument.
pub(crate) async fn choose(
    lake: &Lake,
    request: &ReadRequest,
    against: Against,
) -> Result<Chosen, EngineError> {
    match request.origins {
        Origins::Only(origin) => choose_of(&lake.with_origin(origin), request, against).await,
        Origins::Both => {
            // What the vendor lacks may be recorded: that no object is there is an error only if neither has one.
            let vendor = choose_of(&lake.with_origin(Origin::Vendor), request, Against::Calendar).await?;
            let live = choose_of(&lake.with_origin(Origin::Live), request, against).await?;
            both(lake, vendor, live).await
        }
    }
}

/// The vendor's objects, and those of recordings for each day of an instrument of which the vendor has none, or has answered that
/// there is no file.
async fn both(lake: &Lake, vendor: Chosen, live: Chosen) -> Result<Chosen, EngineError> {
    let recorded: BTreeSet<(Day, &InstrumentKey)> =
        live.objects.iter().map(|object| (object.day, &object.key)).collect();
    let mut objects = Vec::new();
    for object in vendor.objects {
        let is_recorded = recorded.contains(&(object.day, &object.key));
        if !is_recorded || !is_absent(lake, &object.entry).await? {
            objects.push(object);
        }
    }
    let has: BTreeSet<(Day, InstrumentKey)> =
        objects.iter().map(|object| (object.day, object.key.clone())).collect();
    let is_new = |object: &ChosenObject| !has.contains(&(object.day, object.key.clone()));
    let missing = live.missing.into_iter();
    let is_lacking = |missing: &Missing| {
        let pattern = KeyPattern::new(&missing.instrument);
        !has.iter().any(|(day, key)| *day == missing.day && pattern.matches(key))
    };
    let missing = missing.filter(is_lacking).collect();
    objects.extend(live.objects.into_iter().filter(is_new));
    // Parts of a day stay in their order.
    objects.sort_by(|a, b| (a.day, &a.key).cmp(&(b.day, &b.key)));
    Ok(Chosen { objects, missing })
}

/// Whether an object of the vendor says that there is no file. One that cannot be read says nothing.
async fn is_absent(lake: &Lake, entry: &Entry) -> Result<bool, EngineError> {
    match lake.footer(entry).await {
        Ok(footer) => Ok(footer.facts.status == Status::Absent),
        Err(error) if error.is_distrust() => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// As [`choose`], of the lake's own origin.
async fn choose_of(lake: &Lake, request: &ReadRequest, against: Against) -> Result<Chosen, EngineError> {
    let found: Vec<Chosen> = of_origin(lake, request, against).await?.try_collect().await?;
    let mut chosen = Chosen::default();
    for day in found {
        chosen.objects.extend(day.objects);
        chosen.missing.extend(day.missing);
    }
    if chosen.objects.is_empty() && against == Against::Tables {
        lake.check_readable().await?;
        check_known(lake, request).await?;
    }
    Ok(chosen)
}

/// What is there of a request, day after day.
pub(crate) type DayStream = BoxStream<'static, Result<Chosen, EngineError>>;

/// As [`choose`], day after day, so that no more than a few days are in memory. That no table knows an instrument is no error here.
///
/// # Errors
/// When a text is no key, or the lake's days cannot be listed. Others are in the stream.
pub(crate) async fn by_day(
    lake: &Lake,
    request: &ReadRequest,
    against: Against,
) -> Result<DayStream, EngineError> {
    match request.origins {
        Origins::Only(origin) => of_origin(&lake.with_origin(origin), request, against).await,
        Origins::Both => {
            let vendor = of_origin(&lake.with_origin(Origin::Vendor), request, Against::Calendar).await?;
            let live = of_origin(&lake.with_origin(Origin::Live), request, against).await?;
            let lake = lake.clone();
            let days = vendor.zip(live).then(move |(vendor, live)| {
                let lake = lake.clone();
                async move { both(&lake, vendor?, live?).await }
            });
            Ok(days.boxed())
        }
    }
}

async fn of_origin(lake: &Lake, request: &ReadRequest, against: Against) -> Result<DayStream, EngineError> {
    let days = days_to_look_at(request);
    let phase = phase::outermost("looking for objects", "day", days.len());
    let listed = Arc::new(Listed::of(lake, request, &days).await?);
    let (names, patterns) = names_and_patterns(request);
    let mut keys: Vec<InstrumentKey> = Vec::new();
    for name in &names {
        keys.push(super::instrument_key(lake, &name.to_string()).await?);
    }
    let asked = Arc::new((keys, patterns));
    let expected = exchange::days_expected(request.clock_of_rows(), &request.within_us);
    let (lake, table, has_worth) = (lake.clone(), request.table, request.has_worth);
    let at_once = days_at_once(&lake);
    let of_day = move |day: Day| {
        let (lake, asked, listed) = (lake.clone(), asked.clone(), listed.clone());
        async move {
            let (keys, patterns) = &*asked;
            let mut chosen = if listed.may_have(day) {
                let of_day = {
                    let asked = asked.clone();
                    async move { choose_of_day(&lake, table, day, &asked.0, &asked.1, has_worth, against).await }
                };
                // Days on several threads: their tables are decoded.
                let ended = tokio::spawn(of_day).await;
                ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))?
            } else {
                let all =
                    keys.iter().map(ToString::to_string).chain(patterns.iter().map(ToString::to_string));
                let missing = all.map(|instrument| Missing { day, instrument }).collect();
                Chosen { objects: Vec::new(), missing }
            };
            let is_expected = |missing: &Missing| expected.is_some_and(|days| days.contains(missing.day));
            chosen.missing.retain(is_expected);
            Ok(chosen)
        }
    };
    let days = futures::stream::iter(days).map(of_day).buffered(at_once);
    Ok(days.inspect(move |_| phase.done()).boxed())
}

/// The instruments of a request: those that are named, and patterns.
fn names_and_patterns(request: &ReadRequest) -> (Vec<KeyPattern>, Vec<KeyPattern>) {
    let patterns = request.instruments.iter().map(|text| KeyPattern::new(text));
    patterns.partition(KeyPattern::is_name)
}

/// The days whose objects may have rows of a request.
fn days_to_look_at(request: &ReadRequest) -> Vec<Day> {
    let days = exchange::days_to_open(request.clock_of_rows(), &request.within_us);
    days.map(|days| days.days().collect()).unwrap_or_default()
}

/// The days that the lake has something of, listed once for a long range; asking for each of its days would take longer.
struct Listed(Option<BTreeSet<Day>>);

impl Listed {
    async fn of(lake: &Lake, request: &ReadRequest, days: &[Day]) -> Result<Listed, LakeError> {
        if days.len() <= MOST_DAYS_ASKED_FOR {
            return Ok(Listed(None));
        }
        let mut listed: BTreeSet<Day> = lake.days_with_instruments().await?.into_iter().collect();
        match request.table {
            TickTable::Ticks(_) => listed.extend(lake.days_with_partitions().await?),
            TickTable::Candles(_) => listed.extend(lake.days_with_candles().await?),
        }
        Ok(Listed(Some(listed)))
    }

    fn may_have(&self, day: Day) -> bool {
        self.0.as_ref().is_none_or(|days| days.contains(&day))
    }
}

async fn choose_of_day(
    lake: &Lake,
    table: TickTable,
    day: Day,
    keys: &[InstrumentKey],
    patterns: &[KeyPattern],
    has_worth: bool,
    against: Against,
) -> Result<Chosen, EngineError> {
    let mut there: BTreeMap<InstrumentKey, Vec<Entry>> = BTreeMap::new();
    let mut lacking: BTreeSet<InstrumentKey> = BTreeSet::new();
    if !patterns.is_empty() {
        let is_wanted = |key: &InstrumentKey| keys.contains(key) || is_meant(patterns, key);
        there.extend(
            list(lake, table, day, is_wanted).await?.into_iter().map(|(key, entry)| (key, vec![entry])),
        );
        there.extend(parts(lake, table, day, |key| is_wanted(key) && !there.contains_key(key)).await?);
    }
    for key in keys {
        if there.contains_key(key) {
            continue;
        }
        match lake.entry(&path(lake, table, day, key)).await? {
            Some(entry) => drop(there.insert(key.clone(), vec![entry])),
            None => drop(lacking.insert(key.clone())),
        }
    }
    for key in lacking.clone() {
        let found = parts_of(lake, table, day, &key).await?;
        if !found.is_empty() {
            lacking.remove(&key);
            there.insert(key, found);
        }
    }
    let mut missing = Vec::new();
    if !lacking.is_empty() || !patterns.is_empty() {
        let has: HashSet<&str> = there.keys().map(InstrumentKey::as_str).collect();
        let is_wanted = |text: &str| {
            let is_meant = || patterns.iter().any(|pattern| pattern.matches_text(text));
            !has.contains(text) && (lacking.iter().any(|key| key.as_str() == text) || is_meant())
        };
        let expected = match against {
            Against::Tables => lake.expected(day, is_wanted).await?,
            Against::Calendar => None,
        };
        missing = missing_of_day(table, day, expected.as_ref(), &lacking, patterns, &there);
    }
    let origin = lake.origin();
    let of_key = |(key, entries): (InstrumentKey, Vec<Entry>)| {
        let of_entry = move |entry| ChosenObject { day, key: key.clone(), entry, origin, valuation: None };
        entries.into_iter().map(of_entry)
    };
    let mut objects: Vec<ChosenObject> = there.into_iter().flat_map(of_key).collect();
    if has_worth && !objects.is_empty() {
        let instruments = lake.instruments(day).await?.unwrap_or_default();
        for object in &mut objects {
            let row = instruments.iter().find(|row| row.key == object.key);
            object.valuation = Some(Valuation::of(&object.key, row));
        }
    }
    Ok(Chosen { objects, missing })
}

/// What a day lacks. A table that expects nothing of an instrument's day says that nothing is missing: it was not listed then,
/// or has no such data.
fn missing_of_day(
    table: TickTable,
    day: Day,
    expected: Option<&ExpectedKeys>,
    lacking: &BTreeSet<InstrumentKey>,
    patterns: &[KeyPattern],
    there: &BTreeMap<InstrumentKey, Vec<Entry>>,
) -> Vec<Missing> {
    let missing = |instrument: String| Missing { day, instrument };
    let Some(expected) = expected else {
        let without_object = patterns.iter().filter(|p| !there.keys().any(|key| p.matches(key)));
        let named = lacking.iter().map(|key| missing(key.to_string()));
        return named.chain(without_object.map(|p| missing(p.to_string()))).collect();
    };
    // Candles are made of trades.
    let data_type = match table {
        TickTable::Ticks(data_type) => data_type,
        TickTable::Candles(_) => DataType::Trades,
    };
    let unknown = lacking.iter().filter(|key| !expected.venues.contains(key.venue()));
    let wanted = expected.keys.iter().filter(|(key, _)| lacking.contains(key) || is_meant(patterns, key));
    let lost = wanted.filter(|(_, types)| types.contains(&data_type));
    let mut all: Vec<Missing> =
        unknown.chain(lost.map(|(key, _)| key)).map(|key| missing(key.to_string())).collect();
    all.sort();
    all
}

/// Combos are meant only by a pattern that names their type, as everywhere.
fn is_meant(patterns: &[KeyPattern], key: &InstrumentKey) -> bool {
    let kind = key.instrument_type();
    patterns.iter().any(|p| p.matches(key) && (kind != InstrumentType::Combo || p.names_type(kind)))
}

async fn list(
    lake: &Lake,
    table: TickTable,
    day: Day,
    is_wanted: impl Fn(&InstrumentKey) -> bool,
) -> Result<Vec<(InstrumentKey, Entry)>, LakeError> {
    match table {
        TickTable::Ticks(data_type) => lake.list_partitions_of(day, data_type, is_wanted).await,
        TickTable::Candles(timeframe) => lake.list_candles_of(day, timeframe, is_wanted).await,
    }
}

/// The parts of instruments whose day is still recorded, or not joined yet, by instrument and in their order. Only recordings have
/// parts.
async fn parts(
    lake: &Lake,
    table: TickTable,
    day: Day,
    is_wanted: impl Fn(&InstrumentKey) -> bool,
) -> Result<BTreeMap<InstrumentKey, Vec<Entry>>, LakeError> {
    let mut found: BTreeMap<InstrumentKey, Vec<Entry>> = BTreeMap::new();
    let (TickTable::Ticks(data_type), Origin::Live) = (table, lake.origin()) else { return Ok(found) };
    for (part, entry) in lake.list_parts_of_day(day, data_type).await? {
        if is_wanted(&part.partition.key) {
            found.entry(part.partition.key).or_default().push(entry);
        }
    }
    Ok(found)
}

/// As [`parts`], of one instrument.
async fn parts_of(
    lake: &Lake,
    table: TickTable,
    day: Day,
    key: &InstrumentKey,
) -> Result<Vec<Entry>, LakeError> {
    let (TickTable::Ticks(data_type), Origin::Live) = (table, lake.origin()) else { return Ok(Vec::new()) };
    let parts = lake.list_parts(&Partition { day, data_type, key: key.clone() }).await?;
    Ok(parts.into_iter().map(|(_, entry)| entry).collect())
}

pub(super) fn path(lake: &Lake, table: TickTable, day: Day, key: &InstrumentKey) -> LakePath {
    match table {
        TickTable::Ticks(data_type) => lake.partition_path(&Partition { day, data_type, key: key.clone() }),
        TickTable::Candles(timeframe) => lake.candles_path(day, timeframe, key),
    }
}

/// Fails for a named instrument that no table of the request's days has, nor the newest one.
pub(crate) async fn check_known(lake: &Lake, request: &ReadRequest) -> Result<(), EngineError> {
    let (names, _) = names_and_patterns(request);
    let keys = names.iter().map(ToString::to_string).collect::<Vec<String>>();
    let days: Vec<Day> = days_of(&request.within_us).collect();
    let ends = [days.first(), days.last()].into_iter().flatten().copied();
    let known = super::known(lake, ends).await?;
    let unknown = keys.iter().find(|key| !known.iter().any(|row| row.key.as_str() == key.as_str()));
    match unknown {
        Some(key) if !known.is_empty() => {
            Err(EngineError::UnknownInstrument { key: key.clone(), suggestions: suggestions(key, &known) })
        }
        _ => Ok(()),
    }
}

/// The grades of the objects of a request by the last check, for ticks; candles have none.
///
/// # Errors
/// When the lake cannot be read.
pub(crate) async fn grades(
    lake: &Lake,
    table: TickTable,
    chosen: &Chosen,
) -> Result<Vec<Option<Grade>>, EngineError> {
    let TickTable::Ticks(data_type) = table else { return Ok(vec![None; chosen.objects.len()]) };
    let days: BTreeSet<(Day, Origin)> =
        chosen.objects.iter().map(|object| (object.day, object.origin)).collect();
    let mut reports = BTreeMap::new();
    for (day, origin) in days {
        reports.insert((day, origin), lake.with_origin(origin).available(day).await?);
    }
    let grade = |object: &ChosenObject| {
        let partition = Partition { day: object.day, data_type, key: object.key.clone() };
        let line = reports.get(&(object.day, object.origin))?.get(&partition)?;
        if line.is_of(&object.entry) { line.grade } else { None }
    };
    Ok(chosen.objects.iter().map(grade).collect())
}
