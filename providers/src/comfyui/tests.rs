//! Workflows that are filled, and the server's answers as they are documented or were seen.

use std::collections::BTreeMap;

use proptest::prelude::*;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;

use super::*;
use crate::error::kind;
use crate::http::any_body;

const ID: &str = "8f60e01e-0000-8000-8000-0123456789ab";

fn answer(status: u16, body: &Value) -> Answer {
    let status = StatusCode::from_u16(status).unwrap();
    Answer { status, headers: HeaderMap::new(), body: body.to_string().into_bytes(), is_foreign: false }
}

fn nodes() -> Value {
    json!({
        "3": {"class_type": "KSampler", "inputs": {"seed": 0, "steps": 20, "model": ["4", 0]}},
        "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 512, "height": 512, "batch_size": 1}},
        "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "", "clip": ["4", 1]}},
        "8": {"class_type": "LoadImage", "inputs": {"image": ""}},
        "9": {"class_type": "WanImageToVideo", "inputs": {"length": 81, "width": 832, "height": 480}},
    })
}

fn files(bindings: &Value) -> BTreeMap<String, String> {
    let files = [("flux.json", nodes().to_string()), ("flux.bindings.json", bindings.to_string())];
    files.into_iter().map(|(name, text)| (name.to_owned(), text)).collect()
}

fn named(bindings: &Value) -> Result<workflow::Workflow, ProviderError> {
    Workflows::new(&files(bindings)).named("flux")
}

fn model(parameters: &Value) -> Model {
    Model { name: "flux".to_owned(), parameters: serde_json::from_value(parameters.clone()).unwrap() }
}

#[test]
fn inputs_go_where_the_bindings_say() {
    let bindings = json!({
        "prompt": "6.text", "seed": ["3.seed"], "size": ["5", "9"], "image": "8.image", "frames": "9.length",
        "fps": 24, "longest": 8,
    });
    let workflow = named(&bindings).unwrap();
    let input = Input {
        prompt: "a whale".to_owned(),
        seed: (1 << 32) + 7,
        size: Some((832, 480)),
        image: Some("a.png".to_owned()),
        seconds: Some(3),
    };
    let filled = workflow.filled(&input, &model(&json!({"3.steps": 8}))).unwrap();
    let mut expected = nodes();
    expected["6"]["inputs"]["text"] = json!("a whale");
    expected["3"]["inputs"]["seed"] = json!(7);
    expected["3"]["inputs"]["steps"] = json!(8);
    expected["8"]["inputs"]["image"] = json!("a.png");
    expected["9"]["inputs"]["length"] = json!(73);
    for node in ["5", "9"] {
        expected[node]["inputs"]["width"] = json!(832);
        expected[node]["inputs"]["height"] = json!(480);
    }
    assert_eq!(filled, expected);
    assert_eq!((workflow.takes_picture(), workflow.longest()), (true, 8));
    let plain = named(&json!({"prompt": "6.text"})).unwrap();
    assert_eq!((plain.takes_picture(), plain.longest()), (false, 5));
}

#[test]
fn a_clip_has_the_frames_shape_and_no_more_pixels_than_the_model_can() {
    let usual = named(&json!({"prompt": "6.text"})).unwrap();
    assert_eq!(usual.clip_size(720, 1280), (464, 832));
    assert_eq!(usual.clip_size(320, 180), (320, 176));
    let large = named(&json!({"prompt": "6.text", "pixels": 921_600})).unwrap();
    assert_eq!(large.clip_size(1080, 1920), (720, 1280));
}

#[test]
fn a_workflow_that_cannot_be_used_is_reported_with_what_is_wrong() {
    for (bindings, says) in [
        (json!({}), "prompt"),
        (json!({"prompt": []}), "no place for prompt"),
        (json!({"prompt": "7.text"}), "a node that it does not have"),
        (json!({"prompt": "6"}), "no input of that node, which has"),
        (json!({"prompt": "6.clip"}), "comes from another node"),
        (json!({"prompt": "6.text", "size": "3"}), "\"3.width\" is no input"),
        (json!({"prompt": "6.text", "colour": "3.x"}), "unknown field"),
    ] {
        let error = named(&bindings).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
    let mut editors = files(&json!({"prompt": "6.text"}));
    editors.insert("flux.json".to_owned(), json!({"nodes": [], "links": []}).to_string());
    let error = Workflows::new(&editors).named("flux").unwrap_err().to_string();
    assert!(error.contains("export it for the API"), "{error}");
    editors.remove("flux.json");
    assert!(Workflows::new(&editors).named("").unwrap_err().to_string().contains("no flux.json"));
    let workflow = named(&json!({"prompt": "6.text"})).unwrap();
    assert!(workflow.filled(&Input::default(), &model(&json!({"3.stps": 8}))).is_err());
}

#[test]
fn the_only_workflow_needs_no_name_and_others_are_named() {
    let mut both = files(&json!({"prompt": "6.text"}));
    assert!(Workflows::new(&both).named(" ").is_ok());
    both.extend(
        files(&json!({"prompt": "6.text"}))
            .into_iter()
            .map(|(name, text)| (name.replace("flux", "wan"), text)),
    );
    for name in ["", "sdxl"] {
        let error = Workflows::new(&both).named(name).unwrap_err().to_string();
        assert!(error.contains("there are flux, wan"), "{error}");
    }
}

#[test]
fn a_submission_is_known_by_our_id() {
    let read = |status: u16, body: &Value| job::submitted(&answer(status, body), ID);
    assert_eq!(read(200, &json!({"prompt_id": ID, "number": 1, "node_errors": {}})).unwrap(), ID);
    assert_eq!(read(200, &json!({"prompt_id": "theirs"})).unwrap(), "theirs");
    let refusal = json!({
        "error": {"type": "prompt_outputs_failed_validation", "message": "Prompt outputs failed validation", "details": ""},
        "node_errors": {"4": {"class_type": "CheckpointLoaderSimple", "errors": [
            {"message": "Value not in list", "details": "ckpt_name: 'sdxl.safetensors' not in []"},
        ]}},
    });
    let error = read(400, &refusal).unwrap_err();
    assert_eq!(kind(&error), "configuration");
    assert!(error.to_string().contains("node 4 (CheckpointLoaderSimple), Value not in list"), "{error}");
    assert_eq!(kind(&read(500, &json!("500 Internal Server Error")).unwrap_err()), "unknown");
}

#[test]
fn a_request_is_looked_for_where_the_server_keeps_it() {
    let jobs = |status: u16, body: &Value| job::of_jobs(&answer(status, body)).unwrap();
    assert_eq!(jobs(200, &json!({"id": ID, "status": "in_progress"})), Place::Queued);
    assert_eq!(jobs(200, &json!({"id": ID, "status": "completed"})), Place::Elsewhere);
    assert_eq!(jobs(404, &json!({"error": "Job not found"})), Place::Elsewhere);
    assert_eq!(jobs(404, &json!("404: Not Found")), Place::NotSupported);
    assert_eq!(kind(&job::of_jobs(&answer(502, &json!({}))).unwrap_err()), "unavailable");

    let queue = json!({"queue_running": [[1, "other", {}]], "queue_pending": [[2, ID, {}, {}, ["9"]]]});
    assert!(job::is_in_queue(&answer(200, &queue), ID).unwrap());
    let empty = json!({"queue_running": [], "queue_pending": []});
    assert!(!job::is_in_queue(&answer(200, &empty), ID).unwrap());
    assert_eq!(kind(&job::is_in_queue(&answer(200, &json!({})), ID).unwrap_err()), "unavailable");
}

#[test]
fn what_was_made_is_the_saved_file_of_the_kind_that_is_wanted() {
    let of = |entry: &Value, kinds: &[&str]| job::of_history(&answer(200, &json!({ID: entry})), ID, kinds);
    let entry = json!({"status": {"status_str": "success", "completed": true}, "outputs": {
        "7": {"images": [{"filename": "look.png", "subfolder": "", "type": "temp"}]},
        "9": {"images": [{"filename": "a b&c.png", "subfolder": "vf", "type": "output"}], "animated": [true]},
        "11": {"gifs": [{"filename": "clip.mp4", "subfolder": "", "type": "output"}]},
    }});
    let picture = of(&entry, &["image/png", "image/jpeg"]).unwrap();
    assert_eq!(picture, Found::File("/view?filename=a%20b%26c%2Epng&subfolder=vf&type=output".to_owned()));
    let clip = of(&entry, &["video/mp4"]).unwrap();
    assert_eq!(clip, Found::File("/view?filename=clip%2Emp4&subfolder=&type=output".to_owned()));
    assert_eq!(job::of_history(&answer(200, &json!({})), ID, &["video/mp4"]).unwrap(), Found::Nothing);
    for (entry, says) in [
        (json!({"outputs": {}}), "made no file"),
        (
            json!({"status": {"status_str": "error", "messages": [
                ["execution_start", {}],
                ["execution_error", {"node_type": "KSampler", "exception_message": "CUDA out of memory"}],
            ]}}),
            "KSampler CUDA out of memory",
        ),
        (
            json!({"status": {"status_str": "error", "messages": [["execution_interrupted", {}]]}}),
            "interrupted",
        ),
    ] {
        let error = of(&entry, &["video/mp4"]).unwrap_err();
        assert!(kind(&error) == "unexpected" && error.to_string().contains(says), "{error}");
    }
}

#[test]
fn an_upload_is_a_form_and_the_same_picture_has_the_same_name() {
    let picture = |bytes: &[u8]| Picture {
        bytes: bytes.to_vec(),
        media_type: "image/png".to_owned(),
        width: 1,
        height: 1,
        cost_micros: None,
    };
    let form = |bytes: &[u8]| match upload::call(&picture(bytes)).body {
        crate::http::Body::Bytes(form) => String::from_utf8(form.to_vec()).unwrap(),
        other => panic!("{other:?}"),
    };
    assert_eq!(form(b"one"), form(b"one"));
    assert_ne!(form(b"one"), form(b"two"));
    assert!(
        form(b"one").contains("Content-Type: image/png\r\n\r\none\r\n--") && form(b"one").ends_with("--\r\n")
    );
    let named =
        upload::read(&answer(200, &json!({"name": "a.png", "subfolder": "vf", "type": "input"}))).unwrap();
    assert_eq!(named, "vf/a.png");
}

#[test]
fn a_ticket_is_always_the_same_id() {
    let id = Ticket::new("ledger/demo/film/submit-1.json").uuid();
    assert_eq!(id, Ticket::new("ledger/demo/film/submit-1.json").uuid());
    assert_ne!(id, Ticket::new("ledger/demo/film/submit-2.json").uuid());
    let parts: Vec<usize> = id.split('-').map(str::len).collect();
    assert_eq!(parts, [8, 4, 4, 4, 12]);
    assert!(id[14..].starts_with('8') && "89ab".contains(&id[19..20]), "{id}");
}

proptest! {
    #[test]
    fn any_answer_is_a_value_or_an_error(status in 100u16..1000, body in any_body()) {
        let status = StatusCode::from_u16(status).unwrap();
        let answer = Answer { status, headers: HeaderMap::new(), body, is_foreign: false };
        let _ = (job::submitted(&answer, ID), job::of_jobs(&answer), job::is_in_queue(&answer, ID));
        let _ = (job::of_history(&answer, ID, &["video/mp4"]), upload::read(&answer));
    }
}
