//! The option messages of an exchange: prices, volatilities and greeks from Black's model.

use super::black::{implied, model};
use super::ladder::Level;
use super::value::{Value, years};
use crate::generate::decimal::Decimal;
use crate::generate::rng::Rng;
use crate::generate::universe::calendar::{Series, format_contract_date, series};
use crate::generate::universe::listing::{Listing, Margin};
use mtdh_core::Day;

/// A published state of an option: one row of `options_chain`. `None`: an empty cell.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct OptionState {
    pub(crate) open_interest: Option<Decimal>,
    pub(crate) last: Option<Decimal>,
    /// Best bid: price and amount.
    pub(crate) bid: Option<(Decimal, Decimal)>,
    pub(crate) bid_volatility: Option<Decimal>,
    /// Best ask: price and amount.
    pub(crate) ask: Option<(Decimal, Decimal)>,
    pub(crate) ask_volatility: Option<Decimal>,
    pub(crate) mark: Option<Decimal>,
    pub(crate) mark_volatility: Option<Decimal>,
    pub(crate) underlying: Option<Decimal>,
    /// Delta, gamma, vega, theta, rho.
    pub(crate) greeks: Option<[Decimal; 5]>,
}

/// The state of an option's market.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MarketState {
    pub(crate) bid: Option<Level>,
    pub(crate) ask: Option<Level>,
    /// Last price in price steps.
    pub(crate) last: Option<i64>,
    /// Open interest in amount steps.
    pub(crate) open_interest: i64,
}

/// Publishes the state of an option at `us`, microseconds since the Unix epoch, UTC.
pub(crate) fn publish(
    listing: &Listing,
    value: &Value,
    us: i64,
    market: MarketState,
    rng: &mut Rng,
) -> OptionState {
    let Value::Option { terms, expiry_us, .. } = value else { return OptionState::default() };
    let forward = value.index(us) * value.premium(us);
    let model = model(terms, forward, years(us, *expiry_us));
    let unit = if terms.is_inverse { forward } else { 1.0 };
    let mark = model.price / unit;
    let level = |level: Level| (listing.price(level.tick), listing.amount(level.lots));
    let implied = |level: Level| implied(&model, listing.price(level.tick).to_f64() * unit);
    let has_greeks = !rng.chance(200);
    OptionState {
        open_interest: (!rng.chance(80)).then(|| listing.amount(market.open_interest)),
        last: market.last.map(|tick| listing.price(tick)),
        bid: market.bid.map(level),
        bid_volatility: market.bid.and_then(implied),
        ask: market.ask.map(level),
        ask_volatility: market.ask.and_then(implied),
        mark: Some(Decimal::round(mark, if terms.is_inverse { 6 } else { 4 })),
        mark_volatility: Some(Decimal::round(model.volatility * 100.0, 2)),
        underlying: Some(Decimal::round(forward, 4)),
        greeks: has_greeks.then(|| {
            [model.delta, model.gamma, model.vega, model.theta, model.rho].map(|g| Decimal::round(g, 5))
        }),
    }
}

/// Returns the name of an option's underlying: the future with the same expiry, or a synthetic one.
pub(crate) fn underlying_index(listing: &Listing) -> String {
    let end = listing.expiry_us.and_then(Day::containing_us);
    let Some(end) = end else { return String::new() };
    let date = format_contract_date(end);
    match listing.margin {
        Margin::Inverse if series(end) != Series::Daily => format!("{}-{date}", listing.base),
        Margin::Inverse => format!("SYN.{}-{date}", listing.base),
        _ => format!("SYN.{}_{}-{date}", listing.base, listing.quote),
    }
}
