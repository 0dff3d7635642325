//! Whole objects, parts of them, listings, deletes and links.

use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};
use videofactory_storage::{ByteRange, MAX_LINK, ObjectInfo, StorageError};
use videofactory_tests::http::client;
use videofactory_tests::r2_proxy::{Effect, Fault};

use super::{BUCKET, PREFIX, Site, noise, text};

#[tokio::test]
async fn what_is_put_comes_back_with_all_that_was_said_about_it() {
    let site = Site::start().await;
    let bucket = site.bucket();
    let options = text().disposition("attachment; filename=\"a.txt\"").with("scene", "s4");
    let stored = bucket.put("work/a/b.txt", "hello", &options).await.unwrap();
    let info = bucket.head("work/a/b.txt").await.unwrap().unwrap();
    assert_eq!((info.size, info.etag.as_str()), (5, stored.etag.as_str()));
    assert_eq!(info.content_type.as_deref(), Some("text/plain"));
    assert_eq!(info.metadata["scene"], "s4");
    assert_eq!(
        info.sha256.as_deref(),
        Some("2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824")
    );
    assert_eq!(info.sha256, Some(stored.sha256));
    assert_eq!(bucket.get("work/a/b.txt", 5).await.unwrap(), "hello");
    assert!(site.server.directory().join(BUCKET).join(PREFIX).join("work/a/b.txt").exists());
}

#[tokio::test]
async fn what_is_not_there_is_distinguished_from_what_cannot_be_read() {
    let site = Site::start().await;
    let bucket = site.bucket();
    assert_eq!(bucket.head("nothing").await, Ok(None));
    assert!(bucket.get("nothing", 10).await.unwrap_err().is_missing());
    assert_eq!(bucket.get_json::<String>("nothing").await, Ok(None));
    assert_eq!(bucket.delete_one("nothing").await, Ok(()));
    bucket.put("broken.json", "{", &text()).await.unwrap();
    assert_eq!(bucket.get_json::<String>("broken.json").await.unwrap_err().reason(), "Corrupt");
}

#[tokio::test]
async fn nothing_larger_than_asked_for_is_read() {
    let site = Site::start().await;
    let bucket = site.bucket();
    bucket.put("big", vec![7; 100_000], &text()).await.unwrap();
    assert_eq!(bucket.get("big", 99_999).await.unwrap_err().reason(), "TooLarge");
    assert_eq!(bucket.get_range("big", ByteRange::From(10), 100).await.unwrap_err().reason(), "TooLarge");
    assert_eq!(bucket.get("big", 100_000).await.unwrap().len(), 100_000);
}

#[tokio::test]
async fn ranges_are_read_and_impossible_ones_refused() {
    let site = Site::start().await;
    let bucket = site.bucket();
    bucket.put("digits", "0123456789", &text()).await.unwrap();
    for (range, expected) in
        [(ByteRange::Inclusive(2, 4), "234"), (ByteRange::From(7), "789"), (ByteRange::Last(2), "89")]
    {
        assert_eq!(bucket.get_range("digits", range, 10).await.unwrap(), expected, "{range:?}");
    }
    let opened = bucket.open("digits", Some(ByteRange::Inclusive(2, 4))).await.unwrap();
    assert_eq!((opened.info.size, opened.length), (10, 3));
    assert_eq!(opened.content_range.as_deref(), Some("bytes 2-4/10"));
    let pieces: Vec<bytes::Bytes> = opened.into_stream().try_collect().await.unwrap();
    assert_eq!(pieces.concat(), b"234");
    let beyond = bucket.get_range("digits", ByteRange::From(10), 10).await.unwrap_err();
    assert_eq!(beyond.reason(), "InvalidRange");
}

#[tokio::test]
async fn damaged_content_is_noticed_and_leaves_no_file() {
    let site = Site::start().await;
    let bucket = site.bucket();
    bucket.put("work/a", "hello", &text()).await.unwrap();
    let kept = site.server.directory().join(BUCKET).join(PREFIX).join("work/a");
    std::fs::write(kept, "jello").unwrap();
    assert_eq!(bucket.get("work/a", 10).await.unwrap_err().reason(), "Corrupt");
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("a");
    assert_eq!(bucket.get_to_file("work/a", &file).await.unwrap_err().reason(), "Corrupt");
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Slot {
    attempt: u32,
    pod: String,
}

#[tokio::test]
async fn json_is_written_once_and_read_back() {
    let site = Site::start().await;
    let bucket = site.bucket();
    let slot = Slot { attempt: 2, pod: "uid".into() };
    assert!(bucket.put_json_once("slot", &slot).await.unwrap().is_created());
    assert!(
        !bucket.put_json_once("slot", &Slot { attempt: 3, pod: "other".into() }).await.unwrap().is_created()
    );
    assert_eq!(bucket.get_json("slot").await, Ok(Some(slot)));
}

#[tokio::test]
async fn thousands_of_keys_are_listed_in_order_and_deleted_in_batches() {
    let site = Site::start().await;
    let bucket = site.bucket();
    let keys: Vec<String> = (0..2500).map(|index| format!("clips/{index:04}")).collect();
    let (writer, options) = (&bucket, text());
    stream::iter(&keys)
        .map(|key| writer.put(key, key.clone(), &options))
        .buffer_unordered(32)
        .try_for_each(|_| async { Ok(()) })
        .await
        .unwrap();
    bucket.put("clips-of-others", "x", &text()).await.unwrap();
    site.proxy.reset_counters();

    let listed: Vec<ObjectInfo> = bucket.list("clips/").try_collect().await.unwrap();
    assert_eq!(listed.iter().map(|object| &object.key).collect::<Vec<_>>(), keys.iter().collect::<Vec<_>>());
    assert!(
        listed.iter().all(|object| object.size == 10 && object.modified.is_some() && !object.etag.is_empty())
    );
    assert_eq!((site.operations("ListObjects"), site.proxy.counters().class_a), (3, 3));

    let with_missing: Vec<String> = keys.iter().cloned().chain(["clips/none".to_owned()]).collect();
    let report = bucket.delete(&with_missing).await;
    assert_eq!((report.deleted.len(), report.failed), (2501, vec![]));
    assert_eq!((site.operations("DeleteObjects"), site.proxy.counters().free), (3, 3));
    assert_eq!(bucket.list("clips/").count().await, 0);
    assert!(bucket.head("clips-of-others").await.unwrap().is_some());
}

#[tokio::test]
async fn a_prefix_hides_what_lies_outside_it() {
    let site = Site::start().await;
    let bucket = site.bucket();
    let whole = |prefix: &str| {
        let config = site.server.config(&site.proxy.url(), BUCKET, prefix);
        videofactory_storage::Bucket::connect(&config).unwrap()
    };
    bucket.put("a", "ours", &text()).await.unwrap();
    whole("studio2").put("a", "theirs", &text()).await.unwrap();
    whole("").put("a", "root", &text()).await.unwrap();
    let listed: Vec<ObjectInfo> = bucket.list("").try_collect().await.unwrap();
    assert_eq!(listed.len(), 1);
    let climbing = bucket.delete(&["../a".to_owned()]).await;
    assert!(matches!(climbing.failed.as_slice(), [(_, StorageError::InvalidRequest { .. })]));
    bucket.delete_one("a").await.unwrap();
    assert_eq!(whole("").list("").count().await, 2);
}

#[tokio::test]
async fn where_batches_need_a_content_md5_deletes_go_one_by_one() {
    let site = Site::start().await;
    let bucket = site.bucket();
    let keys: Vec<String> = (0..20).map(|index| format!("k{index}")).collect();
    for key in &keys {
        bucket.put(key, "x", &text()).await.unwrap();
    }
    site.proxy.set_faults(vec![Fault::always(Effect::DemandContentMd5)]).unwrap();
    let report = bucket.delete(&keys).await;
    assert_eq!((report.deleted.len(), report.failed), (20, vec![]));
    assert_eq!(bucket.list("").count().await, 0);
    assert_eq!(site.operations("DeleteObject"), 20);
}

#[tokio::test]
async fn a_batch_that_cannot_be_sent_reports_every_key() {
    let mut site = Site::start().await;
    let bucket = site.direct();
    bucket.put("a", "x", &text()).await.unwrap();
    site.server.stop();
    let keys: Vec<String> = (0..1500).map(|index| format!("k{index}")).collect();
    let report = bucket.delete(&keys).await;
    assert_eq!((report.deleted.len(), report.failed.len()), (0, 1500));
    assert!(report.failed.iter().all(|(_, error)| error.reason() == "Unreachable"));
}

#[tokio::test]
async fn a_link_is_read_by_plain_http() {
    let site = Site::start().await;
    let mut config = site.server.config(&site.server.url(), BUCKET, PREFIX);
    config.public_endpoint = Some(site.proxy.url());
    let bucket = videofactory_storage::Bucket::connect(&config).unwrap();
    let film = noise(300_000, 1);
    let options =
        videofactory_storage::PutOptions::of_type("video/mp4").disposition("inline; filename=\"f.mp4\"");
    bucket.put("videos/f ilm.mp4", film.clone(), &options).await.unwrap();

    let link = bucket.presign_get("videos/f ilm.mp4", Duration::from_mins(10)).await.unwrap();
    assert!(link.url.starts_with(&site.proxy.url()), "made for the public endpoint");
    assert!(!format!("{link:?}").contains("Signature"));
    let answer = client().get(&link.url).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "video/mp4");
    assert_eq!(answer.headers()["content-disposition"], "inline; filename=\"f.mp4\"");
    assert_eq!(answer.bytes().await.unwrap(), film);
    let ranged = client().get(&link.url).header("range", "bytes=0-9").send().await.unwrap();
    assert_eq!((ranged.status().as_u16(), ranged.bytes().await.unwrap().len()), (206, 10));
    let forged = client().get(link.url.replace("f%20ilm", "other")).send().await.unwrap();
    assert_eq!(forged.status(), 403);
}

#[tokio::test]
async fn links_of_no_time_or_more_than_seven_days_are_refused() {
    let site = Site::start().await;
    let bucket = site.bucket();
    assert!(bucket.presign_get("a", MAX_LINK).await.is_ok());
    for time in [Duration::ZERO, MAX_LINK + Duration::from_secs(1)] {
        assert_eq!(bucket.presign_get("a", time).await.unwrap_err().reason(), "InvalidRequest");
    }
}
