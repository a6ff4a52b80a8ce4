//! What of a day a live recording has, for candles of live rows: the ranges in its objects' footers, and the table of gaps.

use std::collections::BTreeMap;
use std::ops::Range;

use mtdh_core::Day;
use mtdh_core::candle::Gaps;
use mtdh_core::footer::{Provenance, Recording};
use mtdh_core::partition::{Partition, Status};
use mtdh_lake::inventory::ObjectState;
use mtdh_lake::{Lake, LakeError};

use super::task::{CandleTask, SOURCES};
use crate::live::candles::gaps::{EDGE_US, Gap, is_about, of_sources};

/// Narrows what a task counts as complete to what was recorded. Its inputs name that too, so that candles are made again when a gap
/// becomes known.
pub(super) async fn narrow(
    lake: &Lake,
    unit: &mut CandleTask,
    there: &BTreeMap<Partition, ObjectState>,
) -> Result<(), LakeError> {
    let (day, mut known) = (unit.day, None);
    for (place, group) in SOURCES.iter().enumerate() {
        let stored = group.iter().find_map(|data_type| {
            let partition = Partition { day, data_type: *data_type, key: unit.key.clone() };
            match there.get(&partition) {
                Some(ObjectState::Answered(object)) if object.status != Status::Absent => Some(object),
                _ => None,
            }
        });
        let Some(object) = stored else { continue };
        let footer = lake.footer(&lake.available_entry(object)).await?;
        let Provenance::Recording(recording) = footer.facts.provenance else { continue };
        let complete = &mut unit.complete;
        let (range, gaps) = match place {
            0 => (Some(&mut complete.trades), &mut complete.gaps.trades),
            1 => (complete.liquidations.as_mut(), &mut complete.gaps.liquidations),
            2 => (complete.ticker.as_mut(), &mut complete.gaps.ticker),
            _ => (complete.book.as_mut(), &mut complete.gaps.book),
        };
        if let Some(range) = range {
            within(range, gaps, &recording, day);
        }
        known = known.or(Some(recording));
    }
    let Some(recording) = known else { return Ok(()) };
    let mut told: Vec<Gap> = Vec::new();
    for near in [day.previous(), day, day.next()] {
        let rows = lake.gaps(near, &recording.exchange).await?;
        // A refusal is of one stream, which has no rows.
        let about = rows.iter().filter(|row| row.kind != "refused" || row.symbol.is_some());
        told.extend(about.filter(|row| is_about(row, &unit.key, &recording.symbol)).map(Gap::from));
    }
    let Gaps { trades, liquidations, ticker, book } = of_sources(&told);
    let gaps = &mut unit.complete.gaps;
    gaps.trades.extend(trades);
    gaps.liquidations.extend(liquidations);
    gaps.ticker.extend(ticker);
    gaps.book.extend(book);
    let sum = told
        .iter()
        .fold(0_i64, |sum, gap| sum.wrapping_add(gap.from_us).wrapping_add(gap.to_us.unwrap_or(1)));
    let ranges: Vec<String> = recording.ranges.iter().map(|(from, to)| format!("{from}..{to}")).collect();
    unit.inputs.push(format!("recording {day} {} gaps={} {sum:x}", ranges.join(" "), told.len()));
    Ok(())
}

/// Narrows a range to what was recorded; what lies between two ranges of a recording is a gap.
fn within(range: &mut Range<i64>, gaps: &mut Vec<Range<i64>>, recording: &Recording, day: Day) {
    let (Some(first), Some(last)) = (recording.ranges.first(), recording.ranges.last()) else { return };
    // A recording that goes on over midnight has its first row of the day soon after.
    if first.0 > day.start_us() + EDGE_US {
        range.start = range.start.max(first.0);
    }
    if last.1 < day.end_us() - EDGE_US {
        range.end = range.end.min(last.1);
    }
    let between = recording.ranges.windows(2).map(|pair| pair[0].1..pair[1].0);
    gaps.extend(between.filter(|gap| gap.start < gap.end));
}
