//! The venues, a file for each family.

mod binance;
mod deribit;

use super::protocol::Protocol;

/// Tardis' ids of the venues that can be played.
pub const VENUES: [&str; 4] = ["binance", "binance-futures", "binance-delivery", "deribit"];

/// Venues of which there is no recording: the forms of their messages are of single examples or of documents only.
pub const EXPERIMENTAL: [&str; 1] = ["binance-delivery"];

/// Returns a venue's rules. `None`: there is no such venue.
pub(super) fn find(venue: &str) -> Option<(&'static str, Box<dyn Protocol>)> {
    let id = VENUES.into_iter().find(|id| *id == venue)?;
    let protocol: Box<dyn Protocol> = match id {
        "deribit" => Box::new(deribit::Deribit),
        _ => Box::new(binance::Binance::new(id)),
    };
    Some((id, protocol))
}

/// Returns the weight of a REST request of Binance.
pub(super) use binance::weight;
