//! What would follow from another scene: which steps work again, what each costs, and when their accounts have room. Asked
//! as whoever asks, so that it works in a proxy, too, which has no stores.

use std::collections::BTreeSet;

use jiff::Timestamp;
use kube::{Api, Client};
use serde::Serialize;
use serde_with_macros::skip_serializing_none;
use utoipa::ToSchema;
use videofactory_client::price::{price_each, provider_of, seconds_each};
use videofactory_client::within;
use videofactory_crds::provideraccount::Provider;
use videofactory_crds::videojob::VideoMode;
use videofactory_crds::{Money, ProviderAccount, StepName, VideoJob};
use videofactory_pipeline::Settings;

use crate::problem::Problem;
use crate::schemas;

/// A step that works again for one scene.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RemadeStep {
    /// The step.
    #[schema(value_type = schemas::StepName)]
    pub step: StepName,
    /// Name of the account that it asks. Absent: it costs nothing.
    pub account: Option<String>,
    /// About what it costs for one scene. Absent with an account: the price is not known.
    #[schema(value_type = Option<schemas::Usd>)]
    pub cost: Option<Money>,
    /// Units that the account has left for it. Absent: no limit, or it is not known.
    pub units_left: Option<i64>,
    /// When the next unit is free, if none is now.
    pub next_unit_at: Option<Timestamp>,
}

/// What follows, step by step.
pub async fn effects(
    client: &Client,
    job: &VideoJob,
    steps: &BTreeSet<StepName>,
) -> Result<Vec<RemadeStep>, Problem> {
    let channel = job.status.as_ref().and_then(|status| status.channel.as_ref());
    let defaults = channel.and_then(|channel| channel.spec.defaults.as_ref());
    let is_draft = job.spec.mode == VideoMode::Draft;
    let settings = Settings::resolve(&job.spec.settings, defaults, is_draft);
    let settings = settings.map_err(|error| Problem::bad_request(error.to_string()))?;
    let mut all = Vec::new();
    for step in steps {
        let account_ref = provider_of(&settings, *step).and_then(|provider| provider.account_ref.as_ref());
        let account = match account_ref {
            Some(account) => account_of(client, job, &account.name).await?,
            None => None,
        };
        let name = account_ref.map(|account| account.name.as_str());
        all.push(effect(job, &settings, *step, name, account.as_ref()));
    }
    Ok(all)
}

/// The account, if there is one and this person may read it.
async fn account_of(client: &Client, job: &VideoJob, name: &str) -> Result<Option<ProviderAccount>, Problem> {
    let namespace = job.metadata.namespace.as_deref().unwrap_or_default();
    let api: Api<ProviderAccount> = Api::namespaced(client.clone(), namespace);
    match within(format!("get ProviderAccount {namespace}/{name}"), api.get_opt(name)).await {
        Ok(found) => Ok(found),
        Err(error) if error.is_rejected() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// What follows for one step. Pure.
fn effect(
    job: &VideoJob,
    settings: &Settings,
    step: StepName,
    name: Option<&str>,
    account: Option<&ProviderAccount>,
) -> RemadeStep {
    let is_paid = account.is_none_or(|account| account.spec.provider != Provider::Embedded);
    let name = name.filter(|_| is_paid).map(str::to_owned);
    let nothing = RemadeStep { step, account: name, cost: None, units_left: None, next_unit_at: None };
    let Some(account) = account.filter(|_| is_paid) else { return nothing };
    let scenes = job.status.as_ref().and_then(|status| status.step(step)?.scenes.as_ref()?.total);
    let seconds = seconds_each(settings, step, i64::from(scenes.unwrap_or(settings.scene_count)));
    let model = provider_of(settings, step).map(|provider| provider.model.as_str()).unwrap_or_default();
    let quotas = account.spec.quotas.iter().flatten().filter(|quota| quota.counts_step(step, model));
    let reported = quotas.filter_map(|quota| {
        let reported = account.status.as_ref()?.quotas.iter().find(|reported| reported.name == quota.name)?;
        let left =
            reported.limit? - reported.used.unwrap_or_default() - reported.reserved.unwrap_or_default();
        Some((left.max(0), reported.next_unit_at.as_ref().map(|at| at.0)))
    });
    // A request must fit into every quota: the one with the least decides.
    let least = reported.min_by_key(|(left, next)| (*left, std::cmp::Reverse(*next)));
    RemadeStep {
        cost: price_each(settings, step, &account.spec, seconds),
        units_left: least.map(|(left, _)| left),
        next_unit_at: least.and_then(|(_, next)| next),
        ..nothing
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing;

    #[test]
    fn a_step_says_what_it_costs_and_when_its_account_has_room() {
        let mut job = testing::made();
        job["spec"]["providers"] = json!({"animation": {"accountRef": {"name": "grok"}}});
        let job: VideoJob = serde_json::from_value(job).unwrap();
        let settings = Settings::resolve(&job.spec.settings, None, false).unwrap();
        let mut account = testing::account("films");
        account["spec"]["prices"] = json!({"videoSecond": "0.10"});
        account["spec"]["quotas"]
            .as_array_mut()
            .unwrap()
            .push(json!({"name": "images", "limit": 1, "period": "1d", "operations": ["draw"]}));
        let account: ProviderAccount = serde_json::from_value(account).unwrap();
        let reported = effect(&job, &settings, StepName::AnimateScenes, Some("grok"), Some(&account));
        assert_eq!((reported.account.as_deref(), reported.units_left), (Some("grok"), Some(0)));
        assert_eq!(reported.next_unit_at.unwrap().to_string(), "2026-12-24T20:00:00Z");
        assert!(reported.cost.unwrap() > Money::ZERO);
        let film = effect(&job, &settings, StepName::AssembleVideo, None, None);
        assert_eq!((film.account, film.cost), (None, None));
    }
}
