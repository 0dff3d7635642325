//! The files of restored jobs, looked for by the operator: it alone has a way to the buckets.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::body::{Body, to_bytes};
use http::Request;
use http::header::CONTENT_TYPE;
use kube::ResourceExt;
use serde_json::Value;
use videofactory_api::writes::check::{CheckAnswer, CheckBody, CheckedFile, MAX_FILES, PATH};
use videofactory_client::restore::{Files, Wanted};
use videofactory_crds::StoragePolicy;

use super::upstream::Upstream;
use crate::text::plain;

/// Most bytes of an answer: it names no more files than the request.
const MAX_ANSWER_BYTES: usize = 4 * 1024 * 1024;

/// Longest time that one request may take: what is restored waits for it.
const TIMEOUT: Duration = Duration::from_mins(1);

/// Asks an operator.
pub struct OperatorFiles<U> {
    /// The way to it.
    pub upstream: Arc<U>,
}

/// No operator is asked.
pub struct NoOperator {
    /// Why the operator cannot be used, as a sentence.
    pub why: String,
}

#[async_trait]
impl Files for NoOperator {
    async fn missing(&self, _: &StoragePolicy, _: &[Wanted]) -> Result<Vec<Wanted>, String> {
        Err(self.why.clone())
    }
}

#[async_trait]
impl<U: Upstream> Files for OperatorFiles<U> {
    async fn missing(&self, policy: &StoragePolicy, wanted: &[Wanted]) -> Result<Vec<Wanted>, String> {
        let mut missing = Vec::new();
        for files in wanted.chunks(MAX_FILES) {
            let body = CheckBody {
                namespace: policy.namespace().unwrap_or_default(),
                policy: policy.name_any(),
                files: files.iter().cloned().map(CheckedFile::from).collect(),
            };
            let asked = tokio::time::timeout(TIMEOUT, self.ask(&body)).await;
            let answer = asked.map_err(|_| "the operator did not answer within a minute".to_owned())??;
            missing.extend(answer.missing.into_iter().map(Wanted::from));
        }
        Ok(missing)
    }
}

impl<U: Upstream> OperatorFiles<U> {
    async fn ask(&self, body: &CheckBody) -> Result<CheckAnswer, String> {
        let text = serde_json::to_string(body).map_err(|error| error.to_string())?;
        let request = Request::post(PATH).header(CONTENT_TYPE, "application/json").body(Body::from(text));
        let request = request.map_err(|error| error.to_string())?;
        let response = self.upstream.send(request).await.map_err(|problem| problem.detail)?;
        let status = response.status();
        let bytes = to_bytes(response.into_body(), MAX_ANSWER_BYTES).await;
        let bytes = bytes.map_err(|error| format!("the operator's answer broke off: {error}"))?;
        if !status.is_success() {
            let said: Value = serde_json::from_slice(&bytes).unwrap_or_default();
            let detail = said["detail"].as_str().map(plain);
            return Err(detail.unwrap_or_else(|| format!("the operator answered with {status}")));
        }
        serde_json::from_slice(&bytes)
            .map_err(|error| format!("the operator's answer cannot be read: {error}; is it of this version?"))
    }
}

#[cfg(test)]
mod tests {
    use axum::response::{IntoResponse, Response};
    use http::StatusCode;
    use serde_json::json;
    use videofactory_api::problem::Problem;

    use super::*;

    /// Never answers.
    struct Silent;

    impl Upstream for Silent {
        async fn send(&self, _: Request<Body>) -> Result<Response, Problem> {
            std::future::pending().await
        }
    }

    /// Misses the last file of each request; or serves nothing.
    struct Fake(bool);

    impl Upstream for Fake {
        async fn send(&self, request: Request<Body>) -> Result<Response, Problem> {
            assert_eq!((request.method().as_str(), request.uri().path()), ("POST", "/storage/check"));
            let bytes = to_bytes(request.into_body(), usize::MAX).await.unwrap();
            let body: CheckBody = serde_json::from_slice(&bytes).unwrap();
            assert_eq!((body.namespace.as_str(), body.policy.as_str()), ("films", "default"));
            assert!(body.files.len() <= MAX_FILES);
            if self.0 {
                return Ok(axum::Json(CheckAnswer {
                    missing: body.files.last().cloned().into_iter().collect(),
                })
                .into_response());
            }
            let problem = json!({"detail": "the bucket does not answer"}).to_string();
            Ok((StatusCode::SERVICE_UNAVAILABLE, problem).into_response())
        }
    }

    async fn missing(upstream: impl Upstream) -> Result<Vec<String>, String> {
        let policy: StoragePolicy = serde_json::from_value(json!({
            "metadata": {"name": "default", "namespace": "films"},
            "spec": {"bucket": {"endpoint": "https://s3.example", "name": "videos", "secretRef": {"name": "s3"}},
                     "capacity": {"limit": "10G"}},
        }))
        .unwrap();
        let wanted: Vec<Wanted> =
            (0..=MAX_FILES).map(|number| Wanted { key: number.to_string(), digest: None }).collect();
        let files = OperatorFiles { upstream: Arc::new(upstream) };
        let missing = files.missing(&policy, &wanted).await?;
        Ok(missing.into_iter().map(|file| file.key).collect())
    }

    #[tokio::test]
    async fn many_files_are_asked_for_in_several_requests() {
        let last = [MAX_FILES - 1, MAX_FILES].map(|number| number.to_string());
        assert_eq!(missing(Fake(true)).await.unwrap(), last);
    }

    #[tokio::test]
    async fn what_the_operator_says_instead_is_passed_on() {
        assert_eq!(missing(Fake(false)).await.unwrap_err(), "the bucket does not answer");
    }

    #[tokio::test(start_paused = true)]
    async fn an_operator_that_says_nothing_keeps_no_restore_waiting() {
        assert_eq!(missing(Silent).await.unwrap_err(), "the operator did not answer within a minute");
    }
}
