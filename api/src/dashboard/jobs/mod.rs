//! GET `/dashboard`: the list of jobs.

mod query;
mod rows;

use std::collections::BTreeSet;

use askama::Template;
use axum::extract::State as Shared;
use axum::response::Response;
use jiff::Timestamp;
use kube::ResourceExt;
use kube::runtime::reflector::ObjectRef;
use serde_json::json;
use videofactory_client::JobRef;
use videofactory_client::job_action::phase;
use videofactory_client::job_advice::attention;
use videofactory_crds::{Phase, VideoJob};
use videofactory_pipeline::clock;

use self::query::{Chip, Sort};
pub use self::query::{JobsQuery, PATH};
pub use self::rows::{Row, StepChip};
use super::buttons::Call;
use super::layout::{self, Frame, Place};
use super::{address, live, wait_queue};
use crate::access::Caller;
use crate::problem::Problem;
use crate::query::Parameters;
use crate::reads::allowed_namespaces::{self, Scope};
use crate::state::State;

/// Jobs of a page of the list.
const JOBS_PER_PAGE: usize = 25;

/// The page.
#[derive(Template)]
#[template(path = "dashboard/jobs.html")]
struct JobsPage {
    frame: Frame,
    views: Vec<View>,
    chips: Vec<Chip>,
    without_filters: &'static str,
    query: JobsQuery,
    phases: Vec<Choice>,
    sorts: Vec<Choice>,
    table: Table,
    many: Vec<Call>,
    /// Why nothing can be asked of all that is listed; empty: it can.
    not_many: &'static str,
}

/// The part of it that changes.
#[derive(Template)]
#[template(path = "dashboard/jobs_table.html")]
struct Table {
    rows: Vec<Row>,
    /// Which jobs these are, and of how many.
    range: String,
    is_filtered: bool,
    before: String,
    after: String,
}

/// A way to look at the list that many want.
struct View {
    label: &'static str,
    count: usize,
    href: String,
    is_here: bool,
}

/// A choice of a form.
struct Choice {
    value: &'static str,
    label: &'static str,
    is_chosen: bool,
}

/// The list of jobs.
pub async fn list(
    Shared(state): Shared<State>,
    caller: Caller,
    Parameters(query): Parameters<JobsQuery>,
) -> Result<Response, Problem> {
    let wanted = query.read()?;
    let jobs = state.stores.videojobs.state();
    let there: BTreeSet<String> = jobs.iter().filter_map(|job| job.namespace()).collect();
    let named = Some(query.namespace.trim()).filter(|namespace| !namespace.is_empty());
    let scope = allowed_namespaces::of(&state, &caller, "videojobs", named, there).await?;
    let seen: Vec<&VideoJob> =
        jobs.iter().filter_map(|job| job.0.as_ref().ok()).filter(|job| is_in(&scope, job)).collect();
    let (found, total) = wanted.page_of(seen.iter().copied(), JOBS_PER_PAGE);
    let table = table(&state, &query, &seen, &found, (wanted.page, total), clock::now());
    if query.fragment == live::JOBS {
        return layout::html(&table);
    }
    let (many, not_many) = match query.bulk_filter() {
        Ok(filter) => (many(&filter), ""),
        Err(why) => (Vec::new(), why),
    };
    let stream = address::with(live::PATH, &[("of", live::JOBS), ("namespace", named.unwrap_or_default())]);
    layout::html(&JobsPage {
        frame: Frame::new("Jobs", Place::Jobs, caller.name()).following(stream),
        views: views(&query, &seen),
        chips: query.chips(),
        without_filters: PATH,
        phases: Phase::ALL.map(|phase| choice(phase.as_str(), phase.as_str(), &query.phase)).into(),
        sorts: Sort::ALL
            .map(|(sort, word, label)| Choice { value: word, label, is_chosen: sort == wanted.sort })
            .into(),
        table,
        many,
        not_many,
        query,
    })
}

fn is_in(scope: &Scope, job: &VideoJob) -> bool {
    scope.holds(job.metadata.namespace.as_deref().unwrap_or_default())
}

fn choice(value: &'static str, label: &'static str, chosen: &str) -> Choice {
    Choice { value, label, is_chosen: value == chosen }
}

/// The rows of a page. `place`: which page it is, and of how many jobs.
fn table(
    state: &State,
    query: &JobsQuery,
    seen: &[&VideoJob],
    found: &[&VideoJob],
    (page, total): (usize, usize),
    now: Timestamp,
) -> Table {
    let usual = rows::usual(seen.iter().copied());
    let rows: Vec<Row> =
        found.iter().map(|job| Row::of(job, &usual, place_in_line(state, job), now)).collect();
    let first = (page - 1).saturating_mul(JOBS_PER_PAGE);
    let last = first + rows.len();
    let range = match (total, rows.is_empty()) {
        (0, _) => "no jobs".to_owned(),
        (_, true) => format!("none on this page, of {total}"),
        (1, _) => "1 job".to_owned(),
        _ => format!("{}–{last} of {total} jobs", first + 1),
    };
    Table {
        rows,
        range,
        is_filtered: !query.chips().is_empty(),
        before: if page > 1 { query.at_page(page - 1) } else { String::new() },
        after: if last < total { query.at_page(page + 1) } else { String::new() },
    }
}

/// Who is ahead of a job in the lines that it waits in.
pub fn place_in_line(state: &State, job: &VideoJob) -> String {
    let id = JobRef::of(job);
    let places = wait_queue::accounts_of(job).filter_map(|account| {
        let key = ObjectRef::new(account).within(&id.namespace);
        let found = state.stores.accounts.get(&key)?;
        wait_queue::place(&id, found.0.as_ref().ok()?)
    });
    places.collect::<Vec<_>>().join("; ")
}

/// The views that many want, with how many jobs each has in the same namespace and channel.
fn views(query: &JobsQuery, seen: &[&VideoJob]) -> Vec<View> {
    let of_channel = |job: &&&VideoJob| {
        let channel = job.spec.channel_ref.as_ref().map(|channel| channel.name.as_str());
        query.channel.is_empty() || channel == Some(query.channel.as_str())
    };
    let mut by_phase = [0_usize; Phase::ALL.len()];
    let (mut all, mut person) = (0, 0);
    for job in seen.iter().filter(of_channel) {
        let of_job = phase(job);
        all += 1;
        person += usize::from(attention(job).is_some());
        if let Some(place) = Phase::ALL.iter().position(|phase| *phase == of_job) {
            by_phase[place] += 1;
        }
    }
    let view = |label: &'static str, count: usize, phase: &str, needs: &str| View {
        label,
        count,
        href: query.but(|list| (list.phase, list.needs) = (phase.to_owned(), needs.to_owned())).address(),
        is_here: query.phase == phase && query.needs == needs,
    };
    let of_phases = Phase::ALL.into_iter().zip(by_phase);
    let of_phases = of_phases.map(|(phase, count)| view(phase.as_str(), count, phase.as_str(), ""));
    let mut views = vec![view("All", all, "", ""), view("Waits for you", person, "", "person")];
    views.extend(of_phases);
    views
}

/// What can be asked of all that a filter takes: counted first.
fn many(filter: &serde_json::Value) -> Vec<Call> {
    let call = |label: &str, action: &str| {
        let body = json!({"action": action, "filter": filter});
        Call::post(label, "/jobs/actions".to_owned(), Some(&body))
    };
    vec![
        call("Retry all", "retry"),
        call("Suspend all", "suspend").field("reason", "Why (others read it)"),
        call("Resume all", "resume").field("reason", "Suspended for this reason"),
    ]
}
