//! What a feed wants to send, within what the exchange allows per connection.

use std::collections::VecDeque;

use super::feed::ConnectionId;
use super::limits::Rate;
use super::out::Out;

/// Texts that wait, in order, per connection.
pub struct Outbox {
    rate: Rate,
    boxes: Vec<Waiting>,
}

struct Waiting {
    connection: ConnectionId,
    waiting: VecDeque<String>,
    /// When the last ones were sent: at most as many as the rate allows.
    sent: VecDeque<i64>,
}

impl Outbox {
    /// Nothing waits.
    pub fn new(rate: Rate) -> Outbox {
        Outbox { rate, boxes: Vec::new() }
    }

    /// A text to send as soon as it is allowed.
    pub fn push(&mut self, connection: ConnectionId, text: String) {
        match self.boxes.iter_mut().find(|known| known.connection == connection) {
            Some(known) => known.waiting.push_back(text),
            None => {
                self.boxes.push(Waiting {
                    connection,
                    waiting: VecDeque::from([text]),
                    sent: VecDeque::new(),
                });
            }
        }
    }

    /// Nothing more goes to a connection.
    pub fn closed(&mut self, connection: ConnectionId) {
        self.boxes.retain(|known| known.connection != connection);
    }

    /// Whether texts for a connection wait.
    pub fn waits(&self, connection: ConnectionId) -> bool {
        self.boxes.iter().any(|known| known.connection == connection && !known.waiting.is_empty())
    }

    /// Sends what is allowed now.
    pub fn flush(&mut self, now: i64, out: &mut Out) {
        for one in &mut self.boxes {
            while let Some(text) = one.waiting.front() {
                if one.sent.len() >= self.rate.count as usize {
                    if one.sent.front().is_some_and(|first| now < first.saturating_add(self.rate.within_us)) {
                        break;
                    }
                    one.sent.pop_front();
                }
                out.send(one.connection, text.clone());
                one.sent.push_back(now);
                one.waiting.pop_front();
            }
        }
    }

    /// When something waiting may be sent; `None`: nothing waits.
    pub fn due(&self) -> Option<i64> {
        let of = |one: &Waiting| {
            let is_full = one.sent.len() >= self.rate.count as usize;
            let first = one.sent.front().filter(|_| is_full);
            (!one.waiting.is_empty())
                .then(|| first.map_or(i64::MIN, |at| at.saturating_add(self.rate.within_us)))
        };
        self.boxes.iter().filter_map(of).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_sent_than_allowed() {
        let mut outbox = Outbox::new(Rate { count: 2, within_us: 100 });
        let (a, b) = (ConnectionId(0), ConnectionId(1));
        for text in ["1", "2", "3", "4"] {
            outbox.push(a, text.to_owned());
        }
        outbox.push(b, "x".to_owned());
        for (now, count, due) in [(0, 3, Some(100)), (99, 0, Some(100)), (100, 2, None), (101, 0, None)] {
            let mut out = Out::default();
            outbox.flush(now, &mut out);
            assert_eq!((out.sends.len(), outbox.due()), (count, due), "{now}");
        }
        outbox.push(a, "5".to_owned());
        outbox.closed(a);
        assert_eq!(outbox.due(), None);
    }
}
