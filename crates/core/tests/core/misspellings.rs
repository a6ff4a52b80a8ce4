//! What wrong names may mean.

use mtdh_core::DataType;
use mtdh_core::instrument::Instrument;
use mtdh_core::key::InstrumentType;
use mtdh_core::meant::{keys, keys_without_table};
use mtdh_core::nearest::{KNOWN_AS, nearest};
use mtdh_core::venue::{exchange_of_venue, is_known, parse_any_venue, suggest};

use crate::day;

#[test]
fn names_of_elsewhere_lead_to_something_that_there_is() {
    for (name, called) in KNOWN_AS {
        let is_there = is_known(called)
            || called.parse::<DataType>().is_ok()
            || called.parse::<InstrumentType>().is_ok()
            || ["candles", "instruments"].contains(called);
        assert!(is_there, "{name}: {called}");
        assert!(name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit()), "{name}");
    }
}

#[test]
fn venues_types_and_groups_are_found_by_slips_other_names_and_parts() {
    let types = DataType::ALL.map(DataType::name);
    let kinds = InstrumentType::ALL.map(InstrumentType::name);
    for (typed, expected) in [
        ("BINNANCE", "BINANCE"),
        ("biannce", "BINANCE"),
        ("binancefutures", "BINANCE-FUTURES"),
        ("binance futures", "BINANCE-FUTURES"),
        ("futures-binance", "BINANCE-FUTURES"),
        ("binanceusdm", "BINANCE-FUTURES"),
        ("okexswap", "OKX-SWAP"),
        ("okx_swap", "OKX-SWAP"),
        ("htx", "HUOBI"),
        ("gateio", "GATE-IO"),
        ("deribt", "DERIBIT"),
        ("drebiit", "DERIBIT"),
        ("coinbase-pro", "COINBASE"),
        ("hyperliqiud", "HYPERLIQUID"),
    ] {
        assert_eq!(suggest(typed).as_deref(), Some(expected), "{typed}");
        assert!(parse_any_venue(typed).is_ok() || suggest(typed).is_some());
    }
    for (typed, expected) in [
        ("trade", "trades"),
        ("tardes", "trades"),
        ("book", "incremental_book_L2"),
        ("orderbook", "incremental_book_L2"),
        ("l2", "incremental_book_L2"),
        ("book_snapshot5", "book_snapshot_5"),
        ("booksnapshot25", "book_snapshot_25"),
        ("snapshot_25", "book_snapshot_25"),
        ("funding", "derivative_ticker"),
        ("derivatives_ticker", "derivative_ticker"),
        ("liquidation", "liquidations"),
        ("options", "options_chain"),
        ("bbo", "quotes"),
    ] {
        assert_eq!(nearest(typed, types, 1), [expected], "{typed}");
    }
    for (typed, expected) in
        [("swap", "PERP"), ("spot", "SPOT_PAIR"), ("futures", "FUTURE"), ("opiton", "OPTION")]
    {
        assert_eq!(nearest(typed, kinds, 1), [expected], "{typed}");
    }
    for typed in ["nasdaq", "x", "", "----", "日本"] {
        assert_eq!(suggest(typed), None, "{typed}");
    }
}

/// An instrument of a table.
fn of(key: &str, symbol: &str) -> Instrument {
    let key: mtdh_core::key::InstrumentKey = key.parse().unwrap();
    let exchange = exchange_of_venue(key.venue());
    Instrument::of_name(key, &exchange, symbol, day("2024-03-01"))
}

fn table() -> Vec<Instrument> {
    let mut known = vec![
        of("BINANCE:SPOT_PAIR:BTC-USDT", "btcusdt"),
        of("BINANCE:SPOT_PAIR:ETH-USDT", "ethusdt"),
        of("BINANCE-FUTURES:PERP:BTC-USDT", "btcusdt"),
        of("BINANCE-FUTURES:FUTURE:BTC-USDT-240628", "btcusdt_240628"),
        of("BITMEX:PERP:BTC-USD", "XBTUSD"),
        of("DERIBIT:PERP:BTC-USD", "BTC-PERPETUAL"),
        of("DERIBIT:PERP:ETH-USD", "ETH-PERPETUAL"),
        of("DERIBIT:OPTION:BTC-USD-240628-70000-CALL", "BTC-28JUN24-70000-C"),
        of("DERIBIT:OPTION:BTC-USD-240628-70000-PUT", "BTC-28JUN24-70000-P"),
        of("OKX-SWAP:PERP:BTC-USDT", "BTC-USDT-SWAP"),
        of("OKX-SWAP:PERP:BTC-USD", "BTC-USD-SWAP"),
    ];
    for instrument in &mut known {
        let is_inverse = instrument.key.quote() == Some("USD");
        instrument.inverse =
            (instrument.key.instrument_type() != InstrumentType::SpotPair).then_some(is_inverse);
    }
    known[4].aliases = vec!["BITMEX:PERP:XBT-USD".to_owned()];
    known
}

#[test]
fn instruments_are_found_by_symbols_terms_and_slips() {
    let known = table();
    for (typed, expected) in [
        ("BTCUSDT", "BINANCE:SPOT_PAIR:BTC-USDT BINANCE-FUTURES:PERP:BTC-USDT"),
        ("btcusdt", "BINANCE:SPOT_PAIR:BTC-USDT BINANCE-FUTURES:PERP:BTC-USDT"),
        ("BINANCE:BTCUSDT", "BINANCE:SPOT_PAIR:BTC-USDT"),
        ("binance-futures:BTCUSDT", "BINANCE-FUTURES:PERP:BTC-USDT"),
        ("binanceusdm BTCUSDT", "BINANCE-FUTURES:PERP:BTC-USDT"),
        ("BINANCE-FUTURES:SPOT_PAIR:BTCUSDT", "BINANCE-FUTURES:PERP:BTC-USDT"),
        ("BTC/USDT", "BINANCE:SPOT_PAIR:BTC-USDT"),
        ("btc/usdt", "BINANCE:SPOT_PAIR:BTC-USDT"),
        ("BTC/USDT:USDT", "BINANCE-FUTURES:PERP:BTC-USDT OKX-SWAP:PERP:BTC-USDT"),
        ("okx-swap:BTC/USDT:USDT", "OKX-SWAP:PERP:BTC-USDT"),
        ("BTC/USD:BTC", "BITMEX:PERP:BTC-USD DERIBIT:PERP:BTC-USD OKX-SWAP:PERP:BTC-USD"),
        ("BTC/USDT:USDT-240628", "BINANCE-FUTURES:FUTURE:BTC-USDT-240628"),
        ("BTC/USD:BTC-240628-70000-C", "DERIBIT:OPTION:BTC-USD-240628-70000-CALL"),
        ("BTC/USD:BTC-240628-70000-P", "DERIBIT:OPTION:BTC-USD-240628-70000-PUT"),
        ("BINANCE:BTCUSDT.P", "BINANCE-FUTURES:PERP:BTC-USDT"),
        ("BTC-PERPETUAL", "DERIBIT:PERP:BTC-USD"),
        ("deribit ETH-PERPETUAL", "DERIBIT:PERP:ETH-USD"),
        ("BTC-28JUN24-70000-C", "DERIBIT:OPTION:BTC-USD-240628-70000-CALL"),
        ("BTC-USDT-SWAP", "OKX-SWAP:PERP:BTC-USDT"),
        ("XBTUSD", "BITMEX:PERP:BTC-USD"),
        ("BITMEX:PERP:XBT-USD", "BITMEX:PERP:BTC-USD"),
        ("ETH_USDT", "BINANCE:SPOT_PAIR:ETH-USDT"),
        ("ETHUSD", "DERIBIT:PERP:ETH-USD"),
        ("BINANCE:SPOT_PAIR:BCT-USDT", "BINANCE:SPOT_PAIR:BTC-USDT"),
        ("BINANCE:SPOT:ETH-USDT", "BINANCE:SPOT_PAIR:ETH-USDT"),
        ("DERIBTI:PERP:ETH-USD", "DERIBIT:PERP:ETH-USD"),
        ("DERIBIT:PERP:ETH-UDS", "DERIBIT:PERP:ETH-USD"),
        ("X", ""),
        ("", ""),
        ("::", ""),
        ("/", ""),
    ] {
        let found = keys(typed, &known, 3);
        let first: Vec<&str> = expected.split_whitespace().collect();
        assert!(found.len() >= first.len() && found[..first.len()] == first[..], "{typed}: {found:?}");
        assert!(!first.is_empty() || found.is_empty(), "{typed}: {found:?}");
    }
    assert_eq!(keys_without_table("BTCUSDT", 1), ["BINANCE:SPOT_PAIR:BTC-USDT"]);
    assert_eq!(keys_without_table("ETH/USDT:USDT", 1), ["BINANCE-FUTURES:PERP:ETH-USDT"]);
}
