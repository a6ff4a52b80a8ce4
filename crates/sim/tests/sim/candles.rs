//! Binance's candles, compared with the trades of Tardis' files.

use std::collections::BTreeMap;

use mtdh_core::DataType;
use mtdh_sim::{Config, Sim};
use serde_json::Value;

use crate::{client, csv, day, rows, start};

async fn candles(sim: &Sim, query: &str) -> (u16, Value) {
    let response = client().get(format!("{}{query}", sim.binance_url())).send().await.unwrap();
    assert!(query.contains("/nosuch") || response.headers().contains_key("x-mbx-used-weight"));
    let status = response.status().as_u16();
    (status, serde_json::from_slice(&response.bytes().await.unwrap()).unwrap_or_default())
}

#[tokio::test]
async fn candles_are_the_sums_of_the_trades() {
    let config = Config::default();
    let sim = start(config.clone()).await;
    let start_ms = day("2024-03-01").start_us() / 1000;
    for (api, exchange, symbol) in
        [("/api/v3", "binance", "BTCUSDT"), ("/fapi/v1", "binance-futures", "1000SHIBUSDT")]
    {
        let text = csv(&config, exchange, DataType::Trades, "2024-03-01", symbol);
        let mut minutes: BTreeMap<i64, Vec<Vec<&str>>> = BTreeMap::new();
        let mut seen = std::collections::HashSet::new();
        for cells in rows(&text) {
            if seen.insert(cells[4]) {
                minutes.entry(cells[2].parse::<i64>().unwrap() / 60_000_000).or_default().push(cells);
            }
        }
        let (mut traded, mut quiet) = (0, 0);
        for part in 0..2 {
            let from = start_ms + part * 720 * 60_000;
            let query = format!("{api}/klines?symbol={symbol}&interval=1m&startTime={from}&limit=720");
            let (status, list) = candles(&sim, &query).await;
            assert_eq!((status, list.as_array().unwrap().len()), (200, 720));
            for (place, candle) in list.as_array().unwrap().iter().enumerate() {
                let open_ms = from + place as i64 * 60_000;
                assert_eq!((candle[0].as_i64(), candle[6].as_i64()), (Some(open_ms), Some(open_ms + 59_999)));
                let is_last = part == 1 && place == 719;
                match minutes.get(&(open_ms / 60_000)).filter(|_| !is_last) {
                    Some(trades) => {
                        traded += 1;
                        check_candle(candle, trades);
                    }
                    None if !is_last => {
                        quiet += 1;
                        assert_eq!(
                            (candle[8].as_i64(), &candle[1], &candle[5]),
                            (Some(0), &candle[4], &"0.00000000".into())
                        );
                    }
                    None => {}
                }
            }
        }
        assert!(traded > 200 && quiet > 0, "{traded} {quiet}");
    }
}

fn check_candle(candle: &Value, trades: &[Vec<&str>]) {
    let number = |text: &str| text.parse::<f64>().unwrap();
    let cell = |place: usize| number(candle[place].as_str().unwrap());
    let prices: Vec<f64> = trades.iter().map(|t| number(t[6])).collect();
    assert_eq!(candle[8].as_i64(), Some(trades.len() as i64), "{candle}");
    assert_eq!((cell(1), cell(4)), (prices[0], prices[prices.len() - 1]));
    assert_eq!(cell(2), prices.iter().copied().fold(f64::MIN, f64::max));
    assert_eq!(cell(3), prices.iter().copied().fold(f64::MAX, f64::min));
    let close = |a: f64, b: f64| (a - b).abs() <= 1e-9 * b.abs().max(1e-9);
    let sum = |only_bought: bool, worth: bool| -> f64 {
        let counted = trades.iter().filter(|t| !only_bought || t[5] == "buy");
        counted.map(|t| number(t[7]) * if worth { number(t[6]) } else { 1.0 }).sum()
    };
    for (place, only_bought, worth) in
        [(5, false, false), (7, false, true), (9, true, false), (10, true, true)]
    {
        assert!(close(cell(place), sum(only_bought, worth)), "{place} of {candle}");
    }
}

#[tokio::test]
async fn wrong_requests_get_binances_codes() {
    let sim = start(Config::default()).await;
    for (query, status, code) in [
        ("/api/v3/klines?interval=1m", 400, -1102),
        ("/api/v3/klines?symbol=BTCUSDT", 400, -1102),
        ("/api/v3/klines?symbol=NOSUCH&interval=1m", 400, -1121),
        ("/api/v3/klines?symbol=BTCUSDT&interval=7m", 400, -1120),
        ("/api/v3/klines?symbol=BTCUSDT&interval=1m&startTime=x", 400, -1100),
    ] {
        let (found, body) = candles(&sim, query).await;
        assert_eq!((found, body["code"].as_i64()), (status, Some(code)), "{query}");
    }
    for (query, count) in [
        ("/api/v3/klines?symbol=BTCUSDT&interval=1h", 500),
        ("/fapi/v1/klines?symbol=BTCUSDT&interval=1d&limit=3", 3),
        ("/dapi/v1/klines?symbol=BTCUSD_PERP&interval=4h&limit=6", 6),
        ("/api/v3/klines?symbol=BTCUSDT&interval=1m&startTime=1709294400000&endTime=1709294699999", 5),
    ] {
        let (status, body) = candles(&sim, query).await;
        assert_eq!((status, body.as_array().map(Vec::len)), (200, Some(count)), "{query}");
    }
}
