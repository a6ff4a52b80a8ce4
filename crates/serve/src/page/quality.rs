//! Quality: grades, what was checked, what checks found, and checks of one instrument's day made now.

use std::collections::BTreeMap;

use maud::{Markup, html};
use mtdh_core::DayRange;
use mtdh_core::check::{self, Group, Settings, Severity};
use mtdh_engine::check::CheckPlan;
use mtdh_engine::check::kept::{Keep, KeptLine};
use mtdh_engine::report::FindingLine;
use mtdh_engine::{CheckOptions, Day, Filter, Partition};

use super::Pages;
use super::asked::{Asked, encoded};
use super::coverage::usual;
use super::form::{badge, grouped, plural, shown};
use super::lines::{Counts, Covered};
use super::range::{Span, moment_text};
use super::shell::{Page, Paged, key_path, nothing, pages as parts_of, wide};
use crate::api::scrub::scrubbed;
use crate::findings::{DayChecks, Kept, days, of_partition};
use crate::problem::Problem;

/// Findings on one page.
const LINES: usize = 50;

/// What findings are chosen by: the parameter, and its label.
const FACETS: [(&str, &str); 5] = [
    ("check", "Check"),
    ("severity", "Severity"),
    ("venue", "Venue"),
    ("day", "Day"),
    ("objects", "Objects"),
];

/// The page.
pub async fn page(pages: &Pages, asked: &Asked) -> Paged {
    let all_days = pages.state.context.days().await?;
    let (usual, whole) = usual(&all_days).ok_or(mtdh_engine::EngineError::NoInstrumentTable)?;
    let span = Span::of(asked, usual)?;
    let covered = Covered::of(&pages.state, &all_days, span.days).await?;
    let mut venues: BTreeMap<&str, Counts> = BTreeMap::new();
    for (_, line) in covered.lines() {
        venues.entry(line.venue()).or_default().add(line);
    }
    let seen = days(&pages.state, span.days).await?;
    let unchecked = covered.days.iter().filter(|of| !seen.iter().any(|seen| seen.day == of.day)).count();
    let mut found: Vec<Kept<'_>> = seen.iter().flat_map(|of| of.lines.iter().filter_map(Kept::of)).collect();
    found.sort_by_key(|one| {
        (std::cmp::Reverse(one.found.severity), std::cmp::Reverse(one.kept.line.day), one.key())
    });
    let matching: Vec<&Kept<'_>> = found.iter().filter(|one| is_meant(asked, one, None)).collect();
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
        section { h2 { "Checked" } (checked(&seen)) @if unchecked > 0 { p { (plural(unchecked as u64, "day", "days")) " of this range that the lake has data of " @if unchecked == 1 { "was" } @else { "were" } " not checked: " code { "mtdh check all" } " does." } } }
        section { h2 { "Findings" }
            @for (name, label) in FACETS { (facet(asked, &found, name, label)) }
            p { span data-number="findings" { (grouped(matching.len() as u64)) } " of " (plural(found.len() as u64, "finding", "findings")) }
            @if found.is_empty() { (nothing("No finding is kept of this range.", &html! {
                p { "That is no proof that nothing is wrong: the table above says what was checked, and when. Any day can be checked now from an instrument's page." } })) }
            @else { (findings(asked, matching.iter().skip((part - 1) * LINES).take(LINES).map(|kept| Shown::of(kept)))) (parts_of(asked, part, parts)) }
        }
    };
    let mut page = Page::new("Quality", body);
    page.json = Some(format!("/v1/findings?start={}&end={}", span.days.first(), span.days.last()));
    (page.span, page.whole) = (Some(span), Some(whole));
    page.as_of_us = seen.iter().map(|of| of.as_of_us).chain(covered.as_of_us).min();
    Ok(page)
}

/// What each group of checks looked at, and when.
fn checked(seen: &[DayChecks]) -> Markup {
    // Things, of those the ones whose objects were replaced, and the time of the oldest and the newest check.
    let mut groups: BTreeMap<&str, (u64, u64, i64, i64)> = BTreeMap::new();
    for kept in seen.iter().flat_map(|of| of.lines.iter()).filter(|kept| kept.line.found.is_none()) {
        for group in &kept.line.groups {
            let at = kept.line.run.checked_us;
            let (things, older, first, last) = groups.entry(group).or_insert((0, 0, at, at));
            (*things, *older) = (*things + 1, *older + u64::from(!kept.is_current));
            (*first, *last) = ((*first).min(at), (*last).max(at));
        }
    }
    let second = |us: i64| moment_text(us - us.rem_euclid(1_000_000));
    html! {
        p.quiet { "What the lake keeps of " code { "mtdh check" } ", " code { "mtdh validate" } " and downloads with " code { "--check" } ". What is not counted here was not checked." }
        @if groups.is_empty() { (nothing("No check of this range is kept.", &html! { p { code { "mtdh check all" } " checks it; the lake keeps what is found." } })) }
        @else { (wide("What was checked", &html! { table {
            thead { tr { th scope="col" { "Group of checks" } th.number scope="col" { "Partitions, candles and days" } th.number scope="col" { "Replaced since" } th scope="col" { "First checked" } th scope="col" { "Last checked" } } }
            tbody { @for (group, (things, older, first, last)) in &groups { tr {
                th scope="row" { (shown(group)) } td.number data-checked=(group) { (grouped(*things)) } td.number { (grouped(*older)) } td { (second(*first)) } td { (second(*last)) }
            } } }
        } })) }
    }
}

fn value_of(one: &Kept<'_>, facet: &str) -> String {
    match facet {
        "check" => one.found.check.clone(),
        "severity" => one.found.severity.name().to_owned(),
        "day" => one.kept.line.day.to_string(),
        "objects" => one.objects().to_owned(),
        _ => one.venue().unwrap_or_default().to_owned(),
    }
}

fn is_meant(asked: &Asked, one: &Kept<'_>, but: Option<&str>) -> bool {
    FACETS.iter().all(|(name, _)| {
        but == Some(name) || asked.get(name).is_none_or(|wanted| value_of(one, name) == wanted)
    })
}

fn facet(asked: &Asked, found: &[Kept<'_>], name: &str, label: &str) -> Markup {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for one in found.iter().filter(|one| is_meant(asked, one, Some(name))) {
        *counts.entry(value_of(one, name)).or_default() += 1;
    }
    html! { @if !counts.is_empty() { div.choices role="group" aria-label=(label) { span.quiet { (label) }
        a href=(asked.with(&[(name, ""), ("page", "")])) aria-current=[asked.get(name).is_none().then_some("true")] { "all" }
        @for (value, count) in counts.iter().filter(|(value, _)| !value.is_empty()).take(12) {
            a href=(asked.with(&[(name, value), ("page", "")])) aria-current=[(asked.get(name) == Some(value)).then_some("true")] { (shown(value)) " " (grouped(*count)) } }
    } } }
}

/// A finding as a row of a table.
pub struct Shown {
    severity: &'static str,
    check: String,
    day: Option<String>,
    key: Option<String>,
    data_type: Option<String>,
    from_us: Option<i64>,
    count: u64,
    words: String,
    /// When it was checked, and whether of an object that was replaced since; `None`: now.
    kept: Option<(i64, bool)>,
}

impl Shown {
    /// A finding that the lake keeps.
    pub(crate) fn of(one: &Kept<'_>) -> Shown {
        let (line, found) = (&one.kept.line, one.found);
        Shown {
            severity: found.severity.name(),
            check: found.check.clone(),
            day: Some(line.day.to_string()),
            key: one.key().map(str::to_owned),
            data_type: line.subject.data_type.map(|data_type| data_type.name().to_owned()),
            from_us: found.range_us.map(|range| range.0),
            count: found.count,
            words: words(found.examples.first(), found.explanation.as_ref()),
            kept: Some((line.run.checked_us, !one.kept.is_current)),
        }
    }

    /// A finding of a check that was made now.
    fn now(line: &FindingLine) -> Shown {
        Shown {
            severity: Severity::from_name(&line.severity).map_or("error", Severity::name),
            check: line.check.clone(),
            day: line.day.clone(),
            key: line.instrument_key.clone(),
            data_type: line.data_type.clone(),
            from_us: line.range_us.map(|range| range.0),
            count: line.count,
            words: words(line.examples.first(), line.explanation.as_ref()),
            kept: None,
        }
    }

    /// How severe it is.
    pub fn severity(&self) -> &'static str {
        self.severity
    }

    fn place(&self) -> String {
        let parts = [&self.day, &self.key, &self.data_type];
        parts.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(" ")
    }

    /// The address of the rows around it: from ten seconds before it. Candles are made of trades. `None`: it has no time, or what is
    /// missing has no rows.
    fn rows_around(&self) -> Option<String> {
        if self.check == "missing_partition" {
            return None;
        }
        let (key, at) = (self.key.as_ref()?, self.from_us?);
        let data_type = self.data_type.as_deref().unwrap_or("trades");
        let (start, end) = (moment_text(at - 10_000_000), moment_text(at + 60_000_000));
        Some(format!(
            "{}/rows?data_type={}&start={}&end={}&mark={}",
            key_path(key),
            encoded(data_type),
            encoded(&start),
            encoded(&end),
            encoded(&moment_text(at))
        ))
    }
}

fn words(example: Option<&String>, explanation: Option<&String>) -> String {
    let mut words = example.map(|text| scrubbed(text)).unwrap_or_default();
    if let Some(text) = explanation {
        words.push_str(&format!(" ({})", scrubbed(text)));
    }
    words
}

/// A table of findings.
pub fn findings(asked: &Asked, all: impl Iterator<Item = Shown>) -> Markup {
    wide(
        "Findings",
        &html! { table {
            thead { tr { th scope="col" { "Severity" } th scope="col" { "Check" } th scope="col" { "Day" } th scope="col" { "Instrument" } th scope="col" { "Data type" } th.number scope="col" { "Times" } th scope="col" { "First" } th scope="col" { "Checked" } th scope="col" { "Rows" } } }
            tbody { @for one in all { tr {
                td { (badge(one.severity)) } td { span title=(check::find(&one.check).map_or("", |check| check.text)) { (shown(&one.check)) } }
                td { @if let Some(day) = &one.day { a href=(format!("/days/{}", encoded(day))) { (shown(day)) } } }
                td { @if let Some(key) = &one.key { a.key.long href=(asked.to(&key_path(key), &[])) { (shown(key)) } } }
                td { @if let Some(data_type) = &one.data_type { (shown(data_type)) } }
                td.number { (grouped(one.count)) }
                td.text { (shown(&one.words)) }
                td { @match one.kept { None => { "now" }, Some((at, is_older)) => { (moment_text(at - at.rem_euclid(1_000_000))) @if is_older { " " (badge("older_object")) } } } }
                td { @if let Some(href) = one.rows_around() { a href=(href) aria-label={ "Rows around " (one.check) " of " (one.place()) } { "rows around it" } } }
            } } }
        } },
    )
}

/// What checks of a partition looked at and found: a part of its evidence.
pub async fn of_evidence(pages: &Pages, asked: &Asked, partition: &Partition) -> Result<Markup, Problem> {
    let kept: Vec<KeptLine> = of_partition(&pages.state, partition).await?;
    let found: Vec<Shown> = kept.iter().filter_map(Kept::of).map(|one| Shown::of(&one)).collect();
    let second = |us: i64| moment_text(us - us.rem_euclid(1_000_000));
    Ok(html! { section { h2 { "Checks" }
        @if kept.is_empty() { p { "Not checked, as far as the lake knows; " code { "mtdh check all" } " checks it." } }
        @else {
            ul { @for line in kept.iter().filter(|kept| kept.line.found.is_none()) { li {
                (line.line.groups.iter().map(String::as_str).collect::<Vec<_>>().join(", ")) ": " (second(line.line.run.checked_us)) " by " (shown(&line.line.run.made_by))
                @if !line.is_current { " " (badge("older_object")) " the object was replaced since" } } } }
            @if found.is_empty() { p { "Nothing was found." } } @else { (findings(asked, found.into_iter())) }
        }
    } })
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
            p { (grouped(report.rows)) " rows of " (plural(report.partitions.len() as u64, "partition", "partitions")) " were read now. Clocks, order, books, values and candles were checked; silences with their causes and completeness need the vendor: " code { "mtdh check all" } ". What is found now is not kept." }
            @if report.rows == 0 { p { "Nothing was read: that is no proof." } }
            @else if all.is_empty() { p.lead { (badge("clean")) " Nothing was found." } }
            @else { p.lead { span data-number="findings" { (all.len()) } @if all.len() == 1 { " finding" } @else { " findings" } } (findings(asked, all.iter().take(500).map(Shown::now))) }
        }
    };
    let mut page = Page::new(format!("{key} on {day}, checked now"), body);
    page.above = vec![
        ("Quality".to_owned(), asked.to("/quality", &[])),
        (key.to_string(), asked.to(&key_path(key.as_str()), &[])),
    ];
    Ok(page)
}
