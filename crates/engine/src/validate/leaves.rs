//! The selected partitions of a validation with the digests of their objects: what a certificate is made of.

use std::collections::BTreeMap;

use futures::StreamExt;
use mtdh_core::Day;
use mtdh_core::certificate::{Counts, Digests, Entry as Leaf, Grades, Group, MOST_PARTITIONS};
use mtdh_core::check::grade::Grade;
use mtdh_core::error::chain;
use mtdh_core::partition::{Partition, Status};
use mtdh_lake::followed::{Followed, Next};
use mtdh_lake::inventory::{DISTRUST, ObjectState};
use mtdh_lake::read::{DigestBy, Digested};
use mtdh_lake::{Entry, Lake, LakeError};

use crate::error::EngineError;
use crate::expectation::DayExpectation;
use crate::runs::phase;
use crate::selection::Selection;

/// Objects whose digests are read at the same time.
const CONCURRENT_OBJECTS: usize = 16;

/// The partitions of the days that were validated.
#[derive(Debug, Default)]
pub(crate) struct Leaves {
    /// Whether the bytes of an object may be read for its digest, if its footer does not have it.
    may_read_bytes: bool,
    /// By day and by the data type's name.
    pub groups: Vec<Group>,
    /// Of the groups.
    pub counts: Counts,
    /// Of their objects.
    pub grades: Grades,
    /// The digests of the day's objects.
    digests: BTreeMap<Partition, Digests>,
}

impl Leaves {
    /// Before the first day.
    pub fn new(may_read_bytes: bool) -> Leaves {
        Leaves { may_read_bytes, ..Leaves::default() }
    }

    /// Reads the digests of the day's objects. Marks those that cannot be trusted.
    ///
    /// # Errors
    /// When the store fails, an object was replaced since it was listed, or the digest of one is not known.
    pub async fn read(
        &mut self,
        lake: &Lake,
        selection: &Selection,
        there: &mut BTreeMap<Partition, ObjectState>,
    ) -> Result<(), EngineError> {
        let looks = there.iter().filter_map(|(partition, state)| match state {
            ObjectState::Answered(available) if selection.takes_partition(partition) => {
                Some((partition.clone(), lake.available_entry(available)))
            }
            _ => None,
        });
        let looks: Vec<_> = looks.collect();
        let may_read_bytes = self.may_read_bytes;
        let phase = &phase::begin("reading digests", "object", looks.len());
        let looks = looks.into_iter().map(|(partition, entry)| async move {
            let seen = digested(lake, &entry, DigestBy::Footer).await?;
            let seen = match seen {
                Seen::Digested(Digested::FooterOnly(_), _) if may_read_bytes => {
                    digested(lake, &entry, DigestBy::Bytes).await?
                }
                seen => seen,
            };
            phase.done();
            Ok::<_, LakeError>((partition, entry, seen))
        });
        let looks: Vec<_> = looks.collect();
        let mut looked = futures::stream::iter(looks).buffer_unordered(CONCURRENT_OBJECTS);
        let (mut found, mut without) = (BTreeMap::new(), Vec::new());
        while let Some(look) = looked.next().await {
            let (partition, entry, seen) = look?;
            match seen {
                Seen::Digested(_, version) if version != entry => return Err(changed(&entry).into()),
                Seen::Gone => return Err(changed(&entry).into()),
                Seen::Digested(Digested::Whole(digests), _) => {
                    found.insert(partition, digests);
                }
                Seen::Digested(Digested::FooterOnly(_), _) => without.push(partition),
                Seen::Distrusted(reason) => {
                    there.insert(partition, ObjectState::Unreadable { reason });
                }
            }
        }
        drop(looked);
        self.digests = found;
        match without.iter().min() {
            Some(first) => Err(EngineError::NoDigest { first: first.to_string() }),
            None => Ok(()),
        }
    }

    /// Adds the day's partitions: those that are expected, and the objects that nobody expects.
    ///
    /// # Errors
    /// When there are more than a certificate can have.
    pub fn take(
        &mut self,
        day: Day,
        selection: &Selection,
        there: &BTreeMap<Partition, ObjectState>,
        expectation: &DayExpectation,
    ) -> Result<(), EngineError> {
        let mut statuses: BTreeMap<(&'static str, &Partition), Status> = BTreeMap::new();
        for (partition, state) in there.iter().filter(|(partition, _)| selection.takes_partition(partition)) {
            let ObjectState::Answered(available) = state else { continue };
            statuses.insert((partition.data_type.name(), partition), available.status);
            self.counts.unexpected += 1;
            self.counts.rows += available.tally.rows_out;
            *match available.grade {
                Some(Grade::Good) => &mut self.grades.good,
                Some(Grade::Degraded) => &mut self.grades.degraded,
                Some(Grade::Bad) => &mut self.grades.bad,
                Some(Grade::Unknown | Grade::Missing) => &mut self.grades.unknown,
                None => &mut self.grades.unchecked,
            } += 1;
        }
        for expected in &expectation.partitions {
            let partition = &expected.partition;
            let object = statuses.insert((partition.data_type.name(), partition), expected.status);
            self.counts.unexpected -= u64::from(object.is_some());
        }
        for ((_, partition), status) in statuses {
            self.counts.add(status);
            let digests = if status.is_answered() { self.digests.remove(partition) } else { None };
            let leaf = Leaf { key: partition.key.clone(), status, digests };
            match self.groups.last_mut() {
                Some(group) if (group.day, group.data_type) == (day, partition.data_type) => {
                    group.entries.push(leaf);
                }
                _ => {
                    let data_type = partition.data_type;
                    self.groups.push(Group { day, data_type, entries: vec![leaf] });
                }
            }
        }
        if self.counts.partitions() > MOST_PARTITIONS as u64 {
            return Err(EngineError::TooManyPartitions { most: MOST_PARTITIONS });
        }
        Ok(())
    }
}

fn changed(entry: &Entry) -> LakeError {
    LakeError::Changed { path: entry.path.to_string() }
}

/// What the digests of an object are.
pub(crate) enum Seen {
    /// These, of this version.
    Digested(Digested, Entry),
    /// It cannot be trusted.
    Distrusted(String),
    /// It was removed.
    Gone,
}

/// The digests of an object, of the version that is there now if it was replaced.
///
/// # Errors
/// When the store fails.
pub(crate) async fn digested(lake: &Lake, entry: &Entry, by: DigestBy) -> Result<Seen, LakeError> {
    let mut object = Followed::new(entry.clone());
    loop {
        let doubtful = match lake.digests(object.entry(), by).await {
            Ok(digests) => return Ok(Seen::Digested(digests, object.entry().clone())),
            Err(error) if error.is_changed() || error.is_distrust() => error,
            Err(error) => return Err(error),
        };
        match object.next(lake).await? {
            Next::ReadAgain => {}
            Next::Stands if doubtful.is_changed() => return Err(doubtful),
            Next::Stands => return Ok(Seen::Distrusted(format!("{DISTRUST}: {}", chain(&doubtful)))),
            Next::Gone => return Ok(Seen::Gone),
        }
    }
}
