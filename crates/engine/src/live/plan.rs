//! What a session records, as it stands in the header of its captures: with it, the lines give the rows.

use std::collections::BTreeMap;

use mtdh_core::symbol::Names;
use mtdh_core::{DataType, Day};
use mtdh_lake::Lake;
use mtdh_source::live::venue::{Connection, Venue, Want};
use mtdh_source::live::venues;
use mtdh_source::tardis::machine;
use serde::{Deserialize, Serialize};

use crate::{EngineError, InstrumentKey};

/// What a session records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionPlan {
    /// The vendor's exchange id.
    pub exchange: String,
    /// Symbols as the exchange writes them.
    pub symbols: Vec<String>,
    /// Names of data types.
    pub data_types: Vec<String>,
    /// The connections, as they were planned.
    pub connections: Vec<PlannedConnection>,
    /// Keys of symbols, as rows write them, that the lake's instrument table has. Other keys follow from the symbol.
    pub keys: BTreeMap<String, String>,
    /// Whether the messages are of a recording that can be asked for nothing.
    #[serde(default)]
    pub is_recorded: bool,
    /// Whether the messages are those of a tardis-machine, not the exchange's own.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_machine: bool,
    /// What is told of the rows as they arrive, so that the captures can tell it again; `None`: nothing is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub analysis: Option<PlannedAnalysis>,
    /// The UTC day on which the session began: names of contracts without a year follow from it.
    pub day: String,
}

/// What is told of rows as they arrive.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedAnalysis {
    /// The timeframes of candles, as they are written.
    pub candles: Vec<String>,
    /// Whether rows and candles are checked.
    pub has_checks: bool,
}

/// A connection of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedConnection {
    /// Which of the venue's addresses.
    pub endpoint: usize,
    /// What follows the address.
    pub path: String,
    /// Its channels.
    pub streams: Vec<String>,
}

impl SessionPlan {
    /// The plan of what is wanted of a venue.
    pub fn new(
        venue: &'static dyn Venue,
        want: &Want,
        keys: BTreeMap<String, String>,
        day: Day,
    ) -> SessionPlan {
        let connections = venue.plan(want).into_iter();
        let connections = connections.map(|Connection { endpoint, path, streams }| PlannedConnection {
            endpoint,
            path,
            streams,
        });
        SessionPlan {
            exchange: venue.exchange().to_owned(),
            symbols: want.symbols.clone(),
            data_types: want.data_types.iter().map(|t| t.name().to_owned()).collect(),
            connections: connections.collect(),
            keys,
            is_recorded: want.is_recorded,
            by_machine: false,
            analysis: None,
            day: day.to_string(),
        }
    }

    /// The text in a capture's header.
    pub fn text(&self) -> String {
        // Texts and numbers alone always make JSON.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads a text of [`SessionPlan::text`]; `None`: it is of another program.
    pub fn parse(text: &str) -> Option<SessionPlan> {
        serde_json::from_str(text).ok()
    }

    /// The venue; `None`: this program cannot read it.
    pub fn venue(&self) -> Option<&'static dyn Venue> {
        if self.by_machine { machine::find(&self.exchange) } else { venues::find(&self.exchange) }
    }

    /// What is wanted. Data types that this program does not know are left out.
    pub fn want(&self) -> Want {
        Want {
            symbols: self.symbols.clone(),
            data_types: self.data_types.iter().filter_map(|name| name.parse().ok()).collect(),
            is_recorded: self.is_recorded,
        }
    }

    /// The connections.
    pub fn connections(&self) -> Vec<Connection> {
        let of = |c: &PlannedConnection| Connection {
            endpoint: c.endpoint,
            path: c.path.clone(),
            streams: c.streams.clone(),
        };
        self.connections.iter().map(of).collect()
    }
}

/// Leaves out symbols that do not have the exchange's form, and says which: the exchange would refuse them, some of them with all else that
/// was asked for.
pub fn of_form(venue: &dyn Venue, symbols: Vec<String>, notes: &mut Vec<String>) -> Vec<String> {
    let is_one = |symbol: &String| match venue.not_its_form(symbol) {
        None => true,
        Some(form) => {
            let exchange = venue.exchange();
            notes.push(format!("{exchange}: {symbol} is left out: its symbols are written {form}"));
            false
        }
    };
    symbols.into_iter().filter(is_one).collect()
}

/// From symbols, as rows write them, to keys.
pub struct Keys {
    names: Names,
    day: Option<Day>,
    known: BTreeMap<String, InstrumentKey>,
}

impl Keys {
    /// The keys of a plan's symbols.
    pub fn of(plan: &SessionPlan) -> Keys {
        let known = plan.keys.iter().filter_map(|(symbol, key)| Some((symbol.clone(), key.parse().ok()?)));
        Keys { names: Names::new(&plan.exchange), day: plan.day.parse().ok(), known: known.collect() }
    }

    /// The key of a symbol: that of the lake's instrument table, else what the symbol says, else a native one.
    pub fn key(&mut self, symbol: &str) -> InstrumentKey {
        if let Some(key) = self.known.get(symbol) {
            return key.clone();
        }
        let key = self.names.name_by_form(symbol, self.day).key;
        self.known.insert(symbol.to_owned(), key.clone());
        key
    }
}

/// What the lake's newest instrument table knows of an exchange.
#[derive(Clone, Debug, Default)]
pub struct Listed {
    /// The table's day; `None`: the lake has none with the exchange.
    pub day: Option<Day>,
    /// Symbols as the exchange's messages write them, with their keys.
    pub symbols: BTreeMap<String, InstrumentKey>,
    /// Symbols as rows write them, with their keys.
    pub rows: BTreeMap<String, String>,
}

/// Tables of so many of the newest days are looked at.
const DAYS: usize = 8;

/// Reads what the lake lists of an exchange.
///
/// # Errors
/// When the store fails.
pub async fn listed(lake: &Lake, exchange: &str) -> Result<Listed, EngineError> {
    let mut days = match lake.days_with_instruments().await {
        Ok(days) => days,
        Err(mtdh_lake::LakeError::NoFolder(_)) => return Ok(Listed::default()),
        Err(error) => return Err(error.into()),
    };
    days.sort_unstable();
    for day in days.into_iter().rev().take(DAYS) {
        let Some(instruments) = lake.instruments(day).await? else { continue };
        let of: Vec<_> = instruments.into_iter().filter(|i| i.exchange == exchange).collect();
        if of.is_empty() {
            continue;
        }
        let mut listed = Listed { day: Some(day), ..Listed::default() };
        for instrument in of {
            listed.symbols.insert(native(exchange, &instrument.raw_symbol), instrument.key.clone());
            let rows = instrument.dataset_symbol.unwrap_or_else(|| instrument.raw_symbol.clone());
            listed.rows.insert(rows, instrument.key.to_string());
        }
        return Ok(listed);
    }
    Ok(Listed::default())
}

/// A symbol of the vendor's API as the exchange's messages write it: Binance's are upper case there.
fn native(exchange: &str, raw: &str) -> String {
    if exchange.starts_with("binance") { raw.to_uppercase() } else { raw.to_owned() }
}

/// The data types that are recorded when the user chose none: all that the venue offers, but options, of which there are many.
pub fn usual_types(venue: &dyn Venue) -> Vec<DataType> {
    let types = venue.offers().iter().map(|offer| offer.data_type);
    types.filter(|t| *t != DataType::OptionsChain).collect()
}
