//! The HTTP API, as somebody with a token of the cluster calls it.

use anyhow::Context as _;
use k8s_openapi::api::authentication::v1::TokenRequest;
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::Api;
use kube::api::PostParams;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::events::Events;
use super::site;
use super::test_env::TestEnv;

/// Somebody who calls.
#[derive(Clone, Debug)]
pub struct Caller {
    token: Option<String>,
    // One for all calls: to make one takes longer than many an answer.
    http: reqwest::Client,
    /// The URL of one replica; none: whichever answers.
    replica: Option<String>,
}

#[derive(Clone, Debug)]
pub struct Answer {
    pub status: StatusCode,
    /// The body, if it is JSON; else null.
    pub body: Value,
}

impl Caller {
    /// Nobody.
    #[must_use]
    pub fn stranger() -> Self {
        Self::showing(None)
    }

    fn showing(token: Option<String>) -> Self {
        Self { token, http: crate::http::client(), replica: None }
    }

    /// Whoever has this token.
    #[must_use]
    pub fn with_token(token: String) -> Self {
        Self::showing(Some(token))
    }

    /// A `ServiceAccount` of the test's namespace that is there, with the roles that it has.
    pub async fn account(env: &TestEnv, name: &str) -> anyhow::Result<Self> {
        Ok(Self::with_token(token(&env.api(), name).await?))
    }

    /// A new `ServiceAccount` of the test's namespace, with this `ClusterRole` there and nowhere else.
    pub async fn with_role(env: &TestEnv, name: &str, role: &str) -> anyhow::Result<Self> {
        env.put(json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}})).await?;
        env.put(json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": name},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": env.namespace}],
        }))
        .await?;
        Self::account(env, name).await
    }

    /// Whoever may read all.
    pub async fn viewer() -> anyhow::Result<Self> {
        let accounts = Api::namespaced(site::client().await?, site::SYSTEM);
        Ok(Self::with_token(token(&accounts, "videofactory-viewer").await?))
    }

    /// The same, who calls the replica at this URL.
    #[must_use]
    pub fn at(&self, replica: String) -> Self {
        Self { replica: Some(replica), ..self.clone() }
    }

    /// The URL of a path.
    fn url(&self, path: &str) -> anyhow::Result<String> {
        let base = match &self.replica {
            Some(replica) => replica.clone(),
            None => site::operator_url()?,
        };
        Ok(format!("{base}{path}"))
    }

    /// What they show.
    #[must_use]
    pub fn token(&self) -> &str {
        self.token.as_deref().unwrap_or_default()
    }

    pub async fn call(&self, method: Method, path: &str, body: Option<Value>) -> anyhow::Result<Answer> {
        self.send(path, self.request(method, path, body)?).await
    }

    /// POSTs with an `Idempotency-Key`.
    pub async fn post_with_key(&self, path: &str, key: &str, body: Value) -> anyhow::Result<Answer> {
        let request = self.request(Method::POST, path, Some(body))?;
        self.send(path, request.header("idempotency-key", key)).await
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> anyhow::Result<reqwest::RequestBuilder> {
        let mut request = self.http.request(method, self.url(path)?);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        Ok(request)
    }

    async fn send(&self, path: &str, request: reqwest::RequestBuilder) -> anyhow::Result<Answer> {
        let answer = request.send().await.with_context(|| format!("failed to call {path}"))?;
        let status = answer.status();
        let body = serde_json::from_slice(&answer.bytes().await?).unwrap_or(Value::Null);
        Ok(Answer { status, body })
    }

    pub async fn get(&self, path: &str) -> anyhow::Result<Answer> {
        self.call(Method::GET, path, None).await
    }

    /// GETs plain text.
    pub async fn text(&self, path: &str) -> anyhow::Result<String> {
        Ok(self.open(path).await?.text().await?)
    }

    /// GETs something that has no end.
    pub async fn follow(&self, path: &str) -> anyhow::Result<Events> {
        Ok(Events::of(self.open(path).await?))
    }

    /// GETs text, of which nothing has been read yet.
    pub async fn open(&self, path: &str) -> anyhow::Result<reqwest::Response> {
        let request = self.http.get(self.url(path)?).bearer_auth(self.token()).header("accept", "text/plain");
        Ok(request.send().await?.error_for_status()?)
    }

    /// POSTs without a body.
    pub async fn post(&self, path: &str) -> anyhow::Result<Answer> {
        self.call(Method::POST, path, None).await
    }
}

async fn token(accounts: &Api<ServiceAccount>, name: &str) -> anyhow::Result<String> {
    let request = TokenRequest::default();
    let answer = accounts.create_token_request(name, &PostParams::default(), &request).await?;
    Ok(answer.status.context("the API server gave no token")?.token)
}
