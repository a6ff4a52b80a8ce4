//! What all feeds share: the state of each symbol, and its rows.
//!
//! A venue's feed reads a message and tells the market what it says; the market knows what is new, what is lost, and makes the rows
//! of the wanted data types. Start with [`Market::symbol`], then [`Market::trade`] and its like. For a book the levels are laid out
//! first, with [`Market::level`], and [`Market::snapshot`] or [`Market::update`] takes them.

mod asks;
mod connections;
mod silence;
mod symbol;

use std::collections::HashMap;

use mtdh_core::DataType;
use mtdh_core::book::LevelChange;
pub use mtdh_core::candle::Side;
use mtdh_core::live::book::{Emit, Step, Terms};
use mtdh_core::live::ids::IdRule;
use mtdh_core::live::rule::{Ids, Place};
use mtdh_core::live::ticker::{Field, Ticker};

use self::asks::Asks;
use self::connections::Connections;
pub use self::silence::{Silent, Stream};
use self::symbol::Symbol;
use super::feed::ConnectionId;
use super::out::Out;
use super::symbols::Spelling;
use super::venue::{Connection, Want};

/// What holds for all symbols of a venue.
#[derive(Clone, Copy)]
pub struct Setup {
    /// Its books.
    pub terms: Terms,
    /// The ids of its trades.
    pub ids: IdRule,
    /// How its symbols are written.
    pub spelling: &'static Spelling,
    /// Snapshots may be asked for so often: at once, and per second.
    pub asks: (u32, u32),
}

/// A symbol of a market; it stays the same for the life of the feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SymbolId(u32);

/// A trade or a liquidation.
#[derive(Clone, Copy, Debug)]
pub struct Trade<'a> {
    /// The id as it stands in the message; `None`: there is none.
    pub id: Option<&'a str>,
    /// The number by which trades of the symbol are counted, where there is one.
    pub sequence: Option<u64>,
    /// Side of the taker; of a liquidation `Buy` where a short position was closed.
    pub side: Side,
    /// Price.
    pub price: f64,
    /// Amount, in the exchange's unit.
    pub amount: f64,
    /// The exchange's time, microseconds since the Unix epoch, UTC.
    pub at: i64,
}

/// The best level of both sides; `None`: not given.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Quote {
    /// Price of the best ask.
    pub ask_price: Option<f64>,
    /// Its amount.
    pub ask_amount: Option<f64>,
    /// Price of the best bid.
    pub bid_price: Option<f64>,
    /// Its amount.
    pub bid_amount: Option<f64>,
}

/// An option's row, without its times.
#[derive(Clone, Debug, Default)]
pub struct OptionRow<'a> {
    /// Whether it is a call.
    pub is_call: bool,
    /// Strike, in the quote currency.
    pub strike: f64,
    /// When it ends, microseconds since the Unix epoch, UTC.
    pub expiration: i64,
    /// The numbers between `expiration` and `underlying_index`, in the order of the table: open interest, last price, bid price, bid
    /// amount, bid volatility, ask price, ask amount, ask volatility, mark price, mark volatility.
    pub numbers: [Option<f64>; 10],
    /// What it is priced from.
    pub underlying_index: Option<&'a str>,
    /// Its price, then delta, gamma, vega, theta, rho.
    pub greeks: [Option<f64>; 6],
}

/// Of a recording that names its own symbols at most so many are followed.
const MAX_SYMBOLS: usize = 10_000;

/// The symbols of one feed.
pub struct Market {
    setup: Setup,
    wanted: [bool; DataType::ALL.len()],
    /// Whether any symbol is followed that a message names.
    is_open: bool,
    symbols: Vec<Symbol>,
    index: HashMap<Box<[u8]>, SymbolId>,
    last: Option<SymbolId>,
    levels: Vec<LevelChange>,
    asks: Asks,
    connections: Connections,
    /// When it is looked next whether a stream is silent.
    look: Option<i64>,
    /// Whether what is taken came by REST, which says nothing of streams.
    is_answer: bool,
}

impl Market {
    /// The market of a feed before anything arrived.
    pub fn new(setup: Setup, want: &Want, planned: &[Connection]) -> Market {
        let mut setup = setup;
        setup.terms.is_recorded = want.is_recorded;
        let mut wanted = [false; DataType::ALL.len()];
        for data_type in &want.data_types {
            wanted[*data_type as usize] = true;
        }
        let mut market = Market {
            setup,
            wanted,
            is_open: want.symbols.is_empty(),
            symbols: Vec::new(),
            index: HashMap::new(),
            last: None,
            levels: Vec::new(),
            asks: Asks::new(setup.asks),
            connections: Connections::new(planned.len()),
            look: None,
            is_answer: false,
        };
        for symbol in &want.symbols {
            market.add(symbol);
        }
        market
    }

    fn add(&mut self, native: &str) -> SymbolId {
        let id = SymbolId(self.symbols.len() as u32);
        if let Some(known) = self.index.get(native.as_bytes()) {
            return *known;
        }
        self.symbols.push(Symbol::new(native, &self.setup, &self.wanted));
        self.index.insert(native.as_bytes().into(), id);
        id
    }

    /// Whether rows of a data type are wanted.
    pub fn wants(&self, data_type: DataType) -> bool {
        self.wanted[data_type as usize]
    }

    /// Whether anything is wanted that is made from the book.
    pub fn wants_book(&self) -> bool {
        use DataType::{BookSnapshot5, BookSnapshot25, IncrementalBookL2, Quotes};
        [IncrementalBookL2, BookSnapshot5, BookSnapshot25, Quotes].into_iter().any(|t| self.wants(t))
    }

    /// The symbol that a message names; `None`: it is not followed.
    #[inline]
    pub fn symbol(&mut self, native: &[u8]) -> Option<SymbolId> {
        if let Some(last) = self.last
            && self.symbols[last.0 as usize].native.as_bytes() == native
        {
            return Some(last);
        }
        let known = self.index.get(native).copied();
        let id = match known {
            Some(id) => id,
            None if self.is_open && self.symbols.len() < MAX_SYMBOLS && native.len() <= 64 => {
                self.add(std::str::from_utf8(native).ok().filter(|name| !name.is_empty())?)
            }
            None => return None,
        };
        self.last = Some(id);
        Some(id)
    }

    /// All symbols, in the order in which they were named.
    pub fn ids(&self) -> impl Iterator<Item = SymbolId> + use<> {
        (0..self.symbols.len() as u32).map(SymbolId)
    }

    /// A symbol as the exchange writes it.
    pub fn name(&self, symbol: SymbolId) -> &str {
        &self.symbols[symbol.0 as usize].native
    }

    /// A trade: its row, and what its number shows to be missing. Whether it is new; one that came before makes no row.
    #[inline]
    pub fn trade(
        &mut self,
        out: &mut Out,
        connection: ConnectionId,
        symbol: SymbolId,
        trade: &Trade<'_>,
        arrived: i64,
    ) -> bool {
        self.saw(out, connection, symbol, Stream::Trades, arrived);
        let is_new = self.count(out, connection, symbol, trade.sequence, arrived);
        if is_new && self.wants(DataType::Trades) {
            self.trade_row(out, connection, symbol, DataType::Trades, trade, arrived);
        }
        is_new
    }

    /// Counts a trade that makes no row. Whether it is new.
    #[inline]
    pub fn count(
        &mut self,
        out: &mut Out,
        connection: ConnectionId,
        symbol: SymbolId,
        sequence: Option<u64>,
        arrived: i64,
    ) -> bool {
        let known = &mut self.symbols[symbol.0 as usize];
        let (is_new, loss) = known.ids.see(sequence, arrived);
        if let Some(loss) = loss {
            out.lost(connection, &known.native, DataType::Trades, loss);
        }
        is_new
    }

    /// The exchange named the number of the symbol's last trade, which may not have arrived yet.
    pub fn told_of_trade(
        &mut self,
        out: &mut Out,
        connection: ConnectionId,
        symbol: SymbolId,
        number: u64,
        arrived: i64,
    ) {
        let known = &mut self.symbols[symbol.0 as usize];
        if let Some(loss) = known.ids.tell(number, arrived) {
            out.lost(connection, &known.native, DataType::Trades, loss);
        }
    }

    /// A liquidation's row.
    pub fn liquidation(
        &mut self,
        out: &mut Out,
        connection: ConnectionId,
        symbol: SymbolId,
        liquidation: &Trade<'_>,
        arrived: i64,
    ) {
        self.saw(out, connection, symbol, Stream::Liquidations, arrived);
        if self.wants(DataType::Liquidations) {
            self.trade_row(out, connection, symbol, DataType::Liquidations, liquidation, arrived);
        }
    }

    #[inline]
    fn trade_row(
        &mut self,
        out: &mut Out,
        connection: ConnectionId,
        symbol: SymbolId,
        data_type: DataType,
        trade: &Trade<'_>,
        arrived: i64,
    ) {
        let symbol = &mut self.symbols[symbol.0 as usize];
        // Numbered trades are told apart by their numbers, others by who brings them.
        if trade.sequence.is_none() && !symbol.is_owner(&self.connections, data_type, connection) {
            return;
        }
        let stream = symbol.stream(out, self.setup.spelling.row, data_type);
        out.rows.group(stream, |rows| {
            rows.column(0).push_time(trade.at);
            rows.column(1).push_time(arrived);
            match trade.id {
                Some(id) => rows.column(2).push_text(id.as_bytes()),
                None => rows.column(2).push_null(),
            }
            rows.column(3).push_category(trade.side as usize);
            rows.column(4).push_number(trade.price);
            rows.column(5).push_number(trade.amount);
            rows.end_row();
        });
    }

    /// A row of the best levels as the exchange published them, at its time.
    #[inline]
    pub fn book_ticker(
        &mut self,
        out: &mut Out,
        connection: ConnectionId,
        symbol: SymbolId,
        quote: &Quote,
        at: i64,
        arrived: i64,
    ) {
        self.saw(out, connection, symbol, Stream::BookTicker, arrived);
        let symbol = &mut self.symbols[symbol.0 as usize];
        if !self.wanted[DataType::BookTicker as usize]
            || !symbol.is_owner(&self.connections, DataType::BookTicker, connection)
        {
            return;
        }
        let stream = symbol.stream(out, self.setup.spelling.row, DataType::BookTicker);
        out.rows.group(stream, |rows| {
            rows.column(0).push_time(at);
            rows.column(1).push_time(arrived);
            for (column, value) in
                [quote.ask_amount, quote.ask_price, quote.bid_price, quote.bid_amount].into_iter().enumerate()
            {
                symbol::number(rows, 2 + column, value);
            }
            rows.end_row();
        });
    }

    /// What is known of a derivative; [`Market::ticker_row`] makes the row of its changes.
    pub fn ticker(&mut self, symbol: SymbolId) -> &mut Ticker {
        &mut self.symbols[symbol.0 as usize].ticker
    }

    /// A message of a channel that makes no row by itself, such as a part of an option's state.
    pub fn heard(
        &mut self,
        out: &mut Out,
        connection: ConnectionId,
        symbol: SymbolId,
        channel: &'static str,
        arrived: i64,
    ) {
        self.saw(out, connection, symbol, Stream::Ticker(channel), arrived);
    }

    /// A row of the derivative's state, if a value changed by a message of this channel.
    pub fn ticker_row(
        &mut self,
        out: &mut Out,
        connection: ConnectionId,
        symbol: SymbolId,
        channel: &'static str,
        arrived: i64,
    ) {
        self.saw(out, connection, symbol, Stream::Ticker(channel), arrived);
        let symbol = &mut self.symbols[symbol.0 as usize];
        if !symbol.ticker.take_change()
            || !self.wanted[DataType::DerivativeTicker as usize]
            || !symbol.is_owner(&self.connections, DataType::DerivativeTicker, connection)
        {
            return;
        }
        let stream = symbol.stream(out, self.setup.spelling.row, DataType::DerivativeTicker);
        let ticker = &symbol.ticker;
        out.rows.group(stream, |rows| {
            rows.column(0).push_time(ticker.timestamp().unwrap_or(arrived));
            rows.column(1).push_time(arrived);
            match ticker.funding_timestamp() {
                Some(at) => rows.column(2).push_time(at),
                None => rows.column(2).push_null(),
            }
            for (column, field) in Field::ALL.into_iter().enumerate() {
                symbol::number(rows, 3 + column, ticker.value(field));
            }
            rows.end_row();
        });
    }

    /// An option's row, by a message of this channel.
    #[expect(clippy::too_many_arguments, reason = "a message's facts")]
    pub fn option(
        &mut self,
        out: &mut Out,
        connection: ConnectionId,
        symbol: SymbolId,
        channel: &'static str,
        option: &OptionRow<'_>,
        at: i64,
        arrived: i64,
    ) {
        self.saw(out, connection, symbol, Stream::Ticker(channel), arrived);
        let symbol = &mut self.symbols[symbol.0 as usize];
        if !self.wanted[DataType::OptionsChain as usize]
            || !symbol.is_owner(&self.connections, DataType::OptionsChain, connection)
        {
            return;
        }
        let stream = symbol.stream(out, self.setup.spelling.row, DataType::OptionsChain);
        out.rows.group(stream, |rows| symbol::option_row(rows, option, at, arrived));
    }

    /// Forgets levels that were laid out for a message that turned out bad.
    pub fn clear_levels(&mut self) {
        self.levels.clear();
    }

    /// Lays out a level of the next book message; amount 0 removes it.
    #[inline]
    pub fn level(&mut self, is_ask: bool, price: f64, amount: f64) {
        self.levels.push(LevelChange { is_snapshot: false, is_ask, price, amount });
    }

    /// Where a reader lays out the levels of the next message itself.
    pub fn layout(&mut self) -> &mut Vec<LevelChange> {
        self.levels.clear();
        &mut self.levels
    }

    /// The symbol, where there is only one.
    pub fn only(&self) -> Option<SymbolId> {
        (self.symbols.len() == 1).then_some(SymbolId(0))
    }

    /// The levels that are laid out.
    pub fn levels(&self) -> &[LevelChange] {
        &self.levels
    }

    /// A whole book of the levels laid out; `by_rest`: it came by REST, and may be older than the updates.
    #[expect(clippy::too_many_arguments, reason = "a message's facts")]
    pub fn snapshot(
        &mut self,
        out: &mut Out,
        connection: ConnectionId,
        symbol: SymbolId,
        ids: Ids,
        at: i64,
        arrived: i64,
        by_rest: bool,
    ) {
        for level in &mut self.levels {
            level.is_snapshot = true;
        }
        self.book_message(out, connection, symbol, at, arrived, |book, levels| {
            book.snapshot(ids, arrived, levels, by_rest)
        });
    }

    /// An update of the levels laid out.
    #[inline]
    pub fn update(
        &mut self,
        out: &mut Out,
        connection: ConnectionId,
        symbol: SymbolId,
        ids: Ids,
        at: i64,
        arrived: i64,
    ) {
        self.book_message(out, connection, symbol, at, arrived, |book, levels| {
            book.update(ids, arrived, levels)
        });
    }

    /// The book of a symbol was found to be wrong by the message whose levels are laid out, such as by its checksum.
    #[expect(clippy::too_many_arguments, reason = "a message's facts")]
    pub fn fail(
        &mut self,
        out: &mut Out,
        connection: ConnectionId,
        symbol: SymbolId,
        kind: &'static str,
        detail: String,
        at: i64,
        arrived: i64,
    ) {
        self.book_message(out, connection, symbol, at, arrived, |book, _| book.fail(kind, detail, arrived));
    }

    #[inline]
    fn book_message(
        &mut self,
        out: &mut Out,
        connection: ConnectionId,
        id: SymbolId,
        at: i64,
        arrived: i64,
        step: impl FnOnce(&mut mtdh_core::live::book::LiveBook, &[LevelChange]) -> Step,
    ) {
        self.saw(out, connection, id, Stream::Book, arrived);
        let symbol = &mut self.symbols[id.0 as usize];
        // Books whose order shows are joined by it, others by who brings them.
        if !self.setup.terms.rule.is_proof()
            && !symbol.is_owner(&self.connections, DataType::IncrementalBookL2, connection)
        {
            self.levels.clear();
            return;
        }
        let Some(book) = &mut symbol.book else {
            self.levels.clear();
            return;
        };
        let step = step(book, &self.levels);
        let ask_at = book.ask_at();
        if let Some(loss) = step.loss {
            out.lost(connection, &symbol.native, DataType::IncrementalBookL2, loss);
            symbol.forget_tops();
        }
        if step.emit != Emit::Nothing {
            symbol.book_rows(out, &self.setup, step.emit, &self.levels, at, arrived);
        }
        if ask_at.is_some() {
            self.asks.want(id, ask_at);
        }
        self.levels.clear();
    }

    /// Whether the symbol's book is that of the exchange, as far as its rule can tell.
    pub fn is_live(&self, symbol: SymbolId) -> bool {
        self.symbols[symbol.0 as usize].book.as_ref().is_some_and(|book| book.is_live())
    }

    /// The last number of the symbol's book; `None`: it is not live.
    pub fn known(&self, symbol: SymbolId) -> Option<i64> {
        let book = self.symbols[symbol.0 as usize].book.as_ref().filter(|book| book.is_live())?;
        Some(book.known())
    }

    /// The place of an update beside the symbol's book; `None`: it is not live.
    pub fn place(&self, symbol: SymbolId, ids: &Ids) -> Option<Place> {
        Some(self.setup.terms.rule.place(self.known(symbol)?, ids, false))
    }

    /// Symbols whose snapshot is to be asked for now, no more than the venue's budget allows. They count as asked for.
    pub fn asks(&mut self, now: i64) -> Vec<SymbolId> {
        self.asks.take(now, &mut self.symbols)
    }

    /// When [`Market::asks`] has something next.
    pub fn ask_due(&self) -> Option<i64> {
        self.asks.due()
    }

    /// The snapshot of a symbol will not come: the answer was an error. It is asked for again, later.
    pub fn ask_failed(&mut self, symbol: SymbolId, now: i64) {
        if let Some(book) = &mut self.symbols[symbol.0 as usize].book {
            book.refused(now);
            let ask_at = book.ask_at();
            self.asks.want(symbol, ask_at);
        }
    }

    /// A subscription of the symbol was refused: its book is not waited for.
    pub fn give_up(&mut self, symbol: SymbolId) {
        if let Some(book) = &mut self.symbols[symbol.0 as usize].book {
            book.give_up();
        }
    }

    /// A connection is open, and the books of these symbols were subscribed to on it.
    pub fn opened(&mut self, connection: ConnectionId, symbols: &[SymbolId], now: i64) {
        self.connections.opened(connection);
        for id in symbols {
            let symbol = &mut self.symbols[id.0 as usize];
            symbol.place = Some(self.connections.place(connection));
            if let Some(book) = &mut symbol.book {
                book.opened(now);
                let ask_at = book.ask_at();
                self.asks.want(*id, ask_at);
            }
        }
    }

    /// The connection on which a symbol's book was subscribed to, the newest where there are two; `None`: none is open.
    pub fn connection_of(&self, symbol: SymbolId) -> Option<ConnectionId> {
        self.connections.newest(self.symbols[symbol.0 as usize].place?)
    }

    /// A message arrived on a connection. The first one after a loss of the connection ends that loss.
    #[inline]
    pub fn arrived(&mut self, out: &mut Out, connection: ConnectionId, arrived: i64) {
        self.connections.arrived(out, connection, arrived);
    }

    /// A connection ended; `is_lost`: not by this side. Books that no other connection brings are forgotten.
    pub fn closed(&mut self, out: &mut Out, connection: ConnectionId, is_lost: bool) {
        if self.connections.closed(out, connection, is_lost) {
            return;
        }
        let place = self.connections.place(connection);
        self.interrupted(place);
        for symbol in self.symbols.iter_mut().filter(|symbol| symbol.place.is_none_or(|of| of == place)) {
            if let Some(book) = &mut symbol.book {
                book.closed();
            }
            symbol.forget_tops();
        }
    }

    /// A day begins: each live book as a snapshot.
    pub fn midnight(&mut self, out: &mut Out, now: i64) {
        for symbol in &mut self.symbols {
            symbol.midnight(out, &self.setup, now);
        }
    }
}
