//! A plan in the lake: the work of a run, the same for every worker.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use mtdh_core::instrument::Instrument;
use mtdh_core::key::InstrumentKey;
use mtdh_core::nearest::nearest;
use mtdh_core::partition::{Partition, Shard};
use mtdh_core::shards::{Part, balanced, interleaved, parts};
use mtdh_core::{DataType, Day};
use mtdh_lake::tables::plan::PlanRow;
use mtdh_lake::{Lake, WriteMode};
use mtdh_source::tardis::vendor_file::VendorFile;
use sha2::{Digest, Sha256};

use crate::download::plan::{DownloadTask, TaskPartition, grouped};
use crate::error::EngineError;
use mtdh_lake::inventory::{ObjectState, Verify, inventory};

/// Version of the plan's format and of the way it is divided.
const PLAN_VERSION: &str = "3";
const VERSION: &str = "mtdh.plan_version";
const PROGRAM: &str = "mtdh.program_version";
const HASH: &str = "mtdh.plan_sha256";

/// Cost of one file besides its rows, in rows: a request, the start of a conversion, an upload.
const FILE_WEIGHT: u64 = 2_000;
/// Assumed rows of a partition without statistics at the vendor.
const UNKNOWN_ROWS: u64 = 20_000;

/// A run's plan, as stored in the lake.
#[derive(Clone, Debug)]
pub struct SavedPlan {
    /// The run's name.
    pub run_id: String,
    /// Its files, sorted by path. A task's index here is its number in progress objects.
    pub units: Vec<DownloadTask>,
    /// Expected cost of each file, in rows; in the order of `units`.
    pub weights: Vec<u64>,
    /// SHA-256 of the rows, lower-case hexadecimal.
    pub hash: String,
}

/// The result of saving a plan.
#[derive(Clone, Debug)]
pub struct Saved {
    /// The run's name.
    pub run_id: String,
    /// Number of files.
    pub files: usize,
    /// SHA-256 of the rows, lower-case hexadecimal.
    pub hash: String,
}

/// The part of a run's plan that decides how it is divided: all that a monitor needs.
#[derive(Clone, Debug, Default)]
pub struct Outline {
    /// Its files in the order of the plan: path, day and weight.
    pub files: Vec<(Box<str>, Day, u64)>,
    /// SHA-256 of the rows, lower-case hexadecimal.
    pub hash: String,
}

impl Outline {
    /// Loads the outline of a run's plan.
    ///
    /// # Errors
    /// As [`SavedPlan::load`].
    pub async fn load(lake: &Lake, run_id: &str) -> Result<Outline, EngineError> {
        let mut files: Vec<(Box<str>, Day, u64)> = Vec::new();
        let hash = read(lake, run_id, |row| {
            if files.last().is_none_or(|(path, ..)| **path != *row.file) {
                files.push((row.file.into(), row.partition.day, row.weight));
            }
        });
        let hash = hash.await?;
        Ok(Outline { files, hash })
    }

    /// As [`SavedPlan::parts`].
    pub fn parts(&self, total: u32) -> BTreeMap<Part, Vec<usize>> {
        let files: Vec<(Day, u64, &str)> =
            self.files.iter().map(|(path, day, weight)| (*day, *weight, &**path)).collect();
        cut(&files, total)
    }
}

impl SavedPlan {
    /// Saves tasks as the plan of a new run.
    ///
    /// # Errors
    /// When the run's name is not valid, the store fails, or the run has a plan already.
    pub async fn save(lake: &Lake, run_id: &str, units: &[DownloadTask]) -> Result<Saved, EngineError> {
        SavedPlan::check_unused(lake, run_id).await?;
        lake.check_writable().await?;
        let order = order(units);
        let hash = hash(rows(units, &order));
        lake.put_plan(run_id, &facts(&hash), rows(units, &order), WriteMode::Create).await?;
        Ok(Saved { run_id: run_id.to_owned(), files: units.len(), hash })
    }

    /// Gives partitions of a run's plan other keys: `renamed` returns the new key of a row, or `None`. The division into parts
    /// stays: it goes by files. Returns whether the plan has such rows. A plan of another version of the program stays: no worker
    /// of this one works on it.
    ///
    /// # Errors
    /// When the store fails, or the plan is not what was saved.
    pub async fn rekey(
        lake: &Lake,
        run_id: &str,
        renamed: impl Fn(&PlanRow) -> Option<InstrumentKey>,
        dry_run: bool,
    ) -> Result<bool, EngineError> {
        let Some(plan) = lake.plan(run_id).await? else { return Ok(false) };
        if plan.facts.get(PROGRAM).map(String::as_str) != Some(env!("CARGO_PKG_VERSION")) {
            return Ok(false);
        }
        let (mut all, mut is_changed) = (Vec::new(), false);
        read(lake, run_id, |mut row| {
            if let Some(key) = renamed(&row) {
                row.partition.key = key;
                is_changed = true;
            }
            all.push(row);
        })
        .await?;
        if is_changed && !dry_run {
            // The rows of a file are sorted.
            all.sort_by(|a, b| a.file.cmp(&b.file).then_with(|| a.cmp(b)));
            let facts = facts(&hash(all.iter().cloned()));
            lake.put_plan(run_id, &facts, all.into_iter(), WriteMode::Overwrite).await?;
        }
        Ok(is_changed)
    }

    /// Refuses the name of a run that has a plan already.
    ///
    /// # Errors
    /// When it has one, the name is not valid, or the store fails.
    pub async fn check_unused(lake: &Lake, run_id: &str) -> Result<(), EngineError> {
        check_name(run_id)?;
        if lake.has_plan(run_id).await? {
            Err(EngineError::RunExists { run_id: run_id.to_owned() })
        } else {
            Ok(())
        }
    }

    /// Loads a run's plan.
    ///
    /// # Errors
    /// When there is none, another version of the program made it, or it is not what was saved.
    pub async fn load(lake: &Lake, run_id: &str) -> Result<SavedPlan, EngineError> {
        let (mut units, mut weights, mut no_file): (Vec<DownloadTask>, Vec<u64>, _) =
            (Vec::new(), Vec::new(), None);
        let nobody: Arc<HashSet<String>> = Arc::default();
        let hash = read(lake, run_id, |row| {
            let PlanRow { file: path, is_group, weight, partition, symbol, expected_rows, replaces } = row;
            let Some(file) = VendorFile::from_path(&path) else {
                no_file = Some(path);
                return;
            };
            let member = TaskPartition { partition, symbol, expected_rows, replaces };
            match units.last_mut().filter(|unit| unit.file == file) {
                Some(unit) => unit.members.push(member),
                None => {
                    units.push(DownloadTask { file, members: vec![member], is_group, known: nobody.clone() });
                    weights.push(weight);
                }
            }
        });
        let hash = hash.await?;
        if let Some(path) = no_file {
            let reason = format!("`{path}` is no file");
            return Err(EngineError::WrongPlan { run_id: run_id.to_owned(), reason });
        }
        // The symbols that a grouped file may hold come from the day's table, as when the plan was made.
        let mut tables: HashMap<Day, Vec<Instrument>> = HashMap::new();
        for unit in units.iter_mut().filter(|unit| unit.is_group) {
            let day = unit.file.day;
            let table = match tables.entry(day) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(place) => {
                    place.insert(lake.instruments(day).await?.ok_or(EngineError::NoInstruments(day))?)
                }
            };
            unit.known = grouped::known(table, &unit.file);
        }
        Ok(SavedPlan { run_id: run_id.to_owned(), units, weights, hash })
    }

    /// Divides the plan into `total` shards, and each shard into parts: the numbers of each part's tasks, in the order of
    /// work. A part has at least one task; small shards have fewer parts.
    pub fn parts(&self, total: u32) -> BTreeMap<Part, Vec<usize>> {
        let paths: Vec<String> = self.units.iter().map(|unit| unit.file.path()).collect();
        let files = self.units.iter().zip(&self.weights).zip(&paths);
        let files: Vec<(Day, u64, &str)> =
            files.map(|((unit, weight), path)| (unit.file.day, *weight, path.as_str())).collect();
        cut(&files, total)
    }

    /// Whether the lake has an answer for each partition of a task, by the result of [`SavedPlan::inventory`].
    pub fn is_answered(&self, unit: usize, there: &BTreeMap<Partition, ObjectState>) -> bool {
        let is_there =
            |member: &TaskPartition| matches!(there.get(&member.partition), Some(ObjectState::Answered(_)));
        self.units.get(unit).is_some_and(|unit| unit.members.iter().all(is_there))
    }

    /// The lake's objects of the partitions of these tasks.
    ///
    /// # Errors
    /// When the lake cannot be read.
    pub async fn inventory(
        &self,
        lake: &Lake,
        units: &[usize],
    ) -> Result<BTreeMap<Partition, ObjectState>, EngineError> {
        let mut days: BTreeMap<Day, Vec<DataType>> = BTreeMap::new();
        for unit in units {
            let VendorFile { day, data_type, .. } = self.units[*unit].file;
            let types = days.entry(day).or_default();
            if !types.contains(&data_type) {
                types.push(data_type);
            }
        }
        let mut found = BTreeMap::new();
        for (day, types) in days {
            found.append(&mut inventory(lake, day, &types, Verify::Index).await?);
        }
        Ok(found)
    }
}

/// A file's weight: its expected rows, by the vendor's statistics if available, plus a fixed cost.
pub fn weight(unit: &DownloadTask) -> u64 {
    let rows: u64 = unit.members.iter().map(|m| m.expected_rows.unwrap_or(UNKNOWN_ROWS)).sum();
    FILE_WEIGHT + rows
}

/// The footer's pairs of a plan with this hash.
fn facts(hash: &str) -> BTreeMap<String, String> {
    let facts = [(VERSION, PLAN_VERSION), (PROGRAM, env!("CARGO_PKG_VERSION")), (HASH, hash)];
    facts.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

/// The order of the table: by path as text.
fn order(units: &[DownloadTask]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..units.len()).collect();
    order.sort_by(|a, b| units[*a].file.cmp_by_path(&units[*b].file));
    order
}

/// The rows of a plan in the order of the table, each made when it is needed.
fn rows<'a>(units: &'a [DownloadTask], order: &'a [usize]) -> impl Iterator<Item = PlanRow> + 'a {
    order.iter().flat_map(|unit| rows_of(&units[*unit]))
}

fn rows_of(unit: &DownloadTask) -> Vec<PlanRow> {
    let (weight, file) = (weight(unit), unit.file.path());
    let row = |member: &TaskPartition| PlanRow {
        file: file.clone(),
        is_group: unit.is_group,
        weight,
        partition: member.partition.clone(),
        symbol: member.symbol.clone(),
        expected_rows: member.expected_rows,
        replaces: member.replaces,
    };
    let mut rows: Vec<PlanRow> = unit.members.iter().map(row).collect();
    rows.sort();
    rows
}

/// That there is no such run, with those that may be meant.
pub(crate) async fn no_run(lake: &Lake, run_id: &str) -> EngineError {
    EngineError::NoRun { run_id: run_id.to_owned(), suggestions: runs_like(lake, run_id).await }
}

/// Runs that a name may mean.
pub(crate) async fn runs_like(lake: &Lake, run_id: &str) -> Vec<String> {
    // What cannot be listed is not suggested.
    let there = lake.runs().await.unwrap_or_default();
    nearest(run_id, there.iter().map(String::as_str), 3).into_iter().map(str::to_owned).collect()
}

/// Passes each row of a run's plan to `each`, in order. Returns the plan's hash if it matches the rows.
async fn read(lake: &Lake, run_id: &str, mut each: impl FnMut(PlanRow)) -> Result<String, EngineError> {
    check_name(run_id)?;
    let plan = lake.plan(run_id).await?;
    let Some(plan) = plan else { return Err(no_run(lake, run_id).await) };
    let fact = |name| plan.facts.get(name).map(String::as_str).unwrap_or_default();
    let wrong = |reason: String| EngineError::WrongPlan { run_id: run_id.to_owned(), reason };
    let ours = (PLAN_VERSION, env!("CARGO_PKG_VERSION"));
    if (fact(VERSION), fact(PROGRAM)) != ours {
        return Err(wrong(format!(
            "mtdh {} made it (form {}), and this is mtdh {} (form {})",
            fact(PROGRAM),
            fact(VERSION),
            ours.1,
            ours.0
        )));
    }
    let mut hasher = Sha256::new();
    plan.for_each(|row| {
        add(&mut hasher, &row);
        each(row);
    })?;
    let hash = hexadecimal(hasher);
    if fact(HASH) != hash {
        return Err(wrong(format!("its rows have the hash {hash}, and its footer says {}", fact(HASH))));
    }
    Ok(hash)
}

/// Divides the files into `total` shards, and each shard into parts.
fn cut(files: &[(Day, u64, &str)], total: u32) -> BTreeMap<Part, Vec<usize>> {
    let items: Vec<(&str, u64)> = files.iter().map(|(_, weight, path)| (*path, *weight)).collect();
    let mut shards: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for (number, index) in balanced(&items, total).into_iter().enumerate() {
        shards.entry(index).or_default().push(number);
    }
    let mut cut: BTreeMap<Part, Vec<usize>> = BTreeMap::new();
    for (index, own) in shards {
        let Ok(shard) = Shard::new(index, total) else { continue };
        let days: Vec<(Day, u64, &str)> = own.iter().map(|file| files[*file]).collect();
        let order = interleaved(&days, index as usize).into_iter().map(|place| own[place]);
        let order: Vec<usize> = order.collect();
        let weights: Vec<u64> = order.iter().map(|file| files[*file].1).collect();
        for (file, number) in order.into_iter().zip(parts(&weights)) {
            cut.entry(Part { shard, number }).or_default().push(file);
        }
    }
    cut
}

/// SHA-256 of the rows as text: one row a line, cells separated by tabs, which no cell contains.
fn hash(rows: impl Iterator<Item = PlanRow>) -> String {
    let mut hasher = Sha256::new();
    rows.for_each(|row| add(&mut hasher, &row));
    hexadecimal(hasher)
}

fn add(hasher: &mut Sha256, row: &PlanRow) {
    let PlanRow { file, is_group, weight, partition, symbol, expected_rows, replaces } = row;
    let expected = expected_rows.map_or_else(|| "-".to_owned(), |rows| rows.to_string());
    hasher.update(format!("{file}\t{is_group}\t{weight}\t{partition}\t{symbol}\t{expected}\t{replaces}\n"));
}

fn hexadecimal(hasher: Sha256) -> String {
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Checks a run's name, which becomes a folder of the lake.
pub(crate) fn check_name(run_id: &str) -> Result<(), EngineError> {
    let is_fit = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let starts_well = run_id.starts_with(|c: char| c.is_ascii_alphanumeric());
    if starts_well && run_id.len() <= 100 && run_id.chars().all(is_fit) {
        Ok(())
    } else {
        Err(EngineError::BadRunName { run_id: run_id.to_owned() })
    }
}

/// The newest token of each part of a run that was started.
///
/// # Errors
/// When the lake cannot be listed.
pub async fn newest_tokens(lake: &Lake, run_id: &str) -> Result<BTreeMap<Part, u32>, EngineError> {
    check_name(run_id)?;
    let mut newest: BTreeMap<Part, u32> = BTreeMap::new();
    for (part, token, _) in lake.list_part_progress(run_id).await? {
        newest.entry(part).and_modify(|known| *known = token.max(*known)).or_insert(token);
    }
    Ok(newest)
}

#[cfg(test)]
mod tests {
    use mtdh_lake::LakeOptions;
    use proptest::prelude::*;

    use super::*;

    fn unit(number: i64, rows: Option<u64>) -> DownloadTask {
        let (day, data_type) = (Day::new(2024, 3, 1).unwrap().plus(number % 7), DataType::Trades);
        let partition =
            Partition { day, data_type, key: format!("DERIBIT:PERP:B{number}-USD").parse().unwrap() };
        let symbol = format!("B{number}-PERPETUAL");
        let file = VendorFile { exchange: "deribit".into(), data_type, day, symbol: symbol.clone() };
        let member = TaskPartition { partition, symbol, expected_rows: rows, replaces: number % 5 == 0 };
        DownloadTask { file, members: vec![member], is_group: false, known: Arc::default() }
    }

    /// Footer and rows of a plan.
    fn table(units: &[DownloadTask]) -> (BTreeMap<String, String>, Vec<PlanRow>) {
        let rows: Vec<PlanRow> = rows(units, &order(units)).collect();
        let hash = hash(rows.iter().cloned());
        let facts = [(VERSION, PLAN_VERSION), (PROGRAM, env!("CARGO_PKG_VERSION")), (HASH, &hash)];
        (BTreeMap::from(facts.map(|(name, value)| (name.to_owned(), value.to_owned()))), rows)
    }

    fn outline(units: &[DownloadTask]) -> Outline {
        let (facts, rows) = table(units);
        let files = rows.into_iter().map(|row| (row.file.into(), row.partition.day, row.weight));
        Outline { files: files.collect(), hash: facts[HASH].clone() }
    }

    proptest! {
        #[test]
        fn the_shards_are_the_plan_without_overlap_whatever_the_order_of_its_units(
            rows in proptest::collection::vec(proptest::option::of(0_u64..10_000_000), 1..120),
            total in 1_u32..12,
        ) {
            let mut units: Vec<DownloadTask> = rows.iter().enumerate().map(|(i, rows)| unit(i as i64, *rows)).collect();
            let plan = outline(&units);
            units.reverse();
            let same = outline(&units);
            prop_assert_eq!(&plan.hash, &same.hash);
            let mut seen = vec![0; units.len()];
            let cut = plan.parts(total);
            cut.values().flatten().for_each(|unit| seen[*unit] += 1);
            prop_assert!(cut.iter().all(|(part, units)| part.shard.total() == total && !units.is_empty()));
            prop_assert_eq!(cut, same.parts(total));
            prop_assert!(seen.iter().all(|times| *times == 1), "{seen:?}");
        }
    }

    #[tokio::test]
    async fn a_plan_reads_back_and_one_that_was_changed_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let lake = Lake::open(folder.path().to_str().unwrap(), &LakeOptions::default()).unwrap();
        let units: Vec<DownloadTask> = (0..20).map(|i| unit(i, (i % 2 == 0).then_some(i as u64))).collect();
        let saved = SavedPlan::save(&lake, "a-run", &units).await.unwrap();
        let read = SavedPlan::load(&lake, "a-run").await.unwrap();
        let outline = Outline::load(&lake, "a-run").await.unwrap();
        assert_eq!((&saved.hash, saved.files), (&read.hash, 20));
        assert_eq!((&saved.hash, outline.files.len()), (&outline.hash, 20));
        assert_eq!(read.units.len(), 20);
        for total in [1, 3] {
            assert_eq!(read.parts(total), outline.parts(total));
        }
        let weights: BTreeMap<String, u64> = units.iter().map(|u| (u.file.path(), weight(u))).collect();
        let found = read.units.iter().map(|u| u.file.path()).zip(read.weights.iter().copied());
        assert_eq!(found.collect::<BTreeMap<_, _>>(), weights);
        // An empty plan is valid too.
        SavedPlan::save(&lake, "nothing", &[]).await.unwrap();
        assert!(SavedPlan::load(&lake, "nothing").await.unwrap().units.is_empty());
        assert!(matches!(SavedPlan::load(&lake, "no-run").await, Err(EngineError::NoRun { .. })));
        for name in ["", "..", "a/b", "a b", ".x"] {
            let refused = SavedPlan::load(&lake, name).await;
            assert!(matches!(refused, Err(EngineError::BadRunName { .. })), "{name}");
        }
        let (facts, mut other) = table(&units);
        other[3].weight += 1;
        lake.put_plan("changed", &facts, other.into_iter(), WriteMode::Create).await.unwrap();
        let (mut facts, rows) = table(&units);
        facts.insert(PROGRAM.to_owned(), "0.0.1".to_owned());
        lake.put_plan("old", &facts, rows.into_iter(), WriteMode::Create).await.unwrap();
        for (run, words) in [("changed", "its rows have the hash"), ("old", "mtdh 0.0.1 made it")] {
            let refused = SavedPlan::load(&lake, run).await.unwrap_err();
            assert!(refused.to_string().contains(words), "{refused}");
        }
        let second = SavedPlan::save(&lake, "a-run", &units[..3]).await;
        assert!(matches!(second, Err(EngineError::RunExists { .. })), "a run has one plan");
    }
}
