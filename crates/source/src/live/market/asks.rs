//! Which snapshots are to be asked for, and how fast.

use super::SymbolId;
use super::symbol::Symbol;

/// Symbols whose snapshot is wanted, and a budget for asking, so that hundreds of losses at once are no storm.
pub(super) struct Asks {
    waiting: Vec<SymbolId>,
    next: Option<i64>,
    burst: i64,
    /// Time between two tokens, microseconds.
    every: i64,
    /// Until when the budget is spent: a bucket of `burst` tokens.
    spent: i64,
}

impl Asks {
    pub fn new((burst, per_second): (u32, u32)) -> Asks {
        let every = 1_000_000 / i64::from(per_second.max(1));
        Asks { waiting: Vec::new(), next: None, burst: i64::from(burst.max(1)), every, spent: i64::MIN / 2 }
    }

    pub fn want(&mut self, symbol: SymbolId, at: Option<i64>) {
        let Some(at) = at else { return };
        self.next = Some(self.next.map_or(at, |next| next.min(at)));
        if !self.waiting.contains(&symbol) {
            self.waiting.push(symbol);
        }
    }

    pub fn due(&self) -> Option<i64> {
        self.next
    }

    pub fn take(&mut self, now: i64, symbols: &mut [Symbol]) -> Vec<SymbolId> {
        if self.next.is_none_or(|next| now < next) {
            return Vec::new();
        }
        let mut taken = Vec::new();
        let mut next = None;
        let mut waiting = std::mem::take(&mut self.waiting);
        waiting.retain(|id| {
            let Some(book) = &mut symbols[id.0 as usize].book else { return false };
            let Some(mut at) = book.ask_at() else { return false };
            if at <= now {
                let spent = self.spent.max(now.saturating_sub(self.burst * self.every)) + self.every;
                if spent <= now {
                    self.spent = spent;
                    taken.push(*id);
                    book.asked(now);
                    at = book.ask_at().unwrap_or(i64::MAX);
                } else {
                    at = spent;
                }
            }
            next = Some(next.map_or(at, |next: i64| next.min(at)));
            true
        });
        self.waiting = waiting;
        self.next = next;
        taken
    }
}
