//! Checks one instrument's day of a lake, and reads it again where objects are replaced meanwhile.
//!
//! A finding must concern an object that still exists. If an object is gone by then, everything that is checked together with
//! it is read again.

use std::collections::BTreeMap;

use mtdh_core::check::{Detection, Finding, Group, RecordedGap, find};
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

/// An instrument's day in the lake.
pub(super) struct InstrumentOfDay {
    pub lake: Lake,
    pub day: Day,
    pub key: InstrumentKey,
    /// Its row of the day's table; `None`: it has none.
    pub instrument: Option<Instrument>,
    /// The partitions whose rows are checked or whose absence is reported.
    pub partitions: BTreeMap<DataType, Status>,
    /// The lake's objects of these partitions.
    pub there: BTreeMap<DataType, ObjectState>,
    /// What its recording tells to have lost; empty: it is the vendor's.
    pub recorded: Vec<RecordedGap>,
    /// Objects that were replaced while they were read.
    pub newer: BTreeMap<DataType, Followed>,
}

impl InstrumentOfDay {
    /// Runs every check of the plan that applies. Afterwards `self` describes the day as it was checked.
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

    /// Checks whether an object that could not be read must be read again.
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

    /// Reports that an object could not be checked, in place of its findings.
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
                // The group completeness reports it too, by the state that it saw.
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
                // The stream yields it as its first item, so that it becomes a finding like damage further down.
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
            expiry_us: instrument.and_then(Instrument::stated_expiry_us),
            tick_size: instrument.and_then(|i| i.tick_size),
            before: plan.reads_rows().then(before),
            recorded: self.recorded.clone(),
            partitions: parts,
        })
    }
}

/// The result of another look at an object that could not be read.
enum Look {
    /// Another object, or the same one that must be read once more.
    Other,
    /// The same object: its findings are valid.
    Same,
    /// The object keeps changing; with the reason why it cannot be checked.
    Unsteady(String),
}
