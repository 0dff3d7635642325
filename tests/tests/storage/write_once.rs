//! Of many writers of one key exactly one wins, and knows it.

use futures::{StreamExt, future, stream};
use videofactory_storage::{Bucket, PutOnce};
use videofactory_tests::r2_proxy::{Effect, Fault};

use super::{Site, noise, text};

const WRITERS: usize = 16;
const ROUNDS: usize = 50;

/// Lets writers race for a key; gives the winners' numbers and the content that is there afterwards.
async fn race(bucket: &Bucket, key: &str) -> (Vec<usize>, String) {
    let options = text();
    let ends = future::join_all((0..WRITERS).map(|writer| {
        let options = &options;
        async move { bucket.put_once(key, writer.to_string(), options).await.unwrap() }
    }))
    .await;
    let winners =
        ends.iter().enumerate().filter(|(_, end)| end.is_created()).map(|(writer, _)| writer).collect();
    let content = bucket.get(key, 100).await.unwrap();
    (winners, String::from_utf8(content.to_vec()).unwrap())
}

fn assert_one_winner(round: usize, (winners, content): &(Vec<usize>, String)) {
    let [winner] = winners.as_slice() else { panic!("round {round}: winners {winners:?}") };
    assert_eq!(*content, winner.to_string(), "round {round}");
}

#[tokio::test(flavor = "multi_thread")]
async fn exactly_one_writer_wins_every_race_at_the_server() {
    let site = Site::start().await;
    let bucket = site.direct();
    for round in 0..ROUNDS {
        assert_one_winner(round, &race(&bucket, &format!("slot-{round}")).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn exactly_one_writer_wins_every_race_under_r2s_limit_of_rate() {
    let site = Site::start().await;
    let bucket = &site.bucket();
    stream::iter(0..ROUNDS)
        .map(|round| async move { (round, race(bucket, &format!("slot-{round}")).await) })
        .buffer_unordered(ROUNDS / 2)
        .for_each(|(round, end)| async move { assert_one_winner(round, &end) })
        .await;
    let counters = site.proxy.counters();
    assert!(counters.refused["TooManyRequests"] > 0, "the limit was never met: {counters:?}");
    assert!(counters.writes.values().all(|writes| *writes == 1), "a key was written twice");
}

#[tokio::test]
async fn an_object_that_exists_is_reported_and_kept() {
    let site = Site::start().await;
    let bucket = site.bucket();
    bucket.put("a", "first", &text()).await.unwrap();
    let PutOnce::AlreadyExists(info) = bucket.put_once("a", "second", &text()).await.unwrap() else {
        panic!("the object was replaced")
    };
    assert_eq!((info.key.as_str(), info.size), ("a", 5));
    assert_eq!(bucket.get("a", 10).await.unwrap(), "first");
}

#[tokio::test]
async fn a_creation_whose_answer_was_lost_is_known_as_ours() {
    let site = Site::start().await;
    let bucket = site.bucket();
    site.proxy.set_faults(vec![Fault::always(Effect::LoseAnswer).on("PutObject").times(1)]).unwrap();
    let end = bucket.put_once("slot", "ours", &text()).await.unwrap();
    assert!(end.is_created(), "{end:?}");
    assert!(site.operations("PutObject") >= 2, "the put was not tried again");
    assert!(!bucket.put_once("slot", "ours", &text()).await.unwrap().is_created());
}

#[tokio::test]
async fn large_files_are_written_once_too() {
    let site = Site::start().await;
    let bucket = site.bucket();
    let directory = tempfile::tempdir().unwrap();
    let (first, second) = (directory.path().join("1"), directory.path().join("2"));
    std::fs::write(&first, noise(17 * super::MIB, 1)).unwrap();
    std::fs::write(&second, noise(17 * super::MIB, 2)).unwrap();
    let PutOnce::Created(stored) = bucket.put_file_once("film", &first, &text()).await.unwrap() else {
        panic!("nothing was there before")
    };
    let PutOnce::AlreadyExists(info) = bucket.put_file_once("film", &second, &text()).await.unwrap() else {
        panic!("the film was replaced")
    };
    assert_eq!(info.sha256, Some(stored.sha256));
    assert_eq!(
        bucket.abort_stale_uploads(|_| true, super::far_future()).await,
        Ok(0),
        "an upload stayed behind"
    );
}

#[tokio::test]
async fn an_upload_whose_completion_was_not_answered_is_known_as_ours() {
    let site = Site::start().await;
    let bucket = site.bucket();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("film");
    std::fs::write(&file, noise(17 * super::MIB, 3)).unwrap();
    let lost = Fault::always(Effect::LoseAnswer).on("CompleteMultipartUpload").times(1);
    site.proxy.set_faults(vec![lost]).unwrap();
    let end = bucket.put_file_once("film", &file, &text()).await.unwrap();
    assert!(end.is_created(), "{end:?}");
    assert_eq!(site.proxy.counters().writes["studio/film"], 1);
}
