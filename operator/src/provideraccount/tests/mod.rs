//! An account, the jobs that ask it and the service, over time.

mod properties;
mod simulation;
