//! Candles and checks of a recording, as one who listens to it: it slows nothing down, and what it misses it says.
//!
//! The arithmetic is in [`super::analysis`]; here are the clock, the hub, the log and the lake.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use mtdh_core::DataType;
use mtdh_core::candle::Valuation;
use mtdh_core::check::Severity;
use mtdh_core::error::chain;
use mtdh_core::venue::exchange_of_venue;
use mtdh_lake::Lake;
use mtdh_source::live::clock;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::analysis::{LiveAnalysis, Told};
use super::candles::gaps::Gap;
use super::candles::{Follow, LiveCounts, LiveSettings, Stage as Given, VenueLateness};
use super::checks::{Counted, LiveCheckSettings, keep};
use super::hub::event::{CandleEvent, Event, FindingEvent, Stage};
use super::hub::filter::{Filter, Wanted};
use super::hub::{Ask, Hub, Listener, Start};
use super::plan::{Keys, SessionPlan};
use super::validate::{CandleStream, Stream};
use crate::InstrumentKey;
use crate::check::reference::{KlineReader, Source};
use crate::error::EngineError;
use mtdh_core::check::bars;

/// How often candles are closed.
const EVERY: Duration = Duration::from_millis(100);
/// How often the lake gets what was found.
const KEEP_EVERY_US: i64 = 60_000_000;
/// Events that are taken at a time.
const AT_ONCE: usize = 1_024;
/// Klines that are asked for and not answered.
const ASKED: usize = 64;

/// What is wanted of a recording.
#[derive(Clone, Debug, Default)]
pub struct AnalysisOptions {
    /// Candles; `None`: none.
    pub candles: Option<LiveSettings>,
    /// Checks; `None`: none.
    pub checks: Option<LiveCheckSettings>,
    /// Where klines are read that final candles are compared with; `None`: they are not compared.
    pub klines: Option<Source>,
}

/// An instrument of a recording.
#[derive(Clone, Debug)]
pub struct Followed {
    symbol: Arc<str>,
    follow: Follow,
}

/// What an analysis came to.
#[derive(Clone, Debug, Default)]
pub struct Analysed {
    /// Counts of candles.
    pub candles: LiveCounts,
    /// How late trades were, by venue.
    pub lateness: Vec<(String, VenueLateness)>,
    /// Findings by check and severity.
    pub findings: Counted,
    /// What could not be kept, or was missed; a line each, few.
    pub failures: Vec<String>,
}

/// The instruments of plans, followed from now on. What their amounts are worth is read from the newest instrument table.
///
/// # Errors
/// When the lake cannot be read.
pub async fn followed<'a>(
    lake: &Lake,
    plans: impl IntoIterator<Item = &'a SessionPlan>,
    from_us: i64,
) -> Result<Vec<Followed>, EngineError> {
    let mut days = match lake.days_with_instruments().await {
        Ok(days) => days,
        Err(mtdh_lake::LakeError::NoFolder(_)) => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    days.sort_unstable();
    let table = match days.last() {
        Some(day) => lake.instruments(*day).await?.unwrap_or_default(),
        None => Vec::new(),
    };
    let mut all = Vec::new();
    for plan in plans {
        let mut keys = Keys::of(plan);
        let data_types: Vec<DataType> = plan.want().data_types;
        for symbol in &plan.symbols {
            let key = keys.key(symbol);
            let row = table.iter().find(|row| row.key == key);
            let valuation = Valuation::of(&key, row).ok();
            let follow = Follow { key, from_us, data_types: data_types.clone(), valuation };
            all.push(Followed { symbol: symbol.as_str().into(), follow });
        }
    }
    Ok(all)
}

/// Begins to listen to the rows and gaps of a recording.
pub fn listen(hub: &Arc<Hub>) -> Listener {
    hub.listen(Ask {
        filters: vec![Filter { rows: Wanted::All, has_notes: true, ..Filter::default() }],
        start: Start::Now,
        is_conflated: false,
    })
}

/// Follows what a hub is given until `stop` is cancelled. Candles and findings are given to the hub, findings also to the log and to
/// the lake.
pub async fn follow(
    lake: &Lake,
    hub: &Arc<Hub>,
    mut listener: Listener,
    followed: Vec<Followed>,
    options: AnalysisOptions,
    stop: &CancellationToken,
) -> Analysed {
    let mut following = Following::new(hub.clone(), followed, &options);
    let (questions, mut answers) = klines(options.klines, stop);
    let mut kept_us = clock::now();
    while !stop.is_cancelled() {
        let taken = tokio::select! {
            () = stop.cancelled() => break,
            taken = listener.take(AT_ONCE) => Some(taken),
            () = tokio::time::sleep(EVERY) => None,
        };
        if let Some(taken) = taken {
            let is_slow = taken.lost.is_some();
            taken.entries.iter().for_each(|entry| following.take(&entry.event));
            if is_slow {
                following.missed();
                listener = listen(hub);
            }
        }
        while let Ok((stream, start, kline)) = answers.try_recv() {
            following.answer(&stream, start, kline);
        }
        let now = clock::now();
        following.advance(now);
        following.ask(&questions);
        if now.saturating_sub(kept_us) >= KEEP_EVERY_US {
            kept_us = now;
            following.keep(lake).await;
        }
    }
    // What was recorded before the end is still there.
    while let Ok(taken) = tokio::time::timeout(EVERY, listener.take(AT_ONCE)).await {
        taken.entries.iter().for_each(|entry| following.take(&entry.event));
        if taken.lost.is_some() {
            break;
        }
    }
    following.end(lake).await
}

type Question = (CandleStream, i64);
type Answer = (CandleStream, i64, Result<Option<bars::Bar>, String>);

/// Reads klines that are asked for, one after the other, until `stop` is cancelled.
fn klines(
    source: Option<Source>,
    stop: &CancellationToken,
) -> (mpsc::Sender<Question>, mpsc::Receiver<Answer>) {
    let (ask, mut asked) = mpsc::channel::<Question>(ASKED);
    let (tell, told) = mpsc::channel::<Answer>(ASKED);
    let stop = stop.clone();
    if let Some(source) = source {
        tokio::spawn(async move {
            let mut reader = KlineReader::new(source);
            while let Some((stream, start)) = tokio::select! {
                () = stop.cancelled() => None,
                asked = asked.recv() => asked,
            } {
                let end = start.saturating_add(stream.timeframe.us());
                let read = reader.get(&stream.key, stream.timeframe, start, end).await;
                let kline = read.map(|bars| bars.into_iter().next()).map_err(|error| chain(&error));
                if tell.send((stream, start, kline)).await.is_err() {
                    return;
                }
            }
        });
    }
    (ask, told)
}

struct Following {
    hub: Arc<Hub>,
    analysis: LiveAnalysis,
    symbols: HashMap<InstrumentKey, Arc<str>>,
    /// Keys of streams by their text.
    keys: HashMap<Arc<str>, InstrumentKey>,
    /// Klines that were asked for.
    asked: Vec<Question>,
    advanced_us: i64,
    failures: Vec<String>,
}

impl Following {
    fn new(hub: Arc<Hub>, followed: Vec<Followed>, options: &AnalysisOptions) -> Following {
        let now = clock::now();
        let checks = options.checks.clone().map(|checks| LiveCheckSettings {
            has_reference: checks.has_reference || options.klines.is_some(),
            ..checks
        });
        let mut analysis = LiveAnalysis::new(options.candles.clone(), checks, now);
        let mut symbols = HashMap::new();
        for of in followed {
            analysis.follow(&of.follow);
            symbols.insert(of.follow.key, of.symbol);
        }
        let (keys, asked, failures) = (HashMap::new(), Vec::new(), Vec::new());
        Following { hub, analysis, symbols, keys, asked, advanced_us: now, failures }
    }

    fn fail(&mut self, text: String) {
        const FEW: usize = 20;
        tracing::warn!(text, "live analysis");
        if self.failures.len() < FEW {
            self.failures.push(text);
        }
    }

    fn take(&mut self, event: &Event) {
        match event {
            Event::Rows(of) => {
                let Some(text) = &of.stream.key else { return };
                let key = match self.keys.get(text) {
                    Some(key) => key.clone(),
                    None => {
                        let Ok(key) = text.parse::<InstrumentKey>() else { return };
                        self.keys.insert(text.clone(), key.clone());
                        key
                    }
                };
                let rows = of.batch.slice(of.first, of.rows);
                if let Err(error) = self.analysis.rows(&key, of.stream.data_type, &rows) {
                    self.fail(format!("{key} {}: {}", of.stream.data_type, chain(&error)));
                }
            }
            Event::Gap(of) => {
                let gap = Gap::from(&of.gap);
                let exchange = &of.exchange;
                self.analysis.gap(
                    |key| match &of.key {
                        Some(text) => key.as_str() == &**text,
                        None => exchange_of_venue(key.venue()) == **exchange,
                    },
                    &gap,
                );
            }
            Event::Disconnect(_) | Event::Candle(_) | Event::Finding(_) | Event::Health(_) => {}
        }
    }

    /// Events were missed: what they held is not in candles.
    fn missed(&mut self) {
        let now = clock::now();
        let gap =
            Gap { from_us: self.advanced_us, to_us: Some(now), data_type: None, kind: "overload".to_owned() };
        self.analysis.gap(|_| true, &gap);
        self.fail(
            "the analysis did not keep up with the recording: candles of that time are not complete"
                .to_owned(),
        );
    }

    fn advance(&mut self, now: i64) {
        let told = self.analysis.advance(now);
        self.advanced_us = now;
        told.into_iter().for_each(|told| self.give(told, now));
    }

    fn give(&mut self, told: Told, now: i64) {
        let symbol = |key: &InstrumentKey| self.symbols.get(key).cloned();
        let event = match told {
            Told::Candle(of) => {
                let (stage, revision) = match of.stage {
                    Given::Provisional => (Stage::Provisional, 0),
                    Given::Final { revision } => (Stage::Final, revision),
                };
                Event::Candle(Box::new(CandleEvent {
                    exchange: exchange_of_venue(of.key.venue()).into(),
                    symbol: symbol(&of.key).unwrap_or_else(|| of.key.as_str().into()),
                    key: of.key.as_str().into(),
                    timeframe: of.timeframe,
                    candle: of.candle,
                    revision,
                    stage,
                    given: now,
                }))
            }
            Told::Finding(of) => {
                let key = match &of.finding.stream {
                    Stream::Candles(stream) => &stream.key,
                    Stream::Ticks(stream) => &stream.key,
                };
                let (stream, found) = (of.finding.stream.to_string(), &of.finding.found);
                let cause = found.explanation.as_ref().map_or("", |because| because.class);
                let example = found.examples.first().map_or("", String::as_str);
                let (check, count, looked_at) = (of.finding.check, found.count, of.looked_at.as_str());
                match of.finding.severity {
                    Severity::Info => {
                        tracing::info!(stream, check, count, cause, example, looked_at, "found")
                    }
                    _ => tracing::warn!(stream, check, count, cause, example, looked_at, "found"),
                }
                Event::Finding(Box::new(FindingEvent {
                    exchange: exchange_of_venue(key.venue()).into(),
                    symbol: symbol(key),
                    finding: of.finding,
                    given: now,
                }))
            }
        };
        self.hub.publish(event);
    }

    /// Asks for klines that are due and not asked for.
    fn ask(&mut self, questions: &mpsc::Sender<Question>) {
        let Some(checks) = self.analysis.checks() else { return };
        for question in checks.questions() {
            if !self.asked.contains(&question) && questions.try_send(question.clone()).is_ok() {
                self.asked.push(question);
            }
        }
    }

    fn answer(&mut self, stream: &CandleStream, start: i64, kline: Result<Option<bars::Bar>, String>) {
        self.asked.retain(|(of, at)| (of, *at) != (stream, start));
        if let Some(checks) = self.analysis.checks() {
            checks.answer(stream, start, kline);
        }
    }

    async fn keep(&mut self, lake: &Lake) {
        let Some(checks) = self.analysis.checks() else { return };
        let lines = checks.take_lines();
        if let Err(error) = keep(lake, lines).await {
            self.fail(format!("the lake does not have what was found: {}", chain(&error)));
        }
    }

    async fn end(mut self, lake: &Lake) -> Analysed {
        let now = clock::now();
        let told = self.analysis.stop(now);
        told.into_iter().for_each(|told| self.give(told, now));
        self.keep(lake).await;
        let findings = self.analysis.checks().map(|checks| checks.counted().clone()).unwrap_or_default();
        let candles = self.analysis.candles();
        Analysed {
            candles: candles.map(|candles| candles.counts()).unwrap_or_default(),
            lateness: candles
                .map(|candles| candles.lateness().map(|(venue, of)| (venue.to_owned(), of)).collect())
                .unwrap_or_default(),
            findings,
            failures: self.failures,
        }
    }
}
