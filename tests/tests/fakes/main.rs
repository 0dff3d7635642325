//! The fakes of outside services, over the wire: what they make, what they refuse, and whether their ledger is true.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod admin;
mod answers;
mod comfyui;
mod gemini;
mod huggingface;
mod limits;
mod lost;
mod openai;
mod stock;
mod webhook;
mod xai;
mod youtube;
mod youtube_faults;

use reqwest::{Client, RequestBuilder, Response};
use serde_json::Value;
use videofactory_tests::fakes::{Fakes, FakesAdmin, FakesOptions, Fault, Ledger, Limit, Service, Settings};
use videofactory_tests::http::client;

const KEY: &str = "key-0123456789abcdef";

/// The server and a client with one key.
struct Site {
    fakes: Fakes,
    http: Client,
}

impl Site {
    /// With clips that are done at once.
    async fn start() -> Self {
        let fakes = Fakes::start(FakesOptions::default()).await.unwrap();
        let site = Self { fakes, http: client() };
        let at_once = Settings { generation_milliseconds: Some(0), processing_milliseconds: Some(0) };
        site.admin().set(KEY, at_once).await.unwrap();
        site
    }

    fn admin(&self) -> FakesAdmin {
        self.fakes.admin()
    }

    async fn fault(&self, fault: Fault) {
        self.admin().set_faults(KEY, &[fault]).await.unwrap();
    }

    async fn fix(&self) {
        self.admin().set_faults(KEY, &[]).await.unwrap();
    }

    async fn limit(&self, limit: Limit) {
        self.admin().set_limits(KEY, &[limit]).await.unwrap();
    }

    async fn ledger(&self) -> Ledger {
        self.admin().ledger(KEY).await.unwrap()
    }

    /// A URL below the service's base URL.
    fn url(&self, service: Service, path: &str) -> String {
        format!("{}{path}", self.fakes.base_url(service))
    }

    /// A GET with the key where the service wants it.
    fn get(&self, service: Service, path: &str) -> RequestBuilder {
        keyed(service, self.http.get(self.url(service, path)))
    }

    /// A POST of JSON with the key where the service wants it.
    fn post(&self, service: Service, path: &str, body: &Value) -> RequestBuilder {
        keyed(service, self.http.post(self.url(service, path))).json(body)
    }

    /// The same, sent.
    async fn posted(&self, service: Service, path: &str, body: &Value) -> Response {
        self.post(service, path, body).send().await.unwrap()
    }
}

fn keyed(service: Service, request: RequestBuilder) -> RequestBuilder {
    match service {
        Service::Gemini => request.header("x-goog-api-key", KEY),
        _ => request.bearer_auth(KEY),
    }
}

/// An answer's status and JSON; null where it is none.
async fn read(answer: Response) -> (u16, Value) {
    let status = answer.status().as_u16();
    let text = answer.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or_default())
}

/// A header as text; empty without it.
fn header(answer: &Response, name: &str) -> String {
    answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
}
