//! Lists the days of a validation ahead of the one that is judged, so that neither the processors nor the store wait for it.

use std::collections::{BTreeMap, VecDeque};

use mtdh_core::instrument::DayTable;
use mtdh_core::partition::Partition;
use mtdh_core::{DataType, Day};
use mtdh_lake::inventory::{ObjectState, Verify, inventory_beside};
use mtdh_lake::tables::reports::Available;
use mtdh_lake::{Lake, LakeError};
use tokio::task::JoinSet;

use super::{Depth, trust_of};
use crate::selection::Selection;

/// Days that are listed while another one is judged. Each is in memory as a whole.
const DAYS_AHEAD: usize = 1;

/// A day as it is listed, before its objects are looked at more closely.
pub(super) struct ListedDay {
    pub table: DayTable,
    /// The day's report of available data; `None`: it says already what is there.
    pub known: Option<BTreeMap<Partition, Available>>,
    pub there: BTreeMap<Partition, ObjectState>,
}

/// The days of a selection, in order.
pub(super) struct Ahead<I> {
    lake: Lake,
    data_types: Vec<DataType>,
    trust: Verify,
    at_once: usize,
    days: I,
    /// Each with its one task, which ends with it.
    begun: VecDeque<JoinSet<Result<Option<ListedDay>, LakeError>>>,
}

/// Starts with the first day of the selection.
pub(super) fn ahead(lake: &Lake, selection: &Selection, depth: Depth) -> Ahead<impl Iterator<Item = Day>> {
    // Where objects are read, listing takes no time beside that.
    let at_once = if depth == Depth::Listing { 1 + DAYS_AHEAD } else { 1 };
    let (lake, data_types, days) = (lake.clone(), selection.data_types.clone(), selection.days.days());
    Ahead { lake, data_types, trust: trust_of(depth), at_once, days, begun: VecDeque::new() }
}

impl<I: Iterator<Item = Day>> Ahead<I> {
    /// The next day; `None`: it has no instrument table, or there is no further day.
    ///
    /// # Errors
    /// When the lake cannot be read.
    pub async fn next(&mut self) -> Result<Option<ListedDay>, LakeError> {
        while self.begun.len() < self.at_once
            && let Some(day) = self.days.next()
        {
            let (lake, data_types, trust) = (self.lake.clone(), self.data_types.clone(), self.trust);
            let mut task = JoinSet::new();
            task.spawn(async move { listed(&lake, &data_types, day, trust).await });
            self.begun.push_back(task);
        }
        let Some(mut task) = self.begun.pop_front() else { return Ok(None) };
        match task.join_next().await {
            Some(listed) => listed.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic())),
            None => Ok(None),
        }
    }
}

async fn listed(
    lake: &Lake,
    data_types: &[DataType],
    day: Day,
    trust: Verify,
) -> Result<Option<ListedDay>, LakeError> {
    let Some(table) = lake.day_table(day).await? else { return Ok(None) };
    let known = lake.available(day).await?;
    let there = inventory_beside(lake, day, data_types, trust, &known).await?;
    // What is only listed stays as it is. The rows of a day are half of what it needs of memory.
    let is_noted = trust == Verify::Index && is_noted(&there, &known, data_types);
    let known = (!is_noted).then_some(known);
    Ok(Some(ListedDay { table, known, there }))
}

/// Whether the report says already what was seen: to note it would change nothing, whatever another process changed since.
pub(super) fn is_noted(
    there: &BTreeMap<Partition, ObjectState>,
    known: &BTreeMap<Partition, Available>,
    data_types: &[DataType],
) -> bool {
    let lines = known.keys().filter(|partition| data_types.contains(&partition.data_type)).count();
    let is_line = |(partition, state): (&Partition, &ObjectState)| match state {
        ObjectState::Answered(seen) => known.get(partition) == Some(seen),
        ObjectState::Unreadable { .. } => false,
    };
    lines > 0 && lines == there.len() && there.iter().all(is_line)
}
