//! The causes of silences.

use super::finding::{Explanation, duration, moment};
use super::silence::{Pace, Silence, WITH_PACE, has_pace, session};
use super::{Check, CheckFn, Detection, Group, Incident, InstrumentDay, Parameters, RecordedGap, Severity};
use crate::partition::Status;
use crate::table::DataType;

/// Time at either end of a silence that is ignored in other data types, microseconds: messages of different types do not
/// stop and start at the same moment.
const EDGE_US: i64 = 1_000_000;

/// A silence is longer than this many usual pauses, by the default of `silence.factor`.
const USUAL: i64 = 5;

/// The cause of a silence, in the order of the search.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// The vendor has not exported the day.
    NotExported,
    /// The instrument was not listed yet.
    BeforeListing,
    /// The contract had ended, or the instrument was no longer listed.
    AfterExpiry,
    /// The recording itself tells that it lost its feed.
    Recorded,
    /// The vendor reports a recording outage of the venue.
    Incident,
    /// The other data types of the instrument are silent too.
    NoTrading,
    /// The market is closed at these hours, as on the days before.
    Session,
    /// None of these.
    Unknown,
}

impl Cause {
    /// All causes.
    pub const ALL: [Cause; 8] = [
        Cause::NotExported,
        Cause::BeforeListing,
        Cause::AfterExpiry,
        Cause::Recorded,
        Cause::Incident,
        Cause::NoTrading,
        Cause::Session,
        Cause::Unknown,
    ];

    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Cause::NotExported => "not_exported",
            Cause::BeforeListing => "before_listing",
            Cause::AfterExpiry => "after_expiry",
            Cause::Recorded => "recorded",
            Cause::Incident => "incident",
            Cause::NoTrading => "no_trading",
            Cause::Session => "session",
            Cause::Unknown => "unknown",
        }
    }
}

/// The checks of this group.
pub const CHECKS: &[Check] = &[Check {
    name: "gap",
    group: Group::Gaps,
    severity: Severity::Warning,
    parameters: &[],
    text: "Each silence (see `silence`) is reported with its cause. `not_exported`: the vendor has not exported the \
           day. `before_listing`, `after_expiry`: the part of the silence within the instrument's life, by the vendor's \
           dates, is no longer than the threshold; a silence followed by rows is not after the end. `recorded`: the \
           partition is of a live recording, whose table of gaps covers it, except for a rest that is no longer than the \
           threshold. `incident`: the vendor's incident reports for the venue cover it, with the same rest. \
           `no_trading`: every other data type of the instrument was without rows for all of it but a rest (a second at \
           either end and a fifth of the threshold), because the last row of each is a while before a halt; and at least \
           one of those data types has rows on the day. `session`: most of the seven days before were silent at these \
           hours too; or the lake has none of them \
           and more than half of the day is silent (see `silence`). `unknown`: none of these. Only `unknown` is a \
           warning, the others are `info`. A recorder that fails without an incident report silences all data types \
           at once and is reported as `no_trading`. A partition that is not exported is one silence of a whole day. A \
           missing partition is one only if an incident or a recorded gap explains it, because `missing_partition` reports it anyway. \
           An empty partition is one if its data type has a pace and the instrument has rows of other data types; \
           empty trades are not, because there may have been no trade.",
    run: CheckFn::Day(WITH_PACE, gaps),
}];

fn gaps(day: &InstrumentDay<'_>, _: &Parameters) -> Vec<(DataType, Detection)> {
    let mut all = Vec::new();
    for partition in day.partitions {
        if let Some(silence) = whole_day(day, partition.data_type, partition.status) {
            let found = found(day, partition.data_type, partition.status, &silence);
            // `missing_partition` reports the missing partition; here only that an outage explains it.
            let outages = [Cause::Incident.name(), Cause::Recorded.name()];
            let is_outage = found.explanation.as_ref().is_some_and(|e| outages.contains(&e.class));
            if is_outage || partition.status != Status::Missing {
                all.push((partition.data_type, found));
            }
        }
        let Some(pace) = &partition.pace else { continue };
        for silence in &pace.silences {
            all.push((partition.data_type, found(day, partition.data_type, partition.status, silence)));
        }
    }
    all
}

/// The silence of a partition without rows: the whole day.
fn whole_day(day: &InstrumentDay<'_>, data_type: DataType, status: Status) -> Option<Silence> {
    let date = day.day?;
    let others_have_rows = || day.paces().any(|(other, pace)| other != data_type && pace.rows > 0);
    let is_silent = match status {
        Status::Missing | Status::NotExportedYet => true,
        Status::Empty => data_type != DataType::Trades && has_pace(data_type) && others_have_rows(),
        Status::Stored | Status::Absent => false,
    };
    is_silent.then(|| Silence {
        from_us: date.start_us(),
        to_us: date.end_us(),
        snapshot_us: None,
        is_followed: false,
        threshold_us: 0,
        days_before: (0, 0),
    })
}

fn found(day: &InstrumentDay<'_>, data_type: DataType, status: Status, silence: &Silence) -> Detection {
    let (cause, text) = explain(day, data_type, status, silence);
    let example = format!(
        "{} from {} to {}",
        duration(silence.length_us()),
        moment(silence.from_us),
        moment(silence.to_us)
    );
    Detection {
        severity: Some(if cause == Cause::Unknown { Severity::Warning } else { Severity::Info }),
        range_us: Some((silence.from_us, silence.to_us)),
        count: 1,
        examples: vec![example],
        explanation: Some(Explanation { class: cause.name(), text }),
    }
}

/// The cause of a silence, and a sentence that explains it.
pub fn explain(
    day: &InstrumentDay<'_>,
    data_type: DataType,
    status: Status,
    silence: &Silence,
) -> (Cause, String) {
    let threshold_us = silence.threshold_us;
    if status == Status::NotExportedYet {
        return (Cause::NotExported, "the vendor has not exported the day".to_owned());
    }
    let (from, to) = (silence.from_us, silence.to_us);
    let listed = day.life_us.start;
    if listed > from && to - listed.max(from) <= threshold_us {
        return (Cause::BeforeListing, format!("the vendor has data from {} on", moment(listed)));
    }
    let ended = day.end_us();
    // What is followed by rows is not after the end, whatever the vendor says.
    if !silence.is_followed && ended < to && ended - from <= threshold_us {
        return (Cause::AfterExpiry, format!("the instrument ended at {}", moment(ended)));
    }
    let is_of = |gap: &&RecordedGap| gap.data_type.is_none_or(|of| of == data_type);
    let recorded: Vec<Incident> = day.recorded.iter().filter(is_of).map(|gap| gap.outage.clone()).collect();
    if let Some(gap) = covering(&recorded, from, to, threshold_us) {
        return (Cause::Recorded, format!("the recording tells of it: {}", gap.details));
    }
    if let Some(incident) = covering(day.incidents.unwrap_or_default(), from, to, threshold_us) {
        return (Cause::Incident, format!("the vendor reports: {}", incident.details));
    }
    let is_witness = |other: DataType| other != data_type && has_pace(other);
    let witnesses: Vec<_> = day.paces().filter(|(other, pace)| is_witness(*other) && pace.rows > 0).collect();
    // When a market stops, the last row of each data type is a while before the stop: as long as its usual pauses.
    let rest_us = (threshold_us / USUAL).min((to - from) / 4) + 2 * EDGE_US;
    let is_quiet = |pace: &Pace| to - from - pace.longest_quiet_us(from, to) <= rest_us;
    let active = witnesses
        .iter()
        .find(|(_, pace)| pace.is_active_within(from + EDGE_US, to - EDGE_US) && !is_quiet(pace));
    if !witnesses.is_empty() && active.is_none() {
        return (Cause::NoTrading, "no rows of the instrument's other data types arrived either".to_owned());
    }
    if status == Status::Stored
        && let Some(text) = session(day, data_type, silence)
    {
        return (Cause::Session, text);
    }
    let text = match active {
        Some((other, _)) => format!("rows of {other} arrived during it"),
        None => "the instrument has no rows of another data type to compare with".to_owned(),
    };
    let without_incidents =
        if day.incidents.is_none() { "; the vendor's incident reports were not available" } else { "" };
    (Cause::Unknown, format!("{text}{without_incidents}"))
}

/// The longest incident, if all incidents together leave no more than `rest_us` of the time range uncovered.
fn covering(incidents: &[Incident], from_us: i64, to_us: i64, rest_us: i64) -> Option<&Incident> {
    let part = |i: &Incident| (i.to_us.min(to_us) - i.from_us.max(from_us)).max(0);
    let mut ordered: Vec<&Incident> = incidents.iter().filter(|i| part(i) > 0).collect();
    ordered.sort_by_key(|i| i.from_us);
    // Reports may overlap: each counts only the time that earlier ones do not cover.
    let (mut covered, mut reached) = (0, from_us);
    for incident in &ordered {
        let end = incident.to_us.min(to_us);
        covered += (end - incident.from_us.max(reached)).max(0);
        reached = reached.max(end);
    }
    let longest = ordered.into_iter().max_by_key(|i| part(i))?;
    (to_us - from_us - covered <= rest_us).then_some(longest)
}
