//! The work of a recorder at the end of each day.

use std::time::Duration;

use mtdh_core::Day;
use mtdh_lake::Lake;
use mtdh_source::live::clock;
use tokio_util::sync::CancellationToken;

use super::{Progress, Tell};
use crate::live::rebuild::finish_day;
use crate::live::session::Told;

/// So long after midnight a day's objects are made, microseconds: its last parts are there.
const AFTER_MIDNIGHT: i64 = 5 * 60 * 1_000_000;

/// Makes the objects of days that are over: those of the days before, then each day's after its end.
pub(super) async fn finish_days(lake: Lake, tell: Tell, stop: CancellationToken) {
    let mut done: Option<Day> = None;
    loop {
        let Some(today) = Day::containing_us(clock::now() - AFTER_MIDNIGHT) else { return };
        let first = done.map_or_else(|| today.plus(-DAYS_BACK), Day::next);
        let mut day = first;
        while day < today {
            let (made, failed) = match finish_day(&lake, day).await {
                Ok(finished) => finished,
                Err(error) => (0, vec![mtdh_core::error::chain(&error)]),
            };
            if made > 0 {
                tracing::info!(%day, made, "the day's objects were made of their parts");
            }
            for text in failed {
                tell(Progress { exchange: "lake", told: Told::Note(text) });
            }
            day = day.next();
        }
        done = Some(today.previous());
        let next = today.next().start_us() + AFTER_MIDNIGHT - clock::now();
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(Duration::from_micros(u64::try_from(next).unwrap_or(0)) + Duration::from_secs(1)) => {}
        }
    }
}

/// Days before today whose parts are looked for at the start.
const DAYS_BACK: i64 = 7;
