//! The contents of the files.

use std::collections::{BTreeMap, HashSet};

use md5::{Digest, Md5};
use mtdh_core::DataType;
use mtdh_sim::{Config, exchange_details};

use crate::{csv, day, rows, small};

const EXCHANGES: [&str; 13] = [
    "bitmex",
    "deribit",
    "binance-futures",
    "binance-delivery",
    "binance",
    "okex-futures",
    "okex-swap",
    "bybit",
    "bybit-spot",
    "upbit",
    "kraken",
    "coinbase",
    "hyperliquid",
];

const DAYS: [&str; 3] = ["2024-02-29", "2024-03-01", "2024-03-02"];

/// Calls `look` with every file of a day in [`Size::Small`].
fn every_file(config: &Config, day_text: &str, mut look: impl FnMut(&str, DataType, &str, &str)) {
    for exchange in EXCHANGES {
        let details = exchange_details(config, exchange);
        for symbol in details["datasets"]["symbols"].as_array().unwrap() {
            let id = symbol["id"].as_str().unwrap();
            for data_type in symbol["dataTypes"].as_array().unwrap() {
                let data_type: DataType = data_type.as_str().unwrap().parse().unwrap();
                if let Some(text) = mtdh_sim::csv(config, exchange, data_type, day(day_text), id) {
                    look(exchange, data_type, id, &String::from_utf8(text).unwrap());
                }
            }
        }
    }
}

#[test]
fn every_row_has_tardis_format() {
    let config = small();
    for day_text in DAYS {
        let (start_us, end_us) = (day(day_text).start_us(), day(day_text).end_us());
        let mut files = 0;
        every_file(&config, day_text, |exchange, data_type, id, text| {
            files += 1;
            if text.is_empty() {
                return;
            }
            let table = data_type.table();
            assert_eq!(text.lines().next().unwrap(), table.csv_header());
            assert!(text.ends_with('\n') && !text.contains('\r'));
            let mut before = start_us;
            for cells in rows(text) {
                assert_eq!(cells.len(), table.columns.len() + 2, "{cells:?}");
                assert_eq!(cells[0], exchange);
                let is_group =
                    id.chars().all(|c| c.is_ascii_uppercase()) && id.ends_with('S') || id == "SPOT";
                assert!(is_group || cells[1].replace(['/', ':'], "-") == id, "{id}: {cells:?}");
                let local_us: i64 = cells[3].parse().unwrap();
                assert!(local_us >= before && local_us < end_us, "{exchange} {data_type} {id}: {cells:?}");
                before = local_us;
                for (column, cell) in table.columns.iter().zip(&cells[2..]) {
                    assert!(
                        column.nullable || !cell.is_empty(),
                        "{} of {exchange} {id}: {cells:?}",
                        column.name
                    );
                    check_cell(&column.kind, cell);
                }
            }
        });
        assert!(files > 200, "{files} files on {day_text}");
    }
}

fn check_cell(kind: &mtdh_core::table::Kind, cell: &str) {
    use mtdh_core::table::Kind;
    match kind {
        _ if cell.is_empty() => {}
        Kind::Time => assert_eq!(cell.len(), 16, "{cell}"),
        Kind::Flag => assert!(matches!(cell, "true" | "false"), "{cell}"),
        Kind::Category(words) => assert!(words.contains(&cell), "{cell}"),
        Kind::Text => assert!(!cell.contains(' '), "{cell}"),
        Kind::Number => {
            let value: f64 = cell.parse().unwrap();
            let padded = cell.contains('.') && !cell.contains('e') && cell.ends_with('0');
            let should_have_exponent = value != 0.0 && value.abs() < 1e-6;
            assert!(!padded && !cell.ends_with('.') && cell.contains('e') == should_have_exponent, "{cell}");
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let config = small();
    let other = Config { seed: 2, ..small() };
    for (data_type, symbol, md5) in [
        (DataType::Trades, "BTC-PERPETUAL", "62b2287b969e06227636874d3b55fb6b"),
        (DataType::BookSnapshot5, "BTC-PERPETUAL", "202c1914370e57ae1a89ae2286ca6fce"),
        (DataType::OptionsChain, "OPTIONS", "48fbc4349650d893ac75088f47b302e7"),
    ] {
        let text = csv(&config, "deribit", data_type, "2024-03-01", symbol);
        assert_eq!(text, csv(&config.clone(), "deribit", data_type, "2024-03-01", symbol));
        assert_ne!(text, csv(&other, "deribit", data_type, "2024-03-01", symbol));
        let found: String = Md5::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(found, md5, "{data_type}: files of a seed must stay the same for ever");
    }
}

#[test]
fn a_group_file_has_the_rows_of_its_members_by_arrival() {
    let config = small();
    for (exchange, group, kind) in [
        ("deribit", "OPTIONS", "option"),
        ("deribit", "PERPETUALS", "perpetual"),
        ("binance", "SPOT", "spot"),
        ("okex-futures", "FUTURES", "future"),
    ] {
        let details = exchange_details(&config, exchange);
        let symbols = details["datasets"]["symbols"].as_array().unwrap();
        let of_group = symbols.iter().find(|symbol| symbol["id"] == group).unwrap();
        for data_type in of_group["dataTypes"].as_array().unwrap() {
            let data_type: DataType = data_type.as_str().unwrap().parse().unwrap();
            if data_type.only_grouped() {
                continue;
            }
            let merged = csv(&config, exchange, data_type, "2024-03-01", group);
            let mut members: Vec<String> = Vec::new();
            for symbol in symbols.iter().filter(|symbol| symbol["type"] == kind && symbol["id"] != group) {
                let id = symbol["id"].as_str().unwrap();
                let text =
                    mtdh_sim::csv(&config, exchange, data_type, day("2024-03-01"), id).unwrap_or_default();
                members.extend(String::from_utf8(text).unwrap().lines().skip(1).map(str::to_owned));
            }
            members.sort_by_key(|line| line.split(',').nth(3).unwrap().to_owned());
            let lines: Vec<&str> = merged.lines().skip(1).collect();
            assert!(!lines.is_empty(), "{exchange} {group} {data_type}");
            let sorted = |mut lines: Vec<String>| {
                lines.sort();
                lines
            };
            assert_eq!(lines.len(), members.len());
            assert_eq!(sorted(lines.iter().map(|l| l.to_string()).collect()), sorted(members));
        }
    }
}

#[test]
fn the_oddities_of_real_files_occur() {
    let config = small();
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for day_text in DAYS {
        let start_us = day(day_text).start_us();
        every_file(&config, day_text, |_, data_type, _, text| {
            if text.is_empty() {
                *seen.entry("a file without rows").or_default() += 1;
            }
            let rows = rows(text);
            let mut count = |what, happens: bool| *seen.entry(what).or_default() += usize::from(happens);
            let times: Vec<(i64, i64)> =
                rows.iter().map(|cells| (cells[2].parse().unwrap(), cells[3].parse().unwrap())).collect();
            count("exchange time runs backwards", times.windows(2).any(|w| w[1].0 < w[0].0));
            count("exchange time of the day before", times.first().is_some_and(|t| t.0 < start_us));
            count("exchange time equals arrival", times.iter().any(|t| t.0 == t.1));
            count("several rows of one arrival", times.windows(2).any(|w| w[1].1 == w[0].1));
            count(
                "a number with an exponent",
                rows.iter().flatten().any(|cell| cell.contains("e-") && cell.len() < 10),
            );
            if data_type == DataType::Trades {
                let ids: Vec<&str> = rows.iter().map(|cells| cells[4]).filter(|id| !id.is_empty()).collect();
                let unique: HashSet<&&str> = ids.iter().collect();
                count("a trade that came twice", unique.len() < ids.len());
                count("a trade without id", rows.iter().any(|cells| cells[4].is_empty()));
                count("an id that is a UUID", ids.iter().any(|id| id.len() == 36));
                count("an id with a prefix", ids.iter().any(|id| id.starts_with("ETH-")));
                count(
                    "an id above 2^53",
                    ids.iter().any(|id| id.parse::<u64>().is_ok_and(|id| id > 1 << 53)),
                );
                count("an unknown side", rows.iter().any(|cells| cells[5] == "unknown"));
            }
            if data_type == DataType::IncrementalBookL2 {
                let snapshot: Vec<bool> = rows.iter().map(|cells| cells[4] == "true").collect();
                count("an update before the first snapshot", snapshot.first() == Some(&false));
                count("a snapshot in mid-day", snapshot.windows(2).any(|w| !w[0] && w[1]));
                count(
                    "a snapshot row of nothing",
                    rows.iter().any(|cells| cells[4] == "true" && cells[7] == "0"),
                );
            }
            if matches!(data_type, DataType::Quotes | DataType::BookSnapshot5) {
                count("a missing level", rows.iter().any(|cells| cells.iter().any(|cell| cell.is_empty())));
            }
            if data_type == DataType::OptionsChain {
                count(
                    "a bid without its volatility",
                    rows.iter().any(|c| !c[9].is_empty() && c[11].is_empty()),
                );
                count(
                    "no bid at all",
                    rows.iter().any(|c| c[9].is_empty() && c[10].is_empty() && c[11].is_empty()),
                );
                count("no greeks", rows.iter().any(|c| c[19..].iter().all(|cell| cell.is_empty())));
                count("an option never traded", rows.iter().any(|c| c[8].is_empty()));
                count(
                    "a decimal strike",
                    rows.iter().any(|c| c[1].contains("-0D") && c[5].starts_with("0.")),
                );
                count("a synthetic underlying", rows.iter().any(|c| c[17].starts_with("SYN.")));
            }
        });
    }
    let missing: Vec<_> = seen.iter().filter(|(_, count)| **count == 0).map(|(what, _)| what).collect();
    assert!(missing.is_empty() && seen.len() == 22, "never seen: {missing:?}; {seen:?}");
}

#[test]
fn an_instrument_has_no_rows_outside_its_lifetime() {
    let config = small();
    let details = exchange_details(&config, "deribit");
    let symbols = details["datasets"]["symbols"].as_array().unwrap();
    let ending = symbols.iter().find(|s| s["id"].as_str().unwrap().starts_with("BTC-1MAR24-")).unwrap();
    let id = ending["id"].as_str().unwrap();
    assert_eq!(ending["availableTo"], "2024-03-01T08:00:00.000Z");
    let text = csv(&config, "deribit", DataType::IncrementalBookL2, "2024-03-01", id);
    let last_us: i64 = rows(&text).last().unwrap()[3].parse().unwrap();
    assert!(last_us < day("2024-03-01").start_us() + 8 * 3_600_000_000);
    assert_eq!(mtdh_sim::csv(&config, "deribit", DataType::Trades, day("2024-03-02"), id), None);
}

#[test]
fn an_incident_is_a_gap_in_every_file() {
    let config = Config::default();
    let mut checked = 0;
    for (exchange, symbol) in [("binance", "BTCUSDT"), ("okex-swap", "BTC-USDT-SWAP"), ("bybit", "BTCUSDT")] {
        let details = exchange_details(&config, exchange);
        let Some(incident) = details["incidentReports"].as_array().unwrap().last() else { continue };
        let (from, to) = (incident["from"].as_str().unwrap(), incident["to"].as_str().unwrap());
        let at = |text: &str| text.parse::<chrono::DateTime<chrono::Utc>>().unwrap().timestamp_micros();
        for data_type in [DataType::Trades, DataType::BookSnapshot5] {
            let text = csv(&config, exchange, data_type, &from[..10], symbol);
            let arrivals: Vec<i64> = rows(&text).iter().map(|cells| cells[3].parse().unwrap()).collect();
            // The metadata has millisecond resolution.
            assert!(
                !arrivals.iter().any(|us| (at(from) + 1_000..at(to)).contains(us)),
                "{exchange} {incident}"
            );
            assert!(arrivals.iter().any(|us| *us < at(from)) && arrivals.iter().any(|us| *us >= at(to)));
        }
        checked += 1;
    }
    assert!(checked > 0);
}
