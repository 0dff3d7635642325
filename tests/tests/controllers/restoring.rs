//! Objects that are being restored: nothing is written before they are all there.

use std::time::Duration;

use serde_json::{Value, json};
use videofactory_crds::requests::{RESTORED_FROM, RESTORING};
use videofactory_pipeline::clock;
use videofactory_tests::api_server::ApiServer;

use super::support::{ACCOUNT, Controllers, ManyJobs, NAMESPACE, begun, is_current, job, quota};

/// Longest that the test may take, on a machine that others use too.
const TIMEOUT: Duration = Duration::from_mins(10);
/// What is not all there yet.
const HELD: [(&str, &str); 3] = [("videojobs", "held"), ("videojobs", "bare"), ("provideraccounts", ACCOUNT)];

fn object(server: &ApiServer, resource: &str, name: &str) -> Value {
    server.get(resource, NAMESPACE, name).unwrap()
}

fn versions(server: &ApiServer) -> Vec<Value> {
    HELD.iter()
        .map(|(resource, name)| object(server, resource, name)["metadata"]["resourceVersion"].clone())
        .collect()
}

fn ready(server: &ApiServer, name: &str) -> String {
    let conditions = object(server, "videojobs", name)["status"]["conditions"].clone();
    let ready = conditions.as_array().into_iter().flatten().find(|condition| condition["type"] == "Ready");
    ready.and_then(|ready| ready["message"].as_str()).unwrap_or_default().to_owned()
}

#[tokio::test]
async fn no_controller_writes_to_what_is_being_restored_before_it_is_released() {
    let harness =
        ManyJobs::new(&json!({"quotas": quota(3)}), &json!({"observedGeneration": -1})).await.unwrap();
    let (server, now) = (&harness.server, format!("{:.0}", clock::now()));
    let mut held = job("held", &json!({}), &begun());
    held["metadata"]["annotations"] = json!({RESTORING: now});
    server.put("videojobs", held);
    let mut bare = job("bare", &json!({}), &json!({"observedGeneration": -1}));
    bare["metadata"]["labels"] = json!({"velero.io/restore-name": "r"});
    bare["metadata"]["creationTimestamp"] = json!(now);
    server.put("videojobs", bare);
    let mut stripped = job("stripped", &json!({}), &json!({"observedGeneration": -1}));
    stripped["metadata"]["annotations"] = json!({RESTORED_FROM: "3f9c"});
    server.put("videojobs", stripped);
    let untouched = object(server, "videojobs", "stripped");
    server.put("videojobs", job("free", &json!({}), &begun()));
    let restoring = |object: &mut Value| object["metadata"]["annotations"] = json!({RESTORING: now});
    server.change("provideraccounts", NAMESPACE, ACCOUNT, restoring);
    let before = versions(server);
    harness.run(Controllers::AccountsAndJobs).await.unwrap();
    let steps = async {
        server.until(|server| ready(server, "free").contains("being restored")).await;
        harness.until_quiet().await;
        assert_eq!(versions(server), before, "somebody has written");
        // As another tool writes the status, on the version that it has made.
        server.change("videojobs", NAMESPACE, "bare", |bare| bare["status"] = begun());
        let release = |object: &mut Value| object["metadata"]["annotations"] = json!({});
        server.change("provideraccounts", NAMESPACE, ACCOUNT, release);
        server.change("videojobs", NAMESPACE, "held", release);
        let acts = |server: &ApiServer| HELD.iter().all(|(of, name)| is_current(&object(server, of, name)));
        server.until(acts).await;
        server.until(|server| !ready(server, "free").contains("being restored")).await;
        harness.until_quiet().await;
        assert_eq!(object(server, "videojobs", "stripped"), untouched, "it would begin as a new one");
    };
    let ended = tokio::time::timeout(TIMEOUT, steps).await;
    ended.unwrap_or_else(|_| panic!("{:#?} {:#?}", server.all("videojobs"), server.all("provideraccounts")));
    assert_eq!(object(server, "videojobs", "bare")["status"]["id"], "00000000", "its id is its own");
}
