//! `kubectl videofactory` as a program on a cluster: all that each verb says, on which stream, and how it ends. What the
//! runbook says of `proxy` is followed in `docs.rs`.

mod asked;
mod callers;
mod films;
mod operating;
