//! `ComfyUI`: what is queued, what is made of it, and what it forgets.

use serde_json::{Value, json};
use videofactory_tests::fakes::{Effect, Fault, Operation, Service, Settings};

use super::{KEY, Site, read};

const ID: &str = "8f60e01e-0000-8000-8000-0123456789ab";

fn workflow(output: &str) -> Value {
    json!({"prompt_id": ID, "client_id": "c", "prompt": {
        "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 320, "height": 176, "length": 33}},
        "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a fox"}},
        "8": {"class_type": "LoadImage", "inputs": {"image": "fox.png"}},
        "9": {"class_type": output, "inputs": {}},
    }})
}

async fn get(site: &Site, path: &str) -> (u16, Value) {
    read(site.get(Service::ComfyUi, path).send().await.unwrap()).await
}

#[tokio::test]
async fn a_workflow_is_queued_under_the_clients_id_and_its_file_is_fetched() {
    let site = Site::start().await;
    for (output, id, ending, operation) in [
        ("SaveImage", ID, "png", Operation::Image),
        ("SaveVideo", "8f60e01e-0000-8000-8000-0123456789ac", "mp4", Operation::Video),
    ] {
        let mut body = workflow(output);
        body["prompt_id"] = json!(id);
        let (status, queued) = read(site.posted(Service::ComfyUi, "/prompt", &body).await).await;
        assert_eq!((status, &queued["prompt_id"]), (200, &json!(id)));
        let (_, history) = get(&site, &format!("/history/{id}")).await;
        let file = &history[id]["outputs"]["9"]["images"][0];
        assert_eq!(file["filename"], format!("{id}.{ending}"));
        let view = format!("/view?filename={id}.{ending}&subfolder=&type=output");
        let bytes = site.get(Service::ComfyUi, &view).send().await.unwrap().bytes().await.unwrap();
        assert!(bytes.starts_with(b"\x89PNG") || &bytes[4..8] == b"ftyp");
        let made = site.ledger().await.submissions.pop().unwrap();
        assert_eq!((made.operation, made.prompt.as_str(), made.pictures), (operation, "a fox", 1));
        assert!(made.delivered && made.id == id);
    }
    assert_eq!(site.ledger().await.submissions[1].seconds, Some(3));
}

#[tokio::test]
async fn the_history_is_empty_for_what_waits_and_for_what_is_unknown() {
    let site = Site::start().await;
    let slow = Settings { generation_milliseconds: Some(3_600_000), ..Settings::default() };
    site.admin().set(KEY, slow).await.unwrap();
    site.posted(Service::ComfyUi, "/prompt", &workflow("SaveImage")).await;
    for id in [ID, "8f60e01e-0000-8000-8000-000000000000"] {
        assert_eq!(get(&site, &format!("/history/{id}")).await, (200, json!({})));
    }
    assert_eq!(get(&site, &format!("/api/jobs/{ID}")).await.1["status"], "in_progress");
    assert_eq!(get(&site, "/api/jobs/other").await, (404, json!({"error": "Job not found"})));
    let (_, queue) = get(&site, "/queue").await;
    assert_eq!(queue["queue_running"][0][1], ID);
    let (status, words) = get(&site, &format!("/old/api/jobs/{ID}")).await;
    assert!(status == 404 && words["error"] != "Job not found");

    site.fault(Fault::always(Effect::Forgotten)).await;
    assert_eq!(get(&site, &format!("/api/jobs/{ID}")).await.0, 404);
    let (_, queue) = get(&site, "/queue").await;
    assert_eq!(queue, json!({"queue_running": [], "queue_pending": []}));
}

#[tokio::test]
async fn workflows_that_cannot_run_are_refused_and_failures_reported() {
    let site = Site::start().await;
    let mut bare = workflow("SaveImage");
    bare["prompt"]["9"] = json!({"inputs": {}});
    let mut odd = workflow("SaveImage");
    odd["prompt_id"] = json!("NOT-A-UUID");
    for (body, says) in [(bare, "class_type"), (odd, "UUID"), (workflow("KSampler"), "no outputs")] {
        let (status, answer) = read(site.posted(Service::ComfyUi, "/prompt", &body).await).await;
        assert!(status == 400 && answer["error"]["message"].as_str().unwrap().contains(says), "{answer}");
    }
    site.posted(Service::ComfyUi, "/prompt", &workflow("SaveImage")).await;
    site.fault(Fault::always(Effect::Failed).on(Operation::Poll)).await;
    let (_, history) = get(&site, &format!("/history/{ID}")).await;
    assert_eq!(history[ID]["status"]["status_str"], "error");
    assert_eq!(site.ledger().await.submissions.len(), 1);
}

#[tokio::test]
async fn what_waits_is_deleted_by_its_id_and_what_is_being_made_interrupted() {
    let site = Site::start().await;
    let slow = Settings { generation_milliseconds: Some(3_600_000), ..Settings::default() };
    site.admin().set(KEY, slow).await.unwrap();
    let ids = ["a", "b", "c"].map(|last| format!("8f60e01e-0000-8000-8000-0123456789a{last}"));
    for id in &ids {
        let mut body = workflow("SaveImage");
        body["prompt_id"] = json!(id);
        site.posted(Service::ComfyUi, "/prompt", &body).await;
    }
    let left = async || {
        let (_, queue) = get(&site, "/queue").await;
        let entries = ["queue_running", "queue_pending"].map(|name| queue[name].as_array().cloned().unwrap());
        entries.concat().iter().map(|entry| entry[1].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    site.posted(Service::ComfyUi, "/queue", &json!({"delete": [&ids[0], &ids[1]]})).await;
    assert_eq!(left().await, [ids[0].clone(), ids[2].clone()], "what is being made is in the queue no more");
    site.posted(Service::ComfyUi, "/interrupt", &json!({"prompt_id": ids[2]})).await;
    assert_eq!(left().await.len(), 2, "another request than the named one was interrupted");
    site.posted(Service::ComfyUi, "/interrupt", &json!({"prompt_id": ids[0]})).await;
    assert_eq!(left().await, [ids[2].clone()]);
    site.posted(Service::ComfyUi, "/old/interrupt", &json!({"prompt_id": ids[0]})).await;
    assert!(left().await.is_empty(), "an older server reads no id");
}
