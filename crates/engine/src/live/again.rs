//! What a recording told of its rows, told again by its captures: candles and findings of a day.
//!
//! Time passes by the arrival of rows, here and while it is recorded, so that the same lines tell the same.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;

use mtdh_core::candle::Timeframe;
use mtdh_core::error::chain;
use mtdh_core::key::InstrumentKey;
use mtdh_core::{DataType, Day};
use mtdh_lake::Lake;
use mtdh_lake::live::SegmentName;

use super::LiveError;
use super::analysis::{LiveAnalysis, Told};
use super::candles::LiveSettings;
use super::candles::gaps::Gap;
use super::checks::LiveCheckSettings;
use super::followed::{Followed, followed};
use super::hub::event::{GapEvent, RowsEvent};
use super::hub::{Captured, Hub, Limits, Older, OlderRows};
use super::older::Captures;
use super::plan::{PlannedAnalysis, SessionPlan};
use super::player::sessions_of_day;
use crate::EngineError;
use crate::check::kept::CheckLine;

/// Said where playing was stopped.
pub(super) const STOPPED: &str = "stopped";
/// The kind of what lies between two sessions.
const BETWEEN: &str = "restart";
/// What became final so long after a day may still be about it.
const AFTER_US: i64 = 3_600_000_000;
/// How long after its end a provisional candle is given.
const PROVISIONAL_US: i64 = 50_000;

/// The analysis of an exchange's rows, session after session.
pub(super) struct OfExchange {
    /// The arithmetic.
    pub analysis: LiveAnalysis,
    keys: HashMap<Arc<str>, InstrumentKey>,
    session: Option<Arc<str>>,
    /// When the last row arrived.
    last_us: i64,
}

impl OfExchange {
    /// Before the first row.
    pub fn new(analysis: LiveAnalysis) -> OfExchange {
        OfExchange { analysis, keys: HashMap::new(), session: None, last_us: i64::MIN }
    }

    /// When the last row arrived, microseconds since the Unix epoch, UTC.
    pub fn last_us(&self) -> i64 {
        self.last_us
    }

    /// Takes a message's rows, after time has passed up to their arrival. What another recorder had at the same time counts once.
    ///
    /// # Errors
    /// Words for people, when candles cannot be made of a row.
    pub fn rows(&mut self, of: &RowsEvent, give: impl FnMut(i64, Told)) -> Result<(), String> {
        let Some(text) = &of.stream.key else { return Ok(()) };
        let known = self.keys.get(text).cloned();
        let Some(key) = known.or_else(|| text.parse().ok()) else { return Ok(()) };
        self.keys.entry(text.clone()).or_insert_with(|| key.clone());
        if of.arrived < self.last_us {
            return Ok(());
        }
        let session = &of.position.session;
        let is_other = self.session.as_ref() != Some(session);
        if is_other && self.session.replace(session.clone()).is_some() {
            let (from_us, to_us) = (self.last_us, Some(of.arrived));
            let gap = Gap { from_us, to_us, data_type: None, kind: BETWEEN.to_owned() };
            self.analysis.gap(|_| true, &gap);
        }
        self.last_us = of.arrived;
        self.analysis.pass(of.arrived, give);
        let rows = of.batch.slice(of.first, of.rows);
        let taken = self.analysis.rows(&key, of.stream.data_type, &rows);
        taken.map_err(|error| format!("{key} {}: {}", of.stream.data_type, chain(&error)))
    }

    /// Takes something lost.
    pub fn gap(&mut self, of: &GapEvent) {
        // A refusal is of one stream, which has no rows.
        if of.gap.kind == "refused" && of.gap.symbol.is_none() {
            return;
        }
        let gap = Gap::from(&of.gap);
        self.analysis.gap(|key| of.key.as_ref().is_none_or(|text| key.as_str() == &**text), &gap);
    }
}

/// Sessions with rows of a day, in order, and their plans.
pub(super) type Sessions = Vec<(Captured, SessionPlan)>;

/// The sessions of an exchange that the lake has captures of on a day.
///
/// # Errors
/// When the lake cannot be read, or a plan is of another program.
pub(super) async fn sessions(lake: &Lake, exchange: &str, day: Day) -> Result<Sessions, EngineError> {
    let mut sessions = Vec::new();
    for (session, segments) in sessions_of_day(lake, exchange, day).await? {
        let unread = || LiveError::Plan { session: session.to_string() };
        let first: &SegmentName = segments.first().ok_or_else(unread)?;
        let Some(reader) = lake.read_segment(first).await? else { continue };
        let plan = SessionPlan::parse(&reader.header().session.plan).ok_or_else(unread)?;
        let captured =
            Captured { exchange: exchange.into(), session: session.as_str().into(), began: first.start_us };
        sessions.push((captured, plan));
    }
    Ok(sessions)
}

/// The instruments that sessions recorded, each from the first session on of those without a break that had it, but from no earlier
/// time than `from_us`, microseconds since the Unix epoch, UTC.
///
/// # Errors
/// When the lake cannot be read.
pub(super) async fn recorded(
    lake: &Lake,
    sessions: &Sessions,
    from_us: i64,
) -> Result<Vec<Followed>, EngineError> {
    let mut all: BTreeMap<InstrumentKey, Followed> = BTreeMap::new();
    let mut last: BTreeMap<InstrumentKey, Followed> = BTreeMap::new();
    for (of, plan) in sessions {
        let mut now: BTreeMap<InstrumentKey, Followed> = BTreeMap::new();
        for one in followed(lake, [plan], of.began.max(from_us)).await? {
            now.insert(one.follow.key.clone(), one);
        }
        for (key, one) in &mut now {
            if let Some(before) = last.get(key).filter(|before| has_all(before, one)) {
                one.follow.from_us = before.follow.from_us;
            }
        }
        // What a later session does not record any more was recorded nevertheless.
        all.extend(now.clone());
        last = now;
    }
    Ok(all.into_values().collect())
}

/// Whether all that one records was recorded before.
pub(super) fn has_all(before: &Followed, one: &Followed) -> bool {
    let has = |of: &DataType| before.follow.data_types.contains(of);
    one.follow.data_types.iter().all(has)
}

/// Plays a session's rows that arrived within a range, with what was lost among them.
///
/// # Errors
/// Words for people, when the captures are not whole or candles cannot be made of a row; [`STOPPED`].
pub(super) fn play(
    rows: &mut dyn OlderRows,
    within: &std::ops::Range<i64>,
    of: &mut OfExchange,
    is_over: impl Fn() -> bool,
    mut give: impl FnMut(&mut OfExchange, i64, Told),
) -> Result<(), String> {
    let mut gaps: VecDeque<(i64, GapEvent)> = VecDeque::new();
    let mut told = Vec::new();
    while let Some(event) = rows.next()? {
        gaps.extend(rows.gaps());
        if is_over() {
            return Err(STOPPED.to_owned());
        }
        if event.arrived >= within.end {
            break;
        }
        while let Some((at, gap)) = gaps.pop_front_if(|(at, _)| *at <= event.arrived) {
            of.analysis.pass(at, |at, one| told.push((at, one)));
            of.gap(&gap);
        }
        if event.arrived >= within.start {
            of.rows(&event, |at, one| told.push((at, one)))?;
        }
        told.drain(..).for_each(|(at, one)| give(of, at, one));
    }
    gaps.extend(rows.gaps());
    gaps.iter().filter(|(at, _)| *at < within.end).for_each(|(_, gap)| of.gap(gap));
    Ok(())
}

/// The captures of a lake, read by who has no recorder.
fn captures(lake: &Lake) -> Result<(Arc<Hub>, Captures), EngineError> {
    let hub = Hub::new(Limits::default(), 0);
    let folder = match lake.capture_folder() {
        Some(folder) => folder,
        // A folder that is not there has no captures; those of the lake are read.
        None => PathBuf::from(lake.temporary()?).join("no-captures"),
    };
    let captures = Captures::new(lake, folder, &hub);
    Ok((hub, captures))
}

/// Settings of candles and checks as a plan wants them.
pub(super) fn settings(plan: &PlannedAnalysis) -> (Option<LiveSettings>, Option<LiveCheckSettings>) {
    let timeframes: Vec<Timeframe> = plan.candles.iter().filter_map(|text| text.parse().ok()).collect();
    let candles = (!timeframes.is_empty()).then(|| LiveSettings {
        timeframes,
        provisional_us: Some(PROVISIONAL_US),
        ..LiveSettings::default()
    });
    (candles, plan.has_checks.then(LiveCheckSettings::default))
}

/// The lines for a day's report of checks that the captures of an exchange tell, and candles and findings to `give`, as the recording did or would have done without a break; `None`: its plan has
/// neither candles nor checks.
///
/// # Errors
/// When the lake cannot be read. Captures that are not whole are [`LiveError::Retold`].
pub(super) async fn day(
    lake: &Lake,
    exchange: &str,
    day: Day,
    mut give: impl FnMut(i64, Told) + Send + 'static,
) -> Result<Option<Vec<CheckLine>>, EngineError> {
    let sessions = sessions(lake, exchange, day).await?;
    let planned = sessions.iter().rev().find_map(|(_, plan)| plan.analysis.clone());
    let (Some(planned), Some((first, _))) = (planned, sessions.first()) else { return Ok(None) };
    let (candles, checks) = settings(&planned);
    let mut analysis = LiveAnalysis::new(candles, checks, first.began);
    for of in recorded(lake, &sessions, i64::MIN).await? {
        analysis.follow(&of.follow);
    }
    let (hub, captures) = captures(lake)?;
    let within = i64::MIN..day.end_us().saturating_add(AFTER_US);
    let failed = {
        let exchange = exchange.to_owned();
        move |words: String| LiveError::Retold { exchange, day, words }
    };
    let played = tokio::task::spawn_blocking(move || {
        let mut of = OfExchange::new(analysis);
        let mut days = BTreeMap::new();
        for (session, _) in &sessions {
            let mut rows = captures.rows(session);
            play(&mut *rows, &within, &mut of, || false, |_, at, one| give(at, one))?;
        }
        let last = of.last_us();
        if last < within.end - AFTER_US {
            of.analysis.stop(last).into_iter().for_each(|one| give(last, one));
        }
        if let Some(checks) = of.analysis.checks() {
            days = checks.take_lines();
        }
        drop(hub);
        Ok::<_, String>(days.remove(&day).unwrap_or_default())
    });
    match played.await {
        Ok(Ok(lines)) => Ok(Some(lines)),
        Ok(Err(words)) => Err(failed(words).into()),
        Err(error) => Err(failed(error.to_string()).into()),
    }
}
