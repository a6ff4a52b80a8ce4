//! A lake over HTTP: the REST API, the replay of ticks and the page. Reads only.
//!
//! [`serve`] is all that a front end calls. [`api`] has one table of endpoints, of which router, validation, `openapi.json` and
//! `docs/reference/api.md` are made. What is read comes from `mtdh_engine::Context`.

#![deny(missing_docs)]

pub mod api;
pub mod coverage;
mod findings;
mod live;
mod options;
mod page;
mod problem;
mod replay;
mod rules;
mod server;
mod slow;
mod state;

use std::net::SocketAddr;

use futures::future::BoxFuture;
use mtdh_engine::Context;
use tokio_util::sync::CancellationToken;

pub use options::{Limits, Options, ServeError, Token};
pub use problem::Problem;
pub use replay::{Named, RowMessages};
pub use state::{Shared, State};

/// So many free ports are looked at for one with a free port beside it.
const FREE_PORTS: usize = 16;

/// Serves a lake until `stop` is cancelled; answers that are on their way get a second to end. `ready` is told the address once
/// it is listened on.
///
/// # Errors
/// When the rules refuse the address, or it cannot be listened on.
pub fn serve<'a>(
    context: Context,
    options: Options,
    stop: &'a CancellationToken,
    ready: &'a mut (dyn FnMut(SocketAddr) + Send),
) -> BoxFuture<'a, Result<(), ServeError>> {
    Box::pin(async move {
        options.check()?;
        let (mut listener, mut address) = server::listen(options.listen).await?;
        // Clients of tardis-machine look for its WebSockets on the port beside.
        let mut beside = replay::listen_beside(address).await;
        // Of free ports one is taken that has a free one beside it.
        for _ in 0..FREE_PORTS {
            if beside.is_some() || options.listen.port() != 0 {
                break;
            }
            (listener, address) = server::listen(options.listen).await?;
            beside = replay::listen_beside(address).await;
        }
        let state = State::new(context, options, address, stop.clone());
        ready(address);
        tokio::spawn(coverage::keep_looking(state.clone(), stop.clone()));
        if let Some(hub) = &state.options.live {
            tokio::spawn(hub.clone().follow_books(stop.clone()));
        }
        let served = server::run(listener, router(&state), state.clone(), stop);
        let served_beside = async {
            if let Some(listener) = beside {
                let routes = rules::guarded(replay::router_beside(&state), &state);
                server::run(listener, routes, state.clone(), stop).await;
            }
        };
        futures::join!(served, served_beside);
        // The connections of WebSockets are no more the server's own. Each says that it ends, and gives its permit back.
        let all = u32::try_from(state.options.limits.requests.max(1)).unwrap_or(u32::MAX);
        let listeners = state.listeners.acquire_many(live::MOST_LISTENERS as u32);
        let ended = async { futures::join!(state.turns.acquire_many(all), listeners) };
        let _late = tokio::time::timeout(server::GRACE, ended).await;
        Ok(())
    })
}

/// Every route, behind the rules.
fn router(state: &Shared) -> axum::Router {
    rules::guarded(api::router(state, page::routes(state)), state)
}
