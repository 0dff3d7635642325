//! What people ask of jobs, as full command lines.

use serde_json::{Value, json};

use super::*;
use crate::testing::{Ended, Fake, job, list_of, path, run};

fn with_jobs() -> Fake {
    let jobs = [
        job("ocean", json!({"phase": "Failed", "progress": "3/9"})),
        job("sea", json!({"phase": "Succeeded"})),
        job("lake", json!({"phase": "Failed"})),
    ];
    let list = format!("GET {}", path("films", "videojobs", ""));
    let all = format!("GET {}", path("", "videojobs", ""));
    let one = |name: &str| format!("GET {}", path("films", "videojobs", name));
    Fake::default()
        .on(&list, list_of(&jobs))
        .on(&all, list_of(&jobs))
        .on(&one("ocean"), jobs[0].clone())
        .on(&one("sea"), jobs[1].clone())
}

fn patched(fake: &Fake) -> Vec<(String, Value)> {
    fake.writes().into_iter().map(|seen| (seen.what, seen.body)).collect()
}

fn parts(ended: &Ended) -> (Exit, &str, &str) {
    (ended.exit, &ended.out, &ended.err)
}

#[tokio::test]
async fn a_film_that_is_named_is_asked_at_once() {
    let fake = with_jobs();
    let ended = run(&fake, "retry ocean", None).await;
    assert_eq!(parts(&ended), (Exit::Done, "videojob.videofactory.dev/ocean retried\n", ""));
    let annotations = json!({"videofactory.dev/retry-requested-at": "2026-12-24T18:00:00Z"});
    let what = format!("PATCH {}", path("films", "videojobs", "ocean"));
    assert_eq!(patched(&fake), [(what, json!({"metadata": {"annotations": annotations}}))]);
}

#[tokio::test]
async fn what_cannot_be_asked_is_reported_beside_what_can() {
    let fake = with_jobs();
    let ended = run(&fake, "retry ocean sea moon", None).await;
    assert_eq!((ended.exit, ended.out.as_str()), (Exit::NotAll, "videojob.videofactory.dev/ocean retried\n"));
    let lines: Vec<&str> = ended.err.lines().collect();
    assert!(lines[0].starts_with("error: films/sea has succeeded"), "{lines:?}");
    assert!(lines[1].starts_with("error: failed to get VideoJob films/moon"), "{lines:?}");
    assert_eq!(patched(&fake).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_restart_without_an_answer_is_looked_for_and_is_not_to_be_tried_again() {
    let patch = format!("PATCH {}", path("films", "videojobs", "sea"));
    let ended = run(&with_jobs().hangs(&patch), "restart sea", None).await;
    assert_eq!((ended.exit, ended.out.as_str()), (Exit::NotAll, ""));
    assert!(
        ended.err.contains("look whether run 1 of films/sea has begun before you ask again"),
        "{}",
        ended.err
    );
    assert!(!ended.err.contains("try again"), "{}", ended.err);

    let get = format!("GET {}", path("films", "videojobs", "sea"));
    let mut asked = job("sea", json!({"phase": "Succeeded"}));
    let before = asked.clone();
    asked["metadata"]["annotations"] = json!({"videofactory.dev/restart-requested-at": crate::testing::NOW});
    let fake = Fake::default().on(&get, before).on(&get, asked).hangs(&patch);
    let ended = run(&fake, "restart sea", None).await;
    assert_eq!(parts(&ended), (Exit::Done, "videojob.videofactory.dev/sea restarted\n", ""));
}

#[tokio::test]
async fn many_films_are_listed_and_asked_about_first() {
    let fake = with_jobs();
    let ended = run(&fake, "retry --all", Some("y\n")).await;
    assert_eq!(
        ended.err,
        "JOB           PHASE    PROGRESS\n\
         films/lake    Failed\n\
         films/ocean   Failed   3/9\n\
         Retry 2 jobs? [y/N] error: films/sea has succeeded, so there is nothing to retry; to make the film \
         again, ask for a restart\n"
    );
    assert_eq!(
        ended.out,
        "videojob.videofactory.dev/lake retried\nvideojob.videofactory.dev/ocean retried\n"
    );
    assert_eq!((ended.exit, patched(&fake).len()), (Exit::NotAll, 2));
}

fn versions(fake: &Fake) -> Vec<Value> {
    patched(fake).into_iter().map(|(_, patch)| patch["metadata"]["resourceVersion"].clone()).collect()
}

#[tokio::test]
async fn what_has_changed_since_it_was_listed_is_read_again() {
    let list = |job: &Value| {
        Fake::default()
            .on(&format!("GET {}", path("films", "videojobs", "")), list_of(std::slice::from_ref(job)))
    };
    let one = path("films", "videojobs", "ocean");
    let (get, patch) = (format!("GET {one}"), format!("PATCH {one}"));
    let failed = job("ocean", json!({"phase": "Failed"}));
    let now = |status: Value| {
        let mut job = job("ocean", status);
        job["metadata"]["resourceVersion"] = json!("8");
        job
    };
    let conflict = |fake: Fake| fake.refuses(&patch, 409, "Conflict", "it has been modified");

    let moved_on = conflict(list(&failed)).on(&get, now(json!({"phase": "Running"})));
    for verb in ["retry", "restart"] {
        let ended = run(&moved_on, &format!("{verb} --all --yes"), None).await;
        assert_eq!((ended.exit, ended.out.as_str()), (Exit::NotAll, ""), "{verb}: {}", ended.err);
    }
    assert_eq!(versions(&moved_on), ["7", "7"]);

    let step = json!({"name": "animate-scenes", "state": "Waiting", "reason": "OutcomeUnknown"});
    let asks = now(json!({"phase": "Failed", "steps": [step]}));
    let ended = run(&conflict(list(&failed)).on(&get, asks), "retry --all --yes", None).await;
    assert!(ended.err.contains("asks whether to pay again"), "{}", ended.err);

    let again = conflict(list(&failed)).on(&patch, failed.clone()).on(&get, now(json!({"phase": "Failed"})));
    let ended = run(&again, "retry --all --yes", None).await;
    assert_eq!(ended.out, "videojob.videofactory.dev/ocean retried\n");
    assert_eq!(versions(&again), ["7", "8"]);
}

#[tokio::test]
async fn what_has_begun_while_the_question_stood_is_stopped_too() {
    let list = format!("GET {}", path("", "videojobs", ""));
    let film = |name: &str| job(name, json!({"phase": "Running"}));
    let fake = Fake::default()
        .on(&list, list_of(&[film("ocean")]))
        .on(&list, list_of(&[film("ocean"), film("sea")]));
    let ended = run(&fake, "stop-all -A", Some("y\n")).await;
    assert_eq!(
        ended.out,
        "videojob.videofactory.dev/ocean suspended\nvideojob.videofactory.dev/sea suspended\n"
    );
}

#[tokio::test]
async fn anything_but_a_yes_changes_nothing() {
    for answer in ["", "n\n", "maybe\n", "yep\n"] {
        let fake = with_jobs();
        let ended = run(&fake, "restart --all", Some(answer)).await;
        assert_eq!((ended.exit, ended.out.as_str()), (Exit::Declined, ""));
        assert!(ended.err.ends_with("Nothing was changed.\n"), "{}", ended.err);
        assert_eq!(patched(&fake), []);
    }
    let fake = with_jobs();
    let ended = run(&fake, "restart --phase failed", None).await;
    assert_eq!(ended.exit, Exit::Usage);
    assert!(ended.err.contains("say --yes"), "{}", ended.err);
    assert_eq!(patched(&fake), []);
}

#[tokio::test]
async fn a_yes_on_the_line_and_a_dry_run_ask_nothing() {
    let fake = with_jobs();
    let dry = run(&fake, "restart --phase failed --dry-run", None).await;
    assert_eq!(
        parts(&dry),
        (
            Exit::Done,
            "videojob.videofactory.dev/lake restarted (dry run)\nvideojob.videofactory.dev/ocean restarted (dry run)\n",
            ""
        )
    );
    assert_eq!(patched(&fake), []);
    let checked = run(&fake, "restart ocean --dry-run=server", None).await;
    let said = "videojob.videofactory.dev/ocean restarted (server dry run)\n";
    assert_eq!(parts(&checked), (Exit::Done, said, ""));
    let writes = fake.writes();
    assert!(writes.len() == 1 && writes[0].query.contains("dryRun=All"), "{writes:?}");
    let fake = with_jobs();
    let names = run(&fake, "restart --phase failed --dry-run=client -o name", None).await;
    assert_eq!(names.out, "videojob.videofactory.dev/lake\nvideojob.videofactory.dev/ocean\n");
    let yes = run(&fake, "restart --phase failed --yes -o json", None).await;
    let printed: Value = serde_json::from_str(&yes.out).unwrap();
    assert_eq!(
        (&printed["action"], &printed["dryRun"], &printed["counts"], &printed["items"][0]["outcome"]),
        (&json!("restart"), &json!(false), &json!({"requested": 2}), &json!("requested"))
    );
    assert_eq!(patched(&fake).len(), 2);
}

#[tokio::test]
async fn nobody_is_meant_without_a_name_or_a_filter() {
    let ended = run(&with_jobs(), "restart", None).await;
    assert_eq!(ended.exit, Exit::Usage);
    let reported =
        "error: say which jobs to restart\nname them, filter by --phase, --channel or -l, or say --all\n";
    assert_eq!(ended.err, reported);
    assert_eq!(run(&with_jobs(), "approve", None).await.exit, Exit::Usage);
    for unset in ["-l=", "--selector=", "--channel="] {
        let ended = run(&with_jobs(), &format!("restart --yes {unset}"), None).await;
        assert_eq!(ended.exit, Exit::Usage, "{unset}");
        assert!(ended.err.contains("which would mean all jobs"), "{}", ended.err);
    }
    assert_eq!(run(&with_jobs(), "retry ocean --all", None).await.exit, Exit::Usage);
}

fn review(allowed: bool) -> Fake {
    let status = json!({"phase": "Review", "steps": [{
        "name": "assemble-video", "state": "Succeeded", "reason": "AwaitingReview", "outputDigest": "3f9c",
    }]});
    let asks = "POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    Fake::default()
        .on(&format!("GET {}", path("films", "videojobs", "ocean")), job("ocean", status))
        .on(asks, json!({"spec": {}, "status": {"allowed": allowed}}))
}

#[tokio::test]
async fn an_approval_needs_its_verb_and_is_of_what_is_under_review() {
    let fake = review(true);
    let ended = run(&fake, "approve ocean", None).await;
    assert_eq!(parts(&ended), (Exit::Done, "videojob.videofactory.dev/ocean approved\n", ""));
    let patch = &patched(&fake)[1].1;
    assert_eq!(patch["metadata"]["annotations"]["videofactory.dev/approved"], "assemble-video@3f9c");
    let other = run(&review(true), "reject ocean --result assemble-video@aaaa", None).await;
    assert_eq!(other.exit, Exit::NotAll);
    assert!(other.err.contains("something else since"), "{}", other.err);
    let fake = review(false);
    let refused = run(&fake, "approve ocean", None).await;
    assert_eq!(refused.exit, Exit::Failed);
    assert!(refused.err.contains("may not approve") && refused.err.contains("videofactory-edit"));
    assert_eq!(patched(&fake).len(), 1, "nothing but the question");
}

#[tokio::test]
async fn a_resume_of_many_names_what_was_held_on_purpose_and_leaves_it_so() {
    let held = |name: &str, why: &str| {
        let mut film = job(name, json!({"phase": "Suspended"}));
        film["metadata"]["annotations"] = json!({"videofactory.dev/hold": why});
        film
    };
    let jobs = [held("ocean", "stop-all: fire"), held("sea", "rights")];
    let fake = || Fake::default().on(&format!("GET {}", path("films", "videojobs", "")), list_of(&jobs));
    let ended = run(&fake(), "resume --all --yes", None).await;
    assert_eq!((ended.exit, ended.out.as_str()), (Exit::NotAll, "videojob.videofactory.dev/ocean resumed\n"));
    assert!(
        ended.err.starts_with("error: films/sea is suspended for another reason (\"rights\")"),
        "{}",
        ended.err
    );
    let ended = run(&fake(), "resume --all --yes --reason rights", None).await;
    assert_eq!(ended.out, "videojob.videofactory.dev/sea resumed\n");
    assert_eq!(run(&fake(), "resume ocean --reason rights", None).await.exit, Exit::Usage);
}

#[tokio::test]
async fn what_its_manifest_suspends_too_is_said_to_stay_suspended() {
    let mut held = job("ocean", json!({"phase": "Suspended"}));
    held["metadata"]["annotations"] = json!({"videofactory.dev/hold": "stop-all"});
    held["spec"]["suspend"] = json!(true);
    let fake = Fake::default().on(&format!("GET {}", path("films", "videojobs", "")), list_of(&[held]));
    let ended = run(&fake, "resume --all --yes", None).await;
    let reported = "videojob.videofactory.dev/ocean resumed: films/ocean stays suspended by its spec.suspend: to resume it, \
                name it and give no reason\n";
    assert_eq!(parts(&ended), (Exit::Done, reported, ""));
}

#[tokio::test]
async fn a_blank_reason_is_none() {
    let hold = |fake: &Fake| patched(fake)[0].1["metadata"]["annotations"]["videofactory.dev/hold"].clone();
    for (line, reason) in [
        ("suspend ocean --reason=", "suspended by kubectl videofactory"),
        ("stop-all --yes --reason=", "stop-all"),
    ] {
        let running = job("ocean", json!({"phase": "Running"}));
        let fake = Fake::default()
            .on(&format!("GET {}", path("films", "videojobs", "")), list_of(std::slice::from_ref(&running)))
            .on(&format!("GET {}", path("films", "videojobs", "ocean")), running);
        assert_eq!(run(&fake, line, None).await.exit, Exit::Done, "{line}");
        assert_eq!(hold(&fake), reason, "{line}");
    }
}

#[tokio::test]
async fn what_is_at_work_is_stopped_first() {
    let step = json!({"name": "animate-scenes", "state": "Running"});
    let jobs =
        [job("lake", json!({"phase": "Pending"})), job("sea", json!({"phase": "Running", "steps": [step]}))];
    let fake = Fake::default().on(&format!("GET {}", path("films", "videojobs", "")), list_of(&jobs));
    let ended = run(&fake, "stop-all --yes", None).await;
    assert_eq!(
        ended.out,
        "videojob.videofactory.dev/sea suspended\nvideojob.videofactory.dev/lake suspended\n"
    );
    let names: Vec<String> = patched(&fake).into_iter().map(|(what, _)| what).collect();
    assert!(names[0].ends_with("/sea"), "{names:?}");
}

#[tokio::test]
async fn all_that_has_not_ended_is_stopped() {
    let mut again = job("lake", json!({"phase": "Failed", "observedGeneration": 1}));
    again["metadata"]["annotations"] = json!({"videofactory.dev/retry-requested-at": "2026-12-24T17:59:59Z"});
    let ended = job("sea", json!({"phase": "Succeeded", "observedGeneration": 1}));
    let jobs = [job("ocean", json!({"phase": "Running"})), ended, again];
    let list = format!("GET {}", path("", "videojobs", ""));
    let fake = Fake::default().on(&list, list_of(&jobs));
    let ended = run(&fake, "stop-all -A --yes --reason fire", None).await;
    let both = "videojob.videofactory.dev/lake suspended\nvideojob.videofactory.dev/ocean suspended\n";
    assert_eq!(
        parts(&ended),
        (Exit::Done, both, ""),
        "the operator has not seen yet that lake is to be retried"
    );
    assert_eq!(patched(&fake)[0].1["metadata"]["annotations"]["videofactory.dev/hold"], "stop-all: fire");
}
