//! Which instruments an exchange has, when they lived, and which files the vendor offers of them.
//!
//! Start with [`Universe::of`].

pub(crate) mod assets;
pub(crate) mod calendar;
mod deribit;
mod futures;
pub(crate) mod listing;
mod perpetuals;
pub(crate) mod profile;
mod spot;

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};

use chrono::Datelike;
use mtdh_core::{DataType, Day};

use crate::config::{Config, Size};
use crate::generate::times::{HOUR_US, MINUTE_US};
use crate::lock;
use listing::{Kind, Listing, group_data_types};
use profile::Profile;

/// What shapes a universe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Scope {
    pub(crate) seed: u64,
    pub(crate) size: Size,
    /// First day on which a dated contract may end.
    pub(crate) first: Day,
    /// Last day on which a contract may be listed: the end of the clock's quarter, so that a moving clock seldom
    /// needs another universe.
    pub(crate) last: Day,
}

impl Scope {
    /// The larger of two counts, unless the world is small.
    pub(crate) fn pick<T>(self, realistic: T, small: T) -> T {
        if self.size == Size::Small { small } else { realistic }
    }
}

/// The instruments of one exchange over all time.
#[derive(Debug)]
pub(crate) struct Universe {
    pub(crate) profile: &'static Profile,
    /// All that were ever listed, by kind and then by name.
    pub(crate) listings: Vec<Listing>,
    by_dataset: HashMap<String, usize>,
}

/// What a file is asked for: one instrument, or all of a kind.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Subject<'a> {
    One(&'a Listing),
    Group(Kind),
}

type MadeBefore = HashMap<(Scope, &'static str), Arc<Universe>>;

impl Universe {
    /// The exchange's instruments, if there is such an exchange. Kept once made.
    pub(crate) fn of(config: &Config, exchange: &str) -> Option<Arc<Universe>> {
        static MADE: LazyLock<Mutex<MadeBefore>> = LazyLock::new(Mutex::default);
        const MOST: usize = 64;
        let profile = profile::find(exchange)?;
        let key = (scope(config), profile.id);
        let mut made = lock(&MADE);
        if made.len() >= MOST {
            made.clear();
        }
        Some(Arc::clone(made.entry(key).or_insert_with(|| Arc::new(Universe::make(key.0, profile)))))
    }

    fn make(scope: Scope, profile: &'static Profile) -> Universe {
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

    /// The instrument whose files have this symbol, exported or not.
    pub(crate) fn by_dataset(&self, symbol: &str) -> Option<&Listing> {
        self.by_dataset.get(symbol).map(|i| &self.listings[*i])
    }

    /// The instrument that the exchange calls so, in any case.
    pub(crate) fn by_id(&self, id: &str) -> Option<&Listing> {
        self.listings.iter().find(|l| l.id.eq_ignore_ascii_case(id))
    }

    /// What the files with this symbol are of, whether or not there are any on a given day.
    pub(crate) fn subject(&self, symbol: &str) -> Option<Subject<'_>> {
        if let Some(listing) = self.by_dataset(symbol).filter(|l| l.is_exported) {
            return Some(Subject::One(listing));
        }
        let kind = Kind::ALL.into_iter().find(|kind| kind.group() == symbol)?;
        self.has_group(kind).then_some(Subject::Group(kind))
    }

    /// Whether the vendor offers group files of a kind.
    pub(crate) fn has_group(&self, kind: Kind) -> bool {
        self.profile.has_groups && self.listings.iter().any(|l| l.kind == kind)
    }

    /// The instruments of a kind that lived on a day and have files.
    pub(crate) fn members(&self, kind: Kind, day: Day) -> impl Iterator<Item = &Listing> {
        self.listings.iter().filter(move |l| l.kind == kind && l.is_exported && l.lives_on(day))
    }
}

impl Subject<'_> {
    /// The types of files that the vendor offers.
    pub(crate) fn data_types(&self, profile: &Profile) -> Vec<DataType> {
        match self {
            Subject::One(listing) => listing.data_types(profile),
            Subject::Group(kind) => group_data_types(profile, *kind),
        }
    }

    /// From when to when there are files: the end is excluded and never lies beyond the export.
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

/// The end of the exported days: a day appears at 06:00 of the next. Microseconds since the Unix epoch, UTC.
pub(crate) fn exported_until(profile: &Profile, now_us: i64) -> i64 {
    const APPEARS_AFTER_US: i64 = 6 * HOUR_US;
    let exported = Day::containing_us(now_us - APPEARS_AFTER_US).map_or(now_us, Day::start_us);
    profile.end_day().map_or(exported, |end| end.start_us().min(exported))
}

/// When the file of a day appeared, microseconds since the Unix epoch, UTC.
pub(crate) fn exported_at(day: Day) -> i64 {
    day.end_us() + 6 * HOUR_US - 7 * MINUTE_US
}

fn scope(config: &Config) -> Scope {
    let now = Day::containing_us(config.now.timestamp_micros()).unwrap_or(profile::day("2024-03-03"));
    let first = config
        .options
        .contracts_since
        .map_or(profile::day("2023-01-01").min(now.plus(-400)), |since| since.0);
    let next_quarter = (config.now.year(), config.now.month0() / 3 * 3 + 4);
    let (year, month) = if next_quarter.1 > 12 { (next_quarter.0 + 1, 1) } else { next_quarter };
    let last = Day::new(year, month, 1).map_or(now, Day::previous);
    Scope { seed: config.seed, size: config.size, first, last }
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
