//! The form of an output, by the ending of its name.

use std::path::Path;

use super::{ExportFormat, Packing};

/// A format, and what its text is compressed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutputForm {
    /// The format.
    pub format: ExportFormat,
    /// Of text only: Parquet and Arrow compress inside.
    pub packing: Packing,
}

impl From<ExportFormat> for OutputForm {
    fn from(format: ExportFormat) -> OutputForm {
        OutputForm { format, packing: Packing::Plain }
    }
}

/// Why the ending of a name says no form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    /// It is none, or another one.
    #[error(
        "the form of {0} is not known; end it in .csv, .jsonl, .parquet or .arrow, and .csv or .jsonl perhaps in .gz or .zst behind that"
    )]
    Unknown(String),
    /// The format compresses inside.
    #[error("{name}: {format} compresses inside, and its readers open no {packed} file; end it in {instead}")]
    CompressesInside {
        /// The output.
        name: String,
        /// Its format.
        format: &'static str,
        /// The ending that does not fit.
        packed: String,
        /// The ending that does.
        instead: String,
    },
    /// It is the ending of Arrow files, which are not streams.
    #[error(
        "{0}: Arrow is written as a stream, which readers of that kind of file do not open; end it in .arrow"
    )]
    ArrowFile(String),
}

impl OutputForm {
    /// The form that the ending of a name says, in any case: `.csv`, `.jsonl` and `.ndjson`, each perhaps with `.gz` or `.zst`
    /// behind it, `.parquet`, and `.arrow` or `.arrows`.
    ///
    /// # Errors
    /// When it says none.
    ///
    /// ```
    /// use mtdh_engine::export::{ExportFormat, OutputForm, Packing};
    /// let form = OutputForm::of_name(std::path::Path::new("trades.csv.gz")).unwrap();
    /// assert_eq!((form.format, form.packing), (ExportFormat::Csv, Packing::Gzip));
    /// ```
    pub fn of_name(output: &Path) -> Result<OutputForm, FormError> {
        let name = output.display().to_string();
        let last = output.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        let (stem, ending) = last.rsplit_once('.').unwrap_or((&last, ""));
        let packing = match ending {
            "gz" | "gzip" => Packing::Gzip,
            "zst" | "zstd" => Packing::Zstd,
            _ => Packing::Plain,
        };
        let inner = match packing {
            Packing::Plain => ending,
            _ => stem.rsplit_once('.').map_or("", |(_, inner)| inner),
        };
        let format = match inner {
            "csv" => ExportFormat::Csv,
            "jsonl" | "ndjson" => ExportFormat::Jsonl,
            "parquet" => ExportFormat::Parquet,
            "arrow" | "arrows" => ExportFormat::Arrow,
            "feather" | "ipc" => return Err(FormError::ArrowFile(name)),
            _ => return Err(FormError::Unknown(name)),
        };
        if packing != Packing::Plain && !format.is_text() {
            return Err(FormError::CompressesInside {
                name,
                format: format.name(),
                packed: format!(".{ending}"),
                instead: format!(".{inner}"),
            });
        }
        Ok(OutputForm { format, packing })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ending_says_the_form() {
        use ExportFormat::{Arrow, Csv, Jsonl, Parquet};
        for (name, expected) in [
            ("a.csv", Ok((Csv, Packing::Plain))),
            ("a.b.CSV.GZ", Ok((Csv, Packing::Gzip))),
            ("dir.parquet/a.csv.zst", Ok((Csv, Packing::Zstd))),
            ("a.jsonl", Ok((Jsonl, Packing::Plain))),
            ("a.ndjson.gz", Ok((Jsonl, Packing::Gzip))),
            ("a.jsonl.zst", Ok((Jsonl, Packing::Zstd))),
            ("DERIBIT:PERP:BTC-USD.parquet", Ok((Parquet, Packing::Plain))),
            ("a.arrow", Ok((Arrow, Packing::Plain))),
            ("a.arrows", Ok((Arrow, Packing::Plain))),
            (
                "a.parquet.gz",
                Err("Parquet compresses inside, and its readers open no .gz file; end it in .parquet"),
            ),
            (
                "a.arrow.zst",
                Err("Arrow compresses inside, and its readers open no .zst file; end it in .arrow"),
            ),
            ("a.feather", Err("end it in .arrow")),
            ("a.ipc", Err("end it in .arrow")),
            ("a", Err("the form of a is not known")),
            ("a.gz", Err("the form of a.gz is not known")),
            (".csv", Ok((Csv, Packing::Plain))),
            ("csv", Err("is not known")),
            ("a.xlsx", Err("is not known")),
            ("a.csv.bz2", Err("is not known")),
            ("", Err("is not known")),
        ] {
            match (OutputForm::of_name(Path::new(name)), expected) {
                (Ok(form), Ok(expected)) => assert_eq!((form.format, form.packing), expected, "{name}"),
                (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{name}: {error}"),
                (read, _) => panic!("{name}: {read:?}"),
            }
        }
    }
}
