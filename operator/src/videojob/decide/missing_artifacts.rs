//! Whether a step can do without what was made and is gone: deleted by a rule of the policy, which then says so in
//! `status.artifacts.pruned`, or vanished by other means. What costs nothing is made again. What costs is paid for again
//! only when a person says so: a retry makes what is missing, a restart everything.

use std::collections::BTreeSet;

use videofactory_client::price::Price;
use videofactory_crds::StepName;
use videofactory_crds::condition::VideoJobReason;
use videofactory_crds::storagepolicy::ObjectKind;
use videofactory_pipeline::keys::pruned_kinds;
use videofactory_pipeline::{Settings, graph};

use super::super::verdict::Verdict;
use super::demands::write_off;
use super::draft::Draft;
use super::messages::gone_message;
use super::prices::price_of_all;
use super::pruned::{film_is_back, is_missing};
use super::step::Transitions;

/// What of that which is gone a step cannot do without.
pub(super) enum Needed {
    /// Nothing.
    Nothing,
    /// The film: it is made again.
    Film,
    /// Something that costs; the verdict says what.
    ApprovalRequired(Box<Verdict>),
}

/// What a step that is to begin needs of what was pruned. If that costs, the step waits.
pub(super) fn needed(draft: &mut Draft<'_>, settings: &Settings, name: StepName) -> Needed {
    let pruned = pruned_kinds(&draft.status);
    let remade = to_be_remade(&pruned, name);
    if remade.iter().all(|step| *step == StepName::AssembleVideo) {
        if remade.is_empty() {
            return Needed::Nothing;
        }
        if let Some(artifacts) = &mut draft.status.artifacts {
            film_is_back(&mut artifacts.pruned);
        }
        if name == StepName::AssembleVideo {
            return Needed::Nothing;
        }
        draft.step_mut(StepName::AssembleVideo).drop_result();
        return Needed::Film;
    }
    let price = price(draft, settings, &remade, &pruned);
    let kinds: Vec<String> = draft.status.artifacts.iter().flat_map(|kept| kept.pruned.clone()).collect();
    let what = format!("files that this needs were pruned ({})", kinds.join(", "));
    let message = gone_message(&draft.observed.job, &what, price, "an edit that is taken back needs neither");
    let now = draft.now;
    let step = draft.step_mut(name);
    write_off(step, now);
    step.wait(VideoJobReason::ArtifactsPruned, what);
    Needed::ApprovalRequired(Box::new(Verdict::Stalled {
        reason: VideoJobReason::ArtifactsPruned,
        message: format!("{name}: {message}").into(),
        step: Some(name),
    }))
}

/// How a step stands whose paid artifacts have vanished; no edit changes that, only a retry or a restart.
pub(super) fn gone(draft: &mut Draft<'_>, settings: &Settings, name: StepName) -> Option<Verdict> {
    if draft.step(name)?.gone != Some(true) {
        return None;
    }
    let price = price_of_all(draft, settings, name);
    let reported = draft.step(name).and_then(|step| step.message.clone());
    let reported = reported.unwrap_or_else(|| "what it had made is gone from the bucket".to_owned());
    let otherwise =
        "what is put back into the bucket before that is not made again; an edit does not end this wait";
    let message = gone_message(&draft.observed.job, &reported, price, otherwise);
    draft.step_mut(name).lose(&reported);
    Some(Verdict::Stalled {
        reason: VideoJobReason::ArtifactsPruned,
        message: format!("{name}: {message}").into(),
        step: Some(name),
    })
}

/// The steps that would have to be made again before this one ends: itself and what it is made from.
fn to_be_remade(pruned: &BTreeSet<ObjectKind>, name: StepName) -> BTreeSet<StepName> {
    let mut remade = BTreeSet::new();
    let mut open = vec![name];
    while let Some(step) = open.pop() {
        if step != name || is_missing(pruned, step) {
            remade.insert(step);
        }
        open.extend(graph::step(step).needs.iter().filter(|need| is_missing(pruned, **need)));
    }
    remade
}

/// What the steps would cost that have to be made again.
fn price(
    draft: &Draft<'_>,
    settings: &Settings,
    remade: &BTreeSet<StepName>,
    pruned: &BTreeSet<ObjectKind>,
) -> Price {
    let of = |name| price_of_all(draft, settings, name);
    let all = |steps: Vec<StepName>| steps.into_iter().map(of).fold(Price::Nothing, Price::plus);
    let script = all(remade.iter().copied().filter(|step| *step == StepName::WriteScript).collect());
    if script != Price::Nothing {
        // Another script is another film.
        return script.plus(all(graph::downstream(StepName::WriteScript)));
    }
    // The same script finds its scenes, unless they are gone too.
    if pruned.contains(&ObjectKind::Clips) { all(remade.iter().copied().collect()) } else { Price::Nothing }
}
