//! Makes the candles of a plan, several instruments at once.
//!
//! An instrument that fails is remembered and the others go on; what every other one would fail at as well ends the run.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use arrow_array::RecordBatch;
use futures::StreamExt;
use mtdh_core::DataType;
use mtdh_core::candle::CandleBuilder;
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
use super::feed::{columns, feed, times};
use super::plan::{CandlePlan, CandleTask};
use crate::error::EngineError;
use crate::runs::progress::Progress;
use crate::runs::summary::{RunRecord, RunState, now, text};
use mtdh_lake::followed::LOOKS_AGAIN;

/// What a run works with.
#[derive(Clone)]
pub struct CandleRun {
    /// Where rows are read and candles go.
    pub lake: Lake,
    /// Instruments that are worked on at once.
    pub workers: usize,
    /// Counters for a front end; a task is an instrument-day.
    pub progress: Arc<Progress>,
    /// Asks the run to end soon.
    pub stop: CancellationToken,
    /// The run's name, under which its summary lies in the lake.
    pub run_id: String,
    /// Which part of the work it does.
    pub shard: Shard,
}

/// What a run did.
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
    /// Those of them that are not final.
    pub not_final: u64,
    /// Trades of the day that they are made of.
    pub trades: u64,
    /// Trades of the objects that were read whose `timestamp` lies in no interval of their day. Those of a neighbouring day
    /// are in its candles.
    pub trades_outside: u64,
    /// Instrument-days that should have trades in the lake and have none, as `2024-03-01 DERIBIT:PERP:BTC-USD`.
    pub without_trades: Vec<String>,
    /// Instrument-days that failed.
    pub failures: Vec<CandleFailure>,
    /// Instrument-days that were not begun because the run was asked to stop.
    pub left: usize,
}

/// An instrument-day without candles.
#[derive(Clone, Debug, Serialize)]
pub struct CandleFailure {
    /// The day.
    pub day: String,
    /// The instrument.
    pub instrument_key: String,
    /// Why, with the causes, in one line.
    pub cause: String,
}

impl CandleSummary {
    /// Whether the candles of everything that was asked for are in the lake.
    pub fn is_clean(&self) -> bool {
        self.failures.is_empty() && self.without_trades.is_empty() && self.left == 0
    }
}

/// What came of one instrument-day.
#[derive(Default)]
struct Done {
    objects: usize,
    candles: u64,
    not_final: u64,
    trades: u64,
    trades_outside: u64,
}

impl CandleRun {
    /// Runs a plan. Its summary lies in the lake from the start; a plan of nothing leaves none.
    ///
    /// # Errors
    /// When the run cannot go on at all: the lake's disk is full, or its store refuses.
    pub async fn run(&self, plan: CandlePlan) -> Result<CandleSummary, EngineError> {
        let name = |(day, key): &(mtdh_core::Day, mtdh_core::key::InstrumentKey)| format!("{day} {key}");
        let summary = CandleSummary {
            up_to_date: plan.up_to_date.values().sum(),
            other_shard: plan.other_shard.values().sum(),
            without_trades: plan.without_trades.iter().map(name).collect(),
            left: plan.units.len(),
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
        // What ended the run is reported before a failure to write the record.
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
        self.progress.expect_tasks(plan.units.len());
        let workers = self.workers.max(1);
        let processors = Arc::new(Semaphore::new(workers));
        let work = plan.units.into_iter().map(|unit| {
            let processors = processors.clone();
            let (day, key) = (unit.day.to_string(), unit.key.to_string());
            async move {
                if self.stop.is_cancelled() {
                    return (day, key, Err(CandleError::Interrupted));
                }
                let made = self.unit(unit, &processors).await;
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
                    summary.trades_outside += done.trades_outside;
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

    /// Makes one unit's candles and publishes them. The footer names what was read: an object that was replaced meanwhile
    /// is read again, and nothing is published before all are those that were read.
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

    /// The objects of one unit, made on a thread of their own: most of it is arithmetic, which would hold up the runtime's. The
    /// processor is given back before anything is published.
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

    /// The objects of one unit, ready to be published.
    async fn made(&self, unit: &CandleTask) -> Result<(Done, Vec<(LakePath, StagedObject)>), CandleError> {
        if let Some((data_type, reason)) = &unit.untrusted {
            let (data_type, day, reason) = (*data_type, unit.day, reason.clone());
            return Err(CandleError::Untrusted { data_type, day, reason });
        }
        let mut builder = CandleBuilder::new(&unit.timeframes, unit.fill);
        if unit.has_liquidations {
            builder.expect_liquidations();
        }
        let within = self.read(unit, &mut builder).await?;
        if within == 0 {
            self.check_clock(unit).await?;
        }
        let mut writers = BTreeMap::new();
        for timeframe in &unit.timeframes {
            let writer = CandleWriter::new(&unit.key, *timeframe, self.lake.stage()?);
            writers.insert(*timeframe, writer.map_err(CandleError::Write)?);
        }
        let trades_outside =
            unit.own_trades.as_ref().map_or(0, |own| own.tally.rows_out.saturating_sub(within));
        let mut done = Done { trades_outside, ..Done::default() };
        let mut outcome = Ok(());
        let longest = unit.timeframes.iter().max().copied();
        builder.advance(unit.day.end_us(), unit.complete.clone(), |timeframe, candle| {
            done.candles += 1;
            done.not_final += u64::from(!candle.is_final);
            done.trades += if Some(timeframe) == longest { candle.trade_count } else { 0 };
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

    /// Refuses a day of which no own trade lies in the day: its clock is off, whatever its footer says. A trade that arrived
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

    /// Reads the day's rows, and those of the neighbours' files that lie in the day, in the order of their arrival. Gives how
    /// many trades of the day's own object do.
    async fn read(&self, unit: &CandleTask, builder: &mut CandleBuilder) -> Result<u64, CandleError> {
        let mut within = 0;
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
                feed(builder, data_type, &batch)
            };
            self.lake.read_between(&entry, "timestamp", day, Some(&columns), &cost, take).await?;
        }
        self.progress.add_bytes(cost.bytes());
        Ok(within)
    }
}
