//! A pod that was given up and in truth runs on.

use anyhow::{Context as _, ensure};
use k8s_openapi::api::core::v1::{EnvVar, Pod};
use kube::ResourceExt;
use kube::api::{DeleteParams, PostParams};
use videofactory_crds::StepName;
use videofactory_crds::condition::StepState;
use videofactory_tests::e2e::clips::clips_alone;
use videofactory_tests::e2e::paid::roomy;
use videofactory_tests::e2e::test_env::{TestEnv, in_test_env};
use videofactory_tests::e2e::{faults, wait};
use videofactory_tests::fakes::Operation;
use videofactory_tests::r2_proxy::{Effect, Fault};

const STEP: StepName = StepName::AnimateScenes;
const ZOMBIE: &str = "zombie";

/// Starts what this pod runs once more, as the same pod of the same attempt, in a pod that nobody looks after.
async fn start_zombie(env: &TestEnv, pod: &Pod) -> anyhow::Result<()> {
    let mut spec = pod.spec.clone().context("a pod without a spec")?;
    let (name, uid) = (pod.name_any(), pod.uid().unwrap_or_default());
    for variable in spec.containers.iter_mut().flat_map(|container| container.env.iter_mut().flatten()) {
        let known = match variable.name.as_str() {
            "POD_NAME" => &name,
            "POD_UID" => &uid,
            _ => continue,
        };
        *variable = EnvVar { name: variable.name.clone(), value: Some(known.clone()), ..EnvVar::default() };
    }
    let mut zombie = Pod { spec: Some(spec), ..Pod::default() };
    zombie.metadata.name = Some(ZOMBIE.to_owned());
    env.api::<Pod>().create(&PostParams::default(), &zombie).await?;
    Ok(())
}

/// Waits until so many requests for keys that end so are held.
async fn held(env: &TestEnv, suffix: &str, least: usize) -> anyhow::Result<()> {
    let prefix = format!("{}/", env.namespace);
    wait::asked(&format!("{least} requests for {suffix} to be held"), async || {
        let held = faults::held(&prefix).await?;
        Ok((held.iter().filter(|key| key.ends_with(suffix)).count() >= least).then_some(()))
    })
    .await
}

/// A kubelet that is alive kills what the API server does not know of, so a container that outlives its pod cannot be had
/// on one node together with its successor. What runs on here is a copy of the pod's container, with the same input, name
/// and UID, in a pod of the test's own: to bucket and service it is the first pod itself. That one is killed before it has
/// written anything, and the copy is begun before that, so that it is the copy whose fencing token is the attempt's.
#[tokio::test]
async fn a_pod_that_runs_on_beside_its_successor_submits_nothing() {
    in_test_env("a_pod_that_runs_on", async |env: TestEnv| {
        let hold = |keys: &str| Fault::always(Effect::Hold).for_keys(keys).on("PutObject");
        let grok = roomy(&env).await?;
        let first_token = "work/**/attempts/animate-scenes-1.json";
        env.faults(vec![hold(first_token)]).await?;
        let film = env.create_film(clips_alone(2)).await?;
        held(&env, "/attempts/animate-scenes-1.json", 1).await?;
        let pod = film.running_pod(STEP).await?;
        start_zombie(&env, &pod).await?;
        held(&env, "/attempts/animate-scenes-1.json", 2).await?;
        // The successor comes no further than to its fencing token before the zombie has one slot, and is about to take
        // another.
        film.kill_attempt(STEP, 1).await?;
        env.api::<Pod>().delete(&pod.name_any(), &DeleteParams::default().grace_period(0)).await?;
        let slots = "work/**/submit-1.json";
        let mut at_slots = vec![
            Fault::always(Effect::HoldAnswer).for_keys(slots).on("PutObject").times(1),
            hold(slots).after(1),
        ];
        at_slots.push(hold("work/**/attempts/animate-scenes-2.json"));
        env.faults(at_slots.clone()).await?;
        held(&env, "/submit-1.json", 2).await?;
        held(&env, "/attempts/animate-scenes-2.json", 1).await?;
        // Now the successor has its fencing token, and looks around.
        at_slots.pop();
        let outcome = hold("work/**/outcomes/animate-scenes-2.json");
        at_slots.push(outcome.clone());
        env.faults(at_slots).await?;
        held(&env, "/outcomes/animate-scenes-2.json", 1).await?;
        env.faults(vec![outcome]).await?;
        wait::until(&env.api::<Pod>(), wait::named(ZOMBIE), "the zombie to end", |all| {
            let phase = all.get(ZOMBIE)?.status.as_ref()?.phase.as_deref()?;
            (phase != "Running" && phase != "Pending").then_some(())
        })
        .await?;
        env.faults(Vec::new()).await?;
        film.step(STEP, StepState::Succeeded).await?;
        let paid = grok.paid(Operation::Video).await?;
        ensure!(paid.len() == 2 && paid.values().all(|times| *times == 1), "paid: {paid:?}");
        // The slot that the successor has seen was given back later; it could not know that.
        grok.usage_exceeds("generations", Operation::Video, 1).await
    })
    .await;
}
