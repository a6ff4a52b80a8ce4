//! Planted faults in values and clocks, in the same way as `corpus`: a market and a perpetual with its ticker. The table of
//! it stands in `docs/reference/detection.md`.

use std::sync::LazyLock;

use mtdh_core::DataType::{self, BookSnapshot5, DerivativeTicker, IncrementalBookL2, Quotes, Trades};
use mtdh_core::check::{Group, Severity};

use crate::candle_support::{Market, plan};
use crate::corpus::{
    ARRIVAL, CLEAN, EXCHANGE_TIME, Planted, below, cell, check, in_rows, line, number, only, pin, row, set,
    us,
};

const SECOND: i64 = 1_000_000;
const HOUR: i64 = 3600 * SECOND;

/// A perpetual with its ticker.
static PERP: LazyLock<Market> = LazyLock::new(|| {
    let types = [Trades, BookSnapshot5, Quotes, DerivativeTicker];
    Market::new("binance-futures", "ADAUSDT", "2024-02-29", &types)
});

/// What a check finds in a changed market: as many findings as were planted, whatever they count.
fn stretch(
    fault: &str,
    words: &str,
    name: &'static str,
    of: DataType,
    market: &Market,
    planted: u64,
) -> Planted {
    let mut planted = check(fault, words, name, Some(of), market, planted);
    planted.found = planted.found.min(1);
    planted
}

/// Changes the rows of a part of the day, from 10:00 on.
fn part(market: &mut Market, of: DataType, hours: i64, mut change: impl FnMut(&mut String)) {
    let from = market.day.start_us() + 10 * HOUR;
    let lines = market.lines(of).iter_mut().skip(1);
    lines.filter(|line| (from..from + hours * HOUR).contains(&us(line, ARRIVAL))).for_each(&mut change);
}

const PARTS: [(i64, &str); 3] = [(1, "1 h"), (6, "6 h"), (12, "12 h")];

fn clocks() -> Vec<Planted> {
    let mut all = Vec::new();
    let behind = |by: i64| {
        move |line: &mut String, _: &str| set(line, EXCHANGE_TIME, &(us(line, ARRIVAL) - by).to_string())
    };
    all.extend(in_rows(
        "exchange time 60.000001 s before arrival",
        "clock_skew",
        &[Trades],
        behind(60 * SECOND + 1),
    ));
    all.extend(below("exchange time 60 s before arrival", "clock_skew", &[Trades], behind(60 * SECOND)));
    for (fault, of) in [
        ("exchange time an hour behind", (|us: i64| us - HOUR) as fn(i64) -> i64),
        ("exchange time an hour ahead", |us| us + HOUR),
        ("exchange time 61 s behind", |us| us - 61 * SECOND),
    ] {
        for (hours, words) in PARTS.into_iter().chain([(14, "14 h")]) {
            let mut market = only(&[Trades]);
            part(&mut market, Trades, hours, |line| {
                let moved = of(us(line, EXCHANGE_TIME)).to_string();
                set(line, EXCHANGE_TIME, &moved);
            });
            all.push(stretch(fault, words, "clock_offset", Trades, &market, 1));
        }
    }
    let mut market = only(&[Trades]);
    part(&mut market, Trades, 14, |line| {
        let moved = us(line, EXCHANGE_TIME) - 59 * SECOND;
        set(line, EXCHANGE_TIME, &moved.to_string());
    });
    all.push(stretch("exchange time 59 s behind", "14 h", "clock_offset", Trades, &market, 0));
    all
}

fn impossible() -> Vec<Planted> {
    let mut all = Vec::new();
    for (fault, of, place, text) in [
        ("a price of 0", Trades, 6, "0"),
        ("a price below 0", Trades, 6, "-1.5"),
        ("a price of 1.7e308", Trades, 6, "1.7e308"),
        ("an amount of 0", Trades, 7, "0"),
        ("an ask amount of 0", Quotes, 4, "0"),
        ("a bid of 0", BookSnapshot5, 6, "0"),
        ("a level at 0", IncrementalBookL2, 6, "0"),
    ] {
        all.extend(in_rows(fault, "values", &[of], move |line, _| set(line, place, text)));
    }
    for (fault, place, text) in [
        ("a funding rate of 300 %", 5, "3"),
        ("an open interest below 0", 7, "-1"),
        ("an index price of 0", 9, "0"),
        ("a mark price of 0", 10, "0"),
    ] {
        for (count, words) in [(1, "1 row"), (100, "100 rows")] {
            let mut market = PERP.clone();
            market.files.retain(|(of, _)| *of == DerivativeTicker);
            let lines = market.lines(DerivativeTicker).iter_mut().skip(20).step_by(3).take(count);
            lines.for_each(|line| set(line, place, text));
            all.push(check(fault, words, "values", Some(DerivativeTicker), &market, count as u64));
        }
    }
    all.extend(below("a level that goes", "values", &[IncrementalBookL2], |line, _| set(line, 7, "0")));
    all
}

fn neighbours() -> Vec<Planted> {
    let mut all = Vec::new();
    let times = |factor: f64| {
        move |line: &mut String| {
            let price = number(line, 6) * factor;
            set(line, 6, &format!("{price:.4}"));
        }
    };
    for (factor, words) in [(10.0, "ten times"), (0.1, "a tenth of"), (1.5, "half more than")] {
        for (count, size) in [(1, "1 row"), (50, "50 rows")] {
            let mut market = only(&[Trades]);
            let lines = market.lines(Trades).iter_mut().skip(100).step_by(20).take(count);
            lines.for_each(times(factor));
            let fault = format!("a price {words} its neighbours");
            all.push(check(&fault, size, "price_outlier", Some(Trades), &market, count as u64));
        }
    }
    let mut market = only(&[Trades]);
    market.lines(Trades).iter_mut().skip(100).step_by(20).for_each(times(1.05));
    all.push(check("a price 5 % off", "80 rows", "price_outlier", Some(Trades), &market, 0));
    for (hours, words) in PARTS {
        let mut market = only(&[Trades, BookSnapshot5]);
        part(&mut market, Trades, hours, times(1.3));
        all.push(stretch("prices of another instrument, 30 % off", words, "price_shift", Trades, &market, 1));
        all.push(stretch(
            "prices of another instrument, 30 % off",
            words,
            "trade_off_book",
            Trades,
            &market,
            1,
        ));
        let mut market = PERP.clone();
        market.files.retain(|(of, _)| matches!(of, Trades | DerivativeTicker));
        part(&mut market, Trades, hours, times(1.3));
        all.push(stretch(
            "prices of another instrument, 30 % off",
            words,
            "trade_off_mark",
            Trades,
            &market,
            1,
        ));
        let mut market = only(&[Trades, BookSnapshot5]);
        part(&mut market, BookSnapshot5, hours, |line| {
            (4..24).step_by(2).for_each(|place| {
                let price = number(line, place) * 1.3;
                set(line, place, &format!("{price:.4}"));
            });
        });
        all.push(stretch(
            "a book of another instrument, 30 % off",
            words,
            "trade_off_book",
            Trades,
            &market,
            1,
        ));
    }
    all
}

fn contradictions() -> Vec<Planted> {
    let mut all = Vec::new();
    for (hours, words) in PARTS {
        for of in [BookSnapshot5, Quotes] {
            let mut market = only(&[Trades, of]);
            let mut first: Option<String> = None;
            part(&mut market, of, hours, |line| {
                let (exchange, arrival) = (cell(line, EXCHANGE_TIME), cell(line, ARRIVAL));
                let mut frozen = first.get_or_insert_with(|| line.clone()).clone();
                set(&mut frozen, EXCHANGE_TIME, &exchange);
                set(&mut frozen, ARRIVAL, &arrival);
                *line = frozen;
            });
            all.push(stretch("a book that stands still", words, "book_stands_still", of, &market, 1));
        }
        let mut market = only(&[Trades, Quotes]);
        part(&mut market, Trades, hours, |line| {
            let other = if cell(line, 5) == "buy" { "sell" } else { "buy" };
            set(line, 5, other);
        });
        all.push(stretch("flipped sides", words, "taker_side", Trades, &market, 1));
    }
    all.sort_by(|a, b| a.fault.cmp(&b.fault));
    for (hours, words) in [(6, "6 h"), (12, "12 h")] {
        let mut market = only(&[IncrementalBookL2]);
        part(&mut market, IncrementalBookL2, hours, |line| {
            let price = (number(line, 6) * 1000.0).round() / 1000.0;
            set(line, 6, &price.to_string());
        });
        let fault = "prices of three decimals, not five";
        all.push(stretch(fault, words, "fewer_digits", IncrementalBookL2, &market, 1));
    }
    all
}

#[test]
fn all_planted_faults_of_values_are_found_and_nothing_below_their_thresholds() {
    let mut all = Vec::new();
    for part in [clocks, impossible, neighbours, contradictions] {
        all.extend(part());
    }
    let wrong: Vec<String> = all.iter().filter(|p| p.planted != p.found).map(line).collect();
    assert!(wrong.is_empty(), "planted and found differ:\n{}", wrong.join("\n"));
    all.sort_by_key(|p| p.check);
    let same = |a: &Planted, b: &Planted| (&a.fault, a.check) == (&b.fault, b.check);
    let table: Vec<String> = all.chunk_by(same).map(row).collect();
    let header = "| fault | size | check | planted | found |\n|---|---|---|---:|---:|\n";
    pin("values", &format!("{header}{}\n", table.join("\n")));
}

#[test]
fn nothing_is_found_in_a_perpetual_with_its_ticker() {
    let mut plan = plan(&Group::ALL);
    plan.incidents = [("BINANCE-FUTURES".to_owned(), Vec::new())].into();
    for market in [&*PERP, &*CLEAN] {
        let worse = market.findings(&plan).into_iter().filter(|f| f.severity > Severity::Info);
        assert_eq!(worse.collect::<Vec<_>>(), []);
    }
}
