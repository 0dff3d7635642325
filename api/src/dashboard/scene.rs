//! GET `/dashboard/jobs/{namespace}/{name}/scenes/{scene}`: a scene, its takes side by side, and how to change it.

use std::collections::BTreeSet;

use askama::Template;
use axum::extract::State as Shared;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use serde_json::json;
use videofactory_client::JobRef;
use videofactory_client::scene_edit::{ScenePart, SceneWish};
use videofactory_crds::VideoJob;

use super::buttons::{Call, curl};
use super::job::{PartView, SceneCard, cost_of_scene, stale_words};
use super::layout::{self, Frame, Place};
use crate::access::Caller;
use crate::path::{JobPath, Segments};
use crate::problem::Problem;
use crate::reads::job::readable;
use crate::reads::scene_costs::SceneCosts;
use crate::reads::scenes::{ScenePartState, details};
use crate::reads::storyboard::Made;
use crate::state::State;

/// Most takes that are shown, the newest.
const MAX_TAKES: i32 = 12;

/// The page.
#[derive(Template)]
#[template(path = "dashboard/scene.html")]
struct ScenePage {
    frame: Frame,
    id: String,
    scene: SceneCard,
    takes: Vec<TakeView>,
    edit: EditForm,
    again: Vec<Call>,
    before: String,
    after: String,
}

/// A take of the scene: what was made, or would be shown.
struct TakeView {
    number: i32,
    image: String,
    voice: String,
    clip: String,
    is_here: bool,
    /// To choose it; none: it is the one in the film.
    choose: Option<Call>,
}

/// What can be edited, as it is now.
struct EditForm {
    path: String,
    /// How the scene differs from the storyboard now, as JSON.
    seen: String,
    narration: String,
    image_prompt: String,
    motion_prompt: String,
    image: String,
    clip: String,
    voice: String,
    skip: bool,
    curl: String,
    kubectl: String,
}

/// The three segments that name a scene.
#[derive(Clone, Debug, Deserialize)]
pub struct SceneParams {
    namespace: String,
    name: String,
    scene: String,
}

/// A scene.
pub async fn get(
    Shared(state): Shared<State>,
    caller: Caller,
    Segments(params): Segments<SceneParams>,
) -> Result<Response, Problem> {
    let path = JobPath::read(&params.namespace, &params.name)?;
    let found = readable(&state, &caller, &path).await?;
    let job = found.get()?;
    let made = Made::read(&state, job, &path).await?;
    let JobPath(id) = &path;
    let all = details(id, job, &made);
    let place =
        all.iter().position(|scene| scene.id == params.scene).ok_or_else(|| missing(id, &params.scene))?;
    let neighbour = |place: Option<usize>| {
        let scene = place.and_then(|place| all.get(place));
        scene.map(|scene| format!("/dashboard/jobs/{id}/scenes/{}", scene.id)).unwrap_or_default()
    };
    let (before, after) = (neighbour(place.checked_sub(1)), neighbour(place.checked_add(1)));
    let wish = SceneWish::of(job, &params.scene);
    let edited: BTreeSet<&str> =
        if wish == SceneWish::default() { BTreeSet::new() } else { [params.scene.as_str()].into() };
    let has_clips = all[place].clip.state != ScenePartState::None;
    let reasons = made.stale(job);
    let reasons = reasons.get(params.scene.as_str()).map(Vec::as_slice).unwrap_or_default();
    let costs = Box::pin(SceneCosts::read(&state, job, &path, &made, &[params.scene.as_str()])).await;
    let scene = SceneCard {
        stale: stale_words(reasons),
        cost: cost_of_scene(&costs, &params.scene),
        ..SceneCard::of(id, place, all[place].clone(), &edited)
    };
    layout::html(&ScenePage {
        frame: Frame::new(format!("{} · {}", params.name, params.scene), Place::Jobs, caller.name()),
        takes: takes(id, job, &scene, &wish, has_clips),
        edit: EditForm::of(id, &scene, &wish),
        again: again(id, &scene.id),
        id: id.to_string(),
        scene,
        before,
        after,
    })
}

fn missing(id: &JobRef, scene: &str) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, format!("{id} has no scene {scene:?}"))
        .hint(format!("its storyboard is at /dashboard/jobs/{id}#storyboard"))
}

/// The takes that the scene has, the one in the film marked. `has_clips`: its picture is moved by a service.
fn takes(id: &JobRef, job: &VideoJob, scene: &SceneCard, wish: &SceneWish, has_clips: bool) -> Vec<TakeView> {
    let present = scene.image.take.max(scene.voice.take).max(scene.clip.take);
    let raised = job.status.iter().flat_map(|status| &status.takes).find(|takes| takes.scene == scene.id);
    let raised = raised
        .map_or(1, |takes| [takes.image, takes.voice, takes.clip].into_iter().flatten().fold(1, i32::max));
    let last = present.max(raised);
    // What is in the film may be of several takes, where one part of it was made again, and may not be made yet.
    let url = |part: &PartView, name: &str, take: i32| {
        if take == present {
            return part.url.clone();
        }
        format!("/jobs/{id}/scenes/{}/{name}?take={take}", scene.id)
    };
    let first = (last - MAX_TAKES + 1).max(1);
    let views = (first..=last).map(|take| TakeView {
        number: take,
        image: url(&scene.image, "image", take),
        voice: if scene.narration.is_empty() { String::new() } else { url(&scene.voice, "voice", take) },
        clip: if has_clips { url(&scene.clip, "clip", take) } else { String::new() },
        is_here: take == present,
        choose: (take != present).then(|| choose(id, &scene.id, wish, take)),
    });
    views.collect()
}

fn choose(id: &JobRef, scene: &str, wish: &SceneWish, take: i32) -> Call {
    let chosen = SceneWish { take: Some(take), ..wish.clone() };
    let body = json!({"scene": chosen, "seen": wish});
    let path = format!("/jobs/{id}/scenes/{scene}");
    Call {
        method: "PUT",
        curl: curl("PUT", &path, &body.to_string()),
        ..Call::post("Use this take", path, Some(&body))
    }
}

fn again(id: &JobRef, scene: &str) -> Vec<Call> {
    let label = |part: ScenePart| match part {
        ScenePart::Image => "Another picture",
        ScenePart::Clip => "Another clip",
        ScenePart::Voice => "Another voice",
    };
    let calls = ScenePart::ALL.iter().map(|part| {
        let body = json!({"scenes": [scene], "what": part});
        Call::post(label(*part), format!("/jobs/{id}/regenerate"), Some(&body))
    });
    calls.collect()
}

impl EditForm {
    fn of(id: &JobRef, scene: &SceneCard, wish: &SceneWish) -> Self {
        let assets = wish.assets.clone().unwrap_or_default();
        let key = |asset: Option<videofactory_crds::AssetKey>| {
            asset.as_ref().and_then(|key| key.get()).unwrap_or_default().to_owned()
        };
        // The storyboard has an edit only after write-script has run again; until then the form shows the edit itself.
        let text = |asked: Option<&str>, made: &str| asked.unwrap_or(made).to_owned();
        let path = format!("/jobs/{id}/scenes/{}", scene.id);
        let example = json!({"scene": wish, "seen": wish}).to_string();
        Self {
            seen: serde_json::to_string(wish).unwrap_or_default(),
            narration: text(wish.narration.as_deref(), &scene.narration),
            image_prompt: text(wish.image_prompt.as_deref(), &scene.image_prompt),
            motion_prompt: text(wish.motion_prompt.as_deref(), &scene.motion_prompt),
            image: key(assets.image),
            clip: key(assets.clip),
            voice: key(assets.voice),
            skip: wish.skip.unwrap_or_default(),
            curl: curl("PUT", &path, &example),
            kubectl: format!("kubectl edit videojob {} -n {}", id.name, id.namespace),
            path,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use videofactory_pipeline::storyboard::{Scene, Storyboard};

    #[test]
    fn takes_are_shown_side_by_side_and_another_can_be_chosen() {
        let mut job = testing::made();
        job["status"]["takes"] = json!([{"scene": "s1", "image": 3}]);
        job["spec"]["sceneOverrides"] = json!([{"id": "s1", "narration": "Mine.", "take": 2}]);
        let job: VideoJob = serde_json::from_value(job).unwrap();
        let id = JobRef::of(&job);
        let mut scene = Scene { id: "s1".to_owned(), narration: "Mine.".to_owned(), ..Scene::default() };
        (scene.takes.image, scene.takes.voice) = (2, 2);
        let made = Made {
            storyboard: Storyboard { scenes: vec![scene], ..Storyboard::default() },
            ..Made::default()
        };
        let card = SceneCard::of(&id, 0, details(&id, &job, &made).remove(0), &BTreeSet::new());
        let wish = SceneWish::of(&job, "s1");
        let views = takes(&id, &job, &card, &wish, true);
        let numbers: Vec<(i32, bool)> = views.iter().map(|take| (take.number, take.is_here)).collect();
        assert_eq!(numbers, [(1, false), (2, true), (3, false)]);
        assert_eq!(views[0].image, "/jobs/films/ocean/scenes/s1/image?take=1");
        assert_eq!(views[0].clip, "/jobs/films/ocean/scenes/s1/clip?take=1");
        assert!(takes(&id, &job, &card, &wish, false).iter().all(|take| take.clip.is_empty()));
        assert!(views[1].image.is_empty(), "nothing is asked for that is not made yet");
        let choose = views[2].choose.as_ref().unwrap();
        assert_eq!((choose.method, choose.path.as_str()), ("PUT", "/jobs/films/ocean/scenes/s1"));
        let body: serde_json::Value = serde_json::from_str(&choose.body).unwrap();
        assert_eq!(
            body,
            json!({"scene": {"narration": "Mine.", "take": 3}, "seen": {"narration": "Mine.", "take": 2}})
        );
        assert!(views[1].choose.is_none());
    }

    #[test]
    fn what_was_asked_for_can_be_edited_before_the_script_has_it() {
        let scene = Scene { id: "s1".to_owned(), narration: "Old.".to_owned(), ..Scene::default() };
        let job: VideoJob = serde_json::from_value(testing::made()).unwrap();
        let id = JobRef::of(&job);
        let storyboard = Storyboard { scenes: vec![scene], ..Storyboard::default() };
        let made = Made { storyboard, ..Made::default() };
        let card = SceneCard::of(&id, 0, details(&id, &job, &made).remove(0), &BTreeSet::new());
        let wish = SceneWish { narration: Some("New.".to_owned()), ..SceneWish::default() };
        let form = EditForm::of(&id, &card, &wish);
        assert_eq!((form.narration.as_str(), form.seen.as_str()), ("New.", r#"{"narration":"New."}"#));
        assert_eq!(EditForm::of(&id, &card, &SceneWish::default()).narration, "Old.");
    }
}
