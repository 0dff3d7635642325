//! Leading by a Lease: one replica acts, the others stand by.
//!
//! Every write carries the resourceVersion that was read, so that of two candidates one gets a conflict. Whether
//! a holder is alive is judged by how long its Lease was seen unchanged here, never by comparing clocks. A Lease
//! does not fence: what the operator writes is safe by its own preconditions. An annotation of the Lease says where its
//! holder answers HTTP, for what only the leader knows.

use std::net::SocketAddr;
use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::api::PostParams;
use kube::{Api, Client, ResourceExt};
use tokio::time::{Instant, sleep};
use videofactory_pipeline::clock;

use crate::config::Config;
use crate::context::Leads;
use videofactory_client::call::{CallError, within};

/// Annotation of the Lease: address and port of the holder's HTTP server.
pub const ADDRESS: &str = "videofactory.dev/holder-address";

/// How the Lease is kept.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// Seconds for which a Lease holds without being renewed.
    pub duration: Duration,
    /// How often the holder renews it.
    pub renew: Duration,
    /// How long the holder may fail to renew it before it stops; shorter than `duration`.
    pub deadline: Duration,
    /// How often the others look at it, and the holder tries again after a failure.
    pub retry: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            duration: Duration::from_secs(15),
            renew: Duration::from_secs(5),
            deadline: Duration::from_secs(10),
            retry: Duration::from_secs(1),
        }
    }
}

/// The Lease is no longer ours: the process must end at once.
#[derive(Debug, thiserror::Error)]
pub enum LostLease {
    /// Another replica holds it.
    #[error("lost the Lease {lease} to {holder:?}: this process ends, so that never two of them act")]
    Taken {
        /// Its name.
        lease: String,
        /// Who holds it now.
        holder: String,
    },
    /// It could not be renewed in time.
    #[error(
        "failed to renew the Lease {lease} for {seconds} s: this process ends, so that never two of them act ({last})"
    )]
    NotRenewed {
        /// Its name.
        lease: String,
        /// For how long.
        seconds: u64,
        /// The last failure.
        last: String,
    },
}

/// A candidate for the Lease.
#[derive(Clone, Debug)]
pub struct Candidate {
    api: Api<Lease>,
    name: String,
    identity: String,
    /// Where this replica answers HTTP, if it knows.
    address: Option<SocketAddr>,
    timing: Timing,
    leads: Leads,
}

/// The Lease while it is held.
#[derive(Debug)]
pub struct Leadership {
    candidate: Candidate,
    lease: Lease,
}

impl Candidate {
    /// A candidate as the configuration says. Its identity is the pod's name: a container started again in the
    /// same pod takes the Lease up again without waiting. While it waits, `leads` is told where the holder answers.
    #[must_use]
    pub fn new(client: Client, config: &Config, timing: Timing, leads: Leads) -> Self {
        let api = Api::namespaced(client, &config.namespace);
        let (name, identity, address) = (config.lease.clone(), config.name.clone(), config.address());
        Self { api, name, identity, address, timing, leads }
    }

    /// Waits until the Lease is ours.
    pub async fn acquire(self) -> Leadership {
        let mut seen: Option<(String, Instant)> = None;
        loop {
            match self.try_acquire(&mut seen).await {
                Ok(Some(lease)) => {
                    tracing::info!(lease = self.name, identity = self.identity, "leading");
                    return Leadership { candidate: self, lease };
                }
                Ok(None) => {}
                Err(error) if error.is_conflict() || error.is_already_exists() => {
                    tracing::debug!(%error, "another candidate was faster");
                }
                Err(error) => tracing::warn!(%error, "cannot get the Lease yet"),
            }
            sleep(self.timing.retry).await;
        }
    }

    /// One try. `seen` is the version last seen, and since when.
    async fn try_acquire(&self, seen: &mut Option<(String, Instant)>) -> Result<Option<Lease>, CallError> {
        let Some(present) = within(self.what("get"), self.api.get_opt(&self.name)).await? else {
            let lease = self.claimed(Lease::default());
            let params = PostParams::default();
            return within(self.what("create"), self.api.create(&params, &lease)).await.map(Some);
        };
        let version = present.resource_version().unwrap_or_default();
        let holder = holder(&present).to_owned();
        let since = match seen {
            Some((last, since)) if *last == version => *since,
            _ => seen.insert((version, Instant::now())).1,
        };
        let holds_for = present.spec.as_ref().and_then(|spec| spec.lease_duration_seconds);
        let holds_for = holds_for
            .and_then(|seconds| u64::try_from(seconds).ok())
            .map_or(self.timing.duration, Duration::from_secs);
        let free = holder.is_empty() || holder == self.identity || since.elapsed() > holds_for;
        if !free {
            self.leads.see(address_of(&present).filter(|address| Some(*address) != self.address));
            return Ok(None);
        }
        self.replace(&self.claimed(present)).await.map(Some)
    }

    /// The same Lease, held by us from now on. Its resourceVersion stays: it is the precondition.
    fn claimed(&self, lease: Lease) -> Lease {
        let before = lease.spec.unwrap_or_default();
        let ours = before.holder_identity.as_deref() == Some(&self.identity);
        let now = MicroTime(clock::now());
        let transitions = before.lease_transitions.unwrap_or_default() + i32::from(!ours);
        let mut annotations = lease.metadata.annotations.unwrap_or_default();
        match self.address {
            Some(address) => drop(annotations.insert(ADDRESS.to_owned(), address.to_string())),
            None => drop(annotations.remove(ADDRESS)),
        }
        Lease {
            metadata: ObjectMeta {
                name: Some(self.name.clone()),
                annotations: Some(annotations),
                managed_fields: None,
                ..lease.metadata
            },
            spec: Some(LeaseSpec {
                holder_identity: Some(self.identity.clone()),
                acquire_time: if ours { before.acquire_time } else { Some(now.clone()) },
                renew_time: Some(now),
                lease_duration_seconds: i32::try_from(self.timing.duration.as_secs()).ok(),
                lease_transitions: Some(transitions),
                ..LeaseSpec::default()
            }),
        }
    }

    async fn replace(&self, lease: &Lease) -> Result<Lease, CallError> {
        within(self.what("update"), self.api.replace(&self.name, &PostParams::default(), lease)).await
    }

    fn what(&self, verb: &str) -> String {
        format!("{verb} Lease {}", self.name)
    }
}

impl Leadership {
    /// Renews the Lease for as long as that succeeds; says why it is lost.
    pub async fn keep(&mut self) -> LostLease {
        let timing = self.candidate.timing;
        let mut renewed = Instant::now();
        let mut wait = timing.renew;
        loop {
            sleep(wait).await;
            let left = timing.deadline.saturating_sub(renewed.elapsed());
            let failure = match tokio::time::timeout(left, self.renew()).await {
                Ok(Ok(None)) => {
                    renewed = Instant::now();
                    wait = timing.renew;
                    continue;
                }
                Ok(Ok(Some(holder))) => {
                    return LostLease::Taken { lease: self.candidate.name.clone(), holder };
                }
                Ok(Err(error)) => error.to_string(),
                Err(_) => "the API server gave no answer".to_owned(),
            };
            tracing::warn!(failure, "cannot renew the Lease");
            if renewed.elapsed() >= timing.deadline {
                let lease = self.candidate.name.clone();
                return LostLease::NotRenewed { lease, seconds: renewed.elapsed().as_secs(), last: failure };
            }
            wait = timing.retry;
        }
    }

    /// Renews once; another's name if it has the Lease.
    async fn renew(&mut self) -> Result<Option<String>, CallError> {
        let renewal = self.candidate.replace(&self.candidate.claimed(self.lease.clone())).await;
        match renewal {
            Ok(lease) => self.lease = lease,
            Err(error) if error.is_conflict() => {
                // Somebody wrote it: another replica, a person, or our own call whose answer was lost.
                let present =
                    within(self.candidate.what("get"), self.candidate.api.get(&self.candidate.name)).await?;
                if holder(&present) != self.candidate.identity {
                    return Ok(Some(holder(&present).to_owned()));
                }
                self.lease = self.candidate.replace(&self.candidate.claimed(present)).await?;
            }
            Err(error) if error.is_not_found() => return Ok(Some(String::new())),
            Err(error) => return Err(error),
        }
        Ok(None)
    }

    /// Gives the Lease up, so that the next replica need not wait.
    pub async fn release(self) -> Result<(), CallError> {
        let Self { candidate, mut lease } = self;
        if let Some(spec) = lease.spec.as_mut() {
            spec.holder_identity = None;
            spec.renew_time = Some(MicroTime(clock::now()));
        }
        lease.annotations_mut().remove(ADDRESS);
        candidate.replace(&lease).await.map(drop)
    }
}

fn holder(lease: &Lease) -> &str {
    lease.spec.as_ref().and_then(|spec| spec.holder_identity.as_deref()).unwrap_or_default()
}

/// Where the holder of a Lease answers HTTP, if it says so.
fn address_of(lease: &Lease) -> Option<SocketAddr> {
    lease.annotations().get(ADDRESS)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use videofactory_client::call::connect;
    use videofactory_tests::api_server::ApiServer;

    use super::*;

    /// A candidate of this name, with a pod's address, and where it sees the leader.
    fn candidate(server: &ApiServer, name: &str, ip: &str) -> (Candidate, Leads) {
        let told = ["operator", "--worker-image", "worker:1", "--name", name, "--pod-ip", ip];
        let config = Config::try_parse_from(told).unwrap();
        let client = connect(kube::Config::new(server.url().parse().unwrap()), "test").unwrap();
        let timing = Timing { retry: Duration::from_millis(10), ..Timing::default() };
        let leads = Leads::default();
        (Candidate::new(client, &config, timing, leads.clone()), leads)
    }

    #[tokio::test]
    async fn who_waits_knows_where_the_holder_answers_and_takes_over_once_it_has_given_up() {
        let server = ApiServer::start().await.unwrap();
        let (first, _) = candidate(&server, "first", "10.0.0.5");
        let (second, seen) = candidate(&server, "second", "fd00::6");
        let held = first.acquire().await;
        let mut version = None;
        assert!(second.try_acquire(&mut version).await.unwrap().is_none());
        assert_eq!(seen.other(), Some("10.0.0.5:8000".parse().unwrap()));
        held.release().await.unwrap();
        let given_up = server.get("leases", "videofactory-system", "videofactory-operator").unwrap();
        assert_eq!(given_up["metadata"]["annotations"].get(ADDRESS), None, "{given_up}");
        let held = second.acquire().await;
        assert_eq!(address_of(&held.lease), Some("[fd00::6]:8000".parse().unwrap()));
    }

    #[tokio::test]
    async fn a_holder_that_does_not_say_where_it_answers_is_not_asked() {
        let server = ApiServer::start().await.unwrap();
        let (first, _) = candidate(&server, "first", "10.0.0.5");
        let (second, seen) = candidate(&server, "second", "10.0.0.6");
        let held = first.acquire().await;
        for address in ["", "nowhere", "10.0.0.6:8000"] {
            server.change("leases", "videofactory-system", "videofactory-operator", |lease| {
                lease["metadata"]["annotations"][ADDRESS] = address.into();
            });
            seen.see(Some("10.0.0.5:8000".parse().unwrap()));
            assert!(second.try_acquire(&mut None).await.unwrap().is_none());
            assert_eq!(seen.other(), None, "{address:?}: its own is none of another");
        }
        drop(held);
    }
}
