//! Candles and checks of a recording, as one who listens to it: it slows nothing down, and what it misses it says.
//!
//! The arithmetic is in [`super::analysis`]; here are the clock, the hub, the log and the lake.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use mtdh_core::check::Severity;
use mtdh_core::error::chain;
use mtdh_core::venue::exchange_of_venue;
use mtdh_core::{DataType, Day};
use mtdh_lake::Lake;
use mtdh_lake::live::found;
use mtdh_source::live::clock;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::LiveError;
use super::again::{self, OfExchange, Sessions};
use super::analysis::{LiveAnalysis, Told};
use super::candles::gaps::Gap;
use super::candles::{Follow, LiveCounts, Stage as Given, VenueLateness};
use super::checks::{Counted, LiveCheckSettings, keep};
use super::followed::Followed;
use super::hub::event::{CandleEvent, Cursor, Event, FindingEvent, Place, Position, Stage};
use super::hub::filter::{Filter, Wanted};
use super::hub::{Ask, Captured, Hub, Listener, Older, Start, Taken};
use super::older::Captures;
use super::plan::{PlannedAnalysis, SessionPlan};
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

/// Rows are listened to when a recording has begun: it is looked so often whether it has.
const LOOK: Duration = Duration::from_millis(50);
/// No segment is longer.
const SEGMENT_US: i64 = 3_600_000_000;
/// An exchange that takes longer to begin is found where rows of it are published.
const BEGIN_WITHIN: Duration = Duration::from_secs(10);
/// What was told so long before a recorder ended may not have been given out by it.
const UNSURE_US: i64 = 2_000_000;

/// What is wanted of a recording.
#[derive(Clone, Debug, Default)]
pub struct AnalysisOptions {
    /// Candles and checks, as the recording's plans have them.
    pub planned: PlannedAnalysis,
    /// Where captures are written; `None`: in the lake.
    pub folder: Option<PathBuf>,
    /// Where klines are read that final candles are compared with; `None`: they are not compared.
    pub klines: Option<Source>,
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

/// What of a recording is listened to.
fn listen(hub: &Arc<Hub>, rows: Wanted<DataType>, start: Start) -> Listener {
    let filters = vec![Filter { rows, has_notes: true, ..Filter::default() }];
    hub.listen(Ask { filters, start, is_conflated: false })
}

/// Listens to a recording.
pub struct Ears {
    listener: Listener,
    /// Whether something was recorded before it on the same day.
    is_behind: bool,
}

/// Begins to listen to the rows and gaps of a recording before it begins. `folder`: where captures are written; `None`: in the lake.
///
/// # Errors
/// When captures cannot be listed.
pub async fn begin(
    lake: &Lake,
    hub: &Arc<Hub>,
    plans: &[&SessionPlan],
    folder: Option<&Path>,
    now_us: i64,
) -> Result<Ears, EngineError> {
    let mut is_behind = false;
    for plan in plans {
        let Some(day) = Day::containing_us(now_us) else { continue };
        is_behind |= !lake.list_segments(&plan.exchange, day).await?.is_empty();
        // What a killed recorder left is not in the lake's list yet.
        let folder = folder.map(Path::to_owned).or_else(|| lake.capture_folder());
        let failed = |source| LiveError::Capture { exchange: plan.exchange.clone(), source };
        let local = folder.map(|folder| found(&folder, &plan.exchange)).transpose().map_err(failed)?;
        let from = day.start_us() - SEGMENT_US;
        is_behind |= local.unwrap_or_default().iter().any(|one| one.name.start_us >= from);
    }
    // Who has to catch up listens to rows from the captures on, later; gaps are in no hurry and few.
    let rows = if is_behind { Wanted::None } else { Wanted::All };
    Ok(Ears { listener: listen(hub, rows, Start::Now), is_behind })
}

/// Follows what a hub is given until `stop` is cancelled. Candles and findings are given to the hub, findings also to the log and to
/// the lake. What earlier recorders recorded of the day is taken first, from their captures: so a day's candles and findings are as if
/// nothing had ended between.
pub async fn follow(
    lake: &Lake,
    hub: &Arc<Hub>,
    ears: Ears,
    followed: Vec<Followed>,
    options: AnalysisOptions,
    stop: &CancellationToken,
) -> Analysed {
    let Ears { mut listener, is_behind } = ears;
    let mut following = Following::new(hub.clone(), followed, &options);
    let (questions, mut answers) = klines(options.klines.clone(), stop);
    let mut notes = None;
    if is_behind {
        let rows = following.catch_up(lake, &options, stop).await;
        notes = Some(std::mem::replace(&mut listener, rows));
    }
    let mut kept_us = clock::now();
    while !stop.is_cancelled() {
        let taken = tokio::select! {
            () = stop.cancelled() => break,
            taken = listener.take(AT_ONCE) => Some(taken),
            taken = noted(&mut notes) => Some(taken),
            () = tokio::time::sleep(EVERY) => None,
        };
        let mut waits = false;
        if let Some(taken) = taken {
            let is_slow = taken.lost.is_some();
            waits = taken.entries.len() >= AT_ONCE;
            taken.entries.iter().for_each(|entry| following.take(&entry.event));
            if is_slow {
                following.missed();
                notes = None;
                listener = listen(hub, Wanted::All, Start::Now);
            }
        }
        while let Ok((stream, start, kline)) = answers.try_recv() {
            following.answer(&stream, start, kline);
        }
        let now = clock::now();
        // While rows wait that arrived before, time passes by them.
        if !waits {
            following.pass(now);
        }
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

/// What a listener to notes alone is given, if there is one.
async fn noted(notes: &mut Option<Listener>) -> Taken {
    match notes {
        Some(listener) => listener.take(AT_ONCE).await,
        None => std::future::pending().await,
    }
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
    exchanges: BTreeMap<Arc<str>, OfExchange>,
    symbols: HashMap<InstrumentKey, Arc<str>>,
    /// Klines that were asked for.
    asked: Vec<Question>,
    /// Findings of days before this are those of others.
    first_day: Option<Day>,
    /// What was given out.
    found: Counted,
    /// Counts of candles before the first that was given out.
    before: LiveCounts,
    failures: Vec<String>,
}

impl Following {
    fn new(hub: Arc<Hub>, followed: Vec<Followed>, options: &AnalysisOptions) -> Following {
        let now = clock::now();
        let mut exchanges: BTreeMap<Arc<str>, OfExchange> = BTreeMap::new();
        let mut symbols = HashMap::new();
        for of in followed {
            let exchange = exchanges.entry(of.exchange).or_insert_with(|| analysis(options, now));
            exchange.analysis.follow(&of.follow);
            symbols.insert(of.follow.key, of.symbol);
        }
        Following {
            hub,
            exchanges,
            symbols,
            asked: Vec::new(),
            first_day: Day::containing_us(now),
            found: Counted::new(),
            before: LiveCounts::default(),
            failures: Vec::new(),
        }
    }

    /// Takes what earlier recorders recorded of the day. Gives a listener to the rows of this one, from its first on.
    async fn catch_up(
        &mut self,
        lake: &Lake,
        options: &AnalysisOptions,
        stop: &CancellationToken,
    ) -> Listener {
        let begun = begun(&self.hub, self.exchanges.len(), stop).await;
        let captures = Arc::new(match options.folder.clone().or_else(|| lake.capture_folder()) {
            Some(folder) => Captures::new(lake, folder, &self.hub),
            // Without a folder nothing is recorded.
            None => return listen(&self.hub, Wanted::All, Start::Now),
        });
        let (day, from_us) = match self.first_day {
            Some(day) => (day, day.start_us()),
            None => return listen(&self.hub, Wanted::All, Start::Now),
        };
        for exchange in self.exchanges.keys().cloned().collect::<Vec<_>>() {
            let mut sessions = match again::sessions(lake, &exchange, day).await {
                Ok(sessions) => sessions,
                Err(error) => {
                    self.fail(format!("{exchange}: candles and findings begin anew: {}", chain(&error)));
                    continue;
                }
            };
            sessions.retain(|(of, _)| !begun.contains(&of.session) && of.began < self.hub.opened());
            if sessions.is_empty() {
                continue;
            }
            let Some(of) = self.exchanges.remove(&exchange) else { continue };
            let followed = of.analysis.followed().to_vec();
            let caught = resumed(lake, followed, &sessions, from_us, options, captures.clone(), stop);
            let (took, held) = match caught.await {
                Ok(caught) => caught,
                // What was kept before says more than a part of it.
                Err(words) if words == again::STOPPED => continue,
                Err(words) => {
                    self.fail(format!("{exchange}: candles and findings begin anew: {words}"));
                    (of, Vec::new())
                }
            };
            if let Some(candles) = took.analysis.candles() {
                self.before.add(&candles.counts());
            }
            self.exchanges.insert(exchange, took);
            held.into_iter().for_each(|(at, told)| self.give(told, at));
        }
        if begun.is_empty() {
            let cursor = Cursor { hub: self.hub.opened(), number: 0, places: Vec::new() };
            return listen(&self.hub, Wanted::All, Start::Behind(cursor));
        }
        let place = |session: Arc<str>| Place { position: Position { session, line: 0 }, part: u32::MAX };
        let places = begun.into_iter().map(place).collect();
        let cursor = Cursor { hub: self.hub.opened().saturating_sub(1), number: 0, places };
        listen(&self.hub, Wanted::All, Start::Behind(cursor))
    }

    fn fail(&mut self, text: String) {
        const FEW: usize = 20;
        tracing::warn!(text, "live analysis");
        if self.failures.len() < FEW {
            self.failures.push(text);
        }
    }

    fn take(&mut self, event: &Event) {
        let mut told = Vec::new();
        match event {
            Event::Rows(of) => {
                let Some(exchange) = self.exchanges.get_mut(&of.stream.exchange) else { return };
                if let Err(words) = exchange.rows(of, |at, one| told.push((at, one))) {
                    self.fail(words);
                }
            }
            Event::Gap(of) => {
                if let Some(exchange) = self.exchanges.get_mut(&of.exchange) {
                    exchange.gap(of);
                }
            }
            Event::Disconnect(_) | Event::Candle(_) | Event::Finding(_) | Event::Health(_) => {}
        }
        told.into_iter().for_each(|(at, one)| self.give(one, at));
    }

    /// Events were missed: what they held is not in candles.
    fn missed(&mut self) {
        let now = clock::now();
        for of in self.exchanges.values_mut() {
            let from_us = of.last_us().max(now - KEEP_EVERY_US).min(now);
            let gap = Gap { from_us, to_us: Some(now), data_type: None, kind: "overload".to_owned() };
            of.analysis.gap(|_| true, &gap);
        }
        self.fail(
            "the analysis did not keep up with the recording: candles of that time are not complete"
                .to_owned(),
        );
    }

    fn pass(&mut self, now: i64) {
        let mut told = Vec::new();
        for of in self.exchanges.values_mut() {
            of.analysis.pass(now, |at, one| told.push((at, one)));
        }
        told.into_iter().for_each(|(at, one)| self.give(one, at));
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
                *self.found.entry((of.finding.check, of.finding.severity)).or_default() += 1;
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
        for of in self.exchanges.values_mut() {
            let Some(checks) = of.analysis.checks() else { continue };
            for question in checks.questions() {
                if !self.asked.contains(&question) && questions.try_send(question.clone()).is_ok() {
                    self.asked.push(question);
                }
            }
        }
    }

    fn answer(&mut self, stream: &CandleStream, start: i64, kline: Result<Option<bars::Bar>, String>) {
        self.asked.retain(|(of, at)| (of, *at) != (stream, start));
        let exchange: Arc<str> = exchange_of_venue(stream.key.venue()).into();
        if let Some(checks) = self.exchanges.get_mut(&exchange).and_then(|of| of.analysis.checks()) {
            checks.answer(stream, start, kline);
        }
    }

    async fn keep(&mut self, lake: &Lake) {
        let first_day = self.first_day;
        let taken = self.exchanges.values_mut().filter_map(|of| Some(of.analysis.checks()?.take_lines()));
        for mut lines in taken.collect::<Vec<_>>() {
            lines.retain(|day, _| first_day.is_none_or(|first| *day >= first));
            if let Err(error) = keep(lake, lines).await {
                self.fail(format!("the lake does not have what was found: {}", chain(&error)));
            }
        }
    }

    async fn end(mut self, lake: &Lake) -> Analysed {
        let now = clock::now();
        self.pass(now);
        let mut told = Vec::new();
        self.exchanges.values_mut().for_each(|of| told.extend(of.analysis.stop(now)));
        told.into_iter().for_each(|told| self.give(told, now));
        self.keep(lake).await;
        let (mut candles, mut lateness) = (LiveCounts::default(), Vec::new());
        for of in self.exchanges.values().filter_map(|of| of.analysis.candles()) {
            candles.add(&of.counts());
            lateness.extend(of.lateness().map(|(venue, of)| (venue.to_owned(), of)));
        }
        Analysed {
            candles: candles.since(&self.before),
            lateness,
            findings: self.found,
            failures: self.failures,
        }
    }
}

/// Waits until rows of so many exchanges were published, but not for long. Their sessions.
async fn begun(hub: &Hub, exchanges: usize, stop: &CancellationToken) -> Vec<Arc<str>> {
    let until = tokio::time::Instant::now() + BEGIN_WITHIN;
    loop {
        let sessions = hub.sessions();
        let is_late = tokio::time::Instant::now() >= until;
        if sessions.len() >= exchanges || is_late || stop.is_cancelled() {
            return sessions;
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

/// An analysis as the options want it.
fn analysis(options: &AnalysisOptions, now_us: i64) -> OfExchange {
    let (candles, checks) = again::settings(&options.planned);
    let checks = checks.map(|checks| LiveCheckSettings {
        has_reference: checks.has_reference || options.klines.is_some(),
        ..checks
    });
    OfExchange::new(LiveAnalysis::new(candles, checks, now_us))
}

/// An analysis of what sessions recorded before, and what they may not have given out themselves.
async fn resumed(
    lake: &Lake,
    followed: Vec<Follow>,
    sessions: &Sessions,
    from_us: i64,
    options: &AnalysisOptions,
    captures: Arc<Captures>,
    stop: &CancellationToken,
) -> Result<(OfExchange, Vec<(i64, Told)>), String> {
    let mut of = analysis(options, sessions.first().map_or(from_us, |(first, _)| first.began.max(from_us)));
    let recorded = again::recorded(lake, sessions, from_us).await.map_err(|error| chain(&error))?;
    let last_plan = sessions.last().map(|(_, plan)| plan.symbols.as_slice()).unwrap_or_default();
    for one in &followed {
        let before = recorded.iter().find(|before| before.follow.key == one.key);
        let went_on = before.filter(|before| last_plan.iter().any(|symbol| **symbol == *before.symbol));
        let has_all =
            |before: &&Followed| one.data_types.iter().all(|t| before.follow.data_types.contains(t));
        let from_us = went_on.filter(has_all).map_or(one.from_us, |before| before.follow.from_us);
        of.analysis.follow(&Follow { from_us, ..one.clone() });
    }
    let stop = stop.clone();
    let sessions: Vec<Captured> = sessions.iter().map(|(of, _)| of.clone()).collect();
    let played = tokio::task::spawn_blocking(move || {
        let mut held: Vec<(i64, Told)> = Vec::new();
        for session in &sessions {
            let mut rows = captures.rows(session);
            again::play(
                &mut *rows,
                &(from_us..i64::MAX),
                &mut of,
                || stop.is_cancelled(),
                |of, at, one| {
                    held.retain(|(at, _)| *at > of.last_us().saturating_sub(UNSURE_US));
                    held.push((at, one));
                },
            )?;
        }
        held.retain(|(at, _)| *at > of.last_us().saturating_sub(UNSURE_US));
        Ok((of, held))
    });
    played.await.map_err(|error| error.to_string())?
}
