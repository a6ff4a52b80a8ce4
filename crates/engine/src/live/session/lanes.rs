//! The links of a session, by lane.

use std::collections::BTreeMap;

use mtdh_source::live::link::{COMMANDS, Command, Doors, Event, Link};
use mtdh_source::live::out::Send;
use tokio::sync::mpsc;

use super::{Settings, url};
use crate::live::LiveError;

/// The links of a session.
pub(super) struct Lanes {
    doors: Doors,
    events: mpsc::Sender<(u32, Event)>,
    lanes: BTreeMap<u32, One>,
    next: u32,
}

struct One {
    connection: u32,
    commands: mpsc::Sender<Command>,
    is_open: bool,
}

impl Lanes {
    pub fn new(settings: &Settings, events: mpsc::Sender<(u32, Event)>) -> Lanes {
        Lanes { doors: Doors::new(&settings.rules), events, lanes: BTreeMap::new(), next: 0 }
    }

    /// Opens a link for a connection, unless two are there already.
    pub fn open(&mut self, settings: &Settings, connection: u32) -> Result<(), LiveError> {
        if self.lanes.values().filter(|one| one.connection == connection).count() >= 2 {
            return Ok(());
        }
        let number = self.next;
        self.next += 1;
        let (to, commands) = mpsc::channel(COMMANDS);
        let link = Link {
            number,
            url: url(settings, connection)?,
            rules: settings.rules.clone(),
            doors: self.doors.clone(),
            events: self.events.clone(),
            commands,
        };
        self.lanes.insert(number, One { connection, commands: to, is_open: false });
        tokio::spawn(link.run());
        Ok(())
    }

    pub fn connection(&self, lane: u32) -> Option<u32> {
        self.lanes.get(&lane).map(|one| one.connection)
    }

    pub fn set_open(&mut self, lane: u32, is_open: bool) {
        if let Some(one) = self.lanes.get_mut(&lane) {
            one.is_open = is_open;
        }
    }

    /// Connections that are open.
    pub fn open_connections(&self) -> u32 {
        let open: std::collections::BTreeSet<u32> =
            self.lanes.values().filter(|one| one.is_open).map(|one| one.connection).collect();
        open.len() as u32
    }

    pub fn send(&mut self, lane: u32, send: Send) {
        self.command(lane, Command::Send(send));
    }

    pub fn reconnect(&mut self, lane: u32, reason: String) {
        self.command(lane, Command::Reconnect(reason));
    }

    /// Ends a link for good.
    pub fn end(&mut self, lane: u32) {
        self.command(lane, Command::End);
        self.lanes.remove(&lane);
    }

    pub fn end_all(&mut self) {
        for lane in self.lanes.keys().copied().collect::<Vec<_>>() {
            self.command(lane, Command::End);
        }
    }

    pub fn gone(&mut self, lane: u32) {
        self.lanes.remove(&lane);
    }

    pub fn is_empty(&self) -> bool {
        self.lanes.is_empty()
    }

    fn command(&mut self, lane: u32, command: Command) {
        let Some(one) = self.lanes.get(&lane) else { return };
        if let Err(error) = one.commands.try_send(command) {
            // A link takes commands between any two messages. One that does not is gone or stuck, and its silence ends it.
            tracing::warn!(lane, %error, "a connection takes no commands");
        }
    }
}
