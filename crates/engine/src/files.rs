//! Files of the user, outside the lake.

pub mod convert;
pub(crate) mod times;
pub mod unfinished;
pub mod user_columns;
