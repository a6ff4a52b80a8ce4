//! A simulated GCS server: one store of buckets behind two APIs. `object_store` uses the XML API, Google's own clients
//! the JSON API.

mod conditions;
mod error;
mod json;
mod listing;
mod media;
mod multipart;
mod object;
mod resource;
pub(crate) mod store;
mod upload;
mod uploads;
mod xml;
mod xml_text;

use std::sync::Arc;

use axum::http::header::RETRY_AFTER;
use futures::future::{BoxFuture, FutureExt};

use crate::server::fault::Host;
use crate::server::front::request::HttpRequest;
use crate::server::front::response::HttpResponse;
use crate::server::handler::Handler;
use crate::server::world::World;
use crate::sync::run_blocking;
use error::{Api, GcsError};
use store::Buckets;

/// Requests with larger bodies run on a blocking thread: the body is hashed.
const LARGE_BODY_BYTES: usize = 128 << 10;

/// The server.
#[derive(Debug)]
pub(crate) struct Gcs {
    world: Arc<World>,
    buckets: Arc<Buckets>,
}

impl Handler for Gcs {
    fn host(&self) -> Host {
        Host::Gcs
    }

    fn respond(&self, request: Arc<HttpRequest>) -> BoxFuture<'_, HttpResponse> {
        async move {
            let is_allowed = self.allows(&request);
            let buckets = Arc::clone(&self.buckets);
            let is_large = request.body.len() > LARGE_BODY_BYTES || request.query.contains("uploadId");
            if is_large {
                run_blocking(move || respond(&buckets, &request, is_allowed)).await
            } else {
                respond(&buckets, &request, is_allowed)
            }
        }
        .boxed()
    }

    fn error(&self, request: &HttpRequest, status: u16) -> HttpResponse {
        GcsError::Status(status).to_response(Api::of_path(&request.path))
    }

    fn too_many_requests(&self, request: &HttpRequest, retry_after: Option<&str>) -> HttpResponse {
        let response = self.error(request, 429);
        match retry_after {
            Some(value) => response.with(RETRY_AFTER, value),
            None => response,
        }
    }
}

impl Gcs {
    /// Creates the server of these buckets.
    pub(crate) fn new(world: Arc<World>, buckets: Arc<Buckets>) -> Gcs {
        Gcs { world, buckets }
    }

    /// Whether the request has the bearer token, if the options require one.
    fn allows(&self, request: &HttpRequest) -> bool {
        let config = self.world.config();
        config.options.gcs_token.as_deref().is_none_or(|token| request.bearer() == Some(token))
    }
}

fn respond(buckets: &Buckets, request: &HttpRequest, is_allowed: bool) -> HttpResponse {
    let api = Api::of_path(&request.path);
    let result = match api {
        _ if !is_allowed => Err(GcsError::Unauthorized),
        Api::Json => json::respond(buckets, request),
        Api::Xml => xml::respond(buckets, request),
    };
    result.unwrap_or_else(|error| error.to_response(api))
}
