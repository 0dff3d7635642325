//! How long a paid request may take, whichever service it is sent to: by these a pod knows how long its end may take. Each
//! service's module says which one is its own.

use std::time::Duration;

/// The longest that any provider waits for the answer to a request that is paid for.
pub const MAX_ANSWER: Duration = Duration::from_mins(5);
/// The longest that any waits until a clip is accepted, which is fetched by its id later.
pub const MAX_ACCEPTANCE: Duration = Duration::from_mins(3);
/// The longest that any waits for an upload session to open, or for an announcement to be taken.
pub const MAX_OPENING: Duration = Duration::from_mins(1);
