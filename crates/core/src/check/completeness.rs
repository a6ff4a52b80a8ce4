//! Completeness: partitions that are expected and not in the lake.

use std::collections::BTreeMap;

use super::{Check, CheckFn, Detection, Finding, Group, Severity, Tally};
use crate::day::Day;
use crate::expectation::VenueNote;
use crate::key::InstrumentType;
use crate::partition::{Partition, Status};
use crate::table::DataType;

/// The state of a day in the lake, known without reading rows. `mtdh_engine::validate` collects it.
pub struct DayOfLake<'a> {
    /// The UTC day.
    pub day: Day,
    /// Whether the day has an instrument table.
    pub has_table: bool,
    /// Requested venues without an instrument in the table.
    pub venues_without_instruments: &'a [String],
    /// Requested venues that the vendor records, but for which the table expects no partition.
    pub venues_without_expectation: &'a [String],
    /// Requested names that no instrument ever had.
    pub never_existed: &'a [String],
    /// Instruments requested by name that were listed on the day but are not in the table.
    pub alive_and_missing: &'a [String],
    /// Instruments requested by name that were not listed on the day.
    pub not_alive: &'a [String],
    /// What the vendor names but is not expected, by venue and reason.
    pub not_expected: &'a BTreeMap<String, VenueNote>,
    /// Instruments and data types that were in the table and that the vendor no longer lists.
    pub withdrawn: &'a [String],
    /// Whether the removals must be accepted before the day counts as complete.
    pub needs_acceptance: bool,
    /// Every partition expected by the table.
    pub partitions: &'a [Expected],
    /// The row counts of the partitions for which the vendor sent a file.
    pub rows: &'a [RowCount],
}

/// An expected partition and its state.
#[derive(Clone, Debug)]
pub struct Expected {
    /// The partition.
    pub partition: Partition,
    /// The status in the lake.
    pub status: Status,
    /// What is wrong with the object; `None` if there is no object or it is valid.
    pub unreadable: Option<String>,
    /// Number of the vendor's rows that could not be stored.
    pub rows_rejected: u64,
}

/// The row count of a partition, and the counts it is compared with.
#[derive(Clone, Debug)]
pub struct RowCount {
    /// The partition.
    pub partition: Partition,
    /// Stored rows.
    pub rows: u64,
    /// Rows of the same instrument and data type on the day before; `None` if the lake does not have that day.
    pub before: Option<u64>,
    /// Mean rows per day over the instrument's life, from the vendor's statistics; `None` if there are none for the type.
    pub statistics: Option<u64>,
    /// The share of the day, 0 to 1, for which the vendor has data of the instrument.
    pub share_of_day: f64,
}

/// A partition is reported if it has this many times fewer rows than expected.
pub const FEW: f64 = 100.0;

/// The rows that fewer ones count as. Options and combos trade in bursts: a hundred trades today and none tomorrow are usual.
fn least(count: &RowCount) -> u64 {
    let kind = count.partition.key.instrument_type();
    let is_bursty = matches!(kind, InstrumentType::Option | InstrumentType::Combo);
    if is_bursty && count.partition.data_type == DataType::Trades { 10 } else { 1 }
}

/// From this many times the rows on, a day is not of the same kind as another.
const UNUSUAL: u64 = 10;

/// The checks of this group.
pub const CHECKS: &[Check] = &[
    Check {
        name: "missing_partition",
        group: Group::Completeness,
        severity: Severity::Error,
        parameters: &[],
        text: "The instrument was listed on the day and the vendor lists the data type for it, but the lake has no \
               object with status stored, empty or absent. The result is only as complete as the day's instrument \
               table.",
        run: CheckFn::Lake(|day| {
            of_partitions(day, "missing_partition", Severity::Error, |p| {
                (p.status == Status::Missing && p.unreadable.is_none())
                    .then(|| (1, "no object in the lake".to_owned()))
            })
        }),
    },
    Check {
        name: "unreadable_partition",
        group: Group::Completeness,
        severity: Severity::Error,
        parameters: &[],
        text: "The object exists but cannot be trusted: it is not a Parquet file, its footer names another partition, \
               its columns differ, or its row count differs from the footer's. The groups that read rows report \
               damage that the footer does not show, under this name too.",
        run: CheckFn::Lake(|day| {
            of_partitions(day, "unreadable_partition", Severity::Error, |p| {
                p.unreadable.clone().map(|reason| (1, reason))
            })
        }),
    },
    Check {
        name: "rejected_rows",
        group: Group::Completeness,
        severity: Severity::Warning,
        parameters: &[],
        text: "Rows of the vendor's file could not be stored and are in quarantine. A file with more than 0.1 % \
               rejected rows is never published, so there are few.",
        run: CheckFn::Lake(|day| {
            of_partitions(day, "rejected_rows", Severity::Warning, |p| {
                (p.rows_rejected > 0)
                    .then(|| (p.rows_rejected, format!("{} rows in quarantine", p.rows_rejected)))
            })
        }),
    },
    Check {
        name: "few_rows",
        group: Group::Completeness,
        severity: Severity::Warning,
        parameters: &[],
        text: "A partition has 100 times fewer rows than expected. Expected is the row count of the same instrument \
               and data type on the day before, if the lake has it, or the daily mean over the instrument's life from \
               the vendor's statistics, which cover trades and book changes. A day before that had ten times the mean is \
               no measure, and neither is the mean where the day before had less than ten times the rows. If the instrument was listed for part of \
               the day, the expectation is scaled by that part. An empty partition counts as one row, so it is \
               reported only if at least 100 rows are expected; trades of options and combos, which come in bursts, count as \
               ten at least. A file that was cut between two gzip members, and \
               whose length the server did not state, is detected only here. A loss of less than 99 of 100 rows is \
               not detected. A market that fell silent is reported too.",
        run: CheckFn::Lake(|day| day.rows.iter().filter_map(few_rows).collect()),
    },
    Check {
        name: "not_exported",
        group: Group::Completeness,
        severity: Severity::Info,
        parameters: &[],
        text: "The vendor had not exported the day when its instrument table was written, so there is nothing to \
               download yet. This is not a fault. It is counted so that the day is not taken for complete.",
        run: CheckFn::Lake(|day| {
            of_partitions(day, "not_exported", Severity::Info, |p| {
                (p.status == Status::NotExportedYet)
                    .then(|| (1, "the vendor has not exported the day".to_owned()))
            })
        }),
    },
    Check {
        name: "no_instruments",
        group: Group::Completeness,
        severity: Severity::Error,
        parameters: &[],
        text: "The day has no instrument table, or the table has no instrument of a requested venue, or it expects no \
               partition of that venue. The expected partitions are then unknown, and the day cannot be called \
               complete.",
        run: CheckFn::Lake(no_instruments),
    },
    Check {
        name: "unknown_instrument",
        group: Group::Completeness,
        severity: Severity::Error,
        parameters: &[],
        text: "A requested instrument name has never existed, according to the day's table and the vendor's list; or \
               the instrument was listed on the day but is missing from the table.",
        run: CheckFn::Lake(|day| {
            let never = day.never_existed.iter().map(|name| format!("{name} never existed"));
            let lacking = day.alive_and_missing.iter().map(|name| format!("{name} is not in the table"));
            of_lines(day.day, "unknown_instrument", Severity::Error, never.chain(lacking))
        }),
    },
    Check {
        name: "not_alive",
        group: Group::Completeness,
        severity: Severity::Info,
        parameters: &[],
        text: "An instrument requested by name was not listed on the day. This is not a fault; it is reported so that \
               the selection can be corrected.",
        run: CheckFn::Lake(|day| {
            of_lines(day.day, "not_alive", Severity::Info, day.not_alive.iter().cloned())
        }),
    },
    Check {
        name: "not_expected",
        group: Group::Completeness,
        severity: Severity::Info,
        parameters: &[],
        text: "The vendor names something for which no partition is expected: a symbol without files, an instrument \
               type or data type unknown to this program, a closed exchange. It is counted with the reason, so that \
               the expected partitions are not taken for everything the vendor has.",
        run: CheckFn::Lake(not_expected),
    },
    Check {
        name: "withdrawn",
        group: Group::Completeness,
        severity: Severity::Error,
        parameters: &[],
        text: "The day's instrument table had an instrument or data type that the vendor no longer lists, although \
               the vendor gave no end date for it. It is an error if the lake has data of it or if it affects more \
               than 5 % of the instruments, until the removal is accepted. Otherwise it is a warning.",
        run: CheckFn::Lake(|day| {
            let severity = if day.needs_acceptance { Severity::Error } else { Severity::Warning };
            of_lines(day.day, "withdrawn", severity, day.withdrawn.iter().cloned())
        }),
    },
];

fn of_partitions(
    day: &DayOfLake<'_>,
    check: &'static str,
    severity: Severity,
    fault: impl Fn(&Expected) -> Option<(u64, String)>,
) -> Vec<Finding> {
    let finding = |expected: &Expected| {
        let (count, example) = fault(expected)?;
        let partition = &expected.partition;
        let range_us = Some((partition.day.start_us(), partition.day.end_us()));
        Some(Finding {
            check,
            severity,
            key: Some(partition.key.clone()),
            data_type: Some(partition.data_type),
            day: Some(partition.day),
            found: Detection { count, range_us, examples: vec![example], ..Detection::default() },
        })
    };
    day.partitions.iter().filter_map(finding).collect()
}

/// A finding if the partition has at least [`FEW`] times fewer rows than expected.
pub fn few_rows(count: &RowCount) -> Option<Finding> {
    let is_few =
        |expected: &u64| *expected as f64 * count.share_of_day >= count.rows.max(least(count)) as f64 * FEW;
    // A day of many rows does not make the next one poor, nor does a busy youth a quiet market.
    let is_usual = |rows: &u64| count.statistics.is_none_or(|mean| mean.saturating_mul(UNUSUAL) >= *rows);
    let is_sudden =
        |_: &u64| count.before.is_none_or(|rows| rows >= count.rows.saturating_mul(UNUSUAL).max(UNUSUAL));
    let before = count.before.filter(is_few).filter(is_usual).map(|rows| format!("{rows} the day before"));
    let mean = count.statistics.filter(is_few).filter(is_sudden);
    let mean = mean.map(|rows| format!("{rows} a day by the vendor's statistics"));
    let expected: Vec<String> = before.into_iter().chain(mean).collect();
    if expected.is_empty() {
        return None;
    }
    let Partition { day, data_type, key } = &count.partition;
    let example = format!("rows: {}, {}", count.rows, expected.join(", "));
    Some(Finding {
        check: "few_rows",
        severity: Severity::Warning,
        key: Some(key.clone()),
        data_type: Some(*data_type),
        day: Some(*day),
        found: Detection {
            count: 1,
            range_us: Some((day.start_us(), day.end_us())),
            examples: vec![example],
            ..Detection::default()
        },
    })
}

fn of_day(day: Day, check: &'static str, severity: Severity, tally: Tally) -> Vec<Finding> {
    let finding = |found| Finding { check, severity, key: None, data_type: None, day: Some(day), found };
    tally.found().into_iter().map(finding).collect()
}

fn of_lines(
    day: Day,
    check: &'static str,
    severity: Severity,
    lines: impl Iterator<Item = String>,
) -> Vec<Finding> {
    let mut tally = Tally::default();
    for line in lines {
        tally.count(1, || line);
    }
    of_day(day, check, severity, tally)
}

fn not_expected(day: &DayOfLake<'_>) -> Vec<Finding> {
    let mut tally = Tally::default();
    for (venue, note) in day.not_expected {
        for (reason, left) in note {
            let examples = || format!("{venue}: {} {reason} ({})", left.count, left.examples.join(", "));
            tally.count(left.count, examples);
        }
    }
    of_day(day.day, "not_expected", Severity::Info, tally)
}

fn no_instruments(day: &DayOfLake<'_>) -> Vec<Finding> {
    let mut tally = Tally::default();
    if !day.has_table {
        tally.count(1, || format!("{} has no instrument table", day.day));
    }
    for venue in day.venues_without_instruments {
        tally.count(1, || format!("no instrument of {venue} in the table"));
    }
    for venue in day.venues_without_expectation {
        tally.count(1, || format!("nothing is expected of {venue}"));
    }
    of_day(day.day, "no_instruments", Severity::Error, tally)
}
