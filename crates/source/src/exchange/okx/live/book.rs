//! OKX's books: the chain of `prevSeqId`, and, until 2026-06-23, the checksum.

use std::collections::HashMap;

use mtdh_core::live::rule::Ids;
use serde::Deserialize;

use crate::live::cell::{Cell, Pair, Unread};
use crate::live::checksum::TextBook;
use crate::live::dialect::Reading;

/// From here on the checksum is always 0 (OKX's notice of 2026-05-21): 2026-06-23, microseconds since the Unix epoch, UTC.
const NO_CHECKSUM_SINCE: i64 = 1_782_172_800_000_000;

/// OKX sends 400 levels a side, and tells which leave.
const MAX_LEVELS: usize = 1_000;

/// What is kept of each book besides its levels.
#[derive(Default)]
pub(super) struct Books {
    texts: HashMap<String, TextBook>,
    /// The channel that a symbol's book comes from, where several bring it: the first.
    channels: HashMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Message<'a> {
    #[serde(borrow)]
    asks: Vec<Pair<'a>>,
    #[serde(borrow)]
    bids: Vec<Pair<'a>>,
    #[serde(borrow)]
    ts: Cell<'a>,
    #[serde(borrow)]
    checksum: Option<Cell<'a>>,
    #[serde(borrow)]
    prev_seq_id: Option<Cell<'a>>,
    #[serde(borrow)]
    seq_id: Option<Cell<'a>>,
}

/// A change of a book, or a whole one.
pub(super) struct Change<'a> {
    pub timestamp: i64,
    pub is_snapshot: bool,
    pub asks: &'a [Pair<'a>],
    pub bids: &'a [Pair<'a>],
    pub checksum: Option<i64>,
    /// `prevSeqId` and `seqId`; messages before 2023 have none.
    pub ids: Option<Ids>,
}

impl Message<'_> {
    fn ids(&self) -> Option<Ids> {
        let last = self.seq_id?.integer()?;
        Some(Ids { first: last, last, previous: self.prev_seq_id.and_then(Cell::integer) })
    }
}

impl Books {
    pub(super) fn read(
        &mut self,
        channel: &str,
        symbol: &str,
        action: Option<&str>,
        data: &str,
        at: &mut Reading<'_>,
    ) -> Result<(), Unread> {
        if !at.follows(symbol) {
            return Ok(());
        }
        match self.channels.get(symbol) {
            Some(first) if first != channel => return Ok(()),
            Some(_) => {}
            None => {
                self.channels.insert(symbol.to_owned(), channel.to_owned());
            }
        }
        for row in serde_json::from_str::<Vec<Message<'_>>>(data)? {
            let timestamp = row.ts.need_time()?;
            let change = Change {
                timestamp,
                is_snapshot: action == Some("snapshot"),
                asks: &row.asks,
                bids: &row.bids,
                checksum: row.checksum.and_then(Cell::integer),
                ids: row.ids(),
            };
            if timestamp != 0 {
                self.change(symbol, &change, at)?;
            }
        }
        Ok(())
    }

    pub(super) fn change(
        &mut self,
        symbol: &str,
        change: &Change<'_>,
        at: &mut Reading<'_>,
    ) -> Result<(), Unread> {
        // A sum is 0 by chance once in four thousand million messages.
        let checksum = change.checksum.filter(|sum| *sum != 0 && at.arrived < NO_CHECKSUM_SINCE);
        at.levels(change.asks, change.bids)?;
        match checksum {
            None => {
                self.texts.remove(symbol);
            }
            Some(checksum) if at.owns_book(symbol) => {
                if change.is_snapshot {
                    self.texts.insert(symbol.to_owned(), TextBook::default());
                }
                if let Some(texts) = self.texts.get_mut(symbol) {
                    texts.apply(true, change.asks);
                    texts.apply(false, change.bids);
                    texts.cut(MAX_LEVELS);
                    if let Some(own) = texts.okx().filter(|own| *own != checksum) {
                        self.texts.remove(symbol);
                        let detail = format!("the exchange says {checksum}, the book {own}");
                        at.wrong_book(symbol, change.timestamp, change.is_snapshot, change.ids, detail);
                        return Ok(());
                    }
                }
            }
            Some(_) => {}
        }
        at.book(symbol, change.timestamp, change.is_snapshot, change.ids);
        Ok(())
    }

    /// The connection ended.
    pub(super) fn clear(&mut self) {
        self.texts.clear();
        self.channels.clear();
    }
}

/// The answer of `GET /api/v5/market/books`.
pub(super) fn answer(symbol: &str, body: &[u8], at: &mut Reading<'_>) -> Result<(), Unread> {
    #[derive(Deserialize)]
    struct Answer<'a> {
        #[serde(borrow)]
        data: Vec<Message<'a>>,
    }
    let answer: Answer<'_> = serde_json::from_slice(body)?;
    let row = answer.data.first().ok_or("an answer without a book")?;
    let ids = row.ids().ok_or("a book without a seqId")?;
    at.levels(&row.asks, &row.bids)?;
    at.book_by_rest(symbol, row.ts.need_time()?, ids);
    Ok(())
}
