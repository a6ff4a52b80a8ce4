//! The rows of captures for listeners that come back: the same lines through the same feed, also of the segment that is being written.
//!
//! A session is played from its beginning, as its rows follow from all of its lines.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Weak};

use mtdh_core::error::chain;
use mtdh_lake::Lake;
use mtdh_lake::live::{Found, Line, Piece, SegmentName, SegmentReader, found, found_venues};
use mtdh_source::live::out::Gap;
use tokio::runtime::Handle;

use super::hub::event::{GapEvent, Position, RowsEvent};
use super::hub::{Captured, Hub, Older, OlderRows};
use super::maker::Maker;
use super::placed::Placed;
use super::plan::SessionPlan;

/// Lines that are played at a time.
const STEP: usize = 256;

/// The captures of a recorder: those in its folder, and in the lake if that is another place.
pub(super) struct Captures {
    lake: Lake,
    folder: PathBuf,
    hub: Weak<Hub>,
    runtime: Handle,
}

impl Captures {
    /// The captures below the folder of all captures. Called within a runtime, by which the lake is read.
    pub fn new(lake: &Lake, folder: PathBuf, hub: &Arc<Hub>) -> Captures {
        Captures { lake: lake.clone(), folder, hub: Arc::downgrade(hub), runtime: Handle::current() }
    }

    /// Whether the lake's captures are elsewhere than the recorder's.
    fn has_others(&self) -> bool {
        self.lake.capture_folder().is_none_or(|folder| folder != self.folder)
    }

    /// The segments of a venue in the lake.
    fn in_lake(&self, venue: &str) -> Result<Vec<SegmentName>, String> {
        if !self.has_others() {
            return Ok(Vec::new());
        }
        let list = async {
            let mut names = Vec::new();
            for day in self.lake.captured_days(venue).await? {
                names.extend(self.lake.list_segments(venue, day).await?.into_iter().map(|(name, _)| name));
            }
            Ok::<_, mtdh_lake::LakeError>(names)
        };
        self.runtime.block_on(list).map_err(|error| chain(&error))
    }
}

impl Older for Captures {
    fn sessions(&self) -> Result<Vec<Captured>, String> {
        let mut venues = found_venues(&self.folder).map_err(|error| chain(&error))?;
        if self.has_others() {
            let listed = self.runtime.block_on(self.lake.captured_venues());
            venues.extend(listed.map_err(|error| chain(&error))?);
        }
        venues.sort();
        venues.dedup();
        let mut sessions: Vec<Captured> = Vec::new();
        for venue in venues {
            let local = found(&self.folder, &venue).map_err(|error| chain(&error))?;
            let mut names: Vec<SegmentName> = local.into_iter().map(|one| one.name).collect();
            names.extend(self.in_lake(&venue)?);
            names.sort();
            let exchange: Arc<str> = venue.into();
            for name in names {
                let is_known = sessions
                    .last()
                    .is_some_and(|last| last.exchange == exchange && *last.session == *name.session.as_str());
                if !is_known {
                    let session = name.session.as_str().into();
                    sessions.push(Captured { exchange: exchange.clone(), session, began: name.start_us });
                }
            }
        }
        Ok(sessions)
    }

    fn rows(&self, of: &Captured) -> Box<dyn OlderRows> {
        let captures = Captures {
            lake: self.lake.clone(),
            folder: self.folder.clone(),
            hub: self.hub.clone(),
            runtime: self.runtime.clone(),
        };
        Box::new(Rows {
            captures,
            of: of.clone(),
            number: 0,
            segment: None,
            maker: None,
            placed: Placed::default(),
            ready: VecDeque::new(),
            gaps: Vec::new(),
        })
    }
}

/// The rows of a session.
struct Rows {
    captures: Captures,
    of: Captured,
    /// The number of the segment that is read, or of the next one.
    number: u32,
    segment: Option<Segment>,
    maker: Option<Maker>,
    placed: Placed,
    ready: VecDeque<RowsEvent>,
    gaps: Vec<(i64, GapEvent)>,
}

/// A segment that is read.
struct Segment {
    reader: SegmentReader,
    /// Where it is, while it is in the recorder's folder; `None`: it was read from the lake whole.
    found: Option<Found>,
    /// Bytes of it that the reader has.
    bytes: u64,
}

impl OlderRows for Rows {
    fn next(&mut self) -> Result<Option<RowsEvent>, String> {
        loop {
            if let Some(rows) = self.ready.pop_front() {
                return Ok(Some(rows));
            }
            if self.segment.is_none() && !self.open()? {
                return Ok(None);
            }
            if self.play()? == 0 && !self.go_on()? {
                return Ok(None);
            }
        }
    }

    fn gaps(&mut self) -> Vec<(i64, GapEvent)> {
        std::mem::take(&mut self.gaps)
    }
}

impl Rows {
    /// Opens the segment of the number; false: there is none yet.
    fn open(&mut self) -> Result<bool, String> {
        let captures = &self.captures;
        let is_of = |name: &SegmentName| name.session.as_str() == &*self.of.session;
        let local = found(&captures.folder, &self.of.exchange).map_err(|error| chain(&error))?;
        let mut is_behind = local.iter().any(|one| is_of(&one.name) && one.name.number > self.number);
        let local = local.into_iter().find(|one| is_of(&one.name) && one.name.number == self.number);
        if let Some(found) = local
            && let Some(so_far) = found.read().map_err(|error| chain(&error))?
        {
            let bytes = so_far.bytes.len() as u64;
            // A header that is not there yet is there in a moment.
            let Some(reader) = so_far.reader().map_err(|error| chain(&error))? else { return Ok(false) };
            self.segment = Some(Segment { reader, found: Some(found), bytes });
            return self.begin().map(|()| true);
        }
        let in_lake = captures.in_lake(&self.of.exchange)?;
        is_behind |= in_lake.iter().any(|name| is_of(name) && name.number > self.number);
        let name = in_lake.into_iter().find(|name| is_of(name) && name.number == self.number);
        if let Some(name) = name {
            let read = captures.runtime.block_on(captures.lake.read_segment(&name));
            if let Some(reader) = read.map_err(|error| chain(&error))? {
                self.segment = Some(Segment { reader, found: None, bytes: 0 });
                return self.begin().map(|()| true);
            }
        }
        match is_behind || self.number == 0 {
            true => Err(format!("session {} lacks segment {}", self.of.session, self.number)),
            false => Ok(false),
        }
    }

    /// Begins the session with its first segment.
    fn begin(&mut self) -> Result<(), String> {
        let Some(segment) = self.segment.as_ref().filter(|_| self.maker.is_none()) else { return Ok(()) };
        let plan = SessionPlan::parse(&segment.reader.header().session.plan);
        let unread = || format!("session {} has a plan of another program", self.of.session);
        let plan = plan.ok_or_else(unread)?;
        let mut maker = Maker::new(plan.venue().ok_or_else(unread)?, &plan);
        maker.follow();
        self.maker = Some(maker);
        Ok(())
    }

    /// Plays the next lines: how many there were.
    fn play(&mut self) -> Result<usize, String> {
        let (Some(segment), Some(maker)) = (&mut self.segment, &mut self.maker) else { return Ok(0) };
        let mut lines = 0;
        while lines < STEP {
            let is_open = !segment.reader.is_sealed();
            match segment.reader.next().map_err(|error| chain(&error))? {
                Some(Piece::Line(number, line)) => {
                    for gap in take(maker, &mut self.placed, number, &line) {
                        let key = gap.symbol.as_deref().map(|symbol| maker.key(symbol).as_str().into());
                        let position = Position { session: self.of.session.clone(), line: number };
                        let exchange = self.of.exchange.clone();
                        self.gaps.push((line.arrived, GapEvent { exchange, key, gap, position }));
                    }
                }
                // A frame that is being written.
                Some(Piece::Lost(lost)) if lost.is_tail() && is_open => break,
                Some(Piece::Lost(lost)) => {
                    return Err(format!("session {} lacks line {}", self.of.session, lost.first_line));
                }
                None => break,
            }
            lines += 1;
        }
        if lines > 0 {
            self.give_out();
        }
        Ok(lines)
    }

    /// Places the rows that were made.
    fn give_out(&mut self) {
        let (Some(maker), Some(hub)) = (&mut self.maker, self.captures.hub.upgrade()) else { return };
        maker.collect();
        for taken in maker.taken() {
            let batches: std::collections::HashMap<_, _> =
                taken.batches.into_iter().map(|(stream, batch)| (stream, Arc::new(batch))).collect();
            for group in &taken.groups {
                let (line, arrived) = self.placed.next();
                let Some(batch) = batches.get(&group.stream) else { continue };
                let name = maker.machine.name(group.stream).clone();
                let key = maker.key(&name.symbol);
                self.ready.push_back(RowsEvent {
                    stream: hub.older_stream(&self.of.exchange, &name.symbol, name.data_type, key.as_str()),
                    batch: batch.clone(),
                    first: group.first as usize,
                    rows: group.rows as usize,
                    arrived,
                    position: Position { session: self.of.session.clone(), line },
                });
            }
        }
        maker.forget();
    }

    /// Goes on behind what was read: with what was written since, or the next segment. False: there is nothing yet.
    fn go_on(&mut self) -> Result<bool, String> {
        let Some(segment) = &mut self.segment else { return Ok(true) };
        if !segment.reader.is_sealed()
            && let Some(found) = &segment.found
        {
            let gone = || format!("session {} lacks segment {}", self.of.session, self.number);
            if found.length().ok_or_else(gone)? == (segment.bytes, false) {
                return Ok(false);
            }
            let so_far = found.read().map_err(|error| chain(&error))?.ok_or_else(gone)?;
            let has_grown = so_far.bytes.len() as u64 != segment.bytes || so_far.is_sealed;
            segment.bytes = so_far.bytes.len() as u64;
            segment.reader.grow(so_far.bytes);
            return Ok(has_grown);
        }
        if segment.reader.is_last() {
            return Ok(false);
        }
        (self.segment, self.number) = (None, self.number + 1);
        Ok(true)
    }
}

/// Takes a line as the session did that wrote it. What it tells to be lost.
fn take(maker: &mut Maker, placed: &mut Placed, number: u64, line: &Line<'_>) -> Vec<Gap> {
    maker.pass_to(line.arrived);
    placed.passed(maker.groups());
    let ended = maker.line(number, line);
    placed.came(number, line.arrived, maker.groups());
    // What the feed wanted was done when the lines were recorded.
    let _done = maker.take_todo();
    let mut gaps = ended.map(|stretch| stretch.gaps).unwrap_or_default();
    gaps.extend(maker.take_gaps());
    gaps
}

#[cfg(test)]
mod tests;
