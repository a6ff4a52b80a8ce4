//! OKX, formerly OKEx.

pub mod live;
