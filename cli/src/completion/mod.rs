//! What shells are told.

pub mod names;
