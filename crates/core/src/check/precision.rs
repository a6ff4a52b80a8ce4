//! Numbers with fewer decimals than expected.

use arrow_array::{Array, Float64Array};

use super::finding::moment;
use super::{Check, CheckFn, CheckInput, Detection, Group, Parameter, RowCheck, Rows, Severity, Tally};
use crate::table::DataType::{self, *};

/// Numbers with this many decimals or more are counted together.
const MOST: usize = 13;

/// Values per block. Each block is compared with the whole day.
const PIECE: u64 = 1024;

/// Every value is examined up to this row, then every sixteenth.
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
            meaning: "the smallest expected number of values with more decimals, by their share before",
        },
        Parameter {
            name: "min_values",
            default: 100.0,
            unit: "values",
            meaning: "with fewer values that differ from the one above, nothing is reported",
        },
    ],
    text: "Prices or amounts have fewer decimals than the last rows of the day before, if the lake has it: they were \
           rounded or stored in a narrower type. Digits added by a conversion to 32-bit floats are reported too. A \
           value that repeats the one above is not counted. Each block of 1,024 values is compared with the whole day \
           in the same way. Without a day before, prices are compared with the tick size of the instrument table: \
           reported if every price is a multiple of ten ticks. An exchange that increases its tick size is reported \
           once.",
    run: CheckFn::Rows(
        &[Trades, IncrementalBookL2, BookSnapshot5, BookSnapshot25, Quotes, BookTicker, DerivativeTicker],
        |input| Box::new(Precision::of(input)),
    ),
}];

fn columns(data_type: DataType) -> &'static [&'static str] {
    match data_type {
        Trades | IncrementalBookL2 => &["price", "amount"],
        BookSnapshot5 | BookSnapshot25 => &["bid_price_1", "ask_price_1", "bid_amount_1", "ask_amount_1"],
        Quotes | BookTicker => &["bid_price", "ask_price", "bid_amount", "ask_amount"],
        DerivativeTicker => &["mark_price", "index_price", "last_price"],
        // Types that are not examined.
        _ => &[],
    }
}

/// The number of decimals of the shortest decimal number whose nearest float is `value`.
fn decimals(value: f64) -> usize {
    const POWERS: [f64; MOST] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12];
    POWERS.iter().position(|power| (value * power).round() / power == value).unwrap_or(MOST)
}

/// A histogram of the number of decimals.
#[derive(Clone, Copy, Debug, Default)]
struct Digits {
    counts: [u64; MOST + 1],
    values: u64,
}

impl Digits {
    /// Counts a value and returns its number of decimals.
    fn add(&mut self, value: f64) -> usize {
        let decimals = decimals(value);
        self.counts[decimals] += 1;
        self.values += 1;
        decimals
    }

    fn most(&self) -> usize {
        self.counts.iter().rposition(|count| *count > 0).unwrap_or_default()
    }

    /// The expected number of values with more than `decimals` decimals among `values` values.
    fn expected(&self, decimals: usize, values: u64) -> f64 {
        let above: u64 = self.counts[decimals + 1..].iter().sum();
        above as f64 * values as f64 / self.values.max(1) as f64
    }
}

/// A block of the day: its time range, its number of values, and their largest number of decimals.
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
    /// Values with more decimals than any of the day before that are exact 32-bit floats: the conversion added the digits.
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
                self.end_piece();
            }
        }
    }

    /// Ends a block.
    fn end_piece(&mut self) {
        let Digits { counts, values } = std::mem::take(&mut self.now);
        let most = Digits { counts, values }.most();
        for (all, count) in self.day.counts.iter_mut().zip(counts) {
            *all += count;
        }
        self.day.values += values;
        let (from_us, to_us) = (self.from_us, self.to_us);
        self.pieces.push(Piece { from_us, to_us, values, most });
    }
}

struct Precision {
    min_expected: f64,
    min_values: u64,
    /// Number of decimals of the tick size; `None` if unknown.
    tick: Option<usize>,
    cells: Vec<Cells>,
}

impl Precision {
    fn of(input: &CheckInput<'_>) -> Precision {
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
            for batch in &input.context.before {
                // Wrong columns are reported by the check of that day.
                if let Ok(rows) = Rows::new(input.data_type, batch, 0) {
                    cells.rows(&rows);
                }
            }
            cells.end_piece();
            cells.before = std::mem::take(&mut cells.day);
            cells.pieces.clear();
            cells
        };
        Precision {
            min_expected: input.values.get("min_expected"),
            min_values: input.values.get("min_values") as u64,
            tick: input.context.tick_size.filter(|tick| *tick > 0.0).map(decimals).filter(|d| *d < MOST),
            cells: columns(input.data_type).iter().map(cells).collect(),
        }
    }

    fn detect(&self, cells: &Cells) -> Option<Detection> {
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
                format!("{name} has more than {known} decimals, the most of the day before, in {narrow} values that are 32-bit floats")
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
            // The block is compared with the rest of the day, without itself.
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
        for cells in &mut self.cells {
            cells.rows(rows);
        }
    }

    /// Nothing before the end: the decimals of the whole day are known only then.
    fn found(&mut self) -> Vec<Detection> {
        Vec::new()
    }

    fn finish(mut self: Box<Self>) -> Vec<Detection> {
        self.cells.iter_mut().for_each(Cells::end_piece);
        self.cells.iter().filter_map(|cells| self.detect(cells)).collect()
    }
}
