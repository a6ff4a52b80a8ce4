//! Reads the rows of objects: slices of time that fetch only the row groups, pages and columns they need.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{BooleanArray, RecordBatch};
use arrow_schema::{DataType as ArrowType, Field, Schema, TimeUnit};
use arrow_select::filter::filter_record_batch;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use parquet::arrow::arrow_reader::RowSelection;
use parquet::arrow::{ParquetRecordBatchStreamBuilder, ProjectionMask};
use parquet::file::metadata::ParquetMetaData;
use parquet::file::page_index::column_index::ColumnIndexMetaData;

use super::{ObjectReader, ReadCost, check_place, failure};
use crate::error::LakeError;
use crate::object::Entry;
use crate::reader::border::{Caught, caught};
use crate::store::Lake;

/// Rows of an object, in batches, in the object's order.
pub type Batches = BoxStream<'static, Result<RecordBatch, LakeError>>;

impl Lake {
    /// Reads the rows of an object that arrived in `[start_us, end_us)`, microseconds since the Unix epoch, UTC, and passes
    /// them to `take` in batches, in the object's order. Adds the cost to `cost`.
    ///
    /// # Errors
    /// When the store fails, the object is not Parquet or has other columns, or `take` fails.
    pub async fn read_slice<E: From<LakeError>>(
        &self,
        entry: &Entry,
        arrived_us: Range<i64>,
        cost: &Arc<ReadCost>,
        take: impl FnMut(RecordBatch) -> Result<(), E>,
    ) -> Result<(), E> {
        self.read_between(entry, ARRIVAL, arrived_us, None, cost, take).await
    }

    /// As [`Lake::read_slice`], for an object of which only the path is known. Returns its size; `None`: there is none. If it
    /// is replaced before any of its rows were passed on, it is read again.
    ///
    /// # Errors
    /// As [`Lake::read_slice`].
    pub async fn read_slice_at<E: From<LakeError>>(
        &self,
        path: &Path,
        arrived_us: Range<i64>,
        cost: &Arc<ReadCost>,
        mut take: impl FnMut(RecordBatch) -> Result<(), E>,
    ) -> Result<Option<u64>, E> {
        for look in 1.. {
            let Some(reader) = self.open_at(path, cost).await? else { return Ok(None) };
            let bytes = reader.held.size;
            let mut is_begun = false;
            let outcome = match batches(reader, path, ARRIVAL, arrived_us.clone(), None).await {
                Ok(batches) => give(batches, &mut is_begun, &mut take).await,
                Err(error) => Err(Stopped::Reading(error)),
            };
            match outcome {
                Ok(()) => return Ok(Some(bytes)),
                // Rows that were passed on cannot be taken back.
                Err(Stopped::Reading(error)) if error.is_changed() && !is_begun && look < LOOKS => {}
                Err(stopped) => return Err(stopped.into_error()),
            }
        }
        Ok(None)
    }

    /// As [`Lake::read_slice`], by either clock (`timestamp` or `local_timestamp`), and only the columns named in `columns`,
    /// which must include the clock; `None`: all columns.
    ///
    /// # Errors
    /// As [`Lake::read_slice`], and when a named column is missing.
    pub async fn read_between<E: From<LakeError>>(
        &self,
        entry: &Entry,
        clock: &str,
        within_us: Range<i64>,
        columns: Option<&[&str]>,
        cost: &Arc<ReadCost>,
        take: impl FnMut(RecordBatch) -> Result<(), E>,
    ) -> Result<(), E> {
        let reader = self.reader(entry, cost).await?;
        let batches = batches(reader, &entry.path, clock, within_us, columns).await?;
        give(batches, &mut false, take).await.map_err(Stopped::into_error)
    }

    /// The rows of [`Lake::read_slice`] as a stream of batches.
    ///
    /// # Errors
    /// When the store fails, or the object is not Parquet or has other columns.
    pub async fn batches(
        &self,
        entry: &Entry,
        arrived_us: Range<i64>,
        cost: &Arc<ReadCost>,
    ) -> Result<Batches, LakeError> {
        batches(self.reader(entry, cost).await?, &entry.path, ARRIVAL, arrived_us, None).await
    }
}

/// How often an object is opened that is replaced before any of its rows were passed on.
const LOOKS: u32 = 4;

/// Why reading rows ended early.
enum Stopped<E> {
    /// They could not be read.
    Reading(LakeError),
    /// The receiver of the rows failed.
    Taking(E),
}

impl<E: From<LakeError>> Stopped<E> {
    fn into_error(self) -> E {
        match self {
            Stopped::Reading(error) => error.into(),
            Stopped::Taking(error) => error,
        }
    }
}

async fn give<E>(
    mut batches: Batches,
    is_begun: &mut bool,
    mut take: impl FnMut(RecordBatch) -> Result<(), E>,
) -> Result<(), Stopped<E>> {
    while let Some(batch) = batches.try_next().await.map_err(Stopped::Reading)? {
        *is_begun = true;
        take(batch).map_err(Stopped::Taking)?;
    }
    Ok(())
}

/// The rows of an object whose `clock` is in a range.
async fn batches(
    reader: ObjectReader,
    path: &Path,
    clock: &str,
    within_us: Range<i64>,
    columns: Option<&[&str]>,
) -> Result<Batches, LakeError> {
    let wanted = Wanted { columns, batch_rows: BATCH_ROWS, ..Wanted::of(clock, within_us) };
    Ok(futures::stream::iter(row_groups(reader, path, &wanted).await?).flatten().boxed())
}

/// Rows per batch of a stream.
const BATCH_ROWS: usize = 1024;

/// Which rows and columns of an object are wanted, and in which form.
#[derive(Clone, Debug)]
pub struct Wanted<'a> {
    /// The column of times by which rows are chosen.
    pub clock: &'a str,
    /// Range of these times, microseconds since the Unix epoch, UTC; the end is excluded.
    pub within_us: Range<i64>,
    /// Names of the columns, in any order, the clock included; `None`: all.
    pub columns: Option<&'a [&'a str]>,
    /// Maximum number of rows of a batch.
    pub batch_rows: usize,
    /// The form of its texts.
    pub texts: Texts,
}

/// The form in which texts come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Texts {
    /// As in our tables of rows: categories are dictionaries, others are strings.
    #[default]
    OfTable,
    /// Categories are dictionaries; others are views (Arrow's `Utf8View`), which are made without copying them.
    Views,
    /// Strings, as in our small tables.
    Plain,
}

impl<'a> Wanted<'a> {
    /// All columns of the rows whose clock is in a range.
    pub fn of(clock: &'a str, within_us: Range<i64>) -> Wanted<'a> {
        Wanted { clock, within_us, columns: None, batch_rows: 1 << 16, texts: Texts::OfTable }
    }
}

impl Lake {
    /// The rows of an object, a stream for each row group that may have some, in the object's order. Each can be read on a
    /// thread of its own.
    ///
    /// # Errors
    /// As [`Lake::read_between`].
    pub async fn row_groups(
        &self,
        entry: &Entry,
        wanted: &Wanted<'_>,
        cost: &Arc<ReadCost>,
    ) -> Result<Vec<Batches>, LakeError> {
        row_groups(self.reader(entry, cost).await?, &entry.path, wanted).await
    }
}

async fn row_groups(
    mut reader: ObjectReader,
    path: &Path,
    wanted: &Wanted<'_>,
) -> Result<Vec<Batches>, LakeError> {
    let Wanted { clock, within_us, columns, .. } = wanted;
    let opened = reader.open().await.map_err(|e| failure(path, e))?;
    check_place(path, &opened)?;
    let arrow = match wanted.texts {
        Texts::OfTable => opened.table_columns(),
        Texts::Views => opened.table_columns_with_views(),
        Texts::Plain => opened.plain_columns(),
    };
    let arrow = arrow.map_err(|e| failure(path, e))?;
    let metadata = &opened.metadata;
    let checked = check_clock(arrow.schema(), clock).and_then(|()| has_columns(arrow.schema(), *columns));
    if let Err(reason) = checked {
        return Err(LakeError::WrongTable { path: path.to_string(), reason });
    }
    let projection = match columns {
        None => ProjectionMask::all(),
        Some(names) => {
            ProjectionMask::columns(metadata.file_metadata().schema_descr(), names.iter().copied())
        }
    };
    let groups = overlapping(metadata, clock, within_us);
    if let [_, _] = &groups[..]
        && reader.is_remote()
        && let Some(ranges) = ranges_of(metadata, &groups, &projection)
        && ranges.iter().map(|range| range.end - range.start).sum::<u64>() <= reader.held.size / AHEAD_SHARE
    {
        reader.read_ahead(&ranges).await.map_err(|e| failure(path, e))?;
    }
    let stream = |(group, selection): (usize, RowSelection)| {
        let build = || {
            let builder = ParquetRecordBatchStreamBuilder::new_with_metadata(reader.clone(), arrow.clone());
            let builder = builder.with_projection(projection.clone()).with_row_groups(vec![group]);
            builder.with_batch_size(wanted.batch_rows).with_row_selection(selection).build()
        };
        let batches = Caught::new(caught(build).map_err(|e| failure(path, e))?);
        let (path, clock, within_us) = (path.clone(), (*clock).to_owned(), within_us.clone());
        let kept = batches.map(move |batch| {
            let batch = batch.map_err(|e| failure(&path, e))?;
            match within(&batch, &clock, &within_us) {
                None => Ok(batch),
                Some(within) => filter_record_batch(&batch, &within).map_err(|e| failure(&path, e.into())),
            }
        });
        Ok(kept.try_filter(|batch| futures::future::ready(batch.num_rows() > 0)).boxed())
    };
    groups.into_iter().map(stream).collect()
}

/// The share of an object, one in so many, that is read of two row groups before any of it is decoded: a few minutes across the end of
/// one.
const AHEAD_SHARE: u64 = 8;

/// Where the pages of some rows are, with the dictionaries of their columns; `None`: the footer does not say.
fn ranges_of(
    metadata: &ParquetMetaData,
    groups: &[(usize, RowSelection)],
    projection: &ProjectionMask,
) -> Option<Vec<Range<u64>>> {
    let mut ranges = Vec::new();
    for (group, selection) in groups {
        let columns = metadata.row_group(*group).columns().iter().enumerate();
        for (place, column) in columns.filter(|(place, _)| projection.leaf_included(*place)) {
            let pages = metadata.offset_index()?.get(*group)?.get(place)?.page_locations();
            let first = u64::try_from(pages.first()?.offset).ok()?;
            if let Some(start) = column.dictionary_page_offset() {
                ranges.push(u64::try_from(start).ok().filter(|start| *start <= first)?..first);
            }
            ranges.extend(selection.scan_ranges(pages));
        }
    }
    Some(ranges)
}

const ARRIVAL: &str = "local_timestamp";

/// A clock in another unit, as other programs write it, would be compared with wrong numbers.
fn check_clock(schema: &Schema, clock: &str) -> Result<(), String> {
    match schema.field_with_name(clock).map(Field::data_type) {
        Ok(ArrowType::Timestamp(TimeUnit::Microsecond, _)) | Err(_) => Ok(()),
        Ok(other) => Err(format!("its column `{clock}` is {other}, not microseconds")),
    }
}

fn has_columns(schema: &Schema, columns: Option<&[&str]>) -> Result<(), String> {
    let lacking = columns.into_iter().flatten().find(|name| schema.field_with_name(name).is_err());
    lacking.map_or(Ok(()), |name| Err(format!("it has no column `{name}`")))
}

/// Which rows are in the range; `None`: all.
fn within(batch: &RecordBatch, clock: &str, within_us: &Range<i64>) -> Option<BooleanArray> {
    let times = batch.column_by_name(clock)?.as_primitive::<TimestampMicrosecondType>();
    let is_whole = times.values().iter().all(|t| within_us.contains(t));
    (!is_whole).then(|| times.values().iter().map(|t| Some(within_us.contains(t))).collect())
}

/// The row groups that may have rows in the range, each with the rows of the pages that may. Without statistics, all.
fn overlapping(
    metadata: &ParquetMetaData,
    clock: &str,
    within_us: &Range<i64>,
) -> Vec<(usize, RowSelection)> {
    let columns = metadata.file_metadata().schema_descr();
    let column = (0..columns.num_columns()).find(|i| columns.column(*i).name() == clock);
    let may_hold = |min: i64, max: i64| min < within_us.end && max >= within_us.start;
    let mut groups = Vec::new();
    for (index, group) in metadata.row_groups().iter().enumerate() {
        let rows = group.num_rows().max(0) as usize;
        let page_bounds = column.and_then(|column| page_bounds(metadata, index, column, rows));
        let bounds = page_bounds.unwrap_or_else(|| vec![(0..rows, i64::MIN, i64::MAX)]);
        let kept = bounds.into_iter().filter(|(_, min, max)| may_hold(*min, *max)).map(|(range, ..)| range);
        let kept: Vec<Range<usize>> = kept.collect();
        if !kept.is_empty() {
            groups.push((index, RowSelection::from_consecutive_ranges(kept.into_iter(), rows)));
        }
    }
    groups
}

/// For each page of a column, its rows within the group and its minimum and maximum.
pub(super) fn page_bounds(
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
