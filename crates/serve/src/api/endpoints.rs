//! The one table of endpoints. Router, validation of parameters, `openapi.json` and `docs/reference/api.md` are made of it.

use super::parameters::Parameter;
use super::{Handler, status};

/// A method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// GET, and HEAD with it.
    Get,
    /// POST. It changes nothing: the request is too long for an address.
    Post,
}

impl Method {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
        }
    }
}

/// What answers an endpoint gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answers {
    /// A JSON document, with the names of its members.
    Document(&'static [(&'static str, &'static str)]),
}

/// An endpoint.
pub struct Endpoint {
    /// Its path, with the parameters in braces.
    pub path: &'static str,
    /// Its method.
    pub method: Method,
    /// What it is for, in a line.
    pub summary: &'static str,
    /// Its parameters.
    pub parameters: &'static [&'static [Parameter]],
    /// What it answers.
    pub answers: Answers,
    /// Path and query of an example that a demo lake answers.
    pub example: &'static str,
    /// What answers it.
    pub handler: Handler,
}

/// Every endpoint.
pub static ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        path: "/health",
        method: Method::Get,
        summary: "Whether the server lives; needs no token and looks at no lake.",
        parameters: &[],
        answers: Answers::Document(&[("status", "`alive`")]),
        example: "/health",
        handler: status::health,
    },
    Endpoint {
        path: "/v1/status",
        method: Method::Get,
        summary: "The program's version and what it serves.",
        parameters: &[],
        answers: Answers::Document(&[("as_of", "when the lake was looked at, RFC 3339, UTC")]),
        example: "/v1/status",
        handler: status::status,
    },
    Endpoint {
        path: "/v1/days",
        method: Method::Get,
        summary: "The days that the lake has partitions of, in order.",
        parameters: &[],
        answers: Answers::Document(&[
            ("as_of", "when the lake was looked at, RFC 3339, UTC"),
            ("days", "`YYYY-MM-DD`"),
        ]),
        example: "/v1/days",
        handler: status::days,
    },
];
