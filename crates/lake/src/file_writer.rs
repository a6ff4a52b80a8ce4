//! The writer of all Parquet files of a lake, with checksums that let each file be verified ([`crate::seal`]).
//!
//! Does not encode the columns that `encode` handles. The general writer encodes the others, without checksums in the page
//! headers; they are added here.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::RecordBatch;
use arrow_schema::{Field, SchemaRef};
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::{
    ArrowColumnWriter, ArrowRowGroupWriterFactory, PageKey, PageStore, PageStoreArgs, PageStoreFactory,
    compute_leaves,
};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{ChunkReader, Length};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::ColumnDescPtr;

use crate::encode::Finished;
use crate::seal::page::{PageHeader, check, push_check, with_crc};
use crate::seal::{self, Sealed, Sealing};

/// Rows of a row group that the general writer encodes.
const GENERAL_GROUP_ROWS: usize = 1 << 20;

/// Writes one Parquet file.
pub(crate) struct FileWriter<W: Write + Send> {
    schema: SchemaRef,
    file: SerializedFileWriter<Sealing<W>>,
    columns: ArrowRowGroupWriterFactory,
    shelves: Arc<Shelves>,
    /// The row group that [`FileWriter::write`] fills, and its number of rows.
    open: Option<(Vec<GeneralChunk>, usize)>,
    /// Checks of the pages' headers, in the order of the file.
    headers: String,
}

impl<W: Write + Send> FileWriter<W> {
    /// Starts a file. Nothing of it is valid Parquet before [`FileWriter::finish`].
    ///
    /// # Errors
    /// When writing to `out` fails.
    pub fn new(
        schema: SchemaRef,
        properties: WriterProperties,
        out: W,
    ) -> Result<FileWriter<W>, ParquetError> {
        let writer = ArrowWriter::try_new(Sealing::new(out), schema.clone(), Some(properties))?;
        let (file, columns) = writer.into_serialized_writer()?;
        let shelves = Arc::new(Shelves::default());
        let columns = columns.with_page_store_factory(shelves.clone());
        Ok(FileWriter { schema, file, columns, shelves, open: None, headers: String::new() })
    }

    /// The general writer's columns of the next row group: one for each leaf of the schema.
    ///
    /// # Errors
    /// When a column has a type that Parquet does not support.
    pub fn general_columns(&self) -> Result<Vec<GeneralChunk>, ParquetError> {
        let writers = self.columns.create_column_writers(self.file.flushed_row_groups().len())?;
        let shelves = std::mem::take(&mut *self.shelves.0.lock().unwrap_or_else(PoisonError::into_inner));
        Ok(writers.into_iter().zip(shelves).map(|(writer, shelf)| GeneralChunk { writer, shelf }).collect())
    }

    /// The Parquet descriptions of the columns, in their order.
    pub fn descriptions(&self) -> Vec<ColumnDescPtr> {
        self.file.schema_descr().columns().to_vec()
    }

    /// Writes a row group: its columns, in their order.
    ///
    /// # Errors
    /// When writing to `out` fails, or a chunk cannot be encoded.
    pub fn row_group<'a>(
        &mut self,
        chunks: impl IntoIterator<Item = Result<Finished<'a>, ParquetError>>,
    ) -> Result<(), ParquetError> {
        let mut group = self.begin_row_group()?;
        for chunk in chunks {
            group.append(chunk?)?;
        }
        group.end()
    }

    /// Begins a row group, for chunks of which only one is in memory.
    ///
    /// # Errors
    /// When the row group before is not ended.
    pub fn begin_row_group(&mut self) -> Result<OpenRowGroup<'_, W>, ParquetError> {
        Ok(OpenRowGroup { group: self.file.next_row_group()?, headers: &mut self.headers })
    }

    /// Appends rows whose columns are all encoded by the general writer.
    ///
    /// # Errors
    /// As [`FileWriter::row_group`].
    pub fn write(&mut self, batch: &RecordBatch) -> Result<(), ParquetError> {
        let mut left = batch.clone();
        while left.num_rows() > 0 {
            let (mut chunks, rows) = match self.open.take() {
                Some(open) => open,
                None => (self.general_columns()?, 0),
            };
            let taken = left.num_rows().min(GENERAL_GROUP_ROWS - rows);
            let mut leaves = chunks.iter_mut();
            for (field, array) in self.schema.fields().iter().zip(left.slice(0, taken).columns()) {
                for leaf in compute_leaves(field, array)? {
                    leaves.next().map_or(Ok(()), |chunk| chunk.writer.write(&leaf))?;
                }
            }
            self.open = Some((chunks, rows + taken));
            if rows + taken == GENERAL_GROUP_ROWS {
                self.end_general_group()?;
            }
            left = left.slice(taken, left.num_rows() - taken);
        }
        Ok(())
    }

    fn end_general_group(&mut self) -> Result<(), ParquetError> {
        let Some((chunks, _)) = self.open.take() else { return Ok(()) };
        self.row_group(chunks.into_iter().map(GeneralChunk::finish))
    }

    /// Ends the file with key-value pairs in its footer. Returns `out` and the digest.
    ///
    /// # Errors
    /// When writing to `out` fails.
    pub fn finish(
        mut self,
        pairs: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Sealed<W>, ParquetError> {
        self.end_general_group()?;
        let data_bytes = self.file.bytes_written() as u64;
        self.file.inner_mut().end_data_at(data_bytes);
        let own = seal::pairs(data_bytes, self.headers).map(|(name, value)| (name.to_owned(), value));
        for (name, value) in pairs.into_iter().chain(own) {
            self.file.append_key_value_metadata(KeyValue::new(name, value));
        }
        self.file.into_inner()?.close()
    }

    /// Ends the file without checksums in its footer: for rewriting a file that has none.
    ///
    /// # Errors
    /// When writing to `out` fails.
    pub fn finish_unsealed(
        mut self,
        pairs: impl IntoIterator<Item = (String, String)>,
    ) -> Result<W, ParquetError> {
        self.end_general_group()?;
        for (name, value) in pairs {
            self.file.append_key_value_metadata(KeyValue::new(name, value));
        }
        self.file.into_inner()?.into_unsealed()
    }
}

/// A row group that is being written.
pub(crate) struct OpenRowGroup<'a, W: Write + Send> {
    group: SerializedRowGroupWriter<'a, Sealing<W>>,
    headers: &'a mut String,
}

impl<W: Write + Send> OpenRowGroup<'_, W> {
    /// Writes the next column.
    ///
    /// # Errors
    /// When writing to `out` fails, or the chunk is not as its metadata says.
    pub fn append(&mut self, (bytes, close): Finished<'_>) -> Result<(), ParquetError> {
        let mut at = 0;
        while at < bytes.len() {
            let header = PageHeader::read(&bytes[at..])?;
            push_check(self.headers, check(&bytes[at..at + header.length]));
            at += header.length + header.stored;
        }
        self.group.append_column(&Chunk(&bytes), close)?;
        Ok(())
    }

    /// Ends the row group.
    ///
    /// # Errors
    /// When columns are missing.
    pub fn end(self) -> Result<(), ParquetError> {
        self.group.close()?;
        Ok(())
    }
}

/// A chunk's bytes, for the general writer.
struct Chunk<'a>(&'a [u8]);

impl Length for Chunk<'_> {
    fn len(&self) -> u64 {
        self.0.len() as u64
    }
}

impl<'a> Chunk<'a> {
    fn from(&self, start: u64) -> Result<&'a [u8], ParquetError> {
        let left = usize::try_from(start).ok().and_then(|start| self.0.get(start..));
        left.ok_or_else(|| ParquetError::General("a chunk is shorter than its metadata says".to_owned()))
    }
}

impl<'a> ChunkReader for Chunk<'a> {
    type T = &'a [u8];

    fn get_read(&self, start: u64) -> Result<&'a [u8], ParquetError> {
        self.from(start)
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let left = self.from(start)?;
        Ok(Bytes::copy_from_slice(&left[..length.min(left.len())]))
    }
}

/// A column that the general writer encodes.
pub(crate) struct GeneralChunk {
    writer: ArrowColumnWriter,
    shelf: Shelf,
}

impl GeneralChunk {
    /// Appends a column of a batch.
    ///
    /// # Errors
    /// When it cannot be encoded.
    pub fn write(&mut self, field: &Field, array: &arrow_array::ArrayRef) -> Result<(), ParquetError> {
        compute_leaves(field, array)?.iter().try_for_each(|leaf| self.writer.write(leaf))
    }

    /// Encodes the chunk: the general writer's result, with checksums.
    ///
    /// # Errors
    /// When it cannot be encoded.
    pub fn finish(self) -> Result<Finished<'static>, ParquetError> {
        let mut close = self.writer.close()?.close().clone();
        let blobs = std::mem::take(&mut *self.shelf.lock().unwrap_or_else(PoisonError::into_inner));
        // The general writer emits each page in two pieces, and the dictionary last; in the file the dictionary is first.
        let (mut bytes, mut data, mut locations) = (Vec::new(), Vec::new(), Vec::new());
        let mut dictionary_bytes = None;
        let mut added = 0;
        for page in blobs.chunks(2) {
            let [header, body] = page else {
                return Err(ParquetError::General("the writer gave half a page".to_owned()));
            };
            let sealed = with_crc(header, body)?;
            added += sealed.len() - header.len();
            let target = if is_dictionary(header) { &mut bytes } else { &mut data };
            let start = target.len();
            target.extend_from_slice(&sealed);
            target.extend_from_slice(body);
            if is_dictionary(header) {
                dictionary_bytes = Some(bytes.len());
            } else {
                locations.push((start, data.len() - start));
            }
        }
        let first = bytes.len();
        bytes.append(&mut data);
        let metadata = close.metadata;
        let (stored, plain) = (bytes.len() as i64, metadata.uncompressed_size() + added as i64);
        close.metadata = metadata
            .into_builder()
            .set_dictionary_page_offset(dictionary_bytes.map(|_| 0))
            .set_data_page_offset(first as i64)
            .set_total_compressed_size(stored)
            .set_total_uncompressed_size(plain)
            .build()?;
        close.bytes_written = bytes.len() as u64;
        if let Some(index) = &mut close.offset_index {
            for (page, (start, length)) in index.page_locations.iter_mut().zip(&locations) {
                page.offset = (first + start) as i64;
                page.compressed_page_size = *length as i32;
            }
        }
        Ok((bytes.into(), close))
    }
}

fn is_dictionary(header: &[u8]) -> bool {
    // Its first field is the kind; 2, as Thrift writes it.
    header.starts_with(&[0x15, 4])
}

/// The general writer's output of a column so far: headers and pages, alternating.
type Shelf = Arc<Mutex<Vec<Bytes>>>;

/// The shelves of the columns whose writers were made last.
#[derive(Debug, Default)]
struct Shelves(Mutex<Vec<Shelf>>);

impl PageStoreFactory for Shelves {
    fn create(&self, _column: &PageStoreArgs<'_>) -> Result<Box<dyn PageStore>, ParquetError> {
        let shelf = Shelf::default();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(shelf.clone());
        Ok(Box::new(ShelfStore(shelf)))
    }
}

struct ShelfStore(Shelf);

impl PageStore for ShelfStore {
    fn put(&mut self, piece: Bytes) -> Result<PageKey, ParquetError> {
        let mut shelf = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shelf.push(piece);
        Ok(PageKey::new(shelf.len() as u64))
    }

    fn take(&mut self, _key: PageKey) -> Result<Bytes, ParquetError> {
        // `GeneralChunk::finish` empties the shelf itself.
        Err(ParquetError::General("pages are taken off their shelf".to_owned()))
    }
}
