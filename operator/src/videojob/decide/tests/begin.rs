//! How a run begins: with its id, with its Channel, and with texts as its steps can use them.

use serde_json::{Value, json};
use videofactory_crds::bounds::MAX_CHANNEL_BYTES;
use videofactory_crds::condition::{ConditionType, Phase};
use videofactory_crds::{Channel, StepName, requests};
use videofactory_pipeline::contract::GivenScenes;
use videofactory_pipeline::keys::is_id;
use videofactory_pipeline::text;

use super::super::super::model::{Account, Action, Found};
use super::super::testing::Harness;
use super::quota_request::account;

const SCRIPT: StepName = StepName::WriteScript;

/// A Channel whose spec has so many bytes as JSON.
fn channel_of(bytes: usize) -> Found<Channel> {
    let with = |note: &str| -> Channel {
        serde_json::from_value(json!({
            "apiVersion": "videofactory.dev/v1alpha1", "kind": "Channel", "metadata": {"name": "deep"},
            "spec": {"defaults": {"language": "de"}, "compute": {"annotations": {"note": note}}},
        }))
        .unwrap()
    };
    let size = |channel: &Channel| serde_json::to_string(&channel.spec).unwrap().len();
    let channel = with(&"x".repeat(bytes - size(&with(""))));
    assert_eq!(size(&channel), bytes);
    Found::Here(Box::new(channel))
}

#[test]
fn a_run_keeps_a_channel_of_48_kib_and_none_that_is_larger() {
    let mut harness = Harness::new(json!({"topic": "x", "channelRef": {"name": "deep"}}));
    harness.observed.channel = channel_of(48 * 1024 + 1);
    harness.converge();
    assert_eq!((harness.phase(), harness.reason().as_str()), (Phase::Waiting, "ConfigurationInvalid"));
    assert!(harness.has(ConditionType::Stalled) && harness.at_work().is_empty());
    let reported = harness.message();
    assert!(reported.contains("\"deep\" has 49153 bytes") && reported.contains("49152"), "{reported}");
    harness.observed.channel = channel_of(48 * 1024);
    harness.converge();
    assert_eq!(harness.at_work(), [SCRIPT]);
    assert_eq!(harness.inputs[&(SCRIPT, 1)].settings.language, "de");
}

#[test]
fn a_channel_that_has_grown_too_large_leaves_a_run_the_one_that_it_has() {
    let mut harness = Harness::new(json!({"topic": "x", "channelRef": {"name": "deep"}}));
    harness.observed.channel = channel_of(1_000);
    harness.converge();
    let frozen = |harness: &Harness| harness.observed.job.status.as_ref().unwrap().channel.clone();
    let before = frozen(&harness);
    harness.observed.channel = channel_of(MAX_CHANNEL_BYTES + 1);
    harness.annotate(requests::REFRESH_CHANNEL, "2026-11-28T10:00:00Z");
    harness.converge();
    assert_eq!(frozen(&harness), before);
    assert!(harness.events.iter().any(|note| note.contains("shorten it")), "{:?}", harness.events);
    harness.run_to_rest();
    assert_eq!(harness.phase(), Phase::Succeeded);
}

#[test]
fn every_uid_gives_an_id_that_keys_take() {
    let id_of = |uid: &str| {
        let mut harness = Harness::topic();
        harness.observed.job.metadata.uid = Some(uid.to_owned());
        harness.converge();
        let id = harness.observed.job.status.as_ref().unwrap().id.clone().unwrap();
        assert!(is_id(&id), "{uid}: {id}");
        assert_eq!(harness.inputs[&(SCRIPT, 1)].job.id, id);
        id
    };
    assert_eq!(id_of("3f9c2a1e-1111-2222"), "3f9c2a1e");
    let others = ["job-4711", "job-4712", "3F9C2A1E-1111-2222", "3f9c", "3f9c2a1-1111", "größer-1"];
    let mut ids: Vec<String> = others.into_iter().map(id_of).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), others.len(), "two jobs of one name have two ids");
}

/// A letter that a language model misspelt, a byte order mark, an override of the direction, and the start of a colour.
const GIVEN: &str = "caf\0e9\u{feff},\n\tb\u{202e}a\u{1b}r";
const CLEANED: &str = "café,\n\tbar";

#[test]
fn characters_that_are_no_text_reach_no_step() {
    let mut harness = Harness::new(json!({
        "topic": GIVEN, "channelRef": {"name": "deep"},
        "sceneOverrides": [{"id": "s1", "narration": GIVEN, "imagePrompt": GIVEN}],
        "characters": [{"name": "Ada", "description": GIVEN}],
        "publish": {"targets": [{"name": "main", "type": "Bucket", "description": GIVEN}]},
    }));
    let channel = json!({
        "apiVersion": "videofactory.dev/v1alpha1", "kind": "Channel", "metadata": {"name": "deep"},
        "spec": {"defaultTags": [GIVEN], "defaults": {"style": {"suffix": GIVEN}}},
    });
    harness.observed.channel = Found::Here(Box::new(serde_json::from_value(channel).unwrap()));
    let given = given_to_the_writer(&mut harness);
    assert_eq!(given.overrides[0].narration.as_deref(), Some(CLEANED));
    assert_eq!(given.overrides[0].image_prompt.as_deref(), Some(CLEANED));
    harness.run_to_rest();
    assert_eq!((harness.phase(), harness.inputs.len()), (Phase::Succeeded, 6));
    let reported: Vec<(StepName, Value)> = harness
        .inputs
        .iter()
        .map(|((step, _), input)| (*step, serde_json::to_value(input).unwrap()))
        .collect();
    for (step, reported) in &reported {
        assert_eq!(*reported, text::clean_value(reported.clone()), "{step}");
    }
    let all = |path: &str| -> Vec<StepName> {
        let holds = reported
            .iter()
            .filter(|(_, reported)| reported.pointer(path).and_then(Value::as_str) == Some(CLEANED));
        holds.map(|(step, _)| *step).collect()
    };
    assert_eq!(all("/topic"), [SCRIPT, StepName::PublishVideo]);
    assert_eq!(all("/settings/publish/targets/0/description"), [StepName::PublishVideo]);
    assert_eq!(all("/brand/tags/0"), [StepName::AssembleVideo, StepName::PublishVideo]);
    assert!(all("/settings/characters/0/description").contains(&StepName::GenerateImages));
    assert!(all("/settings/style/suffix").contains(&StepName::GenerateImages));
}

#[test]
fn a_storyboard_of_ones_own_is_rid_of_characters_that_are_no_text() {
    let scene = json!({"id": "s1", "narration": GIVEN, "imagePrompt": GIVEN, "camera": GIVEN});
    let given = given_to_the_writer(&mut Harness::new(json!({"scenes": [scene]})));
    let scene = &given.scenes[0];
    for text in [&scene.narration, &scene.image_prompt, &scene.camera] {
        assert_eq!(text.as_deref(), Some(CLEANED));
    }
}

/// Whose account stands in the way is not begun: no Job, and no word of ours, holds what only its Secret should.
#[test]
fn nothing_is_begun_with_an_account_that_cannot_be_used() {
    let url = "https://hooks.example/a-secret-path";
    let targets = json!([{"name": "team", "type": "Webhook", "accountRef": {"name": "team"}}]);
    let mut harness = Harness::new(json!({"topic": "x", "publish": {"targets": targets}}));
    let spec = json!({"provider": "Webhook", "endpoint": url, "secretRef": {"name": "keys"}});
    let Account::External(mut team) = account(&spec) else { panic!("not external") };
    team.obstacle = Some("put the URL into the Secret".to_owned());
    harness.observed.accounts.insert("team".to_owned(), Account::External(team));
    harness.run_to_rest();
    assert_eq!((harness.phase(), harness.reason().as_str()), (Phase::Waiting, "ConfigurationInvalid"));
    assert!(harness.has(ConditionType::Stalled) && harness.message().contains("into the Secret"));
    assert!(!harness.begun.iter().any(|(step, _)| *step == StepName::PublishVideo), "{:?}", harness.begun);
    let reported = format!("{:?} {:?} {:?}", harness.inputs, harness.observed.job.status, harness.events);
    assert!(!reported.contains("a-secret-path"), "{reported}");
}

/// The scenes of the spec as the order of the first step has them.
fn given_to_the_writer(harness: &mut Harness) -> GivenScenes {
    let mut orders =
        harness.reconcile_or_crash(false).actions.into_iter().filter_map(|action| match action {
            Action::StartStep(start) => Some(start),
            _ => None,
        });
    orders.next().expect("the first step begins").given.expect("it is given scenes")
}

#[test]
fn a_job_that_is_made_held_begins_nothing_before_it_is_let_go() {
    let mut harness = Harness::new(json!({"topic": "x"}));
    harness.annotate(requests::HOLD, "created together with 2 others");
    harness.converge();
    assert_eq!((harness.phase(), harness.reason().as_str()), (Phase::Suspended, "Held"));
    assert!(harness.begun.is_empty() && harness.message().contains("created together with 2 others"));
    harness.strip(requests::HOLD);
    harness.converge();
    assert_eq!(harness.at_work(), [SCRIPT]);
}
