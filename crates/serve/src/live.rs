//! What is recorded now: as JSON lines over a WebSocket and as server-sent events, and how the recording goes.
//!
//! The rows come from the hub of a recorder (`mtdh_engine::live::hub`), which this only listens to: it records nothing. [`socket`]
//! converses with a client of a WebSocket, also for tardis-machine's form (`replay::stream`); [`asked`] reads filters.

mod asked;
mod events;
pub(crate) mod socket;
mod status;
mod stream;

use std::sync::Arc;

use axum::http::StatusCode;
use bytes::Bytes;
use mtdh_engine::live::hub::{Begin, Hub, Lost, named};
use tokio::sync::OwnedSemaphorePermit;

use crate::problem::Problem;
use crate::state::Shared;
pub(crate) use events::events;
pub(crate) use status::status;
pub(crate) use stream::stream;

/// Clients that listen at the same time. Each has a bounded ring of its own; together they hold 1 GiB at most.
pub(crate) const MOST_LISTENERS: usize = 256;

/// Events that are taken for a client at a time: the first are on their way while the others are written.
pub(crate) const MANY: usize = 32;

/// The words for a server without a recorder.
pub(crate) const NOTHING: &str =
    "nothing is recorded here: this server was started without a recorder; `mtdh live serve` has one";

/// The hub, if there is a recorder.
///
/// # Errors
/// That nothing is recorded here.
fn hub(state: &Shared) -> Result<Arc<Hub>, Problem> {
    let nothing = || {
        Problem::new(StatusCode::NOT_FOUND, "nothing-recorded", NOTHING)
            .hint("on the server: mtdh live serve, or mtdh serve --live")
    };
    state.options.live.clone().ok_or_else(nothing)
}

/// A place among those who listen.
///
/// # Errors
/// That there are too many already.
pub(crate) fn place(state: &Shared) -> Result<OwnedSemaphorePermit, Problem> {
    state.listeners.clone().try_acquire_owned().map_err(|_| {
        let detail = format!("{MOST_LISTENERS} clients listen already");
        Problem::new(StatusCode::TOO_MANY_REQUESTS, "too-many-requests", detail)
    })
}

/// The line that says that something is lost.
fn lagged(lost: Lost) -> Bytes {
    let (reason, missed) = match lost {
        Lost::Slow(events) => ("slow", Some(events)),
        Lost::Forgotten(events) => ("forgotten", Some(events)),
        Lost::Restarted => ("restarted", None),
    };
    let line = named("lagged", |line| {
        line.value("reason", reason);
        line.option("missed", missed);
    });
    Bytes::from(line)
}

/// The line that a listening begins with.
fn begun(begin: Begin) -> Bytes {
    let name = match begin {
        Begin::Now => "now",
        Begin::Behind => "behind",
        Begin::Captured => "captured",
        Begin::Later(_) => "later",
    };
    Bytes::from(named("begin", |line| line.value("from", name)))
}

/// The line that says how many rows were replaced by newer ones.
fn conflated(dropped: u64) -> Bytes {
    Bytes::from(named("conflated", |line| line.value("dropped", dropped)))
}
