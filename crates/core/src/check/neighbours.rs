//! Prices that differ from those just before and just after them.
//!
//! Comparisons with other data types are in `market`.

use std::collections::VecDeque;

use arrow_array::Array;

use super::{Check, CheckFn, CheckInput, Detection, Group, Parameter, RowCheck, Rows, Severity, Tally};
use crate::key::{InstrumentKey, InstrumentType};
use crate::table::DataType::{self, *};

/// Rows on either side of the examined one.
const SIDE: usize = 5;

/// A side with fewer neighbours has no median.
const ENOUGH: usize = 3;

/// Candidates that are kept until the day's usual steps are known.
const KEPT: usize = 4096;

/// Classes of the histogram of price steps, per doubling.
const CLASSES_PER_DOUBLING: f64 = 4.0;

/// Steps below 2^-24 of the price fall into the first class.
const LEAST_STEP: f64 = 24.0;

const DATA_TYPES: &[DataType] =
    &[Trades, BookSnapshot5, BookSnapshot25, Quotes, BookTicker, DerivativeTicker, OptionsChain];

const FACTOR: Parameter = Parameter {
    name: "factor",
    default: 10.0,
    unit: "times",
    meaning: "multiple of the day's usual step: the 90 % quantile of the logarithmic steps between consecutive prices",
};

const FAR: Parameter = Parameter {
    name: "error_times",
    default: 2.0,
    unit: "times",
    meaning: "a price this many times higher or lower than its neighbours is an error, else a warning",
};

const PAUSE: Parameter = Parameter {
    name: "max_pause_min",
    default: 60.0,
    unit: "minutes",
    meaning: "neighbours further away than this are ignored",
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
                meaning: "the smallest reported distance",
            },
            FACTOR,
            FAR,
            PAUSE,
        ],
        text: "One price, or two in a row, differ from the median of the five rows before and from the median of the \
               five rows after, in the same direction, by more than `min_pct` and by more than `factor` times the \
               day's usual steps. Examined are trades, best bid and ask, and mark, index and last price. A book is \
               off if both sides are. One side alone counts from a factor of five on, as a warning, except for \
               options. At the ends of a file only one side has neighbours, and a factor of three is required. The \
               last rows of the day before are neighbours too, if the lake has them. Combos are skipped. The first \
               4,096 candidates are judged. A market flash of two trades or fewer looks the same as a recorder error.",
        run: CheckFn::Rows(DATA_TYPES, |input| Box::new(Neighbours::of(input, Pattern::Outlier))),
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
                meaning: "the smallest reported step",
            },
            FACTOR,
            FAR,
            PAUSE,
        ],
        text: "All prices from one row on differ from those before: the median of the five rows from it on differs \
               from the median of the five rows before by more than `min_pct` and by more than `factor` times the \
               day's usual steps, and one single step is at least half of the difference. Hours of another \
               instrument's prices and a shifted decimal point look like this. A fall in many steps is not reported, \
               however deep. The columns are those of `price_outlier`, but for options only the underlying price. The \
               first rows of a day are compared with the last rows of the day before, if the lake has it.",
        run: CheckFn::Rows(DATA_TYPES, |input| Box::new(Neighbours::of(input, Pattern::Shift))),
    },
];

/// What the check searches for.
#[derive(Clone, Copy, PartialEq)]
enum Pattern {
    Outlier,
    Shift,
}

/// The examined columns of a data type: single columns, or the two sides of a book.
fn columns(data_type: DataType) -> &'static [&'static [&'static str]] {
    match data_type {
        Trades => &[&["price"]],
        BookSnapshot5 | BookSnapshot25 => &[&["bid_price_1", "ask_price_1"]],
        Quotes | BookTicker => &[&["bid_price", "ask_price"]],
        DerivativeTicker => &[&["mark_price"], &["index_price"], &["last_price"]],
        OptionsChain => &[&["underlying_price"], &["mark_price"]],
        // Types whose prices are not those of a series.
        _ => &[],
    }
}

/// The prices of one row, of both sides of a book or the same price twice.
#[derive(Clone, Copy)]
struct Price {
    at_us: i64,
    /// Row number in the file; `None` for a row of the day before.
    place: Option<u64>,
    prices: [f64; 2],
    /// Natural logarithms of the prices.
    logs: [f64; 2],
}

/// A row that is reported if its distance exceeds the day's usual steps.
struct Candidate {
    price: Price,
    /// Signed distance from its neighbours, as a natural logarithm.
    distance: f64,
    /// Median of the neighbours, as a natural logarithm.
    usual: f64,
    /// Whether only one side of a book is off.
    is_one_sided: bool,
}

struct Neighbours {
    series: Vec<Series>,
}

struct Series {
    names: &'static [&'static str],
    pattern: Pattern,
    least: f64,
    factor: f64,
    far: f64,
    max_pause_us: i64,
    /// Whether one side of a book alone may be reported.
    has_sides: bool,
    /// The last rows; the examined one has [`SIDE`] rows after it.
    near: VecDeque<Price>,
    /// How many of them were examined.
    done: usize,
    /// Histogram of the logarithmic steps.
    steps: Vec<u64>,
    candidates: Vec<Candidate>,
    /// Rows to skip because they belong to a reported shift.
    skip: usize,
}

impl Neighbours {
    fn of(input: &CheckInput<'_>, pattern: Pattern) -> Neighbours {
        let kind = input.key.map(InstrumentKey::instrument_type);
        let is_option = kind == Some(InstrumentType::Option);
        // Prices of combos may be negative, and move by any factor near 0.
        let is_combo = kind == Some(InstrumentType::Combo);
        let is_examined = |names: &&&'static [&'static str]| {
            !is_combo && (pattern == Pattern::Outlier || !is_option || names[0] == "underlying_price")
        };
        let value = |name| input.values.get(name);
        let series = |names: &&'static [&'static str]| Series {
            names,
            pattern,
            least: (1.0 + value("min_pct") / 100.0).ln(),
            factor: value("factor"),
            far: value("error_times").max(1.0).ln(),
            max_pause_us: (value("max_pause_min") * 60e6) as i64,
            has_sides: !is_option,
            near: VecDeque::new(),
            done: 0,
            steps: Vec::new(),
            candidates: Vec::new(),
            skip: 0,
        };
        let series = columns(input.data_type).iter().filter(is_examined).map(series).collect();
        let mut neighbours = Neighbours { series };
        for batch in &input.context.before {
            // Wrong columns are reported by the check of that day.
            if let Ok(rows) = Rows::new(input.data_type, batch, 0) {
                for series in &mut neighbours.series {
                    series.rows(&rows, |_| None);
                }
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
            // Most rows of quotes and tickers repeat the prices above; only the first is a neighbour.
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
            self.examine(self.done);
            self.done += 1;
        }
    }

    /// Examines the row at an index of `near`.
    fn examine(&mut self, at: usize) {
        if self.near[at].place.is_none() {
            return;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return;
        }
        let candidate = match self.pattern {
            Pattern::Outlier => self.outlier(at),
            Pattern::Shift => self.shift(at),
        };
        let Some(candidate) = candidate.filter(|it| it.distance.abs() >= self.least) else { return };
        if self.pattern == Pattern::Shift {
            self.skip = SIDE;
        }
        if self.candidates.len() < KEPT {
            self.candidates.push(candidate);
        }
    }

    fn outlier(&self, at: usize) -> Option<Candidate> {
        let price = self.near[at];
        let sides = [at.saturating_sub(SIDE)..at, at + 1..(at + 1 + SIDE).min(self.near.len())];
        let is_near = |other: &&Price| other.at_us.abs_diff(price.at_us) <= self.max_pause_us as u64;
        // The usual case: the price is that of a neighbour, or close to it.
        let fits =
            |other: &Price| (0..2).all(|lane| (price.logs[lane] - other.logs[lane]).abs() < self.least);
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
                    let (a, b) = (price.logs[lane] - before, price.logs[lane] - after);
                    (if a * b > 0.0 { a.signum() * a.abs().min(b.abs()) } else { 0.0 }, before)
                }
                (Some(one), None) | (None, Some(one)) if self.has_sides => {
                    let distance = price.logs[lane] - one;
                    (if distance.abs() >= 3.0_f64.ln() { distance } else { 0.0 }, one)
                }
                _ => (0.0, 0.0),
            };
        }
        let both = self.joined(distances);
        if both != 0.0 || !self.has_sides {
            return Some(Candidate { price, distance: both, usual, is_one_sided: false });
        }
        let larger = distances.into_iter().max_by(|a, b| a.abs().total_cmp(&b.abs()))?;
        let is_off = larger.abs() >= 5.0_f64.ln();
        is_off.then_some(Candidate { price, distance: larger, usual, is_one_sided: true })
    }

    fn shift(&self, at: usize) -> Option<Candidate> {
        let (price, above) = (self.near[at], self.near.get(at.checked_sub(1)?)?);
        let step = [0, 1].map(|lane| price.logs[lane] - above.logs[lane]);
        let step = self.joined(step);
        if step.abs() < self.least / 2.0 || price.at_us - above.at_us > self.max_pause_us {
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
        is_one_step.then_some(Candidate { price, distance, usual, is_one_sided: false })
    }

    /// The distance that both sides of a book share; 0 if their signs differ.
    fn joined(&self, [first, second]: [f64; 2]) -> f64 {
        if first * second > 0.0 { first.signum() * first.abs().min(second.abs()) } else { 0.0 }
    }

    /// The smallest reported distance, as a logarithm: the day's usual step times `factor`, at least `least`.
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
            self.examine(self.done);
            self.done += 1;
        }
        let threshold = self.threshold();
        let mut tallies = [Severity::Error, Severity::Warning].map(|s| Tally::default().with_severity(s));
        for candidate in self.candidates.iter().filter(|it| it.distance.abs() > threshold) {
            let is_error = candidate.distance.abs() >= self.far && !candidate.is_one_sided;
            let Some(place) = candidate.price.place else { continue };
            tallies[usize::from(!is_error)].note(candidate.price.at_us, || {
                let (name, price) = (self.names[0], candidate.price.prices[0]);
                let times = candidate.distance.exp();
                let usual = candidate.usual.exp();
                match self.pattern {
                    Pattern::Outlier => {
                        format!("row {place}: {name} {price}, {times:.3} times its neighbours ({usual:.6})")
                    }
                    Pattern::Shift => format!(
                        "from row {place} on: {name} {price}, {times:.3} times the price before ({usual:.6})"
                    ),
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
        for series in &mut self.series {
            series.rows(rows, |row| Some(rows.place(row)));
        }
    }

    /// Nothing before the end: the usual step is known only then.
    fn found(&mut self) -> Vec<Detection> {
        Vec::new()
    }

    fn finish(mut self: Box<Self>) -> Vec<Detection> {
        self.series.iter_mut().flat_map(Series::finish).collect()
    }
}
