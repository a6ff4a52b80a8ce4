//! The push machine: rows in, finished candles of all timeframes out.
//!
//! Rows are added to cells, pieces of time that every interval of every timeframe is made of. A cell that is closed is
//! added to the open candle of each timeframe. What adds up exactly (counts, sums of decimals, extremes, first and last)
//! is added; what does not, the median, is taken from the ticks.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;

use super::cell::{Cell, exact, state};
use super::decimal::{NotANumber, Sum};
use super::delays::{Counts, Delays, Spread};
use super::{Book, Candle, Liquidated, Side, Ticker, Timeframe, Trade};
use crate::day::DAY_US;

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

/// Makes the candles of one instrument.
#[derive(Debug)]
pub struct CandleBuilder {
    fill: Fill,
    has_liquidations: bool,
    /// Length of a cell: the greatest that divides every timeframe.
    cell_us: i64,
    cells: Vec<Cell>,
    /// Which cell begins when.
    places: BTreeMap<i64, usize>,
    /// Places in `cells` whose cell was closed.
    free: Vec<usize>,
    /// Time and place of the last row's cell.
    current: (Range<i64>, usize),
    /// Rows before this come too late.
    closed_us: i64,
    late: u64,
    frames: Vec<Frame>,
    /// Delays of closed cells that an open candle still needs, and the number of the first of them.
    delays: VecDeque<Delays>,
    first_delays: usize,
    scratch: Counts,
}

/// A timeframe's open candle, and what its next one takes over.
#[derive(Debug)]
struct Frame {
    timeframe: Timeframe,
    open: Option<Open>,
    /// Counts of the open candle's delays; empty without one.
    counts: Counts,
    carried: Carried,
}

#[derive(Debug)]
struct Open {
    start: i64,
    rows: Cell,
    spread: Option<Spread>,
    /// Number of the first delays that are its own.
    first_delays: usize,
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

/// What one call of [`CandleBuilder::advance`] goes by.
struct Giving<'a, F: FnMut(Timeframe, Candle)> {
    fill: Fill,
    has_liquidations: bool,
    complete: Range<i64>,
    delays: &'a VecDeque<Delays>,
    first_delays: usize,
    give: F,
}

impl CandleBuilder {
    /// For these timeframes; repeated ones count once.
    pub fn new(timeframes: &[Timeframe], fill: Fill) -> CandleBuilder {
        let mut timeframes = timeframes.to_vec();
        timeframes.sort_unstable();
        timeframes.dedup();
        let frame = |timeframe| Frame {
            timeframe,
            open: None,
            counts: Counts::default(),
            carried: Carried::default(),
        };
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
            frames: timeframes.into_iter().map(frame).collect(),
            delays: VecDeque::new(),
            first_delays: 0,
            scratch: Counts::default(),
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
        let Trades { timestamp, local_timestamp, side, price, amount } = *trades;
        let rows = timestamp.iter().zip(local_timestamp).zip(side).zip(price.iter().zip(amount));
        for (((timestamp, local_timestamp), side), (price, amount)) in rows {
            let (timestamp, local_timestamp) = (*timestamp, *local_timestamp);
            let trade = Trade { timestamp, local_timestamp, side: *side, price: *price, amount: *amount };
            self.trade(trade)?;
        }
        Ok(())
    }

    /// Adds a trade.
    ///
    /// # Errors
    /// When its price or amount is no finite number; then it is not in.
    #[inline]
    pub fn trade(&mut self, trade: Trade) -> Result<(), NotANumber> {
        match self.cell(trade.timestamp) {
            Some(cell) => cell.trade(trade),
            None => Ok(()),
        }
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
    fn cell(&mut self, timestamp: i64) -> Option<&mut Cell> {
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
        let start = timestamp.saturating_sub(timestamp.rem_euclid(self.cell_us));
        let (cells, free) = (&mut self.cells, &mut self.free);
        let place = *self.places.entry(start).or_insert_with(|| {
            free.pop().unwrap_or_else(|| {
                cells.push(Cell::default());
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
            if let Some(own) = self.cell(start) {
                own.merge(&theirs);
                own.delays.append(theirs.delays);
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
        self.closed_us = until;
        self.current = (0..0, 0);
        while let Some(entry) = self.places.first_entry().filter(|e| *e.key() < until) {
            let (start, place) = entry.remove_entry();
            let mut cell = std::mem::take(&mut self.cells[place]);
            self.free.push(place);
            self.close(start, &mut cell, complete.clone(), &mut give);
        }
        self.give_ended(until, complete, &mut give);
    }

    /// Closes everything and gives the candles that are left. Filling ends with the last row.
    pub fn finish(mut self, complete: Range<i64>, mut give: impl FnMut(Timeframe, Candle)) {
        let end = self.pending().map_or(self.closed_us, |pending| pending.end);
        self.advance(end, complete.clone(), &mut give);
        self.give_ended(i64::MAX, complete, &mut give);
    }

    /// Adds a closed cell to the open candles.
    fn close(
        &mut self,
        start: i64,
        cell: &mut Cell,
        complete: Range<i64>,
        give: &mut impl FnMut(Timeframe, Candle),
    ) {
        let number = self.first_delays + self.delays.len();
        let delays = std::mem::take(&mut cell.delays);
        let spread = Spread::of(&delays);
        self.scratch.count(&delays, spread);
        let CandleBuilder { frames, delays: kept, first_delays, scratch, fill, has_liquidations, .. } = self;
        let mut giving = Giving {
            fill: *fill,
            has_liquidations: *has_liquidations,
            complete,
            delays: kept,
            first_delays: *first_delays,
            give,
        };
        for frame in frames.iter_mut() {
            frame.begin(frame.timeframe.floor(start), number, &mut giving);
            if let Some(open) = &mut frame.open {
                open.rows.merge(cell);
                open.spread = match (open.spread, spread) {
                    (Some(a), Some(b)) => Some(a.with(b)),
                    (a, b) => a.or(b),
                };
                frame.counts.add(scratch);
            }
        }
        scratch.clear();
        self.delays.push_back(delays);
        let needed = self.frames.iter().filter_map(|f| Some(f.open.as_ref()?.first_delays)).min();
        while needed.is_none_or(|needed| self.first_delays < needed) && self.delays.pop_front().is_some() {
            self.first_delays += 1;
        }
    }

    fn give_ended(&mut self, until: i64, complete: Range<i64>, give: &mut impl FnMut(Timeframe, Candle)) {
        let CandleBuilder { frames, delays, first_delays, fill, has_liquidations, .. } = self;
        let (fill, has_liquidations, first_delays) = (*fill, *has_liquidations, *first_delays);
        let mut giving = Giving { fill, has_liquidations, complete, delays, first_delays, give };
        for frame in frames {
            if frame
                .open
                .as_ref()
                .is_some_and(|open| open.start.saturating_add(frame.timeframe.us()) <= until)
            {
                frame.end(&mut giving);
            }
            // Without an end there is nothing that filling could go up to.
            if frame.open.is_none() && until < i64::MAX {
                frame.fill(until, &mut giving);
            }
        }
    }
}

impl Frame {
    /// Ends the open candle if it is another one than that of `start`, and opens that.
    fn begin<F: FnMut(Timeframe, Candle)>(&mut self, start: i64, delays: usize, giving: &mut Giving<'_, F>) {
        if self.open.as_ref().is_none_or(|open| open.start != start) {
            self.end(giving);
            self.fill(start, giving);
            if start >= self.carried.day_end {
                let day_end = start.saturating_sub(start.rem_euclid(DAY_US)).saturating_add(DAY_US);
                self.carried = Carried { day_end, ..Carried::default() };
            }
            self.open = Some(Open { start, rows: Cell::default(), spread: None, first_delays: delays });
        }
    }

    /// Candles of the intervals before `until` in which nothing happened.
    fn fill<F: FnMut(Timeframe, Candle)>(&mut self, until: i64, giving: &mut Giving<'_, F>) {
        let length = self.timeframe.us();
        while let Some((start, close)) = self.carried.close.filter(|_| giving.fill == Fill::Flat) {
            let end = start.saturating_add(length);
            if end > until.min(self.carried.day_end) {
                break;
            }
            let candle = self.candle(start, close, &Cell::default(), giving);
            (giving.give)(self.timeframe, candle);
            self.carried.close = Some((end, close));
        }
    }

    /// Gives the open candle, if it is one.
    fn end<F: FnMut(Timeframe, Candle)>(&mut self, giving: &mut Giving<'_, F>) {
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
            if let Some(spread) = open.spread {
                let skipped = open.first_delays - giving.first_delays;
                self.tell_delays(&mut candle, spread, giving.delays.range(skipped..));
            }
            (giving.give)(self.timeframe, candle);
            self.carried.close = Some((open.start.saturating_add(self.timeframe.us()), close));
        }
        let open_interest = rows.ticker.as_ref().and_then(|ticker| ticker.values().open_interest);
        self.carried.open_interest = open_interest.or(self.carried.open_interest);
        self.counts.clear();
    }

    fn tell_delays<'a>(
        &self,
        candle: &mut Candle,
        spread: Spread,
        delays: impl Iterator<Item = &'a Delays> + Clone,
    ) {
        let ms = |us: i128, times: u64| {
            let (mut sum, mut divisor) = (Sum::default(), Sum::default());
            sum.add_units(us);
            divisor.add_units(i128::from(times) * 1000);
            sum.over(&divisor)
        };
        candle.delay_min = ms(spread.min.into(), 1);
        candle.delay_median = self.counts.doubled_median(delays).and_then(|us| ms(us, 2));
        candle.delay_mean = ms(spread.sum, spread.count);
        candle.delay_max = ms(spread.max.into(), 1);
    }

    /// A candle of these rows, but for its delays. Without trades it is flat at `close`.
    fn candle<F: FnMut(Timeframe, Candle)>(
        &self,
        start: i64,
        close: f64,
        rows: &Cell,
        giving: &Giving<'_, F>,
    ) -> Candle {
        let has_trades = rows.count() > 0;
        let or_flat = |price: f64| if has_trades { price } else { close };
        let mut volume = rows.volumes[0].clone();
        rows.volumes[1..].iter().for_each(|side| volume.merge(side));
        let [buy_count, sell_count, _] = rows.counts;
        let liquidated = |l: &super::cell::Liquidations| Liquidated {
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
            high: or_flat(rows.high),
            low: or_flat(rows.low),
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

/// The greatest length that divides both.
fn common(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { common(b, a % b) }
}
