//! Checks of rows and final candles as they arrive: those of [`super::validate`], with what recorded gaps explain, counted for
//! metrics and gathered for the lake.
//!
//! No I/O and no clock but the times that are given. Klines are asked for with [`LiveChecks::questions`]; whoever reads them does it
//! elsewhere.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};

use arrow_array::RecordBatch;
use arrow_select::concat::concat_batches;
use mtdh_core::candle::Timeframe;
use mtdh_core::check::bars::Bar;
use mtdh_core::check::finding::{Detection, Explanation};
use mtdh_core::check::{self, Severity};
use mtdh_core::key::InstrumentKey;
use mtdh_core::{DataType, Day};
use mtdh_lake::{Lake, LakeError};

use super::candles::LiveCandle;
use super::candles::gaps::Gap;
use super::validate::{
    CandleStream, Statistics, Stream, StreamFinding, StreamSettings, StreamValidator, TickStream,
};
use crate::candles::columns::times;
use crate::check::kept::{CheckLine, CheckRun, EVERYTHING, Found, Subject};
use crate::check::reference::KlineReader;

/// Rows are checked in pieces of this length of arrival.
const EVERY_US: i64 = 1_000_000;
/// The class of what a recorded gap explains.
const RECORDED: &str = "recorded";
/// Findings of one check and stream that are kept of a day; more are only counted.
const KEPT: usize = 20;

/// Settings of checks as rows arrive.
#[derive(Clone, Debug, Default)]
pub struct LiveCheckSettings {
    /// Those of the checks. The watermark is for rows; a final candle comes when it is due.
    pub stream: StreamSettings,
    /// Whether final candles are compared with the exchange's own klines, where it has them: [`LiveChecks::questions`].
    pub has_reference: bool,
}

/// A finding with what it looked at.
#[derive(Clone, Debug, PartialEq)]
pub struct LiveFinding {
    /// The finding.
    pub finding: StreamFinding,
    /// What it looked at, for people: the rows of a data type until a time, or a candle.
    pub looked_at: String,
}

/// How often a check found something, and how bad it was. The labels of a metric.
pub type Counted = BTreeMap<(&'static str, Severity), u64>;

/// What was looked at of an instrument's day.
#[derive(Debug, Default)]
struct Looked {
    rows: u64,
    /// Findings by check, severity and cause, the first few apart.
    found: Vec<Found>,
    beyond: BTreeMap<&'static str, u64>,
    is_new: bool,
}

/// Checks what arrives.
pub struct LiveChecks {
    validator: StreamValidator,
    now_us: Arc<AtomicI64>,
    told: Arc<Mutex<Vec<StreamFinding>>>,
    /// Rows of the second that goes on and of the one before, and which that is.
    waiting: BTreeMap<TickStream, Vec<RecordBatch>>,
    second: i64,
    has_reference: bool,
    gaps: Vec<(InstrumentKey, Gap)>,
    days: BTreeMap<(Day, Subject), Looked>,
    counted: Counted,
    started_us: i64,
}

impl LiveChecks {
    /// Checks from now on, microseconds since the Unix epoch, UTC.
    pub fn new(settings: LiveCheckSettings, now_us: i64) -> LiveChecks {
        let clock = Arc::new(AtomicI64::new(now_us));
        let (read, told) = (clock.clone(), Arc::new(Mutex::new(Vec::new())));
        let now = Box::new(move || read.load(Ordering::Relaxed));
        let has_reference = settings.has_reference;
        let mut validator = StreamValidator::new(settings.stream, now, None);
        if has_reference {
            validator.compare_with_answers(|stream| KlineReader::covers(&stream.key, stream.timeframe));
        }
        let tell = told.clone();
        validator.on_finding(Box::new(move |finding| {
            tell.lock().unwrap_or_else(PoisonError::into_inner).push(finding.clone());
        }));
        validator.start();
        LiveChecks {
            validator,
            now_us: clock,
            told,
            waiting: BTreeMap::new(),
            second: now_us.div_euclid(EVERY_US),
            has_reference,
            gaps: Vec::new(),
            days: BTreeMap::new(),
            counted: Counted::new(),
            started_us: now_us,
        }
    }

    /// Adds rows in order of arrival, with the lake's columns of their data type.
    pub fn rows(&mut self, key: &InstrumentKey, data_type: DataType, batch: &RecordBatch) {
        let stream = TickStream { key: key.clone(), data_type };
        self.waiting.entry(stream).or_default().push(batch.clone());
    }

    /// Adds a final candle. A revision is not checked again: its predecessor was, and a second candle of an interval would be
    /// taken for a repetition.
    pub fn candle(&mut self, given: &LiveCandle) {
        let super::candles::Stage::Final { revision: 0 } = given.stage else { return };
        let end_us = given.candle.start.saturating_add(given.timeframe.us());
        let stream = CandleStream { key: given.key.clone(), timeframe: given.timeframe };
        // Each candle is worked on at once, so that the queue never fills.
        let bar = Bar::of(&given.candle, None);
        if self.validator.validate_candle_of(&stream, bar, end_us).is_ok() {
            self.validator.work();
        }
    }

    /// Tells of a recorded gap of an instrument: a silence in it is explained.
    pub fn gap(&mut self, key: &InstrumentKey, gap: &Gap) {
        let is_same = |(of, known): &(InstrumentKey, Gap)| {
            of == key
                && (known.from_us, &known.kind, known.data_type) == (gap.from_us, &gap.kind, gap.data_type)
        };
        self.gaps.retain(|known| !is_same(known));
        self.gaps.push((key.clone(), gap.clone()));
    }

    /// Checks what is due at a time of the local clock, microseconds since the Unix epoch, UTC. Returns what was found since.
    pub fn advance(&mut self, now_us: i64) -> Vec<LiveFinding> {
        self.now_us.store(now_us, Ordering::Relaxed);
        // A second's rows are together when the next one is over: those that are on their way are with them.
        let second = now_us.div_euclid(EVERY_US);
        if second > self.second {
            self.second = second;
            self.check_rows((second - 1).saturating_mul(EVERY_US), now_us);
        }
        self.validator.work();
        self.take()
    }

    /// Checks what waits, and reports what needs the end of the rows. Nothing more is checked.
    pub fn stop(&mut self, now_us: i64) -> Vec<LiveFinding> {
        self.now_us.store(now_us, Ordering::Relaxed);
        self.check_rows(now_us.saturating_sub(EVERY_US), now_us);
        self.check_rows(i64::MAX, now_us);
        self.validator.stop();
        self.take()
    }

    /// Checks the rows that arrived before a time.
    fn check_rows(&mut self, before_us: i64, now_us: i64) {
        for (stream, batches) in std::mem::take(&mut self.waiting) {
            let (due, rest) = split(batches, before_us);
            if !rest.is_empty() {
                self.waiting.insert(stream.clone(), rest);
            }
            let Some(first) = due.first() else { continue };
            // Batches of one data type have one schema.
            let Ok(rows) = concat_batches(&first.schema(), &due) else { continue };
            if let Some(day) = arrival(&rows).and_then(Day::containing_us) {
                let subject = Subject { key: Some(stream.key.clone()), data_type: Some(stream.data_type) };
                let looked = self.days.entry((day, subject)).or_default();
                (looked.rows, looked.is_new) = (looked.rows + rows.num_rows() as u64, true);
            }
            if self.validator.validate_ticks(&stream, rows).is_ok() {
                self.validator.work();
            }
        }
        // A silence is told when it has become too long, or ends: soon after its gap. Gaps of an hour ago explain no new one.
        self.gaps.retain(|(_, gap)| gap.to_us.is_none_or(|to| to > now_us - 3_600_000_000));
    }

    fn take(&mut self) -> Vec<LiveFinding> {
        let told = std::mem::take(&mut *self.told.lock().unwrap_or_else(PoisonError::into_inner));
        told.into_iter().map(|finding| self.found(finding)).collect()
    }

    fn found(&mut self, mut finding: StreamFinding) -> LiveFinding {
        let (key, data_type) = match &finding.stream {
            Stream::Candles(stream) => (stream.key.clone(), None),
            Stream::Ticks(stream) => (stream.key.clone(), Some(stream.data_type)),
        };
        if finding.check == "silence" {
            self.explain(&key, data_type, &mut finding.found);
        }
        *self.counted.entry((finding.check, finding.severity)).or_default() += 1;
        let at = finding.found.range_us.map_or_else(|| self.now_us.load(Ordering::Relaxed), |range| range.0);
        let day = Day::containing_us(at);
        let subject = Subject { key: Some(key), data_type };
        let looked = day.map(|day| self.days.entry((day, subject)).or_default());
        let rows = looked.as_ref().map_or(0, |looked| looked.rows);
        if let Some(looked) = looked {
            looked.is_new = true;
            let same = looked.found.iter().filter(|found| found.check == finding.check).count();
            if same < KEPT {
                looked.found.push(kept(&finding));
            } else {
                *looked.beyond.entry(finding.check).or_default() += 1;
            }
        }
        let looked_at = match &finding.stream {
            Stream::Candles(stream) => format!("candles of {} as they became final", stream.timeframe),
            Stream::Ticks(stream) => format!("{rows} live rows of {} of the day", stream.data_type),
        };
        LiveFinding { finding, looked_at }
    }

    /// Says that a recorded gap explains a silence, if one does.
    fn explain(&self, key: &InstrumentKey, data_type: Option<DataType>, found: &mut Detection) {
        let Some((from, to)) = found.range_us else { return };
        let covers = |(of, gap): &&(InstrumentKey, Gap)| {
            let is_of = gap.data_type.is_none() || gap.data_type == data_type;
            of == key && is_of && gap.from_us <= to && gap.to_us.is_none_or(|end| end >= from)
        };
        if let Some((_, gap)) = self.gaps.iter().find(covers) {
            let text = format!("the table of gaps has it: {}", gap.kind);
            found.explanation = Some(Explanation { class: RECORDED, text });
        }
    }

    /// The klines that are due, if final candles are compared with a reference.
    pub fn questions(&mut self) -> Vec<(CandleStream, i64)> {
        self.validator.questions()
    }

    /// Takes a kline, as [`StreamValidator::answer`].
    pub fn answer(&mut self, stream: &CandleStream, start_us: i64, kline: Result<Option<Bar>, String>) {
        self.validator.answer(stream, start_us, kline);
    }

    /// How often each check found something.
    pub fn counted(&self) -> &Counted {
        &self.counted
    }

    /// Counts of what was validated.
    pub fn statistics(&self) -> Statistics {
        self.validator.statistics()
    }

    /// The lines of days of which something new was looked at since they were last taken.
    pub fn take_lines(&mut self) -> BTreeMap<Day, Vec<CheckLine>> {
        let mut lines: BTreeMap<Day, Vec<CheckLine>> = BTreeMap::new();
        for ((day, subject), looked) in &mut self.days {
            if !std::mem::take(&mut looked.is_new) {
                continue;
            }
            let run = Arc::new(CheckRun {
                made_by: "live".to_owned(),
                checked_us: self.started_us,
                first_day: *day,
                last_day: *day,
                selection: EVERYTHING.to_owned(),
                settings: Vec::new(),
            });
            let line = |groups: &[&str], found: Option<Found>| CheckLine {
                day: *day,
                subject: subject.clone(),
                groups: groups.iter().map(|group| (*group).to_owned()).collect(),
                found,
                objects: vec![match subject.data_type {
                    Some(data_type) => format!("{data_type} as it arrived"),
                    None => "candles as they became final".to_owned(),
                }],
                rows: looked.rows,
                run: run.clone(),
            };
            let groups: &[&str] = match (subject.data_type, self.has_reference) {
                (Some(_), _) => &["timestamp", "book"],
                (None, true) => &["aggregation", "cross-source"],
                (None, false) => &["aggregation"],
            };
            let of_day = lines.entry(*day).or_default();
            of_day.push(line(groups, None));
            for found in &looked.found {
                let mut found = found.clone();
                let beyond = looked.beyond.get(found.check.as_str()).copied().unwrap_or_default();
                let group = check::find(&found.check).map_or("timestamp", |known| known.group.name());
                if beyond > 0 {
                    found.examples.push(format!("{beyond} more findings of the day are only counted"));
                }
                of_day.push(line(&[group], Some(found)));
            }
        }
        // Yesterday's may still be added to, older ones not.
        let today = Day::containing_us(self.now_us.load(Ordering::Relaxed));
        self.days.retain(|(day, _), _| today.is_none_or(|today| *day >= today.previous()));
        lines
    }
}

/// When the first row of a batch arrived, microseconds since the Unix epoch, UTC.
fn arrival(rows: &RecordBatch) -> Option<i64> {
    times(rows, "local_timestamp").ok()?.first().copied()
}

/// The batches whose rows arrived before a time, and those behind. A batch is of one message.
fn split(mut batches: Vec<RecordBatch>, before_us: i64) -> (Vec<RecordBatch>, Vec<RecordBatch>) {
    let is_due = |rows: &RecordBatch| arrival(rows).is_none_or(|at| at < before_us);
    let due = batches.iter().position(|rows| !is_due(rows)).unwrap_or(batches.len());
    let rest = batches.split_off(due);
    (batches, rest)
}

fn kept(finding: &StreamFinding) -> Found {
    let Detection { range_us, count, examples, explanation, .. } = &finding.found;
    Found {
        check: finding.check.to_owned(),
        severity: finding.severity,
        range_us: *range_us,
        count: *count,
        cause: explanation.as_ref().map(|because| because.class.to_owned()),
        explanation: explanation.as_ref().map(|because| because.text.clone()),
        examples: examples.clone(),
    }
}

/// Puts lines into the days' reports of checks of live rows, each in place of the former ones of its subject.
///
/// # Errors
/// When the store fails.
pub async fn keep(lake: &Lake, lines: BTreeMap<Day, Vec<CheckLine>>) -> Result<(), LakeError> {
    let lake = lake.with_origin(mtdh_core::partition::Origin::Live);
    for (day, lines) in lines {
        lake.update_checks(day, &lines).await?;
    }
    Ok(())
}

/// The timeframes of candles that a reference has, of those that are made.
pub fn with_reference(key: &InstrumentKey, timeframes: &[Timeframe]) -> Vec<Timeframe> {
    timeframes.iter().copied().filter(|timeframe| KlineReader::covers(key, *timeframe)).collect()
}
