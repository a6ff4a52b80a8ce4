//! One table's day of an export.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt, TryStreamExt};
use mtdh_core::Day;
use mtdh_core::hive::HiveTable;
use mtdh_core::hive::manifest::{ExportedFile, HiveForm, Manifest, Source};
use mtdh_lake::hive::{ExportPlace, Linked};
use mtdh_lake::read::Verified;
use mtdh_lake::{Entry, Lake, LakeError};

use super::compact::{compact, is_compacted};
use super::delta::take_out;
use super::documents::{path_of, read_manifest};
use super::error::HiveError;
use super::find::{Wanted, is_meant};
use super::{HiveReport, HiveRequest, TableReport};
use crate::error::EngineError;
use crate::runs::phase::Phase;

/// Files that are copied or written at the same time.
const CONCURRENT: usize = 8;

/// A file that is to be made.
struct Making {
    path: String,
    /// Its objects, in the order of its rows.
    objects: Vec<Wanted>,
    /// Whether a file of the export may be in its place.
    replaces: bool,
}

/// What is exported of a table's day, and where.
pub(super) struct DayWork<'a> {
    pub lake: &'a Lake,
    pub place: &'a ExportPlace,
    pub request: &'a HiveRequest,
    pub has_delta: bool,
    pub table: HiveTable,
    pub day: Day,
    pub wanted: Vec<Wanted>,
    /// Objects of the day that cannot be trusted.
    pub untrusted: &'a BTreeMap<String, String>,
    /// Hears of the bytes of objects.
    pub phase: &'a Phase,
}

impl DayWork<'_> {
    /// Brings the export of the day to what the lake has.
    pub async fn run(self, report: &mut HiveReport) -> Result<(), EngineError> {
        let (old, old_bytes) = read_manifest(self.place, self.table, self.day).await?;
        let listed = self.place.store().list(&path_of(&self.table.day(self.day))?).await?;
        let listed: BTreeMap<String, Entry> =
            listed.into_iter().map(|entry| (entry.path.to_string(), entry)).collect();
        let mut files: BTreeMap<String, ExportedFile> =
            old.files.into_iter().map(|file| (file.path.clone(), file)).collect();
        for path in listed.keys().filter(|path| !files.contains_key(*path)) {
            report.foreign.add(|| path.clone());
        }
        let mut of_table = TableReport { days: 1, ..TableReport::default() };
        let wanted = self.by_file(&files).await?;
        let mut making = Vec::new();
        for (path, objects) in &wanted {
            match self.is_due(path, objects, &mut files, &listed).await? {
                Due::Not => self.phase.advance(bytes_of(objects)),
                Due::Is { replaces } => {
                    making.push(Making { path: path.clone(), objects: objects.clone(), replaces });
                }
                Due::Others => {
                    self.phase.advance(bytes_of(objects));
                    report.changed_by_others.add(|| path.clone());
                }
            }
        }
        let mut removing = Vec::new();
        for file in files.values().filter(|file| !wanted.contains_key(&file.path)) {
            let is_left = |source: &Source| {
                !is_meant(self.request, self.table, self.day, source)
                    || self.untrusted.contains_key(&source.path)
            };
            if file.sources.iter().any(is_left) {
                report.unfinished += u64::from(file.pending);
            } else if is_changed(file, listed.get(&file.path)) {
                report.changed_by_others.add(|| file.path.clone());
            } else {
                removing.push(file.path.clone());
            }
        }
        let path = path_of(&Manifest::path(self.table, self.day))?;
        let manifest = |files: &BTreeMap<String, ExportedFile>| Manifest {
            files: files.values().cloned().collect(),
            ..Manifest::new(self.table, self.day)
        };
        let mut written = old_bytes;
        if !making.is_empty() || !removing.is_empty() {
            let before = files.clone();
            for Making { path, objects, .. } in &making {
                let sources: Vec<Source> = objects.iter().map(Wanted::source).collect();
                let (rows, bytes) = sums(&sources);
                let file = ExportedFile {
                    path: path.clone(),
                    rows,
                    bytes,
                    identity: None,
                    digest: None,
                    pending: true,
                    sources,
                };
                files.insert(path.clone(), file);
            }
            for path in &removing {
                files.entry(path.clone()).and_modify(|file| file.pending = true);
            }
            let pending = manifest(&files).to_bytes();
            self.place.put(&path, written.as_ref(), pending.clone()).await?;
            written = Some(pending.into());
            if self.has_delta {
                let touched = making.iter().filter(|m| m.replaces).map(|m| &m.path).chain(&removing);
                take_out(self.place, self.table, &touched.cloned().collect::<BTreeSet<String>>()).await?;
            }
            self.make(making, &before, &mut files, &mut of_table, report).await?;
            for path in &removing {
                self.place.store().delete(&path_of(path)?).await?;
                files.remove(path);
                of_table.removed += 1;
            }
            let touched =
                files.keys().chain(&removing).map(|path| path_of(path)).collect::<Result<Vec<_>, _>>()?;
            self.place.flush(touched.iter())?;
        }
        let is_first = written.is_none();
        let bytes = manifest(&files).to_bytes();
        if written.as_deref() != Some(&bytes[..]) && !(is_first && files.is_empty()) {
            self.place.put(&path, written.as_ref(), bytes).await?;
        }
        for file in files.values().filter(|file| !file.pending) {
            of_table.files += 1;
            of_table.rows += file.rows;
            of_table.bytes += file.bytes;
        }
        report.tables.entry(self.table.to_string()).or_default().add(&of_table);
        Ok(())
    }

    /// The wanted objects by the file that they go into. Into the one file of a venue and type go also the objects that it was made of
    /// and that this run is not about.
    async fn by_file(
        &self,
        files: &BTreeMap<String, ExportedFile>,
    ) -> Result<BTreeMap<String, Vec<Wanted>>, EngineError> {
        let mut by_file: BTreeMap<String, Vec<Wanted>> = BTreeMap::new();
        let is_compacted = is_compacted(self.request.form, self.table);
        for wanted in &self.wanted {
            let path = match &wanted.key {
                None => HiveTable::instruments(self.day),
                Some(key) if is_compacted => self.table.compacted(self.day, key),
                Some(key) => self.table.file(self.day, key),
            };
            by_file.entry(path).or_default().push(wanted.clone());
        }
        if is_compacted {
            for file in files.values() {
                for source in &file.sources {
                    if is_meant(self.request, self.table, self.day, source) {
                        continue;
                    }
                    let key = source.instrument_key.as_deref().and_then(|key| key.parse().ok());
                    if let Some(entry) = self.lake.entry(&path_of(&source.path)?).await? {
                        let rows = match source.identity == entry.identity {
                            true => source.rows,
                            false => self.lake.rows_by_footer(&entry).await?,
                        };
                        let wanted = Wanted { key, entry, rows };
                        by_file.entry(file.path.clone()).or_default().push(wanted);
                    }
                }
            }
            by_file.values_mut().for_each(|objects| objects.sort_by(|a, b| a.key.cmp(&b.key)));
        }
        Ok(by_file)
    }

    async fn is_due(
        &self,
        path: &str,
        objects: &[Wanted],
        files: &mut BTreeMap<String, ExportedFile>,
        listed: &BTreeMap<String, Entry>,
    ) -> Result<Due, EngineError> {
        let there = listed.get(path);
        let Some(file) = files.get_mut(path) else {
            return Ok(if there.is_some() { Due::Others } else { Due::Is { replaces: false } });
        };
        if file.pending {
            return Ok(Due::Is { replaces: true });
        }
        let is_same = file.sources.len() == objects.len()
            && file.sources.iter().zip(objects).all(|(source, object)| source.is_same(&object.source()));
        Ok(match there {
            None => Due::Is { replaces: true },
            Some(_) if !is_changed(file, there) => {
                if is_same {
                    Due::Not
                } else {
                    Due::Is { replaces: true }
                }
            }
            // The export was moved or copied as a whole: its files have other identities, and the same bytes.
            Some(entry) if is_same && self.request.form == HiveForm::Objects => match objects {
                [object] if has_same_bytes(self.lake, &object.entry, self.place.store(), entry).await? => {
                    file.identity.clone_from(&entry.identity);
                    Due::Not
                }
                _ => Due::Others,
            },
            Some(entry) if is_same && file.digest.is_some() && file.bytes == entry.bytes => {
                if digest(self.place, entry).await? == file.digest {
                    file.identity.clone_from(&entry.identity);
                    Due::Not
                } else {
                    Due::Others
                }
            }
            Some(_) => Due::Others,
        })
    }

    /// Makes files. One whose objects cannot be had stays as it was.
    async fn make(
        &self,
        making: Vec<Making>,
        before: &BTreeMap<String, ExportedFile>,
        files: &mut BTreeMap<String, ExportedFile>,
        of_table: &mut TableReport,
        report: &mut HiveReport,
    ) -> Result<(), EngineError> {
        let mut made = futures::stream::iter(making)
            .map(|making| async move {
                let made = self.made(&making).await;
                (making, made)
            })
            .buffered(CONCURRENT);
        while let Some((Making { path, objects, .. }, made)) = made.next().await {
            self.phase.advance(bytes_of(&objects));
            let made = match made {
                Ok(made) => made,
                Err(error) if is_of_object(&error) => {
                    report.not_exported.add(|| format!("{path}: {}", mtdh_core::error::chain(&error)));
                    match before.get(&path) {
                        Some(file) => drop(files.insert(path, file.clone())),
                        None => drop(files.remove(&path)),
                    }
                    continue;
                }
                Err(error) => return Err(error),
            };
            report.without_checksums.count += made.without_checksums.len() as u64;
            report.without_checksums.names.extend(made.without_checksums);
            match made.how {
                How::Linked => of_table.linked += 1,
                How::Copied => of_table.copied += 1,
                How::Compacted => of_table.compacted += 1,
            }
            files.entry(path).and_modify(|file| {
                file.bytes = made.bytes;
                file.identity = made.identity;
                file.digest = made.digest;
                file.pending = false;
            });
        }
        Ok(())
    }

    async fn made(&self, making: &Making) -> Result<Made, EngineError> {
        let mut without_checksums = Vec::new();
        if self.request.verify {
            for object in &making.objects {
                if self.lake.verify_bytes(&object.entry).await? == Verified::NoChecksums {
                    without_checksums.push(object.entry.path.to_string());
                }
            }
        }
        let path = path_of(&making.path)?;
        if is_compacted(self.request.form, self.table) {
            let (identity, bytes) =
                compact(self.lake, self.place, self.table, &path, &making.objects, making.replaces).await?;
            let entry = Entry { path, bytes, identity: identity.clone() };
            let digest = digest(self.place, &entry).await?;
            return Ok(Made { how: How::Compacted, identity, digest, bytes, without_checksums });
        }
        let [object] = &making.objects[..] else {
            return Err(HiveError::Document {
                path: making.path.clone(),
                reason: "it is of several objects".to_owned(),
            }
            .into());
        };
        let (entry, bytes) = (&object.entry, object.entry.bytes);
        Ok(match self.place.link(&path, self.lake, entry, making.replaces).await? {
            Linked::Done(identity) => {
                Made { how: How::Linked, identity, digest: None, bytes, without_checksums }
            }
            Linked::NoLinks => {
                let identity = self.place.copy(&path, self.lake, entry, making.replaces).await?;
                Made { how: How::Copied, identity, digest: None, bytes, without_checksums }
            }
        })
    }
}

/// Whether a file must be made.
enum Due {
    Not,
    Is {
        replaces: bool,
    },
    /// Others have put something in its place.
    Others,
}

struct Made {
    how: How,
    identity: Option<String>,
    digest: Option<String>,
    bytes: u64,
    without_checksums: Vec<String>,
}

enum How {
    Linked,
    Copied,
    Compacted,
}

fn bytes_of(objects: &[Wanted]) -> u64 {
    objects.iter().map(|object| object.entry.bytes).sum()
}

fn sums(sources: &[Source]) -> (u64, u64) {
    (sources.iter().map(|source| source.rows).sum(), sources.iter().map(|source| source.bytes).sum())
}

/// Whether others changed a finished file.
fn is_changed(file: &ExportedFile, there: Option<&Entry>) -> bool {
    there.is_some_and(|entry| !file.pending && (entry.identity != file.identity || entry.bytes != file.bytes))
}

/// Whether an error is about the object, not about the lake or the place.
fn is_of_object(error: &EngineError) -> bool {
    matches!(error, EngineError::Lake(error) if error.is_distrust() || error.is_changed())
}

/// The digest of a file's data by its footer; `None`: it is no file of ours.
async fn digest(place: &ExportPlace, entry: &Entry) -> Result<Option<String>, LakeError> {
    match place.store().stored(entry).await?.data_digest().await {
        Err(error) if error.is_distrust() => Ok(None),
        other => other,
    }
}

async fn has_same_bytes(lake: &Lake, ours: &Entry, place: &Lake, theirs: &Entry) -> Result<bool, LakeError> {
    const PIECE: u64 = 4 << 20;
    if ours.bytes != theirs.bytes {
        return Ok(false);
    }
    let (a, b) = futures::try_join!(lake.stored(ours), place.stored(theirs))?;
    let starts = (0..ours.bytes).step_by(PIECE as usize);
    let compared =
        futures::stream::iter(starts.map(Ok::<u64, LakeError>)).try_all(|start| {
            let (a, b, range) = (&a, &b, start..(start + PIECE).min(ours.bytes));
            async move {
                matches!(futures::try_join!(a.fetch(range.clone()), b.fetch(range)), Ok((a, b)) if a == b)
            }
        });
    compared.await
}

impl TableReport {
    fn add(&mut self, other: &TableReport) {
        self.days += other.days;
        self.files += other.files;
        self.rows += other.rows;
        self.bytes += other.bytes;
        self.linked += other.linked;
        self.copied += other.copied;
        self.compacted += other.compacted;
        self.removed += other.removed;
    }
}
