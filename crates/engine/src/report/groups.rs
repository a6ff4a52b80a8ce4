//! Findings by check, venue and day, the rare and real ones first: a fault of seven partitions must not drown in 55,799 that
//! were never fetched.

use std::collections::{BTreeMap, BTreeSet};

use super::{Document, FindingLine};

/// The findings of one check at one venue on one day.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Group<'a> {
    /// The worst of them.
    pub severity: &'a str,
    pub check: &'a str,
    /// `None`: they are of no instrument.
    pub venue: Option<&'a str>,
    pub day: Option<&'a str>,
    pub findings: usize,
    /// Instruments that have one.
    pub instruments: usize,
    /// Instruments of the venue that were checked that day; `None`: they are of no instrument, or of a file.
    pub checked: Option<usize>,
    /// The first example of the first finding.
    pub example: &'a str,
}

/// From this share of a venue's instruments on a finding is of the venue's day rather than of an instrument.
const WIDESPREAD: f64 = 0.5;

/// Fewer instruments than these are no crowd.
const CROWD: usize = 10;

impl Group<'_> {
    /// Instruments that have a finding, divided by those that were checked; `None`: that is not known.
    pub fn rate(&self) -> Option<f64> {
        let checked = self.checked.filter(|checked| *checked > 0)?;
        Some(self.instruments.min(checked) as f64 / checked as f64)
    }

    fn is_widespread(&self) -> bool {
        self.instruments >= CROWD && self.rate().is_some_and(|rate| rate >= WIDESPREAD)
    }
}

pub(super) fn severity_rank(severity: &str) -> usize {
    ["error", "warning", "info"].iter().position(|word| *word == severity).unwrap_or(3)
}

/// The venue of a finding; `None`: it is of no instrument.
pub(super) fn venue(finding: &FindingLine) -> Option<&str> {
    finding.instrument_key.as_deref().and_then(|key| key.split(':').next())
}

/// The groups. First errors and warnings of few instruments, then those of most of a venue, then what is told and no fault; within
/// these errors before warnings, and the check that has found least first.
pub(super) fn groups(document: &Document) -> Vec<Group<'_>> {
    let mut of_check: BTreeMap<&str, usize> = BTreeMap::new();
    let mut checked: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for line in &document.instrument_days {
        *checked.entry((&line.venue, &line.day)).or_default() += 1;
    }
    type Place<'a> = (&'a str, Option<&'a str>, Option<&'a str>);
    let mut found: BTreeMap<Place<'_>, (Group<'_>, BTreeSet<&str>)> = BTreeMap::new();
    for finding in &document.findings {
        *of_check.entry(&finding.check).or_default() += 1;
        let (venue, day) = (venue(finding), finding.day.as_deref());
        let (group, keys) = found.entry((&finding.check, venue, day)).or_insert_with(|| {
            let group = Group {
                severity: &finding.severity,
                check: &finding.check,
                venue,
                day,
                findings: 0,
                instruments: 0,
                checked: venue.zip(day).and_then(|place| checked.get(&place).copied()),
                example: finding.examples.first().map_or("", String::as_str),
            };
            (group, BTreeSet::new())
        });
        group.findings += 1;
        if severity_rank(&finding.severity) < severity_rank(group.severity) {
            group.severity = &finding.severity;
        }
        keys.extend(finding.instrument_key.as_deref());
    }
    let mut groups: Vec<Group<'_>> =
        found.into_values().map(|(group, keys)| Group { instruments: keys.len(), ..group }).collect();
    groups.sort_by(|a, b| {
        let place = |group: &Group<'_>| {
            let severity = severity_rank(group.severity);
            let class = if severity >= 2 { 2 } else { usize::from(group.is_widespread()) };
            (class, severity, of_check.get(group.check).copied().unwrap_or_default())
        };
        let rate = |group: &Group<'_>| group.rate().unwrap_or(0.0);
        place(a)
            .cmp(&place(b))
            .then_with(|| rate(a).total_cmp(&rate(b)))
            .then_with(|| (a.check, a.venue, a.day).cmp(&(b.check, b.venue, b.day)))
    });
    groups
}

/// The findings in the order of their groups, the most frequent of a group first.
pub(super) fn ordered<'a>(document: &'a Document, groups: &[Group<'_>]) -> Vec<&'a FindingLine> {
    let place = |group: &Group<'_>| {
        (group.check.to_owned(), group.venue.map(str::to_owned), group.day.map(str::to_owned))
    };
    let places: BTreeMap<_, usize> =
        groups.iter().enumerate().map(|(number, group)| (place(group), number)).collect();
    let number = |finding: &FindingLine| {
        let place = (finding.check.clone(), venue(finding).map(str::to_owned), finding.day.clone());
        places.get(&place).copied().unwrap_or(usize::MAX)
    };
    let mut findings: Vec<&FindingLine> = document.findings.iter().collect();
    findings.sort_by_cached_key(|finding| {
        (number(finding), severity_rank(&finding.severity), std::cmp::Reverse(finding.count))
    });
    findings
}
