//! Build: an attempt becomes a Job, and what is too large for it becomes `ConfigMap`s. Pure and infallible.
//!
//! One Job is one attempt is one pod: nothing here lets Kubernetes start a second pod by itself.

use std::collections::BTreeMap;

use k8s_openapi::api::batch::v1::{Job, JobSpec};
use k8s_openapi::api::core::v1::{
    Capabilities, ConfigMap, ConfigMapProjection, ConfigMapVolumeSource, Container, EmptyDirVolumeSource,
    EnvVar, EnvVarSource, KeyToPath, ObjectFieldSelector, PodSecurityContext, PodSpec, PodTemplateSpec,
    ProjectedVolumeSource, ResourceRequirements, SeccompProfile, SecretVolumeSource, SecurityContext,
    ServiceAccountTokenProjection, Volume, VolumeMount, VolumeProjection,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::{Resource, ResourceExt};
use videofactory_crds::{CaKind, CaRef, StepName, VideoJob};
use videofactory_net::{CLUSTER_SERVICES, variables};
use videofactory_pipeline::Digest;
use videofactory_pipeline::contract::{
    ACCOUNT_CA_DIR, ACCOUNT_SECRET_DIR, ACCOUNT_WORKFLOWS_DIR, BUCKET_CA_FILE, BUCKET_SECRET_DIR,
    CA_FILE_NAME, Carried, GIVEN_SCENES_FILE, Grace, INPUT_VARIABLE, OPERATOR_CA_FILE, REFERRED_FILE,
    StepInput, TERMINATION_FILE, TOKEN_AUDIENCE, TOKEN_FILE, WORK_DIR, in_parts, part_name,
};

use super::labels::Labels;
use super::model::StartStep;
use super::names::job_name;
use super::pod_placement::{self, Placement};
use super::trace;
use crate::bucket::{ACCESS_KEY, SECRET_KEY};
use crate::config::{CLUSTER_DOMAIN, WorkerConfig};
use crate::provideraccount::keys;

/// The container that works.
pub const CONTAINER: &str = videofactory_crds::labels::WORKER;
/// Path under which progress is posted.
pub const PROGRESS_PATH: &str = "/internal/progress";
/// The user that steps run as.
const USER: i64 = 65532;
/// Seconds that a finished Job stays for people to look at; nothing depends on it.
const TTL_SECONDS: i32 = 600;
/// Seconds that the Job's own deadline is later than the worker's.
const DEADLINE_MARGIN_SECONDS: i64 = 3600;
/// Most that a step may write to its work folder, and to `/tmp`: one film must not fill the node's disk.
const WORK_SIZE: &str = "4Gi";
const TMP_SIZE: &str = "512Mi";
/// Seconds for which the token is good; the kubelet renews it.
const TOKEN_SECONDS: i64 = 3600;

/// What an attempt needs in the cluster, in the order in which it is created.
#[derive(Clone, Debug, PartialEq)]
pub struct Attempt {
    /// Scenes given in the spec, and settings that are too large for a pod template.
    pub documents: Vec<ConfigMap>,
    /// Certificates of authorities that the operator trusts for all.
    pub authority: Option<ConfigMap>,
    /// The attempt itself.
    pub job: Job,
    /// What the spec asks of the pod and does not get, each as a part of a sentence.
    pub ignored: Vec<String>,
}

/// The objects of one attempt.
#[must_use]
pub fn attempt(owner: &VideoJob, start: &StartStep, worker: &WorkerConfig) -> Attempt {
    let carried = reporting(&start.input, worker).carry();
    let mut documents = Vec::new();
    if let Some(given) = &start.given {
        let scenes = serde_json::to_string(given).unwrap_or_default();
        documents.extend(config_maps(owner, "scenes", GIVEN_SCENES_FILE, &scenes));
    }
    if let Some(settings) = &carried.document {
        documents.extend(config_maps(owner, "settings", REFERRED_FILE, settings));
    }
    let authority =
        worker.authority.as_ref().map(|authority| config_map(owner, "ca", CA_FILE_NAME, authority.pem()));
    let mut volumes = volumes(start, &documents, authority.as_ref());
    if !worker.progress_url.is_empty() {
        volumes.push(token());
    }
    let placement = pod_placement::of(owner, &labels(&start.input), worker);
    let annotations = Some(placement.annotations.clone()).filter(|annotations| !annotations.is_empty());
    let labels = placement.labels.clone();
    let metadata = ObjectMeta {
        name: Some(job_name(&start.input.job, start.input.step, start.input.attempt)),
        annotations: annotations.clone(),
        ..owned(owner, labels.clone())
    };
    let ignored = placement.ignored.clone();
    let template = PodTemplateSpec {
        metadata: Some(ObjectMeta { labels: Some(labels), annotations, ..ObjectMeta::default() }),
        spec: Some(pod(owner, start, worker, placement, &carried, volumes)),
    };
    let spec = JobSpec {
        backoff_limit: Some(0),
        pod_replacement_policy: Some("Failed".to_owned()),
        ttl_seconds_after_finished: Some(TTL_SECONDS),
        template,
        ..JobSpec::default()
    };
    Attempt { documents, authority, job: Job { metadata, spec: Some(spec), status: None }, ignored }
}

fn labels(input: &StepInput) -> Labels {
    Labels {
        uid: input.job.uid.clone(),
        job: input.job.name.clone(),
        run: input.job.run,
        step: input.step,
        attempt: input.attempt,
    }
}

fn owned(owner: &VideoJob, labels: BTreeMap<String, String>) -> ObjectMeta {
    ObjectMeta {
        namespace: owner.namespace(),
        labels: Some(labels),
        owner_references: Some(vec![OwnerReference {
            api_version: VideoJob::api_version(&()).into_owned(),
            kind: VideoJob::kind(&()).into_owned(),
            name: owner.name_any(),
            uid: owner.uid().unwrap_or_default(),
            controller: Some(true),
            block_owner_deletion: Some(true),
        }]),
        ..ObjectMeta::default()
    }
}

/// The input with where to report progress.
fn reporting(input: &StepInput, worker: &WorkerConfig) -> StepInput {
    let base = worker.progress_url.trim_end_matches('/');
    let progress_url = if base.is_empty() { String::new() } else { format!("{base}{PROGRESS_PATH}") };
    StepInput { progress_url, ..input.clone() }
}

/// A document in as many parts as it needs.
fn config_maps(owner: &VideoJob, what: &str, file: &str, document: &str) -> Vec<ConfigMap> {
    let parts = in_parts(document).into_iter().enumerate();
    parts.map(|(number, part)| config_map(owner, what, &part_name(file_name(file), number), part)).collect()
}

/// A part of a document, under a name made from the owner and the content: never changed, so never stale.
fn config_map(owner: &VideoJob, what: &str, file: &str, content: &str) -> ConfigMap {
    let uid = owner.uid().unwrap_or_default();
    let digest = Digest::of_bytes(format!("{uid}\n{content}").as_bytes());
    let labels = [
        ("app.kubernetes.io/name", "videofactory".to_owned()),
        ("app.kubernetes.io/instance", owner.name_any()),
        ("app.kubernetes.io/managed-by", "videofactory-operator".to_owned()),
    ];
    let labels = labels.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    ConfigMap {
        metadata: ObjectMeta {
            name: Some(format!("{}-{what}-{}", owner.name_any(), &digest.as_str()[..16])),
            ..owned(owner, labels)
        },
        immutable: Some(true),
        data: Some([(file.to_owned(), content.to_owned())].into()),
        ..ConfigMap::default()
    }
}

fn pod(
    owner: &VideoJob,
    start: &StartStep,
    worker: &WorkerConfig,
    placement: Placement,
    carried: &Carried,
    volumes: Vec<(Volume, VolumeMount)>,
) -> PodSpec {
    let compute = owner.spec.compute.as_ref();
    let (volumes, mounts) = volumes.into_iter().unzip();
    let asked = compute.and_then(|compute| compute.steps.as_ref()?.get(start.input.step));
    let resources = asked.and_then(|step| step.resources.clone());
    PodSpec {
        restart_policy: Some("Never".to_owned()),
        // On the pod, not on its Job: waiting for a node is nobody's failure.
        active_deadline_seconds: Some(i64::from(start.input.deadline_seconds) + DEADLINE_MARGIN_SECONDS),
        automount_service_account_token: Some(false),
        service_account_name: Some(worker.service_account.clone()).filter(|name| !name.is_empty()),
        enable_service_links: Some(false),
        termination_grace_period_seconds: Some(Grace::of(&start.input).pod_seconds()),
        node_selector: Some(placement.node_selector),
        tolerations: Some(placement.tolerations).filter(|tolerations| !tolerations.is_empty()),
        security_context: Some(PodSecurityContext {
            run_as_non_root: Some(true),
            run_as_user: Some(USER),
            run_as_group: Some(USER),
            fs_group: Some(USER),
            fs_group_change_policy: Some("OnRootMismatch".to_owned()),
            seccomp_profile: Some(SeccompProfile {
                type_: "RuntimeDefault".to_owned(),
                ..SeccompProfile::default()
            }),
            ..PodSecurityContext::default()
        }),
        containers: vec![Container {
            name: CONTAINER.to_owned(),
            image: Some(worker.image.clone()),
            image_pull_policy: Some(worker.pull_policy.as_str().to_owned()),
            env: Some(environment(&carried.variable, worker, trace::variables(owner, &start.input, worker))),
            resources: Some(resources.unwrap_or_else(|| default_resources(start.input.step))),
            volume_mounts: Some(mounts),
            termination_message_path: Some(TERMINATION_FILE.to_owned()),
            termination_message_policy: Some("File".to_owned()),
            security_context: Some(SecurityContext {
                allow_privilege_escalation: Some(false),
                read_only_root_filesystem: Some(true),
                capabilities: Some(Capabilities { drop: Some(vec!["ALL".to_owned()]), add: None }),
                ..SecurityContext::default()
            }),
            ..Container::default()
        }],
        volumes: Some(volumes),
        ..PodSpec::default()
    }
}

fn environment(input: &str, worker: &WorkerConfig, traces: Vec<(&'static str, String)>) -> Vec<EnvVar> {
    let plain =
        |name: &str, value: String| EnvVar { name: name.to_owned(), value: Some(value), value_from: None };
    let field = |name: &str, path: &str| EnvVar {
        name: name.to_owned(),
        value: None,
        value_from: Some(EnvVarSource {
            field_ref: Some(ObjectFieldSelector { api_version: None, field_path: path.to_owned() }),
            ..EnvVarSource::default()
        }),
    };
    let optional =
        network_variables(worker).into_iter().chain(traces).map(|(name, value)| plain(name, value));
    let always = [
        plain(INPUT_VARIABLE, input.to_owned()),
        field("POD_NAME", "metadata.name"),
        field("POD_UID", "metadata.uid"),
        // Caches of fonts and the like: the root file system is read-only.
        plain("HOME", "/tmp".to_owned()),
    ];
    always.into_iter().chain(optional).collect()
}

/// What the step must know to call what the operator would, and nothing else; only what differs from the usual.
fn network_variables(worker: &WorkerConfig) -> Vec<(&'static str, String)> {
    let loopback = worker.allow_local_endpoints.then(|| (variables::ALLOW_LOOPBACK, "true".to_owned()));
    let list = (variables::ALLOWED_DESTINATIONS, worker.allowed_destinations.clone());
    let domain = (variables::CLUSTER_DOMAIN, worker.cluster_domain.clone());
    let list = Some(list).filter(|(_, list)| list != CLUSTER_SERVICES);
    let domain = Some(domain).filter(|(_, domain)| domain != CLUSTER_DOMAIN);
    let authority = worker.authority.as_ref().map(|_| (variables::CA_FILE, OPERATOR_CA_FILE.to_owned()));
    let proxies = worker.proxies.iter().cloned();
    loopback.into_iter().chain(list).chain(domain).chain(authority).chain(proxies).collect()
}

/// Volumes, each with its mount.
fn volumes(
    start: &StartStep,
    documents: &[ConfigMap],
    authority: Option<&ConfigMap>,
) -> Vec<(Volume, VolumeMount)> {
    let named = |name: &str| Volume { name: name.to_owned(), ..Volume::default() };
    let mut volumes = vec![scratch("work", WORK_DIR, WORK_SIZE), scratch("tmp", "/tmp", TMP_SIZE)];
    let bucket = secret(&start.bucket_secret, &[ACCESS_KEY, SECRET_KEY]);
    volumes
        .push((Volume { secret: Some(bucket), ..named("bucket") }, read_only("bucket", BUCKET_SECRET_DIR)));
    for (place, (account, name)) in start.account_secrets.iter().enumerate() {
        let provider = start.input.accounts.get(account).map(|access| access.provider);
        // A Secret may hold more than its provider needs. A key that is missing is reported by the worker: without
        // `optional`, the pod would wait for it without a word.
        let source = SecretVolumeSource { optional: Some(true), ..secret(name, provider.map_or(&[], keys)) };
        let volume = format!("account-{place}");
        let mount = read_only(&volume, &format!("{ACCOUNT_SECRET_DIR}/{account}"));
        volumes.push((Volume { secret: Some(source), ..named(&volume) }, mount));
    }
    let with_workflows = start.input.accounts.iter().filter(|(_, external)| !external.workflows.is_empty());
    volumes.extend(with_workflows.enumerate().map(|(place, (account, external))| {
        let volume = format!("workflows-{place}");
        // One that is missing is reported by the worker, as a Secret is.
        let source = ConfigMapVolumeSource {
            name: external.workflows.clone(),
            optional: Some(true),
            ..ConfigMapVolumeSource::default()
        };
        let mount = read_only(&volume, &format!("{ACCOUNT_WORKFLOWS_DIR}/{account}"));
        (Volume { config_map: Some(source), ..named(&volume) }, mount)
    }));
    if !documents.is_empty() {
        let source = |document: &ConfigMap| VolumeProjection {
            config_map: Some(ConfigMapProjection {
                name: document.name_any(),
                ..ConfigMapProjection::default()
            }),
            ..VolumeProjection::default()
        };
        let sources = documents.iter().map(source).collect();
        let projected = ProjectedVolumeSource { sources: Some(sources), ..ProjectedVolumeSource::default() };
        let given = Volume { projected: Some(projected), ..named("given") };
        volumes.push((given, read_only("given", directory(GIVEN_SCENES_FILE))));
    }
    let whole = authority.map(|map| CaRef {
        kind: CaKind::ConfigMap,
        name: map.name_any(),
        key: CA_FILE_NAME.to_owned(),
    });
    let of_accounts =
        start.input.accounts.iter().filter_map(|(account, access)| {
            Some((format!("{ACCOUNT_CA_DIR}/{account}"), access.ca.as_ref()?))
        });
    let of_bucket = start.input.bucket.ca.as_ref().map(|ca| (directory(BUCKET_CA_FILE).to_owned(), ca));
    let of_operator = whole.as_ref().map(|ca| (directory(OPERATOR_CA_FILE).to_owned(), ca));
    let authorities = of_operator.into_iter().chain(of_bucket).chain(of_accounts);
    volumes.extend(authorities.enumerate().map(|(place, (path, ca))| {
        let volume = format!("ca-{place}");
        (authority_volume(&volume, ca), read_only(&volume, &path))
    }));
    volumes
}

/// The file of an authority's certificates. That it is missing is reported by the worker: without `optional`, the pod would
/// wait for it without a word.
fn authority_volume(volume: &str, ca: &CaRef) -> Volume {
    let item = KeyToPath { key: ca.key.clone(), path: CA_FILE_NAME.to_owned(), mode: None };
    let mut made = Volume { name: volume.to_owned(), ..Volume::default() };
    match ca.kind {
        CaKind::ConfigMap => {
            made.config_map = Some(ConfigMapVolumeSource {
                name: ca.name.clone(),
                items: Some(vec![item]),
                optional: Some(true),
                ..ConfigMapVolumeSource::default()
            });
        }
        CaKind::Secret => {
            made.secret = Some(SecretVolumeSource {
                items: Some(vec![item]),
                optional: Some(true),
                ..secret(&ca.name, &[])
            });
        }
    }
    made
}

fn scratch(name: &str, path: &str, size: &str) -> (Volume, VolumeMount) {
    let empty_dir = EmptyDirVolumeSource {
        size_limit: Some(Quantity(size.to_owned())),
        ..EmptyDirVolumeSource::default()
    };
    let volume = Volume { name: name.to_owned(), empty_dir: Some(empty_dir), ..Volume::default() };
    let mount = VolumeMount { name: name.to_owned(), mount_path: path.to_owned(), ..VolumeMount::default() };
    (volume, mount)
}

/// A Secret's files: these keys alone. The group reads them, by `fsGroup`.
fn secret(name: &str, keys: &[&str]) -> SecretVolumeSource {
    let item = |key: &&str| KeyToPath { key: (*key).to_owned(), path: (*key).to_owned(), mode: None };
    SecretVolumeSource {
        secret_name: Some(name.to_owned()),
        default_mode: Some(0o440),
        items: Some(keys.iter().map(item).collect()),
        optional: None,
    }
}

/// A token that is good for reporting progress and for nothing else.
fn token() -> (Volume, VolumeMount) {
    let token = ServiceAccountTokenProjection {
        audience: Some(TOKEN_AUDIENCE.to_owned()),
        expiration_seconds: Some(TOKEN_SECONDS),
        path: file_name(TOKEN_FILE).to_owned(),
    };
    let source = VolumeProjection { service_account_token: Some(token), ..VolumeProjection::default() };
    let projected = ProjectedVolumeSource { default_mode: Some(0o440), sources: Some(vec![source]) };
    let volume = Volume { name: "token".to_owned(), projected: Some(projected), ..Volume::default() };
    (volume, read_only("token", directory(TOKEN_FILE)))
}

fn read_only(volume: &str, path: &str) -> VolumeMount {
    VolumeMount {
        name: volume.to_owned(),
        mount_path: path.to_owned(),
        read_only: Some(true),
        ..VolumeMount::default()
    }
}

fn directory(path: &str) -> &str {
    path.rsplit_once('/').map_or("/", |(directory, _)| directory)
}

fn file_name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

/// What suits a step: CPU and memory asked for, and the most memory that it may use.
fn default_resources(step: StepName) -> ResourceRequirements {
    let (cpu, memory, most_memory) = match step {
        StepName::GenerateImages => ("500m", "256Mi", "1Gi"),
        // The model of the embedded voices has some 400 MiB, and each of two phrases at a time nearly as much again.
        StepName::NarrateScenes => ("500m", "700Mi", "2Gi"),
        StepName::WriteScript | StepName::AnimateScenes | StepName::PublishVideo => {
            ("100m", "128Mi", "512Mi")
        }
        StepName::AssembleVideo => ("1", "700Mi", "1536Mi"),
    };
    let quantities = |pairs: &[(&str, &str)]| {
        Some(pairs.iter().map(|(name, value)| ((*name).to_owned(), Quantity((*value).to_owned()))).collect())
    };
    ResourceRequirements {
        requests: quantities(&[("cpu", cpu), ("memory", memory)]),
        limits: quantities(&[("memory", most_memory)]),
        claims: None,
    }
}

#[cfg(test)]
mod tests;
