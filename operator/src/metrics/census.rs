//! What objects say of themselves, counted when it is asked for: a new [`Census`] for each answer, so that nothing is
//! reported of what is gone, and each replica reports the same.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::ResourceExt;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use videofactory_crds::condition::{self, ConditionType, Phase};
use videofactory_crds::provideraccount::QuotaUnit;
use videofactory_crds::{ProviderAccount, StoragePolicy, VideoJob};

use super::{Label, PREFIX, labels};
use crate::caches::Caches;
use crate::storagepolicy::owed_since;

/// What all objects say.
#[derive(Debug)]
pub struct Census {
    registry: Registry,
    jobs: Family<Label, Gauge>,
    waiting: Family<Label, Gauge>,
    stalled: Family<Label, Gauge>,
    progress: Family<Label, Gauge>,
    healthy: Family<Label, Gauge>,
    ready: Family<Label, Gauge>,
    expiry: Family<Label, Gauge>,
    waiters: Family<Label, Gauge>,
    quotas: Family<[(&'static str, String); 4], Gauge>,
    storage_ready: Family<Label, Gauge>,
    next_prune: Family<Label, Gauge>,
    next_backup: Family<Label, Gauge>,
    excluded: Family<Label, Gauge>,
}

impl Default for Census {
    fn default() -> Self {
        let mut census = Self {
            registry: Registry::with_prefix(PREFIX),
            jobs: Family::default(),
            waiting: Family::default(),
            stalled: Family::default(),
            progress: Family::default(),
            healthy: Family::default(),
            ready: Family::default(),
            expiry: Family::default(),
            waiters: Family::default(),
            quotas: Family::default(),
            storage_ready: Family::default(),
            next_prune: Family::default(),
            next_backup: Family::default(),
            excluded: Family::default(),
        };
        census.register_jobs();
        census.register_accounts();
        census.register_policies();
        census.registry.register(
            "namespace_left_out",
            "1 for each namespace that is not watched although it should be, because the operator may not read it",
            census.excluded.clone(),
        );
        census
    }
}

impl Census {
    /// Counts what the caches hold.
    #[must_use]
    pub fn take(caches: &Caches) -> Self {
        let (jobs, accounts, policies) =
            (caches.videojobs.state(), caches.accounts.state(), caches.policies.state());
        Self::of(
            jobs.iter().filter_map(|object| object.0.as_ref().ok()),
            accounts.iter().filter_map(|object| object.0.as_ref().ok()),
            policies.iter().filter_map(|object| object.0.as_ref().ok()),
        )
        .without(caches.unwatched.namespaces())
    }

    /// Counts these objects.
    pub(super) fn of<'a>(
        jobs: impl IntoIterator<Item = &'a VideoJob>,
        accounts: impl IntoIterator<Item = &'a ProviderAccount>,
        policies: impl IntoIterator<Item = &'a StoragePolicy>,
    ) -> Self {
        let census = Self::default();
        census.jobs(jobs.into_iter());
        accounts.into_iter().for_each(|account| census.account(account));
        policies.into_iter().for_each(|policy| census.policy(policy));
        census
    }

    /// The same without these namespaces, which are not watched.
    pub(super) fn without(self, namespaces: impl IntoIterator<Item = String>) -> Self {
        for name in namespaces {
            self.excluded.get_or_create(&labels([("name", name.as_str())])).set(1);
        }
        self
    }

    pub(super) const fn registry(&self) -> &Registry {
        &self.registry
    }

    fn register_jobs(&mut self) {
        let registry = &mut self.registry;
        registry.register("jobs", "VideoJobs by phase", self.jobs.clone());
        registry.register(
            "jobs_waiting",
            "VideoJobs that continue automatically after a wait, by reason",
            self.waiting.clone(),
        );
        registry.register(
            "jobs_stalled",
            "VideoJobs that continue only when a person has done something, by reason",
            self.stalled.clone(),
        );
        registry.register_with_unit(
            "jobs_oldest_progress_timestamp",
            "When of the VideoJobs in a phase the one that has stood still for longest last moved: an attempt of it began \
             or ended, or it began to continue automatically. Those that are stalled or being deleted are left out",
            Unit::Seconds,
            self.progress.clone(),
        );
    }

    fn register_accounts(&mut self) {
        let registry = &mut self.registry;
        registry.register(
            "account_healthy",
            "Whether the service of an account answers; nothing until it was asked",
            self.healthy.clone(),
        );
        registry.register(
            "account_ready",
            "Whether an account can be used: its Secret is complete and accepted",
            self.ready.clone(),
        );
        registry.register_with_unit(
            "credentials_expiry_timestamp",
            "When the credentials of an account end, by its credentialsExpireAt",
            Unit::Seconds,
            self.expiry.clone(),
        );
        registry.register("quota_waiters", "Steps that wait for units of an account", self.waiters.clone());
        registry.register(
            "quota_info",
            "1 for each quota, with its provider and what a unit of it is",
            self.quotas.clone(),
        );
    }

    fn register_policies(&mut self) {
        let registry = &mut self.registry;
        registry.register(
            "storage_ready",
            "Whether a policy's bucket can be used",
            self.storage_ready.clone(),
        );
        registry.register_with_unit(
            "prune_due_timestamp",
            "When the prune run after the last that went well was due, or will be",
            Unit::Seconds,
            self.next_prune.clone(),
        );
        registry.register_with_unit(
            "backup_due_timestamp",
            "When the backup after the last that went well was due, or will be",
            Unit::Seconds,
            self.next_backup.clone(),
        );
    }

    fn jobs<'a>(&self, jobs: impl Iterator<Item = &'a VideoJob>) {
        for phase in Phase::ALL {
            self.jobs.get_or_create(&of_phase(phase)).set(0);
        }
        let mut oldest: BTreeMap<Phase, Timestamp> = BTreeMap::new();
        for job in jobs {
            let status = job.status.as_ref();
            let phase = status.and_then(|status| status.phase).unwrap_or_default();
            let conditions = status.map(|status| status.conditions.as_slice()).unwrap_or_default();
            self.jobs.get_or_create(&of_phase(phase)).inc();
            let stalled = phase == Phase::Waiting && condition::is_true(conditions, ConditionType::Stalled);
            if phase == Phase::Waiting
                && let Some(ready) = condition::get(conditions, ConditionType::Ready)
            {
                let family = if stalled { &self.stalled } else { &self.waiting };
                family.get_or_create(&labels([("reason", &ready.reason)])).inc();
            }
            let moves = matches!(phase, Phase::Pending | Phase::Running | Phase::Waiting) && !stalled;
            if moves
                && job.metadata.deletion_timestamp.is_none()
                && let Some(moved) = last_moved(job, conditions)
            {
                oldest.entry(phase).and_modify(|oldest| *oldest = moved.min(*oldest)).or_insert(moved);
            }
        }
        for (phase, moved) in oldest {
            self.progress.get_or_create(&of_phase(phase)).set(moved.as_second());
        }
    }

    fn account(&self, account: &ProviderAccount) {
        let name = path(account);
        let label = labels([("account", &name)]);
        let status = account.status.as_ref();
        let conditions = status.map(|status| status.conditions.as_slice()).unwrap_or_default();
        set_gauge(&self.healthy, &label, holds(conditions, ConditionType::Healthy));
        set_gauge(&self.ready, &label, holds(conditions, ConditionType::Ready));
        set_gauge(
            &self.expiry,
            &label,
            account.spec.credentials_expire_at.as_ref().map(|end| end.0.as_second()),
        );
        set_gauge(&self.waiters, &label, status.and_then(|status| status.waiting).map(i64::from));
        let provider = account.spec.provider.as_str();
        for quota in account.spec.quotas.iter().flatten() {
            let unit = match quota.unit {
                QuotaUnit::Requests => "Requests",
                QuotaUnit::Seconds => "Seconds",
            };
            let labels =
                labels([("account", &name), ("quota", &quota.name), ("provider", provider), ("unit", unit)]);
            self.quotas.get_or_create(&labels).set(1);
        }
    }

    fn policy(&self, policy: &StoragePolicy) {
        let label = labels([("policy", &path(policy))]);
        let conditions =
            policy.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
        set_gauge(&self.storage_ready, &label, holds(conditions, ConditionType::Ready));
        set_gauge(&self.next_prune, &label, owed_since::next_prune(policy).map(Timestamp::as_second));
        set_gauge(&self.next_backup, &label, owed_since::next_backup(policy).map(Timestamp::as_second));
    }
}

fn set_gauge(family: &Family<Label, Gauge>, label: &Label, value: Option<i64>) {
    if let Some(value) = value {
        family.get_or_create(label).set(value);
    }
}

fn of_phase(phase: Phase) -> Label {
    labels([("phase", &phase.to_string())])
}

/// 1 or 0; nothing while it is not known.
fn holds(conditions: &[Condition], kind: ConditionType) -> Option<i64> {
    match condition::get(conditions, kind)?.status.as_str() {
        "True" => Some(1),
        "False" => Some(0),
        _ => None,
    }
}

/// When a job last got anywhere.
fn last_moved(job: &VideoJob, conditions: &[Condition]) -> Option<Timestamp> {
    let created = job.metadata.creation_timestamp.as_ref();
    let steps = job.status.iter().flat_map(|status| &status.steps);
    let of_steps = steps.flat_map(|step| [step.started_at.as_ref(), step.finished_at.as_ref()]).flatten();
    let ready = condition::get(conditions, ConditionType::Ready).map(|ready| &ready.last_transition_time);
    created.into_iter().chain(of_steps).chain(ready).map(|time| time.0).max()
}

/// `namespace/name`.
fn path(object: &impl ResourceExt) -> String {
    format!("{}/{}", object.namespace().unwrap_or_default(), object.name_any())
}

#[cfg(test)]
mod tests;
