//! Tests of where data rests: one suite of storage over a folder and over a bucket, and partitions from writing to
//! reading slices.

// Helpers of tests are tests too, which clippy does not see.
#![allow(clippy::unwrap_used)]

mod briefs;
mod bucket;
mod candles;
mod captures;
mod documents;
mod flips;
mod folder;
mod iceberg;
mod partitions;
mod parts;
mod probe;
mod rekey;
mod slices;
mod storage;
mod stores;
mod trades;
mod versions;
