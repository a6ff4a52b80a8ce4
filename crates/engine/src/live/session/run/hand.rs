//! What is handed on, and the end of a session.

use std::time::Duration;

use mtdh_source::live::clock;
use mtdh_source::live::link::Event;
use mtdh_source::live::out::Gap;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::{GOODBYE, Made, Session, Stop};
use crate::live::events;
use crate::live::maker::Stretch;
use crate::live::session::lanes::Lanes;
use crate::live::session::waiting::{Budget, Refused, bytes_of_gaps};
use crate::live::session::{Told, Work};

/// Rows that have no room are tried again after this.
const ROOM_AGAIN: Duration = Duration::from_millis(250);

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
            self.state.gaps += gaps.iter().filter(|gap| self.told_gaps.is_new(gap)).count() as u64;
            self.turn.push(Made::Gaps(gaps));
        }
        self.state.open = 0;
        self.hand_over().await?;
        if self.state.lines > 0 {
            self.write().await?;
            let (number, at) = (self.writer.next_line(), self.later(clock::now()));
            self.writer.close(at)?;
            self.syncer.reached(self.writer.written_line());
            let line = events::word(at, "session", "ended");
            if let Some(stretch) = self.make(number, &line) {
                self.put(stretch).await?;
            }
            for sealed in self.writer.take_sealed() {
                self.send(Work::Sealed(sealed)).await?;
            }
        }
        if let Some(maker) = &self.maker {
            self.state.counts = maker.counts();
        }
        self.hand_over().await
    }

    /// Hands on what this turn of the loop made.
    pub(super) async fn hand_over(&mut self) -> Result<(), Stop> {
        let made = std::mem::take(&mut self.turn);
        if made.iter().any(|made| matches!(made, Made::Stretch(_))) {
            self.write().await?;
        }
        for made in made {
            match made {
                Made::Stretch(stretch) => self.put(stretch).await?,
                Made::Gaps(gaps) => self.put_gaps(gaps).await?,
            }
        }
        Ok(())
    }

    async fn put_gaps(&mut self, gaps: Vec<Gap>) -> Result<(), Stop> {
        let (budget, bytes) = (self.waiting.gaps().clone(), bytes_of_gaps(&gaps));
        if gaps.is_empty() {
            return Ok(());
        }
        loop {
            match budget.share(bytes) {
                Some(share) => return self.send(Work::Gaps(gaps, share)).await,
                None if self.work.is_closed() => return Err(Stop::Alone),
                // They are in the captures too.
                None if self.stop.is_cancelled() => return self.send(Work::Left).await,
                None => self.room(&budget).await,
            }
        }
    }

    /// Lets a stretch wait until it is taken. What has no room in memory goes to the disk; while that refuses, nothing is read.
    pub(super) async fn put(&mut self, mut stretch: Stretch) -> Result<(), Stop> {
        // Parts are published after their lines are on the disk: no part waits for the next time.
        self.sync();
        let mut is_told = false;
        loop {
            let waiting = self.waiting.clone();
            let put = tokio::task::spawn_blocking(move || waiting.put(stretch)).await;
            // It does not panic, and a runtime that ends has nobody who takes it.
            let Ok(put) = put else { return Err(Stop::Alone) };
            let refused = match put {
                Ok(waits) => return self.send(Work::Stretch(waits)).await,
                Err(refused) => refused,
            };
            let error;
            (stretch, error) = match refused {
                Refused::Full(stretch) => (stretch, None),
                Refused::Disk(stretch, error) => (stretch, Some(error)),
            };
            if let Some(error) = error.filter(|_| !is_told) {
                is_told = true;
                self.tell(Told::Note(format!(
                    "rows that the lake does not take have no room on the disk, so that nothing is read: {error}"
                )));
            }
            if self.work.is_closed() {
                return Err(Stop::Alone);
            }
            if self.stop.is_cancelled() {
                return self.send(Work::Left).await;
            }
            let budget = if is_told { self.waiting.rows() } else { self.waiting.gaps() }.clone();
            self.room(&budget).await;
        }
    }

    /// Waits for room, not for ever: the disk may have some again.
    async fn room(&self, budget: &Budget) {
        tokio::select! {
            () = budget.freed() => {}
            () = self.stop.cancelled() => {}
            () = tokio::time::sleep(ROOM_AGAIN) => {}
        }
    }

    pub(super) async fn send(&mut self, work: Work) -> Result<(), Stop> {
        self.work.send(work).await.map_err(|_| Stop::Alone)
    }

    pub(super) fn tell(&self, told: Told) {
        // Who does not listen misses it.
        let _missed = self.told.try_send(told);
    }
}
