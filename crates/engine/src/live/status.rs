//! What recordings wrote, from the lake's files alone: whether they run, how far they are, what they lost.

use mtdh_core::{DataType, Day};
use mtdh_lake::Lake;
use mtdh_lake::live::{Piece, SessionId};
use serde::Serialize;

use crate::EngineError;

/// A venue's newest session.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct VenueStatus {
    /// The vendor's exchange id.
    pub exchange: String,
    /// The newest session.
    pub session: String,
    /// Its newest sealed segment's last line arrived then, microseconds since the Unix epoch, UTC; `None`: it has no line.
    pub last_us: Option<i64>,
    /// How long ago that was, seconds.
    pub age_seconds: Option<i64>,
    /// How long after the exchange's time of its row the last row arrived, in the newest part of the data type that is most behind,
    /// microseconds; the difference of the clocks is in it. `None`: there is no part of the session.
    pub lag_us: Option<i64>,
    /// Lines up to there.
    pub lines: u64,
    /// Whether the session ended in good order. One that did not is running, or was killed.
    pub is_ended: bool,
    /// Gaps of the day, in all sessions.
    pub gaps: u64,
    /// Of these, gaps that have not ended.
    pub open_gaps: u64,
    /// The latest gap's kind and detail.
    pub last_gap: Option<String>,
}

/// The newest session of each venue that the lake has captures of.
///
/// # Errors
/// If the lake cannot be read.
pub async fn status(lake: &Lake, now: i64) -> Result<Vec<VenueStatus>, EngineError> {
    let mut venues = Vec::new();
    for exchange in lake.captured_venues().await? {
        if let Some(status) = of_venue(lake, &exchange, now).await? {
            venues.push(status);
        }
    }
    Ok(venues)
}

/// The newest session of a venue; `None`: the lake has no captures of it.
///
/// # Errors
/// If the lake cannot be read.
pub(super) async fn of_venue(
    lake: &Lake,
    exchange: &str,
    now: i64,
) -> Result<Option<VenueStatus>, EngineError> {
    let mut days: Vec<Day> = lake.captured_days(exchange).await?;
    days.sort_unstable();
    let mut status = VenueStatus { exchange: exchange.to_owned(), ..VenueStatus::default() };
    for day in days.into_iter().rev() {
        let segments = lake.list_segments(exchange, day).await?;
        let Some((name, _)) =
            segments.into_iter().max_by_key(|(name, _)| (name.session.clone(), name.number))
        else {
            continue;
        };
        status.session = name.session.to_string();
        if let Some(mut reader) = lake.read_segment(&name).await? {
            status.is_ended = reader.is_last();
            let failed = |source| super::LiveError::Capture { exchange: exchange.to_owned(), source };
            while let Some(piece) = reader.next().map_err(failed)? {
                if let Piece::Line(number, line) = piece {
                    status.last_us = Some(line.arrived);
                    status.lines = number + 1;
                }
            }
        }
        status.lag_us = lag(lake, day, &name.session).await?;
        status.age_seconds = status.last_us.map(|last| (now - last) / 1_000_000);
        let gaps = lake.gaps(day, exchange).await?;
        status.gaps = gaps.len() as u64;
        status.open_gaps =
            gaps.iter().filter(|gap| gap.from_us == gap.to_us && gap.kind == "disconnect").count() as u64;
        let last = gaps.iter().max_by_key(|gap| gap.from_us);
        status.last_gap = last.map(|gap| format!("{} {}", gap.kind, gap.detail).trim().to_owned());
        return Ok(Some(status));
    }
    Ok(None)
}

/// The lag of a session by its newest parts of a day.
async fn lag(lake: &Lake, day: Day, session: &SessionId) -> Result<Option<i64>, EngineError> {
    let mut most = None;
    for data_type in DataType::ALL {
        let parts = lake.list_parts_of_day(day, data_type).await?.into_iter();
        let newest = parts.filter(|(part, _)| part.session == *session).max_by_key(|(part, _)| part.last);
        let Some((_, entry)) = newest else { continue };
        let tally = lake.footer(&entry).await?.facts.tally;
        let lag = tally.local_timestamp.zip(tally.timestamp).map(|(arrived, sent)| arrived.1 - sent.1);
        most = most.max(lag);
    }
    Ok(most)
}
