//! Workers and operators that die at each point between a demand and its record in the ledger: service and account
//! agree at the end, and nothing but what nobody could know of is paid for twice.

use anyhow::{Context as _, ensure};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::runtime::watcher;
use videofactory_crds::StepName;
use videofactory_crds::condition::{Phase, StepState, VideoJobReason};
use videofactory_crds::videojob::ScenesStatus;
use videofactory_tests::e2e::clips::clips_alone;
use videofactory_tests::e2e::film::{Film, attempts};
use videofactory_tests::e2e::operator::TargetReplica;
use videofactory_tests::e2e::paid::{Account, quota, roomy};
use videofactory_tests::e2e::test_env::{TestEnv, in_test_env};
use videofactory_tests::e2e::{pods, wait};
use videofactory_tests::fakes::{Effect as Trouble, Fault as Mischief, Operation, Service};
use videofactory_tests::r2_proxy::{Effect, Fault};

const STEP: StepName = StepName::AnimateScenes;

/// Holds the first scene that comes there at each of these points, so that each has another: after its slot is written
/// and before it is submitted, before its id, its clip and its end are written; and these attempts before their outcome.
fn at_each_point(outcomes_of: &str) -> Vec<Fault> {
    let first = |effect, keys: &str| Fault::always(effect).for_keys(keys).on("PutObject").times(1);
    vec![
        first(Effect::HoldAnswer, "work/**/submit-1.json"),
        first(Effect::Hold, "work/**/submit-1.id.json"),
        first(Effect::Hold, "clips/**/clips/*.mp4"),
        first(Effect::Hold, "work/**/submit-1.end.json"),
        Fault::always(Effect::Hold)
            .for_keys(format!("work/**/outcomes/animate-scenes-{outcomes_of}.json"))
            .on("PutObject"),
    ]
}

#[tokio::test]
async fn a_worker_killed_at_every_point_pays_again_only_for_what_nobody_knows() {
    in_test_env("killed_at_every_point", async |env: TestEnv| {
        let grok = roomy(&env).await?;
        // The fifth point: after its id is written, in its first poll.
        grok.faults(&[Mischief::always(Trouble::Hold).of(Service::Xai).on(Operation::Poll).times(1)]).await?;
        env.faults(at_each_point("{2,4}")).await?;
        let film = env.create_film(clips_alone(6).without_retries()).await?;
        env.holds(&["/submit-1.json", ".id.json", ".mp4", ".end.json"]).await?;
        grok.holds(1).await?;
        film.has_made("/clips/", 1).await?;
        film.kill_attempt(STEP, 1).await?;
        // The survey that accounts for it, and after another survey the attempt that pays for what is left.
        for attempt in [2, 4] {
            env.holds(&[&format!("/outcomes/animate-scenes-{attempt}.json")]).await?;
            film.kill_attempt(STEP, attempt).await?;
        }
        let step = film.step(STEP, StepState::Succeeded).await?;
        ensure!(step.attempt == Some(5), "it took {:?} attempts", step.attempt);
        // Of six, one slot was never submitted, and one submission's id never written: both are unknown, so both are
        // submitted again. The first was not paid for, and the ledger cannot know that.
        let paid = grok.paid(Operation::Video).await?;
        let mut times: Vec<usize> = paid.values().copied().collect();
        times.sort_unstable();
        ensure!(times == [1, 1, 1, 1, 1, 2], "paid: {paid:?}");
        grok.usage_exceeds("generations", Operation::Video, 1).await
    })
    .await;
}

/// Where an operator dies, in this order.
#[derive(Clone, Copy, Debug)]
enum Point {
    Demanded,
    Granted,
    Created,
    Ended,
    Reported,
    Recorded,
}

impl Point {
    /// Returns as soon as the API shows it.
    async fn reached(self, env: &TestEnv, film: &Film, grok: &Account) -> anyhow::Result<()> {
        let labels = format!("{}={},videofactory.dev/step={STEP}", pods::UID, film.uid);
        match self {
            Self::Demanded => film
                .until("a demand", |status| status.step(STEP).is_some_and(|step| !step.demands.is_empty()))
                .await
                .map(drop),
            Self::Granted => grok
                .until("a grant", |account| {
                    account.status.as_ref().is_some_and(|status| !status.grants.is_empty())
                })
                .await
                .map(drop),
            Self::Created => {
                let which = watcher::Config::default().labels(&labels);
                wait::until(&env.api::<Job>(), which, "a Job", |all| (!all.is_empty()).then_some(())).await
            }
            Self::Ended => film
                .pod(STEP, "end", |pod: &Pod| {
                    pod.status.as_ref().and_then(|status| status.phase.as_deref()) == Some("Succeeded")
                })
                .await
                .map(drop),
            Self::Reported => film.step(STEP, StepState::Succeeded).await.map(drop),
            Self::Recorded => grok
                .until("the spending to be recorded", |account| {
                    let quotas = account.status.iter().flat_map(|status| &status.quotas);
                    quotas.filter_map(|quota| quota.used).sum::<i64>() == 3
                })
                .await
                .map(drop),
        }
    }
}

/// The kill comes as soon as a watch shows the point: a few milliseconds later than the operator's own watch, which may
/// have begun with what follows; later if another test's kill comes first. Over several runs it falls on either side of
/// the point.
#[tokio::test]
async fn disruptive_local_an_operator_killed_from_demand_to_ledger_pays_once_and_leaks_nothing() {
    in_test_env("operator_at_every_point", async |env: TestEnv| {
        let grok = roomy(&env).await?;
        let film = env.create_film(clips_alone(3)).await?;
        for point in
            [Point::Demanded, Point::Granted, Point::Created, Point::Ended, Point::Reported, Point::Recorded]
        {
            let target = TargetReplica::find(&env.client).await?;
            point.reached(&env, &film, &grok).await.with_context(|| format!("before {point:?}"))?;
            target.kill().await?;
        }
        film.says(VideoJobReason::AwaitingReview).await?;
        ensure!(grok.submissions(Operation::Video).await?.len() == 3, "not one each");
        let tries = attempts(&film.status().await?, STEP);
        ensure!(tries == 1, "{tries} attempts where one was enough");
        grok.usage_agrees("generations", Operation::Video).await
    })
    .await;
}

#[tokio::test]
async fn what_was_paid_for_is_fetched_while_the_quota_is_closed() {
    in_test_env("fetched_while_closed", async |env: TestEnv| {
        let grok = Account::new(&env, "grok", Service::Xai).await?;
        grok.open(quota(3, "2h")).await?;
        grok.faults(&[Mischief::always(Trouble::Pending).of(Service::Xai).on(Operation::Poll)]).await?;
        let film = env.create_film(clips_alone(5)).await?;
        grok.has_accepted(Operation::Video, 3).await?;
        film.kill_attempt(STEP, 1).await?;
        film.until("a survey", |status| attempts(status, STEP) >= 2).await?;
        grok.faults(&[]).await?;
        // The window is closed for two hours: whatever is fetched now is fetched without a unit.
        let status = film
            .until("the paid scenes to be fetched", |status| {
                status.phase == Some(Phase::Waiting) && status.resume_at.is_some()
            })
            .await?;
        let step = status.step(STEP).context("no step")?;
        let scenes: ScenesStatus = step.scenes.clone().unwrap_or_default();
        ensure!(scenes.completed.as_deref() == Some("0-2") && scenes.left == Some(2), "{scenes:?}");
        film.says(VideoJobReason::AwaitingQuota).await?;
        ensure!(
            film.artifacts().await?.keys().filter(|key| key.contains("/r1/clips/")).count() == 3,
            "not three clips"
        );
        grok.usage_agrees("generations", Operation::Video).await?;
        grok.open(quota(5, "2h")).await?;
        film.step(STEP, StepState::Succeeded).await?;
        ensure!(grok.submissions(Operation::Video).await?.len() == 5, "not one each");
        grok.usage_agrees("generations", Operation::Video).await
    })
    .await;
}
