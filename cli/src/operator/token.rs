//! The token that the operator is shown: the kubeconfig's, or one of its ServiceAccount for readers.

use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{HeaderValue, Request, Response};
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::PostParams;
use kube::client::{Body, ConfigExt};
use kube::{Api, Client, Config};
use tokio::sync::Mutex;
use tokio::time::Instant;
use tower::util::BoxService;
use tower::{BoxError, Layer, Service, ServiceExt, service_fn};
use videofactory_client::within;

use crate::cluster::Cluster;
use crate::exit::Error;

/// Whose token is shown where the kubeconfig has none. It may read, and change nothing.
const VIEWER: &str = "videofactory-viewer";
/// How long such a token is good for. A stream that is followed through the proxy ends with it.
const TTL: Duration = Duration::from_hours(1);
/// How long before its end it is renewed.
const RENEWED_BEFORE: Duration = Duration::from_mins(2);

/// Puts the kubeconfig's credentials into requests, as the client does: from a token, a file that changes, or a program.
type Credentials = BoxService<Request<Body>, Response<Option<HeaderValue>>, BoxError>;

/// Gives tokens, and renews them.
pub struct Tokens {
    credentials: Option<Mutex<Credentials>>,
    client: Client,
    namespace: String,
    viewer: Mutex<Option<(HeaderValue, Instant)>>,
}

impl Tokens {
    /// The tokens of whoever the cluster's configuration is.
    pub fn new(cluster: &Cluster, namespace: String) -> Result<Self, Error> {
        let credentials = match cluster.config() {
            Some(config) => credentials(config)?.map(Mutex::new),
            None => None,
        };
        Ok(Self { credentials, client: cluster.client()?, namespace, viewer: Mutex::default() })
    }

    /// The header that says who asks.
    pub async fn header(&self) -> Result<HeaderValue, Error> {
        if let Some(credentials) = &self.credentials {
            let mut credentials = credentials.lock().await;
            let said = read(&mut credentials).await?;
            if let Some(header) = said.filter(is_bearer) {
                return Ok(header);
            }
        }
        self.viewers().await
    }

    /// A certificate is nothing that could be shown to the operator.
    async fn viewers(&self) -> Result<HeaderValue, Error> {
        let mut viewer = self.viewer.lock().await;
        if let Some((header, until)) = &*viewer
            && Instant::now() < *until
        {
            return Ok(header.clone());
        }
        let asked = Instant::now();
        let token = self.request().await?;
        let mut header = HeaderValue::try_from(format!("Bearer {token}"))
            .map_err(|_| Error::new("the API server gave a token that is none"))?;
        header.set_sensitive(true);
        *viewer = Some((header.clone(), asked + TTL - RENEWED_BEFORE));
        Ok(header)
    }

    async fn request(&self) -> Result<String, Error> {
        let api: Api<ServiceAccount> = Api::namespaced(self.client.clone(), &self.namespace);
        let request = TokenRequest {
            spec: TokenRequestSpec {
                expiration_seconds: i64::try_from(TTL.as_secs()).ok(),
                ..TokenRequestSpec::default()
            },
            ..TokenRequest::default()
        };
        let what = format!("create a token of ServiceAccount {}/{VIEWER}", self.namespace);
        let params = PostParams::default();
        let made = within(what, api.create_token_request(VIEWER, &params, &request)).await;
        let made = made.map_err(|error| {
            Error::new(error.for_people()).hint(format!(
                "the kubeconfig has no token (a client certificate is none), so one of {VIEWER} is needed: ask for the \
                 verb create on serviceaccounts/token there, or use a kubeconfig with a token"
            ))
        })?;
        made.status.map(|status| status.token).ok_or_else(|| Error::new("the API server gave no token"))
    }
}

fn credentials(config: &Config) -> Result<Option<Credentials>, Error> {
    let layer = config.auth_layer().map_err(|error| {
        Error::new(format!("the kubeconfig's credentials cannot be used: {error}"))
            .hint("does kubectl itself work? try `kubectl version`")
    })?;
    let look = service_fn(async |request: Request<Body>| {
        Ok::<_, BoxError>(Response::new(request.headers().get(AUTHORIZATION).cloned()))
    });
    Ok(layer.map(|layer| BoxService::new(layer.layer(look))))
}

async fn read(credentials: &mut Credentials) -> Result<Option<HeaderValue>, Error> {
    let failed = |error: BoxError| Error::new(format!("the kubeconfig's credentials cannot be had: {error}"));
    let ready = credentials.ready().await.map_err(failed)?;
    Ok(ready.call(Request::new(Body::empty())).await.map_err(failed)?.into_body())
}

fn is_bearer(header: &HeaderValue) -> bool {
    let scheme = header.as_bytes().get(..7);
    scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"bearer "))
}

#[cfg(test)]
mod tests {
    use kube::config::AuthInfo;
    use serde_json::json;

    use super::*;
    use crate::testing::Fake;

    async fn shown(auth: AuthInfo) -> Option<String> {
        let mut config = Config::new("https://cluster.example:6443".parse().unwrap());
        config.auth_info = auth;
        let mut credentials = credentials(&config).unwrap()?;
        let header = read(&mut credentials).await.unwrap()?;
        header.to_str().ok().map(str::to_owned)
    }

    #[tokio::test]
    async fn the_kubeconfigs_token_is_shown() {
        let token = AuthInfo { token: Some("abc".to_owned().into()), ..AuthInfo::default() };
        assert_eq!(shown(token).await.as_deref(), Some("Bearer abc"));
    }

    #[tokio::test]
    async fn a_token_in_a_file_is_shown() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        std::fs::write(&path, "from-a-file").unwrap();
        let file = AuthInfo { token_file: Some(path.display().to_string()), ..AuthInfo::default() };
        assert_eq!(shown(file).await.as_deref(), Some("Bearer from-a-file"));
    }

    #[tokio::test]
    async fn a_certificate_shows_nothing_and_a_password_is_no_token() {
        assert_eq!(shown(AuthInfo::default()).await, None);
        let password = AuthInfo {
            username: Some("me".to_owned()),
            password: Some("secret".to_owned().into()),
            ..AuthInfo::default()
        };
        let shown = shown(password).await.unwrap();
        assert!(!is_bearer(&HeaderValue::try_from(shown).unwrap()));
    }

    #[tokio::test]
    async fn without_a_token_a_short_one_for_readers_is_made_once() {
        let what = "POST /api/v1/namespaces/factory/serviceaccounts/videofactory-viewer/token";
        let answer = json!({
            "spec": {"audiences": []},
            "status": {"token": "short", "expirationTimestamp": "2026-12-24T18:10:00Z"},
        });
        let fake = Fake::default().on(what, answer);
        let cluster = Cluster::of_client(fake.client(), "films");
        let tokens = Tokens::new(&cluster, "factory".to_owned()).unwrap();
        for _ in 0..2 {
            assert_eq!(tokens.header().await.unwrap(), "Bearer short");
        }
        let asked = fake.writes();
        assert_eq!(asked.len(), 1);
        assert_eq!(asked[0].body["spec"]["expirationSeconds"], 3600);
    }

    #[test]
    fn the_documentation_says_how_long_it_is_valid() {
        let page = include_str!("../../../docs/plugin.md");
        let valid = format!("valid for {} hour.", TTL.as_secs() / 3600);
        assert!(TTL.as_secs().is_multiple_of(3600) && page.contains(&valid), "not {valid:?}");
    }

    #[tokio::test]
    async fn who_may_not_make_one_learns_what_to_ask_for() {
        let what = "POST /api/v1/namespaces/factory/serviceaccounts/videofactory-viewer/token";
        let fake = Fake::default().refuses(what, 403, "Forbidden", "you cannot create serviceaccounts/token");
        let cluster = Cluster::of_client(fake.client(), "films");
        let error = Tokens::new(&cluster, "factory".to_owned()).unwrap().header().await.unwrap_err();
        assert!(error.hint.unwrap().contains("serviceaccounts/token"));
    }
}
