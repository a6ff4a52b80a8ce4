//! The output of `check stream`: each finding when it happens, the verdict at the end.

use std::fmt::Display;
use std::io::{BufWriter, Write};

use anyhow::Result;
use mtdh_core::check::Severity;
use mtdh_core::text::printable;
use mtdh_engine::live::validate::Statistics;
use serde::{Serialize, Serializer};

use crate::args::Format;
use crate::output::{many, note, quoted};
use crate::stdout::Stdout;

/// One finding.
#[derive(Debug, Serialize)]
pub struct FindingLine {
    #[serde(serialize_with = "by_name")]
    pub severity: Severity,
    pub check: &'static str,
    /// `None`: a line that cannot be read.
    pub instrument_key: Option<String>,
    /// Of candles.
    pub timeframe: Option<String>,
    /// Of rows.
    pub data_type: Option<&'static str>,
    /// Number of the line of stdin, from 1, if the finding is about its text.
    pub line: Option<u64>,
    /// First time of it, RFC 3339, UTC.
    pub from: Option<String>,
    /// Last time of it.
    pub to: Option<String>,
    pub count: u64,
    pub examples: Vec<String>,
    pub explanation: Option<String>,
}

/// Names of the columns of CSV, in the order of the fields.
const COLUMNS: [&str; 11] = [
    "severity",
    "check",
    "instrument_key",
    "timeframe",
    "data_type",
    "line",
    "from",
    "to",
    "count",
    "examples",
    "explanation",
];

fn by_name<S: Serializer>(severity: &Severity, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(severity.name())
}

impl FindingLine {
    /// A line that cannot be read.
    pub fn of_line(number: u64, error: &impl Display) -> FindingLine {
        FindingLine {
            severity: Severity::Error,
            check: "unreadable_line",
            instrument_key: None,
            timeframe: None,
            data_type: None,
            line: Some(number),
            from: None,
            to: None,
            count: 1,
            examples: vec![format!("line {number}: {error}")],
            explanation: None,
        }
    }

    fn for_people(&self) -> String {
        let subject: Vec<&str> = [self.instrument_key.as_deref(), self.timeframe.as_deref(), self.data_type]
            .into_iter()
            .flatten()
            .collect();
        let more = if self.count > 1 { format!(" (and {} more)", self.count - 1) } else { String::new() };
        let explanation = self.explanation.as_ref().map(|text| format!("; {text}")).unwrap_or_default();
        let first = self.examples.first().map(String::as_str).unwrap_or_default();
        let text = format!(
            "{:<7}  {}  {}  {first}{more}{explanation}",
            self.severity.name(),
            self.check,
            subject.join(" ")
        );
        printable(&text).into_owned()
    }

    fn csv(&self) -> String {
        let text = |cell: &Option<String>| cell.clone().unwrap_or_default();
        let cells = [
            self.severity.name().to_owned(),
            self.check.to_owned(),
            text(&self.instrument_key),
            text(&self.timeframe),
            self.data_type.unwrap_or_default().to_owned(),
            self.line.map(|line| line.to_string()).unwrap_or_default(),
            text(&self.from),
            text(&self.to),
            self.count.to_string(),
            self.examples.join(" | "),
            text(&self.explanation),
        ];
        cells.iter().map(|cell| quoted(cell)).collect::<Vec<_>>().join(",")
    }
}

/// Prints findings, and counts them for the verdict.
pub struct Findings {
    format: Format,
    fail_on: Severity,
    /// By severity: info, warning, error.
    counts: [u64; 3],
    is_failed: bool,
    /// Those of a JSON document, which is printed at the end.
    kept: Vec<FindingLine>,
}

/// The JSON document.
#[derive(Serialize)]
struct Document {
    verdict: &'static str,
    is_clean: bool,
    candles: u64,
    rows: u64,
    compared: u64,
    late: u64,
    findings: Vec<FindingLine>,
}

impl Findings {
    /// Nothing was found yet. Findings of `fail_on` or worse are not clean.
    pub fn new(format: Format, fail_on: Severity) -> Result<Findings> {
        if format == Format::Csv {
            writeln!(Stdout, "{}", COLUMNS.join(","))?;
        }
        Ok(Findings { format, fail_on, counts: [0; 3], is_failed: false, kept: Vec::new() })
    }

    /// Prints a finding at once: a line is one write.
    pub fn add(&mut self, finding: FindingLine) -> Result<()> {
        self.counts[finding.severity as usize] += 1;
        self.is_failed |= finding.severity >= self.fail_on;
        let text = match self.format {
            Format::Json => {
                self.kept.push(finding);
                return Ok(());
            }
            Format::Jsonl => serde_json::to_string(&finding)?,
            Format::Csv => finding.csv(),
            _ => finding.for_people(),
        };
        Stdout.write_all(format!("{text}\n").as_bytes())?;
        Ok(())
    }

    /// Prints what is due at the end. Returns whether the stream is clean: something was checked, and nothing severe found.
    pub fn finish(self, statistics: &Statistics, is_interrupted: bool) -> Result<bool> {
        let is_nothing = statistics.validated == 0;
        let verdict = match (self.is_failed, is_nothing) {
            (true, _) => "findings",
            (false, true) => "nothing_checked",
            (false, false) => "clean",
        };
        let is_clean = verdict == "clean";
        if self.format == Format::Json {
            let document = Document {
                verdict,
                is_clean,
                candles: statistics.candles,
                rows: statistics.rows,
                compared: statistics.compared,
                late: statistics.late,
                findings: self.kept,
            };
            let mut out = BufWriter::new(Stdout);
            serde_json::to_writer_pretty(&mut out, &document)?;
            writeln!(out)?;
            out.flush()?;
        }
        if is_interrupted {
            note("interrupted: not everything was checked");
        }
        let words = match verdict {
            "findings" => "not clean",
            "nothing_checked" => "nothing was checked",
            _ => "clean",
        };
        let [info, warnings, errors] = self.counts;
        note(&format!(
            "{words}: {}, {}, {info} info; {} and {} checked, {} compared with the exchange's",
            many(errors, "error"),
            many(warnings, "warning"),
            many(statistics.candles, "candle"),
            many(statistics.rows, "row"),
            statistics.compared
        ));
        Ok(is_clean)
    }
}
