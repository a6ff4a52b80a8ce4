//! Publishes the objects of a lake as Iceberg tables, in place: only what changed since the last version of a table, and nothing if
//! nothing did.
//!
//! Which objects a table has is decided here: those with rows, of days and instruments that were selected once. A table that was
//! published without a selection takes whatever the lake has.

pub mod state;

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt, TryStreamExt};
use mtdh_core::candle::Timeframe;
use mtdh_core::key::InstrumentKey;
use mtdh_core::partition::{Origin, Status};
use mtdh_core::{DataType, Day};
use mtdh_lake::iceberg::{
    Committed, Covers, FileFacts, IcebergTable, Manifest, Published, TableVersion, mark_of,
};
use mtdh_lake::inventory::{ObjectState, Verify, inventory_beside};
use mtdh_lake::read::Verified;
use mtdh_lake::{Entry, Lake, LakeError};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::check::lake::now_us;
use crate::error::EngineError;
use crate::runs::phase;
use crate::selection::Selection;

/// Footers read at the same time.
const CONCURRENT: usize = 32;

/// How often a table is published when other processes were faster.
const ATTEMPTS: u32 = 5;

/// How often an object is looked up that is replaced while it is read.
const LOOKS: u32 = 3;

/// Which tables are published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IcebergTables {
    /// Every data type and timeframe that the lake has, and those that were published.
    All,
    /// These.
    Named {
        /// Data types, a table each.
        data_types: Vec<DataType>,
        /// Timeframes of candles, a table each.
        timeframes: Vec<Timeframe>,
    },
    /// Those that were published: brought up to date, and no wider than they were published.
    Published,
}

/// What is published, and how.
#[derive(Clone, Debug)]
pub struct IcebergRequest {
    /// Days and instruments; its data types do not count. Without venues: every venue. `None`: all that the lake has.
    pub selection: Option<Selection>,
    /// The tables.
    pub tables: IcebergTables,
    /// Whether every byte of the chosen objects is proved first.
    pub verify: bool,
    /// Cancel it to end early: tables that are not done stay as they were.
    pub stop: CancellationToken,
}

impl Default for IcebergRequest {
    fn default() -> IcebergRequest {
        IcebergRequest {
            selection: None,
            tables: IcebergTables::All,
            verify: false,
            stop: CancellationToken::new(),
        }
    }
}

/// What was published.
#[derive(Clone, Debug, Default, Serialize)]
pub struct IcebergReport {
    /// The tables, in the order of their names.
    pub tables: Vec<TableReport>,
    /// Objects that no table has because they cannot be trusted, each with the reason.
    pub unreadable: Vec<String>,
    /// Objects that were to be proved and have no checksums, because version 0.1.0 wrote them.
    pub without_checksums: Vec<String>,
    /// Whether it ended early.
    pub is_interrupted: bool,
}

/// What was published of a table.
#[derive(Clone, Debug, Default, Serialize)]
pub struct TableReport {
    /// Its name.
    pub table: String,
    /// `published`, or `unchanged`: nothing was written.
    pub outcome: &'static str,
    /// The number of its newest version.
    pub version: u64,
    /// Where the metadata of this version lies.
    pub metadata: String,
    /// How much of the lake it is to have: `lake` or `selection`.
    pub covers: &'static str,
    /// Files.
    pub files: u64,
    /// Rows.
    pub rows: u64,
    /// Bytes of its files.
    pub bytes: u64,
    /// Files that are new.
    pub added: u64,
    /// Files that have other rows than before.
    pub replaced: u64,
    /// Files that are gone.
    pub removed: u64,
    /// Where the lake lay when the table was published last; `None`: where it is.
    pub moved_from: Option<String>,
}

impl IcebergReport {
    /// Whether every object that was chosen is in its table.
    pub fn is_clean(&self) -> bool {
        self.unreadable.is_empty() && !self.is_interrupted
    }
}

/// Publishes tables.
///
/// # Errors
/// When the lake cannot be read or written, bytes are not what was written, or other processes are faster each time. Tables that are
/// not done stay as they were.
pub(crate) async fn publish(lake: &Lake, request: &IcebergRequest) -> Result<IcebergReport, EngineError> {
    if lake.origin() == Origin::Live {
        return Err(EngineError::PublishedRecordings);
    }
    if request.selection.as_ref().is_some_and(|selection| selection.max_instruments.is_some()) {
        return Err(EngineError::PublishedLimit);
    }
    let tables = tables(lake, &request.tables).await?;
    let mut report = IcebergReport::default();
    if tables.is_empty() {
        return Ok(report);
    }
    lake.check_writable().await?;
    for table in tables {
        let of_table = OfTable { lake, request, table };
        let published = of_table.publish(&mut report).await?;
        report.is_interrupted = request.stop.is_cancelled();
        report.tables.extend(published);
        if report.is_interrupted {
            break;
        }
    }
    for list in [&mut report.unreadable, &mut report.without_checksums] {
        list.sort();
        list.dedup();
    }
    Ok(report)
}

async fn tables(lake: &Lake, tables: &IcebergTables) -> Result<BTreeSet<IcebergTable>, EngineError> {
    Ok(match tables {
        IcebergTables::Named { data_types, timeframes } => {
            let ticks = data_types.iter().map(|data_type| IcebergTable::Ticks(*data_type));
            ticks.chain(timeframes.iter().map(|timeframe| IcebergTable::Candles(*timeframe))).collect()
        }
        IcebergTables::Published => lake.iceberg_tables().await?.into_iter().collect(),
        IcebergTables::All => {
            let mut all: BTreeSet<IcebergTable> = DataType::ALL.map(IcebergTable::Ticks).into();
            all.extend(lake.iceberg_tables().await?);
            for day in lake.days_with_candles().await? {
                let candles = lake.list_candles(day, None).await?;
                all.extend(candles.into_iter().map(|(timeframe, ..)| IcebergTable::Candles(timeframe)));
            }
            all
        }
    })
}

/// An object of the lake that may belong in a table.
struct Candidate {
    key: InstrumentKey,
    entry: Entry,
}

/// What came of a day.
#[derive(Default)]
struct DayResult {
    manifest: Option<Manifest>,
    added: u64,
    replaced: u64,
    removed: u64,
    is_written: bool,
}

/// What a day of a table lacks of the lake.
#[derive(Default)]
struct Compared {
    /// The manifest that is right as it is; `None`: it must be written.
    kept: Option<Manifest>,
    files: Vec<(FileFacts, Option<(i64, i64)>)>,
    added: u64,
    replaced: u64,
    removed: u64,
}

struct OfTable<'a> {
    lake: &'a Lake,
    request: &'a IcebergRequest,
    table: IcebergTable,
}

impl OfTable<'_> {
    async fn publish(&self, report: &mut IcebergReport) -> Result<Option<TableReport>, EngineError> {
        for _ in 0..ATTEMPTS {
            if let Some(published) = self.attempt(report).await? {
                return Ok(published);
            }
            tracing::info!(table = %self.table, "another process published a version; beginning again");
        }
        Err(EngineError::PublishedByOthers { table: self.table.to_string(), attempts: ATTEMPTS })
    }

    /// The days that are looked at: all of the lake, and what the table has.
    async fn days(&self, base: Option<&TableVersion>, covers: Covers) -> Result<BTreeSet<Day>, EngineError> {
        let old = base.into_iter().flat_map(|base| base.manifests.iter().map(|manifest| manifest.day));
        let mut days: BTreeSet<Day> = old.collect();
        let is_narrow = self.request.tables == IcebergTables::Published && covers == Covers::Selection;
        if !is_narrow {
            days.extend(match self.table {
                IcebergTable::Ticks(_) => self.lake.days_with_partitions().await?,
                IcebergTable::Candles(_) => self.lake.days_with_candles().await?,
            });
        }
        // A table that lies elsewhere, or has other columns, is written anew as a whole.
        if base.is_none_or(|base| base.is_current)
            && let Some(selection) = &self.request.selection
        {
            days.retain(|day| selection.days.contains(*day));
        }
        Ok(days)
    }

    /// `None`: another process was faster.
    async fn attempt(&self, report: &mut IcebergReport) -> Result<Option<Option<TableReport>>, EngineError> {
        let OfTable { lake, request, table } = *self;
        let base = lake.iceberg_version(table).await?;
        let covers = match (&base, &request.selection) {
            (Some(base), _) if request.tables == IcebergTables::Published => base.covers,
            (_, None) => Covers::Lake,
            (Some(base), Some(_)) => base.covers,
            (None, Some(_)) => Covers::Selection,
        };
        let is_current = base.as_ref().is_none_or(|base| base.is_current);
        let had = base.as_ref().map(|base| base.covers);
        let mut manifests: BTreeMap<Day, Manifest> = BTreeMap::new();
        for manifest in base.iter().flat_map(|base| &base.manifests) {
            manifests.insert(manifest.day, manifest.clone());
        }
        let days = self.days(base.as_ref(), covers).await?;
        let moved_from = base.as_ref().filter(|base| !base.is_current).map(|base| base.location.clone());
        let version = base.as_ref().map(|base| base.version);
        let draft = lake.iceberg_draft(table, base)?;
        let phase = phase::begin("publishing", "day", days.len());
        let (mut is_written, mut sums) = (!is_current || had != Some(covers), DayResult::default());
        for day in days {
            if request.stop.is_cancelled() {
                return Ok(Some(None));
            }
            let old = manifests.remove(&day);
            let reach = Reach { old: old.as_ref(), covers, is_current };
            let result = self.day(&draft, day, reach, report).await?;
            is_written |= result.is_written;
            sums.added += result.added;
            sums.replaced += result.replaced;
            sums.removed += result.removed;
            if let Some(manifest) = result.manifest {
                manifests.insert(day, manifest);
            }
            phase.done();
        }
        let manifests: Vec<Manifest> = manifests.into_values().collect();
        let sum = |of: fn(&Manifest) -> u64| manifests.iter().map(of).sum::<u64>();
        let (files, rows, bytes) =
            (sum(Manifest::files), sum(Manifest::rows), sum(|manifest| manifest.bytes));
        if version.is_none() && files == 0 {
            return Ok(Some(None));
        }
        let (outcome, version) = match version {
            Some(version) if !is_written => ("unchanged", version),
            older => {
                let is_rewritten = sums.replaced + sums.removed > 0 || !is_current;
                let now_ms = now_us() / 1_000;
                if lake.iceberg_commit(&draft, &manifests, covers, is_rewritten, now_ms).await?
                    == Committed::Lost
                {
                    return Ok(None);
                }
                ("published", older.unwrap_or(0) + 1)
            }
        };
        lake.iceberg_tidy(table).await?;
        Ok(Some(Some(TableReport {
            table: table.to_string(),
            outcome,
            version,
            metadata: lake.iceberg_metadata(table, version)?,
            covers: covers.name(),
            files,
            rows,
            bytes,
            added: sums.added,
            replaced: sums.replaced,
            removed: sums.removed,
            moved_from: moved_from.filter(|from| !lake.iceberg_is_place(table, from)),
        })))
    }

    /// The objects of a day, sorted by path.
    async fn candidates(&self, day: Day, report: &mut IcebergReport) -> Result<Vec<Candidate>, EngineError> {
        let lake = self.lake;
        let mut found = Vec::new();
        match self.table {
            IcebergTable::Ticks(data_type) => {
                if lake.list_partitions(day, data_type).await?.is_empty() {
                    return Ok(found);
                }
                let known = lake.available(day).await?;
                for (partition, state) in
                    inventory_beside(lake, day, &[data_type], Verify::Index, &known).await?
                {
                    match state {
                        ObjectState::Answered(line) => {
                            if line.status == Status::Stored && line.tally.rows_out > 0 {
                                let entry = lake.available_entry(&line);
                                found.push(Candidate { key: partition.key, entry });
                            }
                        }
                        ObjectState::Unreadable { reason } => {
                            report.unreadable.push(format!("{partition}: {reason}"));
                        }
                    }
                }
            }
            IcebergTable::Candles(timeframe) => {
                let candles = lake.list_candles(day, Some(timeframe)).await?;
                found.extend(candles.into_iter().map(|(_, key, entry)| Candidate { key, entry }));
            }
        }
        found.sort_by(|a, b| a.entry.path.cmp(&b.entry.path));
        Ok(found)
    }

    async fn day(
        &self,
        draft: &mtdh_lake::iceberg::IcebergDraft,
        day: Day,
        reach: Reach<'_>,
        report: &mut IcebergReport,
    ) -> Result<DayResult, EngineError> {
        let OfTable { lake, table, .. } = *self;
        let Compared { kept, files, added, replaced, removed } = self.compare(day, reach, report).await?;
        if kept.is_some() {
            return Ok(DayResult { manifest: kept, ..DayResult::default() });
        }
        let is_written = !files.is_empty() || reach.old.is_some();
        let manifest = match files.is_empty() {
            true => None,
            false => Some(lake.iceberg_add_day(draft, day, files).await?),
        };
        tracing::debug!(%table, %day, added, replaced, removed, "a day");
        Ok(DayResult { manifest, added, replaced, removed, is_written })
    }

    /// A day of the table beside what the lake has of it. Writes nothing.
    async fn compare(
        &self,
        day: Day,
        reach: Reach<'_>,
        report: &mut IcebergReport,
    ) -> Result<Compared, EngineError> {
        let request = self.request;
        let mut candidates = self.candidates(day, report).await?;
        let takes_all = request.selection.is_none()
            && (request.tables != IcebergTables::Published || reach.covers == Covers::Lake);
        let mut old: Option<BTreeMap<String, Published>> = None;
        if !takes_all {
            let known = self.objects(reach.old).await?;
            let selection = self.request.selection.as_ref().filter(|selection| selection.days.contains(day));
            let selection = selection.map(|selection| with_venues(selection, &candidates));
            candidates.retain(|candidate| {
                selection.as_ref().is_some_and(|selection| selection.takes_key(&candidate.key))
                    || known.contains_key(candidate.entry.path.as_ref())
            });
            old = Some(known);
        }
        if request.verify {
            self.prove(&candidates, report).await?;
        }
        let marks =
            candidates.iter().map(|c| (c.entry.path.as_ref(), c.entry.bytes, c.entry.identity.as_deref()));
        if let Some(manifest) = reach.old.filter(|_| reach.is_current)
            && manifest.mark == mark_of(marks)
        {
            return Ok(Compared { kept: Some(manifest.clone()), ..Compared::default() });
        }
        let mut old = match old {
            Some(old) => old,
            None => self.objects(reach.old).await?,
        };
        let mut compared = Compared::default();
        for facts in self.facts(day, candidates, report).await? {
            let before = old.remove(facts.entry.path.as_ref());
            let added = match before {
                Some(before) if before.holds_the_same(&facts) => Some((before.snapshot, before.sequence)),
                Some(_) => {
                    compared.replaced += 1;
                    None
                }
                None => {
                    compared.added += u64::from(facts.rows > 0);
                    None
                }
            };
            compared.files.push((facts, added.filter(|_| reach.is_current)));
        }
        compared.removed = old.values().filter(|gone| gone.rows > 0).count() as u64;
        let is_same = compared.added + compared.replaced + compared.removed == 0;
        compared.kept = reach.old.filter(|_| is_same && reach.is_current).cloned();
        Ok(compared)
    }

    async fn objects(&self, manifest: Option<&Manifest>) -> Result<BTreeMap<String, Published>, EngineError> {
        let Some(manifest) = manifest else { return Ok(BTreeMap::new()) };
        let objects = self.lake.iceberg_objects(self.table, manifest).await?;
        Ok(objects.into_iter().map(|object| (object.path.clone(), object)).collect())
    }

    async fn prove(&self, candidates: &[Candidate], report: &mut IcebergReport) -> Result<(), EngineError> {
        let phase = phase::begin("proving", "object", candidates.len());
        candidates.iter().for_each(|candidate| phase.weigh(candidate.entry.bytes));
        for candidate in candidates {
            let _object_done = phase.part(1, candidate.entry.bytes);
            if self.lake.verify_bytes(&candidate.entry).await? == Verified::NoChecksums {
                report.without_checksums.push(candidate.entry.path.to_string());
            }
        }
        Ok(())
    }

    /// What the footers say, in the order of the objects. What is gone meanwhile is left out, what cannot be trusted too.
    async fn facts(
        &self,
        day: Day,
        candidates: Vec<Candidate>,
        report: &mut IcebergReport,
    ) -> Result<Vec<FileFacts>, EngineError> {
        let read = candidates.into_iter().map(|candidate| self.facts_of(day, candidate));
        let read: Vec<Result<Option<FileFacts>, String>> =
            futures::stream::iter(read).buffered(CONCURRENT).try_collect().await?;
        let mut facts = Vec::with_capacity(read.len());
        for read in read {
            match read {
                Ok(found) => facts.extend(found),
                Err(reason) => report.unreadable.push(reason),
            }
        }
        Ok(facts)
    }

    async fn facts_of(
        &self,
        day: Day,
        candidate: Candidate,
    ) -> Result<Result<Option<FileFacts>, String>, EngineError> {
        let Candidate { key, mut entry } = candidate;
        for _ in 0..LOOKS {
            match self.lake.iceberg_facts(self.table, day, &key, &entry).await {
                Ok(facts) => return Ok(Ok(Some(facts))),
                Err(error) if error.is_changed() => {}
                Err(error) if error.is_distrust() => {
                    return Ok(Err(format!("{}: {}", entry.path, mtdh_core::error::chain(&error))));
                }
                Err(error) => return Err(error.into()),
            }
            match self.lake.object(&entry).await? {
                Some(there) => entry = there,
                None => return Ok(Ok(None)),
            }
        }
        Err(LakeError::Changed { path: entry.path.to_string() }.into())
    }
}

/// What a day of a table was, and is to be.
#[derive(Clone, Copy)]
struct Reach<'a> {
    old: Option<&'a Manifest>,
    covers: Covers,
    is_current: bool,
}

/// The selection; without venues, that of all venues that there are.
fn with_venues(selection: &Selection, candidates: &[Candidate]) -> Selection {
    let mut selection = selection.clone();
    if selection.venues.is_empty() {
        let venues: BTreeSet<&str> = candidates.iter().map(|candidate| candidate.key.venue()).collect();
        selection.venues = venues.into_iter().map(str::to_owned).collect();
    }
    selection
}
