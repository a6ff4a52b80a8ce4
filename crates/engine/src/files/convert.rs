//! Converts a user's vendor file to one Parquet file, without a lake.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{ArrayRef, DictionaryArray, Int32Array, RecordBatch, StringArray};
use mtdh_core::key::InstrumentKey;
use mtdh_core::symbol::Names;
use mtdh_core::table::Table;
use mtdh_core::venue::venue_of_exchange;
use mtdh_core::{DataType, Day};
use mtdh_source::gunzip::{Gunzip, is_gzip};
use mtdh_source::tardis::csv::{Expectation, Reject, Rows, text_cells};
use mtdh_source::tardis::vendor_file::VendorFile;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::download::account::Account;
use crate::download::error::ConvertError;
use crate::download::partition::{Input, decode_file};
use crate::error::EngineError;
use crate::export::{ExportError, Exporter, OutputForm, shown};
use crate::files::unfinished::Unfinished;
use crate::runs::phase::{self, Phase};

/// The result of a conversion.
#[derive(Clone, Debug, Serialize)]
pub struct ConvertReport {
    /// The new file.
    #[serde(serialize_with = "shown")]
    pub output: PathBuf,
    /// Its data type.
    pub data_type: &'static str,
    /// The instruments of its rows.
    pub instrument_keys: Vec<String>,
    /// Rows read from the vendor file.
    pub rows_in: u64,
    /// Rows stored.
    pub rows_out: u64,
    /// Rows that cannot be stored, each with its line and the reason.
    pub rejected: Vec<String>,
    /// Numbers whose text differs from the printed form of the stored float.
    pub inexact_numbers: u64,
}

/// The destination of the rows.
pub enum Output<'a> {
    /// A file, which appears only when it is complete.
    File(&'a Path),
    /// A writer.
    Writer(Box<dyn Write + Send>),
}

/// An unfinished file, or a writer.
enum Sink {
    File(Unfinished),
    Writer(Box<dyn Write + Send>),
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Sink::File(file) => file.write(bytes),
            Sink::Writer(writer) => writer.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Sink::File(file) => file.flush(),
            Sink::Writer(writer) => writer.flush(),
        }
    }
}

/// Converts a file; `-` is standard input. The header determines the data type; where two data types share a header, the
/// file's name decides, else `data_type` must. The rows name the instruments; `key` names the instrument where the symbol alone does not.
///
/// # Errors
/// When the file is refused or the output cannot be written; then no output file is left.
pub fn convert_file(
    file: &Path,
    output: Output<'_>,
    form: impl Into<OutputForm>,
    key: Option<&InstrumentKey>,
    data_type: Option<DataType>,
    stop: &CancellationToken,
) -> Result<ConvertReport, EngineError> {
    let failed = |source| EngineError::Convert { file: file.display().to_string(), source };
    convert(file, output, form.into(), key, data_type, stop).map_err(failed)
}

/// Opens the file from its start. Standard input was spooled to disk for that, since it is read twice.
fn open(file: &Path, spooled: Option<&File>) -> Result<File, ConvertError> {
    let Some(spooled) = spooled else { return File::open(file).map_err(ConvertError::Read) };
    let mut again = spooled.try_clone().map_err(ConvertError::Read)?;
    again.rewind().map_err(ConvertError::Read)?;
    Ok(again)
}

fn spool(file: &Path) -> Result<Option<File>, ConvertError> {
    if file != Path::new("-") {
        return Ok(None);
    }
    let mut spooled = tempfile::tempfile().map_err(ConvertError::Output)?;
    io::copy(&mut io::stdin().lock(), &mut spooled).map_err(ConvertError::Read)?;
    Ok(Some(spooled))
}

fn convert(
    file: &Path,
    output: Output<'_>,
    form: OutputForm,
    key: Option<&InstrumentKey>,
    data_type: Option<DataType>,
    stop: &CancellationToken,
) -> Result<ConvertReport, ConvertError> {
    let spooled = spool(file)?;
    let table = match data_type {
        Some(data_type) => data_type.table(),
        None => table_of(file, open(file, spooled.as_ref())?)?,
    };
    let (target, sink) = match output {
        Output::File(path) => {
            (path.to_owned(), Sink::File(Unfinished::new(path).map_err(ConvertError::Output)?))
        }
        Output::Writer(writer) => (PathBuf::from("-"), Sink::Writer(writer)),
    };
    let mut writer = Exporter::new(table.data_type, form, BufWriter::new(sink)).map_err(unwritten)?;
    let opened = open(file, spooled.as_ref())?;
    let phase = phase::begin("converting", "file", 1);
    phase.weigh(opened.metadata().map_err(ConvertError::Read)?.len());
    let _file_done = phase.item();
    let read = read(file, opened, table, key, stop, &phase, |batch| writer.write(&batch).map_err(unwritten))?;
    let pairs = [
        ("mtdh.data_type", table.data_type.to_string()),
        ("mtdh.rows_in", read.rows_in.to_string()),
        ("mtdh.rows_out", read.rows_out.to_string()),
        ("mtdh.rows_rejected", read.rejected.len().to_string()),
    ];
    let sink = writer.finish_with(pairs).map_err(unwritten)?;
    match sink.into_inner().map_err(|e| ConvertError::Output(e.into_error()))? {
        Sink::File(unfinished) => unfinished.publish().map_err(ConvertError::Output)?,
        Sink::Writer(mut writer) => writer.flush().map_err(ConvertError::Output)?,
    }
    Ok(ConvertReport {
        output: target,
        data_type: table.data_type.name(),
        instrument_keys: read.instrument_keys,
        rows_in: read.rows_in,
        rows_out: read.rows_out,
        rejected: read.rejected,
        inexact_numbers: read.inexact_numbers,
    })
}

/// What a vendor file has besides its rows.
#[derive(Default)]
pub(crate) struct VendorRows {
    /// The instruments of its rows.
    pub instrument_keys: Vec<String>,
    /// Rows read, rejected ones included.
    pub rows_in: u64,
    /// Rows passed on.
    pub rows_out: u64,
    /// Rows that cannot be stored, each with its line and the reason.
    pub rejected: Vec<String>,
    /// Numbers whose text differs from the printed form of the float.
    pub inexact_numbers: u64,
}

/// The data type of a user's vendor file: by its header, and where two data types share one, by the file's name.
///
/// # Errors
/// When neither tells it.
pub(crate) fn data_type_of(file: &Path) -> Result<DataType, ConvertError> {
    Ok(table_of(file, open(file, None)?)?.data_type)
}

/// Reads a user's vendor file, and passes its batches on, with `instrument_key` as in the lake. The file may still be refused at
/// its end.
pub(crate) fn read_vendor_file(
    file: &Path,
    data_type: DataType,
    stop: &CancellationToken,
    phase: &Phase,
    take: impl FnMut(RecordBatch) -> Result<(), ConvertError>,
) -> Result<VendorRows, ConvertError> {
    read(file, open(file, None)?, data_type.table(), None, stop, phase, take)
}

fn read(
    path: &Path,
    file: File,
    table: &'static Table,
    key: Option<&InstrumentKey>,
    stop: &CancellationToken,
    phase: &Phase,
    mut take: impl FnMut(RecordBatch) -> Result<(), ConvertError>,
) -> Result<VendorRows, ConvertError> {
    let bytes = file.metadata().map_err(ConvertError::Read)?.len();
    // A file named as gzip that has no bytes did not arrive whole; a plain one has no rows.
    if bytes == 0 && path.extension().is_none_or(|ending| ending != "gz") {
        return Ok(VendorRows::default());
    }
    let mut keys = Keys { given: key.cloned(), names: Vec::new(), cells: Vec::new(), dictionary: None };
    let counted = Counted { file, phase: phase.clone() };
    let input = Input { reader: Box::new(BufReader::with_capacity(1 << 16, counted)), bytes };
    let mut rows_out = 0;
    let decoded = decode_file(input, table, Expectation::default(), stop, |rows| {
        let column = keys.column(&rows, table)?;
        let columns = std::iter::once(column).chain(rows.columns).collect();
        let batch = RecordBatch::try_new(table.schema().clone(), columns);
        let batch = batch.map_err(|error| unwritten(ExportError::of_arrow(error)))?;
        rows_out += batch.num_rows() as u64;
        take(batch)
    })?;
    decoded.check_share()?;
    let (rows_in, rejected) = (decoded.rows_in, decoded.rejected());
    Account { read: rows_in, stored: rows_out, rejected, not_asked_for: 0 }.settle()?;
    let line = |r: &Reject| format!("line {}: {}: {}", r.line, r.reason, r.text);
    Ok(VendorRows {
        instrument_keys: keys.names,
        rows_in,
        rows_out,
        rejected: decoded.rejects.iter().map(line).collect(),
        inexact_numbers: decoded.names.iter().map(|n| n.tally.inexact_numbers).sum(),
    })
}

/// A file whose bytes a phase hears of.
struct Counted {
    file: File,
    phase: Phase,
}

impl Read for Counted {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(into)?;
        self.phase.advance(count as u64);
        Ok(count)
    }
}

/// The table with the file's header. Trades and liquidations have the same header, as do quotes and book_ticker: there the
/// file's name decides, and if it does not, the user must. A file without a header has no rows; only a full name tells of what.
fn table_of(file: &Path, opened: File) -> Result<&'static Table, ConvertError> {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let named =
        VendorFile::from_official_name(&name).or_else(|| VendorFile::from_path(&file.to_string_lossy()));
    let mut reader = BufReader::new(opened);
    let is_gzip = is_gzip(reader.fill_buf().map_err(ConvertError::Read)?);
    let plain: Box<dyn Read> = if is_gzip { Box::new(Gunzip::new(reader)) } else { Box::new(reader) };
    let mut header = Vec::new();
    // A header is far shorter. Without the limit, a file without line breaks would be read whole.
    BufReader::new(plain.take(1 << 16))
        .read_until(b'\n', &mut header)
        .map_err(crate::download::partition::read_error)?;
    if header.is_empty() {
        return named.map(|file| file.data_type.table()).ok_or(ConvertError::Empty);
    }
    let header = String::from_utf8_lossy(&header);
    let header = header.trim_end();
    let cells = text_cells(header);
    let cells: Vec<&str> = cells.iter().map(AsRef::as_ref).collect();
    let fitting = Table::of_header(&cells);
    if let Some(table) =
        fitting.iter().find(|table| named.as_ref().is_some_and(|f| f.data_type == table.data_type))
    {
        return Ok(table);
    }
    let types: Vec<DataType> = fitting.iter().map(|table| table.data_type).collect();
    match of_name(&types, &name) {
        Some(data_type) => Ok(data_type.table()),
        None if fitting.is_empty() => Err(ConvertError::UnknownHeader(header.chars().take(200).collect())),
        None => Err(ConvertError::SeveralTypes(types)),
    }
}

/// Picks a data type out of those that fit a header: the only one, else the only one in the file's name, in the singular or
/// plural; `None` if neither decides.
pub(crate) fn of_name(fitting: &[DataType], name: &str) -> Option<DataType> {
    let plain = |text: &str| text.to_lowercase().replace(['_', '-', ' '], "");
    let name = plain(name);
    let is_meant = |data_type: &DataType| name.contains(plain(data_type.name()).trim_end_matches('s'));
    let mut meant = fitting.iter().copied().filter(|data_type| fitting.len() == 1 || is_meant(data_type));
    meant.next().filter(|_| meant.next().is_none())
}

fn unwritten(error: ExportError) -> ConvertError {
    match error {
        ExportError::Parquet(source) => ConvertError::Write(source),
        other => ConvertError::Output(io::Error::other(other)),
    }
}

/// The `instrument_key` column of rows of any instrument.
struct Keys {
    given: Option<InstrumentKey>,
    names: Vec<String>,
    /// Exchange and symbol of each name, as the rows write them.
    cells: Vec<String>,
    dictionary: Option<ArrayRef>,
}

impl Keys {
    fn column(&mut self, rows: &Rows, table: &Table) -> Result<ArrayRef, ConvertError> {
        for (exchange, symbol) in &rows.new_names {
            let name = self.name(exchange, symbol, first_day(rows, table, self.names.len()))?;
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

    fn name(&self, exchange: &str, symbol: &str, day: Option<Day>) -> Result<String, ConvertError> {
        match &self.given {
            Some(key) if self.names.is_empty() => match contradicted(key, exchange, symbol, day) {
                Some(rows) => Err(ConvertError::OtherInstrument { given: key.to_string(), rows }),
                None => Ok(key.to_string()),
            },
            Some(_) => Err(ConvertError::SeveralInstruments),
            None => Ok(Names::new(exchange).name_by_form(symbol, day).key.to_string()),
        }
    }
}

/// The UTC day on which the first row of a name arrived; `None` if no row of the batch has it.
fn first_day(rows: &Rows, table: &Table, name: usize) -> Option<Day> {
    let place = rows.names.iter().position(|index| *index as usize == name)?;
    let arrival = table.row_schema().index_of("local_timestamp").ok()?;
    let of_arrival = rows.columns.get(arrival)?;
    let times = of_arrival.as_primitive_opt::<TimestampMicrosecondType>()?;
    Day::containing_us(times.value(place))
}

/// The rows' own claim, if it contradicts the given instrument: another venue, or another symbol of the same type. A symbol
/// alone may not determine the type, so another type is no contradiction.
fn contradicted(given: &InstrumentKey, exchange: &str, symbol: &str, day: Option<Day>) -> Option<String> {
    let venue = venue_of_exchange(exchange);
    if given.venue() != venue {
        return Some(format!("{symbol} of {venue}"));
    }
    let guessed = Names::new(exchange).name_by_form(symbol, day).key;
    let plain = |key: &InstrumentKey| key.as_str().split('~').next().unwrap_or_default().to_owned();
    // A native key tells no terms that a user could contradict.
    let is_claim = guessed.is_canonical() && guessed.instrument_type() == given.instrument_type();
    let is_other = is_claim && plain(&guessed) != plain(given);
    is_other.then(|| guessed.to_string())
}
