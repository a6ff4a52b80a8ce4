//! A venue at work: its rules, its hub, and what is counted over all of its connections.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use super::clock::Clock;
use super::config::SocketConfig;
use super::fault::{Faults, Occasion, Place, SocketFaultKind};
use super::http::{Answer, Head};
use super::hub::Hub;
use super::hub::replay::Replay;
use super::limits::{self, Limits};
use super::log::{Breach, Log, Truth};
use super::protocol::{Protocol, Session};
use super::replay::Recording;
use super::venues;
use crate::sync::lock;

/// A venue.
#[derive(Debug)]
pub(super) struct Venue {
    pub(super) id: &'static str,
    pub(super) protocol: Box<dyn Protocol>,
    pub(super) limits: Limits,
    pub(super) clock: Clock,
    pub(super) faults: Arc<Faults>,
    pub(super) breaches: Arc<Log<Breach>>,
    hub: Mutex<Hub>,
    connects: Mutex<VecDeque<i64>>,
    links: AtomicU64,
    banned_until_us: AtomicI64,
    weight: Mutex<(i64, u32)>,
}

/// What becomes of a handshake.
pub(super) enum Handshake {
    Open(Session, String),
    Refused(Answer),
    Hangs,
}

impl Venue {
    /// Creates a venue. `None`: there is no such one.
    ///
    /// # Errors
    /// Fails when a recording cannot be read.
    pub(super) fn new(
        id: &str,
        config: &Arc<SocketConfig>,
        clock: Clock,
        faults: &Arc<Faults>,
        breaches: &Arc<Log<Breach>>,
    ) -> io::Result<Option<Venue>> {
        let Some((id, protocol)) = venues::find(id) else { return Ok(None) };
        let form = Arc::new(protocol.form());
        let mut hub = Hub::new(id, form, protocol.numbering(), Arc::clone(config), clock, Arc::clone(faults));
        if !config.recordings.is_empty() {
            let recording = Recording::read(id, &config.recordings)?;
            hub.symbols.add(&recording.symbols);
            hub.replay = Some(Replay::new(recording));
        }
        Ok(Some(Venue {
            id,
            protocol,
            limits: limits::of(id),
            clock,
            faults: Arc::clone(faults),
            breaches: Arc::clone(breaches),
            hub: Mutex::new(hub),
            connects: Mutex::default(),
            links: AtomicU64::new(0),
            banned_until_us: AtomicI64::new(0),
            weight: Mutex::new((0, 0)),
        }))
    }

    /// Returns the hub. Nobody holds it while waiting.
    pub(super) fn hub(&self) -> MutexGuard<'_, Hub> {
        lock(&self.hub)
    }

    fn place(&self) -> Place<'static> {
        Place { venue: self.id, symbol: "", data_type: "", elapsed_us: self.clock.elapsed_us() }
    }

    fn tell(&self, what: &str, link: u64) {
        self.faults.truth.add(Truth {
            what: what.to_owned(),
            venue: self.id.to_owned(),
            connection: link,
            at_us: self.clock.now_us(),
            ..Truth::default()
        });
    }

    fn breach(&self, limit: &'static str, value: usize, most: usize) {
        let (value, most, at_us) = (value as i64, most as i64, self.clock.now_us());
        self.breaches.add(Breach { venue: self.id.to_owned(), connection: 0, limit, value, most, at_us });
    }

    /// Whether a fault of this name strikes at a connection that was opened.
    pub(super) fn strikes_connection(&self, name: &str, link: u64) -> bool {
        let is_it = |kind: &SocketFaultKind| kind.name() == name;
        let is_struck = !self.faults.strike(Occasion::Connection, self.place(), is_it).is_empty();
        if is_struck {
            self.tell(name, link);
        }
        is_struck
    }

    /// Decides about a handshake; `path` is without the venue's prefix.
    pub(super) fn shake(&self, head: &Head, path: &str) -> Handshake {
        let now_us = self.clock.now_us();
        let is_answer = |kind: &SocketFaultKind| !matches!(kind, SocketFaultKind::FrameWithHandshake);
        for kind in self.faults.strike(Occasion::Connection, self.place(), is_answer) {
            self.tell(&kind.name(), 0);
            match kind {
                SocketFaultKind::Handshake { status, retry_after } => {
                    return Handshake::Refused(refusal(status, retry_after));
                }
                SocketFaultKind::HandshakeHangs => return Handshake::Hangs,
                SocketFaultKind::Ban { seconds } => {
                    self.banned_until_us.store(now_us + seconds as i64 * 1_000_000, Ordering::Relaxed);
                }
                _ => {}
            }
        }
        let banned_us = self.banned_until_us.load(Ordering::Relaxed) - now_us;
        if banned_us > 0 {
            return Handshake::Refused(refusal(418, Some((banned_us / 1_000_000) as u64 + 1)));
        }
        if let Some((most, window_s)) = self.limits.connects {
            let mut connects = lock(&self.connects);
            connects.push_back(now_us);
            while connects.front().is_some_and(|at| *at <= now_us - window_s * 1_000_000) {
                connects.pop_front();
            }
            if connects.len() > most {
                self.breach("connects", connects.len(), most);
                return Handshake::Refused(refusal(429, Some(window_s as u64)));
            }
        }
        let open = self.hub().connections();
        if let Some(most) = self.limits.connections
            && open >= most
        {
            self.breach("connections", open + 1, most);
            return Handshake::Refused(refusal(429, None));
        }
        let link = self.links.fetch_add(1, Ordering::Relaxed) + 1;
        let mut session = Session {
            link,
            opened_us: now_us,
            last_push_us: now_us,
            last_came_us: now_us,
            last_ping_us: now_us,
            has_origin: head.header("origin").is_some(),
            ..Session::default()
        };
        match head.switching() {
            Some(answer) if self.protocol.opens(head, path, &mut session) => Handshake::Open(session, answer),
            _ => Handshake::Refused(refusal(404, None)),
        }
    }

    /// Answers a request over HTTP.
    pub(super) fn rest(&self, head: &Head, path: &str) -> Answer {
        let is_status = |kind: &SocketFaultKind| matches!(kind, SocketFaultKind::Rest { .. });
        let symbol = head.parameter("symbol").or_else(|| head.parameter("instId")).unwrap_or_default();
        let place = Place { symbol: &symbol, ..self.place() };
        for kind in self.faults.strike(Occasion::Rest, place, is_status) {
            if let SocketFaultKind::Rest { status, retry_after } = kind {
                self.tell("rest", 0);
                return refusal(status, retry_after);
            }
        }
        if path.ends_with("/depth")
            && let Some(snapshot) =
                self.hub().replay.as_ref().and_then(|replay| replay.recording.snapshot.clone())
        {
            return Answer::json(snapshot);
        }
        let Some(most) = self.limits.weight_per_min else {
            return self.protocol.rest(head, path, &mut self.hub());
        };
        let minute = self.clock.now_us().div_euclid(60_000_000);
        let used = {
            let mut weight = lock(&self.weight);
            if weight.0 != minute {
                *weight = (minute, 0);
            }
            weight.1 += venues::weight(self.id, head, path);
            weight.1
        };
        let left_s = 60 - self.clock.now_us().rem_euclid(60_000_000) / 1_000_000;
        let answer = if used > most {
            self.breach("weight_per_min", used as usize, most as usize);
            // A client that goes on after 429 is banned (live.md 2.4).
            refusal(if used > 2 * most { 418 } else { 429 }, Some(left_s as u64))
        } else {
            self.protocol.rest(head, path, &mut self.hub())
        };
        answer.with("x-mbx-used-weight-1m", used.to_string())
    }
}

fn refusal(status: u16, retry_after: Option<u64>) -> Answer {
    let body = match status {
        403 => "<html><head><title>403 Forbidden</title></head></html>",
        418 | 429 => r#"{"code":-1003,"msg":"Too many requests."}"#,
        451 => r#"{"code":0,"msg":"Service unavailable from a restricted location."}"#,
        _ => "{}",
    };
    let answer = Answer::error(status, body);
    match retry_after {
        Some(seconds) => answer.with("Retry-After", seconds.to_string()),
        None => answer,
    }
}
