//! Poloniex' pairs, whose order changed with the exchange's second API in August 2022: `USDT_BTC` became `BTC_USDT`.

use super::Reason;
use super::pairs::two;
use super::reading::{Reading, Split, Symbol, Terms};
use crate::day::Day;

/// The first day on which the base is written first.
fn base_first_from() -> Option<Day> {
    Day::new(2022, 8, 1)
}

/// The last day on which the vendor's files had the former order.
fn quote_first_until() -> Option<Day> {
    Day::new(2022, 8, 3)
}

/// Poloniex' quotes, the commonest first. Of two, the one earlier in this list is the quote.
const RANKS: &[&str] =
    &["USDT", "USDC", "USDD", "USDJ", "USD", "BUSD", "TUSD", "PAX", "DAI", "BTC", "ETH", "BNB", "TRX", "XMR"];

/// How many of [`RANKS`] are dollars, which come first.
const DOLLARS: usize = 9;

/// Base and quote of two names in unknown order; `None` if neither is a quote.
fn by_rank<'a>(one: &'a str, other: &'a str) -> Option<(&'a str, &'a str)> {
    let rank = |name: &str| RANKS.iter().position(|quote| *quote == name);
    match (rank(one), rank(other)) {
        (None, None) => None,
        (Some(_), None) => Some((other, one)),
        (None, Some(_)) => Some((one, other)),
        (Some(first), Some(second)) => Some(if first < second { (other, one) } else { (one, other) }),
    }
}

/// `USDT_BTC` before August 2022, `BTC_USDT` since then. In the days of the change both are listed, and the first day of the
/// entry tells which order a symbol has; where it is not known, the more common quote of the two is the quote. Without any day,
/// two dollars or two coins can be in either order.
pub(super) fn pair(symbol: &Symbol) -> Option<Reading> {
    let (one, other) = two(symbol.text, '_')?;
    if !symbol.is_pair() {
        return None;
    }
    if symbol.is_first_version() {
        let (base, quote) = by_rank(one, other).unwrap_or((one, other));
        return Some(Terms { split: Split::EitherOrder, ..Terms::new(base, quote) }.into());
    }
    let (change, last) = (base_first_from()?, quote_first_until()?);
    let is_in_change = |day: &Day| *day >= change && *day <= last;
    let decisive = symbol.day.filter(|day| !is_in_change(day)).or(symbol.since);
    // A coin is never the quote of a dollar.
    let class = |name: &str| RANKS.iter().position(|quote| *quote == name).map(|rank| rank >= DOLLARS);
    let is_either = class(one).is_some() && class(one) == class(other);
    Some(match decisive {
        Some(day) if day < change => Terms::new(other, one).into(),
        Some(_) => Terms::new(one, other).into(),
        None if is_either && symbol.day.is_none() => Reading::Open(Reason::Order),
        None => match by_rank(one, other) {
            Some((base, quote)) => Terms::new(base, quote).into(),
            None => Reading::Open(Reason::Order),
        },
    })
}

/// The day within a life at which the order changes; `None` if it does not. `end` is the last day.
pub(super) fn change_within(start: Day, end: Option<Day>) -> Option<Day> {
    let (change, last) = (base_first_from()?, quote_first_until()?);
    (start < change && end.is_none_or(|end| end > last)).then_some(change)
}
