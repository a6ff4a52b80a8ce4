//! Several selections, one result. A partition that two selections have is fetched once; in counts it is in each.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use crate::candles::CandlePlan;
use crate::check::{CheckPlan, CheckReport};
use crate::download::plan::{DownloadTask, Plan};
use crate::instruments::InstrumentsReport;
use crate::names::Names;
use crate::validate::proof::Proof;
use crate::validate::recheck::Recheck;
use crate::validate::{Counts, Line, ValidationReport};

impl Plan {
    /// Both plans as one: a file that both have is fetched once, for the partitions of both.
    pub fn merge(&mut self, other: Plan) {
        let mut places: BTreeMap<String, usize> =
            self.units.iter().enumerate().map(|(place, unit)| (unit.file.path(), place)).collect();
        for unit in other.units {
            match places.entry(unit.file.path()) {
                Entry::Vacant(place) => {
                    place.insert(self.units.len());
                    self.units.push(unit);
                }
                Entry::Occupied(place) => join(&mut self.units[*place.get()], unit),
            }
        }
        for (line, count) in other.skipped {
            *self.skipped.entry(line).or_default() += count;
        }
        union(&mut self.days_without_instruments, other.days_without_instruments);
        union(&mut self.venues_without_instruments, other.venues_without_instruments);
        union(&mut self.venues_without_expectation, other.venues_without_expectation);
        union(&mut self.not_expected, other.not_expected);
        union(&mut self.withdrawn, other.withdrawn);
        union(&mut self.unavailable, other.unavailable);
        self.names.merge(other.names);
        self.needs_acceptance |= other.needs_acceptance;
        self.native_keys += other.native_keys;
        self.former_key_objects += other.former_key_objects;
    }
}

/// Adds the partitions of a task for the same file.
fn join(task: &mut DownloadTask, other: DownloadTask) {
    let known: BTreeSet<_> = task.members.iter().map(|member| member.partition.clone()).collect();
    task.members.extend(other.members.into_iter().filter(|member| !known.contains(&member.partition)));
    task.members.sort_by(|a, b| a.partition.key.cmp(&b.partition.key));
}

impl InstrumentsReport {
    /// Both reports as one. A venue's row counts that both have are of the same table.
    pub fn merge(&mut self, other: InstrumentsReport) {
        for of in other.days {
            match self.days.iter_mut().find(|known| known.day == of.day) {
                Some(known) => {
                    known.counts.extend(of.counts);
                    known.added += of.added;
                    known.removed += of.removed;
                    known.changed += of.changed;
                }
                None => self.days.push(of),
            }
        }
        self.days.sort_by(|a, b| a.day.cmp(&b.day));
        self.aggregate = self.aggregate.take().or(other.aggregate);
        union(&mut self.native_keys, other.native_keys);
        union(&mut self.shared_keys, other.shared_keys);
        union(&mut self.not_expected, other.not_expected);
        union(&mut self.withdrawn, other.withdrawn);
        union(&mut self.unavailable, other.unavailable);
    }
}

impl Names {
    fn merge(&mut self, other: Names) {
        union(&mut self.never_existed, other.never_existed);
        union(&mut self.not_alive, other.not_alive);
        union(&mut self.alive_and_missing, other.alive_and_missing);
        union(&mut self.notes, other.notes);
    }
}

impl ValidationReport {
    /// Both reports as one, and its verdict.
    pub fn merge(&mut self, other: ValidationReport) {
        let of = |line: &Line| (line.day.clone(), line.venue.clone(), line.instrument_type, line.data_type);
        let mut lines: BTreeMap<_, Line> = BTreeMap::new();
        for line in std::mem::take(&mut self.lines).into_iter().chain(other.lines) {
            match lines.entry(of(&line)) {
                Entry::Vacant(place) => drop(place.insert(line)),
                Entry::Occupied(mut known) => add(&mut known.get_mut().counts, &line.counts),
            }
        }
        self.lines = lines.into_values().collect();
        let known: BTreeSet<(String, String, &str)> = self
            .missing
            .iter()
            .map(|missing| (missing.day.clone(), missing.instrument_key.clone(), missing.data_type))
            .collect();
        let is_new = |missing: &crate::validate::MissingPartition| {
            !known.contains(&(missing.day.clone(), missing.instrument_key.clone(), missing.data_type))
        };
        self.missing.extend(other.missing.into_iter().filter(is_new));
        union(&mut self.partial, other.partial);
        union(&mut self.days_without_instruments, other.days_without_instruments);
        union(&mut self.venues_without_instruments, other.venues_without_instruments);
        union(&mut self.venues_without_expectation, other.venues_without_expectation);
        self.names.merge(other.names);
        union(&mut self.not_expected, other.not_expected);
        union(&mut self.withdrawn, other.withdrawn);
        self.needs_acceptance |= other.needs_acceptance;
        self.unexpected_objects += other.unexpected_objects;
        union(&mut self.unexpected_examples, other.unexpected_examples);
        self.former_key_objects += other.former_key_objects;
        self.former_key_venues.extend(other.former_key_venues);
        self.native_keys += other.native_keys;
        union(&mut self.native_examples, other.native_examples);
        union(&mut self.days_not_exported, other.days_not_exported);
        self.failed_files += other.failed_files;
        self.read_whole += other.read_whole;
        self.proof.merge(other.proof);
        add(&mut self.totals, &other.totals);
        self.not_stored = self.not_stored.take().or(other.not_stored);
        match (&mut self.recheck, other.recheck) {
            (Some(known), Some(more)) => known.merge(more),
            (none @ None, more) => *none = more,
            (Some(_), None) => {}
        }
        self.conclude();
    }
}

fn add(counts: &mut Counts, more: &Counts) {
    counts.stored += more.stored;
    counts.empty += more.empty;
    counts.absent += more.absent;
    counts.missing += more.missing;
    counts.not_exported_yet += more.not_exported_yet;
}

impl Proof {
    fn merge(&mut self, other: Proof) {
        self.verified += other.verified;
        self.without_checksums += other.without_checksums;
        self.never += other.never;
        self.oldest = match (self.oldest.take(), other.oldest) {
            (Some(one), Some(another)) => Some(one.min(another)),
            (one, another) => one.or(another),
        };
        union(&mut self.damaged, other.damaged);
    }
}

impl Recheck {
    fn merge(&mut self, other: Recheck) {
        self.files += other.files;
        self.left += other.left;
        self.reissued.extend(other.reissued);
        self.failures.extend(other.failures);
    }
}

impl CheckReport {
    /// Both reports as one. A finding that both have stands once.
    pub fn merge(&mut self, other: CheckReport) {
        self.findings.extend(other.findings);
        self.partitions.extend(other.partitions);
        self.rows += other.rows;
        self.files += other.files;
        for (check, count) in other.looked_at {
            *self.looked_at.entry(check).or_default() += count;
        }
        self.looked.extend(other.looked);
        self.comparisons.extend(other.comparisons);
        union(&mut self.notes, other.notes);
        self.is_interrupted |= other.is_interrupted;
        self.sort();
        self.findings.dedup();
    }
}

impl CheckPlan {
    /// The same checks, with the vendor's incident reports of both.
    pub fn merge(&mut self, other: CheckPlan) {
        self.incidents.extend(other.incidents);
    }
}

impl CandlePlan {
    /// Both plans as one. What both would make is made once for each: it has the same bytes.
    pub fn merge(&mut self, other: CandlePlan) {
        self.units.extend(other.units);
        for (counts, more) in
            [(&mut self.up_to_date, other.up_to_date), (&mut self.other_shard, other.other_shard)]
        {
            for (place, count) in more {
                *counts.entry(place).or_default() += count;
            }
        }
        union(&mut self.without_trades, other.without_trades);
        union(&mut self.lacking, other.lacking);
        union(&mut self.unknown, other.unknown);
    }
}

/// Adds the items that are not there, in their order. For short lists.
fn union<T: PartialEq>(items: &mut Vec<T>, more: Vec<T>) {
    let before = items.len();
    for item in more {
        if !items[..before].contains(&item) {
            items.push(item);
        }
    }
}
