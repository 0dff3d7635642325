//! The program in a step's pod: one attempt of one step, from its input to its outcome.
//!
//! Artifacts are written once, under names that hold the digest of what they were made from; what
//! exists is never made again. Whatever happens, the attempt leaves an outcome.

pub mod confine;
pub mod context;
pub mod logs;
pub mod outcome;
pub mod paid;
pub mod progress;
pub mod provider_factory;
pub mod publishing;
pub mod run;
pub mod steps;
pub mod traces;
