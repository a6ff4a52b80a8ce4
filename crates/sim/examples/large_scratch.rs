//! scratch
use mtdh_core::*;
use mtdh_sim::*;
use std::time::Instant;
fn main() {
    let day: Day = "2024-03-02".parse().unwrap();
    for (t, rows, e, s) in [
        (DataType::Trades, 4_000_000u64, "binance", "BTCUSDT"),
        (DataType::BookSnapshot5, 860_000, "binance-futures", "BTCUSDT"),
        (DataType::IncrementalBookL2, 20_000_000, "bybit", "BTCUSDT"),
        (DataType::OptionsChain, 5_000_000, "deribit", "OPTIONS"),
        (DataType::DerivativeTicker, 1_000_000, "bybit", "BTCUSDT"),
        (DataType::BookSnapshot25, 860_000, "bybit", "BTCUSDT"),
    ] {
        struct C(u64);
        impl std::io::Write for C {
            fn write(&mut self, b: &[u8]) -> std::io::Result<usize> {
                self.0 += b.len() as u64;
                Ok(b.len())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let mut c = C(0);
        let t0 = Instant::now();
        write_large(t, rows, 1, e, s, day, &mut c).unwrap();
        let el = t0.elapsed();
        println!(
            "{t}: {rows} rows {} MB in {:?} = {:.2} M rows/s",
            c.0 / 1_000_000,
            el,
            rows as f64 / 1e6 / el.as_secs_f64()
        );
        let mut v = Vec::new();
        write_large(t, 2200, 1, e, s, day, &mut v).unwrap();
        let l: Vec<&str> = std::str::from_utf8(&v).unwrap().lines().collect();
        for i in [1, 2, 2100, 2101, 2102] {
            println!("   {}", &l[i][..l[i].len().min(250)]);
        }
    }
}
