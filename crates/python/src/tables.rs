//! The objects of the lake's tables for readers of their own: paths, views for DuckDB, statements for BigQuery.

use futures::TryStreamExt;
use mtdh_engine::query::Entry;
use mtdh_engine::query::tables::{TableDay, TableName, TablesRequest};
use mtdh_engine::sql::bucket::Keys;
use mtdh_engine::sql::ddl::DdlOptions;
use mtdh_engine::{Context, EngineError, Proved, Views};
use pyo3::prelude::*;

use crate::error::raised;
use crate::lake::{Lake, SelectionArgs, wrong};
use crate::runs::Run;

/// What a lake should have and has not: the table, the day, and the instrument, a key or a pattern, if the table has several.
type Lacking = Vec<(String, String, Option<String>)>;

/// Of each object: the table, the day, the instrument, whose data it is, its bytes, and where it is.
type Objects = Vec<(String, String, Option<String>, &'static str, u64, String)>;

/// Which objects are meant, as Python gives it.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct TablesArgs {
    selection: SelectionArgs,
    within_us: Option<(i64, i64)>,
    tables: Vec<String>,
    clock: String,
    origin: String,
    verify: bool,
}

impl TablesArgs {
    fn request(&self, py: Python<'_>) -> PyResult<TablesRequest> {
        let filter = self.selection.filter(py)?;
        if filter.max_instruments.is_some() {
            return Err(wrong(py, "a table over the first instruments of a day is of no use: name them"));
        }
        let name = |text: &String| text.parse::<TableName>().map_err(|error| raised(py, error));
        let mut tables: Vec<TableName> = filter.data_types.iter().copied().map(TableName::Ticks).collect();
        for table in self.tables.iter().map(name) {
            let table = table?;
            if !tables.contains(&table) {
                tables.push(table);
            }
        }
        Ok(TablesRequest {
            tables,
            filter,
            within_us: self.within_us.map(|(start, end)| start..end),
            clock: self.clock.parse().map_err(|error| wrong(py, error))?,
            origins: self.origin.parse().map_err(|error| wrong(py, error))?,
        })
    }
}

/// Reads every byte of objects, and fails with the first that is damaged. Returns the paths of those that nothing proves.
async fn proved(context: &Context, entries: &[Entry]) -> Result<Vec<String>, EngineError> {
    let Proved { damaged, without_checksums } = context.prove(entries).await?;
    match damaged.into_iter().next() {
        Some((_, error)) => Err(error.into()),
        None => Ok(without_checksums.iter().map(|entry| entry.path.to_string()).collect()),
    }
}

fn lacking(table: TableName, missing: &mtdh_engine::query::Missing) -> (String, String, Option<String>) {
    let table = table.to_string();
    let instrument = Some(missing.instrument.clone()).filter(|instrument| *instrument != table);
    (table, missing.day.to_string(), instrument)
}

/// The objects of tables, what lacks of them, and the paths of those that could not be verified.
#[pyfunction]
pub fn paths(
    py: Python<'_>,
    lake: PyRef<'_, Lake>,
    of: TablesArgs,
) -> PyResult<(Objects, Lacking, Vec<String>)> {
    let request = of.request(py)?;
    let (context, run) = (lake.shared.context()?, Run::new(None));
    run.wait_for(py, async {
        let (mut objects, mut missing, mut entries) = (Objects::new(), Lacking::new(), Vec::new());
        let mut days = context.tables(&request).await?;
        while let Some(TableDay { table, objects: found, missing: lacks }) = days.try_next().await? {
            missing.extend(lacks.iter().map(|one| lacking(table, one)));
            for object in found {
                let key = object.key.as_ref().map(ToString::to_string);
                let (day, place) = (object.day.to_string(), context.address(&object.entry));
                let bytes = object.entry.bytes;
                objects.push((table.to_string(), day, key, object.origin.name(), bytes, place));
                if of.verify {
                    entries.push(object.entry);
                }
            }
        }
        let without = proved(&context, &entries).await?;
        Ok((objects, missing, without))
    })
}

/// Statements, what lacks of the tables that they are about, and the paths of objects that could not be verified.
type Statements = (String, Lacking, Vec<String>);

/// Views for DuckDB over exact paths.
#[pyfunction]
pub fn views(py: Python<'_>, lake: PyRef<'_, Lake>, of: TablesArgs) -> PyResult<Statements> {
    let request = of.request(py)?;
    let (context, run) = (lake.shared.context()?, Run::new(None));
    run.wait_for(py, async {
        let mut views = context.views(&request, Keys::OfReader).await?;
        // A table that nobody filled has no gap: its view is empty.
        views.missing.retain(|(table, _)| views.filled.contains(table));
        statements(&context, views, of.verify).await
    })
}

/// The statements that load days into BigQuery.
#[pyfunction]
pub fn publish_bigquery(
    py: Python<'_>,
    lake: PyRef<'_, Lake>,
    of: TablesArgs,
    dataset: String,
) -> PyResult<Statements> {
    let request = of.request(py)?;
    let options = DdlOptions { schema: Some(dataset), ..DdlOptions::default() };
    let (context, run) = (lake.shared.context()?, Run::new(None));
    run.wait_for(py, async {
        let script = context.bigquery(&request, &options).await?;
        statements(&context, script, of.verify).await
    })
}

async fn statements(context: &Context, made: Views, verify: bool) -> Result<Statements, EngineError> {
    let without = if verify { proved(context, &made.objects).await? } else { Vec::new() };
    let missing = made.missing.iter().map(|(table, missing)| lacking(*table, missing)).collect();
    Ok((made.sql, missing, without))
}
