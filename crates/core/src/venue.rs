//! The exchanges that the vendor records, and their venue names.
//!
//! A venue is the vendor's exchange id in upper case, except that `okex` is called OKX. Symbols are in [`crate::symbol`].

use crate::nearest::nearest;

/// The vendor's ids of the exchanges known today. The vendor may record others; only [`parse_venue`], [`is_known`] and
/// [`suggest`] depend on this list. Source: <https://api.tardis.dev/v1/exchanges>.
pub const EXCHANGES: &[&str] = &[
    "aster",
    "aster-futures",
    "bitmex",
    "deribit",
    "binance-futures",
    "binance-delivery",
    "binance-european-options",
    "binance",
    "ftx",
    "okex-futures",
    "okex-options",
    "okex-swap",
    "okex",
    "okex-spreads",
    "huobi-dm",
    "huobi-dm-swap",
    "huobi-dm-linear-swap",
    "huobi",
    "bitfinex-derivatives",
    "bitfinex",
    "coinbase",
    "coinbase-international",
    "cryptofacilities",
    "kraken",
    "bitstamp",
    "gemini",
    "poloniex",
    "bybit",
    "bybit-spot",
    "bybit-options",
    "phemex",
    "delta",
    "ftx-us",
    "binance-us",
    "gate-io-futures",
    "mexc-futures",
    "gate-io",
    "okcoin",
    "bitflyer",
    "hitbtc",
    "coinflex",
    "binance-jersey",
    "binance-dex",
    "upbit",
    "ascendex",
    "dydx",
    "dydx-v4",
    "serum",
    "mango",
    "huobi-dm-options",
    "star-atlas",
    "crypto-com",
    "kucoin",
    "kucoin-futures",
    "bitnomial",
    "woo-x",
    "blockchain-com",
    "bitget",
    "bitget-futures",
    "hyperliquid",
    "lighter",
    "bullish",
    "mexc",
    "polymarket",
];

/// Former ids that the vendor still accepts.
const FORMER_EXCHANGES: &[&str] = &["binance-options", "crypto-com-derivatives"];

/// The venues used if a user names none.
pub const DEFAULT_VENUES: &[&str] =
    &["BINANCE", "BINANCE-FUTURES", "DERIBIT", "BYBIT", "BYBIT-SPOT", "OKX", "OKX-FUTURES", "OKX-SWAP"];

/// An unknown venue name.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("unknown venue `{text}`{}", suggestion.as_ref().map(|venue| format!("; did you mean {venue}?")).unwrap_or_default())]
pub struct UnknownVenue {
    text: String,
    suggestion: Option<String>,
}

/// The venue of an exchange id of the vendor. Works for unknown ids too.
///
/// ```
/// assert_eq!(mtdh_core::venue::venue_of_exchange("okex-swap"), "OKX-SWAP");
/// assert_eq!(mtdh_core::venue::venue_of_exchange("binance-futures"), "BINANCE-FUTURES");
/// ```
pub fn venue_of_exchange(exchange: &str) -> String {
    swap_okx(&exchange.to_ascii_uppercase(), "OKEX", "OKX")
}

/// The vendor's exchange id of a venue: the inverse of [`venue_of_exchange`].
pub fn exchange_of_venue(venue: &str) -> String {
    swap_okx(&venue.to_ascii_lowercase(), "okex", "okx")
}

/// Swaps the two names at the start of an id. In both directions, so that a future id `okx` would not collide with `okex`.
fn swap_okx(id: &str, former: &str, present: &str) -> String {
    let rest_of = |name: &str| id.strip_prefix(name).filter(|rest| rest.is_empty() || rest.starts_with('-'));
    if let Some(rest) = rest_of(former) {
        return format!("{present}{rest}");
    }
    rest_of(present).map_or_else(|| id.to_owned(), |rest| format!("{former}{rest}"))
}

/// The venue that a user means by a venue's name or an exchange id, in any case.
///
/// # Errors
/// If no known venue has that name. The error suggests the nearest name, if one is similar.
pub fn parse_venue(text: &str) -> Result<String, UnknownVenue> {
    known()
        .find(|exchange| {
            text.eq_ignore_ascii_case(exchange) || text.eq_ignore_ascii_case(&venue_of_exchange(exchange))
        })
        .map(venue_of_exchange)
        .ok_or_else(|| UnknownVenue { text: text.to_owned(), suggestion: suggest(text) })
}

/// The venue that a user may mean: as [`parse_venue`], and every other name that the vendor could have. Whether the vendor has it
/// is for the vendor to say: an exchange may be newer than this program.
///
/// # Errors
/// If no exchange can have that name.
pub fn parse_any_venue(text: &str) -> Result<String, UnknownVenue> {
    parse_venue(text).or_else(|unknown| {
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let has_letter = text.contains(|c: char| c.is_ascii_alphanumeric());
        let is_possible = has_letter && text.len() <= LONGEST_ID && text.chars().all(is_name);
        let venue = text.to_ascii_uppercase();
        match () {
            () if !is_possible => Err(unknown),
            // A name of today, not an id: the vendor's ids have the former name.
            () if venue == "OKX" || venue.starts_with("OKX-") => Ok(venue),
            () => Ok(venue_of_exchange(&venue.to_ascii_lowercase())),
        }
    })
}

/// The longest id of an exchange, bytes.
const LONGEST_ID: usize = 64;

/// Whether a venue is among the known ones.
pub fn is_known(venue: &str) -> bool {
    parse_venue(venue).is_ok()
}

/// That a venue is unknown, with the nearest known name.
pub fn unknown(venue: &str) -> UnknownVenue {
    UnknownVenue { text: venue.to_owned(), suggestion: suggest(venue) }
}

/// The venue whose name or exchange id is nearest to a text; `None`: none is near.
pub fn suggest(text: &str) -> Option<String> {
    let venues: Vec<String> = known().map(venue_of_exchange).collect();
    let mut names: Vec<&str> = known().collect();
    names.extend(venues.iter().map(String::as_str));
    let name = *nearest(text, names, 1).first()?;
    Some(if venues.iter().any(|venue| venue == name) { name.to_owned() } else { venue_of_exchange(name) })
}

fn known() -> impl Iterator<Item = &'static str> {
    EXCHANGES.iter().chain(FORMER_EXCHANGES).copied()
}
