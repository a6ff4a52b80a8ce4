//! Candles of recorded trades equal the exchange's own klines in all fields.

use std::io::{BufRead, BufReader};

use mtdh_core::candle::{Candle, CandleBuilder, Fill, Formula, Side, Trade, Valuation};

use crate::recorded::recorded;

/// The minutes of trades, in the order of time.
fn minutes(trades: impl Iterator<Item = Trade>) -> Vec<Candle> {
    let mut builder = CandleBuilder::new(&["1m".parse().unwrap()], Fill::None);
    builder.value(Valuation::new(Formula::Linear, 1.0).unwrap());
    let (mut first, mut last) = (i64::MAX, i64::MIN);
    for trade in trades {
        builder.trade(trade).unwrap();
        (first, last) = (first.min(trade.timestamp), last.max(trade.timestamp));
    }
    let mut candles = Vec::new();
    builder.finish(first + 1..last, |_, candle| candles.push(candle));
    candles
}

/// Opening time in microseconds, and open, high, low, close, volume, quote volume, count, taker's buy volume.
fn klines(name: &str) -> Option<Vec<(i64, [f64; 8])>> {
    let text = std::fs::read_to_string(recorded(name)?).unwrap();
    let line = |line: &str| {
        let cells: Vec<f64> = line.split(',').map(|cell| cell.parse().unwrap()).collect();
        (
            cells[0] as i64 * 1000,
            [cells[1], cells[2], cells[3], cells[4], cells[5], cells[7], cells[8], cells[9]],
        )
    };
    Some(text.lines().map(line).collect())
}

fn fields(candle: &Candle) -> [f64; 8] {
    let Candle { open, high, low, close, volume, quote_volume, trade_count, buy_volume, .. } = *candle;
    [open, high, low, close, volume, quote_volume.unwrap(), trade_count as f64, buy_volume]
}

/// Opening times of the klines of which there is a candle, and of those among them that differ from it.
fn compare(candles: &[Candle], klines: &[(i64, [f64; 8])]) -> (Vec<i64>, Vec<i64>) {
    let (mut both, mut different) = (Vec::new(), Vec::new());
    for (start, expected) in klines {
        if let Some(candle) = candles.iter().find(|c| c.start == *start) {
            both.push(*start);
            if fields(candle) != *expected {
                different.push(*start);
            }
        }
    }
    (both, different)
}

#[test]
fn an_hour_of_recorded_trades_is_the_exchanges_own_hour() {
    let Some(path) = recorded("tardis_csv/binance-futures_trades_2020-02-22_BTCUSDT.csv") else { return };
    let Some(klines) = klines("klines/binance-um_BTCUSDT_1m_2020-02-22T0003_0102.csv") else { return };
    let text = std::fs::read_to_string(path).unwrap();
    let trade = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        Trade {
            timestamp: cells[2].parse().unwrap(),
            local_timestamp: cells[3].parse().unwrap(),
            side: Side::from_name(cells[5]).unwrap(),
            price: cells[6].parse().unwrap(),
            amount: cells[7].parse().unwrap(),
        }
    };
    let candles = minutes(text.lines().skip(1).map(trade));
    let (both, different) = compare(&candles, &klines);
    assert_eq!((both.len(), different), (60, Vec::new()));
}

#[test]
fn minutes_of_a_live_recording_are_the_exchanges_own_and_the_cut_one_differs() {
    let Some(path) = recorded("live/usdm_btcusdt_20240808.gz") else { return };
    let Some(klines) = klines("klines/binance-um_BTCUSDT_1m_2024-08-08T2354_2024-08-09T0006.csv") else {
        return;
    };
    let lines = BufReader::new(flate2::read::MultiGzDecoder::new(std::fs::File::open(path).unwrap())).lines();
    let trade = |line: String| {
        let (arrival_ns, message) = line.split_once(' ')?;
        let message: serde_json::Value = serde_json::from_str(message).ok()?;
        let data = message.get("data").filter(|_| message["stream"] == "btcusdt@trade")?;
        // INSURANCE_FUND, ADL and NA are no market trades.
        (data["X"] == "MARKET").then(|| Trade {
            timestamp: data["T"].as_i64().unwrap() * 1000,
            local_timestamp: arrival_ns.parse::<i64>().unwrap() / 1000,
            side: if data["m"] == true { Side::Sell } else { Side::Buy },
            price: data["p"].as_str().unwrap().parse().unwrap(),
            amount: data["q"].as_str().unwrap().parse().unwrap(),
        })
    };
    let candles = minutes(lines.map_while(Result::ok).filter_map(trade));
    let (both, different) = compare(&candles, &klines);
    let cut = klines[0].0;
    assert_eq!((both.first(), different), (Some(&cut), vec![cut]), "23:54 was recorded in part");
    let whole = candles.iter().filter(|c| c.is_final).map(|c| c.start).collect::<Vec<_>>();
    let equal: Vec<i64> = both.iter().copied().filter(|start| *start != cut).collect();
    assert!(equal.len() >= 5, "{equal:?}");
    assert!(whole.iter().all(|start| equal.contains(start)) && !whole.contains(&cut), "{whole:?}");
}
