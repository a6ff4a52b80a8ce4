//! The candle builder's rules, and that only the rows matter, not how they come.

use mtdh_core::candle::{
    Book, Candle, CandleBuilder, Complete, Fill, Formula, Side, Ticker, Timeframe, Trade, Trades, Valuation,
};
use mtdh_core::day::DAY_US;
use mtdh_core::instrument::{AmountUnit, Instrument};
use proptest::prelude::*;

const S: i64 = 1_000_000;
/// 2024-03-01.
const DAY: i64 = 1_709_251_200 * S;
const WHOLE: std::ops::Range<i64> = i64::MIN..i64::MAX;

fn frames(text: &str) -> Vec<Timeframe> {
    text.split(' ').map(|t| t.parse().unwrap()).collect()
}

/// A trade at a time of the day, that arrives `delay` later.
fn trade(at: i64, delay: i64, side: Side, price: f64, amount: f64) -> Trade {
    let timestamp = DAY + at;
    Trade { timestamp, local_timestamp: timestamp + delay, side, price, amount }
}

fn buy(at: i64, price: f64) -> Trade {
    trade(at, 1000, Side::Buy, price, 1.0)
}

fn finish(builder: CandleBuilder) -> Vec<(String, Candle)> {
    let mut found = Vec::new();
    builder.finish(WHOLE, |timeframe, candle| found.push((timeframe.to_string(), candle)));
    // Timeframe by timeframe; within one they come in the order of time.
    found.sort_by_key(|(timeframe, _)| timeframe.clone());
    found
}

/// The candles of one timeframe.
fn candles(timeframe: &str, fill: Fill, trades: &[Trade]) -> Vec<Candle> {
    let mut builder = CandleBuilder::new(&frames(timeframe), fill);
    builder.value(Valuation::new(Formula::Linear, 1.0).unwrap());
    trades.iter().for_each(|t| builder.trade(*t).unwrap());
    finish(builder).into_iter().map(|(_, candle)| candle).collect()
}

#[test]
fn first_and_last_are_by_the_exchanges_clock_and_ties_by_arrival() {
    for (prices, open, close) in [
        (&[(5, 1.0), (6, 2.0), (7, 3.0)][..], 1.0, 3.0),
        (&[(7, 3.0), (5, 1.0), (6, 2.0)], 1.0, 3.0),
        (&[(5, 1.0), (5, 2.0), (5, 3.0)], 1.0, 3.0),
        (&[(9, 4.0), (5, 2.0), (5, 1.0), (9, 3.0)], 2.0, 3.0),
    ] {
        let trades: Vec<Trade> = prices.iter().map(|(at, price)| buy(at * S, *price)).collect();
        let [candle] = &candles("1m", Fill::None, &trades)[..] else { panic!("{prices:?}") };
        assert_eq!((candle.open, candle.close), (open, close), "{prices:?}");
    }
}

#[test]
fn an_interval_has_its_start_and_not_its_end() {
    let found =
        candles("1m", Fill::None, &[buy(0, 1.0), buy(60 * S - 1, 2.0), buy(60 * S, 3.0), buy(-1, 4.0)]);
    let seen: Vec<_> = found.iter().map(|c| (c.start - DAY, c.open, c.close, c.trade_count)).collect();
    assert_eq!(seen, [(-60 * S, 4.0, 4.0, 1), (0, 1.0, 2.0, 2), (60 * S, 3.0, 3.0, 1)]);
}

#[test]
fn sums_are_decimal_and_sides_are_the_takers() {
    let trades = [
        trade(0, 3000, Side::Buy, 0.1, 0.1),
        trade(1, 1000, Side::Sell, 0.2, 0.2),
        trade(2, -500, Side::Unknown, 0.3, 0.4),
        trade(3, 2000, Side::Buy, 0.1, 0.2),
    ];
    let candle = &candles("1h", Fill::None, &trades)[0];
    assert_eq!((candle.volume, candle.buy_volume, candle.sell_volume), (0.9, 0.3, 0.2));
    assert_eq!((candle.trade_count, candle.buy_count, candle.sell_count), (4, 2, 1));
    assert_eq!((candle.base_volume, candle.quote_volume), (Some(0.9), Some(0.19)));
    assert_eq!((candle.vwap, candle.settle_volume), (Some(0.19 / 0.9), None));
    assert_eq!((candle.delay_min, candle.delay_max), (Some(-0.5), Some(3.0)));
    assert_eq!((candle.delay_median, candle.delay_mean), (Some(1.5), Some(1.375)));
    assert_eq!(candle.last_arrival, Some(DAY + 3000));
}

#[test]
fn without_volume_there_is_no_vwap_and_without_trades_no_candle() {
    let found = candles("1m", Fill::None, &[trade(0, 0, Side::Buy, 5.0, 0.0), buy(120 * S, 6.0)]);
    assert_eq!(found.len(), 2);
    assert_eq!((found[0].volume, found[0].vwap, found[0].trade_count), (0.0, None, 1));
}

#[test]
fn filling_repeats_the_close_within_the_day_only() {
    let trades = [buy(DAY_US - 180 * S, 1.0), buy(DAY_US + 120 * S, 2.0), buy(DAY_US + 300 * S, 3.0)];
    let found = candles("1m", Fill::Flat, &trades);
    let seen: Vec<_> =
        found.iter().map(|c| ((c.start - DAY - DAY_US) / (60 * S), c.close, c.trade_count)).collect();
    assert_eq!(
        seen,
        [(-3, 1.0, 1), (-2, 1.0, 0), (-1, 1.0, 0), (2, 2.0, 1), (3, 2.0, 0), (4, 2.0, 0), (5, 3.0, 1)]
    );
    let flat = &found[1];
    assert_eq!((flat.open, flat.high, flat.low, flat.volume), (1.0, 1.0, 1.0, 0.0));
    assert_eq!(
        (flat.base_volume, flat.quote_volume),
        (Some(0.0), Some(0.0)),
        "nothing was traded, and that is known"
    );
    assert_eq!((flat.vwap, flat.first_trade, flat.last_arrival, flat.delay_median), (None, None, None, None));
}

#[test]
fn a_book_is_the_last_before_the_end_and_never_one_from_after_it() {
    let book = |price: f64| Book {
        bids: [Some((price, 2.0)), Some((price - 1.0, 1.0)), None, None, None],
        asks: [Some((price + 0.1, 1.0)), None, None, None, None],
    };
    let mut builder = CandleBuilder::new(&frames("1m"), Fill::None);
    for at in [10, 70, 130, 190] {
        builder.trade(buy(at * S, 1.0)).unwrap();
    }
    for (at, price) in
        [(60 * S, 102.0), (5 * S, 100.0), (60 * S - 1, 101.0), (60 * S, 103.0), (200 * S, 104.0)]
    {
        builder.book(DAY + at, &book(price)).unwrap();
    }
    let found = finish(builder);
    let bids: Vec<_> = found.iter().map(|(_, c)| c.book.unwrap().bid_price.unwrap()).collect();
    assert_eq!(bids, [101.0, 103.0, 103.0, 104.0]);
    let state = found[0].1.book.unwrap();
    assert_eq!((state.mid_price, state.spread), (Some(101.05), Some(0.1)));
    assert_eq!(state.spread_bps, Some(0.1 / 101.05 * 10_000.0));
    assert_eq!((state.bid_depth, state.ask_depth, state.imbalance), (3.0, 1.0, Some(0.5)));
}

#[test]
fn tickers_and_liquidations_are_of_the_interval() {
    let mut builder = CandleBuilder::new(&frames("1m"), Fill::None);
    for at in [10, 70, 130] {
        builder.trade(buy(at * S, 1.0)).unwrap();
    }
    let interest = |value| Ticker { open_interest: Some(value), ..Ticker::default() };
    builder.ticker(DAY + 20 * S, &Ticker { funding_rate: Some(0.0001), ..interest(50.0) }).unwrap();
    builder.ticker(DAY + 10 * S, &interest(100.3)).unwrap();
    builder.ticker(DAY + 150 * S, &interest(100.1)).unwrap();
    builder.liquidation(DAY + 70 * S, Side::Buy, 0.1).unwrap();
    builder.liquidation(DAY + 71 * S, Side::Buy, 0.2).unwrap();
    builder.liquidation(DAY + 72 * S, Side::Sell, 5.0).unwrap();
    let found: Vec<Candle> = finish(builder).into_iter().map(|(_, candle)| candle).collect();
    let interests: Vec<_> = found.iter().map(|c| (c.ticker.open_interest, c.open_interest_change)).collect();
    assert_eq!(interests, [(Some(100.3), None), (None, None), (Some(100.1), Some(-0.2))]);
    assert_eq!(
        found[0].ticker.funding_rate,
        Some(0.0001),
        "an earlier row says what the later one leaves open"
    );
    let liquidated = |c: &Candle| c.liquidations.map(|l| (l.buy_volume, l.sell_volume, l.count));
    assert_eq!(
        found.iter().map(liquidated).collect::<Vec<_>>(),
        [Some((0.0, 0.0, 0)), Some((0.3, 5.0, 3)), Some((0.0, 0.0, 0))]
    );
    let without = candles("1m", Fill::None, &[buy(0, 1.0)]);
    assert_eq!((without[0].liquidations, without[0].book), (None, None), "not known is not zero");
}

#[test]
fn what_reaches_beyond_the_known_time_is_not_final() {
    let mut builder = CandleBuilder::new(&frames("12h 24h"), Fill::None);
    for at in [0, DAY_US / 2, DAY_US - 1] {
        builder.trade(buy(at, 1.0)).unwrap();
    }
    let mut found = Vec::new();
    builder.finish(DAY + 1..DAY + DAY_US, |timeframe, c| {
        found.push((timeframe.to_string(), c.start - DAY, c.is_final))
    });
    let half = DAY_US / 2;
    assert_eq!(
        found,
        [("12h".to_owned(), 0, false), ("12h".to_owned(), half, true), ("24h".to_owned(), 0, false)]
    );
}

#[test]
fn a_late_row_is_counted_and_in_no_timeframe() {
    let mut builder = CandleBuilder::new(&frames("15s 1m"), Fill::None);
    let mut given = Vec::new();
    builder.trade(buy(5 * S, 1.0)).unwrap();
    builder.advance(DAY + 20 * S, WHOLE, |timeframe, c| given.push((timeframe.to_string(), c.trade_count)));
    assert_eq!(given, [("15s".to_owned(), 1)]);
    builder.trade(buy(14 * S, 9.0)).unwrap();
    builder.trade(buy(16 * S, 2.0)).unwrap();
    assert_eq!(builder.late(), 1);
    builder.advance(DAY + 60 * S, WHOLE, |timeframe, c| given.push((timeframe.to_string(), c.trade_count)));
    assert_eq!(given[1..], [("15s".to_owned(), 1), ("1m".to_owned(), 2)]);
}

#[test]
fn a_trade_that_is_no_number_is_refused_and_leaves_nothing() {
    let mut builder = CandleBuilder::new(&frames("1m"), Fill::None);
    assert!(builder.trade(trade(0, 0, Side::Buy, f64::NAN, 1.0)).is_err());
    assert!(builder.trade(trade(0, 0, Side::Buy, 1.0, f64::INFINITY)).is_err());
    assert!(finish(builder).is_empty());
}

/// A perpetual whose amounts count something.
fn row(unit: AmountUnit) -> Instrument {
    let day = "2024-03-01".parse().unwrap();
    let row = Instrument::of_name("X:PERP:A-USD".parse().unwrap(), "x", "a", day);
    Instrument { amount_unit: Some(unit), ..row }
}

#[test]
fn volumes_are_what_their_names_say() {
    use AmountUnit::{Base, Contracts, Quote};
    let linear = Instrument { inverse: Some(false), quanto: Some(false), ..row(Contracts) };
    let changing = Instrument {
        contract_size: Some(1000.0),
        changes_at_us: vec![DAY + 30 * S],
        contract_sizes_after: vec![100.0],
        ..linear.clone()
    };
    // Prices 10 and 20, amounts 2 and 4, at seconds 0 and 40 of a minute.
    for (what, row, base, quote, settle, vwap) in [
        ("coins", row(Base), Some(6.0), Some(100.0), None, Some(100.0 / 6.0)),
        ("dollars", row(Quote), Some(0.4), Some(6.0), None, Some(15.0)),
        (
            "contracts of coins",
            Instrument { contract_size: Some(0.01), ..linear.clone() },
            Some(0.06),
            Some(1.0),
            None,
            Some(100.0 / 6.0),
        ),
        (
            "contracts of dollars",
            Instrument { contract_size: Some(100.0), inverse: Some(true), ..row(Contracts) },
            Some(40.0),
            Some(600.0),
            None,
            Some(15.0),
        ),
        (
            "quanto",
            Instrument { contract_size: Some(0.000_001), quanto: Some(true), ..row(Contracts) },
            None,
            None,
            Some(0.0001),
            Some(100.0 / 6.0),
        ),
        ("a size that changes", changing, Some(2400.0), Some(28_000.0), None, Some(28_000.0 / 2400.0)),
        ("a size that is not known", linear, None, None, None, None),
    ] {
        let mut builder = CandleBuilder::new(&frames("1m 24h"), Fill::None);
        if let Ok(valuation) = Valuation::of(&row.key, Some(&row)) {
            builder.value(valuation);
        }
        builder.trade(trade(0, 0, Side::Buy, 10.0, 2.0)).unwrap();
        builder.trade(trade(40 * S, 0, Side::Sell, 20.0, 4.0)).unwrap();
        for (timeframe, candle) in finish(builder) {
            assert_eq!((candle.base_volume, candle.quote_volume), (base, quote), "{what} {timeframe}");
            assert_eq!(
                (candle.settle_volume, candle.vwap, candle.volume),
                (settle, vwap, 6.0),
                "{what} {timeframe}"
            );
        }
    }
}

#[test]
fn the_base_volume_of_an_inverse_contract_is_that_of_its_exact_quotients() {
    let inverse = |trades: &[Trade]| {
        let mut builder = CandleBuilder::new(&frames("1m"), Fill::None);
        builder.value(Valuation::new(Formula::Inverse, 1.0).unwrap());
        trades.iter().for_each(|t| builder.trade(*t).unwrap());
        let candle = finish(builder).remove(0).1;
        (candle.base_volume, candle.quote_volume, candle.vwap)
    };
    // Nine thirds are three, and of floats they are not.
    let thirds: Vec<Trade> = (0..9).map(|i| trade(i, 0, Side::Buy, 3.0, 1.0)).collect();
    assert_eq!(inverse(&thirds), (Some(3.0), Some(9.0), Some(3.0)));
    assert_eq!(inverse(&[trade(0, 0, Side::Buy, 61_234.5, 1e22)]).0, Some(1e22 / 61_234.5));
    assert_eq!(inverse(&[trade(0, 0, Side::Buy, 1e-9, 3e-12)]).0, Some(0.003));
    // Of a price that is not above 0 nothing can be divided by.
    for price in [0.0, -5.0] {
        let found = inverse(&[trade(0, 0, Side::Buy, 4.0, 2.0), trade(1, 0, Side::Buy, price, 2.0)]);
        assert_eq!(found, (None, Some(4.0), None));
    }
    assert_eq!(inverse(&[trade(0, 0, Side::Buy, 4.0, 0.0)]), (Some(0.0), Some(0.0), None));
}

#[test]
fn a_state_is_of_the_row_that_arrived_last_before_the_interval_s_end() {
    let book = |bid: f64| Book { bids: [Some((bid, 1.0)), None, None, None, None], ..Book::default() };
    let states = |rows: &[(i64, f64)]| -> Vec<f64> {
        let mut builder = CandleBuilder::new(&frames("1m"), Fill::None);
        [10, 70, 130].into_iter().for_each(|at| builder.trade(buy(at * S, 1.0)).unwrap());
        for (at, value) in rows {
            builder.book(DAY + at * S, &book(*value)).unwrap();
            builder.ticker(DAY + at * S, &Ticker { mark_price: Some(*value), ..Ticker::default() }).unwrap();
        }
        let found = finish(builder);
        let last = found[0].1.ticker.mark_price;
        assert_eq!(last, found[0].1.book.unwrap().bid_price, "a ticker as a book");
        found.iter().map(|(_, c)| c.book.unwrap().bid_price.unwrap()).collect()
    };
    for (rows, expected) in [
        (&[(5, 1.0), (6, 2.0)][..], [2.0, 2.0, 2.0]),
        // The exchange's clock ran backwards.
        (&[(6, 2.0), (5, 1.0)], [1.0, 1.0, 1.0]),
        (&[(5, 1.0), (65, 2.0), (7, 3.0)], [3.0, 3.0, 3.0]),
        (&[(5, 1.0), (125, 2.0), (65, 3.0)], [1.0, 3.0, 3.0]),
        (&[(5, 1.0), (60, 2.0)], [1.0, 2.0, 2.0]),
    ] {
        assert_eq!(states(rows), expected, "{rows:?}");
    }
}

#[test]
fn a_spread_has_a_share_of_a_mid_above_0_only() {
    for (bid, ask, bps) in
        [(9.0, 11.0, Some(2000.0)), (-11.0, -9.0, None), (-1.0, 1.0, None), (-1.0, 3.0, Some(40_000.0))]
    {
        let mut builder = CandleBuilder::new(&frames("1m"), Fill::None);
        builder.trade(buy(0, 1.0)).unwrap();
        let side = |price| [Some((price, 1.0)), None, None, None, None];
        builder.book(DAY, &Book { bids: side(bid), asks: side(ask) }).unwrap();
        let state = finish(builder)[0].1.book.unwrap();
        assert_eq!((state.spread, state.spread_bps), (Some(ask - bid), bps), "{bid} {ask}");
    }
}

#[test]
fn each_source_is_final_by_itself() {
    let mut builder = CandleBuilder::new(&frames("1m"), Fill::None);
    builder.trade(buy(0, 1.0)).unwrap();
    let complete = Complete {
        trades: DAY..DAY + DAY_US,
        liquidations: Some(DAY + 1..DAY + DAY_US),
        ticker: None,
        book: Some(DAY..DAY + 60 * S),
        ..Complete::default()
    };
    builder.finish(complete, |_, c| {
        let found = (c.is_final, c.is_liquidations_final, c.is_ticker_final, c.is_book_final);
        assert_eq!(found, (true, Some(false), None, Some(true)));
    });
}

fn trades() -> impl Strategy<Value = Vec<Trade>> {
    let at = prop_oneof![0..300_i64, 0..90_000_i64, Just(86_399), Just(86_400)].prop_map(|s| s * S);
    let one = (at, -2000..900_000_i64, 0..3, 1..99_999_i64, 0_i32..9, 0..9_999_999_i64, 0_i32..12);
    let one = one.prop_map(|(at, delay, side, price, price_scale, amount, amount_scale)| {
        let side = [Side::Buy, Side::Sell, Side::Unknown][side as usize];
        let number = |digits: i64, scale: i32| format!("{digits}e-{scale}").parse::<f64>().unwrap();
        trade(at, delay, side, number(price, price_scale), number(amount, amount_scale))
    });
    let some = proptest::collection::vec(one.clone(), 1..120);
    // Of two intervals of the shortest timeframe: many in a row lie in one, more than are added up at once.
    let many = (proptest::collection::vec((one, 0..20 * S), 1..2000), any::<bool>(), any::<bool>());
    let many = many.prop_map(|(mut trades, is_ordered, is_coarse)| {
        for (trade, within) in &mut trades {
            trade.timestamp = DAY + *within;
            // With twelve decimals and seven digits before them there is nothing that could be added up at once.
            trade.amount = if is_coarse { (trade.amount * 100.0).round() / 100.0 } else { trade.amount };
        }
        // Or nearly in order.
        trades.sort_by_key(|(_, within)| if is_ordered { *within } else { within + within % 3 * S });
        trades.into_iter().map(|(trade, _)| trade).collect()
    });
    prop_oneof![some, many]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_same_trades_give_the_same_candles_however_they_are_cut(
        trades in trades(),
        cuts in proptest::collection::vec(0..2000_usize, 0..6),
        flat in any::<bool>(),
        formula in prop_oneof![Just(Formula::Linear), Just(Formula::Inverse), Just(Formula::Quanto)],
    ) {
        let frames = frames("15s 1m 90s 4h 24h");
        let fill = if flat { Fill::Flat } else { Fill::None };
        let builder = || {
            let mut builder = CandleBuilder::new(&frames, fill);
            builder.value(Valuation::new(formula, 0.01).unwrap());
            builder
        };
        let mut whole = builder();
        trades.iter().for_each(|t| whole.trade(*t).unwrap());
        let expected = finish(whole);
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(trades.len())).collect();
        cuts.extend([0, trades.len()]);
        cuts.sort_unstable();
        let (mut batches, mut parts) = (builder(), builder());
        for pair in cuts.windows(2) {
            let part = &trades[pair[0]..pair[1]];
            let (sides, times, arrivals): (Vec<_>, Vec<_>, Vec<_>) = (
                part.iter().map(|t| t.side).collect(),
                part.iter().map(|t| t.timestamp).collect(),
                part.iter().map(|t| t.local_timestamp).collect(),
            );
            let (prices, amounts): (Vec<f64>, Vec<f64>) = part.iter().map(|t| (t.price, t.amount)).unzip();
            let columns = Trades {
                timestamp: &times, local_timestamp: &arrivals, side: &sides, price: &prices, amount: &amounts,
            };
            batches.trades(&columns).unwrap();
            let mut other = builder();
            other.trades(&columns).unwrap();
            parts.absorb(other);
        }
        prop_assert_eq!(&finish(batches), &expected);
        prop_assert_eq!(&finish(parts), &expected);
    }

    #[test]
    fn candles_given_as_time_goes_by_are_those_given_at_the_end(mut trades in trades(), flat in any::<bool>()) {
        trades.sort_by_key(|t| t.timestamp);
        let frames = frames("15s 5m 24h");
        let fill = if flat { Fill::Flat } else { Fill::None };
        let (mut whole, mut live) = (CandleBuilder::new(&frames, fill), CandleBuilder::new(&frames, fill));
        let mut given = Vec::new();
        for trade in &trades {
            whole.trade(*trade).unwrap();
            live.advance(trade.timestamp, WHOLE, |t, candle| given.push((t.to_string(), candle)));
            live.trade(*trade).unwrap();
        }
        prop_assert_eq!(live.late(), 0);
        live.finish(WHOLE, |t, candle| given.push((t.to_string(), candle)));
        given.sort_by_key(|(t, _)| t.clone());
        prop_assert_eq!(given, finish(whole));
    }

    #[test]
    fn what_adds_up_over_timeframes_does(trades in trades()) {
        let total = |timeframe: &str| {
            let found = candles(timeframe, Fill::None, &trades);
            let counts: u64 = found.iter().map(|c| c.trade_count).sum();
            let ends = (found.first().map(|c| c.open), found.last().map(|c| c.close));
            let high = found.iter().map(|c| c.high).fold(f64::MIN, f64::max);
            (counts, ends, high, found.iter().filter_map(|c| c.delay_max).fold(f64::MIN, f64::max))
        };
        let expected = total("24h");
        for timeframe in ["15s", "1m", "1h"] {
            prop_assert_eq!(total(timeframe), expected, "{}", timeframe);
        }
    }
}
