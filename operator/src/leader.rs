//! Leading by a Lease: one replica acts, the others stand by.
//!
//! Every write carries the resourceVersion that was read, so that of two candidates one gets a conflict. Whether
//! a holder is alive is judged by how long its Lease was seen unchanged here, never by comparing clocks. A Lease
//! is no fencing token: what the operator writes is safe by its own preconditions. An annotation of the Lease says where
//! its holder answers HTTP, for what only the leader knows.
//!
//! How long nobody leads: after a crash `duration`, one look and two calls ([`AFTER_A_CRASH`]); after an orderly end, which
//! empties the Lease, one look and two calls ([`AFTER_AN_END`], the last looks included). The others look by a GET instead
//! of a watch: a watch that has silently broken off would hide exactly what it is for.

use std::net::SocketAddr;
use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::api::PostParams;
use kube::{Api, Client, ResourceExt};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use videofactory_pipeline::clock;

use crate::config::Config;
use crate::leader_flag::LeaderFlag;
use videofactory_client::call::{CallError, within};

/// Annotation of the Lease: address and port of the holder's HTTP server.
pub const ADDRESS: &str = "videofactory.dev/holder-address";

/// Longest time without a leader after a crash.
pub const AFTER_A_CRASH: Duration = Duration::from_secs(15);
/// Longest time without a leader after one was asked to stop.
pub const AFTER_AN_END: Duration = Duration::from_secs(2);

/// How the Lease is kept.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// For how long a Lease holds without being renewed; whole seconds.
    pub duration: Duration,
    /// How often the holder renews it.
    pub renew: Duration,
    /// How long the holder may fail to renew it before it stops; shorter than `duration`.
    pub deadline: Duration,
    /// How often the others look at it, and after how long the holder tries again after a failure.
    pub retry: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            duration: Duration::from_secs(12),
            renew: Duration::from_secs(4),
            deadline: Duration::from_secs(8),
            retry: Duration::from_millis(500),
        }
    }
}

/// The Lease is no longer ours: the process must end at once.
#[derive(Debug, thiserror::Error)]
pub enum LostLease {
    /// Another replica holds it.
    #[error("lost the Lease {lease} to {holder:?}: this process ends, so that never two of them act")]
    KeepLease {
        /// Its name.
        lease: String,
        /// Who holds it now.
        holder: String,
    },
    /// It could not be renewed in time.
    #[error(
        "failed to renew the Lease {lease} for {seconds} s: this process ends, so that never two of them act ({last})"
    )]
    RenewLease {
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
    leader_flag: LeaderFlag,
}

/// The Lease while it is held.
#[derive(Debug)]
pub struct Leadership {
    candidate: Candidate,
    lease: Lease,
    /// When it was last renewed: the moment of the question, because the others may have seen it change since then.
    renewed: Instant,
}

/// What a candidate has seen of the Lease.
#[derive(Debug, Default)]
struct Seen {
    /// The version last seen.
    version: String,
    /// Since when, and for how long it holds; none if it was never seen.
    holds: Option<(Instant, Duration)>,
}

impl Seen {
    /// Takes note of a version that holds for so long; whether it has run out.
    fn has_run_out(&mut self, version: String, holds_for: Duration) -> bool {
        match self.holds {
            Some((since, _)) if self.version == version => {
                self.holds = Some((since, holds_for));
                since.elapsed() >= holds_for
            }
            _ => {
                (self.version, self.holds) = (version, Some((Instant::now(), holds_for)));
                false
            }
        }
    }

    /// How long until the next look: no longer than until what was seen runs out.
    fn next_reconcile(&self, retry: Duration) -> Duration {
        let left = self.holds.map(|(since, holds_for)| holds_for.saturating_sub(since.elapsed()));
        left.filter(|left| !left.is_zero()).map_or(retry, |left| left.min(retry))
    }
}

impl Candidate {
    /// A candidate as the configuration says. Its identity is the pod's name: a container started again in the
    /// same pod takes the Lease up again without waiting. While it waits, `leader_flag` is set to where the holder answers,
    /// and when the API server does.
    #[must_use]
    pub fn new(client: Client, config: &Config, timing: Timing, leader_flag: LeaderFlag) -> Self {
        let api = Api::namespaced(client, &config.namespace);
        let (name, identity, address) = (config.lease.clone(), config.name.clone(), config.address());
        Self { api, name, identity, address, timing, leader_flag }
    }

    /// Waits until the Lease is ours; none if asked to stop before. A try under way comes to its end, so that a Lease that
    /// was got at the last moment can be given up.
    pub async fn acquire(self, stop: &CancellationToken) -> Option<Leadership> {
        let mut seen = Seen::default();
        self.leader_flag.record_contact();
        while !stop.is_cancelled() {
            let tried = self.try_acquire(&mut seen).await;
            if !tried.as_ref().is_err_and(CallError::is_inconclusive) {
                self.leader_flag.record_contact();
            }
            match tried {
                Ok(Some((lease, renewed))) => {
                    tracing::info!(lease = self.name, identity = self.identity, "leading");
                    return Some(Leadership { candidate: self, lease, renewed });
                }
                Ok(None) => {}
                Err(error) if error.is_conflict() || error.is_already_exists() => {
                    tracing::debug!(%error, "another candidate was faster");
                }
                Err(error) => tracing::warn!(%error, "cannot get the Lease yet"),
            }
            stop.run_until_cancelled(sleep(seen.next_reconcile(self.timing.retry))).await;
        }
        None
    }

    /// One try: the Lease if it is ours now, and when that was asked for.
    async fn try_acquire(&self, seen: &mut Seen) -> Result<Option<(Lease, Instant)>, CallError> {
        let Some(present) = within(self.what("get"), self.api.get_opt(&self.name)).await? else {
            let (lease, asked) = (self.claimed(Lease::default()), Instant::now());
            let params = PostParams::default();
            let made = within(self.what("create"), self.api.create(&params, &lease)).await?;
            return Ok(Some((made, asked)));
        };
        let holds_for = present.spec.as_ref().and_then(|spec| spec.lease_duration_seconds);
        let holds_for = holds_for
            .and_then(|seconds| u64::try_from(seconds).ok())
            .map_or(self.timing.duration, Duration::from_secs);
        let has_run_out = seen.has_run_out(present.resource_version().unwrap_or_default(), holds_for);
        let holder = holder(&present);
        if !has_run_out && !holder.is_empty() && holder != self.identity {
            self.leader_flag
                .set_leader_address(address_of(&present).filter(|address| Some(*address) != self.address));
            return Ok(None);
        }
        let asked = Instant::now();
        Ok(Some((self.replace(&self.claimed(present)).await?, asked)))
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
    /// Renews the Lease for as long as that succeeds; says why it is lost. May be broken off and called again.
    pub async fn keep(&mut self) -> LostLease {
        let timing = self.candidate.timing;
        let mut wait = timing.renew.saturating_sub(self.renewed.elapsed());
        loop {
            sleep(wait).await;
            let asked = Instant::now();
            let left = timing.deadline.saturating_sub(self.renewed.elapsed());
            let failure = match tokio::time::timeout(left, self.renew()).await {
                Ok(Ok(None)) => {
                    self.renewed = asked;
                    wait = timing.renew.saturating_sub(asked.elapsed());
                    continue;
                }
                Ok(Ok(Some(holder))) => {
                    return LostLease::KeepLease { lease: self.candidate.name.clone(), holder };
                }
                Ok(Err(error)) => error.to_string(),
                Err(_) => "the API server gave no answer".to_owned(),
            };
            tracing::warn!(failure, "cannot renew the Lease");
            let since = self.renewed.elapsed();
            if since >= timing.deadline {
                let lease = self.candidate.name.clone();
                return LostLease::RenewLease { lease, seconds: since.as_secs(), last: failure };
            }
            wait = timing.retry.min(timing.deadline.saturating_sub(since));
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
        let Self { candidate, lease, .. } = self;
        match candidate.replace(&given_up(lease)).await {
            Err(error) if error.is_conflict() => {
                // Somebody wrote it: most likely a renewal of ours that was broken off.
                let present = within(candidate.what("get"), candidate.api.get(&candidate.name)).await?;
                if holder(&present) != candidate.identity {
                    return Ok(());
                }
                candidate.replace(&given_up(present)).await.map(drop)
            }
            done => done.map(drop),
        }
    }
}

/// The same Lease, held by nobody.
fn given_up(mut lease: Lease) -> Lease {
    if let Some(spec) = lease.spec.as_mut() {
        spec.holder_identity = None;
        spec.renew_time = Some(MicroTime(clock::now()));
    }
    lease.annotations_mut().remove(ADDRESS);
    lease
}

fn holder(lease: &Lease) -> &str {
    lease.spec.as_ref().and_then(|spec| spec.holder_identity.as_deref()).unwrap_or_default()
}

/// Where the holder of a Lease answers HTTP, if it says so.
fn address_of(lease: &Lease) -> Option<SocketAddr> {
    lease.annotations().get(ADDRESS)?.parse().ok()
}

#[cfg(test)]
mod tests;
