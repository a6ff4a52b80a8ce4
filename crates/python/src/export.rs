//! Exports for Python: Hive's layout and Delta tables.

use mtdh_engine::hive::{HiveForm, HiveRequest, HiveWish, TableWord};
use pyo3::prelude::*;
use serde_json::json;

use crate::lake::{Lake, SelectionArgs, wrong};
use crate::runs::{Run, document};
use crate::times::days_from;

/// Exports a lake. Without `has_days` it is about all days.
#[expect(clippy::too_many_arguments, reason = "Python names them")]
#[pyfunction]
pub fn export_hive(
    py: Python<'_>,
    lake: PyRef<'_, Lake>,
    out: String,
    selection: SelectionArgs,
    has_days: bool,
    tables: Vec<String>,
    everything: bool,
    compact: bool,
    delta: bool,
    verify: bool,
    strict: bool,
    on_progress: Option<Py<PyAny>>,
) -> PyResult<String> {
    let days = has_days.then(|| days_from(py, &selection.start, selection.end.as_ref())).transpose()?;
    let word = |text: &String| text.parse::<TableWord>().map_err(|error| wrong(py, error));
    let tables = tables.iter().map(word).collect::<PyResult<Vec<TableWord>>>()?;
    let wish = HiveWish { filter: selection.filter(py)?, days, tables, everything };
    let (context, run) = (lake.shared.context()?, Run::new(on_progress));
    let report = run.wait_for(py, async {
        context.check_readable().await?;
        let (request, _) = context.hive_request(&wish).await?;
        let form = if compact { HiveForm::Compacted } else { HiveForm::Objects };
        let request = HiveRequest { place: out, form, delta, verify, strict, ..request };
        context.export_hive(&request).await
    })?;
    document(if report.is_clean() { "clean" } else { "not_clean" }, json!({ "export": report }))
}
