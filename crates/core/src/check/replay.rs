//! Recomputes the data types that the vendor derives from `incremental_book_L2`, and compares them.
//!
//! Rows of one `local_timestamp` are one message. What a message does to the book is [`crate::book`].

use std::collections::VecDeque;

use arrow_array::{Array, Float64Array};

use super::finding::moment;
use super::rows::LEVELS;
use super::{Check, CheckFn, CheckInput, Detection, Group, RowCheck, Rows, Severity, Tally};
use crate::book::{LevelChange, OrderBook};
use crate::table::DataType::{self, *};

/// The checks of this module.
pub const CHECKS: &[Check] = &[
    Check {
        name: "book_snapshot_5_recomputed",
        group: Group::Book,
        severity: Severity::Error,
        parameters: &[],
        text: "`book_snapshot_5` is made again from `incremental_book_L2` by the vendor's rules, and each row is compared: the \
               moment, prices and amounts exactly. A row that lacks, one too many and one that differs count each. It runs where \
               both data types are in the lake. What stands before the day's first snapshot in the changes cannot be made.",
        run: CheckFn::Together(&[IncrementalBookL2, BookSnapshot5], |scope| {
            Box::new(Recomputed::of(scope, 5))
        }),
    },
    Check {
        name: "quotes_recomputed",
        group: Group::Book,
        severity: Severity::Error,
        parameters: &[],
        text: "`quotes` is made again from `incremental_book_L2` by the vendor's rules, and each row is compared: the moment, \
               prices and amounts exactly. A row that lacks, one too many and one that differs count each. It runs where both \
               data types are in the lake. What stands before the day's first snapshot in the changes cannot be made.",
        run: CheckFn::Together(&[IncrementalBookL2, Quotes], |scope| Box::new(Recomputed::of(scope, 1))),
    },
];

/// A book after a message.
pub struct Message<'a> {
    /// When the message arrived, microseconds since the Unix epoch, UTC.
    pub arrival_us: i64,
    /// The exchange's clock, microseconds since the Unix epoch, UTC.
    pub exchange_us: i64,
    /// Best bid and ask where the message left the book crossed or locked.
    pub crossing: Option<(f64, f64)>,
    /// The book after it.
    pub book: &'a OrderBook,
}

/// The rows of one `local_timestamp`: one message.
#[derive(Default)]
struct Pending {
    arrival_us: i64,
    exchange_us: i64,
    changes: Vec<LevelChange>,
}

/// Replays the changes of a book. Memory is that of the book and of one message.
#[derive(Default)]
pub struct Replay {
    book: OrderBook,
    pending: Pending,
}

impl Replay {
    /// Takes rows of `incremental_book_L2`, and gives the book after each message that ended in them.
    pub fn rows(&mut self, rows: &Rows<'_>, mut after: impl FnMut(Message<'_>)) {
        let (flags, sides) = (rows.flag("is_snapshot"), rows.words("side"));
        let (prices, amounts) = (rows.number("price").values(), rows.number("amount").values());
        let exchange = rows.exchange_time();
        for (row, at) in rows.arrival().iter().copied().enumerate() {
            if at != self.pending.arrival_us {
                self.finish(&mut after);
                (self.pending.arrival_us, self.pending.exchange_us) = (at, exchange[row]);
            }
            let is_ask = sides.get(row) == "ask";
            self.pending.changes.push(LevelChange {
                is_snapshot: flags.value(row),
                is_ask,
                price: prices[row],
                amount: amounts[row],
            });
        }
    }

    /// Ends the last message.
    pub fn finish(&mut self, mut after: impl FnMut(Message<'_>)) {
        if self.pending.changes.is_empty() {
            return;
        }
        let crossing = self.book.apply(&self.pending.changes);
        let (arrival_us, exchange_us) = (self.pending.arrival_us, self.pending.exchange_us);
        after(Message { arrival_us, exchange_us, crossing, book: &self.book });
        self.pending.changes.clear();
    }
}

/// Arrival, the exchange's clock, and the levels.
#[derive(Clone, Debug, PartialEq)]
struct Row {
    arrival_us: i64,
    exchange_us: i64,
    top: Vec<[Option<f64>; 4]>,
}

/// Compares a derived data type with what the changes give. Rows wait only until the other side has come as far; the
/// engine gives whichever is behind first, so that one piece of either waits at most.
struct Recomputed {
    data_type: DataType,
    levels: usize,
    replay: Replay,
    last_top: Vec<[Option<f64>; 4]>,
    made: VecDeque<Row>,
    told: VecDeque<Row>,
    /// All made rows up to this arrival are known.
    made_until_us: i64,
    tally: Tally,
}

impl Recomputed {
    fn of(scope: &CheckInput<'_>, levels: usize) -> Recomputed {
        Recomputed {
            data_type: scope.data_type,
            levels,
            replay: Replay::default(),
            last_top: vec![[None; 4]; levels],
            made: VecDeque::new(),
            told: VecDeque::new(),
            made_until_us: i64::MIN,
            tally: Tally::default(),
        }
    }

    /// Compares what both sides have.
    fn compare(&mut self, is_end: bool) {
        loop {
            let next = match (self.made.front(), self.told.front()) {
                (None, None) => return,
                (Some(made), Some(told)) => made.arrival_us.cmp(&told.arrival_us),
                (None, Some(told)) if is_end || told.arrival_us < self.made_until_us => {
                    std::cmp::Ordering::Greater
                }
                (Some(_), None) if is_end => std::cmp::Ordering::Less,
                _ => return,
            };
            let made = if next.is_le() { self.made.pop_front() } else { None };
            let told = if next.is_ge() { self.told.pop_front() } else { None };
            let text = match (&made, &told) {
                (Some(made), Some(told)) if made == told => continue,
                (Some(made), Some(told)) => difference(made, told),
                (Some(_), None) => "the row is lacking".to_owned(),
                (None, _) => "the changes give no such row".to_owned(),
            };
            let at = made.or(told).map_or(0, |row| row.arrival_us);
            self.tally.note(at, || format!("{}: {text}", moment(at)));
        }
    }
}

fn difference(made: &Row, told: &Row) -> String {
    let names = ["ask price", "ask amount", "bid price", "bid amount"];
    let shown = |value: Option<f64>| value.map_or_else(|| "none".to_owned(), |v| v.to_string());
    for (level, (made, told)) in made.top.iter().zip(&told.top).enumerate() {
        for (name, (made, told)) in names.iter().zip(made.iter().zip(told)) {
            if made != told {
                return format!(
                    "{name} {} is {}, the changes give {}",
                    level + 1,
                    shown(*told),
                    shown(*made)
                );
            }
        }
    }
    format!("`timestamp` is {}, the changes give {}", moment(told.exchange_us), moment(made.exchange_us))
}

impl RowCheck for Recomputed {
    fn rows(&mut self, rows: &Rows<'_>) {
        if rows.data_type() == IncrementalBookL2 {
            let (levels, last_top, made) = (self.levels, &mut self.last_top, &mut self.made);
            let made_until_us = &mut self.made_until_us;
            self.replay.rows(rows, |message| keep(message, levels, last_top, made, made_until_us));
        } else {
            let columns = top_columns(rows, self.data_type, self.levels);
            for (row, at) in rows.arrival().iter().enumerate() {
                let cell = |array: &&Float64Array| array.is_valid(row).then(|| array.value(row));
                let top = columns.iter().map(|level| level.each_ref().map(cell)).collect();
                self.told.push_back(Row { arrival_us: *at, exchange_us: rows.exchange_time()[row], top });
            }
        }
        self.compare(false);
    }

    fn found(&mut self) -> Vec<Detection> {
        self.tally.take()
    }

    fn finish(mut self: Box<Self>) -> Vec<Detection> {
        let (levels, last_top, made) = (self.levels, &mut self.last_top, &mut self.made);
        let made_until_us = &mut self.made_until_us;
        self.replay.finish(|message| keep(message, levels, last_top, made, made_until_us));
        self.compare(true);
        self.tally.found()
    }
}

/// A row is made when the top changed.
fn keep(
    message: Message<'_>,
    levels: usize,
    last_top: &mut Vec<[Option<f64>; 4]>,
    made: &mut VecDeque<Row>,
    made_until_us: &mut i64,
) {
    let top = message.book.top(levels);
    // Rows that arrived before this moment are all made; another message of the same moment may follow no more.
    *made_until_us = message.arrival_us + 1;
    if top != *last_top {
        last_top.clone_from(&top);
        made.push_back(Row { arrival_us: message.arrival_us, exchange_us: message.exchange_us, top });
    }
}

/// The columns of the levels, in the order ask price, ask amount, bid price, bid amount.
fn top_columns<'a>(rows: &Rows<'a>, data_type: DataType, levels: usize) -> Vec<[&'a Float64Array; 4]> {
    if data_type == Quotes {
        return vec![["ask_price", "ask_amount", "bid_price", "bid_amount"].map(|name| rows.number(name))];
    }
    LEVELS[..levels].iter().map(|names| names.each_ref().map(|name| rows.number(name))).collect()
}
