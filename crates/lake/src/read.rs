//! Reads objects by ranges, in few requests, and their footers. Rows are read in `rows`.

mod digests;
mod file;
mod hash;
mod held;
mod rows;
mod stored;
mod stretches;
mod verify;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow_schema::SchemaRef;
use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use mtdh_core::candle::CandleFooter;
use mtdh_core::footer::{FooterError, PartitionFooter};
use mtdh_core::partition::Origin;
use object_store::path::Path;
use object_store::{Error as StoreError, ObjectStoreExt};
use parquet::arrow::arrow_reader::ArrowReaderOptions;
use parquet::arrow::async_reader::AsyncFileReader;
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaData;

use crate::error::LakeError;
use crate::identity;
use crate::layout::Layout;
use crate::object::Entry;
use crate::open::Place;
use crate::reader::{Newer, Opened, Opening, open};
use crate::seal::pages::Pages;
use crate::seal::{self, MAX_TAIL_BYTES, Seal, Told, is_ours};
use crate::store::Lake;

pub use digests::{DigestBy, Digested};
use file::Changed;
use held::{Held, hold};
pub use rows::{Batches, Texts, Wanted};
pub use stored::StoredBytes;
pub use stretches::Stretch;
pub use verify::Verified;

/// Bytes at the end of an object that are read first: the footer and page index of most partitions.
const TAIL_BYTES: u64 = 64 << 10;

/// Ranges closer than this are always fetched in one request.
const GAP_BYTES: u64 = 16 << 10;

/// Maximum number of requests for the columns of a row group: a request takes about as long as a hundred kilobytes.
const MAX_RANGES: usize = 4;

/// As [`MAX_RANGES`], for the columns of several row groups together.
const MAX_RANGES_AHEAD: usize = 8;

/// The cost of reading, shared by readers.
#[derive(Debug, Default)]
pub struct ReadCost {
    requests: AtomicU64,
    bytes: AtomicU64,
}

impl ReadCost {
    /// Requests to the store.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Bytes received.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    fn add(&self, answer: &Bytes) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(answer.len() as u64, Ordering::Relaxed);
    }
}

/// A reader of an object by ranges, all of one version. Its copies read the same version.
#[derive(Clone)]
pub(crate) struct ObjectReader {
    held: Held,
    cost: Arc<ReadCost>,
    /// The object's end, once it was read.
    tail: Option<(u64, Bytes)>,
    /// The expected pages, once the footer was read.
    pages: Option<Arc<Pages>>,
    /// Pieces that were read before they are asked for, each with its start, in order.
    ahead: Arc<Vec<(u64, Bytes)>>,
    /// Where its footer is kept, and as which version; `None`: nowhere.
    kept: Option<(Lake, (Path, String))>,
}

impl ObjectReader {
    /// Reads a version, with its end if that was read already.
    fn of(held: Held, tail: Option<Bytes>, cost: &Arc<ReadCost>) -> ObjectReader {
        if let Some(tail) = &tail {
            cost.add(tail);
        }
        let tail = tail.map(|tail| (held.size.saturating_sub(tail.len() as u64), tail));
        ObjectReader { held, cost: cost.clone(), tail, pages: None, ahead: Arc::default(), kept: None }
    }

    /// The same, whose footer is kept if the lake keeps footers and the version has an identity.
    fn of_lake(mut self, lake: &Lake, path: &Path) -> ObjectReader {
        let identity = self.held.identity.clone().filter(|_| lake.inner.footers.is_on());
        self.kept = identity.map(|identity| (lake.clone(), (path.clone(), identity)));
        self
    }

    /// Keeps its footer nowhere: those who look at all footers of a lake would push out those whose rows are read.
    pub(crate) fn forget_footer(&mut self) {
        self.kept = None;
    }

    /// Reads and verifies the object's footer, once.
    pub(crate) async fn open(&mut self) -> Result<Opened, ParquetError> {
        let known = self.kept.as_ref().and_then(|(lake, version)| lake.inner.footers.get(version));
        if let Some((opened, pages)) = known {
            self.pages = Some(pages);
            return Ok((*opened).clone());
        }
        let mut from = self.held.size.saturating_sub(TAIL_BYTES);
        loop {
            let (start, end) = match &self.tail {
                Some((start, end)) if *start <= from => (*start, end.clone()),
                _ => (from, self.fetch(from..self.held.size).await?),
            };
            self.tail = Some((start, end.clone()));
            match open(&end, self.held.size)? {
                Opening::Done(opened) => {
                    let pages = Arc::new(opened.pages()?);
                    if let Some((lake, version)) = &self.kept {
                        lake.inner.footers.put(version.clone(), &opened, &pages);
                    }
                    self.pages = Some(pages);
                    return Ok(*opened);
                }
                Opening::Needs(needed) => from = needed,
            }
        }
    }

    /// The checksums at the object's end, verified without decoding the footer; `None`: it has none that this program knows.
    async fn seal(&mut self) -> Result<Option<Seal>, ParquetError> {
        let mut from = self.held.size.saturating_sub(TAIL_BYTES);
        loop {
            let end = self.fetch(from..self.held.size).await?;
            self.tail = Some((from, end.clone()));
            let Told::Seal(seal) = seal::told(&end)? else { return Ok(None) };
            if seal.newer.is_some() || self.held.size.saturating_sub(seal.data_bytes) > MAX_TAIL_BYTES {
                return Ok(None);
            }
            if seal.data_bytes >= from {
                let tail = end.get((seal.data_bytes - from) as usize..).unwrap_or_default();
                return seal.verify(tail).map(|()| Some(*seal));
            }
            from = seal.data_bytes;
        }
    }

    /// BLAKE3 of the object's first bytes.
    async fn hash(&self, bytes: u64) -> Result<blake3::Hash, ParquetError> {
        match &self.tail {
            // A small object was read whole with its end.
            Some((0, whole)) if bytes <= whole.len() as u64 => Ok(blake3::hash(&whole[..bytes as usize])),
            _ => self.held.hash(bytes).await,
        }
    }

    /// Reads ranges that will be asked for one after the other: all at the same time, in as few requests as for one row group.
    pub(crate) async fn read_ahead(&mut self, ranges: &[Range<u64>]) -> Result<(), ParquetError> {
        let joined = join(ranges, MAX_RANGES_AHEAD);
        let fetched = self.fetch_all(&joined).await?;
        self.ahead = Arc::new(joined.iter().map(|range| range.start).zip(fetched).collect());
        Ok(())
    }

    fn read_before(&self, range: &Range<u64>) -> Option<Bytes> {
        let at = self.ahead.partition_point(|(start, _)| *start <= range.start).checked_sub(1)?;
        let (start, bytes) = &self.ahead[at];
        let (from, to) = ((range.start - start) as usize, (range.end - start) as usize);
        (to <= bytes.len()).then(|| bytes.slice(from..to))
    }

    /// Whether each request waits for a network.
    pub(crate) fn is_remote(&self) -> bool {
        self.held.is_remote()
    }

    /// Reads ranges, those of a bucket at the same time.
    async fn fetch_all(&self, ranges: &[Range<u64>]) -> Result<Vec<Bytes>, ParquetError> {
        if let [range] = ranges {
            return Ok(vec![self.fetch(range.clone()).await?]);
        }
        futures::future::try_join_all(ranges.iter().map(|range| self.fetch(range.clone()))).await
    }

    pub(crate) async fn fetch(&self, range: Range<u64>) -> Result<Bytes, ParquetError> {
        // An object that refers to a place beyond its end is damaged.
        if range.start > range.end || range.end > self.held.size {
            return Err(ParquetError::EOF(format!("{range:?} lies beyond its {} bytes", self.held.size)));
        }
        if let Some(bytes) = self.read_before(&range) {
            return Ok(bytes);
        }
        // Bytes of the object's end are not read again.
        let known = match &self.tail {
            Some((start, tail)) if *start < range.end => {
                tail.slice(range.start.saturating_sub(*start) as usize..(range.end - start) as usize)
            }
            _ => Bytes::new(),
        };
        let wanted = range.end - range.start - known.len() as u64;
        if wanted == 0 {
            return Ok(known);
        }
        let bytes = self.held.fetch(range.start..range.start + wanted).await?;
        self.cost.add(&bytes);
        if bytes.len() as u64 != wanted {
            return Err(ParquetError::EOF(format!("{} bytes came of {wanted}", bytes.len())));
        }
        Ok(if known.is_empty() { bytes } else { [bytes, known].concat().into() })
    }
}

/// Ranges that cover all of `ranges`, in order: adjacent ones are joined, then the closest ones until at most `most` are left.
fn join(ranges: &[Range<u64>], most: usize) -> Vec<Range<u64>> {
    let mut sorted = ranges.to_vec();
    sorted.sort_unstable_by_key(|range| range.start);
    let mut joined: Vec<Range<u64>> = Vec::new();
    for range in sorted {
        match joined.last_mut() {
            Some(last) if range.start <= last.end + GAP_BYTES => last.end = last.end.max(range.end),
            _ => joined.push(range),
        }
    }
    while joined.len() > most {
        let gap = |at: &usize| joined[at + 1].start - joined[*at].end;
        let nearest = (0..joined.len() - 1).min_by_key(gap).unwrap_or(0);
        joined[nearest].end = joined.remove(nearest + 1).end;
    }
    joined
}

fn external(error: StoreError) -> ParquetError {
    ParquetError::External(Box::new(error))
}

/// The error for a failed read: the store's error if it was one, else an object that is not readable as Parquet.
pub(crate) fn failure(path: &Path, error: ParquetError) -> LakeError {
    let path = path.to_string();
    match error {
        ParquetError::External(cause) => {
            if let Some(Newer(found)) = cause.downcast_ref() {
                return LakeError::Newer { path, found: *found };
            }
            if cause.is::<Changed>() {
                return LakeError::Changed { path };
            }
            match cause.downcast::<StoreError>() {
                Ok(source) => LakeError::Store { path, source: *source },
                Err(cause) => LakeError::Parquet { path, source: ParquetError::External(cause) },
            }
        }
        source => LakeError::Parquet { path, source },
    }
}

impl AsyncFileReader for ObjectReader {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes, ParquetError>> {
        async move { self.fetch(range).await }.boxed()
    }

    /// Returns pages after verifying them.
    fn get_byte_ranges(
        &mut self,
        ranges: Vec<Range<u64>>,
    ) -> BoxFuture<'_, Result<Vec<Bytes>, ParquetError>> {
        async move {
            let new: Vec<Range<u64>> =
                ranges.iter().filter(|range| self.read_before(range).is_none()).cloned().collect();
            let joined = join(&new, MAX_RANGES);
            let fetched = self.fetch_all(&joined).await?;
            let cut = |range: &Range<u64>| {
                let bytes = self.read_before(range).unwrap_or_else(|| {
                    let at = joined.partition_point(|whole| whole.end < range.end);
                    let start = joined[at].start;
                    fetched[at].slice((range.start - start) as usize..(range.end - start) as usize)
                });
                self.pages.as_ref().map_or(Ok(()), |pages| pages.verify(range.start, &bytes))?;
                Ok(bytes)
            };
            ranges.iter().map(cut).collect()
        }
        .boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        _options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, Result<Arc<ParquetMetaData>, ParquetError>> {
        async move { Ok(self.open().await?.metadata) }.boxed()
    }
}

/// The footer of a partition's object.
#[derive(Clone, Debug)]
pub struct Footer {
    /// The partition's key-value pairs.
    pub facts: PartitionFooter,
    /// Number of rows by the Parquet metadata.
    pub rows: u64,
    /// Columns and their Arrow types.
    pub schema: SchemaRef,
    /// BLAKE3 of the object's bytes before its page indexes and footer, lower-case hexadecimal: two copies with the same
    /// digest hold the same rows. `None`: version 0.1.0 wrote the object, without checksums.
    pub digest: Option<String>,
    /// Identity of the object that was read, as [`Entry::identity`].
    pub identity: Option<String>,
}

impl Lake {
    /// Keeps the verified footers of the objects that were read last, for programs that read the same objects again and again, and
    /// what [`crate::briefs::briefs`] needs of all footers that it reads. Pages are verified as always.
    pub fn keep_footers(&self, most: usize) {
        self.inner.footers.keep(most);
    }

    /// Opens the version of an object in `entry`; if it has no identity, the current version.
    pub(crate) async fn reader(
        &self,
        entry: &Entry,
        cost: &Arc<ReadCost>,
    ) -> Result<ObjectReader, LakeError> {
        let changed = || LakeError::Changed { path: entry.path.to_string() };
        let store = self.store_of(&entry.path)?.ok_or_else(|| LakeError::NoFolder(self.url().into()))?;
        let full = self.full(&entry.path);
        let (held, tail) = match (&self.inner.place, &entry.identity) {
            (Place::Remote(_), Some(identity)) => {
                (Held::known(store, full, entry.bytes, identity.clone()), None)
            }
            (place, identity) => {
                let there = hold(place, store, &full, TAIL_BYTES).await;
                let there =
                    there.map_err(|source| LakeError::Store { path: entry.path.to_string(), source })?;
                let (held, tail) = there.ok_or_else(changed)?;
                if identity.is_some() && held.identity != *identity {
                    return Err(changed());
                }
                (held, tail)
            }
        };
        Ok(ObjectReader::of(held, tail, cost).of_lake(self, &entry.path))
    }

    /// A partition's object; `None`: there is none.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn entry(&self, path: &Path) -> Result<Option<Entry>, LakeError> {
        let Some(store) = self.store_of(path)? else { return Ok(None) };
        // What a disk answers at once needs no other thread; anything but a file is the store's to judge.
        if let Place::Local(root) = &self.inner.place
            && let Ok(file) = std::fs::metadata(root.join(path.as_ref()))
            && file.is_file()
        {
            let identity = identity::of_file(&file);
            return Ok(Some(Entry { path: path.clone(), bytes: file.len(), identity }));
        }
        match store.head(&self.full(path)).await {
            Ok(meta) => {
                let identity = identity::of_object(&self.inner.place, &meta);
                Ok(Some(Entry { path: path.clone(), bytes: meta.size, identity }))
            }
            Err(StoreError::NotFound { .. }) => Ok(None),
            Err(source) => Err(LakeError::Store { path: path.to_string(), source }),
        }
    }

    /// A partition's object with its end, read in one request; `None`: there is none.
    async fn open_at(&self, path: &Path, cost: &Arc<ReadCost>) -> Result<Option<ObjectReader>, LakeError> {
        let Some(store) = self.store_of(path)? else { return Ok(None) };
        let full = self.full(path);
        // Often the first request to the store, for a slice.
        let there = self.in_time(hold(&self.inner.place, store, &full, TAIL_BYTES)).await?;
        let there = there.map_err(|source| self.first_failure(source))?;
        Ok(there.map(|(held, tail)| ObjectReader::of(held, tail, cost)))
    }

    /// Reads an object's footer: one request for most.
    ///
    /// # Errors
    /// When the store fails, the object is no Parquet file, or its footer is not that of a partition.
    pub async fn footer(&self, entry: &Entry) -> Result<Footer, LakeError> {
        let parquet = |error| failure(&entry.path, error);
        let mut reader = self.reader(entry, &Arc::default()).await?;
        reader.forget_footer();
        let opened = reader.open().await.map_err(parquet)?;
        let schema = opened.table_columns().map_err(parquet)?.schema().clone();
        let facts = PartitionFooter::from_pairs(pairs(&opened.metadata))
            .map_err(|source| facts_failure(&entry.path, &opened, source))?;
        let rows = opened.metadata.file_metadata().num_rows().max(0) as u64;
        Ok(Footer { facts, rows, schema, digest: opened.digest(), identity: reader.held.identity })
    }

    /// The number of rows of an object by its verified footer: one request for most.
    ///
    /// # Errors
    /// When the store fails, or the object is no Parquet file.
    pub async fn rows_by_footer(&self, entry: &Entry) -> Result<u64, LakeError> {
        let opened = self.reader(entry, &Arc::default()).await?.open().await;
        let opened = opened.map_err(|error| failure(&entry.path, error))?;
        check_place(&entry.path, &opened)?;
        Ok(opened.metadata.file_metadata().num_rows().max(0) as u64)
    }

    /// The digest of an object's data by its verified footer, BLAKE3 in lower-case hexadecimal (`None`: version 0.1.0 wrote it),
    /// and its number of rows.
    ///
    /// # Errors
    /// When the store fails, or the object is no Parquet file.
    pub async fn digest_and_rows(&self, entry: &Entry) -> Result<(Option<String>, u64), LakeError> {
        let opened = self.reader(entry, &Arc::default()).await?.open().await;
        let opened = opened.map_err(|error| failure(&entry.path, error))?;
        check_place(&entry.path, &opened)?;
        Ok((opened.digest(), opened.metadata.file_metadata().num_rows().max(0) as u64))
    }

    /// The key-value pairs and the columns of any Parquet file's footer, also if mtdh did not write it.
    ///
    /// # Errors
    /// When the store fails, or the object is no Parquet file.
    pub async fn pairs(&self, entry: &Entry) -> Result<(BTreeMap<String, String>, SchemaRef), LakeError> {
        let parquet = |error| failure(&entry.path, error);
        let opened = self.reader(entry, &Arc::default()).await?.open().await.map_err(parquet)?;
        let schema = opened.table_columns().map_err(parquet)?.schema().clone();
        let pairs = pairs(&opened.metadata).map(|(name, value)| (name.to_owned(), value.to_owned()));
        Ok((pairs.collect(), schema))
    }

    /// Reads the footer of an object of candles.
    ///
    /// # Errors
    /// When the store fails, the object is no Parquet file, or its footer is not that of candles.
    pub async fn candle_facts(&self, entry: &Entry) -> Result<CandleFooter, LakeError> {
        let opened = self.reader(entry, &Arc::default()).await?.open().await;
        let opened = opened.map_err(|error| failure(&entry.path, error))?;
        CandleFooter::from_pairs(pairs(&opened.metadata))
            .map_err(|source| facts_failure(&entry.path, &opened, source))
    }
}

/// Opens a user's Parquet file outside any lake: a lake of its folder, and the file's entry in it.
///
/// # Errors
/// When there is no such file, or its name is not valid in a lake.
pub async fn open_file(file: &std::path::Path) -> Result<(Lake, Entry), LakeError> {
    let missing = || LakeError::NoFolder(file.to_owned());
    let file = file.canonicalize().map_err(|_| missing())?;
    let (folder, name) = file.parent().zip(file.file_name()).ok_or_else(missing)?;
    let lake = Lake::open(&folder.to_string_lossy(), &Default::default())?;
    let path = Path::parse(name.to_string_lossy()).map_err(|_| missing())?;
    let entry = lake.entry(&path).await?.ok_or_else(missing)?;
    Ok((lake, entry))
}

/// Refuses an object whose footer says that it belongs elsewhere. What has no place of its own, as a user's file, is no concern.
pub(crate) fn check_place(path: &Path, opened: &Opened) -> Result<(), LakeError> {
    let wrong = |says: String| LakeError::WrongTable {
        path: path.to_string(),
        reason: format!("its footer says that it is {says}"),
    };
    let layouts = Origin::ALL.map(Layout::of);
    if let Some(partition) = layouts.iter().find_map(|layout| layout.parse_partition(path)) {
        let facts = PartitionFooter::from_pairs(pairs(&opened.metadata))
            .map_err(|source| facts_failure(path, opened, source))?;
        if facts.partition != partition {
            return Err(wrong(facts.partition.to_string()));
        }
    } else if let Some((day, timeframe, key)) = layouts.iter().find_map(|layout| layout.parse_candles(path)) {
        let facts = CandleFooter::from_pairs(pairs(&opened.metadata))
            .map_err(|source| facts_failure(path, opened, source))?;
        if (facts.day, facts.timeframe, &facts.key) != (Some(day), timeframe, &key) {
            let day = facts.day.map(|day| format!(" of {day}")).unwrap_or_default();
            return Err(wrong(format!("candles {} of {}{day}", facts.timeframe, facts.key)));
        }
    }
    Ok(())
}

/// The error for a footer whose pairs are not ours. Version 0.1.0 wrote no later version than its own: there it is damage.
fn facts_failure(path: &Path, opened: &Opened, source: FooterError) -> LakeError {
    let path = path.to_string();
    let program = opened.metadata.file_metadata().created_by().unwrap_or_default();
    match source {
        FooterError::Newer(found) if opened.seal.is_some() || !is_ours(program.as_bytes()) => {
            LakeError::Newer { path, found }
        }
        source => LakeError::PartitionFooter { path, source },
    }
}

/// The footer's pairs.
pub(crate) fn pairs(metadata: &ParquetMetaData) -> impl Iterator<Item = (&str, &str)> {
    let pairs = metadata.file_metadata().key_value_metadata().into_iter().flatten();
    pairs.filter_map(|pair| Some((pair.key.as_str(), pair.value.as_deref()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_ranges_are_joined_until_there_are_few() {
        let k = |ranges: &[(u64, u64)]| ranges.iter().map(|(a, b)| a * 1024..b * 1024).collect::<Vec<_>>();
        for (ranges, expected) in [
            (vec![], vec![]),
            (vec![(10, 20)], vec![(10, 20)]),
            (vec![(100, 110), (0, 10), (200, 210)], vec![(0, 10), (100, 110), (200, 210)]),
            (vec![(0, 10), (26, 30), (47, 50)], vec![(0, 30), (47, 50)]),
            (vec![(0, 10), (5, 8), (10, 12)], vec![(0, 12)]),
            (
                vec![(0, 1), (100, 101), (150, 151), (300, 301), (500, 501)],
                vec![(0, 1), (100, 151), (300, 301), (500, 501)],
            ),
            (
                vec![(0, 1), (100, 101), (150, 151), (300, 301), (340, 341), (500, 501)],
                vec![(0, 1), (100, 151), (300, 341), (500, 501)],
            ),
        ] {
            assert_eq!(join(&k(&ranges), MAX_RANGES), k(&expected), "{ranges:?}");
        }
    }
}
