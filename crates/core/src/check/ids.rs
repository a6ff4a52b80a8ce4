//! Trade ids: repetitions, and gaps on venues with sequential ids.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::hash::BuildHasherDefault;

use arrow_array::{Array, StringArray};

use super::rows::{Itself, hash_text};
use super::{Check, CheckFn, CheckInput, Detection, Group, RowCheck, Rows, Severity, Tally};
use crate::table::DataType;

/// Venues with sequential trade ids: each trade of a symbol has the id of the trade before plus one. Binance documents it
/// for its spot and futures markets, and 9,999 recorded trades of BINANCE-FUTURES confirm it. Add a venue only if recorded
/// data confirms it: a wrong entry causes false findings every day.
pub const SEQUENTIAL_VENUES: [&str; 3] = ["BINANCE", "BINANCE-FUTURES", "BINANCE-DELIVERY"];

/// Number of ids whose hashes [`Window`] keeps, for venues without sequential ids.
const WINDOW: usize = 1 << 16;

/// Gaps that [`Sequence`] keeps open for late trades. If there are more, the oldest is closed as missing.
const OPEN_HOLES: usize = 1 << 16;

/// The checks of this module.
pub const CHECKS: &[Check] = &[
    Check {
        name: "repeated_trade_id",
        group: Group::Timestamp,
        severity: Severity::Warning,
        parameters: &[],
        text: "A trade has the id of an earlier trade of the day. Exchanges resend the last trades after a \
               reconnection; whoever sums their volumes counts them twice, which candles do not. On venues with sequential ids (BINANCE, \
               BINANCE-FUTURES, BINANCE-DELIVERY) every repetition of the day is found, on others a repetition within \
               the last 65,536 ids. Trades without an id are skipped.",
        run: CheckFn::Rows(&[DataType::Trades], |input| {
            if is_sequential(input) { Box::new(Repeats::default()) } else { Box::new(Window::default()) }
        }),
    },
    Check {
        name: "missing_trade_id",
        group: Group::Timestamp,
        severity: Severity::Error,
        parameters: &[],
        text: "On venues with sequential ids (BINANCE, BINANCE-FUTURES, BINANCE-DELIVERY), a number between the \
               smallest and the largest id of the day does not occur: a trade was lost. A trade that arrives late is \
               not missing. Losses before the first or after the last trade of a day cannot be detected. An id that \
               is not a whole number is counted too.",
        run: CheckFn::Rows(&[DataType::Trades], |input| {
            if is_sequential(input) { Box::new(Holes::default()) } else { Box::new(Nothing) }
        }),
    },
];

fn is_sequential(input: &CheckInput<'_>) -> bool {
    SEQUENTIAL_VENUES.contains(&input.venue())
}

/// Whether an id occurred before.
#[derive(Debug, PartialEq, Eq)]
enum Occurrence {
    /// First occurrence, in order or late.
    New,
    /// It occurred before.
    Repeated,
}

/// The ids of a day: the largest, and the gaps below it.
#[derive(Default)]
struct Sequence {
    last: Option<u64>,
    /// First missing id → last missing id, and the arrival of the trade after the gap, microseconds.
    holes: BTreeMap<u64, (u64, i64)>,
    /// Gaps that were closed as missing because there were too many; the first ones.
    given_up: Vec<(u64, u64, i64)>,
    /// Number of ids in all closed gaps.
    given_up_numbers: u64,
}

impl Sequence {
    fn add(&mut self, number: u64, at_us: i64) -> Occurrence {
        let Some(last) = self.last else {
            self.last = Some(number);
            return Occurrence::New;
        };
        if number > last {
            if number > last + 1 {
                self.open(last + 1, number - 1, at_us);
            }
            self.last = Some(number);
            return Occurrence::New;
        }
        let hole = self.holes.range(..=number).next_back().map(|(first, (end, at))| (*first, *end, *at));
        match hole.filter(|(_, end, _)| number <= *end) {
            None => Occurrence::Repeated,
            Some((first, end, at)) => {
                self.holes.remove(&first);
                if first < number {
                    self.holes.insert(first, (number - 1, at));
                }
                if number < end {
                    self.holes.insert(number + 1, (end, at));
                }
                Occurrence::New
            }
        }
    }

    fn open(&mut self, first: u64, end: u64, at_us: i64) {
        self.holes.insert(first, (end, at_us));
        if self.holes.len() > OPEN_HOLES
            && let Some((first, (end, at))) = self.holes.pop_first()
        {
            self.given_up_numbers += end - first + 1;
            if self.given_up.len() < super::finding::EXAMPLES {
                self.given_up.push((first, end, at));
            }
        }
    }
}

/// The ids with their rows: a number, or the text of an id that is not one. Rows without an id are skipped.
fn numbers(ids: &StringArray) -> impl Iterator<Item = (usize, Result<u64, &str>)> {
    (0..ids.len()).filter(|row| ids.is_valid(*row)).map(|row| {
        let text = ids.value(row);
        (row, text.parse().map_err(|_| text))
    })
}

/// Detects repeated sequential ids.
#[derive(Default)]
struct Repeats {
    sequence: Sequence,
    tally: Tally,
}

impl RowCheck for Repeats {
    fn rows(&mut self, rows: &Rows<'_>) {
        let arrival = rows.arrival();
        for (row, number) in numbers(rows.text("id")) {
            let Ok(number) = number else { continue };
            if self.sequence.add(number, arrival[row]) == Occurrence::Repeated {
                self.tally.note(arrival[row], || format!("row {}: id {number}", rows.place(row)));
            }
        }
    }

    fn found(&mut self) -> Vec<Detection> {
        self.tally.take()
    }
}

/// Detects missing sequential ids.
#[derive(Default)]
struct Holes {
    sequence: Sequence,
    tally: Tally,
}

impl RowCheck for Holes {
    fn rows(&mut self, rows: &Rows<'_>) {
        let arrival = rows.arrival();
        for (row, number) in numbers(rows.text("id")) {
            match number {
                Ok(number) => drop(self.sequence.add(number, arrival[row])),
                Err(text) => {
                    self.tally.note(arrival[row], || {
                        format!("row {}: id `{text}` is not a whole number", rows.place(row))
                    });
                }
            }
        }
    }

    /// Gaps are not reported before the end, because late trades may fill them.
    fn found(&mut self) -> Vec<Detection> {
        self.tally.take()
    }

    fn finish(mut self: Box<Self>) -> Vec<Detection> {
        let Sequence { holes, given_up, given_up_numbers, .. } = self.sequence;
        let open = holes.into_iter().map(|(first, (end, at))| (first, end, at));
        let mut numbers = given_up_numbers;
        let shown_before: u64 = given_up.iter().map(|(first, end, _)| end - first + 1).sum();
        numbers -= shown_before;
        for (first, end, at) in given_up.into_iter().chain(open) {
            let missing = end - first + 1;
            self.tally.note(at, || {
                if missing == 1 {
                    format!("id {first}")
                } else {
                    format!("ids {first} to {end}, {missing} of them")
                }
            });
            numbers += missing - 1;
        }
        self.tally.add(numbers);
        self.tally.found()
    }
}

/// Detects repeated ids of any form within a window.
#[derive(Default)]
struct Window {
    order: VecDeque<u64>,
    seen: HashSet<u64, BuildHasherDefault<Itself>>,
    tally: Tally,
}

impl RowCheck for Window {
    fn rows(&mut self, rows: &Rows<'_>) {
        let (ids, arrival) = (rows.text("id"), rows.arrival());
        for row in (0..rows.len()).filter(|row| ids.is_valid(*row)) {
            let hash = hash_text(ids.value(row));
            if !self.seen.insert(hash) {
                self.tally.note(arrival[row], || format!("row {}: id {}", rows.place(row), ids.value(row)));
                continue;
            }
            self.order.push_back(hash);
            if self.order.len() > WINDOW
                && let Some(oldest) = self.order.pop_front()
            {
                self.seen.remove(&oldest);
            }
        }
    }

    fn found(&mut self) -> Vec<Detection> {
        self.tally.take()
    }
}

/// For venues without sequential ids: finds nothing.
struct Nothing;

impl RowCheck for Nothing {
    fn rows(&mut self, _: &Rows<'_>) {}

    fn found(&mut self) -> Vec<Detection> {
        Vec::new()
    }
}
