//! Black's model of an option without interest: price, volatility and greeks.

use crate::generate::decimal::Decimal;
use crate::generate::maths::{density, ln, normal};

/// The terms of an option.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    pub(crate) strike: f64,
    pub(crate) is_call: bool,
    /// Whether it is priced and settled in the base currency.
    pub(crate) is_inverse: bool,
}

/// The model's results at one time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Model {
    pub(super) price: f64,
    pub(super) volatility: f64,
    pub(super) delta: f64,
    pub(super) gamma: f64,
    /// Dollars per percentage point of volatility.
    pub(super) vega: f64,
    /// Dollars per day.
    pub(super) theta: f64,
    /// Dollars per percentage point of interest.
    pub(super) rho: f64,
}

/// Returns the model's price; in the base currency for an inverse option.
pub(crate) fn price(terms: &Terms, forward: f64, years: f64) -> f64 {
    let model = model(terms, forward, years);
    if terms.is_inverse { model.price / forward } else { model.price }
}

/// Returns the distance of the strike from the forward price in standard deviations.
pub(crate) fn distance(terms: &Terms, forward: f64, years: f64) -> f64 {
    (ln(terms.strike / forward) / (0.6 * years.sqrt())).abs()
}

/// Returns the volatility of a strike: a smile.
fn volatility(terms: &Terms, forward: f64, years: f64) -> f64 {
    let away = ln(terms.strike / forward) / years.sqrt();
    (0.58 - 0.04 * away + 0.03 * away * away).clamp(0.3, 2.2)
}

/// Evaluates the model.
pub(super) fn model(terms: &Terms, forward: f64, years: f64) -> Model {
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

/// Returns the implied volatility of a price in percent, to first order around the model's. `None`: below 1 percent.
pub(super) fn implied(model: &Model, price: f64) -> Option<Decimal> {
    let difference = (price - model.price) / model.vega.max(0.01);
    let percent = (model.volatility * 100.0 + difference).min(500.0);
    (percent > 1.0).then(|| Decimal::round(percent, 2))
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
