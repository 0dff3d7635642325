//! Files in parts.

use sha2::{Digest, Sha256};
use videofactory_tests::r2_proxy::{Effect, Fault};

use super::{MIB, Site, far_future, long_ago, noise, text};

fn film(size: usize) -> (tempfile::TempDir, std::path::PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("film.mp4");
    std::fs::write(&file, noise(size, 7)).unwrap();
    (directory, file)
}

#[tokio::test]
async fn a_film_goes_up_in_equal_parts_and_comes_back_whole() {
    let site = Site::start().await;
    let bucket = site.bucket();
    let (directory, file) = film(23 * MIB);
    let options = videofactory_storage::PutOptions::of_type("video/mp4").with("run", "1");
    let stored = bucket.put_file("videos/film.mp4", &file, &options).await.unwrap();
    assert_eq!(stored.size, 23 * MIB as u64);
    assert_eq!(stored.sha256, hex::encode(Sha256::digest(std::fs::read(&file).unwrap())));
    assert_eq!((site.operations("UploadPart"), site.operations("PutObject")), (3, 0));
    assert!(site.proxy.counters().refused.is_empty());

    let back = directory.path().join("back.mp4");
    let info = bucket.get_to_file("videos/film.mp4", &back).await.unwrap();
    assert!(std::fs::read(&file).unwrap() == std::fs::read(&back).unwrap(), "the film differs");
    assert_eq!(info.sha256, Some(stored.sha256));
    assert_eq!((info.content_type.as_deref(), info.metadata["run"].as_str()), (Some("video/mp4"), "1"));
    assert_eq!(info.etag, stored.etag);
}

#[tokio::test]
async fn a_small_file_goes_up_in_one_request() {
    let site = Site::start().await;
    let (_directory, file) = film(16 * MIB);
    site.bucket().put_file("a", &file, &text()).await.unwrap();
    assert_eq!((site.operations("PutObject"), site.operations("CreateMultipartUpload")), (1, 0));
}

#[tokio::test]
async fn a_failed_upload_is_aborted_and_leaves_nothing() {
    let site = Site::start().await;
    let bucket = site.bucket();
    let (_directory, file) = film(23 * MIB);
    site.proxy.set_faults(vec![Fault::always(Effect::OutOfSpace).on("UploadPart")]).unwrap();
    assert_eq!(bucket.put_file("a", &file, &text()).await.unwrap_err().reason(), "Full");
    assert_eq!(site.operations("AbortMultipartUpload"), 1);
    assert_eq!(bucket.head("a").await, Ok(None));
    assert_eq!(bucket.abort_stale_uploads(|_| true, far_future()).await, Ok(0));
}

#[tokio::test]
async fn an_abandoned_upload_is_swept_when_it_is_old_enough() {
    let site = Site::start().await;
    let bucket = site.bucket();
    let (_directory, file) = film(23 * MIB);
    let faults = [
        Fault::always(Effect::OutOfSpace).on("UploadPart"),
        Fault::always(Effect::Unavailable).on("AbortMultipartUpload"),
    ];
    site.proxy.set_faults(faults.into()).unwrap();
    assert_eq!(bucket.put_file("work/a", &file, &text()).await.unwrap_err().reason(), "Full");
    site.proxy.set_faults(vec![]).unwrap();
    assert_eq!(bucket.abort_stale_uploads(|_| true, long_ago()).await, Ok(0));
    assert_eq!(bucket.abort_stale_uploads(|_| true, far_future()).await, Ok(1));
    assert_eq!(bucket.abort_stale_uploads(|_| true, far_future()).await, Ok(0));
}

#[tokio::test]
async fn a_file_that_is_not_there_is_named() {
    let site = Site::start().await;
    let error = site.bucket().put_file("a", std::path::Path::new("/no/film.mp4"), &text()).await.unwrap_err();
    assert_eq!(error.to_string(), "read /no/film.mp4: No such file or directory (os error 2)");
}
