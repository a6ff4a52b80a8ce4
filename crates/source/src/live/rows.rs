//! Rows of several instruments and data types, and in which order their messages came.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::RecordBatch;
use mtdh_core::DataType;

use crate::row_builder::RowBuilder;

/// One instrument's rows of one data type; an index that stays the same for the life of its [`Rows`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(u32);

/// Whose rows a stream has.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StreamName {
    /// The symbol as the vendor's rows write it.
    pub symbol: Arc<str>,
    /// The data type.
    pub data_type: DataType,
}

/// The rows of one message and data type: neighbours in their stream's batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group {
    /// Which stream.
    pub stream: StreamId,
    /// Its first row in the batch.
    pub first: u32,
    /// How many.
    pub rows: u32,
}

/// What [`Rows::take`] gives.
#[derive(Debug, Default)]
pub struct Taken {
    /// The batches, with the columns of the table's row schema.
    pub batches: Vec<(StreamId, RecordBatch)>,
    /// The groups of all batches, in the order in which they were made. Empty unless asked for.
    pub groups: Vec<Group>,
}

/// Rows since they were last taken.
#[derive(Default)]
pub struct Rows {
    names: Vec<StreamName>,
    builders: Vec<RowBuilder>,
    index: HashMap<StreamName, StreamId>,
    /// Streams with rows since the last take, in the order of their first one.
    filled: Vec<StreamId>,
    groups: Option<Vec<Group>>,
    rows: usize,
}

impl Rows {
    /// Rows whose groups are kept too, for those who follow messages one by one.
    pub fn with_groups() -> Rows {
        Rows { groups: Some(Vec::new()), ..Rows::default() }
    }

    /// The stream of this name, which is made if there is none. Feeds ask once and keep the id.
    pub fn stream(&mut self, symbol: &str, data_type: DataType) -> StreamId {
        let name = StreamName { symbol: symbol.into(), data_type };
        if let Some(id) = self.index.get(&name) {
            return *id;
        }
        let id = StreamId(self.names.len() as u32);
        self.names.push(name.clone());
        self.builders.push(RowBuilder::new(data_type.table()));
        self.index.insert(name, id);
        id
    }

    /// Whose rows these are.
    pub fn name(&self, stream: StreamId) -> &StreamName {
        &self.names[stream.0 as usize]
    }

    /// Makes the rows of one message: `fill` pushes cells and ends rows, or ends none.
    #[inline]
    pub fn group<T>(&mut self, stream: StreamId, fill: impl FnOnce(&mut RowBuilder) -> T) -> T {
        let builder = &mut self.builders[stream.0 as usize];
        let first = builder.rows();
        let filled = fill(builder);
        let rows = builder.rows() - first;
        if rows > 0 {
            if first == 0 {
                self.filled.push(stream);
            }
            self.rows += rows;
            if let Some(groups) = &mut self.groups {
                groups.push(Group { stream, first: first as u32, rows: rows as u32 });
            }
        }
        filled
    }

    /// Groups since the last take, if they are kept.
    pub fn groups(&self) -> usize {
        self.groups.as_ref().map_or(0, Vec::len)
    }

    /// Ended rows since the last take.
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// The rows since the last take.
    pub fn take(&mut self) -> Taken {
        self.rows = 0;
        let mut batches = Vec::with_capacity(self.filled.len());
        for stream in self.filled.drain(..) {
            let schema = self.names[stream.0 as usize].data_type.table().row_schema().clone();
            let arrays = self.builders[stream.0 as usize].take();
            // A builder makes the columns of its table, all of one length.
            if let Ok(batch) = RecordBatch::try_new(schema, arrays) {
                batches.push((stream, batch));
            }
        }
        Taken { batches, groups: self.groups.as_mut().map(std::mem::take).unwrap_or_default() }
    }
}
