//! Bybit: linear and inverse, spot, options (reference/live.md 7).

use serde_json::Value;

use crate::generate::universe::listing::{Kind, Margin};
use crate::sockets::http::Head;
use crate::sockets::hub::Hub;
use crate::sockets::hub::topic::{Topic, What};
use crate::sockets::market::Numbering;
use crate::sockets::protocol::{Protocol, Session, Talk};
use crate::sockets::template::Form;
use crate::sockets::template::number::Style;

/// One of its three.
#[derive(Debug)]
pub(super) struct Bybit {
    pub(super) id: &'static str,
}

impl Bybit {
    /// Returns the stream of a topic. `None`: there is none in this category.
    fn topic(&self, name: &str, session: &Session, hub: &Hub) -> Option<Topic> {
        let is_options = self.id == "bybit-options";
        let (channel, symbol) = match name.strip_prefix("orderbook.") {
            Some(rest) => {
                let (depth, symbol) = rest.split_once('.')?;
                let depths: &[&str] = if is_options { &["25", "100"] } else { &["1", "50", "200", "1000"] };
                let depth = depths.iter().find(|known| **known == depth)?;
                (if *depth == "1" { "best" } else { "book" }, symbol)
            }
            None => name.split_once('.')?,
        };
        if is_options && channel == "publicTrade" {
            // Trades of all options of a coin.
            let of_coin = hub.symbols.iter().filter(|(listing, _)| listing.base == symbol);
            let symbols: Vec<String> = of_coin.map(|(_, symbol)| symbol.to_owned()).take(200).collect();
            let first = symbols.first()?.clone();
            return Some(Topic { symbols, ..Topic::new(name, &first, What::Trade, "trade") });
        }
        let (listing, known) = hub.symbols.find(symbol).filter(|(_, known)| *known == symbol)?;
        let is_inverse = listing.margin == Margin::Inverse;
        let is_here = match session.root.as_str() {
            "linear" => !is_inverse,
            "inverse" => is_inverse,
            _ => true,
        };
        if !is_here {
            return None;
        }
        let is_derivative = matches!(listing.kind, Kind::Perpetual | Kind::Future);
        Some(match channel {
            "publicTrade" => Topic::new(name, known, What::Trade, "trade"),
            "best" => Topic::new(name, known, What::Best, "best").first("best"),
            "book" => Topic::new(name, known, What::Book, "book").first("book_snapshot"),
            "tickers" if is_options => Topic::new(name, known, What::Option, "ticker").first("ticker"),
            "tickers" if is_derivative => {
                Topic::new(name, known, What::Ticker, "ticker").first("ticker_snapshot")
            }
            "allLiquidation" if is_derivative => Topic::new(name, known, What::Liquidation, "liquidation"),
            _ => return None,
        })
    }

    fn say(&self, is_good: bool, text: &str, op: &str, id: &str, topics: [&str; 2], talk: &mut Talk<'_>) {
        let conn = format!("simulated-{}", talk.session.link);
        let success = is_good.to_string();
        let fields = [
            ("success", success.as_str()),
            ("text", text),
            ("conn", &conn),
            ("id", id),
            ("op", op),
            ("topics", topics[0]),
            ("failed", topics[1]),
        ];
        talk.answer("ack", &fields);
    }
}

impl Protocol for Bybit {
    fn form(&self) -> Form {
        match self.id {
            "bybit" => Form::read(include_str!("../templates/bybit.txt"), Style::Step, Style::Short),
            "bybit-spot" => {
                Form::read(include_str!("../templates/bybit-spot.txt"), Style::Step, Style::Short)
            }
            _ => Form::read(include_str!("../templates/bybit-options.txt"), Style::Short, Style::Short),
        }
    }

    fn numbering(&self) -> Numbering {
        Numbering::Counter
    }

    fn opens(&self, _head: &Head, path: &str, session: &mut Session) -> bool {
        let roots: &[&str] = match self.id {
            "bybit" => &["linear", "inverse"],
            "bybit-spot" => &["spot"],
            _ => &["option"],
        };
        match path.strip_prefix("/v5/public/") {
            Some(root) => {
                session.root = root.to_owned();
                roots.contains(&root)
            }
            None => matches!(path, "" | "/"),
        }
    }

    fn receive(&self, text: &str, talk: &mut Talk<'_>) {
        let Ok(request) = serde_json::from_str::<Value>(text) else {
            return self.say(false, "error: invalid request", "", "", ["", ""], talk);
        };
        let id = request["req_id"].as_str().unwrap_or_default();
        let listed = request["args"].as_array();
        let names: Vec<&str> = listed.into_iter().flatten().filter_map(Value::as_str).collect();
        match request["op"].as_str().unwrap_or_default() {
            "ping" if self.id == "bybit-options" => {
                let ms = (talk.now_us / 1_000).to_string();
                talk.answer("pong", &[("ms", &ms)]);
            }
            "ping" => self.say(true, "pong", "ping", id, ["", ""], talk),
            "subscribe" => {
                let bytes = names.iter().map(|name| name.len()).sum();
                if !talk.keeps_args(names.len(), bytes) {
                    return self.say(false, "args size >10", "subscribe", id, ["", ""], talk);
                }
                let mut topics = Vec::new();
                for name in &names {
                    let topic = self.topic(name, talk.session, talk.hub);
                    match topic.filter(|topic| !talk.refuses(&topic.symbols[0])) {
                        Some(topic) => topics.push(topic),
                        // One bad topic fails the request (live.md 7.1, uncertain).
                        None => {
                            let text = format!("error:handler not found,topic:{name}");
                            let failed = format!("\"{name}\"");
                            return self.say(false, &text, "subscribe", id, ["", &failed], talk);
                        }
                    }
                }
                if talk.forgets_last() {
                    topics.pop();
                }
                let good: Vec<String> = topics.iter().map(|topic| format!("\"{}\"", topic.name)).collect();
                if !talk.loses_ack() {
                    self.say(true, "subscribe", "subscribe", id, [&good.join(","), ""], talk);
                }
                for topic in topics {
                    talk.subscribe(topic);
                }
            }
            "unsubscribe" => {
                for name in &names {
                    talk.unsubscribe(name);
                }
                self.say(true, "", "unsubscribe", id, ["", ""], talk);
            }
            _ => self.say(false, "error: unknown op", "", id, ["", ""], talk),
        }
    }
}
