//! Binance's candles.
use crate::front::{answer::Answer, ask::Ask};
use crate::world::World;
use std::sync::Arc;
pub(crate) async fn answer(_world: &Arc<World>, _ask: &Ask) -> Answer {
    Answer::empty(axum::http::StatusCode::NOT_FOUND)
}
