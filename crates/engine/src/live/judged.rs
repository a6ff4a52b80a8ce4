//! Whether recorded days are whole: what the captures say was subscribed, beside the objects and the table of gaps.

use std::collections::{BTreeMap, BTreeSet};

use mtdh_core::Day;
use mtdh_core::check::finding::{duration, moment};
use mtdh_core::partition::{Origin, Partition, Status};
use mtdh_core::venue::exchange_of_venue;
use mtdh_lake::Lake;
use mtdh_lake::inventory::{ObjectState, Verify, inventory_beside};
use mtdh_lake::tables::gaps::GapRow;
use mtdh_lake::tables::reports::Missing;

use super::whole::{self, Subscribed, cover, gaps_of};
use crate::error::EngineError;
use crate::runs::phase;
use crate::selection::Selection;
use crate::validate::proof::{read_sample, verify_bytes};
use crate::validate::{Depth, Line, MissingPartition, ValidationReport, reason_not_to_write, write_reports};

/// The reason of a day that is in parts.
const IN_PARTS: &str = "it is in parts: the day is not over, or they are not one object yet";

/// What is known of a day's recordings, by exchange.
struct Recorded {
    subscribed: Subscribed,
    gaps: BTreeMap<String, Vec<GapRow>>,
    in_parts: BTreeSet<Partition>,
    /// What objects say of which there are no captures: when they were recorded, and how many gaps they have.
    by_footer: BTreeMap<Partition, (Vec<(i64, i64)>, usize)>,
}

/// Validates recorded days: each partition that a session of the day was subscribed to is to have an object, `stored` or `empty`, of all
/// of the day and without a gap. Writes the days' reports of live data.
///
/// # Errors
/// When the lake cannot be read, or a write fails. A read-only lake is no error: the report says so.
pub(crate) async fn validate(
    lake: &Lake,
    selection: &Selection,
    depth: Depth,
) -> Result<ValidationReport, EngineError> {
    let lake = lake.with_origin(Origin::Live);
    let mut report = ValidationReport::default();
    let mut selection = selection.clone();
    let is_of_all = selection.venues.is_empty();
    if is_of_all {
        selection.venues = venues(&lake, &selection).await?;
    }
    let selection = &selection;
    let phase = phase::days("validating", selection.days);
    for day in selection.days.days() {
        let _day_done = phase.item();
        let mut recorded = recorded(&lake, selection, day).await?;
        let trust = match depth {
            Depth::Listing => Verify::Index,
            Depth::Deep { sample, .. } if sample < 1.0 => Verify::Footers,
            Depth::Deep { .. } | Depth::Bytes { .. } => Verify::FootersAfresh,
        };
        let known = lake.available(day).await?;
        let mut there = inventory_beside(&lake, day, &selection.data_types, trust, &known).await?;
        match depth {
            Depth::Listing => {}
            Depth::Deep { sample, today } => {
                report.read_whole += read_sample(&lake, selection, &mut there, sample, today).await?;
            }
            Depth::Bytes { today } => {
                verify_bytes(&lake, selection, day, &mut there, today, &mut report.proof).await?;
            }
        }
        report.proof.note(selection, &there);
        for (partition, state) in &there {
            let ObjectState::Answered(object) = state else { continue };
            if recorded.subscribed.contains_key(partition) {
                continue;
            }
            let footer = lake.footer(&lake.available_entry(object)).await?;
            if let Some(of) = footer.facts.provenance.recording() {
                recorded.by_footer.insert(partition.clone(), (of.ranges.clone(), of.gaps.len()));
            }
        }
        let missing = judge(&mut report, selection, is_of_all, day, &recorded, &there);
        if report.not_stored.is_none() {
            let stored = write_reports(&lake, day, selection, &[], &missing, &there, Some(&known)).await;
            report.not_stored = reason_not_to_write(stored)?;
        }
        report.missing.extend(missing.iter().map(|of| named(&of.partition, of.reason.clone())));
    }
    report.conclude();
    Ok(report)
}

/// The venues of which the days have captures, parts or objects.
async fn venues(lake: &Lake, selection: &Selection) -> Result<Vec<String>, EngineError> {
    let mut venues = BTreeSet::new();
    let phase = phase::days("listing recordings", selection.days);
    for day in selection.days.days() {
        let _day_done = phase.item();
        venues.extend(lake.venues(day).await?);
        let parts = lake.partitions_with_parts(day).await?;
        venues.extend(parts.into_iter().map(|of| of.key.venue().to_owned()));
        for exchange in lake.captured_venues().await? {
            let of = whole::subscribed(lake, &exchange, day).await?;
            venues.extend(of.keys().map(|partition| partition.key.venue().to_owned()));
        }
    }
    Ok(venues.into_iter().collect())
}

async fn recorded(lake: &Lake, selection: &Selection, day: Day) -> Result<Recorded, EngineError> {
    let mut recorded = Recorded {
        subscribed: Subscribed::new(),
        gaps: BTreeMap::new(),
        in_parts: BTreeSet::new(),
        by_footer: BTreeMap::new(),
    };
    for exchange in lake.captured_venues().await? {
        let mut of = whole::subscribed(lake, &exchange, day).await?;
        of.retain(|partition, _| selection.takes_partition(partition));
        if !of.is_empty() {
            let gaps = whole::gaps_touching(lake, &exchange, day).await?;
            recorded.gaps.insert(exchange, gaps);
        }
        recorded.subscribed.extend(of);
    }
    let parts = lake.partitions_with_parts(day).await?;
    recorded.in_parts = parts.into_iter().filter(|of| selection.takes_partition(of)).collect();
    Ok(recorded)
}

/// Counts a day's partitions. Which are missing.
fn judge(
    report: &mut ValidationReport,
    selection: &Selection,
    is_of_all: bool,
    day: Day,
    recorded: &Recorded,
    there: &BTreeMap<Partition, ObjectState>,
) -> Vec<Missing> {
    let objects = there.keys().filter(|partition| selection.takes_partition(partition));
    let all: BTreeSet<&Partition> =
        recorded.subscribed.keys().chain(objects).chain(&recorded.in_parts).collect();
    let venues: BTreeSet<&str> = all.iter().map(|partition| partition.key.venue()).collect();
    match is_of_all {
        true if all.is_empty() => report.venues_without_expectation.push(day.to_string()),
        true => {}
        false => {
            let without = selection.venues.iter().filter(|venue| !venues.contains(venue.as_str()));
            report.venues_without_expectation.extend(without.map(|venue| format!("{day} {venue}")));
        }
    }
    let (mut lines, mut missing) = (BTreeMap::new(), Vec::new());
    for partition in all {
        let lack = lack(recorded, partition);
        let (status, reason) = match there.get(partition) {
            Some(ObjectState::Answered(object)) => (object.status, None),
            Some(ObjectState::Unreadable { reason }) => (Status::Missing, Some(reason.clone())),
            None if recorded.in_parts.contains(partition) => (Status::Missing, Some(IN_PARTS.to_owned())),
            None => {
                let why = lack.as_ref().map_or("no object says so", String::as_str);
                (Status::Missing, Some(format!("nothing came: {why}")))
            }
        };
        let kind = partition.key.instrument_type().name();
        let line = (partition.key.venue().to_owned(), kind, partition.data_type.name());
        lines.entry(line).or_insert_with(crate::validate::Counts::default).add(status);
        report.totals.add(status);
        match (reason, lack) {
            (Some(reason), _) => missing.push(Missing { partition: partition.clone(), reason }),
            (None, Some(lack)) => report.partial.push(named(partition, lack)),
            (None, None) => {}
        }
    }
    let line = |((venue, instrument_type, data_type), counts)| Line {
        day: day.to_string(),
        venue,
        instrument_type,
        data_type,
        counts,
    };
    report.lines.extend(lines.into_iter().map(line));
    missing
}

fn named(partition: &Partition, reason: String) -> MissingPartition {
    MissingPartition {
        day: partition.day.to_string(),
        instrument_key: partition.key.to_string(),
        data_type: partition.data_type.name(),
        reason,
    }
}

/// What a partition lacks of its day, by the captures and the table of gaps; `None`: nothing that is known of.
fn lack(recorded: &Recorded, partition: &Partition) -> Option<String> {
    let day = partition.day;
    let Some(sessions) = recorded.subscribed.get(partition) else {
        let (ranges, gaps) = recorded.by_footer.get(partition)?;
        let mut said = Vec::from_iter((*gaps > 0).then(|| format!("{gaps} gaps by its footer")));
        said.extend(uncovered(day, ranges));
        return (!said.is_empty()).then(|| said.join("; "));
    };
    let exchange = exchange_of_venue(partition.key.venue());
    let rows = recorded.gaps.get(&exchange).map(Vec::as_slice).unwrap_or_default();
    let symbol = sessions.last().map(|of| of.symbol.as_str()).unwrap_or_default();
    let mut kinds: BTreeMap<&str, (u64, i64)> = BTreeMap::new();
    for row in gaps_of(rows, partition, symbol) {
        let (count, us) = kinds.entry(row.kind.as_str()).or_default();
        let (from, to) = (row.from_us.max(day.start_us()), row.to_us.min(day.end_us()));
        (*count, *us) = (*count + 1, *us + (to - from).max(0));
    }
    let mut said: Vec<String> = kinds
        .into_iter()
        .map(|(kind, (count, us))| format!("{count} {kind} of {} in all", duration(us)))
        .collect();
    let ranges: Vec<(i64, i64)> = sessions.iter().map(|of| of.range).collect();
    said.extend(uncovered(day, &ranges));
    (!said.is_empty()).then(|| said.join("; "))
}

/// When a day was recorded; `None`: all of it was.
fn uncovered(day: Day, ranges: &[(i64, i64)]) -> Option<String> {
    if cover(day, ranges) {
        return None;
    }
    let within = |at: i64| moment(at.clamp(day.start_us(), day.end_us()));
    let ranges: Vec<String> =
        ranges.iter().map(|(from, to)| format!("{} to {}", within(*from), within(*to))).collect();
    Some(format!("recorded from {}", ranges.join(", and from ")))
}
