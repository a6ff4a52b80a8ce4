//! Both ways to a key agree.

use mtdh_core::key::{InstrumentType, OptionSide};
use mtdh_core::symbol::{Contract, Listed, Named, Names};

use crate::{day, line, name};

/// Metadata in the vendor's words: id, type, base, quote, settlement asset, expiry, strike, side, inverse.
type Row<'a> = (&'a str, &'a str, &'a str, &'a str, &'a str, &'a str, &'a str, &'a str, Option<bool>);

/// The name of a symbol with its metadata.
fn name_by_contract(exchange: &str, row: &Row) -> Named {
    let (id, kind, contract) = (row.0, InstrumentType::of_vendor(row.1).unwrap(), contract(row));
    Names::new(exchange).name(&Listed { contract: Some(&contract), ..Listed::new(id, kind) })
}

fn contract<'a>(row: &Row<'a>) -> Contract<'a> {
    let (_, _, base, quote, settle, expiry, strike, side, inverse) = *row;
    let text = |text: &'a str| (!text.is_empty()).then_some(text);
    Contract {
        base,
        quote,
        settle: text(settle),
        expiry: text(expiry).map(day),
        strike: text(strike),
        option_side: OptionSide::of_text(side),
        inverse,
    }
}

#[test]
fn the_metadata_gives_the_key_that_the_symbol_gives() {
    let cases: &[(&str, &[Row])] = &[
        (
            "deribit",
            &[
                ("BTC-PERPETUAL", "perpetual", "BTC", "USD", "", "", "", "", Some(true)),
                ("BTC-14FEB25", "future", "BTC", "USD", "", "2025-02-14", "", "", Some(true)),
                (
                    "BTC-25APR25-200000-P",
                    "option",
                    "BTC",
                    "BTC",
                    "",
                    "2025-04-25",
                    "200000",
                    "put",
                    Some(true),
                ),
                (
                    "XRP_USDC-27DEC24-1d14-P",
                    "option",
                    "XRP",
                    "USDC",
                    "USDC",
                    "2024-12-27",
                    "1.14",
                    "put",
                    Some(false),
                ),
                ("BTC-FS-28MAR25_PERP", "combo", "BTC", "USD", "", "2025-03-28", "", "", Some(true)),
                ("BTC_USDC", "spot", "BTC", "USDC", "", "", "", "", None),
            ],
        ),
        (
            "bitmex",
            &[
                ("XBTUSD", "perpetual", "BTC", "USD", "BTC", "", "", "", Some(true)),
                ("ETHUSD", "perpetual", "ETH", "USD", "BTC", "", "", "", Some(false)),
                ("ETHUSD_ETH", "perpetual", "ETH", "USD", "ETH", "", "", "", Some(true)),
                ("XBTZ19", "future", "BTC", "USD", "BTC", "2019-12-27", "", "", Some(true)),
                ("ETHM19", "future", "ETH", "BTC", "BTC", "2019-06-28", "", "", Some(false)),
                ("XBT_USDT", "spot", "BTC", "USDT", "", "", "", "", None),
            ],
        ),
        (
            "binance-futures",
            &[
                ("btcusdt", "perpetual", "BTC", "USDT", "", "", "", "", Some(false)),
                ("1000shibusdt", "perpetual", "1000SHIB", "USDT", "", "", "", "", Some(false)),
                ("1000shibusdt", "perpetual", "SHIB", "USDT", "", "", "", "", Some(false)),
                ("btcusdt_210326", "future", "BTC", "USDT", "", "2021-03-26", "", "", Some(false)),
            ],
        ),
        (
            "binance-delivery",
            &[
                ("btcusd_perp", "perpetual", "BTC", "USD", "BTC", "2100-12-25", "", "", Some(true)),
                ("btcusd_200925", "future", "BTC", "USD", "BTC", "2020-09-25", "", "", Some(true)),
            ],
        ),
        (
            "binance-european-options",
            &[("XRP-251219-2.05-P", "option", "XRP", "USDT", "", "2025-12-19", "2.05", "put", None)],
        ),
        (
            "bybit",
            &[
                ("BTCUSD", "perpetual", "BTC", "USD", "BTC", "", "", "", Some(true)),
                ("SHIB1000USDT", "perpetual", "SHIB", "USDT", "", "", "", "", Some(false)),
                ("BTCPERP", "perpetual", "BTC", "USDC", "", "", "", "", Some(false)),
                ("BTCUSDM21", "future", "BTC", "USD", "BTC", "2021-06-25", "", "", Some(true)),
            ],
        ),
        (
            "bybit-options",
            &[(
                "BTC-1AUG25-112000-P-USDT",
                "option",
                "BTC",
                "USDT",
                "USDT",
                "2025-08-01",
                "112000",
                "put",
                None,
            )],
        ),
        ("okex-swap", &[("BTC-USD-SWAP", "perpetual", "BTC", "USD", "BTC", "", "", "", Some(true))]),
        (
            "okex-futures",
            &[("BTC-USD_UM-260626", "future", "BTC", "USD", "", "2026-06-26", "", "", Some(false))],
        ),
        (
            "okex-options",
            &[(
                "BTC-USD-200207-8500-P",
                "option",
                "BTC",
                "USD",
                "BTC",
                "2020-02-07",
                "8500",
                "put",
                Some(true),
            )],
        ),
        (
            "kraken",
            &[
                ("XBT/USD", "spot", "BTC", "USD", "", "", "", "", None),
                ("XDG/USD", "spot", "XDG", "USD", "", "", "", "", None),
            ],
        ),
        (
            "cryptofacilities",
            &[
                ("PI_XBTUSD", "perpetual", "BTC", "USD", "", "", "", "", Some(true)),
                ("PF_XBTUSD", "perpetual", "BTC", "USD", "USD", "", "", "", Some(false)),
                ("FI_XBTUSD_220325", "future", "BTC", "USD", "BTC", "2022-03-25", "", "", Some(true)),
            ],
        ),
        ("bitfinex", &[("BTCUST", "spot", "BTC", "USDT", "", "", "", "", None)]),
        ("bitfinex-derivatives", &[("BTCF0:USTF0", "perpetual", "BTC", "USDT", "", "", "", "", Some(false))]),
        ("upbit", &[("KRW-BTC", "spot", "BTC", "KRW", "", "", "", "", None)]),
        ("hyperliquid", &[("kPEPE", "perpetual", "PEPE", "USD", "", "", "", "", Some(false))]),
        ("kucoin-futures", &[("XBTUSDTM", "perpetual", "BTC", "USDT", "", "", "", "", Some(false))]),
        ("binance-dex", &[("BTCB-1DE_USDSB-1AC", "spot", "BTCB-1DE", "USDSB-1AC", "", "", "", "", None)]),
        ("bitnomial", &[("BUSH23", "future", "BTC", "USD", "", "2023-03-31", "", "", None)]),
        ("poloniex", &[("USDT_BTC", "spot", "BTC", "USDT", "", "", "", "", None)]),
    ];
    for (exchange, rows) in cases {
        for row in *rows {
            let by_contract = name_by_contract(exchange, row);
            let by_symbol = name(exchange, row.0, row.1, None);
            assert_eq!(by_contract.key, by_symbol.key, "{exchange} {}", row.0);
            let inverse = by_symbol.inverse.or(by_contract.inverse);
            assert_eq!(by_contract.inverse, inverse, "{exchange} {}", row.0);
        }
    }
}

/// A row of metadata, what is said of it, and base and quote.
type Told<'a> = (&'a str, Row<'a>, &'a str, &'a str);

#[test]
fn the_metadata_fills_what_stands_beside_a_key_and_never_changes_it() {
    let cases: &[Told] = &[
        (
            "hyperliquid",
            ("@107", "spot", "HYPE", "USDC", "", "", "", "", None),
            "SPOT_PAIR:@0040107",
            "HYPE USDC",
        ),
        (
            "lighter",
            ("0", "perpetual", "ETH", "USDC", "", "", "", "", Some(false)),
            "PERP:0 USDC",
            "ETH USDC",
        ),
        ("binance", ("abcxyz", "spot", "ABC", "XYZ", "", "", "", "", None), "SPOT_PAIR:ABCXYZ", "ABC XYZ"),
        (
            "huobi-dm",
            ("BTC_CW", "future", "BTC", "USD", "BTC", "2024-03-29", "", "", Some(true)),
            "FUTURE:BTC_CW BTC inverse",
            "BTC USD",
        ),
        (
            "ftx",
            ("BTC-0325", "future", "BTC", "USD", "", "2022-03-25", "", "", None),
            "FUTURE:BTC-0325",
            "BTC USD",
        ),
        (
            "bybit",
            ("BTCUSDH24", "future", "BTC", "USD", "", "2024-03-28", "", "", None),
            "FUTURE:BTC-USD-240329 BTC inverse",
            "BTC USD",
        ),
        (
            "bitmex",
            ("DOGEUSDT", "perpetual", "DOGE", "USDT", "XBT", "", "", "", None),
            "PERP:DOGE-USDT BTC",
            "DOGE USDT",
        ),
        ("next", ("KRW-BTC", "spot", "BTC", "KRW", "", "", "", "", None), "SPOT_PAIR:BTC-KRW", "BTC KRW"),
        (
            "next",
            ("ODD#1", "option", "BTC", "BTC", "", "2024-03-29", "5", "call", Some(true)),
            "OPTION:ODD@00231 BTC inverse",
            "BTC BTC",
        ),
        ("next", ("ODD#1", "perpetual", "", "USD", "", "", "", "", None), "PERP:ODD@00231", "USD"),
        // A constant of the exchange is no match for the vendor's word.
        (
            "hyperliquid",
            ("hyna:BTC", "perpetual", "BTC", "USDE", "", "", "", "", None),
            "PERP:HYNA_BTC-USDE USDE",
            "HYNA-BTC USDE",
        ),
        (
            "hyperliquid",
            ("flx:TSLA", "perpetual", "TSLA", "USDH", "", "", "", "", Some(false)),
            "PERP:FLX@002DTSLA USDH",
            "TSLA USDH",
        ),
        (
            "hyperliquid",
            ("BTC", "perpetual", "BTC", "USD", "", "", "", "", Some(false)),
            "PERP:BTC-USDC USDC",
            "BTC USDC",
        ),
        (
            "okex-swap",
            ("BTC-USD-SWAP", "perpetual", "BTC", "USD", "", "", "", "", Some(false)),
            "PERP:BTC-USD USD",
            "BTC USD",
        ),
        (
            "dydx",
            ("BTC-USD", "perpetual", "BTC", "USD", "", "", "", "", Some(false)),
            "PERP:BTC-USD USDC",
            "BTC USD",
        ),
    ];
    for (exchange, row, expected, pair) in cases {
        let named = name_by_contract(exchange, row);
        assert_eq!(line(&named), *expected, "{exchange} {}", row.0);
        let names = [&named.base, &named.quote].map(|name| name.clone().unwrap_or_default());
        assert_eq!(names.join(" ").trim(), *pair, "{exchange} {}", row.0);
        assert_eq!(named.key, name(exchange, row.0, row.1, None).key);
    }
    let settle = |id| name("hyperliquid", id, "perpetual", None).settle;
    assert_eq!([settle("hyna:BTC"), settle("flx:TSLA")], [None, None]);
}
