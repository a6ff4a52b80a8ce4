//! The text formats of a report: JSON, CSV, JUnit XML, Markdown; and the format for a file name.

use std::fmt::Write;
use std::path::Path;

use super::border::printable;
use super::{Document, FindingLine};

/// A format of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The document, `schema_version` first.
    Json,
    /// One finding a line, with a header row.
    Csv,
    /// A suite per group, a case per check, a failure per case with findings; for CI.
    Junit,
    /// Tables for people, for a comment or a wiki.
    Markdown,
    /// One self-contained page.
    Html,
    /// Annotations of GitHub Actions.
    Github,
}

impl Form {
    /// The format for a file extension; annotations are no file: `.json`, `.csv`, `.xml`, `.md`, `.html`.
    pub fn of_file(file: &Path) -> Option<Form> {
        match file.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "json" => Some(Form::Json),
            "csv" => Some(Form::Csv),
            "xml" => Some(Form::Junit),
            "md" => Some(Form::Markdown),
            "html" | "htm" => Some(Form::Html),
            _ => None,
        }
    }

    /// The report in this format.
    pub fn of(self, document: &Document) -> String {
        match self {
            Form::Json => json(document),
            Form::Csv => csv(document),
            Form::Junit => junit(&printable(document)),
            Form::Markdown => markdown(&printable(document)),
            Form::Html => super::html::page(&printable(document)),
            Form::Github => super::gate::github(&printable(document)),
        }
    }
}

fn json(document: &Document) -> String {
    let text = serde_json::to_string_pretty(document);
    text.expect("a document of texts, finite numbers and lists is JSON") + "\n"
}

/// Column names of the CSV format.
pub const CSV_COLUMNS: [&str; 12] = [
    "severity",
    "check",
    "group",
    "day",
    "instrument_key",
    "data_type",
    "from",
    "to",
    "count",
    "cause",
    "explanation",
    "examples",
];

/// The cells of a finding, as [`CSV_COLUMNS`].
pub fn cells(finding: &FindingLine) -> [String; 12] {
    let text = |cell: &Option<String>| cell.clone().unwrap_or_default();
    [
        finding.severity.clone(),
        finding.check.clone(),
        finding.group.clone(),
        text(&finding.day),
        text(&finding.instrument_key),
        text(&finding.data_type),
        text(&finding.from),
        text(&finding.to),
        finding.count.to_string(),
        text(&finding.cause),
        text(&finding.explanation),
        finding.examples.join(" | "),
    ]
}

fn csv(document: &Document) -> String {
    let quoted = |cell: &String| {
        if cell.contains([',', '"', '\n', '\r']) {
            format!("\"{}\"", cell.replace('"', "\"\""))
        } else {
            cell.clone()
        }
    };
    let mut text = CSV_COLUMNS.join(",") + "\n";
    for finding in document.findings.iter().chain(document.nothing_checked().iter()) {
        text += &(cells(finding).iter().map(quoted).collect::<Vec<_>>().join(",") + "\n");
    }
    text
}

/// Escapes XML text: special characters are escaped, characters that XML does not allow are removed.
fn xml(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\t' | '\n' => safe.push(character),
            c if (c as u32) < 0x20 || matches!(c, '\u{fffe}' | '\u{ffff}') => {}
            c => safe.push(c),
        }
    }
    safe
}

fn junit(document: &Document) -> String {
    let fails = |f: &&FindingLine| match document.fail_on {
        "warning" => f.severity != "info",
        _ => f.severity == "error",
    };
    let of = |check: &str| document.findings.iter().filter(|f| f.check == check).collect::<Vec<_>>();
    let mut groups: Vec<&str> = document.checks.iter().map(|c| c.group).collect();
    groups.dedup();
    let failed = |check: &str| of(check).into_iter().any(|f| fails(&f));
    let nothing = document.nothing_checked();
    let more = usize::from(nothing.is_some());
    let total = document.checks.iter().filter(|c| failed(c.name)).count() + more;
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"checks\" tests=\"{}\" failures=\"{total}\">\n",
        document.checks.len() + more
    );
    // A suite with skipped cases only would pass a CI gate.
    if let Some(nothing) = nothing {
        let _infallible = writeln!(
            text,
            "  <testsuite name=\"verdict\" tests=\"1\" failures=\"1\" skipped=\"0\">\n    <testcase classname=\"mtdh.verdict\" name=\"{}\">\n      <failure message=\"{}\" type=\"error\">{}</failure>\n    </testcase>\n  </testsuite>",
            nothing.check,
            document.verdict.text(),
            xml(&nothing.examples.join("\n"))
        );
    }
    for group in groups {
        let checks: Vec<_> = document.checks.iter().filter(|c| c.group == group).collect();
        let failures = checks.iter().filter(|c| failed(c.name)).count();
        let skipped = checks.iter().filter(|c| c.looked_at == 0 && c.findings == 0).count();
        // Writing to a string cannot fail, here and below.
        let _infallible = writeln!(
            text,
            "  <testsuite name=\"{group}\" tests=\"{}\" failures=\"{failures}\" skipped=\"{skipped}\">",
            checks.len()
        );
        for check in checks {
            let _infallible =
                writeln!(text, "    <testcase classname=\"mtdh.{group}\" name=\"{}\">", check.name);
            let (failing, others): (Vec<_>, Vec<_>) = of(check.name).into_iter().partition(|f| fails(f));
            let lines = |list: &[&FindingLine]| {
                xml(&list.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
            };
            if check.looked_at == 0 && check.findings == 0 {
                text += "      <skipped message=\"there was nothing to look at\"/>\n";
            }
            if !failing.is_empty() {
                let _infallible = writeln!(
                    text,
                    "      <failure message=\"findings: {}\" type=\"{}\">{}</failure>",
                    failing.len(),
                    failing[0].severity,
                    lines(&failing)
                );
            }
            if !others.is_empty() {
                let _infallible = writeln!(text, "      <system-out>{}</system-out>", lines(&others));
            }
            text += "    </testcase>\n";
        }
        text += "  </testsuite>\n";
    }
    text + "</testsuites>\n"
}

/// Escapes text of a Markdown cell.
fn cell(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' | '|' | '`' | '*' | '_' | '[' | ']' | '#' | '~' | '$' => safe.extend(['\\', character]),
            // Many renderers turn bare addresses into links.
            '/' if safe.ends_with(':') || safe.ends_with(":\\/") => safe.push_str("\\/"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '&' => safe.push_str("&amp;"),
            '\n' | '\r' => safe.push(' '),
            c => safe.push(c),
        }
    }
    safe
}

/// Findings that the Markdown format lists; the others are counted.
const MARKDOWN_FINDINGS: usize = 200;

fn markdown(document: &Document) -> String {
    let summary = &document.summary;
    let mut text = format!("# Check: {}\n\n{}", document.verdict.text(), cell(&document.subject));
    if let (Some(first), Some(last)) = (&document.first_day, &document.last_day) {
        let _infallible = write!(text, ", {first} to {last}");
    }
    let _infallible = writeln!(
        text,
        "\n\n{} partitions, {} rows; made {} by {}\n",
        summary.partitions, summary.rows, document.made_at, document.program
    );
    for (name, counts) in
        [("findings", &summary.findings), ("instrument-days", &summary.grades), ("silences", &summary.gaps)]
    {
        if !counts.is_empty() {
            let counts: Vec<String> =
                counts.iter().map(|(word, count)| format!("{count} {}", cell(word))).collect();
            let _infallible = writeln!(text, "- {name}: {}", counts.join(", "));
        }
    }
    if let Some(nothing) = document.nothing_checked() {
        let _infallible = writeln!(text, "- {}", nothing.examples.join(" "));
    }
    document.notes.iter().for_each(|note| text += &format!("- {}\n", cell(note)));
    let mut worst: Vec<&FindingLine> = document.findings.iter().collect();
    worst.sort_by_key(|f| ["error", "warning", "info"].iter().position(|s| *s == f.severity));
    if !worst.is_empty() {
        text += "\n| severity | check | day | instrument | data type | count | example | explanation |\n|---|---|---|---|---|---:|---|---|\n";
    }
    for finding in worst.iter().take(MARKDOWN_FINDINGS) {
        let [severity, check, _, day, key, data_type, _, _, count, _, explanation, _] =
            cells(finding).map(|text| cell(&text));
        let example = finding.examples.first().map(|e| cell(e)).unwrap_or_default();
        let _infallible = writeln!(
            text,
            "| {severity} | {check} | {day} | {key} | {data_type} | {count} | {example} | {explanation} |"
        );
    }
    if worst.len() > MARKDOWN_FINDINGS {
        let _infallible =
            writeln!(text, "\n{} further findings are not listed.", worst.len() - MARKDOWN_FINDINGS);
    }
    text
}
