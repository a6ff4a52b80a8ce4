//! Validation: compares what should be in the lake with what is there.
//!
//! The instrument table of the day defines what is expected: each data type that the vendor exports of each instrument alive
//! that day. A partition counts as answered only if an object says stored, empty or absent; everything else is missing,
//! whatever the reason.

mod ahead;
pub(crate) mod leaves;
pub mod proof;
pub mod recheck;
pub mod verdict;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mtdh_core::check::completeness::Expected;
use mtdh_core::error::chain;
use mtdh_core::expectation::LeftOut;
use mtdh_core::instrument::{DayTable, Instrument};
use mtdh_core::key::InstrumentKey;
use mtdh_core::partition::{Partition, Status};
use mtdh_core::{DataType, Day};
use mtdh_lake::Lake;
use mtdh_lake::tables::reports::{Available, Missing};
use serde::Serialize;

use crate::check::kept::{CheckRun, keep_missing, words};
use crate::check::lake::now_us;
use crate::error::EngineError;
use crate::expectation::{self, DayExpectation, NotExpectedLine, lines};
use crate::instruments::InstrumentSource;
use crate::names::{self, Names};
use crate::runs::phase;
use crate::selection::Selection;
use crate::validate::ahead::{ListedDay, ahead, is_noted};
use crate::validate::leaves::Leaves;
use crate::validate::proof::{Proof, read_sample, verify_bytes};
use crate::validate::recheck::Recheck;
use crate::validate::verdict::Verdict;
use mtdh_lake::inventory::{ObjectState, Verify, inventory};

/// How closely to look at the objects.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Depth {
    /// The listing, and the footers that the day's report does not have.
    #[default]
    Listing,
    /// Every footer, and every row of a share of the objects (0 to 1).
    Deep {
        /// The share.
        sample: f64,
        /// The day of the validation, UTC: it selects the objects of the share.
        today: Day,
    },
    /// Every byte of every object, without decoding it.
    Bytes {
        /// The day of the validation, UTC.
        today: Day,
    },
}

/// The result of a validation.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ValidationReport {
    /// Counts by day, venue, instrument type and data type, in this order.
    pub lines: Vec<Line>,
    /// Partitions that are missing, or whose objects cannot be trusted.
    pub missing: Vec<MissingPartition>,
    /// Recorded partitions that are there and lack something of their day, with what.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub partial: Vec<MissingPartition>,
    /// Days without an instrument table: they cannot be validated.
    pub days_without_instruments: Vec<String>,
    /// Venues with no instrument in a day's table, as `DAY VENUE`: they cannot be validated.
    pub venues_without_instruments: Vec<String>,
    /// Venues with no expected partition by a day's table, although the vendor records them, as `DAY VENUE`.
    pub venues_without_expectation: Vec<String>,
    /// Names that were asked for and are in no row of a day's table.
    pub names: Names,
    /// Listed by the vendor, but not expected.
    pub not_expected: Vec<NotExpectedLine>,
    /// Entries of a table that the vendor no longer lists, as `DAY KEY DATA_TYPE…`.
    pub withdrawn: Vec<String>,
    /// Whether the removal must be accepted before anything is complete.
    pub needs_acceptance: bool,
    /// Objects that the tables do not expect.
    pub unexpected_objects: u64,
    /// The first of them, as `KEY DATA_TYPE DAY`.
    pub unexpected_examples: Vec<String>,
    /// Objects that lie under keys of an earlier version.
    pub former_key_objects: u64,
    /// Venues whose rows in the tables have keys of an earlier version.
    pub former_key_venues: BTreeSet<String>,
    /// Selected instruments whose key is not canonical, once a day.
    pub native_keys: u64,
    /// The first of these keys.
    pub native_examples: Vec<String>,
    /// The last day before the first that the vendor has not exported yet; `None`: there is no such day.
    pub complete_up_to: Option<String>,
    /// Days that the vendor has not exported, or only in part.
    pub days_not_exported: Vec<String>,
    /// Files that failed in the preceding download of `full-pipeline`.
    pub failed_files: usize,
    /// The sets of what is wanted that it is about, each with its days; empty: it is about something else.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub about: Vec<String>,
    /// The verdict.
    pub verdict: Verdict,
    /// Partitions whose rows were all read.
    pub read_whole: usize,
    /// The state of the objects' bytes.
    pub proof: Proof,
    /// Totals over all lines.
    pub totals: Counts,
    /// Why the days' reports were not stored, if the lake is read-only; `None`: they were. It does not affect the verdict.
    pub not_stored: Option<String>,
    /// The vendor's current files behind the lake; `None`: no recheck was asked for.
    pub recheck: Option<Recheck>,
}

/// Counts of one venue, instrument type and data type on one day.
#[derive(Clone, Debug, Serialize)]
pub struct Line {
    /// The day.
    pub day: String,
    /// The venue.
    pub venue: String,
    /// The instrument type.
    pub instrument_type: &'static str,
    /// The data type.
    pub data_type: &'static str,
    /// The counts.
    #[serde(flatten)]
    pub counts: Counts,
}

/// Partitions by status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// With rows.
    pub stored: usize,
    /// The vendor's file has no rows.
    pub empty: usize,
    /// The vendor has no such file.
    pub absent: usize,
    /// Not there, or cannot be trusted.
    pub missing: usize,
    /// The vendor has not exported the day yet.
    pub not_exported_yet: usize,
}

impl Counts {
    pub(crate) fn add(&mut self, status: Status) {
        *match status {
            Status::Stored => &mut self.stored,
            Status::Empty => &mut self.empty,
            Status::Absent => &mut self.absent,
            Status::Missing => &mut self.missing,
            Status::NotExportedYet => &mut self.not_exported_yet,
        } += 1;
    }

    /// Partitions that the vendor should have: all but those that it has not exported yet.
    pub fn expected(&self) -> usize {
        self.answered() + self.missing
    }

    /// Partitions for which the lake has the vendor's answer.
    pub fn answered(&self) -> usize {
        self.stored + self.empty + self.absent
    }

    /// Answered divided by expected, 0 to 1; `None`: nothing is expected.
    pub fn coverage(&self) -> Option<f64> {
        (self.expected() > 0).then(|| self.answered() as f64 / self.expected() as f64)
    }
}

/// A partition that is missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MissingPartition {
    /// The day.
    pub day: String,
    /// The instrument.
    pub instrument_key: String,
    /// The data type.
    pub data_type: &'static str,
    /// `missing`, or why the object cannot be trusted.
    pub reason: String,
}

impl ValidationReport {
    /// Whether at least one partition was expected, all expected partitions are answered, and none waits for the vendor's
    /// export.
    pub fn is_complete(&self) -> bool {
        self.verdict == Verdict::Complete
    }

    /// Computes the verdict again, after something was added to the report.
    pub fn conclude(&mut self) {
        self.verdict = Verdict::of(self);
        let first = self.days_not_exported.iter().filter_map(|day| day.parse::<Day>().ok()).min();
        self.complete_up_to =
            first.filter(|_| self.verdict == Verdict::CompleteUpTo).map(|day| day.previous().to_string());
    }

    fn take(&mut self, day: Day, expectation: &DayExpectation, table: &DayTable, selection: &Selection) {
        let named = |venue: &String| format!("{day} {venue}");
        self.venues_without_instruments.extend(selection.venues_without_rows(table).map(named));
        self.venues_without_expectation.extend(expectation.venues_without_expectation.iter().map(named));
        self.not_expected.extend(lines(day, &expectation.not_expected));
        self.withdrawn.extend(expectation.withdrawn.iter().cloned());
        self.needs_acceptance |= expectation.needs_acceptance;
        self.unexpected_objects += expectation.unexpected.count;
        self.former_key_objects += expectation.under_former_keys.count;
        self.former_key_venues.extend(expectation.venues_with_former_keys.iter().cloned());
        let room = LeftOut::EXAMPLES.saturating_sub(self.unexpected_examples.len());
        self.unexpected_examples.extend(expectation.unexpected.examples.iter().take(room).cloned());
        self.native_keys += expectation.native.count;
        let room = LeftOut::EXAMPLES.saturating_sub(self.native_examples.len());
        let new: Vec<&String> =
            expectation.native.examples.iter().filter(|key| !self.native_examples.contains(key)).collect();
        let new: Vec<String> = new.into_iter().take(room).cloned().collect();
        self.native_examples.extend(new);
        if expectation.partitions.iter().any(|e| e.status == Status::NotExportedYet) {
            self.days_not_exported.push(day.to_string());
        }
    }
}

/// Validates the selection's days, and writes each day's reports of missing and available data. `source` is asked for names
/// that no table has. `leaves` takes the partitions for a certificate.
///
/// # Errors
/// When the lake cannot be read, or a write fails. A read-only lake is no error: the report says so.
pub(crate) async fn validate(
    lake: &Lake,
    source: &InstrumentSource<'_>,
    selection: &Selection,
    depth: Depth,
    mut leaves: Option<&mut Leaves>,
) -> Result<ValidationReport, EngineError> {
    let mut report =
        ValidationReport { names: names::look_up(lake, source, selection).await?, ..Default::default() };
    let run = Arc::new(CheckRun {
        made_by: "validate".to_owned(),
        checked_us: now_us(),
        first_day: selection.days.first(),
        last_day: selection.days.last(),
        selection: words(selection),
        settings: Vec::new(),
    });
    let phase = phase::days("validating", selection.days);
    let mut ahead = ahead(lake, selection, depth);
    for day in selection.days.days() {
        let _day_done = phase.item();
        let Some(ListedDay { table, known, mut there }) = ahead.next().await? else {
            report.days_without_instruments.push(day.to_string());
            if let Some(leaves) = &mut leaves {
                // Nobody expects its objects, and they are there.
                let mut there = inventory(lake, day, &selection.data_types, trust_of(depth)).await?;
                if let Depth::Bytes { today } = depth {
                    verify_bytes(lake, selection, day, &mut there, today, &mut report.proof).await?;
                }
                leaves.read(lake, selection, &mut there).await?;
                leaves.take(day, selection, &there, &DayExpectation::default())?;
            }
            continue;
        };
        match depth {
            Depth::Listing => {}
            Depth::Deep { sample, today } => {
                report.read_whole += read_sample(lake, selection, &mut there, sample, today).await?;
            }
            Depth::Bytes { today } => {
                verify_bytes(lake, selection, day, &mut there, today, &mut report.proof).await?;
            }
        }
        if let Some(leaves) = &mut leaves {
            leaves.read(lake, selection, &mut there).await?;
        }
        report.proof.note(selection, &there);
        let expectation = expectation::of_day(selection, &table, &there, day);
        if let Some(leaves) = &mut leaves {
            leaves.take(day, selection, &there, &expectation)?;
        }
        report.take(day, &expectation, &table, selection);
        let mut lines: BTreeMap<(String, &'static str, &'static str), Counts> = BTreeMap::new();
        let mut missing = Vec::new();
        for Expected { partition, status, unreadable, .. } in &expectation.partitions {
            let (venue, kind) = (partition.key.venue().to_owned(), partition.key.instrument_type().name());
            lines.entry((venue, kind, partition.data_type.name())).or_default().add(*status);
            report.totals.add(*status);
            if *status == Status::Missing {
                let reason = unreadable.clone().unwrap_or_else(|| "missing".to_owned());
                missing.push(Missing { partition: partition.clone(), reason });
            }
        }
        if report.not_stored.is_none() {
            let instruments = selection.instruments(&table.instruments);
            let stored =
                write_reports(lake, day, selection, &instruments, &missing, &there, known.as_ref()).await;
            report.not_stored = reason_not_to_write(stored)?;
        }
        if report.not_stored.is_none() {
            let kept = keep_missing(lake, &run, day, &expectation.partitions, &there).await;
            report.not_stored = reason_not_to_write(kept.map_err(EngineError::from))?;
        }
        report.missing.extend(missing.into_iter().map(|m| MissingPartition {
            day: m.partition.day.to_string(),
            instrument_key: m.partition.key.to_string(),
            data_type: m.partition.data_type.name(),
            reason: m.reason,
        }));
        report.lines.extend(lines.into_iter().map(|((venue, instrument_type, data_type), counts)| Line {
            day: day.to_string(),
            venue,
            instrument_type,
            data_type,
            counts,
        }));
    }
    report.conclude();
    Ok(report)
}

/// What is believed of the objects before they are looked at as closely as that.
fn trust_of(depth: Depth) -> Verify {
    match depth {
        Depth::Listing => Verify::Index,
        Depth::Deep { sample, .. } if sample < 1.0 => Verify::Footers,
        Depth::Deep { .. } | Depth::Bytes { .. } => Verify::FootersAfresh,
    }
}

/// Why a read-only lake was not written; `None`: it was.
///
/// # Errors
/// Every other error.
pub fn reason_not_to_write<T>(written: Result<T, EngineError>) -> Result<Option<String>, EngineError> {
    match written {
        Ok(_) => Ok(None),
        Err(EngineError::Lake(error)) if error.forbids_writing() => Ok(Some(chain(&error))),
        Err(error) => Err(error),
    }
}

/// Writes both reports of a day. Rows of partitions outside the selection stay as they are; with a limit on instruments, so
/// do those of instruments that were not looked at. Rows that another process changed since `known` was read also stay: what
/// was seen may be older. `known`: the report of available data as it was read; `None`: it says already what is there.
pub(crate) async fn write_reports(
    lake: &Lake,
    day: Day,
    selection: &Selection,
    instruments: &[&Instrument],
    missing: &[Missing],
    there: &BTreeMap<Partition, ObjectState>,
    known: Option<&BTreeMap<Partition, Available>>,
) -> Result<(), EngineError> {
    let keys = || instruments.iter().map(|i| &i.key).collect();
    let limited: Option<BTreeSet<&InstrumentKey>> = selection.max_instruments.map(|_| keys());
    let speaks_of = |partition: &Partition| {
        selection.takes_partition(partition)
            && limited.as_ref().is_none_or(|keys| keys.contains(&partition.key))
    };
    lake.check_writable().await?;
    lake.update_missing(day, missing, speaks_of).await?;
    let Some(known) = known.filter(|known| !is_noted(there, known, &selection.data_types)) else {
        return Ok(());
    };
    lake.update_available(day, |rows| note(rows, there, known, &selection.data_types)).await?;
    Ok(())
}

/// Updates a day's report with what was seen, except for partitions whose line another process changed since `known` was
/// read: what was seen of them may be older.
pub(crate) fn note(
    rows: &mut BTreeMap<Partition, Available>,
    there: &BTreeMap<Partition, ObjectState>,
    known: &BTreeMap<Partition, Available>,
    data_types: &[DataType],
) {
    let older = std::mem::take(rows);
    let is_as_known = |partition: &Partition| older.get(partition) == known.get(partition);
    let is_seen = |partition: &Partition| data_types.contains(&partition.data_type) && is_as_known(partition);
    rows.extend(
        older.iter().filter(|(partition, _)| !is_seen(partition)).map(|(p, row)| (p.clone(), row.clone())),
    );
    for (partition, state) in there.iter().filter(|(partition, _)| is_seen(partition)) {
        if let ObjectState::Answered(available) = state {
            let mut row = (**available).clone();
            if let Some(before) = older.get(partition) {
                row.keep_grades(before);
            }
            rows.insert(partition.clone(), row);
        }
    }
}

#[cfg(test)]
mod tests {
    use mtdh_core::footer::{PartitionFooter, Provenance, SourceFile, Tally};
    use mtdh_core::table::SCHEMA_VERSION;

    use super::*;

    fn row(symbol: &str, digest: &str) -> (Partition, Available) {
        let partition = Partition {
            day: "2024-03-01".parse().unwrap(),
            data_type: DataType::Trades,
            key: format!("DERIBIT:PERP:{symbol}-USD").parse().unwrap(),
        };
        let facts = PartitionFooter {
            partition: partition.clone(),
            status: Status::Stored,
            reason: None,
            provenance: Provenance::VendorFile(SourceFile::default()),
            tally: Tally::default(),
            schema_version: SCHEMA_VERSION,
        };
        (partition, Available::of(&facts, 100, Some(digest.to_owned()), None))
    }

    #[test]
    fn an_older_look_never_replaces_a_newer_line() {
        type Rows<'a> = &'a [(&'a str, &'a str)];
        let map = |rows: Rows<'_>| rows.iter().map(|(s, d)| row(s, d)).collect::<BTreeMap<_, _>>();
        // The report before the look, what was seen, the report now, and the expected result.
        let cases: [(Rows<'_>, Rows<'_>, Rows<'_>, Rows<'_>); 6] = [
            (&[("A", "old")], &[("A", "old")], &[("A", "old")], &[("A", "old")]),
            (&[("A", "old")], &[("A", "new")], &[("A", "old")], &[("A", "new")]),
            (&[], &[("A", "seen")], &[], &[("A", "seen")]),
            // A download recorded a newer object of the same size, is about to replace it, or added one that was not seen.
            (&[("A", "old")], &[("A", "old")], &[("A", "new")], &[("A", "new")]),
            (&[("A", "old")], &[("A", "old")], &[], &[]),
            (&[], &[], &[("B", "new")], &[("B", "new")]),
        ];
        for (known, seen, now, expected) in cases {
            let there =
                map(seen).into_iter().map(|(p, row)| (p, ObjectState::Answered(Box::new(row)))).collect();
            let mut rows = map(now);
            note(&mut rows, &there, &map(known), &[DataType::Trades]);
            assert_eq!(rows, map(expected), "{known:?} {seen:?} {now:?}");
        }
    }
}
