//! What traces contain of attempts and runs, once they have ended.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::json;
use videofactory_crds::condition::Phase;
use videofactory_crds::{StepName, requests};
use videofactory_net::Network;
use videofactory_pipeline::contract::{ExitCode, Part, RunTrace, SpanId};
use videofactory_tests::otlp::Receiver;
use videofactory_traces::{Exporter, ServiceResource, Settings, Span, Value};

use super::super::super::model::PodState;
use super::super::super::trace::{complaint, spans_of};
use super::super::testing::Harness;
use super::super::testing::spans::{is_run, is_step};
use super::quota_request::{close_grants, demand, film, grant, grok, partly, until_animation};

const SCRIPT: StepName = StepName::WriteScript;
const CLIPS: StepName = StepName::AnimateScenes;
const OUTSIDE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// An attribute as text; empty if there is none.
fn attribute(span: &Span, name: &str) -> String {
    let held = span.attributes.iter().find(|(held, _)| *held == name).map(|(_, value)| value);
    match held {
        Some(Value::Text(text)) => text.clone(),
        Some(other) => format!("{other:?}"),
        None => String::new(),
    }
}

/// Spans in a line each, by when they begin, in seconds since `zero`: name, attempt, begin, end, outcome.
fn reported(spans: &[Span], zero: Timestamp) -> Vec<String> {
    let mut spans: Vec<&Span> = spans.iter().collect();
    spans.sort_by_key(|span| (span.from, !is_step(span), span.to));
    let seconds = |at: Timestamp| at.duration_since(zero).as_secs();
    let line = |span: &Span| {
        let attempt = attribute(span, "videofactory.attempt");
        let attempt = attempt.trim_start_matches("Count(").trim_end_matches(')');
        let outcome = attribute(span, "videofactory.outcome");
        let failed = if span.failed { " !" } else { "" };
        let line = format!("{} {attempt} {}..{} {outcome}", span.name, seconds(span.from), seconds(span.to));
        format!("{}{failed}", line.trim_end())
    };
    spans.into_iter().map(line).collect()
}

/// The step's pod has started so many seconds ago, ends now, and that is recorded.
fn end(harness: &mut Harness, step: StepName, exit: ExitCode, ran: i64) {
    harness.end(step, exit);
    started(harness, step, ran);
    harness.converge();
}

fn started(harness: &mut Harness, step: StepName, ago: i64) {
    let at = harness.now.checked_sub(SignedDuration::from_secs(ago)).unwrap();
    for pod in harness.observed.pods.iter_mut().filter(|pod| pod.step == step) {
        if let PodState::Ended(end) = &mut pod.state {
            end.started = Some(at);
        }
    }
}

fn of_step(harness: &Harness, step: StepName) -> Vec<Span> {
    let mine = |span: &&Span| attribute(span, "videofactory.step") == step.as_str();
    harness.traced.iter().filter(mine).cloned().collect()
}

fn runs(harness: &Harness) -> Vec<Span> {
    harness.traced.iter().filter(|span| is_run(span)).cloned().collect()
}

/// What was granted may be submitted so many seconds from now on.
fn opens_in(harness: &mut Harness, seconds: i64) {
    let at = harness.now.checked_add(SignedDuration::from_secs(seconds)).unwrap();
    let now = harness.now;
    for grant in &mut grok(harness).status.grants {
        grant.given_at = Some(Time(now));
        grant.openings = serde_json::from_value(json!([{"at": at, "submissions": 1}])).unwrap();
    }
}

#[test]
fn the_waits_of_an_attempt_are_distinguished_from_its_work() {
    let mut harness = film(&json!({}));
    until_animation(&mut harness);
    let zero = harness.now;
    // Two days for a unit; it opens 20 s after its grant, in which the pod starts.
    harness.pass(172_800);
    grant(&mut harness, 3);
    opens_in(&mut harness, 20);
    harness.converge();
    harness.pass(100);
    end(&mut harness, CLIPS, ExitCode::Done, 88);
    assert_eq!(
        reported(&of_step(&harness, CLIPS), zero),
        [
            "animate-scenes 1 0..172900 succeeded",
            "quota wait 1 0..172820",
            "queue wait 1 172800..172812",
            "execution 1 172812..172900",
        ]
    );
}

#[test]
fn what_was_free_is_waited_for_no_longer_than_it_was() {
    let mut harness = film(&json!({}));
    until_animation(&mut harness);
    let zero = harness.now;
    grant(&mut harness, 3);
    harness.converge();
    harness.pass(30);
    end(&mut harness, CLIPS, ExitCode::Done, 30);
    assert_eq!(
        reported(&of_step(&harness, CLIPS), zero),
        ["animate-scenes 1 0..30 succeeded", "quota wait 1 0..0", "queue wait 1 0..0", "execution 1 0..30",]
    );
}

#[test]
fn each_attempt_of_a_film_that_gets_units_bit_by_bit_has_its_own_wait() {
    let mut harness = film(&json!({}));
    until_animation(&mut harness);
    let zero = harness.now;
    grant(&mut harness, 1);
    harness.converge();
    harness.pass(60);
    partly(&mut harness, 1, 2);
    started(&mut harness, CLIPS, 60);
    harness.converge();
    close_grants(&mut harness);
    harness.converge();
    assert_eq!(
        demand(&harness).since,
        Some(Time(zero)),
        "its place in the line is that of who has waited from then on"
    );
    harness.pass(7_200);
    grant(&mut harness, 2);
    harness.converge();
    harness.pass(40);
    end(&mut harness, CLIPS, ExitCode::Done, 40);
    assert_eq!(
        reported(&of_step(&harness, CLIPS), zero),
        [
            "animate-scenes 1 0..60 paused",
            "quota wait 1 0..0",
            "queue wait 1 0..0",
            "execution 1 0..60",
            "animate-scenes 2 60..7300 succeeded",
            "quota wait 2 60..7260",
            "queue wait 2 7260..7260",
            "execution 2 7260..7300",
        ]
    );
}

#[test]
fn a_retry_is_an_attempt_of_its_own() {
    let mut harness = Harness::topic();
    harness.converge();
    let zero = harness.now;
    harness.pass(10);
    end(&mut harness, SCRIPT, ExitCode::Bug, 7);
    harness.pass(60);
    harness.converge();
    harness.pass(20);
    end(&mut harness, SCRIPT, ExitCode::Done, 19);
    assert_eq!(
        reported(&of_step(&harness, SCRIPT), zero),
        [
            "write-script 1 0..10 failed !",
            "queue wait 1 0..3",
            "execution 1 3..10 !",
            "write-script 2 70..90 succeeded",
            "queue wait 2 70..71",
            "execution 2 71..90",
        ]
    );
    assert_eq!(attribute(&of_step(&harness, SCRIPT)[2], "error.type"), "failed");
}

#[test]
fn an_interrupted_attempt_is_traced_as_far_as_it_is_known() {
    for lose in [Harness::interrupt_pod as fn(&mut Harness, StepName), Harness::lose_pod] {
        let mut harness = Harness::topic();
        harness.converge();
        let zero = harness.now;
        harness.pass(10);
        lose(&mut harness, SCRIPT);
        harness.converge();
        harness.pass(5);
        end(&mut harness, SCRIPT, ExitCode::Done, 4);
        assert_eq!(
            reported(&of_step(&harness, SCRIPT), zero),
            [
                "write-script 1 0..10 interrupted",
                "execution 1 0..10",
                "write-script 2 10..15 succeeded",
                "queue wait 2 10..11",
                "execution 2 11..15",
            ]
        );
    }
}

#[test]
fn a_pod_that_never_ran_has_waited_and_nothing_else() {
    let mut harness = Harness::topic();
    harness.converge();
    let zero = harness.now;
    harness.pass(10);
    harness.end_silently(SCRIPT, 1, false);
    for pod in &mut harness.observed.pods {
        if let PodState::Ended(end) = &mut pod.state {
            (end.exit_code, end.started, end.reason) = (None, None, "Evicted".to_owned());
        }
    }
    harness.converge();
    let first: Vec<Span> = of_step(&harness, SCRIPT);
    assert_eq!(reported(&first, zero), ["write-script 1 0..10 interrupted", "queue wait 1 0..10"]);
}

#[test]
fn what_is_stopped_on_request_has_not_failed() {
    let mut harness = Harness::topic();
    harness.converge();
    harness.annotate(requests::HOLD, "lunch");
    harness.converge();
    let spans = of_step(&harness, SCRIPT);
    let step = spans.iter().find(|span| is_step(span)).unwrap();
    assert_eq!((attribute(step, "videofactory.outcome").as_str(), step.failed), ("stopped", false));
    assert_eq!(runs(&harness), [], "the run continues when the hold ends");
}

/// A film of all six steps, with a service that animates, traced from its creation on.
fn whole_film() -> (Harness, Timestamp) {
    let mut harness = film(&json!({"publish": {"targets": [{"name": "main", "type": "Bucket"}]}}));
    let zero = harness.now;
    harness.observed.job.metadata.creation_timestamp = Some(Time(zero));
    harness.pass(2);
    harness.converge();
    for step in [SCRIPT, StepName::GenerateImages, StepName::NarrateScenes] {
        harness.pass(10);
        end(&mut harness, step, ExitCode::Done, 5);
    }
    harness.pass(100);
    grant(&mut harness, 3);
    harness.converge();
    for step in [CLIPS, StepName::AssembleVideo, StepName::PublishVideo] {
        harness.pass(10);
        end(&mut harness, step, ExitCode::Done, 9);
    }
    assert_eq!(harness.phase(), Phase::Succeeded);
    (harness, zero)
}

#[test]
fn a_run_is_traced_from_the_jobs_creation_to_its_publication() {
    let (harness, zero) = whole_film();
    let runs = runs(&harness);
    assert_eq!(reported(&runs, zero), ["video films/ocean run 1  0..162 succeeded"]);
    assert_eq!(runs[0].parent, None);
    assert_eq!(attribute(&runs[0], "videofactory.film.bytes"), "Count(1)");
    let whole: BTreeMap<SpanId, &Span> = harness.traced.iter().map(|span| (span.id, span)).collect();
    for span in &harness.traced {
        let parent = span.parent.and_then(|parent| whole.get(&parent));
        let within = parent.is_none_or(|parent| parent.from <= span.from && span.to <= parent.to);
        assert!(within && (parent.is_some() || is_run(span)), "{span:?}");
    }
}

#[test]
fn no_text_of_a_film_is_traced() {
    let (harness, _) = whole_film();
    let all = format!("{:?}", harness.traced);
    for text in ["the deep", "as the test says", "videos/film.mp4"] {
        assert!(!all.contains(text), "{text} is in {all}");
    }
}

#[test]
fn what_is_reported_again_after_a_crash_is_the_same_span() {
    let mut harness = Harness::topic();
    harness.converge();
    harness.pass(10);
    harness.end(SCRIPT, ExitCode::Done);
    let status = super::super::decide(&harness.observed, harness.now).status;
    let first = spans_of(&harness.observed, &status, harness.now);
    assert_eq!(spans_of(&harness.observed, &status, harness.now), first);
    harness.converge();
    assert_eq!(harness.traced, first);
    let trace = RunTrace::of("3f9c2a1e-1111-2222", 1, None);
    let ids: Vec<SpanId> = first.iter().map(|span| span.id).collect();
    let parts = [Part::QueueWait, Part::Execution, Part::Step];
    assert_eq!(ids, parts.map(|part| trace.span(SCRIPT, 1, part)), "as the worker derives them");
}

#[test]
fn a_restart_ends_a_run_and_what_was_at_work_belongs_to_it() {
    let mut harness = Harness::topic();
    let zero = harness.now;
    harness.observed.job.metadata.creation_timestamp = Some(Time(zero));
    harness.converge();
    harness.pass(50);
    let asked = harness.now;
    harness.annotate(requests::RESTART, &asked.to_string());
    harness.converge();
    harness.pass(20);
    end(&mut harness, SCRIPT, ExitCode::Done, 20);
    harness.run_to_rest();
    let first = RunTrace::of("3f9c2a1e-1111-2222", 1, None);
    let runs = runs(&harness);
    let names: Vec<&str> = runs.iter().map(|run| run.name.as_str()).collect();
    assert_eq!(names, ["video films/ocean run 1", "video films/ocean run 2"]);
    assert_eq!((runs[0].from, runs[0].to, runs[0].trace), (zero, asked, first.id));
    assert_eq!(attribute(&runs[0], "videofactory.outcome"), "restarted");
    assert_eq!(runs[1].from, asked);
    assert_ne!(runs[1].trace, first.id, "each run is a trace");
    let script: Vec<Span> = of_step(&harness, SCRIPT).into_iter().filter(is_step).collect();
    assert_eq!(
        script.iter().map(|span| span.parent).collect::<Vec<_>>(),
        runs.iter().map(|run| Some(run.id)).collect::<Vec<_>>()
    );
}

#[test]
fn a_run_that_failed_and_continues_is_reported_again_as_the_same_span() {
    let mut harness = Harness::new(json!({"topic": "x", "retry": {"limit": 0}}));
    harness.converge();
    harness.pass(10);
    end(&mut harness, SCRIPT, ExitCode::Bug, 5);
    harness.pass(600);
    harness.annotate(requests::RETRY, "2026-01-01T00:00:00Z");
    harness.run_to_rest();
    let runs = runs(&harness);
    assert_eq!(runs.iter().map(|run| run.failed).collect::<Vec<_>>(), [true, false]);
    assert_eq!(runs[0].id, runs[1].id);
    assert!(runs[0].to < runs[1].to);
}

#[test]
fn a_context_from_outside_is_taken_over() {
    let mut harness = Harness::topic();
    harness.annotate(requests::TRACEPARENT, OUTSIDE);
    harness.run_to_rest();
    assert!(harness.traced.iter().all(|span| span.trace.to_string() == "0af7651916cd43dd8448eb211c80319c"));
    let run = &runs(&harness)[0];
    assert_eq!(run.parent.map(|parent| parent.to_string()).as_deref(), Some("b7ad6b7169203331"));
    assert!(run.parent_is_remote && complaint(&harness.observed.job).is_none());
}

#[test]
fn a_context_that_is_not_sampled_is_not_exported() {
    let mut harness = Harness::topic();
    harness.annotate(requests::TRACEPARENT, &OUTSIDE.replace("-01", "-00"));
    harness.run_to_rest();
    assert_eq!(harness.traced, []);
}

#[test]
fn a_context_that_cannot_be_read_is_ignored_and_reported() {
    let mut harness = Harness::topic();
    harness.annotate(requests::TRACEPARENT, "0af7651916cd43dd8448eb211c80319c");
    harness.run_to_rest();
    let own = RunTrace::of("3f9c2a1e-1111-2222", 1, None).id;
    assert!(!harness.traced.is_empty() && harness.traced.iter().all(|span| span.trace == own));
    let event = complaint(&harness.observed.job).unwrap();
    assert!(event.warning && event.note.contains("00-<32 digits>"), "{}", event.note);
}

#[tokio::test]
async fn a_film_of_six_steps_is_one_complete_trace_at_a_collector() {
    let receiver = Receiver::start().await.unwrap();
    let endpoint = (receiver.url().to_owned(), "OTEL_EXPORTER_OTLP_ENDPOINT");
    let settings = Settings::read(|name| (name == endpoint.1).then(|| endpoint.0.clone())).unwrap().unwrap();
    let service = ServiceResource { name: "videofactory-operator", ..ServiceResource::default() };
    let exporter = Exporter::new(&settings, &Network::default(), &service).unwrap();
    let (harness, _) = whole_film();
    exporter.export(harness.traced.clone()).await.unwrap();

    let spans = receiver.spans();
    let traces: BTreeSet<&str> = spans.iter().map(|span| span.trace.as_str()).collect();
    assert_eq!(traces.len(), 1);
    let root: Vec<_> = spans.iter().filter(|span| span.parent.is_empty()).collect();
    assert_eq!(root.iter().map(|span| span.name.as_str()).collect::<Vec<_>>(), ["video films/ocean run 1"]);
    let children = |id: &str| -> BTreeSet<&str> {
        spans.iter().filter(|span| span.parent == id).map(|span| span.name.as_str()).collect()
    };
    assert_eq!(children(&root[0].id), StepName::ALL.map(StepName::as_str).into());
    for step in spans.iter().filter(|span| span.parent == root[0].id) {
        let mut expected = BTreeSet::from(["queue wait", "execution"]);
        expected.extend((step.name == "animate-scenes").then_some("quota wait"));
        assert_eq!(children(&step.id), expected, "{}", step.name);
    }
    let quota = spans.iter().find(|span| span.name == "quota wait").unwrap();
    assert_eq!((quota.to - quota.from) / 1_000_000_000, 100);
    assert_eq!(quota.attributes["videofactory.account"], "grok");
    let service = |span: &videofactory_tests::otlp::Received| span.resource["service.name"].clone();
    assert!(spans.iter().all(|span| service(span) == "videofactory-operator" && !span.failed));
}
