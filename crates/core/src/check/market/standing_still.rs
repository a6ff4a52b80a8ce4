//! A top of the book that does not change while trades go on.

use crate::check::beside::{Beside, Next, Top};
use crate::check::finding::{duration, moment};
use crate::check::{CheckInput, Detection, RowCheck, Rows, Tally};
use crate::table::DataType::{self, *};

/// A top of the book that does not change while trades go on.
pub(super) struct StandingStill {
    min_trades: u64,
    min_us: i64,
    beside: Beside,
    /// The current top and the time since when it has not changed.
    top: Option<Top>,
    /// Book rows that repeated it.
    repeats: u64,
    /// Distinct arrival times of trades since then.
    trades: u64,
    last_trade_us: i64,
    tally: Tally,
}

impl StandingStill {
    pub fn of(input: &CheckInput<'_>) -> StandingStill {
        StandingStill {
            min_trades: input.values.get("min_trades") as u64,
            min_us: (input.values.get("min_s") * 1e6) as i64,
            beside: Beside::default(),
            top: None,
            repeats: 0,
            trades: 0,
            last_trade_us: i64::MIN,
            tally: Tally::default(),
        }
    }

    fn work(&mut self) {
        while let Some(next) = self.beside.take_next() {
            match next {
                Next::Trade(trade) => {
                    self.trades += u64::from(trade.at_us != self.last_trade_us);
                    self.last_trade_us = trade.at_us;
                }
                Next::Top(top) if self.top.is_some_and(|now| Top { at_us: top.at_us, ..now } == top) => {
                    self.repeats += 1;
                }
                Next::Top(top) => {
                    self.end();
                    self.top = Some(top);
                }
            }
        }
    }

    fn end(&mut self) {
        if let Some(top) = self.top
            && self.repeats > 0
            && self.trades >= self.min_trades
            && self.last_trade_us - top.at_us >= self.min_us
        {
            let (trades, last_us) = (self.trades, self.last_trade_us);
            self.tally.note(top.at_us, || {
                let length = duration(last_us - top.at_us);
                format!(
                    "unchanged from {} on for {length}, during {trades} moments with trades",
                    moment(top.at_us)
                )
            });
            self.tally.reach(last_us);
        }
        (self.repeats, self.trades) = (0, 0);
    }
}

impl RowCheck for StandingStill {
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
        self.beside.ended(Quotes);
        self.work();
        self.end();
        self.tally.found()
    }
}
