//! `mtdh convert`: a user's own vendor file to Parquet.

use anyhow::{Result, bail};
use mtdh_engine::EngineError;
use mtdh_engine::convert_file::convert_file;

use super::Session;
use crate::Outcome;
use crate::args::ConvertArgs;
use crate::output::{Rows, error, note, print};

pub fn run(session: &Session<'_>, args: ConvertArgs) -> Result<Outcome> {
    let ConvertArgs { file, output, force, instrument, data_type } = &args;
    if output.exists() && !force {
        bail!("{} exists; --force replaces it", output.display());
    }
    let report = match convert_file(file, output, instrument.as_ref(), *data_type, session.stop) {
        Ok(report) => report,
        // A file that cannot be opened is a wrong call; one that was refused is a result.
        Err(failure @ EngineError::Convert { .. }) if file.is_file() => {
            error(&failure.into());
            return Ok(Outcome::NotClean);
        }
        Err(failure) => return Err(failure.into()),
    };
    let mut rows = Rows::new(&[
        "output",
        "data_type",
        "instruments",
        "rows_in",
        "rows_out",
        "rejected",
        "inexact_numbers",
    ]);
    let instruments = match &report.instrument_keys[..] {
        [one] => one.clone(),
        several => several.len().to_string(),
    };
    rows.rows.push(vec![
        report.output.display().to_string(),
        report.data_type.to_owned(),
        instruments,
        report.rows_in.to_string(),
        report.rows_out.to_string(),
        report.rejected.len().to_string(),
        report.inexact_numbers.to_string(),
    ]);
    print(session.format, &rows, &report)?;
    report.rejected.iter().take(10).for_each(|line| note(&format!("rejected: {line}")));
    Ok(Outcome::Clean)
}
