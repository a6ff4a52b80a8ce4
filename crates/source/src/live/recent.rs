//! Messages that repeat what was: the first one of a subscription has trades or liquidations from before it.

use std::collections::{HashMap, HashSet};

use super::feed::ConnectionId;

/// An exchange's clock may be ahead of this one's by so much, microseconds.
const AHEAD_US: i64 = 60_000_000;

/// Of one moment so many are remembered.
const MAX_IDS: usize = 1_000;

/// What was seen last of each symbol.
#[derive(Default)]
pub struct Recent {
    opened: HashMap<ConnectionId, i64>,
    /// Streams whose first message came, by connection.
    begun: HashSet<(ConnectionId, String)>,
    /// The latest time, and the ids at that time.
    last: HashMap<String, (i64, Vec<String>)>,
}

impl Recent {
    /// A connection is open, at a time in microseconds since the Unix epoch, UTC.
    pub fn opened(&mut self, connection: ConnectionId, now: i64) {
        self.opened.insert(connection, now);
        self.begun.retain(|(of, _)| *of != connection);
    }

    /// A connection ended.
    pub fn closed(&mut self, connection: ConnectionId) {
        self.opened.remove(&connection);
        self.begun.retain(|(of, _)| *of != connection);
    }

    /// Whether this is the first message of a stream on a connection.
    pub fn is_first(&mut self, connection: ConnectionId, stream: &str) -> bool {
        self.begun.insert((connection, stream.to_owned()))
    }

    /// Whether something is new. In the first message of a subscription that is what is younger than what is known of the symbol, or,
    /// where nothing is known, what happened since the connection was opened; later messages bring only what is new.
    pub fn is_new(
        &mut self,
        of: (ConnectionId, i64),
        symbol: &str,
        is_first: bool,
        at: i64,
        id: &str,
    ) -> bool {
        let (connection, arrived) = of;
        let known = self.last.get_mut(symbol);
        let is_new = match &known {
            _ if !is_first => true,
            Some((last, ids)) => at > *last || (at == *last && !ids.iter().any(|known| known == id)),
            None => {
                let opened = self.opened.get(&connection).copied().unwrap_or(i64::MAX);
                (opened..=arrived.saturating_add(AHEAD_US)).contains(&at)
            }
        };
        match known {
            Some((last, ids)) if at == *last => {
                if ids.len() < MAX_IDS {
                    ids.push(id.to_owned());
                }
            }
            Some((last, ids)) if at > *last => {
                *last = at;
                ids.clear();
                ids.push(id.to_owned());
            }
            Some(_) => {}
            None => {
                self.last.insert(symbol.to_owned(), (at, vec![id.to_owned()]));
            }
        }
        is_new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_message_repeats_and_later_ones_do_not() {
        let mut recent = Recent::default();
        let (a, b) = (ConnectionId(0), ConnectionId(1));
        recent.opened(a, 1_000);
        assert!(recent.is_first(a, "X") && !recent.is_first(a, "X"));
        for (connection, is_first, at, id, is_new) in [
            // Older than the connection, and far ahead of any clock.
            (a, true, 999, "1", false),
            (a, true, 1_000, "2", true),
            (a, false, 1_000, "2", true),
            (a, false, 1_005, "3", true),
            (b, true, 1_000, "2", false),
            (b, true, 1_005, "3", false),
            (b, true, 1_005, "4", true),
            (b, true, 1_006, "5", true),
        ] {
            assert_eq!(recent.is_new((connection, 1_010), "X", is_first, at, id), is_new, "{at} {id}");
        }
        assert!(!recent.is_new((a, 1_010), "Y", true, 1_010 + AHEAD_US + 1, "6"));
        recent.opened(a, 2_000);
        assert!(recent.is_first(a, "X"));
    }
}
