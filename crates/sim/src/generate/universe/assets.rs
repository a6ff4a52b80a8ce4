//! Coins and currencies: their price levels, and the activity of their markets.

/// The number of messages of an instrument in a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tier {
    /// Thousands.
    Major,
    /// About a thousand.
    Middle,
    /// A few hundred.
    Minor,
    /// From none to a few dozen.
    Tail,
}

/// A coin: name, price level in dollars, activity, first day of trading.
pub(crate) type Asset = (&'static str, f64, Tier, &'static str);

/// All coins that have markets of their own.
pub(crate) const COINS: &[Asset] = &[
    ("BTC", 62_000.0, Tier::Major, "2019-01-01"),
    ("ETH", 3_400.0, Tier::Major, "2019-01-01"),
    ("SOL", 130.0, Tier::Major, "2020-08-11"),
    ("XRP", 0.62, Tier::Middle, "2019-01-01"),
    ("DOGE", 0.13, Tier::Middle, "2019-07-05"),
    ("ADA", 0.71, Tier::Middle, "2019-01-01"),
    ("AVAX", 42.0, Tier::Middle, "2020-09-22"),
    ("LINK", 20.3, Tier::Middle, "2019-01-16"),
    ("MATIC", 1.02, Tier::Middle, "2019-04-26"),
    ("DOT", 9.1, Tier::Middle, "2020-08-19"),
    ("LTC", 84.0, Tier::Middle, "2019-01-01"),
    ("BNB", 410.0, Tier::Middle, "2019-01-01"),
    ("SHIB", 0.000_023, Tier::Middle, "2021-05-10"),
    ("PEPE", 0.000_006, Tier::Middle, "2023-05-05"),
    ("BCH", 420.0, Tier::Middle, "2019-01-01"),
    ("TRX", 0.14, Tier::Minor, "2019-01-01"),
    ("ATOM", 11.6, Tier::Minor, "2019-04-29"),
    ("UNI", 12.1, Tier::Minor, "2020-09-17"),
    ("ETC", 31.0, Tier::Minor, "2019-01-01"),
    ("FIL", 8.2, Tier::Minor, "2020-10-15"),
    ("NEAR", 4.1, Tier::Minor, "2020-10-14"),
    ("APT", 12.4, Tier::Minor, "2022-10-19"),
    ("ARB", 1.95, Tier::Minor, "2023-03-23"),
    ("OP", 3.9, Tier::Minor, "2022-06-01"),
    ("SUI", 1.62, Tier::Minor, "2023-05-03"),
    ("INJ", 40.5, Tier::Minor, "2020-10-21"),
    ("TIA", 16.5, Tier::Minor, "2023-10-31"),
    ("SEI", 0.86, Tier::Minor, "2023-08-15"),
    ("WLD", 8.1, Tier::Minor, "2023-07-24"),
    ("ORDI", 75.0, Tier::Minor, "2023-11-07"),
    ("STX", 3.1, Tier::Minor, "2019-10-25"),
    ("IMX", 3.2, Tier::Minor, "2021-11-12"),
    ("RUNE", 6.3, Tier::Minor, "2020-09-04"),
    ("LDO", 3.3, Tier::Minor, "2022-05-10"),
    ("AAVE", 112.0, Tier::Minor, "2020-10-15"),
    ("MKR", 2_150.0, Tier::Minor, "2020-07-23"),
    ("SNX", 4.2, Tier::Minor, "2020-07-09"),
    ("CRV", 0.66, Tier::Minor, "2020-08-15"),
    ("GRT", 0.29, Tier::Minor, "2020-12-17"),
    ("SAND", 0.62, Tier::Minor, "2020-08-14"),
    ("MANA", 0.58, Tier::Minor, "2020-08-06"),
    ("AXS", 9.6, Tier::Minor, "2020-11-04"),
    ("GALA", 0.04, Tier::Minor, "2021-09-13"),
    ("APE", 2.0, Tier::Minor, "2022-03-17"),
    ("CHZ", 0.13, Tier::Minor, "2019-07-05"),
    ("ALGO", 0.25, Tier::Minor, "2019-06-22"),
    ("VET", 0.047, Tier::Minor, "2019-01-01"),
    ("XLM", 0.13, Tier::Minor, "2019-01-01"),
    ("EOS", 0.92, Tier::Minor, "2019-01-01"),
    ("XTZ", 1.25, Tier::Minor, "2019-09-24"),
    ("THETA", 2.3, Tier::Minor, "2019-03-01"),
    ("FTM", 0.6, Tier::Minor, "2019-06-11"),
    ("HBAR", 0.12, Tier::Minor, "2019-09-29"),
    ("ICP", 13.4, Tier::Minor, "2021-05-11"),
    ("KAVA", 0.87, Tier::Minor, "2019-10-24"),
    ("ZEC", 29.0, Tier::Minor, "2019-03-20"),
    ("DASH", 36.0, Tier::Minor, "2019-03-27"),
    ("NEO", 15.2, Tier::Minor, "2019-01-01"),
    ("QTUM", 4.5, Tier::Minor, "2019-01-01"),
    ("ONT", 0.34, Tier::Minor, "2019-01-01"),
    ("IOTA", 0.31, Tier::Minor, "2019-01-01"),
    ("ZIL", 0.03, Tier::Minor, "2019-01-01"),
    ("BAT", 0.29, Tier::Minor, "2019-03-04"),
    ("ENJ", 0.43, Tier::Minor, "2019-03-27"),
    ("COMP", 71.0, Tier::Minor, "2020-06-25"),
    ("YFI", 9_400.0, Tier::Minor, "2020-08-10"),
    ("SUSHI", 1.6, Tier::Minor, "2020-09-01"),
    ("1INCH", 0.55, Tier::Minor, "2020-12-25"),
    ("C98", 0.37, Tier::Minor, "2021-07-23"),
    ("DYDX", 3.5, Tier::Minor, "2021-09-09"),
    ("GMX", 54.0, Tier::Minor, "2022-10-05"),
    ("BLUR", 0.66, Tier::Minor, "2023-02-14"),
    ("JTO", 2.6, Tier::Minor, "2023-12-07"),
    ("PYTH", 0.71, Tier::Minor, "2024-02-02"),
    ("JUP", 0.73, Tier::Minor, "2024-01-31"),
    ("STRK", 2.0, Tier::Minor, "2024-02-20"),
    ("PIXEL", 0.61, Tier::Minor, "2024-02-19"),
    ("PORTAL", 2.5, Tier::Minor, "2024-02-29"),
    ("MAV", 0.55, Tier::Minor, "2023-06-28"),
    ("CYBER", 8.9, Tier::Minor, "2023-08-15"),
    ("ARKM", 1.1, Tier::Minor, "2023-07-18"),
    ("MEME", 0.031, Tier::Minor, "2023-11-03"),
    ("BONK", 0.000_021, Tier::Minor, "2023-12-15"),
    ("FLOKI", 0.000_13, Tier::Minor, "2023-05-06"),
    ("LUNC", 0.000_15, Tier::Minor, "2022-09-09"),
    ("XEC", 0.000_045, Tier::Minor, "2021-09-03"),
    ("SATS", 0.000_000_41, Tier::Minor, "2023-12-12"),
    ("RATS", 0.000_21, Tier::Minor, "2023-12-20"),
];

/// Further assets and their price levels: currencies, and coins with few, unusual markets.
const OTHERS: &[(&str, f64)] = &[
    ("USD", 1.0),
    ("USDT", 1.0),
    ("USDC", 1.0),
    ("BUSD", 1.0),
    ("FDUSD", 1.0),
    ("EUR", 1.08),
    ("TRY", 0.031),
    ("BRL", 0.2),
    ("KRW", 0.000_75),
    ("BTC3L", 0.021),
    ("ETH3S", 1.7),
    ("BTCUP", 21.0),
    ("PURR", 0.19),
    ("AEVO", 3.1),
    ("TSLA", 202.0),
];

/// Returns the price level of an asset in dollars.
pub(crate) fn anchor(asset: &str) -> f64 {
    let coin = COINS.iter().find(|(name, ..)| *name == asset).map(|(_, usd, ..)| *usd);
    coin.or_else(|| OTHERS.iter().find(|(name, _)| *name == asset).map(|(_, usd)| *usd)).unwrap_or(1.0)
}

/// Whether an asset is pegged to the dollar.
pub(crate) fn is_dollar(asset: &str) -> bool {
    matches!(asset, "USD" | "USDT" | "USDC" | "BUSD" | "FDUSD")
}

/// Returns the activity of a market: one tier lower if it is not quoted in USDT or USD.
pub(crate) fn tier(base: &str, quote: &str) -> Tier {
    let tier = COINS.iter().find(|(name, ..)| *name == base).map_or(Tier::Minor, |(_, _, tier, _)| *tier);
    match (tier, quote) {
        (tier, "USDT" | "USD") => tier,
        (Tier::Major, _) => Tier::Middle,
        _ => Tier::Minor,
    }
}
