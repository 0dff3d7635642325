//! The namespaces in which a caller may list objects of a kind.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use futures::{StreamExt, TryStreamExt, stream};

use crate::access::{Caller, Permission};
use crate::problem::Problem;
use crate::state::State;
use crate::unwatched::Unwatched;

/// Most namespaces that are asked about one by one. Where there are more, the caller names one.
const MAX_NAMESPACES: usize = 500;
/// Namespaces that are asked about at a time.
const CONCURRENCY: usize = 16;

/// Where a caller may look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Everywhere.
    All,
    /// In these namespaces.
    In(BTreeSet<String>),
}

impl Scope {
    /// In this namespace, or everywhere if it is none.
    #[must_use]
    pub fn named(namespace: Option<&str>) -> Self {
        namespace.map_or(Self::All, |namespace| Self::In([namespace.to_owned()].into()))
    }

    /// Whether an object of this namespace is to be shown.
    #[must_use]
    pub fn holds(&self, namespace: &str) -> bool {
        match self {
            Self::All => true,
            Self::In(namespaces) => namespaces.contains(namespace),
        }
    }
}

/// Where a caller may list this kind: in the namespace that they name; or everywhere; or in those of `there` in which they
/// may. Who may nowhere is refused, whatever there is.
pub async fn of(
    state: &State,
    caller: &Caller,
    resource: &'static str,
    named: Option<&str>,
    there: BTreeSet<String>,
) -> Result<Scope, Problem> {
    if let Some(named) = named {
        state.authorizer.check(&caller.user, Permission::to("list", resource, Some(named))).await?;
        Unwatched::by(state.process.clone()).check(Some(named))?;
        return Ok(Scope::named(Some(named)));
    }
    let refusal = match state.authorizer.check(&caller.user, Permission::to("list", resource, None)).await {
        Ok(()) => return Ok(Scope::All),
        Err(refusal) if refusal.status == StatusCode::FORBIDDEN => refusal,
        Err(problem) => return Err(problem),
    };
    if there.len() > MAX_NAMESPACES {
        // Some of them would be a list that looks whole and is not.
        return Err(refusal);
    }
    let asks: Vec<_> =
        there.into_iter().map(|namespace| may_list(state, caller, resource, namespace)).collect();
    let allowed: Vec<Option<String>> = stream::iter(asks).buffer_unordered(CONCURRENCY).try_collect().await?;
    let allowed: BTreeSet<String> = allowed.into_iter().flatten().collect();
    if allowed.is_empty() { Err(refusal) } else { Ok(Scope::In(allowed)) }
}

/// The namespace, if the caller may list there.
async fn may_list(
    state: &State,
    caller: &Caller,
    resource: &'static str,
    namespace: String,
) -> Result<Option<String>, Problem> {
    let permission = Permission::to("list", resource, Some(&namespace));
    match state.authorizer.check(&caller.user, permission).await {
        Ok(()) => Ok(Some(namespace)),
        Err(refusal) if refusal.status == StatusCode::FORBIDDEN => Ok(None),
        Err(problem) => Err(problem),
    }
}
