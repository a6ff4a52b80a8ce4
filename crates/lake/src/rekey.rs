//! Moves an object to another instrument key, without encoding its rows again.
//!
//! The column `instrument_key` and the footer change; every other column chunk is carried over byte for byte, read back from
//! the store and compared before the former object is removed. The same object gives the same bytes each time, so that a move
//! that was interrupted is simply made again.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::{ArrayRef, DictionaryArray, Int32Array, StringArray};
use mtdh_core::Day;
use mtdh_core::candle::Timeframe;
use mtdh_core::footer::FORMER_KEYS;
use mtdh_core::key::InstrumentKey;
use mtdh_core::partition::Partition;
use mtdh_core::table::INSTRUMENT_KEY;
use object_store::path::Path;
use parquet::arrow::async_reader::AsyncFileReader;
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::schema::types::ColumnDescPtr;

use crate::encode::dictionary::WordChunk;
use crate::encode::{Finished, PagePress};
use crate::error::LakeError;
use crate::file_writer::FileWriter;
use crate::object::{Entry, WriteMode};
use crate::read::{ObjectReader, failure, pairs};
use crate::reader::Opened;
use crate::seal::page::PageHeader;
use crate::seal::{self, DataHasher};
use crate::stage::StagedObject;
use crate::store::Lake;
use crate::write::base_properties;

/// The first bytes of a Parquet file, which its digest covers.
const MAGIC: &[u8] = b"PAR1";

/// What a move left behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rekeyed {
    /// BLAKE3 of the former object's data part, lower-case hexadecimal.
    pub former_digest: String,
    /// BLAKE3 of the new object's data part; `None`: it has no checksums, as the former one.
    pub digest: Option<String>,
    /// Size of the new object, in bytes.
    pub bytes: u64,
}

/// An object under another key, not yet published.
struct Rewritten {
    stage: StagedObject,
    former_digest: String,
    digest: Option<String>,
    /// BLAKE3 of each column chunk that was carried over, in the order of the file.
    carried: Vec<blake3::Hash>,
}

impl Lake {
    /// Moves the object `from` to `to`, under `key`, and removes the former one.
    ///
    /// # Errors
    /// When the store fails, the object is damaged or not one of a lake, or another object lies at `to`. The former object then
    /// stays.
    async fn rekey(&self, from: &Entry, to: &Path, key: &InstrumentKey) -> Result<Rekeyed, LakeError> {
        let Rewritten { stage, former_digest, digest, carried } = self.rewritten(from, key).await?;
        let bytes = stage.bytes();
        self.publish(to, stage, WriteMode::Create).await?;
        let vanished = || LakeError::Vanished { path: to.to_string() };
        let new = self.entry(to).await?.ok_or_else(vanished)?;
        if self.carried(&new).await? != carried {
            let differs = wrong("its columns are not those of the object that it was made from");
            return Err(failure(to, differs));
        }
        self.delete(&from.path).await?;
        Ok(Rekeyed { former_digest, digest, bytes })
    }

    /// Moves a partition's object and its rejected rows to another key of the same instrument.
    ///
    /// # Errors
    /// When the store fails, the object is damaged or not one of a lake, or another object lies at the new key. The former object
    /// then stays.
    pub async fn rekey_partition(
        &self,
        partition: &Partition,
        from: &Entry,
        key: &InstrumentKey,
    ) -> Result<Rekeyed, LakeError> {
        let new = Partition { key: key.clone(), ..partition.clone() };
        // The rejected rows first: once the object has moved, nothing leads back to them.
        let (old_rejects, new_rejects) =
            (self.layout().quarantine(partition), self.layout().quarantine(&new));
        if let Some(lines) = self.read(&old_rejects).await? {
            self.publish_bytes(&new_rejects, &lines, WriteMode::Create).await?;
        }
        let moved = self.rekey(from, &self.layout().partition(&new), key).await?;
        self.delete(&old_rejects).await?;
        Ok(moved)
    }

    /// Moves an instrument's candles of a day and timeframe to another key.
    ///
    /// # Errors
    /// As [`Lake::rekey_partition`].
    pub async fn rekey_candles(
        &self,
        day: Day,
        timeframe: Timeframe,
        from: &Entry,
        key: &InstrumentKey,
    ) -> Result<Rekeyed, LakeError> {
        self.rekey(from, &self.layout().candles(day, timeframe, key), key).await
    }

    /// The former keys of an object, oldest first; none if it never changed its key.
    ///
    /// # Errors
    /// When the store fails, or the object is no Parquet file.
    pub async fn former_keys(&self, entry: &Entry) -> Result<Vec<String>, LakeError> {
        let (facts, _) = self.pairs(entry).await?;
        let lines = facts.get(FORMER_KEYS).map(String::as_str).unwrap_or_default().lines();
        Ok(lines.filter_map(|line| line.split(' ').next()).map(str::to_owned).collect())
    }

    async fn rewritten(&self, from: &Entry, key: &InstrumentKey) -> Result<Rewritten, LakeError> {
        let failed = |error| failure(&from.path, error);
        let mut reader = self.reader(from, &Arc::default()).await?;
        let opened = reader.open().await.map_err(failed)?;
        let mut writer = writer(&opened, self.stage()?).map_err(failed)?;
        let mut copy = Copy::new(&opened.metadata);
        for group in 0..opened.metadata.num_row_groups() {
            let chunks = copy.row_group(&mut reader, group, key).await.map_err(failed)?;
            writer.row_group(chunks.into_iter().map(Ok)).map_err(failed)?;
        }
        let former_digest = copy.digest(&opened).map_err(failed)?;
        let mut facts: BTreeMap<String, String> = pairs(&opened.metadata)
            .filter(|(name, _)| name.starts_with("mtdh.") && !seal::is_pair(name))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let former_key = facts.insert("mtdh.instrument_key".to_owned(), key.to_string());
        let former_key = former_key.ok_or_else(|| failed(wrong("its footer has no instrument key")))?;
        let line = format!("{former_key} {former_digest}");
        let earlier = facts.remove(FORMER_KEYS);
        facts
            .insert(FORMER_KEYS.to_owned(), earlier.map_or(line.clone(), |lines| format!("{lines}\n{line}")));
        let (stage, digest) = match opened.seal {
            Some(_) => {
                let sealed = writer.finish(facts).map_err(failed)?;
                (sealed.out, Some(sealed.digest))
            }
            None => (writer.finish_unsealed(facts).map_err(failed)?, None),
        };
        Ok(Rewritten { stage, former_digest, digest, carried: copy.carried })
    }

    /// BLAKE3 of an object's column chunks, except those of the key.
    async fn carried(&self, entry: &Entry) -> Result<Vec<blake3::Hash>, LakeError> {
        let failed = |error| failure(&entry.path, error);
        let mut reader = self.reader(entry, &Arc::default()).await?;
        let metadata = reader.open().await.map_err(failed)?.metadata;
        let mut hashes = Vec::new();
        for group in metadata.row_groups() {
            for column in group.columns().iter().filter(|column| !is_key(column)) {
                let (start, length) = column.byte_range();
                let chunk = reader.fetch(start..start + length).await.map_err(failed)?;
                hashes.push(blake3::hash(&chunk));
            }
        }
        Ok(hashes)
    }
}

/// A writer of a file with the columns of another one.
fn writer(opened: &Opened, out: StagedObject) -> Result<FileWriter<StagedObject>, ParquetError> {
    let mut properties = base_properties();
    // The rows stay as that version encoded them.
    if let Some(program) = opened.metadata.file_metadata().created_by() {
        properties = properties.set_created_by(program.to_owned());
    }
    let schema = opened.table_columns()?.schema().clone();
    let writer = FileWriter::new(schema, properties.build(), out)?;
    let columns = opened.metadata.file_metadata().schema_descr().columns();
    if writer.descriptions() != columns {
        return Err(wrong("its columns are not those of a table of this program"));
    }
    Ok(writer)
}

/// The column chunks of a file on their way to another one.
struct Copy<'a> {
    metadata: &'a ParquetMetaData,
    hasher: DataHasher,
    /// The end of what was hashed.
    position: u64,
    carried: Vec<blake3::Hash>,
}

impl<'a> Copy<'a> {
    fn new(metadata: &'a ParquetMetaData) -> Copy<'a> {
        let mut hasher = DataHasher::default();
        hasher.update(MAGIC);
        Copy { metadata, hasher, position: MAGIC.len() as u64, carried: Vec::new() }
    }

    /// The chunks of a row group, with the key's replaced.
    async fn row_group(
        &mut self,
        reader: &mut ObjectReader,
        number: usize,
        key: &InstrumentKey,
    ) -> Result<Vec<Finished<'static>>, ParquetError> {
        let group = self.metadata.row_group(number);
        let ranges = group.columns().iter().map(|column| {
            let (start, length) = column.byte_range();
            start..start + length
        });
        let chunks = reader.get_byte_ranges(ranges.clone().collect()).await?;
        let mut finished = Vec::with_capacity(chunks.len());
        for ((place, range), chunk) in ranges.enumerate().zip(chunks) {
            if range.start != self.position {
                return Err(wrong("its columns do not follow one another"));
            }
            self.hasher.update(&chunk);
            self.position = range.end;
            check_pages(&chunk)?;
            let column = group.column(place);
            if is_key(column) {
                finished.push(key_chunk(key, group.num_rows() as usize, column.column_descr_ptr())?);
            } else {
                self.carried.push(blake3::hash(&chunk));
                let close = self.close(number, place, range.start)?;
                finished.push((Vec::from(chunk).into(), close));
            }
        }
        Ok(finished)
    }

    /// What the footer says of a chunk, as if it began at 0.
    fn close(&self, group: usize, place: usize, start: u64) -> Result<ColumnCloseResult, ParquetError> {
        let column = self.metadata.row_group(group).column(place).clone();
        let start = start as i64;
        let rows = self.metadata.row_group(group).num_rows() as u64;
        let column_index = self.metadata.column_index().and_then(|index| index.get(group)?.get(place));
        let column_index = column_index.filter(|index| !matches!(index, ColumnIndexMetaData::NONE)).cloned();
        let offset_index = self.metadata.offset_index().and_then(|index| index.get(group)?.get(place));
        let mut offset_index = offset_index.cloned();
        for page in offset_index.iter_mut().flat_map(|index| &mut index.page_locations) {
            page.offset -= start;
        }
        let (dictionary, data) = (column.dictionary_page_offset(), column.data_page_offset());
        let bytes_written = column.compressed_size() as u64;
        let metadata = column
            .into_builder()
            .set_dictionary_page_offset(dictionary.map(|at| at - start))
            .set_data_page_offset(data - start)
            .build()?;
        Ok(ColumnCloseResult {
            bytes_written,
            rows_written: rows,
            metadata,
            bloom_filter: None,
            column_index,
            offset_index,
        })
    }

    /// BLAKE3 of the data part, which is what its seal says.
    fn digest(&self, opened: &Opened) -> Result<String, ParquetError> {
        if let Some(seal) = &opened.seal {
            self.hasher.verify(seal)?;
        }
        Ok(self.hasher.digest())
    }
}

/// Whether each page of a chunk fits its CRC-32, if it has one.
fn check_pages(chunk: &[u8]) -> Result<(), ParquetError> {
    let mut left = chunk;
    while !left.is_empty() {
        let header = PageHeader::read(left)?;
        let (page, rest) = left[header.length..].split_at(header.stored);
        if header.crc.is_some_and(|crc| crc != crc32fast::hash(page)) {
            return Err(wrong("a page does not fit its checksum"));
        }
        left = rest;
    }
    Ok(())
}

fn is_key(column: &ColumnChunkMetaData) -> bool {
    column.column_path().string() == INSTRUMENT_KEY
}

/// The key's column of a row group.
fn key_chunk(
    key: &InstrumentKey,
    rows: usize,
    column: ColumnDescPtr,
) -> Result<Finished<'static>, ParquetError> {
    let word: ArrayRef = Arc::new(StringArray::from(vec![key.to_string()]));
    let words: ArrayRef = Arc::new(DictionaryArray::new(Int32Array::from(vec![0; rows]), word));
    let mut chunk = WordChunk::new();
    chunk.write(&words)?;
    let mut press = PagePress::new()?;
    let (bytes, close) = chunk.finish(column, &mut press)?;
    Ok((bytes.into_owned().into(), close))
}

fn wrong(what: &str) -> ParquetError {
    ParquetError::General(what.to_owned())
}
