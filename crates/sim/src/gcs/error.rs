//! Errors of the server, in the formats of both APIs.

use axum::http::StatusCode;
use serde_json::json;

use super::xml_text::CONTENT_TYPE;
use crate::server::front::response::{HttpResponse, status_of};

/// One of the two APIs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Api {
    Json,
    Xml,
}

impl Api {
    /// Returns the API of a path.
    pub(super) fn of_path(path: &str) -> Api {
        let word = path.trim_start_matches('/').split('/').next().unwrap_or_default();
        if matches!(word, "storage" | "upload" | "download" | "resumable" | "batch") {
            Api::Json
        } else {
            Api::Xml
        }
    }
}

/// Why a request fails.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum GcsError {
    #[error("the specified bucket does not exist")]
    NoSuchBucket,
    #[error("the specified key does not exist")]
    NoSuchKey,
    #[error("the specified upload does not exist")]
    NoSuchUpload,
    #[error("at least one of the pre-conditions did not hold")]
    PreconditionFailed,
    #[error("the bucket exists already")]
    BucketExists,
    #[error("the bucket is not empty")]
    BucketNotEmpty,
    #[error("the requested range cannot be satisfied; the object has {length} bytes")]
    BadRange { length: usize },
    #[error("the content does not have the checksum that was given for it")]
    BadDigest,
    #[error("invalid argument: {0}")]
    Invalid(String),
    #[error("a bearer token is needed")]
    Unauthorized,
    #[error("the method is not allowed here")]
    MethodNotAllowed,
    #[error("the service failed")]
    Status(u16),
}

impl GcsError {
    /// Status, error code of the XML API and reason of the JSON API.
    fn codes(&self) -> (u16, &'static str, &'static str) {
        match self {
            GcsError::NoSuchBucket => (404, "NoSuchBucket", "notFound"),
            GcsError::NoSuchKey => (404, "NoSuchKey", "notFound"),
            GcsError::NoSuchUpload => (404, "NoSuchUpload", "notFound"),
            GcsError::PreconditionFailed => (412, "PreconditionFailed", "conditionNotMet"),
            GcsError::BucketExists => (409, "BucketAlreadyOwnedByYou", "conflict"),
            GcsError::BucketNotEmpty => (409, "BucketNotEmpty", "conflict"),
            GcsError::BadRange { .. } => (416, "InvalidRange", "requestedRangeNotSatisfiable"),
            GcsError::BadDigest => (400, "BadDigest", "invalid"),
            GcsError::Invalid(_) => (400, "InvalidArgument", "invalid"),
            GcsError::Unauthorized => (401, "AuthenticationRequired", "required"),
            GcsError::MethodNotAllowed => (405, "MethodNotAllowed", "methodNotAllowed"),
            GcsError::Status(status) => match status {
                403 => (403, "AccessDenied", "forbidden"),
                405 => (405, "MethodNotAllowed", "methodNotAllowed"),
                408 => (408, "RequestTimeout", "uploadBrokenConnection"),
                409 => (409, "ConditionalRequestConflict", "conflict"),
                412 => (412, "PreconditionFailed", "conditionNotMet"),
                429 => (429, "SlowDown", "rateLimitExceeded"),
                501 => (501, "NotImplemented", "notImplemented"),
                503 => (503, "ServiceUnavailable", "backendError"),
                other => (*other, "InternalError", "backendError"),
            },
        }
    }

    /// Builds the response in the format of an API.
    pub(super) fn to_response(&self, api: Api) -> HttpResponse {
        let (status, code, reason) = self.codes();
        let message = self.to_string();
        let status = status_of(status);
        let response = match api {
            Api::Json => {
                let error = json!({"message": message, "domain": "global", "reason": reason});
                let body = json!({"error": {"code": status.as_u16(), "message": message, "errors": [error]}});
                HttpResponse::json(status, &body)
            }
            Api::Xml => {
                let body = format!(
                    "<?xml version='1.0' encoding='UTF-8'?><Error><Code>{code}</Code><Message>{message}</Message></Error>"
                );
                HttpResponse::new(status, CONTENT_TYPE, body)
            }
        };
        match self {
            GcsError::BadRange { length } => {
                response.with(axum::http::header::CONTENT_RANGE, &format!("bytes */{length}"))
            }
            GcsError::Unauthorized if status == StatusCode::UNAUTHORIZED => {
                response.with(axum::http::header::WWW_AUTHENTICATE, "Bearer realm=\"storage\"")
            }
            _ => response,
        }
    }
}
