//! The storyboard as people look at it: each scene with its picture, voice and clip. Pure.

use std::collections::BTreeSet;
use std::ops::Range;

use videofactory_client::JobRef;
use videofactory_crds::VideoJob;

use super::costs::{cost_of_scene, cost_of_scenes};
use crate::dashboard::formatting::Tone;
use crate::reads::scene_costs::SceneCosts;
use crate::reads::scenes::{SceneDetail, ScenePart, ScenePartState, details};
use crate::reads::storyboard::{Made, Part};

/// The scenes of a page of the storyboard.
pub const SCENES_PER_PAGE: usize = 24;

/// A page of the storyboard.
#[derive(Clone, Debug, Default)]
pub struct StoryboardView {
    pub title: String,
    pub scenes: Vec<SceneCard>,
    pub total: usize,
    /// What was paid for scenes in all; empty: nothing.
    pub cost: String,
    /// Which scenes these are.
    pub range: String,
    pub before: String,
    pub after: String,
    /// Why there is none; empty: there is one, or it is not written yet.
    pub trouble: String,
}

/// A scene.
#[derive(Clone, Debug)]
pub struct SceneCard {
    pub id: String,
    pub href: String,
    /// Counted from 1.
    pub number: usize,
    pub narration: String,
    pub image_prompt: String,
    pub motion_prompt: String,
    pub seconds: String,
    pub image: PartView,
    pub voice: PartView,
    pub clip: PartView,
    /// The scene differs from the script by the person's own word.
    pub is_edited: bool,
    /// What of it is no longer what is asked for; empty: nothing.
    pub stale: String,
    /// What was paid for it; empty: nothing, or nothing is known yet.
    pub cost: String,
}

/// A part of a scene.
#[derive(Clone, Debug)]
pub struct PartView {
    /// Where it is; empty: it cannot be shown.
    pub url: String,
    pub state: &'static str,
    pub tone: Tone,
    pub take: i32,
}

/// The places, counted from 0, that a page shows of so many scenes.
fn places(total: usize, page: usize) -> Range<usize> {
    let begin = page.saturating_sub(1).saturating_mul(SCENES_PER_PAGE).min(total);
    begin..begin.saturating_add(SCENES_PER_PAGE).min(total)
}

/// The ids of the scenes that a page shows.
pub fn scenes_of(made: &Made, page: usize) -> Vec<&str> {
    let scenes = &made.storyboard.scenes;
    scenes[places(scenes.len(), page)].iter().map(|scene| scene.id.as_str()).collect()
}

impl StoryboardView {
    /// A page of the storyboard, counted from 1.
    pub fn of(id: &JobRef, job: &VideoJob, made: &Made, costs: &SceneCosts, page: usize) -> Self {
        let edited: BTreeSet<&str> =
            job.spec.scene_overrides.iter().flatten().map(|over| over.id.as_str()).collect();
        let all = details(id, job, made);
        let total = all.len();
        let Range { start: begin, end } = places(total, page);
        let shown = all.into_iter().enumerate().take(end).skip(begin);
        let stale = made.stale(job);
        let card = |(place, scene): (usize, SceneDetail)| {
            let parts = stale.get(scene.id.as_str()).map(Vec::as_slice).unwrap_or_default();
            let cost = cost_of_scene(costs, &scene.id);
            SceneCard { stale: stale_words(parts), cost, ..SceneCard::of(id, place, scene, &edited) }
        };
        let scenes: Vec<SceneCard> = shown.map(card).collect();
        let at = |page: usize| format!("/dashboard/jobs/{id}?scenes={page}#storyboard");
        Self {
            title: made.storyboard.title.clone(),
            range: if total > SCENES_PER_PAGE {
                format!("scenes {}–{end} of {total}", begin + 1)
            } else {
                String::new()
            },
            before: if begin > 0 { at(page - 1) } else { String::new() },
            after: if end < total { at(page + 1) } else { String::new() },
            scenes,
            total,
            cost: cost_of_scenes(job),
            trouble: String::new(),
        }
    }

    /// None, and why.
    pub fn trouble(why: String) -> Self {
        Self { trouble: why, ..Self::default() }
    }
}

impl SceneCard {
    /// The scene at this place, counted from 0.
    pub fn of(id: &JobRef, place: usize, scene: SceneDetail, edited: &BTreeSet<&str>) -> Self {
        let SceneDetail {
            id: scene_id,
            narration,
            image_prompt,
            motion_prompt,
            voice_seconds,
            image,
            voice,
            clip,
        } = scene;
        Self {
            href: format!("/dashboard/jobs/{id}/scenes/{scene_id}"),
            number: place + 1,
            seconds: voice_seconds.map(|seconds| format!("{seconds:.1} s")).unwrap_or_default(),
            is_edited: edited.contains(scene_id.as_str()),
            stale: String::new(),
            cost: String::new(),
            image: PartView::of(image),
            voice: PartView::of(voice),
            clip: PartView::of(clip),
            id: scene_id,
            narration,
            image_prompt,
            motion_prompt,
        }
    }
}

/// What is said of parts that are no longer what is asked for.
pub fn stale_words(parts: &[Part]) -> String {
    let name = |part: &Part| match part {
        Part::Image => "picture",
        Part::Voice => "voice",
        Part::Clip => "clip",
    };
    match parts {
        [] => String::new(),
        [one] => format!("the {} is made again: what it is made from has changed", name(one)),
        several => {
            let names: Vec<&str> = several.iter().map(name).collect();
            format!("the {} are made again: what they are made from has changed", names.join(" and the "))
        }
    }
}

impl PartView {
    fn of(part: ScenePart) -> Self {
        let (state, tone) = match part.state {
            ScenePartState::Pending => ("to come", Tone::Quiet),
            ScenePartState::Made => ("made", Tone::Good),
            ScenePartState::None => ("not needed", Tone::Quiet),
            ScenePartState::Refused => ("refused by the service", Tone::Bad),
            ScenePartState::Unknown => ("perhaps paid for: look at the message", Tone::Warn),
        };
        Self { url: part.url.unwrap_or_default(), state, tone, take: part.take }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use videofactory_pipeline::storyboard::{Scene, Storyboard};

    use super::*;
    use crate::testing;

    #[test]
    fn a_long_storyboard_comes_in_pages_and_says_what_was_edited() {
        let mut job = testing::made();
        job["spec"]["sceneOverrides"] = json!([{"id": "s2", "narration": "Mine."}]);
        let job: VideoJob = serde_json::from_value(job).unwrap();
        let id = JobRef::of(&job);
        let scenes = (1..=50).map(|number| Scene { id: format!("s{number}"), ..Scene::default() });
        let made = Made {
            storyboard: Storyboard { scenes: scenes.collect(), ..Storyboard::default() },
            ..Made::default()
        };
        let costs = SceneCosts::default();
        let first = StoryboardView::of(&id, &job, &made, &costs, 1);
        assert_eq!((first.range.as_str(), first.before.as_str()), ("scenes 1–24 of 50", ""));
        assert_eq!(first.after, "/dashboard/jobs/films/ocean?scenes=2#storyboard");
        let edited: Vec<&str> =
            first.scenes.iter().filter(|card| card.is_edited).map(|card| card.id.as_str()).collect();
        assert_eq!(edited, ["s2"]);
        let last = StoryboardView::of(&id, &job, &made, &costs, 3);
        assert_eq!((last.scenes.len(), last.scenes[0].number, last.after.as_str()), (2, 49, ""));
        assert!(StoryboardView::of(&id, &job, &made, &costs, 9).scenes.is_empty());
    }

    #[test]
    fn what_is_stale_is_named() {
        assert_eq!(stale_words(&[]), "");
        assert_eq!(stale_words(&[Part::Voice]), "the voice is made again: what it is made from has changed");
        assert_eq!(
            stale_words(&[Part::Image, Part::Voice]),
            "the picture and the voice are made again: what they are made from has changed"
        );
    }
}
