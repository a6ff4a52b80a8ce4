//! The report of a check run as one document: the JSON report, from which all other formats are made.
//!
//! Other programs read its fields: a change of a field's meaning raises [`REPORT_VERSION`].

mod border;
mod calendar;
pub mod coverage;
pub mod formats;
mod frame;
mod gate;
mod groups;
mod html;
mod sheet;
pub(crate) mod svg;
mod table;

use std::collections::BTreeMap;
use std::fmt;

use mtdh_core::check::finding::moment;
use mtdh_core::check::gaps::Cause;
use mtdh_core::check::grade::Grade;
use mtdh_core::check::{self, Finding, Group, Severity};
use mtdh_core::partition::Partition;
use mtdh_core::text::without_credentials;
use serde::{Deserialize, Serialize};

use crate::check::comparison::Comparison;
use crate::check::{CheckPlan, CheckReport, Checked, Verdict};
use crate::selection::Filter;

pub use table::findings_table;

/// Version of the JSON report.
pub const REPORT_VERSION: u32 = 1;

/// A report of a check run.
#[derive(Clone, Debug, Serialize)]
pub struct Document {
    /// [`REPORT_VERSION`].
    pub schema_version: u32,
    /// Name and version of the program.
    pub program: String,
    /// When it was made, RFC 3339, UTC.
    pub made_at: String,
    /// What was checked: the lake's address, or file names.
    pub subject: String,
    /// The command that made the report, without secrets; `None`: no command did.
    pub command: Option<String>,
    /// What was selected, by the names of the flags; what is not here was not narrowed.
    pub selection: BTreeMap<&'static str, String>,
    /// Parameters of checks that differ from those of the program, as `CHECK.PARAMETER`.
    pub settings: BTreeMap<String, f64>,
    /// First day, `YYYY-MM-DD`; `None`: files.
    pub first_day: Option<String>,
    /// Last day; `None`: files.
    pub last_day: Option<String>,
    /// The sets of what is wanted that it is about, each with its days; empty: flags, earlier runs or files say what it is about.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub about: Vec<String>,
    /// The same in words for people, or that it is about what was asked of the lake; `None`: flags or files say what it is about.
    #[serde(skip)]
    pub scope: Option<String>,
    /// Findings of this severity or worse make the exit status 1.
    pub fail_on: &'static str,
    /// Whether there are none, and something was checked: the exit status is 0.
    pub is_clean: bool,
    /// `clean`, `findings` or `nothing_checked`, which is not clean.
    pub verdict: Verdict,
    /// The groups of checks that were asked for and had nothing to check.
    pub unchecked: Vec<&'static str>,
    /// Totals.
    pub summary: Summary,
    /// What could not be done.
    pub notes: Vec<String>,
    /// The checks that were asked for.
    pub checks: Vec<CheckLine>,
    /// The findings, by day, instrument and data type.
    pub findings: Vec<FindingLine>,
    /// What was checked in a lake, by day and instrument.
    pub instrument_days: Vec<InstrumentDayLine>,
    /// Series compared with those of another source.
    pub comparisons: Vec<Comparison>,
}

/// Totals of a report.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Summary {
    /// Number of instrument-days.
    pub instrument_days: usize,
    /// Number of their partitions.
    pub partitions: usize,
    /// Number of files, for a check of files.
    pub files: usize,
    /// Rows that were read.
    pub rows: u64,
    /// Findings by severity.
    pub findings: BTreeMap<&'static str, usize>,
    /// Silences by cause; empty when `gaps` was not checked.
    pub gaps: BTreeMap<&'static str, usize>,
    /// Instrument-days by grade; empty when not every group was checked.
    pub grades: BTreeMap<&'static str, usize>,
}

/// One check of a report.
#[derive(Clone, Debug, Serialize)]
pub struct CheckLine {
    /// Its name.
    pub name: &'static str,
    /// Its group.
    pub group: &'static str,
    /// How often it was run: on partitions, instrument-days or days; 0: it had nothing to check.
    pub looked_at: u64,
    /// Findings.
    pub findings: usize,
    /// Its parameters.
    pub parameters: BTreeMap<&'static str, f64>,
    /// What it finds.
    pub text: &'static str,
}

/// One finding of a report.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FindingLine {
    /// `error`, `warning` or `info`.
    pub severity: String,
    /// The check.
    pub check: String,
    /// Its group.
    pub group: String,
    /// The day, `YYYY-MM-DD`; `None`: a file that does not name it.
    pub day: Option<String>,
    /// The instrument; `None`: the finding is about a venue or a day, or a file that does not name it.
    pub instrument_key: Option<String>,
    /// The data type; `None`: the finding is about more than one.
    pub data_type: Option<String>,
    /// First time of it by arrival, RFC 3339, UTC; `None`: it has no time.
    pub from: Option<String>,
    /// Last time of it.
    pub to: Option<String>,
    /// Number of occurrences.
    pub count: u64,
    /// Up to ten examples.
    pub examples: Vec<String>,
    /// The cause, one of a few words; `None`: it needs no explanation.
    pub cause: Option<String>,
    /// The same as a sentence.
    pub explanation: Option<String>,
    /// `from` and `to`, microseconds since the Unix epoch, UTC.
    #[serde(skip)]
    pub range_us: Option<(i64, i64)>,
}

/// One instrument's day of a report.
#[derive(Clone, Debug, Serialize)]
pub struct InstrumentDayLine {
    /// The day, `YYYY-MM-DD`.
    pub day: String,
    /// The instrument.
    pub instrument_key: String,
    /// The venue.
    pub venue: String,
    /// Its grade; `None`: not every group was checked.
    pub grade: Option<&'static str>,
    /// Its partitions.
    pub partitions: Vec<PartitionLine>,
}

/// One partition of a report.
#[derive(Clone, Debug, Serialize)]
pub struct PartitionLine {
    /// The data type.
    pub data_type: &'static str,
    /// Its status in the lake.
    pub status: &'static str,
    /// Rows of it that were read.
    pub rows: u64,
    /// Its grade; `None`: not every group was checked.
    pub grade: Option<&'static str>,
}

/// What was checked, for the report's head.
#[derive(Clone, Debug)]
pub struct Head {
    /// The lake's address, or file names.
    pub subject: String,
    /// The days; `None`: files.
    pub days: Option<mtdh_core::DayRange>,
    /// Findings of this severity or worse are not clean.
    pub fail_on: Severity,
    /// The command, without secrets; `None`: there is none.
    pub command: Option<String>,
    /// The filters; `None`: files.
    pub filter: Option<Filter>,
}

impl Document {
    /// The report of a run.
    pub fn new(head: &Head, plan: &CheckPlan, report: &CheckReport) -> Document {
        let checks = plan.checks().map(|check| CheckLine {
            name: check.name,
            group: check.group.name(),
            looked_at: report.looked_at.get(check.name).copied().unwrap_or_default(),
            findings: report.findings.iter().filter(|f| f.check == check.name).count(),
            parameters: plan.settings.values(check).iter().collect(),
            text: check.text,
        });
        let instrument_days = instrument_days(&report.partitions);
        let verdict = report.verdict(plan, head.fail_on);
        Document {
            schema_version: REPORT_VERSION,
            program: format!("mtdh {}", env!("CARGO_PKG_VERSION")),
            made_at: moment(plan.now_us),
            subject: if head.subject.contains("://") {
                without_credentials(&head.subject)
            } else {
                head.subject.clone()
            },
            command: head.command.clone(),
            selection: head.filter.as_ref().map(selection).unwrap_or_default(),
            settings: changed(plan),
            first_day: head.days.map(|d| d.first().to_string()),
            last_day: head.days.map(|d| d.last().to_string()),
            about: report.about.clone(),
            scope: None,
            fail_on: head.fail_on.name(),
            is_clean: verdict == Verdict::Clean,
            verdict,
            unchecked: report.unchecked(plan).into_iter().map(Group::name).collect(),
            summary: summary(plan, report, &instrument_days),
            notes: report.notes.clone(),
            checks: checks.collect(),
            findings: report.findings.iter().map(FindingLine::of).collect(),
            instrument_days,
            comparisons: report.comparisons.clone(),
        }
    }
}

impl Document {
    /// A line that says that nothing was checked, for formats that consist of findings only; `None`: something was.
    pub fn nothing_checked(&self) -> Option<FindingLine> {
        (self.verdict == Verdict::NothingChecked).then(|| FindingLine {
            severity: Severity::Error.name().to_owned(),
            check: "nothing_checked".to_owned(),
            group: String::new(),
            day: None,
            instrument_key: None,
            data_type: None,
            from: None,
            to: None,
            count: 1,
            examples: vec![format!("there was nothing to look at for {}", self.unchecked.join(", "))],
            cause: None,
            explanation: None,
            range_us: None,
        })
    }
}

/// What a filter narrows, by the names of the flags.
fn selection(filter: &Filter) -> BTreeMap<&'static str, String> {
    let words = |items: Vec<String>| items.join(", ");
    let Filter { venues, instrument_types, data_types, instruments, universe, max_instruments } = filter;
    let all = [
        ("venues", words(venues.clone())),
        ("instrument_types", words(instrument_types.iter().map(ToString::to_string).collect())),
        ("data_types", words(data_types.iter().map(ToString::to_string).collect())),
        ("instruments", words(instruments.clone())),
        ("universe", universe.clone().unwrap_or_default()),
        ("max_instruments", max_instruments.map(|most| most.to_string()).unwrap_or_default()),
    ];
    all.into_iter().filter(|(_, value)| !value.is_empty()).collect()
}

/// The parameters that are not those of the program.
fn changed(plan: &CheckPlan) -> BTreeMap<String, f64> {
    let usual = check::Settings::default();
    let of_check = |check: &'static check::Check| {
        let usual: BTreeMap<&str, f64> = usual.values(check).iter().collect();
        let values = plan.settings.values(check);
        let differs = |(name, value): &(&'static str, f64)| usual.get(name) != Some(value);
        let named = |(name, value)| (format!("{}.{name}", check.name), value);
        values.iter().filter(differs).map(named).collect::<Vec<_>>()
    };
    plan.checks().flat_map(of_check).collect()
}

impl FindingLine {
    /// The line of a finding.
    pub fn of(finding: &Finding) -> FindingLine {
        let found = &finding.found;
        FindingLine {
            severity: finding.severity.name().to_owned(),
            check: finding.check.to_owned(),
            group: check::find(finding.check).map(|c| c.group.to_string()).unwrap_or_default(),
            day: finding.day.map(|day| day.to_string()),
            instrument_key: finding.key.as_ref().map(ToString::to_string),
            data_type: finding.data_type.map(|t| t.to_string()),
            from: found.range_us.map(|r| moment(r.0)),
            to: found.range_us.map(|r| moment(r.1)),
            count: found.count,
            examples: found.examples.clone(),
            cause: found.explanation.as_ref().map(|e| e.class.to_owned()),
            explanation: found.explanation.as_ref().map(|e| e.text.clone()),
            range_us: found.range_us,
        }
    }

    /// The subject of the finding, in one line.
    pub fn place(&self) -> String {
        let parts = [&self.day, &self.instrument_key, &self.data_type];
        let known: Vec<&str> = parts.into_iter().flatten().map(String::as_str).collect();
        if known.is_empty() { "the file".to_owned() } else { known.join(" ") }
    }
}

impl fmt::Display for FindingLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}: {}", self.severity, self.check, self.place(), self.count)?;
        self.examples.first().map_or(Ok(()), |example| write!(f, ", {example}"))?;
        self.explanation.as_ref().map_or(Ok(()), |text| write!(f, " ({text})"))
    }
}

fn instrument_days(partitions: &BTreeMap<Partition, Checked>) -> Vec<InstrumentDayLine> {
    let mut days: BTreeMap<_, Vec<(&Partition, &Checked)>> = BTreeMap::new();
    for (partition, checked) in partitions {
        days.entry((partition.day, &partition.key)).or_default().push((partition, checked));
    }
    let line = |((day, key), parts): (
        (mtdh_core::Day, &mtdh_core::key::InstrumentKey),
        Vec<(&Partition, &Checked)>,
    )| {
        let grades: Option<Vec<Grade>> = parts.iter().map(|(_, checked)| checked.grade).collect();
        let partition = |(partition, checked): (&Partition, &Checked)| PartitionLine {
            data_type: partition.data_type.name(),
            status: checked.status.name(),
            rows: checked.rows,
            grade: checked.grade.map(Grade::name),
        };
        InstrumentDayLine {
            day: day.to_string(),
            instrument_key: key.to_string(),
            venue: key.venue().to_owned(),
            grade: grades.map(|grades| Grade::of_day(grades).name()),
            partitions: parts.into_iter().map(partition).collect(),
        }
    };
    days.into_iter().map(line).collect()
}

fn summary(plan: &CheckPlan, report: &CheckReport, days: &[InstrumentDayLine]) -> Summary {
    let severities = [Severity::Error, Severity::Warning, Severity::Info];
    let with_cause = |cause: Cause| {
        let explains = |f: &&Finding| f.found.explanation.as_ref().is_some_and(|e| e.class == cause.name());
        let is = |f: &&Finding| f.check == "gap" && explains(f);
        (cause.name(), report.findings.iter().filter(is).count())
    };
    let with_grade =
        |grade: Grade| (grade.name(), days.iter().filter(|d| d.grade == Some(grade.name())).count());
    Summary {
        instrument_days: days.len(),
        partitions: report.partitions.len(),
        files: report.files,
        rows: report.rows,
        findings: severities.into_iter().map(|s| (s.name(), report.count(s))).collect(),
        gaps: if plan.has(Group::Gaps) { Cause::ALL.map(with_cause).into() } else { BTreeMap::new() },
        grades: if plan.gives_grades() { Grade::ALL.map(with_grade).into() } else { BTreeMap::new() },
    }
}
