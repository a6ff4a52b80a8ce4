//! What a day is compared with: which partitions are expected, which are not and why, and what the table lost.
//!
//! The only place that decides it: `plan`, `validate`, `full-pipeline` and the checks of completeness all use `of_day`.

use std::collections::{BTreeMap, BTreeSet};

use mtdh_core::Day;
use mtdh_core::check::completeness::Expected;
use mtdh_core::expectation::{LeftOut, NotExpected, VenueNote};
use mtdh_core::instrument::{DayTable, Instrument};
use mtdh_core::key::InstrumentKey;
use mtdh_core::partition::{Partition, Status};
use mtdh_core::universe::KeyPattern;
use serde::{Deserialize, Serialize};

use crate::instruments::merge::losses;
use crate::selection::Selection;
use mtdh_lake::inventory::ObjectState;

/// Share of a venue's rows that a table may lose without acceptance by the user.
pub const MAX_LOST_SHARE: f64 = 0.05;

/// The expectation for a day.
#[derive(Debug, Default)]
pub struct DayExpectation {
    /// Every partition that the day's table expects, with its state in the lake.
    pub partitions: Vec<Expected>,
    /// Listed by the vendor, but not expected; by venue and reason.
    pub not_expected: BTreeMap<String, VenueNote>,
    /// Venues without any expected partition, although the vendor records them on the day: no day of such a venue is
    /// complete.
    pub venues_without_expectation: Vec<String>,
    /// Entries of a table that the vendor no longer lists, as `DAY KEY DATA_TYPE…`.
    pub withdrawn: Vec<String>,
    /// Whether the user must accept that: some of it has objects in the lake, or it is more than [`MAX_LOST_SHARE`] of a
    /// venue.
    pub needs_acceptance: bool,
    /// Objects in the lake that the table does not expect.
    pub unexpected: LeftOut,
    /// Objects that lie under a former key of an instrument of the table.
    pub under_former_keys: LeftOut,
    /// The selection's venues whose rows have keys of an earlier version.
    pub venues_with_former_keys: Vec<String>,
    /// Selected instruments whose key is not canonical.
    pub native: LeftOut,
}

/// One line of what is not expected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotExpectedLine {
    /// The day.
    pub day: String,
    /// The venue.
    pub venue: String,
    /// The reason, as [`NotExpected::name`].
    pub reason: String,
    /// How many: days of an exchange, symbols, or pairs of symbol and data type.
    pub count: u64,
    /// The first of them.
    pub examples: Vec<String>,
}

/// Whether something is not known of what the vendor lists, so that nothing is known to be complete.
pub(crate) fn has_fault(lines: &[NotExpectedLine]) -> bool {
    lines.iter().any(|line| NotExpected::from_name(&line.reason).is_some_and(NotExpected::is_fault))
}

/// A day's lines of what is not expected, by venue and reason.
pub(crate) fn lines(day: Day, venues: &BTreeMap<String, VenueNote>) -> Vec<NotExpectedLine> {
    let of_venue = |(venue, note): (&String, &VenueNote)| {
        let line = |(reason, left): (&NotExpected, &LeftOut)| NotExpectedLine {
            day: day.to_string(),
            venue: venue.clone(),
            reason: reason.name().to_owned(),
            count: left.count,
            examples: left.examples.clone(),
        };
        note.iter().map(line).collect::<Vec<_>>()
    };
    venues.iter().flat_map(of_venue).collect()
}

/// The expectation for a day of a selection. `there` is the lake's state of the selection's data types.
pub(crate) fn of_day(
    selection: &Selection,
    table: &DayTable,
    there: &BTreeMap<Partition, ObjectState>,
    day: Day,
) -> DayExpectation {
    let mut expectation = DayExpectation { not_expected: notes(selection, table), ..Default::default() };
    let taken = selection.instruments(&table.instruments);
    for instrument in &taken {
        let selected = expected(selection, instrument, day);
        expectation.partitions.extend(selected.map(|(partition, status)| match there.get(&partition) {
            Some(state) => state.expected(&partition),
            None => Expected { partition, status, unreadable: None, rows_rejected: 0 },
        }));
        if !instrument.canonical && instrument.is_alive(day) {
            expectation.native.add(|| instrument.key.to_string());
        }
        if let Some((reason, examples)) = left_out(selection, instrument, day) {
            let note = expectation.not_expected.entry(instrument.key.venue().to_owned()).or_default();
            examples.into_iter().for_each(|e| note.entry(reason).or_default().add(|| e));
        }
    }
    expectation.venues_without_expectation = selection
        .venues
        .iter()
        .filter(|v| is_without_expectation(v, &taken, &expectation, table, selection))
        .cloned()
        .collect();
    expectation.withdrawn = losses(day, taken.iter().copied());
    expectation.needs_acceptance = needs_acceptance(&taken, there, day);
    let expected: BTreeSet<&Partition> = expectation.partitions.iter().map(|e| &e.partition).collect();
    let taken_keys: BTreeSet<&InstrumentKey> = taken.iter().map(|i| &i.key).collect();
    let is_limited = selection.max_instruments.is_some();
    let former: BTreeSet<&str> =
        table.instruments.iter().flat_map(|i| &i.aliases).map(String::as_str).collect();
    for partition in there.keys().filter(|p| selection.takes_partition(p) && !expected.contains(p)) {
        if former.contains(partition.key.as_str()) {
            expectation.under_former_keys.add(|| partition.to_string());
        } else if !is_limited || taken_keys.contains(&partition.key) {
            expectation.unexpected.add(|| partition.to_string());
        }
    }
    let venues = table.venues_with_former_keys().into_iter();
    let of_selection = venues.filter(|venue| selection.venues.iter().any(|v| v == venue));
    expectation.venues_with_former_keys = of_selection.map(str::to_owned).collect();
    expectation
}

/// The partitions that a selected instrument of a day's table is expected to have, each with its status without an object.
pub(crate) fn expected<'a>(
    selection: &'a Selection,
    instrument: &'a Instrument,
    day: Day,
) -> impl Iterator<Item = (Partition, Status)> + 'a {
    let status = if instrument.is_exported { Status::Missing } else { Status::NotExportedYet };
    let selected = instrument.expected(day).filter(|p| selection.data_types.contains(&p.data_type));
    selected.map(move |partition| (partition, status))
}

/// The table's notes on the selection's venues. Names that were asked for are not symbols without a row; a pattern may match
/// symbols without a row, since they have no key to compare.
fn notes(selection: &Selection, table: &DayTable) -> BTreeMap<String, VenueNote> {
    let of_exchange = |r: &NotExpected| {
        r.is_outside_of_life() || matches!(r, NotExpected::NothingExported | NotExpected::WithoutTerms)
    };
    let is_meant = |reason: &NotExpected| match reason {
        NotExpected::CombosNotAskedFor => {
            selection.patterns.is_empty() && selection.instrument_types.is_empty()
        }
        reason => {
            let is_by_name =
                !selection.patterns.is_empty() && selection.patterns.iter().all(KeyPattern::is_name);
            !is_by_name || of_exchange(reason)
        }
    };
    let of_venue = |venue: &String| {
        let note = table.venues.get(venue)?.iter().filter(|(reason, _)| is_meant(reason));
        let note: VenueNote = note.map(|(reason, left)| (*reason, left.clone())).collect();
        (!note.is_empty()).then(|| (venue.clone(), note))
    };
    selection.venues.iter().filter_map(of_venue).collect()
}

/// Why a row that is alive on the day is not, or not fully, expected, with an example for each count.
fn left_out(selection: &Selection, instrument: &Instrument, day: Day) -> Option<(NotExpected, Vec<String>)> {
    let key = instrument.key.to_string();
    let withdrawn = instrument.withdrawn_data_types.iter().filter(|t| selection.data_types.contains(t));
    let withdrawn: Vec<String> = withdrawn.map(|t| format!("{t} of {key}")).collect();
    match () {
        () if !instrument.is_alive(day) => None,
        () if !instrument.is_listed && withdrawn.is_empty() => Some((NotExpected::NoLongerListed, vec![key])),
        () if !withdrawn.is_empty() => Some((NotExpected::NoLongerListed, withdrawn)),
        () if !instrument.data_types.is_empty() => None,
        () if instrument.dataset_symbol.is_none() => Some((NotExpected::NoFiles, vec![key])),
        () => Some((NotExpected::NoDataTypes, vec![key])),
    }
}

/// Whether a venue that the vendor records on the day has no expected partition because of gaps in the table, and not because
/// of the user's filters.
fn is_without_expectation(
    venue: &str,
    taken: &[&Instrument],
    expectation: &DayExpectation,
    table: &DayTable,
    selection: &Selection,
) -> bool {
    let of_venue = |i: &&&Instrument| i.key.venue() == venue;
    let note = table.venues.get(venue);
    let has = |wanted: &[NotExpected]| note.is_some_and(|n| wanted.iter().any(|r| n.contains_key(r)));
    let is_expected = expectation.partitions.iter().any(|e| e.partition.key.venue() == venue);
    if is_expected || has(&[NotExpected::Closed, NotExpected::NotYetOpen]) {
        return false;
    }
    let has_rows = taken.iter().any(|i| of_venue(&i));
    let has_types = taken.iter().filter(of_venue).any(|i| !i.data_types.is_empty());
    let is_filtered = !selection.patterns.is_empty() || !selection.instrument_types.is_empty();
    let is_unknown = has(&[NotExpected::UnknownDataType, NotExpected::UnknownType, NotExpected::NoKey]);
    (has_rows && !has_types) || is_unknown || (!has_rows && !is_filtered && table.knows(venue))
}

fn needs_acceptance(taken: &[&Instrument], there: &BTreeMap<Partition, ObjectState>, day: Day) -> bool {
    let mut venues: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for instrument in taken {
        let is_lost = !instrument.is_listed || !instrument.withdrawn_data_types.is_empty();
        let (lost, all) = venues.entry(instrument.key.venue()).or_default();
        *all += 1;
        *lost += usize::from(is_lost);
        let has_object = |data_type: &mtdh_core::DataType| {
            let (data_type, key) = (*data_type, instrument.key.clone());
            there.contains_key(&Partition { day, data_type, key })
        };
        if instrument.withdrawn_data_types.iter().any(has_object) {
            return true;
        }
    }
    venues.values().any(|(lost, all)| *lost as f64 > *all as f64 * MAX_LOST_SHARE)
}
