//! GET `/dashboard/jobs/{namespace}/{name}`: a job.

mod conditions;
mod costs;
mod events_logs_manifest;
mod film;
mod head;
mod preview;
mod storyboard;
mod waterfall;

use askama::Template;
use axum::extract::State as Shared;
use axum::response::Response;
use kube::runtime::reflector::ObjectRef;
use serde::Deserialize;
use videofactory_client::estimate::{accounts_of, of_rest};
use videofactory_client::job_action::{preview_result, under_review};
use videofactory_client::{Estimate, JobRef, Request};
use videofactory_crds::{StepName, VideoJob};
use videofactory_pipeline::clock;

use self::conditions::ConditionView;
pub use self::costs::cost_of_scene;
pub use self::events_logs_manifest::{events, logs, yaml};
use self::film::FilmView;
use self::head::Head;
use self::preview::{PreviewView, rest_words};
pub use self::storyboard::{PartView, SceneCard, stale_words};
use self::storyboard::{StoryboardView, scenes_of};
use self::waterfall::Waterfall;
use super::buttons::{self, Call};
use super::jobs::place_in_line;
use super::layout::{self, Frame, Place};
use super::{address, live};
use crate::access::{Caller, Permission};
use crate::path::{JobParams, JobPath, Segments};
use crate::problem::Problem;
use crate::query::Parameters;
use crate::reads::attempts;
use crate::reads::checkpoint::{Checkpoint, StepCheckpoint};
use crate::reads::job::readable;
use crate::reads::scene_costs::SceneCosts;
use crate::reads::storyboard::{Made, settings_of};
use crate::state::State;

/// The page.
#[derive(Template)]
#[template(path = "dashboard/job.html")]
struct JobPage {
    frame: Frame,
    tabs: Tabs,
    live: JobView,
}

/// The part of it that changes: all but its frame.
#[derive(Template)]
#[template(path = "dashboard/job_live.html")]
struct JobView {
    head: Head,
    calls: Vec<Call>,
    /// The preview, if it waits for a person.
    preview: Option<PreviewView>,
    film: Option<FilmView>,
    /// A result that waits for a person, and is neither of these.
    review: Option<Review>,
    waterfall: Waterfall,
    board: StoryboardView,
    conditions: Vec<ConditionView>,
}

/// What is to be approved or rejected.
struct Review {
    step: &'static str,
    calls: Vec<Call>,
}

/// The pages of a job.
pub struct Tabs {
    pub id: String,
    pub here: &'static str,
}

/// Query parameters of the page.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct JobQuery {
    /// Page of the storyboard, counted from 1.
    scenes: Option<usize>,
    /// The step whose time the bars show alone.
    zoom: Option<StepName>,
    /// Which part of the page is wanted, for the script.
    fragment: String,
}

/// A job.
pub async fn get(
    Shared(state): Shared<State>,
    caller: Caller,
    Segments(params): Segments<JobParams>,
    Parameters(query): Parameters<JobQuery>,
) -> Result<Response, Problem> {
    let path = params.job()?;
    let found = readable(&state, &caller, &path).await?;
    let job = found.get()?;
    let view = Box::pin(view(&state, &caller, job, &path, &query)).await;
    if query.fragment == live::JOB {
        return layout::html(&view);
    }
    let JobParams { namespace, name } = &params;
    let stream = [("of", live::JOB), ("namespace", namespace.as_str()), ("name", name.as_str())];
    let frame = Frame::new(name, Place::Jobs, caller.name()).following(address::with(live::PATH, &stream));
    layout::html(&JobPage { frame, tabs: Tabs { id: path.0.to_string(), here: "overview" }, live: view })
}

async fn view(state: &State, caller: &Caller, job: &VideoJob, path: &JobPath, query: &JobQuery) -> JobView {
    let JobPath(id) = path;
    let now = clock::now();
    let (read, earlier, said) = futures::join!(
        Box::pin(Made::read(state, job, path)),
        Box::pin(attempts::earlier(state, job, path)),
        state.process.progress(job),
    );
    let preview = if let Some(result) = preview_result(job) {
        let rest = Box::pin(rest_of(state, caller, job)).await;
        let rest = rest.map(|rest| rest_words(&rest, now)).unwrap_or_default();
        Some(PreviewView::of(id, job, read.as_ref().ok(), settings_of(job).as_ref(), &result, rest))
    } else {
        None
    };
    let board = match read {
        Ok(made) => {
            let page = query.scenes.unwrap_or(1);
            let costs = Box::pin(SceneCosts::read(state, job, path, &made, &scenes_of(&made, page))).await;
            StoryboardView::of(id, job, &made, &costs, page)
        }
        Err(problem) => StoryboardView::trouble(problem.detail),
    };
    // Without the bucket, which is complained of above, the last attempts are shown all the same.
    let mut waterfall = Waterfall::of(job, &earlier.unwrap_or_default(), query.zoom, now);
    add_live(&mut waterfall, &Checkpoint::of(job.status.as_ref(), &said).steps);
    let review = under_review(job).filter(|_| preview.is_none()).map(|result| review(id, &result));
    let is_of_film = review.as_ref().is_some_and(|(step, _)| *step == StepName::AssembleVideo);
    let (of_film, of_other): (Vec<Call>, Option<Review>) = match review {
        Some((_, calls)) if is_of_film => (calls, None),
        Some((step, calls)) => (Vec::new(), Some(Review { step: super::formatting::step(step), calls })),
        None => (Vec::new(), None),
    };
    JobView {
        head: Head::of(job, place_in_line(state, job), now),
        calls: buttons::of_job(job, |action| Request::of_named(action, now)),
        preview,
        film: FilmView::of(id, job, &board.title, of_film),
        review: of_other,
        waterfall,
        board,
        conditions: conditions::of(job),
    }
}

/// What is left to be paid for of a job, by the accounts that it names; none where its settings do not fit together. How much
/// of their quotas is left, those see who may list accounts.
async fn rest_of(state: &State, caller: &Caller, job: &VideoJob) -> Option<Estimate> {
    let settings = settings_of(job)?;
    let namespace = JobRef::of(job).namespace;
    let accounts = accounts_of(&settings).filter_map(|name| {
        let found = state.stores.accounts.get(&ObjectRef::new(name).within(&namespace))?;
        let known = found.0.as_ref().cloned();
        let unreadable = |_| format!("this version of the operator cannot read ProviderAccount {name:?}");
        Some((name.to_owned(), known.map_err(unreadable)))
    });
    let rest = of_rest(job, &settings, &accounts.collect());
    let listing = Permission::to("list", "provideraccounts", Some(&namespace));
    let may_list = state.authorizer.check(&caller.user, listing).await.is_ok();
    Some(if may_list { rest } else { Estimate { needs: Vec::new(), ..rest } })
}

/// The step whose result is under review, and what can be decided.
fn review(id: &JobRef, result: &str) -> (StepName, Vec<Call>) {
    let step = result.split_once('@').and_then(|(step, _)| step.parse().ok());
    (step.unwrap_or(StepName::AssembleVideo), buttons::of_review(id, result).into())
}

/// Lays what workers said last over the bars.
fn add_live(waterfall: &mut Waterfall, steps: &[StepCheckpoint]) {
    for bars in &mut waterfall.bars {
        let Some(step) = steps.iter().find(|step| step.step.as_str() == bars.step) else { continue };
        // A script is written as a whole and completes no scene alone.
        if step.step != StepName::WriteScript
            && let Some(count) = step.scenes
        {
            bars.scenes = format!("{}/{}", count.completed, count.total);
        }
        if let Some(live) = &step.live {
            bars.live.clone_from(&live.message);
            bars.percent = Some(percent(live.fraction));
        }
    }
}

/// A part of one in per cent.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is clamped to 0 to 100")]
fn percent(fraction: f64) -> u8 {
    (fraction.clamp(0.0, 1.0) * 100.0).round() as u8
}
