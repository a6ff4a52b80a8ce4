//! The venues: those that the program knows, and what the vendor and a lake have of each.

use std::collections::{BTreeMap, BTreeSet};

use mtdh_core::venue::{EXCHANGES, exchange_of_venue, venue_of_exchange};
use mtdh_core::{DataType, Day};
use mtdh_lake::Lake;
use mtdh_source::tardis::metadata::ExchangeSummary;
use serde::Serialize;

use crate::error::EngineError;
use crate::runs::phase;

/// A venue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct VenueLine {
    /// Its name in keys.
    pub venue: String,
    /// The vendor's id.
    pub exchange: String,
    /// The vendor's name for people; `None`: the vendor was not asked, or does not list it.
    pub name: Option<String>,
    /// The day on which the vendor's data begins; `None`: as `name`, or it does not say.
    pub since: Option<String>,
    /// The day before which it ends; `None`: it goes on, or as `since`.
    pub until: Option<String>,
    /// Whether this program knows its symbols; others are named by the general rules.
    pub is_known: bool,
    /// Its instruments in the newest table that has the venue; `None`: no table has it.
    pub instruments: Option<u64>,
    /// Their data types: what the vendor offers of it. Empty: no table has it.
    pub offered: Vec<&'static str>,
    /// Days of the lake with partitions of it.
    pub days: u64,
    /// The first of them; `None`: there is none.
    pub first_day: Option<String>,
    /// The last of them; `None`: there is none.
    pub last_day: Option<String>,
    /// Data types that the lake has of it.
    pub data_types: Vec<&'static str>,
    /// Its objects in the lake.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// What a lake has of a venue.
#[derive(Default)]
struct OfLake {
    days: BTreeSet<Day>,
    types: BTreeSet<DataType>,
    objects: u64,
    bytes: u64,
}

/// Every venue that the program, the vendor or the lake knows, by name. `listed`: what the vendor lists; empty: it was not asked.
///
/// # Errors
/// When the lake cannot be read.
pub(crate) async fn venues(
    lake: Option<&Lake>,
    listed: &[ExchangeSummary],
) -> Result<Vec<VenueLine>, EngineError> {
    let mut there: BTreeMap<String, OfLake> = BTreeMap::new();
    let mut tables: BTreeMap<String, (u64, BTreeSet<DataType>)> = BTreeMap::new();
    if let Some(lake) = lake {
        let days = lake.days_with_partitions().await?;
        let phase = phase::begin("listing", "day", days.len());
        for day in days {
            let _day_done = phase.item();
            for (partition, bytes) in lake.sizes(day).await? {
                let of = there.entry(partition.key.venue().to_owned()).or_default();
                of.days.insert(day);
                of.types.insert(partition.data_type);
                (of.objects, of.bytes) = (of.objects + 1, of.bytes + bytes);
            }
        }
        if let Some(day) = lake.days_with_instruments().await?.pop() {
            for instrument in lake.instruments(day).await?.unwrap_or_default() {
                let of = tables.entry(instrument.key.venue().to_owned()).or_default();
                of.0 += 1;
                of.1.extend(&instrument.data_types);
            }
        }
    }
    let known: BTreeSet<String> = EXCHANGES.iter().map(|exchange| venue_of_exchange(exchange)).collect();
    let mut names = known.clone();
    names.extend(there.keys().chain(tables.keys()).cloned());
    names.extend(listed.iter().map(|one| venue_of_exchange(&one.id)));
    let line = |venue: String| {
        let exchange = exchange_of_venue(&venue);
        let at_vendor = listed.iter().find(|one| one.id == exchange);
        let of_table = tables.get(&venue);
        let none = OfLake::default();
        let of = there.get(&venue).unwrap_or(&none);
        let day = |time: chrono::DateTime<chrono::Utc>| time.format("%Y-%m-%d").to_string();
        VenueLine {
            name: at_vendor.map(|one| one.name.clone()).filter(|name| !name.is_empty()),
            since: at_vendor.and_then(|one| one.available_since).map(day),
            until: at_vendor.and_then(|one| one.available_to).map(day),
            is_known: known.contains(&venue),
            instruments: of_table.map(|(count, _)| *count),
            offered: of_table.iter().flat_map(|(_, types)| types).map(|data_type| data_type.name()).collect(),
            days: of.days.len() as u64,
            first_day: of.days.first().map(ToString::to_string),
            last_day: of.days.last().map(ToString::to_string),
            data_types: of.types.iter().map(|data_type| data_type.name()).collect(),
            objects: of.objects,
            bytes: of.bytes,
            venue,
            exchange,
        }
    };
    Ok(names.into_iter().map(line).collect())
}
