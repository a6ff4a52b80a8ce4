//! Clocks and repeated rows.

use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasherDefault;

use super::finding::{duration, moment};
use super::rows::Itself;
use super::{Check, CheckFn, CheckInput, Detection, Group, Parameter, RowCheck, Rows, Severity, Tally};
use crate::day::Day;
use crate::table::DataType;

/// Number of rows with ids whose hashes [`Repeated`] keeps.
const WINDOW: usize = 1 << 16;

/// Number of exchange timestamps that [`Skew`] keeps.
const MOMENTS: usize = 64;

/// The checks of this module.
pub const CHECKS: &[Check] = &[
    Check {
        name: "arrival_clock",
        group: Group::Timestamp,
        severity: Severity::Error,
        parameters: &[],
        text: "`local_timestamp` of a row is earlier than that of the row above. The vendor guarantees that it never \
               decreases. Time slices and book replays of such a file are wrong.",
        run: CheckFn::Rows(&DataType::ALL, |_| Box::new(Regressions::of(Clock::Arrival))),
    },
    Check {
        name: "exchange_clock",
        group: Group::Timestamp,
        severity: Severity::Info,
        parameters: &[],
        text: "`timestamp` of a row is earlier than that of the row above. Exchanges do not guarantee an order, so \
               this is counted and is not a fault. The examples show by how much.",
        run: CheckFn::Rows(&DataType::ALL, |_| Box::new(Regressions::of(Clock::Exchange))),
    },
    Check {
        name: "clock_skew",
        group: Group::Timestamp,
        severity: Severity::Warning,
        parameters: &[
            Parameter {
                name: "max_ahead_ms",
                default: 5_000.0,
                unit: "milliseconds",
                meaning: "how far `timestamp` may be after `local_timestamp`",
            },
            Parameter {
                name: "max_behind_ms",
                default: 60_000.0,
                unit: "milliseconds",
                meaning: "how far `timestamp` may be before `local_timestamp`",
            },
        ],
        text: "`timestamp` is later than `local_timestamp` by more than clocks usually differ, or earlier by more \
               than the network and a busy exchange explain. Recorders with a clock 1.3 s behind are known; the \
               default accepts them. Exchanges resend data with its original `timestamp`: trades after a \
               reconnection, books at any time. `max_behind_ms` therefore ignores a row whose `timestamp` is one of \
               the last 64 distinct ones, snapshot rows, and the first row of books and quotes. A constant offset is \
               reported by `clock_offset`.",
        run: CheckFn::Rows(&DataType::ALL, |input| Box::new(Skew::of(input))),
    },
    Check {
        name: "outside_day",
        group: Group::Timestamp,
        severity: Severity::Error,
        parameters: &[],
        text: "A row of a day's file arrived (`local_timestamp`) on another UTC day. `timestamp` may be on another \
               day, because files are split by arrival. Skipped if the file does not state its day.",
        run: CheckFn::Rows(&DataType::ALL, |input| {
            Box::new(Outside { day: input.day, tally: Tally::default() })
        }),
    },
    Check {
        name: "repeated_row",
        group: Group::Timestamp,
        severity: Severity::Warning,
        parameters: &[],
        text: "A row equals an earlier one in every column, including both timestamps: of trades and liquidations one \
               of the 65,536 rows above it, of all other data types the row directly above. Those have no id, and a \
               book that changes and changes back within a microsecond gives equal rows with others between. Trades \
               and liquidations without an id are skipped: two with the same price and amount in one message are two \
               trades. Rows are compared by 64-bit hashes. A repetition further down makes the arrival clock go back, \
               which `arrival_clock` reports.",
        run: CheckFn::Rows(&DataType::ALL, |input| Box::new(Repeated::of(input.data_type))),
    },
];

#[derive(Clone, Copy, PartialEq)]
enum Clock {
    Arrival,
    Exchange,
}

struct Regressions {
    clock: Clock,
    before_us: Option<i64>,
    tally: Tally,
}

impl Regressions {
    fn of(clock: Clock) -> Regressions {
        Regressions { clock, before_us: None, tally: Tally::default() }
    }
}

impl RowCheck for Regressions {
    fn rows(&mut self, rows: &Rows<'_>) {
        let arrival = rows.arrival();
        let times = if self.clock == Clock::Arrival { arrival } else { rows.exchange_time() };
        for (row, us) in times.iter().copied().enumerate() {
            if let Some(before) = self.before_us.filter(|before| us < *before) {
                self.tally.note(arrival[row], || {
                    format!(
                        "row {}: {} is {} before the row above",
                        rows.place(row),
                        moment(us),
                        duration(before - us)
                    )
                });
            }
            self.before_us = Some(us);
        }
    }

    fn found(&mut self) -> Vec<Detection> {
        self.tally.take()
    }
}

struct Skew {
    max_ahead_us: i64,
    max_behind_us: i64,
    /// The last exchange timestamps, without those that were reported.
    moments: VecDeque<i64>,
    is_book: bool,
    tally: Tally,
}

impl Skew {
    fn of(input: &CheckInput<'_>) -> Skew {
        let us = |name| (input.values.get(name) * 1e3) as i64;
        let (max_ahead_us, max_behind_us) = (us("max_ahead_ms"), us("max_behind_ms"));
        let is_book = input.data_type.is_book();
        let moments = VecDeque::with_capacity(MOMENTS);
        Skew { max_ahead_us, max_behind_us, moments, is_book, tally: Tally::default() }
    }

    /// Whether a row may be older data that the exchange sent again.
    fn is_resent(&self, exchange_us: i64, is_snapshot: bool) -> bool {
        let is_first = self.moments.is_empty() && self.is_book;
        is_first || is_snapshot || self.moments.contains(&exchange_us)
    }

    fn remember(&mut self, exchange_us: i64) {
        if self.moments.back() == Some(&exchange_us) {
            return;
        }
        if self.moments.len() == MOMENTS {
            self.moments.pop_front();
        }
        self.moments.push_back(exchange_us);
    }
}

impl RowCheck for Skew {
    fn rows(&mut self, rows: &Rows<'_>) {
        let flags = (rows.data_type() == DataType::IncrementalBookL2).then(|| rows.flag("is_snapshot"));
        for (row, (exchange, arrival)) in rows.exchange_time().iter().zip(rows.arrival()).enumerate() {
            let ahead = exchange.saturating_sub(*arrival);
            let is_snapshot = flags.is_some_and(|flags| flags.value(row));
            let (word, length) = if ahead > self.max_ahead_us {
                ("before", ahead)
            } else if ahead < -self.max_behind_us && !self.is_resent(*exchange, is_snapshot) {
                ("after", ahead.saturating_neg())
            } else {
                self.remember(*exchange);
                continue;
            };
            self.tally.note(*arrival, || {
                let length = duration(length);
                format!("row {}: arrived {length} {word} {}", rows.place(row), moment(*exchange))
            });
        }
    }

    fn found(&mut self) -> Vec<Detection> {
        self.tally.take()
    }
}

struct Outside {
    day: Option<Day>,
    tally: Tally,
}

impl RowCheck for Outside {
    fn rows(&mut self, rows: &Rows<'_>) {
        let Some(day) = self.day else { return };
        let within = day.start_us()..day.end_us();
        for (row, us) in rows.arrival().iter().enumerate() {
            if !within.contains(us) {
                self.tally.note(*us, || format!("row {}: arrived {}", rows.place(row), moment(*us)));
            }
        }
    }

    fn found(&mut self) -> Vec<Detection> {
        self.tally.take()
    }
}

/// Whether rows of a data type can have an id, which tells a repetition from an equal event.
fn has_ids(data_type: DataType) -> bool {
    matches!(data_type, DataType::Trades | DataType::Liquidations)
}

/// Hashes of the rows above, in order and by value.
struct Repeated {
    /// Number of rows that a row is compared with.
    window: usize,
    order: VecDeque<u64>,
    counts: HashMap<u64, u32, BuildHasherDefault<Itself>>,
    tally: Tally,
}

impl RowCheck for Repeated {
    fn rows(&mut self, rows: &Rows<'_>) {
        let ids = has_ids(rows.data_type()).then(|| rows.text("id"));
        let arrival = rows.arrival();
        for (row, hash) in rows.hashes().into_iter().enumerate() {
            if ids.is_some_and(|ids| arrow_array::Array::is_null(ids, row)) {
                continue;
            }
            let count = self.counts.entry(hash).or_default();
            *count += 1;
            if *count > 1 {
                self.tally.note(arrival[row], || {
                    format!("row {}, arrived {}", rows.place(row), moment(arrival[row]))
                });
            }
            self.order.push_back(hash);
            if self.order.len() > self.window {
                self.forget();
            }
        }
    }

    fn found(&mut self) -> Vec<Detection> {
        self.tally.take()
    }
}

impl Repeated {
    fn of(data_type: DataType) -> Repeated {
        let window = if has_ids(data_type) { WINDOW } else { 1 };
        Repeated { window, order: VecDeque::new(), counts: HashMap::default(), tally: Tally::default() }
    }

    fn forget(&mut self) {
        let Some(oldest) = self.order.pop_front() else { return };
        match self.counts.get_mut(&oldest) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(self.counts.remove(&oldest)),
        }
    }
}
