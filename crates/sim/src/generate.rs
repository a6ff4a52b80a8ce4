//! The simulated data, generated from a seed: instruments, markets and files. It knows no server.

pub(crate) mod decimal;
pub(crate) mod files;
pub(crate) mod issues;
pub(crate) mod large;
pub(crate) mod market;
pub(crate) mod maths;
pub(crate) mod prices;
pub(crate) mod rng;
pub(crate) mod times;
pub(crate) mod universe;
