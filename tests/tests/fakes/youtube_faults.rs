//! What goes wrong at `YouTube`: tokens, quotas, and uploads that are cut.

use std::time::Duration;

use serde_json::json;
use sha2::{Digest, Sha256};
use videofactory_tests::fakes::{Effect, Fault, Kind, Limit, Operation, Service, Settings, Shape};

use super::youtube::{BLOCK, Channel, ask_token, video};
use super::{KEY, Site, header, read};

#[tokio::test]
async fn a_revoked_token_is_invalid_grant() {
    let site = Site::start().await;
    site.fault(Fault::always(Effect::TokenRevoked)).await;
    let (status, body) = read(ask_token(&site, "refresh_token").await).await;
    assert_eq!((status, &body["error"]), (400, &json!("invalid_grant")));
    site.fault(Fault::always(Effect::WrongKey)).await;
    assert_eq!(read(ask_token(&site, "refresh_token").await).await.1["error"], "invalid_client");
}

#[tokio::test]
async fn an_access_token_can_run_out() {
    let channel = Channel::open().await;
    channel.site.fault(Fault::always(Effect::WrongKey).on(Operation::Session).times(1)).await;
    assert_eq!(channel.begin(&video("The sea")).await.status(), 401);
    channel.session("The sea").await;
}

#[tokio::test]
async fn quotas_come_in_three_shapes() {
    let channel = Channel::open().await;
    for (shape, status, reason) in [
        (Shape::QuotaExceeded, 403, "quotaExceeded"),
        (Shape::UploadsPerDay, 429, "rateLimitExceeded"),
        (Shape::UploadLimit, 400, "uploadLimitExceeded"),
    ] {
        channel
            .site
            .fault(Fault::always(Effect::RateLimited { shape, seconds: 60 }).on(Operation::Session))
            .await;
        let (code, body) = read(channel.begin(&video("The sea")).await).await;
        assert_eq!((code, &body["error"]["errors"][0]["reason"]), (status, &json!(reason)));
    }
    assert!(channel.site.ledger().await.uploads.is_empty());
}

#[tokio::test]
async fn uploads_above_the_limit_are_reported_as_such_and_parts_do_not_count() {
    let channel = Channel::open().await;
    let a_day = Limit::rolling(Service::YouTube, 1, Duration::from_hours(24)).on(Operation::Session);
    channel.site.limit(a_day.of_kind(Kind::Fixed)).await;
    channel.upload("One").await;
    let (status, body) = read(channel.begin(&video("Two")).await).await;
    assert_eq!(status, 429);
    assert!(body["error"]["message"].as_str().unwrap().contains("Video Uploads per day"), "{body}");
    let ledger = channel.site.ledger().await;
    assert_eq!((ledger.avoidable429, ledger.refused("limit:fixed"), ledger.uploads.len()), (1, 1, 1));
}

#[tokio::test]
async fn an_upload_cut_in_a_part_keeps_its_whole_blocks() {
    let channel = Channel::open().await;
    let session = channel.session("The sea").await;
    let cut = u64::try_from(BLOCK + 1000).unwrap();
    channel.site.fault(Fault::always(Effect::CutUpload { bytes: cut }).times(1)).await;
    assert!(channel.put(&session, 0, channel.total()).await.is_err());
    assert_eq!(channel.arrived(&session).await, (308, "bytes=0-262143".to_owned()));
    assert_eq!(channel.put(&session, BLOCK, channel.total()).await.unwrap().status(), 200);
    let ledger = channel.site.ledger().await;
    assert_eq!(ledger.uploads.len(), 1);
    assert_eq!(ledger.uploads[0].sha256, Some(hex::encode(Sha256::digest(&channel.film))));
}

#[tokio::test]
async fn a_part_can_fail_before_it_is_stored_or_after() {
    let channel = Channel::open().await;
    let session = channel.session("The sea").await;
    channel.site.fault(Fault::always(Effect::Status { code: 503 }).on(Operation::Chunk).times(1)).await;
    assert_eq!(channel.put(&session, 0, BLOCK).await.unwrap().status(), 503);
    assert_eq!(channel.arrived(&session).await.1, "");
    channel.site.fault(Fault::always(Effect::StatusAfter { code: 500 }).on(Operation::Chunk).times(1)).await;
    assert_eq!(channel.put(&session, 0, BLOCK).await.unwrap().status(), 500);
    assert_eq!(channel.arrived(&session).await.1, "bytes=0-262143");
    channel.site.fault(Fault::always(Effect::LoseAnswer).on(Operation::Chunk).times(1)).await;
    assert!(channel.put(&session, BLOCK, channel.total()).await.is_err());
    assert_eq!(channel.arrived(&session).await.0, 200, "the last part arrived: the video is there");
}

#[tokio::test]
async fn without_range_nothing_is_stored() {
    let channel = Channel::open().await;
    let session = channel.session("The sea").await;
    channel.put(&session, 0, BLOCK).await.unwrap();
    channel.site.fault(Fault::always(Effect::NoRange).times(1)).await;
    let answer = channel.put(&session, BLOCK, 2 * BLOCK).await.unwrap();
    assert_eq!((answer.status().as_u16(), header(&answer, "range").as_str()), (308, ""));
    assert_eq!(channel.arrived(&session).await, (308, String::new()));
    assert_eq!(channel.put(&session, 0, channel.total()).await.unwrap().status(), 200);
    let upload = &channel.site.ledger().await.uploads[0];
    assert_eq!(upload.sha256, Some(hex::encode(Sha256::digest(&channel.film))));
}

#[tokio::test]
async fn a_session_that_is_gone_stays_gone() {
    let channel = Channel::open().await;
    let session = channel.session("The sea").await;
    channel.put(&session, 0, BLOCK).await.unwrap();
    channel.site.fault(Fault::always(Effect::SessionGone).times(1)).await;
    assert_eq!(channel.put(&session, BLOCK, 2 * BLOCK).await.unwrap().status(), 404);
    assert_eq!(channel.arrived(&session).await.0, 404);
    assert_eq!(
        channel
            .site
            .http
            .put(channel.site.url(Service::YouTube, "/upload/youtube/v3/videos?upload_id=x"))
            .header("Content-Range", "bytes */1")
            .send()
            .await
            .unwrap()
            .status(),
        404
    );
    let ledger = channel.site.ledger().await;
    assert!(ledger.uploads[0].gone && !ledger.uploads[0].complete);
    channel.upload("The sea").await;
    assert_eq!(channel.site.ledger().await.uploads.iter().filter(|upload| upload.complete).count(), 1);
}

#[tokio::test]
async fn a_session_can_be_given_up() {
    let channel = Channel::open().await;
    let session = channel.session("The sea").await;
    let answer = channel.site.http.delete(&session).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 499);
    assert_eq!(channel.arrived(&session).await.0, 404);
}

#[tokio::test]
async fn processing_takes_its_time_and_can_end_badly() {
    let channel = Channel::open().await;
    let slow = Settings { processing_milliseconds: Some(3_600_000), ..Settings::default() };
    channel.site.admin().set(KEY, slow).await.unwrap();
    let id = channel.upload("The sea").await;
    let status = async || {
        let listed = channel.get(&format!("/youtube/v3/videos?part=status&id={id}")).await;
        listed["items"][0]["status"].clone()
    };
    assert_eq!(status().await["uploadStatus"], "uploaded");
    channel.site.fault(Fault::always(Effect::Failed).on(Operation::Videos).saying("sea")).await;
    assert_eq!(status().await["failureReason"], "codec");
    channel.site.fault(Fault::always(Effect::Moderated).on(Operation::Videos)).await;
    assert_eq!(status().await["rejectionReason"], "duplicate");
    channel.site.fault(Fault::always(Effect::NoOutput).on(Operation::Videos)).await;
    assert!(status().await.is_null());
}

#[tokio::test]
async fn a_channel_may_not_be_allowed_thumbnails() {
    let channel = Channel::open().await;
    let id = channel.upload("The sea").await;
    channel.site.fault(Fault::always(Effect::Forbidden).on(Operation::Thumbnail)).await;
    let url = channel.site.url(Service::YouTube, &format!("/upload/youtube/v3/thumbnails/set?videoId={id}"));
    let request = channel.signed(channel.site.http.post(url).body(b"\xff\xd8\xffjpeg".to_vec()));
    let (status, body) = read(request.send().await.unwrap()).await;
    assert_eq!((status, &body["error"]["errors"][0]["reason"]), (403, &json!("forbidden")));
}
