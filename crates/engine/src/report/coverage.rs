//! What a validation, and what a sync came to, as pages of the same form as a check's report.

use std::collections::BTreeMap;

use maud::{Markup, html};
use mtdh_core::check::finding::moment;
use serde_json::{Value, json};

use super::border::line;
use super::frame::{Frame, capitalised, many, tile};
use super::selection;
use super::sheet::{Kind, Sheet, grouped};
use crate::check::lake::now_us;
use crate::selection::Filter;
use crate::sync::{SetReport, SyncReport};
use crate::validate::{Counts, MissingPartition, ValidationReport};

/// What a page tells of the command behind it.
#[derive(Clone, Debug, Default)]
pub struct PageHead {
    /// The lake's address, without secrets.
    pub subject: String,
    /// The command, without secrets; `None`: there is none.
    pub command: Option<String>,
    /// What it is about in words for people, where flags do not say it.
    pub scope: Option<String>,
    /// The filters that were given.
    pub filter: Filter,
    /// The verdict in words for people.
    pub verdict: String,
    /// Whether the exit status is 0.
    pub is_clean: bool,
}

impl PageHead {
    /// The page of a validation.
    pub fn validation(&self, report: &ValidationReport) -> String {
        of_validation(self, report)
    }

    /// The page of a sync.
    pub fn sync(&self, report: &SyncReport) -> String {
        of_sync(self, report)
    }
}

fn of_validation(head: &PageHead, report: &ValidationReport) -> String {
    let totals = &report.totals;
    let words = match totals.coverage() {
        None => "Nothing was expected: that is no proof.".to_owned(),
        Some(_) => format!(
            "{} of {} that are expected are there or known to have no rows.",
            grouped(totals.answered() as u64),
            many(totals.expected(), "partition")
        ),
    };
    let days = report.lines.first().zip(report.lines.last());
    let days = days.map(|(first, last)| (first.day.as_str(), last.day.as_str()));
    let mut sections = vec![];
    let mut sheets = vec![];
    if !report.missing.is_empty() {
        let (first, all) = (first_sheet(report), missing_sheet(&report.missing));
        sections.push(("first", "What to look at first", html! {
            p { "What is missing, by reason, venue, day and data type: damaged objects, then the rare before the widespread." }
            (first.markup())
        }));
        sections.push(("findings", "All that is missing", all.markup()));
        sheets.extend([first, all]);
    }
    if !report.partial.is_empty() {
        let sheet = Sheet {
            name: "partial",
            label: "Recordings that are not whole",
            ..missing_sheet(&report.partial)
        };
        sections.push(("partial", "Not whole", sheet.markup()));
        sheets.push(sheet);
    }
    let coverage = coverage_sheet(report);
    sections.push(("coverage", "Coverage", html! {
        p { "Empty: the vendor's file has no rows. Absent: the vendor has no such file. Both are answers." }
        (coverage.markup())
    }));
    sheets.push(coverage);
    page("Validation", head, days, (&words, totals), notes(report), sections, &sheets)
}

fn of_sync(head: &PageHead, report: &SyncReport) -> String {
    let mut totals = Counts::default();
    for set in &report.sets {
        totals.stored += set.counts.stored;
        totals.empty += set.counts.empty;
        totals.absent += set.counts.absent;
        totals.missing += set.counts.missing;
        totals.not_exported_yet += set.counts.not_exported_yet;
    }
    let fetched: usize = report.sets.iter().map(|set| set.files_done).sum();
    let words = format!("{} fetched for {}.", many(fetched, "file"), many(report.sets.len(), "set"));
    let days = report.sets.iter().map(|set| set.first_day.as_str()).min();
    let days = days.zip(report.sets.iter().map(|set| set.last_day.as_str()).max());
    let named = |set: &SetReport, text: &String| format!("{}: {text}", set.name);
    let of_sets = report.sets.iter().flat_map(|set| {
        let waiting =
            set.days_waiting.iter().map(|day| format!("{day} is not exported yet, which is no fault so far"));
        let late = set.days_late.iter().map(|day| format!("{day} was not exported in time"));
        let all = set.notes.iter().chain(&set.failures).cloned().chain(waiting).chain(late);
        all.map(|text| named(set, &text)).collect::<Vec<_>>()
    });
    let stale =
        report.iceberg_stale.iter().map(|why| format!("the Iceberg tables are not up to date: {why}"));
    let sets = sets_sheet(report);
    let mut sections = vec![("sets", "Sets", sets.markup())];
    let mut sheets = vec![sets];
    let missing: Vec<MissingPartition> = report.sets.iter().flat_map(|set| set.missing.clone()).collect();
    if !missing.is_empty() {
        let sheet = missing_sheet(&missing);
        let more = totals.missing.saturating_sub(missing.len());
        sections.push(("findings", "Missing", html! {
            @if more > 0 { p { "The first of each set; " (grouped(more as u64)) " more are in the report of a validation." } }
            (sheet.markup())
        }));
        sheets.push(sheet);
    }
    page("Sync", head, days, (&words, &totals), of_sets.chain(stale).collect(), sections, &sheets)
}

fn page(
    what: &str,
    head: &PageHead,
    days: Option<(&str, &str)>,
    (words, totals): (&str, &Counts),
    notes: Vec<String>,
    mut sections: Vec<(&'static str, &'static str, Markup)>,
    sheets: &[Sheet],
) -> String {
    let (subject, made_at) = (line(&head.subject), moment(now_us()));
    let header = html! {
        header {
            p.verdict.clean[head.is_clean].unclean[!head.is_clean] { (capitalised(&line(&head.verdict))) }
            h1 { (subject) }
            @if let Some((first, last)) = days { p.quiet { (first) @if first != last { " to " (last) } } }
            @if let Some(scope) = &head.scope { p.quiet { (capitalised(&line(scope))) } }
            p.words { (words) }
            dl.tiles {
                (tile("totals.stored", "stored", totals.stored as u64))
                (tile("totals.empty", "empty", totals.empty as u64))
                (tile("totals.absent", "absent", totals.absent as u64))
                (tile("totals.missing", "missing", totals.missing as u64))
                (tile("totals.not_exported_yet", "not exported yet", totals.not_exported_yet as u64))
            }
            @if !notes.is_empty() {
                details.notes open[notes.len() <= 5] {
                    summary { (many(notes.len(), "note")) }
                    ul { @for note in &notes { li { (line(note)) } } }
                }
            }
        }
    };
    sections.push(("made", "How it was made", html! {
        dl.made {
            @if let Some(command) = &head.command { dt { "Command" } dd { code { (line(command)) } } }
            dt { "Subject" } dd { (subject) }
            @if let Some(scope) = &head.scope { dt { "Scope" } dd { (capitalised(&line(scope))) } }
            @for (name, value) in selection(&head.filter) { dt { (capitalised(&name.replace('_', " "))) } dd { (line(&value)) } }
        }
    }));
    let of_sheets: BTreeMap<&str, Value> =
        sheets.iter().map(|sheet| (sheet.name, sheet.document())).collect();
    Frame {
        title: format!("{what} of {subject}"),
        head: header,
        sections,
        data: json!({"sheets": of_sheets, "calendar": null}),
        made_at: &made_at,
        made_by: format!("mtdh {}", env!("CARGO_PKG_VERSION")),
    }
    .page()
}

/// What people should know besides counts.
fn notes(report: &ValidationReport) -> Vec<String> {
    let mut notes = Vec::new();
    let no_table = |day: &String| format!("{day} has no instrument table, so that nothing can be said of it");
    notes.extend(report.days_without_instruments.iter().map(no_table));
    notes.extend(
        report.venues_without_instruments.iter().map(|of| format!("no instrument in the table: {of}")),
    );
    notes.extend(report.venues_without_expectation.iter().map(|of| format!("nothing is expected of {of}")));
    notes.extend(report.not_expected.iter().map(|of| {
        let examples = of.examples.join(", ");
        format!(
            "not expected: {} of {} on {}: {}, as {examples}",
            grouped(of.count),
            of.venue,
            of.day,
            of.reason
        )
    }));
    notes.extend(report.withdrawn.iter().map(|of| format!("no longer listed by the vendor: {of}")));
    notes.extend(report.proof.damaged.iter().map(|of| format!("damaged: {}: {}", of.path, of.reason)));
    if report.unexpected_objects > 0 {
        notes.push(format!(
            "{} that the tables do not expect",
            many(report.unexpected_objects as usize, "object")
        ));
    }
    notes.extend(report.not_stored.iter().map(|why| format!("the days' reports were not stored: {why}")));
    notes
}

fn text(cell: &str) -> Value {
    if cell.is_empty() { Value::Null } else { json!(line(cell)) }
}

fn venue(key: &str) -> &str {
    key.split(':').next().unwrap_or_default()
}

/// By reason, venue, day and data type.
fn first_sheet(report: &ValidationReport) -> Sheet {
    let mut expected: BTreeMap<(&str, &str, &str), usize> = BTreeMap::new();
    for of in &report.lines {
        *expected.entry((of.venue.as_str(), of.day.as_str(), of.data_type)).or_default() +=
            of.counts.expected();
    }
    let mut groups: BTreeMap<(&str, &str, &str, &str), (usize, &str)> = BTreeMap::new();
    for of in &report.missing {
        let place = (of.reason.as_str(), venue(&of.instrument_key), of.day.as_str(), of.data_type);
        groups.entry(place).or_insert((0, &of.instrument_key)).0 += 1;
    }
    let mut rows: Vec<(bool, f64, Vec<Value>)> = Vec::new();
    for ((reason, venue, day, data_type), (count, example)) in groups {
        let of = expected.get(&(venue, day, data_type)).copied().unwrap_or_default().max(count);
        let rate = count as f64 / of as f64;
        let cells = vec![
            text(reason),
            text(venue),
            text(day),
            text(data_type),
            json!(count),
            json!(of),
            json!(rate),
            text(example),
        ];
        rows.push((reason == "missing", rate, cells));
    }
    rows.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
    Sheet {
        name: "first",
        label: "What is missing by reason, venue, day and data type",
        columns: vec![
            ("reason", "Reason", Kind::Text),
            ("venue", "Venue", Kind::Text),
            ("day", "Day", Kind::Text),
            ("data_type", "Data type", Kind::Text),
            ("missing", "Missing", Kind::Number),
            ("expected", "Of", Kind::Number),
            ("rate", "Rate", Kind::Share),
            ("example", "Example", Kind::Key),
        ],
        link: Some((4, vec![0, 1, 2, 3])),
        rows: rows.into_iter().map(|row| row.2).collect(),
    }
}

fn missing_sheet(missing: &[MissingPartition]) -> Sheet {
    let row = |of: &MissingPartition| {
        let MissingPartition { day, instrument_key, data_type, reason } = of;
        vec![text(reason), text(venue(instrument_key)), text(day), text(data_type), text(instrument_key)]
    };
    Sheet {
        name: "findings",
        label: "Missing partitions",
        columns: vec![
            ("reason", "Reason", Kind::Text),
            ("venue", "Venue", Kind::Saved),
            ("day", "Day", Kind::Text),
            ("data_type", "Data type", Kind::Text),
            ("instrument_key", "Instrument", Kind::Key),
        ],
        link: None,
        rows: missing.iter().map(row).collect(),
    }
}

fn coverage_sheet(report: &ValidationReport) -> Sheet {
    let row = |of: &crate::validate::Line| {
        let counts = &of.counts;
        vec![
            text(&of.day),
            text(&of.venue),
            text(of.instrument_type),
            text(of.data_type),
            json!(counts.stored),
            json!(counts.empty),
            json!(counts.absent),
            json!(counts.missing),
            json!(counts.not_exported_yet),
            counts.coverage().map_or(Value::Null, |share| json!(share)),
        ]
    };
    Sheet {
        name: "coverage",
        label: "Coverage by day, venue, instrument type and data type",
        columns: vec![
            ("day", "Day", Kind::Text),
            ("venue", "Venue", Kind::Text),
            ("instrument_type", "Type", Kind::Text),
            ("data_type", "Data type", Kind::Text),
            ("stored", "Stored", Kind::Number),
            ("empty", "Empty", Kind::Number),
            ("absent", "Absent", Kind::Number),
            ("missing", "Missing", Kind::Number),
            ("not_exported_yet", "Not exported yet", Kind::Number),
            ("coverage", "Coverage", Kind::Share),
        ],
        link: None,
        rows: report.lines.iter().map(row).collect(),
    }
}

fn sets_sheet(report: &SyncReport) -> Sheet {
    let row = |set: &SetReport| {
        let errors = set.findings.get("error").copied().unwrap_or_default();
        vec![
            text(&set.name),
            text(&set.verdict.replace('_', " ")),
            text(&set.first_day),
            text(&set.last_day),
            json!(set.files_done),
            json!(set.files_failed),
            json!(set.counts.stored),
            json!(set.counts.missing),
            json!(set.candle_objects),
            json!(set.days_checked),
            json!(errors),
        ]
    };
    Sheet {
        name: "sets",
        label: "Sets of lake.toml",
        columns: vec![
            ("set", "Set", Kind::Text),
            ("verdict", "Verdict", Kind::Text),
            ("first_day", "From", Kind::Text),
            ("last_day", "To", Kind::Text),
            ("fetched", "Fetched", Kind::Number),
            ("failed", "Failed", Kind::Number),
            ("stored", "Stored", Kind::Number),
            ("missing", "Missing", Kind::Number),
            ("candles_made", "Candles", Kind::Number),
            ("days_checked", "Days checked", Kind::Number),
            ("errors", "Errors", Kind::Number),
        ],
        link: None,
        rows: report.sets.iter().map(row).collect(),
    }
}
