//! Trade ids: repeated ones, and holes where a venue counts its trades.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::hash::BuildHasherDefault;

use arrow_array::{Array, StringArray};

use super::rows::{Itself, hash_text};
use super::{Check, CheckFn, CheckInput, Detection, Group, RowCheck, Rows, Severity, Tally};
use crate::table::DataType;

/// Venues that give each trade of a symbol the whole number after that of the trade before. Binance documents it for
/// its spot and futures markets, and 9,999 recorded trades of BINANCE-FUTURES show it. Others are added when recorded
/// data shows it: a wrong entry here cries wolf every day.
pub const SEQUENTIAL_VENUES: [&str; 3] = ["BINANCE", "BINANCE-FUTURES", "BINANCE-DELIVERY"];

/// Ids of which [`Window`] remembers a hash, on venues that do not count their trades.
const WINDOW: usize = 1 << 16;

/// Holes that [`Sequence`] keeps open for trades that come late. The oldest is closed as missing when there are more.
const OPEN_HOLES: usize = 1 << 16;

/// The checks of this module.
pub const CHECKS: &[Check] = &[
    Check {
        name: "repeated_trade_id",
        group: Group::Timestamp,
        severity: Severity::Warning,
        parameters: &[],
        text: "A trade has the id of an earlier trade of the day. Exchanges send the last trades once more after a \
               reconnection; volumes that are summed from them count twice. On venues that count their trades (BINANCE, \
               BINANCE-FUTURES, BINANCE-DELIVERY) every repetition in the day is found, on others those of the last 65,536 ids. \
               Trades without id are not looked at.",
        run: CheckFn::Rows(&[DataType::Trades], |scope| {
            if is_sequential(scope) { Box::new(Repeats::default()) } else { Box::new(Window::default()) }
        }),
    },
    Check {
        name: "missing_trade_id",
        group: Group::Timestamp,
        severity: Severity::Error,
        parameters: &[],
        text: "On venues that count their trades (BINANCE, BINANCE-FUTURES, BINANCE-DELIVERY) a number between the smallest and the \
               largest id of the day does not occur: a trade was lost. Trades that only come late are none. What is lost \
               before the first or after the last trade of a day cannot be seen. An id there that is no whole number counts \
               as well.",
        run: CheckFn::Rows(&[DataType::Trades], |scope| {
            if is_sequential(scope) { Box::new(Holes::default()) } else { Box::new(Nothing) }
        }),
    },
];

fn is_sequential(scope: &CheckInput<'_>) -> bool {
    SEQUENTIAL_VENUES.contains(&scope.venue())
}

/// What a number is to the numbers before it.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    /// New, or late where it was missing.
    New,
    /// It was there before.
    Again,
}

/// The numbers of a day: the largest, and the holes below it.
#[derive(Default)]
struct Sequence {
    last: Option<u64>,
    /// First number that is missing → last number that is missing, and when the hole was seen.
    holes: BTreeMap<u64, (u64, i64)>,
    /// Holes that were closed as missing because there were too many.
    given_up: Vec<(u64, u64, i64)>,
    given_up_numbers: u64,
}

impl Sequence {
    fn take(&mut self, number: u64, at_us: i64) -> Place {
        let Some(last) = self.last else {
            self.last = Some(number);
            return Place::New;
        };
        if number > last {
            if number > last + 1 {
                self.open(last + 1, number - 1, at_us);
            }
            self.last = Some(number);
            return Place::New;
        }
        let hole = self.holes.range(..=number).next_back().map(|(first, (end, at))| (*first, *end, *at));
        match hole.filter(|(_, end, _)| number <= *end) {
            None => Place::Again,
            Some((first, end, at)) => {
                self.holes.remove(&first);
                if first < number {
                    self.holes.insert(first, (number - 1, at));
                }
                if number < end {
                    self.holes.insert(number + 1, (end, at));
                }
                Place::New
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

/// Ids that are whole numbers, each with its row; nothing where there is no id.
fn numbers(ids: &StringArray) -> impl Iterator<Item = (usize, Result<u64, &str>)> {
    (0..ids.len()).filter(|row| ids.is_valid(*row)).map(|row| {
        let text = ids.value(row);
        (row, text.parse().map_err(|_| text))
    })
}

/// Numbers that come again.
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
            if self.sequence.take(number, arrival[row]) == Place::Again {
                self.tally.note(arrival[row], || format!("row {}: id {number}", rows.place(row)));
            }
        }
    }

    fn found(&mut self) -> Vec<Detection> {
        self.tally.take()
    }
}

/// Numbers that never come.
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
                Ok(number) => drop(self.sequence.take(number, arrival[row])),
                Err(text) => {
                    self.tally.note(arrival[row], || {
                        format!("row {}: id `{text}` is no whole number", rows.place(row))
                    });
                }
            }
        }
    }

    /// Nothing of holes: they may be filled by trades that come late.
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
            self.tally.note(at, || match missing {
                1 => format!("id {first}"),
                _ => format!("ids {first} to {end}, {missing} of them"),
            });
            numbers += missing - 1;
        }
        self.tally.add(numbers);
        self.tally.found()
    }
}

/// Ids of any form that come again within a window.
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

/// For venues of which nothing can be said.
struct Nothing;

impl RowCheck for Nothing {
    fn rows(&mut self, _: &Rows<'_>) {}

    fn found(&mut self) -> Vec<Detection> {
        Vec::new()
    }
}
