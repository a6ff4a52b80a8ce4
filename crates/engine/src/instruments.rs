//! `instruments`: the tables of the days, made from the vendor's metadata or from a folder's file names.

use std::collections::{BTreeMap, BTreeSet};

use mtdh_core::instrument::Instrument;
use mtdh_core::key::{InstrumentKey, InstrumentType};
use mtdh_core::symbol::{Unnamed, guess_by_symbol};
use mtdh_core::{Day, DayRange};
use mtdh_lake::Lake;
use mtdh_source::catalog::catalog;
use mtdh_source::datasets::Folder;
use mtdh_source::decode::{Expectation, dataset_symbol};
use mtdh_source::metadata::model::{ExchangeDetails, InstrumentInfo};
use mtdh_source::metadata::{Metadata, MetadataError};
use mtdh_source::vendor_file::VendorFile;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::convert::{Input, decode_file};
use crate::error::EngineError;
use crate::selection::Selection;

/// What happened to the instrument tables.
#[derive(Clone, Debug, Default, Serialize)]
pub struct InstrumentsReport {
    /// One per day, in order.
    pub days: Vec<DayOfInstruments>,
    /// Path of the table over all days; null for a single day.
    pub aggregate: Option<String>,
    /// Symbols without a key, each once.
    pub unnamed: Vec<String>,
    /// Keys that several symbols would share, each once; every symbol has a row, all but the first under another key.
    pub shared_keys: Vec<String>,
}

/// The table of one day after the run.
#[derive(Clone, Debug, Serialize)]
pub struct DayOfInstruments {
    /// The day.
    pub day: String,
    /// How many rows it has of the venues of this run, by venue and instrument type.
    pub counts: BTreeMap<String, BTreeMap<String, usize>>,
    /// Rows that are new since the table was last written; all of them the first time.
    pub added: usize,
    /// Rows that are gone since.
    pub removed: usize,
    /// Rows that changed since.
    pub changed: usize,
}

/// Where instruments come from.
pub enum InstrumentSource<'a> {
    /// The vendor's metadata.
    Vendor(&'a Metadata),
    /// The names of a folder's files.
    Folder(&'a Folder),
}

struct Exchange {
    details: ExchangeDetails,
    contracts: Option<Vec<InstrumentInfo>>,
}

/// Writes the tables of the selection's days, and over a range the aggregate: every instrument of the venues, combos
/// only when they are asked for. Rows of other venues, and combos that were not asked for, stay as they are.
///
/// # Errors
/// When the vendor's metadata cannot be had or the lake fails.
pub async fn write_instruments(
    lake: &Lake,
    source: &InstrumentSource<'_>,
    selection: &Selection,
) -> Result<InstrumentsReport, EngineError> {
    lake.check_writable().await?;
    let exchanges = match source {
        InstrumentSource::Vendor(metadata) => ask(metadata, &selection.exchanges()).await?,
        InstrumentSource::Folder(_) => Vec::new(),
    };
    let mut report = InstrumentsReport::default();
    let (mut unnamed, mut shared) = (BTreeSet::new(), BTreeSet::new());
    let mut days = Vec::new();
    for day in selection.days.days() {
        let found = match source {
            InstrumentSource::Vendor(_) => of_vendor(&exchanges, selection, day, &mut unnamed, &mut shared),
            InstrumentSource::Folder(folder) => of_folder(folder, selection, day, &mut unnamed)?,
        };
        report.days.push(write_day(lake, selection, day, &found).await?);
        days.push((day, lake.instruments(day).await?.unwrap_or_default()));
    }
    if days.len() > 1 {
        report.aggregate = Some(lake.put_instrument_aggregate(selection.days, &days).await?.to_string());
    }
    report.unnamed = unnamed.into_iter().collect();
    report.shared_keys = shared.into_iter().collect();
    Ok(report)
}

/// Makes sure that each day's table has the selection's venues and that their rows do not wait for the vendor's
/// export; asks the vendor only where that is not so. Returns the days that were written.
///
/// # Errors
/// As [`write_instruments`].
pub async fn ensure_instruments(
    lake: &Lake,
    source: &InstrumentSource<'_>,
    selection: &Selection,
) -> Result<Vec<Day>, EngineError> {
    let mut written = Vec::new();
    for day in selection.days.days() {
        let table = lake.instruments(day).await?.unwrap_or_default();
        let is_settled = |venue: &String| {
            let rows: Vec<&Instrument> = table.iter().filter(|i| i.key.venue() == venue).collect();
            let is_combo = |i: &&Instrument| i.key.instrument_type() == InstrumentType::Combo;
            let wants_combos = selection.takes_type(InstrumentType::Combo);
            let has_what_is_asked = !rows.is_empty() && (!wants_combos || rows.iter().any(is_combo));
            has_what_is_asked && rows.iter().all(|i| i.is_exported)
        };
        let venues: Vec<String> = selection.venues.iter().filter(|v| !is_settled(v)).cloned().collect();
        if venues.is_empty() {
            continue;
        }
        let days = DayRange::new(day, day).expect("a day does not end before it starts");
        let part = Selection { days, venues, ..selection.clone() };
        write_instruments(lake, source, &part).await?;
        written.push(day);
    }
    Ok(written)
}

async fn ask(metadata: &Metadata, exchanges: &[String]) -> Result<Vec<Exchange>, EngineError> {
    let mut answers = Vec::new();
    for exchange in exchanges {
        let failed = |source| match source {
            MetadataError::Http(error) if matches!(error.status_and_code(), Some((400 | 404, Some(_)))) => {
                EngineError::NoExchange { exchange: exchange.clone() }
            }
            source => EngineError::Metadata { exchange: exchange.clone(), source },
        };
        let details = metadata.exchange(exchange).await.map_err(failed)?;
        let contracts = metadata.instruments(exchange).await.map_err(failed)?;
        answers.push(Exchange { details, contracts });
    }
    Ok(answers)
}

fn of_vendor(
    exchanges: &[Exchange],
    selection: &Selection,
    day: Day,
    unnamed: &mut BTreeSet<String>,
    shared: &mut BTreeSet<String>,
) -> Vec<Instrument> {
    let mut found = Vec::new();
    for Exchange { details, contracts } in exchanges {
        let catalog = catalog(details, contracts.as_deref(), day);
        let is_meant = |u: &&Unnamed| selection.tabulates(u.kind);
        unnamed.extend(catalog.unnamed.iter().filter(is_meant).map(ToString::to_string));
        let kinds = catalog.unknown_kinds.iter();
        unnamed.extend(
            kinds.map(|(kind, id)| format!("no key for {id} of {}: unknown type `{kind}`", details.id)),
        );
        let pairs = catalog.shared_keys.iter();
        shared.extend(pairs.map(|(key, symbols)| format!("{key}: {}", symbols.join(", "))));
        found
            .extend(catalog.instruments.into_iter().filter(|i| selection.tabulates(i.key.instrument_type())));
    }
    found
}

/// The instruments that a folder has files of on a day. Nothing but their names is known of them. Whom a group's file
/// is about, only its rows say, so that it is read.
fn of_folder(
    folder: &Folder,
    selection: &Selection,
    day: Day,
    unnamed: &mut BTreeSet<String>,
) -> Result<Vec<Instrument>, EngineError> {
    let mut found: BTreeMap<InstrumentKey, Instrument> = BTreeMap::new();
    let exchanges = selection.exchanges();
    for file in folder.files().filter(|f| f.day == day && exchanges.contains(&f.exchange)) {
        let is_group = InstrumentType::ALL.iter().any(|t| t.group_id() == Some(file.symbol.as_str()));
        let symbols = if is_group { symbols_inside(folder, file)? } else { vec![file.symbol.clone()] };
        for symbol in symbols {
            let named = match guess_by_symbol(&file.exchange, &symbol) {
                Ok(named) => named,
                Err(error) => {
                    unnamed.insert(error.to_string());
                    continue;
                }
            };
            let bare = || Instrument::of_name(named.key.clone(), &file.exchange, &symbol, day);
            let instrument = found.entry(named.key.clone()).or_insert_with(bare);
            let lists =
                [Some(&mut instrument.data_types), is_group.then_some(&mut instrument.group_data_types)];
            for list in lists.into_iter().flatten() {
                list.push(file.data_type);
                list.sort();
                list.dedup();
            }
        }
    }
    Ok(found.into_values().filter(|i| selection.tabulates(i.key.instrument_type())).collect())
}

fn symbols_inside(folder: &Folder, file: &VendorFile) -> Result<Vec<String>, EngineError> {
    let failed = |source| EngineError::Convert { file: file.path(), source };
    let unreadable = |source| EngineError::Folder { folder: folder.root().display().to_string(), source };
    let (reader, bytes) = folder.open_file(file).map_err(unreadable)?;
    let input = Input { reader, bytes };
    let stop = CancellationToken::new();
    let decoded = decode_file(input, file.data_type.table(), Expectation::default(), &stop, |_| Ok(()))
        .map_err(failed)?;
    Ok(decoded.names.iter().map(|name| dataset_symbol(&name.symbol)).collect())
}

/// Puts `found` in the place of the day's rows that the selection speaks of.
async fn write_day(
    lake: &Lake,
    selection: &Selection,
    day: Day,
    found: &[Instrument],
) -> Result<DayOfInstruments, EngineError> {
    let is_replaced = |i: &Instrument| {
        selection.venues.iter().any(|v| v == i.key.venue()) && selection.tabulates(i.key.instrument_type())
    };
    let new: BTreeMap<&InstrumentKey, &Instrument> = found.iter().map(|i| (&i.key, i)).collect();
    let (mut added, mut removed, mut changed) = (0, 0, 0);
    lake.update_instruments(day, |rows| {
        let (old, mut kept): (Vec<Instrument>, Vec<Instrument>) = rows.into_iter().partition(is_replaced);
        let old: BTreeMap<&InstrumentKey, &Instrument> = old.iter().map(|i| (&i.key, i)).collect();
        added = new.keys().filter(|k| !old.contains_key(*k)).count();
        removed = old.keys().filter(|k| !new.contains_key(*k)).count();
        changed = new.iter().filter(|(k, i)| old.get(*k).is_some_and(|o| o != *i)).count();
        kept.extend(found.iter().cloned());
        kept
    })
    .await?;
    let mut counts: BTreeMap<String, BTreeMap<String, usize>> = BTreeMap::new();
    for venue in &selection.venues {
        counts.entry(venue.clone()).or_default();
    }
    for instrument in found {
        let types = counts.entry(instrument.key.venue().to_owned()).or_default();
        *types.entry(instrument.key.instrument_type().name().to_owned()).or_default() += 1;
    }
    Ok(DayOfInstruments { day: day.to_string(), counts, added, removed, changed })
}

/// The days that have an instrument table, in order.
///
/// # Errors
/// When the store cannot be listed.
pub async fn tables(lake: &Lake) -> Result<Vec<Day>, EngineError> {
    let folders = lake.folders(&mtdh_lake::layout::instrument_days()).await?;
    Ok(folders.iter().filter_map(mtdh_lake::layout::parse_day_folder).collect())
}
