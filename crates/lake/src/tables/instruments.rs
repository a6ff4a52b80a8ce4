//! The instruments of a day as a table: reading and writing.

use std::collections::{BTreeMap, BTreeSet};

use arrow_array::{Array, ArrayRef, RecordBatch, StringArray};
use arrow_schema::{Field, Schema, SchemaRef};
use bytes::Bytes;
use futures::TryStreamExt;
use mtdh_core::expectation::{LeftOut, NotExpected, VenueNote};
use mtdh_core::instrument::{AmountUnit, DayTable, Instrument};
use mtdh_core::key::InstrumentKey;
use mtdh_core::{DataType, Day, DayRange};
use serde_json::{Value, json};
use std::sync::Arc;

use crate::error::LakeError;
use crate::object::Entry;
use crate::read::{Texts, Wanted, failure};
use crate::store::Lake;
use crate::tables::columns::{
    Cell, Described, Kind, TableReader, added_filled, added_optional, added_required, filled,
    from_parquet_with, optional, required, to_parquet, to_parquet_with, to_table,
};

/// Source of contract terms.
const TERMS_SOURCE: &str = "tardis /v1/instruments";

/// The footer's pair with what has no row, as JSON.
const VENUES: &str = "mtdh.not_expected";

/// The footer's pair with the version of the keys of each venue's rows, as JSON.
const KEY_VERSIONS: &str = "mtdh.key_versions";

/// The columns: those of the predecessor, with proper types, and those that the plan needs.
#[rustfmt::skip]
pub(crate) static COLUMNS: [Described<Instrument>; 41] = [
    required("instrument_key", Kind::Text, "", "the key", |row| row.key.as_str().into()),
    required("venue", Kind::Text, "", "the key's venue", |row| row.key.venue().into()),
    required("instrument_type", Kind::Text, "", "the key's type", |row| row.key.instrument_type().name().into()),
    filled("available_from_datetime", Kind::Time, "microseconds since the Unix epoch, UTC", "first instant of the vendor's data", |row| Some(row.available_from_us).into()),
    optional("available_to_datetime", Kind::Time, "microseconds since the Unix epoch, UTC", "first instant after the vendor's data; null: it still trades", |row| row.available_to_us.into()),
    required("data_types", Kind::Texts, "", "data types that the vendor exports; validation expects these", |row| Cell::texts(row.data_types.iter().map(|t| t.name()))),
    optional("base_asset", Kind::Text, "", "the key's base, or its only asset; null: the key is the venue's own name", |row| row.key.base().into()),
    optional("quote_asset", Kind::Text, "", "the key's quote; null: it has none", |row| row.key.quote().into()),
    optional("settle_asset", Kind::Text, "", "asset in which profit and loss are paid; null: not known, or a spot pair", |row| row.settle.as_deref().into()),
    required("exchange_raw_symbol", Kind::Text, "", "the exchange's own symbol, as the vendor's API writes it", |row| row.raw_symbol.as_str().into()),
    optional("tardis_symbol", Kind::Text, "", "the symbol in the vendor's file URLs; null: the vendor exports no files", |row| row.dataset_symbol.as_deref().into()),
    required("tardis_exchange", Kind::Text, "", "the vendor's exchange id", |row| row.exchange.as_str().into()),
    required("data_provider", Kind::Text, "", "`tardis`", |_| "tardis".into()),
    required("venue_type", Kind::Text, "", "`exchange`", |_| "exchange".into()),
    required("asset_class", Kind::Text, "", "`crypto`", |_| "crypto".into()),
    optional("inverse", Kind::Flag, "", "true: settled in its base; null: not a derivative, or not known", |row| row.inverse.into()),
    required("symbol_type", Kind::Text, "", "the same as instrument_type", |row| row.key.instrument_type().name().into()),
    optional("contract_type", Kind::Text, "", "the vendor's word, for example `inverse_perpetual`; null: not known", |row| row.contract_type.as_deref().into()),
    optional("strike", Kind::Text, "quote currency", "null: not an option", |row| row.key.strike().into()),
    optional("option_type", Kind::Text, "", "`CALL` or `PUT`; null: not an option", |row| (row.option_side().map(|s| s.name())).into()),
    optional("expiry", Kind::Time, "microseconds since the Unix epoch, UTC", "when it expires; where the vendor's terms are not known, 08:00 UTC of the key's day (BitMEX: 12:00), a guess that no check relies on; null: it does not expire, or not known", |row| row.expiry_us.into()),
    optional("contract_size", Kind::Number, "base or quote currency", "size of one contract at the day's start; the vendor claims to know all its changes; null: not known", |row| row.contract_size.into()),
    optional("tick_size", Kind::Number, "quote currency", "smallest price step at the day's start, as far as the vendor tells its changes; null: not known", |row| row.tick_size.into()),
    optional("min_size", Kind::Number, "the same as amount", "smallest order at the day's start, as far as the vendor tells its changes; null: not known", |row| row.min_size.into()),
    optional("underlying", Kind::Text, "", "`BASE-QUOTE` of the underlying of a future or an option; null: it is neither", |row| underlying(row).into()),
    required("group_data_types", Kind::Texts, "", "data types for which the vendor has a grouped file of this type", |row| Cell::texts(row.group_data_types.iter().map(|t| t.name()))),
    added_required("withdrawn_data_types", Kind::Texts, "", "data types that the table had and the vendor no longer lists; not expected", |row| Cell::texts(row.withdrawn_data_types.iter().map(|t| t.name()))),
    added_filled("is_listed", Kind::Flag, "", "false: the vendor no longer lists the instrument, although it published no end", |row| Some(row.is_listed).into()),
    optional("terms_source", Kind::Text, "", "origin of contract_type, contract_size, tick_size and min_size; null: not known", |row| (row.terms_as_of.map(|_| TERMS_SOURCE)).into()),
    added_optional("terms_as_of", Kind::Time, "microseconds since the Unix epoch, UTC", "the last day on which these were known to be current; null: never", |row| (row.terms_as_of.map(Day::start_us)).into()),
    filled("is_exported", Kind::Flag, "", "whether the vendor had exported the whole day when the row was written", |row| Some(row.is_exported).into()),
    optional("trades_total", Kind::Count, "rows", "trades over its whole life, by the vendor's statistics; null: not published", |row| row.trades_total.into()),
    optional("book_changes_total", Kind::Count, "rows", "rows of incremental_book_L2 over its whole life; null: not published", |row| row.book_changes_total.into()),
    added_filled("canonical", Kind::Flag, "", "true: the key is made of base, quote and terms; false: it is the venue's own symbol", |row| Some(row.canonical).into()),
    added_optional("native_reason", Kind::Text, "", "why the key is not canonical; null: it is", |row| row.native_reason.as_deref().into()),
    added_required("aliases", Kind::Texts, "", "earlier keys, and other symbols under which the vendor lists the same file", |row| Cell::texts(row.aliases.iter().map(String::as_str))),
    added_optional("price_currency", Kind::Text, "", "currency in which prices are quoted; null: not known", |row| row.price_currency.as_deref().into()),
    added_optional("amount_unit", Kind::Text, "", "what amount counts: `base`, `quote` or `contracts`; null: not known", |row| row.amount_unit.map(AmountUnit::name).into()),
    added_optional("quanto", Kind::Flag, "", "true: paid in an asset that is neither base nor quote; null: not a derivative, or not known", |row| row.quanto.into()),
    added_required("changes_at", Kind::Times, "microseconds since the Unix epoch, UTC", "when a term changes within the day; the other columns have the values at the day's start", |row| Cell::Times(row.changes_at_us.clone())),
    added_required("contract_sizes_after", Kind::Numbers, "base or quote currency", "contract_size from each time of changes_at on; empty: no change, or the size is not known", |row| Cell::Numbers(row.contract_sizes_after.clone())),
];

/// `BASE-QUOTE` of a future's or option's underlying.
fn underlying(instrument: &Instrument) -> Option<String> {
    instrument.key.expiry()?;
    Some(format!("{}-{}", instrument.key.base()?, instrument.key.quote()?))
}

/// Rows as the table that a lake stores.
pub fn as_table(rows: &[Instrument]) -> RecordBatch {
    to_table(&COLUMNS, rows)
}

/// What a day's table expects of some instruments.
#[derive(Clone, Debug, Default)]
pub struct ExpectedKeys {
    /// The instruments that are alive on the day, with the data types that are expected of them.
    pub keys: BTreeMap<InstrumentKey, Vec<DataType>>,
    /// Every venue of the table.
    pub venues: BTreeSet<String>,
}

impl ExpectedKeys {
    fn add(
        &mut self,
        table: &RecordBatch,
        day: Day,
        is_wanted: &impl Fn(&str) -> bool,
    ) -> Result<(), String> {
        let cells = TableReader::of(table, &COLUMNS);
        let (key, types) = (cells.text("instrument_key")?, cells.texts("data_types")?);
        let (from, to) = (cells.time("available_from_datetime")?, cells.time("available_to_datetime")?);
        for row in 0..table.num_rows() {
            let text = key(row).ok_or("a row has no key")?;
            let venue = text.split(':').next().unwrap_or_default();
            if !self.venues.contains(venue) {
                self.venues.insert(venue.to_owned());
            }
            let is_alive = from(row).is_some_and(|from| from < day.end_us())
                && to(row).is_none_or(|to| to > day.start_us());
            if is_alive && is_wanted(text) {
                let parsed: InstrumentKey = text.parse().map_err(|_| format!("`{text}` is no key"))?;
                let types = types(row).iter().filter_map(|name| name.parse().ok()).collect();
                self.keys.insert(parsed, types);
            }
        }
        Ok(())
    }
}

fn from_table(table: &RecordBatch) -> Result<Vec<Instrument>, String> {
    let cells = TableReader::of(table, &COLUMNS);
    let (key, exchange, raw) =
        (cells.text("instrument_key")?, cells.text("tardis_exchange")?, cells.text("exchange_raw_symbol")?);
    let (dataset, settle, contract) =
        (cells.text("tardis_symbol")?, cells.text("settle_asset")?, cells.text("contract_type")?);
    let (from, to, expiry) =
        (cells.time("available_from_datetime")?, cells.time("available_to_datetime")?, cells.time("expiry")?);
    let (types, group_types) = (cells.texts("data_types")?, cells.texts("group_data_types")?);
    let (withdrawn, is_listed) = (cells.texts("withdrawn_data_types")?, cells.flag("is_listed")?);
    let terms_as_of = cells.time("terms_as_of")?;
    let (inverse, is_exported) = (cells.flag("inverse")?, cells.flag("is_exported")?);
    let (contract_size, tick_size, min_size) =
        (cells.number("contract_size")?, cells.number("tick_size")?, cells.number("min_size")?);
    let (trades, book_changes) = (cells.count("trades_total")?, cells.count("book_changes_total")?);
    let (canonical, native_reason, aliases) =
        (cells.flag("canonical")?, cells.text("native_reason")?, cells.texts("aliases")?);
    let (price_currency, amount_unit, quanto) =
        (cells.text("price_currency")?, cells.text("amount_unit")?, cells.flag("quanto")?);
    let (changes_at, sizes_after) = (cells.times("changes_at")?, cells.numbers("contract_sizes_after")?);
    let data_types = |names: Vec<String>| -> Result<Vec<DataType>, String> {
        names.iter().map(|n| n.parse::<DataType>().map_err(|e| e.to_string())).collect()
    };
    let text = |value: Option<&str>| value.map(str::to_owned);
    let needed =
        |value: Option<&str>, name: &str| text(value).ok_or_else(|| format!("`{name}` is null in a row"));
    (0..table.num_rows())
        .map(|row| {
            Ok(Instrument {
                key: needed(key(row), "instrument_key")?
                    .parse::<InstrumentKey>()
                    .map_err(|e| e.to_string())?,
                exchange: needed(exchange(row), "tardis_exchange")?,
                raw_symbol: needed(raw(row), "exchange_raw_symbol")?,
                dataset_symbol: text(dataset(row)),
                available_from_us: from(row).ok_or("`available_from_datetime` is null in a row")?,
                available_to_us: to(row),
                data_types: data_types(types(row))?,
                group_data_types: data_types(group_types(row))?,
                withdrawn_data_types: data_types(withdrawn(row))?,
                is_listed: is_listed(row).unwrap_or(true),
                terms_as_of: terms_as_of(row).and_then(Day::containing_us),
                is_exported: is_exported(row).unwrap_or(false),
                settle: text(settle(row)),
                inverse: inverse(row),
                contract_type: text(contract(row)),
                expiry_us: expiry(row),
                contract_size: contract_size(row),
                tick_size: tick_size(row),
                min_size: min_size(row),
                trades_total: trades(row),
                book_changes_total: book_changes(row),
                canonical: canonical(row).unwrap_or(true),
                native_reason: text(native_reason(row)),
                aliases: aliases(row),
                price_currency: text(price_currency(row)),
                amount_unit: amount_unit(row).and_then(AmountUnit::of_name),
                quanto: quanto(row),
                changes_at_us: changes_at(row),
                contract_sizes_after: sizes_after(row),
            })
        })
        .collect()
}

/// The columns of a day's table.
pub fn schema() -> SchemaRef {
    to_table::<Instrument>(&COLUMNS, &[]).schema()
}

impl Lake {
    /// The instruments of a day; `None`: the day has no table.
    ///
    /// # Errors
    /// When the store fails, or the object is not such a table.
    pub async fn instruments(&self, day: Day) -> Result<Option<Vec<Instrument>>, LakeError> {
        Ok(self.day_table(day).await?.map(|table| table.instruments))
    }

    /// The object of a day's table; `None`: there is none.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn instruments_entry(&self, day: Day) -> Result<Option<Entry>, LakeError> {
        self.entry(&self.layout().instruments(day)).await
    }

    /// What a day's table expects of wanted instruments, without reading the rest of it; `None`: the day has no table.
    ///
    /// # Errors
    /// When the store fails, or the object is not such a table.
    pub async fn expected(
        &self,
        day: Day,
        is_wanted: impl Fn(&str) -> bool,
    ) -> Result<Option<ExpectedKeys>, LakeError> {
        let path = self.layout().instruments(day);
        let Some(entry) = self.entry(&path).await? else { return Ok(None) };
        let columns = ["instrument_key", "data_types", "available_from_datetime", "available_to_datetime"];
        let all = Wanted::of("available_from_datetime", i64::MIN..i64::MAX);
        let wanted = Wanted { columns: Some(&columns), texts: Texts::Plain, ..all };
        let mut found = ExpectedKeys::default();
        for group in self.row_groups(&entry, &wanted, &Arc::default()).await? {
            let batches: Vec<RecordBatch> = group.try_collect().await?;
            for batch in batches {
                let wrong = |reason| LakeError::WrongTable { path: path.to_string(), reason };
                found.add(&batch, day, &is_wanted).map_err(wrong)?;
            }
        }
        Ok(Some(found))
    }

    /// The instruments of a day, and what has no row; `None`: the day has no table.
    ///
    /// # Errors
    /// When the store fails, or the object is not such a table.
    pub async fn day_table(&self, day: Day) -> Result<Option<DayTable>, LakeError> {
        let path = self.layout().instruments(day);
        self.read(&path).await?.map(|bytes| parse(bytes, &path)).transpose()
    }

    /// Changes the day's table: `change` gets it (an empty one if there is none, or none that can be read) and changes it in
    /// place. Concurrent changes are not lost.
    ///
    /// # Errors
    /// When the store fails, a newer version of the program made the table, or two rows of the new one have the same key.
    pub async fn update_instruments(
        &self,
        day: Day,
        mut change: impl FnMut(&mut DayTable),
    ) -> Result<(), LakeError> {
        let path = self.layout().instruments(day);
        self.update(&path, |old| {
            let mut table = match old.map(|bytes| parse(bytes.clone(), &path)).transpose() {
                // Callers that only read the table have failed before: this is `mtdh instruments`, which makes it again.
                Err(error) if error.is_distrust() => {
                    tracing::warn!(%path, %error, "the table is made anew; rows of other venues are gone until they are asked for");
                    DayTable::default()
                }
                old => old?.unwrap_or_default(),
            };
            change(&mut table);
            let rows = &mut table.instruments;
            rows.sort_by(|a, b| a.key.cmp(&b.key).then_with(|| a.raw_symbol.cmp(&b.raw_symbol)));
            if let Some(twins) = rows.windows(2).find(|pair| pair[0].key == pair[1].key) {
                return Err(LakeError::SharedKey {
                    path: path.to_string(),
                    key: twins[0].key.to_string(),
                    symbols: [twins[0].raw_symbol.clone(), twins[1].raw_symbol.clone()],
                });
            }
            let versions = serde_json::Value::from_iter(table.key_versions.clone()).to_string();
            let facts = [
                (VENUES.to_owned(), notes_text(&table.venues)),
                (KEY_VERSIONS.to_owned(), versions),
            ]
            .into();
            to_parquet_with(&to_table(&COLUMNS, rows), &facts)
                .map_err(|source| LakeError::Parquet { path: path.to_string(), source })
        })
        .await
    }

    /// Writes the tables of several days as one, with the day in the column `date`.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn put_instrument_aggregate(
        &self,
        range: DayRange,
        days: &[(Day, Vec<Instrument>)],
    ) -> Result<object_store::path::Path, LakeError> {
        let path = self.layout().instruments_aggregate(range);
        let all: Vec<Instrument> = days.iter().flat_map(|(_, rows)| rows.clone()).collect();
        let dates = days.iter().flat_map(|(day, rows)| rows.iter().map(move |_| day.to_string()));
        let dates: ArrayRef = Arc::new(StringArray::from(dates.collect::<Vec<String>>()));
        let table = to_table(&COLUMNS, &all);
        let mut fields = vec![Arc::new(Field::new("date", dates.data_type().clone(), false))];
        fields.extend(table.schema().fields().iter().cloned());
        let mut arrays = vec![dates];
        arrays.extend(table.columns().iter().cloned());
        let table = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays);
        let failed = |source| LakeError::Parquet { path: path.to_string(), source };
        let bytes = to_parquet(&table.map_err(|e| failed(e.into()))?).map_err(failed)?;
        self.put(&path, &bytes).await?;
        Ok(path)
    }
}

fn parse(bytes: Bytes, path: &object_store::path::Path) -> Result<DayTable, LakeError> {
    let wrong = |reason| LakeError::WrongTable { path: path.to_string(), reason };
    let (table, facts) = match from_parquet_with(bytes).map_err(|source| failure(path, source)) {
        Err(LakeError::Parquet { source, .. }) => return Err(wrong(source.to_string())),
        read => read?,
    };
    let venues =
        facts.get(VENUES).map(|text| notes_of(text).ok_or_else(|| format!("its `{VENUES}` cannot be read")));
    let versions = facts.get(KEY_VERSIONS).map(|text| {
        serde_json::from_str(text).map_err(|e| format!("its `{KEY_VERSIONS}` cannot be read: {e}"))
    });
    Ok(DayTable {
        instruments: from_table(&table).map_err(wrong)?,
        venues: venues.transpose().map_err(wrong)?.unwrap_or_default(),
        key_versions: versions.transpose().map_err(wrong)?.unwrap_or_default(),
    })
}

/// What has no row as JSON: venue, reason, count and examples.
fn notes_text(venues: &BTreeMap<String, VenueNote>) -> String {
    let of_reason = |left: &LeftOut| json!({"count": left.count, "examples": left.examples});
    let of_venue = |note: &VenueNote| -> Value {
        note.iter().map(|(reason, left)| (reason.name().to_owned(), of_reason(left))).collect()
    };
    venues.iter().map(|(venue, note)| (venue.clone(), of_venue(note))).collect::<Value>().to_string()
}

fn notes_of(text: &str) -> Option<BTreeMap<String, VenueNote>> {
    let left_out = |value: &Value| {
        let examples = value["examples"].as_array()?.iter().map(|e| e.as_str().map(str::to_owned));
        Some(LeftOut { count: value["count"].as_u64()?, examples: examples.collect::<Option<_>>()? })
    };
    let note = |value: &Value| -> Option<VenueNote> {
        let reasons = value.as_object()?.iter();
        reasons.map(|(name, left)| Some((NotExpected::from_name(name)?, left_out(left)?))).collect()
    };
    let value: Value = serde_json::from_str(text).ok()?;
    value.as_object()?.iter().map(|(venue, value)| Some((venue.clone(), note(value)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instrument(key: &str) -> Instrument {
        Instrument {
            key: key.parse().unwrap(),
            exchange: "deribit".into(),
            raw_symbol: "BTC-27DEC24-50000-C".into(),
            dataset_symbol: Some("BTC-27DEC24-50000-C".into()),
            available_from_us: 1_700_000_000_000_000,
            available_to_us: None,
            data_types: vec![DataType::Trades, DataType::OptionsChain],
            group_data_types: vec![DataType::OptionsChain],
            withdrawn_data_types: vec![DataType::Quotes],
            is_listed: false,
            terms_as_of: Day::new(2024, 3, 1),
            is_exported: true,
            settle: Some("BTC".into()),
            inverse: Some(true),
            contract_type: None,
            expiry_us: Some(1_735_286_400_000_000),
            contract_size: Some(1.0),
            tick_size: None,
            min_size: Some(0.1),
            trades_total: Some(7),
            book_changes_total: None,
            canonical: false,
            native_reason: Some("two readings remain".into()),
            aliases: vec!["DERIBIT:COMBO:X".into()],
            price_currency: Some("BTC".into()),
            amount_unit: Some(AmountUnit::Base),
            quanto: Some(false),
            changes_at_us: vec![1_733_011_200_000_001, 1_733_011_200_000_002],
            contract_sizes_after: vec![10.0, 0.1],
        }
    }

    #[tokio::test]
    async fn a_table_reads_back_and_others_rows_stay() {
        let folder = tempfile::tempdir().unwrap();
        let lake = Lake::open(folder.path().to_str().unwrap(), &Default::default()).unwrap();
        let day: Day = "2024-12-01".parse().unwrap();
        assert_eq!(lake.instruments(day).await.unwrap(), None);
        let (option, perp) = (
            instrument("DERIBIT:OPTION:BTC-USD-241227-50000-CALL"),
            instrument("BINANCE-FUTURES:PERP:BTC-USDT"),
        );
        let mut left = LeftOut::default();
        left.add(|| "trade_v2 of BTC".to_owned());
        let note: VenueNote = [(NotExpected::UnknownDataType, left)].into();
        lake.update_instruments(day, |table| table.instruments = vec![option.clone()]).await.unwrap();
        lake.update_instruments(day, |table| {
            table.instruments.push(perp.clone());
            table.venues.insert("DERIBIT".to_owned(), note.clone());
            table.key_versions.insert("DERIBIT".to_owned(), 7);
        })
        .await
        .unwrap();
        let table = lake.day_table(day).await.unwrap().unwrap();
        assert_eq!(table.instruments, [perp, option.clone()]);
        assert_eq!(table.venues["DERIBIT"], note);
        assert_eq!(table.key_versions, [("DERIBIT".to_owned(), 7)].into());
        let twin = Instrument { raw_symbol: "other".to_owned(), ..option };
        let error =
            lake.update_instruments(day, |table| table.instruments.push(twin.clone())).await.unwrap_err();
        assert!(error.to_string().contains("BTC-27DEC24-50000-C and other"), "{error}");
        assert_eq!(lake.day_table(day).await.unwrap(), Some(table), "the table stays as it was");
    }

    #[test]
    fn a_table_of_an_older_version_is_read() {
        let written = instrument("DERIBIT:OPTION:BTC-USD-241227-50000-CALL");
        let table = to_table(&COLUMNS, std::slice::from_ref(&written));
        let added: Vec<&str> =
            COLUMNS.iter().map(|c| c.column).filter(|c| c.is_added).map(|c| c.name).collect();
        let schema = table.schema();
        let old = schema.fields().iter().enumerate().filter(|(_, f)| !added.contains(&f.name().as_str()));
        let old = table.project(&old.map(|(place, _)| place).collect::<Vec<_>>()).unwrap();
        let expected = Instrument {
            withdrawn_data_types: Vec::new(),
            is_listed: true,
            terms_as_of: None,
            canonical: true,
            native_reason: None,
            aliases: Vec::new(),
            price_currency: None,
            amount_unit: None,
            quanto: None,
            changes_at_us: Vec::new(),
            contract_sizes_after: Vec::new(),
            ..written
        };
        assert_eq!(from_table(&old).unwrap(), [expected]);
    }

    #[test]
    fn a_foreign_table_is_named() {
        let table = to_table(&COLUMNS[..1], &[instrument("DERIBIT:OPTION:BTC-USD-241227-50000-CALL")]);
        let error = from_table(&table).unwrap_err();
        assert!(error.contains("tardis_exchange"), "{error}");
    }
}
