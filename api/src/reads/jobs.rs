//! GET `/jobs`: the jobs that a filter takes, page by page.

use std::sync::Arc;

use axum::extract::State as Shared;
use axum::http::HeaderMap;
use axum::response::Response;
use jiff::Timestamp;
use kube::core::{Selector, SelectorExt};
use kube::{Resource, ResourceExt};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};
use videofactory_client::JobRef;
use videofactory_client::job_action::phase;
use videofactory_crds::{Phase, VideoJob};
use videofactory_pipeline::Digest;

use super::page::{self, LONGEST_TOKEN, Page, Place};
use super::scope::{self, Scope};
use super::summary::{JobSummary, ended_at};
use super::{etag, selector};
use crate::access::Caller;
use crate::problem::Problem;
use crate::query::{LONGEST_SELECTOR, Parameters, check_length, check_name};
use crate::schemas;
use crate::state::{Guarded, State};

/// Items of a page, unless the caller says how many.
const USUAL_LIMIT: usize = 100;
/// Most items of a page.
const MOST_ITEMS: usize = 500;

/// Query parameters of GET `/jobs`: filters and paging. A filter that is left out matches all jobs.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct JobsQuery {
    /// The phase of the jobs.
    #[param(inline, value_type = Option<schemas::Phase>)]
    phase: Option<Phase>,
    /// Name of the jobs' Channel.
    #[param(max_length = 63, pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", example = "deep-sea")]
    channel: Option<String>,
    /// In this namespace. Left out: in all in which the caller may list them.
    #[param(max_length = 63, pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", example = "demo")]
    namespace: Option<String>,
    /// Label selector, as Kubernetes writes it.
    #[param(max_length = 1024, example = "team=films,!draft")]
    label: Option<String>,
    /// The time after which the jobs ended.
    #[param(value_type = Option<String>, format = DateTime, example = "2026-12-24T18:00:00Z")]
    ended_after: Option<Timestamp>,
    /// Most items of the page. Left out: 100.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 500)]
    limit: Option<usize>,
    /// Where the page before ended: its `continue`.
    #[serde(rename = "continue")]
    #[param(max_length = 512)]
    token: Option<String>,
}

/// A page of jobs, ordered by namespace and name.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct JobList {
    /// The jobs.
    items: Vec<JobSummary>,
    /// For the next page; absent on the last one. Jobs that come and go meanwhile move nothing: what is there all the
    /// time is in one page.
    #[serde(rename = "continue", skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    /// How many jobs come after this page.
    remaining: usize,
}

/// The jobs that a filter takes, ordered by namespace and name.
#[utoipa::path(get, path = "/jobs", operation_id = "list_jobs", tag = "jobs", params(JobsQuery), responses(
    (status = 200, description = "A page of jobs", body = JobList),
    (status = 304, description = "The page is as it was when it had the tag that If-None-Match names"),
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
    let scope = scope::of(&state, &caller, "videojobs", query.namespace.as_deref(), there).await?;
    let list = page_of(&jobs, &query, &asked, &scope)?;
    etag::json(&headers, &list)
}

/// What a query asks for, read.
struct Asked {
    labels: Selector,
    limit: usize,
    filter: Digest,
    after: Option<JobRef>,
}

impl Asked {
    fn read(query: &JobsQuery) -> Result<Self, Problem> {
        check_name("namespace", query.namespace.as_deref())?;
        check_name("channel", query.channel.as_deref())?;
        check_length("label", query.label.as_deref(), LONGEST_SELECTOR)?;
        check_length("continue", query.token.as_deref(), LONGEST_TOKEN)?;
        let limit = query.limit.unwrap_or(USUAL_LIMIT);
        if !(1..=MOST_ITEMS).contains(&limit) {
            return Err(Problem::bad_request(format!("limit is 1 to {MOST_ITEMS}")));
        }
        let labels = selector::read(query.label.as_deref().unwrap_or_default())
            .map_err(|error| Problem::bad_request(error.to_string()))?;
        let filter = Digest::of_bytes(
            json!([query.phase, query.channel, query.namespace, query.label, query.ended_after])
                .to_string()
                .as_bytes(),
        );
        let after = query.token.as_deref().map(|token| page::read(token, &filter)).transpose()?;
        Ok(Self { labels, limit, filter, after })
    }
}

fn page_of(
    jobs: &[Arc<Guarded<VideoJob>>],
    query: &JobsQuery,
    asked: &Asked,
    scope: &Scope,
) -> Result<JobList, Problem> {
    let shown = jobs.iter().filter_map(|job| job.0.as_ref().ok()).filter(|job| scope.holds(place(job).0));
    let matching = shown.filter(|job| takes(query, asked, job));
    let after = asked.after.as_ref().map(|after| (after.namespace.as_str(), after.name.as_str()));
    let Page { items, remaining } = page::take(matching, |job| place(job), after, asked.limit);
    let token = match items.last() {
        Some(last) if remaining > 0 => Some(page::token(JobRef::of(last), &asked.filter)?),
        _ => None,
    };
    Ok(JobList { items: items.into_iter().map(JobSummary::of).collect(), token, remaining })
}

fn place(job: &VideoJob) -> Place<'_> {
    let metadata = job.meta();
    (metadata.namespace.as_deref().unwrap_or_default(), metadata.name.as_deref().unwrap_or_default())
}

fn takes(query: &JobsQuery, asked: &Asked, job: &VideoJob) -> bool {
    let channel = || job.spec.channel_ref.as_ref().map(|channel| channel.name.as_str());
    query.namespace.as_deref().is_none_or(|wanted| place(job).0 == wanted)
        && query.phase.is_none_or(|wanted| phase(job) == wanted)
        && query.channel.as_deref().is_none_or(|wanted| channel() == Some(wanted))
        && query.ended_after.is_none_or(|after| ended_at(job).is_some_and(|at| at > after))
        && (asked.labels.selects_all() || asked.labels.matches(job.labels()))
}
