//! Converts one vendor file to partitions: inflate, decode, check, encode.
//!
//! Blocking code over a reader. Small files are converted on the calling thread; large files on three threads, one for each
//! step, so that the slowest step alone sets the pace. The output does not depend on the number of threads.

use std::io::{self, BufRead, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use arrow_array::{ArrayRef, RecordBatch};
use mtdh_core::check::{Context, Finding};
use mtdh_core::footer::{PartitionFooter, Provenance, SourceFile, Tally};
use mtdh_core::partition::{Partition, Status};
use mtdh_core::table::{SCHEMA_VERSION, Table};
use mtdh_lake::write::PartitionWriter;
use mtdh_lake::{ParquetError, Sealed, StagedObject};
use mtdh_source::gunzip::{Gunzip, GzipError, is_gzip};
use mtdh_source::tardis::csv::{Decoder, Expectation, Reject, RowName, Rows};
use tokio_util::sync::CancellationToken;

use crate::check::CheckPlan;
use crate::check::row_checks::RowChecks;
use crate::download::account::Account;
use crate::download::error::{ConvertError, MAX_REJECTED_SHARE};

/// Plain bytes decoded at a time.
const CHUNK_BYTES: usize = 256 << 10;

/// Compressed files larger than this use three threads.
const PIPELINE_BYTES: u64 = 256 << 10;

/// Chunks and batches that may wait between two steps.
const QUEUE: usize = 4;

/// The contents of a file besides its batches.
#[derive(Debug)]
pub struct Decoded {
    /// Rows read, including rejected ones.
    pub rows_in: u64,
    /// The instruments of the rows, with their counts.
    pub names: Vec<RowName>,
    /// Rows that cannot be stored.
    pub rejects: Vec<Reject>,
}

impl Decoded {
    fn of(mut decoder: Decoder) -> Decoded {
        Decoded { rows_in: decoder.rows(), rejects: decoder.take_rejects(), names: decoder.names().to_vec() }
    }

    /// Rows that cannot be stored.
    pub fn rejected(&self) -> u64 {
        self.rejects.len() as u64
    }

    /// Refuses a file with too many rejected rows.
    ///
    /// # Errors
    /// When the share of rejected rows is above [`MAX_REJECTED_SHARE`].
    pub fn check_share(&self) -> Result<(), ConvertError> {
        let (rows, rejected) = (self.rows_in, self.rejected());
        match self.rejects.first() {
            Some(first) if rejected as f64 > rows as f64 * MAX_REJECTED_SHARE => {
                Err(ConvertError::TooManyRejects {
                    rejected,
                    rows,
                    line: first.line,
                    reason: first.reason.clone(),
                })
            }
            _ => Ok(()),
        }
    }
}

/// A file to read.
pub struct Input {
    /// Its bytes.
    pub reader: Box<dyn BufRead + Send>,
    /// Its size in bytes.
    pub bytes: u64,
}

/// Reads a whole file and passes its batches to `take`, in order, on the calling thread.
///
/// # Errors
/// When the file is refused, `take` fails, or `stop` is cancelled.
pub fn decode_file(
    input: Input,
    table: &'static Table,
    expectation: Expectation,
    stop: &CancellationToken,
    take: impl FnMut(Rows) -> Result<(), ConvertError>,
) -> Result<Decoded, ConvertError> {
    let decoder = Decoder::new(table, expectation);
    let is_large = input.bytes > PIPELINE_BYTES;
    let plain = Plain::of(input.reader)?;
    if is_large {
        on_three_threads(plain, decoder, stop, take)
    } else {
        on_this_thread(plain, decoder, stop, take)
    }
}

/// The plain bytes of a file.
enum Plain {
    Text(Box<dyn BufRead + Send>),
    Gzip(Gunzip<Box<dyn BufRead + Send>>),
}

impl Plain {
    /// Of gzip data, or of a plain file.
    fn of(mut reader: Box<dyn BufRead + Send>) -> Result<Plain, ConvertError> {
        let start = reader.fill_buf().map_err(ConvertError::Read)?;
        if start.is_empty() {
            return Err(ConvertError::NoBytes);
        }
        Ok(if is_gzip(start) { Plain::Gzip(Gunzip::new(reader)) } else { Plain::Text(reader) })
    }

    /// Reads bytes, and tells whether they begin a gzip member other than the first.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<(usize, bool)> {
        match self {
            Plain::Text(reader) => Ok((reader.read(buffer)?, false)),
            Plain::Gzip(gunzip) => {
                let before = gunzip.members();
                let length = gunzip.read(buffer)?;
                Ok((length, before > 0 && gunzip.members() > before))
            }
        }
    }
}

/// Plain bytes, and the places in them where a gzip member begins.
#[derive(Default)]
struct Chunk {
    bytes: Vec<u8>,
    parts: Vec<usize>,
}

impl Chunk {
    fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Takes the next bytes of a file; none at its end.
    fn fill(&mut self, plain: &mut Plain) -> Result<(), ConvertError> {
        self.bytes.resize(CHUNK_BYTES, 0);
        self.parts.clear();
        let mut filled = 0;
        while filled < CHUNK_BYTES {
            match plain.read(&mut self.bytes[filled..]) {
                Ok((0, _)) => break,
                Ok((length, is_part)) => {
                    self.parts.extend(is_part.then_some(filled));
                    filled += length;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(read_error(error)),
            }
        }
        self.bytes.truncate(filled);
        Ok(())
    }

    fn push_to(&self, decoder: &mut Decoder) -> Result<(), ConvertError> {
        let mut from = 0;
        for at in &self.parts {
            decoder.push(&self.bytes[from..*at]).map_err(ConvertError::Decode)?;
            decoder.begin_part();
            from = *at;
        }
        decoder.push(&self.bytes[from..]).map_err(ConvertError::Decode)
    }
}

pub(crate) fn read_error(error: io::Error) -> ConvertError {
    let gzip = error.get_ref().and_then(|e| e.downcast_ref::<GzipError>()).copied();
    gzip.map_or_else(|| ConvertError::Read(error), ConvertError::Gzip)
}

fn on_this_thread(
    mut plain: Plain,
    mut decoder: Decoder,
    stop: &CancellationToken,
    mut take: impl FnMut(Rows) -> Result<(), ConvertError>,
) -> Result<Decoded, ConvertError> {
    let mut chunk = Chunk::default();
    loop {
        if stop.is_cancelled() {
            return Err(ConvertError::Interrupted);
        }
        chunk.fill(&mut plain)?;
        if chunk.is_empty() {
            break;
        }
        chunk.push_to(&mut decoder)?;
        while let Some(rows) = decoder.take_rows() {
            take(rows)?;
        }
    }
    decoder.finish().map_err(ConvertError::Decode)?;
    while let Some(rows) = decoder.take_rows() {
        take(rows)?;
    }
    Ok(Decoded::of(decoder))
}

/// Inflates, decodes and calls `take` in parallel. A step that ends, for whatever reason, closes its queues, and thereby ends
/// the steps before and after it.
fn on_three_threads(
    plain: Plain,
    decoder: Decoder,
    stop: &CancellationToken,
    mut take: impl FnMut(Rows) -> Result<(), ConvertError>,
) -> Result<Decoded, ConvertError> {
    let (chunk_sender, chunks) = sync_channel(QUEUE);
    let (used_sender, used) = sync_channel(QUEUE + 2);
    let (rows_sender, rows) = sync_channel(QUEUE);
    std::thread::scope(|scope| {
        scope.spawn(move || inflate(plain, chunk_sender, &used, stop));
        let decoding = scope.spawn(move || decode(decoder, &chunks, &used_sender, &rows_sender));
        let taken = rows.iter().try_for_each(&mut take);
        // Lets the decoder, and with it the inflater, see that no more rows are wanted.
        drop(rows);
        let decoded = decoding.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        taken.and(decoded)
    })
}

type Inflated = Result<Chunk, ConvertError>;

fn inflate(mut plain: Plain, chunks: SyncSender<Inflated>, used: &Receiver<Chunk>, stop: &CancellationToken) {
    loop {
        let mut chunk = used.try_recv().unwrap_or_default();
        let outcome =
            if stop.is_cancelled() { Err(ConvertError::Interrupted) } else { chunk.fill(&mut plain) };
        let is_end = outcome.is_err() || chunk.is_empty();
        // A closed queue means that the decoder stopped; it reports the reason itself.
        if chunks.send(outcome.map(|()| chunk)).is_err() || is_end {
            return;
        }
    }
}

fn decode(
    mut decoder: Decoder,
    chunks: &Receiver<Inflated>,
    used: &SyncSender<Chunk>,
    rows: &SyncSender<Rows>,
) -> Result<Decoded, ConvertError> {
    for chunk in chunks {
        let chunk = chunk?;
        if chunk.is_empty() {
            decoder.finish().map_err(ConvertError::Decode)?;
        } else {
            chunk.push_to(&mut decoder)?;
        }
        while let Some(batch) = decoder.take_rows() {
            if rows.send(batch).is_err() {
                // The writer stopped; it reports the reason itself.
                return Err(ConvertError::Interrupted);
            }
        }
        if chunk.is_empty() {
            return Ok(Decoded::of(decoder));
        }
        // A full or closed queue: the chunk's memory is simply freed.
        let _freed = used.try_send(chunk);
    }
    Err(ConvertError::Interrupted)
}

/// A partition that is ready to be published.
#[derive(Debug)]
pub struct Converted {
    /// Its statistics, as in its footer.
    pub facts: PartitionFooter,
    /// The object.
    pub stage: StagedObject,
    /// Its digest, as in its footer.
    pub digest: String,
    /// Its rejected rows.
    pub rejects: Vec<Reject>,
    /// Findings of the row checks; `None`: no checks were asked for.
    pub findings: Option<Vec<Finding>>,
}

/// Builds a partition: its rows pass the row checks, and are written to its object.
pub struct PartitionBuilder {
    writer: PartitionWriter<StagedObject>,
    passing: Option<RowChecks>,
}

impl PartitionBuilder {
    /// Begins a partition's object in `stage`.
    ///
    /// # Errors
    /// When the stage refuses bytes.
    pub fn start(
        partition: &Partition,
        stage: StagedObject,
        checks: Option<&CheckPlan>,
    ) -> Result<PartitionBuilder, ConvertError> {
        let table = partition.data_type.table();
        let writer = PartitionWriter::new(table, &partition.key, stage).map_err(ConvertError::Write)?;
        let Partition { key, data_type, day } = partition;
        let context = Context::default();
        let begin = |plan: &CheckPlan| RowChecks::start(plan, Some(key), *data_type, Some(*day), &context);
        Ok(PartitionBuilder { writer, passing: checks.map(begin) })
    }

    /// Adds the next rows: the table's columns in its order.
    pub(crate) fn rows(&mut self, columns: Vec<ArrayRef>) -> Result<(), ConvertError> {
        if let Some(passing) = &mut self.passing {
            let schema = self.writer.table().row_schema().clone();
            let batch = RecordBatch::try_new(schema, columns.clone()).map_err(ParquetError::from);
            let seen =
                batch.and_then(|batch| passing.rows(&batch).map(|_| ()).map_err(ParquetError::General));
            seen.map_err(ConvertError::Write)?;
        }
        self.writer.write(columns).map_err(ConvertError::Write)
    }

    /// Ends the object. Its footer has the number of rows written, and the number that the file has of the instrument.
    pub(crate) fn finish(
        self,
        mut facts: PartitionFooter,
        rejects: Vec<Reject>,
    ) -> Result<Converted, ConvertError> {
        let tally = &mut facts.tally;
        tally.rows_out = self.writer.rows();
        let account = Account { read: tally.rows_in, stored: tally.rows_out, ..Account::default() };
        Account { rejected: rejects.len() as u64, ..account }.settle()?;
        tally.rows_rejected = rejects.len() as u64;
        let Sealed { out: stage, digest } = self.writer.finish(&facts).map_err(ConvertError::Write)?;
        Ok(Converted { facts, stage, digest, rejects, findings: self.passing.map(RowChecks::finish) })
    }
}

/// Makes the partition of a file that holds one instrument.
///
/// # Errors
/// When the file is refused or cannot be written.
pub fn convert_single(
    input: Input,
    partition: &Partition,
    origin: SourceFile,
    mut making: PartitionBuilder,
    stop: &CancellationToken,
) -> Result<Converted, ConvertError> {
    let table = partition.data_type.table();
    let expectation = Expectation {
        exchange: Some(origin.exchange.clone()),
        symbol: Some(origin.symbol.clone()),
        day: Some(partition.day),
    };
    let decoded = decode_file(input, table, expectation, stop, |rows| making.rows(rows.columns))?;
    decoded.check_share()?;
    let first = decoded.names.first();
    // Rows too broken to name an instrument belong to this one too.
    let tally = Tally { rows_in: decoded.rows_in, ..first.map(|n| n.tally).unwrap_or_default() };
    let origin = match first {
        Some(name) => SourceFile { exchange: name.exchange.clone(), symbol: name.symbol.clone(), ..origin },
        None => origin,
    };
    let facts = facts(partition, origin, tally, None);
    making.finish(facts, decoded.rejects)
}

/// Makes the object of a partition without rows at the vendor, with the evidence.
///
/// # Errors
/// When it cannot be written.
pub fn without_rows(
    partition: &Partition,
    status: Status,
    reason: String,
    origin: SourceFile,
    stage: StagedObject,
) -> Result<Converted, ConvertError> {
    let facts = PartitionFooter { status, ..facts(partition, origin, Tally::default(), Some(reason)) };
    PartitionBuilder::start(partition, stage, None)?.finish(facts, Vec::new())
}

pub(crate) fn facts(
    partition: &Partition,
    origin: SourceFile,
    tally: Tally,
    reason: Option<String>,
) -> PartitionFooter {
    let status = if tally.rows_out > 0 { Status::Stored } else { Status::Empty };
    PartitionFooter {
        partition: partition.clone(),
        status,
        reason,
        provenance: Provenance::VendorFile(origin),
        tally,
        schema_version: SCHEMA_VERSION,
    }
}
