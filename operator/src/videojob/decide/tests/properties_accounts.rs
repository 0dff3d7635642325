//! The same for a job that is paid for: whatever happens in whatever order, it holds nothing of its account that nobody
//! takes back, it waits for nothing without a name or a time, and left in peace it ends.

use kube::ResourceExt;
use kube::api::DynamicObject;
use proptest::prelude::*;
use serde_json::{Value, json};
use videofactory_client::backup::Kind;
use videofactory_client::restore::identity::{Renewed, Uids, status};
use videofactory_crds::ProviderAccount;
use videofactory_crds::condition::{ConditionType, Phase, StepState};
use videofactory_crds::provideraccount::Grant;
use videofactory_crds::{StepName, StepStatus, requests};
use videofactory_pipeline::contract::{ExitCode, Spent};

use super::super::super::model::{Account, ExternalAccount, Found, Storage};
use super::super::testing::{Harness, storage_ready};
use super::preview::approve_preview;
use super::properties::{TestEvent, any_event, apply, assert_says_something};
use crate::provideraccount::BEGIN_WITHIN;
use crate::provideraccount::testing::offline::reconcile;

/// A job and its account, each with its own controller.
pub(super) struct Pair {
    pub harness: Harness,
    account: ProviderAccount,
    /// When the account looks again by itself, if it said so.
    account_wakes: bool,
}

impl Pair {
    /// Pictures, speech and clips are paid for, by one account that serves one step at a time.
    fn new() -> Self {
        Self::with(&json!({}))
    }

    /// The same, with more in the spec.
    pub(super) fn with(more: &Value) -> Self {
        let grok = json!({"accountRef": {"name": "grok"}});
        let mut spec =
            json!({"topic": "x", "providers": {"images": grok, "narration": grok, "animation": grok}});
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let harness = Harness::new(spec);
        let account: ProviderAccount = serde_json::from_value(json!({
            "apiVersion": "videofactory.dev/v1alpha1", "kind": "ProviderAccount",
            "metadata": {"name": "grok", "namespace": "films", "uid": "a1", "generation": 1},
            "spec": {"provider": "Gemini", "secretRef": {"name": "k"}, "maxConcurrent": 1,
                     "quotas": [{"name": "all", "limit": 5, "period": "2h"}]},
            "status": {"observedGeneration": -1},
        }))
        .unwrap();
        let mut pair = Self { harness, account, account_wakes: false };
        pair.report();
        pair
    }

    /// The job reads the account live.
    fn report(&mut self) {
        let external = ExternalAccount {
            uid: self.account.uid().unwrap_or_default(),
            spec: self.account.spec.clone(),
            status: self.account.status.clone().unwrap_or_default(),
            credentials: Some("1".to_owned()),
            allowed_host: String::new(),
            obstacle: None,
        };
        self.harness.observed.accounts.insert("grok".to_owned(), Account::External(Box::new(external)));
    }

    /// The account looks once; whether that changes anything.
    fn look(&mut self) -> bool {
        let job = &self.harness.observed.job;
        let decision = reconcile(&self.account, &[job], &[job], self.harness.now);
        self.account_wakes = decision.wake_at.is_some();
        let changed = self.account.status.as_ref() != Some(&decision.status);
        self.account.status = Some(decision.status);
        changed
    }

    /// Both look until nothing changes any more.
    pub(super) fn converge(&mut self) {
        for _ in 0..40 {
            self.report();
            self.harness.converge();
            if !self.look() {
                return;
            }
        }
        panic!("they never settle: {:?}", self.harness.observed.job.status);
    }

    pub(super) fn grants(&self) -> &[Grant] {
        self.account.status.as_ref().map(|status| status.grants.as_slice()).unwrap_or_default()
    }

    /// A pod ends, and says what it has spent: all that it might.
    fn end(&mut self, step: StepName, exit: ExitCode) {
        let Some(attempt) = self.harness.begun.iter().rev().find(|(begun, _)| *begun == step) else { return };
        let input = self.harness.inputs[attempt].clone();
        let at = self.harness.now;
        self.harness.end_reported(step, exit, |outcome| {
            outcome.message.clear();
            outcome.accounted = input.survey && exit != ExitCode::Storage;
            let spent = input.accounts.iter().filter(|(_, external)| external.allowance.submissions > 0);
            outcome.spent = spent
                .map(|(account, external)| Spent {
                    account: account.clone(),
                    at,
                    submissions: external.allowance.submissions,
                    seconds: 0,
                    cost: "0".parse().unwrap(),
                })
                .collect();
        });
    }

    pub(super) fn apply(&mut self, event: &TestEvent, moment: usize) {
        match event {
            TestEvent::Ends(which, exit) => {
                if let Some(step) = self.harness.at_work().get(*which).copied() {
                    self.end(step, *exit);
                }
            }
            TestEvent::Restored(reports) => self.restore(moment, *reports),
            other => apply(&mut self.harness, other, moment),
        }
    }

    /// Both are backed up, deleted and restored under other UIDs. What was spent is still counted, and what may be.
    fn restore(&mut self, moment: usize, reports: bool) {
        let least = self.counted_at_least(reports);
        let backed_up: DynamicObject =
            serde_json::from_value(serde_json::to_value(&self.account).unwrap()).unwrap();
        let (old, new) = (self.harness.observed.job.uid().unwrap(), format!("uid-{moment}"));
        let uids = Uids::from([(old, new.clone())]);
        self.harness.restore(&new, reports, &uids);
        let renewed = Renewed { generation: Some(1), uids: &uids, now: self.harness.now };
        let status = status(Kind::ProviderAccount, &backed_up, renewed).unwrap();
        self.account.status = serde_json::from_value(status).unwrap();
        self.account.metadata.uid = Some(format!("account-{moment}"));
        self.account.metadata.generation = Some(1);
        self.converge();
        let quota = &self.account.status.as_ref().unwrap().quotas[0];
        let counted = quota.used.unwrap() + quota.reserved.unwrap();
        assert!(counted >= least, "{counted} of {least} units are counted: {:?}", self.account.status);
    }

    /// The units that are spent, or that an attempt which has begun may have spent; of one that reports, that is known.
    fn counted_at_least(&self, reports: bool) -> i64 {
        let used = self.account.status.as_ref().unwrap().quotas.first().and_then(|quota| quota.used);
        let steps = self.harness.observed.job.status.iter().flat_map(|status| &status.steps);
        // An attempt without a fencing token has begun with nothing that is paid for.
        let has_fencing_token = |step: &StepStatus| {
            self.harness.fencing_tokens.contains(&(step.name, step.attempt.unwrap_or_default()))
        };
        let owed = steps.filter(|step| !reports && has_fencing_token(step)).flat_map(|step| &step.demands);
        let owed = owed.filter(|demand| demand.settled != Some(true)).filter_map(|demand| demand.granted);
        used.unwrap_or_default() + owed.sum::<i64>()
    }

    /// The account takes back by itself what nobody begins with: only what is, or may be, at work stays open.
    pub(super) fn assert_nothing_is_held_for_ever(&self) {
        let mut alone =
            Self { harness: self.harness.clone(), account: self.account.clone(), account_wakes: false };
        for _ in 0..4 {
            alone.look();
            alone.harness.pass(BEGIN_WITHIN);
        }
        let status = self.harness.observed.job.status.as_ref().unwrap();
        // Meanwhile a window may have opened, and who asks was granted something again.
        let open: Vec<_> = self.grants().iter().map(|grant| &grant.id).collect();
        for grant in alone.grants().iter().filter(|grant| open.contains(&&grant.id)) {
            let step = grant.holder.step.unwrap();
            let entry = status.step(step).unwrap();
            let at_work = self.harness.alive(step) > 0;
            let unknown = entry.state == Some(StepState::Running)
                && matches!(self.harness.observed.storage, Storage::NotReady { .. });
            let retries = entry.retry_at.as_ref().is_some_and(|at| at.0 > self.harness.now);
            assert!(
                at_work || unknown || retries,
                "{:?} holds a grant for {step}, {:?}: {entry:?}",
                self.harness.phase(),
                self.harness.reason()
            );
        }
    }

    /// Somebody looks again, or a person reads what to do, and either has a name.
    pub(super) fn assert_has_a_future(&self) {
        let harness = &self.harness;
        let decision = harness.last.as_ref().unwrap();
        assert!(!harness.reason().is_empty() && !harness.message().is_empty());
        let by_a_person =
            matches!(harness.phase(), Phase::Succeeded | Phase::Failed | Phase::Review | Phase::Suspended)
                || harness.has(ConditionType::Stalled);
        let by_the_bucket = match &harness.observed.storage {
            Storage::NotReady { .. } => true,
            Storage::Ready { .. } => harness.reason() == "StorageFull",
        };
        let asks = decision.status.steps.iter().flat_map(|step| &step.demands);
        let waits = asks.clone().any(|demand| demand.granted.is_none())
            && matches!(harness.reason().as_str(), "AwaitingQuota" | "RateLimited");
        let by_the_account = waits && (self.account_wakes || !self.grants().is_empty());
        let at_work = !harness.at_work().is_empty();
        assert!(
            by_a_person || by_the_bucket || by_the_account || at_work || decision.wake_at.is_some(),
            "stuck as {:?}/{}: {}; {:?}",
            harness.phase(),
            harness.reason(),
            harness.message(),
            self.account.status
        );
    }

    pub(super) fn finish_in_peace(&mut self) {
        self.harness.observed.storage = storage_ready();
        self.harness.observed.channel = Found::NotNamed;
        self.harness.strip(requests::HOLD);
        for round in 0..80 {
            self.converge();
            while let Some(step) = self.harness.at_work().first().copied() {
                self.end(step, ExitCode::Done);
                self.converge();
            }
            match self.harness.phase() {
                Phase::Succeeded => return,
                Phase::Review => approve_preview(&mut self.harness),
                Phase::Waiting if self.harness.reason() == "AwaitingQuota" => self.harness.pass(1_000),
                _ => {
                    self.harness.pass(700);
                    let (minute, second) = (round / 60, round % 60);
                    self.harness
                        .annotate(requests::RETRY, &format!("2027-01-01T00:{minute:02}:{second:02}Z"));
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(80))]

    #[test]
    fn a_job_that_is_paid_for_holds_nothing_for_ever_and_ends(
        events in prop::collection::vec(any_event(), 0..50),
    ) {
        let mut pair = Pair::new();
        pair.converge();
        for (moment, event) in events.iter().enumerate() {
            pair.apply(event, moment);
            pair.converge();
            pair.assert_has_a_future();
            assert_says_something(&pair.harness);
            pair.assert_nothing_is_held_for_ever();
        }
        pair.finish_in_peace();
        prop_assert_eq!(pair.harness.phase(), Phase::Succeeded, "{}", pair.harness.message());
        pair.converge();
        prop_assert!(pair.grants().is_empty(), "{:?}", pair.grants());
    }
}
