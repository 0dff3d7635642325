//! Where the operator and its workers may connect to for others: the internet, and beyond it what the operator's
//! configuration allows.

use std::net::IpAddr;

use ipnet::IpNet;
use url::{Host, Url};

use crate::address::{Kind, kind};
use crate::hosts::{host_of, is_service_name};

/// The word in the list that stands for all Services of the cluster, by their names.
pub const CLUSTER_SERVICES: &str = "cluster-services";

/// Names under which clouds answer for their metadata, whatever they resolve to here.
const METADATA_NAMES: [&str; 5] =
    ["metadata", "metadata.google.internal", "metadata.goog", "instance-data", "instance-data.ec2.internal"];

/// A host or address that may not be called.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// A cloud's metadata, or the link.
    #[error(
        "{host} leads to a link-local address or a cloud's metadata service, which nobody may call; set another endpoint"
    )]
    Metadata { host: String },
    /// The machine itself.
    #[error(
        "{host} leads to a loopback address; set another endpoint, or have the operator allow such addresses"
    )]
    Loopback { host: String },
    /// An address that the internet does not have.
    #[error(
        "{host} leads to a private address; name a Service as name.namespace.svc, or have {host} or its network added \
         to the operator's VIDEOFACTORY_ALLOWED_DESTINATIONS"
    )]
    Private { host: String },
    /// Multicast and the like.
    #[error("{host} leads to an address where nobody answers; set another endpoint")]
    Nobody { host: String },
}

/// Where may be connected to beyond the internet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destinations {
    services: bool,
    names: Vec<Pattern>,
    networks: Vec<IpNet>,
    cluster_domain: String,
    loopback: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Pattern {
    Name(String),
    /// With the dot before it.
    Suffix(String),
}

impl Default for Destinations {
    /// The internet and the cluster's Services.
    fn default() -> Self {
        Self {
            services: true,
            names: Vec::new(),
            networks: Vec::new(),
            cluster_domain: "cluster.local".to_owned(),
            loopback: false,
        }
    }
}

impl Destinations {
    /// Reads the list: [`CLUSTER_SERVICES`], names, `*.` and a domain, addresses and networks in CIDR notation, with commas
    /// between. An empty one allows the internet alone.
    pub fn parse(list: &str, cluster_domain: &str, loopback: bool) -> Result<Self, String> {
        let mut read = Self {
            services: false,
            cluster_domain: cluster_domain.trim_matches('.').to_ascii_lowercase(),
            loopback,
            ..Self::default()
        };
        for part in list.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let part = part.to_ascii_lowercase();
            if part == CLUSTER_SERVICES {
                read.services = true;
            } else if let Ok(network) = part.parse::<IpNet>() {
                read.networks.push(network.trunc());
            } else if let Ok(address) = part.trim_matches(['[', ']']).parse::<IpAddr>() {
                read.networks.push(address.into());
            } else if let Some(domain) = part.strip_prefix("*.").filter(|domain| is_name(domain)) {
                read.names.push(Pattern::Suffix(format!(".{domain}")));
            } else if is_name(&part) {
                read.names.push(Pattern::Name(part));
            } else {
                return Err(format!(
                    "{part:?} is no destination: write {CLUSTER_SERVICES}, a name, *.domain, an address or a network such \
                     as 10.0.0.0/8, with commas between"
                ));
            }
        }
        Ok(read)
    }

    /// The same, with loopback addresses or without.
    #[must_use]
    pub fn with_loopback(self, loopback: bool) -> Self {
        Self { loopback, ..self }
    }

    /// Whether loopback addresses may be called.
    #[must_use]
    pub const fn allows_loopback(&self) -> bool {
        self.loopback
    }

    /// Whether this is the name of a Service of the cluster.
    #[must_use]
    pub fn is_service(&self, host: &str) -> bool {
        is_service_name(host, &self.cluster_domain)
    }

    /// Whether a URL names something that the internet does not have: a Service of the cluster, a host without a domain, or
    /// an address of a network of one's own. What a name with a domain leads to is not looked up.
    #[must_use]
    pub fn is_internal(&self, url: &str) -> bool {
        let Ok(url) = Url::parse(url) else { return false };
        match url.host() {
            Some(Host::Ipv4(address)) => kind(address.into()) != Kind::Public,
            Some(Host::Ipv6(address)) => kind(address.into()) != Kind::Public,
            Some(Host::Domain(name)) => {
                self.is_service(name) || is_localhost(name) || !name.trim_end_matches('.').contains('.')
            }
            None => false,
        }
    }

    /// The whole name of the Service that `name.namespace` would be in the cluster; none for anything else.
    #[must_use]
    pub fn as_service(&self, host: &str) -> Option<String> {
        let (name, namespace) = host.trim_end_matches('.').split_once('.')?;
        let plain = !name.is_empty() && !namespace.is_empty() && !namespace.contains('.');
        (plain && self.services).then(|| format!("{name}.{namespace}.svc.{}.", self.cluster_domain))
    }

    /// Judges what stands in a URL before anything is resolved: addresses and names that always mean one.
    pub fn judge_url(&self, url: &Url) -> Result<(), Refused> {
        let Some(host) = host_of(url) else { return Ok(()) };
        let address = match url.host() {
            Some(Host::Ipv4(address)) => IpAddr::V4(address),
            Some(Host::Ipv6(address)) => IpAddr::V6(address),
            _ if METADATA_NAMES.contains(&host.as_str()) => return Err(Refused::Metadata { host }),
            _ if is_localhost(&host) && !self.loopback => return Err(Refused::Loopback { host }),
            _ => return Ok(()),
        };
        self.judge(&host, address, false)
    }

    /// Judges an address that a host was found to have. `service`: it was looked up as the name of a Service.
    pub fn judge(&self, host: &str, address: IpAddr, service: bool) -> Result<(), Refused> {
        let named = || host.to_owned();
        match kind(address) {
            Kind::Public => Ok(()),
            Kind::Metadata => Err(Refused::Metadata { host: named() }),
            Kind::Nobody => Err(Refused::Nobody { host: named() }),
            Kind::Loopback if self.loopback => Ok(()),
            Kind::Loopback => Err(Refused::Loopback { host: named() }),
            Kind::Private if self.allows(host, address, service) => Ok(()),
            Kind::Private => Err(Refused::Private { host: named() }),
        }
    }

    fn allows(&self, host: &str, address: IpAddr, service: bool) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let listed = |pattern: &Pattern| match pattern {
            Pattern::Name(name) => *name == host,
            Pattern::Suffix(suffix) => host.ends_with(suffix.as_str()),
        };
        // An IPv4 address may be written as IPv6.
        let address = address.to_canonical();
        (self.services && (service || self.is_service(&host)))
            || self.names.iter().any(listed)
            || self.networks.iter().any(|network| network.contains(&address))
    }
}

/// Whether the name always means the machine itself.
pub(crate) fn is_localhost(host: &str) -> bool {
    host == "localhost" || host.ends_with(".localhost")
}

fn is_name(text: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    text.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(destinations: &Destinations, host: &str, address: &str) -> Result<(), Refused> {
        destinations.judge(host, address.parse().unwrap(), false)
    }

    fn refused_url(url: &str) -> bool {
        Destinations::default().judge_url(&Url::parse(url).unwrap()).is_err()
    }

    #[test]
    fn by_default_the_internet_and_services_by_name_may_be_called() {
        let default = Destinations::default();
        assert_eq!(Destinations::parse(CLUSTER_SERVICES, "cluster.local", false), Ok(default.clone()));
        for (host, address) in [
            ("api.x.ai", "104.18.18.80"),
            ("s3.videofactory-system.svc", "10.96.0.12"),
            ("minio.minio.svc.cluster.local", "fd12::7"),
        ] {
            assert_eq!(judged(&default, host, address), Ok(()), "{host}");
        }
        for (host, address) in [
            ("minio.lan", "192.168.1.5"),
            ("rebind.example", "10.96.0.1"),
            ("rebind.example", "127.0.0.1"),
            ("s3.demo.svc.evil.com", "10.0.0.1"),
            ("10.0.0.5", "10.0.0.5"),
        ] {
            assert!(judged(&default, host, address).is_err(), "{host}");
        }
    }

    #[test]
    fn services_hosts_without_a_domain_and_private_addresses_are_internal() {
        let default = Destinations::default();
        for url in [
            "http://s3.videofactory-system.svc:9000",
            "http://minio.minio.svc.cluster.local",
            "http://minio:9000",
            "http://localhost:9000",
            "http://10.96.0.12:9000",
            "http://[fd12::7]",
        ] {
            assert!(default.is_internal(url), "{url}");
        }
        for url in ["https://abc.r2.cloudflarestorage.com", "https://minio.lan", "http://93.184.216.34", "s3"]
        {
            assert!(!default.is_internal(url), "{url}");
        }
    }

    #[test]
    fn metadata_is_refused_whatever_is_allowed() {
        let all = Destinations::parse(
            "cluster-services,0.0.0.0/0,::/0,*.svc,metadata.google.internal,169.254.169.254",
            "cluster.local",
            true,
        )
        .unwrap();
        for address in
            ["169.254.169.254", "fd00:ec2::254", "168.63.129.16", "100.100.100.200", "::ffff:169.254.169.254"]
        {
            for host in ["a.demo.svc", "metadata.google.internal", address] {
                assert!(
                    matches!(judged(&all, host, address), Err(Refused::Metadata { .. })),
                    "{host} {address}"
                );
            }
        }
        assert!(all.judge_url(&Url::parse("http://metadata.google.internal/").unwrap()).is_err());
    }

    #[test]
    fn what_the_list_names_may_be_called() {
        let list = "minio.lan, *.corp.example,10.20.0.0/16,192.168.7.7,fd12:3456::/32";
        let allowed = Destinations::parse(list, "cluster.local", false).unwrap();
        for (host, address) in [
            ("minio.lan", "192.168.1.5"),
            ("a.b.corp.example", "10.1.1.1"),
            ("10.20.3.4", "10.20.3.4"),
            ("any.example", "::ffff:10.20.3.4"),
            ("192.168.7.7", "192.168.7.7"),
            ("any.example", "fd12:3456::1"),
        ] {
            assert_eq!(judged(&allowed, host, address), Ok(()), "{host}");
        }
        for (host, address) in [
            ("corp.example", "10.1.1.1"),
            ("evilcorp.example", "10.1.1.1"),
            ("10.21.0.1", "10.21.0.1"),
            // The list replaces the default.
            ("s3.demo.svc", "10.96.0.1"),
        ] {
            assert!(matches!(judged(&allowed, host, address), Err(Refused::Private { .. })), "{host}");
        }
        for odd in ["10.0.0.0/40", "a b", "https://a.example", "*", "a..b"] {
            let refused = Destinations::parse(odd, "cluster.local", false).unwrap_err();
            assert!(refused.contains("10.0.0.0/8"), "{refused}");
        }
    }

    #[test]
    fn addresses_in_a_url_are_judged_in_every_spelling() {
        for url in [
            "http://127.1",
            "http://2130706433",
            "http://0x7f.0.0.1",
            "http://[::ffff:127.0.0.1]",
            "http://localhost",
            "http://LOCALHOST.",
            "http://a.localhost:8080",
            "http://169.254.169.254/latest",
            "http://0xa9fea9fe",
            "http://[fd00:ec2::254]",
            "http://[64:ff9b::169.254.169.254]",
            "http://metadata.google.internal/computeMetadata",
            "http://10.0.0.1",
            "http://192.168.1.1",
        ] {
            assert!(refused_url(url), "{url}");
        }
        for url in
            ["https://api.x.ai", "http://s3.demo.svc:9000", "http://localhost.example.com", "https://8.8.8.8"]
        {
            assert!(!refused_url(url), "{url}");
        }
    }

    #[test]
    fn a_service_may_be_named_without_svc() {
        let default = Destinations::default();
        assert_eq!(default.as_service("r2.demo").as_deref(), Some("r2.demo.svc.cluster.local."));
        for host in ["s3", "a.b.c", ".demo", "demo."] {
            assert_eq!(default.as_service(host), None, "{host}");
        }
        assert!(judged(&default, "r2.demo", "10.96.0.9").is_err());
        assert_eq!(default.judge("r2.demo", "10.96.0.9".parse().unwrap(), true), Ok(()));
    }
}
