//! The replay of ticks in the form of tardis-machine.

use axum::Router;

use crate::state::Shared;

/// Its routes.
pub fn router(_state: &Shared) -> Router {
    Router::new()
}
