//! Rows and candles that arrive live: recorded, made again from recordings, checked, and given to those who follow.
//!
//! Start with [`record`] for what records, [`rebuild`] for what makes rows again, [`hub`] for those who follow.

mod again;
pub mod analysis;
pub mod candles;
pub mod checks;
pub mod compare;
mod error;
pub mod events;
pub mod follow;
pub(crate) mod followed;
pub mod hub;
pub(crate) mod judged;
pub mod lines;
pub mod machine;
pub mod maker;
mod older;
pub mod parts;
mod placed;
pub mod plan;
pub mod player;
pub mod rebuild;
pub mod record;
pub mod replay;
pub mod session;
pub mod status;
mod tally;
mod told;
pub mod validate;
mod whole;

pub use error::LiveError;
