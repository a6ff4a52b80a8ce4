//! Preconditions of a request: generations or ETags that the current object must have, or must not have.

use super::error::GcsError;
use super::object::Object;
use crate::server::front::request::HttpRequest;

/// Preconditions on the current object. Generation 0 stands for a missing object; a `None` condition always holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Conditions {
    generation: Option<i64>,
    other_than_generation: Option<i64>,
    metageneration: Option<i64>,
    other_than_metageneration: Option<i64>,
    /// The ETag that the object must have.
    etag: Option<String>,
}

impl Conditions {
    /// Reads the headers of the XML API.
    ///
    /// # Errors
    /// Fails when a generation is not a number.
    pub(super) fn of_headers(request: &HttpRequest) -> Result<Conditions, GcsError> {
        let number = |name: &str| parse_generation(request.header(name));
        // S3 clients send ETags; those of reads are checked in `media`.
        let put_header =
            |name: &str| request.header(name).filter(|_| request.method == axum::http::Method::PUT);
        let none = put_header("if-none-match").filter(|tags| *tags == "*").map(|_| 0);
        Ok(Conditions {
            etag: put_header("if-match").map(|tag| tag.trim_matches('"').to_owned()),
            generation: number("x-goog-if-generation-match")?.or(none),
            other_than_generation: number("x-goog-if-generation-not-match")?,
            metageneration: number("x-goog-if-metageneration-match")?,
            other_than_metageneration: number("x-goog-if-metageneration-not-match")?,
        })
    }

    /// Reads the query parameters of the JSON API.
    ///
    /// # Errors
    /// Fails when a generation is not a number.
    pub(super) fn of_query(request: &HttpRequest) -> Result<Conditions, GcsError> {
        let number = |name: &str| parse_generation(request.parameter(name).as_deref());
        Ok(Conditions {
            generation: number("ifGenerationMatch")?,
            other_than_generation: number("ifGenerationNotMatch")?,
            metageneration: number("ifMetagenerationMatch")?,
            other_than_metageneration: number("ifMetagenerationNotMatch")?,
            etag: None,
        })
    }

    /// Checks the current object; `None`: it does not exist.
    ///
    /// # Errors
    /// Fails when a condition does not hold.
    pub(super) fn check(&self, current: Option<&Object>) -> Result<(), GcsError> {
        let generation = current.map_or(0, |object| object.generation);
        let metageneration = current.map_or(0, |object| object.metageneration);
        let holds = self.generation.is_none_or(|wanted| wanted == generation)
            && self.other_than_generation.is_none_or(|unwanted| unwanted != generation)
            && self.metageneration.is_none_or(|wanted| wanted == metageneration)
            && self.other_than_metageneration.is_none_or(|unwanted| unwanted != metageneration)
            && self.etag.as_ref().is_none_or(|tag| current.is_some_and(|object| object.etag == *tag));
        if holds { Ok(()) } else { Err(GcsError::PreconditionFailed) }
    }
}

/// Returns the generation that a request names. `None`: the current one.
///
/// # Errors
/// Fails when it is not a number.
pub(super) fn requested_generation(request: &HttpRequest) -> Result<Option<i64>, GcsError> {
    parse_generation(request.parameter("generation").as_deref())
}

fn parse_generation(text: Option<&str>) -> Result<Option<i64>, GcsError> {
    text.map(|text| text.parse().map_err(|_| GcsError::Invalid(format!("generation `{text}`")))).transpose()
}
