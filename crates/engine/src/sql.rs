//! Statements for programs that read the lake by themselves.

pub mod bigquery;
pub mod bucket;
pub mod ddl;
pub mod views;
