//! Dated futures: one table of rules for all exchanges.

use mtdh_core::Day;

use super::assets::Tier;
use super::calendar::{Series, at_hour, days, format_contract_date, month_code, series};
use super::listing::{Kind, Listing};
use super::perpetuals::invert;
use super::profile::Profile;
use super::scope::Scope;
use super::spot::bitcoin_as_xbt;
use crate::generate::decimal::Decimal;

/// A rule for a series of dated contracts.
struct Rule {
    exchange: &'static str,
    base: &'static str,
    quote: &'static str,
    /// Contract value in dollars if settled in the base currency; `None`: linear.
    inverse_usd: Option<i64>,
    /// Formats the symbol.
    id: fn(&str, Day) -> String,
    /// Whether there are weekly and monthly contracts.
    has_short_terms: bool,
    /// Hour of expiry, UTC.
    hour: i64,
}

const BINANCE: Rule = Rule {
    exchange: "binance-futures",
    base: "BTC",
    quote: "USDT",
    inverse_usd: None,
    id: |base, day| format!("{}usdt_{}", base.to_lowercase(), day.short()),
    has_short_terms: false,
    hour: 8,
};

const BINANCE_COIN: Rule = Rule {
    exchange: "binance-delivery",
    quote: "USD",
    inverse_usd: Some(100),
    id: |base, day| format!("{}usd_{}", base.to_lowercase(), day.short()),
    ..BINANCE
};

const OKEX: Rule = Rule {
    exchange: "okex-futures",
    quote: "USD",
    inverse_usd: Some(100),
    id: |base, day| format!("{base}-USD-{}", day.short()),
    has_short_terms: true,
    ..BINANCE
};

const DERIBIT: Rule = Rule {
    exchange: "deribit",
    quote: "USD",
    inverse_usd: Some(10),
    id: |base, day| format!("{base}-{}", format_contract_date(day)),
    has_short_terms: true,
    ..BINANCE
};

const BYBIT: Rule = Rule {
    exchange: "bybit",
    quote: "USD",
    inverse_usd: Some(1),
    id: |base, day| format!("{base}USD{}", month_code(day)),
    ..BINANCE
};

const BITMEX: Rule = Rule {
    exchange: "bitmex",
    quote: "USD",
    inverse_usd: Some(1),
    id: |base, day| format!("{}{}", bitcoin_as_xbt(base), month_code(day)),
    hour: 12,
    ..BINANCE
};

const RULES: &[Rule] = &[
    BINANCE,
    Rule { base: "ETH", ..BINANCE },
    BINANCE_COIN,
    Rule { base: "ETH", inverse_usd: Some(10), ..BINANCE_COIN },
    OKEX,
    Rule { base: "ETH", inverse_usd: Some(10), ..OKEX },
    Rule { quote: "USDT", inverse_usd: None, id: |base, day| format!("{base}-USDT-{}", day.short()), ..OKEX },
    DERIBIT,
    Rule { base: "ETH", inverse_usd: Some(1), ..DERIBIT },
    Rule {
        quote: "USDC",
        inverse_usd: None,
        id: |base, day| format!("{base}_USDC-{}", format_contract_date(day)),
        has_short_terms: false,
        ..DERIBIT
    },
    BYBIT,
    Rule { base: "ETH", ..BYBIT },
    Rule {
        quote: "USDC",
        inverse_usd: None,
        id: |base, day| format!("{base}-{}", format_contract_date(day)),
        has_short_terms: true,
        ..BYBIT
    },
    BITMEX,
    Rule { base: "ETH", ..BITMEX },
];

/// Returns all dated futures of an exchange.
pub(super) fn listings(scope: Scope, profile: &Profile) -> Vec<Listing> {
    let rules = RULES.iter().filter(|rule| rule.exchange == profile.id);
    rules.flat_map(|rule| contracts(scope, rule)).collect()
}

fn contracts(scope: Scope, rule: &Rule) -> Vec<Listing> {
    days(scope.first, scope.last.plus(LIFE_QUARTERLY))
        .filter_map(|day| lifetime_days(rule, day).map(|life| contract(rule, day, day.plus(-life))))
        .filter(|contract| contract.since_us < scope.last.end_us())
        .collect()
}

const LIFE_QUARTERLY: i64 = 182;

/// Returns the days for which a contract with this expiry trades. `None`: there is no such contract.
fn lifetime_days(rule: &Rule, day: Day) -> Option<i64> {
    match series(day) {
        Series::Quarterly => Some(LIFE_QUARTERLY),
        Series::Monthly if rule.has_short_terms => Some(63),
        Series::Weekly if rule.has_short_terms => Some(14),
        _ => None,
    }
}

fn contract(rule: &Rule, end: Day, listed: Day) -> Listing {
    let mut listing = Listing::new((rule.id)(rule.base, end), Kind::Future, rule.base, rule.quote, listed);
    listing.since_us = at_hour(listed, rule.hour);
    let end_us = at_hour(end, rule.hour);
    listing.until_us = Some(end_us);
    listing.expiry_us = Some(end_us);
    listing.tier = Tier::Minor;
    if let Some(usd) = rule.inverse_usd {
        invert(&mut listing, usd);
    }
    if rule.exchange == "deribit" {
        listing.price_step = Decimal::new(25, 1);
    }
    listing
}
