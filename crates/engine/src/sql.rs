//! Statements for programs that read the lake by themselves.

pub mod bucket;
pub mod views;
