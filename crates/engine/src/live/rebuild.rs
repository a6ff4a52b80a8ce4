//! Parts of rows made again from captures: after a crash, on demand, and to prove that they are the same.

use std::collections::BTreeMap;

use mtdh_core::partition::{Origin, Partition};
use mtdh_core::{DataType, Day};
use mtdh_lake::live::{SegmentName, SessionId};
use mtdh_lake::tables::gaps::GapRow;
use mtdh_lake::{Lake, WriteMode};
use serde::Serialize;

use super::again;
use super::maker::Stretch;
use super::parts::{self, Of, Published, gap_rows};
use super::plan::Keys;
use super::player::{Played, Player, by_session, sessions_of_day};
use super::{LiveError, checks, whole};
use crate::check::kept::CheckLine;
use crate::runs::phase;
use crate::{EngineError, InstrumentKey};

/// What a rebuild of a venue's day found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Rebuilt {
    /// The vendor's exchange id.
    pub exchange: String,
    /// The day.
    pub day: String,
    /// Sessions with lines of the day.
    pub sessions: u64,
    /// Rows made.
    pub rows: u64,
    /// Objects that the lake had with the same bytes: parts, or whole days.
    pub equal: u64,
    /// Parts that the lake lacked, which were written.
    pub made: u64,
    /// Rows of the table of gaps that the lake lacked, which were added.
    pub gaps_made: u64,
    /// Findings of the day that the lake keeps now; `None`: the captures' plans ask for no checks.
    pub findings: Option<u64>,
    /// Objects that differ from the lake's, or cannot be made, a line each.
    pub differ: Vec<String>,
}

/// Makes the rows of a venue's day again from its captures, beside the lake, and compares. Parts that the lake lacks are written; what
/// differs is told and left as it is.
///
/// # Errors
/// If the lake cannot be used.
pub async fn rebuild_day(lake: &Lake, exchange: &str, day: Day) -> Result<Rebuilt, EngineError> {
    let mut rebuilt = Rebuilt { exchange: exchange.to_owned(), day: day.to_string(), ..Rebuilt::default() };
    let scratch = tempfile::tempdir_in(lake.temporary()?);
    let scratch = scratch.map_err(|source| LiveError::Scratch { source })?;
    let beside = Lake::open(&scratch.path().display().to_string(), &mtdh_lake::LakeOptions::default())?;
    for (session, segments) in sessions_of_day(lake, exchange, day).await? {
        rebuilt.sessions += 1;
        match play(lake, &beside, &segments, Some(day)).await {
            Ok(published) => rebuilt.rows += published.rows,
            Err(error) if is_about_content(&error) => {
                rebuilt.differ.push(format!("session {session}: {}", mtdh_core::error::chain(&error)));
            }
            Err(error) => return Err(error),
        }
    }
    // Gaps that another session fills are none of a day whose parts are joined.
    let partitions = partitions_with_parts(&beside, day).await?;
    if lake.partitions_with_parts(day).await?.is_empty() {
        whole::narrow_gaps(&beside, day, &partitions).await?;
    }
    let phase = phase::begin("comparing", "partition", partitions.len());
    for partition in partitions {
        let _partition_done = phase.item();
        compare(lake, &beside, &partition, &mut rebuilt).await?;
    }
    for partition in whole::make_empty(lake, &beside, exchange, day).await? {
        compare_empty(lake, &beside, &partition, &mut rebuilt).await?;
    }
    rebuilt.gaps_made = complete_gaps(lake, &beside, exchange, day).await?;
    match again::day(lake, exchange, day, |_, _| ()).await {
        Ok(told) => rebuilt.findings = keep_findings(lake, day, told).await?,
        Err(error) if is_about_content(&error) => rebuilt.differ.push(mtdh_core::error::chain(&error)),
        Err(error) => return Err(error),
    }
    Ok(rebuilt)
}

/// Compares an object without rows that was made beside the lake with what the lake has; writes it if the lake has nothing.
async fn compare_empty(
    lake: &Lake,
    beside: &Lake,
    partition: &Partition,
    rebuilt: &mut Rebuilt,
) -> Result<(), EngineError> {
    let (live, beside) = (lake.with_origin(Origin::Live), beside.with_origin(Origin::Live));
    let path = live.partition_path(partition);
    let Some(made) = beside.read(&path).await? else { return Ok(()) };
    match live.read(&path).await? {
        Some(stored) if stored == made => rebuilt.equal += 1,
        Some(_) => rebuilt.differ.push(format!("{partition} is not what its captures give")),
        // Parts that captures do not give are told where they are joined.
        None if !lake.list_parts(partition).await?.is_empty() => {}
        None => {
            let mut stage = lake.stage()?;
            let written = std::io::Write::write_all(&mut stage, &made);
            written.map_err(|source| LiveError::Scratch { source })?;
            live.publish_partition(partition, stage, WriteMode::Create).await?;
            rebuilt.made += 1;
        }
    }
    Ok(())
}

/// Adds the gaps that captures tell, and the lake's table does not have or has as open ones. How many.
async fn complete_gaps(lake: &Lake, beside: &Lake, exchange: &str, day: Day) -> Result<u64, EngineError> {
    let known = lake.gaps(day, exchange).await?;
    let told = beside.gaps(day, exchange).await?;
    // What was told of a gap before it ended says less.
    let has = |row: &GapRow| {
        let is_same = |known: &GapRow| known.is_same_gap(row) && (known == row || known.to_us > row.to_us);
        known.iter().any(is_same)
    };
    let lacking: Vec<GapRow> = told.into_iter().filter(|row| !has(row)).collect();
    if !lacking.is_empty() {
        lake.add_gaps(day, exchange, &lacking).await?;
    }
    Ok(lacking.len() as u64)
}

/// Keeps what was found of a day in place of what was kept of its recording. How many findings; `None`: nothing was checked.
async fn keep_findings(
    lake: &Lake,
    day: Day,
    lines: Option<Vec<CheckLine>>,
) -> Result<Option<u64>, EngineError> {
    let Some(lines) = lines.filter(|lines| !lines.is_empty()) else { return Ok(None) };
    let found = lines.iter().filter(|line| line.found.is_some()).count() as u64;
    checks::keep(lake, BTreeMap::from([(day, lines)])).await?;
    Ok(Some(found))
}

/// Compares a partition that was made beside the lake with what the lake has of it.
async fn compare(
    lake: &Lake,
    beside: &Lake,
    partition: &Partition,
    rebuilt: &mut Rebuilt,
) -> Result<(), EngineError> {
    let (live, beside) = (lake.with_origin(Origin::Live), beside.with_origin(Origin::Live));
    if let Some(stored) = live.partition_entry(partition).await? {
        beside.compact(partition).await?;
        let made = beside.partition_entry(partition).await?;
        let made = match made {
            Some(made) => beside.read(&made.path).await?,
            None => None,
        };
        match made == live.read(&stored.path).await? {
            true => rebuilt.equal += 1,
            false => rebuilt.differ.push(format!("{partition} is not what its captures give")),
        }
        return Ok(());
    }
    for (name, entry) in beside.list_parts(partition).await? {
        let made = beside.read(&entry.path).await?;
        // A part has the same path in both lakes.
        match live.read(&entry.path).await? {
            stored if stored.is_some() && stored == made => rebuilt.equal += 1,
            Some(_) => rebuilt.differ.push(format!("{name} is not what its captures give")),
            None => {
                let mut stage = lake.stage()?;
                let written = std::io::Write::write_all(&mut stage, &made.unwrap_or_default());
                written.map_err(|source| LiveError::Scratch { source })?;
                lake.publish_part(&name, stage).await?;
                rebuilt.made += 1;
            }
        }
    }
    Ok(())
}

/// Makes the objects of a day that is over from its parts. How many were made, and what failed, a line each.
///
/// # Errors
/// If the lake cannot be listed.
pub async fn finish_day(lake: &Lake, day: Day) -> Result<(u64, Vec<String>), EngineError> {
    let (mut made, mut failed) = (0, Vec::new());
    let partitions = partitions_with_parts(lake, day).await?;
    whole::narrow_gaps(lake, day, &partitions).await?;
    for partition in partitions {
        match lake.compact(&partition).await {
            Ok(_) => made += 1,
            Err(error) => failed.push(format!("{partition}: {}", mtdh_core::error::chain(&error))),
        }
    }
    for exchange in lake.captured_venues().await? {
        match whole::make_empty(lake, lake, &exchange, day).await {
            Ok(_) => {}
            Err(error) => failed.push(format!("{exchange}: {}", mtdh_core::error::chain(&error))),
        }
    }
    Ok((made, failed))
}

/// Whether an error says something about this session alone.
fn is_about_content(error: &EngineError) -> bool {
    matches!(
        error,
        EngineError::Live(
            LiveError::Hole { .. }
                | LiveError::Plan { .. }
                | LiveError::Retold { .. }
                | LiveError::Capture { .. }
        ) | EngineError::Lake(mtdh_lake::LakeError::Exists { .. } | mtdh_lake::LakeError::Capture { .. })
    )
}

/// Makes all rows of a session again that did not end in good order.
///
/// # Errors
/// If the lake cannot be used, or the session's captures are not whole.
pub async fn remake_session(
    lake: &Lake,
    exchange: &str,
    session: &SessionId,
) -> Result<Published, EngineError> {
    let mut segments: Vec<SegmentName> = Vec::new();
    for day in lake.captured_days(exchange).await? {
        let names = lake.list_segments(exchange, day).await?.into_iter().map(|(name, _)| name);
        segments.extend(names.filter(|name| name.session == *session));
    }
    let mut published = Published::default();
    for (_, names) in by_session(segments) {
        let of = play(lake, lake, &names, None).await?;
        published.made += of.made;
        published.were_there += of.were_there;
        published.rows += of.rows;
    }
    Ok(published)
}

/// Plays a session's segments of a lake, and publishes the rows of a day, or of all days, into another.
async fn play(
    lake: &Lake,
    to: &Lake,
    segments: &[SegmentName],
    day: Option<Day>,
) -> Result<Published, EngineError> {
    let mut player = Player::new();
    let mut published = Published::default();
    let phase = phase::outermost("playing captures", "segment", segments.len());
    for name in segments {
        let _segment_done = phase.item();
        let reader = lake.read_segment(name).await?;
        let mut reader = reader.ok_or_else(|| LiveError::Hole {
            exchange: name.venue.clone(),
            session: name.session.to_string(),
            number: name.number,
        })?;
        let (back, stretches) = tokio::task::spawn_blocking(move || {
            let mut stretches = Vec::new();
            let played = player.segment(&mut reader, &mut stretches);
            (player, played.map(|()| stretches))
        })
        .await
        .map_err(|_| LiveError::Plan { session: name.session.to_string() })?;
        player = back;
        let played = player.played().cloned();
        publish_all(to, played, stretches?, day, &mut published).await?;
    }
    let mut stretches = Vec::new();
    player.end(&mut stretches);
    let played = player.played().cloned();
    publish_all(to, played, stretches, day, &mut published).await?;
    Ok(published)
}

async fn publish_all(
    lake: &Lake,
    played: Option<Played>,
    stretches: Vec<Stretch>,
    day: Option<Day>,
    published: &mut Published,
) -> Result<(), EngineError> {
    let Some(played) = played else { return Ok(()) };
    for mut stretch in stretches {
        // What was lost while nothing came is in a stretch without rows.
        add_gaps(lake, &played.of, &mut Keys::of(&played.plan), &stretch.gaps).await?;
        stretch.rows.retain(|(of, ..), _| day.is_none_or(|day| *of == day));
        for (day, data_type, key) in stretch.rows.keys().cloned().collect::<Vec<_>>() {
            // The parts of a day that has its object are in it.
            let partition = Partition { day, data_type, key };
            if lake.with_origin(Origin::Live).partition_entry(&partition).await?.is_some() {
                stretch.rows.remove(&(day, data_type, partition.key));
            }
        }
        let of = parts::publish(lake, &played.of, &stretch).await?;
        published.made += of.made;
        published.were_there += of.were_there;
        published.rows += of.rows;
    }
    Ok(())
}

/// Adds gaps to their days' tables.
///
/// # Errors
/// If the lake cannot be used.
pub async fn add_gaps(
    lake: &Lake,
    of: &Of,
    keys: &mut Keys,
    gaps: &[mtdh_source::live::out::Gap],
) -> Result<(), EngineError> {
    let mut by_day: BTreeMap<Day, Vec<_>> = BTreeMap::new();
    for (day, row) in gap_rows(&of.session, keys, gaps) {
        by_day.entry(day).or_default().push(row);
    }
    for (day, rows) in by_day {
        lake.add_gaps(day, of.venue.exchange(), &rows).await?;
    }
    Ok(())
}

/// The partitions of a day of which the lake has parts.
///
/// # Errors
/// If the lake cannot be listed.
pub async fn partitions_with_parts(lake: &Lake, day: Day) -> Result<Vec<Partition>, EngineError> {
    let mut partitions: Vec<(DataType, InstrumentKey)> = Vec::new();
    for data_type in DataType::ALL {
        let parts = lake.list_parts_of_day(day, data_type).await?;
        partitions.extend(parts.into_iter().map(|(name, _)| (data_type, name.partition.key)));
    }
    partitions.sort();
    partitions.dedup();
    let partition = |(data_type, key)| Partition { day, data_type, key };
    Ok(partitions.into_iter().map(partition).collect())
}

#[cfg(test)]
mod tests;
