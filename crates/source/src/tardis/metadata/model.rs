//! The vendor's metadata as JSON: the members that this program uses. Others are ignored.
//!
//! Members that the vendor documents as optional are optional here. Enumerations are kept as text, so unknown values are not an
//! error. Source: <https://docs.tardis.dev/api/http-api-reference>.

use chrono::{DateTime, Utc};
use mtdh_core::Day;
use mtdh_core::expectation::LeftOut;
use mtdh_core::key::{InstrumentType, OptionSide};
use mtdh_core::symbol::Contract;
use serde::Deserialize;

/// One element of `/exchanges`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExchangeSummary {
    /// The vendor's id.
    pub id: String,
    /// The display name.
    #[serde(default)]
    pub name: String,
    /// Start of the data; `None` if not stated.
    pub available_since: Option<DateTime<Utc>>,
    /// Exclusive end of the data; `None` unless the exchange is closed.
    pub available_to: Option<DateTime<Utc>>,
}

/// `/exchanges/{id}`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExchangeDetails {
    /// The vendor's id.
    pub id: String,
    /// Start of the exchange's data; `None` if not stated.
    pub available_since: Option<DateTime<Utc>>,
    /// Exclusive end of the exchange's data; `None` if it continues.
    pub available_to: Option<DateTime<Utc>>,
    /// Symbols in the form of the vendor's API.
    #[serde(default)]
    pub available_symbols: Vec<ApiSymbol>,
    /// Outages of the recorder.
    #[serde(default)]
    pub incident_reports: Vec<Incident>,
    /// Downloadable files; `None` if the vendor exports none.
    pub datasets: Option<DatasetIndex>,
    /// Whether the exchange is closed.
    #[serde(default)]
    pub delisted: bool,
    /// Elements of the lists that could not be parsed and are left out, with list, name and cause.
    #[serde(skip)]
    pub unreadable: LeftOut,
}

impl ExchangeDetails {
    /// Exclusive end of the exchange's data; `None` if it continues. That of a closed exchange without a stated end is the end
    /// of its export.
    pub fn end(&self) -> Option<DateTime<Utc>> {
        let exported = || self.datasets.as_ref().filter(|_| self.delisted).map(|index| index.exported_until);
        self.available_to.or_else(exported)
    }
}

/// A symbol in the form of the vendor's API (`btcusdt`).
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ApiSymbol {
    /// The exchange's own symbol.
    pub id: String,
    /// `spot`, `perpetual`, `future`, `option`, `combo`, `prediction`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Start of the data.
    pub available_since: DateTime<Utc>,
    /// Exclusive end of the data; `None` unless the symbol is delisted.
    pub available_to: Option<DateTime<Utc>>,
}

/// An outage of the recorder.
#[derive(Clone, Debug, Deserialize)]
pub struct Incident {
    /// Start.
    pub from: DateTime<Utc>,
    /// End.
    pub to: DateTime<Utc>,
    /// `resolved`, `wontfix` or `unresolved`.
    #[serde(default)]
    pub status: String,
    /// What happened.
    #[serde(default)]
    pub details: String,
}

/// The files of an exchange.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DatasetIndex {
    /// Start of the export; `None` if not stated.
    pub exported_from: Option<DateTime<Utc>>,
    /// Exclusive end of the export.
    pub exported_until: DateTime<Utc>,
    /// Symbols and grouped symbols.
    #[serde(default)]
    pub symbols: Vec<DatasetSymbol>,
}

/// A symbol in the form of file URLs (`BTCUSDT`), or a grouped symbol (`OPTIONS`).
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DatasetSymbol {
    /// The symbol.
    pub id: String,
    /// As in [`ApiSymbol`].
    #[serde(rename = "type")]
    pub kind: String,
    /// Start of the data.
    pub available_since: DateTime<Utc>,
    /// Exclusive end of the data; for active symbols the end of the export. `None` if not stated.
    pub available_to: Option<DateTime<Utc>>,
    /// Names of its data types, possibly unknown ones.
    #[serde(default)]
    pub data_types: Vec<String>,
    /// Totals over its lifetime; `None` if not stated.
    pub stats: Option<SymbolStats>,
}

/// Totals over a symbol's lifetime.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SymbolStats {
    /// Number of trades; `None` if not stated.
    pub trades: Option<u64>,
    /// Number of rows of `incremental_book_L2`; `None` if not stated.
    pub book_changes: Option<u64>,
}

/// One instrument of `/instruments/{exchange}`: its current contract terms, and earlier ones.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InstrumentInfo {
    /// The exchange's own symbol, as in [`ApiSymbol`].
    pub id: String,
    /// The symbol of file URLs; `None` until the vendor exports files of it.
    pub dataset_id: Option<String>,
    /// The instrument of which this one is another name; `None` if it is none.
    pub alias_for: Option<String>,
    /// Start of the data; `None` if not stated.
    pub available_since: Option<DateTime<Utc>>,
    /// Exclusive end of the data; `None` if it continues.
    pub available_to: Option<DateTime<Utc>>,
    /// The vendor's id of the exchange; `None` if not stated.
    pub exchange: Option<String>,
    /// As in [`ApiSymbol`].
    #[serde(rename = "type")]
    pub kind: String,
    /// Base currency, the vendor's spelling (`BTC` for `XBT`).
    pub base_currency: String,
    /// Quote currency, the vendor's spelling.
    pub quote_currency: String,
    /// `linear_perpetual`, `inverse_future`, `call_option` …; `None` if not stated.
    pub contract_type: Option<String>,
    /// Expiry; `None` if the contract has none.
    pub expiry: Option<DateTime<Utc>>,
    /// Smallest price step, quote currency; `None` if not stated.
    pub price_increment: Option<f64>,
    /// Smallest order, in units of `amount`; `None` if not stated.
    pub min_trade_amount: Option<f64>,
    /// Whether it is margined in the base currency; `None` if not stated.
    pub inverse: Option<bool>,
    /// Whether it is settled in a third currency; `None` if not stated.
    pub quanto: Option<bool>,
    /// Units of currency in one contract; `None` if not stated.
    pub contract_multiplier: Option<f64>,
    /// The settlement currency; `None` if not stated.
    pub settlement_currency: Option<String>,
    /// Strike, quote currency; `None` unless it is an option.
    pub strike_price: Option<serde_json::Number>,
    /// `call` or `put`; `None` unless it is an option.
    pub option_type: Option<String>,
    /// Earlier terms. The vendor claims to have all changes of `contractMultiplier` only.
    #[serde(default)]
    pub changes: Vec<Change>,
}

/// Terms that held before a time; `None` where the change does not name the term.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// The exclusive end of these terms.
    pub until: DateTime<Utc>,
    /// As in [`InstrumentInfo`].
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// As in [`InstrumentInfo`].
    pub quote_currency: Option<String>,
    /// As in [`InstrumentInfo`].
    pub contract_type: Option<String>,
    /// As in [`InstrumentInfo`].
    pub expiry: Option<DateTime<Utc>>,
    /// As in [`InstrumentInfo`].
    pub price_increment: Option<f64>,
    /// As in [`InstrumentInfo`].
    pub min_trade_amount: Option<f64>,
    /// As in [`InstrumentInfo`].
    pub inverse: Option<bool>,
    /// As in [`InstrumentInfo`].
    pub quanto: Option<bool>,
    /// As in [`InstrumentInfo`].
    pub contract_multiplier: Option<f64>,
    /// As in [`InstrumentInfo`].
    pub settlement_currency: Option<String>,
}

/// One element of `/api-key-info`: an exchange and a time range that the API key covers.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyAccess {
    /// The vendor's id of the exchange.
    pub exchange: String,
    /// Start; `None` if unlimited.
    pub from: Option<DateTime<Utc>>,
    /// End; `None` if unlimited.
    pub to: Option<DateTime<Utc>>,
    /// The symbols; empty if all.
    #[serde(default)]
    pub symbols: Vec<String>,
    /// The plan's name.
    #[serde(default)]
    pub data_plan: String,
}

/// The instrument type of a word of the vendor; UNKNOWN if it is none of ours.
pub(crate) fn type_of(word: &str) -> InstrumentType {
    InstrumentType::of_vendor(word).unwrap_or(InstrumentType::Unknown)
}

/// The contract terms as the naming of instruments takes them. `strike` is the strike as text.
pub(crate) fn contract_of<'a>(info: &'a InstrumentInfo, strike: Option<&'a str>) -> Contract<'a> {
    Contract {
        base: &info.base_currency,
        quote: &info.quote_currency,
        settle: info.settlement_currency.as_deref(),
        expiry: info.expiry.and_then(|t| Day::containing_us(t.timestamp_micros())),
        strike,
        option_side: info.option_type.as_deref().and_then(OptionSide::of_text),
        inverse: info.inverse,
    }
}

/// Whether a line of a list is a grouped symbol: it stands for all instruments of a type.
pub(crate) fn is_group(id: &str, kind: &str) -> bool {
    match InstrumentType::of_vendor(kind) {
        Some(kind) => kind.group_id() == Some(id),
        None => InstrumentType::ALL.iter().any(|kind| kind.group_id() == Some(id)),
    }
}
