//! A lake with keys of an earlier version: told, moved, and as if it had been made with the new ones.

use mtdh_core::key::InstrumentKey;
use mtdh_core::{DataType, Day};
use mtdh_engine::{Lake, LakeOptions};
use mtdh_sim::{Fault, FaultKind, Host};

use crate::support::{DAY, Stage, contents};

const WHAT: &str = "--venues DERIBIT --instrument-types PERP --data-types trades";
/// Keys of now, and former keys that the tests give the instruments. The second one is the present key of another instrument.
const KEYS: [(&str, &str); 2] =
    [("DERIBIT:PERP:BTC-USD", "DERIBIT:PERP:BT-CUSD"), ("DERIBIT:PERP:BTC-USDC", "DERIBIT:PERP:BTC-USD")];

/// Gives instruments their former keys, in the table and for their objects and candles.
async fn age(lake: &Lake) {
    let day: Day = DAY.parse().unwrap();
    for (now, former) in KEYS {
        let (now, former): (InstrumentKey, InstrumentKey) = (now.parse().unwrap(), former.parse().unwrap());
        lake.update_instruments(day, |table| {
            let row = table.instruments.iter_mut().find(|row| row.key == now).unwrap();
            row.key = former.clone();
            table.key_versions.clear();
        })
        .await
        .unwrap();
        for (partition, entry) in lake.list_partitions(day, DataType::Trades).await.unwrap() {
            if partition.key == now {
                lake.rekey_partition(&partition, &entry, &former).await.unwrap();
            }
        }
        for (timeframe, key, entry) in lake.list_candles(day, None).await.unwrap() {
            if key == now {
                lake.rekey_candles(day, timeframe, &entry, &former).await.unwrap();
            }
        }
        lake.update_available(day, |rows| rows.clear()).await.unwrap();
    }
}

fn aged(stage: &Stage) {
    stage.expect(0, &format!("download --start-date {DAY} {WHAT}"));
    stage.run(&format!("candles --start-date {DAY} {WHAT} --timeframes 1h"));
    let lake = Lake::open(stage.path("data").to_str().unwrap(), &LakeOptions::default()).unwrap();
    tokio::runtime::Runtime::new().unwrap().block_on(age(&lake));
    stage
        .expect(0, &format!("plan --start-date {DAY} --venues DERIBIT --instrument-types PERP --save march"));
}

#[test]
fn objects_candles_tables_and_plans_follow() {
    let stage = Stage::new();
    aged(&stage);
    let stale = stage.run(&format!("validate --start-date {DAY} {WHAT}"));
    assert!(stale.stderr.contains("of an earlier version, of DERIBIT: mtdh rekey"), "{}", stale.stderr);
    let before = contents(&stage.path("data"));
    let told = stage.expect(0, "rekey --dry-run");
    assert!(told.stderr.contains("4 objects would move"), "{}", told.stderr);
    assert_eq!(contents(&stage.path("data")), before, "a dry run changes nothing");
    let moved = stage.expect(0, "rekey");
    assert!(moved.stderr.contains("4 objects moved"), "{}", moved.stderr);
    assert!(moved.stderr.contains("the plan of the run march has the new keys"), "{}", moved.stderr);
    for (now, former) in KEYS {
        let line = moved.stdout.lines().find(|line| line.contains("trades") && line.ends_with(now));
        assert!(line.is_some_and(|line| line.contains(former)), "{}", moved.stdout);
    }
    stage.expect(0, &format!("validate --start-date {DAY} {WHAT} --deep --sample 100%"));
    // Nothing is left to do: not for candles, not for a download, not for this verb.
    let candles = stage.run(&format!("candles --start-date {DAY} {WHAT} --timeframes 1h --format csv"));
    assert!(candles.stdout.contains("objects up to date,2\n"), "{}\n{}", candles.stdout, candles.stderr);
    let again = stage.expect(0, "rekey");
    assert!(again.stderr.contains("0 objects moved"), "{}", again.stderr);
    let fresh = stage.run(&format!("validate --start-date {DAY} {WHAT}"));
    assert!(!fresh.stderr.contains("mtdh rekey"), "{}", fresh.stderr);
    let show = stage.expect(0, "instruments show DERIBIT:PERP:BTC-USDC --format json");
    assert!(show.stdout.contains("\"DERIBIT:PERP:BTC-USD\""), "the former key is an alias: {}", show.stdout);
    stage.expect(0, "download --run march --shard-index 0 --total-shards 1");
    stage.expect(0, &format!("validate --start-date {DAY} --venues DERIBIT --instrument-types PERP"));
    stage.leave("data", "rekey");
}

#[test]
fn a_move_that_ended_between_two_steps_goes_on() {
    let stage = Stage::new();
    aged(&stage);
    let old = contents(&stage.path("data"));
    stage.expect(0, "rekey");
    let new = contents(&stage.path("data"));
    // Killed after the new object was made and before the former one was removed.
    for (name, bytes) in &old {
        if name.contains("BT-CUSD") {
            std::fs::write(stage.path("data").join(name), bytes).unwrap();
        }
    }
    let again = stage.expect(0, "rekey");
    assert!(again.stderr.contains("2 objects moved"), "{}", again.stderr);
    assert_eq!(contents(&stage.path("data")), new);
    // Other rows there: neither goes, and that is told.
    let name = old.keys().find(|name| name.contains("BT-CUSD") && name.contains("trades")).unwrap();
    let other = old.iter().find(|(name, _)| name.ends_with("trades/DERIBIT:PERP:BTC-USD.parquet")).unwrap().1;
    std::fs::write(stage.path("data").join(name), other).unwrap();
    let refused = stage.expect(1, "rekey");
    assert!(refused.stderr.contains("stays"), "{}", refused.stderr);
    assert!(stage.path("data").join(name).exists());
}

#[test]
fn a_table_that_was_written_anew_tells_the_objects_under_former_keys() {
    let stage = Stage::new();
    aged(&stage);
    stage.expect(0, &format!("instruments --start-date {DAY} --venues DERIBIT"));
    let told = stage.expect(1, &format!("validate --start-date {DAY} {WHAT}"));
    assert!(told.stderr.contains("1 object under instrument keys of an earlier version"), "{}", told.stderr);
    let planned = stage.expect(0, &format!("plan --start-date {DAY} {WHAT}"));
    assert!(planned.stderr.contains("else they are fetched again"), "{}", planned.stderr);
    stage.expect(0, "rekey");
    stage.expect(0, &format!("validate --start-date {DAY} {WHAT}"));
}

#[test]
fn the_first_venue_that_cannot_be_had_ends_the_work() {
    let stage = Stage::new();
    stage.expect(0, &format!("instruments --start-date {DAY} --venues BINANCE,DERIBIT"));
    std::fs::remove_dir_all(stage.path("cache")).unwrap();
    let fault = FaultKind::Status { status: 503, body: Default::default() };
    stage.sim.set_faults(vec![Fault::always(Host::Api, "", fault)]);
    stage.sim.clear_requests();
    let run = stage.expect(2, "rekey");
    assert!(run.stderr.contains("binance"), "{}", run.stderr);
    let asked: Vec<String> = stage.sim.requests().into_iter().map(|request| request.url).collect();
    assert!(asked.iter().any(|url| url.contains("binance")), "{asked:?}");
    assert!(!asked.iter().any(|url| url.contains("deribit")), "{asked:?}");
}
