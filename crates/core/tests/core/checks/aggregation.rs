//! Candles by themselves, against finer ones, against the ticks: every way to be wrong, and the step beside it.

use mtdh_core::candle::{CandleBuilder, Fill, Formula, Side, Timeframe, Trade, Valuation};
use mtdh_core::check::aggregation::cut_intervals;
use mtdh_core::check::bars::{Bar, Candles, Field, Fold, Series};
use mtdh_core::check::finding::moment;
use mtdh_core::check::{CheckFn, Detection, Settings, Severity};

use super::{check, count, day};

const MINUTE: i64 = 60_000_000;

pub fn run(name: &str, candles: &Candles<'_>) -> Vec<Detection> {
    run_with(name, candles, &Settings::default())
}

pub fn run_with(name: &str, candles: &Candles<'_>, settings: &Settings) -> Vec<Detection> {
    let check = check(name);
    let CheckFn::Candles(sides, run) = check.run else { panic!("{name} is not over candles") };
    assert_eq!(sides, candles.sides(), "{name}");
    run(candles, &settings.values(check))
}

pub fn frame(text: &str) -> Timeframe {
    text.parse().unwrap()
}

/// Trades of two hours with decimals that no float holds, ties, disorder, quiet minutes.
pub fn trades() -> Vec<Trade> {
    let mut trades = Vec::new();
    for i in 0..3_000_i64 {
        let noise = (i * 7919 + 13) % 1009;
        // Minutes 30 to 36 and 61 are quiet.
        let timestamp = day().start_us() + MINUTE + (i * 2_399_777) % (119 * MINUTE) + noise % 3;
        let minute = (timestamp - day().start_us()) / MINUTE;
        if (30..37).contains(&minute) || minute == 61 {
            continue;
        }
        let side = [Side::Buy, Side::Sell, Side::Unknown][(noise % 3) as usize];
        let (price, amount) = (100.0 + noise as f64 / 100.0, (1 + noise % 50) as f64 / 1000.0);
        trades.push(Trade { timestamp, local_timestamp: timestamp + 1000, side, price, amount });
    }
    trades.sort_by_key(|trade| trade.timestamp / 10_000_000);
    trades
}

pub fn series(timeframe: &str, fill: Fill) -> Series {
    let timeframe = frame(timeframe);
    let mut builder = CandleBuilder::new(&[timeframe], fill);
    builder.value(Valuation::new(Formula::Linear, 1.0).unwrap());
    trades().into_iter().for_each(|trade| builder.trade(trade).unwrap());
    let mut bars = Vec::new();
    builder.advance(day().end_us(), i64::MIN..i64::MAX, |_, candle| bars.push(Bar::of(&candle, None)));
    Series { timeframe, fill: Some(fill), bars }
}

fn total(found: &[Detection]) -> (u64, Option<Severity>) {
    (count(found), found.first().and_then(|f| f.severity))
}

/// Every check over sound candles, filled or not.
#[test]
fn sound_candles_are_passed_whatever_their_fill() {
    for (fine_fill, coarse_fill) in [
        (Fill::None, Fill::None),
        (Fill::Flat, Fill::Flat),
        (Fill::None, Fill::Flat),
        (Fill::Flat, Fill::None),
    ] {
        for (fine, coarse) in [("1m", "5m"), ("15s", "1h"), ("5m", "24h"), ("1m", "15m")] {
            let (fine, coarse) = (series(fine, fine_fill), series(coarse, coarse_fill));
            for name in ["candle_boundary", "candle_shape", "candle_fill"] {
                assert_eq!(run(name, &Candles::Alone(&fine)), [], "{name}");
            }
            for name in ["candle_from_finer", "finer_coverage"] {
                assert_eq!(
                    run(name, &Candles::Finer(&coarse, &fine)),
                    [],
                    "{name} {fine_fill:?} {coarse_fill:?}"
                );
            }
            let ticks = series(&coarse.timeframe.to_string(), Fill::None);
            for name in ["candle_from_ticks", "tick_coverage"] {
                assert_eq!(run(name, &Candles::Ticks(&coarse, &ticks)), [], "{name}");
            }
        }
    }
}

/// The next float: the least that a value can be off by.
fn next(value: f64) -> f64 {
    f64::from_bits(value.to_bits() + 1)
}

#[test]
fn every_field_that_is_off_is_found_in_both_comparisons() {
    let (fine, ticks) = (series("1m", Fill::None), series("5m", Fill::None));
    for field in Field::ALL.into_iter().filter(|f| *f != Field::BuyQuoteVolume) {
        let mut coarse = ticks.clone();
        let value = coarse.bars[3].get(field).unwrap();
        coarse.bars[3].set(field, Some(next(value)));
        assert_eq!(count(&run("candle_from_ticks", &Candles::Ticks(&coarse, &ticks))), 1, "{field:?}");
        // Prices must be equal to the last bit, sums of floats may be off by it.
        let is_sum = field.fold() == Fold::Sum;
        let found = run("candle_from_finer", &Candles::Finer(&coarse, &fine));
        assert_eq!(count(&found), u64::from(!is_sum), "{field:?}");
        // Of sums one part in 2^51 lies beyond what rounding can do.
        coarse.bars[3].set(field, Some(value * (1.0 + 2_f64.powi(-50))));
        let found = run("candle_from_finer", &Candles::Finer(&coarse, &fine));
        assert_eq!(total(&found), (1, None), "{field:?}");
        assert!(
            found[0].examples[0].contains(field.name()) && found[0].examples[0].contains("from 1m"),
            "{found:?}"
        );
        coarse.bars[3].set(field, Some(f64::NAN));
        assert_eq!(count(&run("candle_from_finer", &Candles::Finer(&coarse, &fine))), 1, "NaN {field:?}");
        assert_eq!(count(&run("candle_from_ticks", &Candles::Ticks(&coarse, &ticks))), 1, "NaN {field:?}");
        assert_eq!(count(&run("candle_shape", &Candles::Alone(&coarse))), 1, "NaN {field:?}");
    }
}

#[test]
fn a_volume_is_held_to_its_last_digit_and_not_to_the_tolerance_of_prices() {
    let fine = series("1m", Fill::None);
    let mut coarse = series("1h", Fill::None);
    let volume = coarse.bars[0].get(Field::Volume).unwrap();
    coarse.bars[0].set(Field::Volume, Some(volume + 0.001));
    assert_eq!(count(&run("candle_from_finer", &Candles::Finer(&coarse, &fine))), 1);
}

#[test]
fn a_candle_that_is_on_one_side_only_is_found_on_either() {
    let (fine, coarse) = (series("1m", Fill::None), series("5m", Fill::None));
    let mut incomplete = coarse.clone();
    incomplete.bars.remove(4);
    let found = run("finer_coverage", &Candles::Finer(&incomplete, &fine));
    assert_eq!(count(&found), 1);
    assert!(found[0].examples[0].contains("is missing, but there are candles of 1m"), "{found:?}");
    assert_eq!(count(&run("tick_coverage", &Candles::Ticks(&incomplete, &coarse))), 1);
    assert_eq!(count(&run("tick_coverage", &Candles::Ticks(&coarse, &incomplete))), 1);
    let mut holes = fine.clone();
    let start = coarse.bars[4].start;
    holes.bars.retain(|bar| coarse.timeframe.floor(bar.start) != start);
    let found = run("finer_coverage", &Candles::Finer(&coarse, &holes));
    assert_eq!((count(&found), found[0].range_us), (1, Some((start, start + 5 * MINUTE))));
    // One minute of five: the sums tell.
    let mut hole = fine.clone();
    let place = hole.bars.iter().position(|bar| bar.start > start).unwrap();
    hole.bars.remove(place);
    assert!(count(&run("candle_from_finer", &Candles::Finer(&coarse, &hole))) > 0);
    // A whole side.
    let empty = Series { bars: Vec::new(), ..fine.clone() };
    assert_eq!(count(&run("finer_coverage", &Candles::Finer(&coarse, &empty))), coarse.bars.len() as u64);
    let none = Series { bars: Vec::new(), ..coarse.clone() };
    assert_eq!(count(&run("finer_coverage", &Candles::Finer(&none, &fine))), coarse.bars.len() as u64);
    assert_eq!(count(&run("tick_coverage", &Candles::Ticks(&coarse, &none))), coarse.bars.len() as u64);
}

#[test]
fn a_candle_that_is_not_final_may_differ_and_says_so() {
    let (fine, mut coarse) = (series("1m", Fill::None), series("5m", Fill::None));
    let value = coarse.bars[0].get(Field::Volume).unwrap();
    coarse.bars[0].set(Field::Volume, Some(value * 2.0));
    coarse.bars[0].is_final = false;
    let found = run("candle_from_finer", &Candles::Finer(&coarse, &fine));
    assert_eq!(total(&found), (1, Some(Severity::Warning)));
    assert_eq!(found[0].explanation.as_ref().unwrap().class, "not_final");
    coarse.bars[0].is_final = true;
    let mut cut = fine.clone();
    cut.bars[0].is_final = false;
    assert_eq!(
        total(&run("candle_from_finer", &Candles::Finer(&coarse, &cut))),
        (1, Some(Severity::Warning))
    );
    for (of_ours, of_ticks) in [(false, true), (true, false)] {
        let mut ticks = series("5m", Fill::None);
        (coarse.bars[0].is_final, ticks.bars[0].is_final) = (of_ours, of_ticks);
        let found = run("candle_from_ticks", &Candles::Ticks(&coarse, &ticks));
        assert_eq!(total(&found), (1, Some(Severity::Warning)), "{of_ours} {of_ticks}");
    }
}

#[test]
fn boundaries_are_those_of_the_timeframe_by_either_name() {
    for (text, off, found) in
        [("1m", 0, 0), ("1m", 1, 1), ("5m", MINUTE, 1), ("24h", 0, 0), ("1d", 60 * MINUTE, 1), ("24h", 1, 1)]
    {
        let timeframe = frame(text);
        let bars = vec![Bar::new(day().start_us() + off, true)];
        let series = Series { timeframe, fill: None, bars };
        assert_eq!(count(&run("candle_boundary", &Candles::Alone(&series))), found, "{text} {off}");
    }
    let mut twice = series("5m", Fill::None);
    let bar = twice.bars[3].clone();
    twice.bars.insert(3, bar);
    assert_eq!(count(&run("candle_boundary", &Candles::Alone(&twice))), 1);
    let mut swapped = series("5m", Fill::None);
    swapped.bars.swap(3, 4);
    assert_eq!(count(&run("candle_boundary", &Candles::Alone(&swapped))), 1);
}

#[test]
fn candles_that_cannot_be_are_found() {
    let sound = |start: i64| {
        let prices = [(Field::Open, 10.0), (Field::High, 12.0), (Field::Low, 9.0), (Field::Close, 11.0)];
        let bar =
            prices.into_iter().fold(Bar::new(start, true), |bar, (field, value)| bar.with(field, value));
        bar.with(Field::Volume, 5.0).with(Field::TradeCount, 3.0)
    };
    let midnight = day().start_us();
    for (change, found) in [
        (vec![], 0),
        (vec![(Field::High, 10.5)], 1),
        (vec![(Field::Low, 10.5)], 1),
        (vec![(Field::Low, 11.5)], 1),
        (vec![(Field::Low, 13.0)], 1),
        (vec![(Field::High, 8.0)], 1),
        (vec![(Field::Volume, -1.0)], 1),
        // Only where prices are below 0, as a combo's, a quote volume may be.
        (vec![(Field::QuoteVolume, -1.0)], 1),
        (vec![(Field::QuoteVolume, -1.0), (Field::Low, -1.0)], 0),
        (vec![(Field::BaseVolume, -1.0), (Field::Low, -1.0)], 1),
        (vec![(Field::Open, f64::INFINITY)], 1),
        (vec![(Field::TradeCount, 0.0)], 1),
        (vec![(Field::TradeCount, 0.0), (Field::Volume, 0.0)], 1),
        (vec![(Field::Open, 10.0), (Field::High, 10.0), (Field::Low, 10.0), (Field::Close, 10.0)], 0),
    ] {
        let bar = change.iter().fold(sound(midnight), |bar, (field, value)| bar.with(*field, *value));
        let series = Series { timeframe: frame("1m"), fill: None, bars: vec![bar] };
        assert_eq!(count(&run("candle_shape", &Candles::Alone(&series))), found, "{change:?}");
    }
    let mut bare = sound(midnight);
    bare.set(Field::Close, None);
    let series = Series { timeframe: frame("1m"), fill: None, bars: vec![bare] };
    assert_eq!(count(&run("candle_shape", &Candles::Alone(&series))), 1, "a price is missing");
    for (price, found) in [(11.0, 0), (10.0, 1), (0.0, 1)] {
        let flat = Field::PRICES.into_iter().fold(Bar::new(midnight + MINUTE, true), |b, f| b.with(f, price));
        let flat = flat.with(Field::Volume, 0.0).with(Field::TradeCount, 0.0);
        let series =
            Series { timeframe: frame("1m"), fill: Some(Fill::Flat), bars: vec![sound(midnight), flat] };
        assert_eq!(count(&run("candle_shape", &Candles::Alone(&series))), found, "filled with {price}");
    }
    // The first candle of a day need not go on from the day before, which is another object's.
    let at = |start: i64, price: f64| {
        Field::PRICES.into_iter().fold(Bar::new(start, true), |b, f| b.with(f, price))
    };
    let flat = at(midnight, 7.0).with(Field::Volume, 0.0).with(Field::TradeCount, 0.0);
    let bars = vec![sound(midnight - MINUTE), flat];
    let series = Series { timeframe: frame("1m"), fill: Some(Fill::Flat), bars };
    assert_eq!(run("candle_shape", &Candles::Alone(&series)), []);
}

#[test]
fn filling_is_what_the_object_says() {
    for (of, says, found) in [
        (Fill::None, Some(Fill::None), false),
        (Fill::Flat, Some(Fill::Flat), false),
        (Fill::Flat, Some(Fill::None), true),
        (Fill::None, Some(Fill::Flat), true),
        (Fill::Flat, None, false),
        (Fill::None, None, false),
    ] {
        let series = Series { fill: says, ..series("1m", of) };
        assert_eq!(count(&run("candle_fill", &Candles::Alone(&series))) > 0, found, "{of:?} {says:?}");
    }
    let mut series = series("1m", Fill::Flat);
    let first = series.bars[40].start;
    series.bars.drain(40..43);
    let found = run("candle_fill", &Candles::Alone(&series));
    assert_eq!((count(&found), found[0].range_us), (3, Some((first, first + 3 * MINUTE))));
    assert!(found[0].examples[0].starts_with(&format!("1m {}", moment(first))), "{found:?}");
}

#[test]
fn candles_that_were_rounded_have_tolerances() {
    let (fine, sound) = (series("1m", Fill::None), series("1h", Fill::None));
    for (field, setting) in [
        (Field::High, "candle_from_finer.price_tolerance_pct=1"),
        (Field::Volume, "candle_from_finer.volume_tolerance_pct=1"),
    ] {
        for (off, found) in [(0.009, 0), (0.011, 1), (f64::NAN, 1)] {
            let mut coarse = sound.clone();
            let value = coarse.bars[0].get(field).unwrap();
            coarse.bars[0].set(field, Some(value * (1.0 + off)));
            let mut settings = Settings::default();
            settings.set(setting).unwrap();
            let told = run_with("candle_from_finer", &Candles::Finer(&coarse, &fine), &settings);
            assert_eq!(count(&told), found, "{field:?} {off}");
            assert_eq!(
                count(&run("candle_from_finer", &Candles::Finer(&coarse, &fine))),
                1,
                "{field:?} {off}"
            );
        }
    }
}

#[test]
fn intervals_that_finer_candles_cover_in_part() {
    for (minutes, cut) in [
        (0..0, vec![]),
        (0..5, vec![]),
        (0..6, vec![5]),
        (1..5, vec![0]),
        (1..4, vec![0]),
        (3..12, vec![0, 10]),
        (5..10, vec![]),
    ] {
        let at = |minute: i64| day().start_us() + minute * MINUTE;
        let bars = minutes.clone().map(|minute| Bar::new(at(minute), true)).collect();
        let fine = Series { timeframe: frame("1m"), fill: None, bars };
        let found: Vec<i64> = cut_intervals(frame("5m"), &fine).into_iter().collect();
        assert_eq!(found, cut.into_iter().map(at).collect::<Vec<_>>(), "{minutes:?}");
    }
}
