//! Names of objects in the cluster, for completion.

use std::ffi::{OsStr, OsString};
use std::fmt::Debug;
use std::sync::OnceLock;
use std::time::Duration;

use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{ListParams, PartialObjectMeta};
use kube::config::Kubeconfig;
use kube::core::NamespaceResourceScope;
use kube::{Api, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use videofactory_crds::{Channel, ProviderAccount, StoragePolicy, VideoJob};

use crate::cluster::{Cluster, ClusterFlags};

/// Longest time that a person waits for a list after the tab key.
const PATIENCE: Duration = Duration::from_secs(3);
/// Most names that are offered.
const MOST: u32 = 500;

/// The words of the line that is being completed; absent: those of this process.
static WORDS: OnceLock<Vec<OsString>> = OnceLock::new();

/// Completes for the line with these words.
pub fn of_line(words: Vec<OsString>) {
    // Said twice, the first holds.
    let _ = WORDS.set(words);
}

/// Completes names of `VideoJob`s.
#[must_use]
pub fn jobs() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| find::<VideoJob>(current))
}

/// Completes names of Channels.
#[must_use]
pub fn channels() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| find::<Channel>(current))
}

/// Completes names of `ProviderAccount`s.
#[must_use]
pub fn accounts() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| find::<ProviderAccount>(current))
}

/// Completes names of `StoragePolicy`s.
#[must_use]
pub fn policies() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| find::<StoragePolicy>(current))
}

/// Completes names of namespaces.
#[must_use]
pub fn namespaces() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| {
        offer(current, async |cluster: Cluster| list::<Namespace>(Api::all(cluster.client().ok()?)).await)
    })
}

/// Completes names of the kubeconfig's contexts.
#[must_use]
pub fn contexts() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| {
        let path = flags(&words()).kubeconfig;
        let read = path.map_or_else(Kubeconfig::read, Kubeconfig::read_from);
        let names =
            read.map(|kubeconfig| kubeconfig.contexts.into_iter().map(|context| context.name).collect());
        beginning_with(current, names.unwrap_or_default())
    })
}

fn words() -> Vec<OsString> {
    WORDS.get().cloned().unwrap_or_else(|| std::env::args_os().collect())
}

/// Names of objects of the namespace that is meant.
fn find<K>(current: &OsStr) -> Vec<CompletionCandidate>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
{
    offer(current, async |cluster: Cluster| {
        list::<K>(Api::namespaced(cluster.client().ok()?, &cluster.namespace)).await
    })
}

/// Names that begin like this. Whatever goes wrong, nothing is offered: a message would stand in the middle of the line.
fn offer(current: &OsStr, ask: impl AsyncFnOnce(Cluster) -> Option<Vec<String>>) -> Vec<CompletionCandidate> {
    let flags = flags(&words());
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        return Vec::new();
    };
    let asked = async { ask(Cluster::open(&flags).await.ok()?).await };
    let names = runtime.block_on(async { tokio::time::timeout(PATIENCE, asked).await });
    beginning_with(current, names.ok().flatten().unwrap_or_default())
}

fn beginning_with(current: &OsStr, names: Vec<String>) -> Vec<CompletionCandidate> {
    let Some(current) = current.to_str() else { return Vec::new() };
    names.into_iter().filter(|name| name.starts_with(current)).map(CompletionCandidate::new).collect()
}

async fn list<K>(api: Api<K>) -> Option<Vec<String>>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned,
{
    let list = api.list_metadata(&ListParams::default().limit(MOST)).await.ok()?;
    Some(list.items.iter().map(|object: &PartialObjectMeta<K>| object.name_any()).collect())
}

/// The flags of an unfinished line that say which cluster is meant: leniently, because it may say nonsense.
fn flags(words: &[OsString]) -> ClusterFlags {
    let mut flags = ClusterFlags::default();
    let mut words = words.iter().map(|word| word.to_string_lossy().into_owned());
    while let Some(word) = words.next() {
        let (flag, joined) = match word.split_once('=') {
            Some((flag, value)) if flag.starts_with("--") => (flag.to_owned(), Some(value.to_owned())),
            _ => (word, None),
        };
        let place = match flag.as_str() {
            "-n" | "--namespace" => &mut flags.namespace,
            "--context" => &mut flags.context,
            "--cluster" => &mut flags.cluster,
            "--user" => &mut flags.user,
            "--as" => &mut flags.impersonate,
            "--kubeconfig" => {
                flags.kubeconfig = joined.or_else(|| words.next()).map(Into::into);
                continue;
            }
            _ => continue,
        };
        *place = joined.or_else(|| words.next());
    }
    flags
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_read_from_an_unfinished_line() {
        let words = |line: &str| line.split(' ').map(OsString::from).collect::<Vec<_>>();
        let read = flags(&words("kubectl-videofactory retry -n films --context=work --kubeconfig /tmp/k o"));
        assert_eq!(read.namespace.as_deref(), Some("films"));
        assert_eq!(read.context.as_deref(), Some("work"));
        assert_eq!(read.kubeconfig.as_deref(), Some(std::path::Path::new("/tmp/k")));
        assert_eq!(flags(&words("status --namespace")).namespace, None);
    }
}
