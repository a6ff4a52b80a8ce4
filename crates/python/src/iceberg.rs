//! Iceberg tables for Python: published, never read here.

use mtdh_core::candle::Timeframe;
use mtdh_engine::iceberg::IcebergRequest;
use pyo3::prelude::*;
use serde_json::json;

use crate::lake::{Lake, SelectionArgs, wrong};
use crate::runs::{Run, document};
use crate::times::days_from;

/// Publishes Iceberg tables. `has_days`: the selection's days count; else every day of the lake.
#[pyfunction]
pub fn publish_iceberg(
    py: Python<'_>,
    lake: PyRef<'_, Lake>,
    selection: SelectionArgs,
    has_days: bool,
    timeframes: Vec<String>,
    verify: bool,
    on_progress: Option<Py<PyAny>>,
) -> PyResult<String> {
    let days = if has_days { Some(days_from(py, &selection.start, selection.end.as_ref())?) } else { None };
    let timeframe = |text: &String| text.parse::<Timeframe>().map_err(|error| wrong(py, error));
    let timeframes: Vec<Timeframe> = timeframes.iter().map(timeframe).collect::<PyResult<_>>()?;
    let filter = selection.filter(py)?;
    let (context, run) = (lake.shared.context()?, Run::new(on_progress));
    let report = run.wait_for(py, async {
        context.check_readable().await?;
        let request = context.iceberg_request(&filter, days, &timeframes).await?;
        let request = IcebergRequest { verify, stop: run.stop(), ..request };
        context.publish_iceberg(&request).await
    })?;
    let is_clean = report.is_clean() && !report.tables.is_empty();
    document(if is_clean { "clean" } else { "not_clean" }, json!({ "iceberg": report }))
}
