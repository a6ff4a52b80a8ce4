//! scratch
use mtdh_core::*;
use mtdh_sim::*;
use std::time::Instant;
fn main() {
    let config = Config::default();
    let day: Day = std::env::args().nth(1).unwrap_or("2024-03-02".into()).parse().unwrap();
    if let Some(out) = std::env::args().nth(2) {
        for (e, s) in [
            ("deribit", "BTC-PERPETUAL"),
            ("binance", "BTCUSDT"),
            ("bitmex", "XBTUSD"),
            ("kraken", "XBT-USD"),
            ("binance-futures", "1000SHIBUSDT"),
            ("deribit", "OPTIONS"),
            ("hyperliquid", "KPEPE"),
            ("upbit", "KRW-BTC"),
            ("okex-swap", "BTC-USDT-SWAP"),
            ("deribit", "BTC-29MAR24-60000-C"),
        ] {
            for t in DataType::ALL {
                if let Some(c) = csv(&config, e, t, day, s) {
                    std::fs::write(format!("{out}/{e}_{t}_{day}_{s}.csv"), c).unwrap();
                }
            }
        }
        return;
    }
    let mut total = (0usize, 0usize, 0usize, 0usize);
    let start = Instant::now();
    for e in ["deribit", "binance", "binance-futures", "okex-swap"] {
        let t0 = Instant::now();
        let d = exchange_details(&config, e);
        let t1 = Instant::now();
        let mut files = 0;
        let mut rows = 0;
        let mut bytes = 0;
        let mut empty = 0;
        let mut gz = 0;
        for s in d["datasets"]["symbols"].as_array().unwrap() {
            let id = s["id"].as_str().unwrap();
            let is_group = ["SPOT", "OPTIONS", "PERPETUALS", "FUTURES", "COMBOS"].contains(&id);
            for t in s["dataTypes"].as_array().unwrap() {
                let t: DataType = t.as_str().unwrap().parse().unwrap();
                if !DataType::DEFAULT.contains(&t) || (is_group && t != DataType::OptionsChain) {
                    continue;
                }
                if let Some(c) = csv(&config, e, t, day, id) {
                    files += 1;
                    bytes += c.len();
                    if c.is_empty() {
                        empty += 1
                    } else {
                        rows += c.iter().filter(|b| **b == b'\n').count() - 1;
                    }
                    gz += csv_gz(&config, e, t, day, id).unwrap().len();
                }
            }
        }
        println!(
            "{e}: details {:?}, files {files} empty {empty} rows {rows} bytes {bytes} gz {gz} in {:?} (twice)",
            t1 - t0,
            t1.elapsed()
        );
        total.0 += files;
        total.1 += rows;
        total.2 += bytes;
        total.3 += gz;
    }
    println!("{total:?} {:?}", start.elapsed());
}
