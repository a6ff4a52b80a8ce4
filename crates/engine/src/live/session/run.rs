//! The loop of a session.

mod disk;
mod hand;
mod lines;
mod wants;

use std::time::Duration;

use mtdh_lake::live::{CaptureError, CaptureWriter, Session as CaptureSession};
use mtdh_source::http::HttpClient;
use mtdh_source::live::address::shown;
use mtdh_source::live::clock::{self, Steps};
use mtdh_source::live::out::Gap;
use mtdh_source::live::rest;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use disk::Syncer;

use super::lanes::Lanes;
use super::publish::Publisher;
use super::waiting::Waiting;
use super::{Ended, Settings, State, Told, Work};
use crate::live::LiveError;
use crate::live::events::{self, session_gap};
use crate::live::maker::{Maker, Stretch};
use crate::live::told::ToldGaps;

/// Lines are handed to the system at this age.
const WRITE_EVERY: Duration = Duration::from_millis(150);
/// Or when they have so many bytes.
const WRITE_BYTES: usize = 64 << 10;
/// Rows become parts when they have about so many bytes in memory.
const PART_BYTES: usize = 64 << 20;
/// Rows are moved to their part when so many wait.
const ROWS: usize = 8192;
/// Batches of messages that wait, at most.
const EVENTS: usize = 64;
/// What is told of a session that did not end in good order.
const CRASH: &str = "the recorder before did not end in good order";
/// Links have so long to end.
const GOODBYE: Duration = Duration::from_millis(400);

/// A session.
pub(super) struct Session {
    settings: Settings,
    writer: CaptureWriter,
    maker: Option<Maker>,
    publisher: Option<Publisher>,
    work: mpsc::Sender<Work>,
    told: mpsc::Sender<Told>,
    state: State,
    ended: Ended,
    steps: Steps,
    last_at: i64,
    /// When a session before received last that did not end in good order, until rows come again.
    crashed: Option<i64>,
    /// What is handed on at the end of this turn of the loop.
    turn: Vec<Made>,
    waiting: Waiting,
    told_gaps: ToldGaps,
    stop: CancellationToken,
    syncer: Syncer,
    /// Whether lines are with the system that nobody brings to the disk yet.
    is_unsynced: bool,
}

/// What a turn of the loop made.
enum Made {
    Stretch(Stretch),
    Gaps(Vec<Gap>),
}

/// The session is to end: what it hands on is taken by nobody, or its disk refuses.
enum Stop {
    /// Nobody takes what it hands on.
    Alone,
    Failed(LiveError),
}

impl From<CaptureError> for Stop {
    fn from(source: CaptureError) -> Stop {
        Stop::Failed(LiveError::Capture { exchange: String::new(), source })
    }
}

impl Session {
    pub fn new(
        settings: Settings,
        work: mpsc::Sender<Work>,
        told: mpsc::Sender<Told>,
        durable: watch::Sender<u64>,
    ) -> Result<Session, LiveError> {
        let capture = CaptureSession {
            id: settings.session.clone(),
            venue: settings.plan.exchange.clone(),
            addresses: settings.reached.websockets.iter().chain(&settings.reached.rest).map(shown).collect(),
            plan: settings.plan.text(),
        };
        let failed = |source| LiveError::Capture { exchange: settings.plan.exchange.clone(), source };
        let writer = CaptureWriter::new(&settings.folder, capture).map_err(failed)?;
        let mut maker = Some(Maker::new(settings.venue, &settings.plan));
        if settings.is_capture_only {
            maker.iter_mut().for_each(|maker| maker.machine.discard_rows());
        }
        let publisher = settings
            .hub
            .clone()
            .map(|hub| Publisher::new(hub, settings.venue, settings.session.as_str(), &settings.plan));
        if publisher.is_some() {
            maker.iter_mut().for_each(Maker::follow);
        }
        let connections = settings.plan.connections.len() as u32;
        Ok(Session {
            writer,
            maker,
            publisher,
            work,
            told,
            state: State { connections, ..State::default() },
            ended: Ended { is_capture_only: settings.is_capture_only, ..Ended::default() },
            steps: Steps::new(),
            last_at: i64::MIN,
            crashed: settings.crashed,
            turn: Vec::new(),
            waiting: Waiting::new(settings.bounds.rows, settings.bounds.gaps, &settings.folder),
            told_gaps: ToldGaps::default(),
            stop: CancellationToken::new(),
            syncer: Syncer::new(settings.sync, durable),
            is_unsynced: false,
            settings,
        })
    }

    pub async fn run(mut self, stop: CancellationToken) -> Result<Ended, LiveError> {
        let exchange = self.settings.plan.exchange.clone();
        self.stop = stop.clone();
        match self.record(&stop).await {
            Ok(()) | Err(Stop::Alone) => {}
            Err(Stop::Failed(LiveError::Capture { source, .. })) => {
                return Err(LiveError::Capture { exchange, source });
            }
            Err(Stop::Failed(error)) => return Err(error),
        }
        self.ended.state = self.state;
        Ok(self.ended)
    }

    async fn record(&mut self, stop: &CancellationToken) -> Result<(), Stop> {
        let (events_to, mut events) = mpsc::channel(EVENTS);
        let (requests, for_rest) = mpsc::channel(rest::WAITING);
        let (answers_to, mut answers) = mpsc::channel(EVENTS);
        if let Some(base) = self.settings.reached.rest.clone() {
            let http = HttpClient::exchange();
            let http = http.map_err(|error| {
                Stop::Failed(LiveError::Thread {
                    exchange: self.settings.plan.exchange.clone(),
                    source: std::io::Error::other(error.to_string()),
                })
            })?;
            let budget = self.settings.venue.limits().rest.map(|rate| rate.value);
            let within = |us: i64| Duration::from_micros(us.unsigned_abs());
            let budget = budget.map(|rate| (rate.count, within(rate.within_us))).into_iter().collect();
            tokio::spawn(rest::run(http, Some(base), budget, for_rest, answers_to));
        }
        let mut lanes = Lanes::new(&self.settings, events_to);
        for connection in 0..self.state.connections {
            lanes.open(&self.settings, connection).map_err(Stop::Failed)?;
        }
        if let Some(from) = self.crashed {
            self.lost(session_gap("crash", from, from, CRASH.to_owned()))?;
        }
        let began = Instant::now();
        let (mut write_at, mut part_at) = (None::<Instant>, began + self.settings.part_every);
        let (mut second, mut sync_at) = (began + Duration::from_secs(1), None::<Instant>);
        while !stop.is_cancelled() && !lanes.is_empty() {
            let due = self.maker.as_ref().and_then(|maker| maker.machine.due());
            let due = due.map(|due| Instant::now() + until(due));
            let wake = [write_at, sync_at, due, Some(part_at), Some(second)].into_iter().flatten().min();
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                event = events.recv() => if let Some((lane, event)) = event {
                    self.event(&mut lanes, lane, event)?;
                    // What is there already is taken together, up to what is written at once.
                    while self.writer.buffered() < WRITE_BYTES {
                        let Ok((lane, event)) = events.try_recv() else { break };
                        self.event(&mut lanes, lane, event)?;
                    }
                },
                answer = answers.recv(), if !answers.is_closed() => if let Some(answer) = answer {
                    self.answer(&answer)?;
                },
                () = sleep_until(wake) => {}
            }
            let now = Instant::now();
            if let Some(maker) = self.maker.as_mut() {
                let wall = clock::now();
                match maker.is_past_day(wall) {
                    true => self.mark(events::PART, "")?,
                    false => {
                        maker.pass(wall);
                        self.last_at = self.last_at.max(maker.machine.last());
                    }
                }
            }
            self.after(&mut lanes, &requests).await?;
            if self.writer.buffered() > 0 && write_at.is_none() {
                write_at = Some(now + WRITE_EVERY);
            }
            if self.writer.buffered() >= WRITE_BYTES || write_at.is_some_and(|at| now >= at) {
                write_at = None;
                self.write().await?;
            }
            if self.is_unsynced && sync_at.is_none() {
                sync_at = Some(now + self.settings.durable / 2);
            }
            if sync_at.is_some_and(|at| now >= at) {
                sync_at = None;
                self.sync();
            }
            if now >= part_at || self.maker.as_ref().is_some_and(|maker| maker.bytes() >= PART_BYTES) {
                part_at = now + self.settings.part_every;
                self.part().await?;
            }
            if now >= second {
                second = now + Duration::from_secs(1);
                self.each_second(&lanes).await?;
            }
        }
        self.end(lanes, events).await
    }
}

fn until(at: i64) -> Duration {
    Duration::from_micros(u64::try_from(at.saturating_sub(clock::now())).unwrap_or(0))
}

async fn sleep_until(wake: Option<Instant>) {
    match wake {
        Some(wake) => tokio::time::sleep_until(wake).await,
        None => std::future::pending().await,
    }
}
