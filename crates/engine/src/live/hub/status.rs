//! What is recorded, and how it goes: for `/live/status` and the page.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use mtdh_core::DataType;
use mtdh_source::live::venue::{Offer, Proof};
use serde::Serialize;

use super::event::{Event, RowsEvent, State, Stream};
use super::queue::Queue;
use super::{Hub, Shared};
use crate::live::told::ToldGaps;

/// What a hub knows of a stream.
pub(super) struct OfStream {
    pub(super) stream: Arc<Stream>,
    /// The rings of those who take its rows, by the listener's number.
    pub(super) routes: Vec<(u64, Arc<Queue>)>,
    /// When it was asked for.
    pub(super) asked: Option<i64>,
    last_arrival: Option<i64>,
    /// Its arrival minus the exchange's time of its last row.
    lag_us: i64,
    messages: u64,
    rows: u64,
    gaps: u64,
    missing: u64,
    /// The beginning of a gap that has not ended.
    gap_since: Option<i64>,
}

impl OfStream {
    pub(super) fn new(stream: Arc<Stream>, routes: Vec<(u64, Arc<Queue>)>) -> OfStream {
        let (asked, last_arrival, gap_since) = (None, None, None);
        OfStream {
            stream,
            routes,
            asked,
            last_arrival,
            lag_us: 0,
            messages: 0,
            rows: 0,
            gaps: 0,
            missing: 0,
            gap_since,
        }
    }
}

/// What a hub knows of an exchange.
#[derive(Default)]
pub(super) struct OfVenue {
    pub(super) is_experimental: bool,
    pub(super) offers: Vec<Offer>,
    state: State,
    detail: String,
    since: Option<i64>,
    errors: u32,
    disconnects: u64,
    /// Gaps by kind.
    gaps: BTreeMap<&'static str, u64>,
    told_gaps: ToldGaps,
    /// Findings by check and severity.
    findings: BTreeMap<(&'static str, String), u64>,
}

impl Shared {
    /// Keeps what an event says of its stream or exchange.
    pub(super) fn note(&mut self, event: &Event) {
        match event {
            Event::Rows(rows) => {
                let Some(of) = self.streams.get_mut(rows.stream.number) else { return };
                of.last_arrival = Some(rows.arrived);
                if let Some(at) = happened(rows) {
                    of.lag_us = rows.arrived.saturating_sub(at);
                }
                of.messages += 1;
                of.rows += rows.rows as u64;
            }
            Event::Gap(of) => {
                let gap = &of.gap;
                // A step of the clock has no length.
                let is_open = gap.to == gap.from && gap.kind != "clock";
                let venue = self.venues.entry(of.exchange.clone()).or_default();
                if venue.told_gaps.is_new(gap) {
                    *venue.gaps.entry(gap.kind).or_default() += 1;
                }
                for known in &mut self.streams {
                    let is_of = known.stream.exchange == of.exchange
                        && gap.symbol.as_deref().is_none_or(|symbol| symbol == &*known.stream.symbol)
                        && gap.data_type.is_none_or(|data_type| data_type == known.stream.data_type);
                    if !is_of {
                        continue;
                    }
                    // A gap that ends is the one that was open.
                    known.gaps += u64::from(known.gap_since != Some(gap.from));
                    known.missing += gap.missing.filter(|_| !is_open).unwrap_or(0);
                    known.gap_since = is_open.then_some(gap.from);
                }
            }
            Event::Health(of) => {
                let venue = self.venues.entry(of.exchange.clone()).or_default();
                if venue.state != of.state || venue.since.is_none() {
                    venue.since = Some(of.given);
                }
                (venue.state, venue.errors) = (of.state, of.errors);
                venue.detail.clone_from(&of.detail);
            }
            Event::Disconnect(of) => {
                self.venues.entry(of.exchange.clone()).or_default().disconnects += 1;
            }
            Event::Finding(of) => {
                let venue = self.venues.entry(of.exchange.clone()).or_default();
                let of = &of.finding;
                *venue.findings.entry((of.check, of.severity.to_string())).or_default() += 1;
            }
            Event::Candle(_) => {}
        }
    }
}

/// How the recording goes.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// When it began, microseconds since the Unix epoch, UTC.
    pub opened: i64,
    /// Events since then.
    pub events: u64,
    /// Those who listen.
    pub listeners: usize,
    /// The exchanges, by name.
    pub venues: Vec<VenueStatus>,
}

/// How the recording of an exchange goes.
#[derive(Clone, Debug, Serialize)]
pub struct VenueStatus {
    /// The vendor's id of the exchange.
    pub exchange: String,
    /// [`State::name`].
    pub state: &'static str,
    /// More, for people; empty: nothing.
    pub detail: String,
    /// Since when it is in that state, microseconds since the Unix epoch, UTC; null: it was never told.
    pub since: Option<i64>,
    /// Connection errors without a message since.
    pub errors: u32,
    /// Whether no continuous recording of it was ever read by this program.
    pub is_experimental: bool,
    /// The streams, by symbol and data type.
    pub streams: Vec<StreamStatus>,
}

/// How the recording of an instrument's data type goes.
#[derive(Clone, Debug, Serialize)]
pub struct StreamStatus {
    /// The symbol as rows write it.
    pub symbol: String,
    /// The data type.
    pub data_type: &'static str,
    /// The instrument key; null: it has none yet.
    pub instrument_key: Option<String>,
    /// `waiting`: nothing has arrived yet; `gap`: something is being lost; else the state of the exchange.
    pub state: &'static str,
    /// When it was asked for, microseconds since the Unix epoch, UTC; null: not known.
    pub asked: Option<i64>,
    /// When the last message with rows arrived, microseconds since the Unix epoch, UTC; null: none has.
    pub last_arrival: Option<i64>,
    /// Messages with rows since the beginning.
    pub messages: u64,
    /// Rows since the beginning.
    pub rows: u64,
    /// Gaps since the beginning.
    pub gaps: u64,
    /// How many are known to be missing in them, where ids say it.
    pub missing: u64,
    /// What messages prove of losses: `whole`, `part` or `none`; null: not known.
    pub proof: Option<&'static str>,
}

/// What was recorded of an exchange since the beginning, in numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// The vendor's id of the exchange.
    pub exchange: String,
    /// Messages with rows, once for each instrument and data type.
    pub messages: u64,
    /// Rows.
    pub rows: u64,
    /// When the last message with rows arrived, microseconds since the Unix epoch, UTC; `None`: none has.
    pub last_arrival: Option<i64>,
    /// How long after the exchange's time of its last row that message arrived, microseconds; `None`: none has. The difference of the
    /// clocks is in it.
    pub lag_us: Option<i64>,
    /// Connections that were lost.
    pub disconnects: u64,
    /// Gaps by kind.
    pub gaps: BTreeMap<&'static str, u64>,
    /// Findings by check and severity.
    pub findings: BTreeMap<(&'static str, String), u64>,
}

/// The exchange's time of a message's last row.
fn happened(rows: &RowsEvent) -> Option<i64> {
    let times = rows.batch.columns().first()?.as_primitive_opt::<TimestampMicrosecondType>()?;
    times.values().get(rows.first + rows.rows.checked_sub(1)?).copied()
}

fn proof_name(proof: Proof) -> &'static str {
    match proof {
        Proof::Whole => "whole",
        Proof::Part => "part",
        Proof::None => "none",
    }
}

fn proof(offers: &[Offer], data_type: DataType) -> Option<&'static str> {
    let of = |wanted| offers.iter().find(move |offer| offer.data_type == wanted);
    let offer = of(data_type).or_else(|| match data_type {
        // Made from the book, they are as good as it.
        DataType::BookSnapshot5 | DataType::BookSnapshot25 | DataType::Quotes => {
            of(DataType::IncrementalBookL2)
        }
        _ => None,
    });
    offer.map(|offer| proof_name(offer.proof))
}

impl Hub {
    /// How the recording goes.
    pub fn status(&self) -> Status {
        let shared = self.lock();
        let venues = shared.venues.iter().map(|(exchange, venue)| {
            let of_venue = shared.streams.iter().filter(|of| of.stream.exchange == *exchange);
            let mut streams: Vec<StreamStatus> = of_venue
                .map(|of| StreamStatus {
                    symbol: of.stream.symbol.to_string(),
                    data_type: of.stream.data_type.name(),
                    instrument_key: of.stream.key.as_deref().map(str::to_owned),
                    state: match (of.gap_since, of.last_arrival, venue.state) {
                        (Some(_), _, _) => "gap",
                        (None, None, State::Recording | State::Partly) => "waiting",
                        (None, _, state) => state.name(),
                    },
                    asked: of.asked,
                    last_arrival: of.last_arrival,
                    messages: of.messages,
                    rows: of.rows,
                    gaps: of.gaps,
                    missing: of.missing,
                    proof: proof(&venue.offers, of.stream.data_type),
                })
                .collect();
            streams.sort_by(|a, b| (&a.symbol, a.data_type).cmp(&(&b.symbol, b.data_type)));
            VenueStatus {
                exchange: exchange.to_string(),
                state: venue.state.name(),
                detail: venue.detail.clone(),
                since: venue.since,
                errors: venue.errors,
                is_experimental: venue.is_experimental,
                streams,
            }
        });
        let venues = venues.collect();
        Status { opened: self.opened, events: shared.last, listeners: shared.listeners.len(), venues }
    }

    /// What was recorded of each exchange, in numbers.
    pub fn totals(&self) -> Vec<Totals> {
        let shared = self.lock();
        let totals = shared.venues.iter().map(|(exchange, venue)| {
            let of_venue = || shared.streams.iter().filter(|of| of.stream.exchange == *exchange);
            Totals {
                exchange: exchange.to_string(),
                messages: of_venue().map(|of| of.messages).sum(),
                rows: of_venue().map(|of| of.rows).sum(),
                last_arrival: of_venue().filter_map(|of| of.last_arrival).max(),
                lag_us: of_venue()
                    .filter_map(|of| Some((of.last_arrival?, of.lag_us)))
                    .max()
                    .map(|last| last.1),
                disconnects: venue.disconnects,
                gaps: venue.gaps.clone(),
                findings: venue.findings.clone(),
            }
        });
        totals.collect()
    }

    /// The data types that are recorded of an exchange.
    pub fn data_types(&self, exchange: &str) -> BTreeSet<DataType> {
        let shared = self.lock();
        let of_venue = shared.streams.iter().filter(|of| *of.stream.exchange == *exchange);
        of_venue.map(|of| of.stream.data_type).collect()
    }

    /// Whether an exchange is recorded, and which of these symbols are not, as they were written. Case does not matter.
    pub fn unknown(&self, exchange: &str, symbols: &[String]) -> Option<Vec<String>> {
        let shared = self.lock();
        shared.venues.get(exchange)?;
        let of_venue: Vec<&OfStream> =
            shared.streams.iter().filter(|of| *of.stream.exchange == *exchange).collect();
        let is_known =
            |symbol: &&String| of_venue.iter().any(|of| of.stream.symbol.eq_ignore_ascii_case(symbol));
        Some(symbols.iter().filter(|symbol| !is_known(symbol)).cloned().collect())
    }
}
