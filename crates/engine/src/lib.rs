//! The verbs: what is done with vendor files and a lake.
//!
//! Not for talking to people: nothing here prints. Start with [`instruments`], [`plan`], [`ingest`] and [`validate`],
//! the way of the main job; [`query`] reads the lake, [`convert_file`] a user's own file.

pub mod convert;
pub mod error;
mod group;
pub mod ingest;
pub mod instruments;
pub mod plan;
pub mod presence;
pub mod progress;
pub mod run;
pub mod selection;

pub use error::{EngineError, chain};
pub use selection::Selection;
