//! Validation of live candles and rows. Each candle is checked by itself, against the one before it and, once the reference
//! has settled, against the reference. Rows pass the same checks as those of the lake.
//!
//! Does not make candles (see `mtdh_core::candle`) and does no I/O: the caller supplies candles, rows, klines and a clock.
//! Nothing here waits; [`StreamValidator::work`] does what is due.

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

/// Settings of a stream validator. Durations are in microseconds.
#[derive(Clone, Debug)]
pub struct StreamSettings {
    /// Candles and batches of rows that may wait in the queue; more are refused.
    pub queue: usize,
    /// Queue length from which the validator counts as lagging.
    pub lagging: usize,
    /// Watermark: how long after an interval's end its candle may arrive, and how far a row's exchange time may be behind the
    /// newest one of its stream. Anything later counts as late.
    pub watermark_us: i64,
    /// How far the start of a candle may be ahead of the clock: the difference of two machines' clocks.
    pub ahead_us: i64,
    /// Consecutive failures of the reference after which requests pause.
    pub failures: u32,
    /// Length of that pause.
    pub cooldown_us: i64,
    /// For this long after its end, a kline is read again until two readings agree.
    pub settle_us: i64,
    /// Time between two readings.
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
            ahead_us: 5_000_000,
            failures: 5,
            cooldown_us: 300_000_000,
            settle_us: 60_000_000,
            again_us: 5_000_000,
            checks: Settings::default(),
        }
    }
}

/// A stream of candles; it has its own clock and watermark.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CandleStream {
    /// The instrument.
    pub key: InstrumentKey,
    /// The timeframe.
    pub timeframe: Timeframe,
}

/// A stream of rows; it has its own clock and watermark.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TickStream {
    /// The instrument.
    pub key: InstrumentKey,
    /// The data type.
    pub data_type: DataType,
}

/// The stream of a finding.
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

/// A finding in a stream.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamFinding {
    /// Which stream.
    pub stream: Stream,
    /// The check's name, or `late_candle` or `late_tick`.
    pub check: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// The details.
    pub found: Detection,
}

/// A finding without its stream.
type Told = (&'static str, Severity, Detection);

/// Counts since the start. A batch of rows counts as one where the field says so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Candles and batches accepted into the queue.
    pub taken: u64,
    /// Candles and batches refused: the queue was full, the validator had stopped, or a batch did not have the columns of its
    /// data type. 0: nothing was dropped.
    pub refused: u64,
    /// Candles and batches that were validated.
    pub validated: u64,
    /// Candles among them.
    pub candles: u64,
    /// Rows of these batches.
    pub rows: u64,
    /// Candles and batches with an error.
    pub failed: u64,
    /// Candles and batches with a warning and no error; they do not count as failed.
    pub warned: u64,
    /// Candles and rows that arrived after their watermark; they are validated nevertheless.
    pub late: u64,
    /// Candles compared with the reference.
    pub compared: u64,
    /// Candles that wait for the reference.
    pub waiting: usize,
    /// Candles and batches in the queue.
    pub queued: usize,
    /// Whether the queue is longer than the limit for lagging.
    pub is_lagging: bool,
    /// Consecutive failures of the reference.
    pub failures_in_a_row: u32,
    /// End of the pause of requests to the reference; `None`: there is no pause.
    pub cooling_until_us: Option<i64>,
    /// Whether candles and rows are accepted.
    pub is_running: bool,
}

/// Why something was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The queue is full: let the validator work, or configure a longer one.
    #[error("the queue is full")]
    Full,
    /// The validator was not started, or was stopped.
    #[error("the validator is not running")]
    NotRunning,
    /// The batch does not fit its data type.
    #[error("{0}")]
    Columns(String),
}

/// Reads a kline; `None`: there is none (yet). An error counts as a failure of the reference.
pub type ReadKline = Box<dyn FnMut(&CandleStream, i64) -> Result<Option<Bar>, String> + Send>;
/// The time, microseconds since the Unix epoch, UTC.
pub type Now = Box<dyn Fn() -> i64 + Send>;
/// Called for each finding.
pub type OnFinding = Box<dyn FnMut(&StreamFinding) + Send>;

/// An entry of the queue.
enum Waiting {
    /// A candle, and when it arrived.
    Candle(CandleStream, Bar, i64),
    Ticks(TickStream, RecordBatch),
}

/// Validates candles and rows as they arrive.
pub struct StreamValidator {
    settings: StreamSettings,
    /// The checks of rows.
    plan: CheckPlan,
    now: Now,
    callbacks: Vec<OnFinding>,
    queue: VecDeque<Waiting>,
    candles: CandleStreams,
    ticks: BTreeMap<TickStream, Ticks>,
    statistics: Statistics,
}

impl StreamValidator {
    /// Creates a validator that is not started. `read` is the reference; `None`: candles are not compared with one.
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

    /// Adds a callback for findings.
    pub fn on_finding(&mut self, callback: OnFinding) {
        self.callbacks.push(callback);
    }

    /// Accepts candles and rows from now on.
    pub fn start(&mut self) {
        self.statistics.is_running = true;
    }

    /// Validates the queue, reports findings that need the end of the rows, and accepts nothing more. Candles that wait for
    /// the reference are not compared, and are counted by [`Statistics::waiting`]: stopping never waits.
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
    /// When it is refused, which is counted.
    pub fn validate_candle(&mut self, stream: &CandleStream, bar: Bar) -> Result<(), Refused> {
        let came_us = (self.now)();
        self.validate_candle_of(stream, bar, came_us)
    }

    /// Puts a candle into the queue that arrived at another time than now, microseconds since the Unix epoch, UTC: one of a
    /// recording.
    ///
    /// # Errors
    /// When it is refused, which is counted.
    pub fn validate_candle_of(
        &mut self,
        stream: &CandleStream,
        bar: Bar,
        came_us: i64,
    ) -> Result<(), Refused> {
        self.take(Ok(Waiting::Candle(stream.clone(), bar, came_us)))
    }

    /// Puts candles into the queue until it is full. Returns how many were accepted.
    ///
    /// # Errors
    /// When not all are accepted: how many were, and why the rest was refused, each of which is counted.
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

    /// Puts rows into the queue, in order of arrival. The batch must have the lake's columns of the data type; other columns
    /// are ignored. A batch counts as one entry, however many rows it has.
    ///
    /// # Errors
    /// When the batch is refused, which is counted.
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

    /// Counts since the start.
    pub fn statistics(&self) -> Statistics {
        let mut statistics = Statistics {
            queued: self.queue.len(),
            is_lagging: self.queue.len() >= self.settings.lagging,
            ..self.statistics
        };
        self.candles.count((self.now)(), &mut statistics);
        statistics
    }

    /// When work is due next; `None`: when the next candle or row arrives.
    pub fn due_us(&self) -> Option<i64> {
        self.candles.due_us().into_iter().chain(self.ticks.values().filter_map(Ticks::due_us)).min()
    }

    /// Validates everything in the queue, compares due candles with the reference, and reports streams that have fallen
    /// silent.
    pub fn work(&mut self) {
        while let Some(waiting) = self.queue.pop_front() {
            match waiting {
                Waiting::Candle(stream, bar, came_us) => {
                    let (told, is_late) = self.candles.validate(&self.settings, stream.clone(), bar, came_us);
                    self.statistics.late += u64::from(is_late);
                    self.statistics.candles += 1;
                    self.validated(&Stream::Candles(stream), told);
                }
                Waiting::Ticks(stream, batch) => self.rows(stream, &batch),
            }
        }
        let now_us = (self.now)();
        let compared = self.candles.ask(&self.settings, now_us);
        self.compared(compared);
        let quiet = |(stream, ticks): (&TickStream, &mut Ticks)| Some((stream.clone(), ticks.quiet(now_us)?));
        let quiet: Vec<_> = self.ticks.iter_mut().filter_map(quiet).collect();
        for (stream, told) in quiet {
            self.give(&Stream::Ticks(stream), vec![told]);
        }
    }

    /// From now on each final candle of a stream that the reference has klines of waits for one that the caller brings:
    /// [`StreamValidator::questions`] says which are due, [`StreamValidator::answer`] takes them. For callers that read klines
    /// in a thread of their own, while candles come.
    pub fn compare_with_answers(&mut self, has_klines: fn(&CandleStream) -> bool) {
        self.candles.compare_with_answers(has_klines);
    }

    /// The klines that are due: stream, and start in microseconds since the Unix epoch, UTC. None while requests pause.
    pub fn questions(&mut self) -> Vec<(CandleStream, i64)> {
        self.candles.questions((self.now)())
    }

    /// Takes the kline of an interval, `None` if the reference has none, or why it could not be read, which counts as a
    /// failure of the reference. Findings of the candle go to the callbacks.
    pub fn answer(&mut self, stream: &CandleStream, start_us: i64, kline: Result<Option<Bar>, String>) {
        let compared = self.candles.answer(&self.settings, (self.now)(), stream, start_us, kline);
        self.compared(compared);
    }

    fn compared(&mut self, compared: Vec<(CandleStream, Vec<Told>)>) {
        for (stream, told) in compared {
            self.statistics.compared += 1;
            self.give(&Stream::Candles(stream), told);
        }
    }

    fn rows(&mut self, stream: TickStream, batch: &RecordBatch) {
        let ticks = self.ticks.entry(stream.clone()).or_insert_with(|| Ticks::new(stream.clone()));
        let Ok((told, late)) = ticks.rows(&self.plan, batch, self.settings.watermark_us, (self.now)()) else {
            // It was checked when it was accepted.
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
