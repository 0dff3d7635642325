//! GET `/jobs/{namespace}/{name}/scenes`: the storyboard of a job with what was made of each scene, and the bytes of each
//! part.

use axum::Json;
use axum::extract::State as Shared;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_with_macros::skip_serializing_none;
use utoipa::{IntoParams, ToSchema};
use videofactory_client::JobRef;
use videofactory_crds::VideoJob;
use videofactory_pipeline::storyboard::Scene;

use super::artifacts::{bucket, content_type, extension};
use super::clip_takes::Clips;
use super::job::readable;
use super::media::{self, File};
use super::storyboard::{Made, Part, PartState, foreseen, is_own, named};
use crate::access::Caller;
use crate::path::{JobParams, JobPath, Segments};
use crate::problem::Problem;
use crate::query::Parameters;
use crate::schemas;
use crate::state::State;

/// Highest take that can be asked for, as in `spec.sceneOverrides`.
const MAX_TAKES: i32 = 1_000;

/// The scenes of a job.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SceneList {
    /// Title of the film. Empty: the script is not written yet.
    pub title: String,
    /// The scenes, in the order of the film. Empty: the script is not written yet.
    pub items: Vec<SceneDetail>,
}

/// A scene, with what was made of it.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SceneDetail {
    /// Name of the scene, as `spec.sceneOverrides` names it.
    pub id: String,
    /// What is spoken. Empty: it is silent.
    pub narration: String,
    /// What the picture shows. Empty: made from the narration.
    pub image_prompt: String,
    /// How the picture moves. Empty: gently.
    pub motion_prompt: String,
    /// How long the voice lasts.
    pub voice_seconds: Option<f64>,
    /// The picture.
    pub image: ScenePart,
    /// The voice.
    pub voice: ScenePart,
    /// The clip.
    pub clip: ScenePart,
}

/// A part of a scene.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ScenePart {
    /// How far it is.
    pub state: ScenePartState,
    /// Path of this API from which it can be downloaded, if it is made.
    pub url: Option<String>,
    /// Number of its take, counted from 1.
    pub take: i32,
}

/// How far a part of a scene is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ScenePartState {
    /// It is to be made.
    Pending,
    /// It is made.
    Made,
    /// The scene needs none.
    None,
    /// The service refuses its content.
    Refused,
    /// It may or may not have been paid for.
    Unknown,
}

impl From<PartState> for ScenePartState {
    fn from(state: PartState) -> Self {
        match state {
            PartState::ToCome => Self::Pending,
            PartState::Made => Self::Made,
            PartState::None => Self::None,
            PartState::Refused => Self::Refused,
            PartState::Unknown => Self::Unknown,
        }
    }
}

/// The four segments that name a part of a scene.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct PartParams {
    /// Namespace of the job. A path may have the job's UID as one segment instead of namespace and name.
    #[param(inline, value_type = schemas::ObjectName, example = "demo")]
    namespace: String,
    /// Name of the job.
    #[param(inline, value_type = schemas::ObjectName, example = "ocean-facts")]
    name: String,
    /// Name of the scene.
    #[param(inline, value_type = schemas::ObjectName, example = "s1")]
    scene: String,
    /// The part.
    #[param(pattern = "^(image|voice|clip)$", example = "image")]
    part: String,
}

/// Query parameters of GET `/jobs/{namespace}/{name}/scenes/{scene}/{part}`.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TakeQuery {
    /// Number of the take. Left out: the one that is in the film.
    #[param(minimum = 1, maximum = 1000)]
    take: Option<i32>,
}

/// The scenes of a job, with what was made of each.
#[utoipa::path(get, path = "/jobs/{namespace}/{name}/scenes", operation_id = "list_scenes", tag = "jobs", params(JobParams), responses(
    (status = 200, description = "The scenes", body = SceneList),
    (status = 404, description = "There is no such job"),
    (status = 502, description = "The bucket refuses the request"),
))]
pub async fn list(
    Shared(state): Shared<State>,
    caller: Caller,
    Segments(params): Segments<JobParams>,
) -> Result<Json<SceneList>, Problem> {
    let path = params.job()?;
    let found = readable(&state, &caller, &path).await?;
    let job = found.get()?;
    let made = Made::read(&state, job, &path).await?;
    Ok(Json(SceneList { items: details(&path.0, job, &made), title: made.storyboard.title }))
}

/// Each scene with what was made of it. Pure.
pub fn details(id: &JobRef, job: &VideoJob, made: &Made) -> Vec<SceneDetail> {
    let scenes = made.storyboard.scenes.iter().zip(0_u32..);
    scenes.map(|(scene, place)| detail(id, job, made, scene, place)).collect()
}

fn detail(id: &JobRef, job: &VideoJob, made: &Made, scene: &Scene, place: u32) -> SceneDetail {
    let part = |part: Part, take: i32| {
        let state = made.state(job.status.as_ref(), place, part);
        // A clip has an address once its step's document names it.
        let has_file = match part {
            Part::Clip => made.key(&scene.id, part).is_some_and(|key| !key.is_empty()),
            Part::Image | Part::Voice => state == PartState::Made,
        };
        let url = has_file.then(|| format!("/jobs/{id}/scenes/{}/{}", scene.id, part.as_str()));
        ScenePart { state: state.into(), url, take }
    };
    SceneDetail {
        id: scene.id.clone(),
        narration: scene.narration.clone(),
        image_prompt: scene.image_prompt.clone(),
        motion_prompt: scene.motion_prompt.clone(),
        voice_seconds: made.seconds(&scene.id),
        image: part(Part::Image, scene.takes.image),
        voice: part(Part::Voice, scene.takes.voice),
        clip: part(Part::Clip, scene.takes.clip),
    }
}

/// The bytes of a part of a scene, or a range of them.
#[utoipa::path(
    method(get, head),
    operation_id = "get_scene_part",
    path = "/jobs/{namespace}/{name}/scenes/{scene}/{part}",
    tag = "jobs",
    params(PartParams, TakeQuery),
    responses(
        (status = 200, description = "The file", content(
            (schemas::Binary = "image/png"), (schemas::Binary = "image/jpeg"), (schemas::Binary = "audio/wav"), (schemas::Binary = "video/mp4"),
        )),
        (status = 206, description = "The range that Range names", content(
            (schemas::Binary = "image/png"), (schemas::Binary = "image/jpeg"), (schemas::Binary = "audio/wav"), (schemas::Binary = "video/mp4"),
        )),
        (status = 304, description = "The file has not changed since it had the tag that If-None-Match names"),
        (status = 404, description = "There is no such job or scene, or this part of it is not made"),
        (status = 416, description = "The range lies outside the file"),
        (status = 502, description = "The bucket refuses the request"),
    ),
)]
pub async fn bytes(
    Shared(state): Shared<State>,
    caller: Caller,
    Segments(params): Segments<PartParams>,
    Parameters(TakeQuery { take }): Parameters<TakeQuery>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let path = JobPath::read(&params.namespace, &params.name)?;
    if take.is_some_and(|take| !(1..=MAX_TAKES).contains(&take)) {
        return Err(Problem::bad_request(format!("take is 1 to {MAX_TAKES}")));
    }
    let found = readable(&state, &caller, &path).await?;
    let job = found.get()?;
    let nothing = || missing(&path, &params.scene, &params.part);
    let part = Part::ALL.into_iter().find(|part| part.as_str() == params.part).ok_or_else(nothing)?;
    let bucket = bucket(&state, job, &path).await?;
    let named = match take {
        None => named(&state, job, &path, &params.scene, part).await?,
        Some(_) => None,
    };
    let keys = if let Some(key) = named {
        vec![key]
    } else {
        let scenes = Made::read(&state, job, &path).await?.storyboard.scenes;
        let scene = scenes.iter().find(|scene| scene.id == params.scene).ok_or_else(nothing)?;
        match (part, take) {
            (Part::Clip, Some(take)) => {
                let clips = Clips { bucket: &bucket, found: &state.found_clips, job };
                let found = clips.find(scene, take, media::continues(&headers)).await;
                found.map_err(|error| media::of_bucket(&error))?.into_iter().collect()
            }
            _ => foreseen(&path.0, job, scene, part, take),
        }
    };
    for key in keys.into_iter().filter(|key| is_own(&path.0, key)) {
        let name = format!("{}-{}-{}.{}", path.0.name, params.scene, part.as_str(), extension(&key));
        let file = File { bucket: bucket.clone(), content_type: content_type(&key), key, name };
        if let Some(answer) = media::answer(&state.limits, caller.name(), file, &method, &headers).await? {
            return Ok(answer);
        }
    }
    Err(nothing())
}

fn missing(JobPath(id): &JobPath, scene: &str, part: &str) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, format!("{id} has no {part} of the scene {scene:?}"))
        .hint(format!("GET /jobs/{id}/scenes lists what is made"))
}
