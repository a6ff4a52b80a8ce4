//! Upbit (reference/live.md 8): one request is an array, everything comes in binary frames.

use serde_json::{Value, json};

use crate::sockets::http::Head;
use crate::sockets::hub::topic::{Topic, What};
use crate::sockets::market::Numbering;
use crate::sockets::protocol::{Protocol, Session, Talk};
use crate::sockets::template::Form;
use crate::sockets::template::number::Style;

/// The venue.
#[derive(Debug)]
pub(super) struct Upbit;

fn say_error(name: &str, text: &str, talk: &mut Talk<'_>) {
    talk.answer("error", &[("name", name), ("text", text)]);
}

/// Returns the streams of one part of a request.
fn topics(part: &Value, is_simple: bool, talk: &Talk<'_>) -> Vec<Topic> {
    let kind = part["type"].as_str().unwrap_or_default();
    let is_live = ["isOnlyRealtime", "is_only_realtime"].iter().any(|name| part[*name] == json!(true));
    let codes = part["codes"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let topic = |code: &str| {
        let (symbol, depth) = code.split_once('.').unwrap_or((code, "30"));
        let depth = depth.parse().ok().filter(|depth| [1, 5, 15, 30].contains(depth))?;
        let (_, known) = talk.hub.symbols.find(symbol).filter(|(_, known)| *known == symbol)?;
        let name = format!("{kind}:{code}");
        let (what, every) = match (kind, is_simple) {
            ("trade", false) => (What::Trade, "trade"),
            ("trade", true) => (What::Trade, "trade_simple"),
            ("orderbook", false) => (What::Book, "orderbook"),
            ("orderbook", true) => (What::Book, "orderbook_simple"),
            _ => return None,
        };
        let first = match every {
            _ if is_live => None,
            "orderbook" => Some("orderbook_snapshot"),
            "orderbook_simple" => Some("orderbook_snapshot_simple"),
            _ => None,
        };
        Some(Topic { first, depth, is_micro: is_simple, ..Topic::new(&name, known, what, every) })
    };
    codes.filter_map(topic).collect()
}

impl Protocol for Upbit {
    fn form(&self) -> Form {
        Form::read(include_str!("../templates/upbit.txt"), Style::Short, Style::Short)
    }

    fn numbering(&self) -> Numbering {
        Numbering::Counter
    }

    fn opens(&self, _head: &Head, path: &str, _session: &mut Session) -> bool {
        matches!(path, "" | "/" | "/websocket/v1")
    }

    fn receive(&self, text: &str, talk: &mut Talk<'_>) {
        if text == "PING" {
            return talk.say(r#"{"status":"UP"}"#);
        }
        // With an Origin one request in 10 s (live.md 8).
        if talk.session.has_origin {
            let last_us = talk.session.asked.back().copied().unwrap_or(i64::MIN / 2);
            let is_early = talk.now_us - last_us < 10_000_000;
            talk.session.asked.push_back(talk.now_us);
            if is_early {
                talk.keeps("requests_per_10_s_with_origin", 2, Some(1));
                return talk.end(1_008, "too many requests");
            }
        }
        let Ok(Value::Array(parts)) = serde_json::from_str::<Value>(text) else {
            return say_error("WRONG_FORMAT", "Format is wrong.", talk);
        };
        let Some(ticket) = parts.iter().find_map(|part| part["ticket"].as_str()) else {
            return say_error("NO_TICKET", "Ticket is missing.", talk);
        };
        let format = parts.iter().find_map(|part| part["format"].as_str());
        let is_simple = format == Some("SIMPLE");
        if parts.iter().any(|part| part["method"] == "LIST_SUBSCRIPTIONS") {
            let names = talk.hub.names_of(talk.session.link);
            let each = names.iter().filter_map(|name| name.split_once(':'));
            let listed: Vec<String> =
                each.map(|(kind, code)| json!({"type": kind, "codes": [code]}).to_string()).collect();
            return talk.answer("list", &[("streams", &listed.join(",")), ("ticket", ticket)]);
        }
        let typed: Vec<&Value> = parts.iter().filter(|part| part["type"].is_string()).collect();
        if typed.is_empty() {
            return say_error("NO_TYPE", "Type is missing.", talk);
        }
        if typed.iter().any(|part| part["codes"].as_array().is_none_or(Vec::is_empty)) {
            return say_error("NO_CODES", "Codes are missing.", talk);
        }
        // A later request replaces what was subscribed to (live.md 8, uncertain).
        for name in talk.hub.names_of(talk.session.link) {
            talk.unsubscribe(&name);
        }
        let mut all: Vec<Topic> = typed.iter().flat_map(|part| topics(part, is_simple, talk)).collect();
        if talk.forgets_last() {
            all.pop();
        }
        for topic in all {
            if !talk.refuses(&topic.symbols[0]) {
                talk.subscribe(topic);
            }
        }
    }
}
