//! The preview: what a person looks at, and what the other scenes will cost them. Pure.

use std::collections::BTreeSet;

use jiff::Timestamp;
use videofactory_client::{Estimate, JobRef, QuotaNeed};
use videofactory_crds::provideraccount::QuotaUnit;
use videofactory_crds::settings::{CaptionMode, CaptionPosition};
use videofactory_crds::videojob::Preview;
use videofactory_crds::{Money, VideoJob};
use videofactory_pipeline::Settings;

use super::film::is_upright;
use super::storyboard::SceneCard;
use crate::dashboard::buttons::{self, Call};
use crate::dashboard::formatting;
use crate::reads::scenes::details;
use crate::reads::storyboard::Made;

/// The scene, and what can be decided about it.
#[derive(Clone, Debug)]
pub struct PreviewView {
    /// None: it cannot be shown now.
    pub scene: Option<SceneCard>,
    pub is_upright: bool,
    pub caption: Caption,
    /// What the other scenes cost, and need of quotas; each a sentence.
    pub rest: Vec<String>,
    pub calls: Vec<Call>,
}

/// What stands in the picture while it is spoken, about as the film has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caption {
    /// Empty: nothing does.
    pub text: String,
    /// Its place in the stylesheet.
    pub place: &'static str,
}

impl PreviewView {
    /// Of a job whose preview waits for a person. `result`: what is shown, as an approval names it; `rest`: what the other
    /// scenes cost, in sentences.
    pub fn of(
        id: &JobRef,
        job: &VideoJob,
        made: Option<&Made>,
        settings: Option<&Settings>,
        result: &str,
        rest: Vec<String>,
    ) -> Self {
        let scene = made.and_then(|made| card(id, job, made));
        let text = scene.as_ref().map(|scene| scene.narration.as_str()).unwrap_or_default();
        Self {
            is_upright: is_upright(job),
            caption: settings.map(|settings| Caption::of(text, settings)).unwrap_or_default(),
            calls: calls(id, result),
            rest,
            scene,
        }
    }
}

impl Caption {
    fn of(text: &str, settings: &Settings) -> Self {
        let captions = &settings.captions;
        if !matches!(captions.mode, CaptionMode::Burned | CaptionMode::Both) {
            return Self::default();
        }
        let text = if captions.style.uppercase { text.to_uppercase() } else { text.to_owned() };
        let place = match captions.style.position {
            CaptionPosition::Top => "top",
            CaptionPosition::Middle => "middle",
            CaptionPosition::Bottom => "bottom",
        };
        Self { text, place }
    }
}

/// The scene that the job asks for, or else the first.
fn card(id: &JobRef, job: &VideoJob, made: &Made) -> Option<SceneCard> {
    let wanted = job.spec.preview.as_ref().map_or("", Preview::scene);
    let all = details(id, job, made);
    let (place, scene) =
        all.into_iter().enumerate().find(|(_, scene)| wanted.is_empty() || scene.id == wanted)?;
    let overrides = job.spec.scene_overrides.iter().flatten();
    let edited: BTreeSet<&str> = overrides.map(|over| over.id.as_str()).collect();
    Some(SceneCard::of(id, place, scene, &edited))
}

fn calls(id: &JobRef, result: &str) -> Vec<Call> {
    let [approve, reject] = buttons::of_review(id, result);
    vec![Call { label: "Approve and make the other scenes".to_owned(), ..approve }, reject]
}

/// What the other scenes cost, and need, in sentences.
pub fn rest_words(rest: &Estimate, now: Timestamp) -> Vec<String> {
    let cost = match (rest.cost == Money::ZERO, rest.unknown.is_empty()) {
        (true, true) => "The rest costs nothing.".to_owned(),
        (true, false) => "What the rest costs is not known:".to_owned(),
        (false, true) => format!("The rest costs about {}.", formatting::money(rest.cost)),
        (false, false) => format!("The rest costs about {}, not counting:", formatting::money(rest.cost)),
    };
    let unknown = rest.unknown.iter().map(|why| format!("{why}."));
    std::iter::once(cost).chain(unknown).chain(rest.needs.iter().map(|need| of_quota(need, now))).collect()
}

fn of_quota(need: &QuotaNeed, now: Timestamp) -> String {
    let unit = match need.unit {
        QuotaUnit::Requests => "units",
        QuotaUnit::Seconds => "seconds",
    };
    let until =
        need.last_unit_at(now).map(|at| format!("; the last is free {}", formatting::from_now(at, now)));
    let (units, left) = (need.units, need.remaining(now));
    let (quota, account) = (&need.quota, &need.account);
    format!(
        "It takes {units} {unit} of the quota {quota} of {account}: {left} are left{}.",
        until.unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::{Value, json};
    use videofactory_client::estimate::of_rest;
    use videofactory_crds::ProviderAccount;
    use videofactory_pipeline::Digest;
    use videofactory_pipeline::documents::{Images, SceneImage};
    use videofactory_pipeline::storyboard::{Scene, Storyboard};

    use super::*;
    use crate::reads::storyboard::settings_of;
    use crate::testing::{self, DIGEST};

    const RESULT: &str = "narrate-scenes@0a";

    fn job(spec: &Value) -> VideoJob {
        let mut job = testing::job(
            "films",
            "ocean",
            &json!({"run": 1, "id": "3f9c2a1e", "steps": [
            {"name": "write-script", "state": "Succeeded", "scenes": {"total": 3}},
            {"name": "animate-scenes", "state": "Pending"}]}),
        );
        testing::merge(&mut job["spec"], spec);
        serde_json::from_value(job).unwrap()
    }

    fn made() -> Made {
        let scene =
            |id: &str| Scene { id: id.to_owned(), narration: format!("It is {id}."), ..Scene::default() };
        let (id, digest) = ("s2".to_owned(), Digest::from_hex(DIGEST).unwrap());
        let image = SceneImage { id, digest, key: "clips/a".to_owned() };
        Made {
            storyboard: Storyboard { scenes: ["s1", "s2", "s3"].map(scene).into(), ..Storyboard::default() },
            images: Images { scenes: vec![image], ..Images::default() },
            ..Made::default()
        }
    }

    fn view(spec: &Value) -> PreviewView {
        let job = job(spec);
        let settings = settings_of(&job);
        PreviewView::of(&JobRef::of(&job), &job, Some(&made()), settings.as_ref(), RESULT, Vec::new())
    }

    #[test]
    fn the_scene_that_is_asked_for_is_shown_with_its_picture_and_its_caption() {
        let shown = view(&json!({"preview": {"scene": "s2"}}));
        let scene = shown.scene.unwrap();
        assert_eq!((scene.number, scene.id.as_str()), (2, "s2"));
        assert_eq!(scene.image.url, "/jobs/films/ocean/scenes/s2/image");
        assert_eq!(shown.caption, Caption { text: "It is s2.".to_owned(), place: "bottom" });
        let style = json!({"uppercase": true, "position": "Top"});
        let loud = view(&json!({"preview": {}, "captions": {"style": style}}));
        assert_eq!(loud.scene.unwrap().id, "s1", "without a name it is the first");
        assert_eq!(loud.caption, Caption { text: "IT IS S1.".to_owned(), place: "top" });
        let plain = view(&json!({"preview": {}, "captions": {"mode": "Sidecar"}}));
        assert_eq!(plain.caption, Caption::default());
        assert!(view(&json!({"preview": {"scene": "s9"}})).scene.is_none());
    }

    #[test]
    fn the_rest_is_made_by_an_approval_of_what_is_shown() {
        let calls = view(&json!({"preview": {}})).calls;
        let labels: Vec<&str> = calls.iter().map(|call| call.label.as_str()).collect();
        assert_eq!(labels, ["Approve and make the other scenes", "Reject"]);
        assert_eq!(calls[0].body, format!(r#"{{"result":"{RESULT}"}}"#));
        assert!(calls[0].curl.contains("/jobs/films/ocean/approve"), "{}", calls[0].curl);
        assert_eq!(calls[0].plugin, "kubectl videofactory approve ocean -n films");
    }

    #[test]
    fn the_rest_says_what_it_costs_and_which_units_it_takes() {
        let now = "2026-12-24T19:00:00Z".parse().unwrap();
        let grok = json!({"animation": {"accountRef": {"name": "grok"}}});
        let job =
            job(&json!({"preview": {}, "providers": grok, "sceneCount": 3, "length": {"target": "15s"}}));
        let mut account = testing::account("films");
        account["spec"]["prices"] = json!({"videoSecond": "0.10"});
        account["status"]["waiters"] = json!([]);
        let account: ProviderAccount = serde_json::from_value(account).unwrap();
        let accounts = BTreeMap::from([("grok".to_owned(), Ok(account))]);
        let said = rest_words(&of_rest(&job, &settings_of(&job).unwrap(), &accounts), now);
        assert_eq!(said.len(), 2, "{said:?}");
        assert!(said[0].starts_with("The rest costs about $"), "{said:?}");
        assert!(
            said[1].starts_with(
                "It takes 3 units of the quota generations of grok: 0 are left; the last is free in "
            ),
            "{said:?}"
        );
        assert_eq!(rest_words(&Estimate::default(), now), ["The rest costs nothing."]);
    }
}
