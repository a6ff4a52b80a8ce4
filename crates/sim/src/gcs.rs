//! The bucket.
pub(crate) mod store;
use crate::front::{answer::Answer, ask::Ask};
use crate::world::World;
use std::sync::Arc;
pub(crate) fn answer(_world: &Arc<World>, _ask: &Ask) -> Answer {
    Answer::empty(axum::http::StatusCode::NOT_FOUND)
}
pub(crate) fn stale_answer(_world: &Arc<World>, _ask: &Ask) -> Answer {
    Answer::empty(axum::http::StatusCode::NOT_FOUND)
}
pub(crate) fn error(_ask: &Ask, status: u16) -> Answer {
    Answer::empty(crate::front::answer::status_of(status))
}
