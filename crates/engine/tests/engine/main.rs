//! Tests of the verbs over a lake that is made by hand.

// Helpers of tests are tests too, which clippy does not see.
#![allow(clippy::unwrap_used)]

mod candles;
mod hand_made;
