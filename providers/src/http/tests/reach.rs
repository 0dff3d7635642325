//! To whom a key is sent, and by which way.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use videofactory_net::{AllowedHosts, Authority, Destinations, Found, Lookup, Proxies};

use super::super::*;

const KEY: &str = "very-secret-key";
const OWN: &[&str] = &["https://service.example/v1"];

fn connection(endpoint: &str, allowed: &str) -> Connection {
    Connection {
        endpoint: endpoint.to_owned(),
        secrets: BTreeMap::from([("apiKey".to_owned(), Secret::from(KEY))]),
        allowed_hosts: AllowedHosts::parse(allowed),
        network: Network::default(),
        ..Connection::default()
    }
}

fn opened(connection: &Connection) -> Result<Http, ProviderError> {
    Http::new("A service", connection, OWN)?.with_bearer(connection.secret("A service", "apiKey")?)
}

fn refusal_of(endpoint: &str, allowed: &str) -> String {
    let error = opened(&connection(endpoint, allowed)).unwrap_err();
    assert!(matches!(error, ProviderError::Configuration { .. }), "{error}");
    error.to_string()
}

#[test]
fn a_key_goes_only_where_its_secret_allows() {
    for endpoint in
        ["https://evil.example/v1", "https://service.example:8443", "https://service.example.evil.com"]
    {
        let refusal = refusal_of(endpoint, "");
        assert!(refusal.contains("videofactory.dev/allowed-hosts"), "{refusal}");
    }
    let refusal = refusal_of("https://proxy.example:8443/v1", "proxy.example:9443");
    assert!(refusal.contains("add proxy.example:8443 to the Secret's annotation"), "{refusal}");
    for (endpoint, allowed) in [
        ("", ""),
        ("https://service.example/v2", ""),
        ("https://proxy.example:8443/v1", "proxy.example"),
        ("http://fakes.demo.svc:9100/xai", "fakes.demo.svc:9100"),
    ] {
        opened(&connection(endpoint, allowed)).unwrap();
    }
}

#[test]
fn no_key_is_sent_in_clear_but_within_the_cluster() {
    for (endpoint, allowed) in [
        ("http://proxy.example", "proxy.example"),
        ("http://fakes.demo", "fakes.demo"),
        ("http://10.0.0.1", "10.0.0.1"),
        ("http://127.0.0.1:9", "127.0.0.1"),
    ] {
        let refusal = refusal_of(endpoint, allowed);
        assert!(refusal.contains("use https"), "{refusal}");
    }
    assert!(refusal_of("http://service.example/v1", "").contains("videofactory.dev/allowed-hosts"));
}

/// Every name leads to this machine.
#[derive(Debug)]
struct Here;

impl Lookup for Here {
    fn lookup<'a>(&'a self, _: &'a str) -> Found<'a> {
        Box::pin(async { Ok(vec!["127.0.0.1".parse().unwrap()]) })
    }
}

type Heads = Arc<Mutex<Vec<String>>>;

/// Answers every request alike and keeps their heads; its port.
async fn serve(answer: &'static str) -> (u16, Heads) {
    serve_over(answer, None).await
}

async fn serve_over(answer: &'static str, tls: Option<TlsAcceptor>) -> (u16, Heads) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let heads = Heads::default();
    let kept = Arc::clone(&heads);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (kept, tls) = (Arc::clone(&kept), tls.clone());
            tokio::spawn(async move {
                let Some(tls) = tls else { return answer_all(stream, answer, &kept).await };
                if let Ok(stream) = tls.accept(stream).await {
                    answer_all(stream, answer, &kept).await;
                }
            });
        }
    });
    (port, heads)
}

async fn answer_all(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    answer: &str,
    kept: &Mutex<Vec<String>>,
) {
    let mut seen = Vec::new();
    let mut part = [0; 4096];
    while let Ok(read @ 1..) = stream.read(&mut part).await {
        seen.extend_from_slice(&part[..read]);
        if seen.ends_with(b"\r\n\r\n") {
            kept.lock().push(String::from_utf8(std::mem::take(&mut seen)).unwrap());
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    }
}

const INTERNAL: &str = "HTTP/1.1 401 Unauthorized\r\ncontent-length: 45\r\n\r\n{\"error\":\"the inner db is at 10.1.2.3 today\"}";

#[tokio::test]
async fn what_a_host_of_somebody_elses_says_is_not_shown() {
    let (port, heads) = serve(INTERNAL).await;
    let endpoint = format!("http://inner.demo.svc:{port}/v1");
    let network = Network::default().with_loopback(true).with_lookup(Arc::new(Here));
    let connection = Connection { network, ..connection(&endpoint, "inner.demo.svc") };
    let answer = opened(&connection).unwrap().call(Call::get("/models")).await.unwrap();
    let error = answer.error("A service", false).to_string();
    assert!(error.contains("401") && error.contains("not shown"), "{error}");
    assert!(!error.contains("inner db") && !error.contains("10.1.2.3"), "{error}");
    assert_eq!(heads.lock().len(), 1);
}

#[tokio::test]
async fn a_name_that_turns_to_this_machine_or_the_metadata_is_not_called() {
    #[derive(Debug)]
    struct Metadata;
    impl Lookup for Metadata {
        fn lookup<'a>(&'a self, _: &'a str) -> Found<'a> {
            Box::pin(async { Ok(vec!["169.254.169.254".parse().unwrap()]) })
        }
    }
    let (port, heads) = serve(INTERNAL).await;
    let endpoint = format!("https://rebind.example:{port}");
    for (lookup, why) in [(Arc::new(Here) as Arc<dyn Lookup>, "loopback"), (Arc::new(Metadata), "metadata")] {
        let network = Network::default().with_lookup(lookup);
        let connection = Connection { network, ..connection(&endpoint, "rebind.example") };
        for call in [Call::get("/models"), Call::submit("/models", serde_json::json!({}))] {
            let error = opened(&connection).unwrap().call(call).await.unwrap_err();
            assert!(matches!(error, ProviderError::Configuration { .. }), "{error}");
            assert!(error.to_string().contains(why), "{error}");
        }
    }
    assert!(heads.lock().is_empty());
}

fn through(port: u16, no_proxy: &str) -> Network {
    let variables = |name: &str| match name {
        "ALL_PROXY" => Some(format!("http://user:word@127.0.0.1:{port}")),
        "NO_PROXY" => Some(no_proxy.to_owned()),
        _ => None,
    };
    let proxies = Proxies::read(variables, "cluster.local").unwrap();
    Network::new(Destinations::default(), proxies, Vec::new())
}

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
const FORBIDDEN: &str = "HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n";

#[tokio::test]
async fn a_proxy_is_asked_for_the_service_and_not_for_what_may_not_be_called() {
    let (port, heads) = serve(FORBIDDEN).await;
    let connection = Connection { network: through(port, ""), ..connection("", "") };
    let http = opened(&connection).unwrap();
    let error = http.call(Call::get("/models")).await.unwrap_err();
    assert!(matches!(error, ProviderError::Unavailable { .. }), "{error}");
    let head = heads.lock().pop().unwrap();
    assert!(head.starts_with("CONNECT service.example:443 "), "{head}");
    assert!(head.to_ascii_lowercase().contains("proxy-authorization: basic dxnlcjp3b3jk"), "{head}");
    assert!(!head.contains(KEY), "the proxy saw the key");
    // Plain files go to the proxy as they are.
    let _ = http.download("http://files.invalid/film", false, 1000, &["video/mp4"]).await.unwrap_err();
    let head = heads.lock().pop().unwrap();
    assert!(head.starts_with("GET http://files.invalid/film ") && !head.contains(KEY), "{head}");
    for link in [
        "http://169.254.169.254/latest",
        "http://[fd00:ec2::254]/",
        "https://10.0.0.1/",
        "http://metadata.google.internal/",
    ] {
        let error = http.download(link, false, 1000, &["video/mp4"]).await.unwrap_err();
        assert!(matches!(error, ProviderError::Configuration { .. }), "{link}: {error}");
    }
    assert!(heads.lock().is_empty());
}

#[tokio::test]
async fn a_name_that_leads_inside_is_not_asked_of_a_proxy() {
    let (port, heads) = serve(FORBIDDEN).await;
    let network = through(port, "").with_lookup(Arc::new(Here));
    let http = opened(&Connection { network, ..connection("", "") }).unwrap();
    let error = http.call(Call::get("/models")).await.unwrap_err();
    assert!(matches!(error, ProviderError::Configuration { .. }), "{error}");
    assert!(heads.lock().is_empty());
}

#[tokio::test]
async fn services_of_the_cluster_and_what_no_proxy_names_are_called_directly() {
    let (proxy, through) = serve(FORBIDDEN).await;
    let (port, heads) = serve(OK).await;
    let variables = move |name: &str| match name {
        "HTTP_PROXY" => Some(format!("http://127.0.0.1:{proxy}")),
        "NO_PROXY" => Some("corp.example".to_owned()),
        _ => None,
    };
    let proxies = Proxies::read(variables, "cluster.local").unwrap();
    let destinations = Destinations::default().with_loopback(true);
    let network = Network::new(destinations, proxies, Vec::new()).with_lookup(Arc::new(Here));
    let endpoint = format!("http://fakes.demo.svc:{port}");
    let http = opened(&Connection { network, ..connection(&endpoint, "fakes.demo.svc") }).unwrap();
    assert!(http.call(Call::get("/models")).await.unwrap().is_success());
    assert!(http.call(Call::get(format!("http://a.corp.example:{port}/"))).await.unwrap().is_success());
    let heads = heads.lock();
    assert!(heads[0].contains(KEY) && !heads[1].contains(KEY), "{heads:?}");
    assert!(through.lock().is_empty());
}

/// A service of a company's own, whose certificate the company's authority has signed; and that authority, as PEM.
fn company_service() -> (TlsAcceptor, String) {
    let mut of_authority = CertificateParams::default();
    of_authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let authority = of_authority.self_signed(&key).unwrap();
    let issuer = Issuer::new(of_authority, key);
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["fakes.demo.svc".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &issuer).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    (TlsAcceptor::from(Arc::new(config)), authority.pem())
}

#[tokio::test]
async fn a_services_certificate_is_taken_from_an_authority_that_was_named() {
    let (service, authority) = company_service();
    let (port, heads) = serve_over(OK, Some(service)).await;
    let here = Network::default().with_loopback(true).with_lookup(Arc::new(Here));
    let connection = Connection {
        network: here.clone(),
        ..connection(&format!("https://fakes.demo.svc:{port}"), "fakes.demo.svc")
    };
    for call in [Call::get("/models"), Call::submit("/models", serde_json::json!({}))] {
        let error = opened(&connection).unwrap().call(call).await.unwrap_err();
        // Nothing was sent: whatever it was, it was not taken.
        assert!(matches!(error, ProviderError::Unavailable { .. }), "{error}");
        assert!(error.to_string().contains("in caRef"), "{error}");
    }
    let network = here.with_authorities([Authority::parse(&authority).unwrap()]);
    let trusting = Connection { network, ..connection };
    assert!(opened(&trusting).unwrap().call(Call::get("/models")).await.unwrap().is_success());
    let heads = heads.lock();
    assert!(heads.len() == 1 && heads[0].contains(KEY), "{heads:?}");
}
