//! Hosts that a key may be sent to. The Secret that holds a key names them, not the object that uses it: who may edit
//! the one need not be allowed to read the other.

use url::{Host, Url};

/// The Secret's annotation: hosts that its keys may be sent to, as `host` (any port) or `host:port`, with commas between.
pub const ALLOWED_HOSTS_ANNOTATION: &str = "videofactory.dev/allowed-hosts";

/// Hosts that a Secret's keys may be sent to, besides the provider's own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowedHosts(Vec<Entry>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    host: String,
    port: Option<u16>,
}

impl AllowedHosts {
    /// Reads the annotation's value. What is no host names none: it can only be refused too much.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        Self(text.split(',').filter_map(|part| Entry::parse(part.trim())).collect())
    }

    /// The entry that names the URL's host, as it would be written; none if no entry does.
    #[must_use]
    pub fn entry(&self, url: &Url) -> Option<String> {
        let host = host_of(url)?;
        let found = self.0.iter().find(|entry| {
            entry.host == host && entry.port.is_none_or(|port| url.port_or_known_default() == Some(port))
        })?;
        Some(match found.port {
            Some(port) => format!("{}:{port}", found.host),
            None => found.host.clone(),
        })
    }

    /// Whether an entry names the URL's host.
    #[must_use]
    pub fn allow(&self, url: &Url) -> bool {
        self.entry(url).is_some()
    }
}

impl Entry {
    fn parse(text: &str) -> Option<Self> {
        if text.is_empty() || text.contains(['/', '@', '?', '#', '*']) {
            return None;
        }
        // The URL's own rules decide what is a host and what a port; an https port that is not written stays unnamed.
        let url = Url::parse(&format!("https://{text}/")).ok()?;
        let written = text.rsplit_once(':').filter(|(_, port)| !port.ends_with(']'));
        let port = match written {
            Some((_, port)) => Some(port.parse().ok()?),
            None => None,
        };
        Some(Self { host: host_of(&url)?, port })
    }
}

/// The host as it is compared: lower case, without the dot at the end.
pub(crate) fn host_of(url: &Url) -> Option<String> {
    Some(match url.host()? {
        Host::Domain(name) => name.trim_end_matches('.').to_ascii_lowercase(),
        address => address.to_string(),
    })
}

/// Whether this is the name of a Service of the cluster: `name.namespace.svc`, perhaps with the cluster's domain.
#[must_use]
pub fn is_service_name(host: &str, cluster_domain: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let in_cluster = format!(".{}", cluster_domain.trim_matches('.'));
    let short = host.strip_suffix(&in_cluster).unwrap_or(&host);
    let Some(service) = short.strip_suffix(".svc") else { return false };
    let labels: Vec<&str> = service.split('.').collect();
    labels.len() >= 2 && labels.iter().all(|label| !label.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(list: &str, url: &str) -> bool {
        AllowedHosts::parse(list).allow(&Url::parse(url).unwrap())
    }

    #[test]
    fn a_host_stands_for_all_its_ports_and_a_port_for_itself() {
        let list = "proxy.example, fakes.demo.svc:9100,[2001:db8::1]:8443 , 10.0.0.5";
        for url in [
            "https://proxy.example/v1",
            "https://PROXY.example.:8443",
            "http://fakes.demo.svc:9100/xai",
            "https://[2001:db8::1]:8443",
            "http://10.0.0.5:1234",
        ] {
            assert!(allows(list, url), "{url}");
        }
        for url in [
            "https://a.proxy.example",
            "https://proxy.example.evil.com",
            "https://evil.com/proxy.example",
            "https://proxy.example@evil.com",
            "http://fakes.demo.svc:9101",
            "http://fakes.demo.svc",
            "https://[2001:db8::1]",
            "http://10.0.0.6",
        ] {
            assert!(!allows(list, url), "{url}");
        }
    }

    #[test]
    fn a_port_that_is_the_usual_one_counts_as_written() {
        assert!(allows("a.example:443", "https://a.example"));
        assert!(!allows("a.example:443", "http://a.example"));
        assert!(allows("a.example:80", "http://a.example"));
    }

    #[test]
    fn what_is_no_host_allows_nothing() {
        for list in
            ["", ",", "*", "*.example", "https://a.example", "a.example/path", "u@a.example", "a.example:x"]
        {
            assert!(!allows(list, "https://a.example"), "{list}");
        }
    }

    #[test]
    fn the_entry_that_allows_is_named() {
        let entry =
            AllowedHosts::parse("a.example,B.example:9").entry(&Url::parse("http://b.example:9").unwrap());
        assert_eq!(entry.as_deref(), Some("b.example:9"));
    }

    #[test]
    fn services_are_known_by_their_names() {
        for name in ["s3.demo.svc", "S3.demo.svc.", "s3.demo.svc.cluster.local", "pod-0.s3.demo.svc"] {
            assert!(is_service_name(name, "cluster.local"), "{name}");
        }
        for name in ["svc", "demo.svc", ".demo.svc", "s3.demo", "s3", "s3.demo.svc.evil.com", "cluster.local"]
        {
            assert!(!is_service_name(name, "cluster.local"), "{name}");
        }
        assert!(is_service_name("s3.demo.svc.k8s.corp", "k8s.corp"));
        assert!(!is_service_name("s3.demo.svc.cluster.local", "k8s.corp"));
    }
}
