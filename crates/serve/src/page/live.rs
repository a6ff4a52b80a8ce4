//! What is recorded now: the feeds' health, and of an instrument the tape, the book and the candles, followed as they come.

use std::collections::BTreeSet;

use maud::{Markup, html};
use mtdh_core::DataType;
use mtdh_core::candle::{Candle, Timeframe};
use mtdh_engine::live::hub::event::Event;
use mtdh_engine::live::hub::filter::{Filter, Wanted};
use mtdh_engine::live::hub::status::{Status, StreamStatus, VenueStatus};
use mtdh_engine::live::hub::{Hub, line};
use serde_json::{Value, json};

use super::Pages;
use super::asked::{Asked, encoded};
use super::form::{badge, duration, grouped, plural, shown};
use super::range::moment_text;
use super::shell::{Page, Paged, choices, data, key_path, nothing, wide};
use crate::problem::Problem;
use crate::state::now_us;

/// Trades of the tape.
const TAPE: usize = 30;

/// Candles of the chart.
const CANDLES: usize = 120;

/// Levels of a side.
const LEVELS: usize = 10;

/// Instruments that are offered.
const OFFERED: usize = 500;

/// The data types that tell a book, the best first.
const BOOKS: [DataType; 3] = [DataType::IncrementalBookL2, DataType::BookSnapshot25, DataType::BookSnapshot5];

/// The page.
pub async fn page(pages: &Pages, asked: &Asked) -> Paged {
    let mut page = match &pages.state.options.live {
        None => Page::new("Live", html! { section { (not_recorded()) } }),
        Some(hub) => recorded(hub, asked)?,
    };
    page.json = Some("/live/status".to_owned());
    Ok(page)
}

fn not_recorded() -> Markup {
    nothing(
        "Not connected: nothing is recorded here.",
        &html! {
            p { "This server was started without a recorder. One that records and serves what it records:" }
            pre { "mtdh live serve binance:BTCUSDT" }
            p { "The " a href="/" { "coverage" } " shows what the lake has." }
        },
    )
}

fn recorded(hub: &Hub, asked: &Asked) -> Result<Page, Problem> {
    let status = hub.status();
    let chosen = chosen(&status, asked)?;
    let title = chosen.as_ref().map_or_else(|| "Live".to_owned(), |one| format!("Live {}", one.symbol));
    let body = html! {
        @if let Some(one) = &chosen { (followed(hub, asked, &status, one)?) }
        section { h2 { "The feeds' health" } (health(&status)) }
    };
    let mut page = Page::new(title, body);
    page.scripts = &["chart.js", "stream.js"];
    Ok(page)
}

/// The instrument that is shown.
struct Chosen {
    exchange: String,
    symbol: String,
    key: Option<String>,
    is_experimental: bool,
    types: BTreeSet<&'static str>,
    state: &'static str,
    timeframe: Timeframe,
}

/// # Errors
/// When the address names one that is not recorded, or a timeframe that is none.
fn chosen(status: &Status, asked: &Asked) -> Result<Option<Chosen>, Problem> {
    let timeframe: Result<Timeframe, _> = asked.get("timeframe").unwrap_or("1m").parse();
    let timeframe = timeframe.map_err(|error| Problem::parameter("timeframe", error.to_string()))?;
    let (exchange, symbol) = (asked.get("exchange"), asked.get("symbol"));
    let mut found: Option<(&VenueStatus, &StreamStatus)> = None;
    for venue in &status.venues {
        for stream in &venue.streams {
            let is_asked = exchange.is_none_or(|name| name == venue.exchange)
                && symbol.is_none_or(|name| name == stream.symbol);
            // Where none is asked for, one that something has come of.
            let is_better = found.is_none_or(|(_, best)| best.messages == 0 && stream.messages > 0);
            if is_asked && is_better {
                found = Some((venue, stream));
            }
        }
    }
    let Some((venue, stream)) = found else {
        return match symbol.or(exchange) {
            None => Ok(None),
            Some(name) => Err(Problem::parameter("symbol", format!("`{name}` is not recorded here"))),
        };
    };
    let own = || venue.streams.iter().filter(|one| one.symbol == stream.symbol);
    let state = own().map(|one| one.state).find(|state| *state == "gap").unwrap_or(venue.state);
    Ok(Some(Chosen {
        exchange: venue.exchange.clone(),
        symbol: stream.symbol.clone(),
        key: own().find_map(|one| one.instrument_key.clone()),
        is_experimental: venue.is_experimental,
        types: own().map(|one| one.data_type).collect(),
        state,
        timeframe,
    }))
}

fn followed(hub: &Hub, asked: &Asked, status: &Status, one: &Chosen) -> Result<Markup, Problem> {
    let book = BOOKS.iter().map(|table| table.name()).find(|name| one.types.contains(name));
    let mut types = vec!["trades", "candles", "notes"];
    types.extend(book);
    let events = format!(
        "/live/events?exchange={}&symbol={}&type={}&timeframe={}",
        encoded(&one.exchange),
        encoded(&one.symbol),
        encoded(&types.join(",")),
        one.timeframe
    );
    let of_symbol = |filter: Filter| Filter {
        exchanges: Some(BTreeSet::from([one.exchange.clone()])),
        names: Some(BTreeSet::from([one.symbol.to_uppercase()])),
        ..filter
    };
    let trades = hub
        .latest(&of_symbol(Filter { rows: Wanted::Some(vec![DataType::Trades]), ..Filter::default() }), TAPE);
    let trades = trades.iter().flat_map(|entry| rows(&line(entry))).collect::<Vec<Value>>();
    let candles = Filter { candles: Wanted::Some(vec![one.timeframe]), ..Filter::default() };
    let candles = hub.latest(&of_symbol(candles), 2 * CANDLES);
    let candles = candles.iter().filter_map(|entry| match &entry.event {
        Event::Candle(of) => Some(&of.candle),
        _ => None,
    });
    let described = chart(candles, one.timeframe);
    let has_none = described["xs"].as_array().is_none_or(Vec::is_empty);
    let names: Vec<String> = Timeframe::USUAL.iter().map(ToString::to_string).collect();
    let options: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), name.as_str())).collect();
    let instruments = instruments(status);
    Ok(html! {
        section data-stream=(events) data-book=[book] data-levels=(LEVELS) data-tape=(TAPE) data-most=(CANDLES) {
            form.search method="get" action=(asked.path) {
                @if let Some(timeframe) = asked.get("timeframe") { input type="hidden" name="timeframe" value=(timeframe); }
                label { "Instrument " select name="symbol" { @for symbol in &instruments { option value=(symbol) selected[*symbol == one.symbol] { (shown(symbol)) } } } }
                button { "Show" }
                @if let Some(key) = &one.key { a href=(key_path(key)) { "in the lake" } }
            }
            p.lead { span #state { (badge(&word(one.state))) }
                @if one.is_experimental { " " (badge("experimental")) }
                " " span.quiet { (shown(&one.exchange)) " · " span #followed aria-live="polite" { "as it was when this page was made" } } }
            @if one.is_experimental { p.quiet { "Experimental: no continuous recording of this exchange was ever read by this program. Compare what it makes with another source before you rely on it." } }
            ul #notes aria-live="polite" {}
        }
        section {
            (choices(asked, "Length", "timeframe", &one.timeframe.to_string(), &options))
            figure.chart data-chart="candles" hidden[has_none] {
                figcaption { span { "Candles of " (one.timeframe.to_string()) ", UTC" } span #candle-note {} }
                canvas tabindex="0" role="img" aria-label={ "Candles of " (one.symbol) ". The arrow keys move from candle to candle." } {}
                p.readout aria-live="polite" {}
            }
            (data("candles", &described))
            p.quiet #no-candles { "Where the recorder makes candles of this length (" code { "--candles" } "), one comes when its interval has ended; again when late trades have changed it." }
        }
        div.twice {
            section { h2 { "Book" }
                @if book.is_none() { p.quiet { "No book of this instrument is recorded." } }
                p.readout #moment-text {}
                table.ladder #ladder { thead { tr { th scope="col" { "Side" } th.number scope="col" { "Price" } th.number scope="col" { "Amount" } th scope="col" { span.unseen { "Share of the largest" } } } } tbody {} }
            }
            section { h2 { "Tape" }
                @if !one.types.contains(DataType::Trades.name()) { p.quiet { "No trades of this instrument are recorded." } }
                div.tape tabindex="0" role="region" aria-label="Tape" { table #tape { thead { tr { th scope="col" { "Arrived, UTC" } th scope="col" { "Side" } th.number scope="col" { "Price" } th.number scope="col" { "Amount" } } }
                    tbody { @for trade in trades.iter().rev().take(TAPE) { (tape_row(trade)) } } } }
            }
        }
    })
}

/// The rows of a text of lines.
fn rows(lines: &[u8]) -> Vec<Value> {
    let lines = lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.filter_map(|line| serde_json::from_slice(line).ok()).collect()
}

fn tape_row(trade: &Value) -> Markup {
    let text = |name: &str| trade[name].as_str().unwrap_or_default();
    let number = |name: &str| trade[name].as_f64().map(super::form::number).unwrap_or_default();
    let time = text("local_timestamp").get(11..23).unwrap_or_default();
    html! { tr { th scope="row" { (time) } td.(text("side")) { (text("side")) } td.number { (number("price")) } td.number { (number("amount")) } } }
}

/// Of several candles of an interval the last is right.
fn chart<'a>(candles: impl Iterator<Item = &'a Candle>, timeframe: Timeframe) -> Value {
    let mut bars: Vec<&Candle> = Vec::new();
    for candle in candles {
        match bars.iter().rposition(|bar| bar.start <= candle.start) {
            Some(place) if bars[place].start == candle.start => bars[place] = candle,
            Some(place) => bars.insert(place + 1, candle),
            None => bars.insert(0, candle),
        }
    }
    let bars = &bars[bars.len().saturating_sub(CANDLES)..];
    let all = |get: fn(&Candle) -> f64| bars.iter().map(|bar| get(bar)).collect::<Vec<_>>();
    json!({
        "x": "time", "step": timeframe.us() / 1000, "shade": [],
        "xs": bars.iter().map(|bar| bar.start / 1000).collect::<Vec<_>>(),
        "panels": [
            {"label": "price", "high": 3, "series": [{"kind": "candle", "name": "price",
                "o": all(|bar| bar.open), "h": all(|bar| bar.high), "l": all(|bar| bar.low), "c": all(|bar| bar.close)}]},
            {"label": "volume", "high": 1, "zero": true, "series": [{"kind": "bar", "name": "volume", "y": all(|bar| bar.volume)}]},
        ],
    })
}

fn instruments(status: &Status) -> Vec<String> {
    let all: BTreeSet<&String> =
        status.venues.iter().flat_map(|venue| &venue.streams).map(|stream| &stream.symbol).collect();
    all.into_iter().take(OFFERED).cloned().collect()
}

/// A state as a word of a badge.
fn word(state: &str) -> String {
    state.replace(' ', "_")
}

fn health(status: &Status) -> Markup {
    let now = now_us();
    let streams: usize = status.venues.iter().map(|venue| venue.streams.len()).sum();
    html! {
        p.quiet { (plural(status.venues.len() as u64, "exchange", "exchanges")) ", " (plural(streams as u64, "stream", "streams"))
            ", " span data-number="events" { (grouped(status.events)) } " events since " (moment_text(status.opened - status.opened.rem_euclid(1_000_000)))
            ", " (plural(status.listeners as u64, "listener", "listeners")) "." }
        @if status.venues.is_empty() { p { "Nothing is connected yet." } }
        @for venue in &status.venues {
            h3 { (shown(&venue.exchange)) " " span data-venue=(venue.exchange) { (badge(&word(venue.state))) } @if venue.is_experimental { " " (badge("experimental")) } }
            @if !venue.detail.is_empty() { p.quiet { (shown(&super::scrub(&venue.detail))) } }
            (wide(&format!("Streams of {}", venue.exchange), &html! { table {
                thead { tr { th scope="col" { "Symbol" } th scope="col" { "Data type" } th scope="col" { "State" } th.number scope="col" { "Last message" } th.number scope="col" { "Messages" } th.number scope="col" { "Rows" } th.number scope="col" { "Gaps" } th.number scope="col" { "Missing" } th scope="col" { "Losses show" } } }
                tbody { @for stream in venue.streams.iter().take(OFFERED) {
                    tr data-of={ (venue.exchange) " " (stream.symbol) " " (stream.data_type) } {
                        th scope="row" { a href={ "/live?exchange=" (encoded(&venue.exchange)) "&symbol=" (encoded(&stream.symbol)) } { (shown(&stream.symbol)) } }
                        td { (stream.data_type) } td { (badge(&word(stream.state))) }
                        td.number { @if let Some(us) = stream.last_arrival.or(stream.asked) { (duration((now - us) as f64 / 1e6)) " ago" } @else { "–" } }
                        td.number { (grouped(stream.messages)) } td.number { (grouped(stream.rows)) } td.number { (grouped(stream.gaps)) } td.number { (grouped(stream.missing)) }
                        td { (proof(stream.proof)) } } } }
            } }))
            @if venue.streams.len() > OFFERED { p.quiet { "The first " (OFFERED) " streams; the JSON below has all." } }
        }
    }
}

fn proof(proof: Option<&str>) -> &'static str {
    match proof {
        Some("whole") => "all of them",
        Some("part") => "some of them",
        Some("none") => "none of them",
        _ => "–",
    }
}
