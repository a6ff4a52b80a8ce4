//! A lake for Python: settings as the program reads them, and what is read of it. Runs are in `runs`.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use mtdh::settings::{FlagLayer, Settings};
use mtdh_core::DataType;
use mtdh_core::clock::Clock;
use mtdh_core::instrument::Instrument;
use mtdh_core::key::InstrumentType;
use mtdh_engine::query::tables::TableName;
use mtdh_engine::query::{ReadRequest, TickTable};
use mtdh_engine::sql::ddl::{DdlOptions, Dialect};
use mtdh_engine::{Config, Context, EngineError, Filter, SecretString, Selection};
use pyo3::prelude::*;

use crate::error::{raise, raised};
use crate::rows::{Batches, Rows};
use crate::runtime::wait_briefly;
use crate::times::{Time, days_from};

/// A lake and its settings, shared by what is read of it.
pub struct Shared {
    pub config: Config,
    pub export_grace: Duration,
    /// The context, and the process that opened it: connections do not survive a fork.
    opened: Mutex<Option<(u32, Arc<Context>)>>,
}

impl Shared {
    pub fn new(config: Config, export_grace: Duration) -> Arc<Shared> {
        Arc::new(Shared { config, export_grace, opened: Mutex::new(None) })
    }

    pub fn context(&self) -> PyResult<Arc<Context>> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        let process = std::process::id();
        if let Some((owner, context)) = &*opened
            && *owner == process
        {
            return Ok(context.clone());
        }
        let context =
            Arc::new(Context::open(&self.config).map_err(|error| Python::attach(|py| raised(py, error)))?);
        // Its connections are the parent's.
        std::mem::forget(opened.replace((process, context.clone())));
        Ok(context)
    }
}

/// A user's selection, as Python gives it. Empty lists do not filter.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct SelectionArgs {
    pub start: Time,
    pub end: Option<Time>,
    pub venues: Vec<String>,
    pub types: Vec<String>,
    pub data_types: Vec<String>,
    pub instruments: Vec<String>,
    pub universe: Option<String>,
    pub max_instruments: Option<usize>,
}

impl SelectionArgs {
    /// The selection of a use case that reads a lake.
    pub fn of_lake(&self, py: Python<'_>) -> PyResult<Selection> {
        let days = days_from(py, &self.start, self.end.as_ref())?;
        self.filter(py)?.of_lake(days).map_err(|error| raised(py, error))
    }

    /// The selection of a use case that asks the vendor.
    pub fn of_vendor(&self, py: Python<'_>) -> PyResult<Selection> {
        let days = days_from(py, &self.start, self.end.as_ref())?;
        self.filter(py)?.of_vendor(days).map_err(|error| raised(py, error))
    }

    /// What is not about days.
    pub fn filter(&self, py: Python<'_>) -> PyResult<Filter> {
        let venue = |text: &String| mtdh_core::venue::parse_any_venue(text).map_err(|error| wrong(py, error));
        Ok(Filter {
            venues: self.venues.iter().map(venue).collect::<PyResult<_>>()?,
            instrument_types: self
                .types
                .iter()
                .map(|text| instrument_type(py, text))
                .collect::<PyResult<_>>()?,
            data_types: self.data_types.iter().map(|text| data_type(py, text)).collect::<PyResult<_>>()?,
            instruments: self.instruments.clone(),
            universe: self.universe.clone(),
            max_instruments: self.max_instruments,
        })
    }
}

/// A lake.
#[pyclass(frozen, module = "mtdh._mtdh")]
pub struct Lake {
    pub shared: Arc<Shared>,
}

#[pymethods]
impl Lake {
    /// Reads the settings as the program does: `url` over the environment over `.env` over `mtdh.toml` over `./data`. Nothing is
    /// opened yet.
    #[new]
    #[pyo3(signature = (url=None, api_key=None, source=None))]
    fn new(
        py: Python<'_>,
        url: Option<String>,
        api_key: Option<String>,
        source: Option<PathBuf>,
    ) -> PyResult<Lake> {
        let settings = std::env::current_dir()
            .map_err(anyhow::Error::from)
            .and_then(|folder| Settings::load(&folder, FlagLayer { lake: url, ..FlagLayer::default() }));
        let settings = settings.map_err(|error| {
            raise(py, "BadRequest", &mtdh_engine::chain(error.as_ref()), mtdh::hints::hint(&error).as_deref())
        })?;
        let mut config = settings.config();
        if let Some(key) = api_key {
            config.key = Some(SecretString::from(key));
        }
        config.source_folder = source;
        Ok(Lake { shared: Shared::new(config, settings.export_grace()) })
    }

    /// The lake's address, without credentials.
    #[getter]
    fn url(&self) -> String {
        mtdh_core::text::without_credentials(&self.shared.config.lake)
    }

    /// Whether the lake is a folder of this machine.
    #[getter]
    fn is_local(&self) -> PyResult<bool> {
        Ok(self.shared.context()?.lake_folder().is_some())
    }

    /// Every day that the lake has partitions of, `YYYY-MM-DD`.
    fn days(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        let context = self.shared.context()?;
        let days = wait_briefly(py, context.days())?.map_err(|error| raised(py, error))?;
        Ok(days.iter().map(ToString::to_string).collect())
    }

    /// A request for rows of a data type, or of candles of a timeframe.
    #[expect(clippy::too_many_arguments, reason = "Python names them")]
    #[pyo3(signature = (table, timeframe, instruments, first_us, end_us, clock, origin, columns, limit))]
    fn rows(
        &self,
        py: Python<'_>,
        table: &str,
        timeframe: Option<&str>,
        instruments: Vec<String>,
        first_us: i64,
        end_us: i64,
        clock: &str,
        origin: &str,
        columns: Option<Vec<String>>,
        limit: Option<u64>,
    ) -> PyResult<Rows> {
        let table = match timeframe {
            Some(timeframe) => TickTable::Candles(timeframe.parse().map_err(|error| wrong(py, error))?),
            None => TickTable::Ticks(data_type(py, table)?),
        };
        let clock: Clock = clock.parse().map_err(|error| wrong(py, error))?;
        let request = ReadRequest {
            table,
            instruments,
            within_us: first_us..end_us,
            clock,
            columns,
            limit,
            has_worth: false,
            origins: origin.parse().map_err(|error| wrong(py, error))?,
        };
        // An unknown column is told at once.
        request.schema().map_err(|error| raised(py, error))?;
        Ok(Rows { lake: self.shared.clone(), request })
    }

    /// The instruments of a day that a selection means; without a day, of the newest table. Combos only where they are named.
    #[pyo3(signature = (day, venues, types, instruments, underlying))]
    fn instruments(
        &self,
        py: Python<'_>,
        day: Option<Time>,
        venues: Vec<String>,
        types: Vec<String>,
        instruments: Vec<String>,
        underlying: Option<String>,
    ) -> PyResult<Batches> {
        let day = day.map(|day| days_from(py, &day, None)).transpose()?;
        if let Some(days) = day.filter(|days| days.first() != days.last()) {
            return Err(raise(
                py,
                "BadRequest",
                &format!("{} to {} are several days; a table is of one", days.first(), days.last()),
                None,
            ));
        }
        let context = self.shared.context()?;
        let found = wait_briefly(py, context.instruments(day.map(|days| days.first())))?;
        let (day, rows) = found.map_err(|error| raised(py, error))?;
        let args = SelectionArgs {
            start: Time::Text(day.to_string()),
            end: None,
            venues,
            types,
            data_types: Vec::new(),
            instruments,
            universe: None,
            max_instruments: None,
        };
        let mut selection = args.of_lake(py)?;
        let of_table: BTreeSet<&str> = rows.iter().map(|row| row.key.venue()).collect();
        check_venues(py, &selection.venues, &of_table)?;
        if args.venues.is_empty() {
            // Every venue: patterns choose among them.
            selection.venues = rows.iter().map(|i| i.key.venue().to_owned()).collect();
        }
        let is_of = |instrument: &&Instrument| {
            let Some(wanted) = &underlying else { return true };
            let pair = instrument.key.base().zip(instrument.key.quote());
            pair.is_some_and(|(base, quote)| wanted.eq_ignore_ascii_case(&format!("{base}-{quote}")))
        };
        let taken: Vec<Instrument> =
            selection.instruments(&rows).into_iter().filter(is_of).cloned().collect();
        Ok(batches(Context::instruments_as_table(&taken)))
    }

    /// The days of a selection that have no instrument table, `YYYY-MM-DD`.
    fn days_without_tables(&self, py: Python<'_>, selection: SelectionArgs) -> PyResult<Vec<String>> {
        let selection = selection.of_lake(py)?;
        let context = self.shared.context()?;
        let days = wait_briefly(py, context.days_without_tables(&selection))?;
        Ok(days.map_err(|error| raised(py, error))?.iter().map(ToString::to_string).collect())
    }

    /// The evidence for an instrument's day, a JSON document: a list with an entry for each data type.
    fn why(&self, py: Python<'_>, key: &str, day: Time, data_type: Option<&str>) -> PyResult<String> {
        let days = days_from(py, &day, None)?;
        if days.first() != days.last() {
            return Err(wrong(
                py,
                format!("{} to {} are several days; one is meant", days.first(), days.last()),
            ));
        }
        let data_type = data_type.map(|text| self::data_type(py, text)).transpose()?;
        let context = self.shared.context()?;
        let found = wait_briefly(py, context.why(key, days.first(), data_type))?;
        let found = found.map_err(|error| raised(py, error))?;
        let document = found.iter().map(|why| {
            let lines: Vec<_> = why.lines().into_iter().collect();
            serde_json::json!({ "why": why, "lines": lines, "is_answered": why.is_answered() })
        });
        Ok(serde_json::Value::from_iter(document).to_string())
    }

    /// Statements that let another engine read the lake where it lies.
    #[expect(clippy::too_many_arguments, reason = "Python names them")]
    #[pyo3(signature = (dialect, tables, schema, connection=None, hive=None, place=None))]
    fn ddl(
        &self,
        py: Python<'_>,
        dialect: &str,
        tables: Vec<String>,
        schema: String,
        connection: Option<String>,
        hive: Option<String>,
        place: Option<String>,
    ) -> PyResult<String> {
        let dialect: Dialect = dialect.parse().map_err(|error: EngineError| raised(py, error))?;
        let name = |text: &String| text.parse::<TableName>().map_err(|error| raised(py, error));
        let tables: Vec<TableName> = tables.iter().map(name).collect::<PyResult<_>>()?;
        let options = DdlOptions { schema: Some(schema), connection, hive, place };
        let context = self.shared.context()?;
        let sql = wait_briefly(py, context.ddl(dialect, &tables, &options))?;
        sql.map_err(|error| raised(py, error))
    }

    /// What the lake has beside what is expected, a row for each partition.
    fn coverage(&self, py: Python<'_>, selection: SelectionArgs) -> PyResult<Batches> {
        let selection_of = selection.of_lake(py)?;
        let context = self.shared.context()?;
        let table = wait_briefly(py, context.coverage(&selection_of, selection.data_types.is_empty()))?
            .map_err(|error| raised(py, error))?;
        let of_table: BTreeSet<&str> = match table.column_by_name("venue") {
            Some(venues) => venues.as_string::<i32>().iter().flatten().collect(),
            None => BTreeSet::new(),
        };
        check_venues(py, &selection_of.venues, &of_table)?;
        Ok(batches(table))
    }
}

/// A venue by its name or the vendor's id of the exchange, in any case.
#[pyfunction]
pub fn venue(py: Python<'_>, text: &str) -> PyResult<String> {
    mtdh_core::venue::parse_any_venue(text).map_err(|error| wrong(py, error))
}

/// Refuses a venue that neither the program nor the answer knows. The vendor is not asked.
fn check_venues(py: Python<'_>, venues: &[String], known: &BTreeSet<&str>) -> PyResult<()> {
    let is_unknown = |venue: &&String| !mtdh_core::venue::is_known(venue) && !known.contains(venue.as_str());
    match venues.iter().find(is_unknown) {
        Some(venue) => Err(wrong(py, mtdh_core::venue::unknown(venue))),
        None => Ok(()),
    }
}

/// Rows in memory, of one batch.
pub fn batches(batch: RecordBatch) -> Batches {
    Batches { schema: batch.schema(), batches: vec![batch] }
}

/// A value that cannot be used.
pub fn wrong(py: Python<'_>, error: impl std::fmt::Display) -> PyErr {
    raise(py, "BadRequest", &error.to_string(), None)
}

/// A data type by its name.
pub fn data_type(py: Python<'_>, text: &str) -> PyResult<DataType> {
    text.parse().map_err(|error| wrong(py, error))
}

fn instrument_type(py: Python<'_>, text: &str) -> PyResult<InstrumentType> {
    text.parse().map_err(|error| wrong(py, error))
}
