//! Spans on their way to a collector.
#![expect(clippy::unwrap_used, reason = "a test that cannot continue may panic, in helpers too")]

use videofactory_net::Network;
use videofactory_pipeline::contract::{SpanId, TraceId};
use videofactory_tests::otlp::Receiver;
use videofactory_traces::{Exporter, Kind, ServiceResource, Settings, Span, SpanQueue};

fn settings(endpoint: &str) -> Settings {
    let read = Settings::read(|name| (name == "OTEL_EXPORTER_OTLP_ENDPOINT").then(|| endpoint.to_owned()));
    read.unwrap().expect("spans are sent")
}

fn exporter(endpoint: &str) -> Exporter {
    let service = ServiceResource {
        name: "videofactory-operator",
        namespace: Some("films".to_owned()),
        pod: Some("operator-1".to_owned()),
        pod_uid: None,
    };
    Exporter::new(&settings(endpoint), &Network::default(), &service).unwrap()
}

fn span(number: u8) -> Span {
    Span {
        trace: TraceId([1; 16]),
        id: SpanId([number; 8]),
        parent: Some(SpanId([9; 8])),
        parent_is_remote: false,
        name: format!("span {number}"),
        kind: Kind::Client,
        from: "2026-11-29T08:00:00.25Z".parse().unwrap(),
        to: "2026-11-29T08:00:01Z".parse().unwrap(),
        attributes: vec![("a", "b".into()), ("count", 3_i64.into()), ("flag", true.into())],
        failed: true,
    }
}

#[tokio::test]
async fn a_span_arrives_as_it_was() {
    let receiver = Receiver::start().await.unwrap();
    exporter(receiver.url()).export(vec![span(2)]).await.unwrap();
    let came = receiver.spans().remove(0);
    let at = |text: &str| u64::try_from(text.parse::<jiff::Timestamp>().unwrap().as_nanosecond()).unwrap();
    assert_eq!(came.trace, "01".repeat(16));
    assert_eq!((came.id, came.parent), ("02".repeat(8), "09".repeat(8)));
    assert_eq!((came.from, came.to), (at("2026-11-29T08:00:00.25Z"), at("2026-11-29T08:00:01Z")));
    assert!(came.is_client && came.failed);
    let attributes: Vec<(&str, &str)> =
        came.attributes.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    assert_eq!(attributes, [("a", "b"), ("count", "3"), ("flag", "true")]);
    for (key, value) in [
        ("service.name", "videofactory-operator"),
        ("k8s.namespace.name", "films"),
        ("k8s.pod.name", "operator-1"),
        ("telemetry.sdk.language", "rust"),
    ] {
        assert_eq!(came.resource.get(key).map(String::as_str), Some(value), "{key}");
    }
}

#[tokio::test]
async fn what_is_in_the_way_is_reported_with_the_address() {
    let receiver = Receiver::start().await.unwrap();
    receiver.answer(401);
    let refused = exporter(receiver.url()).export(vec![span(1)]).await.unwrap_err();
    assert!(refused.contains("/v1/traces: ") && refused.contains("401"), "{refused}");
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let away = exporter(&format!("http://{nobody}")).export(vec![span(1)]).await.unwrap_err();
    assert!(away.to_lowercase().contains("connection refused"), "{away}");
}

#[tokio::test]
async fn a_collector_that_comes_back_gets_what_has_waited() {
    let receiver = Receiver::start().await.unwrap();
    receiver.answer(503);
    let (queue, work) = SpanQueue::start(exporter(receiver.url()));
    let work = tokio::spawn(work);
    queue.send(vec![span(1)]);
    receiver.until_refused().await.unwrap();
    queue.send(vec![span(2), span(3)]);
    receiver.answer(200);
    let spans = receiver.until_spans(3).await.unwrap();
    let names: Vec<&str> = spans.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(names, ["span 1", "span 2", "span 3"]);
    drop(queue);
    work.await.unwrap();
}

#[tokio::test]
async fn what_is_in_the_queue_is_exported_before_the_work_ends() {
    let receiver = Receiver::start().await.unwrap();
    let (queue, work) = SpanQueue::start(exporter(receiver.url()));
    for number in 1..=100 {
        queue.send(vec![span(number)]);
    }
    drop(queue);
    work.await;
    assert_eq!(receiver.spans().len(), 100);
}

#[tokio::test]
async fn nobody_waits_for_a_collector() {
    let queue = SpanQueue::default();
    assert!(!queue.is_enabled());
    queue.send(vec![span(1)]);
    let receiver = Receiver::start().await.unwrap();
    // Nobody does the work: the queue fills, and the rest is dropped.
    let (queue, _work) = SpanQueue::start(exporter(receiver.url()));
    assert!(queue.is_enabled());
    for _ in 0..10_000 {
        queue.send(vec![span(1)]);
    }
}
