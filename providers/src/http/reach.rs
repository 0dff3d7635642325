//! How a service is reached: whether its key may be sent to where an account says that it is, and the clients that
//! connect, directly or through a proxy, to nothing but what may be called.

use std::error::Error;
use std::net::SocketAddr;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Client, Url};
use videofactory_net::{ALLOWED_HOSTS_ANNOTATION, Network, Resolver};

use super::{CONNECT_TAKES, origin, root_cause};
use crate::connection::Connection;
use crate::error::ProviderError;

/// Where a service is called.
#[derive(Clone)]
pub(crate) struct Place {
    /// Begins every path.
    pub(super) base: Url,
    /// It is the provider's own: what it says may be shown to people.
    pub(super) is_own: bool,
}

impl Place {
    /// The connection's endpoint, or the first of the provider's own addresses. An endpoint must be one that the key may
    /// be sent to: by its Secret's annotation, unless it is the provider's own or there is no key.
    pub fn of_account(connection: &Connection, own: &[&str]) -> Result<Self, String> {
        let own: Vec<Url> = own.iter().map(|text| parse(text)).collect::<Result<_, _>>()?;
        let given = connection.endpoint.trim();
        let base = match own.first() {
            Some(first) if given.is_empty() => first.clone(),
            _ => parse(given)?,
        };
        let is_own = own.iter().any(|own| own.origin() == base.origin());
        if !is_own && !connection.keyless && !connection.allowed_hosts.allow(&base) {
            return Err(forbidden(&base));
        }
        if !connection.keyless {
            refuse_clear_text(&connection.network, &base)?;
        }
        Ok(Self { base, is_own })
    }

    /// The connection's endpoint, which somebody runs himself. Whoever lets a Secret's keys be sent there vouches for it
    /// as a provider's own address is vouched for: what it says may be shown.
    pub fn of_host(connection: &Connection) -> Result<Self, String> {
        if connection.endpoint.trim().is_empty() {
            let missing = "the account names no endpoint: write the server's base URL, such as \
                           http://ollama.ai.svc:11434/v1";
            return Err(missing.to_owned());
        }
        let place = Self::of_account(connection, &[])?;
        Ok(Self { is_own: !connection.keyless, ..place })
    }

    /// A URL that came from the Secret itself.
    pub fn of_secret(connection: &Connection, url: &str) -> Result<Self, String> {
        let base = parse_secret(url)?;
        refuse_clear_text(&connection.network, &base)?;
        Ok(Self { base, is_own: false })
    }
}

/// What stands against sending the keys of a Secret with these allowed hosts to an endpoint.
fn forbidden(base: &Url) -> String {
    let host = base.host_str().unwrap_or_default();
    let port = base.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!(
        "{} is not the service's own address, and the Secret does not allow its keys to be sent there: add \
         {host}{port} to the Secret's annotation {ALLOWED_HOSTS_ANNOTATION}, or correct the account's endpoint",
        origin(base)
    )
}

fn parse(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| {
        format!("the account's endpoint is no URL ({error}); write one such as https://api.example.com/v1")
    })?;
    if !is_web(&url) {
        return Err("the account's endpoint must be an http or https URL".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() {
        let rest = "user, password and parameters do not belong in the account's endpoint; use its Secret";
        return Err(rest.to_owned());
    }
    Ok(url)
}

fn parse_secret(text: &str) -> Result<Url, String> {
    service_url(text)
        .ok_or_else(|| "the url in the account's Secret is no http or https URL; correct it".to_owned())
}

/// The text as the URL of a service.
pub(crate) fn service_url(text: &str) -> Option<Url> {
    Url::parse(text.trim()).ok().filter(is_web)
}

fn is_web(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https") && url.has_host()
}

/// Without TLS a key can be read on its way: within the cluster that is its administrator's affair.
fn refuse_clear_text(network: &Network, base: &Url) -> Result<(), String> {
    let host = base.host_str().unwrap_or_default();
    let within = network.destinations().is_service(host)
        || (network.destinations().allows_loopback() && is_loopback(base));
    if base.scheme() == "https" || within {
        return Ok(());
    }
    Err(format!(
        "{} is called without TLS, so that everybody on the way could read the key: use https. Only Services of the \
         cluster, by their names (name.namespace.svc), may be called by http",
        origin(base)
    ))
}

/// Whether the URL names the machine itself.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name.trim_end_matches('.') == "localhost",
        None => false,
    }
}

/// A client for direct calls, and one for those that go through a proxy.
#[derive(Clone)]
pub(super) struct Clients {
    direct: Client,
    proxied: Option<Client>,
}

impl Clients {
    /// Clients that keep so many idle connections to a host.
    pub fn new(provider: &'static str, network: &Network, idle: usize) -> Result<Self, ProviderError> {
        let fails = |error: &(dyn Error + 'static)| ProviderError::Unexpected {
            provider,
            message: format!("the HTTP client does not start: {}", root_cause(error)),
        };
        let builder = || {
            Ok(Client::builder()
                .tls_backend_preconfigured(network.tls().map_err(|error| fails(&error))?)
                .redirect(reqwest::redirect::Policy::none())
                .retry(reqwest::retry::never())
                .connect_timeout(CONNECT_TAKES)
                .pool_max_idle_per_host(idle)
                .user_agent(concat!("videofactory/", env!("CARGO_PKG_VERSION"))))
        };
        let direct = builder()?.no_proxy().dns_resolver(Guarded(network.resolver()));
        let direct = direct.build().map_err(|error| fails(&error))?;
        let proxied = if network.proxies().are_set() {
            let proxies = network.proxies().clone();
            // The proxy is the administrator's: its address needs no permission. It alone is resolved for these calls.
            let through = reqwest::Proxy::custom(move |url| proxies.of(url).cloned());
            Some(builder()?.proxy(through).build().map_err(|error| fails(&error))?)
        } else {
            None
        };
        Ok(Self { direct, proxied })
    }

    /// The one for this URL.
    pub fn of(&self, network: &Network, url: &Url) -> &Client {
        match &self.proxied {
            Some(proxied) if network.proxies().of(url).is_some() => proxied,
            _ => &self.direct,
        }
    }
}

/// Gives reqwest the addresses that may be called.
struct Guarded(Resolver);

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let resolver = self.0.clone();
        Box::pin(async move {
            let found = resolver.resolve(name.as_str()).await?;
            let found: Vec<SocketAddr> =
                found.into_iter().map(|address| SocketAddr::new(address, 0)).collect();
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}
