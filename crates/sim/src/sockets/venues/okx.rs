//! OKX: spot, futures, swaps, options (reference/live.md 6).

use serde_json::Value;

use crate::generate::universe::listing::Kind;
use crate::sockets::fault::{Occasion, SocketFaultKind};
use crate::sockets::http::{Answer, Head};
use crate::sockets::hub::Hub;
use crate::sockets::hub::topic::{Topic, What};
use crate::sockets::market::Numbering;
use crate::sockets::protocol::{Protocol, Session, Talk};
use crate::sockets::template::Form;
use crate::sockets::template::number::Style;

/// One of its four markets; they share an address in reality, and are told apart here by the venue's prefix.
#[derive(Debug)]
pub(super) struct Okx;

/// Most instruments of a stream that is of a whole type or family.
const MAX_GROUP: usize = 200;

/// Returns the stream of an argument. `None`: there is none on this root.
fn topic(arg: &Value, session: &Session, hub: &Hub) -> Option<Topic> {
    let channel = arg["channel"].as_str()?;
    // `trades-all` is on the business root only (live.md 6.1).
    match session.root.as_str() {
        "business" if channel != "trades-all" => return None,
        "public" if channel == "trades-all" => return None,
        _ => {}
    }
    let name = arg.to_string();
    let group = |label: &str, what, every, of: &dyn Fn(Kind, &str) -> bool| {
        let matching = hub.symbols.iter().filter(|(listing, symbol)| of(listing.kind, symbol));
        let symbols: Vec<String> = matching.map(|(_, symbol)| symbol.to_owned()).take(MAX_GROUP).collect();
        let first = symbols.first()?.clone();
        Some(Topic { symbols, label: label.to_owned(), ..Topic::new(&name, &first, what, every) })
    };
    match channel {
        "liquidation-orders" => {
            let of = match arg["instType"].as_str()? {
                "SWAP" => Kind::Perpetual,
                "FUTURES" => Kind::Future,
                _ => return None,
            };
            return group(arg["instType"].as_str()?, What::Liquidation, "liquidation-orders", &|kind, _| {
                kind == of
            });
        }
        "opt-summary" => {
            let family = arg["instFamily"].as_str()?;
            let of_family = |kind, symbol: &str| kind == Kind::Option && symbol.starts_with(family);
            return group(family, What::Option, "opt-summary", &of_family)
                .map(|topic| topic.first("opt-summary"));
        }
        _ => {}
    }
    let symbol = arg["instId"].as_str()?;
    if channel == "index-tickers" {
        let one = group(symbol, What::Ticker, "index-tickers", &|_, known| {
            known.split('-').take(2).collect::<Vec<_>>().join("-") == symbol
        })?;
        return Some(Topic { symbols: one.symbols[..1].to_vec(), ..one });
    }
    let (listing, known) = hub.symbols.find(symbol).filter(|(_, known)| *known == symbol)?;
    let is_derivative = listing.kind != Kind::Spot;
    let new = |what, every| Topic { label: channel.to_owned(), ..Topic::new(&name, known, what, every) };
    let book = || {
        let topic = new(What::Book, "book");
        if hub.config.has_no_okx_snapshot { topic } else { topic.first("book_snapshot") }
    };
    Some(match channel {
        "trades" | "trades-all" => new(What::Trade, "trade"),
        "books" => book(),
        "books-l2-tbt" | "books50-l2-tbt" if session.is_authenticated => book(),
        "books5" => Topic { depth: 5, ..new(What::Book, "book5").first("book5") },
        "bbo-tbt" => new(What::Best, "best").first("best"),
        "tickers" => new(What::Ticker, "tickers").first("tickers"),
        "mark-price" if is_derivative => new(What::Ticker, "mark-price").first("mark-price"),
        "open-interest" if is_derivative => new(What::Ticker, "open-interest").first("open-interest"),
        "funding-rate" if listing.kind == Kind::Perpetual => {
            new(What::Ticker, "funding-rate").first("funding-rate")
        }
        _ => return None,
    })
}

fn conn(talk: &Talk<'_>) -> String {
    format!("simulated{}", talk.session.link)
}

fn say_error(code: &str, text: &str, talk: &mut Talk<'_>) {
    let conn = conn(talk);
    talk.answer("error", &[("code", code), ("text", text), ("conn", &conn)]);
}

fn subscribe(args: &[Value], talk: &mut Talk<'_>) {
    let mut topics = Vec::new();
    for arg in args {
        let [channel, id] = [&arg["channel"], &arg["instId"]].map(|text| text.as_str().unwrap_or_default());
        let topic = topic(arg, talk.session, talk.hub).filter(|_| !talk.refuses(id));
        match topic {
            Some(topic) => topics.push((arg, topic)),
            None if channel.ends_with("l2-tbt") => say_error("60011", "Please log in", talk),
            None => {
                let text = format!(
                    "Wrong URL or channel:{channel},instId:{id} doesn't exist. Please use the correct URL, channel and parameters referring to API document."
                );
                say_error("60018", &text, talk);
            }
        }
    }
    if talk.forgets_last() {
        topics.pop();
    }
    let conn = conn(talk);
    for (arg, topic) in topics {
        if !talk.loses_ack() {
            talk.answer("ack", &[("event", "subscribe"), ("arg", &arg.to_string()), ("conn", &conn)]);
        }
        talk.subscribe(topic);
    }
}

impl Protocol for Okx {
    fn form(&self) -> Form {
        Form::read(include_str!("../templates/okx.txt"), Style::Short, Style::Short)
    }

    fn numbering(&self) -> Numbering {
        Numbering::Sparse
    }

    fn opens(&self, _head: &Head, path: &str, session: &mut Session) -> bool {
        session.root = path.strip_prefix("/ws/v5/").unwrap_or_default().to_owned();
        matches!(path, "" | "/" | "/ws/v5/public" | "/ws/v5/business")
    }

    fn receive(&self, text: &str, talk: &mut Talk<'_>) {
        if text == "ping" {
            return talk.say("pong");
        }
        let Ok(request) = serde_json::from_str::<Value>(text) else {
            return say_error("60012", "Invalid request", talk);
        };
        let args = request["args"].as_array().cloned().unwrap_or_default();
        match request["op"].as_str().unwrap_or_default() {
            op @ ("subscribe" | "unsubscribe") => {
                let bytes = request["args"].to_string().len();
                if !talk.keeps_args(args.len(), bytes) {
                    return say_error("60014", "Requests too frequent", talk);
                }
                if op == "subscribe" {
                    return subscribe(&args, talk);
                }
                let conn = conn(talk);
                for arg in &args {
                    talk.unsubscribe(&arg.to_string());
                    talk.answer("ack", &[("event", op), ("arg", &arg.to_string()), ("conn", &conn)]);
                }
            }
            "login" => {
                talk.keeps_args(0, 0);
                talk.session.is_authenticated = args.first().is_some_and(|arg| arg["apiKey"].is_string());
                let conn = conn(talk);
                if talk.session.is_authenticated {
                    talk.answer("login", &[("conn", &conn)]);
                } else {
                    say_error("60009", "Login failed", talk);
                }
            }
            _ => say_error("60012", "Invalid request", talk),
        }
    }

    fn rest(&self, head: &Head, path: &str, hub: &mut Hub) -> Answer {
        let symbol = head.parameter("instId").unwrap_or_default();
        let market = hub.market(&symbol).filter(|_| path == "/api/v5/market/books");
        let Some(market) = market else {
            return Answer::json(
                r#"{"code":"51001","msg":"Instrument ID does not exist","data":[]}"#.to_owned(),
            );
        };
        let symbol = hub.markets[market].symbol.clone();
        let mut lag = hub.config.snapshot_lag;
        let faults = std::sync::Arc::clone(&hub.faults);
        let is_snapshot = |k: &SocketFaultKind| !matches!(k, SocketFaultKind::Rest { .. });
        for kind in faults.strike(Occasion::Rest, hub.place(&symbol, What::Book), is_snapshot) {
            let ids = hub.markets[market].ids;
            match kind {
                SocketFaultKind::SnapshotOlder { updates } => lag = updates,
                SocketFaultKind::SnapshotNewer { updates } => hub.run_ahead(market, updates),
                _ => continue,
            }
            hub.tell(&kind.name(), &symbol, What::Book, 0, (ids.first, hub.markets[market].ids.last), 1);
        }
        let depth = head.parameter("sz").and_then(|sz| sz.parse().ok()).unwrap_or(400);
        Answer::json(hub.snapshot(market, "rest_books", depth, lag))
    }
}
