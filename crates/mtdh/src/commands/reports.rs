//! Files of reports that verbs write beside what they print.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use mtdh_engine::files::unfinished::write_whole;
use serde::Serialize;

/// The form of a report on what a lake has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Json,
    Page,
}

fn form(file: &Path) -> Result<Form> {
    match file.extension().and_then(|ending| ending.to_str()).map(str::to_ascii_lowercase).as_deref() {
        Some("json") => Ok(Form::Json),
        Some("html" | "htm") => Ok(Form::Page),
        _ => bail!("{}: this report ends in .json or .html", file.display()),
    }
}

/// Checks before the work that the folders of reports exist.
pub fn check_folders(files: &[PathBuf]) -> Result<()> {
    for file in files {
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
        if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
            bail!(
                "{} cannot be written: there is no folder {}; make it first",
                file.display(),
                folder.display()
            );
        }
    }
    Ok(())
}

/// Checks before the work that reports can be written: their endings and folders.
pub fn check(files: &[PathBuf]) -> Result<()> {
    files.iter().try_for_each(|file| form(file).map(drop))?;
    check_folders(files)
}

/// Writes a report, each file whole or not at all.
pub fn write(files: &[PathBuf], document: &impl Serialize, page: impl Fn() -> String) -> Result<()> {
    for file in files {
        let text = match form(file)? {
            Form::Json => serde_json::to_string_pretty(document)? + "\n",
            Form::Page => page(),
        };
        write_whole(file, text.as_bytes()).with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(())
}
