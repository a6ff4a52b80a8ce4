//! Live feeds: what an exchange sends on its WebSockets, to rows of the lake's tables.
//!
//! A feed is pure: bytes and times in, rows and requests out. It opens no socket and reads no clock, so that a recording of yesterday
//! gives the rows that were made as it arrived. Start with [`venue::Venue`] for what is known of an exchange, and [`feed::Feed`]
//! for what turns its messages into rows.

pub mod cell;
pub mod checksum;
pub mod dialect;
pub mod feed;
pub mod json;
pub mod limits;
pub mod mapped;
pub mod market;
pub mod out;
pub mod outbox;
pub mod recent;
pub mod recording;
pub mod rows;
pub mod times;
pub mod venue;
pub mod venues;
