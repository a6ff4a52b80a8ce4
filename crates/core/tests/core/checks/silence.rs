//! Silences, freshness, and snapshots after a silence.

use std::sync::{Arc, LazyLock};

use arrow_array::{ArrayRef, BooleanArray, RecordBatch, TimestampMicrosecondArray, new_null_array};
use mtdh_core::DataType::{self, BookSnapshot5, IncrementalBookL2, Liquidations, Quotes, Trades};
use mtdh_core::check::silence::{Pace, Watch};
use mtdh_core::check::{CheckFn, Detection, InstrumentDay, PartitionFacts, Rows, Settings, Severity};
use mtdh_core::key::InstrumentKey;
use mtdh_core::partition::Status;

use super::{SECOND, check, count, day, key};

pub const DAY: i64 = 86_400 * SECOND;

/// The pace of rows that arrive at these moments of the day, microseconds.
pub fn pace(venue: &str, data_type: DataType, moments: &[i64]) -> Pace {
    pace_with(venue, data_type, moments, &[])
}

/// The same with snapshots at some of the moments. All other cells are null, which is quick for a day of rows.
fn pace_with(venue: &str, data_type: DataType, moments: &[i64], snapshots: &[i64]) -> Pace {
    let mut watch = Watch::new(&Settings::default().values(check("silence")), venue, data_type);
    for moments in moments.chunks(10_000) {
        let times: TimestampMicrosecondArray =
            moments.iter().map(|us| day().start_us() + us).collect::<Vec<_>>().into();
        let times: ArrayRef = Arc::new(times.with_timezone("UTC"));
        let flags: BooleanArray = moments.iter().map(|us| Some(snapshots.contains(us))).collect();
        let flags: ArrayRef = Arc::new(flags);
        let columns = data_type.table().columns.iter().map(|column| {
            let array = match column.name.as_str() {
                "timestamp" | "local_timestamp" => times.clone(),
                "is_snapshot" => flags.clone(),
                _ => new_null_array(&column.arrow_type(), moments.len()),
            };
            (column.name.as_str(), array, true)
        });
        let batch = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
        watch.rows(&Rows::new(data_type, &batch, 0).unwrap());
    }
    watch.finish(Some(day().start_us()..day().end_us()))
}

/// A row every `step` microseconds of the day, but for those strictly within a hole.
pub fn regular(step: i64, hole: std::ops::Range<i64>) -> Vec<i64> {
    (0..DAY / step).map(|i| i * step).filter(|us| *us <= hole.start || *us >= hole.end).collect()
}

/// Runs a check over what is known of a day.
pub fn run_day<'a>(
    name: &str,
    partitions: &'a [PartitionFacts],
    change: impl FnOnce(&mut InstrumentDay<'a>),
) -> Vec<(DataType, Detection)> {
    let CheckFn::Day(_, run) = check(name).run else { panic!("{name} is not over an instrument's day") };
    static KEY: LazyLock<InstrumentKey> = LazyLock::new(|| key("DERIBIT:PERP:BTC-USD"));
    let mut facts = InstrumentDay {
        key: Some(&KEY),
        day: Some(day()),
        life_us: i64::MIN..i64::MAX,
        expiry_us: None,
        incidents: None,
        recorded: &[],
        partitions,
        now_us: i64::MAX,
    };
    change(&mut facts);
    run(&facts, &Settings::default().values(check(name)))
}

pub fn stored(data_type: DataType, pace: Pace) -> PartitionFacts {
    PartitionFacts { data_type, status: Status::Stored, pace: Some(pace) }
}

#[test]
fn a_silence_is_longer_than_floor_and_pace() {
    let (from, second) = (DAY / 2, SECOND);
    for (venue, data_type, step, length, expected) in [
        // The floors: 10 s of books, 60 s of others, three times as much elsewhere.
        ("DERIBIT", Quotes, second, 10 * second, 0),
        ("DERIBIT", Quotes, second, 11 * second, 1),
        ("DERIBIT", BookSnapshot5, second, 11 * second, 1),
        ("KRAKEN", Quotes, second, 30 * second, 0),
        ("KRAKEN", Quotes, second, 31 * second, 1),
        ("DERIBIT", Trades, second, 60 * second, 0),
        ("DERIBIT", Trades, second, 61 * second, 1),
        ("KRAKEN", Trades, second, 180 * second, 0),
        ("KRAKEN", Trades, second, 181 * second, 1),
        // A slow instrument: five times its own pauses of 60 s; a class of pauses is up to 4.4 % wide.
        ("DERIBIT", Trades, 60 * second, 300 * second, 0),
        ("DERIBIT", Trades, 60 * second, 360 * second, 1),
        ("DERIBIT", Trades, second, 3600 * second, 1),
        // Liquidations have no pace.
        ("DERIBIT", Liquidations, second, 3600 * second, 0),
    ] {
        let pace = pace(venue, data_type, &regular(step, from..from + length));
        assert_eq!(pace.silences.len(), expected, "{venue} {data_type} {step} {length}");
        if let [silence] = pace.silences[..] {
            assert_eq!((silence.from_us - day().start_us(), silence.length_us()), (from, length));
        }
    }
}

#[test]
fn rare_long_pauses_are_the_instruments_own() {
    // Bursts of 50 rows a second apart, then 40 s: two in a hundred pauses are long, so that the threshold is 200 s.
    let burst = |i: i64| (0..50).map(move |row| i * 89 * SECOND + row * SECOND);
    for (hole, expected) in [(180 * SECOND, 0), (240 * SECOND, 1)] {
        let before = (0..400).flat_map(burst);
        let start = 399 * 89 * SECOND + 49 * SECOND + hole;
        let after = (0..(DAY - start) / (89 * SECOND)).flat_map(burst).map(|us| start + us);
        let moments: Vec<i64> = before.chain(after).collect();
        assert_eq!(pace("DERIBIT", Trades, &moments).silences.len(), expected, "{hole}");
    }
}

#[test]
fn midnight_to_the_first_row_and_from_the_last_is_a_pause() {
    for (hole, expected) in [(-SECOND..30 * SECOND, 1), (-SECOND..9 * SECOND, 0), (DAY - 30 * SECOND..DAY, 1)]
    {
        let pace = pace("DERIBIT", Quotes, &regular(SECOND, hole.clone()));
        assert_eq!(pace.silences.len(), expected, "{hole:?}");
    }
}

#[test]
fn a_few_rows_have_no_pace() {
    for (rows, expected) in [(20, 0), (21, 1)] {
        let moments: Vec<i64> = (0..rows).map(|i| i * SECOND).collect();
        assert_eq!(pace("DERIBIT", Quotes, &moments).silences.len(), expected, "{rows} rows");
    }
}

#[test]
fn the_check_counts_silences_within_the_instruments_life() {
    let noon = DAY / 2;
    let run = |change: fn(&mut InstrumentDay<'_>)| {
        let partitions = [stored(Quotes, pace("DERIBIT", Quotes, &regular(SECOND, noon..DAY)))];
        let found: Vec<Detection> =
            run_day("silence", &partitions, change).into_iter().map(|(_, f)| f).collect();
        count(&found)
    };
    assert_eq!(run(|_| ()), 1);
    assert_eq!(run(|d| d.expiry_us = Some(day().start_us() + DAY / 2)), 0);
    assert_eq!(run(|d| d.expiry_us = Some(day().start_us() + DAY / 2 + 11 * SECOND)), 1);
    assert_eq!(run(|d| d.life_us = 0..day().start_us() + DAY / 2), 0);
    let hole = regular(SECOND, noon..noon + 3600 * SECOND);
    let partitions = [stored(Quotes, pace("DERIBIT", Quotes, &hole))];
    let change = |d: &mut InstrumentDay<'_>| d.expiry_us = Some(day().start_us() + DAY / 3);
    let found: Vec<Detection> = run_day("silence", &partitions, change).into_iter().map(|(_, f)| f).collect();
    assert_eq!(count(&found), 1, "rows follow, so that it is not after the end");
}

#[test]
fn freshness_is_asked_of_recent_days_only() {
    let (hour, end) = (3600 * SECOND, day().end_us());
    for (last, now, expected) in [
        (DAY - SECOND, end, 0),
        (DAY - hour, end, 0),
        (DAY - hour - SECOND, end, 1),
        (DAY - 2 * hour, end + 47 * hour, 1),
        (DAY - 2 * hour, end + 48 * hour, 0),
        // While the day goes on, its end is now.
        (DAY / 2, day().start_us() + DAY / 2 + hour, 0),
        (DAY / 2, day().start_us() + DAY / 2 + hour + SECOND, 1),
    ] {
        let partitions = [stored(Quotes, pace("DERIBIT", Quotes, &[0, last]))];
        let found = run_day("freshness", &partitions, |d| d.now_us = now);
        assert_eq!(found.len(), expected, "last row at {last}");
    }
    let partitions = [stored(Liquidations, pace("DERIBIT", Liquidations, &[0]))];
    assert!(run_day("freshness", &partitions, |d| d.now_us = end).is_empty());
}

#[test]
fn a_snapshot_follows_a_silence() {
    let (hole, second) = (DAY / 2, SECOND);
    for (snapshots, expected) in [
        (&[0, hole + 60 * second][..], 0),
        (&[0, hole + 70 * second], 0),
        (&[0, hole + 71 * second], 1),
        (&[0], 1),
        (&[], 1),
    ] {
        let moments = regular(second, hole..hole + 60 * second);
        let pace = pace_with("DERIBIT", IncrementalBookL2, &moments, snapshots);
        assert_eq!(pace.silences.len(), 1);
        let found = run_day("no_snapshot", &[stored(IncrementalBookL2, pace)], |_| ());
        assert_eq!(found.len(), expected, "{snapshots:?}");
    }
}

#[test]
fn a_day_without_any_snapshot_is_an_error() {
    let pace = pace_with("DERIBIT", IncrementalBookL2, &regular(SECOND, 0..0), &[]);
    let found = run_day("no_snapshot", &[stored(IncrementalBookL2, pace)], |_| ());
    assert_eq!(found[0].1.severity, Some(Severity::Error));
}

#[test]
fn the_end_of_the_day_needs_no_snapshot() {
    let moments = regular(SECOND, DAY / 2..DAY);
    let pace = pace_with("DERIBIT", IncrementalBookL2, &moments, &[0]);
    assert_eq!(pace.silences.len(), 1);
    assert!(run_day("no_snapshot", &[stored(IncrementalBookL2, pace)], |_| ()).is_empty());
}

/// Rows a second apart by day and fifty by night, pauses as they come by chance.
fn day_and_night(seed: u64, hole: std::ops::Range<i64>) -> Vec<i64> {
    let (mut state, mut us, mut moments) = (seed, 0, Vec::new());
    while us < DAY {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let chance = ((state >> 11) as f64 + 1.0) / (1_u64 << 53) as f64;
        let is_day = (8 * HOUR..20 * HOUR).contains(&us);
        us += (-chance.ln() * if is_day { 1e6 } else { 50e6 }) as i64 + 1;
        moments.push(us);
    }
    moments.retain(|us| *us < DAY && !hole.contains(us));
    moments
}

const HOUR: i64 = 3600 * SECOND;
const MINUTE: i64 = 60 * SECOND;

#[test]
fn the_night_is_measured_by_the_night_and_the_day_by_the_day() {
    for seed in 1..4 {
        assert_eq!(pace("DERIBIT", Trades, &day_and_night(seed, 0..0)).silences, [], "{seed}");
        for (hole, expected) in [
            (12 * HOUR..12 * HOUR + 2 * MINUTE, 1),
            (19 * HOUR + 50 * MINUTE..21 * HOUR, 1),
            (2 * HOUR..4 * HOUR, 1),
        ] {
            let found = pace("DERIBIT", Trades, &day_and_night(seed, hole.clone())).silences.len();
            assert_eq!(found, expected, "{seed} {hole:?}");
        }
    }
}

#[test]
fn a_violent_minute_does_not_hurry_the_hour() {
    // A row every half a minute, and a thousand a second in one minute.
    let mut moments = regular(30 * SECOND, 0..0);
    moments.extend((0..60_000).map(|i| 12 * HOUR + i * 1000));
    moments.sort_unstable();
    assert_eq!(pace("DERIBIT", Trades, &moments).silences, []);
}

/// What is said of trades that come at these hours only, with a book all day, after such days before.
fn session(hours: &[(i64, i64)], before: &[&[(i64, i64)]]) -> Vec<(&'static str, Severity)> {
    let at = |hours: &[(i64, i64)]| -> Vec<i64> {
        let all = regular(5 * SECOND, 0..0);
        all.into_iter()
            .filter(|us| hours.iter().any(|(first, end)| (first * HOUR..end * HOUR).contains(us)))
            .collect()
    };
    let mut trades = pace("DERIBIT", Trades, &at(hours));
    let before: Vec<_> = before
        .iter()
        .enumerate()
        .map(|(ago, hours)| {
            let mut watch = Watch::new(&Settings::default().values(check("silence")), "DERIBIT", Trades);
            let start = day().start_us() - (ago as i64 + 1) * DAY;
            watch.arrivals(&at(hours).into_iter().map(|us| start + us).collect::<Vec<_>>());
            watch.into_day_before()
        })
        .collect();
    trades.learn(&before);
    let quotes = stored(Quotes, pace("DERIBIT", Quotes, &regular(5 * SECOND, 0..0)));
    let found = run_day("gap", &[stored(Trades, trades), quotes], |_| ());
    found.into_iter().map(|(_, f)| (f.explanation.unwrap().class, f.severity.unwrap())).collect()
}

#[test]
fn sessions_are_known_by_the_days_before() {
    let (eight, whole) = (&[(8, 16)][..], &[(0, 24)][..]);
    let (usual, unknown) = (("session", Severity::Info), ("unknown", Severity::Warning));
    for (hours, before, expected) in [
        // Nobody can tell, and it looks like sessions.
        (eight, &[][..], vec![usual, usual]),
        (&[(0, 4), (20, 24)], &[], vec![usual]),
        (eight, &[eight, eight, eight], vec![usual, usual]),
        (eight, &[eight, eight, whole], vec![usual, usual]),
        (eight, &[whole], vec![unknown, unknown]),
        (eight, &[whole, whole, eight], vec![unknown, unknown]),
        // A hole within the session is one, also of a market that always has the session.
        (&[(8, 10), (11, 16)], &[eight, eight], vec![usual, unknown, usual]),
        (&[(8, 10), (11, 16)], &[], vec![usual, unknown, usual]),
        (&[(0, 10), (12, 24)], &[], vec![unknown]),
        (&[(0, 18)], &[], vec![unknown]),
        (whole, &[], vec![]),
    ] {
        let found = session(hours, before);
        assert_eq!(found, expected, "{hours:?} after {before:?}");
    }
}

/// Bursts of trades, each of so many within ten minutes, that begin at these minutes of the day.
fn bursts(count: i64, minutes: &[i64]) -> Vec<i64> {
    let burst = |minute: &i64| {
        let start = minute * MINUTE;
        (0..count).map(move |row| start + row * 10 * MINUTE / count)
    };
    minutes.iter().flat_map(burst).collect()
}

#[test]
fn hours_between_bursts_of_trades_are_no_silence() {
    for (name, moments, expected) in [
        ("one burst at noon", bursts(30, &[720]), 0),
        ("two bursts", bursts(30, &[300, 1000]), 0),
        ("three, the last at noon", bursts(25, &[60, 400, 720]), 0),
        ("five by day, at night none", bursts(20, &[480, 530, 700, 760, 1380]), 0),
        // Trades that come evenly, and then do not.
        ("a trade a minute until noon", regular(MINUTE, DAY / 2..DAY), 1),
        ("a trade a minute but for two hours", regular(MINUTE, DAY / 2..DAY / 2 + 2 * HOUR), 1),
        (
            "a burst each quarter of an hour but for five hours",
            bursts(20, &(0..96).filter(|i| !(40..60).contains(i)).map(|i| i * 15).collect::<Vec<_>>()),
            1,
        ),
        ("a trade a second, and none from one o'clock on", regular(SECOND, HOUR..DAY), 1),
    ] {
        assert_eq!(pace("DERIBIT", Trades, &moments).silences.len(), expected, "{name}");
    }
}

#[test]
fn a_halt_ends_each_data_type_at_a_time_of_its_own() {
    let halt = DAY / 2..DAY / 2 + HOUR;
    // Trades every twenty seconds: their last one is up to twenty seconds before the halt.
    for (quotes_until, trades_until, expected) in
        [(0, 0, "no_trading"), (0, 12, "no_trading"), (0, 1200, "unknown")]
    {
        let hole = |before: i64| halt.start - before * SECOND..halt.end;
        let trades = stored(Trades, pace("DERIBIT", Trades, &regular(20 * SECOND, hole(trades_until))));
        let quotes = stored(Quotes, pace("DERIBIT", Quotes, &regular(SECOND, hole(quotes_until))));
        let found = run_day("gap", &[trades, quotes], |_| ());
        let of_trades = found.iter().find(|(data_type, _)| *data_type == Trades).unwrap();
        assert_eq!(of_trades.1.explanation.as_ref().unwrap().class, expected, "{trades_until}");
    }
}

#[test]
fn a_market_that_paused_needs_no_snapshot() {
    let hole = DAY / 2..DAY / 2 + 600 * SECOND;
    let changes = || {
        stored(
            IncrementalBookL2,
            pace_with("DERIBIT", IncrementalBookL2, &regular(SECOND, hole.clone()), &[0]),
        )
    };
    for (trades, expected) in [(hole.clone(), Some(Severity::Info)), (0..0, None)] {
        let trades = stored(Trades, pace("DERIBIT", Trades, &regular(SECOND, trades)));
        let found = run_day("no_snapshot", &[changes(), trades], |_| ());
        assert_eq!(found.iter().map(|(_, f)| f.severity).collect::<Vec<_>>(), [expected]);
    }
}
