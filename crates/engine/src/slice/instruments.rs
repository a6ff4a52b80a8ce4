//! Instrument tables as rows: those of each day of a range, with the day as their first column.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use arrow_schema::{DataType as ArrowType, Field, Schema, SchemaRef};
use futures::{FutureExt, StreamExt, TryStreamExt};
use mtdh_core::Day;
use mtdh_core::instrument::Instrument;
use mtdh_core::key::InstrumentType;
use mtdh_core::universe::KeyPattern;
use mtdh_lake::tables::instruments::as_table;
use mtdh_lake::{Entry, Lake, LakeError};

use super::{Slice, SliceRequest};
use crate::error::EngineError;
use crate::query::exchange::days_to_open;
use crate::query::{Missing, RowStream};
use crate::runs::phase;

/// The column of the table's day, `YYYY-MM-DD`.
const DAY: &str = "day";

/// The columns of the rows.
pub(super) fn schema(request: &SliceRequest) -> Result<SchemaRef, EngineError> {
    let day = Arc::new(Field::new(DAY, ArrowType::Utf8, false));
    let table = as_table(&[]).schema();
    let all = Schema::new([day].into_iter().chain(table.fields().iter().cloned()).collect::<Vec<_>>());
    let no_column = |name: &str| EngineError::NoColumn {
        name: name.to_owned(),
        table: "instruments".to_owned(),
        columns: all.fields().iter().map(|field| field.name().clone()).collect(),
    };
    if request.has_worth {
        return Err(no_column("price"));
    }
    let Some(names) = &request.columns else { return Ok(Arc::new(all)) };
    let mut fields: Vec<Field> = Vec::new();
    for name in names {
        if fields.iter().any(|field| field.name() == name) {
            return Err(EngineError::ColumnTwice { name: name.clone() });
        }
        fields.push(all.field_with_name(name).map_err(|_| no_column(name))?.clone());
    }
    if fields.is_empty() { Err(no_column("")) } else { Ok(Arc::new(Schema::new(fields))) }
}

/// The tables of the days of a request, and the days without one.
pub(super) async fn find(
    lake: &Lake,
    request: &SliceRequest,
) -> Result<(Vec<(Day, Entry)>, Vec<Missing>), EngineError> {
    let (mut tables, mut missing) = (Vec::new(), Vec::new());
    let days = days_to_open(mtdh_core::clock::Clock::Arrival, &request.within_us);
    let days: Vec<Day> = days.into_iter().flat_map(mtdh_core::DayRange::days).collect();
    let phase = phase::outermost("looking for objects", "day", days.len());
    for day in days {
        let _day_done = phase.item();
        match lake.instruments_entry(day).await? {
            Some(entry) => tables.push((day, entry)),
            None => missing.push(Missing { day, instrument: "instruments".to_owned() }),
        }
    }
    Ok((tables, missing))
}

/// The rows of the tables, day by day, in order of keys.
pub(super) fn rows(lake: &Lake, slice: &Slice) -> Result<RowStream, EngineError> {
    let schema = slice.request.schema()?;
    let patterns: Arc<Vec<KeyPattern>> =
        Arc::new(slice.request.instruments.iter().map(|text| KeyPattern::new(text)).collect());
    let (lake, days) = (lake.clone(), slice.tables.iter().map(|(day, _)| *day).collect::<Vec<_>>());
    let of_day = move |day: Day| {
        let (lake, schema, patterns) = (lake.clone(), schema.clone(), patterns.clone());
        async move {
            let changed = || LakeError::Changed { path: format!("the instrument table of {day}") };
            let table = lake.instruments(day).await?.ok_or_else(changed)?;
            let mut rows: Vec<Instrument> =
                table.into_iter().filter(|row| is_meant(&patterns, row)).collect();
            rows.sort_by(|a, b| a.key.cmp(&b.key));
            of_table(day, &rows, &schema)
        }
        .boxed()
    };
    let phase = phase::outermost("reading rows", "object", days.len());
    Ok(futures::stream::iter(days)
        .then(of_day)
        .inspect(move |_| phase.done())
        .try_filter(|batch| futures::future::ready(batch.num_rows() > 0))
        .boxed())
}

/// Combos are meant only where their type is named, as everywhere.
fn is_meant(patterns: &[KeyPattern], row: &Instrument) -> bool {
    let kind = row.key.instrument_type();
    let is_combo = kind == InstrumentType::Combo;
    if patterns.is_empty() {
        return !is_combo;
    }
    patterns.iter().any(|pattern| pattern.matches(&row.key) && (!is_combo || pattern.names_type(kind)))
}

fn of_table(day: Day, rows: &[Instrument], schema: &SchemaRef) -> Result<RecordBatch, EngineError> {
    let table = as_table(rows);
    let column = |field: &Arc<Field>| -> ArrayRef {
        match table.column_by_name(field.name()) {
            Some(column) => column.clone(),
            None => Arc::new(StringArray::from(vec![day.to_string(); rows.len()])),
        }
    };
    let columns = schema.fields().iter().map(column).collect();
    let wrong = |error: arrow_schema::ArrowError| LakeError::WrongTable {
        path: format!("the instrument table of {day}"),
        reason: error.to_string(),
    };
    Ok(RecordBatch::try_new(schema.clone(), columns).map_err(wrong)?)
}
