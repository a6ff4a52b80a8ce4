//! The instruments of a day as a table, in both directions.

use arrow_array::{Array, ArrayRef, RecordBatch, StringArray};
use arrow_schema::{Field, Schema};
use bytes::Bytes;
use mtdh_core::instrument::Instrument;
use mtdh_core::key::InstrumentKey;
use mtdh_core::{DataType, Day, DayRange};
use std::sync::Arc;

use crate::error::LakeError;
use crate::layout;
use crate::read::failure;
use crate::small_table::{Cells, Columns, from_parquet, to_parquet};
use crate::store::Lake;

/// The table of one day, sorted by key. Columns are the predecessor's, as proper types, and those that the plan needs.
fn to_table(instruments: &[Instrument]) -> RecordBatch {
    let all = || instruments.iter();
    let mut columns = Columns::default();
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
    let cells = Cells::of(table);
    let (key, exchange, raw) =
        (cells.text("instrument_key")?, cells.text("tardis_exchange")?, cells.text("exchange_raw_symbol")?);
    let (dataset, settle, contract) =
        (cells.text("tardis_symbol")?, cells.text("settle_asset")?, cells.text("contract_type")?);
    let (from, to, expiry) =
        (cells.time("available_from_datetime")?, cells.time("available_to_datetime")?, cells.time("expiry")?);
    let (types, group_types) = (cells.texts("data_types")?, cells.texts("group_data_types")?);
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
        let path = layout::instruments(day);
        self.read(&path).await?.map(|bytes| parse(bytes, &path)).transpose()
    }

    /// Changes the day's table: `change` gets its rows (none when there is no table, or none that can be read) and gives the
    /// new ones. Nobody else's change is lost in between.
    ///
    /// # Errors
    /// When the store fails, or a newer version of the program made the table.
    pub async fn update_instruments(
        &self,
        day: Day,
        mut change: impl FnMut(Vec<Instrument>) -> Vec<Instrument>,
    ) -> Result<(), LakeError> {
        let path = layout::instruments(day);
        self.update(&path, |old| {
            let old = match old.map(|bytes| parse(bytes.clone(), &path)).transpose() {
                // Whoever only needs the table has failed before: this is `mtdh instruments`, which makes it anew.
                Err(error) if error.is_distrust() => {
                    tracing::warn!(%path, %error, "the table is made anew; rows of other venues are gone until they are asked for");
                    Vec::new()
                }
                old => old?.unwrap_or_default(),
            };
            let mut new = change(old);
            new.sort_by(|a, b| a.key.cmp(&b.key).then_with(|| a.raw_symbol.cmp(&b.raw_symbol)));
            to_parquet(&to_table(&new))
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
        let path = layout::instruments_aggregate(range);
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

fn parse(bytes: Bytes, path: &object_store::path::Path) -> Result<Vec<Instrument>, LakeError> {
    let wrong = |reason| LakeError::WrongTable { path: path.to_string(), reason };
    match from_parquet(bytes).map_err(|source| failure(path, source)) {
        Ok(table) => from_table(&table).map_err(wrong),
        Err(LakeError::Parquet { source, .. }) => Err(wrong(source.to_string())),
        Err(error) => Err(error),
    }
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
        lake.update_instruments(day, |_| vec![option.clone()]).await.unwrap();
        lake.update_instruments(day, |mut rows| {
            rows.push(perp.clone());
            rows
        })
        .await
        .unwrap();
        assert_eq!(lake.instruments(day).await.unwrap(), Some(vec![perp, option]));
    }

    #[test]
    fn a_foreign_table_is_named() {
        let mut columns = Columns::default();
        columns.text("instrument_key", ["x"].into_iter());
        let error = from_table(&columns.finish().unwrap()).unwrap_err();
        assert!(error.contains("tardis_exchange"), "{error}");
    }
}
