//! What can go wrong at the bucket, in the words of both faces.

use axum::http::StatusCode;
use serde_json::json;

use crate::server::front::answer::{Answer, status_of};

/// A face of the bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Face {
    Json,
    Xml,
}

impl Face {
    /// The face that answers for a path.
    pub(super) fn of(path: &str) -> Face {
        let word = path.trim_start_matches('/').split('/').next().unwrap_or_default();
        if matches!(word, "storage" | "upload" | "download" | "resumable" | "batch") {
            Face::Json
        } else {
            Face::Xml
        }
    }
}

/// Why a request to the bucket fails.
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
    /// Status, code of the XML face, reason of the JSON face.
    fn words(&self) -> (u16, &'static str, &'static str) {
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

    /// The answer in the form of a face.
    pub(super) fn answer(&self, face: Face) -> Answer {
        let (status, code, reason) = self.words();
        let message = self.to_string();
        let status = status_of(status);
        let answer = match face {
            Face::Json => {
                let error = json!({"message": message, "domain": "global", "reason": reason});
                let body = json!({"error": {"code": status.as_u16(), "message": message, "errors": [error]}});
                Answer::json(status, &body)
            }
            Face::Xml => {
                let body = format!(
                    "<?xml version='1.0' encoding='UTF-8'?><Error><Code>{code}</Code><Message>{message}</Message></Error>"
                );
                Answer::new(status, super::xml::CONTENT_TYPE, body)
            }
        };
        match self {
            GcsError::BadRange { length } => {
                answer.with(axum::http::header::CONTENT_RANGE, &format!("bytes */{length}"))
            }
            GcsError::Unauthorized if status == StatusCode::UNAUTHORIZED => {
                answer.with(axum::http::header::WWW_AUTHENTICATE, "Bearer realm=\"storage\"")
            }
            _ => answer,
        }
    }
}
