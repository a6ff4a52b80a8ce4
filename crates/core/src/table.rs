//! The nine data types, each described once: one [`Table`] per type, one [`Column`] per cell.
//!
//! The decoder, the writer, the reader, the stand-in vendor and the documentation are all loops over these
//! descriptions. Facts about the columns come from the vendor's documentation of its CSV files.

pub mod notes;
pub mod possible;

use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, LazyLock};

use crate::nearest::perhaps;
use arrow_schema::{DataType as ArrowType, Field, Schema, SchemaRef, TimeUnit};

pub use possible::Possible;

/// Version of the stored columns. It rises when a column is added, renamed or given another type.
pub const SCHEMA_VERSION: u32 = 1;

/// What the vendor records of an instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DataType {
    /// Each trade.
    Trades,
    /// Each change of each price level.
    IncrementalBookL2,
    /// The best 5 levels of both sides, whenever one of them changed.
    BookSnapshot5,
    /// The best 25 levels of both sides, whenever one of them changed.
    BookSnapshot25,
    /// The best level of both sides, made from the L2 book.
    Quotes,
    /// The best level of both sides, as the exchange published it.
    BookTicker,
    /// Funding, open interest, mark and index price.
    DerivativeTicker,
    /// Forced closings of positions.
    Liquidations,
    /// Quote, greeks and volatility of each option of a venue. The vendor has it only as a group file.
    OptionsChain,
}

impl DataType {
    /// All of them, in the order of documents and reports.
    pub const ALL: [DataType; 9] = [
        DataType::Trades,
        DataType::IncrementalBookL2,
        DataType::BookSnapshot5,
        DataType::BookSnapshot25,
        DataType::Quotes,
        DataType::BookTicker,
        DataType::DerivativeTicker,
        DataType::Liquidations,
        DataType::OptionsChain,
    ];

    /// What is downloaded when a user does not choose.
    pub const DEFAULT: [DataType; 5] = [
        DataType::Trades,
        DataType::BookSnapshot5,
        DataType::DerivativeTicker,
        DataType::Liquidations,
        DataType::OptionsChain,
    ];

    /// The vendor's name, used in URLs, paths and flags.
    pub fn name(self) -> &'static str {
        match self {
            DataType::Trades => "trades",
            DataType::IncrementalBookL2 => "incremental_book_L2",
            DataType::BookSnapshot5 => "book_snapshot_5",
            DataType::BookSnapshot25 => "book_snapshot_25",
            DataType::Quotes => "quotes",
            DataType::BookTicker => "book_ticker",
            DataType::DerivativeTicker => "derivative_ticker",
            DataType::Liquidations => "liquidations",
            DataType::OptionsChain => "options_chain",
        }
    }

    /// Its columns.
    pub fn table(self) -> &'static Table {
        &TABLES[self as usize]
    }

    /// Whether it tells what rests in an order book, of which a state may be sent again.
    pub fn is_book(self) -> bool {
        use DataType::{BookSnapshot5, BookSnapshot25, BookTicker, IncrementalBookL2, Quotes};
        matches!(self, IncrementalBookL2 | BookSnapshot5 | BookSnapshot25 | Quotes | BookTicker)
    }

    /// True where the vendor offers only a file of all instruments of a venue, never one of a single instrument.
    pub fn only_grouped(self) -> bool {
        self == DataType::OptionsChain
    }
}

impl fmt::Display for DataType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A text that names no data type.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("unknown data type `{name}`{}; there are: {}", perhaps(name, DataType::ALL.map(DataType::name)),
    DataType::ALL.map(DataType::name).join(", "))]
pub struct UnknownDataType {
    /// The text.
    pub name: String,
}

impl FromStr for DataType {
    type Err = UnknownDataType;

    /// Reads the vendor's name; case does not matter.
    fn from_str(text: &str) -> Result<DataType, UnknownDataType> {
        DataType::ALL
            .into_iter()
            .find(|t| t.name().eq_ignore_ascii_case(text))
            .ok_or_else(|| UnknownDataType { name: text.to_owned() })
    }
}

/// How a CSV cell is read and what it is stored as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Whole microseconds since the Unix epoch, UTC → `timestamp[us, UTC]`.
    Time,
    /// A decimal number → `float64`.
    Number,
    /// Any text → `string`.
    Text,
    /// One of a few words → dictionary-encoded string.
    Category(&'static [&'static str]),
    /// `true` or `false` → `bool`.
    Flag,
}

/// One column: a cell of the vendor's CSV and what becomes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Name in the lake.
    pub name: String,
    /// Name in the vendor's header row.
    pub csv: String,
    /// How it is read and stored.
    pub kind: Kind,
    /// Whether the cell may be empty; an empty cell is stored as null.
    pub nullable: bool,
    /// Which values it can have; a check tells what lies outside, and stores it all the same.
    pub possible: Possible,
    /// Unit of the value; empty for words.
    pub unit: &'static str,
    /// What it says, and what null means where it may be null.
    pub meaning: &'static str,
}

impl Column {
    /// Its Arrow type.
    pub fn arrow_type(&self) -> ArrowType {
        match self.kind {
            Kind::Time => ArrowType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Kind::Number => ArrowType::Float64,
            Kind::Text => ArrowType::Utf8,
            Kind::Category(_) => word_type(),
            Kind::Flag => ArrowType::Boolean,
        }
    }
}

/// The Arrow type of a dictionary-encoded word, also that of `instrument_key`.
pub fn word_type() -> ArrowType {
    ArrowType::Dictionary(Box::new(ArrowType::Int32), Box::new(ArrowType::Utf8))
}

/// The first stored column of every data type: the instrument key of the row.
pub const INSTRUMENT_KEY: &str = "instrument_key";

/// The columns of one data type.
#[derive(Debug)]
pub struct Table {
    /// Which data type.
    pub data_type: DataType,
    /// The stored columns in order, without `instrument_key`, which comes first in the lake. In the vendor's
    /// CSV two columns stand before them: `exchange` and `symbol`.
    pub columns: Vec<Column>,
    schema: SchemaRef,
    row_schema: SchemaRef,
}

impl Table {
    /// The schema of a partition: `instrument_key`, then [`Table::columns`].
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The same without `instrument_key`, as rows are before it is known whose they are.
    pub fn row_schema(&self) -> &SchemaRef {
        &self.row_schema
    }

    /// The vendor's header row, without the line's end.
    pub fn csv_header(&self) -> String {
        let cells = self.columns.iter().map(|c| c.csv.as_str());
        ["exchange", "symbol"].into_iter().chain(cells).collect::<Vec<_>>().join(",")
    }

    /// The data type whose header has exactly these columns, in any order, further ones allowed. Where several
    /// fit (trades and liquidations look alike) all are given, the one with most columns first.
    pub fn of_header(header: &[&str]) -> Vec<&'static Table> {
        let has = |name: &str| header.contains(&name);
        let mut fitting: Vec<&'static Table> = TABLES
            .iter()
            .filter(|t| has("exchange") && has("symbol") && t.columns.iter().all(|c| has(&c.csv)))
            .collect();
        fitting.sort_by_key(|t| std::cmp::Reverse(t.columns.len()));
        let widest = fitting.first().map_or(0, |t| t.columns.len());
        fitting.retain(|t| t.columns.len() == widest);
        fitting
    }
}

static TABLES: LazyLock<[Table; 9]> = LazyLock::new(|| {
    DataType::ALL.map(|data_type| {
        let columns = columns(data_type);
        let of_row: Vec<_> =
            columns.iter().map(|c| Field::new(&c.name, c.arrow_type(), c.nullable)).collect();
        let key = Field::new(INSTRUMENT_KEY, word_type(), false);
        let schema = Arc::new(Schema::new([vec![key], of_row.clone()].concat()));
        Table { data_type, columns, schema, row_schema: Arc::new(Schema::new(of_row)) }
    })
});

const TAKER_SIDE: &[&str] = &["buy", "sell", "unknown"];
/// The currency of the instrument's prices: that of its quote, or, of an option settled in a coin, the coin.
const PRICE: &str = "price currency";
const QUOTE: &str = "quote currency";
const AMOUNT: &str = "the exchange's own: contracts, base or quote currency";
const FRACTION: &str = "fraction, 0.0001 is 0.01 %";
const VOLATILITY: &str = "as the exchange gives it: percent on Deribit";
const MICROSECONDS: &str = "microseconds since the Unix epoch, UTC";

fn column(name: &str, kind: Kind, unit: &'static str, meaning: &'static str) -> Column {
    let possible = Possible::Any;
    Column { name: name.to_owned(), csv: name.to_owned(), kind, nullable: false, possible, unit, meaning }
}

impl Column {
    fn of(self, possible: Possible) -> Column {
        Column { possible, ..self }
    }
}

fn nullable(name: &str, kind: Kind, unit: &'static str, meaning: &'static str) -> Column {
    Column { nullable: true, ..column(name, kind, unit, meaning) }
}

fn columns(data_type: DataType) -> Vec<Column> {
    let mut columns = vec![
        column(
            "timestamp",
            Kind::Time,
            MICROSECONDS,
            "the exchange's clock; equals local_timestamp where it gave none",
        ),
        column(
            "local_timestamp",
            Kind::Time,
            MICROSECONDS,
            "arrival at the vendor's recorder; never falls within a file",
        ),
    ];
    columns.extend(match data_type {
        DataType::Trades => {
            trade_columns("side of the taker", "the exchange's trade id; null where it gives none")
        }
        DataType::Liquidations => trade_columns(
            "buy: a short position was liquidated; sell: a long one",
            "the exchange's id of the liquidation, order or trade; null where it gives none",
        ),
        DataType::IncrementalBookL2 => vec![
            column(
                "is_snapshot",
                Kind::Flag,
                "",
                "true: part of a whole book; a run of true after false clears the book",
            ),
            column("side", Kind::Category(&["bid", "ask"]), "", "side of the book"),
            column("price", Kind::Number, PRICE, "price of the level").of(Possible::QuotePrice),
            column(
                "amount",
                Kind::Number,
                AMOUNT,
                "what rests at the level from now on; 0 removes the level",
            )
            .of(Possible::AmountOrNone),
        ],
        DataType::BookSnapshot5 => level_columns(5),
        DataType::BookSnapshot25 => level_columns(25),
        DataType::Quotes => quote_columns(Possible::QuotePrice, Possible::Amount),
        DataType::BookTicker => quote_columns(Possible::SentPrice, Possible::AmountOrNone),
        DataType::DerivativeTicker => vec![
            nullable(
                "funding_timestamp",
                Kind::Time,
                MICROSECONDS,
                "next funding; null: not known yet that day",
            )
            .of(Possible::Moment),
            nullable(
                "funding_rate",
                Kind::Number,
                FRACTION,
                "rate taking effect at funding_timestamp; null: not known yet",
            )
            .of(Possible::Rate),
            nullable(
                "predicted_funding_rate",
                Kind::Number,
                FRACTION,
                "estimate for the period after; null: not given",
            )
            .of(Possible::Rate),
            nullable("open_interest", Kind::Number, AMOUNT, "open interest; null: not known yet")
                .of(Possible::AmountOrNone),
            nullable("last_price", Kind::Number, PRICE, "price of the last trade; null: not known yet")
                .of(Possible::LastPrice),
            nullable("index_price", Kind::Number, QUOTE, "price of the index; null: not known yet")
                .of(Possible::Underlying),
            nullable("mark_price", Kind::Number, PRICE, "mark price; null: not known yet")
                .of(Possible::QuotePrice),
        ],
        DataType::OptionsChain => option_columns(),
    });
    columns
}

fn trade_columns(side: &'static str, id: &'static str) -> Vec<Column> {
    vec![
        nullable("id", Kind::Text, "", id),
        column("side", Kind::Category(TAKER_SIDE), "", side),
        column("price", Kind::Number, PRICE, "price").of(Possible::TradePrice),
        column("amount", Kind::Number, AMOUNT, "amount").of(Possible::Amount),
    ]
}

fn quote_columns(price: Possible, amount: Possible) -> Vec<Column> {
    vec![
        nullable("ask_amount", Kind::Number, AMOUNT, "amount at the best ask; null: no ask").of(amount),
        nullable("ask_price", Kind::Number, PRICE, "best ask; null: no ask").of(price),
        nullable("bid_price", Kind::Number, PRICE, "best bid; null: no bid").of(price),
        nullable("bid_amount", Kind::Number, AMOUNT, "amount at the best bid; null: no bid").of(amount),
    ]
}

/// `ask_price_1, ask_amount_1, bid_price_1, bid_amount_1, …`, best level first; the CSV counts from 0.
fn level_columns(depth: usize) -> Vec<Column> {
    let mut columns = Vec::with_capacity(depth * 4);
    for level in 0..depth {
        for (side, what, unit, meaning) in [
            ("ask", "price", PRICE, "price of the ask level, 1 is best; null: no such level"),
            ("ask", "amount", AMOUNT, "amount at the ask level; null: no such level"),
            ("bid", "price", PRICE, "price of the bid level, 1 is best; null: no such level"),
            ("bid", "amount", AMOUNT, "amount at the bid level; null: no such level"),
        ] {
            let name = format!("{side}_{what}_{}", level + 1);
            let csv = format!("{side}s[{level}].{what}");
            let possible = if what == "price" { Possible::QuotePrice } else { Possible::Amount };
            columns.push(Column { csv, possible, ..nullable(&name, Kind::Number, unit, meaning) });
        }
    }
    columns
}

fn option_columns() -> Vec<Column> {
    let number =
        |name: &str, possible, unit, meaning| nullable(name, Kind::Number, unit, meaning).of(possible);
    vec![
        column("type", Kind::Category(&["put", "call"]), "", "kind of the option"),
        column("strike_price", Kind::Number, QUOTE, "strike").of(Possible::Underlying),
        column("expiration", Kind::Time, MICROSECONDS, "when the option ends").of(Possible::Moment),
        number("open_interest", Possible::AmountOrNone, AMOUNT, "open interest; null: not given"),
        number("last_price", Possible::LastPrice, PRICE, "price of the last trade; null: none yet"),
        number("bid_price", Possible::QuotePrice, PRICE, "best bid; null: no bid"),
        number("bid_amount", Possible::AmountOrNone, AMOUNT, "amount at the best bid; null: no bid"),
        number(
            "bid_iv",
            Possible::Volatility,
            VOLATILITY,
            "implied volatility at the best bid; null: not given",
        ),
        number("ask_price", Possible::QuotePrice, PRICE, "best ask; null: no ask"),
        number("ask_amount", Possible::AmountOrNone, AMOUNT, "amount at the best ask; null: no ask"),
        number(
            "ask_iv",
            Possible::Volatility,
            VOLATILITY,
            "implied volatility at the best ask; null: not given",
        ),
        number("mark_price", Possible::QuotePrice, PRICE, "mark price; null: not given"),
        number(
            "mark_iv",
            Possible::Volatility,
            VOLATILITY,
            "implied volatility at the mark price; null: not given",
        ),
        nullable(
            "underlying_index",
            Kind::Text,
            "",
            "index or future that the option is priced from; null: not given",
        ),
        number("underlying_price", Possible::Underlying, QUOTE, "price of the underlying; null: not given"),
        number("delta", Possible::Number, "", "delta; null: not given"),
        number("gamma", Possible::Number, "", "gamma; null: not given"),
        number("vega", Possible::Number, "", "vega; null: not given"),
        number("theta", Possible::Number, "", "theta; null: not given"),
        number("rho", Possible::Number, "", "rho; null: not given"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_the_vendors() {
        for (data_type, header) in [
            (DataType::Trades, "exchange,symbol,timestamp,local_timestamp,id,side,price,amount"),
            (
                DataType::Quotes,
                "exchange,symbol,timestamp,local_timestamp,ask_amount,ask_price,bid_price,bid_amount",
            ),
            (
                DataType::IncrementalBookL2,
                "exchange,symbol,timestamp,local_timestamp,is_snapshot,side,price,amount",
            ),
            (
                DataType::OptionsChain,
                "exchange,symbol,timestamp,local_timestamp,type,strike_price,expiration,open_interest,last_price,\
                 bid_price,bid_amount,bid_iv,ask_price,ask_amount,ask_iv,mark_price,mark_iv,underlying_index,\
                 underlying_price,delta,gamma,vega,theta,rho",
            ),
        ] {
            assert_eq!(data_type.table().csv_header(), header);
        }
        assert!(DataType::BookSnapshot25.table().csv_header().ends_with("bids[24].price,bids[24].amount"));
        assert_eq!(DataType::BookSnapshot25.table().columns.len(), 102);
    }

    #[test]
    fn a_header_tells_its_data_type() {
        let names = |header: &str| -> Vec<&str> {
            let cells: Vec<&str> = header.split(',').collect();
            Table::of_header(&cells).iter().map(|t| t.data_type.name()).collect()
        };
        assert_eq!(names(&DataType::BookSnapshot25.table().csv_header()), ["book_snapshot_25"]);
        assert_eq!(names(&DataType::BookSnapshot5.table().csv_header()), ["book_snapshot_5"]);
        assert_eq!(names(&DataType::Trades.table().csv_header()), ["trades", "liquidations"]);
        assert_eq!(names(&DataType::Quotes.table().csv_header()), ["quotes", "book_ticker"]);
        assert!(names("exchange,symbol,price").is_empty());
    }

    #[test]
    fn names_read_back_in_any_case() {
        for data_type in DataType::ALL {
            assert_eq!(data_type.name().to_uppercase().parse(), Ok(data_type));
        }
        assert!("trade".parse::<DataType>().unwrap_err().to_string().contains("trades"));
    }
}
