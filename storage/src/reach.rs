//! How a bucket's server is reached: to nothing but what may be called, through a proxy where one is set, and trusting
//! whom the configuration names.

use aws_sdk_s3::config::SharedHttpClient;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_http_client::{Builder, Connector};
use aws_smithy_runtime_api::client::dns::{DnsFuture, ResolveDns, ResolveDnsError};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
    http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use url::Url;
use videofactory_net::{Network, Resolver};

use crate::error::{Result, StorageError};

/// How the bucket's name stands in a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Addressing {
    /// In the path: `https://host/bucket/key`.
    #[default]
    Path,
    /// In the host: `https://bucket.host/key`.
    VirtualHost,
}

impl Addressing {
    /// The other way.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Path => Self::VirtualHost,
            Self::VirtualHost => Self::Path,
        }
    }
}

/// By which way a bucket is reached.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// What may be called, and how.
    pub network: Network,
    /// How its name stands in a request.
    pub addressing: Addressing,
}

/// The client for this endpoint, by rustls with ring.
pub(crate) fn http_client(endpoint: &str, network: &Network) -> Result<SharedHttpClient> {
    let refuse =
        |what: String, remedy: &str| StorageError::InvalidRequest { what, remedy: remedy.to_owned() };
    let url = Url::parse(endpoint).map_err(|error| {
        refuse(format!("the endpoint is no URL ({error})"), "give it as https://host or http://host:port")
    })?;
    let proxy = match network.proxies().of(&url) {
        None => None,
        Some(proxy) => Some(ProxyConfig::all(proxy.as_str()).map_err(|_| {
            refuse("the proxy's address cannot be used".to_owned(), "write it as http://host:port")
        })?),
    };
    let tls = TlsContext::builder().with_trust_store(trust(&url, network)).build().map_err(|_| {
        refuse("TLS does not start".to_owned(), "check the certificates that are to be trusted")
    })?;
    let resolver = Guarded(network.resolver());
    let connector = move |settings: Option<&HttpConnectorSettings>, parts: Option<&RuntimeComponents>| {
        let mut builder = Connector::builder();
        builder.set_connector_settings(settings.cloned());
        builder.set_sleep_impl(parts.and_then(RuntimeComponents::sleep_impl));
        builder.set_proxy_config(proxy.clone());
        let builder = builder.tls_provider(Provider::Rustls(CryptoMode::Ring)).tls_context(tls.clone());
        // The proxy is the administrator's: its address needs no permission, and it alone is resolved here.
        if proxy.is_some() { builder.build() } else { builder.build_with_resolver(resolver.clone()) }
    };
    let inner = Builder::new().build_with_connector_fn(connector);
    let network = network.clone();
    Ok(http_client_fn(move |settings, parts| {
        let inner = inner.http_connector(settings, parts);
        SharedHttpConnector::new(Judging { inner, network: network.clone() })
    }))
}

/// Without TLS no certificate store is needed, so none is read.
fn trust(url: &Url, network: &Network) -> TrustStore {
    if url.scheme() != "https" {
        return TrustStore::empty();
    }
    let authorities = network.authorities().iter();
    authorities.fold(TrustStore::default(), |trust, authority| trust.with_pem_certificate(authority.pem()))
}

/// Judges each request before it is sent.
#[derive(Debug)]
struct Judging {
    inner: SharedHttpConnector,
    network: Network,
}

impl HttpConnector for Judging {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (inner, network) = (self.inner.clone(), self.network.clone());
        HttpConnectorFuture::new(async move {
            // What cannot be judged is not sent.
            let url = Url::parse(request.uri()).map_err(|error| ConnectorError::user(error.into()))?;
            network.judge(&url).await.map_err(|refused| ConnectorError::user(refused.into()))?;
            inner.call(request).await
        })
    }
}

/// Gives the SDK the addresses that may be called.
#[derive(Clone, Debug)]
struct Guarded(Resolver);

impl ResolveDns for Guarded {
    fn resolve_dns<'a>(&'a self, name: &'a str) -> DnsFuture<'a> {
        DnsFuture::new(async move { self.0.resolve(name).await.map_err(ResolveDnsError::new) })
    }
}

#[cfg(test)]
mod tests;
