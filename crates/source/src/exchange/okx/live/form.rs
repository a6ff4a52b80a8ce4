//! What OKX's symbols look like: docs-v5 of OKX, as collected in the project's reference on 2026-11-29.

use super::Market;

/// The form of a market's symbols, where this one does not have it.
pub(super) fn not_its_form(market: Market, symbol: &str) -> Option<&'static str> {
    let parts: Vec<&str> = symbol.split('-').collect();
    let is_date = |part: &str| part.len() == 6 && part.bytes().all(|byte| byte.is_ascii_digit());
    let (is_one, form) = match (market, parts.as_slice()) {
        (Market::Spot, parts) => (parts.len() == 2, "BASE-QUOTE, such as BTC-USDT"),
        (Market::Swap, parts) => (
            matches!(parts, [_, _, last] if last.eq_ignore_ascii_case("SWAP")),
            "BASE-QUOTE-SWAP, such as BTC-USDT-SWAP",
        ),
        (Market::Futures, parts) => {
            (matches!(parts, [_, _, last] if is_date(last)), "BASE-QUOTE-YYMMDD, such as BTC-USD-260327")
        }
        (Market::Options, parts) => (
            matches!(parts, [_, _, day, _, kind] if is_date(day) && ["C", "P"].contains(kind)),
            "BASE-QUOTE-YYMMDD-STRIKE-C or -P, such as BTC-USD-260327-100000-C",
        ),
    };
    (!is_one).then_some(form)
}
