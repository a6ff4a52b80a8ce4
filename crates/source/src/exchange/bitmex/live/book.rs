//! BitMEX's books: levels have ids, and an update may name nothing else of a level.

use std::borrow::Cow;
use std::collections::HashMap;

use serde::Deserialize;

use crate::live::cell::{Cell, Unread, number_in};
use crate::live::dialect::Reading;

/// The levels of all symbols by their ids.
#[derive(Default)]
pub(super) struct Books {
    prices: HashMap<String, HashMap<u64, f64>>,
}

#[derive(Deserialize)]
struct Level<'a> {
    #[serde(borrow)]
    symbol: Cow<'a, str>,
    #[serde(borrow)]
    id: Cell<'a>,
    #[serde(borrow)]
    side: Cow<'a, str>,
    #[serde(borrow)]
    size: Option<Cell<'a>>,
    #[serde(borrow)]
    price: Option<Cell<'a>>,
    #[serde(borrow)]
    timestamp: Option<Cell<'a>>,
}

/// No book has so many levels: ids beyond are forgotten with the book.
const MOST_LEVELS: usize = 100_000;

impl Books {
    /// `symbol`: whose book an empty one is.
    pub(super) fn read(
        &mut self,
        action: &str,
        data: &str,
        symbol: Option<&str>,
        at: &mut Reading<'_>,
    ) -> Result<(), Unread> {
        let is_snapshot = action == "partial";
        let rows: Vec<Level<'_>> = serde_json::from_str(data)?;
        // Only a whole table has several symbols; they come one after the other, not always in one piece each.
        let mut symbols: Vec<&str> = Vec::new();
        for row in &rows {
            if symbols.last() != Some(&&*row.symbol)
                && !symbols.contains(&&*row.symbol)
                && at.follows(&row.symbol)
            {
                symbols.push(&row.symbol);
            }
        }
        if let Some(symbol) = symbol.filter(|_| rows.is_empty() && is_snapshot) {
            symbols.push(symbol);
        }
        for symbol in symbols {
            if is_snapshot {
                self.prices.remove(symbol);
            }
            let mut timestamp = None;
            for row in rows.iter().filter(|row| row.symbol == symbol) {
                timestamp = timestamp.max(row.timestamp.and_then(Cell::iso));
                let id = row.id.text().parse::<u64>().map_err(|_| Unread("a level without an id".into()))?;
                let known = match self.prices.get_mut(symbol) {
                    Some(known) => known,
                    None => self.prices.entry(symbol.to_owned()).or_default(),
                };
                if let Some(price) = number_in(row.price).filter(|_| known.len() < MOST_LEVELS) {
                    known.insert(id, price);
                }
                // A level of which no price was ever told was there before the subscription.
                let Some(price) = known.get(&id).copied() else { continue };
                if action == "delete" {
                    known.remove(&id);
                }
                let amount = if action == "delete" { 0.0 } else { number_in(row.size).unwrap_or(0.0) };
                at.level(row.side != "Buy", price, amount);
            }
            at.book(symbol, timestamp.unwrap_or(at.arrived), is_snapshot, None);
        }
        Ok(())
    }
}
