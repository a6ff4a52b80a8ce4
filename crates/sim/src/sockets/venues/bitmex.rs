//! BitMEX (reference/live.md 11).

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
pub(super) struct Bitmex;

fn topic(name: &str, talk: &Talk<'_>) -> Option<Topic> {
    let (table, symbol) = name.split_once(':')?;
    let (_, known) = talk.hub.symbols.find(symbol).filter(|(_, known)| *known == symbol)?;
    Some(match table {
        "trade" => Topic::new(name, known, What::Trade, "trade").first("trade_partial"),
        "orderBookL2" => {
            Topic { splits: true, ..Topic::new(name, known, What::Book, "book").first("book_partial") }
        }
        "quote" => Topic::new(name, known, What::Best, "quote").first("quote_partial"),
        "instrument" => Topic::new(name, known, What::Ticker, "instrument").first("instrument_partial"),
        "liquidation" => Topic::new(name, known, What::Liquidation, "liquidation"),
        _ => return None,
    })
}

impl Protocol for Bitmex {
    fn form(&self) -> Form {
        Form::read(include_str!("../templates/bitmex.txt"), Style::Short, Style::Short)
    }

    fn numbering(&self) -> Numbering {
        Numbering::Sparse
    }

    fn opens(&self, head: &Head, path: &str, session: &mut Session) -> bool {
        let named = head.parameter("subscribe").unwrap_or_default();
        session.named = named.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect();
        matches!(path, "" | "/" | "/realtime")
    }

    fn greet(&self, talk: &mut Talk<'_>) {
        let time = iso(talk.now_us);
        talk.answer("welcome", &[("time", &time)]);
        for name in std::mem::take(&mut talk.session.named) {
            if let Some(topic) = topic(&name, talk) {
                talk.subscribe(topic);
            }
        }
    }

    fn receive(&self, text: &str, talk: &mut Talk<'_>) {
        if text == "ping" {
            return talk.say("pong");
        }
        let request = serde_json::from_str::<Value>(text).unwrap_or_default();
        let args = match &request["args"] {
            Value::String(one) => vec![one.clone()],
            Value::Array(all) => all.iter().filter_map(|arg| arg.as_str().map(str::to_owned)).collect(),
            _ => Vec::new(),
        };
        let compact = text.trim().to_owned();
        match request["op"].as_str().unwrap_or_default() {
            op @ "subscribe" => {
                talk.keeps_args(args.len(), text.len());
                for (place, name) in args.iter().enumerate() {
                    let Some(topic) = topic(name, talk).filter(|topic| !talk.refuses(&topic.symbols[0]))
                    else {
                        let text = format!("Unknown or expired symbol in {name}");
                        talk.answer("error", &[("text", &text)]);
                        continue;
                    };
                    if place + 1 == args.len() && talk.forgets_last() {
                        continue;
                    }
                    if !talk.loses_ack() {
                        talk.answer("ack", &[("op", op), ("topic", name), ("request", &compact)]);
                    }
                    talk.subscribe(topic);
                }
            }
            op @ "unsubscribe" => {
                for name in &args {
                    talk.unsubscribe(name);
                    talk.answer("ack", &[("op", op), ("topic", name), ("request", &compact)]);
                }
            }
            _ => talk.answer("error", &[("text", "Unknown op")]),
        }
    }
}
