//! Builds the candles of one timeframe from closed buckets.
//!
//! Buckets are merged into the timeframe's open candle. Counts, decimal sums, extremes, first and last values merge exactly.
//! The median does not; it is computed from the latencies of all its buckets. Timeframes share only the closed buckets, so
//! they can be built in parallel.

use std::collections::VecDeque;
use std::ops::Range;

use super::decimal::Sum;
use super::value::Formula;
use super::{Candle, Complete, Fill, Liquidated, Timeframe};
use crate::candle::bucket::{Bucket, LastBook, Worth, exact, state};
use crate::candle::latency::doubled_median;
use crate::day::DAY_US;

/// Closed buckets and their starts, in time order. Aggregators refer to them by increasing numbers.
#[derive(Debug, Default)]
pub(crate) struct Closed {
    buckets: VecDeque<(i64, Bucket)>,
    /// Number of the first bucket that is still kept.
    first: usize,
}

impl Closed {
    pub fn push(&mut self, start: i64, bucket: Bucket) {
        self.buckets.push_back((start, bucket));
    }

    /// Drops the buckets before `number`.
    pub fn keep_from(&mut self, number: usize) {
        self.buckets.drain(..number - self.first);
        self.first = number;
    }

    fn range(&self, numbers: Range<usize>) -> impl Iterator<Item = &(i64, Bucket)> + Clone {
        self.buckets.range(numbers.start - self.first..numbers.end - self.first)
    }

    fn end(&self) -> usize {
        self.first + self.buckets.len()
    }
}

/// The open candle of a timeframe, and the values carried to the next one.
#[derive(Debug)]
pub(crate) struct Aggregator {
    timeframe: Timeframe,
    open: Option<Open>,
    carried: Carried,
    /// Number of the first bucket that is not in a candle yet.
    next: usize,
}

#[derive(Debug)]
struct Open {
    start: i64,
    rows: Bucket,
    /// Number of its first bucket.
    first: usize,
}

/// Values carried from interval to interval within a day.
#[derive(Debug, Default)]
struct Carried {
    /// End of the day, microseconds since the Unix epoch, UTC.
    day_end: i64,
    /// End and close of the last finished interval.
    close: Option<(i64, f64)>,
    /// The open interest that arrived last, with its place in the order of arrival.
    open_interest: Option<(u64, f64)>,
    /// The book that arrived last.
    book: Option<Box<LastBook>>,
}

/// Where and how candles are emitted.
pub(crate) struct EmitContext<'a> {
    pub fill: Fill,
    pub has_liquidations: bool,
    /// What amounts are worth; `None`: not known.
    pub formula: Option<Formula>,
    /// The time ranges whose rows are all known.
    pub complete: &'a Complete,
    pub closed: &'a Closed,
    pub emit: &'a mut dyn FnMut(Candle),
}

impl Aggregator {
    pub fn new(timeframe: Timeframe) -> Aggregator {
        Aggregator { timeframe, open: None, carried: Carried::default(), next: 0 }
    }

    pub fn timeframe(&self) -> Timeframe {
        self.timeframe
    }

    /// Number of the first bucket that it still needs.
    pub fn needs(&self) -> usize {
        self.open.as_ref().map_or(self.next, |open| open.first)
    }

    /// Processes the new buckets and emits the candles that end at or before `until`.
    pub fn advance(&mut self, until: i64, context: &mut EmitContext<'_>) {
        let closed = context.closed;
        for (start, bucket) in closed.range(self.next..closed.end()) {
            let start = self.timeframe.floor(*start);
            if self.open.as_ref().is_none_or(|open| open.start != start) {
                self.end(context);
                self.begin(start, context);
            }
            if let Some(open) = &mut self.open {
                open.rows.merge(bucket);
            }
            self.next += 1;
        }
        if self.open.as_ref().is_some_and(|open| open.start.saturating_add(self.timeframe.us()) <= until) {
            self.end(context);
        }
        // At the very end nothing is filled after the last row.
        if self.open.is_none() && until < i64::MAX {
            self.fill(until, context);
        }
    }

    /// Opens the candle of `start`.
    fn begin(&mut self, start: i64, context: &mut EmitContext<'_>) {
        self.fill(start, context);
        if start >= self.carried.day_end {
            let day_end = start.saturating_sub(start.rem_euclid(DAY_US)).saturating_add(DAY_US);
            self.carried = Carried { day_end, ..Carried::default() };
        }
        self.open = Some(Open { start, rows: Bucket::default(), first: self.next });
    }

    /// Emits flat candles for the empty intervals before `until`.
    fn fill(&mut self, until: i64, context: &mut EmitContext<'_>) {
        let length = self.timeframe.us();
        while let Some((start, close)) = self.carried.close.filter(|_| context.fill == Fill::Flat) {
            let end = start.saturating_add(length);
            if end > until.min(self.carried.day_end) {
                break;
            }
            let candle = self.candle(start, close, &Bucket::default(), context);
            (context.emit)(candle);
            self.carried.close = Some((end, close));
        }
    }

    /// Closes the open candle and emits it, unless it has no trades and is not filled.
    fn end(&mut self, context: &mut EmitContext<'_>) {
        let Some(open) = self.open.take() else { return };
        let rows = &open.rows;
        // Of the rows before the interval's end the one that arrived last is the state, in whichever interval it lies.
        let carried = self.carried.book.as_ref().map(|carried| carried.arrived);
        if let Some(book) = rows.book.as_ref().filter(|book| carried.is_none_or(|at| book.arrived >= at)) {
            self.carried.book = Some(book.clone());
        }
        let flat = self.carried.close.filter(|_| context.fill == Fill::Flat).map(|(_, close)| close);
        if let Some(close) = (rows.count() > 0).then_some(rows.last.1).or(flat) {
            let mut candle = self.candle(open.start, close, rows, context);
            let buckets = context.closed.range(open.first..self.next);
            set_latency(&mut candle, rows, buckets.map(|(_, bucket)| bucket));
            (context.emit)(candle);
            self.carried.close = Some((open.start.saturating_add(self.timeframe.us()), close));
        }
        let open_interest = rows.ticker.as_ref().and_then(|ticker| ticker.open_interest());
        let of_both = [open_interest, self.carried.open_interest].into_iter().flatten();
        self.carried.open_interest = of_both.max_by_key(|(arrived, _)| *arrived);
    }

    /// A candle of these rows without latencies. Without trades it is flat at `close`.
    fn candle(&self, start: i64, close: f64, rows: &Bucket, context: &EmitContext<'_>) -> Candle {
        let has_trades = rows.count() > 0;
        let or_flat = |price: f64| if has_trades { price } else { close };
        let mut volume = rows.volumes[0].clone();
        rows.volumes[1..].iter().for_each(|side| volume.merge(side));
        let [buy_count, sell_count, _] = rows.counts;
        let liquidated = |l: &super::bucket::Liquidations| Liquidated {
            buy_volume: l.volumes[0].value(),
            sell_volume: l.volumes[1].value(),
            count: l.count,
        };
        let ticker = rows.ticker.as_ref().map(|ticker| ticker.values()).unwrap_or_default();
        let before = self.carried.open_interest.map(|(_, before)| before);
        let change = |(now, before): (f64, f64)| exact([(now, 1), (before, -1)]).value();
        let end = start.saturating_add(self.timeframe.us());
        let is_known = |known: &Range<i64>| known.start <= start && end <= known.end;
        let nothing = Worth::default();
        let worth = rows.worth.as_deref().unwrap_or(&nothing);
        let Values { base, quote, settle, vwap } =
            context.formula.map(|formula| values(formula, worth)).unwrap_or_default();
        Candle {
            start,
            open: or_flat(rows.first.1),
            // Turns -0 into 0: otherwise the sign would depend on which of the two came first.
            high: or_flat(rows.high) + 0.0,
            low: or_flat(rows.low) + 0.0,
            close,
            volume: volume.value(),
            base_volume: base,
            quote_volume: quote,
            settle_volume: settle,
            trade_count: rows.count(),
            repeated_trades: rows.repeated,
            vwap,
            buy_volume: rows.volumes[0].value(),
            sell_volume: rows.volumes[1].value(),
            buy_count,
            sell_count,
            first_trade: has_trades.then_some(rows.first.0),
            last_trade: has_trades.then_some(rows.last.0),
            last_arrival: has_trades.then_some(rows.last_arrival),
            delay_min: None,
            delay_median: None,
            delay_mean: None,
            delay_max: None,
            is_final: is_known(&context.complete.trades),
            is_liquidations_final: context.complete.liquidations.as_ref().map(is_known),
            is_ticker_final: context.complete.ticker.as_ref().map(is_known),
            is_book_final: context.complete.book.as_ref().map(is_known),
            liquidations: context
                .has_liquidations
                .then(|| rows.liquidations.as_deref().map(liquidated).unwrap_or_default()),
            ticker,
            open_interest_change: ticker.open_interest.zip(before).map(change),
            book: self.carried.book.as_deref().map(state),
        }
    }
}

/// What the trades of an interval are worth; `None`: it has no value.
#[derive(Default)]
struct Values {
    base: Option<f64>,
    quote: Option<f64>,
    settle: Option<f64>,
    vwap: Option<f64>,
}

fn values(formula: Formula, worth: &Worth) -> Values {
    let Worth { sized, products, quotients, has_no_quotient } = worth;
    match formula {
        Formula::Linear => Values {
            base: Some(sized.value()),
            quote: Some(products.value()),
            settle: None,
            vwap: products.over(sized),
        },
        Formula::Inverse => {
            let base = (!has_no_quotient).then_some(quotients);
            let vwap = base.and_then(|base| sized.over(base));
            Values { base: base.map(Sum::value), quote: Some(sized.value()), settle: None, vwap }
        }
        Formula::Quanto => {
            Values { base: None, quote: None, settle: Some(products.value()), vwap: products.over(sized) }
        }
    }
}

/// Sets the latency columns. The median needs the latencies of every bucket.
fn set_latency<'a>(candle: &mut Candle, rows: &Bucket, buckets: impl Iterator<Item = &'a Bucket> + Clone) {
    let Some(stats) = rows.latencies.stats else { return };
    let ms = |us: i128, times: u64| {
        let (mut sum, mut divisor) = (Sum::default(), Sum::default());
        sum.add_units(us);
        divisor.add_units(i128::from(times) * 1000);
        sum.over(&divisor)
    };
    candle.delay_min = ms(stats.min.into(), 1);
    candle.delay_median =
        doubled_median(buckets.map(|bucket| &bucket.latencies), stats).and_then(|us| ms(us, 2));
    candle.delay_mean = ms(stats.sum, rows.count());
    candle.delay_max = ms(stats.max.into(), 1);
}
