//! The inventory of a day: what the lake has, with as few reads as possible.
//!
//! The listing has the objects. The footer of an object says whether it has rows; the day's report of available data saves
//! reading the footers of known objects, by path and identity at the store. An object with damaged pages may have a good
//! footer: the day's report of missing data keeps it marked until it is fetched again.

use std::collections::{BTreeMap, HashMap};

use crate::error::LakeError;
use crate::followed::{Followed, Next};
use crate::layout::object_key;
use crate::object::Entry;
use crate::spread::Spread;
use crate::store::Lake;
use crate::tables::reports::Available;
use mtdh_core::check::completeness::Expected;
use mtdh_core::key::InstrumentKey;
use mtdh_core::partition::{Partition, Status};
use mtdh_core::{DataType, Day};

/// Footers read at the same time.
pub(crate) const CONCURRENT_FOOTERS: usize = 32;

/// Start of the reason for an object that counts as missing because of its bytes, although its footer is good.
pub const DISTRUST: &str = "it cannot be trusted, by its bytes";

/// The state of a partition in the lake.
#[derive(Clone, Debug)]
pub enum ObjectState {
    /// An object with a valid footer.
    Answered(Box<Available>),
    /// An object that cannot be trusted.
    Unreadable {
        /// Why it cannot be trusted.
        reason: String,
    },
}

impl ObjectState {
    /// Its status; an object that cannot be trusted counts as missing.
    pub fn status(&self) -> Status {
        match self {
            ObjectState::Answered(available) => available.status,
            ObjectState::Unreadable { .. } => Status::Missing,
        }
    }

    /// The status with the reason, for the checks of completeness.
    pub fn expected(&self, partition: &Partition) -> Expected {
        let (unreadable, rows_rejected) = match self {
            ObjectState::Answered(available) => (None, available.tally.rows_rejected),
            ObjectState::Unreadable { reason } => (Some(reason.clone()), 0),
        };
        Expected { partition: partition.clone(), status: self.status(), unreadable, rows_rejected }
    }
}

/// How closely to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verify {
    /// Trust the day's report for the objects that it knows.
    Index,
    /// Read every footer.
    Footers,
    /// Read every footer, and ignore earlier findings of damage: the bytes will be read again.
    FootersAfresh,
}

/// The state of all partitions of a day and some data types that the lake has.
///
/// # Errors
/// When the store cannot be listed or read. An object that is not a partition is no error: see [`ObjectState::Unreadable`].
pub async fn inventory(
    lake: &Lake,
    day: Day,
    data_types: &[DataType],
    trust: Verify,
) -> Result<BTreeMap<Partition, ObjectState>, LakeError> {
    inventory_beside(lake, day, data_types, trust, &lake.available(day).await?).await
}

/// As [`inventory`], with the day's report of available data, which the caller has read.
///
/// # Errors
/// As [`inventory`].
pub async fn inventory_beside(
    lake: &Lake,
    day: Day,
    data_types: &[DataType],
    trust: Verify,
    known: &BTreeMap<Partition, Available>,
) -> Result<BTreeMap<Partition, ObjectState>, LakeError> {
    let remembered = match trust {
        Verify::FootersAfresh => BTreeMap::new(),
        Verify::Index | Verify::Footers => found_damaged(lake, day, known).await?,
    };
    let mut found = BTreeMap::new();
    let mut unknown: Vec<(Partition, Entry)> = Vec::new();
    // Keys that are known need not be parsed again.
    let keys: HashMap<&str, &InstrumentKey> = known.keys().map(|p| (p.key.as_str(), &p.key)).collect();
    let key_of = |name: &str| {
        let known = keys.get(name.strip_suffix(".parquet")?);
        known.map(|key| (*key).clone()).or_else(|| object_key(name))
    };
    for data_type in data_types {
        let folder = lake.layout().day_and_type(day, *data_type);
        for (key, entry) in lake.list_named(&folder, key_of).await? {
            let partition = Partition { day, data_type: *data_type, key };
            let is_believed = |row: &&Available| trust == Verify::Index && row.is_of(&entry);
            match known.get(&partition).filter(is_believed) {
                Some(row) => {
                    found.insert(partition, ObjectState::Answered(Box::new(row.clone())));
                }
                None => unknown.push((partition, entry)),
            }
        }
    }
    let lake = lake.clone();
    let mut looked = Spread::new(unknown, CONCURRENT_FOOTERS, |(partition, entry)| {
        let lake = lake.clone();
        async move {
            let looked = look(&lake, &partition, &entry).await;
            (partition, looked)
        }
    });
    while let Some((partition, looked)) = looked.next().await {
        let Some(mut looked) = looked? else { continue };
        if let ObjectState::Answered(available) = &mut looked {
            if let Some(older) = known.get(&partition) {
                available.keep_grades(older);
            }
            if let Some(reason) = remembered.get(&partition) {
                looked = ObjectState::Unreadable { reason: reason.clone() };
            }
        }
        found.insert(partition, looked);
    }
    Ok(found)
}

/// The partitions whose objects a validation found damaged, each with the reason. A partition that was fetched again since is
/// in the report of available data.
///
/// # Errors
/// When the reports cannot be read.
pub async fn found_damaged(
    lake: &Lake,
    day: Day,
    known: &BTreeMap<Partition, Available>,
) -> Result<BTreeMap<Partition, String>, LakeError> {
    let missing = lake.missing(day).await?.unwrap_or_default().into_iter();
    let damaged = missing.filter(|m| m.reason.starts_with(DISTRUST) && !known.contains_key(&m.partition));
    Ok(damaged.map(|m| (m.partition, m.reason)).collect())
}

/// Reads one object's footer and compares it with its path; `None`: the object is gone. If something seems wrong it is read
/// again, because it may be just being replaced.
///
/// # Errors
/// When the store cannot be read.
pub async fn look(
    lake: &Lake,
    partition: &Partition,
    entry: &Entry,
) -> Result<Option<ObjectState>, LakeError> {
    let mut object = Followed::new(entry.clone());
    loop {
        let looked = look_once(lake, partition, object.entry()).await;
        let is_doubtful = match &looked {
            Ok(state) => matches!(state, ObjectState::Unreadable { .. }),
            Err(error) => error.is_changed(),
        };
        if !is_doubtful {
            return looked.map(Some);
        }
        match object.next(lake).await? {
            Next::ReadAgain => {}
            Next::Stands => return looked.map(Some),
            Next::Gone => return Ok(None),
        }
    }
}

async fn look_once(lake: &Lake, partition: &Partition, entry: &Entry) -> Result<ObjectState, LakeError> {
    let unreadable = |reason: String| Ok(ObjectState::Unreadable { reason });
    let footer = match lake.footer(entry).await {
        Ok(footer) => footer,
        Err(error) if error.is_distrust() => {
            return unreadable(format!("it cannot be trusted: {}", mtdh_core::error::chain(&error)));
        }
        Err(error) => return Err(error),
    };
    let facts = &footer.facts;
    if facts.partition != *partition {
        return unreadable(format!("its footer says that it is {}", facts.partition));
    }
    if facts.tally.rows_out != footer.rows || facts.tally.rows_in != footer.rows + facts.tally.rows_rejected {
        return unreadable(format!(
            "its footer counts {} rows, it has {}",
            facts.tally.rows_out, footer.rows
        ));
    }
    if footer.schema.fields() != partition.data_type.table().schema().fields() {
        return unreadable("its columns are not those of its data type".to_owned());
    }
    Ok(ObjectState::Answered(Box::new(Available::of(facts, entry.bytes, footer.digest, footer.identity))))
}
