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

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs<'a>(text: &'a [String]) -> Vec<Pair<'a>> {
        text.iter().map(|pair| serde_json::from_str(pair).unwrap()).collect()
    }

    fn side(levels: &str) -> Vec<String> {
        levels.split("; ").map(|level| format!("[\"{}\"]", level.replace(' ', "\",\""))).collect()
    }

    /// The example of Kraken's guide to the checksum of version 2 of its WebSocket.
    #[test]
    fn krakens_own_example() {
        let asks = side(
            "45285.2 0.00100000; 45286.4 1.54571953; 45286.6 1.54571109; 45289.6 1.54560911; 45290.2 0.15890660; \
             45291.8 1.54553491; 45294.7 0.04454749; 45296.1 0.35380000; 45297.5 0.09945542; 45299.5 0.18772827",
        );
        let bids = side(
            "45283.5 0.10000000; 45283.4 1.54582015; 45282.1 0.10000000; 45281.0 0.10000000; 45280.3 1.54592586; \
             45279.0 0.07990000; 45277.6 0.03310103; 45277.5 0.30000000; 45277.3 1.54602737; 45276.6 0.15445238",
        );
        let mut book = TextBook::default();
        book.apply(true, &pairs(&asks));
        book.apply(false, &pairs(&bids));
        assert_eq!(book.kraken(), Some(3_310_070_434));
        // Levels beyond the tenth do not count, and leave when the book is cut.
        book.apply(true, &pairs(&side("99999.0 1; 88888.0 2")));
        book.apply(false, &pairs(&side("1.0 1")));
        assert_eq!(book.kraken(), Some(3_310_070_434));
        book.cut(10);
        assert_eq!((book.asks.len(), book.bids.len()), (10, 10));
        book.apply(true, &pairs(&side("45285.2 0.00000000")));
        assert_ne!(book.kraken(), Some(3_310_070_434));
        // What no sum can be made of is no mismatch.
        book.apply(true, &pairs(&side("45285.2 1e-5")));
        assert_eq!(book.kraken(), None);
    }

    #[test]
    fn okx_takes_sides_by_turns_and_leaves_out_what_is_missing() {
        let mut book = TextBook::default();
        book.apply(true, &pairs(&side("3366.8 9; 3368 8; 3372 8")));
        book.apply(false, &pairs(&side("3366.1 7")));
        let sum = crc32fast::hash(b"3366.1:7:3366.8:9:3368:8:3372:8") as i32;
        assert_eq!(book.okx(), Some(i64::from(sum)));
        assert_eq!(TextBook::default().okx(), Some(0));
    }
}
