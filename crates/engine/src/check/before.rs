//! An instrument's days before the one that is checked, as far as the lake has them: always the same seven, so that what is
//! said of a day depends on nothing else that the lake has.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType as Micros;
use mtdh_core::check::silence::{DayBefore, Watch};
use mtdh_core::key::InstrumentKey;
use mtdh_core::partition::Partition;
use mtdh_core::{DataType, Day};
use mtdh_lake::read::ReadCost;
use mtdh_lake::{Entry, Lake, LakeError, layout};

/// The clock by which rows come.
const ARRIVAL: &str = "local_timestamp";

/// How many days.
const DAYS: usize = 7;

/// So many of the last rows of the day before are looked at, about.
const LAST_ROWS: u64 = 20_000;

/// Where the days before lie.
#[derive(Clone)]
pub(super) struct DaysBefore {
    pub lake: Lake,
    pub key: InstrumentKey,
    /// The day that is checked.
    pub day: Day,
}

impl DaysBefore {
    /// The last rows of the day before; none where the lake has none, or none that can be read: that is that day's finding.
    pub async fn last_rows(&self, data_type: DataType) -> Result<Vec<RecordBatch>, LakeError> {
        let day = self.day.previous();
        let Some(entry) = self.entry(data_type, day).await? else { return Ok(Vec::new()) };
        let Some(footer) = readable(self.lake.footer(&entry).await)? else { return Ok(Vec::new()) };
        let Some((first, last)) = footer.facts.tally.local_timestamp else { return Ok(Vec::new()) };
        // As many as there would be at a steady pace; the busiest end of a day is cut.
        let wanted = (last - first) as f64 * LAST_ROWS as f64 / footer.rows.max(1) as f64;
        let from = last.saturating_sub(wanted as i64).max(day.start_us());
        let mut rows = Vec::new();
        let take = |batch: RecordBatch| {
            rows.push(batch);
            let mut count: usize = rows.iter().map(RecordBatch::num_rows).sum();
            while rows.len() > 1 && count - rows[0].num_rows() > LAST_ROWS as usize {
                count -= rows.remove(0).num_rows();
            }
            Ok(())
        };
        let read = self.lake.read_slice::<LakeError>(&entry, from..day.end_us(), &Arc::default(), take).await;
        Ok(readable(read)?.map_or_else(Vec::new, |()| rows))
    }

    /// When rows came on each of the days that the lake has.
    pub async fn paces(
        &self,
        data_type: DataType,
        new: impl Fn() -> Option<Watch>,
    ) -> Result<Vec<DayBefore>, LakeError> {
        let (mut days, mut day) = (Vec::new(), self.day);
        for _ in 0..DAYS {
            day = day.previous();
            let (Some(entry), Some(mut watch)) = (self.entry(data_type, day).await?, new()) else { continue };
            let mut count = 0;
            let take = |batch: RecordBatch| {
                let arrivals = batch.column_by_name(ARRIVAL).and_then(|c| c.as_primitive_opt::<Micros>());
                // A day of another shape is left out.
                if let Some(arrivals) = arrivals {
                    watch.arrivals(arrivals.values());
                    count += arrivals.len();
                }
                Ok::<(), LakeError>(())
            };
            let (within, cost) = (day.start_us()..day.end_us(), Arc::new(ReadCost::default()));
            let read = self.lake.read_between(&entry, ARRIVAL, within, Some(&[ARRIVAL]), &cost, take).await;
            if readable(read)?.is_some() && count > 0 {
                days.push(watch.into_day_before());
            }
        }
        Ok(days)
    }

    async fn entry(&self, data_type: DataType, day: Day) -> Result<Option<Entry>, LakeError> {
        let partition = Partition { day, data_type, key: self.key.clone() };
        self.lake.entry(&layout::partition(&partition)).await
    }
}

/// Nothing of an object that is damaged: that it is so is found on its own day.
fn readable<T>(read: Result<T, LakeError>) -> Result<Option<T>, LakeError> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(LakeError::Parquet { .. } | LakeError::WrongTable { .. } | LakeError::Facts { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
