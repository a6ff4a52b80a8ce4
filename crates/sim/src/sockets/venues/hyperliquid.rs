//! Hyperliquid (reference/live.md 12): one subscription a message.

use serde_json::Value;

use crate::sockets::http::Head;
use crate::sockets::hub::topic::{Topic, What};
use crate::sockets::market::Numbering;
use crate::sockets::protocol::{Protocol, Session, Talk};
use crate::sockets::template::Form;
use crate::sockets::template::number::Style;

/// The venue.
#[derive(Debug)]
pub(super) struct Hyperliquid;

/// Levels of a side (uncertain).
const DEPTH: usize = 20;

fn topic(subscription: &Value, talk: &Talk<'_>) -> Option<Topic> {
    let [kind, coin] =
        [&subscription["type"], &subscription["coin"]].map(|text| text.as_str().unwrap_or_default());
    let (_, known) = talk.hub.symbols.find(coin).filter(|(_, known)| *known == coin)?;
    let name = name(subscription);
    let is_fast = subscription["fast"] == true;
    Some(match kind {
        "trades" => Topic::new(&name, known, What::Trade, "trade").first("trade"),
        "l2Book" => {
            let kind = if is_fast { "book_fast" } else { "book" };
            Topic { depth: DEPTH, ..Topic::new(&name, known, What::Book, kind).first(kind) }
        }
        "bbo" => Topic::new(&name, known, What::Best, "best").first("best"),
        "activeAssetCtx" => Topic::new(&name, known, What::Ticker, "context").first("context"),
        _ => return None,
    })
}

fn name(subscription: &Value) -> String {
    format!("{}:{}:{}", subscription["type"], subscription["coin"], subscription["fast"] == true)
}

impl Protocol for Hyperliquid {
    fn form(&self) -> Form {
        Form::read(include_str!("../templates/hyperliquid.txt"), Style::Short, Style::Short)
    }

    fn numbering(&self) -> Numbering {
        Numbering::Counter
    }

    fn opens(&self, _head: &Head, path: &str, _session: &mut Session) -> bool {
        matches!(path, "" | "/" | "/ws")
    }

    fn receive(&self, text: &str, talk: &mut Talk<'_>) {
        let request = serde_json::from_str::<Value>(text).unwrap_or_default();
        let subscription = &request["subscription"];
        match request["method"].as_str().unwrap_or_default() {
            "ping" => talk.answer("pong", &[]),
            "subscribe" => {
                let topic = topic(subscription, talk).filter(|topic| !talk.refuses(&topic.symbols[0]));
                let Some(topic) = topic else {
                    let text = format!("Invalid subscription {}", subscription.to_string().replace('"', "'"));
                    return talk.answer("error", &[("text", &text)]);
                };
                if talk.forgets_last() {
                    return;
                }
                if !talk.loses_ack() {
                    talk.answer("ack", &[("data", &request.to_string())]);
                }
                talk.subscribe(topic);
            }
            "unsubscribe" => {
                talk.unsubscribe(&name(subscription));
                talk.answer("ack", &[("data", &request.to_string())]);
            }
            _ => talk.answer("error", &[("text", "Error parsing JSON into valid websocket request")]),
        }
    }
}
