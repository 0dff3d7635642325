//! GET `/jobs`: the jobs that a filter takes, page by page.

use std::sync::Arc;

use axum::extract::State as Shared;
use axum::http::HeaderMap;
use axum::response::Response;
use jiff::Timestamp;
use kube::Resource;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};
use videofactory_client::JobRef;
use videofactory_crds::{Phase, VideoJob};
use videofactory_pipeline::Digest;

use super::allowed_namespaces::{self, Scope};
use super::etag;
use super::filter::Filter;
use super::pagination::{self, DEFAULT_LIMIT, MAX_LIMIT, MAX_TOKEN, Page, Place};
use super::summary::JobSummary;
use crate::access::Caller;
use crate::problem::Problem;
use crate::query::{Parameters, check_length, job_filter};
use crate::schemas;
use crate::state::{Guarded, State};

/// Query parameters of GET `/jobs`: filters and paging. A filter that is left out matches all jobs.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct JobsQuery {
    /// The phase of the jobs.
    #[param(inline, value_type = Option<schemas::Phase>)]
    phase: Option<Phase>,
    /// Name of the jobs' Channel.
    #[param(inline, value_type = Option<schemas::ObjectName>, example = "deep-sea")]
    channel: Option<String>,
    /// The namespace of the jobs. Left out: all namespaces in which the caller may list jobs.
    #[param(inline, value_type = Option<schemas::ObjectName>, example = "demo")]
    namespace: Option<String>,
    /// Label selector, as Kubernetes writes it.
    #[param(inline, value_type = Option<schemas::LabelSelector>)]
    label_selector: Option<String>,
    /// The time after which the jobs ended.
    #[param(value_type = Option<String>, format = DateTime, example = "2026-12-24T18:00:00Z")]
    ended_after: Option<Timestamp>,
    /// Most items of the page. Left out: 100.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 500)]
    limit: Option<usize>,
    /// The `continue` of the page before.
    #[serde(rename = "continue")]
    #[param(max_length = 512)]
    token: Option<String>,
}

/// A page of jobs, ordered by namespace and name.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JobList {
    /// The jobs.
    items: Vec<JobSummary>,
    /// The `continue` of the next page. Absent on the last one. A job that exists all the time is in exactly one page,
    /// whatever is created or deleted meanwhile.
    #[serde(rename = "continue", skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    /// How many jobs come after this page.
    remaining: usize,
}

/// The jobs that match a filter, ordered by namespace and name.
#[utoipa::path(get, path = "/jobs", operation_id = "list_jobs", tag = "jobs", params(JobsQuery), responses(
    (status = 200, description = "A page of jobs", body = JobList),
    (status = 304, description = "The page has not changed since it had the tag that If-None-Match names"),
))]
pub async fn list(
    Shared(state): Shared<State>,
    caller: Caller,
    Parameters(query): Parameters<JobsQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let asked = Asked::read(&query)?;
    let jobs = state.stores.videojobs.state();
    let there = jobs.iter().filter_map(|job| job.meta().namespace.clone()).collect();
    let scope =
        allowed_namespaces::of(&state, &caller, "videojobs", query.namespace.as_deref(), there).await?;
    let list = page_of(&jobs, &asked, &scope)?;
    etag::json(&headers, &list)
}

/// What a query asks for, read.
struct Asked {
    filter: Filter,
    limit: usize,
    /// What a token must have been made for.
    digest: Digest,
    after: Option<JobRef>,
}

impl Asked {
    fn read(query: &JobsQuery) -> Result<Self, Problem> {
        let JobsQuery { phase, channel, namespace, label_selector, ended_after, .. } = query;
        let jobs = job_filter("", namespace.clone(), *phase, channel.clone(), label_selector.as_deref())?;
        let filter = Filter { jobs, ended_after: *ended_after };
        check_length("continue", query.token.as_deref(), MAX_TOKEN)?;
        let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
        if !(1..=MAX_LIMIT).contains(&limit) {
            return Err(Problem::bad_request(format!("limit is 1 to {MAX_LIMIT}")));
        }
        let digest = json!([phase, channel, namespace, label_selector, ended_after]).to_string();
        let digest = Digest::of_bytes(digest.as_bytes());
        let after = query.token.as_deref().map(|token| pagination::read(token, &digest)).transpose()?;
        Ok(Self { filter, limit, digest, after })
    }
}

fn page_of(jobs: &[Arc<Guarded<VideoJob>>], asked: &Asked, scope: &Scope) -> Result<JobList, Problem> {
    let shown = jobs.iter().filter_map(|job| job.0.as_ref().ok()).filter(|job| scope.holds(place(job).0));
    let matching = shown.filter(|job| asked.filter.takes(job));
    let after = asked.after.as_ref().map(|after| (after.namespace.as_str(), after.name.as_str()));
    let Page { items, remaining } = pagination::take(matching, |job| place(job), after, asked.limit);
    let token = match items.last() {
        Some(last) if remaining > 0 => Some(pagination::token(JobRef::of(last), &asked.digest)?),
        _ => None,
    };
    Ok(JobList { items: items.into_iter().map(JobSummary::of).collect(), token, remaining })
}

fn place(job: &VideoJob) -> Place<'_> {
    let metadata = job.meta();
    (metadata.namespace.as_deref().unwrap_or_default(), metadata.name.as_deref().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::documented::parameter;

    #[test]
    fn the_limits_of_parameters_are_documented() {
        assert_eq!(parameter::<JobsQuery>("limit")["maximum"], MAX_LIMIT);
        assert_eq!(parameter::<JobsQuery>("continue")["maxLength"], MAX_TOKEN);
        let all = serde_json::to_value(JobsQuery::into_params(|| None)).unwrap();
        let limit = all.as_array().unwrap().iter().find(|parameter| parameter["name"] == "limit").unwrap();
        assert_eq!(limit["description"], format!("Most items of the page. Left out: {DEFAULT_LIMIT}."));
    }
}
