//! `mtdh live`: recording of live feeds, and rows of recordings.

mod analyse;
mod compare;
mod metrics;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use mtdh_core::venue::exchange_of_venue;
use mtdh_engine::live::hub::{Hub, Limits};
use mtdh_engine::live::record::{
    EXPERIMENTAL, Prepared, Progress, RecordOptions, RecordSummary, VenueSummary, Wanted,
};
use mtdh_engine::live::replay::ReplayOptions;
use mtdh_engine::live::session::{State, Told};
use mtdh_engine::{Context, Day};

use super::serve;
use crate::args::{LiveCommand, LiveRebuildArgs, LiveRecordArgs, LiveReplayArgs, LiveServeArgs, ServeArgs};
use crate::exit::Outcome;
use crate::output::{Rows, count, error, many, note, print};
use crate::session::Session;
use crate::settings::Settings;
use crate::{signals, time};

/// How a recording stands is told so often.
const TELL_EVERY: Duration = Duration::from_secs(10);
/// A recording has so long to end in good order: what was read is written, sealed and brought into the lake.
const GOODBYE: Duration = Duration::from_secs(20);

pub async fn run(session: &Session<'_>, settings: &Settings, command: LiveCommand) -> Result<Outcome> {
    match command {
        LiveCommand::Record(args) => record(session, settings, *args).await,
        LiveCommand::Serve(args) => serve_live(session, settings, *args).await,
        LiveCommand::Replay(args) => replay(session, args).await,
        LiveCommand::Rebuild(args) => rebuild(session, args).await,
        LiveCommand::Compare(args) => compare::run(session, args).await,
        LiveCommand::Status => status(session).await,
    }
}

async fn record(session: &Session<'_>, settings: &Settings, args: LiveRecordArgs) -> Result<Outcome> {
    let context = session.context()?;
    let wanted = wanted(&context, &args).await?;
    let mut options = options(settings, &args)?;
    let has_hub = analyse::is_wanted(&args) || metrics::is_wanted(&args.metrics);
    options.hub = has_hub.then(|| Hub::new(Limits::default(), time::now_us()));
    let prepared = prepared(&context, &wanted, &options).await?;
    let analysed = options.hub.clone().filter(|_| analyse::is_wanted(&args));
    let analysis = analyse::Analysis::begin(&context, analysed, &prepared, &args).await?;
    let _metrics = metrics::begin(&args.metrics, options.hub.as_ref()).await?;
    note("recording; Ctrl-C ends it");
    signals::take_longer(GOODBYE);
    // A child, so that the end by time is no interruption.
    let stop = session.stop.child_token();
    let (limit, ended) = (args.limit, stop.clone());
    let timer = tokio::spawn(async move {
        if let Some(limit) = limit {
            tokio::time::sleep(limit).await;
            ended.cancel();
        }
    });
    let teller = Teller::default();
    let recorded = context.record(prepared, &stop, move |progress| teller.hear(&progress)).await;
    timer.abort();
    analysis.end().await;
    told(session, &recorded?)
}

/// Prints what was recorded.
fn told(session: &Session<'_>, summary: &RecordSummary) -> Result<Outcome> {
    print(session.format, &rows(summary), summary)?;
    let failures =
        summary.venues.iter().flat_map(|venue| venue.failures.iter().map(move |text| (venue, text)));
    failures.for_each(|(venue, text)| error(&anyhow::anyhow!("{}: {text}", venue.exchange)));
    Ok(if summary.venues.iter().all(is_clean) { Outcome::Clean } else { Outcome::NotClean })
}

async fn wanted(context: &Context, args: &LiveRecordArgs) -> Result<Vec<Wanted>> {
    context.check_usable().await?;
    Ok(context.wanted_live(&args.venues, &args.symbols, &args.instruments, &args.data_types).await?)
}

fn options(settings: &Settings, args: &LiveRecordArgs) -> Result<RecordOptions> {
    let (instead, unencrypted) = settings.live_addresses()?;
    Ok(RecordOptions {
        instead,
        unencrypted,
        machine: args.machine.clone(),
        durable: args.durable,
        part_every: args.parts.max(Duration::from_secs(1)),
        is_capture_only: args.capture_only,
        folder: args.capture_dir.clone(),
        analysis: analyse::planned(args),
        keep_days: settings.live_capture_days(),
        ..RecordOptions::default()
    })
}

/// Checks what is to be recorded, and says what it is.
async fn prepared(context: &Context, wanted: &[Wanted], options: &RecordOptions) -> Result<Vec<Prepared>> {
    let prepared = context.prepare_recording(wanted, options).await?;
    for of in &prepared {
        of.notes.iter().for_each(|text| note(text));
        let streams: usize = of.plan.connections.iter().map(|c| c.streams.len()).sum();
        note(&format!(
            "{}: {} of {} on {}",
            of.plan.exchange,
            many(streams as u64, "stream"),
            many(of.plan.symbols.len() as u64, "symbol"),
            many(of.plan.connections.len() as u64, "connection"),
        ));
    }
    Ok(prepared)
}

async fn serve_live(session: &Session<'_>, settings: &Settings, args: LiveServeArgs) -> Result<Outcome> {
    let context = session.context()?;
    let wanted = wanted(&context, &args.record).await?;
    let options = options(settings, &args.record)?;
    let serve = ServeArgs { seconds: shorter(args.serve.seconds, args.record.limit), ..args.serve };
    record_and_serve(session, settings, serve, &wanted, options, Some(&args.record)).await
}

/// The shorter of two limits, seconds.
fn shorter(seconds: Option<u64>, limit: Option<Duration>) -> Option<u64> {
    seconds.into_iter().chain(limit.map(|limit| limit.as_secs().max(1))).min()
}

/// Records and serves what `--live` names: `VENUE:SYMBOL`.
pub async fn serve_named(session: &Session<'_>, settings: &Settings, args: ServeArgs) -> Result<Outcome> {
    let mut of_venue: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for text in &args.live {
        let Some((venue, symbol)) = text.split_once(':').filter(|(_, symbol)| !symbol.is_empty()) else {
            bail!("`{text}` is not VENUE:SYMBOL, for example BINANCE:BTCUSDT");
        };
        of_venue.entry(venue.to_ascii_uppercase()).or_default().push(symbol.to_owned());
    }
    let (context, mut wanted) = (session.context()?, Vec::new());
    context.check_usable().await?;
    for (venue, symbols) in of_venue {
        wanted.extend(context.wanted_live(&[venue], &symbols, &[], &[]).await?);
    }
    let (instead, unencrypted) = settings.live_addresses()?;
    let keep_days = settings.live_capture_days();
    let options = RecordOptions { instead, unencrypted, keep_days, ..RecordOptions::default() };
    record_and_serve(session, settings, args, &wanted, options, None).await
}

/// Records, and serves what is recorded, until one of them ends; then both do.
async fn record_and_serve(
    session: &Session<'_>,
    settings: &Settings,
    args: ServeArgs,
    wanted: &[Wanted],
    options: RecordOptions,
    analysed: Option<&LiveRecordArgs>,
) -> Result<Outcome> {
    let hub = Hub::new(Limits::default(), time::now_us());
    let options = RecordOptions { hub: Some(hub.clone()), ..options };
    let context = session.context()?;
    let prepared = prepared(&context, wanted, &options).await?;
    // What is served is there from the first moment, also where nothing was recorded yet.
    context.make_lake()?;
    let analysis = match analysed.filter(|args| analyse::is_wanted(args)) {
        Some(args) => analyse::Analysis::begin(&context, Some(hub.clone()), &prepared, args).await?,
        None => analyse::Analysis::none(),
    };
    let _metrics = match analysed {
        Some(args) => metrics::begin(&args.metrics, Some(&hub)).await?,
        None => None,
    };
    signals::take_longer(GOODBYE);
    // A child, so that the end by time is no interruption.
    let stop = session.stop.child_token();
    let teller = Teller::default();
    let recording = async {
        let recorded = context.record(prepared, &stop, move |progress| teller.hear(&progress)).await;
        stop.cancel();
        recorded
    };
    let serving = async {
        let served = serve::until(session, settings, args, Some(hub), &stop).await;
        stop.cancel();
        served
    };
    let (recorded, served) = tokio::join!(recording, serving);
    analysis.end().await;
    served?;
    told(session, &recorded?)
}

/// Whether a recording lost nothing that it knows of.
fn is_clean(venue: &VenueSummary) -> bool {
    venue.failures.is_empty() && venue.gaps == 0 && venue.unread == 0
}

fn rows(summary: &RecordSummary) -> Rows {
    let mut rows = Rows::new(&[
        "exchange", "session", "messages", "rows", "parts", "gaps", "unread", "quirks", "failures",
    ]);
    rows.rows.extend(summary.venues.iter().map(|venue| {
        let counts = [venue.messages, venue.rows, venue.parts, venue.gaps, venue.unread, venue.quirks];
        let mut cells = vec![venue.exchange.clone(), venue.session.clone()];
        cells.extend(counts.map(|number| number.to_string()));
        cells.push(venue.failures.len().to_string());
        cells
    }));
    rows
}

/// Tells people how a recording stands, now and then.
#[derive(Default)]
struct Teller {
    last: Mutex<BTreeMap<&'static str, Instant>>,
}

impl Teller {
    fn hear(&self, progress: &Progress) {
        let exchange = progress.exchange;
        match &progress.told {
            Told::Note(text) => note(&format!("{exchange}: {text}")),
            Told::Refused { stream, words } => note(&format!("{exchange}: {stream} was refused: {words}")),
            Told::State(state) => {
                let mut last = self.last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                let now = Instant::now();
                if last.get(exchange).is_none_or(|last| now.duration_since(*last) >= TELL_EVERY) {
                    last.insert(exchange, now);
                    note(&format!("{exchange}: {}", stands(state)));
                }
            }
        }
    }
}

fn stands(state: &State) -> String {
    let age = state.last.map_or_else(
        || "no message yet".to_owned(),
        |last| format!("last message {} s ago", (time::now_us() - last).max(0) / 1_000_000),
    );
    format!(
        "{} of {} open, {}, {}, {age}, {}",
        state.open,
        many(state.connections.into(), "connection"),
        many(state.counts.messages, "message"),
        many(state.counts.rows, "row"),
        many(state.gaps, "gap"),
    )
}

async fn replay(session: &Session<'_>, args: LiveReplayArgs) -> Result<Outcome> {
    if let Some(file) = args.files.iter().find(|file| !file.is_file()) {
        bail!("there is no file {}", file.display());
    }
    let context = session.context()?;
    context.check_usable().await?;
    let options = ReplayOptions {
        files: args.files,
        exchange: exchange_of_venue(&args.venue),
        symbols: args.symbols,
        data_types: args.data_types,
    };
    let replayed = context.replay_recordings(&options).await?;
    if replayed.is_experimental {
        note(&format!("{} is {EXPERIMENTAL}", replayed.exchange));
    }
    let mut rows = Rows::new(&["exchange", "data_type", "rows"]);
    let cells = replayed.rows_by_type.iter();
    rows.rows
        .extend(cells.map(|(name, rows)| vec![replayed.exchange.clone(), name.clone(), rows.to_string()]));
    print(session.format, &rows, &replayed)?;
    note(&format!(
        "{}: {} unread, {} written, {} there already, {}",
        many(replayed.messages, "message"),
        count(replayed.unread),
        many(replayed.parts, "part"),
        count(replayed.parts_there),
        many(replayed.gaps, "gap"),
    ));
    let days: Vec<Day> = replayed.days.iter().filter_map(|day| day.parse().ok()).collect();
    let finished = finish(&context, &days).await?;
    Ok(if replayed.unread == 0 && replayed.gaps == 0 { finished } else { Outcome::NotClean })
}

async fn rebuild(session: &Session<'_>, args: LiveRebuildArgs) -> Result<Outcome> {
    let context = session.context()?;
    context.check_readable().await?;
    let exchanges: Vec<String> = args.venues.iter().map(|venue| exchange_of_venue(venue)).collect();
    let rebuilt = context.rebuild_live(args.day, &exchanges).await?;
    if rebuilt.iter().all(|of| of.sessions == 0) {
        note(&format!("the lake has no captures of {}", args.day));
        return Ok(Outcome::NotClean);
    }
    let mut rows = Rows::new(&[
        "exchange",
        "sessions",
        "rows",
        "parts_equal",
        "parts_made",
        "gaps_made",
        "findings",
        "differ",
    ]);
    rows.rows.extend(rebuilt.iter().map(|of| {
        let counts = [of.sessions, of.rows, of.equal, of.made, of.gaps_made];
        let mut cells = vec![of.exchange.clone()];
        cells.extend(counts.map(|number| number.to_string()));
        cells.push(of.findings.map_or_else(|| "-".to_owned(), |found| found.to_string()));
        cells.push(of.differ.len().to_string());
        cells
    }));
    print(session.format, &rows, &rebuilt)?;
    let mut outcome = Outcome::Clean;
    if args.day < time::today() && rebuilt.iter().all(|of| of.differ.is_empty()) {
        outcome = finish(&context, &[args.day]).await?;
    }
    for of in &rebuilt {
        of.differ.iter().for_each(|line| note(&format!("{}: {line}", of.exchange)));
        if !of.differ.is_empty() {
            outcome = Outcome::NotClean;
        }
    }
    Ok(outcome)
}

/// Makes the objects of days that are over.
async fn finish(context: &Context, days: &[Day]) -> Result<Outcome> {
    let mut outcome = Outcome::Clean;
    for day in days.iter().filter(|day| **day < time::today()) {
        let (made, failed) = context.finish_live_day(*day).await?;
        if made > 0 {
            note(&format!("{day}: {} made of parts", many(made, "object")));
        }
        for text in failed {
            error(&anyhow::anyhow!(text));
            outcome = Outcome::NotClean;
        }
    }
    Ok(outcome)
}

async fn status(session: &Session<'_>) -> Result<Outcome> {
    let context = session.context()?;
    context.check_readable().await?;
    let venues = context.live_status(time::now_us()).await?;
    let mut rows = Rows::new(&[
        "exchange",
        "session",
        "ended",
        "age_seconds",
        "lag_seconds",
        "lines",
        "gaps",
        "open_gaps",
        "last_gap",
    ]);
    let cell = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    rows.rows.extend(venues.iter().map(|of| {
        vec![
            of.exchange.clone(),
            of.session.clone(),
            if of.is_ended { "yes" } else { "no" }.to_owned(),
            cell(of.age_seconds.map(|age| age.to_string())),
            cell(of.lag_us.map(|us| format!("{:.3}", us as f64 / 1e6))),
            of.lines.to_string(),
            of.gaps.to_string(),
            of.open_gaps.to_string(),
            cell(of.last_gap.clone()),
        ]
    }));
    print(session.format, &rows, &venues)?;
    Ok(Outcome::Clean)
}
