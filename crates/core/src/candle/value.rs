//! What the amounts of an instrument are worth: in its base currency, in the currency of its prices, and where it is settled.
//!
//! Sources: the vendor's words for `contractType`, `inverse`, `quanto` and `contractMultiplier` of its instruments, and its list
//! of what exchanges count as `amount`. BitMEX' and OKX' documents of their contracts state the same formulas. Nothing is
//! guessed: what these words leave open has no value, see [`Valuation::of`].

use super::decimal::Decimal;
use crate::instrument::{AmountUnit, Instrument};
use crate::key::{InstrumentKey, InstrumentType};

/// How the amount of a trade becomes amounts of money. `size` is 1 unless amounts count contracts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Formula {
    /// Base: amount × size. Quote: price × amount × size. Spot, linear contracts, options.
    Linear,
    /// Quote: amount × size. Base: amount × size ÷ price. Contracts that are worth a fixed amount of the quote currency.
    Inverse,
    /// Settlement: price × amount × size. In base and quote it has a value only by another market's price.
    Quanto,
}

impl Formula {
    /// The name in footers.
    pub fn name(self) -> &'static str {
        match self {
            Formula::Linear => "linear",
            Formula::Inverse => "inverse",
            Formula::Quanto => "quanto",
        }
    }
}

/// The formula of an instrument on a day, and its contract sizes.
#[derive(Clone, Debug, PartialEq)]
pub struct Valuation {
    pub(crate) formula: Formula,
    /// The size from each time on, microseconds since the Unix epoch, UTC, ascending; the first from the beginning of time.
    pub(crate) sizes: Vec<(i64, f64)>,
}

/// What an amount is worth; `None`: it has no value in that currency, as [`Formula`] says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Worth {
    /// In the base currency.
    pub base: Option<f64>,
    /// In the currency of prices.
    pub quote: Option<f64>,
    /// In the settlement currency of a quanto.
    pub settle: Option<f64>,
}

/// The type of an instrument whose prices are differences of prices.
const COMBO: &str = "the prices of a combo are differences, and its amounts are not of the base currency";
const NO_UNIT: &str = "it is not known what its amounts count";
const NO_SIZE: &str = "its contract size is not known";
const NO_KIND: &str = "it is not known whether its contracts are linear, inverse or quanto";

impl Valuation {
    /// A formula with one size: 1 where amounts are in base or quote currency. `None`: the size is no positive number.
    pub fn new(formula: Formula, size: f64) -> Option<Valuation> {
        Valuation::changing(formula, size, &[], &[])
    }

    fn changing(formula: Formula, size: f64, at_us: &[i64], after: &[f64]) -> Option<Valuation> {
        let changes = at_us.iter().copied().zip(after.iter().copied());
        let mut sizes: Vec<(i64, f64)> = vec![(i64::MIN, size)];
        for (at, size) in changes {
            if sizes.last().is_some_and(|last| last.1 != size) {
                sizes.push((at, size));
            }
        }
        let is_size = |(_, size): &(i64, f64)| size.is_finite() && *size > 0.0 && Decimal::of(*size).is_ok();
        let is_whole = after.is_empty() || after.len() == at_us.len();
        (is_whole && sizes.iter().all(is_size)).then_some(Valuation { formula, sizes })
    }

    /// The valuation of an instrument by its row in the day's table. Spot pairs need no row: their amounts are in base currency
    /// on every venue.
    ///
    /// # Errors
    /// What is not known, in words that follow "they are null: ".
    pub fn of(key: &InstrumentKey, row: Option<&Instrument>) -> Result<Valuation, &'static str> {
        let kind = key.instrument_type();
        let spot = (kind == InstrumentType::SpotPair).then_some(AmountUnit::Base);
        let unit = row.and_then(|row| row.amount_unit).or(spot).ok_or(NO_UNIT)?;
        let one = |formula| Valuation::new(formula, 1.0).ok_or(NO_SIZE);
        match (unit, kind) {
            (AmountUnit::Base, _) => one(Formula::Linear),
            (_, InstrumentType::Combo) => Err(COMBO),
            (AmountUnit::Quote, InstrumentType::Option) => Err(NO_KIND),
            (AmountUnit::Quote, _) => one(Formula::Inverse),
            (AmountUnit::Contracts, _) => {
                let row = row.ok_or(NO_UNIT)?;
                let formula = contracts(kind, row).ok_or(NO_KIND)?;
                let size = row.contract_size.ok_or(NO_SIZE)?;
                Valuation::changing(formula, size, &row.changes_at_us, &row.contract_sizes_after)
                    .ok_or(NO_SIZE)
            }
        }
    }

    /// The formula.
    pub fn formula(&self) -> Formula {
        self.formula
    }

    /// The contract sizes in words, as `1000, 100 from 2022-06-07T04:00:00.000000Z`.
    pub fn sizes_text(&self) -> String {
        let text = |(at, size): &(i64, f64)| match *at {
            i64::MIN => size.to_string(),
            at => format!("{size} from {}", crate::check::finding::moment(at)),
        };
        self.sizes.iter().map(text).collect::<Vec<_>>().join(", ")
    }

    /// What an amount is worth at a price, by the size in force at a time (microseconds since the Unix epoch, UTC).
    pub fn worth(&self, price: f64, amount: f64, us: i64) -> Worth {
        let size = self.sizes[self.place(us)].1;
        match self.formula {
            Formula::Linear => {
                let base = amount * size;
                Worth { base: Some(base), quote: Some(price * base), settle: None }
            }
            Formula::Inverse => {
                let quote = amount * size;
                // At other prices it would be worth an infinite or a negative amount.
                let base = (price > 0.0).then(|| quote / price);
                Worth { base, quote: Some(quote), settle: None }
            }
            Formula::Quanto => Worth { base: None, quote: None, settle: Some(price * amount * size) },
        }
    }

    /// The place of the size that is in force at a time.
    pub(crate) fn place(&self, us: i64) -> usize {
        self.sizes.partition_point(|(from, _)| *from <= us).max(1) - 1
    }
}

/// What a contract's value follows from. An option's premium is paid for each unit of the base, whatever it is settled in.
fn contracts(kind: InstrumentType, row: &Instrument) -> Option<Formula> {
    let is_of = |word: &str| row.contract_type.as_deref().is_some_and(|told| told.starts_with(word));
    if kind == InstrumentType::Option {
        return Some(Formula::Linear);
    }
    if row.quanto == Some(true) || is_of("quanto_") {
        return Some(Formula::Quanto);
    }
    let price = row.price_currency.as_deref().or(row.key.quote());
    let is_no_quanto = row.quanto == Some(false) || is_of("linear_") || is_of("inverse_");
    match row.inverse {
        Some(true) => Some(Formula::Inverse),
        // Without the word `quanto`, only a settlement in the currency of the price tells that it is none.
        Some(false) if is_no_quanto || row.settle.is_some() && row.settle.as_deref() == price => {
            Some(Formula::Linear)
        }
        _ => None,
    }
}

/// What a candle object states of its numbers, in its footer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Units {
    /// The currency of prices; `None` if it is not known.
    pub price_currency: Option<String>,
    /// What amounts count: `base`, `quote` or `contracts`; `None` if it is not known.
    pub amount_unit: Option<String>,
    /// The settlement currency; `None` if it is not known, or nothing is settled.
    pub settle: Option<String>,
    /// The contract sizes of the day; `None` if amounts do not count contracts, or it is not known.
    pub contract_size: Option<String>,
    /// The formula of base and quote volume, as [`Formula::name`]; else `not known: ` and why. `None` in objects of version 1.
    pub volumes: Option<String>,
}

impl Units {
    /// What the day's table says of an instrument; `None`: it has no row of it.
    pub fn of(key: &InstrumentKey, row: Option<&Instrument>) -> Units {
        let valuation = Valuation::of(key, row);
        let spot = (key.instrument_type() == InstrumentType::SpotPair).then_some(AmountUnit::Base);
        let unit = row.and_then(|row| row.amount_unit).or(spot);
        let quote = || spot.and(key.quote()).map(str::to_owned);
        let has_contracts = unit == Some(AmountUnit::Contracts);
        Units {
            price_currency: row.and_then(|row| row.price_currency.clone()).or_else(quote),
            amount_unit: unit.map(|unit| unit.name().to_owned()),
            settle: row.and_then(|row| row.settle.clone()),
            contract_size: valuation.as_ref().ok().filter(|_| has_contracts).map(Valuation::sizes_text),
            volumes: Some(match valuation {
                Ok(valuation) => valuation.formula.name().to_owned(),
                Err(reason) => format!("not known: {reason}"),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_formula_follows_from_the_vendors_words_and_from_nothing_else() {
        let base = |row: Instrument| Instrument { amount_unit: Some(AmountUnit::Base), ..row };
        let quote = |row: Instrument| Instrument { amount_unit: Some(AmountUnit::Quote), ..row };
        let contracts = |row: Instrument| Instrument {
            amount_unit: Some(AmountUnit::Contracts),
            contract_size: Some(0.01),
            ..row
        };
        type Case<'a> = (&'a str, &'a dyn Fn(Instrument) -> Instrument, Result<(Formula, &'a str), &'a str>);
        let cases: [Case<'_>; 21] = [
            ("X:SPOT_PAIR:A-B", &|row| row, Ok((Formula::Linear, "1"))),
            ("X:PERP:A-B", &|row| row, Err(NO_UNIT)),
            (
                "X:PERP:A-B",
                &|row| Instrument { inverse: Some(false), contract_size: Some(1.0), ..row },
                Err(NO_UNIT),
            ),
            ("X:PERP:A-B", &base, Ok((Formula::Linear, "1"))),
            ("X:PERP:A-USD", &quote, Ok((Formula::Inverse, "1"))),
            // The size of a contract is of no concern where amounts do not count contracts.
            (
                "X:PERP:A-USD",
                &|row| quote(Instrument { contract_size: Some(10.0), ..row }),
                Ok((Formula::Inverse, "1")),
            ),
            ("X:OPTION:A-USD-240329-5-CALL", &base, Ok((Formula::Linear, "1"))),
            ("X:OPTION:A-USD-240329-5-CALL", &quote, Err(NO_KIND)),
            // Settled in coins, and its premium is paid for each coin all the same.
            (
                "X:OPTION:A-USD-240329-5-CALL",
                &|row| contracts(Instrument { inverse: Some(true), ..row }),
                Ok((Formula::Linear, "0.01")),
            ),
            ("X:COMBO:A", &base, Ok((Formula::Linear, "1"))),
            ("X:COMBO:A", &quote, Err(COMBO)),
            (
                "X:COMBO:A",
                &|row| contracts(Instrument { inverse: Some(false), quanto: Some(false), ..row }),
                Err(COMBO),
            ),
            ("X:PERP:A-B", &contracts, Err(NO_KIND)),
            (
                "X:PERP:A-B",
                &|row| contracts(Instrument { inverse: Some(true), ..row }),
                Ok((Formula::Inverse, "0.01")),
            ),
            ("X:PERP:A-B", &|row| contracts(Instrument { inverse: Some(false), ..row }), Err(NO_KIND)),
            (
                "X:PERP:A-B",
                &|row| contracts(Instrument { inverse: Some(false), settle: Some("B".into()), ..row }),
                Ok((Formula::Linear, "0.01")),
            ),
            (
                "X:PERP:A-B",
                &|row| contracts(Instrument { inverse: Some(false), settle: Some("C".into()), ..row }),
                Err(NO_KIND),
            ),
            (
                "X:PERP:A-B",
                &|row| contracts(Instrument { inverse: Some(false), quanto: Some(true), ..row }),
                Ok((Formula::Quanto, "0.01")),
            ),
            (
                "X:FUTURE:A-B-240329",
                &|row| {
                    contracts(Instrument {
                        inverse: Some(false),
                        contract_type: Some("quanto_future".into()),
                        ..row
                    })
                },
                Ok((Formula::Quanto, "0.01")),
            ),
            (
                "X:PERP:A-B",
                &|row| Instrument {
                    contract_size: None,
                    ..contracts(Instrument { inverse: Some(true), ..row })
                },
                Err(NO_SIZE),
            ),
            (
                "X:PERP:A-B",
                &|row| Instrument {
                    contract_size: Some(0.0),
                    ..contracts(Instrument { inverse: Some(true), ..row })
                },
                Err(NO_SIZE),
            ),
        ];
        for (key, change, expected) in cases {
            let key: InstrumentKey = key.parse().unwrap();
            let row = change(Instrument::of_name(key.clone(), "x", "s", "2024-03-01".parse().unwrap()));
            let found = Valuation::of(&key, Some(&row)).map(|v| (v.formula, v.sizes_text()));
            assert_eq!(found, expected.map(|(formula, size)| (formula, size.to_owned())), "{key}");
        }
        let spot: InstrumentKey = "X:SPOT_PAIR:A-B".parse().unwrap();
        assert!(Valuation::of(&spot, None).is_ok());
        assert_eq!(Units::of(&spot, None).price_currency.as_deref(), Some("B"));
    }

    #[test]
    fn an_amount_is_worth_what_the_formula_says() {
        let worth = |base, quote, settle| Worth { base, quote, settle };
        for (formula, size, price, amount, expected) in [
            (Formula::Linear, 1.0, 50_000.0, 0.5, worth(Some(0.5), Some(25_000.0), None)),
            (Formula::Linear, 0.01, 50_000.0, 3.0, worth(Some(0.03), Some(1_500.0), None)),
            (Formula::Inverse, 1.0, 50_000.0, 100.0, worth(Some(0.002), Some(100.0), None)),
            (Formula::Inverse, 10.0, 0.0, 1.0, worth(None, Some(10.0), None)),
            (Formula::Quanto, 0.5, 2_000.0, 100.0, worth(None, None, Some(100_000.0))),
        ] {
            let found = Valuation::new(formula, size).unwrap().worth(price, amount, 0);
            assert_eq!(found, expected, "{formula:?}");
        }
    }

    #[test]
    fn sizes_change_within_the_day() {
        let (early, late) = (1_654_574_400_000_000, 1_654_578_000_000_000);
        let v = Valuation::changing(Formula::Linear, 1000.0, &[early, late], &[1000.0, 100.0]).unwrap();
        assert_eq!(
            v.sizes_text(),
            "1000, 100 from 2022-06-07T05:00:00.000000Z",
            "not each change is one of the size"
        );
        assert_eq!([i64::MIN, early, late - 1, late, i64::MAX].map(|at| v.place(at)), [0, 0, 0, 1, 1]);
        assert_eq!(
            Valuation::changing(Formula::Linear, 1000.0, &[early, late], &[1.0]),
            None,
            "one is not told"
        );
        assert!(
            Valuation::changing(Formula::Linear, 1000.0, &[early], &[]).is_some(),
            "another term changes"
        );
    }
}
