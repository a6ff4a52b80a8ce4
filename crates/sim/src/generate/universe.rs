//! The instruments of an exchange, their lifetimes, and the files that Tardis offers for them.
//!
//! Start with [`Universe::of`].

pub(crate) mod assets;
pub(crate) mod calendar;
mod deribit;
mod futures;
pub(crate) mod listing;
mod perpetuals;
pub(crate) mod profile;
pub(crate) mod scope;
mod spot;

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};

use mtdh_core::{DataType, Day};

use crate::config::Config;
use crate::generate::times::{HOUR_US, MINUTE_US};
use crate::sync::lock;
use listing::{Kind, Listing, group_data_types};
use profile::Profile;
use scope::Scope;

/// The instruments of one exchange over all time.
#[derive(Debug)]
pub(crate) struct Universe {
    pub(crate) profile: &'static Profile,
    /// All instruments ever listed, by kind, then by id.
    pub(crate) listings: Vec<Listing>,
    by_dataset: HashMap<String, usize>,
}

/// The contents of a file: one instrument, or all of a kind.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Subject<'a> {
    One(&'a Listing),
    Group(Kind),
}

type Cache = HashMap<(Scope, &'static str), Arc<Universe>>;

impl Universe {
    /// Returns the instruments of an exchange, cached. `None`: no such exchange.
    pub(crate) fn of(config: &Config, exchange: &str) -> Option<Arc<Universe>> {
        static CACHE: LazyLock<Mutex<Cache>> = LazyLock::new(Mutex::default);
        const MAX_UNIVERSES: usize = 64;
        let profile = profile::find(exchange)?;
        let key = (Scope::new(config), profile.id);
        let mut cache = lock(&CACHE);
        if cache.len() >= MAX_UNIVERSES {
            cache.clear();
        }
        Some(Arc::clone(cache.entry(key).or_insert_with(|| Arc::new(Universe::generate(key.0, profile)))))
    }

    fn generate(scope: Scope, profile: &'static Profile) -> Universe {
        let mut listings = [spot::listings, perpetuals::listings, futures::listings, deribit::listings]
            .into_iter()
            .flat_map(|make| make(scope, profile))
            .collect::<Vec<_>>();
        let first_us = profile.first_day().start_us();
        for listing in &mut listings {
            listing.since_us = listing.since_us.max(first_us);
            if let Some(end) = profile.end_day() {
                listing.until_us =
                    Some(listing.until_us.map_or(end.start_us(), |until| until.min(end.start_us())));
            }
        }
        listings.retain(|l| l.until_us.is_none_or(|until| until > l.since_us));
        listings.sort_by(|a, b| (a.kind, &a.id).cmp(&(b.kind, &b.id)));
        let by_dataset = listings.iter().enumerate().map(|(i, l)| (l.dataset.clone(), i)).collect();
        Universe { profile, listings, by_dataset }
    }

    /// Finds an instrument by its dataset symbol, exported or not.
    pub(crate) fn by_dataset(&self, symbol: &str) -> Option<&Listing> {
        self.by_dataset.get(symbol).map(|i| &self.listings[*i])
    }

    /// Finds an instrument by the exchange's symbol, without case.
    pub(crate) fn by_id(&self, id: &str) -> Option<&Listing> {
        self.listings.iter().find(|l| l.id.eq_ignore_ascii_case(id))
    }

    /// Returns the contents of the files with this symbol. `None`: no file ever has it.
    pub(crate) fn subject(&self, symbol: &str) -> Option<Subject<'_>> {
        if let Some(listing) = self.by_dataset(symbol).filter(|l| l.is_exported) {
            return Some(Subject::One(listing));
        }
        let kind = Kind::ALL.into_iter().find(|kind| kind.group() == symbol)?;
        self.has_group(kind).then_some(Subject::Group(kind))
    }

    /// Whether Tardis offers grouped files of a kind.
    pub(crate) fn has_group(&self, kind: Kind) -> bool {
        self.profile.has_groups && self.listings.iter().any(|l| l.kind == kind)
    }

    /// Returns the instruments of a kind that traded on a day and have files.
    pub(crate) fn members(&self, kind: Kind, day: Day) -> impl Iterator<Item = &Listing> {
        self.listings.iter().filter(move |l| l.kind == kind && l.is_exported && l.lives_on(day))
    }
}

impl Subject<'_> {
    /// Returns the data types that Tardis offers.
    pub(crate) fn data_types(&self, profile: &Profile) -> Vec<DataType> {
        match self {
            Subject::One(listing) => listing.data_types(profile),
            Subject::Group(kind) => group_data_types(profile, *kind),
        }
    }

    /// Returns start and end of the available data, microseconds since the Unix epoch, UTC. The end is excluded and at
    /// most the end of the export.
    pub(crate) fn available(&self, profile: &Profile, now_us: i64) -> (i64, i64) {
        let exported = exported_until(profile, now_us);
        match self {
            Subject::One(listing) => {
                (listing.since_us, listing.until_us.map_or(exported, |u| u.min(exported)))
            }
            Subject::Group(_) => (profile.first_day().start_us(), exported),
        }
    }
}

/// Returns the end of the exported days, microseconds since the Unix epoch, UTC. A day appears at 06:00 of the next.
pub(crate) fn exported_until(profile: &Profile, now_us: i64) -> i64 {
    const APPEARS_AFTER_US: i64 = 6 * HOUR_US;
    let exported = Day::containing_us(now_us - APPEARS_AFTER_US).map_or(now_us, Day::start_us);
    profile.end_day().map_or(exported, |end| end.start_us().min(exported))
}

/// Returns when the files of a day appeared, microseconds since the Unix epoch, UTC.
pub(crate) fn exported_at(day: Day) -> i64 {
    day.end_us() + 6 * HOUR_US - 7 * MINUTE_US
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn universe(exchange: &str) -> Arc<Universe> {
        Universe::of(&Config::default(), exchange).unwrap()
    }

    #[test]
    fn symbols_are_unique() {
        for profile in profile::all() {
            let universe = universe(profile.id);
            assert!(!universe.listings.is_empty(), "{}", profile.id);
            let symbols: HashSet<&str> = universe.listings.iter().map(|l| l.dataset.as_str()).collect();
            assert_eq!(symbols.len(), universe.listings.len(), "{}", profile.id);
        }
    }

    #[test]
    fn deribit_is_large_on_any_day() {
        let deribit = universe("deribit");
        for text in ["2023-05-23", "2023-12-31", "2024-03-01", "2024-03-02"] {
            let day = profile::day(text);
            let alive = deribit.listings.iter().filter(|l| l.lives_on(day));
            let options = alive.filter(|l| l.kind == Kind::Option).count();
            assert!((1_300..2_600).contains(&options), "{text}: {options} options");
            for kind in Kind::ALL {
                assert!(deribit.members(kind, day).next().is_some(), "{text}: no {}", kind.name());
            }
        }
    }

    #[test]
    fn other_years_have_their_own_options() {
        for (now, text) in [("2020-06-09T12:00:00Z", "2020-06-08"), ("2026-09-02T12:00:00Z", "2026-09-01")] {
            let now = now.parse().unwrap();
            let deribit = Universe::of(&Config { now, ..Config::default() }, "deribit").unwrap();
            let options = deribit.members(Kind::Option, profile::day(text)).count();
            assert!((1_300..2_600).contains(&options), "{text}: {options} options");
        }
    }

    #[test]
    fn the_known_odd_symbols_exist() {
        for (exchange, id, dataset) in [
            ("binance", "btcusdt", "BTCUSDT"),
            ("binance", "1inchusdt", "1INCHUSDT"),
            ("binance", "1000satsusdt", "1000SATSUSDT"),
            ("binance", "usdttry", "USDTTRY"),
            ("binance-futures", "1000shibusdt", "1000SHIBUSDT"),
            ("binance-futures", "btcusdt_240329", "BTCUSDT_240329"),
            ("binance-delivery", "btcusd_perp", "BTCUSD_PERP"),
            ("deribit", "BTC-4MAR24-62000-C", "BTC-4MAR24-62000-C"),
            ("deribit", "BTC_USDC-PERPETUAL", "BTC_USDC-PERPETUAL"),
            ("deribit", "BTC-29MAR24", "BTC-29MAR24"),
            ("okex-swap", "BTC-USDT-SWAP", "BTC-USDT-SWAP"),
            ("okex-futures", "BTC-USD-240329", "BTC-USD-240329"),
            ("bitmex", "XBTUSD", "XBTUSD"),
            ("bybit", "BTCUSDM24", "BTCUSDM24"),
            ("upbit", "KRW-BTC", "KRW-BTC"),
            ("kraken", "XBT/USD", "XBT-USD"),
            ("hyperliquid", "kPEPE", "KPEPE"),
            ("hyperliquid", "@107", "@107"),
            ("coinbase", "BTC-USD", "BTC-USD"),
        ] {
            let universe = universe(exchange);
            assert_eq!(universe.by_dataset(dataset).map(|l| l.id.as_str()), Some(id), "{exchange}");
        }
        let decimal = universe("deribit");
        assert!(
            decimal
                .listings
                .iter()
                .any(|l| l.id.starts_with("XRP_USDC-29MAR24-0d") && l.dataset.contains("-0D"))
        );
    }

    #[test]
    fn a_day_appears_the_next_morning() {
        let profile = profile::find("binance").unwrap();
        let day = profile::day("2024-03-02");
        assert_eq!(exported_until(profile, day.end_us() + 5 * HOUR_US), day.start_us());
        assert_eq!(exported_until(profile, day.end_us() + 6 * HOUR_US), day.end_us());
    }
}
