//! Lines on their way to the disk, and the ends of parts.

use std::fs::File;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use mtdh_lake::live::CaptureError;
use mtdh_source::live::clock;
use tokio::sync::watch;
use tokio::time::Instant;

use super::{Session, Stop};
use crate::live::events::{self, session_gap};
use crate::live::session::lanes::Lanes;
use crate::live::session::{Sync, Told, Work};

/// A disk that refuses is tried again after this.
const DISK_AGAIN: Duration = Duration::from_millis(250);
/// It is told so often that the disk refuses.
const TOLD_AGAIN: Duration = Duration::from_secs(60);

impl Session {
    /// Hands the lines to the system. While the disk refuses, nothing is read, however long: what was read is still in memory.
    pub(super) async fn write(&mut self) -> Result<(), Stop> {
        let from = clock::now();
        let mut told = None::<Instant>;
        while let Err(error) = self.write_now() {
            if told.is_none_or(|told| told.elapsed() >= TOLD_AGAIN) {
                told = Some(Instant::now());
                self.tell(Told::Note(format!(
                    "the capture cannot be written, so that nothing is read: {}",
                    mtdh_core::error::chain(&error)
                )));
            }
            if self.stop.is_cancelled() {
                return Err(error.into());
            }
            tokio::time::sleep(DISK_AGAIN).await;
        }
        if told.is_some() {
            self.lost(session_gap("overload", from, clock::now(), "the disk refused".to_owned()))?;
        }
        for sealed in self.writer.take_sealed() {
            self.syncer.reached(sealed.first_line + sealed.lines);
            self.send(Work::Sealed(sealed)).await?;
        }
        Ok(())
    }

    fn write_now(&mut self) -> Result<(), CaptureError> {
        self.writer.write()?;
        self.is_unsynced = true;
        if self.settings.durable.is_zero() {
            self.writer.sync()?;
            self.syncer.reached(self.writer.written_line());
        }
        Ok(())
    }

    /// Has what was handed to the system brought to the disk, and waits for nothing. While the disk is still at what came before, the next
    /// time brings this along.
    pub(super) fn sync(&mut self) {
        let line = self.writer.written_line();
        match self.writer.to_sync() {
            Ok(Some(file)) => self.is_unsynced = !self.syncer.begin(file, line),
            Ok(None) => {
                self.is_unsynced = false;
                self.syncer.reached(line);
            }
            Err(error) => {
                self.is_unsynced = true;
                tracing::warn!(%error, "the capture could not be brought to the disk");
            }
        }
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
        if let Err(error) = self.writer.seal_if_old(clock::now()) {
            tracing::warn!(%error, "a segment could not be sealed");
        }
        // Goes on with the seal where it failed.
        self.write().await?;
        match stretch {
            Some(stretch) => self.put(stretch).await,
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
        self.state.open = lanes.open_connections();
        self.tell(Told::State(self.state));
        if let Some(publisher) = &mut self.publisher {
            publisher.health(&self.state, self.ended.is_capture_only);
        }
        Ok(())
    }
}

/// Brings files to the disk on a thread of its own, so that no message waits for it.
pub(super) struct Syncer {
    sync: Sync,
    durable: watch::Sender<u64>,
    thread: Option<SyncSender<(File, u64)>>,
}

impl Syncer {
    /// `durable` is told the number of the first line that is not on the disk.
    pub fn new(sync: Sync, durable: watch::Sender<u64>) -> Syncer {
        let (to, files) = std::sync::mpsc::sync_channel::<(File, u64)>(1);
        let reached = durable.clone();
        let work = move || files.into_iter().for_each(|(file, line)| bring(sync, &file, line, &reached));
        let thread = std::thread::Builder::new().name("live sync".to_owned()).spawn(work);
        Syncer { sync, durable, thread: thread.is_ok().then_some(to) }
    }

    /// Begins to bring a file to the disk, which then has all lines before this one. False: the thread is busy.
    pub fn begin(&self, file: File, line: u64) -> bool {
        match &self.thread {
            Some(thread) => thread.try_send((file, line)).is_ok(),
            // A machine that gives no thread.
            None => {
                bring(self.sync, &file, line, &self.durable);
                true
            }
        }
    }

    /// All lines before this one are on the disk.
    pub fn reached(&self, line: u64) {
        reach(&self.durable, line);
    }
}

fn bring(sync: Sync, file: &File, line: u64, durable: &watch::Sender<u64>) {
    match sync(file) {
        Ok(()) => reach(durable, line),
        Err(error) => tracing::warn!(%error, "the capture could not be brought to the disk"),
    }
}

fn reach(durable: &watch::Sender<u64>, line: u64) {
    durable.send_if_modified(|before| std::mem::replace(before, line.max(*before)) < line);
}
