//! What was bid and asked in the seconds before a trade.
//!
//! Not for judging: that is `market`.

use std::collections::VecDeque;

use super::beside::{Top, Trade};

/// The time before a trade that counts, in pieces of so many microseconds.
pub(super) const PIECE_US: i64 = 250_000;
const PIECES: i64 = 40;

/// The book of the last seconds: exchanges send it before the trades that changed it, or the trades seconds late, so that the
/// newest row alone says little of a trade.
#[derive(Default)]
pub(super) struct Lately {
    now: Option<Top>,
    pieces: VecDeque<Piece>,
}

/// What was bid and asked within a piece of time.
struct Piece {
    /// Counted from the epoch.
    number: i64,
    /// The lowest bid and the highest ask, those at its start included.
    widest: (f64, f64),
    /// Those at its end.
    last: (f64, f64),
}

fn wider(a: (f64, f64), b: (f64, f64)) -> (f64, f64) {
    (a.0.min(b.0), a.1.max(b.1))
}

impl Lately {
    /// Takes the next row.
    pub(super) fn take(&mut self, top: Top) {
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

    /// Keeps one piece before the time that counts, since its end is the start of that.
    fn forget(&mut self, number: i64) {
        while self.pieces.len() > 1 && self.pieces[1].number < number - PIECES {
            self.pieces.pop_front();
        }
    }

    /// The lowest bid and the highest ask of the time before a moment, with the arrival of the newest row.
    pub(super) fn widest(&mut self, at_us: i64) -> Option<Top> {
        let number = at_us.div_euclid(PIECE_US);
        self.forget(number);
        let now = self.now?;
        let recent = self.pieces.iter().filter(|piece| piece.number >= number - PIECES);
        let (bid, ask) = recent.map(|piece| piece.widest).fold(ends(&now), wider);
        let is_there = |price: f64| price.is_finite().then_some(price);
        Some(Top { bid: is_there(bid), ask: is_there(ask), ..now })
    }

    /// Whether the taker of a trade bought, as far as the book is sure of it.
    pub(super) fn side(&mut self, trade: &Trade) -> Option<bool> {
        let number = trade.at_us.div_euclid(PIECE_US);
        self.forget(number);
        let now = ends(self.now.as_ref()?);
        self.pieces.front().filter(|first| first.number < number - PIECES / 2)?;
        let before = self.pieces.iter().filter(|piece| piece.number < number - 1);
        let is_old = |piece: &Piece| piece.number < number - PIECES;
        let of = |piece: &Piece| if is_old(piece) { piece.last } else { piece.widest };
        let (bid, ask) = before.map(of).reduce(wider)?;
        // What the book became by the trade must not say the opposite.
        match (trade.price >= ask && trade.price > now.0, trade.price <= bid && trade.price < now.1) {
            (true, false) => Some(true),
            (false, true) => Some(false),
            _ => None,
        }
    }
}

/// Bid and ask of a top, without end where there is none.
fn ends(top: &Top) -> (f64, f64) {
    (top.bid.unwrap_or(f64::NEG_INFINITY), top.ask.unwrap_or(f64::INFINITY))
}
