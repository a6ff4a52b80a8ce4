//! Records live feeds of several venues into a lake.
//!
//! Each venue has a session on a thread of its own; what sessions hand on (rows, gaps, sealed captures) is brought into the lake
//! here, again and again until it is there. Start with [`prepare`], then [`record`].

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use mtdh_core::nearest::nearest;
use mtdh_core::venue::exchange_of_venue;
use mtdh_core::{DataType, Day};
use mtdh_lake::Lake;
use mtdh_lake::live::{Recovered, SessionId, recover};
pub use mtdh_source::live::address::{Instead, Unencrypted};
use mtdh_source::live::address::{reached, shown};
use mtdh_source::live::clock;
pub use mtdh_source::live::link::Rules;
use mtdh_source::live::out::Gap;
use mtdh_source::live::venue::{Venue, Want};
use mtdh_source::live::venues;
use mtdh_source::tardis::machine;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::LiveError;
use super::hub::Hub;
use super::older::Captures;
use super::parts::{self, Of};
use super::plan::{Keys, PlannedAnalysis, SessionPlan, listed, of_form, usual_types};
use super::player::known;
use super::rebuild::{add_gaps, finish_day, remake_session};
use super::session::{self, Ended, Running, Settings, State, Told, Work};
use super::status::of_venue;
use crate::EngineError;

/// What people are told of a venue of which no continuous recording was ever read.
pub const EXPERIMENTAL: &str = "experimental: no continuous recording of it was ever read by this program";

/// What of one venue is to be recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The vendor's exchange id.
    pub exchange: String,
    /// Symbols as the exchange writes them, in any case that it allows.
    pub symbols: Vec<String>,
    /// Data types; none: all that the venue offers, without options.
    pub data_types: Vec<DataType>,
}

/// How to record.
#[derive(Clone)]
pub struct RecordOptions {
    /// Addresses in place of venues' own, by exchange id.
    pub instead: BTreeMap<String, Instead>,
    /// A tardis-machine from which messages come already normalised, in place of the exchanges' own.
    pub machine: Option<Instead>,
    /// Whether they may be without TLS beyond this machine.
    pub unencrypted: Unencrypted,
    /// How old what was received becomes before it is on the disk; zero: no older than a write.
    pub durable: Duration,
    /// How often rows become parts.
    pub part_every: Duration,
    /// Whether only captures are written.
    pub is_capture_only: bool,
    /// Where captures are written; `None`: in the lake, which must be a folder.
    pub folder: Option<PathBuf>,
    /// Who follows.
    pub hub: Option<Arc<Hub>>,
    /// What who follows tells of the rows; captures say it.
    pub analysis: Option<PlannedAnalysis>,
    /// Other rules for connections than those that follow from what venues allow, for tests.
    pub rules: Option<Rules>,
}

impl Default for RecordOptions {
    fn default() -> RecordOptions {
        RecordOptions {
            instead: BTreeMap::new(),
            machine: None,
            unencrypted: Unencrypted::Loopback,
            durable: Duration::from_secs(1),
            part_every: Duration::from_secs(300),
            is_capture_only: false,
            folder: None,
            hub: None,
            analysis: None,
            rules: None,
        }
    }
}

/// A venue that is ready to be recorded.
pub struct Prepared {
    /// The venue.
    pub venue: &'static dyn Venue,
    /// What is recorded of it.
    pub plan: SessionPlan,
    /// What people should know before it begins.
    pub notes: Vec<String>,
    settings: Settings,
}

/// How a recording stands, or what happened in it, by exchange id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The exchange.
    pub exchange: &'static str,
    /// What is told of it.
    pub told: Told,
}

/// What a recording came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RecordSummary {
    /// One per venue.
    pub venues: Vec<VenueSummary>,
}

/// What a venue's recording came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct VenueSummary {
    /// The vendor's exchange id.
    pub exchange: String,
    /// Whether no continuous recording of it was ever read by this program.
    pub is_experimental: bool,
    /// The session, by which captures are named.
    pub session: String,
    /// Messages received.
    pub messages: u64,
    /// Of these, messages that could not be read.
    pub unread: u64,
    /// Messages of which other is made than the vendor makes, on purpose: the known differences of a comparison.
    pub quirks: u64,
    /// Rows made.
    pub rows: u64,
    /// Lines of the capture.
    pub lines: u64,
    /// Parts written.
    pub parts: u64,
    /// Gaps that were recorded.
    pub gaps: u64,
    /// Whether rows were not made, or no longer.
    pub is_capture_only: bool,
    /// What failed, a line each.
    pub failures: Vec<String>,
}

/// Checks what is wanted, and finds keys and connections. Nothing is connected yet.
///
/// # Errors
/// If a venue, a symbol or a data type is unknown, an address cannot be used, or the lake cannot be read.
pub async fn prepare(
    lake: &Lake,
    wanted: &[Wanted],
    options: &RecordOptions,
) -> Result<Vec<Prepared>, EngineError> {
    let mut prepared = Vec::new();
    for of in wanted {
        prepared.push(prepare_one(lake, of, options).await?);
    }
    Ok(prepared)
}

async fn prepare_one(lake: &Lake, wanted: &Wanted, options: &RecordOptions) -> Result<Prepared, EngineError> {
    let exchange = wanted.exchange.clone();
    let unknown = || LiveError::NoFeed { exchange: exchange.clone(), known: known() };
    let own = venues::find(&exchange).ok_or_else(unknown)?;
    let by_machine = options.machine.as_ref().zip(machine::find(&exchange));
    let venue = by_machine.map_or(own, |(_, venue)| venue);
    let mut notes = Vec::new();
    if let Some(url) = by_machine.and_then(|(instead, _)| instead.websocket.as_ref()) {
        notes.push(format!("{exchange} by way of the tardis-machine at {}", shown(url)));
    }
    if venue.is_experimental() {
        notes.push(format!("{exchange} is {EXPERIMENTAL}"));
    }
    for data_type in &wanted.data_types {
        if !own.offers().iter().any(|offer| offer.data_type == *data_type) {
            let offered = own.offers().iter().map(|offer| offer.data_type.name()).collect();
            return Err(LiveError::NotOffered { exchange, data_type: *data_type, offered }.into());
        }
    }
    let listed = listed(lake, &exchange).await?;
    let symbols = match listed.day {
        None => {
            notes.push(format!(
                "the lake lists no instruments of {exchange}, so that symbols are not checked"
            ));
            let symbols = wanted.symbols.iter().map(|symbol| (own.spelling().socket)(symbol)).collect();
            of_form(own, symbols, &mut notes)
        }
        Some(day) => {
            let mut symbols = Vec::new();
            for symbol in &wanted.symbols {
                let asked = (own.spelling().socket)(symbol);
                let found = listed.symbols.iter().find(|known| known.eq_ignore_ascii_case(&asked));
                let found = found.cloned().ok_or_else(|| LiveError::UnknownSymbol {
                    exchange: exchange.clone(),
                    symbol: symbol.clone(),
                    day,
                    nearest: nearest(symbol, listed.symbols.iter().map(String::as_str), 1)
                        .first()
                        .map(|name| (*name).to_owned()),
                })?;
                symbols.push(found);
            }
            symbols
        }
    };
    if symbols.is_empty() {
        return Err(LiveError::Nothing { exchange }.into());
    }
    let data_types = match wanted.data_types.is_empty() {
        true => usual_types(own),
        false => wanted.data_types.clone(),
    };
    let none = Instead::default();
    let instead = match by_machine {
        Some((instead, _)) => instead,
        None => options.instead.get(&exchange).unwrap_or(&none),
    };
    let reached = reached(&venue.addresses(), instead, options.unencrypted)
        .map_err(|source| LiveError::Address { exchange: exchange.clone(), source })?;
    let now = clock::now();
    let failed = |source| LiveError::Capture { exchange: exchange.clone(), source };
    let session = SessionId::new(now, fastrand::u32(..)).map_err(failed)?;
    let day = Day::containing_us(now).ok_or_else(unknown)?;
    let rows: BTreeMap<String, String> = listed.rows;
    let by_machine = by_machine.is_some();
    let plan = SessionPlan::new(venue, &Want { symbols, data_types, ..Want::default() }, rows, day);
    let plan = SessionPlan { by_machine, analysis: options.analysis.clone(), ..plan };
    if plan.connections.is_empty() {
        return Err(LiveError::Nothing { exchange }.into());
    }
    let folder = options.folder.clone().or_else(|| lake.capture_folder());
    let folder = folder.ok_or_else(|| LiveError::NoFolder { lake: lake.url().to_owned() })?;
    if let Some(hub) = &options.hub {
        hub.read_older_with(Arc::new(Captures::new(lake, folder.clone(), hub)));
    }
    let settings = Settings {
        venue,
        plan: plan.clone(),
        reached,
        rules: options.rules.clone().unwrap_or_else(|| Rules::of(venue.limits())),
        session,
        folder,
        durable: options.durable,
        part_every: options.part_every,
        is_capture_only: options.is_capture_only,
        crashed: None,
        hub: options.hub.clone(),
    };
    Ok(Prepared { venue, plan, notes, settings })
}

/// Records until `stop` is cancelled, or the venues refuse for good. `tell` hears how it stands.
///
/// # Errors
/// If nothing could be begun. What fails later is in the summary.
pub async fn record(
    lake: &Lake,
    prepared: Vec<Prepared>,
    stop: &CancellationToken,
    tell: impl Fn(Progress) + Send + Sync + 'static,
) -> Result<RecordSummary, EngineError> {
    let tell: Arc<dyn Fn(Progress) + Send + Sync> = Arc::new(tell);
    let crashed = remake(lake, &prepared, &tell).await?;
    let mut running = Vec::new();
    for of in prepared {
        let mut settings = of.settings;
        settings.crashed = crashed.get(of.venue.exchange()).copied();
        let of = Of {
            venue: of.venue,
            session: settings.session.clone(),
            plan_hash: mtdh_lake::live::Session {
                id: settings.session.clone(),
                venue: of.plan.exchange.clone(),
                addresses: Vec::new(),
                plan: of.plan.text(),
            }
            .plan_hash(),
        };
        let plan = settings.plan.clone();
        let started = session::start(settings, stop.clone())?;
        running.push(tokio::spawn(follow(lake.clone(), of, plan, started, stop.clone(), tell.clone())));
    }
    let days = tokio::spawn(finish_days(lake.clone(), tell.clone(), stop.clone()));
    let mut summary = RecordSummary::default();
    for one in running {
        match one.await {
            Ok(venue) => summary.venues.push(venue),
            Err(error) => summary.venues.push(VenueSummary {
                failures: vec![format!("the recording ended by a fault of the program: {error}")],
                ..VenueSummary::default()
            }),
        }
    }
    days.abort();
    // Of a day that is over, what ended with the recording is in no later turn.
    if let Some(day) = Day::containing_us(clock::now()).map(Day::previous) {
        let failed = match finish_day(lake, day).await {
            Ok((_, failed)) => failed,
            Err(error) => vec![mtdh_core::error::chain(&error)],
        };
        for text in failed {
            tell(Progress { exchange: "lake", told: Told::Note(text) });
        }
    }
    Ok(summary)
}

/// So long after midnight a day's objects are made, microseconds: its last parts are there.
const AFTER_MIDNIGHT: i64 = 5 * 60 * 1_000_000;

/// Makes the objects of days that are over: those of the days before, then each day's after its end.
async fn finish_days(lake: Lake, tell: Arc<dyn Fn(Progress) + Send + Sync>, stop: CancellationToken) {
    let mut done: Option<Day> = None;
    loop {
        let Some(today) = Day::containing_us(clock::now() - AFTER_MIDNIGHT) else { return };
        let first = done.map_or_else(|| today.plus(-DAYS_BACK), Day::next);
        let mut day = first;
        while day < today {
            let (made, failed) = match finish_day(&lake, day).await {
                Ok(finished) => finished,
                Err(error) => (0, vec![mtdh_core::error::chain(&error)]),
            };
            if made > 0 {
                tracing::info!(%day, made, "the day's objects were made of their parts");
            }
            for text in failed {
                tell(Progress { exchange: "lake", told: Told::Note(text) });
            }
            day = day.next();
        }
        done = Some(today.previous());
        let next = today.next().start_us() + AFTER_MIDNIGHT - clock::now();
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(Duration::from_micros(u64::try_from(next).unwrap_or(0)) + Duration::from_secs(1)) => {}
        }
    }
}

/// Days before today whose parts are looked for at the start.
const DAYS_BACK: i64 = 7;

/// Seals what dead sessions left, brings it into the lake and makes its rows. When each venue's last session that died received last.
async fn remake(
    lake: &Lake,
    prepared: &[Prepared],
    tell: &Arc<dyn Fn(Progress) + Send + Sync>,
) -> Result<BTreeMap<String, i64>, EngineError> {
    let mut crashed = BTreeMap::new();
    let Some(folder) = prepared.first().map(|of| of.settings.folder.clone()) else { return Ok(crashed) };
    let failed = |source| LiveError::Capture { exchange: "dead sessions".to_owned(), source };
    let recovered = tokio::task::spawn_blocking(move || recover(&folder)).await;
    let recovered: Vec<Recovered> =
        recovered.map_err(|_| LiveError::NoFolder { lake: String::new() })?.map_err(failed)?;
    for one in &recovered {
        let name = &one.segment.name;
        lake.upload_segment(&one.segment).await?;
        if let Some(last) = one.last {
            let of = crashed.entry(name.venue.clone()).or_insert(last);
            *of = (*of).max(last);
        }
        let made = remake_session(lake, &name.venue, &name.session).await;
        let text = match made {
            Ok(published) => format!(
                "session {} did not end in good order: {} bytes were cut off, {} parts with {} rows were made of its captures",
                name.session, one.cut_bytes, published.made, published.rows
            ),
            Err(error) => {
                let error = mtdh_core::error::chain(&error);
                format!(
                    "session {} did not end in good order, and its rows cannot be made: {error}",
                    name.session
                )
            }
        };
        if let Some(of) = prepared.iter().find(|of| of.venue.exchange() == name.venue) {
            tell(Progress { exchange: of.venue.exchange(), told: Told::Note(text) });
        }
    }
    for of in prepared {
        let exchange = of.venue.exchange();
        let Some(last) = of_venue(lake, exchange, clock::now()).await? else { continue };
        let is_known = recovered.iter().any(|one| one.segment.name.session.as_str() == last.session);
        // Killed just after it had sealed a segment, and before it began the next one.
        if last.is_ended || is_known || is_open(&of.settings.folder.join(exchange), &last.session) {
            continue;
        }
        if let (Ok(session), Some(at)) = (last.session.parse(), last.last_us) {
            remake_session(lake, exchange, &session).await?;
            crashed.insert(exchange.to_owned(), at);
        }
    }
    Ok(crashed)
}

/// Whether a session has a segment that is not sealed.
fn is_open(folder: &std::path::Path, session: &str) -> bool {
    let folders = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let files = folders.flat_map(|day| std::fs::read_dir(day.path()).into_iter().flatten().flatten());
    let names = files.map(|file| file.file_name().to_string_lossy().into_owned());
    names.into_iter().any(|name| name.contains(session) && name.ends_with(".open"))
}

/// Brings into the lake what a session hands on.
async fn follow(
    lake: Lake,
    of: Of,
    plan: SessionPlan,
    running: Running,
    stop: CancellationToken,
    tell: Arc<dyn Fn(Progress) + Send + Sync>,
) -> VenueSummary {
    let exchange = of.venue.exchange();
    let Running { thread, mut work, mut told } = running;
    let telling = {
        let tell = tell.clone();
        tokio::spawn(async move {
            while let Some(told) = told.recv().await {
                tell(Progress { exchange, told });
            }
        })
    };
    let mut summary = VenueSummary {
        exchange: exchange.to_owned(),
        is_experimental: of.venue.is_experimental(),
        session: of.session.to_string(),
        ..VenueSummary::default()
    };
    let mut keys = Keys::of(&plan);
    let mut gaps: Vec<Gap> = Vec::new();
    let mut flush = tokio::time::interval(GAPS_EVERY);
    loop {
        tokio::select! {
            one = work.recv() => match one {
                Some(Work::Gaps(new)) => gaps.extend(new),
                Some(work) => bring(&lake, &of, &work, &stop, &mut summary).await,
                None => break,
            },
            _ = flush.tick() => put_gaps(&lake, &of, &mut keys, &mut gaps).await,
        }
    }
    put_gaps(&lake, &of, &mut keys, &mut gaps).await;
    if !gaps.is_empty() {
        summary.failures.push(format!(
            "{} gaps are not in the table; making the day again from its captures writes them",
            gaps.len()
        ));
    }
    // The session is at its end, as nothing is handed on any more.
    let ended = tokio::task::spawn_blocking(move || thread.join()).await;
    // It ends with the session.
    let _told = telling.await;
    match ended {
        Ok(Ok(Ok(Ended { state, given_up, is_capture_only }))) => {
            let State { counts, lines, gaps, .. } = state;
            (summary.messages, summary.quirks) = (counts.messages, counts.quirks);
            (summary.unread, summary.rows, summary.lines, summary.gaps) =
                (counts.unread, counts.rows, lines, gaps);
            summary.is_capture_only = is_capture_only;
            summary.failures.extend(given_up);
        }
        Ok(Ok(Err(error))) => summary.failures.push(mtdh_core::error::chain(&error)),
        _ => summary.failures.push("the session ended by a fault of the program".to_owned()),
    }
    summary
}

/// Gaps are written together, at most so often: each time a day's table is written anew.
const GAPS_EVERY: Duration = Duration::from_secs(2);
/// What the lake refuses is tried again after this, and then ever more slowly.
const AGAIN: Duration = Duration::from_millis(500);
const AGAIN_AT_MOST: Duration = Duration::from_secs(30);
/// Attempts after the recording was asked to end. What is not in the lake then is made at the next start, from the captures.
const LAST_ATTEMPTS: u32 = 2;

async fn bring(lake: &Lake, of: &Of, work: &Work, stop: &CancellationToken, summary: &mut VenueSummary) {
    let (mut wait, mut last_attempts) = (AGAIN, 0);
    loop {
        let done = match work {
            Work::Stretch(stretch, capture) => match durable(capture.as_ref()).await {
                Ok(()) => parts::publish(lake, of, stretch).await.map(|published| published.made),
                Err(source) => Err(LiveError::Scratch { source }.into()),
            },
            Work::Sealed(segment) => lake.upload_segment(segment).await.map(|_| 0).map_err(EngineError::from),
            Work::Gaps(_) => Ok(0),
        };
        let error = match done {
            Ok(parts) => {
                summary.parts += parts;
                return;
            }
            Err(error) => mtdh_core::error::chain(&error),
        };
        last_attempts += u32::from(stop.is_cancelled());
        tracing::warn!(exchange = of.venue.exchange(), error, "the lake did not take what was recorded");
        if last_attempts >= LAST_ATTEMPTS {
            let what = if matches!(work, Work::Sealed(_)) { "a capture" } else { "rows" };
            summary.failures.push(format!("{what} could not be brought into the lake: {error}"));
            return;
        }
        tokio::time::sleep(wait.min(if stop.is_cancelled() { AGAIN } else { AGAIN_AT_MOST })).await;
        wait = (wait * 2).min(AGAIN_AT_MOST);
    }
}

/// Brings a capture to the disk, if it is not there.
async fn durable(capture: Option<&std::fs::File>) -> std::io::Result<()> {
    let Some(capture) = capture.map(std::fs::File::try_clone).transpose()? else { return Ok(()) };
    let synced = tokio::task::spawn_blocking(move || capture.sync_data()).await;
    synced.unwrap_or_else(|error| Err(std::io::Error::other(error)))
}

async fn put_gaps(lake: &Lake, of: &Of, keys: &mut Keys, gaps: &mut Vec<Gap>) {
    if gaps.is_empty() {
        return;
    }
    match add_gaps(lake, of, keys, gaps).await {
        Ok(()) => gaps.clear(),
        Err(error) => {
            let error = mtdh_core::error::chain(&error);
            tracing::warn!(exchange = of.venue.exchange(), error, "the lake did not take the table of gaps");
        }
    }
}

/// Turns what a user names into what is wanted of each venue.
///
/// # Errors
/// If an instrument is in no table of the lake.
pub async fn wanted(
    lake: &Lake,
    venues: &[String],
    symbols: &[String],
    keys: &[crate::InstrumentKey],
    data_types: &[DataType],
) -> Result<Vec<Wanted>, EngineError> {
    let mut wanted: BTreeMap<String, Wanted> = BTreeMap::new();
    let mut of = |venue: &str| {
        let exchange = exchange_of_venue(venue);
        let entry = wanted.entry(exchange.clone());
        let one = entry.or_insert_with(|| Wanted { exchange, ..Wanted::default() });
        one.data_types = data_types.to_vec();
        one.exchange.clone()
    };
    let mut named: Vec<(String, String)> = Vec::new();
    for venue in venues {
        let exchange = of(venue);
        named.extend(symbols.iter().map(|symbol| (exchange.clone(), symbol.clone())));
    }
    for key in keys {
        let exchange = of(key.venue());
        let listed = listed(lake, &exchange).await?;
        let unknown = || EngineError::UnknownInstrument { key: key.to_string(), suggestions: Vec::new() };
        named.push((exchange, listed.keys.get(key).cloned().ok_or_else(unknown)?));
    }
    for (exchange, symbol) in named {
        if let Some(one) = wanted.get_mut(&exchange)
            && !one.symbols.contains(&symbol)
        {
            one.symbols.push(symbol);
        }
    }
    Ok(wanted.into_values().collect())
}
