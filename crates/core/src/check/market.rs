//! Trades and books of the same time that contradict each other.

mod off_book;
mod standing_still;
mod taker_side;

use off_book::OffBook;
use standing_still::StandingStill;
use taker_side::TakerSide;

use super::{Check, CheckFn, Group, Parameter, Severity};
use crate::table::DataType::{self, *};

const BOOKS: &[DataType] =
    &[Quotes, BookSnapshot5, BookSnapshot25, BookTicker, OptionsChain, IncrementalBookL2];

const AGE: Parameter = Parameter {
    name: "max_age_s",
    default: 600.0,
    unit: "seconds",
    meaning: "older rows are not compared with a trade",
};

const FAR: Parameter = Parameter {
    name: "error_times",
    default: 5.0,
    unit: "times",
    meaning: "a price this many times too high or too low is an error",
};

const SHARE: Parameter = Parameter {
    name: "error_pct",
    default: 1.0,
    unit: "percent of the trades",
    meaning: "from this share on, and from 20 trades on, it is an error, else a warning",
};

/// The checks of this module.
pub const CHECKS: &[Check] = &[
    Check {
        name: "trade_off_book",
        group: Group::Values,
        severity: Severity::Warning,
        parameters: &[
            Parameter {
                name: "min_pct",
                default: 5.0,
                unit: "percent",
                meaning: "how far outside of bid and ask a trade may always be",
            },
            Parameter {
                name: "spreads",
                default: 5.0,
                unit: "times the spread",
                meaning: "the same as a multiple of the spread: the larger of the current one and the median so far",
            },
            AGE,
            FAR,
            SHARE,
        ],
        text: "A trade is far outside of the bids and asks of the ten seconds before it, and of the next book row \
               within a minute. Causes are a price that is ten times off, hours of another instrument's prices, or a \
               stale book; the check does not decide which side is wrong. Both times are compared because many \
               exchanges send the book before the trades that changed it, and in a busy minute long after them. Block \
               trades at agreed prices may be reported, as warnings.",
        run: CheckFn::Beside(&[Trades], BOOKS, |input| {
            Box::new(OffBook::of(input, input.values.get("spreads")))
        }),
    },
    Check {
        name: "trade_off_mark",
        group: Group::Values,
        severity: Severity::Warning,
        parameters: &[
            Parameter {
                name: "min_pct",
                default: 20.0,
                unit: "percent",
                meaning: "how far from the mark price a trade may be",
            },
            AGE,
            FAR,
            SHARE,
        ],
        text: "A trade is far from the mark price, from the mark prices of the ten seconds before it, and from the \
               next one within a minute. Options and combos are skipped: their mark prices are near 0, where any \
               factor is possible.",
        run: CheckFn::Beside(&[Trades], &[DerivativeTicker], |input| Box::new(OffBook::of(input, 0.0))),
    },
    Check {
        name: "book_stands_still",
        group: Group::Values,
        severity: Severity::Error,
        parameters: &[
            Parameter {
                name: "min_trades",
                default: 20.0,
                unit: "moments",
                meaning: "number of distinct arrival times with trades during which the top of the book does not change",
            },
            Parameter {
                name: "min_s",
                default: 60.0,
                unit: "seconds",
                meaning: "the shortest reported duration",
            },
        ],
        text: "Book rows keep arriving with the same best bid and ask and the same amounts while trades go on, each \
               of which must have changed them. A book without rows is a silence, which `gap` explains. Incremental \
               book changes are not examined.",
        run: CheckFn::Beside(&[Quotes, BookTicker, BookSnapshot5, BookSnapshot25], &[Trades], |input| {
            Box::new(StandingStill::of(input))
        }),
    },
    Check {
        name: "taker_side",
        group: Group::Values,
        severity: Severity::Error,
        parameters: &[Parameter {
            name: "max_wrong_pct",
            default: 80.0,
            unit: "percent",
            meaning: "the largest allowed share of contradicting trades in a block",
        }],
        text: "The side of trades contradicts the book: buys and sells are swapped. A trade counts as a buy if its \
               price is at or above the highest ask of the ten seconds before it, without the last quarter of a \
               second, and above the newest bid; as a sell if it is at or below the lowest bid of that time and below \
               the newest ask. Other trades do not count, because many exchanges send the book before the trades that \
               changed it. Trades of one side within a quarter of a second count as one. Trades are judged in \
               consecutive blocks of twenty, of at least ten at the end of a file. A single trade is never reported.",
        run: CheckFn::Beside(&[Trades], BOOKS, |input| Box::new(TakerSide::of(input))),
    },
];
