//! Tables of other programs over the lake's objects.

use std::collections::BTreeSet;

use mtdh_core::candle::Timeframe;
use mtdh_core::key::InstrumentType;
use mtdh_core::{Day, DayRange};
use mtdh_lake::iceberg::IcebergTable;

use super::{Context, Work};
use crate::error::EngineError;
use crate::iceberg::state::{Beside, TableState, states};
use crate::iceberg::{IcebergReport, IcebergRequest, IcebergTables, publish};
use crate::selection::Filter;

impl Context {
    /// Publishes Iceberg tables over the objects as they lie: only what changed since, and nothing if nothing did.
    ///
    /// ```no_run
    /// # async fn example(context: mtdh_engine::Context) -> Result<(), mtdh_engine::EngineError> {
    /// use mtdh_engine::iceberg::IcebergRequest;
    /// for table in context.publish_iceberg(&IcebergRequest::default()).await?.tables {
    ///     println!("{}: {} files, {} rows, {}", table.table, table.files, table.rows, table.metadata);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn publish_iceberg<'a>(&'a self, request: &'a IcebergRequest) -> Work<'a, IcebergReport> {
        Box::pin(publish(&self.lake, request))
    }

    /// What a user's filters mean for tables: data types and timeframes say which, all else which rows. A filter that is not set filters
    /// nothing, `days` neither.
    pub fn iceberg_request<'a>(
        &'a self,
        filter: &'a Filter,
        days: Option<DayRange>,
        timeframes: &'a [Timeframe],
    ) -> Work<'a, IcebergRequest> {
        Box::pin(async move {
            let tables = match (&filter.data_types[..], timeframes) {
                ([], []) => IcebergTables::All,
                (data_types, timeframes) => {
                    let (data_types, timeframes) = (data_types.to_vec(), timeframes.to_vec());
                    IcebergTables::Named { data_types, timeframes }
                }
            };
            let is_narrow = !filter.venues.is_empty()
                || !filter.instrument_types.is_empty()
                || !filter.instruments.is_empty()
                || filter.universe.is_some()
                || filter.max_instruments.is_some();
            let days = match days {
                None if is_narrow => self.days_of_all().await?,
                days => days,
            };
            let of_days = |days| -> Result<_, EngineError> {
                let mut selection = filter.of_lake(days)?;
                if filter.instrument_types.is_empty() {
                    selection.instrument_types = InstrumentType::ALL.to_vec();
                }
                Ok(selection)
            };
            let selection = days.map(of_days).transpose()?;
            Ok(IcebergRequest { selection, tables, ..IcebergRequest::default() })
        })
    }

    /// From the first day of the lake to the last; `None`: it has none.
    async fn days_of_all(&self) -> Result<Option<DayRange>, EngineError> {
        let mut days: BTreeSet<Day> = self.lake.days_with_partitions().await?.into_iter().collect();
        days.extend(self.lake.days_with_candles().await?);
        let ends = days.first().zip(days.last());
        Ok(ends.and_then(|(first, last)| DayRange::new(*first, *last).ok()))
    }

    /// Brings the tables that were published up to date, no wider than they were published. Without tables nothing is done.
    pub fn refresh_iceberg(&self) -> Work<'_, IcebergReport> {
        Box::pin(async {
            let request = IcebergRequest { tables: IcebergTables::Published, ..IcebergRequest::default() };
            publish(&self.lake, &request).await
        })
    }

    /// The Iceberg tables that were published, each beside what the lake has now. Of an object that changed since its footer is read.
    ///
    /// ```no_run
    /// # async fn example(context: mtdh_engine::Context) -> Result<(), mtdh_engine::EngineError> {
    /// for table in context.iceberg_states().await?.iter().filter(|table| table.is_stale) {
    ///     println!("{}: {:?}", table.table, table.reason);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn iceberg_states(&self) -> Work<'_, Vec<TableState>> {
        Box::pin(async {
            self.lake.check_readable().await?;
            states(&self.lake, Beside::Lake).await
        })
    }

    /// The same, not compared with the lake: a table is only stale if its metadata cannot be read or names another place.
    pub fn iceberg_published(&self) -> Work<'_, Vec<TableState>> {
        Box::pin(async {
            self.lake.check_readable().await?;
            states(&self.lake, Beside::Nothing).await
        })
    }

    /// The names of the Iceberg tables that were published. What is changed in the lake afterwards they do not know before they are
    /// published again.
    pub fn iceberg_tables(&self) -> Work<'_, Vec<String>> {
        Box::pin(async {
            Ok(self.lake.iceberg_tables().await?.iter().map(IcebergTable::to_string).collect())
        })
    }
}
