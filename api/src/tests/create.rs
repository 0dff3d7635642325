//! Jobs that are only tried: what they would cost is told.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::conforms::faults;
use crate::documented;
use crate::testing::{Answer, FILMS, World};

/// Tries two films of three clips each, of which an account is asked for pictures and clips.
async fn tried(world: &World) -> Answer {
    let hired = |name: &str| json!({"accountRef": {"name": name}});
    let wish = json!({
        "namespace": "films", "topics": ["rivers", "lakes"],
        "spec": {
            "sceneCount": 3, "length": {"target": "15s"},
            "providers": {"animation": hired("grok"), "images": hired("gone")},
        },
    });
    world.send("POST", "/jobs?dry_run=true", FILMS, &[], &wish.to_string()).await
}

fn know(world: &World, resource: &str, name: &str, object: Value) {
    let path = format!("/apis/videofactory.dev/v1alpha1/namespaces/films/{resource}/{name}");
    world.cluster.objects.lock().insert(path, object);
}

#[tokio::test]
async fn a_dry_run_tells_what_each_job_and_all_would_cost_and_what_nobody_knows() {
    let world = World::new().await;
    let grok = json!({
        "apiVersion": "videofactory.dev/v1alpha1", "kind": "ProviderAccount", "metadata": {"name": "grok"},
        "spec": {"provider": "XAI", "prices": {"videoSecond": "0.10"}},
    });
    know(&world, "provideraccounts", "grok", grok);
    let answer = tried(&world).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    let told = answer.json();
    let unknown = json!(["generate-images: ProviderAccount \"gone\" does not exist in this namespace"]);
    assert_eq!(
        (&told["dry_run"], &told["estimate"]["cost"], &told["estimate"]["unknown"]),
        (&json!(true), &json!("3.60"), &unknown)
    );
    let each = told["estimate"]["jobs"].as_array().unwrap();
    assert_eq!(each.len(), 2);
    for (estimate, job) in each.iter().zip(told["jobs"].as_array().unwrap()) {
        assert_eq!(*estimate, json!({"job": job, "cost": "1.80", "unknown": unknown}));
    }
    let (_, document) = documented(&world.state);
    let schema = document.pointer("/paths/~1jobs/post/responses/200/content/application~1json/schema");
    assert_eq!(faults(&document, schema.unwrap(), &told), [""; 0]);
}
