//! Splits a grouped file by instrument while it streams.
//!
//! Rows wait in memory by instrument. When too many wait, the largest groups of rows are compressed and moved to one spill
//! file on disk. Nothing is published before the end of the file has been verified. Then each instrument's rows are read back
//! in order and written in batches of the same length as from a file of its own, so that the objects have the same rows and
//! the same row groups.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;

use arrow_array::{RecordBatch, UInt32Array};
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{ArrowError, SchemaRef};
use arrow_select::coalesce::BatchCoalescer;
use arrow_select::concat::concat_batches;
use arrow_select::take::take_record_batch;
use mtdh_core::footer::SourceFile;
use mtdh_core::partition::Partition;
use mtdh_core::table::Table;
use mtdh_source::tardis::csv::{BATCH_ROWS, Expectation, Reject, Rows, dataset_symbol};
use tokio_util::sync::CancellationToken;
use zstd::bulk::{Compressor, Decompressor};

use crate::download::account::Account;
use crate::download::error::{ConvertError, MAX_REJECTED_SHARE};
use crate::download::partition::{Converted, Decoded, Input, PartitionBuilder, decode_file, facts};
use crate::download::plan::{DownloadTask, TaskPartition};

/// Rows wait in memory up to this many bytes.
const WAITING_BYTES: usize = 96 << 20;

/// What a grouped file contained besides the partitions that were asked for.
#[derive(Debug, Default)]
pub struct Leftovers {
    /// Rows of instruments that were not asked for.
    pub other_rows: u64,
    /// Rejected rows whose instrument is not known.
    pub unnamed_rejects: Vec<Reject>,
}

/// Makes the partitions of a grouped file and passes each to `publish`. Members without rows in the file become empty
/// partitions, with the grouped file as evidence.
///
/// # Errors
/// When the file is refused, a partition cannot be written, or `publish` fails.
pub fn convert_group(
    input: Input,
    unit: &DownloadTask,
    origin: &SourceFile,
    temporary: &Path,
    stop: &CancellationToken,
    begin: impl Fn(&Partition) -> Result<PartitionBuilder, ConvertError>,
    mut publish: impl FnMut(Converted) -> Result<(), ConvertError>,
) -> Result<Leftovers, ConvertError> {
    let table = unit.file.data_type.table();
    let expectation =
        Expectation { exchange: Some(unit.file.exchange.clone()), symbol: None, day: Some(unit.file.day) };
    let mut splitter = Splitter::new(table, temporary, WAITING_BYTES);
    let decoded =
        decode_file(input, table, expectation, stop, |rows| splitter.add(rows).map_err(spill_failed))?;
    decoded.check_share()?;
    if decoded.names.is_empty() {
        return Err(ConvertError::EmptyGroup);
    }
    check_known(unit, &decoded)?;
    let index_by_symbol = by_symbol(&decoded);
    check_apart(unit, &index_by_symbol)?;
    account(unit, &decoded, &index_by_symbol, &splitter).settle()?;
    for member in &unit.members {
        if stop.is_cancelled() {
            return Err(ConvertError::Interrupted);
        }
        let mut making = begin(&member.partition)?;
        let mut origin = SourceFile { symbol: member.symbol.clone(), ..origin.clone() };
        let converted = match index_by_symbol.get(&member.symbol) {
            Some(index) => {
                let name = &decoded.names[*index];
                splitter.read(*index, |batch| making.rows(batch.columns().to_vec()))?;
                origin.symbol.clone_from(&name.symbol);
                let facts = facts(&member.partition, origin, name.tally, None);
                let rejects =
                    decoded.rejects.iter().filter(|r| r.name == Some(*index as u32)).cloned().collect();
                making.finish(facts, rejects)?
            }
            None => {
                let reason = format!("not mentioned in the group file {}", unit.file.path());
                let facts = facts(&member.partition, origin, Default::default(), Some(reason));
                making.finish(facts, Vec::new())?
            }
        };
        publish(converted)?;
    }
    Ok(leftovers(unit, decoded))
}

/// The index of each symbol among the names; symbols in the form of file URLs.
fn by_symbol(decoded: &Decoded) -> HashMap<String, usize> {
    let names = decoded.names.iter().enumerate();
    names.map(|(index, name)| (dataset_symbol(&name.symbol), index)).collect()
}

/// Refuses rows that two members claim: both would get all of them, or the second none.
fn check_apart(unit: &DownloadTask, index_by_symbol: &HashMap<String, usize>) -> Result<(), ConvertError> {
    let mut claimed: HashMap<&str, &Partition> = HashMap::new();
    for member in unit.members.iter().filter(|m| index_by_symbol.contains_key(&m.symbol)) {
        if let Some(other) = claimed.insert(&member.symbol, &member.partition) {
            let (one, other) = (other.key.clone(), member.partition.key.clone());
            return Err(ConvertError::SharedSymbol { symbol: member.symbol.clone(), one, other });
        }
    }
    Ok(())
}

/// The account of the whole file, before anything is written.
fn account(
    unit: &DownloadTask,
    decoded: &Decoded,
    index_by_symbol: &HashMap<String, usize>,
    splitter: &Splitter<'_>,
) -> Account {
    let of_member =
        |member: &TaskPartition| index_by_symbol.get(&member.symbol).map_or(0, |i| splitter.rows(*i));
    let stored = unit.members.iter().map(of_member).sum();
    let asked_for: HashSet<&str> = unit.members.iter().map(|m| m.symbol.as_str()).collect();
    let others = index_by_symbol.iter().filter(|(symbol, _)| !asked_for.contains(symbol.as_str()));
    let not_asked_for = others.map(|(_, index)| splitter.rows(*index)).sum();
    Account { read: decoded.rows_in, stored, rejected: decoded.rejected(), not_asked_for }
}

/// Refuses a file with too many rows of unknown symbols.
fn check_known(unit: &DownloadTask, decoded: &Decoded) -> Result<(), ConvertError> {
    let is_unknown = |symbol: &str| !unit.known.contains(&dataset_symbol(symbol));
    let unknown: Vec<_> = decoded.names.iter().filter(|name| is_unknown(&name.symbol)).collect();
    let Some(first) = unknown.first() else { return Ok(()) };
    let rows = unknown.iter().map(|name| name.tally.rows_in).sum();
    let all = decoded.names.iter().map(|name| name.tally.rows_in).sum();
    let symbol = first.symbol.clone();
    if rows as f64 > all as f64 * MAX_REJECTED_SHARE {
        return Err(ConvertError::UnknownSymbols { rows, all, symbol });
    }
    tracing::warn!(
        file = unit.file.path(),
        rows,
        symbol,
        "rows of symbols that the day's table does not have"
    );
    Ok(())
}

fn leftovers(unit: &DownloadTask, decoded: Decoded) -> Leftovers {
    let asked_for: HashSet<&str> = unit.members.iter().map(|m| m.symbol.as_str()).collect();
    let others =
        decoded.names.iter().filter(|name| !asked_for.contains(dataset_symbol(&name.symbol).as_str()));
    Leftovers {
        other_rows: others.map(|name| name.tally.rows_in).sum(),
        unnamed_rejects: decoded.rejects.into_iter().filter(|r| r.name.is_none()).collect(),
    }
}

fn spill_failed(error: ArrowError) -> ConvertError {
    ConvertError::Read(io::Error::other(error))
}

/// Rows by name, in memory and on disk.
struct Splitter<'a> {
    schema: SchemaRef,
    temporary: &'a Path,
    heaps: Vec<Heap>,
    /// Bytes that may wait in memory.
    allowance: usize,
    waiting_bytes: usize,
    spill: Option<Spill>,
}

/// The rows of one name: first those on disk, then those in memory.
#[derive(Default)]
struct Heap {
    rows: u64,
    spilled: Vec<Segment>,
    waiting: Vec<RecordBatch>,
}

impl<'a> Splitter<'a> {
    fn new(table: &Table, temporary: &'a Path, allowance: usize) -> Splitter<'a> {
        Splitter {
            schema: table.row_schema().clone(),
            temporary,
            heaps: Vec::new(),
            allowance,
            waiting_bytes: 0,
            spill: None,
        }
    }

    fn add(&mut self, rows: Rows) -> Result<(), ArrowError> {
        let batch = RecordBatch::try_new(self.schema.clone(), rows.columns)?;
        let mut order: Vec<u32> = (0..rows.names.len() as u32).collect();
        // Stable: the rows of a name keep their order.
        order.sort_by_key(|row| rows.names[*row as usize]);
        let sorted = take_record_batch(&batch, &UInt32Array::from(order.clone()))?;
        self.waiting_bytes += sorted.get_array_memory_size();
        let mut start = 0;
        for run in order.chunk_by(|a, b| rows.names[*a as usize] == rows.names[*b as usize]) {
            let name = rows.names[run[0] as usize] as usize;
            if self.heaps.len() <= name {
                self.heaps.resize_with(name + 1, Heap::default);
            }
            self.heaps[name].rows += run.len() as u64;
            self.heaps[name].waiting.push(sorted.slice(start, run.len()));
            start += run.len();
        }
        if self.waiting_bytes > self.allowance { self.spill_largest() } else { Ok(()) }
    }

    /// How many rows of a name there are.
    fn rows(&self, name: usize) -> u64 {
        self.heaps.get(name).map_or(0, |heap| heap.rows)
    }

    /// Moves the largest heaps to disk until half of the allowance is free. Copies the others together, because their slices
    /// keep the memory of whole batches alive.
    fn spill_largest(&mut self) -> Result<(), ArrowError> {
        let mut sizes = Vec::new();
        for (index, heap) in self.heaps.iter_mut().enumerate().filter(|(_, h)| !h.waiting.is_empty()) {
            let whole = concat_batches(&self.schema, &heap.waiting)?;
            sizes.push((whole.get_array_memory_size(), index));
            heap.waiting = vec![whole];
        }
        sizes.sort_unstable_by(|a, b| b.cmp(a));
        let mut waiting: usize = sizes.iter().map(|(bytes, _)| bytes).sum();
        for (bytes, index) in sizes {
            if waiting <= self.allowance / 2 {
                break;
            }
            let batches = std::mem::take(&mut self.heaps[index].waiting);
            let place = self.write_spill(&batches)?;
            self.heaps[index].spilled.push(place);
            waiting -= bytes;
        }
        self.waiting_bytes = waiting;
        Ok(())
    }

    fn write_spill(&mut self, batches: &[RecordBatch]) -> Result<Segment, ArrowError> {
        let mut segment = StreamWriter::try_new(Vec::new(), &self.schema)?;
        batches.iter().try_for_each(|batch| segment.write(batch))?;
        let segment = segment.into_inner()?;
        let spill = match &mut self.spill {
            Some(spill) => spill,
            None => self.spill.insert(Spill::new(self.temporary)?),
        };
        Ok(spill.write(&segment)?)
    }

    /// Passes a name's rows to `write`, in order, in batches of [`BATCH_ROWS`].
    fn read(
        &mut self,
        name: usize,
        mut write: impl FnMut(RecordBatch) -> Result<(), ConvertError>,
    ) -> Result<(), ConvertError> {
        let Some(heap) = self.heaps.get_mut(name) else { return Ok(()) };
        let heap = std::mem::take(heap);
        let mut coalescer = BatchCoalescer::new(self.schema.clone(), BATCH_ROWS);
        for segment in &heap.spilled {
            for batch in self.read_spill(segment).map_err(spill_failed)? {
                coalescer.push_batch(batch).map_err(spill_failed)?;
            }
            while let Some(batch) = coalescer.next_completed_batch() {
                write(batch)?;
            }
        }
        for batch in heap.waiting {
            coalescer.push_batch(batch).map_err(spill_failed)?;
        }
        coalescer.finish_buffered_batch().map_err(spill_failed)?;
        while let Some(batch) = coalescer.next_completed_batch() {
            write(batch)?;
        }
        Ok(())
    }

    fn read_spill(&mut self, segment: &Segment) -> Result<Vec<RecordBatch>, ArrowError> {
        let Some(spill) = &mut self.spill else { return Ok(Vec::new()) };
        StreamReader::try_new(&spill.read(segment)?[..], None)?.collect()
    }
}

/// A file of segments, each compressed as a whole: compressed one by one the many short columns of small instruments would need more
/// time for their compressors than for their bytes.
struct Spill {
    file: File,
    bytes: u64,
    compressor: Compressor<'static>,
    decompressor: Decompressor<'static>,
}

/// Where a segment is in the file, and how long it is uncompressed.
struct Segment {
    place: Range<u64>,
    plain_bytes: usize,
}

impl Spill {
    fn new(folder: &Path) -> io::Result<Spill> {
        let (compressor, decompressor) = (Compressor::new(1)?, Decompressor::new()?);
        Ok(Spill { file: tempfile::tempfile_in(folder)?, bytes: 0, compressor, decompressor })
    }

    fn write(&mut self, plain: &[u8]) -> io::Result<Segment> {
        let stored = self.compressor.compress(plain)?;
        self.file.write_all_at(&stored, self.bytes)?;
        let start = self.bytes;
        self.bytes += stored.len() as u64;
        Ok(Segment { place: start..self.bytes, plain_bytes: plain.len() })
    }

    fn read(&mut self, segment: &Segment) -> io::Result<Vec<u8>> {
        let mut stored = vec![0; (segment.place.end - segment.place.start) as usize];
        self.file.read_exact_at(&mut stored, segment.place.start)?;
        self.decompressor.decompress(&stored, segment.plain_bytes)
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::cast::AsArray;
    use mtdh_core::DataType;
    use mtdh_source::tardis::csv::Decoder;

    use super::*;

    /// Rows of `names` symbols in turn; the first symbol has the most.
    fn file(rows: usize, names: usize) -> String {
        let mut csv = DataType::Trades.table().csv_header() + "\n";
        for row in 0..rows {
            let name = if row % 3 == 0 { 0 } else { row % names };
            let us = 1_709_251_200_000_000 + row;
            csv += &format!("deribit,S{name},{us},{us},id-{row},buy,{}.5,1\n", row % 1000);
        }
        csv
    }

    /// For each name its ids in order, and the lengths of its batches.
    fn split(csv: &str, allowance: usize) -> (Vec<Vec<String>>, Vec<Vec<usize>>, bool) {
        let temporary = tempfile::tempdir().unwrap();
        let table = DataType::Trades.table();
        let mut decoder = Decoder::new(table, Expectation::default());
        let mut splitter = Splitter::new(table, temporary.path(), allowance);
        for chunk in csv.as_bytes().chunks(100_000) {
            decoder.push(chunk).unwrap();
            while let Some(rows) = decoder.take_rows() {
                splitter.add(rows).unwrap();
            }
        }
        decoder.finish().unwrap();
        while let Some(rows) = decoder.take_rows() {
            splitter.add(rows).unwrap();
        }
        let (mut ids, mut lengths) = (Vec::new(), Vec::new());
        for name in 0..decoder.names().len() {
            let (mut own_ids, mut own_lengths) = (Vec::new(), Vec::new());
            let take = |batch: RecordBatch| {
                own_lengths.push(batch.num_rows());
                own_ids.extend(batch.column(2).as_string::<i32>().iter().flatten().map(str::to_owned));
                Ok(())
            };
            splitter.read(name, take).unwrap();
            ids.push(own_ids);
            lengths.push(own_lengths);
        }
        (ids, lengths, splitter.spill.is_some())
    }

    #[test]
    fn rows_come_back_in_order_whether_they_waited_in_memory_or_on_disk() {
        let csv = file(200_000, 7);
        let (in_memory, lengths, spilled) = split(&csv, usize::MAX);
        assert!(!spilled);
        let (on_disk, spilled_lengths, spilled) = split(&csv, 1 << 20);
        assert!(spilled);
        assert_eq!(in_memory, on_disk);
        assert_eq!(lengths, spilled_lengths);
        assert_eq!(in_memory.iter().map(Vec::len).sum::<usize>(), 200_000);
        let number = |id: &String| id.trim_start_matches("id-").parse::<usize>().unwrap();
        assert!(on_disk.iter().all(|ids| ids.is_sorted_by_key(number)), "each name's rows keep their order");
        let is_full = |lengths: &Vec<usize>| lengths.iter().rev().skip(1).all(|length| *length == BATCH_ROWS);
        assert!(lengths.iter().all(is_full), "batches are as long as from a file of its own");
    }
}
