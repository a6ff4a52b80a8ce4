//! Symbol forms of futures and options shared by several exchanges.

use super::dates;
use super::pairs::with_margin_mark;
use super::reading::{Reading, Symbol, Terms};
use crate::day::Day;
use crate::key::OptionSide;

/// A day after a separator: `241227`, `20241227`, `27DEC24`.
fn day(text: &str) -> Option<Day> {
    dates::digits(text).or_else(|| dates::day_month_year(text))
}

/// `BTC-USDT-241227`, `BTC-USDC-20241227`, `BTC-USD-241227-LIN`; the quote may have a mark. OKX has perpetuals with an expiry,
/// `BTC-USD_UM_XPERP-310404`.
pub(super) fn dash_day(symbol: &Symbol) -> Option<Reading> {
    let parts: Vec<&str> = symbol.text.split('-').collect();
    let ([base, quote, end] | [base, quote, end, "LIN"]) = parts.as_slice() else { return None };
    let terms = with_margin_mark(base, quote).ending(dates::digits(end)?);
    let fits = symbol.is_future() || (symbol.is_perp() && quote.ends_with("_XPERP"));
    fits.then(|| terms.into())
}

/// `BTC_USDT_20210326`.
pub(super) fn underscore_day(symbol: &Symbol) -> Option<Reading> {
    let parts: Vec<&str> = symbol.text.split('_').collect();
    let [base, quote, end] = parts.as_slice() else { return None };
    let terms = Terms::new(base, quote).ending(dates::digits(end)?);
    symbol.is_future().then(|| terms.into())
}

/// `BTCUSDT_241227`, `BTCUSD-241227`, `BTCUSDT-27DEC24`.
pub(super) fn glued_day(symbol: &Symbol) -> Option<Reading> {
    let (pair, end) = symbol.text.rsplit_once(['_', '-'])?;
    let (base, quote) = symbol.pair_of(pair)?;
    let terms = Terms::new(base, quote).glued().ending(day(end)?);
    symbol.is_future().then(|| terms.into())
}

/// `BTC-30JUN23` of an exchange that quotes such futures in USDC.
pub(super) fn coin_day_usdc(symbol: &Symbol) -> Option<Reading> {
    let (base, end) = symbol.text.split_once('-')?;
    let terms = Terms::new(base, "USDC").settled_in("USDC").ending(dates::day_month_year(end)?);
    symbol.is_future().then(|| terms.into())
}

/// `BTCUSDM23`: a month code and a year; such contracts expire on the last Friday of the month.
pub(super) fn glued_month_code(symbol: &Symbol) -> Option<Reading> {
    let (pair, year, month) = dates::month_code(symbol.text)?;
    let (base, quote) = symbol.pair_of(pair)?;
    let terms = Terms::new(base, quote).glued().ending_by_habit(Day::last_friday(year, month)?);
    symbol.is_future().then(|| terms.into())
}

/// `BTC-USD-241227-50000-C` or, on Huobi, `BTC-USDT-241227-C-50000`; the quote may have a mark.
pub(super) fn dash_option(symbol: &Symbol) -> Option<Reading> {
    let parts: Vec<&str> = symbol.text.split('-').collect();
    let [base, quote, end, one, other] = parts.as_slice() else { return None };
    let (strike, side) = match OptionSide::of_text(other) {
        Some(side) => (one, side),
        None => (other, OptionSide::of_text(one)?),
    };
    let terms = with_margin_mark(base, quote).ending(dates::digits(end)?).with_right(strike, side);
    symbol.is_option().then(|| terms.into())
}

/// `BTC-241227-50000-C` of an exchange that quotes all options in USDT.
pub(super) fn coin_option_usdt(symbol: &Symbol) -> Option<Reading> {
    coin_option(symbol, "USDT")
}

/// `BTC-27DEC24-50000-C` of an exchange that quotes options in USDC, if not `BTC-27DEC24-50000-C-USDT`.
pub(super) fn coin_option_usdc(symbol: &Symbol) -> Option<Reading> {
    coin_option(symbol, "USDC")
}

fn coin_option(symbol: &Symbol, habit: &str) -> Option<Reading> {
    let parts: Vec<&str> = symbol.text.split('-').collect();
    let (base, end, strike, side, quote) = match parts.as_slice() {
        [base, end, strike, side] => (base, end, strike, side, habit),
        [base, end, strike, side, quote] => (base, end, strike, side, *quote),
        _ => return None,
    };
    let terms = Terms::new(base, quote).settled_in(quote).ending(day(end)?);
    let terms = terms.with_right(strike, OptionSide::of_text(side)?);
    symbol.is_option().then(|| terms.into())
}
