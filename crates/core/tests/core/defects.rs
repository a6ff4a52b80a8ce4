//! What an earlier program of the same purpose got wrong, one test each.

use crate::{line, name};

/// Each symbol has its own name, and the expected one.
fn check(cases: &[(&str, &str, &str, &str)]) {
    let mut seen = std::collections::BTreeSet::new();
    for (exchange, id, kind, expected) in cases {
        let named = name(exchange, id, kind, None);
        assert_eq!(line(&named), *expected, "{exchange} {id}");
        assert!(seen.insert(named.key), "{exchange} {id} shares its key");
    }
}

#[test]
fn deribit_perpetuals_are_not_lost() {
    check(&[
        ("deribit", "BTC-PERPETUAL", "perpetual", "PERP:BTC-USD BTC inverse"),
        ("deribit", "ETH-PERPETUAL", "perpetual", "PERP:ETH-USD ETH inverse"),
        ("deribit", "BTC_USDC-PERPETUAL", "perpetual", "PERP:BTC-USDC USDC"),
        ("deribit", "BTC_USDT-PERPETUAL", "perpetual", "PERP:BTC-USDT USDT"),
    ]);
}

#[test]
fn upbit_writes_the_quote_first() {
    check(&[
        ("upbit", "KRW-BTC", "spot", "SPOT_PAIR:BTC-KRW"),
        ("upbit", "KRW-USDT", "spot", "SPOT_PAIR:USDT-KRW"),
        ("upbit", "BTC-XRP", "spot", "SPOT_PAIR:XRP-BTC"),
    ]);
}

#[test]
fn days_of_one_digit_are_days() {
    check(&[
        ("deribit", "BTC-3NOV23", "future", "FUTURE:BTC-USD-231103 BTC inverse"),
        ("deribit", "BTC-7JUN24", "future", "FUTURE:BTC-USD-240607 BTC inverse"),
        ("deribit", "BTC-5JAN24", "future", "FUTURE:BTC-USD-240105 BTC inverse"),
        ("deribit", "BTC-3NOV23-30000-C", "option", "OPTION:BTC-USD-231103-30000-CALL BTC inverse"),
    ]);
}

#[test]
fn the_day_of_expiry_is_the_day_in_the_symbol() {
    check(&[
        ("deribit", "BTC-26DEC25", "future", "FUTURE:BTC-USD-251226 BTC inverse"),
        ("okex-futures", "BTC-USDT-230630", "future", "FUTURE:BTC-USDT-230630 USDT"),
        ("bybit", "BTCUSDT-29DEC23", "future", "FUTURE:BTC-USDT-231229 USDT"),
        ("binance-futures", "btcusdt_210326", "future", "FUTURE:BTC-USDT-210326 USDT"),
    ]);
}

#[test]
fn numbers_in_names_are_kept() {
    check(&[
        ("binance-futures", "1000shibusdt", "perpetual", "PERP:1000SHIB-USDT USDT"),
        ("binance-futures", "shibusdt", "perpetual", "PERP:SHIB-USDT USDT"),
        ("binance-futures", "1inchusdt", "perpetual", "PERP:1INCH-USDT USDT"),
        ("binance-futures", "c98usdt", "perpetual", "PERP:C98-USDT USDT"),
        ("bybit", "10000NFTUSDT", "perpetual", "PERP:10000NFT-USDT USDT"),
        ("bybit-spot", "BTC3LUSDT", "spot", "SPOT_PAIR:BTC3L-USDT"),
        ("bybit-spot", "BTC3SUSDT", "spot", "SPOT_PAIR:BTC3S-USDT"),
        ("bybit-spot", "BTCUSDT", "spot", "SPOT_PAIR:BTC-USDT"),
    ]);
}

#[test]
fn a_stablecoin_can_be_the_base() {
    check(&[
        ("binance", "usdttry", "spot", "SPOT_PAIR:USDT-TRY"),
        ("binance", "usdtbrl", "spot", "SPOT_PAIR:USDT-BRL"),
        ("binance", "usdtdai", "spot", "SPOT_PAIR:USDT-DAI"),
        ("binance", "usdcusdt", "spot", "SPOT_PAIR:USDC-USDT"),
        ("okex", "USDT-TRY", "spot", "SPOT_PAIR:USDT-TRY"),
    ]);
}

#[test]
fn a_month_code_is_no_part_of_the_coin_and_a_day_is_no_month_code() {
    check(&[
        ("bybit", "BTCUSDM23", "future", "FUTURE:BTC-USD-230630 BTC inverse"),
        ("bybit", "BTCUSDZ23", "future", "FUTURE:BTC-USD-231229 BTC inverse"),
        ("bybit", "BTC-30JUN23", "future", "FUTURE:BTC-USDC-230630 USDC"),
        ("bybit", "BTCUSDT-29DEC23", "future", "FUTURE:BTC-USDT-231229 USDT"),
    ]);
}

#[test]
fn strikes_keep_their_decimals() {
    check(&[
        ("deribit", "XRP_USDC-27DEC24-1d14-P", "option", "OPTION:XRP-USDC-241227-1.14-PUT USDC"),
        ("deribit", "XRP_USDC-27DEC24-1d1-P", "option", "OPTION:XRP-USDC-241227-1.1-PUT USDC"),
        ("deribit", "MATIC_USDC-9MAR24-0D9-C", "option", "OPTION:MATIC-USDC-240309-0.9-CALL USDC"),
        ("binance-european-options", "XRP-251219-2.05-P", "option", "OPTION:XRP-USDT-251219-2.05-PUT USDT"),
    ]);
}

#[test]
fn coin_settled_contracts_with_an_end_are_inverse_too() {
    check(&[
        ("binance-delivery", "btcusd_240927", "future", "FUTURE:BTC-USD-240927 BTC inverse"),
        ("okex-futures", "BTC-USD-240927", "future", "FUTURE:BTC-USD-240927 BTC inverse"),
        ("okex-options", "BTC-USD-240927-60000-C", "option", "OPTION:BTC-USD-240927-60000-CALL BTC inverse"),
        ("deribit", "BTC-27SEP24-60000-C", "option", "OPTION:BTC-USD-240927-60000-CALL BTC inverse"),
    ]);
}
