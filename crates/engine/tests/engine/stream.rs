//! Validation of a stream, by a clock that tests set: what is found, what is refused, what waits, what cools down.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use mtdh_core::candle::{Candle, CandleBuilder, Fill, Side, Trade};
use mtdh_core::check::Severity;
use mtdh_core::check::bars::{Bar, Field};
use mtdh_engine::live::validate::{
    CandleStream, ReadKline, Refused, StreamFinding, StreamSettings, StreamValidator,
};
use mtdh_source::exchange::binance::kline_archive;
use mtdh_source::exchange::binance::klines::Market;

use crate::recorded::{messages, recorded};

pub const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;
/// A midnight.
pub const START: i64 = 1_709_251_200_000_000;

/// A validator, its clock, and what it told.
pub struct StagedObject {
    pub validator: StreamValidator,
    clock: Arc<AtomicI64>,
    pub told: Arc<Mutex<Vec<StreamFinding>>>,
}

impl StagedObject {
    pub fn new(settings: StreamSettings, read: Option<ReadKline>) -> StagedObject {
        let (clock, told) = (Arc::new(AtomicI64::new(START)), Arc::new(Mutex::new(Vec::new())));
        let (hand, ears) = (clock.clone(), told.clone());
        let now = Box::new(move || hand.load(Ordering::Relaxed));
        let mut validator = StreamValidator::new(settings, now, read);
        validator.on_finding(Box::new(move |finding| ears.lock().unwrap().push(finding.clone())));
        validator.start();
        StagedObject { validator, clock, told }
    }

    pub fn at(&self, us: i64) {
        self.clock.store(us, Ordering::Relaxed);
    }

    /// A candle comes so long after its end and is validated.
    fn comes(&mut self, stream: &CandleStream, bar: Bar, after: i64) {
        self.at(bar.start + stream.timeframe.us() + after);
        self.validator.validate_candle(stream, bar).unwrap();
        self.validator.work();
    }

    fn told(&self) -> Vec<(&'static str, Severity)> {
        self.told.lock().unwrap().drain(..).map(|f| (f.check, f.severity)).collect()
    }
}

fn stream(key: &str) -> CandleStream {
    CandleStream { key: key.parse().unwrap(), timeframe: "1m".parse().unwrap() }
}

fn spot() -> CandleStream {
    stream("BINANCE:SPOT_PAIR:BTC-USDT")
}

fn bar(minute: i64) -> Bar {
    let prices = [(Field::Open, 10.0), (Field::High, 12.0), (Field::Low, 9.0), (Field::Close, 11.0)];
    let bar = prices.into_iter().fold(Bar::new(START + minute * MINUTE, true), |b, (f, v)| b.with(f, v));
    bar.with(Field::Volume, 5.0).with(Field::TradeCount, 3.0)
}

#[test]
fn sound_candles_in_utc_pass_and_faults_are_told_once() {
    let mut stage = StagedObject::new(StreamSettings::default(), None);
    for minute in 0..5 {
        stage.comes(&spot(), bar(minute), SECOND);
    }
    assert_eq!(stage.told(), []);
    // A low above open and close: the predecessor looked at the high alone.
    stage.comes(&spot(), bar(5).with(Field::Low, 11.5), SECOND);
    stage.comes(&spot(), bar(6), SECOND);
    assert_eq!(stage.told(), [("candle_shape", Severity::Error)]);
    let mut off = bar(7);
    off.start += 1;
    stage.comes(&spot(), off, SECOND);
    assert_eq!(stage.told(), [("candle_boundary", Severity::Error)]);
    stage.comes(&spot(), bar(8), -SECOND);
    assert_eq!(stage.told(), [("candle_boundary", Severity::Error)], "final before its end");
    let seen = stage.validator.statistics();
    assert_eq!((seen.taken, seen.validated, seen.failed, seen.warned, seen.refused), (9, 9, 3, 0, 0));
}

#[test]
fn each_symbol_has_its_own_clock_and_what_is_late_is_a_warning_and_no_failure() {
    let mut stage = StagedObject::new(StreamSettings::default(), None);
    let other = stream("BINANCE:SPOT_PAIR:ETH-USDT");
    stage.comes(&spot(), bar(10), SECOND);
    // Another symbol's first candle is no step back of the first one's clock.
    stage.comes(&other, bar(9), 10 * SECOND);
    assert_eq!(stage.told(), []);
    stage.comes(&other, bar(11), 10 * SECOND + 1);
    assert_eq!(stage.told(), [("late_candle", Severity::Warning)]);
    // An older candle of the same stream fills a hole; it is late and otherwise sound.
    stage.at(START + 12 * MINUTE);
    stage.validator.validate_candle(&spot(), bar(8)).unwrap();
    stage.validator.work();
    assert_eq!(stage.told(), [("late_candle", Severity::Warning)]);
    let seen = stage.validator.statistics();
    assert_eq!((seen.late, seen.failed, seen.warned, seen.validated), (2, 0, 2, 4));
}

#[test]
fn a_full_queue_refuses_at_once_and_counts_and_stopping_never_waits() {
    let settings = StreamSettings { queue: 4, lagging: 3, ..StreamSettings::default() };
    let mut stage = StagedObject::new(settings, None);
    stage.at(START + MINUTE);
    assert_eq!(stage.validator.validate_batch(&spot(), (0..2).map(|_| bar(0))), Ok(2));
    assert!(!stage.validator.statistics().is_lagging);
    assert_eq!(stage.validator.validate_batch(&spot(), (1..5).map(bar)), Err((2, Refused::Full)));
    let seen = stage.validator.statistics();
    assert_eq!((seen.queued, seen.refused, seen.is_lagging, seen.validated), (4, 2, true, 0));
    stage.validator.stop();
    let seen = stage.validator.statistics();
    assert_eq!((seen.queued, seen.validated, seen.is_running), (0, 4, false), "stopping works the queue off");
    assert_eq!(stage.validator.validate_candle(&spot(), bar(1)), Err(Refused::NotRunning));
    stage.validator.start();
    assert_eq!(stage.validator.validate_candle(&spot(), bar(1)), Ok(()));
}

#[test]
fn the_candle_that_came_is_held_against_the_reference_once_that_has_settled() {
    let volumes = Arc::new(Mutex::new(vec![5.0, 4.0, 4.0]));
    let read = volumes.clone();
    let reads: ReadKline = Box::new(move |_, start| {
        let volume = read.lock().unwrap().pop();
        Ok(volume.map(|volume| bar((start - START) / MINUTE).with(Field::Volume, volume)))
    });
    let mut stage = StagedObject::new(StreamSettings::default(), Some(reads));
    let end = START + MINUTE;
    stage.comes(&spot(), bar(0), 0);
    assert_eq!(
        (stage.told(), stage.validator.statistics().waiting),
        (vec![], 1),
        "one reading settles nothing"
    );
    assert_eq!(stage.validator.due_us(), Some(end + 5 * SECOND));
    stage.at(end + 5 * SECOND - 1);
    stage.validator.work();
    assert_eq!((volumes.lock().unwrap().len(), stage.validator.statistics().compared), (2, 0), "not due yet");
    stage.at(end + 5 * SECOND);
    stage.validator.work();
    // Two readings of 4 agree; the candle that came has 5.
    assert_eq!(stage.told(), [("reference_volume", Severity::Error)]);
    let seen = stage.validator.statistics();
    assert_eq!((seen.compared, seen.waiting, seen.failed), (1, 0, 0));
}

#[test]
fn a_reference_that_fails_is_left_alone_for_a_while_which_shows_and_ends_by_itself() {
    let asked = Arc::new(Mutex::new(0));
    let count = asked.clone();
    let reads: ReadKline = Box::new(move |_, start| {
        let mut count = count.lock().unwrap();
        *count += 1;
        if *count <= 2 { Err("refused".to_owned()) } else { Ok(Some(bar((start - START) / MINUTE))) }
    });
    let settings = StreamSettings { failures: 2, cooldown_us: 100 * SECOND, ..StreamSettings::default() };
    let mut stage = StagedObject::new(settings, Some(reads));
    let end = START + MINUTE;
    stage.comes(&spot(), bar(0), 0);
    assert_eq!(stage.validator.statistics().cooling_until_us, None, "one failure is none in a row");
    stage.at(end + 5 * SECOND);
    stage.validator.work();
    let cooling = stage.validator.statistics();
    assert_eq!((cooling.failures_in_a_row, cooling.cooling_until_us), (2, Some(end + 105 * SECOND)));
    stage.at(end + 100 * SECOND);
    stage.validator.work();
    assert_eq!(*asked.lock().unwrap(), 2, "it is not asked meanwhile");
    // Candles are validated by themselves all the same.
    stage.comes(&spot(), bar(1).with(Field::High, 1.0), SECOND);
    assert_eq!(stage.told(), [("candle_shape", Severity::Error)]);
    stage.at(end + 105 * SECOND);
    stage.validator.work();
    let seen = stage.validator.statistics();
    assert_eq!((seen.cooling_until_us, seen.failures_in_a_row, seen.compared), (None, 0, 1));
    assert_eq!(stage.told(), []);
}

#[test]
fn recorded_traffic_is_validated_as_it_came() {
    let Some(messages) = messages("live/usdm_btcusdt_20240808.gz") else { return };
    let Some(klines) = recorded("klines/binance-um_BTCUSDT_1m_2024-08-08T2354_2024-08-09T0006.csv") else {
        return;
    };
    let klines = kline_archive::read(&klines, Market::UsdM).unwrap();
    let reads: ReadKline = Box::new(move |_, start| Ok(klines.iter().find(|b| b.start == start).cloned()));
    let mut settings = StreamSettings::default();
    for text in ["reference_price.tolerance_pct=0", "reference_volume.tolerance_pct=0"] {
        settings.checks.set(text).unwrap();
    }
    let mut stage = StagedObject::new(settings, Some(reads));
    let of = stream("BINANCE-FUTURES:PERP:BTC-USDT");
    let mut builder = CandleBuilder::new(&[of.timeframe], Fill::None);
    let (mut candles, mut first, mut reached): (Vec<Candle>, _, _) = (Vec::new(), None, i64::MIN);
    for (local_timestamp, message) in messages {
        let data = &message["data"];
        if message["stream"] != "btcusdt@trade" || data["X"] != "MARKET" {
            continue;
        }
        let timestamp = data["T"].as_i64().unwrap() * 1000;
        first.get_or_insert(timestamp);
        reached = reached.max(timestamp);
        let number = |name: &str| data[name].as_str().unwrap().parse::<f64>().unwrap();
        let side = if data["m"] == true { Side::Sell } else { Side::Buy };
        builder
            .trade(Trade { timestamp, local_timestamp, side, price: number("p"), amount: number("q") })
            .unwrap();
        // Two seconds of the exchange's clock are waited for what is late.
        builder.advance(reached - 2 * SECOND, first.unwrap() + 1..i64::MAX, |_, candle| candles.push(candle));
        for candle in candles.drain(..) {
            stage.at(candle.start + MINUTE + 2 * SECOND);
            stage.validator.validate_candle(&of, Bar::of(&candle, None)).unwrap();
            stage.validator.work();
        }
    }
    assert_eq!(builder.late(), 0);
    stage.at(reached + 2 * MINUTE);
    stage.validator.work();
    let seen = stage.validator.statistics();
    assert_eq!((seen.validated, seen.failed, seen.late, seen.refused), (5, 0, 0, 0), "{seen:?}");
    // The first minute was recorded in part: it is not final, and not held against anything.
    assert_eq!((seen.compared, seen.waiting, stage.told()), (4, 0, vec![]));
}

/// The caller brings the klines: each question once, and none of a stream whose reference failed a moment ago.
#[test]
fn klines_can_be_brought_by_the_caller() {
    let mut stage = StagedObject::new(StreamSettings::default(), None);
    stage.validator.compare_with_answers(|stream| stream.key.venue() == "BINANCE");
    let other = stream("DERIBIT:PERP:BTC-USD");
    for minute in 0..2 {
        stage.comes(&spot(), bar(minute), SECOND);
        stage.comes(&other, bar(minute), SECOND);
    }
    stage.at(START + 10 * MINUTE);
    assert_eq!(stage.validator.questions(), [(spot(), START), (spot(), START + MINUTE)]);
    stage.validator.answer(&spot(), START, Err("away".to_owned()));
    assert_eq!(stage.validator.questions(), [], "both wait after a failure");
    assert_eq!(stage.validator.statistics().failures_in_a_row, 1);
    stage.at(START + 10 * MINUTE + 5 * SECOND);
    stage.validator.answer(&spot(), START, Ok(Some(bar(0))));
    stage.validator.answer(&spot(), START + MINUTE, Ok(None));
    assert_eq!(
        stage.told(),
        [("reference_coverage", Severity::Error), ("reference_coverage", Severity::Error)]
    );
    let seen = stage.validator.statistics();
    assert_eq!((seen.compared, seen.waiting, seen.failures_in_a_row), (2, 0, 0));
}

#[test]
fn a_candle_of_the_future_is_no_candle() {
    let mut stage = StagedObject::new(StreamSettings::default(), None);
    for (ahead, expected) in
        [(5 * SECOND, vec![]), (5 * SECOND + 1, vec![("candle_boundary", Severity::Error)])]
    {
        let mut next = bar(0);
        (next.start, next.is_final) = (START + MINUTE, false);
        stage.at(next.start - ahead);
        stage.validator.validate_candle(&spot(), next).unwrap();
        stage.validator.work();
        assert_eq!(stage.told(), expected, "{ahead}");
    }
}
