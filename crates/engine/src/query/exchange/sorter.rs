//! Sorts batches by a clock; rows of the same time keep their order.

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{Array, RecordBatch};
use arrow_select::interleave::interleave_record_batch;

/// Rows of a sorted batch.
const BATCH_ROWS: usize = 1 << 14;

/// Rows that are to be sorted: 16 bytes for each beside the rows themselves.
#[derive(Debug)]
pub struct Sorter {
    clock: &'static str,
    batches: Vec<RecordBatch>,
    /// Of each row its time, its batch and its place in the batch.
    places: Vec<(i64, u32, u32)>,
}

impl Sorter {
    /// For batches with the column `clock`, of microseconds.
    pub fn new(clock: &'static str) -> Sorter {
        Sorter { clock, batches: Vec::new(), places: Vec::new() }
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.places.len()
    }

    /// Adds rows behind those that were added before.
    ///
    /// # Errors
    /// The reason, when the clock is missing, has another type or nulls, or when the columns are not those of the other batches.
    pub fn push(&mut self, batch: RecordBatch) -> Result<(), String> {
        let clock = self.clock;
        let column = batch.column_by_name(clock).ok_or_else(|| format!("it has no column `{clock}`"))?;
        let times = column.as_primitive_opt::<TimestampMicrosecondType>();
        let times = times.filter(|times| times.null_count() == 0);
        let times = times.ok_or_else(|| format!("its column `{clock}` has not a time in every row"))?;
        if self.batches.first().is_some_and(|first| first.schema().fields() != batch.schema().fields()) {
            return Err("its columns are not those of the day before".to_owned());
        }
        let number = u32::try_from(self.batches.len()).map_err(|error| error.to_string())?;
        self.places.extend(times.values().iter().zip(0..).map(|(time, row)| (*time, number, row)));
        self.batches.push(batch);
        Ok(())
    }

    /// The rows in order of the clock, in batches. Rows of the same time come as they were added.
    pub fn sorted(mut self) -> impl Iterator<Item = Result<RecordBatch, String>> {
        // Nearly in order already, for which this sort is fast.
        self.places.sort();
        let Sorter { batches, places, .. } = self;
        let starts = (0..places.len()).step_by(BATCH_ROWS);
        starts.map(move |start| {
            let end = places.len().min(start + BATCH_ROWS);
            let wanted = &places[start..end];
            // Few batches have rows of one stretch of time; only those are looked through.
            let mut used: Vec<u32> = wanted.iter().map(|(_, batch, _)| *batch).collect();
            used.sort_unstable();
            used.dedup();
            let sources: Vec<&RecordBatch> = used.iter().map(|batch| &batches[*batch as usize]).collect();
            let place = |(_, batch, row): &(i64, u32, u32)| {
                (used.partition_point(|other| other < batch), *row as usize)
            };
            let rows: Vec<(usize, usize)> = wanted.iter().map(place).collect();
            interleave_record_batch(&sources, &rows).map_err(|error| error.to_string())
        })
    }
}
