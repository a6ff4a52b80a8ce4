//! `mtdh convert`: a user's own vendor file to Parquet, CSV or JSON lines.

use std::path::Path;

use anyhow::{Result, bail};
use mtdh_engine::export::OutputForm;
use mtdh_engine::files::convert::{Output, convert_file};

use super::get::outputs::form;
use crate::args::ConvertArgs;
use crate::exit::Outcome;
use crate::output::{Rows, error, many, note, print};
use crate::session::Session;
use crate::stdout::Stdout;

pub fn run(session: &Session<'_>, args: ConvertArgs) -> Result<Outcome> {
    let ConvertArgs { file, output, force, instrument, data_type } = &args;
    let is_stdout = output.as_path() == Path::new("-");
    // Of a file the report is printed, in the format of `--format`.
    let form = if is_stdout { form(output, session.format)? } else { OutputForm::of_name(output)? };
    if !is_stdout && output.exists() && !force {
        bail!("{} exists; --force replaces it", output.display());
    }
    let place = if is_stdout { Output::Writer(Box::new(Stdout)) } else { Output::File(output) };
    let report = match convert_file(file, place, form, instrument.as_ref(), *data_type, session.stop) {
        Ok(report) => report,
        // A file that cannot be opened is a usage error, and an output that cannot be written ends the work; a file that was
        // refused is a result.
        Err(failure) if failure.is_refusal() && (file.is_file() || file.as_path() == Path::new("-")) => {
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
    if is_stdout {
        note(&format!(
            "{} of {}",
            many(report.rows_out, "row"),
            many(report.instrument_keys.len() as u64, "instrument")
        ));
    } else {
        print(session.format, &rows, &report)?;
    }
    report.rejected.iter().take(10).for_each(|line| note(&format!("rejected: {line}")));
    Ok(Outcome::Clean)
}
