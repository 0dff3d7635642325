//! Which cluster, as whom: the flags of kubectl.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::text::read_timeout;

/// Which cluster, as whom: the flags of kubectl.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Cluster")]
pub struct ClusterFlags {
    /// Path of the kubeconfig. Default: $KUBECONFIG, or ~/.kube/config
    #[arg(long, global = true, value_name = "PATH", value_hint = clap::ValueHint::FilePath)]
    pub kubeconfig: Option<PathBuf>,
    /// The kubeconfig's context to use
    #[arg(long, global = true)]
    pub context: Option<String>,
    /// The kubeconfig's cluster to use
    #[arg(long, global = true)]
    pub cluster: Option<String>,
    /// The kubeconfig's user to use
    #[arg(long, global = true)]
    pub user: Option<String>,
    /// The namespace. Default: the context's
    #[arg(short, long, global = true)]
    pub namespace: Option<String>,
    /// Act as this user
    #[arg(long = "as", global = true, value_name = "USER")]
    pub impersonate: Option<String>,
    /// Act as a member of this group, too; may be repeated
    #[arg(long = "as-group", global = true, value_name = "GROUP")]
    pub impersonate_groups: Vec<String>,
    /// Longest time for one answer of the API server, such as 30s; 0: no limit. Default: 10s
    #[arg(long, global = true, value_name = "DURATION", value_parser = read_timeout)]
    pub request_timeout: Option<Duration>,
    /// The operator's namespace. Default: videofactory-system
    #[arg(long, global = true, value_name = "NAMESPACE")]
    pub operator_namespace: Option<String>,
}
