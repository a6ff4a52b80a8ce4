//! Order books by themselves: tops that cross, levels out of order, amounts that cannot be, snapshots that did not come.

use arrow_array::{Array, Float64Array};

use super::finding::moment;
use super::gaps::{Cause, explain};
use super::replay::Replay;
use super::rows::LEVELS;
use super::silence::{Silence, session};
use super::{
    Check, CheckFn, CheckInput, Detection, Explanation, Group, InstrumentDay, Parameter, Parameters,
    RowCheck, Rows, Severity, Tally,
};
use crate::partition::Status;
use crate::table::DataType::{self, *};

/// The checks of this module.
pub const CHECKS: &[Check] = &[
    Check {
        name: "crossed_book",
        group: Group::Book,
        severity: Severity::Error,
        parameters: &[],
        text: "The best bid is not below the best ask: above it the book is crossed, at it locked. Books and quotes that the vendor \
               makes have crossed levels taken out, so that there it is an error. `book_ticker` is told as the exchange sent it, and \
               a book of changes crosses when the exchange missed a removal: there it is a warning, counted once for each message \
               that leaves the book crossed.",
        run: CheckFn::Rows(&[IncrementalBookL2, BookSnapshot5, BookSnapshot25, Quotes, BookTicker], crossed),
    },
    Check {
        name: "level_order",
        group: Group::Book,
        severity: Severity::Error,
        parameters: &[],
        text: "In a book snapshot an ask level is not above the one before it, a bid level is not below it, two levels have the same \
               price, or a level follows one that is lacking. Level 1 is the best.",
        run: CheckFn::Rows(&[BookSnapshot5, BookSnapshot25], |scope| {
            let levels = if scope.data_type == BookSnapshot5 { 5 } else { 25 };
            Box::new(LevelOrder { levels, tally: Tally::default() })
        }),
    },
    Check {
        name: "negative_amount",
        group: Group::Book,
        severity: Severity::Error,
        parameters: &[],
        text: "An amount is below zero. Zero is not looked at: in changes of a book it removes a level, and trades of amount \
               zero have been seen. Prices may be negative, as those of combos are.",
        run: CheckFn::Rows(
            &[Trades, IncrementalBookL2, BookSnapshot5, BookSnapshot25, Quotes, BookTicker, Liquidations],
            |scope| {
                let columns = scope.data_type.table().columns.iter().map(|c| c.name.as_str());
                let amounts = columns.filter(|name| name.contains("amount")).map(str::to_owned).collect();
                Box::new(Negative { amounts, tally: Tally::default() })
            },
        ),
    },
    Check {
        name: "no_snapshot",
        group: Group::Book,
        severity: Severity::Warning,
        parameters: &[Parameter {
            name: "within_s",
            default: 10.0,
            unit: "seconds",
            meaning: "how long after a silence the snapshot may come",
        }],
        text: "Changes of a book without the snapshot that they build on: none on the whole day, or none after a silence (see \
               `silence`), as there must be after the recorder was disconnected. Until the next snapshot the book that is \
               replayed from them may be wrong. A market that only paused needs none: where no other data type had rows \
               either (`no_trading` of `gap`), it is `info`, and after an incident of the vendor a warning all the same.",
        run: CheckFn::Day(&[DataType::IncrementalBookL2], no_snapshot),
    },
];

fn crossed(scope: &CheckInput<'_>) -> Box<dyn RowCheck> {
    let names = |names: [&'static str; 2]| Box::new(CrossedTop { names, tally: Tally::default() });
    match scope.data_type {
        IncrementalBookL2 => {
            let tally = Tally::default().with_severity(Severity::Warning);
            Box::new(CrossedReplay { replay: Replay::default(), tally })
        }
        BookSnapshot5 | BookSnapshot25 => names(["bid_price_1", "ask_price_1"]),
        BookTicker => {
            let tally = Tally::default().with_severity(Severity::Warning);
            Box::new(CrossedTop { names: ["bid_price", "ask_price"], tally })
        }
        _ => names(["bid_price", "ask_price"]),
    }
}

fn crossing(bid: f64, ask: f64) -> String {
    let word = if bid > ask { "crossed" } else { "locked" };
    format!("bid {bid}, ask {ask}: {word}")
}

struct CrossedTop {
    names: [&'static str; 2],
    tally: Tally,
}

impl RowCheck for CrossedTop {
    fn rows(&mut self, rows: &Rows<'_>) {
        let [bids, asks] = self.names.map(|name| rows.number(name));
        for (row, at) in rows.arrival().iter().enumerate() {
            if bids.is_valid(row) && asks.is_valid(row) && bids.value(row) >= asks.value(row) {
                self.tally.note(*at, || {
                    format!("row {}: {}", rows.place(row), crossing(bids.value(row), asks.value(row)))
                });
            }
        }
    }

    fn found(&mut self) -> Vec<Detection> {
        self.tally.take()
    }
}

struct CrossedReplay {
    replay: Replay,
    tally: Tally,
}

impl CrossedReplay {
    fn note(tally: &mut Tally, at: i64, bid: f64, ask: f64) {
        tally.note(at, || format!("after the message of {}: {}", moment(at), crossing(bid, ask)));
    }
}

impl RowCheck for CrossedReplay {
    fn rows(&mut self, rows: &Rows<'_>) {
        let tally = &mut self.tally;
        self.replay.rows(rows, |message| {
            if let Some((bid, ask)) = message.crossing {
                CrossedReplay::note(tally, message.arrival_us, bid, ask);
            }
        });
    }

    fn found(&mut self) -> Vec<Detection> {
        self.tally.take()
    }

    fn finish(mut self: Box<Self>) -> Vec<Detection> {
        let tally = &mut self.tally;
        self.replay.finish(|message| {
            if let Some((bid, ask)) = message.crossing {
                CrossedReplay::note(tally, message.arrival_us, bid, ask);
            }
        });
        self.tally.found()
    }
}

struct LevelOrder {
    levels: usize,
    tally: Tally,
}

impl RowCheck for LevelOrder {
    fn rows(&mut self, rows: &Rows<'_>) {
        let levels = &LEVELS[..self.levels];
        for (side, name, sign) in [("ask", 0, 1.0), ("bid", 2, -1.0)] {
            let prices: Vec<&Float64Array> = levels.iter().map(|names| rows.number(&names[name])).collect();
            for (row, at) in rows.arrival().iter().enumerate() {
                let wrong = (1..self.levels).find(|level| {
                    let (above, this) = (prices[level - 1], prices[*level]);
                    this.is_valid(row)
                        && (above.is_null(row) || sign * this.value(row) <= sign * above.value(row))
                });
                if let Some(level) = wrong {
                    let price = |level: usize| {
                        let known = prices[level].is_valid(row).then(|| prices[level].value(row).to_string());
                        known.unwrap_or_else(|| "none".to_owned())
                    };
                    self.tally.note(*at, || {
                        let (above, this) = (price(level - 1), price(level));
                        format!(
                            "row {}: {side} level {level} is {above}, level {} is {this}",
                            rows.place(row),
                            level + 1
                        )
                    });
                }
            }
        }
    }

    fn found(&mut self) -> Vec<Detection> {
        self.tally.take()
    }
}

struct Negative {
    amounts: Vec<String>,
    tally: Tally,
}

impl RowCheck for Negative {
    fn rows(&mut self, rows: &Rows<'_>) {
        for name in &self.amounts {
            let amounts = rows.number(name);
            for (row, at) in rows.arrival().iter().enumerate() {
                if amounts.is_valid(row) && amounts.value(row) < 0.0 {
                    self.tally
                        .note(*at, || format!("row {}: {name} is {}", rows.place(row), amounts.value(row)));
                }
            }
        }
    }

    fn found(&mut self) -> Vec<Detection> {
        self.tally.take()
    }
}

fn no_snapshot(day: &InstrumentDay<'_>, values: &Parameters) -> Vec<(DataType, Detection)> {
    let within_us = (values.get("within_s") * 1e6) as i64;
    let Some((_, pace)) =
        day.paces().find(|(data_type, pace)| *data_type == IncrementalBookL2 && pace.rows > 0)
    else {
        return Vec::new();
    };
    let mut tally = Tally::default();
    if !pace.has_snapshot {
        let (first, last) = pace.ends_us.unwrap_or_default();
        tally.note(first, || format!("{} changes and no snapshot", pace.rows));
        tally.reach(last);
        return found(tally.with_severity(Severity::Error));
    }
    let mut paused = Tally::default().with_severity(Severity::Info);
    let is_open = |silence: &&Silence| session(day, IncrementalBookL2, silence).is_none();
    for silence in pace.silences.iter().filter(|s| s.is_followed).filter(is_open) {
        let (cause, _) = explain(day, IncrementalBookL2, Status::Stored, silence);
        let tally = if cause == Cause::NoTrading { &mut paused } else { &mut tally };
        if silence.snapshot_us.is_none_or(|us| us - silence.to_us > within_us) {
            tally.note(silence.to_us, || match silence.snapshot_us {
                Some(us) => {
                    format!("changes from {} on, the next snapshot at {}", moment(silence.to_us), moment(us))
                }
                None => format!("changes from {} on, no further snapshot that day", moment(silence.to_us)),
            });
        }
    }
    let paused = found(paused).into_iter().map(|(data_type, found)| {
        let text = "no other data type had rows either: the market may have paused".to_owned();
        let explanation = Some(Explanation { class: Cause::NoTrading.name(), text });
        (data_type, Detection { explanation, ..found })
    });
    found(tally).into_iter().chain(paused).collect()
}

fn found(tally: Tally) -> Vec<(DataType, Detection)> {
    tally.found().into_iter().map(|found| (IncrementalBookL2, found)).collect()
}
