//! What all servers have in common: a request comes in, a fault may befall it, an answer goes out, a line is logged.

pub(crate) mod answer;
pub(crate) mod ask;
mod delivery;
mod sabotage;

use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, State};
use axum::response::Response;

use crate::exchange::binance;
use crate::gcs;
use crate::server::fault::{FaultKind, Host};
use crate::server::request_log::{InFlight, Request};
use crate::server::wire::{Listener, Switch};
use crate::server::world::World;
use crate::tardis::{api, datasets};
use answer::Answer;
use ask::{Ask, Door};

/// The service of one listener.
pub(crate) async fn serve(world: Arc<World>, door: Door, listener: Listener) {
    let router = Router::new().fallback(handle).with_state(Front { world, door });
    let service = router.into_make_service_with_connect_info::<Switch>();
    if let Err(error) = axum::serve(listener, service).await {
        tracing::error!(%error, "a simulated server ended");
    }
}

#[derive(Clone)]
struct Front {
    world: Arc<World>,
    door: Door,
}

async fn handle(
    State(Front { world, door }): State<Front>,
    ConnectInfo(switch): ConnectInfo<Switch>,
    request: axum::extract::Request,
) -> Response {
    let in_flight = world.log.begin();
    let mut ask = match Ask::read(door, switch.peer(), request).await {
        Ok(ask) => ask,
        Err(answer) => return delivery::send(answer, &world, in_flight),
    };
    ask.attempt = world.log.attempt(ask.host, ask.method.as_str(), &ask.url());
    let fault = world.fault(&ask);
    ask.wants_stale_listing = fault.as_ref().is_some_and(|fault| fault.kind == FaultKind::StaleListing);
    let ask = Arc::new(ask);
    let answer = match fault {
        Some(fault) => sabotage::answer(&world, &ask, &fault.kind).await,
        None => answer(&world, &ask).await,
    };
    world.log.push(entry(&ask, &answer, &in_flight));
    if answer.is_lost {
        switch.break_connection();
    }
    delivery::send(answer, &world, in_flight)
}

/// The answer of the server that was asked.
async fn answer(world: &Arc<World>, ask: &Arc<Ask>) -> Answer {
    match ask.host {
        Host::Api => api::answer(world, ask).await,
        Host::Datasets => datasets::answer(world, ask).await,
        Host::Store => datasets::store::answer(world, ask).await,
        Host::Gcs => gcs::answer(world, ask).await,
        Host::Binance => binance::answer(world, ask).await,
    }
}

fn entry(ask: &Ask, answer: &Answer, in_flight: &InFlight) -> Request {
    Request {
        host: ask.host,
        method: ask.method.to_string(),
        url: ask.url(),
        headers: ask.kept_headers(),
        authorization: ask.header("authorization").map(crate::server::request_log::authorization_hash),
        status: if answer.is_lost { 0 } else { answer.status.as_u16() },
        bytes: if answer.is_lost { Some(0) } else { answer.bytes_to_send() },
        attempt: ask.attempt,
        in_flight: in_flight.count,
        at: in_flight.at,
    }
}
