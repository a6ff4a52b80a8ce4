//! The candle builder: rows in, finished candles of all timeframes out.
//!
//! Rows are added to buckets. A bucket is a time slot that divides every interval of every timeframe. Each timeframe builds
//! its candles from the closed buckets (`candle::aggregator`), independently of the others.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use super::decimal::NotANumber;
use super::value::{Formula, Valuation};
use super::{Book, Candle, Side, Ticker, Timeframe, Trade};
use crate::candle::aggregator::{Aggregator, Buckets, Closed, EmitContext};
use crate::candle::bucket::{AT_ONCE, Bucket};

/// The fill mode: how intervals without trades are represented.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fill {
    /// No candle.
    #[default]
    None,
    /// A candle with the previous close as its four prices, and no volume. Before the day's first trade there is no candle.
    Flat,
}

impl Fill {
    /// The name in flags and footers.
    pub fn name(self) -> &'static str {
        match self {
            Fill::None => "none",
            Fill::Flat => "flat",
        }
    }
}

/// Trades as columns of equal length, in the order of arrival.
#[derive(Clone, Copy, Debug)]
pub struct Trades<'a> {
    /// The exchange's clock, microseconds since the Unix epoch, UTC.
    pub timestamp: &'a [i64],
    /// Arrival, microseconds since the Unix epoch, UTC.
    pub local_timestamp: &'a [i64],
    /// Side of the taker.
    pub side: &'a [Side],
    /// Price, in the instrument's price currency.
    pub price: &'a [f64],
    /// Amount, in the exchange's own unit.
    pub amount: &'a [f64],
}

impl<'a> Trades<'a> {
    /// The trades of a range of rows.
    pub fn slice(&self, rows: Range<usize>) -> Trades<'a> {
        Trades {
            timestamp: &self.timestamp[rows.clone()],
            local_timestamp: &self.local_timestamp[rows.clone()],
            side: &self.side[rows.clone()],
            price: &self.price[rows.clone()],
            amount: &self.amount[rows],
        }
    }
}

/// The half-open time ranges of which all rows were added, microseconds since the Unix epoch, UTC, by source. `None`: there are
/// no rows of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Complete {
    /// Trades.
    pub trades: Range<i64>,
    /// Liquidations.
    pub liquidations: Option<Range<i64>>,
    /// Tickers.
    pub ticker: Option<Range<i64>>,
    /// Book snapshots.
    pub book: Option<Range<i64>>,
    /// What is known to lack within these ranges.
    pub gaps: Gaps,
}

/// Time ranges of which rows are known or suspected to lack, microseconds since the Unix epoch, UTC, by source, in any order. A
/// candle whose interval touches one, also by its first or last moment, is not final.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gaps {
    /// Of trades.
    pub trades: Vec<Range<i64>>,
    /// Of liquidations.
    pub liquidations: Vec<Range<i64>>,
    /// Of tickers.
    pub ticker: Vec<Range<i64>>,
    /// Of book snapshots.
    pub book: Vec<Range<i64>>,
}

impl From<Range<i64>> for Complete {
    /// Of trades alone.
    fn from(trades: Range<i64>) -> Complete {
        Complete { trades, ..Complete::default() }
    }
}

/// Builds the candles of one instrument.
#[derive(Debug)]
pub struct CandleBuilder {
    fill: Fill,
    has_liquidations: bool,
    /// What amounts are worth; `None`: not known.
    valuation: Option<Valuation>,
    /// Rows of tickers and books that were added: the place of the next one in the order of arrival.
    arrived: u64,
    /// Length of a bucket: the greatest common divisor of the timeframes.
    bucket_us: i64,
    buckets: Vec<Bucket>,
    /// Start of each open bucket → its index in `buckets`.
    indices: BTreeMap<i64, usize>,
    /// Indices of closed buckets, for reuse.
    free: Vec<usize>,
    /// Time range and index of the last row's bucket.
    current: (Range<i64>, usize),
    /// Rows before this time are late.
    closed_us: i64,
    late: u64,
    aggregators: Vec<Aggregator>,
    closed: Closed,
}

/// The rest of one timeframe after the last row. Several timeframes may be finished in parallel.
#[derive(Debug)]
pub struct Unfinished {
    aggregator: Aggregator,
    closed: Arc<Closed>,
    closed_us: i64,
    fill: Fill,
    has_liquidations: bool,
    formula: Option<Formula>,
    complete: Complete,
}

impl CandleBuilder {
    /// A builder for these timeframes; duplicates count once.
    pub fn new(timeframes: &[Timeframe], fill: Fill) -> CandleBuilder {
        let mut timeframes = timeframes.to_vec();
        timeframes.sort_unstable();
        timeframes.dedup();
        CandleBuilder {
            fill,
            has_liquidations: false,
            valuation: None,
            arrived: 0,
            bucket_us: timeframes.iter().fold(0, |length, t| gcd(length, t.us())).max(1),
            buckets: Vec::new(),
            indices: BTreeMap::new(),
            free: Vec::new(),
            current: (0..0, 0),
            closed_us: i64::MIN,
            late: 0,
            aggregators: timeframes.into_iter().map(Aggregator::new).collect(),
            closed: Closed::default(),
        }
    }

    /// States what amounts are worth; without it, base and quote volumes are not known. Before the first trade, but for a linear
    /// valuation of one size.
    pub fn value(&mut self, valuation: Valuation) {
        self.valuation = Some(valuation);
    }

    /// Counts a trade that is left out because an equal one came before. `timestamp` is the exchange's, microseconds since the
    /// Unix epoch, UTC.
    pub fn repeated(&mut self, timestamp: i64) {
        if let Some(bucket) = self.bucket(timestamp) {
            bucket.repeated += 1;
        }
    }

    /// Declares that liquidations are known: an interval without any has 0 instead of null.
    pub fn expect_liquidations(&mut self) {
        self.has_liquidations = true;
    }

    /// Adds trades.
    ///
    /// # Errors
    /// If a price or an amount is not finite. The trades before it are added.
    pub fn trades(&mut self, trades: &Trades<'_>) -> Result<(), NotANumber> {
        let formula = self.valuation.as_ref().map(Valuation::formula);
        let mut first = 0;
        while let Some(timestamp) = trades.timestamp.get(first) {
            let mut count = 1;
            if self.bucket(*timestamp).is_some() {
                let (span, index) = &self.current;
                // Trades are nearly in order, so many consecutive ones lie in one bucket.
                let inside = trades.timestamp[first..].iter().take(AT_ONCE).take_while(|t| span.contains(t));
                count = inside.count().max(1);
                self.buckets[*index].trades(&trades.slice(first..first + count), formula)?;
            }
            first += count;
        }
        Ok(())
    }

    /// Adds a trade.
    ///
    /// # Errors
    /// If its price or amount is not finite. The trade is then not added.
    pub fn trade(&mut self, trade: Trade) -> Result<(), NotANumber> {
        let Trade { timestamp, local_timestamp, side, price, amount } = trade;
        self.trades(&Trades {
            timestamp: &[timestamp],
            local_timestamp: &[local_timestamp],
            side: &[side],
            price: &[price],
            amount: &[amount],
        })
    }

    /// Adds a liquidation. `timestamp` is the exchange's, microseconds since the Unix epoch, UTC.
    ///
    /// # Errors
    /// If the amount is not finite. The liquidation is then not added.
    pub fn liquidation(&mut self, timestamp: i64, side: Side, amount: f64) -> Result<(), NotANumber> {
        self.has_liquidations = true;
        self.bucket(timestamp).map_or(Ok(()), |bucket| bucket.liquidation(side, amount))
    }

    /// Adds a row of `derivative_ticker`. `timestamp` is the exchange's, microseconds since the Unix epoch, UTC.
    ///
    /// # Errors
    /// If a value is not finite. The row is then not added.
    pub fn ticker(&mut self, timestamp: i64, ticker: &Ticker) -> Result<(), NotANumber> {
        self.arrived += 1;
        let arrived = self.arrived;
        self.bucket(timestamp).map_or(Ok(()), |bucket| bucket.ticker(arrived, ticker))
    }

    /// Adds a book snapshot. `timestamp` is the exchange's, microseconds since the Unix epoch, UTC.
    ///
    /// # Errors
    /// If a price or an amount is not finite. The snapshot is then not added.
    pub fn book(&mut self, timestamp: i64, book: &Book) -> Result<(), NotANumber> {
        self.arrived += 1;
        let arrived = self.arrived;
        self.bucket(timestamp).map_or(Ok(()), |bucket| bucket.book(arrived, timestamp, book))
    }

    /// The number of rows that arrived after their interval was closed. They are in no candle of any timeframe.
    pub fn late(&self) -> u64 {
        self.late
    }

    /// The time range of the rows that are in no closed interval, rounded to buckets, microseconds since the Unix epoch, UTC;
    /// `None` if there are none.
    pub fn pending(&self) -> Option<Range<i64>> {
        let (first, _) = self.indices.first_key_value()?;
        let (last, _) = self.indices.last_key_value()?;
        Some(*first..self.slot(*last).end)
    }

    /// The time slot of a bucket. A slot ends where the contract size changes, so that a bucket has one size.
    fn slot(&self, timestamp: i64) -> Range<i64> {
        let start = timestamp.saturating_sub(timestamp.rem_euclid(self.bucket_us));
        let end = start.saturating_add(self.bucket_us);
        let Some(valuation) = &self.valuation else { return start..end };
        let place = valuation.place(timestamp);
        let next = valuation.sizes.get(place + 1).map_or(i64::MAX, |(from, _)| *from);
        start.max(valuation.sizes[place].0)..end.min(next)
    }

    #[inline]
    fn bucket(&mut self, timestamp: i64) -> Option<&mut Bucket> {
        if !self.current.0.contains(&timestamp) {
            self.select(timestamp)?;
        }
        Some(&mut self.buckets[self.current.1])
    }

    /// Makes the bucket of a time the current one; `None` if it is closed.
    fn select(&mut self, timestamp: i64) -> Option<()> {
        if timestamp < self.closed_us {
            self.late += 1;
            return None;
        }
        // The bucket before has most of its rows. Sorting it now spreads the work, instead of leaving it to the end.
        if let Some(before) = self.buckets.get_mut(self.current.1) {
            before.latencies.order();
        }
        let slot = self.slot(timestamp);
        let (buckets, free) = (&mut self.buckets, &mut self.free);
        let index = *self.indices.entry(slot.start).or_insert_with(|| {
            free.pop().unwrap_or_else(|| {
                buckets.push(Bucket::default());
                buckets.len() - 1
            })
        });
        self.current = (slot, index);
        Some(())
    }

    /// Adds the rows of another builder of the same timeframes and valuation, as if they had been added to this one afterwards.
    /// For parts of one stream that are read in parallel. Neither builder may have been advanced.
    pub fn absorb(&mut self, later: CandleBuilder) {
        let CandleBuilder { mut buckets, indices, late, has_liquidations, arrived, .. } = later;
        let before = self.arrived;
        self.arrived += arrived;
        self.late += late;
        self.has_liquidations |= has_liquidations;
        for (start, index) in indices {
            let theirs = std::mem::take(&mut buckets[index]).after(before);
            let is_new = !self.indices.contains_key(&start);
            match self.bucket(start) {
                Some(own) if is_new => *own = theirs,
                Some(own) => own.absorb(theirs),
                None => {}
            }
        }
    }

    /// Closes the intervals that end at or before `until` (microseconds since the Unix epoch, UTC) and emits their candles,
    /// in time order within each timeframe. Later rows before `until` are counted by [`CandleBuilder::late`] and otherwise
    /// ignored, in all timeframes, so that the timeframes agree.
    ///
    /// `complete` is the half-open time range whose rows have all been added, microseconds since the Unix epoch, UTC: of trades
    /// alone, or of each source. Candles that reach beyond it are not final.
    pub fn advance(
        &mut self,
        until: i64,
        complete: impl Into<Complete>,
        mut emit: impl FnMut(Timeframe, Candle),
    ) {
        let complete = complete.into();
        let until = until.saturating_sub(until.rem_euclid(self.bucket_us));
        if until <= self.closed_us {
            return;
        }
        self.close(until);
        let CandleBuilder { aggregators, closed, fill, has_liquidations, valuation, .. } = self;
        for aggregator in aggregators.iter_mut() {
            let timeframe = aggregator.timeframe();
            let emit = &mut |candle| emit(timeframe, candle);
            let formula = valuation.as_ref().map(Valuation::formula);
            let (fill, has_liquidations, complete) = (*fill, *has_liquidations, &complete);
            let (buckets, after) = (Buckets { closed, open: &[] }, i64::MIN);
            let mut context = EmitContext { fill, has_liquidations, formula, complete, buckets, after, emit };
            aggregator.advance(until, &mut context);
        }
        closed.settle(&aggregators.iter().map(Aggregator::needs).collect::<Vec<_>>());
    }

    /// Emits the candles that end after `after` and at or before `until` (microseconds since the Unix epoch, UTC) as they would
    /// be if nothing more came, and closes nothing: rows may still be added to their intervals. `complete` is as in
    /// [`CandleBuilder::advance`]. What was closed before is not emitted again.
    pub fn preview(
        &mut self,
        after: i64,
        until: i64,
        complete: &Complete,
        mut emit: impl FnMut(Timeframe, Candle),
    ) {
        let until = until.saturating_sub(until.rem_euclid(self.bucket_us));
        for (start, index) in self.indices.range(..until) {
            let bucket = &mut self.buckets[*index];
            bucket.latencies.order();
            if let Some(valuation) = self.valuation.as_ref().filter(|_| bucket.worth.is_none()) {
                bucket.close(valuation.sizes[valuation.place(*start)].1);
            }
        }
        let open: Vec<_> =
            self.indices.range(..until).map(|(start, index)| (*start, &self.buckets[*index])).collect();
        let (fill, has_liquidations) = (self.fill, self.has_liquidations);
        let formula = self.valuation.as_ref().map(Valuation::formula);
        let buckets = Buckets { closed: &self.closed, open: &open };
        for aggregator in &self.aggregators {
            let timeframe = aggregator.timeframe();
            if timeframe.floor(until) <= after {
                continue;
            }
            let emit = &mut |candle| emit(timeframe, candle);
            let mut context = EmitContext { fill, has_liquidations, formula, complete, buckets, after, emit };
            aggregator.clone().advance(until, &mut context);
        }
    }

    /// How many bytes its open intervals take, about: for those who watch memory.
    pub fn bytes(&self) -> usize {
        let open = self.buckets.iter().map(Bucket::bytes).sum::<usize>();
        open + self.closed.bytes()
    }

    /// Closes everything and emits the remaining candles. Filling ends with the last row. `complete` is as in
    /// [`CandleBuilder::advance`].
    pub fn finish(self, complete: impl Into<Complete>, mut emit: impl FnMut(Timeframe, Candle)) {
        for left in self.finish_apart(complete) {
            let timeframe = left.timeframe();
            left.finish(|candle| emit(timeframe, candle));
        }
    }

    /// As [`CandleBuilder::finish`], one part per timeframe, shortest timeframe first. The shortest has the most work.
    pub fn finish_apart(mut self, complete: impl Into<Complete>) -> Vec<Unfinished> {
        let complete = complete.into();
        let end = self.pending().map_or(self.closed_us, |pending| pending.end);
        self.close(end);
        let CandleBuilder { aggregators, closed, closed_us, fill, has_liquidations, valuation, .. } = self;
        let closed = Arc::new(closed);
        let unfinished = |aggregator| Unfinished {
            aggregator,
            closed: closed.clone(),
            closed_us,
            fill,
            has_liquidations,
            formula: valuation.as_ref().map(Valuation::formula),
            complete: complete.clone(),
        };
        aggregators.into_iter().map(unfinished).collect()
    }

    /// Closes the buckets before `until`.
    fn close(&mut self, until: i64) {
        self.closed_us = until;
        self.current = (0..0, 0);
        while let Some(entry) = self.indices.first_entry().filter(|e| *e.key() < until) {
            let (start, index) = entry.remove_entry();
            let mut bucket = std::mem::take(&mut self.buckets[index]);
            bucket.latencies.order();
            if let Some(valuation) = &self.valuation {
                bucket.close(valuation.sizes[valuation.place(start)].1);
            }
            self.closed.push(start, bucket);
            self.free.push(index);
        }
    }
}

impl Unfinished {
    /// The timeframe.
    pub fn timeframe(&self) -> Timeframe {
        self.aggregator.timeframe()
    }

    /// Emits its candles in time order.
    pub fn finish(self, mut emit: impl FnMut(Candle)) {
        let Unfinished { mut aggregator, closed, closed_us, fill, has_liquidations, formula, complete } =
            self;
        let (complete, emit) = (&complete, &mut emit);
        let (buckets, after) = (Buckets { closed: &closed, open: &[] }, i64::MIN);
        let mut context = EmitContext { fill, has_liquidations, formula, complete, buckets, after, emit };
        aggregator.advance(closed_us, &mut context);
        aggregator.advance(i64::MAX, &mut context);
    }
}

/// The greatest common divisor.
fn gcd(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { gcd(b, a % b) }
}
