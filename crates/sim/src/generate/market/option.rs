//! Prices, volatilities and greeks of options (Black's model without interest), and what a venue publishes of them.

use super::ladder::Level;
use super::value::{Value, years};
use crate::generate::decimal::Decimal;
use crate::generate::maths::{density, ln, normal};
use crate::generate::rng::Rng;
use crate::generate::universe::calendar::{Series, series, written_out};
use crate::generate::universe::listing::{Listing, Margin};
use mtdh_core::Day;

/// What an option is on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    pub(crate) strike: f64,
    pub(crate) is_call: bool,
    /// Priced and settled in the base currency.
    pub(crate) is_inverse: bool,
}

/// The model's numbers at one moment.
#[derive(Clone, Copy, Debug)]
struct Model {
    price: f64,
    volatility: f64,
    delta: f64,
    gamma: f64,
    /// Dollars per percent of volatility.
    vega: f64,
    /// Dollars per day.
    theta: f64,
    /// Dollars per percent of interest.
    rho: f64,
}

/// What a venue publishes of an option: one row of `options_chain`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct OptionState {
    pub(crate) open_interest: Option<Decimal>,
    pub(crate) last: Option<Decimal>,
    pub(crate) bid: Option<(Decimal, Decimal)>,
    pub(crate) bid_volatility: Option<Decimal>,
    pub(crate) ask: Option<(Decimal, Decimal)>,
    pub(crate) ask_volatility: Option<Decimal>,
    pub(crate) mark: Option<Decimal>,
    pub(crate) mark_volatility: Option<Decimal>,
    pub(crate) underlying: Option<Decimal>,
    /// delta, gamma, vega, theta, rho
    pub(crate) greeks: Option<[Decimal; 5]>,
}

/// What the market shows of an option when it is published.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shown {
    pub(crate) bid: Option<Level>,
    pub(crate) ask: Option<Level>,
    pub(crate) last: Option<i64>,
    pub(crate) open_interest: i64,
}

/// The model's price, in the base currency for an inverse option.
pub(crate) fn price(terms: &Terms, forward: f64, years: f64) -> f64 {
    let model = model(terms, forward, years);
    if terms.is_inverse { model.price / forward } else { model.price }
}

/// How many deviations a strike lies from the forward price.
pub(crate) fn distance(terms: &Terms, forward: f64, years: f64) -> f64 {
    (ln(terms.strike / forward) / (0.6 * years.sqrt())).abs()
}

/// Volatility by strike: a smile.
fn volatility(terms: &Terms, forward: f64, years: f64) -> f64 {
    let away = ln(terms.strike / forward) / years.sqrt();
    (0.58 - 0.04 * away + 0.03 * away * away).clamp(0.3, 2.2)
}

fn model(terms: &Terms, forward: f64, years: f64) -> Model {
    let volatility = volatility(terms, forward, years);
    let spread = volatility * years.sqrt();
    let d1 = ln(forward / terms.strike) / spread + spread / 2.0;
    let d2 = d1 - spread;
    let call = forward * normal(d1) - terms.strike * normal(d2);
    let (price, delta, rho) = if terms.is_call {
        (call, normal(d1), terms.strike * years * normal(d2))
    } else {
        (call - forward + terms.strike, normal(d1) - 1.0, -terms.strike * years * normal(-d2))
    };
    Model {
        price: price.max(0.0),
        volatility,
        delta,
        gamma: density(d1) / (forward * spread),
        vega: forward * density(d1) * years.sqrt() / 100.0,
        theta: -forward * density(d1) * volatility / (2.0 * years.sqrt()) / 365.0,
        rho: rho / 100.0,
    }
}

/// One row of an option at a moment.
pub(crate) fn publish(listing: &Listing, value: &Value, us: i64, shown: Shown, rng: &mut Rng) -> OptionState {
    let Value::Option { terms, expiry_us, .. } = value else { return OptionState::default() };
    let forward = value.index(us) * value.premium(us);
    let model = model(terms, forward, years(us, *expiry_us));
    let unit = if terms.is_inverse { forward } else { 1.0 };
    let mark = model.price / unit;
    let level = |level: Level| (listing.price(level.tick), listing.amount(level.lots));
    let implied = |level: Level| implied(&model, listing.price(level.tick).to_f64() * unit);
    let has_greeks = !rng.chance(200);
    OptionState {
        open_interest: (!rng.chance(80)).then(|| listing.amount(shown.open_interest)),
        last: shown.last.map(|tick| listing.price(tick)),
        bid: shown.bid.map(level),
        bid_volatility: shown.bid.and_then(implied),
        ask: shown.ask.map(level),
        ask_volatility: shown.ask.and_then(implied),
        mark: Some(Decimal::round(mark, if terms.is_inverse { 6 } else { 4 })),
        mark_volatility: Some(Decimal::round(model.volatility * 100.0, 2)),
        underlying: Some(Decimal::round(forward, 4)),
        greeks: has_greeks.then(|| {
            [model.delta, model.gamma, model.vega, model.theta, model.rho].map(|g| Decimal::round(g, 5))
        }),
    }
}

/// The volatility that explains a price, in percent, to first order about the model's; nothing where none does.
fn implied(model: &Model, price: f64) -> Option<Decimal> {
    let difference = (price - model.price) / model.vega.max(0.01);
    let percent = (model.volatility * 100.0 + difference).min(500.0);
    (percent > 1.0).then(|| Decimal::round(percent, 2))
}

/// What an option is priced from: the future that ends with it, or a synthetic one.
pub(crate) fn underlying_index(listing: &Listing) -> String {
    let end = listing.expiry_us.and_then(Day::containing_us);
    let Some(end) = end else { return String::new() };
    let date = written_out(end);
    match listing.margin {
        Margin::Inverse if series(end) != Series::Daily => format!("{}-{date}", listing.base),
        Margin::Inverse => format!("SYN.{}-{date}", listing.base),
        _ => format!("SYN.{}_{}-{date}", listing.base, listing.quote),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_less_a_put_is_the_forward_less_the_strike() {
        for strike in [40_000.0, 60_000.0, 62_500.0, 90_000.0] {
            let terms = |is_call| Terms { strike, is_call, is_inverse: false };
            let (forward, years) = (62_000.0, 0.1);
            let difference = price(&terms(true), forward, years) - price(&terms(false), forward, years);
            assert!((difference - (forward - strike)).abs() < 1e-6 * forward, "{strike}");
        }
    }

    #[test]
    fn greeks_have_their_signs() {
        let call = model(&Terms { strike: 62_000.0, is_call: true, is_inverse: true }, 62_000.0, 0.1);
        let put = model(&Terms { strike: 62_000.0, is_call: false, is_inverse: true }, 62_000.0, 0.1);
        assert!(call.delta > 0.0 && put.delta < 0.0 && (call.delta - put.delta - 1.0).abs() < 1e-9);
        assert!(call.gamma > 0.0 && call.vega > 0.0 && call.theta < 0.0 && call.rho > 0.0 && put.rho < 0.0);
    }
}
