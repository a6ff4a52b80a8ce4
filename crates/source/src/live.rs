//! Live feeds: what an exchange sends on its WebSockets, to rows of the lake's tables.
//!
//! A feed is pure: bytes and times in, rows and requests out. It opens no socket and reads no clock, so that a recording of yesterday
//! gives the rows that were made as it arrived. Start with [`venue::Venue`] for what is known of an exchange, and [`feed::Feed`]
//! for what turns its messages into rows.

pub mod address;
pub mod backoff;
pub mod cell;
pub mod checksum;
pub mod clock;
pub mod dialect;
pub mod feed;
pub mod json;
pub mod limits;
pub mod link;
pub mod mapped;
pub mod market;
pub mod out;
pub mod outbox;
pub mod pace;
pub mod quirks;
pub mod reading;
pub mod recent;
pub mod recording;
pub mod rest;
pub mod rows;
pub mod socket;
pub mod streams;
mod suspects;
pub mod symbols;
pub mod times;
pub mod venue;
pub mod venues;
