//! Parts of partitions, and how a day's parts become one object.

use std::collections::BTreeMap;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use mtdh_core::footer::{LineRange, PartitionFooter, Provenance, Recording, Tally};
use mtdh_core::partition::{Origin, Partition, Status};
use mtdh_core::table::SCHEMA_VERSION;
use mtdh_core::{DataType, Day};
use object_store::path::Path;

use super::name::{PartName, SessionId};
use crate::error::LakeError;
use crate::object::{Entry, WriteMode};
use crate::stage::StagedObject;
use crate::store::Lake;
use crate::write::PartitionWriter;

/// What [`Lake::compact`] did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Compacted {
    /// There were no parts.
    Nothing,
    /// The object was made of them, or had been.
    Made {
        /// Its rows.
        rows: u64,
        /// The parts that it has, which are gone.
        parts: usize,
    },
}

impl Lake {
    /// Publishes a part, unless the same is there: parts are a pure function of lines, so that making one again gives the same
    /// bytes. Whether it was new.
    ///
    /// # Errors
    /// As [`Lake::publish`]: other bytes under the name are [`LakeError::Exists`].
    pub async fn publish_part(&self, part: &PartName, object: StagedObject) -> Result<bool, LakeError> {
        let path = self.with_origin(Origin::Live).layout().part(part);
        Ok(self.publish(&path, object, WriteMode::Create).await?.is_some())
    }

    /// The parts of a partition, by session and line.
    ///
    /// # Errors
    /// When the store cannot be listed.
    pub async fn list_parts(&self, partition: &Partition) -> Result<Vec<(PartName, Entry)>, LakeError> {
        let layout = self.with_origin(Origin::Live).layout();
        self.parts_below(&layout.parts(partition)).await
    }

    /// The parts of all partitions of a day and data type, by partition, session and line.
    ///
    /// # Errors
    /// When the store cannot be listed.
    pub async fn list_parts_of_day(
        &self,
        day: Day,
        data_type: DataType,
    ) -> Result<Vec<(PartName, Entry)>, LakeError> {
        let layout = self.with_origin(Origin::Live).layout();
        self.parts_below(&layout.day_and_type(day, data_type)).await
    }

    /// The partitions of a day that have parts, in order: those that [`Lake::compact`] has something to do for.
    ///
    /// # Errors
    /// When the store cannot be listed.
    pub async fn partitions_with_parts(&self, day: Day) -> Result<Vec<Partition>, LakeError> {
        let layout = self.with_origin(Origin::Live).layout();
        let parts = self.parts_below(&layout.day_of_partitions(day)).await?;
        let mut partitions: Vec<Partition> = parts.into_iter().map(|(part, _)| part.partition).collect();
        partitions.sort();
        partitions.dedup();
        Ok(partitions)
    }

    async fn parts_below(&self, folder: &Path) -> Result<Vec<(PartName, Entry)>, LakeError> {
        let layout = self.with_origin(Origin::Live).layout();
        let named = |entry: Entry| Some((layout.parse_part(&entry.path)?, entry));
        let mut parts: Vec<(PartName, Entry)> =
            self.list(folder).await?.into_iter().filter_map(named).collect();
        parts.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(parts)
    }

    /// Makes the object of a day of a partition from its parts, reads it back, and removes them. Killed anywhere, it goes on the next
    /// time. The same rows give the same bytes, however they were split into parts. Where two sessions overlap, the rows of the
    /// earlier one count, and those of the later one from the arrival behind its last row on.
    ///
    /// # Errors
    /// When the store fails, a part cannot be trusted or is no recording, two parts have the same lines, or a part came after the
    /// object was made ([`LakeError::LatePart`]). The parts then stay.
    pub async fn compact(&self, partition: &Partition) -> Result<Compacted, LakeError> {
        let lake = self.with_origin(Origin::Live);
        let parts = lake.list_parts(partition).await?;
        if parts.is_empty() {
            return Ok(Compacted::Nothing);
        }
        let made = match lake.partition_entry(partition).await? {
            Some(made) => made,
            None => {
                let (object, skipped) = lake.joined(partition, &parts).await?;
                if skipped > 0 {
                    tracing::warn!(%partition, rows = skipped, "two sessions overlap; rows of the later one are left out");
                }
                lake.publish_partition(partition, object, WriteMode::Create).await?;
                let path = lake.partition_path(partition);
                let vanished = || LakeError::Vanished { path: path.to_string() };
                lake.entry(&path).await?.ok_or_else(vanished)?
            }
        };
        let footer = lake.footer(&made).await?;
        let lines = footer.facts.provenance.recording().map(|of| of.lines.as_slice()).unwrap_or_default();
        if let Some((part, _)) = parts.iter().find(|(part, _)| !has(lines, part)) {
            return Err(LakeError::LatePart { path: made.path.to_string(), part: part.to_string() });
        }
        lake.verify_bytes(&made).await?;
        for (_, entry) in &parts {
            lake.delete(&entry.path).await?;
        }
        Ok(Compacted::Made { rows: footer.rows, parts: parts.len() })
    }

    /// The object of some parts, in their order, and how many rows were left out because two sessions overlap.
    async fn joined(
        &self,
        partition: &Partition,
        parts: &[(PartName, Entry)],
    ) -> Result<(StagedObject, u64), LakeError> {
        let path = self.partition_path(partition);
        let wrong = |reason: String| LakeError::WrongTable { path: path.to_string(), reason };
        let failed = |source| LakeError::Parquet { path: path.to_string(), source };
        let doubled = parts
            .windows(2)
            .find(|two| two[0].0.session == two[1].0.session && two[1].0.first <= two[0].0.last);
        if let Some(two) = doubled {
            return Err(wrong(format!("its parts overlap: {}, and {}", two[0].0, two[1].0)));
        }
        let mut writer = PartitionWriter::new(partition.data_type.table(), &partition.key, self.stage()?)
            .map_err(failed)?;
        let (mut tally, mut merged, mut skipped) = (Tally::default(), None, 0);
        let mut last_of_former: Option<(&SessionId, Option<i64>)> = None;
        let (mut from, mut last_arrival) = (i64::MIN, None);
        for (name, entry) in parts {
            let footer = self.footer(entry).await?;
            let recording = footer.facts.provenance.recording();
            let recording = recording.ok_or_else(|| wrong(format!("{name} is no recording")))?;
            if last_of_former.is_none_or(|(session, _)| *session != name.session) {
                from = last_of_former.and_then(|(_, last)| last).map_or(i64::MIN, |last| last + 1);
                last_of_former = Some((&name.session, tally.local_timestamp.map(|range| range.1)));
            }
            let before = tally.rows_out;
            self.read_slice(entry, from..i64::MAX, &Default::default(), |batch| {
                count(&batch, &mut tally, &mut last_arrival).map_err(&wrong)?;
                writer.write(batch.columns()[1..].to_vec()).map_err(failed)
            })
            .await?;
            skipped += footer.rows - (tally.rows_out - before);
            tally.inexact_numbers += footer.facts.tally.inexact_numbers;
            if let Some((_, last)) = &mut last_of_former {
                *last = tally.local_timestamp.map(|range| range.1);
            }
            merged = Some(match merged {
                None => recording.clone(),
                Some(so_far) => join(so_far, recording),
            });
        }
        tally.rows_in = tally.rows_out;
        let status = if tally.rows_out > 0 { Status::Stored } else { Status::Empty };
        let provenance = Provenance::Recording(merged.unwrap_or_default());
        let reason = (status == Status::Empty).then(|| "recorded, and nothing came".to_owned());
        let partition = partition.clone();
        let schema_version = SCHEMA_VERSION;
        let facts = PartitionFooter { partition, status, reason, provenance, tally, schema_version };
        Ok((writer.finish(&facts).map_err(failed)?.out, skipped))
    }
}

/// Whether an object that was made from these lines has those of a part.
fn has(lines: &[LineRange], part: &PartName) -> bool {
    lines
        .iter()
        .any(|of| of.session == part.session.as_str() && of.range.0 <= part.first && part.last < of.range.1)
}

/// Adds rows to what is counted of them.
fn count(batch: &RecordBatch, tally: &mut Tally, last_arrival: &mut Option<i64>) -> Result<(), String> {
    let column = |name: &str| {
        let column = batch.column_by_name(name);
        let times = column.and_then(|c| c.as_primitive_opt::<TimestampMicrosecondType>());
        times.map(|times| times.values().clone()).ok_or_else(|| format!("a part has no `{name}`"))
    };
    let add = |range: &mut Option<(i64, i64)>, times: &[i64]| {
        for time in times {
            let (first, last) = range.unwrap_or((*time, *time));
            *range = Some((first.min(*time), last.max(*time)));
        }
    };
    let (sent, arrived) = (column("timestamp")?, column("local_timestamp")?);
    tally.rows_out += batch.num_rows() as u64;
    add(&mut tally.timestamp, &sent);
    let mut latest = *last_arrival;
    for time in arrived.iter() {
        tally.arrival_regressions += u64::from(latest.is_some_and(|latest| *time < latest));
        latest = Some(*time);
    }
    *last_arrival = latest;
    add(&mut tally.local_timestamp, &arrived);
    Ok(())
}

/// What two neighbouring recordings are together.
fn join(mut so_far: Recording, next: &Recording) -> Recording {
    let session = |lines: Option<&LineRange>| lines.map(|lines| lines.session.clone());
    // A session records without a pause: where it made no part of a key, nothing came of it.
    let goes_on = !so_far.lines.is_empty() && session(so_far.lines.last()) == session(next.lines.first());
    for (place, range) in next.ranges.iter().enumerate() {
        match so_far.ranges.last_mut() {
            Some(last) if last.1 >= range.0 || (goes_on && place == 0) => last.1 = last.1.max(range.1),
            _ => so_far.ranges.push(*range),
        }
    }
    for lines in &next.lines {
        match so_far.lines.last_mut() {
            Some(last) if last.session == lines.session && last.range.1 == lines.range.0 => {
                last.range.1 = lines.range.1;
            }
            _ => so_far.lines.push(lines.clone()),
        }
    }
    so_far
        .gaps
        .extend(next.gaps.iter().filter(|gap| !so_far.gaps.contains(gap)).cloned().collect::<Vec<_>>());
    so_far.gap_counts = if so_far.gaps.is_empty() {
        // Only counted: one that touches both counts in each.
        let mut counts: BTreeMap<String, u64> = so_far.gap_counts.into_iter().collect();
        for (kind, count) in &next.gap_counts {
            *counts.entry(kind.clone()).or_insert(0) += count;
        }
        counts.into_iter().collect()
    } else {
        so_far.counted_gaps()
    };
    if so_far.session != next.session && !so_far.session.split('+').any(|one| one == next.session) {
        so_far.session = format!("{}+{}", so_far.session, next.session);
    }
    so_far.feed_version = so_far.feed_version.max(next.feed_version);
    so_far.plan_hash = next.plan_hash.clone();
    so_far.proof = so_far.proof.zip(next.proof).map(|(a, b)| a.max(b));
    so_far
}
