//! Whether somebody may still follow the jobs: asked at first, and every minute from then on, as if for the first time.

use std::time::Duration;

use axum::http::StatusCode;
use tokio::time::{Instant, sleep_until};

use crate::access::{Caller, Permission};
use crate::problem::Problem;
use crate::reads::allowed_namespaces::Scope;
use crate::state::State;

/// How often it is asked.
const EVERY: Duration = Duration::from_mins(1);
/// How soon it is asked again when there was no answer.
const AGAIN: Duration = Duration::from_secs(5);
/// How long an answer counts at the most, where no other comes.
const TTL: Duration = Duration::from_mins(2);

/// Somebody who follows the jobs of a scope.
pub struct Guard {
    state: State,
    caller: Caller,
    scope: Scope,
    /// When they last might.
    good: Instant,
    due: Instant,
}

impl Guard {
    /// Fails unless they may list and watch jobs in the whole scope.
    pub async fn admit(state: State, caller: Caller, scope: Scope) -> Result<Self, Problem> {
        let now = Instant::now();
        let guard = Self { state, caller, scope, good: now, due: now + EVERY };
        guard.ask().await?;
        Ok(guard)
    }

    /// Fails once they may no longer; asks nobody before it is time.
    pub async fn check(&mut self) -> Result<(), Problem> {
        if Instant::now() < self.due {
            return Ok(());
        }
        let answer = self.ask().await;
        let now = Instant::now();
        match answer {
            Ok(()) => (self.good, self.due) = (now, now + EVERY),
            Err(problem) if is_none(&problem) && self.good.elapsed() < TTL => self.due = now + AGAIN,
            Err(problem) => return Err(problem),
        }
        Ok(())
    }

    /// Waits until it is time to ask.
    pub async fn due(&self) {
        sleep_until(self.due).await;
    }

    async fn ask(&self) -> Result<(), Problem> {
        let user = self.state.tokens.review(self.caller.token()).await?;
        let namespaces: Vec<Option<&str>> = match &self.scope {
            Scope::All => vec![None],
            Scope::In(namespaces) => namespaces.iter().map(|namespace| Some(namespace.as_str())).collect(),
        };
        for namespace in namespaces {
            for verb in ["list", "watch"] {
                let permission = Permission::to(verb, "videojobs", namespace);
                self.state.authorizer.check(&user, permission).await?;
            }
        }
        Ok(())
    }
}

/// Whether nothing was answered, neither yes nor no.
fn is_none(problem: &Problem) -> bool {
    problem.status == StatusCode::SERVICE_UNAVAILABLE
}
