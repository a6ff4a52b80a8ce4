//! The metadata API: exchanges, instruments, and the access rights of an API key.

mod document;
pub(crate) mod exchanges;
mod filter;
pub(crate) mod instruments;
mod terms;

use std::sync::Arc;

use axum::http::{Method, StatusCode};
use futures::future::{BoxFuture, FutureExt};

use crate::config::Config;
use crate::generate::universe::{Universe, profile};
use crate::server::fault::Host;
use crate::server::front::request::HttpRequest;
use crate::server::front::response::{ErrorResponse, HttpResponse};
use crate::server::handler::Handler;
use crate::server::world::World;
use crate::sync::run_blocking;
use crate::tardis::client_checks::{count_key_use, is_blocked};
use crate::tardis::key_use::KeyUse;
use crate::tardis::keys::{Unauthorized, access, describe_access, may_read_instruments};
use document::Documents;

/// Tardis' error code for an invalid parameter.
const INVALID: i64 = 300;

/// Whether a path belongs to the metadata API. On Tardis' listener all other paths are files.
pub(crate) fn serves(path: &str) -> bool {
    let word = path.trim_start_matches("/v1").trim_start_matches('/').split('/').next().unwrap_or_default();
    matches!(word, "exchanges" | "instruments" | "api-key-info" | "data-feeds")
}

/// The metadata API.
#[derive(Debug)]
pub(crate) struct Api {
    world: Arc<World>,
    key_use: Arc<KeyUse>,
    documents: Documents,
}

impl Handler for Api {
    fn host(&self) -> Host {
        Host::Api
    }

    fn respond(&self, request: Arc<HttpRequest>) -> BoxFuture<'_, HttpResponse> {
        async move { self.respond_to(&request).await }.boxed()
    }
}

impl Api {
    /// Creates the API; it shares the usage of API keys with the dataset server.
    pub(crate) fn new(world: Arc<World>, key_use: Arc<KeyUse>) -> Api {
        Api { world, key_use, documents: Documents::default() }
    }

    async fn respond_to(&self, request: &HttpRequest) -> HttpResponse {
        if is_blocked(request.header("user-agent")) {
            return HttpResponse::edge_blocked();
        }
        let segments = request.segments();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let config = self.world.config();
        match (&request.method, segments.as_slice()) {
            (&Method::GET, ["v1", "exchanges"]) => {
                self.cached_document(request, |config| Some(exchanges::list(config))).await
            }
            (&Method::GET, ["v1", "exchanges", exchange]) => {
                let exchange = exchange.to_string();
                self.cached_document(request, move |config| exchanges::details(config, &exchange)).await
            }
            (&Method::GET, ["v1", "instruments", exchange]) => {
                self.all_instruments(&config, request, exchange)
            }
            (&Method::GET, ["v1", "instruments", exchange, symbol @ ..]) => {
                self.one_instrument(&config, request, exchange, &symbol.join("/"))
            }
            (&Method::GET, ["v1", "api-key-info"]) => {
                match describe_access(access(request.bearer()), config.now.timestamp_micros()) {
                    Ok(list) => HttpResponse::json(StatusCode::OK, &list),
                    Err(refusal) => unauthorized(refusal),
                }
            }
            _ => HttpResponse::vendor_error(404, 404, "not found"),
        }
    }

    /// Serves a document that is built once for each simulated time. `make` returns `None` for an unknown exchange.
    async fn cached_document<Make>(&self, request: &HttpRequest, make: Make) -> HttpResponse
    where
        Make: FnOnce(&Config) -> Option<Vec<u8>> + Send + 'static,
    {
        let config = self.world.config();
        let key = (request.path.clone(), config.now.timestamp_micros());
        let document = match self.documents.get(&key) {
            Some(document) => Some(document),
            None => run_blocking(move || make(&config)).await.map(|json| self.documents.insert(key, json)),
        };
        match document {
            Some(document) => document.respond(request),
            None => HttpResponse::vendor_error(
                400,
                INVALID,
                "invalid `exchange` parameter; exchanges are listed at /v1/exchanges",
            ),
        }
    }

    fn all_instruments(&self, config: &Arc<Config>, request: &HttpRequest, exchange: &str) -> HttpResponse {
        let universe = match self.readable_universe(config, request, exchange) {
            Ok(universe) => universe,
            Err(response) => return *response,
        };
        let text = request.parameter("filter").unwrap_or_default();
        match filter::parse(&text) {
            Ok(filter) => instruments::all(universe, config.now.timestamp_micros(), filter, &text, request),
            Err(error) => HttpResponse::vendor_error(400, INVALID, &error.to_string()),
        }
    }

    fn one_instrument(
        &self,
        config: &Config,
        request: &HttpRequest,
        exchange: &str,
        symbol: &str,
    ) -> HttpResponse {
        let universe = match self.readable_universe(config, request, exchange) {
            Ok(universe) => universe,
            Err(response) => return *response,
        };
        let now_us = config.now.timestamp_micros();
        match instruments::one(&universe, now_us, symbol) {
            Some(json) => HttpResponse::new(StatusCode::OK, document::JSON, json),
            None => {
                let message =
                    format!("invalid `symbol` parameter: `{symbol}`; see /v1/instruments/{exchange}");
                HttpResponse::vendor_error(400, INVALID, &message)
            }
        }
    }

    /// Returns the instruments of an exchange, or the response to a client that may not read them.
    fn readable_universe(
        &self,
        config: &Config,
        request: &HttpRequest,
        exchange: &str,
    ) -> Result<Arc<Universe>, ErrorResponse> {
        if profile::find(exchange).is_none() {
            let message =
                format!("invalid `exchange` parameter: `{exchange}`; exchanges are listed at /v1/exchanges");
            return Err(HttpResponse::vendor_error(400, INVALID, &message).into());
        }
        count_key_use(&self.key_use, config, request)?;
        may_read_instruments(access(request.bearer()), exchange).map_err(unauthorized)?;
        Universe::of(config, exchange).ok_or_else(|| HttpResponse::vendor_error(404, 404, "not found").into())
    }
}

fn unauthorized(refusal: Unauthorized) -> HttpResponse {
    HttpResponse::vendor_error(401, refusal.code, refusal.message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_paths_are_recognized() {
        for (path, expected) in [
            ("/v1/exchanges", true),
            ("/v1/instruments/deribit", true),
            ("/v1/deribit/trades/2024/03/01/OPTIONS.csv.gz", false),
            ("/v1/hyperliquid/trades/2024/03/01/%40107.csv.gz", false),
            ("/", false),
        ] {
            assert_eq!(serves(path), expected, "{path}");
        }
    }
}
