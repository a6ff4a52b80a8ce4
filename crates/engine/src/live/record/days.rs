//! The work of a recorder at the end of each day.

use std::path::PathBuf;
use std::time::Duration;

use mtdh_core::Day;
use mtdh_lake::Lake;
use mtdh_source::live::clock;
use tokio_util::sync::CancellationToken;

use super::claim::{Seen, all_brought};
use super::prune::prune;
use super::{Progress, Tell};
use crate::live::rebuild::finish_day;
use crate::live::session::Told;

/// So long after midnight a day's objects are made, microseconds: its last parts are there.
const AFTER_MIDNIGHT: i64 = 5 * 60 * 1_000_000;

/// What is done at the end of each day.
#[derive(Clone)]
pub(super) struct Days {
    pub lake: Lake,
    /// Where captures are written.
    pub folder: PathBuf,
    /// Captures are kept for so many days; `None`: for ever.
    pub keep_days: Option<u32>,
    pub tell: Tell,
}

impl Days {
    /// Makes the objects of days that are over: those of the days before, then each day's after its end. Then captures that are no longer
    /// needed are removed.
    pub async fn run(self, stop: CancellationToken) {
        let mut done: Option<Day> = None;
        loop {
            let Some(today) = Day::containing_us(clock::now() - AFTER_MIDNIGHT) else { return };
            let first = done.map_or_else(|| today.plus(-DAYS_BACK), Day::next);
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.all_there(today) => {}
            }
            let mut day = first;
            while day < today {
                self.finish(day).await;
                day = day.next();
            }
            if let Some(keep_days) = self.keep_days {
                match prune(&self.lake, &self.folder, keep_days, today).await {
                    Ok(told) => told.into_iter().for_each(|text| self.note(text)),
                    Err(error) => self.note(mtdh_core::error::chain(&error)),
                }
            }
            done = Some(today.previous());
            let next = today.next().start_us() + AFTER_MIDNIGHT - clock::now();
            let next = Duration::from_micros(u64::try_from(next).unwrap_or(0)) + Duration::from_secs(1);
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(next) => {}
            }
        }
    }

    /// Makes the objects of a day.
    pub async fn finish(&self, day: Day) {
        let (made, failed) = match finish_day(&self.lake, day).await {
            Ok(finished) => finished,
            Err(error) => (0, vec![mtdh_core::error::chain(&error)]),
        };
        if made > 0 {
            tracing::info!(%day, made, "the day's objects were made of their parts");
        }
        failed.into_iter().for_each(|text| self.note(text));
    }

    /// Waits until all recorders of the lake have brought there what they recorded before a day: a part that comes after its day's object
    /// is not in it.
    async fn all_there(&self, day: Day) {
        let mut seen = Seen::new();
        loop {
            match all_brought(&self.lake, &mut seen).await {
                Ok(brought) if brought >= day.start_us() => return,
                Ok(_) => {
                    tracing::info!(%day, "a recorder's rows of the day before are not all in the lake yet")
                }
                Err(error) => {
                    let error = mtdh_core::error::chain(&error);
                    tracing::warn!(error, "the lake does not say whether a day's rows are all there");
                }
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    fn note(&self, text: String) {
        (self.tell)(Progress { exchange: "lake", told: Told::Note(text) });
    }
}

/// What is not there yet is looked for again after this.
const AGAIN: Duration = Duration::from_secs(5);

/// Days before today whose parts are looked for at the start.
const DAYS_BACK: i64 = 7;
