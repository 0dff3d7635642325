//! The proxy that a request goes through, by the variables that other programs heed too.

use hyper_util::client::proxy::matcher::Matcher;
use url::{Host, Url};

use crate::destinations::is_localhost;
use crate::hosts::{host_of, is_service_name};

/// The variables, as they are passed on; each is read in lower case, too.
pub const PROXY_VARIABLES: [&str; 4] = ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY"];

/// Which requests go through which proxy.
#[derive(Debug, Default)]
pub struct Proxies {
    https: Option<Url>,
    http: Option<Url>,
    /// Catches what `NO_PROXY` does not name.
    rest: Option<Matcher>,
    cluster_domain: String,
    /// The variables as they were found, to be passed on.
    found: Vec<(&'static str, String)>,
}

impl Proxies {
    /// Reads the variables.
    pub fn read(variable: impl Fn(&str) -> Option<String>, cluster_domain: &str) -> Result<Self, String> {
        let value = |name: &str| {
            let found = variable(name).filter(|text| !text.trim().is_empty());
            found.or_else(|| variable(&name.to_ascii_lowercase())).map(|text| text.trim().to_owned())
        };
        let found: Vec<(&'static str, String)> = PROXY_VARIABLES
            .into_iter()
            .filter_map(|name| Some((name, value(name).filter(|text| !text.is_empty())?)))
            .collect();
        let of = |name: &str| found.iter().find(|(found, _)| *found == name).map(|(_, text)| text.as_str());
        let proxy = |name: &'static str| of(name).map(|text| proxy_url(name, text)).transpose();
        let all = proxy("ALL_PROXY")?;
        let https = proxy("HTTPS_PROXY")?.or_else(|| all.clone());
        let http = proxy("HTTP_PROXY")?.or(all);
        let no = of("NO_PROXY").unwrap_or_default();
        // Only its way of reading NO_PROXY is wanted; where it would lead is never called.
        let rest = Matcher::builder().all("http://proxy.invalid").no(no).build();
        let cluster_domain = cluster_domain.to_owned();
        Ok(Self { https, http, rest: Some(rest), cluster_domain, found })
    }

    /// The proxy for this URL, with its user and password if it has some; none: it is called directly. Services of the
    /// cluster and the machine itself always are.
    #[must_use]
    pub fn of(&self, url: &Url) -> Option<&Url> {
        let host = host_of(url)?;
        let loopback = match url.host()? {
            Host::Domain(_) => is_localhost(&host),
            Host::Ipv4(address) => address.is_loopback(),
            Host::Ipv6(address) => address.is_loopback(),
        };
        if loopback || is_service_name(&host, &self.cluster_domain) {
            return None;
        }
        let proxy = if url.scheme() == "https" { self.https.as_ref() } else { self.http.as_ref() }?;
        let uri: http::Uri = url.as_str().parse().ok()?;
        self.rest.as_ref()?.intercept(&uri).map(|_| proxy)
    }

    /// Whether any request may go through one.
    #[must_use]
    pub fn are_set(&self) -> bool {
        self.https.is_some() || self.http.is_some()
    }

    /// The variables as they were found.
    #[must_use]
    pub fn variables(&self) -> &[(&'static str, String)] {
        &self.found
    }
}

fn proxy_url(name: &str, text: &str) -> Result<Url, String> {
    let whole = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    let url =
        Url::parse(&whole).ok().filter(|url| url.has_host() && matches!(url.scheme(), "http" | "https"));
    // The value may hold a password: it is not repeated.
    url.ok_or_else(|| format!("{name} is no address of an HTTP proxy; write it as http://host:port"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn proxies(variables: &[(&str, &str)]) -> Result<Proxies, String> {
        let map: BTreeMap<&str, &str> = variables.iter().copied().collect();
        Proxies::read(|name| map.get(name).map(|text| (*text).to_owned()), "cluster.local")
    }

    fn through(proxies: &Proxies, url: &str) -> String {
        proxies.of(&Url::parse(url).unwrap()).map(ToString::to_string).unwrap_or_default()
    }

    #[test]
    fn without_variables_nothing_goes_through_a_proxy() {
        let none = proxies(&[]).unwrap();
        assert!(!none.are_set() && none.variables().is_empty());
        assert_eq!(through(&none, "https://api.x.ai"), "");
    }

    #[test]
    fn each_scheme_has_its_proxy() {
        let set = proxies(&[("HTTPS_PROXY", "http://u:p@proxy:3128"), ("http_proxy", "plain:8080")]).unwrap();
        assert_eq!(through(&set, "https://api.x.ai/v1"), "http://u:p@proxy:3128/");
        assert_eq!(through(&set, "http://objects.example.com"), "http://plain:8080/");
        let all = proxies(&[("ALL_PROXY", "http://proxy:3128")]).unwrap();
        assert_eq!(through(&all, "http://a.example"), through(&all, "https://a.example"));
        let one = proxies(&[("HTTPS_PROXY", "http://proxy:3128")]).unwrap();
        assert_eq!(through(&one, "http://a.example"), "");
    }

    #[test]
    fn services_of_the_cluster_are_called_directly_whatever_is_set() {
        let set = proxies(&[("ALL_PROXY", "http://proxy:3128")]).unwrap();
        for url in [
            "http://s3.videofactory-system.svc:9000",
            "https://minio.minio.svc.cluster.local",
            "http://127.0.0.1:9000",
            "http://[::1]:9000",
            "http://localhost",
        ] {
            assert_eq!(through(&set, url), "", "{url}");
        }
    }

    #[test]
    fn no_proxy_is_heeded_as_elsewhere() {
        let set =
            proxies(&[("HTTPS_PROXY", "http://proxy:3128"), ("NO_PROXY", ".svc,corp.example, 10.0.0.0/8")])
                .unwrap();
        for url in ["https://corp.example", "https://a.corp.example", "https://10.1.2.3", "https://b.svc"] {
            assert_eq!(through(&set, url), "", "{url}");
        }
        for url in ["https://notcorp.example", "https://11.1.2.3"] {
            assert_eq!(through(&set, url), "http://proxy:3128/", "{url}");
        }
        let off = proxies(&[("HTTPS_PROXY", "http://proxy:3128"), ("NO_PROXY", "*")]).unwrap();
        assert_eq!(through(&off, "https://a.example"), "");
    }

    #[test]
    fn variables_are_passed_on_as_they_were_found() {
        let set = proxies(&[("https_proxy", "http://proxy:3128"), ("NO_PROXY", ".svc"), ("HTTP_PROXY", "")])
            .unwrap();
        assert_eq!(
            set.variables(),
            [("HTTPS_PROXY", "http://proxy:3128".to_owned()), ("NO_PROXY", ".svc".to_owned())]
        );
    }

    #[test]
    fn what_is_no_proxy_is_refused_without_its_password() {
        for odd in ["socks5://u:secret@proxy:1080", "ftp://u:secret@proxy", "http://"] {
            let refused = proxies(&[("HTTPS_PROXY", odd)]).unwrap_err();
            assert!(
                refused.starts_with("HTTPS_PROXY is no address") && !refused.contains("secret"),
                "{refused}"
            );
        }
    }
}
