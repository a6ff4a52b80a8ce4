//! Iceberg tables over the objects of a lake, which stay as and where they are.
//!
//! A table is a folder of metadata: `v{n}.metadata.json`, one document a version, put only if there is none; a list of manifests for
//! each snapshot; a manifest for each day; `version-hint.text`. Names of what belongs to version n begin with it, so that whoever
//! has made version n can remove what others left of it: all of them have lost. Decides nothing about what belongs in a table.

mod avro;
mod facts;
mod manifest;
mod metadata;
mod table;

use std::collections::BTreeSet;

use bytes::Bytes;
use mtdh_core::Day;
use object_store::path::Path;
use serde_json::Value;

use crate::error::LakeError;
use crate::object::{Entry, WriteMode};
use crate::open::Place;
use crate::store::Lake;

pub use facts::FileFacts;
pub use manifest::{Manifest, Published, mark_of};
pub use metadata::{Covers, TableVersion};
pub use table::{IcebergTable, UnknownTable};

use manifest::{DayFiles, encode_list, read_list, read_objects};
use metadata::NewVersion;

/// Versions whose metadata is kept beside the newest, for readers that have opened one, or that name one.
const OLDER_VERSIONS: u64 = 5;

/// Metadata that this program writes is smaller by far; anything larger was written by others.
const MOST_METADATA_BYTES: u64 = 64 << 20;

/// A new version of a table, while it is written.
#[derive(Debug)]
pub struct IcebergDraft {
    table: IcebergTable,
    base: Option<TableVersion>,
    version: u64,
    snapshot: i64,
    nonce: String,
    location: String,
}

/// What became of a draft.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Committed {
    /// It is the newest version.
    Done,
    /// Another process was faster; nothing of the draft is in the table.
    Lost,
}

impl Lake {
    /// The place of the lake as other programs write it: an absolute folder without links, or the bucket's URL, without a slash at the
    /// end.
    ///
    /// # Errors
    /// When the folder does not exist, or its name is no text.
    pub fn location(&self) -> Result<String, LakeError> {
        match &self.inner.place {
            Place::Local(root) => {
                let disk = |source| LakeError::Disk { path: root.clone(), source };
                let folder = std::fs::canonicalize(root).map_err(disk)?;
                let no_text = || disk(std::io::Error::other("its name is no UTF-8, which metadata must be"));
                Ok(folder.to_str().ok_or_else(no_text)?.trim_end_matches('/').to_owned())
            }
            Place::Remote(_) => {
                let (scheme, rest) = self.url().split_once("://").unwrap_or(("", self.url()));
                let bucket = rest.split('/').next().unwrap_or_default();
                let place =
                    format!("{}://{bucket}/{}", scheme.to_ascii_lowercase(), self.full(&Path::default()));
                Ok(place.trim_end_matches('/').to_owned())
            }
        }
    }

    /// The tables that were published.
    ///
    /// # Errors
    /// When the store cannot be listed.
    pub async fn iceberg_tables(&self) -> Result<Vec<IcebergTable>, LakeError> {
        let folders = self.folders(&self.layout().iceberg_tables()).await?;
        Ok(folders.iter().filter_map(|folder| folder.filename()?.parse().ok()).collect())
    }

    /// Where the metadata of a version lies, as other programs write it.
    ///
    /// # Errors
    /// As [`Lake::location`].
    pub fn iceberg_metadata(&self, table: IcebergTable, version: u64) -> Result<String, LakeError> {
        Ok(format!("{}/{}", self.location()?, self.layout().iceberg_version(&table.to_string(), version)))
    }

    /// Where the metadata of a version of a table lies, inside the lake.
    pub fn iceberg_metadata_path(&self, table: IcebergTable, version: u64) -> String {
        self.layout().iceberg_version(&table.to_string(), version).to_string()
    }

    /// Whether metadata that names this place lies there.
    pub fn iceberg_is_place(&self, table: IcebergTable, place: &str) -> bool {
        self.iceberg_location(table).is_ok_and(|own| own == place)
    }

    /// The newest version of a table; `None`: it was never published.
    ///
    /// # Errors
    /// When the store fails, or the metadata is not as this program writes it.
    pub async fn iceberg_version(&self, table: IcebergTable) -> Result<Option<TableVersion>, LakeError> {
        let Some(version) = self.iceberg_versions(table).await?.last().copied() else { return Ok(None) };
        let path = self.layout().iceberg_version(&table.to_string(), version);
        let document = self.iceberg_document(&path).await?;
        let location = document["location"].as_str().unwrap_or_default().to_owned();
        let is_current =
            location == self.iceberg_location(table)? && metadata::has_columns_of(&document, table);
        let list = metadata::manifest_list(&document).and_then(|list| list.rsplit('/').next());
        let manifests = match list {
            Some(name) => {
                let path = self.layout().iceberg_file(&table.to_string(), name);
                let list = self.iceberg_read(&path).await?;
                read_list(&list).map_err(|reason| no_table(&path, reason))?
            }
            None => return Err(no_table(&path, "it names no list of manifests".to_owned())),
        };
        let covers = metadata::covers(&document);
        Ok(Some(TableVersion { version, covers, is_current, location, manifests, document }))
    }

    fn iceberg_location(&self, table: IcebergTable) -> Result<String, LakeError> {
        Ok(format!("{}/{}", self.location()?, self.layout().iceberg_table(&table.to_string())))
    }

    async fn iceberg_entries(&self, table: IcebergTable) -> Result<Vec<Entry>, LakeError> {
        self.list(&self.layout().iceberg_metadata(&table.to_string())).await
    }

    async fn iceberg_versions(&self, table: IcebergTable) -> Result<Vec<u64>, LakeError> {
        let entries = self.iceberg_entries(table).await?;
        let number = |entry: &Entry| self.layout().parse_iceberg_version(&table.to_string(), &entry.path);
        let mut versions: Vec<u64> = entries.iter().filter_map(number).collect();
        versions.sort_unstable();
        Ok(versions)
    }

    async fn iceberg_read(&self, path: &Path) -> Result<Bytes, LakeError> {
        let gone = || no_table(path, "it is gone".to_owned());
        let entry = self.entry(path).await?.ok_or_else(gone)?;
        if entry.bytes > MOST_METADATA_BYTES * 8 {
            return Err(no_table(path, format!("it has {} bytes", entry.bytes)));
        }
        self.read(path).await?.ok_or_else(gone)
    }

    async fn iceberg_document(&self, path: &Path) -> Result<Value, LakeError> {
        let bytes = self.iceberg_read(path).await?;
        if bytes.len() as u64 > MOST_METADATA_BYTES {
            return Err(no_table(path, format!("it has {} bytes", bytes.len())));
        }
        serde_json::from_slice(&bytes).map_err(|error| no_table(path, error.to_string()))
    }

    /// The objects of a day that a version of a table has, sorted by path; also those without rows.
    ///
    /// # Errors
    /// When the store fails, or the manifest is not as this program writes it.
    pub async fn iceberg_objects(
        &self,
        table: IcebergTable,
        manifest: &Manifest,
    ) -> Result<Vec<Published>, LakeError> {
        let Some(name) = &manifest.name else { return Ok(Vec::new()) };
        let path = self.layout().iceberg_file(&table.to_string(), name);
        read_objects(&self.iceberg_read(&path).await?).map_err(|reason| no_table(&path, reason))
    }

    /// Begins a new version of a table, after `base`.
    ///
    /// # Errors
    /// As [`Lake::location`].
    pub fn iceberg_draft(
        &self,
        table: IcebergTable,
        base: Option<TableVersion>,
    ) -> Result<IcebergDraft, LakeError> {
        let version = base.as_ref().map_or(1, |base| base.version + 1);
        let (snapshot, nonce) = (fastrand::i64(1..), format!("{:016x}", fastrand::u64(..)));
        Ok(IcebergDraft { table, base, version, snapshot, nonce, location: self.location()? })
    }

    /// Writes the manifest of a day. `files` are sorted by path; those without a number are new.
    ///
    /// # Errors
    /// When the store refuses.
    pub async fn iceberg_add_day(
        &self,
        draft: &IcebergDraft,
        day: Day,
        files: Vec<(FileFacts, Option<(i64, i64)>)>,
    ) -> Result<Manifest, LakeError> {
        let sequence = metadata::next_sequence(draft.base.as_ref());
        let numbered = |(facts, added): (FileFacts, Option<(i64, i64)>)| {
            let (snapshot, sequence) = added.unwrap_or((draft.snapshot, sequence));
            (facts, snapshot, sequence)
        };
        let files: Vec<_> = files.into_iter().map(numbered).collect();
        let table = draft.table;
        let of_day = DayFiles {
            table,
            day,
            location: &draft.location,
            snapshot: draft.snapshot,
            sequence,
            files: &files,
        };
        let (bytes, manifest) = of_day.encode(format!("v{}-{}-{day}.avro", draft.version, draft.nonce));
        if let Some(name) = &manifest.name {
            let path = self.layout().iceberg_file(&table.to_string(), name);
            self.publish_bytes(&path, &bytes, WriteMode::Create).await?;
        }
        Ok(manifest)
    }

    /// Makes the draft the newest version of its table, unless another process was faster. `is_rewritten`: objects of older snapshots
    /// are gone or were replaced. `now_ms`: the current time, milliseconds since the Unix epoch, UTC.
    ///
    /// # Errors
    /// When the store refuses. The version before stays whole.
    pub async fn iceberg_commit(
        &self,
        draft: &IcebergDraft,
        manifests: &[Manifest],
        covers: Covers,
        is_rewritten: bool,
        now_ms: i64,
    ) -> Result<Committed, LakeError> {
        let IcebergDraft { table, base, version, snapshot, nonce, location } = draft;
        let (name, layout) = (table.to_string(), self.layout());
        let sequence = metadata::next_sequence(base.as_ref());
        let parent = base.as_ref().and_then(|base| metadata::current_snapshot(&base.document));
        let list = layout.iceberg_file(&name, &format!("v{version}-{nonce}-list.avro"));
        let folder = format!("{location}/{}", layout.iceberg_metadata(&name));
        let bytes =
            encode_list(*table, &folder, (*snapshot, parent.filter(|_| !is_rewritten), sequence), manifests);
        self.publish_bytes(&list, &bytes, WriteMode::Create).await?;
        let new = NewVersion {
            table: *table,
            location: format!("{location}/{}", layout.iceberg_table(&name)),
            covers,
            snapshot: *snapshot,
            manifest_list: format!("{location}/{list}"),
            manifests,
            is_rewritten,
            now_ms,
            previous: base
                .as_ref()
                .map(|base| format!("{location}/{}", layout.iceberg_version(&name, base.version))),
        };
        let document = metadata::document(&new, base.as_ref()).to_string();
        let path = layout.iceberg_version(&name, *version);
        match self.publish_bytes(&path, document.as_bytes(), WriteMode::Create).await {
            Ok(()) => {}
            Err(LakeError::Exists { .. }) => return Ok(Committed::Lost),
            Err(error) => return Err(error),
        }
        // A process that slept while others made many versions finds its number free again: those are newer.
        match self.iceberg_versions(*table).await?.last() {
            Some(newest) if newest > version => {
                self.delete(&path).await?;
                Ok(Committed::Lost)
            }
            _ => Ok(Committed::Done),
        }
    }

    /// Sets the hint to the newest version, and removes what no kept version needs: what a killed process left, and versions that are
    /// too old. Returns how many objects were removed.
    ///
    /// # Errors
    /// When the store fails. The table is whole all the same.
    pub async fn iceberg_tidy(&self, table: IcebergTable) -> Result<usize, LakeError> {
        let (name, layout) = (table.to_string(), self.layout());
        let versions = self.iceberg_versions(table).await?;
        let Some(newest) = versions.last().copied() else { return Ok(0) };
        self.update(&layout.iceberg_hint(&name), |old| {
            let old = old.and_then(|bytes| std::str::from_utf8(bytes).ok()?.trim().parse::<u64>().ok());
            // Two processes may be here at once; the newer version stays.
            let hint = old.filter(|old| versions.contains(old)).map_or(newest, |old| old.max(newest));
            Ok(Bytes::from(hint.to_string()))
        })
        .await?;
        let is_kept = |version: u64| version + OLDER_VERSIONS >= newest && version <= newest;
        let mut needed = BTreeSet::new();
        for version in versions.iter().copied().filter(|version| is_kept(*version)) {
            let path = layout.iceberg_version(&name, version);
            let Some(document) = self.read(&path).await? else { return Ok(0) };
            needed.insert(path);
            let Ok(document) = serde_json::from_slice::<Value>(&document) else { continue };
            for list in metadata::manifest_lists(&document).filter_map(|list| list.rsplit('/').next()) {
                let path = layout.iceberg_file(&name, list);
                if needed.insert(path.clone())
                    && let Some(list) = self.read(&path).await?
                    && let Ok(manifests) = read_list(&list)
                {
                    let names = manifests.into_iter().filter_map(|manifest| manifest.name);
                    needed.extend(names.map(|file| layout.iceberg_file(&name, &file)));
                }
            }
        }
        let mut removed = 0;
        for entry in self.iceberg_entries(table).await? {
            let version = layout.parse_iceberg_file(&name, &entry.path);
            if version.is_some_and(|version| version <= newest) && !needed.contains(&entry.path) {
                self.delete(&entry.path).await?;
                removed += 1;
            }
        }
        Ok(removed)
    }
}

fn no_table(path: &Path, reason: String) -> LakeError {
    LakeError::NoIceberg { path: path.to_string(), reason }
}
