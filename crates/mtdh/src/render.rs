//! The output of verbs: tables on stdout, notes on stderr. Makes no decisions and no requests.

pub mod candles;
pub mod certify;
pub mod check;
pub mod download;
pub mod fleet;
pub mod instruments;
pub mod ls;
pub mod stream;
pub mod sync;
pub mod validate;
pub mod want;

/// Maximum number of printed lines of one kind.
pub const SHOWN: usize = 20;
