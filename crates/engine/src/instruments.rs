//! Instrument tables of days, made from the vendor's metadata or from the file names of a folder.

mod folder;
pub(crate) mod merge;

use std::collections::{BTreeMap, BTreeSet};

use futures::StreamExt;
use mtdh_core::error::chain;
use mtdh_core::expectation::{NotExpected, VenueNote};
use mtdh_core::instrument::Instrument;
use mtdh_core::key::{InstrumentKey, InstrumentType, KEY_VERSION};
use mtdh_core::venue::venue_of_exchange;
use mtdh_core::{Day, DayRange};
use mtdh_lake::Lake;
use mtdh_source::tardis::csv::dataset_symbol;
use mtdh_source::tardis::datasets::Folder;
use mtdh_source::tardis::instruments::Listing;
use mtdh_source::tardis::metadata::{Also, Metadata, MetadataError};
use serde::Serialize;

use crate::error::EngineError;
use crate::expectation::{self, NotExpectedLine, has_fault, lines};
use crate::runs::phase;
use crate::selection::Selection;
pub(crate) use folder::left_in_folder;
use folder::of_folder;
pub use merge::Removed;
use merge::{SourceAnswer, SourceScope, has_old_terms, losses, merge};

/// The result of writing instrument tables.
#[derive(Clone, Debug, Default, Serialize)]
pub struct InstrumentsReport {
    /// One per day, in order.
    pub days: Vec<DayOfInstruments>,
    /// Path of the table over all days; `None`: a single day.
    pub aggregate: Option<String>,
    /// Native keys, each once, with the symbol and the reason.
    pub native_keys: Vec<String>,
    /// Keys that several symbols would share, each once; every symbol has a row, all but the first under another key.
    pub shared_keys: Vec<String>,
    /// Listed by the vendor, but not expected.
    pub not_expected: Vec<NotExpectedLine>,
    /// Entries of a table that the vendor no longer lists, as `DAY KEY DATA_TYPE…`.
    pub withdrawn: Vec<String>,
    /// Venues whose instruments could not be had, each with the cause. Their rows stay as they are.
    pub unavailable: Vec<Unavailable>,
}

/// A venue whose instruments could not be had from the vendor.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Unavailable {
    /// The venue.
    pub venue: String,
    /// Why.
    pub cause: String,
}

impl InstrumentsReport {
    /// Whether everything that was asked for is known.
    pub fn is_whole(&self) -> bool {
        self.unavailable.is_empty() && !has_fault(&self.not_expected)
    }
}

/// The table of one day after the run.
#[derive(Clone, Debug, Serialize)]
pub struct DayOfInstruments {
    /// The day.
    pub day: String,
    /// Number of rows of the venues of this run, by venue and instrument type.
    pub counts: BTreeMap<String, BTreeMap<String, usize>>,
    /// Rows added since the table was last written; the first time, all of them.
    pub added: usize,
    /// Rows removed since: the vendor gave their end, or the user accepted the removal.
    pub removed: usize,
    /// Rows changed since.
    pub changed: usize,
}

/// Where instruments come from.
pub enum InstrumentSource<'a> {
    /// The vendor's metadata.
    Vendor(&'a Metadata),
    /// The names of a folder's files.
    Folder(&'a Folder),
}

/// Writes the tables of the selection's days and, for a range of days, the aggregate. They have every instrument of the
/// venues; combos only when they are asked for. Rows of other venues, and combos that were not asked for, stay as they are;
/// [`Removed`] decides about rows that are no longer listed.
///
/// # Errors
/// When the vendor's metadata cannot be fetched or the lake fails.
pub async fn write_instruments(
    lake: &Lake,
    source: &InstrumentSource<'_>,
    selection: &Selection,
    removed: Removed,
) -> Result<InstrumentsReport, EngineError> {
    write_tables(lake, source, selection, removed, Aggregate::Written).await
}

/// Days whose tables are made of one reading of the vendor's lists.
const ASKED_TOGETHER: usize = 31;

/// Such pieces written at the same time.
const WRITTEN_TOGETHER: usize = 4;

/// Whether a range of days gets one table of all its days too.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Aggregate {
    /// It does; the days' tables are held in memory.
    Written,
    /// It does not.
    None,
}

/// As [`write_instruments`].
async fn write_tables(
    lake: &Lake,
    source: &InstrumentSource<'_>,
    selection: &Selection,
    removed: Removed,
    aggregate: Aggregate,
) -> Result<InstrumentsReport, EngineError> {
    lake.check_writable().await?;
    let mut report = InstrumentsReport::default();
    let (mut native, mut shared) = (BTreeSet::new(), BTreeSet::new());
    let mut unavailable: BTreeSet<Unavailable> = BTreeSet::new();
    let mut days = Vec::new();
    let mut pieces = vec![selection.days];
    let phase = phase::days("making instrument tables", selection.days);
    while let Some(piece) = pieces.pop() {
        let Answers { listings, failed, .. } = match source {
            InstrumentSource::Vendor(metadata) => {
                let also =
                    Also { symbols: symbols_of_tables(lake, selection, piece).await?, patterns: Vec::new() };
                match ask(metadata, &selection.exchanges(), piece, &also).await {
                    Ok(answers) => answers,
                    // Fewer days have fewer live instruments.
                    Err(EngineError::Metadata { source: MetadataError::TooMuch { .. }, .. })
                        if piece.first() < piece.last() =>
                    {
                        let (early, late) = halves(piece);
                        pieces.extend([late, early]);
                        continue;
                    }
                    Err(error) => return Err(error),
                }
            }
            InstrumentSource::Folder(_) => Answers::default(),
        };
        // Nothing is said of the venues whose lists could not be had.
        let venues = selection.venues.iter().filter(|venue| failed.iter().all(|f| f.venue != **venue));
        let selection = &Selection { venues: venues.cloned().collect(), ..selection.clone() };
        unavailable.extend(failed);
        for day in piece.days() {
            let _day_done = phase.item();
            let (found, notes) = match source {
                InstrumentSource::Vendor(_) => of_vendor(&listings, selection, day, &mut native, &mut shared),
                InstrumentSource::Folder(folder) => {
                    (of_folder(folder, selection, day, &mut native)?, BTreeMap::new())
                }
            };
            report.days.push(write_day(lake, selection, day, &found, &notes, &listings, removed).await?);
            let table = lake.day_table(day).await?.unwrap_or_default();
            let expectation = expectation::of_day(selection, &table, &BTreeMap::new(), day);
            report.not_expected.extend(lines(day, &expectation.not_expected));
            let is_of_run = |i: &&Instrument| selection.venues.iter().any(|v| v == i.key.venue());
            report.withdrawn.extend(losses(day, table.instruments.iter().filter(is_of_run)));
            if aggregate == Aggregate::Written {
                days.push((day, table.instruments));
            }
        }
    }
    report.unavailable = unavailable.into_iter().collect();
    if days.len() > 1 {
        report.aggregate = Some(write_aggregate(lake, selection.days, days).await?);
    }
    report.native_keys = native.into_iter().collect();
    report.shared_keys = shared.into_iter().collect();
    Ok(report)
}

/// Writes the aggregate of a range from the current tables of its days, including rows of other venues. If one of them
/// changed meanwhile, the aggregate is written again, so that of several concurrent writers the last one includes everything.
async fn write_aggregate(
    lake: &Lake,
    range: DayRange,
    mut days: Vec<(Day, Vec<Instrument>)>,
) -> Result<String, EngineError> {
    loop {
        let path = lake.put_instrument_aggregate(range, &days).await?;
        let mut now = Vec::with_capacity(days.len());
        for (day, _) in &days {
            now.push((*day, lake.instruments(*day).await?.unwrap_or_default()));
        }
        if now == days {
            return Ok(path.to_string());
        }
        days = now;
    }
}

/// Makes sure that each day's table has the selection's venues and that their rows do not wait for the vendor's export. Asks
/// the vendor only where that is not the case. Returns the days that were written, and the venues that could not be had.
///
/// # Errors
/// As [`write_instruments`].
pub async fn ensure_instruments(
    lake: &Lake,
    source: &InstrumentSource<'_>,
    selection: &Selection,
) -> Result<(Vec<Day>, Vec<Unavailable>), EngineError> {
    let (mut written, mut unavailable) = (Vec::new(), BTreeSet::new());
    let phase = phase::days("reading instrument tables", selection.days);
    // Days that lack the same venues are asked for together: the vendor's lists are read once for all of them.
    let mut together: Vec<(DayRange, Vec<String>)> = Vec::new();
    for day in selection.days.days() {
        let _day_done = phase.item();
        let table = lake.day_table(day).await?.unwrap_or_default();
        let is_settled = |venue: &String| {
            let of_venue = table.instruments.iter().filter(|i| i.key.venue() == venue);
            let rows: Vec<&Instrument> = of_venue.filter(|i| i.is_listed).collect();
            let is_combo = |i: &&Instrument| i.key.instrument_type() == InstrumentType::Combo;
            let wants_combos = selection.takes_type(InstrumentType::Combo);
            let has_what_is_asked = !rows.is_empty() && (!wants_combos || rows.iter().any(is_combo));
            let note = table.venues.get(venue);
            let is_whole = note.is_none_or(|note| !note.keys().any(|reason| reason.is_fault()));
            let has_no_data_that_day = note.is_some_and(|n| n.keys().any(|r| r.is_outside_of_life()));
            let is_final = |i: &&Instrument| i.is_exported && !has_old_terms(i);
            let has_all = is_whole && has_what_is_asked && rows.iter().all(is_final);
            has_no_data_that_day || has_all
        };
        let venues: Vec<String> = selection.venues.iter().filter(|v| !is_settled(v)).cloned().collect();
        if venues.is_empty() {
            continue;
        }
        match together.last_mut() {
            Some((days, of))
                if *of == venues && days.last().next() == day && days.days().count() < ASKED_TOGETHER =>
            {
                *days = DayRange::new(days.first(), day).expect("a day does not end before it starts");
            }
            _ => together.push((DayRange::of(day), venues)),
        }
    }
    // The first reading brings the vendor's lists; the others find them on the disk.
    let rest = together.split_off(together.len().min(1));
    for (pieces, at_once) in [(together, 1), (rest, WRITTEN_TOGETHER)] {
        let writes = pieces.into_iter().map(|(days, venues)| async move {
            let part = Selection { days, venues, ..selection.clone() };
            let report = write_tables(lake, source, &part, Removed::Keep, Aggregate::None).await;
            (part, report)
        });
        let writes: Vec<_> = writes.collect();
        let mut done = futures::stream::iter(writes).buffered(at_once);
        while let Some((part, report)) = done.next().await {
            match report {
                Ok(report) => {
                    unavailable.extend(report.unavailable);
                    written.extend(part.days.days());
                }
                // The tables have the other venues, which go on.
                Err(error) if part.venues.len() < selection.venues.len() && is_of_venue(&error) => {
                    let cause = chain(&error);
                    unavailable.extend(
                        part.venues.into_iter().map(|venue| Unavailable { venue, cause: cause.clone() }),
                    );
                }
                Err(error) => return Err(error),
            }
        }
    }
    Ok((written, unavailable.into_iter().collect()))
}

/// Removes what the vendor no longer lists from the tables of the selection's days and venues.
///
/// # Errors
/// When the lake fails.
pub async fn accept_removed(lake: &Lake, selection: &Selection) -> Result<(), EngineError> {
    let is_meant = |i: &Instrument| selection.venues.iter().any(|v| v == i.key.venue());
    for day in selection.days.days() {
        let table = lake.instruments(day).await?.unwrap_or_default();
        if losses(day, table.iter().filter(|i| is_meant(i))).is_empty() {
            continue;
        }
        lake.update_instruments(day, |table| {
            table.instruments.retain(|i| i.is_listed || !is_meant(i));
            let meant = table.instruments.iter_mut().filter(|i| is_meant(i));
            meant.for_each(|i| i.withdrawn_data_types.clear());
        })
        .await?;
    }
    Ok(())
}

/// The vendor's symbols in the tables of some days; their state must be looked up even if they are not alive. A table that
/// cannot be read is made again and contributes none.
async fn symbols_of_tables(
    lake: &Lake,
    selection: &Selection,
    days: DayRange,
) -> Result<BTreeSet<String>, EngineError> {
    let mut symbols = BTreeSet::new();
    for day in days.days() {
        let table = match lake.instruments(day).await {
            Err(error) if error.is_distrust() => None,
            read => read?,
        };
        let of_venues =
            table.iter().flatten().filter(|i| selection.venues.iter().any(|v| v == i.key.venue()));
        symbols.extend(of_venues.map(|i| dataset_symbol(&i.raw_symbol)));
    }
    Ok(symbols)
}

/// Splits a range of several days in two.
fn halves(days: DayRange) -> (DayRange, DayRange) {
    let count = days.days().count() as i64;
    let middle = days.first().plus(count / 2);
    let range = |first, last| DayRange::new(first, last).expect("a half does not end before it starts");
    (range(days.first(), middle.previous()), range(middle, days.last()))
}

/// Whether an error is about the lists of one exchange, and not one that all requests share.
fn is_of_venue(error: &EngineError) -> bool {
    match error {
        EngineError::NoExchange { .. } => true,
        EngineError::Metadata { source, .. } => !source.is_shared(),
        _ => false,
    }
}

/// The vendor's answers about some exchanges.
#[derive(Default)]
pub(crate) struct Answers {
    /// Of the exchanges that could be had.
    pub listings: Vec<Listing>,
    /// The others.
    pub failed: Vec<Unavailable>,
    /// Why the first of the others could not be had.
    pub error: Option<EngineError>,
}

/// Fetches the vendor's instruments of some exchanges: all that matter for the days, and those named in `also`. One that cannot
/// be had is no failure of the others.
///
/// # Errors
/// If none can be had, if the cause is one that all requests share, or if there is too much for the days at once.
pub(crate) async fn ask(
    metadata: &Metadata,
    exchanges: &[String],
    days: DayRange,
    also: &Also,
) -> Result<Answers, EngineError> {
    let mut answers = Answers::default();
    for exchange in exchanges {
        let error = match metadata.lists(exchange, days, also).await {
            Ok(lists) => {
                answers.listings.push(Listing::of(&lists));
                continue;
            }
            Err(MetadataError::Http(error))
                if matches!(error.status_and_code(), Some((400 | 404, Some(_)))) =>
            {
                EngineError::NoExchange { exchange: exchange.clone() }
            }
            Err(source) => {
                let is_of_days =
                    matches!(source, MetadataError::TooMuch { .. }) && days.first() < days.last();
                let is_shared = source.is_shared() || is_of_days;
                let error = EngineError::Metadata { exchange: exchange.clone(), source };
                if is_shared {
                    return Err(error);
                }
                error
            }
        };
        answers.failed.push(Unavailable { venue: venue_of_exchange(exchange), cause: chain(&error) });
        answers.error.get_or_insert(error);
    }
    match answers.error.take() {
        Some(error) if answers.listings.is_empty() => Err(error),
        error => Ok(Answers { error, ..answers }),
    }
}

fn of_vendor(
    listings: &[Listing],
    selection: &Selection,
    day: Day,
    native: &mut BTreeSet<String>,
    shared: &mut BTreeSet<String>,
) -> (SourceAnswer, BTreeMap<String, VenueNote>) {
    let mut found = SourceAnswer { instruments: Vec::new(), scope: SourceScope::Everything };
    let mut notes: BTreeMap<String, VenueNote> = BTreeMap::new();
    for listing in listings {
        let catalog = listing.on(day);
        let is_meant = |i: &&Instrument| selection.tabulates(i.key.instrument_type());
        native.extend(catalog.instruments.iter().filter(is_meant).filter_map(native_line));
        let pairs = catalog.shared_keys.iter();
        shared.extend(pairs.map(|(key, symbols)| format!("{key}: {}", symbols.join(", "))));
        let (taken, combos): (Vec<_>, Vec<_>) =
            catalog.instruments.into_iter().partition(|i| selection.tabulates(i.key.instrument_type()));
        found.instruments.extend(taken);
        let note = notes.entry(venue_of_exchange(&listing.exchange)).or_default();
        for (reason, left) in &catalog.left_out {
            note.entry(*reason).or_default().merge(left);
        }
        for combo in combos {
            note.entry(NotExpected::CombosNotAskedFor).or_default().add(|| combo.key.to_string());
        }
    }
    (found, notes)
}

/// The native key of an instrument, with the reason; `None` if its key is canonical.
pub(crate) fn native_line(instrument: &Instrument) -> Option<String> {
    let reason = instrument.native_reason.as_ref()?;
    Some(format!("{} ({} of {}): {reason}", instrument.key, instrument.raw_symbol, instrument.exchange))
}

/// Updates the day's rows that the selection covers.
async fn write_day(
    lake: &Lake,
    selection: &Selection,
    day: Day,
    found: &SourceAnswer,
    notes: &BTreeMap<String, VenueNote>,
    listings: &[Listing],
    removed_rows: Removed,
) -> Result<DayOfInstruments, EngineError> {
    let is_replaced = |i: &Instrument| {
        selection.venues.iter().any(|v| v == i.key.venue()) && selection.tabulates(i.key.instrument_type())
    };
    let has_ended =
        |i: &Instrument| listings.iter().any(|l| l.exchange == i.exchange && l.has_ended(&i.raw_symbol, day));
    let (mut added, mut removed, mut changed) = (0, 0, 0);
    let mut rows = Vec::new();
    lake.update_instruments(day, |table| {
        let (old, kept): (Vec<Instrument>, Vec<Instrument>) =
            std::mem::take(&mut table.instruments).into_iter().partition(is_replaced);
        rows = merge(&old, found, day, removed_rows, has_ended);
        let new: BTreeMap<&InstrumentKey, &Instrument> = rows.iter().map(|i| (&i.key, i)).collect();
        let old: BTreeMap<&InstrumentKey, &Instrument> = old.iter().map(|i| (&i.key, i)).collect();
        added = new.keys().filter(|k| !old.contains_key(*k)).count();
        removed = old.keys().filter(|k| !new.contains_key(*k)).count();
        changed = new.iter().filter(|(k, i)| old.get(*k).is_some_and(|o| o != *i)).count();
        table.instruments = kept;
        table.instruments.extend(rows.iter().cloned());
        table.venues.extend(notes.clone());
        table.key_versions.extend(selection.venues.iter().map(|venue| (venue.clone(), KEY_VERSION)));
    })
    .await?;
    let mut counts: BTreeMap<String, BTreeMap<String, usize>> = BTreeMap::new();
    for venue in &selection.venues {
        counts.entry(venue.clone()).or_default();
    }
    for instrument in rows.iter().filter(|i| i.is_listed) {
        let types = counts.entry(instrument.key.venue().to_owned()).or_default();
        *types.entry(instrument.key.instrument_type().name().to_owned()).or_default() += 1;
    }
    Ok(DayOfInstruments { day: day.to_string(), counts, added, removed, changed })
}
