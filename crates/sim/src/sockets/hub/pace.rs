//! When markets move: at their natural pace, so many messages a second, or as fast as the clients read.

use std::sync::atomic::Ordering;
use std::time::Instant;

use super::Hub;
use crate::sockets::config::Pace;

/// Bytes that wait for a connection beyond which a venue that sends the most waits too.
pub(super) const ENOUGH_WAITING: usize = 1 << 20;
/// Most steps that a market catches up at once.
const MAX_CATCH_UP: usize = 200;
/// Most messages between two flushes.
const MAX_AT_ONCE: f64 = 4_000.0;

/// The messages that are due.
#[derive(Debug)]
pub(super) struct Budget {
    due: f64,
    since: Instant,
    next: usize,
}

impl Default for Budget {
    fn default() -> Budget {
        Budget { due: 0.0, since: Instant::now(), next: 0 }
    }
}

impl Hub {
    /// Moves the markets that are due, and hands over what they sent. Returns whether more could be sent at once.
    pub(in crate::sockets) fn tick(&mut self) -> bool {
        if self.replay.is_some() {
            let is_busy = self.tick_replay();
            self.flush();
            return is_busy;
        }
        let is_busy = match self.config.pace {
            Pace::Natural => {
                self.tick_natural();
                false
            }
            Pace::PerSecond(rate) => {
                let passed = self.pace.since.elapsed().as_secs_f64();
                self.pace.since = Instant::now();
                // What a stopped reader or a busy machine held up is not made up for.
                self.pace.due =
                    (self.pace.due + passed * f64::from(rate)).min(MAX_AT_ONCE.max(f64::from(rate) / 20.0));
                self.spend()
            }
            Pace::Most => {
                let is_ready = |waiting: usize| waiting < ENOUGH_WAITING;
                let mut links = self.links.values();
                if links.all(|link| is_ready(link.waiting.load(Ordering::Relaxed))) {
                    self.pace.due = MAX_AT_ONCE;
                    self.spend()
                } else {
                    false
                }
            }
        };
        self.flush();
        is_busy
    }

    fn tick_natural(&mut self) {
        let now_us = self.clock.now_us();
        for number in 0..self.markets.len() {
            for _ in 0..MAX_CATCH_UP {
                let due_us = self.markets[number].due_us;
                if due_us > now_us {
                    break;
                }
                self.step(number, due_us);
                let pause = self.markets[number].pause();
                self.markets[number].due_us = due_us + pause;
            }
            if self.markets[number].due_us <= now_us {
                self.markets[number].due_us = now_us;
            }
        }
    }

    /// Moves one market after the other until the budget is spent. `false`: nobody is subscribed to anything that moves.
    fn spend(&mut self) -> bool {
        let now_us = self.clock.now_us();
        let mut idle = 0;
        while self.pace.due >= 1.0 && idle < 8 * self.markets.len() + 8 {
            if self.markets.is_empty() {
                return false;
            }
            self.pace.next = (self.pace.next + 1) % self.markets.len();
            let sent = self.step(self.pace.next, now_us);
            self.pace.due -= sent as f64;
            idle = if sent == 0 { idle + 1 } else { 0 };
        }
        self.pace.due < 1.0
    }
}
