//! What steps ask an account for, and what they say about what they were granted: read from `VideoJob`s. Pure.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use jiff::Timestamp;
use kube::ResourceExt;
use videofactory_crds::provideraccount::{Grant, Holder, Operation};
use videofactory_crds::units::Money;
use videofactory_crds::videojob::{Demand as Asked, SpentUnits, StepStatus};
use videofactory_crds::{Phase, StepName, VideoJob, requests};

use crate::restoring::is_restoring;

/// What one attempt of one step asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Demand {
    /// The attempt.
    pub holder: Holder,
    /// The kind of work; none of a step that uses no account.
    pub operation: Option<Operation>,
    /// The model; empty if it is the provider's usual one.
    pub model: String,
    /// Submissions wanted.
    pub submissions: i64,
    /// Seconds of the provider's time that each is expected to take.
    pub seconds_each: i64,
    /// What each is expected to cost.
    pub price_each: Money,
    /// `spec.priority`.
    pub priority: i32,
    /// The channel, if there is one.
    pub channel: Option<String>,
    /// Scenes that the step has left to do.
    pub left: i64,
    /// Since when it waits.
    pub since: Timestamp,
    /// When the `VideoJob` was created.
    pub created: Timestamp,
}

/// A demand, and how far it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// What was asked for.
    pub demand: Demand,
    /// How far it is.
    pub state: ClaimState,
}

/// How far a demand is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClaimState {
    /// It waits for a grant.
    Asks,
    /// It would wait for a grant, but its job has failed, is held or is being deleted: it is given none.
    Idle,
    /// The attempt was begun.
    Begun {
        /// Id of the grant that it was begun with.
        grant: Option<String>,
        /// Submissions that were granted.
        submissions: i64,
    },
    /// All that the attempt has spent is known.
    Settled(Settlement),
}

/// What an attempt has spent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settlement {
    /// Id of the grant that it was begun with.
    pub grant: Option<String>,
    /// The submissions.
    pub spent: Vec<SpentUnits>,
    /// Until when the service refuses, as far as it said.
    pub blocked_until: Option<Timestamp>,
    /// Refusals of the service in a row, this attempt's included; 0 if it did not refuse.
    pub refusals: u32,
}

/// The state of the holder of a grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HolderState {
    /// It has begun with this grant, and may be spending.
    Holds,
    /// It has not begun, and may at any time.
    Asks,
    /// It has not begun with this grant, and does not as it stands: its job has failed, is held or is being deleted, or it
    /// has begun with another one, that is closed.
    Idle,
    /// It asks for nothing any more, or for a later attempt: the grant was never begun with.
    Withdrawn,
    /// What it has spent is known.
    Settled(Box<Claim>),
    /// It does not exist any more: nobody knows what it has spent.
    Gone,
}

/// Whether both name the same attempt. The run need not be the same: attempts are counted through all runs, and what an
/// attempt of an earlier run has spent is reported after the next one has begun.
#[must_use]
pub fn same_attempt(one: &Holder, other: &Holder) -> bool {
    attempt(one) == attempt(other)
}

/// What distinguishes an attempt from all others.
pub type Attempt<'a> = (&'a str, Option<StepName>, Option<i32>);

/// The attempt, as a key.
#[must_use]
pub fn attempt(holder: &Holder) -> Attempt<'_> {
    (&holder.uid, holder.step, holder.attempt)
}

/// What the steps of this job say of the account with this name.
#[must_use]
pub fn claims(job: &VideoJob, account: &str) -> Vec<Claim> {
    let steps = job.status.iter().flat_map(|status| &status.steps);
    steps
        .flat_map(|step| step.demands.iter().map(move |asked| (step, asked)))
        .filter(|(_, asked)| asked.account == account)
        .map(|(step, asked)| Claim { demand: demand(job, step, asked), state: state(job, step, asked) })
        .collect()
}

/// What the steps of this job say, by account. Who would not begin as it stands asks for nothing.
#[must_use]
pub fn claims_by_account(job: &VideoJob) -> BTreeMap<String, Vec<Claim>> {
    let mut by_account: BTreeMap<String, Vec<Claim>> = BTreeMap::new();
    for step in job.status.iter().flat_map(|status| &status.steps) {
        for asked in &step.demands {
            let state = state(job, step, asked);
            if state != ClaimState::Idle {
                let claims = by_account.entry(asked.account.clone()).or_default();
                claims.push(Claim { demand: demand(job, step, asked), state });
            }
        }
    }
    by_account
}

/// The state of a grant's holder, whose `VideoJob` is this one; `None` if it does not exist.
#[must_use]
pub fn holder_state(grant: &Grant, job: Option<&VideoJob>, account: &str) -> HolderState {
    let holder = &grant.holder;
    let Some(job) = job.filter(|job| job.metadata.uid.as_deref() == Some(holder.uid.as_str())) else {
        return HolderState::Gone;
    };
    let of_step = claims(job, account).into_iter().find(|claim| claim.demand.holder.step == holder.step);
    let Some(claim) = of_step else { return HolderState::Withdrawn };
    let asking = &claim.demand.holder;
    match (asking.attempt.cmp(&holder.attempt), &claim.state) {
        // A later attempt than the job knows of: its status was put back. What became of the grant, nobody knows.
        (Ordering::Less, _) if asking.run <= holder.run => HolderState::Gone,
        (Ordering::Less | Ordering::Greater, _) => HolderState::Withdrawn,
        // It was given again by a cache that still showed it as asking: what was spent under the first is recorded already.
        (Ordering::Equal, ClaimState::Settled(reported))
            if reported.grant.is_some() && reported.grant != grant.id =>
        {
            HolderState::Withdrawn
        }
        (Ordering::Equal, ClaimState::Settled(_)) => HolderState::Settled(Box::new(claim)),
        (Ordering::Equal, ClaimState::Begun { grant: begun, .. }) if *begun == grant.id => HolderState::Holds,
        (Ordering::Equal, ClaimState::Asks) => HolderState::Asks,
        (Ordering::Equal, ClaimState::Idle | ClaimState::Begun { .. }) => HolderState::Idle,
    }
}

fn demand(job: &VideoJob, step: &StepStatus, asked: &Asked) -> Demand {
    let status = job.status.as_ref();
    let created = job.creation_timestamp().map_or(Timestamp::UNIX_EPOCH, |at| at.0);
    let frozen = status.and_then(|status| status.channel.as_ref()).map(|channel| &channel.name);
    let submissions = asked.submissions.unwrap_or_default();
    Demand {
        holder: Holder {
            uid: job.uid().unwrap_or_default(),
            name: Some(job.name_any()),
            run: status.and_then(|status| status.run),
            step: Some(step.name),
            attempt: asked.attempt.or(step.attempt),
        },
        operation: Operation::of(step.name),
        model: asked.model.clone().unwrap_or_default(),
        submissions,
        seconds_each: asked.seconds_each.unwrap_or_default().max(0),
        price_each: asked.price_each.unwrap_or_default(),
        priority: job.spec.priority,
        channel: frozen.or(job.spec.channel_ref.as_ref().map(|channel| &channel.name)).cloned(),
        left: left(step).unwrap_or(submissions),
        since: asked.since.as_ref().map_or(created, |since| since.0),
        created,
    }
}

fn left(step: &StepStatus) -> Option<i64> {
    step.scenes.as_ref()?.left.map(i64::from)
}

fn state(job: &VideoJob, step: &StepStatus, asked: &Asked) -> ClaimState {
    if asked.settled == Some(true) {
        let refused = step.rate_limit.as_ref().filter(|limit| limit.resume_at == asked.blocked_until);
        return ClaimState::Settled(Settlement {
            grant: asked.grant.clone(),
            spent: asked.spent.clone(),
            blocked_until: asked.blocked_until.as_ref().map(|until| until.0),
            refusals: refused
                .and_then(|limit| limit.hits)
                .map_or(0, |hits| u32::try_from(hits).unwrap_or_default()),
        });
    }
    match asked.granted {
        Some(submissions) => ClaimState::Begun { grant: asked.grant.clone(), submissions },
        None if may_begin(job) => ClaimState::Asks,
        None => ClaimState::Idle,
    }
}

/// Whether a job may begin with what it is granted. A hold, a suspension, a restore and a deletion count before the job
/// itself has acted upon them.
fn may_begin(job: &VideoJob) -> bool {
    let ended = job.status.as_ref().and_then(|status| status.phase).is_some_and(Phase::is_terminal);
    let held = job.spec.suspend || job.annotations().contains_key(requests::HOLD);
    let held = held || is_restoring(job);
    !(ended || held || job.metadata.deletion_timestamp.is_some())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::testing::with;
    use super::*;

    fn job(attempt: i32, more: Value) -> VideoJob {
        let demand = json!({
            "account": "grok", "attempt": attempt, "submissions": 5, "since": "2026-01-01T01:00:00Z",
        });
        let demand = with(demand, more);
        serde_json::from_value(json!({
            "apiVersion": "videofactory.dev/v1alpha1", "kind": "VideoJob",
            "metadata": {"name": "ocean", "uid": "u1", "creationTimestamp": "2026-01-01T00:00:00Z"},
            "spec": {"topic": "x", "priority": 3, "channelRef": {"name": "sea"}},
            "status": {"run": 2, "steps": [
                {"name": "animate-scenes", "attempt": attempt, "demands": [demand], "scenes": {"left": 7},
                 "rateLimit": {"hits": 2}},
            ]},
        }))
        .unwrap()
    }

    fn grant(attempt: i32) -> Grant {
        Grant { id: Some("a1-7".into()), holder: holder(attempt), ..Grant::default() }
    }

    fn holder(attempt: i32) -> Holder {
        Holder {
            uid: "u1".into(),
            name: Some("ocean".into()),
            run: Some(2),
            step: Some(StepName::AnimateScenes),
            attempt: Some(attempt),
        }
    }

    #[test]
    fn a_demand_is_read_with_what_decides_its_turn() {
        let claims = claims(&job(3, json!({})), "grok");
        let [claim] = claims.as_slice() else { panic!("{claims:?}") };
        assert_eq!(claim.state, ClaimState::Asks);
        assert_eq!(claim.demand.holder, holder(3));
        assert_eq!(claim.demand.operation, Some(Operation::Animate));
        assert_eq!((claim.demand.priority, claim.demand.left, claim.demand.submissions), (3, 7, 5));
        assert_eq!(claim.demand.channel.as_deref(), Some("sea"));
        assert_eq!(claim.demand.since.to_string(), "2026-01-01T01:00:00Z");
        assert!(super::claims(&job(3, json!({})), "other").is_empty());
    }

    #[test]
    fn a_grant_is_freed_only_if_its_attempt_will_not_begin() {
        let holder_state = |attempt, job: &VideoJob| holder_state(&grant(attempt), Some(job), "grok");
        assert_eq!(holder_state(3, &job(3, json!({}))), HolderState::Asks);
        assert_eq!(holder_state(3, &job(3, json!({"granted": 2, "grant": "a1-7"}))), HolderState::Holds);
        assert_eq!(holder_state(3, &job(4, json!({}))), HolderState::Withdrawn);
        assert_eq!(holder_state(4, &job(3, json!({}))), HolderState::Gone, "the status was put back");
        assert!(matches!(holder_state(3, &job(3, json!({"settled": true}))), HolderState::Settled(_)));
        let mut without = job(3, json!({}));
        without.status.as_mut().unwrap().steps[0].demands.clear();
        assert_eq!(holder_state(3, &without), HolderState::Withdrawn);
    }

    #[test]
    fn a_job_that_failed_is_held_or_goes_does_not_begin_with_what_it_was_granted() {
        let idle = |change: &dyn Fn(&mut VideoJob)| {
            let mut job = job(3, json!({}));
            change(&mut job);
            assert_eq!(claims(&job, "grok")[0].state, ClaimState::Idle);
            assert_eq!(holder_state(&grant(3), Some(&job), "grok"), HolderState::Idle);
        };
        idle(&|job| job.status.as_mut().unwrap().phase = Some(Phase::Failed));
        idle(&|job| job.spec.suspend = true);
        for annotation in [requests::HOLD, requests::RESTORING] {
            idle(&|job| {
                job.annotations_mut().insert(annotation.to_owned(), String::new());
            });
        }
        idle(&|job| {
            job.metadata.deletion_timestamp = serde_json::from_value(json!("2026-01-01T00:00:00Z")).unwrap();
        });
    }

    #[test]
    fn an_attempt_that_has_begun_holds_the_grant_that_it_names_and_no_other() {
        let begun = job(3, json!({"granted": 2, "grant": "a1-6"}));
        assert_eq!(holder_state(&grant(3), Some(&begun), "grok"), HolderState::Idle);
    }

    #[test]
    fn what_was_spent_under_one_grant_is_not_reported_of_another() {
        let settled = |grant: &str| job(3, json!({"granted": 2, "grant": grant, "settled": true}));
        assert!(matches!(holder_state(&grant(3), Some(&settled("a1-7")), "grok"), HolderState::Settled(_)));
        assert_eq!(holder_state(&grant(3), Some(&settled("a1-6")), "grok"), HolderState::Withdrawn);
    }

    #[test]
    fn a_job_made_again_under_the_same_name_is_another() {
        let mut again = job(3, json!({}));
        again.metadata.uid = Some("u2".into());
        assert_eq!(holder_state(&grant(3), Some(&again), "grok"), HolderState::Gone);
        assert_eq!(holder_state(&grant(3), None, "grok"), HolderState::Gone);
    }

    #[test]
    fn what_an_attempt_of_an_earlier_run_has_spent_is_recorded_in_the_next() {
        let mut next_run = job(3, json!({"settled": true}));
        next_run.status.as_mut().unwrap().run = Some(3);
        assert!(matches!(holder_state(&grant(3), Some(&next_run), "grok"), HolderState::Settled(_)));
    }

    #[test]
    fn refusals_count_only_for_the_account_that_refused() {
        let refusals = |more| match &claims(&job(3, more), "grok")[0].state {
            ClaimState::Settled(settlement) => settlement.refusals,
            other => panic!("{other:?}"),
        };
        assert_eq!(refusals(json!({"settled": true})), 2);
        assert_eq!(refusals(json!({"settled": true, "blockedUntil": "2026-01-01T02:00:00Z"})), 0);
    }
}
