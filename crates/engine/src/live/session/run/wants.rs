//! What a feed wants done, and who is told of what it made.

use mtdh_source::live::clock;
use mtdh_source::live::out::Request;
use tokio::sync::mpsc;

use super::{CRASH, Made, ROWS, Session, Stop};
use crate::live::events::session_gap;
use crate::live::session::Told;
use crate::live::session::lanes::Lanes;
use crate::live::session::publish::symbols_of;

impl Session {
    /// Does what the feed wants, and gives its rows to those who follow.
    pub(super) async fn after(
        &mut self,
        lanes: &mut Lanes,
        requests: &mpsc::Sender<Request>,
    ) -> Result<(), Stop> {
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
            self.turn.push(Made::Gaps(todo.gaps));
        }
        self.hand_over().await
    }

    pub(super) fn publish_disconnect(&mut self, at: i64, connection: Option<u32>) {
        if let Some(publisher) = &mut self.publisher {
            let symbols = connection.map(|connection| symbols_of(&self.settings.plan, connection));
            publisher.disconnected(at, self.state.lines.saturating_sub(1), symbols.unwrap_or_default());
        }
    }
}
