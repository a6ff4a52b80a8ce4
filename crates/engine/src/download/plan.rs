//! Planning a download: what would be fetched, and what is skipped and why.

pub mod grouped;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use mtdh_core::error::chain;
use mtdh_core::instrument::{DayTable, Instrument};
use mtdh_core::partition::{Partition, Shard, Status};
use mtdh_core::{DataType, Day, DayRange};
use mtdh_lake::Lake;
use mtdh_lake::tables::reports::Available;
use mtdh_source::tardis::csv::dataset_symbol;
use mtdh_source::tardis::datasets::Archive;
use mtdh_source::tardis::vendor_file::VendorFile;
use serde::Serialize;

use crate::error::EngineError;
use crate::expectation::{self, NotExpectedLine, has_fault, lines};
use crate::instruments::{InstrumentSource, Unavailable};
use crate::names::{self, Names};
use crate::runs::phase;
use crate::runs::summary::RunAbout;
use crate::selection::Selection;
use crate::validate::note;
use mtdh_lake::inventory::{ObjectState, Verify, inventory_beside};

/// A vendor file to fetch, and the partitions that it provides.
#[derive(Clone, Debug)]
pub struct DownloadTask {
    /// The file.
    pub file: VendorFile,
    /// The partitions, in the order of their keys. A file of one instrument has one.
    pub members: Vec<TaskPartition>,
    /// Whether this is a grouped file: all instruments of a type.
    pub is_group: bool,
    /// The symbols, as [`TaskPartition::symbol`], of every instrument of the venue's table that a grouped file may hold. Rows
    /// of other symbols are unknown. Empty for a file of one instrument.
    pub known: Arc<HashSet<String>>,
}

/// A partition that a task provides.
#[derive(Clone, Debug)]
pub struct TaskPartition {
    /// The partition.
    pub partition: Partition,
    /// The symbol in the form of file URLs, by which rows are assigned.
    pub symbol: String,
    /// Expected rows, from the vendor's statistics; `None`: it has none for the data type.
    pub expected_rows: Option<u64>,
    /// Whether an existing object must be replaced: because of `--force`, or because it cannot be trusted.
    pub replaces: bool,
}

/// Why a partition is skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Skip {
    /// It is in the lake, with rows.
    Stored,
    /// It is in the lake: the vendor's file has no rows.
    Empty,
    /// It is in the lake: the vendor says that it has no such file.
    Absent,
    /// The vendor exports no file of the instrument and data type, or none of the instrument at all.
    NotListed,
    /// The vendor has not exported the day yet.
    NotExportedYet,
    /// The source is a folder, and it has no such file.
    NotInFolder,
    /// Another shard fetches it.
    OtherShard,
    /// Its file belongs to another row of the table.
    OtherName,
}

/// A download plan.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Files to fetch, in the order of the requests: the last day, the first, then the others, so that a key without access
    /// fails at once.
    pub units: Vec<DownloadTask>,
    /// Skipped partitions: how many, by day, venue, data type and reason.
    pub skipped: BTreeMap<(Day, String, DataType, Skip), usize>,
    /// Days without an instrument table.
    pub days_without_instruments: Vec<Day>,
    /// Venues with no instrument in a day's table, by day.
    pub venues_without_instruments: Vec<(Day, String)>,
    /// Venues with no expected partition by a day's table, although the vendor records them.
    pub venues_without_expectation: Vec<(Day, String)>,
    /// Names that were asked for and are in no row of a day's table.
    pub names: Names,
    /// Listed by the vendor, but not expected.
    pub not_expected: Vec<NotExpectedLine>,
    /// Entries of a table that the vendor no longer lists, as `DAY KEY DATA_TYPE…`.
    pub withdrawn: Vec<String>,
    /// Whether the removal must be accepted before anything is complete.
    pub needs_acceptance: bool,
    /// Selected instruments whose key is not canonical, once a day.
    pub native_keys: u64,
    /// Objects that lie under former keys of the instruments: their partitions count as missing.
    pub former_key_objects: u64,
    /// Venues whose instruments could not be had from the vendor now, so that their tables may lack some.
    pub unavailable: Vec<Unavailable>,
}

impl TaskPartition {
    fn of(instrument: &Instrument, partition: Partition, replaces: bool) -> TaskPartition {
        let expected_rows = instrument.expected_rows(partition.data_type, partition.day.end_us());
        TaskPartition { symbol: symbol_in_files(instrument), expected_rows, replaces, partition }
    }
}

/// An instrument's symbol in the form of file URLs.
fn symbol_in_files(instrument: &Instrument) -> String {
    dataset_symbol(instrument.dataset_symbol.as_deref().unwrap_or(&instrument.raw_symbol))
}

impl DownloadTask {
    /// The own file of each member, in place of the grouped file; empty for data types without such files.
    pub(crate) fn single_files(&self) -> Vec<DownloadTask> {
        if !self.has_single_files() {
            return Vec::new();
        }
        let single = |member: &TaskPartition| DownloadTask {
            file: VendorFile { symbol: member.symbol.clone(), ..self.file.clone() },
            members: vec![member.clone()],
            is_group: false,
            known: Arc::default(),
        };
        self.members.iter().map(single).collect()
    }

    /// How much work it is, in bytes as the vendor's statistics let expect; what the request costs included.
    pub(crate) fn weight(&self) -> u64 {
        /// Bytes of a compressed row, about.
        const BYTES_OF_ROW: u64 = 12;
        /// Rows of a partition without statistics.
        const ROWS: u64 = 1_000;
        self.members
            .iter()
            .map(|member| member.expected_rows.unwrap_or(ROWS).saturating_mul(BYTES_OF_ROW))
            .sum()
    }

    /// Whether the members of a grouped file have files of their own.
    pub(crate) fn has_single_files(&self) -> bool {
        self.is_group && !self.file.data_type.only_grouped()
    }
}

impl Plan {
    /// Days that the vendor has not exported, or only in part.
    pub fn days_not_exported(&self) -> BTreeSet<Day> {
        let waiting = self.skipped.keys().filter(|(_, _, _, reason)| *reason == Skip::NotExportedYet);
        waiting.map(|(day, ..)| *day).collect()
    }

    /// Number of partitions to fetch.
    pub fn partitions(&self) -> usize {
        self.units.iter().map(|u| u.members.len()).sum()
    }

    /// Whether the user must decide: a table lost rows, or a name never existed.
    pub fn needs_decision(&self) -> bool {
        self.needs_acceptance || !self.names.never_existed.is_empty()
    }

    /// Whether something that was asked for is not known and therefore not in the plan.
    pub fn is_lacking(&self) -> bool {
        !self.days_without_instruments.is_empty()
            || !self.venues_without_instruments.is_empty()
            || !self.venues_without_expectation.is_empty()
            || !self.names.alive_and_missing.is_empty()
            || !self.unavailable.is_empty()
            || has_fault(&self.not_expected)
            || self.skipped.keys().any(|(.., reason)| *reason == Skip::OtherName)
            || self.is_about_nothing()
    }

    /// Whether no instrument of any day matches the selection.
    pub fn is_about_nothing(&self) -> bool {
        self.units.is_empty() && self.skipped.is_empty()
    }

    /// Adds what the day's table expects.
    fn measure(
        &mut self,
        day: Day,
        table: &DayTable,
        selection: &Selection,
        there: &BTreeMap<Partition, ObjectState>,
    ) {
        let expectation = expectation::of_day(selection, table, there, day);
        let named = |venue: &String| (day, venue.clone());
        self.venues_without_instruments.extend(selection.venues_without_rows(table).map(named));
        self.venues_without_expectation.extend(expectation.venues_without_expectation.iter().map(named));
        self.not_expected.extend(lines(day, &expectation.not_expected));
        self.withdrawn.extend(expectation.withdrawn);
        self.needs_acceptance |= expectation.needs_acceptance;
        self.native_keys += expectation.native.count;
        self.former_key_objects += expectation.under_former_keys.count;
    }

    /// Expected rows of the files with statistics at the vendor, and the number of partitions without statistics.
    pub fn expected_rows(&self) -> (u64, usize) {
        let members = || self.units.iter().flat_map(|u| &u.members);
        let known = members().filter_map(|m| m.expected_rows).sum();
        (known, members().filter(|m| m.expected_rows.is_none()).count())
    }

    /// What it fetches, in a run's words; `None`: nothing.
    pub(crate) fn about(&self) -> Option<RunAbout> {
        let members = self.units.iter().flat_map(|unit| unit.members.iter().map(move |m| (unit, m)));
        RunAbout::of(members.map(|(unit, m)| (unit.file.day, m.partition.key.venue(), unit.file.data_type)))
    }

    /// Number of skipped partitions, by reason.
    pub fn skipped_by_reason(&self) -> BTreeMap<Skip, usize> {
        let mut sums = BTreeMap::new();
        for ((_, _, _, reason), count) in &self.skipped {
            *sums.entry(*reason).or_default() += count;
        }
        sums
    }
}

/// Whether partitions that are in the lake are fetched again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Refetch {
    /// Only missing partitions.
    #[default]
    Missing,
    /// All partitions.
    All,
}

/// Plans a run.
///
/// # Errors
/// When the lake cannot be read.
pub async fn plan(
    lake: &Lake,
    archive: &Archive,
    source: &InstrumentSource<'_>,
    selection: &Selection,
    shard: Shard,
    refetch: Refetch,
) -> Result<Plan, EngineError> {
    let mut plan = Plan { names: names::look_up(lake, source, selection).await?, ..Plan::default() };
    let nobody: Arc<HashSet<String>> = Arc::default();
    let phase = phase::days("planning", selection.days);
    for day in order(selection.days) {
        let _day_done = phase.item();
        let Some(table) = lake.day_table(day).await? else {
            plan.days_without_instruments.push(day);
            continue;
        };
        let known = lake.available(day).await?;
        let there = inventory_beside(lake, day, &selection.data_types, Verify::Index, &known).await?;
        // One of many shards is enough.
        if shard.index() == 0 {
            remember(lake, day, &there, &known, &selection.data_types).await;
        }
        plan.measure(day, &table, selection, &there);
        let table = table.instruments;
        let mut skip = |instrument: &Instrument, data_type, reason| {
            let venue = instrument.key.venue().to_owned();
            *plan.skipped.entry((day, venue, data_type, reason)).or_default() += 1;
        };
        let mut wanted = Vec::new();
        for instrument in selection.instruments(&table) {
            for data_type in &selection.data_types {
                let partition = Partition { day, data_type: *data_type, key: instrument.key.clone() };
                match resolve_file(instrument, &partition, &there, archive, refetch) {
                    Ok(file) => {
                        let replaces = there.contains_key(&partition);
                        wanted.push((instrument, file, TaskPartition::of(instrument, partition, replaces)));
                    }
                    Err(reason) => skip(instrument, *data_type, reason),
                }
            }
        }
        let chosen = match archive {
            Archive::Service(_) => groups_of(&wanted, &table, day),
            Archive::Folder(_) => BTreeSet::new(),
        };
        let mut units: BTreeMap<VendorFile, DownloadTask> = BTreeMap::new();
        for (instrument, own_file, member) in wanted {
            let data_type = member.partition.data_type;
            let group = grouped::group_file(instrument, data_type, day).filter(|file| chosen.contains(file));
            let file = group.unwrap_or(own_file);
            if !shard.holds(&file.path()) {
                skip(instrument, data_type, Skip::OtherShard);
                continue;
            }
            let is_group = file.symbol != member.symbol;
            // A file has one owner: of two rows, the second would be missing for ever.
            if !is_group && units.contains_key(&file) {
                skip(instrument, data_type, Skip::OtherName);
                continue;
            }
            let unit = units.entry(file.clone()).or_insert_with(|| {
                let known = if is_group { grouped::known(&table, &file) } else { nobody.clone() };
                // Most have one member; a vector that grows by itself would start with room for four.
                DownloadTask { file, members: Vec::with_capacity(1), is_group, known }
            });
            unit.members.push(member);
        }
        // A vector that doubles its capacity would end with up to twice what a large plan needs.
        plan.units.reserve_exact(units.len());
        plan.units.extend(units.into_values());
    }
    Ok(plan)
}

/// Records the footers that had to be read in the days' reports, so that they need not be read again: those of a lake that
/// was copied, or whose report is of an older version. If that fails, they are read again next time.
async fn remember(
    lake: &Lake,
    day: Day,
    there: &BTreeMap<Partition, ObjectState>,
    known: &BTreeMap<Partition, Available>,
    data_types: &[DataType],
) {
    let was_read = |(partition, state): (&Partition, &ObjectState)| match state {
        ObjectState::Answered(now) => known.get(partition).is_none_or(|known| !known.is_same_object(now)),
        ObjectState::Unreadable { .. } => false,
    };
    if !there.iter().any(was_read) {
        return;
    }
    if let Err(error) = lake.update_available(day, |rows| note(rows, there, known, data_types)).await {
        tracing::debug!(%day, cause = %chain(&error), "the day's report is not brought up to date");
    }
}

/// The last day, the first, then the others in order.
fn order(days: DayRange) -> Vec<Day> {
    let mut seen = BTreeSet::new();
    let ends = [days.last(), days.first()].into_iter();
    ends.chain(days.days()).filter(|day| seen.insert(*day)).collect()
}

/// The grouped files that replace files of single instruments.
fn groups_of(
    wanted: &[(&Instrument, VendorFile, TaskPartition)],
    table: &[Instrument],
    day: Day,
) -> BTreeSet<VendorFile> {
    let mut by_group: BTreeMap<VendorFile, Vec<&TaskPartition>> = BTreeMap::new();
    for (instrument, _, member) in wanted {
        if let Some(file) = grouped::group_file(instrument, member.partition.data_type, day) {
            by_group.entry(file).or_default().push(member);
        }
    }
    grouped::chosen(&by_group, table, day)
}

/// The file that provides a partition, or why it is skipped. A grouped file if there is no other.
fn resolve_file(
    instrument: &Instrument,
    partition: &Partition,
    there: &BTreeMap<Partition, ObjectState>,
    archive: &Archive,
    refetch: Refetch,
) -> Result<VendorFile, Skip> {
    if !instrument.data_types.contains(&partition.data_type) || !instrument.is_alive(partition.day) {
        return Err(Skip::NotListed);
    }
    if refetch == Refetch::Missing {
        match there.get(partition).map(ObjectState::status) {
            Some(Status::Stored) => return Err(Skip::Stored),
            Some(Status::Empty) => return Err(Skip::Empty),
            Some(Status::Absent) => return Err(Skip::Absent),
            _ => {}
        }
    }
    if !instrument.is_exported {
        return Err(Skip::NotExportedYet);
    }
    let (exchange, data_type, day) = (instrument.exchange.clone(), partition.data_type, partition.day);
    let group = grouped::group_file(instrument, data_type, day);
    let own = VendorFile { exchange, data_type, day, symbol: symbol_in_files(instrument) };
    let own = if data_type.only_grouped() { None } else { Some(own) };
    let is_there = |file: &VendorFile| match archive {
        Archive::Folder(folder) => folder.has(file),
        Archive::Service(_) => true,
    };
    own.into_iter().chain(group).find(is_there).ok_or(match archive {
        Archive::Folder(_) => Skip::NotInFolder,
        Archive::Service(_) => Skip::NotListed,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_day_is_asked_for_first_then_the_first() {
        let range =
            |first: &str, last: &str| DayRange::new(first.parse().unwrap(), last.parse().unwrap()).unwrap();
        let days = |r| order(r).iter().map(Day::to_string).collect::<Vec<_>>();
        assert_eq!(
            days(range("2024-03-01", "2024-03-04")),
            ["2024-03-04", "2024-03-01", "2024-03-02", "2024-03-03"]
        );
        assert_eq!(days(range("2024-03-01", "2024-03-01")), ["2024-03-01"]);
    }
}
