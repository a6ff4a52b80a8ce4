//! The range in time of rows, for the footers of recordings.

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use mtdh_core::footer::Tally;

/// Adds the times of a batch.
pub(super) fn add(tally: &mut Tally, batch: &RecordBatch) {
    for (column, range) in [(0, &mut tally.timestamp), (1, &mut tally.local_timestamp)] {
        let times = batch.column(column).as_primitive::<TimestampMicrosecondType>().values();
        for time in times {
            *range = Some(range.map_or((*time, *time), |(first, last)| (first.min(*time), last.max(*time))));
        }
    }
    let arrivals = batch.column(1).as_primitive::<TimestampMicrosecondType>().values();
    tally.arrival_regressions += arrivals.windows(2).filter(|pair| pair[1] < pair[0]).count() as u64;
}
