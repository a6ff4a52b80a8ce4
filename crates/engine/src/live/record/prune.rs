//! Captures that are no longer needed: their rows are in days' objects, and were compared with the vendor's.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use mtdh_core::partition::Origin;
use mtdh_core::venue::exchange_of_venue;
use mtdh_core::{DataType, Day};
use mtdh_lake::Lake;
use mtdh_lake::live::{SegmentName, SessionId, found};

use super::claim::living;
use super::mark;
use crate::EngineError;
use crate::live::LiveError;

/// Removes the captures of sessions that ended so many days before today. Only whole sessions, as rows follow from all of a session's
/// lines; and only one of which each day has objects, no parts, and a comparison. What was removed, and what stays though it is old, a
/// line each.
///
/// # Errors
/// If the lake or the disk refuses.
pub(super) async fn prune(
    lake: &Lake,
    folder: &Path,
    keep_days: u32,
    today: Day,
) -> Result<Vec<String>, EngineError> {
    let mut told = Vec::new();
    for exchange in lake.captured_venues().await? {
        let mut sessions: BTreeMap<SessionId, Vec<(SegmentName, mtdh_lake::Entry)>> = BTreeMap::new();
        for day in lake.captured_days(&exchange).await? {
            for (name, entry) in lake.list_segments(&exchange, day).await? {
                sessions.entry(name.session.clone()).or_default().push((name, entry));
            }
        }
        let is_old = |segments: &Vec<(SegmentName, _)>| {
            segments.iter().all(|(name, _)| name.day.plus(i64::from(keep_days)) < today)
        };
        for (session, segments) in sessions.into_iter().filter(|(_, segments)| is_old(segments)) {
            let days: BTreeSet<Day> = segments.iter().map(|(name, _)| name.day).collect();
            let dates = days.iter().map(Day::to_string).collect::<Vec<_>>().join(", ");
            if let Some(why) = needed(lake, folder, &exchange, &session, &days).await? {
                told.push(format!("the captures of session {session} of {exchange} ({dates}) stay: {why}"));
                continue;
            }
            let bytes: u64 = segments.iter().map(|(_, entry)| entry.bytes).sum();
            // The last first: what is left of a session when this is interrupted is its beginning.
            for (_, entry) in segments.iter().rev() {
                lake.delete(&entry.path).await?;
            }
            for found in local(folder, &exchange)?.into_iter().filter(|found| found.name.session == session) {
                if let Some(path) = found.sealed() {
                    std::fs::remove_file(path).map_err(|source| LiveError::Scratch { source })?;
                }
            }
            told.push(format!(
                "removed the captures of session {session} of {exchange} ({dates}): {} segments, {bytes} bytes; its rows are in the days' objects",
                segments.len()
            ));
        }
    }
    Ok(told)
}

/// Why the captures of a session are needed; `None`: they are not.
async fn needed(
    lake: &Lake,
    folder: &Path,
    exchange: &str,
    session: &SessionId,
    days: &BTreeSet<Day>,
) -> Result<Option<String>, EngineError> {
    let is_living = living(lake, exchange).await?.iter().any(|living| living == session.as_str());
    let is_marked = mark::path(folder, exchange, session.as_str()).exists();
    let local = local(folder, exchange)?;
    let is_open = local.iter().any(|found| found.name.session == *session && found.sealed().is_none());
    if is_living || is_marked || is_open {
        return Ok(Some("it has not ended, or not all of it is in the lake".to_owned()));
    }
    let live = lake.with_origin(Origin::Live);
    for day in days {
        let is_of = |venue: &str| exchange_of_venue(venue) == exchange;
        if lake.partitions_with_parts(*day).await?.iter().any(|partition| is_of(partition.key.venue())) {
            return Ok(Some(format!("{day} has parts that are not joined")));
        }
        if !is_in_objects(&live, exchange, session, *day).await? {
            return Ok(Some(format!("no object of {day} has rows of it")));
        }
        let compared = lake.comparisons(*day).await?.unwrap_or_default();
        if !compared.iter().any(|line| is_of(line.key.venue())) {
            return Ok(Some(format!("{day} was not compared with the vendor's files")));
        }
    }
    Ok(None)
}

/// Whether a day's objects have rows of a session.
async fn is_in_objects(
    live: &Lake,
    exchange: &str,
    session: &SessionId,
    day: Day,
) -> Result<bool, EngineError> {
    for data_type in DataType::ALL {
        for (partition, entry) in live.list_partitions(day, data_type).await? {
            if exchange_of_venue(partition.key.venue()) != exchange {
                continue;
            }
            let footer = live.footer(&entry).await?;
            let lines = footer.facts.provenance.recording().map(|of| of.lines.as_slice()).unwrap_or_default();
            if lines.iter().any(|of| of.session == session.as_str()) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

fn local(folder: &Path, exchange: &str) -> Result<Vec<mtdh_lake::live::Found>, LiveError> {
    found(folder, exchange).map_err(|source| LiveError::Capture { exchange: exchange.to_owned(), source })
}
