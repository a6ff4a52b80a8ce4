//! What of a set was checked already, as the lake keeps it: a day is checked again only where an object is new, or what is to be
//! checked is.

use std::collections::{BTreeMap, BTreeSet};

use mtdh_core::check::{self, CheckFn, Group, Settings, Severity};
use mtdh_core::key::InstrumentKey;
use mtdh_core::partition::{Partition, Status};
use mtdh_core::{DataType, Day, DayRange};
use mtdh_lake::Lake;
use mtdh_lake::inventory::{Verify, inventory};
use mtdh_lake::tables::checks::Subject;

use crate::check::kept::{self, KeptLine};
use crate::error::EngineError;
use crate::runs::phase;
use crate::want::Chosen;

/// The groups of checks of a set. Candles are compared only where some are wanted.
pub(super) fn groups(chosen: &Chosen) -> BTreeSet<Group> {
    let has_candles = !chosen.set.candles.is_empty();
    chosen.set.checks.iter().copied().filter(|group| has_candles || *group != Group::Aggregation).collect()
}

/// The parameters of a set's checks.
pub(super) fn settings(chosen: &Chosen) -> Settings {
    let mut settings = Settings::default();
    for text in &chosen.set.parameters {
        if let Err(error) = settings.set(text) {
            // The reader of the file has refused it already.
            tracing::warn!(%error, "a parameter of a check is left out");
        }
    }
    settings
}

/// Ranges of days of which something was not checked as the set wants it.
///
/// # Errors
/// When the lake cannot be read.
pub(super) async fn unchecked(lake: &Lake, chosen: &Chosen) -> Result<Vec<DayRange>, EngineError> {
    let mut ranges: Vec<DayRange> = Vec::new();
    let phase = phase::days("looking for what is not checked", chosen.selection.days);
    for day in chosen.selection.days.days() {
        let _day_done = phase.item();
        if is_checked(lake, chosen, day).await? {
            continue;
        }
        match ranges.last_mut().filter(|range| range.last().next() == day) {
            Some(range) => *range = DayRange::new(range.first(), day).unwrap_or(*range),
            None => ranges.push(DayRange::of(day)),
        }
    }
    Ok(ranges)
}

async fn is_checked(lake: &Lake, chosen: &Chosen, day: Day) -> Result<bool, EngineError> {
    let groups = groups(chosen);
    let settings: Vec<String> = settings(chosen).given().collect();
    let lines = kept::of_day(lake, day).await?.unwrap_or_default();
    let mut by: BTreeMap<Subject, (BTreeSet<String>, u64)> = BTreeMap::new();
    let mut candles: BTreeSet<(InstrumentKey, String)> = BTreeSet::new();
    for KeptLine { line, is_current } in lines {
        if !is_current || line.found.is_some() || line.run.settings != settings {
            continue;
        }
        if let (Some(key), None) = (&line.subject.key, line.subject.data_type) {
            let names = line.objects.iter().filter_map(|name| name.rsplit_once(' '));
            candles.extend(names.map(|(name, _)| (key.clone(), name.to_owned())));
        }
        let (looked, rows) = by.entry(line.subject).or_default();
        looked.extend(line.groups);
        *rows += line.rows;
    }
    let there = inventory(lake, day, &chosen.selection.data_types, Verify::Index).await?;
    for (partition, state) in
        there.iter().filter(|(partition, _)| chosen.selection.takes_partition(partition))
    {
        let Partition { key, data_type, .. } = partition;
        let subject = Subject { key: Some(key.clone()), data_type: Some(*data_type) };
        let Some((looked, _)) = by.get(&subject) else { return Ok(false) };
        let has_rows = state.status() == Status::Stored;
        let wanted = groups.iter().filter(|group| looks_at(**group, *data_type, has_rows));
        if !wanted.into_iter().all(|group| looked.contains(group.name())) {
            return Ok(false);
        }
    }
    if !groups.contains(&Group::Aggregation) {
        return Ok(true);
    }
    let stored = lake.list_candles(day, None).await?.into_iter();
    let of_set = stored.filter(|(timeframe, key, _)| {
        chosen.set.candles.contains(timeframe) && chosen.selection.takes_key(key)
    });
    Ok(of_set
        .into_iter()
        .all(|(timeframe, key, _)| candles.contains(&(key, format!("{} {timeframe}", kept::CANDLES)))))
}

/// Whether a group has a check that looks at each partition of a data type by itself.
fn looks_at(group: Group, data_type: DataType, has_rows: bool) -> bool {
    let looks = |check: &check::Check| match check.run {
        CheckFn::Rows(of, _) | CheckFn::Day(of, _) => has_rows && of.contains(&data_type),
        CheckFn::Lake(_) => true,
        CheckFn::Together(..) | CheckFn::Beside(..) | CheckFn::Candles(..) => false,
    };
    check::all().any(|check| check.group == group && looks(check))
}

/// What the lake knows of a set's checks: findings by severity, of objects that are still there.
///
/// # Errors
/// When the lake cannot be read.
pub(super) async fn findings(lake: &Lake, chosen: &Chosen) -> Result<BTreeMap<Severity, u64>, EngineError> {
    let groups = groups(chosen);
    let is_meant = |subject: &Subject| match (&subject.key, subject.data_type) {
        (Some(key), Some(data_type)) => {
            chosen.selection.takes_key(key) && chosen.selection.data_types.contains(&data_type)
        }
        (Some(key), None) => chosen.selection.takes_key(key),
        // Of a whole day: another set may have caused it.
        (None, _) => false,
    };
    let mut counts = BTreeMap::new();
    for day in chosen.selection.days.days() {
        for KeptLine { line, is_current } in kept::of_day(lake, day).await?.unwrap_or_default() {
            let is_of_groups = line.groups.iter().any(|name| groups.iter().any(|g| g.name() == name));
            let Some(found) = line.found.filter(|_| is_current && is_of_groups) else { continue };
            if is_meant(&line.subject) {
                *counts.entry(found.severity).or_default() += 1;
            }
        }
    }
    Ok(counts)
}
