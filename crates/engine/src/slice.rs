//! Slices: what one output is made of, with the objects behind it, in one order of time.
//!
//! A slice is of one table. Its rows come as [`crate::query`] reads them; those of several instruments are together in the order
//! of the clock. Candles may be made of the lake's trades instead of being read.

mod facts;
mod instruments;
mod made;
mod together;

use std::sync::Arc;

use arrow_schema::SchemaRef;
use futures::StreamExt;
use mtdh_core::candle::Timeframe;
use mtdh_core::clock::Clock;
use mtdh_core::partition::{Origins, Partition};
use mtdh_core::universe::KeyPattern;
use mtdh_core::{DataType, Day};
use mtdh_lake::{Entry, Lake};

use crate::error::EngineError;
use crate::query::choose::{Against, choose};
use crate::query::{Chosen, Form, ReadCost, ReadRequest, RowStream, TickTable, first, rows_by_time};

pub use facts::FACTS;
pub use together::{TogetherStream, together};

/// The table of a slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SliceTable {
    /// Rows or candles that the lake has.
    Stored(TickTable),
    /// Candles, made of the lake's trades and not stored.
    Made(Timeframe),
    /// The instrument tables of the days.
    Instruments,
}

impl SliceTable {
    /// Its name: that of the data type, `candles` or `instruments`.
    pub fn name(self) -> &'static str {
        match self {
            SliceTable::Stored(TickTable::Ticks(data_type)) => data_type.name(),
            SliceTable::Stored(TickTable::Candles(_)) | SliceTable::Made(_) => "candles",
            SliceTable::Instruments => "instruments",
        }
    }

    /// The data type whose objects it needs; `None`: it needs none.
    pub fn data_type(self) -> Option<DataType> {
        match self {
            SliceTable::Stored(TickTable::Ticks(data_type)) => Some(data_type),
            SliceTable::Stored(TickTable::Candles(_)) | SliceTable::Made(_) => Some(DataType::Trades),
            SliceTable::Instruments => None,
        }
    }
}

/// What is wanted of a table.
#[derive(Clone, Debug)]
pub struct SliceRequest {
    /// The table.
    pub table: SliceTable,
    /// Instrument keys, or patterns of them with `*` and `?`.
    pub instruments: Vec<String>,
    /// Range of the clock, microseconds since the Unix epoch, UTC; the end is excluded. Of instrument tables its days count.
    pub within_us: std::ops::Range<i64>,
    /// Which clock chooses and sorts the rows. Candles and instrument tables have one.
    pub clock: Clock,
    /// The columns, in the order wanted; `None`: all.
    pub columns: Option<Vec<String>>,
    /// Maximum number of rows; `None`: no limit.
    pub limit: Option<u64>,
    /// Whether the columns [`crate::query::WORTH`] come behind the others.
    pub has_worth: bool,
    /// Whose rows are read.
    pub origins: Origins,
}

impl SliceRequest {
    /// The request for the rows themselves; `None`: the table has none of ticks or candles.
    fn of_rows(&self) -> Option<ReadRequest> {
        let table = match self.table {
            SliceTable::Stored(table) => table,
            SliceTable::Made(timeframe) => TickTable::Candles(timeframe),
            SliceTable::Instruments => return None,
        };
        Some(ReadRequest {
            clock: self.clock,
            columns: self.columns.clone(),
            limit: self.limit,
            has_worth: self.has_worth,
            origins: self.origins,
            ..ReadRequest::new(table, self.instruments.clone(), self.within_us.clone())
        })
    }

    /// The request for the objects that its rows are made of.
    fn of_objects(&self) -> Option<ReadRequest> {
        let rows = self.of_rows()?;
        Some(match self.table {
            SliceTable::Made(_) => ReadRequest {
                table: TickTable::Ticks(DataType::Trades),
                columns: None,
                clock: Clock::Arrival,
                ..rows
            },
            _ => rows,
        })
    }

    /// The columns of its rows.
    ///
    /// # Errors
    /// When the table has no column of that name, one is named twice, or its amounts have no worth.
    pub fn schema(&self) -> Result<SchemaRef, EngineError> {
        match self.of_rows() {
            Some(request) => request.schema(),
            None => instruments::schema(self),
        }
    }

    /// The column by which its rows are ordered; `None`: it has no such time.
    pub fn clock_column(&self) -> Option<&'static str> {
        self.of_rows().map(|request| request.clock_column())
    }

    fn has_pattern(&self) -> bool {
        self.instruments.iter().any(|text| !KeyPattern::new(text).is_name())
    }
}

/// A request with what the lake has for it.
#[derive(Clone, Debug)]
pub struct Slice {
    /// What is wanted.
    pub request: SliceRequest,
    /// The objects that its rows are read from or made of, and what the lake lacks.
    pub chosen: Chosen,
    /// The instrument tables, for a slice of those.
    pub tables: Vec<(Day, Entry)>,
}

impl Slice {
    /// Finds what the lake has. Where only instruments are named every day is measured against the calendar; where a pattern is,
    /// against the days' instrument tables, which say which instruments it means.
    pub(crate) async fn find(lake: &Lake, request: SliceRequest) -> Result<Slice, EngineError> {
        request.schema()?;
        let Some(objects) = request.of_objects() else {
            let (tables, missing) = instruments::find(lake, &request).await?;
            return Ok(Slice { request, chosen: Chosen { objects: Vec::new(), missing }, tables });
        };
        let against = if request.has_pattern() { Against::Tables } else { Against::Calendar };
        let chosen = choose(lake, &objects, against).await?;
        Ok(Slice { request, chosen, tables: Vec::new() })
    }

    /// Its rows in one order of time.
    pub(crate) fn rows(
        &self,
        lake: &Lake,
        form: Form,
        cost: &Arc<ReadCost>,
    ) -> Result<RowStream, EngineError> {
        let limit = self.request.limit;
        let rows = match (self.request.table, self.request.of_rows()) {
            (SliceTable::Made(timeframe), Some(request)) => made::rows(lake, self, request, timeframe)?,
            (_, Some(request)) => {
                return rows_by_time(lake, &request, self.chosen.objects.clone(), form, cost);
            }
            (_, None) => instruments::rows(lake, self)?,
        };
        Ok(match limit {
            Some(limit) => first(rows, limit).boxed(),
            None => rows,
        })
    }

    /// The same with the column that orders its rows, behind the others if it was not asked for.
    pub(crate) fn with_clock(&self) -> Result<(Slice, &'static str), EngineError> {
        let no_time = || EngineError::NoColumn {
            name: Clock::Arrival.column().to_owned(),
            table: self.request.table.name().to_owned(),
            columns: Vec::new(),
        };
        let clock = self.request.clock_column().ok_or_else(no_time)?;
        let mut slice = self.clone();
        if let Some(columns) =
            slice.request.columns.as_mut().filter(|names| !names.iter().any(|name| name == clock))
        {
            columns.push(clock.to_owned());
        }
        Ok((slice, clock))
    }

    /// What it is made of.
    pub(crate) async fn facts(&self, lake: &Lake) -> Result<String, EngineError> {
        facts::of(lake, self).await
    }

    /// Whether the lake has nothing that rows could be in.
    pub fn is_empty(&self) -> bool {
        self.chosen.objects.is_empty() && self.tables.is_empty()
    }

    /// The bytes of its objects as they are stored.
    pub fn stored_bytes(&self) -> u64 {
        let objects = self.chosen.objects.iter().map(|object| object.entry.bytes);
        objects.chain(self.tables.iter().map(|(_, entry)| entry.bytes)).sum()
    }

    /// The partitions that it lacks of named instruments.
    pub fn lacking(&self) -> impl Iterator<Item = Partition> + '_ {
        let data_type = self.request.table.data_type();
        self.chosen.missing.iter().filter_map(move |missing| {
            let key = missing.instrument.parse().ok()?;
            Some(Partition { day: missing.day, data_type: data_type?, key })
        })
    }
}
