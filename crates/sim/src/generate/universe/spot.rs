//! Spot pairs of all exchanges.

use super::assets::{Asset, COINS, Tier};
use super::listing::{Kind, Listing};
use super::profile::{Profile, day};
use super::scope::Scope;
use crate::config::Size;
use crate::generate::times::HOUR_US;

/// The coins in [`Size::Small`].
const FEW: [&str; 5] = ["BTC", "ETH", "SHIB", "1INCH", "C98"];

/// Returns the coins that an exchange trades: the first `count`, or a few in [`Size::Small`].
pub(super) fn coins(scope: Scope, count: usize) -> impl Iterator<Item = &'static Asset> {
    COINS
        .iter()
        .enumerate()
        .filter(
            move |(i, (name, ..))| if scope.size == Size::Small { FEW.contains(name) } else { *i < count },
        )
        .map(|(_, coin)| coin)
}

/// Returns all spot pairs of an exchange.
pub(super) fn listings(scope: Scope, profile: &Profile) -> Vec<Listing> {
    match profile.id {
        "binance" => binance(scope),
        "okex" => pairs(scope, 30, "USDT", |base, quote| format!("{base}-{quote}")),
        "bybit-spot" => pairs(scope, 30, "USDT", |base, quote| format!("{base}{quote}")),
        "coinbase" => pairs(scope, 20, "USD", |base, quote| format!("{base}-{quote}")),
        "upbit" => pairs(scope, 20, "KRW", |base, quote| format!("{quote}-{base}")),
        "kraken" => pairs(scope, 15, "USD", |base, quote| format!("{}/{quote}", bitcoin_as_xbt(base))),
        "ftx" => pairs(scope, 3, "USD", |base, quote| format!("{base}/{quote}")),
        "deribit" => deribit(scope),
        "hyperliquid" => hyperliquid(),
        "bitmex" => vec![pair("XBT_USDT", "BTC", "USDT", "2022-05-17")],
        _ => Vec::new(),
    }
}

/// Renames bitcoin as Kraken and BitMEX do.
pub(super) fn bitcoin_as_xbt(base: &str) -> &str {
    if base == "BTC" { "XBT" } else { base }
}

fn pair(id: &str, base: &'static str, quote: &'static str, since: &str) -> Listing {
    Listing::new(id.to_owned(), Kind::Spot, base, quote, day(since))
}

fn pairs(scope: Scope, count: usize, quote: &'static str, id: impl Fn(&str, &str) -> String) -> Vec<Listing> {
    coins(scope, count).map(|(base, _, _, since)| pair(&id(base, quote), base, quote, since)).collect()
}

fn binance(scope: Scope) -> Vec<Listing> {
    let lower = |base: &str, quote: &str| format!("{base}{quote}").to_lowercase();
    let mut listings = Vec::new();
    for (base, _, _, since) in coins(scope, COINS.len()) {
        if *base == "SATS" {
            let mut sats = pair("1000satsusdt", base, "USDT", since);
            sats.set_coins(1000);
            listings.push(sats);
        } else if *base != "RATS" {
            listings.push(pair(&lower(base, "USDT"), base, "USDT", since));
        }
    }
    let ended = |mut listing: Listing, until: &str| {
        listing.until_us = Some(day(until).start_us() + 3 * HOUR_US);
        listing.tier = Tier::Tail;
        listing
    };
    listings.push(pair("usdttry", "USDT", "TRY", "2020-05-06"));
    listings.push(pair("ethbtc", "ETH", "BTC", "2019-03-30"));
    listings.push(ended(pair("btcupusdt", "BTCUP", "USDT", "2020-05-14"), "2024-02-28"));
    listings.push(ended(pair("btcbusd", "BTC", "BUSD", "2019-09-20"), "2023-12-15"));
    if scope.size == Size::Small {
        return listings;
    }
    for (id, base, quote, since) in [
        ("usdcusdt", "USDC", "USDT", "2019-03-30"),
        ("btctry", "BTC", "TRY", "2020-05-06"),
        ("btceur", "BTC", "EUR", "2020-01-03"),
        ("btcbrl", "BTC", "BRL", "2020-12-09"),
        ("btcfdusd", "BTC", "FDUSD", "2023-07-26"),
        ("ethfdusd", "ETH", "FDUSD", "2023-08-04"),
        ("btcusdc", "BTC", "USDC", "2019-03-30"),
        ("ethusdc", "ETH", "USDC", "2019-03-30"),
        ("solbtc", "SOL", "BTC", "2020-08-11"),
        ("bnbbtc", "BNB", "BTC", "2019-03-30"),
        ("xrpbtc", "XRP", "BTC", "2019-03-30"),
    ] {
        listings.push(pair(id, base, quote, since));
    }
    for (base, until) in
        [("ETH", "2023-12-15"), ("SOL", "2023-12-15"), ("XRP", "2023-12-15"), ("BNB", "2023-12-15")]
    {
        listings.push(ended(pair(&lower(base, "BUSD"), base, "BUSD", "2020-01-01"), until));
    }
    listings.push(ended(pair("eth3susdt", "ETH3S", "USDT", "2020-05-14"), "2024-03-02"));
    let mut announced = pair("aevousdt", "AEVO", "USDT", "2024-03-01");
    announced.is_exported = false;
    listings.push(announced);
    listings
}

fn deribit(scope: Scope) -> Vec<Listing> {
    let all = [
        ("BTC_USDC", "BTC", "USDC", "2023-04-24"),
        ("ETH_USDC", "ETH", "USDC", "2023-04-24"),
        ("ETH_BTC", "ETH", "BTC", "2023-04-24"),
        ("BTC_USDT", "BTC", "USDT", "2023-09-12"),
        ("ETH_USDT", "ETH", "USDT", "2023-09-12"),
        ("XRP_USDC", "XRP", "USDC", "2023-10-10"),
        ("MATIC_USDC", "MATIC", "USDC", "2023-10-10"),
    ];
    let count = scope.by_size(all.len(), 1);
    all.into_iter()
        .take(count)
        .map(|(id, base, quote, since)| {
            let mut listing = pair(id, base, quote, since);
            listing.tier = Tier::Minor;
            listing
        })
        .collect()
}

fn hyperliquid() -> Vec<Listing> {
    vec![pair("PURR/USDC", "PURR", "USDC", "2024-02-01"), pair("@107", "TSLA", "USDC", "2024-02-10")]
}
