//! Finds the evidence in a lake.

use std::collections::{BTreeMap, BTreeSet};

use mtdh_core::check::Group;
use mtdh_core::check::finding::moment;
use mtdh_core::check::grade::Grade;
use mtdh_core::footer::Provenance;
use mtdh_core::instrument::Instrument;
use mtdh_core::key::InstrumentKey;
use mtdh_core::partition::{Origin, Partition, Status};
use mtdh_core::{DataType, Day};
use mtdh_lake::inventory::{ObjectState, found_damaged, look};
use mtdh_lake::tables::superseded::Superseded;
use mtdh_lake::{Lake, LakeError};

use super::evidence::{Evidence, evidence};
use super::{
    CandlesMade, Checked, FailureSeen, FindingFacts, Gap, Listing, ObjectFacts, Reissue, RowCounts, Source,
    Why, is_about,
};
use crate::candles::plan::version;
use crate::check::kept::{KeptLine, of_instrument};
use crate::error::EngineError;
use crate::names::suggestions;
use crate::query::newest_table;
use crate::runs::summary::RunSummary;

/// Runs whose summaries are searched for failures, of those with a time as name and of the others.
const RUNS: usize = 20;

/// The evidence for an instrument's day: of one data type, or of all that are expected or were ever there.
///
/// # Errors
/// When the lake cannot be read, or nothing in it has the key.
pub(crate) async fn why(
    lake: &Lake,
    key: &InstrumentKey,
    day: Day,
    data_type: Option<DataType>,
) -> Result<Vec<Why>, EngineError> {
    lake.check_readable().await?;
    let known = lake.available(day).await?;
    let damaged = found_damaged(lake, day, &known).await?;
    let of = |data_type| Partition { day, data_type, key: key.clone() };
    let mut there: BTreeMap<Partition, Evidence> = BTreeMap::new();
    for data_type in DataType::ALL {
        let partition = of(data_type);
        if let Some(found) = evidence(lake, &partition, &known).await? {
            there.insert(partition, found);
        }
    }
    let table = lake.instruments(day).await?;
    let superseded = lake.superseded(day).await?;
    let listed = listed(lake, key, day, table.as_deref()).await?;
    let is_superseded = |row: &&Superseded| row.partition.key == *key;
    if listed.is_none() && there.is_empty() && !superseded.iter().any(|row| is_superseded(&row)) {
        let known = match table {
            Some(table) => table,
            None => newest_table(lake).await?,
        };
        let suggestions = suggestions(key.as_str(), &known);
        return Err(EngineError::UnknownInstrument { key: key.to_string(), suggestions });
    }
    let mut types: BTreeSet<DataType> = there.keys().map(|partition| partition.data_type).collect();
    types.extend(superseded.iter().filter(is_superseded).map(|row| row.partition.data_type));
    if let Some((of, row)) = listed.as_ref().filter(|(of, _)| *of == day) {
        types.extend(row.expected(*of).map(|partition| partition.data_type));
    }
    let types = match data_type {
        Some(data_type) => vec![data_type],
        None if types.is_empty() => DataType::DEFAULT.to_vec(),
        None => types.into_iter().collect(),
    };
    let states = states(lake, &there).await?;
    let kept = of_instrument(lake, day, key, &states).await?;
    let candles = candles(lake, day, key).await?;
    let missing = lake.missing(day).await?;
    let mut all = Vec::new();
    for data_type in types {
        let partition = of(data_type);
        let row = listed.as_ref().map(|(day, row)| (*day, row));
        let mut why = blank(&partition, row);
        let bad = damaged.get(&partition).cloned();
        match there.remove(&partition) {
            Some(found) => has_object(&mut why, &found, bad),
            None if lake.origin() == Origin::Live => {
                (why.status, why.reason) =
                    (Status::Missing.name(), Some("the lake has no recording of it".to_owned()));
            }
            None => {
                let told = missing.iter().flatten().find(|line| line.partition == partition);
                lacks(&mut why, row, &partition, table.is_some(), told.map(|line| line.reason.as_str()));
            }
        }
        if why.status == Status::Missing.name() {
            why.failures = failures(lake, row.map(|(_, row)| row), &partition).await?;
        }
        checks(&mut why, kept.as_deref().unwrap_or_default(), data_type);
        let now = match states.get(&partition) {
            Some(ObjectState::Answered(now)) => Some(format!("{data_type} {day} {}", version(now))),
            _ => None,
        };
        why.candles = candles.iter().filter_map(|made| made.of(data_type, day, now.as_deref())).collect();
        why.reissues = superseded.iter().filter(|row| row.partition == partition).map(reissue).collect();
        all.push(why);
    }
    Ok(all)
}

/// The row of the day's table, else that of the newest table, with the day of the table.
async fn listed(
    lake: &Lake,
    key: &InstrumentKey,
    day: Day,
    table: Option<&[Instrument]>,
) -> Result<Option<(Day, Instrument)>, LakeError> {
    let find = |table: &[Instrument]| table.iter().find(|row| row.key == *key).cloned();
    if let Some(row) = table.and_then(find) {
        return Ok(Some((day, row)));
    }
    let Some(newest) = lake.days_with_instruments().await?.pop().filter(|newest| *newest != day) else {
        return Ok(None);
    };
    let table = lake.instruments(newest).await?.unwrap_or_default();
    Ok(find(&table).map(|row| (newest, row)))
}

/// The states of the instrument's objects.
async fn states(
    lake: &Lake,
    there: &BTreeMap<Partition, Evidence>,
) -> Result<BTreeMap<Partition, ObjectState>, LakeError> {
    let mut states = BTreeMap::new();
    for partition in there.keys() {
        let Some(entry) = lake.partition_entry(partition).await? else { continue };
        states.extend(look(lake, partition, &entry).await?.map(|state| (partition.clone(), state)));
    }
    Ok(states)
}

fn blank(partition: &Partition, row: Option<(Day, &Instrument)>) -> Why {
    let Partition { day, data_type, key } = partition;
    let listing = |(of, row): (Day, &Instrument)| Listing {
        table_day: of.to_string(),
        exchange: row.exchange.clone(),
        symbol: row.dataset_symbol.clone(),
        available_from: moment(row.available_from_us),
        available_to: row.available_to_us.map(moment),
        is_alive: row.is_alive(*day),
        has_type: row.data_types.contains(data_type),
        is_withdrawn: !row.is_listed || row.withdrawn_data_types.contains(data_type),
        is_exported: row.is_exported,
    };
    Why {
        day: day.to_string(),
        instrument_key: key.to_string(),
        data_type: data_type.name(),
        status: "not_expected",
        reason: None,
        listing: row.map(listing),
        object: None,
        source: None,
        fetched_at: None,
        rows: None,
        grade: None,
        day_grade: None,
        checks: Vec::new(),
        findings: Vec::new(),
        gaps: Vec::new(),
        candles: Vec::new(),
        reissues: Vec::new(),
        failures: Vec::new(),
        unknown: Vec::new(),
    }
}

/// What an object says. `bad`: a validation found its bytes damaged.
fn has_object(why: &mut Why, found: &Evidence, bad: Option<String>) {
    let line = found.reported.as_ref();
    why.object = Some(ObjectFacts {
        path: found.path.clone(),
        bytes: found.bytes,
        data_blake3: found.digest.clone(),
        proved_on: line.and_then(|line| line.proved_on).map(|day| day.to_string()),
    });
    why.grade = line.and_then(|line| line.grade).map(Grade::name);
    why.day_grade = line.and_then(|line| line.day_grade).map(Grade::name);
    let facts = match &found.footer {
        Ok(facts) => facts,
        Err(reason) => {
            (why.status, why.reason) = (Status::Missing.name(), Some(reason.clone()));
            return;
        }
    };
    let tally = facts.tally;
    (why.status, why.reason) = match bad {
        Some(reason) => (Status::Missing.name(), Some(reason)),
        None => (facts.status.name(), facts.reason.clone()),
    };
    why.fetched_at = found.fetched_us.map(moment);
    why.rows = Some(RowCounts {
        rows_in: tally.rows_in,
        out: tally.rows_out,
        rejected: tally.rows_rejected,
        arrival: tally.local_timestamp.map(|(first, last)| [moment(first), moment(last)]),
    });
    why.source = Some(match &facts.provenance {
        Provenance::VendorFile(file) => Source::VendorFile {
            file: file.path.clone(),
            etag: file.etag.clone(),
            bytes: file.bytes,
            sha256: file.sha256.clone(),
        },
        Provenance::Recording(recording) => {
            why.gaps.extend(recording.gaps.iter().map(|gap| Gap {
                from: moment(gap.range.0),
                to: moment(gap.range.1),
                explanation: format!("of the recording: {}", gap.reason),
            }));
            Source::Recording { feed: recording.feed.clone(), session: recording.session.clone() }
        }
    });
}

/// What is known of a partition without an object. `told`: what the last validation said of it.
fn lacks(
    why: &mut Why,
    row: Option<(Day, &Instrument)>,
    partition: &Partition,
    has_table: bool,
    told: Option<&str>,
) {
    let Partition { day, data_type, .. } = partition;
    let own = row.filter(|(of, _)| of == day).map(|(_, row)| row);
    let reason = match own {
        Some(row) if row.expected(*day).any(|expected| expected == *partition) => {
            let status = if row.is_exported { Status::Missing } else { Status::NotExportedYet };
            why.status = status.name();
            match (status, told) {
                (Status::NotExportedYet, _) => {
                    "the vendor had not exported the day when the table was written"
                }
                (_, Some(told)) if told != status.name() => told,
                _ => "it is expected, and the lake has no object of it",
            }
            .to_owned()
        }
        Some(row) if !row.is_alive(*day) => "the vendor has no data of the instrument on that day".to_owned(),
        Some(row) if !row.is_listed || row.withdrawn_data_types.contains(data_type) => {
            "the vendor listed it once, and no longer does".to_owned()
        }
        Some(_) => format!("the vendor has no {data_type} of the instrument"),
        None if has_table => "the day's instrument table does not have the instrument".to_owned(),
        None => "the day has no instrument table, so that nothing is expected of it yet".to_owned(),
    };
    why.reason = Some(reason);
}

/// What checks looked at and found.
fn checks(why: &mut Why, kept: &[KeptLine], data_type: DataType) {
    let gaps = Group::Gaps.to_string();
    for kept in kept.iter().filter(|kept| is_about(kept, data_type)) {
        let (line, is_current) = (&kept.line, kept.is_current);
        let Some(found) = &line.found else {
            why.checks.push(Checked {
                checked_at: moment(line.run.checked_us),
                made_by: line.run.made_by.clone(),
                groups: line.groups.iter().cloned().collect(),
                is_current,
            });
            continue;
        };
        if line.groups.contains(&gaps)
            && let Some((from, to)) = found.range_us
        {
            let unexplained = || format!("nothing explains it ({}, {})", found.check, found.severity.name());
            let explanation = found.explanation.clone().unwrap_or_else(unexplained);
            why.gaps.push(Gap { from: moment(from), to: moment(to), explanation });
        }
        why.findings.push(FindingFacts {
            check: found.check.clone(),
            severity: found.severity.name(),
            count: found.count,
            explanation: found.explanation.clone(),
            examples: found.examples.clone(),
            is_current,
        });
    }
    why.checks.sort_by(|a, b| b.checked_at.cmp(&a.checked_at));
    why.checks.dedup();
    let weight = |severity: &str| mtdh_core::check::Severity::from_name(severity);
    why.findings.sort_by(|a, b| (weight(b.severity), &a.check).cmp(&(weight(a.severity), &b.check)));
    why.gaps.sort_by(|a, b| a.from.cmp(&b.from));
}

/// Candles of the instrument's day: the timeframe, rows and inputs.
struct Made {
    timeframe: String,
    facts: Option<(u64, Vec<String>)>,
}

impl Made {
    /// What they are of a data type; `None`: they were not made of it. `now`: the input that the object would be now.
    fn of(&self, data_type: DataType, day: Day, now: Option<&str>) -> Option<CandlesMade> {
        let timeframe = self.timeframe.clone();
        let Some((rows, inputs)) = &self.facts else {
            let made = CandlesMade { timeframe, rows: None, is_current: false };
            return (data_type == DataType::Trades).then_some(made);
        };
        let own = format!("{data_type} {day} ");
        let input = inputs.iter().find(|input| input.starts_with(&own))?;
        let of_object = input.contains("sha256=");
        let is_current = now.is_some_and(|now| now == input);
        (of_object || is_current).then_some(CandlesMade { timeframe, rows: Some(*rows), is_current })
    }
}

async fn candles(lake: &Lake, day: Day, key: &InstrumentKey) -> Result<Vec<Made>, LakeError> {
    let mut all = Vec::new();
    let of_key = lake.list_candles(day, None).await?.into_iter().filter(|(_, of, _)| of == key);
    for (timeframe, _, entry) in of_key.collect::<Vec<_>>() {
        let facts = match lake.candle_facts(&entry).await {
            Ok(facts) => Some((facts.rows, facts.inputs)),
            Err(error) if error.is_distrust() || error.is_changed() => None,
            Err(error) => return Err(error),
        };
        all.push((timeframe, Made { timeframe: timeframe.to_string(), facts }));
    }
    all.sort_by_key(|(timeframe, _)| *timeframe);
    Ok(all.into_iter().map(|(_, made)| made).collect())
}

fn reissue(row: &Superseded) -> Reissue {
    Reissue {
        superseded_at: moment(row.superseded_us),
        fetched_at: row.fetched_us.map(moment),
        status: row.status.name(),
        rows: row.rows,
        data_blake3: row.digest.clone(),
        file: row.source.clone(),
        etag: row.source_etag.clone(),
        sha256: row.source_sha256.clone(),
        by_sha256: row.by_sha256.clone(),
        by_etag: row.by_etag.clone(),
    }
}

/// What the newest runs failed with. Summaries are untrusted: another program's are left out.
async fn failures(
    lake: &Lake,
    row: Option<&Instrument>,
    partition: &Partition,
) -> Result<Vec<FailureSeen>, LakeError> {
    let Some(row) = row else { return Ok(Vec::new()) };
    let Partition { day, data_type, .. } = partition;
    let folder = format!("{}/{data_type}/{}/", row.exchange, day.to_string().replace('-', "/"));
    let own = row.dataset_symbol.as_ref().map(|symbol| format!("{folder}{symbol}.csv.gz"));
    let has_group = row.group_data_types.contains(data_type);
    let groups = ["SPOT", "PERPETUALS", "FUTURES", "OPTIONS"].map(|group| format!("{folder}{group}.csv.gz"));
    let is_it = |file: &String| own.as_ref() == Some(file) || has_group && groups.contains(file);
    let (timed, named): (Vec<String>, Vec<String>) =
        lake.runs().await?.into_iter().partition(|name| name.starts_with(|c: char| c.is_ascii_digit()));
    let newest = timed.into_iter().rev().take(RUNS).chain(named.into_iter().rev().take(RUNS));
    let mut seen = Vec::new();
    for run_id in newest {
        for document in lake.run_summaries(&run_id).await? {
            let Ok(summary) = serde_json::from_slice::<RunSummary>(&document) else { continue };
            let failed = summary.done.failures.into_iter().filter(|failure| is_it(&failure.file));
            seen.extend(failed.map(|failure| FailureSeen {
                run_id: run_id.clone(),
                at: summary.updated_at.clone(),
                file: failure.file,
                cause: failure.cause,
            }));
        }
    }
    seen.sort_by(|a, b| b.at.cmp(&a.at));
    Ok(seen)
}
