//! The best levels of a book as the texts in which they were sent: what Kraken and, until 2026-06-23, OKX make their checksums of.

use std::collections::BTreeMap;

use super::cell::Pair;

/// Sorts as the price does: prices are neither negative nor NaN.
type Order = u64;

/// A book of texts.
#[derive(Default)]
pub struct TextBook {
    asks: BTreeMap<Order, (Box<str>, Box<str>)>,
    bids: BTreeMap<Order, (Box<str>, Box<str>)>,
    /// Whether a text could not be taken: then no checksum is known until the next snapshot.
    is_spoilt: bool,
}

impl TextBook {
    /// Forgets all levels.
    pub fn clear(&mut self) {
        *self = TextBook::default();
    }

    /// Applies the levels of one side.
    pub fn apply(&mut self, is_ask: bool, levels: &[Pair<'_>]) {
        let side = if is_ask { &mut self.asks } else { &mut self.bids };
        for level in levels {
            let (price, amount) = (level.0.text(), level.1.text());
            let Some(order) = level.0.number().filter(|p| *p >= 0.0).map(f64::to_bits) else {
                self.is_spoilt = true;
                continue;
            };
            // An exponent is no text that the exchange makes its sum of.
            self.is_spoilt |= price.contains(['e', 'E']) || amount.contains(['e', 'E']);
            if level.1.number() == Some(0.0) {
                side.remove(&order);
            } else {
                side.insert(order, (price.into(), amount.into()));
            }
        }
    }

    /// Cuts each side to its best levels.
    pub fn cut(&mut self, depth: usize) {
        while self.asks.len() > depth {
            self.asks.pop_last();
        }
        while self.bids.len() > depth {
            self.bids.pop_first();
        }
    }

    /// OKX: the best 25 levels, `bid:ask` by turns as `price:size`, a missing one left out, as a signed number.
    pub fn okx(&self) -> Option<i64> {
        let (mut bids, mut asks) = (self.bids.values().rev().take(25), self.asks.values().take(25));
        let mut text = String::new();
        loop {
            let pair = [bids.next(), asks.next()];
            if pair == [None, None] {
                break;
            }
            for (price, amount) in pair.into_iter().flatten() {
                for part in [price, amount] {
                    if !text.is_empty() {
                        text.push(':');
                    }
                    text.push_str(part);
                }
            }
        }
        (!self.is_spoilt).then(|| i64::from(crc32fast::hash(text.as_bytes()) as i32))
    }

    /// Kraken: the best 10 asks, then the best 10 bids, price and amount without the point and without zeros at the front.
    pub fn kraken(&self) -> Option<i64> {
        let mut text = String::new();
        for (price, amount) in self.asks.values().take(10).chain(self.bids.values().rev().take(10)) {
            for part in [price, amount] {
                let mut digits = part.chars().filter(|c| *c != '.').skip_while(|c| *c == '0').peekable();
                text.extend(digits.by_ref());
            }
        }
        (!self.is_spoilt).then(|| i64::from(crc32fast::hash(text.as_bytes())))
    }
}
