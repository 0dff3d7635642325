//! What is left of a finished `VideoJob` that was deleted when its time to live had passed: the word that its film was
//! made, by which one that is applied again, as from git, makes and publishes nothing twice.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use videofactory_crds::videojob::{VideoJobSpec, VideoMode};

use crate::Settings;
use crate::contract::{Brand, GivenScenes};
use crate::digest::{Digest, without_defaults};
use crate::graph::STEPS;
use crate::inputs::{FilmInputs, step_digest};

/// Version of the digest of a spec. It is raised only when every film may be made again.
const VERSION: u32 = 1;
/// Fields of a spec that say nothing of what the film is.
const NOT_OF_THE_FILM: [&str; 8] =
    ["artifacts", "budget", "compute", "preview", "priority", "retry", "suspend", "ttlAfterFinished"];

/// The document under [`crate::keys::tombstone`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tombstone {
    /// Version of this document.
    pub version: u32,
    /// UID of the job that was deleted.
    pub uid: String,
    /// Its `status.id`, a part of the keys of its files.
    pub id: String,
    /// The run that was finished last.
    pub run: i64,
    /// When it was deleted.
    pub at: Timestamp,
    /// Key of its film, which may have been pruned since; empty if there is none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub film: String,
}

impl Tombstone {
    /// What is left of a job that is deleted now.
    #[must_use]
    pub fn new(uid: String, id: String, run: i64, at: Timestamp, film: String) -> Self {
        Self { version: VERSION, uid, id, run, at, film }
    }
}

/// What a spec asks for, as one digest: equal for specs that would make and publish the same. Made of the steps' own
/// digests, in which a field of a later version that holds its default does not count: no upgrade makes a spec another.
/// The Channel is left out but for its name: an edit of it makes no film again.
#[must_use]
pub fn spec_digest(spec: &VideoJobSpec) -> Digest {
    let channel = spec.channel_ref.as_ref().map(|channel| &channel.name);
    let draft = spec.mode == VideoMode::Draft;
    let Ok(settings) = Settings::resolve(&spec.settings, None, draft) else {
        // They make sense with those of its Channel only.
        let json = |spec: &VideoJobSpec| serde_json::to_value(spec).unwrap_or_default();
        let mut asked = without_defaults(&json(spec), &json(&VideoJobSpec::default()));
        if let Some(fields) = asked.as_object_mut() {
            fields.retain(|name, _| !NOT_OF_THE_FILM.contains(&name.as_str()));
        }
        return Digest::of(&json!({"version": VERSION, "spec": asked}));
    };
    let given = GivenScenes {
        scenes: spec.scenes.clone().unwrap_or_default(),
        overrides: spec.scene_overrides.clone().unwrap_or_default(),
    };
    let film = FilmInputs {
        run: 1,
        topic: spec.topic.as_deref().unwrap_or_default(),
        given: &given,
        takes: &BTreeMap::new(),
        settings: &settings,
        brand: &Brand::default(),
    };
    let steps: BTreeMap<String, Digest> = STEPS
        .iter()
        .map(|step| (step.name.to_string(), step_digest(step.name, &film, &BTreeMap::new())))
        .collect();
    Digest::of(&json!({"version": VERSION, "draft": draft, "channel": channel, "steps": steps}))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn spec() -> Value {
        json!({
            "topic": "Why mountains grow", "sceneCount": 1, "ttlAfterFinished": "60s",
            "publish": {"targets": [{"name": "main", "type": "Bucket"}]},
        })
    }

    fn digest_with(field: &str, value: Value) -> Digest {
        let mut spec = spec();
        spec[field] = value;
        spec_digest(&serde_json::from_value(spec).unwrap())
    }

    fn digest() -> Digest {
        spec_digest(&serde_json::from_value(spec()).unwrap())
    }

    #[test]
    fn what_a_spec_asks_for_is_frozen() {
        assert_eq!(digest().as_str(), "4f54aa8e19b7c4bc69acd74f15496886");
    }

    #[test]
    fn how_and_when_a_film_is_made_is_no_other_film() {
        for (field, value) in [
            ("ttlAfterFinished", json!("30d")),
            ("ttlAfterFinished", Value::Null),
            ("suspend", json!(true)),
            ("priority", json!(9)),
            ("retry", json!({"limit": 1})),
            ("compute", json!({"nodeSelector": {"a": "b"}})),
            ("artifacts", json!({"onDelete": "Delete"})),
            ("budget", json!({"limit": "4.00"})),
            ("preview", json!({"scene": "s2", "clip": true})),
        ] {
            assert_eq!(digest_with(field, value.clone()), digest(), "{field}: {value}");
        }
    }

    #[test]
    fn what_a_film_says_shows_or_where_it_goes_makes_another() {
        let mut seen = vec![digest()];
        for (field, value) in [
            ("topic", json!("Why seas are salty")),
            ("sceneCount", json!(2)),
            ("language", json!("de")),
            ("mode", json!("Draft")),
            ("channelRef", json!({"name": "news"})),
            ("format", json!({"aspectRatio": "16:9"})),
            ("scenes", json!([{"id": "s1", "narration": "a"}])),
            ("sceneOverrides", json!([{"id": "s1", "narration": "b"}])),
            ("publish", json!({"targets": []})),
            ("publish", json!({"targets": [{"name": "other", "type": "Bucket"}]})),
        ] {
            let changed = digest_with(field, value.clone());
            assert!(!seen.contains(&changed), "{field}: {value}");
            seen.push(changed);
        }
    }

    #[test]
    fn settings_that_make_sense_with_a_channel_only_have_a_digest_too() {
        let incomplete = |topic: &str, ttl: &str| {
            let audio = json!({"music": {"source": "Asset"}});
            let spec = json!({"topic": topic, "ttlAfterFinished": ttl, "audio": audio});
            spec_digest(&serde_json::from_value(spec).unwrap())
        };
        assert_eq!(incomplete("a", "1d"), incomplete("a", "2d"));
        assert_ne!(incomplete("a", "1d"), incomplete("b", "1d"));
    }

    #[test]
    fn a_tombstone_is_read_as_it_was_written() {
        let at = "2026-11-28T12:00:00Z".parse().unwrap();
        let stone = Tombstone::new("3f9c2a1e-1111".into(), "3f9c2a1e".into(), 2, at, "videos/x.mp4".into());
        let text = serde_json::to_string(&stone).unwrap();
        assert_eq!(serde_json::from_str::<Tombstone>(&text).unwrap(), stone);
        assert!(text.len() < 512, "{text}");
    }
}
