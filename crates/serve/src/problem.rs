//! Errors as `application/problem+json` (RFC 9457). A browser gets each as a page instead: the rules see to it.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use mtdh_engine::candles::CandleError;
use mtdh_engine::{EngineError, ErrorKind, LakeError, chain};
use serde_json::{Map, Value, json};

/// Why a request is not answered.
#[derive(Clone, Debug)]
pub struct Problem {
    /// The status.
    pub status: StatusCode,
    /// The kind, the last part of `type`: `unknown-parameter`.
    pub kind: &'static str,
    /// What is wrong, for people. Names no path of the server, no credential and no address.
    pub detail: String,
    /// Further members: `parameter`, `allowed`, `hint`, `missing_days`.
    pub more: Map<String, Value>,
}

impl Problem {
    /// A problem.
    pub fn new(status: StatusCode, kind: &'static str, detail: impl Into<String>) -> Problem {
        Problem { status, kind, detail: detail.into(), more: Map::new() }
    }

    /// A wrong value of a parameter.
    pub fn parameter(name: &str, detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, "wrong-parameter", detail).with("parameter", name)
    }

    /// With a further member.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Problem {
        self.more.insert(name.to_owned(), value.into());
        self
    }

    /// With advice.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Problem {
        self.with("hint", hint.into())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let title = self.kind.replace('-', " ");
        let kept = self.clone();
        let mut document = json!({
            "type": format!("urn:mtdh:{}", self.kind),
            "title": title,
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        if let Value::Object(members) = &mut document {
            members.extend(self.more);
        }
        let mut response = Response::new(Body::from(document.to_string()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.status == StatusCode::TOO_MANY_REQUESTS || self.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        headers.append(header::VARY, HeaderValue::from_static("accept"));
        response.extensions_mut().insert(kept);
        response
    }
}

impl From<EngineError> for Problem {
    /// The status by the error's kind. What could name a path of the server or an address stays in the log.
    fn from(error: EngineError) -> Problem {
        let (status, kind) = match error.kind() {
            ErrorKind::NotFound => (StatusCode::NOT_FOUND, "not-found"),
            ErrorKind::Invalid => (StatusCode::BAD_REQUEST, "wrong-request"),
            ErrorKind::Busy | ErrorKind::UsedUp => (StatusCode::SERVICE_UNAVAILABLE, "lake-busy"),
            ErrorKind::Refused => (StatusCode::SERVICE_UNAVAILABLE, "lake-refused"),
            ErrorKind::Damaged => (StatusCode::INTERNAL_SERVER_ERROR, "damaged"),
            _ => (StatusCode::INTERNAL_SERVER_ERROR, "failed"),
        };
        match &error {
            EngineError::UnknownInstrument { suggestions, .. } => {
                let problem = Problem::new(StatusCode::NOT_FOUND, "unknown-instrument", error.to_string());
                problem.with("suggestions", suggestions.clone())
            }
            EngineError::NotAKey { suggestions, .. } => {
                let problem = Problem::new(StatusCode::BAD_REQUEST, "not-a-key", error.to_string());
                problem.with("parameter", "key").with("suggestions", suggestions.clone())
            }
            EngineError::BadKey(_) => {
                Problem::new(StatusCode::BAD_REQUEST, "not-a-key", error.to_string()).with("parameter", "key")
            }
            EngineError::NoColumn { columns, .. } => {
                let problem = Problem::new(StatusCode::BAD_REQUEST, "no-column", error.to_string());
                problem.with("parameter", "columns").with("allowed", columns.clone())
            }
            EngineError::ColumnTwice { .. } => {
                Problem::new(StatusCode::BAD_REQUEST, "column-twice", error.to_string())
                    .with("parameter", "columns")
            }
            EngineError::NoInstrumentTable => Problem::new(status, "no-instrument-table", error.to_string())
                .hint("make one on the server: mtdh instruments --start-date DAY"),
            EngineError::NoInstruments(day) => Problem::new(status, "no-instrument-table", error.to_string())
                .hint(format!("make it on the server: mtdh instruments --start-date {day}")),
            EngineError::NoRecord { run_id, suggestions } => {
                let detail = format!("the lake has no run `{run_id}`");
                let problem = Problem::new(status, "unknown-run", detail).hint("/v1/runs lists them");
                problem.with("suggestions", suggestions.clone())
            }
            EngineError::NoRun { .. } | EngineError::BadRunName { .. } => {
                Problem::new(status, kind, error.to_string())
            }
            EngineError::Lake(lake) => of_lake(lake, status, kind),
            EngineError::Candles { source: CandleError::Changing(_), .. } => changed(),
            EngineError::Candles { source: CandleError::Untrusted { .. }, .. } => {
                tracing::warn!(cause = %chain(&error), "the lake failed");
                distrusted()
            }
            _ => Problem::new(status, kind, error.to_string()),
        }
    }
}

fn distrusted() -> Problem {
    let detail = "a stored object cannot be trusted: its bytes do not fit its checksums";
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "damaged", detail)
        .hint("on the server, `mtdh validate --deep --bytes` finds it and `mtdh download` brings it anew")
}

fn changed() -> Problem {
    let detail = "an object was replaced while it was read; ask again";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "changed", detail)
}

/// An error of the lake without the store's own words, which may name folders, hosts or accounts; those are logged.
fn of_lake(error: &LakeError, status: StatusCode, kind: &'static str) -> Problem {
    tracing::warn!(cause = %chain(error), "the lake failed");
    if error.is_distrust() {
        return distrusted();
    }
    if error.is_changed() {
        return changed();
    }
    match error {
        LakeError::NoFolder(_) | LakeError::NoBucket { .. } => {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "no-lake", "the lake is not there")
        }
        LakeError::Newer { .. } => {
            Problem::new(status, "newer", "an object was written by a newer version of mtdh")
                .hint("update mtdh on the server")
        }
        _ if status.is_client_error() => {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "no-lake", "the lake cannot be read")
        }
        _ => Problem::new(StatusCode::SERVICE_UNAVAILABLE, kind, "the lake cannot be read; ask again"),
    }
}
