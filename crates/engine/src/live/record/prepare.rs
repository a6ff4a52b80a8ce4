//! From what a user names to what is recorded of each venue, and where it is reached.

use std::collections::BTreeMap;
use std::sync::Arc;

use mtdh_core::nearest::nearest;
use mtdh_core::venue::exchange_of_venue;
use mtdh_core::{DataType, Day};
use mtdh_lake::Lake;
use mtdh_lake::live::SessionId;
use mtdh_source::live::address::{Instead, reached, shown};
use mtdh_source::live::clock;
use mtdh_source::live::link::Rules;
use mtdh_source::live::venue::Want;
use mtdh_source::live::venues;
use mtdh_source::tardis::machine;

use super::{EXPERIMENTAL, Prepared, RecordOptions, Wanted};
use crate::EngineError;
use crate::live::LiveError;
use crate::live::older::Captures;
use crate::live::plan::{SessionPlan, listed, of_form, usual_types};
use crate::live::player::known;
use crate::live::session::{Bounds, Settings};

/// Checks what is wanted, and finds keys and connections. Nothing is connected yet.
///
/// # Errors
/// If a venue, a symbol or a data type is unknown, an address cannot be used, or the lake cannot be read.
pub async fn prepare(
    lake: &Lake,
    wanted: &[Wanted],
    options: &RecordOptions,
) -> Result<Vec<Prepared>, EngineError> {
    let mut prepared = Vec::new();
    for of in wanted {
        prepared.push(prepare_one(lake, of, options).await?);
    }
    Ok(prepared)
}

async fn prepare_one(lake: &Lake, wanted: &Wanted, options: &RecordOptions) -> Result<Prepared, EngineError> {
    let exchange = wanted.exchange.clone();
    let unknown = || LiveError::NoFeed { exchange: exchange.clone(), known: known() };
    let own = venues::find(&exchange).ok_or_else(unknown)?;
    let by_machine = options.machine.as_ref().zip(machine::find(&exchange));
    let venue = by_machine.map_or(own, |(_, venue)| venue);
    let mut notes = Vec::new();
    if let Some(url) = by_machine.and_then(|(instead, _)| instead.websocket.as_ref()) {
        notes.push(format!("{exchange} by way of the tardis-machine at {}", shown(url)));
    }
    if venue.is_experimental() {
        notes.push(format!("{exchange} is {EXPERIMENTAL}"));
    }
    for data_type in &wanted.data_types {
        if !own.offers().iter().any(|offer| offer.data_type == *data_type) {
            let offered = own.offers().iter().map(|offer| offer.data_type.name()).collect();
            return Err(LiveError::NotOffered { exchange, data_type: *data_type, offered }.into());
        }
    }
    let listed = listed(lake, &exchange).await?;
    let symbols = match listed.day {
        None => {
            notes.push(format!(
                "the lake lists no instruments of {exchange}, so that symbols are not checked"
            ));
            let symbols = wanted.symbols.iter().map(|symbol| (own.spelling().socket)(symbol)).collect();
            of_form(own, symbols, &mut notes)
        }
        Some(day) => {
            let mut symbols = Vec::new();
            for symbol in &wanted.symbols {
                let asked = (own.spelling().socket)(symbol);
                let found = listed.symbols.iter().find(|known| known.eq_ignore_ascii_case(&asked));
                let found = found.cloned().ok_or_else(|| LiveError::UnknownSymbol {
                    exchange: exchange.clone(),
                    symbol: symbol.clone(),
                    day,
                    nearest: nearest(symbol, listed.symbols.iter().map(String::as_str), 1)
                        .first()
                        .map(|name| (*name).to_owned()),
                })?;
                symbols.push(found);
            }
            symbols
        }
    };
    if symbols.is_empty() {
        return Err(LiveError::Nothing { exchange }.into());
    }
    let data_types = match wanted.data_types.is_empty() {
        true => usual_types(own),
        false => wanted.data_types.clone(),
    };
    let none = Instead::default();
    let instead = match by_machine {
        Some((instead, _)) => instead,
        None => options.instead.get(&exchange).unwrap_or(&none),
    };
    let reached = reached(&venue.addresses(), instead, options.unencrypted)
        .map_err(|source| LiveError::Address { exchange: exchange.clone(), source })?;
    let now = clock::now();
    let failed = |source| LiveError::Capture { exchange: exchange.clone(), source };
    let session = SessionId::new(now, fastrand::u32(..)).map_err(failed)?;
    let day = Day::containing_us(now).ok_or_else(unknown)?;
    let rows: BTreeMap<String, String> = listed.rows;
    let by_machine = by_machine.is_some();
    let plan = SessionPlan::new(venue, &Want { symbols, data_types, ..Want::default() }, rows, day);
    let plan = SessionPlan { by_machine, analysis: options.analysis.clone(), ..plan };
    if plan.connections.is_empty() {
        return Err(LiveError::Nothing { exchange }.into());
    }
    let folder = options.folder.clone().or_else(|| lake.capture_folder());
    let folder = folder.ok_or_else(|| LiveError::NoFolder { lake: lake.url().to_owned() })?;
    if let Some(hub) = &options.hub {
        hub.read_older_with(Arc::new(Captures::new(lake, folder.clone(), hub)));
    }
    let settings = Settings {
        venue,
        plan: plan.clone(),
        reached,
        rules: options.rules.clone().unwrap_or_else(|| Rules::of(venue.limits())),
        session,
        folder,
        durable: options.durable,
        part_every: options.part_every,
        is_capture_only: options.is_capture_only,
        crashed: None,
        hub: options.hub.clone(),
        bounds: Bounds::default(),
        sync: std::fs::File::sync_data,
    };
    Ok(Prepared { venue, plan, notes, settings, keep_days: options.keep_days })
}

/// Turns what a user names into what is wanted of each venue.
///
/// # Errors
/// If an instrument is in no table of the lake.
pub async fn wanted(
    lake: &Lake,
    venues: &[String],
    symbols: &[String],
    keys: &[crate::InstrumentKey],
    data_types: &[DataType],
) -> Result<Vec<Wanted>, EngineError> {
    let mut wanted: BTreeMap<String, Wanted> = BTreeMap::new();
    let mut of = |venue: &str| {
        let exchange = exchange_of_venue(venue);
        let entry = wanted.entry(exchange.clone());
        let one = entry.or_insert_with(|| Wanted { exchange, ..Wanted::default() });
        one.data_types = data_types.to_vec();
        one.exchange.clone()
    };
    let mut named: Vec<(String, String)> = Vec::new();
    for venue in venues {
        let exchange = of(venue);
        named.extend(symbols.iter().map(|symbol| (exchange.clone(), symbol.clone())));
    }
    for key in keys {
        let exchange = of(key.venue());
        let listed = listed(lake, &exchange).await?;
        let unknown = || EngineError::UnknownInstrument { key: key.to_string(), suggestions: Vec::new() };
        named.push((exchange, listed.keys.get(key).cloned().ok_or_else(unknown)?));
    }
    for (exchange, symbol) in named {
        if let Some(one) = wanted.get_mut(&exchange)
            && !one.symbols.contains(&symbol)
        {
            one.symbols.push(symbol);
        }
    }
    Ok(wanted.into_values().collect())
}
