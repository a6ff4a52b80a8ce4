//! Trades whose side contradicts the book.

use crate::check::beside::{Beside, Next, Trade};
use crate::check::lately::{Lately, PIECE_US};
use crate::check::{CheckInput, Detection, RowCheck, Rows, Tally};
use crate::table::DataType::{self, *};

/// Trades that are judged together.
const BLOCK: u64 = 20;

/// The fewest trades that are judged at the end of a file.
const LAST_BLOCK: u64 = 10;

/// Trades whose side contradicts the book.
pub(super) struct TakerSide {
    max_wrong: f64,
    beside: Beside,
    lately: Lately,
    votes: u64,
    wrong: u64,
    from: Option<Trade>,
    /// The last counted trade: arrival, microseconds, and whether its taker bought according to the row.
    last: Option<(i64, bool)>,
    tally: Tally,
}

impl TakerSide {
    pub fn of(input: &CheckInput<'_>) -> TakerSide {
        TakerSide {
            max_wrong: input.values.get("max_wrong_pct") / 100.0,
            beside: Beside::default(),
            lately: Lately::default(),
            votes: 0,
            wrong: 0,
            from: None,
            last: None,
            tally: Tally::default(),
        }
    }

    fn work(&mut self) {
        while let Some(next) = self.beside.take_next() {
            match next {
                Next::Top(top) => self.lately.add(top),
                Next::Trade(trade) => {
                    let Some((vote, is_buy)) = self.lately.side(&trade).zip(trade.is_buy) else { continue };
                    // The fills of one order arrive together and count once.
                    if self.last.is_some_and(|last| trade.at_us - last.0 < PIECE_US && last.1 == is_buy) {
                        continue;
                    }
                    self.from.get_or_insert(trade);
                    self.votes += 1;
                    self.wrong += u64::from(vote != is_buy);
                    self.last = Some((trade.at_us, is_buy));
                    if self.votes == BLOCK {
                        self.end();
                    }
                }
            }
        }
    }

    fn end(&mut self) {
        let Some(from) = self.from.take() else { return };
        if self.wrong as f64 > self.max_wrong * self.votes as f64 {
            let (wrong, votes) = (self.wrong, self.votes);
            self.tally.note(from.at_us, || {
                format!("{wrong} of {votes} trades from row {} on have the other side", from.place)
            });
            self.tally.add(wrong - 1);
            self.tally.reach(self.last.map_or(from.at_us, |last| last.0));
        }
        (self.votes, self.wrong) = (0, 0);
    }
}

impl RowCheck for TakerSide {
    fn rows(&mut self, rows: &Rows<'_>) {
        self.beside.rows(rows);
        self.work();
    }

    fn ended(&mut self, data_type: DataType) {
        self.beside.ended(data_type);
        self.work();
    }

    fn found(&mut self) -> Vec<Detection> {
        self.tally.take()
    }

    fn finish(mut self: Box<Self>) -> Vec<Detection> {
        self.beside.ended(Trades);
        self.beside.ended(IncrementalBookL2);
        self.work();
        if self.votes >= LAST_BLOCK {
            self.end();
        }
        self.tally.found()
    }
}
