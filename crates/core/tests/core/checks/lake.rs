//! Completeness, from what is known of a day without rows.

use mtdh_core::DataType::{Quotes, Trades};
use mtdh_core::check::completeness::{DayOfLake, Expected, RowCount};
use mtdh_core::check::{Finding, Run, Severity};
use mtdh_core::partition::{Partition, Status};

use super::{check, day, key};

fn run(name: &str, facts: &DayOfLake<'_>) -> Vec<Finding> {
    let Run::Lake(run) = check(name).run else { panic!("{name} is not over a day of the lake") };
    let found = run(facts);
    assert!(
        found.iter().all(|f| f.check == name && f.severity == check(name).severity && f.day == Some(day()))
    );
    found
}

fn facts<'a>(
    partitions: &'a [Expected],
    venues: &'a [String],
    names: &'a [String],
    has_table: bool,
) -> DayOfLake<'a> {
    let rows = &[];
    DayOfLake {
        day: day(),
        has_table,
        venues_without_instruments: venues,
        not_in_table: names,
        partitions,
        rows,
    }
}

fn expected(status: Status, unreadable: Option<&str>, rows_rejected: u64) -> Expected {
    let partition = Partition { day: day(), data_type: Trades, key: key("DERIBIT:PERP:BTC-USD") };
    Expected { partition, status, unreadable: unreadable.map(str::to_owned), rows_rejected }
}

#[test]
fn each_kind_of_lack_is_one_check() {
    let names = ["missing_partition", "unreadable_partition", "rejected_rows", "not_exported"];
    for (partition, found) in [
        (expected(Status::Stored, None, 0), [0, 0, 0, 0]),
        (expected(Status::Empty, None, 0), [0, 0, 0, 0]),
        (expected(Status::Absent, None, 0), [0, 0, 0, 0]),
        (expected(Status::Missing, None, 0), [1, 0, 0, 0]),
        (expected(Status::Missing, Some("no Parquet"), 0), [0, 1, 0, 0]),
        (expected(Status::Stored, None, 3), [0, 0, 3, 0]),
        (expected(Status::NotExportedYet, None, 0), [0, 0, 0, 1]),
    ] {
        let counts = names.map(|name| {
            let found = run(name, &facts(std::slice::from_ref(&partition), &[], &[], true));
            assert!(
                found
                    .iter()
                    .all(|f| f.key == Some(partition.partition.key.clone()) && f.data_type == Some(Trades))
            );
            found.iter().map(|f| f.found.count).sum::<u64>()
        });
        assert_eq!(counts, found, "{partition:?}");
    }
    let severities = names.map(|name| check(name).severity);
    assert_eq!(severities, [Severity::Error, Severity::Error, Severity::Warning, Severity::Info]);
}

#[test]
fn every_partition_has_its_own_finding() {
    let mut other = expected(Status::Missing, None, 0);
    other.partition.data_type = Quotes;
    let partitions = [expected(Status::Missing, None, 0), other];
    assert_eq!(run("missing_partition", &facts(&partitions, &[], &[], true)).len(), 2);
}

#[test]
fn of_a_day_without_table_nothing_is_complete() {
    let (venue, name) = (["DERIBIT".to_owned()], ["DERIBIT:PERP:BTC-USDD".to_owned()]);
    for (has_table, venues, names, none, unknown) in [
        (true, &[][..], &[][..], 0, 0),
        (false, &[], &[], 1, 0),
        (true, &venue, &[], 1, 0),
        (true, &[], &name, 0, 1),
    ] {
        let facts = facts(&[], venues, names, has_table);
        let count = |name| run(name, &facts).iter().map(|f| f.found.count).sum::<u64>();
        assert_eq!((count("no_instruments"), count("unknown_instrument")), (none, unknown));
    }
}

#[test]
fn a_hundred_times_fewer_rows_than_there_should_be_are_worth_a_look() {
    for (rows, before, statistics, share_of_day, is_few) in [
        (10, Some(1000), None, 1.0, true),
        (10, Some(999), None, 1.0, false),
        (10, None, Some(1000), 1.0, true),
        (10, Some(999), Some(1000), 1.0, true),
        (10, Some(1000), Some(1000), 0.5, false),
        (10, Some(2000), None, 0.5, true),
        (0, Some(100), None, 1.0, true),
        (0, Some(99), None, 1.0, false),
        (1, Some(100), None, 1.0, true),
        (1000, Some(0), None, 1.0, false),
        (0, None, None, 1.0, false),
        (u64::MAX / 200, Some(u64::MAX), None, 1.0, true),
    ] {
        let partition = Partition { day: day(), data_type: Trades, key: key("DERIBIT:PERP:BTC-USD") };
        let count = RowCount { partition, rows, before, statistics, share_of_day };
        let facts = DayOfLake { rows: std::slice::from_ref(&count), ..facts(&[], &[], &[], true) };
        assert_eq!(!run("few_rows", &facts).is_empty(), is_few, "{count:?}");
    }
}
