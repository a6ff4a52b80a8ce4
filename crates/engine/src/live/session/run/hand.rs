//! What is handed on, and the end of a session.

use mtdh_source::live::clock;
use mtdh_source::live::link::Event;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::{GOODBYE, Session, Stop};
use crate::live::events;
use crate::live::session::lanes::Lanes;
use crate::live::session::{Told, Work};

impl Session {
    /// Ends in good order: what was read is written, the last part is handed on, the capture is sealed.
    pub(super) async fn end(
        &mut self,
        mut lanes: Lanes,
        mut events: mpsc::Receiver<(u32, Event)>,
    ) -> Result<(), Stop> {
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
    pub(super) fn hand_on(&mut self, work: Work) {
        self.waiting.push(work);
    }

    /// Hands on what waits. While the channel is full, nothing is read.
    pub(super) async fn hand_over(&mut self) -> Result<(), Stop> {
        let waiting = std::mem::take(&mut self.waiting);
        if waiting.iter().any(|work| matches!(work, Work::Stretch(..))) {
            self.write().await?;
        }
        for work in waiting {
            self.hand_on_slowly(work).await?;
        }
        Ok(())
    }

    pub(super) async fn hand_on_slowly(&mut self, work: Work) -> Result<(), Stop> {
        let work = match work {
            // Its lines are brought to the disk before anything is made of them, by who takes it: no message waits for that.
            Work::Stretch(stretch, _) => Work::Stretch(stretch, self.writer.to_sync()?),
            other => other,
        };
        self.work.send(work).await.map_err(|_| Stop::Alone)
    }

    pub(super) fn tell(&self, told: Told) {
        // Who does not listen misses it.
        let _missed = self.told.try_send(told);
    }
}
