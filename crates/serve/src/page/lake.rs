//! What is stored, and what others are given of it: Iceberg tables, certificates, statements for engines.

use std::time::Duration;

use futures::TryFutureExt;
use maud::{Markup, html};
use mtdh_engine::Day;
use mtdh_engine::certify::kept::{Content, KeptCertificate};
use mtdh_engine::iceberg::state::TableState;
use mtdh_engine::listing::table::{Cell, ListTable};
use mtdh_engine::listing::wish::ListWish;
use mtdh_engine::listing::{By, Listed, What};
use mtdh_engine::sql::ddl::{DdlOptions, Dialect};

use super::Pages;
use super::asked::{Asked, encoded};
use super::coverage::usual;
use super::form::{badge, grouped, plural, sentence, shown, size};
use super::lines::Covered;
use super::range::{Span, moment_text};
use super::shell::{Page, Paged, choices, nothing, pages as parts_of, wide};
use crate::api::handed::statements;
use crate::problem::Problem;

/// Lines of the list on one page.
const LINES: usize = 50;

/// How long tables are compared with the lake.
const PATIENCE: Duration = Duration::from_secs(3);

/// Certificates that are shown.
const CERTIFICATES: usize = 50;

/// Signs of a digest that tell it from others.
const DIGEST_SIGNS: usize = 16;

/// What can be listed here; runs have a page of their own.
const WHAT: [(&str, &str); 4] = [
    ("partitions", "partitions"),
    ("candles", "candles"),
    ("instruments", "instruments"),
    ("reports", "reports"),
];

/// What lines can be grouped by.
const GROUPS: [(&str, &str, &[By]); 5] = [
    ("venue", "venue and type", &[By::Venue, By::Type]),
    ("type", "type", &[By::Type]),
    ("month", "month", &[By::Month]),
    ("day", "day", &[By::Day]),
    ("key", "instrument", &[By::Key]),
];

/// The engines, as people write them.
const ENGINES: [(&str, &str); 6] = [
    ("duckdb", "DuckDB"),
    ("athena", "Athena"),
    ("trino", "Trino"),
    ("bigquery", "BigQuery"),
    ("spark", "Spark"),
    ("clickhouse", "ClickHouse"),
];

/// The page.
pub async fn page(pages: &Pages, asked: &Asked) -> Paged {
    let context = &pages.state.context;
    let days = context.days().await?;
    let span = match usual(&days) {
        Some((usual, whole)) => Some((Span::of(asked, usual)?, whole)),
        None => None,
    };
    let of_range = span.as_ref().map(|(span, _)| span);
    let ((list, json), (states, is_compared), kept, engine) = futures::try_join!(
        list(pages, asked, &days, of_range),
        states(pages),
        context.certificates().map_err(Problem::from),
        engine(pages, asked),
    )?;
    let body = html! { (list) (tables(&states, is_compared)) (certificates(&kept)) (engine) };
    let mut page = Page::new("Lake", body);
    page.json = Some(json);
    (page.span, page.whole) = span.map(|(span, whole)| (Some(span), Some(whole))).unwrap_or_default();
    Ok(page)
}

/// The tables, and whether they were compared with the lake: of a very large one that takes longer than people wait.
async fn states(pages: &Pages) -> Result<(Vec<TableState>, bool), Problem> {
    let context = &pages.state.context;
    match tokio::time::timeout(PATIENCE, context.iceberg_states()).await {
        Ok(states) => Ok((states?, true)),
        Err(_) => Ok((context.iceberg_published().await?, false)),
    }
}

/// Partitions as the server has seen them, which reads nothing of days that are as they were.
async fn partitions(pages: &Pages, all: &[Day], span: Option<&Span>) -> Result<Vec<Listed>, Problem> {
    let Some(span) = span else { return Ok(Vec::new()) };
    let covered = Covered::of(&pages.state, all, span.days).await?;
    let there = covered.lines().filter(|(_, line)| line.status.is_answered());
    let listed = there.map(|(day, line)| Listed {
        day: Some(day),
        key: line.key.parse().ok(),
        kind: line.data_type.to_string(),
        status: Some(Ok(line.status)),
        rows: line.rows,
        bytes: line.bytes,
    });
    Ok(listed.collect())
}

/// The list, and the address of the same as JSON.
async fn list(
    pages: &Pages,
    asked: &Asked,
    all: &[Day],
    span: Option<&Span>,
) -> Result<(Markup, String), Problem> {
    let what: What = asked.get("what").and_then(|text| text.parse().ok()).unwrap_or_default();
    let groups = GROUPS.iter().find(|(name, ..)| asked.get("by") == Some(name)).unwrap_or(&GROUPS[0]);
    // Reports are of days alone.
    let by = if what == What::Reports { &[By::Type][..] } else { groups.2 };
    let wish = ListWish { what, days: span.map(|span| span.days), everything: true, ..ListWish::default() };
    let listed = match what {
        What::Partitions => partitions(pages, all, span).await?,
        _ => pages.state.context.list_wish(&wish).await?.listed,
    };
    let table = ListTable::groups(what, by, &listed);
    let of = table.rows.len();
    let parts = of.div_ceil(LINES).max(1);
    let part = asked.page().min(parts);
    let columns: Vec<(usize, &str)> =
        table.columns().into_iter().enumerate().filter(|(place, _)| is_said(&table, *place)).collect();
    let shown_rows = table.rows.iter().skip((part - 1) * LINES).take(LINES);
    let names = by.len();
    let is_number = |cell: &Cell| !matches!(cell, Cell::Text(_));
    let number = |name: &str| -> bool { !["day", "first_day", "last_day"].contains(&name) };
    let bytes: u64 = listed.iter().filter_map(|one| one.bytes).sum();
    let markup = html! { section { h2 { "What is stored" }
        (choices(asked, "List", "what", what.name(), &WHAT))
        @if what != What::Reports { (choices(asked, "By", "by", groups.0, &GROUPS.map(|(name, label, _)| (name, label)))) }
        @if listed.is_empty() {
            (nothing(&format!("The lake has no {} in this range.", what.name()), &html! {
                @match what {
                    What::Candles => { pre { "mtdh candles --start-date 2024-03-01 --timeframes 1m" } },
                    What::Partitions => { pre { "mtdh download --start-date 2024-03-01 --venues DERIBIT" } },
                    _ => {},
                }
            }))
        } @else {
            p.quiet { span data-number="objects" { (grouped(listed.len() as u64)) } " " (noun(what, listed.len()))
                @if bytes > 0 { ", " span data-number="bytes" data-value=(bytes) { (size(bytes)) } } }
            (wide("What is stored", &html! { table {
                thead { tr { @for (place, name) in &columns {
                    th.number[*place >= names && number(name)] scope="col" { (header(name)) }
                } } }
                tbody { @for row in shown_rows { tr { @for (place, name, cell) in columns.iter().filter_map(|(place, name)| Some((*place, *name, row.get(*place)?))) {
                    @if place == 0 { th scope="row" { (text(name, cell)) } }
                    @else { td.number[is_number(cell)] { (text(name, cell)) } }
                } } } }
            } }))
            (parts_of(asked, part, parts))
        }
    } };
    let (start, end) = span.map(|span| (span.days.first().to_string(), span.days.last().to_string())).unzip();
    let by: Vec<&str> = by.iter().map(|by| by.name()).collect();
    let json = asked.to(
        "/v1/ls",
        &[
            ("what", what.name()),
            ("by", &by.join(",")),
            ("everything", "true"),
            ("start", start.as_deref().unwrap_or_default()),
            ("end", end.as_deref().unwrap_or_default()),
        ],
    );
    Ok((markup, json))
}

/// What is counted.
fn noun(what: What, count: usize) -> &'static str {
    match (what, count) {
        (What::Partitions, 1) => "partition",
        (What::Partitions, _) => "partitions",
        (What::Instruments, 1) => "row of the days' instrument tables",
        (What::Instruments, _) => "rows of the days' instrument tables",
        (_, 1) => "object",
        (_, _) => "objects",
    }
}

/// Whether a column says anything: counts of what never occurs do not.
fn is_said(table: &ListTable, place: usize) -> bool {
    let name = table.columns().get(place).copied().unwrap_or_default();
    let is_rare = ["empty", "absent", "unreadable"].contains(&name);
    !is_rare || table.rows.iter().any(|row| row.get(place) != Some(&Cell::Count(Some(0))))
}

/// A column's name for people.
fn header(name: &str) -> String {
    let name = if name == "bytes" { "size" } else { name };
    let text = name.replace('_', " ");
    let mut signs = text.chars();
    let first: String = signs.next().map(|sign| sign.to_uppercase().collect()).unwrap_or_default();
    first + signs.as_str()
}

fn text(name: &str, cell: &Cell) -> Markup {
    html! { @match cell {
        Cell::Count(Some(bytes)) if name == "bytes" => { (size(*bytes)) },
        Cell::Count(Some(count)) => { (grouped(*count)) },
        Cell::Number(Some(number)) => { (number) },
        Cell::Text(Some(text)) if name == "instrument_key" => { span.key { (shown(text)) } },
        Cell::Text(Some(text)) => { (shown(text)) },
        _ => { "–" },
    } }
}

/// A moment, to the second.
fn second(us: i64) -> String {
    moment_text(us - us.rem_euclid(1_000_000))
}

/// The days of something, as people write them.
fn days(first: Option<&str>, last: Option<&str>) -> Markup {
    html! { @match (first, last) {
        (Some(first), Some(last)) if first == last => { (first) },
        (Some(first), Some(last)) => { (first) " to " (last) },
        _ => { "–" },
    } }
}

fn tables(states: &[TableState], is_compared: bool) -> Markup {
    html! { section id="iceberg" { h2 { "Iceberg tables" }
        @if states.is_empty() {
            (nothing("No Iceberg table was published over this lake.", &html! {
                p { "They let Spark, Trino, DuckDB and others read the files where they lie:" } pre { "mtdh publish iceberg" }
            }))
        } @else {
            @let stale = states.iter().filter(|state| state.is_stale).count();
            @if !is_compared {
                p { "They are not compared with the lake here, which takes longer than " (PATIENCE.as_secs()) " seconds: " a href="/v1/iceberg" { "compare them" } "." }
            }
            @if stale > 0 {
                p { (badge("warning")) " " (plural(stale as u64, "table does", "tables do")) " not know what the lake has now; " code { "mtdh publish iceberg" } " brings " @if stale == 1 { "it" } @else { "them" } " up to date." }
            }
            (wide("Iceberg tables", &html! { table {
                thead { tr { th scope="col" { "Table" } th scope="col" { "State" } th scope="col" { "Days" } th.number scope="col" { "Files" } th.number scope="col" { "Rows" } th.number scope="col" { "Size" } th scope="col" { "Published" } th.number scope="col" { "Version" } th.number scope="col" { "Snapshot" } } }
                tbody { @for state in states { tr data-table=(state.table) {
                    th scope="row" { (state.table) @if state.covers == "selection" { span.quiet { ", a selection" } } }
                    td.text { @match &state.reason {
                        None if is_compared => { (badge("current")) },
                        None => { "–" },
                        Some(reason) => { (badge("stale")) " " (sentence(&super::scrub(reason))) },
                    } }
                    td { (days(state.first_day.as_deref(), state.last_day.as_deref())) }
                    td.number { (grouped(state.files)) } td.number { (grouped(state.rows)) } td.number { (size(state.bytes)) }
                    td { @match state.published_us { Some(us) => { (second(us)) }, None => { "–" } } }
                    td.number { (state.version) } td.number { @match state.snapshot { Some(snapshot) => { (snapshot) }, None => { "–" } } }
                } } }
            } }))
        }
    } }
}

fn certificates(all: &[KeptCertificate]) -> Markup {
    html! { section id="certificates" { h2 { "Certificates" }
        @if all.is_empty() {
            (nothing("No certificate was made of this lake.", &html! {
                p { "One says which data a result was made of, so that anybody can check a copy:" } pre { "mtdh certify --start-date 2024-03-01 --out march.json" }
            }))
        } @else {
            p.quiet { "Each opens as it was written; " code { "mtdh verify FILE" } " compares any copy of the lake with it." }
            (wide("Certificates", &html! { table {
                thead { tr { th scope="col" { "Digest" } th scope="col" { "Verdict" } th scope="col" { "Days" } th scope="col" { "Selection" } th.number scope="col" { "Partitions" } th.number scope="col" { "Missing" } th scope="col" { "Made" } } }
                tbody { @for one in all.iter().take(CERTIFICATES) { (certificate(one)) } }
            } }))
            @if all.len() > CERTIFICATES { p.quiet { "The newest " (CERTIFICATES) " of " (grouped(all.len() as u64)) "; " a href="/v1/certificates" { "all of them" } "." } }
        }
    } }
}

fn certificate(one: &KeptCertificate) -> Markup {
    let verdict = |content: &Content| match content.verdict.as_str() {
        "complete" => badge("complete"),
        _ => html! { (badge("warning")) " " (shown(&content.verdict.replace('_', " "))) },
    };
    let selection = |content: &Content| {
        let parts = [
            content.venues.join(" "),
            content.instrument_types.join(" "),
            content.data_types.join(" "),
            content.instruments.join(" "),
        ];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" · ")
    };
    html! { @match (one.content(), one.problem()) {
        (Some(content), _) => { tr {
            th scope="row" { a.key href=(format!("/v1/certificates/{}", encoded(&one.root))) { (content.digest.get(..DIGEST_SIGNS).unwrap_or_default()) } }
            td { (verdict(content)) } td { (days(Some(&content.first_day), Some(&content.last_day))) }
            td.text { (shown(&selection(content))) } td.number { (grouped(content.partitions)) } td.number { (grouped(content.missing)) }
            td { (second(content.certified_us)) @if content.are_bytes_proved { span.quiet { ", every byte proved" } } }
        } },
        (None, problem) => { tr {
            th scope="row" { span.key { (one.root.get(..DIGEST_SIGNS).unwrap_or_default()) } }
            td { (badge("damaged")) } td.text colspan="5" { (sentence(&super::scrub(problem.unwrap_or("it cannot be used")))) }
        } },
    } }
}

/// The statements of an engine, to copy.
async fn engine(pages: &Pages, asked: &Asked) -> Result<Markup, Problem> {
    let Some(dialect) = asked.get("dialect").and_then(|text| text.parse::<Dialect>().ok()) else {
        return Ok(html! { section id="engines" { h2 { "Read it with another engine" }
            p { "Choose one, and the statements that let it read the lake where it lies are here, to copy." }
            (choices(asked, "Engine", "dialect", "", &ENGINES))
        } });
    };
    let name = ENGINES.iter().find(|(word, _)| *word == dialect.name()).map_or("", |(_, name)| *name);
    let made = statements(&pages.state.context, dialect, &[], DdlOptions::default()).await;
    Ok(html! { section id="engines" { h2 { "Read it with another engine" }
        (choices(asked, "Engine", "dialect", dialect.name(), &ENGINES))
        @match made {
            Ok(sql) => { div.get data-name=(format!("statements for {name}")) { pre tabindex="0" { (sql) } } },
            Err(problem) if problem.status.is_client_error() => {
                p { (name) " reads buckets, and the lake is a folder of the server." }
                p { "Of a bucket that has a copy of it, this prints them:" }
                div.get data-name=(format!("statements for {name}")) { pre { "mtdh ddl --lake gs://BUCKET --dialect " (dialect.name()) } }
            },
            Err(problem) => { p { (sentence(&problem.detail)) } },
        }
    } })
}
