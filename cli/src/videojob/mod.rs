//! What several verbs know of a film: how it stands and what to do next, its files, how it is followed and fetched.

pub mod artifacts;
pub mod fetch;
pub mod follow;
pub mod next;
pub mod state;
