//! Whether the installation, the person's rights, buckets and accounts are well, and how to mend what is not.

mod installation;
mod look;
mod objects;
mod rights;

use serde::Serialize;

use crate::context::Context;
use crate::exit::Error;
use crate::flags::Scope;
use crate::text::table;

/// How well something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// As it should be.
    Ok,
    /// It works, and somebody should look at it.
    Warning,
    /// Something does not work.
    Error,
}

/// What was found at one place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// How well it is.
    pub state: State,
    /// What was looked at.
    #[serde(rename = "check")]
    pub what: String,
    /// What was found.
    pub found: String,
    /// How to mend it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mend: Option<String>,
}

impl Check {
    /// Something that is as it should be.
    #[must_use]
    pub fn ok(check: impl Into<String>, found: impl Into<String>) -> Self {
        Self { state: State::Ok, what: check.into(), found: found.into(), mend: None }
    }

    /// Something that somebody should look at.
    #[must_use]
    pub fn warning(check: impl Into<String>, found: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { state: State::Warning, mend: Some(mend.into()), ..Self::ok(check, found) }
    }

    /// Something that does not work.
    #[must_use]
    pub fn error(check: impl Into<String>, found: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { state: State::Error, mend: Some(mend.into()), ..Self::ok(check, found) }
    }

    /// Something that could not be looked at.
    #[must_use]
    pub fn unseen(check: &str, error: impl Into<Error>) -> Self {
        let Error { message, hint, .. } = error.into();
        let mend = hint.unwrap_or_else(|| "mend that, and look again".to_owned());
        Self::warning(check, message, mend)
    }
}

/// All checks, in an order in which the cause of others comes first.
pub async fn all(scope: Scope, context: &Context) -> Result<Vec<Check>, Error> {
    let client = context.cluster.client()?;
    let (namespace, now) = (context.scope(scope.all_namespaces), context.now());
    let mut checks = look::cluster(&client).await;
    if checks.iter().any(|check| check.state == State::Error) {
        // Without the API server all others would say the same.
        return Ok(checks);
    }
    checks.extend(look::definitions(&client).await);
    checks.extend(look::operator(&context.cluster, &client, now).await);
    checks.extend(look::rights(&client, namespace.as_deref()).await);
    checks.extend(look::policies(&client, namespace.as_deref()).await);
    checks.extend(look::accounts(&client, namespace.as_deref(), now).await);
    checks.extend(look::films(&client, namespace.as_deref()).await);
    Ok(checks)
}

/// The checks as a table, with how to mend each below it.
#[must_use]
pub fn render(checks: &[Check]) -> String {
    let mut rows = Vec::new();
    for check in checks {
        let state = match check.state {
            State::Ok => "ok",
            State::Warning => "warning",
            State::Error => "ERROR",
        };
        rows.push(vec![state.to_owned(), check.what.clone(), check.found.clone()]);
        if let Some(mend) = &check.mend {
            rows.push(vec![String::new(), String::new(), format!("-> {mend}")]);
        }
    }
    table(&["STATE", "CHECK", "FOUND"], &rows)
}
