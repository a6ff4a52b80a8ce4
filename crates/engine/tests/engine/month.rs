//! False alarms: synthetic markets of which nothing may be found, of several venues, sparse options, violent minutes. A day of
//! each in every run; as many days of the month as `MTDH_MONTH` says, whose result stands in `docs/reference/detection.md`.

use std::collections::BTreeMap;

use mtdh_core::DataType::{self, Quotes, Trades};
use mtdh_core::check::{Group, Severity};
use mtdh_core::{Day, day::DAY_US};
use mtdh_sim::Config;

use crate::candle_support::{Market, plan};

/// Exchange, symbols, venue.
const MARKETS: &[(&str, &[&str], &str)] = &[
    ("binance", &["ADAUSDT", "ATOMUSDT"], "BINANCE"),
    ("binance-futures", &["ADAUSDT", "BTCUSDT"], "BINANCE-FUTURES"),
    ("deribit", &["BTC-PERPETUAL", "ETH-PERPETUAL"], "DERIBIT"),
    ("bitmex", &["XBTUSD"], "BITMEX"),
    ("okex-swap", &["BTC-USDT-SWAP"], "OKX-SWAP"),
    ("bybit", &["BTCUSDT"], "BYBIT"),
    ("coinbase", &["BTC-USD"], "COINBASE"),
    ("kraken", &["XBT-USD"], "KRAKEN"),
];

/// The checks whose alarms are counted here: those of values and of clocks.
fn is_counted(check: &str) -> bool {
    let of = mtdh_core::check::find(check).map(|check| check.group);
    of == Some(Group::Values) || matches!(check, "clock_skew" | "clock_offset")
}

#[derive(Debug, Default)]
struct Alarms {
    by_check: BTreeMap<(&'static str, Severity), u64>,
    partitions: u64,
    rows: u64,
}

impl Alarms {
    fn look(&mut self, market: &Market, venue: &str) {
        let mut plan = plan(&Group::USUAL);
        plan.incidents = [(venue.to_owned(), Vec::new())].into();
        let report = market.check(&plan);
        self.partitions += market.files.len() as u64;
        self.rows += report.rows;
        for finding in report.findings.iter().filter(|f| f.severity > Severity::Info && is_counted(f.check)) {
            *self.by_check.entry((finding.check, finding.severity)).or_default() += 1;
            println!("{} {} {}: {finding:?}", market.day, market.exchange, market.symbol);
        }
    }

    fn told(&self, of: &str) -> String {
        let count = |severity| {
            self.by_check.iter().filter(|((_, s), _)| *s == severity).map(|(_, count)| count).sum::<u64>()
        };
        let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
        format!("| {of} | {} | {} | {errors} | {warnings} |\n", self.partitions, self.rows)
    }
}

/// How many days of the month are looked at.
fn days() -> usize {
    std::env::var("MTDH_MONTH").ok().and_then(|days| days.parse().ok()).unwrap_or(1)
}

/// Options and combos of Deribit that live on a day, every so manieth.
fn sparse(day: Day, every: usize) -> Vec<String> {
    let details = mtdh_sim::exchange_details(&Config::default(), "deribit");
    let symbols = details["datasets"]["symbols"].as_array().cloned().unwrap_or_default();
    let moment = |symbol: &serde_json::Value, name: &str| -> Option<Day> {
        symbol[name].as_str()?.get(..10)?.parse().ok()
    };
    let is_alive = |symbol: &&serde_json::Value| {
        matches!(symbol["type"].as_str(), Some("option" | "combo"))
            && moment(symbol, "availableSince").is_some_and(|since| since <= day)
            && moment(symbol, "availableTo").is_none_or(|to| to > day)
    };
    let alive = symbols.iter().filter(is_alive).step_by(every);
    alive.filter_map(|symbol| symbol["id"].as_str().map(str::to_owned)).collect()
}

/// A day of a trade every five seconds, and a minute in which the price falls by four tenths in three thousand trades, while the
/// quotes come a third of a second late.
fn violent(seed: u64) -> Market {
    let day: Day = "2024-02-29".parse().unwrap();
    let (mut state, mut price, mut us) = (seed, 1000.0_f64, day.start_us());
    let mut chance = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 11) as f64 + 1.0) / (1_u64 << 53) as f64
    };
    let (mut trades, mut quotes) = (Vec::new(), Vec::new());
    let minute = day.start_us() + DAY_US / 2;
    while us < day.end_us() - 20_000_000 {
        let is_violent = (minute..minute + 60_000_000).contains(&us);
        us += (-chance().ln() * if is_violent { 20_000.0 } else { 5e6 }) as i64 + 1;
        let (drift, size) = if is_violent { (-0.000_17, 0.002) } else { (0.0, 0.000_1) };
        price *= 1.0 + drift + size * (chance() - 0.5);
        let is_buy = chance() < if is_violent { 0.2 } else { 0.5 };
        let spread = price * if is_violent { 0.003 } else { 0.000_2 };
        let at = |price: f64| format!("{price:.2}");
        let (bid, ask) = (price - spread / 2.0, price + spread / 2.0);
        let (side, paid) = if is_buy { ("buy", ask) } else { ("sell", bid) };
        let id = trades.len();
        trades.push((us, format!("binance,X,{us},{us},{id},{side},{},{:.3}", at(paid), 0.01 + chance())));
        let late = us + if is_violent { 333_000 } else { 10_000 };
        let amounts = (chance() + 0.01, chance() + 0.01);
        quotes.push((
            late,
            format!(
                "binance,X,{late},{late},{:.3},{},{},{:.3}",
                amounts.0,
                at(ask + 0.01),
                at(bid - 0.01),
                amounts.1
            ),
        ));
    }
    quotes.sort_by_key(|(at, _)| *at);
    let lines = |of: DataType, rows: Vec<(i64, String)>| {
        let rows = rows.into_iter().map(|(_, row)| row.replace(",X,", ",ADAUSDT,"));
        (of, std::iter::once(of.table().csv_header()).chain(rows).collect::<Vec<_>>())
    };
    let files = vec![lines(Trades, trades), lines(Quotes, quotes)];
    Market { exchange: "binance", symbol: "ADAUSDT".to_owned(), day, files }
}

#[test]
fn nothing_is_found_in_sound_markets_sparse_options_and_violent_minutes() {
    let (mut busy, mut options, mut minutes) = (Alarms::default(), Alarms::default(), Alarms::default());
    let first = "2024-02-01".parse().ok();
    for day in std::iter::successors(first, |day: &Day| Some(day.next())).take(days()) {
        for (exchange, symbols, venue) in MARKETS {
            for symbol in *symbols {
                busy.look(&Market::new(exchange, symbol, &day.to_string(), &DataType::ALL), venue);
            }
        }
        for symbol in sparse(day, 60) {
            options.look(&Market::new("deribit", &symbol, &day.to_string(), &DataType::ALL), "DERIBIT");
        }
    }
    for seed in 1..=5 * days() as u64 {
        minutes.look(&violent(seed), "BINANCE");
    }
    let table = [("markets", &busy), ("options and combos", &options), ("violent minutes", &minutes)];
    println!("| of | partitions | rows | errors | warnings |\n|---|---:|---:|---:|---:|");
    table.iter().for_each(|(of, alarms)| print!("{}", alarms.told(of)));
    for (of, alarms) in table {
        assert!(alarms.partitions > 0, "{of}");
        let found: u64 = alarms.by_check.values().sum();
        assert!(found <= alarms.partitions / 5_000, "{of}: {found} in {} partitions", alarms.partitions);
    }
}
