//! The symbol grammar of each exchange.
//!
//! The only place that knows the exchanges. The forms are in the sibling modules.

use super::dated::*;
use super::own::*;
use super::pairs::*;
use super::poloniex;
use super::quotes::{self, Quote};
use super::reading::Shape;

/// How an exchange's symbols are read.
#[derive(Clone, Copy)]
pub(super) struct Grammar {
    /// Forms; the first that fits wins.
    pub shapes: &'static [Shape],
    /// Quotes of words without a separator.
    pub quotes: &'static [Quote],
    /// The settlement asset of contracts whose form does not state it.
    pub settled_in: Settled,
    /// Assets with another name in the vendor's metadata: the exchange's name, the common name.
    pub aliases: &'static [(&'static str, &'static str)],
    /// Whether base and quote may be in the other order.
    pub order_is_guess: bool,
}

/// The settlement asset of an exchange's contracts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Settled {
    /// The symbol does not state it.
    Unknown,
    /// The quote in the vendor's metadata; unknown without.
    VendorsQuote,
    /// The quote.
    Quote,
    /// The quote; the base if the quote is USD.
    CoinForUsd,
    /// The quote; unknown if the quote is USD.
    UnknownForUsd,
    /// One asset for all contracts.
    Always(&'static str),
}

const XBT: &[(&str, &str)] = &[("XBT", "BTC")];
const XBT_XDG: &[(&str, &str)] = &[("XBT", "BTC"), ("XDG", "DOGE")];
const UST: &[(&str, &str)] = &[("UST", "USDT")];

/// The base of all grammars.
const PLAIN: Grammar = Grammar {
    shapes: &[dash],
    quotes: &[],
    settled_in: Settled::Unknown,
    aliases: &[],
    order_is_guess: false,
};

/// For unknown exchanges: the most common forms.
const UNKNOWN: Grammar = Grammar {
    shapes: &[
        dash_perp,
        glued_perp,
        coin_perp_usdt,
        dash,
        underscore,
        glued,
        dash_day,
        underscore_day,
        glued_day,
        continuous,
        dash_option,
        coin_option_usdt,
    ],
    order_is_guess: true,
    quotes: quotes::SPOT,
    ..PLAIN
};

/// The grammar of an exchange id of the vendor.
pub(super) fn grammar(exchange: &str) -> Grammar {
    match exchange {
        "coinbase" | "okex" | "okcoin" | "kucoin" | "blockchain-com" => PLAIN,
        "serum" | "star-atlas" | "ftx-us" => Grammar { shapes: &[slash], ..PLAIN },
        "kraken" => Grammar { shapes: &[slash], aliases: XBT_XDG, ..PLAIN },
        "upbit" => Grammar { shapes: &[quote_first], ..PLAIN },
        "gate-io" | "binance-dex" => Grammar { shapes: &[underscore], ..PLAIN },
        "poloniex" => Grammar { shapes: &[poloniex::pair], ..PLAIN },
        "dydx" | "dydx-v4" => Grammar { settled_in: Settled::Always("USDC"), ..PLAIN },
        "mango" => Grammar { shapes: &[coin_perp_usdc, slash], ..PLAIN },
        "coinbase-international" => Grammar { shapes: &[coin_perp_usdc, dash], ..PLAIN },
        "ascendex" => Grammar { shapes: &[coin_perp_usdt, slash], settled_in: Settled::Quote, ..PLAIN },
        "ftx" => Grammar { shapes: &[coin_perp_usd, slash, ftx_dated], ..PLAIN },
        "coinflex" => Grammar { shapes: &[dash_perp, coinflex_repo, dash, dash_day], ..PLAIN },

        "binance" => glued_pairs(quotes::BINANCE),
        "aster" => glued_pairs(quotes::ASTER),
        "binance-us" => glued_pairs(quotes::BINANCE_US),
        "binance-jersey" => glued_pairs(quotes::BINANCE_JERSEY),
        "bybit-spot" => glued_pairs(quotes::BYBIT),
        "huobi" => glued_pairs(quotes::HUOBI),
        "bitget" => glued_pairs(quotes::BITGET),
        "mexc" => glued_pairs(quotes::MEXC),
        "bitstamp" => Grammar { shapes: &[glued_perp, dash, glued], quotes: quotes::BITSTAMP, ..PLAIN },
        "hitbtc" => Grammar { shapes: &[glued_perp, dash, glued], quotes: quotes::HITBTC, ..PLAIN },
        "gemini" => Grammar { shapes: &[glued_perp, glued], quotes: quotes::GEMINI, ..PLAIN },
        "bitfinex" => Grammar { shapes: &[three_and_three, slash], aliases: UST, ..PLAIN },

        "binance-futures" => binance_contracts(quotes::BINANCE_FUTURES),
        "binance-delivery" => binance_contracts(quotes::BINANCE_DELIVERY),
        "aster-futures" => binance_contracts(quotes::ASTER),
        "binance-european-options" | "binance-options" => Grammar { shapes: &[coin_option_usdt], ..PLAIN },

        "deribit" => Grammar { shapes: &[deribit], ..PLAIN },

        "okex-swap" => Grammar { shapes: &[dash_perp], settled_in: Settled::CoinForUsd, ..PLAIN },
        "okex-futures" => {
            Grammar { shapes: &[dash_day, dash_perp], settled_in: Settled::CoinForUsd, ..PLAIN }
        }
        "okex-options" => Grammar { shapes: &[dash_option], settled_in: Settled::CoinForUsd, ..PLAIN },
        "okex-spreads" => Grammar { shapes: &[okx_spread], ..PLAIN },

        "bybit" => Grammar {
            shapes: &[coin_perp_usdc, glued, glued_day, coin_day_usdc, glued_month_code],
            quotes: quotes::DOLLARS,
            settled_in: Settled::CoinForUsd,
            ..PLAIN
        },
        "bybit-options" => Grammar { shapes: &[coin_option_usdc], ..PLAIN },

        "bitget-futures" => Grammar {
            shapes: &[coin_perp_usdc, glued, glued_day, glued_month_code],
            quotes: quotes::DOLLARS,
            settled_in: Settled::CoinForUsd,
            ..PLAIN
        },

        "huobi-dm" => {
            Grammar { shapes: &[continuous, huobi_future], settled_in: Settled::CoinForUsd, ..PLAIN }
        }
        "huobi-dm-swap" => Grammar { settled_in: Settled::CoinForUsd, ..PLAIN },
        "huobi-dm-linear-swap" => {
            Grammar { shapes: &[continuous, dash, dash_day], settled_in: Settled::Quote, ..PLAIN }
        }
        "huobi-dm-options" => Grammar { shapes: &[dash_option], settled_in: Settled::Quote, ..PLAIN },

        "bitmex" => Grammar { shapes: &[bitmex, underscore], quotes: quotes::BITMEX, aliases: XBT, ..PLAIN },
        "cryptofacilities" => {
            Grammar { shapes: &[kraken_contract], quotes: quotes::CONTRACTS, aliases: XBT, ..PLAIN }
        }
        "bitfinex-derivatives" => {
            Grammar { shapes: &[bitfinex_perp], settled_in: Settled::Quote, aliases: UST, ..PLAIN }
        }
        "kucoin-futures" => Grammar {
            shapes: &[kucoin_contract],
            quotes: quotes::DOLLARS,
            settled_in: Settled::CoinForUsd,
            aliases: XBT,
            ..PLAIN
        },
        "gate-io-futures" => {
            Grammar { shapes: &[underscore, underscore_day], settled_in: Settled::UnknownForUsd, ..PLAIN }
        }
        "mexc-futures" => Grammar { shapes: &[underscore], settled_in: Settled::CoinForUsd, ..PLAIN },
        "phemex" => Grammar { shapes: &[phemex], quotes: quotes::PHEMEX, ..PLAIN },
        "delta" => Grammar {
            shapes: &[delta, underscore, glued],
            quotes: quotes::DELTA,
            settled_in: Settled::UnknownForUsd,
            ..PLAIN
        },
        "hyperliquid" => {
            Grammar { shapes: &[hyperliquid, slash], settled_in: Settled::VendorsQuote, ..PLAIN }
        }
        "lighter" => Grammar { shapes: &[lighter, slash], settled_in: Settled::Always("USDC"), ..PLAIN },
        "bitflyer" => Grammar {
            shapes: &[continuous, bitflyer, underscore],
            quotes: quotes::BITFLYER,
            settled_in: Settled::Quote,
            ..PLAIN
        },
        "crypto-com" | "crypto-com-derivatives" => {
            Grammar { shapes: &[underscore, glued_perp, glued_day], quotes: quotes::CRYPTO_COM, ..PLAIN }
        }
        "woo-x" => Grammar { shapes: &[kind_first], settled_in: Settled::Quote, ..PLAIN },
        "bullish" => Grammar {
            shapes: &[dash_perp, dash, glued, dash_day, dash_option],
            quotes: quotes::SPOT,
            settled_in: Settled::UnknownForUsd,
            ..PLAIN
        },
        "bitnomial" => Grammar { shapes: &[bitnomial, dash, glued], quotes: quotes::SPOT, ..PLAIN },
        _ => UNKNOWN,
    }
}

const fn binance_contracts(quotes: &'static [Quote]) -> Grammar {
    Grammar { shapes: &[glued_perp, glued, glued_day], quotes, settled_in: Settled::CoinForUsd, ..PLAIN }
}

const fn glued_pairs(quotes: &'static [Quote]) -> Grammar {
    Grammar { shapes: &[glued], quotes, ..PLAIN }
}
