//! Makes the candles of a plan, several instruments in parallel.
//!
//! An instrument that fails is recorded and the others continue. A failure that every other instrument would share ends the
//! run.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use arrow_array::RecordBatch;
use futures::StreamExt;
use mtdh_core::DataType;
use mtdh_core::candle::{Candle, CandleBuilder, Repeats};
use mtdh_core::check::finding::moment;
use mtdh_core::error::chain;
use mtdh_core::partition::{Shard, Status};
use mtdh_lake::candles::CandleWriter;
use mtdh_lake::read::ReadCost;
use mtdh_lake::{Lake, LakePath, StagedObject, WriteMode};
use serde::Serialize;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tracing::Span;

use super::CandleError;
use super::columns::times;
use super::feed::{columns, feed};
use super::plan::CandlePlan;
use super::task::CandleTask;
use crate::error::EngineError;
use crate::runs::progress::Progress;
use crate::runs::summary::{RunAbout, RunRecord, RunState, now, text};
use mtdh_lake::followed::LOOKS_AGAIN;

/// The lake, the progress and the options of a run.
#[derive(Clone)]
pub struct CandleRun {
    /// The lake to read rows from and write candles to.
    pub lake: Lake,
    /// Instruments worked on at the same time.
    pub workers: usize,
    /// Counters for a front end; a task is an instrument-day.
    pub progress: Arc<Progress>,
    /// Cancelled to end the run early.
    pub stop: CancellationToken,
    /// The run's name, under which the lake stores its summary.
    pub run_id: String,
    /// The shard that it makes.
    pub shard: Shard,
}

/// The summary of a run.
#[derive(Clone, Debug, Default, Serialize)]
pub struct CandleSummary {
    /// Instrument-days whose candles were made.
    pub instrument_days: usize,
    /// Objects that were written.
    pub objects: usize,
    /// Objects that were up to date.
    pub up_to_date: usize,
    /// Instrument-days of other shards.
    pub other_shard: usize,
    /// Candles in the objects that were written.
    pub candles: u64,
    /// Candles that are not final.
    pub not_final: u64,
    /// Trades of the day in these candles.
    pub trades: u64,
    /// Trades of the day that were sent again; in these candles they count once.
    pub repeated_trades: u64,
    /// Trades of the objects that were read whose `timestamp` is in no interval of the day. Trades of a neighbouring day are
    /// in that day's candles.
    pub trades_outside: u64,
    /// Those of them whose `timestamp` is in neither neighbouring day: they are in no candle.
    pub trades_in_no_candle: u64,
    /// Inputs besides trades that the day's table lists and the lake does not have, as `2024-03-01 DERIBIT:PERP:BTC-USD
    /// liquidations`. The candles' columns of them are null.
    pub lacking: Vec<String>,
    /// Instrument-days that should have trades in the lake and have none, as `2024-03-01 DERIBIT:PERP:BTC-USD`.
    pub without_trades: Vec<String>,
    /// Instrument-days that failed.
    pub failures: Vec<CandleFailure>,
    /// Instrument-days that were not started because the run was cancelled.
    pub left: usize,
    /// What it was about; `None`: nothing was left to make.
    #[serde(flatten)]
    pub about: Option<RunAbout>,
}

/// An instrument-day that failed.
#[derive(Clone, Debug, Serialize)]
pub struct CandleFailure {
    /// The day.
    pub day: String,
    /// The instrument.
    pub instrument_key: String,
    /// The cause with all its sources, in one line.
    pub cause: String,
}

impl CandleSummary {
    /// Whether the lake has the candles of everything that was asked for.
    pub fn is_clean(&self) -> bool {
        self.failures.is_empty()
            && self.without_trades.is_empty()
            && self.lacking.is_empty()
            && self.left == 0
    }
}

/// The result of one instrument-day.
#[derive(Default)]
struct Done {
    objects: usize,
    candles: u64,
    not_final: u64,
    trades: u64,
    repeated_trades: u64,
    trades_outside: u64,
    trades_in_no_candle: u64,
}

impl CandleRun {
    /// Runs a plan. The lake has the summary from the start of the run; an empty plan leaves none.
    ///
    /// # Errors
    /// When the run as a whole cannot continue: the lake's disk is full, or its store refuses.
    pub async fn run(&self, plan: CandlePlan) -> Result<CandleSummary, EngineError> {
        let name = |(day, key): &(mtdh_core::Day, mtdh_core::key::InstrumentKey)| format!("{day} {key}");
        let summary = CandleSummary {
            up_to_date: plan.up_to_date.values().sum(),
            other_shard: plan.other_shard.values().sum(),
            without_trades: plan.without_trades.iter().map(name).collect(),
            lacking: plan.lacking.iter().map(|p| format!("{} {} {}", p.day, p.key, p.data_type)).collect(),
            left: plan.units.len(),
            about: RunAbout::of(plan.units.iter().flat_map(|unit| {
                unit.timeframes.iter().map(|timeframe| (unit.day, unit.key.venue(), *timeframe))
            })),
            ..CandleSummary::default()
        };
        if plan.units.is_empty() {
            return Ok(summary);
        }
        let started = Instant::now();
        let mut record = RunRecord::start(self.run_id.clone(), self.shard, summary);
        self.write(&mut record, started).await?;
        let outcome = self.make(plan, &mut record.done).await;
        record.state = match (&outcome, self.stop.is_cancelled()) {
            (Err(_), _) => RunState::Stopped,
            (Ok(()), true) => RunState::Interrupted,
            (Ok(()), false) => RunState::Done,
        };
        record.ended_by = outcome.as_ref().err().map(|error| chain(error));
        let written = self.write(&mut record, started).await;
        // The error that ended the run takes precedence over a failure to write the record.
        outcome.and(written)?;
        Ok(record.done)
    }

    async fn write(
        &self,
        record: &mut RunRecord<CandleSummary>,
        started: Instant,
    ) -> Result<(), EngineError> {
        (record.updated_at, record.seconds) = (now(), started.elapsed().as_secs_f64());
        Ok(self.lake.put_candle_summary(&self.run_id, self.shard, &text(record)).await?)
    }

    async fn make(&self, plan: CandlePlan, summary: &mut CandleSummary) -> Result<(), EngineError> {
        let phase = self.progress.phase("making candles", "instrument-day");
        self.progress.expect_tasks(plan.units.len());
        plan.units.iter().for_each(|unit| phase.weigh(unit.bytes()));
        let workers = self.workers.max(1);
        let processors = Arc::new(Semaphore::new(workers));
        let work = plan.units.into_iter().map(|unit| {
            let processors = processors.clone();
            let (day, key) = (unit.day.to_string(), unit.key.to_string());
            let (phase, bytes) = (&phase, unit.bytes());
            async move {
                if self.stop.is_cancelled() {
                    return (day, key, Err(CandleError::Interrupted));
                }
                let made = self.unit(unit, &processors).await;
                phase.advance(bytes);
                (day, key, made)
            }
        });
        // As many again wait for the store while others are made.
        let mut outcomes = futures::stream::iter(work).buffered(workers * 2);
        while let Some((day, instrument_key, outcome)) = outcomes.next().await {
            match outcome {
                Ok(done) => {
                    summary.instrument_days += 1;
                    summary.objects += done.objects;
                    summary.candles += done.candles;
                    summary.not_final += done.not_final;
                    summary.trades += done.trades;
                    summary.repeated_trades += done.repeated_trades;
                    summary.trades_outside += done.trades_outside;
                    summary.trades_in_no_candle += done.trades_in_no_candle;
                    self.progress.task_done();
                }
                Err(CandleError::Interrupted) => continue,
                Err(CandleError::Lake(error)) if error.is_fatal() => {
                    self.stop.cancel();
                    return Err(EngineError::Lake(error));
                }
                Err(error) => {
                    let cause = chain(&error);
                    tracing::info!(%day, instrument_key, cause, "candles failed");
                    summary.failures.push(CandleFailure { day, instrument_key, cause });
                    self.progress.task_failed();
                }
            }
            summary.left -= 1;
        }
        Ok(())
    }

    /// Makes the candles of one task and publishes them. The footer names the inputs: an object that was replaced meanwhile
    /// is read again, and nothing is published until all inputs are current.
    async fn unit(&self, mut unit: CandleTask, processors: &Arc<Semaphore>) -> Result<Done, CandleError> {
        for _ in 0..=LOOKS_AGAIN {
            let made = self.made_aside(unit.clone(), processors).await;
            let newer = unit.replaced(&self.lake).await?;
            if newer.is_empty() {
                let (mut done, objects) = made?;
                for (path, stage) in objects {
                    self.lake.publish(&path, stage, WriteMode::Overwrite).await?;
                    done.objects += 1;
                }
                self.progress.add_rows(done.candles);
                return Ok(done);
            }
            unit = unit.with(newer);
        }
        Err(CandleError::Changing(LOOKS_AGAIN + 1))
    }

    /// Makes the objects of one task on a thread of their own, because the arithmetic would block the runtime. The processor
    /// permit is released before anything is published.
    async fn made_aside(
        &self,
        unit: CandleTask,
        processors: &Arc<Semaphore>,
    ) -> Result<(Done, Vec<(LakePath, StagedObject)>), CandleError> {
        let permit = processors.clone().acquire_owned().await.expect("nobody closes it");
        let (worker, runtime) = (self.clone(), tokio::runtime::Handle::current());
        let span = Span::current();
        let making = tokio::task::spawn_blocking(move || {
            let (_permit, _within) = (permit, span.enter());
            runtime.block_on(worker.made(&unit))
        });
        making.await.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
    }

    /// The rows of one task in a builder, and how many trades of the day's own object lie in the day.
    async fn built(&self, unit: &CandleTask) -> Result<(CandleBuilder, u64), CandleError> {
        if let Some((data_type, reason)) = &unit.untrusted {
            let (data_type, day, reason) = (*data_type, unit.day, reason.clone());
            return Err(CandleError::Untrusted { data_type, day, reason });
        }
        let mut builder = CandleBuilder::new(&unit.timeframes, unit.fill);
        if let Some(valuation) = &unit.valuation {
            builder.value(valuation.clone());
        }
        if unit.complete.liquidations.is_some() {
            builder.expect_liquidations();
        }
        let within = self.read(unit, &mut builder).await?;
        if within == 0 {
            self.check_clock(unit).await?;
        }
        Ok((builder, within))
    }

    /// The candles of one task, in memory, in order.
    pub(crate) async fn candles(&self, unit: &CandleTask) -> Result<Vec<Candle>, CandleError> {
        let (mut builder, _) = self.built(unit).await?;
        let mut candles = Vec::new();
        builder.advance(unit.day.end_us(), unit.complete.clone(), |_, candle| candles.push(candle));
        Ok(candles)
    }

    /// Makes the objects of one task, ready to be published.
    async fn made(&self, unit: &CandleTask) -> Result<(Done, Vec<(LakePath, StagedObject)>), CandleError> {
        let (mut builder, within) = self.built(unit).await?;
        let mut writers = BTreeMap::new();
        for timeframe in &unit.timeframes {
            let writer = CandleWriter::new(&unit.key, *timeframe, self.lake.stage()?);
            writers.insert(*timeframe, writer.map_err(CandleError::Write)?);
        }
        let trades_outside =
            unit.own_trades.as_ref().map_or(0, |own| own.tally.rows_out.saturating_sub(within));
        let trades_in_no_candle = self.beyond(unit).await?;
        let mut done = Done { trades_outside, trades_in_no_candle, ..Done::default() };
        let mut outcome = Ok(());
        let longest = unit.timeframes.iter().max().copied();
        builder.advance(unit.day.end_us(), unit.complete.clone(), |timeframe, candle| {
            done.candles += 1;
            done.not_final += u64::from(!candle.is_final);
            if Some(timeframe) == longest {
                done.trades += candle.trade_count;
                done.repeated_trades += candle.repeated_trades;
            }
            if let Some(writer) = writers.get_mut(&timeframe)
                && outcome.is_ok()
            {
                outcome = writer.push(candle);
            }
        });
        outcome.map_err(CandleError::Write)?;
        let mut objects = Vec::new();
        for (timeframe, writer) in writers {
            let facts = unit.facts(timeframe, writer.rows());
            let stage = writer.finish(&facts).map_err(CandleError::Write)?.out;
            objects.push((self.lake.candles_path(unit.day, timeframe, &unit.key), stage));
        }
        Ok((done, objects))
    }

    /// Refuses a day whose own trades all lie outside it: its clock is wrong, whatever its footer says. A trade that arrived
    /// right after midnight may have happened right before it.
    async fn check_clock(&self, unit: &CandleTask) -> Result<(), CandleError> {
        const EDGE_US: i64 = 60_000_000;
        let Some(own) = &unit.own_trades else { return Ok(()) };
        let entry = self.lake.available_entry(own);
        let (mut first, mut last) = (i64::MAX, i64::MIN);
        let take = |batch: RecordBatch| {
            for us in times(&batch, "timestamp")? {
                (first, last) = (first.min(*us), last.max(*us));
            }
            Ok::<(), CandleError>(())
        };
        let all = i64::MIN..i64::MAX;
        self.lake.read_between(&entry, "timestamp", all, Some(&["timestamp"]), &Arc::default(), take).await?;
        if first >= unit.day.start_us() - EDGE_US && last < unit.day.end_us() + EDGE_US {
            return Ok(());
        }
        let (trades, day, from, to) = (own.tally.rows_out, unit.day, moment(first), moment(last));
        Err(CandleError::NoneInDay { trades, day, from, to })
    }

    /// Counts the trades of the day's own object that happened on neither the day nor a neighbour: in no day's candles. Nearly
    /// all objects have none by their footer.
    async fn beyond(&self, unit: &CandleTask) -> Result<u64, CandleError> {
        let Some(own) = &unit.own_trades else { return Ok(0) };
        let Some((first, last)) = own.tally.timestamp else { return Ok(0) };
        let (from, to) = (unit.day.previous().start_us(), unit.day.next().end_us());
        let mut beyond = 0;
        for range in [first..from.max(first), to.min(last.saturating_add(1))..last.saturating_add(1)] {
            if range.is_empty() {
                continue;
            }
            let take = |batch: RecordBatch| {
                beyond += batch.num_rows() as u64;
                Ok::<(), CandleError>(())
            };
            let entry = self.lake.available_entry(own);
            let columns = Some(&["timestamp"][..]);
            self.lake.read_between(&entry, "timestamp", range, columns, &Arc::default(), take).await?;
        }
        Ok(beyond)
    }

    /// Reads the day's rows, and those of the neighbouring files that lie in the day, in order of arrival. Returns how many
    /// trades of the day's own object lie in the day.
    async fn read(&self, unit: &CandleTask, builder: &mut CandleBuilder) -> Result<u64, CandleError> {
        let (mut within, mut repeats) = (0, Repeats::default());
        let cost = Arc::new(ReadCost::default());
        for object in unit.objects.iter().filter(|object| object.status == Status::Stored) {
            let data_type = object.partition.data_type;
            let columns = columns(data_type);
            let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
            let entry = self.lake.available_entry(object);
            let day = unit.day.start_us()..unit.day.end_us();
            let is_own = data_type == DataType::Trades && object.partition.day == unit.day;
            let take = |batch: RecordBatch| {
                if self.stop.is_cancelled() {
                    return Err(CandleError::Interrupted);
                }
                within += if is_own { batch.num_rows() as u64 } else { 0 };
                feed(builder, &mut repeats, data_type, &batch)
            };
            self.lake.read_between(&entry, "timestamp", day, Some(&columns), &cost, take).await?;
        }
        self.progress.add_bytes(cost.bytes());
        Ok(within)
    }
}
