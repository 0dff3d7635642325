//! Jobs that are made, all or none, or only tried.

use std::sync::Arc;

use axum::http::{HeaderName, StatusCode};
use serde_json::{Value, json};
use tokio::sync::Barrier;
use videofactory_crds::requests;

use super::conforms::faults;
use crate::documented;
use crate::testing::{Answer, Creation, FILMS, Harness, Patching};

fn key() -> (HeaderName, &'static str) {
    (HeaderName::from_static("idempotency-key"), "june")
}

/// Tries two films of three clips each, of which an account is asked for pictures and clips.
async fn tried(harness: &Harness) -> Answer {
    let account_ref = |name: &str| json!({"accountRef": {"name": name}});
    let wish = json!({
        "namespace": "films", "topics": ["rivers", "lakes"],
        "spec": {
            "sceneCount": 3, "length": {"target": "15s"},
            "providers": {"animation": account_ref("grok"), "images": account_ref("gone")},
        },
    });
    harness.send("POST", "/jobs?dry_run=true", FILMS, &[], &wish.to_string()).await
}

fn know(harness: &Harness, resource: &str, name: &str, object: Value) {
    let path = format!("/apis/videofactory.dev/v1alpha1/namespaces/films/{resource}/{name}");
    harness.cluster.objects.lock().insert(path, object);
}

#[tokio::test]
async fn a_dry_run_shows_what_each_job_and_all_would_cost_and_what_is_unknown() {
    let harness = Harness::new().await;
    let grok = json!({
        "apiVersion": "videofactory.dev/v1alpha1", "kind": "ProviderAccount", "metadata": {"name": "grok"},
        "spec": {"provider": "XAI", "prices": {"videoSecond": "0.10"},
                 "quotas": [{"name": "clips", "limit": 5, "period": "2h", "operations": ["animate"]}]},
        "status": {"quotas": [{"name": "clips", "limit": 5, "reserved": 1}]},
    });
    know(&harness, "provideraccounts", "grok", grok);
    let answer = tried(&harness).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    let mut reported = answer.json();
    let (_, document) = documented(&harness.state);
    let schema = document.pointer("/paths/~1jobs/post/responses/200/content/application~1json/schema");
    assert_eq!(faults(&document, schema.unwrap(), &reported), [""; 0]);
    let mut time_of = |place: &str| {
        let object = reported.pointer_mut(place).and_then(Value::as_object_mut).unwrap();
        object.remove("lastUnitAt").is_some_and(|at| at.as_str().is_some_and(|at| at.ends_with('Z')))
    };
    let last_unit_at = (time_of("/estimate"), time_of("/estimate/quotas/0"));
    let unknown = json!(["generate-images: ProviderAccount \"gone\" does not exist in this namespace"]);
    let names: Vec<&Value> = reported["items"].as_array().unwrap().iter().map(|item| &item["id"]).collect();
    let [rivers, lakes] = names[..] else { panic!("{reported}") };
    assert!(rivers.as_str().unwrap().starts_with("films/rivers-"), "{rivers}");
    let costs = |cost: &str, units: i64| {
        let clips =
            json!({"account": "grok", "quota": "clips", "unit": "Requests", "units": units, "remaining": 4});
        json!({"cost": cost, "unknown": unknown, "quotas": [clips]})
    };
    let expected = json!({
        "dryRun": true,
        "items": [{"id": rivers, "estimate": costs("1.80", 3)}, {"id": lakes, "estimate": costs("1.80", 3)}],
        "estimate": costs("3.60", 6),
    });
    // One film fits into the window as it is, and both do not.
    assert_eq!(last_unit_at, (true, true));
    assert_eq!(reported, expected);
}

/// Asks for two films, of which this becomes.
async fn made(harness: &Harness, creations: &[Creation], headers: &[(HeaderName, &str)]) -> Answer {
    harness.cluster.creations.lock().extend(creations.iter().cloned());
    let wish = json!({"namespace": "films", "topics": ["rivers", "lakes"]});
    harness.send("POST", "/jobs", FILMS, headers, &wish.to_string()).await
}

/// The jobs that the cluster has, as the API names them, in order.
fn there(harness: &Harness) -> Vec<String> {
    let objects = harness.cluster.objects.lock();
    let mut names: Vec<String> =
        objects.values().map(|job| format!("films/{}", job["metadata"]["name"].as_str().unwrap())).collect();
    names.sort();
    names
}

/// Why the job of a topic is held, if it is.
fn hold(harness: &Harness, topic: &str) -> Option<String> {
    let objects = harness.cluster.objects.lock();
    let job = objects.values().find(|job| job["spec"]["topic"] == topic).unwrap();
    job["metadata"]["annotations"][requests::HOLD].as_str().map(str::to_owned)
}

/// The jobs that an answer names, in order.
fn named(answer: &Answer) -> Vec<String> {
    let answer = answer.json();
    let items = answer["items"].as_array().unwrap().iter();
    let mut names: Vec<String> = items.map(|item| item["id"].as_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

fn hint(answer: &Answer) -> String {
    answer.json()["hint"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn who_may_not_make_jobs_is_refused_before_one_is_tried() {
    let harness = Harness::new().await;
    harness.cluster.forbidden.lock().push(("create".to_owned(), "videojobs".to_owned()));
    for answer in [made(&harness, &[], &[]).await, tried(&harness).await] {
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{answer:?}");
        assert_eq!(answer.json()["detail"], "you may not create videojobs in namespace films");
    }
}

#[tokio::test]
async fn a_caller_who_hangs_up_leaves_no_half_of_the_jobs() {
    let harness = Harness::new().await;
    let (first, second) = (Arc::new(Barrier::new(2)), Arc::new(Barrier::new(2)));
    let creations = [Creation::Waits(first.clone()), Creation::Waits(second.clone())];
    tokio::select! {
        answer = made(&harness, &creations, &[]) => panic!("{answer:?}"),
        _ = first.wait() => {}
    }
    assert_eq!(harness.state.tasks.under_way(), 1);
    first.wait().await;
    second.wait().await;
    assert!(hold(&harness, "rivers").unwrap().starts_with("created together with another one"));
    second.wait().await;
    harness.state.tasks.ended().await;
    assert_eq!(there(&harness).len(), 2, "the second job is made, too");
    assert_eq!((hold(&harness, "rivers"), hold(&harness, "lakes")), (None, None));
}

#[tokio::test]
async fn a_job_whose_answer_is_lost_counts_as_made() {
    let harness = Harness::new().await;
    let answer = made(&harness, &[Creation::Works, Creation::AnswerLost], &[]).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    assert_eq!(named(&answer), there(&harness));
    assert_eq!(there(&harness).len(), 2);
    assert_eq!((hold(&harness, "rivers"), hold(&harness, "lakes")), (None, None));
}

#[tokio::test]
async fn a_busy_server_is_asked_again() {
    let harness = Harness::new().await;
    harness.cluster.patches.lock().extend([Patching::Works, Patching::IsThrottled]);
    let answer = made(&harness, &[Creation::Works, Creation::IsThrottled, Creation::Works], &[]).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    assert_eq!((hold(&harness, "rivers"), hold(&harness, "lakes")), (None, None));
}

#[tokio::test]
async fn two_films_of_a_request_whose_names_are_the_same_are_not_taken_for_one() {
    let harness = Harness::new().await;
    let keys = [key()];
    let first = made(&harness, &[Creation::Works, Creation::Works], &keys).await;
    assert_eq!(first.status, StatusCode::CREATED, "{first:?}");
    // As if the name of the second one were that of the first.
    for job in harness.cluster.objects.lock().values_mut() {
        job["spec"]["topic"] = json!("rivers");
    }
    let again = made(&harness, &[], &keys).await;
    assert_eq!(again.status, StatusCode::CONFLICT, "{again:?}");
}

#[tokio::test]
async fn a_single_job_is_made_without_a_hold() {
    let harness = Harness::new().await;
    let second = Arc::new(Barrier::new(2));
    harness.cluster.creations.lock().extend([Creation::Works, Creation::Waits(second)]);
    harness.cluster.patches.lock().push_back(Patching::Refused);
    let wish = json!({"namespace": "films", "topic": "rivers"}).to_string();
    let answer = harness.send("POST", "/jobs", FILMS, &[], &wish).await;
    assert_eq!((answer.status, hold(&harness, "rivers")), (StatusCode::CREATED, None), "{answer:?}");
    assert_eq!(harness.cluster.patches.lock().len(), 1, "nothing is let go that was not held");
}

/// Asks for two films, of which the first is held for this reason by somebody else while the second is made.
async fn held_meanwhile(harness: &Harness, why: &str) -> Answer {
    let second = Arc::new(Barrier::new(2));
    let stop = async {
        second.wait().await;
        for job in harness.cluster.objects.lock().values_mut() {
            job["metadata"]["annotations"][requests::HOLD] = json!(why);
            job["metadata"]["resourceVersion"] = json!("by another");
        }
        second.wait().await;
    };
    let creations = [Creation::Works, Creation::Waits(second.clone())];
    tokio::join!(made(harness, &creations, &[]), stop).0
}

#[tokio::test]
async fn what_somebody_holds_while_the_others_are_made_stays_held() {
    let harness = Harness::new().await;
    let answer = held_meanwhile(&harness, "rights").await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    assert_eq!((hold(&harness, "rivers").as_deref(), hold(&harness, "lakes")), (Some("rights"), None));
}

#[tokio::test]
async fn a_stop_of_all_jobs_while_some_are_made_holds_those_that_come_after_it_too() {
    let harness = Harness::new().await;
    let why = "stop-all: the bill";
    let answer = held_meanwhile(&harness, why).await;
    assert_eq!(answer.status, StatusCode::CONFLICT, "{answer:?}");
    let reported = answer.json()["detail"].as_str().unwrap_or_default().to_owned();
    assert!(reported.contains("all jobs were stopped meanwhile") && reported.contains(why), "{reported}");
    assert!(hint(&answer).contains("/resume") && hint(&answer).contains("films/lakes-"), "{answer:?}");
    assert_eq!(
        (hold(&harness, "rivers").as_deref(), hold(&harness, "lakes").as_deref()),
        (Some(why), Some(why))
    );
}

#[tokio::test]
async fn who_may_not_release_jobs_is_refused_before_one_is_made_and_what_stays_held_is_named() {
    let harness = Harness::new().await;
    harness.cluster.forbidden.lock().push(("patch".to_owned(), "videojobs".to_owned()));
    let refused = made(&harness, &[], &[]).await;
    assert_eq!((refused.status, there(&harness)), (StatusCode::FORBIDDEN, Vec::new()), "{refused:?}");

    let harness = Harness::new().await;
    harness.cluster.patches.lock().extend([Patching::Works, Patching::Refused]);
    let broken = made(&harness, &[Creation::Works, Creation::Works], &[]).await;
    assert!(broken.status.is_client_error(), "{broken:?}");
    assert!(hint(&broken).contains("/resume") && hint(&broken).contains("films/lakes-"), "{broken:?}");
    assert!(!hint(&broken).contains("films/rivers-"), "it has begun: {broken:?}");
    assert_eq!(hold(&harness, "rivers"), None);
}

#[tokio::test]
async fn of_two_requests_that_are_the_same_neither_deletes_what_the_other_has_let_go() {
    let harness = Harness::new().await;
    let refused = Arc::new(Barrier::new(2));
    let keys = [key()];
    let other = async {
        refused.wait().await;
        let answer = made(&harness, &[Creation::Works], &keys).await;
        refused.wait().await;
        answer
    };
    let creations = [Creation::Works, Creation::RefusedLater(refused.clone())];
    let (one, other) = tokio::join!(made(&harness, &creations, &keys), other);
    for answer in [one, other] {
        assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
        assert_eq!((named(&answer), there(&harness).len()), (there(&harness), 2));
    }
    assert_eq!((hold(&harness, "rivers"), hold(&harness, "lakes")), (None, None));
}

/// The second of two films is deleted when both are there and the first is about to be let go.
async fn the_second_is_deleted(headers: &[(HeaderName, &str)]) -> (Harness, Answer) {
    let harness = Harness::new().await;
    let first = Arc::new(Barrier::new(2));
    harness.cluster.patches.lock().push_back(Patching::Waits(first.clone()));
    let delete = async {
        first.wait().await;
        harness.cluster.objects.lock().retain(|_, job| job["spec"]["topic"] != "lakes");
        first.wait().await;
    };
    let creations = [Creation::Works, Creation::Works, Creation::Works];
    let (answer, ()) = tokio::join!(made(&harness, &creations, headers), delete);
    (harness, answer)
}

#[tokio::test]
async fn what_the_same_request_takes_back_after_the_first_is_let_go_is_made_again() {
    let (harness, answer) = the_second_is_deleted(&[key()]).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    assert_eq!((named(&answer), there(&harness).len()), (there(&harness), 2));
    assert_eq!((hold(&harness, "rivers"), hold(&harness, "lakes")), (None, None));
}

#[tokio::test]
async fn what_a_person_deletes_of_a_request_that_comes_but_once_stays_deleted() {
    let (harness, answer) = the_second_is_deleted(&[]).await;
    assert_eq!(answer.status, StatusCode::CONFLICT, "{answer:?}");
    assert!(hint(&answer).contains("films/rivers-"), "{answer:?}");
    assert_eq!((there(&harness).len(), hold(&harness, "rivers")), (1, None));
}

#[tokio::test]
async fn what_one_request_has_taken_back_the_same_one_beside_it_does_not_count_as_made() {
    let harness = Harness::new().await;
    let (refused, made_last) = (Arc::new(Barrier::new(2)), Arc::new(Barrier::new(2)));
    let keys = [key()];
    let first = async {
        let answer = made(&harness, &[Creation::Works, Creation::RefusedLater(refused.clone())], &keys).await;
        made_last.wait().await;
        answer
    };
    let second = async {
        refused.wait().await;
        made(&harness, &[Creation::Waits(made_last.clone())], &keys).await
    };
    let meet = async {
        made_last.wait().await;
        refused.wait().await;
    };
    let (broken, other, ()) = tokio::join!(first, second, meet);
    assert_eq!(broken.status, StatusCode::FORBIDDEN, "{broken:?}");
    assert_eq!(other.status, StatusCode::CONFLICT, "{other:?}");
    assert_eq!(there(&harness), [""; 0]);
}

#[tokio::test]
async fn where_one_job_is_refused_none_stays_also_none_whose_answer_was_lost() {
    for first in [Creation::Works, Creation::AnswerLost] {
        for headers in [vec![], vec![key()]] {
            let harness = Harness::new().await;
            let answer = made(&harness, &[first.clone(), Creation::Refused], &headers).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{answer:?}");
            assert!(answer.json()["detail"].as_str().unwrap().contains("exceeded quota"), "{answer:?}");
            assert_eq!(there(&harness), [""; 0]);
        }
    }
}

#[tokio::test]
async fn where_nobody_knows_of_a_job_the_others_are_taken_back_and_it_is_named() {
    let harness = Harness::new().await;
    let answer = made(&harness, &[Creation::Works, Creation::Fails], &[]).await;
    assert_eq!(answer.status, StatusCode::BAD_GATEWAY, "{answer:?}");
    assert!(hint(&answer).contains("look whether they are there") && hint(&answer).contains("films/lakes-"));
    assert_eq!(there(&harness), [""; 0]);
}

#[tokio::test]
async fn the_same_request_sent_again_makes_what_is_missing() {
    let harness = Harness::new().await;
    let broken = made(&harness, &[Creation::Works, Creation::Fails], &[key()]).await;
    assert!(broken.status.is_server_error() && hint(&broken).contains("Idempotency-Key"), "{broken:?}");
    let before = there(&harness);
    assert_eq!(before.len(), 1, "it may be what the same request counts on");
    assert!(hold(&harness, "rivers").is_some(), "it begins with the other one");
    for job in harness.cluster.objects.lock().values_mut() {
        let of_another_release = "created together, as another release says it";
        job["metadata"]["annotations"][requests::HOLD] = json!(of_another_release);
    }
    let answer = made(&harness, &[Creation::Works], &[key()]).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    assert_eq!(named(&answer), there(&harness));
    assert!(there(&harness).len() == 2 && there(&harness).contains(&before[0]));
    assert_eq!((hold(&harness, "rivers"), hold(&harness, "lakes")), (None, None));
}
