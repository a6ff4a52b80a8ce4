//! Completeness, from what is known of a day without rows.

use std::collections::BTreeMap;

use mtdh_core::DataType::{Quotes, Trades};
use mtdh_core::check::completeness::{DayOfLake, Expected, RowCount};
use mtdh_core::check::{CheckFn, Finding, Severity};
use mtdh_core::expectation::{LeftOut, NotExpected, VenueNote};
use mtdh_core::partition::{Partition, Status};

use super::{check, day, key};

static NOTHING: BTreeMap<String, VenueNote> = BTreeMap::new();

fn run(name: &str, facts: &DayOfLake<'_>) -> Vec<Finding> {
    let CheckFn::Lake(run) = check(name).run else { panic!("{name} is not over a day of the lake") };
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
    DayOfLake {
        day: day(),
        has_table,
        venues_without_instruments: venues,
        venues_without_expectation: &[],
        never_existed: names,
        alive_and_missing: &[],
        not_alive: &[],
        not_expected: &NOTHING,
        withdrawn: &[],
        needs_acceptance: false,
        partitions,
        rows: &[],
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
fn what_is_not_expected_is_counted_with_its_reason() {
    let (mut symbols, mut types) = (LeftOut::default(), LeftOut::default());
    (0..12).for_each(|i| symbols.add(|| format!("S{i}")));
    types.add(|| "trade_v2 of BTCUSDT".to_owned());
    let note: VenueNote = [(NotExpected::NoFiles, symbols), (NotExpected::UnknownDataType, types)].into();
    let not_expected = [("BINANCE".to_owned(), note)].into();
    let found = run("not_expected", &DayOfLake { not_expected: &not_expected, ..facts(&[], &[], &[], true) });
    assert_eq!(found[0].found.count, 13);
    assert!(found[0].found.examples[1].contains("BINANCE: 1 unknown_data_type (trade_v2 of BTCUSDT)"));
}

#[test]
fn a_table_that_lost_much_is_an_error_and_one_that_lost_little_a_warning() {
    let lost = ["2024-03-01 DERIBIT:PERP:BTC-USD trades".to_owned()];
    for (needs_acceptance, severity) in [(true, Severity::Error), (false, Severity::Warning)] {
        let facts = DayOfLake { withdrawn: &lost, needs_acceptance, ..facts(&[], &[], &[], true) };
        let CheckFn::Lake(run) = check("withdrawn").run else { panic!("it is over a day of the lake") };
        assert_eq!(run(&facts).iter().map(|f| f.severity).collect::<Vec<_>>(), [severity]);
    }
}

#[test]
fn a_name_is_never_existing_lacking_or_not_alive() {
    let (names, venues) = (["X".to_owned()], ["BINANCE".to_owned()]);
    for (check, facts) in [
        ("unknown_instrument", DayOfLake { alive_and_missing: &names, ..facts(&[], &[], &[], true) }),
        ("not_alive", DayOfLake { not_alive: &names, ..facts(&[], &[], &[], true) }),
        ("no_instruments", DayOfLake { venues_without_expectation: &venues, ..facts(&[], &[], &[], true) }),
    ] {
        assert_eq!(run(check, &facts).iter().map(|f| f.found.count).sum::<u64>(), 1, "{check}");
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
        // One busy day of a sparse option.
        (1, Some(150), Some(15), 1.0, true),
        (1, Some(150), Some(14), 1.0, false),
        (0, Some(500), Some(3), 1.0, false),
        // A market that was busy in its youth.
        (150, Some(1499), Some(100_000), 1.0, false),
        (150, Some(1500), Some(100_000), 1.0, true),
        (0, Some(9), Some(100), 1.0, false),
        (0, Some(10), Some(100), 1.0, true),
    ] {
        let partition = Partition { day: day(), data_type: Trades, key: key("DERIBIT:PERP:BTC-USD") };
        let count = RowCount { partition, rows, before, statistics, share_of_day };
        let facts = DayOfLake { rows: std::slice::from_ref(&count), ..facts(&[], &[], &[], true) };
        assert_eq!(!run("few_rows", &facts).is_empty(), is_few, "{count:?}");
    }
    // Options trade in bursts.
    for (name, data_type, before, is_few) in [
        ("OPTION:BTC-USD-240329-60000-CALL", Trades, 999, false),
        ("OPTION:BTC-USD-240329-60000-CALL", Trades, 1000, true),
        ("OPTION:BTC-USD-240329-60000-CALL", Quotes, 100, true),
        ("PERP:BTC-USD", Trades, 100, true),
    ] {
        let partition = Partition { day: day(), data_type, key: key(&format!("DERIBIT:{name}")) };
        let count =
            RowCount { partition, rows: 0, before: Some(before), statistics: None, share_of_day: 1.0 };
        let facts = DayOfLake { rows: std::slice::from_ref(&count), ..facts(&[], &[], &[], true) };
        assert_eq!(!run("few_rows", &facts).is_empty(), is_few, "{count:?}");
    }
}
