//! The best bid and ask in the seconds before a trade.
//!
//! The checks that use it are in `market`.

use std::collections::VecDeque;

use super::beside::{Top, Trade};

/// Length of a time slot, microseconds.
pub(super) const PIECE_US: i64 = 250_000;
/// Slots before a trade that are compared with it: ten seconds.
const PIECES: i64 = 40;

/// The top of the book over the last seconds. Exchanges send the book before the trades that changed it, or send the trades
/// seconds late, so the newest row alone is not comparable with a trade.
#[derive(Default)]
pub(super) struct Lately {
    now: Option<Top>,
    pieces: VecDeque<Piece>,
}

/// The best bid and ask within a time slot.
struct Piece {
    /// Number of the slot since the Unix epoch.
    number: i64,
    /// The lowest bid and the highest ask, including those at its start.
    widest: (f64, f64),
    /// Bid and ask at its end.
    last: (f64, f64),
}

fn wider(a: (f64, f64), b: (f64, f64)) -> (f64, f64) {
    (a.0.min(b.0), a.1.max(b.1))
}

impl Lately {
    /// Adds the next row.
    pub(super) fn add(&mut self, top: Top) {
        let number = top.at_us.div_euclid(PIECE_US);
        let last = ends(&top);
        let widest = self.now.as_ref().map_or(last, |before| wider(ends(before), last));
        match self.pieces.back_mut().filter(|piece| piece.number == number) {
            Some(piece) => (piece.widest, piece.last) = (wider(piece.widest, widest), last),
            None => self.pieces.push_back(Piece { number, widest, last }),
        }
        self.now = Some(top);
        self.forget(number);
    }

    /// Drops old slots. One slot before the compared time stays, because its end is the book at the start of that time.
    fn forget(&mut self, number: i64) {
        while self.pieces.len() > 1 && self.pieces[1].number < number - PIECES {
            self.pieces.pop_front();
        }
    }

    /// The lowest bid and the highest ask of the ten seconds before a time, with the arrival of the newest row. `at_us` is
    /// in microseconds since the Unix epoch, UTC.
    pub(super) fn widest(&mut self, at_us: i64) -> Option<Top> {
        let number = at_us.div_euclid(PIECE_US);
        self.forget(number);
        let now = self.now?;
        let recent = self.pieces.iter().filter(|piece| piece.number >= number - PIECES);
        let (bid, ask) = recent.map(|piece| piece.widest).fold(ends(&now), wider);
        let existing = |price: f64| price.is_finite().then_some(price);
        Some(Top { bid: existing(bid), ask: existing(ask), ..now })
    }

    /// Whether the taker of a trade bought; `None` if the book does not decide it.
    pub(super) fn side(&mut self, trade: &Trade) -> Option<bool> {
        let number = trade.at_us.div_euclid(PIECE_US);
        self.forget(number);
        let now = ends(self.now.as_ref()?);
        self.pieces.front().filter(|first| first.number < number - PIECES / 2)?;
        let before = self.pieces.iter().filter(|piece| piece.number < number - 1);
        let is_old = |piece: &Piece| piece.number < number - PIECES;
        let bid_and_ask = |piece: &Piece| if is_old(piece) { piece.last } else { piece.widest };
        let (bid, ask) = before.map(bid_and_ask).reduce(wider)?;
        // The book after the trade must not contradict it.
        match (trade.price >= ask && trade.price > now.0, trade.price <= bid && trade.price < now.1) {
            (true, false) => Some(true),
            (false, true) => Some(false),
            _ => None,
        }
    }
}

/// Bid and ask of a top; infinite if missing.
fn ends(top: &Top) -> (f64, f64) {
    (top.bid.unwrap_or(f64::NEG_INFINITY), top.ask.unwrap_or(f64::INFINITY))
}
