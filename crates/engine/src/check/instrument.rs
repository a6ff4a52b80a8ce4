//! One instrument's day of a lake, read for its checks: once, or again where objects are replaced meanwhile.
//!
//! A finding must be one of an object that stays: what is read of one that is gone by then is read anew, with everything that is
//! checked together with it.

use std::collections::BTreeMap;

use mtdh_core::check::{Detection, Finding, Group, find};
use mtdh_core::error::chain;
use mtdh_core::instrument::Instrument;
use mtdh_core::key::InstrumentKey;
use mtdh_core::partition::{Partition, Status};
use mtdh_core::{DataType, Day};
use mtdh_lake::{Lake, LakeError};

use super::CheckPlan;
use super::before::DaysBefore;
use crate::check::instrument_day::{DayInput, Outcome, Part, check_instrument_day};
use mtdh_lake::followed::{Followed, Next, is_doubtful};
use mtdh_lake::inventory::{ObjectState, look};

/// An instrument's day, as the lake has it.
pub(super) struct InstrumentOfDay {
    pub lake: Lake,
    pub day: Day,
    pub key: InstrumentKey,
    /// Its row of the day's table; null: it has none.
    pub instrument: Option<Instrument>,
    /// The partitions whose rows are checked or whose lack is told.
    pub partitions: BTreeMap<DataType, Status>,
    /// What the lake has of them.
    pub there: BTreeMap<DataType, ObjectState>,
    /// Objects that were replaced while they were read.
    pub newer: BTreeMap<DataType, Followed>,
}

impl InstrumentOfDay {
    /// Runs every check of the plan that applies. Afterwards it is the day as it was checked.
    ///
    /// # Errors
    /// When the lake cannot be read.
    pub async fn check(&mut self, plan: &CheckPlan) -> Result<Outcome, LakeError> {
        loop {
            let subject = self.subject(plan).await?;
            let mut outcome = check_instrument_day(plan, subject).await?;
            let mut is_to_be_read_again = false;
            for data_type in outcome.unreadable.clone() {
                match self.look_again(data_type).await? {
                    Look::Other => is_to_be_read_again = true,
                    Look::Same => {}
                    Look::Unsteady(reason) => self.tell(&mut outcome, data_type, reason),
                }
            }
            if !is_to_be_read_again {
                return Ok(outcome);
            }
        }
    }

    /// Looks whether an object that could not be read is to be read again.
    async fn look_again(&mut self, data_type: DataType) -> Result<Look, LakeError> {
        let Some(ObjectState::Answered(available)) = self.there.get(&data_type) else {
            return Ok(Look::Same);
        };
        let (seen, partition) = (self.lake.available_entry(available), available.partition.clone());
        let object = self.newer.entry(data_type).or_insert_with(|| Followed::new(seen.clone()));
        let next = match object.next(&self.lake).await {
            Err(error) if error.is_changed() => return Ok(Look::Unsteady(chain(&error))),
            next => next?,
        };
        let now = match next {
            Next::Stands => return Ok(Look::Same),
            Next::ReadAgain if *object.entry() == seen => return Ok(Look::Other),
            Next::ReadAgain => look(&self.lake, &partition, object.entry()).await?,
            Next::Gone => None,
        };
        let Some(now) = now else { return Ok(Look::Unsteady("it was removed while it was read".to_owned())) };
        self.partitions.insert(data_type, now.status());
        self.there.insert(data_type, now);
        Ok(Look::Other)
    }

    /// Says of an object that nothing could be said of it, in the place of what was found of it.
    fn tell(&self, outcome: &mut Outcome, data_type: DataType, reason: String) {
        let Some(check) = find("unreadable_partition") else { return };
        outcome.findings.retain(|f| (f.check, f.data_type) != (check.name, Some(data_type)));
        let found = Detection { count: 1, examples: vec![reason], ..Detection::default() };
        outcome.findings.push(Finding::of(
            check,
            Some(self.key.clone()),
            Some(data_type),
            Some(self.day),
            found,
        ));
    }

    async fn subject(&self, plan: &CheckPlan) -> Result<DayInput, LakeError> {
        let mut parts = Vec::new();
        for (data_type, status) in &self.partitions {
            let rows = match self.there.get(data_type) {
                Some(ObjectState::Answered(available))
                    if available.tally.rows_out > 0 && plan.reads_rows() =>
                {
                    Some(
                        self.lake
                            .batches(
                                &self.lake.available_entry(available),
                                i64::MIN..i64::MAX,
                                &Default::default(),
                            )
                            .await,
                    )
                }
                // The group completeness tells it otherwise, of what was there when it looked.
                Some(ObjectState::Unreadable { reason })
                    if !plan.has(Group::Completeness) || self.newer.contains_key(data_type) =>
                {
                    let partition = Partition { day: self.day, data_type: *data_type, key: self.key.clone() };
                    let path = self.lake.partition_path(&partition).to_string();
                    Some(Err(LakeError::WrongTable { path, reason: reason.clone() }))
                }
                _ => None,
            };
            let rows = match rows.transpose() {
                Ok(rows) => rows,
                // The stream gives it as its first item, so that it becomes a finding like a damage further down.
                Err(error) if is_doubtful(&error) => Some(Box::pin(futures::stream::iter([Err(error)])) as _),
                Err(error) => return Err(error),
            };
            parts.push(Part { data_type: *data_type, status: *status, rows });
        }
        let before = || DaysBefore { lake: self.lake.clone(), key: self.key.clone(), day: self.day };
        let instrument = self.instrument.as_ref();
        Ok(DayInput {
            key: Some(self.key.clone()),
            day: Some(self.day),
            life_us: instrument
                .map_or(i64::MIN..i64::MAX, |i| i.available_from_us..i.available_to_us.unwrap_or(i64::MAX)),
            expiry_us: instrument.and_then(|i| i.expiry_us),
            tick_size: instrument.and_then(|i| i.tick_size),
            before: plan.reads_rows().then(before),
            partitions: parts,
        })
    }
}

/// What a look at an object that could not be read found.
enum Look {
    /// Another object, or the same that is to be read once more.
    Other,
    /// The same again: what was found stands.
    Same,
    /// None that stays; why nothing can be said.
    Unsteady(String),
}
