//! `mtdh man DIR`: the manual pages as files.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::args;
use crate::exit::Outcome;

/// Writes every page into a folder, over those of another version.
///
/// # Errors
/// When the folder cannot be made or written to.
pub fn run(folder: &Path) -> Result<Outcome> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    for (name, text) in args::pages(args::command())? {
        let path = folder.join(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(Outcome::Clean)
}
