//! `create --dry-run=server`: what films would cost, and need of their accounts.

use jiff::Timestamp;
use videofactory_client::estimate::Estimator;
use videofactory_client::new_job::{self, NewJobs};
use videofactory_client::{Estimate, QuotaNeed};
use videofactory_crds::provideraccount::QuotaUnit;

use super::{CreateArgs, print};
use crate::cluster::MANAGER;
use crate::context::Context;
use crate::exit::{Error, Exit};
use crate::output;
use crate::text::until;

/// Lets the API server check the films, and says what they would cost.
pub(super) async fn estimate(new: &NewJobs, args: &CreateArgs, context: &mut Context) -> Result<Exit, Error> {
    let client = context.cluster.client()?;
    let mut checked = Vec::new();
    new_job::try_all(&client, new, MANAGER, |job| checked.push(job)).await?;
    let objects = checked.iter().map(output::object).collect::<Result<Vec<_>, _>>()?;
    print(&objects, args, context)?;
    let mut estimator = Estimator::new(&client, &new.namespace);
    let mut estimates = Vec::new();
    for job in &checked {
        estimates.push(estimator.of(job).await?);
    }
    context.notify(words(&estimates, context.now()))?;
    Ok(Exit::Done)
}

/// What films would cost, in a line, and a line for each thing that is not in it, for each quota, and for the last film.
fn words(estimates: &[Estimate], now: Timestamp) -> String {
    let sum = Estimate::sum(estimates);
    let films = match estimates.len() {
        1 => "film".to_owned(),
        several => format!("{several} films"),
    };
    let first = format!("Expected cost of the {films}: ${}", sum.cost);
    let missing = sum.unknown.iter().map(|why| format!("not in it: {why}"));
    let needs = sum.needs.iter().map(|need| of_quota(need, now));
    let last = sum.last_unit_at(now).map(|at| {
        format!("the accounts have room for all of it by {at} ({}), if nobody else asks", until(at, now))
    });
    missing.chain(needs).chain(last).fold(first, |text, line| text + "\n  " + &line)
}

fn of_quota(need: &QuotaNeed, now: Timestamp) -> String {
    let unit = match need.unit {
        QuotaUnit::Requests => "",
        QuotaUnit::Seconds => " s",
    };
    let QuotaNeed { account, quota, units, .. } = need;
    format!("of account {account}, quota {quota}: {units}{unit}; {}{unit} are left", need.remaining(now))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use videofactory_client::quota_need;
    use videofactory_crds::{ProviderAccount, StepName};

    use super::*;

    #[test]
    fn of_many_films_it_says_what_they_need_and_when_the_last_gets_it() {
        let account: ProviderAccount = serde_json::from_value(json!({
            "apiVersion": "videofactory.dev/v1alpha1", "kind": "ProviderAccount", "metadata": {"name": "grok"},
            "spec": {"provider": "XAI", "secretRef": {"name": "grok"},
                     "quotas": [{"name": "clips", "limit": 25, "period": "2h"},
                                {"name": "time", "limit": 500, "period": "1d", "unit": "Seconds"}]},
        }))
        .unwrap();
        let needs = quota_need::of_step("grok", &account, StepName::AnimateScenes, "", 20, 6);
        let film = Estimate { needs, ..Estimate::default() };
        let now = "2026-12-24T18:00:00Z".parse().unwrap();
        assert_eq!(
            words(&[film.clone(), film.clone()], now),
            "Expected cost of the 2 films: $0.00\n  of account grok, quota clips: 40; 25 are left\n  \
             of account grok, quota time: 240 s; 500 s are left\n  \
             the accounts have room for all of it by 2026-12-24T20:00:00Z (in 120m), if nobody else asks"
        );
        let one = words(&[film], now);
        assert!(one.ends_with("500 s are left"), "it begins at once: {one}");
    }
}
