//! The operator's flags and environment.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use k8s_openapi::api::core::v1::Toleration;
use videofactory_api::PORT;
use videofactory_crds::labels;
use videofactory_net::{Authority, CLUSTER_SERVICES, Destinations, Network, Proxies, variables};

/// The port of the kubelet's probes, unless another one is configured.
const PROBE_PORT: u16 = 8081;

/// Turns VideoJobs into films, each step as a Kubernetes Job.
#[expect(clippy::doc_markdown, reason = "people read this as help")]
#[derive(Clone, Debug, Parser)]
#[command(name = "videofactory-operator", version)]
pub struct Config {
    /// The namespaces to watch, with commas between; empty = all. With some alone, the operator needs permissions nowhere
    /// else, and its own namespace stands for the cluster where it marks buckets
    #[arg(long, env = "VIDEOFACTORY_WATCH_NAMESPACES", default_value = "", value_parser = parse_watched)]
    pub watch_namespaces: Watched,

    /// The operator's own namespace, where its Lease is
    #[arg(long, env = "POD_NAMESPACE", default_value = labels::OPERATOR_NAMESPACE)]
    pub namespace: String,

    /// The operator's own name, unique among its replicas: its pod's name
    #[arg(long, env = "POD_NAME", default_value = labels::OPERATOR_NAME)]
    pub name: String,

    /// Address of the operator's pod, where the other replicas ask the one that leads
    #[arg(long, env = "POD_IP")]
    pub pod_ip: Option<IpAddr>,

    /// File with a token of the operator's own ServiceAccount for the audience videofactory.dev/progress, by which its
    /// replicas know each other
    #[arg(long, env = "VIDEOFACTORY_TOKEN_FILE", default_value = "/var/run/secrets/videofactory/token")]
    pub token_file: PathBuf,

    /// Whether to act only while holding the Lease
    #[arg(long, env = "VIDEOFACTORY_LEADER_ELECTION", default_value_t = true, action = clap::ArgAction::Set)]
    pub leader_election: bool,

    /// Name of the Lease
    #[arg(long, env = "VIDEOFACTORY_LEASE", default_value = labels::OPERATOR_NAME)]
    pub lease: String,

    /// Address of the HTTP server
    #[arg(long, env = "VIDEOFACTORY_LISTEN", default_value_t = SocketAddr::from((Ipv4Addr::UNSPECIFIED, PORT)))]
    pub listen: SocketAddr,

    /// Address at which the kubelet's probes are answered (/health and /ready), apart from all other callers; absent: that
    /// of the HTTP server, with port 8081
    #[arg(long, env = "VIDEOFACTORY_PROBE_LISTEN")]
    pub probe_listen: Option<SocketAddr>,

    /// Most VideoJobs that are looked at concurrently
    #[arg(long, env = "VIDEOFACTORY_CONCURRENCY", default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..))]
    pub concurrency: u16,

    /// Whether to do what has effects outside the cluster: pay services, publish, delete files in buckets. Suspend it
    /// in a cluster that is started from another's snapshot
    #[arg(long, env = "VIDEOFACTORY_SIDE_EFFECTS", default_value = "Allow")]
    pub side_effects: SideEffects,

    /// How the steps' pods are made
    #[command(flatten)]
    pub worker: WorkerConfig,
}

impl Config {
    /// Where other replicas reach the HTTP server, if this is known.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.pod_ip.map(|ip| SocketAddr::new(ip, self.listen.port()))
    }

    /// Where the kubelet's probes are answered.
    #[must_use]
    pub fn probe_address(&self) -> SocketAddr {
        self.probe_listen.unwrap_or_else(|| SocketAddr::new(self.listen.ip(), PROBE_PORT))
    }
}

/// Whether to do what has effects outside the cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "PascalCase")]
pub enum SideEffects {
    /// All of it.
    #[default]
    Allow,
    /// Nothing is paid for, published or deleted.
    Suspend,
}

impl SideEffects {
    /// Whether nothing is paid for, published or deleted.
    #[must_use]
    pub fn are_suspended(self) -> bool {
        self == Self::Suspend
    }
}

/// What is reported where something is not done for [`SideEffects::Suspend`], and what to do.
pub const SUSPENDED_SIDE_EFFECTS: &str = "the operator runs with --side-effects=Suspend, so that nothing is paid for, \
                                          published or deleted in buckets: start it with --side-effects=Allow \
                                          (VIDEOFACTORY_SIDE_EFFECTS) if this cluster may";

/// How the steps' pods are made.
#[expect(clippy::doc_markdown, reason = "people read this as help")]
#[derive(Clone, Debug, clap::Args)]
pub struct WorkerConfig {
    /// Image of the worker
    #[arg(long = "worker-image", env = "VIDEOFACTORY_WORKER_IMAGE")]
    pub image: String,

    /// When that image is pulled
    #[arg(
        long = "worker-image-pull-policy",
        env = "VIDEOFACTORY_WORKER_IMAGE_PULL_POLICY",
        default_value = "IfNotPresent"
    )]
    pub pull_policy: PullPolicy,

    /// ServiceAccount of the steps' pods, in the VideoJob's namespace; empty = the default one
    #[arg(long = "worker-service-account", env = "VIDEOFACTORY_WORKER_SERVICE_ACCOUNT", default_value = "")]
    pub service_account: String,

    /// Labels that a node must have to run steps, as key=value,key=value
    #[arg(long = "worker-node-selector", env = "VIDEOFACTORY_WORKER_NODE_SELECTOR", default_value = "", value_parser = parse_labels)]
    pub node_selector: Labels,

    /// Labels of all steps' pods, as key=value,key=value
    #[arg(long = "worker-labels", env = "VIDEOFACTORY_WORKER_LABELS", default_value = "", value_parser = parse_labels)]
    pub labels: Labels,

    /// Annotations of all steps' pods, as key=value,key=value or as a JSON object
    #[arg(long = "worker-annotations", env = "VIDEOFACTORY_WORKER_ANNOTATIONS", default_value = "", value_parser = parse_annotations)]
    pub annotations: Labels,

    /// Labels of a VideoJob that its steps' pods get too: their keys, as key,key
    #[arg(long, env = "VIDEOFACTORY_PROPAGATE_LABELS", default_value = "", value_parser = parse_keys)]
    pub propagate_labels: Keys,

    /// Taints that all steps' pods tolerate, as a JSON list of Kubernetes' tolerations
    #[arg(long = "worker-tolerations", env = "VIDEOFACTORY_WORKER_TOLERATIONS", default_value = "[]", value_parser = parse_tolerations)]
    pub tolerations: Tolerations,

    /// Keys of the taints that a VideoJob's compute.tolerations may name, as key,key (a word that is no taint's key, such
    /// as none, allows none); empty = all but those of node roles
    #[arg(long, env = "VIDEOFACTORY_JOB_TOLERATIONS", default_value = "", value_parser = parse_job_tolerations)]
    pub job_tolerations: JobTolerations,

    /// URL under which workers reach this server, without a path; empty = no progress is reported
    #[arg(long, env = "VIDEOFACTORY_PROGRESS_URL", default_value = "")]
    pub progress_url: String,

    /// Allow endpoints of ProviderAccounts and StoragePolicies to be loopback addresses; for tests
    #[arg(
        long,
        env = variables::ALLOW_LOOPBACK,
        default_value_t = false,
        action = clap::ArgAction::Set
    )]
    pub allow_local_endpoints: bool,

    /// Where endpoints of ProviderAccounts and StoragePolicies may lead beyond public addresses, with commas between:
    /// cluster-services (Services of the cluster, as name.namespace.svc), names, *.domain, addresses, networks such as
    /// 10.0.0.0/8; cloud metadata is refused whatever stands here
    #[arg(long, env = variables::ALLOWED_DESTINATIONS, default_value = CLUSTER_SERVICES)]
    pub allowed_destinations: String,

    /// The cluster's DNS domain
    #[arg(long, env = variables::CLUSTER_DOMAIN, default_value = CLUSTER_DOMAIN)]
    pub cluster_domain: String,

    /// File with the certificates, in PEM, of authorities to trust besides the system's; steps trust them too
    #[arg(long, env = variables::CA_FILE, default_value = "")]
    pub ca_file: String,

    /// What was read of that file.
    #[arg(skip)]
    pub authority: Option<Authority>,

    /// The variables of the environment that name proxies; steps are given them.
    #[arg(skip)]
    pub proxies: Vec<(&'static str, String)>,

    /// The variables by which steps know where to send spans; none if they send none.
    #[arg(skip)]
    pub traces: Vec<(&'static str, String)>,
}

/// The cluster's DNS domain where nobody says otherwise.
pub const CLUSTER_DOMAIN: &str = "cluster.local";

impl WorkerConfig {
    /// What may be called for users, and how; fails with a sentence. What steps must know of it is kept.
    pub fn network(&mut self, variable: impl Fn(&str) -> Option<String>) -> Result<Network, String> {
        let domain = self.cluster_domain.as_str();
        let destinations =
            Destinations::parse(&self.allowed_destinations, domain, self.allow_local_endpoints)?;
        let proxies = Proxies::read(variable, domain)?;
        self.proxies = proxies.variables().to_vec();
        if !self.ca_file.is_empty() {
            let failed = |why: String| format!("failed to use the file {} of --ca-file: {why}", self.ca_file);
            let pem = std::fs::read_to_string(&self.ca_file).map_err(|error| failed(error.to_string()))?;
            self.authority = Some(Authority::parse(&pem).map_err(|why| failed(format!("it {why}")))?);
        }
        Ok(Network::new(destinations, proxies, self.authority.iter().cloned().collect()))
    }
}

/// When an image is pulled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "PascalCase")]
pub enum PullPolicy {
    /// Always.
    Always,
    /// When the node has none.
    IfNotPresent,
    /// Never.
    Never,
}

impl PullPolicy {
    /// The name that Kubernetes gives it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Always => "Always",
            Self::IfNotPresent => "IfNotPresent",
            Self::Never => "Never",
        }
    }
}

/// Labels by name.
pub type Labels = BTreeMap<String, String>;

/// Keys of labels.
pub type Keys = BTreeSet<String>;

/// What is watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Watched {
    /// All of the cluster.
    Cluster,
    /// These namespaces alone.
    Namespaces(BTreeSet<String>),
}

/// Tolerations of Kubernetes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tolerations(pub Vec<Toleration>);

/// Which taints jobs may tolerate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobTolerations(Keys);

impl JobTolerations {
    /// Whether a job may tolerate the taint with this key; an empty one stands for every taint.
    #[must_use]
    pub fn allow(&self, key: &str) -> bool {
        if self.0.is_empty() {
            return !key.is_empty() && !key.starts_with("node-role.kubernetes.io/");
        }
        self.0.contains(key)
    }
}

fn parse_watched(text: &str) -> Result<Watched, String> {
    let is_name = |name: &str| {
        let plain =
            name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        plain && name.len() <= 63 && !name.starts_with('-') && !name.ends_with('-')
    };
    let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
    let checked = names.map(|name| {
        is_name(name)
            .then(|| name.to_owned())
            .ok_or_else(|| format!("{name:?} is no namespace: write films,trailers"))
    });
    let watched: BTreeSet<String> = checked.collect::<Result<_, _>>()?;
    Ok(if watched.is_empty() { Watched::Cluster } else { Watched::Namespaces(watched) })
}

fn parse_keys(text: &str) -> Result<Keys, String> {
    let keys = text.split(',').map(str::trim).filter(|key| !key.is_empty());
    keys.map(|key| {
        if key.contains('=') { Err(format!("{key:?} is no key: write key,key")) } else { Ok(key.to_owned()) }
    })
    .collect()
}

fn parse_job_tolerations(text: &str) -> Result<JobTolerations, String> {
    parse_keys(text).map(JobTolerations)
}

fn parse_tolerations(text: &str) -> Result<Tolerations, String> {
    serde_json::from_str(text).map(Tolerations).map_err(|error| {
        format!("no list of tolerations ({error}): write for example [{{\"key\": \"video\", \"operator\": \"Exists\"}}]")
    })
}

/// Annotations may hold commas: then they are a JSON object.
fn parse_annotations(text: &str) -> Result<Labels, String> {
    if !text.trim_start().starts_with('{') {
        return parse_labels(text);
    }
    serde_json::from_str(text).map_err(|error| format!("no JSON object of texts: {error}"))
}

fn parse_labels(text: &str) -> Result<Labels, String> {
    text.split(',')
        .filter(|part| !part.is_empty())
        .map(|part| match part.split_once('=') {
            Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
            _ => Err(format!("{part:?} is no label: write key=value,key=value")),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;

    #[test]
    fn defaults_hold_unless_configured_otherwise() {
        let config = Config::try_parse_from(["operator", "--worker-image", "worker:1"]).unwrap();
        assert!(config.leader_election);
        assert_eq!(config.worker.pull_policy, PullPolicy::IfNotPresent);
        assert!(config.worker.node_selector.is_empty());
        assert_eq!(config.side_effects, SideEffects::Allow);
    }

    /// A pod may have an address of IPv6 alone, at which the kubelet asks.
    #[test]
    fn probes_are_answered_at_the_servers_address_unless_configured_otherwise() {
        let address = |more: &[&str]| {
            let args = ["operator", "--worker-image", "worker:1"].into_iter().chain(more.iter().copied());
            Config::try_parse_from(args).unwrap().probe_address().to_string()
        };
        assert_eq!(address(&[]), "0.0.0.0:8081");
        assert_eq!(address(&["--listen", "[::]:8000"]), "[::]:8081");
        assert_eq!(address(&["--listen", "[::]:8000", "--probe-listen", "0.0.0.0:9"]), "0.0.0.0:9");
    }

    #[test]
    fn side_effects_are_suspended_by_a_word_and_by_no_misspelt_one() {
        let read = |word: &str| {
            Config::try_parse_from(["operator", "--worker-image", "worker:1", "--side-effects", word])
        };
        assert!(read("Suspend").unwrap().side_effects.are_suspended());
        assert!(read("suspended").is_err(), "a typing error must not allow them");
    }

    #[test]
    fn what_steps_must_know_of_the_network_is_kept() {
        let ca = ["--ca-file", "/no/such/file"];
        let mut config = Config::try_parse_from(["operator", "--worker-image", "worker:1"]).unwrap();
        let proxy = |name: &str| (name == "HTTPS_PROXY").then(|| "http://proxy:3128".to_owned());
        config.worker.network(proxy).unwrap();
        assert_eq!(config.worker.proxies, [("HTTPS_PROXY", "http://proxy:3128".to_owned())]);
        let refused = config.worker.network(|name| (name == "HTTP_PROXY").then(|| "socks5://a".to_owned()));
        assert!(refused.unwrap_err().starts_with("HTTP_PROXY is no address"));
        let mut config =
            Config::try_parse_from(["operator", "--worker-image", "worker:1"].into_iter().chain(ca)).unwrap();
        assert!(config.worker.network(|_| None).unwrap_err().contains("/no/such/file"));
        config.worker.ca_file.clear();
        config.worker.allowed_destinations = "10.0.0.0/99".to_owned();
        assert!(config.worker.network(|_| None).unwrap_err().contains("is no destination"));
    }

    #[test]
    fn an_authority_of_ones_own_is_read_from_its_file() {
        let file = std::env::temp_dir().join(format!("videofactory-ca-{}.pem", std::process::id()));
        let read = |content: &str| {
            std::fs::write(&file, content).unwrap();
            let args = ["operator", "--worker-image", "worker:1", "--ca-file"].map(OsString::from);
            let mut config = Config::try_parse_from(args.into_iter().chain([file.clone().into()])).unwrap();
            config.worker.network(|_| None).map(|_| config.worker.authority)
        };
        let pem = crate::authority::tests::pem();
        let (found, refused) = (read(&pem), read("hello"));
        std::fs::remove_file(&file).unwrap();
        assert_eq!(found.unwrap().unwrap().pem(), pem);
        let refused = refused.unwrap_err();
        assert!(refused.contains("--ca-file: it holds no certificate in PEM"), "{refused}");
    }

    #[test]
    fn labels_are_read_and_nonsense_is_refused() {
        let labels = parse_labels("a=b,c.d/e=").unwrap();
        assert_eq!(
            labels.into_iter().collect::<Vec<_>>(),
            [("a".to_owned(), "b".to_owned()), ("c.d/e".to_owned(), String::new())]
        );
        assert!(parse_labels("a").unwrap_err().contains("write key=value"));
    }

    #[test]
    fn namespaces_are_read_and_a_misspelt_one_does_not_mean_all() {
        let read = |text: &str| {
            Config::try_parse_from(["operator", "--worker-image", "worker:1", "--watch-namespaces", text])
        };
        assert_eq!(read("").unwrap().watch_namespaces, Watched::Cluster);
        let some = ["films", "trailers"].map(str::to_owned).into();
        assert_eq!(read("trailers, films,films").unwrap().watch_namespaces, Watched::Namespaces(some));
        for wrong in ["*", "Films", "films trailers", "films-"] {
            assert!(read(wrong).unwrap_err().to_string().contains("is no namespace"), "{wrong}");
        }
    }

    #[test]
    fn what_pods_carry_is_read_and_nonsense_is_refused() {
        let annotations = parse_annotations(r#"{"a": "1,2=3"}"#).unwrap();
        assert_eq!(annotations, [("a".to_owned(), "1,2=3".to_owned())].into());
        assert_eq!(parse_annotations("a=b").unwrap(), [("a".to_owned(), "b".to_owned())].into());
        assert!(parse_annotations("{\"a\": 1}").is_err());
        assert_eq!(parse_keys("a, b/c,").unwrap(), ["a".to_owned(), "b/c".to_owned()].into());
        assert!(parse_keys("a=b").unwrap_err().contains("write key,key"));
        assert_eq!(parse_tolerations(r#"[{"key": "a"}]"#).unwrap().0[0].key.as_deref(), Some("a"));
        assert!(parse_tolerations("a").unwrap_err().contains("Exists"));
    }
}
