//! A timeframe's way from closed cells to candles.
//!
//! Cells are added to the timeframe's open candle. What adds up exactly (counts, sums of decimals, extremes, first and
//! last) is added; what does not, the median, is taken from the delays of all its cells. Timeframes share the closed cells
//! and nothing else, so that they may be made side by side.

use std::collections::VecDeque;
use std::ops::Range;

use super::decimal::Sum;
use super::{Book, Candle, Fill, Liquidated, Timeframe};
use crate::candle::bucket::{Bucket, exact, state};
use crate::candle::latency::doubled_median;
use crate::day::DAY_US;

/// Closed cells and their starts, in the order of time. Frames know them by numbers that rise.
#[derive(Debug, Default)]
pub(crate) struct Closed {
    cells: VecDeque<(i64, Bucket)>,
    /// Number of the first that is still there.
    first: usize,
}

impl Closed {
    pub fn push(&mut self, start: i64, cell: Bucket) {
        self.cells.push_back((start, cell));
    }

    /// Drops those that no frame needs any more.
    pub fn keep_from(&mut self, number: usize) {
        self.cells.drain(..number - self.first);
        self.first = number;
    }

    fn range(&self, numbers: Range<usize>) -> impl Iterator<Item = &(i64, Bucket)> + Clone {
        self.cells.range(numbers.start - self.first..numbers.end - self.first)
    }

    fn end(&self) -> usize {
        self.first + self.cells.len()
    }
}

/// A timeframe's open candle, and what its next one takes over.
#[derive(Debug)]
pub(crate) struct Aggregator {
    timeframe: Timeframe,
    open: Option<Open>,
    carried: Carried,
    /// Number of the first cell that is in no candle yet.
    next: usize,
}

#[derive(Debug)]
struct Open {
    start: i64,
    rows: Bucket,
    /// Number of its first cell.
    first: usize,
}

/// What a day's intervals take over from those before.
#[derive(Debug, Default)]
struct Carried {
    /// End of the day it is of.
    day_end: i64,
    /// End of the last interval that is done, and the close at it.
    close: Option<(i64, f64)>,
    open_interest: Option<f64>,
    book: Option<Box<(i64, Book)>>,
}

/// What candles are given by.
pub(crate) struct EmitContext<'a> {
    pub fill: Fill,
    pub has_liquidations: bool,
    /// The span of time of which all rows are known.
    pub complete: Range<i64>,
    pub closed: &'a Closed,
    pub give: &'a mut dyn FnMut(Candle),
}

impl Aggregator {
    pub fn new(timeframe: Timeframe) -> Aggregator {
        Aggregator { timeframe, open: None, carried: Carried::default(), next: 0 }
    }

    pub fn timeframe(&self) -> Timeframe {
        self.timeframe
    }

    /// Number of the first cell that it needs.
    pub fn needs(&self) -> usize {
        self.open.as_ref().map_or(self.next, |open| open.first)
    }

    /// Takes the cells that it has not seen, and gives the candles that end at or before `until`.
    pub fn advance(&mut self, until: i64, giving: &mut EmitContext<'_>) {
        let closed = giving.closed;
        for (start, cell) in closed.range(self.next..closed.end()) {
            let start = self.timeframe.floor(*start);
            if self.open.as_ref().is_none_or(|open| open.start != start) {
                self.end(giving);
                self.begin(start, giving);
            }
            if let Some(open) = &mut self.open {
                open.rows.merge(cell);
            }
            self.next += 1;
        }
        if self.open.as_ref().is_some_and(|open| open.start.saturating_add(self.timeframe.us()) <= until) {
            self.end(giving);
        }
        // Without an end there is nothing that filling could go up to.
        if self.open.is_none() && until < i64::MAX {
            self.fill(until, giving);
        }
    }

    /// Opens the candle of `start`.
    fn begin(&mut self, start: i64, giving: &mut EmitContext<'_>) {
        self.fill(start, giving);
        if start >= self.carried.day_end {
            let day_end = start.saturating_sub(start.rem_euclid(DAY_US)).saturating_add(DAY_US);
            self.carried = Carried { day_end, ..Carried::default() };
        }
        self.open = Some(Open { start, rows: Bucket::default(), first: self.next });
    }

    /// Candles of the intervals before `until` in which nothing happened.
    fn fill(&mut self, until: i64, giving: &mut EmitContext<'_>) {
        let length = self.timeframe.us();
        while let Some((start, close)) = self.carried.close.filter(|_| giving.fill == Fill::Flat) {
            let end = start.saturating_add(length);
            if end > until.min(self.carried.day_end) {
                break;
            }
            let candle = self.candle(start, close, &Bucket::default(), giving);
            (giving.give)(candle);
            self.carried.close = Some((end, close));
        }
    }

    /// Gives the open candle, if it is one.
    fn end(&mut self, giving: &mut EmitContext<'_>) {
        let Some(open) = self.open.take() else { return };
        let rows = &open.rows;
        if let Some(book) =
            rows.book.as_ref().filter(|book| self.carried.book.as_ref().is_none_or(|c| book.0 >= c.0))
        {
            self.carried.book = Some(book.clone());
        }
        let flat = self.carried.close.filter(|_| giving.fill == Fill::Flat).map(|(_, close)| close);
        if let Some(close) = (rows.count() > 0).then_some(rows.last.1).or(flat) {
            let mut candle = self.candle(open.start, close, rows, giving);
            let cells = giving.closed.range(open.first..self.next);
            tell_delays(&mut candle, rows, cells.map(|(_, cell)| cell));
            (giving.give)(candle);
            self.carried.close = Some((open.start.saturating_add(self.timeframe.us()), close));
        }
        let open_interest = rows.ticker.as_ref().and_then(|ticker| ticker.values().open_interest);
        self.carried.open_interest = open_interest.or(self.carried.open_interest);
    }

    /// A candle of these rows, but for its delays. Without trades it is flat at `close`.
    fn candle(&self, start: i64, close: f64, rows: &Bucket, giving: &EmitContext<'_>) -> Candle {
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
        let before = self.carried.open_interest;
        let change = |(now, before): (f64, f64)| exact([(now, 1), (before, -1)]).value();
        let end = start.saturating_add(self.timeframe.us());
        Candle {
            start,
            open: or_flat(rows.first.1),
            // Of 0 and -0 neither is higher: it shall not depend on which came first.
            high: or_flat(rows.high) + 0.0,
            low: or_flat(rows.low) + 0.0,
            close,
            volume: volume.value(),
            quote_volume: rows.quote.value(),
            trade_count: rows.count(),
            vwap: rows.quote.over(&volume),
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
            is_final: giving.complete.start <= start && end <= giving.complete.end,
            liquidations: giving
                .has_liquidations
                .then(|| rows.liquidations.as_deref().map(liquidated).unwrap_or_default()),
            ticker,
            open_interest_change: ticker.open_interest.zip(before).map(change),
            book: self.carried.book.as_ref().map(|book| state(book.0, &book.1)),
        }
    }
}

/// The delays of the rows, of which the cells have one by one what is not added up.
fn tell_delays<'a>(candle: &mut Candle, rows: &Bucket, cells: impl Iterator<Item = &'a Bucket> + Clone) {
    let Some(spread) = rows.delays.spread else { return };
    let ms = |us: i128, times: u64| {
        let (mut sum, mut divisor) = (Sum::default(), Sum::default());
        sum.add_units(us);
        divisor.add_units(i128::from(times) * 1000);
        sum.over(&divisor)
    };
    candle.delay_min = ms(spread.min.into(), 1);
    candle.delay_median = doubled_median(cells.map(|cell| &cell.delays), spread).and_then(|us| ms(us, 2));
    candle.delay_mean = ms(spread.sum, rows.count());
    candle.delay_max = ms(spread.max.into(), 1);
}
