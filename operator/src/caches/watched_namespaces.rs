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
use futures::{StreamExt, stream};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Pod, Secret};
use kube::api::ListParams;
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep};
use videofactory_client::call::{CallError, within};
use videofactory_crds::{Channel, ProviderAccount, StoragePolicy, VideoJob};

use crate::config::Watched;

/// How long the API server must have refused a namespace before it is left out: it also refuses for a moment after it has
/// started, and until Roles are there that are applied together with the operator.
pub(super) const REFUSED_FOR: Duration = Duration::from_secs(30);
/// How long is waited before those are asked for again that are not known to be readable, until it is decided.
const PAUSE: Duration = Duration::from_secs(2);
/// How long it counts that a namespace was readable, while others are still asked for.
const TTL: Duration = Duration::from_mins(1);
/// Namespaces that are asked for at a time.
const CONCURRENCY: usize = 16;
/// How often those that are left out are asked for.
const ASK_AGAIN: Duration = Duration::from_mins(1);
/// How many times in a row they must be readable: who gives and takes rights all the time must not restart the operator as
/// often.
const READABLE_TIMES: u32 = 5;
/// How many times more, for the process that leads: the others begin again meanwhile, so that one of them can lead.
const HEAD_START: u32 = 2;

/// The namespaces that are watched, and those that are not although they should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// What the operator may list.
    pub watched: Watched,
    /// Namespaces in which it may not.
    pub excluded: BTreeSet<String>,
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

/// What the API server says to a list of everything in a namespace.
type Answer = (String, Result<(), CallError>);

/// Asks for these namespaces, some at a time.
async fn ask(rights: &dyn Rights, namespaces: impl IntoIterator<Item = String>) -> Vec<Answer> {
    let asks: Vec<_> = namespaces.into_iter().map(|namespace| answer(rights, namespace)).collect();
    stream::iter(asks).buffer_unordered(CONCURRENCY).collect().await
}

async fn answer(rights: &dyn Rights, namespace: String) -> Answer {
    let answer = rights.list_all(&namespace).await;
    (namespace, answer)
}

impl Scope {
    /// What of this can be watched. Ends when each namespace is readable or has been refused for [`REFUSED_FOR`], and at
    /// least one is readable.
    pub async fn find(rights: &dyn Rights, watched: &Watched) -> Self {
        let namespaces = match watched {
            Watched::Namespaces(namespaces) if namespaces.len() > 1 => namespaces,
            // Without a single one, or without the whole cluster, there is nothing to do.
            one_or_all => return Self { watched: one_or_all.clone(), excluded: BTreeSet::new() },
        };
        let mut readable: BTreeMap<String, Instant> = BTreeMap::new();
        let mut refused: BTreeMap<String, Instant> = BTreeMap::new();
        loop {
            readable.retain(|_, asked| asked.elapsed() < TTL);
            let open: Vec<String> =
                namespaces.iter().filter(|namespace| !readable.contains_key(*namespace)).cloned().collect();
            for answer in ask(rights, open).await {
                take(answer, &mut readable, &mut refused);
            }
            let for_long = refused.iter().filter(|(_, since)| since.elapsed() >= REFUSED_FOR);
            let excluded: BTreeSet<String> = for_long.map(|(namespace, _)| namespace.clone()).collect();
            if !readable.is_empty() && readable.len() + excluded.len() == namespaces.len() {
                for namespace in &excluded {
                    tracing::error!(namespace, "this namespace is left out until the operator may read it");
                }
                return Self { watched: Watched::Namespaces(readable.into_keys().collect()), excluded };
            }
            sleep(PAUSE).await;
        }
    }

    /// Waits until one that is left out is readable, and stays so, and another process could begin with it; its name. For
    /// ever if none is left out. `leader_flag`: whether this process is the one that acts.
    pub async fn regained(&self, rights: &dyn Rights, leader_flag: impl Fn() -> bool) -> String {
        if self.excluded.is_empty() {
            return pending().await;
        }
        let mut readable: BTreeMap<String, u32> = BTreeMap::new();
        loop {
            sleep(ASK_AGAIN).await;
            for (namespace, answer) in ask(rights, self.excluded.iter().cloned()).await {
                let times = readable.entry(namespace).or_default();
                *times = if answer.is_ok() { *times + 1 } else { 0 };
            }
            let needed = READABLE_TIMES + if leader_flag() { HEAD_START } else { 0 };
            let regained = readable.iter().find(|(_, times)| **times >= needed);
            if let Some((namespace, _)) = regained
                && self.could_be_found(rights).await
            {
                return namespace.clone();
            }
        }
    }

    /// Whether another process could begin: of each namespace it is known whether it can be read.
    async fn could_be_found(&self, rights: &dyn Rights) -> bool {
        let Watched::Namespaces(watched) = &self.watched else { return true };
        let answers = ask(rights, watched.union(&self.excluded).cloned()).await;
        answers.iter().all(|(_, answer)| answer.as_ref().err().is_none_or(CallError::lacks_permission))
    }
}

/// Takes note of an answer. `readable`: when that was asked; `refused`: since when, in a row.
fn take(
    (namespace, answer): Answer,
    readable: &mut BTreeMap<String, Instant>,
    refused: &mut BTreeMap<String, Instant>,
) {
    match answer {
        Ok(()) => {
            refused.remove(&namespace);
            readable.insert(namespace, Instant::now());
        }
        Err(error) if error.lacks_permission() => {
            refused.entry(namespace).or_insert_with_key(|namespace| {
                tracing::warn!(namespace, why = error.for_people(), "this namespace cannot be watched");
                Instant::now()
            });
        }
        // It says nothing about the rights.
        Err(error) => {
            tracing::warn!(namespace, %error, "whether this namespace can be watched is not known");
            refused.remove(&namespace);
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

    /// Answers other than that all is well, by namespace; and how often each was asked for.
    #[derive(Default)]
    struct Answers {
        codes: Mutex<BTreeMap<String, u16>>,
        asked: Mutex<BTreeMap<String, u32>>,
        at_once: Mutex<usize>,
        most_at_once: Mutex<usize>,
    }

    impl Answers {
        fn of(answers: &[(&str, u16)]) -> Self {
            let all = Self::default();
            for (namespace, code) in answers {
                all.set(namespace, *code);
            }
            all
        }

        fn set(&self, namespace: &str, code: u16) {
            self.codes.lock().insert(namespace.to_owned(), code);
        }

        fn allow(&self, namespace: &str) {
            self.codes.lock().remove(namespace);
        }

        fn asked(&self, namespace: &str) -> u32 {
            self.asked.lock().get(namespace).copied().unwrap_or_default()
        }
    }

    #[async_trait]
    impl Rights for Answers {
        async fn list_all(&self, namespace: &str) -> Result<(), CallError> {
            *self.asked.lock().entry(namespace.to_owned()).or_default() += 1;
            *self.at_once.lock() += 1;
            let most = (*self.most_at_once.lock()).max(*self.at_once.lock());
            *self.most_at_once.lock() = most;
            tokio::task::yield_now().await;
            *self.at_once.lock() -= 1;
            let Some(code) = self.codes.lock().get(namespace).copied() else { return Ok(()) };
            let status = Status::failure("the operator cannot list pods", "Forbidden").with_code(code);
            Err(CallError::of("list pods", kube::Error::Api(Box::new(status))))
        }
    }

    fn names(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn watched(namespaces: &[&str]) -> Watched {
        Watched::Namespaces(names(namespaces))
    }

    /// Waits for much longer than anything is waited for.
    async fn never<T: Debug>(work: impl Future<Output = T>) {
        tokio::time::timeout(REFUSED_FOR * 100, work).await.unwrap_err();
    }

    #[tokio::test(start_paused = true)]
    async fn a_namespace_that_is_refused_for_a_while_is_left_out_and_the_others_begin() {
        let began = Instant::now();
        let answers = Answers::of(&[("ads", 403)]);
        let scope = Scope::find(&answers, &watched(&["ads", "films", "trailers"])).await;
        assert_eq!(scope, Scope { watched: watched(&["films", "trailers"]), excluded: names(&["ads"]) });
        assert!((REFUSED_FOR..REFUSED_FOR * 2).contains(&began.elapsed()), "{:?}", began.elapsed());
        assert_eq!(answers.asked("films"), 1, "what is known is not asked for each time");
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_is_refused_for_a_moment_is_watched() {
        let answers = Answers::of(&[("ads", 403)]);
        let all = watched(&["ads", "films"]);
        let allow = async {
            sleep(REFUSED_FOR / 2).await;
            answers.allow("ads");
        };
        let (scope, ()) = tokio::join!(Scope::find(&answers, &all), allow);
        assert_eq!(scope, Scope { watched: all.clone(), excluded: BTreeSet::new() });
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_readable_long_ago_is_asked_for_again_before_anything_begins() {
        let answers = Answers::of(&[("ads", 503)]);
        let all = watched(&["ads", "films", "trailers"]);
        let go = async {
            sleep(TTL * 2).await;
            answers.set("films", 403);
            sleep(TTL + REFUSED_FOR + PAUSE).await;
            answers.allow("ads");
        };
        let (scope, ()) = tokio::join!(Scope::find(&answers, &all), go);
        assert_eq!(scope, Scope { watched: watched(&["ads", "trailers"]), excluded: names(&["films"]) });
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_begins_where_a_namespace_gets_no_answer_or_all_are_refused() {
        let all = watched(&["ads", "films"]);
        for answers in [[("ads", 503), ("films", 403)], [("ads", 403), ("films", 403)]] {
            never(Scope::find(&Answers::of(&answers), &all)).await;
        }
        never(Scope::find(&Answers::of(&[("ads", 503)]), &all)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn many_namespaces_are_asked_for_some_at_a_time() {
        let many: Vec<String> = (0..10 * CONCURRENCY).map(|number| format!("ns-{number}")).collect();
        let answers = Answers::default();
        let all = Watched::Namespaces(many.iter().cloned().collect());
        let scope = Scope::find(&answers, &all).await;
        assert_eq!(scope.watched, all);
        assert_eq!(*answers.most_at_once.lock(), CONCURRENCY);
    }

    #[tokio::test(start_paused = true)]
    async fn a_single_namespace_and_the_whole_cluster_are_not_asked_for() {
        let nobody = Answers::of(&[("films", 403)]);
        for all in [Watched::Cluster, watched(&["films"])] {
            let scope = Scope::find(&nobody, &all).now_or_never().unwrap();
            assert_eq!(scope, Scope { watched: all, excluded: BTreeSet::new() });
            assert_eq!(scope.regained(&nobody, || false).now_or_never(), None);
        }
    }

    fn without_ads() -> Scope {
        Scope { watched: watched(&["films"]), excluded: names(&["ads"]) }
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_stays_readable_is_regained_and_one_that_comes_and_goes_is_not() {
        let answers = Answers::of(&[("ads", 403)]);
        let scope = without_ads();
        let coming_and_going = async {
            for _ in 0..10 {
                answers.allow("ads");
                sleep(ASK_AGAIN * (READABLE_TIMES - 2)).await;
                answers.set("ads", 403);
                sleep(ASK_AGAIN * 2).await;
            }
        };
        tokio::select! {
            name = scope.regained(&answers, || false) => unreachable!("{name} comes and goes"),
            () = coming_and_going => {}
        }
        answers.allow("ads");
        for (leader_flag, times) in [(false, READABLE_TIMES), (true, READABLE_TIMES + HEAD_START)] {
            let began = Instant::now();
            assert_eq!(scope.regained(&answers, || leader_flag).await, "ads");
            let took = began.elapsed();
            assert!((ASK_AGAIN * times..ASK_AGAIN * (times + 1)).contains(&took), "{leader_flag}: {took:?}");
        }
    }

    /// The next process would wait for it, and nobody would work for the others.
    #[tokio::test(start_paused = true)]
    async fn no_process_ends_for_a_namespace_while_another_one_gets_no_answer() {
        let answers = Answers::of(&[("films", 500)]);
        let scope = without_ads();
        never(scope.regained(&answers, || true)).await;
        // A refusal is an answer: the next process leaves that one out.
        answers.set("films", 403);
        assert_eq!(scope.regained(&answers, || true).await, "ads");
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
