//! The vendor's metadata as JSON: the members that this program uses. Others are ignored.
//!
//! Members that the vendor documents as optional are optional here. Enumerations are kept as text, so unknown values are not an
//! error. Source: <https://docs.tardis.dev/api/http-api-reference>.

use chrono::{DateTime, Utc};
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

/// One instrument of `/instruments/{exchange}`: its current contract terms.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InstrumentInfo {
    /// The exchange's own symbol, as in [`ApiSymbol`].
    pub id: String,
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
    /// Units of currency in one contract; `None` if not stated.
    pub contract_multiplier: Option<f64>,
    /// The settlement currency; `None` if not stated.
    pub settlement_currency: Option<String>,
    /// Strike, quote currency; `None` unless it is an option.
    pub strike_price: Option<serde_json::Number>,
    /// `call` or `put`; `None` unless it is an option.
    pub option_type: Option<String>,
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
    /// The plan's name.
    #[serde(default)]
    pub data_plan: String,
}
