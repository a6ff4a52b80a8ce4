//! What a venue understands and answers: the interface of its own file, and the conversation with one client.

use std::collections::VecDeque;
use std::time::Duration;

use super::fault::{Occasion, SocketFaultKind};
use super::frame::opcode;
use super::http::{Answer, Head};
use super::hub::Hub;
use super::hub::topic::{Topic, What};
use super::limits::Limits;
use super::log::{Breach, Log, Truth};
use super::market::Numbering;
use super::template::Form;

/// A venue's own rules.
pub(super) trait Protocol: Send + Sync + std::fmt::Debug {
    /// The forms of its messages.
    fn form(&self) -> Form;

    /// How it numbers book updates.
    fn numbering(&self) -> Numbering;

    /// Looks at the path, without the venue's prefix, and the query of a handshake. `false`: there is no such place.
    fn opens(&self, head: &Head, path: &str, session: &mut Session) -> bool;

    /// Speaks first, and subscribes to what the address names.
    fn greet(&self, _talk: &mut Talk<'_>) {}

    /// Answers a message.
    fn receive(&self, text: &str, talk: &mut Talk<'_>);

    /// Is called every simulated second.
    fn tick(&self, _talk: &mut Talk<'_>) {}

    /// Answers a request over HTTP; the path is without the venue's prefix.
    fn rest(&self, _head: &Head, _path: &str, _hub: &mut Hub) -> Answer {
        Answer::error(404, "{}")
    }
}

/// What is known of one connection.
#[derive(Debug, Default)]
pub(super) struct Session {
    /// Number, from 1.
    pub(super) link: u64,
    /// Times of what came, microseconds of the venue's clock, newest last.
    pub(super) came: VecDeque<i64>,
    pub(super) asked: VecDeque<i64>,
    pub(super) opened_us: i64,
    pub(super) last_push_us: i64,
    pub(super) last_came_us: i64,
    pub(super) last_ping_us: i64,
    /// When the oldest unanswered ping was sent; `None`: none is.
    pub(super) unanswered_us: Option<i64>,
    pub(super) args_bytes: usize,
    pub(super) has_subscribed: bool,
    pub(super) is_ended: bool,
    pub(super) has_origin: bool,
    /// Which root of the venue was opened; empty: any.
    pub(super) root: String,
    pub(super) is_micro: bool,
    /// Messages of Binance's raw streams have no wrapper.
    pub(super) is_raw: bool,
    /// Streams that the address names.
    pub(super) named: Vec<String>,
    /// Seconds between Deribit's heartbeats.
    pub(super) heartbeat_s: Option<i64>,
    pub(super) is_authenticated: bool,
}

/// A conversation: the client's session, the venue, and the list of broken limits.
pub(super) struct Talk<'a> {
    pub(super) hub: &'a mut Hub,
    pub(super) session: &'a mut Session,
    pub(super) limits: Limits,
    pub(super) breaches: &'a Log<Breach>,
    /// The venue's clock, microseconds since the Unix epoch, UTC.
    pub(super) now_us: i64,
}

impl Talk<'_> {
    /// Sends a text.
    pub(super) fn say(&mut self, text: &str) {
        let opcode = if self.hub.venue == "upbit" { opcode::BINARY } else { opcode::TEXT };
        self.hub.say(self.session.link, opcode, text.as_bytes());
    }

    /// Sends an answer of a form with given fields.
    pub(super) fn answer(&mut self, kind: &str, fields: &[(&str, &str)]) {
        let text = self.hub.form.answer(kind, fields);
        self.say(&text);
    }

    /// Whether an answer to a subscription is to be left out.
    pub(super) fn loses_ack(&mut self) -> bool {
        self.strike(SocketFaultKind::NoAck, "")
    }

    /// Whether the last stream of a subscription is to be forgotten.
    pub(super) fn forgets_last(&mut self) -> bool {
        self.strike(SocketFaultKind::PartialAck, "")
    }

    /// Whether a symbol is to be refused.
    pub(super) fn refuses(&mut self, symbol: &str) -> bool {
        self.strike(SocketFaultKind::RefuseSymbol, symbol)
    }

    fn strike(&mut self, kind: SocketFaultKind, symbol: &str) -> bool {
        let place = self.hub.place(symbol, What::Trade);
        let is_struck = !self.hub.faults.strike(Occasion::Subscription, place, |k| *k == kind).is_empty();
        if is_struck {
            self.hub.faults.truth.add(Truth {
                what: kind.name(),
                venue: self.hub.venue.to_owned(),
                symbol: symbol.to_owned(),
                connection: self.session.link,
                messages: 1,
                at_us: self.now_us,
                ..Truth::default()
            });
        }
        is_struck
    }

    /// Subscribes to a stream, if the limit of streams allows it. `false`: it does not.
    pub(super) fn subscribe(&mut self, topic: Topic) -> bool {
        let streams = self.hub.streams_of(self.session.link) + 1;
        if !self.keeps("streams", streams, self.limits.streams) {
            return false;
        }
        self.session.has_subscribed = true;
        self.hub.subscribe(self.session.link, topic);
        true
    }

    /// Ends a subscription.
    pub(super) fn unsubscribe(&mut self, name: &str) -> bool {
        self.hub.unsubscribe(self.session.link, name)
    }

    /// Ends the connection after what was said.
    pub(super) fn end(&mut self, code: u16, reason: &'static str) {
        self.session.is_ended = true;
        self.hub.end(self.session.link, code, reason);
    }

    /// Compares with a limit, and writes a breach down. `false`: it is broken.
    pub(super) fn keeps(&mut self, limit: &'static str, value: usize, most: Option<usize>) -> bool {
        let Some(most) = most.filter(|most| value > *most) else { return true };
        self.breaches.add(Breach {
            venue: self.hub.venue.to_owned(),
            connection: self.session.link,
            limit,
            value: value as i64,
            most: most as i64,
            at_us: self.now_us,
        });
        false
    }

    /// Counts the arguments of a request.
    pub(super) fn keeps_args(&mut self, args: usize, bytes: usize) -> bool {
        self.session.args_bytes += bytes;
        self.session.asked.push_back(self.now_us);
        let an_hour_ago = self.now_us - 3_600_000_000;
        while self.session.asked.front().is_some_and(|at| *at < an_hour_ago) {
            self.session.asked.pop_front();
        }
        let (all_bytes, asked) = (self.session.args_bytes, self.session.asked.len());
        let kept = [
            self.keeps("args", args, self.limits.args),
            self.keeps("args_bytes", bytes, self.limits.args_bytes),
            self.keeps("all_args_bytes", all_bytes, self.limits.all_args_bytes),
            self.keeps("requests_per_hour", asked, self.limits.requests_per_hour),
        ];
        kept.into_iter().all(|is_kept| is_kept)
    }

    /// Counts a message of the client. `false`: they are too many.
    pub(super) fn keeps_rate(&mut self) -> bool {
        let now_us = self.now_us;
        self.session.came.push_back(now_us);
        while self.session.came.front().is_some_and(|at| *at <= now_us - 60_000_000) {
            self.session.came.pop_front();
        }
        let in_second = self.session.came.iter().rev().take_while(|at| **at > now_us - 1_000_000).count();
        let in_minute = self.session.came.len();
        let is_kept = self.keeps("messages_per_s", in_second, self.limits.messages_per_s);
        self.keeps("messages_per_min", in_minute, self.limits.messages_per_min) && is_kept
    }

    /// Keeps the times of a connection: its lifetime, its first subscription, its silence, its pings.
    pub(super) fn keep_time(&mut self) {
        let (limits, now_us) = (self.limits, self.now_us);
        let passed = |since: i64| (now_us - since) / 1_000_000;
        if limits.lifetime_s.is_some_and(|most| passed(self.session.opened_us) >= most) {
            // Every connection ends then; a client that is still there was not ready for it, but broke no limit.
            return self.end(1_001, "24 hours");
        }
        if let Some(most) = limits.subscribe_within_s
            && !self.session.has_subscribed
            && passed(self.session.opened_us) >= most
        {
            self.keeps(
                "subscribe_within_s",
                passed(self.session.opened_us) as usize + 1,
                Some(most as usize),
            );
            return self.end(1_008, "no subscription");
        }
        if let Some(most) = limits.silence_s {
            let last = self.session.last_push_us.max(self.session.last_came_us);
            if passed(last) >= most {
                self.keeps("silence_s", passed(last) as usize + 1, Some(most as usize));
                return self.end(1_000, "silence");
            }
        }
        let Some((every_s, within_s)) = limits.pings_s else { return };
        // However fast the clock runs, a client has a real second to answer.
        let is_real = |since: i64| self.hub.clock.real(now_us - since) >= Duration::from_secs(1);
        if let Some(since) = self.session.unanswered_us
            && passed(since) >= within_s
            && is_real(since)
        {
            self.keeps("pong_within_s", passed(since) as usize + 1, Some(within_s as usize));
            return self.end(1_008, "no pong");
        }
        if passed(self.session.last_ping_us) >= every_s {
            self.session.last_ping_us = now_us;
            self.session.unanswered_us.get_or_insert(now_us);
            let payload = (now_us / 1_000).to_string();
            self.hub.say(self.session.link, opcode::PING, payload.as_bytes());
        }
    }
}
