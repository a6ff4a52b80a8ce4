//! Validation of rows as they arrive: the same findings as of a file, told when they are known, by a clock that tests set.

use std::collections::BTreeMap;

use arrow_array::RecordBatch;
use mtdh_core::DataType;
use mtdh_core::check::{CheckFn, Group, find};
use mtdh_engine::live::validate::{Refused, Stream, StreamSettings, TickStream};
use mtdh_source::tardis::csv::{Decoder, Expectation};

use crate::candle_support::{Market, plan};
use crate::recorded::messages;
use crate::stream::{SECOND, START, StagedObject};

/// Rows come and are validated.
fn come(stage: &mut StagedObject, stream: &TickStream, batch: RecordBatch) {
    stage.validator.validate_ticks(stream, batch).unwrap();
    stage.validator.work();
}

/// The checks that found something since this was last asked, and how many times.
fn told(stage: &StagedObject) -> Vec<(&'static str, u64)> {
    stage.told.lock().unwrap().drain(..).map(|f| (f.check, f.found.count)).collect()
}

fn stream(key: &str, data_type: DataType) -> TickStream {
    TickStream { key: key.parse().unwrap(), data_type }
}

fn spot() -> TickStream {
    stream("BINANCE:SPOT_PAIR:BTC-USDT", DataType::Trades)
}

/// Rows of vendor's lines, without a header row.
pub fn batch(data_type: DataType, lines: &[String]) -> RecordBatch {
    let table = data_type.table();
    let mut decoder = Decoder::new(table, Expectation::default());
    let text = format!("{}\n{}\n", table.csv_header(), lines.join("\n"));
    decoder.push(text.as_bytes()).unwrap();
    decoder.finish().unwrap();
    let rows = decoder.take_rows().unwrap();
    assert!(decoder.take_rows().is_none() && decoder.take_rejects().is_empty());
    RecordBatch::try_new(table.row_schema().clone(), rows.columns).unwrap()
}

/// Trades of (exchange time, arrival, id), seconds after the start.
fn trades(rows: &[(i64, i64, u64)]) -> RecordBatch {
    let us = |seconds: i64| START + seconds * SECOND;
    let line = |(exchange, arrival, id): &(i64, i64, u64)| {
        format!("binance,BTCUSDT,{},{},{id},buy,10,1", us(*exchange), us(*arrival))
    };
    batch(DataType::Trades, &rows.iter().map(line).collect::<Vec<_>>())
}

#[test]
fn a_stream_finds_what_a_check_of_the_file_finds_however_it_is_cut() {
    let types =
        [DataType::Trades, DataType::BookSnapshot5, DataType::IncrementalBookL2, DataType::BookTicker];
    let mut market = Market::new("binance", "ADAUSDT", "2024-02-29", &types);
    let twice = market.lines(DataType::Trades)[40].clone();
    market.lines(DataType::Trades).insert(41, twice);
    market.lines(DataType::Trades).remove(90);
    let by_file: BTreeMap<(DataType, &str), u64> = market
        .findings(&plan(&[Group::Timestamp, Group::Book]))
        .into_iter()
        .filter(|f| matches!(find(f.check).unwrap().run, CheckFn::Rows(..)))
        .map(|f| ((f.data_type.unwrap(), f.check), f.found.count))
        .collect();
    assert!(by_file.contains_key(&(DataType::Trades, "missing_trade_id")), "{by_file:?}");
    for rows_at_once in [1, 37, 100_000] {
        let mut stage = StagedObject::new(StreamSettings::default(), None);
        for (data_type, lines) in &market.files {
            let of = stream("BINANCE:SPOT_PAIR:ADA-USDT", *data_type);
            lines[1..].chunks(rows_at_once).for_each(|lines| come(&mut stage, &of, batch(*data_type, lines)));
        }
        stage.validator.stop();
        let mut by_stream = BTreeMap::new();
        for finding in stage.told.lock().unwrap().iter() {
            let Stream::Ticks(of) = &finding.stream else { panic!("{}", finding.stream) };
            let of_rows = find(finding.check).is_some_and(|check| matches!(check.run, CheckFn::Rows(..)));
            if of_rows {
                *by_stream.entry((of.data_type, finding.check)).or_default() += finding.found.count;
            }
        }
        assert_eq!(by_stream, by_file, "{rows_at_once} rows at once");
        let rows: usize = market.files.iter().map(|(_, lines)| lines.len() - 1).sum();
        let seen = stage.validator.statistics();
        assert_eq!((seen.rows, seen.refused, seen.queued), (rows as u64, 0, 0));
    }
}

#[test]
fn what_is_wrong_is_told_at_once_and_what_may_still_come_at_the_end() {
    let mut stage = StagedObject::new(StreamSettings::default(), None);
    come(&mut stage, &spot(), trades(&[(0, 1, 1), (1, 2, 2)]));
    assert_eq!(told(&stage), []);
    // Trade 3 is missing for now; the arrival clock goes back.
    come(&mut stage, &spot(), trades(&[(3, 4, 4), (4, 3, 5)]));
    assert_eq!(told(&stage), [("arrival_clock", 1)]);
    come(&mut stage, &spot(), trades(&[(2, 5, 2), (5, 6, 7)]));
    assert_eq!(told(&stage), [("exchange_clock", 1), ("repeated_trade_id", 1), ("changed_trade", 1)]);
    let seen = stage.validator.statistics();
    assert_eq!((seen.validated, seen.rows, seen.failed, seen.warned), (3, 6, 1, 1));
    // Trade 3 comes late, trade 6 does not.
    come(&mut stage, &spot(), trades(&[(6, 7, 3)]));
    assert_eq!(told(&stage), []);
    stage.validator.stop();
    assert_eq!(told(&stage), [("missing_trade_id", 1)]);
    stage.validator.stop();
    assert_eq!(told(&stage), [], "told once");
}

#[test]
fn a_day_ends_at_midnight_by_arrival() {
    let day = 86_400;
    let mut stage = StagedObject::new(StreamSettings::default(), None);
    // The batch goes over midnight; trade 2 is missing on the first day, and the second day begins with any number.
    come(&mut stage, &spot(), trades(&[(day - 3, day - 2, 1), (day - 2, day - 1, 3), (day - 1, day, 9)]));
    assert_eq!(told(&stage), [("missing_trade_id", 1)]);
    // A row of yesterday that arrives now is none of today's.
    come(&mut stage, &spot(), trades(&[(day, day - 1, 10)]));
    assert_eq!(told(&stage), [("arrival_clock", 1), ("outside_day", 1)]);
}

#[test]
fn rows_behind_the_watermark_are_late_by_the_streams_own_clock() {
    let settings = StreamSettings { watermark_us: 10 * SECOND, ..StreamSettings::default() };
    let mut stage = StagedObject::new(settings, None);
    let other = stream("BINANCE:SPOT_PAIR:ETH-USDT", DataType::Trades);
    come(&mut stage, &spot(), trades(&[(100, 101, 1), (90, 102, 2)]));
    assert_eq!(told(&stage), [("exchange_clock", 1)], "ten seconds are not late");
    come(&mut stage, &spot(), trades(&[(89, 103, 3), (80, 104, 4), (101, 105, 5)]));
    assert_eq!(told(&stage), [("late_tick", 2), ("exchange_clock", 2)]);
    come(&mut stage, &other, trades(&[(50, 105, 1)]));
    assert_eq!(told(&stage), [], "another instrument has a clock of its own");
    assert_eq!(stage.validator.statistics().late, 2);
}

#[test]
fn a_silence_is_told_while_it_lasts_and_once() {
    let mut stage = StagedObject::new(StreamSettings::default(), None);
    let at = |seconds: i64| START + seconds * SECOND;
    let rows: Vec<_> = (0..30).map(|n| (n, n, n as u64 + 1)).collect();
    stage.at(at(29));
    come(&mut stage, &spot(), trades(&rows));
    // A second between trades: the floor of a minute decides.
    assert_eq!(stage.validator.due_us(), Some(at(29 + 60) + 1));
    stage.at(at(89));
    stage.validator.work();
    assert_eq!(told(&stage), []);
    stage.at(at(90));
    stage.validator.work();
    stage.at(at(300));
    stage.validator.work();
    assert_eq!((told(&stage), stage.validator.due_us()), (vec![("silence", 1)], None));
    // Neither a further row of the same moment nor the row that ends it tells it again; one that nobody waited for is told
    // by the next row, and a pause of just the threshold is none.
    come(&mut stage, &spot(), trades(&[(29, 29, 40)]));
    stage.validator.work();
    assert_eq!(told(&stage), []);
    come(&mut stage, &spot(), trades(&[(300, 300, 31)]));
    assert_eq!(told(&stage), []);
    come(&mut stage, &spot(), trades(&[(360, 360, 32), (460, 460, 33), (461, 461, 34)]));
    assert_eq!(told(&stage), [("silence", 1)]);
}

#[test]
fn rows_wait_in_the_same_queue_as_candles() {
    let settings = StreamSettings { queue: 2, lagging: 2, ..StreamSettings::default() };
    let mut stage = StagedObject::new(settings, None);
    let one = || trades(&[(0, 1, 1)]);
    let quotes = stream("BINANCE:SPOT_PAIR:BTC-USDT", DataType::Quotes);
    let Err(Refused::Columns(text)) = stage.validator.validate_ticks(&quotes, one()) else {
        panic!("trades are no quotes")
    };
    assert!(text.contains("ask_amount"), "{text}");
    stage.validator.validate_ticks(&spot(), one()).unwrap();
    stage.validator.validate_ticks(&spot(), one()).unwrap();
    assert_eq!(stage.validator.validate_ticks(&spot(), one()), Err(Refused::Full));
    let seen = stage.validator.statistics();
    assert_eq!((seen.taken, seen.refused, seen.queued, seen.is_lagging), (2, 2, 2, true));
    stage.validator.stop();
    assert_eq!(stage.validator.validate_ticks(&spot(), one()), Err(Refused::NotRunning));
}

#[test]
fn recorded_trades_and_tops_of_book_are_sound_as_they_came() {
    // In one of the recordings a top of the book is there twice in one microsecond, with another between: no repetition.
    for (file, exchange, key, trades, tops) in [
        ("live/spot_btcusdt_20240808.gz", "binance", "BINANCE:SPOT_PAIR:BTC-USDT", 9_757, 28_040),
        ("live/usdm_btcusdt_20240808.gz", "binance-futures", "BINANCE-FUTURES:PERP:BTC-USDT", 21_313, 66_089),
    ] {
        let Some(messages) = messages(file) else { return };
        let mut stage = StagedObject::new(StreamSettings::default(), None);
        let mut rows = BTreeMap::<DataType, u64>::new();
        for (arrival, message) in messages {
            let data = &message["data"];
            let text = |name: &str| data[name].as_str().unwrap().to_owned();
            let (data_type, cells) = match message["stream"].as_str() {
                Some("btcusdt@trade") => {
                    let side = if data["m"] == true { "sell" } else { "buy" };
                    let at = data["T"].as_i64().unwrap() * 1000;
                    let cells = format!("{at},{arrival},{},{side},{},{}", data["t"], text("p"), text("q"));
                    (DataType::Trades, cells)
                }
                Some("btcusdt@bookTicker") => {
                    // Spot's gives no time.
                    let at = data["T"].as_i64().map_or(arrival, |ms| ms * 1000);
                    let [ask, asks, bid, bids] = ["a", "A", "b", "B"].map(text);
                    (DataType::BookTicker, format!("{at},{arrival},{asks},{ask},{bid},{bids}"))
                }
                _ => continue,
            };
            *rows.entry(data_type).or_default() += 1;
            stage.at(arrival);
            come(
                &mut stage,
                &stream(key, data_type),
                batch(data_type, &[format!("{exchange},BTCUSDT,{cells}")]),
            );
        }
        stage.validator.stop();
        assert_eq!((rows[&DataType::Trades], rows[&DataType::BookTicker]), (trades, tops));
        let seen = stage.validator.statistics();
        assert_eq!((seen.rows, seen.failed, seen.refused, seen.late), (trades + tops, 0, 0, 0), "{seen:?}");
        assert_eq!(told(&stage), [], "{file}");
    }
}
