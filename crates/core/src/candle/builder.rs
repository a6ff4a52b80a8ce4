//! The push machine: rows in, finished candles of all timeframes out.
//!
//! Rows are added to cells, pieces of time that every interval of every timeframe is made of. Each timeframe makes its
//! candles of the cells that are closed (`candle::frame`), apart from the others.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use super::decimal::NotANumber;
use super::{Book, Candle, Side, Ticker, Timeframe, Trade};
use crate::candle::aggregator::{Aggregator, Closed, EmitContext};
use crate::candle::bucket::{AT_ONCE, Bucket};

/// What becomes of intervals without trades.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fill {
    /// No candle.
    #[default]
    None,
    /// The close before it, four times, and no volume. Before the day's first trade there is nothing to repeat, and no candle.
    Flat,
}

impl Fill {
    /// The word used in flags and footers.
    pub fn name(self) -> &'static str {
        match self {
            Fill::None => "none",
            Fill::Flat => "flat",
        }
    }
}

/// Trades as columns of equal length; rows in the order of their arrival.
#[derive(Clone, Copy, Debug)]
pub struct Trades<'a> {
    /// The exchange's clock, microseconds since the Unix epoch, UTC.
    pub timestamp: &'a [i64],
    /// Arrival, microseconds since the Unix epoch, UTC.
    pub local_timestamp: &'a [i64],
    /// Who took.
    pub side: &'a [Side],
    /// Price.
    pub price: &'a [f64],
    /// Amount, in the exchange's own unit.
    pub amount: &'a [f64],
}

impl<'a> Trades<'a> {
    pub(super) fn slice(&self, rows: Range<usize>) -> Trades<'a> {
        Trades {
            timestamp: &self.timestamp[rows.clone()],
            local_timestamp: &self.local_timestamp[rows.clone()],
            side: &self.side[rows.clone()],
            price: &self.price[rows.clone()],
            amount: &self.amount[rows],
        }
    }
}

/// Makes the candles of one instrument.
#[derive(Debug)]
pub struct CandleBuilder {
    fill: Fill,
    has_liquidations: bool,
    /// Length of a cell: the greatest that divides every timeframe.
    cell_us: i64,
    cells: Vec<Bucket>,
    /// Which cell begins when.
    places: BTreeMap<i64, usize>,
    /// Places in `cells` whose cell was closed.
    free: Vec<usize>,
    /// Time and place of the last row's cell.
    current: (Range<i64>, usize),
    /// Rows before this come too late.
    closed_us: i64,
    late: u64,
    frames: Vec<Aggregator>,
    closed: Closed,
}

/// What is left of one timeframe when the rows have ended. Those of several timeframes may be finished side by side.
#[derive(Debug)]
pub struct Unfinished {
    frame: Aggregator,
    closed: Arc<Closed>,
    closed_us: i64,
    fill: Fill,
    has_liquidations: bool,
    complete: Range<i64>,
}

impl CandleBuilder {
    /// For these timeframes; repeated ones count once.
    pub fn new(timeframes: &[Timeframe], fill: Fill) -> CandleBuilder {
        let mut timeframes = timeframes.to_vec();
        timeframes.sort_unstable();
        timeframes.dedup();
        CandleBuilder {
            fill,
            has_liquidations: false,
            cell_us: timeframes.iter().fold(0, |length, t| common(length, t.us())).max(1),
            cells: Vec::new(),
            places: BTreeMap::new(),
            free: Vec::new(),
            current: (0..0, 0),
            closed_us: i64::MIN,
            late: 0,
            frames: timeframes.into_iter().map(Aggregator::new).collect(),
            closed: Closed::default(),
        }
    }

    /// Says that liquidations are known: where there are none, they are 0 and not null.
    pub fn expect_liquidations(&mut self) {
        self.has_liquidations = true;
    }

    /// Adds trades.
    ///
    /// # Errors
    /// When a price or an amount is no finite number; the trades before it are in.
    pub fn trades(&mut self, trades: &Trades<'_>) -> Result<(), NotANumber> {
        let mut first = 0;
        while let Some(timestamp) = trades.timestamp.get(first) {
            let mut count = 1;
            if self.cell(*timestamp).is_some() {
                let (span, place) = &self.current;
                // Trades come nearly in order, so that many in a row lie in one cell.
                let inside = trades.timestamp[first..].iter().take(AT_ONCE).take_while(|t| span.contains(t));
                count = inside.count().max(1);
                self.cells[*place].trades(&trades.slice(first..first + count))?;
            }
            first += count;
        }
        Ok(())
    }

    /// Adds a trade.
    ///
    /// # Errors
    /// When its price or amount is no finite number; then it is not in.
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
    /// When the amount is no finite number; then it is not in.
    pub fn liquidation(&mut self, timestamp: i64, side: Side, amount: f64) -> Result<(), NotANumber> {
        self.has_liquidations = true;
        self.cell(timestamp).map_or(Ok(()), |cell| cell.liquidation(side, amount))
    }

    /// Adds a row of `derivative_ticker`. `timestamp` is the exchange's, microseconds since the Unix epoch, UTC.
    ///
    /// # Errors
    /// When a value is no finite number; then it is not in.
    pub fn ticker(&mut self, timestamp: i64, ticker: &Ticker) -> Result<(), NotANumber> {
        self.cell(timestamp).map_or(Ok(()), |cell| cell.ticker(timestamp, ticker))
    }

    /// Adds a book snapshot. `timestamp` is the exchange's, microseconds since the Unix epoch, UTC.
    ///
    /// # Errors
    /// When a price or an amount is no finite number; then it is not in.
    pub fn book(&mut self, timestamp: i64, book: &Book) -> Result<(), NotANumber> {
        self.cell(timestamp).map_or(Ok(()), |cell| cell.book(timestamp, book))
    }

    /// Rows that came after their interval was closed. They are in no candle of any timeframe.
    pub fn late(&self) -> u64 {
        self.late
    }

    /// The first and the last instant of the rows that are in no closed interval, to a cell; null: there are none.
    pub fn pending(&self) -> Option<Range<i64>> {
        let (first, _) = self.places.first_key_value()?;
        let (last, _) = self.places.last_key_value()?;
        Some(*first..last.saturating_add(self.cell_us))
    }

    #[inline]
    fn cell(&mut self, timestamp: i64) -> Option<&mut Bucket> {
        if !self.current.0.contains(&timestamp) {
            self.find(timestamp)?;
        }
        Some(&mut self.cells[self.current.1])
    }

    /// Makes the cell of an instant the current one; null: it is closed.
    fn find(&mut self, timestamp: i64) -> Option<()> {
        if timestamp < self.closed_us {
            self.late += 1;
            return None;
        }
        // The one before has most of its rows: done now, it is not left to do when all are closed.
        if let Some(before) = self.cells.get_mut(self.current.1) {
            before.delays.order();
        }
        let start = timestamp.saturating_sub(timestamp.rem_euclid(self.cell_us));
        let (cells, free) = (&mut self.cells, &mut self.free);
        let place = *self.places.entry(start).or_insert_with(|| {
            free.pop().unwrap_or_else(|| {
                cells.push(Bucket::default());
                cells.len() - 1
            })
        });
        self.current = (start..start.saturating_add(self.cell_us), place);
        Some(())
    }

    /// Adds what another builder of the same timeframes was given, as if it had been given to this one afterwards. For
    /// parts of one stream that are read side by side; neither may have been advanced.
    pub fn absorb(&mut self, later: CandleBuilder) {
        let CandleBuilder { mut cells, places, late, has_liquidations, .. } = later;
        self.late += late;
        self.has_liquidations |= has_liquidations;
        for (start, place) in places {
            let theirs = std::mem::take(&mut cells[place]);
            let is_new = !self.places.contains_key(&start);
            match self.cell(start) {
                Some(own) if is_new => *own = theirs,
                Some(own) => own.absorb(theirs),
                None => {}
            }
        }
    }

    /// Closes the intervals that end at or before `until` (microseconds since the Unix epoch, UTC) and gives their
    /// candles, those of each timeframe in the order of time. Rows that come later and lie before it are counted by
    /// [`CandleBuilder::late`] and otherwise ignored, in all timeframes, so that they agree.
    ///
    /// `complete` is the span of time of which all rows are known to have been given: candles that reach beyond it are
    /// not final.
    pub fn advance(&mut self, until: i64, complete: Range<i64>, mut give: impl FnMut(Timeframe, Candle)) {
        let until = until.saturating_sub(until.rem_euclid(self.cell_us));
        if until <= self.closed_us {
            return;
        }
        self.close(until);
        let CandleBuilder { frames, closed, fill, has_liquidations, .. } = self;
        for frame in frames.iter_mut() {
            let timeframe = frame.timeframe();
            let give = &mut |candle| give(timeframe, candle);
            let (fill, has_liquidations, complete) = (*fill, *has_liquidations, complete.clone());
            frame.advance(until, &mut EmitContext { fill, has_liquidations, complete, closed, give });
        }
        closed.keep_from(frames.iter().map(Aggregator::needs).min().unwrap_or_default());
    }

    /// Closes everything and gives the candles that are left. Filling ends with the last row.
    pub fn finish(self, complete: Range<i64>, mut give: impl FnMut(Timeframe, Candle)) {
        for left in self.finish_apart(complete) {
            let timeframe = left.timeframe();
            left.finish(|candle| give(timeframe, candle));
        }
    }

    /// The same in parts: what is left of each timeframe, shortest first. The shortest has the most to do.
    pub fn finish_apart(mut self, complete: Range<i64>) -> Vec<Unfinished> {
        let end = self.pending().map_or(self.closed_us, |pending| pending.end);
        self.close(end);
        let CandleBuilder { frames, closed, closed_us, fill, has_liquidations, .. } = self;
        let closed = Arc::new(closed);
        let unfinished = |frame| Unfinished {
            frame,
            closed: closed.clone(),
            closed_us,
            fill,
            has_liquidations,
            complete: complete.clone(),
        };
        frames.into_iter().map(unfinished).collect()
    }

    /// Closes the cells before `until`.
    fn close(&mut self, until: i64) {
        self.closed_us = until;
        self.current = (0..0, 0);
        while let Some(entry) = self.places.first_entry().filter(|e| *e.key() < until) {
            let (start, place) = entry.remove_entry();
            let mut cell = std::mem::take(&mut self.cells[place]);
            cell.delays.order();
            self.closed.push(start, cell);
            self.free.push(place);
        }
    }
}

impl Unfinished {
    /// Which timeframe it is.
    pub fn timeframe(&self) -> Timeframe {
        self.frame.timeframe()
    }

    /// Gives its candles, in the order of time.
    pub fn finish(self, mut give: impl FnMut(Candle)) {
        let Unfinished { mut frame, closed, closed_us, fill, has_liquidations, complete } = self;
        let mut giving = EmitContext { fill, has_liquidations, complete, closed: &closed, give: &mut give };
        frame.advance(closed_us, &mut giving);
        frame.advance(i64::MAX, &mut giving);
    }
}

/// The greatest length that divides both.
fn common(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { common(b, a % b) }
}
