//! What shells are offered.

pub mod names;
