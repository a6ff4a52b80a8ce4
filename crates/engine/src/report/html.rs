//! The report of a check as a page.

use std::collections::{BTreeMap, BTreeSet};

use maud::{Markup, html};
use mtdh_core::check::grade::Grade;
use serde_json::{Value, json};

use super::calendar::Calendar;
use super::frame::{Frame, capitalised, many, tile};
use super::groups::{Group, groups, ordered, severity_rank, venue};
use super::sheet::{Kind, Sheet, grouped};
use super::svg::{comparison, timeline};
use super::{CheckLine, Document, FindingLine, InstrumentDayLine};

/// Days with silences that get a timeline.
const SHOWN_TIMELINES: usize = 40;

/// The page.
pub fn page(document: &Document) -> String {
    let groups = groups(document);
    let calendar = Calendar::of(&document.instrument_days);
    let sheets = [
        first_sheet(&groups),
        days_sheet(document),
        findings_sheet(document, &groups),
        checks_sheet(document),
    ];
    let [first, days, findings, checks] = &sheets;
    let has_grades = !document.summary.grades.is_empty();
    let has_gaps = document.summary.gaps.values().any(|count| *count > 0);
    let sections: Vec<(&str, &str)> = [
        (!groups.is_empty(), "first", "What to look at first"),
        (has_grades, "grades", "Grades"),
        (!days.rows.is_empty(), "days", "Days that are not good"),
        (has_gaps, "silences", "Silences"),
        (!document.comparisons.is_empty(), "comparisons", "Comparisons"),
        (!findings.rows.is_empty(), "findings", "All findings"),
        (true, "checks", "What was checked"),
        (true, "made", "How it was made"),
    ]
    .into_iter()
    .filter_map(|(is_there, id, title)| is_there.then_some((id, title)))
    .collect();
    let body = |id: &str| match id {
        "grades" => grades(document, &calendar),
        "first" => html! {
            p { "By check, venue and day: the rare before the widespread, errors before warnings. A number of findings leads to them." }
            (first.markup())
        },
        "days" => html! {
            p { "Instruments' days with a grade worse than good, worst first. A grade leads to its findings." }
            (days.markup())
        },
        "silences" => silences(document),
        "comparisons" => html! { @for series in &document.comparisons { (comparison(series)) } },
        "findings" => html! { p { "In the order of the first table." } (findings.markup()) },
        "checks" => html! {
            p { "A check that looked at nothing had no data of its kind: that is no proof." }
            details {
                summary { (many(document.checks.len(), "check")) ", "
                    (grouped(document.checks.iter().filter(|check| check.looked_at == 0).count() as u64)) " of them without data" }
                (checks.markup())
            }
        },
        _ => made(document),
    };
    let data = json!({
        "sheets": sheets.iter().map(|sheet| (sheet.name.to_owned(), sheet.document())).collect::<BTreeMap<_, _>>(),
        "calendar": if has_grades { calendar.document() } else { Value::Null },
    });
    let sections = sections.into_iter().map(|(id, title)| (id, title, body(id))).collect();
    Frame {
        title: format!("Check of {}", document.subject),
        head: head(document, &groups),
        sections,
        data,
        made_at: &document.made_at,
        made_by: format!("{}, report version {}", document.program, document.schema_version),
    }
    .page()
}

fn head(document: &Document, groups: &[Group<'_>]) -> Markup {
    let summary = &document.summary;
    let days = document.first_day.as_ref().zip(document.last_day.as_ref());
    html! {
        header {
            p.verdict.clean[document.is_clean].unclean[!document.is_clean] {
                (capitalised(document.verdict.text()))
            }
            h1 { (document.subject) }
            @if let Some((first, last)) = days { p.quiet { (first) @if first != last { " to " (last) } } }
            @if let Some(scope) = &document.scope { p.quiet { (capitalised(scope)) } }
            p.words { (in_words(document, groups)) }
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
            @if !document.notes.is_empty() {
                details.notes open[document.notes.len() <= 5] {
                    summary { (many(document.notes.len(), "note")) }
                    ul { @for note in &document.notes { li { (note) } } }
                }
            }
        }
    }
}

/// The verdict in plain words.
fn in_words(document: &Document, groups: &[Group<'_>]) -> String {
    if let Some(nothing) = document.nothing_checked() {
        return format!("{}: that is no proof.", capitalised(&nothing.examples.join("; ")));
    }
    let summary = &document.summary;
    let of =
        |severity: &str, noun: &str| many(summary.findings.get(severity).copied().unwrap_or_default(), noun);
    let what = match summary.files {
        0 => format!(
            "{} of {}",
            many(summary.partitions, "partition"),
            many(summary.instrument_days, "instrument-day")
        ),
        files => many(files, "file"),
    };
    let mut words = format!("{} and {} in {what}.", of("error", "error"), of("warning", "warning"));
    if groups.iter().all(|group| severity_rank(group.severity) >= 2) {
        words = format!("No error and no warning in {what}.");
    }
    let mut of_check: BTreeMap<&str, usize> = BTreeMap::new();
    for group in groups.iter().filter(|group| severity_rank(group.severity) < 2) {
        *of_check.entry(group.check).or_default() += group.findings;
    }
    let all: usize = of_check.values().sum();
    if let Some((check, most)) = of_check.iter().max_by_key(|(_, count)| **count)
        && of_check.len() > 1
        && most * 2 > all
    {
        words +=
            &format!(" {} of them are of one check, {check}; see the others first.", grouped(*most as u64));
    }
    match document.is_clean {
        true => words + " The data can be used as far as these checks go.",
        false if document.fail_on == "error" => words + " Errors make the check fail.",
        false => words + " Errors and warnings make the check fail.",
    }
}

fn grades(document: &Document, calendar: &Calendar<'_>) -> Markup {
    let counts = &document.summary.grades;
    html! {
        p { "Each instrument's day, by its worst partition. " b { "good" } ": nothing worse than told; " b { "degraded" }
            ": a warning; " b { "bad" } ": an error; " b { "missing" } ": it should be there and is not; " b { "unknown" }
            ": nothing could be judged." }
        ul.legend {
            @for grade in Grade::WORST_FIRST.map(Grade::name) {
                li { span.swatch.(grade) {} (grade) " "
                    b data-number={ "summary.grades." (grade) } { (grouped(counts[grade] as u64)) } }
            }
        }
        (calendar.markup())
    }
}

fn optional(text: Option<&str>) -> Value {
    text.filter(|text| !text.is_empty()).map_or(Value::Null, Value::from)
}

fn first_sheet(groups: &[Group<'_>]) -> Sheet {
    let row = |group: &Group<'_>| {
        vec![
            json!(group.severity),
            json!(group.check),
            optional(group.venue),
            optional(group.day),
            json!(group.findings),
            json!(group.instruments),
            json!(group.checked),
            json!(group.rate()),
            optional(Some(group.example)),
        ]
    };
    Sheet {
        name: "first",
        label: "Findings by check, venue and day",
        columns: vec![
            ("severity", "Severity", Kind::Badge),
            ("check", "Check", Kind::Text),
            ("venue", "Venue", Kind::Text),
            ("day", "Day", Kind::Text),
            ("findings", "Findings", Kind::Number),
            ("instruments", "Instruments", Kind::Number),
            ("instruments_checked", "Of", Kind::Number),
            ("rate", "Rate", Kind::Share),
            ("example", "Example", Kind::Text),
        ],
        link: Some((4, vec![1, 2, 3])),
        rows: groups.iter().map(row).collect(),
    }
}

fn rank(grade: Option<&str>) -> usize {
    let of_word = |known: &Grade| Some(known.name()) == grade;
    Grade::WORST_FIRST.iter().position(of_word).unwrap_or(Grade::WORST_FIRST.len())
}

/// The place of `good`: what is before is worse.
const GOOD: usize = 3;

fn days_sheet(document: &Document) -> Sheet {
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
        document.instrument_days.iter().filter(|day| rank(day.grade) < GOOD).collect();
    // Where most of them are missing, these do not hide what is there and wrong.
    let missing = days.iter().filter(|day| day.grade == Some("missing")).count();
    let is_bulk = missing * 2 > days.len();
    let place = |grade: Option<&str>| if is_bulk && grade == Some("missing") { GOOD } else { rank(grade) };
    days.sort_by_key(|line| (place(line.grade), std::cmp::Reverse(found(line))));
    let row = |line: &&InstrumentDayLine| {
        let worse = line.partitions.iter().filter(|part| rank(part.grade) < GOOD);
        let types: Vec<String> =
            worse.map(|part| format!("{} {}", part.data_type, part.grade.unwrap_or("unknown"))).collect();
        let [errors, warnings] = found(line);
        vec![
            json!(line.grade.unwrap_or("unknown")),
            json!(line.day),
            json!(line.instrument_key),
            json!(errors),
            json!(warnings),
            json!(types.join(", ")),
        ]
    };
    Sheet {
        name: "days",
        label: "Instruments' days that are not good",
        columns: vec![
            ("grade", "Grade", Kind::Badge),
            ("day", "Day", Kind::Text),
            ("instrument_key", "Instrument", Kind::Key),
            ("errors", "Errors", Kind::Number),
            ("warnings", "Warnings", Kind::Number),
            ("data_types", "Data types", Kind::Text),
        ],
        link: Some((0, vec![1, 2])),
        rows: days.iter().map(row).collect(),
    }
}

fn findings_sheet(document: &Document, groups: &[Group<'_>]) -> Sheet {
    let row = |finding: &FindingLine| {
        vec![
            json!(finding.severity),
            json!(finding.check),
            optional(venue(finding)),
            optional(finding.day.as_deref()),
            optional(finding.instrument_key.as_deref()),
            optional(finding.data_type.as_deref()),
            json!(finding.count),
            optional(finding.from.as_deref()),
            optional(finding.to.as_deref()),
            optional(finding.cause.as_deref()),
            optional(finding.explanation.as_deref()),
            optional(Some(&finding.examples.join(" | "))),
            optional(Some(&when(finding))),
            optional(Some(&what(finding))),
        ]
    };
    Sheet {
        name: "findings",
        label: "All findings",
        columns: vec![
            ("severity", "Severity", Kind::Badge),
            ("check", "Check", Kind::Text),
            ("venue", "Venue", Kind::Saved),
            ("day", "Day", Kind::Text),
            ("instrument_key", "Instrument", Kind::Key),
            ("data_type", "Data type", Kind::Text),
            ("count", "Times", Kind::Number),
            ("from", "From", Kind::Saved),
            ("to", "To", Kind::Saved),
            ("cause", "Cause", Kind::Saved),
            ("explanation", "Explanation", Kind::Saved),
            ("examples", "Examples", Kind::Saved),
            ("when", "When", Kind::Words),
            ("what", "What", Kind::Words),
        ],
        link: None,
        rows: ordered(document, groups).into_iter().map(row).collect(),
    }
}

/// The first and the last moment, without the day where it is the finding's own.
fn when(finding: &FindingLine) -> String {
    let short = |moment: &str| match (moment.split_once('T'), &finding.day) {
        (Some((day, time)), Some(own)) if day == own => time.trim_end_matches('Z').to_owned(),
        _ => moment.replace('T', " "),
    };
    match (&finding.from, &finding.to) {
        (Some(from), Some(to)) if from != to => format!("{} to {}", short(from), short(to)),
        (Some(from), _) => short(from),
        _ => String::new(),
    }
}

/// The examples, and what explains them.
fn what(finding: &FindingLine) -> String {
    let examples = finding.examples.join(" | ");
    match (&finding.cause, &finding.explanation) {
        (Some(cause), Some(text)) => format!("{examples} – {}: {text}", cause.replace('_', " ")),
        (None, Some(text)) => format!("{examples} – {text}"),
        _ => examples,
    }
}

fn checks_sheet(document: &Document) -> Sheet {
    let row = |check: &CheckLine| {
        let parameters: Vec<String> =
            check.parameters.iter().map(|(name, value)| format!("{name} {value}")).collect();
        vec![
            json!(check.name),
            json!(check.group),
            json!(check.looked_at),
            json!(check.findings),
            optional(Some(&parameters.join(", "))),
            json!(check.text.replace('`', "")),
        ]
    };
    Sheet {
        name: "checks",
        label: "What was checked",
        columns: vec![
            ("check", "Check", Kind::Text),
            ("group", "Group", Kind::Text),
            ("looked_at", "Looked at", Kind::Number),
            ("findings", "Findings", Kind::Number),
            ("parameters", "Parameters", Kind::Text),
            ("text", "What it finds", Kind::Text),
        ],
        link: Some((3, vec![0])),
        rows: document.checks.iter().map(row).collect(),
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
    let mut ordered: Vec<_> = days.into_iter().collect();
    let weight = |lines: &[&FindingLine]| {
        let unknown = lines.iter().filter(|f| f.cause.as_deref() == Some("unknown")).count();
        let length: i64 = lines.iter().filter_map(|f| f.range_us).map(|(from, to)| to - from).sum();
        std::cmp::Reverse((unknown.min(1), length))
    };
    ordered.sort_by_key(|(_, lines)| weight(lines));
    html! {
        p { "Times without rows that the instrument's own activity does not explain, by what explains them." }
        ul.legend {
            @for (cause, count) in &document.summary.gaps {
                li { span.swatch.cause.(cause) {} (cause.replace('_', " ")) " "
                    b data-number={ "summary.gaps." (cause) } { (grouped(*count as u64)) } }
            }
        }
        @for ((day, key, data_type), lines) in ordered.iter().take(SHOWN_TIMELINES) {
            figure { figcaption { (day) " " span.key { (key) } " " (data_type) } (timeline(day, lines)) }
        }
        @if ordered.len() > SHOWN_TIMELINES {
            p.quiet { "These are the longest; " (grouped((ordered.len() - SHOWN_TIMELINES) as u64))
                " more days are among the findings of the check gap." }
        }
    }
}

/// Command, selection and settings.
fn made(document: &Document) -> Markup {
    let groups: BTreeSet<&str> = document.checks.iter().map(|check| check.group).collect();
    let groups: Vec<&str> = groups.into_iter().collect();
    html! {
        dl.made {
            @if let Some(command) = &document.command { dt { "Command" } dd { code { (command) } } }
            dt { "Subject" } dd { (document.subject) }
            @for (name, value) in &document.selection { dt { (capitalised(&name.replace('_', " "))) } dd { (value) } }
            @if let Some(scope) = &document.scope { dt { "Scope" } dd { (capitalised(scope)) } }
            dt { "Groups of checks" } dd { (groups.join(", ")) }
            dt { "Fails on" } dd { (document.fail_on) @if document.fail_on != "error" { " or worse" } }
            dt { "Settings" }
            dd { @if document.settings.is_empty() { "those of the program" }
                @for (name, value) in &document.settings { span.part { (name) " " (value) } " " } }
            dt { "Program" } dd { (document.program) }
        }
    }
}
