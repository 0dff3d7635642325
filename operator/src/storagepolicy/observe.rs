//! Observe: asks the bucket, with credentials that are read live.

use std::time::Duration;

use kube::Client;
use videofactory_crds::storagepolicy::Addressing;
use videofactory_crds::{StoragePolicy, StoragePolicyReason};
use videofactory_net::Network;
use videofactory_storage::{Bucket, StorageError};

use super::ownership::{OwnedLocation, Ownership, acquire};
use crate::authority::ReadAuthorityError;
use crate::bucket::{self, OpenBucketError};
use videofactory_client::call::CallError;

/// Longest time that all questions together may take.
const PROBE_TIMEOUT: Duration = Duration::from_secs(90);

/// How long a bucket that is fit is taken to be so.
const WHILE_FIT: Duration = Duration::from_mins(5);
/// How soon a bucket that is not fit is asked again, at first and at last.
const WHILE_UNFIT: (Duration, Duration) = (Duration::from_secs(2), Duration::from_mins(1));

/// How thoroughly to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Thoroughness {
    /// Whether it can be reached and takes the credentials.
    Check,
    /// Whether it writes once, too, by writing.
    Probe,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The bucket is fit for use.
    Fit,
    /// It is not.
    Unfit {
        /// The reason of the condition Ready.
        reason: StoragePolicyReason,
        /// Whether a server answered; unknown if none was asked.
        answered: Option<bool>,
        /// What to do.
        message: String,
    },
    /// It is another cluster's, or nobody knows whose.
    Others {
        /// What to do.
        message: String,
    },
}

/// The result of inspecting a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// Whether it is fit for use.
    pub finding: Finding,
    /// The place, if it is known to be this cluster's.
    pub owned: Option<OwnedLocation>,
    /// Where the bucket's name stands in requests, as the server takes it, if it was asked.
    pub addressing: Option<Addressing>,
    /// The server wants to be addressed otherwise.
    refuses_addressing: bool,
}

impl From<Finding> for Inspection {
    fn from(finding: Finding) -> Self {
        Self { finding, owned: None, addressing: None, refuses_addressing: false }
    }
}

/// How long a finding is good for, after so many findings in a row that the bucket is not fit.
#[must_use]
pub fn good_for(finding: &Finding, times: u32) -> Duration {
    match finding {
        Finding::Fit => WHILE_FIT,
        Finding::Unfit { .. } | Finding::Others { .. } => {
            let (first, last) = WHILE_UNFIT;
            first.saturating_mul(2_u32.saturating_pow(times.saturating_sub(1))).min(last)
        }
    }
}

/// Whether a bucket can be listed and pruned: one that is full, or that ignores preconditions, can.
#[must_use]
pub fn can_prune(finding: &Finding) -> bool {
    match finding {
        Finding::Fit => true,
        Finding::Unfit { reason, .. } => allows_pruning(*reason),
        Finding::Others { .. } => false,
    }
}

const fn allows_pruning(reason: StoragePolicyReason) -> bool {
    matches!(reason, StoragePolicyReason::StorageFull | StoragePolicyReason::PreconditionsUnsupported)
}

/// Inspects a bucket.
#[derive(Clone, Copy)]
pub struct Inspector<'a> {
    /// Reads what opens the bucket.
    pub client: &'a Client,
    /// Leads to it.
    pub network: &'a Network,
    /// UID of the cluster.
    pub cluster: &'a str,
    pub how: Thoroughness,
}

impl Inspector<'_> {
    /// Asks the bucket of this policy.
    pub async fn observe(self, policy: &StoragePolicy) -> Result<Inspection, CallError> {
        let way = bucket::addressing(policy);
        let first = self.ask(policy).await?;
        let first = Inspection { addressing: Some(addressing_of(way)), ..first };
        if !first.refuses_addressing || policy.spec.bucket.addressing != Addressing::Auto {
            return Ok(first);
        }
        let other = addressing_of(way.other());
        let mut turned = policy.clone();
        turned.status.get_or_insert_default().addressing = Some(other);
        let second = self.ask(&turned).await?;
        // A server that does not have the other way either says so, or has no such name.
        let reached = !second.refuses_addressing
            && !matches!(second.finding, Finding::Unfit { answered: None | Some(false), .. });
        Ok(if reached { Inspection { addressing: Some(other), ..second } } else { first })
    }

    /// Asks by the way of addressing that the policy has now.
    async fn ask(self, policy: &StoragePolicy) -> Result<Inspection, CallError> {
        let bucket = match bucket::open(self.client, self.network, policy).await {
            Ok(bucket) => bucket,
            Err(
                OpenBucketError::CallApiServer(error)
                | OpenBucketError::ReadAuthority(ReadAuthorityError::CallApiServer(error)),
            ) if !error.is_rejected() => return Err(error),
            Err(error) => {
                let (reason, answered) = (StoragePolicyReason::ConfigurationInvalid, None);
                return Ok(Finding::Unfit { reason, answered, message: error.to_string() }.into());
            }
        };
        let asked = ask(&bucket, self.cluster, policy, self.how);
        Ok(match tokio::time::timeout(PROBE_TIMEOUT, asked).await {
            Ok(inspection) => inspection,
            Err(_) => Inspection::from(Finding::Unfit {
                reason: StoragePolicyReason::StorageUnavailable,
                answered: Some(false),
                message: format!(
                    "bucket {:?} gave no answer in time: check that its server is up",
                    policy.spec.bucket.name
                ),
            }),
        })
    }
}

fn addressing_of(way: videofactory_storage::Addressing) -> Addressing {
    match way {
        videofactory_storage::Addressing::Path => Addressing::Path,
        videofactory_storage::Addressing::VirtualHost => Addressing::VirtualHost,
    }
}

/// Asks whose the bucket is, and only then whether it is fit for use, by writing: nothing is written to another's.
async fn ask(bucket: &Bucket, cluster: &str, policy: &StoragePolicy, how: Thoroughness) -> Inspection {
    let bucket = bucket.with_short_timeouts();
    let taken = match acquire(&bucket, cluster, policy).await {
        Ok(Ownership::Others(message)) => return Finding::Others { message }.into(),
        Ok(Ownership::Ours(owned)) => Ok(owned),
        Err(error) => Err(error),
    };
    let problem = match how {
        Thoroughness::Check => bucket.check().await.err(),
        Thoroughness::Probe => bucket.probe().await.problem,
    };
    let finding = problem.as_ref().map_or(Finding::Fit, unfit);
    let refuses_addressing = matches!(problem, Some(StorageError::Addressing { .. }));
    match taken {
        // A probe shows best what is wrong with a bucket, but not whose it is.
        Err(error) if can_prune(&finding) => undecided(&error).into(),
        Err(_) => Inspection { refuses_addressing, ..finding.into() },
        Ok(owned) => Inspection { owned: Some(owned), ..finding.into() },
    }
}

/// Whose the bucket is could not be found out.
fn undecided(error: &StorageError) -> Finding {
    match unfit(error) {
        Finding::Unfit { reason, answered, message } if allows_pruning(reason) => {
            Finding::Unfit { reason: StoragePolicyReason::StorageUnavailable, answered, message }
        }
        finding => finding,
    }
}

fn unfit(problem: &StorageError) -> Finding {
    Finding::Unfit {
        reason: bucket::reason(problem),
        answered: Some(!matches!(problem, StorageError::Unreachable { .. })),
        message: problem.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use axum::Router;
    use axum::body::{Bytes, to_bytes};
    use axum::extract::Request;
    use axum::http::{Method, StatusCode};
    use axum::response::{IntoResponse, Response};
    use parking_lot::Mutex;
    use serde_json::json;
    use tokio::net::TcpListener;
    use videofactory_net::{Found, Lookup};
    use videofactory_tests::api_server::ApiServer;

    use super::*;
    use Addressing::{Path, VirtualHost};
    use videofactory_client::call::connect;

    #[test]
    fn nothing_is_pruned_where_it_is_not_known_whose_it_is() {
        let full = StorageError::Full { tried: "put a".into(), code: "QuotaExceeded".into() };
        assert!(can_prune(&unfit(&full)) && !can_prune(&undecided(&full)));
        let refused = StorageError::Credentials { tried: "get a".into(), code: "AccessDenied".into() };
        assert_eq!(undecided(&refused), unfit(&refused));
        assert!(!can_prune(&Finding::Others { message: "another's".into() }));
    }

    #[test]
    fn a_bucket_that_ignores_preconditions_is_named_so() {
        let problem =
            StorageError::PreconditionsUnsupported { bucket: "films".into(), detail: "seen".into() };
        let Finding::Unfit { reason, answered, .. } = unfit(&problem) else { panic!("fit") };
        assert_eq!((reason, answered), (StoragePolicyReason::PreconditionsUnsupported, Some(true)));
    }

    /// Every name leads to this machine.
    #[derive(Debug)]
    struct Here;

    impl Lookup for Here {
        fn lookup<'a>(&'a self, _: &'a str) -> Found<'a> {
            Box::pin(async { Ok(vec!["127.0.0.1".parse().unwrap()]) })
        }
    }

    /// What servers take.
    const BY_PATH: &[Addressing] = &[Path];
    const BY_HOST: &[Addressing] = &[VirtualHost];
    const BY_BOTH: &[Addressing] = &[Path, VirtualHost];
    const BY_NONE: &[Addressing] = &[];

    type Files = Arc<Mutex<BTreeMap<String, Bytes>>>;

    /// Serves an empty bucket to requests that are addressed in one of these ways; the port.
    async fn serve(takes: &'static [Addressing]) -> u16 {
        let files = Files::default();
        let answer = move |request: Request| answer(Arc::clone(&files), takes, request);
        let router = Router::new().fallback(answer);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move { axum::serve(listener, router).await });
        port
    }

    async fn answer(files: Files, takes: &'static [Addressing], request: Request) -> Response {
        let (parts, body) = request.into_parts();
        let host = parts.headers["host"].to_str().unwrap();
        let (way, key) = match parts.uri.path().trim_start_matches('/') {
            key if host.starts_with("films.") => (VirtualHost, key),
            path => (Path, path.trim_start_matches("films").trim_start_matches('/')),
        };
        if !takes.contains(&way) {
            let refusal = "<Error><Code>SecondLevelDomainForbidden</Code></Error>";
            return (StatusCode::FORBIDDEN, refusal).into_response();
        }
        let etag = [("etag", "\"1\"")];
        match parts.method {
            Method::GET if key.is_empty() => {
                "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>".into_response()
            }
            Method::GET => match files.lock().get(key) {
                Some(file) => (etag, file.clone()).into_response(),
                None => (StatusCode::NOT_FOUND, "<Error><Code>NoSuchKey</Code></Error>").into_response(),
            },
            Method::PUT => {
                let file = to_bytes(body, 4096).await.unwrap();
                files.lock().insert(key.to_owned(), file);
                etag.into_response()
            }
            _ => StatusCode::OK.into_response(),
        }
    }

    /// A look at a policy that asks for this way, at a server that takes these; `found`: what was found before.
    async fn inspect(takes: &'static [Addressing], asked: &str, found: Option<&str>) -> Inspection {
        let (port, api) = (serve(takes).await, ApiServer::start().await.unwrap());
        api.put(
            "secrets",
            json!({
                "metadata": {"name": "s3", "namespace": "films"},
                "data": {"accessKeyId": "YQ==", "secretAccessKey": "YQ=="},
            }),
        );
        let client = connect(kube::Config::new(api.url().parse().unwrap()), "test").unwrap();
        let network = Network::default().with_loopback(true).with_lookup(Arc::new(Here));
        let policy = serde_json::from_value(json!({
            "apiVersion": "videofactory.dev/v1alpha1", "kind": "StoragePolicy",
            "metadata": {"name": "default", "namespace": "films", "uid": "p"},
            "spec": {
                "bucket": {
                    "endpoint": format!("http://s3.demo.svc:{port}"), "name": "films", "addressing": asked,
                    "secretRef": {"name": "s3"},
                },
                "capacity": {"limit": "10G"},
            },
            "status": {"addressing": found},
        }));
        let how = Thoroughness::Check;
        let inspector = Inspector { client: &client, network: &network, cluster: "c1", how };
        inspector.observe(&policy.unwrap()).await.unwrap()
    }

    #[tokio::test]
    async fn a_server_that_refuses_one_way_of_addressing_is_asked_in_the_other() {
        for (takes, asked, found, expected) in [
            (BY_PATH, "Auto", None, Path),
            (BY_HOST, "Auto", None, VirtualHost),
            (BY_HOST, "Auto", Some("VirtualHost"), VirtualHost),
            (BY_PATH, "Auto", Some("VirtualHost"), Path),
            (BY_BOTH, "Auto", Some("VirtualHost"), VirtualHost),
            (BY_HOST, "VirtualHost", None, VirtualHost),
            (BY_PATH, "Path", Some("VirtualHost"), Path),
        ] {
            let inspection = inspect(takes, asked, found).await;
            assert_eq!(
                (inspection.finding, inspection.addressing),
                (Finding::Fit, Some(expected)),
                "{takes:?} {asked}"
            );
            assert!(inspection.owned.is_some(), "{takes:?} {asked}");
        }
    }

    #[tokio::test]
    async fn a_method_that_the_server_does_not_take_is_reported_by_the_name_of_its_field() {
        for (takes, asked, way) in
            [(BY_HOST, "Path", Path), (BY_PATH, "VirtualHost", VirtualHost), (BY_NONE, "Auto", Path)]
        {
            let inspection = inspect(takes, asked, None).await;
            assert_eq!((inspection.addressing, inspection.owned), (Some(way), None), "{takes:?} {asked}");
            let Finding::Unfit { reason, answered, message } = inspection.finding else {
                panic!("{takes:?} {asked}")
            };
            assert_eq!(
                (reason, answered),
                (StoragePolicyReason::ConfigurationInvalid, Some(true)),
                "{message}"
            );
            assert!(message.contains("spec.bucket.addressing"), "{message}");
        }
    }
}
