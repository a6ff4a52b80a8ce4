//! Clocks and repeated rows.

use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasherDefault;

use super::finding::{duration, moment};
use super::rows::Itself;
use super::{Check, Found, Group, Parameter, RowCheck, Rows, Run, Scope, Severity, Tally};
use crate::day::Day;
use crate::table::DataType;

/// Rows of which [`Repeated`] remembers a hash.
const WINDOW: usize = 1 << 16;

/// The checks of this module.
pub const CHECKS: &[Check] = &[
    Check {
        name: "arrival_clock",
        group: Group::Timestamp,
        severity: Severity::Error,
        parameters: &[],
        text: "`local_timestamp` of a row lies before that of the row above. The vendor promises that it never does; slices of \
               time and books that are replayed from such a file are wrong.",
        run: Run::Rows(&DataType::ALL, |_| Box::new(Regressions::of(Clock::Arrival))),
    },
    Check {
        name: "exchange_clock",
        group: Group::Timestamp,
        severity: Severity::Info,
        parameters: &[],
        text: "`timestamp` of a row lies before that of the row above. Exchanges do not promise otherwise, so that it is \
               counted and no fault. The examples tell by how much.",
        run: Run::Rows(&DataType::ALL, |_| Box::new(Regressions::of(Clock::Exchange))),
    },
    Check {
        name: "clock_skew",
        group: Group::Timestamp,
        severity: Severity::Warning,
        parameters: &[Parameter {
            name: "max_ahead_ms",
            default: 5_000.0,
            unit: "milliseconds",
            meaning: "how far `timestamp` may lie after `local_timestamp`",
        }],
        text: "A row arrived before the exchange says that it happened, by more than clocks differ. Recorders whose clock was \
               1.3 s behind are known; the default lets those pass.",
        run: Run::Rows(&DataType::ALL, |scope| Box::new(Skew::of(scope))),
    },
    Check {
        name: "outside_day",
        group: Group::Timestamp,
        severity: Severity::Error,
        parameters: &[],
        text: "A row of a day's file arrived (`local_timestamp`) on another UTC day. `timestamp` may well lie on another day: \
               files are cut by arrival. Where a file does not say its day, this is not looked at.",
        run: Run::Rows(&DataType::ALL, |scope| Box::new(Outside { day: scope.day, tally: Tally::default() })),
    },
    Check {
        name: "repeated_row",
        group: Group::Timestamp,
        severity: Severity::Warning,
        parameters: &[],
        text: "A row is equal in every column, both clocks included, to one of the 65,536 rows above it; a 64-bit hash of each \
               is kept. Trades and liquidations without an id are left out: two of one price and amount in one message are \
               two. Rows that are repeated further down make the arrival clock go back, which `arrival_clock` finds.",
        run: Run::Rows(&DataType::ALL, |_| Box::new(Repeated::default())),
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

    fn found(&mut self) -> Vec<Found> {
        self.tally.take()
    }
}

struct Skew {
    max_ahead_us: i64,
    tally: Tally,
}

impl Skew {
    fn of(scope: &Scope<'_>) -> Skew {
        Skew { max_ahead_us: (scope.values.get("max_ahead_ms") * 1e3) as i64, tally: Tally::default() }
    }
}

impl RowCheck for Skew {
    fn rows(&mut self, rows: &Rows<'_>) {
        for (row, (exchange, arrival)) in rows.exchange_time().iter().zip(rows.arrival()).enumerate() {
            let ahead = exchange.saturating_sub(*arrival);
            if ahead > self.max_ahead_us {
                self.tally.note(*arrival, || {
                    format!(
                        "row {}: arrived {} before {}",
                        rows.place(row),
                        duration(ahead),
                        moment(*exchange)
                    )
                });
            }
        }
    }

    fn found(&mut self) -> Vec<Found> {
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

    fn found(&mut self) -> Vec<Found> {
        self.tally.take()
    }
}

/// Hashes of the rows above, in order and by value.
#[derive(Default)]
struct Repeated {
    order: VecDeque<u64>,
    counts: HashMap<u64, u32, BuildHasherDefault<Itself>>,
    tally: Tally,
}

impl RowCheck for Repeated {
    fn rows(&mut self, rows: &Rows<'_>) {
        let has_ids = matches!(rows.data_type(), DataType::Trades | DataType::Liquidations);
        let ids = has_ids.then(|| rows.text("id"));
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
            if self.order.len() > WINDOW {
                self.forget();
            }
        }
    }

    fn found(&mut self) -> Vec<Found> {
        self.tally.take()
    }
}

impl Repeated {
    fn forget(&mut self) {
        let Some(oldest) = self.order.pop_front() else { return };
        match self.counts.get_mut(&oldest) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(self.counts.remove(&oldest)),
        }
    }
}
