//! Publishing on a local file system: an object appears complete under its name, and only after it is on the disk.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use crate::identity;
use crate::object::WriteMode;
use crate::stage::{Content, unfinished};

/// The result of publishing an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was created.
    Made {
        /// The identity of its file; `None`: not known.
        identity: Option<String>,
    },
    /// An object with the same bytes existed.
    WasThere,
    /// A different object existed and was kept.
    Differs,
}

/// Publishes `content` as `target`. `folder` is on the same file system. The content, the new name and new folders are
/// flushed to the disk; all four steps are in one function, so that no caller can omit one.
pub fn publish(content: Content, folder: &Path, target: &Path, existing: WriteMode) -> io::Result<Outcome> {
    let parent = target.parent().unwrap_or(Path::new("/"));
    let made = make_folders(parent)?;
    let file = match content {
        Content::File(file, mut write_back) => {
            write_back.wait()?;
            file
        }
        Content::Memory(bytes) => {
            let mut file = unfinished(folder)?;
            file.write_all(&bytes)?;
            file
        }
    };
    file.as_file().sync_all()?;
    // By the open file, not by its name, which another process may have replaced.
    let made_of =
        |file: &File| Outcome::Made { identity: file.metadata().ok().and_then(|m| identity::of_file(&m)) };
    let outcome = match existing {
        WriteMode::Overwrite => made_of(&file.persist(target).map_err(|e| e.error)?),
        WriteMode::Create => match file.persist_noclobber(target) {
            Ok(file) => made_of(&file),
            Err(refused) if refused.error.kind() == io::ErrorKind::AlreadyExists => {
                if same_bytes(refused.file.path(), target)? { Outcome::WasThere } else { Outcome::Differs }
            }
            Err(refused) => return Err(refused.error),
        },
    };
    sync_folder(parent)?;
    made.iter().filter_map(|folder| folder.parent()).try_for_each(sync_folder)?;
    Ok(outcome)
}

/// The files directly in a folder whose name `wanted` makes something of, in no order. Each is looked at by its name within the open
/// folder, and links are followed. A folder or a device is left out, and so is what is gone meanwhile; a folder that is not
/// there has no files.
pub fn files<T>(
    folder: &Path,
    wanted: impl Fn(&str) -> Option<T>,
) -> io::Result<Vec<(String, T, fs::Metadata)>> {
    let mut found = Vec::new();
    let Some(items) = if_there(fs::read_dir(folder))? else { return Ok(found) };
    for item in items {
        let item = item?;
        let Ok(name) = item.file_name().into_string() else { continue };
        let Some(meaning) = wanted(&name) else { continue };
        let is_link = item.file_type()?.is_symlink();
        let file = if is_link { fs::metadata(item.path()) } else { item.metadata() };
        if let Some(file) = if_there(file)?.filter(fs::Metadata::is_file) {
            found.push((name, meaning, file));
        }
    }
    Ok(found)
}

fn if_there<T>(answer: io::Result<T>) -> io::Result<Option<T>> {
    match answer {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        answer => answer.map(Some),
    }
}

/// Compares two files piece by piece. Anything else (a FIFO, a device) is not opened, because that could block for ever.
fn same_bytes(a: &Path, b: &Path) -> io::Result<bool> {
    if !fs::metadata(b)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "what lies there is no file; move it away"));
    }
    let (mut a, mut b) = (BufReader::new(File::open(a)?), BufReader::new(File::open(b)?));
    loop {
        let (left, right) = (a.fill_buf()?, b.fill_buf()?);
        let length = left.len().min(right.len());
        if length == 0 {
            return Ok(left.len() == right.len());
        }
        if left[..length] != right[..length] {
            return Ok(false);
        }
        a.consume(length);
        b.consume(length);
    }
}

/// Creates a folder and its parents; returns those that were missing.
fn make_folders(folder: &Path) -> io::Result<Vec<PathBuf>> {
    if folder.is_dir() {
        return Ok(Vec::new());
    }
    let made = folder.ancestors().take_while(|f| !f.exists()).map(Path::to_owned).collect();
    fs::create_dir_all(folder)?;
    Ok(made)
}

/// Flushes the entries of a folder to the disk.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_wanted_files_are_listed() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        for name in ["a.parquet", "b.parquet", "c.txt"] {
            fs::write(at(name), name).unwrap();
        }
        fs::create_dir(at("d.parquet")).unwrap();
        std::os::unix::fs::symlink(at("c.txt"), at("e.parquet")).unwrap();
        std::os::unix::fs::symlink(at("nothing"), at("f.parquet")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(at("g.parquet")).unwrap();
        let stem = |name: &str| name.strip_suffix(".parquet").map(str::to_owned);
        let mut found: Vec<_> = files(root.path(), stem).unwrap();
        found.sort_by(|(a, ..), (b, ..)| a.cmp(b));
        let found: Vec<_> = found.iter().map(|(name, stem, file)| (&**name, &**stem, file.len())).collect();
        assert_eq!(found, [("a.parquet", "a", 9), ("b.parquet", "b", 9), ("e.parquet", "e", 5)]);
        assert!(files(&at("nothing"), stem).unwrap().is_empty());
        assert!(files(&at("c.txt"), stem).is_err());
    }

    #[test]
    fn an_object_is_kept_or_replaced_as_asked() {
        let root = tempfile::tempdir().unwrap();
        let target = root.path().join("a/b/c");
        let put = |text: &str, existing| {
            publish(Content::Memory(text.into()), root.path(), &target, existing).unwrap()
        };
        assert!(matches!(put("one", WriteMode::Create), Outcome::Made { .. }));
        assert_eq!(put("one", WriteMode::Create), Outcome::WasThere);
        for other in ["two", "on", "one more", ""] {
            assert_eq!(put(other, WriteMode::Create), Outcome::Differs, "{other}");
        }
        assert_eq!(fs::read_to_string(&target).unwrap(), "one");
        let there = || identity::of_file(&fs::metadata(&target).unwrap());
        let before = there();
        assert_eq!(put("three", WriteMode::Overwrite), Outcome::Made { identity: there() });
        assert!(there().is_some() && there() != before);
        assert_eq!(fs::read_to_string(&target).unwrap(), "three");
        let entries: Vec<_> = fs::read_dir(root.path()).unwrap().collect();
        assert_eq!(entries.len(), 1, "no temporary file stays");
    }
}
