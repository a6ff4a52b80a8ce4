//! Files of the user, outside of the lake.

pub mod convert;
pub mod unfinished;
