//! `kubectl videofactory` as a program on a cluster: all that each verb says, on which stream, and how it ends. What the
//! runbook says of `proxy` is followed in `docs.rs`.

mod asked;
mod callers;
mod films;
mod operating;

/// What is said where a question would be asked and standard input is no terminal.
const NOBODY_AGREES: &str = "error: nobody is there to agree: standard input is no terminal\n\
                             say --yes, or look at what would be done by --dry-run\n";
