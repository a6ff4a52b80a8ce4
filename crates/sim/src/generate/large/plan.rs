//! The parameters of one large file.

use mtdh_core::Day;

use crate::generate::decimal::Decimal;
use crate::generate::rng::Rng;
use crate::generate::universe::listing::Listing;
use crate::generate::universe::profile::Profile;

/// The parameters of a large file.
pub(super) struct Plan<'a> {
    pub(super) profile: &'a Profile,
    pub(super) listing: &'a Listing,
    pub(super) seed: u64,
    pub(super) day: Day,
    pub(super) rows: u64,
    /// Price at the beginning of the day, in price steps.
    pub(super) tick: i64,
}

impl Plan<'_> {
    /// Returns the file's random numbers.
    pub(super) fn rng(&self) -> Rng {
        Rng::new(self.seed, &["large", self.profile.id, &self.listing.id, &self.day.to_string()])
    }

    /// Converts a price from price steps.
    pub(super) fn price(&self, tick: i64) -> Decimal {
        self.listing.price(tick)
    }

    /// Returns a random amount.
    pub(super) fn amount(&self, rng: &mut Rng) -> Decimal {
        let share = rng.unit();
        self.listing.amount(1 + (self.listing.usual_lots as f64 * 3.0 * share * share * share) as i64)
    }
}
