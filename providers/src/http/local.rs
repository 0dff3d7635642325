//! Keeps requests away from the machine that sends them: loopback and link-local addresses hold things that
//! trust whoever reaches them, such as a cloud's metadata. Names are judged by the addresses they resolve
//! to, at the moment of connecting, so that a name cannot change its mind in between.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::Host;

/// A name that resolves to this machine or its link only.
#[derive(Debug, thiserror::Error)]
#[error("the name belongs to a loopback or link-local address")]
pub(super) struct LocalName;

/// Whether the URL's host is such an address, or the name that always means one.
pub(super) fn is_local_url(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => is_local(IpAddr::V4(address)),
        Some(Host::Ipv6(address)) => is_local(IpAddr::V6(address)),
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            name == "localhost" || name.ends_with(".localhost")
        }
        None => false,
    }
}

/// Loopback, link-local, and the unspecified address, which Linux takes for loopback.
fn is_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_link_local() || v4.is_unspecified(),
        IpAddr::V6(v6) => {
            v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_unicast_link_local()
                || embedded(v6).is_some_and(is_local)
        }
    }
}

/// The IPv4 address inside an IPv6 one: mapped, compatible or translated (NAT64).
fn embedded(address: Ipv6Addr) -> Option<IpAddr> {
    if let Some(v4) = address.to_ipv4() {
        return Some(IpAddr::V4(v4));
    }
    let [0x64, 0xff9b, 0, 0, 0, 0, high, low] = address.segments() else { return None };
    Some(IpAddr::V4(((u32::from(high) << 16) | u32::from(low)).into()))
}

/// Resolves names by the system, without the addresses that may not be called.
#[derive(Debug)]
pub(super) struct Resolver {
    /// Whether all addresses may be called.
    pub allow_local: bool,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let allow_local = self.allow_local;
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let allowed: Vec<SocketAddr> =
                found.iter().copied().filter(|address| allow_local || !is_local(address.ip())).collect();
            if allowed.is_empty() && !found.is_empty() {
                return Err(LocalName.into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local(host: &str) -> bool {
        is_local_url(&Url::parse(&format!("http://{host}/v1")).unwrap())
    }

    #[test]
    fn this_machine_and_its_link_are_known_in_every_spelling() {
        let hosts = [
            "127.0.0.1",
            "127.1",
            "2130706433",
            "0x7f.0.0.1",
            "0.0.0.0",
            "169.254.169.254",
            "[::1]",
            "[::]",
            "[fe80::1]",
            "[::ffff:127.0.0.1]",
            "[::127.0.0.1]",
            "[64:ff9b::169.254.169.254]",
            "localhost",
            "LOCALHOST.",
            "a.localhost:8080",
        ];
        for host in hosts {
            assert!(local(host), "{host}");
        }
    }

    #[test]
    fn other_hosts_may_be_called() {
        for host in ["api.x.ai", "10.0.0.1", "192.168.1.1", "[2001:db8::1]", "localhost.example.com"] {
            assert!(!local(host), "{host}");
        }
    }

    #[tokio::test]
    async fn a_name_is_judged_by_its_addresses() {
        let name = || "localhost".parse::<Name>().unwrap();
        let error = Resolver { allow_local: false }.resolve(name()).await.err().unwrap();
        assert!(error.is::<LocalName>());
        assert!(Resolver { allow_local: true }.resolve(name()).await.is_ok());
    }
}
