//! What a set no longer keeps. Only of sets that say how long they keep, little at a time, and never what another set wants or a
//! certificate names.

use mtdh_core::{DataType, Day, DayRange};
use mtdh_lake::Lake;

use super::report::SetReport;
use crate::certify::named::Named;
use crate::error::EngineError;
use crate::removal::{Removal, RemovalRequest, Removed, find, remove};
use crate::runs::phase;
use crate::selection::Selection;
use crate::want::Chosen;

/// The share of a set's partitions that a run removes at most.
const MOST: f64 = 0.05;

/// How much a run may remove.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Retention {
    /// At most a twentieth of a set's partitions.
    #[default]
    Careful,
    /// All that sets no longer keep.
    Whole,
}

/// What may be removed.
pub(super) struct Retain<'a> {
    pub lake: &'a Lake,
    /// All that is wanted.
    pub sets: &'a [Chosen],
    pub retention: Retention,
    pub certified: &'a Named,
}

/// Removes what a set no longer keeps, the oldest days first.
///
/// # Errors
/// When the lake cannot be read, or the store refuses.
pub(super) async fn retain(
    of: &Retain<'_>,
    chosen: &Chosen,
    report: &mut SetReport,
) -> Result<(), EngineError> {
    let &Retain { lake, sets, retention, certified } = of;
    if chosen.set.keep_days.is_none() {
        return Ok(());
    }
    if let Some(unread) = &certified.unread {
        report.notes.push(format!("nothing is removed, as a certificate cannot be used: {unread}"));
        return Ok(());
    }
    let first_kept = chosen.selection.days.first();
    let mut days: Vec<Day> = lake.days_with_partitions().await?;
    days.extend(lake.days_with_candles().await?);
    days.retain(|day| *day >= chosen.set.from && *day < first_kept);
    days.sort_unstable();
    days.dedup();
    let mut by_day = Vec::new();
    let phase = phase::begin("listing what is no longer kept", "day", days.len());
    for day in days {
        let _day_done = phase.item();
        let mut removal = of_day(lake, chosen, sets, day).await?;
        let before = removal.objects.len();
        let is_named = |of: &Removed| of.partition().is_some_and(|of| certified.partitions.contains(&of));
        removal.objects.retain(|object| !is_named(object));
        report.certified += before - removal.objects.len();
        if !removal.objects.is_empty() {
            by_day.push(removal);
        }
    }
    drop(phase);
    let old: usize = by_day.iter().map(Removal::partitions).sum();
    let most = match retention {
        Retention::Careful => ((report.counts.answered() + old) as f64 * MOST) as usize,
        Retention::Whole => usize::MAX,
    };
    let mut partitions = 0;
    for removal in by_day {
        // Of all days so far: once one is too much, the younger ones wait too.
        partitions += removal.partitions();
        if partitions > most {
            report.not_removed += removal.objects.len();
            continue;
        }
        remove(lake, &removal).await?;
        report.removed += removal.objects.len();
        report.bytes_removed += removal.bytes();
    }
    Ok(())
}

/// What a set has of a day that it no longer keeps, and no other set wants.
async fn of_day(lake: &Lake, chosen: &Chosen, sets: &[Chosen], day: Day) -> Result<Removal, EngineError> {
    let selection = Selection { days: DayRange::of(day), ..chosen.selection.clone() };
    let has_candles = selection.data_types.contains(&DataType::Trades);
    let request = RemovalRequest { selection: Some(selection), has_candles, ..RemovalRequest::default() };
    let mut removal = find(lake, &request).await?;
    let others: Vec<&Selection> =
        sets.iter().filter(|other| other.name != chosen.name).map(|other| &other.selection).collect();
    removal.objects.retain(|object| !others.iter().any(|selection| object.is_of(selection)));
    Ok(removal)
}
