//! Listing a lake, and reading rows of it.

use std::sync::Arc;

use arrow_array::RecordBatch;
use mtdh_core::check::grade::Grade;
use mtdh_core::key::InstrumentKey;
use mtdh_core::partition::Partition;
use mtdh_core::{DataType, Day};
use mtdh_lake::Mark;
use mtdh_lake::read::Verified;
use mtdh_lake::tables::reports::Available;

use super::{Context, Work};
use crate::error::EngineError;
use crate::query::choose::{Against, choose, grades};
use crate::query::coverage::coverage;
use crate::query::{
    Chosen, ChosenObject, Form, Lacking, ReadCost, ReadRequest, RowStream, contents, count, instrument_key,
    rows, why_lacking,
};
use crate::selection::Selection;

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
        Box::pin(choose(&self.lake, request, Against::Tables))
    }

    /// As [`Context::choose`], against the calendar: every day of the range without an object is missing, whatever was expected of
    /// it, and an instrument that nobody knows is no error. [`Context::why_lacking`] tells.
    ///
    /// ```no_run
    /// # async fn example(context: mtdh_engine::Context, request: mtdh_engine::query::ReadRequest) -> Result<(), mtdh_engine::EngineError> {
    /// let chosen = context.find(&request).await?;
    /// println!("{} days have no object", chosen.missing.len());
    /// # Ok(())
    /// # }
    /// ```
    pub fn find<'a>(&'a self, request: &'a ReadRequest) -> Work<'a, Chosen> {
        Box::pin(choose(&self.lake, request, Against::Calendar))
    }

    /// Why the lake lacks days of an instrument's data type.
    ///
    /// ```no_run
    /// # async fn example(context: mtdh_engine::Context, request: mtdh_engine::query::ReadRequest) -> Result<(), mtdh_engine::EngineError> {
    /// use mtdh_engine::DataType;
    /// let (key, chosen) = ("DERIBIT:PERP:BTC-USD".parse()?, context.find(&request).await?);
    /// println!("{:?}", context.why_lacking(&key, DataType::Trades, &chosen).await?);
    /// # Ok(())
    /// # }
    /// ```
    pub fn why_lacking<'a>(
        &'a self,
        key: &'a InstrumentKey,
        data_type: DataType,
        chosen: &'a Chosen,
    ) -> Work<'a, Lacking> {
        Box::pin(why_lacking(&self.lake, key, data_type, chosen))
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
        rows(&self.lake, request, objects, form, &Arc::default())
    }

    /// As [`Context::rows`]; what reading costs is added to `cost`.
    ///
    /// # Errors
    /// When the table has no column of the request.
    ///
    /// ```no_run
    /// # async fn example(context: mtdh_engine::Context, request: mtdh_engine::query::ReadRequest) -> Result<(), mtdh_engine::EngineError> {
    /// use futures::TryStreamExt;
    /// use mtdh_engine::query::{Form, ReadCost};
    /// let (chosen, cost) = (context.choose(&request).await?, std::sync::Arc::<ReadCost>::default());
    /// let mut rows = context.rows_at(&request, chosen.objects, Form::STREAM, &cost)?;
    /// while rows.try_next().await?.is_some() {}
    /// println!("{} bytes", cost.bytes());
    /// # Ok(())
    /// # }
    /// ```
    pub fn rows_at(
        &self,
        request: &ReadRequest,
        objects: Vec<ChosenObject>,
        form: Form,
        cost: &Arc<ReadCost>,
    ) -> Result<RowStream, EngineError> {
        rows(&self.lake, request, objects, form, cost)
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

    /// Where a reader of its own finds a chosen object: an absolute path on this machine, or the address in the bucket.
    pub fn location(&self, object: &ChosenObject) -> String {
        self.address(&object.entry)
    }
}
