//! The page.

use axum::Router;

use crate::state::Shared;

/// Its routes.
pub fn router(_state: &Shared) -> Router {
    Router::new()
}
