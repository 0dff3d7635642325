//! The preview: nothing is made or paid for beside the previewed scene until somebody has approved it.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};
use videofactory_client::estimate::of_rest;
use videofactory_client::job_action::under_review;
use videofactory_crds::condition::{ConditionType, Phase, StepState, VideoJobReason};
use videofactory_crds::provideraccount::Grant;
use videofactory_crds::videojob::{Demand, Preview, SceneOverride};
use videofactory_crds::{ProviderAccount, StepName, requests};
use videofactory_pipeline::contract::{ExitCode, PREVIEW_VERSION, SceneReport, Spent, VERSION};
use videofactory_pipeline::{SceneSet, Settings};

use super::super::super::model::Account;
use super::super::testing::{Harness, storage_ready};
use super::properties::{any_event, apply, assert_has_a_future, assert_says_something};
use super::properties_accounts::Pair;
use super::quota_request::account;
use super::{CLIPS, FILM, IMAGES, SCRIPT, VOICES};

fn film(preview: &Value) -> Harness {
    Harness::new(json!({"topic": "x", "preview": preview}))
}

/// What is shown, as an approval names it.
fn shown(harness: &Harness) -> Option<String> {
    harness.observed.job.status.as_ref()?.preview.as_ref()?.result.clone()
}

/// A person looks at what is shown, and likes it.
pub(super) fn approve_preview(harness: &mut Harness) {
    let result = shown(harness).expect("nothing is shown");
    harness.annotate(requests::APPROVED, &result);
}

fn edit_scene(harness: &mut Harness, id: &str, narration: &str) {
    let over = SceneOverride {
        id: id.to_owned(),
        narration: Some(narration.to_owned()),
        ..SceneOverride::default()
    };
    harness.edit(|job| job.spec.scene_overrides = Some(vec![over]));
}

/// The previewed scene, if the latest attempt of a step makes it alone.
fn previewed(harness: &Harness, step: StepName) -> Option<String> {
    let latest = harness.begun.iter().rev().find(|(begun, _)| *begun == step).expect("it has not begun");
    harness.inputs[latest].preview_scene.clone()
}

/// The attempts that made, or may have made, more than the one scene.
fn beside_the_preview(harness: &Harness) -> Vec<(StepName, i32)> {
    let inputs =
        harness.inputs.iter().filter(|((step, _), input)| *step != SCRIPT && input.preview_scene.is_none());
    inputs.map(|(attempt, _)| *attempt).collect()
}

#[test]
fn one_scene_is_made_before_the_others_which_wait_until_it_is_approved() {
    let mut harness = film(&json!({"scene": "s2"}));
    harness.converge();
    harness.end(SCRIPT, ExitCode::Done);
    harness.converge();
    assert_eq!(harness.at_work(), [IMAGES, VOICES]);
    harness.end(IMAGES, ExitCode::Done);
    harness.converge();
    assert_eq!((harness.phase(), under_review(&harness.observed.job)), (Phase::Running, None));
    harness.end(VOICES, ExitCode::Done);
    harness.converge();
    assert_eq!((harness.phase(), harness.reason().as_str()), (Phase::Review, "PreviewReady"));
    for unset in [ConditionType::Approved, ConditionType::Stalled, ConditionType::Reconciling] {
        assert!(!harness.has(unset), "{unset}");
    }
    let result = shown(&harness).unwrap();
    assert_eq!(under_review(&harness.observed.job).as_ref(), Some(&result));
    let shows = "the preview of scene s2 is ready; look at it, and approve it to make the other scenes: kubectl \
                 annotate -n films vj ocean --overwrite videofactory.dev/approved=";
    assert_eq!(harness.message(), format!("{shows}{result}"));
    assert_eq!(harness.begun, [(SCRIPT, 1), (IMAGES, 1), (VOICES, 1)]);
    for step in [IMAGES, VOICES] {
        assert_eq!(previewed(&harness, step).as_deref(), Some("s2"));
        let step = harness.step(step);
        assert_eq!((step.state, step.reason), (Some(StepState::Waiting), Some(VideoJobReason::PreviewReady)));
        assert_eq!(step.scenes.clone().unwrap().completed.as_deref(), Some("1"));
    }
    let progress = |harness: &Harness| harness.observed.job.status.clone().unwrap().progress.unwrap();
    assert_eq!(progress(&harness), "3/11");
    approve_preview(&mut harness);
    harness.run_to_rest();
    assert_eq!((harness.phase(), progress(&harness).as_str()), (Phase::Succeeded, "11/11"));
    assert_eq!(harness.begun[3..], [(IMAGES, 2), (VOICES, 2), (CLIPS, 1), (FILM, 1)]);
    assert_eq!((previewed(&harness, IMAGES), previewed(&harness, VOICES)), (None, None));
    assert_eq!(under_review(&harness.observed.job), None);
    // A worker that knows of no preview reads no input with one.
    for input in harness.inputs.values() {
        let version = if input.preview_scene.is_some() { PREVIEW_VERSION } else { VERSION };
        assert_eq!(input.version, version, "{}", input.step);
    }
}

#[test]
fn another_text_of_a_scene_shows_it_again_and_an_older_approval_is_none_of_it() {
    let mut harness = film(&json!({}));
    harness.run_to_rest();
    let old = shown(&harness).unwrap();
    edit_scene(&mut harness, "s1", "Another beginning.");
    harness.annotate(requests::APPROVED, &old);
    harness.converge();
    assert_eq!((harness.at_work(), shown(&harness)), (vec![SCRIPT], None));
    harness.run_to_rest();
    assert_eq!((harness.phase(), beside_the_preview(&harness)), (Phase::Review, vec![]));
    assert_ne!(shown(&harness).unwrap(), old);
    let reported = |note: &String| note.contains("is not for the preview that is shown now");
    assert!(harness.events.iter().any(reported), "{:?}", harness.events);
    approve_preview(&mut harness);
    harness.run_to_rest();
    assert_eq!(harness.phase(), Phase::Succeeded);
}

#[test]
fn once_it_is_approved_another_text_or_scene_asks_nobody_and_another_style_does() {
    let mut harness = film(&json!({"scene": "s1"}));
    harness.run_to_rest();
    approve_preview(&mut harness);
    harness.converge();
    let begun = harness.begun.clone();
    harness.edit(|job| job.spec.preview = serde_json::from_value(json!({"scene": "s2"})).unwrap());
    harness.converge();
    assert_eq!(harness.begun, begun, "what is under way is stopped");
    harness.run_to_rest();
    for scene in ["s2", "s3"] {
        edit_scene(&mut harness, scene, "Mine.");
        harness.run_to_rest();
        assert_eq!((harness.phase(), previewed(&harness, IMAGES)), (Phase::Succeeded, None), "{scene}");
    }
    harness.edit(|job| job.spec.settings.style = serde_json::from_value(json!({"suffix": "noir"})).unwrap());
    harness.run_to_rest();
    assert_eq!((harness.phase(), previewed(&harness, IMAGES).as_deref()), (Phase::Review, Some("s2")));
    approve_preview(&mut harness);
    harness.run_to_rest();
    assert_eq!((harness.phase(), previewed(&harness, IMAGES)), (Phase::Succeeded, None));
    harness.annotate(requests::RESTART, "2026-01-01T00:00:00Z");
    harness.run_to_rest();
    assert_eq!((harness.phase(), previewed(&harness, IMAGES).as_deref()), (Phase::Review, Some("s2")));
}

#[test]
fn a_scene_that_is_rejected_fails_the_job_until_it_is_edited() {
    let mut harness = film(&json!({}));
    harness.run_to_rest();
    let result = shown(&harness).unwrap();
    harness.annotate(requests::REJECTED, &result);
    harness.converge();
    assert_eq!((harness.phase(), harness.reason().as_str()), (Phase::Failed, "Rejected"));
    assert_eq!((harness.at_work(), under_review(&harness.observed.job)), (vec![], None));
    harness.strip(requests::REJECTED);
    harness.converge();
    assert_eq!((harness.phase(), shown(&harness)), (Phase::Review, Some(result.clone())));
    harness.annotate(requests::REJECTED, &result);
    edit_scene(&mut harness, "s1", "Another beginning.");
    harness.run_to_rest();
    assert_eq!((harness.phase(), beside_the_preview(&harness)), (Phase::Review, vec![]));
}

#[test]
fn its_clip_is_made_of_its_picture_and_its_voice_if_it_is_asked_for() {
    let mut harness = film(&json!({"clip": true}));
    harness.converge();
    for step in [SCRIPT, IMAGES, VOICES] {
        harness.end(step, ExitCode::Done);
        harness.converge();
    }
    assert_eq!((harness.at_work(), previewed(&harness, CLIPS).as_deref()), (vec![CLIPS], Some("")));
    let upstream = &harness.inputs[&(CLIPS, 1)].upstream;
    for step in [IMAGES, VOICES] {
        let made = &harness.step(step).output_digest;
        assert_eq!(Some(upstream[&step].output.as_str()), made.as_deref());
    }
    harness.run_to_rest();
    assert_eq!(harness.phase(), Phase::Review);
    assert!(
        harness.message().starts_with("the preview of the first scene is ready"),
        "{}",
        harness.message()
    );
    approve_preview(&mut harness);
    harness.run_to_rest();
    assert_eq!((harness.phase(), previewed(&harness, CLIPS)), (Phase::Succeeded, None));
}

#[test]
fn a_draft_and_a_job_whose_preview_is_taken_away_make_all_scenes() {
    let mut harness = Harness::new(json!({"topic": "x", "mode": "Draft", "preview": {}}));
    harness.run_to_rest();
    assert_eq!((harness.phase(), previewed(&harness, IMAGES)), (Phase::Succeeded, None));
    let mut harness = film(&json!({}));
    harness.run_to_rest();
    harness.edit(|job| job.spec.preview = None);
    harness.run_to_rest();
    assert_eq!((harness.phase(), previewed(&harness, IMAGES)), (Phase::Succeeded, None));
    assert_eq!(harness.observed.job.status.as_ref().unwrap().preview, None);
}

#[test]
fn a_preview_that_is_asked_for_later_stops_what_pays_for_others_and_none_is_made_of_what_is_there() {
    let ask = |harness: &mut Harness| harness.edit(|job| job.spec.preview = Some(Preview::default()));
    let mut harness = Harness::topic();
    harness.converge();
    harness.end(SCRIPT, ExitCode::Done);
    harness.converge();
    ask(&mut harness);
    harness.converge();
    assert_eq!(harness.at_work(), [IMAGES, VOICES]);
    assert_eq!(
        (previewed(&harness, IMAGES).as_deref(), previewed(&harness, VOICES).as_deref()),
        (Some(""), Some(""))
    );

    // All pictures and voices are there: of these nothing can be saved by a look at one.
    let mut harness = Harness::topic();
    harness.converge();
    for step in [SCRIPT, IMAGES, VOICES] {
        harness.end(step, ExitCode::Done);
        harness.converge();
    }
    ask(&mut harness);
    harness.run_to_rest();
    assert_eq!((harness.phase(), harness.begun.len()), (Phase::Succeeded, 5), "{:?}", harness.begun);
}

#[test]
fn a_script_that_is_reviewed_comes_first_and_who_is_held_is_not_asked() {
    let mut harness =
        Harness::new(json!({"topic": "x", "preview": {}, "review": {"after": ["write-script"]}}));
    harness.run_to_rest();
    assert_eq!((harness.reason().as_str(), harness.begun.len()), ("AwaitingReview", 1));
    let script = under_review(&harness.observed.job).unwrap();
    harness.annotate(requests::APPROVED, &script);
    harness.run_to_rest();
    assert_eq!(harness.reason(), "PreviewReady");
    harness.annotate(requests::HOLD, "lunch");
    harness.converge();
    assert_eq!((harness.phase(), harness.reason().as_str()), (Phase::Suspended, "Held"));
    approve_preview(&mut harness);
    harness.converge();
    assert_eq!((harness.phase(), harness.at_work()), (Phase::Suspended, vec![]));
    harness.strip(requests::HOLD);
    harness.run_to_rest();
    assert_eq!(harness.phase(), Phase::Succeeded);
}

/// A film of three scenes whose pictures cost ten cents each.
fn paid() -> Harness {
    let images = json!({"images": {"accountRef": {"name": "gemini"}}});
    let mut harness =
        Harness::new(json!({"topic": "x", "sceneCount": 3, "preview": {"scene": "s2"}, "providers": images}));
    let gemini = json!({"provider": "Gemini", "secretRef": {"name": "g"}, "prices": {"image": "0.10"}});
    harness.observed.accounts.insert("gemini".to_owned(), account(&gemini));
    harness.converge();
    harness.end(SCRIPT, ExitCode::Done);
    harness.converge();
    harness
}

fn asked(harness: &Harness) -> Vec<Demand> {
    harness.step(IMAGES).demands.clone()
}

/// The account grants what is asked for, or closes all its grants.
fn set_grants(harness: &mut Harness, submissions: Option<i64>) {
    let (uid, attempt) = (harness.observed.job.metadata.uid.clone(), harness.step(IMAGES).attempt);
    let Some(Account::External(gemini)) = harness.observed.accounts.get_mut("gemini") else {
        panic!("not external")
    };
    let grant = |submissions: i64| -> Grant {
        let holder = json!({"uid": uid, "step": IMAGES, "attempt": attempt});
        serde_json::from_value(json!({"holder": holder, "submissions": submissions})).unwrap()
    };
    gemini.status.grants = submissions.map(grant).into_iter().collect();
}

/// What was paid, and what the whole is estimated at; empty if it is not known.
fn costs(harness: &Harness) -> [String; 2] {
    let cost = harness.observed.job.status.as_ref().unwrap().cost.clone().unwrap_or_default();
    [cost.actual, cost.estimated].map(|money| money.map(|money| money.to_string()).unwrap_or_default())
}

#[test]
fn one_unit_is_asked_for_and_what_is_there_is_looked_for_before_the_others_are() {
    let mut harness = paid();
    assert_eq!((asked(&harness).len(), asked(&harness)[0].submissions), (1, Some(1)));
    assert_eq!(costs(&harness), ["", "0.30"], "the estimate is of the whole film");
    set_grants(&mut harness, Some(1));
    harness.converge();
    let first = &harness.inputs[&(IMAGES, 1)];
    assert_eq!(
        (first.preview_scene.as_deref(), first.accounts["gemini"].allowance.submissions),
        (Some("s2"), 1)
    );
    let spent = |submissions: u32, cost: &str, harness: &Harness| {
        let (at, cost) = (harness.now, cost.parse().unwrap());
        vec![Spent { account: "gemini".to_owned(), at, submissions, seconds: 0, cost }]
    };
    let one = spent(1, "0.10", &harness);
    harness.end_reported(IMAGES, ExitCode::Done, |outcome| {
        outcome.spent = one;
        outcome.scenes.as_mut().unwrap().left = Some(0);
    });
    harness.end(VOICES, ExitCode::Done);
    harness.converge();
    set_grants(&mut harness, None);
    harness.converge();
    assert_eq!((harness.phase(), asked(&harness)), (Phase::Review, vec![]));
    assert_eq!(costs(&harness), ["0.10", "0.30"], "the others are still to be paid for");

    approve_preview(&mut harness);
    harness.converge();
    let survey = &harness.inputs[&(IMAGES, 2)];
    assert_eq!((survey.survey, survey.accounts["gemini"].allowance.submissions), (true, 0));
    harness.end_reported(IMAGES, ExitCode::TryLater, |outcome| {
        outcome.accounted = true;
        let completed: SceneSet = [1].into_iter().collect();
        outcome.scenes = Some(SceneReport { total: 3, completed, left: Some(2), ..SceneReport::default() });
    });
    harness.converge();
    assert_eq!(asked(&harness)[0].submissions, Some(2));
    set_grants(&mut harness, Some(2));
    harness.converge();
    let rest = spent(2, "0.20", &harness);
    harness.end_reported(IMAGES, ExitCode::Done, |outcome| outcome.spent = rest);
    harness.run_to_rest();
    assert_eq!(harness.phase(), Phase::Succeeded);
    assert_eq!(costs(&harness), ["0.30", "0.30"]);
}

#[test]
fn another_text_takes_stock_before_it_asks_for_the_scene_again() {
    let mut harness = paid();
    set_grants(&mut harness, Some(1));
    harness.converge();
    harness.end(IMAGES, ExitCode::Done);
    harness.end(VOICES, ExitCode::Done);
    harness.converge();
    set_grants(&mut harness, None);
    edit_scene(&mut harness, "s3", "Not this one.");
    harness.converge();
    harness.end(SCRIPT, ExitCode::Done);
    harness.converge();
    let survey = &harness.inputs[&(IMAGES, 2)];
    assert_eq!((survey.survey, survey.preview_scene.as_deref()), (true, Some("s2")));
    // Its picture is there: nothing is asked for.
    harness.end(IMAGES, ExitCode::Done);
    harness.run_to_rest();
    assert_eq!(
        (harness.phase(), asked(&harness), beside_the_preview(&harness)),
        (Phase::Review, vec![], vec![])
    );
}

#[test]
fn a_scene_that_the_service_refuses_says_so_and_pays_for_no_other() {
    let mut harness = paid();
    set_grants(&mut harness, Some(1));
    harness.converge();
    harness.end(VOICES, ExitCode::Done);
    harness.end_reported(IMAGES, ExitCode::ContentRefused, |outcome| outcome.message = "blood".to_owned());
    harness.run_to_rest();
    assert_eq!((harness.phase(), harness.reason().as_str()), (Phase::Waiting, "ContentRefused"));
    assert_eq!((shown(&harness), beside_the_preview(&harness)), (None, vec![]));
}

#[test]
fn what_the_rest_costs_leaves_out_no_clip_of_another_style() {
    let mut harness =
        Harness::new(json!({"topic": "x", "sceneCount": 3, "length": {"target": "15s"}, "preview": {}}));
    harness.run_to_rest();
    approve_preview(&mut harness);
    harness.run_to_rest();
    assert_eq!(harness.step(CLIPS).scenes.clone().unwrap().completed.as_deref(), Some("0-2"));
    let grok = json!({"provider": "XAI", "secretRef": {"name": "k"}, "prices": {"videoSecond": "0.10"}});
    harness.observed.accounts.insert("grok".to_owned(), account(&grok));
    let animated = json!({"animation": {"accountRef": {"name": "grok"}}});
    harness.edit(|job| {
        job.spec.settings.style = serde_json::from_value(json!({"suffix": "noir"})).unwrap();
        job.spec.settings.providers = serde_json::from_value(animated).unwrap();
    });
    harness.run_to_rest();
    assert_eq!(harness.reason(), "PreviewReady", "{}", harness.message());
    assert_eq!(costs(&harness), ["", "1.80"], "three clips of six seconds");
    let job = &harness.observed.job;
    let settings = Settings::resolve(&job.spec.settings, None, false).unwrap();
    let known = ProviderAccount::new("grok", serde_json::from_value(grok).unwrap());
    let rest = of_rest(job, &settings, &BTreeMap::from([("grok".to_owned(), Ok(known))]));
    assert_eq!(rest.cost.to_string(), "1.80", "what the page says beside the approval");
}

/// The bucket is back, nobody holds it, every step succeeds, and a person approves and retries.
fn finish_in_peace(harness: &mut Harness) {
    harness.observed.storage = storage_ready();
    harness.strip(requests::HOLD);
    for round in 0..30 {
        harness.converge();
        harness.run_to_rest();
        match harness.phase() {
            Phase::Succeeded => return,
            Phase::Review => approve_preview(harness),
            _ => {
                harness.pass(700);
                harness.annotate(requests::RETRY, &format!("2027-01-01T00:00:{round:02}Z"));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn whatever_happens_nothing_is_made_beside_the_scene_until_it_is_approved(
        events in prop::collection::vec(any_event(), 0..50),
        clip in any::<bool>(),
    ) {
        let mut harness = film(&json!({"scene": "s2", "clip": clip}));
        harness.converge();
        for (moment, event) in events.iter().enumerate() {
            apply(&mut harness, event, moment);
            harness.converge();
            assert_has_a_future(&harness);
            assert_says_something(&harness);
            prop_assert_eq!(beside_the_preview(&harness), vec![]);
        }
        finish_in_peace(&mut harness);
        prop_assert_eq!(harness.phase(), Phase::Succeeded, "{}", harness.message());
        prop_assert_eq!(previewed(&harness, IMAGES), None);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn whatever_happens_one_unit_at_a_time_is_granted_until_it_is_approved(
        events in prop::collection::vec(any_event(), 0..40),
    ) {
        let mut pair = Pair::with(&json!({"preview": {"scene": "s2", "clip": true}}));
        pair.converge();
        for (moment, event) in events.iter().enumerate() {
            pair.apply(event, moment);
            pair.converge();
            pair.assert_has_a_future();
            assert_says_something(&pair.harness);
            pair.assert_nothing_is_held_for_ever();
            prop_assert_eq!(beside_the_preview(&pair.harness), vec![]);
            let allowed = pair.harness.inputs.values().flat_map(|input| input.accounts.values());
            let most = allowed.map(|access| access.allowance.submissions).max();
            prop_assert!(most <= Some(1), "{:?}", most);
        }
        pair.finish_in_peace();
        prop_assert_eq!(pair.harness.phase(), Phase::Succeeded, "{}", pair.harness.message());
        pair.converge();
        prop_assert!(pair.grants().is_empty(), "{:?}", pair.grants());
    }
}
