//! The data that is served, made from a seed.

pub(crate) mod decimal;
pub(crate) mod files;
pub(crate) mod large;
pub(crate) mod market;
pub(crate) mod maths;
pub(crate) mod prices;
pub(crate) mod rng;
pub(crate) mod times;
pub(crate) mod truth;
pub(crate) mod universe;
