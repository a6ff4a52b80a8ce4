//! The objects of the lake's tables for readers of their own: paths, views, proof.

use std::collections::BTreeMap;
use std::fmt::Write;

use futures::{StreamExt, TryStreamExt};
use mtdh_core::Day;
use mtdh_core::candle::Timeframe;
use mtdh_core::clock::Clock;
use mtdh_core::key::InstrumentKey;
use mtdh_lake::read::Verified;
use mtdh_lake::{Entry, LakeError};

use super::{Context, Work};
use crate::error::EngineError;
use crate::query::tables::{TableDay, TableName, TableStream, TablesRequest, tables, there};
use crate::query::{Missing, TickTable};
use crate::runs::phase;
use crate::selection::{Filter, Selection};
use crate::sql::bigquery;
use crate::sql::bucket::{Keys, secret};
use crate::sql::ddl::{DdlOptions, Dialect, Place, before, statement};
use crate::sql::views::{Rows, View, head};
use crate::want::{Chosen, Narrowing};

/// Objects that are read at the same time to prove them.
const PROVED_AT_ONCE: usize = 4;

/// What became of objects that were proved.
#[derive(Debug, Default)]
pub struct Proved {
    /// Those that are not what was written, or cannot be trusted, in order, each with the reason. The error of the first is
    /// that of the whole.
    pub damaged: Vec<(Entry, LakeError)>,
    /// Those without checksums, because version 0.1.0 wrote them: nothing proves them.
    pub without_checksums: Vec<Entry>,
}

/// Views over exact paths.
#[derive(Debug, Default)]
pub struct Views {
    /// Statements for DuckDB.
    pub sql: String,
    /// The objects of all views.
    pub objects: Vec<Entry>,
    /// The tables that have objects.
    pub filled: Vec<TableName>,
    /// Those that have none.
    pub empty: Vec<TableName>,
    /// What the lake should have and has not, by table.
    pub missing: Vec<(TableName, Missing)>,
}

/// What should be there.
struct Meant {
    selection: Selection,
    /// The timeframes of its candles.
    timeframes: Vec<Timeframe>,
}

impl Meant {
    /// Whether what a table lacks should be there.
    fn takes(&self, table: TableName, missing: &Missing) -> bool {
        if !self.selection.days.contains(missing.day) {
            return false;
        }
        // A pattern stands for keys that no instrument table tells.
        let key = missing.instrument.parse::<InstrumentKey>().ok();
        let is_of_key = key.as_ref().is_none_or(|key| self.selection.takes_key(key));
        is_of_key
            && match table {
                TableName::Ticks(data_type) => self.selection.data_types.contains(&data_type),
                TableName::Candles(Some(timeframe)) => self.timeframes.contains(&timeframe),
                TableName::Candles(None) | TableName::Small(_) => true,
            }
    }
}

impl Context {
    /// The objects of tables, day after day. Nothing of them is read. What is missing is measured against what the lake is for; where
    /// nobody wrote that down, or instruments are named, against the instrument tables.
    ///
    /// ```no_run
    /// # async fn example(context: mtdh_engine::Context) -> Result<(), mtdh_engine::EngineError> {
    /// use futures::TryStreamExt;
    /// use mtdh_engine::query::tables::TablesRequest;
    /// let mut days = context.tables(&TablesRequest::default()).await?;
    /// while let Some(day) = days.try_next().await? {
    ///     for object in &day.objects {
    ///         println!("{}", context.address(&object.entry));
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn tables<'a>(&'a self, request: &'a TablesRequest) -> Work<'a, TableStream> {
        Box::pin(async move {
            let days = tables(&self.lake, request).await?;
            if !request.filter.instruments.is_empty() || request.filter.universe.is_some() {
                return Ok(days);
            }
            let Some(meant) = self.meant().await? else { return Ok(days) };
            let kept = move |day: TableDay| {
                let table = day.table;
                let missing =
                    day.missing.into_iter().filter(|one| meant.iter().any(|of| of.takes(table, one)));
                TableDay { missing: missing.collect(), ..day }
            };
            Ok(days.map_ok(kept).boxed())
        })
    }

    /// What the lake is for; `None`: nobody wrote it down.
    async fn meant(&self) -> Result<Option<Vec<Meant>>, EngineError> {
        let of = |chosen: Chosen| Meant { selection: chosen.selection, timeframes: chosen.set.candles };
        let sets = self.chosen(&Narrowing::default()).await?;
        Ok(sets.map(|sets| sets.into_iter().map(of).collect()))
    }

    /// Where a reader of its own finds an object: an absolute path on this machine, or the address in the bucket.
    pub fn address(&self, entry: &Entry) -> String {
        format!("{}/{}", self.address.trim_end_matches('/'), entry.path)
    }

    /// Reads every byte of objects and verifies them, for readers that do not.
    ///
    /// ```no_run
    /// # async fn example(context: mtdh_engine::Context, entries: Vec<mtdh_engine::query::Entry>) -> Result<(), mtdh_engine::EngineError> {
    /// let proved = context.prove(&entries).await?;
    /// assert!(proved.damaged.is_empty());
    /// # Ok(())
    /// # }
    /// ```
    pub fn prove<'a>(&'a self, entries: &'a [Entry]) -> Work<'a, Proved> {
        Box::pin(async move {
            let phase = phase::begin("proving", "object", entries.len());
            entries.iter().for_each(|entry| phase.weigh(entry.bytes));
            let read = |entry: Entry| {
                let lake = self.lake.clone();
                async move { (lake.verify_bytes(&entry).await, entry) }
            };
            let mut all = futures::stream::iter(entries.to_vec()).map(read).buffered(PROVED_AT_ONCE);
            let mut proved = Proved::default();
            while let Some((ended, entry)) = all.next().await {
                phase.advance(entry.bytes);
                phase.done();
                match ended {
                    Ok(Verified::Whole) => {}
                    Ok(Verified::NoChecksums) => proved.without_checksums.push(entry),
                    Err(error) if error.is_distrust() => proved.damaged.push((entry, error)),
                    Err(error) => return Err(error.into()),
                }
            }
            Ok(proved)
        })
    }

    /// Views for DuckDB over exactly the objects of a request, one for each of its tables. A table without objects is an empty
    /// view with the right columns.
    ///
    /// ```no_run
    /// # async fn example(context: mtdh_engine::Context) -> Result<(), mtdh_engine::EngineError> {
    /// use mtdh_engine::query::tables::TablesRequest;
    /// use mtdh_engine::sql::bucket::Keys;
    /// println!("{}", context.views(&TablesRequest::default(), Keys::OfReader).await?.sql);
    /// # Ok(())
    /// # }
    /// ```
    pub fn views<'a>(&'a self, request: &'a TablesRequest, keys: Keys) -> Work<'a, Views> {
        Box::pin(async move {
            let mut views = Views { sql: head().to_owned(), ..Views::default() };
            if self.lake.folder().is_none() {
                views.sql.push_str(&secret(bucket_url(self.lake.url()).as_str(), keys));
            }
            // By the place of the table, in the order in which the tables come.
            let mut found: Vec<(TableName, Vec<String>)> = Vec::new();
            let mut days = self.tables(request).await?;
            while let Some(day) = days.try_next().await? {
                let addresses: Vec<String> =
                    day.objects.iter().map(|object| self.address(&object.entry)).collect();
                views.objects.extend(day.objects.into_iter().map(|object| object.entry));
                views.missing.extend(day.missing.into_iter().map(|missing| (day.table, missing)));
                match found.iter_mut().find(|(table, _)| *table == day.table) {
                    Some((_, known)) => known.extend(addresses),
                    None => found.push((day.table, addresses)),
                }
            }
            let asked = if request.tables.is_empty() { TableName::all() } else { request.tables.clone() };
            let mut by_table: BTreeMap<String, View> = BTreeMap::new();
            for table in asked.iter().chain(found.iter().map(|(table, _)| table)) {
                let rows = rows_of(*table, request);
                let addresses = match table {
                    // All timeframes together.
                    TableName::Candles(None) => {
                        let candles =
                            found.iter().filter(|(table, _)| matches!(table, TableName::Candles(_)));
                        candles.flat_map(|(_, addresses)| addresses.iter().cloned()).collect()
                    }
                    table => found
                        .iter()
                        .find(|(known, _)| known == table)
                        .map(|f| f.1.clone())
                        .unwrap_or_default(),
                };
                let side = if Vec::is_empty(&addresses) { &mut views.empty } else { &mut views.filled };
                if !side.contains(table) {
                    side.push(*table);
                }
                by_table.insert(
                    table.to_string(),
                    View { name: table.to_string(), columns: table.columns(), addresses, rows },
                );
            }
            for view in by_table.values() {
                view.write(&mut views.sql);
            }
            Ok(views)
        })
    }

    /// Statements that let an engine read tables of the lake where they lie: those that are named, else all that the lake has
    /// objects of. Tables below `runs` have none.
    /// Fails when a name cannot be used, or the engine cannot read where the lake is.
    ///
    /// ```no_run
    /// # async fn example(context: mtdh_engine::Context) -> Result<(), mtdh_engine::EngineError> {
    /// use mtdh_engine::sql::ddl::Dialect;
    /// println!("{}", context.ddl(Dialect::Duckdb, &[], &Default::default()).await?);
    /// # Ok(())
    /// # }
    /// ```
    pub fn ddl<'a>(
        &'a self,
        dialect: Dialect,
        names: &'a [TableName],
        options: &'a DdlOptions,
    ) -> Work<'a, String> {
        Box::pin(async move {
            let root = match (&options.place, self.lake.folder()) {
                (Some(place), _) => bucket_url(place),
                (None, Some(folder)) => {
                    std::path::absolute(folder).unwrap_or(folder.to_owned()).display().to_string()
                }
                (None, None) => bucket_url(self.lake.url()),
            };
            let is_folder = !root.contains("://");
            let mut sql = before(dialect, options.schema()?, is_folder)?;
            let mut asked: Vec<TableName> = if names.is_empty() { TableName::all() } else { names.to_vec() };
            // One statement for all timeframes.
            asked.iter_mut().for_each(|name| {
                if let TableName::Candles(timeframe) = name {
                    *timeframe = None;
                }
            });
            asked.dedup();
            for name in asked {
                let Some(table) = name.description() else { continue };
                let mut days: Vec<Day> = Vec::new();
                let request = TablesRequest { tables: vec![name], ..TablesRequest::default() };
                let mut found = there(&self.lake, &request).await?;
                while let Some(day) = found.try_next().await? {
                    days.extend(day.objects.iter().map(|object| object.day));
                }
                days.sort_unstable();
                days.dedup();
                match days.first().copied() {
                    None => {
                        let _infallible = writeln!(sql, "-- {name}: the lake has no object of it");
                    }
                    // Engines leave out files and folders whose names begin with an underscore.
                    Some(_) if !table.is_by_day() => {
                        let _infallible = writeln!(sql, "-- {name}: engines do not read where it lies");
                    }
                    Some(first) => {
                        let place = Place { table: &table, root: &root, is_folder, first, days: &days };
                        sql.push_str(&statement(dialect, &place, options)?);
                    }
                }
            }
            Ok(sql)
        })
    }

    /// The statements that bring the days of a request into tables of a BigQuery data set, `PROJECT.SET` or `SET`. Without tables
    /// in the request: all data types and candles.
    pub fn bigquery<'a>(&'a self, request: &'a TablesRequest, dataset: &'a DdlOptions) -> Work<'a, Views> {
        Box::pin(async move {
            let dataset = dataset.schema()?;
            if self.lake.folder().is_some() {
                return Err(EngineError::NeedsBucket { dialect: "bigquery" });
            }
            let Filter { venues, instrument_types, instruments, universe, .. } = &request.filter;
            let is_whole = venues.is_empty()
                && instrument_types.is_empty()
                && instruments.is_empty()
                && universe.is_none();
            let mut script = Views { sql: bigquery::HEAD.to_owned(), ..Views::default() };
            let mut days = self.tables(request).await?;
            while let Some(day) = days.try_next().await? {
                let Some(clock) = bigquery::clock(day.table) else { continue };
                script.missing.extend(day.missing.iter().map(|missing| (day.table, missing.clone())));
                if day.objects.is_empty() {
                    continue;
                }
                if !script.filled.contains(&day.table) {
                    script.filled.push(day.table);
                    script.sql.push_str(&bigquery::make(dataset, day.table, clock));
                }
                let addresses: Vec<String> =
                    day.objects.iter().map(|object| self.address(&object.entry)).collect();
                script.sql.push_str(&bigquery::day(dataset, &day, &addresses, is_whole, clock));
                script.objects.extend(day.objects.into_iter().map(|object| object.entry));
            }
            Ok(script)
        })
    }

    /// A view over objects at addresses that the caller knows.
    pub fn view_of(&self, table: TickTable, addresses: Vec<String>) -> String {
        let table = TableName::from(table);
        let mut sql = String::new();
        View { name: table.to_string(), columns: table.columns(), addresses, rows: None }.write(&mut sql);
        sql
    }
}

/// Which rows of its objects a table has; `None`: all of them, because the objects end where the request does.
fn rows_of(table: TableName, request: &TablesRequest) -> Option<Rows> {
    let within_us = request.within_us.clone()?;
    let column = match table {
        TableName::Ticks(_) => request.clock.column(),
        TableName::Candles(_) => Clock::Exchange.column(),
        TableName::Small(_) => return None,
    };
    let is_midnight = |us: i64| Day::containing_us(us).is_some_and(|day| day.start_us() == us);
    let is_whole = is_midnight(within_us.start) && is_midnight(within_us.end);
    let is_cut_by = matches!(table, TableName::Candles(_)) || request.clock == Clock::Arrival;
    (!(is_whole && is_cut_by)).then_some(Rows { column, within_us })
}

/// A bucket's address as readers take it.
pub(super) fn bucket_url(url: &str) -> String {
    let url = url.trim_end_matches('/');
    match url.split_once("://") {
        Some((scheme, rest)) => format!("{}://{rest}", scheme.to_ascii_lowercase()),
        None => url.to_owned(),
    }
}
