//! Validation of candles as they arrive: each by itself, against the one before it, and, once the reference has settled,
//! against the reference.
//!
//! Not for making candles (`mtdh_core::candle` does) and not for asking anybody: a caller brings candles and klines, and
//! a clock. Nothing here waits; [`StreamValidator::work`] does what is due.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;

use mtdh_core::candle::Timeframe;
use mtdh_core::check::bars::{Bar, Candles, Series, Span};
use mtdh_core::check::reference::{Reading, Settling};
use mtdh_core::check::{self, Found, Group, Run, Settings, Severity};
use mtdh_core::key::InstrumentKey;

/// How a stream is validated. Times are lengths in microseconds.
#[derive(Clone, Debug)]
pub struct StreamSettings {
    /// Candles that may wait; one more is refused.
    pub queue: usize,
    /// From so many waiting candles on the validator is said to lag.
    pub lagging: usize,
    /// How long after an interval's end its candle may come; one that comes later is late.
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
pub struct Stream {
    /// The instrument.
    pub key: InstrumentKey,
    /// The timeframe.
    pub timeframe: Timeframe,
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.key, self.timeframe)
    }
}

/// Something that was found in a stream.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamFinding {
    /// Which stream.
    pub stream: Stream,
    /// The check's name, or `late_candle`.
    pub check: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What was found.
    pub found: Found,
}

/// What has been done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Candles that were taken into the queue.
    pub taken: u64,
    /// Candles that were refused: the queue was full, or the validator had stopped. 0: nothing was dropped.
    pub refused: u64,
    /// Candles that were validated.
    pub validated: u64,
    /// Of these, candles with an error of their own.
    pub failed: u64,
    /// Of these, candles with a warning and no error: no failure.
    pub warned: u64,
    /// Candles that came after their watermark; they are validated all the same.
    pub late: u64,
    /// Candles that were held against the reference.
    pub compared: u64,
    /// Candles that wait for the reference.
    pub waiting: usize,
    /// Candles in the queue.
    pub queued: usize,
    /// Whether the queue is longer than it should be.
    pub is_lagging: bool,
    /// Failures of the reference in a row.
    pub failures_in_a_row: u32,
    /// Until when the reference is not asked; null: it is.
    pub cooling_until_us: Option<i64>,
    /// Whether candles are taken.
    pub is_running: bool,
}

/// Why a candle was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The queue is full: let the validator work, or ask for a longer one.
    #[error("the queue of candles is full")]
    Full,
    /// The validator was not started, or was stopped.
    #[error("the validator is not running")]
    NotRunning,
}

/// Reads a kline; null: there is none (yet). An error counts as a failure of the reference.
pub type ReadKline = Box<dyn FnMut(&Stream, i64) -> Result<Option<Bar>, String> + Send>;
/// The time, microseconds since the Unix epoch, UTC.
pub type Now = Box<dyn Fn() -> i64 + Send>;
/// Is told of each finding.
pub type OnFinding = Box<dyn FnMut(&StreamFinding) + Send>;

/// What is known of one stream.
#[derive(Default)]
struct State {
    last: Option<Bar>,
}

struct Waiting {
    stream: Stream,
    bar: Bar,
    settling: Settling,
    at_us: i64,
}

/// Validates candles as they arrive.
pub struct StreamValidator {
    settings: StreamSettings,
    now: Now,
    read: Option<ReadKline>,
    callbacks: Vec<OnFinding>,
    queue: VecDeque<(Stream, Bar, i64)>,
    streams: BTreeMap<Stream, State>,
    waiting: Vec<Waiting>,
    statistics: Statistics,
}

impl StreamValidator {
    /// One that has not been started. `read` is the reference; null: candles are not held against one.
    pub fn new(settings: StreamSettings, now: Now, read: Option<ReadKline>) -> StreamValidator {
        StreamValidator {
            settings,
            now,
            read,
            callbacks: Vec::new(),
            queue: VecDeque::new(),
            streams: BTreeMap::new(),
            waiting: Vec::new(),
            statistics: Statistics::default(),
        }
    }

    /// Adds one that is told of each finding.
    pub fn on_finding(&mut self, callback: OnFinding) {
        self.callbacks.push(callback);
    }

    /// Takes candles from now on.
    pub fn start(&mut self) {
        self.statistics.is_running = true;
    }

    /// Validates what is in the queue and takes nothing more. Candles that wait for the reference are left, and counted by
    /// [`Statistics::waiting`]: stopping never waits.
    pub fn stop(&mut self) {
        self.statistics.is_running = false;
        self.work();
    }

    /// Puts a candle into the queue.
    ///
    /// # Errors
    /// When it is not taken, which is counted.
    pub fn validate_candle(&mut self, stream: &Stream, bar: Bar) -> Result<(), Refused> {
        let refused = match () {
            () if !self.statistics.is_running => Some(Refused::NotRunning),
            () if self.queue.len() >= self.settings.queue => Some(Refused::Full),
            () => None,
        };
        if let Some(refused) = refused {
            self.statistics.refused += 1;
            return Err(refused);
        }
        self.statistics.taken += 1;
        let came_us = (self.now)();
        self.queue.push_back((stream.clone(), bar, came_us));
        Ok(())
    }

    /// Puts candles into the queue, as far as it takes them. Gives how many were taken.
    ///
    /// # Errors
    /// When not all are taken: how many were, and why not the rest, each of which is counted.
    pub fn validate_batch(
        &mut self,
        stream: &Stream,
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

    /// What has been done so far.
    pub fn statistics(&self) -> Statistics {
        Statistics {
            queued: self.queue.len(),
            waiting: self.waiting.len(),
            is_lagging: self.queue.len() >= self.settings.lagging,
            cooling_until_us: self.statistics.cooling_until_us.filter(|until| *until > (self.now)()),
            ..self.statistics
        }
    }

    /// When something is due again; null: when the next candle comes.
    pub fn due_us(&self) -> Option<i64> {
        let due = self.waiting.iter().map(|waiting| waiting.at_us).min()?;
        Some(self.statistics.cooling_until_us.map_or(due, |until| due.max(until)))
    }

    /// Validates everything that is in the queue, and holds against the reference what is due.
    pub fn work(&mut self) {
        while let Some((stream, bar, came_us)) = self.queue.pop_front() {
            self.validate(stream, bar, came_us);
        }
        self.ask();
    }

    fn validate(&mut self, stream: Stream, bar: Bar, came_us: i64) {
        let end_us = bar.start.saturating_add(stream.timeframe.us());
        let state = self.streams.entry(stream.clone()).or_default();
        let before = state.last.clone();
        let is_late = came_us > end_us.saturating_add(self.settings.watermark_us);
        let is_next = before.as_ref().is_none_or(|last| bar.start > last.start);
        if is_next {
            state.last = Some(bar.clone());
        }
        let mut findings = Vec::new();
        let mut tell = |check, severity, example: String| {
            let range_us = Some((bar.start, end_us));
            findings.push((
                check,
                severity,
                Found { count: 1, range_us, examples: vec![example], ..Found::default() },
            ));
        };
        if is_late {
            self.statistics.late += 1;
            let seconds = (came_us - end_us) as f64 / 1e6;
            tell("late_candle", Severity::Warning, format!("it came {seconds} s after its end"));
        }
        if came_us < end_us && bar.is_final {
            tell("candle_boundary", Severity::Error, "it is final before its interval has ended".to_owned());
        }
        // A candle that is late fills a hole; only what comes next can leave one. Quiet intervals have no candle.
        let bars = before.filter(|_| is_next).into_iter().chain([bar.clone()]).collect();
        let series = Series { timeframe: stream.timeframe, fill: None, bars };
        for (check, severity, found) in self.checked(&Candles::Alone(&series)) {
            // What the candle before has wrong was told when it came.
            if found.range_us.is_none_or(|(_, to)| to >= bar.start) {
                findings.push((check, severity, found));
            }
        }
        self.statistics.validated += 1;
        let worst = findings.iter().map(|(_, severity, _)| *severity).max();
        self.statistics.failed += u64::from(worst == Some(Severity::Error));
        self.statistics.warned += u64::from(worst == Some(Severity::Warning));
        self.give(&stream, findings);
        if self.read.is_some() && bar.is_final {
            let settling = Settling::new(end_us, self.settings.settle_us, self.settings.again_us);
            self.waiting.push(Waiting { stream, bar, settling, at_us: end_us });
        }
    }

    fn checked(&self, candles: &Candles<'_>) -> Vec<(&'static str, Severity, Found)> {
        let mut findings = Vec::new();
        for check in check::all().filter(|c| matches!(c.group, Group::Aggregation | Group::CrossSource)) {
            let Run::Candles(sides, run) = check.run else { continue };
            if sides == candles.sides() {
                let found = run(candles, &self.settings.checks.values(check));
                findings
                    .extend(found.into_iter().map(|f| (check.name, f.severity.unwrap_or(check.severity), f)));
            }
        }
        findings
    }

    fn give(&mut self, stream: &Stream, findings: Vec<(&'static str, Severity, Found)>) {
        for (check, severity, found) in findings {
            let finding = StreamFinding { stream: stream.clone(), check, severity, found };
            self.callbacks.iter_mut().for_each(|callback| callback(&finding));
        }
    }

    /// Reads klines that are due, unless the reference failed too often and is left alone for a while.
    fn ask(&mut self) {
        let Some(mut read) = self.read.take() else { return };
        let now = (self.now)();
        if self.statistics.cooling_until_us.is_some_and(|until| until <= now) {
            self.statistics.cooling_until_us = None;
            self.statistics.failures_in_a_row = 0;
        }
        let mut left = Vec::new();
        for mut waiting in std::mem::take(&mut self.waiting) {
            if waiting.at_us > now || self.statistics.cooling_until_us.is_some() {
                left.push(waiting);
                continue;
            }
            let kline = match read(&waiting.stream, waiting.bar.start) {
                Ok(kline) => kline,
                Err(_) => {
                    self.statistics.failures_in_a_row += 1;
                    if self.statistics.failures_in_a_row >= self.settings.failures {
                        self.statistics.cooling_until_us =
                            Some(now.saturating_add(self.settings.cooldown_us));
                    }
                    waiting.at_us = now.saturating_add(self.settings.again_us);
                    left.push(waiting);
                    continue;
                }
            };
            self.statistics.failures_in_a_row = 0;
            match waiting.settling.read(now, kline) {
                Reading::Again(at_us) => {
                    waiting.at_us = at_us;
                    left.push(waiting);
                }
                Reading::Settled(kline) => self.compare(&waiting, kline),
            }
        }
        self.waiting = left;
        self.read = Some(read);
    }

    fn compare(&mut self, waiting: &Waiting, kline: Option<Bar>) {
        let timeframe = waiting.stream.timeframe;
        let series = |bars| Series { timeframe, fill: None, bars };
        let (ours, theirs) = (series(vec![waiting.bar.clone()]), series(kline.into_iter().collect()));
        let (from_us, to_us) = (waiting.bar.start, waiting.bar.start.saturating_add(timeframe.us()));
        let span = Span { from_us, to_us, settled_us: i64::MAX };
        let findings = self.checked(&Candles::Reference(&ours, &theirs, span));
        self.statistics.compared += 1;
        self.give(&waiting.stream, findings);
    }
}
