//! Formats the messages of a market as rows of Tardis' CSV.

use mtdh_core::DataType;

use crate::generate::decimal::{Decimal, write_integer};
use crate::generate::market::ladder::{Level, Side};
use crate::generate::market::option::{OptionState, underlying_index};
use crate::generate::market::replay::{Book, Top};
use crate::generate::market::{MarketDay, Source, Stamp, TickerState, Trade, TradeNumber};
use crate::generate::universe::listing::Listing;

/// The rows of a file in order of arrival.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    pub(super) text: Vec<u8>,
    /// Local timestamp of each row, microseconds since the Unix epoch, UTC, and its end in the text.
    pub(super) ends: Vec<(i64, usize)>,
}

impl Rows {
    /// Whether there are no rows.
    pub(crate) fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Appends the text of all rows.
    pub(super) fn append_to(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.text);
    }
}

/// Formats the rows of one data type.
pub(super) fn write(data_type: DataType, source: Source<'_>, market: &MarketDay) -> Rows {
    let mut writer = Writer::new(source);
    match data_type {
        DataType::Trades => writer.trades(&market.trades),
        DataType::Liquidations => writer.trades(&market.liquidations),
        DataType::IncrementalBookL2 => writer.changes(market),
        DataType::BookSnapshot5 => writer.snapshots(market, 5),
        DataType::BookSnapshot25 => writer.snapshots(market, 25),
        DataType::Quotes => writer.quotes(market),
        DataType::BookTicker => writer.book_tickers(market),
        DataType::DerivativeTicker => writer.tickers(market),
        DataType::OptionsChain => writer.options(market),
    }
    writer.rows
}

struct Writer<'a> {
    listing: &'a Listing,
    /// The first two cells of every row, with their commas.
    prefix: Vec<u8>,
    rows: Rows,
}

impl<'a> Writer<'a> {
    fn new(source: Source<'a>) -> Writer<'a> {
        let prefix = format!("{},{},", source.profile.id, source.listing.cell()).into_bytes();
        Writer { listing: source.listing, prefix, rows: Rows::default() }
    }

    fn start(&mut self, at: Stamp) {
        self.rows.text.extend_from_slice(&self.prefix);
        write_integer(at.exchange_us, &mut self.rows.text);
        self.rows.text.push(b',');
        write_integer(at.local_us, &mut self.rows.text);
    }

    fn end(&mut self, at: Stamp) {
        self.rows.text.push(b'\n');
        self.rows.ends.push((at.local_us, self.rows.text.len()));
    }

    fn word(&mut self, word: &str) {
        self.rows.text.push(b',');
        self.rows.text.extend_from_slice(word.as_bytes());
    }

    fn number(&mut self, number: Option<Decimal>) {
        self.rows.text.push(b',');
        if let Some(number) = number {
            number.write(&mut self.rows.text);
        }
    }

    fn price(&mut self, level: Option<Level>) {
        self.number(level.map(|level| self.listing.price(level.tick)));
    }

    fn amount(&mut self, level: Option<Level>) {
        self.number(level.map(|level| self.listing.amount(level.lots)));
    }

    fn trades(&mut self, trades: &[Trade]) {
        for trade in trades {
            self.trade(trade);
        }
    }

    fn trade(&mut self, trade: &Trade) {
        self.start(trade.at);
        self.rows.text.push(b',');
        write_number(trade.id, self.listing.base, &mut self.rows.text);
        self.word(trade.taker.name());
        let level = Some(Level { tick: trade.tick, lots: trade.lots });
        self.price(level);
        self.amount(level);
        self.end(trade.at);
    }

    fn changes(&mut self, market: &MarketDay) {
        for (message, changes) in market.messages() {
            for change in changes {
                self.start(message.at);
                self.word(if message.is_snapshot { "true" } else { "false" });
                self.word(if change.side == Side::Ask { "ask" } else { "bid" });
                self.price(Some(change.level));
                self.amount(Some(change.level));
                self.end(message.at);
            }
        }
    }

    fn snapshots(&mut self, market: &MarketDay, depth: usize) {
        let mut book = Book::default();
        let mut top = Top::default();
        for (message, changes) in market.messages() {
            book.apply(message.is_snapshot, changes);
            if !top.changed(&book, depth) {
                continue;
            }
            self.start(message.at);
            for place in 0..depth {
                for side in [Side::Ask, Side::Bid] {
                    let level = book.levels(side).get(place).copied();
                    self.price(level);
                    self.amount(level);
                }
            }
            self.end(message.at);
        }
    }

    fn quotes(&mut self, market: &MarketDay) {
        let mut book = Book::default();
        let mut top = Top::default();
        for (message, changes) in market.messages() {
            book.apply(message.is_snapshot, changes);
            if top.changed(&book, 1) {
                let best = |side| book.levels(side).first().copied();
                self.quote(message.at, best(Side::Ask), best(Side::Bid));
            }
        }
    }

    fn book_tickers(&mut self, market: &MarketDay) {
        for best in &market.best {
            self.quote(best.at, best.ask, best.bid);
        }
    }

    fn quote(&mut self, at: Stamp, ask: Option<Level>, bid: Option<Level>) {
        self.start(at);
        self.amount(ask);
        self.price(ask);
        self.price(bid);
        self.amount(bid);
        self.end(at);
    }

    fn tickers(&mut self, market: &MarketDay) {
        for (at, state) in &market.tickers {
            self.ticker(*at, state);
        }
    }

    fn ticker(&mut self, at: Stamp, state: &TickerState) {
        self.start(at);
        self.number(state.funding_us.map(|us| Decimal::new(us, 0)));
        let TickerState { funding_rate, predicted_rate, open_interest, last, index, mark, .. } = *state;
        for number in [funding_rate, predicted_rate, open_interest, last, index, mark] {
            self.number(number);
        }
        self.end(at);
    }

    fn options(&mut self, market: &MarketDay) {
        let Some(terms) = self.listing.option else { return };
        let underlying_index = underlying_index(self.listing);
        for (at, state) in &market.options {
            self.start(*at);
            self.word(if terms.is_call { "call" } else { "put" });
            self.number(Some(terms.strike));
            self.number(Some(Decimal::new(terms.expiry_us, 0)));
            self.option_market(state);
            self.word(&underlying_index);
            self.number(state.underlying);
            for place in 0..5 {
                self.number(state.greeks.map(|greeks| greeks[place]));
            }
            self.end(*at);
        }
    }

    fn option_market(&mut self, state: &OptionState) {
        self.number(state.open_interest);
        self.number(state.last);
        for (level, volatility) in [(state.bid, state.bid_volatility), (state.ask, state.ask_volatility)] {
            self.number(level.map(|(price, _)| price));
            self.number(level.map(|(_, amount)| amount));
            self.number(volatility);
        }
        self.number(state.mark);
        self.number(state.mark_volatility);
    }
}

fn write_number(id: TradeNumber, base: &str, out: &mut Vec<u8>) {
    match id {
        TradeNumber::None => {}
        TradeNumber::Plain(number) => write_integer(number as i64, out),
        TradeNumber::Prefixed(number) => {
            out.extend_from_slice(base.as_bytes());
            out.push(b'-');
            write_integer(number as i64, out);
        }
        TradeNumber::Uuid(bits) => write_uuid(bits, out),
    }
}

fn write_uuid(bits: u128, out: &mut Vec<u8>) {
    for digit in 0..32 {
        if matches!(digit, 8 | 12 | 16 | 20) {
            out.push(b'-');
        }
        let nibble = (bits >> (124 - 4 * digit)) & 0xf;
        out.push(b"0123456789abcdef"[nibble as usize]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_text_of_many_kinds() {
        for (id, text) in [
            (TradeNumber::None, ""),
            (TradeNumber::Plain(1 << 60), "1152921504606846976"),
            (TradeNumber::Prefixed(12), "ETH-12"),
            (
                TradeNumber::Uuid(0x9863_668e_212c_e8b0_1706_9b9c_4f3d_5ecf),
                "9863668e-212c-e8b0-1706-9b9c4f3d5ecf",
            ),
        ] {
            let mut out = Vec::new();
            write_number(id, "ETH", &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), text);
        }
    }
}
