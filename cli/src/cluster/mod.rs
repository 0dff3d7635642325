//! The way to the cluster that the kubeconfig and the flags name.

mod flags;

use std::ffi::OsStr;
use std::io;
use std::sync::OnceLock;

use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Client, Config};
use url::Url;
use videofactory_client::call;
use videofactory_net::Proxies;

pub use self::flags::ClusterFlags;
use crate::exit::Error;

/// How the plugin introduces itself.
pub const AGENT: &str = concat!("kubectl-videofactory/", env!("CARGO_PKG_VERSION"));
/// As whom fields are set: the first manager of what the plugin writes.
pub const MANAGER: &str = "kubectl-videofactory";

/// The way to a cluster.
pub struct Cluster {
    /// The namespace that is meant where none is named.
    pub namespace: String,
    /// Whether it was named, by -n: else it is the context's.
    pub is_namespace_named: bool,
    /// The operator's namespace, if it was named.
    pub operator_namespace: Option<String>,
    /// Whether the calls are made in somebody else's name.
    pub impersonates: bool,
    /// How to reach it; `None`: the clients are given.
    config: Option<Config>,
    client: OnceLock<Client>,
    streaming: OnceLock<Client>,
}

impl Cluster {
    /// Reads the kubeconfig. Nothing is asked yet.
    pub async fn open(flags: &ClusterFlags) -> Result<Self, Error> {
        if let Some(limit) = flags.request_timeout {
            call::limit_calls(limit);
        }
        let mut config = read(flags).await?;
        let auth = &mut config.auth_info;
        if let Some(user) = &flags.impersonate {
            auth.impersonate = Some(user.clone());
        }
        if !flags.impersonate_groups.is_empty() {
            auth.impersonate_groups = Some(flags.impersonate_groups.clone());
        }
        if auth.impersonate.is_none() && auth.impersonate_groups.is_some() {
            return Err(Error::usage("--as-group needs --as: the API server takes no group without a user"));
        }
        Ok(Self {
            namespace: flags.namespace.clone().unwrap_or_else(|| config.default_namespace.clone()),
            is_namespace_named: flags.namespace.is_some(),
            operator_namespace: flags.operator_namespace.clone(),
            impersonates: config.auth_info.impersonate.is_some(),
            config: Some(config),
            client: OnceLock::new(),
            streaming: OnceLock::new(),
        })
    }

    /// For what asks no cluster.
    #[must_use]
    pub fn none(flags: &ClusterFlags) -> Self {
        Self {
            namespace: flags.namespace.clone().unwrap_or_else(|| "default".to_owned()),
            is_namespace_named: flags.namespace.is_some(),
            operator_namespace: flags.operator_namespace.clone(),
            impersonates: false,
            config: None,
            client: OnceLock::new(),
            streaming: OnceLock::new(),
        }
    }

    /// A cluster whose client is given.
    #[cfg(test)]
    pub fn of_client(client: Client, namespace: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            is_namespace_named: false,
            operator_namespace: None,
            impersonates: false,
            config: None,
            client: OnceLock::from(client.clone()),
            streaming: OnceLock::from(client),
        }
    }

    /// A client whose calls time out.
    pub fn client(&self) -> Result<Client, Error> {
        self.get(&self.client, |config| call::connect(config, AGENT))
    }

    /// A client without a read time-out, for watches, logs and forwarded ports.
    pub fn streaming_client(&self) -> Result<Client, Error> {
        self.get(&self.streaming, |config| {
            let mut config = config;
            config.connect_timeout = Some(std::time::Duration::from_secs(5));
            config.read_timeout = None;
            config.headers.push((http::header::USER_AGENT, http::HeaderValue::from_static(AGENT)));
            Client::try_from(config)
        })
    }

    /// How to reach it, with the credentials.
    #[must_use]
    pub const fn config(&self) -> Option<&Config> {
        self.config.as_ref()
    }

    fn get(
        &self,
        kept: &OnceLock<Client>,
        make: impl FnOnce(Config) -> Result<Client, kube::Error>,
    ) -> Result<Client, Error> {
        if let Some(client) = kept.get() {
            return Ok(client.clone());
        }
        let config = self.config.clone().ok_or_else(|| Error::new("there is no kubeconfig"))?;
        let client = make(config).map_err(|error| {
            Error::new(format!("the kubeconfig's credentials cannot be used: {error}"))
                .hint("does kubectl itself work? try `kubectl version`")
        })?;
        Ok(kept.get_or_init(|| client).clone())
    }
}

async fn read(flags: &ClusterFlags) -> Result<Config, Error> {
    let options = KubeConfigOptions {
        context: flags.context.clone(),
        cluster: flags.cluster.clone(),
        user: flags.user.clone(),
    };
    let read = match &flags.kubeconfig {
        Some(path) => Kubeconfig::read_from(path),
        None => Kubeconfig::read(),
    };
    let kubeconfig = match read {
        Ok(kubeconfig) => kubeconfig,
        Err(error) if is_absent(flags, std::env::var_os("KUBECONFIG").as_deref(), &error) => {
            return Config::incluster().map_err(|_| cannot_read(&error));
        }
        Err(error) => return Err(cannot_read(&error)),
    };
    let own = own_proxy(&kubeconfig, &options);
    let loaded = Config::from_custom_kubeconfig(kubeconfig, &options).await;
    let mut config = loaded.map_err(|error| cannot_read(&error))?;
    if !own {
        // What the library makes of the variables heeds NO_PROXY for the proxy, and not for the cluster.
        config.proxy_url = proxy(&config.cluster_url)?;
    }
    Ok(config)
}

/// Whether there is no kubeconfig at all, as in a pod, whose own ServiceAccount is then meant. One that is named and missing,
/// or that cannot be used, is an error: else the command would act on another cluster. `variable`: what $KUBECONFIG says.
fn is_absent(flags: &ClusterFlags, variable: Option<&OsStr>, error: &KubeconfigError) -> bool {
    let by_flag = flags.kubeconfig.is_some()
        || flags.context.is_some()
        || flags.cluster.is_some()
        || flags.user.is_some();
    let by_variable =
        variable.is_some_and(|paths| std::env::split_paths(paths).any(|path| !path.as_os_str().is_empty()));
    let is_missing = match error {
        KubeconfigError::FindPath => true,
        KubeconfigError::ReadConfig(error, _) => error.kind() == io::ErrorKind::NotFound,
        _ => false,
    };
    !by_flag && !by_variable && is_missing
}

fn cannot_read(error: &KubeconfigError) -> Error {
    Error::new(format!("the kubeconfig cannot be used: {error}")).hint(
        "name another one by --kubeconfig or $KUBECONFIG; `kubectl config get-contexts` shows its contexts",
    )
}

/// Whether the kubeconfig itself names a proxy for the cluster.
fn own_proxy(kubeconfig: &Kubeconfig, options: &KubeConfigOptions) -> bool {
    let context = options.context.as_ref().or(kubeconfig.current_context.as_ref());
    let of_context = || {
        let named = kubeconfig.contexts.iter().find(|named| Some(&named.name) == context)?;
        Some(named.context.as_ref()?.cluster.clone())
    };
    let Some(name) = options.cluster.clone().or_else(of_context) else { return false };
    let cluster = kubeconfig.clusters.iter().find(|cluster| cluster.name == name);
    let proxy = cluster.and_then(|named| named.cluster.as_ref()?.proxy_url.as_ref());
    proxy.is_some_and(|proxy| !proxy.is_empty())
}

fn proxy(cluster: &http::Uri) -> Result<Option<http::Uri>, Error> {
    let proxies = Proxies::read(|name| std::env::var(name).ok(), "cluster.local").map_err(Error::new)?;
    let Ok(url) = Url::parse(&cluster.to_string()) else { return Ok(None) };
    Ok(proxies.of(&url).and_then(|proxy| proxy.as_str().parse().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KUBECONFIG: &str = "\
apiVersion: v1
kind: Config
current-context: work
contexts:
- {name: work, context: {cluster: one, user: me, namespace: films}}
- {name: home, context: {cluster: two, user: me}}
clusters:
- {name: one, cluster: {server: 'https://one.example:6443'}}
- {name: two, cluster: {server: 'https://two.example:6443', proxy-url: 'http://proxy:3128'}}
users:
- {name: me, user: {token: abc}}
";

    async fn open(flags: ClusterFlags) -> Result<Cluster, Error> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("config");
        std::fs::write(&path, KUBECONFIG).unwrap();
        Cluster::open(&ClusterFlags { kubeconfig: Some(path), ..flags }).await
    }

    #[tokio::test]
    async fn the_context_gives_the_namespace_and_a_flag_goes_before_it() {
        let plain = open(ClusterFlags::default()).await.unwrap();
        assert_eq!((plain.namespace.as_str(), plain.impersonates), ("films", false));
        let home = ClusterFlags { context: Some("home".to_owned()), ..ClusterFlags::default() };
        let home = open(home).await.unwrap();
        assert_eq!(home.namespace, "default");
        assert_eq!(home.config().unwrap().proxy_url.as_ref().unwrap().host(), Some("proxy"));
        let named = ClusterFlags { namespace: Some("demo".to_owned()), ..ClusterFlags::default() };
        assert_eq!(open(named).await.unwrap().namespace, "demo");
    }

    #[tokio::test]
    async fn who_acts_for_another_is_known_as_such() {
        let other = ClusterFlags {
            impersonate: Some("eve".to_owned()),
            impersonate_groups: vec!["films".to_owned()],
            ..ClusterFlags::default()
        };
        assert!(open(other).await.unwrap().impersonates);
        let group = ClusterFlags { impersonate_groups: vec!["films".to_owned()], ..ClusterFlags::default() };
        assert!(open(group).await.err().unwrap().message.contains("--as-group needs --as"));
    }

    #[test]
    fn a_pods_own_cluster_is_meant_only_where_there_is_no_kubeconfig() {
        let missing = |kind: io::ErrorKind| KubeconfigError::ReadConfig(kind.into(), "config".into());
        let not_found = missing(io::ErrorKind::NotFound);
        let plain = ClusterFlags::default();
        assert!(is_absent(&plain, None, &not_found));
        assert!(is_absent(&plain, Some(OsStr::new("")), &not_found));
        assert!(is_absent(&plain, None, &KubeconfigError::FindPath));
        assert!(
            !is_absent(&plain, Some(OsStr::new("/moved/config")), &not_found),
            "it is named, and missing"
        );
        assert!(!is_absent(&plain, None, &missing(io::ErrorKind::PermissionDenied)));
        assert!(!is_absent(&plain, None, &KubeconfigError::KindMismatch), "it is there, and is none");
        let named = ClusterFlags { context: Some("work".to_owned()), ..ClusterFlags::default() };
        assert!(!is_absent(&named, None, &not_found));
    }

    #[tokio::test]
    async fn a_context_that_is_missing_is_named() {
        let flags = ClusterFlags { context: Some("moon".to_owned()), ..ClusterFlags::default() };
        let error = open(flags).await.err().unwrap();
        assert!(error.message.contains("moon") && error.hint.is_some(), "{error}");
    }
}
