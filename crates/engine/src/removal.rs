//! What is taken out of a lake by hand: partitions with their candles and rejected rows, runs, tables. Looked up first, shown, and
//! removed only then.

use std::collections::BTreeSet;

use mtdh_core::key::InstrumentKey;
use mtdh_core::partition::Partition;
use mtdh_core::{DataType, Day};
use mtdh_lake::{Entry, Lake, LakePath};

use crate::error::EngineError;
use crate::fleet::saved_plan::{check_name, runs_like};
use crate::runs::phase;
use crate::selection::Selection;

/// The kind of an object that is a partition.
const PARTITION: &str = "partition";

/// What a person wants to be rid of.
#[derive(Clone, Debug, Default)]
pub struct RemovalRequest {
    /// Partitions; `None`: none. Its venues may be empty: those of the lake.
    pub selection: Option<Selection>,
    /// Whether all data types are meant, so that candles go too.
    pub has_candles: bool,
    /// Whether the tables and reports of the selection's days go too.
    pub has_tables: bool,
    /// Names of runs.
    pub runs: Vec<String>,
}

/// What would go.
#[derive(Clone, Debug, Default)]
pub struct Removal {
    /// The objects.
    pub objects: Vec<Removed>,
}

/// An object that would go.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Removed {
    /// What it is: `partition`, `rejected rows`, `candles`, `table` or `run`.
    pub kind: &'static str,
    /// Its day; `None`: it is of a run.
    pub day: Option<Day>,
    /// Its instrument; `None`: it is of a run or a day.
    pub key: Option<InstrumentKey>,
    /// Its data type; `None`: it is no partition.
    pub data_type: Option<DataType>,
    /// Its path in the lake.
    pub path: LakePath,
    /// Its size, bytes.
    pub bytes: u64,
}

impl Removed {
    /// The partition; `None`: it is none.
    pub fn partition(&self) -> Option<Partition> {
        Some(Partition { day: self.day?, data_type: self.data_type?, key: self.key.clone()? })
    }

    /// Whether a selection has it: the partition, or what is made of the instrument's day.
    pub fn is_of(&self, selection: &Selection) -> bool {
        match (self.day, &self.key, self.data_type) {
            (Some(day), Some(key), data_type) => {
                selection.days.contains(day)
                    && selection.takes_key(key)
                    && data_type.is_none_or(|data_type| selection.data_types.contains(&data_type))
            }
            (Some(day), None, _) => selection.days.contains(day),
            (None, ..) => false,
        }
    }
}

/// Looks up what would go.
///
/// # Errors
/// When the lake cannot be read, or a name cannot be that of a run.
pub(crate) async fn find(lake: &Lake, request: &RemovalRequest) -> Result<Removal, EngineError> {
    let mut removal = Removal::default();
    let mut add = |kind, entry: &Entry, day, key: Option<&InstrumentKey>, data_type| {
        let (path, bytes, key) = (entry.path.clone(), entry.bytes, key.cloned());
        removal.objects.push(Removed { kind, day, key, data_type, path, bytes });
    };
    if let Some(selection) = &request.selection {
        let phase = phase::days("listing", selection.days);
        for day in selection.days.days() {
            let _day_done = phase.item();
            let selection = of_day(lake, selection, day).await?;
            for data_type in &selection.data_types {
                for (partition, entry) in lake.list_partitions(day, *data_type).await? {
                    if selection.takes_key(&partition.key) {
                        let key = Some(&partition.key);
                        if let Some(rejected) = lake.quarantine_entry(&partition).await? {
                            add("rejected rows", &rejected, Some(day), key, Some(*data_type));
                        }
                        add(PARTITION, &entry, Some(day), key, Some(*data_type));
                    }
                }
            }
            if request.has_candles {
                for (_, key, entry) in lake.list_candles(day, None).await? {
                    if selection.takes_key(&key) {
                        add("candles", &entry, Some(day), Some(&key), None);
                    }
                }
            }
            if request.has_tables {
                for entry in lake.tables_of_day(day).await? {
                    add("table", &entry, Some(day), None, None);
                }
            }
        }
    }
    for run_id in &request.runs {
        check_name(run_id)?;
        let objects = lake.run_objects(run_id).await?;
        if run_id.starts_with('_') || objects.is_empty() {
            return Err(EngineError::NoRecord {
                run_id: run_id.clone(),
                suggestions: runs_like(lake, run_id).await,
            });
        }
        objects.iter().for_each(|entry| add("run", entry, None, None, None));
    }
    removal.objects.sort();
    removal.objects.dedup();
    Ok(removal)
}

/// The selection on a day, with the venues that the lake has there if it names none.
async fn of_day(lake: &Lake, selection: &Selection, day: Day) -> Result<Selection, EngineError> {
    let mut selection = selection.clone();
    if selection.venues.is_empty() {
        let mut venues: BTreeSet<String> = lake.venues(day).await?.into_iter().collect();
        let candles = lake.list_candles(day, None).await?;
        venues.extend(candles.into_iter().map(|(_, key, _)| key.venue().to_owned()));
        selection.venues = venues.into_iter().collect();
    }
    if selection.data_types.is_empty() {
        selection.data_types = DataType::ALL.to_vec();
    }
    Ok(selection)
}

/// Removes the objects, partitions last: what is derived from a partition never outlives it.
///
/// # Errors
/// When the store refuses. What is gone by then stays gone; the same call removes the rest.
pub(crate) async fn remove(lake: &Lake, removal: &Removal) -> Result<(), EngineError> {
    lake.check_writable().await?;
    let (partitions, others): (Vec<&Removed>, Vec<&Removed>) =
        removal.objects.iter().partition(|object| object.kind == PARTITION);
    let phase = phase::begin("removing", "object", removal.objects.len());
    for object in others.into_iter().chain(partitions) {
        lake.delete(&object.path).await?;
        phase.done();
    }
    Ok(())
}

impl Removal {
    /// How many partitions would go.
    pub fn partitions(&self) -> usize {
        self.objects.iter().filter(|object| object.kind == PARTITION).count()
    }

    /// Bytes of all objects.
    pub fn bytes(&self) -> u64 {
        self.objects.iter().map(|object| object.bytes).sum()
    }
}
