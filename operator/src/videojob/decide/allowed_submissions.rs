//! Submissions that a person has allowed: one more for each digest that they were asked about, and for no other.

use std::collections::BTreeMap;

use videofactory_crds::videojob::{DigestSubmissions, StepStatus};
use videofactory_pipeline::Digest;
use videofactory_pipeline::contract::{StepOutcome, Unresolved};

/// Most digests that are kept: the schema holds no more. For an older one a person is asked once more.
const MAX: usize = 32;

/// Keeps what an attempt asks a person about; it asks about the others after them.
pub(super) fn ask(step: &mut StepStatus, outcome: &StepOutcome) {
    let asked = outcome.unresolved.iter().take(Unresolved::MAX).map(|asked| DigestSubmissions {
        digest: asked.digest.to_string(),
        submissions: Some(asked.submissions.into()),
    });
    step.unresolved = asked.collect();
}

/// A person allows one more submission for each digest that was asked about.
pub(super) fn give(step: &mut StepStatus) {
    for asked in std::mem::take(&mut step.unresolved) {
        let submissions = asked.submissions.unwrap_or_default().saturating_add(1);
        step.permitted.retain(|known| known.digest != asked.digest);
        step.permitted.push(DigestSubmissions { submissions: Some(submissions), ..asked });
    }
    let too_many = step.permitted.len().saturating_sub(MAX);
    step.permitted.drain(..too_many);
}

/// What was allowed in an earlier run is of no use in another.
pub(super) fn forget(step: &mut StepStatus) {
    step.unresolved.clear();
    step.permitted.clear();
    step.permitted_before = None;
}

/// As the worker is given it.
pub(super) fn given(step: &StepStatus) -> BTreeMap<Digest, u32> {
    let known = step.permitted.iter();
    known
        .filter_map(|known| Some((Digest::from_hex(&known.digest)?, u32::try_from(known.submissions?).ok()?)))
        .collect()
}
