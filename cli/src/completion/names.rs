//! Names of objects in the cluster, for completion.

use std::ffi::{OsStr, OsString};
use std::fmt::Debug;
use std::sync::OnceLock;
use std::time::Duration;

use clap::{Command, FromArgMatches};
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{ListParams, PartialObjectMeta};
use kube::config::Kubeconfig;
use kube::core::{NamespaceResourceScope, ObjectList};
use kube::{Api, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use videofactory_crds::{Channel, ProviderAccount, StoragePolicy, VideoJob};

use crate::cluster::{Cluster, ClusterFlags};

/// Longest time that a person waits for a list after the tab key.
const TIMEOUT: Duration = Duration::from_secs(3);
/// Names of one page of a list.
const PAGE: u32 = 500;
/// As soon as so many are found, no more are looked for.
const MANY: usize = 500;

/// The flags of the line that is being completed.
static FLAGS: OnceLock<ClusterFlags> = OnceLock::new();

/// Completes for the line with these words, the first of which is the program's name.
pub fn of_line(program: Command, words: impl IntoIterator<Item = OsString>) {
    // Said twice, the first holds.
    let _ = FLAGS.set(flags(program, words));
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
        offer(current, async |cluster: Cluster, begin: String| {
            list::<Namespace>(Api::all(cluster.client().ok()?), &begin).await
        })
    })
}

/// Completes names of the kubeconfig's contexts.
#[must_use]
pub fn contexts() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| {
        let path = of_cluster().kubeconfig;
        let read = path.map_or_else(Kubeconfig::read, Kubeconfig::read_from);
        let names =
            read.map(|kubeconfig| kubeconfig.contexts.into_iter().map(|context| context.name).collect());
        let names: Vec<String> = names.unwrap_or_default();
        let Some(begin) = current.to_str() else { return Vec::new() };
        candidates(names.into_iter().filter(|name| name.starts_with(begin)))
    })
}

fn of_cluster() -> ClusterFlags {
    FLAGS.get().cloned().unwrap_or_default()
}

/// Names of objects of the namespace that is meant.
fn find<K>(current: &OsStr) -> Vec<CompletionCandidate>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
{
    offer(current, async |cluster: Cluster, begin: String| {
        list::<K>(Api::namespaced(cluster.client().ok()?, &cluster.namespace), &begin).await
    })
}

/// Names that begin like this. Whatever goes wrong, nothing is offered: a message would stand in the middle of the line.
fn offer(
    current: &OsStr,
    ask: impl AsyncFnOnce(Cluster, String) -> Option<Vec<String>>,
) -> Vec<CompletionCandidate> {
    let Some(begin) = current.to_str() else { return Vec::new() };
    let flags = of_cluster();
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        return Vec::new();
    };
    let asked = async { ask(Cluster::open(&flags).await.ok()?, begin.to_owned()).await };
    let names = runtime.block_on(async { tokio::time::timeout(TIMEOUT, asked).await });
    candidates(names.ok().flatten().unwrap_or_default())
}

fn candidates(names: impl IntoIterator<Item = String>) -> Vec<CompletionCandidate> {
    names.into_iter().map(CompletionCandidate::new).collect()
}

/// The names that begin like this. The API server lists in the order of names, so that it is looked no further than they go.
async fn list<K>(api: Api<K>, begin: &str) -> Option<Vec<String>>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned,
{
    let mut names = Vec::new();
    let mut params = ListParams::default().limit(PAGE);
    loop {
        let page: ObjectList<PartialObjectMeta<K>> = api.list_metadata(&params).await.ok()?;
        let is_past = page.items.last().is_some_and(|last| {
            let last = last.name_any();
            last.as_str() > begin && !last.starts_with(begin)
        });
        names.extend(page.items.iter().map(ResourceExt::name_any).filter(|name| name.starts_with(begin)));
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) if !is_past && names.len() < MANY => {
                params = ListParams::default().limit(PAGE).continue_token(&token);
            }
            _ => return Some(names),
        }
    }
}

/// The flags of an unfinished line that say which cluster is meant. From the first word that cannot be understood, the line
/// is ignored.
fn flags(program: Command, words: impl IntoIterator<Item = OsString>) -> ClusterFlags {
    let read = program.ignore_errors(true).try_get_matches_from(words).ok();
    read.and_then(|read| ClusterFlags::from_arg_matches(&read).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::args::command;
    use crate::testing::{Fake, job, list_of, path};

    #[tokio::test]
    async fn names_are_found_on_later_pages_and_looked_for_no_further_than_they_go() {
        let what = format!("GET {}", path("films", "videojobs", ""));
        let page = |names: [&str; 2]| -> Value {
            let mut page = list_of(&names.map(|name| job(name, json!({}))));
            page["metadata"]["continue"] = json!("more");
            page
        };
        let fake = Fake::default()
            .on(&what, page(["bay", "cave"]))
            .on(&what, page(["cliff", "sea"]))
            .on(&what, page(["seal", "tide"]));
        let api: Api<VideoJob> = Api::namespaced(fake.client(), "films");
        assert_eq!(list(api.clone(), "c").await.unwrap(), ["cave", "cliff"]);
        assert_eq!(fake.seen().len(), 2);
        assert_eq!(list(api, "sea").await.unwrap(), ["seal"]);
    }

    #[test]
    fn flags_are_read_from_an_unfinished_line() {
        let read = |line: &str| flags(command(), line.split(' ').map(OsString::from));
        let line =
            "kubectl-videofactory retry -nfilms --context=work --kubeconfig /tmp/k --as ada --as-group it o";
        let reported = read(line);
        assert_eq!(
            (reported.namespace.as_deref(), reported.context.as_deref()),
            (Some("films"), Some("work"))
        );
        assert_eq!(reported.kubeconfig.as_deref(), Some(std::path::Path::new("/tmp/k")));
        assert_eq!(
            (reported.impersonate.as_deref(), reported.impersonate_groups),
            (Some("ada"), vec!["it".to_owned()])
        );
        assert_eq!(read("kubectl-videofactory status --namespace").namespace, None);
        let nonsense = read("kubectl-videofactory -n films status a b c --unknown");
        assert_eq!(nonsense.namespace.as_deref(), Some("films"));
    }
}
