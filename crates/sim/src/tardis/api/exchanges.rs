//! `/exchanges` and `/exchanges/{exchange}`.

use mtdh_core::Day;
use serde::Serialize;
use serde_json::{Value, json};

use crate::config::Config;
use crate::generate::market::gaps::incidents;
use crate::generate::times::iso;
use crate::generate::universe::assets::Tier;
use crate::generate::universe::listing::{Kind, Listing};
use crate::generate::universe::profile;
use crate::generate::universe::profile::Profile;
use crate::generate::universe::{Subject, Universe, exported_until};

/// Builds the response to `/exchanges`, as JSON text.
pub(super) fn list(config: &Config) -> Vec<u8> {
    let now_us = config.now.timestamp_micros();
    let summaries: Vec<Value> = profile::all().iter().map(|profile| summary(profile, now_us)).collect();
    Value::from(summaries).to_string().into_bytes()
}

fn summary(profile: &Profile, now_us: i64) -> Value {
    let mut summary = json!({
        "id": profile.id,
        "name": profile.name,
        "enabled": true,
        "filterable": true,
        "supportsDatasets": true,
        "availableSince": iso(profile.first_day().start_us()),
        "availableChannels": profile.channels,
    });
    if let Some(end) = profile.end_day().filter(|end| end.start_us() <= now_us) {
        summary["availableTo"] = iso(end.start_us()).into();
        summary["delisted"] = true.into();
    }
    summary
}

/// Builds the response to `/exchanges/{exchange}`, as JSON text. `None`: no such exchange.
pub(crate) fn details(config: &Config, exchange: &str) -> Option<Vec<u8>> {
    let universe = Universe::of(config, exchange)?;
    let now_us = config.now.timestamp_micros();
    let profile = universe.profile;
    let details = Details {
        summary: summary(profile, now_us),
        available_symbols: available_symbols(&universe, now_us),
        incident_reports: incident_reports(config, profile),
        channel_details: channel_details(profile),
        api_docs_url: format!("https://docs.example/{}", profile.id),
        data_collection_details: json!({
            "recorderDataCenter": {"host": "GCP", "regionId": "asia-northeast1", "location": "Tokyo, Japan"},
            "wssConnection": {"url": format!("wss://stream.example/{}", profile.id)},
        }),
        datasets: datasets(&universe, now_us),
    };
    Some(serde_json::to_vec(&details).unwrap_or_else(|e| panic!("plain structs are JSON: {e}")))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Details<'a> {
    #[serde(flatten)]
    summary: Value,
    available_symbols: Vec<AvailableSymbol<'a>>,
    incident_reports: Vec<Value>,
    channel_details: Vec<Value>,
    api_docs_url: String,
    data_collection_details: Value,
    datasets: Datasets<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Datasets<'a> {
    formats: [&'static str; 1],
    exported_from: String,
    exported_until: String,
    stats: Stats,
    symbols: Vec<DatasetSymbol<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AvailableSymbol<'a> {
    id: &'a str,
    r#type: &'static str,
    available_since: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    available_to: Option<String>,
}

fn available_symbols(universe: &Universe, now_us: i64) -> Vec<AvailableSymbol<'_>> {
    let listed = universe.listings.iter().filter(|listing| listing.since_us <= now_us);
    listed
        .map(|listing| AvailableSymbol {
            id: &listing.id,
            r#type: listing.kind.name(),
            available_since: iso(listing.since_us),
            available_to: listing.until_us.filter(|until| *until <= now_us).map(iso),
        })
        .collect()
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DatasetSymbol<'a> {
    id: &'a str,
    r#type: &'static str,
    available_since: String,
    available_to: String,
    data_types: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stats: Option<Stats>,
}

/// Number of rows over the lifetime of a symbol.
#[derive(Clone, Copy, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Stats {
    trades: i64,
    book_changes: i64,
}

fn datasets(universe: &Universe, now_us: i64) -> Datasets<'_> {
    let profile = universe.profile;
    let groups = Kind::ALL.into_iter().filter(|kind| universe.has_group(*kind));
    let groups = groups.map(|kind| dataset_symbol(Subject::Group(kind), profile, now_us));
    let exported =
        universe.listings.iter().filter(|l| l.is_exported && l.since_us < exported_until(profile, now_us));
    let singles = exported.map(|listing| dataset_symbol(Subject::One(listing), profile, now_us));
    let symbols: Vec<DatasetSymbol<'_>> = groups.chain(singles).collect();
    let total = symbols.iter().filter_map(|s| s.stats).fold(Stats::default(), |sum, s| Stats {
        trades: sum.trades + s.trades,
        book_changes: sum.book_changes + s.book_changes,
    });
    Datasets {
        formats: ["csv"],
        exported_from: iso(profile.first_day().start_us()),
        exported_until: iso(exported_until(profile, now_us)),
        stats: total,
        symbols,
    }
}

fn dataset_symbol<'a>(subject: Subject<'a>, profile: &Profile, now_us: i64) -> DatasetSymbol<'a> {
    let (since_us, to_us) = subject.available(profile, now_us);
    let (id, kind, stats) = match subject {
        Subject::One(listing) => {
            (listing.dataset.as_str(), listing.kind, Some(stats(listing, since_us, to_us)))
        }
        Subject::Group(kind) => (kind.group(), kind, None),
    };
    DatasetSymbol {
        id,
        r#type: kind.name(),
        available_since: iso(since_us),
        available_to: iso(to_us),
        data_types: subject.data_types(profile).into_iter().map(|t| t.name()).collect(),
        stats,
    }
}

/// Estimates the number of rows in the files of a symbol.
fn stats(listing: &Listing, since_us: i64, to_us: i64) -> Stats {
    let days = (to_us - since_us) / mtdh_core::day::DAY_US + 1;
    let (trades, book_changes) = match listing.tier {
        Tier::Major => (7_000, 30_000),
        Tier::Middle => (2_000, 9_000),
        Tier::Minor => (400, 2_500),
        Tier::Tail => (2, 80),
    };
    Stats { trades: trades * days, book_changes: book_changes * days }
}

fn incident_reports(config: &Config, profile: &Profile) -> Vec<Value> {
    let end = Day::containing_us(exported_until(profile, config.now.timestamp_micros()));
    let end = end.unwrap_or_else(|| profile.first_day());
    incidents(config.seed, profile.id, profile.first_day(), end)
        .into_iter()
        .enumerate()
        .map(|(number, gap)| {
            let status = ["resolved", "wontfix", "unresolved"][number % 3];
            let details = "connection to the exchange was lost, no messages were received";
            json!({"from": iso(gap.from_us), "to": iso(gap.to_us), "status": status, "details": details})
        })
        .collect()
}

fn channel_details(profile: &Profile) -> Vec<Value> {
    let since = iso(profile.first_day().start_us());
    let channel = |name: &&str| {
        json!({
            "name": name, "description": format!("messages of the channel {name}"), "frequency": "real-time",
            "frequencySource": "exchange", "availableSince": since,
        })
    };
    profile.channels.iter().map(channel).collect()
}
