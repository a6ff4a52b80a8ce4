//! A mark of all that the state of a day is made of, without reading any of it.

use std::collections::hash_map::DefaultHasher;
use std::fs::Metadata;
use std::hash::{Hash, Hasher};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use mtdh_core::Day;

use crate::error::LakeError;
use crate::object::Entry;
use crate::open::Place;
use crate::store::Lake;

/// The names and identities of a day's partitions, instrument table and reports. Equal marks: none of it was published, replaced,
/// changed or removed in between.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mark(u128);

impl Mark {
    /// Adds an object. The order of objects does not matter: folders have none.
    fn add(&mut self, object: impl Hash) {
        let half = |salt: u8| {
            let mut hasher = DefaultHasher::new();
            (salt, &object).hash(&mut hasher);
            u128::from(hasher.finish())
        };
        self.0 = self.0.wrapping_add((half(0) << 64) | half(1));
    }

    fn add_file(&mut self, path: &Path, file: &Metadata) {
        self.add((path, file.ino(), file.len(), file.mtime(), file.mtime_nsec()));
    }

    fn add_entry(&mut self, entry: &Entry) {
        self.add((entry.path.as_ref(), entry.bytes, &entry.identity));
    }
}

impl Lake {
    /// The mark of a day: one listing, and the metadata of four objects.
    ///
    /// # Errors
    /// When the store cannot be listed.
    pub async fn mark(&self, day: Day) -> Result<Mark, LakeError> {
        let layout = self.layout();
        let tables = [
            layout.instruments(day),
            layout.available_report(day),
            layout.identities(day),
            layout.missing_report(day),
        ];
        let partitions = layout.day_of_partitions(day);
        if let Place::Local(root) = &self.inner.place {
            let paths = tables.map(|path| root.join(path.as_ref()));
            let folder = root.join(partitions.as_ref());
            let marked = tokio::task::spawn_blocking(move || of_files(&paths, &folder)).await;
            return marked.unwrap_or_else(|error| Err(self.disk(root.clone(), error.into())));
        }
        let entries = tables.iter().map(|path| self.entry(path));
        let (listed, entries) = futures::join!(self.list(&partitions), futures::future::join_all(entries));
        let mut mark = Mark::default();
        listed?.iter().for_each(|entry| mark.add_entry(entry));
        for entry in entries {
            entry?.iter().for_each(|entry| mark.add_entry(entry));
        }
        Ok(mark)
    }
}

fn of_files(files: &[PathBuf], folder: &Path) -> Result<Mark, LakeError> {
    let mut mark = Mark::default();
    let disk = |path: &Path| {
        let path = path.to_owned();
        move |source| LakeError::Disk { path, source }
    };
    for path in files {
        if let Some(file) = there(std::fs::metadata(path)).map_err(disk(path))? {
            mark.add_file(path, &file);
        }
    }
    add_folder(&mut mark, folder).map_err(disk(folder))?;
    Ok(mark)
}

/// Adds the files below a folder.
fn add_folder(mark: &mut Mark, folder: &Path) -> io::Result<()> {
    let Some(names) = there(std::fs::read_dir(folder))? else { return Ok(()) };
    for name in names {
        let name = name?;
        if there(name.file_type())?.is_some_and(|kind| kind.is_dir()) {
            add_folder(mark, &name.path())?;
            continue;
        }
        let path = name.path();
        match there(std::fs::metadata(&path))? {
            Some(there) if there.is_dir() => add_folder(mark, &path)?,
            Some(file) => mark.add_file(&path, &file),
            // It is gone meanwhile, or a link to nothing.
            None => {}
        }
    }
    Ok(())
}

fn there<T>(looked: io::Result<T>) -> io::Result<Option<T>> {
    match looked {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        other => other.map(Some),
    }
}

#[cfg(test)]
mod tests {
    use object_store::path::Path as StorePath;

    use super::*;

    #[tokio::test]
    async fn a_mark_changes_with_each_object_and_with_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let lake = Lake::open(folder.path().to_str().unwrap(), &Default::default()).unwrap();
        let (day, other) = ("2024-03-01".parse().unwrap(), "2024-03-02".parse().unwrap());
        let mut marks = vec![lake.mark(day).await.unwrap()];
        let partitions = lake.layout().day_of_partitions(day);
        let (first, second) = (
            StorePath::from(format!("{partitions}/data_type-trades/A.parquet")),
            StorePath::from(format!("{partitions}/data_type-trades/B.parquet")),
        );
        // Published, replaced by the same bytes, removed; a table and each report.
        lake.put(&first, b"1").await.unwrap();
        marks.push(lake.mark(day).await.unwrap());
        lake.put(&second, b"1").await.unwrap();
        marks.push(lake.mark(day).await.unwrap());
        lake.put(&second, b"1").await.unwrap();
        marks.push(lake.mark(day).await.unwrap());
        std::fs::write(folder.path().join(first.as_ref()), b"22").unwrap();
        marks.push(lake.mark(day).await.unwrap());
        lake.delete(&second).await.unwrap();
        marks.push(lake.mark(day).await.unwrap());
        let layout = lake.layout();
        for path in [layout.instruments(day), layout.available_report(day), layout.missing_report(day)] {
            lake.put(&path, b"1").await.unwrap();
            marks.push(lake.mark(day).await.unwrap());
        }
        for (at, mark) in marks.iter().enumerate() {
            assert!(!marks[..at].contains(mark), "step {at}");
        }
        lake.put(&lake.layout().available_report(other), b"1").await.unwrap();
        assert_eq!(lake.mark(day).await.unwrap(), *marks.last().unwrap());
    }
}
