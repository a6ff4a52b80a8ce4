//! A GCS bucket with both of its faces over one store: the XML API that `object_store` speaks, and the JSON API of
//! Google's own clients.

mod conditions;
mod error;
mod json;
mod listing;
mod media;
mod multipart;
mod object;
pub(crate) mod store;
mod upload;
mod xml;

use std::sync::Arc;

use crate::server::front::answer::Answer;
use crate::server::front::ask::Ask;
use crate::server::world::{World, blocking};
use error::{Face, GcsError};

/// Bodies above this are hashed away from the runtime's threads.
const LARGE_BODY_BYTES: usize = 128 << 10;

/// Answers a request to the bucket.
pub(crate) async fn answer(world: &Arc<World>, ask: &Arc<Ask>) -> Answer {
    let is_large = ask.body.len() > LARGE_BODY_BYTES || ask.query.contains("uploadId");
    if !is_large {
        return answer_now(world, ask);
    }
    let (world, ask) = (Arc::clone(world), Arc::clone(ask));
    blocking(move || answer_now(&world, &ask)).await
}

fn answer_now(world: &World, ask: &Ask) -> Answer {
    let face = Face::of(&ask.path);
    let answered = match face {
        _ if !may_enter(world, ask) => Err(GcsError::Unauthorized),
        Face::Json => json::answer(world, ask),
        Face::Xml => xml::answer(world, ask),
    };
    answered.unwrap_or_else(|error| error.answer(face))
}

/// An error in the form of the face that was asked.
pub(crate) fn error(ask: &Ask, status: u16) -> Answer {
    GcsError::Status(status).answer(Face::of(&ask.path))
}

fn may_enter(world: &World, ask: &Ask) -> bool {
    world.config().options.gcs_token.as_deref().is_none_or(|token| ask.bearer() == Some(token))
}
