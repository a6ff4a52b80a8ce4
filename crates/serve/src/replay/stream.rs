//! What is recorded now in the form of tardis-machine: `/ws-stream-normalized`. All clients share one recording.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use axum::extract::ws::close_code;
use axum::response::Response;
use bytes::Bytes;
use mtdh_engine::DataType;
use mtdh_engine::live::hub::event::{
    DisconnectEvent, Entry, Event as HubEvent, Form, HealthEvent, RowsEvent,
};
use mtdh_engine::live::hub::filter::{Filter, Wanted as Which};
use mtdh_engine::live::hub::{Ask, Hub, Lost, Start, Taken};

use super::error::ReplayError;
use super::feed::events;
use super::kind::Kind;
use super::options::{self, Streamed};
use super::plan::{needed, tables_of_books};
use super::rows::Rows;
use super::session::{Named, Session, write_stored};
use super::text::{Lines, Stamp};
use crate::api::Opening;
use crate::live::{NOTHING, socket};

/// Connection errors in a row after which tardis-machine ends a stream.
const MOST_ERRORS: u32 = 50;

/// Opens a WebSocket and sends what is recorded.
pub fn stream(opening: Opening) -> Response {
    let Opening { state, given, upgrade } = opening;
    let live = state.options.live.clone();
    socket::converse(state, upgrade, move || {
        let told = |error: ReplayError| format!("Error: {error}");
        let hub = live.ok_or_else(|| format!("Error: {NOTHING}"))?;
        let given = given.map_err(|problem| format!("Error: {}", problem.detail))?;
        // The table says that it is required.
        let options = options::parse_stream(given.text("options").unwrap_or_default()).map_err(told)?;
        let messages = Messages::new(&hub, options).map_err(told)?;
        let ask = Ask { filters: messages.filters(), start: Start::Now, is_conflated: false };
        Ok((hub.listen(ask), messages))
    })
}

/// An object of `options`, and what is taken for it.
struct Asked {
    streamed: Streamed,
    /// Symbols, upper case; `None`: all.
    symbols: Option<BTreeSet<String>>,
    /// What rows of these data types become.
    sources: Vec<(DataType, Kind)>,
}

/// Where rows of a stream go.
struct Route {
    option: usize,
    kind: Kind,
    named: Arc<Named>,
}

/// Exchange and symbol of a stream, and its data type.
type StreamName = (Arc<str>, Arc<str>, DataType);

/// The messages of a client.
struct Messages {
    options: Vec<Asked>,
    session: Session,
    routes: HashMap<StreamName, Arc<[Route]>>,
    with_disconnects: bool,
    /// Told at the beginning: symbols that are not recorded.
    first: Vec<Bytes>,
}

impl Messages {
    /// # Errors
    /// When an exchange is not recorded.
    fn new(hub: &Hub, options: Vec<Streamed>) -> Result<Messages, ReplayError> {
        let mut first = Vec::new();
        for one in &options {
            let symbols = one.symbols.as_deref().unwrap_or_default();
            let Some(unknown) = hub.unknown(&one.exchange, symbols) else {
                let known: Vec<String> =
                    hub.status().venues.into_iter().map(|venue| venue.exchange).collect();
                return Err(ReplayError::Unknown(format!(
                    "Invalid \"exchange\" argument: {}. Recorded here: {}",
                    one.exchange,
                    known.join(", ")
                )));
            };
            if one.with_errors && !unknown.is_empty() {
                let details = format!("not recorded here: {}", unknown.join(", "));
                first.push(error(&one.exchange, crate::state::now_us(), &details, 0));
            }
        }
        let asked: Vec<_> = options.iter().map(|one| (one.exchange.clone(), one.wanted.clone())).collect();
        let with_disconnects = options.iter().any(|one| one.with_disconnects);
        let options = options.into_iter().map(|streamed| Asked::new(hub, streamed)).collect();
        Ok(Messages {
            options,
            session: Session::new(&asked),
            routes: HashMap::new(),
            with_disconnects,
            first,
        })
    }

    fn filters(&self) -> Vec<Filter> {
        let filter = |one: &Asked| Filter {
            exchanges: Some(BTreeSet::from([one.streamed.exchange.clone()])),
            names: one.symbols.clone(),
            rows: Which::Some(one.sources.iter().map(|(data_type, _)| *data_type).collect()),
            candles: Which::None,
            has_notes: one.streamed.with_errors,
        };
        self.options.iter().map(filter).collect()
    }

    fn routes(&mut self, rows: &RowsEvent) -> Arc<[Route]> {
        let stream = &rows.stream;
        let name = (stream.exchange.clone(), stream.symbol.clone(), stream.data_type);
        if let Some(known) = self.routes.get(&name) {
            return known.clone();
        }
        let symbol = stream.symbol.to_uppercase();
        let named = Arc::new(Named { symbol, exchange: stream.exchange.to_string() });
        let mut routes = Vec::new();
        for (option, one) in self.options.iter().enumerate() {
            if one.streamed.exchange == *stream.exchange && one.has(&named.symbol) {
                let kinds = one.sources.iter().filter(|(data_type, _)| *data_type == stream.data_type);
                routes.extend(kinds.map(|(_, kind)| Route { option, kind: *kind, named: named.clone() }));
            }
        }
        let routes: Arc<[Route]> = routes.into();
        self.routes.insert(name, routes.clone());
        routes
    }

    fn rows(&mut self, entry: &Entry, rows: &RowsEvent, frames: &mut Vec<Bytes>) -> Result<(), String> {
        let range = rows.first..rows.first + rows.rows;
        let mut read = None;
        for Route { option, kind, named } in self.routes(rows).iter() {
            let is_sent = *kind != Kind::BookSnapshot && self.session.sends(*option, *kind);
            if is_sent {
                let text = entry.text(Form::Messages, |_| stored(rows, *kind, named));
                push_lines(&text, frames);
            }
            if !self.options[*option].is_computed() {
                continue;
            }
            if read.is_none() {
                read = Some(Rows::of(rows.stream.data_type, &rows.batch)?);
            }
            let Some(read) = &read else { continue };
            for event in events(*kind, read, range.clone()) {
                self.session.compute(*option, named, *kind, &event)?;
            }
            if self.session.waiting() > 0 {
                push_lines(&self.session.take_lines().into(), frames);
            }
        }
        Ok(())
    }

    fn disconnect(&mut self, of: &DisconnectEvent, frames: &mut Vec<Bytes>) {
        let is_lost = |symbol: &str| {
            of.symbols.is_empty() || of.symbols.iter().any(|lost| lost.eq_ignore_ascii_case(symbol))
        };
        self.session.forget(|named| named.exchange == *of.exchange && is_lost(&named.symbol));
        if !self.with_disconnects {
            return;
        }
        let asked = || self.options.iter().filter(|one| one.streamed.exchange == *of.exchange);
        let symbols: BTreeSet<String> = if of.symbols.is_empty() {
            asked().flat_map(|one| one.symbols.clone().unwrap_or_default()).collect()
        } else {
            let upper = of.symbols.iter().map(|symbol| symbol.to_uppercase());
            upper.filter(|symbol| asked().any(|one| one.has(symbol))).collect()
        };
        let mut lines = Lines::default();
        lines.begin("disconnect");
        lines.name("exchange");
        lines.text(&of.exchange);
        lines.name("localTimestamp");
        lines.time(Stamp::Arrival(of.arrived));
        if !symbols.is_empty() {
            lines.name("symbols");
            let mut before = "[";
            for symbol in &symbols {
                lines.raw(before);
                lines.text(symbol);
                before = ",";
            }
            lines.raw("]");
        }
        lines.end();
        push_lines(&lines.take().into(), frames);
    }

    fn health(&self, of: &HealthEvent, frames: &mut Vec<Bytes>) -> Result<(), (u16, String)> {
        let mut asked = self.options.iter().filter(|one| one.streamed.exchange == *of.exchange);
        if of.errors == 0 || !asked.any(|one| one.streamed.with_errors) {
            return Ok(());
        }
        frames.push(error(&of.exchange, of.given, &of.detail, of.errors));
        if of.errors < MOST_ERRORS {
            return Ok(());
        }
        // The two blanks are tardis-machine's.
        let exchange = &of.exchange;
        let reason = format!("Too many subsequent errors when connecting to  {exchange} WS API");
        Err((close_code::ERROR, reason))
    }
}

impl Asked {
    fn new(hub: &Hub, streamed: Streamed) -> Asked {
        let symbols = streamed.symbols.as_ref();
        let symbols = symbols.map(|all| all.iter().map(|symbol| symbol.to_uppercase()).collect());
        let recorded = hub.data_types(&streamed.exchange);
        let mut sources: Vec<(DataType, Kind)> = Vec::new();
        for kind in needed(&streamed.wanted) {
            let source = if kind == Kind::BookSnapshot {
                let tables = tables_of_books(&streamed.wanted);
                let table = tables.iter().find(|table| recorded.contains(table)).or(tables.first());
                match table {
                    Some(DataType::IncrementalBookL2) | None => {
                        (DataType::IncrementalBookL2, Kind::BookChange)
                    }
                    Some(table) => (*table, Kind::BookSnapshot),
                }
            } else {
                (kind.data_type(), kind)
            };
            sources.push(source);
        }
        // The order of messages that came in one is the recorder's, which is tardis-machine's.
        Asked { streamed, symbols, sources }
    }

    fn has(&self, symbol: &str) -> bool {
        self.symbols.as_ref().is_none_or(|symbols| symbols.contains(symbol))
    }

    /// Whether something is computed of what arrives.
    fn is_computed(&self) -> bool {
        self.streamed.wanted.iter().any(|one| matches!(one.kind(), Kind::BookSnapshot | Kind::TradeBar))
    }
}

/// The rows of a message as they are, one a line.
fn stored(rows: &RowsEvent, kind: Kind, named: &Named) -> Bytes {
    let mut lines = Lines::default();
    // Rows of a feed have the columns of their table.
    if let Ok(read) = Rows::of(rows.stream.data_type, &rows.batch) {
        for event in events(kind, &read, rows.first..rows.first + rows.rows) {
            write_stored(kind, named, &event, &mut lines);
        }
    }
    lines.take().into()
}

fn push_lines(text: &Bytes, frames: &mut Vec<Bytes>) {
    let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    frames.extend(lines.map(|line| text.slice_ref(line)));
}

/// The message that a connection failed.
fn error(exchange: &str, at: i64, details: &str, errors: u32) -> Bytes {
    let mut lines = Lines::default();
    lines.begin("error");
    lines.name("exchange");
    lines.text(exchange);
    lines.name("localTimestamp");
    lines.time(Stamp::Arrival(at));
    lines.name("details");
    lines.text(details);
    lines.name("subSequentErrorsCount");
    lines.number(f64::from(errors));
    lines.raw("}");
    lines.take().into()
}

impl socket::Telling for Messages {
    fn tell(&mut self, taken: &Taken, frames: &mut Vec<Bytes>) -> Result<(), (u16, String)> {
        frames.append(&mut self.first);
        for entry in &taken.entries {
            match &entry.event {
                HubEvent::Rows(rows) => self
                    .rows(entry, rows, frames)
                    .map_err(|why| (close_code::ERROR, format!("Error: {why}")))?,
                HubEvent::Disconnect(of) => self.disconnect(of, frames),
                HubEvent::Health(of) => self.health(of, frames)?,
                HubEvent::Gap(_) | HubEvent::Candle(_) | HubEvent::Finding(_) => {}
            }
        }
        Ok(())
    }

    fn slow(&self, _: Lost) -> Option<Bytes> {
        None
    }
}
