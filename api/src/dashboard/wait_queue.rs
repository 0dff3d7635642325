//! Who waits for an account's quota, and who goes first. Pure.

use videofactory_client::JobRef;
use videofactory_crds::condition::VideoJobReason;
use videofactory_crds::{ProviderAccount, StepStatus, VideoJob};

use super::formatting::ordinal;

/// Most of those ahead who are named.
const MAX_NAMED: usize = 2;

/// The accounts that a job's steps wait for.
pub fn accounts_of(job: &VideoJob) -> impl Iterator<Item = &str> {
    waiting(job).flat_map(|step| &step.demands).map(|demand| demand.account.as_str())
}

fn waiting(job: &VideoJob) -> impl Iterator<Item = &StepStatus> {
    let steps = job.status.iter().flat_map(|status| &status.steps);
    steps.filter(|step| step.reason == Some(VideoJobReason::AwaitingQuota))
}

/// Where a job stands in the line of an account, and who is ahead of it; nothing if it does not wait there, or is too far
/// behind to be shown.
pub fn place(job: &JobRef, account: &ProviderAccount) -> Option<String> {
    let status = account.status.as_ref()?;
    let name = account.metadata.name.as_deref().unwrap_or_default();
    let Some(place) = status.waiters.iter().position(|waiter| waiter.name == job.name) else {
        let all = status.waiting.unwrap_or_default();
        return (all > 0).then(|| {
            format!("{all} wait for {name}, this one not among the first {}", status.waiters.len())
        });
    };
    if place == 0 {
        return Some(format!("next in line for {name}"));
    }
    let mut ahead: Vec<&str> = Vec::new();
    for waiter in &status.waiters[..place] {
        if !ahead.contains(&waiter.name.as_str()) {
            ahead.push(&waiter.name);
        }
    }
    let named = ahead.iter().take(MAX_NAMED).copied().collect::<Vec<_>>().join(", ");
    let others = match ahead.len().saturating_sub(MAX_NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Some(format!("{} in line for {name}, after {named}{others}", ordinal(place + 1)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing;

    #[test]
    fn who_waits_is_shown_who_is_ahead() {
        let mut account = testing::account("films");
        let waiter = |name: &str| json!({"name": name, "step": "animate-scenes"});
        account["status"]["waiters"] = json!(["a", "b", "b", "c", "d"].map(waiter));
        account["status"]["waiting"] = json!(7);
        let account: ProviderAccount = serde_json::from_value(account).unwrap();
        for (name, expected) in [
            ("a", "next in line for grok"),
            ("b", "2nd in line for grok, after a"),
            ("c", "4th in line for grok, after a, b"),
            ("d", "5th in line for grok, after a, b and 1 more"),
            ("z", "7 wait for grok, this one not among the first 5"),
        ] {
            let job = JobRef { namespace: "films".to_owned(), name: name.to_owned() };
            assert_eq!(place(&job, &account).as_deref(), Some(expected));
        }
    }
}
