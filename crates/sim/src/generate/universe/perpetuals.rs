//! Perpetual contracts of all exchanges.

use super::assets::{COINS, Tier};
use super::listing::{Kind, Listing, Margin};
use super::profile::{Profile, day};
use super::scope::Scope;
use super::spot::{bitcoin_as_xbt, coins};
use crate::config::Size;
use crate::generate::decimal::Decimal;
use crate::generate::times::HOUR_US;

/// Returns all perpetual contracts of an exchange.
pub(super) fn listings(scope: Scope, profile: &Profile) -> Vec<Listing> {
    match profile.id {
        "binance-futures" => binance_futures(scope),
        "binance-delivery" => inverse(
            scope,
            20,
            |base| format!("{}usd_perp", base.to_lowercase()),
            |base| if base == "BTC" { 100 } else { 10 },
        ),
        "okex-swap" => okex_swap(scope),
        "bybit" => bybit(scope),
        "bitmex" => bitmex(scope),
        "deribit" => deribit(scope),
        "hyperliquid" => hyperliquid(scope),
        "ftx" => coins(scope, 10)
            .map(|(base, _, _, since)| linear(&format!("{base}-PERP"), base, "USD", since, 1))
            .collect(),
        _ => Vec::new(),
    }
}

fn linear(id: &str, base: &'static str, quote: &'static str, since: &str, coins: i64) -> Listing {
    let mut listing = Listing::new(id.to_owned(), Kind::Perpetual, base, quote, day(since));
    listing.set_coins(coins);
    listing
}

/// Makes a contract inverse: worth `usd` dollars, settled in its base currency.
pub(super) fn invert(listing: &mut Listing, usd: i64) {
    listing.margin = Margin::Inverse;
    listing.multiplier = Decimal::new(usd, 0);
    listing.amount_step = Decimal::new(1, 0);
    listing.set_lot_value(usd as f64);
}

fn inverse(
    scope: Scope,
    count: usize,
    id: impl Fn(&str) -> String,
    usd: impl Fn(&str) -> i64,
) -> Vec<Listing> {
    coins(scope, count)
        .map(|(base, _, _, since)| {
            let mut listing = linear(&id(base), base, "USD", since, 1);
            listing.tier = if *base == "BTC" { Tier::Middle } else { Tier::Minor };
            invert(&mut listing, usd(base));
            listing
        })
        .collect()
}

/// Returns the coins per contract: exchanges bundle cheap coins.
fn bundle(base: &str) -> i64 {
    if matches!(base, "SHIB" | "PEPE" | "BONK" | "FLOKI" | "LUNC" | "XEC" | "SATS" | "RATS") {
        1000
    } else {
        1
    }
}

/// Returns the name of a bundle.
fn bundled(base: &str) -> String {
    if bundle(base) == 1 { base.to_owned() } else { format!("1000{base}") }
}

fn binance_futures(scope: Scope) -> Vec<Listing> {
    let mut listings: Vec<Listing> = coins(scope, COINS.len())
        .map(|(base, _, _, since)| {
            let id = format!("{}usdt", bundled(base).to_lowercase());
            linear(&id, base, "USDT", since, bundle(base))
        })
        .collect();
    let usdc: Vec<Listing> = coins(scope, 10)
        .map(|(base, _, _, _)| linear(&format!("{}usdc", base.to_lowercase()), base, "USDC", "2024-01-04", 1))
        .collect();
    listings.extend(usdc);
    let mut ended = linear("btcbusd", "BTC", "BUSD", "2021-01-11", 1);
    ended.until_us = Some(day("2023-12-11").start_us() + 9 * HOUR_US);
    listings.push(ended);
    listings
}

fn okex_swap(scope: Scope) -> Vec<Listing> {
    let mut listings: Vec<Listing> = coins(scope, 80)
        .map(|(base, usd, _, since)| {
            let mut listing = linear(&format!("{base}-USDT-SWAP"), base, "USDT", since, 1);
            let worth =
                [0.01, 0.1, 1.0, 10.0, 100.0, 1e4, 1e6].into_iter().find(|n| n * usd > 50.0).unwrap_or(1e7);
            listing.multiplier = Decimal::round(worth, 2);
            listing.amount_step = Decimal::new(1, 0);
            listing.set_lot_value(worth * usd);
            listing
        })
        .collect();
    listings.extend(inverse(
        scope,
        12,
        |base| format!("{base}-USD-SWAP"),
        |base| if base == "BTC" { 100 } else { 10 },
    ));
    listings
}

fn bybit(scope: Scope) -> Vec<Listing> {
    let mut listings: Vec<Listing> = coins(scope, 50)
        .map(|(base, _, _, since)| {
            let base_in_id = bundled(base);
            linear(&format!("{base_in_id}USDT"), base, "USDT", since, bundle(base))
        })
        .collect();
    listings.extend(inverse(scope, 6, |base| format!("{base}USD"), |_| 1));
    listings.push(linear("BTCPERP", "BTC", "USDC", "2022-04-07", 1));
    listings
}

fn bitmex(scope: Scope) -> Vec<Listing> {
    let mut xbtusd = linear("XBTUSD", "BTC", "USD", "2019-03-30", 1);
    invert(&mut xbtusd, 1);
    xbtusd.amount_step = Decimal::new(100, 0);
    xbtusd.price_step = Decimal::new(5, 1);
    xbtusd.set_lot_value(100.0);
    // A point of the price is worth a hundred satoshi, whatever bitcoin costs.
    let mut ethusd = linear("ETHUSD", "ETH", "USD", "2019-03-30", 1);
    ethusd.margin = Margin::Quanto;
    ethusd.multiplier = Decimal::new(1, 6);
    ethusd.amount_step = Decimal::new(1, 0);
    ethusd.price_step = Decimal::new(5, 2);
    ethusd.tier = Tier::Middle;
    ethusd.set_lot_value(200.0);
    let mut listings = vec![xbtusd, ethusd];
    listings.extend(
        coins(scope, 10).map(|(base, _, _, since)| {
            linear(&format!("{}USDT", bitcoin_as_xbt(base)), base, "USDT", since, 1)
        }),
    );
    listings
}

fn deribit(scope: Scope) -> Vec<Listing> {
    let mut listings = Vec::new();
    for (base, step) in
        [("BTC", Decimal::new(5, 1)), ("ETH", Decimal::new(5, 2))].into_iter().take(scope.by_size(2, 1))
    {
        let mut listing = linear(&format!("{base}-PERPETUAL"), base, "USD", "2019-03-30", 1);
        invert(&mut listing, if base == "BTC" { 10 } else { 1 });
        listing.amount_step = listing.multiplier;
        listing.price_step = step;
        listings.push(listing);
    }
    let count = scope.by_size(24, 1);
    for (base, _, tier, since) in COINS.iter().filter(|coin| bundle(coin.0) == 1).take(count) {
        let since = since.to_string().max("2022-03-15".to_owned());
        let mut listing = linear(&format!("{base}_USDC-PERPETUAL"), base, "USDC", &since, 1);
        listing.tier = if *tier == Tier::Major { Tier::Middle } else { Tier::Minor };
        listings.push(listing);
    }
    if scope.size == Size::Realistic {
        let mut ended = linear("LUNC_USDC-PERPETUAL", "LUNC", "USDC", "2022-05-10", 1);
        ended.until_us = Some(day("2024-01-12").start_us() + 8 * HOUR_US);
        listings.push(ended);
    }
    listings
}

fn hyperliquid(scope: Scope) -> Vec<Listing> {
    let mut listings: Vec<Listing> = coins(scope, 20)
        .filter(|(base, ..)| bundle(base) == 1)
        .map(|(base, _, _, since)| linear(base, base, "USD", since, 1))
        .collect();
    listings.push(linear("kPEPE", "PEPE", "USD", "2023-10-29", 1000));
    listings.push(linear("kSHIB", "SHIB", "USD", "2023-10-29", 1000));
    listings
}
