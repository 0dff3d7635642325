//! Many jobs at once.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::Barrier;

use crate::testing::{FILMS, Harness, Patching, job};

/// More jobs than are asked at a time.
const JOBS: usize = 20;

#[tokio::test]
async fn a_caller_who_hangs_up_leaves_no_half_of_the_jobs_asked() {
    let everything = json!({"action": "suspend", "filter": {"namespace": "films"}}).to_string();
    for (path, body) in
        [("/jobs/actions", everything.as_str()), ("/jobs/force-stop-all?namespace=films", "{}")]
    {
        let harness = Harness::new().await;
        let names: Vec<String> = (0..JOBS).map(|number| format!("film-{number:02}")).collect();
        let path_of =
            |name: &String| format!("/apis/videofactory.dev/v1alpha1/namespaces/films/videojobs/{name}");
        for name in &names {
            harness.know(job("films", name, &Value::Null));
        }
        let gate = Arc::new(Barrier::new(2));
        harness.cluster.patches.lock().push_back(Patching::Waits(gate.clone()));
        tokio::select! {
            answer = harness.send("POST", path, FILMS, &[], body) => panic!("{answer:?}"),
            _ = gate.wait() => {}
        }
        assert_eq!(harness.state.tasks.under_way(), 1);
        gate.wait().await;
        harness.state.tasks.ended().await;
        let mut changed = harness.cluster.changed.lock().clone();
        changed.sort_unstable();
        assert_eq!(changed, names.iter().map(path_of).collect::<Vec<_>>(), "{path}");
    }
}
