//! Which values a column can have: the rule that the check `values` holds every cell against.
//!
//! Not for what is merely odd: a value is outside only where no market can have it, whatever happens there.

use crate::key::InstrumentType;

/// Prices beyond this are no prices, quote currency: the dearest pair in the cheapest currency stays below 10^13.
const MOST_PRICE: f64 = 1e15;

/// The smallest price or amount but zero; tokens with 18 decimals are traded against coins.
const LEAST: f64 = 1e-27;

/// Amounts beyond this are none, the exchange's own unit: the largest supplies of tokens are near 10^15.
const MOST_AMOUNT: f64 = 1e24;

/// A funding rate of 100 % and beyond is none: venues cap theirs between 0.3 % and 4 % a period.
const MOST_RATE: f64 = 0.999_999;

/// Volatilities, in percent or as a fraction, and greeks beyond this are none.
const MOST_OTHER: f64 = 1e12;

/// The year 2009, in which the first coin was made, microseconds since the Unix epoch, UTC.
const EARLIEST_US: i64 = 1_230_768_000_000_000;

/// The year 2200, microseconds since the Unix epoch, UTC.
const LATEST_US: i64 = 7_258_118_400_000_000;

/// Which values a column can have; null is a matter of [`super::Column::nullable`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Possible {
    /// Whatever its kind reads: words, text, flags, and the two clocks, which have checks of their own.
    Any,
    /// A moment between the years 2009 and 2200.
    Moment,
    /// A price at which somebody traded: above zero, of combos any.
    TradePrice,
    /// A price that was asked, bid or computed: above zero, of options and predictions also 0, of combos any.
    QuotePrice,
    /// The same as the exchange sent it: some send 0 with an amount of 0 where there is no such quote.
    SentPrice,
    /// A last price: 0 where nobody has traded yet, of combos any.
    LastPrice,
    /// What an instrument is priced from, an index, an underlying, a strike: above zero, whatever the instrument.
    Underlying,
    /// An amount of something that happened or rests: above zero.
    Amount,
    /// An amount that may be nothing: 0 or above.
    AmountOrNone,
    /// A funding rate, either sign, as a fraction.
    Rate,
    /// A volatility: 0 or above.
    Volatility,
    /// A number of either sign and sane size.
    Number,
}

impl Possible {
    /// The smallest and the largest number that a column can have for an instrument type; null: the type is not known, and
    /// may be any. NaN lies in no range.
    pub fn numbers(self, of: Option<InstrumentType>) -> (f64, f64) {
        use InstrumentType::{Combo, Option as AnOption, Prediction};
        let has_any_sign = matches!(of, None | Some(Combo));
        let may_be_free = matches!(of, Some(AnOption | Prediction));
        match self {
            Possible::Any | Possible::Moment => (f64::NEG_INFINITY, f64::INFINITY),
            Possible::TradePrice | Possible::QuotePrice | Possible::SentPrice | Possible::LastPrice
                if has_any_sign =>
            {
                (-MOST_PRICE, MOST_PRICE)
            }
            Possible::LastPrice => (0.0, MOST_PRICE),
            Possible::QuotePrice | Possible::SentPrice if may_be_free => (0.0, MOST_PRICE),
            Possible::TradePrice | Possible::QuotePrice | Possible::SentPrice | Possible::Underlying => {
                (LEAST, MOST_PRICE)
            }
            Possible::Amount => (LEAST, MOST_AMOUNT),
            Possible::AmountOrNone => (0.0, MOST_AMOUNT),
            Possible::Rate => (-MOST_RATE, MOST_RATE),
            Possible::Volatility => (0.0, MOST_OTHER),
            Possible::Number => (-MOST_OTHER, MOST_OTHER),
        }
    }

    /// The first and the last moment that a column can have, microseconds since the Unix epoch, UTC.
    pub fn moments(self) -> (i64, i64) {
        match self {
            Possible::Moment => (EARLIEST_US, LATEST_US),
            _ => (i64::MIN, i64::MAX),
        }
    }

    /// In words what the values are, for the page of checks; empty where every value is possible.
    pub fn words(self) -> &'static str {
        match self {
            Possible::Any => "",
            Possible::Moment => "between the years 2009 and 2200",
            Possible::TradePrice => "above 0, of combos any",
            Possible::QuotePrice => "above 0, of options and predictions also 0, of combos any",
            Possible::SentPrice => {
                "above 0, 0 with an amount of 0, of options and predictions also 0, of combos any"
            }
            Possible::LastPrice => "0 or above, of combos any",
            Possible::Underlying | Possible::Amount => "above 0",
            Possible::AmountOrNone | Possible::Volatility => "0 or above",
            Possible::Rate => "between -100 % and 100 %",
            Possible::Number => "any number of sane size",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_value_can_be_depends_on_column_and_instrument() {
        use InstrumentType::{Combo, Option as AnOption, Perp};
        let has = |possible: Possible, of, value: f64| {
            let (least, most) = possible.numbers(of);
            (least..=most).contains(&value)
        };
        for (possible, of, value, expected) in [
            (Possible::TradePrice, Some(Perp), 0.0, false),
            (Possible::TradePrice, Some(Perp), 1e-8, true),
            (Possible::TradePrice, Some(Perp), -1.0, false),
            (Possible::TradePrice, Some(AnOption), 0.0, false),
            (Possible::TradePrice, Some(Combo), -1.0, true),
            (Possible::TradePrice, None, -1.0, true),
            (Possible::TradePrice, None, f64::NAN, false),
            (Possible::TradePrice, Some(Combo), f64::MAX, false),
            (Possible::TradePrice, Some(Combo), f64::NEG_INFINITY, false),
            (Possible::QuotePrice, Some(AnOption), 0.0, true),
            (Possible::QuotePrice, Some(AnOption), -0.1, false),
            (Possible::QuotePrice, Some(Perp), 0.0, false),
            (Possible::Underlying, Some(Combo), 0.0, false),
            (Possible::LastPrice, Some(Perp), 0.0, true),
            (Possible::Amount, Some(Perp), 0.0, false),
            (Possible::AmountOrNone, Some(Perp), 0.0, true),
            (Possible::AmountOrNone, Some(Perp), -1.0, false),
            (Possible::AmountOrNone, Some(Perp), f64::INFINITY, false),
            (Possible::Rate, Some(Perp), -0.04, true),
            (Possible::Rate, Some(Perp), 1.0, false),
            (Possible::Rate, Some(Perp), -3.0, false),
            (Possible::Number, Some(AnOption), -1e300, false),
        ] {
            assert_eq!(has(possible, of, value), expected, "{possible:?} {of:?} {value}");
        }
    }
}
