//! The object store behind redirects: another origin, reached by signed links and without an API key.

use std::sync::Arc;

use axum::http::header::LOCATION;
use axum::http::{Method, StatusCode};
use futures::future::{BoxFuture, FutureExt};

use super::archive::Archive;
use super::links::Links;
use super::serve;
use crate::generate::files;
use crate::server::fault::Host;
use crate::server::front::request::HttpRequest;
use crate::server::front::response::{HttpResponse, status_of};
use crate::server::handler::Handler;
use crate::server::world::World;

/// The object store.
#[derive(Debug)]
pub(crate) struct ObjectStore {
    world: Arc<World>,
    archive: Arc<Archive>,
    links: Links,
}

impl Handler for ObjectStore {
    fn host(&self) -> Host {
        Host::Store
    }

    fn respond(&self, request: Arc<HttpRequest>) -> BoxFuture<'_, HttpResponse> {
        async move { self.respond_to(&request).await }.boxed()
    }
}

impl ObjectStore {
    /// Creates the store; it shares the archive with the dataset server.
    pub(crate) fn new(world: Arc<World>, archive: Arc<Archive>, links: Links) -> ObjectStore {
        ObjectStore { world, archive, links }
    }

    async fn respond_to(&self, request: &HttpRequest) -> HttpResponse {
        let Some((name, hops)) = self.links.verify(request) else {
            return xml_error("AccessDenied", "the link is not signed by this store, or its time is over");
        };
        if request.headers.contains_key("authorization") {
            return HttpResponse {
                status: status_of(400),
                ..xml_error("InvalidArgument", "only one way of signing is allowed")
            };
        }
        if request.method != Method::GET {
            return xml_error("AccessDenied", "the link is signed for GET");
        }
        if hops > 0 {
            let location = self.links.signed_url(&name, hops - 1);
            return HttpResponse::empty(StatusCode::FOUND).with(LOCATION, &location);
        }
        let config = self.world.config();
        match files::find(&config, name.clone()) {
            Ok(file) => serve::file(&*self.archive.stored_file(name, file).await, request, &config.options),
            Err(_) => {
                HttpResponse { status: status_of(404), ..xml_error("NoSuchKey", "there is no such file") }
            }
        }
    }
}

/// Builds a 403 with an XML body.
fn xml_error(code: &str, message: &str) -> HttpResponse {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    );
    HttpResponse::new(StatusCode::FORBIDDEN, "application/xml", body)
}
