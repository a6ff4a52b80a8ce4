//! Slices of the lake for outputs.

use std::sync::Arc;

use super::{Context, Work};
use crate::error::EngineError;
use crate::query::{Form, ReadCost, RowStream};
use crate::slice::{Slice, SliceRequest};

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
}
