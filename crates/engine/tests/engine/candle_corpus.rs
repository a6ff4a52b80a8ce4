//! Faults planted in the candles of a day of the stand-in, and in klines of it: all above their thresholds are found.

use mtdh_core::DataType::Trades;
use mtdh_core::candle::{Candle, CandleBuilder, Fill, Side, Timeframe, Trade};
use mtdh_core::check::bars::{Bar, Candles, Field, Series, Span};
use mtdh_core::check::{CheckFn, Settings, all};

use crate::candle_support::Market;
use crate::corpus::pin;

/// The candles of a timeframe, of the day's trades.
fn candles(market: &Market, timeframe: &str) -> Series {
    let timeframe: Timeframe = timeframe.parse().unwrap();
    let mut builder = CandleBuilder::new(&[timeframe], Fill::None);
    for line in &market.files[0].1[1..] {
        let cells: Vec<&str> = line.split(',').collect();
        let trade = Trade {
            timestamp: cells[2].parse().unwrap(),
            local_timestamp: cells[3].parse().unwrap(),
            side: Side::from_name(cells[5]).unwrap(),
            price: cells[6].parse().unwrap(),
            amount: cells[7].parse().unwrap(),
        };
        builder.trade(trade).unwrap();
    }
    let mut bars = Vec::new();
    builder.finish(i64::MIN..i64::MAX, |_, candle: Candle| bars.push(Bar::of(&candle, None)));
    Series { timeframe, fill: Some(Fill::None), bars }
}

/// How often each check finds something.
fn found(candles: &Candles<'_>, name: Option<&str>) -> u64 {
    let of = all().filter(|check| name.is_none_or(|name| check.name == name));
    let found = of.filter_map(|check| match check.run {
        CheckFn::Candles(sides, run) if sides == candles.sides() => {
            Some(run(candles, &Settings::default().values(check)))
        }
        _ => None,
    });
    found.flatten().map(|found| found.count).sum()
}

/// Which of the two sides is changed.
#[derive(Clone, Copy, PartialEq)]
enum Of {
    Alone,
    Finer,
    Ticks,
    Ours,
    Theirs,
}

type Change = fn(&mut Bar) -> bool;

fn scale(bar: &mut Bar, field: Field, factor: f64) -> bool {
    bar.set(field, bar.get(field).map(|value| value * factor));
    true
}

/// What is planted, in which side, which check must find it, whether it is beyond the threshold; a change that gives false
/// takes the candle away.
const FAULTS: [(&str, Of, &str, bool, Change); 13] = [
    ("a candle starts 1 µs late (1m)", Of::Alone, "candle_boundary", true, |b| {
        b.start += 1;
        true
    }),
    ("a low above the high (1m)", Of::Alone, "candle_shape", true, |b| {
        let high = b.get(Field::High);
        b.set(Field::Low, high.map(|v| v + 1.0));
        true
    }),
    ("a candle without trades, of an object that is not filled (1m)", Of::Alone, "candle_fill", true, |b| {
        b.set(Field::TradeCount, Some(0.0));
        true
    }),
    ("a high that no finer candle has (5m, 1m)", Of::Finer, "candle_from_finer", true, |b| {
        scale(b, Field::High, 1.0 + 1e-15)
    }),
    ("a candle is lost (5m, 1m)", Of::Finer, "finer_coverage", true, |_| false),
    ("a volume that the trades do not give (1m)", Of::Ticks, "candle_from_ticks", true, |b| {
        scale(b, Field::Volume, 1.0 + 1e-15)
    }),
    ("a candle is lost (1m, trades)", Of::Ticks, "tick_coverage", true, |_| false),
    ("a close 0.011 % off (1m, klines)", Of::Ours, "reference_price", true, |b| {
        scale(b, Field::Close, 1.00011)
    }),
    ("a close 0.009 % off (1m, klines)", Of::Ours, "reference_price", false, |b| {
        scale(b, Field::Close, 1.00009)
    }),
    ("a volume 1.1 % off (1m, klines)", Of::Ours, "reference_volume", true, |b| {
        scale(b, Field::Volume, 0.989)
    }),
    ("a volume 0.9 % off (1m, klines)", Of::Ours, "reference_volume", false, |b| {
        scale(b, Field::Volume, 0.991)
    }),
    ("a candle is lost (1m, klines)", Of::Ours, "reference_coverage", true, |_| false),
    ("a kline is lost (1m, klines)", Of::Theirs, "reference_coverage", true, |_| false),
];

#[test]
fn all_faults_planted_in_candles_are_found_and_nothing_on_the_clean_day() {
    let market = Market::new("binance", "ADAUSDT", "2024-02-29", &[Trades]);
    let (fine, coarse) = (candles(&market, "1m"), candles(&market, "5m"));
    let span = Span { from_us: i64::MIN, to_us: i64::MAX, settled_us: i64::MAX };
    for clean in [
        Candles::Alone(&fine),
        Candles::Alone(&coarse),
        Candles::Finer(&coarse, &fine),
        Candles::Ticks(&fine, &fine),
        Candles::Reference(&fine, &fine, span),
    ] {
        assert_eq!(found(&clean, None), 0, "{:?}", clean.sides());
    }
    let mut table = String::from("| fault | size | check | planted | found |\n|---|---|---|---:|---:|\n");
    for (fault, of, check, is_beyond, change) in FAULTS {
        let (mut planted, mut counts) = (Vec::new(), Vec::new());
        for most in [1, 100, usize::MAX] {
            let mut changed = if of == Of::Finer { coarse.clone() } else { fine.clone() };
            // Every second one, so that each is a fault of its own, and some are left.
            let (mut place, mut done) = (0, 0);
            changed.bars.retain_mut(|bar| {
                place += 1;
                if place % 2 == 0 && done < most {
                    done += 1;
                    return change(bar);
                }
                true
            });
            let pair = match of {
                Of::Alone => Candles::Alone(&changed),
                Of::Finer => Candles::Finer(&changed, &fine),
                Of::Ticks => Candles::Ticks(&changed, &fine),
                Of::Ours => Candles::Reference(&changed, &fine, span),
                Of::Theirs => Candles::Reference(&fine, &changed, span),
            };
            planted.push(if is_beyond { done as u64 } else { 0 });
            counts.push(found(&pair, Some(check)));
        }
        assert_eq!(planted, counts, "{fault}");
        let list = |counts: &[u64]| counts.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
        let (planted, counts) = (list(&planted), list(&counts));
        table += &format!("| {fault} | 1, 100, a day | {check} | {planted} | {counts} |\n");
    }
    pin("candles", &table);
}
