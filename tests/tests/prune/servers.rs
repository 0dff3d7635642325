//! The S3 servers that runs are tried on: two programs that have nothing in common, over directories of their own.

use std::any::Any;
use std::path::{Path, PathBuf};

use hyper_util::rt::TokioIo;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use videofactory_storage::BucketConfig;
use videofactory_tests::r2_proxy::Keys;
use videofactory_tests::s3_server::S3Server;

use super::{BUCKET, PREFIX};

/// A running server with an empty bucket; it stops when dropped.
pub(crate) struct Server {
    pub(crate) url: String,
    /// Where its buckets are.
    pub(crate) directory: PathBuf,
    pub(crate) keys: Keys,
    _alive: Box<dyn Any + Send>,
}

impl Server {
    /// versitygw, which takes all that R2 takes.
    pub(crate) async fn versitygw() -> Self {
        let server = S3Server::start().await.unwrap();
        server.create_bucket(BUCKET).unwrap();
        let (access_key, secret_key) = server.keys();
        Self {
            url: server.url(),
            directory: server.directory().to_owned(),
            keys: Keys { access_key: access_key.to_owned(), secret_key: secret_key.to_owned() },
            _alive: Box::new(server),
        }
    }

    /// The file server of the s3s project, which cannot list unfinished uploads.
    pub(crate) async fn s3s() -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join(BUCKET)).unwrap();
        let keys = Keys { access_key: "films".to_owned(), secret_key: "films-secret".to_owned() };
        let (url, connections) = serve(directory.path(), &keys).await;
        Self { url, directory: directory.path().to_owned(), keys, _alive: Box::new((connections, directory)) }
    }

    /// The test's bucket, seen at `endpoint` (the server's own URL or a proxy's).
    pub(crate) fn config(&self, endpoint: &str) -> BucketConfig {
        BucketConfig {
            endpoint: endpoint.to_owned(),
            public_endpoint: None,
            bucket: BUCKET.to_owned(),
            region: "auto".to_owned(),
            prefix: PREFIX.to_owned(),
            access_key: self.keys.access_key.as_str().into(),
            secret_key: self.keys.secret_key.as_str().into(),
        }
    }
}

async fn serve(directory: &Path, keys: &Keys) -> (String, JoinSet<()>) {
    let mut builder = S3ServiceBuilder::new(FileSystem::new(directory).unwrap());
    builder.set_auth(SimpleAuth::from_single(keys.access_key.as_str(), keys.secret_key.as_str()));
    let service = builder.build();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            let service = service.clone();
            connections.spawn(async move {
                let http = hyper::server::conn::http1::Builder::new();
                // A client that goes away is no fault of the server's.
                drop(http.serve_connection(TokioIo::new(stream), service).await);
            });
        }
    });
    (url, tasks)
}
