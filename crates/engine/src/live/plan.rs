//! What a session records, as it stands in the header of its captures: with it, the lines give the rows.

use std::collections::{BTreeMap, BTreeSet};

use mtdh_core::instrument::Instrument;
use mtdh_core::symbol::Names;
use mtdh_core::{DataType, Day};
use mtdh_lake::Lake;
use mtdh_source::live::symbols::AS_LISTED;
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
    /// Symbols as the exchange's socket writes them.
    pub symbols: BTreeSet<String>,
    /// The socket's symbol of each key.
    pub keys: BTreeMap<InstrumentKey, String>,
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
        return Ok(Listed::of(exchange, day, of));
    }
    Ok(Listed::default())
}

impl Listed {
    /// What a day's table says of the exchange's instruments.
    pub fn of(exchange: &str, day: Day, instruments: Vec<Instrument>) -> Listed {
        let spelling = venues::find(exchange).map_or(&AS_LISTED, |venue| venue.spelling());
        let mut listed = Listed { day: Some(day), ..Listed::default() };
        for instrument in instruments {
            let socket = (spelling.socket)(&instrument.raw_symbol);
            let key = instrument.key.to_string();
            // Where the list has a symbol by its former name too, rows are those of the instrument that is listed by the present one.
            let is_present = instrument.raw_symbol == socket;
            if listed.symbols.insert(socket.clone()) || is_present {
                listed.rows.extend(spelling.rows(&socket).into_iter().map(|row| (row, key.clone())));
            }
            let of_files = instrument.dataset_symbol.unwrap_or_else(|| instrument.raw_symbol.clone());
            for row in [of_files, instrument.raw_symbol] {
                listed.rows.entry(row).or_insert_with(|| key.clone());
            }
            listed.keys.insert(instrument.key, socket);
        }
        listed
    }
}

/// The data types that are recorded when the user chose none: all that the venue offers, but options, of which there are many.
pub fn usual_types(venue: &dyn Venue) -> Vec<DataType> {
    let types = venue.offers().iter().map(|offer| offer.data_type);
    types.filter(|t| *t != DataType::OptionsChain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vendor may list a pair by its former name and by its present one.
    #[test]
    fn a_symbol_by_two_names_is_one_of_the_socket_and_its_rows_have_the_key_of_the_present_one() {
        let (day, key): (Day, InstrumentKey) =
            ("2026-11-30".parse().unwrap(), "KRAKEN:SPOT_PAIR:BTC-USD".parse().unwrap());
        let present = key.with_twin("BTC/USD");
        let of = |key: &InstrumentKey, raw: &str| Instrument::of_name(key.clone(), "kraken", raw, day);
        let former = of(&key, "XBT/USD");
        for table in
            [vec![former.clone(), of(&present, "BTC/USD")], vec![of(&present, "BTC/USD"), former.clone()]]
        {
            let listed = Listed::of("kraken", day, table);
            assert_eq!(Vec::from_iter(&listed.symbols), ["BTC/USD"]);
            assert_eq!((&listed.keys[&key], &listed.keys[&present]), (&"BTC/USD".into(), &"BTC/USD".into()));
            assert_eq!(listed.rows["BTC/USD"], present.to_string());
            assert_eq!(listed.rows["XBT/USD"], key.to_string());
        }
        let alone = Listed::of("kraken", day, vec![former]);
        assert_eq!(alone.rows["BTC/USD"], key.to_string(), "no other has it");
    }

    #[test]
    fn symbols_and_rows_of_venues_with_a_case_of_their_own() {
        let day: Day = "2026-11-30".parse().unwrap();
        for (exchange, key, listed, socket, row) in [
            ("binance", "BINANCE:SPOT_PAIR:BTC-USDT", "btcusdt", "BTCUSDT", "BTCUSDT"),
            ("hyperliquid", "HYPERLIQUID:PERP:KPEPE-USDC", "kPEPE", "kPEPE", "KPEPE"),
            ("bitmex", "BITMEX:PERP:BTC-USD", "XBTUSD", "XBTUSD", "XBTUSD"),
            ("nowhere", "NOWHERE:PERP:BTC-USD", "btc", "btc", "btc"),
        ] {
            let key: InstrumentKey = key.parse().unwrap();
            let of = Listed::of(exchange, day, vec![Instrument::of_name(key.clone(), exchange, listed, day)]);
            assert_eq!(of.keys[&key], socket, "{exchange}");
            assert_eq!(of.rows[row], key.to_string(), "{exchange}");
        }
    }
}
