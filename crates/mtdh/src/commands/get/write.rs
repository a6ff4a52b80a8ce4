//! Writes slices to an output.

use std::io::{BufWriter, IntoInnerError, Write};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use futures::TryStreamExt;
use mtdh_engine::export::{ExportError, Exporter, OutputForm, TypedLines};
use mtdh_engine::files::unfinished::Unfinished;
use mtdh_engine::query::{Form, ReadCost};
use mtdh_engine::slice::{FACTS, Slice};
use mtdh_engine::{Context, EngineError};

use super::outputs::{Place, not_written};
use crate::stdout::{self, Stdout};

/// Few rows at a time: those of a wide table are large, and a slow reader holds some of them up.
const READ: Form =
    Form { batch_rows: 1 << 13, has_views: false, ahead: 1, waiting: Some(4), is_pinned: true };

/// What an output has come to.
pub struct Written {
    pub rows: u64,
    pub cost: Arc<ReadCost>,
}

/// Writes an output, for as long as somebody reads it. A file is whole, and waits for its name.
pub async fn output(
    context: &Context,
    place: &Place,
    form: OutputForm,
    slices: &[&Slice],
) -> Result<(Written, Option<Unfinished>)> {
    let cost = Arc::default();
    match place {
        Place::Stdout => {
            let out = BufWriter::new(Stdout);
            let (rows, mut out) = rows(context, form, slices, out, &cost, stdout::is_read).await?;
            out.flush()?;
            Ok((Written { rows, cost }, None))
        }
        Place::File(file) => {
            let unfinished = Unfinished::new(file).with_context(|| not_written(place))?;
            let out = BufWriter::with_capacity(1 << 16, unfinished);
            let (rows, out) = rows(context, form, slices, out, &cost, || true).await?;
            let unfinished = out.into_inner().map_err(IntoInnerError::into_error);
            Ok((Written { rows, cost }, Some(unfinished.with_context(|| not_written(place))?)))
        }
    }
}

async fn rows<W: Write + Send>(
    context: &Context,
    form: OutputForm,
    slices: &[&Slice],
    out: W,
    cost: &Arc<ReadCost>,
    is_read: impl Fn() -> bool,
) -> Result<(u64, W)> {
    let [slice] = slices else { return several(context, form, slices, out, cost, is_read).await };
    // Text has no place for what it is made of.
    let facts =
        if form.format.is_text() { None } else { Some(context.slice_facts(slice).await.map_err(of_lake)?) };
    let pairs = facts.map(|facts| (FACTS, facts)).into_iter().collect();
    let mut exporter = Exporter::with_pairs(&slice.request.schema()?, form, pairs, out)?;
    let mut rows = context.slice_rows(slice, READ, cost)?;
    while let Some(batch) = rows.try_next().await.map_err(of_lake)? {
        if !is_read() {
            break;
        }
        exporter.write(&batch)?;
    }
    Ok((exporter.rows(), exporter.finish()?))
}

/// Lines of several tables, in one order of time.
async fn several<W: Write + Send>(
    context: &Context,
    form: OutputForm,
    slices: &[&Slice],
    out: W,
    cost: &Arc<ReadCost>,
    is_read: impl Fn() -> bool,
) -> Result<(u64, W)> {
    let table = |slice: &&Slice| Ok((slice.request.table.name(), slice.request.schema()?));
    let tables = slices.iter().map(table).collect::<Result<Vec<_>, EngineError>>()?;
    let mut lines = TypedLines::new(&tables, form.packing, out)?;
    let mut rows = context.slices_together(slices, READ, cost)?;
    while let Some((table, batch)) = rows.try_next().await.map_err(of_lake)? {
        if !is_read() {
            break;
        }
        lines.write(table, &batch)?;
    }
    Ok((lines.rows(), lines.finish()?))
}

/// What the lake's errors are to one who only reads.
pub fn of_lake(error: EngineError) -> anyhow::Error {
    match error {
        EngineError::Lake(error) => ExportError::Lake(error).into(),
        other => other.into(),
    }
}
