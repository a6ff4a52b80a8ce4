//! Whether the server lives, what it serves, and its counters.

use std::fmt::Write;
use std::sync::atomic::Ordering;

use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures::future::BoxFuture;
use mtdh_engine::EngineError;
use serde::Serialize;
use serde_json::json;

use super::{Answered, Ask};
use crate::state::now_us;

/// A JSON document as an answer.
pub(crate) fn document(value: &impl Serialize) -> Response {
    // Names of members are texts, and writing to memory does not fail.
    let text = serde_json::to_vec(value).unwrap_or_default();
    ([("content-type", "application/json"), ("cache-control", "private, no-cache")], text).into_response()
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
        let days = ask.state.context.days().await?;
        let newest = match ask.state.instruments(None).await {
            Ok((day, _)) => Some(day.to_string()),
            Err(EngineError::NoInstrumentTable) => None,
            Err(error) => return Err(error.into()),
        };
        let (looked, all) = ask.state.seen.looked_at();
        Ok(document(&json!({
            "version": env!("CARGO_PKG_VERSION"),
            "as_of": rfc3339(now_us()),
            "uptime_seconds": ask.state.started.elapsed().as_secs(),
            "days": days.len(),
            "first_day": days.first().map(ToString::to_string),
            "last_day": days.last().map(ToString::to_string),
            "newest_table": newest,
            "days_looked_at": looked,
            "days_to_look_at": all,
        })))
    })
}

pub(super) fn days(ask: Ask) -> BoxFuture<'static, Answered> {
    Box::pin(async move {
        let days = ask.state.context.days().await?;
        let days: Vec<String> = days.iter().map(ToString::to_string).collect();
        Ok(document(&json!({"as_of": rfc3339(now_us()), "days": days})))
    })
}

pub(super) fn metrics(ask: Ask) -> BoxFuture<'static, Answered> {
    Box::pin(async move {
        let (counters, options) = (&ask.state.counters, &ask.state.options);
        let free = ask.state.turns.available_permits() as u64;
        let read = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        let mut text = String::new();
        for (name, kind, help, value) in [
            ("mtdh_serve_requests_total", "counter", "Requests.", read(&counters.requests)),
            (
                "mtdh_serve_refused_total",
                "counter",
                "Answers with a status of 400 to 499.",
                read(&counters.refused),
            ),
            (
                "mtdh_serve_failed_total",
                "counter",
                "Answers with a status of 500 or above.",
                read(&counters.failed),
            ),
            (
                "mtdh_serve_broken_total",
                "counter",
                "Answers that were broken off, because reading failed.",
                read(&counters.broken),
            ),
            ("mtdh_serve_sent_bytes_total", "counter", "Bytes of rows and files.", read(&counters.bytes)),
            ("mtdh_serve_rows_total", "counter", "Rows in answers.", read(&counters.rows)),
            (
                "mtdh_serve_footers_read_total",
                "counter",
                "Footers that were read for coverage.",
                ask.state.context.footers_read(),
            ),
            (
                "mtdh_serve_active_requests",
                "gauge",
                "Requests that are worked on.",
                (options.limits.requests as u64).saturating_sub(free),
            ),
            ("mtdh_serve_uptime_seconds", "gauge", "Since the start.", ask.state.started.elapsed().as_secs()),
        ] {
            // Writing to memory does not fail.
            let _infallible = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}");
        }
        let version = env!("CARGO_PKG_VERSION");
        let _infallible = writeln!(
            text,
            "# HELP mtdh_info The program.\n# TYPE mtdh_info gauge\nmtdh_info{{version=\"{version}\"}} 1"
        );
        Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response())
    })
}
