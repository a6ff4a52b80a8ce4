//! Short dialogues with a feed: what happens, and everything that it gives out, as texts.

use mtdh_core::DataType;
use mtdh_source::live::feed::{Closed, ConnectionId, Frame};
use mtdh_source::live::out::Send;
use mtdh_source::live::venue::Want;
use mtdh_source::live::venues;
use serde_json::Value;

use super::Fed;
use super::messages::messages;

/// What happens.
#[derive(Clone, Copy, Debug)]
pub enum Step<'a> {
    Open(u32),
    Close(u32),
    Say(&'a str),
    /// On another connection than the first.
    SayOn(u32, &'a str),
    Answer(&'a str, u16, &'a str),
    Tick,
    Midnight,
}

/// A dialogue: when (microseconds), what happens, and what is given out.
pub type Dialogue<'a> = &'a [(i64, Step<'a>, &'a [&'a str])];

pub const SECOND: i64 = 1_000_000;

/// 2026-09-01, when nothing is verified by checksum on OKX any more.
pub const NOW: i64 = 1_788_220_800 * SECOND;

/// Plays a dialogue with a new feed, and compares each step.
pub fn play(name: &str, exchange: &str, symbols: &[&str], data_types: &[DataType], dialogue: Dialogue<'_>) {
    let want = Want {
        symbols: symbols.iter().map(|symbol| (*symbol).to_owned()).collect(),
        data_types: data_types.to_vec(),
        is_recorded: false,
    };
    let mut fed = Fed::new(venues::find(exchange).unwrap(), &want);
    for (place, (at, step, expected)) in dialogue.iter().enumerate() {
        let (feed, out) = (&mut fed.feed, &mut fed.out);
        match *step {
            Step::Open(connection) => feed.opened(ConnectionId(connection), *at, out),
            Step::Close(connection) => feed.closed(ConnectionId(connection), Closed::Remote, *at, out),
            Step::Say(text) => feed.message(ConnectionId(0), Frame::Data(text.as_bytes()), *at, out),
            Step::SayOn(connection, text) => {
                feed.message(ConnectionId(connection), Frame::Data(text.as_bytes()), *at, out);
            }
            Step::Answer(request, status, body) => feed.answer(request, status, body.as_bytes(), *at, out),
            Step::Tick => feed.tick(*at, out),
            Step::Midnight => feed.midnight(*at, out),
        }
        assert_eq!(told(&mut fed, exchange), *expected, "{name}, step {place} of {exchange}: {step:?}");
    }
}

/// Everything that was given out since it was last asked.
pub fn told(fed: &mut Fed, exchange: &str) -> Vec<String> {
    let taken = fed.out.rows.take();
    let mut told: Vec<String> =
        messages(&fed.out.rows, &taken, exchange).iter().map(row).filter(|text| !text.is_empty()).collect();
    let out = &mut fed.out;
    told.extend(out.sends.drain(..).map(|(connection, send)| match send {
        Send::Text(text) => format!("{}> {text}", connection.0),
        Send::Ping => format!("{}> ping frame", connection.0),
    }));
    told.extend(out.requests.drain(..).map(|request| format!("? {}", request.path)));
    told.extend(out.gaps.drain(..).map(|gap| {
        let state = if gap.to == gap.from { "open" } else { "closed" };
        let proof = if gap.is_proven { "proven" } else { "suspected" };
        let missing = gap.missing.map_or(String::new(), |missing| format!(" {missing} missing"));
        format!("gap {} {} {state} {proof}{missing}", gap.kind, gap.symbol.as_deref().unwrap_or("all"))
    }));
    told.extend(out.refused.drain(..).map(|(_, stream, words)| format!("refused {stream}: {words}")));
    told.extend(out.ending.drain(..).map(|connection| format!("ending {}", connection.0)));
    told.extend(out.reconnects.drain(..).map(|(_, reason)| format!("reconnect: {reason}")));
    if std::mem::take(&mut out.accepted) > 0 {
        told.push("accepted".to_owned());
    }
    if std::mem::take(&mut out.unread) > 0 {
        told.push("unread".to_owned());
        out.unread_texts.clear();
    }
    told
}

fn row(message: &Value) -> String {
    let of = |key: &str| match &message[key] {
        Value::String(text) => text.clone(),
        Value::Null => "-".to_owned(),
        other => other.as_f64().map_or_else(|| other.to_string(), |number| number.to_string()),
    };
    let list = |keys: &[&str]| keys.iter().map(|key| of(key)).collect::<Vec<_>>().join(" ");
    match message["type"].as_str().unwrap() {
        "book_change" => {
            let side = |key: &str| {
                let levels = message[key].as_array().unwrap().iter();
                levels.map(|l| format!("{}@{}", l["price"], l["amount"])).collect::<Vec<_>>().join(",")
            };
            let kind = if message["isSnapshot"] == true { "book" } else { "change" };
            format!("{kind} {} bids {} asks {}", of("symbol"), side("bids"), side("asks"))
        }
        "derivative_ticker" => format!(
            "ticker {}",
            list(&["symbol", "fundingRate", "openInterest", "lastPrice", "indexPrice", "markPrice"])
        ),
        "book_ticker" => {
            format!("quote {}", list(&["symbol", "bidPrice", "bidAmount", "askPrice", "askAmount"]))
        }
        "option_summary" => {
            format!(
                "option {}",
                list(&["symbol", "strikePrice", "bestBidPrice", "markPrice", "underlyingPrice"])
            )
        }
        kind => format!("{kind} {}", list(&["symbol", "id", "side", "price", "amount"])),
    }
}
