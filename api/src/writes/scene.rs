//! PUT `/jobs/{namespace}/{name}/scenes/{scene}` and POST `/jobs/{namespace}/{name}/regenerate`: single scenes otherwise, or
//! again.

use axum::Json;
use axum::extract::State as Shared;
use axum::http::StatusCode;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde::{Deserialize, Serialize};
use serde_with_macros::skip_serializing_none;
use utoipa::{IntoParams, ToSchema};
use videofactory_client::scene_edit::{ScenePart, SceneWish, patch, regenerate, remade};
use videofactory_client::{JobRef, Outcome, within};
use videofactory_crds::{AssetKey, StepName, VideoJob};
use videofactory_pipeline::clock;

use super::DryRun;
use super::effects::{RemadeStep, effects};
use super::job::find;
use crate::access::{MANAGER, UserClient};
use crate::body::{Body, some_object};
use crate::path::{JobParams, JobPath, Segments};
use crate::problem::Problem;
use crate::query::{Parameters, check_length, check_name};
use crate::schemas;
use crate::unwatched::Unwatched;

/// Most scenes of a request to make a part again.
const MAX_SCENES: usize = 200;
/// Longest texts of a scene, in characters, longest key of a file and highest take, as in the definition of `VideoJob`.
const MAX_TEXT: usize = 1000;
const MAX_MOTION: usize = 400;
const MAX_KEY: usize = 256;
const MAX_TAKES: i32 = 1000;

/// How a scene is to be.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct SceneBody {
    /// How it is to differ from the storyboard: all of it, not a change of what there is. Empty: not at all.
    #[serde(deserialize_with = "some_object")]
    #[schema(required = true, value_type = schemas::SceneEdit)]
    scene: Option<SceneWish>,
    /// How it differed when you looked at it. If it is otherwise by then, nothing is changed. Left out: whatever it is.
    #[serde(deserialize_with = "some_object")]
    #[schema(value_type = Option<schemas::SceneEdit>)]
    seen: Option<SceneWish>,
}

/// What becomes of a scene.
#[skip_serializing_none]
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SceneAnswer {
    /// The job, as `<namespace>/<name>`.
    #[schema(value_type = schemas::JobId)]
    id: JobRef,
    /// The scene.
    scene: String,
    /// What became of the request.
    #[schema(value_type = schemas::RequestOutcome)]
    outcome: Outcome,
    /// The steps that work again for this scene, or would.
    remade: Vec<RemadeStep>,
    /// What is to be known of it.
    detail: Option<String>,
}

/// The three segments of a path that name a scene.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct SceneParams {
    /// Namespace of the job. A path may have the job's UID as one segment instead of namespace and name.
    #[param(inline, value_type = schemas::ObjectName, example = "demo")]
    namespace: String,
    /// Name of the job.
    #[param(inline, value_type = schemas::ObjectName, example = "ocean-facts")]
    name: String,
    /// Name of the scene.
    #[param(inline, value_type = schemas::ObjectName, example = "s1")]
    scene: String,
}

/// Sets how a scene differs from the storyboard. What this makes stale is made again, until the film is published.
#[utoipa::path(
    put,
    path = "/jobs/{namespace}/{name}/scenes/{scene}",
    operation_id = "edit_scene",
    tag = "jobs",
    params(SceneParams, DryRun),
    request_body = SceneBody,
    responses(
        (status = 200, description = "The scene is so already; or, with dry_run, what would be made again", body = SceneAnswer),
        (status = 202, description = "The scene was changed", body = SceneAnswer),
        (status = 404, description = "There is no such job"),
        (status = 409, description = "Somebody else has changed the scene since you looked at it; nothing was changed"),
    ),
)]
pub async fn edit(
    user_client: UserClient,
    Shared(unwatched): Shared<Unwatched>,
    Segments(params): Segments<SceneParams>,
    Parameters(DryRun { dry_run }): Parameters<DryRun>,
    Body(SceneBody { scene: wish, seen }): Body<SceneBody>,
) -> Result<(StatusCode, Json<SceneAnswer>), Problem> {
    let path = JobPath::read(&params.namespace, &params.name)?;
    check_name("scene", Some(&params.scene))?;
    let unreadable = || {
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "scene: say how it is to differ from the storyboard")
    };
    let wish = wish.ok_or_else(unreadable)?;
    for wish in [Some(&wish), seen.as_ref()].into_iter().flatten() {
        check(wish)?;
    }
    let job = find(&user_client, &path).await?;
    unwatched.check(Some(&params.namespace))?;
    let present = SceneWish::of(&job, &params.scene);
    if seen.is_some_and(|seen| seen.tidied() != present.clone().tidied()) {
        let detail = format!(
            "somebody else has changed the scene {} of {} since you looked at it",
            params.scene, path.0
        );
        return Err(Problem::new(StatusCode::CONFLICT, detail)
            .hint("load it again, and look at what they have changed"));
    }
    let steps = remade(&present, &wish);
    let remade = effects(&user_client.0, &job, &steps).await?;
    let is_published = job.status.as_ref().is_some_and(|status| status.published_generation.is_some());
    let detail =
        is_published.then(|| "the film is published: the edit takes effect with a restart".to_owned());
    let answer = |outcome| SceneAnswer {
        id: path.0.clone(),
        scene: params.scene.clone(),
        outcome,
        remade: remade.clone(),
        detail: detail.clone(),
    };
    if dry_run {
        return Ok((StatusCode::OK, Json(answer(Outcome::WouldRequest))));
    }
    if steps.is_empty() {
        return Ok((StatusCode::OK, Json(answer(Outcome::Unchanged))));
    }
    send(&user_client, &path, &patch(&job, &params.scene, wish)).await?;
    Ok((StatusCode::ACCEPTED, Json(answer(Outcome::Requested))))
}

/// Fails if a wish is more than a scene can hold: a dry run does not ask the API server.
fn check(wish: &SceneWish) -> Result<(), Problem> {
    check_length("narration", wish.narration.as_deref(), MAX_TEXT)?;
    check_length("imagePrompt", wish.image_prompt.as_deref(), MAX_TEXT)?;
    check_length("motionPrompt", wish.motion_prompt.as_deref(), MAX_MOTION)?;
    for key in wish.assets.iter().flat_map(|assets| [&assets.image, &assets.clip, &assets.voice]) {
        check_length("a key", key.as_ref().and_then(AssetKey::get), MAX_KEY)?;
    }
    if wish.take.is_some_and(|take| !(1..=MAX_TAKES).contains(&take)) {
        return Err(Problem::bad_request(format!("take is 1 to {MAX_TAKES}")));
    }
    Ok(())
}

/// Which parts of which scenes are to be made again.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RegenerateBody {
    /// The scenes, by name.
    #[schema(required = true, min_items = 1, max_items = 200, value_type = Vec<schemas::ObjectName>)]
    scenes: Vec<String>,
    /// The part: `image` (and with it the clip), `clip` or `voice`.
    #[schema(required = true, value_type = schemas::ScenePartName)]
    what: Option<ScenePart>,
}

/// What becomes of scenes that are to be made again.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RegenerateAnswer {
    /// The job, as `<namespace>/<name>`.
    #[schema(value_type = schemas::JobId)]
    id: JobRef,
    /// What became of the request.
    #[schema(value_type = schemas::RequestOutcome)]
    outcome: Outcome,
    /// The steps that work again for each of these scenes, or would.
    remade: Vec<RemadeStep>,
}

/// Requests another take of a part of scenes. Earlier takes are kept.
#[utoipa::path(
    post,
    path = "/jobs/{namespace}/{name}/regenerate",
    operation_id = "regenerate_scenes",
    tag = "jobs",
    params(JobParams, DryRun),
    request_body = RegenerateBody,
    responses(
        (status = 200, description = "With dry_run: what would be made again", body = RegenerateAnswer),
        (status = 202, description = "It was requested", body = RegenerateAnswer),
        (status = 404, description = "There is no such job"),
    ),
)]
pub async fn again(
    user_client: UserClient,
    Shared(unwatched): Shared<Unwatched>,
    Segments(params): Segments<JobParams>,
    Parameters(DryRun { dry_run }): Parameters<DryRun>,
    Body(RegenerateBody { scenes, what }): Body<RegenerateBody>,
) -> Result<(StatusCode, Json<RegenerateAnswer>), Problem> {
    let path = params.job()?;
    let unreadable = |detail: &str| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail);
    let what = what.ok_or_else(|| unreadable("what: name the part, image, clip or voice"))?;
    if scenes.is_empty() || scenes.len() > MAX_SCENES {
        return Err(unreadable("scenes: name 1 to 200 scenes"));
    }
    for scene in &scenes {
        check_name("scenes", Some(scene))?;
    }
    let job = find(&user_client, &path).await?;
    unwatched.check(Some(&params.namespace))?;
    let remade = effects(&user_client.0, &job, &steps_of(what).into_iter().collect()).await?;
    let answer = |outcome| RegenerateAnswer { id: path.0.clone(), outcome, remade: remade.clone() };
    if dry_run {
        return Ok((StatusCode::OK, Json(answer(Outcome::WouldRequest))));
    }
    send(&user_client, &path, &regenerate(clock::now(), &scenes, what)).await?;
    Ok((StatusCode::ACCEPTED, Json(answer(Outcome::Requested))))
}

/// The steps that make a part, and what is made of it.
fn steps_of(what: ScenePart) -> Vec<StepName> {
    use StepName::{AnimateScenes, AssembleVideo, GenerateImages, NarrateScenes};
    match what {
        ScenePart::Image => vec![GenerateImages, AnimateScenes, AssembleVideo],
        ScenePart::Clip => vec![AnimateScenes, AssembleVideo],
        ScenePart::Voice => vec![NarrateScenes, AssembleVideo],
    }
}

async fn send(
    user_client: &UserClient,
    JobPath(id): &JobPath,
    patch: &serde_json::Value,
) -> Result<(), Problem> {
    let api: Api<VideoJob> = Api::namespaced(user_client.0.clone(), &id.namespace);
    let params = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
    within(format!("patch VideoJob {id}"), api.patch(&id.name, &params, &Patch::Merge(patch))).await?;
    Ok(())
}
