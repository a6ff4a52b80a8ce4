//! The exchanges' own lists of instruments: what we read from a symbol is what the exchange says of it.
//!
//! The lists are not part of the project; the tests that need them say so and pass where they are absent.

use std::collections::BTreeMap;

use mtdh_core::Day;
use mtdh_core::key::{InstrumentKey, InstrumentType, OptionSide};
use mtdh_core::symbol::{Contract, Listed, Named, Names};
use serde_json::Value;

use crate::recorded::recorded;
use crate::{dataset_form, name};

/// What the exchange says of one instrument.
struct Truth {
    /// In API form.
    id: String,
    kind: &'static str,
    base: String,
    quote: String,
    settle: String,
    expiry: Option<Day>,
    strike: Option<String>,
    side: Option<String>,
}

impl Truth {
    /// The same as the vendor's metadata says it, which quotes inverse options in their base.
    fn contract(&self) -> Contract<'_> {
        let quoted_in_base = self.kind == "option" && self.settle == self.base;
        Contract {
            base: &self.base,
            quote: if quoted_in_base { &self.base } else { &self.quote },
            settle: Some(&self.settle).filter(|asset| !asset.is_empty()).map(String::as_str),
            expiry: self.expiry,
            strike: self.strike.as_deref(),
            option_side: self.side.as_deref().and_then(OptionSide::of_text),
            inverse: None,
        }
    }

    fn line(&self) -> String {
        let expiry = self.expiry.map(|day| day.to_string());
        let right = self.strike.iter().chain(&self.side).cloned();
        let parts = [self.base.clone(), self.quote.clone()].into_iter().chain(expiry).chain(right);
        parts.collect::<Vec<_>>().join(" ").to_uppercase()
    }
}

/// What our key says, in the same order.
fn key_line(key: &InstrumentKey) -> String {
    let expiry = key.expiry().map(|day| day.to_string());
    let side = key.option_side().map(|side| side.name().to_owned());
    let names = [key.base(), key.quote()].into_iter().flatten().map(str::to_owned);
    let parts = names.chain(expiry).chain(key.strike().map(str::to_owned)).chain(side);
    parts.collect::<Vec<_>>().join(" ")
}

/// Checks a whole list: every symbol has a key, none shares it, and it says what the exchange says. Symbols
/// in `exceptions` stand there with the reason and are skipped.
fn check(exchange: &str, truths: &[Truth], exceptions: &[(&str, &str)]) {
    let mut owners: BTreeMap<InstrumentKey, &str> = BTreeMap::new();
    for truth in truths {
        if let Some((_, reason)) = exceptions.iter().find(|(id, _)| *id == truth.id) {
            println!("{exchange}: {} is left out: {reason}", truth.id);
            continue;
        }
        let of = |id: &str| -> Named { name(exchange, id, truth.kind, None) };
        let named = of(&truth.id);
        assert_eq!(of(&dataset_form(&truth.id)), named);
        assert_eq!(key_line(&named.key), truth.line(), "{exchange} {}", truth.id);
        let kind = InstrumentType::of_vendor(truth.kind).unwrap();
        let by_contract = Names::new(exchange)
            .name(&Listed { contract: Some(&truth.contract()), ..Listed::new(&truth.id, kind) });
        assert_eq!(by_contract, named, "{exchange} {}", truth.id);
        if truth.kind != "spot" {
            assert_eq!(named.settle.as_deref(), Some(truth.settle.as_str()), "{exchange} {}", truth.id);
            let coin_settled = truth.settle == truth.base && truth.settle != truth.quote;
            assert_eq!(named.inverse, Some(coin_settled), "{exchange} {}", truth.id);
        }
        if let Some(owner) = owners.insert(named.key.clone(), &truth.id) {
            panic!("{exchange} {owner} and {} share {}", truth.id, named.key);
        }
    }
    println!("{exchange}: {} symbols, {} left out", truths.len(), exceptions.len());
    assert!(!truths.is_empty());
}

/// The instruments in a list of the folder, under one of the names that exchanges have for the list.
fn instruments(file: &str) -> Option<Vec<Value>> {
    let path = recorded("instruments")?.join(file);
    let body: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let list = ["symbols", "result", "data"].iter().find_map(|name| body[name].as_array());
    Some(list.unwrap().clone())
}

fn text(instrument: &Value, name: &str) -> String {
    instrument[name].as_str().unwrap_or_else(|| panic!("{name} of {instrument}")).to_owned()
}

/// The day of a time in milliseconds.
fn day_of_ms(ms: i64) -> Option<Day> {
    Day::containing_us(ms * 1000)
}

#[test]
fn binance_spot() {
    let Some(list) = instruments("binance_exchangeInfo_2021-10-12_every4th.json") else { return };
    let truths: Vec<Truth> = list
        .iter()
        .map(|i| Truth {
            id: text(i, "symbol").to_lowercase(),
            kind: "spot",
            base: text(i, "baseAsset"),
            quote: text(i, "quoteAsset"),
            settle: String::new(),
            expiry: None,
            strike: None,
            side: None,
        })
        .collect();
    check("binance", &truths, &[]);
}

#[test]
fn binance_contracts() {
    for (exchange, file) in [
        ("binance-futures", "binance-futures_exchangeInfo_2021-07-22.json"),
        ("binance-delivery", "binance-delivery_exchangeInfo_2021-07-22.json"),
    ] {
        let Some(list) = instruments(file) else { return };
        let truths: Vec<Truth> = list
            .iter()
            .map(|i| {
                // A contract that is halted has no type there.
                let is_perp = matches!(text(i, "contractType").as_str(), "PERPETUAL" | "");
                Truth {
                    id: text(i, "symbol").to_lowercase(),
                    kind: if is_perp { "perpetual" } else { "future" },
                    base: text(i, "baseAsset"),
                    quote: text(i, "quoteAsset"),
                    settle: text(i, "marginAsset"),
                    expiry: if is_perp { None } else { day_of_ms(i["deliveryDate"].as_i64().unwrap()) },
                    strike: None,
                    side: None,
                }
            })
            .collect();
        check(exchange, &truths, &[]);
    }
}

#[test]
fn deribit() {
    for file in [
        "deribit_get_instruments_currency_BTC_2021-07-22.json",
        "deribit_get_instruments_currency_USDC_2021-07-22.json",
    ] {
        let Some(list) = instruments(file) else { return };
        let truths: Vec<Truth> = list
            .iter()
            .map(|i| {
                let is_option = text(i, "kind") == "option";
                let is_perp = text(i, "settlement_period") == "perpetual";
                let (base, quote) = (text(i, "base_currency"), text(i, "quote_currency"));
                Truth {
                    id: text(i, "instrument_name"),
                    kind: if is_option {
                        "option"
                    } else if is_perp {
                        "perpetual"
                    } else {
                        "future"
                    },
                    settle: if quote == "USD" { base.clone() } else { quote.clone() },
                    // The exchange gives the currency of an inverse option's price; its strike is in USD.
                    quote: if is_option && quote == base { "USD".to_owned() } else { quote },
                    base,
                    expiry: if is_perp {
                        None
                    } else {
                        day_of_ms(i["expiration_timestamp"].as_i64().unwrap())
                    },
                    strike: i["strike"].as_f64().map(|strike| strike.to_string()),
                    side: i["option_type"].as_str().map(str::to_owned),
                }
            })
            .collect();
        check("deribit", &truths, &[]);
    }
}

#[test]
fn okx() {
    for (exchange, file, kind) in [
        ("okex-futures", "okx_instruments_instType_FUTURES_2022-05-13.json", "future"),
        ("okex-swap", "okx_instruments_instType_SWAP_2022-05-13.json", "perpetual"),
    ] {
        let Some(list) = instruments(file) else { return };
        let truths: Vec<Truth> = list
            .iter()
            .map(|i| {
                let underlying = text(i, "uly");
                let (base, quote) = underlying.split_once('-').unwrap();
                Truth {
                    id: text(i, "instId"),
                    kind,
                    base: base.to_owned(),
                    quote: quote.to_owned(),
                    settle: text(i, "settleCcy"),
                    expiry: text(i, "expTime").parse().ok().and_then(day_of_ms),
                    strike: None,
                    side: None,
                }
            })
            .collect();
        check(exchange, &truths, &[]);
    }
}

#[test]
fn bybit() {
    let Some(list) = instruments("bybit_symbols_2021-04-17.json") else { return };
    let truths: Vec<Truth> = list
        .iter()
        .map(|i| {
            let (id, alias) = (text(i, "name"), text(i, "alias"));
            let (base, quote) = (text(i, "base_currency"), text(i, "quote_currency"));
            // The alias of a dated contract ends in its month and day.
            let end = alias.strip_prefix(&format!("{base}{quote}")).filter(|end| !end.is_empty());
            let expiry = end.map(|end| Day::from_short(&format!("21{end}")).unwrap());
            Truth {
                id,
                kind: if expiry.is_some() { "future" } else { "perpetual" },
                settle: if quote == "USD" { base.clone() } else { quote.clone() },
                base,
                quote,
                expiry,
                strike: None,
                side: None,
            }
        })
        .collect();
    check("bybit", &truths, &[]);
}
