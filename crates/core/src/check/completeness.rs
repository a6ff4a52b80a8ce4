//! Completeness: what should be in the lake and is not.

use std::collections::BTreeMap;

use super::{Check, CheckFn, Detection, Finding, Group, Severity, Tally};
use crate::day::Day;
use crate::expectation::VenueNote;
use crate::partition::{Partition, Status};

/// What is known of a day without rows being read. See `mtdh_engine::validate`, which finds it.
pub struct DayOfLake<'a> {
    /// The day.
    pub day: Day,
    /// Whether the day has an instrument table.
    pub has_table: bool,
    /// Venues that were asked for and of which the table has no instrument.
    pub venues_without_instruments: &'a [String],
    /// Venues of which the table lets expect nothing, although the vendor records them.
    pub venues_without_expectation: &'a [String],
    /// Names that were asked for and that no instrument ever had.
    pub never_existed: &'a [String],
    /// Instruments that were asked for by name, were alive on the day, and are not in the table.
    pub alive_and_missing: &'a [String],
    /// Instruments that were asked for by name and were not alive on the day.
    pub not_alive: &'a [String],
    /// What is not expected although the vendor names it, by venue and reason.
    pub not_expected: &'a BTreeMap<String, VenueNote>,
    /// What the table had and the vendor no longer lists.
    pub withdrawn: &'a [String],
    /// Whether that must be accepted before the day is complete.
    pub needs_acceptance: bool,
    /// Every partition that the table lets expect.
    pub partitions: &'a [Expected],
    /// Those of them that the vendor answered with a file, with their rows.
    pub rows: &'a [RowCount],
}

/// A partition that should be there, and what is.
#[derive(Clone, Debug)]
pub struct Expected {
    /// Which.
    pub partition: Partition,
    /// What the lake says of it.
    pub status: Status,
    /// What is wrong with the object that is there; null: there is none, or nothing is wrong with it.
    pub unreadable: Option<String>,
    /// Rows of the vendor that could not be stored.
    pub rows_rejected: u64,
}

/// A partition's rows, beside what lets expect how many.
#[derive(Clone, Debug)]
pub struct RowCount {
    /// Which.
    pub partition: Partition,
    /// Rows that are stored.
    pub rows: u64,
    /// Rows of the same instrument and data type on the day before; null: the lake does not have it.
    pub before: Option<u64>,
    /// Rows of a day in the mean over the instrument's life, by the vendor's statistics; null: it gives none of the type.
    pub statistics: Option<u64>,
    /// The share of the day, 0 to 1, in which the vendor has data of the instrument.
    pub share_of_day: f64,
}

/// So many times fewer rows than there should be are worth a look.
pub const FEW: f64 = 100.0;

/// The checks of this group.
pub const CHECKS: &[Check] = &[
    Check {
        name: "missing_partition",
        group: Group::Completeness,
        severity: Severity::Error,
        parameters: &[],
        text: "An instrument was alive on the day, the vendor lists the data type for it, and the lake has no object that \
               says stored, empty or absent. It is as good as the day's instrument table.",
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
        text: "There is an object, but it cannot be trusted: it is no Parquet file, its footer names another partition, has \
               other columns, or counts other rows than the file has. Damage that the footer does not show is found, and told under this name, by the groups that read rows.",
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
        text: "Rows of the vendor's file could not be stored and lie in quarantine. A file with more than 0.1 % of them is \
               never published, so that there are few.",
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
        text: "A partition has 100 times fewer rows than the same instrument and data type on the day before, where the lake has \
               it, or than a day has in the mean over the instrument's life by the vendor's statistics, which it gives of trades and \
               book changes. Of a day in which the instrument was not always listed only that share is expected. An empty partition \
               counts as one row, so that a hundred must be expected. A file that was cut between two members of its gzip data, and \
               whose length nobody said, shows here alone; one that lost less than 99 of 100 rows does not show. A market that fell silent shows as well.",
        run: CheckFn::Lake(|day| day.rows.iter().filter_map(few_rows).collect()),
    },
    Check {
        name: "not_exported",
        group: Group::Completeness,
        severity: Severity::Info,
        parameters: &[],
        text: "The vendor had not exported the day when its instrument table was written, so that there is nothing to fetch \
               yet. It is no fault, and is counted so that nobody takes the day for complete.",
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
        text: "A day has no instrument table, or its table lacks a venue that was asked for, or expects nothing of that \
               venue. What should be there is then unknown, and nothing can be called complete.",
        run: CheckFn::Lake(no_instruments),
    },
    Check {
        name: "unknown_instrument",
        group: Group::Completeness,
        severity: Severity::Error,
        parameters: &[],
        text: "An instrument was asked for by name, and no instrument ever had that name, by the day's table and the \
               vendor's list; or it was alive on the day, and the table lacks it.",
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
        text: "An instrument was asked for by name and was not alive on the day. It is no fault.",
        run: CheckFn::Lake(|day| {
            of_lines(day.day, "not_alive", Severity::Info, day.not_alive.iter().cloned())
        }),
    },
    Check {
        name: "not_expected",
        group: Group::Completeness,
        severity: Severity::Info,
        parameters: &[],
        text: "The vendor names something that the day's verdict does not expect: a symbol without files, a type or data \
               type that this program does not know, an exchange that is closed. It is counted, with the reason, so that \
               nobody takes the expectation for the whole.",
        run: CheckFn::Lake(not_expected),
    },
    Check {
        name: "withdrawn",
        group: Group::Completeness,
        severity: Severity::Error,
        parameters: &[],
        text: "The day's instrument table had an instrument or a data type that the vendor no longer lists, without an end \
               that the vendor gave. It is an error, until the removal is accepted, when something of it is in the lake or \
               when it is more than 5 % of the instruments. Else it is a warning.",
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
    what: impl Fn(&Expected) -> Option<(u64, String)>,
) -> Vec<Finding> {
    let finding = |expected: &Expected| {
        let (count, example) = what(expected)?;
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

/// The finding of a partition that has far fewer rows than there should be.
pub fn few_rows(count: &RowCount) -> Option<Finding> {
    let is_few = |expected: &u64| *expected as f64 * count.share_of_day >= count.rows.max(1) as f64 * FEW;
    let before = count.before.filter(is_few).map(|rows| format!("{rows} the day before"));
    let mean = count.statistics.filter(is_few).map(|rows| format!("{rows} a day by the vendor's statistics"));
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
    lines.for_each(|line| tally.count(1, || line));
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
