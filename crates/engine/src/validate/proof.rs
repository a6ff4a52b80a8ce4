//! Proves that objects are still what was written: reads their rows, or hashes their bytes without decoding them.
//!
//! Does not decide what must be there; see `validate`. The only state is the day of an object's last proof, in the day's
//! report of available data.

use std::collections::{BTreeMap, BTreeSet};

use mtdh_core::Day;
use mtdh_core::day::DAY_US;
use mtdh_core::error::chain;
use mtdh_core::partition::Partition;
use mtdh_core::stable::stable_index;
use mtdh_lake::spread::Spread;
use mtdh_lake::tables::reports::Available;
use mtdh_lake::{Entry, Lake, LakeError};
use serde::Serialize;

use crate::error::EngineError;
use crate::runs::phase;
use crate::selection::Selection;
use mtdh_lake::followed::{Followed, Next};
use mtdh_lake::inventory::{DISTRUST, ObjectState, look};

/// Objects read at the same time.
const CONCURRENT_OBJECTS: usize = 8;

/// The state of the bytes behind a validation.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Proof {
    /// Partitions whose object was verified now, every byte.
    pub verified: usize,
    /// Objects of version 0.1.0: they have no checksums and cannot be verified. They count as stored.
    pub without_checksums: usize,
    /// Objects with checksums whose bytes were never all read.
    pub never: usize,
    /// The day of the oldest proof of the other objects; `None`: there are none.
    pub oldest: Option<String>,
    /// Objects other than partitions (candles) that cannot be trusted.
    pub damaged: Vec<Damaged>,
}

/// An object that cannot be trusted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Damaged {
    /// Path inside the lake.
    pub path: String,
    /// Why it cannot be trusted.
    pub reason: String,
}

impl Proof {
    /// Adds the state of the selected objects.
    pub(crate) fn note(&mut self, selection: &Selection, there: &BTreeMap<Partition, ObjectState>) {
        for (partition, state) in there {
            let ObjectState::Answered(available) = state else { continue };
            if !selection.takes_partition(partition) {
                continue;
            }
            match (&available.digest, available.proved_on) {
                (None, _) => self.without_checksums += 1,
                (Some(_), None) => self.never += 1,
                (Some(_), Some(day)) => {
                    let day = day.to_string();
                    self.oldest = Some(self.oldest.take().map_or(day.clone(), |oldest| oldest.min(day)));
                }
            }
        }
    }
}

/// Whether an object belongs to the share of a day. Names of objects lie on a circle, and the share of each day starts where
/// that of the day before ended: one round covers all objects.
pub fn is_sampled(partition: &Partition, sample: f64, today: Day) -> bool {
    place(partition, sample, today) < width(sample)
}

/// The circle's length.
const STEPS: u32 = 10_000;

/// Length of one day's share on the circle.
fn width(sample: f64) -> i64 {
    if sample > 0.0 { (sample * f64::from(STEPS)).round().max(1.0) as i64 } else { 0 }
}

/// Distance of an object from the start of the day's share.
fn place(partition: &Partition, sample: f64, today: Day) -> i64 {
    let number = today.start_us().div_euclid(DAY_US);
    let start = (number * width(sample)).rem_euclid(i64::from(STEPS));
    let step = i64::from(stable_index(&partition.to_string(), STEPS));
    (step - start).rem_euclid(i64::from(STEPS))
}

/// Reads every row of a share of the selected objects. Marks those that cannot be read or differ from their footers. Returns
/// how many were read.
///
/// # Errors
/// When the store fails.
pub(crate) async fn read_sample(
    lake: &Lake,
    selection: &Selection,
    there: &mut BTreeMap<Partition, ObjectState>,
    sample: f64,
    today: Day,
) -> Result<usize, EngineError> {
    let is_meant = |(partition, state): &(&Partition, &ObjectState)| {
        matches!(state, ObjectState::Answered(_)) && selection.takes_partition(partition)
    };
    let meant = || there.iter().filter(is_meant).map(|(partition, _)| partition);
    let mut sampled: BTreeSet<Partition> =
        meant().filter(|p| is_sampled(p, sample, today)).cloned().collect();
    if sampled.is_empty() && sample > 0.0 {
        // A share of few objects may be empty; a proof that reads nothing proves nothing.
        sampled.extend(meant().min_by_key(|partition| place(partition, sample, today)).cloned());
    }
    let phase = phase::current();
    phase.weigh(sampled.iter().filter_map(|partition| there.get(partition)).map(bytes_of).sum());
    let mut read = 0;
    for (partition, state) in there.iter_mut() {
        if sampled.contains(partition) {
            read += 1;
            let bytes = bytes_of(state);
            prove(lake, state, Reading::Rows, today).await?;
            phase.advance(bytes);
        }
    }
    Ok(read)
}

/// Bytes of an object; 0: it cannot be trusted, and is not read.
fn bytes_of(state: &ObjectState) -> u64 {
    match state {
        ObjectState::Answered(available) => available.bytes,
        ObjectState::Unreadable { .. } => 0,
    }
}

/// How an object is read for its proof.
#[derive(Clone, Copy)]
enum Reading {
    /// Every row, decoded.
    Rows,
    /// Every byte, not decoded.
    Bytes,
}

/// Reads an object and records the result. If it was replaced during the read, it is not damaged: the new object is read.
async fn prove(lake: &Lake, state: &mut ObjectState, reading: Reading, today: Day) -> Result<(), LakeError> {
    let ObjectState::Answered(available) = state else { return Ok(()) };
    let mut object = Followed::new(lake.available_entry(available));
    loop {
        let wrong = match reading {
            Reading::Rows => read_whole(lake, available).await,
            Reading::Bytes => {
                // Its footer was read when it was listed: the version is the one of its identity.
                let seen = available.digest.as_deref().filter(|_| available.identity.is_some());
                what_is_wrong(lake, &lake.available_entry(available), seen).await
            }
        };
        let is_doubtful = match &wrong {
            Ok(wrong) => wrong.is_some(),
            Err(error) => error.is_changed(),
        };
        if !is_doubtful {
            wrong?;
            available.proved_on = available.digest.as_ref().map(|_| today);
            return Ok(());
        }
        let looked = match object.next(lake).await? {
            Next::Stands => {
                *state = ObjectState::Unreadable { reason: wrong?.unwrap_or_default() };
                return Ok(());
            }
            Next::Gone => None,
            Next::ReadAgain if *object.entry() == lake.available_entry(available) => continue,
            Next::ReadAgain => look(lake, &available.partition, object.entry()).await?,
        };
        match looked {
            Some(ObjectState::Answered(newer)) => **available = *newer,
            Some(unreadable) => {
                *state = unreadable;
                return Ok(());
            }
            None => {
                *state = ObjectState::Unreadable { reason: "it was removed while it was read".to_owned() };
                return Ok(());
            }
        }
    }
}

/// The current object in place of the one that was seen; `None`: it is the same, or cannot be trusted.
///
/// # Errors
/// When the store fails.
pub(crate) async fn replaced(lake: &Lake, seen: &Available) -> Result<Option<Available>, LakeError> {
    let Some(entry) = lake.partition_entry(&seen.partition).await? else { return Ok(None) };
    if seen.is_of(&entry) {
        return Ok(None);
    }
    match look(lake, &seen.partition, &entry).await? {
        Some(ObjectState::Answered(now)) if now.identity != seen.identity || !now.holds_the_same(seen) => {
            Ok(Some(*now))
        }
        _ => Ok(None),
    }
}

/// What is wrong with an object's rows; `None`: nothing.
async fn read_whole(lake: &Lake, available: &Available) -> Result<Option<String>, LakeError> {
    let mut rows = 0_u64;
    let outcome = lake
        .read_slice(&lake.available_entry(available), i64::MIN..i64::MAX, &Default::default(), |batch| {
            rows += batch.num_rows() as u64;
            Ok::<(), LakeError>(())
        })
        .await;
    match outcome {
        Ok(()) if rows == available.tally.rows_out => Ok(None),
        Ok(()) => Ok(Some(format!(
            "{DISTRUST}: its footer counts {} rows, {rows} can be read",
            available.tally.rows_out
        ))),
        Err(error) if error.is_distrust() => Ok(Some(format!("{DISTRUST}: {}", chain(&error)))),
        Err(error) => Err(error),
    }
}

/// Verifies every byte of the selected objects, without decoding them, and marks those that differ from what was written:
/// partitions in `there`, others in `proof`.
///
/// # Errors
/// When the store fails.
pub(crate) async fn verify_bytes(
    lake: &Lake,
    selection: &Selection,
    day: Day,
    there: &mut BTreeMap<Partition, ObjectState>,
    today: Day,
    proof: &mut Proof,
) -> Result<(), EngineError> {
    let is_meant = |partition: &Partition, state: &ObjectState| {
        matches!(state, ObjectState::Answered(_)) && selection.takes_partition(partition)
    };
    let meant: Vec<(Partition, ObjectState)> = there.extract_if(.., |p, state| is_meant(p, state)).collect();
    let phase = phase::current();
    phase.weigh(meant.iter().map(|(_, state)| bytes_of(state)).sum());
    let mut looked = Spread::new(meant, CONCURRENT_OBJECTS, |(partition, mut state)| {
        let (lake, phase) = (lake.clone(), phase.clone());
        async move {
            let bytes = bytes_of(&state);
            let proved = prove(&lake, &mut state, Reading::Bytes, today).await;
            phase.advance(bytes);
            proved.map(|()| (partition, state))
        }
    });
    while let Some(proved) = looked.next().await {
        let (partition, state) = proved?;
        if let ObjectState::Answered(available) = &state {
            proof.verified += usize::from(available.digest.is_some());
        }
        there.insert(partition, state);
    }
    let candles = lake.list_candles(day, None).await?.into_iter();
    let meant = candles.filter(|(_, key, _)| selection.takes_key(key)).map(|(_, _, entry)| entry);
    let mut looked = Spread::new(meant, CONCURRENT_OBJECTS, |entry| {
        let lake = lake.clone();
        async move {
            let wrong = what_stays_wrong(&lake, &entry).await;
            (entry, wrong)
        }
    });
    while let Some((entry, wrong)) = looked.next().await {
        let damaged = wrong?.map(|reason| Damaged { path: entry.path.to_string(), reason });
        proof.damaged.extend(damaged);
    }
    proof.damaged.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(())
}

/// What is wrong with the bytes of an object that is not a partition, as in [`prove`]; `None`: nothing, or it is gone.
async fn what_stays_wrong(lake: &Lake, entry: &Entry) -> Result<Option<String>, LakeError> {
    let mut object = Followed::new(entry.clone());
    loop {
        let wrong = what_is_wrong(lake, object.entry(), None).await;
        if matches!(&wrong, Ok(None)) || wrong.as_ref().is_err_and(|error| !error.is_changed()) {
            return wrong;
        }
        match object.next(lake).await? {
            Next::ReadAgain => {}
            Next::Stands => return wrong,
            Next::Gone => return Ok(None),
        }
    }
}

/// What is wrong with an object's bytes; `None`: nothing. `seen`: the digest by its footer, if that was read already.
async fn what_is_wrong(lake: &Lake, entry: &Entry, seen: Option<&str>) -> Result<Option<String>, LakeError> {
    let verified = match seen {
        Some(digest) => lake.verify_seen_bytes(entry, digest).await,
        None => lake.verify_bytes(entry).await,
    };
    match verified {
        Ok(_) => Ok(None),
        Err(error) if error.is_distrust() => Ok(Some(format!("{DISTRUST}: {}", chain(&error)))),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nightly_share_sees_every_object_in_as_many_days_as_it_takes_to_go_round() {
        let partitions: Vec<Partition> = (0..60)
            .map(|number| Partition {
                day: "2024-03-01".parse().unwrap(),
                data_type: mtdh_core::DataType::Trades,
                key: format!("DERIBIT:PERP:B{number}-USD").parse().unwrap(),
            })
            .collect();
        for (sample, days) in [(0.04, 25), (0.5, 2), (1.0, 1), (0.03, 34), (0.07, 15)] {
            for first in ["2024-12-20", "1969-12-25"] {
                let first: Day = first.parse().unwrap();
                for partition in &partitions {
                    let times = (0..days).filter(|n| is_sampled(partition, sample, first.plus(*n))).count();
                    assert!((1..=2).contains(&times), "{sample}: {partition} was read {times} times");
                }
                let share = partitions.iter().filter(|p| is_sampled(p, sample, first)).count() as f64;
                assert!(share <= sample * 60.0 * 3.0 + 3.0, "{sample}: {share} of 60 on one day");
            }
            assert!(partitions.iter().all(|p| !is_sampled(p, 0.0, "2024-03-01".parse().unwrap())));
        }
    }
}
