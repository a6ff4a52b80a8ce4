//! The report as one self-contained HTML page: no scripts, no external resources.

use mtdh_core::check::grade::Grade;
use std::collections::BTreeMap;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{CheckLine, Document, FindingLine, InstrumentDayLine};
use crate::report::svg::{calendar, comparison, timeline};

/// Findings of one check that are shown; the others are counted.
const SHOWN_FINDINGS: usize = 50;

/// Instrument-days that are shown among the worst.
const SHOWN_DAYS: usize = 25;

/// Days with silences that get a timeline.
const SHOWN_TIMELINES: usize = 40;

const STYLE: &str = include_str!("page.css");

/// The page.
pub fn page(document: &Document) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { "Check of " (document.subject) }
                // Without an icon in the page, browsers request one from a server.
                link rel="icon" href="data:,";
                style { (PreEscaped(STYLE)) }
            }
            body {
                (head(document))
                main {
                    (grades(document))
                    (worst(document))
                    (silences(document))
                    @for series in &document.comparisons { (comparison(series)) }
                    (findings(document))
                    (checks(document))
                }
                footer {
                    p { "Made " time datetime=(document.made_at) { (document.made_at) } " by " (document.program)
                        ", report version " (document.schema_version) "." }
                }
            }
        }
    };
    page.into_string()
}

fn head(document: &Document) -> Markup {
    let summary = &document.summary;
    let days = document.first_day.as_ref().zip(document.last_day.as_ref());
    html! {
        header {
            p.verdict.clean[document.is_clean].unclean[!document.is_clean] {
                (capitalised(document.verdict.text()))
            }
            h1 { (document.subject) }
            @if let Some((first, last)) = days { p.quiet { (first) @if first != last { " to " (last) } } }
            dl.tiles {
                (tile("summary.findings.error", "errors", summary.findings["error"] as u64))
                (tile("summary.findings.warning", "warnings", summary.findings["warning"] as u64))
                (tile("summary.findings.info", "told, no fault", summary.findings["info"] as u64))
                @if summary.files > 0 { (tile("summary.files", "files", summary.files as u64)) }
                @if summary.files == 0 {
                    (tile("summary.instrument_days", "instrument-days", summary.instrument_days as u64))
                    (tile("summary.partitions", "partitions", summary.partitions as u64))
                }
                (tile("summary.rows", "rows read", summary.rows))
            }
            @if let Some(nothing) = document.nothing_checked() {
                p { @for text in &nothing.examples { (capitalised(text)) ": that is no proof." } }
            }
            @if !document.notes.is_empty() {
                ul.notes { @for note in &document.notes { li { (note) } } }
            }
        }
    }
}

/// A text with a capital first letter.
fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// A number with its label; `path` is its place in the JSON report.
fn tile(path: &str, what: &str, number: u64) -> Markup {
    html! { div { dt { (what) } dd data-number=(path) { (grouped(number)) } } }
}

/// A count as 1,234,567.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups = digits.as_bytes().rchunks(3).rev().map(|group| String::from_utf8_lossy(group));
    groups.collect::<Vec<_>>().join(",")
}

fn grades(document: &Document) -> Markup {
    let counts = &document.summary.grades;
    html! {
        @if !counts.is_empty() {
            section {
                h2 { "Grades" }
                p { "Each instrument's day, by its worst partition. " b { "good" } ": nothing worse than told; " b { "degraded" }
                    ": a warning; " b { "bad" } ": an error; " b { "missing" } ": it should be there and is not; " b { "unknown" }
                    ": nothing could be judged." }
                ul.legend {
                    @for grade in Grade::WORST_FIRST.map(Grade::name) {
                        li { span.swatch.(grade) {} (grade) " "
                            b data-number={ "summary.grades." (grade) } { (grouped(counts[grade] as u64)) } }
                    }
                }
                (calendar(&document.instrument_days))
            }
        }
    }
}

fn rank(grade: Option<&str>) -> usize {
    let of_word = |known: &Grade| Some(known.name()) == grade;
    Grade::WORST_FIRST.iter().position(of_word).unwrap_or(Grade::WORST_FIRST.len())
}

fn worst(document: &Document) -> Markup {
    let mut counts: BTreeMap<(&str, &str), [usize; 2]> = BTreeMap::new();
    for finding in document.findings.iter().filter(|f| f.severity != "info") {
        if let (Some(day), Some(key)) = (&finding.day, &finding.instrument_key) {
            counts.entry((day, key)).or_default()[usize::from(finding.severity != "error")] += 1;
        }
    }
    let found = |line: &InstrumentDayLine| {
        counts.get(&(line.day.as_str(), line.instrument_key.as_str())).copied().unwrap_or_default()
    };
    let mut days: Vec<&InstrumentDayLine> =
        document.instrument_days.iter().filter(|d| rank(d.grade) < 3).collect();
    days.sort_by_key(|line| (rank(line.grade), std::cmp::Reverse(found(line))));
    html! {
        @if !days.is_empty() {
            section {
                h2 { "Worst instrument-days" }
                div.wide tabindex="0" role="region" aria-label="Worst instrument-days" {
                    table {
                        thead { tr { th { "Day" } th { "Instrument" } th { "Grade" } th.number { "Errors" }
                            th.number { "Warnings" } th { "Data types" } } }
                        tbody {
                            @for line in days.iter().take(SHOWN_DAYS) {
                                @let [errors, warnings] = found(line);
                                tr {
                                    td { (line.day) } td.key { (line.instrument_key) }
                                    td { span.badge.(line.grade.unwrap_or("unknown")) { (line.grade.unwrap_or("unknown")) } }
                                    td.number { (errors) } td.number { (warnings) }
                                    td { @for part in line.partitions.iter().filter(|p| rank(p.grade) < 3) {
                                        span.part { span.swatch.(part.grade.unwrap_or("unknown")) {} (part.data_type) } " "
                                    } }
                                }
                            }
                        }
                    }
                }
                @if days.len() > SHOWN_DAYS { p.quiet { "and " (days.len() - SHOWN_DAYS) " more" } }
            }
        }
    }
}

fn silences(document: &Document) -> Markup {
    let mut days: BTreeMap<(&str, &str, &str), Vec<&FindingLine>> = BTreeMap::new();
    for finding in document.findings.iter().filter(|f| f.check == "gap") {
        if let (Some(day), Some(data_type)) = (&finding.day, &finding.data_type) {
            let key = finding.instrument_key.as_deref().unwrap_or("the file");
            days.entry((day, key, data_type)).or_default().push(finding);
        }
    }
    let gaps = &document.summary.gaps;
    let mut ordered: Vec<_> = days.into_iter().collect();
    let weight = |lines: &[&FindingLine]| {
        let unknown = lines.iter().filter(|f| f.cause.as_deref() == Some("unknown")).count();
        let length: i64 = lines.iter().filter_map(|f| f.range_us).map(|(from, to)| to - from).sum();
        std::cmp::Reverse((unknown.min(1), length))
    };
    ordered.sort_by_key(|(_, lines)| weight(lines));
    html! {
        @if gaps.values().any(|count| *count > 0) {
            section {
                h2 { "Silences" }
                p { "Times without rows that the instrument's own activity does not explain, by what explains them." }
                ul.legend {
                    @for (cause, count) in gaps {
                        li { span.swatch.cause.(cause) {} (cause.replace('_', " ")) " "
                            b data-number={ "summary.gaps." (cause) } { (grouped(*count as u64)) } }
                    }
                }
                @for ((day, key, data_type), lines) in ordered.iter().take(SHOWN_TIMELINES) {
                    figure { figcaption { (day) " " span.key { (key) } " " (data_type) } (timeline(day, lines)) }
                }
                @if ordered.len() > SHOWN_TIMELINES { p.quiet { "and " (ordered.len() - SHOWN_TIMELINES) " more days" } }
            }
        }
    }
}

fn findings(document: &Document) -> Markup {
    let worst_of = |check: &CheckLine| {
        let of = document.findings.iter().filter(|f| f.check == check.name);
        of.map(|f| severity_rank(&f.severity)).min().unwrap_or(3)
    };
    let mut found: Vec<&CheckLine> = document.checks.iter().filter(|c| c.findings > 0).collect();
    found.sort_by_key(|check| worst_of(check));
    // Findings of reading a file are shown even if their group was not asked for.
    html! {
        section {
            h2 { "Findings" }
            @if document.findings.is_empty() { p { "None." } }
            @for check in found {
                @let of = sorted(document.findings.iter().filter(|f| f.check == check.name));
                (of_check(check.name, check.text, &of))
            }
            @for finding in document.findings.iter().filter(|f| !document.checks.iter().any(|c| c.name == f.check)) {
                (of_check(&finding.check, "", &[finding]))
            }
        }
    }
}

fn severity_rank(severity: &str) -> usize {
    ["error", "warning", "info"].iter().position(|word| *word == severity).unwrap_or(3)
}

fn sorted<'a>(findings: impl Iterator<Item = &'a FindingLine>) -> Vec<&'a FindingLine> {
    let mut findings: Vec<&FindingLine> = findings.collect();
    findings.sort_by_key(|f| (severity_rank(&f.severity), std::cmp::Reverse(f.count)));
    findings
}

fn of_check(name: &str, text: &str, findings: &[&FindingLine]) -> Markup {
    let severity = findings.first().map_or("info", |f| f.severity.as_str());
    html! {
        details open[severity == "error"] {
            summary { span.badge.(severity) { (severity) } " " b { (name) } " "
                span.quiet { span data-findings=(name) { (findings.len()) } @if findings.len() == 1 { " finding" } @else { " findings" } } }
            p { (prose(text)) }
            ul.findings { @for finding in findings.iter().take(SHOWN_FINDINGS) { (finding_item(finding)) } }
            @if findings.len() > SHOWN_FINDINGS {
                p.quiet { "and " (findings.len() - SHOWN_FINDINGS) " more; the JSON and CSV reports have all" }
            }
        }
    }
}

fn finding_item(finding: &FindingLine) -> Markup {
    html! {
        li {
            p.place { span.badge.(finding.severity) { (finding.severity) } " " span.key { (finding.place()) } " "
                b { (grouped(finding.count)) } @if finding.count == 1 { " time" } @else { " times" } }
            @if let Some((from, to)) = finding.from.as_ref().zip(finding.to.as_ref()) {
                p.quiet { (from) @if from != to { " to " (to) } }
            }
            @if let Some(text) = &finding.explanation {
                p { @if let Some(cause) = &finding.cause { b { (cause.replace('_', " ")) } ": " } (text) }
            }
            ul.examples { @for example in &finding.examples { li { (example) } } }
        }
    }
}

fn checks(document: &Document) -> Markup {
    html! {
        section {
            h2 { "What was checked" }
            div.wide tabindex="0" role="region" aria-label="What was checked" {
                table {
                    thead { tr { th { "Check" } th { "Group" } th.number { "Looked at" } th.number { "Findings" } th { "Parameters" } } }
                    tbody {
                        @for check in &document.checks {
                            tr { td { (check.name) } td { (check.group) } td.number { (grouped(check.looked_at)) }
                                td.number { (check.findings) }
                                td { @for (name, value) in &check.parameters { span.part { (name) " " (value) } " " } } }
                        }
                    }
                }
            }
            p.quiet { "A check that looked at nothing had no data of its kind: that is no proof." }
        }
    }
}

/// A description, with its backquoted parts as code.
fn prose(text: &str) -> Markup {
    html! {
        @for (place, part) in text.split('`').enumerate() {
            @if place % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}
