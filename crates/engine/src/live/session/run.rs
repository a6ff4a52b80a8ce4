//! The loop of a session.

use std::time::Duration;

use mtdh_lake::live::{CaptureError, CaptureWriter, Kind, Line, Session as CaptureSession};
use mtdh_source::http::HttpClient;
use mtdh_source::live::address::shown;
use mtdh_source::live::clock::{self, Steps};
use mtdh_source::live::link::{Event, Stamped};
use mtdh_source::live::out::{Gap, Request};
use mtdh_source::live::rest::{self, Answer};
use mtdh_source::live::socket::Arrived;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::lanes::Lanes;
use super::publish::{Publisher, symbols_of};
use super::{Ended, Settings, State, Told, Work};
use crate::live::LiveError;
use crate::live::events::{self, session_gap};
use crate::live::machine::Input;
use crate::live::maker::{Maker, Stretch};
use crate::live::told::ToldGaps;

/// Lines are handed to the system at this age.
const WRITE_EVERY: Duration = Duration::from_millis(150);
/// Or when they have so many bytes.
const WRITE_BYTES: usize = 256 << 10;
/// Rows become parts when they have about so many bytes in memory.
const PART_BYTES: usize = 64 << 20;
/// Rows are moved to their part when so many wait.
const ROWS: usize = 8192;
/// Batches of messages that wait, at most.
const EVENTS: usize = 64;
/// A disk that refuses is tried again after this.
const DISK_AGAIN: Duration = Duration::from_millis(250);
/// A disk that refuses for so long ends the session.
const DISK_PATIENCE: Duration = Duration::from_secs(60);
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
    waiting: Vec<Work>,
    told_gaps: ToldGaps,
    stop: CancellationToken,
    sync: Option<std::sync::mpsc::SyncSender<std::fs::File>>,
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
            waiting: Vec::new(),
            told_gaps: ToldGaps::default(),
            stop: CancellationToken::new(),
            sync: syncer(settings.durable),
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
        let mut second = began + Duration::from_secs(1);
        while !stop.is_cancelled() && !lanes.is_empty() {
            let due = self.maker.as_ref().and_then(|maker| maker.machine.due());
            let due = due.map(|due| Instant::now() + until(due));
            let wake = [write_at, due, Some(part_at), Some(second)].into_iter().flatten().min();
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

    /// Takes what a link tells.
    fn event(&mut self, lanes: &mut Lanes, lane: u32, event: Event) -> Result<(), Stop> {
        match event {
            Event::Arrived(batch) => {
                for Stamped { at, what } in batch {
                    let input = match &what {
                        Arrived::Data(bytes) => Input::Data { lane, bytes },
                        Arrived::Ping => Input::Ping { lane },
                        Arrived::Pong => Input::Pong { lane },
                    };
                    self.state.last = Some(at);
                    if let (Arrived::Data(_), Some(publisher)) = (&what, &mut self.publisher) {
                        publisher.works();
                    }
                    self.take(at, &input, "")?;
                }
            }
            Event::Opened { at } => {
                lanes.set_open(lane, true);
                if let Some(connection) = lanes.connection(lane) {
                    self.take(at, &Input::Opened { lane, connection }, "")?;
                }
            }
            Event::Closed { at, reason } => {
                lanes.set_open(lane, false);
                let by_us = reason == mtdh_source::live::link::ENDED_HERE;
                self.take(at, &Input::Closed { lane, by_us }, &reason)?;
                if !by_us {
                    self.tell(Told::Note(format!("a connection ended: {reason}")));
                    self.publish_disconnect(at, lanes.connection(lane));
                }
            }
            Event::Sent { at, text } => {
                if let Some(text) = text {
                    let raw = text.into_bytes().into();
                    self.append(&Line { arrived: at, connection: Some(lane), kind: Kind::Sent, raw })?;
                }
            }
            Event::NotOpened { reason, wait } => {
                self.tell(Told::Note(format!("{reason}; next attempt in {:.1} s", wait.as_secs_f64())));
                self.state.open = lanes.open_connections();
                if let Some(publisher) = &mut self.publisher {
                    publisher.failed(&self.state, self.ended.is_capture_only, reason);
                }
            }
            Event::GaveUp { status, reason } => {
                self.ended.given_up.push(format!("{reason} (status {status}, three times)"));
                lanes.gone(lane);
            }
            Event::Ending => {
                if let Some(connection) = lanes.connection(lane) {
                    lanes.open(&self.settings, connection).map_err(Stop::Failed)?;
                }
            }
            Event::Overloaded { from, to } => {
                let detail = "rows or the disk could not keep up; nothing was read meanwhile".to_owned();
                self.lost(session_gap("overload", from, to, detail))?;
            }
        }
        Ok(())
    }

    fn answer(&mut self, answer: &Answer) -> Result<(), Stop> {
        let Answer { name, status, body, at } = answer;
        self.take(*at, &Input::Answer { name, status: *status, body }, "")
    }

    /// Writes the line of something that happened, and makes of it what it makes.
    fn take(&mut self, at: i64, input: &Input<'_>, reason: &str) -> Result<(), Stop> {
        match events::line(self.later(at), input, reason) {
            Some(line) => self.append(&line),
            None => Ok(()),
        }
    }

    fn mark(&mut self, word: &str, more: &str) -> Result<(), Stop> {
        let at = self.later(clock::now());
        self.append(&events::word(at, word, more))
    }

    fn lost(&mut self, gap: Gap) -> Result<(), Stop> {
        let at = self.later(clock::now());
        self.append(&events::gap(at, &gap))?;
        self.state.gaps += u64::from(self.told_gaps.is_new(&gap));
        if let Some(publisher) = &mut self.publisher {
            publisher.lost(&gap);
        }
        self.hand_on(Work::Gaps(vec![gap]));
        Ok(())
    }

    /// Times of lines never fall.
    fn later(&mut self, at: i64) -> i64 {
        self.last_at = self.last_at.max(at);
        self.last_at
    }

    fn append(&mut self, line: &Line<'_>) -> Result<(), Stop> {
        let arrived = self.later(line.arrived);
        let line =
            Line { arrived, connection: line.connection, kind: line.kind, raw: line.raw.as_ref().into() };
        let number = match self.writer.append(&line) {
            Err(CaptureError::Full(_)) => {
                self.writer.write()?;
                self.writer.append(&line)?
            }
            other => other?,
        };
        self.state.lines = number + 1;
        if let Some(stretch) = self.make(number, &line) {
            self.hand_on(Work::Stretch(stretch, None));
        }
        Ok(())
    }

    /// Makes of a line of the capture what it makes: the same as whoever reads the capture.
    fn make(&mut self, number: u64, line: &Line<'_>) -> Option<Stretch> {
        let maker = self.maker.as_mut()?;
        let Some(publisher) = &mut self.publisher else { return maker.line(number, line) };
        maker.pass_to(line.arrived);
        publisher.passed(maker.groups());
        let stretch = maker.line(number, line);
        publisher.came(number, line.arrived, maker.groups());
        stretch
    }

    /// Does what the feed wants, and gives its rows to those who follow.
    async fn after(&mut self, lanes: &mut Lanes, requests: &mpsc::Sender<Request>) -> Result<(), Stop> {
        let Some(maker) = self.maker.as_mut() else { return Ok(()) };
        let todo = maker.take_todo();
        for (lane, send) in todo.sends {
            lanes.send(lane, send);
        }
        for request in todo.requests {
            if let Err(error) = requests.try_send(request) {
                tracing::debug!(%error, "a request by REST is left out; the feed asks again");
            }
        }
        for (lane, reason) in todo.reconnects {
            lanes.reconnect(lane, reason);
        }
        for connection in todo.ending {
            lanes.open(&self.settings, connection).map_err(Stop::Failed)?;
        }
        for lane in todo.retired {
            lanes.end(lane);
        }
        // Each batch of rows has a price, which only those pay for who wait for rows.
        if self.publisher.is_some() || maker.machine.rows() >= ROWS {
            maker.collect();
        }
        if let Some(publisher) = &mut self.publisher {
            publisher.publish(maker, &todo.gaps);
        }
        if let Some(from) = self.crashed
            && maker.counts().rows > 0
        {
            self.crashed = None;
            let to = self.last_at;
            self.lost(session_gap("crash", from, to, CRASH.to_owned()))?;
        }
        let Some(maker) = self.maker.as_mut() else { return Ok(()) };
        self.state.counts = maker.counts();
        self.ended.is_capture_only |= maker.machine.is_given_up();
        self.state.gaps += todo.gaps.iter().filter(|gap| self.told_gaps.is_new(gap)).count() as u64;
        for (stream, words) in todo.refused {
            let at = clock::now();
            self.lost(session_gap("refused", at, at, format!("{stream}: {words}")))?;
            self.tell(Told::Refused { stream, words });
        }
        for note in todo.notes {
            self.tell(Told::Note(note));
        }
        if !todo.gaps.is_empty() {
            self.hand_on(Work::Gaps(todo.gaps));
        }
        self.hand_over().await
    }

    fn publish_disconnect(&mut self, at: i64, connection: Option<u32>) {
        if let Some(publisher) = &mut self.publisher {
            let symbols = connection.map(|connection| symbols_of(&self.settings.plan, connection));
            publisher.disconnected(at, self.state.lines.saturating_sub(1), symbols.unwrap_or_default());
        }
    }

    /// Hands the lines to the system. While the disk refuses, nothing is read.
    async fn write(&mut self) -> Result<(), Stop> {
        let (from, since) = (clock::now(), Instant::now());
        let mut is_told = false;
        while let Err(error) = self.writer.write() {
            if !is_told {
                is_told = true;
                self.tell(Told::Note(format!(
                    "the capture cannot be written, so that nothing is read: {}",
                    mtdh_core::error::chain(&error)
                )));
            }
            if since.elapsed() >= DISK_PATIENCE || self.stop.is_cancelled() {
                return Err(error.into());
            }
            tokio::time::sleep(DISK_AGAIN).await;
        }
        if is_told {
            self.lost(session_gap("overload", from, clock::now(), "the disk refused".to_owned()))?;
        }
        if self.settings.durable.is_zero() {
            self.writer.sync()?;
        }
        for sealed in self.writer.take_sealed() {
            self.hand_on_slowly(Work::Sealed(sealed)).await?;
        }
        Ok(())
    }

    /// Ends a part of the rows.
    async fn part(&mut self) -> Result<(), Stop> {
        if self.state.lines == 0 {
            return Ok(());
        }
        let at = self.later(clock::now());
        let line = events::word(at, events::PART, "");
        let number = self.writer.append(&line)?;
        self.state.lines = number + 1;
        let stretch = self.make(number, &line);
        self.write().await?;
        self.writer.seal_if_old(clock::now())?;
        match stretch {
            Some(stretch) => self.hand_on_slowly(Work::Stretch(stretch, None)).await,
            None => Ok(()),
        }
    }

    async fn each_second(&mut self, lanes: &Lanes) -> Result<(), Stop> {
        if let Some(step) = self.steps.step() {
            let now = clock::now();
            self.lost(session_gap(
                "clock",
                now,
                now,
                format!("the clock was set by {:.3} s", step as f64 / 1e6),
            ))?;
        }
        if let Some(sync) = &self.sync
            && let Some(file) = self.writer.to_sync()?
        {
            // While the thread is still at it, the next second brings the rest along.
            let _busy = sync.try_send(file);
        }
        self.state.open = lanes.open_connections();
        self.tell(Told::State(self.state));
        if let Some(publisher) = &mut self.publisher {
            publisher.health(&self.state, self.ended.is_capture_only);
        }
        Ok(())
    }

    /// Ends in good order: what was read is written, the last part is handed on, the capture is sealed.
    async fn end(&mut self, mut lanes: Lanes, mut events: mpsc::Receiver<(u32, Event)>) -> Result<(), Stop> {
        lanes.end_all();
        let until = Instant::now() + GOODBYE;
        let mut open = lanes.open_connections();
        while open > 0 {
            let Ok(Some((lane, event))) = tokio::time::timeout_at(until, events.recv()).await else { break };
            self.event(&mut lanes, lane, event)?;
            open = lanes.open_connections();
        }
        while let Ok((lane, event)) = events.try_recv() {
            self.event(&mut lanes, lane, event)?;
        }
        if let Some(maker) = self.maker.as_mut() {
            let gaps = maker.take_todo().gaps;
            self.state.gaps += gaps.iter().filter(|gap| self.told_gaps.is_new(gap)).count() as u64;
            self.hand_on(Work::Gaps(gaps));
        }
        self.state.open = 0;
        self.hand_over().await?;
        if self.state.lines > 0 {
            self.write().await?;
            let (number, at) = (self.writer.next_line(), self.later(clock::now()));
            self.writer.close(at)?;
            let line = events::word(at, "session", "ended");
            if let Some(stretch) = self.make(number, &line) {
                self.hand_on_slowly(Work::Stretch(stretch, None)).await?;
            }
            for sealed in self.writer.take_sealed() {
                self.hand_on_slowly(Work::Sealed(sealed)).await?;
            }
        }
        if let Some(maker) = &self.maker {
            self.state.counts = maker.counts();
        }
        self.hand_over().await
    }

    /// Hands on at the end of this turn of the loop.
    fn hand_on(&mut self, work: Work) {
        self.waiting.push(work);
    }

    /// Hands on what waits. While the channel is full, nothing is read.
    async fn hand_over(&mut self) -> Result<(), Stop> {
        let waiting = std::mem::take(&mut self.waiting);
        if waiting.iter().any(|work| matches!(work, Work::Stretch(..))) {
            self.write().await?;
        }
        for work in waiting {
            self.hand_on_slowly(work).await?;
        }
        Ok(())
    }

    async fn hand_on_slowly(&mut self, work: Work) -> Result<(), Stop> {
        let work = match work {
            // Its lines are brought to the disk before anything is made of them, by who takes it: no message waits for that.
            Work::Stretch(stretch, _) => Work::Stretch(stretch, self.writer.to_sync()?),
            other => other,
        };
        self.work.send(work).await.map_err(|_| Stop::Alone)
    }

    fn tell(&self, told: Told) {
        // Who does not listen misses it.
        let _missed = self.told.try_send(told);
    }
}

/// A thread that brings files to the disk, so that no message waits for it; `None`: the session does that itself.
fn syncer(durable: Duration) -> Option<std::sync::mpsc::SyncSender<std::fs::File>> {
    if durable.is_zero() {
        return None;
    }
    let (to, files) = std::sync::mpsc::sync_channel::<std::fs::File>(1);
    let sync = move || {
        for file in files {
            if let Err(error) = file.sync_data() {
                tracing::warn!(%error, "the capture could not be brought to the disk");
            }
        }
    };
    match std::thread::Builder::new().name("live sync".to_owned()).spawn(sync) {
        Ok(_) => Some(to),
        Err(_) => None,
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
