//! Reading slices by either clock.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow_array::RecordBatch;
use futures::future::BoxFuture;
use mtdh_core::Day;
use mtdh_core::clock::Clock;
use mtdh_core::partition::Partition;
use mtdh_lake::Entry;
use tokio::sync::mpsc;

use super::{Context, SliceRequest};
use crate::export::ExportError;
use crate::query::exchange::{days_expected, days_to_open, parts, rows_of_window, sorted};
use crate::query::{MOST_DAYS_ASKED_FOR, Slice};

impl Context {
    /// As [`Context::read`], by a clock. By the exchange's the range is one of `timestamp`, the days beside it are read, too, and
    /// the rows come sorted by `timestamp`, those of the same time in order of arrival. The result then lists also the day after
    /// the range, if the range ends within an hour of it and the lake lacks it.
    ///
    /// ```no_run
    /// # async fn example(context: mtdh_engine::Context, request: mtdh_engine::SliceRequest) -> Result<(), mtdh_engine::export::ExportError> {
    /// let mut rows = 0;
    /// let slice = context
    ///     .read_by(mtdh_core::clock::Clock::Exchange, &request, &mut |batch| {
    ///         rows += batch.num_rows();
    ///         Ok(())
    ///     })
    ///     .await?;
    /// println!("{rows} rows, {:?}", slice.missing_days);
    /// # Ok(())
    /// # }
    /// ```
    pub fn read_by<'a>(
        &'a self,
        clock: Clock,
        request: &'a SliceRequest,
        take: &'a mut (dyn FnMut(RecordBatch) -> Result<(), ExportError> + Send),
    ) -> BoxFuture<'a, Result<Slice, ExportError>> {
        match clock {
            Clock::Arrival => self.read(request, take),
            Clock::Exchange => self.read_by_exchange(request, take),
        }
    }

    fn read_by_exchange<'a>(
        &'a self,
        request: &'a SliceRequest,
        take: &'a mut (dyn FnMut(RecordBatch) -> Result<(), ExportError> + Send),
    ) -> BoxFuture<'a, Result<Slice, ExportError>> {
        Box::pin(async move {
            let SliceRequest { key, data_type, arrived_us: within_us } = request;
            let mut slice =
                Slice { rows: 0, missing_days: Vec::new(), object_bytes: 0, cost: Arc::default() };
            let clock = Clock::Exchange;
            let ranges = days_to_open(clock, within_us).zip(days_expected(clock, within_us));
            let Some((to_open, expected)) = ranges else { return Ok(slice) };
            let is_long = to_open.days().nth(MOST_DAYS_ASKED_FOR).is_some();
            let listed: Option<BTreeSet<Day>> = match is_long {
                true => Some(self.lake.days_with_partitions().await?.into_iter().collect()),
                false => None,
            };
            let mut entries: BTreeMap<Day, Entry> = BTreeMap::new();
            for day in to_open.days() {
                let path =
                    self.lake.partition_path(&Partition { day, data_type: *data_type, key: key.clone() });
                let entry = match listed.as_ref().is_none_or(|days| days.contains(&day)) {
                    true => self.lake.entry(&path).await?,
                    false => None,
                };
                match entry {
                    Some(entry) => drop(entries.insert(day, entry)),
                    None if expected.contains(day) => slice.missing_days.push(day),
                    None => {}
                }
            }
            slice.object_bytes = entries.values().map(|entry| entry.bytes).sum();
            let most_rows = rows_of_window(data_type.table().columns.len());
            for (day, within_us) in parts(within_us) {
                let beside = entries.range(day.previous()..=day.next());
                let beside: Vec<Entry> = beside.map(|(_, entry)| entry.clone()).collect();
                let (sender, mut receiver) = mpsc::channel(1);
                let read = async {
                    // Moved, so that the receiver learns of the end.
                    let sender = sender;
                    sorted(&self.lake, &beside, within_us, None, most_rows, &slice.cost, &sender).await
                };
                let hand_over = async {
                    let mut rows = 0;
                    while let Some(batch) = receiver.recv().await {
                        let batch = batch?;
                        rows += batch.num_rows() as u64;
                        if let Err(error) = take(batch) {
                            receiver.close();
                            return Err(error);
                        }
                    }
                    Ok(rows)
                };
                let (is_read, rows) = futures::join!(read, hand_over);
                slice.rows += rows?;
                is_read?;
            }
            if !slice.missing_days.is_empty() {
                self.lake.check_readable().await?;
            }
            Ok(slice)
        })
    }
}
