//! `convert`: a vendor file that a user has, to one Parquet file, without a lake.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{ArrayRef, DictionaryArray, Int32Array, StringArray};
use mtdh_core::DataType;
use mtdh_core::key::InstrumentKey;
use mtdh_core::symbol::guess_by_symbol;
use mtdh_core::table::Table;
use mtdh_lake::write::TableWriter;
use mtdh_source::decode::{Expectation, Rows};
use mtdh_source::gunzip::{Gunzip, is_gzip};
use mtdh_source::vendor_file::VendorFile;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::account::Account;
use crate::convert::{ConvertError, Input, decode_file};
use crate::error::EngineError;
use crate::export::shown;
use crate::unfinished::Unfinished;

/// What was converted.
#[derive(Clone, Debug, Serialize)]
pub struct ConvertReport {
    /// The new file.
    #[serde(serialize_with = "shown")]
    pub output: PathBuf,
    /// Its data type.
    pub data_type: &'static str,
    /// Whom its rows are about.
    pub instrument_keys: Vec<String>,
    /// Rows in the vendor file.
    pub rows_in: u64,
    /// Rows stored.
    pub rows_out: u64,
    /// Rows that cannot be stored, each with its line and the reason.
    pub rejected: Vec<String>,
    /// Numbers whose text is not what the stored float prints.
    pub inexact_numbers: u64,
}

/// Converts a file. The data type is told by its header, where two share one by its name; the instruments by its rows.
/// `key` overrules the name that rows of a single instrument would get.
///
/// # Errors
/// When the file is refused or the output cannot be written; then no output is left.
pub fn convert_file(
    file: &Path,
    output: &Path,
    key: Option<&InstrumentKey>,
    data_type: Option<DataType>,
    stop: &CancellationToken,
) -> Result<ConvertReport, EngineError> {
    let failed = |source| EngineError::Convert { file: file.display().to_string(), source };
    convert(file, output, key, data_type, stop).map_err(failed)
}

fn convert(
    file: &Path,
    output: &Path,
    key: Option<&InstrumentKey>,
    data_type: Option<DataType>,
    stop: &CancellationToken,
) -> Result<ConvertReport, ConvertError> {
    let table = match data_type {
        Some(data_type) => data_type.table(),
        None => table_of(file)?,
    };
    let reader = File::open(file).map_err(ConvertError::Read)?;
    let bytes = reader.metadata().map_err(ConvertError::Read)?.len();
    let unfinished = Unfinished::new(output).map_err(ConvertError::Output)?;
    let mut writer = TableWriter::new(table, unfinished).map_err(ConvertError::Write)?;
    let mut keys = Keys { given: key.cloned(), names: Vec::new(), cells: Vec::new(), dictionary: None };
    let input = Input { reader: Box::new(BufReader::with_capacity(1 << 16, reader)), bytes };
    let decoded = decode_file(input, table, Expectation::default(), stop, |rows| {
        let column = keys.column(&rows)?;
        writer.write(column, rows.columns).map_err(ConvertError::Write)
    })?;
    decoded.check_share()?;
    let (rows_in, rows_out, rejected) = (decoded.rows_in, writer.rows(), decoded.rejected());
    Account { read: rows_in, stored: rows_out, rejected, not_asked_for: 0 }.settle()?;
    let pairs = [
        ("mtdh.data_type", table.data_type.to_string()),
        ("mtdh.rows_in", rows_in.to_string()),
        ("mtdh.rows_out", rows_out.to_string()),
        ("mtdh.rows_rejected", rejected.to_string()),
    ];
    let unfinished = writer.finish(pairs).map_err(ConvertError::Write)?.out;
    unfinished.publish().map_err(ConvertError::Output)?;
    Ok(ConvertReport {
        output: output.to_owned(),
        data_type: table.data_type.name(),
        instrument_keys: keys.names,
        rows_in,
        rows_out,
        rejected: decoded
            .rejects
            .iter()
            .map(|r| format!("line {}: {}: {}", r.line, r.reason, r.text))
            .collect(),
        inexact_numbers: decoded.names.iter().map(|n| n.tally.inexact_numbers).sum(),
    })
}

/// The table whose header the file has. Trades and liquidations look alike, as quotes and book_ticker do: there the
/// file's name decides, and without a telling name the first of the two.
fn table_of(file: &Path) -> Result<&'static Table, ConvertError> {
    let mut reader = BufReader::new(File::open(file).map_err(ConvertError::Read)?);
    let is_gzip = is_gzip(reader.fill_buf().map_err(ConvertError::Read)?);
    let plain: Box<dyn Read> = if is_gzip { Box::new(Gunzip::new(reader)) } else { Box::new(reader) };
    let mut header = String::new();
    // A header is far shorter; without the limit, a file without line ends would be read whole.
    BufReader::new(plain.take(1 << 16)).read_line(&mut header).map_err(crate::convert::read_error)?;
    let header = header.trim_start_matches('\u{feff}').trim_end();
    let cells: Vec<&str> = header.split(',').collect();
    let fitting = Table::of_header(&cells);
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let named =
        VendorFile::from_official_name(&name).or_else(|| VendorFile::from_path(&file.to_string_lossy()));
    let named = named.map(|f| f.data_type);
    let by_name = fitting.iter().find(|t| Some(t.data_type) == named || name.contains(t.data_type.name()));
    by_name
        .or(fitting.first())
        .copied()
        .ok_or_else(|| ConvertError::UnknownHeader(header.chars().take(200).collect()))
}

/// The `instrument_key` column of rows about anybody.
struct Keys {
    given: Option<InstrumentKey>,
    names: Vec<String>,
    /// Exchange and symbol of each name, as the rows write them.
    cells: Vec<String>,
    dictionary: Option<ArrayRef>,
}

impl Keys {
    fn column(&mut self, rows: &Rows) -> Result<ArrayRef, ConvertError> {
        for (exchange, symbol) in &rows.new_names {
            let name = self.name(exchange, symbol)?;
            if let Some(place) = self.names.iter().position(|known| *known == name) {
                let (one, other) = (self.cells[place].clone(), format!("{exchange} {symbol}"));
                return Err(ConvertError::SharedKey { key: name, one, other });
            }
            self.names.push(name);
            self.cells.push(format!("{exchange} {symbol}"));
            self.dictionary = None;
        }
        let dictionary =
            self.dictionary.get_or_insert_with(|| Arc::new(StringArray::from(self.names.clone())));
        let indices: Int32Array = rows.names.iter().map(|name| *name as i32).collect::<Vec<_>>().into();
        Ok(Arc::new(DictionaryArray::new(indices, dictionary.clone())))
    }

    fn name(&self, exchange: &str, symbol: &str) -> Result<String, ConvertError> {
        match &self.given {
            Some(key) if self.names.is_empty() => Ok(key.to_string()),
            Some(_) => Err(ConvertError::SeveralInstruments),
            None => guess_by_symbol(exchange, symbol)
                .map(|named| named.key.to_string())
                .map_err(ConvertError::Unnamed),
        }
    }
}
