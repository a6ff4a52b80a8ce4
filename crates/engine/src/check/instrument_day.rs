//! Checks one instrument's day: its rows are read once, in order of arrival, and pass every check.

use std::ops::Range;

use arrow_array::RecordBatch;
use futures::TryStreamExt;
use mtdh_core::check::gaps::{Cause, explain};
use mtdh_core::check::silence::Watch;
use mtdh_core::check::{
    Check, CheckFn, CheckInput, Context, Detection, Finding, Group, InstrumentDay, PartitionFacts,
    RecordedGap, RowCheck, find,
};
use mtdh_core::error::chain;
use mtdh_core::key::InstrumentKey;
use mtdh_core::partition::Status;
use mtdh_core::{DataType, Day};
use mtdh_lake::LakeError;
use mtdh_lake::read::Batches;

use super::CheckPlan;
use super::before::DaysBefore;
use crate::check::row_checks::RowChecks;
use mtdh_lake::followed::is_doubtful;

/// The input of checks that run together: the partitions of one instrument and day.
pub(super) struct DayInput {
    /// The instrument; `None`: a file that does not name it.
    pub key: Option<InstrumentKey>,
    /// The day; `None`: a file that does not name it.
    pub day: Option<Day>,
    /// When the vendor has data of it, microseconds since the Unix epoch, UTC.
    pub life_us: Range<i64>,
    /// When the contract ends, microseconds since the Unix epoch, UTC.
    pub expiry_us: Option<i64>,
    /// The smallest price step by the day's table, quote asset.
    pub tick_size: Option<f64>,
    /// Its days before in the lake; `None`: files, which have none.
    pub before: Option<DaysBefore>,
    /// What its recording tells to have lost; empty: it is the vendor's.
    pub recorded: Vec<RecordedGap>,
    /// Its partitions.
    pub partitions: Vec<Part>,
}

/// One partition of an instrument-day.
pub(super) struct Part {
    pub data_type: DataType,
    pub status: Status,
    /// Its rows; `None`: there are none to read.
    pub rows: Option<Batches>,
}

/// The result of an instrument-day.
#[derive(Default)]
pub(super) struct Outcome {
    pub findings: Vec<Finding>,
    /// Rows that were read of each partition.
    pub rows: Vec<(DataType, u64)>,
    /// The checks that had something to check, once for each partition or, of those that see several, once; each with the data
    /// types that it judged.
    pub looked_at: Vec<(&'static str, Vec<DataType>)>,
    /// Partitions that could not be read to the end.
    pub unreadable: Vec<DataType>,
}

/// A check of several data types in progress. Its findings are filed under the last data type whose rows it reads.
struct Together {
    check: &'static Check,
    wants: Vec<DataType>,
    speaks_of: DataType,
    rows: Box<dyn RowCheck>,
}

/// A partition that is being read.
struct Reading {
    data_type: DataType,
    batches: Batches,
    watch: Watch,
    /// The checks that need its rows alone.
    passing: RowChecks,
    /// Arrival of the last row read.
    reached_us: i64,
    is_done: bool,
}

/// Reads the rows of an instrument-day and runs every check of the plan that applies.
pub(super) async fn check_instrument_day(
    plan: &CheckPlan,
    mut subject: DayInput,
) -> Result<Outcome, LakeError> {
    let mut outcome = Outcome::default();
    let mut together = start(plan, &subject);
    let mut readings = Vec::new();
    for part in &mut subject.partitions {
        let Some(batches) = part.rows.take() else { continue };
        let before = match &subject.before {
            Some(before) if plan.has(Group::Values) => before.last_rows(part.data_type).await?,
            _ => Vec::new(),
        };
        let context = Context { tick_size: subject.tick_size, before };
        readings.extend(Reading::start(
            plan,
            subject.key.as_ref(),
            subject.day,
            part.data_type,
            batches,
            &context,
        ));
    }
    let mut unreadable = Vec::new();
    // The partition furthest behind is read next, so that checks over several data types buffer little.
    while let Some(reading) = readings.iter_mut().filter(|r| !r.is_done).min_by_key(|r| r.reached_us) {
        match reading.batches.try_next().await {
            Ok(Some(batch)) => {
                if let Err(reason) = reading.take(&batch, &mut together) {
                    unreadable.push((reading.data_type, reason));
                    reading.is_done = true;
                }
            }
            Ok(None) => reading.is_done = true,
            Err(error) if is_doubtful(&error) => {
                unreadable.push((reading.data_type, chain(&error)));
                reading.is_done = true;
            }
            Err(error) => return Err(error),
        }
        if reading.is_done {
            let data_type = reading.data_type;
            let concerned = together.iter_mut().filter(|check| check.wants.contains(&data_type));
            concerned.for_each(|check| check.rows.ended(data_type));
        }
    }
    let finding = |check: &'static Check, data_type, found: Detection| {
        Finding::of(check, subject.key.clone(), Some(data_type), subject.day, found)
    };
    let has_rows =
        |wanted: &DataType| readings.iter().any(|r| r.data_type == *wanted && r.passing.count() > 0);
    for Together { check, wants, speaks_of, rows } in together {
        if wants.iter().all(has_rows) {
            outcome.looked_at.push((check.name, vec![speaks_of]));
        }
        outcome.findings.extend(rows.finish().into_iter().map(|found| finding(check, speaks_of, found)));
    }
    for (data_type, reason) in unreadable {
        outcome.unreadable.push(data_type);
        let found = Detection { count: 1, examples: vec![reason], ..Detection::default() };
        outcome.findings.extend(find("unreadable_partition").map(|check| finding(check, data_type, found)));
    }
    outcome.rows = readings.iter().map(|r| (r.data_type, r.passing.count())).collect();
    let mut read: Vec<DataType> = Vec::new();
    for reading in readings.iter().filter(|r| r.passing.count() > 0) {
        let names = reading.passing.names();
        outcome.looked_at.extend(names.map(|name| (name, vec![reading.data_type])));
        read.push(reading.data_type);
    }
    let mut facts = facts(&subject, readings, &mut outcome.findings);
    let open = unexplained(&instrument_day(plan, &subject, &facts));
    if let Some(before) = &subject.before {
        for place in open {
            let PartitionFacts { data_type, pace, .. } = &mut facts[place];
            let days = before.paces(*data_type, || watch(plan, Some(&before.key), *data_type)).await?;
            pace.iter_mut().for_each(|pace| pace.learn(&days));
        }
    }
    let day = instrument_day(plan, &subject, &facts);
    for check in plan.checks() {
        if let CheckFn::Day(of, run) = check.run {
            let judged: Vec<DataType> = read.iter().filter(|t| of.contains(t)).copied().collect();
            outcome.looked_at.extend((!judged.is_empty()).then_some((check.name, judged)));
            let found = run(&day, &plan.settings.values(check));
            outcome
                .findings
                .extend(found.into_iter().map(|(data_type, found)| finding(check, data_type, found)));
        }
    }
    Ok(outcome)
}

fn start(plan: &CheckPlan, subject: &DayInput) -> Vec<Together> {
    let readable = |data_type: &DataType| {
        subject.partitions.iter().any(|part| part.data_type == *data_type && part.rows.is_some())
    };
    let mut all = Vec::new();
    for check in plan.checks() {
        // The data type that a check's findings are filed under, and the data types that it needs.
        let (subjects, start): (Vec<(DataType, Vec<DataType>)>, _) = match check.run {
            CheckFn::Together(wants, start) if wants.iter().all(readable) => {
                (wants.last().map(|last| (*last, wants.to_vec())).into_iter().collect(), start)
            }
            CheckFn::Beside(of, by, start) => {
                let witness = by.iter().find(|data_type| readable(data_type));
                let of = of.iter().filter(|data_type| readable(data_type));
                (of.zip(witness.into_iter().cycle()).map(|(of, by)| (*of, vec![*of, *by])).collect(), start)
            }
            _ => continue,
        };
        for (data_type, wants) in subjects {
            let context = Context { tick_size: subject.tick_size, before: Vec::new() };
            let (key, values) = (subject.key.as_ref(), plan.settings.values(check));
            let rows = start(&CheckInput { key, data_type, day: subject.day, context: &context, values });
            all.push(Together { check, wants, speaks_of: data_type, rows });
        }
    }
    all
}

impl Reading {
    fn start(
        plan: &CheckPlan,
        key: Option<&InstrumentKey>,
        day: Option<Day>,
        data_type: DataType,
        batches: Batches,
        context: &Context,
    ) -> Option<Reading> {
        Some(Reading {
            data_type,
            batches,
            watch: watch(plan, key, data_type)?,
            passing: RowChecks::start(plan, key, data_type, day, context),
            reached_us: i64::MIN,
            is_done: false,
        })
    }

    fn take(&mut self, batch: &RecordBatch, together: &mut [Together]) -> Result<(), String> {
        let rows = self.passing.rows(batch)?;
        self.watch.rows(&rows);
        for check in together.iter_mut().filter(|check| check.wants.contains(&self.data_type)) {
            check.rows.rows(&rows);
        }
        self.reached_us = rows.arrival().last().copied().unwrap_or(self.reached_us);
        Ok(())
    }
}

/// Starts to watch arrivals; `None`: there is no such check, which would be a bug.
fn watch(plan: &CheckPlan, key: Option<&InstrumentKey>, data_type: DataType) -> Option<Watch> {
    let values = find("silence").map(|check| plan.settings.values(check))?;
    Some(Watch::new(&values, key.map_or("", InstrumentKey::venue), data_type))
}

/// The facts about the partitions after reading, with the findings of their row checks. Rows are expected while the
/// instrument was listed.
fn facts(subject: &DayInput, readings: Vec<Reading>, findings: &mut Vec<Finding>) -> Vec<PartitionFacts> {
    let within = subject.day.map(|day| day.start_us()..day.end_us());
    let mut readings = readings;
    let mut facts = Vec::new();
    for part in &subject.partitions {
        let place = readings.iter().position(|r| r.data_type == part.data_type);
        let pace = place.map(|place| {
            let reading = readings.swap_remove(place);
            findings.extend(reading.passing.finish());
            reading.watch.finish(within.clone())
        });
        facts.push(PartitionFacts { data_type: part.data_type, status: part.status, pace });
    }
    facts
}

/// The partitions with a silence that nothing on the day explains. Only their days before are read.
fn unexplained(day: &InstrumentDay<'_>) -> Vec<usize> {
    let is_open = |part: &PartitionFacts| {
        let silences = part.pace.iter().flat_map(|pace| &pace.silences);
        let mut causes = silences.map(|silence| explain(day, part.data_type, part.status, silence).0);
        causes.any(|cause| matches!(cause, Cause::Unknown | Cause::Session))
    };
    (0..day.partitions.len()).filter(|place| is_open(&day.partitions[*place])).collect()
}

fn instrument_day<'a>(
    plan: &'a CheckPlan,
    subject: &'a DayInput,
    partitions: &'a [PartitionFacts],
) -> InstrumentDay<'a> {
    let venue = subject.key.as_ref().map_or("", InstrumentKey::venue);
    InstrumentDay {
        key: subject.key.as_ref(),
        day: subject.day,
        life_us: subject.life_us.clone(),
        expiry_us: subject.expiry_us,
        incidents: plan.incidents.get(venue).map(Vec::as_slice),
        recorded: &subject.recorded,
        partitions,
        now_us: plan.now_us,
    }
}
