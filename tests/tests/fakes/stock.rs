//! Pexels and Pixabay.

use serde_json::{Value, json};
use videofactory_tests::fakes::{Effect, Fault, Service, Shape};

use super::{KEY, Site, header, read};

async fn pexels(site: &Site, path: &str) -> (u16, Value) {
    let url = site.url(Service::Pexels, path);
    read(site.http.get(url).header("authorization", KEY).send().await.unwrap()).await
}

#[tokio::test]
async fn pexels_finds_the_same_clips_for_the_same_words_in_the_shape_that_is_asked_for() {
    let site = Site::start().await;
    let search = "/videos/search?query=whale%20sea&orientation=portrait";
    let (status, first) = pexels(&site, search).await;
    let video = &first["videos"][0];
    assert_eq!((status, &video["width"], &video["height"]), (200, &json!(1080), &json!(1920)));
    assert_eq!(video["video_files"][0]["width"], Value::Null, "a stream has no size");
    let link = video["video_files"][2]["link"].as_str().unwrap();
    let clip = site.http.get(link).send().await.unwrap();
    assert_eq!(header(&clip, "content-type"), "video/mp4");
    assert_eq!(&clip.bytes().await.unwrap()[4..8], b"ftyp");
    assert_eq!(pexels(&site, search).await.1["videos"][0]["id"], video["id"]);
    let (_, other) = pexels(&site, "/search?query=fox").await;
    assert_eq!((other["photos"].as_array().unwrap().len(), &other["photos"][0]["width"]), (4, &json!(1920)));
    assert_eq!(pexels(&site, "/search?query=nothing").await.1["photos"], json!([]));
    assert_eq!(site.ledger().await.submissions.len(), 4);
}

#[tokio::test]
async fn pexels_takes_the_bare_key_and_counts_in_headers() {
    let site = Site::start().await;
    let url = site.url(Service::Pexels, "/search?query=fox");
    assert_eq!(site.http.get(&url).bearer_auth(KEY).send().await.unwrap().status(), 401);
    site.fault(Fault::always(Effect::RateLimited { shape: Shape::RateLimitHeader, seconds: 55 })).await;
    let busy = site.http.get(&url).header("authorization", KEY).send().await.unwrap();
    assert_eq!(busy.status(), 429);
    assert_eq!(
        (header(&busy, "x-ratelimit-remaining"), header(&busy, "x-ratelimit-reset")),
        ("0".to_owned(), "55".to_owned())
    );
}

#[tokio::test]
async fn pixabay_takes_the_key_as_a_parameter_and_speaks_plainly() {
    let site = Site::start().await;
    let videos = site.url(Service::Pixabay, &format!("/videos/?key={KEY}&q=whale"));
    let (status, videos) = read(site.http.get(videos).send().await.unwrap()).await;
    let sizes = &videos["hits"][0]["videos"];
    assert_eq!((status, &sizes["large"]["url"], &sizes["medium"]["width"]), (200, &json!(""), &json!(1920)));
    let photos = site.url(Service::Pixabay, &format!("/?key={KEY}&q=whale"));
    let (_, photos) = read(site.http.get(photos).send().await.unwrap()).await;
    let picture = site.http.get(photos["hits"][0]["largeImageURL"].as_str().unwrap()).send().await.unwrap();
    assert!(picture.bytes().await.unwrap().starts_with(b"\x89PNG"));
    let refused = site.http.get(site.url(Service::Pixabay, "/?q=whale")).send().await.unwrap();
    assert_eq!(refused.status(), 400);
    assert!(refused.text().await.unwrap().starts_with("[ERROR 400] Invalid or missing API key"));
}
