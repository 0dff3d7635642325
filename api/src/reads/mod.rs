//! What people and programs see.

pub mod backup;

use axum::Router;

use crate::state::State;

/// The routes.
pub fn router() -> Router<State> {
    Router::new()
}
