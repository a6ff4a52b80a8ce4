//! Whether the server lives, and what it serves.

use axum::response::{IntoResponse, Response};
use futures::future::BoxFuture;
use serde_json::{Value, json};

use super::{Answered, Ask};
use crate::problem::Problem;
use crate::state::now_us;

/// A JSON document as an answer.
pub(crate) fn document(value: &Value) -> Response {
    ([("content-type", "application/json"), ("cache-control", "no-cache")], value.to_string()).into_response()
}

/// A moment, microseconds since the Unix epoch, as RFC 3339 in UTC.
pub(crate) fn rfc3339(us: i64) -> String {
    let time = chrono::DateTime::from_timestamp_micros(us).unwrap_or_default();
    time.to_rfc3339_opts(chrono::SecondsFormat::Micros, true)
}

pub(super) fn health(_ask: Ask) -> BoxFuture<'static, Answered> {
    Box::pin(async { Ok(document(&json!({"status": "alive"}))) })
}

pub(super) fn status(ask: Ask) -> BoxFuture<'static, Answered> {
    Box::pin(async move {
        let days = ask.state.context.days().await.map_err(Problem::from)?;
        Ok(document(&json!({
            "version": env!("CARGO_PKG_VERSION"),
            "as_of": rfc3339(now_us()),
            "uptime_seconds": ask.state.started.elapsed().as_secs(),
            "days": days.len(),
            "first_day": days.first().map(ToString::to_string),
            "last_day": days.last().map(ToString::to_string),
        })))
    })
}

pub(super) fn days(ask: Ask) -> BoxFuture<'static, Answered> {
    Box::pin(async move {
        let days = ask.state.context.days().await.map_err(Problem::from)?;
        let days: Vec<String> = days.iter().map(ToString::to_string).collect();
        Ok(document(&json!({"as_of": rfc3339(now_us()), "days": days})))
    })
}
