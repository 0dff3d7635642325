//! Hugging Face: its own inference, the providers behind its router, and the Hub.

use serde_json::{Value, json};
use videofactory_tests::fakes::{Effect, Fault, Operation, Service, Shape};

use super::{KEY, Site, header, read};

const OWN: &str = "/hf-inference/models/black-forest-labs/FLUX.1-dev";

fn inputs() -> Value {
    json!({"inputs": "a fox", "parameters": {"width": 320, "height": 180}})
}

fn size(png: &[u8]) -> (u32, u32) {
    let reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
    (reader.info().width, reader.info().height)
}

async fn fetch(site: &Site, url: &Value) -> (String, Vec<u8>) {
    let answer = site.http.get(url.as_str().unwrap()).send().await.unwrap();
    (header(&answer, "content-type"), answer.bytes().await.unwrap().to_vec())
}

#[tokio::test]
async fn its_own_inference_answers_with_the_picture() {
    let site = Site::start().await;
    let answer = site.posted(Service::HuggingFace, OWN, &inputs()).await;
    assert_eq!((answer.status().as_u16(), header(&answer, "content-type").as_str()), (200, "image/png"));
    assert_eq!(size(&answer.bytes().await.unwrap()), (320, 180));
    let made = &site.ledger().await.submissions[0];
    assert_eq!((made.model.as_str(), made.delivered), ("black-forest-labs/FLUX.1-dev", true));
}

#[tokio::test]
async fn each_provider_behind_the_router_has_its_own_shape() {
    let site = Site::start().await;
    let fal = json!({"prompt": "a fox", "image_size": {"width": 320, "height": 180}});
    let (_, answer) = read(site.posted(Service::HuggingFace, "/fal-ai/fal-ai/flux/dev", &fal).await).await;
    let (kind, picture) = fetch(&site, &answer["images"][0]["url"]).await;
    assert_eq!((kind.as_str(), size(&picture)), ("image/png", (320, 180)));

    let nscale =
        json!({"prompt": "a fox", "model": "flux", "size": "640x360", "response_format": "b64_json"});
    let (_, answer) =
        read(site.posted(Service::HuggingFace, "/nscale/v1/images/generations", &nscale).await).await;
    assert!(answer["data"][0]["b64_json"].as_str().unwrap().starts_with("iVBORw0KGgo"));

    let path = "/replicate/v1/models/black-forest-labs/flux-dev/predictions";
    let body = json!({"input": {
        "prompt": "a fox", "aspect_ratio": "9:16", "input_image": "data:image/png;base64,cGljdHVyZQ==",
    }});
    let answer = site.post(Service::HuggingFace, path, &body).header("prefer", "wait").send().await.unwrap();
    let (status, answer) = read(answer).await;
    assert_eq!(status, 201);
    assert_eq!(size(&fetch(&site, &answer["output"][0]).await.1), (768, 1360));
    assert_eq!(site.ledger().await.submissions[2].pictures, 1);
    assert!(
        site.ledger()
            .await
            .submissions
            .iter()
            .all(|made| made.delivered && made.operation == Operation::Image)
    );
}

#[tokio::test]
async fn speech_comes_by_a_url_or_at_once() {
    let site = Site::start().await;
    let text = json!({"text": "One two three.", "prompt": "One two three."});
    let (_, answer) = read(site.posted(Service::HuggingFace, "/fal-ai/fal-ai/kokoro", &text).await).await;
    let (kind, sound) = fetch(&site, &answer["audio"]["url"]).await;
    assert_eq!((kind.as_str(), &sound[..4]), ("audio/wav", &b"RIFF"[..]));
    let path = "/hf-inference/models/hexgrad/Kokoro-82M";
    let answer = site.posted(Service::HuggingFace, path, &json!({"inputs": "One."})).await;
    assert_eq!(header(&answer, "content-type"), "audio/wav");
    assert!(site.ledger().await.submissions.iter().all(|made| made.operation == Operation::Speech));
}

#[tokio::test]
async fn output_can_be_missing() {
    let site = Site::start().await;
    site.fault(Fault::always(Effect::NoOutput)).await;
    let path = "/replicate/v1/models/a/b/predictions";
    let (_, answer) =
        read(site.posted(Service::HuggingFace, path, &json!({"input": {"prompt": "a"}})).await).await;
    assert!(answer["output"].is_null() && answer["id"].is_string(), "{answer}");
}

#[tokio::test]
async fn the_hub_knows_the_key_and_where_models_are_served() {
    let site = Site::start().await;
    let (_, answer) = read(site.get(Service::HuggingFace, "/api/whoami-v2").send().await.unwrap()).await;
    assert_eq!(answer["type"], "user");
    let (_, model) = read(site.get(Service::HuggingFace, "/api/models/a/FLUX").send().await.unwrap()).await;
    assert_eq!(model["inferenceProviderMapping"]["fal-ai"]["providerId"], "fal-ai/flux");
    let url = site.url(Service::HuggingFace, "/api/whoami-v2");
    assert_eq!(site.http.get(url).send().await.unwrap().status(), 401);
    site.fault(Fault::always(Effect::WrongKey)).await;
    let (status, answer) = read(site.posted(Service::HuggingFace, OWN, &inputs()).await).await;
    assert_eq!((status, answer), (401, json!({"error": "Invalid credentials in Authorization header"})));
}

#[tokio::test]
async fn it_is_out_of_credits_busy_or_loading_in_its_own_words() {
    let site = Site::start().await;
    site.fault(Fault::always(Effect::CreditsUsedUp)).await;
    let (status, answer) = read(site.posted(Service::HuggingFace, OWN, &inputs()).await).await;
    assert_eq!(status, 402);
    assert!(answer["error"].as_str().unwrap().starts_with("You have exceeded your monthly included credits"));

    for code in [503, 200] {
        site.fault(Fault::always(Effect::Loading { code })).await;
        let (status, answer) = read(site.posted(Service::HuggingFace, OWN, &inputs()).await).await;
        assert_eq!((status, &answer["estimated_time"]), (code, &json!(20.0)));
    }

    site.fault(Fault::always(Effect::RateLimited { shape: Shape::RateLimitHeader, seconds: 55 })).await;
    let answer = site.posted(Service::HuggingFace, OWN, &inputs()).await;
    assert_eq!(answer.status(), 429);
    assert_eq!(header(&answer, "ratelimit"), "\"api\";r=0;t=55");
    assert_eq!(header(&answer, "ratelimit-policy"), "\"fixed window\";\"api\";q=500;w=300");
    let ledger = site.ledger().await;
    assert_eq!((ledger.submissions.len(), ledger.refused("fault:loading"), ledger.avoidable429), (0, 2, 0));
    assert!(ledger.refusals.iter().all(|refusal| refusal.key != KEY));
}
