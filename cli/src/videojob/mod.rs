//! What several verbs share about a VideoJob: its state, what to do next, its files, following and fetching it.

pub mod artifacts;
pub mod fetch;
pub mod follow;
pub mod next;
pub mod state;
