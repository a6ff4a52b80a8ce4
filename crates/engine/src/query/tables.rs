//! The objects of several tables of the lake at once, for readers of their own: data types, candles, instruments, reports.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use mtdh_core::candle::Timeframe;
use mtdh_core::clock::Clock;
use mtdh_core::key::InstrumentKey;
use mtdh_core::partition::{Origin, Origins};
use mtdh_core::{DataType, Day};
use mtdh_lake::tables::small::SmallTable;
use mtdh_lake::tables::{ColumnDescription, TableDescription, all};
use mtdh_lake::{Entry, Lake};

use super::choose::{Against, by_day, check_known};
use super::exchange::parts;
use super::{ChosenObject, Missing, ReadRequest, TickTable};
use crate::error::EngineError;
use crate::runs::phase::{self, Phase};
use crate::selection::Filter;

/// A table as users name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TableName {
    /// A data type: `trades`.
    Ticks(DataType),
    /// Candles of a timeframe, `candles_1m`; or of every timeframe that the lake has, `candles`.
    Candles(Option<Timeframe>),
    /// A small table: `instruments`.
    Small(SmallTable),
}

impl TableName {
    /// The names that there are, for people.
    pub fn known() -> String {
        let ticks = DataType::ALL.iter().map(|data_type| data_type.name());
        let small = SmallTable::ALL.iter().map(|table| table.name());
        ticks
            .chain(["candles", "candles_1m (and other timeframes)"])
            .chain(small)
            .collect::<Vec<_>>()
            .join(", ")
    }

    /// Every table, candles together.
    pub fn all() -> Vec<TableName> {
        let ticks = DataType::ALL.into_iter().map(TableName::Ticks);
        let small = SmallTable::ALL.into_iter().map(TableName::Small);
        ticks.chain([TableName::Candles(None)]).chain(small).collect()
    }

    /// How the table is described.
    pub fn description(self) -> Option<TableDescription> {
        let name = match self {
            TableName::Ticks(data_type) => data_type.name(),
            TableName::Candles(_) => "candles",
            TableName::Small(small) => small.name(),
        };
        all().into_iter().find(|table| table.name == name)
    }

    /// Its columns, in order.
    pub fn columns(self) -> Vec<ColumnDescription> {
        self.description().map(|table| table.columns).unwrap_or_default()
    }

    /// The tables of a query: those whose name is a word of it, outside of texts in single quotes and of comments.
    pub fn of_query(query: &str) -> Vec<TableName> {
        let bare = without_texts(query);
        let words = bare.split(|c: char| !c.is_alphanumeric() && c != '_');
        let words: BTreeSet<String> = words.map(str::to_lowercase).collect();
        let mut named: Vec<TableName> = Vec::new();
        for word in words {
            if let Ok(table) = word.parse::<TableName>()
                && !named.contains(&table)
            {
                named.push(table);
            }
        }
        named
    }
}

/// A query without its texts and comments, each replaced by a space.
fn without_texts(query: &str) -> String {
    let mut bare = String::with_capacity(query.len());
    let mut rest = query;
    while let Some(first) = rest.chars().next() {
        let (opens, closes) = match () {
            () if first == '\'' => (1, "'"),
            () if rest.starts_with("--") => (2, "\n"),
            () if rest.starts_with("/*") => (2, "*/"),
            () => {
                bare.push(first);
                rest = &rest[first.len_utf8()..];
                continue;
            }
        };
        bare.push(' ');
        let inside = &rest[opens..];
        rest = inside.find(closes).map_or("", |at| &inside[at + closes.len()..]);
    }
    bare
}

impl From<TickTable> for TableName {
    fn from(table: TickTable) -> TableName {
        match table {
            TickTable::Ticks(data_type) => TableName::Ticks(data_type),
            TickTable::Candles(timeframe) => TableName::Candles(Some(timeframe)),
        }
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TableName::Ticks(data_type) => f.write_str(data_type.name()),
            TableName::Candles(None) => f.write_str("candles"),
            TableName::Candles(Some(timeframe)) => write!(f, "candles_{timeframe}"),
            TableName::Small(small) => f.write_str(small.name()),
        }
    }
}

impl FromStr for TableName {
    type Err = EngineError;

    fn from_str(text: &str) -> Result<TableName, EngineError> {
        let lower = text.trim().to_lowercase();
        let small = SmallTable::ALL.into_iter().find(|table| table.name() == lower);
        let data_type = DataType::ALL.into_iter().find(|known| known.name().eq_ignore_ascii_case(&lower));
        let timeframe = || lower.strip_prefix("candles_")?.parse::<Timeframe>().ok();
        match (small, data_type) {
            (Some(small), _) => Ok(TableName::Small(small)),
            (_, Some(data_type)) => Ok(TableName::Ticks(data_type)),
            _ if lower == "candles" => Ok(TableName::Candles(None)),
            _ => timeframe()
                .map(|timeframe| TableName::Candles(Some(timeframe)))
                .ok_or_else(|| EngineError::NoTable { name: text.to_owned(), tables: TableName::known() }),
        }
    }
}

/// Which objects are meant: of which tables, instruments and times.
#[derive(Clone, Debug, Default)]
pub struct TablesRequest {
    /// The tables; empty: every table. A table that is not named is complete without an object.
    pub tables: Vec<TableName>,
    /// Venues, instrument types and instruments; its other filters have no effect.
    pub filter: Filter,
    /// Range of the clock, microseconds since the Unix epoch, UTC, the end excluded; `None`: from the lake's first day to its
    /// last.
    pub within_us: Option<Range<i64>>,
    /// Which clock chooses rows of ticks.
    pub clock: Clock,
    /// Whose objects.
    pub origins: Origins,
}

/// An object of a table.
#[derive(Clone, Debug)]
pub struct TableObject {
    /// The day of its folder, UTC.
    pub day: Day,
    /// The instrument; `None`: the table has one object for all.
    pub key: Option<InstrumentKey>,
    /// The object.
    pub entry: Entry,
    /// Whose data it has.
    pub origin: Origin,
}

impl From<ChosenObject> for TableObject {
    fn from(object: ChosenObject) -> TableObject {
        TableObject { day: object.day, key: Some(object.key), entry: object.entry, origin: object.origin }
    }
}

/// What is there of one day of a table, and what is not.
#[derive(Clone, Debug)]
pub struct TableDay {
    /// The table; candles have their timeframe.
    pub table: TableName,
    /// The objects, in order of their keys.
    pub objects: Vec<TableObject>,
    /// What the lake should have and has not. Of a table without instruments: the table's name.
    pub missing: Vec<Missing>,
}

/// Days of tables, table after table.
pub type TableStream = BoxStream<'static, Result<TableDay, EngineError>>;

impl TablesRequest {
    /// The request for one table of ticks or candles.
    fn rows(&self, table: TickTable, within_us: Range<i64>) -> ReadRequest {
        let request = ReadRequest::new(table, self.filter.asked(), within_us);
        ReadRequest { clock: self.clock, origins: self.origins, ..request }
    }

    /// The origins, one after the other.
    fn origins(&self) -> Vec<Origin> {
        match self.origins {
            Origins::Only(origin) => vec![origin],
            Origins::Both => vec![Origin::Vendor, Origin::Live],
        }
    }
}

/// The range of a request; `None`: the lake has nothing.
pub(crate) async fn range(lake: &Lake, request: &TablesRequest) -> Result<Option<Range<i64>>, EngineError> {
    if let Some(within_us) = &request.within_us {
        return Ok(Some(within_us.clone()));
    }
    let mut days: Vec<Day> = lake.days_with_instruments().await?;
    for origin in request.origins() {
        let lake = lake.with_origin(origin);
        days.extend(lake.days_with_partitions().await?);
        days.extend(lake.days_with_candles().await?);
    }
    Ok(days.iter().min().zip(days.iter().max()).map(|(first, last)| first.start_us()..last.end_us()))
}

/// The objects of a request, table after table and day after day. Nothing of them is read.
///
/// # Errors
/// When the lake cannot be read, or a text is no key. Others are in the stream.
pub(crate) async fn tables(lake: &Lake, request: &TablesRequest) -> Result<TableStream, EngineError> {
    measured(lake, request, !request.tables.is_empty()).await
}

/// As [`tables`], of what is there; nothing is missing.
pub(crate) async fn there(lake: &Lake, request: &TablesRequest) -> Result<TableStream, EngineError> {
    let days = measured(lake, request, false).await?;
    Ok(days.map_ok(|day| TableDay { missing: Vec::new(), ..day }).boxed())
}

async fn measured(lake: &Lake, request: &TablesRequest, is_named: bool) -> Result<TableStream, EngineError> {
    lake.check_readable().await?;
    let instruments = request.filter.keys()?;
    let filter = Filter { instruments, universe: None, ..request.filter.clone() };
    let request = &TablesRequest { filter, ..request.clone() };
    let Some(within_us) = range(lake, request).await? else { return Ok(futures::stream::empty().boxed()) };
    let named = expanded(lake, request, &within_us).await?;
    let days = parts(&within_us).count();
    let phase = phase::outermost("listing", "day", days * named.len());
    let mut streams: Vec<TableStream> = Vec::new();
    for table in named {
        streams.push(match table {
            TableName::Ticks(data_type) => {
                let rows = request.rows(TickTable::Ticks(data_type), within_us.clone());
                of_rows(lake, table, &rows, is_named, &request.filter, &phase).await?
            }
            TableName::Candles(Some(timeframe)) => {
                let rows = request.rows(TickTable::Candles(timeframe), within_us.clone());
                of_rows(lake, table, &rows, is_named, &request.filter, &phase).await?
            }
            TableName::Candles(None) => continue,
            TableName::Small(small) => of_small(lake, small, &within_us, is_named, request.origins()),
        });
    }
    Ok(futures::stream::iter(streams).flatten().inspect(move |_| phase.done()).boxed())
}

/// The tables of a request: all of them if none is named, and the timeframes that are there.
async fn expanded(
    lake: &Lake,
    request: &TablesRequest,
    within_us: &Range<i64>,
) -> Result<Vec<TableName>, EngineError> {
    let asked = if request.tables.is_empty() { TableName::all() } else { request.tables.clone() };
    let mut tables: Vec<TableName> = Vec::new();
    for table in asked {
        match table {
            TableName::Candles(None) => {
                let mut found: BTreeSet<Timeframe> = BTreeSet::new();
                for origin in request.origins() {
                    let lake = lake.with_origin(origin);
                    let within: Vec<Day> = parts(within_us).map(|(day, _)| day).collect();
                    for day in lake.days_with_candles().await? {
                        if within.binary_search(&day).is_ok() {
                            found.extend(lake.timeframes_of(day).await?);
                        }
                    }
                }
                tables.extend(found.into_iter().map(|tf| TableName::Candles(Some(tf))));
            }
            other => tables.push(other),
        }
    }
    let mut seen: Vec<TableName> = Vec::new();
    tables.retain(|table| {
        let is_new = !seen.contains(table);
        seen.push(*table);
        is_new
    });
    Ok(tables)
}

/// Days of ticks or candles. What is missing of a table that was not named counts only once the table has objects: nobody asked
/// for all data types.
async fn of_rows(
    lake: &Lake,
    table: TableName,
    rows: &ReadRequest,
    is_named: bool,
    filter: &Filter,
    phase: &Phase,
) -> Result<TableStream, EngineError> {
    let is_measured = is_named || has_objects(lake, rows, filter, phase).await?;
    let against = if is_measured { Against::Tables } else { Against::Calendar };
    let days = by_day(lake, rows, against).await?;
    let kept = filter.clone();
    let days = days.map_ok(move |day| {
        let is_meant = |text: &str| kept.takes(text);
        let objects = day.objects.into_iter().filter(|object| is_meant(object.key.as_str()));
        let objects: Vec<TableObject> = objects.map(TableObject::from).collect();
        let missing = day.missing.into_iter().filter(|missing| is_measured && is_meant(&missing.instrument));
        TableDay { table, objects, missing: missing.collect() }
    });
    if !is_named {
        return Ok(days.boxed());
    }
    // An instrument that nobody knows is told once it is clear that nothing of it is there.
    let (lake, rows, has_any) = (lake.clone(), rows.clone(), Arc::new(AtomicBool::new(false)));
    let seen = has_any.clone();
    let days = days.inspect_ok(move |day| {
        seen.fetch_or(!day.objects.is_empty(), Ordering::Relaxed);
    });
    let told = futures::stream::once(async move {
        if has_any.load(Ordering::Relaxed) { Ok(()) } else { check_known(&lake, &rows).await }
    });
    let told = told.filter_map(|known| async move { known.err().map(Err) });
    Ok(days.chain(told).boxed())
}

/// Whether the lake has any object of the rows.
async fn has_objects(
    lake: &Lake,
    rows: &ReadRequest,
    filter: &Filter,
    phase: &Phase,
) -> Result<bool, EngineError> {
    let mut days = by_day(lake, rows, Against::Calendar).await?;
    while let Some(day) = days.try_next().await? {
        // These days are looked at once more.
        phase.expect(1);
        phase.done();
        if day.objects.iter().any(|object| filter.takes(object.key.as_str())) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Days of a small table.
fn of_small(
    lake: &Lake,
    small: SmallTable,
    within_us: &Range<i64>,
    is_named: bool,
    origins: Vec<Origin>,
) -> TableStream {
    // Only these have other objects of another origin.
    let origins = match small {
        SmallTable::Available | SmallTable::Missing | SmallTable::Checks | SmallTable::Identities => origins,
        _ => origins.into_iter().take(1).collect(),
    };
    let lake = lake.clone();
    let of_day = move |day: Day| {
        let (lake, origins) = (lake.clone(), origins.clone());
        async move {
            let mut objects = Vec::new();
            for origin in origins {
                let entries = lake.with_origin(origin).small_objects(small, day).await?;
                objects.extend(entries.into_iter().map(|entry| TableObject {
                    day,
                    key: None,
                    entry,
                    origin,
                }));
            }
            let is_missing = is_named && objects.is_empty();
            let missing = is_missing.then(|| Missing { day, instrument: small.name().to_owned() });
            Ok(TableDay { table: TableName::Small(small), objects, missing: missing.into_iter().collect() })
        }
    };
    let days: Vec<Day> = parts(within_us).map(|(day, _)| day).collect();
    futures::stream::iter(days).map(of_day).buffered(4).boxed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_by_name() {
        for (text, expected) in [
            ("trades", Ok("trades")),
            ("INCREMENTAL_BOOK_L2", Ok("incremental_book_L2")),
            ("candles", Ok("candles")),
            ("candles_60s", Ok("candles_1m")),
            ("Instruments", Ok("instruments")),
            ("candles_", Err(())),
            ("tradez", Err(())),
            ("", Err(())),
        ] {
            let read = text.parse::<TableName>().map(|table| table.to_string()).map_err(drop);
            assert_eq!(read, expected.map(str::to_owned), "{text}");
        }
    }

    #[test]
    fn every_table_has_columns() {
        assert!(TableName::Candles(None).columns().len() > 5);
        for small in SmallTable::ALL {
            assert!(!TableName::Small(small).columns().is_empty(), "{small}");
        }
        for data_type in DataType::ALL {
            assert_eq!(TableName::Ticks(data_type).columns()[0].name, "instrument_key", "{data_type}");
        }
    }

    #[test]
    fn the_tables_of_a_query_are_words_of_it() {
        for (query, expected) in [
            ("select 1", ""),
            ("select * from trades", "trades"),
            ("select 'quotes' from \"trades\" -- instruments", "trades"),
            ("select 'it''s quotes' /* checks */ from candles_1m, Trades", "candles_1m trades"),
            ("from incremental_book_L2", "incremental_book_L2"),
            ("select 'open, trades", ""),
        ] {
            let found: Vec<String> = TableName::of_query(query).iter().map(ToString::to_string).collect();
            assert_eq!(found.join(" "), expected, "{query}");
        }
    }
}
