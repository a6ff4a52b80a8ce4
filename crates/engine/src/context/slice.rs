//! Slices of the lake for outputs.

use std::sync::Arc;

use super::{Context, Work};
use crate::error::EngineError;
use crate::query::{Form, ReadCost, RowStream};
use crate::slice::{Slice, SliceRequest, TogetherStream, together};

impl Context {
    /// Finds what the lake has for a request, and what it lacks. Reads no rows.
    ///
    /// ```no_run
    /// # async fn example(context: mtdh_engine::Context, request: mtdh_engine::slice::SliceRequest) -> Result<(), mtdh_engine::EngineError> {
    /// let slice = context.slice(request).await?;
    /// println!("{} objects, {} missing", slice.chosen.objects.len(), slice.chosen.missing.len());
    /// # Ok(())
    /// # }
    /// ```
    pub fn slice(&self, request: SliceRequest) -> Work<'_, Slice> {
        Box::pin(Slice::find(&self.lake, request))
    }

    /// The rows of a slice in one order of time, verified as they are read. An object that was replaced since the slice was found
    /// is an error. What reading costs is added to `cost`; candles that are made read more.
    ///
    /// # Errors
    /// When the table has no column of the request. Errors of reading are in the stream, which ends with the first.
    ///
    /// ```no_run
    /// # async fn example(context: mtdh_engine::Context, slice: mtdh_engine::slice::Slice) -> Result<(), mtdh_engine::EngineError> {
    /// use futures::TryStreamExt;
    /// use mtdh_engine::query::Form;
    /// let mut rows = context.slice_rows(&slice, Form::STREAM, &Default::default())?;
    /// while let Some(batch) = rows.try_next().await? {
    ///     println!("{} rows", batch.num_rows());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn slice_rows(
        &self,
        slice: &Slice,
        form: Form,
        cost: &Arc<ReadCost>,
    ) -> Result<RowStream, EngineError> {
        slice.rows(&self.lake, Form { is_pinned: true, ..form }, cost)
    }

    /// The rows of slices in one order of time, each batch with the place of its slice. The column that orders them stands behind the
    /// others, where it was not asked for. The least limit of the slices is that of all.
    ///
    /// # Errors
    /// As [`Context::slice_rows`], and for instrument tables, which have no such time.
    ///
    /// ```no_run
    /// # async fn example(context: mtdh_engine::Context, slices: Vec<mtdh_engine::slice::Slice>) -> Result<(), mtdh_engine::EngineError> {
    /// use futures::TryStreamExt;
    /// use mtdh_engine::query::Form;
    /// let slices: Vec<_> = slices.iter().collect();
    /// let mut rows = context.slices_together(&slices, Form::STREAM, &Default::default())?;
    /// while let Some((slice, batch)) = rows.try_next().await? {
    ///     println!("{} rows of {}", batch.num_rows(), slices[slice].request.table.name());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn slices_together(
        &self,
        slices: &[&Slice],
        form: Form,
        cost: &Arc<ReadCost>,
    ) -> Result<TogetherStream, EngineError> {
        let mut streams = Vec::with_capacity(slices.len());
        for slice in slices {
            let (slice, clock) = slice.with_clock()?;
            streams.push((self.slice_rows(&slice, form, cost)?, clock));
        }
        let limit = slices.iter().filter_map(|slice| slice.request.limit).min();
        Ok(together(streams, limit))
    }

    /// What a slice is made of, as a JSON document for the metadata of a file: the objects with their digests, the selection, the
    /// clock, the program's version.
    ///
    /// ```no_run
    /// # async fn example(context: mtdh_engine::Context, slice: mtdh_engine::slice::Slice) -> Result<(), mtdh_engine::EngineError> {
    /// println!("{}", context.slice_facts(&slice).await?);
    /// # Ok(())
    /// # }
    /// ```
    pub fn slice_facts<'a>(&'a self, slice: &'a Slice) -> Work<'a, String> {
        Box::pin(slice.facts(&self.lake))
    }

    /// Whether a path inside the lake's folder is a place of its data, where nothing else may be written.
    pub fn is_place_of_data(&self, path: &str) -> bool {
        self.lake.data_path(path).is_some()
    }
}
