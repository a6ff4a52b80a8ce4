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
use crate::candle::latency::{Latencies, doubled_median};
use crate::day::DAY_US;

/// Closed buckets and their starts, in time order. Aggregators refer to them by increasing numbers.
#[derive(Debug, Default)]
pub(crate) struct Closed {
    /// Latencies of buckets that every timeframe has merged, with the number of the first bucket of each piece. A piece is of one
    /// interval in every timeframe, so that medians need nothing finer.
    merged: VecDeque<(usize, Latencies)>,
    buckets: VecDeque<(i64, Bucket)>,
    /// Number of the first bucket in `buckets`.
    first: usize,
}

impl Closed {
    pub fn push(&mut self, start: i64, bucket: Bucket) {
        self.buckets.push_back((start, bucket));
    }

    /// Keeps only the latencies of the buckets, which every timeframe has merged. `needs` are the numbers from which on each
    /// timeframe still needs them.
    pub fn settle(&mut self, needs: &[usize]) {
        for (place, (_, bucket)) in self.buckets.drain(..).enumerate() {
            self.merged.push_back((self.first + place, bucket.latencies));
        }
        self.first = self.merged.back().map_or(self.first, |(last, _)| self.first.max(last + 1));
        let least = needs.iter().min().copied().unwrap_or(self.first);
        let mut pieces: VecDeque<(usize, Latencies)> = VecDeque::new();
        for (number, latencies) in self.merged.drain(..).filter(|(number, _)| *number >= least) {
            match pieces.back_mut().filter(|(of, _)| !needs.iter().any(|need| *of < *need && *need <= number))
            {
                Some((_, piece)) => piece.absorb(latencies),
                None => pieces.push_back((number, latencies)),
            }
        }
        self.merged = pieces;
    }

    /// How many bytes they take, about.
    pub fn bytes(&self) -> usize {
        let merged = self.merged.iter().map(|(_, piece)| size_of::<Latencies>() + piece.bytes());
        merged.sum::<usize>() + self.buckets.iter().map(|(_, bucket)| bucket.bytes()).sum::<usize>()
    }
}

/// The closed buckets, and after them open ones, which a preview counts as closed.
#[derive(Clone, Copy)]
pub(crate) struct Buckets<'a> {
    pub closed: &'a Closed,
    pub open: &'a [(i64, &'a Bucket)],
}

impl<'a> Buckets<'a> {
    /// The buckets from a number on.
    fn from(self, number: usize) -> impl Iterator<Item = (i64, &'a Bucket)> {
        let skipped = number.saturating_sub(self.closed.first);
        let closed = self.closed.buckets.iter().map(|(start, bucket)| (*start, bucket));
        closed.chain(self.open.iter().copied()).skip(skipped)
    }

    /// The latencies of a range of buckets.
    fn latencies(self, numbers: Range<usize>) -> impl Iterator<Item = &'a Latencies> + Clone {
        let within = numbers.clone();
        let merged = self.closed.merged.iter().filter(move |(number, _)| within.contains(number));
        let first = self.closed.first;
        let (from, to) = (numbers.start.max(first) - first, numbers.end.max(first) - first);
        let closed = self.closed.buckets.iter().map(|(_, bucket)| &bucket.latencies);
        let kept = closed.chain(self.open.iter().map(|(_, bucket)| &bucket.latencies));
        merged.map(|(_, latencies)| latencies).chain(kept.skip(from).take(to - from))
    }
}

/// The open candle of a timeframe, and the values carried to the next one.
#[derive(Clone, Debug)]
pub(crate) struct Aggregator {
    timeframe: Timeframe,
    open: Option<Open>,
    carried: Carried,
    /// Number of the first bucket that is not in a candle yet.
    next: usize,
}

#[derive(Clone, Debug)]
struct Open {
    start: i64,
    rows: Bucket,
    /// Number of its first bucket.
    first: usize,
}

/// Values carried from interval to interval within a day.
#[derive(Clone, Debug, Default)]
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
    pub buckets: Buckets<'a>,
    /// Candles that end at this time or before are not emitted, microseconds since the Unix epoch, UTC.
    pub after: i64,
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
        for (start, bucket) in context.buckets.from(self.next) {
            let start = self.timeframe.floor(start);
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
            if end > context.after {
                let candle = self.candle(start, close, &Bucket::default(), context);
                (context.emit)(candle);
            }
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
            let end = open.start.saturating_add(self.timeframe.us());
            if end > context.after {
                let mut candle = self.candle(open.start, close, rows, context);
                set_latency(&mut candle, rows, context.buckets.latencies(open.first..self.next));
                (context.emit)(candle);
            }
            self.carried.close = Some((end, close));
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
        let complete = context.complete;
        let is_known = |known: &Range<i64>, gaps: &[Range<i64>]| {
            let touches = |gap: &Range<i64>| gap.start < end && start <= gap.end;
            known.start <= start && end <= known.end && !gaps.iter().any(touches)
        };
        let of = |known: &Option<Range<i64>>, gaps| known.as_ref().map(|known| is_known(known, gaps));
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
            is_final: is_known(&complete.trades, &complete.gaps.trades),
            is_liquidations_final: of(&complete.liquidations, &complete.gaps.liquidations),
            is_ticker_final: of(&complete.ticker, &complete.gaps.ticker),
            is_book_final: of(&complete.book, &complete.gaps.book),
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
fn set_latency<'a>(
    candle: &mut Candle,
    rows: &Bucket,
    latencies: impl Iterator<Item = &'a Latencies> + Clone,
) {
    let Some(stats) = rows.latencies.stats else { return };
    let ms = |us: i128, times: u64| {
        let (mut sum, mut divisor) = (Sum::default(), Sum::default());
        sum.add_units(us);
        divisor.add_units(i128::from(times) * 1000);
        sum.over(&divisor)
    };
    candle.delay_min = ms(stats.min.into(), 1);
    candle.delay_median = doubled_median(latencies, stats).and_then(|us| ms(us, 2));
    candle.delay_mean = ms(stats.sum, rows.count());
    candle.delay_max = ms(stats.max.into(), 1);
}
