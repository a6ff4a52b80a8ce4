//! One instrument's day on its exchange: one stream of messages, from which every data type is made.
//!
//! Not for text: rows become CSV in `files`. Start with [`MarketDay::make`].

mod clock;
pub(crate) mod gaps;
pub(crate) mod ladder;
mod maker;
pub(crate) mod option;
pub(crate) mod replay;
mod tape;
mod ticker;
pub(crate) mod value;

use mtdh_core::Day;

use crate::config::Size;
use crate::generate::decimal::Decimal;
use crate::generate::universe::listing::Listing;
use crate::generate::universe::profile::Profile;
use ladder::{Change, Level};
use option::OptionState;
pub(crate) use tape::TradeNumber;
pub(crate) use ticker::TickerState;

/// What a market's day is made from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source<'a> {
    pub(crate) profile: &'a Profile,
    pub(crate) listing: &'a Listing,
    pub(crate) seed: u64,
    pub(crate) size: Size,
    /// How often the vendor has issued the files anew.
    pub(crate) issue: u32,
}

/// When something happened and when it arrived, microseconds since the Unix epoch, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) exchange_us: i64,
    pub(crate) local_us: i64,
}

/// Changes of the book that came in one message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BookMessage {
    pub(crate) at: Stamp,
    pub(crate) is_snapshot: bool,
    /// The end of its changes in [`MarketDay::changes`]; they begin where those of the message before end.
    pub(crate) end: usize,
}

/// Who took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taker {
    Buy,
    Sell,
    Unknown,
}

/// A trade, or a liquidation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trade {
    pub(crate) at: Stamp,
    pub(crate) id: TradeNumber,
    pub(crate) taker: Taker,
    pub(crate) tick: i64,
    pub(crate) lots: i64,
}

/// The best levels as the exchange published them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Best {
    pub(crate) at: Stamp,
    pub(crate) bid: Option<Level>,
    pub(crate) ask: Option<Level>,
}

/// Everything that one instrument's exchange sent in a day, each list in the order of arrival.
#[derive(Debug, Default)]
pub(crate) struct MarketDay {
    pub(crate) book: Vec<BookMessage>,
    pub(crate) changes: Vec<Change>,
    pub(crate) trades: Vec<Trade>,
    pub(crate) liquidations: Vec<Trade>,
    pub(crate) best: Vec<Best>,
    pub(crate) tickers: Vec<(Stamp, TickerState)>,
    pub(crate) options: Vec<(Stamp, OptionState)>,
}

impl MarketDay {
    /// The day of a market. The same source and day give the same messages.
    pub(crate) fn make(source: Source<'_>, day: Day) -> MarketDay {
        maker::make(source, day)
    }

    /// The messages of the book with their changes.
    pub(crate) fn messages(&self) -> impl Iterator<Item = (&BookMessage, &[Change])> {
        let mut start = 0;
        self.book.iter().map(move |message| {
            let changes = &self.changes[start..message.end];
            start = message.end;
            (message, changes)
        })
    }
}

impl Listing {
    /// A number of price steps as a price.
    pub(crate) fn price(&self, tick: i64) -> Decimal {
        self.price_step.times(tick)
    }

    /// A number of amount steps as an amount.
    pub(crate) fn amount(&self, lots: i64) -> Decimal {
        self.amount_step.times(lots)
    }
}
