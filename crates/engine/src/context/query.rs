//! Listing a lake, and reading slices of it.

use std::ops::Range;

use arrow_array::RecordBatch;
use futures::future::BoxFuture;
use mtdh_core::check::grade::Grade;
use mtdh_core::key::InstrumentKey;
use mtdh_core::partition::Partition;
use mtdh_core::{DataType, Day};
use mtdh_lake::read::Verified;
use mtdh_lake::tables::reports::Available;
use mtdh_lake::{LakeError, Mark};

use super::{Context, Work};
use crate::error::EngineError;
use crate::export::ExportError;
use crate::query::choose::{choose, grades};
use crate::query::coverage::coverage;
use crate::query::{
    Chosen, ChosenObject, Form, Lacking, ReadRequest, RowStream, Slice, contents, count, instrument_key,
    missing_days, rows, slice, why_lacking,
};
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
        Box::pin(instrument_key(&self.lake, text))
    }

    /// Finds the objects that have the rows of a request, and what the lake lacks of it. Reads no rows.
    ///
    /// ```no_run
    /// # async fn example(context: mtdh_engine::Context, request: mtdh_engine::query::ReadRequest) -> Result<(), mtdh_engine::EngineError> {
    /// let chosen = context.choose(&request).await?;
    /// println!("{} objects, {} missing", chosen.objects.len(), chosen.missing.len());
    /// # Ok(())
    /// # }
    /// ```
    pub fn choose<'a>(&'a self, request: &'a ReadRequest) -> Work<'a, Chosen> {
        Box::pin(choose(&self.lake, request))
    }

    /// The rows of chosen objects, verified as they are read. Nothing is read before the stream is polled.
    ///
    /// # Errors
    /// When the table has no column of the request.
    ///
    /// ```no_run
    /// # async fn example(context: mtdh_engine::Context, request: mtdh_engine::query::ReadRequest) -> Result<(), mtdh_engine::EngineError> {
    /// use futures::TryStreamExt;
    /// use mtdh_engine::query::Form;
    /// let chosen = context.choose(&request).await?;
    /// let mut rows = context.rows(&request, chosen.objects, Form::STREAM)?;
    /// while let Some(batch) = rows.try_next().await? {
    ///     println!("{} rows", batch.num_rows());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn rows(
        &self,
        request: &ReadRequest,
        objects: Vec<ChosenObject>,
        form: Form,
    ) -> Result<RowStream, EngineError> {
        rows(&self.lake, request, objects, form)
    }

    /// The number of rows of chosen objects that lie in a request's range, without its limit. An object that lies wholly in
    /// the range is counted by its footer.
    ///
    /// ```no_run
    /// # async fn example(context: mtdh_engine::Context, request: mtdh_engine::query::ReadRequest) -> Result<(), mtdh_engine::EngineError> {
    /// let chosen = context.choose(&request).await?;
    /// println!("{} rows", context.count(&request, &chosen.objects).await?);
    /// # Ok(())
    /// # }
    /// ```
    pub fn count<'a>(&'a self, request: &'a ReadRequest, objects: &'a [ChosenObject]) -> Work<'a, u64> {
        Box::pin(count(&self.lake, request, objects))
    }

    /// The grades of chosen objects by the last check, in their order; `None`: the object was not checked since it was written.
    ///
    /// ```no_run
    /// # async fn example(context: mtdh_engine::Context, request: mtdh_engine::query::ReadRequest) -> Result<(), mtdh_engine::EngineError> {
    /// let chosen = context.choose(&request).await?;
    /// let grades = context.grades(&request, &chosen).await?;
    /// assert_eq!(grades.len(), chosen.objects.len());
    /// # Ok(())
    /// # }
    /// ```
    pub fn grades<'a>(
        &'a self,
        request: &'a ReadRequest,
        chosen: &'a Chosen,
    ) -> Work<'a, Vec<Option<Grade>>> {
        Box::pin(grades(&self.lake, request.table, chosen))
    }

    /// Reads every byte of chosen objects and verifies them; for readers that open the files themselves. Returns the paths of
    /// those that have no checksums, because version 0.1.0 wrote them.
    ///
    /// ```no_run
    /// # async fn example(context: mtdh_engine::Context, request: mtdh_engine::query::ReadRequest) -> Result<(), mtdh_engine::EngineError> {
    /// let chosen = context.choose(&request).await?;
    /// let without_checksums = context.verify(&chosen.objects).await?;
    /// assert!(without_checksums.is_empty());
    /// # Ok(())
    /// # }
    /// ```
    pub fn verify<'a>(&'a self, objects: &'a [ChosenObject]) -> Work<'a, Vec<String>> {
        Box::pin(async move {
            let mut without_checksums = Vec::new();
            for object in objects {
                match self.lake.verify_bytes(&object.entry).await? {
                    Verified::Whole => {}
                    Verified::NoChecksums => without_checksums.push(object.entry.path.to_string()),
                }
            }
            Ok(without_checksums)
        })
    }

    /// What the lake has of the partitions that are expected, and of others: a row each, ordered by day, data type and key.
    /// Writes nothing. A selection without venues means every venue. With `has_others` also what the lake has of data types that
    /// are not in the selection.
    ///
    /// Columns: `day` (`YYYY-MM-DD`), `venue`, `instrument_type`, `instrument_key`, `data_type`, `status` (`stored`, `empty`,
    /// `absent`, `missing`, `not_exported_yet`), `rows` and `bytes` (null: there is no object that can be trusted), `grade` by
    /// the last check (null: not checked), `reason` (null: it is stored).
    ///
    /// ```no_run
    /// # async fn example(context: mtdh_engine::Context, selection: mtdh_engine::Selection) -> Result<(), mtdh_engine::EngineError> {
    /// let table = context.coverage(&selection, true).await?;
    /// println!("{} partitions", table.num_rows());
    /// # Ok(())
    /// # }
    /// ```
    pub fn coverage<'a>(&'a self, selection: &'a Selection, has_others: bool) -> Work<'a, RecordBatch> {
        Box::pin(coverage(&self.lake, selection, has_others))
    }

    /// A mark of all that [`Context::coverage`] of a day is made of, without reading any of it: as long as it is the same, so is the
    /// coverage.
    ///
    /// ```no_run
    /// # async fn example(context: mtdh_engine::Context, day: mtdh_engine::Day) -> Result<(), mtdh_engine::EngineError> {
    /// let before = context.mark(day).await?;
    /// let is_as_it_was = context.mark(day).await? == before;
    /// # Ok(())
    /// # }
    /// ```
    pub fn mark(&self, day: Day) -> Work<'_, Mark> {
        Box::pin(async move { Ok(self.lake.mark(day).await?) })
    }

    /// The days without an instrument table. What should be in the lake for them is unknown.
    ///
    /// ```no_run
    /// # async fn example(context: mtdh_engine::Context, selection: mtdh_engine::Selection) -> Result<(), mtdh_engine::EngineError> {
    /// for day in context.days_without_tables(&selection).await? {
    ///     println!("{day} has no instrument table");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn days_without_tables<'a>(&'a self, selection: &'a Selection) -> Work<'a, Vec<Day>> {
        Box::pin(async move {
            let there = self.lake.days_with_instruments().await?;
            Ok(selection.days.days().filter(|day| !there.contains(day)).collect())
        })
    }

    /// Where a reader of its own finds a chosen object: a path on this machine, or the address in the bucket.
    pub fn location(&self, object: &ChosenObject) -> String {
        let path = object.entry.path.to_string();
        match self.lake.folder() {
            Some(folder) => folder.join(path).display().to_string(),
            None => format!("{}/{path}", self.lake.url().trim_end_matches('/')),
        }
    }
}
