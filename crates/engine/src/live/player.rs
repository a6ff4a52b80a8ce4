//! Rows of a session's captures once more: the same lines through the same feed, whenever.

use mtdh_core::Day;
use mtdh_lake::Lake;
use mtdh_lake::live::{Line, Piece, SegmentName, SegmentReader, SessionId};

use super::LiveError;
use super::machine::Counts;
use super::maker::{Maker, Stretch};
use super::parts::Of;
use super::plan::SessionPlan;
use crate::EngineError;

/// A session as its captures have it.
#[derive(Clone)]
pub struct Played {
    /// Which session, of which venue and plan.
    pub of: Of,
    /// Its plan.
    pub plan: SessionPlan,
}

/// Plays a session's segments in order.
pub struct Player {
    maker: Option<(Played, Maker)>,
    next: Option<(u32, u64)>,
}

impl Player {
    /// A player before the first segment.
    pub fn new() -> Player {
        Player { maker: None, next: None }
    }

    /// The session; `None`: no segment was played yet.
    pub fn played(&self) -> Option<&Played> {
        self.maker.as_ref().map(|(played, _)| played)
    }

    /// Counts since the start.
    pub fn counts(&self) -> Counts {
        self.maker.as_ref().map_or_else(Counts::default, |(_, maker)| maker.machine.counts())
    }

    /// Plays a segment. Gives out each stretch of lines that ended.
    ///
    /// # Errors
    /// If a segment before it was left out, or it cannot be read.
    pub fn segment(
        &mut self,
        reader: &mut SegmentReader,
        stretches: &mut Vec<Stretch>,
    ) -> Result<(), LiveError> {
        let header = reader.header().clone();
        let session = header.session.id.clone();
        let expected = self.next.map_or(0, |(number, _)| number);
        if header.number != expected {
            return Err(LiveError::Hole {
                exchange: header.session.venue.clone(),
                session: session.to_string(),
                number: expected,
            });
        }
        if self.maker.is_none() {
            let plan = SessionPlan::parse(&header.session.plan);
            let plan = plan.ok_or_else(|| LiveError::Plan { session: session.to_string() })?;
            let venue = plan
                .venue()
                .ok_or_else(|| LiveError::NoFeed { exchange: plan.exchange.clone(), known: known() })?;
            let of = Of { venue, session, plan_hash: header.session.plan_hash() };
            let maker = Maker::new(venue, &plan);
            self.maker = Some((Played { of, plan }, maker));
        }
        let Some((_, maker)) = &mut self.maker else { return Ok(()) };
        let failed = |source| LiveError::Capture { exchange: header.session.venue.clone(), source };
        while let Some(piece) = reader.next().map_err(failed)? {
            if let Piece::Line(number, line) = piece {
                step(maker, number, &line, stretches);
            }
        }
        self.next = Some((header.number + 1, reader.next_line()));
        Ok(())
    }

    /// The session has no further line.
    pub fn end(&mut self, stretches: &mut Vec<Stretch>) {
        if let Some((_, maker)) = &mut self.maker {
            maker.collect();
            stretches.extend(maker.cut());
        }
    }
}

impl Default for Player {
    fn default() -> Player {
        Player::new()
    }
}

/// Takes a line as a session does.
pub(super) fn step(maker: &mut Maker, number: u64, line: &Line<'_>, stretches: &mut Vec<Stretch>) {
    stretches.extend(maker.line(number, line));
    // What the feed wanted was done when the lines were recorded.
    let _done = maker.take_todo();
    if maker.machine.rows() >= ROWS {
        maker.collect();
    }
}

/// Rows are moved to their stretch when so many wait.
const ROWS: usize = 8192;

/// The exchanges whose feeds can be read.
pub(super) fn known() -> Vec<&'static str> {
    mtdh_source::live::venues::all().iter().map(|venue| venue.exchange()).collect()
}

/// The segments of the sessions that have any on a day, from each session's beginning, by session and number.
///
/// # Errors
/// When the store cannot be listed.
pub async fn sessions_of_day(
    lake: &Lake,
    venue: &str,
    day: Day,
) -> Result<Vec<(SessionId, Vec<SegmentName>)>, EngineError> {
    let of_day: Vec<SessionId> =
        lake.list_segments(venue, day).await?.into_iter().map(|(name, _)| name.session).collect();
    let mut segments = Vec::new();
    for of in lake.captured_days(venue).await?.into_iter().filter(|of| *of <= day) {
        let names = lake.list_segments(venue, of).await?.into_iter().map(|(name, _)| name);
        segments.extend(names.filter(|name| of_day.contains(&name.session)));
    }
    Ok(by_session(segments))
}

/// Segments by session, in order.
pub fn by_session(mut segments: Vec<SegmentName>) -> Vec<(SessionId, Vec<SegmentName>)> {
    segments.sort();
    let mut sessions: Vec<(SessionId, Vec<SegmentName>)> = Vec::new();
    for name in segments {
        match sessions.last_mut() {
            Some((session, names)) if *session == name.session => names.push(name),
            _ => sessions.push((name.session.clone(), vec![name])),
        }
    }
    sessions
}
