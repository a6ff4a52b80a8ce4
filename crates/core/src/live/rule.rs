//! How the order of a venue's book updates is known, as data.
//!
//! The rules are those of the venues' documents: Binance "How to manage a local order book correctly" (spot 2026-07-21, futures
//! March 2026), Deribit "book notifications", OKX "sequence ID" (change log of 2026-02-12), Bybit "orderbook" (2026-07-24).

/// How updates follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// An update holds the ids `first..=last`, and the next one begins right after.
    UpdateRange,
    /// An update names the last id of the one before.
    PreviousId(Chain),
    /// `last` rises by one per update. Where it is 1 the update is a whole book.
    Counter,
    /// The book's checksum, which the venue's reader compares; it tells with [`super::book::LiveBook::fail`].
    Checksum,
    /// Each message is a whole book.
    Full,
    /// Nothing shows a loss.
    None,
}

/// Whose chain of previous ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chain {
    /// Ids rise. The first update after a snapshot by REST has the snapshot's id in its range, or as its previous one.
    Binance,
    /// Ids rise, and a snapshot is the first message.
    Deribit,
    /// An update without a change names its own id as the previous one. Ids may start again lower, where the chain holds. The
    /// first update after a snapshot by REST ends after the snapshot's id, and began at or before it.
    Okx,
}

/// The numbers of a message by which its place is known. What a venue does not have is 0 or `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ids {
    /// The first id that it holds.
    pub first: i64,
    /// The last id that it holds; of a snapshot, its only one.
    pub last: i64,
    /// The last id of the message before.
    pub previous: Option<i64>,
}

/// What an update is beside what is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The next one.
    Next,
    /// Known already.
    Stale,
    /// Something between is missing: so many ids, where they tell.
    After(Option<u64>),
}

impl Rule {
    /// The place of an update after the id `known`; `is_first`: the first one after a snapshot that came by REST.
    pub fn place(self, known: i64, ids: &Ids, is_first: bool) -> Place {
        let after = |expected: i64| Place::After(u64::try_from(ids.first.saturating_sub(expected)).ok());
        match self {
            Rule::UpdateRange if ids.last <= known => Place::Stale,
            Rule::UpdateRange if ids.first <= known.saturating_add(1) || (is_first && known == -1) => {
                Place::Next
            }
            Rule::UpdateRange => after(known.saturating_add(1)),
            Rule::Counter if ids.last <= known => Place::Stale,
            Rule::Counter if ids.last == known.saturating_add(1) => Place::Next,
            Rule::Counter => {
                Place::After(u64::try_from(ids.last.saturating_sub(known).saturating_sub(1)).ok())
            }
            Rule::PreviousId(chain) => chain.place(known, ids, is_first),
            Rule::Checksum | Rule::Full | Rule::None => Place::Next,
        }
    }

    /// Whether the ids alone show each loss.
    pub fn is_proof(self) -> bool {
        matches!(self, Rule::UpdateRange | Rule::PreviousId(_) | Rule::Counter)
    }
}

impl Chain {
    fn place(self, known: i64, ids: &Ids, is_first: bool) -> Place {
        let follows = ids.previous == Some(known);
        match self {
            Chain::Okx if is_first && ids.last <= known => Place::Stale,
            Chain::Okx if is_first && ids.previous.is_some_and(|previous| previous <= known) => Place::Next,
            Chain::Okx if follows => Place::Next,
            // A message that comes twice; a lower id is a new beginning that does not hold together.
            Chain::Okx if ids.last == known => Place::Stale,
            Chain::Binance if is_first && ids.last < known => Place::Stale,
            Chain::Binance if is_first && ids.first <= known && known <= ids.last => Place::Next,
            Chain::Binance | Chain::Deribit if follows => Place::Next,
            Chain::Binance | Chain::Deribit if ids.last <= known => Place::Stale,
            _ => Place::After(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        let range = |first, last| Ids { first, last, previous: None };
        let chain = |previous, last| Ids { first: previous + 1, last, previous: Some(previous) };
        let (binance, okx) = (Rule::PreviousId(Chain::Binance), Rule::PreviousId(Chain::Okx));
        let deribit = Rule::PreviousId(Chain::Deribit);
        for (rule, known, ids, is_first, expected) in [
            (Rule::UpdateRange, 10, range(13, 15), false, Place::After(Some(2))),
            (Rule::UpdateRange, 10, range(8, 10), false, Place::Stale),
            (Rule::UpdateRange, 10, range(11, 15), false, Place::Next),
            (Rule::UpdateRange, 10, range(8, 15), true, Place::Next),
            (Rule::UpdateRange, -1, range(8, 15), true, Place::Next),
            (Rule::UpdateRange, i64::MAX, range(8, i64::MAX), true, Place::Stale),
            (Rule::Counter, 10, range(0, 13), false, Place::After(Some(2))),
            (Rule::Counter, 10, range(0, 10), false, Place::Stale),
            (Rule::Counter, 10, range(0, 11), false, Place::Next),
            (binance, 10, chain(12, 15), false, Place::After(None)),
            (binance, 10, chain(7, 9), false, Place::Stale),
            (binance, 10, chain(10, 15), false, Place::Next),
            (binance, 10, Ids { first: 9, last: 12, previous: Some(3) }, true, Place::Next),
            (binance, 10, Ids { first: 9, last: 12, previous: Some(3) }, false, Place::After(None)),
            (binance, 10, Ids { first: 50, last: 60, previous: Some(10) }, true, Place::Next),
            (binance, 10, Ids { first: 1, last: 9, previous: Some(0) }, true, Place::Stale),
            (deribit, 10, chain(10, 11), false, Place::Next),
            (deribit, 10, chain(11, 12), false, Place::After(None)),
            (okx, 10, chain(10, 10), false, Place::Next),
            (okx, 10, chain(10, 3), false, Place::Next),
            (okx, 10, chain(8, 10), false, Place::Stale),
            (okx, 10, chain(2, 3), false, Place::After(None)),
            (okx, 10, chain(8, 12), true, Place::Next),
            (okx, 10, chain(8, 10), true, Place::Stale),
            (okx, 10, chain(11, 12), true, Place::After(None)),
        ] {
            assert_eq!(rule.place(known, &ids, is_first), expected, "{rule:?} {known} {ids:?} {is_first}");
        }
    }
}
