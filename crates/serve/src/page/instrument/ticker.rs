//! Funding, open interest, mark and index price.

use futures::TryStreamExt;
use maud::html;
use mtdh_core::DataType;
use mtdh_engine::query::TickTable;
use serde_json::json;

use super::get::Wanted;
use super::{View, number_at, times};
use crate::page::form::{grouped, number};
use crate::page::range::moment_text;
use crate::page::shell::{Paged, data, nothing, wide};

/// Points of a picture: the last row of each of as many equal stretches.
const POINTS: i64 = 1200;

/// Points in the table.
const LISTED: usize = 100;

const COLUMNS: [&str; 6] =
    ["funding_rate", "predicted_funding_rate", "open_interest", "last_price", "index_price", "mark_price"];

/// When a row arrived, microseconds since the Unix epoch, UTC, and its values of [`COLUMNS`].
type Point = (i64, [Option<f64>; 6]);

/// The part of the page.
pub async fn page(view: View<'_>) -> Paged {
    let mut request = view.request(TickTable::Ticks(DataType::DerivativeTicker), view.span.us.clone(), None);
    request.columns =
        Some(COLUMNS.iter().chain(&["local_timestamp"]).map(|name| (*name).to_owned()).collect());
    let (mut stream, chosen) = view.rows(&request).await?;
    let step = ((view.span.us.end - view.span.us.start) / POINTS).max(1);
    let mut points: Vec<Point> = Vec::new();
    let mut rows = 0;
    while let Some(batch) = stream.try_next().await? {
        for (row, time) in times(&batch, "local_timestamp").unwrap_or_default().iter().enumerate() {
            let values = COLUMNS.map(|name| number_at(&batch, name, row));
            match points.last_mut() {
                Some(last) if last.0 / step == time / step => *last = (*time, values),
                _ => points.push((*time, values)),
            }
        }
        rows += batch.num_rows() as u64;
    }
    let all =
        |column: usize| -> Vec<Option<f64>> { points.iter().map(|(_, values)| values[column]).collect() };
    let line =
        |column: usize| json!({"kind": "line", "name": COLUMNS[column].replace('_', " "), "y": all(column)});
    let described = json!({"x": "time", "xs": points.iter().map(|(time, _)| time / 1000).collect::<Vec<i64>>(), "shade": [], "panels": [
        {"label": "funding rate", "high": 1, "series": [line(0)]}, {"label": "open interest", "high": 1, "series": [line(2)]}, {"label": "price", "high": 1.4, "series": [line(5), line(4), line(3)]}]});
    let body = html! { section {
        @if points.is_empty() { (nothing("There is no derivative_ticker in this range.", &html! { p { "Funding and open interest are rows of that data type; its calendar shows where it is: " a href=(view.part("", &[("start", ""), ("end", "")])) { "coverage" } "." } })) }
        @else {
            figure.chart data-chart="ticker" {
                figcaption { span { (grouped(rows)) " rows, the last of each " (crate::page::form::duration(step as f64 / 1e6)) " shown" } span { "drag to zoom, Escape goes back" } }
                canvas tabindex="0" role="img" aria-label={ "Funding rate, open interest and prices of " (view.key) } aria-describedby="ticker-words" {}
                p.readout aria-live="polite" {}
            }
            (data("ticker", &described))
            @let last = &points[points.len() - 1];
            p #ticker-words { "At " (moment_text(last.0)) ": " @for (name, value) in COLUMNS.iter().zip(last.1) { @if let Some(value) = value { (name.replace('_', " ")) " " (number(value)) ", " } } "the last of the range." }
            @if !chosen.missing.is_empty() { p { "Missing, although expected: " @for missing in &chosen.missing { (missing.day) " " } } }
            details { summary { "The last points as a table" } (wide("Ticker", &html! { table { thead { tr { th scope="col" { "Arrival" } @for name in COLUMNS { th.number scope="col" { (name.replace('_', " ")) } } } }
                tbody { @for (time, values) in points.iter().rev().take(LISTED) { tr { th scope="row" { (moment_text(*time)) } @for value in values { td.number { (value.map_or("–".to_owned(), number)) } } } } } } })) }
        }
    } };
    let wanted = Wanted {
        data_type: DataType::DerivativeTicker,
        keys: view.key.to_string(),
        within_us: view.span.us.clone(),
    };
    let ways = wanted
        .ways(
            &view,
            "All rows of derivative_ticker of the range, of which the picture has the last of each stretch.",
        )
        .await?;
    Ok(view.page_of("ticker", &["chart.js"], body, (ways, wanted.json(10_000))))
}
