//! Namespaces that the operator should watch and may not read: what it knows of them is nothing, or old, and it does nothing
//! there. Nobody is to take that for an empty namespace, or for a request that is being acted on.

use std::sync::Arc;

use crate::problem::Problem;
use crate::state::Process;

/// Seconds after which to ask again: permissions come back by a person's hand.
const AGAIN: u32 = 60;

/// Which they are, by whoever serves; a proxy on somebody's machine knows of none.
#[derive(Clone, Default)]
pub struct Unwatched(Option<Arc<dyn Process>>);

impl Unwatched {
    /// As this process knows them.
    #[must_use]
    pub fn by(process: Arc<dyn Process>) -> Self {
        Self(Some(process))
    }

    /// Fails for one of them. To be asked when it is known that the caller may look at this namespace.
    pub fn check(&self, namespace: Option<&str>) -> Result<(), Problem> {
        let unwatched = self.0.as_ref().map(|process| process.unwatched()).unwrap_or_default();
        match namespace.filter(|namespace| unwatched.contains(*namespace)) {
            None => Ok(()),
            Some(namespace) => Err(Problem::later(message(namespace), AGAIN).hint(HINT)),
        }
    }
}

/// What is said of one.
#[must_use]
pub fn message(namespace: &str) -> String {
    format!("the operator may not read the namespace {namespace}, and does nothing there")
}

/// What to do about one.
pub const HINT: &str = "give the operator its permissions there again; it finds them within some minutes";
