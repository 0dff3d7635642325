//! Whether the installation, the person's rights, buckets and accounts are well, and how to fix what is not.

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
    /// What was looked at.
    pub name: String,
    /// How well it is.
    pub state: State,
    /// What was found.
    pub message: String,
    /// How to fix it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Check {
    /// Something that is as it should be.
    #[must_use]
    pub fn ok(name: impl Into<String>, message: impl Into<String>) -> Self {
        Self { name: name.into(), state: State::Ok, message: message.into(), hint: None }
    }

    /// Something that somebody should look at.
    #[must_use]
    pub fn warning(name: impl Into<String>, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { state: State::Warning, hint: Some(hint.into()), ..Self::ok(name, message) }
    }

    /// Something that does not work.
    #[must_use]
    pub fn error(name: impl Into<String>, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { state: State::Error, hint: Some(hint.into()), ..Self::ok(name, message) }
    }

    /// Something that could not be looked at.
    #[must_use]
    pub fn unseen(name: &str, error: impl Into<Error>) -> Self {
        let Error { message, hint, .. } = error.into();
        Self::warning(name, message, hint.unwrap_or_else(|| "fix that, and look again".to_owned()))
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

/// The checks as a table, with how to fix each below it.
#[must_use]
pub fn render(checks: &[Check]) -> String {
    let mut rows = Vec::new();
    for check in checks {
        let state = match check.state {
            State::Ok => "ok",
            State::Warning => "warning",
            State::Error => "ERROR",
        };
        rows.push(vec![state.to_owned(), check.name.clone(), check.message.clone()]);
        if let Some(hint) = &check.hint {
            rows.push(vec![String::new(), String::new(), format!("-> {hint}")]);
        }
    }
    table(&["STATE", "NAME", "MESSAGE"], &rows)
}
