//! Where two books differ.

use mtdh_core::book::{BookLevel, OrderBook};

use super::Kind;

/// Levels of a side that count as the best ones.
const TOP: usize = 10;

/// A book, and the worst prices of its last snapshot: the lowest bid and the highest ask.
type Standing<'a> = (&'a OrderBook, Option<(f64, f64)>);

/// The first level that differs, best first; `None`: the books are equal.
pub(super) fn differing(
    live: Standing<'_>,
    vendor: Standing<'_>,
) -> Option<(Kind, &'static str, String, String)> {
    let bids = first(live.0.bids(), vendor.0.bids());
    let asks = first(live.0.asks(), vendor.0.asks());
    let (place, name, (ours, theirs)) = match (bids, asks) {
        (Some(bid), Some(ask)) if ask.0 < bid.0 => (ask.0, "ask", ask.1),
        (Some(bid), _) => (bid.0, "bid", bid.1),
        (None, Some(ask)) => (ask.0, "ask", ask.1),
        (None, None) => return None,
    };
    let text = |level: Option<BookLevel>| match level {
        Some((price, amount)) => format!("{name} {} is {price} × {amount}", place + 1),
        None => format!("there is no {name} {}", place + 1),
    };
    let kind = if place < TOP { Kind::BookTop } else { Kind::BookDepth };
    let field = if kind == Kind::BookDepth && is_beyond(live, vendor) { "beyond the snapshot" } else { "" };
    Some((kind, field, text(ours), text(theirs)))
}

type Levels = (Option<BookLevel>, Option<BookLevel>);

fn first(
    live: impl Iterator<Item = BookLevel>,
    vendor: impl Iterator<Item = BookLevel>,
) -> Option<(usize, Levels)> {
    let (mut live, mut vendor) = (live, vendor);
    let mut place = 0;
    loop {
        match (live.next(), vendor.next()) {
            (None, None) => return None,
            (ours, theirs) if ours != theirs => return Some((place, (ours, theirs))),
            _ => place += 1,
        }
    }
}

/// Whether the books are equal within the prices of both last snapshots: what lies beyond them neither side knew whole.
fn is_beyond(live: Standing<'_>, vendor: Standing<'_>) -> bool {
    let (Some(ours), Some(theirs)) = (live.1, vendor.1) else { return false };
    let (low, high) = (ours.0.max(theirs.0), ours.1.min(theirs.1));
    let bids =
        |book: &OrderBook| -> Vec<BookLevel> { book.bids().take_while(|level| level.0 >= low).collect() };
    let asks =
        |book: &OrderBook| -> Vec<BookLevel> { book.asks().take_while(|level| level.0 <= high).collect() };
    bids(live.0) == bids(vendor.0) && asks(live.0) == asks(vendor.0)
}
