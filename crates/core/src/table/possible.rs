//! The allowed values of a column, used by the check `values`.
//!
//! A value is not allowed only if it is impossible in any market. Odd values are a matter of other checks.

use crate::key::InstrumentType;

/// The largest price, quote currency: the most expensive pair in the cheapest currency is below 10^13.
const MOST_PRICE: f64 = 1e15;

/// The smallest price or amount above zero: tokens with 18 decimals are traded against coins.
const LEAST: f64 = 1e-27;

/// The largest amount, in the exchange's own unit: the largest token supplies are near 10^15.
const MOST_AMOUNT: f64 = 1e24;

/// The largest funding rate, just below 100 %: venues cap theirs between 0.3 % and 4 % per period.
const MOST_RATE: f64 = 0.999_999;

/// The largest volatility, in percent or as a fraction, and the largest greek.
const MOST_OTHER: f64 = 1e12;

/// The start of 2009, the year of the first coin, microseconds since the Unix epoch, UTC.
pub(crate) const EARLIEST_US: i64 = 1_230_768_000_000_000;

/// The start of 2200, microseconds since the Unix epoch, UTC.
pub(crate) const LATEST_US: i64 = 7_258_118_400_000_000;

/// The allowed values of a column. Nulls are governed by [`super::Column::nullable`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Possible {
    /// Any value: categories, text, flags, and the two clocks, which have their own checks.
    Any,
    /// A time between the years 2009 and 2200.
    Moment,
    /// The price of a trade: above 0; any sign for combos.
    TradePrice,
    /// A bid, an ask or a computed price: above 0; also 0 for options and predictions; any sign for combos.
    QuotePrice,
    /// As [`Possible::QuotePrice`], as sent by the exchange: some send 0 with an amount of 0 for a missing quote.
    SentPrice,
    /// A last price: 0 before the first trade; any sign for combos.
    LastPrice,
    /// The price of an index, an underlying or a strike: above 0 for every instrument.
    Underlying,
    /// An amount that was traded or is resting: above 0.
    Amount,
    /// An amount that may be 0.
    AmountOrNone,
    /// A funding rate, either sign, as a fraction.
    Rate,
    /// A volatility: 0 or above.
    Volatility,
    /// A number of either sign and sane size.
    Number,
}

impl Possible {
    /// The smallest and the largest allowed number for an instrument type. `None` is an unknown type, which allows the values
    /// of every type. NaN is in no range.
    pub fn numbers(self, kind: Option<InstrumentType>) -> (f64, f64) {
        use InstrumentType::{Combo, Option as AnOption, Prediction};
        let has_any_sign = matches!(kind, None | Some(Combo));
        let may_be_free = matches!(kind, Some(AnOption | Prediction));
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

    /// The first and the last allowed time, microseconds since the Unix epoch, UTC.
    pub fn moments(self) -> (i64, i64) {
        match self {
            Possible::Moment => (EARLIEST_US, LATEST_US),
            _ => (i64::MIN, i64::MAX),
        }
    }

    /// The allowed values in words, for documents; empty if every value is allowed.
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
