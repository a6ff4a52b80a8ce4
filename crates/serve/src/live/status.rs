//! `/live/status`: how the recording goes, by exchange and stream.

use futures::future::BoxFuture;
use serde_json::{Value, json};

use crate::api::status::{document as answer, rfc3339};
use crate::api::{Answered, Ask};
use crate::state::{Shared, now_us};

/// How the recording goes. Times are RFC 3339.
pub(crate) fn document(state: &Shared) -> Value {
    let now = now_us();
    let Some(hub) = &state.options.live else {
        return json!({"as_of": rfc3339(now), "is_recording": false, "detail": super::NOTHING,
            "since": null, "events": 0, "listeners": 0, "venues": []});
    };
    let status = hub.status();
    let time = |us: Option<i64>| us.map(rfc3339);
    let venues = status.venues.iter().map(|venue| {
        let streams = venue.streams.iter().map(|stream| {
            json!({"symbol": stream.symbol, "data_type": stream.data_type, "instrument_key": stream.instrument_key,
                "state": stream.state, "last_arrival": time(stream.last_arrival),
                "age_seconds": stream.last_arrival.or(stream.asked).map(|us| (now - us).max(0) as f64 / 1e6),
                "messages": stream.messages, "rows": stream.rows, "gaps": stream.gaps, "missing": stream.missing,
                "proof": stream.proof})
        });
        json!({"exchange": venue.exchange, "state": venue.state, "detail": venue.detail, "since": time(venue.since),
            "errors": venue.errors, "is_experimental": venue.is_experimental, "streams": streams.collect::<Vec<_>>()})
    });
    let venues: Vec<Value> = venues.collect();
    json!({"as_of": rfc3339(now), "is_recording": true, "detail": "", "since": rfc3339(status.opened),
        "events": status.events, "listeners": status.listeners, "venues": venues})
}

/// Answers with it.
pub(crate) fn status(ask: Ask) -> BoxFuture<'static, Answered> {
    Box::pin(async move { Ok(answer(&document(&ask.state))) })
}
