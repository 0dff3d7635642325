//! What films would cost that are made from nothing, or what is left of one at work, by the prices of the accounts that they
//! name, and what they need of these accounts' quotas.

use std::collections::BTreeMap;
use std::fmt::Debug;

use jiff::Timestamp;
use kube::core::NamespaceResourceScope;
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;
use videofactory_crds::condition::StepState;
use videofactory_crds::provideraccount::ProviderAccountSpec;
use videofactory_crds::units::Money;
use videofactory_crds::videojob::VideoMode;
use videofactory_crds::{Channel, ProviderAccount, StepName, VideoJob};
use videofactory_pipeline::{SceneSet, Settings};
use videofactory_providers::Sold;

use crate::call::{CallError, within};
use crate::price::{self, Price};
use crate::quota_need::{self, QuotaNeed};

/// What a film, or several, would cost, and need.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Estimate {
    /// What is known of it, in US dollars.
    pub cost: Money,
    /// What is not in it, because nobody knows what it costs: why, and what to do.
    pub unknown: Vec<String>,
    /// What is needed of accounts' quotas, as far as these accounts are known.
    pub needs: Vec<QuotaNeed>,
}

impl Estimate {
    /// Nothing is known; why.
    fn unknown(why: String) -> Self {
        Self { unknown: vec![why], ..Self::default() }
    }

    /// All of them together; what is unknown of several is said once.
    #[must_use]
    pub fn sum(all: &[Self]) -> Self {
        let mut unknown: Vec<String> = Vec::new();
        for why in all.iter().flat_map(|one| &one.unknown) {
            if !unknown.contains(why) {
                unknown.push(why.clone());
            }
        }
        let needs = quota_need::sum(all.iter().flat_map(|one| one.needs.iter().cloned()));
        Self { cost: all.iter().map(|one| one.cost).sum(), unknown, needs }
    }

    /// When all accounts have room for all of it; nothing: they have it now, or it is not known.
    #[must_use]
    pub fn last_unit_at(&self, now: Timestamp) -> Option<Timestamp> {
        self.needs.iter().filter_map(|need| need.last_unit_at(now)).max()
    }
}

/// An object, or why it is not known.
type Known<K> = Result<K, String>;

/// What jobs of one namespace would cost, as far as whoever the client is may read the objects that they name. Each
/// of these is read once.
pub struct Estimator<'a> {
    client: &'a Client,
    namespace: &'a str,
    channels: BTreeMap<String, Known<Channel>>,
    accounts: BTreeMap<String, Known<ProviderAccount>>,
}

impl<'a> Estimator<'a> {
    /// With nothing read yet.
    #[must_use]
    pub fn new(client: &'a Client, namespace: &'a str) -> Self {
        Self { client, namespace, channels: BTreeMap::new(), accounts: BTreeMap::new() }
    }

    /// What this job would cost.
    pub async fn of(&mut self, job: &VideoJob) -> Result<Estimate, CallError> {
        let named = job.spec.channel_ref.as_ref().map(|channel| channel.name.as_str());
        if let Some(name) = named {
            look_up(self.client, self.namespace, name, &mut self.channels).await?;
        }
        let settings = match settings(job, named.and_then(|name| self.channels.get(name))) {
            Ok(settings) => settings,
            Err(why) => return Ok(Estimate::unknown(why)),
        };
        for name in accounts_of(&settings) {
            look_up(self.client, self.namespace, name, &mut self.accounts).await?;
        }
        Ok(of_job(job, &settings, &self.accounts))
    }
}

/// Reads an object of the namespace that was not read yet.
async fn look_up<K>(
    client: &Client,
    namespace: &str,
    name: &str,
    known: &mut BTreeMap<String, Known<K>>,
) -> Result<(), CallError>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + Debug + DeserializeOwned,
{
    if known.contains_key(name) {
        return Ok(());
    }
    let kind = K::kind(&());
    let api: Api<K> = Api::namespaced(client.clone(), namespace);
    let found = match within(format!("get {kind} {namespace}/{name}"), api.get_opt(name)).await {
        Ok(found) => found.ok_or_else(|| does_not_exist(&kind, name)),
        // Whoever may create a job need not be one who may read these.
        Err(error) if error.is_rejected() => Err(error.for_people()),
        Err(error) => return Err(error),
    };
    known.insert(name.to_owned(), found);
    Ok(())
}

fn does_not_exist(kind: &str, name: &str) -> String {
    format!("{kind} {name:?} does not exist in this namespace")
}

/// The settings that the job would begin with.
fn settings(job: &VideoJob, channel: Option<&Known<Channel>>) -> Result<Settings, String> {
    let channel = channel.map(Result::as_ref).transpose().map_err(Clone::clone)?;
    let defaults = channel.and_then(|channel| channel.spec.defaults.as_ref());
    let draft = job.spec.mode == VideoMode::Draft;
    Settings::resolve(&job.spec.settings, defaults, draft).map_err(|error| error.to_string())
}

/// The steps that an account is named for, with its name.
fn external_accounts(settings: &Settings) -> impl Iterator<Item = (StepName, &str)> {
    StepName::ALL.into_iter().filter_map(|name| {
        let account = price::provider_of(settings, name)?.account_ref.as_ref()?;
        Some((name, account.name.as_str()))
    })
}

/// All accounts that a film names.
pub fn accounts_of(settings: &Settings) -> impl Iterator<Item = &str> {
    let publishers = publications(settings).into_keys();
    external_accounts(settings).map(|(_, name)| name).chain(publishers)
}

/// How many targets a film is published to with each account.
fn publications(settings: &Settings) -> BTreeMap<&str, i64> {
    let mut targets: BTreeMap<&str, i64> = BTreeMap::new();
    for account in settings.publish.targets.iter().filter_map(|target| target.account_ref.as_ref()) {
        *targets.entry(&account.name).or_default() += 1;
    }
    targets
}

/// What the job would cost with these accounts, and need of them. Pure.
#[must_use]
pub fn of_job(
    job: &VideoJob,
    settings: &Settings,
    accounts: &BTreeMap<String, Known<ProviderAccount>>,
) -> Estimate {
    let scenes = price::given_scenes(&job.spec).unwrap_or(i64::from(settings.scene_count));
    estimate(
        settings,
        accounts,
        scenes,
        |_| false,
        |name, account| price::submissions(&job.spec, settings, name, account, scenes),
    )
}

/// What is left to be paid for of a job at work with these accounts, and needed of them: of each step the scenes that it does
/// not have yet. Pure.
#[must_use]
pub fn of_rest(
    job: &VideoJob,
    settings: &Settings,
    accounts: &BTreeMap<String, Known<ProviderAccount>>,
) -> Estimate {
    let step = |name| job.status.as_ref().and_then(|status| status.step(name));
    let written = step(StepName::WriteScript).and_then(|script| script.scenes.as_ref()?.total);
    let scenes = i64::from(written.unwrap_or(settings.scene_count));
    let is_done = |name| step(name).and_then(|step| step.state).is_some_and(StepState::is_done);
    estimate(settings, accounts, scenes, is_done, |name, account| {
        let all = price::submissions(&job.spec, settings, name, account, scenes);
        // One request speaks all that have no voice yet.
        if name == StepName::NarrateScenes && price::speaks_all_at_once(settings) {
            return all;
        }
        let completed = step(name).and_then(|step| step.scenes.as_ref()?.completed.as_deref());
        let made: SceneSet = completed.and_then(|text| text.parse().ok()).unwrap_or_default();
        (all - i64::from(made.len())).max(0)
    })
}

/// What so many submissions to each account cost, and need. `is_done`: of a step that asks its account for nothing more;
/// `submissions`: of a step to its account.
fn estimate(
    settings: &Settings,
    accounts: &BTreeMap<String, Known<ProviderAccount>>,
    scenes: i64,
    is_done: impl Fn(StepName) -> bool,
    submissions: impl Fn(StepName, &ProviderAccountSpec) -> i64,
) -> Estimate {
    let mut estimate = Estimate::default();
    let mut needs = Vec::new();
    for (name, account) in external_accounts(settings).filter(|(name, _)| !is_done(*name)) {
        let known = match accounts.get(account) {
            Some(Ok(known)) => known,
            Some(Err(why)) => {
                estimate.unknown.push(format!("{name}: {why}"));
                continue;
            }
            None => {
                estimate.unknown.push(format!("{name}: {}", does_not_exist("ProviderAccount", account)));
                continue;
            }
        };
        let model = price::provider_of(settings, name).map_or("", |provider| provider.model.as_str());
        let submissions = submissions(name, &known.spec);
        let seconds = price::seconds_each(settings, name, scenes);
        needs.extend(quota_need::of_step(account, known, name, model, submissions, seconds));
        match price::of(settings, name, &known.spec, scenes, submissions) {
            Price::Nothing => {}
            Price::About(cost) => estimate.cost = estimate.cost.plus(cost),
            Price::Unknown => {
                let sold = price::sold(name).map(Sold::as_str).unwrap_or_default();
                estimate.unknown.push(format!(
                    "{}; name it as {sold} in the prices of that ProviderAccount (\"0\" if it costs nothing)",
                    price::nobody_knows(name, Some(model), account)
                ));
            }
        }
    }
    for (account, targets) in publications(settings) {
        // It costs no money: one that is not known leaves the price as it is.
        if let Some(Ok(known)) = accounts.get(account) {
            needs.extend(quota_need::of_step(account, known, StepName::PublishVideo, "", targets, 1));
        }
    }
    Estimate { needs: quota_need::sum(needs), ..estimate }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn job(spec: &Value) -> VideoJob {
        serde_json::from_value(json!({
            "apiVersion": "videofactory.dev/v1alpha1", "kind": "VideoJob", "metadata": {"name": "film"}, "spec": spec,
        }))
        .unwrap()
    }

    fn account(spec: &Value) -> ProviderAccount {
        serde_json::from_value(json!({
            "apiVersion": "videofactory.dev/v1alpha1", "kind": "ProviderAccount", "metadata": {"name": "a"}, "spec": spec,
        }))
        .unwrap()
    }

    fn estimate(spec: &Value, accounts: &[(&str, Known<ProviderAccount>)]) -> Estimate {
        let job = job(spec);
        let settings = settings(&job, None).unwrap();
        let accounts = accounts.iter().map(|(name, account)| ((*name).to_owned(), account.clone()));
        of_job(&job, &settings, &accounts.collect())
    }

    fn with_account(step: &str, more: &Value) -> Value {
        let mut provider = json!({"accountRef": {"name": "grok"}});
        provider.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"topic": "Rivers", "sceneCount": 3, "length": {"target": "15s"}, "providers": {step: provider}})
    }

    #[test]
    fn a_film_without_accounts_costs_nothing() {
        assert_eq!(estimate(&json!({"topic": "Rivers"}), &[]), Estimate::default());
        let embedded = Ok(account(&json!({"provider": "Embedded"})));
        assert_eq!(
            estimate(&with_account("animation", &json!({})), &[("grok", embedded)]),
            Estimate::default()
        );
    }

    #[test]
    fn clips_cost_what_their_account_says_or_else_the_usual_price() {
        let own = Ok(account(&json!({"provider": "XAI", "prices": {"videoSecond": "0.10"}})));
        assert_eq!(
            estimate(&with_account("animation", &json!({})), &[("grok", own)]).cost.to_string(),
            "1.80",
            "three of six seconds"
        );
        let usual = Ok(account(&json!({"provider": "XAI"})));
        let reported = estimate(&with_account("animation", &json!({})), &[("grok", usual)]);
        assert!(reported.cost > Money::ZERO && reported.unknown.is_empty(), "{reported:?}");
    }

    #[test]
    fn a_draft_buys_no_clips() {
        let own = Ok(account(&json!({"provider": "XAI", "prices": {"videoSecond": "0.10"}})));
        let mut spec = with_account("animation", &json!({}));
        spec["mode"] = json!("Draft");
        assert_eq!(estimate(&spec, &[("grok", own)]), Estimate::default());
    }

    #[test]
    fn what_nobody_knows_is_said_with_what_to_do() {
        let grok = Ok(account(&json!({"provider": "XAI"})));
        let reported =
            estimate(&with_account("animation", &json!({"model": "grok-of-tomorrow"})), &[("grok", grok)]);
        let expected = "animate-scenes: nobody knows what model \"grok-of-tomorrow\" of account grok costs; name it as \
                        videoSecond in the prices of that ProviderAccount (\"0\" if it costs nothing)";
        assert_eq!((reported.cost, reported.unknown), (Money::ZERO, vec![expected.to_owned()]));
        let missing = Err("ProviderAccount \"grok\" does not exist in this namespace".to_owned());
        let reported = estimate(&with_account("images", &json!({})), &[("grok", missing)]);
        let expected = "generate-images: ProviderAccount \"grok\" does not exist in this namespace";
        assert_eq!(reported.unknown, [expected]);
    }

    #[test]
    fn of_a_film_at_work_the_scenes_count_that_are_not_there_yet() {
        let provider = |fields: &Value| Ok(account(fields));
        let quota = json!([{"name": "all", "limit": 10, "period": "2h"}]);
        let grok = provider(&json!({"provider": "XAI", "prices": {"videoSecond": "0.10"}, "quotas": quota}));
        let spec = with_account("animation", &json!({}));
        let mut job = job(&spec);
        let settings = settings(&job, None).unwrap();
        let accounts = BTreeMap::from([("grok".to_owned(), grok)]);
        let mut rest = |clips: Value| {
            let steps =
                json!([{"name": "write-script", "state": "Succeeded", "scenes": {"total": 5}}, clips]);
            job.status = serde_json::from_value(json!({"steps": steps})).unwrap();
            let rest = of_rest(&job, &settings, &accounts);
            (rest.cost.to_string(), rest.needs.first().map(|need| need.units))
        };
        let none = json!({"name": "animate-scenes", "state": "Pending"});
        let (all, needed) = rest(none);
        assert_eq!(needed, Some(5), "as many as the script has");
        let one =
            json!({"name": "animate-scenes", "state": "Waiting", "scenes": {"total": 5, "completed": "2"}});
        let (some, needed) = rest(one);
        assert_eq!(needed, Some(4));
        assert!(some.parse::<Money>().unwrap() < all.parse::<Money>().unwrap(), "{some} of {all}");
        let done = json!({"name": "animate-scenes", "state": "Succeeded"});
        assert_eq!(rest(done.clone()), ("0.00".to_owned(), None));
        let mut missing = |clips: Value| {
            job.status = serde_json::from_value(json!({"steps": [clips]})).unwrap();
            of_rest(&job, &settings, &BTreeMap::new()).unknown
        };
        let why = "animate-scenes: ProviderAccount \"grok\" does not exist in this namespace";
        assert_eq!(missing(json!({"name": "animate-scenes", "state": "Pending"})), [why]);
        assert_eq!(missing(done), Vec::<String>::new(), "nothing of it is left");
    }

    #[test]
    fn of_several_films_costs_are_added_and_what_is_unknown_is_said_once() {
        let one =
            Estimate { cost: "0.50".parse().unwrap(), unknown: vec!["why".to_owned()], needs: Vec::new() };
        let sum = Estimate::sum(&[one.clone(), one]);
        assert_eq!((sum.cost.to_string().as_str(), sum.unknown.len()), ("1.00", 1));
    }

    #[test]
    fn films_need_units_of_each_quota_that_counts_them() {
        let grok = Ok(account(&json!({"provider": "XAI", "quotas": [
            {"name": "all", "limit": 10, "period": "2h"},
            {"name": "pictures", "limit": 3, "period": "1d", "operations": ["draw"]}]})));
        let tube = Ok(account(
            &json!({"provider": "YouTube", "quotas": [{"name": "uploads", "limit": 1, "period": "1d"}]}),
        ));
        let mut spec = with_account("animation", &json!({}));
        spec["providers"]["images"] = json!({"accountRef": {"name": "grok"}});
        spec["publish"] =
            json!({"targets": [{"name": "main", "type": "YouTube", "accountRef": {"name": "tube"}}]});
        let one = estimate(&spec, &[("grok", grok), ("tube", tube)]);
        let units = |estimate: &Estimate| {
            let needs = estimate.needs.iter();
            needs.map(|need| format!("{} {} {}", need.account, need.quota, need.units)).collect::<Vec<_>>()
        };
        assert_eq!(units(&one), ["grok all 6", "grok pictures 3", "tube uploads 1"]);
        let now = "2026-12-24T18:00:00Z".parse().unwrap();
        assert_eq!(one.last_unit_at(now), None, "all fits into the windows as they are");
        let two = Estimate::sum(&[one.clone(), one]);
        assert_eq!(units(&two), ["grok all 12", "grok pictures 6", "tube uploads 2"]);
        assert_eq!(two.last_unit_at(now).unwrap().to_string(), "2026-12-25T18:00:00Z");
    }
}
