//! Symbol forms of pairs and perpetuals shared by several exchanges.

use super::Reason;
use super::reading::{Reading, Symbol, Terms};

/// Words in the place of a quote that name the kind of contract.
const NOT_QUOTES: [&str; 4] = ["PERP", "PERPETUAL", "SWAP", "MOVE"];

/// Exactly two names around a separator.
pub(super) fn two(text: &str, separator: char) -> Option<(&str, &str)> {
    let (one, other) = text.split_once(separator)?;
    let is_pair = !one.is_empty() && !other.is_empty() && !other.contains(separator);
    (is_pair && !NOT_QUOTES.contains(&other)).then_some((one, other))
}

/// `BTC-USDT`, `BTC/USDT`; a number is a day and not a quote.
pub(super) fn dash(symbol: &Symbol) -> Option<Reading> {
    let (base, quote) = two(symbol.text, '-')?;
    let is_number = quote.bytes().all(|b| b.is_ascii_digit());
    (symbol.is_pair() && !is_number).then(|| Terms::new(base, quote).into())
}

/// `BTC/USDT`, whose `/` is a `-` in files, so that a name may contain dashes, as in `BTMX-S/USDT`.
pub(super) fn slash(symbol: &Symbol) -> Option<Reading> {
    if symbol.is_first_version() {
        return dash(symbol);
    }
    let (base, quote) = symbol.text.rsplit_once('-')?;
    let is_number = quote.bytes().all(|b| b.is_ascii_digit());
    let is_pair = !base.is_empty() && !NOT_QUOTES.contains(&quote) && !is_number;
    (symbol.is_pair() && is_pair).then(|| Terms::new(base, quote).into())
}

/// `KRW-BTC`: the quote comes first.
pub(super) fn quote_first(symbol: &Symbol) -> Option<Reading> {
    let (quote, base) = two(symbol.text, '-')?;
    symbol.is_pair().then(|| Terms::new(base, quote).into())
}

/// `BTC_USDT`; a name may contain dashes, as in `BTCB-1DE_USDSB-1AC`.
pub(super) fn underscore(symbol: &Symbol) -> Option<Reading> {
    let (base, quote) = two(symbol.text, '_')?;
    symbol.is_pair().then(|| Terms::new(base, quote).into())
}

/// `BTCUSDT`.
pub(super) fn glued(symbol: &Symbol) -> Option<Reading> {
    let (base, quote) = symbol.pair_of(symbol.text)?;
    symbol.is_pair().then(|| Terms::new(base, quote).glued().into())
}

/// `BTCUSD`: three letters each.
pub(super) fn three_and_three(symbol: &Symbol) -> Option<Reading> {
    let text = symbol.text;
    if text.len() != 6 || !text.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return None;
    }
    let (base, quote) = text.split_at(3);
    symbol.is_pair().then(|| Terms::new(base, quote).into())
}

/// `BTCUSD_PERP`, `BTCUSD-PERP`, `BTCGUSDPERP`.
pub(super) fn glued_perp(symbol: &Symbol) -> Option<Reading> {
    let pair = symbol.text.strip_suffix("PERP")?;
    let (base, quote) = symbol.pair_of(pair.trim_end_matches(['-', '_']))?;
    symbol.is_perp().then(|| Terms::new(base, quote).glued().into())
}

/// `BTC-USDT-SWAP`, `BTC-USDC-PERP`, `BTC-USD-SWAP-LIN`; the quote may have a mark, as in `BTC-USD_UM-SWAP`.
pub(super) fn dash_perp(symbol: &Symbol) -> Option<Reading> {
    let parts: Vec<&str> = symbol.text.split('-').collect();
    let ([base, quote, "SWAP" | "PERP"] | [base, quote, "SWAP", "LIN"]) = parts.as_slice() else {
        return None;
    };
    symbol.is_perp().then(|| with_margin_mark(base, quote).into())
}

/// OKX' `USD_UM` is quoted in USD and settled in dollars and stablecoins; `USD` alone is settled in the base.
pub(super) fn with_margin_mark(base: &str, quote: &str) -> Terms {
    match quote.split_once('_') {
        Some((quote, mark)) => Terms::new(base, quote).marked(mark),
        None => Terms::new(base, quote),
    }
}

/// `BTC-PERP` or `BTCPERP` of an exchange that quotes all perpetuals in USD.
pub(super) fn coin_perp_usd(symbol: &Symbol) -> Option<Reading> {
    coin_perp(symbol, "USD")
}

/// The same in USDT.
pub(super) fn coin_perp_usdt(symbol: &Symbol) -> Option<Reading> {
    coin_perp(symbol, "USDT")
}

/// The same in USDC.
pub(super) fn coin_perp_usdc(symbol: &Symbol) -> Option<Reading> {
    coin_perp(symbol, "USDC")
}

fn coin_perp(symbol: &Symbol, quote: &str) -> Option<Reading> {
    let name = symbol.text.strip_suffix("PERP")?;
    let base = name.strip_suffix('-').unwrap_or(name);
    (symbol.is_perp() && !base.is_empty()).then(|| Terms::new(base, quote).settled_in(quote).into())
}

/// `PERP_BTC_USDT`, `SPOT_BTC_USDT`.
pub(super) fn kind_first(symbol: &Symbol) -> Option<Reading> {
    let (kind, pair) = symbol.text.split_once('_')?;
    let (base, quote) = two(pair, '_')?;
    let fits = if symbol.is_perp() { kind == "PERP" } else { symbol.is_pair() && kind == "SPOT" };
    fits.then(|| Terms::new(base, quote).into())
}

/// Continuous contracts `BTC_CW`, `BTC-USDT-NQ`, `BTCJPY_MAT1WK`: the name passes to the next contract every week or quarter.
pub(super) fn continuous(symbol: &Symbol) -> Option<Reading> {
    let (_, last) = symbol.text.rsplit_once(['_', '-'])?;
    let moves = matches!(last, "CW" | "NW" | "CQ" | "NQ") || last.starts_with("MAT");
    (symbol.is_future() && moves).then_some(Reading::Open(Reason::Continuous))
}
