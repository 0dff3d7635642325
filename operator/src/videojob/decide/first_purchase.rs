//! What keeps a run from its first purchase: the accounts of all its steps. A film that cannot be finished is not worth its
//! first scene. From then on no step waits for the accounts of another one: what is paid for is fetched before its links
//! expire, whatever becomes of them.

use videofactory_client::price::given_scenes;
use videofactory_crds::StepName;
use videofactory_crds::condition::{StepState, VideoJobReason};
use videofactory_pipeline::{Settings, graph};

use super::super::verdict::Verdict;
use super::accounts::external_accounts;
use super::draft::Draft;
use super::obstacles::unfit;
use super::quota_needs::needs;

/// What keeps the first step of a run from buying something: another one that the film needs can never use an account that
/// it names, as that account is now.
pub(super) fn obstacle_to_purchase(
    draft: &Draft<'_>,
    settings: &Settings,
    name: StepName,
) -> Option<Verdict> {
    if has_begun_to_buy(draft) {
        return None;
    }
    let with_it = graph::downstream(name);
    let others = StepName::ALL.into_iter().filter(|other| *other != name);
    let mut to_come = others.filter(|other| with_it.contains(other) || !is_done(draft, *other));
    let (other, why) = to_come.find_map(|other| Some((other, unfit(draft, settings, other)?)))?;
    let buys = !needs(draft, settings, name, &external_accounts(draft, settings, name)).is_empty();
    buys.then(|| Verdict::Stalled {
        reason: VideoJobReason::ConfigurationInvalid,
        message: format!("{name}: nothing is paid for before {other} can use its accounts: {why}").into(),
        step: Some(name),
    })
}

/// Whether a step of this run has been at work with an account from which it buys.
fn has_begun_to_buy(draft: &Draft<'_>) -> bool {
    let is_given = given_scenes(&draft.observed.job.spec).is_some();
    draft.status.steps.iter().any(|step| {
        let buys_nothing = is_given && step.name == StepName::WriteScript;
        // A restart takes the time of the start; only attempts with an outside service have credentials.
        step.started_at.is_some() && step.credentials.is_some() && !buys_nothing
    })
}

fn is_done(draft: &Draft<'_>, name: StepName) -> bool {
    draft.step(name).and_then(|step| step.state).is_some_and(StepState::is_done)
}
