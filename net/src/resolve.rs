//! Resolves names for a client that is about to connect, and leaves out the addresses that may not be called.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

use crate::destinations::{Destinations, Refused};

/// Where names are looked up.
pub trait Lookup: fmt::Debug + Send + Sync {
    /// The addresses of a name.
    fn lookup<'a>(&'a self, name: &'a str) -> Found<'a>;
}

/// A lookup under way.
pub type Found<'a> = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + 'a>>;

/// The system's resolver.
#[derive(Debug)]
pub(crate) struct System;

impl Lookup for System {
    fn lookup<'a>(&'a self, name: &'a str) -> Found<'a> {
        Box::pin(async move {
            Ok(tokio::net::lookup_host((name, 0)).await?.map(|address| address.ip()).collect())
        })
    }
}

/// Looks names up, and gives the addresses that may be called.
#[derive(Clone, Debug)]
pub struct Resolver {
    pub(crate) destinations: Arc<Destinations>,
    pub(crate) lookup: Arc<dyn Lookup>,
}

/// A name that leads nowhere.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// All its addresses are refused.
    #[error(transparent)]
    AllowAddress(#[from] Refused),
    /// It has none.
    #[error(transparent)]
    LookUpName(#[from] io::Error),
}

impl Resolver {
    /// The addresses of the name that may be called; an error if it has none, or none of those.
    pub async fn resolve(&self, name: &str) -> Result<Vec<IpAddr>, ResolveError> {
        let (found, service) = self.find(name).await?;
        let mut refused = None;
        let mut allowed = Vec::with_capacity(found.len());
        for address in found {
            match self.destinations.judge(name, address, service) {
                Ok(()) => allowed.push(address),
                Err(error) => refused = Some(error),
            }
        }
        match refused {
            Some(error) if allowed.is_empty() => Err(error.into()),
            _ => Ok(allowed),
        }
    }

    /// What stands against a host that somebody else will resolve and call for us. One that cannot be resolved here is
    /// theirs to judge.
    pub async fn judge_for_others(&self, name: &str) -> Result<(), Refused> {
        let Ok((found, service)) = self.find(name).await else { return Ok(()) };
        found.into_iter().try_for_each(|address| self.destinations.judge(name, address, service))
    }

    /// `name.namespace` is looked up as a Service first, by its whole name: nobody outside the cluster answers for that.
    async fn find(&self, name: &str) -> io::Result<(Vec<IpAddr>, bool)> {
        if let Some(service) = self.destinations.as_service(name)
            && let Ok(found) = self.lookup.lookup(&service).await
            && !found.is_empty()
        {
            return Ok((found, true));
        }
        Ok((self.lookup.lookup(name).await?, false))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// Names and their addresses.
    #[derive(Debug)]
    struct Hosts(BTreeMap<&'static str, &'static [&'static str]>);

    impl Lookup for Hosts {
        fn lookup<'a>(&'a self, name: &'a str) -> Found<'a> {
            let found = self.0.get(name).map(|all| all.iter().map(|text| text.parse().unwrap()).collect());
            Box::pin(async move { found.ok_or_else(|| io::Error::other("no such name")) })
        }
    }

    fn resolver() -> Resolver {
        let hosts = BTreeMap::from([
            ("rebind.example", &["169.254.169.254"][..]),
            ("both.example", &["10.0.0.1", "8.8.8.8"]),
            ("s3.demo.svc", &["10.96.0.1"]),
            ("outward.demo.svc", &["169.254.169.254"]),
            ("s3.demo.svc.cluster.local.", &["10.96.0.1"]),
            ("evil.com", &["10.96.0.1"]),
        ]);
        Resolver { destinations: Arc::default(), lookup: Arc::new(Hosts(hosts)) }
    }

    async fn resolved(name: &str) -> Result<String, String> {
        let found = resolver().resolve(name).await.map_err(|error| error.to_string())?;
        Ok(found.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
    }

    #[tokio::test]
    async fn a_name_is_judged_by_its_addresses_at_the_moment() {
        assert!(resolved("rebind.example").await.unwrap_err().contains("metadata"));
        assert!(resolved("outward.demo.svc").await.unwrap_err().contains("metadata"));
        assert!(resolved("evil.com").await.unwrap_err().contains("private address"));
        assert_eq!(resolved("both.example").await.unwrap(), "8.8.8.8", "what is refused is left out");
        assert_eq!(resolved("s3.demo.svc").await.unwrap(), "10.96.0.1");
        assert_eq!(resolved("s3.demo").await.unwrap(), "10.96.0.1", "a Service without .svc");
        assert!(resolved("nowhere.example").await.unwrap_err().contains("no such name"));
    }

    #[tokio::test]
    async fn what_a_proxy_is_asked_for_is_judged_by_all_of_its_addresses() {
        let resolver = resolver();
        for name in ["rebind.example", "both.example", "evil.com"] {
            assert!(resolver.judge_for_others(name).await.is_err(), "{name}");
        }
        for name in ["s3.demo.svc", "nowhere.example"] {
            assert_eq!(resolver.judge_for_others(name).await, Ok(()), "{name}");
        }
    }

    #[tokio::test]
    async fn the_systems_resolver_is_asked() {
        let resolver = Resolver { destinations: Arc::default(), lookup: Arc::new(System) };
        assert!(resolver.resolve("localhost").await.unwrap_err().to_string().contains("loopback"));
        let loopback = Destinations::default().with_loopback(true);
        let resolver = Resolver { destinations: Arc::new(loopback), ..resolver };
        assert!(!resolver.resolve("localhost").await.unwrap().is_empty());
    }
}
