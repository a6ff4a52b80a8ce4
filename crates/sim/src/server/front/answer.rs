//! An answer before it is sent, and the usual forms of errors.

use axum::http::header::{CONTENT_TYPE, HeaderName, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::mpsc;

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Body,
    /// The body's length is not said; it comes in chunks.
    pub(crate) is_chunked: bool,
    /// The connection is reset instead.
    pub(crate) is_lost: bool,
    pub(crate) pace: Pace,
}

/// An answer in the place of what was wanted. Boxed, because results are passed about.
pub(crate) type Refused = Box<Answer>;

/// The body of an answer.
#[derive(Debug)]
pub(crate) enum Body {
    Whole(Bytes),
    /// Pieces as they are made.
    Pieces(mpsc::Receiver<Bytes>),
}

/// How the body arrives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Pace {
    /// At once.
    #[default]
    Usual,
    /// The connection ends after so many bytes.
    Cut(u64),
    /// Nothing comes after so many bytes.
    Stall(u64),
    /// So many bytes in a second.
    Drip(u64),
}

impl Answer {
    /// An answer with a body.
    pub(crate) fn new(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Answer {
        Answer {
            status,
            headers: HeaderMap::new(),
            body: Body::Whole(body.into()),
            is_chunked: false,
            is_lost: false,
            pace: Pace::Usual,
        }
        .with(CONTENT_TYPE, content_type)
    }

    /// An answer without a body.
    pub(crate) fn empty(status: StatusCode) -> Answer {
        let mut answer = Answer::new(status, "", Bytes::new());
        answer.headers.clear();
        answer
    }

    /// Plain text.
    pub(crate) fn text(status: StatusCode, text: &str) -> Answer {
        Answer::new(status, "text/plain", text.to_owned())
    }

    /// JSON.
    pub(crate) fn json(status: StatusCode, value: &Value) -> Answer {
        Answer::new(status, "application/json; charset=utf-8", value.to_string())
    }

    /// An error in the vendor's form.
    pub(crate) fn vendor_error(status: u16, code: i64, message: &str) -> Answer {
        Answer::json(status_of(status), &json!({"code": code, "message": message}))
    }

    /// An error in the vendor's form with further members.
    pub(crate) fn vendor_error_with(
        status: u16,
        code: i64,
        message: &str,
        name: &str,
        more: Value,
    ) -> Answer {
        Answer::json(status_of(status), &json!({"code": code, "message": message, name: more}))
    }

    /// A web page of the edge network in front of the vendor.
    pub(crate) fn web_page(status: u16, title: &str) -> Answer {
        let page = format!(
            "<!DOCTYPE html>\n<html lang=\"en-US\">\n<head><title>{title}</title></head>\n\
             <body><h1>{title}</h1><p>Ray ID: 0000000000000000</p></body>\n</html>\n"
        );
        Answer::new(status_of(status), "text/html; charset=UTF-8", page).with(SERVER, "cloudflare")
    }

    /// 403 of the edge network for clients that it does not like.
    pub(crate) fn edge_blocked() -> Answer {
        Answer::web_page(403, "Attention Required! | Cloudflare")
    }

    /// 403 because a key is in use from another address.
    pub(crate) fn key_locked(seconds: u64) -> Answer {
        let message = "this key is in use from another IP address; it is free again after retryAfterSeconds";
        Answer::vendor_error_with(403, 274, message, "retryAfterSeconds", seconds.into())
    }

    /// 429 in the vendor's form; `retry_after` is the header's value.
    pub(crate) fn too_many_requests(retry_after: Option<&str>) -> Answer {
        let answer = Answer::vendor_error(429, 429, "too many requests: the limit of this key is used up");
        match retry_after {
            Some(value) => answer.with(RETRY_AFTER, value),
            None => answer,
        }
    }

    /// Sets a header; a value that no header can hold leaves it out.
    pub(crate) fn with(mut self, name: HeaderName, value: &str) -> Answer {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }

    /// The bytes of the body that shall arrive, where they are known.
    pub(crate) fn bytes_to_send(&self) -> Option<u64> {
        let Body::Whole(body) = &self.body else { return None };
        let length = body.len() as u64;
        Some(match self.pace {
            Pace::Cut(after) | Pace::Stall(after) => after.min(length),
            Pace::Usual | Pace::Drip(_) => length,
        })
    }

    /// Waits until the body is whole.
    pub(crate) async fn gathered(mut self) -> (Answer, Bytes) {
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

const SERVER: HeaderName = axum::http::header::SERVER;

/// A status by its number; 500 for what is none.
pub(crate) fn status_of(number: u16) -> StatusCode {
    StatusCode::from_u16(number).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
