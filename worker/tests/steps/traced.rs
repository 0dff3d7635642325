//! What an attempt reports of itself in traces.

use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use videofactory_pipeline::contract::RunTrace;
use videofactory_tests::otlp::Receiver;

use super::support::*;
use super::*;

/// What the operator gives the pod of the next attempt of a step.
fn reported(film: &Production<'_>, step: StepName, collector: &str) -> Vec<(&'static str, String)> {
    let input = film.input(step);
    let trace = RunTrace::of(&input.job.uid, input.job.run, None);
    vec![
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", format!("{collector}/v1/traces")),
        ("TRACEPARENT", trace.for_worker(step, film.attempt + 1).to_string()),
    ]
}

#[tokio::test]
async fn the_stages_of_a_film_are_parts_of_its_attempts_execution() {
    let (studio, receiver) = (Studio::open().await, Receiver::start().await.unwrap());
    let mut film = Production::new(&studio);
    film.given.scenes.truncate(1);
    film.make_up_to(StepName::AnimateScenes).await;
    assert_eq!(receiver.spans(), [], "nobody has asked for spans");
    film.variables = reported(&film, StepName::AssembleVideo, receiver.url());
    film.make(StepName::AssembleVideo).await;

    let input = film.input(StepName::AssembleVideo);
    let expected = RunTrace::of(&input.job.uid, 1, None).for_worker(StepName::AssembleVideo, film.attempt);
    let spans = receiver.spans();
    let mut in_order: Vec<_> = spans.iter().collect();
    in_order.sort_by_key(|span| (span.from, span.to));
    let names: Vec<&str> = in_order.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(names, ["fetch", "prepare", "sound", "picture", "join", "checks", "store"]);
    for span in &spans {
        assert_eq!((&span.trace, &span.parent), (&expected.trace.to_string(), &expected.parent.to_string()));
        assert_eq!(span.resource["service.name"], "videofactory-worker");
        assert_eq!(span.resource["k8s.namespace.name"], "tests");
        assert_eq!(span.attributes["videofactory.step"], "assemble-video");
    }
    assert!(in_order.windows(2).all(|pair| pair[0].to <= pair[1].from + 1_000_000), "{in_order:?}");
    let all = format!("{spans:?}");
    assert!(!all.contains("The sea is deep") && !all.contains(studio.server.keys().1), "{all}");
}

#[tokio::test]
async fn a_collector_that_never_answers_costs_no_step_more_than_a_moment() {
    let (studio, silent) = (Studio::open().await, TcpListener::bind("127.0.0.1:0").await.unwrap());
    let mut film = Production::new(&studio);
    film.given.scenes.truncate(1);
    film.make_up_to(StepName::AnimateScenes).await;
    film.variables =
        reported(&film, StepName::AssembleVideo, &format!("http://{}", silent.local_addr().unwrap()));
    let step = film.start(StepName::AssembleVideo);
    let (_asked, _) = silent.accept().await.unwrap();
    let asked = Instant::now();
    let ended = step.wait().await;
    assert!(asked.elapsed() < Duration::from_mins(1), "{:?}", asked.elapsed());
    assert_eq!(ended.code, 0, "{}", ended.outcome.message);
    assert!(ended.log.contains("the collector did not answer in time"), "{}", ended.log);
}

#[tokio::test]
async fn a_collector_that_refuses_changes_no_outcome() {
    let (studio, receiver) = (Studio::open().await, Receiver::start().await.unwrap());
    receiver.answer(401);
    let mut film = Production::new(&studio);
    film.given.scenes.truncate(1);
    film.make_up_to(StepName::AnimateScenes).await;
    film.variables = reported(&film, StepName::AssembleVideo, receiver.url());
    let ended = film.run(StepName::AssembleVideo).await;
    assert_eq!((ended.code, receiver.refused()), (0, 1));
    assert!(ended.log.contains("status code: 401"), "{}", ended.log);
}
