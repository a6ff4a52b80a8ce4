//! The derived book types, recomputed from the changes by an independent implementation.

use std::collections::BTreeMap;

use mtdh_core::DataType;
use mtdh_sim::{Config, Size};

use crate::{csv, rows, small};

/// Price in units of 1e-9 for sorting, then price and amount as text.
type Side<'a> = BTreeMap<i64, (&'a str, &'a str)>;

#[derive(Default)]
struct Book<'a> {
    asks: Side<'a>,
    bids: Side<'a>,
    has_snapshot: bool,
}

fn key(price: &str) -> i64 {
    (price.parse::<f64>().unwrap() * 1e9).round() as i64
}

impl<'a> Book<'a> {
    /// Applies the rows with one local timestamp.
    fn apply(&mut self, message: &[Vec<&'a str>]) {
        if message[0][4] == "true" {
            self.asks.clear();
            self.bids.clear();
            self.has_snapshot = true;
        }
        if !self.has_snapshot {
            return;
        }
        let mut asks_in_message = Vec::new();
        for cells in message {
            let side = if cells[5] == "ask" { &mut self.asks } else { &mut self.bids };
            if cells[5] == "ask" {
                asks_in_message.push(key(cells[6]));
            }
            if cells[7] == "0" {
                side.remove(&key(cells[6]));
            } else {
                side.insert(key(cells[6]), (cells[6], cells[7]));
            }
        }
        while let (Some(ask), Some(bid)) =
            (self.asks.keys().next().copied(), self.bids.keys().last().copied())
        {
            if bid < ask {
                break;
            }
            if asks_in_message.contains(&ask) {
                self.bids.remove(&bid);
            } else {
                self.asks.remove(&ask);
            }
        }
    }

    fn level(&self, is_ask: bool, place: usize) -> (&'a str, &'a str) {
        let level = if is_ask { self.asks.values().nth(place) } else { self.bids.values().rev().nth(place) };
        level.copied().unwrap_or_default()
    }

    fn snapshot(&self, depth: usize) -> String {
        let levels = (0..depth).flat_map(|place| [self.level(true, place), self.level(false, place)]);
        levels.map(|(price, amount)| format!(",{price},{amount}")).collect()
    }

    fn quote(&self) -> String {
        let ((ask, ask_amount), (bid, bid_amount)) = (self.level(true, 0), self.level(false, 0));
        format!(",{ask_amount},{ask},{bid},{bid_amount}")
    }
}

/// Computes the lines of a derived type by replaying all changes.
fn replayed(changes: &str, line: impl Fn(&Book<'_>) -> String) -> Vec<String> {
    let mut book = Book::default();
    let rows = rows(changes);
    let mut before = line(&book);
    let mut lines = Vec::new();
    for message in rows.chunk_by(|a, b| a[3] == b[3]) {
        assert!(
            message.iter().all(|cells| cells[2] == message[0][2] && cells[4] == message[0][4]),
            "{message:?}"
        );
        book.apply(message);
        let now = line(&book);
        if now != before {
            lines.push(format!("{}{now}", message[0][..4].join(",")));
            before = now;
        }
    }
    lines
}

#[test]
fn quotes_and_snapshots_follow_from_the_changes() {
    let realistic = Config::default();
    let small = small();
    for (config, exchange, symbol) in [
        (&realistic, "binance", "BTCUSDT"),
        (&realistic, "okex-swap", "BTC-USDT-SWAP"),
        (&realistic, "deribit", "BTC-29MAR24-60000-C"),
        (&small, "binance", "1INCHUSDT"),
        (&small, "binance", "SHIBUSDT"),
        (&small, "bitmex", "XBTUSD"),
        (&small, "kraken", "XBT-USD"),
        (&small, "deribit", "BTC-PERPETUAL"),
        (&small, "upbit", "KRW-ETH"),
    ] {
        let days = ["2024-03-02", "2024-03-01", "2024-02-29", "2024-02-28"];
        for day in days.into_iter().take(if config.size == Size::Small { 4 } else { 1 }) {
            let text = |data_type| csv(config, exchange, data_type, day, symbol);
            let changes = text(DataType::IncrementalBookL2);
            for (data_type, lines) in [
                (DataType::Quotes, replayed(&changes, |book| book.quote())),
                (DataType::BookSnapshot5, replayed(&changes, |book| book.snapshot(5))),
                (DataType::BookSnapshot25, replayed(&changes, |book| book.snapshot(25))),
            ] {
                let found = text(data_type);
                let found: Vec<&str> = found.lines().skip(1).collect();
                assert_eq!(found, lines, "{exchange} {symbol} {data_type} {day}");
            }
        }
    }
}

#[test]
fn trades_hit_levels_of_the_book() {
    let config = Config::default();
    let changes = csv(&config, "binance-futures", DataType::IncrementalBookL2, "2024-03-02", "ETHUSDT");
    let changes = rows(&changes);
    let trades = csv(&config, "binance-futures", DataType::Trades, "2024-03-02", "ETHUSDT");
    let mut hits = 0;
    let trades = rows(&trades);
    for trade in &trades {
        let side = if trade[5] == "buy" { "ask" } else { "bid" };
        hits += usize::from(
            changes.iter().any(|change| change[3] == trade[3] && change[5] == side && change[6] == trade[6]),
        );
    }
    assert!(trades.len() > 1_000 && hits * 100 > trades.len() * 98, "{hits} of {}", trades.len());
}
