//! Runs the checks of `mtdh_core::check` over a lake or over files.
//!
//! Does not define checks: it passes rows and footers to them and collects their findings. [`lake`] and [`files`] choose what
//! is checked, `instrument_day` reads the rows of one instrument and day, [`CheckReport`] is the result.

mod before;
pub mod between;
pub mod candle_files;
pub mod candles;
pub mod comparison;
pub mod files;
mod instrument;
mod instrument_day;
pub mod kept;
pub mod lake;
pub mod looked;
pub mod reference;
pub mod row_checks;
mod series;

use std::collections::{BTreeMap, BTreeSet};

use mtdh_core::check::grade::Grade;
use mtdh_core::check::{
    self, Candles, Check, CheckFn, Detection, Finding, Group, Incident, Settings, Severity,
};
use mtdh_core::key::InstrumentKey;
use mtdh_core::partition::{Partition, Status};
use mtdh_core::{DataType, Day};
use mtdh_lake::tables::checks::Subject;
use serde::Serialize;

use looked::Looked;

/// The checks to run, and their parameters.
#[derive(Clone, Debug)]
pub struct CheckPlan {
    /// The groups.
    pub groups: Vec<Group>,
    /// Parameters that differ from their defaults.
    pub settings: Settings,
    /// The time of the check, microseconds since the Unix epoch, UTC.
    pub now_us: i64,
    /// The vendor's incident reports by venue. A venue without an entry is one whose reports could not be fetched.
    pub incidents: BTreeMap<String, Vec<Incident>>,
}

impl CheckPlan {
    /// The checks of some groups, at the current time.
    pub fn new(groups: impl IntoIterator<Item = Group>, settings: Settings) -> CheckPlan {
        let groups: BTreeSet<Group> = groups.into_iter().collect();
        let (groups, incidents) = (groups.into_iter().collect(), BTreeMap::new());
        CheckPlan { groups, settings, now_us: lake::now_us(), incidents }
    }

    /// Whether a group is checked.
    pub fn has(&self, group: Group) -> bool {
        self.groups.contains(&group)
    }

    /// The checks. Silences that are explained one by one are not reported a second time.
    pub fn checks(&self) -> impl Iterator<Item = &'static Check> {
        let is_told_elsewhere = |check: &&Check| check.name == "silence" && self.has(Group::Gaps);
        check::all().filter(move |check| self.has(check.group) && !is_told_elsewhere(check))
    }

    /// Whether any of them reads rows.
    pub fn reads_rows(&self) -> bool {
        self.checks().any(|check| {
            matches!(
                check.run,
                CheckFn::Rows(..) | CheckFn::Together(..) | CheckFn::Beside(..) | CheckFn::Day(..)
            )
        })
    }

    /// Whether partitions are checked, and not candles only.
    pub fn is_about_partitions(&self) -> bool {
        self.groups.iter().any(|group| !matches!(group, Group::Aggregation | Group::CrossSource))
    }

    /// Whether every group of `all` is checked. A group may then have nothing to check.
    pub fn is_all(&self) -> bool {
        Group::USUAL.iter().all(|group| self.has(*group))
    }

    /// Whether the plan has every group that grades are made from.
    pub fn gives_grades(&self) -> bool {
        let judging = [Group::Completeness, Group::Timestamp, Group::Gaps, Group::Book, Group::Values];
        judging.iter().all(|group| self.has(*group))
    }
}

/// The result of a run of checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Something was checked, and no finding is severe enough to fail.
    Clean,
    /// A finding is severe enough to fail.
    Findings,
    /// Nothing was checked, which proves nothing.
    NothingChecked,
}

impl Verdict {
    /// The word for people.
    pub fn text(self) -> &'static str {
        match self {
            Verdict::Clean => "clean",
            Verdict::Findings => "not clean",
            Verdict::NothingChecked => "nothing was checked",
        }
    }
}

/// The findings of a run and what it checked.
#[derive(Debug, Default)]
pub struct CheckReport {
    /// The findings, by day, instrument and data type.
    pub findings: Vec<Finding>,
    /// The partitions that were checked, with their grades.
    pub partitions: BTreeMap<Partition, Checked>,
    /// Rows that were read.
    pub rows: u64,
    /// Files that were read, for a check of files.
    pub files: usize,
    /// How often each check was run: on partitions, instrument-days or days, each with something to check.
    pub looked_at: BTreeMap<&'static str, u64>,
    /// What was looked at in a lake, by day and subject.
    pub looked: BTreeMap<(Day, Subject), Looked>,
    /// Series compared with those of another source, for the reports' plots.
    pub comparisons: Vec<comparison::Comparison>,
    /// The sets of what is wanted that it is about, each with its days; empty: it is about something else.
    pub about: Vec<String>,
    /// What could not be done, for people.
    pub notes: Vec<String>,
    /// Whether the run was cancelled before its end.
    pub is_interrupted: bool,
}

/// A partition that was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checked {
    /// Its status in the lake.
    pub status: Status,
    /// Rows of it that were read.
    pub rows: u64,
    /// Its grade; `None`: not every group was checked.
    pub grade: Option<Grade>,
}

impl CheckReport {
    /// Whether there is a finding of this severity or worse.
    pub fn has(&self, severity: Severity) -> bool {
        self.findings.iter().any(|f| f.severity >= severity)
    }

    /// Findings of a severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|f| f.severity == severity).count()
    }

    /// The groups of a plan that had nothing to check.
    pub fn unchecked(&self, plan: &CheckPlan) -> Vec<Group> {
        let looked = |check: &&Check| self.looked_at.get(check.name).is_some_and(|count| *count > 0);
        let has_looked = |group: &Group| check::all().filter(|c| c.group == *group).any(|c| looked(&c));
        plan.groups.iter().copied().filter(|group| !has_looked(group)).collect()
    }

    /// The verdict, used by every report format and by the exit status. Each group that was asked for by name must have had
    /// something to check; of `all`, at least one check that reads stored data and does not only count it.
    pub fn verdict(&self, plan: &CheckPlan, fail_on: Severity) -> Verdict {
        let unchecked = self.unchecked(plan);
        let is_unread = |group: &Group| *group == Group::Completeness || unchecked.contains(group);
        let is_nothing =
            if plan.is_all() { plan.groups.iter().all(is_unread) } else { !unchecked.is_empty() };
        if self.has(fail_on) {
            Verdict::Findings
        } else if is_nothing {
            Verdict::NothingChecked
        } else {
            Verdict::Clean
        }
    }

    /// How a subject of a day was looked at.
    fn look(&mut self, day: Day, key: Option<&InstrumentKey>, data_type: Option<DataType>) -> &mut Looked {
        self.looked.entry((day, Subject { key: key.cloned(), data_type })).or_default()
    }

    /// Adds the outcome of one instrument's day.
    fn gather(&mut self, outcome: instrument_day::Outcome) {
        self.findings.extend(outcome.findings);
        self.rows += outcome.rows.iter().map(|(_, rows)| rows).sum::<u64>();
        for (name, _) in outcome.looked_at {
            *self.looked_at.entry(name).or_default() += 1;
        }
    }

    /// Runs every check of a plan that applies to these candles. Findings are filed under the instrument and the day; `None`:
    /// files that do not name them.
    fn judge(
        &mut self,
        plan: &CheckPlan,
        key: Option<&InstrumentKey>,
        day: Option<Day>,
        candles: &Candles<'_>,
    ) {
        for check in plan.checks() {
            let CheckFn::Candles(sides, run) = check.run else { continue };
            if sides != candles.sides() {
                continue;
            }
            *self.looked_at.entry(check.name).or_default() += u64::from(!candles.is_empty());
            for found in run(candles, &plan.settings.values(check)) {
                self.find(check, key, day, found);
            }
        }
    }

    /// Adds a finding that concerns no single data type.
    fn find(
        &mut self,
        check: &'static Check,
        key: Option<&InstrumentKey>,
        day: Option<Day>,
        found: Detection,
    ) {
        self.findings.push(Finding::of(check, key.cloned(), None, day, found));
    }

    /// Adds a finding with a single occurrence.
    fn tell(
        &mut self,
        check: &str,
        severity: Severity,
        key: Option<&InstrumentKey>,
        day: Option<Day>,
        example: String,
    ) {
        // An unknown check name would be a bug, which the tests of the callers find.
        let Some(check) = check::find(check) else { return };
        let range_us = day.map(|day| (day.start_us(), day.end_us()));
        let found = Detection {
            severity: Some(severity),
            count: 1,
            range_us,
            examples: vec![example],
            ..Detection::default()
        };
        self.find(check, key, day, found);
    }

    /// Sorts findings by day, instrument, data type, check and time.
    pub(crate) fn sort(&mut self) {
        self.findings.sort_by(|a, b| {
            let place = |f: &Finding| (f.day, f.key.clone(), f.data_type, f.check, f.found.range_us);
            place(a).cmp(&place(b))
        });
    }
}
