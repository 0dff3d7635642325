//! The input of an attempt: settings, results of earlier steps, what it may submit, and its deadline.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;
use videofactory_crds::StepName;
use videofactory_crds::videojob::Demand;
use videofactory_pipeline::contract::{
    Brand, GivenScenes, JobRef, PREVIEW_VERSION, StepInput, Upstream, VERSION,
};
use videofactory_pipeline::step_settings::settings_of;
use videofactory_pipeline::{Digest, graph, text};

use super::super::model::{StartStep, Storage};
use super::allowed_submissions;
use super::budget::affordable_scripts;
use super::demands::is_owed;
use super::draft::Draft;
use super::launch_plan::{LaunchPlan, opening_delay};
use super::step_inputs::{Film, Results};

/// What is needed to start one attempt.
pub(super) fn start_step(
    draft: &Draft<'_>,
    film: &Film<'_>,
    results: &Results,
    name: StepName,
    input: &Digest,
    attempt: i32,
    plan: LaunchPlan,
) -> StartStep {
    let job = job_ref(draft);
    let (bucket, bucket_secret) = match &draft.observed.storage {
        Storage::Ready { bucket, secret, .. } => (bucket.clone(), secret.clone()),
        Storage::NotReady { .. } => Default::default(),
    };
    let (writes, publishes) = (name == StepName::WriteScript, name == StepName::PublishVideo);
    let brands = publishes || name == StepName::AssembleVideo;
    // Here the texts of the spec enter. Digests are made from them as they were given.
    let given = (writes && film.given != GivenScenes::default()).then(|| cleaned(&film.given));
    let begun_with = begun_with(draft, name, attempt);
    let affordable_scripts = if writes { affordable_scripts(draft, film.settings, attempt) } else { None };
    let deadline_seconds = deadline(draft, name).saturating_add(opening_delay(&plan, draft.now));
    let upstream: BTreeMap<StepName, Upstream> =
        graph::step(name).needs.iter().filter_map(|need| Some((*need, results.get(need)?.clone()))).collect();
    let preview_scene = draft.preview_steps.contains(&name).then(|| draft.preview_scene().to_owned());
    let input = StepInput {
        version: if preview_scene.is_some() { PREVIEW_VERSION } else { VERSION },
        job,
        step: name,
        attempt,
        input: input.clone(),
        survey: plan.survey,
        preview_scene,
        settings: cleaned(&settings_of(name, film.settings)),
        topic: if writes || publishes {
            text::clean(draft.observed.job.spec.topic.as_deref().unwrap_or_default())
        } else {
            String::new()
        },
        takes: if writes { film.takes.clone() } else { BTreeMap::new() },
        upstream,
        accounts_for: plan.accounts_for,
        accounts: plan.accounts,
        again: plan.again,
        allowed_submissions: draft.step(name).map(allowed_submissions::given).unwrap_or_default(),
        again_before: draft.step(name).and_then(|step| Some(step.permitted_before.as_ref()?.0)),
        affordable_scripts,
        still_motion: plan.still_motion,
        accepted_quality: draft
            .status
            .handled
            .as_ref()
            .and_then(|handled| Digest::from_hex(handled.accept_quality.as_deref()?)),
        brand: if brands { cleaned(&film.brand) } else { Brand::default() },
        deadline_seconds,
        bucket,
        progress_url: String::new(),
    };
    StartStep { input, given, bucket_secret, account_secrets: plan.secrets, begun_with }
}

/// The same without characters that are no text.
fn cleaned<T: Clone + Serialize + DeserializeOwned>(value: &T) -> T {
    let clean = serde_json::to_value(value).map(text::clean_value).and_then(serde_json::from_value);
    clean.unwrap_or_else(|_| value.clone())
}

fn job_ref(draft: &Draft<'_>) -> JobRef {
    let metadata = &draft.observed.job.metadata;
    JobRef {
        namespace: metadata.namespace.clone().unwrap_or_default(),
        name: metadata.name.clone().unwrap_or_default(),
        uid: metadata.uid.clone().unwrap_or_default(),
        id: draft.status.id.clone().unwrap_or_default(),
        run: draft.status.run.unwrap_or(1),
    }
}

/// What an attempt is begun with.
fn begun_with(draft: &Draft<'_>, name: StepName, attempt: i32) -> Vec<Demand> {
    let demands = draft.step(name).map(|step| step.demands.as_slice()).unwrap_or_default();
    demands.iter().filter(|demand| demand.attempt == Some(attempt) && is_owed(demand)).cloned().collect()
}

/// Seconds for an attempt: the spec's, or a base and a part for each scene.
fn deadline(draft: &Draft<'_>, name: StepName) -> u32 {
    let asked = draft
        .observed
        .job
        .spec
        .compute
        .as_ref()
        .and_then(|compute| compute.steps.as_ref()?.get(name)?.timeout);
    if let Some(timeout) = asked {
        return u32::try_from(timeout.as_secs()).unwrap_or(u32::MAX);
    }
    let (base, each) = graph::step(name).deadline;
    let scenes = draft.step(StepName::WriteScript).and_then(|step| step.scenes.as_ref()?.total).unwrap_or(0);
    base + each * u32::try_from(scenes).unwrap_or_default()
}
