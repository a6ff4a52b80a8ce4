//! Runs: their names, their state, and their events as they happen.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use bytes::Bytes;
use futures::StreamExt;
use futures::future::BoxFuture;
use mtdh_engine::sync::LastSync;
use mtdh_engine::want::Narrowing;
use serde_json::{Value, json};

use super::scrub::scrubbed_document;
use super::status::{document, rfc3339};
use super::{Answered, Ask};
use crate::problem::Problem;
use crate::state::{Shared, now_us};

/// How long a client waits before it asks again when events have ended, milliseconds: the protocol's own word for it.
const RECONNECT: &str = "retry: 2000\n\n";

/// How often a run is looked at for its events.
const EVERY: Duration = Duration::from_secs(2);

/// How long events of one request last at most; a browser asks again by itself.
const LONGEST: Duration = Duration::from_secs(600);

pub(super) fn list(ask: Ask) -> BoxFuture<'static, Answered> {
    Box::pin(async move {
        let details = ask.state.context.run_lines().await?;
        let mut runs: Vec<&str> = details.iter().map(|line| line.run.as_str()).collect();
        runs.sort_unstable();
        let found = scrubbed_document(json!({"runs": runs, "details": details}));
        Ok(document(&json!({"as_of": rfc3339(now_us()), "runs": found["runs"], "details": found["details"]})))
    })
}

pub(super) fn wanted(ask: Ask) -> BoxFuture<'static, Answered> {
    Box::pin(async move {
        let context = &ask.state.context;
        let wanted = context.wanted().await?;
        let asked = match &wanted {
            Some(_) => Vec::new(),
            None => context.asked(&Narrowing::default()).await?.unwrap_or_default().asked,
        };
        let asked: Vec<Value> = asked
            .iter()
            .map(|one| {
                let days = one.selection.days;
                json!({
                    "name": one.name, "venues": one.selection.venues,
                    "first_day": days.first().to_string(), "last_day": days.last().to_string(),
                })
            })
            .collect();
        let LastSync { success_us, ended_us, verdict } = context.last_sync().await?;
        let last = ended_us.map(|ended| {
            json!({"verdict": verdict, "ended_at": rfc3339(ended), "succeeded_at": success_us.map(rfc3339)})
        });
        let sets = wanted.as_ref().map(mtdh_engine::want::document).unwrap_or_else(|| json!([]));
        Ok(document(&json!({
            "as_of": rfc3339(now_us()), "is_stated": wanted.is_some(), "sets": sets, "asked": asked, "last_sync": last,
        })))
    })
}

/// The state of a run: of a saved plan with its shards, else the summaries that it left.
async fn state_of(state: &Shared, run: &str) -> Result<Value, Problem> {
    let line = state.context.run_line(run).await?;
    let summaries = state.context.run_summaries(run).await?;
    let plan = match state.context.monitor(run).await {
        Ok(report) => Some(serde_json::to_value(report).unwrap_or_default()),
        Err(mtdh_engine::EngineError::NoRun { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    Ok(scrubbed_document(json!({"run": run, "details": line, "plan": plan, "summaries": summaries})))
}

/// The state of a run whose events are being sent: each look takes a turn, as a request does, and none is held between them.
async fn again(state: &Shared, run: &str) -> Option<Value> {
    let _turn = state.turns.acquire().await.ok()?;
    state_of(state, run).await.ok()
}

pub(super) fn one(ask: Ask) -> BoxFuture<'static, Answered> {
    Box::pin(async move {
        let mut found = state_of(&ask.state, ask.given.text("run").unwrap_or_default()).await?;
        found["as_of"] = rfc3339(now_us()).into();
        Ok(document(&found))
    })
}

/// Whether nobody works on a run any more.
fn is_over(found: &Value) -> bool {
    let is_running = |value: &Value| matches!(value["state"].as_str(), Some("running" | "not_begun"));
    let summaries = found["summaries"].as_array();
    !is_running(&found["plan"]) && !summaries.is_some_and(|summaries| summaries.iter().any(is_running))
}

pub(super) fn events(ask: Ask) -> BoxFuture<'static, Answered> {
    Box::pin(async move {
        let run = ask.given.text("run").unwrap_or_default().to_owned();
        let first = state_of(&ask.state, &run).await?;
        let started = tokio::time::Instant::now();
        let state = ask.state.clone();
        // What was sent last, and whether it was the last.
        let events =
            futures::stream::unfold((None::<Value>, Some(first), false), move |(sent, ready, is_done)| {
                let (state, run) = (state.clone(), run.clone());
                async move {
                    if is_done || started.elapsed() > LONGEST {
                        return None;
                    }
                    let found = match ready {
                        Some(first) => first,
                        None => {
                            tokio::select! {
                                () = tokio::time::sleep(EVERY) => {}
                                // Ended as a whole answer: the client asks again by itself.
                                () = state.stop.cancelled() => return None,
                            }
                            // A run that cannot be looked at now may be later.
                            again(&state, &run).await.or_else(|| sent.clone())?
                        }
                    };
                    let is_new = sent.as_ref() != Some(&found);
                    let is_done = is_over(&found);
                    let text = match (is_new, is_done) {
                        (true, true) => format!("event: state\ndata: {found}\n\nevent: end\ndata: {{}}\n\n"),
                        (true, false) => format!("event: state\ndata: {found}\n\n"),
                        (false, _) => ": still the same\n\n".to_owned(),
                    };
                    Some((Ok::<Bytes, std::io::Error>(text.into()), (Some(found), None, is_done)))
                }
            });
        let first = futures::stream::iter([Ok(Bytes::from_static(RECONNECT.as_bytes()))]);
        let mut response = Response::new(Body::from_stream(first.chain(events)));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        Ok(response)
    })
}
