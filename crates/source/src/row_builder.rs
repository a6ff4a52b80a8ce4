//! Rows of a table, cell by cell, to Arrow arrays: the one way in for rows of CSV files and of live feeds.
//!
//! It checks no values: whoever pushes a cell has parsed it. Start with [`RowBuilder`].

use std::sync::{Arc, LazyLock};

use arrow_array::builder::BooleanBufferBuilder;
use arrow_array::{
    ArrayRef, BooleanArray, DictionaryArray, Float64Array, Int32Array, StringArray, TimestampMicrosecondArray,
};
use arrow_buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use mtdh_core::table::{Column, Kind, Table};

/// Builds batches of one table, row by row. A row is begun by its first cell and ended by [`RowBuilder::end_row`], or taken back
/// by [`RowBuilder::discard_row`].
pub struct RowBuilder {
    columns: Vec<ColumnBuffer>,
    rows: usize,
}

impl RowBuilder {
    /// A builder without rows.
    pub fn new(table: &Table) -> RowBuilder {
        RowBuilder { columns: table.columns.iter().map(ColumnBuffer::new).collect(), rows: 0 }
    }

    /// The table's column with this index, for its cell of the current row. Each column takes one cell per row, of its kind.
    #[inline]
    pub fn column(&mut self, index: usize) -> &mut ColumnBuffer {
        &mut self.columns[index]
    }

    /// All columns, in the table's order.
    #[inline]
    pub(crate) fn columns(&mut self) -> &mut [ColumnBuffer] {
        &mut self.columns
    }

    /// Ended rows since the last [`RowBuilder::take`].
    #[inline]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Ends the current row.
    #[inline]
    pub fn end_row(&mut self) {
        self.rows += 1;
        debug_assert!(
            self.columns.iter().all(|column| column.len() == self.rows),
            "each column takes one cell per row"
        );
    }

    /// Takes back the cells of a row that turned out bad in a later cell.
    pub fn discard_row(&mut self) {
        for column in &mut self.columns {
            column.truncate(self.rows);
        }
    }

    /// The ended rows, one array per column of the table; the builder is empty afterwards.
    pub fn take(&mut self) -> Vec<ArrayRef> {
        self.rows = 0;
        self.columns.iter_mut().map(ColumnBuffer::take).collect()
    }
}

/// The cells of one column since the last batch.
pub struct ColumnBuffer {
    values: Values,
    /// Which cells are not null. Made at the first null: most columns never have one.
    validity: Option<BooleanBufferBuilder>,
}

/// The cells of one column as they are stored; those of nulls mean nothing.
pub(crate) enum Values {
    Time(Vec<i64>),
    Number(Vec<f64>),
    Text { ends: Vec<i32>, bytes: Vec<u8> },
    Category { indices: Vec<i32>, words: &'static [&'static str] },
    Flag(BooleanBufferBuilder),
}

impl ColumnBuffer {
    fn new(column: &Column) -> ColumnBuffer {
        let values = match column.kind {
            Kind::Time => Values::Time(Vec::new()),
            Kind::Number => Values::Number(Vec::new()),
            Kind::Text => Values::Text { ends: Vec::new(), bytes: Vec::new() },
            Kind::Category(words) => Values::Category { indices: Vec::new(), words },
            Kind::Flag => Values::Flag(BooleanBufferBuilder::new(0)),
        };
        ColumnBuffer { values, validity: None }
    }

    fn len(&self) -> usize {
        match &self.values {
            Values::Time(values) => values.len(),
            Values::Number(values) => values.len(),
            Values::Text { ends, .. } => ends.len(),
            Values::Category { indices, .. } => indices.len(),
            Values::Flag(values) => values.len(),
        }
    }

    /// The column itself, for who knows its kind from it: each value that is appended needs its [`ColumnBuffer::push_valid`].
    #[inline]
    pub(crate) fn values(&mut self) -> &mut Values {
        &mut self.values
    }

    /// Microseconds since the Unix epoch, UTC.
    #[inline]
    pub fn push_time(&mut self, value: i64) {
        if let Values::Time(values) = &mut self.values {
            values.push(value);
        }
        self.push_valid();
    }

    /// A number in the column's unit.
    #[inline]
    pub fn push_number(&mut self, value: f64) {
        if let Values::Number(values) = &mut self.values {
            values.push(value);
        }
        self.push_valid();
    }

    /// Text, which must be UTF-8.
    #[inline]
    pub fn push_text(&mut self, text: &[u8]) {
        if let Values::Text { ends, bytes } = &mut self.values {
            bytes.extend_from_slice(text);
            ends.push(bytes.len() as i32);
        }
        self.push_valid();
    }

    /// The category with this index in the column's list.
    #[inline]
    pub fn push_category(&mut self, index: usize) {
        if let Values::Category { indices, .. } = &mut self.values {
            indices.push(index as i32);
        }
        self.push_valid();
    }

    /// True or false.
    #[inline]
    pub fn push_flag(&mut self, flag: bool) {
        if let Values::Flag(values) = &mut self.values {
            values.append(flag);
        }
        self.push_valid();
    }

    /// The last value is one, not null.
    #[inline]
    pub(crate) fn push_valid(&mut self) {
        if let Some(validity) = &mut self.validity {
            validity.append(true);
        }
    }

    /// No value.
    pub fn push_null(&mut self) {
        let rows = self.len();
        let validity = self.validity.get_or_insert_with(|| {
            let mut all_valid = BooleanBufferBuilder::new(rows + 1);
            all_valid.append_n(rows, true);
            all_valid
        });
        validity.append(false);
        match &mut self.values {
            Values::Time(values) => values.push(0),
            Values::Number(values) => values.push(0.0),
            Values::Text { ends, bytes } => ends.push(bytes.len() as i32),
            Values::Category { indices, .. } => indices.push(0),
            Values::Flag(values) => values.append(false),
        }
    }

    fn truncate(&mut self, rows: usize) {
        match &mut self.values {
            Values::Time(values) => values.truncate(rows),
            Values::Number(values) => values.truncate(rows),
            Values::Text { ends, bytes } => {
                ends.truncate(rows);
                bytes.truncate(ends.last().map_or(0, |end| *end as usize));
            }
            Values::Category { indices, .. } => indices.truncate(rows),
            Values::Flag(values) => values.truncate(rows),
        }
        if let Some(validity) = &mut self.validity {
            validity.truncate(rows);
        }
    }

    /// The cells as an array; the buffer is empty afterwards, with room for as many rows again.
    fn take(&mut self) -> ArrayRef {
        let rows = self.len();
        let nulls = self.validity.take().map(|mut v| NullBuffer::new(v.finish()));
        match &mut self.values {
            Values::Time(values) => {
                let values = std::mem::replace(values, Vec::with_capacity(rows));
                Arc::new(TimestampMicrosecondArray::new(values.into(), nulls).with_timezone("UTC"))
            }
            Values::Number(values) => {
                let values = std::mem::replace(values, Vec::with_capacity(rows));
                Arc::new(Float64Array::new(values.into(), nulls))
            }
            Values::Text { ends, bytes } => {
                let mut offsets = Vec::with_capacity(rows + 1);
                offsets.push(0);
                offsets.append(ends);
                let room = bytes.len();
                let bytes = std::mem::replace(bytes, Vec::with_capacity(room));
                let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
                Arc::new(StringArray::new(offsets, Buffer::from_vec(bytes), nulls))
            }
            Values::Category { indices, words } => {
                let indices = std::mem::replace(indices, Vec::with_capacity(rows));
                category_array(Int32Array::new(indices.into(), nulls), words)
            }
            Values::Flag(values) => Arc::new(BooleanArray::new(values.finish(), nulls)),
        }
    }
}

/// A dictionary array over one of the few lists of categories.
fn category_array(indices: Int32Array, words: &'static [&'static str]) -> ArrayRef {
    static DICTIONARIES: LazyLock<Vec<(&'static [&'static str], ArrayRef)>> = LazyLock::new(|| {
        let columns = mtdh_core::DataType::ALL.into_iter().flat_map(|t| &t.table().columns);
        let lists =
            columns.filter_map(|c| if let Kind::Category(words) = c.kind { Some(words) } else { None });
        lists.map(|words| (words, Arc::new(StringArray::from(words.to_vec())) as ArrayRef)).collect()
    });
    let known = DICTIONARIES.iter().find(|(list, _)| *list == words).map(|(_, array)| array.clone());
    let dictionary = known.unwrap_or_else(|| Arc::new(StringArray::from(words.to_vec())));
    Arc::new(DictionaryArray::new(indices, dictionary))
}
