//! The path of a request through every HTTP server: read, apply a fault, answer, log, send.
//!
//! Not for what a server answers: that is its [`Handler`]. Start with [`serve`].

mod delivery;
pub(crate) mod request;
pub(crate) mod response;
mod sabotage;

use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, State};
use axum::response::Response;

use crate::server::fault::FaultKind;
use crate::server::handler::Handler;
use crate::server::request_log::{InFlight, Request, authorization_hash};
use crate::server::wire::{ConnectionHandle, Listener};
use crate::server::world::World;
use request::HttpRequest;
use response::HttpResponse;

/// The servers behind one listener.
#[derive(Clone)]
pub(crate) struct Door {
    /// Handlers of some paths; the first that serves a path answers.
    routes: Vec<Route>,
    /// Handler of all other paths.
    default: Arc<dyn Handler>,
}

#[derive(Clone)]
struct Route {
    /// Whether the handler serves a path.
    serves: fn(&str) -> bool,
    handler: Arc<dyn Handler>,
}

impl Door {
    /// A door that leads to one server.
    pub(crate) fn new(default: Arc<dyn Handler>) -> Door {
        Door { routes: Vec::new(), default }
    }

    /// Adds a server for the paths that pass a test.
    pub(crate) fn with_route(mut self, serves: fn(&str) -> bool, handler: Arc<dyn Handler>) -> Door {
        self.routes.push(Route { serves, handler });
        self
    }

    /// Returns the server of a path.
    fn handler(&self, path: &str) -> &dyn Handler {
        let route = self.routes.iter().find(|route| (route.serves)(path));
        route.map_or(&*self.default, |route| &*route.handler)
    }
}

/// Serves the requests of one listener until the simulator stops.
pub(crate) async fn serve(world: Arc<World>, door: Door, listener: Listener) {
    let router = Router::new().fallback(handle).with_state(Front { world, door });
    let service = router.into_make_service_with_connect_info::<ConnectionHandle>();
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
    ConnectInfo(connection): ConnectInfo<ConnectionHandle>,
    incoming: axum::extract::Request,
) -> Response {
    let in_flight = world.log.begin();
    let handler = door.handler(incoming.uri().path());
    let mut request = match HttpRequest::read(handler.host(), connection.peer(), incoming).await {
        Ok(request) => request,
        Err(response) => return delivery::send(response, &world, in_flight),
    };
    let url = request.url();
    request.attempt = world.log.count_attempt(request.host, request.method.as_str(), &url);
    let fault = world.next_fault(request.host, request.method.as_str(), &url, request.attempt);
    request.wants_stale_listing = fault.as_ref().is_some_and(|fault| fault.kind == FaultKind::StaleListing);
    let request = Arc::new(request);
    let response = match fault {
        Some(fault) => sabotage::respond(&world, handler, &request, &fault.kind).await,
        None => handler.respond(Arc::clone(&request)).await,
    };
    world.log.push(log_entry(&request, &response, &in_flight));
    if response.is_lost {
        connection.break_connection();
    }
    delivery::send(response, &world, in_flight)
}

fn log_entry(request: &HttpRequest, response: &HttpResponse, in_flight: &InFlight) -> Request {
    Request {
        host: request.host,
        method: request.method.to_string(),
        url: request.url(),
        headers: request.logged_headers(),
        authorization: request.header("authorization").map(authorization_hash),
        status: if response.is_lost { 0 } else { response.status.as_u16() },
        bytes: if response.is_lost { Some(0) } else { response.bytes_to_send() },
        attempt: request.attempt,
        in_flight: in_flight.count,
        at: in_flight.at,
    }
}
