//! Trades and books of one moment that contradict each other.

use super::beside::{Beside, Next, Top, Trade};
use super::finding::{duration, moment};
use super::lately::{Lately, PIECE_US};
use super::{Check, CheckFn, CheckInput, Detection, Group, Parameter, RowCheck, Rows, Severity, Tally};
use crate::key::{InstrumentKey, InstrumentType};
use crate::table::DataType::{self, *};

/// Spreads are counted in classes, 16 for each doubling.
const CLASSES_PER_DOUBLING: f64 = 16.0;

/// Spreads below 2^-64 are of the first class.
const LEAST_SPREAD: f64 = 64.0;

/// Trades that wait for the next row of the book, at most.
const WAITING: usize = 4096;

/// Votes that are looked at together, and the fewest at the end of a file.
const BLOCK: u64 = 20;
const LAST_BLOCK: u64 = 10;

const BOOKS: &[DataType] =
    &[Quotes, BookSnapshot5, BookSnapshot25, BookTicker, OptionsChain, IncrementalBookL2];

const AGE: Parameter = Parameter {
    name: "max_age_s",
    default: 600.0,
    unit: "seconds",
    meaning: "older rows are not compared with a trade",
};

const FAR: Parameter = Parameter {
    name: "error_times",
    default: 5.0,
    unit: "times",
    meaning: "from so many times, or one so many-th, on it is an error",
};

const SHARE: Parameter = Parameter {
    name: "error_pct",
    default: 1.0,
    unit: "percent of the trades",
    meaning: "from so many on, and at least 20, it is an error, else a warning",
};

/// The checks of this module.
pub const CHECKS: &[Check] = &[
    Check {
        name: "trade_off_book",
        group: Group::Values,
        severity: Severity::Warning,
        parameters: &[
            Parameter {
                name: "min_pct",
                default: 5.0,
                unit: "percent",
                meaning: "how far outside of bid and ask a trade may be, in any case",
            },
            Parameter {
                name: "spreads",
                default: 5.0,
                unit: "times the spread",
                meaning: "the same, as a multiple of the larger of the spread at that moment and the median spread so far",
            },
            AGE,
            FAR,
            SHARE,
        ],
        text: "A trade far outside of what was bid and asked in the ten seconds before it, and of the next row of the book within a minute: a \
               price ten times off, hours of another instrument's prices, a book that was left behind. Which of the two is wrong \
               it does not say. Many exchanges send the book before the trades that changed it, and in a violent minute it comes long after them, which is why \
               both count. \
               Block trades at agreed prices may be told, as warnings.",
        run: CheckFn::Beside(&[Trades], BOOKS, |scope| {
            Box::new(OffBook::of(scope, scope.values.get("spreads")))
        }),
    },
    Check {
        name: "trade_off_mark",
        group: Group::Values,
        severity: Severity::Warning,
        parameters: &[
            Parameter {
                name: "min_pct",
                default: 20.0,
                unit: "percent",
                meaning: "how far from the mark price a trade may be",
            },
            AGE,
            FAR,
            SHARE,
        ],
        text: "A trade far from the mark price, from those of the ten seconds before it and from the next one within a minute. Options and \
               combos are left out: their marks are near 0, where any factor is possible.",
        run: CheckFn::Beside(&[Trades], &[DerivativeTicker], |scope| Box::new(OffBook::of(scope, 0.0))),
    },
    Check {
        name: "book_stands_still",
        group: Group::Values,
        severity: Severity::Error,
        parameters: &[
            Parameter {
                name: "min_trades",
                default: 20.0,
                unit: "moments",
                meaning: "so many moments with trades, by arrival, in which the top of the book does not change",
            },
            Parameter {
                name: "min_s",
                default: 60.0,
                unit: "seconds",
                meaning: "how long that lasts at least",
            },
        ],
        text: "Rows of a book keep coming and say the same best bid and ask with the same amounts, while trades go on, each of \
               which must have taken something from them. A book of which no rows come is a silence, which `gap` explains. \
               Changes of a book are not looked at.",
        run: CheckFn::Beside(&[Quotes, BookTicker, BookSnapshot5, BookSnapshot25], &[Trades], |scope| {
            Box::new(StandingStill::of(scope))
        }),
    },
    Check {
        name: "taker_side",
        group: Group::Values,
        severity: Severity::Error,
        parameters: &[Parameter {
            name: "max_wrong_pct",
            default: 80.0,
            unit: "percent",
            meaning: "how many of twenty trades that the book is sure of may have the other side",
        }],
        text: "The side of trades contradicts the book: buyers sell and sellers buy. A trade at or above the highest ask \
               of the ten seconds before it, but for the last quarter of one, and above the newest bid, was a buyer's; one at or below their \
               lowest bid, and below the newest ask, a seller's. Others are not counted, since many exchanges send the book before the \
               trades that changed it; trades of one side within a quarter of a second are one. Twenty of them, one after the other, are judged together, at a file's end ten. Of a single trade nothing can be said.",
        run: CheckFn::Beside(&[Trades], BOOKS, |scope| Box::new(TakerSide::of(scope))),
    },
];

/// How often a spread was how wide.
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

struct OffBook {
    least: f64,
    spreads: f64,
    max_age_us: i64,
    far: f64,
    error_share: f64,
    is_meant: bool,
    beside: Beside,
    lately: Lately,
    widths: Spreads,
    compared: u64,
    /// Off by the row before them; the next row decides.
    waiting: Vec<(Trade, Top)>,
    has_far: bool,
    tally: Tally,
    off: u64,
}

impl OffBook {
    fn of(scope: &CheckInput<'_>, spreads: f64) -> OffBook {
        let kind = scope.key.map(InstrumentKey::instrument_type);
        // Without spreads, trades are compared with marks.
        let is_left_out = matches!(kind, Some(InstrumentType::Option | InstrumentType::Combo));
        OffBook {
            least: scope.values.get("min_pct") / 100.0,
            spreads,
            max_age_us: (scope.values.get("max_age_s") * 1e6) as i64,
            far: scope.values.get("error_times"),
            error_share: scope.values.get("error_pct") / 100.0,
            is_meant: spreads > 0.0 || !is_left_out,
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
                    self.lately.take(top);
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

    /// Tells the trades that wait, but for those that the next row of the book explains.
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
        if self.is_meant {
            self.beside.rows(rows);
            self.work();
        }
    }

    fn ended(&mut self, data_type: DataType) {
        self.beside.ended(data_type);
        self.work();
    }

    /// Nothing before the end: how bad it is depends on how many there are.
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

struct StandingStill {
    min_trades: u64,
    min_us: i64,
    beside: Beside,
    /// The top that stands, and since when.
    top: Option<Top>,
    /// Rows that said it again.
    again: u64,
    trades: u64,
    last_trade_us: i64,
    tally: Tally,
}

impl StandingStill {
    fn of(scope: &CheckInput<'_>) -> StandingStill {
        StandingStill {
            min_trades: scope.values.get("min_trades") as u64,
            min_us: (scope.values.get("min_s") * 1e6) as i64,
            beside: Beside::default(),
            top: None,
            again: 0,
            trades: 0,
            last_trade_us: i64::MIN,
            tally: Tally::default(),
        }
    }

    fn work(&mut self) {
        while let Some(next) = self.beside.take_next() {
            match next {
                Next::Trade(trade) => {
                    self.trades += u64::from(trade.at_us != self.last_trade_us);
                    self.last_trade_us = trade.at_us;
                }
                Next::Top(top) if self.top.is_some_and(|now| Top { at_us: top.at_us, ..now } == top) => {
                    self.again += 1;
                }
                Next::Top(top) => {
                    self.end();
                    self.top = Some(top);
                }
            }
        }
    }

    fn end(&mut self) {
        if let Some(top) = self.top
            && self.again > 0
            && self.trades >= self.min_trades
            && self.last_trade_us - top.at_us >= self.min_us
        {
            let (trades, last_us) = (self.trades, self.last_trade_us);
            self.tally.note(top.at_us, || {
                let length = duration(last_us - top.at_us);
                format!(
                    "the same from {} on for {length}, through {trades} moments with trades",
                    moment(top.at_us)
                )
            });
            self.tally.reach(last_us);
        }
        (self.again, self.trades) = (0, 0);
    }
}

impl RowCheck for StandingStill {
    fn rows(&mut self, rows: &Rows<'_>) {
        self.beside.rows(rows);
        self.work();
    }

    fn ended(&mut self, data_type: DataType) {
        self.beside.ended(data_type);
        self.work();
    }

    fn found(&mut self) -> Vec<Detection> {
        self.tally.take()
    }

    fn finish(mut self: Box<Self>) -> Vec<Detection> {
        self.beside.ended(Trades);
        self.beside.ended(Quotes);
        self.work();
        self.end();
        self.tally.found()
    }
}

struct TakerSide {
    max_wrong: f64,
    beside: Beside,
    lately: Lately,
    votes: u64,
    wrong: u64,
    from: Option<Trade>,
    /// Arrival of the last vote's trade, and whether its taker bought by what the row says.
    last: Option<(i64, bool)>,
    tally: Tally,
}

impl TakerSide {
    fn of(scope: &CheckInput<'_>) -> TakerSide {
        TakerSide {
            max_wrong: scope.values.get("max_wrong_pct") / 100.0,
            beside: Beside::default(),
            lately: Lately::default(),
            votes: 0,
            wrong: 0,
            from: None,
            last: None,
            tally: Tally::default(),
        }
    }

    fn work(&mut self) {
        while let Some(next) = self.beside.take_next() {
            match next {
                Next::Top(top) => self.lately.take(top),
                Next::Trade(trade) => {
                    let Some((vote, is_buy)) = self.lately.side(&trade).zip(trade.is_buy) else { continue };
                    // The fills of one order come together, and are one vote.
                    if self.last.is_some_and(|last| trade.at_us - last.0 < PIECE_US && last.1 == is_buy) {
                        continue;
                    }
                    self.from.get_or_insert(trade);
                    self.votes += 1;
                    self.wrong += u64::from(vote != is_buy);
                    self.last = Some((trade.at_us, is_buy));
                    if self.votes == BLOCK {
                        self.end();
                    }
                }
            }
        }
    }

    fn end(&mut self) {
        let Some(from) = self.from.take() else { return };
        if self.wrong as f64 > self.max_wrong * self.votes as f64 {
            let (wrong, votes) = (self.wrong, self.votes);
            self.tally.note(from.at_us, || {
                format!("{wrong} of {votes} trades from row {} on have the other side", from.place)
            });
            self.tally.add(wrong - 1);
            self.tally.reach(self.last.map_or(from.at_us, |last| last.0));
        }
        (self.votes, self.wrong) = (0, 0);
    }
}

impl RowCheck for TakerSide {
    fn rows(&mut self, rows: &Rows<'_>) {
        self.beside.rows(rows);
        self.work();
    }

    fn ended(&mut self, data_type: DataType) {
        self.beside.ended(data_type);
        self.work();
    }

    fn found(&mut self) -> Vec<Detection> {
        self.tally.take()
    }

    fn finish(mut self: Box<Self>) -> Vec<Detection> {
        self.beside.ended(Trades);
        self.beside.ended(IncrementalBookL2);
        self.work();
        if self.votes >= LAST_BLOCK {
            self.end();
        }
        self.tally.found()
    }
}
