//! Live feeds against cases of the vendor's own mappers and against recorded traffic.

mod bybit;
mod cases;
mod connections;
mod garbage;
mod holes;
mod lines;
mod machine;
mod messages;
mod mutations;
mod okx;
mod page;
mod planted;
mod play;
mod recorded_venues;
mod recordings;
mod streams;
mod symbols;
mod venues;

use mtdh_core::DataType;
use mtdh_source::live::feed::{ConnectionId, Feed};
use mtdh_source::live::out::Out;
use mtdh_source::live::rows::Rows;
use mtdh_source::live::venue::{Venue, Want};

/// A feed, and what it gave out.
pub struct Fed {
    pub feed: Box<dyn Feed>,
    pub out: Out,
}

/// The only connection of most tests.
pub const ONE: ConnectionId = ConnectionId(0);

/// All data types that a venue offers, without those that are made from others.
pub fn as_sent(venue: &dyn Venue) -> Vec<DataType> {
    use DataType::{BookSnapshot5, BookSnapshot25, Quotes};
    let offered = venue.offers().iter().map(|offer| offer.data_type);
    offered.filter(|data_type| ![BookSnapshot5, BookSnapshot25, Quotes].contains(data_type)).collect()
}

impl Fed {
    pub fn new(venue: &'static dyn Venue, want: &Want) -> Fed {
        let plan = venue.plan(want);
        Fed { feed: venue.feed(want, &plan), out: Out { rows: Rows::with_groups(), ..Out::default() } }
    }
}
