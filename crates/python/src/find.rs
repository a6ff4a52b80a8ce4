//! What a lake has, as tables: lists, venues, runs, tables of others, certificates; and what its columns mean.

use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray, UInt64Array};
use mtdh_core::DayRange;
use mtdh_core::partition::Origin;
use mtdh_engine::EngineError;
use mtdh_engine::certify::kept::Content;
use mtdh_engine::listing::table::ListTable;
use mtdh_engine::listing::wish::ListWish;
use mtdh_engine::listing::{By, What};
use mtdh_engine::schema::{ColumnDocument, TableDocument, VenueNote};
use mtdh_engine::venues::VenueLine;
use pyo3::prelude::*;

use crate::error::raised;
use crate::lake::{Lake, SelectionArgs, batches, wrong};
use crate::rows::Batches;
use crate::runtime::wait_briefly;
use crate::times::{Time, days_from};

/// Venues, a row each: of all that are known, or of those of which the lake has something. The vendor is not asked.
#[pyfunction]
pub fn venues(py: Python<'_>, lake: &Lake, in_lake: bool) -> PyResult<Batches> {
    let context = lake.shared.context()?;
    let found = wait_briefly(py, context.venues(false))?.map_err(|error| raised(py, error))?;
    let mut lines = found.0;
    lines.retain(|line| !in_lake || line.days > 0 || line.instruments.is_some());
    table(py, of_venues(&lines))
}

/// Runs, a row each, the newest first.
#[pyfunction]
pub fn runs(py: Python<'_>, lake: &Lake) -> PyResult<Batches> {
    let context = lake.shared.context()?;
    let lines = wait_briefly(py, context.run_lines())?.map_err(|error| raised(py, error))?;
    Ok(batches(ListTable::of_runs(&lines).batch()))
}

/// How a list is grouped, sorted and cut, as Python gives it.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct ShownArgs {
    by: Option<Vec<String>>,
    long: bool,
    sort: Option<String>,
    limit: Option<usize>,
}

/// What a lake has, a row for each group or object, and what people should know of it. `has_start`: the selection's start counts.
#[expect(clippy::too_many_arguments, reason = "Python names them")]
#[pyfunction]
pub fn ls(
    py: Python<'_>,
    lake: &Lake,
    what: &str,
    selection: SelectionArgs,
    has_start: bool,
    origin: &str,
    everything: bool,
    shown: ShownArgs,
) -> PyResult<(Batches, Vec<String>)> {
    let context = lake.shared.context()?;
    let ShownArgs { by, long, sort, limit } = shown;
    let raise = |error: EngineError| raised(py, error);
    let (mut table, notes) = if what.eq_ignore_ascii_case("runs") {
        let lines = wait_briefly(py, context.run_lines())?.map_err(raise)?;
        (ListTable::of_runs(&lines), Vec::new())
    } else {
        let what: What = what.parse().map_err(raise)?;
        let by = match &by {
            Some(by) => {
                by.iter().map(|text| text.parse::<By>().map_err(raise)).collect::<PyResult<Vec<By>>>()?
            }
            None => what.usual().to_vec(),
        };
        let days = match (has_start, &selection.end) {
            (true, end) => Some(days_from(py, &selection.start, end.as_ref())?),
            (false, Some(last)) => Some(until(py, last)?),
            (false, None) => None,
        };
        let origin: Origin = origin.parse().map_err(|error| wrong(py, error))?;
        let wish =
            ListWish { what, filter: selection.filter(py)?, days, origin, everything, asks_vendor: false };
        let found = wait_briefly(py, context.list_wish(&wish))?.map_err(raise)?;
        let table = match long {
            true => ListTable::objects(what, &found.listed),
            false => ListTable::groups(what, &by, &found.listed),
        };
        let mut notes = found.notes.clone();
        if found.sets.as_ref().is_some_and(Vec::is_empty) {
            notes.push(
                "nothing that lake.toml wants is left by these filters; everything=True lists all".to_owned(),
            );
        }
        let unknown = found.unknown.iter().map(|(name, meant)| {
            format!("nothing in the lake has the name {name}{}", mtdh_core::nearest::clause(meant))
        });
        notes.extend(unknown);
        (table, notes)
    };
    if let Some(sort) = &sort {
        table.sort(sort).map_err(raise)?;
    }
    table.rows.truncate(limit.unwrap_or(usize::MAX));
    Ok((batches(table.batch()), notes))
}

/// The days from the earliest that a lake can have to the last of a value.
fn until(py: Python<'_>, last: &Time) -> PyResult<DayRange> {
    let last = days_from(py, last, None)?.last();
    DayRange::new(mtdh_core::want::earliest(), last).map_err(|error| wrong(py, error))
}

/// The tables of a lake, a row each; or the columns of one.
#[pyfunction]
#[pyo3(signature = (table=None))]
pub fn schema(py: Python<'_>, table: Option<&str>) -> PyResult<Batches> {
    let columns = match table {
        None => {
            let all = TableDocument::all();
            vec![
                ("table", texts(&all, |table| Some(table.name.to_owned()))),
                ("format", texts(&all, |table| Some(table.format.to_owned()))),
                ("columns", counts(&all, |table| Some(table.columns.len() as u64))),
                ("path", texts(&all, |table| Some(table.path.to_owned()))),
                ("row", texts(&all, |table| Some(table.row.to_owned()))),
            ]
        }
        Some(name) => {
            let columns = TableDocument::find(name).map_err(|error| raised(py, error))?.columns;
            let own = |text: Option<&str>| text.map(str::to_owned);
            let note = |note: &VenueNote| format!("{}: {}", note.venues.join(", "), note.meaning);
            let notes = |c: &ColumnDocument| c.by_venue.iter().map(note).collect::<Vec<_>>().join("; ");
            vec![
                ("column", texts(&columns, |c| own(Some(c.name)))),
                ("type", texts(&columns, |c| own(Some(c.data_type)))),
                ("unit", texts(&columns, |c| own(c.unit))),
                ("null", texts(&columns, |c| own(c.null))),
                ("values", texts(&columns, |c| c.values.clone())),
                ("meaning", texts(&columns, |c| own(Some(c.meaning)))),
                ("by_venue", texts(&columns, |c| Some(notes(c)).filter(|text| !text.is_empty()))),
            ]
        }
    };
    self::table(py, columns)
}

/// The Iceberg tables of a lake, a row each, beside what the lake has now.
#[pyfunction]
pub fn iceberg_tables(py: Python<'_>, lake: &Lake) -> PyResult<Batches> {
    let context = lake.shared.context()?;
    let states = wait_briefly(py, context.iceberg_states())?.map_err(|error| raised(py, error))?;
    let snapshots: Int64Array = states.iter().map(|state| state.snapshot).collect();
    let stale: BooleanArray = states.iter().map(|state| Some(state.is_stale)).collect();
    let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    table(
        py,
        vec![
            ("table", texts(&states, |state| text(&state.table))),
            ("version", counts(&states, |state| Some(state.version))),
            ("snapshot", Arc::new(snapshots)),
            ("published_at", texts(&states, |state| state.published_us.map(moment))),
            ("covers", texts(&states, |state| text(state.covers))),
            ("first_day", texts(&states, |state| state.first_day.clone())),
            ("last_day", texts(&states, |state| state.last_day.clone())),
            ("files", counts(&states, |state| Some(state.files))),
            ("rows", counts(&states, |state| Some(state.rows))),
            ("bytes", counts(&states, |state| Some(state.bytes))),
            ("is_stale", Arc::new(stale)),
            ("reason", texts(&states, |state| state.reason.clone())),
            ("metadata", texts(&states, |state| text(&state.metadata))),
        ],
    )
}

/// The certificates that a lake keeps, a row each, the newest first.
#[pyfunction]
pub fn certificates(py: Python<'_>, lake: &Lake) -> PyResult<Batches> {
    let context = lake.shared.context()?;
    let all = wait_briefly(py, context.certificates())?.map_err(|error| raised(py, error))?;
    let said = |text: fn(&Content) -> Option<String>| texts(&all, |one| one.content().and_then(text));
    let count = |count: fn(&Content) -> u64| counts(&all, |one| one.content().map(count));
    let proved: BooleanArray = all.iter().map(|one| one.content().map(|c| c.are_bytes_proved)).collect();
    table(
        py,
        vec![
            ("root", texts(&all, |one| Some(one.root.clone()))),
            ("digest", said(|c| Some(c.digest.clone()))),
            ("certified_at", said(|c| Some(moment(c.certified_us)))),
            ("verdict", said(|c| Some(c.verdict.clone()))),
            ("first_day", said(|c| Some(c.first_day.clone()))),
            ("last_day", said(|c| Some(c.last_day.clone()))),
            ("venues", said(|c| Some(c.venues.join(" ")).filter(|text| !text.is_empty()))),
            ("data_types", said(|c| Some(c.data_types.join(" ")).filter(|text| !text.is_empty()))),
            ("instruments", said(|c| Some(c.instruments.join(" ")).filter(|text| !text.is_empty()))),
            ("partitions", count(|c| c.partitions)),
            ("objects", count(|c| c.objects)),
            ("missing", count(|c| c.missing)),
            ("are_bytes_proved", Arc::new(proved)),
            ("bytes", counts(&all, |one| Some(one.bytes))),
            ("problem", texts(&all, |one| one.problem().map(str::to_owned))),
        ],
    )
}

fn moment(us: i64) -> String {
    mtdh_core::moment::TimeValue::of_us(us).map_or_else(|_| us.to_string(), |time| time.to_string())
}

type Columns = Vec<(&'static str, ArrayRef)>;

fn table(py: Python<'_>, columns: Columns) -> PyResult<Batches> {
    let batch = RecordBatch::try_from_iter_with_nullable(
        columns.into_iter().map(|(name, column)| (name, column, true)),
    );
    Ok(batches(batch.map_err(|error| wrong(py, error))?))
}

fn texts<T>(lines: &[T], text: impl Fn(&T) -> Option<String>) -> ArrayRef {
    Arc::new(lines.iter().map(text).collect::<StringArray>())
}

fn counts<T>(lines: &[T], count: impl Fn(&T) -> Option<u64>) -> ArrayRef {
    Arc::new(lines.iter().map(count).collect::<UInt64Array>())
}

fn of_venues(lines: &[VenueLine]) -> Columns {
    let words = |types: &[&'static str]| (!types.is_empty()).then(|| types.join(" "));
    let known: BooleanArray = lines.iter().map(|line| Some(line.is_known)).collect();
    vec![
        ("venue", texts(lines, |line| Some(line.venue.clone()))),
        ("exchange", texts(lines, |line| Some(line.exchange.clone()))),
        ("is_known", Arc::new(known)),
        ("instruments", counts(lines, |line| line.instruments)),
        ("offered", texts(lines, |line| words(&line.offered))),
        ("days", counts(lines, |line| Some(line.days))),
        ("first_day", texts(lines, |line| line.first_day.clone())),
        ("last_day", texts(lines, |line| line.last_day.clone())),
        ("data_types", texts(lines, |line| words(&line.data_types))),
        ("objects", counts(lines, |line| Some(line.objects))),
        ("bytes", counts(lines, |line| Some(line.bytes))),
    ]
}
