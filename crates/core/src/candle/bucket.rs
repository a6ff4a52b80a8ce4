//! The rows of a time slot, summarised in a form that merges exactly.

use super::decimal::{Decimal, NotANumber, SCALES, Sum, all_units};
use super::value::Formula;
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
    pub products: Sum,
    /// Sum of amount ÷ price, only for [`Formula::Inverse`].
    quotients: Sum,
    /// Whether a price was not above 0, which makes quotients meaningless.
    has_no_quotient: bool,
    /// What the amounts are worth; `None` until the bucket is closed.
    pub worth: Option<Box<Worth>>,
    /// Trades that were left out because they were sent again.
    pub repeated: u64,
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
    /// The snapshot that arrived last.
    pub book: Option<Box<LastBook>>,
}

/// What the amounts of a bucket are worth, with the contract size in force.
#[derive(Clone, Debug, Default)]
pub(crate) struct Worth {
    /// Sum of amount × size.
    pub sized: Sum,
    /// Sum of price × amount × size.
    pub products: Sum,
    /// Sum of amount × size ÷ price; of no meaning where a price was not above 0.
    pub quotients: Sum,
    pub has_no_quotient: bool,
}

/// A snapshot with its time and its place in the order of arrival.
#[derive(Clone, Debug)]
pub(crate) struct LastBook {
    pub arrived: u64,
    pub timestamp: i64,
    pub book: Book,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Liquidations {
    pub volumes: [Sum; 3],
    pub count: u64,
}

/// Of each ticker column, the value that arrived last and was not null, with its place in the order of arrival.
#[derive(Clone, Debug, Default)]
pub(crate) struct LastTicker([Option<(u64, f64)>; 5]);

impl Bucket {
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Adds trades, up to [`AT_ONCE`].
    ///
    /// # Errors
    /// If a price or an amount is not finite. The trades before it are added.
    pub fn trades(&mut self, trades: &Trades<'_>, formula: Option<Formula>) -> Result<(), NotANumber> {
        let (added, outcome) = match self.add_units(trades, formula) {
            Some(()) => (trades.price.len(), Ok(())),
            None => self.add_one_by_one(trades, formula),
        };
        if added == 0 {
            return outcome;
        }
        self.worth = None;
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
    fn add_units(&mut self, trades: &Trades<'_>, formula: Option<Formula>) -> Option<()> {
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
        self.products.add_units(products.sum());
        if formula == Some(Formula::Inverse) {
            let decimal = |digits: i64, scale: u32| Decimal { digits, scale: scale as i32 };
            for (price, amount) in prices.iter().zip(&*amounts) {
                self.quotient(decimal(*price, price_scale), decimal(*amount, amount_scale));
            }
        }
        Some(())
    }

    /// Sums prices and amounts of which some have many digits. Returns how many were added before the first non-finite one.
    #[cold]
    fn add_one_by_one(
        &mut self,
        trades: &Trades<'_>,
        formula: Option<Formula>,
    ) -> (usize, Result<(), NotANumber>) {
        for (row, ((price, amount), side)) in
            trades.price.iter().zip(trades.amount).zip(trades.side).enumerate()
        {
            let (price, amount) = match (Decimal::of(*price), Decimal::of(*amount)) {
                (Ok(price), Ok(amount)) => (price, amount),
                (Err(failure), _) | (_, Err(failure)) => return (row, Err(failure)),
            };
            self.refine(price.scale.max(0) as u32, amount.scale.max(0) as u32);
            self.volumes[*side as usize].add(amount);
            self.products.add_product(price, amount);
            if formula == Some(Formula::Inverse) {
                self.quotient(price, amount);
            }
        }
        (trades.price.len(), Ok(()))
    }

    fn quotient(&mut self, price: Decimal, amount: Decimal) {
        if price.digits > 0 {
            self.quotients.add_quotient(amount, price);
        } else {
            self.has_no_quotient = true;
        }
    }

    /// Computes what the amounts are worth, each contract being of a size. Trades that are added afterwards make it unknown again.
    pub fn close(&mut self, size: f64) {
        let Ok(size) = Decimal::of(size) else { return };
        let mut volume = self.volumes[0].clone();
        self.volumes[1..].iter().for_each(|side| volume.merge(side));
        self.worth = Some(Box::new(Worth {
            sized: volume.scaled(size),
            products: self.products.scaled(size),
            quotients: self.quotients.scaled(size),
            has_no_quotient: self.has_no_quotient,
        }));
    }

    /// How many bytes it takes, about.
    pub fn bytes(&self) -> usize {
        let boxed = self.worth.as_ref().map_or(0, |_| size_of::<Worth>())
            + self.liquidations.as_ref().map_or(0, |_| size_of::<Liquidations>())
            + self.ticker.as_ref().map_or(0, |_| size_of::<LastTicker>())
            + self.book.as_ref().map_or(0, |_| size_of::<LastBook>());
        size_of::<Bucket>() + boxed + self.latencies.bytes()
    }

    /// Increases the scales to at least these numbers of decimals.
    fn refine(&mut self, price_scale: u32, amount_scale: u32) {
        self.price_scale = self.price_scale.max(price_scale);
        self.amount_scale = self.amount_scale.max(amount_scale);
        self.volumes.iter_mut().for_each(|sum| sum.refine(self.amount_scale as i32));
        self.products.refine((self.price_scale + self.amount_scale) as i32);
    }

    pub fn liquidation(&mut self, side: Side, amount: f64) -> Result<(), NotANumber> {
        let amount = Decimal::of(amount)?;
        let liquidations = self.liquidations.get_or_insert_default();
        liquidations.volumes[side as usize].add(amount);
        liquidations.count += 1;
        Ok(())
    }

    pub fn ticker(&mut self, arrived: u64, ticker: &Ticker) -> Result<(), NotANumber> {
        let Ticker { funding_rate, predicted_funding_rate, open_interest, mark_price, index_price } = *ticker;
        let values = [funding_rate, predicted_funding_rate, open_interest, mark_price, index_price];
        values.iter().flatten().try_for_each(|value| finite(*value))?;
        self.ticker.get_or_insert_default().update(&values.map(|value| Some((arrived, value?))));
        Ok(())
    }

    pub fn book(&mut self, arrived: u64, timestamp: i64, book: &Book) -> Result<(), NotANumber> {
        let levels = || book.bids.iter().chain(&book.asks).flatten();
        levels().try_for_each(|(price, amount)| finite(*price).and(finite(*amount)))?;
        self.update_book(&LastBook { arrived, timestamp, book: *book });
        Ok(())
    }

    fn update_book(&mut self, book: &LastBook) {
        match &mut self.book {
            Some(last) if book.arrived >= last.arrived => **last = book.clone(),
            Some(_) => {}
            None => self.book = Some(Box::new(book.clone())),
        }
    }

    /// Makes its rows those that arrived after a number of others.
    pub fn after(mut self, others: u64) -> Bucket {
        if let Some(ticker) = &mut self.ticker {
            ticker.0.iter_mut().flatten().for_each(|(arrived, _)| *arrived += others);
        }
        if let Some(book) = &mut self.book {
            book.arrived += others;
        }
        self
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
            self.products.merge(&later.products);
            self.quotients.merge(&later.quotients);
            self.has_no_quotient |= later.has_no_quotient;
            self.refine(later.price_scale, later.amount_scale);
        }
        self.repeated += later.repeated;
        if let Some(worth) = &later.worth {
            let own = self.worth.get_or_insert_default();
            own.sized.merge(&worth.sized);
            own.products.merge(&worth.products);
            own.quotients.merge(&worth.quotients);
            own.has_no_quotient |= worth.has_no_quotient;
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
            self.update_book(book);
        }
    }
}

impl LastTicker {
    fn update(&mut self, values: &[Option<(u64, f64)>; 5]) {
        for (last, value) in self.0.iter_mut().zip(values) {
            if value.is_some_and(|(arrived, _)| last.is_none_or(|(last, _)| arrived >= last)) {
                *last = *value;
            }
        }
    }

    pub fn values(&self) -> Ticker {
        let [funding_rate, predicted_funding_rate, open_interest, mark_price, index_price] =
            self.0.map(|last| Some(last?.1));
        Ticker { funding_rate, predicted_funding_rate, open_interest, mark_price, index_price }
    }

    /// The open interest with its place in the order of arrival.
    pub fn open_interest(&self) -> Option<(u64, f64)> {
        self.0[2]
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
pub(crate) fn state(LastBook { timestamp, book, .. }: &LastBook) -> BookState {
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
    // spread / mid × 10,000; of a mid that is not above 0 a spread is no share.
    let bps = |(spread, twice_mid): (&Sum, &Sum)| {
        spread.times(20_000).over(twice_mid).filter(|_| twice_mid.value() > 0.0)
    };
    BookState {
        timestamp: *timestamp,
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
