//! Candles of rows as they arrive: the last revisions of a day are what `mtdh candles` makes of the same rows, and what was given
//! before changed only as a new revision.

use std::collections::BTreeMap;
use std::io::Write;

use arrow_array::RecordBatch;
use mtdh_core::DataType;
use mtdh_core::candle::{COLUMNS, Candle, CandleFooter, Fill, Units, Valuation};
use mtdh_core::footer::Recording;
use mtdh_core::partition::{Origin, Shard};
use mtdh_engine::candles::{Remake, Timeframe};
use mtdh_engine::live::candles::gaps::Gap;
use mtdh_engine::live::candles::{Follow, LiveCandle, LiveCandles, LiveSettings, Stage};
use mtdh_lake::candles::CandleWriter;
use mtdh_lake::tables::gaps::GapRow;
use mtdh_lake::{Layout, WriteMode};

use crate::lake_support::{HandMade, KEY, arrays, day, key, listed};

const S: i64 = 1_000_000;
const D: i64 = 86_400;
const TYPES: [DataType; 4] =
    [DataType::Trades, DataType::Liquidations, DataType::DerivativeTicker, DataType::BookSnapshot5];

fn frames(text: &str) -> Vec<Timeframe> {
    text.split(' ').map(|t| t.parse().unwrap()).collect()
}

fn start() -> i64 {
    day("2024-03-01").start_us()
}

/// A row: arrival in seconds after midnight, data type, cells.
type Row = (f64, DataType, String);

/// Numbers that look random and are the same for a seed.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

/// The rows of three days, in order of arrival. Some are late by seconds, some by up to 50 minutes, some trades are sent again.
fn rows(seed: u64) -> Vec<Row> {
    let mut random = Random(seed);
    let mut rows = Vec::new();
    let mut at = -2.0 * 3600.0;
    while at < (D + 2 * 3600) as f64 {
        at += match random.below(120) {
            0 => random.below(7_200) as f64,
            1..20 => 0.0,
            _ => random.below(90_000) as f64 / 1000.0,
        };
        let delay = match random.below(40) {
            0 => random.below(3_000) as f64,
            1..4 => random.below(20_000) as f64 / 1000.0,
            _ => random.below(200) as f64 / 1000.0,
        };
        let (arrival, price, amount) =
            (at + delay, 100.0 + random.below(1_000) as f64 / 10.0, 1.0 + random.below(50) as f64 / 8.0);
        let side = ["buy", "sell", "unknown"][random.below(3) as usize];
        match random.below(8) {
            0..4 => {
                let id = random.below(1 << 30);
                for again in 0..=u64::from(random.below(8) == 0) {
                    let arrival = arrival + (again * random.below(600)) as f64;
                    rows.push((
                        arrival,
                        DataType::Trades,
                        format!("{at},{arrival},{id},{side},{price},{amount}"),
                    ));
                }
            }
            4 => rows.push((
                arrival,
                DataType::Liquidations,
                format!("{at},{arrival},,{side},{price},{amount}"),
            )),
            5 => rows.push((
                arrival,
                DataType::DerivativeTicker,
                format!("{at},{arrival},,0.0001,,{amount},{price},{price},{}", price + 0.5),
            )),
            _ => {
                let levels = (0..5).map(|level| {
                    let level = f64::from(level);
                    format!("{},{amount},{},{amount}", price + 1.0 + level, price - level)
                });
                let levels = levels.collect::<Vec<_>>().join(",");
                rows.push((arrival, DataType::BookSnapshot5, format!("{at},{arrival},{levels}")));
            }
        }
    }
    rows.sort_by(|a, b| a.0.total_cmp(&b.0));
    rows
}

pub fn batch(data_type: DataType, rows: &[&str]) -> RecordBatch {
    let rows: Vec<Vec<&str>> = rows.iter().map(|row| row.split(',').collect()).collect();
    RecordBatch::try_new(data_type.table().row_schema().clone(), arrays(data_type, &rows)).unwrap()
}

/// The lake with these rows as days' objects.
async fn stored(rows: &[Row]) -> HandMade {
    let lake = HandMade::new();
    for (number, on) in ["2024-02-29", "2024-03-01", "2024-03-02"].into_iter().enumerate() {
        let day_us = (number as f64 - 1.0) * D as f64;
        let within = |row: &&Row| (row.0 - day_us) >= 0.0 && (row.0 - day_us) < D as f64;
        for data_type in TYPES {
            let of: Vec<&str> = rows
                .iter()
                .filter(within)
                .filter(|row| row.1 == data_type)
                .map(|row| row.2.as_str())
                .collect();
            lake.put(data_type, KEY, on, &format!("{data_type}{on}"), &of).await;
        }
        lake.table_of(on, vec![listed(KEY)]).await;
    }
    lake
}

fn settings(timeframes: &[Timeframe], fill: Fill) -> LiveSettings {
    LiveSettings { timeframes: timeframes.to_vec(), fill, ..LiveSettings::default() }
}

fn follow(from: f64) -> Follow {
    let valuation = Valuation::of(&key(KEY), Some(&listed(KEY))).ok();
    let from_us = start() + (from * 1e6) as i64;
    Follow { key: key(KEY), from_us, data_types: TYPES.to_vec(), valuation }
}

/// Pushes rows as they arrive, in batches of a quarter of a second, and advances after each, and in between every few seconds.
fn pushed(live: &mut LiveCandles, rows: &[Row], until: f64, mut give: impl FnMut(LiveCandle)) {
    let us = |seconds: f64| start() + (seconds * 1e6).round() as i64;
    let mut now = rows[0].0;
    let mut next = 0;
    while now < until {
        now += 0.25;
        let end = next + rows[next..].iter().take_while(|row| row.0 <= now).count();
        for data_type in TYPES {
            let of: Vec<&str> =
                rows[next..end].iter().filter(|row| row.1 == data_type).map(|row| row.2.as_str()).collect();
            if !of.is_empty() {
                live.push(&key(KEY), data_type, &batch(data_type, &of)).unwrap();
            }
        }
        if end == next {
            // Nothing came: on to the next second or row.
            now = rows.get(next).map_or(now + 2.0, |row| row.0.min(now + 2.0));
        }
        next = end;
        live.advance(us(now), &mut give);
    }
}

/// The text of all columns of candles, by timeframe.
async fn texts(timeframe: Timeframe, candles: impl IntoIterator<Item = Candle>) -> Vec<String> {
    let lake = HandMade::new();
    let mut writer = CandleWriter::new(&key(KEY), timeframe, lake.lake.stage().unwrap()).unwrap();
    candles.into_iter().for_each(|candle| writer.push(candle).unwrap());
    let facts = CandleFooter {
        key: key(KEY),
        day: Some(day("2024-03-01")),
        timeframe,
        fill: Fill::None,
        inputs: Vec::new(),
        units: Units::default(),
        rows: writer.rows(),
        version: mtdh_core::candle::CANDLE_VERSION,
    };
    let mut stage = writer.finish(&facts).unwrap().out;
    stage.flush().unwrap();
    let path = Layout::VENDOR.candles(day("2024-03-01"), timeframe, &key(KEY));
    lake.lake.publish(&path, stage, WriteMode::Overwrite).await.unwrap();
    let names: Vec<&str> = COLUMNS.iter().map(|column| column.name).collect();
    lake.cells(timeframe, KEY, &names)
}

#[tokio::test]
async fn the_last_revisions_of_a_day_are_the_candles_of_its_stored_rows_in_every_column() {
    let timeframes = frames("15s 1m 5m 15m 1h 4h 24h");
    let names: Vec<&str> = COLUMNS.iter().map(|column| column.name).collect();
    let (mut revisions, mut repeated) = (0, 0);
    for (seed, fill) in [(1, Fill::None), (2, Fill::None), (3, Fill::Flat)] {
        let rows = rows(seed);
        let lake = stored(&rows).await;
        let plan = lake.plan(&timeframes, fill, Shard::WHOLE, Remake::Outdated).await;
        let summary = lake.run(plan).await;
        assert!(summary.failures.is_empty() && summary.trades > 300, "{summary:?}");
        let mut live = LiveCandles::new(settings(&timeframes, fill));
        live.follow(&follow(-4.0 * 3600.0));
        let mut last: BTreeMap<(Timeframe, i64), (u32, Candle)> = BTreeMap::new();
        pushed(&mut live, &rows, (D + 4 * 3600) as f64, |given| {
            let Stage::Final { revision } = given.stage else { panic!("not asked for") };
            let place = (given.timeframe, given.candle.start);
            let known = last.insert(place, (revision, given.candle.clone()));
            match known {
                None => assert!(revision <= 1),
                Some((before, candle)) => {
                    assert_eq!(revision, before + 1);
                    assert_ne!(candle, given.candle, "a revision without a change");
                }
            }
        });
        assert_eq!(live.counts().trades_in_no_candle, 0);
        revisions += live.counts().revisions;
        repeated += summary.repeated_trades;
        for timeframe in &timeframes {
            let of_day = last
                .iter()
                .filter(|((of, at), _)| of == timeframe && *at >= start() && *at < start() + D * S);
            let live = texts(*timeframe, of_day.map(|(_, (_, candle))| candle.clone())).await;
            assert_eq!(live, lake.cells(*timeframe, KEY, &names), "{seed} {timeframe}");
        }
    }
    assert!(revisions > 100 && repeated > 10, "{revisions} revisions, {repeated} repeated");
}

#[tokio::test]
async fn candles_of_live_rows_are_made_in_their_own_place_and_know_what_was_lost() {
    let timeframes = frames("1m 5m");
    let mut lake = HandMade::new();
    lake.lake = lake.lake.with_origin(Origin::Live);
    // Recorded from 01:00:30 on, with an hour of rows, and a gap of ten seconds.
    let from = 3_630.0;
    let range = (start() + 3_630 * S, start() + D * S);
    lake.recording = Some(Recording {
        exchange: "deribit".to_owned(),
        symbol: KEY.to_owned(),
        session: "s".to_owned(),
        ranges: vec![range],
        ..Recording::default()
    });
    let rows: Vec<Row> = (0..400)
        .map(|row| {
            let at = from + f64::from(row) * 9.0;
            (at + 0.1, DataType::Trades, format!("{at},{},{row},buy,100,1", at + 0.1))
        })
        .collect();
    let texts_of: Vec<&str> = rows.iter().map(|row| row.2.as_str()).collect();
    lake.put(DataType::Trades, KEY, "2024-03-01", "", &texts_of).await;
    lake.table("2024-03-01", &[KEY]).await;
    let make = async || {
        let plan = lake.plan(&timeframes, Fill::None, Shard::WHOLE, Remake::Outdated).await;
        lake.run(plan).await.objects
    };
    assert_eq!((make().await, make().await), (2, 0));
    assert!(lake.path(timeframes[0], KEY).to_string_lossy().contains("live_candles"));
    // A gap that becomes known makes them anew.
    let gap = GapRow {
        session: "s".to_owned(),
        from_us: start() + 5_000 * S,
        kind: "sequence".to_owned(),
        connection: None,
        symbol: Some(KEY.to_owned()),
        data_type: Some(DataType::Trades),
        key: None,
        to_us: start() + 5_010 * S,
        from_id: None,
        to_id: None,
        missing: None,
        is_proven: true,
        detail: String::new(),
    };
    lake.lake.add_gaps(day("2024-03-01"), "deribit", std::slice::from_ref(&gap)).await.unwrap();
    assert_eq!((make().await, make().await), (2, 0));
    let mut live = LiveCandles::new(settings(&timeframes, Fill::None));
    live.follow(&Follow { data_types: vec![DataType::Trades], ..follow(from) });
    let mut last: BTreeMap<(Timeframe, i64), Candle> = BTreeMap::new();
    let mut take = |given: LiveCandle| _ = last.insert((given.timeframe, given.candle.start), given.candle);
    // Told within the hour in which candles are revised.
    pushed(&mut live, &rows, 7_520.0, &mut take);
    live.gap(|_| true, &Gap::from(&gap));
    live.advance(start() + 7_523 * S, &mut take);
    let names: Vec<&str> = COLUMNS.iter().map(|column| column.name).collect();
    for timeframe in &timeframes {
        let of = last.iter().filter(|((of, _), _)| of == timeframe).map(|(_, candle)| candle.clone());
        let stored = lake.cells(*timeframe, KEY, &names);
        assert_eq!(texts(*timeframe, of).await, stored, "{timeframe}");
        let not_final = lake.candles(*timeframe, KEY).iter().filter(|candle| !candle.4).count();
        // The first interval, and the one with the gap.
        assert_eq!(not_final, 2, "{timeframe}");
    }
}

/// Trades at these seconds of the exchange's clock and arrivals, one at a time with the local clock.
struct Stream {
    live: LiveCandles,
    given: Vec<(String, i64, Stage, f64, bool)>,
}

impl Stream {
    fn new(settings: LiveSettings, from: f64) -> Stream {
        let mut live = LiveCandles::new(settings);
        live.follow(&follow(from));
        Stream { live, given: Vec::new() }
    }

    fn trade(&mut self, at: f64, arrival: f64, id: &str) {
        let row = format!("{at},{arrival},{id},buy,{},1", 100.0 + at / 10.0);
        self.live.push(&key(KEY), DataType::Trades, &batch(DataType::Trades, &[&row])).unwrap();
    }

    fn now(&mut self, at: f64) -> Vec<(String, i64, Stage, f64, bool)> {
        let given = &mut self.given;
        self.live.advance(start() + (at * 1e6) as i64, |c| {
            let at = (c.candle.start - start()) / S;
            given.push((c.timeframe.to_string(), at, c.stage, c.candle.volume, c.candle.is_final));
        });
        std::mem::take(given)
    }
}

fn last(revision: u32) -> Stage {
    Stage::Final { revision }
}

#[test]
fn a_quiet_market_closes_by_time_and_a_late_trade_gives_a_revision_until_an_hour_has_passed() {
    let provisional_us = Some(50_000);
    let mut stream =
        Stream::new(LiveSettings { provisional_us, ..settings(&frames("1m 1h"), Fill::None) }, 0.0);
    stream.trade(30.0, 30.0, "a");
    assert_eq!(stream.now(60.04), []);
    assert_eq!(stream.now(60.06), [("1m".into(), 0, Stage::Provisional, 1.0, false)]);
    assert_eq!(stream.now(69.9), []);
    // Nothing came since: the local clock closes it.
    assert_eq!(stream.now(70.0), [("1m".into(), 0, last(0), 1.0, true)]);
    assert_eq!(stream.now(75.0), []);
    // A late trade, and one that is sent again, which changes only the count of those.
    stream.trade(31.0, 80.0, "b");
    assert_eq!(stream.now(80.1), [("1m".into(), 0, last(1), 2.0, true)]);
    stream.trade(31.0, 81.0, "b");
    assert_eq!(stream.now(81.1), [("1m".into(), 0, last(2), 2.0, true)]);
    assert_eq!(stream.now(81.2), []);
    // An interval that had no candle.
    assert_eq!(stream.now(200.0), []);
    stream.trade(70.0, 201.0, "c");
    assert_eq!(stream.now(201.1), [("1m".into(), 60, last(1), 1.0, true)]);
    // The hour.
    let hour = stream.now(3_620.0);
    assert!(hour.contains(&("1h".into(), 0, last(0), 3.0, true)));
    // An hour and ten seconds after its end a minute is only counted.
    assert_eq!(stream.now(3_670.0), []);
    stream.trade(32.0, 3_671.0, "d");
    assert_eq!(stream.now(3_671.1), []);
    let counts = stream.live.counts();
    assert_eq!((counts.late_trades, counts.trades_in_no_candle), (4, 1));
}

#[test]
fn the_first_interval_and_those_that_touch_a_gap_are_not_complete() {
    let mut stream = Stream::new(settings(&frames("1m"), Fill::None), 90.0);
    for minute in 1..8 {
        stream.trade(f64::from(minute) * 60.0 + 45.0, f64::from(minute) * 60.0 + 45.1, &minute.to_string());
    }
    // The gap is told when it begins, and again when it has ended, after the candles were given.
    let gap = |to_us| Gap {
        from_us: start() + 200 * S,
        to_us,
        data_type: Some(DataType::Trades),
        kind: "disconnect".to_owned(),
    };
    let flags = |given: Vec<(String, i64, Stage, f64, bool)>| -> Vec<(i64, u32, bool)> {
        let flag = |(_, at, stage, _, is_final): (String, i64, Stage, f64, bool)| match stage {
            Stage::Final { revision } => (at, revision, is_final),
            Stage::Provisional => panic!("not asked for"),
        };
        given.into_iter().map(flag).collect()
    };
    stream.live.gap(|_| true, &gap(None));
    let given = flags(stream.now(500.0));
    let expected =
        [(60, false), (120, true), (180, false), (240, false), (300, false), (360, false), (420, false)];
    assert_eq!(given, expected.map(|(at, is_final)| (at, 0, is_final)));
    stream.live.gap(|_| true, &gap(Some(start() + 250 * S)));
    assert_eq!(flags(stream.now(500.1)), [(300, 1, true), (360, 1, true), (420, 1, true)]);
    // What liquidations lack is not about trades.
    stream
        .live
        .gap(|_| true, &Gap { data_type: Some(DataType::Liquidations), kind: "x".to_owned(), ..gap(None) });
    let told = stream.now(500.2);
    assert!(told.iter().all(|(_, at, ..)| *at >= 180) && !told.is_empty());
    assert!(told.iter().all(|(_, at, _, _, is_final)| *is_final == (*at >= 300)), "{told:?}");
}

#[test]
fn memory_is_that_of_open_intervals() {
    let mut stream = Stream::new(settings(&frames("15s 1m"), Fill::None), 0.0);
    let mut most = [0; 2];
    for second in 0..6 * 3600 {
        let at = f64::from(second);
        stream.trade(at, at + 0.05, &second.to_string());
        if second % 15 == 0 {
            stream.now(at + 0.1);
            let most = &mut most[usize::from(second > 2 * 3600)];
            *most = (*most).max(stream.live.bytes());
        }
    }
    assert!(most[1] <= most[0] + most[0] / 10, "{most:?}");
    println!("one instrument with a trade a second and 15s, 1m: {} KiB", most[1] / 1024);
}
