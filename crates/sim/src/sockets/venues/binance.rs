//! Binance: spot, USD-M and COIN-M (reference/live.md 2 to 4).

use serde::Deserialize;
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

/// One of its three markets.
#[derive(Debug)]
pub(super) struct Binance {
    id: &'static str,
}

/// A request of a client.
#[derive(Deserialize)]
struct Request {
    method: String,
    #[serde(default)]
    params: Value,
    #[serde(default)]
    id: Value,
}

impl Binance {
    pub(super) fn new(id: &'static str) -> Binance {
        Binance { id }
    }

    /// Returns the stream of a name. `None`: there is none, which Binance does not say (live.md 2.1).
    fn topic(&self, name: &str, session: &Session, hub: &Hub) -> Option<Topic> {
        let (symbol, channel) = name.split_once('@')?;
        if symbol != symbol.to_lowercase() {
            return None;
        }
        let kind = channel.split('@').next()?;
        let is_futures = self.id != "binance";
        let (what, every, is_public) = match kind {
            "trade" => (What::Trade, "trade", true),
            "aggTrade" => (What::Trade, "aggTrade", false),
            "depth" => (What::Book, "depth", true),
            "bookTicker" => (What::Best, "bookTicker", true),
            "ticker" => (What::Ticker, "ticker", false),
            "markPrice" if is_futures => (What::Ticker, "markPrice", false),
            "indexPrice" if self.id == "binance-delivery" => (What::Ticker, "indexPrice", false),
            "forceOrder" if is_futures => (What::Liquidation, "forceOrder", false),
            _ => return None,
        };
        // Since 2026-03-06 USD-M has a root for each kind; an address without one gives public streams only (live.md 3.1). The bare
        // address of this server gives all, for clients that know one address.
        let is_here = match session.root.as_str() {
            "/public" => is_public,
            "/market" => !is_public,
            _ => true,
        };
        let symbol = match every {
            "indexPrice" => {
                hub.symbols
                    .iter()
                    .find(|(l, s)| {
                        l.kind == Kind::Perpetual && s.to_lowercase().split('_').next() == Some(symbol)
                    })?
                    .1
            }
            _ => symbol,
        };
        let (listing, symbol) = hub.symbols.find(symbol).filter(|_| is_here)?;
        let is_perpetual =
            self.id == "binance-delivery" && every == "markPrice" && listing.kind == Kind::Perpetual;
        let every = if is_perpetual { "markPricePerp" } else { every };
        let mut topic = Topic::new(name, symbol, what, every);
        topic.is_wrapped = !session.is_raw;
        topic.is_micro = session.is_micro;
        Some(topic)
    }

    fn subscribe(&self, names: &[String], talk: &mut Talk<'_>) {
        for name in names {
            if let Some(topic) = self.topic(name, talk.session, talk.hub)
                && !talk.subscribe(topic)
            {
                return talk.end(1_008, "too many streams");
            }
        }
    }
}

impl Protocol for Binance {
    fn form(&self) -> Form {
        match self.id {
            "binance" => {
                Form::read(include_str!("../templates/binance.txt"), Style::Fixed(8), Style::Fixed(8))
            }
            "binance-futures" => {
                Form::read(include_str!("../templates/binance-futures.txt"), Style::Step, Style::Step)
            }
            _ => Form::read(include_str!("../templates/binance-delivery.txt"), Style::Step, Style::Step),
        }
    }

    fn numbering(&self) -> Numbering {
        if self.id == "binance" { Numbering::Contiguous } else { Numbering::Sparse }
    }

    fn opens(&self, head: &Head, path: &str, session: &mut Session) -> bool {
        let root = ["/public", "/market"].into_iter().find(|root| path.starts_with(root));
        if root.is_some() && self.id != "binance-futures" {
            return false;
        }
        session.root = root.unwrap_or_default().to_owned();
        let path = path.strip_prefix(root.unwrap_or_default()).unwrap_or(path);
        session.is_micro =
            head.parameter("timeUnit").is_some_and(|unit| unit.eq_ignore_ascii_case("microsecond"));
        let split = |names: &str| names.split('/').filter(|n| !n.is_empty()).map(str::to_owned).collect();
        if let Some(names) = path.strip_prefix("/ws") {
            session.is_raw = true;
            session.named = split(names);
            return names.is_empty() || names.starts_with('/');
        }
        session.named = head.parameter("streams").map_or(Vec::new(), |names| split(&names));
        matches!(path, "" | "/" | "/stream")
    }

    fn greet(&self, talk: &mut Talk<'_>) {
        let names = std::mem::take(&mut talk.session.named);
        self.subscribe(&names, talk);
    }

    fn receive(&self, text: &str, talk: &mut Talk<'_>) {
        let Ok(value) = serde_json::from_str::<Value>(text) else {
            return talk.answer("error", &[("code", "3"), ("text", "Invalid JSON: expected value")]);
        };
        let Ok(Request { method, params, id }) = serde_json::from_value(value) else {
            return talk
                .answer("error", &[("code", "2"), ("text", "Invalid request: missing field `method`")]);
        };
        let id_text = id.to_string();
        let is_id = id.is_u64()
            || id.is_null()
            || id.as_str().is_some_and(|id| id.len() <= 36 && id.chars().all(|c| c.is_ascii_alphanumeric()));
        if !is_id {
            let text = "Invalid request: request ID must be an unsigned integer";
            return talk.answer("error", &[("code", "2"), ("text", text)]);
        }
        let names = params.as_array().map_or(Vec::new(), |all| {
            all.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect()
        });
        match method.as_str() {
            "SUBSCRIBE" | "UNSUBSCRIBE" => {
                talk.keeps_args(names.len(), text.len());
                let mut names = names;
                if method == "SUBSCRIBE" && talk.forgets_last() {
                    names.pop();
                }
                names.retain(|name| {
                    let symbol = name.split('@').next().unwrap_or_default();
                    !talk.refuses(symbol)
                });
                if !talk.loses_ack() {
                    talk.answer("ack", &[("id", &id_text)]);
                }
                if method == "SUBSCRIBE" {
                    self.subscribe(&names, talk);
                } else {
                    names.iter().for_each(|name| {
                        talk.unsubscribe(name);
                    });
                }
            }
            "LIST_SUBSCRIPTIONS" => {
                let names = talk.hub.names_of(talk.session.link);
                let quoted: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
                talk.answer("list", &[("id", &id_text), ("streams", &quoted.join(","))]);
            }
            "SET_PROPERTY" => match (params.get(0).and_then(Value::as_str), params.get(1)) {
                (Some("combined"), Some(Value::Bool(is_combined))) => {
                    talk.session.is_raw = !is_combined;
                    talk.answer("ack", &[("id", &id_text)]);
                }
                (Some("combined"), _) => {
                    talk.answer("error", &[("code", "1"), ("text", "Invalid value type: expected Boolean")]);
                }
                _ => talk.answer("error", &[("code", "0"), ("text", "Unknown property")]),
            },
            "GET_PROPERTY" => {
                let is_combined = (!talk.session.is_raw).to_string();
                let text = format!("{{\"result\":{is_combined},\"id\":{id_text}}}");
                talk.say(&text);
            }
            _ => {
                let text = "Invalid request: unknown variant, expected one of SUBSCRIBE, UNSUBSCRIBE, LIST_SUBSCRIPTIONS, SET_PROPERTY, GET_PROPERTY";
                talk.answer("error", &[("code", "2"), ("text", text)]);
            }
        }
    }

    fn rest(&self, head: &Head, path: &str, hub: &mut Hub) -> Answer {
        let (_, end) = path.rsplit_once('/').unwrap_or_default();
        let symbol = head.parameter("symbol").unwrap_or_default();
        match end {
            "exchangeInfo" => exchange_info(hub),
            "depth" | "openInterest" => {
                let Some(market) = hub.market(&symbol) else {
                    return Answer::error(400, r#"{"code":-1121,"msg":"Invalid symbol."}"#);
                };
                let symbol = hub.markets[market].symbol.clone();
                if end == "openInterest" && self.id != "binance" {
                    return Answer::json(hub.snapshot(market, "rest_interest", 0, 0));
                }
                let limit = head.parameter("limit").and_then(|limit| limit.parse().ok()).unwrap_or(100);
                let mut lag = hub.config.snapshot_lag;
                let place = hub.place(&symbol, What::Book);
                let faults = std::sync::Arc::clone(&hub.faults);
                let is_snapshot = |k: &SocketFaultKind| !matches!(k, SocketFaultKind::Rest { .. });
                for kind in faults.strike(Occasion::Rest, place, is_snapshot) {
                    let ids = hub.markets[market].ids;
                    match kind {
                        SocketFaultKind::SnapshotOlder { updates } => lag = updates,
                        SocketFaultKind::SnapshotNewer { updates } => hub.run_ahead(market, updates),
                        _ => continue,
                    }
                    hub.tell(
                        &kind.name(),
                        &symbol,
                        What::Book,
                        0,
                        (ids.first, hub.markets[market].ids.last),
                        1,
                    );
                }
                Answer::json(hub.snapshot(market, "rest_depth", limit, lag))
            }
            _ => Answer::error(404, "{}"),
        }
    }
}

/// The weight of a request (live.md 2.4, 3.1).
pub(in crate::sockets) fn weight(venue: &str, head: &Head, path: &str) -> u32 {
    let limit = head.parameter("limit").and_then(|limit| limit.parse().ok()).unwrap_or(100);
    match (venue, path.rsplit('/').next()) {
        ("binance", Some("depth")) => match limit {
            0..=100 => 5,
            101..=500 => 25,
            501..=1_000 => 50,
            _ => 250,
        },
        ("binance", Some("exchangeInfo")) => 20,
        (_, Some("depth")) => match limit {
            0..=50 => 2,
            51..=100 => 5,
            101..=500 => 10,
            _ => 20,
        },
        _ => 1,
    }
}

/// Symbols with their state, and the limit of weight.
fn exchange_info(hub: &Hub) -> Answer {
    let most = super::super::limits::of(hub.venue).weight_per_min.unwrap_or_default();
    let symbols: Vec<Value> = hub
        .symbols
        .iter()
        .map(|(listing, symbol)| {
            serde_json::json!({"symbol": symbol, "status": "TRADING", "baseAsset": listing.base, "quoteAsset": listing.quote})
        })
        .collect();
    let info = serde_json::json!({
        "timezone": "UTC",
        "serverTime": hub.clock.now_us() / 1_000,
        "rateLimits": [{"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": most}],
        "symbols": symbols,
    });
    Answer::json(info.to_string())
}
