//! All of it together, as a client of a service or a bucket asks for it.

use std::sync::Arc;

use url::Url;

use crate::destinations::{CLUSTER_SERVICES, Destinations, Refused};
use crate::hosts::host_of;
use crate::proxy::Proxies;
use crate::resolve::{Lookup, Resolver, System};
use crate::trust::{Authority, client_config};

/// The environment variables that operator and workers read.
pub mod variables {
    /// Where may be connected to beyond the internet; see [`super::Destinations::parse`].
    pub const ALLOWED_DESTINATIONS: &str = "VIDEOFACTORY_ALLOWED_DESTINATIONS";
    /// `true` allows loopback addresses.
    pub const ALLOW_LOOPBACK: &str = "VIDEOFACTORY_ALLOW_LOCAL_ENDPOINTS";
    /// The cluster's domain.
    pub const CLUSTER_DOMAIN: &str = "VIDEOFACTORY_CLUSTER_DOMAIN";
    /// A file with the certificates, in PEM, of authorities to trust besides the system's.
    pub const CA_FILE: &str = "VIDEOFACTORY_CA_FILE";
}

/// What may be called, and how. The default: the internet and the cluster's Services, directly, trusting whom the
/// system trusts.
#[derive(Clone, Debug)]
pub struct Network {
    destinations: Arc<Destinations>,
    proxies: Arc<Proxies>,
    authorities: Vec<Authority>,
    lookup: Arc<dyn Lookup>,
}

impl Default for Network {
    fn default() -> Self {
        Self::new(Destinations::default(), Proxies::default(), Vec::new())
    }
}

impl Network {
    /// Put together.
    #[must_use]
    pub fn new(destinations: Destinations, proxies: Proxies, authorities: Vec<Authority>) -> Self {
        Self {
            destinations: Arc::new(destinations),
            proxies: Arc::new(proxies),
            authorities,
            lookup: Arc::new(System),
        }
    }

    /// As the environment says: [`variables`] and [`crate::PROXY_VARIABLES`].
    pub fn of_environment() -> Result<Self, String> {
        let variable = |name: &str| std::env::var(name).ok();
        let domain = variable(variables::CLUSTER_DOMAIN).unwrap_or_else(|| "cluster.local".to_owned());
        let list = variable(variables::ALLOWED_DESTINATIONS).unwrap_or_else(|| CLUSTER_SERVICES.to_owned());
        let loopback = variable(variables::ALLOW_LOOPBACK).is_some_and(|value| value == "true");
        let destinations = Destinations::parse(&list, &domain, loopback)
            .map_err(|error| format!("failed to read {}: {error}", variables::ALLOWED_DESTINATIONS))?;
        let mut authorities = Vec::new();
        if let Some(file) = variable(variables::CA_FILE).filter(|file| !file.is_empty()) {
            let failed = |why: String| format!("failed to use {file} of {}: {why}", variables::CA_FILE);
            let pem = std::fs::read_to_string(&file).map_err(|error| failed(error.to_string()))?;
            authorities.push(Authority::parse(&pem).map_err(|why| failed(format!("it {why}")))?);
        }
        Ok(Self::new(destinations, Proxies::read(variable, &domain)?, authorities))
    }

    /// The same, with loopback addresses or without.
    #[must_use]
    pub fn with_loopback(self, loopback: bool) -> Self {
        let destinations = Arc::unwrap_or_clone(self.destinations).with_loopback(loopback);
        Self { destinations: Arc::new(destinations), ..self }
    }

    /// The same, trusting these authorities too.
    #[must_use]
    pub fn with_authorities(mut self, authorities: impl IntoIterator<Item = Authority>) -> Self {
        self.authorities.extend(authorities);
        self
    }

    /// The same, with names looked up elsewhere.
    #[must_use]
    pub fn with_lookup(self, lookup: Arc<dyn Lookup>) -> Self {
        Self { lookup, ..self }
    }

    /// Where may be connected to.
    #[must_use]
    pub fn destinations(&self) -> &Destinations {
        &self.destinations
    }

    /// Which requests go through which proxy.
    #[must_use]
    pub const fn proxies(&self) -> &Arc<Proxies> {
        &self.proxies
    }

    /// Authorities to trust besides the system's.
    #[must_use]
    pub fn authorities(&self) -> &[Authority] {
        &self.authorities
    }

    /// For direct connections.
    #[must_use]
    pub fn resolver(&self) -> Resolver {
        Resolver { destinations: Arc::clone(&self.destinations), lookup: Arc::clone(&self.lookup) }
    }

    /// Judges a URL before it is called. What the resolver cannot see is judged here: addresses that are written out, and
    /// hosts that a proxy will resolve.
    pub async fn judge(&self, url: &Url) -> Result<(), Refused> {
        self.destinations.judge_url(url)?;
        match (self.proxies.of(url), host_of(url)) {
            (Some(_), Some(host)) if url.domain().is_some() => self.resolver().judge_for_others(&host).await,
            _ => Ok(()),
        }
    }

    /// TLS for these connections.
    pub fn tls(&self) -> Result<rustls::ClientConfig, rustls::Error> {
        client_config(&self.authorities)
    }
}
