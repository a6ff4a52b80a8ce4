//! Prints the keys of symbols: `scripts/symbols.py` compares them with what the exchanges themselves say.
//!
//! Reads JSON lines `{"exchange", "symbol", "type", "since"}` of whole lists, `since` a day or null. The symbols of an exchange are
//! read together. Prints a JSON line for each: the parts of its key, and the parts of the key that version 1 of the naming had.

// Printing is what it is for.
#![allow(clippy::print_stdout)]

use std::collections::HashMap;
use std::io::{self, BufRead};

use mtdh_core::key::{InstrumentKey, InstrumentType, asset_name};
use mtdh_core::symbol::{Listed, Names};
use serde_json::{Value, json};

fn parts(key: &InstrumentKey) -> Value {
    json!({
        "key": key.as_str(),
        "canonical": key.is_canonical(),
        "type": key.instrument_type().name(),
        "base": key.base().map(asset_name),
        "quote": key.quote().map(asset_name),
        "expiry": key.expiry().map(|day| day.to_string()),
        "strike": key.strike(),
        "side": key.option_side().map(|side| side.name()),
    })
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let lines: Result<Vec<Value>, Box<dyn std::error::Error>> =
        io::stdin().lock().lines().map(|line| Ok(serde_json::from_str(&line?)?)).collect();
    let lines = lines?;
    let text = |line: &Value, name: &str| line[name].as_str().unwrap_or_default().to_owned();
    let kind =
        |line: &Value| InstrumentType::of_vendor(&text(line, "type")).unwrap_or(InstrumentType::Unknown);
    let mut names: HashMap<String, Names> = HashMap::new();
    for line in &lines {
        let exchange = text(line, "exchange");
        let of_exchange = names.entry(exchange.clone()).or_insert_with(|| Names::new(&exchange));
        of_exchange.add(&text(line, "symbol"), kind(line));
    }
    for line in &lines {
        let (exchange, symbol) = (text(line, "exchange"), text(line, "symbol"));
        let since = line["since"].as_str().and_then(|since| since.parse().ok());
        let listed = Listed { since, ..Listed::new(&symbol, kind(line)) };
        let of_list = names[&exchange].name(&listed);
        let alone = Names::new(&exchange).name(&listed);
        let first = names[&exchange].first_version(&listed);
        println!(
            "{}",
            json!({"now": parts(&of_list.key), "alone": alone.key.as_str(), "first": first.first().map(parts)})
        );
    }
    Ok(())
}
