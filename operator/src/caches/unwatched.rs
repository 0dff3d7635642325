//! Namespaces that should be watched and are not: those that were left out at the start, and those whose watches the API
//! server has refused for a while since then. What the caches hold of the latter is old.

use std::collections::{BTreeSet, HashMap};
use std::sync::OnceLock;
use std::time::Duration;

use kube::runtime::watcher::Error;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::watched_namespaces::REFUSED_FOR;

/// A watch that is refused is tried again at least as often: one of which nothing was heard for so long is refused no more.
const TRIED_WITHIN: Duration = Duration::from_mins(2);

/// The namespaces that are not watched although they should be.
#[derive(Debug, Default)]
pub struct Unwatched {
    /// Those that were left out; none until that is known.
    excluded: OnceLock<BTreeSet<String>>,
    /// The watches that are refused, by kind and namespace.
    refused: Mutex<HashMap<(String, String), Refusals>>,
}

/// Refusals in a row.
#[derive(Debug)]
struct Refusals {
    first: Instant,
    last: Instant,
}

impl Refusals {
    /// Whether they have lasted for a while, and continue.
    fn last_for_long(&self) -> bool {
        self.last.duration_since(self.first) >= REFUSED_FOR && self.last.elapsed() < TRIED_WITHIN
    }
}

impl Unwatched {
    /// Takes note of the namespaces that are left out.
    pub(super) fn leave_out(&self, namespaces: BTreeSet<String>) {
        // Nobody else sets it.
        let _ = self.excluded.set(namespaces);
    }

    /// Takes note of why a watch of a kind in a namespace broke off.
    pub(super) fn broke_off(&self, kind: &str, namespace: &str, error: &Error) {
        let now = Instant::now();
        let mut refused = self.refused.lock();
        refused.retain(|_, refusals| refusals.last.elapsed() < TRIED_WITHIN);
        if is_refusal(error) {
            let watch = (kind.to_owned(), namespace.to_owned());
            refused.entry(watch).or_insert(Refusals { first: now, last: now }).last = now;
        }
    }

    /// Their names.
    #[must_use]
    pub fn namespaces(&self) -> BTreeSet<String> {
        let mut names = self.excluded.get().cloned().unwrap_or_default();
        let refused = self.refused.lock();
        let for_long = refused.iter().filter(|(_, refusals)| refusals.last_for_long());
        names.extend(for_long.map(|((_, namespace), _)| namespace.clone()));
        names
    }
}

fn is_refusal(error: &Error) -> bool {
    match error {
        Error::InitialListFailed(kube::Error::Api(status))
        | Error::WatchStartFailed(kube::Error::Api(status))
        | Error::WatchError(status) => status.code == 403,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use kube::core::Status;
    use tokio::time::advance;

    use super::*;

    fn answered(code: u16) -> Error {
        let status = Status::failure("the operator cannot watch pods", "Forbidden").with_code(code);
        Error::WatchStartFailed(kube::Error::Api(Box::new(status)))
    }

    fn names(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_namespace_whose_watch_is_refused_for_a_while_is_not_watched_until_it_is_refused_no_more() {
        let unwatched = Unwatched::default();
        unwatched.leave_out(names(&["trailers"]));
        unwatched.broke_off("Pod", "ads", &answered(403));
        advance(REFUSED_FOR).await;
        assert_eq!(unwatched.namespaces(), names(&["trailers"]), "it was for a moment");
        unwatched.broke_off("Pod", "ads", &answered(403));
        assert_eq!(unwatched.namespaces(), names(&["ads", "trailers"]));
        advance(TRIED_WITHIN).await;
        assert_eq!(unwatched.namespaces(), names(&["trailers"]), "nothing was heard of it");
    }

    #[tokio::test(start_paused = true)]
    async fn what_says_nothing_about_permissions_does_not_count() {
        let unwatched = Unwatched::default();
        for _ in 0..2 {
            unwatched.broke_off("Pod", "films", &answered(500));
            unwatched.broke_off("Pod", "films", &Error::NoResourceVersion);
            advance(REFUSED_FOR).await;
        }
        assert_eq!(unwatched.namespaces(), BTreeSet::new());
    }
}
