//! What to make of what the cluster says. Pure.

use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::ResourceExt;
use serde_json::Value;
use videofactory_client::job_action::phase;
use videofactory_client::job_advice::is_stalled;
use videofactory_client::{CallError, JobRef};
use videofactory_crds::condition::{self, ConditionType};
use videofactory_crds::storagepolicy::StorageLevel;
use videofactory_crds::{Phase, ProviderAccount, StoragePolicy, VideoJob};

use super::{Check, State};
use crate::exit::Error;
use crate::operator::{LABELS, PORT_FORWARD, is_ready};
use crate::text::{count, plain, span};
use crate::verbs::policies as policy;

/// Oldest Kubernetes whose definitions have selectableFields.
const OLDEST_MINOR: u32 = 31;
/// How long before its end a key is warned of.
const WARNED_BEFORE: SignedDuration = SignedDuration::from_hours(14 * 24);
/// How long a Lease may be unchanged: clocks may differ by some seconds.
const LEASE_HOLDS: i64 = 60;
/// Films that are named.
const MOST_NAMED: usize = 5;
const INSTALL: &str = "kubectl videofactory install generate | kubectl apply --server-side -f -";

/// Something that could not be looked at.
pub fn cannot_look(check: &str, error: CallError) -> Check {
    told(check, &Error::from(error))
}

/// Something that could not be looked at, for a reason that says what to do.
pub fn told(check: &str, error: &Error) -> Check {
    let mend = error.hint.clone().unwrap_or_else(|| "mend that, and look again".to_owned());
    Check::warning(check, error.message.clone(), mend)
}

/// The API server does not answer, without which nothing works.
pub fn unreachable(error: CallError) -> Check {
    Check { state: State::Error, ..cannot_look("Kubernetes", error) }
}

/// Whether Kubernetes is new enough.
pub fn version(major: &str, minor: &str, git: &str) -> Check {
    let number = |text: &str| text.trim_end_matches(|c: char| !c.is_ascii_digit()).parse::<u32>().ok();
    match (number(major), number(minor)) {
        (Some(1), Some(minor)) if minor < OLDEST_MINOR => Check::error(
            "Kubernetes",
            git,
            format!("upgrade the cluster to 1.{OLDEST_MINOR} or newer: older ones have no selectableFields"),
        ),
        _ => Check::ok("Kubernetes", git),
    }
}

/// Whether the definitions are those that this version knows. `found`: in the order of `ours`.
pub fn definitions(ours: &[CustomResourceDefinition], found: &[Option<CustomResourceDefinition>]) -> Check {
    let name = |definition: &CustomResourceDefinition| definition.spec.names.plural.clone();
    let missing: Vec<String> =
        ours.iter().zip(found).filter(|(_, found)| found.is_none()).map(|(ours, _)| name(ours)).collect();
    if !missing.is_empty() {
        return Check::error("definitions", format!("missing: {}", missing.join(", ")), INSTALL);
    }
    let differ: Vec<String> = ours
        .iter()
        .zip(found.iter().flatten())
        .filter(|(ours, found)| schema(ours) != schema(found))
        .map(|(ours, _)| name(ours))
        .collect();
    if differ.is_empty() {
        return Check::ok("definitions", format!("{} kinds, as this plugin knows them", ours.len()));
    }
    Check::warning(
        "definitions",
        format!("of another version than this plugin: {}", differ.join(", ")),
        "use the plugin of the operator's version; or where the operator is the older one: kubectl videofactory \
         install generate --only-crds | kubectl apply --server-side -f -, then the operator",
    )
}

/// What a definition says of its objects.
fn schema(definition: &CustomResourceDefinition) -> Vec<Value> {
    let versions = definition.spec.versions.iter();
    versions.map(|version| serde_json::to_value(&version.schema).unwrap_or_default()).collect()
}

/// Whether all kinds are served, for whoever may not read the definitions.
pub fn served(ours: &[CustomResourceDefinition], names: &[String]) -> Check {
    let plurals = ours.iter().map(|definition| &definition.spec.names.plural);
    let missing: Vec<&str> = plurals.filter(|name| !names.contains(name)).map(String::as_str).collect();
    if missing.is_empty() {
        return Check::ok("definitions", format!("{} kinds are served", ours.len()));
    }
    Check::error("definitions", format!("missing: {}", missing.join(", ")), INSTALL)
}

/// Whether the operator's pods are ready.
pub fn pods(pods: &[Pod], namespace: &str) -> Check {
    let ready = pods.iter().filter(|pod| is_ready(pod)).count();
    let found = format!("{ready} of {} ready in {namespace}", pods.len());
    let images: Vec<&str> = pods
        .iter()
        .flat_map(|pod| &pod.spec)
        .flat_map(|spec| &spec.containers)
        .filter_map(|container| container.image.as_deref())
        .collect();
    match (ready, pods.len()) {
        (_, 0) => Check::error("operator pods", format!("none in {namespace}"), INSTALL),
        (0, _) => {
            let why = pods.iter().find_map(trouble).unwrap_or_default();
            let look = format!("kubectl -n {namespace} describe pods -l {LABELS}");
            Check::error("operator pods", format!("{found}{why}"), look)
        }
        _ => Check::ok("operator pods", format!("{found} ({})", images.first().unwrap_or(&"no image"))),
    }
}

/// Why a pod's container does not run.
fn trouble(pod: &Pod) -> Option<String> {
    let statuses = pod.status.as_ref()?.container_statuses.as_ref()?;
    let waiting = statuses.iter().find_map(|status| status.state.as_ref()?.waiting.as_ref())?;
    let words = [waiting.reason.clone(), waiting.message.clone()];
    let words: Vec<String> = words.into_iter().flatten().collect();
    Some(format!("; {}", plain(&words.join(": "))))
}

/// Whether a replica leads.
pub fn lease(lease: Option<&Lease>, now: Timestamp, namespace: &str) -> Check {
    let look = format!("kubectl -n {namespace} logs -l {LABELS} --tail=50");
    let spec = lease.and_then(|lease| lease.spec.as_ref());
    let holder = spec.and_then(|spec| spec.holder_identity.as_deref()).filter(|holder| !holder.is_empty());
    let renewed = spec.and_then(|spec| spec.renew_time.as_ref()).map(|at| now.as_second() - at.0.as_second());
    match (holder, renewed) {
        (None, _) => Check::error("operator lead", "no replica leads", look),
        (Some(holder), Some(age)) if age > LEASE_HOLDS => {
            let found = format!("{holder} led, and has said nothing for {}", span(age));
            Check::error("operator lead", found, look)
        }
        (Some(holder), _) => Check::ok("operator lead", format!("{holder} leads")),
    }
}

/// What the operator's own checks say.
pub fn health(status: StatusCode, body: &Value) -> Vec<Check> {
    let Some(checks) = body["checks"].as_array() else {
        if status == StatusCode::FORBIDDEN {
            // It knows who asks. Its own health is for whoever looks after the whole installation.
            return vec![Check::ok("operator routes", "they answer")];
        }
        let detail = body["detail"].as_str().map_or_else(|| status.to_string(), plain);
        let hint = body["hint"].as_str().map_or_else(|| "see the operator's log".to_owned(), plain);
        return vec![Check::warning("operator routes", detail, hint)];
    };
    let word = |check: &Value, name: &str| check[name].as_str().map(plain).unwrap_or_default();
    let ill: Vec<Check> = checks
        .iter()
        .filter(|check| check["healthy"] == false)
        // Buckets and accounts have checks of their own here.
        .filter(|check| !word(check, "name").starts_with("account:") && check["name"] != "r2_storage")
        .map(|check| {
            Check::error(
                format!("operator: {}", word(check, "name")),
                word(check, "message"),
                "see the operator's log",
            )
        })
        .collect();
    if ill.is_empty() { vec![Check::ok("operator routes", "they answer")] } else { ill }
}

/// A right that the person has not.
#[derive(Clone, Copy, Debug)]
pub struct Missing<'a> {
    /// The verb.
    pub verb: &'a str,
    /// The group.
    pub group: &'a str,
    /// The resource.
    pub resource: &'a str,
    /// What it is for.
    pub what: &'a str,
}

/// What the person may do. `first`: the resource without which nothing can be done.
pub fn rights(missing: &[Missing<'_>], namespace: Option<&str>, first: &str) -> Check {
    let place = namespace.map_or_else(|| "all namespaces".to_owned(), |name| format!("namespace {name}"));
    if missing.is_empty() {
        return Check::ok("your rights", format!("all that the plugin needs, in {place}"));
    }
    let found = may_not(missing, &place);
    let mend = "ask for the ClusterRole videofactory-edit in that namespace, or edit, which contains it";
    if missing.iter().any(|one| one.resource == first && one.verb == "list") {
        Check::error("your rights", found, mend)
    } else {
        Check::warning("your rights", found, mend)
    }
}

/// Whether the person reaches the operator's own routes.
pub fn way(missing: &[Missing<'_>], namespace: &str) -> Check {
    let name = "way to the operator";
    if missing.is_empty() {
        return Check::ok(name, format!("you may forward a port in namespace {namespace}"));
    }
    let mend = format!("ask for the Role {PORT_FORWARD} in namespace {namespace}");
    Check::warning(name, may_not(missing, &format!("namespace {namespace}")), mend)
}

fn may_not(missing: &[Missing<'_>], place: &str) -> String {
    let list = |one: &Missing<'_>| {
        let group = if one.group.is_empty() { String::new() } else { format!(".{}", one.group) };
        format!("{} {}{group} (for {})", one.verb, one.resource, one.what)
    };
    format!("you may not, in {place}: {}", missing.iter().map(list).collect::<Vec<_>>().join("; "))
}

fn ill(conditions: &[Condition], kind: ConditionType) -> Option<String> {
    let condition = condition::get(conditions, kind)?;
    (condition.status != "True").then(|| plain(&condition.message))
}

/// The buckets.
pub fn policies(policies: &[StoragePolicy], namespace: Option<&str>) -> Vec<Check> {
    if policies.is_empty() {
        let place = namespace.map_or_else(|| "any namespace".to_owned(), |name| format!("namespace {name}"));
        let mend = "apply one: manifests/samples/storage has one for several kinds of buckets";
        return vec![Check::warning(
            "buckets",
            format!("there is no StoragePolicy in {place}, so films wait"),
            mend,
        )];
    }
    policies.iter().map(of_policy).collect()
}

fn of_policy(object: &StoragePolicy) -> Check {
    let name = format!("StoragePolicy {}", policy::name(object));
    let namespace = object.namespace().unwrap_or_default();
    let look = format!("kubectl videofactory storage {} -n {namespace}", object.name_any());
    let Some(status) = &object.status else {
        return Check::warning(name, "the operator has not looked at it yet", "is the operator there?");
    };
    if let Some(message) = ill(&status.conditions, ConditionType::Ready) {
        return Check::error(name, message, "do what the message says; it is then found by itself");
    }
    let percent = status.usage.as_ref().and_then(|usage| usage.percent).unwrap_or(0);
    match status.level.unwrap_or_default() {
        StorageLevel::Stopped | StorageLevel::Full => {
            let mend =
                format!("make room: kubectl videofactory cleanup -n {namespace} --older-than 7d; {look}");
            Check::error(name, format!("{percent}% full: films that have not begun wait"), mend)
        }
        level => match ill(&status.conditions, ConditionType::WithinLimit) {
            Some(message) => Check::warning(name, message, look),
            None if level == StorageLevel::Warning => Check::warning(name, format!("{percent}% full"), look),
            None => Check::ok(name, format!("{percent}% full")),
        },
    }
}

/// One account.
pub fn account(account: &ProviderAccount, now: Timestamp) -> Check {
    let namespace = account.namespace().unwrap_or_default();
    let name = format!("ProviderAccount {namespace}/{}", account.name_any());
    let renew = "put a new key into its Secret, and its end into spec.credentialsExpireAt";
    if let Some(end) = &account.spec.credentials_expire_at {
        let left = end.0.duration_since(now);
        if left <= SignedDuration::ZERO {
            return Check::error(name, format!("its key ended {} ago", span(-left.as_secs())), renew);
        }
        if left <= WARNED_BEFORE {
            return Check::warning(name, format!("its key ends in {}", span(left.as_secs())), renew);
        }
    }
    let Some(status) = &account.status else {
        return Check::warning(name, "the operator has not looked at it yet", "is the operator there?");
    };
    if let Some(message) = ill(&status.conditions, ConditionType::Ready) {
        return Check::error(name, message, "do what the message says; it is then found by itself");
    }
    let used_up = status.quotas.iter().find(|quota| {
        quota.limit.is_some_and(|limit| quota.used.unwrap_or(0) + quota.reserved.unwrap_or(0) >= limit)
    });
    match (used_up, status.waiting.unwrap_or(0)) {
        (Some(quota), waiting @ 1..) => Check::warning(
            name,
            format!(
                "quota {} is used up, and {} for it",
                quota.name,
                count(usize::try_from(waiting).unwrap_or(0), "step") + " wait"
            ),
            format!(
                "nothing, they go on by themselves; kubectl videofactory accounts {} -n {namespace}",
                account.name_any()
            ),
        ),
        _ => Check::ok(name, format!("{} answers and takes the key", account.spec.provider.as_str())),
    }
}

/// The films that do not go on by themselves. `namespace`: where they were looked for; none: in all.
pub fn films(jobs: &[VideoJob], namespace: Option<&str>) -> Vec<Check> {
    let place = namespace.map_or_else(|| "-A".to_owned(), |namespace| format!("-n {namespace}"));
    let of = |takes: fn(&VideoJob) -> bool| {
        jobs.iter().filter(|job| takes(job)).map(JobRef::of).collect::<Vec<_>>()
    };
    let failed = of(|job| phase(job) == Phase::Failed);
    let stalled = of(|job| is_stalled(job) && phase(job) != Phase::Failed || phase(job) == Phase::Review);
    let mut checks = Vec::new();
    for (check, names, mend) in [
        (
            "films that failed",
            failed,
            format!("kubectl videofactory retry --phase Failed {place}; status of each says why"),
        ),
        (
            "films that need a person",
            stalled,
            "kubectl videofactory status <name> -n <namespace> says what to do".to_owned(),
        ),
    ] {
        if !names.is_empty() {
            let shown: Vec<String> = names.iter().take(MOST_NAMED).map(ToString::to_string).collect();
            let more = if names.len() > MOST_NAMED { ", …" } else { "" };
            let found = format!("{}: {}{more}", names.len(), shown.join(", "));
            checks.push(Check::warning(check, found, mend));
        }
    }
    if checks.is_empty() {
        checks.push(Check::ok("films", format!("{}, and none needs a person", count(jobs.len(), "film"))));
    }
    checks
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use videofactory_crds::GROUP;

    use super::*;
    use crate::testing::NOW;

    fn now() -> Timestamp {
        NOW.parse().unwrap()
    }

    #[test]
    fn an_old_cluster_is_an_error() {
        assert_eq!(version("1", "30", "v1.30.2").state, State::Error);
        assert_eq!(version("1", "31+", "v1.31.0-eks").state, State::Ok);
        assert_eq!(version("2", "0", "v2.0.0").state, State::Ok);
    }

    #[test]
    fn definitions_that_are_missing_or_differ_are_told_apart() {
        let ours = videofactory_crds::generate::all();
        let mut found: Vec<_> = ours.iter().cloned().map(Some).collect();
        assert_eq!(definitions(&ours, &found).state, State::Ok);
        if let Some(Some(first)) = found.first_mut() {
            first.spec.versions[0].schema = None;
        }
        let differ = definitions(&ours, &found);
        assert!(differ.state == State::Warning && differ.found.contains("videojobs"), "{differ:?}");
        found[1] = None;
        let missing = definitions(&ours, &found);
        assert!(missing.state == State::Error && missing.found.contains("channels"), "{missing:?}");
    }

    #[test]
    fn a_lease_that_is_old_or_nobodys_is_an_error() {
        let of = |spec: Value| -> Option<Lease> {
            serde_json::from_value(json!({"metadata": {}, "spec": spec})).ok()
        };
        let state = |lease: Option<Lease>| lease_state(lease.as_ref());
        assert_eq!(state(None), State::Error);
        let fresh = json!({"holderIdentity": "a", "renewTime": "2026-12-24T17:59:55.000000Z"});
        assert_eq!(state(of(fresh)), State::Ok);
        let old = json!({"holderIdentity": "a", "renewTime": "2026-12-24T17:50:00.000000Z"});
        assert_eq!(state(of(old)), State::Error);
    }

    fn lease_state(of: Option<&Lease>) -> State {
        lease(of, now(), "videofactory-system").state
    }

    #[test]
    fn what_mends_acts_where_it_was_looked_and_nowhere_else() {
        let failed = crate::testing::job("ocean", json!({"phase": "Failed"}));
        let failed = [serde_json::from_value(failed).unwrap()];
        for (namespace, place) in [(Some("films"), "--phase Failed -n films;"), (None, "--phase Failed -A;")]
        {
            let mend = films(&failed, namespace)[0].mend.clone().unwrap();
            assert!(mend.contains(place), "{mend}");
        }
        let full = crate::testing::policy(json!({"level": "Full", "usage": {"percent": 97}}));
        let mend = of_policy(&serde_json::from_value(full).unwrap()).mend.unwrap();
        assert!(mend.contains("cleanup -n films --older-than 7d"), "{mend}");
    }

    #[test]
    fn keys_are_warned_of_before_they_end() {
        let state = |end: &str| {
            let object = json!({
                "metadata": {"name": "grok", "namespace": "films"},
                "spec": {"provider": "XAI", "secretRef": {"name": "grok"}, "credentialsExpireAt": end},
                "status": {"conditions": []},
            });
            account(&serde_json::from_value(object).unwrap(), now()).state
        };
        assert_eq!(state("2026-12-24T17:00:00Z"), State::Error);
        assert_eq!(state("2027-01-07T17:00:00Z"), State::Warning);
        assert_eq!(state("2027-01-08T18:00:00Z"), State::Ok);
    }

    #[test]
    fn a_right_that_all_need_is_an_error_and_another_a_warning() {
        let missing = |verb, resource| Missing { verb, group: GROUP, resource, what: "list" };
        let list = rights(&[missing("list", "videojobs")], Some("films"), "videojobs");
        assert!(list.state == State::Error && list.found.contains("namespace films"), "{list:?}");
        assert_eq!(rights(&[missing("approve", "videojobs")], None, "videojobs").state, State::Warning);
        assert_eq!(rights(&[], None, "videojobs").state, State::Ok);
        let forward = Missing { verb: "get", group: "", resource: "pods/portforward", what: "download" };
        let way = way(&[forward], "videofactory-system");
        assert_eq!(
            way.found,
            "you may not, in namespace videofactory-system: get pods/portforward (for download)"
        );
        assert!(way.mend.unwrap().contains("videofactory-port-forward"));
    }

    #[test]
    fn what_the_operator_finds_ill_is_told() {
        let body = json!({"checks": [
            {"name": "kubernetes_api", "healthy": false, "message": "no answer"},
            {"name": "r2_storage", "healthy": false, "message": "told elsewhere"},
        ]});
        let found = health(StatusCode::SERVICE_UNAVAILABLE, &body);
        assert_eq!(found.len(), 1);
        assert!(found[0].state == State::Error && found[0].found == "no answer");
        let forbidden = health(StatusCode::FORBIDDEN, &json!({"detail": "you may not get /health/full"}));
        assert_eq!(forbidden[0].state, State::Ok, "{forbidden:?}");
        let unknown =
            health(StatusCode::UNAUTHORIZED, &json!({"detail": "the cluster does not know this token"}));
        assert_eq!(unknown[0].state, State::Warning, "{unknown:?}");
    }
}
