//! A run of an export: which days, the document of the whole, then table by table.

use std::collections::BTreeSet;

use mtdh_core::Day;
use mtdh_core::hive::HiveTable;
use mtdh_core::hive::manifest::{FOLDER, HEAD, Head, HiveForm, Manifest, VERSION};
use mtdh_lake::Lake;
use mtdh_lake::hive::ExportPlace;

use super::day::DayWork;
use super::delta::bring;
use super::documents::path_of;
use super::error::HiveError;
use super::find::{Found, find};
use super::{HiveReport, HiveRequest};
use crate::error::EngineError;
use crate::runs::phase;

/// Exports what a request is about.
///
/// # Errors
/// When nothing is to be exported, the lake or the place fails, or the place has something else.
pub(crate) async fn export(lake: &Lake, request: &HiveRequest) -> Result<HiveReport, EngineError> {
    lake.check_readable().await?;
    let there = days_of_lake(lake).await?;
    let is_meant = |day: &Day| request.selections.iter().any(|selection| selection.days.contains(*day));
    if there.is_empty() {
        return Err(HiveError::Nothing.into());
    }
    if request.strict {
        refuse_missing(lake, request, there.iter().copied().filter(is_meant)).await?;
    }
    let place = lake.export_place(&request.place).await;
    let place = place.map_err(|source| HiveError::of_place(&request.place, source))?;
    let exported = export_into(lake, &place, request, &there).await;
    if let Err(EngineError::Hive(HiveError::NotEmpty { .. })) = &exported {
        place.leave();
    }
    exported
}

async fn export_into(
    lake: &Lake,
    place: &ExportPlace,
    request: &HiveRequest,
    there: &BTreeSet<Day>,
) -> Result<HiveReport, EngineError> {
    let exported = manifests(place).await?;
    let has_delta = agree(place, request, exported.is_empty()).await?;
    let mut days = there.clone();
    days.extend(exported.iter().map(|(_, day)| *day));
    days.retain(|day| request.selections.iter().any(|selection| selection.days.contains(*day)));
    let mut report = HiveReport::default();
    let phase = phase::begin("exporting", "day", days.len());
    let mut tables: BTreeSet<HiveTable> = BTreeSet::new();
    for day in days {
        let Found { mut wanted, untrusted, without_rows, missing } = find(lake, request, day).await?;
        report.without_rows += without_rows;
        report.missing.count += missing.count;
        report.missing.names.extend(missing.names);
        for (path, reason) in &untrusted {
            report.not_exported.add(|| format!("{path}: {reason}"));
        }
        let before = exported.iter().filter(|(table, of)| *of == day && request.tables.takes(*table));
        phase.weigh(wanted.values().flatten().map(|object| object.entry.bytes).sum());
        let all: BTreeSet<HiveTable> =
            wanted.keys().copied().chain(before.map(|(table, _)| *table)).collect();
        for table in all {
            let wanted = wanted.remove(&table).unwrap_or_default();
            let untrusted = &untrusted;
            let phase = &phase;
            let work = DayWork { lake, place, request, has_delta, table, day, wanted, untrusted, phase };
            work.run(&mut report).await?;
            tables.insert(table);
        }
        phase.done();
    }
    if has_delta {
        tables.extend(exported.iter().map(|(table, _)| *table));
        let phase = phase::begin("writing logs", "table", tables.len());
        for table in tables {
            let _table_done = phase.item();
            let version = bring(place, table).await?;
            report.tables.entry(table.to_string()).or_default().delta_version = version;
        }
    }
    if report.tables.is_empty() && report.not_exported.count == 0 {
        return Err(HiveError::Nothing.into());
    }
    Ok(report)
}

async fn days_of_lake(lake: &Lake) -> Result<BTreeSet<Day>, EngineError> {
    let mut days: BTreeSet<Day> = lake.days_with_partitions().await?.into_iter().collect();
    days.extend(lake.days_with_candles().await?);
    days.extend(lake.days_with_instruments().await?);
    Ok(days)
}

async fn refuse_missing(
    lake: &Lake,
    request: &HiveRequest,
    days: impl Iterator<Item = Day>,
) -> Result<(), EngineError> {
    let (mut count, mut first) = (0, None);
    let days: Vec<Day> = days.collect();
    let phase = phase::begin("looking for what is missing", "day", days.len());
    for day in days {
        let _day_done = phase.item();
        let missing = find(lake, request, day).await?.missing;
        count += missing.count;
        first = first.or_else(|| missing.names.first().cloned());
    }
    match first {
        Some(first) => Err(HiveError::Missing { count, first }.into()),
        None => Ok(()),
    }
}

/// The tables and days that the place has manifests of.
async fn manifests(place: &ExportPlace) -> Result<BTreeSet<(HiveTable, Day)>, EngineError> {
    let listed = place.store().list(&path_of(FOLDER)?).await?;
    Ok(listed.iter().filter_map(|entry| Manifest::parse_path(entry.path.as_ref())).collect())
}

/// Reads or writes the document of the whole. Returns whether the export has logs of Delta.
async fn agree(place: &ExportPlace, request: &HiveRequest, is_new: bool) -> Result<bool, EngineError> {
    let path = path_of(HEAD)?;
    let bytes = place.store().read(&path).await?;
    let asked = Head { version: VERSION, form: request.form, delta: request.delta };
    let Some(old) = &bytes else {
        let listed = place.store().list(&Default::default()).await?;
        let other = listed.iter().find(|entry| entry.path.as_ref() != "export.lock");
        if let Some(other) = other.filter(|_| is_new) {
            let (place, first) = (request.place.clone(), other.path.to_string());
            return Err(HiveError::NotEmpty { place, first }.into());
        }
        place.put(&path, None, asked.to_bytes()).await?;
        return Ok(request.delta);
    };
    let head = Head::parse(old).map_err(|reason| HiveError::Document { path: path.to_string(), reason })?;
    if head.form != request.form {
        let (place, there, asked) = (request.place.clone(), named(head.form), named(request.form));
        return Err(HiveError::OtherForm { place, there, asked }.into());
    }
    if request.delta && !head.delta {
        place.put(&path, Some(old), asked.to_bytes()).await?;
    }
    Ok(head.delta || request.delta)
}

fn named(form: HiveForm) -> &'static str {
    match form {
        HiveForm::Objects => "one file an object",
        HiveForm::Compacted => "one file a venue, type and day",
    }
}
