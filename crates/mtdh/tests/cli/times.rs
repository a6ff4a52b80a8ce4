//! Times on the command line, with the clock of this machine; the forms of times are a table of `core`.

use std::time::{SystemTime, UNIX_EPOCH};

use mtdh_core::Day;

use crate::support::{DAY, Stage};

fn today() -> Day {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Day::containing_us(now.as_micros() as i64).unwrap()
}

const PERP: &str = "get DERIBIT:PERP:BTC-USD --data-type trades";

#[test]
fn yesterday_and_today_are_days_of_this_machines_clock() {
    let stage = Stage::new();
    stage.expect(
        0,
        &format!("download --start-date {DAY} --instruments DERIBIT:PERP:BTC-USD --data-types trades"),
    );
    let before = today();
    let runs = [
        stage.expect(1, &format!("{PERP} --start yesterday")),
        stage.expect(1, &format!("{PERP} --start TODAY")),
        stage.expect(1, &format!("{PERP} --start yesterday --end today")),
        stage.expect(2, &format!("{PERP} --start today --end yesterday")),
    ];
    // Midnight came while this ran.
    if before != today() {
        return;
    }
    let (today, yesterday) = (before, before.previous());
    let expected = [
        format!("{yesterday} is not in the lake"),
        format!("{today} is not in the lake"),
        format!("2 days from {yesterday} to {today} are not in the lake"),
        format!("nothing lies between the start {today} and the end {yesterday}"),
    ];
    for (run, expected) in runs.iter().zip(expected) {
        assert!(run.stderr.contains(&expected), "{expected}\n{}", run.stderr);
    }
    // A month that is not over yet has days in the future.
    if today.next().month() == today.month() {
        let month = &today.to_string()[..7];
        let run = stage.expect(2, &format!("plan --start-date {month} --venues DERIBIT"));
        assert!(run.stderr.contains("lies in the future"), "{}", run.stderr);
    }
}

#[test]
fn an_end_that_is_a_day_or_a_month_is_included_and_this_version_says_so() {
    let stage = Stage::new();
    stage.expect(
        0,
        &format!("download --start-date {DAY} --instruments DERIBIT:PERP:BTC-USD --data-types trades"),
    );
    let whole = stage.expect(0, &format!("{PERP} --start {DAY}"));
    assert!(!whole.stderr.contains("--end"), "{}", whole.stderr);
    for (range, is_noted) in [
        (format!("--start {DAY} --end {DAY}"), true),
        (format!("--start {DAY}T00 --end {DAY}"), true),
        (format!("--start {DAY}T01:00+01:00 --end {DAY}T23:59:59.999999"), false),
        (format!("--start {DAY} --end 2024-03-02T01+01:00"), false),
        ("--start 1709251200000000 --end 2024-03-02T00:00".to_owned(), false),
    ] {
        let run = stage.expect(0, &format!("{PERP} {range}"));
        assert_eq!(run.stdout, whole.stdout, "{range}");
        let note = format!("--end {DAY} is included since this version; to end before it: --end {DAY}T00:00");
        assert_eq!(run.stderr.lines().any(|line| line == note), is_noted, "{range}\n{}", run.stderr);
    }
    let month = stage.expect(1, &format!("{PERP} --start 2024-03 --end 2024-03"));
    assert_eq!(month.stdout, whole.stdout);
    assert!(
        month.stderr.contains("30 days from 2024-03-02 to 2024-03-31 are not in the lake"),
        "{}",
        month.stderr
    );
    let listed = stage.expect(0, "ls --start-date 2024-03");
    assert_eq!(listed.stdout, stage.expect(0, &format!("ls --start-date {DAY}")).stdout);
    assert_eq!(stage.expect(0, "ls --start-date 2024-02").stdout, "");
}

#[test]
fn the_exchanges_clock_sorts_by_its_times_and_expects_the_next_day() {
    let stage = Stage::new();
    stage.expect(
        0,
        &format!("download --start-date {DAY} --instruments DERIBIT:PERP:BTC-USD --data-types trades"),
    );
    let times = |run: &str, column: usize| -> Vec<i64> {
        let time = |line: &str| mtdh_core::moment::TimeValue::parse(line.split(',').nth(column).unwrap(), 0);
        run.lines().skip(1).map(|line| time(line).unwrap().as_start()).collect()
    };
    let by_arrival = stage.expect(0, &format!("{PERP} --start {DAY}"));
    let by_exchange = stage.expect(1, &format!("{PERP} --start {DAY} --clock exchange"));
    assert!(by_exchange.stderr.contains("2024-03-02 is not in the lake"), "{}", by_exchange.stderr);
    assert!(times(&by_arrival.stdout, 2).is_sorted());
    let exchange = times(&by_exchange.stdout, 1);
    assert!(exchange.is_sorted() && !exchange.is_empty());
    let mut of_day = times(&by_arrival.stdout, 1);
    let day: Day = DAY.parse().unwrap();
    of_day.retain(|time| (day.start_us()..day.end_us()).contains(time));
    of_day.sort_unstable();
    assert_eq!(exchange, of_day);
    // Far from midnight, the days beside may be missing.
    stage.expect(0, &format!("{PERP} --start {DAY}T12 --end {DAY}T13 --clock EXCHANGE"));
    let unknown = stage.expect(2, &format!("{PERP} --start {DAY} --clock local"));
    assert!(
        unknown.stderr.contains("there is no clock `local`; there are arrival and exchange"),
        "{}",
        unknown.stderr
    );
}
