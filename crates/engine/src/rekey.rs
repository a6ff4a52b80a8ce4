//! Moves a lake to the keys of this version: day tables, objects, candles, reports and open plans.
//!
//! A table comes first: it then has the new key and the former one among its aliases, so that a move that was interrupted goes
//! on where it stopped. Whose object a former key names is told by the symbol in the object's footer, never by the key alone.

mod moves;

use std::collections::{BTreeMap, BTreeSet};

use mtdh_core::error::chain;
use mtdh_core::instrument::Instrument;
use mtdh_core::key::{InstrumentKey, KEY_VERSION};
use mtdh_core::partition::Partition;
use mtdh_core::venue::exchange_of_venue;
use mtdh_core::{DataType, Day, DayRange};
use mtdh_lake::tables::plan::PlanRow;
use mtdh_lake::{Entry, Lake};
use mtdh_source::tardis::metadata::Also;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::error::EngineError;
use crate::fleet::saved_plan::SavedPlan;
use crate::instruments::{InstrumentSource, ask};
use crate::runs::phase;
use moves::{Candidate, Object, Ordered, Owner, ordered, owner};

/// Days whose lists are asked for at once.
const DAYS_AT_ONCE: usize = 31;

/// How to change keys.
#[derive(Clone, Debug, Default)]
pub struct RekeyOptions {
    /// The days; `None`: every day of the lake.
    pub days: Option<DayRange>,
    /// Whether only to tell what would be done.
    pub dry_run: bool,
    /// Cancel it to end early, between two objects.
    pub stop: CancellationToken,
}

/// What was moved, or would be.
#[derive(Clone, Debug, Default, Serialize)]
pub struct RekeyReport {
    /// Days that were looked at.
    pub days: usize,
    /// Days with objects and without an instrument table: whose they are cannot be told.
    pub days_without_table: Vec<String>,
    /// Rows of day tables with another key, as `DAY FORMER_KEY NEW_KEY`.
    pub rows: Vec<String>,
    /// Objects with another key.
    pub moved: Vec<Move>,
    /// Objects that stay, each with the reason.
    pub refused: Vec<Refusal>,
    /// Runs whose plan has other keys.
    pub plans: Vec<String>,
    /// Whether it was only told what would be done.
    pub dry_run: bool,
    /// Whether it was ended early.
    pub stopped: bool,
}

/// An object that moved.
#[derive(Clone, Debug, Serialize)]
pub struct Move {
    /// The day.
    pub day: String,
    /// The data type, or `candles` and the timeframe.
    pub what: String,
    /// The former key.
    pub from: String,
    /// The new key.
    pub to: String,
    /// Size of the object, in bytes.
    pub bytes: u64,
}

/// An object that keeps its former key.
#[derive(Clone, Debug, Serialize)]
pub struct Refusal {
    /// The day.
    pub day: String,
    /// The data type, or `candles` and the timeframe.
    pub what: String,
    /// The key.
    pub key: String,
    /// Why it stays, and what to do.
    pub reason: String,
}

/// Changes the keys of a lake to those of this version.
///
/// # Errors
/// When the lake fails, or the vendor's lists cannot be fetched.
pub async fn rekey(
    lake: &Lake,
    source: &InstrumentSource<'_>,
    options: &RekeyOptions,
) -> Result<RekeyReport, EngineError> {
    if !options.dry_run {
        lake.check_writable().await?;
    }
    let meant = |day: &Day| options.days.is_none_or(|range| range.first() <= *day && *day <= range.last());
    let days: BTreeSet<Day> = lake.days_with_instruments().await?.into_iter().filter(meant).collect();
    let with_objects = lake.days_with_partitions().await?.into_iter().filter(meant);
    let without_table = with_objects.filter(|day| !days.contains(day)).map(|day| day.to_string()).collect();
    let report =
        RekeyReport { dry_run: options.dry_run, days_without_table: without_table, ..RekeyReport::default() };
    let mut run = Run { lake, options, report, tables: BTreeMap::new() };
    let days: Vec<Day> = days.into_iter().collect();
    let phase = phase::begin("moving to new keys", "day", days.len());
    for piece in days.chunks(DAYS_AT_ONCE) {
        let names = run.new_names(source, piece).await?;
        for day in piece {
            if options.stop.is_cancelled() {
                run.report.stopped = true;
                return Ok(run.report);
            }
            run.day(*day, &names).await?;
            phase.done();
            run.report.days += 1;
        }
    }
    run.plans().await?;
    Ok(run.report)
}

/// The instruments of the vendor's lists, by day, exchange and the vendor's symbol.
type Names = BTreeMap<(Day, String, String), Instrument>;

struct Run<'a> {
    lake: &'a Lake,
    options: &'a RekeyOptions,
    report: RekeyReport,
    /// The tables with the new keys, for the plans.
    tables: BTreeMap<Day, Vec<Instrument>>,
}

impl Run<'_> {
    async fn new_names(&self, source: &InstrumentSource<'_>, days: &[Day]) -> Result<Names, EngineError> {
        let (InstrumentSource::Vendor(metadata), Some(first), Some(last)) =
            (source, days.first(), days.last())
        else {
            return Ok(Names::new());
        };
        let mut exchanges = BTreeSet::new();
        for day in days {
            let rows = self.lake.instruments(*day).await?.unwrap_or_default();
            exchanges.extend(rows.iter().map(|row| exchange_of_venue(row.key.venue())));
        }
        let range = DayRange::new(*first, *last).expect("days are in order");
        let mut listings = Vec::new();
        for exchange in exchanges {
            // Rows of an exchange that cannot be had would keep their old keys. The first one ends the work: without a network,
            // each of the others would be waited for as long.
            listings.extend(ask(metadata, &[exchange], range, &Also::default()).await?.listings);
        }
        let mut names = Names::new();
        for (day, listing) in days.iter().flat_map(|day| listings.iter().map(move |l| (*day, l))) {
            for instrument in listing.on(day).instruments {
                names.insert((day, instrument.exchange.clone(), instrument.raw_symbol.clone()), instrument);
            }
        }
        Ok(names)
    }

    async fn day(&mut self, day: Day, names: &Names) -> Result<(), EngineError> {
        let rows = self.table(day, names).await?;
        let mut moves = self.partitions(day, &rows).await?;
        moves.extend(self.candles(day, &rows, &moves).await?);
        for candidate in moves {
            if self.options.stop.is_cancelled() {
                self.report.stopped = true;
                break;
            }
            self.carry_out(day, candidate).await?;
        }
        self.tables.insert(day, rows);
        Ok(())
    }

    /// Gives the rows of a day's table their new keys.
    async fn table(&mut self, day: Day, names: &Names) -> Result<Vec<Instrument>, EngineError> {
        let mut renamed = Vec::new();
        let mut rename = |rows: &mut Vec<Instrument>| {
            renamed.clear();
            for row in rows.iter_mut() {
                let Some(new) = names.get(&(day, row.exchange.clone(), row.raw_symbol.clone())) else {
                    continue;
                };
                let former = row.clone();
                row.key = new.key.clone();
                row.aliases = new.aliases.clone();
                row.keep_names_of(&former);
                row.canonical = new.canonical;
                row.native_reason = new.native_reason.clone();
                if former.key != row.key {
                    renamed.push(format!("{day} {} {}", former.key, row.key));
                }
            }
        };
        let mut rows = self.lake.instruments(day).await?.unwrap_or_default();
        if self.options.dry_run {
            rename(&mut rows);
        } else {
            self.lake
                .update_instruments(day, |table| {
                    rename(&mut table.instruments);
                    let of_day = names.iter().filter(|((of, ..), _)| *of == day);
                    let venues: BTreeSet<&str> = of_day.map(|(_, new)| new.key.venue()).collect();
                    let venues = venues.into_iter().map(|venue| (venue.to_owned(), KEY_VERSION));
                    table.key_versions.extend(venues);
                })
                .await?;
            rows = self.lake.instruments(day).await?.unwrap_or_default();
        }
        self.report.rows.append(&mut renamed);
        Ok(rows)
    }

    /// The day's objects under a former key, in an order in which each finds its place free.
    async fn partitions(&mut self, day: Day, rows: &[Instrument]) -> Result<Vec<Candidate>, EngineError> {
        let mut all = Vec::new();
        for data_type in DataType::ALL {
            let there = self.lake.list_partitions(day, data_type).await?;
            let taken: BTreeSet<InstrumentKey> = there.iter().map(|(p, _)| p.key.clone()).collect();
            let mut candidates = Vec::new();
            for (partition, entry) in there {
                let former = rows.iter().any(|row| is_alias(row, &partition.key));
                if !former {
                    continue;
                }
                let symbol = match self.lake.footer(&entry).await {
                    Ok(footer) => footer.facts.provenance.symbol().to_owned(),
                    Err(error) if error.is_distrust() => {
                        self.refuse(
                            day,
                            data_type.name(),
                            &partition.key,
                            &format!("{error}; validate tells more"),
                        );
                        continue;
                    }
                    Err(error) => return Err(error.into()),
                };
                let Partition { key, .. } = partition;
                match owner(rows, &key, Some(&symbol)) {
                    Owner::Keeps => {}
                    Owner::Moves(to) => {
                        candidates.push(Candidate {
                            what: data_type.name().to_owned(),
                            object: Object::Partition(data_type),
                            from: key,
                            to,
                            entry,
                        });
                    }
                    Owner::Unknown(reason) => self.refuse(day, data_type.name(), &key, &reason),
                }
            }
            all.extend(self.in_order(day, candidates, taken).await?);
        }
        Ok(all)
    }

    /// The day's candles under a former key, as [`Run::partitions`]. `pending` are the moves of the day's partitions.
    async fn candles(
        &mut self,
        day: Day,
        rows: &[Instrument],
        pending: &[Candidate],
    ) -> Result<Vec<Candidate>, EngineError> {
        let mut by_timeframe: BTreeMap<_, Vec<(InstrumentKey, Entry)>> = BTreeMap::new();
        for (timeframe, key, entry) in self.lake.list_candles(day, None).await? {
            by_timeframe.entry(timeframe).or_default().push((key, entry));
        }
        let mut all = Vec::new();
        for (timeframe, there) in by_timeframe {
            let what = format!("candles {timeframe}");
            let taken: BTreeSet<InstrumentKey> = there.iter().map(|(key, _)| key.clone()).collect();
            let mut candidates = Vec::new();
            for (key, entry) in there.into_iter().filter(|(key, _)| rows.iter().any(|row| is_alias(row, key)))
            {
                match self.owner_of_candles(day, rows, &key, &entry, pending).await? {
                    Owner::Keeps => {}
                    Owner::Moves(to) => candidates.push(Candidate {
                        what: what.clone(),
                        object: Object::Candles(timeframe),
                        from: key,
                        to,
                        entry,
                    }),
                    Owner::Unknown(reason) => self.refuse(day, &what, &key, &reason),
                }
            }
            all.extend(self.in_order(day, candidates, taken).await?);
        }
        Ok(all)
    }

    /// Whose candles an object holds. They tell no symbol: where several instruments had the key, the vendor file of their trades
    /// decides.
    async fn owner_of_candles(
        &self,
        day: Day,
        rows: &[Instrument],
        key: &InstrumentKey,
        entry: &Entry,
        pending: &[Candidate],
    ) -> Result<Owner, EngineError> {
        let had_it: Vec<&Instrument> =
            rows.iter().filter(|row| row.key == *key || is_alias(row, key)).collect();
        if had_it.len() == 1 {
            return Ok(owner(rows, key, None));
        }
        let inputs = match self.lake.candle_facts(entry).await {
            Ok(facts) => facts.inputs,
            Err(error) if error.is_distrust() => return Ok(Owner::Unknown(chain(&error))),
            Err(error) => return Err(error.into()),
        };
        let own = format!("{} {day} ", DataType::Trades);
        for row in had_it {
            let of_trades = |m: &&Candidate| m.object == Object::Partition(DataType::Trades);
            let mut moves = pending.iter().filter(of_trades);
            let trades = match moves.clone().find(|m| m.to == row.key) {
                Some(coming) => Some(coming.entry.clone()),
                None if moves.any(|m| m.from == row.key) => None,
                None => {
                    let partition = Partition { day, data_type: DataType::Trades, key: row.key.clone() };
                    self.lake.partition_entry(&partition).await?
                }
            };
            let Some(trades) = trades else { continue };
            let footer = self.lake.footer(&trades).await?;
            let sha256 = footer.facts.provenance.vendor_file().and_then(|file| file.sha256.clone());
            let Some(sha256) = sha256 else { continue };
            if inputs.iter().any(|line| line.starts_with(&own) && line.contains(&sha256)) {
                let is_there = row.key == *key;
                return Ok(if is_there { Owner::Keeps } else { Owner::Moves(row.key.clone()) });
            }
        }
        let reason = "the trades that they were made of are not in the lake; remove them and make them again";
        Ok(Owner::Unknown(reason.to_owned()))
    }

    async fn in_order(
        &mut self,
        day: Day,
        candidates: Vec<Candidate>,
        taken: BTreeSet<InstrumentKey>,
    ) -> Result<Vec<Candidate>, EngineError> {
        let mut free = taken;
        // A place that holds the very object, from a move that was interrupted, is as good as free.
        for candidate in &candidates {
            if free.contains(&candidate.to) && self.is_begun(day, candidate).await? {
                free.remove(&candidate.to);
            }
        }
        let Ordered { moves, refused } = ordered(candidates, free);
        for (candidate, reason) in refused {
            self.refuse(day, &candidate.what, &candidate.from, &reason);
        }
        Ok(moves)
    }

    /// Whether the object at the new key says that it was made from the candidate.
    async fn is_begun(&self, day: Day, candidate: &Candidate) -> Result<bool, EngineError> {
        let there = match candidate.object {
            Object::Partition(data_type) => {
                self.lake.partition_entry(&Partition { day, data_type, key: candidate.to.clone() }).await?
            }
            Object::Candles(timeframe) => {
                let of_day = self.lake.list_candles(day, Some(timeframe)).await?;
                of_day.into_iter().find(|(_, key, _)| *key == candidate.to).map(|(.., entry)| entry)
            }
        };
        let Some(there) = there else { return Ok(false) };
        match self.lake.former_keys(&there).await {
            Ok(former) => Ok(former.last().is_some_and(|key| *key == candidate.from.as_str())),
            Err(error) if error.is_distrust() => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    async fn carry_out(&mut self, day: Day, candidate: Candidate) -> Result<(), EngineError> {
        let Candidate { what, object, from, to, entry } = candidate;
        if !self.options.dry_run {
            let moved = match object {
                Object::Partition(data_type) => {
                    let partition = Partition { day, data_type, key: from.clone() };
                    let moved = self.lake.rekey_partition(&partition, &entry, &to).await;
                    if moved.is_ok() {
                        let new = Partition { key: to.clone(), ..partition.clone() };
                        self.forget(&partition, &new).await?;
                    }
                    moved
                }
                Object::Candles(timeframe) => self.lake.rekey_candles(day, timeframe, &entry, &to).await,
            };
            match moved {
                Ok(_) => {}
                Err(error) if error.is_distrust() || matches!(error, mtdh_lake::LakeError::Exists { .. }) => {
                    self.refuse(day, &what, &from, &chain(&error));
                    return Ok(());
                }
                Err(error) => return Err(error.into()),
            }
        }
        self.report.moved.push(Move {
            day: day.to_string(),
            what,
            from: from.to_string(),
            to: to.to_string(),
            bytes: entry.bytes,
        });
        Ok(())
    }

    /// Takes a moved object out of the day's reports: that of available data is made again from the object, and missing it is
    /// under neither key.
    async fn forget(&self, former: &Partition, new: &Partition) -> Result<(), EngineError> {
        let is_it = |other: &Partition| other == former || other == new;
        self.lake.update_available(former.day, |rows| rows.retain(|other, _| !is_it(other))).await?;
        let missing = self.lake.missing(former.day).await?.unwrap_or_default();
        if missing.iter().any(|row| is_it(&row.partition)) {
            self.lake.update_missing(former.day, &[], is_it).await?;
        }
        Ok(())
    }

    /// Gives the partitions of saved plans their new keys.
    async fn plans(&mut self) -> Result<(), EngineError> {
        for run_id in self.lake.planned_runs().await? {
            let renamed = |row: &PlanRow| {
                let rows = self.tables.get(&row.partition.day)?;
                match owner(rows, &row.partition.key, Some(&row.symbol)) {
                    Owner::Moves(to) => Some(to),
                    Owner::Keeps | Owner::Unknown(_) => None,
                }
            };
            if SavedPlan::rekey(self.lake, &run_id, renamed, self.options.dry_run).await? {
                self.report.plans.push(run_id);
            }
        }
        Ok(())
    }

    fn refuse(&mut self, day: Day, what: &str, key: &InstrumentKey, reason: &str) {
        self.report.refused.push(Refusal {
            day: day.to_string(),
            what: what.to_owned(),
            key: key.to_string(),
            reason: reason.to_owned(),
        });
    }
}

/// Whether a key is a former one of an instrument.
pub(crate) fn is_alias(row: &Instrument, key: &InstrumentKey) -> bool {
    row.key != *key && row.aliases.iter().any(|alias| alias == key.as_str())
}
