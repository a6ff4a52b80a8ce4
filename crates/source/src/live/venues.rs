//! The exchanges whose live feeds can be read.

use super::venue::Venue;
use crate::exchange::binance::live as binance;

static VENUES: [&dyn Venue; 3] = [&binance::SPOT, &binance::FUTURES, &binance::DELIVERY];

/// All of them, in the order of documents.
pub fn all() -> &'static [&'static dyn Venue] {
    &VENUES
}

/// The exchange of this id; `None`: its feed cannot be read.
pub fn find(exchange: &str) -> Option<&'static dyn Venue> {
    all().iter().copied().find(|venue| venue.exchange() == exchange)
}
