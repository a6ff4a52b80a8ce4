//! Coinbase Exchange (reference/live.md 9).

use serde_json::{Value, json};

use crate::sockets::http::Head;
use crate::sockets::hub::topic::{Topic, What};
use crate::sockets::market::Numbering;
use crate::sockets::protocol::{Protocol, Session, Talk};
use crate::sockets::template::Form;
use crate::sockets::template::number::Style;

/// The venue.
#[derive(Debug)]
pub(super) struct Coinbase;

/// Returns the streams of a request: channels with their products, or names with products for all.
fn streams(request: &Value) -> Vec<(String, String)> {
    let texts = |value: &Value| -> Vec<String> {
        value.as_array().into_iter().flatten().filter_map(|text| text.as_str().map(str::to_owned)).collect()
    };
    let common = texts(&request["product_ids"]);
    let mut streams = Vec::new();
    for channel in request["channels"].as_array().into_iter().flatten() {
        let (name, products) = match channel.as_str() {
            Some(name) => (name.to_owned(), common.clone()),
            None => (channel["name"].as_str().unwrap_or_default().to_owned(), texts(&channel["product_ids"])),
        };
        streams.extend(products.into_iter().map(|product| (name.clone(), product)));
    }
    streams
}

fn say_error(reason: &str, talk: &mut Talk<'_>) {
    talk.answer("error", &[("text", "Failed to subscribe"), ("reason", reason)]);
}

fn topic(channel: &str, product: &str, talk: &Talk<'_>) -> Option<Topic> {
    let (_, known) = talk.hub.symbols.find(product).filter(|(_, known)| *known == product)?;
    let name = format!("{channel}:{product}");
    Some(match channel {
        "matches" => Topic::new(&name, known, What::Trade, "match").first("last_match"),
        "level2_batch" => Topic::new(&name, known, What::Book, "book").first("book_snapshot"),
        "level2" if talk.session.is_authenticated => {
            Topic::new(&name, known, What::Book, "book").first("book_snapshot")
        }
        "ticker" => Topic::new(&name, known, What::Best, "ticker").first("ticker"),
        // Beats with the market and not with the second.
        "heartbeat" => Topic::new(&name, known, What::Ticker, "heartbeat").first("heartbeat"),
        _ => return None,
    })
}

fn say_subscriptions(talk: &mut Talk<'_>) {
    let names = talk.hub.names_of(talk.session.link);
    let mut channels: Vec<(String, Vec<String>)> = Vec::new();
    for (channel, product) in names.iter().filter_map(|name| name.split_once(':')) {
        match channels.iter_mut().find(|(known, _)| known == channel) {
            Some((_, products)) => products.push(product.to_owned()),
            None => channels.push((channel.to_owned(), vec![product.to_owned()])),
        }
    }
    let texts: Vec<String> = channels
        .iter()
        .map(|(name, products)| format!(r#"{{"name":"{name}","product_ids":{}}}"#, json!(products)))
        .collect();
    talk.answer("subscriptions", &[("channels", &texts.join(","))]);
}

impl Protocol for Coinbase {
    fn form(&self) -> Form {
        Form::read(include_str!("../templates/coinbase.txt"), Style::Step, Style::Fixed(8))
    }

    fn numbering(&self) -> Numbering {
        Numbering::Sparse
    }

    fn opens(&self, _head: &Head, path: &str, _session: &mut Session) -> bool {
        matches!(path, "" | "/")
    }

    fn receive(&self, text: &str, talk: &mut Talk<'_>) {
        let Ok(request) = serde_json::from_str::<Value>(text) else {
            return say_error("malformed json", talk);
        };
        let streams = streams(&request);
        match request["type"].as_str().unwrap_or_default() {
            "subscribe" => {
                talk.session.is_authenticated |= request["key"].is_string();
                let mut topics = Vec::new();
                for (channel, product) in &streams {
                    let topic = topic(channel, product, talk);
                    match topic.filter(|topic| !talk.refuses(&topic.symbols[0])) {
                        Some(topic) => topics.push(topic),
                        None => return say_error(&format!("{product} is not a valid product"), talk),
                    }
                }
                if topics.is_empty() {
                    return say_error("no channels", talk);
                }
                if talk.forgets_last() {
                    topics.pop();
                }
                let is_said = !talk.loses_ack();
                for topic in topics {
                    talk.subscribe(topic);
                }
                // The venue's answer comes before or after the first snapshots; here after.
                if is_said {
                    say_subscriptions(talk);
                }
            }
            "unsubscribe" => {
                for (channel, product) in &streams {
                    talk.unsubscribe(&format!("{channel}:{product}"));
                }
                say_subscriptions(talk);
            }
            _ => say_error("unknown type", talk),
        }
    }
}
