//! The quotes of exchanges that write base and quote as one word.
//!
//! Sources: the exchanges' own lists of symbols and announcements of listings.

use crate::day::Day;

/// A quote of an exchange.
#[derive(Clone, Copy)]
pub(super) struct Quote {
    pub name: &'static str,
    /// The last month in which pairs with the quote exist, as `YYYYMM`, where a later pair could be taken for one.
    until: u32,
    /// All bases that it ever had; empty: any.
    only: &'static [&'static str],
    /// Bases that it never had, where the word would be another pair.
    never: &'static [&'static str],
    /// Whether nearly every asset of the exchange has a pair with it.
    pub is_main: bool,
}

impl Quote {
    const fn until(self, until: u32) -> Quote {
        Quote { until, ..self }
    }

    const fn only(self, only: &'static [&'static str]) -> Quote {
        Quote { only, ..self }
    }

    const fn never(self, never: &'static [&'static str]) -> Quote {
        Quote { never, ..self }
    }

    const fn main(self) -> Quote {
        Quote { is_main: true, ..self }
    }

    /// Whether a pair of the base with the quote may exist on a day; on any day if the day is unknown.
    pub fn can_have(&self, base: &str, day: Option<Day>) -> bool {
        let month = day.map(|day| day.year().unsigned_abs() * 100 + day.month());
        let is_alive = month.is_none_or(|month| month <= self.until);
        let has_had = self.only.is_empty() || self.only.contains(&base);
        is_alive && has_had && !self.never.contains(&base)
    }
}

const fn q(name: &'static str) -> Quote {
    Quote { name, until: u32::MAX, only: &[], never: &[], is_main: false }
}

/// What Binance has pairs of in US dollars.
const MAJORS: &[&str] = &[
    "USDT", "USDC", "FDUSD", "USD1", "RLUSD", "BTC", "ETH", "BNB", "SOL", "XRP", "DOGE", "ADA", "TRX", "LTC",
];

/// Binance. `AEUR` had four pairs. The names of Indonesian, Korean, Vietnamese and other stablecoins end like those of fiat.
pub(super) const BINANCE: &[Quote] = &[
    q("USDT"),
    q("USDC"),
    q("FDUSD"),
    q("BUSD").until(202_403),
    q("TUSD"),
    q("USDS"),
    q("USDP"),
    q("PAX"),
    q("DAI"),
    q("UST"),
    q("VAI"),
    q("USD1"),
    q("USDE"),
    q("RLUSD"),
    q("XUSD"),
    q("USD").only(MAJORS),
    q("U"),
    q("BTC"),
    q("ETH"),
    q("BNB"),
    q("TRX"),
    q("XRP"),
    q("XMR"),
    q("DOGE"),
    q("DOT"),
    q("SOL"),
    q("EUR"),
    q("AEUR").only(&["BTC", "ETH", "BNB", "EUR"]),
    q("EURI"),
    q("GBP"),
    q("AUD"),
    q("TRY"),
    q("RUB"),
    q("UAH"),
    q("NGN"),
    q("ZAR"),
    q("BRL"),
    q("PLN"),
    q("RON"),
    q("ARS"),
    q("JPY"),
    q("GYEN"),
    q("MXN"),
    q("CZK"),
    q("COP"),
    q("KZT"),
    q("INR"),
    q("CHF"),
    q("HUF"),
    q("IDR").never(&["BTCB"]),
    q("IDRT"),
    q("BIDR").until(202_406).never(&["AR"]),
    q("BKRW"),
    q("BVND"),
];

/// Binance US.
pub(super) const BINANCE_US: &[Quote] = &[
    q("USD").main(),
    q("USDT"),
    q("USDC"),
    q("BUSD").until(202_403),
    q("USD4"),
    q("DAI"),
    q("BTC"),
    q("ETH"),
    q("BNB"),
    q("SOL"),
    q("EUR"),
    q("GBP"),
];

/// Binance Jersey.
pub(super) const BINANCE_JERSEY: &[Quote] =
    &[q("EUR"), q("GBP"), q("BTC"), q("ETH"), q("BNB"), q("USDT"), q("BUSD"), q("USD")];

/// Aster.
pub(super) const ASTER: &[Quote] =
    &[q("USDT"), q("USDC"), q("USD1"), q("USDF"), q("USDE"), q("U"), q("BTC"), q("ETH"), q("BNB"), q("USD")];

/// Binance's contracts settled in a quote.
pub(super) const BINANCE_FUTURES: &[Quote] = &[
    q("USDT"),
    q("USDC"),
    q("BUSD").until(202_403),
    q("FDUSD"),
    q("USD1"),
    q("USDE"),
    q("U"),
    q("BTC"),
    q("ETH"),
    q("EUR"),
];

/// Binance's contracts settled in a coin.
pub(super) const BINANCE_DELIVERY: &[Quote] = &[q("USD")];

/// Contracts of most exchanges.
pub(super) const CONTRACTS: &[Quote] =
    &[q("USDT"), q("USDC"), q("USD").main(), q("USDE"), q("USD1"), q("EUR"), q("XBT"), q("BTC")];

/// Contracts quoted in dollars only.
pub(super) const DOLLARS: &[Quote] = &[q("USDT"), q("USDC"), q("USD")];

/// Contracts of BitMEX.
pub(super) const BITMEX: &[Quote] =
    &[q("USDT"), q("USDC"), q("USD"), q("EUR"), q("JPY"), q("KRW"), q("GBP"), q("XBT"), q("ETH")];

/// Bybit's spot market.
pub(super) const BYBIT: &[Quote] = &[
    q("USDT"),
    q("USDC"),
    q("USDE"),
    q("USD1"),
    q("USDR"),
    q("USDQ"),
    q("USDTB"),
    q("RLUSD"),
    q("XUSD"),
    q("BTC"),
    q("ETH"),
    q("DAI"),
    q("BIT"),
    q("MNT"),
    q("SOL"),
    q("EUR"),
    q("GBP"),
    q("BRL"),
    q("PLN"),
    q("TRY"),
    q("AED"),
    q("ARS"),
    q("KZT"),
    q("BRZ"),
    q("EURC"),
    q("EURR"),
    q("EURQ"),
];

/// HTX, formerly Huobi.
pub(super) const HUOBI: &[Quote] = &[
    q("USDT"),
    q("USDC"),
    q("HUSD"),
    q("USDD"),
    q("TUSD"),
    q("USDE"),
    q("USD1"),
    q("BTC"),
    q("ETH"),
    q("HT"),
    q("TRX"),
    q("HTX"),
    q("EUR"),
    q("GBP"),
    q("TRY"),
    q("BRL"),
    q("RUB"),
    q("UAH"),
    q("EURS"),
];

/// Gemini.
pub(super) const GEMINI: &[Quote] = &[
    q("USD").main(),
    q("GUSD"),
    q("RLUSD"),
    q("USDT"),
    q("USDC"),
    q("DAI"),
    q("BTC"),
    q("ETH"),
    q("SOL"),
    q("LTC"),
    q("BCH"),
    q("FIL"),
    q("DOGE"),
    q("EUR"),
    q("GBP"),
    q("SGD"),
    q("AUD"),
    q("CAD"),
    q("HKD"),
    q("JPY"),
];

/// Bitstamp.
pub(super) const BITSTAMP: &[Quote] = &[
    q("USD").main(),
    q("EUR"),
    q("GBP"),
    q("USDT"),
    q("USDC"),
    q("RLUSD"),
    q("PYUSD"),
    q("PAX"),
    q("DAI"),
    q("GUSD"),
    q("EURC"),
    q("EURCV"),
    q("EURT"),
    q("EURS"),
    q("EURI"),
    q("BTC"),
    q("ETH"),
    q("XRP"),
    q("CHF"),
    q("SGD"),
];

/// HitBTC.
pub(super) const HITBTC: &[Quote] = &[
    q("USD").main(),
    q("USDT"),
    q("USDC"),
    q("TUSD"),
    q("BUSD"),
    q("GUSD"),
    q("HUSD"),
    q("PAX"),
    q("DAI"),
    q("EUR"),
    q("EURS"),
    q("GBP"),
    q("BTC"),
    q("ETH"),
    q("EOS"),
    q("BCH"),
    q("TRX"),
    q("XRP"),
    q("BNB"),
    q("XMR"),
    q("KRWB"),
    q("BRL"),
    q("BRZ"),
    q("IDRT"),
];

/// MEXC.
pub(super) const MEXC: &[Quote] = &[
    q("USDT"),
    q("USDC"),
    q("USDE"),
    q("USD1"),
    q("USDF"),
    q("USDD"),
    q("TUSD"),
    q("BUSD").until(202_403),
    q("FDUSD"),
    q("RLUSD"),
    q("PYUSD"),
    q("XUSD"),
    q("USD"),
    q("BTC"),
    q("ETH"),
    q("SOL"),
    q("BNB"),
    q("MX").only(&["BTC", "ETH", "USDT"]),
    q("EUR"),
    q("EURC"),
    q("EURR"),
    q("BRL"),
    q("GBP"),
    q("TRY"),
    q("AUD"),
];

/// Bitget.
pub(super) const BITGET: &[Quote] = &[
    q("USDT"),
    q("USDC"),
    q("USDE"),
    q("USD1"),
    q("FDUSD"),
    q("RLUSD"),
    q("USD"),
    q("BTC"),
    q("ETH"),
    q("SOL"),
    q("BGB"),
    q("EUR"),
    q("EURC"),
    q("GBP"),
    q("BRL"),
    q("TRY"),
    q("RUB"),
    q("UAH"),
    q("PLN"),
    q("DAI"),
];

/// Phemex.
pub(super) const PHEMEX: &[Quote] =
    &[q("USDT"), q("USDC"), q("USD").main(), q("BTC"), q("ETH"), q("EUR"), q("BRL"), q("TRY"), q("BRZ")];

/// Delta.
pub(super) const DELTA: &[Quote] =
    &[q("USDT"), q("USDC"), q("USD").main(), q("BTC"), q("ETH"), q("INR"), q("DETO")];

/// Crypto.com's contracts.
pub(super) const CRYPTO_COM: &[Quote] = &[q("USD"), q("USDT"), q("USDC"), q("EUR")];

/// bitFlyer's futures.
pub(super) const BITFLYER: &[Quote] = &[q("JPY"), q("USD"), q("EUR"), q("BTC")];

/// Spot markets quoted in fiat and coins.
pub(super) const SPOT: &[Quote] = &[
    q("USDT"),
    q("USDC"),
    q("BUSD").until(202_403),
    q("TUSD"),
    q("USDE"),
    q("USD1"),
    q("USDF"),
    q("RLUSD"),
    q("PYUSD"),
    q("FDUSD"),
    q("AUSD"),
    q("USDP"),
    q("USDG"),
    q("USD").main(),
    q("EUR"),
    q("GBP"),
    q("AUD"),
    q("CAD"),
    q("CHF"),
    q("JPY"),
    q("KRW"),
    q("TRY"),
    q("BRL"),
    q("UAH"),
    q("SGD"),
    q("HKD"),
    q("AED"),
    q("INR"),
    q("BTC"),
    q("ETH"),
    q("BNB"),
    q("SOL"),
    q("DAI"),
    q("EURS"),
    q("EURC"),
    q("EURT"),
    q("EURCV"),
    q("PAX"),
    q("UST"),
];

/// Dollars of exchanges elsewhere, which a venue may list without being named above.
pub(super) const OTHER_DOLLARS: &[&str] =
    &["BUSD", "TUSD", "GUSD", "HUSD", "FDUSD", "PYUSD", "RLUSD", "SUSD", "XUSD", "AUSD"];
