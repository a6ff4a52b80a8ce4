//! Trades far outside of bid and ask, or far from the mark price.

use crate::check::beside::{Beside, Next, Top, Trade};
use crate::check::lately::Lately;
use crate::check::{CheckInput, Detection, RowCheck, Rows, Severity, Tally};
use crate::key::{InstrumentKey, InstrumentType};
use crate::table::DataType::{self, *};

/// Classes of the histogram of spreads, per doubling.
const CLASSES_PER_DOUBLING: f64 = 16.0;

/// Spreads below 2^-64 fall into the first class.
const LEAST_SPREAD: f64 = 64.0;

/// The largest number of trades that wait for the next book row.
const WAITING: usize = 4096;

/// A histogram of spreads.
#[derive(Default)]
struct Spreads {
    classes: Vec<u32>,
    count: u32,
}

impl Spreads {
    fn add(&mut self, spread: f64) {
        let class = ((spread.log2() + LEAST_SPREAD) * CLASSES_PER_DOUBLING).clamp(0.0, 4095.0) as usize;
        if self.classes.len() <= class {
            self.classes.resize(class + 1, 0);
        }
        self.classes[class] = self.classes[class].saturating_add(1);
        self.count = self.count.saturating_add(1);
    }

    fn median(&self) -> f64 {
        let mut below = 0;
        let class = self.classes.iter().position(|count| {
            below += count;
            below > self.count / 2
        });
        class.map_or(0.0, |class| ((class as f64 + 1.0) / CLASSES_PER_DOUBLING - LEAST_SPREAD).exp2())
    }
}

/// Trades far outside of bid and ask, or far from the mark price.
pub(super) struct OffBook {
    least: f64,
    spreads: f64,
    max_age_us: i64,
    far: f64,
    error_share: f64,
    is_examined: bool,
    beside: Beside,
    lately: Lately,
    widths: Spreads,
    compared: u64,
    /// Trades that are off by the book before them; the next book row decides.
    waiting: Vec<(Trade, Top)>,
    has_far: bool,
    tally: Tally,
    off: u64,
}

impl OffBook {
    pub fn of(input: &CheckInput<'_>, spreads: f64) -> OffBook {
        let kind = input.key.map(InstrumentKey::instrument_type);
        // Without spreads, trades are compared with mark prices.
        let is_left_out = matches!(kind, Some(InstrumentType::Option | InstrumentType::Combo));
        OffBook {
            least: input.values.get("min_pct") / 100.0,
            spreads,
            max_age_us: (input.values.get("max_age_s") * 1e6) as i64,
            far: input.values.get("error_times"),
            error_share: input.values.get("error_pct") / 100.0,
            is_examined: spreads > 0.0 || !is_left_out,
            beside: Beside::default(),
            lately: Lately::default(),
            widths: Spreads::default(),
            compared: 0,
            waiting: Vec::new(),
            has_far: false,
            tally: Tally::default(),
            off: 0,
        }
    }

    /// Whether a price is far outside of a top.
    fn is_off(&self, price: f64, top: &Top) -> bool {
        let outside = top.bid.map_or(0.0, |bid| bid - price).max(top.ask.map_or(0.0, |ask| price - ask));
        let near = if top.bid.is_some_and(|bid| price < bid) { top.bid } else { top.ask };
        let least = self.least * near.or(top.bid).or(top.ask).map_or(0.0, f64::abs);
        if outside <= least {
            return false;
        }
        let now = top.bid.zip(top.ask).map_or(0.0, |(bid, ask)| ask - bid);
        outside > self.spreads * now.max(self.widths.median())
    }

    /// Whether a price is so far outside that nothing but an error explains it.
    fn is_far(&self, price: f64, top: &Top) -> bool {
        let above = top.ask.is_some_and(|ask| ask > 0.0 && price > ask * self.far);
        let below = top.bid.is_some_and(|bid| bid > 0.0 && price < bid / self.far);
        above || below
    }

    fn work(&mut self) {
        while let Some(next) = self.beside.take_next() {
            match next {
                Next::Top(top) => {
                    self.decide(Some(&top));
                    let width = top.bid.zip(top.ask).map_or(0.0, |(bid, ask)| ask - bid);
                    if width > 0.0 {
                        self.widths.add(width);
                    }
                    self.lately.add(top);
                }
                Next::Trade(trade) => self.trade(trade),
            }
        }
    }

    fn trade(&mut self, trade: Trade) {
        let top = self.lately.widest(trade.at_us);
        let Some(top) = top.filter(|top| trade.at_us - top.at_us <= self.max_age_us) else { return };
        self.compared += 1;
        if trade.price.is_finite() && self.is_off(trade.price, &top) {
            self.waiting.push((trade, top));
            if self.waiting.len() >= WAITING {
                self.decide(None);
            }
        }
    }

    /// Counts the waiting trades, except those that the next book row explains.
    fn decide(&mut self, next: Option<&Top>) {
        for (trade, top) in std::mem::take(&mut self.waiting) {
            let is_near = |next: &&Top| next.at_us - trade.at_us <= 60_000_000;
            if next.filter(is_near).is_some_and(|next| !self.is_off(trade.price, next)) {
                continue;
            }
            self.off += 1;
            self.has_far |= self.is_far(trade.price, &top);
            let shown = |side: Option<f64>| side.map_or_else(|| "none".to_owned(), |price| price.to_string());
            self.tally.note(trade.at_us, || {
                let (bid, ask) = (shown(top.bid), shown(top.ask));
                format!("row {}: {} where bid was {bid}, ask {ask}", trade.place, trade.price)
            });
        }
    }
}

impl RowCheck for OffBook {
    fn rows(&mut self, rows: &Rows<'_>) {
        if self.is_examined {
            self.beside.rows(rows);
            self.work();
        }
    }

    fn ended(&mut self, data_type: DataType) {
        self.beside.ended(data_type);
        self.work();
    }

    /// Nothing before the end: the severity depends on the total number.
    fn found(&mut self) -> Vec<Detection> {
        Vec::new()
    }

    fn finish(mut self: Box<Self>) -> Vec<Detection> {
        self.beside.ended(Trades);
        self.beside.ended(IncrementalBookL2);
        self.work();
        self.decide(None);
        let is_usual = self.off >= 20 && self.off as f64 >= self.error_share * self.compared as f64;
        let severity = if self.has_far || is_usual { Severity::Error } else { Severity::Warning };
        self.tally.with_severity(severity).found()
    }
}
