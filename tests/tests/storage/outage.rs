//! Servers that are slow, down, full, or strict about rates.

use videofactory_tests::r2_proxy::{Effect, Fault};

use super::{Site, text};

#[tokio::test]
async fn a_server_that_was_briefly_unavailable_is_tried_again() {
    let site = Site::start().await;
    site.proxy.set_faults(vec![Fault::always(Effect::Unavailable).times(2)]).unwrap();
    site.bucket().put("a", "x", &text()).await.unwrap();
    assert_eq!(site.proxy.counters().writes["studio/a"], 1);
}

#[tokio::test]
async fn a_server_that_comes_back_is_found_again_by_the_same_handle() {
    let mut site = Site::start().await;
    let bucket = site.direct();
    bucket.put("a", "before", &text()).await.unwrap();
    site.server.stop();
    let error = bucket.check().await.unwrap_err();
    assert_eq!(error.reason(), "Unreachable");
    assert!(error.to_string().contains("Connection refused"), "{error}");
    assert!(error.is_transient());
    let waiting = tokio::spawn({
        let bucket = bucket.clone();
        async move { bucket.put("b", "during", &text()).await }
    });
    site.server.resume().await.unwrap();
    waiting.await.unwrap().unwrap();
    assert_eq!(bucket.get("a", 10).await.unwrap(), "before");
}

#[tokio::test]
async fn connections_that_are_closed_without_an_answer_are_unreachable() {
    let site = Site::start().await;
    site.proxy.set_faults(vec![Fault::always(Effect::RefuseConnections)]).unwrap();
    let error = site.bucket().check().await.unwrap_err();
    assert_eq!(error.reason(), "Unreachable", "{error}");
}

#[tokio::test]
async fn an_answer_that_takes_too_long_is_given_up() {
    let site = Site::start().await;
    site.proxy.set_faults(vec![Fault::always(Effect::Latency { ms: 60_000 })]).unwrap();
    let begun = std::time::Instant::now();
    let error = site.bucket().check().await.unwrap_err();
    assert_eq!(error.reason(), "Unreachable", "{error}");
    assert!(begun.elapsed().as_secs() < 60, "the answer was waited for: {:?}", begun.elapsed());
}

#[tokio::test]
async fn a_second_write_of_a_key_waits_for_r2s_second() {
    let site = Site::start().await;
    let bucket = site.bucket();
    let options = text();
    let (one, other) = tokio::join!(bucket.put("a", "1", &options), bucket.put("a", "2", &options));
    assert!(one.is_ok() && other.is_ok(), "{one:?} {other:?}");
    let counters = site.proxy.counters();
    assert_eq!(counters.writes["studio/a"], 2);
    assert!(counters.refused["TooManyRequests"] >= 1, "{counters:?}");
}

#[tokio::test]
async fn a_full_server_is_reported_at_once() {
    let site = Site::start().await;
    let bucket = site.bucket();
    // It would take a second request: none is made.
    site.proxy.set_faults(vec![Fault::always(Effect::OutOfSpace).times(1)]).unwrap();
    let error = bucket.put("a", "1", &text()).await.unwrap_err();
    assert_eq!((error.reason(), error.is_transient()), ("Full", false));
}
