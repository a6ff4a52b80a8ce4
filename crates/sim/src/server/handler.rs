//! The interface between the front and the simulated servers.

use std::sync::Arc;

use futures::future::BoxFuture;

use super::fault::Host;
use super::front::request::HttpRequest;
use super::front::response::HttpResponse;

/// A simulated server. It owns its state and answers the requests that the front passes on.
pub(crate) trait Handler: Send + Sync + 'static {
    /// Host under which faults and the request log list its requests.
    fn host(&self) -> Host;

    /// Answers a request.
    fn respond(&self, request: Arc<HttpRequest>) -> BoxFuture<'_, HttpResponse>;

    /// Builds an error in the server's own format. The default is Tardis' format.
    fn error(&self, _request: &HttpRequest, status: u16) -> HttpResponse {
        HttpResponse::vendor_error(status, i64::from(status), "the service failed")
    }

    /// Builds a 429 in the server's own format; `retry_after` is the value of its `Retry-After`. The default is
    /// Tardis' format.
    fn too_many_requests(&self, _request: &HttpRequest, retry_after: Option<&str>) -> HttpResponse {
        HttpResponse::too_many_requests(retry_after)
    }
}
