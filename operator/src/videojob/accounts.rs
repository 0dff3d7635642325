//! The service accounts that a job names, as far as its steps need to know: from the cache, and live where something is
//! granted or recorded.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use kube::ResourceExt;
use serde_json::Value;
use videofactory_crds::condition::{self, ConditionType};
use videofactory_crds::provideraccount::Provider;
use videofactory_crds::{ProviderAccount, ProviderAccountReason, VideoJob, VideoJobReason};
use videofactory_net::{AllowedHosts, Network};
use videofactory_pipeline::clock;

use super::cached::{channel, get};
use super::model::{Account, ExternalAccount, Found};
use crate::context::Context;
use crate::provideraccount::{allowed_host, attempt, is_unopened};
use crate::restoring;
use videofactory_client::call::CallError;

/// The version of the credentials of an account that needs none.
const KEYLESS: &str = "none";

/// Every account that the spec, the Channel or its frozen copy names, wherever it does, and every one that a demand of
/// this job waits for.
pub(super) async fn accounts(
    context: &Context,
    namespace: &str,
    job: &VideoJob,
) -> Result<BTreeMap<String, Account>, CallError> {
    let caches = &context.caches;
    let mut named = BTreeSet::new();
    collect_account_refs(&serde_json::to_value(&job.spec.settings).unwrap_or_default(), &mut named);
    let frozen = job.status.as_ref().and_then(|status| status.channel.as_ref());
    collect_account_refs(&serde_json::to_value(frozen).unwrap_or_default(), &mut named);
    if let Found::Here(channel) = channel(caches, namespace, job) {
        collect_account_refs(&serde_json::to_value(&channel.spec).unwrap_or_default(), &mut named);
    }
    let steps = job.status.iter().flat_map(|status| &status.steps);
    let asked: BTreeSet<&str> =
        steps.flat_map(|step| &step.demands).map(|demand| demand.account.as_str()).collect();
    named.extend(asked.iter().map(|name| (*name).to_owned()));
    let known: BTreeMap<String, Option<Result<ProviderAccount, String>>> = named
        .into_iter()
        .map(|name| {
            let known = get(&caches.accounts, namespace, &name);
            (name, known)
        })
        .collect();
    let may_act = may_act_on_accounts(job, |name| known.get(name)?.as_ref()?.as_ref().ok());
    let (mut accounts, now) = (BTreeMap::new(), clock::now());
    for (name, known) in known {
        // A grant is spent on a live look only, and what was recorded is forgotten on a live look only: the cache may be
        // older than either.
        let account = match known {
            _ if may_act && asked.contains(name.as_str()) => {
                context.live_accounts.get_opt(namespace, &name).await?.map(Ok)
            }
            known => known,
        };
        let terms = |secret: &str| caches.secret_terms(namespace, secret);
        let state = held(&name, account.as_ref(), now);
        let state = state.unwrap_or_else(|| account_state(&name, account.as_ref(), &context.network, terms));
        accounts.insert(name, state);
    }
    Ok(accounts)
}

/// Whether a job may have to act on what its accounts say: it has begun with a grant, or seems to have got one, or what it
/// has spent seems to be recorded. Who only waits is never read for live, however many wait.
fn may_act_on_accounts<'a>(job: &VideoJob, cached: impl Fn(&str) -> Option<&'a ProviderAccount>) -> bool {
    let uid = job.metadata.uid.as_deref().unwrap_or_default();
    let steps = job.status.iter().flat_map(|status| &status.steps);
    let mut demands = steps.flat_map(|step| step.demands.iter().map(move |demand| (step.name, demand)));
    demands.any(|(step, demand)| {
        let Some(status) = cached(&demand.account).and_then(|account| account.status.as_ref()) else {
            return false;
        };
        let of = (uid, Some(step), demand.attempt);
        let granted = || status.grants.iter().any(|grant| attempt(&grant.holder) == of);
        match (demand.settled, demand.granted) {
            (Some(true), _) => !is_unopened(status) && !granted(),
            (_, Some(_)) => true,
            (_, None) => granted() || status.expired.iter().any(|holder| attempt(holder) == of),
        }
    })
}

fn collect_account_refs(value: &Value, into: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (field, value) in fields {
                match value.get("name").and_then(Value::as_str) {
                    Some(name) if field == "accountRef" => {
                        into.insert(name.to_owned());
                    }
                    _ => collect_account_refs(value, into),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect_account_refs(item, into)),
        _ => {}
    }
}

/// An account that is being restored: its ledger is not valid yet.
fn held(name: &str, account: Option<&Result<ProviderAccount, String>>, now: Timestamp) -> Option<Account> {
    let held = restoring::held(account?.as_ref().ok()?, now)?;
    Some(Account::Held(format!("ProviderAccount {name:?}: {}", held.why)))
}

/// Whether a step can use the account: the embedded provider needs nothing, the others a Secret that exists.
fn account_state(
    name: &str,
    account: Option<&Result<ProviderAccount, String>>,
    network: &Network,
    secret_terms: impl Fn(&str) -> Option<(String, AllowedHosts)>,
) -> Account {
    let unusable = |message| Account::Unusable { reason: VideoJobReason::ConfigurationInvalid, message };
    let account = match account {
        None => return Account::missing(name),
        Some(Err(error)) => {
            return unusable(format!("ProviderAccount {name:?} cannot be read ({error}): apply it again"));
        }
        Some(Ok(account)) => account,
    };
    if account.spec.provider == Provider::Embedded {
        return Account::Embedded;
    }
    let secret = account.spec.secret_ref.as_ref().map(|secret| secret.name.as_str()).unwrap_or_default();
    // One that needs no Secret has credentials that never change.
    let terms = if account.spec.is_keyless() {
        Some((KEYLESS.to_owned(), AllowedHosts::default()))
    } else {
        secret_terms(secret)
    };
    let (credentials, allowed_hosts) = terms.unzip();
    let leave = allowed_host(&account.spec, &allowed_hosts.unwrap_or_default(), network);
    let conditions = account.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
    let duplicate = condition::get(conditions, ConditionType::Ready).filter(|ready| {
        ready.status == "False" && condition::reason(ready) == Some(ProviderAccountReason::DuplicateAccount)
    });
    let obstacle = match (&credentials, &leave, duplicate) {
        (None, ..) => Some(format!(
            "Secret {secret:?} of ProviderAccount {name:?} does not exist: create it with the keys that `kubectl explain \
             pa.spec.secretRef` names"
        )),
        // The pod would be given the keys, and sends them to the endpoint that it is given.
        (_, Err(why), _) if account.spec.is_keyless() => Some(format!("ProviderAccount {name:?}: {why}")),
        (_, Err(why), _) => Some(format!("ProviderAccount {name:?}: Secret {secret:?}: {why}")),
        (_, _, Some(ready)) => Some(format!("ProviderAccount {name:?}: {}", ready.message)),
        _ => None,
    };
    Account::External(Box::new(ExternalAccount {
        uid: account.uid().unwrap_or_default(),
        spec: account.spec.clone(),
        status: account.status.clone().unwrap_or_default(),
        credentials,
        allowed_host: leave.unwrap_or_default(),
        obstacle,
    }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn accounts_are_found_wherever_they_are_named() {
        let mut named = BTreeSet::new();
        let settings = json!({
            "providers": {"script": {"accountRef": {"name": "a"}}, "images": {"model": "x"}},
            "publish": {"targets": [{"name": "main", "accountRef": {"name": "b"}}, {"accountRef": null}]},
        });
        collect_account_refs(&settings, &mut named);
        assert_eq!(named.into_iter().collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn an_account_that_is_being_restored_is_waited_for() {
        let account = |annotations: Value| -> Result<ProviderAccount, String> {
            let read = serde_json::from_value(json!({
                "apiVersion": "videofactory.dev/v1alpha1", "kind": "ProviderAccount",
                "metadata": {"name": "acc", "annotations": annotations}, "spec": {"provider": "XAI"},
            }));
            Ok(read.unwrap())
        };
        let now = "2026-11-29T08:00:00Z".parse().unwrap();
        let restoring = account(json!({"videofactory.dev/restoring": "2026-11-29T07:59:00Z"}));
        let Some(Account::Held(why)) = held("acc", Some(&restoring), now) else { panic!("not held") };
        assert!(why.contains("being restored"), "{why}");
        assert_eq!(held("acc", Some(&account(json!({}))), now), None);
        assert_eq!(held("acc", None, now), None);
    }

    #[test]
    fn no_step_is_given_keys_that_its_account_would_send_elsewhere() {
        let account: ProviderAccount = serde_json::from_value(json!({
            "apiVersion": "videofactory.dev/v1alpha1", "kind": "ProviderAccount", "metadata": {"name": "acc"},
            "spec": {"provider": "XAI", "secretRef": {"name": "keys"}, "endpoint": "https://proxy.example:8443/v1"},
        }))
        .unwrap();
        let state = |allowed: &str| {
            let terms = ("7".to_owned(), AllowedHosts::parse(allowed));
            match account_state("acc", Some(&Ok(account.clone())), &Network::default(), |_| {
                Some(terms.clone())
            }) {
                Account::External(external) => (external.obstacle, external.allowed_host),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(state("proxy.example:8443"), (None, "proxy.example:8443".to_owned()));
        for allowed in ["", "other.example", "proxy.example:443"] {
            let (obstacle, host) = state(allowed);
            assert!(obstacle.unwrap().contains("videofactory.dev/allowed-hosts"), "{allowed}");
            assert_eq!(host, "");
        }
    }

    #[test]
    fn a_webhook_account_that_has_its_url_cannot_be_used_and_does_not_show_it() {
        let account: ProviderAccount = serde_json::from_value(json!({
            "apiVersion": "videofactory.dev/v1alpha1", "kind": "ProviderAccount", "metadata": {"name": "team"},
            "spec": {
                "provider": "Webhook", "secretRef": {"name": "keys"},
                "endpoint": "https://hooks.example/a-secret-path",
            },
        }))
        .unwrap();
        let terms = ("7".to_owned(), AllowedHosts::parse("hooks.example"));
        let state = account_state("team", Some(&Ok(account)), &Network::default(), |_| Some(terms.clone()));
        let Account::External(external) = state else { panic!("not external") };
        let obstacle = external.obstacle.unwrap();
        assert!(obstacle.contains("\"team\"") && obstacle.contains("as url"), "{obstacle}");
        assert!(!obstacle.contains("a-secret-path"), "{obstacle}");
    }

    #[test]
    fn a_server_of_ones_own_is_usable_without_a_secret() {
        let state = |endpoint: &str| {
            let account: ProviderAccount = serde_json::from_value(json!({
                "apiVersion": "videofactory.dev/v1alpha1", "kind": "ProviderAccount", "metadata": {"name": "acc"},
                "spec": {"provider": "OpenAICompatible", "endpoint": endpoint},
            }))
            .unwrap();
            match account_state("acc", Some(&Ok(account)), &Network::default(), |_| None) {
                Account::External(external) => (external.credentials, external.obstacle),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(state("http://ollama.ai.svc:11434/v1"), (Some("none".to_owned()), None));
        let (_, obstacle) = state("ollama");
        assert!(obstacle.unwrap().contains("endpoint is no URL"));
    }

    #[test]
    fn an_account_is_usable_once_its_secret_is_there() {
        let account = |provider: &str| -> ProviderAccount {
            serde_json::from_value(json!({
                "apiVersion": "videofactory.dev/v1alpha1", "kind": "ProviderAccount",
                "metadata": {"name": "acc"}, "spec": {"provider": provider, "secretRef": {"name": "keys"}},
            }))
            .unwrap()
        };
        let state = |provider: &str, version: Option<&str>| {
            let terms = version.map(|version| (version.to_owned(), AllowedHosts::default()));
            account_state("acc", Some(&Ok(account(provider))), &Network::default(), |_| terms.clone())
        };
        assert_eq!(state("Embedded", None), Account::Embedded);
        let Account::External(external) = state("XAI", Some("7")) else { panic!("not external") };
        assert_eq!((external.spec.provider, external.credentials.as_deref()), (Provider::Xai, Some("7")));
        assert_eq!(external.obstacle, None);
        let Account::External(external) = state("XAI", None) else { panic!("not external") };
        assert!(external.obstacle.unwrap().contains("Secret \"keys\""));
        let Account::Unusable { message, .. } = account_state("acc", None, &Network::default(), |_| None)
        else {
            panic!("usable")
        };
        assert!(message.contains("create it"), "{message}");
    }
}
