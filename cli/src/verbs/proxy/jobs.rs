//! Films that are named by their UID, as `/jobs/<uid>/…`: for writes, which do not pass the operator.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{Method, StatusCode};
use kube::api::{ListParams, PartialObjectMeta};
use kube::core::ObjectList;
use kube::{Api, Client, ResourceExt};
use videofactory_api::problem::Problem;
use videofactory_api::uid;
use videofactory_client::{CallError, JobRef, within};
use videofactory_crds::VideoJob;

/// Jobs of one page of a list.
const PAGE: u32 = 500;

/// Finds films by their UID.
pub struct Finder {
    client: Client,
    namespace: String,
}

impl Finder {
    /// Looks in all namespaces, or in this one where that is not allowed.
    #[must_use]
    pub fn new(client: Client, namespace: String) -> Self {
        Self { client, namespace }
    }

    async fn find(&self, uid: &str) -> Result<Option<JobRef>, CallError> {
        match find_in(&Api::all(self.client.clone()), uid).await {
            Err(error) if error.is_rejected() => {
                find_in(&Api::namespaced(self.client.clone(), &self.namespace), uid).await
            }
            found => found,
        }
    }
}

async fn find_in(api: &Api<VideoJob>, uid: &str) -> Result<Option<JobRef>, CallError> {
    let mut params = ListParams::default().limit(PAGE);
    loop {
        let page: ObjectList<PartialObjectMeta<VideoJob>> =
            within("list the VideoJobs", api.list_metadata(&params)).await?;
        if let Some(job) = page.items.iter().find(|job| job.uid().as_deref() == Some(uid)) {
            let namespace = job.namespace().unwrap_or_default();
            return Ok(Some(JobRef { namespace, name: job.name_any() }));
        }
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params = ListParams::default().limit(PAGE).continue_token(&token),
            None => return Ok(None),
        }
    }
}

/// Leads a write to the film that has the UID in its path. The operator knows UIDs itself.
pub async fn resolve(State(finder): State<Arc<Finder>>, request: Request, next: Next) -> Response {
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    let uid = uid::of_path(request.uri().path()).filter(|_| !is_read).map(str::to_owned);
    let Some(uid) = uid else { return next.run(request).await };
    match finder.find(&uid).await {
        Ok(Some(job)) => next.run(uid::rewrite(request, &uid, &job)).await,
        Ok(None) => {
            let detail = format!("there is no VideoJob with the UID {uid}");
            Problem::new(StatusCode::NOT_FOUND, detail).into_response()
        }
        Err(error) => Problem::from(error).into_response(),
    }
}
