//! Deribit (reference/live.md 5).

use serde_json::{Value, json};

use crate::generate::universe::listing::Kind;
use crate::sockets::http::Head;
use crate::sockets::hub::Hub;
use crate::sockets::hub::topic::{Topic, What};
use crate::sockets::market::Numbering;
use crate::sockets::protocol::{Protocol, Session, Talk};
use crate::sockets::template::Form;
use crate::sockets::template::number::Style;

/// The venue.
#[derive(Debug)]
pub(super) struct Deribit;

/// Seconds within which a test request must be answered. The documents say "at once" (live.md 5.1).
const TEST_WITHIN_S: i64 = 5;

/// Returns the stream of a channel. `None`: there is none, and the answer leaves it out.
fn topic(name: &str, hub: &Hub) -> Option<Topic> {
    let (channel, rest) = name.split_once('.')?;
    let (symbol, interval) = rest.rsplit_once('.').unwrap_or((rest, ""));
    let has_interval = matches!(channel, "book" | "trades" | "ticker" | "perpetual");
    let symbol = if has_interval { symbol } else { rest };
    if has_interval && !matches!(interval, "raw" | "100ms" | "agg2") {
        return None;
    }
    let (listing, known) = hub.symbols.find(symbol).filter(|(_, known)| *known == symbol)?;
    let is_option = matches!(listing.kind, Kind::Option | Kind::Combo);
    Some(match channel {
        "trades" => Topic {
            liquidation: Some("trades_liquidation"),
            ..Topic::new(name, known, What::Trade, "trades")
        },
        "book" => Topic::new(name, known, What::Book, "book").first("book_snapshot"),
        "ticker" if is_option => {
            Topic::new(name, known, What::Option, "ticker_option").first("ticker_option")
        }
        "ticker" => Topic::new(name, known, What::Ticker, "ticker").first("ticker"),
        "quote" => Topic::new(name, known, What::Best, "quote").first("quote"),
        _ => return None,
    })
}

fn say_result(id: &Value, result: &Value, talk: &mut Talk<'_>) {
    let (id, result, us) = (id.to_string(), result.to_string(), talk.now_us.to_string());
    talk.answer("result", &[("id", &id), ("result", &result), ("us", &us)]);
}

fn say_error(id: &Value, code: i64, text: &str, talk: &mut Talk<'_>) {
    talk.answer("error", &[("id", &id.to_string()), ("code", &code.to_string()), ("text", text)]);
}

fn subscribe(id: &Value, channels: &[&str], talk: &mut Talk<'_>) {
    // Recordings are raw, and whoever replays them needs no login.
    let needs_login = talk.hub.replay.is_none() && !talk.session.is_authenticated;
    if channels.iter().any(|name| name.ends_with(".raw")) && needs_login {
        return say_error(id, 13_778, "raw_subscriptions_not_available_for_unauthorized", talk);
    }
    let mut topics: Vec<Topic> = channels.iter().filter_map(|name| topic(name, talk.hub)).collect();
    if talk.forgets_last() {
        topics.pop();
    }
    topics.retain(|topic| !talk.refuses(&topic.symbols[0]));
    let accepted: Value = topics.iter().map(|topic| json!(topic.name)).collect();
    if !talk.loses_ack() {
        say_result(id, &accepted, talk);
    }
    for topic in topics {
        talk.subscribe(topic);
    }
}

impl Protocol for Deribit {
    fn form(&self) -> Form {
        Form::read(include_str!("../templates/deribit.txt"), Style::Float, Style::Float)
    }

    fn numbering(&self) -> Numbering {
        Numbering::Sparse
    }

    fn opens(&self, _head: &Head, path: &str, _session: &mut Session) -> bool {
        matches!(path, "" | "/" | "/ws/api/v2")
    }

    fn receive(&self, text: &str, talk: &mut Talk<'_>) {
        let Ok(request) = serde_json::from_str::<Value>(text) else {
            return say_error(&Value::Null, -32_700, "Parse error", talk);
        };
        let (id, params) = (&request["id"], &request["params"]);
        let listed = params["channels"].as_array();
        let channels: Vec<&str> = listed.into_iter().flatten().filter_map(Value::as_str).collect();
        match request["method"].as_str().unwrap_or_default() {
            "public/subscribe" | "private/subscribe" => {
                if !talk.keeps_args(channels.len(), text.len()) {
                    say_error(id, 10_028, "too_many_requests", talk);
                    return talk.end(1_008, "too_many_requests");
                }
                if request["method"] == "private/subscribe" && !talk.session.is_authenticated {
                    return say_error(id, 13_009, "unauthorized", talk);
                }
                subscribe(id, &channels, talk);
            }
            "public/unsubscribe" | "private/unsubscribe" => {
                let gone: Value = channels.iter().filter(|name| talk.unsubscribe(name)).copied().collect();
                say_result(id, &gone, talk);
            }
            "public/unsubscribe_all" => {
                for name in talk.hub.names_of(talk.session.link) {
                    talk.unsubscribe(&name);
                }
                say_result(id, &json!("ok"), talk);
            }
            "public/set_heartbeat" => match params["interval"].as_i64() {
                Some(interval) if interval >= 10 => {
                    talk.session.heartbeat_s = Some(interval);
                    talk.session.last_ping_us = talk.now_us;
                    say_result(id, &json!("ok"), talk);
                }
                _ => say_error(id, -32_602, "Invalid params", talk),
            },
            "public/disable_heartbeat" => {
                (talk.session.heartbeat_s, talk.session.unanswered_us) = (None, None);
                say_result(id, &json!("ok"), talk);
            }
            "public/test" => {
                talk.session.unanswered_us = None;
                say_result(id, &json!({"version": "1.2.26"}), talk);
            }
            "public/auth" => {
                talk.session.is_authenticated = params["client_id"].is_string();
                let result = json!({"access_token": "simulated", "expires_in": 900, "token_type": "bearer"});
                say_result(id, &result, talk);
            }
            "" => say_error(id, 11_050, "bad_request", talk),
            _ => say_error(id, -32_601, "Method not found", talk),
        }
    }

    /// Heartbeats: after each interval one, and with it a test request, which must be answered.
    fn tick(&self, talk: &mut Talk<'_>) {
        let Some(every_s) = talk.session.heartbeat_s else { return };
        if let Some(since) = talk.session.unanswered_us {
            let waited_s = (talk.now_us - since) / 1_000_000;
            if waited_s >= TEST_WITHIN_S {
                talk.keeps("test_request_s", waited_s as usize + 1, Some(TEST_WITHIN_S as usize));
                talk.end(1_000, "heartbeat");
            }
        } else if talk.now_us - talk.session.last_ping_us >= every_s * 1_000_000 {
            talk.session.last_ping_us = talk.now_us;
            talk.session.unanswered_us = Some(talk.now_us);
            talk.answer("heartbeat", &[("type", "heartbeat")]);
            talk.answer("heartbeat", &[("type", "test_request")]);
        }
    }
}
