//! One symbol's state, and its rows.

use mtdh_core::DataType;
use mtdh_core::book::LevelChange;
use mtdh_core::live::book::{Emit, LiveBook};
use mtdh_core::live::ids::TradeIds;
use mtdh_core::live::ticker::Ticker;
use mtdh_core::live::top::Top;

use super::super::feed::ConnectionId;
use super::super::out::Out;
use super::super::rows::StreamId;
use super::connections::Connections;
use super::silence::Seen;
use super::{OptionRow, Setup};
use crate::row_builder::RowBuilder;

const TYPES: usize = DataType::ALL.len();

pub(super) struct Symbol {
    /// As the exchange writes it.
    pub native: Box<str>,
    /// The place in the plan of the connection that its book was subscribed to on.
    pub place: Option<u32>,
    pub ids: TradeIds,
    pub ticker: Ticker,
    /// Its book, if anything is wanted that is made from it.
    pub book: Option<Box<LiveBook>>,
    /// Whether the book's changes are wanted, not only its best levels.
    has_levels: bool,
    streams: [Option<StreamId>; TYPES],
    tops: Vec<(DataType, Top)>,
    /// What arrived, by stream.
    pub seen: Vec<Seen>,
    /// Who brings messages without a number.
    owners: [Option<ConnectionId>; TYPES],
}

impl Symbol {
    pub fn new(native: &str, setup: &Setup, wanted: &[bool; TYPES]) -> Symbol {
        let tops = [(DataType::Quotes, 1), (DataType::BookSnapshot5, 5), (DataType::BookSnapshot25, 25)];
        let tops: Vec<_> = tops
            .into_iter()
            .filter(|(data_type, _)| wanted[*data_type as usize])
            .map(|(data_type, levels)| (data_type, Top::new(levels)))
            .collect();
        let has_levels = wanted[DataType::IncrementalBookL2 as usize];
        Symbol {
            native: native.into(),
            place: None,
            ids: TradeIds::new(setup.ids),
            ticker: Ticker::default(),
            book: (has_levels || !tops.is_empty()).then(|| Box::new(LiveBook::new(setup.terms))),
            has_levels,
            streams: [None; TYPES],
            tops,
            seen: Vec::new(),
            owners: [None; TYPES],
        }
    }

    /// Whether the connection is the one whose messages of a data type count: the first that brought any, until it closes.
    #[inline]
    pub fn is_owner(
        &mut self,
        connections: &Connections,
        data_type: DataType,
        connection: ConnectionId,
    ) -> bool {
        let owner = &mut self.owners[data_type as usize];
        if *owner == Some(connection) {
            return true;
        }
        if owner.is_some_and(|owner| connections.is_open(owner)) {
            return false;
        }
        *owner = Some(connection);
        true
    }

    /// The stream of a data type.
    #[inline]
    pub fn stream(
        &mut self,
        out: &mut Out,
        name: fn(&str, DataType) -> String,
        data_type: DataType,
    ) -> StreamId {
        if let Some(stream) = self.streams[data_type as usize] {
            return stream;
        }
        let stream = out.rows.stream(&name(&self.native, data_type), data_type);
        self.streams[data_type as usize] = Some(stream);
        stream
    }

    pub fn forget_tops(&mut self) {
        for (_, top) in &mut self.tops {
            top.forget();
        }
    }

    /// The rows of a book message: its levels, and the best levels that changed by it.
    #[inline]
    pub fn book_rows(
        &mut self,
        out: &mut Out,
        setup: &Setup,
        emit: Emit,
        given: &[LevelChange],
        at: i64,
        arrived: i64,
    ) {
        if self.has_levels {
            let stream = self.stream(out, setup.spelling.row, DataType::IncrementalBookL2);
            let levels = match (&self.book, emit) {
                (Some(book), Emit::Merged) => book.merged(),
                _ => given,
            };
            out.rows.group(stream, |rows| level_rows(rows, levels, at, arrived));
        }
        self.top_rows(out, setup, at, arrived);
    }

    fn top_rows(&mut self, out: &mut Out, setup: &Setup, at: i64, arrived: i64) {
        let Some(book) = &self.book else { return };
        if !book.is_live() {
            return;
        }
        let mut tops = std::mem::take(&mut self.tops);
        for (data_type, top) in &mut tops {
            let is_due = self.book.as_ref().is_some_and(|book| top.take(book.book()));
            if is_due {
                let stream = self.stream(out, setup.spelling.row, *data_type);
                out.rows.group(stream, |rows| top_row(rows, *data_type, top.levels(), at, arrived));
            }
        }
        self.tops = tops;
    }

    /// The book as it is, as a snapshot.
    pub fn midnight(&mut self, out: &mut Out, setup: &Setup, now: i64) {
        let Some(book) = self.book.as_ref().filter(|book| book.is_live()) else { return };
        let level =
            |is_ask: bool| move |(price, amount)| LevelChange { is_snapshot: true, is_ask, price, amount };
        let levels: Vec<LevelChange> =
            book.book().asks().map(level(true)).chain(book.book().bids().map(level(false))).collect();
        self.forget_tops();
        self.book_rows(out, setup, Emit::Given, &levels, now, now);
    }
}

/// Asks first, as the vendor's files have them.
#[inline]
fn level_rows(rows: &mut RowBuilder, levels: &[LevelChange], at: i64, arrived: i64) {
    for is_ask in [true, false] {
        for level in levels.iter().filter(|level| level.is_ask == is_ask) {
            rows.column(0).push_time(at);
            rows.column(1).push_time(arrived);
            rows.column(2).push_flag(level.is_snapshot);
            rows.column(3).push_category(usize::from(is_ask));
            rows.column(4).push_number(level.price);
            rows.column(5).push_number(level.amount);
            rows.end_row();
        }
    }
}

fn top_row(rows: &mut RowBuilder, data_type: DataType, levels: &[[Option<f64>; 4]], at: i64, arrived: i64) {
    rows.column(0).push_time(at);
    rows.column(1).push_time(arrived);
    for (place, level) in levels.iter().enumerate() {
        let [ask_price, ask_amount, bid_price, bid_amount] = *level;
        let cells = match data_type {
            DataType::Quotes => [ask_amount, ask_price, bid_price, bid_amount],
            _ => [ask_price, ask_amount, bid_price, bid_amount],
        };
        for (column, value) in cells.into_iter().enumerate() {
            number(rows, 2 + place * 4 + column, value);
        }
    }
    rows.end_row();
}

#[inline]
pub(super) fn number(rows: &mut RowBuilder, column: usize, value: Option<f64>) {
    match value {
        Some(value) => rows.column(column).push_number(value),
        None => rows.column(column).push_null(),
    }
}

pub(super) fn option_row(rows: &mut RowBuilder, option: &OptionRow<'_>, at: i64, arrived: i64) {
    rows.column(0).push_time(at);
    rows.column(1).push_time(arrived);
    rows.column(2).push_category(usize::from(option.is_call));
    rows.column(3).push_number(option.strike);
    rows.column(4).push_time(option.expiration);
    for (column, value) in option.numbers.into_iter().enumerate() {
        number(rows, 5 + column, value);
    }
    match option.underlying_index {
        Some(index) => rows.column(15).push_text(index.as_bytes()),
        None => rows.column(15).push_null(),
    }
    for (column, value) in option.greeks.into_iter().enumerate() {
        number(rows, 16 + column, value);
    }
    rows.end_row();
}
