//! The checksums that venues send with their books (reference/live.md 6.3 and 10).

use super::number::{Style, write};
use super::scene::Scene;
use crate::generate::market::ladder::Level;

/// OKX's of before 2026-06-23: of the best 25 levels, bid and ask in turn, `price:size` joined by colons, as a signed number.
pub(super) fn okx(scene: &Scene<'_>) -> i64 {
    let market = scene.market;
    let mut text = Vec::new();
    for place in 0..25 {
        for level in [market.bids.get(place), market.asks.get(place)].into_iter().flatten() {
            if !text.is_empty() {
                text.push(b':');
            }
            write(market.listing.price(level.tick), Style::Short, &mut text);
            text.push(b':');
            write(market.listing.amount(level.lots), Style::Short, &mut text);
        }
    }
    i64::from(crc32fast::hash(&text) as i32) ^ i64::from(market.has_wrong_checksum)
}

/// Kraken's: of the best 10 asks and then bids, digits of price and amount without the point and leading zeros.
pub(super) fn kraken(scene: &Scene<'_>) -> i64 {
    let market = scene.market;
    let mut text = Vec::new();
    let mut side = |levels: &[Level]| {
        for level in levels.iter().take(10) {
            digits(&mut text, |out| write(market.listing.price(level.tick), Style::Step, out));
            digits(&mut text, |out| write(market.listing.amount(level.lots), Style::Fixed(8), out));
        }
    };
    side(&market.asks);
    side(&market.bids);
    i64::from(crc32fast::hash(&text)) ^ i64::from(market.has_wrong_checksum)
}

fn digits(text: &mut Vec<u8>, number: impl Fn(&mut Vec<u8>)) {
    let mut plain = Vec::new();
    number(&mut plain);
    plain.retain(|byte| *byte != b'.');
    let zeros = plain.iter().take_while(|byte| **byte == b'0').count();
    text.extend_from_slice(&plain[zeros..]);
}
