//! Listing a lake, and reading slices of it.

use std::ops::Range;

use arrow_array::RecordBatch;
use futures::future::BoxFuture;
use mtdh_core::key::InstrumentKey;
use mtdh_core::partition::Partition;
use mtdh_core::{DataType, Day};
use mtdh_lake::LakeError;
use mtdh_lake::tables::reports::Available;

use super::{Context, Work};
use crate::error::EngineError;
use crate::export::ExportError;
use crate::names::suggestions;
use crate::query::{Lacking, Slice, contents, missing_days, newest_table, slice, why_lacking};
use crate::selection::Selection;

/// A slice of one instrument and data type.
#[derive(Clone, Debug)]
pub struct SliceRequest {
    /// The instrument.
    pub key: InstrumentKey,
    /// The data type.
    pub data_type: DataType,
    /// Range of `local_timestamp`, microseconds since the Unix epoch, UTC; the end is excluded.
    pub arrived_us: Range<i64>,
}

impl Context {
    /// Every day that the lake has partitions of, in order.
    ///
    /// ```no_run
    /// # async fn example(context: mtdh_engine::Context) -> Result<(), mtdh_engine::EngineError> {
    /// let days = context.days().await?;
    /// println!("{:?} to {:?}", days.first(), days.last());
    /// # Ok(())
    /// # }
    /// ```
    pub fn days(&self) -> Work<'_, Vec<Day>> {
        Box::pin(async {
            self.lake.check_readable().await?;
            Ok(self.lake.days_with_partitions().await?)
        })
    }

    /// What the lake has of one day and a selection, ordered by data type and key. An object that cannot be trusted is listed
    /// with the reason. A selection without venues means every venue.
    ///
    /// ```no_run
    /// # async fn example(context: mtdh_engine::Context, selection: mtdh_engine::Selection) -> Result<(), mtdh_engine::EngineError> {
    /// let contents = context.contents(selection.days.first(), &selection).await?;
    /// for (partition, found) in &contents {
    ///     println!("{partition}: {}", if found.is_ok() { "sound" } else { "unreadable" });
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn contents<'a>(
        &'a self,
        day: Day,
        selection: &'a Selection,
    ) -> Work<'a, Vec<(Partition, Result<Available, String>)>> {
        Box::pin(async move {
            let mut selection = selection.clone();
            if selection.venues.is_empty() {
                selection.venues = self.lake.venues(day).await?;
            }
            contents(&self.lake, day, &selection).await
        })
    }

    /// Reads a slice in the vendor's order and passes its batches to `take`. The result lists the days that the lake lacks.
    ///
    /// ```no_run
    /// # async fn example(context: mtdh_engine::Context, request: mtdh_engine::SliceRequest) -> Result<(), mtdh_engine::EngineError> {
    /// let mut rows = 0;
    /// let slice = context
    ///     .read(&request, &mut |batch| {
    ///         rows += batch.num_rows();
    ///         Ok(())
    ///     })
    ///     .await;
    /// println!("{rows} rows, {:?}", slice.map(|slice| slice.missing_days));
    /// # Ok(())
    /// # }
    /// ```
    pub fn read<'a>(
        &'a self,
        request: &'a SliceRequest,
        take: &'a mut (dyn FnMut(RecordBatch) -> Result<(), ExportError> + Send),
    ) -> BoxFuture<'a, Result<Slice, ExportError>> {
        Box::pin(self.slice(request, take))
    }

    /// Reads a slice into memory.
    ///
    /// ```no_run
    /// # async fn example(context: mtdh_engine::Context) -> Result<(), mtdh_engine::EngineError> {
    /// use mtdh_engine::{DataType, Day, EngineError, SliceRequest};
    /// let day: Day = "2024-03-01".parse().unwrap();
    /// let request = SliceRequest {
    ///     key: "DERIBIT:PERP:BTC-USD".parse()?,
    ///     data_type: DataType::Trades,
    ///     arrived_us: day.start_us()..day.end_us(),
    /// };
    /// let (batches, slice) = context.read_all(&request).await?;
    /// println!("{} rows in {} batches", slice.rows, batches.len());
    /// # Ok(())
    /// # }
    /// ```
    pub fn read_all<'a>(&'a self, request: &'a SliceRequest) -> Work<'a, (Vec<RecordBatch>, Slice)> {
        Box::pin(async move {
            let mut batches = Vec::new();
            let take = |batch| {
                batches.push(batch);
                Ok::<(), EngineError>(())
            };
            let slice = self.slice(request, take).await?;
            Ok((batches, slice))
        })
    }

    async fn slice<E: From<LakeError>>(
        &self,
        request: &SliceRequest,
        take: impl FnMut(RecordBatch) -> Result<(), E>,
    ) -> Result<Slice, E> {
        let SliceRequest { key, data_type, arrived_us } = request;
        let slice = slice(&self.lake, key, *data_type, arrived_us.clone(), take).await?;
        // Checked only where a day is missing: it costs one more request.
        if !slice.missing_days.is_empty() {
            self.lake.check_readable().await?;
        }
        Ok(slice)
    }

    /// The days of a slice that the lake lacks. Reads no rows.
    ///
    /// ```no_run
    /// # async fn example(context: mtdh_engine::Context, request: mtdh_engine::SliceRequest) -> Result<(), mtdh_engine::EngineError> {
    /// let missing = context.missing_days(&request).await?;
    /// println!("{} days are not in the lake", missing.len());
    /// # Ok(())
    /// # }
    /// ```
    pub fn missing_days<'a>(&'a self, request: &'a SliceRequest) -> Work<'a, Vec<Day>> {
        let SliceRequest { key, data_type, arrived_us } = request;
        Box::pin(async move { Ok(missing_days(&self.lake, key, *data_type, arrived_us.clone()).await?) })
    }

    /// Why a slice lacks days.
    ///
    /// ```no_run
    /// # async fn example(context: mtdh_engine::Context, request: mtdh_engine::SliceRequest) -> Result<(), mtdh_engine::EngineError> {
    /// let (_, slice) = context.read_all(&request).await?;
    /// println!("{:?}", context.why_lacking(&request, &slice).await?);
    /// # Ok(())
    /// # }
    /// ```
    pub fn why_lacking<'a>(&'a self, request: &'a SliceRequest, slice: &'a Slice) -> Work<'a, Lacking> {
        Box::pin(why_lacking(&self.lake, request.key.as_str(), request.data_type, slice))
    }

    /// Parses an instrument key. A text that is not a key may be a vendor's symbol: the error then suggests keys.
    ///
    /// ```no_run
    /// # async fn example(context: mtdh_engine::Context) -> Result<(), mtdh_engine::EngineError> {
    /// let key = context.instrument_key("DERIBIT:PERP:BTC-USD").await?;
    /// println!("{}", key.venue());
    /// # Ok(())
    /// # }
    /// ```
    pub fn instrument_key<'a>(&'a self, text: &'a str) -> Work<'a, InstrumentKey> {
        Box::pin(async move {
            let error = match text.parse::<InstrumentKey>() {
                Ok(key) => return Ok(key),
                Err(error) => error,
            };
            // Without a lake there are no suggestions.
            if self.lake.check_readable().await.is_err() {
                return Err(error.into());
            }
            match suggestions(text, &newest_table(&self.lake).await?) {
                keys if keys.is_empty() => Err(error.into()),
                suggestions => Err(EngineError::NotAKey { text: text.to_owned(), suggestions }),
            }
        })
    }
}
