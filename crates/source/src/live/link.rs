//! One connection's life: connect, read, keep alive, connect again.
//!
//! It knows no venue: what is sent comes from a feed, what arrives goes to a session with the time at which it was read. Nothing that
//! was read is dropped: while the session takes nothing, nothing is read, and how long that was is told.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use reqwest::Url;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::backoff::{Backoff, Ended, Next};
use super::clock;
use super::limits::{Limits, Ping, Rate};
use super::out::Send;
use super::pace::Pace;
use super::socket::{Arrived, ConnectError, Socket};

/// Messages that are taken together, at most.
const BATCH: usize = 512;
/// Bytes that are taken together, at most.
const BATCH_BYTES: usize = 256 << 10;
/// A session that took nothing for so long is told of.
const OVERLOAD: Duration = Duration::from_millis(250);
/// Commands that wait for a link, at most.
pub const COMMANDS: usize = 8192;

/// The reason of a connection that was told to end.
pub const ENDED_HERE: &str = "ended here";

/// The rules of a venue's connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// A connection on which nothing at all arrived for so long is given up.
    pub silence: Duration,
    /// How often a ping of the protocol is sent, so that a live connection is never silent; `None`: the feed sees to that.
    pub ping: Option<Duration>,
    /// How many messages may be sent on a connection, and within what time.
    pub messages: Vec<(u32, Duration)>,
    /// How many connections may be opened to the venue, and within what time.
    pub connects: Vec<(u32, Duration)>,
    /// When a connection is to be replaced, before the venue ends it; `None`: never.
    pub lifetime: Option<Duration>,
}

/// A connection is replaced so long before the venue would end it.
const BEFORE_END: Duration = Duration::from_secs(30 * 60);

impl Rules {
    /// The rules that follow from what a venue allows.
    pub fn of(limits: &Limits) -> Rules {
        let us = |us: i64| Duration::from_micros(us.unsigned_abs());
        let ping = match limits.ping.value {
            Ping::Frame { every_us } => Some(us(every_us)),
            Ping::Text { .. } | Ping::Answer => None,
        };
        let rate = |rate: Rate| vec![(rate.count, us(rate.within_us))];
        Rules {
            silence: us(limits.silence_us.value),
            ping,
            messages: rate(limits.messages.value),
            connects: rate(limits.connects.value),
            lifetime: limits.lifetime_us.map(|lifetime| us(lifetime.value).saturating_sub(BEFORE_END)),
        }
    }
}

/// What the links of a venue share: how often they may connect.
#[derive(Clone, Debug)]
pub struct Doors {
    pace: Arc<Mutex<Pace>>,
}

impl Doors {
    /// With the limits of a venue's connects.
    pub fn new(rules: &Rules) -> Doors {
        Doors { pace: Arc::new(Mutex::new(Pace::new(&rules.connects))) }
    }

    async fn enter(&self) {
        loop {
            let taken = self.pace.lock().unwrap_or_else(PoisonError::into_inner).take(clock::elapsed());
            match taken {
                Ok(()) => return,
                Err(next) => tokio::time::sleep(next.saturating_sub(clock::elapsed())).await,
            }
        }
    }

    fn pause(&self, wait: Duration) {
        let until = clock::elapsed() + wait;
        self.pace.lock().unwrap_or_else(PoisonError::into_inner).pause(until);
    }
}

/// Something that arrived, with its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamped {
    /// When it was read, microseconds since the Unix epoch, UTC.
    pub at: i64,
    /// What.
    pub what: Arrived,
}

/// What a link tells its session.
#[derive(Debug)]
pub enum Event {
    /// It is open.
    Opened {
        /// When, microseconds since the Unix epoch, UTC.
        at: i64,
    },
    /// Messages, in order.
    Arrived(Vec<Stamped>),
    /// A text was sent.
    Sent {
        /// When, microseconds since the Unix epoch, UTC.
        at: i64,
        /// The text; `None`: a ping.
        text: Option<String>,
    },
    /// It ended, and will be opened again unless it was told to end.
    Closed {
        /// When, microseconds since the Unix epoch, UTC.
        at: i64,
        /// In one line.
        reason: String,
    },
    /// It could not be opened; tried again after a while.
    NotOpened {
        /// In one line.
        reason: String,
        /// How long until it is tried again.
        wait: Duration,
    },
    /// The venue refuses this machine or region; the link has ended.
    GaveUp {
        /// The HTTP status.
        status: u16,
        /// In one line.
        reason: String,
    },
    /// Its planned end has come: a successor is to be opened.
    Ending,
    /// The session took nothing for a while, during which nothing was read.
    Overloaded {
        /// From, microseconds since the Unix epoch, UTC.
        from: i64,
        /// To, microseconds since the Unix epoch, UTC.
        to: i64,
    },
}

/// What a session tells a link.
#[derive(Debug)]
pub enum Command {
    /// Send this.
    Send(Send),
    /// End this connection and open it again, for this reason.
    Reconnect(String),
    /// End for good.
    End,
}

/// A connection and where its events go.
pub struct Link {
    /// The number under which its session knows it.
    pub number: u32,
    /// Where.
    pub url: Url,
    /// How.
    pub rules: Rules,
    /// Shared with the venue's other links.
    pub doors: Doors,
    /// To the session, which all links of a venue share.
    pub events: mpsc::Sender<(u32, Event)>,
    /// From the session.
    pub commands: mpsc::Receiver<Command>,
}

/// Why a link's life is over: it was told to end, or its session is gone.
struct Over;

/// How one socket's life ended.
enum Life {
    Ended { how: Ended, reason: String, good_for: Duration },
    Told,
}

impl Link {
    /// Lives until it is told to end, its session is gone, or the venue refuses it for good.
    pub async fn run(mut self) {
        let mut backoff = Backoff::default();
        // `Over` says only that nobody listens any more.
        while let Ok(true) = self.life(&mut backoff).await {}
    }

    /// One connection, and the wait after it. Whether there is to be another.
    async fn life(&mut self, backoff: &mut Backoff) -> Result<bool, Over> {
        let doors = self.doors.clone();
        if !self.unless_told(doors.enter()).await? {
            return Ok(false);
        }
        let url = self.url.clone();
        let mut opened = None;
        let is_going_on = self
            .unless_told(async {
                opened = Some(Socket::connect(&url).await);
            })
            .await?;
        if !is_going_on {
            return Ok(false);
        }
        let (how, reason, good_for, was_open) = match opened {
            Some(Ok(socket)) => {
                self.tell(Event::Opened { at: clock::now() }).await?;
                match self.read(socket).await? {
                    Life::Told => {
                        self.tell(Event::Closed { at: clock::now(), reason: ENDED_HERE.to_owned() }).await?;
                        return Ok(false);
                    }
                    Life::Ended { how, reason, good_for } => (how, reason, good_for, true),
                }
            }
            Some(Err(error)) => {
                let how = match &error {
                    ConnectError::Answered { status, retry_after, .. } => {
                        Ended::Answered { status: *status, retry_after: *retry_after }
                    }
                    _ => Ended::Broken,
                };
                (how, error.to_string(), Duration::ZERO, false)
            }
            None => return Ok(false),
        };
        let wait = match backoff.after(how, good_for, fastrand::f64()) {
            Next::After(wait) => wait,
            Next::PauseVenue(wait) => {
                self.doors.pause(wait);
                wait
            }
            Next::GiveUp(status) => {
                self.tell(Event::GaveUp { status, reason }).await?;
                return Ok(false);
            }
        };
        match was_open {
            true => self.tell(Event::Closed { at: clock::now(), reason }).await?,
            false => self.tell(Event::NotOpened { reason, wait }).await?,
        }
        self.unless_told(tokio::time::sleep(wait)).await
    }

    /// Waits for something, unless the link is told to end before. Whatever else it is told is about a connection that is gone.
    async fn unless_told(&mut self, something: impl Future<Output = ()>) -> Result<bool, Over> {
        tokio::pin!(something);
        loop {
            tokio::select! {
                () = &mut something => return Ok(true),
                command = self.commands.recv() => match command {
                    Some(Command::End) | None => return Ok(false),
                    Some(Command::Send(_) | Command::Reconnect(_)) => {}
                },
            }
        }
    }

    async fn tell(&self, event: Event) -> Result<(), Over> {
        self.events.send((self.number, event)).await.map_err(|_| Over)
    }

    /// Hands over what arrived, and tells how long the session took nothing.
    async fn hand_over(&self, batch: Vec<Stamped>) -> Result<(), Over> {
        let batch = match self.events.try_send((self.number, Event::Arrived(batch))) {
            Ok(()) => return Ok(()),
            Err(mpsc::error::TrySendError::Full((_, Event::Arrived(batch)))) => batch,
            Err(_) => return Err(Over),
        };
        let (from, since) = (clock::now(), Instant::now());
        self.tell(Event::Arrived(batch)).await?;
        if since.elapsed() >= OVERLOAD {
            self.tell(Event::Overloaded { from, to: clock::now() }).await?;
        }
        Ok(())
    }

    async fn read(&mut self, mut socket: Socket) -> Result<Life, Over> {
        let opened = Instant::now();
        let mut first_data: Option<Instant> = None;
        let (mut last, mut last_ping) = (opened, opened);
        let mut pace = Pace::new(&self.rules.messages);
        let mut outbox: VecDeque<Send> = VecDeque::new();
        let mut ending = self.rules.lifetime.map(|lifetime| opened + jittered(lifetime));
        let broken = |how, reason: String, first_data: Option<Instant>| {
            let good_for =
                first_data.map_or(Duration::ZERO, |first| first.elapsed().max(Duration::from_millis(1)));
            Ok(Life::Ended { how, reason, good_for })
        };
        loop {
            let mut wake = last + self.rules.silence;
            if let Some(every) = self.rules.ping {
                wake = wake.min(last_ping + every);
            }
            if let Some(ending) = ending {
                wake = wake.min(ending);
            }
            if !outbox.is_empty() {
                let next = pace.next(clock::elapsed());
                wake = wake.min(Instant::now() + next.saturating_sub(clock::elapsed()));
            }
            tokio::select! {
                biased;
                command = self.commands.recv() => match command {
                    Some(Command::Send(send)) => outbox.push_back(send),
                    Some(Command::Reconnect(reason)) => {
                        socket.close().await;
                        return broken(Ended::Broken, reason, first_data);
                    }
                    Some(Command::End) | None => {
                        socket.close().await;
                        return Ok(Life::Told);
                    }
                },
                arrived = socket.next() => {
                    let (batch, ended) = self.batch(arrived, &mut socket);
                    if !batch.is_empty() {
                        last = Instant::now();
                        if batch.iter().any(|stamped| matches!(stamped.what, Arrived::Data(_))) {
                            first_data.get_or_insert(last);
                        }
                        self.hand_over(batch).await?;
                        // Time in which the session took nothing was not silence of the venue.
                        last = Instant::now();
                    }
                    if let Some(ended) = ended {
                        let how = if ended.is_clean { Ended::Clean } else { Ended::Broken };
                        return broken(how, ended.reason, first_data);
                    }
                },
                () = tokio::time::sleep_until(wake) => {}
            }
            let now = Instant::now();
            if now >= last + self.rules.silence {
                let reason = format!("nothing came for {:.0} s", self.rules.silence.as_secs_f64().ceil());
                return broken(Ended::Broken, reason, first_data);
            }
            if ending.is_some_and(|ending| now >= ending) {
                ending = None;
                self.tell(Event::Ending).await?;
            }
            if self.rules.ping.is_some_and(|every| now >= last_ping + every) {
                last_ping = now;
                outbox.push_front(Send::Ping);
            }
            while let Some(send) = outbox.front() {
                if pace.take(clock::elapsed()).is_err() {
                    break;
                }
                let sent = match send {
                    Send::Text(text) => socket.send(text).await,
                    Send::Ping => socket.ping().await,
                };
                if let Err(ended) = sent {
                    return broken(Ended::Broken, ended.reason, first_data);
                }
                if let Some(Send::Text(text)) = outbox.pop_front() {
                    self.tell(Event::Sent { at: clock::now(), text: Some(text) }).await?;
                }
            }
        }
    }

    /// What has arrived, each with the time at which it was read, and how the socket ended if it did.
    fn batch(
        &self,
        first: Result<Arrived, super::socket::Ended>,
        socket: &mut Socket,
    ) -> (Vec<Stamped>, Option<super::socket::Ended>) {
        let (mut batch, mut bytes) = (Vec::new(), 0);
        let mut next = Some(first);
        while let Some(arrived) = next {
            match arrived {
                Ok(what) => {
                    bytes += data(&what).map_or(0, Bytes::len);
                    batch.push(Stamped { at: clock::now(), what });
                }
                Err(ended) => return (batch, Some(ended)),
            }
            if batch.len() >= BATCH || bytes >= BATCH_BYTES {
                break;
            }
            next = socket.ready();
        }
        (batch, None)
    }
}

fn data(arrived: &Arrived) -> Option<&Bytes> {
    match arrived {
        Arrived::Data(bytes) => Some(bytes),
        Arrived::Ping | Arrived::Pong => None,
    }
}

/// A lifetime less up to a fortieth of it, so that connections that were opened together are not all replaced together: half an
/// hour of a day.
fn jittered(lifetime: Duration) -> Duration {
    lifetime.mul_f64(1.0 - fastrand::f64() / 40.0)
}
