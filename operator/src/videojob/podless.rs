//! Jobs that make no pod, and why.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Event;
use kube::Api;
use kube::api::ListParams;
use videofactory_pipeline::clock;

use super::attempts;
use super::model::{JobFacts, PodFacts};
use super::pod_status::pod_refusal;
use crate::context::Context;
use videofactory_client::call::within;

/// Why Jobs that should have made their pod have not, as far as Kubernetes says: its Events are the only place.
pub async fn look_up(
    context: &Context,
    namespace: &str,
    jobs: &[JobFacts],
    pods: &[PodFacts],
) -> BTreeMap<String, String> {
    let mut why = BTreeMap::new();
    for job in attempts::podless(jobs, pods, clock::now()) {
        let api: Api<Event> = Api::namespaced(context.client.clone(), namespace);
        let fields = format!("involvedObject.uid={},reason=FailedCreate", job.uid);
        let params = ListParams::default().fields(&fields).limit(50);
        match within(format!("list Events of Job {namespace}/{}", job.name), api.list(&params)).await {
            Ok(events) => why.extend(pod_refusal(&events.items).map(|words| (job.name.clone(), words))),
            // It is reported that there is no pod, without the reason.
            Err(error) => tracing::debug!(%error, "why a Job makes no pod is not known"),
        }
    }
    why
}
