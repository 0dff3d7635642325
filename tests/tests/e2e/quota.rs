//! Quotas that many jobs share: every window is used to the last unit, and never beyond.

use anyhow::ensure;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use videofactory_crds::StepName;
use videofactory_crds::condition::{Phase, StepState, VideoJobReason};
use videofactory_pipeline::SceneSet;
use videofactory_tests::e2e::clips::{animated, clips_alone};
use videofactory_tests::e2e::film::{Film, NewFilm};
use videofactory_tests::e2e::paid::{Account, clip_limit, lags, quota};
use videofactory_tests::e2e::test_env::{TestEnv, in_test_env};
use videofactory_tests::fakes::{Operation, Service, Stranger};

/// Films that have all but their clips; their account does not exist yet, so that they all ask at once when it does.
async fn ready_for_clips(env: &TestEnv, films: usize, new_film: &NewFilm) -> anyhow::Result<Vec<Film>> {
    let mut all = Vec::new();
    for number in 0..films {
        all.push(env.create_film(new_film.clone().named(&format!("film-{number}"))).await?);
    }
    for film in &all {
        film.step(StepName::GenerateImages, StepState::Succeeded).await?;
        film.step(StepName::NarrateScenes, StepState::Succeeded).await?;
    }
    Ok(all)
}

#[tokio::test]
async fn timed_six_jobs_use_every_window_to_the_last_unit_and_none_beyond() {
    const LIMIT: usize = 10;
    // Longer than a unit may lie idle below.
    const WINDOW: SignedDuration = SignedDuration::from_secs(12);
    in_test_env("six_jobs", async |env: TestEnv| {
        let grok = Account::new(&env, "grok", Service::Xai).await?;
        grok.limits(&[clip_limit(LIMIT, WINDOW.as_secs_f64())]).await?;
        let films = ready_for_clips(&env, 6, &clips_alone(8)).await?;
        grok.open(quota(10, &format!("{}s", WINDOW.as_secs()))).await?;
        for film in &films {
            film.step(StepName::AnimateScenes, StepState::Succeeded).await?;
        }
        let ledger = grok.ledger().await?;
        ensure!(ledger.avoidable429 == 0, "{} refusals were avoidable", ledger.avoidable429);
        ensure!(ledger.refusals.is_empty(), "{:?}", ledger.refusals);
        let times: Vec<Timestamp> =
            grok.submissions(Operation::Video).await?.iter().map(|submission| submission.at).collect();
        ensure!(times.len() == 48, "{} clips were paid for", times.len());
        // The six films are alike: what is asked for has the same digest in each.
        let paid = grok.paid(Operation::Video).await?;
        ensure!(paid.len() == 8 && paid.values().all(|times| *times == 6), "not one clip for each scene: {paid:?}");
        let mut lags = lags(&times, LIMIT, WINDOW);
        lags.sort_by(f64::total_cmp);
        let of = |percent: usize| lags[(lags.len() * percent).div_ceil(100).saturating_sub(1)];
        let makespan = times[47].duration_since(times[0]).as_secs_f64();
        // Of five windows, the last begins when four are over.
        let bound = 4.0 * WINDOW.as_secs_f64();
        println!(
            "six jobs, 48 clips, 10 in {} s: {makespan:.1} s from the first submission to the last (bound {bound} s); a \
             unit is used again {:.2} s (p50) and {:.2} s (p99) after it left the window",
            WINDOW.as_secs(),
            of(50),
            of(99)
        );
        // A second for the answer's way, one because the API keeps whole seconds, and the answer itself.
        ensure!(of(50) < 4.0, "units lay idle for {:.2} s", of(50));
        // One pod that starts slowly holds up its own units; who waits for the next window is late by all of it.
        ensure!(of(99) < 10.0, "a unit lay idle for {:.2} s: {lags:.1?}", of(99));
        // Beside these, for each window, a pod's start and the last batch, on a machine with two processors.
        ensure!(makespan < bound + 4.0 * 3.0 + 20.0, "it took {makespan:.1} s");
        for film in &films {
            film.says(VideoJobReason::AwaitingReview).await?;
        }
        grok.until("all grants to be recorded", |account| {
            account.status.as_ref().is_some_and(|status| status.grants.is_empty())
        })
        .await
        .map(drop)
    })
    .await;
}

#[tokio::test]
async fn a_job_that_waits_says_which_quota_how_many_and_until_when() {
    in_test_env("a_job_that_waits", async |env: TestEnv| {
        let grok = Account::new(&env, "grok", Service::Xai).await?;
        grok.open(quota(2, "1h")).await?;
        let film = env.create_film(animated(3)).await?;
        let status = film
            .until("the wait to be reported", |status| {
                status.resume_at.is_some() && status.phase == Some(Phase::Waiting)
            })
            .await?;
        let message = film.says(VideoJobReason::AwaitingQuota).await?;
        for part in ["grok", "\"generations\"", "2 of 2 in 1h", "1 submissions left", "next unit at"] {
            ensure!(message.contains(part), "{part:?} is not in: {message}");
        }
        let scenes =
            status.step(StepName::AnimateScenes).and_then(|step| step.scenes.clone()).unwrap_or_default();
        let done: SceneSet = scenes.completed.unwrap_or_default().parse()?;
        ensure!((done.len(), scenes.left) == (2, Some(1)), "done {done}, left {:?}", scenes.left);
        grok.open(quota(3, "1h")).await?;
        film.succeeded().await?;
        ensure!(grok.submissions(Operation::Video).await?.len() == 3, "not one each");
        grok.usage_agrees("generations", Operation::Video).await
    })
    .await;
}

#[tokio::test]
async fn what_somebody_else_spends_is_waited_out_as_long_as_the_service_says() {
    in_test_env("somebody_else", async |env: TestEnv| {
        let grok = Account::new(&env, "grok", Service::Xai).await?;
        // Long enough for a pod to start in it on a busy machine: later, nobody would be refused.
        grok.limits(&[clip_limit(4, 45.0)]).await?;
        let films = ready_for_clips(&env, 1, &animated(3)).await?;
        let key = grok.key.clone();
        grok.admin()
            .spend(&Stranger { key, service: Service::Xai, operation: Operation::Video, units: 3 })
            .await?;
        grok.open(quota(4, "45s")).await?;
        for film in &films {
            film.says(VideoJobReason::RateLimited).await?;
            film.succeeded().await?;
        }
        let paid = grok.paid(Operation::Video).await?;
        ensure!(paid.len() >= 3 && paid.values().all(|times| *times == 1), "{paid:?}");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn limits_that_are_lowered_and_a_quota_of_one_hang_nothing() {
    in_test_env("lowered_limits", async |env: TestEnv| {
        let grok = Account::new(&env, "grok", Service::Xai).await?;
        grok.limits(&[clip_limit(3, 8.0)]).await?;
        grok.open(quota(3, "8s")).await?;
        let film = env.create_film(animated(5)).await?;
        film.has_made("/clips/", 2).await?;
        grok.limits(&[clip_limit(1, 8.0)]).await?;
        grok.open(quota(1, "8s")).await?;
        film.succeeded().await?;
        let ledger = grok.ledger().await?;
        ensure!(ledger.submissions.len() == 5, "{} clips were paid for", ledger.submissions.len());
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_film_that_may_not_wait_moves_its_pictures_instead() {
    in_test_env("may_not_wait", async |env: TestEnv| {
        let grok = Account::new(&env, "grok", Service::Xai).await?;
        grok.open(quota(1, "1h")).await?;
        let film = env
            .create_film(
                animated(3).with(json!({"providers": {"animation": {"onRateLimit": "StillMotion"}}})),
            )
            .await?;
        film.succeeded().await?;
        ensure!(grok.submissions(Operation::Video).await?.len() == 1, "more than the quota was used");
        Ok(())
    })
    .await;
}
