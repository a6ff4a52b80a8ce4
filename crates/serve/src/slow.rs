//! Clients that are waited for. While others wait for their turn, those that take nothing make room.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

/// How long a client may take nothing while another request waits for its turn.
const PATIENCE: Duration = Duration::from_secs(1);

/// What an answer can do to its connection. Every request carries that of its own.
#[derive(Clone, Debug, Default)]
pub(crate) struct Connection {
    /// Ends it at once when it is cancelled.
    pub broken: CancellationToken,
    /// An answer is on its way whose end nothing but the connection's marks, as in HTTP/1.0: were the connection closed now, what was
    /// sent would look whole. Then it is reset.
    pub is_unmarked: Arc<AtomicBool>,
}

/// The answers that are being sent.
#[derive(Default)]
pub(crate) struct Slow {
    sending: Mutex<Vec<Weak<Sending>>>,
}

/// An answer that is being sent.
pub(crate) struct Sending {
    /// Since when the client is waited for; `None`: the lake is.
    waits: Mutex<Option<Instant>>,
    connection: Connection,
}

impl Sending {
    /// A piece was handed over: from now on the client is waited for.
    pub fn handed(&self) {
        self.set(Some(Instant::now()));
    }

    /// The next piece is being made.
    pub fn working(&self) {
        self.set(None);
    }

    fn set(&self, waits: Option<Instant>) {
        *self.waits.lock().unwrap_or_else(PoisonError::into_inner) = waits;
    }

    fn since(&self) -> Option<Instant> {
        *self.waits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slow {
    /// An answer on a connection, known here until it is dropped.
    pub fn enter(&self, connection: Connection) -> Arc<Sending> {
        let sending = Arc::new(Sending { waits: Mutex::default(), connection });
        let mut all = self.sending.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() == all.capacity() {
            all.retain(|one| one.strong_count() > 0);
        }
        all.push(Arc::downgrade(&sending));
        sending
    }

    /// Breaks the connection off whose client has taken nothing for longest, if that is long enough.
    pub fn make_room(&self) {
        let mut all = self.sending.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|one| one.strong_count() > 0);
        let stalled = all.iter().filter_map(Weak::upgrade).filter_map(|one| Some((one.since()?, one)));
        let longest =
            stalled.min_by_key(|(since, _)| *since).filter(|(since, _)| since.elapsed() >= PATIENCE);
        if let Some((_, sending)) = longest {
            // Not again, while the connection ends.
            sending.working();
            sending.connection.broken.cancel();
            tracing::warn!("a client took nothing while others waited: its answer was broken off");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_taken_nothing_for_longest_goes_first() {
        let slow = Slow::default();
        let connections: [Connection; 4] = Default::default();
        let answers = connections.clone().map(|connection| slow.enter(connection));
        let ago = |seconds| Instant::now().checked_sub(Duration::from_secs(seconds));
        for (answer, since) in answers.iter().zip([ago(2), ago(3), None, ago(0)]) {
            answer.set(since);
        }
        let mut ended = Vec::new();
        for _ in 0..3 {
            slow.make_room();
            ended.push(connections.each_ref().map(|connection| connection.broken.is_cancelled()));
        }
        let (one, both) = ([false, true, false, false], [true, true, false, false]);
        assert_eq!(ended, [one, both, both]);
    }
}
