//! Kraken spot, v2 (reference/live.md 10).

use serde_json::Value;

use crate::generate::times::iso;
use crate::sockets::http::Head;
use crate::sockets::hub::topic::{Topic, What};
use crate::sockets::market::Numbering;
use crate::sockets::protocol::{Protocol, Session, Talk};
use crate::sockets::template::Form;
use crate::sockets::template::number::Style;

/// The venue.
#[derive(Debug)]
pub(super) struct Kraken;

fn topic(channel: &str, symbol: &str, params: &Value, talk: &Talk<'_>) -> Option<Topic> {
    let (_, known) = talk.hub.symbols.find(symbol).filter(|(_, known)| *known == symbol)?;
    let name = format!("{channel}:{symbol}");
    Some(match channel {
        "trade" => Topic::new(&name, known, What::Trade, "trade").first("trade_snapshot"),
        "ticker" => Topic::new(&name, known, What::Best, "ticker").first("ticker_snapshot"),
        "book" => {
            let depth = params["depth"].as_u64().unwrap_or(10) as usize;
            if ![10, 25, 100, 500, 1_000].contains(&depth) {
                return None;
            }
            Topic { depth, ..Topic::new(&name, known, What::Book, "book").first("book_snapshot") }
        }
        _ => return None,
    })
}

impl Protocol for Kraken {
    fn form(&self) -> Form {
        Form::read(include_str!("../templates/kraken.txt"), Style::Step, Style::Fixed(8))
    }

    fn numbering(&self) -> Numbering {
        Numbering::Counter
    }

    fn opens(&self, _head: &Head, path: &str, _session: &mut Session) -> bool {
        matches!(path, "" | "/" | "/v2")
    }

    fn greet(&self, talk: &mut Talk<'_>) {
        talk.answer("status", &[]);
    }

    fn receive(&self, text: &str, talk: &mut Talk<'_>) {
        let time = format!("{}000Z", &iso(talk.now_us)[..23]);
        let request = serde_json::from_str::<Value>(text).unwrap_or_default();
        let params = &request["params"];
        let channel = params["channel"].as_str().unwrap_or_default();
        let listed = params["symbol"].as_array();
        let symbols: Vec<&str> = listed.into_iter().flatten().filter_map(Value::as_str).collect();
        match request["method"].as_str().unwrap_or_default() {
            "ping" => talk.answer("pong", &[]),
            method @ "subscribe" => {
                for (place, symbol) in symbols.iter().enumerate() {
                    let topic = topic(channel, symbol, params, talk).filter(|_| !talk.refuses(symbol));
                    let fields =
                        [("method", method), ("time", &time), ("channel", channel), ("symbol", symbol)];
                    let Some(topic) = topic else {
                        let text = format!("Currency pair not supported {symbol}");
                        talk.answer("error", &[("method", method), ("time", &time), ("text", &text)]);
                        continue;
                    };
                    if place + 1 == symbols.len() && talk.forgets_last() {
                        continue;
                    }
                    if !talk.loses_ack() {
                        talk.answer("ack", &fields);
                    }
                    talk.subscribe(topic);
                }
            }
            method @ "unsubscribe" => {
                for symbol in symbols {
                    talk.unsubscribe(&format!("{channel}:{symbol}"));
                    let fields =
                        [("method", method), ("time", &time), ("channel", channel), ("symbol", symbol)];
                    talk.answer("ack", &fields);
                }
            }
            _ => talk.answer("error", &[("method", "none"), ("time", &time), ("text", "Method not found")]),
        }
    }

    /// About once a second when nothing else is sent.
    fn tick(&self, talk: &mut Talk<'_>) {
        if talk.session.has_subscribed && talk.now_us - talk.session.last_push_us >= 1_000_000 {
            talk.answer("heartbeat", &[]);
        }
    }
}
