//! Snapshots of what an attempt becomes, and the names.

use clap::Parser;
use serde_json::json;
use videofactory_crds::requests::TRACEPARENT;
use videofactory_pipeline::contract::{GivenScenes, RunTrace, VERSION};

use super::*;
use crate::config::Config;

fn owner() -> VideoJob {
    serde_json::from_value(json!({
        "apiVersion": "videofactory.dev/v1alpha1", "kind": "VideoJob",
        "metadata": {
            "name": "ocean-facts", "namespace": "films", "uid": "6b0b0f3e-8f60-4a5c-9a52-0d9cf1b3b7c1",
        },
        "spec": {"topic": "The deep ocean"},
    }))
    .unwrap()
}

fn worker() -> WorkerConfig {
    let arguments = ["operator", "--worker-image", "localhost/videofactory-worker:dev"];
    let progress = ["--progress-url", "http://operator.videofactory-system.svc:8000/"];
    Config::try_parse_from(arguments.into_iter().chain(progress)).unwrap().worker
}

fn start(step: StepName) -> StartStep {
    let input = json!({
        "version": VERSION,
        "job": {
            "namespace": "films", "name": "ocean-facts", "uid": "6b0b0f3e-8f60-4a5c-9a52-0d9cf1b3b7c1",
            "id": "3f9c2a1e", "run": 1,
        },
        "step": step, "attempt": 2, "input": "0123456789abcdef0123456789abcdef",
        "settings": {}, "deadlineSeconds": 1800,
        "bucket": {"endpoint": "http://s3:9000", "name": "videos", "region": "auto"},
    });
    StartStep {
        input: serde_json::from_value(input).unwrap(),
        given: None,
        bucket_secret: "s3".to_owned(),
        account_secrets: std::collections::BTreeMap::new(),
        begun_with: Vec::new(),
    }
}

fn pod_of(built: &Attempt) -> &PodSpec {
    built.job.spec.as_ref().unwrap().template.spec.as_ref().unwrap()
}

/// An attempt that uses an account of this provider.
fn with_account(provider: &str, more: &serde_json::Value) -> StartStep {
    let mut start_step = start(StepName::AnimateScenes);
    let mut external = json!({"provider": provider});
    external.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
    start_step.input.accounts = [("acc".to_owned(), serde_json::from_value(external).unwrap())].into();
    start_step.account_secrets = [("acc".to_owned(), "keys".to_owned())].into();
    start_step
}

#[test]
fn a_step_is_given_the_keys_that_its_provider_needs_and_no_others() {
    for (provider, expected) in [
        ("XAI", &["apiKey"][..]),
        ("YouTube", &["clientId", "clientSecret", "refreshToken"]),
        ("Webhook", &["url", "signingKey"]),
    ] {
        let built = attempt(&owner(), &with_account(provider, &json!({})), &worker());
        let volumes = pod_of(&built).volumes.as_ref().unwrap();
        let source =
            volumes.iter().find(|volume| volume.name == "account-0").unwrap().secret.as_ref().unwrap();
        let keys: Vec<&str> = source.items.iter().flatten().map(|item| item.key.as_str()).collect();
        assert_eq!((source.secret_name.as_deref(), keys), (Some("keys"), expected.to_vec()));
    }
}

#[test]
fn a_step_knows_the_operators_proxies_destinations_and_authorities() {
    let mut worker = worker();
    worker.proxies = vec![("HTTPS_PROXY", "http://proxy:3128".to_owned())];
    worker.allowed_destinations = "cluster-services,minio.lan".to_owned();
    let pem = "-----BEGIN CERTIFICATE-----";
    let ca = json!({"ca": {"kind": "Secret", "name": "company", "key": "root.pem"}});
    let mut start_step = with_account("XAI", &ca);
    start_step.input.bucket.ca = serde_json::from_value(json!({"name": "bundle"})).unwrap();
    let built = attempt(&owner(), &start_step, &worker);
    let pod = pod_of(&built);
    let environment = pod.containers[0].env.as_ref().unwrap();
    let value = |name: &str| environment.iter().find(|entry| entry.name == name)?.value.clone();
    assert_eq!(value("HTTPS_PROXY").as_deref(), Some("http://proxy:3128"));
    assert_eq!(value("VIDEOFACTORY_ALLOWED_DESTINATIONS").as_deref(), Some("cluster-services,minio.lan"));
    let mounted: Vec<(&str, String)> = pod.containers[0]
        .volume_mounts
        .iter()
        .flatten()
        .filter(|mount| mount.mount_path.contains("/ca/"))
        .map(|mount| (mount.mount_path.as_str(), source_of(pod, &mount.name)))
        .collect();
    let expected = [
        ("/var/run/videofactory/ca/bucket", "ConfigMap bundle ca.crt".to_owned()),
        ("/var/run/videofactory/ca/account/acc", "Secret company root.pem".to_owned()),
    ];
    assert_eq!(mounted, expected);
    assert!(built.authority.is_none() && !format!("{built:?}").contains(pem));
}

#[test]
fn a_step_trusts_the_operators_authority_by_a_copy_of_its_own() {
    let pem = crate::authority::tests::pem();
    let mut worker = worker();
    worker.authority = Some(videofactory_net::Authority::parse(&pem).unwrap());
    let built = attempt(&owner(), &start(StepName::GenerateImages), &worker);
    let copy = built.authority.as_ref().unwrap();
    assert_eq!(copy.data.as_ref().unwrap().get(CA_FILE_NAME), Some(&pem));
    assert_eq!(
        copy.metadata.owner_references.as_ref().unwrap()[0].name,
        "ocean-facts",
        "it goes with the job"
    );
    let pod = pod_of(&built);
    let file = pod.containers[0].env.iter().flatten().find(|entry| entry.name == "VIDEOFACTORY_CA_FILE");
    let file = file.and_then(|entry| entry.value.as_deref()).unwrap();
    let mut mounts = pod.containers[0].volume_mounts.iter().flatten();
    let mount = mounts.find(|mount| file == format!("{}/{CA_FILE_NAME}", mount.mount_path)).unwrap();
    assert_eq!(source_of(pod, &mount.name), format!("ConfigMap {} {CA_FILE_NAME}", copy.name_any()));
}

#[test]
fn a_step_knows_where_to_send_spans_and_what_they_are_part_of() {
    let value = |owner: &VideoJob, worker: &WorkerConfig, name: &str| {
        let built = attempt(owner, &start(StepName::GenerateImages), worker);
        let entries = pod_of(&built).containers[0].env.clone().unwrap_or_default();
        entries.into_iter().find(|entry| entry.name == name).and_then(|entry| entry.value)
    };
    let (endpoint, parent) = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "TRACEPARENT");
    let (mut traced, mut worker) = (owner(), worker());
    assert_eq!((value(&traced, &worker, endpoint), value(&traced, &worker, parent)), (None, None));
    worker.traces = vec![(endpoint, "http://tempo.svc:4318/v1/traces".to_owned())];
    assert_eq!(value(&traced, &worker, endpoint).as_deref(), Some("http://tempo.svc:4318/v1/traces"));
    let own = RunTrace::of(&traced.uid().unwrap(), 1, None).for_worker(StepName::GenerateImages, 2);
    assert_eq!(value(&traced, &worker, parent), Some(own.to_string()));
    let mut within = |flags: &str| {
        let outside = format!("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-{flags}");
        traced.metadata.annotations = Some([(TRACEPARENT.to_owned(), outside)].into());
        value(&traced, &worker, parent)
    };
    let parent_span = own.parent.to_string();
    assert_eq!(within("01"), Some(format!("00-0af7651916cd43dd8448eb211c80319c-{parent_span}-01")));
    assert_eq!(within("00"), None, "who has decided not to record it is not asked again");
}

fn source_of(pod: &PodSpec, name: &str) -> String {
    let volume = pod.volumes.iter().flatten().find(|volume| volume.name == name).unwrap();
    let keys = |items: &Option<Vec<KeyToPath>>| {
        items.iter().flatten().map(|item| item.key.clone()).collect::<String>()
    };
    match (&volume.config_map, &volume.secret) {
        (Some(map), _) => format!("ConfigMap {} {}", map.name, keys(&map.items)),
        (_, Some(secret)) => {
            format!("Secret {} {}", secret.secret_name.as_deref().unwrap_or_default(), keys(&secret.items))
        }
        _ => String::new(),
    }
}

#[test]
fn an_attempt_becomes_one_job_with_one_pod() {
    let built = attempt(&owner(), &start(StepName::AssembleVideo), &worker());
    assert_eq!(built.documents, []);
    insta::assert_yaml_snapshot!(built.job);
}

#[test]
fn given_scenes_travel_in_a_config_map_named_by_their_content() {
    let mut start_step = start(StepName::WriteScript);
    start_step.given =
        Some(serde_json::from_value(json!({"scenes": [{"id": "s1", "narration": "Hello."}]})).unwrap());
    let built = attempt(&owner(), &start_step, &worker());
    let volumes = pod_of(&built).volumes.as_ref().unwrap();
    assert_eq!(mounted(volumes), [built.documents[0].name_any()]);
    insta::assert_yaml_snapshot!(built.documents[0]);

    start_step.given = Some(GivenScenes::default());
    let other = attempt(&owner(), &start_step, &worker()).documents[0].name_any();
    assert_ne!(other, built.documents[0].name_any());
}

/// The `ConfigMap`s that a pod is shown.
fn mounted(volumes: &[Volume]) -> Vec<String> {
    let projected = volumes.iter().filter_map(|volume| volume.projected.as_ref());
    let sources = projected.flat_map(|projected| projected.sources.iter().flatten());
    sources.filter_map(|source| Some(source.config_map.as_ref()?.name.clone())).collect()
}

#[test]
fn what_is_too_large_for_a_pod_template_travels_in_config_maps() {
    let mut start_step = start(StepName::WriteScript);
    start_step.input.topic = "🐙".repeat(400_000);
    let scene = json!({"id": "s1", "narration": "🐙".repeat(400_000)});
    start_step.given = Some(serde_json::from_value(json!({"scenes": [scene]})).unwrap());
    let built = attempt(&owner(), &start_step, &worker());
    let size =
        |document: &ConfigMap| document.data.iter().flatten().map(|(_, text)| text.len()).sum::<usize>();
    assert!(built.documents.len() >= 6 && built.documents.iter().all(|document| size(document) < 1_000_000));
    let pod = pod_of(&built);
    let names: Vec<String> = built.documents.iter().map(ResourceExt::name_any).collect();
    assert_eq!(mounted(pod.volumes.as_ref().unwrap()), names);
    let files: std::collections::BTreeSet<&String> = built
        .documents
        .iter()
        .flat_map(|document| document.data.iter().flatten())
        .map(|(file, _)| file)
        .collect();
    assert_eq!(files.len(), names.len(), "each part is a file of its own");
    assert!(serde_json::to_vec(&built.job).unwrap().len() < 32 * 1024);
}

#[test]
fn an_accounts_secret_is_mounted_beside_the_buckets() {
    let mut start_step = start(StepName::GenerateImages);
    start_step.account_secrets.insert("grok".to_owned(), "grok-keys".to_owned());
    let built = attempt(&owner(), &start_step, &worker());
    let mounts = pod_of(&built).containers[0].volume_mounts.as_ref().unwrap();
    for path in [BUCKET_SECRET_DIR.to_owned(), format!("{ACCOUNT_SECRET_DIR}/grok")] {
        assert!(
            mounts.iter().any(|mount| mount.mount_path == path && mount.read_only == Some(true)),
            "{path}"
        );
    }
}

#[test]
fn workflows_are_mounted_and_a_pod_does_not_wait_for_them() {
    let start_step = with_account("ComfyUI", &json!({"workflows": "ours", "keyless": true}));
    let built = attempt(&owner(), &start_step, &worker());
    let pod = pod_of(&built);
    let mounts = pod.containers[0].volume_mounts.as_ref().unwrap();
    let path = format!("{ACCOUNT_WORKFLOWS_DIR}/acc");
    let mount = mounts.iter().find(|mount| mount.mount_path == path).unwrap();
    let volume = pod.volumes.as_ref().unwrap().iter().find(|volume| volume.name == mount.name).unwrap();
    let source = volume.config_map.as_ref().unwrap();
    assert_eq!((source.name.as_str(), source.optional), ("ours", Some(true)));
}

#[test]
fn compute_of_the_spec_goes_before_what_suits_the_step_and_not_before_the_administrators() {
    let mut owner = owner();
    owner.spec.compute = serde_json::from_value(json!({
        "nodeSelector": {"disk": "fast", "zone": "b"}, "labels": {"team": "a"}, "annotations": {"note": "b"},
        "tolerations": [{"key": "video", "operator": "Exists"}],
        "steps": {"assemble-video": {"resources": {"requests": {"cpu": "4"}}}},
    }))
    .unwrap();
    let mut worker = worker();
    worker.node_selector = [("zone".into(), "a".into())].into();
    let built = attempt(&owner, &start(StepName::AssembleVideo), &worker);
    let pod = pod_of(&built);
    let selector = pod.node_selector.clone().unwrap();
    assert_eq!((selector["disk"].as_str(), selector["zone"].as_str()), ("fast", "a"));
    assert_eq!(pod.tolerations.as_ref().unwrap().len(), 1);
    assert_eq!(built.ignored.len(), 1, "{:?}", built.ignored);
    let template = built.job.spec.as_ref().unwrap().template.metadata.as_ref().unwrap();
    for metadata in [&built.job.metadata, template] {
        assert_eq!(metadata.labels.as_ref().unwrap()["team"], "a");
        assert_eq!(metadata.annotations.as_ref().unwrap()["note"], "b");
    }
    let resources = pod.containers[0].resources.as_ref().unwrap();
    assert_eq!(resources.requests.as_ref().unwrap()["cpu"].0, "4");
    assert_eq!(resources.limits, None);
}

#[test]
fn kubernetes_finds_nothing_to_expand_in_the_input() {
    let mut start_step = start(StepName::WriteScript);
    start_step.input.topic = "Costs $$$ and $(POD_NAME)".to_owned();
    let built = attempt(&owner(), &start_step, &worker());
    let value = pod_of(&built).containers[0].env.as_ref().unwrap()[0].value.clone().unwrap();
    assert!(!value.contains('$'));
    assert_eq!(serde_json::from_str::<StepInput>(&value).unwrap().topic, start_step.input.topic);
}

#[test]
fn no_progress_is_reported_where_no_url_is_known() {
    let mut worker = worker();
    worker.progress_url = String::new();
    let built = attempt(&owner(), &start(StepName::WriteScript), &worker);
    let environment = pod_of(&built).containers[0].env.as_ref().unwrap();
    let input = environment.iter().find(|variable| variable.name == INPUT_VARIABLE).unwrap();
    let input: StepInput = serde_json::from_str(input.value.as_ref().unwrap()).unwrap();
    assert_eq!(input.progress_url, "");
    let tokens =
        |built: &Attempt| pod_of(built).volumes.iter().flatten().any(|volume| volume.projected.is_some());
    assert!(!tokens(&built), "a token that is good for nothing");
    let reporting = attempt(&owner(), &start(StepName::WriteScript), &self::worker());
    assert!(tokens(&reporting), "the same with a URL");
}

#[test]
fn a_pod_is_given_the_time_that_what_is_in_flight_may_take() {
    let seconds = |step, is_external: bool, survey: bool| {
        let mut start_step = start(step);
        start_step.input.survey = survey;
        if is_external {
            let external = serde_json::from_value(json!({"provider": "Gemini"})).unwrap();
            start_step.input.accounts.insert("gemini".to_owned(), external);
        }
        let grace = Grace::of(&start_step.input);
        let pod =
            pod_of(&attempt(&owner(), &start_step, &worker())).termination_grace_period_seconds.unwrap();
        assert!(pod > i64::try_from(grace.in_flight.as_secs()).unwrap(), "{step}: no time for last words");
        pod
    };
    // An answer that takes five minutes, and then the bucket.
    for step in [StepName::WriteScript, StepName::GenerateImages, StepName::NarrateScenes] {
        assert_eq!(seconds(step, true, false), 360, "{step}");
    }
    assert_eq!(
        (seconds(StepName::AnimateScenes, true, false), seconds(StepName::PublishVideo, true, false)),
        (240, 120)
    );
    // Nothing that is paid for.
    for step in StepName::ALL {
        assert_eq!((seconds(step, false, false), seconds(step, true, true)), (60, 60), "{step}");
    }
}
