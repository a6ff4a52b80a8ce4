//! Certificates for Python: what a lake holds as a file, and whether a lake holds the data of one.

use std::path::PathBuf;

use mtdh_engine::files::unfinished::write_whole;
use mtdh_engine::validate::verdict::Verdict;
use mtdh_engine::{CertifyBy, Day};
use pyo3::prelude::*;
use serde_json::json;

use crate::lake::{Lake, SelectionArgs};
use crate::runs::{Run, document};

fn by(read_bytes: bool) -> CertifyBy {
    if read_bytes { CertifyBy::Bytes } else { CertifyBy::Footers }
}

/// Writes a certificate of a selection.
#[pyfunction]
pub fn certify(
    py: Python<'_>,
    lake: PyRef<'_, Lake>,
    selection: SelectionArgs,
    out: PathBuf,
    read_bytes: bool,
) -> PyResult<String> {
    let selection = selection.of_lake(py)?;
    let (context, run) = (lake.shared.context()?, Run::new(None));
    let days: Vec<Day> = selection.days.days().collect();
    let certified = run.wait_for(py, async {
        context.check_readable().await?;
        context.check_venues(&selection.venues, &days).await?;
        context.certify(&selection, by(read_bytes)).await
    })?;
    write_whole(&out, &certified.bytes)?;
    let is_complete = certified.report.verdict == Verdict::Complete;
    let counts = &certified.certificate.counts;
    document(
        if is_complete { "clean" } else { "not_clean" },
        json!({
            "digest": certified.digest.to_string(),
            "root": certified.certificate.root.to_string(),
            "verdict": certified.report.verdict,
            "partitions": counts.partitions(),
            "objects": counts.objects(),
            "rows": counts.rows,
            "bytes_proved": certified.certificate.are_bytes_proved,
            "notes": certified.notes,
        }),
    )
}

/// Compares a lake with a certificate.
#[pyfunction]
pub fn verify(py: Python<'_>, lake: PyRef<'_, Lake>, file: PathBuf, read_bytes: bool) -> PyResult<String> {
    let (context, run) = (lake.shared.context()?, Run::new(None));
    let found = run.wait_for(py, context.verify_certificate(&file, by(read_bytes)))?;
    document(if found.is_same() { "clean" } else { "not_clean" }, json!({ "verification": found }))
}
