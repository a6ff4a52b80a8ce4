//! Deribit's options and combos. They follow from the calendar and from the price on the day of listing, so that every
//! day has its own instruments.

use mtdh_core::Day;

use super::assets::Tier;
use super::calendar::{Series, at_hour, days, format_contract_date, series};
use super::listing::{Kind, Listing, Margin, OptionTerms};
use super::profile::{Profile, day};
use super::scope::Scope;
use crate::config::Size;
use crate::generate::decimal::Decimal;
use crate::generate::prices::Pair;
use crate::generate::rng::hash;
use crate::generate::times::SECOND_US;

/// A family of options.
struct Family {
    /// Name before the date: `BTC` or `XRP_USDC`.
    name: &'static str,
    base: &'static str,
    quote: &'static str,
    /// Distance of strikes: daily, weekly, monthly, quarterly.
    strike_steps: [Decimal; 4],
    /// Number of strikes, in the same order.
    strikes: [i64; 4],
}

const fn steps(mantissas: [i64; 4], scale: u8) -> [Decimal; 4] {
    let [a, b, c, d] = mantissas;
    [Decimal::new(a, scale), Decimal::new(b, scale), Decimal::new(c, scale), Decimal::new(d, scale)]
}

const COIN_STRIKES: [i64; 4] = [18, 26, 34, 44];
const USDC_STRIKES: [i64; 4] = [8, 10, 12, 12];

const FAMILIES: &[Family] = &[
    Family {
        name: "BTC",
        base: "BTC",
        quote: "BTC",
        strike_steps: steps([500, 1000, 2000, 5000], 0),
        strikes: COIN_STRIKES,
    },
    Family {
        name: "XRP_USDC",
        base: "XRP",
        quote: "USDC",
        strike_steps: steps([1, 2, 5, 10], 2),
        strikes: USDC_STRIKES,
    },
    Family {
        name: "ETH",
        base: "ETH",
        quote: "ETH",
        strike_steps: steps([25, 50, 100, 200], 0),
        strikes: COIN_STRIKES,
    },
    Family {
        name: "SOL_USDC",
        base: "SOL",
        quote: "USDC",
        strike_steps: steps([2, 5, 10, 20], 0),
        strikes: USDC_STRIKES,
    },
    Family {
        name: "MATIC_USDC",
        base: "MATIC",
        quote: "USDC",
        strike_steps: steps([1, 2, 5, 10], 2),
        strikes: USDC_STRIKES,
    },
];

/// Days for which a contract trades, by series.
const LIVES: [i64; 4] = [4, 28, 91, 364];

/// Returns all options and combos, for Deribit only.
pub(super) fn listings(scope: Scope, profile: &Profile) -> Vec<Listing> {
    if profile.id != "deribit" {
        return Vec::new();
    }
    let mut listings = Vec::new();
    for family in FAMILIES.iter().take(scope.by_size(FAMILIES.len(), 2)) {
        for end in days(scope.first, scope.last.plus(LIVES[3])) {
            listings.extend(options(scope, family, end));
        }
    }
    for end in days(scope.first, scope.last) {
        listings.extend(combos(scope, end));
    }
    listings.retain(|listing| listing.since_us < scope.last.end_us());
    listings
}

/// Returns the options of a family that expire on a day.
fn options(scope: Scope, family: &Family, end: Day) -> Vec<Listing> {
    let row = series(end) as usize;
    let Some((life, strikes)) = lifetime_and_strikes(scope, family, row) else { return Vec::new() };
    let listed_us = at_hour(end.plus(-life), 8) + (hash(scope.seed, &[family.name]) % 50) as i64 * SECOND_US;
    let step = family.strike_steps[row];
    let price = Pair::new(scope.seed, family.base, "USD").at(listed_us);
    let nearest = (price / step.to_f64()).round() as i64;
    let lowest = (nearest - strikes / 2).max(1);
    let date = format_contract_date(end);
    let pattern = pattern(family, listed_us, at_hour(end, 8));
    (lowest..lowest + strikes)
        .flat_map(|count| [true, false].map(|is_call| (step.times(count), is_call)))
        .map(|(strike, is_call)| {
            option(family, &pattern, &date, OptionTerms { strike, is_call, expiry_us: at_hour(end, 8) })
        })
        .collect()
}

/// Returns the lifetime in days and the number of strikes of a series. `None`: there are none in this size.
fn lifetime_and_strikes(scope: Scope, family: &Family, row: usize) -> Option<(i64, i64)> {
    let (life, strikes) = (LIVES[row], family.strikes[row]);
    let (life, strikes) = match scope.size {
        Size::Realistic => (life, strikes),
        Size::Small if family.quote == "USDC" => (life.min(28), if row == 0 { 0 } else { strikes.min(1) }),
        Size::Small => (life.min(if row == 0 { 2 } else { 14 }), strikes.min(1)),
    };
    (strikes > 0).then_some((life, strikes))
}

/// Returns a listing with everything that the options of a family with one expiry share.
fn pattern(family: &Family, listed_us: i64, end_us: i64) -> Listing {
    let is_inverse = family.quote == family.base;
    let mut listing = Listing::new(String::new(), Kind::Option, family.base, family.quote, day("2019-03-30"));
    listing.since_us = listed_us;
    listing.until_us = Some(end_us);
    listing.expiry_us = Some(end_us);
    listing.tier = Tier::Tail;
    listing.margin = if is_inverse { Margin::Inverse } else { Margin::Linear };
    listing.price_step = Decimal::new(1, 4);
    listing.amount_step = match family.base {
        "BTC" => Decimal::new(1, 1),
        "ETH" => Decimal::new(1, 0),
        _ => Decimal::new(10, 0),
    };
    listing.usual_lots = 120;
    listing
}

fn option(family: &Family, pattern: &Listing, date: &str, terms: OptionTerms) -> Listing {
    let strike = terms.strike.text();
    let strike = if pattern.margin == Margin::Linear { strike.replace('.', "d") } else { strike };
    let letter = if terms.is_call { "C" } else { "P" };
    let id = format!("{}-{date}-{strike}-{letter}", family.name);
    Listing { dataset: id.to_uppercase(), id, option: Some(terms), ..pattern.clone() }
}

/// Returns the combos on the contracts that expire on a month's last Friday.
fn combos(scope: Scope, end: Day) -> Vec<Listing> {
    let row = series(end) as usize;
    if row == Series::Daily as usize || row == Series::Weekly as usize {
        return Vec::new();
    }
    let listed = end.plus(-60);
    let price = Pair::new(scope.seed, "BTC", "USD").at(listed.start_us());
    let strike = (price / 5_000.0).round() as i64 * 5_000;
    let date = format_contract_date(end);
    let names = [
        format!("BTC-FS-{date}_PERP"),
        format!("BTC-CS-{date}-{strike}_{}", strike + 5_000),
        format!("BTC-STRD-{date}-{strike}"),
    ];
    let count = scope.by_size(names.len(), 1);
    let combo = |id: String| {
        let is_future_spread = id.contains("-FS-");
        let quote = if is_future_spread { "USD" } else { "BTC" };
        let mut listing = Listing::new(id, Kind::Combo, "BTC", quote, listed);
        listing.since_us = at_hour(listed, 9);
        listing.until_us = Some(at_hour(end, 8));
        listing.expiry_us = listing.until_us;
        listing.tier = Tier::Tail;
        listing.margin = Margin::Inverse;
        listing.price_step = if is_future_spread { Decimal::new(5, 1) } else { Decimal::new(1, 4) };
        listing.amount_step = if is_future_spread { Decimal::new(10, 0) } else { Decimal::new(1, 1) };
        listing.usual_lots = 50;
        listing
    };
    names.into_iter().take(count).map(combo).collect()
}
