//! Candles against a reference: tolerances and the step beyond, one-sided intervals, what has not settled.

use mtdh_core::candle::Fill;
use mtdh_core::check::bars::{Bar, Candles, Field, Series, Span};
use mtdh_core::check::reference::{Reading, Settling};
use mtdh_core::check::{Detection, Settings, Severity};

use super::aggregation::{frame, run, run_with, series};
use super::{count, day};

const MINUTE: i64 = 60_000_000;
const CHECKS: [&str; 3] = ["reference_price", "reference_volume", "reference_coverage"];

fn span() -> Span {
    Span { from_us: day().start_us(), to_us: day().end_us(), settled_us: i64::MAX }
}

/// As an exchange has them: a kline for every minute from the first trade on, with what only it tells.
fn klines() -> Series {
    let mut klines = Series { fill: None, ..series("1m", Fill::Flat) };
    for bar in &mut klines.bars {
        let bought = bar.get(Field::BuyVolume).map(|volume| volume * 100.0);
        bar.set(Field::BuyQuoteVolume, bought);
    }
    klines
}

fn ours() -> Series {
    let mut ours = klines();
    ours.bars.retain(Bar::has_trades);
    ours
}

fn counts(ours: &Series, theirs: &Series) -> [u64; 3] {
    CHECKS.map(|name| count(&run(name, &Candles::Reference(ours, theirs, span()))))
}

#[test]
fn klines_without_trades_agree_with_no_candle_and_with_a_filled_one() {
    let (ours, theirs) = (ours(), klines());
    assert!(theirs.bars.len() > ours.bars.len() + 6);
    for own in [&ours, &theirs] {
        for other in [&ours, &theirs] {
            assert_eq!(counts(own, other), [0, 0, 0]);
        }
    }
    // A filled price is nobody's trade.
    let mut elsewhere = theirs.clone();
    let quiet = elsewhere.bars.iter_mut().find(|bar| !bar.has_trades()).unwrap();
    Field::PRICES.into_iter().for_each(|field| quiet.set(field, Some(1.0)));
    assert_eq!(counts(&elsewhere, &theirs), [0, 0, 0]);
}

#[test]
fn a_base_volume_may_be_off_by_the_reference_s_rounding() {
    let theirs = klines();
    let mut exactly = Settings::default();
    exactly.set("reference_volume.tolerance_pct=0").unwrap();
    let trades = ours().bars[2].get(Field::TradeCount).unwrap();
    for (off, found) in [(0.0, 0), (0.99e-8 * trades, 0), (1.01e-8 * trades, 1), (f64::NAN, 1)] {
        let mut ours = ours();
        let value = ours.bars[2].get(Field::BaseVolume).unwrap();
        ours.bars[2].set(Field::BaseVolume, Some(value + off));
        let told = run_with("reference_volume", &Candles::Reference(&ours, &theirs, span()), &exactly);
        assert_eq!(count(&told), found, "{off}");
    }
}

#[test]
fn every_field_is_compared_with_its_own_tolerance() {
    let theirs = klines();
    let volumes =
        [Field::Volume, Field::QuoteVolume, Field::TradeCount, Field::BuyVolume, Field::BuyQuoteVolume];
    for (fields, tolerance, place) in [(&Field::PRICES[..], 0.0001, 0), (&volumes[..], 0.01, 1)] {
        for field in fields {
            for (factor, found) in [(1.0, 0), (0.99, 0), (-0.99, 0), (1.01, 1), (-1.01, 1), (f64::NAN, 1)] {
                // The first candle's count is small; its share is exact all the same.
                let factor = if factor == 1.0 { 0.999 } else { factor };
                let mut ours = ours();
                let value = ours.bars[2].get(*field).unwrap();
                ours.bars[2].set(*field, Some(value * (1.0 + tolerance * factor)));
                let mut expected = [0, 0, 0];
                expected[place] = found;
                assert_eq!(counts(&ours, &theirs), expected, "{field:?} off by {factor} of the tolerance");
            }
        }
    }
}

#[test]
fn tolerances_can_be_set_and_examples_hold_both_values() {
    let (mut ours, theirs) = (ours(), klines());
    let close = ours.bars[2].get(Field::Close).unwrap();
    ours.bars[2].set(Field::Close, Some(close + 0.001));
    let candles = Candles::Reference(&ours, &theirs, span());
    for (tolerance, found) in [("0.01", 0), ("0", 1), ("0.0001", 1), ("1", 0)] {
        let mut settings = Settings::default();
        settings.set(&format!("reference_price.tolerance_pct={tolerance}")).unwrap();
        let told = run_with("reference_price", &candles, &settings);
        assert_eq!(count(&told), found, "{tolerance}");
        if found > 0 {
            let example = &told[0].examples[0];
            assert!(example.contains(&format!("close: ours {}, theirs {close}", close + 0.001)), "{example}");
        }
    }
}

#[test]
fn what_is_on_one_side_only_is_found_on_either() {
    let (ours, theirs) = (ours(), klines());
    let mut fewer = ours.clone();
    fewer.bars.drain(10..13);
    assert_eq!(counts(&fewer, &theirs), [0, 0, 3], "we lack candles");
    let found = run("reference_coverage", &Candles::Reference(&fewer, &theirs, span()));
    let (first, last) = (ours.bars[10].start, ours.bars[12].start);
    assert_eq!(found[0].range_us, Some((first, last + MINUTE)), "to the end of the last one");
    assert_eq!(counts(&ours, &fewer), [0, 0, 3], "the reference lacks klines");
    // Trades here, and a kline that says there were none.
    let mut idle = theirs.clone();
    let start = ours.bars[10].start;
    let bar = idle.bars.iter_mut().find(|bar| bar.start == start).unwrap();
    [Field::Volume, Field::TradeCount].into_iter().for_each(|field| bar.set(field, Some(0.0)));
    assert_eq!(counts(&ours, &idle), [0, 0, 1], "a volume against zero divides by nothing");
    let none = Series { bars: Vec::new(), ..ours.clone() };
    assert_eq!(counts(&none, &theirs)[2], ours.bars.len() as u64);
    assert_eq!(counts(&ours, &none)[2], ours.bars.len() as u64 + 1, "and the reference is empty");
    assert_eq!(counts(&none, &none), [0, 0, 1], "nothing was compared");
    let elsewhere = Span { from_us: day().end_us(), to_us: day().end_us() + MINUTE, ..span() };
    let found = run("reference_coverage", &Candles::Reference(&ours, &theirs, elsewhere));
    assert_eq!(count(&found), 1, "nothing lies in the time that is compared");
}

#[test]
fn candles_that_are_not_final_differ_with_a_warning() {
    let (mut ours, theirs) = (ours(), klines());
    ours.bars[0].set(Field::Volume, Some(0.001));
    ours.bars[0].is_final = false;
    let found: Vec<Detection> = run("reference_volume", &Candles::Reference(&ours, &theirs, span()));
    assert_eq!((count(&found), found[0].severity), (1, Some(Severity::Warning)));
}

#[test]
fn what_has_not_settled_is_counted_and_not_compared() {
    let (mut ours, theirs) = (ours(), klines());
    let at = ours.bars[20].start;
    ours.bars[20].set(Field::Close, Some(1.0));
    for (settled_us, found) in [(at + MINUTE, 1), (at + MINUTE - 1, 0)] {
        let candles = Candles::Reference(&ours, &theirs, Span { settled_us, ..span() });
        assert_eq!(count(&run("reference_price", &candles)), found, "{settled_us}");
        let coverage = run("reference_coverage", &candles);
        assert!(coverage.iter().all(|f| f.severity == Some(Severity::Info)), "{coverage:?}");
        assert_eq!(coverage[0].explanation.as_ref().unwrap().class, "not_settled");
    }
}

#[test]
fn a_kline_settles_when_it_is_old_or_two_readings_agree() {
    const SECOND: i64 = 1_000_000;
    let bar = |close: f64| Some(Bar::new(0, true).with(Field::Close, close));
    let end = 60 * SECOND;
    let again = |seconds: i64| Reading::Again(end + seconds * SECOND);
    for (readings, what) in [
        (
            vec![
                (-3, bar(1.0), again(0)),
                (0, bar(1.0), again(5)),
                (5, bar(1.0), Reading::Settled(bar(1.0).map(Box::new))),
            ],
            "agrees",
        ),
        (
            vec![
                (0, bar(1.0), again(5)),
                (5, bar(2.0), again(10)),
                (10, bar(2.0), Reading::Settled(bar(2.0).map(Box::new))),
            ],
            "changes",
        ),
        (
            vec![
                (1, bar(1.0), again(6)),
                (2, bar(1.0), again(6)),
                (6, bar(1.0), Reading::Settled(bar(1.0).map(Box::new))),
            ],
            "too soon",
        ),
        (
            vec![(1, None, again(6)), (6, None, again(11)), (60, None, Reading::Settled(None))],
            "does not come",
        ),
        (
            vec![
                (1, None, again(6)),
                (6, bar(1.0), again(11)),
                (11, bar(1.0), Reading::Settled(bar(1.0).map(Box::new))),
            ],
            "comes late",
        ),
        (vec![(61, bar(1.0), Reading::Settled(bar(1.0).map(Box::new)))], "old"),
    ] {
        let mut settling = Settling::new(end, 60 * SECOND, 5 * SECOND);
        assert_eq!(settling.first_us(), end);
        for (seconds, kline, expected) in readings {
            assert_eq!(settling.read(end + seconds * SECOND, kline), expected, "{what} at {seconds} s");
        }
    }
}

#[test]
fn the_two_names_of_a_day_are_one() {
    assert_eq!(frame("24h"), frame("1d"));
}

#[test]
fn trades_are_lost_where_the_reference_has_more_of_both() {
    for (count_more, volume_more, expected) in [
        (1.0, 0.001, 1),
        (1.0, 0.0, 0),
        (0.0, 0.001, 0),
        (-1.0, -0.001, 0),
        (-1.0, 0.001, 0),
        (500.0, 90.0, 1),
    ] {
        let (ours, mut theirs) = (ours(), klines());
        let start = ours.bars[2].start;
        let kline = theirs.bars.iter_mut().find(|bar| bar.start == start).unwrap();
        for (field, more) in [(Field::TradeCount, count_more), (Field::Volume, volume_more)] {
            kline.set(field, kline.get(field).map(|value| value + more));
        }
        let lost = run("lost_trades", &Candles::Reference(&ours, &theirs, span()));
        assert_eq!(count(&lost), expected, "{count_more} {volume_more}");
    }
    // At the edge of a recording it is no loss yet.
    let (mut ours, theirs) = (ours(), klines());
    ours.bars[0].set(Field::Volume, Some(0.001));
    ours.bars[0].set(Field::TradeCount, Some(1.0));
    ours.bars[0].is_final = false;
    let lost = run("lost_trades", &Candles::Reference(&ours, &theirs, span()));
    assert_eq!((count(&lost), lost[0].severity), (1, Some(Severity::Warning)));
}

#[test]
fn a_reference_that_contradicts_itself_is_told_and_not_compared() {
    let (ours, theirs) = (ours(), klines());
    let twice = |place: usize, change: &dyn Fn(&mut Bar)| {
        let mut twice = theirs.clone();
        let start = ours.bars[2].start;
        let mut again = theirs.bars.iter().find(|bar| bar.start == start).unwrap().clone();
        change(&mut again);
        twice.bars.insert(if place == 0 { 0 } else { theirs.bars.len() }, again);
        twice
    };
    for place in [0, 1] {
        let close = |bar: &mut Bar| bar.set(Field::Close, Some(1.0));
        let count_less = |bar: &mut Bar| bar.set(Field::TradeCount, Some(0.0));
        for (name, theirs, expected) in [
            ("equal", twice(place, &|_| ()), 0),
            ("another close", twice(place, &close), 1),
            ("another count", twice(place, &count_less), 1),
        ] {
            let found = run("reference_contradicts_itself", &Candles::Reference(&ours, &theirs, span()));
            assert_eq!(count(&found), expected, "{name} {place}");
            assert_eq!(counts(&ours, &theirs)[..2], [0, 0], "{name} {place}");
        }
    }
    let found = run(
        "reference_contradicts_itself",
        &Candles::Reference(&ours, &twice(1, &|bar| bar.set(Field::Close, Some(1.0))), span()),
    );
    let close = ours.bars[2].get(Field::Close).unwrap();
    assert!(found[0].examples[0].ends_with(&format!("close {close} and 1")), "{:?}", found[0].examples);
}
