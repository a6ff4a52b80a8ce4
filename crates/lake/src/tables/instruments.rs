//! The instruments of a day as a table, in both directions.

use std::collections::BTreeMap;

use arrow_array::{Array, ArrayRef, RecordBatch, StringArray};
use arrow_schema::{Field, Schema};
use bytes::Bytes;
use mtdh_core::expectation::{LeftOut, NotExpected, VenueNote};
use mtdh_core::instrument::{DayTable, Instrument};
use mtdh_core::key::InstrumentKey;
use mtdh_core::{DataType, Day, DayRange};
use serde_json::{Value, json};
use std::sync::Arc;

use crate::error::LakeError;
use crate::read::failure;
use crate::store::Lake;
use crate::tables::columns::{TableBuilder, TableReader, from_parquet_with, to_parquet, to_parquet_with};

/// Where contract terms come from.
const TERMS_SOURCE: &str = "tardis /v1/instruments";

/// The pair of the footer that says what has no row, as JSON.
const VENUES: &str = "mtdh.not_expected";

/// The table of one day, sorted by key. Columns are the predecessor's, as proper types, and those that the plan needs.
fn to_table(instruments: &[Instrument]) -> RecordBatch {
    let all = || instruments.iter();
    let mut columns = TableBuilder::default();
    columns.text("instrument_key", all().map(|i| i.key.as_str()));
    columns.text("venue", all().map(|i| i.key.venue()));
    columns.text("instrument_type", all().map(|i| i.key.instrument_type().name()));
    columns.maybe_time("available_from_datetime", all().map(|i| Some(i.available_from_us)));
    columns.maybe_time("available_to_datetime", all().map(|i| i.available_to_us));
    columns.texts("data_types", all().map(|i| i.data_types.iter().map(|t| t.name())));
    columns.maybe_text("base_asset", all().map(|i| i.key.base()));
    columns.maybe_text("quote_asset", all().map(|i| i.key.quote()));
    columns.maybe_text("settle_asset", all().map(|i| i.settle.as_deref()));
    columns.text("exchange_raw_symbol", all().map(|i| i.raw_symbol.as_str()));
    columns.maybe_text("tardis_symbol", all().map(|i| i.dataset_symbol.as_deref()));
    columns.text("tardis_exchange", all().map(|i| i.exchange.as_str()));
    columns.text("data_provider", all().map(|_| "tardis"));
    columns.text("venue_type", all().map(|_| "exchange"));
    columns.text("asset_class", all().map(|_| "crypto"));
    columns.maybe_flag("inverse", all().map(|i| i.inverse));
    columns.text("symbol_type", all().map(|i| i.key.instrument_type().name()));
    columns.maybe_text("contract_type", all().map(|i| i.contract_type.as_deref()));
    columns.maybe_text("strike", all().map(|i| i.key.strike()));
    columns.maybe_text("option_type", all().map(|i| i.option_side().map(|s| s.name())));
    columns.maybe_time("expiry", all().map(|i| i.expiry_us));
    columns.maybe_number("contract_size", all().map(|i| i.contract_size));
    columns.maybe_number("tick_size", all().map(|i| i.tick_size));
    columns.maybe_number("min_size", all().map(|i| i.min_size));
    columns.maybe_text("underlying", all().map(underlying));
    columns.texts("group_data_types", all().map(|i| i.group_data_types.iter().map(|t| t.name())));
    columns.texts("withdrawn_data_types", all().map(|i| i.withdrawn_data_types.iter().map(|t| t.name())));
    columns.maybe_flag("is_listed", all().map(|i| Some(i.is_listed)));
    columns.maybe_text("terms_source", all().map(|i| i.terms_as_of.map(|_| TERMS_SOURCE)));
    columns.maybe_time("terms_as_of", all().map(|i| i.terms_as_of.map(Day::start_us)));
    columns.maybe_flag("is_exported", all().map(|i| Some(i.is_exported)));
    columns.maybe_count("trades_total", all().map(|i| i.trades_total));
    columns.maybe_count("book_changes_total", all().map(|i| i.book_changes_total));
    columns.finish().expect("columns made from one list have one length")
}

/// `BASE-QUOTE` of what a future or an option is written on.
fn underlying(instrument: &Instrument) -> Option<String> {
    instrument.key.expiry()?;
    Some(format!("{}-{}", instrument.key.base()?, instrument.key.quote()?))
}

fn from_table(table: &RecordBatch) -> Result<Vec<Instrument>, String> {
    let cells = TableReader::of(table);
    let (key, exchange, raw) =
        (cells.text("instrument_key")?, cells.text("tardis_exchange")?, cells.text("exchange_raw_symbol")?);
    let (dataset, settle, contract) =
        (cells.text("tardis_symbol")?, cells.text("settle_asset")?, cells.text("contract_type")?);
    let (from, to, expiry) =
        (cells.time("available_from_datetime")?, cells.time("available_to_datetime")?, cells.time("expiry")?);
    let (types, group_types) = (cells.texts("data_types")?, cells.texts("group_data_types")?);
    let (withdrawn, is_listed) = (cells.added_texts("withdrawn_data_types")?, cells.added_flag("is_listed")?);
    let terms_as_of = cells.added_time("terms_as_of")?;
    let (inverse, is_exported) = (cells.flag("inverse")?, cells.flag("is_exported")?);
    let (contract_size, tick_size, min_size) =
        (cells.number("contract_size")?, cells.number("tick_size")?, cells.number("min_size")?);
    let (trades, book_changes) = (cells.count("trades_total")?, cells.count("book_changes_total")?);
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
            })
        })
        .collect()
}

impl Lake {
    /// The instruments of a day; nothing when the day has no table.
    ///
    /// # Errors
    /// When the store fails, or the object is not such a table.
    pub async fn instruments(&self, day: Day) -> Result<Option<Vec<Instrument>>, LakeError> {
        Ok(self.day_table(day).await?.map(|table| table.instruments))
    }

    /// The instruments of a day with what has no row; nothing when the day has no table.
    ///
    /// # Errors
    /// When the store fails, or the object is not such a table.
    pub async fn day_table(&self, day: Day) -> Result<Option<DayTable>, LakeError> {
        let path = self.layout().instruments(day);
        self.read(&path).await?.map(|bytes| parse(bytes, &path)).transpose()
    }

    /// Changes the day's table: `change` gets it (an empty one when there is none, or none that can be read) and changes it
    /// in place. Nobody else's change is lost in between.
    ///
    /// # Errors
    /// When the store fails, a newer version of the program made the table, or two rows of the new one have one key.
    pub async fn update_instruments(
        &self,
        day: Day,
        mut change: impl FnMut(&mut DayTable),
    ) -> Result<(), LakeError> {
        let path = self.layout().instruments(day);
        self.update(&path, |old| {
            let mut table = match old.map(|bytes| parse(bytes.clone(), &path)).transpose() {
                // Whoever only needs the table has failed before: this is `mtdh instruments`, which makes it anew.
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
            let facts = [(VENUES.to_owned(), notes_text(&table.venues))].into();
            to_parquet_with(&to_table(rows), &facts)
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
        let table = to_table(&all);
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
    Ok(DayTable {
        instruments: from_table(&table).map_err(wrong)?,
        venues: venues.transpose().map_err(wrong)?.unwrap_or_default(),
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
        })
        .await
        .unwrap();
        let table = lake.day_table(day).await.unwrap().unwrap();
        assert_eq!(table.instruments, [perp, option.clone()]);
        assert_eq!(table.venues["DERIBIT"], note);
        let twin = Instrument { raw_symbol: "other".to_owned(), ..option };
        let error =
            lake.update_instruments(day, |table| table.instruments.push(twin.clone())).await.unwrap_err();
        assert!(error.to_string().contains("BTC-27DEC24-50000-C and other"), "{error}");
        assert_eq!(lake.day_table(day).await.unwrap(), Some(table), "the table stays as it was");
    }

    #[test]
    fn a_table_of_an_older_version_is_read() {
        let written = instrument("DERIBIT:OPTION:BTC-USD-241227-50000-CALL");
        let table = to_table(std::slice::from_ref(&written));
        let added = ["withdrawn_data_types", "is_listed", "terms_source", "terms_as_of"];
        let schema = table.schema();
        let old = schema.fields().iter().enumerate().filter(|(_, f)| !added.contains(&f.name().as_str()));
        let old = table.project(&old.map(|(place, _)| place).collect::<Vec<_>>()).unwrap();
        let expected =
            Instrument { withdrawn_data_types: Vec::new(), is_listed: true, terms_as_of: None, ..written };
        assert_eq!(from_table(&old).unwrap(), [expected]);
    }

    #[test]
    fn a_foreign_table_is_named() {
        let mut columns = TableBuilder::default();
        columns.text("instrument_key", ["x"].into_iter());
        let error = from_table(&columns.finish().unwrap()).unwrap_err();
        assert!(error.contains("tardis_exchange"), "{error}");
    }
}
