//! Selecting instruments: built-in lists of keys, and patterns over keys.

use std::fmt;

use crate::key::{InstrumentKey, InstrumentType, KeyError};

/// Coins with deep markets in USDT, spot and perpetual, on Binance.
const CORE_USDT: [&str; 20] = [
    "BTC", "ETH", "BNB", "SOL", "XRP", "DOGE", "ADA", "TRX", "AVAX", "LINK", "DOT", "LTC", "BCH", "XLM",
    "UNI", "ATOM", "ETC", "FIL", "NEAR", "AAVE",
];

/// Coins with deep markets in USD on Coinbase.
const CORE_USD: [&str; 20] = [
    "BTC", "ETH", "SOL", "XRP", "DOGE", "ADA", "AVAX", "LINK", "DOT", "LTC", "BCH", "XLM", "UNI", "ATOM",
    "ETC", "FIL", "NEAR", "AAVE", "ALGO", "ICP",
];

/// The names of the built-in instrument lists.
pub const UNIVERSES: &[&str] = &["core60"];

/// The instruments of a built-in list. The name is case-insensitive. `None` if there is no such list.
///
/// `core60` is 20 spot pairs in USDT on Binance, 20 spot pairs in USD on Coinbase and 20 perpetuals in USDT on
/// Binance, in this order.
pub fn named_universe(name: &str) -> Option<Vec<InstrumentKey>> {
    if !name.eq_ignore_ascii_case("core60") {
        return None;
    }
    let keys: Result<Vec<InstrumentKey>, KeyError> = core60().collect();
    // The names are constants covered by a test, so there is no error to lose.
    keys.ok()
}

fn core60() -> impl Iterator<Item = Result<InstrumentKey, KeyError>> {
    let spot_usdt = CORE_USDT.iter().map(|coin| InstrumentKey::spot_pair("BINANCE", coin, "USDT"));
    let spot_usd = CORE_USD.iter().map(|coin| InstrumentKey::spot_pair("COINBASE", coin, "USD"));
    let perps = CORE_USDT.iter().map(|coin| InstrumentKey::perp("BINANCE-FUTURES", coin, "USDT"));
    spot_usdt.chain(spot_usd).chain(perps)
}

/// A case-insensitive pattern over whole keys: `*` matches any text, `?` any one character.
///
/// ```
/// use mtdh_core::universe::KeyPattern;
///
/// let pattern = KeyPattern::new("deribit:perpetual:*-usd");
/// assert!(pattern.matches(&"DERIBIT:PERP:BTC-USD".parse()?));
/// assert!(!pattern.matches(&"DERIBIT:PERP:SOL-USDC".parse()?));
/// # Ok::<(), mtdh_core::key::KeyError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPattern {
    text: String,
}

impl KeyPattern {
    /// Parses a pattern. The type PERPETUAL is read as PERP, and non-ASCII letters are escaped as in keys.
    pub fn new(text: &str) -> KeyPattern {
        let typed = crate::key::spell_typed(&text.to_uppercase());
        let parts: Vec<&str> = typed.splitn(3, ':').collect();
        let text = match parts.as_slice() {
            [venue, "PERPETUAL", symbol] => format!("{venue}:{}:{symbol}", InstrumentType::Perp),
            _ => typed,
        };
        KeyPattern { text }
    }

    /// Whether it has no wildcard.
    pub fn is_name(&self) -> bool {
        !self.text.contains(['*', '?'])
    }

    /// Whether it names an instrument type: `DERIBIT:COMBO:*` does, `*` and `DERIBIT:*` do not.
    pub fn names_type(&self, instrument_type: InstrumentType) -> bool {
        self.text.split(':').nth(1) == Some(instrument_type.name())
    }

    /// Whether the pattern matches the whole key.
    pub fn matches(&self, key: &InstrumentKey) -> bool {
        self.matches_text(key.as_str())
    }

    /// As [`KeyPattern::matches`], for the text of a key.
    pub fn matches_text(&self, key: &str) -> bool {
        glob(self.text.as_bytes(), key.as_bytes())
    }
}

impl fmt::Display for KeyPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Wildcard matching. After a mismatch the last `*` consumes one more byte; earlier ones need no retry, so the time is at most
/// the product of both lengths.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut last_star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                last_star = Some((p, t));
                p += 1;
            }
            Some(&wanted) if wanted == b'?' || wanted == text[t] => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((star, taken)) = last_star else { return false };
                last_star = Some((star, taken + 1));
                p = star + 1;
                t = taken + 1;
            }
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}
