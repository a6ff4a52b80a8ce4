//! Validation of candles and of rows as they arrive: candles each by itself, against the one before it, and, once the
//! reference has settled, against the reference; rows past the same checks as those of the lake.
//!
//! Not for making candles (`mtdh_core::candle` does) and not for asking anybody: a caller brings candles, rows and
//! klines, and a clock. Nothing here waits; [`StreamValidator::work`] does what is due.

pub(crate) mod candles;
pub(crate) mod ticks;

use std::collections::{BTreeMap, VecDeque};
use std::fmt;

use arrow_array::RecordBatch;
use mtdh_core::DataType;
use mtdh_core::candle::Timeframe;
use mtdh_core::check::bars::Bar;
use mtdh_core::check::{Detection, Group, Rows, Settings, Severity};
use mtdh_core::key::InstrumentKey;

use crate::check::CheckPlan;
use candles::CandleStreams;
use ticks::Ticks;

/// How a stream is validated. Times are lengths in microseconds.
#[derive(Clone, Debug)]
pub struct StreamSettings {
    /// Candles and batches of rows that may wait; one more is refused.
    pub queue: usize,
    /// From so many waiting ones on the validator is said to lag.
    pub lagging: usize,
    /// How long after an interval's end its candle may come, and how far a row's exchange time may lie behind the newest
    /// one of its stream; what comes later is late.
    pub watermark_us: i64,
    /// Failures of the reference in a row, after which it is not asked for a while.
    pub failures: u32,
    /// That while.
    pub cooldown_us: i64,
    /// How long after its end a kline is read until two readings agree.
    pub settle_us: i64,
    /// Between two readings.
    pub again_us: i64,
    /// Parameters of the checks.
    pub checks: Settings,
}

impl Default for StreamSettings {
    fn default() -> StreamSettings {
        StreamSettings {
            queue: 1000,
            lagging: 100,
            watermark_us: 10_000_000,
            failures: 5,
            cooldown_us: 300_000_000,
            settle_us: 60_000_000,
            again_us: 5_000_000,
            checks: Settings::default(),
        }
    }
}

/// Where candles are of: one clock and one watermark for each.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CandleStream {
    /// The instrument.
    pub key: InstrumentKey,
    /// The timeframe.
    pub timeframe: Timeframe,
}

/// Where rows are of: one clock and one watermark for each.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TickStream {
    /// The instrument.
    pub key: InstrumentKey,
    /// The data type.
    pub data_type: DataType,
}

/// Of what a finding is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stream {
    /// A stream of candles.
    Candles(CandleStream),
    /// A stream of rows.
    Ticks(TickStream),
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stream::Candles(CandleStream { key, timeframe }) => write!(f, "{key} {timeframe}"),
            Stream::Ticks(TickStream { key, data_type }) => write!(f, "{key} {data_type}"),
        }
    }
}

/// Something that was found in a stream.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamFinding {
    /// Which stream.
    pub stream: Stream,
    /// The check's name, or `late_candle` or `late_tick`.
    pub check: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What was found.
    pub found: Detection,
}

/// A finding before it is said of which stream.
type Told = (&'static str, Severity, Detection);

/// What has been done so far. A batch of rows counts as one where it says so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Candles and batches that were taken into the queue.
    pub taken: u64,
    /// Candles and batches that were refused: the queue was full, the validator had stopped, or a batch had not the
    /// columns of its data type. 0: nothing was dropped.
    pub refused: u64,
    /// Candles and batches that were validated.
    pub validated: u64,
    /// Rows of these batches.
    pub rows: u64,
    /// Candles and batches with an error of their own.
    pub failed: u64,
    /// Candles and batches with a warning and no error: no failure.
    pub warned: u64,
    /// Candles and rows that came after their watermark; they are validated all the same.
    pub late: u64,
    /// Candles that were held against the reference.
    pub compared: u64,
    /// Candles that wait for the reference.
    pub waiting: usize,
    /// Candles and batches in the queue.
    pub queued: usize,
    /// Whether the queue is longer than it should be.
    pub is_lagging: bool,
    /// Failures of the reference in a row.
    pub failures_in_a_row: u32,
    /// Until when the reference is not asked; null: it is.
    pub cooling_until_us: Option<i64>,
    /// Whether candles and rows are taken.
    pub is_running: bool,
}

/// Why something was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The queue is full: let the validator work, or ask for a longer one.
    #[error("the queue is full")]
    Full,
    /// The validator was not started, or was stopped.
    #[error("the validator is not running")]
    NotRunning,
    /// The batch is not one of its data type.
    #[error("{0}")]
    Columns(String),
}

/// Reads a kline; null: there is none (yet). An error counts as a failure of the reference.
pub type ReadKline = Box<dyn FnMut(&CandleStream, i64) -> Result<Option<Bar>, String> + Send>;
/// The time, microseconds since the Unix epoch, UTC.
pub type Now = Box<dyn Fn() -> i64 + Send>;
/// Is told of each finding.
pub type OnFinding = Box<dyn FnMut(&StreamFinding) + Send>;

/// What waits in the queue.
enum Waiting {
    /// A candle, and when it came.
    Candle(CandleStream, Bar, i64),
    Ticks(TickStream, RecordBatch),
}

/// Validates candles and rows as they arrive.
pub struct StreamValidator {
    settings: StreamSettings,
    /// The checks that rows go past.
    plan: CheckPlan,
    now: Now,
    callbacks: Vec<OnFinding>,
    queue: VecDeque<Waiting>,
    candles: CandleStreams,
    ticks: BTreeMap<TickStream, Ticks>,
    statistics: Statistics,
}

impl StreamValidator {
    /// One that has not been started. `read` is the reference; null: candles are not held against one.
    pub fn new(settings: StreamSettings, now: Now, read: Option<ReadKline>) -> StreamValidator {
        let plan = CheckPlan {
            groups: vec![Group::Timestamp, Group::Book],
            settings: settings.checks.clone(),
            now_us: now(),
            incidents: BTreeMap::new(),
        };
        StreamValidator {
            settings,
            plan,
            now,
            callbacks: Vec::new(),
            queue: VecDeque::new(),
            candles: CandleStreams::new(read),
            ticks: BTreeMap::new(),
            statistics: Statistics::default(),
        }
    }

    /// Adds one that is told of each finding.
    pub fn on_finding(&mut self, callback: OnFinding) {
        self.callbacks.push(callback);
    }

    /// Takes candles and rows from now on.
    pub fn start(&mut self) {
        self.statistics.is_running = true;
    }

    /// Validates what is in the queue, tells what could only be said at the end of the rows, and takes nothing more.
    /// Candles that wait for the reference are left, and counted by [`Statistics::waiting`]: stopping never waits.
    pub fn stop(&mut self) {
        self.statistics.is_running = false;
        self.work();
        for (stream, mut ticks) in std::mem::take(&mut self.ticks) {
            self.give(&Stream::Ticks(stream), ticks.end());
        }
    }

    /// Puts a candle into the queue.
    ///
    /// # Errors
    /// When it is not taken, which is counted.
    pub fn validate_candle(&mut self, stream: &CandleStream, bar: Bar) -> Result<(), Refused> {
        let came_us = (self.now)();
        self.take(Ok(Waiting::Candle(stream.clone(), bar, came_us)))
    }

    /// Puts candles into the queue, as far as it takes them. Gives how many were taken.
    ///
    /// # Errors
    /// When not all are taken: how many were, and why not the rest, each of which is counted.
    pub fn validate_batch(
        &mut self,
        stream: &CandleStream,
        bars: impl IntoIterator<Item = Bar>,
    ) -> Result<usize, (usize, Refused)> {
        let (mut taken, mut refused) = (0, None);
        for bar in bars {
            match self.validate_candle(stream, bar) {
                Ok(()) => taken += 1,
                Err(why) => refused = Some(why),
            }
        }
        refused.map_or(Ok(taken), |why| Err((taken, why)))
    }

    /// Puts rows into the queue, in the order in which they arrived; the batch has the columns of the data type as the
    /// lake has them, others are not looked at. In the queue a batch is one, however many rows it has.
    ///
    /// # Errors
    /// When the batch is not taken, which is counted.
    pub fn validate_ticks(&mut self, stream: &TickStream, batch: RecordBatch) -> Result<(), Refused> {
        let fitting = Rows::new(stream.data_type, &batch, 0).map(|_| ()).map_err(Refused::Columns);
        self.take(fitting.map(|()| Waiting::Ticks(stream.clone(), batch)))
    }

    fn take(&mut self, waiting: Result<Waiting, Refused>) -> Result<(), Refused> {
        let taken = match waiting {
            _ if !self.statistics.is_running => Err(Refused::NotRunning),
            Ok(_) if self.queue.len() >= self.settings.queue => Err(Refused::Full),
            waiting => waiting.map(|waiting| self.queue.push_back(waiting)),
        };
        let count = if taken.is_ok() { &mut self.statistics.taken } else { &mut self.statistics.refused };
        *count += 1;
        taken
    }

    /// What has been done so far.
    pub fn statistics(&self) -> Statistics {
        let mut statistics = Statistics {
            queued: self.queue.len(),
            is_lagging: self.queue.len() >= self.settings.lagging,
            ..self.statistics
        };
        self.candles.count((self.now)(), &mut statistics);
        statistics
    }

    /// When something is due again; null: when the next candle or row comes.
    pub fn due_us(&self) -> Option<i64> {
        self.candles.due_us().into_iter().chain(self.ticks.values().filter_map(Ticks::due_us)).min()
    }

    /// Validates everything that is in the queue, holds against the reference what is due, and tells which streams have
    /// fallen silent.
    pub fn work(&mut self) {
        while let Some(waiting) = self.queue.pop_front() {
            match waiting {
                Waiting::Candle(stream, bar, came_us) => {
                    let (told, is_late) = self.candles.validate(&self.settings, stream.clone(), bar, came_us);
                    self.statistics.late += u64::from(is_late);
                    self.validated(&Stream::Candles(stream), told);
                }
                Waiting::Ticks(stream, batch) => self.rows(stream, &batch),
            }
        }
        let now_us = (self.now)();
        for (stream, told) in self.candles.ask(&self.settings, now_us) {
            self.statistics.compared += 1;
            self.give(&Stream::Candles(stream), told);
        }
        let quiet = |(stream, ticks): (&TickStream, &mut Ticks)| Some((stream.clone(), ticks.quiet(now_us)?));
        let quiet: Vec<_> = self.ticks.iter_mut().filter_map(quiet).collect();
        for (stream, told) in quiet {
            self.give(&Stream::Ticks(stream), vec![told]);
        }
    }

    fn rows(&mut self, stream: TickStream, batch: &RecordBatch) {
        let ticks = self.ticks.entry(stream.clone()).or_insert_with(|| Ticks::new(stream.clone()));
        let Ok((told, late)) = ticks.rows(&self.plan, batch, self.settings.watermark_us) else {
            // It was looked at when it was taken.
            self.statistics.refused += 1;
            return;
        };
        self.statistics.rows += batch.num_rows() as u64;
        self.statistics.late += late;
        self.validated(&Stream::Ticks(stream), told);
    }

    fn validated(&mut self, stream: &Stream, told: Vec<Told>) {
        self.statistics.validated += 1;
        let worst = told.iter().map(|(_, severity, _)| *severity).max();
        self.statistics.failed += u64::from(worst == Some(Severity::Error));
        self.statistics.warned += u64::from(worst == Some(Severity::Warning));
        self.give(stream, told);
    }

    fn give(&mut self, stream: &Stream, told: Vec<Told>) {
        for (check, severity, found) in told {
            let finding = StreamFinding { stream: stream.clone(), check, severity, found };
            self.callbacks.iter_mut().for_each(|callback| callback(&finding));
        }
    }
}
