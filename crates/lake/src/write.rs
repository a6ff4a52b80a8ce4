//! Writes batches to Parquet: the only writer of the tables' rows.
//!
//! Chooses the encoding of each kind of column; the figures behind the choice are in `docs/reference/performance.md`.

use std::io::Write;
use std::sync::Arc;

use arrow_array::{ArrayRef, DictionaryArray, Int32Array, RecordBatch, StringArray};
use arrow_schema::{DataType as ArrowType, Field, Schema, SchemaRef};
use mtdh_core::footer::PartitionFooter;
use mtdh_core::key::InstrumentKey;
use mtdh_core::table::Table;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use parquet::schema::types::{ColumnDescPtr, ColumnPath};

use crate::encode::dictionary::WordChunk;
use crate::encode::floats::NumberChunk;
use crate::encode::strings::TextChunk;
use crate::encode::timestamps::TimeChunk;
use crate::encode::{Finished, PagePress};
use crate::file_writer::{FileWriter, GeneralChunk};
use crate::seal::{PROGRAM, Sealed};

/// Rows per row group, for rows of up to [`FEW_COLUMNS`] columns: a minute of a busy day is in one of them, and a whole-day
/// scan reads few of them.
const ROW_GROUP_ROWS: usize = 1 << 18;
/// Wider tables have fewer rows per row group, so that a group's bytes, and the memory for writing it, stay similar.
const WIDE_ROW_GROUP_ROWS: usize = 1 << 15;
/// With the instrument key.
const FEW_COLUMNS: usize = 33;

/// Writes rows to one Parquet file: all columns of a table, or some of them.
pub struct RowsWriter<W: Write + Send> {
    schema: SchemaRef,
    file: FileWriter<W>,
    press: PagePress,
    group: RowGroup,
    rows: u64,
}

/// The row group that is being filled. When it is written, the next one is filled in its room.
struct RowGroup {
    columns: Vec<ColumnChunk>,
    rows: usize,
}

/// A column of a row group.
enum ColumnChunk {
    /// Categories that are never null.
    Words(WordChunk),
    Numbers(NumberChunk),
    /// Clocks that are never null.
    Times(TimeChunk),
    /// Ids.
    Texts(TextChunk),
    /// Anything else; `None`: no row group has begun.
    General(Option<Box<GeneralChunk>>),
}

impl<W: Write + Send> RowsWriter<W> {
    /// Starts a file of some columns. Nothing of it is valid Parquet before [`RowsWriter::finish`].
    ///
    /// # Errors
    /// When writing to `out` fails, or Parquet has no such type.
    pub fn new(schema: SchemaRef, out: W) -> Result<RowsWriter<W>, ParquetError> {
        let file = FileWriter::new(schema.clone(), properties(&schema), out)?;
        let columns = schema.fields().iter().map(|field| ColumnChunk::of(field)).collect();
        let group = RowGroup { columns, rows: 0 };
        Ok(RowsWriter { schema, file, press: PagePress::new()?, group, rows: 0 })
    }

    /// Appends rows: the columns in their order.
    ///
    /// # Errors
    /// When the columns are others, or writing to `out` fails.
    pub fn write(&mut self, columns: Vec<ArrayRef>) -> Result<(), ParquetError> {
        // Checks lengths, types and nulls.
        let mut left = RecordBatch::try_new(self.schema.clone(), columns)?;
        self.rows += left.num_rows() as u64;
        let full = row_group_rows(&self.schema);
        while left.num_rows() > 0 {
            if self.group.rows == 0 {
                self.begin_group()?;
            }
            let taken = left.num_rows().min(full - self.group.rows);
            self.group.write(&left.slice(0, taken))?;
            left = left.slice(taken, left.num_rows() - taken);
            if self.group.rows == full {
                self.end_group()?;
            }
        }
        Ok(())
    }

    /// Rows written so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    fn begin_group(&mut self) -> Result<(), ParquetError> {
        let columns = &mut self.group.columns;
        if columns.iter().any(|column| matches!(column, ColumnChunk::General(_))) {
            for (column, made) in columns.iter_mut().zip(self.file.general_columns()?) {
                if let ColumnChunk::General(general) = column {
                    *general = Some(Box::new(made));
                }
            }
        }
        Ok(())
    }

    fn end_group(&mut self) -> Result<(), ParquetError> {
        let (descriptions, press) = (self.file.descriptions(), &mut self.press);
        let mut group = self.file.begin_row_group()?;
        for (column, description) in self.group.columns.iter_mut().zip(descriptions) {
            group.append(column.finish(description, press)?)?;
            column.clear();
        }
        group.end()?;
        self.group.rows = 0;
        Ok(())
    }

    /// Ends the file with key-value pairs in its footer. Returns `out` and the digest.
    ///
    /// # Errors
    /// When writing to `out` fails.
    pub fn finish(
        mut self,
        pairs: impl IntoIterator<Item = (&'static str, String)>,
    ) -> Result<Sealed<W>, ParquetError> {
        if self.group.rows > 0 {
            self.end_group()?;
        }
        self.file.finish(pairs.into_iter().map(|(name, value)| (name.to_owned(), value)))
    }
}

impl RowGroup {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), ParquetError> {
        let schema = batch.schema();
        for ((column, field), array) in self.columns.iter_mut().zip(schema.fields()).zip(batch.columns()) {
            column.write(field, array)?;
        }
        self.rows += batch.num_rows();
        Ok(())
    }
}

impl ColumnChunk {
    fn of(field: &Field) -> ColumnChunk {
        match field.data_type() {
            ArrowType::Dictionary(..) if !field.is_nullable() => ColumnChunk::Words(WordChunk::new()),
            ArrowType::Float64 => ColumnChunk::Numbers(NumberChunk::new(field.is_nullable())),
            ArrowType::Timestamp(..) if !field.is_nullable() => ColumnChunk::Times(TimeChunk::new()),
            ArrowType::Utf8 if field.name() == "id" => {
                ColumnChunk::Texts(TextChunk::new(field.is_nullable()))
            }
            _ => ColumnChunk::General(None),
        }
    }

    fn write(&mut self, field: &Field, array: &ArrayRef) -> Result<(), ParquetError> {
        match self {
            ColumnChunk::Words(words) => words.write(array),
            ColumnChunk::Numbers(numbers) => numbers.write(array),
            ColumnChunk::Times(times) => times.write(array),
            ColumnChunk::Texts(texts) => texts.write(array),
            ColumnChunk::General(Some(general)) => general.write(field, array),
            ColumnChunk::General(None) => Err(never_begun()),
        }
    }

    fn finish<'a>(
        &mut self,
        description: ColumnDescPtr,
        press: &'a mut PagePress,
    ) -> Result<Finished<'a>, ParquetError> {
        match self {
            ColumnChunk::Words(words) => words.finish(description, press),
            ColumnChunk::Numbers(numbers) => numbers.finish(description, press),
            ColumnChunk::Times(times) => times.finish(description, press),
            ColumnChunk::Texts(texts) => texts.finish(description, press),
            ColumnChunk::General(general) => general.take().ok_or_else(never_begun)?.finish(),
        }
    }

    /// Forgets what was finished, so that nothing of it is in the next row group.
    fn clear(&mut self) {
        match self {
            ColumnChunk::Words(words) => words.clear(),
            ColumnChunk::Numbers(numbers) => numbers.clear(),
            ColumnChunk::Times(times) => times.clear(),
            ColumnChunk::Texts(texts) => texts.clear(),
            ColumnChunk::General(general) => *general = None,
        }
    }
}

fn never_begun() -> ParquetError {
    ParquetError::General("a column has rows before its row group was begun".to_owned())
}

/// Writes one partition: the rows of one instrument, with its footer.
pub struct PartitionWriter<W: Write + Send> {
    table: &'static Table,
    writer: RowsWriter<W>,
    key: ArrayRef,
    /// The `instrument_key` column of the last batch, reused for batches of the same length.
    key_column: Option<ArrayRef>,
}

impl<W: Write + Send> PartitionWriter<W> {
    /// Starts a partition of `table` for one instrument.
    ///
    /// # Errors
    /// When writing to `out` fails.
    pub fn new(
        table: &'static Table,
        key: &InstrumentKey,
        out: W,
    ) -> Result<PartitionWriter<W>, ParquetError> {
        let key = Arc::new(StringArray::from(vec![key.to_string()]));
        let writer = RowsWriter::new(table.schema().clone(), out)?;
        Ok(PartitionWriter { table, writer, key, key_column: None })
    }

    /// Appends rows: the table's columns in its order, without `instrument_key`.
    ///
    /// # Errors
    /// When writing to `out` fails.
    pub fn write(&mut self, columns: Vec<ArrayRef>) -> Result<(), ParquetError> {
        let rows = columns.first().map_or(0, |c| c.len());
        let mut all = Vec::with_capacity(columns.len() + 1);
        all.push(self.key_column(rows));
        all.extend(columns);
        self.writer.write(all)
    }

    fn key_column(&mut self, rows: usize) -> ArrayRef {
        match &self.key_column {
            Some(column) if column.len() == rows => column.clone(),
            _ => {
                let indices = Int32Array::new(vec![0; rows].into(), None);
                let column: ArrayRef = Arc::new(DictionaryArray::new(indices, self.key.clone()));
                self.key_column.insert(column).clone()
            }
        }
    }

    /// Rows written so far.
    pub fn rows(&self) -> u64 {
        self.writer.rows()
    }

    /// The table whose rows are written.
    pub fn table(&self) -> &'static Table {
        self.table
    }

    /// Ends the partition with its footer. Returns `out` and the digest.
    ///
    /// # Errors
    /// When writing to `out` fails.
    pub fn finish(self, facts: &PartitionFooter) -> Result<Sealed<W>, ParquetError> {
        self.writer.finish(facts.to_pairs())
    }
}

fn row_group_rows(schema: &Schema) -> usize {
    if schema.fields().len() <= FEW_COLUMNS { ROW_GROUP_ROWS } else { WIDE_ROW_GROUP_ROWS }
}

fn properties(schema: &Schema) -> WriterProperties {
    let mut builder = base_properties();
    for field in schema.fields() {
        let path = ColumnPath::from(field.name().as_str());
        builder = match field.data_type() {
            // Few rows change the value, so a dictionary is smaller than differences; and some readers (fastparquet) fail to
            // read differences with nulls between them.
            ArrowType::Timestamp(..) if field.is_nullable() => {
                builder.set_column_statistics_enabled(path, EnabledStatistics::Page)
            }
            // As the clocks that `encode::timestamps` encodes.
            ArrowType::Timestamp(..) => builder
                .set_column_dictionary_enabled(path.clone(), false)
                .set_column_encoding(path.clone(), Encoding::DELTA_BINARY_PACKED)
                .set_column_statistics_enabled(path, EnabledStatistics::Page),
            _ => builder,
        };
    }
    builder.build()
}

/// Properties common to all files of the lake.
pub(crate) fn base_properties() -> parquet::file::properties::WriterPropertiesBuilder {
    WriterProperties::builder()
        .set_created_by(format!("{PROGRAM}{}", env!("CARGO_PKG_VERSION")))
        .set_writer_version(WriterVersion::PARQUET_1_0)
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_statistics_enabled(EnabledStatistics::Chunk)
}

#[cfg(test)]
mod again;

#[cfg(test)]
mod tests {
    use arrow_array::{Float64Array, TimestampMicrosecondArray};
    use mtdh_core::DataType;
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

    use super::*;

    /// Writes quotes whose four numbers are all `number(row)`, in batches of `batch` rows, and reads them back.
    fn round_trip(rows: usize, batch: usize, number: impl Fn(usize) -> Option<f64>) {
        let table = DataType::Quotes.table();
        let mut writer =
            PartitionWriter::new(table, &"BITMEX:PERP:BTC-USD".parse().unwrap(), Vec::new()).unwrap();
        for start in (0..rows).step_by(batch) {
            let range = start..(start + batch).min(rows);
            let times = TimestampMicrosecondArray::from_iter_values(range.clone().map(|row| row as i64));
            let times: ArrayRef = Arc::new(times.with_timezone("UTC"));
            let numbers: ArrayRef = Arc::new(range.map(&number).collect::<Float64Array>());
            writer.write([vec![times; 2], vec![numbers; 4]].concat()).unwrap();
        }
        let bytes = bytes::Bytes::from(writer.writer.finish([]).unwrap().out);
        let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap();
        assert_eq!(reader.metadata().file_metadata().num_rows() as usize, rows);
        let nulls: u64 = reader
            .metadata()
            .row_groups()
            .iter()
            .filter_map(|g| g.column(3).statistics()?.null_count_opt())
            .sum();
        assert_eq!(nulls as usize, (0..rows).filter(|row| number(*row).is_none()).count());
        let mut row = 0;
        for batch in reader.build().unwrap().map(Result::unwrap) {
            let keys =
                arrow_array::cast::AsArray::as_dictionary::<arrow_array::types::Int32Type>(batch.column(0));
            assert_eq!(keys.values().len(), 1);
            for column in 3..7 {
                let numbers = arrow_array::cast::AsArray::as_primitive::<arrow_array::types::Float64Type>(
                    batch.column(column),
                );
                for (place, found) in numbers.iter().enumerate() {
                    assert_eq!(
                        found.map(f64::to_bits),
                        number(row + place).map(f64::to_bits),
                        "row {}",
                        row + place
                    );
                }
            }
            row += batch.num_rows();
        }
        assert_eq!(row, rows);
    }

    #[test]
    fn numbers_of_any_kind_come_back_bit_by_bit() {
        type Number = fn(usize) -> Option<f64>;
        let cases: [(&str, Number); 7] = [
            ("constant", |_| Some(1.5)),
            ("few", |row| Some((row % 37) as f64 * 0.1)),
            ("all different", |row| Some(row as f64 * 1e-3)),
            ("no number at all", |_| None),
            ("some", |row| (row % 3 != 0).then_some((row / 100) as f64)),
            ("the first page has none", |row| (row > 30_000).then_some(row as f64)),
            ("zeros and extremes", |row| Some([0.0, -0.0, f64::MAX, f64::MIN_POSITIVE, -1e-300][row % 5])),
        ];
        for (name, number) in cases {
            for (rows, batch) in [(1, 1), (7, 3), (50_000, 32_768)] {
                eprintln!("{name}: {rows} rows");
                round_trip(rows, batch, number);
            }
        }
    }

    /// Writes trades with the times and ids given for a row, in batches of `batch` rows, and reads them back.
    fn trades_round_trip(
        rows: usize,
        batch: usize,
        time: impl Fn(usize) -> i64,
        id: impl Fn(usize) -> Option<String>,
    ) {
        let table = DataType::Trades.table();
        let mut writer =
            PartitionWriter::new(table, &"DERIBIT:PERP:BTC-USD".parse().unwrap(), Vec::new()).unwrap();
        let side: ArrayRef = Arc::new(StringArray::from(vec!["buy", "sell", "unknown"]));
        for start in (0..rows).step_by(batch) {
            let range = start..(start + batch).min(rows);
            let times = TimestampMicrosecondArray::from_iter_values(range.clone().map(&time));
            let times: ArrayRef = Arc::new(times.with_timezone("UTC"));
            let ids: ArrayRef = Arc::new(range.clone().map(&id).collect::<StringArray>());
            let sides = Int32Array::from_iter_values(range.clone().map(|row| (row % 3) as i32));
            let sides: ArrayRef = Arc::new(DictionaryArray::new(sides, side.clone()));
            let numbers: ArrayRef = Arc::new(range.map(|row| Some(row as f64)).collect::<Float64Array>());
            writer.write(vec![times.clone(), times, ids, sides, numbers.clone(), numbers]).unwrap();
        }
        let bytes = bytes::Bytes::from(writer.writer.finish([]).unwrap().out);
        let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap();
        let mut row = 0;
        for batch in reader.build().unwrap().map(Result::unwrap) {
            use arrow_array::cast::AsArray;
            for column in [1, 2] {
                let times =
                    batch.column(column).as_primitive::<arrow_array::types::TimestampMicrosecondType>();
                let expected: Vec<i64> = (row..row + batch.num_rows()).map(&time).collect();
                assert_eq!(times.values(), &expected[..]);
            }
            let ids: Vec<Option<String>> =
                batch.column(3).as_string::<i32>().iter().map(|text| text.map(str::to_owned)).collect();
            assert_eq!(ids, (row..row + batch.num_rows()).map(&id).collect::<Vec<_>>());
            row += batch.num_rows();
        }
        assert_eq!(row, rows);
    }

    #[test]
    fn clocks_and_ids_of_any_kind_come_back() {
        type Time = fn(usize) -> i64;
        type Id = fn(usize) -> Option<String>;
        let times: [Time; 4] = [
            |row| 1_709_251_200_000_000 + row as i64 * 37,
            |_| 0,
            |row| (row as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) as i64,
            |row| [i64::MIN, i64::MAX, 0, -1][row % 4],
        ];
        let ids: [Id; 5] = [
            |row| Some((3_512_345_678 + row as u64).to_string()),
            |_| None,
            |row| {
                (row % 7 != 0)
                    .then(|| format!("{:x}-é-{row}", (row as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15)))
            },
            |row| Some("x".repeat(row % 40)),
            |row| (row >= 25_000).then(|| row.to_string()),
        ];
        for time in times {
            for id in ids {
                for (rows, batch) in [(1, 1), (2, 1), (33, 5), (130, 130), (45_000, 32_768)] {
                    trades_round_trip(rows, batch, time, id);
                }
            }
        }
    }

    #[test]
    fn row_groups_end_where_they_should_whatever_the_batches() {
        // More distinct numbers than a dictionary holds, over more than one row group.
        round_trip(ROW_GROUP_ROWS + 1000, 100_000, |row| (row % 11 != 0).then_some(row as f64 / 7.0));
    }
}
