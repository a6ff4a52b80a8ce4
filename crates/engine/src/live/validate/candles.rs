//! Validation of live candles: each by itself, against the one before it and, once the reference has settled, against the
//! reference.

use std::collections::{BTreeMap, BTreeSet};

use mtdh_core::check::bars::{Bar, Candles, Series, Span};
use mtdh_core::check::reference::{Reading, Settling};
use mtdh_core::check::{self, CheckFn, Detection, Group, Severity};

use super::{CandleStream, ReadKline, Statistics, StreamSettings, Told};

/// The state of the streams of candles.
pub(super) struct CandleStreams {
    read: Option<ReadKline>,
    /// Which streams the reference has klines of.
    has_klines: fn(&CandleStream) -> bool,
    last: BTreeMap<CandleStream, Bar>,
    waiting: Vec<Waiting>,
    failures_in_a_row: u32,
    cooling_until_us: Option<i64>,
}

/// A candle that waits for the reference.
struct Waiting {
    stream: CandleStream,
    bar: Bar,
    settling: Settling,
    at_us: i64,
}

impl CandleStreams {
    pub(super) fn new(read: Option<ReadKline>) -> CandleStreams {
        CandleStreams {
            has_klines: if read.is_some() { |_| true } else { |_| false },
            read,
            last: BTreeMap::new(),
            waiting: Vec::new(),
            failures_in_a_row: 0,
            cooling_until_us: None,
        }
    }

    /// From now on candles of these streams wait for klines that the caller brings.
    pub(super) fn compare_with_answers(&mut self, has_klines: fn(&CandleStream) -> bool) {
        self.has_klines = has_klines;
    }

    /// Fills in the statistics of the reference.
    pub(super) fn count(&self, now_us: i64, statistics: &mut Statistics) {
        statistics.waiting = self.waiting.len();
        statistics.failures_in_a_row = self.failures_in_a_row;
        statistics.cooling_until_us = self.cooling_until_us.filter(|until| *until > now_us);
    }

    /// When the reference is due again; `None`: nothing waits for it.
    pub(super) fn due_us(&self) -> Option<i64> {
        let due = self.waiting.iter().map(|waiting| waiting.at_us).min()?;
        Some(self.cooling_until_us.map_or(due, |until| due.max(until)))
    }

    /// Validates a candle that arrived at a given time. Returns the findings, and whether it was late.
    pub(super) fn validate(
        &mut self,
        settings: &StreamSettings,
        stream: CandleStream,
        bar: Bar,
        came_us: i64,
    ) -> (Vec<Told>, bool) {
        let end_us = bar.start.saturating_add(stream.timeframe.us());
        let before = self.last.get(&stream).cloned();
        let is_late = came_us > end_us.saturating_add(settings.watermark_us);
        let is_next = before.as_ref().is_none_or(|last| bar.start > last.start);
        if is_next {
            self.last.insert(stream.clone(), bar.clone());
        }
        let mut told = Vec::new();
        let mut tell = |check, severity, example: String| {
            let range_us = Some((bar.start, end_us));
            told.push((
                check,
                severity,
                Detection { count: 1, range_us, examples: vec![example], ..Detection::default() },
            ));
        };
        if is_late {
            let seconds = (came_us - end_us) as f64 / 1e6;
            tell("late_candle", Severity::Warning, format!("it came {seconds} s after its end"));
        }
        if bar.start > came_us.saturating_add(settings.ahead_us) {
            tell("candle_boundary", Severity::Error, "it starts in the future".to_owned());
        } else if came_us < end_us && bar.is_final {
            tell("candle_boundary", Severity::Error, "it is final before its interval has ended".to_owned());
        }
        // A late candle fills a hole; only the next one in order can leave one. Quiet intervals have no candle.
        let bars = before.filter(|_| is_next).into_iter().chain([bar.clone()]).collect();
        let series = Series { timeframe: stream.timeframe, fill: None, bars };
        // Faults of the candle before were reported when it arrived.
        let is_of_this = |found: &Detection| found.range_us.is_none_or(|(_, to)| to >= bar.start);
        told.extend(
            checked(settings, &Candles::Alone(&series)).into_iter().filter(|(_, _, found)| is_of_this(found)),
        );
        if (self.has_klines)(&stream) && bar.is_final {
            let settling = Settling::new(end_us, settings.settle_us, settings.again_us);
            self.waiting.push(Waiting { stream, bar, settling, at_us: end_us });
        }
        (told, is_late)
    }

    /// Reads klines that are due, unless requests pause after too many failures. Returns the findings of each candle that was
    /// compared.
    pub(super) fn ask(&mut self, settings: &StreamSettings, now_us: i64) -> Vec<(CandleStream, Vec<Told>)> {
        let Some(mut read) = self.read.take() else { return Vec::new() };
        let mut compared = Vec::new();
        for (stream, start) in self.questions(now_us) {
            if self.is_cooling(now_us) {
                break;
            }
            let is_due = |waiting: &Waiting| {
                waiting.at_us <= now_us && waiting.bar.start == start && waiting.stream == stream
            };
            // After a failure, all of the stream wait.
            if !self.waiting.iter().any(is_due) {
                continue;
            }
            let answer = read(&stream, start);
            compared.extend(self.answer(settings, now_us, &stream, start, answer));
        }
        self.read = Some(read);
        compared
    }

    fn is_cooling(&mut self, now_us: i64) -> bool {
        if self.cooling_until_us.is_some_and(|until| until <= now_us) {
            self.cooling_until_us = None;
            self.failures_in_a_row = 0;
        }
        self.cooling_until_us.is_some()
    }

    /// The klines that are due: stream and start, each once.
    pub(super) fn questions(&mut self, now_us: i64) -> Vec<(CandleStream, i64)> {
        if self.is_cooling(now_us) {
            return Vec::new();
        }
        let due = self.waiting.iter().filter(|waiting| waiting.at_us <= now_us);
        let due: BTreeSet<_> = due.map(|waiting| (waiting.stream.clone(), waiting.bar.start)).collect();
        due.into_iter().collect()
    }

    /// Takes the answer to a question. Returns the findings of each candle that was compared. After a failure, the other
    /// questions of the stream wait too.
    pub(super) fn answer(
        &mut self,
        settings: &StreamSettings,
        now_us: i64,
        stream: &CandleStream,
        start: i64,
        answer: Result<Option<Bar>, String>,
    ) -> Vec<(CandleStream, Vec<Told>)> {
        let is_meant = |waiting: &Waiting| {
            waiting.at_us <= now_us && waiting.bar.start == start && waiting.stream == *stream
        };
        let Ok(kline) = answer else {
            self.failures_in_a_row += 1;
            if self.failures_in_a_row >= settings.failures {
                self.cooling_until_us = Some(now_us.saturating_add(settings.cooldown_us));
            }
            // The others of the stream would fail alike.
            let due = self.waiting.iter_mut().filter(|w| w.at_us <= now_us && w.stream == *stream);
            due.for_each(|waiting| waiting.at_us = now_us.saturating_add(settings.again_us));
            return Vec::new();
        };
        self.failures_in_a_row = 0;
        let mut compared = Vec::new();
        for mut waiting in std::mem::take(&mut self.waiting) {
            if !is_meant(&waiting) {
                self.waiting.push(waiting);
                continue;
            }
            match waiting.settling.read(now_us, kline.clone()) {
                Reading::Again(at_us) => {
                    waiting.at_us = at_us;
                    self.waiting.push(waiting);
                }
                Reading::Settled(kline) => {
                    let told = compare(settings, &waiting, kline.map(|kline| *kline));
                    compared.push((waiting.stream, told));
                }
            }
        }
        compared
    }
}

fn compare(settings: &StreamSettings, waiting: &Waiting, kline: Option<Bar>) -> Vec<Told> {
    let timeframe = waiting.stream.timeframe;
    let series = |bars| Series { timeframe, fill: None, bars };
    let (ours, theirs) = (series(vec![waiting.bar.clone()]), series(kline.into_iter().collect()));
    let (from_us, to_us) = (waiting.bar.start, waiting.bar.start.saturating_add(timeframe.us()));
    let span = Span { from_us, to_us, settled_us: i64::MAX };
    checked(settings, &Candles::Reference(&ours, &theirs, span))
}

fn checked(settings: &StreamSettings, candles: &Candles<'_>) -> Vec<Told> {
    let mut told = Vec::new();
    for check in check::all().filter(|c| matches!(c.group, Group::Aggregation | Group::CrossSource)) {
        let CheckFn::Candles(sides, run) = check.run else { continue };
        if sides == candles.sides() {
            let found = run(candles, &settings.checks.values(check));
            told.extend(found.into_iter().map(|f| (check.name, f.severity.unwrap_or(check.severity), f)));
        }
    }
    told
}
