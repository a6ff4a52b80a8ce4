//! An instrument of an exchange: names, lifetime, price and amount steps, activity.

use mtdh_core::{DataType, Day};

use super::assets::{self, Tier};
use super::profile::Profile;
use crate::generate::decimal::{Decimal, power};

/// The kind of an instrument, as in Tardis' metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Spot,
    Perpetual,
    Future,
    Option,
    Combo,
}

impl Kind {
    /// All kinds.
    pub(crate) const ALL: [Kind; 5] = [Kind::Spot, Kind::Perpetual, Kind::Future, Kind::Option, Kind::Combo];

    /// Returns Tardis' word for it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Spot => "spot",
            Kind::Perpetual => "perpetual",
            Kind::Future => "future",
            Kind::Option => "option",
            Kind::Combo => "combo",
        }
    }

    /// Returns the grouped symbol of all instruments of this kind.
    pub(crate) fn group(self) -> &'static str {
        match self {
            Kind::Spot => "SPOT",
            Kind::Perpetual => "PERPETUALS",
            Kind::Future => "FUTURES",
            Kind::Option => "OPTIONS",
            Kind::Combo => "COMBOS",
        }
    }

    /// Whether it has a derivative ticker.
    pub(crate) fn is_derivative(self) -> bool {
        matches!(self, Kind::Perpetual | Kind::Future)
    }
}

/// The terms of an option.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct OptionTerms {
    pub(crate) strike: Decimal,
    pub(crate) is_call: bool,
    pub(crate) expiry_us: i64,
}

/// The settlement of a contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Margin {
    /// Not a contract.
    None,
    /// In the quote currency.
    Linear,
    /// In the base currency.
    Inverse,
    /// In bitcoin, which is neither base nor quote.
    Quanto,
}

/// An instrument.
#[derive(Clone, Debug)]
pub(crate) struct Listing {
    /// The exchange's symbol, as in the metadata.
    pub(crate) id: String,
    /// The dataset symbol, as in file URLs.
    pub(crate) dataset: String,
    pub(crate) kind: Kind,
    pub(crate) base: &'static str,
    pub(crate) quote: &'static str,
    pub(crate) margin: Margin,
    /// When it was listed, microseconds since the Unix epoch, UTC.
    pub(crate) since_us: i64,
    /// When it is delisted, microseconds since the Unix epoch, UTC; `None`: not known.
    pub(crate) until_us: Option<i64>,
    /// When the contract expires, microseconds since the Unix epoch, UTC; `None` for spot and perpetuals.
    pub(crate) expiry_us: Option<i64>,
    /// `None`: not an option.
    pub(crate) option: Option<OptionTerms>,
    pub(crate) price_step: Decimal,
    pub(crate) amount_step: Decimal,
    /// Value of one contract: in the base currency if linear, in the quote currency if inverse, in bitcoin for each unit of the
    /// price if quanto.
    pub(crate) multiplier: Decimal,
    /// Coins per unit: 1000 for `1000SHIB`.
    pub(crate) coins: i64,
    /// Typical amount of a level in amount steps.
    pub(crate) usual_lots: i64,
    pub(crate) tier: Tier,
    /// Whether Tardis exports files of it.
    pub(crate) is_exported: bool,
}

impl Listing {
    /// Creates an instrument without an end and with the default price and amount steps.
    pub(crate) fn new(
        id: String,
        kind: Kind,
        base: &'static str,
        quote: &'static str,
        since: Day,
    ) -> Listing {
        let dataset = id.replace(['/', ':'], "-").to_uppercase();
        let mut listing = Listing {
            id,
            dataset,
            kind,
            base,
            quote,
            margin: if kind == Kind::Spot { Margin::None } else { Margin::Linear },
            since_us: since.start_us(),
            until_us: None,
            expiry_us: None,
            option: None,
            price_step: Decimal::new(1, 2),
            amount_step: Decimal::new(1, 0),
            multiplier: Decimal::new(1, 0),
            coins: 1,
            usual_lots: 1,
            tier: assets::tier(base, quote),
            is_exported: true,
        };
        listing.set_coins(1);
        listing
    }

    /// Sets the coins per unit, and the steps that follow from the price.
    pub(crate) fn set_coins(&mut self, coins: i64) {
        self.coins = coins;
        let usd = assets::anchor(self.base) * coins as f64;
        let price = usd / assets::anchor(self.quote);
        self.price_step = price_step(price);
        let lot_digits = if self.kind == Kind::Spot { magnitude(usd) + 1 } else { magnitude(usd) - 1 };
        self.amount_step = Decimal::new(1, lot_digits.clamp(0, 8) as u8);
        self.set_lot_value(usd * self.amount_step.to_f64());
    }

    /// Sets the value of one amount step in dollars, from which the typical amounts follow.
    pub(crate) fn set_lot_value(&mut self, usd: f64) {
        self.usual_lots = ((4_000.0 / usd) as i64).clamp(3, 2_000_000);
    }

    /// Converts a price from price steps.
    pub(crate) fn price(&self, tick: i64) -> Decimal {
        self.price_step.times(tick)
    }

    /// Converts an amount from amount steps.
    pub(crate) fn amount(&self, lots: i64) -> Decimal {
        self.amount_step.times(lots)
    }

    /// Returns the symbol in the cells of its files.
    pub(crate) fn cell(&self) -> String {
        self.id.to_uppercase()
    }

    /// Whether it traded at any time of a day.
    pub(crate) fn lives_on(&self, day: Day) -> bool {
        self.since_us < day.end_us() && self.until_us.is_none_or(|until| until > day.start_us())
    }

    /// Returns the data types of its files, in the order of the metadata.
    pub(crate) fn data_types(&self, profile: &Profile) -> Vec<DataType> {
        let mut types = vec![
            DataType::Trades,
            DataType::IncrementalBookL2,
            DataType::Quotes,
            DataType::BookSnapshot25,
            DataType::BookSnapshot5,
        ];
        if self.kind.is_derivative() {
            types.push(DataType::DerivativeTicker);
            if profile.liquidation_id.is_some() {
                types.push(DataType::Liquidations);
            }
        }
        if profile.has_book_ticker {
            types.push(DataType::BookTicker);
        }
        types
    }
}

/// Returns the data types of grouped files of a kind; empty if there are none.
pub(crate) fn group_data_types(profile: &Profile, kind: Kind) -> Vec<DataType> {
    if !profile.has_groups {
        return Vec::new();
    }
    match kind {
        Kind::Spot | Kind::Combo => vec![DataType::Trades],
        Kind::Option => vec![DataType::Trades, DataType::Quotes, DataType::OptionsChain],
        Kind::Perpetual | Kind::Future => {
            let mut types = vec![DataType::Trades, DataType::DerivativeTicker];
            types.extend(profile.liquidation_id.map(|_| DataType::Liquidations));
            types
        }
    }
}

/// Returns the decimal exponent of a positive number: 4 for 62,000, -5 for 0.00002.
pub(crate) fn magnitude(value: f64) -> i32 {
    let mut magnitude = 0;
    let mut rest = value;
    while rest >= 10.0 {
        rest /= 10.0;
        magnitude += 1;
    }
    while rest < 1.0 && magnitude > -12 {
        rest *= 10.0;
        magnitude -= 1;
    }
    magnitude
}

/// Returns the price step for a price: about five significant digits, between 1e-8 and 0.01, or an integer above a
/// million.
fn price_step(price: f64) -> Decimal {
    if price > 1e6 {
        return Decimal::new(power((magnitude(price) - 4) as u8), 0);
    }
    Decimal::new(1, (4 - magnitude(price)).clamp(2, 8) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_follow_the_price() {
        for (price, step) in
            [(62_000.0, "0.01"), (3_400.0, "0.01"), (0.12, "0.00001"), (0.000_02, "1e-8"), (8.4e7, "1000")]
        {
            assert_eq!(price_step(price).text(), step, "{price}");
        }
    }
}
