//! Spans of an external service's work.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;
use videofactory_crds::StepName;
use videofactory_net::Network;
use videofactory_pipeline::contract::RunTrace;
use videofactory_tests::otlp::{Received, Receiver};
use videofactory_worker::steps;
use videofactory_worker::traces::Traces;

use crate::fake_service::FakeService;
use crate::support::Studio;
use crate::work::{ACCOUNT, Film};

const STEP: StepName = StepName::AnimateScenes;

/// Runs the next attempt of a step; returns what it sent.
async fn traced(film: &mut Film<'_>, step: StepName, receiver: &Receiver) -> Vec<Received> {
    let (mut context, _root) = film.pod(step);
    let input = &context.input;
    let parent = RunTrace::of(&input.job.uid, input.job.run, None).for_worker(step, input.attempt);
    let endpoint = receiver.url().to_owned();
    context.traces = Traces::read(input, "pod-uid", |name| match name {
        "TRACEPARENT" => Some(parent.to_string()),
        "OTEL_EXPORTER_OTLP_ENDPOINT" => Some(endpoint.clone()),
        _ => None,
    });
    let _ = steps::run(&context).await;
    context.traces.clone().send(Network::default()).await;
    let spans = receiver.spans();
    assert!(spans.iter().all(|span| span.parent == parent.parent.to_string()), "{spans:?}");
    spans
}

#[tokio::test]
async fn the_calls_of_a_service_are_traced_by_what_they_were_and_how_they_ended() {
    let (studio, service) = (Studio::open().await, FakeService::default());
    let receiver = Receiver::start().await.unwrap();
    let settings = json!({"providers": {"animation": {"accountRef": {"name": ACCOUNT}}}});
    let mut film = Film::new(&studio, Arc::new(service.clone()), &settings);
    film.make_up_to(StepName::NarrateScenes).await;
    let spans = traced(&mut film, STEP, &receiver).await;

    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for span in &spans {
        *counts.entry((&span.name, &span.attributes["videofactory.outcome"])).or_default() += 1;
    }
    let expected = [(("download", "delivered"), 3), (("poll", "delivered"), 3), (("submit", "accepted"), 3)];
    assert_eq!(counts, expected.into());
    for span in &spans {
        assert!(span.is_client && !span.failed);
        assert_eq!(span.attributes["videofactory.account"], ACCOUNT);
        assert_eq!(span.attributes["videofactory.provider"], "XAI");
        assert_eq!(span.attributes["gen_ai.provider.name"], "x_ai");
    }
    let polls = spans.iter().filter(|span| span.name == "poll");
    assert!(polls.clone().all(|poll| poll.attributes["videofactory.requests"].parse::<u32>().unwrap() >= 1));
    let all = format!("{spans:?}");
    for text in ["a dark trench", "The sea is deep", "acme-very-secret"] {
        assert!(!all.contains(text), "{text} is in {all}");
    }
}

#[tokio::test]
async fn who_is_given_no_trace_keeps_no_span() {
    let receiver = Receiver::start().await.unwrap();
    let (studio, service) = (Studio::open().await, FakeService::default());
    let mut film = Film::new(&studio, Arc::new(service), &json!({}));
    let (context, _root) = film.pod(StepName::WriteScript);
    let sampled = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let endpoint = receiver.url().to_owned();
    for (parent, endpoint) in [
        (None, Some(endpoint.clone())),
        (Some(sampled.to_owned()), None),
        (Some(sampled.replace("-01", "-00")), Some(endpoint.clone())),
        (Some("nonsense".to_owned()), Some(endpoint)),
    ] {
        let traces = Traces::read(&context.input, "", |name| match name {
            "TRACEPARENT" => parent.clone(),
            "OTEL_EXPORTER_OTLP_ENDPOINT" => endpoint.clone(),
            _ => None,
        });
        traces.begin("fetch").ended(Ok("succeeded"));
        traces.send(Network::default()).await;
    }
    assert_eq!(receiver.spans(), []);
}
