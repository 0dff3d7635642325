//! GET `/storage/{namespace}/{policy}/plans/{slot}`: what a prune run wanted with every file, and why.

use axum::body::Body;
use axum::extract::State as Shared;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use futures::TryStreamExt;
use jiff::Timestamp;
use kube::runtime::reflector::ObjectRef;
use serde::Deserialize;
use utoipa::IntoParams;
use videofactory_crds::StoragePolicy;
use videofactory_crds::storagepolicy::PruneRun;

use super::media::of_bucket;
use crate::access::{Caller, Permission};
use crate::path::Segments;
use crate::problem::Problem;
use crate::query::check_name;
use crate::schemas;
use crate::state::{Guarded, State};
use crate::unwatched::Unwatched;

/// The segments that name a plan.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct PlanParams {
    /// Namespace of the policy.
    #[param(inline, value_type = schemas::ObjectName, example = "demo")]
    namespace: String,
    /// Name of the policy.
    #[param(inline, value_type = schemas::ObjectName, example = "default")]
    policy: String,
    /// When the run was due, as `status.runs` of the policy says it.
    #[param(value_type = String, format = DateTime, example = "2026-12-24T03:00:00Z")]
    slot: Timestamp,
}

/// The plan of a prune run: every file of the bucket, with what becomes of it, and why.
///
/// A JSON object a line, with `key`, `bytes`, `modified`, `verdict` (`delete` or `keep`), `why` and `rule`. It is always
/// compressed with gzip: with curl, use --compressed.
#[utoipa::path(get, path = "/storage/{namespace}/{policy}/plans/{slot}", operation_id = "get_prune_plan", tag = "storage", params(PlanParams), responses(
    (status = 200, description = "The plan, a JSON object a line", body = String, content_type = "text/plain"),
    (status = 404, description = "There is no such policy or run, or the run has left no plan"),
    (status = 502, description = "The bucket refuses the request"),
))]
pub async fn read(
    Shared(state): Shared<State>,
    caller: Caller,
    Segments(PlanParams { namespace, policy, slot }): Segments<PlanParams>,
) -> Result<Response, Problem> {
    check_name("namespace", Some(&namespace))?;
    check_name("policy", Some(&policy))?;
    state.authorizer.check(&caller.user, Permission::to("get", "storagepolicies", Some(&namespace))).await?;
    Unwatched::by(state.process.clone()).check(Some(&namespace))?;
    let nothing = || {
        Problem::new(StatusCode::NOT_FOUND, format!("{namespace}/{policy} has no plan of a run of {slot}"))
            .hint("GET /storage/stats lists the runs; a plan is kept as long as its run")
    };
    let key = ObjectRef::<Guarded<StoragePolicy>>::new(&policy).within(&namespace);
    let found = state.stores.policies.get(&key).ok_or_else(nothing)?;
    let found = found.0.as_ref().map_err(|_| nothing())?;
    let mut runs = found.status.iter().flat_map(|status| &status.runs);
    let run = runs.find(|run| run.slot.0 == slot).ok_or_else(nothing)?;
    let key = own_plan(&namespace, &policy, run).ok_or_else(nothing)?;
    let permit = state.limits.stream(caller.name())?;
    let bucket = state.process.bucket(found).await;
    let bucket = bucket.map_err(|why| Problem::later(format!("the bucket cannot be opened: {why}"), 10))?;
    let download = match bucket.open(key, None).await {
        Ok(download) => download,
        Err(error) if error.is_missing() => return Err(nothing()),
        Err(error) => return Err(of_bucket(&error)),
    };
    let bytes = download.into_stream().inspect_ok(move |_| {
        let _held = &permit;
    });
    let headers = [(CONTENT_TYPE, "text/plain; charset=utf-8"), (CONTENT_ENCODING, "gzip")];
    Ok((headers, Body::from_stream(bytes)).into_response())
}

/// The plan of a run, if it is one of this policy: whoever may write a status must not read other files by it.
#[must_use]
pub fn own_plan<'a>(namespace: &str, policy: &str, run: &'a PruneRun) -> Option<&'a str> {
    let key = run.plan_key.as_deref()?;
    let name = key.strip_prefix(&format!("plans/{namespace}/{policy}/"))?;
    (!name.contains('/') && name.ends_with(".jsonl.gz")).then_some(key)
}
