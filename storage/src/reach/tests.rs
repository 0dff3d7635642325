//! Which servers are called, by which way, and which are not.

use std::sync::Arc;

use parking_lot::Mutex;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use videofactory_net::{Authority, Destinations, Found, Lookup, Proxies};

use super::*;
use crate::{Bucket, BucketConfig};

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

/// Every name leads to one address.
#[derive(Debug)]
struct LeadsTo(&'static str);

impl Lookup for LeadsTo {
    fn lookup<'a>(&'a self, _: &'a str) -> Found<'a> {
        Box::pin(async { Ok(vec![self.0.parse().unwrap()]) })
    }
}

/// A network in which every name is this machine's, and may be.
fn here() -> Network {
    Network::default().with_loopback(true).with_lookup(Arc::new(LeadsTo("127.0.0.1")))
}

fn bucket(endpoint: &str, network: Network, addressing: Addressing) -> Bucket {
    let config = BucketConfig {
        endpoint: endpoint.to_owned(),
        public_endpoint: None,
        bucket: "films".into(),
        region: "auto".into(),
        prefix: String::new(),
        access_key: "id".into(),
        secret_key: "word".into(),
    };
    Bucket::connect_over(&config, &Access { network, addressing }).unwrap()
}

type Heads = Arc<Mutex<Vec<String>>>;

/// Answers each request by its head; the port, and the heads.
async fn serve(answer: fn(&str) -> &'static str, tls: Option<TlsAcceptor>) -> (u16, Heads) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let heads = Heads::default();
    let kept = Arc::clone(&heads);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (kept, tls) = (Arc::clone(&kept), tls.clone());
            tokio::spawn(async move {
                match tls {
                    None => answer_all(stream, answer, &kept).await,
                    Some(tls) => {
                        if let Ok(stream) = tls.accept(stream).await {
                            answer_all(stream, answer, &kept).await;
                        }
                    }
                }
            });
        }
    });
    (port, heads)
}

async fn answer_all(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    answer: fn(&str) -> &'static str,
    kept: &Mutex<Vec<String>>,
) {
    let mut seen = Vec::new();
    let mut part = [0; 4096];
    while let Ok(read @ 1..) = stream.read(&mut part).await {
        seen.extend_from_slice(&part[..read]);
        if seen.ends_with(b"\r\n\r\n") {
            let head = String::from_utf8(std::mem::take(&mut seen)).unwrap();
            let answer = answer(&head);
            kept.lock().push(head);
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    }
}

#[tokio::test]
async fn what_may_not_be_called_is_not_asked_for_a_bucket() {
    let (port, heads) = serve(|_| OK, None).await;
    let leads = |address| Network::default().with_lookup(Arc::new(LeadsTo(address)));
    for (endpoint, network, why) in [
        (format!("http://127.0.0.1:{port}"), Network::default(), "loopback"),
        (format!("http://rebind.example:{port}"), leads("127.0.0.1"), "loopback"),
        ("http://169.254.169.254".to_owned(), here(), "metadata"),
        ("http://[fd00:ec2::254]".to_owned(), here(), "metadata"),
        ("http://s3.demo.svc".to_owned(), leads("168.63.129.16"), "metadata"),
        ("http://minio.corp.lan".to_owned(), leads("192.168.1.5"), "VIDEOFACTORY_ALLOWED_DESTINATIONS"),
    ] {
        let error = bucket(&endpoint, network, Addressing::Path).once().check().await.unwrap_err();
        assert_eq!(error.reason(), "InvalidRequest", "{endpoint}: {error}");
        assert!(error.to_string().contains(why), "{endpoint}: {error}");
    }
    assert!(heads.lock().is_empty());
}

const FORBIDS_PATHS: &str = "HTTP/1.1 403 Forbidden\r\ncontent-type: application/xml\r\ncontent-length: 121\r\n\r\n\
    <Error><Code>SecondLevelDomainForbidden</Code><Message>Please use virtual hosted style to access.</Message></Error>      ";

/// A server that takes requests to the bucket's own host alone.
fn virtual_hosts_only(head: &str) -> &'static str {
    if head.to_ascii_lowercase().contains("host: films.s3.demo.svc") { OK } else { FORBIDS_PATHS }
}

#[tokio::test]
async fn a_bucket_is_addressed_by_its_host_where_its_server_wants_that() {
    let (port, heads) = serve(virtual_hosts_only, None).await;
    let endpoint = format!("http://s3.demo.svc:{port}");
    let refused = bucket(&endpoint, here(), Addressing::Path).once().probe().await.problem.unwrap();
    assert_eq!(refused.reason(), "AddressingRefused", "{refused}");
    assert!(refused.to_string().contains("set spec.bucket.addressing to VirtualHost"), "{refused}");
    bucket(&endpoint, here(), Addressing::VirtualHost).once().check().await.unwrap();
    let head = heads.lock().pop().unwrap();
    assert!(head.starts_with("HEAD / "), "{head}");
}

const INNER: &str = "HTTP/1.1 400 Bad Request\r\ncontent-type: application/xml\r\ncontent-length: 91\r\n\r\n\
    <Error><Code>the inner code</Code><Message>the inner db is at 10.1.2.3</Message></Error>   ";

#[tokio::test]
async fn what_some_server_inside_says_is_not_shown() {
    let (port, heads) = serve(|_| INNER, None).await;
    let bucket = bucket(&format!("http://inner.demo.svc:{port}"), here(), Addressing::Path);
    let error = bucket.once().probe().await.problem.unwrap().to_string();
    assert!(
        error.contains("HTTP 400") && !error.contains("inner db") && !error.contains("inner code"),
        "{error}"
    );
    assert!(!heads.lock().is_empty());
}

/// A server whose certificate an authority of its own has signed; and that authority, as PEM.
fn company_server() -> (TlsAcceptor, String) {
    let mut of_authority = CertificateParams::default();
    of_authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let authority = of_authority.self_signed(&key).unwrap();
    let issuer = Issuer::new(of_authority, key);
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["s3.demo.svc".to_owned()]).unwrap();
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
async fn a_servers_certificate_is_taken_from_an_authority_that_was_named() {
    let (server, authority) = company_server();
    let (port, heads) = serve(|_| OK, Some(server)).await;
    let endpoint = format!("https://s3.demo.svc:{port}");
    let error = bucket(&endpoint, here(), Addressing::Path).once().check().await.unwrap_err();
    assert_eq!(error.reason(), "Unreachable", "{error}");
    assert!(error.to_string().contains("in caRef"), "{error}");
    let trusting = here().with_authorities([Authority::parse(&authority).unwrap()]);
    bucket(&endpoint, trusting, Addressing::Path).once().check().await.unwrap();
    assert_eq!(heads.lock().len(), 1);
}

fn through(port: u16) -> Network {
    let variable = |name: &str| (name == "ALL_PROXY").then(|| format!("http://127.0.0.1:{port}"));
    let proxies = Proxies::read(variable, "cluster.local").unwrap();
    Network::new(Destinations::default(), proxies, Vec::new()).with_lookup(Arc::new(LeadsTo("203.0.114.7")))
}

#[tokio::test]
async fn buckets_are_called_through_the_proxy_and_those_of_the_cluster_directly() {
    let (port, heads) = serve(|_| OK, None).await;
    bucket("http://objects.example.com", through(port), Addressing::Path).once().check().await.unwrap();
    let head = heads.lock().pop().unwrap();
    assert!(head.starts_with("HEAD http://objects.example.com/films"), "{head}");
    // The proxy opens a tunnel and then does not speak TLS.
    let _ = bucket("https://objects.example.com", through(port), Addressing::Path).once().check().await;
    let head = heads.lock().pop().unwrap();
    assert!(head.starts_with("CONNECT objects.example.com:443 "), "{head}");
    heads.lock().clear();
    for (endpoint, lookup) in
        [("http://169.254.169.254", "203.0.114.7"), ("https://a.rebind.example", "10.0.0.1")]
    {
        let network = through(port).with_lookup(Arc::new(LeadsTo(lookup)));
        let error = bucket(endpoint, network, Addressing::Path).once().check().await.unwrap_err();
        assert_eq!(error.reason(), "InvalidRequest", "{endpoint}: {error}");
    }
    let (direct, seen) = serve(|_| OK, None).await;
    let network = Network::new(
        Destinations::default().with_loopback(true),
        Proxies::read(
            |name| (name == "ALL_PROXY").then(|| format!("http://127.0.0.1:{port}")),
            "cluster.local",
        )
        .unwrap(),
        Vec::new(),
    );
    let network = network.with_lookup(Arc::new(LeadsTo("127.0.0.1")));
    let endpoint = format!("http://s3.demo.svc:{direct}");
    bucket(&endpoint, network, Addressing::Path).once().check().await.unwrap();
    assert_eq!(seen.lock().len(), 1);
    assert!(heads.lock().is_empty());
}

/// Must not be reached.
#[derive(Debug)]
struct Forbidden;

impl HttpConnector for Forbidden {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        unreachable!("{} was sent", request.uri())
    }
}

#[tokio::test]
async fn a_request_whose_address_cannot_be_judged_is_not_sent() {
    let judging = Judging { inner: SharedHttpConnector::new(Forbidden), network: here() };
    // A host for who sends, none for who judges.
    let mut request = HttpRequest::empty();
    request.set_uri("http://256.1.1.1/films").unwrap();
    let error = judging.call(request).await.unwrap_err();
    assert!(error.is_user(), "{error:?}");
}
