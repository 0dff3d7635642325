//! What to make of the cluster, our definitions and the operator. Pure.

use http::StatusCode;
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::Value;
use videofactory_client::CallError;

use super::{Check, State};
use crate::operator::{LABELS, is_ready};
use crate::text::{plain, span};

/// Oldest Kubernetes whose definitions have selectableFields.
const OLDEST_MINOR: u32 = 31;
/// How long a Lease may be unchanged: clocks may differ by some seconds.
const LEASE_HOLDS: i64 = 60;
const INSTALL: &str = "kubectl videofactory install generate | kubectl apply --server-side -f -";

/// The API server does not answer, without which nothing works.
pub fn unreachable(error: CallError) -> Check {
    Check { state: State::Error, ..Check::unseen("Kubernetes", error) }
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::NOW;

    #[test]
    fn an_old_cluster_is_an_error() {
        assert_eq!(version("1", "30", "v1.30.2").state, State::Error);
        assert_eq!(version("1", "31+", "v1.31.0-eks").state, State::Ok);
        assert_eq!(version("2", "0", "v2.0.0").state, State::Ok);
    }

    #[test]
    fn definitions_that_are_missing_and_that_differ_are_distinguished() {
        let ours = videofactory_crds::generate::all();
        let mut found: Vec<_> = ours.iter().cloned().map(Some).collect();
        assert_eq!(definitions(&ours, &found).state, State::Ok);
        if let Some(Some(first)) = found.first_mut() {
            first.spec.versions[0].schema = None;
        }
        let differ = definitions(&ours, &found);
        assert!(differ.state == State::Warning && differ.message.contains("videojobs"), "{differ:?}");
        found[1] = None;
        let missing = definitions(&ours, &found);
        assert!(missing.state == State::Error && missing.message.contains("channels"), "{missing:?}");
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
        lease(of, NOW.parse().unwrap(), "videofactory-system").state
    }

    #[test]
    fn what_the_operator_finds_unhealthy_is_reported() {
        let body = json!({"checks": [
            {"name": "kubernetes_api", "healthy": false, "message": "no answer"},
            {"name": "r2_storage", "healthy": false, "message": "reported elsewhere"},
        ]});
        let found = health(StatusCode::SERVICE_UNAVAILABLE, &body);
        assert_eq!(found.len(), 1);
        assert!(found[0].state == State::Error && found[0].message == "no answer");
        let forbidden = health(StatusCode::FORBIDDEN, &json!({"detail": "you may not get /health/full"}));
        assert_eq!(forbidden[0].state, State::Ok, "{forbidden:?}");
        let unknown =
            health(StatusCode::UNAUTHORIZED, &json!({"detail": "the cluster does not know this token"}));
        assert_eq!(unknown[0].state, State::Warning, "{unknown:?}");
    }
}
