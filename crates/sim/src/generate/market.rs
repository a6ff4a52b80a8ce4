//! One instrument's day on its exchange: a stream of messages from which all data types are derived.
//!
//! Not for CSV: that is `generate::files`. Start with [`MarketDay::generate`].

mod black;
mod clock;
pub(crate) mod gaps;
pub(crate) mod ladder;
pub(crate) mod maker;
mod message;
pub(crate) mod option;
pub(crate) mod replay;
mod tape;
mod ticker;
pub(crate) mod value;

use ladder::Change;
pub(crate) use message::{Best, BookMessage, Source, Stamp, Taker, Trade, TradeNumber};
use option::OptionState;
pub(crate) use ticker::TickerState;

/// All messages of one instrument in a day, each list in order of arrival.
#[derive(Debug, Default)]
pub(crate) struct MarketDay {
    /// Book messages; their changes are in `changes`.
    pub(crate) book: Vec<BookMessage>,
    pub(crate) changes: Vec<Change>,
    pub(crate) trades: Vec<Trade>,
    pub(crate) liquidations: Vec<Trade>,
    /// The published best bid and offer.
    pub(crate) best: Vec<Best>,
    pub(crate) tickers: Vec<(Stamp, TickerState)>,
    pub(crate) options: Vec<(Stamp, OptionState)>,
}

impl MarketDay {
    /// Iterates over the book messages with their changes.
    pub(crate) fn messages(&self) -> impl Iterator<Item = (&BookMessage, &[Change])> {
        let mut start = 0;
        self.book.iter().map(move |message| {
            let changes = &self.changes[start..message.end];
            start = message.end;
            (message, changes)
        })
    }
}
