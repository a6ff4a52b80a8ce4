//! Conditions on a request: the generation that an object must have, or must not; in the form of S3, its tag.

use super::error::GcsError;
use super::object::Object;
use crate::server::front::ask::Ask;

/// Conditions on the object that a request is about. Generation 0 means that there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Conditions {
    generation: Option<i64>,
    other_than_generation: Option<i64>,
    metageneration: Option<i64>,
    other_than_metageneration: Option<i64>,
    /// The tag that the object must have.
    tag: Option<String>,
}

impl Conditions {
    /// Those in the headers of the XML face.
    ///
    /// # Errors
    /// When one is not a number.
    pub(super) fn of_headers(ask: &Ask) -> Result<Conditions, GcsError> {
        let number = |name: &str| read(ask.header(name));
        // Of S3's clients; of reads they are the media's.
        let of_put = |name: &str| ask.header(name).filter(|_| ask.method == axum::http::Method::PUT);
        let none = of_put("if-none-match").filter(|tags| *tags == "*").map(|_| 0);
        Ok(Conditions {
            tag: of_put("if-match").map(|tag| tag.trim_matches('"').to_owned()),
            generation: number("x-goog-if-generation-match")?.or(none),
            other_than_generation: number("x-goog-if-generation-not-match")?,
            metageneration: number("x-goog-if-metageneration-match")?,
            other_than_metageneration: number("x-goog-if-metageneration-not-match")?,
        })
    }

    /// Those in the query of the JSON face.
    ///
    /// # Errors
    /// When one is not a number.
    pub(super) fn of_query(ask: &Ask) -> Result<Conditions, GcsError> {
        let number = |name: &str| read(ask.parameter(name).as_deref());
        Ok(Conditions {
            generation: number("ifGenerationMatch")?,
            other_than_generation: number("ifGenerationNotMatch")?,
            metageneration: number("ifMetagenerationMatch")?,
            other_than_metageneration: number("ifMetagenerationNotMatch")?,
            tag: None,
        })
    }

    /// Checks the object that is there now.
    ///
    /// # Errors
    /// When a condition does not hold.
    pub(super) fn check(&self, current: Option<&Object>) -> Result<(), GcsError> {
        let generation = current.map_or(0, |object| object.generation);
        let metageneration = current.map_or(0, |object| object.metageneration);
        let holds = self.generation.is_none_or(|wanted| wanted == generation)
            && self.other_than_generation.is_none_or(|unwanted| unwanted != generation)
            && self.metageneration.is_none_or(|wanted| wanted == metageneration)
            && self.other_than_metageneration.is_none_or(|unwanted| unwanted != metageneration)
            && self.tag.as_ref().is_none_or(|tag| current.is_some_and(|object| object.etag == *tag));
        if holds { Ok(()) } else { Err(GcsError::PreconditionFailed) }
    }
}

fn read(text: Option<&str>) -> Result<Option<i64>, GcsError> {
    text.map(|text| text.parse().map_err(|_| GcsError::Invalid(format!("generation `{text}`")))).transpose()
}
