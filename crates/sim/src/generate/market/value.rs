//! The fair price of an instrument, around which its book stands.

use super::black::{self, Terms};
use crate::generate::prices::Pair;
use crate::generate::rng::{hash, unit};
use crate::generate::times::HOUR_US;
use crate::generate::universe::listing::{Kind, Listing, Margin};

const YEAR_US: f64 = 365.0 * 86_400e6;

/// The pricing rule of an instrument.
#[derive(Debug)]
pub(crate) enum Value {
    /// The price of a pair. A dated contract has a premium of `yearly` per year; a perpetual contract lags a little.
    Coin { pair: Pair, coins: f64, yearly: f64, expiry_us: Option<i64>, is_perpetual: bool },
    /// The price of an option.
    Option { pair: Pair, terms: Terms, expiry_us: i64, yearly: f64 },
    /// The difference of two contracts.
    Spread { pair: Pair, share: f64 },
}

impl Value {
    /// Returns the rule of an instrument.
    pub(crate) fn of(listing: &Listing, seed: u64) -> Value {
        let usd_quote = if listing.margin == Margin::Inverse { "USD" } else { listing.quote };
        let pair = Pair::new(seed, listing.base, usd_quote);
        let yearly = 0.02 + 0.1 * unit(hash(seed, &["carry", listing.base]));
        match (listing.option, listing.kind) {
            (Some(terms), _) => {
                let is_inverse = listing.margin == Margin::Inverse;
                let terms = Terms { strike: terms.strike.to_f64(), is_call: terms.is_call, is_inverse };
                Value::Option { pair, terms, expiry_us: listing.expiry_us.unwrap_or(i64::MAX), yearly }
            }
            (None, Kind::Combo) => {
                let share = if listing.quote == "USD" { 0.01 } else { 0.03 / pair.at(listing.since_us) };
                Value::Spread { pair, share }
            }
            _ => {
                let is_perpetual = listing.kind == Kind::Perpetual;
                Value::Coin {
                    pair,
                    coins: listing.coins as f64,
                    yearly,
                    expiry_us: listing.expiry_us,
                    is_perpetual,
                }
            }
        }
    }

    /// Returns the price at a time.
    pub(crate) fn at(&self, us: i64) -> f64 {
        match self {
            Value::Coin { coins, .. } => self.index(us) * coins * self.premium(us),
            Value::Option { terms, expiry_us, .. } => {
                let forward = self.index(us) * self.premium(us);
                black::price(terms, forward, years(us, *expiry_us))
            }
            Value::Spread { pair, share } => {
                let price = pair.at(us);
                price * share * (price / pair.at(us - 86_400_000_000) - 0.99) * 20.0
            }
        }
    }

    /// Returns the price of the pair.
    pub(crate) fn index(&self, us: i64) -> f64 {
        match self {
            Value::Coin { pair, .. } | Value::Option { pair, .. } | Value::Spread { pair, .. } => pair.at(us),
        }
    }

    /// Returns the price of a contract divided by that of the pair.
    pub(crate) fn premium(&self, us: i64) -> f64 {
        match self {
            Value::Coin { yearly, expiry_us: Some(expiry_us), .. }
            | Value::Option { yearly, expiry_us, .. } => 1.0 + yearly * years(us, *expiry_us),
            Value::Coin { is_perpetual: true, pair, .. } => {
                1.0 + (pair.at(us - HOUR_US) / pair.at(us) - 1.0) * 0.05
            }
            Value::Coin { .. } | Value::Spread { .. } => 1.0,
        }
    }
}

/// Returns the years between two times, at least one minute.
pub(crate) fn years(from_us: i64, to_us: i64) -> f64 {
    (to_us.saturating_sub(from_us).max(60_000_000)) as f64 / YEAR_US
}
