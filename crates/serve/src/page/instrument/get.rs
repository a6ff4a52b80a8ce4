//! The same data by curl, on the command line, in Python and in SQL.

use maud::{Markup, html};
use mtdh_core::DataType;

use super::{View, types_of};
use crate::page::asked::encoded;
use crate::page::shell::{Paged, choices};
use crate::problem::Problem;

/// The part of the page.
pub fn page(view: View<'_>) -> Paged {
    let name = view.asked.get("data_type").unwrap_or("trades");
    let data_type: DataType = name.parse().map_err(|error: mtdh_core::table::UnknownDataType| {
        Problem::parameter("data_type", error.to_string())
    })?;
    let types: Vec<(&str, &str)> =
        types_of(&view.key).into_iter().map(|one| (one.name(), one.name())).collect();
    let (start, end) = view.span.texts();
    let key = view.key.as_str();
    let address = format!("http://{}", view.pages.state.address);
    let query = format!("start={}&end={}", encoded(&start), encoded(&end));
    let slice = format!("{address}/v1/slices/{data_type}/{}?{query}", encoded(key));
    let files: Vec<String> = view
        .span
        .days
        .days()
        .take(31)
        .map(|day| {
            format!(
                "  '{address}/v1/files/raw_tick_data/by_date/day-{day}/data_type-{data_type}/{}.parquet'",
                encoded(key)
            )
        })
        .collect();
    let has_more = view.span.length() > 31;
    let body = html! { section {
        (choices(view.asked, "Data", "data_type", data_type.name(), &types))
        p { "Rows of " code { (data_type) } " of " span.key { (key) } " from " (start) " to " (end) ": change either above, and these change with it." }
        (block("curl", &format!("curl -f '{slice}&format=csv'")))
        p.quiet { "With a token: " code { "-H \"Authorization: Bearer $MTDH_TOKEN\"" } ". Also arrow, parquet, ndjson and json." }
        (block("Command line", &format!("mtdh get '{key}' --data-type {data_type} --start {start} --end {end} --output rows.parquet")))
        (block("Python", &format!("import mtdh\n\nlake = mtdh.Lake()  # or the lake's address\nrows = lake.get(\"{data_type}\", \"{key}\", \"{start}\", \"{end}\")\nframe = rows.polars()  # or .pandas(), .arrow()")))
        (block("SQL, in DuckDB", &format!("select *\nfrom read_parquet([\n{}\n]){};", files.join(",\n"), where_clause(&view))))
        @if has_more { p.quiet { "The SQL names the first 31 days; " a href=(format!("/v1/paths?type={data_type}&key={}&{query}", encoded(key))) { "all paths" } "." } }
    } };
    Ok(view.page("get", &[], body))
}

/// A range within days is one of arrival.
fn where_clause(view: &View<'_>) -> String {
    let (start, end) = view.span.texts();
    if start.contains('T') {
        format!("\nwhere local_timestamp >= '{start}' and local_timestamp < '{end}'")
    } else {
        String::new()
    }
}

fn block(name: &str, text: &str) -> Markup {
    html! { h2 { (name) } div.get data-name=(name) { pre { (text) } } }
}
