//! Reading partitions: footers, and slices of time that fetch only the row groups and pages they need.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{BooleanArray, RecordBatch};
use arrow_schema::{DataType as ArrowType, Field, Schema, SchemaRef, TimeUnit};
use arrow_select::filter::filter_record_batch;
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt, TryStreamExt};
use mtdh_core::facts::Facts;
use object_store::path::Path;
use object_store::{Error as StoreError, ObjectStore, ObjectStoreExt, coalesce_ranges};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, RowSelection};
use parquet::arrow::async_reader::AsyncFileReader;
use parquet::arrow::{ParquetRecordBatchStreamBuilder, ProjectionMask};
use parquet::errors::ParquetError;
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};
use parquet::file::page_index::column_index::ColumnIndexMetaData;

use crate::error::LakeError;
use crate::store::{Entry, Lake};

/// Bytes at the end of an object that are read first: the footer and page index of most partitions.
const TAIL_BYTES: u64 = 64 << 10;

/// Ranges closer than this are fetched in one request: a request costs about as long as so many bytes.
const GAP_BYTES: u64 = 128 << 10;

/// What reading cost, shared by readers.
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

    /// Bytes that came.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}

/// An object, read by ranges.
struct ObjectReader {
    store: Arc<dyn ObjectStore>,
    path: Path,
    bytes: u64,
    cost: Arc<ReadCost>,
    /// The object's end, once it was read.
    tail: Option<(u64, Bytes)>,
}

impl ObjectReader {
    async fn fetch(&self, range: Range<u64>) -> object_store::Result<Bytes> {
        if let Some((start, tail)) = self.tail.as_ref().filter(|(start, _)| *start <= range.start) {
            return Ok(tail.slice((range.start - start) as usize..(range.end - start) as usize));
        }
        let bytes = self.store.get_range(&self.path, range).await?;
        self.cost.requests.fetch_add(1, Ordering::Relaxed);
        self.cost.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(bytes)
    }
}

fn external(error: StoreError) -> ParquetError {
    ParquetError::External(Box::new(error))
}

/// What a failed read means: the store's failure where it was one, else an object that is no Parquet file.
fn failure(path: &Path, error: ParquetError) -> LakeError {
    let path = path.to_string();
    match error {
        ParquetError::External(cause) => match cause.downcast::<StoreError>() {
            Ok(source) => LakeError::Store { path, source: *source },
            Err(cause) => LakeError::Parquet { path, source: ParquetError::External(cause) },
        },
        source => LakeError::Parquet { path, source },
    }
}

impl AsyncFileReader for ObjectReader {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes, ParquetError>> {
        async move {
            let bytes = self.fetch(range.clone()).await.map_err(external)?;
            if range.end == self.bytes && self.tail.is_none() {
                self.tail = Some((range.start, bytes.clone()));
            }
            Ok(bytes)
        }
        .boxed()
    }

    fn get_byte_ranges(
        &mut self,
        ranges: Vec<Range<u64>>,
    ) -> BoxFuture<'_, Result<Vec<Bytes>, ParquetError>> {
        async move {
            let fetch = |range| self.fetch(range);
            coalesce_ranges(&ranges, fetch, GAP_BYTES).await.map_err(external)
        }
        .boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        _options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, Result<Arc<ParquetMetaData>, ParquetError>> {
        async move {
            let bytes = self.bytes;
            let reader = ParquetMetaDataReader::new()
                .with_page_index_policy(PageIndexPolicy::Optional)
                .with_prefetch_hint(Some(bytes.min(TAIL_BYTES) as usize));
            Ok(Arc::new(reader.load_and_finish(self, bytes).await?))
        }
        .boxed()
    }
}

/// What a partition's object tells without its rows being read.
#[derive(Clone, Debug)]
pub struct Footer {
    /// What the object says of itself.
    pub facts: Facts,
    /// Rows that the Parquet metadata counts.
    pub rows: u64,
    /// Columns and their Arrow types.
    pub schema: SchemaRef,
}

impl Lake {
    fn reader(&self, entry: &Entry, cost: &Arc<ReadCost>) -> Result<ObjectReader, LakeError> {
        let store = self.reading_store()?.ok_or_else(|| LakeError::NoFolder(self.url().into()))?;
        let (path, cost) = (self.full(&entry.path), cost.clone());
        Ok(ObjectReader { store, path, bytes: entry.bytes, cost, tail: None })
    }

    /// A partition's object, when it is there.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn entry(&self, path: &Path) -> Result<Option<Entry>, LakeError> {
        let Some(store) = self.reading_store()? else { return Ok(None) };
        match store.head(&self.full(path)).await {
            Ok(meta) => Ok(Some(Entry { path: path.clone(), bytes: meta.size })),
            Err(StoreError::NotFound { .. }) => Ok(None),
            Err(source) => Err(LakeError::Store { path: path.to_string(), source }),
        }
    }

    /// Reads an object's footer: one request for most.
    ///
    /// # Errors
    /// When the store fails, the object is no Parquet file, or its footer is not that of a partition.
    pub async fn footer(&self, entry: &Entry) -> Result<Footer, LakeError> {
        let mut reader = self.reader(entry, &Arc::default())?;
        let parquet = |error| failure(&entry.path, error);
        let metadata = reader.get_metadata(None).await.map_err(parquet)?;
        let arrow =
            ArrowReaderMetadata::try_new(metadata.clone(), ArrowReaderOptions::new()).map_err(parquet)?;
        let pairs = metadata.file_metadata().key_value_metadata().into_iter().flatten();
        let pairs = pairs.filter_map(|pair| Some((pair.key.as_str(), pair.value.as_deref()?)));
        let facts = Facts::from_pairs(pairs)
            .map_err(|source| LakeError::Facts { path: entry.path.to_string(), source })?;
        // The reader repeats the footer's pairs at the schema; they are facts, not columns.
        let schema = Arc::new(Schema::new(arrow.schema().fields().clone()));
        let rows = metadata.file_metadata().num_rows().max(0) as u64;
        Ok(Footer { facts, rows, schema })
    }

    /// The key-value pairs and the columns of any Parquet file's footer, also of one that mtdh did not write.
    ///
    /// # Errors
    /// When the store fails, or the object is no Parquet file.
    pub async fn pairs(&self, entry: &Entry) -> Result<(BTreeMap<String, String>, SchemaRef), LakeError> {
        let parquet = |error| failure(&entry.path, error);
        let metadata = self.reader(entry, &Arc::default())?.get_metadata(None).await.map_err(parquet)?;
        let arrow =
            ArrowReaderMetadata::try_new(metadata.clone(), ArrowReaderOptions::new()).map_err(parquet)?;
        let pairs = metadata.file_metadata().key_value_metadata().into_iter().flatten();
        let pairs = pairs.filter_map(|pair| Some((pair.key.clone(), pair.value.clone()?)));
        Ok((pairs.collect(), arrow.schema().clone()))
    }

    /// Reads the rows of an object that arrived in `[start_us, end_us)`, microseconds since the Unix epoch, UTC, and
    /// gives them to `take` batch by batch, in the object's order. What it cost is added to `cost`.
    ///
    /// # Errors
    /// When the store fails, the object is no Parquet file or of another shape, or `take` fails.
    pub async fn read_slice<E: From<LakeError>>(
        &self,
        entry: &Entry,
        arrived_us: Range<i64>,
        cost: &Arc<ReadCost>,
        mut take: impl FnMut(RecordBatch) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut batches = self.batches(entry, arrived_us, cost).await?;
        while let Some(batch) = batches.try_next().await? {
            take(batch)?;
        }
        Ok(())
    }

    /// The same rows as [`Lake::read_slice`], for those who ask for a batch at a time.
    ///
    /// # Errors
    /// When the store fails, the object is no Parquet file or of another shape.
    pub async fn batches(
        &self,
        entry: &Entry,
        arrived_us: Range<i64>,
        cost: &Arc<ReadCost>,
    ) -> Result<Batches, LakeError> {
        let path = entry.path.clone();
        let mut reader = self.reader(entry, cost)?;
        let metadata = reader.get_metadata(None).await.map_err(|e| failure(&path, e))?;
        let arrow = ArrowReaderMetadata::try_new(metadata.clone(), ArrowReaderOptions::new())
            .map_err(|e| failure(&path, e))?;
        if let Err(reason) = check_arrival(arrow.schema()) {
            return Err(LakeError::WrongTable { path: path.to_string(), reason });
        }
        let (row_groups, selection) = overlapping(&metadata, &arrived_us);
        if row_groups.is_empty() {
            return Ok(futures::stream::empty().boxed());
        }
        let builder = ParquetRecordBatchStreamBuilder::new_with_metadata(reader, arrow)
            .with_projection(ProjectionMask::all())
            .with_row_groups(row_groups)
            .with_row_selection(selection);
        let batches = builder.build().map_err(|e| failure(&path, e))?;
        let kept = batches.map(move |batch| {
            let batch = batch.map_err(|e| failure(&path, e))?;
            let within = within(&batch, &arrived_us);
            filter_record_batch(&batch, &within).map_err(|e| failure(&path, e.into()))
        });
        Ok(kept.try_filter(|batch| futures::future::ready(batch.num_rows() > 0)).boxed())
    }
}

/// Rows of an object, batch by batch, in its order.
pub type Batches = BoxStream<'static, Result<RecordBatch, LakeError>>;

/// A Parquet file of the user's, outside any lake: as a lake of its folder, and the entry in it.
///
/// # Errors
/// When there is no such file, or its name is none that a lake can have.
pub async fn open_file(file: &std::path::Path) -> Result<(Lake, Entry), LakeError> {
    let missing = || LakeError::NoFolder(file.to_owned());
    let file = file.canonicalize().map_err(|_| missing())?;
    let (folder, name) = file.parent().zip(file.file_name()).ok_or_else(missing)?;
    let lake = Lake::open(&folder.to_string_lossy(), &Default::default())?;
    let path = Path::parse(name.to_string_lossy()).map_err(|_| missing())?;
    let entry = lake.entry(&path).await?.ok_or_else(missing)?;
    Ok((lake, entry))
}

const ARRIVAL: &str = "local_timestamp";

/// A clock of another unit, as other programs write it, would be compared with the wrong numbers.
fn check_arrival(schema: &Schema) -> Result<(), String> {
    match schema.field_with_name(ARRIVAL).map(Field::data_type) {
        Ok(ArrowType::Timestamp(TimeUnit::Microsecond, _)) | Err(_) => Ok(()),
        Ok(other) => Err(format!("its column `{ARRIVAL}` is {other}, not microseconds")),
    }
}

fn within(batch: &RecordBatch, arrived_us: &Range<i64>) -> BooleanArray {
    match batch.column_by_name(ARRIVAL) {
        Some(column) => {
            let times = column.as_primitive::<TimestampMicrosecondType>();
            times.values().iter().map(|t| Some(arrived_us.contains(t))).collect()
        }
        None => BooleanArray::from(vec![true; batch.num_rows()]),
    }
}

/// The row groups that may hold rows of the range, and in them the rows of the pages that may. Without statistics
/// everything may.
fn overlapping(metadata: &ParquetMetaData, arrived_us: &Range<i64>) -> (Vec<usize>, RowSelection) {
    let columns = metadata.file_metadata().schema_descr();
    let arrival = (0..columns.num_columns()).find(|i| columns.column(*i).name() == ARRIVAL);
    let may_hold = |min: i64, max: i64| min < arrived_us.end && max >= arrived_us.start;
    let mut groups = Vec::new();
    let mut pages: Vec<Range<usize>> = Vec::new();
    let mut rows_before = 0;
    for (index, group) in metadata.row_groups().iter().enumerate() {
        let rows = group.num_rows().max(0) as usize;
        let page_bounds = arrival.and_then(|column| page_bounds(metadata, index, column, rows));
        let bounds = page_bounds.unwrap_or_else(|| vec![(0..rows, i64::MIN, i64::MAX)]);
        let kept = bounds.into_iter().filter(|(_, min, max)| may_hold(*min, *max)).map(|(range, ..)| range);
        let kept: Vec<Range<usize>> = kept.map(|r| rows_before + r.start..rows_before + r.end).collect();
        if !kept.is_empty() {
            groups.push(index);
            pages.extend(kept);
            rows_before += rows;
        }
    }
    (groups, RowSelection::from_consecutive_ranges(pages.into_iter(), rows_before))
}

/// For each page of a column its rows within the group and its smallest and largest value.
fn page_bounds(
    metadata: &ParquetMetaData,
    group: usize,
    column: usize,
    rows: usize,
) -> Option<Vec<(Range<usize>, i64, i64)>> {
    let ColumnIndexMetaData::INT64(index) = metadata.column_index()?.get(group)?.get(column)? else {
        return None;
    };
    let pages = metadata.offset_index()?.get(group)?.get(column)?.page_locations();
    let starts: Vec<usize> = pages.iter().map(|p| p.first_row_index.max(0) as usize).collect();
    let ends = starts.iter().skip(1).copied().chain([rows]);
    let ranges = starts.iter().zip(ends).map(|(start, end)| *start..end);
    let values = index.min_values().iter().zip(index.max_values());
    Some(ranges.zip(values).map(|(range, (min, max))| (range, *min, *max)).collect())
}
