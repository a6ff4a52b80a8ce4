//! What arrives becomes a line of the capture, then rows.

use mtdh_lake::live::{CaptureError, Kind, Line};
use mtdh_source::live::clock;
use mtdh_source::live::link::{Event, Stamped};
use mtdh_source::live::out::Gap;
use mtdh_source::live::rest::Answer;
use mtdh_source::live::socket::Arrived;

use super::{Made, Session, Stop};
use crate::live::events::{self, session_gap};
use crate::live::machine::Input;
use crate::live::maker::Stretch;
use crate::live::session::Told;
use crate::live::session::lanes::Lanes;

impl Session {
    /// Takes what a link tells.
    pub(super) fn event(&mut self, lanes: &mut Lanes, lane: u32, event: Event) -> Result<(), Stop> {
        match event {
            Event::Arrived(batch) => {
                for Stamped { at, what } in batch {
                    let input = match &what {
                        Arrived::Data(bytes) => Input::Data { lane, bytes },
                        Arrived::Ping => Input::Ping { lane },
                        Arrived::Pong => Input::Pong { lane },
                    };
                    self.state.last = Some(at);
                    if let (Arrived::Data(_), Some(publisher)) = (&what, &mut self.publisher) {
                        publisher.works();
                    }
                    self.take(at, &input, "")?;
                }
            }
            Event::Opened { at } => {
                lanes.set_open(lane, true);
                if let Some(connection) = lanes.connection(lane) {
                    self.take(at, &Input::Opened { lane, connection }, "")?;
                }
            }
            Event::Closed { at, reason } => {
                lanes.set_open(lane, false);
                let by_us = reason == mtdh_source::live::link::ENDED_HERE;
                self.take(at, &Input::Closed { lane, by_us }, &reason)?;
                if !by_us {
                    self.tell(Told::Note(format!("a connection ended: {reason}")));
                    self.publish_disconnect(at, lanes.connection(lane));
                }
            }
            Event::Sent { at, text } => {
                if let Some(text) = text {
                    let raw = text.into_bytes().into();
                    self.append(&Line { arrived: at, connection: Some(lane), kind: Kind::Sent, raw })?;
                }
            }
            Event::NotOpened { reason, wait } => {
                self.tell(Told::Note(format!("{reason}; next attempt in {:.1} s", wait.as_secs_f64())));
                self.state.open = lanes.open_connections();
                if let Some(publisher) = &mut self.publisher {
                    publisher.failed(&self.state, self.ended.is_capture_only, reason);
                }
            }
            Event::GaveUp { status, reason } => {
                self.ended.given_up.push(format!("{reason} (status {status}, three times)"));
                lanes.gone(lane);
            }
            Event::Ending => {
                if let Some(connection) = lanes.connection(lane) {
                    lanes.open(&self.settings, connection).map_err(Stop::Failed)?;
                }
            }
            Event::Overloaded { from, to } => {
                let detail = "rows or the disk could not keep up; nothing was read meanwhile".to_owned();
                self.lost(session_gap("overload", from, to, detail))?;
            }
        }
        Ok(())
    }

    pub(super) fn answer(&mut self, answer: &Answer) -> Result<(), Stop> {
        let Answer { name, status, body, at } = answer;
        self.take(*at, &Input::Answer { name, status: *status, body }, "")
    }

    /// Writes the line of something that happened, and makes of it what it makes.
    pub(super) fn take(&mut self, at: i64, input: &Input<'_>, reason: &str) -> Result<(), Stop> {
        match events::line(self.later(at), input, reason) {
            Some(line) => self.append(&line),
            None => Ok(()),
        }
    }

    pub(super) fn mark(&mut self, word: &str, more: &str) -> Result<(), Stop> {
        let at = self.later(clock::now());
        self.append(&events::word(at, word, more))
    }

    pub(super) fn lost(&mut self, gap: Gap) -> Result<(), Stop> {
        let at = self.later(clock::now());
        self.append(&events::gap(at, &gap))?;
        self.state.gaps += u64::from(self.told_gaps.is_new(&gap));
        if let Some(publisher) = &mut self.publisher {
            publisher.lost(&gap);
        }
        self.turn.push(Made::Gaps(vec![gap]));
        Ok(())
    }

    /// Times of lines never fall.
    pub(super) fn later(&mut self, at: i64) -> i64 {
        self.last_at = self.last_at.max(at);
        self.last_at
    }

    pub(super) fn append(&mut self, line: &Line<'_>) -> Result<(), Stop> {
        let arrived = self.later(line.arrived);
        let line =
            Line { arrived, connection: line.connection, kind: line.kind, raw: line.raw.as_ref().into() };
        let number = match self.writer.append(&line) {
            Err(CaptureError::Full(_)) => {
                self.writer.write()?;
                self.writer.append(&line)?
            }
            other => other?,
        };
        self.state.lines = number + 1;
        if let Some(stretch) = self.make(number, &line) {
            self.turn.push(Made::Stretch(stretch));
        }
        Ok(())
    }

    /// Makes of a line of the capture what it makes: the same as whoever reads the capture.
    pub(super) fn make(&mut self, number: u64, line: &Line<'_>) -> Option<Stretch> {
        let maker = self.maker.as_mut()?;
        let Some(publisher) = &mut self.publisher else { return maker.line(number, line) };
        maker.pass_to(line.arrived);
        publisher.passed(maker.groups());
        let stretch = maker.line(number, line);
        publisher.came(number, line.arrived, maker.groups());
        stretch
    }
}
