//! Recomputes the data types that the vendor derives from `incremental_book_L2`, and compares them.
//!
//! Files do not mark messages. A change of either clock begins one, and so does a snapshot row after one that is none: messages of
//! one arrival are common, since a recorder reads several at once. Where both clocks of two messages are equal nobody can tell them
//! apart, and either reading is accepted. What a message does to the book is [`crate::book`].

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
               moment, prices and amounts exactly. A row that lacks, one too many and one that differs count each. A change of \
               either clock begins a message, and so does a snapshot; where messages have both clocks in common, a row for \
               each and one for all are both right. It runs where both data types are in the lake. What stands before the \
               day's first snapshot in the changes cannot be made.",
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
               prices and amounts exactly. A row that lacks, one too many and one that differs count each. Messages are \
               told apart as by `book_snapshot_5_recomputed`. It runs where both data types are in the lake. What stands \
               before the day's first snapshot in the changes cannot be made.",
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
    /// The tops of the book after parts of it that may have been messages of their own, in order; empty where the replay does
    /// not watch tops.
    pub within: Vec<Top>,
}

/// The best levels of a book: ask price, ask amount, bid price, bid amount.
pub type Top = Vec<[Option<f64>; 4]>;

/// The rows of one message.
#[derive(Default)]
struct Pending {
    arrival_us: i64,
    exchange_us: i64,
    changes: Vec<LevelChange>,
}

impl Pending {
    /// Whether a row belongs to another message.
    fn ends_before(&self, arrival_us: i64, exchange_us: i64, is_snapshot: bool) -> bool {
        let is_new_snapshot = is_snapshot && self.changes.last().is_some_and(|last| !last.is_snapshot);
        (self.arrival_us, self.exchange_us) != (arrival_us, exchange_us) || is_new_snapshot
    }
}

/// Replays the changes of a book. Memory is that of the book and of one message.
#[derive(Default)]
pub struct Replay {
    book: OrderBook,
    pending: Pending,
    /// The number of levels of [`Message::within`].
    levels: usize,
}

impl Replay {
    /// A replay that gives [`Message::within`], with so many levels.
    pub fn watching(levels: usize) -> Replay {
        Replay { levels, ..Replay::default() }
    }

    /// Takes rows of `incremental_book_L2`, and gives the book after each message that ended in them.
    pub fn rows(&mut self, rows: &Rows<'_>, mut after: impl FnMut(Message<'_>)) {
        let (flags, sides) = (rows.flag("is_snapshot"), rows.words("side"));
        let (prices, amounts) = (rows.number("price").values(), rows.number("amount").values());
        for (row, (at, exchange)) in rows.arrival().iter().zip(rows.exchange_time()).enumerate() {
            let is_snapshot = flags.value(row);
            if self.pending.ends_before(*at, *exchange, is_snapshot) {
                self.finish(&mut after);
                (self.pending.arrival_us, self.pending.exchange_us) = (*at, *exchange);
            }
            let is_ask = sides.get(row) == "ask";
            self.pending.changes.push(LevelChange {
                is_snapshot,
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
        let (crossing, within) = self.apply();
        let (arrival_us, exchange_us) = (self.pending.arrival_us, self.pending.exchange_us);
        after(Message { arrival_us, exchange_us, crossing, book: &self.book, within });
        self.pending.changes.clear();
    }

    fn apply(&mut self) -> (Option<(f64, f64)>, Vec<Top>) {
        let Replay { book, pending: Pending { changes, .. }, levels } = self;
        let mut within: Vec<Top> = Vec::new();
        let note = |book: &OrderBook, place: usize| {
            let Some([change, next]) = changes.get(place..place + 2) else { return };
            // No message ends within a snapshot, and none leaves a crossed book.
            if !next.is_snapshot && book.is_at_top(change, *levels) && !book.is_crossed() {
                let top = book.top(*levels);
                if within.last() != Some(&top) {
                    within.push(top);
                }
            }
        };
        let crossing = if *levels > 0 { book.apply_each(changes, note) } else { book.apply(changes) };
        // A snapshot that crosses, and whose sides come more than once, is two of equal clocks.
        if let Some(last) = crossing.and_then(|_| second_snapshot(changes)) {
            let mut whole = book.clone();
            if whole.apply(&changes[last..]).is_none() {
                let top = Some(whole.top(*levels)).filter(|_| *levels > 0);
                *book = whole;
                within.clear();
                within.extend(top);
                return (None, within);
            }
        }
        (crossing, within)
    }
}

/// Where the last of several snapshots begins, in rows of equal clocks that begin with one: where the side of the first row comes
/// again after the other one; `None` if it does not.
fn second_snapshot(changes: &[LevelChange]) -> Option<usize> {
    let first = changes.first().filter(|change| change.is_snapshot)?.is_ask;
    let starts =
        |pair: &[LevelChange]| pair[1].is_snapshot && pair[0].is_ask != first && pair[1].is_ask == first;
    changes.windows(2).rposition(starts).map(|place| place + 1)
}

/// Arrival, the exchange's clock, and the levels.
#[derive(Clone, Debug, PartialEq)]
struct Row {
    arrival_us: i64,
    exchange_us: i64,
    top: Top,
}

/// What a message, or several of equal clocks, may have given.
#[derive(Debug)]
struct Made {
    row: Row,
    /// The top before it.
    before: Top,
    /// Tops between, of each of which there may be a row.
    within: Vec<Top>,
}

/// Compares a derived data type with what the changes give. Rows wait only until the other side has come as far; the
/// engine gives whichever is behind first, so that one piece of either waits at most.
struct Recomputed {
    data_type: DataType,
    levels: usize,
    replay: Replay,
    made: MadeRows,
    told: VecDeque<Row>,
    /// All told rows that arrived before this are known.
    told_until_us: i64,
    tally: Tally,
}

/// What the changes give, and has not been compared.
struct MadeRows {
    rows: VecDeque<Made>,
    last_top: Top,
    /// All rows that arrived before this are made.
    until_us: i64,
}

impl Recomputed {
    fn of(scope: &CheckInput<'_>, levels: usize) -> Recomputed {
        let last_top = vec![[None; 4]; levels];
        Recomputed {
            data_type: scope.data_type,
            levels,
            replay: Replay::watching(levels),
            made: MadeRows { rows: VecDeque::new(), last_top, until_us: i64::MIN },
            told: VecDeque::new(),
            told_until_us: i64::MIN,
            tally: Tally::default(),
        }
    }

    /// Compares the arrivals of which both sides are known.
    fn compare(&mut self) {
        let known_us = self.made.until_us.min(self.told_until_us);
        loop {
            let next = [
                self.made.rows.front().map(|made| made.row.arrival_us),
                self.told.front().map(|row| row.arrival_us),
            ];
            let Some(at) = next.into_iter().flatten().min().filter(|at| *at < known_us) else { return };
            let (mut made, mut told) = (Vec::new(), Vec::new());
            while let Some(row) = self.made.rows.pop_front_if(|made| made.row.arrival_us <= at) {
                made.push(row);
            }
            while let Some(row) = self.told.pop_front_if(|row| row.arrival_us <= at) {
                told.push(row);
            }
            for text in differences(&made, &told) {
                self.tally.note(at, || format!("{}: {text}", moment(at)));
            }
        }
    }
}

/// What differs between the rows of one arrival, in words.
fn differences(made: &[Made], told: &[Row]) -> Vec<String> {
    let (mut lacking, mut surplus) = (Vec::new(), Vec::new());
    let mut rest = told;
    for made in made {
        // Rows of other clocks before those of the message belong to no message.
        let is_its = |row: &Row| row.exchange_us == made.row.exchange_us;
        let Some(from) = rest.iter().position(is_its) else {
            lacking.extend(made.is_change().then_some(&made.row));
            continue;
        };
        let to = from + rest[from..].iter().take_while(|row| is_its(row)).count();
        surplus.extend(&rest[..from]);
        let own = &rest[from..to];
        rest = &rest[to..];
        if !made.gives(own) {
            let right = own.iter().position(|row| made.is_change() && *row == made.row);
            lacking.extend(Some(&made.row).filter(|_| made.is_change() && right.is_none()));
            surplus.extend(
                own.iter().enumerate().filter(|(place, _)| Some(*place) != right).map(|(_, row)| row),
            );
        }
    }
    surplus.extend(rest);
    let pairs = lacking.len().min(surplus.len());
    let differing = lacking.iter().zip(&surplus).map(|(made, told)| difference(made, told));
    let lacking = lacking[pairs..].iter().map(|_| "the row is lacking".to_owned());
    let surplus = surplus[pairs..].iter().map(|_| "the changes give no such row".to_owned());
    differing.chain(lacking).chain(surplus).collect()
}

impl Made {
    /// Whether the top after it is another than before it.
    fn is_change(&self) -> bool {
        self.row.top != self.before
    }

    /// Whether these rows follow from it: the last one is the book after it, those before are books within it, in order, and
    /// each differs from the one before.
    fn gives(&self, rows: &[Row]) -> bool {
        let Some((last, between)) = rows.split_last() else { return !self.is_change() };
        let mut within = self.within.iter();
        let is_part = between.iter().all(|row| within.any(|top| *top == row.top));
        let mut before = &self.before;
        let are_changes = rows.iter().all(|row| std::mem::replace(&mut before, &row.top) != &row.top);
        is_part && are_changes && last.top == self.row.top
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

impl MadeRows {
    /// A row is made when the top changed. Messages of equal clocks are one.
    fn keep(&mut self, message: Message<'_>, levels: usize) {
        let Message { arrival_us, exchange_us, within, book, .. } = message;
        let top = book.top(levels);
        self.until_us = arrival_us;
        if top == self.last_top && within.iter().all(|within| *within == top) {
            return;
        }
        let before = std::mem::replace(&mut self.last_top, top.clone());
        let is_same =
            |made: &&mut Made| (made.row.arrival_us, made.row.exchange_us) == (arrival_us, exchange_us);
        if let Some(made) = self.rows.back_mut().filter(is_same) {
            made.within.push(before);
            made.within.extend(within);
            made.row.top = top;
            return;
        }
        self.rows.push_back(Made { row: Row { arrival_us, exchange_us, top }, before, within });
    }
}

impl RowCheck for Recomputed {
    fn rows(&mut self, rows: &Rows<'_>) {
        if rows.data_type() == IncrementalBookL2 {
            let (levels, made) = (self.levels, &mut self.made);
            self.replay.rows(rows, |message| made.keep(message, levels));
        } else {
            let columns = top_columns(rows, self.data_type, self.levels);
            for (row, at) in rows.arrival().iter().enumerate() {
                let cell = |array: &&Float64Array| array.is_valid(row).then(|| array.value(row));
                let top = columns.iter().map(|level| level.each_ref().map(cell)).collect();
                self.told.push_back(Row { arrival_us: *at, exchange_us: rows.exchange_time()[row], top });
                self.told_until_us = *at;
            }
        }
        self.compare();
    }

    fn ended(&mut self, data_type: DataType) {
        if data_type == IncrementalBookL2 {
            self.end_of_changes();
        } else {
            self.told_until_us = i64::MAX;
        }
        self.compare();
    }

    fn found(&mut self) -> Vec<Detection> {
        self.tally.take()
    }

    fn finish(mut self: Box<Self>) -> Vec<Detection> {
        self.end_of_changes();
        self.told_until_us = i64::MAX;
        self.compare();
        self.tally.found()
    }
}

impl Recomputed {
    fn end_of_changes(&mut self) {
        let (levels, made) = (self.levels, &mut self.made);
        self.replay.finish(|message| made.keep(message, levels));
        self.made.until_us = i64::MAX;
    }
}

/// The columns of the levels, in the order ask price, ask amount, bid price, bid amount.
fn top_columns<'a>(rows: &Rows<'a>, data_type: DataType, levels: usize) -> Vec<[&'a Float64Array; 4]> {
    if data_type == Quotes {
        return vec![["ask_price", "ask_amount", "bid_price", "bid_amount"].map(|name| rows.number(name))];
    }
    LEVELS[..levels].iter().map(|names| names.each_ref().map(|name| rows.number(name))).collect()
}
