//! What a film is made of, as its steps read it, and so which inputs a step would have now.

use std::collections::{BTreeMap, BTreeSet};

use videofactory_crds::{AssetKey, StepName};
use videofactory_pipeline::contract::{Brand, GivenScenes, Upstream};
use videofactory_pipeline::inputs::{self, FilmInputs};
use videofactory_pipeline::storyboard::Takes;
use videofactory_pipeline::{Digest, Settings, graph};

use super::draft::Draft;

/// Results of the steps that are done with today's inputs.
pub(super) type Results = BTreeMap<StepName, Upstream>;

/// What a film is made of.
pub(super) struct Film<'a> {
    /// The settings in force.
    pub settings: &'a Settings,
    /// Scenes and overrides of the spec.
    pub given: GivenScenes,
    /// Takes raised on request.
    pub takes: BTreeMap<String, Takes>,
    /// The channel's own parts.
    pub brand: Brand,
}

impl<'a> Film<'a> {
    pub(super) fn of(draft: &Draft<'_>, settings: &'a Settings) -> Self {
        Self { settings, given: given_scenes(draft), takes: takes(draft), brand: brand(draft) }
    }

    /// The inputs that the step would have now; none while something before it is not done.
    pub(super) fn wanted(&self, draft: &Draft<'_>, name: StepName, results: &Results) -> Option<Digest> {
        is_ready(name, results).then(|| inputs::step_digest(name, &self.inputs(draft), results))
    }

    /// The same of a step that makes the previewed scene alone.
    pub(super) fn wanted_preview(
        &self,
        draft: &Draft<'_>,
        name: StepName,
        results: &Results,
    ) -> Option<Digest> {
        let scene = draft.preview_scene();
        is_ready(name, results).then(|| inputs::preview_digest(name, &self.inputs(draft), results, scene))
    }

    /// What an approval of the preview is of: how these steps make scenes.
    pub(super) fn approval_digest(&self, draft: &Draft<'_>, steps: &BTreeSet<StepName>) -> Digest {
        inputs::approval_digest(steps, &self.inputs(draft))
    }

    fn inputs<'b>(&'b self, draft: &'b Draft<'_>) -> FilmInputs<'b> {
        FilmInputs {
            run: draft.status.run.unwrap_or(1),
            topic: draft.observed.job.spec.topic.as_deref().unwrap_or_default(),
            given: &self.given,
            takes: &self.takes,
            settings: self.settings,
            brand: &self.brand,
        }
    }
}

fn is_ready(name: StepName, results: &Results) -> bool {
    graph::step(name).needs.iter().all(|need| results.contains_key(need))
}

fn given_scenes(draft: &Draft<'_>) -> GivenScenes {
    let spec = &draft.observed.job.spec;
    GivenScenes {
        scenes: spec.scenes.clone().unwrap_or_default(),
        overrides: spec.scene_overrides.clone().unwrap_or_default(),
    }
}

fn takes(draft: &Draft<'_>) -> BTreeMap<String, Takes> {
    let or_first = |take: Option<i32>| take.unwrap_or(1);
    draft
        .status
        .takes
        .iter()
        .map(|takes| {
            let parts = Takes {
                image: or_first(takes.image),
                voice: or_first(takes.voice),
                clip: or_first(takes.clip),
            };
            (takes.scene.clone(), parts)
        })
        .collect()
}

fn brand(draft: &Draft<'_>) -> Brand {
    let Some(channel) = draft.status.channel.as_ref().map(|channel| &channel.spec) else {
        return Brand::default();
    };
    let key =
        |asset: &Option<AssetKey>| asset.as_ref().and_then(AssetKey::get).unwrap_or_default().to_owned();
    Brand {
        tags: channel.default_tags.clone().unwrap_or_default(),
        intro: key(&channel.intro_key),
        outro: key(&channel.outro_key),
        watermark: key(&channel.watermark_key),
        watermark_look: channel.watermark.unwrap_or_default(),
    }
}
