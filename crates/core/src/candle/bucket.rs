//! The rows of a time slot, summarised in a form that merges exactly.

use super::decimal::{Decimal, NotANumber, SCALES, Sum, all_units};
use super::{BOOK_LEVELS, Book, BookState, Level, Side, Ticker, Trades};
use crate::candle::latency::Latencies;

/// Trades that are summed at once: few enough that intermediate values stay in the processor's cache.
pub(crate) const AT_ONCE: usize = 128;

/// The summed rows of a time slot.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bucket {
    /// Number of trades by side, in the order of [`Side`].
    pub counts: [u64; 3],
    /// Sums of the amounts by side, with `amount_scale` decimals.
    pub volumes: [Sum; 3],
    /// Sum of price × amount, with `price_scale` + `amount_scale` decimals.
    pub quote: Sum,
    amount_scale: u32,
    price_scale: u32,
    /// Time and price of the first trade. This field and the next four have no meaning without trades.
    pub first: (i64, f64),
    pub last: (i64, f64),
    pub high: f64,
    pub low: f64,
    pub last_arrival: i64,
    pub latencies: Latencies,
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

/// The last value of each ticker column that was not null, with its time.
#[derive(Clone, Debug, Default)]
pub(crate) struct LastTicker([Option<(i64, f64)>; 5]);

impl Bucket {
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Adds trades, up to [`AT_ONCE`].
    ///
    /// # Errors
    /// If a price or an amount is not finite. The trades before it are added.
    pub fn trades(&mut self, trades: &Trades<'_>) -> Result<(), NotANumber> {
        let (added, outcome) = match self.add_units(trades) {
            Some(()) => (trades.price.len(), Ok(())),
            None => self.add_one_by_one(trades),
        };
        if added == 0 {
            return outcome;
        }
        let Trades { timestamp, local_timestamp, side, price, .. } = trades.slice(0..added);
        let (low, high) = extremes(price);
        let (_, last_arrival) = ends(local_timestamp);
        let (first, last) = ends(timestamp);
        let row = |row: usize| (timestamp[row], price[row]);
        self.extend_prices(row(first), row(last), high, low, local_timestamp[last_arrival]);
        for (own, more) in self.counts.iter_mut().zip(counts(side)) {
            *own += more;
        }
        self.latencies.extend(timestamp, local_timestamp);
        outcome
    }

    /// Extends prices and times by those of further trades, which arrived or happened later.
    fn extend_prices(&mut self, first: (i64, f64), last: (i64, f64), high: f64, low: f64, last_arrival: i64) {
        if self.count() == 0 {
            (self.first, self.last) = (first, last);
            (self.high, self.low, self.last_arrival) = (high, low, last_arrival);
        } else {
            self.first = if first.0 < self.first.0 { first } else { self.first };
            self.last = if last.0 >= self.last.0 { last } else { self.last };
            self.high = self.high.max(high);
            self.low = self.low.min(low);
            self.last_arrival = self.last_arrival.max(last_arrival);
        }
    }

    /// Sums prices and amounts as whole numbers; `None` if some have too many digits. Then nothing was added.
    fn add_units(&mut self, trades: &Trades<'_>) -> Option<()> {
        let (mut prices, mut amounts) = ([0; AT_ONCE], [0; AT_ONCE]);
        let prices = prices.get_mut(..trades.price.len())?;
        let amounts = amounts.get_mut(..trades.amount.len())?;
        // The first trade of a bucket often has fewer decimals than later ones.
        let price_scale = (self.price_scale..SCALES).find(|scale| all_units(trades.price, *scale, prices))?;
        let amount_scale =
            (self.amount_scale..SCALES).find(|scale| all_units(trades.amount, *scale, amounts))?;
        self.refine(price_scale, amount_scale);
        // Units are below 10^15, so these sums cannot overflow. Sides are unpredictable: masking instead of branching halves
        // the time.
        let volume_of = |wanted| {
            let mask = |side: &Side| -i64::from(*side == wanted);
            amounts.iter().zip(trades.side).map(|(amount, side)| amount & mask(side)).sum::<i64>()
        };
        let (buys, all) = (volume_of(Side::Buy), amounts.iter().sum::<i64>());
        let has_unknown = trades.side.contains(&Side::Unknown);
        let sells = if has_unknown { volume_of(Side::Sell) } else { all - buys };
        for (own, more) in self.volumes.iter_mut().zip([buys, sells, all - buys - sells]) {
            own.add_units(more.into());
        }
        let products =
            prices.iter().zip(&*amounts).map(|(price, amount)| i128::from(*price) * i128::from(*amount));
        self.quote.add_units(products.sum());
        Some(())
    }

    /// Sums prices and amounts of which some have many digits. Returns how many were added before the first non-finite one.
    #[cold]
    fn add_one_by_one(&mut self, trades: &Trades<'_>) -> (usize, Result<(), NotANumber>) {
        for (row, ((price, amount), side)) in
            trades.price.iter().zip(trades.amount).zip(trades.side).enumerate()
        {
            let (price, amount) = match (Decimal::of(*price), Decimal::of(*amount)) {
                (Ok(price), Ok(amount)) => (price, amount),
                (Err(failure), _) | (_, Err(failure)) => return (row, Err(failure)),
            };
            self.refine(price.scale.max(0) as u32, amount.scale.max(0) as u32);
            self.volumes[*side as usize].add(amount);
            self.quote.add_product(price, amount);
        }
        (trades.price.len(), Ok(()))
    }

    /// Increases the scales to at least these numbers of decimals.
    fn refine(&mut self, price_scale: u32, amount_scale: u32) {
        self.price_scale = self.price_scale.max(price_scale);
        self.amount_scale = self.amount_scale.max(amount_scale);
        self.volumes.iter_mut().for_each(|sum| sum.refine(self.amount_scale as i32));
        self.quote.refine((self.price_scale + self.amount_scale) as i32);
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
        self.ticker.get_or_insert_default().update(&values.map(|value| Some((timestamp, value?))));
        Ok(())
    }

    pub fn book(&mut self, timestamp: i64, book: &Book) -> Result<(), NotANumber> {
        let levels = || book.bids.iter().chain(&book.asks).flatten();
        levels().try_for_each(|(price, amount)| finite(*price).and(finite(*amount)))?;
        self.update_book(timestamp, book);
        Ok(())
    }

    fn update_book(&mut self, timestamp: i64, book: &Book) {
        match &mut self.book {
            Some(last) if timestamp >= last.0 => **last = (timestamp, *book),
            Some(_) => {}
            None => self.book = Some(Box::new((timestamp, *book))),
        }
    }

    /// Adds a bucket whose rows arrived after this one's.
    pub fn absorb(&mut self, later: Bucket) {
        self.merge(&later);
        self.latencies.append(later.latencies);
    }

    /// Adds a bucket whose rows arrived or happened after this one's. Of its latencies only the statistics are added.
    pub fn merge(&mut self, later: &Bucket) {
        if later.count() > 0 {
            self.extend_prices(later.first, later.last, later.high, later.low, later.last_arrival);
            for side in 0..3 {
                self.counts[side] += later.counts[side];
                self.volumes[side].merge(&later.volumes[side]);
            }
            self.quote.merge(&later.quote);
            self.refine(later.price_scale, later.amount_scale);
        }
        if let Some(stats) = later.latencies.stats {
            self.latencies.add_stats(stats);
        }
        if let Some(liquidations) = &later.liquidations {
            let own = self.liquidations.get_or_insert_default();
            own.count += liquidations.count;
            own.volumes.iter_mut().zip(&liquidations.volumes).for_each(|(own, more)| own.merge(more));
        }
        if let Some(ticker) = &later.ticker {
            self.ticker.get_or_insert_default().update(&ticker.0);
        }
        if let Some(book) = &later.book {
            self.update_book(book.0, &book.1);
        }
    }
}

impl LastTicker {
    fn update(&mut self, values: &[Option<(i64, f64)>; 5]) {
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

/// The rows of the first and of the last time. Ties are broken by arrival.
fn ends(times: &[i64]) -> (usize, usize) {
    if times.is_sorted() {
        return (0, times.len() - 1);
    }
    let rows = || times.iter().enumerate();
    let first = rows().min_by_key(|(_, time)| **time);
    let last = rows().max_by_key(|(_, time)| **time);
    (first.map_or(0, |(row, _)| row), last.map_or(0, |(row, _)| row))
}

/// The number of trades of each side, in the order of [`Side`].
fn counts(sides: &[Side]) -> [u64; 3] {
    // Counted in bytes, which the compiler vectorises best.
    let count_of = |wanted| {
        let in_chunk = |sides: &[Side]| sides.iter().map(|side| u8::from(*side == wanted)).sum::<u8>();
        sides.chunks(255).map(|sides| u64::from(in_chunk(sides))).sum::<u64>()
    };
    let (buys, sells) = (count_of(Side::Buy), count_of(Side::Sell));
    [buys, sells, sides.len() as u64 - buys - sells]
}

/// The lowest and the highest price.
fn extremes(prices: &[f64]) -> (f64, f64) {
    // Four independent lanes, so that comparisons run in parallel.
    let (mut low, mut high) = ([f64::INFINITY; 4], [f64::NEG_INFINITY; 4]);
    let (fours, rest) = prices.as_chunks::<4>();
    let rest = rest.iter().map(|price| [*price; 4]);
    for four in fours.iter().copied().chain(rest) {
        for (lane, price) in four.into_iter().enumerate() {
            low[lane] = if price < low[lane] { price } else { low[lane] };
            high[lane] = if price > high[lane] { price } else { high[lane] };
        }
    }
    (low.into_iter().fold(low[0], f64::min), high.into_iter().fold(high[0], f64::max))
}

fn finite(value: f64) -> Result<(), NotANumber> {
    if value.is_finite() { Ok(()) } else { Err(NotANumber(value)) }
}

/// The exact sum of finite numbers, each times its sign (1 or -1).
pub(crate) fn exact(numbers: impl IntoIterator<Item = (f64, i64)>) -> Sum {
    let signed = numbers.into_iter().map(|(value, sign)| {
        let number = Decimal::of(value).expect("numbers are checked when they are added");
        Decimal { digits: number.digits * sign, ..number }
    });
    signed.collect()
}

/// The candle columns of a book snapshot.
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
