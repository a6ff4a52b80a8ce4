//! Lines on their way to the disk, and the ends of parts.

use std::time::Duration;

use mtdh_source::live::clock;
use tokio::time::Instant;

use super::{Session, Stop};
use crate::live::events::{self, session_gap};
use crate::live::session::lanes::Lanes;
use crate::live::session::{Told, Work};

/// A disk that refuses is tried again after this.
const DISK_AGAIN: Duration = Duration::from_millis(250);
/// A disk that refuses for so long ends the session.
const DISK_PATIENCE: Duration = Duration::from_secs(60);

impl Session {
    /// Hands the lines to the system. While the disk refuses, nothing is read.
    pub(super) async fn write(&mut self) -> Result<(), Stop> {
        let (from, since) = (clock::now(), Instant::now());
        let mut is_told = false;
        while let Err(error) = self.writer.write() {
            if !is_told {
                is_told = true;
                self.tell(Told::Note(format!(
                    "the capture cannot be written, so that nothing is read: {}",
                    mtdh_core::error::chain(&error)
                )));
            }
            if since.elapsed() >= DISK_PATIENCE || self.stop.is_cancelled() {
                return Err(error.into());
            }
            tokio::time::sleep(DISK_AGAIN).await;
        }
        if is_told {
            self.lost(session_gap("overload", from, clock::now(), "the disk refused".to_owned()))?;
        }
        if self.settings.durable.is_zero() {
            self.writer.sync()?;
        }
        for sealed in self.writer.take_sealed() {
            self.hand_on_slowly(Work::Sealed(sealed)).await?;
        }
        Ok(())
    }

    /// Ends a part of the rows.
    pub(super) async fn part(&mut self) -> Result<(), Stop> {
        if self.state.lines == 0 {
            return Ok(());
        }
        let at = self.later(clock::now());
        let line = events::word(at, events::PART, "");
        let number = self.writer.append(&line)?;
        self.state.lines = number + 1;
        let stretch = self.make(number, &line);
        self.write().await?;
        self.writer.seal_if_old(clock::now())?;
        match stretch {
            Some(stretch) => self.hand_on_slowly(Work::Stretch(stretch, None)).await,
            None => Ok(()),
        }
    }

    pub(super) async fn each_second(&mut self, lanes: &Lanes) -> Result<(), Stop> {
        if let Some(step) = self.steps.step() {
            let now = clock::now();
            self.lost(session_gap(
                "clock",
                now,
                now,
                format!("the clock was set by {:.3} s", step as f64 / 1e6),
            ))?;
        }
        if let Some(sync) = &self.sync
            && let Some(file) = self.writer.to_sync()?
        {
            // While the thread is still at it, the next second brings the rest along.
            let _busy = sync.try_send(file);
        }
        self.state.open = lanes.open_connections();
        self.tell(Told::State(self.state));
        if let Some(publisher) = &mut self.publisher {
            publisher.health(&self.state, self.ended.is_capture_only);
        }
        Ok(())
    }
}

/// A thread that brings files to the disk, so that no message waits for it; `None`: the session does that itself.
pub(super) fn syncer(durable: Duration) -> Option<std::sync::mpsc::SyncSender<std::fs::File>> {
    if durable.is_zero() {
        return None;
    }
    let (to, files) = std::sync::mpsc::sync_channel::<std::fs::File>(1);
    let sync = move || {
        for file in files {
            if let Err(error) = file.sync_data() {
                tracing::warn!(%error, "the capture could not be brought to the disk");
            }
        }
    };
    match std::thread::Builder::new().name("live sync".to_owned()).spawn(sync) {
        Ok(_) => Some(to),
        Err(_) => None,
    }
}
