//! An HTTP request with its body.

use std::borrow::Cow;
use std::net::IpAddr;

use axum::http::{HeaderMap, Method, StatusCode};
use bytes::Bytes;
use percent_encoding::percent_decode_str;

use super::response::HttpResponse;
use crate::server::fault::Host;
use crate::server::request_log::is_logged;

/// A request to a simulated server.
#[derive(Clone, Debug)]
pub(crate) struct HttpRequest {
    /// Host under which faults and the log list it.
    pub(crate) host: Host,
    pub(crate) method: Method,
    /// Path as sent, percent-encoded.
    pub(crate) path: String,
    /// Query as sent, percent-encoded, without the question mark.
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
    /// The client's address.
    pub(crate) peer: IpAddr,
    pub(crate) body: Bytes,
    /// Number of this attempt at the URL, counted from 1.
    pub(crate) attempt: u32,
    /// Answer a listing with its state before the last change.
    pub(crate) wants_stale_listing: bool,
}

const MAX_BODY_BYTES: usize = 2 << 30;

impl HttpRequest {
    /// Reads a request with its body.
    ///
    /// # Errors
    /// The response to send when the body is incomplete or larger than [`MAX_BODY_BYTES`].
    pub(crate) async fn read(
        host: Host,
        peer: IpAddr,
        request: axum::extract::Request,
    ) -> Result<HttpRequest, HttpResponse> {
        let (parts, body) = request.into_parts();
        let body = axum::body::to_bytes(body, MAX_BODY_BYTES).await.map_err(|error| {
            HttpResponse::text(StatusCode::BAD_REQUEST, &format!("unreadable body: {error}"))
        })?;
        let path = parts.uri.path().to_owned();
        Ok(HttpRequest {
            host,
            method: parts.method,
            query: parts.uri.query().unwrap_or_default().to_owned(),
            path,
            headers: parts.headers,
            peer,
            body,
            attempt: 1,
            wants_stale_listing: false,
        })
    }

    /// Path and query as sent.
    pub(crate) fn url(&self) -> String {
        if self.query.is_empty() { self.path.clone() } else { format!("{}?{}", self.path, self.query) }
    }

    /// Returns a header's value by its name in lower case. `None`: absent, or no text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Returns the bearer token or API key. `None`: no `Authorization` header, or an empty one.
    pub(crate) fn bearer(&self) -> Option<&str> {
        let value = self.header("authorization")?.trim();
        let key = value.strip_prefix("Bearer").map_or(value, str::trim);
        (!key.is_empty()).then_some(key)
    }

    /// Splits the path into segments, each percent-decoded.
    pub(crate) fn segments(&self) -> Vec<String> {
        self.path.trim_start_matches('/').split('/').map(|part| percent_decode(part).into_owned()).collect()
    }

    /// Returns the decoded value of a query parameter. `None`: no such parameter.
    pub(crate) fn parameter(&self, name: &str) -> Option<Cow<'_, str>> {
        self.query
            .split('&')
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .find(|(key, _)| percent_decode(key) == name)
            .map(|(_, value)| {
                if value.contains('+') {
                    percent_decode(&value.replace('+', " ")).into_owned().into()
                } else {
                    percent_decode(value)
                }
            })
    }

    /// Copies the request without its preconditions.
    pub(crate) fn without_conditions(&self) -> HttpRequest {
        let mut request = self.clone();
        let is_condition = |name: &str| name.starts_with("if-") || name.starts_with("x-goog-if-");
        let names: Vec<_> =
            request.headers.keys().filter(|name| is_condition(name.as_str())).cloned().collect();
        for name in &names {
            request.headers.remove(name);
        }
        let pairs = self.query.split('&').filter(|pair| !pair.starts_with("if"));
        request.query = pairs.collect::<Vec<_>>().join("&");
        request
    }

    /// Whether the client accepts gzip as content coding.
    pub(crate) fn accepts_gzip(&self) -> bool {
        let codings = self.header("accept-encoding").unwrap_or_default();
        codings
            .split(',')
            .any(|coding| matches!(coding.trim(), "gzip" | "*") || coding.trim().starts_with("gzip;q=1"))
    }

    /// Returns the headers that the request log stores.
    pub(crate) fn logged_headers(&self) -> Vec<(String, String)> {
        self.headers
            .iter()
            .filter(|(name, _)| is_logged(name.as_str()))
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect()
    }
}

/// Decodes percent-encoded text.
pub(crate) fn percent_decode(text: &str) -> Cow<'_, str> {
    percent_decode_str(text).decode_utf8_lossy()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request_to(url: &str, headers: &[(&'static str, &str)]) -> HttpRequest {
        let (path, query) = url.split_once('?').unwrap_or((url, ""));
        HttpRequest {
            host: Host::Datasets,
            method: Method::GET,
            path: path.to_owned(),
            query: query.to_owned(),
            headers: headers.iter().map(|(n, v)| (n.parse().unwrap(), v.parse().unwrap())).collect(),
            peer: IpAddr::from([127, 0, 0, 1]),
            body: Bytes::new(),
            attempt: 1,
            wants_stale_listing: false,
        }
    }

    #[test]
    fn an_empty_authorization_is_none() {
        for (value, key) in [("", None), ("Bearer ", None), ("Bearer TD.x", Some("TD.x"))] {
            assert_eq!(request_to("/v1/exchanges", &[("authorization", value)]).bearer(), key, "{value}");
        }
    }

    #[test]
    fn paths_and_queries_are_decoded() {
        let request = request_to("/v1/hyperliquid/trades/2024/03/01/%40107.csv.gz?filter=%7B%7D&x=a+b", &[]);
        assert_eq!(request.segments().last().unwrap(), "@107.csv.gz");
        assert_eq!(request.parameter("filter").unwrap(), "{}");
        assert_eq!(request.parameter("x").unwrap(), "a b");
    }
}
