//! `YouTube`: tokens, uploads, what the channel shows, thumbnails and captions.

use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use videofactory_tests::fakes::{Operation, Service};

use super::{KEY, Site, header, read};

pub(super) const BLOCK: usize = 262_144;

/// A channel with a token, and a film to upload.
pub(super) struct Channel {
    pub(super) site: Site,
    token: String,
    pub(super) film: Vec<u8>,
}

impl Channel {
    /// With a film of two blocks and a half.
    pub(super) async fn open() -> Self {
        let site = Site::start().await;
        let token = token(&site).await;
        let film = (0..BLOCK * 5 / 2).map(|at| u8::try_from(at * 7 % 251).unwrap()).collect();
        Self { site, token, film }
    }

    pub(super) fn total(&self) -> usize {
        self.film.len()
    }

    pub(super) fn signed(&self, request: RequestBuilder) -> RequestBuilder {
        request.bearer_auth(&self.token)
    }

    pub(super) async fn get(&self, path: &str) -> Value {
        let url = self.site.url(Service::YouTube, path);
        read(self.signed(self.site.http.get(url)).send().await.unwrap()).await.1
    }

    pub(super) async fn begin(&self, body: &Value) -> Response {
        let url = self
            .site
            .url(Service::YouTube, "/upload/youtube/v3/videos?uploadType=resumable&part=snippet,status");
        let request = self.signed(self.site.http.post(url)).json(body);
        let request = request.header("X-Upload-Content-Length", self.total());
        request.header("X-Upload-Content-Type", "video/mp4").send().await.unwrap()
    }

    /// The URL of a session for a film of this title.
    pub(super) async fn session(&self, title: &str) -> String {
        let answer = self.begin(&video(title)).await;
        assert_eq!(answer.status(), 200);
        header(&answer, "location")
    }

    /// Sends the bytes from one place to before another.
    pub(super) async fn put(&self, session: &str, from: usize, to: usize) -> reqwest::Result<Response> {
        let request = self.site.http.put(session).body(self.film[from..to].to_vec());
        request.header("Content-Range", format!("bytes {from}-{}/{}", to - 1, self.total())).send().await
    }

    /// How much there is: status and Range.
    pub(super) async fn arrived(&self, session: &str) -> (u16, String) {
        let request =
            self.site.http.put(session).header("Content-Range", format!("bytes */{}", self.total()));
        let answer = request.header("Content-Length", 0).send().await.unwrap();
        (answer.status().as_u16(), header(&answer, "range"))
    }

    /// Uploads the film as a whole; the video's id.
    pub(super) async fn upload(&self, title: &str) -> String {
        let session = self.session(title).await;
        let (status, body) = read(self.put(&session, 0, self.total()).await.unwrap()).await;
        assert_eq!(status, 200, "{body}");
        body["id"].as_str().unwrap().to_owned()
    }
}

pub(super) async fn token(site: &Site) -> String {
    let (status, body) = read(ask_token(site, "refresh_token").await).await;
    assert_eq!((status, &body["token_type"]), (200, &json!("Bearer")));
    body["access_token"].as_str().unwrap().to_owned()
}

pub(super) async fn ask_token(site: &Site, grant: &str) -> Response {
    let form = format!("client_id=id&client_secret=secret&refresh_token={KEY}&grant_type={grant}");
    let request = site.http.post(site.url(Service::YouTube, "/token")).body(form);
    request.header("Content-Type", "application/x-www-form-urlencoded").send().await.unwrap()
}

pub(super) fn video(title: &str) -> Value {
    json!({
        "snippet": {"title": title, "description": "About the sea.", "tags": ["sea", "vf-abc-r1"], "categoryId": "22"},
        "status": {"privacyStatus": "private", "publishAt": "2030-11-01T15:00:00Z", "selfDeclaredMadeForKids": false,
            "containsSyntheticMedia": true},
    })
}

#[tokio::test]
async fn an_upload_in_parts_arrives_byte_by_byte() {
    let channel = Channel::open().await;
    let session = channel.session("The sea").await;
    assert_eq!(channel.arrived(&session).await, (308, String::new()));
    let answer = channel.put(&session, 0, BLOCK).await.unwrap();
    assert_eq!((answer.status().as_u16(), header(&answer, "range").as_str()), (308, "bytes=0-262143"));
    assert_eq!(channel.arrived(&session).await, (308, "bytes=0-262143".to_owned()));
    channel.put(&session, BLOCK, 2 * BLOCK).await.unwrap();
    let (status, body) = read(channel.put(&session, 2 * BLOCK, channel.total()).await.unwrap()).await;
    assert_eq!((status, &body["snippet"]["title"]), (200, &json!("The sea")));
    assert_eq!(channel.arrived(&session).await.0, 200);

    let ledger = channel.site.ledger().await;
    let [upload] = ledger.uploads.as_slice() else { panic!("{ledger:?}") };
    assert_eq!(upload.video_id.as_deref(), body["id"].as_str());
    assert_eq!((upload.bytes, upload.complete), (channel.total() as u64, true));
    assert_eq!(upload.sha256, Some(hex::encode(Sha256::digest(&channel.film))));
    assert_eq!((upload.title.as_str(), upload.marker.as_deref()), ("The sea", Some("vf-abc-r1")));
    assert_eq!(upload.status["containsSyntheticMedia"], true);
    assert_eq!((ledger.submissions.len(), ledger.submissions[0].operation), (1, Operation::Session));
}

#[tokio::test]
async fn parts_must_be_whole_blocks_that_begin_where_the_upload_has_arrived() {
    let channel = Channel::open().await;
    let session = channel.session("The sea").await;
    assert_eq!(channel.put(&session, 0, 1000).await.unwrap().status(), 400);
    assert_eq!(channel.put(&session, BLOCK, 2 * BLOCK).await.unwrap().status(), 400);
    channel.put(&session, 0, BLOCK).await.unwrap();
    // What is there already is passed over.
    assert_eq!(channel.put(&session, 0, 2 * BLOCK).await.unwrap().status(), 308);
    assert_eq!(channel.arrived(&session).await.1, "bytes=0-524287");
    assert_eq!(channel.put(&session, 2 * BLOCK, channel.total()).await.unwrap().status(), 200);
    let upload = &channel.site.ledger().await.uploads[0];
    assert_eq!(upload.sha256, Some(hex::encode(Sha256::digest(&channel.film))));
}

#[tokio::test]
async fn the_channel_shows_its_videos_newest_first_and_processes_them() {
    let channel = Channel::open().await;
    let first = channel.upload("One").await;
    let second = channel.upload("Two").await;
    let listed = channel.get(&format!("/youtube/v3/videos?part=status,processingDetails&id={first}")).await;
    let status = &listed["items"][0]["status"];
    assert_eq!((&status["uploadStatus"], &status["privacyStatus"]), (&json!("processed"), &json!("private")));
    assert!(listed["items"][0]["snippet"].is_null(), "parts that were not asked for are left out");
    let channels = channel.get("/youtube/v3/channels?part=contentDetails&mine=true").await;
    let uploads = channels["items"][0]["contentDetails"]["relatedPlaylists"]["uploads"].as_str().unwrap();
    let list = format!("/youtube/v3/playlistItems?part=snippet&playlistId={uploads}&maxResults=1");
    let page = channel.get(&list).await;
    assert_eq!(page["items"][0]["snippet"]["resourceId"]["videoId"], json!(second));
    let next = channel.get(&format!("{list}&pageToken={}", page["nextPageToken"].as_str().unwrap())).await;
    assert_eq!(next["items"][0]["snippet"]["resourceId"]["videoId"], json!(first));
    assert!(next["nextPageToken"].is_null());
    assert_eq!(
        channel.get("/youtube/v3/playlistItems?part=snippet&playlistId=UUx").await["error"]["code"],
        404
    );
}

#[tokio::test]
async fn a_video_can_be_put_into_a_playlist() {
    let channel = Channel::open().await;
    let id = channel.upload("One").await;
    let list = format!("/youtube/v3/playlistItems?part=id&playlistId=PLsea&videoId={id}");
    assert_eq!(channel.get(&list).await["items"], json!([]));
    let insert = async |playlist: &str| {
        let body = json!({"snippet": {"playlistId": playlist, "resourceId": {"videoId": id}}});
        let url = channel.site.url(Service::YouTube, "/youtube/v3/playlistItems?part=snippet");
        read(channel.signed(channel.site.http.post(url)).json(&body).send().await.unwrap()).await
    };
    assert_eq!((insert("PLsea").await.0, insert("unknown").await.0), (200, 404));
    assert_eq!(channel.get(&list).await["items"].as_array().unwrap().len(), 1);
    assert_eq!(channel.site.ledger().await.uploads[0].playlists, ["PLsea"]);
}

#[tokio::test]
async fn thumbnails_are_pictures_of_videos_that_are_there() {
    let channel = Channel::open().await;
    let id = channel.upload("One").await;
    let set = async |id: &str, bytes: &[u8]| {
        let path = format!("/upload/youtube/v3/thumbnails/set?videoId={id}&uploadType=media");
        let request = channel.site.http.post(channel.site.url(Service::YouTube, &path)).body(bytes.to_vec());
        channel.signed(request.header("Content-Type", "image/png")).send().await.unwrap().status().as_u16()
    };
    let png = b"\x89PNG\r\n\x1a\nrest";
    assert_eq!(set(&id, png).await, 200);
    assert_eq!((set(&id, b"GIF89a").await, set(&id, b"").await, set("unknown", png).await), (400, 400, 404));
    let upload = &channel.site.ledger().await.uploads[0];
    assert_eq!(upload.thumbnail, Some(hex::encode(Sha256::digest(png))));
}

#[tokio::test]
async fn captions_are_inserted_once_for_a_language_and_name() {
    let channel = Channel::open().await;
    let id = channel.upload("One").await;
    let insert = async || {
        let head = json!({"snippet": {"videoId": id, "language": "en", "name": "English"}});
        let body = format!(
            "--b\r\nContent-Type: application/json\r\n\r\n{head}\r\n--b\r\nContent-Type: text/vtt\r\n\r\n\
             WEBVTT\n\n00:00.000 --> 00:01.000\nHello\n\r\n--b--\r\n"
        );
        let path = "/upload/youtube/v3/captions?part=snippet&uploadType=multipart";
        let request = channel.site.http.post(channel.site.url(Service::YouTube, path)).body(body);
        let request = request.header("Content-Type", "multipart/related; boundary=\"b\"");
        read(channel.signed(request).send().await.unwrap()).await
    };
    let (status, body) = insert().await;
    assert_eq!((status, &body["snippet"]["language"]), (200, &json!("en")), "{body}");
    assert_eq!(insert().await.0, 409);
    let upload = &channel.site.ledger().await.uploads[0];
    assert_eq!(upload.captions[0].text, "WEBVTT\n\n00:00.000 --> 00:01.000\nHello\n");
}

#[tokio::test]
async fn metadata_that_youtube_refuses_is_refused() {
    let channel = Channel::open().await;
    let long = "x".repeat(101);
    for (part, field, value, reason) in [
        ("snippet", "title", json!(""), "invalidTitle"),
        ("snippet", "title", json!(long), "invalidTitle"),
        ("snippet", "title", json!("a <b>"), "invalidTitle"),
        ("snippet", "description", json!("x".repeat(5001)), "invalidDescription"),
        ("snippet", "tags", json!(["y".repeat(500)]), "invalidTags"),
        ("status", "privacyStatus", json!("public"), "invalidPublishAt"),
        ("status", "publishAt", json!("tomorrow"), "invalidPublishAt"),
    ] {
        let mut body = video("The sea");
        body[part][field] = value;
        let (status, answer) = read(channel.begin(&body).await).await;
        assert_eq!(
            (status, &answer["error"]["errors"][0]["reason"]),
            (400, &json!(reason)),
            "{part} {field}"
        );
    }
    assert!(channel.site.ledger().await.uploads.is_empty());
}

#[tokio::test]
async fn requests_need_a_token_that_was_given_out() {
    let channel = Channel::open().await;
    let url = channel.site.url(Service::YouTube, "/youtube/v3/channels?part=id&mine=true");
    let (status, body) =
        read(channel.site.http.get(url).bearer_auth("ya29.unknown").send().await.unwrap()).await;
    assert_eq!((status, &body["error"]["errors"][0]["reason"]), (401, &json!("authError")));
    assert_eq!(ask_token(&channel.site, "password").await.status(), 400);
}
