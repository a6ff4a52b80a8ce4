//! Files of the user, outside the lake.

pub mod convert;
pub mod unfinished;
