//! How version 1 of the naming split words without a separator. It must never change.

/// Binance, and exchanges with the same symbols.
const BINANCE: &[&str] = &[
    "USDT", "USDC", "FDUSD", "BUSD", "TUSD", "USDS", "USDP", "PAX", "DAI", "UST", "VAI", "USD1", "USDE", "U",
    "BTC", "ETH", "BNB", "TRX", "XRP", "DOGE", "DOT", "SOL", "EUR", "AEUR", "EURI", "GBP", "AUD", "TRY",
    "RUB", "UAH", "NGN", "ZAR", "BRL", "PLN", "RON", "ARS", "JPY", "MXN", "CZK", "COP", "IDR", "IDRT",
    "BIDR", "BKRW", "BVND",
];

/// Binance US and Binance Jersey, which also have USD and GBP.
const BINANCE_LOCAL: &[&str] =
    &["USD", "USDT", "USDC", "BUSD", "USD4", "DAI", "BTC", "ETH", "BNB", "EUR", "GBP"];

/// Perpetuals and futures of Binance and Aster.
const BINANCE_CONTRACTS: &[&str] = &["USDT", "USDC", "BUSD", "USD", "USD1", "USDE", "U", "BTC", "ETH", "EUR"];

/// Contracts of most exchanges.
const CONTRACTS: &[&str] = &["USDT", "USDC", "USD", "USDE", "USD1", "EUR", "XBT", "BTC"];

/// Contracts of exchanges on which the end of a coin's name could be mistaken for another quote.
const DOLLARS: &[&str] = &["USDT", "USDC", "USD"];

/// Contracts of BitMEX.
const BITMEX: &[&str] = &["USDT", "USDC", "USD", "EUR", "JPY", "KRW", "GBP", "XBT", "ETH"];

/// Bybit's spot market.
const BYBIT: &[&str] = &[
    "USDT", "USDC", "USDE", "USD1", "USDR", "USDQ", "RLUSD", "BTC", "ETH", "DAI", "BIT", "MNT", "SOL", "EUR",
    "GBP", "BRL", "PLN", "TRY", "AED", "ARS", "KZT", "BRZ", "EURC",
];

/// HTX, formerly Huobi.
const HUOBI: &[&str] = &[
    "USDT", "USDC", "HUSD", "USDD", "TUSD", "USDE", "USD1", "BTC", "ETH", "HT", "TRX", "HTX", "EUR", "GBP",
    "TRY", "BRL", "RUB", "UAH", "EURS",
];

/// Gemini.
const GEMINI: &[&str] = &[
    "USD", "GUSD", "RLUSD", "USDT", "USDC", "DAI", "BTC", "ETH", "SOL", "LTC", "BCH", "FIL", "DOGE", "EUR",
    "GBP", "SGD", "AUD", "CAD", "HKD", "JPY",
];

/// Spot markets quoted in fiat and coins.
const SPOT: &[&str] = &[
    "USDT", "USDC", "BUSD", "USDE", "USD1", "USDF", "RLUSD", "PYUSD", "FDUSD", "USD", "EUR", "GBP", "AUD",
    "CAD", "CHF", "JPY", "KRW", "TRY", "BRL", "UAH", "SGD", "HKD", "BTC", "ETH", "BNB", "SOL", "DAI", "EURS",
    "EURC", "EURT", "EURCV", "BGB", "MX", "PAX", "UST",
];

/// The bases that a quote occurs with, for quotes that would be misread otherwise.
enum Bases {
    Only(&'static [&'static str]),
    Never(&'static [&'static str]),
}

/// `ADAEUR` is ADA in EUR and not AD in AEUR; `BNBUSD` is BNB in USD and not BN in BUSD.
const MISLEADING: &[(&str, Bases)] = &[
    ("AEUR", Bases::Only(&["BTC", "ETH", "BNB", "EUR"])),
    ("U", Bases::Only(&["BTC", "ETH", "BNB", "SOL", "XRP", "USDT", "USDC", "USD1", "FDUSD", "DOGE", "PAXG"])),
    ("HTX", Bases::Only(&["BTC", "ETH", "TRX", "SUN"])),
    ("MX", Bases::Only(&["BTC", "ETH", "USDT"])),
    ("BUSD", Bases::Never(&["BN", "SHI", "AR", "CK", "MO", "BO", "LA"])),
    ("GUSD", Bases::Never(&["DO", "OM"])),
];

/// Splits a word into base and quote.
pub(super) fn split<'a>(word: &'a str, quotes: &[&str]) -> Option<(&'a str, &'a str)> {
    let fits = |quote: &&&str| {
        let Some(base) = word.strip_suffix(**quote).filter(|base| !base.is_empty()) else { return false };
        match MISLEADING.iter().find(|(name, _)| name == *quote) {
            Some((_, Bases::Only(bases))) => bases.contains(&base),
            Some((_, Bases::Never(bases))) => !bases.contains(&base),
            None => true,
        }
    };
    let quote = quotes.iter().filter(fits).max_by_key(|quote| quote.len())?;
    Some(word.split_at(word.len() - quote.len()))
}

/// The quotes of an exchange.
pub(super) fn quotes(exchange: &str) -> &'static [&'static str] {
    match exchange {
        "binance" | "aster" => BINANCE,
        "binance-us" | "binance-jersey" => BINANCE_LOCAL,
        "bybit-spot" => BYBIT,
        "huobi" => HUOBI,
        "gemini" => GEMINI,
        "binance-futures" | "binance-delivery" | "aster-futures" => BINANCE_CONTRACTS,
        "bybit" | "bitget-futures" | "kucoin-futures" => DOLLARS,
        "bitmex" => BITMEX,
        "cryptofacilities" => CONTRACTS,
        _ => SPOT,
    }
}
