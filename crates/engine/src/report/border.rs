//! Makes texts from outside printable, in one place for all reports that people read.
//!
//! JSON and CSV keep texts unchanged. Each format escapes its own special characters.

use mtdh_core::text;

use super::{Document, FindingLine, InstrumentDayLine};
use crate::check::comparison::Comparison;

pub(super) fn line(text: &str) -> String {
    text::printable(text).into_owned()
}

/// The same document with all invisible and misleading characters of its texts made visible.
pub(super) fn printable(document: &Document) -> Document {
    let comparison = |it: &Comparison| Comparison { title: line(&it.title), points: it.points.clone() };
    let day = |it: &InstrumentDayLine| InstrumentDayLine {
        instrument_key: line(&it.instrument_key),
        venue: line(&it.venue),
        ..it.clone()
    };
    Document {
        subject: line(&document.subject),
        command: document.command.as_deref().map(line),
        selection: document.selection.iter().map(|(name, value)| (*name, line(value))).collect(),
        scope: document.scope.as_deref().map(line),
        notes: document.notes.iter().map(|note| line(note)).collect(),
        findings: document.findings.iter().map(finding).collect(),
        instrument_days: document.instrument_days.iter().map(day).collect(),
        comparisons: document.comparisons.iter().map(comparison).collect(),
        ..document.clone()
    }
}

fn finding(it: &FindingLine) -> FindingLine {
    let optional = |text: &Option<String>| text.as_deref().map(line);
    FindingLine {
        severity: line(&it.severity),
        check: line(&it.check),
        group: line(&it.group),
        instrument_key: optional(&it.instrument_key),
        data_type: optional(&it.data_type),
        examples: it.examples.iter().map(|example| line(example)).collect(),
        cause: optional(&it.cause),
        explanation: optional(&it.explanation),
        ..it.clone()
    }
}
