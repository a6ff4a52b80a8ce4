//! Numbers with fewer digits than they should have.

use arrow_array::{Array, Float64Array};

use super::finding::moment;
use super::{Check, CheckFn, CheckInput, Detection, Group, Parameter, RowCheck, Rows, Severity, Tally};
use crate::table::DataType::{self, *};

/// Decimals that are told apart; a number with more is counted with them.
const MOST: usize = 13;

/// Values of one piece of the day that is judged by itself.
const PIECE: u64 = 1024;

/// Of a column every value is looked at up to so many rows, and every sixteenth after them.
const ALL_ROWS: u64 = 1 << 14;

/// The checks of this module.
pub const CHECKS: &[Check] = &[Check {
    name: "fewer_digits",
    group: Group::Values,
    severity: Severity::Warning,
    parameters: &[
        Parameter {
            name: "min_expected",
            default: 50.0,
            unit: "values",
            meaning: "so many values with more decimals are lacking, by the share that they have had",
        },
        Parameter {
            name: "min_values",
            default: 100.0,
            unit: "values",
            meaning: "with fewer that differ from the one above nothing is said",
        },
    ],
    text: "Prices or amounts have fewer decimals than those of the day before (its last rows), where the lake has it: somebody \
           rounded them, or stored them in a narrower type; digits that a float of 32 bits added, where \
           the day before has fewer, are told as well. A value that repeats the one above is not counted. The same is asked \
           of each 1,024 values of a day against the whole of it. Where there is no day before, prices are compared with the tick \
           size of the instrument table: that every one is a multiple of ten ticks is told. An exchange that makes its tick \
           larger is told once.",
    run: CheckFn::Rows(
        &[Trades, IncrementalBookL2, BookSnapshot5, BookSnapshot25, Quotes, BookTicker, DerivativeTicker],
        |scope| Box::new(Precision::of(scope)),
    ),
}];

fn columns(data_type: DataType) -> &'static [&'static str] {
    match data_type {
        Trades | IncrementalBookL2 => &["price", "amount"],
        BookSnapshot5 | BookSnapshot25 => &["bid_price_1", "ask_price_1", "bid_amount_1", "ask_amount_1"],
        Quotes | BookTicker => &["bid_price", "ask_price", "bid_amount", "ask_amount"],
        DerivativeTicker => &["mark_price", "index_price", "last_price"],
        Liquidations | OptionsChain => &[],
    }
}

/// How many decimals a number has, the nearest float to which this is.
fn decimals(value: f64) -> usize {
    const POWERS: [f64; MOST] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12];
    POWERS.iter().position(|power| (value * power).round() / power == value).unwrap_or(MOST)
}

/// How many values have how many decimals.
#[derive(Clone, Copy, Debug, Default)]
struct Digits {
    counts: [u64; MOST + 1],
    values: u64,
}

impl Digits {
    /// Counts a value; gives how many decimals it has.
    fn add(&mut self, value: f64) -> usize {
        let decimals = decimals(value);
        self.counts[decimals] += 1;
        self.values += 1;
        decimals
    }

    fn most(&self) -> usize {
        self.counts.iter().rposition(|count| *count > 0).unwrap_or_default()
    }

    /// How many of so many values should have more decimals than a number of them.
    fn expected(&self, more_than: usize, of: u64) -> f64 {
        let above: u64 = self.counts[more_than + 1..].iter().sum();
        above as f64 * of as f64 / self.values.max(1) as f64
    }
}

/// A piece of the day: when it begins, its values, and their most decimals.
#[derive(Clone, Copy)]
struct Piece {
    from_us: i64,
    to_us: i64,
    values: u64,
    most: usize,
}

struct Cells {
    name: &'static str,
    above: Option<f64>,
    before: Digits,
    /// Values with more decimals than any of the day before that a float of 32 bits holds: it added the digits.
    narrow: u64,
    day: Digits,
    now: Digits,
    from_us: i64,
    to_us: i64,
    pieces: Vec<Piece>,
}

impl Cells {
    fn rows(&mut self, rows: &Rows<'_>) {
        let array: &Float64Array = rows.number(self.name);
        for (row, at_us) in rows.arrival().iter().enumerate() {
            let place = rows.place(row);
            if (place >= ALL_ROWS && !place.is_multiple_of(16)) || array.is_null(row) {
                continue;
            }
            let value = array.value(row);
            if self.above.replace(value) == Some(value) || !value.is_finite() {
                continue;
            }
            if self.now.values == 0 {
                self.from_us = *at_us;
            }
            self.to_us = *at_us;
            let decimals = self.now.add(value);
            let is_narrow = self.before.values > 0 && f64::from(value as f32) == value;
            self.narrow += u64::from(is_narrow && decimals > self.before.most());
            if self.now.values == PIECE {
                self.end();
            }
        }
    }

    /// Ends a piece.
    fn end(&mut self) {
        let Digits { counts, values } = std::mem::take(&mut self.now);
        let most = Digits { counts, values }.most();
        self.day.counts.iter_mut().zip(counts).for_each(|(all, count)| *all += count);
        self.day.values += values;
        let (from_us, to_us) = (self.from_us, self.to_us);
        self.pieces.push(Piece { from_us, to_us, values, most });
    }
}

struct Precision {
    min_expected: f64,
    min_values: u64,
    /// Decimals of the tick.
    tick: Option<usize>,
    cells: Vec<Cells>,
}

impl Precision {
    fn of(scope: &CheckInput<'_>) -> Precision {
        let cells = |name: &&'static str| {
            let mut cells = Cells {
                name,
                above: None,
                before: Digits::default(),
                narrow: 0,
                day: Digits::default(),
                now: Digits::default(),
                from_us: 0,
                to_us: 0,
                pieces: Vec::new(),
            };
            for batch in &scope.context.before {
                // What is of another shape is the matter of that day's check.
                if let Ok(rows) = Rows::new(scope.data_type, batch, 0) {
                    cells.rows(&rows);
                }
            }
            cells.end();
            cells.before = std::mem::take(&mut cells.day);
            cells.pieces.clear();
            cells
        };
        Precision {
            min_expected: scope.values.get("min_expected"),
            min_values: scope.values.get("min_values") as u64,
            tick: scope.context.tick_size.filter(|tick| *tick > 0.0).map(decimals).filter(|d| *d < MOST),
            cells: columns(scope.data_type).iter().map(cells).collect(),
        }
    }

    fn judge(&self, cells: &Cells) -> Option<Detection> {
        let (day, before, name) = (&cells.day, &cells.before, cells.name);
        if day.values < self.min_values {
            return None;
        }
        let most = day.most();
        let (first, last) = (cells.pieces.first()?.from_us, cells.pieces.last()?.to_us);
        let mut tally = Tally::default();
        if before.values > 0 && before.expected(most, day.values) >= self.min_expected {
            tally.note(first, || {
                let share = 100.0 * before.expected(most, 1);
                format!("{name} has at most {most} decimals; {share:.0} % of the day before have more")
            });
            tally.add(day.values - 1);
            tally.reach(last);
            return tally.found().pop();
        }
        let (narrow, known) = (cells.narrow, before.most());
        if narrow as f64 >= self.min_expected {
            tally.note(first, || {
                format!("{name} has more than {known} decimals, the most of the day before, in {narrow} values, all of 32 bits")
            });
            tally.add(narrow - 1);
            tally.reach(last);
            return tally.found().pop();
        }
        let is_price = name.contains("price") && !matches!(name, "mark_price" | "index_price");
        if let Some(tick) = self.tick.filter(|tick| before.values == 0 && is_price && *tick > most) {
            tally.note(first, || format!("{name} has at most {most} decimals, the tick size {tick}"));
            tally.add(day.values - 1);
            tally.reach(last);
            return tally.found().pop();
        }
        for piece in &cells.pieces {
            // What a piece lacks the others must have: it does not count itself.
            let rest = Digits { counts: day.counts, values: (day.values - piece.values).max(1) };
            if piece.values >= self.min_values && rest.expected(piece.most, piece.values) >= self.min_expected
            {
                tally.note(piece.from_us, || {
                    let from = moment(piece.from_us);
                    format!(
                        "{name} has at most {} decimals in {} values from {from} on",
                        piece.most, piece.values
                    )
                });
                tally.add(piece.values - 1);
                tally.reach(piece.to_us);
            }
        }
        tally.found().pop()
    }
}

impl RowCheck for Precision {
    fn rows(&mut self, rows: &Rows<'_>) {
        self.cells.iter_mut().for_each(|cells| cells.rows(rows));
    }

    /// Nothing before the end: what a day's numbers have shows only then.
    fn found(&mut self) -> Vec<Detection> {
        Vec::new()
    }

    fn finish(mut self: Box<Self>) -> Vec<Detection> {
        self.cells.iter_mut().for_each(Cells::end);
        self.cells.iter().filter_map(|cells| self.judge(cells)).collect()
    }
}
