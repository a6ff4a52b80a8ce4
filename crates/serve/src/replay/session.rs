//! From rows to messages: what is sent as it is, and what is computed from it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use mtdh_core::book::{LevelChange, OrderBook};

use super::bars::{BarTrade, Bars};
use super::kind::{Kind, Wanted};
use super::rows::Rows;
use super::snapshots::{Snapshots, write_levels};
use super::text::{Lines, Stamp};

/// An instrument as messages name it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Named {
    /// The exchange's own symbol, upper case.
    pub(super) symbol: String,
    /// The vendor's id of the exchange.
    pub(super) exchange: String,
}

/// What arrived of an instrument.
pub(super) enum Event {
    /// A row that is a message.
    Row(Arc<Rows>, usize),
    /// The changes of levels that came in one message.
    Change(Change),
}

/// A message about a book.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Change {
    pub(super) is_snapshot: bool,
    pub(super) timestamp: Stamp,
    pub(super) arrival_us: i64,
    /// In the order of the rows.
    pub(super) levels: Vec<LevelChange>,
}

/// Makes the messages of a whole replay. Rows come in order of arrival.
pub(super) struct Session {
    options: Vec<Asked>,
    lines: Lines,
}

/// What one object of `options` asks for, and the state of its instruments.
struct Asked {
    wanted: Vec<Wanted>,
    sends: HashSet<Kind>,
    instruments: HashMap<Arc<Named>, Computed>,
}

/// What is computed of one instrument.
struct Computed {
    bars: Vec<Bars>,
    book: OrderBook,
    snapshots: Vec<Snapshots>,
}

impl Session {
    /// A session of what each object of `options` asks for: its exchange and its data types.
    pub(super) fn new(options: &[(String, Vec<Wanted>)]) -> Session {
        // As in tardis-machine, what is sent of an exchange is what any of the objects asks for.
        let sends = |exchange: &str| {
            let of_exchange = options.iter().filter(|(other, _)| other == exchange);
            of_exchange.flat_map(|(_, wanted)| wanted.iter().map(Wanted::kind)).collect()
        };
        let asked = |(exchange, wanted): &(String, Vec<Wanted>)| Asked {
            wanted: wanted.clone(),
            sends: sends(exchange),
            instruments: HashMap::new(),
        };
        Session { options: options.iter().map(asked).collect(), lines: Lines::default() }
    }

    /// Bytes of messages that wait.
    pub(super) fn waiting(&self) -> usize {
        self.lines.len()
    }

    /// The messages so far, one a line.
    pub(super) fn take_lines(&mut self) -> Vec<u8> {
        self.lines.take()
    }

    /// Takes what arrived of an instrument of an object of `options`, and writes the messages that it makes.
    ///
    /// # Errors
    /// When a row lacks what its table always has.
    pub(super) fn take(
        &mut self,
        option: usize,
        named: &Arc<Named>,
        kind: Kind,
        event: &Event,
    ) -> Result<(), String> {
        if self.sends(option, kind) {
            write_stored(kind, named, event, &mut self.lines);
        }
        self.compute(option, named, kind, event)
    }

    /// Whether what arrives of a kind is sent as it is.
    pub(super) fn sends(&self, option: usize, kind: Kind) -> bool {
        self.options[option].sends.contains(&kind)
    }

    /// Takes what arrived, and writes only the messages that are computed.
    ///
    /// # Errors
    /// As [`Session::take`].
    pub(super) fn compute(
        &mut self,
        option: usize,
        named: &Arc<Named>,
        kind: Kind,
        event: &Event,
    ) -> Result<(), String> {
        let (asked, lines) = (&mut self.options[option], &mut self.lines);
        let head = |lines: &mut Lines| write_head(named, lines);
        match event {
            Event::Row(rows, row) if kind == Kind::BookSnapshot => {
                let computed = asked.computed(named);
                let times = (rows.timestamp(*row), Stamp::Arrival(rows.arrival_us(*row)));
                let [bids, asks] = rows.levels(*row);
                for one in &mut computed.snapshots {
                    one.before(times.0, times.1, &head, lines);
                    let sides = (&mut bids.iter().copied() as _, &mut asks.iter().copied() as _);
                    one.after(sides, times, &head, lines);
                }
            }
            Event::Row(rows, row) => {
                if kind == Kind::Trade && asked.sends.contains(&Kind::TradeBar) {
                    let (timestamp, arrival) = (rows.timestamp(*row), Stamp::Arrival(rows.arrival_us(*row)));
                    let (price, amount, side) =
                        rows.trade(*row).ok_or("a trade lacks its price, amount or side")?;
                    let trade = BarTrade { timestamp, price, amount, side };
                    for bars in &mut asked.computed(named).bars {
                        bars.take(&trade, arrival, &head, lines);
                    }
                }
            }
            Event::Change(change) => {
                let arrival = Stamp::Arrival(change.arrival_us);
                let Computed { book, snapshots, .. } = asked.computed(named);
                for (place, one) in snapshots.iter_mut().enumerate() {
                    one.before(change.timestamp, arrival, &head, lines);
                    if place == 0 {
                        book.apply(&change.levels);
                    }
                    let sides = (&mut book.bids() as _, &mut book.asks() as _);
                    one.after(sides, (change.timestamp, arrival), &head, lines);
                }
            }
        }
        Ok(())
    }

    /// A connection was lost: what is computed of these instruments begins anew.
    pub(super) fn forget(&mut self, is_lost: impl Fn(&Named) -> bool) {
        for asked in &mut self.options {
            asked.instruments.retain(|named, _| !is_lost(named));
        }
    }
}

/// Writes what arrived as it is.
pub(super) fn write_stored(kind: Kind, named: &Named, event: &Event, lines: &mut Lines) {
    let head = |lines: &mut Lines| write_head(named, lines);
    match event {
        Event::Row(..) if kind == Kind::BookSnapshot => {}
        Event::Row(rows, row) => {
            lines.begin(kind.name());
            head(lines);
            rows.write(*row, lines);
            end(rows.timestamp(*row), Stamp::Arrival(rows.arrival_us(*row)), lines);
        }
        Event::Change(change) => write_change(change, &head, lines),
    }
}

fn write_head(named: &Named, lines: &mut Lines) {
    for (name, value) in [("symbol", &named.symbol), ("exchange", &named.exchange)] {
        lines.name(name);
        lines.text(value);
    }
}

impl Asked {
    fn computed(&mut self, named: &Arc<Named>) -> &mut Computed {
        let wanted = &self.wanted;
        let new = || {
            let mut computed =
                Computed { bars: Vec::new(), book: OrderBook::default(), snapshots: Vec::new() };
            for one in wanted {
                match one {
                    Wanted::Stored(_) => {}
                    Wanted::Bars(rule) => computed.bars.push(Bars::new(rule.clone())),
                    Wanted::Book(rule) => computed.snapshots.push(Snapshots::new(rule.clone())),
                }
            }
            computed
        };
        self.instruments.entry(named.clone()).or_insert_with(new)
    }
}

fn end(timestamp: Stamp, arrival: Stamp, lines: &mut Lines) {
    lines.name("timestamp");
    lines.time(timestamp);
    lines.name("localTimestamp");
    lines.time(arrival);
    lines.end();
}

fn write_change(change: &Change, head: &dyn Fn(&mut Lines), lines: &mut Lines) {
    lines.begin(Kind::BookChange.name());
    head(lines);
    lines.name("isSnapshot");
    lines.raw(if change.is_snapshot { "true" } else { "false" });
    for (name, is_ask) in [("bids", false), ("asks", true)] {
        lines.name(name);
        let side = change.levels.iter().filter(|level| level.is_ask == is_ask);
        write_levels(side.map(|level| Some((level.price, level.amount))), lines);
    }
    end(change.timestamp, Stamp::Arrival(change.arrival_us), lines);
}

#[cfg(test)]
mod tests;
