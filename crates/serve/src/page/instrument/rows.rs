//! Rows of a data type as they are stored.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, TimestampMicrosecondType};
use arrow_array::{Array, RecordBatch};
use futures::TryStreamExt;
use maud::{Markup, html};
use mtdh_core::DataType;
use mtdh_engine::query::TickTable;

use super::get::Wanted;
use super::{View, times, types_of};
use crate::page::form::{number, plural, shown};
use crate::page::range::moment_text;
use crate::page::shell::{Paged, choices, nothing, wide};
use crate::problem::Problem;

/// Rows on one page.
const LINES: usize = 200;

/// The part of the page.
pub async fn page(view: View<'_>) -> Paged {
    let name = view.asked.get("data_type").unwrap_or("trades");
    let data_type: DataType = name.parse().map_err(|error: mtdh_core::table::UnknownDataType| {
        Problem::parameter("data_type", error.to_string())
    })?;
    let request = view.request(TickTable::Ticks(data_type), view.span.us.clone(), Some(LINES as u64 + 1));
    let (mut stream, chosen) = view.rows(&request).await?;
    let mut batches = Vec::new();
    while let Some(batch) = stream.try_next().await? {
        batches.push(batch);
    }
    let arrivals: Vec<i64> = batches
        .iter()
        .flat_map(|batch| times(batch, "local_timestamp").unwrap_or_default())
        .copied()
        .collect();
    // The next page begins with the first row that is not shown; rows of one microsecond stay together.
    let next = arrivals.get(LINES).copied();
    let kept = match next {
        Some(next) if arrivals[0] < next => arrivals.iter().take_while(|time| **time < next).count(),
        _ => arrivals.len(),
    };
    let (end, mark) = (view.span.texts().1, view.asked.get("mark"));
    let next = next.map(|us| view.asked.with(&[("start", &moment_text(us)), ("end", &end)]));
    let types: Vec<(&str, &str)> =
        types_of(&view.key).into_iter().map(|one| (one.name(), one.name())).collect();
    let columns: Vec<String> = request
        .schema()?
        .fields()
        .iter()
        .map(|field| field.name().clone())
        .filter(|name| name != "instrument_key")
        .collect();
    let body = html! { section {
        (choices(view.asked, "Data", "data_type", data_type.name(), &types))
        @if !chosen.missing.is_empty() { p { "Missing, although expected: " @for missing in &chosen.missing { (missing.day) " " } } }
        @if kept == 0 { (nothing(&format!("There are no rows of {data_type} in this range."), &html! { p { "The calendar of this instrument shows which days have rows: " a href=(view.part("", &[("start", ""), ("end", "")])) { "coverage" } "." } })) }
        @else {
            p.quiet { (plural(kept as u64, "row", "rows")) " from the start of the range, in order of arrival"
                @if let Some(next) = &next { "; " a href=(next) rel="next" { "next ›" } } }
            (wide(&format!("Rows of {data_type}"), &table(&columns, &batches, kept, mark)))
            @if let Some(next) = &next { p { a href=(next) rel="next" { "next rows ›" } } }
        }
    } };
    let wanted = Wanted { data_type, keys: view.key.to_string(), within_us: view.span.us.clone() };
    let (start, end) = view.span.texts();
    let told = format!(
        "All rows of {data_type} that arrived from {start} to {end}; the page shows the first of them."
    );
    let ways = wanted.ways(&view, &told).await?;
    Ok(view.page_of("rows", &[], body, (ways, wanted.json(kept.max(1)))))
}

fn table(columns: &[String], batches: &[RecordBatch], kept: usize, mark: Option<&str>) -> Markup {
    let places = batches.iter().flat_map(|batch| (0..batch.num_rows()).map(move |row| (batch, row)));
    html! { table {
        thead { tr { @for name in columns { th.number[is_number(batches, name)] scope="col" { (name.replace('_', " ")) } } } }
        tbody { @for (batch, row) in places.take(kept) {
            @let is_marked = mark.is_some() && times(batch, "local_timestamp").map(|all| moment_text(all[row])).as_deref() == mark;
            tr.marked[is_marked] { @for name in columns { (cell(batch, name, row)) } }
        } }
    } }
}

fn is_number(batches: &[RecordBatch], name: &str) -> bool {
    batches
        .first()
        .and_then(|batch| batch.column_by_name(name))
        .is_some_and(|column| column.as_primitive_opt::<Float64Type>().is_some())
}

fn cell(batch: &RecordBatch, name: &str, row: usize) -> Markup {
    let Some(column) = batch.column_by_name(name) else { return html! { td {} } };
    if !column.is_valid(row) {
        return html! { td.quiet { "–" } };
    }
    if let Some(numbers) = column.as_primitive_opt::<Float64Type>() {
        return html! { td.number { (number(numbers.value(row))) } };
    }
    if let Some(times) = column.as_primitive_opt::<TimestampMicrosecondType>() {
        return html! { td { (moment_text(times.value(row))) } };
    }
    if let Some(words) = column.as_dictionary_opt::<Int32Type>() {
        let word = words
            .values()
            .as_string_opt::<i32>()
            .map(|texts| texts.value(words.keys().value(row) as usize))
            .unwrap_or_default();
        return html! { td { @match word { "buy" => span.buy { "▲ buy" }, "sell" => span.sell { "▼ sell" }, other => (shown(other)) } } };
    }
    if let Some(texts) = column.as_string_opt::<i32>() {
        return html! { td { (shown(texts.value(row))) } };
    }
    if let Some(flags) = column.as_boolean_opt() {
        return html! { td { (if flags.value(row) { "yes" } else { "no" }) } };
    }
    html! { td {} }
}
