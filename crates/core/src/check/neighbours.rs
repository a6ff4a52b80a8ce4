//! Prices that do not fit those right before and right after them.
//!
//! Not for what other data types say of the same moment: that is `market`.

use std::collections::VecDeque;

use arrow_array::Array;

use super::{Check, CheckFn, CheckInput, Detection, Group, Parameter, RowCheck, Rows, Severity, Tally};
use crate::key::{InstrumentKey, InstrumentType};
use crate::table::DataType::{self, *};

/// Rows on either side of the one that is looked at.
const SIDE: usize = 5;

/// Fewer neighbours than this on a side say nothing.
const ENOUGH: usize = 3;

/// Prices far from their neighbours that are kept until the day's own noise is known.
const KEPT: usize = 4096;

/// Steps between prices are counted in classes, four for each doubling.
const CLASSES_PER_DOUBLING: f64 = 4.0;

/// Steps below 2^-24 of the price are of the first class.
const LEAST_STEP: f64 = 24.0;

const OF: &[DataType] =
    &[Trades, BookSnapshot5, BookSnapshot25, Quotes, BookTicker, DerivativeTicker, OptionsChain];

const FACTOR: Parameter = Parameter {
    name: "factor",
    default: 10.0,
    unit: "times",
    meaning: "how many times the 90 % quantile of the day's steps from one price to the next, as logarithms",
};

const FAR: Parameter = Parameter {
    name: "error_times",
    default: 2.0,
    unit: "times",
    meaning: "from so many times, or one so many-th, of the neighbours on it is an error, else a warning",
};

const PAUSE: Parameter = Parameter {
    name: "max_pause_min",
    default: 60.0,
    unit: "minutes",
    meaning: "neighbours that are further away than this say nothing",
};

/// The checks of this module.
pub const CHECKS: &[Check] = &[
    Check {
        name: "price_outlier",
        group: Group::Values,
        severity: Severity::Warning,
        parameters: &[
            Parameter {
                name: "min_pct",
                default: 10.0,
                unit: "percent",
                meaning: "the smallest distance that is told",
            },
            FACTOR,
            FAR,
            PAUSE,
        ],
        text: "A price, or two in a row, that lie apart from the median of the five before and from that of the five after, on the \
               same side of both, by more than `min_pct` and more than `factor` times what prices of that day move by. Looked at \
               are trades, best bid and ask (the book is off when both are; of instruments but options and combos also one side \
               alone, from five times on, which is a warning), mark, index and last price. At the ends of a file \
               three times what the neighbours on one side have is told. The rows at the end of the day before are neighbours \
               too, where the lake has them. The first 4,096 are judged. A flash of a market is told like an error of a \
               recorder when it lasts two trades or less.",
        run: CheckFn::Rows(OF, |scope| Box::new(Neighbours::of(scope, What::Outlier))),
    },
    Check {
        name: "price_shift",
        group: Group::Values,
        severity: Severity::Warning,
        parameters: &[
            Parameter {
                name: "min_pct",
                default: 20.0,
                unit: "percent",
                meaning: "the smallest step that is told",
            },
            FACTOR,
            FAR,
            PAUSE,
        ],
        text: "All prices from one row on are others: the median of the five from it on lies apart from that of the five before by \
               more than `min_pct` and more than `factor` times what prices of that day move by, and one step is at least half of \
               it. So look hours of another instrument's prices, or a decimal point that moved. A fall in many steps is none, \
               however deep. The same columns as of `price_outlier`, but of options only the underlying. The end of the day \
               before is where the day begins, where the lake has it.",
        run: CheckFn::Rows(OF, |scope| Box::new(Neighbours::of(scope, What::Shift))),
    },
];

#[derive(Clone, Copy, PartialEq)]
enum What {
    Outlier,
    Shift,
}

/// The columns of a data type that are looked at, alone or as the two sides of a book.
fn columns(data_type: DataType) -> &'static [&'static [&'static str]] {
    match data_type {
        Trades => &[&["price"]],
        BookSnapshot5 | BookSnapshot25 => &[&["bid_price_1", "ask_price_1"]],
        Quotes | BookTicker => &[&["bid_price", "ask_price"]],
        DerivativeTicker => &[&["mark_price"], &["index_price"], &["last_price"]],
        OptionsChain => &[&["underlying_price"], &["mark_price"]],
        IncrementalBookL2 | Liquidations => &[],
    }
}

/// One row's prices as logarithms.
#[derive(Clone, Copy)]
struct Price {
    at_us: i64,
    /// Null: a row of the day before.
    place: Option<u64>,
    prices: [f64; 2],
    logs: [f64; 2],
}

/// A row that may be told, once the day's noise is known.
struct Kept {
    of: Price,
    /// How far it is from its neighbours, as a logarithm with its sign.
    distance: f64,
    /// What the neighbours have.
    usual: f64,
    /// Whether one side of a book alone is off.
    is_one_sided: bool,
}

struct Neighbours {
    series: Vec<Series>,
}

struct Series {
    names: &'static [&'static str],
    what: What,
    least: f64,
    factor: f64,
    far: f64,
    max_pause_us: i64,
    /// Whether one side of a book alone may be told.
    has_sides: bool,
    /// The last rows; the one that is looked at has [`SIDE`] rows after it.
    near: VecDeque<Price>,
    /// How many of them were looked at.
    done: usize,
    steps: Vec<u64>,
    kept: Vec<Kept>,
    /// Rows that are not looked at because they belong to a shift that is told.
    skip: usize,
}

impl Neighbours {
    fn of(scope: &CheckInput<'_>, what: What) -> Neighbours {
        let kind = scope.key.map(InstrumentKey::instrument_type);
        let is_option = kind == Some(InstrumentType::Option);
        // Prices of combos may be negative, and move by any factor near 0.
        let none = kind == Some(InstrumentType::Combo);
        let is_meant = |names: &&&'static [&'static str]| {
            !none && (what == What::Outlier || !is_option || names[0] == "underlying_price")
        };
        let value = |name| scope.values.get(name);
        let series = |names: &&'static [&'static str]| Series {
            names,
            what,
            least: (1.0 + value("min_pct") / 100.0).ln(),
            factor: value("factor"),
            far: value("error_times").max(1.0).ln(),
            max_pause_us: (value("max_pause_min") * 60e6) as i64,
            has_sides: !is_option,
            near: VecDeque::new(),
            done: 0,
            steps: Vec::new(),
            kept: Vec::new(),
            skip: 0,
        };
        let series = columns(scope.data_type).iter().filter(is_meant).map(series).collect();
        let mut neighbours = Neighbours { series };
        for batch in &scope.context.before {
            // What is of another shape is the matter of that day's check.
            if let Ok(rows) = Rows::new(scope.data_type, batch, 0) {
                neighbours.series.iter_mut().for_each(|series| series.rows(&rows, |_| None));
            }
        }
        neighbours
    }
}

impl Series {
    fn rows(&mut self, rows: &Rows<'_>, place: impl Fn(usize) -> Option<u64>) {
        let columns = self.names.iter().map(|name| rows.number(name)).collect::<Vec<_>>();
        let (first, last) = (columns[0], columns[columns.len() - 1]);
        let (firsts, lasts) = (first.values(), last.values());
        let mut above = self.near.back().map(|price| price.prices);
        for (row, at_us) in rows.arrival().iter().copied().enumerate() {
            let prices = [firsts[row], lasts[row]];
            let is_price = |price: f64| price > 0.0 && price.is_finite();
            if first.is_null(row) || last.is_null(row) || !prices.into_iter().all(is_price) {
                continue;
            }
            // Most rows of quotes and tickers repeat what is above; one of each is a neighbour.
            if self.names.len() == 2 || self.names[0] != "price" {
                if above == Some(prices) {
                    continue;
                }
                above = Some(prices);
            }
            self.push(Price { at_us, place: place(row), prices, logs: prices.map(f64::ln) });
        }
    }

    fn push(&mut self, price: Price) {
        if let Some(above) = self.near.back() {
            let step = (price.logs[0] - above.logs[0]).abs();
            if step > 0.0 {
                let class = ((step.log2() + LEAST_STEP) * CLASSES_PER_DOUBLING).max(0.0) as usize;
                if self.steps.len() <= class {
                    self.steps.resize(class + 1, 0);
                }
                self.steps[class] += 1;
            }
        }
        self.near.push_back(price);
        if self.near.len() > 2 * SIDE + 1 {
            self.near.pop_front();
            self.done -= 1;
        }
        while self.done + SIDE < self.near.len() {
            self.look(self.done);
            self.done += 1;
        }
    }

    /// Looks at the row at a place among the last ones.
    fn look(&mut self, at: usize) {
        let of = self.near[at];
        if of.place.is_none() {
            return;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return;
        }
        let kept = match self.what {
            What::Outlier => self.outlier(at),
            What::Shift => self.shift(at),
        };
        let Some(kept) = kept.filter(|kept| kept.distance.abs() >= self.least) else { return };
        if self.what == What::Shift {
            self.skip = SIDE;
        }
        if self.kept.len() < KEPT {
            self.kept.push(kept);
        }
    }

    fn outlier(&self, at: usize) -> Option<Kept> {
        let of = self.near[at];
        let sides = [at.saturating_sub(SIDE)..at, at + 1..(at + 1 + SIDE).min(self.near.len())];
        let is_near = |price: &&Price| price.at_us.abs_diff(of.at_us) <= self.max_pause_us as u64;
        // The usual case: the price is that of a neighbour, or nearly.
        let fits = |other: &Price| (0..2).all(|lane| (of.logs[lane] - other.logs[lane]).abs() < self.least);
        let beside =
            [at.checked_sub(1), Some(at + 1)].into_iter().flatten().filter_map(|at| self.near.get(at));
        let is_usual = beside.clone().count() == 2 && beside.clone().all(fits);
        if is_usual {
            return None;
        }
        let mut distances = [0.0_f64; 2];
        let mut usual = 0.0;
        for (lane, distance) in distances.iter_mut().enumerate() {
            let median = |range: &std::ops::Range<usize>| {
                let logs = self.near.range(range.clone()).filter(is_near).map(|price| price.logs[lane]);
                median(logs.collect())
            };
            (*distance, usual) = match (median(&sides[0]), median(&sides[1])) {
                (Some(before), Some(after)) => {
                    let (a, b) = (of.logs[lane] - before, of.logs[lane] - after);
                    (if a * b > 0.0 { a.signum() * a.abs().min(b.abs()) } else { 0.0 }, before)
                }
                (Some(one), None) | (None, Some(one)) if self.has_sides => {
                    let distance = of.logs[lane] - one;
                    (if distance.abs() >= 3.0_f64.ln() { distance } else { 0.0 }, one)
                }
                _ => (0.0, 0.0),
            };
        }
        let both = self.joined(distances);
        if both != 0.0 || !self.has_sides {
            return Some(Kept { of, distance: both, usual, is_one_sided: false });
        }
        let larger = distances.into_iter().max_by(|a, b| a.abs().total_cmp(&b.abs()))?;
        (larger.abs() >= 5.0_f64.ln()).then_some(Kept { of, distance: larger, usual, is_one_sided: true })
    }

    fn shift(&self, at: usize) -> Option<Kept> {
        let (of, above) = (self.near[at], self.near.get(at.checked_sub(1)?)?);
        let step = [0, 1].map(|lane| of.logs[lane] - above.logs[lane]);
        let step = self.joined(step);
        if step.abs() < self.least / 2.0 || of.at_us - above.at_us > self.max_pause_us {
            return None;
        }
        let sides = [at.saturating_sub(SIDE)..at, at..(at + SIDE).min(self.near.len())];
        let mut distances = [0.0; 2];
        let mut usual = 0.0;
        for (lane, distance) in distances.iter_mut().enumerate() {
            let median = |range: &std::ops::Range<usize>| {
                median(self.near.range(range.clone()).map(|price| price.logs[lane]).collect())
            };
            let (before, after) = (median(&sides[0])?, median(&sides[1])?);
            (*distance, usual) = (after - before, before);
        }
        let distance = self.joined(distances);
        let is_one_step = step * distance > 0.0 && step.abs() >= distance.abs() / 2.0;
        is_one_step.then_some(Kept { of, distance, usual, is_one_sided: false })
    }

    /// The distance that both sides of a book share.
    fn joined(&self, [first, second]: [f64; 2]) -> f64 {
        if first * second > 0.0 { first.signum() * first.abs().min(second.abs()) } else { 0.0 }
    }

    /// Above this a distance is more than the day's own noise.
    fn threshold(&self) -> f64 {
        let count: u64 = self.steps.iter().sum();
        let rank = (count as f64 * 0.9) as u64;
        let mut below = 0;
        let class = self.steps.iter().position(|steps| {
            below += steps;
            below > rank
        });
        let noise =
            class.map_or(0.0, |class| ((class as f64 + 1.0) / CLASSES_PER_DOUBLING - LEAST_STEP).exp2());
        self.least.max(self.factor * noise)
    }

    fn finish(&mut self) -> Vec<Detection> {
        while self.done < self.near.len() {
            self.look(self.done);
            self.done += 1;
        }
        let threshold = self.threshold();
        let mut tallies = [Severity::Error, Severity::Warning].map(|s| Tally::default().with_severity(s));
        for kept in self.kept.iter().filter(|kept| kept.distance.abs() > threshold) {
            let is_error = kept.distance.abs() >= self.far && !kept.is_one_sided;
            let Some(place) = kept.of.place else { continue };
            tallies[usize::from(!is_error)].note(kept.of.at_us, || {
                let (name, price) = (self.names[0], kept.of.prices[0]);
                let times = kept.distance.exp();
                let usual = (kept.usual).exp();
                match self.what {
                    What::Outlier => {
                        format!("row {place}: {name} {price}, {times:.3} times its neighbours ({usual:.6})")
                    }
                    What::Shift => {
                        format!(
                            "from row {place} on: {name} {price}, {times:.3} times what it was ({usual:.6})"
                        )
                    }
                }
            });
        }
        tallies.into_iter().flat_map(Tally::found).collect()
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    if values.len() < ENOUGH {
        return None;
    }
    values.sort_unstable_by(f64::total_cmp);
    Some(values[values.len() / 2])
}

impl RowCheck for Neighbours {
    fn rows(&mut self, rows: &Rows<'_>) {
        self.series.iter_mut().for_each(|series| series.rows(rows, |row| Some(rows.place(row))));
    }

    /// Nothing before the end: what the day's noise is shows only then.
    fn found(&mut self) -> Vec<Detection> {
        Vec::new()
    }

    fn finish(mut self: Box<Self>) -> Vec<Detection> {
        self.series.iter_mut().flat_map(Series::finish).collect()
    }
}
