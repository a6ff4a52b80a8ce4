//! Quality: grades, findings that runs recorded, and checks of one instrument's day made now.

use std::collections::BTreeMap;

use maud::{Markup, html};
use mtdh_core::DayRange;
use mtdh_core::check::{self, Group, Settings};
use mtdh_engine::check::CheckPlan;
use mtdh_engine::check::kept::Keep;
use mtdh_engine::report::FindingLine;
use mtdh_engine::{CheckOptions, Day, Filter};
use serde::Deserialize;

use super::Pages;
use super::asked::{Asked, encoded};
use super::coverage::usual;
use super::form::{badge, grouped, plural, shown};
use super::lines::{Counts, Covered};
use super::range::Span;
use super::shell::{Page, Paged, key_path, nothing, pages as parts_of, wide};
use crate::problem::Problem;

/// Findings on one page.
const LINES: usize = 50;

/// Runs whose records are read for findings, the newest first.
const RUNS: usize = 200;

/// The page.
pub async fn page(pages: &Pages, asked: &Asked) -> Paged {
    let days = pages.state.context.days().await?;
    let (usual, whole) = usual(&days).ok_or(mtdh_engine::EngineError::NoInstrumentTable)?;
    let span = Span::of(asked, usual)?;
    let covered = Covered::of(&pages.state, &days, span.days).await?;
    let mut venues: BTreeMap<&str, Counts> = BTreeMap::new();
    for (_, line) in covered.lines() {
        venues.entry(line.venue()).or_default().add(line);
    }
    let (found, left_out) = recorded(pages, &span).await?;
    let matching: Vec<&FindingLine> = found.iter().filter(|one| is_meant(asked, one, None)).collect();
    let parts = matching.len().div_ceil(LINES).max(1);
    let part = asked.page().min(parts);
    let body = html! {
        section { h2 { "Grades" }
            p.quiet { "By the last " code { "mtdh check all" } ". A partition that was not checked since it was written has no grade." }
            (wide("Grades by venue", &html! { table {
                thead { tr { th scope="col" { "Venue" } @for name in ["Good", "Degraded", "Bad", "Missing", "Not checked"] { th.number scope="col" { (name) } } } }
                tbody { @for (venue, counts) in &venues { tr { th scope="row" { a href=(asked.to("/", &[("venue", venue), ("by", "data_type"), ("show", "grade")])) { (shown(venue)) } }
                    @for number in [counts.good, counts.degraded, counts.bad, counts.missing, counts.stored.saturating_sub(counts.good + counts.degraded + counts.bad)] { td.number { (grouped(number)) } } } } }
            } }))
        }
        section { h2 { "Findings" }
            p.quiet { "What downloads recorded of the rows they brought" @if left_out > 0 { "; " (plural(left_out as u64, "older run", "older runs")) " not read" } ". A full report: " code { "mtdh check all --report report.html" } "." }
            (facet(asked, &found, "check", "Check")) (facet(asked, &found, "severity", "Severity")) (facet(asked, &found, "venue", "Venue")) (facet(asked, &found, "day", "Day"))
            p { span data-number="findings" { (grouped(matching.len() as u64)) } " of " (plural(found.len() as u64, "finding", "findings")) }
            @if found.is_empty() { (nothing("No run recorded a finding in this range.", &html! {
                p { "Row checks run with a download where they are asked for, and any day can be checked from an instrument's page. That nothing is recorded is no proof that nothing is wrong: the grades above say what was checked." } })) }
            @else { (findings(asked, matching.iter().skip((part - 1) * LINES).take(LINES).copied())) (parts_of(asked, part, parts)) }
        }
    };
    let mut page = Page::new("Quality", body);
    (page.span, page.whole, page.as_of_us) = (Some(span), Some(whole), covered.as_of_us);
    Ok(page)
}

/// What the record of a download tells of findings.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Recorded {
    row_checks: Option<Listed>,
    few_rows: Option<Listed>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Listed {
    listed: Vec<FindingLine>,
}

/// The findings that runs recorded in a range, each once, and how many runs were not read.
async fn recorded(pages: &Pages, span: &Span) -> Result<(Vec<FindingLine>, usize), Problem> {
    let runs = pages.state.context.runs().await?;
    let mut found: BTreeMap<String, FindingLine> = BTreeMap::new();
    for run in runs.iter().rev().take(RUNS) {
        for summary in pages.state.context.run_summaries(run).await? {
            let read: Recorded = serde_json::from_value(summary).unwrap_or_default();
            let all = read.row_checks.into_iter().chain(read.few_rows).flat_map(|listed| listed.listed);
            for one in all {
                let is_within = one
                    .day
                    .as_ref()
                    .and_then(|day| day.parse::<Day>().ok())
                    .is_none_or(|day| span.days.contains(day));
                if is_within {
                    found.entry(format!("{}|{}|{:?}", one.check, one.place(), one.from)).or_insert(one);
                }
            }
        }
    }
    let mut found: Vec<FindingLine> = found.into_values().collect();
    found.sort_by_key(|one| {
        (rank(&one.severity), std::cmp::Reverse(one.day.clone()), one.instrument_key.clone())
    });
    Ok((found, runs.len().saturating_sub(RUNS)))
}

fn rank(severity: &str) -> usize {
    ["error", "warning", "info"].iter().position(|word| *word == severity).unwrap_or(3)
}

fn value_of<'a>(one: &'a FindingLine, facet: &str) -> &'a str {
    match facet {
        "check" => &one.check,
        "severity" => &one.severity,
        "day" => one.day.as_deref().unwrap_or_default(),
        _ => one.instrument_key.as_deref().and_then(|key| key.split(':').next()).unwrap_or_default(),
    }
}

fn is_meant(asked: &Asked, one: &FindingLine, but: Option<&str>) -> bool {
    ["check", "severity", "venue", "day"]
        .iter()
        .all(|name| but == Some(name) || asked.get(name).is_none_or(|wanted| value_of(one, name) == wanted))
}

fn facet(asked: &Asked, found: &[FindingLine], name: &str, label: &str) -> Markup {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for one in found.iter().filter(|one| is_meant(asked, one, Some(name))) {
        *counts.entry(value_of(one, name)).or_default() += 1;
    }
    html! { @if !counts.is_empty() { div.choices role="group" aria-label=(label) { span.quiet { (label) }
        a href=(asked.with(&[(name, ""), ("page", "")])) aria-current=[asked.get(name).is_none().then_some("true")] { "all" }
        @for (value, count) in counts.iter().filter(|(value, _)| !value.is_empty()).take(12) {
            a href=(asked.with(&[(name, value), ("page", "")])) aria-current=[(asked.get(name) == Some(value)).then_some("true")] { (shown(value)) " " (grouped(*count)) } }
    } } }
}

fn findings<'a>(asked: &Asked, all: impl Iterator<Item = &'a FindingLine>) -> Markup {
    wide(
        "Findings",
        &html! { table {
            thead { tr { th scope="col" { "Severity" } th scope="col" { "Check" } th scope="col" { "Day" } th scope="col" { "Instrument" } th scope="col" { "Data type" } th.number scope="col" { "Times" } th scope="col" { "First" } th scope="col" { "Rows" } } }
            tbody { @for one in all { tr {
                td { (badge(&one.severity)) } td { span title=(check::find(&one.check).map_or("", |check| check.text)) { (shown(&one.check)) } }
                td { @if let Some(day) = &one.day { a href=(format!("/days/{}", encoded(day))) { (shown(day)) } } }
                td { @if let Some(key) = &one.instrument_key { a.key.long href=(asked.to(&key_path(key), &[])) { (shown(key)) } } }
                td { @if let Some(data_type) = &one.data_type { (shown(data_type)) } }
                td.number { (grouped(one.count)) }
                td.text { @if let Some(example) = one.examples.first() { (shown(example)) } @if let Some(text) = &one.explanation { " (" (shown(text)) ")" } }
                td { @if let Some(href) = rows_around(one) { a href=(href) aria-label={ "Rows around " (one.check) " of " (one.place()) } { "rows around it" } } }
            } } }
        } },
    )
}

/// The address of the rows around a finding: from ten seconds before it.
fn rows_around(one: &FindingLine) -> Option<String> {
    let (key, data_type, from) = (one.instrument_key.as_ref()?, one.data_type.as_ref()?, one.from.as_ref()?);
    let at = mtdh_core::moment::TimeValue::parse(from, 0).ok()?.as_start();
    let (start, end) =
        (super::range::moment_text(at - 10_000_000), super::range::moment_text(at + 60_000_000));
    Some(format!(
        "{}/rows?data_type={}&start={}&end={}&mark={}",
        key_path(key),
        encoded(data_type),
        encoded(&start),
        encoded(&end),
        encoded(&super::range::moment_text(at))
    ))
}

/// Checks one instrument's day now, without asking the vendor.
pub async fn now(pages: &Pages, asked: &Asked) -> Paged {
    let lacking = |name: &str| {
        Problem::parameter(name, format!("`{name}` is needed"))
            .hint("open this page from the evidence of a partition")
    };
    let day: Day = asked.get("day").and_then(|text| text.parse().ok()).ok_or_else(|| lacking("day"))?;
    let key = pages.state.context.instrument_key(asked.get("key").ok_or_else(|| lacking("key"))?).await?;
    let filter = Filter {
        instruments: vec![key.to_string()],
        data_types: mtdh_core::DataType::ALL.to_vec(),
        ..Filter::default()
    };
    let selection = filter.of_lake(DayRange::of(day))?;
    // What asks neither the vendor nor an exchange.
    let plan = CheckPlan::new(
        [Group::Timestamp, Group::Book, Group::Values, Group::Aggregation],
        Settings::default(),
    );
    let options = CheckOptions { keep: Keep::Nothing, ..CheckOptions::default() };
    let checked = pages.state.context.check(plan, &selection, options).await?;
    let report = checked.report;
    let all: Vec<FindingLine> = report.findings.iter().map(FindingLine::of).collect();
    let body = html! {
        section {
            p { (grouped(report.rows)) " rows of " (plural(report.partitions.len() as u64, "partition", "partitions")) " were read now. Clocks, order, books, values and candles were checked; silences with their causes and completeness need the vendor: " code { "mtdh check all" } "." }
            @if report.rows == 0 { p { "Nothing was read: that is no proof." } }
            @else if all.is_empty() { p.lead { (badge("clean")) " Nothing was found." } }
            @else { p.lead { span data-number="findings" { (all.len()) } @if all.len() == 1 { " finding" } @else { " findings" } } (findings(asked, all.iter().take(500))) }
        }
    };
    let mut page = Page::new(format!("{key} on {day}, checked now"), body);
    page.above = vec![
        ("Quality".to_owned(), asked.to("/quality", &[])),
        (key.to_string(), asked.to(&key_path(key.as_str()), &[])),
    ];
    Ok(page)
}
