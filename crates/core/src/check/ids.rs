//! Trade ids: repetitions, and gaps on venues with sequential ids.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::hash::BuildHasherDefault;

use arrow_array::{Array, StringArray};

use super::rows::{Itself, hash_text};
use super::{
    Check, CheckFn, CheckInput, Detection, Explanation, Group, Parameter, Parameters, RowCheck, Rows,
    Severity, Tally,
};
use crate::table::DataType;

/// What is known about the trade ids of a venue.
#[derive(Clone, Copy, Debug)]
pub struct SequentialIds {
    /// The venue.
    pub venue: &'static str,
    /// What an id between others that does not occur proves.
    pub hole: Hole,
    /// How it is known.
    pub evidence: &'static str,
}

/// What an id that does not occur proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hole {
    /// A trade was lost.
    IsALoss,
    /// Nothing by itself: the vendor leaves out events that use up ids.
    MayBeNoTrade,
}

/// The venues whose trades of a symbol have consecutive ids. Add a venue only with evidence: a wrong entry causes false findings
/// every day.
pub const SEQUENTIAL_VENUES: [SequentialIds; 3] = [
    SequentialIds {
        venue: "BINANCE",
        hole: Hole::IsALoss,
        evidence: "Binance documents consecutive ids of spot trades; 9,757 recorded `@trade` messages of BTCUSDT (2024-08-08) have \
                   no hole",
    },
    SequentialIds {
        venue: "BINANCE-FUTURES",
        hole: Hole::MayBeNoTrade,
        evidence: "the vendor's mapper skips `@trade` messages whose `X` is INSURANCE_FUND, ADL or NA, and these have ids; 21,313 \
                   recorded messages of BTCUSDT (2024-08-08), all MARKET, and 9,999 trades of the vendor (2020-02-22) have no \
                   hole, so that with 95 % confidence fewer than one id in 10,000 is left out",
    },
    SequentialIds {
        venue: "BINANCE-DELIVERY",
        hole: Hole::MayBeNoTrade,
        evidence: "the mapper of BINANCE-FUTURES is its mapper too; nothing is recorded of it",
    },
];

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
            if rule_of(input).is_some() { Box::new(Repeats::default()) } else { Box::new(Window::default()) }
        }),
    },
    Check {
        name: "missing_trade_id",
        group: Group::Timestamp,
        severity: Severity::Error,
        parameters: &[
            Parameter {
                name: "few",
                default: 10.0,
                unit: "ids",
                meaning: "on BINANCE-FUTURES and BINANCE-DELIVERY, the longest hole that is information, and as many ids in all",
            },
            Parameter {
                name: "few_pct",
                default: 0.1,
                unit: "percent of the day's ids",
                meaning: "on the same venues, more ids in all are information up to this share",
            },
        ],
        text: "On venues with sequential ids (BINANCE, BINANCE-FUTURES, BINANCE-DELIVERY), a number between the \
               smallest and the largest id of the day does not occur. On BINANCE a trade was lost: an error. On \
               BINANCE-FUTURES and BINANCE-DELIVERY the vendor leaves out trades of the insurance fund and of \
               automatic deleveraging, which use up ids: a few missing ids are `info`, explained as `off_market`, more \
               are a warning; that trades were lost is an error of `lost_trades`, where the exchange's klines have \
               more. In 31,312 recorded ids of BINANCE-FUTURES none is missing; the thresholds are ten times what that \
               allows with 95 % confidence. A trade that arrives late is not missing. Losses before the first or after \
               the last trade of a day cannot be detected. An id that is not a whole number is counted too, as an \
               error.",
        run: CheckFn::Rows(&[DataType::Trades], |input| match rule_of(input) {
            Some(rule) => Box::new(Holes::of(rule.hole, &input.values)),
            None => Box::new(Nothing),
        }),
    },
];

fn rule_of(input: &CheckInput<'_>) -> Option<&'static SequentialIds> {
    SEQUENTIAL_VENUES.iter().find(|rule| rule.venue == input.venue())
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
    /// Number of ids in all closed gaps, and in the longest of them.
    given_up_numbers: u64,
    longest_given_up: u64,
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
            self.longest_given_up = self.longest_given_up.max(end - first + 1);
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
struct Holes {
    hole: Hole,
    few: u64,
    few_share: f64,
    sequence: Sequence,
    first: Option<u64>,
    /// Ids that are no numbers.
    no_numbers: Tally,
}

impl Holes {
    fn of(hole: Hole, values: &Parameters) -> Holes {
        Holes {
            hole,
            few: values.get("few") as u64,
            few_share: values.get("few_pct") / 100.0,
            sequence: Sequence::default(),
            first: None,
            no_numbers: Tally::default(),
        }
    }

    /// The severity of holes, and their cause where it is no loss; `None` for the check's own.
    fn judge(&self, longest: u64, missing: u64) -> (Option<Severity>, Option<Explanation>) {
        if self.hole == Hole::IsALoss {
            return (None, None);
        }
        let ids =
            self.sequence.last.zip(self.first).map_or(0, |(last, first)| last.saturating_sub(first) + 1);
        let is_few =
            longest <= self.few && (missing <= self.few || missing as f64 <= self.few_share * ids as f64);
        if !is_few {
            return (Some(Severity::Warning), None);
        }
        let text = "the vendor leaves out trades of the insurance fund and of automatic deleveraging, which use up ids";
        (Some(Severity::Info), Some(Explanation { class: "off_market", text: text.to_owned() }))
    }
}

impl RowCheck for Holes {
    fn rows(&mut self, rows: &Rows<'_>) {
        let arrival = rows.arrival();
        for (row, number) in numbers(rows.text("id")) {
            match number {
                Ok(number) => {
                    self.first.get_or_insert(number);
                    self.sequence.add(number, arrival[row]);
                }
                Err(text) => {
                    self.no_numbers.note(arrival[row], || {
                        format!("row {}: id `{text}` is not a whole number", rows.place(row))
                    });
                }
            }
        }
    }

    /// Gaps are not reported before the end, because late trades may fill them.
    fn found(&mut self) -> Vec<Detection> {
        self.no_numbers.take()
    }

    fn finish(mut self: Box<Self>) -> Vec<Detection> {
        let Sequence { holes, given_up, given_up_numbers, longest_given_up, last } =
            std::mem::take(&mut self.sequence);
        self.sequence.last = last;
        let open = holes.into_iter().map(|(first, (end, at))| (first, end, at));
        let mut tally = Tally::default();
        let shown_before: u64 = given_up.iter().map(|(first, end, _)| end - first + 1).sum();
        let mut further = given_up_numbers - shown_before;
        let mut longest = longest_given_up;
        for (first, end, at) in given_up.into_iter().chain(open) {
            let missing = end - first + 1;
            longest = longest.max(missing);
            tally.note(at, || {
                if missing == 1 {
                    format!("id {first}")
                } else {
                    format!("ids {first} to {end}, {missing} of them")
                }
            });
            further += missing - 1;
        }
        tally.add(further);
        let mut all = self.no_numbers.take();
        for found in tally.found() {
            let (severity, explanation) = self.judge(longest, found.count);
            all.push(Detection { severity, explanation, ..found });
        }
        all
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
