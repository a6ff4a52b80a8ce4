//! Venues and runs of a lake, as tables.

use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, Float64Array, RecordBatch, StringArray, UInt64Array};
use mtdh_engine::runs::list::RunLine;
use mtdh_engine::venues::VenueLine;
use pyo3::prelude::*;

use crate::error::raised;
use crate::lake::{Lake, batches, wrong};
use crate::rows::Batches;
use crate::runtime::wait_briefly;

/// Venues, a row each: of all that are known, or of those of which the lake has something. The vendor is not asked.
#[pyfunction]
pub fn venues(py: Python<'_>, lake: &Lake, in_lake: bool) -> PyResult<Batches> {
    let context = lake.shared.context()?;
    let found = wait_briefly(py, context.venues(false))?.map_err(|error| raised(py, error))?;
    let mut lines = found.0;
    lines.retain(|line| !in_lake || line.days > 0 || line.instruments.is_some());
    table(py, of_venues(&lines))
}

/// Runs, a row each, the newest first.
#[pyfunction]
pub fn runs(py: Python<'_>, lake: &Lake) -> PyResult<Batches> {
    let context = lake.shared.context()?;
    let lines = wait_briefly(py, context.run_lines())?.map_err(|error| raised(py, error))?;
    table(py, of_runs(&lines))
}

type Columns = Vec<(&'static str, ArrayRef)>;

fn table(py: Python<'_>, columns: Columns) -> PyResult<Batches> {
    let batch = RecordBatch::try_from_iter_with_nullable(
        columns.into_iter().map(|(name, column)| (name, column, true)),
    );
    Ok(batches(batch.map_err(|error| wrong(py, error))?))
}

fn texts<T>(lines: &[T], text: impl Fn(&T) -> Option<String>) -> ArrayRef {
    Arc::new(lines.iter().map(text).collect::<StringArray>())
}

fn counts<T>(lines: &[T], count: impl Fn(&T) -> Option<u64>) -> ArrayRef {
    Arc::new(lines.iter().map(count).collect::<UInt64Array>())
}

fn of_venues(lines: &[VenueLine]) -> Columns {
    let words = |types: &[&'static str]| (!types.is_empty()).then(|| types.join(" "));
    let known: BooleanArray = lines.iter().map(|line| Some(line.is_known)).collect();
    vec![
        ("venue", texts(lines, |line| Some(line.venue.clone()))),
        ("exchange", texts(lines, |line| Some(line.exchange.clone()))),
        ("is_known", Arc::new(known)),
        ("instruments", counts(lines, |line| line.instruments)),
        ("offered", texts(lines, |line| words(&line.offered))),
        ("days", counts(lines, |line| Some(line.days))),
        ("first_day", texts(lines, |line| line.first_day.clone())),
        ("last_day", texts(lines, |line| line.last_day.clone())),
        ("data_types", texts(lines, |line| words(&line.data_types))),
        ("objects", counts(lines, |line| Some(line.objects))),
        ("bytes", counts(lines, |line| Some(line.bytes))),
    ]
}

fn of_runs(lines: &[RunLine]) -> Columns {
    let seconds: Float64Array = lines.iter().map(|line| line.seconds).collect();
    vec![
        ("run", texts(lines, |line| Some(line.run.clone()))),
        ("kind", texts(lines, |line| Some(line.kind.to_owned()))),
        ("state", texts(lines, |line| Some(line.state.clone()))),
        ("verdict", texts(lines, |line| line.verdict.clone())),
        ("started_at", texts(lines, |line| line.started_at.clone())),
        ("updated_at", texts(lines, |line| line.updated_at.clone())),
        ("seconds", Arc::new(seconds)),
        ("files", counts(lines, |line| Some(line.files))),
        ("files_done", counts(lines, |line| Some(line.files_done))),
        ("files_failed", counts(lines, |line| Some(line.files_failed))),
        ("rows", counts(lines, |line| Some(line.rows))),
        ("bytes", counts(lines, |line| Some(line.bytes))),
        ("what", texts(lines, |line| Some(line.what.clone()).filter(|what| !what.is_empty()))),
    ]
}
