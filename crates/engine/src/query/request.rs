//! What is read: a table, instruments, a range of time, columns.

use std::ops::Range;
use std::sync::Arc;

use arrow_schema::{DataType as ArrowType, Field, Schema, SchemaRef};
use mtdh_core::DataType;
use mtdh_core::candle::Timeframe;
use mtdh_core::clock::Clock;
use mtdh_core::partition::Origins;

use crate::error::EngineError;

/// The table that rows are read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TickTable {
    /// A data type.
    Ticks(DataType),
    /// The lake's candles of a timeframe.
    Candles(Timeframe),
}

impl TickTable {
    /// Its columns.
    pub fn schema(self) -> SchemaRef {
        match self {
            TickTable::Ticks(data_type) => data_type.table().schema().clone(),
            TickTable::Candles(_) => mtdh_lake::candles::schema().clone(),
        }
    }

    /// The name in messages: `trades`, `candles 1m`.
    pub fn name(self) -> String {
        match self {
            TickTable::Ticks(data_type) => data_type.name().to_owned(),
            TickTable::Candles(timeframe) => format!("candles {timeframe}"),
        }
    }
}

/// Rows of instruments in a range of time. They come ordered by day, then key, then as they are stored, which is in order of
/// arrival; by the exchange's clock they are sorted by it.
#[derive(Clone, Debug)]
pub struct ReadRequest {
    /// The table.
    pub table: TickTable,
    /// Instrument keys, or patterns of them with `*` and `?`.
    pub instruments: Vec<String>,
    /// Range of the clock, microseconds since the Unix epoch, UTC; the end is excluded.
    pub within_us: Range<i64>,
    /// Which clock chooses and sorts the rows; candles have one.
    pub clock: Clock,
    /// The columns, in the order wanted; `None`: all.
    pub columns: Option<Vec<String>>,
    /// Maximum number of rows; `None`: no limit.
    pub limit: Option<u64>,
    /// Whether the columns [`WORTH`] come behind the others.
    pub has_worth: bool,
    /// Whose rows are read: the vendor's, those of live recordings, or both.
    pub origins: Origins,
}

/// The columns of what an amount is worth, float64: in the base currency, in the currency of prices, and in the settlement currency
/// of a quanto, by the contract size in force at the row's exchange time. Null: it has no such value, or what it takes to know it
/// is not in the day's instrument table.
pub const WORTH: [&str; 3] = ["base_amount", "quote_amount", "settle_amount"];

/// The form of the rows that are handed out.
#[derive(Clone, Copy, Debug)]
pub struct Form {
    /// Maximum number of rows of a batch.
    pub batch_rows: usize,
    /// Whether texts that are no categories come as views (Arrow's `Utf8View`).
    pub has_views: bool,
    /// How many row groups are decoded at the same time.
    pub ahead: usize,
    /// Batches of each that may wait; `None`: all of them, for a caller that keeps them all.
    pub waiting: Option<usize>,
    /// Whether an object that was replaced since it was chosen is an error. Otherwise what is there now is read.
    pub is_pinned: bool,
}

impl Form {
    /// For a caller that uses one batch after the other: little memory.
    pub const STREAM: Form =
        Form { batch_rows: 1 << 16, has_views: false, ahead: 1, waiting: Some(2), is_pinned: false };

    /// For a caller that keeps all rows: every processor decodes.
    pub fn whole() -> Form {
        let ahead = std::thread::available_parallelism().map_or(1, usize::from);
        Form { batch_rows: 1 << 18, ahead, waiting: None, ..Form::STREAM }
    }
}

impl ReadRequest {
    /// All columns and rows of a range, by the clock of arrival.
    ///
    /// ```
    /// use mtdh_engine::query::{ReadRequest, TickTable};
    /// let keys = vec!["DERIBIT:PERP:*".to_owned()];
    /// let request = ReadRequest::new(TickTable::Ticks(mtdh_engine::DataType::Trades), keys, 0..60_000_000);
    /// assert!(request.columns.is_none() && request.limit.is_none());
    /// ```
    pub fn new(table: TickTable, instruments: Vec<String>, within_us: Range<i64>) -> ReadRequest {
        ReadRequest {
            table,
            instruments,
            within_us,
            clock: Clock::Arrival,
            columns: None,
            limit: None,
            has_worth: false,
            origins: Origins::default(),
        }
    }

    /// The clock by which objects are cut and rows are ordered. Candles are cut by their own time.
    pub(crate) fn clock_of_rows(&self) -> Clock {
        match self.table {
            TickTable::Ticks(_) => self.clock,
            TickTable::Candles(_) => Clock::Arrival,
        }
    }

    /// The column by which rows are chosen. A candle has one time that counts, the start of its interval.
    pub(crate) fn clock_column(&self) -> &'static str {
        match self.table {
            TickTable::Ticks(_) => self.clock.column(),
            TickTable::Candles(_) => Clock::Exchange.column(),
        }
    }

    /// The columns of the answer.
    ///
    /// # Errors
    /// When the table has no column of that name, none is wanted or one twice, or the table has no price and amount that would be worth something.
    pub fn schema(&self) -> Result<SchemaRef, EngineError> {
        let schema = self.stored_schema()?;
        if !self.has_worth {
            return Ok(schema);
        }
        let all = self.table.schema();
        for name in ["price", "amount"] {
            all.field_with_name(name).map_err(|_| self.no_column(name, &all))?;
        }
        let worth = WORTH.map(|name| Arc::new(Field::new(name, ArrowType::Float64, true)));
        Ok(Arc::new(Schema::new(schema.fields().iter().cloned().chain(worth).collect::<Vec<_>>())))
    }

    fn stored_schema(&self) -> Result<SchemaRef, EngineError> {
        let all = self.table.schema();
        let Some(names) = &self.columns else { return Ok(all) };
        let field = |name: &String| {
            let found = all.field_with_name(name).cloned();
            found.map_err(|_| self.no_column(name, &all))
        };
        let fields = names.iter().map(field).collect::<Result<Vec<Field>, EngineError>>()?;
        if fields.is_empty() {
            return Err(self.no_column("", &all));
        }
        let twice = names.iter().enumerate().find(|(place, name)| names[..*place].contains(name));
        if let Some((_, name)) = twice {
            return Err(EngineError::ColumnTwice { name: name.clone() });
        }
        Ok(Arc::new(Schema::new(fields)))
    }

    fn no_column(&self, name: &str, all: &Schema) -> EngineError {
        let columns = all.fields().iter().map(|field| field.name().clone()).collect();
        EngineError::NoColumn { name: name.to_owned(), table: self.table.name(), columns }
    }
}

/// A schema with views in place of texts.
pub(crate) fn with_views(schema: &Schema) -> SchemaRef {
    let field = |field: &Arc<Field>| match field.data_type() {
        ArrowType::Utf8 => Arc::new(Field::new(field.name(), ArrowType::Utf8View, field.is_nullable())),
        _ => field.clone(),
    };
    Arc::new(Schema::new(schema.fields().iter().map(field).collect::<Vec<_>>()))
}
