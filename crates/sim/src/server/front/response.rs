//! A response before it is sent, and the common error responses.

use axum::http::header::{CONTENT_TYPE, HeaderName, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::mpsc;

/// A response.
#[derive(Debug)]
pub(crate) struct HttpResponse {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Body,
    /// Send the body chunked, without `Content-Length`.
    pub(crate) is_chunked: bool,
    /// Reset the connection instead of sending the response.
    pub(crate) is_lost: bool,
    /// How the body is sent.
    pub(crate) pace: Pace,
}

/// A response with an error. Boxed to keep `Result` small.
pub(crate) type ErrorResponse = Box<HttpResponse>;

/// The body of a response.
#[derive(Debug)]
pub(crate) enum Body {
    /// All bytes.
    Whole(Bytes),
    /// Pieces, received as they are produced.
    Pieces(mpsc::Receiver<Bytes>),
}

/// How the body is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Pace {
    /// At once.
    #[default]
    Usual,
    /// The connection is aborted after this many bytes.
    Cut(u64),
    /// Nothing follows after this many bytes; the connection stays open.
    Stall(u64),
    /// Throttled to this many bytes per second.
    Drip(u64),
}

impl HttpResponse {
    /// A response with a body.
    pub(crate) fn new(
        status: StatusCode,
        content_type: &'static str,
        body: impl Into<Bytes>,
    ) -> HttpResponse {
        HttpResponse {
            status,
            headers: HeaderMap::new(),
            body: Body::Whole(body.into()),
            is_chunked: false,
            is_lost: false,
            pace: Pace::Usual,
        }
        .with(CONTENT_TYPE, content_type)
    }

    /// A response without a body or `Content-Type`.
    pub(crate) fn empty(status: StatusCode) -> HttpResponse {
        let mut response = HttpResponse::new(status, "", Bytes::new());
        response.headers.clear();
        response
    }

    /// A plain text response.
    pub(crate) fn text(status: StatusCode, text: &str) -> HttpResponse {
        HttpResponse::new(status, "text/plain", text.to_owned())
    }

    /// A JSON response.
    pub(crate) fn json(status: StatusCode, value: &Value) -> HttpResponse {
        HttpResponse::new(status, "application/json; charset=utf-8", value.to_string())
    }

    /// An error in Tardis' format: `code` and `message`.
    pub(crate) fn vendor_error(status: u16, code: i64, message: &str) -> HttpResponse {
        HttpResponse::json(status_of(status), &json!({"code": code, "message": message}))
    }

    /// An error in Tardis' format with one more member.
    pub(crate) fn vendor_error_with(
        status: u16,
        code: i64,
        message: &str,
        name: &str,
        more: Value,
    ) -> HttpResponse {
        HttpResponse::json(status_of(status), &json!({"code": code, "message": message, name: more}))
    }

    /// An HTML page of the CDN in front of Tardis.
    pub(crate) fn web_page(status: u16, title: &str) -> HttpResponse {
        let page = format!(
            "<!DOCTYPE html>\n<html lang=\"en-US\">\n<head><title>{title}</title></head>\n\
             <body><h1>{title}</h1><p>Ray ID: 0000000000000000</p></body>\n</html>\n"
        );
        HttpResponse::new(status_of(status), "text/html; charset=UTF-8", page).with(SERVER, "cloudflare")
    }

    /// The CDN's 403 for a blocked client.
    pub(crate) fn edge_blocked() -> HttpResponse {
        HttpResponse::web_page(403, "Attention Required! | Cloudflare")
    }

    /// Tardis' 403 for a key in use from another address; `seconds` until it is released.
    pub(crate) fn key_locked(seconds: u64) -> HttpResponse {
        let message = "this key is in use from another IP address; it is free again after retryAfterSeconds";
        HttpResponse::vendor_error_with(403, 274, message, "retryAfterSeconds", seconds.into())
    }

    /// 429 in Tardis' format; `retry_after` is the header's value.
    pub(crate) fn too_many_requests(retry_after: Option<&str>) -> HttpResponse {
        let response =
            HttpResponse::vendor_error(429, 429, "too many requests: the limit of this key is used up");
        match retry_after {
            Some(value) => response.with(RETRY_AFTER, value),
            None => response,
        }
    }

    /// Sets a header. An invalid header value is left out.
    pub(crate) fn with(mut self, name: HeaderName, value: &str) -> HttpResponse {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }

    /// Number of body bytes that will be sent; `None` for a body in pieces.
    pub(crate) fn bytes_to_send(&self) -> Option<u64> {
        let Body::Whole(body) = &self.body else { return None };
        let length = body.len() as u64;
        Some(match self.pace {
            Pace::Cut(after) | Pace::Stall(after) => after.min(length),
            Pace::Usual | Pace::Drip(_) => length,
        })
    }

    /// Collects the pieces of the body; returns the response and its body.
    pub(crate) async fn collected(mut self) -> (HttpResponse, Bytes) {
        let whole = match std::mem::replace(&mut self.body, Body::Whole(Bytes::new())) {
            Body::Whole(bytes) => bytes,
            Body::Pieces(mut pieces) => {
                let mut whole = Vec::new();
                while let Some(piece) = pieces.recv().await {
                    whole.extend_from_slice(&piece);
                }
                whole.into()
            }
        };
        self.body = Body::Whole(whole.clone());
        (self, whole)
    }
}

/// Tardis' header with the MD5 of a file in hexadecimal.
pub(crate) const X_MD5: HeaderName = HeaderName::from_static("x-md5");

const SERVER: HeaderName = axum::http::header::SERVER;

/// Converts a number to a status; an invalid one becomes 500.
pub(crate) fn status_of(number: u16) -> StatusCode {
    StatusCode::from_u16(number).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
