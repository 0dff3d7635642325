//! Which paths need no token.

/// What anybody may see, at any time: it says no more than whether this process works.
pub const PUBLIC_PATHS: [&str; 2] = ["/health", "/ready"];

/// Whether no token is asked for.
#[must_use]
pub fn is_public(path: &str) -> bool {
    PUBLIC_PATHS.contains(&path)
}
