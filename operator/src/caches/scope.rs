//! Which of its namespaces the operator watches: those whose objects it may list.
//!
//! A tenant who takes the operator's rights away, or deletes a namespace and its Roles with it, must not keep the films of
//! all others from being made. Such a namespace is left out as a whole: where some kinds of objects alone were seen, wrong
//! things would be decided. For the same reason a process takes none in later: it ends when the rights are back, and the
//! next one begins with all.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::future::pending;
use std::time::Duration;

use async_trait::async_trait;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Pod, Secret};
use kube::api::ListParams;
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep};
use videofactory_client::call::{CallError, within};
use videofactory_crds::{Channel, ProviderAccount, StoragePolicy, VideoJob};

/// How long the API server must have refused a namespace before it is left out: it also refuses for a moment after it has
/// started, and until Roles are there that are applied together with the operator.
const REFUSED_FOR: Duration = Duration::from_secs(30);
/// How long is waited before all are asked for again, until it is decided.
const PAUSE: Duration = Duration::from_secs(2);
/// How often those that are left out are asked for.
const ASK_AGAIN: Duration = Duration::from_mins(1);
/// How many times in a row they must be readable: who gives and takes rights all the time must not restart the operator as
/// often.
const READABLE_TIMES: u32 = 5;

/// The namespaces that are watched, and those that are not although they should be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// None: all of the cluster.
    pub watched: BTreeSet<String>,
    /// Those in which the operator may not list what it needs.
    pub left_out: BTreeSet<String>,
}

/// The operator's rights, as the API server knows them.
#[async_trait]
pub trait Rights: Send + Sync {
    /// Lists something of everything that is watched in a namespace.
    async fn list_all(&self, namespace: &str) -> Result<(), CallError>;
}

#[async_trait]
impl Rights for Client {
    async fn list_all(&self, namespace: &str) -> Result<(), CallError> {
        list_one::<VideoJob>(self, namespace).await?;
        list_one::<Channel>(self, namespace).await?;
        list_one::<StoragePolicy>(self, namespace).await?;
        list_one::<ProviderAccount>(self, namespace).await?;
        list_one::<Secret>(self, namespace).await?;
        list_one::<Job>(self, namespace).await?;
        list_one::<Pod>(self, namespace).await
    }
}

async fn list_one<K>(client: &Client, namespace: &str) -> Result<(), CallError>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug,
{
    let api: Api<K> = Api::namespaced(client.clone(), namespace);
    let what = format!("list {} of namespace {namespace}", K::plural(&()));
    within(what, api.list_metadata(&ListParams::default().limit(1))).await.map(drop)
}

impl Scope {
    /// What can be watched of these namespaces (none: all of the cluster). Ends when each of them is readable or has been
    /// refused for [`REFUSED_FOR`], and at least one is readable.
    pub async fn find(rights: &dyn Rights, namespaces: &BTreeSet<String>) -> Self {
        // Without a single one, or without the whole cluster, there is nothing to do.
        if namespaces.len() < 2 {
            return Self { watched: namespaces.clone(), left_out: BTreeSet::new() };
        }
        let mut refused = BTreeMap::new();
        loop {
            let scope = Self::ask(rights, namespaces, &mut refused).await;
            if !scope.watched.is_empty() && scope.watched.len() + scope.left_out.len() == namespaces.len() {
                for namespace in &scope.left_out {
                    tracing::error!(namespace, "this namespace is left out until the operator may read it");
                }
                return scope;
            }
            sleep(PAUSE).await;
        }
    }

    /// What is known after asking once. `refused`: since when a namespace is, in a row.
    async fn ask(
        rights: &dyn Rights,
        namespaces: &BTreeSet<String>,
        refused: &mut BTreeMap<String, Instant>,
    ) -> Self {
        let mut scope = Self::default();
        for namespace in namespaces {
            match rights.list_all(namespace).await {
                Ok(()) => {
                    refused.remove(namespace);
                    scope.watched.insert(namespace.clone());
                }
                Err(error) if error.lacks_permission() => {
                    let since = refused.entry(namespace.clone()).or_insert_with(|| {
                        tracing::warn!(
                            namespace,
                            why = error.for_people(),
                            "this namespace cannot be watched"
                        );
                        Instant::now()
                    });
                    if since.elapsed() >= REFUSED_FOR {
                        scope.left_out.insert(namespace.clone());
                    }
                }
                // It says nothing about the rights.
                Err(error) => {
                    tracing::warn!(namespace, %error, "whether this namespace can be watched is not known");
                    refused.remove(namespace);
                }
            }
        }
        scope
    }

    /// Waits until one that is left out is readable, and stays so; its name. For ever if none is left out.
    pub async fn regained(&self, rights: &dyn Rights) -> String {
        if self.left_out.is_empty() {
            return pending().await;
        }
        let mut readable: BTreeMap<&str, u32> = BTreeMap::new();
        loop {
            sleep(ASK_AGAIN).await;
            for namespace in &self.left_out {
                let times = readable.entry(namespace).or_default();
                *times = if rights.list_all(namespace).await.is_ok() { *times + 1 } else { 0 };
                if *times >= READABLE_TIMES {
                    return namespace.clone();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use kube::core::Status;
    use parking_lot::Mutex;
    use videofactory_client::call::connect;
    use videofactory_tests::api_server::ApiServer;

    use super::*;

    /// Answers other than that all is well, by namespace.
    #[derive(Default)]
    struct Answers(Mutex<BTreeMap<String, u16>>);

    impl Answers {
        fn of(answers: &[(&str, u16)]) -> Self {
            let all = Self::default();
            answers.iter().for_each(|(namespace, code)| all.set(namespace, *code));
            all
        }

        fn set(&self, namespace: &str, code: u16) {
            self.0.lock().insert(namespace.to_owned(), code);
        }

        fn allow_all(&self) {
            self.0.lock().clear();
        }
    }

    #[async_trait]
    impl Rights for Answers {
        async fn list_all(&self, namespace: &str) -> Result<(), CallError> {
            let Some(code) = self.0.lock().get(namespace).copied() else { return Ok(()) };
            let status = Status::failure("the operator cannot list pods", "Forbidden").with_code(code);
            Err(CallError::of("list pods", kube::Error::Api(Box::new(status))))
        }
    }

    fn names(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    /// Waits for much longer than anything is waited for.
    async fn never(work: impl Future<Output = Scope>) {
        tokio::time::timeout(REFUSED_FOR * 10, work).await.unwrap_err();
    }

    #[tokio::test(start_paused = true)]
    async fn a_namespace_that_is_refused_for_a_while_is_left_out_and_the_others_begin() {
        let began = Instant::now();
        let scope = Scope::find(&Answers::of(&[("ads", 403)]), &names(&["ads", "films", "trailers"])).await;
        assert_eq!(scope, Scope { watched: names(&["films", "trailers"]), left_out: names(&["ads"]) });
        assert!((REFUSED_FOR..REFUSED_FOR * 2).contains(&began.elapsed()), "{:?}", began.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_is_refused_for_a_moment_is_watched() {
        let answers = Answers::of(&[("ads", 403)]);
        let all = names(&["ads", "films"]);
        let allow = async {
            sleep(REFUSED_FOR / 2).await;
            answers.allow_all();
        };
        let (scope, ()) = tokio::join!(Scope::find(&answers, &all), allow);
        assert_eq!(scope, Scope { watched: all.clone(), left_out: BTreeSet::new() });
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_begins_where_a_namespace_gets_no_answer_or_all_are_refused() {
        let all = names(&["ads", "films"]);
        for answers in [[("ads", 503), ("films", 403)], [("ads", 403), ("films", 403)]] {
            never(Scope::find(&Answers::of(&answers), &all)).await;
        }
        never(Scope::find(&Answers::of(&[("ads", 503)]), &all)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_single_namespace_and_the_whole_cluster_are_not_asked_for() {
        let nobody = Answers::of(&[("films", 403)]);
        for namespaces in [names(&[]), names(&["films"])] {
            let scope = Scope::find(&nobody, &namespaces).now_or_never().unwrap();
            assert_eq!(scope, Scope { watched: namespaces, left_out: BTreeSet::new() });
            assert_eq!(scope.regained(&nobody).now_or_never(), None);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_stays_readable_is_regained_and_one_that_comes_and_goes_is_not() {
        let answers = Answers::of(&[("ads", 403)]);
        let scope = Scope { watched: names(&["films"]), left_out: names(&["ads"]) };
        let coming_and_going = async {
            for _ in 0..10 {
                answers.allow_all();
                sleep(ASK_AGAIN * (READABLE_TIMES - 2)).await;
                answers.set("ads", 403);
                sleep(ASK_AGAIN * 2).await;
            }
        };
        tokio::select! {
            name = scope.regained(&answers) => unreachable!("{name} comes and goes"),
            () = coming_and_going => {}
        }
        answers.allow_all();
        let began = Instant::now();
        assert_eq!(scope.regained(&answers).await, "ads");
        let took = began.elapsed();
        assert!((ASK_AGAIN * READABLE_TIMES..ASK_AGAIN * (READABLE_TIMES + 1)).contains(&took), "{took:?}");
    }

    #[tokio::test]
    async fn a_namespace_is_readable_where_every_kind_that_is_watched_can_be_listed() {
        let server = ApiServer::start().await.unwrap();
        let client = connect(kube::Config::new(server.url().parse().unwrap()), "test").unwrap();
        client.list_all("films").await.unwrap();
        let resources =
            ["videojobs", "channels", "storagepolicies", "provideraccounts", "secrets", "jobs", "pods"];
        let asked = server.calls().into_keys().map(|(verb, resource)| format!("{verb} {resource}"));
        assert_eq!(asked.collect::<BTreeSet<_>>(), resources.map(|kind| format!("list {kind}")).into());
        for resource in resources {
            server.refuse("list", resource, "", true);
            let refused = client.list_all("films").await.unwrap_err();
            assert!(
                refused.to_string().contains(&format!("list {resource} of namespace films")),
                "{refused}"
            );
            server.refuse("list", resource, "", false);
        }
    }
}
