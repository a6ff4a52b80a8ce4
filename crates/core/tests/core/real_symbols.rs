//! Symbols out of recorded messages of 58 exchanges, and the vendor's own lists.
//!
//! The messages do not say what type an instrument has. So a symbol must have a key as one of the types that
//! the exchange trades; that a key is the right one is the business of the tables in `symbols_of_exchanges`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use mtdh_core::key::{InstrumentKey, InstrumentType, OptionSide};
use mtdh_core::symbol::{Contract, Listed, Names};
use mtdh_core::venue::{parse_venue, venue_of_exchange};
use serde_json::Value;

use crate::recorded::recorded;
use crate::{dataset_form, day};

/// Symbols that rightly have no key of their own, with the reason.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    (
        "huobi",
        "BTC_NW",
        "of another exchange: the recording runs coin-margined futures through the spot market's code",
    ),
    ("huobi", "ETH_CQ", "the same"),
    ("huobi-dm", "BTC_CW", "moves on from contract to contract"),
    ("huobi-dm", "BTC_CQ", "moves on from contract to contract"),
    ("huobi-dm", "ETH_NW", "moves on from contract to contract"),
    ("huobi-dm", "BCH_NQ", "moves on from contract to contract"),
    ("okex-swap", "BCH-USDT", "an index, not an instrument"),
    ("hyperliquid", "@162", "a number; needs the metadata"),
    ("lighter", "0", "a number; needs the metadata"),
    ("lighter", "1", "a number; needs the metadata"),
];

/// Symbols that share a key rightly: the exchange renamed one instrument.
const RENAMED: &[(&str, &str, &str)] = &[("kraken", "BTC/USD", "XBT/USD")];

/// All symbols of a file with a message, or several, on each line.
fn symbols_of(
    text: &str,
    exchange_of_line: impl Fn(&Value) -> Option<String>,
) -> BTreeMap<String, BTreeSet<String>> {
    let mut symbols: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let exchange = exchange_of_line(&line);
        let messages = match &line["normalized"] {
            Value::Array(messages) => messages.clone(),
            Value::Null => vec![line.clone()],
            one => vec![one.clone()],
        };
        for message in messages {
            let of_message = message["exchange"].as_str().map(str::to_owned);
            if let (Some(symbol), Some(exchange)) =
                (message["symbol"].as_str(), exchange.clone().or(of_message))
            {
                symbols.entry(exchange).or_default().insert(symbol.to_owned());
            }
        }
    }
    symbols
}

/// Exchanges on which nothing is traded spot.
const CONTRACTS_ONLY: &[&str] = &[
    "aster-futures",
    "binance-delivery",
    "binance-futures",
    "bitget-futures",
    "bybit",
    "cryptofacilities",
    "dydx",
    "dydx-v4",
    "gate-io-futures",
    "huobi-dm-linear-swap",
    "huobi-dm-swap",
    "kucoin-futures",
    "mexc-futures",
    "okex-futures",
    "okex-swap",
];

/// The key of a symbol as the first type that the exchange trades and its symbols can have.
fn key_of(exchange: &str, id: &str) -> Option<InstrumentKey> {
    let kinds =
        [InstrumentType::SpotPair, InstrumentType::Perp, InstrumentType::Future, InstrumentType::Option];
    let spot = usize::from(CONTRACTS_ONLY.contains(&exchange));
    let native = match exchange {
        "polymarket" => Some(InstrumentType::Prediction),
        "deribit" => Some(InstrumentType::Combo),
        _ => None,
    };
    // Recordings are of 2019 and later.
    let since = Some(day("2019-03-30"));
    let kinds = kinds[spot..].iter().copied().chain(native);
    let names = Names::new(exchange);
    let keys = kinds.map(|kind| names.name(&Listed { since, ..Listed::new(id, kind) }).key);
    { keys }.find(InstrumentKey::is_canonical)
}

#[test]
fn recorded_symbols_have_keys() {
    let Some(folder) = recorded("") else { return };
    let native = fs::read_to_string(folder.join("native/native_to_normalized.ndjson")).unwrap();
    let mut symbols = symbols_of(&native, |line| line["exchange"].as_str().map(str::to_owned));
    for file in fs::read_dir(folder.join("normalized")).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|end| end == "ndjson") {
            for (exchange, found) in symbols_of(&fs::read_to_string(path).unwrap(), |_| None) {
                symbols.entry(exchange).or_default().extend(found);
            }
        }
    }
    assert!(symbols.len() > 55);
    for (exchange, ids) in &symbols {
        let mut owners: BTreeMap<InstrumentKey, &str> = BTreeMap::new();
        for id in ids {
            let key = key_of(exchange, id);
            if let Some((_, _, reason)) = EXCEPTIONS.iter().find(|(e, i, _)| e == exchange && i == id) {
                println!("{exchange}: {id} is left out: {reason}");
                assert_eq!(key, None, "{exchange} {id}");
                continue;
            }
            let key = key.unwrap_or_else(|| panic!("{exchange} {id} has no key"));
            println!("{exchange}: {id} is {key}");
            assert_eq!(key_of(exchange, &dataset_form(id)).as_ref(), Some(&key));
            if let Some(owner) = owners.insert(key.clone(), id) {
                let renamed =
                    RENAMED.iter().any(|(e, one, other)| e == exchange && *one == owner && other == id);
                assert!(renamed, "{exchange} {owner} and {id} share {key}");
            }
        }
    }
}

#[test]
fn the_vendors_exchanges_are_venues() {
    let Some(folder) = recorded("") else { return };
    let body = fs::read(folder.join("meta/tardis_v1_exchanges_2025-09-17.json")).unwrap();
    let exchanges: Vec<Value> = serde_json::from_slice(&body).unwrap();
    for exchange in &exchanges {
        let id = exchange["id"].as_str().unwrap();
        assert_eq!(parse_venue(id), Ok(venue_of_exchange(id)));
    }
    println!("{} exchanges", exchanges.len());
}

#[test]
fn the_vendors_dataset_symbols_have_keys() {
    let Some(folder) = recorded("") else { return };
    let body = fs::read(folder.join("meta/flint_exchange_hyperliquid_trimmed.json")).unwrap();
    let exchange: Value = serde_json::from_slice(&body).unwrap();
    let symbols = exchange["datasets"]["symbols"].as_array().unwrap();
    for symbol in symbols {
        let kind = InstrumentType::of_vendor(symbol["type"].as_str().unwrap()).unwrap();
        let id = symbol["id"].as_str().unwrap();
        let named = Names::new("hyperliquid").name(&Listed::new(id, kind));
        assert_eq!(named.key.to_string(), format!("HYPERLIQUID:PERP:{id}-USDC"));
    }
    assert!(!symbols.is_empty());
}

#[test]
fn the_vendors_metadata_gives_the_key_that_the_symbol_gives() {
    let Some(folder) = recorded("") else { return };
    let mut seen = 0;
    for file in fs::read_dir(folder.join("normalized")).unwrap() {
        let path = file.unwrap().path();
        if !path.file_name().unwrap().to_string_lossy().starts_with("nautilus_instrument_") {
            continue;
        }
        let whole: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let text = |name: &str| whole[name].as_str().unwrap_or_default();
        let (exchange, id) = (text("exchange"), text("id"));
        let kind = InstrumentType::of_vendor(text("type")).unwrap();
        let strike = whole["strikePrice"].as_f64().map(|strike| strike.to_string());
        let contract = Contract {
            base: text("baseCurrency"),
            quote: text("quoteCurrency"),
            settle: whole["settlementCurrency"].as_str(),
            expiry: whole["expiry"].as_str().map(|time| day(&time[..10])),
            strike: strike.as_deref(),
            option_side: whole["optionType"].as_str().and_then(OptionSide::of_text),
            inverse: whole["inverse"].as_bool(),
        };
        let names = Names::new(exchange);
        let by_contract = names.name(&Listed { contract: Some(&contract), ..Listed::new(id, kind) });
        let by_symbol = names.name(&Listed::new(id, kind));
        assert_eq!(by_contract.key, by_symbol.key);
        assert_eq!(by_contract.inverse, by_symbol.inverse, "{id}");
        println!("{id} is {}", by_contract.key);
        seen += 1;
    }
    assert_eq!(seen, 5);
}
