//! The instruments of a venue by the symbols of its messages. Options of venues whose options the simulated universe lacks are those of
//! Deribit under the venue's own names.

use std::collections::HashMap;

use chrono::{DateTime, Datelike as _};

use crate::config::Config;
use crate::generate::universe::Universe;
use crate::generate::universe::listing::{Kind, Listing};

/// The instruments of a venue.
#[derive(Debug)]
pub(in crate::sockets) struct Symbols {
    all: Vec<(Listing, String)>,
    by_name: HashMap<String, usize>,
}

impl Symbols {
    /// Returns the instruments that live at a time, microseconds since the Unix epoch, UTC; of `only` where it is not empty.
    pub(in crate::sockets) fn of(venue: &str, seed: u64, now_us: i64, only: &[String]) -> Symbols {
        let now = DateTime::from_timestamp_micros(now_us).unwrap_or_default();
        let config = Config { seed, now, ..Config::default() };
        let source = if venue.ends_with("-options") { "deribit" } else { venue };
        let universe = Universe::of(&config, source);
        let lives =
            |l: &&Listing| l.since_us <= now_us && l.until_us.is_none_or(|end| end > now_us + 3_600_000_000);
        let listings = universe.iter().flat_map(|universe| &universe.listings).filter(lives);
        let named = listings.filter_map(|listing| Some((listing.clone(), name(venue, listing)?)));
        let is_wanted = |name: &str| only.is_empty() || only.iter().any(|one| one.eq_ignore_ascii_case(name));
        let all: Vec<_> = named.filter(|(_, name)| is_wanted(name)).collect();
        let by_name = all.iter().enumerate().map(|(i, (_, name))| (name.to_uppercase(), i)).collect();
        Symbols { all, by_name }
    }

    /// Adds symbols of a recording, as instruments like the first one of the venue.
    pub(in crate::sockets) fn add(&mut self, names: &[String]) {
        let Some((like, _)) = self.all.first().cloned() else { return };
        for name in names
            .iter()
            .filter(|name| !self.by_name.contains_key(&name.to_uppercase()))
            .cloned()
            .collect::<Vec<_>>()
        {
            self.by_name.insert(name.to_uppercase(), self.all.len());
            self.all.push((like.clone(), name));
        }
    }

    /// Finds an instrument by its symbol, in any case.
    pub(in crate::sockets) fn find(&self, symbol: &str) -> Option<(&Listing, &str)> {
        let (listing, name) = &self.all[*self.by_name.get(&symbol.to_uppercase())?];
        Some((listing, name))
    }

    /// All instruments with their symbols.
    pub(in crate::sockets) fn iter(&self) -> impl Iterator<Item = (&Listing, &str)> {
        self.all.iter().map(|(listing, name)| (listing, name.as_str()))
    }
}

/// Returns the symbol of an instrument in a venue's messages. `None`: the venue has none of it.
fn name(venue: &str, listing: &Listing) -> Option<String> {
    let id = &listing.id;
    match venue {
        "binance" | "binance-futures" | "binance-delivery" => Some(id.to_uppercase()),
        "kraken" => Some(id.replace("XBT", "BTC")),
        "okex-options" | "bybit-options" => option_name(venue, listing),
        _ => Some(id.clone()),
    }
}

/// `BTC-USD-261225-100000-C` and `BTC-25DEC26-100000-C-USDT` for Deribit's `BTC-25DEC26-100000-C`.
fn option_name(venue: &str, listing: &Listing) -> Option<String> {
    if listing.kind != Kind::Option || listing.id.contains('_') {
        return None;
    }
    if venue == "bybit-options" {
        return Some(format!("{}-USDT", listing.id));
    }
    let end = DateTime::from_timestamp_micros(listing.expiry_us?)?;
    let mut parts = listing.id.split('-').skip(2);
    let (strike, right) = (parts.next()?, parts.next()?);
    let date = format!("{:02}{:02}{:02}", end.year() % 100, end.month(), end.day());
    Some(format!("{}-USD-{date}-{strike}-{right}", listing.base))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_venue_has_its_symbols() {
        let now_us = 1_796_000_000_000_000;
        for (venue, symbol) in [
            ("binance", "BTCUSDT"),
            ("binance-futures", "BTCUSDT"),
            ("binance-delivery", "BTCUSD_PERP"),
            ("deribit", "BTC-PERPETUAL"),
            ("bybit", "BTCUSDT"),
            ("bybit-spot", "BTCUSDT"),
            ("okex", "BTC-USDT"),
            ("okex-swap", "BTC-USDT-SWAP"),
            ("upbit", "KRW-BTC"),
            ("coinbase", "BTC-USD"),
            ("kraken", "BTC/USD"),
            ("bitmex", "XBTUSD"),
            ("hyperliquid", "BTC"),
        ] {
            let symbols = Symbols::of(venue, 1, now_us, &[]);
            assert_eq!(symbols.find(&symbol.to_lowercase()).map(|(_, name)| name), Some(symbol), "{venue}");
            assert!(symbols.find("NOSUCH").is_none());
        }
        for (venue, end) in [("okex-options", "-C"), ("bybit-options", "-USDT"), ("okex-futures", "")] {
            let symbols = Symbols::of(venue, 1, now_us, &[]);
            assert!(
                symbols.iter().any(|(_, name)| name.starts_with("BTC-") && name.ends_with(end)),
                "{venue}"
            );
        }
    }
}
