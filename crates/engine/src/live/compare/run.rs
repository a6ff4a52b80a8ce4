//! Compares a lake's live objects of a day with the vendor's.

use std::sync::Arc;

use futures::StreamExt;
use mtdh_core::footer::{PartitionFooter, Provenance};
use mtdh_core::partition::{Origin, Partition, Status};
use mtdh_core::{DataType, Day};
use mtdh_lake::read::{Batches, ReadCost};
use mtdh_lake::tables::comparisons::{ComparisonLine, LineDifference};
use mtdh_lake::{Entry, Lake, LakeError};
use tokio_util::sync::CancellationToken;

use super::{BEYOND_US, Comparison, Counts, Difference, Subject};
use crate::error::EngineError;
use crate::judgement::Judgement;
use crate::live::candles::gaps::{Gap, is_about};
use crate::selection::Selection;

/// A partition that was compared.
#[derive(Clone, Debug)]
pub struct Compared {
    /// The partition.
    pub partition: Partition,
    /// Ranges of arrival that both sides recorded, microseconds since the Unix epoch, UTC.
    pub ranges: Vec<(i64, i64)>,
    /// Counts.
    pub counts: Counts,
    /// The differences, at most [`super::LISTED`]; unexplained ones first where there are more.
    pub differences: Vec<Difference>,
    /// Digests of the objects, live and the vendor's.
    pub objects: [Option<String>; 2],
}

/// A partition that was not compared, and why.
#[derive(Clone, Debug)]
pub struct Left {
    /// The partition.
    pub partition: Partition,
    /// Why not.
    pub reason: String,
}

/// What a comparison of a day found.
#[derive(Clone, Debug)]
pub struct CompareReport {
    /// The day.
    pub day: Day,
    /// What was compared, by data type and key.
    pub compared: Vec<Compared>,
    /// Live partitions that were not compared.
    pub left: Vec<Left>,
    /// Whether it was interrupted; then some partitions are in neither list.
    pub is_interrupted: bool,
    /// Why the lake did not keep it; `None`: it did.
    pub not_kept: Option<String>,
}

impl CompareReport {
    /// Differences that nothing explains.
    pub fn unexplained(&self) -> u64 {
        self.compared.iter().map(|compared| compared.counts.unexplained()).sum()
    }

    /// What it came to: clean only if something was compared and every difference has a cause.
    pub fn judgement(&self) -> Judgement {
        let has_compared = self.compared.iter().any(|compared| compared.counts.compared > 0);
        let is_clean = has_compared && self.unexplained() == 0 && !self.is_interrupted;
        if is_clean { Judgement::Clean } else { Judgement::NotClean }
    }

    /// The lines that the lake keeps. `now_us` is when it was compared, microseconds since the Unix epoch, UTC.
    pub fn lines(&self, now_us: i64) -> Vec<ComparisonLine> {
        let mut lines = Vec::new();
        for of in &self.compared {
            let line = |difference| ComparisonLine {
                day: self.day,
                key: of.partition.key.clone(),
                data_type: of.partition.data_type,
                difference,
                rows: of.counts.rows,
                compared: of.counts.compared,
                equal: of.counts.equal,
                unexplained: of.counts.unexplained(),
                objects: of.objects.clone(),
                compared_us: now_us,
            };
            lines.push(line(None));
            lines.extend(of.differences.iter().map(|difference| line(Some(kept(difference)))));
        }
        lines
    }
}

fn kept(difference: &Difference) -> LineDifference {
    let some = |text: &String| (!text.is_empty()).then(|| text.clone());
    LineDifference {
        kind: difference.kind.name().to_owned(),
        range_us: (difference.from_us, difference.to_us),
        count: difference.count,
        field: some(&difference.field),
        live: difference.live.clone(),
        vendor: difference.vendor.clone(),
        cause: difference.cause.name().to_owned(),
        because: some(&difference.because),
    }
}

/// Compares the selected live partitions of a day with the vendor's, one after the other.
///
/// # Errors
/// When the lake cannot be read.
pub async fn compare(
    lake: &Lake,
    day: Day,
    selection: &Selection,
    stop: &CancellationToken,
) -> Result<CompareReport, EngineError> {
    let (ours, theirs) = (lake.with_origin(Origin::Live), lake.with_origin(Origin::Vendor));
    let mut report =
        CompareReport { day, compared: Vec::new(), left: Vec::new(), is_interrupted: false, not_kept: None };
    let is_meant = |partition: &Partition| {
        selection.takes_partition(partition)
            || (selection.venues.is_empty()
                && Selection { venues: vec![partition.key.venue().to_owned()], ..selection.clone() }
                    .takes_partition(partition))
    };
    for data_type in DataType::ALL {
        let mut live = ours.list_partitions(day, data_type).await?;
        live.retain(|(partition, _)| is_meant(partition));
        live.sort_by(|a, b| a.0.cmp(&b.0));
        live.truncate(selection.max_instruments.unwrap_or(usize::MAX));
        for (part, _) in ours.list_parts_of_day(day, data_type).await? {
            let partition = part.partition.clone();
            let is_told = report.left.iter().any(|left| left.partition == partition)
                || live.iter().any(|(known, _)| *known == partition);
            if is_meant(&partition) && !is_told {
                let reason = "its parts are not one object yet: the day has not been ended".to_owned();
                report.left.push(Left { partition, reason });
            }
        }
        for (partition, entry) in live {
            if stop.is_cancelled() {
                report.is_interrupted = true;
                return Ok(report);
            }
            match one(&ours, &theirs, &partition, &entry, stop).await {
                Ok(Ok(Some(compared))) => report.compared.push(compared),
                Ok(Ok(None)) => {
                    report.is_interrupted = true;
                    return Ok(report);
                }
                Ok(Err(reason)) => report.left.push(Left { partition, reason }),
                Err(error) if error.is_distrust() => {
                    let reason = format!("an object cannot be trusted: {}", mtdh_core::error::chain(&error));
                    report.left.push(Left { partition, reason });
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(report)
}

/// One partition: what was found, `None` if it was interrupted, or why it cannot be compared.
async fn one(
    ours: &Lake,
    theirs: &Lake,
    partition: &Partition,
    entry: &Entry,
    stop: &CancellationToken,
) -> Result<Result<Option<Compared>, String>, LakeError> {
    let Some(vendor) = theirs.partition_entry(partition).await? else {
        return Ok(Err("the lake does not have the vendor's file".to_owned()));
    };
    let (live_footer, vendor_footer) = (ours.footer(entry).await?, theirs.footer(&vendor).await?);
    if vendor_footer.facts.status == Status::Absent {
        return Ok(Err("the vendor has no such data".to_owned()));
    }
    if live_footer.facts.status == Status::Absent {
        return Ok(Err("the recording did not ask for it".to_owned()));
    }
    let (exchange, symbol) = source(&live_footer.facts);
    let (start, end) = (partition.day.start_us(), partition.day.end_us());
    let ranges: Vec<(i64, i64)> = recorded(&live_footer.facts)
        .into_iter()
        .map(|(from, to)| (from.max(start), to.min(end)))
        .filter(|(from, to)| from < to)
        .collect();
    let rows = ours.gaps(partition.day, &exchange).await?;
    let gaps = rows.iter().filter(|row| is_about(row, &partition.key, &symbol)).map(Gap::from).collect();
    let mut comparison = Comparison::new(Subject {
        key: partition.key.clone(),
        data_type: partition.data_type,
        ranges: ranges.iter().map(|(from, to)| *from..*to).collect(),
        gaps,
    });
    let objects = [live_footer.digest, vendor_footer.digest];
    let within = ranges.first().map_or(start, |range| range.0).saturating_sub(BEYOND_US)
        ..ranges.last().map_or(end, |range| range.1).saturating_add(BEYOND_US);
    // A book is made from its first snapshot on, which may be long before what both recorded.
    // So is a state from its last row before.
    let within = match partition.data_type {
        DataType::Trades | DataType::Liquidations => within,
        _ => i64::MIN..within.end,
    };
    let cost = Arc::new(ReadCost::default());
    let mut sides: [Option<Batches>; 2] = [None, None];
    if live_footer.facts.status == Status::Stored {
        sides[0] = Some(ours.batches(entry, within.clone(), &cost).await?);
    }
    if vendor_footer.facts.status == Status::Stored {
        sides[1] = Some(theirs.batches(&vendor, within, &cost).await?);
    }
    while let Some(side) = comparison.wants() {
        if stop.is_cancelled() {
            return Ok(Ok(None));
        }
        let next = match &mut sides[side as usize] {
            Some(batches) => batches.next().await.transpose()?,
            None => None,
        };
        let done = match next {
            Some(batch) => comparison.push(side, &batch),
            None => comparison.end(side),
        };
        if let Err(reason) = done {
            return Ok(Err(reason));
        }
    }
    let (counts, mut differences) = comparison.finish();
    differences.sort_by_key(|difference| (difference.from_us, difference.kind));
    Ok(Ok(Some(Compared { partition: partition.clone(), ranges, counts, differences, objects })))
}

/// The exchange and the symbol of a recording.
fn source(facts: &PartitionFooter) -> (String, String) {
    match &facts.provenance {
        Provenance::Recording(recording) => (recording.exchange.clone(), recording.symbol.clone()),
        Provenance::VendorFile(_) => {
            (mtdh_core::venue::exchange_of_venue(facts.partition.key.venue()), String::new())
        }
    }
}

/// The ranges of arrival of a recording; of a footer that does not say, the day.
fn recorded(facts: &PartitionFooter) -> Vec<(i64, i64)> {
    let day = facts.partition.day;
    match &facts.provenance {
        Provenance::Recording(recording) if !recording.ranges.is_empty() => recording.ranges.clone(),
        _ => vec![(day.start_us(), day.end_us())],
    }
}
