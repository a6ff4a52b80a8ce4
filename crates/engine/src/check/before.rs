//! The days of an instrument before the checked one, as far as the lake has them. They are always the same seven, so that a
//! day's findings do not depend on the rest of the lake.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType as Micros;
use mtdh_core::check::silence::{DayBefore, Watch};
use mtdh_core::key::InstrumentKey;
use mtdh_core::partition::Partition;
use mtdh_core::{DataType, Day};
use mtdh_lake::read::ReadCost;
use mtdh_lake::{Entry, Lake, LakeError};

use mtdh_lake::followed::{Followed, Next, is_doubtful};

/// The clock of arrival.
const ARRIVAL: &str = "local_timestamp";

/// Number of days.
const DAYS: usize = 7;

/// Approximate number of rows to read from the end of the day before.
const LAST_ROWS: u64 = 20_000;

/// Where the days before are stored.
#[derive(Clone)]
pub(super) struct DaysBefore {
    pub lake: Lake,
    pub key: InstrumentKey,
    /// The day that is checked.
    pub day: Day,
}

impl DaysBefore {
    /// The last rows of the day before. Empty where the lake has none or they cannot be read: that is a finding of that day.
    pub async fn last_rows(&self, data_type: DataType) -> Result<Vec<RecordBatch>, LakeError> {
        let Some(mut object) = self.object(data_type, self.day.previous()).await? else {
            return Ok(Vec::new());
        };
        loop {
            let read = self.last_rows_of(object.entry()).await;
            if !self.is_to_be_read_again(&read, &mut object).await? {
                return Ok(readable(read)?.unwrap_or_default());
            }
        }
    }

    async fn last_rows_of(&self, entry: &Entry) -> Result<Vec<RecordBatch>, LakeError> {
        let day = self.day.previous();
        let footer = self.lake.footer(entry).await?;
        let Some((first, last)) = footer.facts.tally.local_timestamp else { return Ok(Vec::new()) };
        // As many as at a steady rate; the end of a busy day is cut.
        let wanted = (last - first) as f64 * LAST_ROWS as f64 / footer.rows.max(1) as f64;
        let from = last.saturating_sub(wanted as i64).max(day.start_us());
        let mut rows = Vec::new();
        let take = |batch: RecordBatch| {
            rows.push(batch);
            let mut count: usize = rows.iter().map(RecordBatch::num_rows).sum();
            while rows.len() > 1 && count - rows[0].num_rows() > LAST_ROWS as usize {
                count -= rows.remove(0).num_rows();
            }
            Ok::<(), LakeError>(())
        };
        self.lake.read_slice(entry, from..day.end_us(), &Arc::default(), take).await?;
        Ok(rows)
    }

    /// Arrivals on each of the days that the lake has.
    pub async fn paces(
        &self,
        data_type: DataType,
        new: impl Fn() -> Option<Watch>,
    ) -> Result<Vec<DayBefore>, LakeError> {
        let (mut days, mut day) = (Vec::new(), self.day);
        for _ in 0..DAYS {
            day = day.previous();
            let Some(mut object) = self.object(data_type, day).await? else { continue };
            let watch = loop {
                let Some(watch) = new() else { break None };
                let read = self.arrivals(object.entry(), day, watch).await;
                if !self.is_to_be_read_again(&read, &mut object).await? {
                    break readable(read)?.flatten();
                }
            };
            days.extend(watch.map(Watch::into_day_before));
        }
        Ok(days)
    }

    /// Feeds a watch with the arrivals of a day; `None`: the day has no rows.
    async fn arrivals(&self, entry: &Entry, day: Day, mut watch: Watch) -> Result<Option<Watch>, LakeError> {
        let mut count = 0;
        let take = |batch: RecordBatch| {
            let arrivals = batch.column_by_name(ARRIVAL).and_then(|c| c.as_primitive_opt::<Micros>());
            // A day with other columns is left out.
            if let Some(arrivals) = arrivals {
                watch.arrivals(arrivals.values());
                count += arrivals.len();
            }
            Ok::<(), LakeError>(())
        };
        let (within, cost) = (day.start_us()..day.end_us(), Arc::new(ReadCost::default()));
        self.lake.read_between(entry, ARRIVAL, within, Some(&[ARRIVAL]), &cost, take).await?;
        Ok((count > 0).then_some(watch))
    }

    /// Whether an object must be read again: one that was replaced during the read must not be left out.
    async fn is_to_be_read_again<T>(
        &self,
        read: &Result<T, LakeError>,
        object: &mut Followed,
    ) -> Result<bool, LakeError> {
        Ok(read.as_ref().is_err_and(is_doubtful) && object.next(&self.lake).await? == Next::ReadAgain)
    }

    async fn object(&self, data_type: DataType, day: Day) -> Result<Option<Followed>, LakeError> {
        let partition = Partition { day, data_type, key: self.key.clone() };
        Ok(self.lake.partition_entry(&partition).await?.map(Followed::new))
    }
}

/// `None` for an object that is damaged or gone: that is a finding of its own day.
fn readable<T>(read: Result<T, LakeError>) -> Result<Option<T>, LakeError> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(error) if is_doubtful(&error) => Ok(None),
        Err(error) => Err(error),
    }
}
