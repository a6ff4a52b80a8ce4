//! Chunks of the two clocks: they rise slowly, so their differences are small. Each page has its minimum and maximum, by
//! which slices find their pages.

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{Array, ArrayRef};
use parquet::basic::{BoundaryOrder, Encoding, Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::ColumnIndexBuilder;
use parquet::file::statistics::Statistics;
use parquet::schema::types::ColumnDescPtr;

use super::deltas::push_deltas;
use super::{Finished, PAGE_ROWS, PagePress};

/// The times of one row group's column, in order, microseconds; never null.
pub(crate) struct TimeChunk {
    times: Vec<i64>,
}

impl TimeChunk {
    pub fn new() -> TimeChunk {
        TimeChunk { times: Vec::new() }
    }

    /// Appends an array of times without nulls.
    pub fn write(&mut self, array: &ArrayRef) -> Result<(), ParquetError> {
        let times = array.as_primitive_opt::<TimestampMicrosecondType>().filter(|a| a.null_count() == 0);
        let times = times.ok_or_else(|| {
            ParquetError::General("a clock holds nulls or is no array of microseconds".to_owned())
        })?;
        self.times.extend_from_slice(times.values());
        Ok(())
    }

    /// Encodes the chunk.
    pub fn finish<'a>(
        &mut self,
        column: ColumnDescPtr,
        press: &'a mut PagePress,
    ) -> Result<Finished<'a>, ParquetError> {
        let mut pages = press.compressed();
        let mut index = ColumnIndexBuilder::new(Type::INT64);
        let mut is_rising = true;
        let mut whole: Option<(i64, i64)> = None;
        for times in self.times.chunks(PAGE_ROWS) {
            let (min, max) = times.iter().fold((i64::MAX, i64::MIN), |(a, b), t| (a.min(*t), b.max(*t)));
            is_rising &= whole.is_none_or(|(first, last)| min >= first && max >= last);
            whole = Some(whole.map_or((min, max), |(first, last)| (first.min(min), last.max(max))));
            index.append(false, min.to_le_bytes().to_vec(), max.to_le_bytes().to_vec(), 0);
            let mut page = pages.page();
            push_deltas(&mut page, times);
            pages.push_data(page, times.len(), Encoding::DELTA_BINARY_PACKED)?;
        }
        index.set_boundary_order(if is_rising { BoundaryOrder::ASCENDING } else { BoundaryOrder::UNORDERED });
        let (min, max) = whole.unzip();
        let (bytes, mut close) = pages.finish(column, Statistics::int64(min, max, None, Some(0), false))?;
        close.column_index = Some(index.build()?);
        Ok((bytes, close))
    }

    /// Forgets the finished chunk, and keeps its room.
    pub fn clear(&mut self) {
        self.times.clear();
    }
}
