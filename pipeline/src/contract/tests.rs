//! Whatever the schema takes gets into a pod: every string filled to its bound with characters of four bytes.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use videofactory_crds::videojob::VideoJobSpec;
use videofactory_crds::{Corner, StepName, WatermarkLook, generate};

use super::carry::in_parts;
use super::{
    AccountAccess, Allowance, Brand, GivenScenes, MAX_INPUT_BYTES, MAX_PART_BYTES, Opening, StepInput,
};
use crate::settings::Settings;
use crate::step_settings::settings_of;

/// The schema of a `VideoJob`'s spec.
fn schema_of(kind: &str, part: &str) -> Value {
    let crd = generate::all().into_iter().find(|crd| crd.spec.names.kind == kind).unwrap();
    let schema = crd.spec.versions[0].schema.as_ref().unwrap().open_api_v3_schema.clone();
    serde_json::to_value(schema).unwrap()["properties"][part].clone()
}

/// Whether it is an amount, by the rule for amounts.
fn of_money(schema: &Value) -> bool {
    schema["x-kubernetes-validations"].to_string().contains("[0-9]{1,9}")
}

/// The largest value that a schema takes.
fn largest(schema: &Value, of: char) -> Value {
    let bound = |name: &str| schema[name].as_u64().and_then(|most| usize::try_from(most).ok());
    let text = |most: usize| Value::String(of.to_string().repeat(most));
    if let Some(names) = schema["enum"].as_array() {
        return names[0].clone();
    }
    if schema["x-kubernetes-int-or-string"] == json!(true) {
        return json!("1");
    }
    match schema["type"].as_str() {
        Some("object") if schema["x-kubernetes-preserve-unknown-fields"] == json!(true) => {
            json!({ "any": text(50_000) })
        }
        Some("object") => {
            let mut fields = Map::new();
            // Kubernetes' own types, which no step is given, have no bounds.
            let is_bounded = |name: &str| name != "compute";
            for (name, field) in schema["properties"].as_object().into_iter().flatten() {
                fields.extend(is_bounded(name).then(|| (name.clone(), largest(field, of))));
            }
            if schema["additionalProperties"].is_object() {
                for number in 0..bound("maxProperties").expect("a map without a bound") {
                    let name = format!("{number}-{}", of.to_string().repeat(60));
                    fields.insert(name, largest(&schema["additionalProperties"], of));
                }
            }
            Value::Object(fields)
        }
        Some("array") => {
            let most = bound("maxItems").expect("a list without a bound");
            Value::Array(vec![largest(&schema["items"], of); most])
        }
        Some("string") if schema["format"] == json!("date-time") => json!("2026-12-24T18:00:00Z"),
        // What is a number in text has a rule of its own, which some schemas have instead of a pattern.
        Some("string") if schema.to_string().contains("(s|m|h|d)$") => json!("9999999s"),
        Some("string") if schema["pattern"].is_string() || of_money(schema) => json!("1"),
        Some("string") => text(bound("maxLength").expect("a string without a bound")),
        Some("boolean") => json!(true),
        Some("integer") => json!(1),
        _ => schema.get("maximum").cloned().unwrap_or_else(|| json!(1)),
    }
}

fn input(step: StepName, spec: &VideoJobSpec, text: char) -> StepInput {
    let settings = Settings::resolve(&spec.settings, None, false).unwrap();
    let long = |most: usize| text.to_string().repeat(most);
    let opening = Opening { at: "2026-12-24T18:00:00.123456789Z".parse().unwrap(), submissions: 1_000_000 };
    let (accounts, openings) = if step == StepName::PublishVideo { (10, 1) } else { (1, 200) };
    let access = AccountAccess {
        provider: videofactory_crds::provideraccount::Provider::HuggingFace,
        endpoint: long(500),
        allowed_host: long(253),
        ca: Some(videofactory_crds::CaRef {
            kind: videofactory_crds::CaKind::ConfigMap,
            name: "n".repeat(253),
            key: "k".repeat(253),
        }),
        prices: (0..50).map(|number| (format!("{number}{}", long(60)), "1".parse().unwrap())).collect(),
        workflows: "n".repeat(253),
        keyless: true,
        requests_at_once: Some(u32::MAX),
        allowance: Allowance {
            submissions: u32::MAX,
            openings: vec![opening; openings],
            requests_per_second: Some(0.123_456_789),
        },
    };
    let mut input: StepInput = serde_json::from_value(json!({
        "version": 1, "step": step, "attempt": i32::MAX,
        "job": {
            "namespace": "n".repeat(63), "name": "n".repeat(52), "uid": "3f9c2a1e-8f60-4a5c-9a52-0d9cf1b3b7c1",
            "id": "3f9c2a1e", "run": i64::MAX,
        },
        "input": "0123456789abcdef0123456789abcdef", "settings": {}, "deadlineSeconds": u32::MAX,
        "bucket": {"endpoint": long(500), "publicEndpoint": long(500), "name": long(63), "prefix": long(200)},
    }))
    .unwrap();
    input.settings = settings_of(step, &settings);
    input.topic = spec.topic.clone().unwrap();
    input.takes = (0..200)
        .map(|number| (format!("{number}{}", long(28)), crate::storyboard::Takes::default()))
        .collect();
    input.allowed_submissions =
        (0..200).map(|number: u32| (crate::Digest::of_bytes(&number.to_be_bytes()), u32::MAX)).collect();
    input.accounts =
        (0..accounts).map(|number| (format!("{number}-{}", "n".repeat(250)), access.clone())).collect();
    input.brand = Brand {
        tags: vec![long(100); 60],
        intro: long(256),
        outro: long(256),
        watermark: long(256),
        watermark_look: WatermarkLook { corner: Corner::BottomRight, opacity: 100, width: 40 },
    };
    input.upstream = StepName::ALL
        .map(|step| {
            let digest = || crate::Digest::of_bytes(b"x");
            (step, super::Upstream { input: digest(), output: digest() })
        })
        .into_iter()
        .collect::<BTreeMap<_, _>>();
    input.progress_url = format!("https://{}", "p".repeat(250));
    input
}

#[test]
fn whatever_the_schema_takes_fits_into_a_pod() {
    // Four bytes, and what Kubernetes or JSON needs several letters for.
    for text in ['🐙', '$', '"'] {
        let spec = largest(&schema_of("VideoJob", "spec"), text);
        let spec: VideoJobSpec = serde_json::from_value(spec).unwrap();
        assert!(serde_json::to_vec(&spec).unwrap().len() > 1_000_000, "it is not filled");
        for step in StepName::ALL {
            let input = input(step, &spec, text);
            let carried = input.carry();
            let size = carried.variable.len();
            assert!(size <= MAX_INPUT_BYTES, "{step}: {size} bytes with {text:?}");
            let document = carried.document.unwrap();
            let back = StepInput::collect(&carried.variable, || Ok(document.clone().into_bytes())).unwrap();
            assert_eq!(back, input, "{step}");
            let given = GivenScenes {
                scenes: spec.scenes.clone().unwrap(),
                overrides: spec.scene_overrides.clone().unwrap(),
            };
            for text in [document, serde_json::to_string(&given).unwrap()] {
                assert!(in_parts(&text).iter().all(|part| part.len() <= MAX_PART_BYTES));
            }
        }
    }
}
