//! A gate: what keeps a job from using data, as findings of the report, and as annotations of GitHub.

use std::fmt::Write;

use mtdh_core::check::Severity;
use mtdh_core::check::grade::Grade;
use mtdh_core::partition::Status;

use super::{CheckLine, Document, FindingLine};
use crate::check::{CheckReport, Verdict};

/// The most annotations of a severity. GitHub shows ten of a step
/// (<https://docs.github.com/actions/reference/limits>, "annotations", as of 2026-11-30); the last says how many more there are.
const MOST_ANNOTATIONS: usize = 10;

impl Document {
    /// Adds a finding for each partition whose grade is worse than `least`, or that the vendor has not exported yet. Partitions
    /// that the vendor does not have are no reason: there is nothing to use. The report must have grades.
    pub fn hold_to(&mut self, report: &CheckReport, least: Grade) {
        let before = self.findings.len();
        for (partition, checked) in &report.partitions {
            let grade = checked.grade.unwrap_or(Grade::Unknown);
            let reason = match checked.status {
                Status::NotExportedYet => "not exported yet".to_owned(),
                _ if grade > least => format!("{grade}, and at least {least} is asked for"),
                _ => continue,
            };
            self.findings.push(FindingLine {
                severity: Severity::Error.name().to_owned(),
                check: "grade".to_owned(),
                group: "gate".to_owned(),
                day: Some(partition.day.to_string()),
                instrument_key: Some(partition.key.to_string()),
                data_type: Some(partition.data_type.to_string()),
                from: None,
                to: None,
                count: 1,
                examples: vec![reason],
                cause: None,
                explanation: None,
                range_us: None,
            });
        }
        let findings = self.findings.len() - before;
        self.checks.push(CheckLine {
            name: "grade",
            group: "gate",
            looked_at: report.partitions.len() as u64,
            findings,
            parameters: [].into(),
            text: "partitions with a worse grade than is asked for",
        });
        *self.summary.findings.entry(Severity::Error.name()).or_default() += findings;
        if findings > 0 && self.verdict == Verdict::Clean {
            self.verdict = Verdict::Findings;
            self.is_clean = false;
        }
    }
}

/// The report as annotations of GitHub: workflow commands, a line each
/// (<https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands>, as of 2026-11-30).
pub(super) fn github(document: &Document) -> String {
    let mut text = String::new();
    let nothing = document.nothing_checked();
    for (severity, command) in [(Severity::Error, "error"), (Severity::Warning, "warning")] {
        let all = document.findings.iter().chain(nothing.iter());
        let of: Vec<&FindingLine> = all.filter(|finding| finding.severity == severity.name()).collect();
        let shown = if of.len() > MOST_ANNOTATIONS { MOST_ANNOTATIONS - 1 } else { of.len() };
        for finding in &of[..shown] {
            let mut message = format!("{}: {}", finding.place(), finding.count);
            if let Some(example) = finding.examples.first() {
                message = format!("{message}, {example}");
            }
            if let Some(explanation) = &finding.explanation {
                message = format!("{message} ({explanation})");
            }
            annotate(&mut text, command, &format!("mtdh {}", finding.check), &message);
        }
        if of.len() > shown {
            annotate(&mut text, command, "mtdh", &format!("and {} more of this kind", of.len() - shown));
        }
    }
    let (command, word) = if document.is_clean { ("notice", "passed") } else { ("error", "did not pass") };
    let partitions = document.summary.partitions;
    let message = format!("{word}: {}; {partitions} partitions", document.verdict.text());
    annotate(&mut text, command, "mtdh gate", &message);
    text
}

fn annotate(text: &mut String, command: &str, title: &str, message: &str) {
    let title = escaped(title).replace(':', "%3A").replace(',', "%2C");
    // Writing to a string cannot fail.
    let _infallible = writeln!(text, "::{command} title={title}::{}", escaped(message));
}

/// Percent signs and line ends, which would end the command or begin another one.
fn escaped(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_ends_an_annotation_or_begins_another() {
        for (title, message, expected) in [
            ("mtdh", "plain", "::error title=mtdh::plain\n"),
            ("a:b,c", "50%\r\n::warning::x", "::error title=a%3Ab%2Cc::50%25%0D%0A::warning::x\n"),
        ] {
            let mut text = String::new();
            annotate(&mut text, "error", title, message);
            assert_eq!(text, expected);
        }
    }
}
