//! What coverage tells of a day's partitions, in a few words each.
//!
//! A program that asks again and again keeps what the footers said, by the identity of the object: the next ask lists the day and
//! reads only the footers of objects that are new or changed. An object has tens of bytes here, not its names.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use futures::{StreamExt, TryStreamExt};
use mtdh_core::partition::{Partition, Status};
use mtdh_core::{DataType, Day};

use crate::error::LakeError;
use crate::inventory::{CONCURRENT_FOOTERS, ObjectState, found_damaged, look};
pub use crate::known::Brief;
use crate::known::{Hash, Known, KnownFooters, OfDay};
use crate::object::Entry;
use crate::store::Lake;
use crate::tables::reports::Available;

impl KnownFooters {
    fn read_now(&self, state: &ObjectState) -> Known {
        match state {
            ObjectState::Answered(found) => {
                Known { brief: self.of_line(found), content: Some(content(found)) }
            }
            ObjectState::Unreadable { reason } => Known { brief: self.distrusted(reason), content: None },
        }
    }

    fn of_line(&self, line: &Available) -> Brief {
        Brief {
            status: line.status,
            rows: Some(line.tally.rows_out),
            bytes: Some(line.bytes),
            grade: line.grade,
            reason: line.reason.as_deref().map(|reason| self.reason(reason)),
        }
    }

    fn distrusted(&self, reason: &str) -> Brief {
        let reason = Some(self.reason(reason));
        Brief { status: Status::Missing, rows: None, bytes: None, grade: None, reason }
    }
}

fn hash(parts: &[&[u8]]) -> Hash {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
    }
    let mut hash = Hash::default();
    hash.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    hash
}

/// Of a version of an object; `None`: its store has no identities.
fn version(entry: &Entry) -> Option<Hash> {
    let identity = entry.identity.as_deref()?;
    Some(hash(&[entry.path.as_ref().as_bytes(), &entry.bytes.to_le_bytes(), identity.as_bytes()]))
}

fn content(line: &Available) -> Hash {
    let bytes = |text: &Option<String>| text.clone().unwrap_or_default().into_bytes();
    hash(&[&line.bytes.to_le_bytes(), &bytes(&line.source_sha256), &bytes(&line.digest)])
}

/// The partitions of a day and some data types that have an object, by the day's report, by what is known of the objects, or by
/// their footers, as [`crate::inventory::inventory`] does.
///
/// # Errors
/// As [`crate::inventory::inventory`].
pub async fn briefs(
    lake: &Lake,
    day: Day,
    data_types: &[DataType],
) -> Result<BTreeMap<Partition, Brief>, LakeError> {
    let (known, is_kept) = (lake.known(), lake.inner.footers.is_on());
    let before = known.of(day);
    let lines = lake.available(day).await?;
    let damaged = found_damaged(lake, day, &lines).await?;
    let told = |partition: &Partition, read: &Known| -> Brief {
        if let Some(reason) = damaged.get(partition).filter(|_| read.content.is_some()) {
            return known.distrusted(reason);
        }
        let line = lines.get(partition).filter(|line| read.content == Some(content(line)));
        Brief { grade: line.and_then(|line| line.grade), ..read.brief.clone() }
    };
    let mut now = OfDay::new();
    let mut found = BTreeMap::new();
    let mut unknown = Vec::new();
    for (partition, entry) in listed(lake, day, data_types).await? {
        if let Some(line) = lines.get(&partition).filter(|line| line.is_of(&entry)) {
            found.insert(partition, known.of_line(line));
            continue;
        }
        let version = version(&entry).filter(|_| is_kept);
        match version.and_then(|version| Some((version, before.get(&version)?))) {
            Some((version, read)) => {
                now.insert(version, read.clone());
                found.insert(partition.clone(), told(&partition, read));
            }
            None => unknown.push((partition, entry, version)),
        }
    }
    let looks = futures::stream::iter(unknown).map(|(partition, entry, version)| async move {
        let looked = look(lake, &partition, &entry).await?;
        known.read.fetch_add(1, Ordering::Relaxed);
        Ok::<_, LakeError>((partition, version, looked))
    });
    let mut looks = std::pin::pin!(looks.buffer_unordered(CONCURRENT_FOOTERS));
    while let Some((partition, version, looked)) = looks.try_next().await? {
        // It is gone meanwhile.
        let Some(looked) = looked else { continue };
        let read = known.read_now(&looked);
        found.insert(partition.clone(), told(&partition, &read));
        now.extend(version.map(|version| (version, read)));
    }
    if is_kept {
        known.put(day, now);
    }
    Ok(found)
}

impl Lake {
    /// Footers of partitions that [`briefs`] has read through this lake.
    pub fn footers_read(&self) -> u64 {
        self.known().read.load(Ordering::Relaxed)
    }
}

/// The objects of a day. All data types are listed at once.
async fn listed(
    lake: &Lake,
    day: Day,
    data_types: &[DataType],
) -> Result<Vec<(Partition, Entry)>, LakeError> {
    if DataType::ALL.iter().any(|data_type| !data_types.contains(data_type)) {
        let mut listed = Vec::new();
        for data_type in data_types {
            listed.extend(lake.list_partitions(day, *data_type).await?);
        }
        return Ok(listed);
    }
    let layout = lake.layout();
    let entries = lake.list(&layout.day_of_partitions(day)).await?.into_iter();
    let named = |entry: Entry| Some((layout.parse_partition(&entry.path)?, entry));
    Ok(entries.filter_map(named).filter(|(partition, _)| partition.day == day).collect())
}
