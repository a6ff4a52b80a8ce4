//! What happened in a piece of time: all that candles are made of, in a form that adds up exactly.

use super::decimal::{Decimal, NotANumber, Sum, units};
use super::delays::Delays;
use super::{BOOK_LEVELS, Book, BookState, Level, Side, Ticker, Trade};

/// The rows of a piece of time, added up.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cell {
    /// Trades by side, in the order of [`Side`].
    pub counts: [u64; 3],
    /// Amounts by side, in units of `amount_scale`.
    pub volumes: [Sum; 3],
    /// Price times amount, in units of both scales.
    pub quote: Sum,
    amount_scale: u32,
    price_scale: u32,
    /// Time and price of the first trade; meaningless without trades, as are the next five.
    pub first: (i64, f64),
    pub last: (i64, f64),
    pub high: f64,
    pub low: f64,
    pub last_arrival: i64,
    pub delays: Delays,
    pub liquidations: Option<Box<Liquidations>>,
    pub ticker: Option<Box<LastTicker>>,
    /// The last snapshot and its time.
    pub book: Option<Box<(i64, Book)>>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Liquidations {
    pub volumes: [Sum; 3],
    pub count: u64,
}

/// The last value of each cell that was not null, with its time.
#[derive(Clone, Debug, Default)]
pub(crate) struct LastTicker([Option<(i64, f64)>; 5]);

impl Cell {
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    #[inline]
    pub fn trade(&mut self, trade: Trade) -> Result<(), NotANumber> {
        let side = trade.side as usize;
        match (units(trade.price, self.price_scale), units(trade.amount, self.amount_scale)) {
            (Some(price), Some(amount)) => {
                self.volumes[side].add_units(amount.into());
                self.quote.add_units(i128::from(price) * i128::from(amount));
            }
            _ => self.add_finer(trade)?,
        }
        let at = (trade.timestamp, trade.price);
        if self.count() == 0 {
            (self.first, self.last) = (at, at);
            (self.high, self.low, self.last_arrival) = (trade.price, trade.price, trade.local_timestamp);
        } else {
            // Of trades with one timestamp the one that arrived first is the first.
            if at.0 < self.first.0 {
                self.first = at;
            }
            if at.0 >= self.last.0 {
                self.last = at;
            }
            self.high = if trade.price > self.high { trade.price } else { self.high };
            self.low = if trade.price < self.low { trade.price } else { self.low };
            self.last_arrival = self.last_arrival.max(trade.local_timestamp);
        }
        self.counts[side] += 1;
        self.delays.push(trade.local_timestamp.saturating_sub(trade.timestamp));
        Ok(())
    }

    /// A number with more decimals than those before, or with very many.
    #[cold]
    fn add_finer(&mut self, trade: Trade) -> Result<(), NotANumber> {
        let (price, amount) = (Decimal::of(trade.price)?, Decimal::of(trade.amount)?);
        self.price_scale = self.price_scale.max(price.scale.max(0) as u32);
        self.amount_scale = self.amount_scale.max(amount.scale.max(0) as u32);
        self.volumes.iter_mut().for_each(|sum| sum.refine(self.amount_scale as i32));
        self.quote.refine((self.price_scale + self.amount_scale) as i32);
        self.volumes[trade.side as usize].add(amount);
        self.quote.add_product(price, amount);
        Ok(())
    }

    pub fn liquidation(&mut self, side: Side, amount: f64) -> Result<(), NotANumber> {
        let amount = Decimal::of(amount)?;
        let liquidations = self.liquidations.get_or_insert_default();
        liquidations.volumes[side as usize].add(amount);
        liquidations.count += 1;
        Ok(())
    }

    pub fn ticker(&mut self, timestamp: i64, ticker: &Ticker) -> Result<(), NotANumber> {
        let Ticker { funding_rate, predicted_funding_rate, open_interest, mark_price, index_price } = *ticker;
        let values = [funding_rate, predicted_funding_rate, open_interest, mark_price, index_price];
        values.iter().flatten().try_for_each(|value| finite(*value))?;
        self.ticker.get_or_insert_default().take(&values.map(|value| Some((timestamp, value?))));
        Ok(())
    }

    pub fn book(&mut self, timestamp: i64, book: &Book) -> Result<(), NotANumber> {
        let levels = || book.bids.iter().chain(&book.asks).flatten();
        levels().try_for_each(|(price, amount)| finite(*price).and(finite(*amount)))?;
        self.take_book(timestamp, book);
        Ok(())
    }

    fn take_book(&mut self, timestamp: i64, book: &Book) {
        match &mut self.book {
            Some(last) if timestamp >= last.0 => **last = (timestamp, *book),
            Some(_) => {}
            None => self.book = Some(Box::new((timestamp, *book))),
        }
    }

    /// Adds a cell whose rows arrived after this one's, or happened later; but for its delays.
    pub fn merge(&mut self, later: &Cell) {
        if later.count() > 0 {
            if self.count() == 0 {
                (self.first, self.last) = (later.first, later.last);
                (self.high, self.low, self.last_arrival) = (later.high, later.low, later.last_arrival);
            } else {
                self.first = if later.first.0 < self.first.0 { later.first } else { self.first };
                self.last = if later.last.0 >= self.last.0 { later.last } else { self.last };
                self.high = self.high.max(later.high);
                self.low = self.low.min(later.low);
                self.last_arrival = self.last_arrival.max(later.last_arrival);
            }
            for side in 0..3 {
                self.counts[side] += later.counts[side];
                self.volumes[side].merge(&later.volumes[side]);
            }
            self.quote.merge(&later.quote);
            self.amount_scale = self.amount_scale.max(later.amount_scale);
            self.price_scale = self.price_scale.max(later.price_scale);
            self.volumes.iter_mut().for_each(|sum| sum.refine(self.amount_scale as i32));
            self.quote.refine((self.price_scale + self.amount_scale) as i32);
        }
        if let Some(liquidations) = &later.liquidations {
            let own = self.liquidations.get_or_insert_default();
            own.count += liquidations.count;
            own.volumes.iter_mut().zip(&liquidations.volumes).for_each(|(own, more)| own.merge(more));
        }
        if let Some(ticker) = &later.ticker {
            self.ticker.get_or_insert_default().take(&ticker.0);
        }
        if let Some(book) = &later.book {
            self.take_book(book.0, &book.1);
        }
    }
}

impl LastTicker {
    fn take(&mut self, values: &[Option<(i64, f64)>; 5]) {
        for (last, value) in self.0.iter_mut().zip(values) {
            if value.is_some_and(|(time, _)| last.is_none_or(|(last, _)| time >= last)) {
                *last = *value;
            }
        }
    }

    pub fn values(&self) -> Ticker {
        let [funding_rate, predicted_funding_rate, open_interest, mark_price, index_price] =
            self.0.map(|last| Some(last?.1));
        Ticker { funding_rate, predicted_funding_rate, open_interest, mark_price, index_price }
    }
}

fn finite(value: f64) -> Result<(), NotANumber> {
    if value.is_finite() { Ok(()) } else { Err(NotANumber(value)) }
}

/// The exact sum of finite numbers, each with a sign.
pub(crate) fn exact(numbers: impl IntoIterator<Item = (f64, i64)>) -> Sum {
    let signed = numbers.into_iter().map(|(value, sign)| {
        let number = Decimal::of(value).expect("numbers are checked when they come in");
        Decimal { digits: number.digits * sign, ..number }
    });
    signed.collect()
}

/// What the columns of a candle tell of a snapshot.
pub(crate) fn state(timestamp: i64, book: &Book) -> BookState {
    let price = |level: Option<Level>| level.map(|(price, _)| price);
    let amount = |level: Option<Level>| level.map(|(_, amount)| amount);
    let (bid, ask) = (book.bids[0], book.asks[0]);
    let touch = price(bid).zip(price(ask));
    let twice_mid = touch.map(|(bid, ask)| exact([(bid, 1), (ask, 1)]));
    let spread = touch.map(|(bid, ask)| exact([(ask, 1), (bid, -1)]));
    let amounts = |side: &[Option<Level>; BOOK_LEVELS], sign| -> Vec<(f64, i64)> {
        side.iter().flatten().map(|(_, amount)| (*amount, sign)).collect()
    };
    let (bids, asks) = (amounts(&book.bids, 1), amounts(&book.asks, 1));
    let both = exact([bids.clone(), asks.clone()].concat());
    let difference = exact([bids.clone(), amounts(&book.asks, -1)].concat());
    // spread / mid × 10,000
    let bps = |(spread, twice_mid): (&Sum, &Sum)| spread.times(20_000).over(twice_mid);
    BookState {
        timestamp,
        bid_price: price(bid),
        bid_amount: amount(bid),
        ask_price: price(ask),
        ask_amount: amount(ask),
        mid_price: twice_mid.as_ref().and_then(|sum| sum.over(&exact([(2.0, 1)]))),
        spread: spread.as_ref().map(Sum::value),
        spread_bps: spread.as_ref().zip(twice_mid.as_ref()).and_then(bps),
        bid_depth: exact(bids).value(),
        ask_depth: exact(asks).value(),
        imbalance: difference.over(&both),
    }
}
