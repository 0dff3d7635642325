//! Objects as the API server has them, for many who ask at once: a read is made for all who asked before it began.
//!
//! A hundred jobs that are stopped together each look at the one account that they share. Each is answered by what was read
//! after it asked, as if it had read for itself, with some few requests instead of a hundred.

use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use kube::core::NamespaceResourceScope;
use kube::{Api, Client, Resource};
use parking_lot::Mutex;
use serde::de::DeserializeOwned;
use videofactory_client::call::{CallError, within};

type Read<K> = Result<Option<K>, CallError>;
type Queues<K> = Arc<Mutex<HashMap<(String, String), Queue<K>>>>;

/// Reads of one kind of objects.
pub struct LiveReads<K> {
    client: Client,
    /// By namespace and name, where something is read.
    queues: Queues<K>,
}

/// The reads of one object: at most one request is under way, and one is next.
struct Queue<K> {
    /// Locked while a request is under way.
    in_flight: Arc<tokio::sync::Mutex<()>>,
    /// The request after it, for all who ask until it begins.
    next: Option<Shared<BoxFuture<'static, Read<K>>>>,
}

impl<K> LiveReads<K>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + Debug
        + DeserializeOwned
        + Send
        + Sync
        + 'static,
{
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self { client, queues: Arc::default() }
    }

    /// The object, read after this was called; none if there is none.
    pub async fn get_opt(&self, namespace: &str, name: &str) -> Read<K> {
        let key = (namespace.to_owned(), name.to_owned());
        let read = {
            let mut queues = self.queues.lock();
            let queue =
                queues.entry(key.clone()).or_insert_with(|| Queue { in_flight: Arc::default(), next: None });
            let in_flight = Arc::clone(&queue.in_flight);
            queue.next.get_or_insert_with(|| self.read(key, in_flight).boxed().shared()).clone()
        };
        read.await
    }

    fn read(
        &self,
        key: (String, String),
        in_flight: Arc<tokio::sync::Mutex<()>>,
    ) -> impl Future<Output = Read<K>> + Send + 'static {
        let (client, queues) = (self.client.clone(), Arc::clone(&self.queues));
        async move {
            let _guard = in_flight.lock_owned().await;
            // Who asks from here on needs a later one.
            if let Some(queue) = queues.lock().get_mut(&key) {
                queue.next = None;
            }
            let (namespace, name) = &key;
            let what = format!("get {} {namespace}/{name}", K::kind(&()));
            let read = within(what, Api::namespaced(client, namespace).get_opt(name)).await;
            let mut queues = queues.lock();
            if queues.get(&key).is_some_and(|queue| queue.next.is_none()) {
                queues.remove(&key);
            }
            read
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::routing::get;
    use axum::{Json, Router};
    use futures::future::join_all;
    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::ResourceExt;
    use serde_json::json;
    use tokio::net::TcpListener;
    use tokio::sync::{Semaphore, mpsc};

    use super::*;

    /// An API server that says of each request when it has come, and answers with its number when it may.
    struct ApiServer {
        reads: LiveReads<ConfigMap>,
        came: mpsc::UnboundedReceiver<usize>,
        may_answer: Arc<Semaphore>,
    }

    impl ApiServer {
        async fn start() -> Self {
            let (report, came) = mpsc::unbounded_channel();
            let (may_answer, count) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
            let waits = Arc::clone(&may_answer);
            let answer = async move || {
                let number = count.fetch_add(1, Ordering::Relaxed) + 1;
                report.send(number).unwrap();
                waits.acquire().await.unwrap().forget();
                Json(json!({"metadata": {"name": "shared", "resourceVersion": number.to_string()}}))
            };
            let router = Router::new().route("/api/v1/namespaces/films/configmaps/shared", get(answer));
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = format!("http://{}", listener.local_addr().unwrap());
            tokio::spawn(async move { axum::serve(listener, router).await });
            let config = kube::Config::new(address.parse().unwrap());
            Self { reads: LiveReads::new(Client::try_from(config).unwrap()), came, may_answer }
        }

        async fn version(&self) -> String {
            self.reads.get_opt("films", "shared").await.unwrap().unwrap().resource_version().unwrap()
        }
    }

    #[tokio::test]
    async fn who_asks_while_it_is_read_is_answered_by_the_next_read_with_all_others() {
        let mut server = ApiServer::start().await;
        let (came, reads) = (&mut server.came, &server.reads);
        let read =
            async || reads.get_opt("films", "shared").await.unwrap().unwrap().resource_version().unwrap();
        let first = read();
        let later = async {
            assert_eq!(came.recv().await, Some(1));
            let later = join_all((0..100).map(|_| read()));
            let resume = async {
                server.may_answer.add_permits(1);
                assert_eq!(came.recv().await, Some(2));
                server.may_answer.add_permits(1);
            };
            tokio::join!(later, resume).0
        };
        let (first, later) = tokio::join!(first, later);
        assert_eq!(first, "1");
        assert!(later.iter().all(|version| version == "2"), "{later:?}");
        assert!(server.reads.queues.lock().is_empty(), "nothing is kept of what is read");
    }

    #[tokio::test]
    async fn who_gives_up_keeps_nobody_waiting() {
        let mut server = ApiServer::start().await;
        tokio::select! {
            biased;
            version = server.reads.get_opt("films", "shared") => panic!("{version:?}"),
            came = server.came.recv() => assert_eq!(came, Some(1)),
        }
        server.may_answer.add_permits(2);
        assert_eq!(server.version().await, "2");
    }
}
