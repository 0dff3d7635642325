//! What a preview depends on, and what an approval of it counts for.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use videofactory_crds::StepName;

use super::{FilmInputs, VERSION, step_digest, step_settings};
use crate::contract::Upstream;
use crate::digest::Digest;

/// What the result of a step depends on that makes the previewed scene alone: it is another result than that of all scenes,
/// under a digest of its own. `scene`: its id; empty: the film's first. `upstream` holds at least the results that the step
/// needs, those of earlier previews among them.
#[must_use]
pub fn preview_digest(
    step: StepName,
    film: &FilmInputs<'_>,
    upstream: &BTreeMap<StepName, Upstream>,
    scene: &str,
) -> Digest {
    Digest::of(&json!({
        "version": VERSION, "preview": [scene], "of": step_digest(step, film, upstream),
    }))
}

/// What an approval of a preview is of: how these steps make scenes, whichever is previewed and whatever is said and shown in
/// them.
#[must_use]
pub fn approval_digest(steps: &BTreeSet<StepName>, film: &FilmInputs<'_>) -> Digest {
    let settings: BTreeMap<String, Value> =
        steps.iter().map(|step| (step.to_string(), step_settings(*step, film))).collect();
    Digest::of(&json!({
        "version": VERSION, "run": film.run, "preview": true, "settings": settings,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Settings;
    use crate::contract::{Brand, GivenScenes};

    const PARTS: [StepName; 2] = [StepName::GenerateImages, StepName::NarrateScenes];

    fn digests(settings: &Value, given: &GivenScenes, run: i64, scene: &str) -> [Digest; 2] {
        let settings =
            Settings::resolve(&serde_json::from_value(settings.clone()).unwrap(), None, false).unwrap();
        let (takes, brand) = (BTreeMap::new(), Brand::default());
        let film =
            FilmInputs { run, topic: "The deep", given, takes: &takes, settings: &settings, brand: &brand };
        let script = Digest::of(&serde_json::to_value(given).unwrap());
        let upstream =
            BTreeMap::from([(StepName::WriteScript, Upstream { input: script.clone(), output: script })]);
        let whole = step_digest(StepName::GenerateImages, &film, &upstream);
        let preview = preview_digest(StepName::GenerateImages, &film, &upstream, scene);
        assert_ne!(preview, whole, "a part must never be taken for the whole");
        [preview, approval_digest(&PARTS.into(), &film)]
    }

    #[test]
    fn what_was_approved_is_how_scenes_are_made_and_not_what_they_say() {
        let plain = json!({});
        let none = GivenScenes::default();
        let [preview, approval] = digests(&plain, &none, 1, "s1");
        let edited: GivenScenes =
            serde_json::from_value(json!({"overrides": [{"id": "s2", "narration": "Mine."}]})).unwrap();
        let [after_edit, same] = digests(&plain, &edited, 1, "s1");
        assert!(
            after_edit != preview && same == approval,
            "another text is looked at again, until it is approved"
        );
        for (settings, run) in [
            (json!({"style": {"suffix": "noir"}}), 1),
            (json!({"providers": {"narration": {"voice": "Kore"}}}), 1),
            (json!({"format": {"aspectRatio": "16:9"}}), 1),
            (plain.clone(), 2),
        ] {
            assert_ne!(digests(&settings, &none, run, "s1")[1], approval, "{settings} {run}");
        }
        let [of_another, same] = digests(&plain, &none, 1, "s2");
        assert!(of_another != preview && same == approval, "another scene is made in the same way");
        let clips = json!({"providers": {"animation": {"accountRef": {"name": "grok"}, "model": "m"}}});
        assert_eq!(digests(&clips, &none, 1, "s1")[1], approval, "no clip was shown");
    }
}
