//! The vendor's metadata as it comes over the wire: the members that this program uses, the others ignored.
//!
//! Members that the vendor's documentation calls optional are optional here; an unknown word is kept as text.

use chrono::{DateTime, Utc};
use serde::Deserialize;

/// One line of `/exchanges`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExchangeSummary {
    /// The vendor's id.
    pub id: String,
    /// Its name for people.
    #[serde(default)]
    pub name: String,
    /// First instant of data.
    pub available_since: Option<DateTime<Utc>>,
    /// First instant after the data; closed exchanges only.
    pub available_to: Option<DateTime<Utc>>,
}

/// `/exchanges/{id}`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExchangeDetails {
    /// The vendor's id.
    pub id: String,
    /// First instant of data of the exchange; null: not told.
    pub available_since: Option<DateTime<Utc>>,
    /// First instant after the exchange's data; null: it goes on.
    pub available_to: Option<DateTime<Utc>>,
    /// Symbols in the form of the vendor's API.
    #[serde(default)]
    pub available_symbols: Vec<ApiSymbol>,
    /// Times when the recorder did not record.
    #[serde(default)]
    pub incident_reports: Vec<Incident>,
    /// Downloadable files; null where the vendor exports none.
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
    /// First instant of data.
    pub available_since: DateTime<Utc>,
    /// First instant after the data; delisted symbols only.
    pub available_to: Option<DateTime<Utc>>,
}

/// A time when the recorder did not record.
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

/// What files an exchange has.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DatasetIndex {
    /// First instant of the export.
    pub exported_from: Option<DateTime<Utc>>,
    /// First instant after the export.
    pub exported_until: DateTime<Utc>,
    /// Symbols and groups.
    #[serde(default)]
    pub symbols: Vec<DatasetSymbol>,
}

/// A symbol in the form of file URLs (`BTCUSDT`), or a group (`OPTIONS`).
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DatasetSymbol {
    /// The symbol.
    pub id: String,
    /// As in [`ApiSymbol`].
    #[serde(rename = "type")]
    pub kind: String,
    /// First instant of data.
    pub available_since: DateTime<Utc>,
    /// First instant after the data; for living symbols the end of the export.
    pub available_to: Option<DateTime<Utc>>,
    /// Its data types; a word that this program does not know is one of a later time.
    #[serde(default)]
    pub data_types: Vec<String>,
    /// Totals over its life.
    pub stats: Option<SymbolStats>,
}

/// Totals over a symbol's life.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SymbolStats {
    /// Trades.
    pub trades: Option<u64>,
    /// Rows of `incremental_book_L2`.
    pub book_changes: Option<u64>,
}

/// One instrument of `/instruments/{exchange}`: its contract's terms of today.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InstrumentInfo {
    /// The exchange's own symbol, as in [`ApiSymbol`].
    pub id: String,
    /// The vendor's id of the exchange; null: not told.
    pub exchange: Option<String>,
    /// As in [`ApiSymbol`].
    #[serde(rename = "type")]
    pub kind: String,
    /// Base currency, the vendor's spelling (`BTC` for `XBT`).
    pub base_currency: String,
    /// Quote currency, the vendor's spelling.
    pub quote_currency: String,
    /// `linear_perpetual`, `inverse_future`, `call_option` …
    pub contract_type: Option<String>,
    /// When a contract ends.
    pub expiry: Option<DateTime<Utc>>,
    /// Smallest price step.
    pub price_increment: Option<f64>,
    /// Smallest order.
    pub min_trade_amount: Option<f64>,
    /// Whether it is margined in the base currency.
    pub inverse: Option<bool>,
    /// Units of currency in one contract.
    pub contract_multiplier: Option<f64>,
    /// What profit and loss are paid in.
    pub settlement_currency: Option<String>,
    /// Strike.
    pub strike_price: Option<serde_json::Number>,
    /// `call` or `put`.
    pub option_type: Option<String>,
}

/// One line of `/api-key-info`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyAccess {
    /// Exchange.
    pub exchange: String,
    /// First instant.
    pub from: Option<DateTime<Utc>>,
    /// Last instant.
    pub to: Option<DateTime<Utc>>,
    /// The plan's name.
    #[serde(default)]
    pub data_plan: String,
}
