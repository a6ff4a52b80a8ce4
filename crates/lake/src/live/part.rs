//! Parts of partitions, and how a day's parts become one object.

use std::collections::BTreeMap;
use std::ops::Range;

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{ArrayRef, RecordBatch};
use arrow_select::interleave::interleave_record_batch;
use mtdh_core::footer::{LineRange, PartitionFooter, Provenance, Recording, RecordingGap, Tally};
use mtdh_core::partition::{Origin, Partition, Status};
use mtdh_core::table::SCHEMA_VERSION;
use mtdh_core::{DataType, Day};
use object_store::path::Path;

use super::carried::Carried;
use super::merge::{Span, Taken, add_gaps, are_events, choose, lacking, named};
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
    /// time. The same rows give the same bytes, however they were split into parts. Where sessions overlap, trades and liquidations
    /// of all of them count, each once; of states those of one session at a time, which lost nothing then, if there is one. Its gaps
    /// are what no session has.
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
                    tracing::info!(%partition, rows = skipped, "sessions overlap; what several have is taken once");
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

    /// What each session has of a partition, of which there are parts; empty where it is one session.
    ///
    /// # Errors
    /// When the store fails, or a part cannot be trusted or is no recording.
    pub async fn spans(&self, partition: &Partition) -> Result<Vec<(SessionId, Span)>, LakeError> {
        let lake = self.with_origin(Origin::Live);
        let parts = lake.list_parts(partition).await?;
        if parts.iter().all(|(part, _)| part.session == parts[0].0.session) {
            return Ok(Vec::new());
        }
        let sessions = lake.sessions_of(partition, &parts).await?;
        Ok(sessions.into_iter().filter_map(|of| Some((of.id, of.span?))).collect())
    }

    async fn sessions_of(
        &self,
        partition: &Partition,
        parts: &[(PartName, Entry)],
    ) -> Result<Vec<OfSession>, LakeError> {
        let path = self.partition_path(partition);
        let wrong = |reason: String| LakeError::WrongTable { path: path.to_string(), reason };
        let doubled = parts
            .windows(2)
            .find(|two| two[0].0.session == two[1].0.session && two[1].0.first <= two[0].0.last);
        if let Some(two) = doubled {
            return Err(wrong(format!("its parts overlap: {}, and {}", two[0].0, two[1].0)));
        }
        let mut sessions: Vec<OfSession> = Vec::new();
        for (name, entry) in parts {
            let footer = self.footer(entry).await?;
            let recording = footer.facts.provenance.recording();
            let recording = recording.cloned().ok_or_else(|| wrong(format!("{name} is no recording")))?;
            if sessions.last().is_none_or(|last| last.id != name.session) {
                sessions.push(OfSession { id: name.session.clone(), span: None, parts: Vec::new() });
            }
            let Some(of) = sessions.last_mut() else { continue };
            let tally = footer.facts.tally;
            if let Some((first, last)) = tally.local_timestamp {
                let span = of.span.get_or_insert(Span { first, last, gaps: Vec::new() });
                (span.first, span.last) = (span.first.min(first), span.last.max(last));
            }
            of.parts.push(OfPart { entry: entry.clone(), recording, tally });
        }
        for of in &mut sessions {
            let mut gaps = Vec::new();
            of.parts.iter().for_each(|part| add_gaps(&mut gaps, &part.recording.gaps));
            if let Some(span) = &mut of.span {
                span.gaps = gaps.iter().map(|gap| gap.range).collect();
            }
        }
        Ok(sessions)
    }

    /// The object of some parts, and how many rows were left out because several sessions have them.
    async fn joined(
        &self,
        partition: &Partition,
        parts: &[(PartName, Entry)],
    ) -> Result<(StagedObject, u64), LakeError> {
        let path = self.partition_path(partition);
        let failed = |source| LakeError::Parquet { path: path.to_string(), source };
        let sessions = self.sessions_of(partition, parts).await?;
        let writer = PartitionWriter::new(partition.data_type.table(), &partition.key, self.stage()?);
        let mut day = Joining {
            path: path.to_string(),
            writer: writer.map_err(failed)?,
            tally: Tally::default(),
            last_arrival: None,
        };
        if are_events(partition.data_type) && sessions.len() > 1 {
            self.merge_events(&sessions, &mut day).await?;
        } else {
            self.merge_states(partition.data_type, &sessions, &mut day).await?;
        }
        let Joining { writer, mut tally, .. } = day;
        let all = || sessions.iter().flat_map(|of| &of.parts);
        tally.inexact_numbers = all().map(|part| part.tally.inexact_numbers).sum();
        let skipped = all().map(|part| part.tally.rows_out).sum::<u64>().saturating_sub(tally.rows_out);
        let merged = all().map(|part| part.recording.clone()).reduce(|so_far, next| join(so_far, &next));
        let mut recording = merged.unwrap_or_default();
        if sessions.len() > 1 {
            lack_only(&mut recording, &sessions);
        }
        tally.rows_in = tally.rows_out;
        let status = if tally.rows_out > 0 { Status::Stored } else { Status::Empty };
        let provenance = Provenance::Recording(recording);
        let reason = (status == Status::Empty).then(|| NOTHING_CAME.to_owned());
        let partition = partition.clone();
        let schema_version = SCHEMA_VERSION;
        let facts = PartitionFooter { partition, status, reason, provenance, tally, schema_version };
        Ok((writer.finish(&facts).map_err(failed)?.out, skipped))
    }

    /// Rows that happened once: those of all sessions in order of arrival, each once.
    async fn merge_events(&self, sessions: &[OfSession], day: &mut Joining) -> Result<(), LakeError> {
        let spans = sessions.iter().filter_map(|of| of.span.as_ref());
        let first = spans.clone().map(|span| span.first).min().unwrap_or(0);
        let last = spans.map(|span| span.last).max().unwrap_or(-1);
        let mut taken = Taken::default();
        let path = day.path.clone();
        let wrong = |reason: String| LakeError::WrongTable { path: path.clone(), reason };
        let mut at = first;
        while at <= last {
            let within = at..at.saturating_add(WINDOW_US);
            at = within.end;
            let mut batches: Vec<RecordBatch> = Vec::new();
            // Session, batch and row.
            let mut order: Vec<(i64, usize, usize, usize)> = Vec::new();
            for (session, of) in sessions.iter().enumerate() {
                for part in of.parts.iter().filter(|part| part.touches(&within)) {
                    self.read_slice(&part.entry, within.clone(), &Default::default(), |batch| {
                        let arrivals = arrivals(&batch).map_err(&wrong)?;
                        let place = batches.len();
                        order.extend(arrivals.iter().enumerate().map(|(row, at)| (*at, session, place, row)));
                        batches.push(batch);
                        Ok::<_, LakeError>(())
                    })
                    .await?;
                }
            }
            order.sort_unstable();
            order.retain(|(at, session, batch, row)| {
                taken.takes(*session, named(&batches[*batch], *row), *at)
            });
            let places: Vec<(usize, usize)> = order.iter().map(|(_, _, batch, row)| (*batch, *row)).collect();
            for places in places.chunks(BATCH_ROWS) {
                let of: Vec<&RecordBatch> = batches.iter().collect();
                let rows = interleave_record_batch(&of, places);
                day.add(&rows.map_err(|error| wrong(error.to_string()))?)?;
            }
        }
        Ok(())
    }

    /// Rows that tell a state: those of one session for each stretch. A book of changes begins anew where another session's begin.
    async fn merge_states(
        &self,
        data_type: DataType,
        sessions: &[OfSession],
        day: &mut Joining,
    ) -> Result<(), LakeError> {
        if let [only] = sessions {
            for part in &only.parts {
                self.read_slice(&part.entry, i64::MIN..i64::MAX, &Default::default(), |batch| {
                    day.add(&batch)
                })
                .await?;
            }
            return Ok(());
        }
        let path = day.path.clone();
        let wrong = |reason: String| LakeError::WrongTable { path: path.clone(), reason };
        let with_rows: Vec<&OfSession> = sessions.iter().filter(|of| of.span.is_some()).collect();
        let spans: Vec<Span> = with_rows.iter().filter_map(|of| of.span.clone()).collect();
        for (place, within) in choose(&spans) {
            let (of, span) = (with_rows[place], &spans[place]);
            let is_mid = within.start > span.first && !span.gaps.iter().any(|(_, to)| *to == within.start);
            if data_type == DataType::IncrementalBookL2 && is_mid {
                let mut carried = Carried::default();
                for part in of.parts.iter().filter(|part| part.touches(&(i64::MIN..within.start))) {
                    let until = i64::MIN..within.start;
                    self.read_slice(&part.entry, until, &Default::default(), |batch| {
                        carried.take(&batch).map_err(&wrong)
                    })
                    .await?;
                }
                if let Some(rows) = carried.rows(within.start) {
                    day.add_columns(rows.columns().to_vec(), &rows)?;
                }
            }
            for part in of.parts.iter().filter(|part| part.touches(&within)) {
                self.read_slice(&part.entry, within.clone(), &Default::default(), |batch| day.add(&batch))
                    .await?;
            }
        }
        Ok(())
    }
}

/// Why an object is empty.
pub const NOTHING_CAME: &str = "recorded, and nothing came";
/// Rows of so long a time are merged at once, microseconds.
const WINDOW_US: i64 = 300_000_000;
/// Rows of a batch, at most.
const BATCH_ROWS: usize = 32_768;

/// The parts of a session.
struct OfSession {
    id: SessionId,
    /// `None`: it has no rows.
    span: Option<Span>,
    parts: Vec<OfPart>,
}

struct OfPart {
    entry: Entry,
    recording: Recording,
    tally: Tally,
}

impl OfPart {
    /// Whether rows of it may have arrived within a range.
    fn touches(&self, within: &Range<i64>) -> bool {
        self.tally.local_timestamp.is_some_and(|(first, last)| first < within.end && last >= within.start)
    }
}

/// A day's object that is being written.
struct Joining {
    path: String,
    writer: PartitionWriter<StagedObject>,
    tally: Tally,
    last_arrival: Option<i64>,
}

impl Joining {
    /// Adds rows as they are read: the key comes first.
    fn add(&mut self, rows: &RecordBatch) -> Result<(), LakeError> {
        self.add_columns(rows.columns()[1..].to_vec(), rows)
    }

    fn add_columns(&mut self, columns: Vec<ArrayRef>, rows: &RecordBatch) -> Result<(), LakeError> {
        let path = &self.path;
        count(rows, &mut self.tally, &mut self.last_arrival)
            .map_err(|reason| LakeError::WrongTable { path: path.clone(), reason })?;
        self.writer.write(columns).map_err(|source| LakeError::Parquet { path: path.clone(), source })
    }
}

/// Leaves of the gaps what no session has.
fn lack_only(recording: &mut Recording, sessions: &[OfSession]) {
    let mut lacks: Vec<RecordingGap> = Vec::new();
    for of in sessions {
        let others = sessions.iter().filter(|other| other.id != of.id);
        let others: Vec<&Span> = others.filter_map(|other| other.span.as_ref()).collect();
        let mut gaps = Vec::new();
        of.parts.iter().for_each(|part| add_gaps(&mut gaps, &part.recording.gaps));
        for gap in gaps {
            let pieces = match gap.range.0 < gap.range.1 {
                true => lacking(gap.range, &others),
                false => vec![gap.range],
            };
            let piece = |range| RecordingGap { range, reason: gap.reason.clone() };
            add_gaps(&mut lacks, &pieces.into_iter().map(piece).collect::<Vec<_>>());
        }
    }
    lacks.sort_by(|a, b| (a.range, &a.reason).cmp(&(b.range, &b.reason)));
    recording.gaps = lacks;
    recording.gap_counts = recording.counted_gaps();
}

/// Whether an object that was made from these lines has those of a part.
fn has(lines: &[LineRange], part: &PartName) -> bool {
    lines
        .iter()
        .any(|of| of.session == part.session.as_str() && of.range.0 <= part.first && part.last < of.range.1)
}

fn times<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a [i64], String> {
    let column = batch.column_by_name(name);
    let times = column.and_then(|c| c.as_primitive_opt::<TimestampMicrosecondType>());
    times.map(|times| &**times.values()).ok_or_else(|| format!("a part has no `{name}`"))
}

fn arrivals(batch: &RecordBatch) -> Result<&[i64], String> {
    times(batch, "local_timestamp")
}

/// Adds rows to what is counted of them.
fn count(batch: &RecordBatch, tally: &mut Tally, last_arrival: &mut Option<i64>) -> Result<(), String> {
    let add = |range: &mut Option<(i64, i64)>, times: &[i64]| {
        for time in times {
            let (first, last) = range.unwrap_or((*time, *time));
            *range = Some((first.min(*time), last.max(*time)));
        }
    };
    let (sent, arrived) = (times(batch, "timestamp")?, times(batch, "local_timestamp")?);
    tally.rows_out += batch.num_rows() as u64;
    add(&mut tally.timestamp, sent);
    let mut latest = *last_arrival;
    for time in arrived.iter() {
        tally.arrival_regressions += u64::from(latest.is_some_and(|latest| *time < latest));
        latest = Some(*time);
    }
    *last_arrival = latest;
    add(&mut tally.local_timestamp, arrived);
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
    add_gaps(&mut so_far.gaps, &next.gaps);
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
